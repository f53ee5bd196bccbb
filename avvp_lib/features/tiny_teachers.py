"""Two small teachers that know the rendered world: a CLIP for pictures and a CLAP-like model for sounds.

Both are built by open_clip from a model configuration, as its large ones are: a modified ResNet and a text transformer that meet in
one embedding space. The audio teacher looks at log-mel spectrograms with the same network. It is like CLAP in what it learns
and how it is asked, not in its architecture: CLAP's audio tower is a Swin transformer (HTSAT).

The weights beside the configurations were trained by `avvp train-teachers`; see teachers/MODEL_CARD.md.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.features.log_mel import log_mel
from avvp_lib.features.prompts import CLAP_PROMPTS, CLIP_PROMPTS
from avvp_lib.records import note_input

TEACHER_FOLDER = Path(__file__).with_name("teachers")
TEACHERS = ("tiny-clip", "tiny-clap")
PICTURE_SIZE = 64  # pixels, and also mel bands and spectrogram frames of one second
SAMPLE_RATE = 16_000

# Rough centres and spreads of what the towers see; a network does not care about the last digit.
PICTURE_CENTRE, PICTURE_SPREAD = 0.6, 0.25
LOG_MEL_CENTRE, LOG_MEL_SPREAD = 0.9, 0.8


def build_teacher(name: str, weights: Path | None = None) -> nn.Module:
    """The named teacher in evaluation mode with its shipped weights, or those in another safetensors file.

    Raises:
        ValueError: unknown name, a damaged file, or weights of another network; names the file and the first tensor.
        FileNotFoundError: there is no such file.
    """
    model = build_untrained_teacher(name)
    path = weights or TEACHER_FOLDER / f"{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"no weights for {name} at {path}: train them with `avvp train-teachers`")
    note_input(path)
    try:
        stored = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}): get it again, or train anew") from error
    state = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in stored.items()}
    expected = model.state_dict()
    wrong = sorted(
        {key for key in expected.keys() ^ state.keys()}
        | {key for key in expected.keys() & state.keys() if expected[key].shape != state[key].shape}
    )
    if wrong:
        raise ValueError(f"{path} does not hold the weights of {name}: {len(wrong)} tensors differ, {wrong[0]} first")
    model.load_state_dict(state)
    return model.eval()


def build_untrained_teacher(name: str) -> nn.Module:
    """The named teacher with random weights, drawn from torch's global generator."""
    _register(name)
    return open_clip.CLIP(**open_clip.get_model_config(name))


@cache
def _register(name: str) -> None:
    """Make the teacher's configuration known to open_clip, which reads all that it knows again each time."""
    if name not in TEACHERS:
        raise ValueError(f"unknown teacher {name!r}: choose one of {', '.join(TEACHERS)}")
    open_clip.add_model_config(TEACHER_FOLDER / f"{name}.json")


@cache
def tokenizer(name: str) -> open_clip.SimpleTokenizer:
    """open_clip's byte-pair tokenizer over a vocabulary of the captions' own words."""
    _register(name)
    return open_clip.get_tokenizer(name, bpe_path=str(TEACHER_FOLDER / "vocabulary.txt.gz"))


@torch.no_grad()
def embed_text(model: nn.Module, name: str, sentences: list[str]) -> Tensor:
    """(len(sentences), 128) unit vectors."""
    return model.encode_text(tokenizer(name)(sentences), normalize=True)


def picture_input(frames: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 frames -> (B, 3, 64, 64) float32: squashed by area averaging, centred and scaled."""
    pictures = frames.permute(0, 3, 1, 2).float().div_(255)
    if pictures.shape[-2:] != (PICTURE_SIZE, PICTURE_SIZE):
        pictures = nn.functional.interpolate(pictures, size=(PICTURE_SIZE, PICTURE_SIZE), mode="area")
    return (pictures - PICTURE_CENTRE) / PICTURE_SPREAD


def sound_input(waveforms: Tensor) -> Tensor:
    """(B, 16000) one-second clips -> (B, 3, 64, 64) log-mel pictures: time down, frequency across, the same in each channel."""
    return spectrogram_input(log_mel(waveforms, SAMPLE_RATE))


def spectrogram_input(spectrograms: Tensor) -> Tensor:
    """(B, 64, 64) log-mel spectrograms -> (B, 3, 64, 64), centred and scaled."""
    return ((spectrograms - LOG_MEL_CENTRE) / LOG_MEL_SPREAD)[:, None].expand(-1, 3, -1, -1)


def feature_map(model: nn.Module, inputs: Tensor) -> Tensor:
    """(B, 512, 2, 2): the last convolutional map, before the attention that pools it into the embedding."""
    tower = model.visual
    return tower.layer4(tower.layer3(tower.layer2(tower.layer1(tower.stem(inputs)))))


@cache
def class_text(name: str) -> tuple[np.ndarray, float]:
    """What a shipped teacher makes of the categories' sentences: (25, 128) float32 unit vectors, and its logit scale."""
    model = build_teacher(name)
    prompts = CLIP_PROMPTS if name == "tiny-clip" else CLAP_PROMPTS
    text = embed_text(model, name, [prompts[category] for category in LLP_CATEGORIES])
    return text.numpy(), model.logit_scale.detach().exp().item()
