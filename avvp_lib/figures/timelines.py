"""The timeline: one video from top to bottom, and when which event is heard and seen in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from avvp_lib.corpora.events import MODALITIES, maximal_runs
from avvp_lib.features.media import Media
from avvp_lib.figures.pictures import draw_log_mel
from avvp_lib.figures.style import (
    AUDIO,
    FALSE_ALARM,
    GREY,
    LIGHT,
    MODALITY_COLOURS,
    VISUAL,
    WIDTH,
    new_figure,
    readable,
    styled,
)

TALLEST_STRIP = 1.3  # inches of the row of frames

Grids = tuple[np.ndarray, np.ndarray]
"""Audio and visual grid of one video, each (T, C) bool."""


class _Lane(NamedTuple):
    """One row of a timeline: a category in one modality, by one source."""

    category: int
    modality: str
    source: str
    events: np.ndarray  # (T,) bool
    truth: np.ndarray | None  # (T,) bool to mark errors against; None to draw the events plainly


@styled
def timeline(
    media: Media,
    categories: Sequence[str],
    truth: Grids | None = None,
    predictions: Mapping[str, Grids] | None = None,
    title: str = "",
) -> Figure:
    """A video from top to bottom: one frame a second, spectrogram, waveform, and when which event is heard and seen.

    Every category that is true or predicted somewhere gets a lane per modality and source. Where the truth is known,
    the errors of predictions are marked; where it is not, predictions are drawn as they are.

    Args:
        media: the decoded clip, of any frame size.
        categories: C names.
        truth: audio and visual grid, each (T, C) bool, or None if unknown.
        predictions: by the name to show; each an audio and a visual grid, (T, C) bool.

    Raises:
        ValueError: a grid is not (T, C) of one and the same shape.
    """
    sources = {**({"truth": truth} if truth is not None else {}), **(predictions or {})}
    lanes = _lanes(sources, truth, categories)
    seconds = len(media.waveform) / media.sample_rate
    rows = len(lanes) + 0.6 * len({lane.category for lane in lanes}) if lanes else 1.5
    strip = _thumbnail_size(media.frames, seconds)[1] * _column(seconds)
    heights = [strip, 0.9, 0.55, *([0.26 * rows + 0.05] if sources else [])]
    figure = new_figure(WIDTH, sum(heights) + 1.1)
    axes = figure.subplots(len(heights), sharex=True, height_ratios=heights)
    _draw_frames(axes[0], media, seconds)
    draw_log_mel(axes[1], media.waveform, media.sample_rate)
    _draw_waveform(axes[2], media.waveform, media.sample_rate)
    if sources:
        _draw_lanes(axes[3], lanes, categories)
        figure.legend(handles=_event_handles(lanes), loc="outside lower center", ncols=4)
    axes[0].set_title(title)
    axes[-1].set(xlim=(0, seconds), xticks=np.arange(0, seconds + 0.5), xlabel="time in seconds")
    axes[-1].tick_params(axis="x", length=4)
    return figure


def _lanes(sources: Mapping[str, Grids], truth: Grids | None, categories: Sequence[str]) -> list[_Lane]:
    if not sources:
        return []
    shape = next(iter(sources.values()))[0].shape
    for source, grids in sources.items():
        for modality, grid in zip(MODALITIES, grids, strict=True):
            if grid.shape != shape or grid.ndim != 2 or shape[1] != len(categories):
                raise ValueError(
                    f"the {modality} grid of {source!r} has shape {grid.shape}; all must be (segments, "
                    f"{len(categories)} categories) with the same segments"
                )
    present = np.any([grid.any(axis=0) for grids in sources.values() for grid in grids], axis=0)
    return [
        _Lane(
            category,
            modality,
            source,
            grids[m][:, category].astype(bool),
            truth[m][:, category].astype(bool) if truth is not None and source != "truth" else None,
        )
        for category in np.flatnonzero(present)
        for m, modality in enumerate(MODALITIES)
        for source, grids in sources.items()
    ]


def _thumbnail_size(frames: np.ndarray, seconds: float) -> tuple[float, float]:
    """Width and height of a frame that fits into its second's column, in seconds; upright pictures stay below the limit."""
    _, height, width, _ = frames.shape
    wide = min(0.96, TALLEST_STRIP / _column(seconds) * width / height)
    return wide, wide * height / width


def _column(seconds: float) -> float:
    """Inches that a second is wide, at most: lane labels take their share of the figure."""
    return 0.93 * WIDTH / seconds


