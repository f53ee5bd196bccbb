"""Reliability and its error on cells that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from avvp_lib.pseudo_labels.calibration import calibration_table, expected_calibration_error, reliability

# Two intervals: 0.1 and 0.3 of which one is true; 0.9 and 1.0, both true.
VALUES = np.array([0.1, 0.3, 0.9, 1.0]).reshape(1, 4, 1)
TRUTH = np.array([False, True, True, True]).reshape(1, 4, 1)


def test_reliability_by_hand():
    table = reliability(VALUES, TRUTH, bins=2)
    expected = {"low": [0, 0.5], "high": [0.5, 1], "cells": [2, 2], "probability": [0.2, 0.95], "share": [0.5, 1]}
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected), check_dtype=False)


def test_error_by_hand():
    """(2 * 0.3 + 2 * 0.05) / 4, and with other weights once a cell is left out: (1 * 0.7 + 2 * 0.05) / 3."""
    assert expected_calibration_error(VALUES, TRUTH, bins=2) == pytest.approx(0.175)
    cells = np.array([False, True, True, True]).reshape(1, 4, 1)
    assert expected_calibration_error(VALUES, TRUTH, cells, bins=2) == pytest.approx(0.8 / 3)


def test_empty_intervals_have_no_row_and_make_no_nan():
    table = reliability(VALUES, TRUTH, bins=10)
    assert table["low"].tolist() == pytest.approx([0.1, 0.3, 0.9]) and not table.isna().any().any()
    assert np.isfinite(expected_calibration_error(VALUES, TRUTH, bins=10))


def test_borders_belong_to_the_upper_interval_and_one_to_the_last():
    values = np.array([0.0, 0.5, 1.0])
    assert reliability(values, values > 0, bins=2)["cells"].tolist() == [1, 2]


def test_probabilities_that_are_true_as_often_as_they_say():
    random = np.random.default_rng(0)
    values = random.random(200_000)
    truth = random.random(200_000) < values
    assert expected_calibration_error(values, truth) < 0.01
    assert expected_calibration_error(values**2, truth) == pytest.approx(1 / 6, abs=0.01)  # mean of x - x^2


def test_cells_of_a_video_label_are_broadcast():
    admitted = np.array([[[True, False]]])  # of one video and two classes
    values, truth = np.full((1, 3, 2), 0.5), np.zeros((1, 3, 2), bool)
    assert reliability(values, truth, admitted)["cells"].tolist() == [3]


def test_table_of_both_modalities():
    table = calibration_table({"labels": (VALUES, 1 - VALUES)}, (TRUTH, TRUTH), bins=2)
    assert list(table.index) == [("labels", "audio"), ("labels", "visual")]
    # Squared errors to the ear 0.01, 0.49, 0.01, 0.
    assert table.loc[("labels", "audio")].tolist() == pytest.approx([57.5, 75, 17.5, 12.75])
    assert table.loc[("labels", "visual"), "claimed"] == pytest.approx(42.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((VALUES + 0.1, TRUTH), r"lie in \[0, 1\]"),
        ((VALUES * np.nan, TRUTH), "finite"),
        ((VALUES, TRUTH[0]), "truth must be bool of their shape"),
        ((VALUES, TRUTH.astype(float)), "truth must be bool"),
        ((VALUES, TRUTH, None, 0), "bins must be at least 1"),
        ((VALUES, TRUTH, ~np.ones_like(TRUTH)), "no cell counts"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(*arguments)
