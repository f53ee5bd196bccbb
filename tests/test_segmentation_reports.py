"""Cells of segmentation: baselines by hand, what is kept and what is measured again, tables and claims."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avvp_lib import segmentation_reports, segmentation_training, segmentation_tuning
from avvp_lib.cli import main
from avvp_lib.segmentation_bench import SegmentationBench, build_segmenter
from avvp_lib.segmentation_evaluation import score_batches
from avvp_lib.segmentation_recipes import PROFILES, segmentation_recipe
from avvp_lib.segmentation_reports import (
    COLUMNS,
    PREDICTORS,
    compare_segmentation,
    constant_classes,
    fill_segmentation_cells,
    is_stale,
    predictor_batches,
    read_segmentation_cells,
    segmentation_table,
)
from avvp_lib.segmentation_training import SegmentationTraining
from avvp_lib.tuning import read_trials
from tests.small_segmentation import SIDE, WIDTH, make_clips

SMALL = {"backbone": "resnet-18-quarter", "hidden": 16, "mamba_layers": 1, "input_size": SIDE, "upsamplings": 1}
NAME = "avs-s4-smoke-studio-1"


class SmallBench(SegmentationBench):
    """Clips made in memory in place of a rendered corpus."""

    def data(self, split: str):
        return {
            "train": make_clips(6, frames=2, seed=1, labelled=1),
            "val": make_clips(2, frames=2, seed=2),
            "test": make_clips(4, frames=2, seed=3),
        }[split]

    def identity(self):
        return {"name": "small"}

    audio = SimpleNamespace(card=SimpleNamespace(output_shape=(2, WIDTH)), content_hash="none")


def small_bench(corpus_seed: int = 1) -> SmallBench:
    corpus = SimpleNamespace(
        name="small",
        setting="s4",
        classes=(),
        provenance={"domain": "studio", "seed": corpus_seed},
        splits={"test": range(4)},
    )
    return SmallBench(PROFILES["smoke"], "smoke", corpus)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A workspace, a profile and a bench that are small."""
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    training = SegmentationTraining(epochs=1, batch_size=3, learning_rate=1e-3)
    profile = replace(PROFILES["smoke"], widths={"s4": SMALL}, training={"s4": training}, mask_size=SIDE)
    monkeypatch.setitem(PROFILES, "smoke", profile)
    monkeypatch.setattr(segmentation_training, "training_code", lambda *arguments: "code")  # a second each
    segmentation_reports._shared_bench.cache_clear()
    segmentation_reports._code_of.cache_clear()
    monkeypatch.setattr(segmentation_reports, "prepare_segmentation", lambda *a, **k: small_bench())
    return small_bench()


def scores(name, bench):
    return score_batches(predictor_batches(name, bench)).scores


# ---- baselines


def test_baselines_by_hand(bench):
    everything = scores("everything", bench)
    assert everything["M_J"] == pytest.approx(100 * 24 * 20 / SIDE**2)  # the square, of the whole picture
    assert everything["illusion"] == 100 and everything["sounding recall"] == 100
    nothing = scores("nothing", bench)
    assert nothing["M_J"] == 0 and nothing["illusion"] == 0 and nothing["sounding recall"] == 0
    assert nothing["illusion at 80"] == 100, "who segments nothing has to segment everything to find what sounds"
    assert scores("every-object", bench)["M_J"] == pytest.approx(50)


def test_the_best_constant_mask_is_the_best_of_its_kind():
    clips = make_clips(9, frames=1, seed=4)
    mask = constant_classes(clips) > 0
    masks = clips.masks[clips.labelled] > 0

    def fit(mask):
        return np.mean([(mask & true).sum() / (mask | true).sum() for true in masks])

    left, right = masks.float().mean(0)[20, 10], masks.float().mean(0)[20, 40]
    sides = {0: masks.any(0), 1: masks.float().mean(0) == max(left, right)}  # both places, or the more frequent one
    assert fit(mask) == pytest.approx(max(fit(side) for side in sides.values()))
    assert constant_classes(clips).dtype == torch.uint8


def test_a_constant_mask_of_classes_takes_the_most_frequent():
    clips = make_clips(4, frames=1)
    masks = torch.zeros_like(clips.masks)
    masks[:3, :, :10] = 2
    masks[3:, :, :10] = 5
    assert constant_classes(replace(clips, masks=masks))[:10].unique().tolist() == [2]


# ---- cells


def test_cells_are_measured_once_and_again_when_stale(bench, monkeypatch, capsys):
    asked = []
    real = segmentation_reports.measure_segmentation
    monkeypatch.setattr(
        segmentation_reports,
        "measure_segmentation",
        lambda name, *a, **k: asked.append(name) or real(name, *a, **k),
    )
    names = ["everything", "selm", "selm-without-audio"]
    assert fill_segmentation_cells("s4", names, range(2), "smoke", 1, workers=1) == NAME
    assert asked == ["everything", "selm", "selm", "selm-without-audio", "selm-without-audio"]
    cells = read_segmentation_cells(NAME)
    assert [(cell["experiment"], cell["seed"]) for cell in cells] == [
        ("everything", None), ("selm-without-audio", 0), ("selm-without-audio", 1), ("selm", 0), ("selm", 1)
    ]  # fmt: skip
    assert set(COLUMNS) <= set(cells[1]["scores"]) and len(cells[1]["per_clip"]["M_J"]) == 4
    assert not any(map(is_stale, cells))

    fill_segmentation_cells("s4", names, range(2), "smoke", 1, workers=1)
    assert len(asked) == 5, "what is there is kept"
    rates = {**PROFILES["smoke"].rates, ("s4", "selm"): 7e-4}
    changed = replace(PROFILES["smoke"], rates=rates)
    monkeypatch.setitem(PROFILES, "smoke", changed)
    assert [cell["experiment"] for cell in read_segmentation_cells(NAME) if is_stale(cell)] == ["selm", "selm"]
    fill_segmentation_cells("s4", names, range(1), "smoke", 1, workers=1)
    assert asked[5:] == ["selm"]
    assert "M_J" in capsys.readouterr().out


