"""Published features of any number of videos: one decode a video for all backbones, kept video by video, and joined into banks.

`extraction` serves corpora that fit into memory in chunks. This is for thousands of files and for networks that take seconds each: every
video's features are files of their own below out/.parts until all videos are done, named by all that decided what is in them. So a killed
run loses the videos that were in hand and no other; several machines can share the work; a video more, or other weights of one backbone,
makes just that due. When nothing is missing, the parts are joined into one bank a backbone, from disk to disk.

    videos = find_videos("clips")
    report = extract_folder(videos, ["vggish", "clip"], "features", build_published)

    features/vggish/bank.json ...       the banks (see `bank`), each with extraction.json: which rows it holds, and what made them
    features/failures.csv               video, file, kind, reason, what to do; not there if there are none
    features/notes.csv                  video, note: what had to be padded, cut or turned
    features/videos.json                the same for the next call, with the fingerprint of each file
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank, _read_feature
from avvp_lib.features.clip_media import ADVICE, SECONDS, ClipError, ClipMedia, read_clip

# Private helpers of modules whose code stored banks are stamped with: moving them would make every bank stale.
from avvp_lib.features.extraction import PARTS, RECORD, _one_thread, check_asked, file_state
from avvp_lib.features.media import MediaError
from avvp_lib.locks import LOCK, exclusive
from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import atomic_path, code_digest, import_closure, json_digest, remove_unfinished, write_json

READINGS = "videos.json"
FAILURE_COLUMNS = ("video", "file", "kind", "reason", "what to do")
GPU_BATCH = 8
"""Videos that a GPU takes at a time; on a CPU one video, with its 80 pictures, keeps a core busy."""

GPU_TASK = 8 * GPU_BATCH
Missing = Literal["error", "fill"]
Reading = dict[str, Any]
"""What came of reading a video: {"notes": [...], "failure": None or {"kind": ..., "reason": ...}}."""


class ClipBackbone(Protocol):
    """What is asked of a backbone; those of `published_backbones` are of this form."""

    card: BackboneCard

    def prepare(self, media: ClipMedia) -> Tensor:
        """The input of the network for one video; those of several are joined along the first axis."""

    def encode(self, inputs: Tensor) -> Tensor:
        """Features of one video or of several in a row, T' * D numbers a video; float32 on the CPU, as are the inputs."""


Build = Callable[..., ClipBackbone]
"""build(name, weights, device): a function of a module, so that worker processes find it."""


@dataclass(frozen=True)
class FolderReport:
    """What an extraction did.

    Attributes:
        banks: the folder of each backbone's bank; empty while videos of other shards are missing.
        videos: how many videos were asked of this call.
        read: how many of them it read now; the others were there, or cannot be read.
        seconds: how long it took, by the clock.
        failures: video -> (kind, reason), of this call's videos.
        notes: video -> what had to be padded, cut or turned.
        waiting: videos of other shards that are not done yet.
    """

    banks: dict[str, Path]
    videos: int
    read: int
    seconds: float
    failures: dict[str, tuple[str, str]]
    notes: dict[str, tuple[str, ...]]
    waiting: int

    def __str__(self) -> str:
        hours, speed = self.read * SECONDS / 3600, 3600 * self.read / max(self.seconds, 1e-9)
        before = self.videos - self.read - len(self.failures)
        lines = [f"{self.videos:,} videos, {before:,} of them done before"]
        if self.read:
            lines.append(
                f"{self.read:,} videos, {hours:.2f} h of video, in {self.seconds:,.0f} s: {speed:,.0f} videos an hour"
            )
        kinds = Counter(kind for kind, _ in self.failures.values())
        lines += [f"failed: {number:,} {kind}" for kind, number in kinds.most_common()]
        if self.waiting:
            lines.append(f"no banks yet: {self.waiting:,} videos of other shards are missing")
        return "\n".join(lines)


