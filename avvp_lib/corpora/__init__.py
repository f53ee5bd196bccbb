"""Corpora: annotations read into one set of types, whatever their format on disk."""

from __future__ import annotations

from pathlib import Path

from avvp_lib.corpora.corpus import Corpus, CorpusSplit
from avvp_lib.corpora.llp import load_llp
from avvp_lib.workspace import workspace

__all__ = ["Corpus", "CorpusSplit", "load_corpus"]

CORPORA = ("llp", "synthetic-llp")


def load_corpus(name: str, root: str | Path | None = None) -> Corpus:
    """Read the annotations of a corpus by name.

    Args:
        name: "llp" or "synthetic-llp".
        root: the corpus folder; by default where data/README.md says to put it.

    Raises:
        ValueError: unknown name.
        FileNotFoundError: the annotations are not there; says which file and where to get it.
    """
    if name == "llp":
        return load_llp(workspace() / "data" / "llp" if root is None else root)
    if name == "synthetic-llp":
        from avvp_lib.corpora.synthetic import load_synthetic_llp  # the renderer pulls in media libraries

        return load_synthetic_llp(None if root is None else Path(root))
    raise ValueError(f"unknown corpus {name!r}: choose one of {', '.join(CORPORA)}")
