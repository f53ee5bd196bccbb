"""Figures about the pseudo-label generator: what it sees with and without the rest of the video, and how good its labels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from avvp_lib.corpora.events import MODALITIES, maximal_runs
from avvp_lib.figures.style import (
    FALSE_ALARM,
    LINE_COLOURS,
    MARKERS,
    MODALITY_COLOURS,
    WIDTH,
    new_figure,
    readable,
    styled,
)
from avvp_lib.figures.training_curves import training_curves
from avvp_lib.pseudo_labels.generator_training import SELECTION_SCORE

BRANCHES = {"static": "one second alone", "dynamic": "with its video"}


@styled
def branch_heatmap(
    static: tuple[np.ndarray, np.ndarray],
    dynamic: tuple[np.ndarray, np.ndarray],
    truth: tuple[np.ndarray, np.ndarray],
    categories: Sequence[str],
    thresholds: tuple[float, float] | None = None,
) -> Figure:
    """Probabilities of one video, static above dynamic, heard (left) and seen (right), on one scale from 0 to 1.

    Segments where a category truly is are outlined; those that reach the threshold carry a dot.

    Args:
        static, dynamic: audio and visual, each (T, C) in [0, 1].
        truth: audio and visual, each (T, C) bool.
        categories: C names, those to be shown.
        thresholds: audio and visual; None draws no dots.
    """
    figure = new_figure(WIDTH, 2 * (0.3 * len(categories) + 0.5) + 1.0)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, (branch, grids) in zip(panels, zip(BRANCHES, (static, dynamic), strict=True), strict=True):
        for m, axes in enumerate(row):
            picture = axes.imshow(
                grids[m].T, aspect="auto", cmap="cividis", vmin=0, vmax=1, extent=(0, len(truth[m]), len(categories), 0)
            )
            _frame(axes, truth[m])
            if thresholds is not None:
                segment, category = np.nonzero(grids[m] >= thresholds[m])
                axes.scatter(segment + 0.5, category + 0.5, s=26, facecolor="white", edgecolor="black", linewidth=1.0)
            colour = MODALITY_COLOURS[MODALITIES[m]]
            axes.set_title(f"{MODALITIES[m]}, {branch}: {BRANCHES[branch]}", color=colour, fontweight="bold")
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
    panels[0, 0].set_yticks(np.arange(len(categories)) + 0.5, [readable(name) for name in categories])
    panels[0, 0].set_xticks(range(0, len(truth[0]) + 1, 2 if len(truth[0]) <= 20 else 5))
    for axes in panels[-1]:
        axes.set_xlabel("time in seconds")
    figure.colorbar(picture, ax=panels, label="probability", pad=0.02, shrink=0.8)
    return figure


def _frame(axes: Axes, truth: np.ndarray) -> None:
    """Outlines of the true runs of a (T, C) grid."""
    runs = maximal_runs(truth.T)
    for row, onset, length in zip(runs.row, runs.onset, runs.length, strict=True):
        axes.add_patch(Rectangle((onset, row), length, 1, fill=False, edgecolor=FALSE_ALARM, linewidth=2.5))


@styled
def label_scores(table: pd.DataFrame, scores: Sequence[str]) -> Figure:
    """How good several sets of labels are, a row of dots for each score; higher is better.

    Args:
        table: a row a set of labels, columns as `scores`, in percent. The scale is that of the values: it does not begin at 0.
        scores: columns to be shown, from top to bottom.
    """
    figure = new_figure(WIDTH, 0.5 * len(scores) + 1.3)
    axes = figure.subplots()
    offsets = np.linspace(-0.24, 0.24, len(table)) if len(table) > 1 else np.zeros(1)
    for i, (title, row) in enumerate(table.iterrows()):
        y = np.arange(len(scores)) + offsets[i]
        marker, colour = MARKERS[i % len(MARKERS)], LINE_COLOURS[i % len(LINE_COLOURS)]
        axes.plot(row[list(scores)].astype(float), y, marker, color=colour, markersize=8, label=title)
    for border in np.arange(len(scores) - 1) + 0.5:
        axes.axhline(border, color="#DDDDDD", linewidth=1)
    axes.set_yticks(range(len(scores)), [score.replace("/", ", ") for score in scores])
    axes.set(ylim=(len(scores) - 0.5, -0.5), xlabel="F-score in percent (the axis does not begin at 0)")
    axes.grid(axis="x", color="#E5E5E5")
    axes.tick_params(axis="y", length=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(table), 5))
    return figure


@styled
def generator_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Training loss and the score that an epoch is kept by, a line a generator; a ring marks the kept epoch.

    Args:
        histories: by title, as `pseudo_labels.generator_training.fit_generator` returns them.
    """
    panels = {"loss": "training loss", SELECTION_SCORE: f"{SELECTION_SCORE}, validation, percent"}
    return training_curves(histories, panels, SELECTION_SCORE)[0]
