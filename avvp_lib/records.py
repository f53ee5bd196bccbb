"""What a process has loaded and read: the part of a result's provenance that nobody should have to write down by hand.

Readers of the package call `note_input` for every annotation file, bank, cell and checkpoint they open, and `note_folder` where what
counts is which files there are. At the end of a run `record` says which source files were imported and which inputs were read, each with
its fingerprint. `changes` tells later whether the result is still what a new run would give.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from avvp_lib.provenance import file_digest, json_digest, source_digest
from avvp_lib.workspace import shown, workspace

_inputs: dict[str, str] = {}


def note_input(path: Path) -> None:
    """Remember that this process read a file, and what was in it (its SHA-256)."""
    _inputs[shown(path)] = file_digest(path)


def note_folder(folder: Path, pattern: str) -> None:
    """Remember which files of a folder match a pattern such as "*.json": one more or one less is another input."""
    _inputs[f"{shown(folder)}/{pattern}"] = _names_digest(folder, pattern)


def _names_digest(folder: Path, pattern: str) -> str:
    return json_digest(sorted(path.name for path in Path(folder).glob(pattern)))


def loaded_sources() -> list[Path]:
    """The source files of this package, and of other modules in the workspace, that this process has imported."""
    package, installed = Path(__file__).resolve().parent, Path(sys.prefix).resolve()
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is None or not file.endswith(".py") or not Path(file).is_absolute():  # torch names files that are none
            continue
        path = Path(file).resolve()
        own = path.is_relative_to(workspace().resolve()) and not path.is_relative_to(installed)
        if own or path.is_relative_to(package):
            found.add(path)
    return sorted(found)


def record(whole_package: bool = False) -> dict[str, Any]:
    """What this process has imported and read so far: {"code": {file: digest}, "inputs": {file: digest}}.

    Code is digested without comments, docstrings and layout; inputs as they are. A source that can no longer be read gets None.

    Args:
        whole_package: list all of the package's code, for a result that asks after the code of modules it does not import.
    """
    code = set(loaded_sources()) | set(Path(__file__).resolve().parent.rglob("*.py") if whole_package else ())
    return {
        "code": {shown(path): _digest_now(path, source_digest) for path in sorted(code)},
        "inputs": dict(sorted(_inputs.items())),
    }


def not_since(code: Mapping[str, str | None], started: float) -> dict[str, str | None]:
    """The digests of a record, with None for files that were written after a time (seconds since the epoch).

    A process that ran from then on may have imported what the file held before: what it used is unknown, so it counts as changed.
    """
    return {name: digest if _written(workspace() / name) <= started else None for name, digest in code.items()}


def _written(path: Path) -> float:
    return path.stat().st_mtime if path.is_file() else 0.0


def changes(stored: Mapping[str, Any], remade: Path | None = None) -> dict[str, str | None]:
    """What a record names and what has another fingerprint now: {file: fingerprint now, None if it is missing or unreadable}.

    Args:
        stored: of `record`.
        remade: a folder whose files are made again, the same, when somebody needs them: those that are missing do not count.
    """
    found = {name: (_digest_now(workspace() / name, source_digest), digest) for name, digest in stored["code"].items()}
    for name, digest in stored["inputs"].items():
        path = workspace() / name
        there = path.parent.is_dir() if "*" in path.name else path.is_file()
        if there or remade is None or not path.is_relative_to(remade):
            found[name] = (_input_digest(path), digest)
    return {name: now for name, (now, then) in found.items() if now is None or now != then}


def _input_digest(path: Path) -> str | None:
    return _names_digest(path.parent, path.name) if "*" in path.name else _digest_now(path, file_digest)


def _digest_now(path: Path, digest: Callable[[Path], str]) -> str | None:
    try:
        status = os.stat(path)
        return _digest_of(path, digest, status.st_mtime_ns, status.st_size)
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None


@lru_cache(maxsize=4096)
def _digest_of(path: Path, digest: Callable[[Path], str], written: int, size: int) -> str:
    """The digest of a file, computed once as long as it is not written again."""
    return digest(path)
