"""What the tiny teachers make of the name of ANY event: text towers that have read more sentences than LLP's twenty-five.

The shipped teachers learned 26 captions, so to them any other sentence is a string of tokens without a meaning. The wider text
towers were tuned to the teachers' frozen picture and sound towers (as in LiT, "locked-image tuning") on rendered examples of all 37
categories that the renderer has: `avvp_lib.features.wide_text_training`. They ask with EAR's two sentences, and speak of the same
features: banks stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from avvp_lib.features.tiny_teachers import TEACHER_FOLDER, TEACHERS, build_teacher, embed_text
from avvp_lib.records import note_input

TEMPLATES = {"tiny-clip": "A photo of {}", "tiny-clap": "This is the sound of {}"}
"""EAR's sentences for pictures and for sounds."""

VISUAL = "visual."  # how the names of the picture (or sound) tower's tensors begin; all others but the scale are the text tower's


def event_words(name: str) -> str:
    """A class name in plain words: "Frying_(food)" is "frying food"."""
    words = name.replace("_", " ").replace("(", " ").replace(")", " ").lower().split()
    if not words:
        raise ValueError(f"a class name needs at least one word, not {name!r}")
    return " ".join(words)


def event_sentences(teacher: str, names: Sequence[str]) -> list[str]:
    """The sentence of each class name for a teacher.

    Raises:
        ValueError: unknown teacher, or a name without a word.
    """
    if teacher not in TEMPLATES:
        raise ValueError(f"unknown teacher {teacher!r}: choose one of {', '.join(TEACHERS)}")
    return [TEMPLATES[teacher].format(event_words(name)) for name in names]


def wide_text(teacher: str, names: Sequence[str]) -> tuple[np.ndarray, float]:
    """Text embeddings of any class names in the space of a teacher's features.

    Args:
        teacher: "tiny-clip" or "tiny-clap".
        names: C class names: LLP's as its CSVs spell them, UnAV-100's labels, or words of your own. The tower learned those of both
            corpora; words it has not read get an embedding too, and it means little.

    Returns:
        (C, 128) float32 unit vectors, and the teacher's logit scale.

    Raises:
        ValueError: unknown teacher, no names, or a name without a word.
    """
    if not len(names):
        raise ValueError("names must hold at least one class name")
    sentences = event_sentences(teacher, names)
    model = _wide_teacher(teacher)
    return embed_text(model, teacher, sentences).numpy(), model.logit_scale.detach().exp().item()


def wide_text_file(teacher: str) -> Path:
    """Where the shipped weights of a wider text tower are."""
    return TEACHER_FOLDER / f"{teacher}-text.safetensors"


@cache
def _wide_teacher(teacher: str) -> nn.Module:
    return build_wide_teacher(teacher)


def build_wide_teacher(teacher: str, weights: Path | None = None) -> nn.Module:
    """The shipped teacher with the wider text tower in place of its own, in evaluation mode.

    Raises:
        FileNotFoundError: there are no such weights.
        ValueError: unknown teacher, a damaged file, or weights of another text tower.
    """
    model = build_teacher(teacher)
    path = weights or wide_text_file(teacher)
    if not path.is_file():
        raise FileNotFoundError(
            f"no wide text tower for {teacher} at {path}: `avvp train-teachers --wide-text` trains it"
        )
    note_input(path)
    try:
        stored = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}): get it again, or train anew") from error
    expected = text_tower(model)
    wrong = sorted(
        {key for key in expected.keys() ^ stored.keys()}
        | {key for key in expected.keys() & stored.keys() if expected[key].shape != stored[key].shape}
    )
    if wrong:
        raise ValueError(f"{path} is not a text tower of {teacher}: {len(wrong)} tensors differ, {wrong[0]} first")
    model.load_state_dict({key: value.float() for key, value in stored.items()}, strict=False)
    return model.eval()


def text_tower(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a teacher's text tower: all but its other tower and the logit scale."""
    return {
        key: value for key, value in model.state_dict().items() if not key.startswith(VISUAL) and key != "logit_scale"
    }
