"""Write a synthetic corpus to disk in LLP's own layout: videos/ and the tab-separated annotation files.

root/corpus.json                       how the corpus was made
root/videos/<key>.mp4                  ten seconds each
root/annotations/AVVP_*.csv            what LLP publishes: weak labels everywhere, dense labels for val and test only
root/truth/AVVP_train_{audio,visual}.csv   what only a simulator knows: the dense labels of the training videos
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avvp_lib.corpora.events import grid_to_events
from avvp_lib.corpora.llp import DENSE_FILES, LLP_CATEGORIES, WEAK_FILES
from avvp_lib.corpora.synthetic.content import SIZES, SPLITS, CorpusSettings, render_video
from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.corpora.synthetic.picture import FRAMES_PER_SECOND
from avvp_lib.corpora.synthetic.plan import VideoPlan
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE
from avvp_lib.corpora.synthetic.statistics import llp_statistics
from avvp_lib.locks import exclusive
from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import atomic_path, code_digest, json_digest, remove_unfinished, write_json
from avvp_lib.workspace import shown

logger = logging.getLogger(__name__)

VIDEOS_PER_TASK = 10


# What decides how a corpus looks and sounds: all of this package but its reader and this writer.
RENDERER = ("content", "encoding", "picture", "plan", "sounds", "soundtrack", "sprites", "statistics")


def renderer_digest() -> str:
    """Fingerprint of the renderer: two corpora with the same one and the same settings hold the same videos."""
    code = code_digest(*(f"avvp_lib.corpora.synthetic.{module}" for module in RENDERER))
    return json_digest([code, asdict(llp_statistics())])[:16]


def render_corpus(
    root: Path, settings: CorpusSettings, workers: int | None = None, progress: bool = True, renew: bool = False
) -> Path:
    """Write the annotations and render the videos that are not there yet; returns `root`.

    Interrupt or kill it at any time: whole videos are kept, the next call goes on, and the corpus comes out the same. Two calls at
    once take turns. A complete corpus is left as it is, so it may lie where nobody can write.

    Args:
        root: the corpus folder; made if need be.
        settings: which corpus.
        workers: processes; the machine's cores by default.
        progress: show a bar.
        renew: where another version of the renderer made this same corpus, delete its files and render it again.

    Raises:
        ValueError: `root` holds a corpus that other settings, or another version of the renderer, made; or other files.
    """
    root, card = Path(root), {"name": "synthetic-llp", **asdict(settings), "renderer": renderer_digest()}
    if not _is_outdated(root, card, renew) and _is_complete(root, settings):  # nothing is written into a foreign folder
        return root
    with exclusive(root):
        remove_unfinished(*_folders(root))
        if _is_outdated(root, card, renew):
            logger.warning("%s was made by another version of the renderer: it is rendered again", shown(root))
            _delete_files(root, settings)
        write_json(root / "corpus.json", card)  # replaces an old one only when the old files are gone
        write_annotations(root, settings)  # before the videos: a corpus is complete when its last video is there
        tasks = [
            (split, index)
            for split in SPLITS
            for index, key in enumerate(settings.keys(split))
            if not (root / "videos" / f"{key}.mp4").is_file()
        ]
        logger.info("rendering %d videos into %s", len(tasks), root)
        chunks = [(root, settings, tasks[i : i + VIDEOS_PER_TASK]) for i in range(0, len(tasks), VIDEOS_PER_TASK)]
        run_tasks(_render_chunk, chunks, workers, len(tasks), f"render {root.name}", progress)
        remove_unfinished(*_folders(root))  # of workers that outlived a killed run by a moment
    return root


def _is_outdated(root: Path, card: dict[str, Any], renew: bool) -> bool:
    """Whether an older renderer's files must go first. Refuses a folder that is neither new nor of this corpus."""
    path = root / "corpus.json"
    if not path.is_file():
        if root.is_dir() and any(not file.name.startswith(".") for file in root.iterdir()):
            raise ValueError(
                f"{root} holds files of something else, which a corpus could overwrite: choose an empty folder"
            )
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    different = sorted(name for name in card if found.get(name) != card[name])
    if different and not (renew and different == ["renderer"]):
        raise ValueError(
            f"{root} holds another corpus: {', '.join(f'{n} is {found.get(n)!r}, not {card[n]!r}' for n in different)}. "
            "Choose another folder, or delete this one to render it again."
        )
    return bool(different)


def _is_complete(root: Path, settings: CorpusSettings) -> bool:
    videos = [root / "videos" / f"{key}.mp4" for split in SPLITS for key in settings.keys(split)]
    return all(path.is_file() for path in (root / "corpus.json", *_tables(root), *videos))


def _tables(root: Path) -> list[Path]:
    """The eight annotation files."""
    names = ("AVVP_dataset_full.csv", *WEAK_FILES.values(), *DENSE_FILES.values())
    truth = [root / "truth" / f"AVVP_train_{modality}.csv" for modality in ("audio", "visual")]
    return [*(root / "annotations" / name for name in names), *truth]


def _folders(root: Path) -> list[Path]:
    return [root, *(root / name for name in ("annotations", "truth", "videos"))]


def _delete_files(root: Path, settings: CorpusSettings) -> None:
    """Delete a corpus' videos and annotations and nothing else. Its card goes last, so that a killed deletion can go on."""
    for path in [*(root / "videos").glob(f"{settings.prefix}-[rvt]?????.mp4"), *_tables(root)]:
        path.unlink(missing_ok=True)


def _render_chunk(root: Path, settings: CorpusSettings, tasks: list[tuple[str, int]]) -> int:
    for split, index in tasks:
        key = settings.keys(split)[index]
        frames, waveform = render_video(settings, split, index)
        write_video(root / "videos" / f"{key}.mp4", frames, waveform, FRAMES_PER_SECOND, SAMPLE_RATE)
    return len(tasks)


def write_annotations(root: Path, settings: CorpusSettings) -> None:
    """Write the six CSVs that LLP publishes and, apart from them, the dense truth of the training videos."""
    plans = {
        split: [settings.plan(split, index) for index in range(number)]
        for split, number in zip(SPLITS, SIZES[settings.size], strict=True)
    }
    videos = {split: [f"{key}_0_10" for key in settings.keys(split)] for split in SPLITS}
    weak = {
        split: pd.DataFrame(
            {
                "filename": videos[split],
                "event_labels": [
                    ",".join(LLP_CATEGORIES[c] for c in np.flatnonzero(p.video_labels)) for p in plans[split]
                ],
            }
        )
        for split in SPLITS
    }
    folder = root / "annotations"
    for split in SPLITS:
        _write_table(folder / WEAK_FILES[split], weak[split])
    _write_table(folder / "AVVP_dataset_full.csv", pd.concat([weak[split] for split in SPLITS]))
    for modality in ("audio", "visual"):
        dense = [_dense_table(plans[split], videos[split], modality) for split in SPLITS]
        _write_table(root / "truth" / f"AVVP_train_{modality}.csv", dense[0])
        _write_table(folder / DENSE_FILES[modality], pd.concat(dense[1:]))


def _dense_table(plans: list[VideoPlan], videos: list[str], modality: str) -> pd.DataFrame:
    grids = {name: np.stack([getattr(plan, name) for plan in plans]) for name in ("audio", "visual")}
    events = grid_to_events(grids["audio"], grids["visual"], videos, LLP_CATEGORIES)
    events = events[events["modality"] == modality]
    table = events[["video", "onset", "offset", "category"]].astype({"onset": int, "offset": int})
    return table.rename(columns={"video": "filename", "category": "event_labels"})


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
