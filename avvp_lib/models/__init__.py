"""Models by name. Every parsing model takes the same `forward(audio, visual_2d, visual_3d=None, text=None)`
and returns a `ParsingOutput`, so any model can be trained on any features with any labels. "selm" segments: it takes
`forward(images, audio)` and returns a `SegmentationOutput` (`avvp_lib.models.segmentation_output`).

    >>> model = build_model("han", audio_dim=128, visual_2d_dim=256, visual_3d_dim=128, hidden=128, feed_forward=256)
    >>> model = build_model(**PRESETS["VALOR++"])

A model's file is imported when it is asked for and not before, so that a process has loaded the models it uses and no others.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from torch import nn

from avvp_lib.models.output import ParsingOutput

__all__ = ["MODELS", "PRESETS", "ParsingOutput", "build_model", "model_class", "register_model"]

MODELS: dict[str, str | type[nn.Module]] = {
    "han": "avvp_lib.models.han:HAN",
    "mgn": "avvp_lib.models.mgn:MGN",
    "jomold": "avvp_lib.models.jomold:JoMoLD",
    "valor": "avvp_lib.models.valor:VALOR",
    "mm-cse": "avvp_lib.models.mm_cse:MMCSE",
    "mug": "avvp_lib.models.mug:MUG",
    "ear": "avvp_lib.models.ear:EAR",
    "selm": "avvp_lib.models.selm:SelM",
}
"""The names `build_model` knows: a class, or where to import it from, "module:class"."""

_DEEPER = {"hidden": 256, "heads": 8, "feed_forward": 1024, "layers": 4}
_CLAP_AND_CLIP = {"audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}

PRESETS: dict[str, dict[str, Any]] = {
    "HAN": {"name": "han"},
    "VALOR": {"name": "valor"},
    "VALOR+": {"name": "valor", **_DEEPER},
    "VALOR++": {"name": "valor", **_DEEPER, **_CLAP_AND_CLIP},
}
"""The published networks, as arguments of `build_model`. Widths left out are the model's defaults."""


def register_model(name: str, model: type[nn.Module]) -> None:
    """Let `build_model`, recipes and checkpoints know a model of your own by a name.

    Args:
        name: not taken by another model.
        model: its constructor takes widths by name, each with a default; its forward is that of every parsing model.

    Raises:
        ValueError: the name belongs to another model, or a width has no default.
    """
    known = MODELS.get(name)
    if known is not None and known_as(known) != known_as(model):
        raise ValueError(f"there is a model {name!r} already, {known_as(known)}: choose another name")
    open_widths = [width for width, p in inspect.signature(model).parameters.items() if p.default is p.empty]
    if open_widths:
        raise ValueError(
            f"{known_as(model)} has no default for {', '.join(open_widths)}: build_model needs one of each"
        )
    MODELS[name] = model


def known_as(model: str | type[nn.Module]) -> str:
    """Where a model is defined, "module:class"."""
    return model if isinstance(model, str) else f"{model.__module__}:{model.__qualname__}"


def model_class(name: str) -> type[nn.Module]:
    """The class behind a name, imported if need be; ValueError for an unknown name."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(MODELS)}")
    model = MODELS[name]
    if isinstance(model, str):
        module, _, attribute = model.partition(":")
        return getattr(import_module(module), attribute)
    return model


def build_model(name: str, **widths: Any) -> nn.Module:
    """Build an untrained model, float32 on the CPU.

    `widths` are the keyword arguments of the model's class (feature widths, hidden, heads, feed_forward, layers,
    classes, dropout ...); what is left out takes the published value. The model remembers how it was built:
    `model.name` and `model.widths` (every width, defaults included, JSON-serialisable), from which
    `build_model(model.name, **model.widths)` builds its twin and by which a checkpoint refuses another model.
    `model.dead_prefixes` begin the keys to drop from a published checkpoint before `load_state_dict`.

    Raises ValueError for an unknown name, an unknown width or a value that cannot be, listing what is accepted.
    """
    kind = model_class(name)
    defaults = {width: parameter.default for width, parameter in inspect.signature(kind).parameters.items()}
    unknown = sorted(set(widths) - set(defaults))
    if unknown:
        raise ValueError(f"{name} does not take {', '.join(unknown)}; it takes {', '.join(defaults)}")
    for width, value in widths.items():
        _check_value(width, value, defaults[width])
    model = kind(**widths)
    model.name = name
    model.widths = defaults | widths
    return model


def _check_value(width: str, value: Any, default: Any) -> None:
    """Counts are positive integers and rates lie in [0, 1); named choices are checked where they are looked up."""
    if isinstance(default, int) and (not isinstance(value, int) or value < 1):
        raise ValueError(f"{width} must be a positive integer, not {value!r}")
    if isinstance(default, float) and not (isinstance(value, (int, float)) and 0 <= value < 1):
        raise ValueError(f"{width} must lie in [0, 1), not {value!r}")
