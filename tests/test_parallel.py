"""Tasks in one process or several: all of them are done once, the first error ends the work, and workers end with their parent."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avvp_lib.parallel import THREAD_VARIABLES, run_tasks


def note(folder: Path, name: str, videos: int) -> int:
    (folder / name).write_text(f"{os.getpid()} {os.environ.get(THREAD_VARIABLES[0])}")
    return videos


def fail_or_note(folder: Path, index: int) -> int:
    if index == 0:
        raise LookupError("the first task cannot be done")
    time.sleep(0.2)
    return note(folder, str(index), 1)


def notes(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().split() for path in folder.iterdir()}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once_and_counted(tmp_path, workers, capsys):
    run_tasks(note, [(tmp_path, name, 3) for name in "abcd"], workers, 12, "count")
    found = notes(tmp_path)
    assert sorted(found) == list("abcd")
    assert "12/12" in capsys.readouterr().err
    processes = {int(process) for process, _ in found.values()}
    assert (processes == {os.getpid()}) if workers == 1 else (os.getpid() not in processes and len(processes) <= 2)
    if workers > 1:
        assert {threads for _, threads in found.values()} == {"1"}


def test_nothing_to_do_starts_no_process(monkeypatch):
    monkeypatch.setattr("avvp_lib.parallel.ProcessPoolExecutor", None)
    run_tasks(note, [], 2, 0, "nothing", progress=False)


def test_the_first_error_is_raised_and_the_rest_is_dropped(tmp_path):
    with pytest.raises(LookupError, match="the first task cannot be done"):
        run_tasks(fail_or_note, [(tmp_path, index) for index in range(50)], 2, 50, "fail", progress=False)
    assert len(notes(tmp_path)) < 10


def test_torch_is_not_imported():
    code = "import sys, avvp_lib.parallel, avvp_lib.corpora.synthetic; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
