"""Write a synthetic UnAV corpus to disk in UnAV-100's own format, with the truth that UnAV-100 does not have beside it.

root/corpus.json                             how the corpus was made
root/videos/<id>.mp4                         10 to 30 seconds each
root/annotations/unav100_annotations.json    what UnAV-100 publishes: audio-visual events in seconds
root/truth/UnAV_<split>_{audio,visual}.csv   what only a simulator knows: what is heard and seen in each second, in LLP's columns
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.corpora.synthetic.picture import FRAMES_PER_SECOND
from avvp_lib.corpora.synthetic.rendering import SPLITS, Rendering, render_missing
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE
from avvp_lib.corpora.synthetic.unav.content import UNAV_CATEGORIES, UnavPlan, UnavSettings, render_unav_video
from avvp_lib.corpora.synthetic.writer import dense_table, renderer_digest, write_table
from avvp_lib.corpora.unav import ANNOTATION_FILE, SUBSETS
from avvp_lib.provenance import code_digest, json_digest, write_json

VIDEOS_PER_TASK = 5
MODALITIES = ("audio", "visual")


def unav_digest() -> str:
    """Fingerprint of the renderer and of what plans these videos."""
    return json_digest([renderer_digest(), code_digest("avvp_lib.corpora.synthetic.unav.content")])[:16]


def render_unav(
    root: Path, settings: UnavSettings, workers: int | None = None, progress: bool = True, renew: bool = False
) -> Path:
    """Write the annotations and render the videos that are not there yet; returns `root`.

    Goes on where it was interrupted, as `render_corpus` does.

    Args:
        root: the corpus folder; made if need be.
        settings: which corpus.
        workers: processes; the machine's cores by default.
        progress: show a bar.
        renew: where another version of the renderer made this same corpus, delete its files and render it again.

    Raises:
        ValueError: `root` holds a corpus that other settings, or another version of the renderer, made; or other files.
    """
    root, card = Path(root), {"name": "synthetic-unav", **asdict(settings), "renderer": unav_digest()}
    tables = (root / "annotations" / ANNOTATION_FILE, *(truth_file(root, s, m) for s in SPLITS for m in MODALITIES))
    corpus = Rendering(root, settings, card, tables, write_unav_annotations, _render_chunk, VIDEOS_PER_TASK)
    return render_missing(corpus, workers, progress, renew)


def truth_file(root: Path, split: str, modality: str) -> Path:
    """Where the truth of one split and modality is."""
    return root / "truth" / f"UnAV_{split}_{modality}.csv"


def _render_chunk(root: Path, settings: UnavSettings, tasks: list[tuple[str, int]]) -> int:
    for split, index in tasks:
        key = settings.keys(split)[index]
        frames, waveform = render_unav_video(settings, split, index)
        write_video(root / "videos" / f"{key}.mp4", frames, waveform, FRAMES_PER_SECOND, SAMPLE_RATE)
    return len(tasks)


def write_unav_annotations(root: Path, settings: UnavSettings) -> None:
    """Write UnAV-100's JSON file and, apart from it, the uni-modal truth of every split."""
    database = {}
    for subset, split in SUBSETS.items():
        videos = settings.keys(split)
        plans = [settings.plan(split, index) for index in range(len(videos))]
        database |= {video: _entry(subset, plan) for video, plan in zip(videos, plans, strict=True)}
        longest = max(plan.seconds for plan in plans)
        grids = [np.stack([_padded(getattr(plan, m), longest) for plan in plans]) for m in MODALITIES]
        for modality in MODALITIES:
            table = dense_table(*grids, videos, UNAV_CATEGORIES, modality)
            write_table(truth_file(root, split, modality), table)
    write_json(root / "annotations" / ANNOTATION_FILE, {"database": database})


def _entry(subset: str, plan: UnavPlan) -> dict:
    annotations = [
        {"segment": [round(start, 2), round(end, 2)], "label": label, "label_id": UNAV_CATEGORIES.index(label)}
        for label, start, end in plan.audio_visual_events
    ]
    return {
        "subset": subset,
        "duration": float(plan.seconds),
        "fps": float(FRAMES_PER_SECOND),
        "annotations": annotations,
    }


def _padded(grid: np.ndarray, segments: int) -> np.ndarray:
    return np.pad(grid, ((0, segments - len(grid)), (0, 0)))
