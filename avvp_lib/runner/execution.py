"""Execute one run through papermill: whole results or none, and errors that name the notebook, the cell and the copy that was kept."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from avvp_lib.locks import exclusive
from avvp_lib.provenance import atomic_path, write_json
from avvp_lib.records import not_since
from avvp_lib.runner.kernels import own_python
from avvp_lib.runner.notebooks import is_tagged, notebook_digest, to_notebook
from avvp_lib.runner.runs import RECORD, Run, is_current
from avvp_lib.workspace import shown, workspace

START_TIMEOUT = 120  # seconds until a kernel must answer; a busy machine takes its time
OUTPUT_TIMEOUT = 60  # seconds that the output of a finished cell may lag behind
RECORD_TAG = "avvp-record"
PACKAGES = (
    "numpy", "torch", "torchvision", "lightning-fabric", "open_clip_torch", "av", "pandas", "papermill", "nbclient", "ipykernel",
)  # fmt: skip


class NotebookError(RuntimeError):
    """A notebook that failed; names it, the cell and the copy that was kept."""


def run_notebook(
    run: Run,
    timeout: float | None = None,
    failed: Path | None = None,
    force: bool = False,
    progress: bool | None = None,
) -> bool:
    """Execute a run from the workspace and write the executed notebook and run.json into its folder.

    Whoever else runs into that folder waits, or is waited for. A kernel that does not start is started once more; a notebook never is.

    Args:
        run: see `plan_runs`.
        timeout: seconds that one cell may take; any number by default.
        failed: where a copy is kept while the notebook runs, and for good if it fails; `run.failed` by default.
        force: run even if the results are there and current.
        progress: show a bar of cells; only on a terminal by default.

    Returns:
        Whether it was executed: False if the results were there and nothing behind them had changed.

    Raises:
        NotebookError: a cell failed or took too long, the kernel died or did not start, or the notebook ended itself half-way.
    """
    copy = Path(failed) if failed is not None else run.failed
    progress = sys.stderr.isatty() if progress is None else progress
    with exclusive(run.folder):
        if not force and is_current(run):
            return False
        for result in (run.folder / RECORD, run.executed):
            result.unlink(missing_ok=True)
        copy.parent.mkdir(parents=True, exist_ok=True)
        _execute(run, copy, timeout, progress)
        copy.unlink(missing_ok=True)
    return True


def _execute(run: Run, copy: Path, timeout: float | None, progress: bool) -> None:
    started, clock = time.time(), time.perf_counter()
    notebook = to_notebook(run.source)
    digest = notebook_digest(notebook)
    with _private_folder() as private:
        record = private / "record.json"
        notebook.cells.append(_record_cell(record))
        nbformat.write(notebook, private / "notebook.ipynb")
        executed = _through_papermill(run, private, copy, timeout, progress)
        if not record.is_file():
            raise NotebookError(
                _describe(run, copy, "SystemExit: the notebook ended itself, the cells behind it did not run")
            )
        found = json.loads(record.read_text(encoding="utf-8"))
    own = f"{shown(run.folder)}/"
    provenance = {
        "notebook": shown(run.source),
        "digest": digest,
        "parameters": run.parameters,
        "seed": run.parameters.get("seed"),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
        "seconds": round(time.perf_counter() - clock, 1),
        "versions": _versions(),
        "code": not_since(found["code"], started),
        "inputs": {name: value for name, value in found["inputs"].items() if not Path(name).as_posix().startswith(own)},
        "files": _written_since(run.folder, started),
    }
    with atomic_path(run.executed) as temporary:
        nbformat.write(_without_record(executed, run), temporary)
    write_json(run.folder / RECORD, provenance)


@contextmanager
def _private_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="avvp-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _record_cell(record: Path) -> nbformat.NotebookNode:
    """The last cell, in which the kernel says what it has loaded and read. It is taken out of the executed notebook again."""
    code = (
        "from pathlib import Path as _Path\n\nfrom avvp_lib.provenance import write_json as _write_json\n"
        f"from avvp_lib.records import record as _record\n\n_write_json(_Path({str(record)!r}), _record())"
    )
    return nbformat.v4.new_code_cell(code, id="avvp-record", metadata={"tags": [RECORD_TAG]})


def _through_papermill(
    run: Run, private: Path, copy: Path, timeout: float | None, progress: bool
) -> nbformat.NotebookNode:
    """Execute private/notebook.ipynb, keeping `copy` up to date cell by cell; errors become a `NotebookError`."""
    for attempt in (1, 2):
        exits: list[int] = []
        with _private_folder() as address:
            try:
                return papermill.execute_notebook(
                    _literally(private / "notebook.ipynb"),
                    _literally(copy),
                    run.parameters,
                    kernel_name="python3",
                    progress_bar=progress,
                    start_timeout=START_TIMEOUT,
                    execution_timeout=timeout,
                    iopub_timeout=OUTPUT_TIMEOUT,
                    store_widget_state=False,  # frames and sound; a widget that is worth seeing has a picture of itself
                    kernel_manager_class=own_python(address, {"AVVP_HOME": str(workspace())}, exits),
                    resources={"metadata": {"path": str(workspace())}},
                )
            except papermill.PapermillExecutionError as error:
                raise NotebookError(
                    _describe(run, copy, f"{error.ename}: {error.evalue}".rstrip(": "), True)
                ) from error
            except CellTimeoutError as error:
                raise NotebookError(_describe(run, copy, f"it took longer than {timeout:g} seconds")) from error
            except DeadKernelError as error:
                raise NotebookError(_describe(run, copy, _cause_of_death(exits))) from error
            except (RuntimeError, OSError) as error:
                if _last_started(copy) is not None:
                    raise NotebookError(_describe(run, copy, f"{type(error).__name__}: {error}")) from error
                if attempt == 2:
                    raise NotebookError(f"{shown(run.source)}: the kernel did not start, twice: {error}") from error
    raise AssertionError("unreachable: the second attempt returns or raises")


def _literally(path: Path) -> str:
    """A path that papermill leaves as it is: it takes braces for places to fill in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _cause_of_death(exits: list[int]) -> str:
    if not exits or exits[0] is None:
        return "the kernel died"
    if exits[0] == -9:
        return "the kernel was killed (signal 9): most likely the memory was used up"
    how = f"signal {-exits[0]}" if exits[0] < 0 else f"exit status {exits[0]}"
    return f"the kernel died ({how})"


