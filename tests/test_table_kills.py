"""A table that is killed without warning at random moments: no cell is measured twice, none is half there, and it ends unharmed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avvp_lib.cells import CELL_FILES
from avvp_lib.fit_state import HISTORY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
COMMAND = ("table", "mug/4", "--profile", "smoke", "--corpus", "studio-0", "--seeds", "1")
ROWS = ("--rows", "HAN", "MGN", "JoMoLD")
CELLS = {f"{name}-{videos}-0.json" for name in ("han", "mgn", "jomold") for videos in ("zero-shot", "combined-1")}
KILLS, WORKERS = 5, 2
PATIENCE = 600  # seconds that a run may take at most on a busy machine


def begin(home: Path) -> subprocess.Popen:
    """`avvp table` with its workers, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "avvp_lib.cli", *COMMAND, *ROWS, "--workers", str(WORKERS)],
        env={**os.environ, "AVVP_HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen) -> None:
    _, printed = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed[-3000:]


def workspace(folder: Path, data: Path) -> Path:
    shutil.copytree(data, folder / "data")
    return folder


def cells(home: Path) -> dict[str, bytes]:
    """The bytes of what counts as a cell."""
    return {path.name: path.read_bytes() for path in (home / "outputs" / "cells").rglob(CELL_FILES)}


def results(home: Path) -> dict[str, dict]:
    """The cells without how long they took."""
    return {name: {**json.loads(text), "seconds": None} for name, text in cells(home).items()}


def tables(home: Path) -> dict[str, str]:
    folder = home / "outputs" / "tables" / "smoke-studio-0"
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.csv")}


def epochs(home: Path) -> int:
    """How many epochs are kept: the rows of all histories."""
    kept = (home / "outputs" / "trainings").rglob(HISTORY)
    return sum(max(len(path.read_text(encoding="utf-8").splitlines()) - 1, 0) for path in kept)


def kill_in_the_work(home: Path, number: int, seconds: float) -> bool:
    """Kill a run some seconds after it has done a number of epochs; whether it was still at it.

    Counted in epochs, because how fast a busy machine is changes from run to run.
    """
    enough, limit = epochs(home) + number, time.monotonic() + PATIENCE
    process = begin(home)
    while process.poll() is None and epochs(home) < enough:
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.01)
    time.sleep(seconds)
    in_time = process.poll() is None
    if in_time:
        os.killpg(process.pid, signal.SIGKILL)
    _, printed = process.communicate()
    assert in_time or process.returncode == 0, printed[-3000:]
    return in_time


@pytest.fixture(scope="module")
def unharmed(smoke_data, tmp_path_factory) -> Path:
    """A workspace in which the table was measured without interruption."""
    home = workspace(tmp_path_factory.mktemp("unharmed"), smoke_data)
    end(begin(home))
    return home


def test_a_table_that_is_killed_loses_the_cells_in_flight_and_no_others(unharmed, smoke_data, tmp_path, capsys):
    home = workspace(tmp_path, smoke_data)
    share = epochs(unharmed) // (KILLS + 1)
    assert share > 0, "too few epochs to kill a run in"
    moments, kept, in_time, finished = random.Random("kills"), {}, 0, []
    for number in range(KILLS):
        in_time += kill_in_the_work(home, moments.randint(1, share), 0.3 * moments.random())
        now = cells(home)
        assert all(now[name] == text for name, text in kept.items()), "a cell that was there has been touched"
        assert all("per_video" in json.loads(text) for text in now.values()), "a cell is half there"
        kept = now
        finished.append(len(now))
        if number == 0:  # a kill hardly ever falls into a write: this is what it would leave
            folder = home / "outputs" / "cells" / "smoke-studio-0"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".han-zero-shot-0.4711.json").write_text('{"exp')
    assert in_time >= KILLS - 1 and finished[-2] < len(CELLS), "most kills must fall into the work"
    assert finished[-1] > 0, "a kill must find something to harm"
    end(begin(home))
    last = cells(home)
    assert set(last) == CELLS and all(last[name] == text for name, text in kept.items())
    assert results(home) == results(unharmed)
    assert tables(home) == tables(unharmed) and "mug-4.csv" in tables(home)
    assert (home / "outputs" / "tables" / "smoke-studio-0" / "mug-4.md").is_file()
    assert not (home / "outputs" / "tables" / "failures").exists()
    with capsys.disabled():
        print(f"\n{in_time} of {KILLS} kills fell into the work; cells after each: {finished}")
