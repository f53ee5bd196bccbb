"""When and how often things happen: the event statistics of LLP that the renderer draws its videos from.

The numbers were counted once from the official annotations (weak labels of the 10,000 training videos, dense labels of the
649 validation videos) and are shipped in `llp_statistics.json`; the annotation files themselves are not.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from avvp_lib.corpora.corpus import Corpus
from avvp_lib.corpora.events import maximal_runs
from avvp_lib.provenance import atomic_path

STATISTICS_FILE = Path(__file__).with_name("llp_statistics.json")


@dataclass(frozen=True)
class EventStatistics:
    """Counts that describe a corpus of ten-segment videos with C categories.

    Attributes:
        categories: the C names, in order.
        category_videos: (C,) training videos whose weak label holds the category.
        category_pairs: (C, C) training videos whose weak label holds both; the diagonal is zero.
        categories_per_video: entry k counts validation videos with k categories in their dense labels.
        modality_videos: (C, 3) validation videos where the category is audible and visible, only audible, only visible.
        spans_whole_video: (C, 2) validation videos where it is audible (visible) in all segments.
        same_segments: of the (video, category) pairs that are both audible and visible, the share with identical segments.
        runs_per_event: two lists; entry n of each counts (video, category) pairs with n runs, whole-video events excluded.
        run_lengths: two lists; entry s of each counts runs of s segments, whole-video events excluded.
    """

    categories: list[str]
    category_videos: list[int]
    category_pairs: list[list[int]]
    categories_per_video: list[int]
    modality_videos: list[list[int]]
    spans_whole_video: list[list[int]]
    same_segments: float
    runs_per_event: list[list[int]]
    run_lengths: list[list[int]]


def measure_statistics(corpus: Corpus) -> EventStatistics:
    """Count a corpus in the LLP layout: weak labels from its train split, everything else from its dense val split."""
    weak = corpus.splits["train"].video_labels.astype(int)  # (N, C)
    pairs = weak.T @ weak
    np.fill_diagonal(pairs, 0)
    audio, visual = corpus.splits["val"].audio, corpus.splits["val"].visual  # (N, T, C)
    audible, visible = audio.any(1), visual.any(1)  # (N, C)
    both = audible & visible
    runs = [_count_runs(grid) for grid in (audio, visual)]
    return EventStatistics(
        categories=list(corpus.categories),
        category_videos=weak.sum(0).tolist(),
        category_pairs=pairs.tolist(),
        categories_per_video=np.bincount((audible | visible).sum(1)).tolist(),
        modality_videos=np.stack([both.sum(0), (audible & ~visible).sum(0), (visible & ~audible).sum(0)], 1).tolist(),
        spans_whole_video=np.stack([audio.all(1).sum(0), visual.all(1).sum(0)], 1).tolist(),
        same_segments=round(float(((audio == visual).all(1) & both).sum() / both.sum()), 4),
        runs_per_event=[counts[0] for counts in runs],
        run_lengths=[counts[1] for counts in runs],
    )


def _count_runs(grid: np.ndarray) -> tuple[list[int], list[int]]:
    """Histograms of runs per (video, category) row and of run lengths, over rows that are neither empty nor full."""
    rows = grid.transpose(0, 2, 1).reshape(-1, grid.shape[1])  # (N * C, T)
    runs = maximal_runs(rows[rows.any(1) & ~rows.all(1)])
    runs_per_row = np.bincount(runs.row)  # without empty rows, every row has one
    return np.bincount(runs_per_row).tolist(), np.bincount(runs.length).tolist()


def write_statistics(statistics: EventStatistics, path: Path = STATISTICS_FILE) -> None:
    """Write the counts as JSON, one field a line."""
    fields = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in asdict(statistics).items()]
    with atomic_path(path) as temporary:
        temporary.write_text("{\n" + ",\n".join(fields) + "\n}\n", encoding="utf-8")


@cache
def llp_statistics() -> EventStatistics:
    """The shipped counts of LLP."""
    return EventStatistics(**json.loads(STATISTICS_FILE.read_text(encoding="utf-8")))
