"""EAR's parameter sweeps: the generator of the paper with one or two numbers changed, by name (Tables S-XVIII and S-XIX).

A threshold is a cosine between the embeddings of a corpus' teachers, so a step of 0.01 between CLIP's embeddings says nothing about
other teachers. The tutorial's generator has 0.75 for both; it takes ten times the step of the paper for sounds, whose best value
the paper brackets by 0.01, and five times that for pictures, up to what a cosine can be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from avvp_lib.pseudo_labels.generator_recipes import GeneratorRecipe, generator_recipe


@dataclass(frozen=True)
class Sweep:
    """A row of a sweep.

    Attributes:
        title: for figures.
        published: fields of `GeneratorRecipe` with the numbers of the paper.
        rendered: the same fields with numbers for the small teachers, where the published ones mean nothing there.
    """

    title: str
    published: dict[str, float]
    rendered: dict[str, float] | None = None


def _thresholds(audio: float, visual: float, rendered_audio: float, rendered_visual: float) -> Sweep:
    return Sweep(
        f"EAR, tau {audio:g} and {visual:g}",
        {"threshold_audio": audio, "threshold_visual": visual},
        {"threshold_audio": rendered_audio, "threshold_visual": rendered_visual},
    )


def _weights(audio: float, visual: float) -> Sweep:
    return Sweep(f"EAR, lambda {audio:g} and {visual:g}", {"lambda_audio": audio, "lambda_visual": visual})


SWEEPS: dict[str, Sweep] = {
    "ear-lower-audio-threshold": _thresholds(0.97, 0.95, 0.65, 0.75),
    "ear-higher-audio-threshold": _thresholds(0.99, 0.95, 0.85, 0.75),
    "ear-much-lower-visual-threshold": _thresholds(0.98, 0.92, 0.75, 0.60),
    "ear-lower-visual-threshold": _thresholds(0.98, 0.94, 0.75, 0.70),
    "ear-higher-visual-threshold": _thresholds(0.98, 0.96, 0.75, 0.80),
    "ear-much-higher-visual-threshold": _thresholds(0.98, 0.98, 0.75, 0.90),
    "ear-audio-weight-0.1": _weights(0.1, 0.15),
    "ear-audio-weight-0.15": _weights(0.15, 0.15),
    "ear-visual-weight-0.05": _weights(0.05, 0.05),
    "ear-visual-weight-0.25": _weights(0.05, 0.25),
}
"""Rows that no other table has: of S-XIX, the weight 0 is in Table V."""


def swept_recipe(name: str, profile: str = "tutorial") -> GeneratorRecipe:
    """A row of `SWEEPS` in the size of a profile; ValueError for an unknown name or profile."""
    if name not in SWEEPS:
        raise ValueError(f"unknown sweep {name!r}: choose one of {', '.join(SWEEPS)}")
    sweep = SWEEPS[name]
    values = sweep.published if profile == "paper" or sweep.rendered is None else sweep.rendered
    return replace(generator_recipe("ear", profile), name=name, title=sweep.title, **values)
