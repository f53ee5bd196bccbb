"""A score against the number of training videos."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from avvp_lib.figures.style import LINE_COLOURS, MARKERS, new_figure, styled

APART = 2**0.04
"""By what the points of neighbouring lines are moved apart, so that no interval hides another."""


@styled
def learning_curve(table: pd.DataFrame, ylabel: str = "segment-level Type@AV, F in percent") -> Figure:
    """A line each for what stays the same as the training set shrinks, over a logarithmic axis; bars are 95 % intervals.

    Args:
        table: of `learning_curve.learning_curve_table`: columns line, share, videos, score, low and high. A point with all videos
            that several lines share is drawn once, in black.
        ylabel: the score.

    Raises:
        ValueError: the table is empty.
    """
    if table.empty:
        raise ValueError("the table of the learning curve is empty: there is nothing to draw")
    figure = new_figure(8.5, 4.6)
    axes = figure.subplots()
    names = list(dict.fromkeys(table["line"]))
    for i, name in enumerate(names):
        points = table[table["line"] == name].sort_values("videos")
        fewer = points[points["share"] < 1]
        moved = APART ** (i - (len(names) - 1) / 2)
        colour, marker = LINE_COLOURS[i % len(LINE_COLOURS)], MARKERS[i % len(MARKERS)]
        places = [
            videos * (moved if share < 1 else 1)
            for videos, share in zip(points["videos"], points["share"], strict=True)
        ]
        axes.plot(places, points["score"], color=colour, linestyle=("-", "--", ":")[i % 3], zorder=1)
        axes.errorbar(
            fewer["videos"] * moved, fewer["score"], _bars(fewer), fmt=marker, color=colour, markersize=8, capsize=4, label=name
        )  # fmt: skip
    full = table[table["share"] == 1].drop_duplicates("videos")
    if len(full):
        axes.errorbar(
            full["videos"], full["score"], _bars(full), fmt="D", color="black", markersize=8, capsize=4, label="all videos"
        )  # fmt: skip
    _number_axis(axes, table)
    axes.set_ylabel(ylabel)
    axes.grid(color="#E5E5E5")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(names) + 1)
    return figure


def _bars(points: pd.DataFrame) -> list[pd.Series]:
    """How far intervals reach below and above their points."""
    return [points["score"] - points["low"], points["high"] - points["score"]]


def _number_axis(axes, table: pd.DataFrame) -> None:
    """A logarithmic axis to base 2 with a tick at every size of the training set."""
    sizes = table[["videos", "share"]].drop_duplicates("videos").sort_values("videos")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(
        sizes["videos"], [f"{videos:,}\n{_share(share)}" for videos, share in sizes.itertuples(index=False)]
    )
    axes.set_xlim(sizes["videos"].min() / 2**0.4, sizes["videos"].max() * 2**0.4)
    axes.set_xlabel("training videos, and their share of all")


def _share(share: float) -> str:
    """1/8 for 0.125; a decimal number for what is no such part."""
    return "all" if share == 1 else f"1/{1 / share:g}" if (1 / share).is_integer() else f"{share:g}"
