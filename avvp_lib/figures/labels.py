"""Figures about pseudo-labels: where a threshold cuts, and what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.figures.style import FALSE_ALARM, GREY, MODALITY_COLOURS, WIDTH, new_figure, readable, styled


@styled
def threshold_histograms(
    similarities: tuple[np.ndarray, np.ndarray],
    truth: tuple[np.ndarray, np.ndarray],
    thresholds: tuple[np.ndarray, np.ndarray],
    video_labels: np.ndarray,
    categories: Sequence[str],
    shown: Sequence[int],
) -> Figure:
    """Similarities of the segments that have a category and of those that do not, in the videos labelled with it.

    Args:
        similarities: audio and visual, each (N, T, C) float.
        truth: audio and visual, each (N, T, C) bool.
        thresholds: audio and visual, each (C,) float.
        video_labels: (N, C) bool.
        categories: C names.
        shown: which categories, a row each.
    """
    figure = new_figure(WIDTH, 2.5 * len(shown) + 0.5)
    panels = figure.subplots(len(shown), 2, squeeze=False)
    for row, category in zip(panels, shown, strict=True):
        labelled = video_labels[:, category]
        for m, axes in enumerate(row):
            values = similarities[m][labelled, :, category].ravel()
            positive = truth[m][labelled, :, category].ravel()
            bins = np.linspace(values.min(), values.max(), 26) if len(values) else 10
            colour, word = MODALITY_COLOURS[MODALITIES[m]], ("heard", "seen")[m]
            axes.hist(values[~positive], bins, color="#BBBBBB", label=f"not {word}")
            axes.hist(values[positive], bins, histtype="step", linewidth=2.5, color=colour, label=word)
            axes.axvline(thresholds[m][category], color="black", linestyle="--", label="threshold")
            axes.set_title(f"{readable(categories[category])}, {MODALITIES[m]}", color=colour, fontweight="bold")
            axes.set_ylabel("segments")
            axes.legend()
    for axes in panels[-1]:
        axes.set_xlabel("similarity to the category's sentence")
    return figure


@styled
def confusion_bars(tables: Mapping[str, pd.DataFrame], most: int = 10) -> Figure:
    """What is taken for what, a panel a modality: "A → B" is how often B is reported where only A is, beside how often it usually is.

    Args:
        tables: by modality ("audio", "visual"), of `pseudo_labels.quality.confusions`.
        most: how many rows to show.
    """
    figure = new_figure(WIDTH, 0.36 * most + 1.4)
    panels = figure.subplots(1, len(tables), squeeze=False)[0]
    for axes, (modality, table) in zip(panels, tables.items(), strict=True):
        top = table.head(most)
        y = np.arange(len(top))
        colours = np.where(top["truly"] == "nothing", GREY, FALSE_ALARM)
        axes.barh(y, top["share"], color=colours, height=0.7)
        axes.vlines(top["usual"], y - 0.42, y + 0.42, color="black", linewidth=3)
        names = [f"{readable(a)} → {readable(b)}" for a, b in zip(top["truly"], top["taken_for"], strict=True)]
        axes.set_yticks(y, names, fontsize=10)
        axes.set(ylim=(most - 0.4, -0.6), xlim=(0, 105), xlabel="B reported, percent of segments")
        axes.set_title(modality, color=MODALITY_COLOURS[modality], fontweight="bold")
        axes.grid(axis="x", color="#E5E5E5")
        axes.tick_params(axis="y", length=0)
    handles = [
        Patch(color=FALSE_ALARM, label="where only A is"),
        Line2D([], [], color="black", linewidth=3, label="wherever B is not"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure
