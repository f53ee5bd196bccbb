"""synthetic-unav: a dense audio-visual localisation corpus that renders itself, and the uni-modal truth that UnAV-100 does not have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from avvp_lib.corpora.corpus import Corpus
from avvp_lib.corpora.events import events_to_grid
from avvp_lib.corpora.synthetic.rendering import read_card
from avvp_lib.corpora.synthetic.unav.content import (
    LLP_CATEGORY_OF,
    SIZES,
    UNAV_CATEGORIES,
    UnavSettings,
    drawn_as,
    render_unav_video,
)
from avvp_lib.corpora.synthetic.unav.writer import MODALITIES, render_unav, truth_file
from avvp_lib.corpora.unav import read_unav_layout
from avvp_lib.records import note_input
from avvp_lib.workspace import workspace

__all__ = [
    "LLP_CATEGORY_OF",
    "SIZES",
    "UNAV_CATEGORIES",
    "UnavSettings",
    "default_unav_root",
    "drawn_as",
    "load_synthetic_unav",
    "render_unav",
    "render_unav_video",
    "true_unav_grids",
]


def default_unav_root(settings: UnavSettings) -> Path:
    """Where a synthetic UnAV corpus lives unless someone says otherwise: data/synthetic-unav/<size>-<domain>-<seed>."""
    return workspace() / "data" / "synthetic-unav" / f"{settings.size}-{settings.domain}-{settings.seed}"


def load_synthetic_unav(root: Path | None = None) -> Corpus:
    """Read a rendered corpus through the reader of the real UnAV-100.

    Raises:
        FileNotFoundError: nothing was rendered at `root`, or the rendering was interrupted; says how to go on.
    """
    root = Path(root) if root is not None else default_unav_root(UnavSettings())
    command = "avvp render --corpus synthetic-unav"
    card = read_card(root, lambda card: UnavSettings(card["seed"], card["size"], card["domain"]), command)
    note_input(root / "corpus.json")
    corpus = read_unav_layout(root, name=f"synthetic-unav/{root.name}")
    if corpus.categories != UNAV_CATEGORIES:  # a small corpus need not have an event of every class
        corpus = _with_all_categories(corpus)
    return replace(corpus, provenance={**corpus.provenance, **card})


def _with_all_categories(corpus: Corpus) -> Corpus:
    columns = [UNAV_CATEGORIES.index(category) for category in corpus.categories]
    splits = {}
    for name, split in corpus.splits.items():
        grid = np.zeros((*split.audio_visual.shape[:2], len(UNAV_CATEGORIES)), np.bool_)
        grid[..., columns] = split.audio_visual
        splits[name] = replace(split, video_labels=grid.any(1), audio_visual=grid)
    return replace(corpus, categories=UNAV_CATEGORIES, splits=splits)


def true_unav_grids(corpus: Corpus, split: str) -> tuple[np.ndarray, np.ndarray]:
    """What is heard and what is seen in each second of a split's videos, (N, T, C) bool audio and visual. Real corpora have none.

    A second counts if any part of it holds the event, as in LLP, so what the two share is a little more than the annotations,
    whose ends are rounded. Videos that the split no longer has are left out.
    """
    table_files = [truth_file(corpus.root, split, modality) for modality in MODALITIES]
    if not all(path.is_file() for path in table_files):
        raise FileNotFoundError(f"{corpus.name} has no uni-modal truth for {split!r}: only synthetic corpora do")
    part = corpus.splits[split]
    return tuple(_read_truth(path, part.videos, part.audio_visual.shape[1]) for path in table_files)


def _read_truth(path: Path, videos: tuple[str, ...], segments: int) -> np.ndarray:
    table = pd.read_csv(path, sep="\t").rename(columns={"filename": "video", "event_labels": "category"})
    table = table[table["video"].isin(videos)].assign(modality=MODALITIES[0])
    return events_to_grid(table, videos, UNAV_CATEGORIES, segments, path.name)[MODALITIES[0]]