def extract_folder(
    videos: Mapping[str, Path],
    backbones: Sequence[str],
    out: Path,
    build: Build,
    weights: Mapping[str, Path] | None = None,
    on_missing: Missing = "error",
    device: str = "cpu",
    workers: int | None = None,
    shard: tuple[int, int] = (1, 1),
    retry_failures: bool = False,
    download: bool = False,
    progress: bool = True,
) -> FolderReport:
    """Extract features of all videos with all backbones into one bank each, out/<backbone>.

    A row is kept as long as its video's file (by size and time of change), `on_missing`, the backbone's card with the fingerprint of its
    weights, and the code that makes features are those it was made with. A video that cannot be read is left out of all banks and named in
    out/failures.csv; it counts as done until its file changes. Two calls for one shard take turns.

    Args:
        videos: id -> media file.
        backbones: names that `build` knows.
        out: folder of the banks.
        build: build(name, weights, device) -> backbone; `published_backbones.build_published`.
        weights: name -> file, where it is not the backbone's own.
        on_missing: see `read_clip`.
        device: "cpu"; "cuda" for all GPUs that are visible, a process each; or one, such as "cuda:1". Results on a GPU differ in the last
            digits and are not told apart from those of a CPU.
        workers: processes on a CPU, and on GPUs threads that decode, together; the machine's cores by default.
        shard: (i, n) does every n-th video, from the i-th. The call that finds no video missing in any shard writes the banks.
        retry_failures: read again what could not be read, as after an outage of a file system.
        download: let `build` fetch weights that are not on this machine; it is called with download=True then.
        progress: show a bar.

    Raises:
        ValueError: no videos, no backbones, an unknown one, no such shard, or no GPU.
        MediaError: not one of all videos can be read.
        FloatingPointError: a backbone makes NaN or infinity of a video; names both.
    """
    started = time.monotonic()
    check_asked(videos, backbones)
    _check_shard_and_device(shard, device)
    files: dict[str, Path | None] = {**dict.fromkeys(backbones), **(weights or {})}
    if len(files) > len(set(backbones)):
        raise ValueError(
            f"weights were given for {', '.join(set(files) - set(backbones))}, which is not to be extracted"
        )
    sizes = _sizes(device, workers)
    cards = _cards(build, files, device if sizes[0] == 1 else "cpu", download)
    if sizes[0] > 1:
        _built.cache_clear()  # networks take gigabytes, and worker processes build their own
    plan = _plan(dict(sorted(videos.items())), cards, Path(out), feature_code(build), on_missing)
    mine = list(plan.videos)[shard[0] - 1 :: shard[1]]
    stored = _look(plan)
    due = _work(plan, stored, mine, retry_failures)
    if due:
        with exclusive(plan.parts / f"shard-{shard[0]}-of-{shard[1]}"):
            due = _work(plan, _look(plan), mine, retry_failures)  # asked again: another run may have had its turn
            job = _Job(plan.parts, build, files, device, on_missing, *sizes)
            tasks = [(job, due[i : i + job.videos]) for i in range(0, len(due), job.videos)]
            run_tasks(_extract_videos, tasks, job.processes, len(due), "extract", progress)
        stored = _look(plan)
    waiting = sum(not stored.finished(video) for video in plan.videos)
    if not waiting and not _is_joined(plan, stored):
        with exclusive(plan.out):
            remove_unfinished(plan.out)
            _join(plan, _look(plan))
            _tidy(plan.parts)
    readings = {video: stored.readings[video] for video in mine}
    read = sum(readings[work.video]["failure"] is None for work in due)
    return FolderReport(
        banks={} if waiting else {name: plan.out / name for name in backbones},
        videos=len(mine),
        read=read,
        seconds=time.monotonic() - started,
        failures={v: (r["failure"]["kind"], r["failure"]["reason"]) for v, r in readings.items() if r["failure"]},
        notes={video: tuple(reading["notes"]) for video, reading in readings.items() if reading["notes"]},
        waiting=waiting,
    )


def _check_shard_and_device(shard: tuple[int, int], device: str) -> None:
    part, parts = shard
    if not 1 <= part <= parts:
        raise ValueError(f"there is no shard {part} of {parts}: count from 1/{parts} to {parts}/{parts}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"device {device!r} was asked for, but PyTorch sees no GPU: `avvp doctor` says why; or take cpu"
        )


# ---- what is asked for, and what is there


@dataclass(frozen=True)
class _Plan:
    """All that was asked for. A digest names a result by everything that decides what it is.

    videos: id -> file. readings: id -> digest. rows: backbone -> id -> digest. cards: backbone -> card.
    """

    out: Path
    videos: dict[str, Path]
    readings: dict[str, str]
    rows: dict[str, dict[str, str]]
    cards: dict[str, BackboneCard]
    code: str

    @property
    def parts(self) -> Path:
        return self.out / PARTS


