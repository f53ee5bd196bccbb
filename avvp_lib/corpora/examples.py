"""Which video a lesson shows: chosen by a rule that is stated beforehand, not by how pretty it is."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.corpus import CorpusSplit


def first_example(split: CorpusSplit) -> int:
    """The first video that shows what makes parsing hard. It has

    1. two categories or more,
    2. a category that is heard but never seen,
    3. a category that is both heard and seen, neither of them throughout, and not in the same segments.

    If no video fits, as may happen in a small split, the video with most categories (the first of these).

    Args:
        split: N videos with dense labels.

    Returns:
        The video's row, 0 ... N - 1.

    Raises:
        ValueError: the split has no videos, or no dense labels.
    """
    if split.audio is None or split.visual is None:
        raise ValueError(
            f"split {split.name!r} has no dense labels to choose an example by: take a split that has them, such as 'test'"
        )
    if not len(split):
        raise ValueError(f"split {split.name!r} has no videos to choose an example from")
    categories = split.video_labels.sum(1)
    fits = (categories >= 2) & _off_screen(split).any(1) & _other_segments(split).any(1)
    return int(np.argmax(fits if fits.any() else categories))


def _off_screen(split: CorpusSplit) -> np.ndarray:
    """(N, C) bool: heard somewhere, seen nowhere."""
    return split.audio.any(1) & ~split.visual.any(1)


def _other_segments(split: CorpusSplit) -> np.ndarray:
    """(N, C) bool: heard and seen, neither of them throughout the video, and not in the same segments."""
    length = np.full(len(split), split.audio.shape[1]) if split.lengths is None else split.lengths
    heard, seen = split.audio.sum(1), split.visual.sum(1)  # (N, C): segments
    partly = (heard > 0) & (heard < length[:, None]) & (seen > 0) & (seen < length[:, None])
    return partly & (split.audio != split.visual).any(1)


def at_quantiles(scores: np.ndarray, quantiles: tuple[float, ...]) -> list[int]:
    """The rows whose scores stand at these places among all: 0 the lowest, 0.5 the median, 1 the highest.

    Of equal scores the earlier row comes first, so the choice is the same every time.

    Args:
        scores: (N,) float, one for each video.
        quantiles: each in [0, 1].

    Raises:
        ValueError: there are no scores, or a quantile lies outside.
    """
    if not len(scores):
        raise ValueError("there are no scores to choose examples by")
    wrong = [q for q in quantiles if not 0 <= q <= 1]
    if wrong:
        raise ValueError(f"a quantile lies in [0, 1], not {wrong[0]}")
    order = np.argsort(scores, kind="stable")
    return [int(order[round(q * (len(order) - 1))]) for q in quantiles]


def extremes(scores: np.ndarray) -> tuple[int, int]:
    """The rows of the lowest and of the highest score; of equal ones the earliest row.

    Args:
        scores: (N,) float, one for each video, such as what one model gains over another.

    Raises:
        ValueError: there are no scores, or one is a NaN; names its row.
    """
    if not len(scores):
        raise ValueError("there are no scores to choose examples by")
    if np.isnan(scores).any():
        raise ValueError(f"the score of row {int(np.isnan(scores).argmax())} is a NaN: it has no place in an order")
    return int(np.argmin(scores)), int(np.argmax(scores))
