"""Checkpoint files in the formats of the published ones, with random weights from a seed, and media to feed what loads them."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avvp_lib.features.clip_media import CLAP_RATE, FRAMES_PER_SECOND, SECONDS, VGGISH_RATE, ClipMedia


def media(seed: int = 0, height: int = 36, width: int = 48) -> ClipMedia:
    """Ten seconds of noisy blocks of 6 x 6 pixels, and a tone under noise whose pitch rises every second."""
    numbers = np.random.default_rng(seed)
    frames = SECONDS * FRAMES_PER_SECOND
    blocks = numbers.integers(0, 180, (frames, height // 6 + 1, width // 6 + 1, 3), dtype=np.uint8)
    pictures = blocks.repeat(6, axis=1).repeat(6, axis=2)[:, :height, :width]
    pictures += numbers.integers(0, 76, pictures.shape, dtype=np.uint8)
    return ClipMedia(Path("noise.mp4"), pictures, {rate: _tones(rate, numbers) for rate in (VGGISH_RATE, CLAP_RATE)})


def _tones(rate: int, numbers: np.random.Generator) -> np.ndarray:
    time = np.arange(SECONDS * rate) / rate
    pitch = 220 * 2 ** (np.floor(time) / 3)
    return (0.3 * np.sin(2 * np.pi * pitch * time) + 0.05 * numbers.standard_normal(len(time))).astype(np.float32)


def seeded_state(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """A state dict of the network's keys and shapes: normal numbers that neither vanish nor explode on the way through it.

    The network may be on the meta device. Numbers that are counted, such as masks and indices, stay as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    parameters = dict(network.named_parameters())
    state = {}
    for key, tensor in network.state_dict().items():
        if key.endswith("running_var"):
            state[key] = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif key.endswith("running_mean"):
            state[key] = 0.1 * torch.randn(tensor.shape, generator=generator)
        elif key not in parameters:
            state[key] = torch.zeros((), dtype=torch.long) if tensor.is_meta else tensor.clone()
        elif tensor.ndim >= 2:
            fan_in = max(1, tensor[0].numel())
            state[key] = torch.randn(tensor.shape, generator=generator) / fan_in**0.5
        else:
            centre = 0.6 if key.endswith("weight") else 0.0  # of normalisation layers
            state[key] = centre + 0.1 * torch.randn(tensor.shape, generator=generator)
    return state


class Malicious:
    """Pickles to a call that makes a folder: what a poisoned checkpoint would do instead of something worse."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def write_roberta_tokenizer(folder: Path) -> int:
    """RoBERTa's tokenizer files with all bytes and three merges; returns how many tokens there are."""
    from tokenizers.pre_tokenizers import ByteLevel

    merges = ["t h", "th e", "Ġ a"]
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), "th", "the", "Ġa", "<mask>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(
        json.dumps({word: number for number, word in enumerate(words)}), encoding="utf-8"
    )
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    return len(words)
