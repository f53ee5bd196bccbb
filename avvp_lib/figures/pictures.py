"""Pictures of the media themselves: frames side by side, and sound as a log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avvp_lib.features.log_mel import log_mel
from avvp_lib.figures.style import WIDTH, new_figure, styled

LOUDNESS = colormaps["magma"].resampled(24)
INPUT_COLOURS = 20  # noise needs many bytes, and a strip is for looking at
QUIET_SHARE = 50  # percent of a spectrogram that is shown as silence


@styled
def contact_sheet(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 6) -> Figure:
    """Pictures side by side, each with its title, row by row.

    Args:
        images: each (H, W, 3) uint8, of any size.
        titles: one per image.
        columns: pictures in a row.

    Raises:
        ValueError: there is no image, or not one title per image.
    """
    if len(images) != len(titles) or not len(images):
        raise ValueError(
            f"a contact sheet needs one title per image, and an image: not {len(titles)} for {len(images)}"
        )
    rows = -(-len(images) // columns)
    side = WIDTH / columns
    tallest = max(image.shape[0] / image.shape[1] for image in images)
    figure = new_figure(WIDTH, rows * (side * min(tallest, 1.5) + 0.35))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, image, title in zip(grid, images, titles, strict=False):
        axes.imshow(image, interpolation="antialiased")
        axes.set_title(title, fontsize=11)
    return figure


@styled
def log_mel_pictures(waveforms: Mapping[str, np.ndarray], sample_rate: int) -> Figure:
    """Log-mel spectrograms one above the other on one time axis: what an audio backbone sees.

    Args:
        waveforms: by title, (samples,) float in [-1, 1].
        sample_rate: hertz, of all of them.
    """
    figure = new_figure(WIDTH, 1.6 * len(waveforms) + 0.5)
    rows = figure.subplots(len(waveforms), sharex=True, squeeze=False)[:, 0]
    for axes, (title, waveform) in zip(rows, waveforms.items(), strict=True):
        draw_log_mel(axes, waveform, sample_rate)
        axes.set_ylabel("low ... high", rotation=90, ha="center", va="bottom")
        axes.set_title(title, loc="left")
    rows[-1].set_xlabel("time in seconds")
    return figure


def draw_log_mel(axes: Axes, waveform: np.ndarray, sample_rate: int) -> None:
    """A (samples,) waveform as time (right) by mel band (up), see `log_mel_levels`."""
    levels = log_mel_levels(waveform, sample_rate)
    extent = (0, len(waveform) / sample_rate, 0, len(levels))
    look = {"cmap": LOUDNESS, "vmin": 0, "vmax": 1, "interpolation": "nearest"}
    axes.imshow(levels, extent=extent, aspect="auto", origin="lower", **look)
    axes.set_yticks([])
    axes.set_ylabel("log-mel", rotation=0, ha="right", va="center")
    axes.tick_params(axis="x", length=0)


def log_mel_levels(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The log-mel spectrogram of a (samples,) waveform, (bands, steps) float, lowest band first.

    0 is the level of the darkest 2 %, 1 that of the brightest 0.2 %; what lies outside is cut.
    """
    picture = log_mel(torch.from_numpy(np.ascontiguousarray(waveform, np.float32)), sample_rate).numpy().T
    picture = picture[:, : picture.shape[1] // 2 * 2].reshape(len(picture), -1, 2).mean(axis=2)  # less grain
    low, high = np.percentile(picture, (2, 99.8))
    return ((picture - low) / max(high - low, 1e-9)).clip(0, 1)


@styled
def extractor_inputs(inputs: Mapping[str, np.ndarray], looks: int = 4, columns: int = 2) -> Figure:
    """What networks get of one clip, a strip each: pictures, or spectrograms with time to the right and pitch upwards.

    Args:
        inputs: by title, pictures (n, 3, H, W), clips of pictures (n, 3, frames, H, W), spectrograms (n, steps, bands) or
            (n, 1, steps, bands). Colours are spread over each strip's own range, those of spectrograms over the
            louder half.
        looks: pictures in a strip, spread from the first to the last; of a clip of pictures its frames; of spectrograms as many, but one
            alone gets the whole strip.
        columns: strips side by side.
    """
    rows = -(-len(inputs) // columns)
    figure = new_figure(WIDTH, rows * (0.75 * WIDTH / columns / looks + 0.42))
    figure.colours_shown = INPUT_COLOURS
    parts = figure.subfigures(rows, columns, squeeze=False).ravel()
    for (title, values), part in zip(inputs.items(), parts, strict=False):
        part.suptitle(title, fontsize=11, x=0.01, ha="left")
        shown = _looks(values, looks)
        low, high = np.percentile(shown, (0.5 if shown.ndim == 4 else QUIET_SHARE, 99.5))
        for axes, look in zip(part.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
            if look.ndim == 3:
                axes.imshow(((look.transpose(1, 2, 0) - low) / (high - low)).clip(0, 1))
            else:
                axes.imshow(look.T, origin="lower", cmap=LOUDNESS, vmin=low, vmax=high, aspect="auto")
            axes.axis("off")
    return figure


def _looks(values: np.ndarray, number: int) -> np.ndarray:
    """At most `number` pictures or spectrograms of a row."""
    if values.ndim == 5:
        values = values[len(values) // 2].transpose(1, 0, 2, 3)
    elif values.ndim == 4 and values.shape[1] == 1:
        values = values[:, 0]
    chosen = np.linspace(0, len(values) - 1, min(number, len(values))).round().astype(int)
    return values[chosen]
