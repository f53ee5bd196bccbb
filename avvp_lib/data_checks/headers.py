"""Headers of .npy files: shape and dtype of an array without reading its values."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path

import numpy as np

HEADER_BYTES = 4096
"""How much of a file is read at most; numpy's own headers take 128."""


def npy_header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype that an .npy file declares; its values are not read.

    Raises:
        ValueError: it is no .npy file, holds Python objects, or is shorter or longer than its header says.
        OSError: it cannot be opened.
    """
    with open(path, "rb") as stream:
        start = stream.read(HEADER_BYTES)
        size = stream.seek(0, io.SEEK_END)
    length = (
        10 + int.from_bytes(start[8:10], "little")
        if start[6:7] == b"\x01"
        else 12 + int.from_bytes(start[8:12], "little")
    )
    shape, dtype = _parse_header(start[: min(length, len(start))])
    expected = length + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise ValueError(f"{size:,} bytes instead of {expected:,}: was its download interrupted?")
    return shape, dtype


@lru_cache(maxsize=64)  # the files of a folder have one header
def _parse_header(header: bytes) -> tuple[tuple[int, ...], np.dtype]:
    stream = io.BytesIO(header)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the format")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which only a pickle could restore")
    return shape, dtype
