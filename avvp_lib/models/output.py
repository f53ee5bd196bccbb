"""What every parsing model returns, so that any loss, metric or figure can read any model."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass  # not frozen: fabric puts tensors of another precision into what a wrapped model returns
class ParsingOutput:
    """Predictions for a batch of B videos with T segments, C classes and two modalities (0 = audio, 1 = visual).

    segment_prob    (B, T, 2, C) probability of each class in each segment of each modality.
    segment_logits  (B, T, 2, C) the same before the sigmoid, or None for a model that has no such logits.
    video_prob      (B, C)       evidence for each class anywhere in the video. MMIL pooling can push it above 1
                                 (see `avvp_lib.models.pooling`), so clamp it before taking a logarithm.
    modality_prob   (B, 2, C)    probability of each class anywhere in each modality.
    extras          further tensors that one model's loss or a figure needs, by name.
    """

    segment_prob: Tensor
    segment_logits: Tensor | None
    video_prob: Tensor
    modality_prob: Tensor
    extras: dict[str, Tensor] = field(default_factory=dict)
