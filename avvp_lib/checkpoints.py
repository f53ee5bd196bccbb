"""Checkpoints: our own, and those that the authors of the papers publish. Loading executes nothing.

Ours are safetensors with the name of the model, its widths and how it was trained (`save_checkpoint`, `load_checkpoint`). Published
ones are mostly pickles, of which nothing but tensors and plain values is read (`load_official`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from avvp_lib.models import PRESETS, build_model
from avvp_lib.provenance import atomic_path
from avvp_lib.records import note_input
from avvp_lib.weights import CheckpointError, check_fit, read_foreign, state_dict_of

CLAP_AND_CLIP = {"audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}

OFFICIAL: dict[str, dict[str, Any]] = {
    "han": PRESETS["HAN"],
    "valor": PRESETS["VALOR"],
    "valor+": PRESETS["VALOR+"],
    "valor++": PRESETS["VALOR++"],
    "jomold": {"name": "jomold"},
    "mgn": {"name": "mgn"},
    "mm-cse": {"name": "mm-cse", "variant": "released", **CLAP_AND_CLIP},
    "selm": {"name": "selm", "variant": "released"},
}
"""The networks whose published weights can be loaded, as arguments of `build_model`."""


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
    note_input(path)
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


def load_official(name: str, path: Path, **widths: Any) -> nn.Module:
    """Build a published network with its published weights, in evaluation mode.

    The file holds a state dict, or a dictionary with a state dict under "model" beside other training state, such as JoMoLD's, of
    which nothing else is used. Keys that the network's own forward never reads (`model.dead_prefixes`) are dropped, keys of another
    layout are converted (`from_official` in the model's module); everything that is left must fit exactly. What shapes cannot tell,
    such as the number of heads, is taken from the published configuration.

    Args:
        name: see `OFFICIAL`.
        path: a .pt, .pth or .safetensors file.
        widths: what differs from the published configuration, such as assignment="hard" for weights of the hard MGN.

    Raises:
        CheckpointError: the name is unknown; the file is missing, damaged, or would execute code; a key is missing, unexpected or of
            another shape, or weights are not finite. Names the keys.
        ValueError: widths that cannot be, see `build_model`.
    """
    if name not in OFFICIAL:
        raise CheckpointError(f"no published checkpoint {name!r}; known: {', '.join(OFFICIAL)}")
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    note_input(path)
    model = build_model(**(OFFICIAL[name] | widths))
    state = state_dict_of(read_foreign(path), path)
    live = {key: tensor for key, tensor in state.items() if not key.startswith(tuple(model.dead_prefixes))}
    convert = getattr(sys.modules[type(model).__module__], "from_official", None)
    try:
        ours = live if convert is None else convert(live)
    except (LookupError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is no checkpoint of {name!r}, it cannot be converted: {error}") from error
    check_fit(model, ours, path, name)
    model.load_state_dict(ours)
    return model.eval()
