"""Figures of the lessons: each function takes data and returns a matplotlib Figure."""

from avvp_lib.figures.attention import segment_weights
from avvp_lib.figures.calibration import reliability_curves
from avvp_lib.figures.class_features import feature_planes, weight_histograms
from avvp_lib.figures.errors import error_bars
from avvp_lib.figures.features import (
    change_pictures,
    input_effect_lines,
    sampling_moments,
    segment_spectrograms,
    self_similarity,
)
from avvp_lib.figures.grids import grid_picture, similarity_heatmap
from avvp_lib.figures.intervals import interval_dots
from avvp_lib.figures.labels import confusion_bars, threshold_histograms
from avvp_lib.figures.long_timelines import long_timeline
from avvp_lib.figures.pictures import contact_sheet, extractor_inputs, log_mel_pictures
from avvp_lib.figures.publication import save_publication
from avvp_lib.figures.relations import pair_scatter, relation_maps
from avvp_lib.figures.scores import class_frequencies, learning_curves, precision_and_recall, results_dots
from avvp_lib.figures.timelines import timeline
from avvp_lib.figures.training_sizes import learning_curve

__all__ = [
    "change_pictures",
    "class_frequencies",
    "confusion_bars",
    "contact_sheet",
    "error_bars",
    "extractor_inputs",
    "feature_planes",
    "grid_picture",
    "input_effect_lines",
    "interval_dots",
    "learning_curve",
    "learning_curves",
    "log_mel_pictures",
    "long_timeline",
    "pair_scatter",
    "precision_and_recall",
    "relation_maps",
    "reliability_curves",
    "results_dots",
    "sampling_moments",
    "save_publication",
    "segment_spectrograms",
    "segment_weights",
    "self_similarity",
    "similarity_heatmap",
    "threshold_histograms",
    "timeline",
    "weight_histograms",
]
