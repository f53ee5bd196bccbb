"""A corpus of one's own: a folder videos/, a table of videos, and a table of events for those that somebody has annotated.

videos.csv   video, split (train, val or test), labels (categories joined by semicolons)
events.csv   video, modality, category, onset, offset
"""

from pathlib import Path

import pandas as pd

from avvp_lib.corpora import Corpus, CorpusSplit, register_corpus
from avvp_lib.corpora.events import events_to_grid
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.provenance import file_digest
from avvp_lib.records import note_input


def read_home_videos(root: Path) -> Corpus:
    """Read root/videos.csv and root/events.csv; train videos keep their weak labels only."""
    tables = [root / "videos.csv", root / "events.csv"]
    for path in tables:
        note_input(path)  # so that a changed annotation makes results stale
    videos, events = (pd.read_csv(path) for path in tables)
    splits = {}
    for split, part in videos.groupby("split"):
        keys = tuple(part["video"])
        weak = part["labels"].str.get_dummies(";").reindex(columns=LLP_CATEGORIES, fill_value=0).to_numpy(bool)
        mine = events[events["video"].isin(keys)]
        dense = {} if split == "train" else events_to_grid(mine, keys, LLP_CATEGORIES, source="events.csv")
        splits[split] = CorpusSplit(split, keys, keys, weak, **dense)
    digests = {path.name: file_digest(path) for path in tables}
    return Corpus("home-videos", LLP_CATEGORIES, splits, root, digests)


register_corpus("home-videos", read_home_videos, "data/home-videos")
