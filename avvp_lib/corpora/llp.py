"""Read LLP (Look, Listen, and Parse; Tian, Li and Xu, ECCV 2020), and any corpus written in its layout.

Weak labels of 11,849 ten-second videos, dense audio and visual labels of the 1,849 in the validation and test split.
The files have their accidents, and published scores were computed with them, so they are kept and counted:

- dense rows are joined by the full file name. Some match no video (typing errors); they are dropped. Joined by the
  11-character id instead, one of them would add an event to another video;
- six events of no duration cover nothing, and are not mended. Any other such event is refused;
- labels and rows that occur twice count once;
- the audio labels exist in two versions, which score differently. `load_llp` says which one it read.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avvp_lib.corpora.corpus import Corpus, CorpusSplit
from avvp_lib.corpora.events import MODALITIES, check_columns, checked_spans, events_to_grid, refuse_rows
from avvp_lib.records import note_input

LLP_CATEGORIES: tuple[str, ...] = (
    "Speech",
    "Car",
    "Cheering",
    "Dog",
    "Cat",
    "Frying_(food)",
    "Basketball_bounce",
    "Fire_alarm",
    "Chainsaw",
    "Cello",
    "Banjo",
    "Singing",
    "Chicken_rooster",
    "Violin_fiddle",
    "Vacuum_cleaner",
    "Baby_laughter",
    "Accordion",
    "Lawn_mower",
    "Motorcycle",
    "Helicopter",
    "Acoustic_guitar",
    "Telephone_bell_ringing",
    "Baby_cry_infant_cry",
    "Blender",
    "Clapping",
)
SEGMENTS = 10
KEY_LENGTH = 11

WEAK_FILES = {"train": "AVVP_train.csv", "val": "AVVP_val_pd.csv", "test": "AVVP_test_pd.csv"}
DENSE_FILES = {"audio": "AVVP_eval_audio.csv", "visual": "AVVP_eval_visual.csv"}
OPTIONAL_FILES = ("AVVP_dataset_full.csv",)  # train, val and test in one; kept for its hash only
WEAK_COLUMNS = ("filename", "event_labels")
DENSE_COLUMNS = ("filename", "onset", "offset", "event_labels")

# Two rows of one test video and one row of another had a wrong file name until HAN's authors mended them in April 2024.
AUDIO_VERSIONS = {
    "98d8ce2369078d43aa1df26d3ef2894c": "fixed-2024",
    "a8b6b747e59a4ea2501e51cd717f3b4f": "original",
}

# The only events of no duration that are let through: those of the published AVVP_eval_audio.csv.
PUBLISHED_EMPTY_EVENTS = frozenset(
    {
        ("CaC2xvdLC34_250_260", "9", "9", "Speech"),
        ("CSWQ_HzQ_10_20", "9", "9", "Basketball_bounce"),
        ("Gg3pK71kApY_30_40", "10", "10", "Speech"),
        ("H5WcJwyjxIg_2_12", "0", "0", "Baby_cry_infant_cry"),
        ("Baue01N86wE_10_20", "1", "1", "Dog"),
        ("8DF2PxdT5tE_390_400", "9", "0", "Cheering"),
    }
)


def load_llp(root: str | Path) -> Corpus:
    """Read the official LLP annotations from root/annotations/ or root/.

    Returns:
        A corpus with the splits train (10,000 videos, weak labels only), val (649) and test (1,200). Its provenance is
        that of `read_llp_layout`, with "audio_version" ("fixed-2024", "original", or "unknown" for any other file).

    Raises:
        FileNotFoundError, ValueError: as `read_llp_layout`.
    """
    corpus = read_llp_layout(root, "llp")
    version = AUDIO_VERSIONS.get(corpus.provenance["md5"][DENSE_FILES["audio"]], "unknown")
    return replace(corpus, provenance={**corpus.provenance, "audio_version": version})


def read_llp_layout(root: str | Path, name: str) -> Corpus:
    """Read a corpus that is written as LLP is: its five CSV files, its categories, its ten segments.

    Args:
        root: folder with the files in annotations/ or directly, and the media in videos/.
        name: of the corpus.

    Returns:
        The corpus. Its provenance holds "md5" (by file), and what the reader met: "orphan_rows" (dense rows that match
        no video of val or test), "empty_events" and "duplicate_rows" by modality, "duplicate_labels" by split.

    Raises:
        FileNotFoundError: a file is missing; says which and where LLP's are published.
        ValueError: a file is malformed; names file and line.
    """
    root = Path(root)
    paths = _annotation_paths(root)
    for path in paths.values():
        note_input(path)
    weak = {split: read_weak_table(paths[file]) for split, file in WEAK_FILES.items()}
    dense = {modality: read_dense_table(paths[file]) for modality, file in DENSE_FILES.items()}
    splits = {split: _split(split, table, dense) for split, table in weak.items()}
    labelled = [video for split in ("val", "test") for video in splits[split].videos]
    provenance: dict[str, Any] = {
        "md5": {
            file: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for file, path in paths.items()
        },
        "orphan_rows": {modality: int((~table["filename"].isin(labelled)).sum()) for modality, table in dense.items()},
        "empty_events": {modality: int(_published_empty(table).sum()) for modality, table in dense.items()},
        "duplicate_rows": {modality: int(table.duplicated().sum()) for modality, table in dense.items()},
        "duplicate_labels": {
            split: int(table["event_labels"].str.count(",").sum() + len(table) - splits[split].video_labels.sum())
            for split, table in weak.items()
        },
    }
    return Corpus(name, LLP_CATEGORIES, splits, root, provenance)


def read_weak_table(path: Path) -> pd.DataFrame:
    """Read and check a file of weak labels: columns filename and event_labels (names joined by commas), by line.

    Raises:
        ValueError: a column is missing, a file name is not <11 characters>_<start>_<end> or occurs twice.
    """
    table = _read_table(path, WEAK_COLUMNS)
    malformed = ~table["filename"].str.fullmatch(rf".{{{KEY_LENGTH}}}_[\d.]+_[\d.]+")
    refuse_rows(malformed, table, "filename", path.name, f"is not <{KEY_LENGTH} characters>_<start>_<end>")
    refuse_rows(table["filename"].duplicated(), table, "filename", path.name, "occurs twice")
    return table


def read_dense_table(path: Path) -> pd.DataFrame:
    """Read and check a file of dense labels: columns filename, onset, offset, event_labels (one name), text, by line.

    The table is as published: rows that match no video and the published events of no duration are still in it.

    Raises:
        ValueError: a column is missing; a label is unknown; a time is not a number, lies outside the ten seconds, or an
            offset is not after its onset.
    """
    table = _read_table(path, DENSE_COLUMNS)
    unknown = ~table["event_labels"].isin(LLP_CATEGORIES)
    refuse_rows(unknown, table, "event_labels", path.name, "is not a category of LLP")
    checked_spans(table, SEGMENTS, path.name, may_be_empty=_published_empty(table))
    return table


def read_dense_grid(path: Path, videos: Sequence[str]) -> np.ndarray:
    """Read a file of dense labels into a grid for `videos`, (N, T, C) bool; rows of other videos are left out.

    Raises:
        ValueError: as `read_dense_table`.
    """
    return _grid(read_dense_table(path), videos, path.name)


def _grid(dense: pd.DataFrame, videos: Sequence[str], source: str) -> np.ndarray:
    wanted = dense["filename"].isin(videos) & ~_published_empty(dense)
    events = dense[wanted].rename(columns={"filename": "video", "event_labels": "category"})
    modality = MODALITIES[0]  # either will do: a file holds one modality, and the caller knows which
    return events_to_grid(events.assign(modality=modality), videos, LLP_CATEGORIES, SEGMENTS, source)[modality]


def _split(name: str, weak: pd.DataFrame, dense: dict[str, pd.DataFrame]) -> CorpusSplit:
    videos = tuple(weak["filename"])
    grids = {}
    if name != "train":
        grids = {m: _grid(table, videos, DENSE_FILES[m]) for m, table in dense.items()}
    return CorpusSplit(
        name=name,
        videos=videos,
        keys=tuple(video[:KEY_LENGTH] for video in videos),
        video_labels=_video_labels(weak, WEAK_FILES[name]),
        **grids,
    )


def _video_labels(weak: pd.DataFrame, source: str) -> np.ndarray:
    """The weak labels as (N, C) bool."""
    labels = weak["event_labels"].str.split(",").explode().to_frame()
    category = pd.Index(LLP_CATEGORIES).get_indexer(labels["event_labels"])
    refuse_rows(pd.Series(category < 0), labels, "event_labels", source, "is not a category of LLP")
    video_labels = np.zeros((len(weak), len(LLP_CATEGORIES)), dtype=np.bool_)
    video_labels[weak.index.get_indexer(labels.index), category] = True
    return video_labels


def _published_empty(dense: pd.DataFrame) -> pd.Series:
    rows = zip(*(dense[column] for column in DENSE_COLUMNS), strict=True)
    return pd.Series([row in PUBLISHED_EMPTY_EVENTS for row in rows], index=dense.index, dtype=bool)


def _annotation_paths(root: Path) -> dict[str, Path]:
    folder = root / "annotations" if (root / "annotations").is_dir() else root
    needed = [*WEAK_FILES.values(), *DENSE_FILES.values()]
    missing = [file for file in needed if not (folder / file).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{folder} has no {', '.join(missing)}. LLP's annotations are published in the repository "
            f"YapengTian/AVVP-ECCV20 on GitHub, folder data/; put its CSV files into {root / 'annotations'}"
        )
    return {file: folder / file for file in (*needed, *OPTIONAL_FILES) if (folder / file).is_file()}


def _read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a tab-separated file as text; the index is the line in the file, so that errors can name it."""
    try:
        table = pd.read_csv(
            path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE, skip_blank_lines=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a table of tab-separated text: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus fields for an index
        raise ValueError(f"{path.name}: its rows have more fields than its header line has names")
    check_columns(table, columns, path.name)
    table.index = pd.RangeIndex(2, len(table) + 2, name="line")
    for column in columns:
        refuse_rows(table[column].isna() | (table[column] == ""), table, column, path.name, "is empty")
    return table
