"""Lanes: when a category is heard and seen, by the truth and by models; as bars, or as a heat of probabilities.

What a lane says (right, false alarm, missed, held back) is decided here once, for the figure and for the explorer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.patheffects
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from avvp_lib.corpora.events import MODALITIES, maximal_runs
from avvp_lib.figures.style import AUDIO, FALSE_ALARM, GREY, LIGHT, MODALITY_COLOURS, VISUAL, readable

TRUTH = "truth"
HEAT = colormaps["Purples"].resampled(20)
"""Probabilities from 0 (white) to 1 in steps of 0.05: none of the colours that mean heard, seen or wrong."""

Grids = tuple[np.ndarray, np.ndarray]
"""Audio and visual grid of one video, each (T, C) bool."""


@dataclass(frozen=True)
class Lane:
    """One row of a timeline: a category in one modality, by one source.

    Attributes:
        category: its index.
        modality: "audio" or "visual".
        source: "truth", or the name of a model.
        events: (T,) bool, what the source claims.
        truth: (T,) bool to mark errors against; None to draw the events plainly.
        probability: (T,) float of the segments; None to draw bars.
        threshold: that a probability must reach.
    """

    category: int
    modality: str
    source: str
    events: np.ndarray
    truth: np.ndarray | None = None
    probability: np.ndarray | None = None
    threshold: float = 0.5

    @property
    def right(self) -> np.ndarray:
        """(T,) bool: claimed, and true as far as is known."""
        return self.events if self.truth is None else self.events & self.truth

    @property
    def false_alarm(self) -> np.ndarray:
        """(T,) bool: claimed and not true."""
        return np.zeros_like(self.events) if self.truth is None else self.events & ~self.truth

    @property
    def missed(self) -> np.ndarray:
        """(T,) bool: true and not claimed."""
        return np.zeros_like(self.events) if self.truth is None else ~self.events & self.truth

    @property
    def held_back(self) -> np.ndarray:
        """(T,) bool: probable enough and yet not claimed, because a gate is closed."""
        if self.probability is None:
            return np.zeros_like(self.events)
        return (self.probability >= self.threshold) & ~self.events


def lanes_of(
    categories: Sequence[str],
    truth: Grids | None = None,
    predictions: Mapping[str, Grids] | None = None,
    probabilities: Mapping[str, np.ndarray] | None = None,
    threshold: float = 0.5,
) -> list[Lane]:
    """The lanes of a video: for every category that is true, claimed or probable somewhere, both modalities of every source.

    Args:
        categories: C names.
        truth: audio and visual grid, each (T, C) bool, or None if unknown.
        predictions: by model, an audio and a visual grid, (T, C) bool: what is left when threshold and gates have decided.
        probabilities: by model, (T, 2, C) float of the segments, before any gate; of some or all models of `predictions`.
        threshold: that the probabilities were held against.

    Raises:
        ValueError: an array has another shape than the others, or there are probabilities of a model without predictions.
    """
    probabilities = probabilities or {}
    sources = {**({TRUTH: truth} if truth is not None else {}), **(predictions or {})}
    if not sources and not probabilities:
        return []
    _check(sources, probabilities, len(categories))
    present = np.any([grid.any(axis=0) for grids in sources.values() for grid in grids], axis=0)
    for values in probabilities.values():
        present |= (values >= threshold).any(axis=(0, 1))
    return [
        Lane(
            int(category),
            modality,
            source,
            grids[m][:, category].astype(bool),
            truth[m][:, category].astype(bool) if truth is not None and source != TRUTH else None,
            probabilities[source][:, m, category] if source in probabilities else None,
            threshold,
        )
        for category in np.flatnonzero(present)
        for m, modality in enumerate(MODALITIES)
        for source, grids in sources.items()
    ]


def _check(sources: Mapping[str, Grids], probabilities: Mapping[str, np.ndarray], number: int) -> None:
    if unknown := sorted(probabilities.keys() - sources.keys()):
        raise ValueError(f"there are probabilities of {unknown[0]!r}, but no predictions")
    shape = next(iter(sources.values()))[0].shape
    for source, grids in sources.items():
        for modality, grid in zip(MODALITIES, grids, strict=True):
            if grid.shape != shape or grid.ndim != 2 or shape[1] != number:
                raise ValueError(
                    f"the {modality} grid of {source!r} has shape {grid.shape}; all must be (segments, "
                    f"{number} categories) with the same segments"
                )
    for source, values in probabilities.items():
        if values.shape != (shape[0], 2, number):
            raise ValueError(
                f"the probabilities of {source!r} have shape {values.shape}, not ({shape[0]}, 2, {number}) as its grids ask for"
            )


def lanes_height(lanes: Sequence[Lane]) -> float:
    """Inches that the lanes need."""
    rows = len(lanes) + 0.6 * len({lane.category for lane in lanes}) if lanes else 1.5
    return 0.26 * rows + 0.05


def draw_lanes(axes: Axes, lanes: Sequence[Lane], categories: Sequence[str]) -> None:
    """Draw lanes one below the other, those of a category on one ground; "no event" where there are none."""
    axes.spines[["left", "top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#CCCCCC", linewidth=0.8)
    if not lanes:
        axes.text(0.5, 0.5, "no event", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_yticks([])
        return
    only_truth = all(lane.source == TRUTH for lane in lanes)
    labels = [lane.modality if only_truth else f"{lane.modality}, {lane.source}" for lane in lanes]
    new = np.array([i > 0 and lane.category != lanes[i - 1].category for i, lane in enumerate(lanes)])
    heights = np.arange(len(lanes)) + 0.6 * np.cumsum(new)
    for lane, y in zip(lanes, heights, strict=True):
        (_draw_events if lane.probability is None else _draw_heat)(axes, lane, y)
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


def _draw_events(axes: Axes, lane: Lane, y: float) -> None:
    """The runs of one lane, errors apart: what is right is filled, a false alarm crossed, a miss striped and empty."""
    colour = MODALITY_COLOURS[lane.modality]
    axes.hlines(y, 0, len(lane.events), color="#BBBBBB", linewidth=0.8, zorder=1)
    _draw_runs(axes, lane.right, y, facecolor=colour, edgecolor="white")
    _draw_runs(axes, lane.false_alarm, y, facecolor=FALSE_ALARM, edgecolor="white", hatch="xxx")
    _draw_runs(axes, lane.missed, y, facecolor="white", edgecolor=colour, hatch="////", linestyle="--")


def _draw_heat(axes: Axes, lane: Lane, y: float) -> None:
    """Probabilities as colours; what is claimed has a frame, what a gate holds back a dotted one, errors have a sign."""
    segments = len(lane.events)
    edges, band = np.arange(segments + 1), (y - 0.42, y + 0.42)
    values = lane.probability[None].clip(0, 1)
    axes.pcolormesh(edges, band, values, cmap=HEAT, vmin=0, vmax=1, zorder=1.5)
    _draw_runs(axes, lane.events, y, facecolor="none", edgecolor="black", linewidth=1.6)
    _draw_runs(axes, lane.held_back, y, facecolor="none", edgecolor="black", linewidth=1.2, linestyle=":")
    halo = [matplotlib.patheffects.withStroke(linewidth=2.6, foreground="white")]
    for wrong, marker in ((lane.false_alarm, "x"), (lane.missed, "o")):
        middles = np.flatnonzero(wrong) + 0.5
        axes.plot(middles, np.full(len(middles), y), **_sign(marker), path_effects=halo, zorder=4)


def _sign(marker: str) -> dict[str, object]:
    return {
        "linestyle": "none", "marker": marker, "markersize": 6.5, "markeredgewidth": 1.8, "color": FALSE_ALARM,
        "markerfacecolor": "none",
    }  # fmt: skip


def _draw_runs(axes: Axes, segments: np.ndarray, y: float, **look: object) -> None:
    runs = maximal_runs(segments[None])
    axes.broken_barh(list(zip(runs.onset, runs.length, strict=True)), (y - 0.38, 0.76), **look, zorder=3)


def draw_heat_scale(figure: Figure, axes: Axes, threshold: float) -> None:
    """The colour bar of probabilities under `axes`, with a line at the threshold."""
    mappable = ScalarMappable(cmap=HEAT)
    mappable.set_clim(0, 1)
    bar = figure.colorbar(mappable, ax=axes, location="bottom", fraction=0.5, shrink=0.5, aspect=45, pad=0.02)
    bar.set_label(f"probability of the segment; the line is the threshold, {threshold:g}")
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
    bar.ax.axvline(threshold, color="black", linewidth=2.5)
    bar.ax.plot(
        threshold, 1.25, "v", color="black", markersize=8, clip_on=False, transform=bar.ax.get_xaxis_transform()
    )


def lane_handles(lanes: Sequence[Lane]) -> list[Patch | Line2D]:
    """What a legend of these lanes explains."""
    heat = [lane for lane in lanes if lane.probability is not None]
    bars = [lane for lane in lanes if lane.probability is None]
    handles: list[Patch | Line2D] = []
    if bars or not lanes:
        handles += [Patch(facecolor=AUDIO, label="heard"), Patch(facecolor=VISUAL, label="seen")]
    if any(lane.truth is not None for lane in bars):
        handles += [
            Patch(facecolor=FALSE_ALARM, edgecolor="white", hatch="xxx", label="false alarm"),
            Patch(facecolor="white", edgecolor=GREY, hatch="////", linestyle="--", label="missed"),
        ]
    if heat:
        handles += [
            Patch(facecolor="none", edgecolor="black", linewidth=1.6, label="claimed"),
            Patch(facecolor="none", edgecolor="black", linestyle=":", label="held back by the gate"),
        ]
    if any(lane.truth is not None for lane in heat):
        handles += [Line2D([], [], label="false alarm", **_sign("x")), Line2D([], [], label="missed", **_sign("o"))]
    return handles
