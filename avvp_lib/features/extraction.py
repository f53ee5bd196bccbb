"""From a folder of videos to feature banks: one decode a video for all backbones, several processes, resumable.

Finished chunks are kept under out/.parts until all banks are written, so an extraction that was interrupted or killed goes on where it
stopped. A video that cannot be decoded is left out of the banks and named, with the reason, in out/failures.csv.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from avvp_lib.features.backbones import Backbone, build_backbone
from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.media import MediaError, read_media
from avvp_lib.locks import exclusive
from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import atomic_path, code_digest, import_closure, json_digest, remove_unfinished, write_json

logger = logging.getLogger(__name__)

VIDEOS_PER_CHUNK = 20
PARTS = ".parts"
RECORD = "extraction.json"  # beside each bank: which files and code it was made from, and which of the files failed
Missing = Literal["error", "fill"]
Encode = Callable[..., list[np.ndarray]]


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
        out: folder of the banks. A bank is kept as it is while its backbone, the code that makes features, the files (by size
            and time of change) and `on_missing` are those it was made with. Two calls for one folder take turns.
        workers: processes; the machine's cores by default.
        progress: show a bar.
        on_missing: what a file without sound or without picture is, an "error" or something to "fill"; see `read_media`.

    Raises:
        ValueError: no videos, no backbones, or an unknown one.
        MediaError: not one of the videos can be read.
    """
    check_asked(videos, backbones)
    files = {key: file_state(path) for key, path in videos.items()}
    made_from = {"inputs": json_digest([files, on_missing]), "code": feature_code()}
    asked = {key: (files[key], (str(path), on_missing)) for key, path in videos.items()}
    cards = {name: build_backbone(name).card for name in backbones}
    return write_banks(asked, cards, Path(out), made_from, [on_missing], encode_ten_seconds, workers, progress)


def check_asked(videos: Mapping[str, Path], backbones: Sequence[str]) -> None:
    """Raise ValueError where there is nothing to extract."""
    if not videos or not backbones:
        raise ValueError(f"nothing to extract: {len(videos)} videos and {len(backbones)} backbones were given")


def write_banks(
    videos: Mapping[str, tuple[Any, tuple]],
    cards: dict[str, BackboneCard],
    out: Path,
    made_from: dict[str, str],
    stamp: list,
    encode: Encode,
    workers: int | None,
    progress: bool,
) -> ExtractionReport:
    """Make the banks that are not there or not current, and keep the others: what all extractions share.

    Args:
        videos: id -> (what tells one version of its input from another, as JSON, and the arguments of `encode` for it).
        cards: backbone name -> card of its bank, all made from one decode.
        out: folder of the banks.
        made_from: "inputs" and "code", fingerprints of all that decides the banks.
        stamp: what, beside a chunk's own inputs and the code, decides its features.
        encode: a function of a module; from the backbones' names and a video's arguments to one array a backbone.
        workers: processes; the machine's cores by default.
        progress: show a bar.

    Raises:
        MediaError: not one of the videos can be read.
    """
    if _due(out, cards, made_from) or (out / PARTS).exists():
        with exclusive(out):
            remove_unfinished(out)
            due = _due(out, cards, made_from)  # asked again: another run may have made them while this one waited
            parts, tasks = _plan(videos, due, out, [*stamp, made_from["code"]], encode)
            run_tasks(_write_part, tasks, workers, sum(len(task[0]) for task in tasks), "extract", progress)
            if due:
                _collect(parts, due, out, made_from)
            _write_failures(out / "failures.csv", _failures(out, cards), len(videos))
            shutil.rmtree(out / PARTS, ignore_errors=True)
    failures = _failures(out, cards)
    return ExtractionReport({name: out / name for name in cards}, len(videos) - len(failures), failures)


def feature_code() -> str:
    """Fingerprint of the code that makes features; the weights are in the cards.

    Modules that stand beside the packages (files, locks, records) are left out: they move bytes and make none.
    """
    modules = import_closure("avvp_lib.features.backbones", "avvp_lib.features.media")
    modules = [module for module in modules if module.count(".") > 1]
    return code_digest(*modules, whole_packages=False)[:16]


