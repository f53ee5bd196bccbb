"""A pseudo-label method of one's own: zero-shot labels, then the majority of three neighbouring seconds."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import median_filter

from avvp_lib.pseudo_labels import PseudoLabels
from avvp_lib.recipes import RECIPES, Bench, register_recipe, register_supervision


def majority_of_three(labels: np.ndarray) -> np.ndarray:
    """(N, T, C) labels, each the median of itself and its two neighbours in time; the ends repeat themselves."""
    return median_filter(labels, size=(1, 3, 1), mode="nearest")


def smoothed(bench: Bench) -> PseudoLabels:
    """The training split's zero-shot labels without single seconds and without gaps of one second."""
    labels = bench.zero_shot("train")
    provenance = {**labels.provenance, "method": f"{labels.provenance['method']}, majority of three seconds"}
    return PseudoLabels(labels.keys, majority_of_three(labels.audio), majority_of_three(labels.visual), provenance)


register_supervision("smoothed", smoothed)
register_recipe(
    replace(RECIPES["valor-zero-shot"], name="valor-smoothed", title="own labels: smoothed", supervision="smoothed")
)
