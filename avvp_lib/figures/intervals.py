"""Numbers with their intervals, side by side: what differs, and what only seems to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from avvp_lib.figures.style import GREY, LIGHT, LINE_COLOURS, MARKERS, WIDTH, new_figure, styled

SPREAD = 0.56  # of a row's height, over which its marks are spread
ROW, MARK = 0.45, 0.17  # inches: the least height of a row, and what each of its marks needs


@styled
def interval_dots(
    table: pd.DataFrame, rows: str, panels: str, marks: str, chance: Mapping[str, float] | None = None
) -> Figure:
    """A dot with its interval for every row of a table: a panel for each kind of number, a line for each thing, a mark for each way.

    Args:
        table: columns mean, low and high, and the three that are named next; order is that of first appearance, the first line on top.
        rows, panels, marks: columns that say which line, which panel and which mark.
        chance: by panel, a value that knows nothing; a dashed line.

    Raises:
        ValueError: a column is missing, a number would be drawn twice, or there are more marks than can be told apart.
    """
    if missing := {rows, panels, marks, "mean", "low", "high"} - set(table):
        raise ValueError(f"the table has no column {', '.join(sorted(missing))}")
    if (twice := table.duplicated([rows, panels, marks])).any():
        raise ValueError(f"two numbers for {tuple(table.loc[twice, [rows, panels, marks]].iloc[0])}")
    lines, kinds, ways = (list(dict.fromkeys(table[column])) for column in (rows, panels, marks))
    if len(ways) > len(LINE_COLOURS):
        raise ValueError(f"{len(ways)} marks, but only {len(LINE_COLOURS)} colours")
    offsets = np.linspace(-SPREAD / 2, SPREAD / 2, len(ways)) if len(ways) > 1 else np.zeros(1)
    figure = new_figure(WIDTH, max(ROW, MARK * len(ways)) * len(lines) + 1.5)
    grid = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(grid, kinds, strict=True):
        for line in range(0, len(lines), 2):
            axes.axhspan(line - 0.5, line + 0.5, color=LIGHT, linewidth=0)
        if chance and kind in chance:
            axes.axvline(chance[kind], color=GREY, linewidth=1.5, linestyle="--", label="chance")
        for way, (name, offset) in enumerate(zip(ways, offsets, strict=True)):
            mine = table[(table[panels] == kind) & (table[marks] == name)]
            y = np.array([lines.index(line) for line in mine[rows]]) + offset
            axes.hlines(y, mine["low"], mine["high"], color=LINE_COLOURS[way])
            axes.scatter(mine["mean"], y, s=55, marker=MARKERS[way], color=LINE_COLOURS[way], label=name, zorder=3)
        axes.set(xlabel=kind, ylim=(len(lines) - 0.5, -0.5))
        axes.set_yticks(range(len(lines)), lines)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels) if len(labels) <= 4 else 3)
    return figure
