"""Figures about features: which moments a backbone looks at, what it sees there, and how alike that is over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from avvp_lib.corpora.events import MODALITIES, maximal_runs
from avvp_lib.features.media import Media
from avvp_lib.features.similarity import cosine_over_time
from avvp_lib.figures.pictures import LOUDNESS
from avvp_lib.figures.style import (
    COLOURS_SHOWN,
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


@styled
def sampling_moments(moments: Mapping[str, np.ndarray], segments: int = 10) -> Figure:
    """Which moments of a clip are looked at, one line a rule, over the segments they stand for.

    Args:
        moments: by the rule's name, any number of times in seconds.
        segments: of one second each.
    """
    figure = new_figure(WIDTH, 0.5 * len(moments) + 1.0)
    axes = figure.subplots()
    for second in range(0, segments, 2):
        axes.axvspan(second, second + 1, color=LIGHT, linewidth=0)
    for y, times in enumerate(moments.values()):
        axes.hlines(y, 0, segments, color="#BBBBBB", linewidth=0.8)
        axes.scatter(
            times, np.full(len(times), y), s=60, marker=MARKERS[y % len(MARKERS)], color=LINE_COLOURS[y], zorder=3
        )
    axes.set_yticks(range(len(moments)), list(moments))
    latest = max(float(np.max(times)) for times in moments.values())
    axes.set(ylim=(len(moments) - 0.5, -0.5), xlim=(-0.1, max(segments, latest) + 0.1), xlabel="time in seconds")
    axes.set_xticks(range(segments + 1))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


@styled
def segment_spectrograms(spectrograms: np.ndarray) -> Figure:
    """The spectrogram of each segment by itself, side by side: time to the right, pitch upwards, one colour scale.

    Args:
        spectrograms: (T, frames, bands) float.
    """
    figure = new_figure(WIDTH, WIDTH / len(spectrograms) + 0.3)
    figure.colours_shown = COLOURS_SHOWN // 2  # one colour scale: half of a palette shows it as well
    low, high = np.percentile(spectrograms, (2, 99.8))
    for second, (axes, picture) in enumerate(zip(figure.subplots(1, len(spectrograms)), spectrograms, strict=True)):
        axes.imshow(picture.T, origin="lower", cmap=LOUDNESS, vmin=low, vmax=high)
        axes.set_title(f"segment {second}", fontsize=11)
        axes.set(xticks=[], yticks=[])
    return figure


@styled
def self_similarity(
    features: Mapping[str, tuple[str, np.ndarray]], truth: tuple[np.ndarray, np.ndarray], categories: Sequence[str]
) -> Figure:
    """Cosine of every segment of a video with every other, a panel a backbone, over the events of its modality.

    Args:
        features: by the backbone's name, its modality ("audio" or "visual") and its (T, D) features.
        truth: audio and visual grid, each (T, C) bool.
        categories: C names.
    """
    present = np.flatnonzero((truth[0] | truth[1]).any(0))
    side = (WIDTH - 1.6) / len(features)
    lanes = 0.3 * max(len(present), 1)
    figure = new_figure(WIDTH, side + lanes + 0.9)
    grid = GridSpec(2, len(features), figure, height_ratios=(side, lanes))
    for column, (name, (modality, values)) in enumerate(features.items()):
        panel = figure.add_subplot(grid[0, column])
        segments = len(values)
        picture = panel.imshow(cosine_over_time(values), cmap="cividis", extent=(0, segments, segments, 0), vmax=1)
        figure.colorbar(picture, ax=panel, location="top", shrink=0.8, label=f"{name}: cosine")
        panel.set(xticks=range(0, segments + 1, 2), yticks=range(0, segments + 1, 2))
        panel.set_ylabel("time in seconds" if column == 0 else "")
        panel.tick_params(length=0)
        panel.spines[:].set_visible(False)
        below = figure.add_subplot(grid[1, column], sharex=panel)
        _draw_lanes(below, truth[MODALITIES.index(modality)][:, present], MODALITY_COLOURS[modality])
        below.set_yticks(np.arange(len(present)), [readable(categories[c]) for c in present] if column == 0 else [])
        below.set_xlabel("heard" if modality == "audio" else "seen", color=MODALITY_COLOURS[modality], weight="bold")
    return figure


def _draw_lanes(axes: Axes, events: np.ndarray, colour: str) -> None:
    """The runs of a (T, K) bool grid, one lane a column."""
    runs = maximal_runs(events.T)
    axes.hlines(np.arange(events.shape[1]), 0, len(events), color="#BBBBBB", linewidth=0.8)
    for row, onset, length in zip(runs.row, runs.onset, runs.length, strict=True):
        axes.broken_barh([(onset, length)], (row - 0.36, 0.72), facecolor=colour)
    axes.set_ylim(events.shape[1] - 0.4, -0.6)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[:].set_visible(False)


@styled
def change_pictures(media: Media, descriptor: np.ndarray, channels: int = 40, looks: int = 4) -> Figure:
    """What changes within each second: in the picture, and in the channels of a descriptor that vary most over the video.

    The picture is averaged over blocks of pixels first, so that grain does not count as change.

    Args:
        media: as many seconds as the descriptor has segments, at a multiple of `looks` frames a second.
        descriptor: (T, D) float.
        channels: of the descriptor, how many to show; those that peak first lie on top.
        looks: frames that are compared within a second.
    """
    seconds = len(descriptor)
    frames = media.frames.reshape(seconds, -1, *media.frames.shape[1:])
    looked_at = _blocks(frames[:, :: frames.shape[1] // looks].mean(-1))
    rows = {
        "frame": frames[:, frames.shape[1] // 2],
        "change in\nthe picture": np.abs(np.diff(looked_at, axis=1)).mean(1),
    }
    varied = np.argsort(-descriptor.std(0), kind="stable")[:channels]
    shown = descriptor[:, varied[np.argsort(descriptor[:, varied].argmax(0), kind="stable")]].T
    side = (WIDTH - 1.5) / seconds
    figure = new_figure(WIDTH, 2 * side + 3.0)
    grid = GridSpec(3, seconds, figure, height_ratios=(side, side, 2.4))
    for line, (name, pictures) in enumerate(rows.items()):
        for second, picture in enumerate(pictures):
            axes = figure.add_subplot(grid[line, second])
            axes.imshow(picture, cmap="magma", vmin=0, vmax=np.percentile(pictures, 99.8))
            axes.set(xticks=[], yticks=[], title=f"segment {second}" if line == 0 else "")
            axes.title.set_fontsize(11)
            axes.spines[:].set_visible(False)
            if second == 0:
                axes.set_ylabel(name, rotation=0, ha="right", va="center")
    below = figure.add_subplot(grid[2, :])
    below.imshow(shown, aspect="auto", cmap="magma", interpolation="nearest")
    below.set(xticks=range(seconds), yticks=[], xlabel="segment")
    below.set_ylabel("channels", rotation=0, ha="right", va="center")
    return figure


@styled
def input_effect_lines(effects: pd.DataFrame) -> Figure:
    """Mean cosine of each segment with what it was, a line a choice, a panel a modality; the next second as a yardstick.

    Args:
        effects: as `features.input_choices.input_effects` returns them.
    """
    figure = new_figure(WIDTH, 4.3)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, modality in zip(panels, MODALITIES, strict=True):
        mine = effects[effects["modality"] == modality]
        means = mine.groupby(["choice", "segment"], sort=False)["cosine"].mean().unstack("choice")
        yardstick = mine.loc[mine["choice"] == "next second", "cosine"].mean()
        axes.axhline(yardstick, color=GREY, linewidth=1.5, linestyle="--", label="next second")
        for number, choice in enumerate(name for name in means if name != "next second"):
            line = {"color": LINE_COLOURS[number], "marker": MARKERS[number], "label": choice}
            axes.plot(means.index, means[choice], **line)
        axes.set(title=modality, xlabel="segment", xticks=means.index)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, -0.38), ncols=4, columnspacing=1.0, handlelength=1.5)
    panels[0].set_ylabel("cosine with the usual features")
    panels[0].set_ylim(top=1.01)
    return figure


def _blocks(pictures: np.ndarray, side: int = 4) -> np.ndarray:
    """(..., H, W) -> (..., H // side, W // side): means over squares; what is left over at the borders is cut."""
    height, width = (size // side for size in pictures.shape[-2:])
    cut = pictures[..., : height * side, : width * side]
    return cut.reshape(*cut.shape[:-2], height, side, width, side).mean((-3, -1))
