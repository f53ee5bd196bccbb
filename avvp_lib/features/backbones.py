"""The backbone registry: networks and descriptors that turn ten seconds of media into one feature vector a segment.

backbone = build_backbone("tiny-clip-map")
features = backbone(read_media(path, **backbone.reading))     # (10, 1024) float32
backbone.card                                                 # what a stored bank says about itself
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.media import Media
from avvp_lib.features.tiny_teachers import (
    SAMPLE_RATE,
    TEACHER_FOLDER,
    build_teacher,
    feature_map,
    picture_input,
    sound_input,
)
from avvp_lib.provenance import file_digest

SEGMENTS = 10
FRAMES_PER_SECOND = 8
READING = {"fps": FRAMES_PER_SECOND, "sample_rate": SAMPLE_RATE, "seconds": float(SEGMENTS), "frame_size": (128, 128)}


class Backbone:
    """A feature extractor with its card.

    Attributes:
        card: what it is and what it returns.
        reading: keyword arguments for `read_media`, the same for all backbones: one decode serves all of them.
    """

    def __init__(self, card: BackboneCard, encode: Callable[[Media], Tensor]) -> None:
        self.card = card
        self.reading = READING
        self._encode = encode

    @torch.no_grad()
    def __call__(self, media: Media) -> np.ndarray:
        """Features of one video: `card.output_shape`, float32.

        Raises:
            ValueError: the media were not decoded as `reading` says; names the file.
        """
        frames, samples = SEGMENTS * FRAMES_PER_SECOND, SEGMENTS * SAMPLE_RATE
        if len(media.frames) != frames or len(media.waveform) != samples:
            raise ValueError(
                f"{media.path.name} was decoded to {len(media.frames)} frames and {len(media.waveform)} samples, not to "
                f"{frames} and {samples}: use read_media(path, **backbone.reading)"
            )
        features = self._encode(media).float().numpy()
        if features.shape != tuple(self.card.output_shape):
            raise ValueError(f"{media.path.name}: {self.card.name} made {features.shape}, not {self.card.output_shape}")
        return features


def _frames(media: Media, each_second: list[int]) -> Tensor:
    """(10 * k, H, W, 3) uint8: the frames with these numbers within every second."""
    frames = torch.from_numpy(media.frames)
    return frames.view(SEGMENTS, FRAMES_PER_SECOND, *frames.shape[1:])[:, each_second].flatten(0, 1)


def _spread_frames(media: Media) -> Tensor:
    """(10, H, W, 3) uint8: frames round(linspace(0, F - 1, 10)), VALOR's choice: from the first instant to the last."""
    chosen = np.linspace(0, len(media.frames) - 1, SEGMENTS).round().astype(int)
    return torch.from_numpy(media.frames[chosen])


def _seconds(media: Media) -> Tensor:
    """(10, 16000) float32: the waveform cut into segments."""
    return torch.from_numpy(media.waveform).view(SEGMENTS, SAMPLE_RATE)


def _pooled_map(teacher: nn.Module, inputs: Tensor) -> Tensor:
    """(10, 1024): mean and maximum over the places of the last convolutional map, averaged over a segment's inputs.

    A unit-variance vector: what the teacher saw before it put it into words, as CLAP's token map is stored by VALOR.
    """
    places = feature_map(teacher, inputs).flatten(2)  # (10 * k, 512, 4)
    pooled = torch.cat([places.mean(-1), places.amax(-1)], -1)
    segments = pooled.view(SEGMENTS, -1, pooled.shape[-1]).mean(1)
    return nn.functional.layer_norm(segments, segments.shape[-1:])


def _teacher_card(teacher: str, weights: Path | None, **fields) -> BackboneCard:
    revision = file_digest(weights or TEACHER_FOLDER / f"{teacher}.safetensors")[:12]
    return BackboneCard(revision=revision, dtype="float16", licence="MIT", **fields)


