"""The command line: every command says what it does, does it, and ends with a message where the input is bad."""

from pathlib import Path

import numpy as np
import pytest

from avvp_lib import cli, recipes
from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.synthetic import writer
from avvp_lib.features import FeatureBank
from avvp_lib.provenance import write_json
from tests.test_reports import cell

COMMANDS = (
    "render",
    "extract",
    "train-teachers",
    "measure",
    "results",
    "costs",
    "run",
    "prepare",
    "series",
    "refresh",
    "exercises",
    "check-data",
    "score",
    "predict",
    "doctor",
    "convert",
)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    monkeypatch.setitem(writer.SIZES, "smoke", (2, 1, 1))
    return tmp_path


def refused(*arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(arguments))
    return str(caught.value)


def test_help_lists_every_command(capsys):
    assert refused("--help") == "0"
    printed = capsys.readouterr().out
    assert all(command in printed for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    assert refused(command, "--help") == "0"
    assert len(capsys.readouterr().out.splitlines()) > 4


@pytest.mark.parametrize(
    "arguments",
    [(), ("parse",), ("render", "--seed", "one"), ("extract", "videos"), ("extract", "v", "--on-missing", "guess")],
)
def test_arguments_that_cannot_be_parsed(arguments, capsys):
    assert refused(*arguments) == "2"
    assert "usage: avvp" in capsys.readouterr().err


def test_bad_values_end_with_a_message(home):
    assert "unknown corpus size 'huge': choose one of smoke, tutorial" in refused("render", "--size", "huge")
    assert "unknown rendering domain 'moon'" in refused("render", "--domain", "moon")
    assert "corpus seed must lie in 0 ... 999" in refused("render", "--seed", "-1")
    assert "unknown profile 'huge'" in refused("measure", "--profile", "huge")
    assert not (home / "data").exists()


def test_an_unknown_experiment_is_refused_before_anything_is_rendered(home, monkeypatch):
    monkeypatch.setattr(recipes, "prepare", lambda *arguments, **options: pytest.fail("prepared a bench in vain"))
    assert "unknown experiment 'valour': choose among nothing" in refused("measure", "valour")


def test_render_then_extract(home, capsys):
    cli.main(["render", "--size", "smoke", "--seed", "7", "--workers", "1"])
    assert capsys.readouterr().out.strip() == str(Path("data") / "synthetic-llp" / "smoke-studio-7")
    corpus = load_corpus("synthetic-llp", home / "data" / "synthetic-llp" / "smoke-studio-7")
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 2, "val": 1, "test": 1}
    videos, out = corpus.root / "videos", home / "features"
    (videos / "A007-r00000.mp4").rename(videos / "A007-r00000.MP4")  # cameras shout
    cli.main(["extract", str(videos), "--backbones", "tiny-clip", "--out", str(out), "--workers", "1"])
    assert "tiny-clip: 4 videos in features" in capsys.readouterr().out
    assert len(FeatureBank.open(out / "tiny-clip")) == 4


def test_folders_that_cannot_be_extracted(home):
    options = ["--backbones", "tiny-clip", "--out", str(home / "out")]
    assert "absent" in refused("extract", str(home / "absent"), *options)
    folder = home / "videos"
    folder.mkdir()
    assert "no video files in" in refused("extract", str(folder), *options)
    for name in ("clip.mp4", "clip.mkv"):
        (folder / name).write_bytes(b"")
    assert "2 files in" in refused("extract", str(folder), *options)
    (folder / "clip.mkv").unlink()
    assert "unknown backbone 'vgg'" in refused("extract", str(folder), "--backbones", "vgg", "--out", str(home))


