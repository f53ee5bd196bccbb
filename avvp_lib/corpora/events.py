"""Event tables and segment grids: the two ways to write down what is heard and seen when, and the way between them.

An event table is a DataFrame with one row per event: video, modality ("audio" or "visual"), category, onset and offset
in seconds, half-open. A grid is a bool array (N videos, T segments of one second, C categories) per modality.

grid -> events -> grid is the identity. events -> grid -> events merges duplicate, overlapping and touching rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

MODALITIES = ("audio", "visual")
EVENT_COLUMNS = ("video", "modality", "category", "onset", "offset")


class Runs(NamedTuple):
    """The maximal runs of ones in M rows, in row order and within a row in time order: three (R,) int64 arrays."""

    row: np.ndarray
    onset: np.ndarray
    offset: np.ndarray

    @property
    def length(self) -> np.ndarray:
        return self.offset - self.onset


def maximal_runs(rows: np.ndarray) -> Runs:
    """Find the maximal runs of ones along the last axis of an (M, T) bool array; offsets are exclusive."""
    number, segments = rows.shape
    # A zero before the first row and after each row makes the whole array one sequence whose changes alternate between
    # onset and offset, so that one pass finds all runs.
    padded = np.zeros(number * (segments + 1) + 1, dtype=np.bool_)
    padded[1:].reshape(number, segments + 1)[:, :segments] = rows
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    row, onset = np.divmod(changes[0::2], segments + 1)
    return Runs(row, onset, changes[1::2] - row * (segments + 1))


def grid_to_events(
    audio: np.ndarray, visual: np.ndarray, videos: Sequence[str], categories: Sequence[str]
) -> pd.DataFrame:
    """List the maximal runs of ones of both grids as events.

    Args:
        audio, visual: (N, T, C) bool.
        videos: N ids.
        categories: C names.

    Returns:
        A table with the columns of `EVENT_COLUMNS`, onset and offset in whole seconds (int64), ordered by video,
        modality, category and onset. A video without events has no row.

    Raises:
        ValueError: a grid is not bool, or its shape does not fit the videos and categories.
    """
    for modality, grid in zip(MODALITIES, (audio, visual), strict=True):
        shape = (len(videos), audio.shape[1] if audio.ndim == 3 else 0, len(categories))
        if grid.dtype != np.bool_ or grid.shape != shape:
            raise ValueError(f"the {modality} grid must be bool of shape {shape}, not {grid.dtype} of {grid.shape}")
    by_video = np.stack((audio, visual), axis=1).transpose(0, 1, 3, 2)  # (N, 2, C, T)
    runs = maximal_runs(by_video.reshape(-1, by_video.shape[3]))
    video, modality, category = np.unravel_index(runs.row, by_video.shape[:3])
    return pd.DataFrame(
        {
            "video": np.array(videos, dtype=object)[video],
            "modality": np.array(MODALITIES, dtype=object)[modality],
            "category": np.array(categories, dtype=object)[category],
            "onset": runs.onset,
            "offset": runs.offset,
        }
    )


def events_to_grid(
    events: pd.DataFrame,
    videos: Sequence[str],
    categories: Sequence[str],
    segments: int = 10,
    source: str = "event table",
) -> dict[str, np.ndarray]:
    """Set the segments that events cover; duplicate, overlapping and touching events merge.

    Fractional times are cut to whole seconds, as the published evaluation of LLP does: 0.9 to 3.2 covers the segments
    0, 1 and 2. An event that would cover nothing by this rule is refused, not lost.

    Args:
        events: columns video, modality, category, onset, offset; others are ignored. Rows are named in errors by the
            table's index and the index's name ("row" if it has none), so a reader can put line numbers there.
        videos: N ids.
        categories: C names.
        segments: T, seconds per video.
        source: what to call the table in errors, such as its file.

    Returns:
        {"audio": (N, T, C) bool, "visual": (N, T, C) bool}.

    Raises:
        ValueError: a column is missing; a video, modality or category is unknown or named twice; a time is not a number, lies outside
            0 ... T, or an offset is not after its onset. Names the source, the first such row and what is wrong.
    """
    check_columns(events, EVENT_COLUMNS, source)
    spans = checked_spans(events, segments, source)
    index = [
        _positions(events, column, known, source)
        for column, known in (("video", videos), ("modality", MODALITIES), ("category", categories))
    ]
    grid = np.zeros((2, len(videos), segments, len(categories)), dtype=np.bool_)
    lengths = (spans["offset"] - spans["onset"]).to_numpy()
    video, modality, category, onset = (np.repeat(a, lengths) for a in (*index, spans["onset"].to_numpy()))
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    grid[modality, video, onset + np.arange(lengths.sum()) - first, category] = True
    return dict(zip(MODALITIES, grid, strict=True))


def check_columns(table: pd.DataFrame, columns: Sequence[str], source: str) -> None:
    """Raise ValueError if a column is missing from the table that was read from `source`."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{source} has no column {', '.join(map(repr, missing))}; it has {', '.join(map(repr, table.columns))}"
        )


def checked_spans(
    events: pd.DataFrame, segments: int, source: str, may_be_empty: pd.Series | bool = False
) -> pd.DataFrame:
    """The columns onset and offset in whole seconds (int64), cut as `events_to_grid` says.

    Args:
        events, segments, source: as for `events_to_grid`.
        may_be_empty: for each row or for all, whether an offset that does not come after its onset is let through.

    Raises:
        ValueError: a time is not a finite number or lies outside 0 ... `segments`, or an event that may not be empty
            covers no whole second; names source and row.
    """
    spans = {}
    for column in ("onset", "offset"):
        seconds = pd.to_numeric(events[column], errors="coerce").astype(np.float64)
        refuse_rows(~np.isfinite(seconds), events, column, source, "is not a number of seconds")
        outside = (seconds < 0) | (seconds > segments)
        refuse_rows(outside, events, column, source, f"lies outside the video (0 to {segments} seconds)")
        spans[column] = seconds.astype(np.int64)
    empty = (spans["offset"] <= spans["onset"]) & np.logical_not(may_be_empty)
    why = "does not come after its onset: the event covers no whole second"
    refuse_rows(empty, events, "offset", source, why)
    return pd.DataFrame(spans, index=events.index)


def refuse_rows(wrong: pd.Series, table: pd.DataFrame, column: str, source: str, why: str) -> None:
    """Raise ValueError for the first row where `wrong` is true, naming source, row, column, value and reason."""
    positions = np.flatnonzero(wrong)
    if len(positions):
        row = table.index[positions[0]]
        more = f" ({len(positions) - 1} more such rows)" if len(positions) > 1 else ""
        value = table[column].iloc[positions[0]]
        raise ValueError(f"{source}, {table.index.name or 'row'} {row}: {column} {value!r} {why}{more}")


def _positions(events: pd.DataFrame, column: str, known: Sequence[str], source: str) -> np.ndarray:
    index = pd.Index(known)
    if not index.is_unique:
        raise ValueError(f"each {column} must be named once; {index[index.duplicated()][0]!r} is repeated")
    positions = index.get_indexer(events[column])
    examples = ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")
    refuse_rows(pd.Series(positions < 0), events, column, source, f"is not a known {column} ({examples})")
    return positions
