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