def file_state(path: Path) -> list[int] | None:
    """What changes when a file does: its size and the time of its last change; None where there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _due(out: Path, cards: dict[str, BackboneCard], made_from: dict[str, str]) -> dict[str, BackboneCard]:
    """The backbones whose banks are not there, or not what extracting again would make."""
    return {name: card for name, card in cards.items() if not _is_current(out / name, card, made_from)}


def _is_current(folder: Path, card: BackboneCard, made_from: dict[str, str]) -> bool:
    try:
        bank, record = FeatureBank.open(folder), _read_record(folder)
    except (BankError, OSError, ValueError):  # absent or damaged
        return False
    expected = {**made_from, "content_hash": bank.content_hash}
    return bank.card == card and {name: record.get(name) for name in expected} == expected


def _plan(
    videos: Mapping[str, tuple[Any, tuple]], due: dict[str, BackboneCard], out: Path, stamp: list, encode: Encode
) -> tuple[list[Path], list[tuple]]:
    """The part file of each chunk of videos, named by all that decides what it holds, and a task for each that is missing."""
    ids = list(videos) if due else []
    chunks = [ids[i : i + VIDEOS_PER_CHUNK] for i in range(0, len(ids), VIDEOS_PER_CHUNK)]
    stamp = [*stamp, *(asdict(card) for card in due.values())]
    names = [json_digest([[[key, videos[key][0]] for key in chunk], stamp])[:20] for chunk in chunks]
    parts = [out / PARTS / f"{name}.npz" for name in names]
    tasks = [
        ({key: videos[key][1] for key in chunk}, {name: card.dtype for name, card in due.items()}, part, encode)
        for chunk, part in zip(chunks, parts, strict=True)
        if not part.is_file()
    ]
    return parts, tasks


@contextmanager
def _one_thread() -> Iterator[None]:
    """One process a core is enough, and sums do not depend on how many threads share them: any run makes the same bytes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def shared_backbone(name: str) -> Backbone:
    """The backbone, built once a process."""
    return build_backbone(name)


def encode_ten_seconds(names: Sequence[str], path: str, on_missing: Missing) -> list[np.ndarray]:
    """The features of a video's first ten seconds, (10, D) of each backbone, from one decode."""
    media = read_media(Path(path), **shared_backbone(names[0]).reading, on_missing=on_missing)
    return [shared_backbone(name)(media) for name in names]


@_one_thread()
def _write_part(videos: dict[str, tuple], dtypes: dict[str, str], part: Path, encode: Encode) -> int:
    """Write the features of a few videos, or the reasons why there are none, to one .npz file."""
    features: dict[str, list[np.ndarray]] = {name: [] for name in dtypes}
    ids, failures = [], []
    for key, arguments in videos.items():
        try:
            arrays = encode(tuple(dtypes), *arguments)
        except MediaError as error:
            failures.append((key, str(error)))
            continue
        ids.append(key)
        for name, array in zip(dtypes, arrays, strict=True):
            features[name].append(array.astype(dtypes[name]))
    stacked = {f"bank:{name}": np.stack(rows) for name, rows in features.items() if rows}
    with atomic_path(part) as temporary:
        np.savez(temporary, ids=np.array(ids, str), failures=np.array(failures, str).reshape(-1, 2), **stacked)
    return len(videos)


def _collect(parts: list[Path], cards: dict[str, BackboneCard], out: Path, made_from: dict[str, str]) -> None:
    """Join the chunks into one bank a backbone, each with a record of what it was made from."""
    loaded = [_load_part(part) for part in parts]
    ids = [str(key) for part in loaded for key in part["ids"]]
    failures = {str(key): str(reason) for part in loaded for key, reason in part["failures"]}
    if not ids:
        raise MediaError(f"none of {len(failures)} videos could be read; the first: {next(iter(failures.values()))}")
    for name, card in cards.items():
        array = np.concatenate([part[f"bank:{name}"] for part in loaded if f"bank:{name}" in part])
        bank = FeatureBank.write(out / name, ids, array, card)
        record = {**made_from, "content_hash": bank.content_hash, "failures": failures}
        write_json(out / name / RECORD, record)


def _load_part(part: Path) -> dict[str, np.ndarray]:
    with np.load(part, allow_pickle=False) as arrays:
        return dict(arrays)


def _read_record(folder: Path) -> dict:
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))


def _failures(out: Path, backbones: Iterable[str]) -> dict[str, str]:
    """What could not be read: the same for all backbones, since one decode serves them all."""
    return _read_record(out / next(iter(backbones)))["failures"]


def _write_failures(path: Path, failures: dict[str, str], videos: int) -> None:
    if failures:
        logger.warning("%d of %d videos could not be read: see %s", len(failures), videos, path)
        with atomic_path(path) as temporary:
            pd.DataFrame(failures.items(), columns=["video", "reason"]).to_csv(temporary, index=False)
    else:
        path.unlink(missing_ok=True)
