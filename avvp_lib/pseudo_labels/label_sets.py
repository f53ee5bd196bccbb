"""Label sets: which categories a video holds together, how often each set occurs, and how far two distributions of them differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LLP_VIDEOS, LLP_MINIMUM = 10_000, 50
SEPARATOR = "|"


def scaled_minimum(videos: int) -> int:
    """How often a label set must at least be exceeded: 50 for LLP's 10,000 training videos, else in proportion, at least 1."""
    return max(1, round(LLP_MINIMUM * videos / LLP_VIDEOS))


def frequent_label_sets(video_labels: np.ndarray, minimum: int) -> tuple[np.ndarray, np.ndarray]:
    """The label sets that occur more than `minimum` times, most frequent first; the empty set does not count.

    Args:
        video_labels: (N, C) bool.

    Returns:
        (K, C) bool sets and (K,) int64, how many videos have each.

    Raises:
        ValueError: no set occurs that often.
    """
    sets, counts = np.unique(np.asarray(video_labels, bool), axis=0, return_counts=True)
    chosen = np.flatnonzero((counts > minimum) & sets.any(1))
    if not len(chosen):
        raise ValueError(
            f"no label set occurs more than {minimum} times among {len(video_labels)} videos: choose a smaller minimum"
        )
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")]
    return sets[chosen], counts[chosen]


def apportion(weights: np.ndarray, number: int) -> np.ndarray:
    """`number` as (K,) int64 in proportion to (K,) weights, by largest remainders: no share is off by one or more."""
    exact = weights / weights.sum() * number
    parts = np.floor(exact).astype(np.int64)
    parts[np.argsort(parts - exact, kind="stable")[: number - parts.sum()]] += 1
    return parts


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Half the summed difference of two distributions over the same sets, given as counts or shares: 0 equal, 1 disjoint."""
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def set_name(held: np.ndarray, categories: Sequence[str]) -> str:
    """A label set, (C,) bool, as text: its categories in their order."""
    return SEPARATOR.join(name for name, present in zip(categories, held, strict=True) if present)


def named_set(place: str, text: str, categories: tuple[str, ...]) -> np.ndarray:
    """(C,) bool of a label set as text."""
    names = text.split(SEPARATOR) if text else []
    strange = [name for name in names if name not in categories]
    if strange:
        raise ValueError(
            f"{place}: {strange[0]!r} is none of the {len(categories)} categories: it has another class list"
        )
    return np.isin(categories, names)
