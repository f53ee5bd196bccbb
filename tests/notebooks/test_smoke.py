"""Every notebook runs at the smallest size, and so does every answer to its exercises, without touching what is committed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from avvp_lib.runner import is_current, plan_runs, run_notebook, to_notebook, write_versions

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
pytestmark = pytest.mark.slow  # the first one also renders the smoke corpus and extracts its features


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """A workspace with copies of the measured cells and the examples: what else the notebooks need, they make there once."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("outputs/cells", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVVP_HOME", str(folder))
        yield folder


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_it_runs_with_all_answers(source, home):
    (teachers,) = write_versions([source], home / "teacher", "teacher")
    (run,) = plan_runs(teachers, [{"profile": "smoke"}])
    assert run_notebook(run, progress=False)
    made = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert made["files"], "it wrote nothing into its folder"
    assert len(made["code"]) > 10 and made["inputs"]
    assert is_current(run), "what it says that it has read is not what is there: it read something that it wrote later"


def prepared(source: Path, folder: Path) -> Path:
    """The notebook as a reader finds it, or made from its source before the first `make notebooks`."""
    pair = source.with_suffix(".ipynb")
    if pair.is_file():
        return pair
    nbformat.write(to_notebook(source), folder / pair.name)
    return folder / pair.name


def test_papermills_own_command_line_does(home):
    source = ROOT / "notebooks" / "06_baselines.py"
    out = home / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(prepared(source, home)), str(out)]
    command += ["-p", "seed", "3", "-p", "profile", "smoke", "--no-progress-bar"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "training seed 3" in out.read_text(encoding="utf-8")