@dataclass(frozen=True)
class _Stored:
    """What is there of a plan, in parts or in banks: id -> reading, and backbone -> ids that have a row."""

    readings: dict[str, Reading]
    rows: dict[str, set[str]]

    def finished(self, video: str) -> bool:
        """Whether nothing is left to do for a video, which is also so when it cannot be read."""
        if video not in self.readings:
            return False
        return self.readings[video]["failure"] is not None or all(video in rows for rows in self.rows.values())

    def usable(self) -> list[str]:
        """The ids without failure, in the order of the plan."""
        return [video for video, reading in self.readings.items() if reading["failure"] is None]


@dataclass(frozen=True)
class _Work:
    """One video that is due: its file, the digest of its reading, and backbone -> digest of the rows that are missing."""

    video: str
    path: Path
    reading: str
    rows: dict[str, str]


def _cards(build: Build, weights: dict[str, Path | None], device: str, download: bool) -> dict[str, BackboneCard]:
    if download:
        for name, path in weights.items():
            build(name, path, "cpu", download=True)  # from now on the weights are where `build` looks
    return {name: _built(build, name, path, device).card for name, path in weights.items()}


def _plan(videos: dict[str, Path], cards: dict[str, BackboneCard], out: Path, code: str, on_missing: str) -> _Plan:
    # Whether a file may be read is no part of its size and time, and is mended without changing them.
    states = {video: [file_state(path), os.access(path, os.R_OK)] for video, path in videos.items()}
    readings = {video: _digest(video, state, on_missing, code) for video, state in states.items()}
    rows = {
        name: {video: _digest(reading, card.to_dict()) for video, reading in readings.items()}
        for name, card in cards.items()
    }
    return _Plan(out, videos, readings, rows, cards, code)


def feature_code(build: Build) -> str:
    """Fingerprint of the code that makes features: the module of `build`, the reader, and what they import of packages of the library."""
    modules = import_closure(build.__module__, "avvp_lib.features.clip_media")
    return code_digest(*(name for name in modules if name.count(".") > 1), whole_packages=False)[:16]


def _digest(*values: Any) -> str:
    return json_digest(values)[:20]


def _look(plan: _Plan) -> _Stored:
    """What of a plan is there. Names that begin with a dot are unfinished files and never looked at."""
    known, readings = _read_json(plan.out / READINGS), {}
    for video, digest in plan.readings.items():
        reading = _read_json(plan.parts / "readings" / f"{digest}.json")
        if not reading and known.get(video, {}).get("digest") == digest:
            reading = {name: known[video][name] for name in ("notes", "failure")}
        if reading:
            readings[video] = reading
    rows = {}
    for name, digests in plan.rows.items():
        in_bank = _bank_rows(plan.out / name)
        in_parts = {path.stem for path in (plan.parts / name).glob("[!.]*.npy")}
        rows[name] = {v for v, digest in digests.items() if digest in in_parts or in_bank.get(v) == digest}
    return _Stored(readings, rows)


def _bank_rows(folder: Path) -> dict[str, str]:
    """id -> digest of the rows of a bank; nothing if there is none, or another program wrote it."""
    record = _read_json(folder / RECORD)
    try:
        current = FeatureBank.open(folder).content_hash == record.get("content_hash")
    except BankError:
        return {}
    return record.get("rows", {}) if current else {}


def _read_json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is absent or damaged, so that what it should say is made again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _work(plan: _Plan, stored: _Stored, mine: Iterable[str], retry_failures: bool) -> list[_Work]:
    """The videos that are due, each with the rows that it lacks."""
    due = []
    for video in mine:
        failed = video in stored.readings and stored.readings[video]["failure"] is not None
        if not stored.finished(video) or (failed and retry_failures):
            rows = {name: digests[video] for name, digests in plan.rows.items() if video not in stored.rows[name]}
            due.append(_Work(video, plan.videos[video], plan.readings[video], rows))
    return due


# ---- reading and encoding, in worker processes


