"""A learned map between categories beside the truth: which of them happen together, and does the map say so?

The renderer draws the categories of a video from a table. That table is the co-occurrence of the rendered world, free of the chance
of a few hundred test videos.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from avvp_lib.corpora.synthetic.plan import FREQUENCY_EXPONENT
from avvp_lib.corpora.synthetic.statistics import EventStatistics

PAIR_PRIOR = 0.1
"""Added to LLP's counts of pairs by the renderer, so that no pair is impossible."""


def companion_table(statistics: EventStatistics) -> np.ndarray:
    """p(j | i): of a video whose first category is i, the probability that the renderer draws j as the second one.

    Args:
        statistics: what the renderer draws from, for C categories.

    Returns:
        (C, C) float64; rows, the first category, sum to one, and the diagonal is 0.
    """
    weights = (np.asarray(statistics.category_pairs, dtype=np.float64) + PAIR_PRIOR) ** FREQUENCY_EXPONENT
    np.fill_diagonal(weights, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def companion_lift(table: np.ndarray) -> np.ndarray:
    """How many times as often as its popularity says a category accompanies another: p(j | i) over its mean for all first categories.

    Args:
        table: (C, C) float, as `companion_table` returns it.

    Returns:
        (C, C) float64; 1 is no preference. The diagonal is 0, for no category accompanies itself.
    """
    return table / (table.sum(axis=0) / (len(table) - 1))


def segment_lift(asks: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """How many times as often as by chance category j is there in the segments that hold category i; 0 where one never occurs.

    Args:
        asks, asked: (N, T, C) bool, the grids of i and of j: of two modalities, or twice the same.

    Returns:
        (C, C) float64.
    """
    first, second = (grid.reshape(-1, grid.shape[2]).astype(np.float64) for grid in (asks, asked))
    chance = np.outer(first.mean(axis=0), second.mean(axis=0))
    return np.divide(first.T @ second / len(first), chance, out=np.zeros_like(chance), where=chance > 0)


class Agreement(NamedTuple):
    """A rank correlation, its interval over categories, and the interval that chance has."""

    correlation: float
    low: float
    high: float
    chance_low: float
    chance_high: float


def rank_agreement(
    learned: np.ndarray, truth: np.ndarray, *, seed: int, confidence: float = 0.95, resamples: int = 500
) -> Agreement:
    """Spearman's correlation of two maps over all ordered pairs of different categories.

    Entries of a map are not independent, since a category has a whole row and column. So the interval resamples *categories* with
    replacement (pairs of a category with itself are left out), and chance shuffles the categories of the learned map (Mantel's test).

    Args:
        learned, truth: (C, C) float.
        seed: of resampling and shuffling.
        confidence: probability mass between the bounds.
        resamples: how many of each.

    Raises:
        ValueError: maps of another shape, of fewer than four categories, or not finite.
    """
    size = len(learned)
    if learned.shape != (size, size) or truth.shape != (size, size) or size < 4:
        raise ValueError(f"maps {learned.shape} and {truth.shape} must both be (C, C), with at least four categories")
    if not (np.isfinite(learned).all() and np.isfinite(truth).all()):
        raise ValueError("a map holds a NaN or an infinity: leave out categories that never occur")
    random = np.random.default_rng(seed)
    itself = np.arange(size)
    drawn, chance = [], []
    while len(drawn) < resamples:
        sample, order = random.integers(size, size=size), random.permutation(size)
        if len(np.unique(sample)) < 4:
            continue
        drawn.append(_correlation(learned, truth, sample, sample))
        chance.append(_correlation(learned, truth, order, itself))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    return Agreement(
        _correlation(learned, truth, itself, itself), *np.quantile(drawn, tails), *np.quantile(chance, tails)
    )


def _correlation(learned: np.ndarray, truth: np.ndarray, rows: np.ndarray, true_rows: np.ndarray) -> float:
    """Spearman's over the pairs of two categories that differ; 0 where a map is constant."""
    different = true_rows[:, None] != true_rows
    ranks = [
        rankdata(matrix[np.ix_(order, order)][different]) for matrix, order in ((learned, rows), (truth, true_rows))
    ]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def companion_areas(
    maps: np.ndarray, asks: np.ndarray, asked: np.ndarray, *, strangers: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Does a category's row of a map point at the others that are there, rather than at those that are not?

    For every segment that holds category i, and at least one and not all of the other categories: the probability that its row gives
    more to a random other category that is there than to a random one that is not (the area under the ROC curve). One half is chance.

    Args:
        maps: (N, T, C, C) float, or (C, C) for one map that is the same in every segment.
        asks: (N, T, C) bool, in which segments a row counts.
        asked: (N, T, C) bool, which columns are there.
        strangers: a seed: the same question is put to the row of a category that is in neither grid at that moment, drawn at random.
            A map whose rows all say who is there, whoever asks, answers as well as before.

    Returns:
        (R,) areas, and (R,) int, the video of each.
    """
    video, segment, row = np.nonzero(asks)
    there, reader = asked[video, segment], row
    others = row[:, None] != np.arange(asks.shape[2])
    if strangers is not None:
        lots = np.random.default_rng(strangers).random(there.shape)
        lots[there | asks[video, segment]] = -1.0
        found = lots.max(axis=1) >= 0
        video, segment, there, others = video[found], segment[found], there[found], others[found]
        reader = lots[found].argmax(axis=1)
        others &= reader[:, None] != np.arange(asks.shape[2])
    values = maps[reader] if maps.ndim == 2 else maps[video, segment, reader]
    columns = asks.shape[2] - (1 if strangers is None else 2)
    there, values = there[others].reshape(-1, columns), values[others].reshape(-1, columns)
    number = there.sum(axis=1)
    usable = (number > 0) & (number < columns)
    there, values, number = there[usable], values[usable], number[usable]
    won = (rankdata(values, axis=1) * there).sum(axis=1) - number * (number + 1) / 2
    return won / (number * (columns - number)), video[usable]
