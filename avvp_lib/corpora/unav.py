"""Read UnAV-100 (Geng et al., CVPR 2023), and any corpus written in its format: dense audio-visual event localisation.

One JSON file: untrimmed videos of any length, each with events in seconds that are audible and visible at once. What is only heard or
only seen is not labelled, so a split has `audio_visual` grids and no `audio` or `visual` ones.

**From seconds to segments.** A segment of one second is positive if the event covers at least half of it (of a last, shorter one: half of
what lies in the video). An event that covers half of none marks the segment it overlaps most, the earlier of equal ones. Each boundary is
thus rounded to the nearest second: over many events the grid is as long as the events are, where LLP's rule (any part of a second counts)
would make each a second longer on average, and an event of 2.9 to 4.1 s would fill four segments.

**Accidents** are counted in the provenance: duplicates (one label, both ends within a millisecond: UnAV-100's evaluation drops them, so do
we), events that leave their video by up to a second (clipped), events without any duration (dropped).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avvp_lib.corpora.corpus import Corpus, CorpusSplit
from avvp_lib.records import note_input

ANNOTATION_FILE = "unav100_annotations.json"
SUBSETS = {"train": "train", "validation": "val", "test": "test"}
SAME_EVENT = 1e-3  # seconds; nearer than this at both ends, two events of one label are one
CLIPPED = 1.0  # seconds by which an event may leave its video
COVERAGE = 0.5  # of a segment
ROUNDING = 1e-9


@dataclass(frozen=True)
class Event:
    """One annotation: a class number and half-open seconds within its video."""

    label: int
    start: float
    end: float


def load_unav(root: str | Path, longest: int | None = None) -> Corpus:
    """Read UnAV-100 from root/annotations/unav100_annotations.json or root/.

    Args:
        root: the corpus folder.
        longest: cut videos to this many seconds; by default none is cut.

    Returns:
        A corpus named "unav100"; see `read_unav_layout`.

    Raises:
        FileNotFoundError, ValueError: as `read_unav_layout`.
    """
    return read_unav_layout(root, "unav100", longest)


def read_unav_layout(root: str | Path, name: str, longest: int | None = None) -> Corpus:
    """Read a corpus in UnAV-100's format.

    Args:
        root: folder with the JSON file in annotations/ or directly, and the media in videos/<id>.mp4.
        name: of the corpus.
        longest: cut videos to this many seconds; what then has no segment left is no longer in the video's label.

    Returns:
        The corpus. Its categories are the labels that occur, ordered by their numbers, with single spaces. Its splits (train, val,
        test, as far as the file has them) share one T, the seconds of the longest video; `lengths` are the rounded-up
        durations, and `audio_visual` (N, T, C) is False beyond them. A video without events is kept. The provenance holds "md5"
        by file, and what the reader met: "duplicate_events", "clipped_events", "empty_events", and "videos_without_events" by split.

    Raises:
        FileNotFoundError: there is no such file; says where it is published.
        ValueError: the file is malformed; names file, video and event.
    """
    root = Path(root)
    if longest is not None and longest < 1:
        raise ValueError(f"longest must be at least one second, not {longest}")
    path = _annotation_path(root)
    note_input(path)
    database = _read_database(path)
    categories = _harvest_categories(database, path.name)
    met: Counter[str] = Counter()
    lengths = {video: _seconds(video, entry, longest, path.name) for video, entry in database.items()}
    segments = max(lengths.values())
    members: dict[str, list[str]] = {split: [] for split in SUBSETS.values()}
    for video, entry in database.items():
        members[_subset(video, entry, path.name)].append(video)
    splits = {}
    for split, videos in members.items():
        if videos:
            events = {video: _events(video, database[video], categories, met, path.name) for video in videos}
            durations = {video: float(database[video]["duration"]) for video in videos}
            splits[split] = _split(split, events, durations, lengths, (segments, len(categories)))
    provenance = {
        "md5": {path.name: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()},
        **{f"{kind}_events": met[kind] for kind in ("duplicate", "clipped", "empty")},
        "videos_without_events": {name: int((~split.video_labels.any(1)).sum()) for name, split in splits.items()},
        **({} if longest is None else {"longest": longest}),
    }
    return Corpus(name, tuple(categories), splits, root, provenance)


def _split(
    name: str,
    events: dict[str, list[Event]],
    durations: dict[str, float],
    lengths: dict[str, int],
    shape: tuple[int, int],
) -> CorpusSplit:
    """The videos of `events` with their grids of `shape` (T, C), False beyond each one's length."""
    grid = np.zeros((len(events), *shape), np.bool_)
    for row, (video, happened) in enumerate(events.items()):
        inside = slice(lengths[video])
        for event in happened:
            grid[row, inside, event.label] |= event_segments(event.start, event.end, durations[video])[inside]
    return CorpusSplit(
        name=name,
        videos=tuple(events),
        keys=tuple(events),
        video_labels=grid.any(1),
        audio_visual=grid,
        lengths=np.array([lengths[video] for video in events]),
    )


