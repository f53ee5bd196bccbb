"""Whether soft labels mean what they say: reliability, and its summary in one number.

    M. H. DeGroot, S. E. Fienberg. The comparison and evaluation of forecasters. The Statistician 32, 1983 (reliability).
    M. P. Naeini, G. F. Cooper, M. Hauskrecht. Obtaining well calibrated probabilities using Bayesian binning. AAAI 2015 (expected
    calibration error).

A cell is a class in a segment. Of the cells that are called 70 % likely, 70 % should be true.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from avvp_lib.corpora.events import MODALITIES

BINS = 10


def reliability(
    probabilities: np.ndarray, truth: np.ndarray, cells: np.ndarray | None = None, bins: int = BINS
) -> pd.DataFrame:
    """What is claimed and what is true, in intervals of equal width.

    Args:
        probabilities: (...) float in [0, 1], of any one shape.
        truth: (...) bool.
        cells: (...) bool, those that count, such as the ones a video label admits; None counts all. May broadcast.
        bins: how many intervals; a probability on an inner border belongs to the upper one, and 1 to the last.

    Returns:
        One row for each interval that holds a cell: low, high, cells (their number), probability (their mean), share (of them that is
        true). Intervals without a cell have no row, so nothing is NaN.

    Raises:
        ValueError: shapes differ, a probability is outside [0, 1], truth is not bool, or there is no interval.
    """
    _check(probabilities, truth, bins)
    kept = np.ones(truth.shape, bool) if cells is None else np.broadcast_to(cells, truth.shape)
    values, true = probabilities[kept].astype(float), truth[kept]
    place = np.minimum((values * bins).astype(int), bins - 1)
    number, total, hits = (np.bincount(place, weights, bins) for weights in (None, values, true))
    held = np.flatnonzero(number)
    return pd.DataFrame(
        {
            "low": held / bins,
            "high": (held + 1) / bins,
            "cells": number[held],
            "probability": total[held] / number[held],
            "share": hits[held] / number[held],
        }
    )


def expected_calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, cells: np.ndarray | None = None, bins: int = BINS
) -> float:
    """Mean distance of claim and truth over the intervals of `reliability`, weighted by their cells; in [0, 1].

        ECE = sum_b (n_b / n) | mean probability in b - share that is true in b |

    Arguments as in `reliability`. Raises ValueError also where no cell counts.
    """
    table = reliability(probabilities, truth, cells, bins)
    if table.empty:
        raise ValueError("no cell counts, so there is nothing to average: check the cells and the video labels")
    return float(np.average((table["probability"] - table["share"]).abs(), weights=table["cells"]))


def calibration_table(
    predictions: Mapping[str, tuple[np.ndarray, np.ndarray]],
    truth: tuple[np.ndarray, np.ndarray],
    cells: np.ndarray | None = None,
    bins: int = BINS,
) -> pd.DataFrame:
    """Calibration of several labellers in both modalities.

    Args:
        predictions: by title, audio and visual probabilities, each (N, T, C) in [0, 1].
        truth: audio and visual, each (N, T, C) bool.
        cells: (N, T, C) bool or broadcastable, those that count; None counts all.
        bins: see `reliability`.

    Returns:
        Rows (title, modality); columns claimed (mean probability), true (share of cells), ECE, and Brier (mean squared error), in percent.

    Raises:
        ValueError: as `expected_calibration_error`.
    """
    rows = {}
    for title, grids in predictions.items():
        for modality, values, true in zip(MODALITIES, grids, truth, strict=True):
            error = expected_calibration_error(values, true, cells, bins)
            kept = np.ones(true.shape, bool) if cells is None else np.broadcast_to(cells, true.shape)
            claimed, happened = values[kept].astype(float), true[kept]
            brier = ((claimed - happened) ** 2).mean()
            rows[title, modality] = [100 * number for number in (claimed.mean(), happened.mean(), error, brier)]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["claimed", "true", "ECE", "Brier"])
    table.index = pd.MultiIndex.from_tuples(table.index, names=["labels", "modality"])
    return table


def _check(probabilities: np.ndarray, truth: np.ndarray, bins: int) -> None:
    if probabilities.shape != truth.shape or truth.dtype != np.bool_:
        raise ValueError(
            f"probabilities are {probabilities.shape}, truth {truth.shape} {truth.dtype}: truth must be bool of their shape"
        )
    if bins < 1:
        raise ValueError(f"bins must be at least 1, not {bins}")
    if not (
        np.isfinite(probabilities).all() and probabilities.min(initial=0) >= 0 and probabilities.max(initial=0) <= 1
    ):
        raise ValueError("probabilities must be finite and lie in [0, 1]: give probabilities, not logits")
