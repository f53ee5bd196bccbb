"""Checkpoints: our own, and those that the authors of the papers publish. Loading executes nothing.

Ours are safetensors with the name of the model, its widths and how it was trained (`save_checkpoint`, `load_checkpoint`). Published
ones are mostly pickles, of which nothing but tensors and plain values is read (`load_official`).
"""

from __future__ import annotations

import json
import pickle
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avvp_lib.models import PRESETS, build_model
from avvp_lib.provenance import atomic_path
from avvp_lib.records import note_input

CLAP_AND_CLIP = {"audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}

OFFICIAL: dict[str, dict[str, Any]] = {
    "han": PRESETS["HAN"],
    "valor": PRESETS["VALOR"],
    "valor+": PRESETS["VALOR+"],
    "valor++": PRESETS["VALOR++"],
    "jomold": {"name": "jomold"},
    "mgn": {"name": "mgn"},
    "mm-cse": {"name": "mm-cse", "variant": "released", **CLAP_AND_CLIP},
}
"""The networks whose published weights can be loaded, as arguments of `build_model`."""

DAMAGE = (
    SafetensorError, OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, struct.error
)  # fmt: skip
"""How reading a damaged file may fail: a few wrong bytes can lead an unpickler anywhere."""

KEYS_NAMED = 5
"""How many keys an error message lists before it only counts."""


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
    state = _state_dict(_read_foreign(path), path)
    live = {key: tensor for key, tensor in state.items() if not key.startswith(tuple(model.dead_prefixes))}
    convert = getattr(sys.modules[type(model).__module__], "from_official", None)
    try:
        ours = live if convert is None else convert(live)
    except (LookupError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is no checkpoint of {name!r}, it cannot be converted: {error}") from error
    _check_fit(model, ours, path, name)
    model.load_state_dict(ours)
    return model.eval()


def _read_foreign(path: Path) -> Any:
    """What a file of somebody else holds, on the CPU, with nothing executed."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_numpy_state()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is refused: it holds more than tensors and plain values, and reading that could execute code, or it is damaged. "
            f"What PyTorch says: {str(error).splitlines()[0]}"
        ) from error
    except DAMAGE as error:
        raise CheckpointError(f"{path} is damaged or not a checkpoint ({error}): download it again") from error


def _numpy_state() -> list[tuple[Any, str]]:
    """What a pickled state of numpy's random generator needs: an array of unsigned 32-bit integers, under old and new names."""
    reconstruct = np.empty(0).__reduce__()[0]
    kind = type(np.dtype(np.uint32))
    return [
        (reconstruct, "numpy.core.multiarray._reconstruct"),
        (reconstruct, "numpy._core.multiarray._reconstruct"),
        (np.ndarray, "numpy.ndarray"),
        (np.dtype, "numpy.dtype"),
        (kind, f"{kind.__module__}.{kind.__qualname__}"),
    ]


def _state_dict(stored: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in what a file holds: all of it, or its entry "model"."""
    state = stored.get("model", stored) if isinstance(stored, Mapping) else stored
    if not isinstance(state, Mapping) or not state:
        raise CheckpointError(f"{path} holds no state dict but a {type(state).__name__}")
    wrong = [key for key, value in state.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if wrong:
        raise CheckpointError(f"{path} is no state dict, nor has it one under 'model': {_named(wrong)} are no tensors")
    infinite = [key for key, value in state.items() if not torch.isfinite(value).all()]
    if infinite:
        raise CheckpointError(f"{path} holds a NaN or an infinity in {_named(infinite)}")
    return dict(state)


def _check_fit(model: nn.Module, state: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Every tensor of the model is there in its shape, and no other."""
    expected, found = (
        {key: tuple(tensor.shape) for key, tensor in tensors.items()} for tensors in (model.state_dict(), state)
    )
    problems = {
        "missing": [key for key in expected if key not in found],
        "unexpected": [key for key in found if key not in expected],
        "of another shape": [
            f"{key} {found[key]} instead of {shape}"
            for key, shape in expected.items()
            if found.get(key, shape) != shape
        ],
    }
    said = [f"{len(keys)} keys {problem}: {_named(keys)}" for problem, keys in problems.items() if keys]
    if said:
        raise CheckpointError(f"{path} is no checkpoint of {name!r} in these widths. {'. '.join(said)}")


def _named(keys: list[Any]) -> str:
    return ", ".join(map(str, keys[:KEYS_NAMED])) + (", ..." if len(keys) > KEYS_NAMED else "")
