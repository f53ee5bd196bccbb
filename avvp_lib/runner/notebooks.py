"""Notebooks as they are before they run: found by name, read from either format, fingerprinted without their prose."""

from __future__ import annotations

import difflib
from pathlib import Path

import jupytext
import nbformat

from avvp_lib.provenance import code_text_digest, json_digest
from avvp_lib.workspace import shown, workspace

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
NOTHING = code_text_digest("")


def sources() -> list[Path]:
    """The py:percent sources of the series, in order; FileNotFoundError outside a checkout."""
    found = sorted((workspace() / "notebooks").glob("[0-9][0-9]_*.py"))
    if not found:
        raise FileNotFoundError("no notebooks/NN_*.py here: run this inside the checkout, or let AVVP_HOME name it")
    return found


def find_notebook(name: str) -> Path:
    """A notebook of the series by its number ("06") or name ("06_baselines"), or any .py or .ipynb by its path.

    Raises:
        FileNotFoundError: there is none, or the number belongs to two.
    """
    if Path(name).suffix in (".py", ".ipynb"):
        for path in (Path.cwd() / name, workspace() / name):
            if path.is_file():
                return path
        raise FileNotFoundError(f"no notebook {name}, neither here nor in {workspace()}")
    series = {source.stem: source for source in sources()}
    found = [stem for stem in series if name in (stem, stem.split("_")[0])]
    if len(found) == 1:
        return series[found[0]]
    if found:
        raise FileNotFoundError(f"{name} may be {' or '.join(found)}: write the whole name")
    close = difflib.get_close_matches(name, series, n=1) or list(series)
    raise FileNotFoundError(f"no notebook {name!r} in the series: did you mean {', '.join(close)}?")


def to_notebook(source: Path) -> nbformat.NotebookNode:
    """A .py (percent) or .ipynb file as a notebook without outputs, for the kernel "python3" whatever was stored in it.

    Cell ids follow the order, so that refreshing changes only what changed.

    Raises:
        ValueError: the file is no notebook, or not one in Python.
    """
    try:
        notebook = jupytext.read(source)
    except Exception as error:  # whatever a reader makes of a file that is something else
        raise ValueError(f"{shown(source)} cannot be read as a notebook: {error}") from error
    stored = notebook.metadata.get("kernelspec", {}), notebook.metadata.get("language_info", {})
    language = stored[0].get("language") or stored[1].get("name") or "python"
    if language.lower() != "python":
        raise ValueError(f"{shown(source)} is written in {language}: only notebooks in Python can be run here")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    notebook.metadata.pop("papermill", None)
    notebook.nbformat, notebook.nbformat_minor = 4, max(notebook.nbformat_minor, 5)  # 4.5 brought the ids
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[tuple[nbformat.NotebookNode, str]]:
    """The cells that do something, each with the fingerprint of what it does; comments and layout do not count."""
    cells = [(cell, _cell_digest(cell)) for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell, digest) for cell, digest in cells if digest != NOTHING]


def _cell_digest(cell: nbformat.NotebookNode) -> str:
    try:
        return code_text_digest(cell.source)
    except SyntaxError:  # a magic, a shell command, or a mistake: taken literally
        return json_digest(cell.source)


def notebook_digest(notebook: nbformat.NotebookNode) -> str:
    """SHA-256 of what a notebook does: its code, cell by cell, and which cell holds the parameters. Prose does not count."""
    return json_digest([[digest, is_tagged(cell, "parameters")] for cell, digest in code_cells(notebook)])


def is_tagged(cell: nbformat.NotebookNode, tag: str) -> bool:
    """Whether a cell has a tag."""
    return tag in cell.metadata.get("tags", [])
