"""Deliberately broken notebooks: each is refused before anything starts, or fails with a message that says what, where and what is kept."""

import json
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from avvp_lib.runner import NotebookError, find_notebook, plan_runs, run_notebook

ZOO = Path(__file__).parent / "zoo"

REFUSED = {
    "no_parameters.py": r'zoo/no_parameters\.py has no cells tagged "parameters": give it exactly one',
    "two_parameter_cells.py": r'zoo/two_parameter_cells\.py has 2 cells tagged "parameters"',
    "computed_parameter.py": r"zoo/computed_parameter\.py: the parameters cell holds `rate = 1 / 3`: only lines such as",
    "nested_parameter.py": r"zoo/nested_parameter\.py: .*`widths = \{'hidden': 128\}`.* values are text, whole numbers",
    "parameter_set_twice.py": r"zoo/parameter_set_twice\.py: the parameters cell sets seed twice",
    "default_outside_choices.py": r"the help of size and its default disagree: size must be one of small, large, not 'medium'",
    "parameters_not_python.ipynb": r"zoo/parameters_not_python\.ipynb: the parameters cell is not Python: invalid syntax",
    "another_language.ipynb": r"zoo/another_language\.ipynb is written in R: only notebooks in Python",
    "not_a_notebook.ipynb": r"zoo/not_a_notebook\.ipynb cannot be read as a notebook",
}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A workspace with the zoo in it."""
    shutil.copytree(ZOO, tmp_path / "zoo")
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    return tmp_path


def planned(home: Path, name: str, **parameters):
    (run,) = plan_runs(find_notebook(f"zoo/{name}"), [parameters])
    return run


def failure(
    home: Path, name: str, timeout: float | None = None, **parameters
) -> tuple[str, list[nbformat.NotebookNode]]:
    """The message with which a notebook of the zoo fails, and the cells of the copy that is kept."""
    run = planned(home, name, **parameters)
    with pytest.raises(NotebookError) as caught:
        run_notebook(run, timeout)
    assert f"The notebook is kept in {Path('outputs') / 'failed' / run.name}.ipynb" in str(caught.value)
    assert not run.executed.exists() and not (run.folder / "run.json").exists()
    kept = nbformat.read(run.failed, as_version=4)
    nbformat.validate(kept)
    assert not any("avvp-record" in cell.metadata.get("tags", []) for cell in kept.cells)
    return str(caught.value), kept.cells


def errors(cells: list[nbformat.NotebookNode]) -> list[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", []) if output.output_type == "error"]
    return [f"{error.ename}: {error.evalue}" for error in outputs]


def test_every_animal_has_its_test():
    text = Path(__file__).read_text(encoding="utf-8")
    animals = [path.name for path in ZOO.iterdir() if path.suffix in (".py", ".ipynb")]
    assert len(animals) > 15 and [name for name in animals if f'"{name}"' not in text] == []


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_starts(name, home):
    with pytest.raises(ValueError, match=REFUSED[name]):
        planned(home, name)
    assert not (home / "outputs").exists()


def test_a_sound_one_shows_that_the_zoo_can_pass(home):
    run = planned(home, "sound.py")
    assert run_notebook(run)
    printed = nbformat.read(run.executed, as_version=4).cells[-1].outputs[0].text
    assert printed == f"{sys.executable} {home} {home}\n('small', 0, 0.5, False)\n"


def test_an_exception_names_cell_error_and_copy(home):
    message, cells = failure(home, "raises.py")
    assert message.startswith("zoo/raises.py failed in cell [4] `features = {}`: KeyError: 'clap'. The notebook")
    assert "ready" in json.dumps(cells) and errors(cells) == ["KeyError: 'clap'"]


def test_a_syntax_error(home):
    message, _ = failure(home, "syntax_error.ipynb")
    assert "failed in cell [3] `for video in videos`: SyntaxError: expected ':'" in message


def test_a_notebook_that_ends_itself_is_not_a_finished_one(home):
    message, cells = failure(home, "leaves.py")
    assert "failed in cell [3] `import sys`: SystemExit: the notebook ended itself" in message
    assert "never reached" not in json.dumps([cell.get("outputs", []) for cell in cells])


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (3, "the kernel died (exit status 3)"),
        (9, "the kernel was killed (signal 9): most likely the memory was used up"),
    ],
)
def test_a_kernel_that_dies(home, status, cause):
    message, cells = failure(home, "dies.py", status=status)
    assert f"failed in cell [3] `import os`: {cause}" in message
    assert errors(cells) == [f"NotebookError: {cause}"]


def test_a_cell_that_takes_too_long(home):
    message, cells = failure(home, "hangs.py", timeout=1)
    assert "`import time`: it took longer than 1 seconds" in message
    assert errors(cells)[-1] == "NotebookError: it took longer than 1 seconds"


def test_much_output_is_no_fault(home):
    run = planned(home, "prints_too_much.py")
    assert run_notebook(run)
    large, lines = nbformat.read(run.executed, as_version=4).cells[-2:]
    assert len("".join(output.text for output in large.outputs)) == 5_000_001
    assert "".join(output.text for output in lines.outputs).endswith("\n4999\n")


def test_an_output_that_cannot_be_stored(home):
    message, _ = failure(home, "cannot_be_stored.py")
    assert "cell [3] `from IPython.display import display`: ValueError: Can't clean for JSON" in message


def test_a_stored_kernel_and_stored_outputs_do_not_count(home):
    run = planned(home, "strange_kernel.ipynb")
    assert run_notebook(run)
    executed = nbformat.read(run.executed, as_version=4)
    assert executed.cells[-1].outputs[0].text == f"{sys.executable}\n"
    assert executed.metadata.kernelspec.name == "python3"


def test_a_notebook_that_moves_away_still_leaves_its_record(home):
    run = planned(home, "moves_away.py")
    assert run_notebook(run)
    assert json.loads((run.folder / "run.json").read_text())["code"]
