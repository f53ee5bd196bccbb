"""What every segmentation model returns, so that any loss, metric or figure can read any of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass  # not frozen: fabric puts tensors of another precision into what a wrapped model returns
class SegmentationOutput:
    """Predictions for B clips of T frames, K channels of masks and h x w pixels.

    logits      (B, T, K, h, w) before sigmoid (K = 1: what sounds) or softmax (K classes, 0 the background).
    gated_maps  one (B, T, H, h_i, w_i) for each encoder stage, finest first: visual features after the selection by sound.
    hit_maps    one (B, T, 2, h_l, w_l) for each decoder layer, coarse to fine: how much a position belongs to the token of the
                rest (0) and to that of the target (1); they add to 1. Empty where the decoder never looks at the picture.
    extras      further tensors that a loss or a figure needs, by name.
    """

    logits: Tensor
    gated_maps: list[Tensor]
    hit_maps: list[Tensor]
    extras: dict[str, Tensor] = field(default_factory=dict)
