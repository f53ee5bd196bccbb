"""A long video at a glance: a lane for every category and modality, probabilities as heat, windows and cuts above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from avvp_lib.corpora.events import MODALITIES, maximal_runs
from avvp_lib.figures.style import AUDIO, GREY, LIGHT, MODALITY_COLOURS, VISUAL, WIDTH, new_figure, readable, styled

LANE = 0.27  # inches


@styled
def long_timeline(
    segment_prob: np.ndarray,
    decided: tuple[np.ndarray, np.ndarray],
    categories: Sequence[str],
    truth: tuple[np.ndarray, np.ndarray] | None = None,
    window_starts: Sequence[int] = (),
    window_seconds: int = 10,
    title: str = "",
) -> Figure:
    """When what is heard and seen in a video of any length: heat for the probability, frames for what was decided, bars for the truth.

    Every category that is decided or true somewhere has a lane in each modality in which it is.

    Args:
        segment_prob: (S, 2, C) float in [0, 1], index 0 audio.
        decided: audio and visual grid, each (S, C) bool.
        categories: C names.
        truth: audio and visual grid, each (S, C) bool, or None if unknown.
        window_starts: first segments of the windows, drawn as brackets above.
        window_seconds: how long a window is.

    Raises:
        ValueError: a grid is not (S, C).
    """
    segments, _, count = segment_prob.shape
    grids = {"decided": decided, **({} if truth is None else {"true": truth})}
    for name, pair in grids.items():
        for modality, grid in zip(MODALITIES, pair, strict=True):
            if grid.shape != (segments, count) or count != len(categories):
                raise ValueError(
                    f"the {modality} grid that is {name} has shape {grid.shape}, not ({segments}, {count})"
                )
    present = np.any([np.stack([grid.any(0) for grid in pair]) for pair in grids.values()], axis=0)  # (2, C)
    lanes = [(c, m) for c in range(count) for m in range(2) if present[m, c]]
    brackets = 0.22 * _rows(window_starts, window_seconds) if len(window_starts) else 0.0
    heights = [*([brackets] if brackets else []), max(LANE * len(lanes), 0.6)]
    figure = new_figure(WIDTH, sum(heights) + 1.3)
    axes = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    if brackets:
        _draw_windows(axes[0], window_starts, window_seconds)
    _draw_lanes(axes[-1], lanes, segment_prob, decided, truth, categories)
    figure.legend(handles=_handles(truth is not None), loc="outside lower center", ncols=4)
    axes[0].set_title(title)
    axes[-1].set(xlim=(0, segments), xlabel="time in seconds")
    return figure


def _rows(starts: Sequence[int], length: int) -> int:
    """How many rows it takes to draw windows without overlap."""
    return max(sum(a <= start < a + length for a in starts) for start in starts)


def _draw_windows(axes: Axes, starts: Sequence[int], length: int) -> None:
    """Each window as a line in the first row that is free."""
    free: list[int] = []
    for start in starts:
        row = next((row for row, until in enumerate(free) if until <= start), len(free))
        free[row : row + 1] = [start + length]
        axes.plot([start + 0.15, start + length - 0.15], [row, row], color=GREY, linewidth=3, solid_capstyle="butt")
    axes.set(ylim=(len(free) - 0.5, -0.5), yticks=[])
    axes.set_ylabel("windows", rotation=0, ha="right", va="center")
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _draw_lanes(
    axes: Axes,
    lanes: Sequence[tuple[int, int]],
    segment_prob: np.ndarray,
    decided: tuple[np.ndarray, np.ndarray],
    truth: tuple[np.ndarray, np.ndarray] | None,
    categories: Sequence[str],
) -> None:
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not lanes:
        axes.text(0.5, 0.5, "no event", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_yticks([])
        return
    for row, (category, m) in enumerate(lanes):
        colour = MODALITY_COLOURS[MODALITIES[m]]
        heat = LinearSegmentedColormap.from_list(colour, ["white", colour])
        strip = segment_prob[None, :, m, category]
        axes.imshow(
            strip, extent=(0, strip.shape[1], row + 0.42, row - 0.28), aspect="auto", cmap=heat, vmin=0, vmax=1.25,
            interpolation="nearest",
        )  # fmt: skip
        runs = maximal_runs(decided[m][None, :, category])
        spans = list(zip(runs.onset, runs.length, strict=True))
        axes.broken_barh(spans, (row - 0.28, 0.7), facecolor="none", edgecolor="black", linewidth=1.6, zorder=3)
        if truth is not None:
            runs = maximal_runs(truth[m][None, :, category])
            spans = list(zip(runs.onset, runs.length, strict=True))
            axes.broken_barh(spans, (row - 0.46, 0.15), facecolor="black", edgecolor="none", zorder=4)
    axes.set_yticks(range(len(lanes)), [f"{readable(categories[c])}, {('heard', 'seen')[m]}" for c, m in lanes])
    for tick, (_, m) in zip(axes.get_yticklabels(), lanes, strict=True):
        tick.set_color(MODALITY_COLOURS[MODALITIES[m]])
    for row in range(1, len(lanes)):
        if lanes[row][0] != lanes[row - 1][0]:
            axes.axhline(row - 0.53, color=LIGHT, linewidth=1.5, zorder=0)
    axes.set_ylim(len(lanes) - 0.45, -0.6)


def _handles(with_truth: bool) -> list[Patch]:
    handles = [
        Patch(facecolor=AUDIO, alpha=0.6, label="heard: probability"),
        Patch(facecolor=VISUAL, alpha=0.6, label="seen: probability"),
        Patch(facecolor="none", edgecolor="black", linewidth=1.6, label="event found"),
    ]
    return [*handles, *([Patch(facecolor="black", label="true event (thin bar above)")] if with_truth else [])]
