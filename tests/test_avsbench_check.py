"""`avvp check-data` of AVSBench and of rendered corpora in its layouts: found, missing, broken, and what to do."""

import json
import shutil

import pytest

from avvp_lib.cli import main
from avvp_lib.corpora.synthetic.avs import SIZES, AVSSettings, render_avs, truth_file
from avvp_lib.data_checks import check_corpus
from tests.corpora.avs_layouts import write_avsbench

NAMES = {"s4": "avsbench-s4", "ms3": "avsbench-ms3", "avss": "avss"}


@pytest.fixture(params=NAMES)
def real(request, tmp_path):
    return request.param, write_avsbench(tmp_path, request.param)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "smoke", {"s4": (1, 1, 1)})
        yield render_avs(tmp_path_factory.mktemp("avs") / "s4", AVSSettings("s4", 2, "smoke"), 1, progress=False)


def check(setting, root):
    return check_corpus(NAMES[setting], root, progress=False)


def test_a_complete_corpus_can_be_loaded(real):
    setting, root = real
    report = check(setting, root)
    assert report.complete and report.steps == () and report.possible == (f'load_corpus("{NAMES[setting]}", "{root}")',)
    sizes = {part.split: (len(part.found), len(part)) for part in report.parts}
    assert sizes == (
        {"train": (3, 3), "val": (0, 0), "test": (2, 2)} if setting == "avss" else dict.fromkeys(sizes, (2, 2))
    )
    assert "clips in train, val, test; published are " in report.files[0].note and "+" in report.files[0].note


def test_missing_and_broken_clips_are_told_apart(tmp_path):
    data = write_avsbench(tmp_path, "s4") / "s4_data"
    (data / "gt_masks/val/helicopter/clip1_x/clip1_x_3.png").unlink()
    (data / "visual_frames/test/dog_barking/clip2_x/clip2_x_9.png").write_bytes(b"stray")
    (data / "audio_log_mel/test/helicopter/clip5_x.pkl").write_bytes(b"")
    report = check("s4", tmp_path)
    parts = {part.split: part for part in report.parts}
    assert parts["val"].missing == ("clip1_x",) and parts["val"].found == ("clip4_x",) and parts["train"].complete
    assert set(parts["test"].mismatched) == {"clip2_x", "clip5_x"} and not report.complete and report.possible == ()
    assert "clip2_x_9.png" in parts["test"].mismatched["clip2_x"]
    assert parts["test"].mismatched["clip5_x"].endswith("clip5_x.pkl is empty (0 bytes)")
    missing, broken = report.steps
    assert "1 clips lack files (clip1_x)" in missing and "clip1_x_3.png is missing" in missing
    assert "2 clips are broken (clip2_x, clip5_x)" in broken and "OpenNLPLab/AVSBench" in broken


def test_tables_that_are_missing_or_broken(tmp_path):
    report = check("ms3", tmp_path / "absent")
    assert report.files[0].state == "missing" and "OpenNLPLab/AVSBench" in report.steps[0] and not report.complete
    root = write_avsbench(tmp_path / "avss", "avss")
    (root / "label2idx.json").write_text(json.dumps({"background": 0, "cat": 1}))
    report = check("avss", root)
    assert report.files[1].state == "mismatched" and "2 classes, and AVSBench has 71" in report.files[1].note
    (root / "label2idx.json").write_text("{")
    assert "not valid JSON" in check("avss", root).steps[0]
    (root / "metadata.csv").write_text("uid,label,split\nx,v9,train\n")
    assert "metadata.csv, row 2: unknown label 'v9'" in check("avss", root).steps[0]


def test_the_published_sizes_are_recognised(tmp_path, monkeypatch):
    from avvp_lib.data_checks import avsbench

    monkeypatch.setitem(avsbench.PUBLISHED_SIZES, "s4", (2, 2, 2))
    report = check("s4", write_avsbench(tmp_path, "s4"))
    assert report.files[0].note == "2 + 2 + 2 clips in train, val, test, as published"


def test_a_rendered_corpus(rendered, capsys):
    main(["check-data", "synthetic-avs-s4", "--root", str(rendered)])
    printed = capsys.readouterr().out
    assert "seed 2, size smoke, domain studio" in printed and "(current)" in printed and printed.endswith("complete\n")


def test_a_rendered_corpus_with_gaps(rendered, tmp_path):
    root = shutil.copytree(rendered, tmp_path / "s4")
    key = AVSSettings("s4", 2, "smoke").keys("test")[0]
    next(root.rglob(f"gt_masks/test/*/{key}/{key}_2.png")).unlink()
    report = check_corpus("synthetic-avs-s4", root, progress=False)
    assert not report.complete and f"{key}_2.png is missing" in report.steps[0]
    assert "avvp render --corpus synthetic-avs-s4" in report.steps[0] and "--seed 2" in report.steps[0]
    card = json.loads((root / "corpus.json").read_text())
    (root / "corpus.json").write_text(json.dumps({**card, "renderer": "0123"}))
    report = check_corpus("synthetic-avs-s4", root, progress=False)
    assert report.files[0].state == "mismatched" and "Another version of the renderer" in report.steps[0]
    assert truth_file(root, key).is_file(), "a check changes nothing"


@pytest.mark.parametrize(
    "card", ["{", '{"name": "synthetic-llp", "seed": 0, "size": "smoke", "domain": "studio", "renderer": "x"}']
)
def test_a_folder_of_another_corpus(tmp_path, card):
    (tmp_path / "corpus.json").write_text(card)
    report = check_corpus("synthetic-avs-ms3", tmp_path, progress=False)
    assert report.files[0].state == "mismatched" and report.steps[0].startswith("delete ")


def test_nothing_rendered(tmp_path):
    report = check_corpus("synthetic-avs-avss", tmp_path, progress=False)
    assert report.files[0].state == "missing" and report.steps[0].startswith("avvp render --corpus synthetic-avs-avss")