def test_results_prints_the_table_and_the_steps(home, capsys):
    noise = np.random.default_rng(0).normal(0, 1, 20)
    cells = [cell("nothing", None, [10.0] * 20)]
    for level, name in ((40, "valor-video-labels"), (50, "valor-zero-shot"), (60, "valor-truth")):
        cells += [cell(name, seed, level + noise) for seed in (0, 1)]
    for number, made in enumerate(cells):
        write_json(home / "outputs" / "cells" / "smoke-studio-0" / f"{number}.json", made)
    cli.main(["results", "smoke-studio-0"])
    printed = capsys.readouterr().out
    assert "smoke-studio-0: 20 test videos" in printed
    assert "| the nothing (stale) | nothing | 0 | 10.0 |" in printed
    assert "`valor-video-labels` to `valor-zero-shot`: +10.0 segment-level Type@AV, 95 % interval" in printed
    assert printed.count(": **agrees**") == 2
    assert printed.index("the nothing") < printed.index("the valor-video-labels") < printed.index("the valor-truth")


def test_results_without_cells(home):
    assert "no cells of nowhere in" in refused("results", "nowhere")


def test_experiments_of_an_extension_can_be_measured(home, tmp_path, monkeypatch):
    (tmp_path / "my_measured_extension.py").write_text("raise ValueError('loaded')\n")
    monkeypatch.setattr(recipes, "prepare", lambda *arguments, **options: pytest.fail("prepared a bench in vain"))
    assert refused("measure", "mine", "--with", str(tmp_path / "my_measured_extension.py")) == "avvp: loaded"
    assert "no extension" in refused("measure", "mine", "--with", str(tmp_path / "absent.py"))


def test_rankings_are_printed_and_added(home, capsys):
    write_json(
        home / "outputs" / "cells" / "smoke-studio-0" / "han-0.json",
        cell("han", 0, [50.0, 60.0], ranking={f"mAP/{name}": 30.0 for name in ("audio", "visual", "audio-visual")}),
    )
    cli.main(["results", "smoke-studio-0", "--ranking"])
    printed = capsys.readouterr().out
    assert "smoke-studio-0: 2 test videos, average precision of segments in percent" in printed
    assert "| the han (stale) | 1 of 1 | 0 | 30.0 | 30.0 | 30.0 | 30.0 ... 30.0 | 55.0 |" in printed
    assert "leave out --setting or --add-ranking" in refused("measure", "--add-ranking", "--setting", "s4")


def test_the_learning_curve_is_printed_and_drawn(home, capsys):
    about = {"profile": "tutorial", "corpus": "synthetic-llp/tutorial-studio-1"}
    for name, level in (("valor-zero-shot-videos-0.5", 40.0), ("valor-zero-shot", 50.0)):
        stored = recipes.recipe_dict(recipes.recipe(name))
        made = cell(name, 0, [level, level], recipe=stored, **about)
        write_json(home / "outputs" / "cells" / "tutorial-studio-1" / f"{name}-0.json", made)
    cli.main(["results", "--learning-curve", "--figure", str(home / "curve.png")])
    printed = capsys.readouterr().out
    assert "| same epochs (stale) | 400 | 30 | 390 | 1 | 40.0 (40.0 ... 40.0) | -10.0 (-10.0 ... -10.0) |" in printed
    assert (home / "curve.png").stat().st_size > 10_000
    assert "not allowed with" in str(refused_with_message(["results", "--learning-curve", "--ranking"], capsys))


def refused_with_message(arguments: list[str], capsys) -> str:
    with pytest.raises(SystemExit):
        cli.main(arguments)
    return capsys.readouterr().err


def test_costs_are_printed_or_written(home, monkeypatch, capsys):
    from avvp_lib import cost_pages

    measured = []
    monkeypatch.setattr(cost_pages, "measure_missing", lambda: measured.append("all"))
    monkeypatch.setattr(cost_pages, "costs_text", lambda: "| what it costs |")
    cli.main(["costs"])
    assert "| what it costs |" in capsys.readouterr().out
    page = home / "costs.md"
    page.write_text("<!-- costs -->\n<!-- /costs -->\n")
    cli.main(["costs", "--write", str(page)])
    assert page.read_text() == "<!-- costs -->\n| what it costs |\n<!-- /costs -->\n"
    assert capsys.readouterr().out == "costs.md\n" and measured == ["all", "all"]
