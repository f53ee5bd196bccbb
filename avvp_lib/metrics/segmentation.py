"""Scores of audio-visual segmentation: Jaccard index M_J and F-score M_F, for masks of what sounds and of its class.

The published numbers are kept as they were computed, oddities included, because tables hold them. Beside each stands a
number without its oddity, under a key of its own:

    binary      an F-score takes the best of 255 thresholds anew for each group of frames, so it grows as groups shrink
    semantic    padded frames count as perfect background, and a class that never occurs counts as 0

Notation: F frames of H x W pixels, C classes with the background as class 0, beta^2 = 0.3 (Eq. 8 of SelM). A score is
in percent.
"""

from __future__ import annotations

import numpy as np
import torch

BETA_SQUARED = 0.3
THRESHOLDS = torch.linspace(0, 1 - 1e-10, 255)
"""As published, in float32: the last is exactly 1, and another way to space them gives other last digits."""
ABOVE_STEPS = 254.0025
"""A little more than the 254 steps between the thresholds: a probability times this falls into its step or the next."""
Array = np.ndarray | torch.Tensor


def segmentation_scores(logits: Array, masks: Array, *, frames_per_group: int) -> dict[str, float]:
    """M_J and M_F of binary masks, in percent, as published and independent of the batch.

    Keys:
        "M_J": published. IoU of each frame where sigmoid(logit) > 0.5 is foreground (a logit of 0 is background);
            in a frame without foreground, the share of pixels left empty. Mean of each group, then mean over groups.
        "M_F": published. For each group the F-scores at 255 thresholds are averaged over its frames, and the best
            threshold is taken; then the mean over groups. Frames without foreground are left out, and a group of
            nothing but those counts as 0.
        "M_J/frames": plain mean over all frames; "M_J" where groups are equally full.
        "M_F/dataset": the best of the thresholds for all frames at once: one threshold, whatever the batches.
        "M_F/frame": every frame with its own best threshold: what groups of one would give, the most that is possible.
        "M_F/half": at the decision of M_J, no threshold chosen on the truth.
        The last three are means over frames with foreground, and NaN if there is none.

    Args:
        logits: (F, H, W) float, frames clip by clip. Narrower or wider floats are scored as float32, as published.
        masks: (F, H, W) bool, or integers 0 and 1.
        frames_per_group: frames of a test batch; the last group may hold fewer. SelM and AVSegFormer were tested with
            10, AVSBench with 20; 5 is one clip.

    Raises:
        ValueError: other shapes or types, a mask that is not two-valued, a NaN, no frame, or an empty group.
    """
    scorer = SegmentationScorer(frames_per_group)
    scorer.add(logits, masks)
    return scorer.scores()


class SegmentationScorer:
    """`segmentation_scores` of frames that come in parts, in order; how they are parted changes nothing.

    It keeps three numbers a frame, so a test split need not fit in memory.
    """

    def __init__(self, frames_per_group: int) -> None:
        if not isinstance(frames_per_group, int | np.integer) or frames_per_group < 1:
            raise ValueError(f"frames_per_group must be an integer of at least 1, not {frames_per_group!r}")
        self.frames_per_group = int(frames_per_group)
        self._frames: list[tuple[float, float, float]] = []  # IoU, best F, F at one half
        self._curve = np.zeros(len(THRESHOLDS))  # sum over all frames with foreground
        self._group_curve = np.zeros(len(THRESHOLDS))  # sum over those of the group that is being filled
        self._group_filled = 0
        self._group_best: list[float] = []  # of the groups that are full

    def add(self, logits: Array, masks: Array) -> None:
        """The next frames; arguments and errors as in `segmentation_scores`."""
        for logit, mask in zip(*_checked(logits, masks), strict=True):
            self._add_frame(torch.sigmoid(logit.float()).flatten(), mask.flatten())

    def _add_frame(self, probability: torch.Tensor, mask: torch.Tensor) -> None:
        decided, true = probability > 0.5, int(mask.sum())
        both, predicted = int((decided & mask).sum()), int(decided.sum())
        # The union has at least a pixel, so the 1e-7 that the published code adds to it vanishes.
        if true:
            curve = _f_scores(*_counts(probability, mask), true)
            self._frames.append((both / (predicted + true - both), curve.max(), _f_scores(both, predicted, true)))
            self._curve += curve
            self._group_curve += curve
            self._group_filled += 1
        else:
            self._frames.append((1 - predicted / mask.numel(), np.nan, np.nan))
        if len(self._frames) % self.frames_per_group == 0:
            self._group_best.append(self._best_of_group())
            self._group_curve = np.zeros(len(THRESHOLDS))
            self._group_filled = 0

    def scores(self) -> dict[str, float]:
        """The scores of all frames so far: the keys of `segmentation_scores`.

        Raises:
            ValueError: there was no frame yet.
        """
        jaccard, best, half = self._table().T
        starts = np.arange(0, len(jaccard), self.frames_per_group)
        group_sizes = np.diff(np.append(starts, len(jaccard)))
        open_group = [self._best_of_group()] if len(starts) > len(self._group_best) else []
        filled = np.count_nonzero(~np.isnan(best))
        return {
            "M_J": 100 * float(np.mean(np.add.reduceat(jaccard, starts) / group_sizes)),
            "M_F": 100 * float(np.mean([*self._group_best, *open_group])),
            "M_J/frames": 100 * float(jaccard.mean()),
            "M_F/dataset": float(self.f_curve().max()),
            "M_F/frame": 100 * float(np.nansum(best)) / filled if filled else np.nan,
            "M_F/half": 100 * float(np.nansum(half)) / filled if filled else np.nan,
        }

    def f_curve(self) -> np.ndarray:
        """Mean F-score of all frames with foreground at each of `THRESHOLDS`: (255,) float, NaN if there is none."""
        filled = np.count_nonzero(~np.isnan(self._table()[:, 1]))
        return 100 * self._curve / filled if filled else np.full(len(THRESHOLDS), np.nan)

    def per_frame(self) -> dict[str, np.ndarray]:
        """Scores of each frame, each (F,) float: "M_J", "M_F/frame", "M_F/half"; F-scores are NaN without foreground."""
        return dict(zip(("M_J", "M_F/frame", "M_F/half"), 100 * self._table().T, strict=True))

    def _table(self) -> np.ndarray:
        if not self._frames:
            raise ValueError("there is no frame to score: add() some first")
        return np.array(self._frames)

    def _best_of_group(self) -> float:
        return float(self._group_curve.max()) / max(self._group_filled, 1)


