"""Scores: of parsing (`metrics.parsing`, `metrics.ranking`), of segmentation (`metrics.segmentation`, `metrics.illusion`), on arrays.

Modules of this package import from the file they need, so that what depends on one kind of score is not stale when another changes.
For the same reason the names of segmentation and of ranking are imported when they are asked for and not before.
"""

from importlib import import_module
from typing import Any

from avvp_lib.metrics.parsing import (
    GATES,
    LEVELS,
    MODALITIES,
    Interval,
    binarise,
    bootstrap_interval,
    parsing_scores,
    per_class_scores,
    per_video_scores,
)

__all__ = [
    "GATES",
    "LEVELS",
    "MODALITIES",
    "IllusionScorer",
    "Interval",
    "SegmentationScorer",
    "SemanticScorer",
    "average_precision",
    "binarise",
    "bootstrap_interval",
    "foreground_scores",
    "illusion_rate",
    "mean_average_precision",
    "parsing_scores",
    "per_class_scores",
    "per_video_scores",
    "ranking_scores",
    "segmentation_scores",
    "semantic_scores",
]

_HOME = {
    "IllusionScorer": "illusion",
    "SegmentationScorer": "segmentation",
    "SemanticScorer": "segmentation",
    "average_precision": "ranking",
    "foreground_scores": "illusion",
    "illusion_rate": "illusion",
    "mean_average_precision": "ranking",
    "ranking_scores": "ranking",
    "segmentation_scores": "segmentation",
    "semantic_scores": "segmentation",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
