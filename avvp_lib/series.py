"""The tutorial series: all notebooks through Snakemake, and the committed copies renewed from what they gave."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from avvp_lib.locks import exclusive
from avvp_lib.provenance import atomic_path, write_json
from avvp_lib.records import changes
from avvp_lib.runner import RECORD, Run, plan_runs, read_parameters, sources, stale_files, to_notebook
from avvp_lib.runner.notebooks import code_cells, is_tagged
from avvp_lib.workspace import shown, workspace

CHANGES = "outputs/changes"
PREPARED = "outputs/prepared"
RESULTS = "outputs/results.md"
RESULTS_CORPUS = "tutorial-studio-1"
PASSES = 2


@dataclass(frozen=True)
class SeriesReport:
    """What a call of `run_series` has done.

    Attributes:
        runs: of all notebooks.
        executed: names of the runs, corpora and tables that were made now.
        failed: the runs that have no result now.
        status: of Snakemake; 0 if everything is there.
    """

    runs: tuple[Run, ...]
    executed: tuple[str, ...]
    failed: tuple[Run, ...]
    status: int


def plan_series(values: Mapping[str, Any]) -> dict[str, Run]:
    """The run of every notebook of the series by the name of its folder.

    Args:
        values: parameters; each goes to the notebooks that have it.

    Raises:
        ValueError: no notebook has such a parameter, or a value does not fit; see `plan_runs`.
    """
    known = {source: read_parameters(to_notebook(source), shown(source)) for source in sources()}
    for name in values:
        if not any(name in parameters for parameters in known.values()) or name == "out":
            raise ValueError(f"the series cannot be given the parameter {name!r}: its notebooks take "
                             f"{', '.join(sorted({n for p in known.values() for n in p} - {'out'}))}")  # fmt: skip
    runs = []
    for source, parameters in known.items():
        runs += plan_runs(source, [{name: value for name, value in values.items() if name in parameters}])
    return {run.name: run for run in runs}


def mark_changes(series: Mapping[str, Run], profiles: Iterable[str]) -> list[str]:
    """Bring outputs/changes up to date, by which Snakemake knows what to do again; returns what to tell the reader, a line a result.

    Of every result there is a file that names what has changed since. It is newer than the result if anything has, else older.
    """
    found = {}
    for name, run in series.items():
        found[name] = _mark(name, _results(run), lambda run=run: stale_files(run))
    for profile in profiles:
        record = workspace() / PREPARED / f"{profile}.json"
        found[f"prepare-{profile}"] = _mark(
            f"prepare-{profile}", [record], lambda record=record: changes(_json(record))
        )
    table = workspace() / RESULTS
    record = table.with_suffix(".json")
    found["results"] = _mark("results", [table, record], lambda: changes(_json(record)))
    return [f"{name}: changed since: {', '.join(changed)}" for name, changed in found.items() if changed]


def _results(run: Run) -> list[Path]:
    return [run.folder / RECORD, run.executed]


def _mark(name: str, results: list[Path], changed: Callable[[], dict[str, str | None]]) -> dict[str, str | None]:
    """Write or age outputs/changes/<name>.json; returns what has changed since the results were made, {} if they are not there."""
    file = workspace() / CHANGES / f"{name}.json"
    if not all(result.is_file() for result in results):
        if not file.is_file():
            write_json(file, {})
        return {}
    made = min(result.stat().st_mtime_ns for result in results)
    found = changed()
    content = {
        "since": made,
        "changed": found,
    }  # "since", because Snakemake takes an input with the content of last time for unchanged
    newer = file.is_file() and file.stat().st_mtime_ns > made
    if found and not (newer and _json(file) == content):
        write_json(file, content)
    elif not found and not file.is_file():
        write_json(file, {})
    if not found:
        os.utime(file, ns=(made - 10**9, made - 10**9))
    return found


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def run_series(values: Mapping[str, Any], workers: int | None = None) -> SeriesReport:
    """Make what is missing or stale: the corpus, the notebooks, the table. An interrupted call is gone on with by the next one.

    Two calls at once take turns. What changes while they run (an edited module, a corpus that came out otherwise) is done once more.

    Args:
        values: parameters of the notebooks, see `plan_series`.
        workers: processes at a time; all cores by default.

    Raises:
        ValueError: the parameters do not fit, or Snakemake is not installed.
        FileNotFoundError: there is no Snakefile: this is no checkout.
    """
    if not (workspace() / "Snakefile").is_file():
        raise FileNotFoundError(
            f"no Snakefile in {workspace()}: run this inside the checkout, or let AVVP_HOME name it"
        )
    if importlib.util.find_spec("snakemake") is None:
        raise ValueError(
            "the series needs Snakemake: pip install 'avvp[workflow]'. One notebook runs without: avvp run 00"
        )
    series = plan_series(values)
    with exclusive(workspace() / CHANGES):
        before = _made(series)
        for _ in range(PASSES):
            status = _snakemake(values, workers or os.cpu_count() or 1)
            if status or not any(stale_files(run) for run in series.values()):
                break
        after = _made(series)
    executed = tuple(name for name, when in after.items() if before.get(name) != when)
    failed = tuple(run for run in series.values() if not (run.folder / RECORD).is_file())
    return SeriesReport(tuple(series.values()), executed, failed, status)


def _made(series: Mapping[str, Run]) -> dict[str, int]:
    """When the results that are there were made, by name."""
    results = {name: run.folder / RECORD for name, run in series.items()}
    results |= {f"corpus {record.stem}": record for record in (workspace() / PREPARED).glob("*.json")}
    results |= {"results table": workspace() / RESULTS}
    return {name: result.stat().st_mtime_ns for name, result in results.items() if result.is_file()}


def _snakemake(values: Mapping[str, Any], workers: int) -> int:
    """Snakemake's exit status. Its own lock is left aside: it outlives a kill, and `run_series` holds one that does not."""
    command = [sys.executable, "-m", "snakemake", "--nolock", "--rerun-incomplete", "--cores", str(workers)]
    if values:
        command += ["--config", *(f"{name}={value}" for name, value in values.items())]
    process = subprocess.Popen(command, cwd=workspace(), env={**os.environ, "AVVP_HOME": str(workspace())})
    try:
        return process.wait()
    except BaseException:
        _end(process)
        raise


