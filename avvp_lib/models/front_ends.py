"""From backbone features to two streams of segments: the part of a parsing model that knows about feature files.

Symbols: B videos, T segments (10 for LLP), k frames per segment, D_* feature widths, H hidden channels.

Two published feature sets differ in how the audio is laid out in time, and that is all that has to be chosen:

    audio_layout    audio            visual_2d          visual_3d      features (published name)
    "segments"      (B, T, D_a)      (B, T*k, D_2d)     (B, T, D_3d)   VGGish, ResNet-152 (k = 8), R(2+1)D
    "clap_tokens"   (B, 64, D_a)     (B, 10*k, D_2d)    (B, 10, D_3d)  CLAP token map, CLIP (k = 1), R(2+1)D

Everything between the features and the encoder is linear, so time is pooled BEFORE the projections: the published code
projects 80 frames (or 2 x 1024 interpolated CLAP columns) and averages afterwards. The result is the same up to
rounding, and the projection costs 8 times (some 200 times) less.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

CLAP_BANDS, CLAP_STEPS = 2, 32
"""Frequency bands and time steps of the CLAP token map of a ten-second clip; token index = band * 32 + step."""

CLAP_SEGMENTS = 10
CLAP_COLUMNS = 1024


def clap_resampling() -> Tensor:
    """The fixed matrix (10, 64), float32, that takes CLAP's 64 tokens to ten segments.

    The published path stretches the 32 time steps to 1024 columns by bicubic interpolation, averages the two frequency
    bands, and averages the columns of each tenth (the tenths overlap by one column where 102.4 is not whole). All three
    are linear in the tokens, so sending unit impulses through them once gives the whole operation; each row sums to 1.
    """
    impulses = torch.eye(CLAP_STEPS, dtype=torch.float64)[:, None, None, :]
    columns = functional.interpolate(impulses, size=(1, CLAP_COLUMNS), mode="bicubic", align_corners=False)
    steps_to_segments = functional.adaptive_avg_pool1d(columns[:, 0], CLAP_SEGMENTS)[:, 0].T
    return (steps_to_segments.repeat(1, CLAP_BANDS) / CLAP_BANDS).float()


class ClapTokensToSegments(nn.Module):
    """Resample a CLAP token map (B, 64, D) to ten segments (B, 10, D). Holds no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("resampling", clap_resampling(), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Average the tokens into segments; raises ValueError for anything but 64 tokens."""
        if tokens.ndim != 3 or tokens.shape[1] != CLAP_BANDS * CLAP_STEPS:
            raise ValueError(
                f"audio has shape {tuple(tokens.shape)}; a model with audio_layout='clap_tokens' expects (B, 64, D). "
                "For audio with one vector per segment build the model with audio_layout='segments'"
            )
        return self.resampling @ tokens


AUDIO_LAYOUTS: dict[str, type[nn.Module]] = {"segments": nn.Identity, "clap_tokens": ClapTokensToSegments}


def check_features(features: Mapping[str, Tensor | None], widths: Mapping[str, int]) -> None:
    """Refuse features that do not fit the model or each other, naming the tensor and the expected shape.

    `features` holds audio (B, T, D_a), visual_2d (B, T*k, D_2d) and visual_3d (B, T, D_3d); `widths` the D of each.
    Raises ValueError. Values are not looked at: a NaN is refused where features are read from disk.
    """
    for name, width in widths.items():
        tensor = features[name]
        if tensor is None:
            raise ValueError(f"{name} is missing: this model needs {name} features (B, T, {width})")
        if tensor.ndim != 3 or tensor.shape[2] != width:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; this model expects (B, T, {width})")
        if len(tensor) != len(features["audio"]):
            raise ValueError(f"{name} holds {len(tensor)} videos but audio holds {len(features['audio'])}")
    segments = features["audio"].shape[1]
    frames = features["visual_2d"].shape[1]
    if segments == 0:
        raise ValueError("audio has no segments: expected (B, T, D) with T of at least 1")
    if frames == 0 or frames % segments:
        raise ValueError(
            f"visual_2d has {frames} frames per video; expected a multiple of the {segments} segments of audio"
        )
    if features["visual_3d"].shape[1] != segments:
        raise ValueError(f"visual_3d has {features['visual_3d'].shape[1]} segments but audio has {segments}")


class SegmentFrontEnd(nn.Module):
    """Base class of the parsing models: projects backbone features to two streams of hidden channels.

    A base class and not a submodule because published state dicts keep these weights at the top level.

        audio  = fc_a(audio per segment)
        visual = fc_fusion([fc_v(mean of the segment's k frames) ; fc_st(3-D feature of the segment)])
    """

    def __init__(
        self, *, audio_dim: int, visual_2d_dim: int, visual_3d_dim: int, hidden: int, audio_layout: str
    ) -> None:
        super().__init__()
        if audio_layout not in AUDIO_LAYOUTS:
            raise ValueError(f"audio_layout {audio_layout!r} is unknown; known: {', '.join(AUDIO_LAYOUTS)}")
        self.audio_segments = AUDIO_LAYOUTS[audio_layout]()
        self.fc_a = nn.Linear(audio_dim, hidden)
        self.fc_v = nn.Linear(visual_2d_dim, hidden)
        self.fc_st = nn.Linear(visual_3d_dim, hidden)
        self.fc_fusion = nn.Linear(2 * hidden, hidden)
        self.feature_widths = {"audio": audio_dim, "visual_2d": visual_2d_dim, "visual_3d": visual_3d_dim}

    def embed(self, audio: Tensor, visual_2d: Tensor, visual_3d: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features, laid out as the table above says, to an audio and a visual stream, each (B, T, H).

        Raises ValueError (see `check_features`) where shapes do not fit.
        """
        audio = self.audio_segments(audio)
        check_features({"audio": audio, "visual_2d": visual_2d, "visual_3d": visual_3d}, self.feature_widths)
        frames = visual_2d.unflatten(1, (audio.shape[1], -1)).mean(dim=2)
        visual = self.fc_fusion(torch.cat([self.fc_v(frames), self.fc_st(visual_3d)], dim=-1))
        return self.fc_a(audio), visual
