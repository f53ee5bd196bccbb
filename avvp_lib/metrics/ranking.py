"""Threshold-free scores of audio-visual video parsing: segment-level average precision from probabilities.

The ten scores of LLP judge decisions: probabilities against a threshold of 0.5, behind a gate. Average precision judges the order
alone. All segments of all videos are ranked by their probability of a class, and a good model has those that hold it on top;
neither a threshold nor a gate plays a part, so a model that is right but badly calibrated loses nothing.

    AP = sum over distinct scores s, from the highest down:  (recall(s) - recall(before s)) * precision(s)

where precision(s) and recall(s) are those of "every segment with a score of at least s". Segments with equal scores come in at once,
so their order in the file does not matter: a model that says the same of all segments earns exactly the share of positive ones.
This is the area that scikit-learn's `average_precision_score` defines; nothing is interpolated.

An audio-visual event is a class that is audible and visible in the same segment. Its score is the product of the two probabilities:
what a model says about both, if it takes them for independent. That is a choice. The smaller of the two would be another order, as
would a model's own audio-visual output, which most parsers lack; the product is what decisions at a threshold use (both must be
there), without the threshold.
"""

from __future__ import annotations

import numpy as np

RANKED = ("audio", "visual", "audio-visual")
"""The modalities, as the arrays of this module have them."""


def average_precision(scores: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Area under precision over recall of each class, ties taken together.

    Args:
        scores: (M, C) float, higher for what is more likely; M segments of any videos. Any scale: only the order counts.
        true: (M, C) bool.

    Returns:
        (C,) float64 in 0 ... 1; NaN for a class that no segment holds.

    Raises:
        TypeError: `true` is not bool, or `scores` are not floats.
        ValueError: not two arrays of one shape with two axes, neither of length 0, or a score that is not finite; names its row.
    """
    scores, true = np.asarray(scores), np.asarray(true)
    _check(scores, true, ("segments", "classes"))
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=0)
    hits = np.take_along_axis(true, order, axis=0)
    segments = len(scores)
    places = np.arange(1, segments + 1)[:, None]
    precision = np.cumsum(hits, axis=0) / places
    # Every segment has the precision at the end of its group of equal scores: the nearest end at or below it.
    ends = np.full(scores.shape, segments - 1)
    different = ranked[1:] != ranked[:-1]
    ends[:-1] = np.where(different, places[:-1] - 1, segments - 1)
    ends = np.minimum.accumulate(ends[::-1], axis=0)[::-1]
    gained = np.take_along_axis(precision, ends, axis=0)
    positives = hits.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(hits, gained, 0.0).sum(axis=0) / positives  # 0 / 0 is NaN: there is nothing to find


def ranking_scores(segment_prob: np.ndarray, true_audio: np.ndarray, true_visual: np.ndarray) -> dict[str, np.ndarray]:
    """Average precision of each class over the segments of all videos, in percent.

    Args:
        segment_prob: (N, T, 2, C) float, index 0 audio, 1 visual; as a model gives them, before any gate.
        true_audio, true_visual: (N, T, C) bool.

    Returns:
        By modality ("audio", "visual", "audio-visual"): (C,) float64, NaN for a class without a positive segment in it.

    Raises:
        TypeError: a truth is not bool, or the probabilities are not floats.
        ValueError: shapes that do not fit, or a probability that is not finite; names the argument.
    """
    segment_prob = np.asarray(segment_prob)
    if segment_prob.ndim != 4 or segment_prob.shape[2] != 2:
        raise ValueError(f"segment_prob must have shape (videos, segments, 2, classes), not {segment_prob.shape}")
    for name, grid in (("true_audio", true_audio), ("true_visual", true_visual)):
        wanted = (*segment_prob.shape[:2], segment_prob.shape[3])
        if np.asarray(grid).dtype != np.bool_:
            raise TypeError(f"{name} must be a bool array, not {np.asarray(grid).dtype}")
        if np.shape(grid) != wanted:
            raise ValueError(f"{name} has shape {np.shape(grid)}; with this segment_prob it must have {wanted}")
    if not np.isfinite(segment_prob).all():
        video = int(np.argwhere(~np.isfinite(segment_prob))[0][0])
        raise ValueError(f"segment_prob holds NaN or infinity, first in video {video}")
    audio, visual = segment_prob[:, :, 0], segment_prob[:, :, 1]
    # In float64 the product of two float32 numbers is exact, so it makes no ties that are not there.
    ranked = {"audio": audio, "visual": visual, "audio-visual": audio.astype(np.float64) * visual.astype(np.float64)}
    true = {"audio": true_audio, "visual": true_visual, "audio-visual": np.asarray(true_audio) & true_visual}
    classes = segment_prob.shape[3]
    return {
        name: 100 * average_precision(ranked[name].reshape(-1, classes), np.asarray(true[name]).reshape(-1, classes))
        for name in RANKED
    }


def mean_average_precision(by_class: dict[str, np.ndarray]) -> dict[str, float]:
    """The mean over the classes that have a positive segment, by "mAP/<modality>"; NaN where none has.

    Args:
        by_class: of `ranking_scores`; the unit is kept.
    """
    means = {}
    for modality, values in by_class.items():
        there = np.asarray(values)[np.isfinite(values)]
        means[f"mAP/{modality}"] = float(there.mean()) if len(there) else float("nan")
    return means


def _check(scores: np.ndarray, true: np.ndarray, axes: tuple[str, ...]) -> None:
    if true.dtype != np.bool_:
        raise TypeError(f"true must be a bool array, not {true.dtype}")
    if not np.issubdtype(scores.dtype, np.floating):
        raise TypeError(f"scores must be a float array, not {scores.dtype}")
    if scores.ndim != len(axes) or scores.shape != true.shape or 0 in scores.shape:
        raise ValueError(
            f"scores {scores.shape} and true {true.shape} must have one shape ({', '.join(axes)}), none of them 0"
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"scores hold NaN or infinity, first in row {np.argwhere(~np.isfinite(scores))[0][0]}")
