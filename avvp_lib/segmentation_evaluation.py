"""Predict and score masks: M_J, M_F, and how often a silent object is segmented.

Everything works in batches of clips, so that a test split of any size needs no more memory than its bytes. A batch is scored on the grid of
its masks: 224 x 224 as published, whatever the size of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.metrics.illusion import RECALLS, IllusionScorer, foreground_scores
from avvp_lib.metrics.segmentation import SegmentationScorer, SemanticScorer
from avvp_lib.segmentation_clips import EncoderCache, SegmentationClips, normalised

FRAMES_PER_GROUP = 10
"""Of M_F: two clips of five frames, as SelM was tested with."""
BATCH = 8
Batches = Iterable[tuple[Tensor, SegmentationClips]]
"""Logits (B, T, K, h, w) on the grid of the masks, and the clips that they are of."""


@dataclass(frozen=True)
class SegmentationScores:
    """What predictions come to.

    Attributes:
        scores: over all clips, in percent, by name; see `segmentation_scores`, `semantic_scores` and `illusion_rate`.
        per_clip: (N,) of every clip; NaN where a clip has nothing to count.
    """

    scores: dict[str, float]
    per_clip: dict[str, np.ndarray]


def on_grid(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, T, K, h', w') logits on a grid of another size, bilinearly."""
    if logits.shape[-2:] == size:
        return logits
    flat = functional.interpolate(logits.flatten(0, 1), size=size, mode="bilinear", align_corners=False)
    return flat.unflatten(0, logits.shape[:2])


@torch.no_grad()
def predicted_batches(
    model: nn.Module, clips: SegmentationClips, batch_size: int = BATCH, cache: EncoderCache | None = None
) -> Iterator[tuple[Tensor, SegmentationClips]]:
    """What a model, in evaluation mode, predicts for all clips, batch by batch; float32 on the device of the clips.

    Args:
        model: of `build_model("selm", ...)`, on the device of the clips.
        clips: N clips.
        batch_size: clips at a time. The released variant mixes the clips of a batch; the other does not.
        cache: the encoder's maps of these clips.
    """
    model.eval()
    for indices in torch.arange(len(clips), device=clips.images.device).split(batch_size):
        batch = clips.take(indices)
        maps = model.image_maps(normalised(batch, model.input_size)) if cache is None else cache.take(indices)
        logits = model.segment(maps, batch.audio).logits.float() * batch.present[:, :, None, None, None]
        yield on_grid(logits, batch.masks.shape[-2:]), batch


def predict_segmentation(model: nn.Module, clips: SegmentationClips, batch_size: int = BATCH) -> Tensor:
    """(N, T, K, h, w) float32 logits of all clips, on the CPU."""
    return torch.cat([logits.cpu() for logits, _ in predicted_batches(model, clips, batch_size)])


def evaluate_segmentation(
    model: nn.Module,
    clips: SegmentationClips,
    frames_per_group: int = FRAMES_PER_GROUP,
    batch_size: int = BATCH,
    cache: EncoderCache | None = None,
) -> dict[str, float]:
    """The scores of a model in percent: `M_J`, `M_F`, ..., and, where the objects are known, the illusion rate.

    Args:
        model: on the device of the clips.
        clips: frames that are not labelled do not count in the binary settings; in AVSS see `semantic_scores`.
        frames_per_group: over how many frames M_F chooses a threshold.
        batch_size, cache: see `predicted_batches`.
    """
    return score_batches(predicted_batches(model, clips, batch_size, cache), frames_per_group).scores


def score_batches(batches: Batches, frames_per_group: int = FRAMES_PER_GROUP) -> SegmentationScores:
    """Score logits of any origin.

    Raises:
        ValueError: there are no batches, or logits hold a NaN.
    """
    binary, semantic, illusion = SegmentationScorer(frames_per_group), None, None
    labelled = []
    for logits, clips in batches:
        labelled.append(clips.labelled.cpu().numpy())
        if logits.shape[2] == 1:
            binary.add(logits[:, :, 0][clips.labelled], clips.masks[clips.labelled])
        else:
            semantic = semantic or SemanticScorer(logits.shape[2])
            flags = {name: getattr(clips, name).flatten() for name in ("labelled", "present")}
            semantic.add(logits.argmax(2).flatten(0, 1), clips.masks.flatten(0, 1).long(), **flags)
        if clips.objects is not None and clips.sounding is not None:
            illusion = illusion or IllusionScorer()
            illusion.add(foreground_scores(logits), clips.objects.int(), clips.sounding)
    scores = binary.scores() if semantic is None else semantic.scores()
    per_clip = {} if semantic is not None else _per_clip(binary, np.concatenate(labelled))
    if illusion is not None:
        scores |= illusion.scores(RECALLS)
        per_clip |= illusion.per_clip()
    return SegmentationScores(scores, per_clip)


def _per_clip(binary: SegmentationScorer, labelled: np.ndarray) -> dict[str, np.ndarray]:
    """Means over the labelled frames of every clip."""
    clip = np.nonzero(labelled)[0]
    found = {}
    for name, values in binary.per_frame().items():
        known = ~np.isnan(values)
        number = np.bincount(clip[known], minlength=len(labelled))
        total = np.bincount(clip[known], values[known], minlength=len(labelled))
        found[name] = np.divide(total, number, out=np.full(len(labelled), np.nan), where=number > 0)
    return found
