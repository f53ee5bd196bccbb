"""SelM in a size for tests, and clips for it."""

import torch
from torch import Tensor

from avvp_lib.models.selm import SelM

SIZE = 64
SMALL = {
    "backbone": "resnet-18-quarter",
    "audio_dim": 6,
    "hidden": 16,
    "classes": 5,
    "mamba_layers": 2,
    "input_size": SIZE,
    "output_size": 32,
    "upsamplings": 1,
}
CHANNELS = (16, 32, 64, 128)
ABLATIONS = [
    *({"early_fusion": kind} for kind in ("a2v", "v2a", "add", "concat", "none")),
    *({"selection": kind} for kind in ("a2v", "v2a", "none")),
    *({"decoder": kind} for kind in ("visual", "audio", "single-level")),
    {"temporal": "attention"},
    {"hearing": "none"},
    {"fusion_place": "beside"},
    {"mamba_layers": 1},
]
"""One change each from the full model."""


def small_selm(seed: int = 0, **widths) -> SelM:
    """A model in evaluation mode whose weights follow from the seed."""
    torch.manual_seed(seed)
    return SelM(**(SMALL | widths)).eval()


def clips(batch: int = 2, frames: int = 3, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Images (B, T, 3, 64, 64) and audio (B, T, 6)."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, frames, 3, SIZE, SIZE, generator=generator),
        torch.randn(batch, frames, SMALL["audio_dim"], generator=generator).abs(),
    )
