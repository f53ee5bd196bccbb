"""MGN's loss: HAN's guided loss, and class tokens that can be told apart.

Mo and Tian, Multi-modal Grouping Network for Weakly-Supervised Audio-Visual Video Parsing. NeurIPS 2022. The definitions
are those of the released code, github.com/stoneMo/MGN at 11be034.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from avvp_lib.losses import Predictions, han_loss


def token_classification(logits: Tensor) -> Tensor:
    """Cross-entropy of class tokens: token c of each modality belongs to class c; scalar, summed over the modalities.

        sum over m of -mean over c of log softmax(logits[m, c])[c]

    logits (2, C, C): modality, token, class. Raises ValueError for another shape.
    """
    if logits.ndim != 3 or len(logits) != 2 or logits.shape[1] != logits.shape[2]:
        raise ValueError(f"token logits have shape {tuple(logits.shape)}; they need (2, C, C)")
    classes = torch.arange(logits.shape[1], device=logits.device)
    audio, visual = logits
    return functional.cross_entropy(audio, classes) + functional.cross_entropy(visual, classes)


def mgn_loss(output: Predictions, token_logits: Tensor, video_labels: Tensor) -> Tensor:
    """MGN's loss: `han_loss` (only visual labels are smoothed) plus `token_classification`, all weights 1; scalar.

    video_labels (B, C); token_logits (2, C, C).
    """
    return han_loss(output, video_labels) + token_classification(token_logits)
