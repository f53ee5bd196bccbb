"""Corpora that render themselves: real media in the official layouts, with a truth that real corpora do not have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from avvp_lib.corpora.corpus import Corpus
from avvp_lib.corpora.llp import read_dense_grid, read_llp_layout
from avvp_lib.corpora.synthetic.content import SIZES, CorpusSettings, render_video
from avvp_lib.corpora.synthetic.rendering import read_card
from avvp_lib.corpora.synthetic.sprites import DOMAINS
from avvp_lib.corpora.synthetic.writer import render_corpus
from avvp_lib.records import note_input
from avvp_lib.workspace import workspace

__all__ = [
    "DOMAINS",
    "SIZES",
    "CorpusSettings",
    "default_root",
    "load_synthetic_llp",
    "render_corpus",
    "render_video",
    "true_grids",
]


def default_root(settings: CorpusSettings) -> Path:
    """Where a synthetic corpus lives unless someone says otherwise: data/synthetic-llp/<size>-<domain>-<seed>."""
    return workspace() / "data" / "synthetic-llp" / f"{settings.size}-{settings.domain}-{settings.seed}"


def load_synthetic_llp(root: Path | None = None) -> Corpus:
    """Read a rendered corpus through the reader of the real LLP. Its train split is weakly labelled, as LLP's is.

    Raises:
        FileNotFoundError: nothing was rendered at `root`, or the rendering was interrupted; says how to go on.
    """
    root = Path(root) if root is not None else default_root(CorpusSettings())
    card = read_card(root, lambda card: CorpusSettings(card["seed"], card["size"], card["domain"]), "avvp render")
    note_input(root / "corpus.json")
    corpus = read_llp_layout(root, name=f"synthetic-llp/{root.name}")
    return replace(corpus, provenance={**corpus.provenance, **card})


def true_grids(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """The dense truth of a synthetic corpus' training videos, (N, T, C) bool audio and visual. Real corpora have none.

    It is not part of the train split, so that nothing reads it by accident.
    """
    folder = corpus.root / "truth"
    if not folder.is_dir():
        raise FileNotFoundError(f"{corpus.name} has no dense labels for its training videos: only synthetic corpora do")
    videos = corpus.splits["train"].videos
    return tuple(read_dense_grid(folder / f"AVVP_train_{modality}.csv", videos) for modality in ("audio", "visual"))
