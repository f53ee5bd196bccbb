"""JoMoLD's formulas: segments that sound and look alike at the same time, and video labels that one modality does not hold.

    Cheng et al., Joint-Modal Label Denoising for Weakly-Supervised Audio-Visual Video Parsing. ECCV 2022. The definitions
    are those of the released code, github.com/MCG-NJU/JoMoLD at a7dc2d5. B videos, T segments, C classes.

A video label is true of the video, but it teaches both modalities, and a dog that only barks is noise to the visual one.
Such noise shows in the two losses together: large in the modality without the event, small in the one with it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avvp_lib.losses import CLAMP, Predictions, clamped_bce, smooth_labels

SMOOTHING = 0.1


def synchrony_nce(logits: Tensor, smoothing: float = SMOOTHING) -> Tensor:
    """Contrastive loss between audio and visual segments of one video; scalar.

        -mean over b, t of log( sum over t' of w[t, t'] softmax over t' of logits[b, t, t'] )
        w[t, t'] = 1 - smoothing where t' = t, else smoothing / (T - 1)

    The smoothing stands inside the logarithm, as released, so the smallest value is -log(1 - smoothing). One direction
    only: audio segments (rows) look for their visual segment (columns).

    Args:
        logits: (B, T, T) float.
        smoothing: in [0, 1).

    Raises:
        ValueError: the last two axes differ.
    """
    segments = logits.shape[-1]
    if logits.ndim != 3 or logits.shape[1] != segments:
        raise ValueError(f"synchrony logits have shape {tuple(logits.shape)}; they need (B, T, T)")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    elsewhere = smoothing / max(segments - 1, 1)
    weights = torch.full((segments, segments), elsewhere, dtype=logits.dtype, device=logits.device)
    weights.fill_diagonal_(1 - smoothing)
    return -(logits.softmax(dim=-1) * weights).sum(dim=-1).log().mean()


def guided_loss(
    output: Predictions,
    video_labels: Tensor,
    targets: Tensor,
    *,
    audio_weight: float,
    visual_weight: float,
    video_weight: float,
) -> Tensor:
    """HAN's guided loss with a target for each modality and a weight for each term; scalar.

        audio_weight BCE(audio_prob, targets[:, 0]) + visual_weight BCE(visual_prob, targets[:, 1])
        + video_weight BCE(video_prob, y)

    video_labels y (B, C); targets (B, 2, C) in [0, 1], see `clean_targets` and `denoised_targets`.
    """
    audio_prob, visual_prob = output.modality_prob.unbind(dim=1)
    return (
        audio_weight * clamped_bce(audio_prob, targets[:, 0])
        + visual_weight * clamped_bce(visual_prob, targets[:, 1])
        + video_weight * clamped_bce(output.video_prob, video_labels)
    )


def clean_targets(video_labels: Tensor, visual_smoothing: float = SMOOTHING) -> Tensor:
    """What the modalities learn when no label is doubted: y for audio, smoothed y for vision; (B, C) -> (B, 2, C) float32."""
    return torch.stack([video_labels.float(), smooth_labels(video_labels, visual_smoothing)], dim=1)


def denoised_targets(
    modality_prob: Tensor, video_labels: Tensor, noise_ratios: Tensor, visual_smoothing: float = SMOOTHING
) -> Tensor:
    """What the modalities learn in stage 2: labels that are probably noise in a modality are taken from it.

    In each class, n videos of the batch carry the label. Of these a modality m expects int(noise_ratios[m] * n) to be noise.
    A label is noise in m if its loss in m is among that many largest ones and its loss in the other modality is among as
    many smallest ones. Its target becomes exactly 0, also in vision, where smoothing would have left 0.05. Of equal losses
    the earlier video counts first.

    Args:
        modality_prob: (B, 2, C), of a forward without cross-attention; no gradient flows into it.
        video_labels: (B, C) 0/1.
        noise_ratios: (2, C) in [0, 1], of `avvp_lib.pseudo_labels.noise_ratios`.
        visual_smoothing: as in `clean_targets`.

    Returns:
        (B, 2, C) float32.

    Raises:
        ValueError: shapes do not fit.
    """
    labelled = video_labels > 0.5
    if noise_ratios.shape != (2, labelled.shape[1]) or modality_prob.shape != (len(labelled), 2, labelled.shape[1]):
        raise ValueError(
            f"video_labels {tuple(labelled.shape)} need noise_ratios (2, C) and modality_prob (B, 2, C), not "
            f"{tuple(noise_ratios.shape)} and {tuple(modality_prob.shape)}"
        )
    targets = clean_targets(video_labels, visual_smoothing)
    losses = _elementwise_bce(modality_prob.detach(), targets)
    noisy = (noise_ratios.to(losses) * labelled.sum(dim=0)).int()
    labelled = labelled[:, None].expand_as(losses)
    among_largest = _rank(losses.masked_fill(~labelled, -torch.inf), descending=True) < noisy
    smallest_first = _rank(losses.masked_fill(~labelled, torch.inf), descending=False)
    among_smallest_of_the_other = smallest_first.flip(1) < noisy
    return targets.masked_fill(labelled & among_largest & among_smallest_of_the_other, 0.0)


def _elementwise_bce(prob: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of clamped probabilities, not averaged; float32 and above."""
    prob = prob.to(torch.promote_types(prob.dtype, torch.float32)).clamp(CLAMP, 1 - CLAMP)
    return -(targets * prob.log() + (1 - targets) * (1 - prob).log())


def _rank(losses: Tensor, descending: bool) -> Tensor:
    """The place of each video along axis 0 when the losses are sorted, from 0; equal losses keep their order."""
    return losses.argsort(dim=0, descending=descending, stable=True).argsort(dim=0)
