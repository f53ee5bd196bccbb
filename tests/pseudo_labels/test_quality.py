"""Errors of pseudo-labels on grids small enough to count them by hand."""

import numpy as np
import pytest

from avvp_lib.pseudo_labels.quality import FALSE_ALARM_KINDS, confusions, empty_labels, false_alarm_kinds, label_quality


def grid(*rows: str) -> np.ndarray:
    """One video, (1, T, C), from one string a category: "0110" is an event in the second and third of four segments."""
    return np.array([[int(cell) for cell in row] for row in rows], bool).T[None]


def test_label_quality_pools_segments_and_categories():
    quality = label_quality(grid("1110", "0000"), grid("0111", "1000"))
    assert (quality["labelled"], quality["true"]) == (3, 4)
    assert quality["precision"] == pytest.approx(200 / 3)  # 2 of 3 labelled segments are true
    assert quality["recall"] == 50.0  # 2 of 4 true segments are found
    assert quality["F"] == pytest.approx(400 / 7)


def test_label_quality_of_nothing_is_nan_not_zero():
    quality = label_quality(grid("0000"), grid("0000"))
    assert np.isnan([quality["precision"], quality["recall"], quality["F"]]).all()


def test_every_false_alarm_is_of_exactly_one_kind():
    labels = grid("11011", "10000", "00010")
    truth = grid("01000", "00000", "00000")
    other = grid("00000", "00001", "00000")
    # Category 0: segment 0 is beside the true segment 1, segments 3 and 4 are elsewhere; 1: only the other modality; 2: nowhere.
    assert false_alarm_kinds(labels, truth, other) == dict(zip(FALSE_ALARM_KINDS, (1, 2, 1, 1), strict=True))


def test_false_alarms_of_one_video_are_not_beside_events_of_the_next():
    labels = np.concatenate([grid("001"), grid("000")])
    truth = np.concatenate([grid("000"), grid("100")])
    assert false_alarm_kinds(labels, truth, np.zeros_like(truth))["not in the video at all"] == 1


def test_empty_labels_tell_right_from_wrong_silence():
    video_labels = np.array([[True, True, False]])
    true_audio, true_visual = grid("110", "000", "000"), grid("000", "011", "000")
    nothing = grid("000", "000", "000")
    table = empty_labels(nothing, grid("000", "010", "000"), true_audio, true_visual, video_labels)
    assert table.loc["audio"].tolist() == [2, 2, 1]  # category 0 is truly audible, category 1 is not
    assert table.loc["visual"].tolist() == [2, 1, 1]  # category 0 finds no segment, and is invisible indeed
    assert table.loc["both"].tolist() == [2, 1, 0]  # category 0 finds none at all: always a mistake


def test_confusions_count_segments_with_a_single_truth():
    truth = grid("1110", "0010", "0000")
    labels = grid("1000", "0110", "0111")
    table = confusions(labels, truth, ["Dog", "Cat", "Car"], at_least=1)
    # Segments 0 and 1 hold Dog alone, 2 holds two categories and does not count, 3 holds nothing.
    # Cat is not true in three segments and reported in one of them; Car is true in none of four and reported in three.
    assert table.round(1).to_dict("records") == [
        {"truly": "nothing", "taken_for": "Car", "segments": 1, "share": 100.0, "usual": 75.0},
        {"truly": "Dog", "taken_for": "Cat", "segments": 1, "share": 50.0, "usual": 33.3},
        {"truly": "Dog", "taken_for": "Car", "segments": 1, "share": 50.0, "usual": 75.0},
    ]
    assert confusions(labels, truth, ["Dog", "Cat", "Car"], at_least=2)["truly"].unique().tolist() == ["Dog"]


def test_a_teacher_without_false_alarms_confuses_nothing():
    assert confusions(grid("10"), grid("10"), ["Dog"], at_least=1).empty


def test_confusions_refuse_names_of_other_categories():
    with pytest.raises(ValueError, match="1 category names for grids of 2"):
        confusions(grid("10", "01"), grid("10", "01"), ["Dog"])


def test_grids_of_different_shape_are_refused_by_name():
    with pytest.raises(ValueError, match="truth must be bool"):
        label_quality(grid("10"), grid("101"))
    with pytest.raises(ValueError, match="labels must be bool"):
        label_quality(grid("10").astype(float), grid("10"))
