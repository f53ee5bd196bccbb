"""Parsing models by name. Every model takes the same `forward(audio, visual_2d, visual_3d=None, text=None)`
and returns a `ParsingOutput`, so any model can be trained on any features with any labels.

    >>> model = build_model("han", audio_dim=128, visual_2d_dim=256, visual_3d_dim=128, hidden=128, feed_forward=256)
    >>> model = build_model(**PRESETS["VALOR++"])
"""

from __future__ import annotations

import inspect
from typing import Any

from torch import nn

from avvp_lib.models.han import HAN
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.valor import VALOR

__all__ = ["MODELS", "PRESETS", "ParsingOutput", "build_model"]

MODELS: dict[str, type[nn.Module]] = {"han": HAN, "valor": VALOR}
"""The names `build_model` knows."""

_DEEPER = {"hidden": 256, "heads": 8, "feed_forward": 1024, "layers": 4}
_CLAP_AND_CLIP = {"audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}

PRESETS: dict[str, dict[str, Any]] = {
    "HAN": {"name": "han"},
    "VALOR": {"name": "valor"},
    "VALOR+": {"name": "valor", **_DEEPER},
    "VALOR++": {"name": "valor", **_DEEPER, **_CLAP_AND_CLIP},
}
"""The published networks, as arguments of `build_model`. Widths left out are the model's defaults."""


def build_model(name: str, **widths: Any) -> nn.Module:
    """Build an untrained parsing model, float32 on the CPU.

    `widths` are the keyword arguments of the model's class (feature widths, hidden, heads, feed_forward, layers,
    classes, dropout ...); what is left out takes the published value. The model remembers how it was built:
    `model.name` and `model.widths` (every width, defaults included, JSON-serialisable), from which
    `build_model(model.name, **model.widths)` builds its twin and by which a checkpoint refuses another model.
    `model.dead_prefixes` begin the keys to drop from a published checkpoint before `load_state_dict`.

    Raises ValueError for an unknown name, an unknown width or a value that cannot be, listing what is accepted.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(MODELS)}")
    defaults = {width: parameter.default for width, parameter in inspect.signature(MODELS[name]).parameters.items()}
    unknown = sorted(set(widths) - set(defaults))
    if unknown:
        raise ValueError(f"{name} does not take {', '.join(unknown)}; it takes {', '.join(defaults)}")
    for width, value in widths.items():
        _check_value(width, value, defaults[width])
    model = MODELS[name](**widths)
    model.name = name
    model.widths = defaults | widths
    return model


def _check_value(width: str, value: Any, default: Any) -> None:
    """Counts are positive integers and rates lie in [0, 1); named choices are checked where they are looked up."""
    if isinstance(default, int) and (not isinstance(value, int) or value < 1):
        raise ValueError(f"{width} must be a positive integer, not {value!r}")
    if isinstance(default, float) and not (isinstance(value, (int, float)) and 0 <= value < 1):
        raise ValueError(f"{width} must lie in [0, 1), not {value!r}")
