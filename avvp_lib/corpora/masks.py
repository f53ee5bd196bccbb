"""Picture masks of AVSBench: two-valued files, and files in the colours of the PASCAL VOC palette."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

PALETTE_SIZE = 256
COLOURS_NAMED = 3
"""How many colours an error message lists."""


@cache
def voc_palette() -> np.ndarray:
    """(256, 3) uint8: the colour of each class.

    The bits of a class number are taken three at a time from the least significant end; of each three the first goes to red, the second to
    green, the third to blue, written from bit 7 downwards. So neighbouring numbers have colours far apart.
    """
    numbers = np.arange(PALETTE_SIZE)
    palette = np.zeros((PALETTE_SIZE, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = (numbers >> (3 * place + channel)) & 1
            palette[:, channel] |= (bit << (7 - place)).astype(np.uint8)
    palette.flags.writeable = False  # shared by all callers
    return palette


def read_picture(path: Path) -> Image.Image:
    """A picture file in RGB, decoded.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be decoded.
    """
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no picture that can be decoded ({error}): get it again") from error


def read_binary_mask(path: Path) -> np.ndarray:
    """(H, W) uint8, 1 where the file is not black.

    The file may hold grey values, colours, a palette or single bits; black and one other value are all it may have.

    Raises:
        FileNotFoundError, ValueError: as `read_picture`; or the file has other values than black and one more.
    """
    codes = _codes(np.asarray(read_picture(path)))
    values = np.unique(codes)
    if len(values[values > 0]) > 1:
        raise ValueError(
            f"{path} is no two-valued mask: beside black it has {_listed(values[values > 0])}. Grey edges come from resizing or from JPEG: "
            "get the original file again"
        )
    return (codes > 0).astype(np.uint8)


def read_class_mask(path: Path, classes: int) -> np.ndarray:
    """(H, W) uint8, the class of each pixel by its colour in the VOC palette.

    Args:
        path: a picture in RGB.
        classes: how many there are, the background included; 0 ... classes - 1 may occur.

    Raises:
        FileNotFoundError, ValueError: as `read_picture`; or a colour is not in the palette, or belongs to no class; it is named.
    """
    codes = _codes(np.asarray(read_picture(path)))
    colours, order = _palette_codes()
    place = np.minimum(np.searchsorted(colours, codes), PALETTE_SIZE - 1)
    foreign = colours[place] != codes
    if foreign.any():
        row, column = np.argwhere(foreign)[0]
        raise ValueError(
            f"{path} has {int(foreign.sum())} pixels in colours that are not in the palette: {_listed(np.unique(codes[foreign]))}; "
            f"the first is at row {row}, column {column}. Masks must not be resized smoothly or stored as JPEG: get the original file again"
        )
    mask = order[place]
    if mask.max() >= classes:
        raise ValueError(
            f"{path} has pixels of class {int(mask.max())}, and there are {classes} classes, 0 ... {classes - 1}"
        )
    return mask


@cache
def _palette_codes() -> tuple[np.ndarray, np.ndarray]:
    """The palette's colours as sorted numbers, and the class of each."""
    codes = _codes(voc_palette())
    order = np.argsort(codes)
    return codes[order], order.astype(np.uint8)


def _codes(colours: np.ndarray) -> np.ndarray:
    """(...) int32: each RGB colour (..., 3) as one number."""
    colours = colours.astype(np.int32)
    return (colours[..., 0] << 16) | (colours[..., 1] << 8) | colours[..., 2]


def _listed(codes: np.ndarray) -> str:
    colours = [f"({code >> 16}, {code >> 8 & 255}, {code & 255})" for code in codes[:COLOURS_NAMED].tolist()]
    return ", ".join(colours) + (f" and {len(codes) - COLOURS_NAMED} more" if len(codes) > COLOURS_NAMED else "")
