"""MM-CSE's objective: labels for the video and for every segment, and three losses on what the network computes on its way."""

from __future__ import annotations

from torch import Tensor, nn

from avvp_lib.losses.mm_cse import ORTHOGONALITY, mm_cse_loss
from avvp_lib.objectives import Batch, Objective, forward, require_pseudo_labels


def build(
    train: Batch,
    *,
    lambda_1: float = 0.1,
    lambda_2: float = 0.1,
    reconstruction_weight: float = 1.0,
    orthogonality: str = "by-class",
) -> Objective:
    """Eq. 12 of the paper, see `avvp_lib.losses.mm_cse.mm_cse_loss`.

    Args:
        lambda_1: weight of the orthogonality loss.
        lambda_2: weight of the event co-occurrence loss.
        reconstruction_weight: 1 in the paper, 0.5 in its code.
        orthogonality: "by-class" as in the paper, or "visual-pooled" as in its code.

    Raises:
        ValueError: there are no segment labels, a weight is negative, or the orthogonality is unknown. In a step: a loss
            with a weight lacks its part of the model.
    """
    require_pseudo_labels(train, "mm-cse")
    weights = {"lambda_1": lambda_1, "lambda_2": lambda_2, "reconstruction_weight": reconstruction_weight}
    for name, weight in weights.items():
        if not weight >= 0:
            raise ValueError(f"{name} must be 0 or more, not {weight}")
    if orthogonality not in ORTHOGONALITY:
        raise ValueError(f"orthogonality {orthogonality!r} is unknown; known: {', '.join(ORTHOGONALITY)}")

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        labels = batch.video_labels, batch.pseudo_audio, batch.pseudo_visual
        return mm_cse_loss(forward(model, batch), *labels, orthogonality=orthogonality, **weights)

    return objective
