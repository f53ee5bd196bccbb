"""Labels for segments that nobody labelled."""

from avvp_lib.pseudo_labels.zero_shot import PseudoLabels, fit_thresholds, text_similarity, zero_shot_labels

__all__ = ["PseudoLabels", "fit_thresholds", "text_similarity", "zero_shot_labels"]
