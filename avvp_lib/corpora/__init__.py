"""Corpora: annotations read into one set of types, whatever their format on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from avvp_lib.corpora.avsbench import AVSCorpus, load_avsbench
from avvp_lib.corpora.corpus import Corpus, CorpusSplit
from avvp_lib.corpora.llp import load_llp
from avvp_lib.corpora.unav import load_unav
from avvp_lib.workspace import workspace

__all__ = ["CORPORA", "AVSCorpus", "Corpus", "CorpusSplit", "load_corpus", "register_corpus"]

Reader = Callable[[Path], Any]  # to a Corpus; of segmentation corpora to an AVSCorpus


def _read_synthetic(root: Path) -> Corpus:
    from avvp_lib.corpora.synthetic import load_synthetic_llp  # the renderer pulls in media libraries

    return load_synthetic_llp(root)


def _read_synthetic_unav(root: Path) -> Corpus:
    from avvp_lib.corpora.synthetic.unav import load_synthetic_unav

    return load_synthetic_unav(root)


def _read_synthetic_avs(setting: str, root: Path) -> AVSCorpus:
    from avvp_lib.corpora.synthetic.avs import load_synthetic_avs

    return load_synthetic_avs(root, setting)


CORPORA: dict[str, tuple[Reader, str]] = {
    "llp": (load_llp, "data/llp"),
    "synthetic-llp": (_read_synthetic, "data/synthetic-llp/tutorial-studio-0"),
    "unav100": (load_unav, "data/unav100"),
    "synthetic-unav": (_read_synthetic_unav, "data/synthetic-unav/tutorial-studio-0"),
    "avsbench-s4": (partial(load_avsbench, setting="s4"), "data/avsbench/Single-source"),
    "avsbench-ms3": (partial(load_avsbench, setting="ms3"), "data/avsbench/Multi-sources"),
    "avss": (partial(load_avsbench, setting="avss"), "data/avsbench/AVSBench-semantic"),
    "synthetic-avs-s4": (partial(_read_synthetic_avs, "s4"), "data/synthetic-avs/s4-tutorial-studio-0"),
    "synthetic-avs-ms3": (partial(_read_synthetic_avs, "ms3"), "data/synthetic-avs/ms3-tutorial-studio-0"),
    "synthetic-avs-avss": (partial(_read_synthetic_avs, "avss"), "data/synthetic-avs/avss-tutorial-studio-0"),
}
"""The names `load_corpus` knows: who reads a corpus folder, and where that folder is unless someone says otherwise."""


def register_corpus(name: str, reader: Reader, folder: str) -> None:
    """Let `load_corpus` know a corpus of your own by a name.

    Args:
        name: not taken by another corpus.
        reader: from the corpus folder to a `Corpus`; its provenance should hold whatever tells one version of the annotations from another.
        folder: where the corpus is by default, relative to the workspace.

    Raises:
        ValueError: the name belongs to another reader.
    """
    known = CORPORA.get(name)
    if known is not None and _home(known[0]) != _home(reader):
        raise ValueError(f"there is a corpus {name!r} already, read by {_home(known[0])}: choose another name")
    CORPORA[name] = (reader, folder)


def _home(reader: Reader) -> str:
    reader = reader.func if isinstance(reader, partial) else reader
    return f"{reader.__module__}.{reader.__qualname__}"


def load_corpus(name: str, root: str | Path | None = None) -> Any:
    """Read the annotations of a corpus by name.

    Args:
        name: "llp", "synthetic-llp", "unav100", "synthetic-unav", or what was registered; for segmentation "avsbench-s4",
            "avsbench-ms3", "avss", "synthetic-avs-s4", "synthetic-avs-ms3" and "synthetic-avs-avss".
        root: the corpus folder; by default where data/README.md says to put it.

    Returns:
        A `Corpus`; of a segmentation corpus an `AVSCorpus`.

    Raises:
        ValueError: unknown name.
        FileNotFoundError: the annotations are not there; says which file and where to get it.
    """
    if name not in CORPORA:
        raise ValueError(f"unknown corpus {name!r}: choose one of {', '.join(CORPORA)}")
    reader, folder = CORPORA[name]
    return reader(workspace() / folder if root is None else Path(root))
