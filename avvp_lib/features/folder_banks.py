"""Joining the features of a folder's videos into one bank a backbone, from disk to disk, and the lists of failures and notes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

# A private helper of a module whose code stored banks are stamped with: moving it would make every bank stale.
from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank, _read_feature
from avvp_lib.features.clip_media import ADVICE
from avvp_lib.features.extraction import RECORD
from avvp_lib.features.folder_plan import READINGS, Plan, Stored, bank_rows, read_json
from avvp_lib.features.media import MediaError
from avvp_lib.locks import LOCK
from avvp_lib.provenance import atomic_path, write_json

FAILURE_COLUMNS = ("video", "file", "kind", "reason", "what to do")


def is_joined(plan: Plan, stored: Stored) -> bool:
    """Whether banks and lists are what a join would write, and no parts are left."""
    usable = stored.usable()
    rows = (list(bank_rows(plan.out / name).items()) == _rows(plan, name, usable) for name in plan.rows)
    return not plan.parts.exists() and read_json(plan.out / READINGS) == _readings(plan, stored) and all(rows)


def _rows(plan: Plan, name: str, usable: list[str]) -> list[tuple[str, str]]:
    return [(video, plan.rows[name][video]) for video in usable]


def _readings(plan: Plan, stored: Stored) -> dict[str, Any]:
    return {video: {"digest": plan.readings[video], **reading} for video, reading in stored.readings.items()}


def join(plan: Plan, stored: Stored) -> None:
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
        if list(bank_rows(plan.out / name).items()) != _rows(plan, name, usable):
            _write_bank(plan, name, usable)


def _write_lists(plan: Plan, stored: Stored, failures: dict[str, dict[str, str]]) -> None:
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


def _write_bank(plan: Plan, name: str, usable: list[str]) -> None:
    """Gather rows from parts, and from the bank that is there, into a file on disk, and make it the bank."""
    folder, card = plan.out / name, plan.cards[name]
    in_bank = bank_rows(folder)
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


def tidy(parts: Path) -> None:
    """Remove the parts, unless another process still works on a shard: then whoever comes last does."""
    with ExitStack() as held:
        try:
            for folder in parts.glob("shard-*"):
                held.enter_context(FileLock(folder / LOCK).acquire(timeout=0))
        except Timeout:
            return
        shutil.rmtree(parts, ignore_errors=True)
