"""Where windows lie, and what merging them gives, on numbers that can be counted by hand."""

import numpy as np
import pytest

from avvp_lib.metrics import parsing
from avvp_lib.own_video.windows import (
    SEGMENTS,
    decide,
    gate_values,
    merge_predictions,
    merge_windows,
    runs_with_means,
    segments_of,
    window_starts,
)


@pytest.mark.parametrize(
    ("seconds", "segments"),
    [(10, 10), (10.048, 10), (10.15, 10), (10.2, 11), (9.9, 10), (0.1, 1), (0.4, 1), (1.2, 2), (10_800.02, 10_800)],
)
def test_a_rest_that_codecs_pad_is_no_segment(seconds, segments):
    assert segments_of(seconds) == segments


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_nothing_has_no_segments(seconds):
    with pytest.raises(ValueError, match="no segments"):
        segments_of(seconds)


@pytest.mark.parametrize(
    ("segments", "hop", "starts"),
    [
        (10, 5, [0]),
        (3, 5, [0]),
        (11, 5, [0, 1]),
        (20, 5, [0, 5, 10]),
        (23, 5, [0, 5, 10, 13]),
        (23, 10, [0, 10, 13]),
        (13, 1, [0, 1, 2, 3]),
    ],
)
def test_the_last_window_ends_with_the_video(segments, hop, starts):
    assert window_starts(segments, hop) == starts


@pytest.mark.parametrize("hop", [1, 3, 7, 10])
def test_every_segment_is_covered_and_no_window_is_repeated(hop):
    for segments in range(1, 41):
        starts = window_starts(segments, hop)
        covered = {start + t for start in starts for t in range(SEGMENTS)}
        assert set(range(segments)) <= covered and starts == sorted(set(starts))
        assert max(covered) < max(segments, SEGMENTS)


@pytest.mark.parametrize("hop", [0, 11, -5, 2.5])
def test_a_hop_that_leaves_gaps_or_stands_still_is_refused(hop):
    with pytest.raises(ValueError, match="1 to 10"):
        window_starts(30, hop)


def test_overlapping_windows_are_averaged():
    values = np.zeros((2, SEGMENTS))
    values[0], values[1] = 0.2, 0.8
    merged = merge_windows(values, [0, 5], 15)
    np.testing.assert_allclose(merged, [0.2] * 5 + [0.5] * 5 + [0.8] * 5)


def test_what_lies_behind_the_end_is_left_out():
    values = np.arange(10.0)[None]
    np.testing.assert_array_equal(merge_windows(values, [0], 4), [0, 1, 2, 3])


def test_a_segment_without_a_window_is_an_error():
    with pytest.raises(ValueError, match="segment 10 of 12"):
        merge_windows(np.zeros((1, 10)), [0], 12)
    with pytest.raises(ValueError, match="one for each"):
        merge_windows(np.zeros((2, 10)), [0], 10)


def test_gates_choose_what_they_read():
    video, modality = np.array([[0.1, 0.9]]), np.array([[[0.2, 0.3], [0.4, 0.6]]])
    np.testing.assert_array_equal(gate_values(("global", "modality"), video, modality), [[[0.1, 0.9], [0.4, 0.6]]])
    np.testing.assert_array_equal(gate_values(("none", "global"), video, modality), [[[1, 1], [0.1, 0.9]]])
    with pytest.raises(ValueError, match="unknown gate 'both'"):
        gate_values(("both", "none"), video, modality)


def test_the_mean_of_the_gates_decides():
    """A segment that is sure of itself counts where the windows that cover it believe in the category, on average."""
    segment = np.full((2, SEGMENTS, 2, 1), 0.9)
    gate = np.array([[[0.9], [0.9]], [[0.0], [0.2]]])
    audio, visual = decide(*merge_predictions(segment, gate, [0, 5], 15))
    assert audio[:, 0].tolist() == [True] * 5 + [False] * 10  # (0.9 + 0.0) / 2 < 0.5
    assert visual[:, 0].tolist() == [True] * 10 + [False] * 5  # (0.9 + 0.2) / 2 >= 0.5


@pytest.mark.parametrize("gates", [("global", "global"), ("global", "modality"), ("none", "modality")])
def test_one_window_is_decided_as_the_metrics_decide(gates):
    random = np.random.default_rng(0)
    segment, video, modality = random.random((1, 10, 2, 6)), random.random((1, 6)), random.random((1, 2, 6))
    merged = merge_predictions(segment, gate_values(gates, video, modality), [0], 10)
    expected = parsing.binarise(segment, video, modality, audio_gate=gates[0], visual_gate=gates[1])
    for ours, theirs in zip(decide(*merged), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs[0])


def test_runs_come_with_the_mean_of_their_own_segments():
    grid = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [1, 0]], bool)
    probability = np.array([[0, 0.6], [0.5, 0.8], [0.9, 0], [0, 0], [1.0, 0]])
    assert runs_with_means(grid, probability) == [(0, 1, 3, 0.7), (0, 4, 5, 1.0), (1, 0, 2, 0.7)]
