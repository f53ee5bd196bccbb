"""Auditory illusions, counted: how often a model segments an object that is seen and makes no sound.

The papers show this in pictures; only a simulator that knows every object can count it. A rate alone would praise a
model that segments nothing, so it always comes with the recall of what does sound, and at equal recall.

Notation: N clips, T frames (one a second), K objects in a clip, H x W pixels. A score is a number per pixel that is
larger where a model rather sees something that sounds. A score is segmented from a threshold on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from avvp_lib.metrics.segmentation import Array

RECALLS = (50, 80)
"""Percent of sounding pixels at which models are compared unless asked otherwise."""


def illusion_rate(
    scores: Array, objects: Array, sounding: Array, *, recalls: Sequence[float] = RECALLS
) -> dict[str, float]:
    """The share of visible silent objects that are segmented, and the share of sounding pixels that are, in percent.

    Each object is counted once in each frame that shows it. It is silent if it makes no sound in that second, and
    segmented if at least half of its visible pixels are.

    Keys:
        "illusion", "sounding recall": at the model's own decision, scores above 0. Read them together.
        "illusion at 80": with the highest threshold (inclusive) at which at least 80 percent of the sounding pixels
            are segmented; one for each of `recalls`. A model that segments nothing has to lower its threshold until it
            finds them. If it scores all pixels alike it then segments everything, so this is 100 for it.
        "illusion area": the mean of that over all recalls: how often a silent object outranks a sounding pixel drawn
            at random. 0 for a model that tells them apart, about 50 for one that cannot hear, 100 for a constant.

    A share of nothing (no silent object, no sounding pixel) is NaN.

    Args:
        scores: (N, T, H, W) float; `foreground_scores` of the logits.
        objects: (N, T, H, W) integers, the visible object at each pixel: 0 none, k the k-th of the clip.
        sounding: (N, T, K) bool, whether the k-th object sounds in that second, at index k - 1.
        recalls: percent, each above 0 and at most 100.

    Raises:
        ValueError: other shapes or types, an object without its column in `sounding`, a NaN, or a recall out of range.
    """
    scorer = IllusionScorer()
    scorer.add(scores, objects, sounding)
    return scorer.scores(recalls)


def foreground_scores(logits: torch.Tensor) -> torch.Tensor:
    """One score per pixel, above 0 exactly where a model segments anything.

    Args:
        logits: (..., K, H, W). K = 1 holds the score itself; else class 0 is the background.

    Returns:
        (..., H, W): the logit, or the best class's lead over the background.
    """
    if logits.shape[-3] == 1:
        return logits.squeeze(-3)
    return logits[..., 1:, :, :].amax(-3) - logits[..., 0, :, :]


class IllusionScorer:
    """`illusion_rate` of clips that come in parts.

    It keeps a number for each silent object, four bytes for each sounding pixel, and four counts for each clip.
    """

    def __init__(self) -> None:
        self._silent: list[np.ndarray] = []  # the threshold below which each silent object is segmented
        self._sounding: list[np.ndarray] = []  # scores of sounding pixels
        self._clips: list[np.ndarray] = []  # (4, N): silent objects, segmented ones; sounding pixels, segmented ones

    def add(self, scores: Array, objects: Array, sounding: Array) -> None:
        """The next clips; arguments and errors as in `illusion_rate`."""
        scores, objects, sounding = _checked(scores, objects, sounding)
        clips, frames, most = sounding.shape
        pair = np.arange(clips * frames).reshape(clips, frames, 1, 1) * (most + 1) + objects
        sounds = np.concatenate([np.zeros_like(sounding[..., :1]), sounding], axis=2).ravel()[pair]
        silent = (objects > 0) & ~sounds
        owner, bar = _bars(pair[silent], scores[silent])
        clip_of_bar, clip_of_pixel = owner // (frames * (most + 1)), np.nonzero(sounds)[0]
        of_sounding = scores[sounds]
        self._silent.append(bar)
        self._sounding.append(of_sounding)
        counted = (clip_of_bar, clip_of_bar[bar > 0], clip_of_pixel, clip_of_pixel[of_sounding > 0])
        self._clips.append(np.stack([np.bincount(which, minlength=clips) for which in counted]))

    def scores(self, recalls: Sequence[float] = RECALLS) -> dict[str, float]:
        """The keys of `illusion_rate` for all clips so far.

        Raises:
            ValueError: there was no clip yet, or a recall is out of range.
        """
        totals = self._table().sum(axis=1)
        bars, pixels = np.sort(np.concatenate(self._silent)), np.concatenate(self._sounding)
        above = len(bars) - np.searchsorted(bars, pixels)  # for each sounding pixel: objects segmented if it is
        return {
            "illusion": float(_percent(totals[1], totals[0])),
            "sounding recall": float(_percent(totals[3], totals[2])),
            **{f"illusion at {r:g}": float(i) for r, i in zip(recalls, self.curve(recalls), strict=True)},
            "illusion area": float(_percent(above.sum(), len(bars) * len(pixels))),
        }

    def curve(self, recalls: Sequence[float] | np.ndarray) -> np.ndarray:
        """Illusion rate in percent at each recall of sounding pixels in percent: (R,) float.

        Raises:
            ValueError: there was no clip yet, or a recall is out of range.
        """
        recalls = np.asarray(recalls, float)
        if not ((recalls > 0) & (recalls <= 100)).all():
            raise ValueError(f"recalls are percentages above 0 and at most 100, not {recalls.tolist()}")
        self._table()
        bars, pixels = np.sort(np.concatenate(self._silent)), np.sort(np.concatenate(self._sounding))
        if not len(bars) or not len(pixels):
            return np.full(len(recalls), np.nan)
        needed = np.ceil(len(pixels) * recalls / 100 - 1e-9).astype(int)  # 55 of 100 is 55, not 55.00000000000001
        return 100 * (1 - np.searchsorted(bars, pixels[len(pixels) - needed]) / len(bars))

    def per_clip(self) -> dict[str, np.ndarray]:
        """ "illusion" and "sounding recall" of each clip, each (N,) in percent; NaN where a clip has nothing to count."""
        silent, segmented, pixels, found = self._table()
        return {"illusion": _percent(segmented, silent), "sounding recall": _percent(found, pixels)}

    def _table(self) -> np.ndarray:
        if not self._clips:
            raise ValueError("there is no clip to score: add() some first")
        return np.concatenate(self._clips, axis=1)


def _bars(owner: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each owner of pixels, the highest threshold at which at least half of them are segmented.

    Of m pixels that is the score of rank ceil(m / 2) from the top.

    Args:
        owner: (P,) int. scores: (P,) float32.

    Returns:
        The owners (O,), ascending, and their thresholds (O,) float32.
    """
    order = np.lexsort((-scores, owner))
    owners, first, pixels = np.unique(owner[order], return_index=True, return_counts=True)
    return owners, scores[order][first + (pixels + 1) // 2 - 1]


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(100.0 * part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _checked(scores: Array, objects: Array, sounding: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Float32 scores, integer objects and bool sounds as arrays that fit each other."""
    scores, objects, sounding = (_array(values) for values in (scores, objects, sounding))
    if scores.ndim != 4 or 0 in scores.shape or not np.issubdtype(scores.dtype, np.floating):
        raise ValueError(f"scores must be floats (clips, frames, height, width), not {scores.dtype} {scores.shape}")
    if objects.shape != scores.shape or not np.issubdtype(objects.dtype, np.integer):
        raise ValueError(
            f"objects must be integers of the scores' shape {scores.shape}, not {objects.dtype} {objects.shape}"
        )
    if sounding.shape[:2] != scores.shape[:2] or sounding.ndim != 3 or sounding.dtype != np.bool_:
        raise ValueError(
            f"sounding must be bool ({scores.shape[0]}, {scores.shape[1]}, objects), not {sounding.dtype} {sounding.shape}"
        )
    most = sounding.shape[2]
    for name, wrong, what in (
        ("objects", (objects < 0) | (objects > most), f"a number outside 0 to {most}"),
        ("scores", np.isnan(scores), "a NaN"),
    ):
        clips = wrong.reshape(len(wrong), -1).any(axis=1)
        if clips.any():
            raise ValueError(f"{name} hold {what}, first in clip {clips.argmax()}")
    return scores.astype(np.float32), objects.astype(np.int64), sounding


def _array(values: Array) -> np.ndarray:
    """An array; bfloat16, which numpy does not know, becomes float32."""
    if not isinstance(values, torch.Tensor):
        return np.asarray(values)
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()
