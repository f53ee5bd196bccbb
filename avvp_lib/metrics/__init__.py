"""Scores: of parsing (`metrics.parsing`), on arrays.

Modules of this package import from the file they need, so that what depends on one kind of score is not stale when another changes.
"""

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
    "Interval",
    "binarise",
    "bootstrap_interval",
    "parsing_scores",
    "per_class_scores",
    "per_video_scores",
]
