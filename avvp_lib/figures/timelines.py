"""The timeline: one video from top to bottom, and when which event is heard and seen in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avvp_lib.features.media import Media
from avvp_lib.figures.lanes import HEAT, TRUTH, Grids, draw_heat_scale, draw_lanes, lane_handles, lanes_height, lanes_of
from avvp_lib.figures.pictures import draw_log_mel
from avvp_lib.figures.style import GREY, WIDTH, new_figure, styled

COLOURS_SHOWN_OF_FRAMES = 32  # grain in full colour would be most of a notebook
TALLEST_STRIP = 1.3  # inches of the row of frames


@styled
def timeline(
    media: Media | None,
    categories: Sequence[str],
    truth: Grids | None = None,
    predictions: Mapping[str, Grids] | None = None,
    title: str = "",
    probabilities: Mapping[str, np.ndarray] | None = None,
    threshold: float = 0.5,
) -> Figure:
    """A video from top to bottom: one frame a second, spectrogram, waveform, and when which event is heard and seen.

    Every category that is true, predicted or probable somewhere gets a lane per modality and source. Where the truth is known,
    the errors of predictions are marked; where it is not, predictions are drawn as they are. A model whose probabilities are
    given is drawn as heat, its predictions as frames around it.

    Args:
        media: the decoded clip, of any frame size; None if it cannot be shown, then there must be lanes.
        categories: C names.
        truth: audio and visual grid, each (T, C) bool, or None if unknown.
        predictions: by the name to show; each an audio and a visual grid, (T, C) bool.
        probabilities: by the same names, (T, 2, C) float of the segments before any gate.
        threshold: that made predictions of the probabilities; marked on their scale.

    Raises:
        ValueError: a grid is not (T, C) of one and the same shape, probabilities do not fit the grids, or there is nothing to draw.
    """
    sources = {**({TRUTH: truth} if truth is not None else {}), **(predictions or {})}
    if media is None and not sources:
        raise ValueError("a timeline needs a clip, the truth or a prediction to show")
    lanes = lanes_of(categories, truth, predictions, probabilities, threshold)
    seconds = len(next(iter(sources.values()))[0]) if media is None else len(media.waveform) / media.sample_rate
    heights = [] if media is None else [_thumbnail_size(media.frames, seconds)[1] * _column(seconds), 0.9, 0.55]
    heights += [lanes_height(lanes)] if sources else []
    scale = 0.75 if probabilities else 0.0
    figure = new_figure(WIDTH, sum(heights) + 1.1 + scale)
    figure.colours_shown = COLOURS_SHOWN_OF_FRAMES
    axes = figure.subplots(len(heights), sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    if media is not None:
        _draw_frames(axes[0], media, seconds)
        draw_log_mel(axes[1], media.waveform, media.sample_rate)
        _draw_waveform(axes[2], media.waveform, media.sample_rate)
    if sources:
        draw_lanes(axes[-1], lanes, categories)
        figure.legend(handles=lane_handles(lanes), loc="outside lower center", ncols=6)
    axes[0].set_title(title)
    axes[-1].set(xlim=(0, seconds), xticks=np.arange(0, seconds + 0.5), xlabel="time in seconds")
    axes[-1].tick_params(axis="x", length=4)
    if probabilities:
        draw_heat_scale(figure, axes[-1], threshold)
        figure.colours_kept = HEAT(np.arange(1, HEAT.N), bytes=True)[:, :3]
    return figure


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
