"""Reading and encoding the videos of a folder, in worker processes: one decode a video for all backbones, and a file a row."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.clip_media import ClipError, ClipMedia, read_clip

# A private helper of a module whose code stored banks are stamped with: moving it would make every bank stale.
from avvp_lib.features.extraction import _one_thread
from avvp_lib.features.folder_plan import Reading, Work
from avvp_lib.provenance import atomic_path, code_digest, import_closure, write_json

GPU_BATCH = 8
"""Videos that a GPU takes at a time; on a CPU one video, with its 80 pictures, keeps a core busy."""

GPU_TASK = 8 * GPU_BATCH
Missing = Literal["error", "fill"]


class ClipBackbone(Protocol):
    """What is asked of a backbone; those of `published_backbones` are of this form."""

    card: BackboneCard

    def prepare(self, media: ClipMedia) -> Tensor:
        """The input of the network for one video; those of several are joined along the first axis."""

    def encode(self, inputs: Tensor) -> Tensor:
        """Features of one video or of several in a row, T' * D numbers a video; float32 on the CPU, as are the inputs."""


Build = Callable[..., ClipBackbone]
"""build(name, weights, device): a function of a module, so that worker processes find it."""


def feature_code(build: Build) -> str:
    """Fingerprint of the code that makes features: the module of `build`, the reader, and what they import of packages of the library."""
    modules = import_closure(build.__module__, "avvp_lib.features.clip_media")
    return code_digest(*(name for name in modules if name.count(".") > 1), whole_packages=False)[:16]


def backbone_cards(
    build: Build, weights: dict[str, Path | None], device: str, download: bool
) -> dict[str, BackboneCard]:
    """What each backbone says of itself and of its weights, which are fetched first if that is asked for."""
    if download:
        for name, path in weights.items():
            build(name, path, "cpu", download=True)  # from now on the weights are where `build` looks
    return {name: built(build, name, path, device).card for name, path in weights.items()}


@dataclass(frozen=True)
class Job:
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
        """The network, on the device of this process."""
        return built(self.build, name, self.weights[name], _own_device(self.device))


@dataclass(frozen=True)
class _Prepared:
    """A video that was read: inputs of the networks by backbone, and how reading went."""

    work: Work
    reading: Reading
    inputs: dict[str, Tensor] = field(default_factory=dict)


def job_sizes(device: str, workers: int | None) -> tuple[int, int, int, int]:
    """Processes, videos a batch, videos a task, and decoding threads a process."""
    workers = workers or os.cpu_count() or 1
    if not device.startswith("cuda"):
        return workers, 1, 1, 0
    processes = torch.cuda.device_count() if device == "cuda" else 1
    return processes, GPU_BATCH, GPU_TASK, max(1, workers // processes)


@cache
def built(build: Build, name: str, weights: Path | None, device: str) -> ClipBackbone:
    """The backbone, built once a process."""
    return build(name, weights, device)


def _own_device(device: str) -> str:
    """The GPU of this process where there are several: workers are numbered one after the other, and there are as many as GPUs."""
    if device != "cuda" or torch.cuda.device_count() < 2:
        return device
    number = multiprocessing.current_process().name.rpartition("-")[2]
    return f"cuda:{(int(number) - 1) % torch.cuda.device_count() if number.isdigit() else 0}"


def extract_videos(job: Job, due: list[Work]) -> int:
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


def _read_ahead(job: Job, due: Sequence[Work]) -> Iterator[_Prepared]:
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


def _read(job: Job, work: Work) -> _Prepared:
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


def _encode_batch(job: Job, name: str, videos: list[_Prepared]) -> None:
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
