"""Write a synthetic corpus to disk in LLP's own layout: videos/ and the tab-separated annotation files.

root/corpus.json                       how the corpus was made
root/videos/<key>.mp4                  ten seconds each
root/annotations/AVVP_*.csv            what LLP publishes: weak labels everywhere, dense labels for val and test only
root/truth/AVVP_train_{audio,visual}.csv   what only a simulator knows: the dense labels of the training videos
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from avvp_lib.corpora.events import grid_to_events
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.corpora.synthetic.picture import FRAMES_PER_SECOND, render_frames
from avvp_lib.corpora.synthetic.plan import VideoPlan, plan_video
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE, render_waveform
from avvp_lib.corpora.synthetic.sprites import DOMAINS
from avvp_lib.corpora.synthetic.statistics import llp_statistics
from avvp_lib.provenance import atomic_path, code_digest, json_digest, write_json

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
SIZES = {"smoke": (40, 20, 20), "tutorial": (800, 200, 400)}  # videos in train, val, test
VIDEOS_PER_TASK = 10


@dataclass(frozen=True)
class CorpusSettings:
    """Everything that decides what a synthetic corpus holds. The same settings give the same videos.

    Attributes:
        seed: which corpus; 0 is for tuning, 1 for reporting.
        size: "smoke" or "tutorial", see `SIZES`.
        domain: rendering domain, "studio" or "street". The same seed has the same events in both.
    """

    seed: int = 0
    size: str = "tutorial"
    domain: str = "studio"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"unknown corpus size {self.size!r}: choose one of {', '.join(SIZES)}")
        if self.domain not in DOMAINS:
            raise ValueError(f"unknown rendering domain {self.domain!r}: choose one of {', '.join(DOMAINS)}")
        if not 0 <= self.seed < 1000:
            raise ValueError(f"the corpus seed must lie in 0 ... 999, not {self.seed}")

    def keys(self, split: str) -> list[str]:
        """The 11-character file stems of a split's videos, like YouTube ids."""
        letter = {"train": "r", "val": "v", "test": "t"}[split]
        number = SIZES[self.size][SPLITS.index(split)]
        return [f"{'AB'[DOMAINS.index(self.domain)]}{self.seed:03d}-{letter}{index:05d}" for index in range(number)]

    def plan(self, split: str, index: int) -> VideoPlan:
        """The truth of one video; it does not depend on the rendering domain."""
        return plan_video(np.random.default_rng([self.seed, SPLITS.index(split), index]), llp_statistics())


def renderer_digest() -> str:
    """Fingerprint of the renderer: two corpora with the same one and the same settings hold the same videos."""
    return json_digest([code_digest("avvp_lib.corpora.synthetic"), asdict(llp_statistics())])[:16]


def render_corpus(root: Path, settings: CorpusSettings, workers: int | None = None, progress: bool = True) -> Path:
    """Write the annotations and render the videos that are not there yet; returns `root`.

    Interrupt it at any time: whole videos are kept and the next call goes on. Two calls at once only waste work.

    Args:
        root: the corpus folder; made if need be.
        settings: which corpus.
        workers: processes; the machine's cores by default.

    Raises:
        ValueError: `root` holds a corpus that other settings, or another version of the renderer, made; or other files.
    """
    root = Path(root)
    _claim(root, settings)
    write_annotations(root, settings)  # before the videos: a corpus is complete when its last video is there
    tasks = [
        (split, index)
        for split in SPLITS
        for index, key in enumerate(settings.keys(split))
        if not (root / "videos" / f"{key}.mp4").is_file()
    ]
    if tasks:
        logger.info("rendering %d videos into %s", len(tasks), root)
        _render_all(root, settings, tasks, workers or os.cpu_count() or 1, progress)
    return root


def _claim(root: Path, settings: CorpusSettings) -> None:
    """Write corpus.json into a new folder, or check that an old one was made by the same settings and code."""
    card = {"name": "synthetic-llp", **asdict(settings), "renderer": renderer_digest()}
    path = root / "corpus.json"
    if not path.is_file():
        if root.is_dir() and any(not file.name.startswith(".") for file in root.iterdir()):
            raise ValueError(
                f"{root} holds files of something else, which a corpus could overwrite: choose an empty folder"
            )
        write_json(path, card)
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    different = sorted(name for name in card if found.get(name) != card[name])
    if different:
        raise ValueError(
            f"{root} holds another corpus: {', '.join(f'{n} is {found.get(n)!r}, not {card[n]!r}' for n in different)}. "
            "Choose another folder, or delete this one to render it again."
        )


def _render_all(root: Path, settings: CorpusSettings, tasks: list, workers: int, progress: bool) -> None:
    chunks = [tasks[i : i + VIDEOS_PER_TASK] for i in range(0, len(tasks), VIDEOS_PER_TASK)]
    with tqdm(total=len(tasks), desc=f"render {root.name}", unit="video", disable=not progress) as bar:
        if workers == 1:
            for chunk in chunks:
                bar.update(_render_chunk(root, settings, chunk))
            return
        # Spawned, because a fork of a process that already runs threads (torch in a notebook) may hang.
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            futures = [pool.submit(_render_chunk, root, settings, chunk) for chunk in chunks]
            try:
                for future in as_completed(futures):
                    bar.update(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _render_chunk(root: Path, settings: CorpusSettings, tasks: list[tuple[str, int]]) -> int:
    for split, index in tasks:
        key = settings.keys(split)[index]
        frames, waveform = render_video(settings, split, index)
        write_video(root / "videos" / f"{key}.mp4", frames, waveform, FRAMES_PER_SECOND, SAMPLE_RATE)
    return len(tasks)


def render_video(settings: CorpusSettings, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and sound of one video: (80, 128, 128, 3) uint8 frames and (160000,) float32 samples."""
    plan = settings.plan(split, index)
    picture, sound = np.random.SeedSequence(
        [settings.seed, SPLITS.index(split), index, DOMAINS.index(settings.domain)]
    ).spawn(2)
    frames = render_frames(np.random.default_rng(picture), settings.domain, plan.visual)
    return frames, render_waveform(np.random.default_rng(sound), settings.domain, plan.audio)


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
    _write_table(folder / "AVVP_train.csv", weak["train"])
    _write_table(folder / "AVVP_val_pd.csv", weak["val"])
    _write_table(folder / "AVVP_test_pd.csv", weak["test"])
    _write_table(folder / "AVVP_dataset_full.csv", pd.concat([weak[split] for split in SPLITS]))
    for modality in ("audio", "visual"):
        dense = [_dense_table(plans[split], videos[split], modality) for split in SPLITS]
        _write_table(root / "truth" / f"AVVP_train_{modality}.csv", dense[0])
        _write_table(folder / f"AVVP_eval_{modality}.csv", pd.concat(dense[1:]))


def _dense_table(plans: list[VideoPlan], videos: list[str], modality: str) -> pd.DataFrame:
    grids = {name: np.stack([getattr(plan, name) for plan in plans]) for name in ("audio", "visual")}
    events = grid_to_events(grids["audio"], grids["visual"], videos, LLP_CATEGORIES)
    events = events[events["modality"] == modality]
    table = events[["video", "onset", "offset", "category"]].astype({"onset": int, "offset": int})
    return table.rename(columns={"video": "filename", "category": "event_labels"})


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with atomic_path(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