def _last_started(copy: Path) -> int | None:
    """The index of the last cell that was started in a copy that papermill keeps; None if none was."""
    if not copy.is_file():
        return None
    cells = nbformat.read(copy, as_version=4).cells
    started = [
        index for index, cell in enumerate(cells) if _is_code(cell) and cell.metadata.papermill.get("start_time")
    ]
    return started[-1] if started else None


def _is_code(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and "papermill" in cell.metadata


def _describe(run: Run, copy: Path, cause: str, told: bool = False) -> str:
    """What went wrong and where; the cause is written into the kept copy, too, unless the cell has `told` it."""
    where = f"{shown(run.source)} failed"
    if (index := _last_started(copy)) is not None:
        notebook = nbformat.read(copy, as_version=4)
        cell = notebook.cells[index]
        number = sum(_is_code(earlier) for earlier in notebook.cells[: index + 1])
        first = next(
            (line for line in cell.source.splitlines() if line.strip() and not line.lstrip().startswith("#")), ""
        )
        where += f" in cell [{number}] `{first.strip()}`"
        if not told:
            cell.outputs.append(nbformat.v4.new_output("error", ename="NotebookError", evalue=cause, traceback=[cause]))
        notebook.cells = [kept for kept in notebook.cells if not is_tagged(kept, RECORD_TAG) or kept is cell]
        with atomic_path(copy) as temporary:
            nbformat.write(notebook, temporary)
    return f"{where}: {cause}. The notebook is kept in {shown(copy)}"


def _without_record(executed: nbformat.NotebookNode, run: Run) -> nbformat.NotebookNode:
    executed.cells = [cell for cell in executed.cells if not is_tagged(cell, RECORD_TAG)]
    executed.metadata.papermill["input_path"] = shown(run.source)
    executed.metadata.papermill["output_path"] = shown(run.executed)
    return executed


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("avvp", *PACKAGES):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _written_since(folder: Path, started: float) -> list[str]:
    """The files that the notebook wrote into its folder, by name; not what was there before."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in found if path.stat().st_mtime >= started)
