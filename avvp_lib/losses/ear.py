"""EAR's losses: class-balanced soft labels, mixing of segments, video labels. Eq. 16 and S-22 to S-28 of the paper.

    EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing. arXiv:2605.08723,
    Section III-C and supplement S-VI-B. The text at hand has lost its formulas; they are restored from the prose, and
    what had to be chosen is said where it is, the order of the formulas within S-22 to S-24 and S-25 to S-27 included.

N training videos, B videos in a batch, T segments, C classes, M = B*T. Labels are soft, in [0, 1]: the value is the
confidence of whoever made them. Hard labels are the special case 0 and 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from avvp_lib.losses import Predictions, clamped_bce

UNITS = ("videos", "segments")
"""What `count_positives` counts."""


def count_positives(labels: Tensor, unit: str = "videos") -> tuple[Tensor, int]:
    """How often each class occurs in one modality of a training set: n_c, and of how many, n. Eq. S-22.

    Args:
        labels: (N, T, C) in [0, 1]; a segment is positive where its label is above 0.
        unit: "videos" counts a video if any of its segments is positive, n = N; "segments" counts segments, n = N*T.

    Returns:
        Counts (C,) float32 and their total n.

    Raises:
        ValueError: another unit, or labels of another number of axes.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is unknown; known: {', '.join(UNITS)}")
    if labels.ndim != 3:
        raise ValueError(f"labels have shape {tuple(labels.shape)}; class counts need (N, T, C)")
    positive = labels > 0
    cells = positive.any(dim=1) if unit == "videos" else positive.flatten(0, 1)
    return cells.sum(dim=0).float(), len(cells)


def positive_weights(counts: Tensor, total: int, kappa: float) -> Tensor:
    """Weight of a positive label, per class: rare classes weigh more. Eq. S-23.

        w_c = max(1, kappa (n - n_c) / n_c)

    Args:
        counts: (..., C) n_c, how often each class occurs.
        total: n, of how many.
        kappa: strength, at least 0; 0 weighs all classes alike.

    Returns:
        (..., C) float32, at least 1; exactly 1 for a class without a positive, where there is nothing to weigh.

    Raises:
        ValueError: kappa is negative or not finite, or a count is outside [0, total].
    """
    if not 0 <= kappa < float("inf"):
        raise ValueError(f"kappa must be a number of at least 0, not {kappa!r}")
    counts = counts.float()
    if ((counts < 0) | (counts > total)).any():
        raise ValueError(f"counts must lie between 0 and the total of {total}")
    weights = kappa * (total - counts) / counts  # not finite where there is none
    return torch.where(counts > 0, weights, 1.0).clamp(min=1)


def balanced_bce(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Binary cross-entropy in which the positive part of class c weighs w_c, for one modality; scalar. Eq. S-24.

        -mean( w_c y log p + (1 - y) log(1 - p) ),  p = sigmoid(logits)

    logits and labels (B, T, C), weights (C,). A soft label is positive to the degree y, and only that share is weighed.
    Raises ValueError where shapes do not fit.
    """
    if labels.shape != logits.shape:
        raise ValueError(f"labels have shape {tuple(labels.shape)}, predictions {tuple(logits.shape)}")
    if weights.shape != logits.shape[-1:]:
        raise ValueError(f"weights have shape {tuple(weights.shape)}, expected ({logits.shape[-1]},)")
    return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), pos_weight=weights)


def segment_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """L_seg: the class-balanced loss of both modalities, summed; scalar. Eq. S-24.

    logits and labels (B, T, 2, C), weights (2, C).
    """
    pairs = zip(logits.unbind(2), labels.unbind(2), weights, strict=True)
    return sum(balanced_bce(*pair) for pair in pairs)


def mix(values: Tensor, partners: Tensor, share: Tensor | float) -> Tensor:
    """Every segment mixed with its partner: share v_i + (1 - share) v_j, j = partners[i]. Eq. S-25 and S-26.

    Args:
        values: (B, T, ...) features, logits or labels of segments, numbered b*T + t.
        partners: (M,) int64, the partner of each segment, drawn among the segments of the batch.
        share: lambda in [0, 1]; a scalar, the same for all pairs of a step.

    Returns:
        (B, T, ...). Mixing features (S-25) before an affine classifier W z + b gives the mixed logits, because the shares
        add up to 1. EAR's classifier is affine, so its logits are what `mixing_loss` mixes.
    """
    segments = values.flatten(0, 1)
    return (share * segments + (1 - share) * segments[partners]).view_as(values)


def mixing_loss(logits: Tensor, labels: Tensor, partners: Tensor, share: Tensor | float) -> Tensor:
    """L_mix: a mixed segment is to be recognised as a mixture, in both modalities alike; scalar. Eq. S-27.

        sum over modalities of BCE( sigmoid(classifier(share z_i + (1 - share) z_j)), share y_i + (1 - share) y_j )

    logits and labels (B, T, 2, C); partners and share as in `mix`. Unweighted. Both modalities of a segment meet the same
    partner with the same share. Raises ValueError where the shapes of logits and labels differ.
    """
    if labels.shape != logits.shape:
        raise ValueError(f"labels have shape {tuple(labels.shape)}, predictions {tuple(logits.shape)}")
    mixed = mix(labels.to(logits.dtype), partners, share)
    cells = functional.binary_cross_entropy_with_logits(mix(logits, partners, share), mixed, reduction="none")
    return cells.mean(dim=(0, 1, 3)).sum()


def video_loss(output: Predictions, video_labels: Tensor) -> Tensor:
    """L_video: BCE(video_prob, y), y (B, C); scalar. Eq. S-28."""
    return clamped_bce(output.video_prob, video_labels)


def ear_loss(
    output: Predictions,
    video_labels: Tensor,
    pseudo_audio: Tensor,
    pseudo_visual: Tensor,
    weights: Tensor,
    partners: Tensor,
    share: Tensor | float,
) -> Tensor:
    """L = L_mix + L_seg + L_video; scalar. Eq. 16.

    Args:
        output: of a model whose segment classifier is affine and that returns its logits.
        video_labels: (B, C).
        pseudo_audio, pseudo_visual: (B, T, C) in [0, 1].
        weights: (2, C), see `positive_weights`.
        partners, share: see `mix`.

    Raises:
        ValueError: the model has no segment logits, or shapes do not fit.
    """
    if output.segment_logits is None:
        raise ValueError(
            "output.segment_logits is None: EAR's loss mixes logits, so it needs a model that returns them"
        )
    logits = output.segment_logits
    labels = torch.stack([pseudo_audio, pseudo_visual], dim=2)
    mixing = mixing_loss(logits, labels, partners, share)
    return mixing + segment_loss(logits, labels, weights) + video_loss(output, video_labels)
