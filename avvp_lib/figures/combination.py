"""Random combination as pictures: which label sets the new videos have, and one of them with the tracks it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from avvp_lib.corpora.events import maximal_runs
from avvp_lib.features.media import Media
from avvp_lib.figures.pictures import draw_log_mel
from avvp_lib.figures.style import AUDIO, GREY, LIGHT, LINE_COLOURS, VISUAL, WIDTH, new_figure, readable, styled

SETS_SHOWN = 24
GENERATED_MARKERS = "oDs^"


@styled
def label_set_distribution(
    names: Sequence[str], target: np.ndarray, generated: Mapping[str, np.ndarray], separator: str = "|"
) -> Figure:
    """How often each label set occurs: bars for the training videos, a marker for each set of new videos.

    Left the most frequent `SETS_SHOWN` sets, a row each; right all of them together, all other sets of the target, and what is no
    target at all.

    Args:
        names: K label sets, categories joined by `separator`.
        target: (K,) counts of the training videos.
        generated: by title, counts of new videos: (K,) or, with one more entry for sets that are none of the K, (K + 1,).
        separator: see `names`.

    Raises:
        ValueError: counts do not fit the names.
    """
    shares = {"training videos (target)": _percent(target, len(names))}
    shares |= {title: _percent(counts, len(names)) for title, counts in generated.items()}
    order = np.argsort(-next(iter(shares.values()))[:-1], kind="stable")
    shown, rest = order[:SETS_SHOWN], order[SETS_SHOWN:]
    figure = new_figure(WIDTH, 0.28 * len(shown) + 1.4)
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1))
    handles = _draw_shares(left, {title: share[shown] for title, share in shares.items()})
    left.set_yticks(range(len(shown)), [" + ".join(map(readable, names[k].split(separator))) for k in shown])
    left.set_title("label sets", loc="left")
    groups = {f"these {len(shown)}": shown, f"{len(rest)} other targets": rest, "no target": [len(names)]}
    groups = {name: group for name, group in groups.items() if len(group)}
    sums = {title: np.array([share[group].sum() for group in groups.values()]) for title, share in shares.items()}
    _draw_shares(right, sums)
    right.set_yticks(range(len(groups)), groups)
    right.set_title("all together", loc="left")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_shares(axes: Axes, rows: Mapping[str, np.ndarray]) -> list[Artist]:
    """The first of some distributions over the same rows as bars, the others as markers; returns what a legend lists."""
    (title, target), *others = rows.items()
    y = np.arange(len(target))
    handles: list[Artist] = [axes.barh(y, target, 0.72, color="#CFCFCF", label=title)]
    for i, (title, share) in enumerate(others):
        look = {"facecolor": LINE_COLOURS[i]} if i == 0 else {"facecolor": "none", "edgecolor": LINE_COLOURS[i]}
        marker = GENERATED_MARKERS[i % len(GENERATED_MARKERS)]
        handles.append(axes.scatter(share, y, s=52, marker=marker, linewidth=1.8, label=title, zorder=3, **look))
    axes.set(ylim=(len(y) - 0.4, -0.6), xlabel="percent of videos")
    axes.set_xlim(0, 1.08 * max(row.max() for row in rows.values()))
    axes.grid(axis="x", color="#E5E5E5")
    axes.tick_params(axis="y", length=0)
    return handles


def _percent(counts: np.ndarray, number: int) -> np.ndarray:
    """(number + 1,) shares in percent; the last is of what is none of the sets."""
    counts = np.asarray(counts, float)
    if counts.shape not in ((number,), (number + 1,)) or counts.sum() <= 0:
        raise ValueError(f"counts {counts.shape} do not fit {number} label sets, or are all zero")
    return 100 * np.append(counts, np.zeros(number + 1 - len(counts))) / counts.sum()


@styled
def combined_video(
    picture: Media,
    sound: Media,
    labels: tuple[np.ndarray, np.ndarray],
    categories: Sequence[str],
    left_behind: tuple[np.ndarray, np.ndarray] | None = None,
    titles: tuple[str, str] = ("picture", "sound"),
) -> Figure:
    """A new video from top to bottom: the picture of one video with its visual labels, the sound of another with its audio labels.

    Args:
        picture, sound: the two original clips; only the frames of the first and the waveform of the second are shown.
        labels: audio grid of the sound and visual grid of the picture, (T, C) bool: what travels.
        categories: C names.
        left_behind: audio grid of the *picture's* original and visual grid of the *sound's*, (T, C) bool: labels that do not travel,
            as empty bars; None to leave them out.
        titles: of the two originals.

    Raises:
        ValueError: a grid is not (T, C) of one shape.
    """
    audio, visual = labels
    grids = (audio, visual, *(left_behind or ()))
    if any(grid.shape != audio.shape or grid.ndim != 2 or grid.shape[1] != len(categories) for grid in grids):
        raise ValueError(f"grids are {[grid.shape for grid in grids]}; all must be (T, {len(categories)}) of one video")
    lost = left_behind or (np.zeros_like(audio), np.zeros_like(visual))
    tracks = (  # the lanes below each medium: what travels with it, and what its original had beside it
        [("seen", visual, VISUAL, True), ("heard, left behind", lost[0], AUDIO, False)],
        [("heard", audio, AUDIO, True), ("seen, left behind", lost[1], VISUAL, False)],
    )
    lanes = [
        [(c, *lane) for lane in track for c in np.flatnonzero(lane[1].any(0)) if lane[1].any()] for track in tracks
    ]
    seconds = len(sound.waveform) / sound.sample_rate
    strip = WIDTH * 0.78 / seconds * picture.frames.shape[1] / picture.frames.shape[2]
    heights = [min(strip, 1.4), 0.31 * max(len(lanes[0]), 1) + 0.1, 1.0, 0.31 * max(len(lanes[1]), 1) + 0.1]
    figure = new_figure(WIDTH, sum(heights) + 1.9)
    axes = figure.subplots(4, sharex=True, height_ratios=heights)
    _draw_strip(axes[0], picture, seconds)
    draw_log_mel(axes[2], sound.waveform, sound.sample_rate)
    for panel, mine in zip((axes[1], axes[3]), lanes, strict=True):
        _draw_lanes(panel, mine, categories, len(audio))
    for panel, title in zip((axes[0], axes[2]), titles, strict=True):
        panel.set_title(title, loc="left", fontweight="bold")
    union = [readable(categories[c]) for c in np.flatnonzero(audio.any(0) | visual.any(0))]
    axes[3].set_xlabel(f"time in seconds\nlabel of the new video: {' + '.join(union) or 'nothing'}")
    axes[3].set(xlim=(0, seconds), xticks=np.arange(0, seconds + 0.5))
    figure.legend(handles=_handles(left_behind is not None), loc="outside lower center", ncols=3)
    return figure


def _draw_strip(axes: Axes, media: Media, seconds: float) -> None:
    """The frame in the middle of each second, its width a little less than the second's."""
    for second in range(int(seconds)):
        frame = media.frames[min(int((second + 0.5) * media.fps), len(media.frames) - 1)]
        axes.imshow(frame, extent=(second + 0.02, second + 0.98, 0, 1), aspect="auto", interpolation="antialiased")
    axes.set(ylim=(0, 1), yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)


