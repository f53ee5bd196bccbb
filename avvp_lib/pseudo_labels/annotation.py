"""Null labels, and what a person makes of them: the manual annotation of MUG (Section 3.2).

    Wang, Zhu, Chen, Zhang, Tang, Wang. MUG: Pseudo Labeling Augmented Audio-Visual Mamba Network for Audio-Visual Video
    Parsing. 2025. arXiv:2507.01384. The details of its annotation are in a supplement that is not public.

A null label is a visual pseudo-label without a class. MUG finds many "in the visual modality, which is abnormal since a video may lack
sound but rarely lacks imagery", has people label those that belong to one of the classes, and discards the videos of the others when
videos are combined at random. The reason is about videos, so a null label is here a video whose visual track has no class in any
segment (unit="video", **choice**); unit="segment" is the other reading, every segment without a class.

The answers live in a CSV file with one row a segment, which a spreadsheet edits as well as `avvp_lib.widgets.AnnotationWidget` does:

    video,segment,labels,status
    BjCEufrlXm4,0,Dog|Speech,done             what is to be seen in this second
    BjCEufrlXm4,1,,done                       looked at: none of the classes is to be seen; the null label is right
    BjCEufrlXm4,2,,todo                       nobody has looked yet: the null label stays
    -3DaC8ZmqTM,0,,unlabelable                shows something that is none of the classes, or cannot be told

Labels are joined by "|", since names of categories may hold commas. A card beside the file (same name, .json) holds the class list
and which rows were asked for, so that another class list and lost rows are noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from avvp_lib.provenance import atomic_path
from avvp_lib.pseudo_labels.annotation_files import (
    DONE,
    NOT_ASKED,
    STATUSES,
    TODO,
    UNLABELABLE,
    read_card,
    read_rows,
    rows_text,
    write_card,
)
from avvp_lib.pseudo_labels.zero_shot import PseudoLabels
from avvp_lib.records import note_input

Unit = Literal["video", "segment"]
UNITS = ("video", "segment")


@dataclass(frozen=True, eq=False)
class Annotations:
    """What people were asked about and what they said, so far.

    Attributes:
        keys: V feature ids of videos that were asked about.
        categories: C names.
        visual: (V, T, C) bool, the labels given.
        status: (V, T) int8, an index in `STATUSES`; `NOT_ASKED` (-1) where nobody was asked.

    Raises:
        ValueError: shapes do not fit, an id occurs twice, or there are labels in a segment that is not done.
    """

    keys: tuple[str, ...]
    categories: tuple[str, ...]
    visual: np.ndarray
    status: np.ndarray

    def __post_init__(self) -> None:
        if self.visual.dtype != np.bool_ or self.visual.ndim != 3 or self.visual.shape[2] != len(self.categories):
            raise ValueError(
                f"visual must be bool (V, T, {len(self.categories)}), not {self.visual.dtype} {self.visual.shape}"
            )
        if self.visual.shape[:2] != self.status.shape or len(self.keys) != len(self.status):
            raise ValueError(
                f"{len(self.keys)} keys, status {self.status.shape} and visual {self.visual.shape} do not fit each other"
            )
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("a video occurs twice among the annotations")
        if not np.isin(self.status, (NOT_ASKED, TODO, DONE, UNLABELABLE)).all():
            raise ValueError(f"status must hold indices of {', '.join(STATUSES)}, or -1 where nobody was asked")
        if (self.visual.any(2) & (self.status != DONE)).any():
            raise ValueError("a segment has labels and is not done")

    @property
    def unlabelable(self) -> tuple[str, ...]:
        """The videos with a segment that cannot be labelled: random combination leaves them out (MUG, Section 3.2)."""
        return self._with((self.status == UNLABELABLE).any(1))

    @property
    def todo(self) -> tuple[str, ...]:
        """The videos with a segment that nobody has looked at."""
        return self._with((self.status == TODO).any(1))

    def _with(self, chosen: np.ndarray) -> tuple[str, ...]:
        return tuple(self.keys[row] for row in np.flatnonzero(chosen))

    def counts(self) -> dict[str, int]:
        """How many videos were asked about, how many of these are todo, unlabelable, and labelled (with a class); and labelled segments."""
        return {
            "videos": len(self.keys),
            "videos todo": len(self.todo),
            "videos unlabelable": len(self.unlabelable),
            "videos labelled": int(self.visual.any((1, 2)).sum()),
            "segments labelled": int(self.visual.any(2).sum()),
        }

    def digest(self) -> str:
        """SHA-256 of the rows as `write_annotations` writes them, whatever a spreadsheet has made of their layout."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def text(self) -> str:
        """The rows as CSV."""
        return rows_text(self.keys, self.categories, self.visual, self.status)


