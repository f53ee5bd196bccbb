"""Figures about label migration: how it works, how a threshold moves it, and where labels came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from avvp_lib.figures.style import (
    FALSE_ALARM,
    GREY,
    LIGHT,
    LINE_COLOURS,
    MARKERS,
    MODALITY_COLOURS,
    WIDTH,
    new_figure,
    readable,
    styled,
)
from avvp_lib.pseudo_labels.migration import Migration

SOURCES = {
    "own_right": ("own video, right", "#0072B2", ""),
    "other_right": ("other videos, right", "#9CCBEA", ""),
    "own_wrong": ("own video, wrong", FALSE_ALARM, "///"),
    "other_wrong": ("other videos, wrong", "#F5C29C", "///"),
}
"""Column of `migration_sources`: what the legend calls it, its colour, and what tells it apart without colour."""
CURVES = {
    "precision": ("precision of migrated labels", LINE_COLOURS[0], "-", MARKERS[0]),
    "recall": ("recall of what was hidden", LINE_COLOURS[1], "-", MARKERS[1]),
    "share": ("share of migrated labels", GREY, "--", MARKERS[2]),
}


@styled
def migration_mechanism(
    similarity: np.ndarray, migration: Migration, threshold: float, categories: Sequence[str], segments: Sequence[str]
) -> Figure:
    """A few segments by hand: their similarities, those that match, and the labels before and after.

    Args:
        similarity: (N, N) float, the segments' cosines.
        migration: of these segments at this threshold, without groups.
        threshold: pairs below it are blanked out.
        categories: C names.
        segments: N names.

    Raises:
        ValueError: similarity, migration and names are not of the same segments and classes.
    """
    number, classes = migration.labels.shape
    if similarity.shape != (number, number) or len(segments) != number or len(categories) != classes:
        raise ValueError(
            f"similarity {similarity.shape}, {len(segments)} segment names and {len(categories)} category names do not "
            f"fit a migration of {number} segments and {classes} classes"
        )
    figure = new_figure(WIDTH, 0.52 * number + 1.9)
    panels = figure.subplots(1, 4, sharey=True, width_ratios=[number, number, 0.9 * classes, 0.9 * classes])
    match = similarity >= threshold
    before, after = migration.original.cpu().numpy(), migration.labels.cpu().numpy()
    soft = migration.migrated.cpu().numpy()
    _draw_matrix(panels[0], similarity, np.ones_like(match))
    _draw_matrix(panels[1], similarity, match)
    _draw_matrix(panels[2], before.astype(float), before)
    _draw_matrix(panels[3], after, after > 0, framed=soft)
    titles = ("1  similarity $S$", rf"2  kept: $S \geq {threshold:g}$", "3  labels before", "4  labels after")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, fontweight="bold")
    for axes in panels[:2]:
        axes.set_xticks(np.arange(number) + 0.5, segments)
        axes.set_xlabel("segment")
    for axes in panels[2:]:
        names = [readable(name) for name in categories]
        axes.set_xticks(np.arange(classes) + 0.5, names, rotation=35, ha="right", rotation_mode="anchor")
    panels[0].set_yticks(np.arange(number) + 0.5, segments)
    panels[0].set_ylabel("segment")
    figure.legend(
        handles=[Patch(facecolor="none", edgecolor=FALSE_ALARM, linewidth=2.5, label="migrated")],
        loc="outside lower right",
    )
    return figure


def _draw_matrix(axes: Axes, values: np.ndarray, shown: np.ndarray, framed: np.ndarray | None = None) -> None:
    """Cells with their numbers, darker the larger; what is not shown is empty. Some cells may get a frame."""
    rows, columns = values.shape
    shades = matplotlib.colormaps["Greys"]
    for y, x in np.ndindex(rows, columns):
        value = float(values[y, x])
        face = shades(0.65 * max(value, 0.0)) if shown[y, x] else "white"
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor="#C8C8C8", linewidth=0.8))
        if shown[y, x]:
            text = "1" if round(value, 2) == 1 else f"{value:.2f}".replace("0.", ".", 1)
            ink = "white" if value > 0.75 else "black"
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink, fontsize=11)
    for y, x in () if framed is None else np.argwhere(framed):
        axes.add_patch(
            Rectangle((x + 0.06, y + 0.06), 0.88, 0.88, facecolor="none", edgecolor=FALSE_ALARM, linewidth=2.5)
        )
    axes.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@styled
def migration_sweep(sweeps: Mapping[str, pd.DataFrame], chosen: Mapping[str, float] | None = None) -> Figure:
    """Precision, recall and share of migrated labels against the threshold, a panel a modality.

    Args:
        sweeps: by modality ("audio", "visual"), of `threshold_sweep`; those without a truth show the share alone.
        chosen: by modality, the threshold that was taken.
    """
    figure = new_figure(WIDTH, 4.8)
    panels = figure.subplots(1, len(sweeps), sharey=True, squeeze=False)[0]
    for axes, (modality, sweep) in zip(panels, sweeps.items(), strict=True):
        for column, (name, colour, line, marker) in CURVES.items():
            if column in sweep:
                axes.plot(sweep.index, sweep[column], line, color=colour, marker=marker, markersize=6, label=name)
        if chosen is not None:
            axes.axvline(chosen[modality], color="black", linewidth=1.5, linestyle=":")
            axes.annotate(
                f" {chosen[modality]:.3g}", (chosen[modality], 1.0), xycoords=("data", "axes fraction"), va="bottom",
                ha="center",
            )  # fmt: skip
        axes.set_title(
            modality, color=MODALITY_COLOURS[modality], fontweight="bold", pad=22 if chosen is not None else None
        )
        axes.set(ylim=(-3, 103), xlabel=r"threshold $\tau$ on the cosine")
        axes.grid(color="#E5E5E5")
    panels[0].set_ylabel("percent")
    handles, names = panels[0].get_legend_handles_labels()
    if chosen is not None:
        handles.append(Line2D([], [], color="black", linewidth=1.5, linestyle=":"))
        names.append("chosen")
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


@styled
def migration_source_bars(tables: Mapping[str, pd.DataFrame], most: int = 20) -> Figure:
    """Where migrated labels came from and whether they are right, a bar a class, a panel a modality.

    Args:
        tables: by modality ("audio", "visual"), of `migration_sources` with a truth.
        most: how many classes to show: those with the most migrated labels in all modalities together.

    Raises:
        ValueError: a table was made without a truth.
    """
    for modality, table in tables.items():
        if "own_right" not in table:
            raise ValueError(f"the table of {modality!r} was made without a truth: give migration_sources one")
    total = sum(table["migrated"] for table in tables.values())
    names = total.sort_values(ascending=False, kind="stable").index[:most]
    figure = new_figure(WIDTH, 0.3 * len(names) + 1.7)
    panels = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    y = np.arange(len(names))
    for axes, (modality, table) in zip(panels, tables.items(), strict=True):
        left = np.zeros(len(names))
        for column, (label, colour, hatch) in SOURCES.items():
            width = table.loc[names, column].to_numpy(float)
            look = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0.5}
            axes.barh(y, width, 0.74, left, label=label, **look)
            left += width
        axes.set_title(modality, color=MODALITY_COLOURS[modality], fontweight="bold")
        axes.set_xlabel("migrated labels (segments)")
        axes.set_yticks(y, [readable(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="x", color=LIGHT)
        axes.tick_params(axis="y", length=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