def event_segments(start: float, end: float, duration: float) -> np.ndarray:
    """(ceil(duration),) bool: the segments that an event marks, by the rule stated at the top of this module.

    Args:
        start, end: seconds, 0 <= start < end <= duration.
        duration: of the video in seconds.
    """
    first = np.arange(max(1, math.ceil(duration)), dtype=np.float64)
    last = np.minimum(first + 1, duration)
    overlap = np.minimum(end, last) - np.maximum(start, first)  # negative where they do not meet
    marked = overlap >= COVERAGE * (last - first) - ROUNDING
    if not marked.any():
        marked[np.argmax(overlap)] = True
    return marked


def _annotation_path(root: Path) -> Path:
    for folder in (root / "annotations", root):
        if (folder / ANNOTATION_FILE).is_file():
            return folder / ANNOTATION_FILE
    raise FileNotFoundError(
        f"{root} has no {ANNOTATION_FILE}. UnAV-100's annotations are published in the repository ttgeng233/UnAV on GitHub, "
        f"folder data/; put the file into {root / 'annotations'} (data/README.md shows the layout)"
    )


def _read_database(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not valid JSON ({error}): get it again") from error
    database = content.get("database") if isinstance(content, dict) else None
    if not isinstance(database, dict) or not database:
        raise ValueError(f'{path.name} has no videos under "database": is it UnAV-100\'s annotation file?')
    for video, entry in database.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("annotations", []), list):
            raise ValueError(f"{path.name}, video {video}: must be an object with a list of annotations")
    return database


def _harvest_categories(database: Mapping[str, dict[str, Any]], source: str) -> dict[str, int]:
    """label -> class number 0 ... C - 1, in the order of the label ids; UnAV-100 has no list of its classes apart from this."""
    ids: dict[str, int] = {}
    for video, entry in database.items():
        for number, annotation in enumerate(entry.get("annotations", [])):
            where = f"{source}, video {video}, event {number}"
            label, label_id = _label(annotation, where), annotation.get("label_id")
            if not isinstance(label_id, int) or isinstance(label_id, bool):
                raise ValueError(f"{where}: label_id must be an integer, not {label_id!r}")
            if ids.setdefault(label, label_id) != label_id:
                raise ValueError(f"{where}: label {label!r} has the id {label_id} here and {ids[label]} before")
    labels = {}
    for label, label_id in ids.items():
        if label_id in labels:
            raise ValueError(f"{source}: the id {label_id} belongs to {labels[label_id]!r} and to {label!r}")
        labels[label_id] = label
    return {labels[label_id]: number for number, label_id in enumerate(sorted(labels))}


def _label(annotation: Any, where: str) -> str:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("label"), str):
        raise ValueError(f"{where}: must be an object with a label, a segment and a label_id, not {annotation!r}")
    label = " ".join(annotation["label"].split())
    if not label:
        raise ValueError(f"{where}: the label is empty")
    return label


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _seconds(video: str, entry: dict[str, Any], longest: int | None, source: str) -> int:
    duration = entry.get("duration")
    if not _is_number(duration) or duration <= 0:
        raise ValueError(f"{source}, video {video}: duration must be a positive number of seconds, not {duration!r}")
    seconds = max(1, math.ceil(duration))
    return seconds if longest is None else min(seconds, longest)


def _subset(video: str, entry: dict[str, Any], source: str) -> str:
    subset = str(entry.get("subset")).lower()
    if subset not in SUBSETS:
        raise ValueError(
            f"{source}, video {video}: unknown subset {entry.get('subset')!r}; it is one of {', '.join(SUBSETS)}"
        )
    return SUBSETS[subset]


def _events(
    video: str, entry: dict[str, Any], categories: dict[str, int], met: Counter[str], source: str
) -> list[Event]:
    """The events of one video, clipped to it, without duplicates; what happened on the way is counted in `met`."""
    events: list[Event] = []
    for number, annotation in enumerate(entry.get("annotations", [])):
        where = f"{source}, video {video}, event {number}"
        label = categories[_label(annotation, where)]
        start, end = _span(annotation.get("segment"), float(entry["duration"]), where, met)
        if start == end:
            met["empty"] += 1
        elif any(e.label == label and max(abs(e.start - start), abs(e.end - end)) <= SAME_EVENT for e in events):
            met["duplicate"] += 1
        else:
            events.append(Event(label, start, end))
    return events


def _span(segment: Any, duration: float, where: str, met: Counter[str]) -> tuple[float, float]:
    if not isinstance(segment, (list, tuple)) or len(segment) != 2 or not all(map(_is_number, segment)):
        raise ValueError(f"{where}: segment must be [start, end] in seconds, not {segment!r}")
    start, end = map(float, segment)
    if end < start:
        raise ValueError(f"{where}: it ends at {end:g} s, before it starts at {start:g} s")
    if start < -CLIPPED or end > duration + CLIPPED:
        raise ValueError(f"{where}: {start:g} to {end:g} s is outside of the video, which lasts {duration:g} s")
    if start < 0 or end > duration:
        met["clipped"] += 1
    return min(max(start, 0.0), duration), min(max(end, 0.0), duration)
