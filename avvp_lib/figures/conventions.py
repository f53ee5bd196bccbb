"""What rules of scoring are worth: every change of a rule as a bar of points, and M_F against the frames that share a threshold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from avvp_lib.figures.style import GREY, LINE_COLOURS, WIDTH, new_figure, styled

UP, DOWN = LINE_COLOURS[0], LINE_COLOURS[1]
LINEAR = 1.0  # points; beyond them the axis of `effect_bars` is logarithmic
NOTHING = 0.005  # points that would be printed as 0.00
TICKS = (1, 3, 10, 30, 100)


@styled
def effect_bars(effects: pd.DataFrame, yardstick: float, meaning: str) -> Figure:
    """By how many points each change of a rule moves a score, largest first; the predictions stay as they are.

    The axis is linear up to one point and logarithmic beyond, or a tenth of a point could not be seen beside sixty; so the
    number stands beside every bar. Bars to the right are gains, to the left losses.

    Args:
        effects: a row a change, with columns "change" (what is done), "score" (which score moves), "points" (by how much) and
            "task" ("parsing", or "segmentation": hatched).
        yardstick: points; a grey band as wide as this to both sides.
        meaning: of the yardstick, for the legend.

    Raises:
        ValueError: there is no effect, one is not finite, or the yardstick is not positive.
    """
    points = effects["points"].to_numpy(float).copy()
    if not len(points) or not np.isfinite(points).all():
        raise ValueError("effects need one row or more, each with a finite number of points")
    if not yardstick > 0:
        raise ValueError(f"the yardstick must be a positive number of points, not {yardstick}")
    points[np.abs(points) < NOTHING] = 0
    order = np.argsort(-np.abs(points), kind="stable")
    effects, points = effects.iloc[order], points[order]
    figure = new_figure(WIDTH, 0.3 * len(points) + 1.7)
    axes = figure.subplots()
    axes.axvspan(-yardstick, yardstick, color="#DCDCDC", zorder=0)
    for row, (value, task) in enumerate(zip(points, effects["task"], strict=True)):
        hatch = "///" if task == "segmentation" else ""
        axes.barh(row, value, 0.72, color=UP if value > 0 else DOWN, hatch=hatch, edgecolor="white", linewidth=0)
        number = "0" if value == 0 else f"{value:+.2f}" if abs(value) < LINEAR else f"{value:+.1f}"
        away = 5 if value >= 0 else -5
        axes.annotate(
            number.replace("-", "−"),
            (value, row),
            (away, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            fontsize=11,
        )
    _name_rows(axes, effects)
    reach = 4 * max(np.abs(points).max(), 2 * yardstick)
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.8)
    ticks = [tick for tick in TICKS if tick < reach]
    axes.set_xticks([-tick for tick in ticks[::-1]] + [0, *ticks])
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:+g}".replace("-", "−") if x else "0")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlim=(-reach, reach), ylim=(len(points) - 0.4, -0.6))
    axes.set_xlabel("points that the score moves (linear up to 1, then logarithmic)")
    axes.axvline(0, color="black", linewidth=1)
    axes.spines["left"].set_visible(False)
    handles = [
        Patch(facecolor=UP, label="the score rises"),
        Patch(facecolor=DOWN, label="the score falls"),
        Patch(facecolor="#999999", hatch="///", edgecolor="white", label="segmentation"),
        Patch(facecolor="#DCDCDC", label=meaning),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _name_rows(axes: Axes, effects: pd.DataFrame) -> None:
    """The change to the left of each bar, and the score that it moves to the right of all."""
    axes.set_yticks(range(len(effects)), effects["change"])
    axes.tick_params(axis="y", length=0)
    for row, score in enumerate(effects["score"]):
        axes.annotate(
            score, (1, row), (8, 0), ("axes fraction", "data"), "offset points", va="center", color=GREY, fontsize=10.5
        )


@styled
def group_curve(
    published: Mapping[int, float], orders: Mapping[int, np.ndarray], used_by: Mapping[int, str], floor: float
) -> Figure:
    """M_F of the same masks against the number of frames that share its best threshold.

    Args:
        published: by frames per group, ascending, M_F in percent with the clips in the order of the corpus.
        orders: by frames per group, M_F in percent with the clips in other orders; drawn as a band from the lowest to the highest.
        used_by: by frames per group, whose test script has that many; written at the point.
        floor: M_F in percent at the fixed threshold of one half.

    Raises:
        ValueError: `orders` or `used_by` names a group size that `published` does not have.
    """
    unknown = [size for size in (*orders, *used_by) if size not in published]
    if unknown:
        raise ValueError(
            f"there is no M_F of groups of {unknown[0]} frames: there are {', '.join(map(str, published))}"
        )
    figure = new_figure(WIDTH * 0.75, 4.6)
    axes = figure.subplots()
    sizes = list(orders)
    low, high = (np.array([bound(orders[size]) for size in sizes]) for bound in (np.min, np.max))
    axes.fill_between(sizes, low, high, color="#BFD8EA", label="clips in other orders, lowest to highest")
    axes.plot(list(published), list(published.values()), "o-", color=UP, label="clips in the order of the corpus")
    axes.axhline(floor, color=DOWN, linestyle="--", label="one half as threshold for all: no choice")
    for size, name in used_by.items():
        top = max(published[size], *orders.get(size, ()))
        axes.annotate(name, (size, top), (4, 7), textcoords="offset points", fontsize=11)
    axes.set_xscale("log")
    axes.set_xticks(list(published), [f"{size:,}" for size in published])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="frames that share a threshold (logarithmic)", ylabel="M_F, %")
    axes.grid(color="#E5E5E5")
    axes.margins(y=0.12)
    axes.legend(loc="upper right")
    return figure
