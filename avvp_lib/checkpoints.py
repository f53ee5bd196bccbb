"""Checkpoints: weights in safetensors with the name of the model, its widths and how it was trained. Loading executes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from avvp_lib.models import build_model
from avvp_lib.provenance import atomic_path


class CheckpointError(ValueError):
    """A file that is not the checkpoint it should be."""


def save_checkpoint(model: nn.Module, path: Path, **about: Any) -> None:
    """Write a model made by `build_model`, with anything JSON can hold about how it came to be.

    Raises:
        CheckpointError: the model was not made by `build_model`, so that nobody could build it again.
    """
    if not (hasattr(model, "name") and hasattr(model, "widths")):
        raise CheckpointError(
            f"this {type(model).__name__} does not know its name and widths: make it with build_model"
        )
    header = {"model": model.name, "widths": json.dumps(model.widths), "about": json.dumps(about)}
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    with atomic_path(Path(path)) as temporary:
        save_file(state, temporary, metadata=header)


def load_checkpoint(path: Path, model: str | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild the model of a checkpoint in evaluation mode.

    Args:
        path: what `save_checkpoint` wrote.
        model: the name that the checkpoint must hold, if the caller needs a certain model.

    Returns:
        The model, and what was saved about it.

    Raises:
        CheckpointError: the file is missing, damaged, not ours, of another model, or its tensors do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    try:
        with safe_open(path, framework="pt") as stored:
            header = stored.metadata() or {}
            state = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 - not a dictionary
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file ({error})") from error
    if not {"model", "widths", "about"} <= header.keys():
        raise CheckpointError(f"{path} was not written by save_checkpoint: its header names no model")
    if model is not None and header["model"] != model:
        raise CheckpointError(f"{path} is a checkpoint of {header['model']!r}, not of {model!r}")
    try:
        built, about = build_model(header["model"], **json.loads(header["widths"])), json.loads(header["about"])
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"the header of {path} describes no model that can be built: {error}") from error
    shapes, found = ({key: tuple(tensor.shape) for key, tensor in s.items()} for s in (built.state_dict(), state))
    wrong = sorted(key for key in shapes.keys() | found.keys() if shapes.get(key) != found.get(key))
    if wrong:
        raise CheckpointError(
            f"{len(wrong)} tensors in {path} do not fit {header['model']!r} of these widths, first {wrong[0]}: "
            f"{found.get(wrong[0], 'missing')} instead of {shapes.get(wrong[0], 'none')}"
        )
    built.load_state_dict(state)
    return built.eval(), about
