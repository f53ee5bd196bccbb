"""What kind of mistake a wrong segment is: at the edge of an event, at another time, in the other modality, or of another category.

A score says how much is wrong; this says what. Every false alarm and every miss falls into exactly one kind, the mildest that fits.
A miss is a false alarm with truth and prediction exchanged, so both are told apart by one rule.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from avvp_lib.corpora.events import MODALITIES

KINDS = ("edge", "time", "modality", "category")
ERRORS = ("false alarm", "miss")


def error_kinds(
    pred_audio: np.ndarray, pred_visual: np.ndarray, true_audio: np.ndarray, true_visual: np.ndarray
) -> pd.DataFrame:
    """Count wrong segments by kind.

    A segment that one side marks (for a false alarm the prediction, for a miss the truth) and the other side does not is of kind

    - "edge": the other side marks the category in the same modality in a neighbouring segment;
    - "time": it does so elsewhere in the video;
    - "modality": it marks the category in the other modality only;
    - "category": it does not mark the category in this video at all.

    Args:
        pred_audio, pred_visual, true_audio, true_visual: (N, T, C) bool.

    Returns:
        A table with the columns modality, error, kind and segments (a count): 2 x 2 x 4 rows.

    Raises:
        ValueError: a grid is not bool or has another shape.
    """
    grids = {"pred_audio": pred_audio, "pred_visual": pred_visual, "true_audio": true_audio, "true_visual": true_visual}
    for name, grid in grids.items():
        if grid.dtype != np.bool_ or grid.ndim != 3 or grid.shape != true_audio.shape:
            raise ValueError(
                f"{name} is {grid.dtype} of shape {grid.shape}; all four must be bool (N, T, C) of one shape"
            )
    predicted, true = np.stack([pred_audio, pred_visual]), np.stack([true_audio, true_visual])  # (2, N, T, C)
    rows = []
    for error, marked, other in (("false alarm", predicted, true), ("miss", true, predicted)):
        for kind, segments in zip(KINDS, _kinds(marked, other), strict=True):
            counts = segments.sum(axis=(1, 2, 3))
            rows += [(modality, error, kind, int(n)) for modality, n in zip(MODALITIES, counts, strict=True)]
    return pd.DataFrame(rows, columns=["modality", "error", "kind", "segments"])


def _kinds(marked: np.ndarray, other: np.ndarray) -> list[np.ndarray]:
    """(2, N, T, C) bool for each kind: segments that are in `marked` and not in `other`, each in one kind."""
    wrong = marked & ~other
    beside = np.zeros_like(other)
    beside[:, :, 1:] |= other[:, :, :-1]
    beside[:, :, :-1] |= other[:, :, 1:]
    somewhere = other.any(axis=2, keepdims=True)
    kinds = []
    for holds in (beside, somewhere, somewhere[::-1], np.ones_like(somewhere)):
        kinds.append(wrong & holds)
        wrong = wrong & ~holds
    return kinds
