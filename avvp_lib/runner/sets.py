"""Many runs of one notebook: sets of parameters from a YAML file, beside each other, going on where they were stopped."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from avvp_lib.runner.execution import NotebookError, run_notebook
from avvp_lib.runner.runs import Run
from avvp_lib.workspace import shown


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a name that comes twice in one mapping is a mistake and not an overwriting."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_sets(file: Path, common: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Sets of parameters from a YAML file; values keep the types that YAML gives them.

    A list of mappings is a list of sets. One mapping is a grid: every combination of its values, each a list or a single value.

    Args:
        file: see above.
        common: what every set has besides.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not YAML, or holds something else, or nothing, or what is in `common`.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _StrictLoader)  # a SafeLoader: plain values only
    except yaml.YAMLError as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    if isinstance(content, dict):
        values = [value if isinstance(value, list) else [value] for value in content.values()]
        content = [dict(zip(content, combination, strict=True)) for combination in itertools.product(*values)]
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise ValueError(f"{file} must hold a list of mappings (sets of parameters) or one mapping of lists (a grid)")
    if not content:
        raise ValueError(f"{file} holds no set of parameters")
    for one in content:
        for name in one:
            if not isinstance(name, str):
                raise ValueError(f"{file}: {name!r} is no name of a parameter")
            if name in (common or {}):
                raise ValueError(f"{name} is given twice: on the command line and in {file}")
    return [{**(common or {}), **one} for one in content]


def run_sets(runs: Sequence[Run], jobs: int = 1, timeout: float | None = None, force: bool = False) -> list[Run]:
    """Execute runs one after the other, or some at a time, each in a process of its own; a run that fails does not stop the others.

    Args:
        runs: of `plan_runs`.
        jobs: how many at a time.
        timeout, force: as of `run_notebook`.

    Returns:
        The runs that failed, in order. What went wrong was printed as it happened, and so was what was there already.
    """
    if jobs == 1:
        return [run for run in runs if not _run_here(run, timeout, force)]
    children: list[subprocess.Popen] = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            ended = list(pool.map(lambda run: _run_beside(run, timeout, force, children), runs))
        except (
            BaseException
        ):  # interrupted or terminated: end the children, each of which ends its kernel, and start no others
            pool.shutdown(wait=False, cancel_futures=True)
            for child in children:
                child.terminate()
            raise
    return [run for run, well in zip(runs, ended, strict=True) if not well]


def _run_here(run: Run, timeout: float | None, force: bool) -> bool:
    """Whether the run has results now; prints which, or why not."""
    try:
        executed = run_notebook(run, timeout, force=force)
    except NotebookError as error:
        print(f"avvp: {error}", file=sys.stderr, flush=True)
        return False
    print(f"{'finished' if executed else 'is there already'}: {shown(run.folder)}", flush=True)
    return True


def _run_beside(run: Run, timeout: float | None, force: bool, children: list[subprocess.Popen]) -> bool:
    """`avvp run` with the one set in a process of its own, which prints what happens."""
    with tempfile.TemporaryDirectory(prefix="avvp-") as folder:
        one = Path(folder) / "set.yaml"
        one.write_text(yaml.safe_dump([run.given], allow_unicode=True), encoding="utf-8")
        command = [sys.executable, "-m", "avvp_lib.cli", "run", str(run.source), "--sets", str(one)]
        command += [*(["--timeout", str(timeout)] if timeout else []), *(["--force"] if force else [])]
        child = subprocess.Popen(command)
        children.append(child)
        return child.wait() == 0
