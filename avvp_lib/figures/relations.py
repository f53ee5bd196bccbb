"""Relations between categories as heat maps: what a model has learned, beside what its labels hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.figures.style import (
    GREY,
    LINE_COLOURS,
    MARKERS,
    MODALITY_COLOURS,
    WIDTH,
    new_figure,
    readable,
    styled,
)

LIMIT_PERCENTILE = 99.0
"""Of the sizes off the diagonal: where the colours of a map end, so that a single pair does not bleach all others."""


@styled
def relation_maps(
    maps: Mapping[str, np.ndarray], categories: Sequence[str], rows: str | None = None, columns: str | None = None
) -> Figure:
    """Square maps between categories, two in a row; red is positive, blue negative, the diagonal is left grey.

    Every map has colours of its own, symmetric about zero. A map between the events of both modalities gets a row for itself, and lines
    between its four blocks.

    Args:
        maps: by title, each (C, C) float, or (2C, 2C) with the audio events first.
        categories: C names.
        rows, columns: what the two sides of a (C, C) map are, such as "heard" and "seen", where they are not the same.

    Raises:
        ValueError: a map has another shape, or holds a NaN; names the map.
    """
    size = len(categories)
    for title, matrix in maps.items():
        if matrix.shape not in {(size, size), (2 * size, 2 * size)}:
            raise ValueError(f"the map {title!r} has shape {matrix.shape}; {size} categories need {size} or {2 * size}")
        if not np.isfinite(matrix).all():
            raise ValueError(f"the map {title!r} holds a NaN or an infinity: leave out categories that never occur")
    across = 1 if any(len(matrix) > size for matrix in maps.values()) else min(2, len(maps))
    down = -(-len(maps) // across)
    figure = new_figure(WIDTH, (5.4 if across == 2 else 11.0) * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (title, matrix) in zip(panels, maps.items(), strict=False):
        _draw_map(figure, axes, matrix, [readable(name) for name in categories])
        axes.set_title(title, color=MODALITY_COLOURS.get(title.split(":")[0], "black"), fontweight="bold")
        if len(matrix) == size:
            axes.set(ylabel=rows or "", xlabel=columns or "")
    for axes in panels[len(maps) :]:
        axes.remove()
    return figure


def _draw_map(figure: Figure, axes: Axes, matrix: np.ndarray, names: list[str]) -> None:
    """One map with its colour bar; names twice, in the colours of the modalities, if it holds the events of both."""
    off_diagonal = matrix[~np.eye(len(matrix), dtype=bool)]
    limit = np.percentile(np.abs(off_diagonal), LIMIT_PERCENTILE) if len(off_diagonal) else 0.0
    shown = np.ma.masked_array(matrix, np.eye(len(matrix), dtype=bool))
    limit = limit or 1.0  # all zero: any scale will do
    axes.set_facecolor("#BBBBBB")
    picture = axes.imshow(shown, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    figure.colorbar(picture, ax=axes, shrink=0.7, pad=0.02, extend="both")
    both = len(matrix) == 2 * len(names)
    ticks = np.arange(len(matrix))
    axes.set_yticks(ticks, names * (1 + both), fontsize=9)
    axes.set_xticks(ticks, names * (1 + both), fontsize=9, rotation=90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if both:
        axes.axhline(len(names) - 0.5, color="black", linewidth=1.5)
        axes.axvline(len(names) - 0.5, color="black", linewidth=1.5)
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            for i, label in enumerate(labels):
                label.set_color(MODALITY_COLOURS[MODALITIES[i // len(names)]])


@styled
def pair_scatter(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    categories: Sequence[str],
    marked: Sequence[tuple[str, str]],
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Every pair of two different categories as a point, one map against another, a panel for each two; some pairs have names.

    Args:
        panels: by title, the maps across and up, each (C, C) float.
        categories: C names.
        marked: at most six pairs of names, row and column of a map, that get a mark and a line in the legend.
        xlabel, ylabel: what the maps are.

    Raises:
        ValueError: a map has another shape, a marked name is no category, or there are too many marks.
    """
    size = len(categories)
    if unknown := {name for pair in marked for name in pair} - set(categories):
        raise ValueError(f"{', '.join(sorted(unknown))} cannot be marked: no such category")
    if len(marked) >= len(LINE_COLOURS):
        raise ValueError(f"{len(marked)} marked pairs, but only {len(LINE_COLOURS) - 1} colours: mark fewer")
    figure = new_figure(WIDTH, 5.0)
    different = ~np.eye(size, dtype=bool)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, maps) in zip(grid, panels.items(), strict=True):
        if any(matrix.shape != (size, size) for matrix in maps):
            raise ValueError(f"the maps of {title!r} have shapes {[m.shape for m in maps]}; need {(size, size)}")
        axes.scatter(*(matrix[different] for matrix in maps), s=14, color=GREY, alpha=0.5, linewidth=0)
        for number, (row, column) in enumerate(marked):
            spot = [matrix[categories.index(row), categories.index(column)] for matrix in maps]
            style = {"color": LINE_COLOURS[number], "marker": MARKERS[number], "edgecolor": "white", "zorder": 3}
            axes.scatter(*spot, s=110, label=f"{readable(row)}, {readable(column)}", **style)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel if axes is grid[0] else "")
        axes.margins(0.08)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