@dataclass(frozen=True)
class _Job:
    """What all tasks share. batch: videos that are encoded at a time. videos: in a task. readers: threads that decode, 0 for none."""

    parts: Path
    build: Build
    weights: dict[str, Path | None]
    device: str
    on_missing: Missing
    processes: int
    batch: int
    videos: int
    readers: int

    def backbone(self, name: str) -> ClipBackbone:
        return _built(self.build, name, self.weights[name], _own_device(self.device))


@dataclass(frozen=True)
class _Prepared:
    """A video that was read: inputs of the networks by backbone, and how reading went."""

    work: _Work
    reading: Reading
    inputs: dict[str, Tensor] = field(default_factory=dict)


def _sizes(device: str, workers: int | None) -> tuple[int, int, int, int]:
    """Processes, videos a batch, videos a task, and decoding threads a process."""
    workers = workers or os.cpu_count() or 1
    if not device.startswith("cuda"):
        return workers, 1, 1, 0
    processes = torch.cuda.device_count() if device == "cuda" else 1
    return processes, GPU_BATCH, GPU_TASK, max(1, workers // processes)


@cache
def _built(build: Build, name: str, weights: Path | None, device: str) -> ClipBackbone:
    """The backbone, built once a process."""
    return build(name, weights, device)


def _own_device(device: str) -> str:
    """The GPU of this process where there are several: workers are numbered one after the other, and there are as many as GPUs."""
    if device != "cuda" or torch.cuda.device_count() < 2:
        return device
    number = multiprocessing.current_process().name.rpartition("-")[2]
    return f"cuda:{(int(number) - 1) % torch.cuda.device_count() if number.isdigit() else 0}"


def _extract_videos(job: _Job, due: list[_Work]) -> int:
    """Read some videos and write their rows, one file each, then how reading went: where that is, the video is done."""
    with _one_thread(), torch.inference_mode():
        for name in dict.fromkeys(name for work in due for name in work.rows):
            job.backbone(name)  # before threads ask for it
        videos = _read_ahead(job, due)
        while batch := list(islice(videos, job.batch)):
            for name in job.weights:
                _encode_batch(job, name, [video for video in batch if name in video.inputs])
            for video in batch:
                write_json(job.parts / "readings" / f"{video.work.reading}.json", video.reading)
    return len(due)


def _read_ahead(job: _Job, due: Sequence[_Work]) -> Iterator[_Prepared]:
    """The videos in order; threads decode the next ones while a GPU encodes. FFmpeg and numpy let other threads run."""
    if not job.readers:
        for work in due:
            yield _read(job, work)
        return
    with ThreadPoolExecutor(job.readers) as pool:
        waiting: list[Future] = []
        for work in due:
            waiting.append(pool.submit(_read, job, work))
            if len(waiting) >= job.batch + 2 * job.readers:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def _read(job: _Job, work: _Work) -> _Prepared:
    """Decode one video once and make every network's input of it."""
    try:
        media = read_clip(work.path, job.on_missing)
        with torch.inference_mode():  # a thread's own state
            inputs = {name: job.backbone(name).prepare(media) for name in work.rows}
    except ClipError as error:
        return _Prepared(work, _failed(error.kind, error.reason))
    except (MemoryError, torch.OutOfMemoryError):
        raise  # the machine's fault, not the file's
    except Exception as error:  # among thousands of foreign files one must not end the work of a night
        return _Prepared(work, _failed("unexpected", f"{type(error).__name__}: {error}"))
    return _Prepared(work, {"notes": list(media.notes), "failure": None}, inputs)


def _failed(kind: str, reason: str) -> Reading:
    return {"notes": [], "failure": {"kind": kind, "reason": reason}}


def _encode_batch(job: _Job, name: str, videos: list[_Prepared]) -> None:
    """Encode videos and write a file each. A batch is filled up, because sums depend on how many are added at a time.

    So a video's numbers do not depend on which others were left to do.
    """
    if not videos:
        return
    backbone = job.backbone(name)
    inputs = [video.inputs[name] for video in videos]
    inputs += inputs[-1:] * (job.batch - len(inputs))
    encoded = backbone.encode(torch.cat(inputs)).numpy()
    features = encoded.reshape(job.batch, *backbone.card.output_shape).astype(backbone.card.dtype)
    for video, rows in zip(videos, features, strict=False):
        if not np.isfinite(rows).all():
            raise FloatingPointError(
                f"{name} makes NaN or infinity of {video.work.path}: weights of another network? If it is this video alone, leave it out"
            )
        with atomic_path(job.parts / name / f"{video.work.rows[name]}.npy") as temporary:
            np.save(temporary, rows, allow_pickle=False)


# ---- joining


def _is_joined(plan: _Plan, stored: _Stored) -> bool:
    """Whether banks and lists are what a join would write, and no parts are left."""
    usable = stored.usable()
    rows = (list(_bank_rows(plan.out / name).items()) == _rows(plan, name, usable) for name in plan.rows)
    return not plan.parts.exists() and _read_json(plan.out / READINGS) == _readings(plan, stored) and all(rows)


def _rows(plan: _Plan, name: str, usable: list[str]) -> list[tuple[str, str]]:
    return [(video, plan.rows[name][video]) for video in usable]


def _readings(plan: _Plan, stored: _Stored) -> dict[str, Any]:
    return {video: {"digest": plan.readings[video], **reading} for video, reading in stored.readings.items()}


def _join(plan: _Plan, stored: _Stored) -> None:
    """Write what could not be read and what was noted, and then the banks that are not current."""
    usable = stored.usable()
    failures = {video: reading["failure"] for video, reading in stored.readings.items() if reading["failure"]}
    _write_lists(plan, stored, failures)
    if not usable:
        video, failure = next(iter(failures.items()))
        raise MediaError(
            f"none of {len(failures)} videos could be read: see {plan.out / 'failures.csv'}; the first, {video}: {failure['reason']}"
        )
    for name in plan.rows:
        if list(_bank_rows(plan.out / name).items()) != _rows(plan, name, usable):
            _write_bank(plan, name, usable)


def _write_lists(plan: _Plan, stored: _Stored, failures: dict[str, dict[str, str]]) -> None:
    table = [
        (video, plan.videos[video], failure["kind"], failure["reason"], ADVICE[failure["kind"]])
        for video, failure in failures.items()
    ]
    notes = [(video, note) for video, reading in stored.readings.items() for note in reading["notes"]]
    _write_csv(plan.out / "failures.csv", FAILURE_COLUMNS, table)
    _write_csv(plan.out / "notes.csv", ("video", "note"), notes)
    write_json(plan.out / READINGS, _readings(plan, stored))


def _write_csv(path: Path, columns: Sequence[str], rows: list[tuple]) -> None:
    """A table; none where there is nothing to say."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as temporary:
        pd.DataFrame(rows, columns=list(columns)).to_csv(temporary, index=False)


def _write_bank(plan: _Plan, name: str, usable: list[str]) -> None:
    """Gather rows from parts, and from the bank that is there, into a file on disk, and make it the bank."""
    folder, card = plan.out / name, plan.cards[name]
    in_bank = _bank_rows(folder)
    old = FeatureBank.open(folder) if in_bank else None
    gathered = plan.parts / f".gathered-{name}.{os.getpid()}.npy"
    plan.parts.mkdir(exist_ok=True)
    array = np.lib.format.open_memmap(gathered, "w+", card.dtype, (len(usable), *card.output_shape))
    for row, (video, digest) in enumerate(_rows(plan, name, usable)):
        part = plan.parts / name / f"{digest}.npy"
        array[row] = _read_part(part, card) if part.is_file() else old.take([video])[0]
    bank = FeatureBank.write(folder, usable, array, card)
    record = {"code": plan.code, "content_hash": bank.content_hash, "rows": dict(_rows(plan, name, usable))}
    write_json(folder / RECORD, record)
    gathered.unlink()


def _read_part(part: Path, card: BackboneCard) -> np.ndarray:
    try:
        return _read_feature(part, card)
    except BankError as error:  # no kill leaves this, but a machine that loses its power may
        part.unlink()
        raise BankError(f"{error}. It is removed: the same call makes it again") from error


def _tidy(parts: Path) -> None:
    """Remove the parts, unless another process still works on a shard: then whoever comes last does."""
    with ExitStack() as held:
        try:
            for folder in parts.glob("shard-*"):
                held.enter_context(FileLock(folder / LOCK).acquire(timeout=0))
        except Timeout:
            return
        shutil.rmtree(parts, ignore_errors=True)