def _counts(probability: torch.Tensor, mask: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """True positives and all positives of one frame at each threshold, each (255,): probability >= threshold.

    A pixel counts at every threshold up to the last that it reaches. So one histogram of those last thresholds, for
    target and other pixels apart, and a sum from the top hold what 255 passes over the pixels would.
    """
    thresholds = THRESHOLDS.to(probability.device)
    last = (probability * ABOVE_STEPS).to(torch.int32)  # the threshold that is sought, or the one above it
    last -= (probability < thresholds.index_select(0, last)).to(torch.int32)
    last += len(THRESHOLDS) * mask.to(torch.int32)
    histogram = torch.bincount(last, minlength=2 * len(THRESHOLDS)).reshape(2, -1).cpu().numpy()
    other, target = histogram[:, ::-1].cumsum(axis=1)[:, ::-1]
    return target, target + other


def _f_scores(hits: np.ndarray | int, predicted: np.ndarray | int, true: int) -> np.ndarray | float:
    """Eq. 8 of SelM with precision = hits / predicted and recall = hits / true, multiplied out; 0 without hits."""
    return (1 + BETA_SQUARED) * hits / (BETA_SQUARED * true + predicted)


def _checked(logits: Array, masks: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Both as tensors on the device of the logits, masks as bool."""
    logits, masks = _tensor(logits).detach(), _tensor(masks)
    if logits.ndim != 3 or 0 in logits.shape or not logits.is_floating_point():
        raise ValueError(f"logits must be floats (frames, height, width), not {logits.dtype} {tuple(logits.shape)}")
    if masks.shape != logits.shape:
        raise ValueError(
            f"masks have shape {tuple(masks.shape)} and logits {tuple(logits.shape)}; resize one of them first"
        )
    if masks.is_floating_point() or (masks.dtype != torch.bool and bool(((masks != 0) & (masks != 1)).any())):
        raise ValueError(f"masks must be bool, or integers 0 and 1, not {masks.dtype}; compare classes with 0 first")
    nan = torch.isnan(logits.flatten(1).amax(1))
    if nan.any():
        raise ValueError(f"logits hold a NaN, first in frame {int(nan.int().argmax())} of {len(logits)}")
    return logits, masks.to(device=logits.device, dtype=torch.bool)


def _tensor(values: Array) -> torch.Tensor:
    """A tensor of the same memory where torch allows it: it wants no memory that is read-only."""
    read_only = isinstance(values, np.ndarray) and not values.flags.writeable
    return torch.as_tensor(values.copy() if read_only else values)


def semantic_scores(
    predicted: Array, target: Array, *, classes: int, labelled: Array | None = None, present: Array | None = None
) -> dict[str, float]:
    """M_J and M_F of class maps (AVSS), in percent: means over frames of each class, then over classes.

    A frame in which a class is neither predicted nor true does not count for the class.

    Keys, each with "M_J" and "M_F":
        "M_J": published. All frames count: padded ones, where prediction and target are background, and unlabelled
            ones, whose target is background. All classes count, and those that never occur count as 0.
        "M_J/printed noBg": what the published code logs under this name. It leaves out the *last* class.
        "M_J/foreground": what that name promises: background left out, else as published.
        "M_J/labelled": frames that exist and are labelled; classes that are true in one of them.
        "M_J/labelled foreground": of these, without background.
    And "mIoU": intersection and union of each class summed over the labelled frames, then the mean over the classes
    that are true there. No choice of frames or batches enters it.

    Args:
        predicted: (F, H, W) integers, the class with the largest logit.
        target: (F, H, W) integers, 0 where there is no label.
        classes: C, background included.
        labelled: (F,) bool, frames with a label that counts; None for all.
        present: (F,) bool, frames that are no padding; None for all. Predictions elsewhere are read as background,
            because the published models are made to predict that.

    Raises:
        ValueError: other shapes or types, a class outside 0 to C - 1, or no frame.
    """
    scorer = SemanticScorer(classes)
    scorer.add(predicted, target, labelled=labelled, present=present)
    return scorer.scores()


class SemanticScorer:
    """`semantic_scores` of frames that come in parts; it keeps sums for each class."""

    def __init__(self, classes: int) -> None:
        if classes < 2:
            raise ValueError(f"classes must be at least 2, background and another, not {classes}")
        self.classes = classes
        self._sums = np.zeros((2, 3, classes))  # all frames, labelled ones; IoU, F-score, frames that count
        self._pixels = np.zeros((3, classes))  # of labelled frames: intersection, predicted, true

    def add(
        self, predicted: Array, target: Array, *, labelled: Array | None = None, present: Array | None = None
    ) -> None:
        """The next frames; arguments and errors as in `semantic_scores`."""
        predicted, target = _tensor(predicted), _tensor(target)
        for name, values in (("predicted", predicted), ("target", target)):
            self._check_classes(name, values)
        if predicted.shape != target.shape:
            raise ValueError(
                f"predicted has shape {tuple(predicted.shape)} and target {tuple(target.shape)}; resize one of them"
            )
        present = _flags("present", present, len(target))
        labelled = _flags("labelled", labelled, len(target)) & present
        for frame in range(len(target)):
            seen = predicted[frame] if present[frame] else torch.zeros_like(predicted[frame])
            self._add_frame(seen.flatten().long(), target[frame].flatten().long().to(seen.device), labelled[frame])

    def _add_frame(self, predicted: torch.Tensor, target: torch.Tensor, labelled: bool) -> None:
        groups = (predicted[predicted == target], predicted, target)
        counts = [torch.bincount(group, minlength=self.classes).cpu().numpy() for group in groups]
        both, marked, true = counts
        union = marked + true - both
        f_score = (1 + BETA_SQUARED) * both / np.maximum(BETA_SQUARED * true + marked, BETA_SQUARED)
        frame = np.stack([both / np.maximum(union, 1), f_score, union > 0])
        self._sums[0] += frame
        if labelled:
            self._sums[1] += frame
            self._pixels += counts

    def scores(self) -> dict[str, float]:
        """The scores of all frames so far: the keys of `semantic_scores`; NaN over no class.

        Raises:
            ValueError: there was no frame yet.
        """
        if not self._sums[0, 2].any():
            raise ValueError("there is no frame to score: add() some first")
        background = np.arange(self.classes) == 0
        occurs = self._pixels[2] > 0
        scores = {}
        for row, name in enumerate(("M_J", "M_F")):
            everywhere, labelled = (100 * sums[row] / np.maximum(sums[2], 1) for sums in self._sums)
            scores |= {
                name: float(everywhere.mean()),
                f"{name}/printed noBg": float(everywhere[:-1].mean()),
                f"{name}/foreground": float(everywhere[1:].mean()),
                f"{name}/labelled": _mean(labelled[occurs]),
                f"{name}/labelled foreground": _mean(labelled[occurs & ~background]),
            }
        both, marked, true = self._pixels
        return scores | {"mIoU": _mean(100 * (both / np.maximum(marked + true - both, 1))[occurs])}

    def _check_classes(self, name: str, values: torch.Tensor) -> None:
        if values.ndim != 3 or 0 in values.shape or values.is_floating_point() or values.dtype == torch.bool:
            raise ValueError(
                f"{name} must be integers (frames, height, width), not {values.dtype} {tuple(values.shape)}"
            )
        for bound in (int(values.min()), int(values.max())):
            if not 0 <= bound < self.classes:
                raise ValueError(f"{name} holds class {bound}; with {self.classes} classes they go from 0")


def _flags(name: str, flags: Array | None, frames: int) -> np.ndarray:
    if flags is None:
        return np.ones(frames, bool)
    flags = _tensor(flags).cpu().numpy()
    if flags.shape != (frames,) or flags.dtype != np.bool_:
        raise ValueError(f"{name} must be bool of shape ({frames},), not {flags.dtype} of shape {flags.shape}")
    return flags


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan
