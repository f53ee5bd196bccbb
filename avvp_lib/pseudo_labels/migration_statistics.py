"""What label migration did: how many labels moved from where, whether they are right, and which threshold to take.

All truths are (N, C) bool, the segments in which a class can be heard (or seen), flattened like the features. A real corpus of
audio-visual events has none; a rendered one has. Shares, precision and recall are in percent.

Migration is judged by the entries that it changed. The original labels are right by their definition and are not in the figures:
what could be found is what is *hidden*, true in this modality and not labelled, mostly because the other one lacks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from avvp_lib.pseudo_labels.migration import Migration, migrate_labels


def hidden_labels(
    labels: np.ndarray, truth: np.ndarray, other_truth: np.ndarray, videos: np.ndarray
) -> dict[str, float]:
    """What there is to gain: how much of a modality's truth its audio-visual labels hide, and how near the next label is.

    Args:
        labels: (N, C) 0/1, audio-visual labels.
        truth, other_truth: (N, C) bool, of this modality and of the other one.
        videos: (N,) integers, the video of each segment.

    Returns:
        Keys "true", "labelled" and "hidden" (numbers of true entries, with and without a label), "hidden_share" (hidden, in percent of
        the true ones), "within_reach" (in percent of the hidden ones: those whose video has the label in another segment; the others
        can only be found through other videos) and "edges" (in percent of the hidden ones: true in both modalities, and still without a
        label, because ends of events are rounded). NaN where there is nothing to divide by.

    Raises:
        ValueError: labels, truth and videos are not of the same segments and classes.
    """
    labels = np.asarray(labels).astype(bool)
    _check_truth(truth, labels.shape)
    _check_truth(other_truth, labels.shape)
    if np.shape(videos) != labels.shape[:1]:
        raise ValueError(f"videos are {np.shape(videos)}; they must be {len(labels)} integers, one a segment")
    number = np.unique(videos, return_inverse=True)[1]
    in_video = np.zeros((number.max(initial=-1) + 1, labels.shape[1]), bool)
    np.logical_or.at(in_video, number, labels)
    hidden = truth & ~labels
    true, missed = int(truth.sum()), int(hidden.sum())
    return {
        "true": true,
        "labelled": true - missed,
        "hidden": missed,
        "hidden_share": _percent(missed, true),
        "within_reach": _percent(int((hidden & in_video[number]).sum()), missed),
        "edges": _percent(int((hidden & other_truth).sum()), missed),
    }


def migrated_quality(migration: Migration, truth: np.ndarray | None = None) -> dict[str, float]:
    """How many labels migrated, and how right they are.

    Hard figures take every migrated label for a 1. Weighted ones count a label as much as its soft value:

        precision = sum of soft labels of hits / sum of soft labels        recall = sum of soft labels of hits / hidden entries

    Args:
        migration: of one modality.
        truth: (N, C) bool; None where nobody knows.

    Returns:
        Keys "labelled" and "migrated" (numbers of entries), "share" (migrated, in percent of all labels after migration); with a truth
        also "hidden" (number), "precision", "recall", "F", "weighted_precision", "weighted_recall". NaN where there is nothing to
        divide by.

    Raises:
        ValueError: the truth has another shape or is not bool.
    """
    original, migrated, soft = _arrays(migration)
    labelled, moved = int(original.sum()), int(migrated.sum())
    quality = {"labelled": labelled, "migrated": moved, "share": _percent(moved, labelled + moved)}
    if truth is None:
        return quality
    _check_truth(truth, original.shape)
    hidden = int((truth & ~original).sum())
    hits = int((truth & migrated).sum())
    weight, weight_of_hits = float(soft[migrated].sum()), float(soft[truth & migrated].sum())
    return quality | {
        "hidden": hidden,
        "precision": _percent(hits, moved),
        "recall": _percent(hits, hidden),
        "F": _percent(2 * hits, moved + hidden),
        "weighted_precision": _percent(weight_of_hits, weight),
        "weighted_recall": _percent(weight_of_hits, hidden),
    }


def migration_sources(migration: Migration, categories: Sequence[str], truth: np.ndarray | None = None) -> pd.DataFrame:
    """For each class where its migrated labels came from.

    A label has come from its own video if at least one segment of it voted, else from other videos alone.

    Args:
        migration: made with `videos` (or scope "video").
        categories: C names.
        truth: (N, C) bool; None where nobody knows.

    Returns:
        Index: the names. Columns: labelled, migrated, own_video, other_videos (numbers of entries), votes (mean for a migrated entry,
        NaN without one); with a truth also hidden, own_right, own_wrong, other_right, other_wrong.

    Raises:
        ValueError: the migration does not know the videos, there are not C names, or the truth does not fit.
    """
    if migration.own_votes is None:
        raise ValueError("this migration was not told which video is whose: give migrate_labels `videos`")
    original, migrated, _ = _arrays(migration)
    if len(categories) != original.shape[1]:
        raise ValueError(f"{len(categories)} category names for labels of {original.shape[1]} classes")
    own = migrated & (migration.own_votes.cpu().numpy() > 0)
    other = migrated & ~own
    votes = np.where(migrated, migration.votes.cpu().numpy(), 0).sum(0)
    number = migrated.sum(0)
    columns = {
        "labelled": original.sum(0),
        "migrated": number,
        "own_video": own.sum(0),
        "other_videos": other.sum(0),
        "votes": np.divide(votes, number, out=np.full(len(number), np.nan), where=number > 0),
    }
    if truth is not None:
        _check_truth(truth, original.shape)
        columns["hidden"] = (truth & ~original).sum(0)
        for name, entries in (("own", own), ("other", other)):
            columns[f"{name}_right"] = (entries & truth).sum(0)
            columns[f"{name}_wrong"] = (entries & ~truth).sum(0)
    return pd.DataFrame(columns, index=list(categories))


def threshold_sweep(
    features: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    thresholds: Iterable[float],
    truth: np.ndarray | None = None,
    *,
    scope: str = "batch",
    groups: Tensor | np.ndarray | None = None,
    block: int = 4096,
) -> pd.DataFrame:
    """How many labels migrate, and how right they are, as the threshold moves: the sweep behind EAR's Table S-XVIII.

    The paper moves the thresholds and looks at the generator that was trained on the labels; this looks at the labels themselves.

    Args:
        features, labels, scope, groups, block: as for `migrate_labels`.
        thresholds: in any order.
        truth: (N, C) bool; None where nobody knows.

    Returns:
        Index: "threshold", rising. Columns: see `migrated_quality`.

    Raises:
        ValueError: see `migrate_labels` and `migrated_quality`; or no thresholds.
    """
    ordered = sorted(set(map(float, thresholds)))
    if not ordered:
        raise ValueError("thresholds are empty: name at least one")
    rows = [
        migrated_quality(migrate_labels(features, labels, tau, scope=scope, groups=groups, block=block), truth)
        for tau in ordered
    ]
    return pd.DataFrame(rows, index=pd.Index(ordered, name="threshold"))


def choose_threshold(sweep: pd.DataFrame, share: float | None = None) -> float:
    """The threshold to take, from a sweep over validation segments.

    Cosines of other features lie elsewhere, so a published threshold does not carry over; the share of labels that migrate does.

    Args:
        sweep: of `threshold_sweep`.
        share: how many of the labels after migration should be migrated ones, in percent; None takes the best F-score instead,
            which needs a truth.

    Returns:
        Of equally good thresholds the highest, which moves the fewest labels.

    Raises:
        ValueError: there is no F-score to go by, or the share is not in [0, 100], or no label migrates or is there at all.
    """
    if share is None:
        if "F" not in sweep or sweep["F"].isna().all():
            raise ValueError(
                "the sweep has no F-score: it was made without a truth, or nothing is hidden and nothing migrates. Give a share"
            )
        loss = -sweep["F"]
    elif not 0 <= share <= 100:
        raise ValueError(f"share is {share}: percent between 0 and 100 are needed")
    else:
        loss = (sweep["share"] - share).abs()
        if loss.isna().all():
            raise ValueError("the sweep has no share: there are no labels that could migrate")
    return float(max(sweep.index[loss == loss.min()]))


def _arrays(migration: Migration) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Original labels, migrated entries and soft labels, each (N, C)."""
    soft = migration.labels.cpu().numpy().astype(np.float64)
    return migration.original.cpu().numpy(), migration.migrated.cpu().numpy(), soft


def _check_truth(truth: np.ndarray, shape: tuple[int, ...]) -> None:
    if truth.dtype != np.bool_ or truth.shape != shape:
        raise ValueError(f"truth must be bool {shape} like the labels, not {truth.dtype} {truth.shape}")


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else float("nan")