def test_an_unknown_name_is_refused_before_any_work(bench):
    with pytest.raises(ValueError, match="unknown experiment 'sel'"):
        fill_segmentation_cells("s4", ["everything", "sel"], range(1), "smoke", workers=1)
    with pytest.raises(FileNotFoundError):
        read_segmentation_cells(NAME)


def test_the_command(bench, capsys):
    main(
        [
            "measure",
            "everything",
            "nothing",
            "--setting",
            "s4",
            "--profile",
            "smoke",
            "--corpus-seed",
            "1",
            "--workers",
            "1",
        ]
    )
    text = capsys.readouterr().out
    assert NAME in text and "everything is foreground" in text and "illusion at 80" in text


# ---- tables and claims


def cell(name: str, seed: int | None, jaccard: list[float], illusion: list[float | None]) -> dict:
    return {
        "experiment": name, "title": name, "seed": seed, "setting": "s4", "profile": "smoke", "code": "old",
        "recipe": None if seed is None else {"widths": {"hearing": "none"} if "audio" in name else {}},
        "scores": {"M_J": float(np.mean(jaccard)), "M_F": 60.0},
        "per_clip": {"M_J": jaccard, "illusion": illusion},
    }  # fmt: skip


CELLS = [
    cell("everything", None, [10.0, 20.0, 30.0], [100.0, None, 100.0]),
    cell("selm-without-audio", 0, [50.0, 60.0, 70.0], [80.0, None, 90.0]),
    cell("selm-without-audio", 1, [52.0, 62.0, 72.0], [80.0, None, 90.0]),
    cell("selm", 0, [60.0, 70.0, 80.0], [20.0, None, 10.0]),
    cell("selm", 1, [64.0, 74.0, 84.0], [20.0, None, 10.0]),
]


def test_the_table():
    table = segmentation_table(CELLS)
    assert table["seeds"].tolist() == [0, 2, 2]
    assert table["M_J"].tolist() == [20, 61, 72]
    assert table["reads"].tolist() == [PREDICTORS["everything"].reads, "pictures", "pictures, sound"]
    assert table.index[2] == "selm (stale)"
    assert np.isnan(table["illusion"].iloc[1])  # these cells have none


def test_claims():
    made = compare_segmentation(CELLS, [("selm-without-audio", "selm"), ("selm", "everything")])
    assert made["difference"].tolist() == [pytest.approx(11), pytest.approx(-52)]
    assert made["verdict"].tolist() == ["agrees", "disagrees"]
    fewer = compare_segmentation(CELLS, [("selm", "selm-without-audio")], "illusion")
    assert fewer["difference"].iloc[0] == pytest.approx(70)  # over the clips that have a silent object
    with pytest.raises(ValueError, match="has no cells"):
        compare_segmentation(CELLS, [("selm", "selm-without-bcsm")])
    with pytest.raises(ValueError, match="selm: no 'M_F' of single clips is kept, only M_J, illusion"):
        compare_segmentation(CELLS, [("selm-without-audio", "selm")], "M_F")


# ---- trials


def test_trials_are_the_same_for_every_recipe(bench, monkeypatch):
    monkeypatch.setattr(segmentation_tuning, "prepare_segmentation", lambda *a, **k: small_bench(0))
    monkeypatch.setattr(segmentation_tuning, "LEARNING_RATES", (1e-3, 2e-3))
    segmentation_tuning._shared_bench.cache_clear()
    name = segmentation_tuning.run_segmentation_trials("s4", ["selm-without-dam"], "smoke", workers=1)
    table = read_trials(name)
    assert list(table.index) == ["selm-without-dam"] and list(table.columns) == [1e-3, 2e-3, "chosen"]
    assert table["chosen"].isin([1e-3, 2e-3]).all()
    kept = json.loads((segmentation_tuning.trials_folder(name) / "selm-without-dam.json").read_text())
    assert kept["trials"][0].keys() == {"learning_rate", "seed", "epochs", "best_epoch", "validation"}


def test_first_weights_do_not_depend_on_when_sounds_are_read():
    """Extracting audio vectors builds a network, which draws numbers."""

    class Drawing(SmallBench):
        @property
        def audio(self):
            torch.rand(1)
            return SmallBench.audio

    plain, drawing = small_bench(), small_bench()
    drawing.__class__ = Drawing
    recipe = replace(segmentation_recipe("selm", "s4", "smoke"), widths=SMALL)
    ours, theirs = (build_segmenter(recipe, bench, 0).state_dict() for bench in (plain, drawing))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
