"""What predicts without training says what it should."""

from dataclasses import replace

import numpy as np
import pytest

from avvp_lib.predictors import PREDICTORS, predictor_grids
from avvp_lib.recipes import RECIPES, Bench
from tests.small_bench import small_bench


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    return small_bench(tmp_path / "corpus")


def test_predictors_by_hand(bench):
    test = bench.corpus.splits["test"]
    for name, expected in {
        "nothing": np.zeros_like(test.audio),
        "everything": np.ones_like(test.audio),
        "video-label": np.repeat(test.video_labels[:, None], 10, axis=1),
    }.items():
        for grid in predictor_grids(name, bench):
            assert grid.dtype == bool
            np.testing.assert_array_equal(grid, expected)
    labels = bench.zero_shot("test")
    audio, visual = predictor_grids("pseudo-labels", bench)
    np.testing.assert_array_equal(audio, labels.audio == 1)
    np.testing.assert_array_equal(visual, labels.visual == 1)
    with pytest.raises(ValueError, match="unknown predictor 'chance': choose one of nothing, "):
        predictor_grids("chance", bench)


def test_the_teacher_alone_reads_no_video_label(bench):
    before = predictor_grids("teacher", bench)
    splits = {
        name: replace(part, video_labels=np.zeros_like(part.video_labels)) for name, part in bench.corpus.splits.items()
    }
    after = predictor_grids("teacher", replace(bench, corpus=replace(bench.corpus, splits=splits)))
    np.testing.assert_array_equal(before, after)
    truth = bench.corpus.splits["test"]
    assert (before[0] & truth.audio).sum() > 0.5 * truth.audio.sum()


def test_every_predictor_has_a_title_and_a_note():
    assert all(predictor.title and predictor.reads for predictor in PREDICTORS.values())
    assert not PREDICTORS.keys() & RECIPES.keys()
