"""Attentive MMIL pooling: from segment predictions to predictions for the whole video.

Multimodal multiple instance learning sees a video as a bag of 2T instances (T segments in two modalities) and knows the
labels of the bag alone. The attentive pooling of HAN (Tian et al., ECCV 2020) lets the network learn, per class, which
segments and which modality the label is about.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avvp_lib.models.output import ParsingOutput


def attentive_mmil(logits: Tensor, time_scores: Tensor, modality_scores: Tensor) -> ParsingOutput:
    """Pool segment logits over time and modality with two learned attentions.

    All three inputs have shape (B, T, 2, C), index 0 = audio and 1 = visual on the modality axis.

        p   = sigmoid(logits)                                        segment_prob
        W_t = softmax over T of time_scores                          extras["time_weight"]
        W_m = softmax over the two modalities of modality_scores     extras["modality_weight"]
        modality_prob[b, m, c] = sum_t   p W_t                       an average: never above 1
        video_prob[b, c]       = sum_t,m p W_t W_m                   NOT an average

    The products W_t W_m are not normalised together: their sum over (t, m) lies between 0 and 2 (it is 1 when T = 1),
    so `video_prob` may exceed 1. That is the published definition and it is kept: losses clamp, gates compare with 0.5.

    The result is at least float32 even under mixed precision: in bfloat16 a probability above 0.998 rounds to 1 and
    its logarithm no longer teaches anything.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    logits = logits.to(precision)
    segment_prob = logits.sigmoid()
    time_weight = time_scores.to(precision).softmax(dim=1)
    modality_weight = modality_scores.to(precision).softmax(dim=2)
    weighted = segment_prob * time_weight
    return ParsingOutput(
        segment_prob=segment_prob,
        segment_logits=logits,
        video_prob=(weighted * modality_weight).sum(dim=(1, 2)),
        modality_prob=weighted.sum(dim=1),
        extras={"time_weight": time_weight, "modality_weight": modality_weight},
    )
