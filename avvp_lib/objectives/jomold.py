"""JoMoLD: learning from video labels without those that a modality does not hold. The second of two stages.

stage 1  "jomold-noise-estimator"  model built with cross_attention="off"
between  ratios = estimate_noise_ratios(model of stage 1, train)
stage 2  "jomold", **ratios.options()  a new model, cross_attention="on"; nothing but the ratios is taken over
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avvp_lib.losses.jomold import clean_targets, denoised_targets, guided_loss
from avvp_lib.objectives import Batch, forward
from avvp_lib.objectives._segments import SegmentTerm, segment_term
from avvp_lib.objectives.jomold_noise_estimator import synchrony


class Denoising:
    """Stage 2 as an objective: each step first asks the model without cross-attention which labels to doubt.

    That forward runs in training mode, dropout included, and without gradients, as published.

    Attributes:
        epoch: counted from 1, told by `start_epoch`. While it is unknown, labels are doubted.
    """

    def __init__(
        self,
        noise_ratios: Tensor,
        weights: dict[str, float],
        synchrony_weight: float,
        delay: int,
        segments: SegmentTerm,
    ) -> None:
        self.noise_ratios = noise_ratios
        self.weights = weights
        self.synchrony_weight = synchrony_weight
        self.delay = delay
        self.segments = segments
        self.epoch: int | None = None

    def start_epoch(self, epoch: int) -> None:
        """To be called by the training loop before each epoch, also after it was interrupted."""
        self.epoch = epoch

    def targets(self, model: nn.Module, batch: Batch) -> Tensor:
        """(B, 2, C) labels of each modality, without those that are probably noise once the delay is over."""
        if self.epoch is not None and self.epoch <= self.delay:
            return clean_targets(batch.video_labels)
        with torch.no_grad():
            alone = model.without_cross_attention(batch.audio, batch.visual_2d, batch.visual_3d)
        ratios = self.noise_ratios.to(batch.video_labels.device, non_blocking=True)
        return denoised_targets(alone.modality_prob, batch.video_labels, ratios)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of a batch; scalar."""
        if not hasattr(model, "without_cross_attention"):
            raise ValueError(
                "the objective 'jomold' needs a model that can leave its cross-attention out: choose 'jomold'"
            )
        targets = self.targets(model, batch)
        output = forward(model, batch)
        guided = guided_loss(output, batch.video_labels, targets, **self.weights)
        return guided + self.synchrony_weight * synchrony(output) + self.segments(output, batch)


def build(
    train: Batch,
    *,
    audio_noise: Sequence[float] | None = None,
    visual_noise: Sequence[float] | None = None,
    audio_weight: float = 2.0,
    visual_weight: float = 1.0,
    video_weight: float = 1.0,
    synchrony_weight: float = 1.0,
    delay_epochs: int = 1,
    segment_weight: float = 0.0,
) -> Denoising:
    """Stage 2: the guided loss with denoised targets plus the contrastive loss; the weights are the released ones.

    Args:
        train: with pseudo-labels if segment_weight is not 0.
        audio_noise, visual_noise: C values in [0, 1], the share of each class's labels that is noise in the modality; see
            `avvp_lib.pseudo_labels.noise_ratios`.
        delay_epochs: first epochs that learn from all labels. The released code means to raise the ratios gradually over 0.9
            epochs, but multiplies them in place with a progress that is 0 in the first step, and reads them anew every epoch:
            none is removed in epoch 1, and all from epoch 2 on. That one epoch of delay is what its results stand for.
        segment_weight: of the segment losses that are added when JoMoLD is compared under pseudo-labels; published: 0. The
            denoised guided loss stays, or nothing of the method would be left.

    Raises:
        ValueError: ratios that are missing, not one a class or outside [0, 1]; see also `segment_term`; in the first step, a
            model other than JoMoLD.
    """
    classes = train.video_labels.shape[1]
    ratios = torch.stack([_ratios("audio_noise", audio_noise, classes), _ratios("visual_noise", visual_noise, classes)])
    weights = {"audio_weight": audio_weight, "visual_weight": visual_weight, "video_weight": video_weight}
    segments = segment_term(train, "jomold", segment_weight)
    return Denoising(ratios, weights, synchrony_weight, delay_epochs, segments)


def _ratios(name: str, values: Sequence[float] | None, classes: int) -> Tensor:
    """(C,) float32."""
    if values is None:
        raise ValueError(
            f"the objective 'jomold' needs {name}: train 'jomold-noise-estimator', then estimate_noise_ratios"
        )
    ratios = torch.as_tensor(values, dtype=torch.float32)
    if ratios.shape != (classes,) or not bool(((ratios >= 0) & (ratios <= 1)).all()):
        raise ValueError(f"{name} must hold {classes} values in [0, 1], one a class")
    return ratios
