"""What re-extraction changes without saying so: the same network on the same clip, looked at or cut in another way.

    effects = input_effects(media)              # one decoded clip, or several

Published features differ in which frame stands for a second, whether the picture is cropped or squashed, and where a window of sound
begins; and some re-extractions have colours in another order, or another loudness. Each choice is one function here; all else stays as
the tiny teachers have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avvp_lib.features.backbones import FRAMES_PER_SECOND, SEGMENTS
from avvp_lib.features.media import Media
from avvp_lib.features.tiny_teachers import (
    SAMPLE_RATE,
    build_teacher,
    class_text,
    picture_input,
    sound_input,
)

CONTINUOUS_STEP = 0.96
"""Seconds from window to window where VGGish's examples are laid end to end."""

LATE = 0.25
"""Seconds that a stream may be late for the other, as where a player's and a decoder's clocks begin differently."""


def _spread(media: Media) -> Tensor:
    """(10, H, W, 3) uint8: frames round(linspace(0, F - 1, 10)), as VALOR takes them."""
    return _frames(media, np.linspace(0, len(media.frames) - 1, SEGMENTS).round().astype(int))


def _middle(media: Media) -> Tensor:
    """(10, H, W, 3) uint8: the frame in the middle of each second."""
    return _frames(media, np.arange(SEGMENTS) * FRAMES_PER_SECOND + FRAMES_PER_SECOND // 2)


def _frames(media: Media, chosen: np.ndarray) -> Tensor:
    return torch.from_numpy(media.frames[chosen])


def centre_crop(frames: Tensor, share: float = 0.875) -> Tensor:
    """(B, S, S, 3) of (B, H, W, 3): the middle square, with this share of the shorter side, as networks for ImageNet look at pictures."""
    height, width = frames.shape[1:3]
    side = max(1, round(share * min(height, width)))
    top, left = (height - side) // 2, (width - side) // 2
    return frames[:, top : top + side, left : left + side]


def windows(waveform: np.ndarray, step: float, late: float = 0.0) -> Tensor:
    """(10, 16000) float32: windows of a second that begin at late + i * step seconds; silence behind the end."""
    starts = np.rint((late + step * np.arange(SEGMENTS)) * SAMPLE_RATE).astype(int)
    padded = np.pad(waveform, (0, max(0, starts[-1] + SAMPLE_RATE - len(waveform))))
    return torch.from_numpy(np.stack([padded[start : start + SAMPLE_RATE] for start in starts]))


PICTURES: dict[str, Callable[[Media], Tensor]] = {
    "as the teacher": lambda media: picture_input(_spread(media)),
    "middle frame": lambda media: picture_input(_middle(media)),
    "centre crop": lambda media: picture_input(centre_crop(_spread(media))),
    "red for blue": lambda media: picture_input(_spread(media).flip(-1)),
}
"""By name, what the visual teacher is shown of a clip, (10, 3, 64, 64). The first is what it was trained on."""

SOUNDS: dict[str, Callable[[Media], Tensor]] = {
    "as the teacher": lambda media: sound_input(windows(media.waveform, 1.0)),
    "0.96 s apart": lambda media: sound_input(windows(media.waveform, CONTINUOUS_STEP)),
    f"{LATE:g} s late": lambda media: sound_input(windows(media.waveform, 1.0, LATE)),
    "half as loud": lambda media: sound_input(windows(media.waveform / 2, 1.0)),
}
"""By name, what the audio teacher hears of a clip, (10, 3, 64, 64). The first is what it was trained on."""


@torch.no_grad()
def input_effects(clips: Iterable[Media]) -> pd.DataFrame:
    """How far each choice moves the features of clips, beside how far the next second is away.

    Args:
        clips: decoded as `backbones.READING` says.

    Returns:
        A row a modality, choice, clip and segment: modality ("audio" or "visual"), choice, video (the file's stem), segment, cosine
        with what the teacher makes of the clip as it is, and same_category: whether the sentence that fits best is the same one. The
        choice "next second" compares the features as they are with those of the segment after; it has nine segments.

    Raises:
        ValueError: there is no clip.
    """
    towers = {"visual": ("tiny-clip", PICTURES), "audio": ("tiny-clap", SOUNDS)}
    teachers = {name: build_teacher(name) for name, _ in towers.values()}
    rows: list[pd.DataFrame] = []
    for media in clips:
        for modality, (name, choices) in towers.items():
            sentences = class_text(name)[0]
            made = {
                choice: teachers[name].encode_image(show(media), normalize=True).numpy()
                for choice, show in choices.items()
            }
            usual = made.pop("as the teacher")
            pairs = {choice: (usual, other) for choice, other in made.items()} | {
                "next second": (usual[:-1], usual[1:])
            }
            for choice, (one, other) in pairs.items():
                best = [(features @ sentences.T).argmax(1) for features in (one, other)]
                rows.append(
                    pd.DataFrame(
                        {
                            "modality": modality,
                            "choice": choice,
                            "video": media.path.stem,
                            "segment": np.arange(len(one)),
                            "cosine": (one * other).sum(1),
                            "same_category": best[0] == best[1],
                        }
                    )
                )
    if not rows:
        raise ValueError("no clips: decode at least one, read_media(path, **backbones.READING)")
    return pd.concat(rows, ignore_index=True)
