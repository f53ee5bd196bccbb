"""How many video labels one modality does not hold: what JoMoLD counts between its two stages.

    Cheng et al., Joint-Modal Label Denoising for Weakly-Supervised Audio-Visual Video Parsing. ECCV 2022.

A network that never looks across modalities has no way to learn a label from the modality that does not hold it; what it
says about one modality stays low where the label is noise. "Low" is measured against its mean for the class over all videos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from avvp_lib.training import ParsingData, predict

AUDIO_THRESHOLD, VISUAL_THRESHOLD = 0.6, 1.8
"""Multiples of the class's mean probability below which a label is noise, as released for LLP."""

VISUAL_SCALE = 0.95
"""Visual probabilities were taught smoothed labels; the released rule scales them by the smoothed label of a positive."""


@dataclass(frozen=True, eq=False)
class NoiseRatios:
    """Share of each class's labels that is noise in a modality: audio and visual, each (C,) float64 in [0, 1]."""

    audio: np.ndarray
    visual: np.ndarray

    def options(self) -> dict[str, list[float]]:
        """The keyword arguments that the objective "jomold" wants, as JSON can hold them."""
        return {"audio_noise": self.audio.tolist(), "visual_noise": self.visual.tolist()}


def noise_ratios(
    modality_prob: np.ndarray,
    video_labels: np.ndarray,
    *,
    audio_threshold: float = AUDIO_THRESHOLD,
    visual_threshold: float = VISUAL_THRESHOLD,
) -> NoiseRatios:
    """Count the labels that are probably noise, per class and modality.

        a label of class c is noise in audio  if         audio_prob / mean over videos of audio_prob[c]  < audio_threshold
                                   in vision if 0.95 * visual_prob / mean over videos of visual_prob[c] < visual_threshold
        ratio[c] = noisy labels of c / labels of c;  0 for a class that no video is labelled with

    The mean is over all videos alike. The released code averages the means of batches, which gives the videos of a smaller
    last batch more weight, and makes the ratios depend on the batch size.

    Args:
        modality_prob: (N, 2, C) float, audio and visual probabilities of the noise estimator for the training videos.
        video_labels: (N, C) 0/1 or bool.
        audio_threshold, visual_threshold: as above.

    Raises:
        ValueError: shapes that do not fit, no videos, or a probability that is not finite.
    """
    prob, labelled = np.asarray(modality_prob, np.float64), np.asarray(video_labels) > 0.5
    if labelled.ndim != 2 or prob.shape != (len(labelled), 2, labelled.shape[-1]) or not len(labelled):
        raise ValueError(f"modality_prob {prob.shape} and video_labels {labelled.shape} are not (N, 2, C) and (N, C)")
    if not np.isfinite(prob).all():
        raise ValueError("modality_prob holds a NaN or an infinity")
    relative = prob / np.maximum(prob.mean(axis=0), np.finfo(np.float64).tiny)
    noisy = labelled & (relative[:, 0] < audio_threshold), labelled & (VISUAL_SCALE * relative[:, 1] < visual_threshold)
    labels = np.maximum(labelled.sum(axis=0), 1)
    return NoiseRatios(*(modality.sum(axis=0) / labels for modality in noisy))


def estimate_noise_ratios(estimator: nn.Module, train: ParsingData) -> NoiseRatios:
    """Let the trained noise estimator of stage 1 look at the training videos, and count; see `noise_ratios`.

    Args:
        estimator: the model "jomold" built with cross_attention="off", on the device of `train`.
        train: the videos whose labels are to be cleaned.
    """
    prob = predict(estimator, train).modality_prob
    return noise_ratios(prob.numpy(), train.video_labels.cpu().numpy())
