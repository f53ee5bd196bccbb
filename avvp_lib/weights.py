"""Weights that others wrote: read without executing anything, and checked against the network that they are for."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

DAMAGE = (
    SafetensorError, OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, struct.error
)  # fmt: skip
"""How reading a damaged file may fail: a few wrong bytes can lead an unpickler anywhere."""

KEYS_NAMED = 5
"""How many keys an error message lists before it only counts."""


class CheckpointError(ValueError):
    """A file that is not the checkpoint it should be."""


def read_foreign(path: Path) -> Any:
    """What a .pt, .pth, .pkl or .safetensors file of somebody else holds, on the CPU, with nothing executed.

    Raises CheckpointError if the file is damaged, or holds more than tensors and plain values.
    """
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


def state_dict_of(stored: Any, path: Path) -> dict[str, Tensor]:
    """The state dict in what a file holds: all of it, or its entry "model".

    Raises CheckpointError if there is none, or if a tensor is not finite.
    """
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


def check_fit(model: nn.Module, state: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Every tensor of the model is there in its shape, and no other.

    Raises CheckpointError with the keys that are missing, unexpected or of another shape.
    """
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
