"""The first stage of JoMoLD: a network that cannot look across modalities learns from all video labels.

What it makes of them is counted by `avvp_lib.pseudo_labels.noise_ratios`; the second stage is `avvp_lib.objectives.jomold`.
"""

from __future__ import annotations

from torch import Tensor, nn

from avvp_lib.losses.jomold import clean_targets, guided_loss, synchrony_nce
from avvp_lib.models.output import ParsingOutput
from avvp_lib.objectives import Batch, Objective, forward


def synchrony(output: ParsingOutput) -> Tensor:
    """The contrastive loss of an output; ValueError for a model without synchrony logits."""
    if "synchrony_logits" not in output.extras:
        raise ValueError("JoMoLD's objectives need a model that compares audio with visual segments: choose 'jomold'")
    return synchrony_nce(output.extras["synchrony_logits"])


def build(train: Batch) -> Objective:
    """HAN's guided loss plus the contrastive loss between segments, all weights 1.

    For the model "jomold" built with cross_attention="off". Raises ValueError in the first step for a model without
    synchrony logits.
    """

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        output = forward(model, batch)
        targets = clean_targets(batch.video_labels)
        guided = guided_loss(output, batch.video_labels, targets, audio_weight=1.0, visual_weight=1.0, video_weight=1.0)
        return guided + synchrony(output)

    return objective
