"""The commands through which data and predictions come in and go out, from the command line to the exit status."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from avvp_lib import cli, doctor, recipes
from avvp_lib.checkpoints import save_checkpoint
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.models import build_model
from avvp_lib.predictions import predict_split, read_predictions, score_predictions, write_predictions
from avvp_lib.training import evaluate
from tests.corpora.avs_layouts import write_avsbench
from tests.small_bench import WIDTHS, small_bench
from tests.test_paper_profile import KEYS, write_features, write_labels, write_llp

CSV_HEAD = "video,modality,category,onset,offset\n"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return small_bench(tmp_path_factory.mktemp("bench"))


def han(audio_dim: int = 25):
    torch.manual_seed(0)
    return build_model("han", audio_dim=audio_dim, visual_2d_dim=25, visual_3d_dim=25, **WIDTHS["han"]).eval()


@pytest.fixture
def prepared(home, bench, monkeypatch):
    """A checkpoint that fits a bench, and that bench instead of one that would have to be rendered."""
    asked = []

    def prepare(*arguments, **options):
        asked.append(arguments)
        return bench

    monkeypatch.setattr(recipes, "prepare", prepare)
    save_checkpoint(han(), home / "han.safetensors")
    return asked


def refused(*arguments) -> str:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(map(str, arguments)))
    return str(caught.value)


def test_score_prints_the_table_and_writes_it(home, capsys):
    write_llp(home / "llp")
    rows = "".join(f"{key},audio,Speech,0,5\n{key}_0_10,visual,Dog,2,8\n" for key in KEYS["test"])
    (home / "theirs.csv").write_text(CSV_HEAD + rows)
    cli.main(
        ["score", str(home / "theirs.csv"), "--root", str(home / "llp"), "--out", str(home / "out" / "scores.json")]
    )
    printed = capsys.readouterr().out
    assert "llp, split test: 6 of 6 videos, audio labels unknown; F-scores in percent" in printed
    assert printed.count("100.00") == 11 and printed.endswith("\nout/scores.json\n")
    stored = json.loads((home / "out" / "scores.json").read_text())
    assert stored["file"] == "theirs.csv" and len(stored["sha256"]) == 64 and stored["used"] == stored["official"] == 6
    assert set(stored["scores"]["decisions"].values()) == {100.0} and stored["audio_version"] == "unknown"


def test_score_refuses_bad_input_with_a_message(home):
    write_llp(home / "llp")
    (home / "theirs.csv").write_text(CSV_HEAD + "nobody,audio,Speech,0,5\n")
    options = ("--root", home / "llp")
    assert "theirs.csv, line 2: llp has no video 'nobody'" in refused("score", home / "theirs.csv", *options)
    assert "--partial is for .npz" in refused("score", home / "theirs.csv", *options, "--partial")
    assert "no dense labels for a split 'train'" in refused("score", home / "theirs.csv", *options, "--split", "train")
    assert "no predictions at" in refused("score", home / "absent.npz", *options)
    assert "unknown corpus 'LLP'" in refused("score", home / "theirs.csv", "--corpus", "LLP")
    assert "YapengTian/AVVP-ECCV20" in refused("score", home / "theirs.csv")


def test_masks_are_not_scored_as_events(home, tmp_path):
    root = write_avsbench(tmp_path / "avs", "ms3")
    said = refused("score", "predictions.csv", "--corpus", "avsbench-ms3", "--root", str(root))
    assert "avsbench-ms3 has masks and no events" in said


def test_partial_says_how_many_were_scored(home, capsys):
    write_llp(home / "llp")
    decisions = np.zeros((2, 10, 25), bool)
    names = {"videos": np.array(KEYS["val"][:2]), "categories": np.array(LLP_CATEGORIES)}
    np.savez(home / "theirs.npz", audio=decisions, visual=decisions, **names)
    options = ("--root", str(home / "llp"), "--split", "val")
    assert "4 of the 6 videos of llp's split 'val' have no predictions" in refused(
        "score", home / "theirs.npz", *options
    )
    cli.main(["score", str(home / "theirs.npz"), *options, "--partial"])
    assert "split val: 2 of 6 videos" in capsys.readouterr().out


def test_predict_writes_what_score_reads(prepared, home, bench, capsys):
    checkpoint = str(home / "han.safetensors")
    cli.main(["predict", checkpoint, "--out", str(home / "ours.npz"), "--split", "val", "--corpus-seed", "1"])
    assert capsys.readouterr().out == "8 videos of synthetic-llp/smoke-studio-0, split val: ours.npz\n"
    assert prepared == [("tutorial", 1, "studio")]
    gates = ["--audio-gate", "none", "--visual-gate", "modality"]
    cli.main(["predict", checkpoint, "--out", str(home / "ours.csv"), "--split", "val", *gates])
    scores = {
        suffix: score_predictions(read_predictions(home / f"ours.{suffix}", bench.corpus, "val"), bench.corpus, "val")
        for suffix in ("npz", "csv")
    }
    assert scores["npz"].scores["global/global"] == evaluate(han(), bench.data("val"), "global", "global")
    assert scores["csv"].scores == {"decisions": evaluate(han(), bench.data("val"), "none", "modality")}


def test_predict_refuses_before_it_prepares_anything(prepared, home):
    checkpoint = home / "han.safetensors"
    assert "choose --audio-gate and --visual-gate" in refused("predict", checkpoint, "--out", home / "ours.csv")
    assert "leave the gates out" in refused("predict", checkpoint, "--out", home / "a.npz", "--audio-gate", "none")
    assert "a .csv of events or an .npz" in refused("predict", checkpoint, "--out", home / "ours.json")
    assert "no checkpoint at" in refused("predict", home / "absent", "--out", home / "ours.npz")
    assert prepared == []


def test_predict_refuses_a_checkpoint_of_other_features(prepared, home):
    save_checkpoint(han(audio_dim=128), home / "other.safetensors")
    message = refused("predict", home / "other.safetensors", "--out", home / "ours.npz")
    assert "its audio_dim is 128, not 25" in message and not (home / "ours.npz").exists()


def test_check_data_tells_by_its_exit_status(home, capsys):
    root = home / "llp"
    write_llp(root)
    assert refused("check-data", "llp", "--root", root) == "1"
    assert "next steps" in capsys.readouterr().out
    write_features(root)
    write_labels(root)
    cli.main(["check-data", "llp", "--root", str(root)])
    assert capsys.readouterr().out.endswith("\ncomplete\n")
    assert "choose one of llp, synthetic-llp" in refused("check-data", "avsbench")


def test_doctor_tells_by_its_exit_status(home, capsys, monkeypatch):
    cli.main(["doctor"])
    assert capsys.readouterr().out.endswith("\nhealthy\n")
    monkeypatch.setattr(doctor, "media_round_trip", lambda: (0.0, 0.0))
    assert refused("doctor") == "1"
    assert "NOT healthy" in capsys.readouterr().out


def test_predictions_of_a_model_can_be_written_without_the_command(bench, tmp_path):
    write_predictions(tmp_path / "ours.npz", predict_split(han(), bench))
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as stored:
        shapes = {name: stored[name].shape for name in stored.files}
    assert shapes == {
        "videos": (6,), "categories": (25,), "segment_prob": (6, 10, 2, 25), "video_prob": (6, 25), "modality_prob": (6, 2, 25),
    }  # fmt: skip
