"""The parsing metric as a reader of the literature would first write it: video by video, class by class, event by event.

It shares no idea with avvp_lib.metrics: events are masks over the segments, overlap is counted on masks, and predicted
and true events look for each other separately.
"""

from __future__ import annotations

import numpy as np


def loop_scores(pred_audio, pred_visual, true_audio, true_visual) -> dict[str, float]:
    """The eleven scores in percent from four (N, T, C) bool grids."""
    columns = {f"{level}/{name}": [] for level in ("segment", "event") for name in ("A", "V", "AV", "Event")}
    for grids in zip(pred_audio, pred_visual, true_audio, true_visual, strict=True):
        for name, score in loop_video_scores(*grids).items():
            columns[name].append(score)
    means = {name: 100 * float(np.mean(scores)) for name, scores in columns.items()}
    result = {}
    for level in ("segment", "event"):
        for name in ("A", "V", "AV"):
            result[f"{level}/{name}"] = means[f"{level}/{name}"]
        result[f"{level}/Type"] = sum(means[f"{level}/{name}"] for name in ("A", "V", "AV")) / 3
        result[f"{level}/Event"] = means[f"{level}/Event"]
    result["average"] = sum(result.values()) / 10
    return result


def loop_video_scores(pred_audio, pred_visual, true_audio, true_visual) -> dict[str, float]:
    """The scores of one video, 0 to 1, from four (T, C) bool grids."""
    pairs = {
        "A": (pred_audio, true_audio),
        "V": (pred_visual, true_visual),
        "AV": (pred_audio * pred_visual, true_audio * true_visual),
    }
    scores = {}
    for level, count in (("segment", segment_counts), ("event", event_counts)):
        counts = {name: count(pred, true) for name, (pred, true) in pairs.items()}
        for name in pairs:
            scores[f"{level}/{name}"] = mean_f_score(*counts[name])
        pooled = [a + v for a, v in zip(counts["A"], counts["V"], strict=True)]
        scores[f"{level}/Event"] = mean_f_score(*pooled)
    return scores


def mean_f_score(hits, false_alarms, misses) -> float:
    scores = []
    for tp, fp, fn in zip(hits, false_alarms, misses, strict=True):
        if tp + fp > 0 or tp + fn > 0:
            scores.append(2 * tp / (2 * tp + fp + fn))
    return sum(scores) / len(scores) if scores else 1.0


def segment_counts(pred, true):
    """TP, FP and FN of each class, three (C,) arrays."""
    return (pred & true).sum(axis=0), (pred & ~true).sum(axis=0), (~pred & true).sum(axis=0)


def event_counts(pred, true):
    classes = pred.shape[1]
    hits, false_alarms, misses = (np.zeros(classes, dtype=int) for _ in range(3))
    for c in range(classes):
        predicted_events, true_events = event_masks(pred[:, c]), event_masks(true[:, c])
        for event in predicted_events:
            if any(overlap(event, other) >= 0.5 for other in true_events):
                hits[c] += 1
            else:
                false_alarms[c] += 1
        for event in true_events:
            if not any(overlap(event, other) >= 0.5 for other in predicted_events):
                misses[c] += 1
    return hits, false_alarms, misses


def event_masks(row) -> list[np.ndarray]:
    """One (T,) bool mask for each unbroken stretch of ones in a (T,) row."""
    masks = []
    inside = False
    for t, active in enumerate(row):
        if active and not inside:
            masks.append(np.zeros(len(row), dtype=bool))
        if active:
            masks[-1][t] = True
        inside = active
    return masks


def overlap(event, other) -> float:
    """Intersection over union of two masks."""
    return (event & other).sum() / (event | other).sum()
