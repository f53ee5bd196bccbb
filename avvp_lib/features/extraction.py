"""From a folder of videos to feature banks: one decode a video for all backbones, several processes, resumable.

Finished chunks are kept under out/.parts until all banks are written, so an interrupted extraction goes on where it stopped.
A video that cannot be decoded is left out of the banks and named, with the reason, in out/failures.csv.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from avvp_lib.features.backbones import Backbone, build_backbone
from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.media import MediaError, read_media
from avvp_lib.provenance import atomic_path, json_digest, write_json

logger = logging.getLogger(__name__)

VIDEOS_PER_CHUNK = 20
RECORD = "extraction.json"  # beside each bank: which files it was made from, and which of them failed
Missing = Literal["error", "fill"]


@dataclass(frozen=True)
class ExtractionReport:
    """What an extraction did.

    Attributes:
        banks: the folder of each backbone's bank.
        videos: how many videos are in the banks.
        failures: video id -> why it could not be read.
    """

    banks: dict[str, Path]
    videos: int
    failures: dict[str, str]


def extract(
    videos: Mapping[str, Path],
    backbones: Sequence[str],
    out: Path,
    workers: int | None = None,
    progress: bool = True,
    on_missing: Missing = "error",
) -> ExtractionReport:
    """Extract features of all videos with all backbones into one bank each, out/<backbone>.

    Args:
        videos: id -> media file.
        backbones: names of the registry, see `build_backbone`.
        out: folder of the banks. A bank is kept as it is while its backbone, the files (by size and time of change) and
            `on_missing` are those it was made with.
        workers: processes; the machine's cores by default.
        on_missing: what a file without sound or without picture is, an "error" or something to "fill"; see `read_media`.

    Raises:
        ValueError: no videos, no backbones, or an unknown one.
        MediaError: not one of the videos can be read.
    """
    if not videos or not backbones:
        raise ValueError(f"nothing to extract: {len(videos)} videos and {len(backbones)} backbones were given")
    out = Path(out)
    cards = {name: build_backbone(name).card for name in backbones}
    folders = {name: out / name for name in backbones}
    files = {key: _file_state(path) for key, path in videos.items()}
    inputs = json_digest([files, on_missing])
    due = {name: card for name, card in cards.items() if not _is_current(folders[name], card, inputs)}
    if due:
        ids = list(videos)
        chunks = [ids[i : i + VIDEOS_PER_CHUNK] for i in range(0, len(ids), VIDEOS_PER_CHUNK)]
        stamp = [on_missing, *(asdict(card) for card in due.values())]
        names = [json_digest([[[key, files[key]] for key in chunk], stamp])[:20] for chunk in chunks]
        parts = [out / ".parts" / f"{name}.npz" for name in names]
        tasks = [
            ({key: str(videos[key]) for key in chunk}, tuple(due), part, on_missing)
            for chunk, part in zip(chunks, parts, strict=True)
            if not part.is_file()
        ]
        _run(tasks, workers or os.cpu_count() or 1, progress)
        _collect(parts, due, out, inputs)
        shutil.rmtree(out / ".parts")
    failures = _read_record(next(iter(folders.values())))["failures"]
    return ExtractionReport(folders, len(videos) - len(failures), failures)


def _file_state(path: Path) -> list[int] | None:
    """What changes when a file does: its size and the time of its last change; None where there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _is_current(folder: Path, card: BackboneCard, inputs: str) -> bool:
    """Whether a bank is there and is what extracting these inputs again would make."""
    try:
        bank, record = FeatureBank.open(folder), _read_record(folder)
    except (BankError, OSError, ValueError):  # absent or damaged
        return False
    return bank.card == card and (record["inputs"], record["content_hash"]) == (inputs, bank.content_hash)


def _run(tasks: list, workers: int, progress: bool) -> None:
    with tqdm(total=sum(len(task[0]) for task in tasks), desc="extract", unit="video", disable=not progress) as bar:
        if workers == 1:
            for task in tasks:
                bar.update(_extract_chunk(*task))
            return
        # Spawned, because a fork of a process that already runs torch's threads may hang.
        with ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_quiet_worker
        ) as pool:
            futures = [pool.submit(_extract_chunk, *task) for task in tasks]
            try:
                for future in as_completed(futures):
                    bar.update(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _quiet_worker() -> None:
    torch.set_num_threads(1)  # one process a core; two threads fighting for it are far slower
    logging.getLogger().setLevel(logging.ERROR)


@cache
def _backbone(name: str) -> Backbone:
    return build_backbone(name)


def _extract_chunk(videos: dict[str, str], names: tuple[str, ...], part: Path, on_missing: Missing) -> int:
    """Write the features of a few videos, or the reasons why there are none, to one .npz file."""
    features: dict[str, list[np.ndarray]] = {name: [] for name in names}
    ids, failures = [], []
    for key, path in videos.items():
        try:
            media = read_media(Path(path), **_backbone(names[0]).reading, on_missing=on_missing)
        except MediaError as error:
            failures.append((key, str(error)))
            continue
        ids.append(key)
        for name in names:
            features[name].append(_backbone(name)(media).astype(_backbone(name).card.dtype))
    arrays = {f"bank:{name}": np.stack(rows) for name, rows in features.items() if rows}
    with atomic_path(part) as temporary:
        np.savez(temporary, ids=np.array(ids, str), failures=np.array(failures, str).reshape(-1, 2), **arrays)
    return len(videos)


def _collect(parts: list[Path], cards: dict[str, BackboneCard], out: Path, inputs: str) -> None:
    """Join the chunks into one bank a backbone, each with a record of what it was made from, and list the failures."""
    loaded = [_load_part(part) for part in parts]
    ids = [str(key) for part in loaded for key in part["ids"]]
    failures = {str(key): str(reason) for part in loaded for key, reason in part["failures"]}
    if not ids:
        raise MediaError(f"none of {len(failures)} videos could be read; the first: {next(iter(failures.values()))}")
    for name, card in cards.items():
        array = np.concatenate([part[f"bank:{name}"] for part in loaded if f"bank:{name}" in part])
        bank = FeatureBank.write(out / name, ids, array, card)
        record = {"inputs": inputs, "content_hash": bank.content_hash, "failures": failures}
        write_json(out / name / RECORD, record)
    _write_failures(out / "failures.csv", failures, len(ids) + len(failures))


def _load_part(part: Path) -> dict[str, np.ndarray]:
    with np.load(part, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_record(folder: Path) -> dict:
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))


def _write_failures(path: Path, failures: dict[str, str], videos: int) -> None:
    if failures:
        logger.warning("%d of %d videos could not be read: see %s", len(failures), videos, path)
        with atomic_path(path) as temporary:
            pd.DataFrame(failures.items(), columns=["video", "reason"]).to_csv(temporary, index=False)
    else:
        path.unlink(missing_ok=True)
