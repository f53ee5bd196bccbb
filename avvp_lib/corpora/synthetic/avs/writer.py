"""Write a synthetic AVS corpus to disk in the layouts of AVSBench, with the truth that AVSBench does not have beside it.

root/corpus.json        how the corpus was made
root/...                tables, frames, masks, sound and log-mel files as `avvp_lib.corpora.avsbench` lists them
root/truth/<id>.npz     what only a simulator knows: objects (T, 224, 224) uint8, the object at each pixel; sounding (T, K) bool; roles and
                        categories of the objects, (K,) str. No reader opens it unless asked to.

The truth of a clip is written last, so a clip is there when its truth is. There are no raw videos: nothing reads them, and
`clip_scene` with `paint` shows a clip at any frame rate.
"""

from __future__ import annotations

import csv
import json
import pickle
import shutil
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avvp_lib.corpora.avsbench import LABEL_FILE, META_FILES
from avvp_lib.corpora.masks import voc_palette
from avvp_lib.corpora.synthetic.avs.clips import RenderedClip, render_avs_clip
from avvp_lib.corpora.synthetic.avs.content import AVS_CLASSES, SPLITS, AVSSettings
from avvp_lib.corpora.synthetic.rendering import Rendering, Task, render_missing
from avvp_lib.corpora.synthetic.writer import renderer_digest
from avvp_lib.corpora.vggish_log_mel import vggish_log_mel
from avvp_lib.corpora.waveforms import write_wav
from avvp_lib.provenance import atomic_path, code_digest, json_digest, write_json
from avvp_lib.workspace import shown

CLIPS_PER_TASK = 10
PNG_COMPRESSION = 1  # the grain does not compress, so more effort gains little
JPEG_QUALITY = 92
RENDERER = ("clips", "content", "picture", "soundtrack")


@cache  # thirty files are parsed
def avs_digest() -> str:
    """Fingerprint of the renderer and of what plans and paints these clips."""
    modules = [f"avvp_lib.corpora.synthetic.avs.{name}" for name in RENDERER]
    return json_digest([renderer_digest(), code_digest(*modules, "avvp_lib.corpora.vggish_log_mel")])[:16]


