"""Learning of the grouping network MGN: from video labels as published, and from segment labels beside them."""

from __future__ import annotations

from torch import Tensor, nn

from avvp_lib.losses.mgn import mgn_loss
from avvp_lib.objectives import Batch, Objective, forward
from avvp_lib.objectives._segments import segment_term


def build(train: Batch, *, segment_weight: float = 0.0) -> Objective:
    """HAN's guided loss and the classification of the class tokens.

    Args:
        train: with pseudo-labels if segment_weight is not 0.
        segment_weight: of the segment losses that are added when MGN is compared under pseudo-labels; published: 0. MGN has no
            segment logits, so these are clamped and have no gradient through a segment whose probability exceeds 1. They
            are added to the guided loss and do not replace it, because it keeps a gradient there.

    Raises:
        ValueError: see `segment_term`; in the first step, a model without token logits.
    """
    segments = segment_term(train, "mgn", segment_weight)

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        output = forward(model, batch)
        if "token_logits" not in output.extras:
            raise ValueError(
                "the objective 'mgn' needs a model that classifies its class tokens: choose the model 'mgn'"
            )
        return mgn_loss(output, output.extras["token_logits"], batch.video_labels) + segments(output, batch)

    return objective
