"""Every notebook of the series and its source are one lesson: the same cells, executed, free of traces of a machine."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

from avvp_lib.runner import to_notebook

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
LARGEST = 500_000  # bytes
PLACES = "home|tmp|root|work|workspace|Users|opt|usr|var|mnt|srv|private"
MACHINE_PATH = re.compile(rf"(?<![\w./~-])/(?:{PLACES})/|\b[A-Z]:\\\\")

each = pytest.mark.parametrize("source", SOURCES or [None], ids=lambda source: source.stem if source else "none")


@pytest.fixture(autouse=True)
def _skip_without_notebooks():
    if not SOURCES:
        pytest.skip("there is no notebook yet")


def executed(source: Path) -> nbformat.NotebookNode:
    pair = source.with_suffix(".ipynb")
    assert pair.is_file(), f"{pair.name} is missing: run `make notebooks`"
    return nbformat.read(pair, as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@each
def test_the_pair_has_the_same_cells(source):
    def cells(notebook):
        return [(cell.cell_type, cell.source.rstrip(), cell.metadata.get("tags", [])) for cell in notebook.cells]

    assert cells(executed(source)) == cells(to_notebook(source)), "they have drifted apart: run `make notebooks`"


def test_no_notebook_is_left_without_its_source():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} <= {source.stem for source in SOURCES}


@each
def test_it_was_executed_in_order_and_without_an_error(source):
    notebook = executed(source)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert None not in counts and counts == sorted(set(counts))
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert outputs
    assert [output for output in outputs if output.output_type == "error"] == []
    assert "papermill" not in notebook.metadata


def shown_text(notebook: nbformat.NotebookNode) -> str:
    """Everything but pictures, whose encoded bytes may look like anything."""
    plain = json.loads(nbformat.writes(notebook))
    for cell in plain["cells"]:
        for output in cell.get("outputs", []):
            output["data"] = {
                kind: data for kind, data in output.get("data", {}).items() if not kind.startswith("image/")
            }
    return json.dumps(plain, ensure_ascii=False)


@each
def test_it_names_no_machine(source):
    found = MACHINE_PATH.search(shown_text(executed(source)))
    assert found is None, f"an absolute path: ...{found.string[max(found.start() - 80, 0) : found.end() + 40]}..."


@each
def test_it_is_small_enough_to_be_read_on_the_web(source):
    pair = source.with_suffix(".ipynb")
    assert pair.is_file() and pair.stat().st_size < LARGEST


@each
def test_it_has_one_cell_of_explained_parameters(source):
    tagged = [cell for cell in to_notebook(source).cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for line in tagged[0].source.splitlines():
        (statement,) = ast.parse(line).body
        assert isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant), (
            f"not a flat value: {line}"
        )
        assert re.search(r"  # \S", line), f"not explained: {line}"
    assert {"profile", "out"} <= {line.split(" =")[0] for line in tagged[0].source.splitlines()}


@each
def test_it_defines_nothing(source):
    """What deserves a name belongs into the library, where it is tested."""
    tree = ast.parse("\n".join(cell.source for cell in code_cells(to_notebook(source))))
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [node.name for node in ast.walk(tree) if isinstance(node, definitions)] == []


def test_the_machine_path_pattern_can_fail():
    for path in ("/home/" + "someone/x", "in '/tmp/" + "ipykernel_1/2.py'", "C:" + "\\\\Users\\\\x"):
        assert MACHINE_PATH.search(path)
    for text in ("data/tmp/x", "https://example.org/home/x", "and/or", "outputs/runs/home/"):
        assert not MACHINE_PATH.search(text)
