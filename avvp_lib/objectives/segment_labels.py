"""Learning from segment labels, as VALOR does."""

from __future__ import annotations

from torch import Tensor, nn

from avvp_lib.losses import valor_loss
from avvp_lib.objectives import Batch, Objective, forward, require_pseudo_labels


def build(train: Batch) -> Objective:
    """VALOR's loss: video labels for the video, pseudo-labels for every segment."""
    require_pseudo_labels(train, "segment-labels")

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        return valor_loss(forward(model, batch), batch.video_labels, batch.pseudo_audio, batch.pseudo_visual)

    return objective
