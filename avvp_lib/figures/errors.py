"""How many segments are wrong, and in which way: what single timelines cannot show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.error_kinds import ERRORS, KINDS
from avvp_lib.figures.style import MODALITY_COLOURS, WIDTH, new_figure, styled

# From mild to grave: the darker, the graver; hatches tell them apart without colour.
LOOKS = dict(zip(KINDS, (("#DEDEDE", ""), ("#F0C27B", "//"), ("#D98880", "xx"), ("#7B241C", "")), strict=True))
MEANINGS = {
    "edge": "edge: one second off",
    "time": "time: right category, elsewhere",
    "modality": "modality: in the other one",
    "category": "category: not there at all",
}


@styled
def error_bars(tables: Mapping[str, pd.DataFrame], videos: int) -> Figure:
    """Wrong segments a video by kind, a bar for each model and modality; false alarms to the left, misses to the right.

    Args:
        tables: of `error_kinds`, by the name to show.
        videos: how many videos the counts are of.
    """
    names, height = list(tables), 0.36
    figure = new_figure(WIDTH, 0.75 * len(names) + 1.7)
    axes = figure.subplots()
    for row, name in enumerate(names):
        for m, modality in enumerate(MODALITIES):
            y = row + (m - 0.5) * (height + 0.04)
            for error, direction in zip(ERRORS, (-1, 1), strict=True):
                _stack(axes, y, height, direction, _per_video(tables[name], modality, error, videos))
    reach = max(abs(x) for x in axes.get_xlim())
    for row in range(len(names)):
        for m, modality in enumerate(MODALITIES):
            y = row + (m - 0.5) * (height + 0.04)
            axes.text(
                -reach * 1.02, y, modality, color=MODALITY_COLOURS[modality], ha="right", va="center", fontsize=11
            )
    axes.set_yticks(range(len(names)), names, fontweight="bold")
    axes.tick_params(axis="y", length=0, pad=64)
    axes.axvline(0, color="black", linewidth=1)
    axes.set(xlim=(-reach, reach), ylim=(len(names) - 0.5, -0.5), xlabel="wrong segments a video")
    axes.xaxis.set_major_formatter(lambda x, _: f"{abs(x):g}")
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#DDDDDD")
    axes.set_title("false alarms", loc="left")
    axes.set_title("misses", loc="right")
    handles = [Patch(facecolor=LOOKS[k][0], hatch=LOOKS[k][1], edgecolor="white", label=MEANINGS[k]) for k in KINDS]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _per_video(table: pd.DataFrame, modality: str, error: str, videos: int) -> np.ndarray:
    """(4,) segments a video, in the order of the kinds."""
    mine = table[(table["modality"] == modality) & (table["error"] == error)].set_index("kind")["segments"]
    return mine.loc[list(KINDS)].to_numpy() / videos


def _stack(axes: Axes, y: float, height: float, direction: int, lengths: np.ndarray) -> None:
    start = 0.0
    for kind, length in zip(KINDS, lengths, strict=True):
        colour, hatch = LOOKS[kind]
        axes.barh(
            y, direction * length, height, left=start, color=colour, hatch=hatch, edgecolor="white", linewidth=0.8
        )
        start += direction * length
