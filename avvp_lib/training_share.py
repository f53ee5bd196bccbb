"""Which training videos a recipe learns from, if it learns from a share of them: the smaller sets lie inside the larger ones."""

from __future__ import annotations

import numpy as np


def drawn_videos(videos: int, share: float, seed: int) -> np.ndarray:
    """Rows of the videos that are drawn: the first of a random order of all, so that a seed's sets are nested.

    They are drawn uniformly, without regard to their labels: a rare class may lose all of its videos, as it may in any smaller
    collection. Another seed draws others, so training seeds vary in what they learn from, too.

    Args:
        videos: how many there are, at least 1.
        share: of them, above 0 and at most 1; rounded to whole videos, at least one.
        seed: of the order; the training seed.

    Returns:
        (round(share * videos),) int64, ascending.

    Raises:
        ValueError: a number or a share that cannot be.
    """
    if videos < 1:
        raise ValueError(f"of {videos} videos none can be drawn")
    check_share(share)
    number = number_drawn(videos, share)
    return np.sort(np.random.default_rng(seed).permutation(videos)[:number]).astype(np.int64)


def number_drawn(videos: int, share: float) -> int:
    """How many videos a share of them is."""
    return max(1, round(share * videos))


def check_share(share: float) -> None:
    """ValueError unless 0 < share <= 1."""
    if not 0 < share <= 1:
        raise ValueError(f"the share of the training videos must be above 0 and at most 1, not {share}")
