"""Scores of audio-visual video parsing: the ten published numbers, per video, per category, with intervals.

Notation: N videos, T segments of one second, C categories. An audio-visual event is where the audio and the visual grid
are both one. Every F-score is 2 TP / (2 TP + FP + FN). TP + FP is all that was predicted and TP + FN all that is true,
so it is 2 TP / (predicted + true), at both levels:

    segment level   counts the segments of one category in one video
    event level     counts maximal runs of segments; a predicted run is right if it meets a true one with IoU >= 0.5
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

LEVELS = ("segment", "event")
MODALITIES = ("A", "V", "AV")
GATES = ("global", "modality", "none")
PAIRS_AT_ONCE = 4096  # keeps the arrays of one pass in the cache of a core


class Interval(NamedTuple):
    """A mean with the bounds of its confidence interval, in the unit of the scores."""

    mean: float
    low: float
    high: float


class _Counts(NamedTuple):
    """Counts for the R pairs (video, category) in which anything is predicted or true, and for the 3 modalities."""

    video: np.ndarray  # (R,) int
    category: np.ndarray  # (R,) int
    hits: dict[str, np.ndarray]  # level -> (3, R) true positives
    predicted: dict[str, np.ndarray]  # level -> (3, R) all that was predicted
    true: dict[str, np.ndarray]  # level -> (3, R) all that is true


def parsing_scores(
    pred_audio: np.ndarray, pred_visual: np.ndarray, true_audio: np.ndarray, true_visual: np.ndarray
) -> dict[str, float]:
    """The ten scores of LLP and their average, in percent: means over videos of `per_video_scores`.

    Keys: "segment/A", "segment/V", "segment/AV", "segment/Type" (Type@AV, the mean of those three), "segment/Event"
    (Event@AV), the same five with "event/", and "average", the mean of the ten.

    Args:
        pred_audio, pred_visual, true_audio, true_visual: (N, T, C) bool.

    Raises:
        TypeError, ValueError: an argument is not a bool array, not (N, T, C), empty, or not of the others' shape.
    """
    return {
        name: float(scores.mean())
        for name, scores in per_video_scores(pred_audio, pred_visual, true_audio, true_visual).items()
    }


def per_video_scores(
    pred_audio: np.ndarray, pred_visual: np.ndarray, true_audio: np.ndarray, true_visual: np.ndarray
) -> dict[str, np.ndarray]:
    """The scores of each video, in percent: the keys of `parsing_scores`, each (N,) float64.

    A video's score is the unweighted mean of the F-scores of the categories that are predicted or true in it, and 100
    if there are none: saying nothing about a silent video is right. "Event" pools the counts of audio and visual
    events (not the audio-visual ones) before the F-score.

    Args:
        pred_audio, pred_visual, true_audio, true_visual: (N, T, C) bool.

    Raises:
        TypeError, ValueError: as `parsing_scores`.
    """
    counts = _count(pred_audio, pred_visual, true_audio, true_visual)
    scores: dict[str, np.ndarray] = {}
    for level in LEVELS:
        hits, total = counts.hits[level], counts.predicted[level] + counts.true[level]
        of_level = {
            name: _mean_over_categories(hits[m], total[m], counts.video, len(pred_audio))
            for m, name in enumerate(MODALITIES)
        }
        of_level["Type"] = (of_level["A"] + of_level["V"] + of_level["AV"]) / 3
        of_level["Event"] = _mean_over_categories(hits[0] + hits[1], total[0] + total[1], counts.video, len(pred_audio))
        scores |= {f"{level}/{name}": value for name, value in of_level.items()}
    scores["average"] = np.mean(list(scores.values()), axis=0)
    return scores


def per_class_scores(
    pred_audio: np.ndarray,
    pred_visual: np.ndarray,
    true_audio: np.ndarray,
    true_visual: np.ndarray,
    categories: Sequence[str],
) -> pd.DataFrame:
    """Counts and F-score of each category over all videos: which categories a model hears and which it sees.

    Here the counts of all videos are pooled before the F-score, so that a category is not judged by the videos it is
    absent from. The mean over categories is therefore not the mean over videos that `parsing_scores` reports.

    Args:
        pred_audio, pred_visual, true_audio, true_visual: (N, T, C) bool.
        categories: C names.

    Returns:
        2 levels x 3 modalities x C rows: level, modality ("A", "V", "AV"), category, true_positives, false_positives,
        false_negatives, and f_score in percent, NaN for a category that is neither predicted nor true.

    Raises:
        TypeError, ValueError: as `parsing_scores`, or there are not C categories.
    """
    counts = _count(pred_audio, pred_visual, true_audio, true_visual)
    if len(categories) != pred_audio.shape[2]:
        raise ValueError(f"{len(categories)} category names for grids of {pred_audio.shape[2]} categories")

    def pooled(of_rows: np.ndarray) -> np.ndarray:
        return np.concatenate([np.bincount(counts.category, row, minlength=len(categories)) for row in of_rows])

    tables = []
    for level in LEVELS:
        hits, predicted, true = (pooled(part[level]) for part in (counts.hits, counts.predicted, counts.true))
        with np.errstate(invalid="ignore"):
            f_score = 100 * 2 * hits / (predicted + true)
        table = {
            "level": level,
            "modality": np.repeat(MODALITIES, len(categories)),
            "category": list(categories) * len(MODALITIES),
            "true_positives": hits.astype(np.int64),
            "false_positives": (predicted - hits).astype(np.int64),
            "false_negatives": (true - hits).astype(np.int64),
            "f_score": f_score,
        }
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def bootstrap_interval(scores: np.ndarray, *, seed: int, confidence: float = 0.95, resamples: int = 2000) -> Interval:
    """Percentile bootstrap of a mean score, resampling training seeds and videos together, each with replacement.

    For two systems pass the difference of their scores: the same videos, and runs paired by seed. The difference is
    real at this confidence if the interval excludes 0. With one seed the interval says nothing about other seeds.

    Args:
        scores: (S, N) per-video scores of S training seeds, or their difference between two systems. Unit is kept.
        seed: of the resampling, so that an interval can be had again.
        confidence: probability mass between the bounds.
        resamples: how many; memory is 8 x resamples x N bytes.

    Raises:
        ValueError: `scores` is not a finite (S, N) array with at least one video, or `confidence` not between 0 and 1.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(f"scores must have shape (seeds, videos), neither of them 0, not {scores.shape}")
    if not np.isfinite(scores).all():
        run, video = np.argwhere(~np.isfinite(scores))[0]
        raise ValueError(f"scores hold {scores[run, video]} for video {video} of seed {run}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    seeds, videos = scores.shape
    random = np.random.default_rng(seed)
    # How often each seed and each video is drawn; a resampled mean is bilinear in the two.
    times_seed = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    times_video = random.multinomial(videos, np.full(videos, 1 / videos), size=resamples)
    means = np.einsum("bn,bn->b", times_seed @ scores, times_video) / (seeds * videos)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(scores.mean()), float(low), float(high))


