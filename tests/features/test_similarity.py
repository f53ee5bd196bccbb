"""Similarity over time on vectors whose angles are known."""

import numpy as np
import pytest

from avvp_lib.features.similarity import cosine_over_time, event_contrast

# Three segments: two that point the same way at different lengths, one at a right angle to them.
FEATURES = np.array([[[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]]])


def test_cosine_over_time_forgets_lengths():
    assert cosine_over_time(FEATURES)[0].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_cosine_over_time_of_silence_is_zero_not_nan():
    assert cosine_over_time(np.zeros((2, 3))).tolist() == [[0, 0], [0, 0]]


def test_event_contrast_averages_pairs_with_the_same_events():
    truth = np.array([[[True], [True], [False]]])
    assert event_contrast(FEATURES, truth) == (1.0, 0.0)  # the pair (0, 1), and the pairs (0, 2) and (1, 2)


def test_event_contrast_compares_sets_of_events_not_their_number():
    truth = np.array([[[True, False], [False, True], [True, False]]])
    assert event_contrast(FEATURES, truth) == (0.0, 0.5)  # the pair (0, 2), and the pairs (0, 1) and (1, 2)


def test_event_contrast_without_a_pair_is_nan():
    contrast = event_contrast(FEATURES, np.ones((1, 3, 1), bool))
    assert contrast.same == pytest.approx(1 / 3)
    assert np.isnan(contrast.other)


def test_event_contrast_refuses_another_number_of_segments():
    with pytest.raises(ValueError, match=r"\(1, 3, 2\) and truth \(1, 4, 1\)"):
        event_contrast(FEATURES, np.ones((1, 4, 1), bool))
