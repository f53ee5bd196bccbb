"""synthetic-avs: segmentation corpora in AVSBench's layouts that render themselves, and who sounds and who does not at every pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from avvp_lib.corpora.avsbench import AVSCorpus, AVSSplit, load_avsbench
from avvp_lib.corpora.synthetic.avs.clips import RenderedClip, clip_scene, render_avs_clip
from avvp_lib.corpora.synthetic.avs.content import AVS_CATEGORIES, AVS_CLASSES, ROLES, SIZES, AVSSettings
from avvp_lib.corpora.synthetic.avs.picture import frame_times, paint
from avvp_lib.corpora.synthetic.avs.writer import read_avs_card, render_avs, truth_file
from avvp_lib.records import note_input
from avvp_lib.workspace import workspace

__all__ = [
    "AVS_CATEGORIES",
    "AVS_CLASSES",
    "ROLES",
    "SIZES",
    "AVSSettings",
    "RenderedClip",
    "clip_scene",
    "default_avs_root",
    "frame_times",
    "load_synthetic_avs",
    "paint",
    "render_avs",
    "render_avs_clip",
    "truth_file",
]


def default_avs_root(settings: AVSSettings) -> Path:
    """Where a synthetic AVS corpus lives unless someone says otherwise: data/synthetic-avs/<setting>-<size>-<domain>-<seed>."""
    name = f"{settings.setting}-{settings.size}-{settings.domain}-{settings.seed}"
    return workspace() / "data" / "synthetic-avs" / name


def load_synthetic_avs(root: str | Path, setting: str) -> AVSCorpus:
    """Read a rendered corpus through the reader of the real AVSBench. Its clips know where their truth is; no reader opens it unasked.

    Raises:
        FileNotFoundError: nothing was rendered at `root`, or the rendering was interrupted; says how to go on.
        ValueError: it is a rendered corpus of another kind, or its files are not as they should be.
    """
    root = Path(root)
    card = read_avs_card(root, setting)
    note_input(root / "corpus.json")
    corpus = load_avsbench(root, setting, f"{card['name']}/{root.name}")
    splits = {name: _with_truth(split, root) for name, split in corpus.splits.items()}
    return replace(corpus, splits=splits, provenance={**corpus.provenance, **card})


def _with_truth(split: AVSSplit, root: Path) -> AVSSplit:
    return replace(split, clips=tuple(replace(clip, truth=truth_file(root, clip.id)) for clip in split.clips))