def binarise(
    segment_prob: np.ndarray,
    video_prob: np.ndarray | None,
    modality_prob: np.ndarray | None,
    *,
    audio_gate: str,
    visual_gate: str,
    threshold: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn probabilities into decisions: a segment counts if its own and its gate's probability reach the threshold.

    The published systems differ in the gate, so it has no default: HAN, MGN and VALOR gate both modalities with
    "global"; MA and JoMoLD with "modality"; MM-CSE gates audio with "global" and visual with "modality".

    Args:
        segment_prob: (N, T, 2, C) float, index 0 audio, 1 visual.
        video_prob: (N, C) float, read by the gate "global"; else may be None.
        modality_prob: (N, 2, C) float, pooled over time per modality, read by the gate "modality"; else may be None.
        audio_gate, visual_gate: "global", "modality" or "none".
        threshold: inclusive.

    Returns:
        Predicted audio and visual grid, each (N, T, C) bool.

    Raises:
        ValueError: unknown gate, a gate without its probabilities, a wrong shape, or a value that is not finite.
    """
    segment_prob = _probabilities("segment_prob", segment_prob, 4)
    videos, _, modalities, classes = segment_prob.shape
    if modalities != 2:
        raise ValueError(f"segment_prob must have shape (videos, segments, 2, categories), not {segment_prob.shape}")
    grids = []
    for index, (name, gate) in enumerate((("audio_gate", audio_gate), ("visual_gate", visual_gate))):
        grid = segment_prob[:, :, index] >= threshold
        if gate == "global":
            grid &= _gate("video_prob", video_prob, name, (videos, classes))[:, None] >= threshold
        elif gate == "modality":
            grid &= _gate("modality_prob", modality_prob, name, (videos, 2, classes))[:, None, index] >= threshold
        elif gate != "none":
            raise ValueError(f"{name} must be one of {', '.join(GATES)}, not {gate!r}")
        grids.append(grid)
    return grids[0], grids[1]


def _gate(name: str, values: np.ndarray | None, gate: str, shape: tuple[int, ...]) -> np.ndarray:
    if values is None:
        raise ValueError(f"{gate} reads {name}, which is None; pass it or choose another gate")
    values = _probabilities(name, values, len(shape))
    if values.shape != shape:
        raise ValueError(f"{name} has shape {values.shape}; with this segment_prob it must have {shape}")
    return values


def _probabilities(name: str, values: np.ndarray, dimensions: int) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != dimensions or not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"{name} must be a float array of {dimensions} axes, not {values.dtype} of shape {values.shape}"
        )
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        raise ValueError(f"{name} holds NaN or infinity, first in video {np.flatnonzero(~finite)[0]}")
    return values


def _mean_over_categories(hits: np.ndarray, total: np.ndarray, video: np.ndarray, videos: int) -> np.ndarray:
    """Mean F-score in percent of each video's categories that are predicted or true; 100 where there are none."""
    number = np.bincount(video, weights=total > 0, minlength=videos)
    summed = np.bincount(video, weights=2 * hits / np.maximum(total, 1), minlength=videos)
    return 100 * np.where(number > 0, summed / np.maximum(number, 1), 1.0)


def _count(pred_audio: np.ndarray, pred_visual: np.ndarray, true_audio: np.ndarray, true_visual: np.ndarray) -> _Counts:
    """Count segments and events for every pair of video and category in which there is anything to count."""
    _check_grids(pred_audio=pred_audio, pred_visual=pred_visual, true_audio=true_audio, true_visual=true_visual)
    video, category = np.nonzero((pred_audio | pred_visual | true_audio | true_visual).any(axis=1))
    counts = np.empty((6, 3, len(video)), dtype=np.int64)
    for first in range(0, len(video), PAIRS_AT_ONCE):
        block = slice(first, first + PAIRS_AT_ONCE)
        predicted = _rows(pred_audio, pred_visual, video[block], category[block])
        true = _rows(true_audio, true_visual, video[block], category[block])
        counts[..., block] = _count_rows(predicted, true).reshape(6, 3, -1)
    by_level = (dict(zip(LEVELS, counts[i : i + 2], strict=True)) for i in (0, 2, 4))
    return _Counts(video, category, *by_level)


def _count_rows(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Count in (T, M) rows of zeros and ones: hits, predicted and true, each in segments and in events; (6, M).

    Two runs overlap in one run of their conjunction. So each pair of a predicted and a true run that meet is counted
    once, at the last segment of that common run, where the lengths of all three are known.
    """
    both = predicted & true
    elapsed_predicted, whole_predicted = _run_lengths(predicted)
    elapsed_true, whole_true = _run_lengths(true)
    elapsed_both, _ = _run_lengths(both)
    last_of_both = both > 0
    last_of_both[:-1] &= both[1:] == 0
    # intersection / union >= 1/2, in integers. A run cannot reach that with two others, because they lie a segment
    # apart and would each have to hold half of a union: so every match is one to one, whatever the order of matching.
    matched = last_of_both & (3 * elapsed_both >= whole_predicted + whole_true)
    counted = (both, matched, predicted, elapsed_predicted == 1, true, elapsed_true == 1)
    return np.stack([flags.sum(axis=0, dtype=both.dtype) for flags in counted])


def _rows(audio: np.ndarray, visual: np.ndarray, video: np.ndarray, category: np.ndarray) -> np.ndarray:
    """The R chosen pairs of video and category, for A, V and AV: (T, 3 R), zeros and ones.

    Time comes first, so that each step in time is one operation on contiguous memory. The integers are the smallest
    that hold three times T, the largest number that counting needs.
    """
    rows = np.empty((audio.shape[1], 3, len(video)), dtype=np.min_scalar_type(3 * audio.shape[1]))
    rows[:, 0] = audio[video, :, category].T
    rows[:, 1] = visual[video, :, category].T
    rows[:, 2] = rows[:, 0] & rows[:, 1]
    return rows.reshape(len(rows), -1)


def _run_lengths(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each segment of (T, M) rows: how long its run has lasted, this segment included, and how long the whole run is.

    Both are (T, M) of the rows' dtype, and 0 outside runs.
    """
    elapsed = rows.copy()
    for t in range(1, len(rows)):
        elapsed[t] += elapsed[t - 1]
        elapsed[t] *= rows[t]
    whole = elapsed.copy()
    for t in reversed(range(len(rows) - 1)):
        np.maximum(whole[t], whole[t + 1], out=whole[t])
        whole[t] *= rows[t]
    return elapsed, whole


def _check_grids(**grids: np.ndarray) -> None:
    shape = None
    for name, grid in grids.items():
        if not isinstance(grid, np.ndarray) or grid.dtype != np.bool_:
            found = f"an array of {grid.dtype}" if isinstance(grid, np.ndarray) else type(grid).__name__
            raise TypeError(
                f"{name} must be a numpy bool array, not {found}; turn probabilities into decisions with binarise()"
            )
        if grid.ndim != 3 or 0 in grid.shape:
            raise ValueError(f"{name} must have shape (videos, segments, categories), none of them 0, not {grid.shape}")
        shape = shape or grid.shape
        if grid.shape != shape:
            raise ValueError(
                f"{name} has shape {grid.shape}, but {next(iter(grids))} has {shape}; they must be the same"
            )
