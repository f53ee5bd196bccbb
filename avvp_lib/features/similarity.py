"""How alike the segments of a video are to a backbone, and whether that follows what happens in the video."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class EventContrast(NamedTuple):
    """Mean cosine of pairs of segments of one video in which the same events happen, and in which others do."""

    same: float
    other: float


def cosine_over_time(features: np.ndarray) -> np.ndarray:
    """Cosine of every segment with every other one of its video.

    Args:
        features: (..., T, D) float.

    Returns:
        (..., T, T) float, symmetric, in [-1, 1]; 0 beside a vector of zeros.
    """
    unit = features / np.linalg.norm(features, axis=-1, keepdims=True).clip(1e-12)
    return unit @ np.swapaxes(unit, -1, -2)


def event_contrast(features: np.ndarray, truth: np.ndarray) -> EventContrast:
    """Whether a backbone tells segments apart by their events: mean cosine of pairs with the same set of events and with another.

    Each pair of different segments of a video counts once; videos are pooled.

    Args:
        features: (N, T, D) float.
        truth: (N, T, C) bool, the events of the backbone's modality.

    Returns:
        Both means; NaN where there is no such pair.

    Raises:
        ValueError: features and truth are not of the same videos and segments.
    """
    if features.shape[:2] != truth.shape[:2]:
        raise ValueError(f"features {features.shape} and truth {truth.shape} differ in videos or segments")
    first, second = np.triu_indices(truth.shape[1], k=1)
    cosines = cosine_over_time(features)[:, first, second]
    same = (truth[:, first] == truth[:, second]).all(-1)
    means = [float(cosines[chosen].mean()) if chosen.any() else float("nan") for chosen in (same, ~same)]
    return EventContrast(*means)
