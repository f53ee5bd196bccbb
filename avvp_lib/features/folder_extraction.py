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

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from avvp_lib.features.clip_media import SECONDS
from avvp_lib.features.extraction import check_asked
from avvp_lib.features.folder_banks import is_joined, join, tidy
from avvp_lib.features.folder_plan import due_work, look, make_plan
from avvp_lib.features.folder_reading import (
    Build,
    Job,
    Missing,
    backbone_cards,
    built,
    extract_videos,
    feature_code,
    job_sizes,
)
from avvp_lib.locks import exclusive
from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import remove_unfinished


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
    sizes = job_sizes(device, workers)
    cards = backbone_cards(build, files, device if sizes[0] == 1 else "cpu", download)
    if sizes[0] > 1:
        built.cache_clear()  # networks take gigabytes, and worker processes build their own
    plan = make_plan(dict(sorted(videos.items())), cards, Path(out), feature_code(build), on_missing)
    mine = list(plan.videos)[shard[0] - 1 :: shard[1]]
    stored = look(plan)
    due = due_work(plan, stored, mine, retry_failures)
    if due:
        with exclusive(plan.parts / f"shard-{shard[0]}-of-{shard[1]}"):
            due = due_work(plan, look(plan), mine, retry_failures)  # asked again: another run may have had its turn
            job = Job(plan.parts, build, files, device, on_missing, *sizes)
            tasks = [(job, due[i : i + job.videos]) for i in range(0, len(due), job.videos)]
            run_tasks(extract_videos, tasks, job.processes, len(due), "extract", progress)
        stored = look(plan)
    waiting = sum(not stored.finished(video) for video in plan.videos)
    if not waiting and not is_joined(plan, stored):
        with exclusive(plan.out):
            remove_unfinished(plan.out)
            join(plan, look(plan))
            tidy(plan.parts)
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
