"""Where pseudo-labels are wrong, counted against the truth: possible on synthetic corpora, and on a real one's dense splits.

All grids are (N, T, C) bool: videos, segments of one second, categories.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

FALSE_ALARM_KINDS = (
    "beside a true segment",
    "elsewhere in a video that has it",
    "only the other modality has it",
    "not in the video at all",
)


def label_quality(labels: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Precision, recall and F-score of the segment labels of one modality, in percent, all segments and categories pooled.

    Args:
        labels, truth: (N, T, C) bool.

    Returns:
        Keys "labelled" and "true" (numbers of segments), "precision", "recall", "F"; NaN where there is nothing to divide by.

    Raises:
        ValueError: the two have different shapes or are not bool.
    """
    _check(labels=labels, truth=truth)
    hits, labelled, true = (int(np.count_nonzero(grid)) for grid in (labels & truth, labels, truth))
    return {
        "labelled": labelled,
        "true": true,
        "precision": _percent(hits, labelled),
        "recall": _percent(hits, true),
        "F": _percent(2 * hits, labelled + true),
    }


def false_alarm_kinds(labels: np.ndarray, truth: np.ndarray, other_truth: np.ndarray) -> dict[str, int]:
    """Sort the false alarms of one modality by where their category truly is; each falls into the first kind that fits.

    Args:
        labels, truth: (N, T, C) bool of the modality.
        other_truth: (N, T, C) bool, the truth of the other modality.

    Returns:
        Numbers of segments, keys as in `FALSE_ALARM_KINDS`.

    Raises:
        ValueError: the grids have different shapes or are not bool.
    """
    _check(labels=labels, truth=truth, other_truth=other_truth)
    beside = np.zeros_like(truth)
    beside[:, 1:] |= truth[:, :-1]
    beside[:, :-1] |= truth[:, 1:]
    kinds = (
        beside,
        np.broadcast_to(truth.any(1, keepdims=True), truth.shape),
        np.broadcast_to(other_truth.any(1, keepdims=True), truth.shape),
        np.ones_like(truth),
    )
    left = labels & ~truth
    counts = {}
    for name, kind in zip(FALSE_ALARM_KINDS, kinds, strict=True):
        counts[name] = int(np.count_nonzero(left & kind))
        left = left & ~kind
    return counts


def empty_labels(
    audio: np.ndarray, visual: np.ndarray, true_audio: np.ndarray, true_visual: np.ndarray, video_labels: np.ndarray
) -> pd.DataFrame:
    """How many video labels find no segment. In one modality that may be right; in both it never is.

    Args:
        audio, visual: (N, T, C) bool, the pseudo-labels.
        true_audio, true_visual: (N, T, C) bool.
        video_labels: (N, C) bool.

    Returns:
        Rows "audio", "visual" and "both"; columns video_labels, empty, rightly_empty (the truth is empty as well): counts of pairs
        of video and category.

    Raises:
        ValueError: the grids have different shapes or are not bool.
    """
    _check(audio=audio, visual=visual, true_audio=true_audio, true_visual=true_visual)
    guessed = {"audio": audio, "visual": visual, "both": audio | visual}
    true = {"audio": true_audio, "visual": true_visual, "both": true_audio | true_visual}
    rows = {}
    for name in guessed:
        empty = video_labels & ~guessed[name].any(1)
        rightly = empty & ~true[name].any(1)
        rows[name] = (np.count_nonzero(video_labels), np.count_nonzero(empty), np.count_nonzero(rightly))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["video_labels", "empty", "rightly_empty"])


def confusions(labels: np.ndarray, truth: np.ndarray, categories: Sequence[str], at_least: int = 10) -> pd.DataFrame:
    """What is taken for what: false alarms of each category in the segments in which exactly one other category, or none, is true.

    Args:
        labels, truth: (N, T, C) bool of one modality.
        categories: C names.
        at_least: segments with this truth that there must be; shares of fewer say little.

    Returns:
        One row a confusion that occurs: truly ("nothing" for none), taken_for, segments (how often), share (in percent of the segments
        with this truth), usual (in percent of all segments in which taken_for is not true). Those whose share exceeds the usual one
        by most come first: there it is this truth that is taken for it, where elsewhere it may be reported indiscriminately.

    Raises:
        ValueError: the grids have different shapes or are not bool, or there are not C names.
    """
    _check(labels=labels, truth=truth)
    if len(categories) != truth.shape[-1]:
        raise ValueError(f"{len(categories)} category names for grids of {truth.shape[-1]} categories")
    false_alarms = labels & ~truth
    usual = [_percent(*counts) for counts in zip(_count(false_alarms), _count(~truth), strict=True)]
    single = truth & (truth.sum(-1, keepdims=True) == 1)
    situations = {name: single[..., c] for c, name in enumerate(categories)} | {"nothing": ~truth.any(-1)}
    rows = []
    for truly, chosen in situations.items():
        number, alarms = np.count_nonzero(chosen), _count(false_alarms[chosen])
        if number >= at_least:
            rows += [
                (truly, categories[c], int(alarms[c]), _percent(alarms[c], number), usual[c])
                for c in np.flatnonzero(alarms)
            ]
    table = pd.DataFrame(rows, columns=["truly", "taken_for", "segments", "share", "usual"])
    order = (table["usual"] - table["share"]).argsort(kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _count(grid: np.ndarray) -> np.ndarray:
    """(..., C) bool -> (C,) int."""
    return np.count_nonzero(grid.reshape(-1, grid.shape[-1]), axis=0)


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else float("nan")


def _check(**grids: np.ndarray) -> None:
    shape = next(iter(grids.values())).shape
    for name, grid in grids.items():
        if grid.dtype != np.bool_ or grid.shape != shape or grid.ndim != 3:
            raise ValueError(
                f"{name} must be bool (videos, segments, categories) like the others, not {grid.dtype} {grid.shape}"
            )
