"""What is asked of an extraction of a folder, and what of it is there: digests that name each result by all that decided what is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.extraction import PARTS, RECORD, file_state
from avvp_lib.provenance import json_digest

READINGS = "videos.json"
Reading = dict[str, Any]
"""What came of reading a video: {"notes": [...], "failure": None or {"kind": ..., "reason": ...}}."""


@dataclass(frozen=True)
class Plan:
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
        """Where features of single videos wait for the join."""
        return self.out / PARTS


@dataclass(frozen=True)
class Stored:
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
class Work:
    """One video that is due: its file, the digest of its reading, and backbone -> digest of the rows that are missing."""

    video: str
    path: Path
    reading: str
    rows: dict[str, str]


def make_plan(videos: dict[str, Path], cards: dict[str, BackboneCard], out: Path, code: str, on_missing: str) -> Plan:
    """Name every result that is asked for by what decides it: the file, how it is read, the code, and a backbone's card."""
    # Whether a file may be read is no part of its size and time, and is mended without changing them.
    states = {video: [file_state(path), os.access(path, os.R_OK)] for video, path in videos.items()}
    readings = {video: _digest(video, state, on_missing, code) for video, state in states.items()}
    rows = {
        name: {video: _digest(reading, card.to_dict()) for video, reading in readings.items()}
        for name, card in cards.items()
    }
    return Plan(out, videos, readings, rows, cards, code)


def _digest(*values: Any) -> str:
    return json_digest(values)[:20]


def look(plan: Plan) -> Stored:
    """What of a plan is there. Names that begin with a dot are unfinished files and never looked at."""
    known, readings = read_json(plan.out / READINGS), {}
    for video, digest in plan.readings.items():
        reading = read_json(plan.parts / "readings" / f"{digest}.json")
        if not reading and known.get(video, {}).get("digest") == digest:
            reading = {name: known[video][name] for name in ("notes", "failure")}
        if reading:
            readings[video] = reading
    rows = {}
    for name, digests in plan.rows.items():
        in_bank = bank_rows(plan.out / name)
        in_parts = {path.stem for path in (plan.parts / name).glob("[!.]*.npy")}
        rows[name] = {v for v, digest in digests.items() if digest in in_parts or in_bank.get(v) == digest}
    return Stored(readings, rows)


def bank_rows(folder: Path) -> dict[str, str]:
    """id -> digest of the rows of a bank; nothing if there is none, or another program wrote it."""
    record = read_json(folder / RECORD)
    try:
        current = FeatureBank.open(folder).content_hash == record.get("content_hash")
    except BankError:
        return {}
    return record.get("rows", {}) if current else {}


def read_json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing if it is absent or damaged, so that what it should say is made again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def due_work(plan: Plan, stored: Stored, mine: Iterable[str], retry_failures: bool) -> list[Work]:
    """The videos that are due, each with the rows that it lacks."""
    due = []
    for video in mine:
        failed = video in stored.readings and stored.readings[video]["failure"] is not None
        if not stored.finished(video) or (failed and retry_failures):
            rows = {name: digests[video] for name, digests in plan.rows.items() if video not in stored.rows[name]}
            due.append(Work(video, plan.videos[video], plan.readings[video], rows))
    return due