def _tiny_clip(weights: Path | None) -> Backbone:
    teacher = build_teacher("tiny-clip", weights)
    card = _teacher_card(
        "tiny-clip",
        weights,
        name="tiny-clip",
        modality="visual_2d",
        input_rule="ten frames spread from the first to the last as VALOR takes them, squashed to 64 x 64",
        output_shape=(SEGMENTS, 128),
        activation="none",
        normalisation="unit length",
    )
    return Backbone(card, lambda media: teacher.encode_image(picture_input(_spread_frames(media)), normalize=True))


def _tiny_clip_map(weights: Path | None) -> Backbone:
    teacher = build_teacher("tiny-clip", weights)
    card = _teacher_card(
        "tiny-clip",
        weights,
        name="tiny-clip-map",
        modality="visual_2d",
        input_rule="four frames a second, squashed to 64 x 64, averaged",
        output_shape=(SEGMENTS, 1024),
        activation="ReLU",
        normalisation="zero mean and unit variance of each vector",
    )
    return Backbone(card, lambda media: _pooled_map(teacher, picture_input(_frames(media, [0, 2, 4, 6]))))


def _tiny_clap(weights: Path | None) -> Backbone:
    teacher = build_teacher("tiny-clap", weights)
    card = _teacher_card(
        "tiny-clap",
        weights,
        name="tiny-clap",
        modality="audio",
        input_rule="one log-mel picture of each second, 64 bands x 64 frames, 16 kHz mono",
        output_shape=(SEGMENTS, 128),
        activation="none",
        normalisation="unit length",
    )
    return Backbone(card, lambda media: teacher.encode_image(sound_input(_seconds(media)), normalize=True))


def _tiny_clap_map(weights: Path | None) -> Backbone:
    teacher = build_teacher("tiny-clap", weights)
    card = _teacher_card(
        "tiny-clap",
        weights,
        name="tiny-clap-map",
        modality="audio",
        input_rule="one log-mel picture of each second, 64 bands x 64 frames, 16 kHz mono",
        output_shape=(SEGMENTS, 1024),
        activation="ReLU",
        normalisation="zero mean and unit variance of each vector",
    )
    return Backbone(card, lambda media: _pooled_map(teacher, sound_input(_seconds(media))))


def _tiny_clip_change(weights: Path | None) -> Backbone:
    teacher = build_teacher("tiny-clip", weights)
    card = _teacher_card(
        "tiny-clip",
        weights,
        name="tiny-clip-change",
        modality="visual_3d",
        input_rule="four frames a second, squashed to 64 x 64; mean absolute change from frame to frame",
        output_shape=(SEGMENTS, 512),
        activation="ReLU before the difference",
        normalisation="zero mean and unit variance of each vector",
    )
    return Backbone(card, lambda media: _change_of_map(teacher, picture_input(_frames(media, [0, 2, 4, 6]))))


def _change_of_map(teacher: nn.Module, inputs: Tensor) -> Tensor:
    """(10, 512): how much each channel of the last map moves within a second: the small stand-in for R(2+1)D features.

    A mouth that opens and a bow that strokes change the map; a picture of them does not.
    """
    maps = feature_map(teacher, inputs).flatten(2).unflatten(0, (SEGMENTS, -1))  # (10, k, 512, 4)
    change = (maps[:, 1:] - maps[:, :-1]).abs().mean((1, 3))
    return nn.functional.layer_norm(change, change.shape[-1:])


_BUILDERS: dict[str, Callable[[Path | None], Backbone]] = {
    "tiny-clip": _tiny_clip,
    "tiny-clip-map": _tiny_clip_map,
    "tiny-clap": _tiny_clap,
    "tiny-clap-map": _tiny_clap_map,
    "tiny-clip-change": _tiny_clip_change,
}
BACKBONES = tuple(_BUILDERS)


def build_backbone(name: str, weights: Path | None = None) -> Backbone:
    """Build a backbone of the registry on the CPU.

    Args:
        name: one of `BACKBONES`.
        weights: a safetensors file to use instead of the shipped one.

    Raises:
        ValueError: the name is unknown; lists those that are known.
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown backbone {name!r}: choose one of {', '.join(BACKBONES)}")
    return _BUILDERS[name](weights)
