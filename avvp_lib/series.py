"""The tutorial series: execute every notebook in order through papermill, and refresh the committed copies."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jupytext
import nbformat
import papermill
from tqdm.auto import tqdm

from avvp_lib.provenance import atomic_path
from avvp_lib.workspace import shown, workspace


class NotebookError(RuntimeError):
    """A notebook that failed; names it, the cell and the copy that was kept."""


def sources() -> list[Path]:
    """The py:percent sources of the series, in order; FileNotFoundError outside a checkout."""
    found = sorted((workspace() / "notebooks").glob("[0-9][0-9]_*.py"))
    if not found:
        raise FileNotFoundError("no notebooks/NN_*.py here: run this inside the checkout, or let AVVP_HOME name it")
    return found


def to_notebook(source: Path) -> nbformat.NotebookNode:
    """A source as a notebook without outputs. Cell ids follow the order, so that refreshing changes only what changed."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return notebook


def execute(source: Path, out: Path, parameters: dict, progress: bool = True) -> Path:
    """Execute one notebook from the workspace and write it with its outputs.

    Args:
        source: py:percent file.
        out: folder of the executed notebook.
        parameters: what to set after the cell tagged "parameters".

    Raises:
        NotebookError: a cell failed. The notebook is kept, with the error in it.
    """
    out.mkdir(parents=True, exist_ok=True)
    fresh, executed = out / f".{source.stem}.ipynb", out / f"{source.stem}.ipynb"
    nbformat.write(to_notebook(source), fresh)
    try:
        papermill.execute_notebook(
            fresh, executed, parameters, kernel_name="python3", cwd=workspace(), progress_bar=progress, log_output=False
        )
    except papermill.PapermillExecutionError as error:
        raise NotebookError(
            f"{source.name} failed in cell [{error.exec_count}] with {error.ename}: {error.evalue}. "
            f"The notebook is kept in {shown(executed)}"
        ) from error
    finally:
        fresh.unlink()
    return executed


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
            kept = [output for output in cell.outputs if not _is_progress(output)]
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
    """tqdm's bars: a widget, or text on standard error."""
    return output.get("name") == "stderr" or "application/vnd.jupyter.widget-view+json" in output.get("data", {})


def run_series(profile: str, refresh: bool, progress: bool = True) -> list[Path]:
    """Execute all notebooks in order into outputs/notebooks; with `refresh`, also renew the committed copies.

    Returns:
        The figures that the notebooks wrote.
    """
    figures: list[Path] = []
    for source in tqdm(sources(), desc="series", unit="notebook", disable=not progress):
        out = workspace() / "outputs" / "runs" / source.stem
        for left_over in out.glob("*.png"):
            left_over.unlink()
        executed = execute(source, workspace() / "outputs" / "notebooks", {"profile": profile}, progress)
        if refresh:
            with atomic_path(source.with_suffix(".ipynb")) as temporary:
                nbformat.write(scrub(nbformat.read(executed, as_version=4)), temporary)
        figures += sorted(out.glob("*.png"))
    return figures
