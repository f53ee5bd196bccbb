"""Scores of masks as charts: how they grow in training, and how many silent objects are segmented for what sounds to be found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from avvp_lib.figures.style import GREY, LINE_COLOURS, MARKERS, WIDTH, new_figure, styled
from avvp_lib.figures.training_curves import training_curves

CURVE_RECALLS = np.linspace(5, 100, 20)


@styled
def illusion_curves(
    curves: Mapping[str, np.ndarray],
    decisions: Mapping[str, tuple[float, float]] | None = None,
    recalls: np.ndarray = CURVE_RECALLS,
) -> Figure:
    """Illusion rate against the recall of sounding pixels, as the threshold falls; a mark where each model decides by itself.

    Low and to the right is good. A model that knows shapes but cannot hear climbs early.

    Args:
        curves: by model, (R,) percent of silent objects that are segmented at each of `recalls`.
        decisions: by model, recall and illusion rate in percent at its own threshold; a name of `curves`.
        recalls: (R,) percent.

    Raises:
        ValueError: a curve has another length than the recalls, or a decision is of no curve; names it.
    """
    for name, rates in curves.items():
        if np.shape(rates) != np.shape(recalls):
            raise ValueError(f"the curve of {name!r} has shape {np.shape(rates)}; there are {len(recalls)} recalls")
    unknown = [name for name in decisions or {} if name not in curves]
    if unknown:
        raise ValueError(f"{unknown[0]!r} has a decision and no curve")
    figure = new_figure(WIDTH * 0.7, 4.6)
    axes = figure.subplots()
    for i, (name, rates) in enumerate(curves.items()):
        colour = LINE_COLOURS[i % len(LINE_COLOURS)]
        axes.plot(recalls, rates, color=colour, marker=MARKERS[i % len(MARKERS)], markevery=4, label=name)
        if decisions and name in decisions:
            axes.plot(*decisions[name], "*", color=colour, markersize=18, markeredgecolor="white")
    axes.plot([], [], "*", color=GREY, markersize=14, label="where it decides")
    axes.set(xlim=(0, 102), ylim=(-2, 102), xlabel="sounding pixels that are segmented, %")
    axes.set_ylabel("silent objects that are segmented, %")
    axes.grid(color="#DDDDDD")
    axes.legend(loc="upper left")
    return figure


@styled
def mask_learning_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Training loss and validation M_J and M_F over epochs, one line a model; a ring marks the epoch that was kept.

    Args:
        histories: by title, as `fit_segmentation` returns them: columns epoch, loss, "M_J" and "M_F" in percent.
    """
    panels = {"loss": "training loss", "M_J": "validation M_J, %", "M_F": "validation M_F, %"}
    return training_curves(histories, panels, "M_J", height=3.4)[0]
