"""A run: a notebook, all of its parameters and the folder they lead to; and whether what lies there is what a new run would give."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avvp_lib.provenance import json_digest
from avvp_lib.records import changes
from avvp_lib.runner.notebooks import notebook_digest, to_notebook
from avvp_lib.runner.parameters import Parameter, Value, checked, read_parameters, typed
from avvp_lib.workspace import shown, workspace

RECORD = "run.json"
"""What a finished run says about itself. It is removed when a run starts and written last: where it is, the run is complete."""

SAFE = re.compile(r"[a-z0-9._+-]*[a-z0-9]")
LONGEST_NAME = 120  # characters; file systems take 255 bytes


@dataclass(frozen=True)
class Run:
    """One notebook with one set of parameters.

    Attributes:
        source: the notebook's .py or .ipynb file.
        given: the parameters that differ from their defaults, and `out` if it was given.
        parameters: all of them, as the notebook gets them.
        folder: where its results go.
        name: of the folder, unless the parameter `out` chose another; and of the kept copy if it fails.
    """

    source: Path
    given: dict[str, Value]
    parameters: dict[str, Value]
    folder: Path
    name: str

    @property
    def executed(self) -> Path:
        """The executed notebook."""
        return self.folder / f"{self.source.stem}.ipynb"

    @property
    def failed(self) -> Path:
        """Where a copy is kept while it runs, and if it fails."""
        return workspace() / "outputs" / "failed" / f"{self.name}.ipynb"


def plan_runs(source: Path, sets: Iterable[Mapping[str, Any]] = ({},)) -> list[Run]:
    """The runs of a notebook for some sets of parameters; nothing is started.

    A run with all defaults goes to outputs/runs/<notebook>, another one to outputs/runs/<notebook>-<name>=<value>-..., or where its
    parameter `out` says. A notebook that has the parameter `out` is told its folder through it.

    Raises:
        ValueError: a set does not fit the notebook's parameters, see `parameters.checked`; or two sets lead to one folder.
    """
    name = shown(source)
    parameters = read_parameters(to_notebook(source), name)
    runs: dict[Path, Run] = {}
    for number, given in enumerate(sets, start=1):
        run = _run(source, parameters, checked(parameters, given, name), "out" in given)
        if run.folder in runs:
            raise ValueError(
                f"{name}: set {number}, {dict(given)}, would write into the folder of an earlier one, {shown(run.folder)}"
            )
        runs[run.folder] = run
    return list(runs.values())


def typed_values(source: Path, written: Iterable[tuple[str, str]]) -> dict[str, Value]:
    """Names and values from a command line, converted to the types of a notebook's parameters; for `plan_runs`.

    Raises:
        ValueError: a value does not fit its parameter, or a parameter is given twice.
    """
    name = shown(source)
    return typed(read_parameters(to_notebook(source), name), written, name)


def _run(source: Path, parameters: Mapping[str, Parameter], values: dict[str, Value], own_folder: bool) -> Run:
    given = {name: value for name, value in values.items() if value != parameters[name].default}
    if own_folder:
        given["out"] = values["out"]
    name = run_name(source.stem, given)
    folder = workspace() / (str(values["out"]) if own_folder else Path("outputs") / "runs" / name)
    if "out" in values and not own_folder:
        values = {**values, "out": folder.relative_to(workspace()).as_posix()}
    return Run(source, given, values, folder, name)


def run_name(stem: str, given: Mapping[str, Value]) -> str:
    """A folder's name for the parameters that differ from their defaults: readable, and good on every file system.

    Values of other characters than lower-case letters, digits and . _ + - are simplified and get a fingerprint, so that two values
    never share a name, not even where case does not count. So does a name that is too long.
    """
    name = "-".join([stem, *(f"{key}={_safe(value)}" for key, value in given.items())])
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME].rstrip('.-= ')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _safe(value: Value) -> str:
    text = str(value).lower() if isinstance(value, (bool, int, float)) else value
    if SAFE.fullmatch(text):
        return text
    simple = re.sub(r"[^a-z0-9._+]+", "_", text.lower()).strip("_.")
    return "-".join(filter(None, [simple, hashlib.sha256(text.encode()).hexdigest()[:8]]))


def read_record(folder: Path) -> dict[str, Any] | None:
    """The run.json of a folder; None if no run has finished there, or if the file is no such record."""
    try:
        stored = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return stored if isinstance(stored, dict) and {"notebook", "digest", "parameters"} <= stored.keys() else None


def stale_files(run: Run) -> dict[str, str | None]:
    """What has changed since a run finished: files by name, with their fingerprint now, None if missing. {} if nothing has.

    Files below data/ that are missing do not count: they are made again, the same, when a run needs them, and are compared then.
    """
    stored = read_record(run.folder)
    if stored is None:
        return {shown(run.folder / RECORD): None}
    changed = changes(stored, remade=workspace() / "data")
    digest = notebook_digest(to_notebook(run.source))
    if (stored["notebook"], stored["digest"]) != (shown(run.source), digest):
        changed[shown(run.source)] = digest
    if stored["parameters"] != run.parameters:
        changed["parameters"] = json_digest(run.parameters)
    if not run.executed.is_file():
        changed[shown(run.executed)] = None
    return changed


def is_current(run: Run) -> bool:
    """Whether the run has finished and nothing behind it has changed since."""
    return not stale_files(run)
