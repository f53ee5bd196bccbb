"""Scores: of parsing (`metrics.parsing`), of segmentation (`metrics.segmentation`, `metrics.illusion`), on arrays.

Modules of this package import from the file they need, so that what depends on one kind of score is not stale when another changes.
For the same reason the names of segmentation are imported when they are asked for and not before.
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
    "binarise",
    "bootstrap_interval",
    "foreground_scores",
    "illusion_rate",
    "parsing_scores",
    "per_class_scores",
    "per_video_scores",
    "segmentation_scores",
    "semantic_scores",
]

_HOME = {
    "IllusionScorer": "illusion",
    "SegmentationScorer": "segmentation",
    "SemanticScorer": "segmentation",
    "foreground_scores": "illusion",
    "illusion_rate": "illusion",
    "segmentation_scores": "segmentation",
    "semantic_scores": "segmentation",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
