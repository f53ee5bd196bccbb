"""What a model weighs its segments with: bars for one video, and what is usual in all videos."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.figures.style import MODALITY_COLOURS, WIDTH, new_figure, styled

USUAL = (10, 90)
"""Percentiles over videos between which a weight is called usual."""


@styled
def segment_weights(weights: Mapping[str, np.ndarray], events: np.ndarray, video: int) -> Figure:
    """Weights over the segments of one video, audio above and visual below; a column for each kind of weight.

    Bars belong to the video. The line is the mean over all videos; strokes hold the middle 80 percent of them. The background is
    grey where the modality truly holds an event.

    Args:
        weights: by title, each (N, T, 2) float: videos, segments, modality (0 = audio).
        events: (N, T, 2) bool, whether a modality truly holds any event.
        video: the row to show.

    Raises:
        ValueError: weights have another shape than the events, or hold a NaN; names them. No such row.
    """
    for title, values in weights.items():
        if values.shape != events.shape or values.shape[2:] != (len(MODALITIES),):
            raise ValueError(
                f"the weights {title!r} have shape {values.shape} and the events {events.shape}; expected (N, T, 2)"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"the weights {title!r} hold a NaN or an infinity")
    if not 0 <= video < len(events):
        raise ValueError(f"there is no video {video} among {len(events)}")
    figure = new_figure(WIDTH, 5.2)
    panels = figure.subplots(len(MODALITIES), len(weights), squeeze=False, sharex=True, sharey="col")
    for column, (title, values) in enumerate(weights.items()):
        for m, modality in enumerate(MODALITIES):
            _draw_weights(panels[m, column], values[:, :, m], events[video, :, m], video, modality)
        panels[0, column].set_title(title)
        panels[-1, column].set_xlabel("segment")
    for m, modality in enumerate(MODALITIES):
        panels[m, 0].set_ylabel(modality, color=MODALITY_COLOURS[modality], fontweight="bold")
    entries = {
        label: handle for axes in panels[:, 0] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4)
    return figure


def _draw_weights(axes: Axes, values: np.ndarray, events: np.ndarray, video: int, modality: str) -> None:
    """One panel: (N, T) weights of one modality, and the (T,) events of the video."""
    segments = np.arange(values.shape[1])
    for label, segment in zip(("an event is there", *[None] * len(events)), np.flatnonzero(events), strict=False):
        axes.axvspan(segment - 0.5, segment + 0.5, color="#DDDDDD", linewidth=0, zorder=0, label=label)
    axes.bar(segments, values[video], 0.6, color=MODALITY_COLOURS[modality], label="this video", zorder=1)
    low, high = np.percentile(values, USUAL, axis=0)
    axes.vlines(segments, low, high, color="black", linewidth=1.5, label="80 % of videos", zorder=2)
    axes.plot(segments, values.mean(0), color="black", marker="o", markersize=4, label="mean of all videos", zorder=3)
    axes.set(xlim=(-0.5, len(segments) - 0.5), xticks=segments)
    axes.set_ylim(bottom=0)
