"""CLAP as VALOR uses it: the token map of a clip, and an embedding of every second in the space of sentences.

    Wu et al. Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption Augmentation. ICASSP 2023.

The network is laion_clap's own (HTSAT, fusion variant), the weights are 630k-fusion-best.pt. Two things of that package are not
used. Its start-up asks the Hugging Face hub for three tokenizers and for RoBERTa, so the module of the network is imported
alone, as the package itself does it. Its `load_ckpt` unpickles, so that a file could run anything; here a file is tensors or it is refused.

Nothing is drawn at random: clips have at most ten seconds, so the fusion of longer ones never takes part, and its four equal pictures
may as well be one. `transformers.ClapModel` is a second implementation for weights on the hub ("clap-seconds-hf"). Its feature
extractor marks one clip of every batch as longer, drawn at random, if none is; so the pictures are made here for it, too.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.clip_media import CLAP_RATE, SECONDS, ClipMedia
from avvp_lib.features.published_extractor import PublishedBackbone
from avvp_lib.features.weight_files import (
    HubFile,
    WeightFile,
    file_key,
    find_weights,
    load_into,
    read_state,
    revision,
)
from avvp_lib.weights import CheckpointError

CLAP_630K_FUSION = WeightFile(
    "CLAP 630k-fusion-best (LAION)", (HubFile("lukewys/laion_clap", "630k-fusion-best.pt"),), 1863, "CC0-1.0"
)
CLAP_HTSAT_FUSED = WeightFile(
    "CLAP htsat-fused (transformers)",
    (HubFile("laion/clap-htsat-fused", "pytorch_model.bin"), HubFile("laion/clap-htsat-fused", "model.safetensors")),
    615,
    "Apache-2.0",
)
"""Beside it lies config.json. It need not be the checkpoint that VALOR used: compare features only with themselves."""

CLIP_SAMPLES = SECONDS * CLAP_RATE
INT16 = 32767.0
WINDOW, HOP, MELS, LOWEST, HIGHEST = 1024, 480, 64, 50.0, 14000.0  # samples, samples, bands, Hz, Hz
STEPS = CLIP_SAMPLES // HOP + 1  # 1001
QUIETEST = 1e-10  # power: -100 dB, so that silence is finite
TOKENS, TOKEN_WIDTH = 64, 768  # 2 frequency bands x 32 steps; token = band * 32 + step
EMBEDDING = 512

COUNTED = (
    "position_ids",
    "token_type_ids",
)  # numbers that transformers keeps in some versions' files and counts up itself in others


def clap_map(weights: Path | None = None, device: str = "cpu", download: bool = False) -> PublishedBackbone:
    """The tokens of the last layer of CLAP's audio tower: (64, 768); raises as `build_published` does."""
    path = find_weights(CLAP_630K_FUSION, weights, download)
    network = load_clap_audio(path, device)
    card = BackboneCard(
        name="clap",
        revision=revision(path),
        modality="audio",
        input_rule="ten seconds at 48 kHz rounded to 16 bits; 64 mel bands in dB, 50 to 14000 Hz; token = band * 32 + step",
        output_shape=(TOKENS, TOKEN_WIDTH),
        dtype="float32",
        activation="none",
        normalisation="layer norm, as it leaves the network",
        licence=CLAP_630K_FUSION.licence,
    )
    return PublishedBackbone(
        card,
        clip_log_mel,
        lambda log_mel: network.tokens(log_mel).flatten(0, 1),
        device,
    )


def clap_seconds(weights: Path | None = None, device: str = "cpu", download: bool = False) -> PublishedBackbone:
    """CLAP's embedding of every second: (10, 512) unit vectors; raises as `build_published` does."""
    path = find_weights(CLAP_630K_FUSION, weights, download)
    network = load_clap_audio(path, device)
    card = _seconds_card("clap-seconds", revision(path), CLAP_630K_FUSION.licence, "laion_clap")
    return PublishedBackbone(card, pieces_log_mel, network, device)


def clap_seconds_hf(weights: Path | None = None, device: str = "cpu", download: bool = False) -> PublishedBackbone:
    """The same rule with weights on the hub, through transformers' ClapModel; raises as `build_published` does.

    Args:
        weights: pytorch_model.bin or model.safetensors; config.json must lie beside it.
        device, download: as for `build_published`.
    """
    path = find_weights(CLAP_HTSAT_FUSED, weights, download)
    if download and not path.with_name("config.json").is_file():
        HubFile("laion/clap-htsat-fused", "config.json").fetch()
    network = _load_transformers_clap(*file_key(path), device)

    def encode(log_mel: Tensor) -> Tensor:
        longer = torch.zeros(len(log_mel), 1, dtype=torch.bool, device=log_mel.device)
        return network.get_audio_features(input_features=log_mel[:, None], is_longer=longer).pooler_output

    card = _seconds_card("clap-seconds-hf", revision(path), CLAP_HTSAT_FUSED.licence, "transformers")
    return PublishedBackbone(card, pieces_log_mel, encode, device)