def _end(snakemake: subprocess.Popen) -> None:
    """Let Snakemake start nothing more, and its jobs end themselves and their kernels: it only waits for them."""
    import psutil  # comes with Snakemake

    jobs = psutil.Process(snakemake.pid).children(recursive=True) if snakemake.poll() is None else []
    snakemake.send_signal(signal.SIGINT)
    for job in jobs:
        with suppress(psutil.NoSuchProcess):
            job.terminate()
    snakemake.wait()


def refresh() -> list[Path]:
    """Renew the committed notebooks from the executed ones: prose and comments from the source, outputs by their cells' code.

    Raises:
        ValueError: a notebook was not executed with its defaults, or something behind it has changed since; nothing is renewed.
    """
    runs = [run for source in sources() for run in plan_runs(source)]
    for run in runs:
        if stale := stale_files(run):
            raise ValueError(
                f"{shown(run.folder)} is not what {run.source.name} gives now ({', '.join(stale)}): run `avvp series` first"
            )
    for run in runs:
        notebook = with_outputs(to_notebook(run.source), nbformat.read(run.executed, as_version=4))
        with atomic_path(run.source.with_suffix(".ipynb")) as temporary:
            nbformat.write(scrub(notebook), temporary)
    return [run.source.with_suffix(".ipynb") for run in runs]


def with_outputs(notebook: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A notebook with the outputs of an executed copy of it, whose prose, comments and layout may differ.

    Raises:
        ValueError: the two do not have the same code.
    """
    made = [pair for pair in code_cells(executed) if not is_tagged(pair[0], "injected-parameters")]
    wanted = code_cells(notebook)
    if [digest for _, digest in made] != [digest for _, digest in wanted]:
        raise ValueError("the executed copy has other code than the notebook: run it again")
    for (cell, _), (source, _) in zip(wanted, made, strict=True):
        cell.outputs, cell.execution_count = source.outputs, source.execution_count
    notebook.metadata["language_info"] = executed.metadata["language_info"]
    return notebook


WIDGET = "application/vnd.jupyter.widget-view+json"


def scrub(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Remove what belongs to one machine or one run: papermill's records, timestamps, progress bars, the checkout's path.

    The sources of the cells stay as they are; the cell of parameters that papermill injects goes.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    cells = []
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            continue
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill gives every cell an empty list
        if cell.cell_type == "code":
            kept = [_without_widget(output) for output in cell.outputs if not _is_progress(output)]
            cell.outputs = nbformat.from_dict(json.loads(_without_workspace(json.dumps(kept))))
        cells.append(cell)
    notebook.cells = cells
    return notebook


def _without_workspace(text: str) -> str:
    """JSON text with the paths inside the workspace made relative to it."""
    for prefix in {str(workspace()), str(workspace().resolve())}:
        written = re.escape(json.dumps(prefix)[1:-1])
        text = re.sub(rf"{written}(?![\w.-])", ".", re.sub(rf"{written}/", "", text))
    return text


def _is_progress(output: nbformat.NotebookNode) -> bool:
    """tqdm's bars: a widget, or text on standard error. A widget with a picture of itself is something to look at."""
    data = output.get("data", {})
    return output.get("name") == "stderr" or (WIDGET in data and "image/png" not in data)


def _without_widget(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The output as a page can show it: the state of a widget is not kept, so its picture stands in."""
    output.get("data", {}).pop(WIDGET, None)
    return output
