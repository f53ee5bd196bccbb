"""Objectives: what a training step minimises, by name. They join a model's forward to a loss; the formulas live in `avvp_lib.losses`.

A factory sees the whole training set once, because some objectives count in it (class weights, noise ratios), and returns the
function that the training loop calls with the model and a batch:

    objective = build_objective("segment-labels", train)
    loss = objective(model, batch)                          # a scalar

An objective that changes in the course of a training has a method `start_epoch(epoch)`, which the loop calls; epochs count from 1.

One objective, one file with a function `build`: "segment-labels" is `segment_labels.build`. A file is imported when it is asked
for, so a result depends on the objective that made it and on no other. "module:function" names a factory of your own.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from torch import Tensor, nn

from avvp_lib.models.output import ParsingOutput


class Batch(Protocol):
    """What an objective reads of a batch: see `avvp_lib.training.ParsingData`."""

    audio: Tensor
    visual_2d: Tensor
    visual_3d: Tensor | None
    video_labels: Tensor
    pseudo_audio: Tensor | None
    pseudo_visual: Tensor | None

    @property
    def text(self) -> tuple[Tensor, Tensor] | None: ...


Objective = Callable[[nn.Module, Batch], Tensor]


def objective_names() -> list[str]:
    """The objectives of this package."""
    files = (module.name for module in pkgutil.iter_modules(__path__))
    return [name.replace("_", "-") for name in files if not name.startswith("_")]


def forward(model: nn.Module, batch: Batch) -> ParsingOutput:
    """Run a parsing model on a batch."""
    return model(batch.audio, batch.visual_2d, batch.visual_3d, batch.text)


def factory_of(name: str) -> Callable[..., Objective]:
    """The factory of an objective; ValueError for an unknown name."""
    module, _, attribute = name.partition(":")
    if attribute and module in sys.modules:  # of an extension, which was loaded before
        return getattr(sys.modules[module], attribute)
    if name not in objective_names():
        raise ValueError(f"unknown objective {name!r}: choose one of {', '.join(objective_names())}")
    return import_module(f"{__name__}.{name.replace('-', '_')}").build


def build_objective(name: str, train: Batch, **options: Any) -> Objective:
    """The objective of a training set.

    Args:
        name: see `objective_names`.
        train: all training videos, with the labels that the objective learns from.
        options: the factory's keyword arguments.

    Raises:
        ValueError: unknown name or option, or labels that are not there.
    """
    factory = factory_of(name)
    known = list(inspect.signature(factory).parameters)[1:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{name} does not take {', '.join(unknown)}; it takes {', '.join(known) or 'no options'}")
    return factory(train, **options)


def require_pseudo_labels(train: Batch, name: str) -> None:
    """Refuse a training set without segment labels, before the first epoch and not in it."""
    if train.pseudo_audio is None or train.pseudo_visual is None:
        raise ValueError(f"the objective {name!r} needs pseudo_audio and pseudo_visual in the training data")