def _seconds_card(name: str, weights: str, licence: str, library: str) -> BackboneCard:
    return BackboneCard(
        name=name,
        revision=weights,
        modality="audio",
        input_rule=(
            "ten pieces of a second at 48 kHz rounded to 16 bits, each repeated to ten seconds, zeros after the last whole one; "
            f"64 mel bands in dB, 50 to 14000 Hz; {library}"
        ),
        output_shape=(SECONDS, EMBEDDING),
        dtype="float32",
        activation="none",
        normalisation="unit length",
        licence=licence,
    )


def int16_round_trip(samples: np.ndarray) -> np.ndarray:
    """What is left of samples in [-1, 1] as 16-bit numbers, cut off towards zero as laion_clap does; float32 of the same shape."""
    whole = (np.clip(samples, -1.0, 1.0) * INT16).astype(np.int16)
    return (whole / INT16).astype(np.float32)


def second_pieces(samples: np.ndarray) -> list[np.ndarray]:
    """Ten pieces of L // 10 samples; piece i starts at round(linspace(0, L, 11))[i]. VALOR's rule.

    Raises:
        ValueError: fewer than ten samples, or more than one axis.
    """
    if samples.ndim != 1 or len(samples) < SECONDS:
        raise ValueError(f"samples are {samples.shape}; expected (L,), mono, with L at least {SECONDS}")
    starts = np.linspace(0, len(samples), SECONDS + 1).round().astype(int)[:-1]
    return [samples[start : start + len(samples) // SECONDS] for start in starts]


def repeat_pad(piece: np.ndarray, length: int) -> np.ndarray:
    """The piece as often as it goes into `length` as a whole, then zeros: (length,); laion_clap's "repeatpad".

    Raises:
        ValueError: the piece is empty or longer than `length`.
    """
    if not 0 < len(piece) <= length:
        raise ValueError(f"a piece of {len(piece)} samples cannot be repeated to {length}")
    repeated = np.tile(piece, length // len(piece))
    return np.concatenate([repeated, np.zeros(length - len(repeated), repeated.dtype)])


def clip_log_mel(media: ClipMedia) -> Tensor:
    """What CLAP takes of a whole clip: (1, 1001, 64) float32."""
    return clap_log_mel(torch.from_numpy(int16_round_trip(media.sounds[CLAP_RATE]))[None])


def pieces_log_mel(media: ClipMedia) -> Tensor:
    """What CLAP takes of each second: (10, 1001, 64) float32."""
    pieces = [int16_round_trip(piece) for piece in second_pieces(media.sounds[CLAP_RATE])]
    return clap_log_mel(torch.from_numpy(np.stack([repeat_pad(piece, CLIP_SAMPLES) for piece in pieces])))


def clap_log_mel(clips: Tensor) -> Tensor:
    """CLAP's spectrogram: power in mel bands, in decibels.

    Args:
        clips: (n, 480000) float32 at 48 kHz.

    Returns:
        (n, 1001, 64) float32, at least -100.
    """
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(clips, WINDOW, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum.abs().square().transpose(1, 2)  # (n, 1001, 513)
    return 10 * torch.log10((power @ clap_mel_matrix()).clamp(min=QUIETEST))


@cache
def clap_mel_matrix() -> Tensor:
    """(513, 64) float32: triangles of height 1, equally spaced on the mel scale 2595 log10(1 + f / 700), sides straight in hertz."""
    hertz = torch.linspace(0, CLAP_RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)[:, None]
    lowest, highest = (2595 * np.log10(1 + edge / 700) for edge in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (torch.linspace(lowest, highest, MELS + 2, dtype=torch.float64) / 2595) - 1)
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0).float()


class ClapAudio(nn.Module):
    """CLAP's audio tower and its projection; keys as in a checkpoint of laion_clap: audio_branch.*, audio_projection.*."""

    def __init__(self) -> None:
        super().__init__()
        with _clap_modules() as (htsat, model):
            settings = model.CLAPAudioCfp(
                model_type="HTSAT", model_name="tiny", sample_rate=CLAP_RATE, audio_length=1024, window_size=WINDOW,
                hop_size=HOP, fmin=int(LOWEST), fmax=int(HIGHEST), mel_bins=MELS, clip_samples=CLIP_SAMPLES,
            )  # fmt: skip
            self.audio_branch = htsat.create_htsat_model(settings, enable_fusion=True, fusion_type="aff_2d")
        self.audio_projection = nn.Sequential(
            nn.Linear(TOKEN_WIDTH, EMBEDDING), nn.ReLU(), nn.Linear(EMBEDDING, EMBEDDING)
        )

    def tokens(self, log_mel: Tensor) -> Tensor:
        """(n, 1001, 64) -> (n, 64, 768): what leaves the last layer norm, as 2 frequency bands times 32 steps."""
        return self._run(log_mel)[0]

    def forward(self, log_mel: Tensor) -> Tensor:
        """(n, 1001, 64) -> (n, 512) unit vectors."""
        return nn.functional.normalize(self.audio_projection(self._run(log_mel)[1]), dim=-1)

    def _run(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """The tokens (n, 64, 768) and the pooled vector (n, 768). The network's class scores, which follow, are not looked at."""
        regrouped: list[Tensor] = []
        scores = self.audio_branch.tscam_conv  # takes the tokens as (n, 768, 2, 32)
        hook = scores.register_forward_pre_hook(lambda _, inputs: regrouped.append(inputs[0]))
        try:
            longer = torch.zeros(len(log_mel), 1, dtype=torch.bool, device=log_mel.device)
            output = self.audio_branch({"mel_fusion": log_mel[:, None], "longer": longer}, device=log_mel.device)
        finally:
            hook.remove()
        return regrouped[0].flatten(2).transpose(1, 2), output["embedding"]


@contextmanager
def _clap_modules():
    """The modules of laion_clap's network, without the package around them, which would ask the hub for tokenizers.

    laion_clap puts its own folder on the path and imports `clap_module` from there; so does this, and takes it off again.

    Raises ImportError if laion_clap is not installed.
    """
    found = importlib.util.find_spec("laion_clap")
    if found is None or not found.submodule_search_locations:
        raise ImportError("CLAP's network comes from laion_clap: pip install 'avvp[features]'")
    folder = found.submodule_search_locations[0]
    sys.path.append(folder)
    try:
        yield importlib.import_module("clap_module.htsat"), importlib.import_module("clap_module.model")
    finally:
        sys.path.remove(folder)


def load_clap_audio(path: Path, device: str = "cpu") -> ClapAudio:
    """CLAP's audio tower with the weights of a file; one network a process while file and device are the same.

    Args:
        path: a checkpoint of laion_clap's fusion model: a state dict, or one under "state_dict", keys with or without "module.".

    Raises:
        CheckpointError: damaged, would execute code, or of another network.
        ImportError: laion_clap is not installed.
    """
    return _load_clap_audio(*file_key(path), str(device))


@lru_cache(maxsize=1)
def _load_clap_audio(path: Path, modified: int, size: int, device: str) -> ClapAudio:
    state = {
        key: tensor
        for key, tensor in read_state(path).items()
        if key.startswith(("audio_branch.", "audio_projection."))
    }
    return load_into(ClapAudio(), state, path, "CLAP's audio tower with fusion").to(device)


@lru_cache(maxsize=1)
def _load_transformers_clap(path: Path, modified: int, size: int, device: str) -> nn.Module:
    from transformers import ClapConfig, ClapModel

    settings = path.with_name("config.json")
    if not settings.is_file():
        raise CheckpointError(
            f"{settings} is missing: ClapModel is built from it, get it from where {path.name} came from"
        )
    config = ClapConfig.from_dict(json.loads(settings.read_text(encoding="utf-8")))
    audio = config.audio_config
    if (audio.num_mel_bins, audio.spec_size, config.projection_dim) != (MELS, 256, EMBEDDING):
        raise CheckpointError(
            f"{settings} asks for {audio.num_mel_bins} mel bands, pictures of {audio.spec_size} and {config.projection_dim} numbers, "
            f"not {MELS}, 256 and {EMBEDDING}: another network than CLAP HTSAT"
        )
    state = {key: tensor for key, tensor in read_state(path).items() if not key.endswith(COUNTED)}
    network = ClapModel(config)
    counted = {key: tensor for key, tensor in network.state_dict().items() if key.endswith(COUNTED)}
    return load_into(network, state | counted, path, "ClapModel").to(device)
