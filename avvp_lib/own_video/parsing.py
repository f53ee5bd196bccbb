"""Parse one video: windows in, events out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

import avvp_lib
from avvp_lib.corpora.events import MODALITIES
from avvp_lib.own_video.parsers import Parser
from avvp_lib.own_video.reading import Missing, VideoWindows
from avvp_lib.own_video.windows import (
    SEGMENTS,
    THRESHOLD,
    decide,
    gate_values,
    merge_predictions,
    runs_with_means,
    segments_of,
)

DEFAULT_HOP = 5
PROBABILITY = "mean_probability"
COLUMNS = ("video", "modality", "category", "onset", "offset", PROBABILITY)


@dataclass(frozen=True, eq=False)
class ParsedVideo:
    """What a parser says about a video.

    Attributes:
        path: of the video.
        start, end: seconds of the video that were parsed; `end` is where they really end.
        categories: C names.
        segment_prob: (S, 2, C) float64, merged over windows; segment t is [start + t, start + t + 1).
        gate_prob: (S, 2, C) float64, likewise.
        missing: modalities that the file does not have; no event of theirs is reported.
        notes: what was filled or cut, in words.
        provenance: what made this: version, model, weights, gates, windows.
    """

    path: Path
    start: float
    end: float
    categories: tuple[str, ...]
    segment_prob: np.ndarray
    gate_prob: np.ndarray
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def grids(self) -> tuple[np.ndarray, np.ndarray]:
        """Audio and visual decisions, each (S, C) bool."""
        grids = decide(self.segment_prob, self.gate_prob)
        return tuple(grid & (modality not in self.missing) for modality, grid in zip(MODALITIES, grids, strict=True))

    @property
    def events(self) -> pd.DataFrame:
        """One row an event, in the columns of `COLUMNS`; onset and offset in seconds of the video, by onset."""
        rows = [
            (
                self.path.stem,
                modality,
                self.categories[category],
                self.start + first,
                min(self.start + last, self.end),
                probability,
            )
            for index, (modality, grid) in enumerate(zip(MODALITIES, self.grids, strict=True))
            for category, first, last, probability in runs_with_means(grid, self.segment_prob[:, index])
        ]
        table = pd.DataFrame(rows, columns=COLUMNS)
        table[["onset", "offset", PROBABILITY]] = table[["onset", "offset", PROBABILITY]].astype(float)
        return table.sort_values(["onset", "modality", "category"], ignore_index=True)


def parse_video(
    path: str | os.PathLike,
    parser: Parser,
    hop: int = DEFAULT_HOP,
    start: float = 0.0,
    end: float | None = None,
    on_missing: Missing = "error",
    progress: bool = True,
) -> ParsedVideo:
    """Parse a video of any length; `windows` states how windows are laid and merged.

    Args:
        path: any container and codec that FFmpeg reads.
        parser: see `parsers`.
        hop: seconds from one window to the next, 1 to 10: 10 is the quickest, 5 covers every second but the first and last five twice.
        start, end: seconds of the video; to its end by default.
        on_missing: "error" refuses a file without picture or sound, or one that is damaged on the way; "fill" parses it with silence, black
            frames or what could be decoded, notes it, and reports no event of a modality that is not there.
        progress: show a bar.

    Raises:
        MediaError, ValueError: see `VideoWindows`.
    """
    windows = VideoWindows(path, parser.reading, hop, start, end, on_missing)
    starts, outputs = [], []
    seconds = min(windows.declared or float("inf"), end or float("inf")) - start
    expected = None if np.isinf(seconds) else 1 + max(0, -(-(segments_of(seconds) - SEGMENTS) // hop))
    for window in tqdm(windows, "parse", expected, unit="window", disable=not progress):
        starts.append(window.start)
        outputs.append(parser(window))
    segments = segments_of(windows.seconds)
    segment_prob, video_prob, modality_prob = (np.stack(arrays) for arrays in zip(*outputs, strict=True))
    merged = merge_predictions(segment_prob, gate_values(parser.gates, video_prob, modality_prob), starts, segments)
    notes = list(windows.notes)
    if segments < SEGMENTS:
        notes.append(
            f"shorter than the {SEGMENTS} s that the model reads: filled up with silence and the last frame, of which nothing is reported"
        )
    return ParsedVideo(
        Path(path),
        windows.start,
        windows.start + windows.seconds,
        parser.categories,
        *merged,
        windows.missing,
        tuple(notes),
        {"avvp": avvp_lib.__version__, **parser.about, **window_rule(hop, len(starts))},
    )


def window_rule(hop: int, windows: int) -> dict[str, Any]:
    """How windows are laid and merged, for records."""
    return {
        "windows": {"number": windows, "seconds": SEGMENTS, "hop": hop},
        "merge": "mean of the segment probabilities, and of the gates' probabilities, over the windows that cover a segment; "
        f"an event is where both are at least {THRESHOLD}",
    }
