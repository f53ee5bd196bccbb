"""The annotation widget as a picture: frames, what was said about each second, and how far the work has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from avvp_lib.figures.style import GREY, LIGHT, VISUAL, WIDTH, new_figure, readable, styled

COLUMNS = 5
STATUS_COLOURS = {"done": VISUAL, "unlabelable": "#999999", "todo": LIGHT}
STATUS_WORDS = {"done": "done", "unlabelable": "cannot be labelled", "todo": "to do"}


@styled
def annotation_sheet(
    frames: np.ndarray | None,
    labels: np.ndarray,
    asked: np.ndarray,
    in_video_label: np.ndarray,
    categories: Sequence[str],
    title: str = "",
    status: str = "todo",
    progress: Mapping[str, int] | None = None,
) -> Figure:
    """One video with a button for every category; the bar of a button says in which seconds it is labelled.

    Args:
        frames: (T, H, W, 3) uint8, one a segment; None if the clip cannot be shown.
        labels: (T, C) bool, the labels given.
        asked: (T,) bool, the segments that are asked about; the others are pale.
        in_video_label: (C,) bool, the categories of the video label; they carry a star.
        categories: C names.
        title: above the frames, on the left.
        status: of the video: "todo", "done" or "unlabelable".
        progress: numbers of videos by status; None draws no bar.

    Raises:
        ValueError: labels, asked, in_video_label and categories do not fit each other.
    """
    segments, number = labels.shape
    if asked.shape != (segments,) or in_video_label.shape != (number,) or len(categories) != number:
        raise ValueError(
            f"labels {labels.shape} need asked ({segments},), in_video_label ({number},) and {number} names, not {asked.shape}, "
            f"{in_video_label.shape} and {len(categories)}"
        )
    rows = -(-number // COLUMNS)
    strip = 0.5 if frames is None else min(WIDTH / segments * frames.shape[1] / frames.shape[2], 1.5)
    heights = [strip, 0.52 * rows, *([0.3] if progress is not None else [])]
    figure = new_figure(WIDTH, sum(heights) + 1.2)
    axes = figure.subplots(len(heights), height_ratios=heights)
    _draw_strip(axes[0], frames, asked)
    axes[0].set_title(title, loc="left", fontweight="bold")
    axes[0].set_title(STATUS_WORDS[status], loc="right", color=GREY)
    _draw_buttons(axes[1], labels, in_video_label, categories)
    if progress is not None:
        _draw_progress(axes[2], progress)
    return figure


def _draw_strip(axes: Axes, frames: np.ndarray | None, asked: np.ndarray) -> None:
    segments = len(asked)
    for second in range(segments):
        box = (second + 0.03, second + 0.97, 0, 1)
        if frames is not None:
            axes.imshow(frames[second], extent=box, aspect="auto", alpha=1.0 if asked[second] else 0.3)
    if frames is None:
        axes.text(segments / 2, 0.5, "no picture", ha="center", va="center", color=GREY)
    axes.set(xlim=(0, segments), ylim=(0, 1), yticks=[])
    axes.set_xticks(np.arange(segments) + 0.5, [f"{second} s" for second in range(segments)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_buttons(axes: Axes, labels: np.ndarray, in_video_label: np.ndarray, categories: Sequence[str]) -> None:
    segments, rows = len(labels), -(-len(categories) // COLUMNS)
    for c, name in enumerate(categories):
        row, column = divmod(c, COLUMNS)
        x, y, given = column + 0.03, row + 0.1, bool(labels[:, c].any())
        edge = VISUAL if given else "#BBBBBB"
        look = {"facecolor": "#E3F0F8" if given else "white", "edgecolor": edge, "linewidth": 2.0 if given else 1.0}
        axes.add_patch(FancyBboxPatch((x, y), 0.94, 0.8, boxstyle="round,pad=0,rounding_size=0.03", **look))
        star = " ★" if in_video_label[c] else ""
        axes.text(x + 0.04, y + 0.3, readable(name) + star, va="center", fontweight="bold" if given else "normal")
        for second in range(segments):
            face = VISUAL if labels[second, c] else LIGHT
            cell = (x + 0.04 + 0.86 * second / segments, y + 0.56)
            axes.add_patch(Rectangle(cell, 0.86 / segments * 0.85, 0.14, facecolor=face, edgecolor="none"))
    axes.set(xlim=(0, COLUMNS), ylim=(rows, 0), xticks=[], yticks=[])
    if in_video_label.any():
        axes.set_xlabel("★ in the video label    bar: the seconds that have it", loc="right", color=GREY, fontsize=11)
    axes.spines[:].set_visible(False)


def _draw_progress(axes: Axes, progress: Mapping[str, int]) -> None:
    left, total = 0, max(sum(progress.values()), 1)
    for status, colour in STATUS_COLOURS.items():
        number = progress.get(status, 0)
        axes.barh(0, number / total, left=left, height=0.9, color=colour, edgecolor="white")
        left += number / total
    words = [f"{progress.get(status, 0)} {STATUS_WORDS[status]}" for status in STATUS_COLOURS]
    axes.set_xlabel(" · ".join(words), loc="left")
    axes.set(xlim=(0, 1), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
