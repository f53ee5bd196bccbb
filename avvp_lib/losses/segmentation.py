"""SelM's losses (Li et al., ACM MM 2024, Sec. 4.5): masks against logits, and hit maps against masks.

B clips, T frames, K classes, N frames that count. Masks hold a class index at each pixel, 0 for background; 0 and 1 where one
mask says what sounds. Only labelled frames count: in S4's training split the first of five.

    Eq. 6   Dice + BCE + auxiliary        segmentation_loss (S4, MS3)
    Eq. 7   weighted Dice of hit maps     hit_map_loss
            cross entropy + auxiliary     semantic_loss (AVSS; the paper calls the first term BCE, the code takes 71-way
                                          cross entropy, and so do we)

Dice is that of V-Net (Milletari et al., 2016). The released code puts hit maps, which are 0 or 1 already, through another sigmoid:
its probabilities are 0.5 and 0.731, and even a perfect hit map costs something. `hit_activation` says which is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

HIT_WEIGHTS = (0.001, 0.01, 0.1)
"""alpha_1 to alpha_3 of Eq. 7, coarse to fine."""

HIT_ACTIVATIONS = ("none", "sigmoid")
TERMS = ("dice", "bce", "aux")
SEMANTIC_TERMS = ("cross_entropy", "aux")
SMOOTHING = 0.001
TARGET = 1
"""The channel of a hit map that belongs to the target token."""


class SegmentationPredictions(Protocol):
    """What the losses read of a model's output."""

    @property
    def logits(self) -> Tensor: ...

    @property
    def hit_maps(self) -> Sequence[Tensor]: ...


def dice_loss(probability: Tensor, target: Tensor) -> Tensor:
    """1 - 2 sum p g / (sum p^2 + sum g^2), of each sample, averaged over samples; scalar.

    Each of the two sums of squares has 0.001 added. A frame with an empty mask costs 1 whatever is predicted, and teaches nothing:
    the published definition. There the cross entropy has to do the work.

    Args:
        probability: (N, ...) float in [0, 1].
        target: (N, ...), the same shape, 0 and 1.

    Raises:
        ValueError: the shapes differ.
    """
    if probability.shape != target.shape:
        raise ValueError(f"probability has shape {tuple(probability.shape)}, target {tuple(target.shape)}")
    p, g = probability.flatten(1), target.flatten(1).to(probability.dtype)
    overlap = (p * g).sum(dim=1)
    size = (p.square().sum(dim=1) + SMOOTHING) + (g.square().sum(dim=1) + SMOOTHING)
    return (1 - 2 * overlap / size).mean()


def hit_map_loss(
    hit_maps: Sequence[Tensor],
    target: Tensor,
    hit_activation: str = "none",
    weights: Sequence[float] = HIT_WEIGHTS,
) -> Tensor:
    """Eq. 7: Dice between the target channel of each decoder layer's hit map and the mask, weighted and summed; scalar.

    A hit map is enlarged to the mask by nearest neighbours.

    Args:
        hit_maps: (N, 2, h, w) each, coarse to fine.
        target: (N, H, W) bool or 0 and 1: what sounds.
        hit_activation: "none": a hit map is a probability. "sigmoid": as released, on top of it.
        weights: one for each hit map.

    Raises:
        ValueError: another number of hit maps than weights, or an unknown activation.
    """
    if hit_activation not in HIT_ACTIVATIONS:
        raise ValueError(f"hit_activation {hit_activation!r} is unknown; known: {', '.join(HIT_ACTIVATIONS)}")
    if len(hit_maps) != len(weights):
        raise ValueError(
            f"there are {len(hit_maps)} hit maps for {len(weights)} weights: a decoder that never looks at the picture "
            f"has none, so leave 'aux' out of the terms"
        )
    total = target.new_zeros((), dtype=torch.float32)
    for hit_map, weight in zip(hit_maps, weights, strict=True):
        hits = at_least_float32(hit_map[:, TARGET : TARGET + 1])
        enlarged = functional.interpolate(hits, target.shape[1:], mode="nearest").squeeze(1)
        total = total + weight * dice_loss(enlarged.sigmoid() if hit_activation == "sigmoid" else enlarged, target)
    return total


