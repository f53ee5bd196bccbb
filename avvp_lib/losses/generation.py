"""Losses of the pseudo-label generator: labels of audio-visual events teach two modalities at once. Eq. 6 to 8 of EAR.

    EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing. arXiv:2605.08723,
    Section III-B. The text at hand has lost its formulas; they are restored from the prose and Table V.

B videos, T segments, C classes. An event is audio-visual where it is heard and seen, so its probability is a product of two:

    "audio-dynamic"    p_a^dyn p_v^sta     EAR                                                          Eq. 6
    "visual-dynamic"   p_a^sta p_v^dyn     EAR                                                          Eq. 7
    "both-dynamic"     p_a^dyn p_v^dyn     the symmetric structure that Table IV calls UWAV

All logarithms are taken of logits: a product of two probabilities rounds to 0 or 1 long before its logarithm is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

DYNAMIC, STATIC = 0, 1
PRODUCTS: dict[str, tuple[int, int]] = {
    "audio-dynamic": (DYNAMIC, STATIC),
    "visual-dynamic": (STATIC, DYNAMIC),
    "both-dynamic": (DYNAMIC, DYNAMIC),
}
"""By name: the branch that audio and the branch that visual take part with."""

MODALITIES = ("audio", "visual")


@dataclass(frozen=True, eq=False)
class GenerationTargets:
    """What a batch of an audio-visual corpus teaches.

    Attributes:
        audio_visual: (B, T, C) 0/1, events that are heard and seen at once.
        present: (B, T) bool, segments that belong to their video; no loss is taken of the others.
        audio: (B, T, C) in [0, 1], migrated labels of what is heard; None where no term reads them.
        visual: (B, T, C) in [0, 1], migrated labels of what is seen.
    """

    audio_visual: Tensor
    present: Tensor
    audio: Tensor | None = None
    visual: Tensor | None = None


Logits = tuple[Tensor, Tensor]
"""Dynamic and static logits, each (B, T, 2, C): a `GeneratorOutput` is one."""

Term = Callable[[Logits, GenerationTargets], Tensor]
"""One term of the loss; scalar."""


def product_log_probabilities(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """log(pq) and log(1 - pq) of p = sigmoid(first), q = sigmoid(second), of any one shape. Eq. 6 and 7.

    The second is log((1 - p) + p (1 - q)), so nothing is subtracted from 1 and its gradient stays below 1.
    """
    log_p, log_q = functional.logsigmoid(first), functional.logsigmoid(second)
    absent = torch.logaddexp(functional.logsigmoid(-first), log_p + functional.logsigmoid(-second))
    return log_p + log_q, absent


def present_mean(values: Tensor, present: Tensor) -> Tensor:
    """Mean over the classes of the present segments; scalar, 0 where no segment is.

    values (B, T, C), present (B, T) bool.
    """
    kept = values.masked_fill(~present[..., None], 0.0)
    return kept.sum() / (present.sum() * values.shape[-1]).clamp(min=1)


def audio_visual_loss(logits: Logits, targets: GenerationTargets, product: str) -> Tensor:
    """BCE(p_av, Y_av) with p_av one of `PRODUCTS`; scalar. The first two terms of Eq. 8."""
    first, second = (logits[branch][:, :, m] for m, branch in enumerate(PRODUCTS[product]))
    labels = _matching(targets.audio_visual, first, "audio_visual")
    present, absent = product_log_probabilities(first, second)
    return present_mean(-(labels * present + (1 - labels) * absent), targets.present)


def uni_modal_loss(logits: Logits, targets: GenerationTargets, modality: str) -> Tensor:
    """BCE(p_m^dyn, Y_m) with the migrated, soft labels of a modality; scalar. The last two terms of Eq. 8."""
    dynamic = logits[DYNAMIC][:, :, MODALITIES.index(modality)]
    labels = getattr(targets, modality)
    if labels is None:
        raise ValueError(f"the loss has a term for migrated {modality} labels, and the targets have none")
    labels = _matching(labels, dynamic, modality)
    cells = functional.binary_cross_entropy_with_logits(dynamic, labels, reduction="none")
    return present_mean(cells, targets.present)


def build_terms(products: Sequence[str], lambda_audio: float, lambda_visual: float) -> dict[str, tuple[float, Term]]:
    """The terms of a loss and their weights, by name. Eq. 8; Tables IV and V leave some out.

        BCE(p_av^1, Y_av) + BCE(p_av^2, Y_av) + lambda_audio BCE(p_a^dyn, Y_a) + lambda_visual BCE(p_v^dyn, Y_v)

    Args:
        products: names in `PRODUCTS`, each a term of weight 1.
        lambda_audio, lambda_visual: weights of the migrated labels; a weight of 0 builds no term.

    Raises:
        ValueError: an unknown product or one named twice, a weight that is negative or not finite, or no term at all.
    """
    unknown = [product for product in products if product not in PRODUCTS]
    if unknown or len(set(products)) != len(products):
        raise ValueError(f"products must be different ones of {', '.join(PRODUCTS)}, not {', '.join(products)}")
    terms: dict[str, tuple[float, Term]] = {}
    for product in products:
        terms[product] = (1.0, lambda logits, targets, p=product: audio_visual_loss(logits, targets, p))
    for modality, weight in zip(MODALITIES, (lambda_audio, lambda_visual), strict=True):
        if not 0 <= weight < float("inf"):
            raise ValueError(f"lambda_{modality} must be a number of at least 0, not {weight!r}")
        if weight > 0:
            terms[modality] = (weight, lambda logits, targets, m=modality: uni_modal_loss(logits, targets, m))
    if not terms:
        raise ValueError("a loss without terms teaches nothing: name a product, or give a lambda above 0")
    return terms


def generation_loss(terms: dict[str, tuple[float, Term]], logits: Logits, targets: GenerationTargets) -> Tensor:
    """The weighted sum of what `build_terms` made; scalar. Eq. 8."""
    return sum(weight * term(logits, targets) for weight, term in terms.values())


def _matching(labels: Tensor, logits: Tensor, name: str) -> Tensor:
    if labels.shape != logits.shape:
        raise ValueError(f"{name} labels have shape {tuple(labels.shape)}, predictions {tuple(logits.shape)}")
    return labels.to(logits.dtype)
