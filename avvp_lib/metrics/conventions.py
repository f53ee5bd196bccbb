"""Scores under other rules than the published ones, so that the worth of a rule can be said in points.

`metrics.parsing` and `metrics.segmentation` hold the published rules and compute every result of this project. Here each rule
is a field that can be changed while all others stay:

    published = convention_scores(*grids)
    strict = convention_scores(*grids, convention=ParsingConvention(absent="wrong"))

With nothing changed both give the same numbers, and tests say so. Parsing is counted anew here, so that each checks the other;
masks are counted by `SegmentationScorer`, a frame at a time, and only put together by other rules.

Notation: N videos, T segments, C categories. TP, FP, FN: right, false and missed segments or events; F = 2 TP / (2 TP + FP + FN).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from avvp_lib.corpora.events import Runs, maximal_runs
from avvp_lib.metrics.segmentation import THRESHOLDS, Array, SegmentationScorer

KINDS = ("A", "V", "AV")
ROUNDING = 1e-9  # 0.3 x 10 segments is 3, not 3.0000000000000004


@dataclass(frozen=True)
class ParsingConvention:
    """How decisions become the ten scores of parsing; the defaults are the published rules.

    Attributes:
        absent: a category that is neither predicted nor true "skip"s the mean, or has F = 1 ("right") or F = 0 ("wrong").
        silent: what is left without any category scores 1 ("right"), 0 ("wrong"), or is "left out" of the mean over videos.
        average: F is computed in each of the "videos"; or counts are pooled over videos first, for each of the "categories", or
            over all of these too ("everything"). The mean goes over what is left.
        iou: a predicted event is right if its intersection over union with a true one is at least this; in (0, 1].
        matching: "any" true event will do, and one may serve several predicted ones; or "one to one", best overlap first.
        bridged: gaps of at most so many segments are closed before events are counted, in prediction and truth alike; None
            merges nothing, so that each segment is an event.
        type_from: Type@AV from A, V and AV: the mean of the three scores ("means"), of the F-scores of all pairs of category and
            kind in a video ("pairs"), or F of their pooled counts ("counts").
        event_from: Event@AV from A and V, likewise.

    Raises:
        ValueError: a field has a value that is not listed.
    """

    absent: str = "skip"
    silent: str = "right"
    average: str = "videos"
    iou: float = 0.5
    matching: str = "any"
    bridged: int | None = 0
    type_from: str = "means"
    event_from: str = "counts"

    def __post_init__(self) -> None:
        _check_choices(
            self,
            absent=("skip", "right", "wrong"),
            silent=("right", "wrong", "left out"),
            average=("videos", "categories", "everything"),
            matching=("any", "one to one"),
            type_from=("means", "pairs", "counts"),
            event_from=("means", "pairs", "counts"),
        )
        if not 0 < self.iou <= 1:
            raise ValueError(f"iou must lie above 0 and be at most 1, not {self.iou}")
        if self.bridged is not None and self.bridged < 0:
            raise ValueError(f"bridged must be None or a number of segments, not {self.bridged}")


@dataclass(frozen=True)
class MaskConvention:
    """How logits become M_J and M_F of binary masks; the defaults are the published rules.

    Attributes:
        frames_per_group: frames of a test batch; they share the threshold of M_F.
        empty_jaccard: M_J of a frame without foreground: the "share" of its pixels that are left empty, 1 or 0 by whether all are
            ("exact"), or it is "left out".
        empty_f: M_F of such a frame: "left out", or at each threshold 1 or 0 by whether all pixels are left empty ("exact").
        empty_group: M_F of a group that holds nothing else, where such frames are left out: 0 ("wrong"), or "left out".

    Raises:
        ValueError: a field has a value that is not listed.
    """

    frames_per_group: int = 10
    empty_jaccard: str = "share"
    empty_f: str = "left out"
    empty_group: str = "wrong"

    def __post_init__(self) -> None:
        _check_choices(
            self,
            empty_jaccard=("share", "exact", "left out"),
            empty_f=("left out", "exact"),
            empty_group=("wrong", "left out"),
        )
        if self.frames_per_group < 1:
            raise ValueError(f"frames_per_group must be at least 1, not {self.frames_per_group}")


def _check_choices(convention: Any, **choices: tuple[str, ...]) -> None:
    for field in fields(convention):
        value = getattr(convention, field.name)
        if field.name in choices and value not in choices[field.name]:
            known = ", ".join(map(repr, choices[field.name]))
            raise ValueError(f"{field.name} must be one of {known}, not {value!r}")


def convention_scores(
    pred_audio: np.ndarray,
    pred_visual: np.ndarray,
    true_audio: np.ndarray,
    true_visual: np.ndarray,
    convention: ParsingConvention | None = None,
) -> dict[str, float]:
    """The scores of parsing in percent under a convention: the keys of `parsing_scores`, and its numbers by default.

    Args:
        pred_audio, pred_visual, true_audio, true_visual: (N, T, C) bool.
        convention: what differs from the published rules; nothing by default.

    Returns:
        Eleven floats; NaN where every video is left out.

    Raises:
        ValueError: a grid is not bool, not (N, T, C), empty, or not of the others' shape.
    """
    convention = convention or ParsingConvention()
    grids = _checked(pred_audio=pred_audio, pred_visual=pred_visual, true_audio=true_audio, true_visual=true_visual)
    pairs = {"A": (grids[0], grids[2]), "V": (grids[1], grids[3]), "AV": (grids[0] & grids[1], grids[2] & grids[3])}
    scores: dict[str, float] = {}
    for level in ("segment", "event"):
        counts = {
            kind: _segment_counts(*pair) if level == "segment" else _event_counts(*pair, convention)
            for kind, pair in pairs.items()
        }
        of_level = {kind: _score(counts[kind], convention) for kind in KINDS}
        of_level["Type"] = _summary([counts[kind] for kind in KINDS], convention.type_from, convention)
        of_level["Event"] = _summary([counts["A"], counts["V"]], convention.event_from, convention)
        scores |= {f"{level}/{name}": 100 * value for name, value in of_level.items()}
    return scores | {"average": float(np.mean(list(scores.values())))}


def _segment_counts(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """TP, FP and FN of segments: (3, N, C) int."""
    return np.stack([grid.sum(axis=1) for grid in (predicted & true, predicted & ~true, ~predicted & true)])


def _event_counts(predicted: np.ndarray, true: np.ndarray, convention: ParsingConvention) -> np.ndarray:
    """TP, FP and FN of events: (3, N, C) int. TP counts predicted events, FN the true ones that none has found."""
    videos, _, categories = predicted.shape
    guessed, real = _events(predicted, convention.bridged), _events(true, convention.bridged)
    hit, found = _matched(guessed, real, convention)
    rows = (guessed.row[hit], guessed.row[~hit], real.row[~found])
    return np.stack([np.bincount(row, minlength=videos * categories).reshape(videos, categories) for row in rows])


def _events(grid: np.ndarray, bridged: int | None) -> Runs:
    """The events of an (N, T, C) grid, in the order of rows and time; row n C + c belongs to category c of video n."""
    rows = grid.transpose(0, 2, 1).reshape(-1, grid.shape[1])
    if bridged is None:
        row, segment = np.nonzero(rows)
        return Runs(row, segment, segment + 1)
    runs = maximal_runs(rows)
    if not len(runs.row):
        return runs
    apart = (runs.row[1:] != runs.row[:-1]) | (runs.onset[1:] - runs.offset[:-1] > bridged)
    first, last = np.append(True, apart), np.append(apart, True)
    return Runs(runs.row[first], runs.onset[first], runs.offset[last])


def _matched(guessed: Runs, real: Runs, convention: ParsingConvention) -> tuple[np.ndarray, np.ndarray]:
    """Which predicted events are right, (P,) bool, and which true ones are found, (R,) bool."""
    start, end = (np.searchsorted(real.row, guessed.row, side) for side in ("left", "right"))
    of_guessed = np.repeat(np.arange(len(guessed.row)), end - start)
    of_real = np.arange(len(of_guessed)) - np.repeat(np.cumsum(end - start) - end, end - start)
    shared = np.minimum(guessed.offset[of_guessed], real.offset[of_real]) - np.maximum(
        guessed.onset[of_guessed], real.onset[of_real]
    )
    union = guessed.length[of_guessed] + real.length[of_real] - shared
    near = (shared > 0) & (shared >= convention.iou * union - ROUNDING)
    of_guessed, of_real, overlap = of_guessed[near], of_real[near], (shared / union)[near]
    hit, found = np.zeros(len(guessed.row), bool), np.zeros(len(real.row), bool)
    if convention.matching == "any":
        hit[of_guessed] = found[of_real] = True
        return hit, found
    for pair in np.lexsort((of_real, of_guessed, -overlap)):
        if not hit[of_guessed[pair]] and not found[of_real[pair]]:
            hit[of_guessed[pair]] = found[of_real[pair]] = True
    return hit, found


def _summary(counts: list[np.ndarray], how: str, convention: ParsingConvention) -> float:
    """One score, 0 to 1, from the counts of several kinds."""
    if how == "means":
        return float(np.mean([_score(kind, convention) for kind in counts]))
    return _score(np.sum(counts, axis=0) if how == "counts" else np.concatenate(counts, axis=2), convention)


def _score(counts: np.ndarray, convention: ParsingConvention) -> float:
    """The score, 0 to 1, of (3, N, C) counts; NaN if every video is left out."""
    pooled = {"videos": (), "categories": (1,), "everything": (1, 2)}[convention.average]
    hits, false_alarms, misses = counts.sum(axis=pooled, keepdims=True) if pooled else counts
    total = 2 * hits + false_alarms + misses
    f_score = np.divide(2 * hits, total, out=np.full(total.shape, np.nan), where=total > 0)
    if convention.absent != "skip":
        f_score = np.nan_to_num(f_score, nan=float(convention.absent == "right"))
    means = _means(f_score)
    if convention.silent != "left out":
        means = np.nan_to_num(means, nan=float(convention.silent == "right"))
    return float(_means(means[None])[0])


def _means(values: np.ndarray) -> np.ndarray:
    """Mean of each row over what is no NaN; NaN where nothing else is there."""
    number = (~np.isnan(values)).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), number, out=np.full(len(values), np.nan), where=number > 0)


def _checked(**grids: np.ndarray) -> tuple[np.ndarray, ...]:
    arrays = {name: np.asarray(grid) for name, grid in grids.items()}
    shape = arrays["pred_audio"].shape
    for name, array in arrays.items():
        if array.dtype != np.bool_ or array.ndim != 3 or 0 in array.shape or array.shape != shape:
            raise ValueError(
                f"{name} must be bool (videos, segments, categories) of the shape of pred_audio, {shape}, none of them 0, not "
                f"{array.dtype} {array.shape}"
            )
    return tuple(arrays.values())


def mask_convention_scores(logits: Array, masks: Array, convention: MaskConvention | None = None) -> dict[str, float]:
    """M_J and M_F of binary masks in percent under a convention; `segmentation_scores`' numbers by default.

    Args:
        logits: (F, H, W) float, frames clip by clip.
        masks: (F, H, W) bool, or integers 0 and 1.
        convention: what differs from the published rules; nothing by default.

    Returns:
        "M_J" and "M_F"; NaN where every frame is left out.

    Raises:
        ValueError: as `segmentation_scores`.
    """
    convention = convention or MaskConvention()
    logits, masks = torch.as_tensor(logits).detach().cpu(), torch.as_tensor(masks).cpu()
    jaccard, curves, empty = [], [], []
    for frame in range(len(logits)):
        scorer = SegmentationScorer(1)
        scorer.add(logits[frame : frame + 1], masks[frame : frame + 1])
        highest = torch.sigmoid(logits[frame].float()).max()
        jaccard.append(scorer.per_frame()["M_J"][0])
        empty.append(not bool((masks[frame] > 0).any()))
        curves.append(100.0 * (highest < THRESHOLDS).numpy() if empty[-1] else scorer.f_curve())
    if not empty:
        raise ValueError("there is no frame to score")
    return _grouped(np.array(jaccard), np.array(curves), np.array(empty), convention)


def _grouped(
    jaccard: np.ndarray, curves: np.ndarray, empty: np.ndarray, convention: MaskConvention
) -> dict[str, float]:
    """M_J and M_F from each frame's M_J (F,), F-scores at all thresholds (F, 255), and whether it is empty (F,)."""
    if convention.empty_jaccard == "exact":
        jaccard = np.where(empty, 100.0 * (jaccard == 100), jaccard)
    counted = ~empty if convention.empty_jaccard == "left out" else np.ones_like(empty)
    scored = ~empty if convention.empty_f == "left out" else np.ones_like(empty)
    overlaps, best = [], []
    for first in range(0, len(empty), convention.frames_per_group):
        group = np.arange(first, min(first + convention.frames_per_group, len(empty)))
        if counted[group].any():
            overlaps.append(jaccard[group[counted[group]]].mean())
        if scored[group].any():
            best.append(curves[group[scored[group]]].mean(axis=0).max())
        elif convention.empty_group == "wrong":
            best.append(0.0)
    return {name: float(np.mean(of)) if of else np.nan for name, of in (("M_J", overlaps), ("M_F", best))}
