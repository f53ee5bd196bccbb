"""What every training looks like: a panel a column of its history, a line a model, a ring at the epoch that was kept."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avvp_lib.figures.style import LINE_COLOURS, MARKERS, WIDTH, new_figure


def training_curves(
    histories: Mapping[str, pd.DataFrame], panels: Mapping[str, str], kept_by: str, height: float = 3.6
) -> tuple[Figure, list[Axes]]:
    """Draw histories with the column "epoch" and those of the panels.

    Args:
        histories: by title.
        panels: titles of the panels by column.
        kept_by: the column whose largest value decides which epoch was kept.
        height: inches.

    Returns:
        The figure and its panels; call it inside a function that is `styled`.
    """
    figure = new_figure(WIDTH, height)
    axes = list(figure.subplots(1, len(panels)))
    for i, (title, history) in enumerate(histories.items()):
        best = history[kept_by].idxmax()
        look = {"color": LINE_COLOURS[i % len(LINE_COLOURS)], "marker": MARKERS[i % len(MARKERS)], "markersize": 4}
        for panel, column in zip(axes, panels, strict=True):
            panel.plot(history["epoch"], history[column], label=title, **look)
            panel.scatter(
                history["epoch"][best], history[column][best], s=130, facecolor="none", edgecolor=look["color"]
            )
    for panel, title in zip(axes, panels.values(), strict=True):
        panel.set(title=title, xlabel="epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(color="#E5E5E5")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(histories), 3))
    return figure, axes
