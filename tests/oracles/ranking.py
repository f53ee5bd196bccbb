"""Average precision as its definition reads: a loop over thresholds, counting anew at each."""

import numpy as np


def loop_average_precision(scores: np.ndarray, true: np.ndarray) -> float:
    """Of one class: scores and true (M,); NaN without a positive segment."""
    scores, true = [float(score) for score in scores], [bool(label) for label in true]
    positives = sum(true)
    if positives == 0:
        return float("nan")
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [label for score, label in zip(scores, true, strict=True) if score >= threshold]
        recall, precision = sum(chosen) / positives, sum(chosen) / len(chosen)
        area += (recall - recall_before) * precision
        recall_before = recall
    return area