def render_avs(
    root: Path, settings: AVSSettings, workers: int | None = None, progress: bool = True, renew: bool = False
) -> Path:
    """Write the table and render the clips that are not there yet; returns `root`.

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
    root, card = Path(root), {"name": settings.name, **asdict(settings), "renderer": avs_digest()}
    names = [META_FILES[settings.setting], *([LABEL_FILE] if settings.setting == "avss" else [])]
    truth = (truth_file(root, key) for split in SPLITS for key in settings.keys(split))
    tables = (*(root / name for name in names), *truth)  # with them everything goes that says a clip is there
    return render_missing(
        _ClipRendering(root, settings, card, tables, write_tables, _render_chunk, CLIPS_PER_TASK),
        workers, progress, renew,
    )  # fmt: skip


class _ClipRendering(Rendering):
    """A corpus whose clips are many files each: a clip is there when its truth is."""

    @property
    def videos(self) -> dict[Path, Task]:
        """The last file of every clip, with its split and number."""
        settings = self.settings
        return {truth_file(self.root, k): (s, i) for s in SPLITS for i, k in enumerate(settings.keys(s))}

    @property
    def folders(self) -> list[Path]:
        """Where unfinished files may lie. Those of unfinished clips go when they are rendered again."""
        return [self.root, self.root / "truth"]


def truth_file(root: Path, key: str) -> Path:
    """Where the truth of a clip is."""
    return root / "truth" / f"{key}.npz"


def read_avs_card(root: Path, setting: str) -> dict[str, Any]:
    """The card of a rendered corpus whose clips are all there.

    Raises:
        FileNotFoundError: nothing was rendered at `root`, or the rendering was interrupted; says how to go on.
        ValueError: it is a rendered corpus of another kind.
    """
    path, command = root / "corpus.json", f"avvp render --corpus synthetic-avs-{setting} --out {shown(root)}"
    if not path.is_file():
        raise FileNotFoundError(f"no synthetic corpus in {shown(root)}. Render one with: {command}")
    card = json.loads(path.read_text(encoding="utf-8"))
    if card.get("name") != f"synthetic-avs-{setting}":
        raise ValueError(f"{shown(root)} holds {card.get('name')!r}, not synthetic-avs-{setting}")
    settings = AVSSettings(setting, card["seed"], card["size"], card["domain"])
    keys = [key for split in SPLITS for key in settings.keys(split)]
    absent = [key for key in keys if not truth_file(root, key).is_file()]
    if absent:
        raise FileNotFoundError(
            f"{shown(root)} is not complete: {len(absent)} clips are missing, {absent[0]} first. Go on with: "
            f"{command} --seed {card['seed']} --size {card['size']} --domain {card['domain']}"
        )
    return card


# --- tables ---


def write_tables(root: Path, settings: AVSSettings) -> None:
    """Write the table of all clips in the form of the setting, and for AVSS the list of classes."""
    if not any((root / "truth").glob("*.npz")):
        _delete_clips(root, settings)  # of another renderer: another plan may put a clip into another folder
    rows = [_row(settings, split, index) for split in SPLITS for index in range(len(settings.keys(split)))]
    with (
        atomic_path(root / META_FILES[settings.setting]) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as stream,
    ):
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if settings.setting == "avss":
        write_json(root / LABEL_FILE, {label: number for number, label in enumerate(AVS_CLASSES)})


def _row(settings: AVSSettings, split: str, index: int) -> dict[str, str | int]:
    key, plan = settings.keys(split)[index], settings.plan(split, index)
    if settings.setting == "s4":
        return {"name": key, "start": 0, "category": plan.objects[0].category, "split": split}
    if settings.setting == "ms3":
        return {"video_id": key, "split": split}
    return {"vid": key, "uid": key, "label": plan.subset, "split": split}


def _delete_clips(root: Path, settings: AVSSettings) -> None:
    """Delete the folders and files that are named after clips of this corpus."""
    for folder in _data_folders(root, settings.setting):
        for path in list(folder.rglob(f"{settings.prefix}-[rvt]?????*")):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _data_folders(root: Path, setting: str) -> list[Path]:
    return [root / name for name in (("v1s", "v1m", "v2") if setting == "avss" else (f"{setting}_data",))]


# --- clips ---


def _render_chunk(root: Path, settings: AVSSettings, tasks: list[Task]) -> int:
    for split, index in tasks:
        key, clip = settings.keys(split)[index], render_avs_clip(settings, split, index)
        write = _write_semantic if settings.setting == "avss" else _write_binary
        write(root, settings.setting, split, key, clip)
        _write_truth(truth_file(root, key), clip)
    return len(tasks)


def _write_binary(root: Path, setting: str, split: str, key: str, clip: RenderedClip) -> None:
    """The files of a clip of S4 or MS3."""
    data = root / f"{setting}_data"
    inside = f"{split}/{clip.plan.objects[0].category}" if setting == "s4" else split
    frames = data / "visual_frames" / (f"{inside}/{key}" if setting == "s4" else key)
    stem = key if setting == "s4" else f"{key}.mp4"
    labelled = 1 if (setting, split) == ("s4", "train") else clip.plan.seconds
    _write_pictures(frames, [f"{stem}_{k}.png" for k in range(1, clip.plan.seconds + 1)], clip.frames)
    masks = clip.binary_masks[:labelled].astype(np.uint8) * 255
    _write_pictures(data / "gt_masks" / inside / key, [f"{key}_{k}.png" for k in range(1, labelled + 1)], masks)
    write_wav(data / "audio_wav" / inside / f"{key}.wav", clip.waveform)
    _write_log_mel(data / "audio_log_mel" / inside / f"{key}.pkl", clip.waveform)


def _write_semantic(root: Path, setting: str, split: str, key: str, clip: RenderedClip) -> None:
    """The files of a clip of AVSS."""
    folder, seconds = root / clip.plan.subset / key, clip.plan.seconds
    labelled = 1 if (clip.plan.subset, split) == ("v1s", "train") else seconds
    _write_pictures(folder / "frames", [f"{k}.jpg" for k in range(seconds)], clip.frames)
    masks = voc_palette()[clip.class_masks[:labelled]]
    _write_pictures(folder / "labels_rgb", [f"{k}.png" for k in range(labelled)], masks)
    write_wav(folder / "audio.wav", clip.waveform)


def _write_pictures(folder: Path, names: list[str], pictures: np.ndarray) -> None:
    """Fill a folder with these pictures and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)  # a half-written clip of an interrupted run
    folder.mkdir(parents=True)
    for name, picture in zip(names, pictures, strict=True):
        options = {"quality": JPEG_QUALITY} if name.endswith(".jpg") else {"compress_level": PNG_COMPRESSION}
        Image.fromarray(picture).save(folder / name, **options)


def _write_log_mel(path: Path, waveform: np.ndarray) -> None:
    """The examples as AVSBench keeps them: a pickled tensor (5, 1, 96, 64) that asks for a gradient."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    tensor = torch.from_numpy(vggish_log_mel(waveform)[:, None]).requires_grad_()
    path.write_bytes(pickle.dumps(tensor))


def _write_truth(path: Path, clip: RenderedClip) -> None:
    objects = clip.plan.objects
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            objects=clip.objects,
            sounding=clip.plan.sounding,
            roles=np.array([thing.role for thing in objects]),
            categories=np.array([thing.category or "" for thing in objects]),
        )
