"""Small networks of the published backbones' form, for tests of what surrounds them: real weights drawn from a seed, a moment a video."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.clip_media import CLAP_RATE, VGGISH_RATE, ClipMedia
from avvp_lib.features.log_mel import log_mel
from avvp_lib.provenance import file_digest

PICTURE_STEP = 8
SEED = 5


class SmallPicture:
    """Every eighth pixel of every frame through a convolution: (10, 6), the mean of a second."""

    def __init__(self, weights: Path | None, device: str) -> None:
        self.card = _card("small-picture", "visual_2d", (10, 6), "float32", weights)
        self.network = _seeded(nn.Conv2d(3, 6, 3, padding=1), weights).to(device)

    def prepare(self, media: ClipMedia) -> Tensor:
        """(80, 3, h, w) float."""
        frames = torch.from_numpy(media.frames[:, ::PICTURE_STEP, ::PICTURE_STEP].copy()).permute(0, 3, 1, 2).float()
        return nn.functional.adaptive_avg_pool2d(frames / 255, 6)

    def encode(self, prepared: Tensor) -> Tensor:
        return self.network(prepared).relu().mean((2, 3)).unflatten(0, (-1, 8)).mean(1)


class SmallSound:
    """Log-mel of each second at one of the two rates through a linear layer: (10, 5)."""

    def __init__(self, rate: int, weights: Path | None, device: str) -> None:
        self.rate = rate
        self.card = _card(f"small-sound-{rate}", "audio", (10, 5), "float16", weights)
        self.network = _seeded(nn.Linear(64, 5), weights).to(device)

    def prepare(self, media: ClipMedia) -> Tensor:
        """(10, frames, 64)."""
        return log_mel(torch.from_numpy(media.sounds[self.rate]).view(10, self.rate), self.rate)

    def encode(self, prepared: Tensor) -> Tensor:
        return self.network(prepared.mean(1))


def build_small(name: str, weights: Path | None = None, device: str = "cpu") -> SmallPicture | SmallSound:
    """One of "small-picture", "small-sound" and "small-sound-48"."""
    if name == "small-picture":
        return SmallPicture(weights, device)
    return SmallSound({"small-sound": VGGISH_RATE, "small-sound-48": CLAP_RATE}[name], weights, device)


def _card(name: str, modality: str, shape: tuple[int, int], dtype: str, weights: Path | None) -> BackboneCard:
    revision = file_digest(weights)[:12] if weights else f"seed {SEED}"
    return BackboneCard(name, revision, modality, "the whole clip", shape, dtype, "none", "none", "MIT")


def _seeded(network: nn.Module, weights: Path | None) -> nn.Module:
    generator = torch.Generator().manual_seed(SEED)
    state = {key: torch.randn(value.shape, generator=generator) for key, value in network.state_dict().items()}
    network.load_state_dict(load_file(weights) if weights else state)
    return network.eval().requires_grad_(False)
