"""Training losses of the parsing models, as pure functions of a model's output and of labels.

B videos, T segments, C classes. Labels may be bool, integer or float (soft labels in [0, 1]). Each loss returns one
scalar to be minimised and treats every (video, class) or (video, segment, class) alike.

Nothing here tests for NaN: that would cost a synchronisation with the GPU in every step. Readers of features and labels
refuse NaN; one that gets through is not hidden but makes the loss NaN, which the training loop reports.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

CLAMP = 1e-7
"""Probabilities enter a logarithm clamped to [CLAMP, 1 - CLAMP], as in the published code."""


class Predictions(Protocol):
    """What the losses read of a model's output: see `avvp_lib.models.output.ParsingOutput`."""

    @property
    def segment_prob(self) -> Tensor: ...
    @property
    def segment_logits(self) -> Tensor | None: ...
    @property
    def video_prob(self) -> Tensor: ...
    @property
    def modality_prob(self) -> Tensor: ...


def _matching(labels: Tensor, prediction: Tensor) -> Tensor:
    """Labels in the prediction's dtype; a different shape is refused, where torch might broadcast it silently."""
    if labels.shape != prediction.shape:
        raise ValueError(f"labels have shape {tuple(labels.shape)}, predictions {tuple(prediction.shape)}")
    return labels.to(prediction.dtype)


def smooth_labels(labels: Tensor, amount: float) -> Tensor:
    """Label smoothing towards one half: (1 - amount) y + amount / 2, float32. An amount of 0.1 gives 0.9 y + 0.05."""
    return (1 - amount) * labels.float() + amount / 2


def clamped_bce(prob: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy of probabilities clamped to [1e-7, 1 - 1e-7]; scalar.

        -mean( y log p + (1 - y) log(1 - p) ),  p = min(max(prob, 1e-7), 1 - 1e-7)

    The clamp admits MMIL's video probability, which may exceed 1. Outside the clamp the gradient is zero, inside it is
    at most about 1e7 / (number of elements). Raises ValueError where the shapes of `prob` and `labels` differ.
    """
    prob = prob.to(torch.promote_types(prob.dtype, torch.float32))  # in half precision 1 - 1e-7 rounds to 1
    labels = _matching(labels, prob)
    prob = prob.clamp(CLAMP, 1 - CLAMP)
    return -(labels * prob.log() + (1 - labels) * (1 - prob).log()).mean()


def segment_bce(output: Predictions, modality: int, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy over the segments of one modality (0 = audio, 1 = visual); scalar.

    labels (B, T, C). Computed from logits where the model has them, else from clamped probabilities.
    """
    if output.segment_logits is None:
        return clamped_bce(output.segment_prob[:, :, modality], labels)
    logits = output.segment_logits[:, :, modality]
    return functional.binary_cross_entropy_with_logits(logits, _matching(labels, logits))


def han_loss(
    output: Predictions, video_labels: Tensor, *, audio_smoothing: float = 0.0, visual_smoothing: float = 0.1
) -> Tensor:
    """HAN's individual-guided loss: the video labels teach the video and each modality by itself; scalar.

        BCE(video_prob, y) + BCE(audio_prob, smooth(y, audio_smoothing)) + BCE(visual_prob, smooth(y, visual_smoothing))

    video_labels y (B, C). A video's label need not be audible or visible, so the guidance of a modality is noisy;
    the smoothing says how much. The defaults are those of the published code (Tian et al., ECCV 2020): only the visual
    labels are smoothed, to 0.95 and 0.05.
    """
    audio_prob, visual_prob = output.modality_prob.unbind(dim=1)
    return (
        clamped_bce(output.video_prob, video_labels)
        + clamped_bce(audio_prob, smooth_labels(video_labels, audio_smoothing))
        + clamped_bce(visual_prob, smooth_labels(video_labels, visual_smoothing))
    )


def valor_loss(output: Predictions, video_labels: Tensor, pseudo_audio: Tensor, pseudo_visual: Tensor) -> Tensor:
    """VALOR's loss: video labels for the video, pseudo-labels for every segment of each modality; scalar.

        BCE(video_prob, y) + BCE(audio segments, pseudo_audio) + BCE(visual segments, pseudo_visual)

    video_labels y (B, C); pseudo_audio and pseudo_visual (B, T, C) in [0, 1]. All weights are 1 and nothing is
    smoothed, as in the published code (Lai et al., NeurIPS 2023). True segment labels make it fully supervised.
    """
    return (
        clamped_bce(output.video_prob, video_labels)
        + segment_bce(output, 0, pseudo_audio)
        + segment_bce(output, 1, pseudo_visual)
    )
