"""Rendering, extracting and training, killed without warning at random moments: the next run ends as if nothing had happened.

Each kill takes a fresh folder and a process of its own; this process then runs the work to its end and compares. Moments are drawn one
from each fifth of the work, which is counted in files that are finished: how fast a busy machine is changes from run to run.
"""

import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from avvp_lib.corpora.synthetic import SIZES, CorpusSettings, writer
from avvp_lib.features import extraction
from avvp_lib.training import evaluate
from tests.conftest import PROJECT_ROOT
from tests.killed_work import BEGIN, CORPUS, EPOCHS, extract_all, render, train
from tests.media_files import write_truncated
from tests.test_training import make_data

pytestmark = pytest.mark.slow

KILLS = 5
PATIENCE = 60  # seconds that anything here may take at most on a busy machine


def begin(work: str, *arguments: object) -> subprocess.Popen:
    """A function of `killed_work` in a process of its own, which has imported everything and begins its work now."""
    call = f"{work}(*({', '.join(map(repr, arguments))},))"
    code = (
        f"from pathlib import *\nfrom tests.killed_work import {work}, tell_of_files\n{BEGIN[work]}\ntell_of_files()\n"
    )
    code += f"print(flush=True)\n{call}\n"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "\n"
    return process


def end(process: subprocess.Popen) -> bool:
    """Wait for a process; whether it did all of its work."""
    process.wait(PATIENCE)
    process.stdout.close()
    return process.returncode == 0


def size_of(work: str, *arguments: object) -> tuple[int, float]:
    """How many files the work finishes when nobody interrupts it, and how many seconds it takes for one."""
    process, start = begin(work, *arguments), time.perf_counter()
    files = len(process.stdout.readlines())
    seconds = (time.perf_counter() - start) / files
    assert end(process)
    return files, seconds


def kill_often(folder: Path, size: tuple[int, float], work: str, *arguments: object) -> list[Path]:
    """Kill the work once in each of several folders, earlier in the first and later in the last; returns the folders."""
    files, seconds = size
    moments, folders, in_time = random.Random(work), [], 0
    for number in range(KILLS):
        folders.append(folder / f"killed {number}")
        process = begin(work, folders[-1], *arguments)
        for _ in range(int(files * (number + moments.random()) / KILLS)):
            process.stdout.readline()
        time.sleep(seconds * moments.random())  # the next file is begun, or half written, or finished
        process.send_signal(signal.SIGKILL)
        in_time += not end(process)
    assert in_time >= KILLS - 2, "most kills must fall into the work"
    return folders


def run_twice_at_once(work: str, *arguments: object) -> None:
    first, second = begin(work, *arguments), begin(work, *arguments)
    assert end(first) and end(second)


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file but for locks; names of unfinished files included."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# ---- rendering


@pytest.fixture
def small_tasks(monkeypatch):
    """The sizes that `killed_work` sets, taken back afterwards."""
    monkeypatch.setitem(SIZES, "smoke", SIZES["smoke"])
    monkeypatch.setattr(writer, "VIDEOS_PER_TASK", writer.VIDEOS_PER_TASK)
    monkeypatch.setattr(extraction, "VIDEOS_PER_CHUNK", extraction.VIDEOS_PER_CHUNK)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> tuple[dict[str, bytes], tuple[int, float]]:
    """A corpus rendered without interruption, and how much work it was."""
    folder = tmp_path_factory.mktemp("rendered") / "corpus"
    size = size_of("render", folder)
    return contents(folder), size


def test_a_killed_rendering_goes_on(rendered, small_tasks, tmp_path):
    whole, size = rendered
    assert len(whole) == sum(CORPUS) + 9, "the videos, eight annotation files and the card"
    for folder in kill_often(tmp_path, size, "render"):
        render(folder)
        assert contents(folder) == whole


def test_two_renderings_of_one_folder_take_turns(rendered, tmp_path):
    run_twice_at_once("render", tmp_path / "corpus")
    assert contents(tmp_path / "corpus") == rendered[0]


def children(process: int) -> dict[int, str]:
    """The states of the processes that a process has started, by their ids."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has ended in the meantime
            continue
        if int(parent) == process:
            found[int(path.parent.name)] = state
    return found


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the process table of Linux")
def test_workers_do_not_outlive_a_killed_parent(rendered, small_tasks, tmp_path):
    root = tmp_path / "corpus"
    process = begin("render", root, 2)
    wait_until(lambda: len(list((root / "videos").glob("*.mp4"))) >= 2)
    workers = children(process.pid)
    assert len(workers) >= 2, "two workers, and perhaps the tracker of what they share"
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(map(alive, workers)))
    assert len(list((root / "videos").glob("*.mp4"))) < sum(CORPUS), "nobody went on with the work"
    render(root)
    assert contents(root) == rendered[0]
    process.stdout.close()


# ---- extraction


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """A folder with two rendered videos and a broken one."""
    folder = tmp_path_factory.mktemp("clips")
    for index in range(2):
        writer._render_chunk(folder, CorpusSettings(seed=700, size="smoke"), [("test", index)])
    write_truncated(folder / "videos" / "broken.mp4")
    return folder / "videos"


@pytest.fixture(scope="module")
def extracted(clips, tmp_path_factory) -> tuple[dict[str, bytes], tuple[int, float]]:
    """Banks extracted without interruption, and how much work it was."""
    folder = tmp_path_factory.mktemp("extracted") / "features"
    size = size_of("extract_all", folder, clips)
    return contents(folder), size


def test_a_killed_extraction_goes_on(extracted, clips, small_tasks, tmp_path):
    whole, size = extracted
    assert len(whole) == 2 * 3 + 1 and "failures.csv" in whole
    for folder in kill_often(tmp_path, size, "extract_all", clips):
        extract_all(folder, clips)
        assert contents(folder) == whole and not (folder / ".parts").exists()


def test_two_extractions_into_one_folder_take_turns(extracted, clips, tmp_path):
    run_twice_at_once("extract_all", tmp_path / "features", clips)
    assert contents(tmp_path / "features") == extracted[0]


# ---- training


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained without interruption in this process, and how much work it is in another."""
    folder = tmp_path_factory.mktemp("trained")
    return train(folder / "here"), size_of("train", folder / "there")


def assert_same_training(result, expected) -> None:
    pd.testing.assert_frame_equal(result.history, expected.history, check_exact=True)
    state, other = result.model.state_dict(), expected.model.state_dict()
    assert state.keys() == other.keys() and all(torch.equal(state[name], other[name]) for name in state)
    scores = [evaluate(model, make_data(2), "global", "global") for model in (result.model, expected.model)]
    assert result.best_epoch == expected.best_epoch and scores[0] == scores[1]


def test_a_killed_training_goes_on(trained, tmp_path, caplog):
    expected, size = trained
    with caplog.at_level(logging.WARNING):
        for folder in kill_often(tmp_path, size, "train"):
            assert_same_training(train(folder), expected)
            assert len(pd.read_csv(folder / "history.csv")) == EPOCHS
            assert sorted(os.listdir(folder)) == [".lock", "history.csv", "training.state"]
    assert "anew" not in caplog.text, "what was kept is gone on with, and not thrown away"


def test_two_trainings_in_one_folder_are_one(trained, tmp_path):
    run_twice_at_once("train", tmp_path / "run")
    assert_same_training(train(tmp_path / "run"), trained[0])
