"""Figures of audio-visual segmentation: masks and weight maps over frames, step sizes of the scan, and a gate at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from PIL import Image, ImageDraw, ImageFont

from avvp_lib.figures.overlays import INSIDE, LINE, RIM, SILENT, enlarged, outline, paint
from avvp_lib.figures.style import AUDIO, GREY, LIGHT, VISUAL, WIDTH, new_figure, readable, styled
from avvp_lib.provenance import atomic_path

LABEL_WIDTH = 1.5  # inches, left of the frames
GIF_COLOURS = 48
FILM_COLOURS = 96
FILM_WIDTH = 9.0  # inches: a notebook may hold several films
GIF_SECONDS = 0.7


@styled
def mask_rows(
    frames: np.ndarray,
    rows: Mapping[str, np.ndarray],
    silent: np.ndarray | None = None,
    titles: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> Figure:
    """Masks over frames: seconds to the right, a row for the frames themselves and one for each of `rows`.

    Args:
        frames: (T, H, W, 3) uint8.
        rows: by name, such as "truth" and the models', each (T, h, w) bool, or integers that `classes` names.
        silent: (T, h, w) bool or integers, visible objects that make no sound, numbered from 1 where they are several;
            they are outlined in every row, None in none.
        titles: T strings above the frames, such as what sounds; "second 0" and so on if None.
        classes: C names for rows of integers, 0 the background; they are written where the classes are.

    Raises:
        ValueError: masks or titles are not of these frames; names them.
    """
    _check_frames(frames, rows, silent)
    titles = [f"second {t}" for t in range(len(frames))] if titles is None else titles
    if len(titles) != len(frames):
        raise ValueError(f"{len(titles)} titles for {len(frames)} frames")
    figure, panels = _film(frames, ["", *rows])
    for t, frame in enumerate(frames):
        panels[0, t].imshow(paint(frame, None))
        panels[0, t].set_title(readable(titles[t]), fontsize=11)
        for axes, masks in zip(panels[1:, t], rows.values(), strict=True):
            painted = paint(frame, masks[t] > 0, None if silent is None else silent[t])
            axes.imshow(painted)
            if classes is not None:
                _name_classes(axes, enlarged(masks[t], painted.shape[1::-1]), classes)
    handles = [Patch(facecolor=INSIDE, edgecolor=RIM, linewidth=2, label="segmented")]
    if silent is not None:
        handles.append(Line2D([], [], color=SILENT, linestyle="--", linewidth=2.5, label="seen, but silent"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _name_classes(axes: Axes, seen: np.ndarray, classes: Sequence[str]) -> None:
    """Write each class of a (H, W) map onto its pixels, at their median."""
    for number in np.unique(seen[seen > 0]):
        rows, columns = np.nonzero(seen == number)
        axes.text(
            np.median(columns),
            np.median(rows),
            readable(classes[number]),
            ha="center",
            va="center",
            fontsize=9,
            clip_on=True,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.0},
        )


@styled
def weight_maps(frames: np.ndarray, maps: Mapping[str, np.ndarray], outlined: np.ndarray | None = None) -> Figure:
    """Weight maps over frames: seconds to the right, a row for each kind of map, with a colour scale of its own.

    Colours lie over the frame in grey. Where a kind has both signs, its scale is symmetric: blue below zero, red above.

    Args:
        frames: (T, H, W, 3) uint8.
        maps: by name, each (T, h, w) float, of any size.
        outlined: (T, h, w) bool, such as what sounds; None draws no line.

    Raises:
        ValueError: maps are not of these frames, or hold a NaN; names them.
    """
    _check_frames(frames, maps, outlined)
    for name, values in maps.items():
        if not np.isfinite(values).all():
            raise ValueError(f"the maps {name!r} hold a NaN or an infinity")
    figure, panels = _film(frames, ["", *maps])
    for t, frame in enumerate(frames):
        panels[0, t].imshow(paint(frame, None))
        panels[0, t].set_title(f"second {t}", fontsize=11)
    for line, values in zip(panels[1:], maps.values(), strict=True):
        both_signs = values.min() < 0 < values.max()
        limit = float(np.abs(values).max())
        colours = colormaps["RdBu_r" if both_signs else "cividis"]
        scale = Normalize(-limit, limit) if both_signs else Normalize(float(values.min()), float(values.max()))
        for t, axes in enumerate(line):
            grey = paint(frames[t], None).mean(axis=2)
            axes.imshow(grey, cmap="gray", vmin=-120, vmax=255)  # no black, in which colours would drown
            extent = (-0.5, grey.shape[1] - 0.5, grey.shape[0] - 0.5, -0.5)
            heat = axes.imshow(values[t], cmap=colours, norm=scale, alpha=0.72, extent=extent, interpolation="nearest")
            if outlined is not None:
                edge = outline(enlarged(outlined[t], grey.shape[::-1]) > 0, LINE)
                axes.imshow(np.where(edge[..., None], (0, 0, 0, 255), 0).astype(np.uint8))
        figure.colorbar(heat, ax=list(line), pad=0.01, aspect=12)
    return figure


@styled
def step_sizes(deltas: Mapping[str, np.ndarray], events: np.ndarray | None = None) -> Figure:
    """Step sizes of a selective scan over time, a column for each kind: how much of each second enters the state.

    A channel keeps the share exp(Δ A) of its state (A < 0) and takes in the input by Δ: a large step forgets and reads,
    a small one keeps and ignores. Above: the median channel, and between which sizes 80 % of them lie. Below: all
    channels, sorted by the second of their largest step, each relative to that step.

    Args:
        deltas: by name, each (T, E) float, above 0; after the softplus.
        events: (T,) bool, seconds that are shaded, such as those in which something sounds; None shades nothing.

    Raises:
        ValueError: step sizes that are not positive (T, E), or of another T than the events; names them.
    """
    for name, delta in deltas.items():
        if delta.ndim != 2 or not (delta > 0).all() or not np.isfinite(delta).all():
            raise ValueError(f"the step sizes {name!r} must be positive (seconds, channels), not {delta.shape}")
        if events is not None and events.shape != delta.shape[:1]:
            raise ValueError(f"the step sizes {name!r} have {len(delta)} seconds and the events {len(events)}")
    figure = new_figure(WIDTH, 5.6)
    panels = figure.subplots(2, len(deltas), squeeze=False, sharex="col", sharey="row", height_ratios=(1, 1.2))
    for column, (name, delta) in enumerate(deltas.items()):
        above, below = panels[:, column]
        seconds = np.arange(len(delta))
        if events is not None:
            for i, t in enumerate(np.flatnonzero(events)):
                above.axvspan(t - 0.5, t + 0.5, color="#DDDDDD", linewidth=0, label=None if i else "something sounds")
        low, median, high = np.percentile(delta, (10, 50, 90), axis=1)
        colour = _stream_colour(name)
        above.fill_between(seconds, low, high, color=colour, alpha=0.3, linewidth=0, label="80 % of channels")
        above.plot(seconds, median, color=colour, marker="o", markersize=5, label="median channel")
        above.set(yscale="log", title=name)
        relative = delta / delta.max(axis=0)
        order = np.argsort(delta.argmax(axis=0), kind="stable")
        extent = (-0.5, len(delta) - 0.5, delta.shape[1], 0)
        shown = below.imshow(
            relative[:, order].T, aspect="auto", cmap="cividis", vmin=0, vmax=1, extent=extent, interpolation="nearest"
        )
        below.set(xlabel="second", xticks=seconds, yticks=[])
    panels[0, 0].set_ylabel("step size Δ")
    panels[1, 0].set_ylabel("channels")
    figure.colorbar(shown, ax=list(panels[1]), label="share of its largest", pad=0.01)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@styled
def gating_bars(
    values: Mapping[str, tuple[np.ndarray, np.ndarray]], events: np.ndarray | None = None, ylabel: str = "mean size"
) -> Figure:
    """Before and after a gate, second by second, a panel for each stream: what the gate lets through and what it raises.

    Args:
        values: by name, such as "visual, stage 4", before and after the gate, each (T,) float.
        events: (T,) bool, seconds that are shaded, such as those in which something sounds; None shades nothing.
        ylabel: what the values are.

    Raises:
        ValueError: before, after and events differ in T; names the stream.
    """
    figure = new_figure(WIDTH, 3.4)
    panels = figure.subplots(1, len(values), squeeze=False)[0]
    for axes, (name, (before, after)) in zip(panels, values.items(), strict=True):
        if (
            np.shape(before) != np.shape(after)
            or np.ndim(before) != 1
            or len(before) != len(before if events is None else events)
        ):
            raise ValueError(
                f"{name!r} has {np.shape(before)} values before and {np.shape(after)} after the gate"
                + ("" if events is None else f", and {len(events)} events")
            )
        seconds = np.arange(len(before))
        if events is not None:
            for i, t in enumerate(np.flatnonzero(events)):
                axes.axvspan(t - 0.5, t + 0.5, color=LIGHT, linewidth=0, label=None if i else "something sounds")
        colour = _stream_colour(name)
        axes.bar(
            seconds - 0.2, before, 0.38, facecolor="white", edgecolor=colour, hatch="////", label="before the gate"
        )
        axes.bar(seconds + 0.2, after, 0.38, color=colour, label="after")
        axes.set(title=name, xlabel="second", xticks=seconds)
    panels[0].set_ylabel(ylabel)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _stream_colour(name: str) -> str:
    """The colour of the modality that a name speaks of; grey if of none."""
    streams = {"audio": AUDIO, "sound": AUDIO, "visual": VISUAL, "picture": VISUAL}
    return next((colour for word, colour in streams.items() if word in name), GREY)


def mask_gif(
    path: Path | str,
    frames: np.ndarray,
    rows: Mapping[str, np.ndarray],
    silent: np.ndarray | None = None,
    side: int = 120,
) -> Path:
    """Write an endless GIF: the frame and, beside it, the masks of each of `rows`, with their names above.

    Args:
        path: of the file.
        frames: (T, H, W, 3) uint8, one a second; each is shown for 0.7 s.
        rows: by name, each (T, h, w) bool or integers.
        silent: as `mask_rows`.
        side: pixels that a panel is wide.

    Returns:
        `path`. The same input gives the same bytes.

    Raises:
        ValueError: masks are not of these frames; names them.
    """
    _check_frames(frames, rows, silent)
    pictures = []
    for t, frame in enumerate(frames):
        panels = [paint(frame, None)]
        panels += [paint(frame, masks[t] > 0, None if silent is None else silent[t]) for masks in rows.values()]
        pictures.append(_strip(panels, [f"second {t}", *rows], side))
    whole = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures]))
    palette = whole.quantize(GIF_COLOURS, kmeans=2, dither=Image.Dither.NONE)
    first, *others = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    with atomic_path(Path(path)) as unfinished:
        first.save(
            unfinished,
            "GIF",
            save_all=True,
            append_images=others,
            duration=round(1000 * GIF_SECONDS),
            loop=0,
            optimize=True,
        )
    return Path(path)


def _strip(panels: Sequence[np.ndarray], names: Sequence[str], side: int) -> Image.Image:
    """Panels side by side on white, each with its name above."""
    font = ImageFont.load_default(13)
    gap, head = 6, 22
    height = round(side * panels[0].shape[0] / panels[0].shape[1])
    strip = Image.new("RGB", (len(panels) * (side + gap) - gap, head + height), "white")
    draw = ImageDraw.Draw(strip)
    for i, (panel, name) in enumerate(zip(panels, names, strict=True)):
        left = i * (side + gap)
        strip.paste(Image.fromarray(panel).resize((side, height), Image.Resampling.BOX), (left, head))
        draw.text((left + side / 2, head / 2), name.replace("\n", " "), fill="black", font=font, anchor="mm")
    return strip


def _film(frames: np.ndarray, names: Sequence[str]) -> tuple[Figure, np.ndarray]:
    """A figure with a row for each name and a column for each frame; empty axes (R, T)."""
    side = (FILM_WIDTH - LABEL_WIDTH) / max(len(frames), 5)
    figure = new_figure(FILM_WIDTH, side * frames.shape[1] / frames.shape[2] * len(names) + 0.8)
    figure.colours_shown = FILM_COLOURS
    panels = figure.subplots(len(names), len(frames), squeeze=False)
    for axes in panels.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for axes, name in zip(panels[:, 0], names, strict=True):
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure, panels


def _check_frames(frames: np.ndarray, rows: Mapping[str, np.ndarray], extra: np.ndarray | None) -> None:
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames must be uint8 (seconds, height, width, 3), not {frames.dtype} {frames.shape}")
    for name, values in {**rows, **({} if extra is None else {"outlined objects": extra})}.items():
        if values.ndim != 3 or len(values) != len(frames):
            raise ValueError(f"{name!r} have shape {values.shape}; {len(frames)} frames need (frames, height, width)")