def _draw_frames(axes: Axes, media: Media, seconds: float) -> None:
    """The frame in the middle of each second, its aspect kept: one unit upwards is as long as one second."""
    wide, tall = _thumbnail_size(media.frames, seconds)
    for second in range(int(seconds)):
        frame = media.frames[min(int((second + 0.5) * media.fps), len(media.frames) - 1)]
        left = second + 0.5 - wide / 2
        axes.imshow(frame, extent=(left, left + wide, 0, tall), interpolation="antialiased")
    axes.set_aspect("equal", anchor="S")
    axes.set(ylim=(0, tall), yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _draw_waveform(axes: Axes, waveform: np.ndarray, sample_rate: int, columns: int = 1000) -> None:
    """The range of the samples in each of `columns` short stretches: what a line through all samples looks like."""
    stretches = np.array_split(waveform, min(columns, len(waveform)))
    low, high = np.array([(stretch.min(), stretch.max()) for stretch in stretches]).T
    time = np.linspace(0, len(waveform) / sample_rate, len(stretches))
    axes.fill_between(time, low, high, color=GREY, linewidth=0.4)
    limit = max(float(np.abs(waveform).max()), 1e-3)
    axes.set(ylim=(-limit, limit), yticks=[])
    axes.set_ylabel("waveform", rotation=0, ha="right", va="center")
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _draw_lanes(axes: Axes, lanes: Sequence[_Lane], categories: Sequence[str]) -> None:
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#CCCCCC", linewidth=0.8)
    if not lanes:
        axes.text(0.5, 0.5, "no event", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_yticks([])
        return
    only_truth = all(lane.source == "truth" for lane in lanes)
    labels = [lane.modality if only_truth else f"{lane.modality}, {lane.source}" for lane in lanes]
    new = np.array([i > 0 and lane.category != lanes[i - 1].category for i, lane in enumerate(lanes)])
    heights = np.arange(len(lanes)) + 0.6 * np.cumsum(new)
    for lane, y in zip(lanes, heights, strict=True):
        _draw_events(axes, lane, y)
    groups = {c: heights[[lane.category == c for lane in lanes]] for c in dict.fromkeys(x.category for x in lanes)}
    for ys in groups.values():
        axes.axhspan(ys[0] - 0.6, ys[-1] + 0.6, color=LIGHT, zorder=0, linewidth=0)
    axes.set_yticks(heights, labels)
    for tick, lane in zip(axes.get_yticklabels(), lanes, strict=True):
        tick.set_color(MODALITY_COLOURS[lane.modality])
    axes.set_yticks([ys.mean() for ys in groups.values()], [readable(categories[c]) for c in groups], minor=True)
    axes.tick_params(axis="y", which="both", length=0)
    axes.tick_params(axis="y", which="minor", pad=14 + 6.1 * max(map(len, labels)))
    for tick in axes.get_yticklabels(minor=True):
        tick.set_fontweight("bold")
    axes.set_ylim(heights[-1] + 0.7, -0.7)


def _draw_events(axes: Axes, lane: _Lane, y: float) -> None:
    """The runs of one lane, errors apart: what is right is filled, a false alarm crossed, a miss striped and empty."""
    colour = MODALITY_COLOURS[lane.modality]
    axes.hlines(y, 0, len(lane.events), color="#BBBBBB", linewidth=0.8, zorder=1)
    if lane.truth is None:
        parts = [(lane.events, {"facecolor": colour, "edgecolor": "white"})]
    else:
        parts = [
            (lane.events & lane.truth, {"facecolor": colour, "edgecolor": "white"}),
            (lane.events & ~lane.truth, {"facecolor": FALSE_ALARM, "edgecolor": "white", "hatch": "xxx"}),
            (
                ~lane.events & lane.truth,
                {"facecolor": "white", "edgecolor": colour, "hatch": "////", "linestyle": "--"},
            ),
        ]
    for segments, look in parts:
        runs = maximal_runs(segments[None])
        axes.broken_barh(list(zip(runs.onset, runs.length, strict=True)), (y - 0.38, 0.76), **look, zorder=2)


def _event_handles(lanes: Sequence[_Lane]) -> list[Patch]:
    handles = [Patch(facecolor=AUDIO, label="heard"), Patch(facecolor=VISUAL, label="seen")]
    if any(lane.truth is not None for lane in lanes):
        handles += [
            Patch(facecolor=FALSE_ALARM, edgecolor="white", hatch="xxx", label="false alarm"),
            Patch(facecolor="white", edgecolor=GREY, hatch="////", linestyle="--", label="missed"),
        ]
    return handles
