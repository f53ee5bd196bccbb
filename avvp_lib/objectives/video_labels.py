"""Learning from video labels alone, as HAN does."""

from __future__ import annotations

from torch import Tensor, nn

from avvp_lib.losses import han_loss
from avvp_lib.objectives import Batch, Objective, forward


def build(train: Batch) -> Objective:
    """HAN's guided MMIL loss; reads the video labels and nothing else."""

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        return han_loss(forward(model, batch), batch.video_labels)

    return objective