def null_labels(labels: PseudoLabels, unit: Unit = "video") -> np.ndarray:
    """Which segments belong to a null label: the visual label has no class above 0.5.

    Args:
        labels: pseudo-labels of N videos.
        unit: "video": all segments of the videos without a class in any segment. "segment": every segment without a class.

    Returns:
        (N, T) bool.

    Raises:
        ValueError: an unknown unit.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r}: choose one of {', '.join(UNITS)}")
    empty = ~(labels.visual > 0.5).any(2)
    return empty if unit == "segment" else np.broadcast_to(empty.all(1, keepdims=True), empty.shape).copy()


def null_counts(labels: PseudoLabels, true_visual: np.ndarray) -> pd.DataFrame:
    """How many null labels there are under either reading, and how many are right because there is nothing to see.

    Args:
        labels: pseudo-labels of N videos.
        true_visual: (N, T, C) bool, the truth of the same videos.

    Returns:
        Rows "videos" and "segments"; columns of, null, rightly_null, percent_right (NaN without a null label).

    Raises:
        ValueError: the truth has another shape than the labels, or is not bool.
    """
    _check_truth(true_visual, labels.visual.shape)
    rows = {}
    for name, unit in (("videos", "video"), ("segments", "segment")):
        null, nothing = null_labels(labels, unit), ~true_visual.any(2)
        if unit == "video":
            null, nothing = null.all(1), nothing.all(1)
        rightly = int((null & nothing).sum())
        rows[name] = (null.size, int(null.sum()), rightly, 100 * rightly / null.sum() if null.any() else float("nan"))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["of", "null", "rightly_null", "percent_right"])


def export_nulls(path: Path, labels: PseudoLabels, categories: Sequence[str], unit: Unit = "video") -> Annotations:
    """Make sure that a CSV file has a row for every null label; answers that it holds already are kept.

    A file that is not there is written with every row "todo". One that asks the same questions is gone on with: rows that it lost are
    added as "todo". One that asks others is refused.

    Args:
        path: the .csv file; its card is written beside it.
        labels: pseudo-labels of N videos.
        categories: C names, in the order of the labels.
        unit: see `null_labels`.

    Returns:
        What the file holds now. No row at all if no label is null.

    Raises:
        ValueError: the class list does not fit the labels, every video is null, or the file holds answers to other questions or is damaged.
    """
    path, categories = _csv(path), tuple(categories)
    if len(categories) != labels.visual.shape[2]:
        raise ValueError(f"{len(categories)} category names for labels of {labels.visual.shape[2]} categories")
    null = null_labels(labels, unit)
    if len(null) and null.all():
        raise ValueError(
            f"none of the {len(null)} videos has a visual label, so there is nothing to correct but everything to make: are these "
            "labels of the right corpus, and their thresholds below the similarities?"
        )
    rows = np.flatnonzero(null.any(1))
    keys = tuple(labels.keys[row] for row in rows)
    status = np.where(null[rows], TODO, NOT_ASKED).astype(np.int8)
    asked = Annotations(keys, categories, np.zeros((*status.shape, len(categories)), bool), status)
    if path.is_file():
        asked = _gone_on_with(path, asked)
    write_annotations(path, asked)
    return asked


def _gone_on_with(path: Path, asked: Annotations) -> Annotations:
    """The answers of a file that asks the same questions; ValueError if it asks others."""
    card = read_card(path)
    same = card.categories == asked.categories and card.asked.keys() == set(asked.keys)
    if not same or any(
        (card.asked[key] != (row != NOT_ASKED)).any() for key, row in zip(asked.keys, asked.status, strict=True)
    ):
        raise ValueError(
            f"{path} holds annotations of other labels ({len(card.asked)} videos, {len(card.categories)} categories; these have "
            f"{len(asked.keys)} and {len(asked.categories)}), and nothing is written over them: choose another file"
        )
    visual, status = read_rows(path, card, asked.keys, lost_rows_are_todo=True)
    return Annotations(asked.keys, asked.categories, visual, status)


def write_annotations(path: Path, annotations: Annotations) -> None:
    """Write a CSV file of answers and its card, each whole or not at all.

    Raises:
        ValueError: `path` does not end in .csv.
    """
    path = _csv(path)
    asked = annotations.status != NOT_ASKED
    write_card(path, annotations.categories, annotations.keys, asked)
    save_rows(path, annotations)


def save_rows(path: Path, annotations: Annotations) -> None:
    """Write the CSV file alone, atomically: what an autosave does. The card says what was asked, which does not change."""
    with atomic_path(path) as temporary:
        temporary.write_text(annotations.text(), encoding="utf-8", newline="")


def read_annotations(path: Path, categories: Sequence[str], keys: Sequence[str]) -> Annotations:
    """Read a CSV file of answers, as the widget, a spreadsheet or an editor left it. The file is never changed.

    Comma or semicolon, a byte order mark, rows in another order and empty rows are taken as they come.

    Args:
        path: the .csv file; its card must lie beside it.
        categories: C names, the class list that the answers are wanted in.
        keys: the videos that there may be: of the labels, or of the split.

    Returns:
        The answers, videos in the order of `keys`.

    Raises:
        FileNotFoundError: the file or its card is absent.
        ValueError: the class list is another one than that asked for; or a row has an unknown video, category or status, a segment
            outside, labels without being done, occurs twice, is half-written, or is lost. Names the lines.
    """
    path = _csv(path)
    if not path.is_file():
        raise FileNotFoundError(f"no annotations at {path}: export_nulls writes the file to fill in")
    card = read_card(path)
    if card.categories != tuple(categories):
        raise ValueError(f"{path.name}: {_other_classes(card.categories, tuple(categories))}")
    known = set(keys)
    strange = [key for key in card.asked if key not in known]
    if strange:
        raise ValueError(
            f"{path.name} asks about {len(strange)} of {len(card.asked)} videos that are not among these {len(known)}, {strange[0]} "
            "first: was it exported from another split or corpus?"
        )
    order = tuple(key for key in keys if key in card.asked)
    visual, status = read_rows(path, card, order)
    for file in (path, path.with_suffix(".json")):
        note_input(file)
    return Annotations(order, card.categories, visual, status)


def _other_classes(theirs: tuple[str, ...], ours: tuple[str, ...]) -> str:
    missing = [f"it lacks {name}" for name in ours if name not in theirs]
    more = [f"it has {name}" for name in theirs if name not in ours]
    what = missing[:1] + more[:1] or ["the order differs"]
    return (
        f"people were asked about another class list ({len(theirs)} categories, here {len(ours)}; {', '.join(what)}). What is empty or "
        "unlabelable under one list need not be so under the other: export again for this list"
    )


def apply_annotations(labels: PseudoLabels, annotations: Annotations) -> PseudoLabels:
    """The labels with the visual label of every segment that is done replaced by what was annotated; nothing else changes.

    Args:
        labels: pseudo-labels of N videos, of which some were annotated.
        annotations: of `read_annotations`.

    Returns:
        New labels. Their provenance gains "annotations": counts and the digest of the rows.

    Raises:
        ValueError: the annotations have other segments or categories, or a video that the labels do not have.
    """
    if annotations.visual.shape[1:] != labels.visual.shape[1:]:
        raise ValueError(
            f"annotations of {annotations.visual.shape[1:]} segments and categories do not fit labels of {labels.visual.shape[1:]}"
        )
    row = {key: index for index, key in enumerate(labels.keys)}
    absent = [key for key in annotations.keys if key not in row]
    if absent:
        raise ValueError(
            f"{len(absent)} annotated videos have no pseudo-labels, {absent[0]} first: are they of another split?"
        )
    visual = labels.visual.copy()
    videos, segments = np.nonzero(annotations.status == DONE)
    rows = np.array([row[key] for key in annotations.keys], np.intp)
    visual[rows[videos], segments] = annotations.visual[videos, segments]
    record = {"sha256": annotations.digest(), **annotations.counts()}
    return replace(labels, visual=visual, provenance={**labels.provenance, "annotations": record})


def annotate_with_truth(annotations: Annotations, keys: Sequence[str], true_visual: np.ndarray) -> Annotations:
    """A simulated annotator who sees everything and follows MUG: labels what shows one of the classes, and gives up on the other videos.

    Args:
        annotations: the questions; answers that they hold are written over.
        keys: N feature ids, in the order of the truth.
        true_visual: (N, T, C) bool.

    Returns:
        Every video done where one of the classes is to be seen in a segment that was asked about, else "unlabelable".

    Raises:
        ValueError: the truth has another shape, or lacks a video.
    """
    _check_truth(true_visual, (len(keys), *annotations.visual.shape[1:]))
    row = {key: index for index, key in enumerate(keys)}
    absent = [key for key in annotations.keys if key not in row]
    if absent:
        raise ValueError(f"no truth for {len(absent)} videos that were asked about, {absent[0]} first")
    asked = annotations.status != NOT_ASKED
    truth = true_visual[[row[key] for key in annotations.keys]] & asked[..., None]
    status = np.where(truth.any((1, 2))[:, None], DONE, UNLABELABLE)
    return replace(annotations, visual=truth, status=np.where(asked, status, NOT_ASKED).astype(np.int8))


def _check_truth(truth: np.ndarray, shape: tuple[int, ...]) -> None:
    if truth.dtype != np.bool_ or truth.shape != shape:
        raise ValueError(f"true_visual must be bool {shape}, not {truth.dtype} {truth.shape}")


def _csv(path: Path) -> Path:
    path = Path(path)
    if path.suffix != ".csv":
        raise ValueError(f"{path.name}: annotations are a .csv file")
    return path