def _draw_lanes(
    axes: Axes, lanes: Sequence[tuple[int, str, np.ndarray, str, bool]], categories: Sequence[str], segments: int
) -> None:
    """A lane a class: filled bars for labels that travel, empty ones for those that do not."""
    axes.axhspan(-0.7, max(len(lanes), 1) - 0.3, color=LIGHT, zorder=0, linewidth=0)
    for y, (c, _, grid, colour, travels) in enumerate(lanes):
        runs = maximal_runs(grid[:, c].astype(bool)[None])
        look = {"facecolor": colour, "edgecolor": "white"} if travels else {"facecolor": "none", "edgecolor": colour}
        spans = list(zip(runs.onset, runs.length, strict=True))
        axes.broken_barh(spans, (y - 0.36, 0.72), linestyle="-" if travels else "--", linewidth=1.2, zorder=2, **look)
    axes.hlines(range(len(lanes)), 0, segments, color="#BBBBBB", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(lanes)), [f"{readable(categories[lane[0]])}, {lane[1]}" for lane in lanes])
    for tick, lane in zip(axes.get_yticklabels(), lanes, strict=True):
        tick.set_color(lane[3] if lane[4] else GREY)
    axes.set_ylim(max(len(lanes), 1) - 0.3, -0.7)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _handles(left_behind: bool) -> list[Patch | Line2D]:
    handles = [Patch(facecolor=VISUAL, label="seen"), Patch(facecolor=AUDIO, label="heard")]
    if left_behind:
        handles.append(
            Patch(facecolor="none", edgecolor=GREY, linestyle="--", label="left behind with the other track")
        )
    return handles
