"""Segmentation metrics as their publications describe them, slowly: a batch at a time, a frame at a time, and for the
F-score a threshold at a time, in float32. And the illusion rate, an object at a time.

It shares no idea with avvp_lib.metrics: there are no histograms and no sorting here, and every mask is really made.
"""

from __future__ import annotations

import torch


def loop_scores(logits, masks, frames_per_group) -> dict[str, float]:
    """The published M_J and M_F in percent from (F, H, W) logits and masks."""
    jaccard, f_scores = [], []
    for first in range(0, len(logits), frames_per_group):
        batch = slice(first, first + frames_per_group)
        jaccard.append(batch_jaccard(logits[batch], masks[batch].float()))
        f_scores.append(batch_f_score(logits[batch], masks[batch].float()))
    return {"M_J": 100 * sum(jaccard) / len(jaccard), "M_F": 100 * sum(f_scores) / len(f_scores)}


def batch_jaccard(logits, masks) -> float:
    predicted = (torch.sigmoid(logits) > 0.5).float()
    total = 0.0
    for p, t in zip(predicted, masks, strict=True):
        if t.sum() == 0:
            intersection, union = ((1 - p) * (1 - t)).sum(), torch.tensor(float(t.numel()))
        else:
            intersection, union = (p * t).sum(), torch.maximum(p, t).sum()
        total += (intersection / (union + 1e-7)).item()
    return total / len(masks)


def batch_f_score(logits, masks) -> float:
    total, frames = torch.zeros(255), 0
    for logit, t in zip(logits, masks, strict=True):
        if t.sum() > 0:
            total += frame_f_scores(torch.sigmoid(logit), t)
            frames += 1
    return (total / frames).max().item() if frames else 0.0


def frame_f_scores(probability, mask):
    """F at each threshold, (255,), from one (H, W) frame and its mask of zeros and ones."""
    precision, recall = torch.zeros(255), torch.zeros(255)
    for k, threshold in enumerate(torch.linspace(0, 1 - 1e-10, 255)):
        positive = (probability >= threshold).float()
        hits = (positive * mask).sum()
        precision[k] = hits / (positive.sum() + 1e-20)
        recall[k] = hits / (mask.sum() + 1e-20)
    return torch.nan_to_num(1.3 * precision * recall / (0.3 * precision + recall), nan=0.0)


def loop_semantic_scores(predicted, target, classes) -> dict[str, float]:
    """The published M_J and M_F in percent from (F, H, W) class maps."""
    values = {"M_J": [], "M_F": []}
    for c in range(classes):
        of_class = {"M_J": [], "M_F": []}
        for p, t in zip(predicted == c, target == c, strict=True):
            both, p, t = float((p & t).sum()), float(p.sum()), float(t.sum())
            if p + t - both > 0:
                precision, recall = both / p if p else 0.0, both / t if t else 0.0
                of_class["M_J"].append(both / (p + t - both))
                of_class["M_F"].append(1.3 * precision * recall / (0.3 * precision + recall) if both else 0.0)
        for name, scores in of_class.items():
            values[name].append(sum(scores) / len(scores) if scores else 0.0)
    return {name: 100 * sum(scores) / classes for name, scores in values.items()}


def illusion_at(threshold, scores, objects, sounding) -> tuple[float, float]:
    """Illusion rate and recall of sounding pixels, in percent, where scores >= threshold are segmented."""
    silent, segmented, pixels, found = 0, 0, 0, 0
    clips, frames, most = sounding.shape
    for n in range(clips):
        for t in range(frames):
            for k in range(1, most + 1):
                visible = objects[n, t] == k
                inside = (scores[n, t][visible] >= threshold).sum()
                if sounding[n, t, k - 1]:
                    pixels, found = pixels + visible.sum(), found + inside
                elif visible.any():
                    silent, segmented = silent + 1, segmented + (2 * inside >= visible.sum())
    return 100 * segmented / silent, 100 * found / pixels
