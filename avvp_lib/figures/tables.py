"""Tables of papers as charts: what each row is worth there and here."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avvp_lib.figures.style import GREY, WIDTH, new_figure, styled

VERDICT_STYLES = {
    "agrees": ("#0072B2", "o"),
    "undecided": (GREY, "o"),
    "disagrees": ("#D55E00", "s"),
    "": (GREY, "o"),
}
PAPER = "#000000"
TICKS = (-40, -20, -10, -5, -2, -1, -0.25, 0.25, 1, 2, 5, 10, 20, 40)


@styled
def verdict_chart(verdicts: pd.DataFrame, title: str, score: str) -> Figure:
    """By row: its difference from the row it is compared with, in the paper (diamond) and here (mark with its 95 % interval).

    A claim holds here if mark and interval lie on the diamond's side of zero. How far from zero says nothing: other data, other
    sizes. Rows that were not measured are left out.

    Args:
        verdicts: of `table_reports.verdicts`; a panel for each of its settings.
        title: of the figure.
        score: what the difference is of.

    Raises:
        ValueError: no row was measured.
    """
    shown = verdicts[verdicts["seeds"] > 0]
    if shown.empty:
        raise ValueError("no row of this table was measured: `avvp table` measures it")
    settings = list(dict.fromkeys(shown["setting"]))
    rows = max(len(shown[shown["setting"] == setting]) for setting in settings)
    figure = new_figure(WIDTH, 0.45 * rows + 1.9)
    panels = figure.subplots(1, len(settings), squeeze=False)[0]
    for axes, setting in zip(panels, settings, strict=True):
        _panel(axes, shown[shown["setting"] == setting])
        axes.set_xlabel(f"difference in {score}, points")
        if setting:
            axes.set_title(setting.upper())
    figure.suptitle(title, fontsize=14, fontweight="bold")
    _legend(figure, shown)
    return figure


@styled
def claims_map(claims: pd.DataFrame) -> Figure:
    """All claims at once: what the paper's method gains in the paper (to the right) and here (upwards), a mark each with our 95 % interval.

    Marks in the shaded parts have the paper's direction. Only the direction is compared: the axes have scales of their own.

    Args:
        claims: of `table_reports.claims`; those without a verdict, or without a number of the paper, are left out.

    Raises:
        ValueError: no claim has a verdict.
    """
    said = claims[(claims["verdict"] != "") & claims["paper"].notna()]
    if said.empty:
        raise ValueError("no claim has a verdict: `avvp table all` measures them")
    figure = new_figure(WIDTH, 6.2)
    axes = figure.subplots()
    x = -_signed_root(said["paper"])
    left, right = min(-0.4, 1.1 * x.min()), 1.1 * max(0.4, x.max())
    bottom, top = min(-1, 1.2 * -said["high"].max()), max(1, 1.2 * -said["low"].min())
    axes.fill_between([0, right], 0, top, color="#EAF3F9", zorder=0)
    axes.fill_between([left, 0], 0, bottom, color="#EAF3F9", zorder=0)
    for verdict in ("undecided", "agrees", "disagrees"):
        mine = said["verdict"] == verdict
        colour, marker = VERDICT_STYLES[verdict]
        axes.vlines(x[mine], -said.loc[mine, "high"], -said.loc[mine, "low"], color=colour, alpha=0.35, linewidth=1.5)
        axes.plot(
            x[mine], -said.loc[mine, "ours"], marker, color=colour, markersize=7, label=f"{verdict}: {mine.sum()}"
        )
    axes.axhline(0, color=GREY, linewidth=1)
    axes.axvline(0, color=GREY, linewidth=1)
    ticks = np.array([value for value in TICKS if left < _signed_root(value) < right])
    axes.set_xticks(_signed_root(ticks), [f"{value:+g}" for value in ticks])
    axes.set_yscale("function", functions=(_signed_root, _signed_square))
    ticks = [value for value in TICKS if bottom < value < top]
    axes.set_yticks(ticks, [f"{value:+g}" for value in ticks])
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_xlabel("what the paper's method gains in the paper, points (square-root scale)")
    axes.set_ylabel("what it gains here, points (square-root scale)")
    axes.legend(loc="lower right")
    return figure


def _signed_root(values: np.ndarray) -> np.ndarray:
    """Square roots that keep the sign: differences reach from 0.1 to 50 points."""
    return np.sign(values) * np.sqrt(np.abs(values))


def _signed_square(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.square(values)


def _panel(axes: Axes, lines: pd.DataFrame) -> None:
    y = np.arange(len(lines))
    axes.axvline(0, color=GREY, linewidth=1)
    for place, line in zip(y, lines.itertuples(), strict=True):
        colour, marker = VERDICT_STYLES[line.verdict]
        axes.plot([line.low, line.high], [place + 0.12] * 2, color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(line.ours, place + 0.12, marker, color=colour, markersize=9)
        if not np.isnan(line.paper):
            axes.plot(line.paper, place - 0.18, "D", color=PAPER, markerfacecolor="white", markersize=8)
    axes.set_yticks(y, [f"{line.row} – {line.against}" for line in lines.itertuples()])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(axis="x", color="#DDDDDD")
    axes.margins(x=0.08)


def _legend(figure: Figure, lines: pd.DataFrame) -> None:
    """What the marks mean, below the panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="D", linestyle="", color=PAPER, markerfacecolor="white", markersize=8, label="paper")
    ]
    for verdict in ("agrees", "undecided", "disagrees"):
        if (lines["verdict"] == verdict).any():
            colour, marker = VERDICT_STYLES[verdict]
            handles.append(Line2D([], [], color=colour, marker=marker, markersize=9, label=f"ours, {verdict}"))
    if (lines["verdict"] == "").any():
        handles.append(Line2D([], [], color=GREY, marker="o", markersize=9, label="ours, the paper has no direction"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
