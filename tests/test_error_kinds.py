"""Kinds of errors: each counted by hand once, and together every wrong segment exactly once."""

import numpy as np
import pytest

from avvp_lib.error_kinds import KINDS, error_kinds


def grid(*rows: str) -> np.ndarray:
    """One video, a string of 0 and 1 for each category: (1, T, C)."""
    return (np.array([list(row) for row in rows]) == "1").T[None]


def counts(table, error: str, modality: str) -> dict[str, int]:
    mine = table[(table["error"] == error) & (table["modality"] == modality)]
    return {kind: n for kind, n in zip(mine["kind"], mine["segments"], strict=True) if n}


def test_counted_by_hand():
    true_audio, true_visual = grid("0011100000", "0000000000"), grid("0000000000", "1100000000")
    pred_audio, pred_visual = grid("0111000010", "0000000001"), grid("0000000010", "0000000000")
    table = error_kinds(pred_audio, pred_visual, true_audio, true_visual)
    # audio, first category: segment 1 lies at the edge, segment 8 is another time; second category: it is seen, not heard
    assert counts(table, "false alarm", "audio") == {"edge": 1, "time": 1, "modality": 1}
    # the first category is heard, not seen
    assert counts(table, "false alarm", "visual") == {"modality": 1}
    assert counts(table, "miss", "audio") == {"edge": 1}
    # both segments of the second category: predicted in the sound only
    assert counts(table, "miss", "visual") == {"modality": 2}


def test_a_category_from_nowhere():
    nothing, something = grid("000"), grid("010")
    table = error_kinds(something, nothing, nothing, nothing)
    assert counts(table, "false alarm", "audio") == {"category": 1}
    assert counts(error_kinds(nothing, nothing, something, nothing), "miss", "audio") == {"category": 1}


def test_every_wrong_segment_is_counted_once():
    random = np.random.default_rng(0)
    grids = random.random((4, 30, 10, 6)) < random.random((4, 30, 1, 6)) * 0.6
    table = error_kinds(*grids)
    assert len(table) == 16 and set(table["kind"]) == set(KINDS)
    for m, modality in enumerate(("audio", "visual")):
        alarms, misses = grids[m] & ~grids[m + 2], ~grids[m] & grids[m + 2]
        mine = table[table["modality"] == modality].groupby("error")["segments"].sum()
        assert (mine["false alarm"], mine["miss"]) == (alarms.sum(), misses.sum())


def test_a_miss_is_a_false_alarm_the_other_way_round():
    grids = np.random.default_rng(1).random((4, 8, 10, 3)) < 0.3
    there, back = error_kinds(*grids), error_kinds(grids[2], grids[3], grids[0], grids[1])
    for modality in ("audio", "visual"):
        assert counts(there, "miss", modality) == counts(back, "false alarm", modality)


def test_grids_that_do_not_fit_are_refused():
    good = np.zeros((2, 10, 3), bool)
    with pytest.raises(ValueError, match=r"pred_visual is bool of shape \(2, 9, 3\)"):
        error_kinds(good, good[:, :9], good, good)
    with pytest.raises(ValueError, match="true_visual is float64"):
        error_kinds(good, good, good, good.astype(float))
