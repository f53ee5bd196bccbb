"""Segments by categories: small grids to count by hand, and heat maps of similarity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from avvp_lib.corpora.events import MODALITIES, maximal_runs
from avvp_lib.figures.style import FALSE_ALARM, GREY, MODALITY_COLOURS, WIDTH, new_figure, readable, styled


@styled
def grid_picture(panels: Mapping[str, tuple[np.ndarray, np.ndarray | None]], categories: Sequence[str]) -> Figure:
    """Small grids for counting by hand: every cell says what it is, every row is summed up at its end.

    Args:
        panels: by title, the truth and the prediction (None shows the truth alone), each (T, C) bool.
        categories: C names.
    """
    segments = next(iter(panels.values()))[0].shape[0]
    figure = new_figure(WIDTH, (0.42 * len(categories) + 0.75) * len(panels) + 0.1)
    rows = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, (title, (truth, prediction)) in zip(rows, panels.items(), strict=True):
        for category in range(len(categories)):
            _draw_cells(axes, truth[:, category], None if prediction is None else prediction[:, category], category)
        axes.set_title(title, loc="left")
        axes.set(xlim=(0, segments + 3.2), ylim=(len(categories) + 0.02, -0.02))
        axes.set_xticks(np.arange(segments) + 0.5, range(segments))
        axes.set_yticks(np.arange(len(categories)) + 0.5, [readable(name) for name in categories])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    rows[-1].set_xlabel("segment", x=0.5 * segments / (segments + 3.2))
    return figure


def _draw_cells(axes: Axes, truth: np.ndarray, prediction: np.ndarray | None, y: int) -> None:
    """One row of `grid_picture`: T cells and their sums."""
    if prediction is None:
        kinds = np.where(truth, "1", "0")
        summary = f"{truth.sum()} segment{'' if truth.sum() == 1 else 's'}"
    else:
        kinds = np.select([truth & prediction, prediction, truth], ["TP", "FP", "FN"], "")
        hits, false, missed = ((kinds == kind).sum() for kind in ("TP", "FP", "FN"))
        total = 2 * hits + false + missed
        summary = f"TP {hits}   FP {false}   FN {missed}   " + (f"F = {2 * hits}/{total}" if total else "skipped")
    faces = {"1": GREY, "TP": GREY, "FP": FALSE_ALARM, "FN": "white"}
    for x, kind in enumerate(kinds):
        hatch = "////" if kind == "FN" else None
        cell = Rectangle((x, y), 1, 1, facecolor=faces.get(kind, "white"), edgecolor="#BBBBBB", hatch=hatch)
        axes.add_patch(cell)
        ink = "#BBBBBB" if kind == "0" else "black" if kind == "FN" else "white"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if kind == "FN" else None
        axes.text(x + 0.5, y + 0.5, kind, ha="center", va="center", color=ink, fontweight="bold", fontsize=11, bbox=box)
    axes.text(len(kinds) + 0.2, y + 0.5, summary, va="center", fontsize=11)


@styled
def similarity_heatmap(
    similarities: tuple[np.ndarray, np.ndarray],
    truth: tuple[np.ndarray, np.ndarray],
    categories: Sequence[str],
    thresholds: tuple[np.ndarray, np.ndarray] | None = None,
    video_labels: np.ndarray | None = None,
) -> Figure:
    """How well each segment of a video fits each category's sentence, by ear (left) and by eye (right).

    Segments where the category truly is are outlined; those above the category's threshold carry a dot, which is
    filled if the video label admits the category too.

    Args:
        similarities: audio and visual, each (T, C) float.
        truth: audio and visual, each (T, C) bool.
        categories: C names; those in `video_labels` are set in bold.
        thresholds: audio and visual, each (C,); None draws no dots.
        video_labels: (C,) bool; None admits every category.
    """
    admitted = np.ones(len(categories), bool) if video_labels is None else np.asarray(video_labels, bool)
    figure = new_figure(WIDTH, 0.27 * len(categories) + 1.2)
    panels = figure.subplots(1, 2, sharey=True)
    for m, axes in enumerate(panels):
        picture = axes.imshow(
            similarities[m].T, aspect="auto", cmap="cividis", extent=(0, len(truth[m]), len(categories), 0)
        )
        figure.colorbar(picture, ax=axes, label="similarity", pad=0.02)
        runs = maximal_runs(truth[m].T)
        for row, onset, length in zip(runs.row, runs.onset, runs.length, strict=True):
            axes.add_patch(Rectangle((onset, row), length, 1, fill=False, edgecolor=FALSE_ALARM, linewidth=2.5))
        if thresholds is not None:
            _draw_dots(axes, similarities[m] > thresholds[m], admitted)
        axes.set_title(MODALITIES[m], color=MODALITY_COLOURS[MODALITIES[m]], fontweight="bold")
        axes.set(xlabel="time in seconds", xticks=range(0, len(truth[m]) + 1, 2))
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    panels[0].set_yticks(np.arange(len(categories)) + 0.5, [readable(name) for name in categories])
    for tick, bold in zip(panels[0].get_yticklabels(), admitted, strict=True):
        tick.set_fontweight("bold" if bold and video_labels is not None else "normal")
    return figure


def _draw_dots(axes: Axes, above: np.ndarray, admitted: np.ndarray) -> None:
    """Dots on the (T, C) segments above threshold: filled where the category is admitted, else hollow."""
    for chosen, face, edge in ((above & admitted, "white", "black"), (above & ~admitted, "none", "white")):
        segment, category = np.nonzero(chosen)
        axes.scatter(segment + 0.5, category + 0.5, s=30, facecolor=face, edgecolor=edge, linewidth=1.0)
