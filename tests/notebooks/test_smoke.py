"""Every notebook runs by plain papermill at the smallest size, from the repository, without touching what is committed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
import pytest

from avvp_lib.series import to_notebook

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
pytestmark = pytest.mark.slow  # the first one also renders the smoke corpus and extracts its features


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """A workspace with a copy of the measured cells and nothing else: what the notebooks need, they make there once."""
    folder = tmp_path_factory.mktemp("workspace")
    if (ROOT / "outputs" / "cells").is_dir():
        shutil.copytree(ROOT / "outputs" / "cells", folder / "outputs" / "cells")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVVP_HOME", str(folder))
        yield folder


def prepared(source: Path, folder: Path) -> Path:
    """The notebook as a reader finds it, or made from its source before the first `make notebooks`."""
    pair = source.with_suffix(".ipynb")
    if pair.is_file():
        return pair
    nbformat.write(to_notebook(source), folder / pair.name)
    return folder / pair.name


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_it_runs(source, home):
    notebook = papermill.execute_notebook(
        prepared(source, home),
        home / f"executed_{source.stem}.ipynb",
        {"profile": "smoke"},
        cwd=ROOT,
        progress_bar=False,
    )
    assert "injected-parameters" in [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert list((home / "outputs" / "runs" / source.stem).rglob("*")), "it wrote nothing into its folder"


def test_parameters_are_set_on_papermills_own_command_line(home):
    source = ROOT / "notebooks" / "06_baselines.py"
    if not source.is_file():
        pytest.skip("notebook 06 is not there yet")
    out = home / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(prepared(source, home)), str(out)]
    command += ["-p", "seed", "3", "-p", "profile", "smoke", "--no-progress-bar"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "training seed 3" in out.read_text(encoding="utf-8")
