"""MM-CSE's losses (Zhao et al., AAAI 2025, Sec. 3.3). Eq. 7 is `avvp_lib.losses.valor_loss`; the others live here.

B videos, T segments, K classes, H holistic channels, D channels of a class; axis 2 of a feature is the modality, 0 audio
and 1 visual. Each loss is a scalar. The features come from the `extras` of `avvp_lib.models.mm_cse`.

    Eq. 7   basic                 avvp_lib.losses.valor_loss
    Eq. 8   reconstruction        reconstruction_loss
    Eq. 9   orthogonality         orthogonality_loss; as the code computes it, pooled_orthogonality_loss
    Eq. 10  targets of the maps   co_occurrence_targets
    Eq. 11  event co-occurrence   co_occurrence_loss
    Eq. 12  all together          mm_cse_loss
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from avvp_lib.losses import Predictions, valor_loss


class ClassAwarePredictions(Predictions, Protocol):
    """What the losses read of MM-CSE's output."""

    @property
    def extras(self) -> Mapping[str, Tensor]: ...


def _of(extras: Mapping[str, Tensor], name: str, reason: str) -> Tensor:
    """A tensor of the extras; ValueError with the way out if the model has none."""
    if name not in extras:
        raise ValueError(f"the model's output has no {name!r}: {reason}")
    return extras[name]


def reconstruction_loss(reconstruction: Tensor, holistic: Tensor) -> Tensor:
    """Eq. 8: the mean squared error of each modality, summed over the two; both inputs (B, T, 2, H).

    The target's gradient is kept, as in the code: the front end too is drawn towards what can be reconstructed.
    """
    if reconstruction.shape != holistic.shape:
        raise ValueError(f"reconstruction has shape {tuple(reconstruction.shape)}, holistic {tuple(holistic.shape)}")
    return (reconstruction - holistic).square().mean(dim=(0, 1, 3)).sum()


def orthogonality_loss(decoupled: Tensor) -> Tensor:
    """Eq. 9: cosine of every class's feature with the background's, averaged over B, T, K and summed over modalities.

    decoupled (B, T, 2, K+1, D), the background last. Zero where a feature is zero.
    """
    similarity = functional.cosine_similarity(decoupled[..., :-1, :], decoupled[..., -1:, :], dim=-1)
    return similarity.mean(dim=(0, 1, 3)).sum()


def pooled_orthogonality_loss(decoupled: Tensor) -> Tensor:
    """Eq. 9 as the authors' code has it: for the visual side the classes are averaged before the cosine is taken.

    decoupled (B, T, 2, K+1, D), the background last. The audio side is that of `orthogonality_loss`.
    """
    audio, visual = decoupled.unbind(dim=2)
    by_class = functional.cosine_similarity(audio[:, :, :-1], audio[:, :, -1:], dim=-1)
    pooled = functional.cosine_similarity(visual[:, :, :-1].mean(dim=2), visual[:, :, -1], dim=-1)
    return by_class.mean() + pooled.mean()


ORTHOGONALITY = {"by-class": orthogonality_loss, "visual-pooled": pooled_orthogonality_loss}
"""Eq. 9 as printed, and as the authors' code computes it."""


def co_occurrence_targets(rows: Tensor, columns: Tensor) -> Tensor:
    """Eq. 10: labels (B, T, K) of two modalities -> (B, T, K, K), 1 where class i is in `rows` and class j in `columns`.

    Soft labels give the product. The diagonal belongs to the target, so a class accompanies itself.
    """
    return torch.einsum("bti,btj->btij", rows.float(), columns.float())


def co_occurrence_loss(extras: Mapping[str, Tensor], pseudo_audio: Tensor, pseudo_visual: Tensor) -> Tensor:
    """Eq. 11: mean squared error of each co-occurrence map and its target, summed over the maps.

    extras holds intra_map (aa and vv) and cross_map (av and va), (B, T, 2, K, K), or one of them (Table 3); pseudo_audio
    and pseudo_visual (B, T, K). A row of a map sums to 1 (but for dropout), so targets with several events, and rows
    without any, stay out of reach. Raises ValueError if there is no map.
    """
    labels = torch.stack([pseudo_audio, pseudo_visual], dim=2).transpose(1, 2)  # (B, 2, T, K)
    partners = {"intra_map": labels, "cross_map": labels.flip(1)}
    if not partners.keys() & extras.keys():
        raise ValueError("the model's output has no map: with blocks='lgsf' set lambda_2 = 0")
    losses = []
    for name in sorted(partners.keys() & extras.keys()):
        maps = extras[name].transpose(1, 2)
        targets = co_occurrence_targets(labels.flatten(0, 1), partners[name].flatten(0, 1))
        if maps.flatten(0, 1).shape != targets.shape:
            raise ValueError(f"{name} has shape {tuple(extras[name].shape)}, labels {tuple(pseudo_audio.shape)}")
        losses.append((maps.flatten(0, 1) - targets).square().unflatten(0, maps.shape[:2]).mean(dim=(0, 2, 3, 4)).sum())
    return torch.stack(losses).sum()


def mm_cse_loss(
    output: ClassAwarePredictions,
    video_labels: Tensor,
    pseudo_audio: Tensor,
    pseudo_visual: Tensor,
    *,
    reconstruction_weight: float = 1.0,
    lambda_1: float = 0.1,
    lambda_2: float = 0.1,
    orthogonality: str = "by-class",
) -> Tensor:
    """Eq. 12: basic + reconstruction_weight reconstruction + lambda_1 orthogonality + lambda_2 co-occurrence.

    video_labels (B, K); pseudo_audio and pseudo_visual (B, T, K) in [0, 1]. The defaults are the paper's; its code has
    reconstruction_weight = 0.5 and orthogonality "visual-pooled". A weight of zero leaves a loss out, whether or not the
    model has what it needs: the rows of Table 4. Raises ValueError where a loss lacks its part of the model.
    """
    total = valor_loss(output, video_labels, pseudo_audio, pseudo_visual)
    if reconstruction_weight:
        way_out = "with reconstruction='none' set reconstruction_weight = 0"
        rebuilt = _of(output.extras, "reconstruction", way_out)
        total = total + reconstruction_weight * reconstruction_loss(rebuilt, output.extras["holistic"])
    if lambda_1:
        if "alpha" not in output.extras:
            raise ValueError("the model's output has no background: unless decoupling='background' set lambda_1 = 0")
        total = total + lambda_1 * ORTHOGONALITY[orthogonality](output.extras["decoupled"])
    if lambda_2:
        total = total + lambda_2 * co_occurrence_loss(output.extras, pseudo_audio, pseudo_visual)
    return total
