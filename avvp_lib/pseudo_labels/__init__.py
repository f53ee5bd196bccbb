"""Labels for segments that nobody labelled."""

from avvp_lib.pseudo_labels.combination import combine_across_videos
from avvp_lib.pseudo_labels.generation import PseudoLabelGenerator
from avvp_lib.pseudo_labels.migration import migrate_labels
from avvp_lib.pseudo_labels.zero_shot import PseudoLabels, fit_thresholds, text_similarity, zero_shot_labels

__all__ = [
    "PseudoLabelGenerator",
    "PseudoLabels",
    "combine_across_videos",
    "fit_thresholds",
    "migrate_labels",
    "text_similarity",
    "zero_shot_labels",
]