def segmentation_loss(
    output: SegmentationPredictions,
    masks: Tensor,
    labelled: Tensor,
    *,
    hit_activation: str = "none",
    terms: Sequence[str] = TERMS,
) -> Tensor:
    """Eq. 6, the loss of S4 and MS3: Dice + binary cross entropy + auxiliary, over the labelled frames; scalar.

    Args:
        output: logits (B, T, 1, H, W) and hit maps (B, T, 2, h, w).
        masks: (B, T, H, W), 0 for background, anything else sounds.
        labelled: (B, T) bool: frames whose mask counts.
        hit_activation: see `hit_map_loss`.
        terms: which of "dice", "bce", "aux" (Table 8).

    Raises:
        ValueError: shapes that do not fit, no labelled frame, an unknown term; names the argument.
    """
    check_terms(terms, TERMS)
    logits, masks, hits = labelled_frames(output, masks, labelled)
    if logits.shape[1] != 1:
        raise ValueError(f"logits have {logits.shape[1]} channels: a loss of one mask needs 1; see semantic_loss")
    sounds = masks > 0
    logits = logits.squeeze(1)
    computed = {
        "dice": lambda: dice_loss(logits.sigmoid(), sounds),
        "bce": lambda: functional.binary_cross_entropy_with_logits(logits, sounds.to(logits.dtype)),
        "aux": lambda: hit_map_loss(hits, sounds, hit_activation),
    }
    return torch.stack([computed[term]() for term in terms]).sum()


def semantic_loss(
    output: SegmentationPredictions,
    masks: Tensor,
    labelled: Tensor,
    *,
    hit_activation: str = "none",
    terms: Sequence[str] = SEMANTIC_TERMS,
) -> Tensor:
    """The loss of AVSS: cross entropy over the classes + auxiliary, over the labelled frames; scalar.

    Args:
        output: logits (B, T, K, H, W) and hit maps (B, T, 2, h, w).
        masks: (B, T, H, W) class indices below K, 0 for background.
        labelled: (B, T) bool: frames whose mask counts.
        hit_activation: see `hit_map_loss`; its target is everything that is not background.
        terms: which of "cross_entropy", "aux".

    Raises:
        ValueError: shapes that do not fit, a class that the model has not, no labelled frame; names the argument.
    """
    check_terms(terms, SEMANTIC_TERMS)
    logits, masks, hits = labelled_frames(output, masks, labelled)
    highest, classes = int(masks.max()), logits.shape[1]
    if highest >= classes:
        raise ValueError(f"masks hold class {highest}, the model knows 0 to {classes - 1}: build it with more classes")
    computed = {
        "cross_entropy": lambda: functional.cross_entropy(logits, masks.long()),
        "aux": lambda: hit_map_loss(hits, masks > 0, hit_activation),
    }
    return torch.stack([computed[term]() for term in terms]).sum()


def labelled_frames(
    output: SegmentationPredictions, masks: Tensor, labelled: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The frames that count: logits (N, K, H, W) in float32 or wider, masks (N, H, W), hit maps (N, 2, h, w).

    Raises:
        ValueError: shapes that do not fit, or no labelled frame; names the argument.
    """
    logits = output.logits
    if logits.dim() != 5:
        raise ValueError(f"logits have shape {tuple(logits.shape)}; they need (B, T, K, H, W)")
    expected = (*logits.shape[:2], *logits.shape[3:])
    if masks.shape != expected:
        raise ValueError(f"masks have shape {tuple(masks.shape)}, the logits need {expected}: resize one of them")
    if labelled.shape != logits.shape[:2] or labelled.dtype != torch.bool:
        raise ValueError(
            f"labelled is {labelled.dtype} of shape {tuple(labelled.shape)}; it needs bool of {tuple(logits.shape[:2])}"
        )
    if not labelled.any():
        raise ValueError("labelled marks no frame of this batch: there is nothing to learn from")
    return at_least_float32(logits[labelled]), masks[labelled], [hits[labelled] for hits in output.hit_maps]


def check_terms(terms: Sequence[str], known: Sequence[str]) -> None:
    """ValueError for a term of the loss that does not exist, or for none at all."""
    wrong = [term for term in terms if term not in known]
    if wrong or not terms:
        raise ValueError(f"terms {list(terms)} must be some of {', '.join(known)}")


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32 if it is half that wide: sums over pixels overflow in less."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
