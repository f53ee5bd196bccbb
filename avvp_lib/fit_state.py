"""What a training needs in order to go on after it was killed, in one file that is whole or absent.

`training.state` begins with the SHA-256 of what follows it, which `torch.load` reads without executing anything: the identity of the
training and, while it runs, the model, the optimiser and all random generators besides the result so far; at the end the result alone.
A file of another training, or a damaged one, is never gone on with.
"""

from __future__ import annotations

import copy
import hashlib
import io
import logging
import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

import pandas as pd
import torch
from lightning_fabric.plugins.precision import Precision
from torch import Tensor, nn

from avvp_lib.provenance import atomic_path, code_digest, import_closure, json_digest, remove_unfinished
from avvp_lib.workspace import shown

STATE, HISTORY = "training.state", "history.csv"
DIGEST_LENGTH = 64  # hexadecimal digits of SHA-256, and a line break after them

logger = logging.getLogger(__name__)


@dataclass
class FitState:
    """A training between two epochs.

    Attributes:
        model: on the device it is trained on.
        optimiser: of that model.
        precision: fabric's plugin, which holds a loss scale in half precision.
        order: draws the order of the videos.
        device: what is trained on; its generator draws dropout.
        history: one row an epoch.
        best_epoch: counted from 1, 0 before the first.
        best_state: the model's weights after it.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    precision: Precision
    order: torch.Generator
    device: torch.device
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_state: dict[str, Tensor] | None = None

    def add(self, row: dict[str, float], score: str) -> None:
        """Take in a finished epoch; it is the best one if its score beats all before."""
        self.history.append(row)
        if self.best_state is None or row[score] > self.history[self.best_epoch - 1][score]:
            self.best_epoch, self.best_state = len(self.history), copy.deepcopy(self.model.state_dict())

    def result(self) -> dict[str, Any]:
        """What a finished training leaves."""
        return {"history": self.history, "best_epoch": self.best_epoch, "best_state": self.best_state}

    def everything(self) -> dict[str, Any]:
        """The result so far and all that the next epoch depends on."""
        random = {"order": self.order.get_state(), "cpu": torch.get_rng_state()}
        if self.device.type != "cpu":
            random["device"] = torch.get_device_module(self.device).get_rng_state()
        moving = {"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()}
        return {**self.result(), **moving, "precision": self.precision.state_dict(), "random": random}

    def restore(self, kept: dict[str, Any]) -> None:
        """Be as it was when `everything` or `result` was kept."""
        self.history, self.best_epoch, self.best_state = kept["history"], kept["best_epoch"], kept["best_state"]
        if "model" not in kept:
            return
        self.model.load_state_dict(kept["model"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.precision.load_state_dict(kept["precision"])
        self.order.set_state(kept["random"]["order"])
        torch.set_rng_state(kept["random"]["cpu"])
        if self.device.type != "cpu":
            torch.get_device_module(self.device).set_rng_state(kept["random"]["device"])


@dataclass(frozen=True)
class TrainingFolder:
    """A folder that keeps one training; whoever uses it holds it (`locks.exclusive`).

    Attributes:
        path: of the folder.
        identity: what the training follows from, by a name for people. A state with another identity is not gone on with.
    """

    path: Path
    identity: dict[str, str]

    def keep(self, state: FitState, finished: bool) -> None:
        """Replace what the folder holds: the history, then the state; a finished training shrinks to its result."""
        with atomic_path(self.path / HISTORY) as temporary:
            pd.DataFrame(state.history).to_csv(temporary, index=False)
        stream = io.BytesIO()
        torch.save({"identity": self.identity, **(state.result() if finished else state.everything())}, stream)
        with atomic_path(self.path / STATE) as temporary, open(temporary, "wb") as file:
            file.write(hashlib.sha256(stream.getbuffer()).hexdigest().encode() + b"\n")
            file.write(stream.getbuffer())

    def go_on(self, state: FitState) -> None:
        """Bring a new training to where the kept one ended, if it is the same; a warning says why it is not.

        Temporary files of killed runs are removed.
        """
        remove_unfinished(self.path)
        file = self.path / STATE
        if not file.is_file():
            return
        try:
            kept = _read(file)
        except ValueError as error:
            logger.warning("%s is damaged (%s): the training begins anew", shown(file), error)
            return
        different = [name for name, value in self.identity.items() if kept["identity"].get(name) != value]
        if different:
            logger.warning("%s is of another training (%s): this one begins anew", shown(file), ", ".join(different))
            return
        state.restore(kept)


def _read(path: Path) -> dict[str, Any]:
    """What a `TrainingFolder` kept, on the CPU; ValueError if it is not that."""
    content = path.read_bytes()
    if content[:DIGEST_LENGTH] != hashlib.sha256(memoryview(content)[DIGEST_LENGTH + 1 :]).hexdigest().encode():
        raise ValueError("its content has another fingerprint than its first line says")
    try:
        kept = torch.load(io.BytesIO(content[DIGEST_LENGTH + 1 :]), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError("it holds more than tensors and numbers") from error
    if not isinstance(kept, dict) or "identity" not in kept:
        raise ValueError("it names no training")
    return kept


def tensors_digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 over names, shapes, dtypes and values, at about a gigabyte a second."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def model_digest(model: nn.Module) -> str:
    """Fingerprint of an untrained model: its weights, its parts, and the settings that weights do not show, such as dropout."""
    parts = {
        name: [f"{type(part).__module__}.{type(part).__qualname__}", _settings(vars(part))]
        for name, part in model.named_modules()
    }
    return json_digest([tensors_digest([*model.named_parameters(), *model.named_buffers()]), parts])


def _settings(attributes: dict[str, Any]) -> dict[str, str]:
    """The attributes of a module that are plain values or functions; whether it is in training mode does not count."""
    plain = {name: repr(value) for name, value in attributes.items() if name != "training" and _is_plain(value)}
    functions = {
        name: f"{value.__module__}.{value.__qualname__}"
        for name, value in attributes.items()
        if isinstance(value, FunctionType | BuiltinFunctionType)
    }
    return plain | functions


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        return all(_is_plain(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool | int | float | str | None)


def training_code(model: nn.Module, *modules: str) -> str:
    """Fingerprint of some modules, of those that define the parts of a model, and of all of this package that they import.

    PyTorch's own parts do not count; its version does, where a training is identified.

    Raises:
        ValueError: a part was defined in a notebook or a script, whose code nobody can find again.
    """
    parts = {type(part).__module__ for part in model.modules()}
    if "__main__" in parts:
        raise ValueError(
            f"{type(model).__name__} is defined in a notebook or a script, so what is kept of its training could belong to "
            "an earlier version: put it into a .py file and load that (load_extension), or give fit no folder"
        )
    own = {part for part in parts if part.split(".")[0] != "torch"}
    return code_digest(*import_closure(*modules, *own), whole_packages=False)
