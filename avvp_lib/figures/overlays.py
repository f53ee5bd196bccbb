"""Masks painted onto frames, as pixels: what the figures and the GIF of segmentation show alike.

Nothing rests on colour alone. What is segmented is tinted inside a solid line, and the rest of the frame turns to pale
grey; an object that is seen and makes no sound has a dashed line.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from avvp_lib.figures.style import FALSE_ALARM, VISUAL

SIDE = 240
"""Pixels: shorter side of a painted frame, so that lines are equally thin whatever the frame's size."""
INSIDE, RIM, SILENT = "#56B4E9", VISUAL, FALSE_ALARM
LINE, SILENT_LINE, DASH = 3, 2, 8  # pixels
FADED, PALE, TINT = 0.3, 220, 0.5  # contrast that is left outside, and the grey it fades to; share of the colour inside


def paint(frame: np.ndarray, mask: np.ndarray | None, silent: np.ndarray | None = None) -> np.ndarray:
    """A frame with what is segmented in it.

    Args:
        frame: (H, W, 3) uint8.
        mask: (h, w) bool, of any size; None leaves the frame as it is.
        silent: (h, w) bool or integers: visible objects that make no sound, numbered from 1 where they are several;
            each gets a line of its own. None draws none.

    Returns:
        (H', W', 3) uint8, the shorter side `SIDE` pixels.
    """
    height, width = frame.shape[:2]
    scale = SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    picture = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)).astype(np.float32)
    if mask is not None:
        inside = enlarged(mask, size)
        grey = picture.mean(axis=2, keepdims=True)
        faded = FADED * grey + (1 - FADED) * PALE
        tinted = (1 - TINT) * picture + TINT * rgb(INSIDE)
        picture = np.where(inside[..., None], tinted, faded)
        picture[outline(inside, LINE)] = rgb(RIM)
    if silent is not None:
        dashes = np.add.outer(np.arange(size[1]), np.arange(size[0])) // DASH % 2 == 0
        shown = enlarged(silent, size)
        for number in np.unique(shown[shown > 0]):
            edge = outline(shown == number, SILENT_LINE)
            picture[edge & dashes], picture[edge & ~dashes] = rgb(SILENT), rgb("#FFFFFF")
    return picture.round().astype(np.uint8)


def outline(mask: np.ndarray, width: int) -> np.ndarray:
    """The pixels of a mask that lie within `width` of its border, the picture's own border left out: (H, W) bool."""
    inner = mask
    for _ in range(width):
        padded = np.pad(inner, 1, mode="edge")
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def enlarged(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A (h, w) mask, or map of numbers, at (width, height) = `size`, by taking the nearest pixel; its dtype is kept."""
    values = Image.fromarray(np.asarray(mask).astype(np.uint8))
    return np.asarray(values.resize(size, Image.Resampling.NEAREST)).astype(np.asarray(mask).dtype)


def rgb(colour: str) -> np.ndarray:
    """ "#0072B2" as (3,) float32 from 0 to 255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
