"""Write a synthetic corpus to disk in LLP's own layout: videos/ and the tab-separated annotation files.

root/corpus.json                       how the corpus was made
root/videos/<key>.mp4                  ten seconds each
root/annotations/AVVP_*.csv            what LLP publishes: weak labels everywhere, dense labels for val and test only
root/truth/AVVP_train_{audio,visual}.csv   what only a simulator knows: the dense labels of the training videos
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from avvp_lib.corpora.events import grid_to_events
from avvp_lib.corpora.llp import DENSE_FILES, LLP_CATEGORIES, WEAK_FILES
from avvp_lib.corpora.synthetic.content import SIZES, SPLITS, CorpusSettings, render_video
from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.corpora.synthetic.picture import FRAMES_PER_SECOND
from avvp_lib.corpora.synthetic.plan import VideoPlan
from avvp_lib.corpora.synthetic.rendering import Rendering, render_missing
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE
from avvp_lib.corpora.synthetic.statistics import llp_statistics
from avvp_lib.provenance import atomic_path, code_digest, json_digest

VIDEOS_PER_TASK = 10


# What decides how a corpus looks and sounds: all of this package but its readers and writers.
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
    corpus = Rendering(root, settings, card, _tables(root), write_annotations, _render_chunk, VIDEOS_PER_TASK)
    return render_missing(corpus, workers, progress, renew)


def _tables(root: Path) -> tuple[Path, ...]:
    """The eight annotation files."""
    names = ("AVVP_dataset_full.csv", *WEAK_FILES.values(), *DENSE_FILES.values())
    truth = [root / "truth" / f"AVVP_train_{modality}.csv" for modality in ("audio", "visual")]
    return (*(root / "annotations" / name for name in names), *truth)


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
        write_table(folder / WEAK_FILES[split], weak[split])
    write_table(folder / "AVVP_dataset_full.csv", pd.concat([weak[split] for split in SPLITS]))
    for modality in ("audio", "visual"):
        dense = [_dense_table(plans[split], videos[split], modality) for split in SPLITS]
        write_table(root / "truth" / f"AVVP_train_{modality}.csv", dense[0])
        write_table(folder / DENSE_FILES[modality], pd.concat(dense[1:]))


def _dense_table(plans: list[VideoPlan], videos: list[str], modality: str) -> pd.DataFrame:
    grids = {name: np.stack([getattr(plan, name) for plan in plans]) for name in ("audio", "visual")}
    return dense_table(grids["audio"], grids["visual"], videos, LLP_CATEGORIES, modality)


def dense_table(
    audio: np.ndarray, visual: np.ndarray, videos: Sequence[str], categories: Sequence[str], modality: str
) -> pd.DataFrame:
    """The events of one modality in the columns of LLP's dense files; both grids (N, T, C) bool."""
    events = grid_to_events(audio, visual, videos, categories)
    events = events[events["modality"] == modality]
    table = events[["video", "onset", "offset", "category"]].astype({"onset": int, "offset": int})
    return table.rename(columns={"video": "filename", "category": "event_labels"})


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as LLP's are: separated by tabs."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
