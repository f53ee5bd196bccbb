"""Figures about migrated labels, counted by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from avvp_lib.pseudo_labels.migration import Migration, migrate_labels
from avvp_lib.pseudo_labels.migration_statistics import (
    choose_threshold,
    hidden_labels,
    migrated_quality,
    migration_sources,
    threshold_sweep,
)

# Four segments of two classes. Four labels have migrated, beside three original ones.
SOFT = np.array([[1, 0.9], [0.5, 1], [0.6, 0], [1, 0.8]])
ORIGINAL = np.array([[1, 0], [0, 1], [0, 0], [1, 0]], bool)
TRUTH = np.array([[1, 1], [1, 1], [0, 1], [1, 0]], bool)


def migration(own=((1, 0), (0, 1), (2, 0), (1, 1))) -> Migration:
    votes = torch.tensor([[1, 4], [2, 1], [2, 0], [1, 3]])
    return Migration(
        torch.from_numpy(SOFT).float(), torch.from_numpy(ORIGINAL), votes, None if own is None else torch.tensor(own)
    )


def test_hidden_labels_by_hand():
    # Hidden are Cat in segments 0 and 2 and Dog in 1. Video 7 (segments 0, 1) has both labels, video 5 only Dog.
    other = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], bool)  # (2, 1) is true in both: an edge
    hidden = hidden_labels(ORIGINAL.astype(int), TRUTH, other, np.array([7, 7, 5, 5]))
    assert (hidden["true"], hidden["labelled"], hidden["hidden"]) == (6, 3, 3)
    assert hidden["hidden_share"] == 50 and hidden["within_reach"] == pytest.approx(200 / 3)
    assert hidden["edges"] == pytest.approx(100 / 3)
    assert np.isnan(hidden_labels(ORIGINAL, ORIGINAL, other, np.zeros(4))["within_reach"])
    with pytest.raises(ValueError, match=r"videos are \(3,\)"):
        hidden_labels(ORIGINAL, TRUTH, other, np.zeros(3, int))


def test_quality_by_hand():
    quality = migrated_quality(migration(), TRUTH)
    # Migrated: 0.9 (true), 0.5 (true), 0.6 (false), 0.8 (false). Hidden: those two and (2, 1), which got nothing.
    assert (quality["labelled"], quality["migrated"], quality["hidden"]) == (3, 4, 3)
    assert quality["share"] == pytest.approx(100 * 4 / 7)
    assert quality["precision"] == 50 and quality["recall"] == pytest.approx(200 / 3)
    assert quality["F"] == pytest.approx(400 / 7)
    assert quality["weighted_precision"] == pytest.approx(50)  # 1.4 of 2.8
    assert quality["weighted_recall"] == pytest.approx(140 / 3)


def test_quality_without_a_truth_is_a_share():
    assert migrated_quality(migration()).keys() == {"labelled", "migrated", "share"}


def test_quality_of_nothing_is_nan():
    nothing = migrate_labels(np.eye(2), np.zeros((2, 1)), 0.5, scope="corpus")
    quality = migrated_quality(nothing, np.zeros((2, 1), bool))
    assert np.isnan([quality[name] for name in ("share", "precision", "recall", "F", "weighted_precision")]).all()


def test_sources_by_hand():
    table = migration_sources(migration(), ["Dog", "Cat"], TRUTH)
    assert table.loc["Dog"].to_dict() == {
        "labelled": 2, "migrated": 2, "own_video": 1, "other_videos": 1, "votes": 2,
        "hidden": 1, "own_right": 0, "own_wrong": 1, "other_right": 1, "other_wrong": 0,
    }  # fmt: skip
    assert table.loc["Cat"].to_dict() == {
        "labelled": 1, "migrated": 2, "own_video": 1, "other_videos": 1, "votes": 3.5,
        "hidden": 2, "own_right": 0, "own_wrong": 1, "other_right": 1, "other_wrong": 0,
    }  # fmt: skip
    assert "hidden" not in migration_sources(migration(), ["Dog", "Cat"])


def test_sources_of_a_class_without_migrated_labels():
    table = migration_sources(migrate_labels(np.eye(2), np.eye(2), 0.5, scope="video", groups=np.arange(2)), "ab")
    assert table["migrated"].tolist() == [0, 0] and table["votes"].isna().all()


def test_sources_need_videos_and_names():
    with pytest.raises(ValueError, match="`videos`"):
        migration_sources(migration(None), ["Dog", "Cat"])
    with pytest.raises(ValueError, match="1 category names for labels of 2"):
        migration_sources(migration(), ["Dog"])


def test_a_truth_of_another_kind_is_refused():
    for truth in (TRUTH[:3], TRUTH.astype(float)):
        with pytest.raises(ValueError, match="truth must be bool"):
            migrated_quality(migration(), truth)
        with pytest.raises(ValueError, match="truth must be bool"):
            migration_sources(migration(), ["Dog", "Cat"], truth)


def test_the_sweep_is_one_migration_a_threshold():
    features = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [1.0, 0.0]])
    labels = np.array([[1], [0], [0], [0]])
    truth = np.array([[1], [1], [0], [0]], bool)
    groups = np.array([0, 0, 0, 1])
    sweep = threshold_sweep(features, labels, [0.9, 0.5, 0.0], truth, groups=groups)
    assert sweep.index.name == "threshold" and sweep.index.tolist() == [0.0, 0.5, 0.9]
    assert sweep["migrated"].tolist() == [1, 1, 0]  # at 0 segment 2 matches as well, but with a similarity of 0
    assert sweep["recall"].tolist() == [100, 100, 0]
    everywhere = threshold_sweep(features, labels, [0.9], truth, scope="corpus")
    assert everywhere["migrated"].tolist() == [1] and everywhere["precision"].tolist() == [0]  # segment 3: a look-alike
    with pytest.raises(ValueError, match="thresholds are empty"):
        threshold_sweep(features, labels, [], scope="corpus")


def test_a_lower_threshold_never_moves_fewer_labels():
    rng = np.random.default_rng(0)
    sweep = threshold_sweep(
        rng.normal(size=(80, 3)), rng.random((80, 4)) < 0.1, np.linspace(0, 1, 9), scope="corpus", block=32
    )
    assert sweep["migrated"].is_monotonic_decreasing and sweep["share"].is_monotonic_decreasing
    assert sweep["migrated"].nunique() > 4


def sweep(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index([0.7, 0.8, 0.9, 0.95], name="threshold"))


def test_threshold_by_f_score_or_by_share():
    table = sweep(share=[60.0, 30.0, 10.0, 10.0], F=[40.0, 50.0, 50.0, np.nan])
    assert choose_threshold(table) == 0.9  # of equally good ones the highest
    assert choose_threshold(table, share=28) == 0.8
    assert choose_threshold(table, share=0) == 0.95
    assert choose_threshold(table, share=100) == 0.7


def test_a_threshold_needs_something_to_go_by():
    with pytest.raises(ValueError, match="Give a share"):
        choose_threshold(sweep(share=[1.0, 2, 3, 4]))
    with pytest.raises(ValueError, match="Give a share"):
        choose_threshold(sweep(share=[1.0, 2, 3, 4], F=[np.nan] * 4))
    with pytest.raises(ValueError, match="share is 101"):
        choose_threshold(sweep(share=[1.0, 2, 3, 4]), share=101)
    with pytest.raises(ValueError, match="no share"):
        choose_threshold(sweep(share=[np.nan] * 4), share=10)
