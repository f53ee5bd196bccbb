"""One training of a parser on several devices: the loop of `avvp_lib.training`, with a part of every step for each of them.

    torchrun --standalone --nproc-per-node 2 train.py               # a file that calls fit_shared(..., devices=2)

Every device holds the whole training set, for an objective counts in it, and draws the same order of videos. Of each step's videos it
takes every `devices`-th. PyTorch averages the gradients, so for a loss that is a mean over videos the gradient is that of the step.
The validation split is not shared: each device scores all of it, from the same weights, so all choose the same epoch.

What differs from one device: a step that does not divide evenly is filled up with its own first videos, which then count twice; a loss
that compares the videos of a step (JoMoLD's share of noisy labels) sees a device's part of them; devices draw the same dropout for
different videos; and the loss in the history is that of the first device's videos.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from avvp_lib.fit_state import FitState, TrainingFolder
from avvp_lib.locks import exclusive
from avvp_lib.provenance import code_digest

# The loop's private parts: its code stamps every stored cell, so it is used here as it is and not opened up for this.
from avvp_lib.training import FitResult, ParsingData, TrainingRecipe, _identity, _train

FORWARDS = ("without_cross_attention",)
"""What objectives call of a model besides its `forward`: JoMoLD's."""


class _Part:
    """Training videos of which a batch is one device's part; all else is as without it."""

    def __init__(self, data: ParsingData, device: int, devices: int) -> None:
        self._data, self._device, self._devices = data, device, devices

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def __len__(self) -> int:
        return len(self._data)

    def to(self, device: torch.device) -> _Part:
        return _Part(self._data.to(device), self._device, self._devices)

    def take(self, indices: Tensor) -> ParsingData:
        return self._data.take(part_of_step(indices, self._device, self._devices))


def part_of_step(indices: Tensor, device: int, devices: int) -> Tensor:
    """The videos of a step that one device takes: every `devices`-th, as many for each; the first fill up what is missing.

    Args:
        indices: (B,) int64, B at least 1.
        device: counted from 0.

    Returns:
        (ceil(B / devices),) int64.
    """
    each = -(-len(indices) // devices)
    return indices[torch.arange(device, each * devices, devices, device=indices.device) % len(indices)]


class _SharingFabric(Fabric):
    """Fabric that lets an objective call what else a model offers besides `forward`."""

    def setup(self, module: nn.Module, *optimisers: torch.optim.Optimizer, **options: Any) -> Any:
        wrapped, *rest = super().setup(module, *optimisers, **options)
        for name in FORWARDS:
            if hasattr(module, name):
                wrapped.mark_forward_method(name)
        return wrapped, *rest


@dataclass(frozen=True)
class _SharedFolder(TrainingFolder):
    """A folder that all devices read and the first one writes."""

    first: bool = True

    def keep(self, state: FitState, finished: bool) -> None:
        if self.first:
            super().keep(state, finished)


def fit_shared(
    model: nn.Module,
    train: ParsingData,
    validation: ParsingData,
    recipe: TrainingRecipe,
    seed: int,
    devices: int,
    device: str = "auto",
    precision: str = "32-true",
    folder: Path | None = None,
    progress: bool = True,
) -> FitResult:
    """Train a model on several devices, in each of the processes that `torchrun` has started.

    Args:
        model: any parsing model, with the same weights in every process.
        devices: how many share each step; as many as there are processes. `recipe.batch_size` is that of all together, so their number
            changes the time and not the recipe.
        train, validation, recipe, seed, device, precision, folder, progress: see `avvp_lib.training.fit`. A training that was begun
            with another number of devices begins anew.

    Returns:
        The same in every process.

    Raises:
        ValueError: as `fit`; or a step has fewer videos than there are devices.
        FloatingPointError: the loss is no longer finite; names the epoch.
    """
    if validation.true_audio is None or validation.true_visual is None:
        raise ValueError("the validation data has no dense labels to select the best epoch with")
    if recipe.batch_size < devices:
        raise ValueError(f"batch_size is {recipe.batch_size}, but {devices} devices share each step: give each a video")
    fabric = _SharingFabric(
        accelerator=device, devices=devices, strategy="ddp_find_unused_parameters_true", precision=precision
    )
    fabric.launch()
    first = fabric.is_global_zero
    arguments = fabric, model, _Part(train, fabric.global_rank, devices), validation, recipe, seed
    if folder is None:
        state = _train(*arguments, None, progress and first)
    else:
        machine = {"accelerator": fabric.device.type, "devices": str(devices), "precision": precision}
        identity = _identity(model, train, validation, recipe, seed) | machine | {"sharing": code_digest(__name__)}
        kept = _SharedFolder(Path(folder), identity, first)
        with exclusive(kept.path) if first else nullcontext():
            fabric.barrier()  # the others read what is kept when nobody else writes it any more
            state = _train(*arguments, kept, progress and first)
            fabric.barrier()
    model.load_state_dict(state.best_state)
    return FitResult(model.cpu().eval(), pd.DataFrame(state.history), state.best_epoch)
