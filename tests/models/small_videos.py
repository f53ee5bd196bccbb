"""A handful of random videos in small widths, with labels: what an objective reads of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

WIDTHS = {"audio_dim": 12, "visual_2d_dim": 20, "visual_3d_dim": 16, "classes": 5}


@dataclass
class Videos:
    audio: Tensor
    visual_2d: Tensor
    visual_3d: Tensor | None
    video_labels: Tensor
    pseudo_audio: Tensor | None
    pseudo_visual: Tensor | None
    text: tuple[Tensor, Tensor] | None = None

    @property
    def features(self) -> tuple[Tensor, ...]:
        return self.audio, self.visual_2d, self.visual_3d


def small_videos(videos: int = 6, segments: int = 4, frames: int = 2) -> Videos:
    """Two frames a segment; video i has class i modulo 5, and its pseudo-labels are noise."""
    generator = torch.Generator().manual_seed(5)
    shapes = ((segments, 12), (segments * frames, 20), (segments, 16))
    features = (torch.randn(videos, *shape, generator=generator) for shape in shapes)
    pseudo = (torch.rand(2, videos, segments, 5, generator=generator) > 0.6).float()
    return Videos(*features, torch.eye(5)[torch.arange(videos) % 5], *pseudo)
