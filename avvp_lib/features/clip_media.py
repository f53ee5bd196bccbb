"""Read a video into what the published extractors take: every picture of eight a second at its own size, and the sound at two rates.

One decode serves all backbones of `published_backbones`: VGGish hears 16 kHz, CLAP 48 kHz, and each network scales the pictures its own way.
Frame i of 80 is what `ffmpeg -r 8` writes as its i-th picture: the last one whose time stamp is at most (i + 0.5) / 8 s. Files are otherwise read
by the rules of `media`, with one difference: a rotation flag is obeyed, as ffmpeg does. Both waveforms are resampled from the file's own rate.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

SECONDS = 10
FRAMES_PER_SECOND = 8
VGGISH_RATE, CLAP_RATE = 16_000, 48_000
RATES = (VGGISH_RATE, CLAP_RATE)


@dataclass(frozen=True)
class ClipMedia:
    """Ten seconds of a video.

    Attributes:
        path: the file.
        frames: (80, H, W, 3) uint8 RGB, upright, at the file's own size.
        sounds: rate in Hz -> (10 * rate,) float32 mono in [-1, 1], for each of `RATES`.
        notes: what a rule changed, in words; empty if nothing.
    """

    path: Path
    frames: np.ndarray
    sounds: dict[int, np.ndarray]
    notes: tuple[str, ...] = ()
