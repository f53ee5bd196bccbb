"""One folder, one writer at a time: the second waits and says so, and nobody holds a folder after an end of any kind."""

import logging
import signal
import subprocess
import sys
import threading

import pytest

from avvp_lib.locks import LOCK, exclusive

HOLD = "import sys, time\nfrom avvp_lib.locks import exclusive\nfrom pathlib import Path\n"
HOLD += "with exclusive(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


def test_the_second_waits_for_the_first_and_says_so(tmp_path, caplog):
    steps, entered, leave = [], threading.Event(), threading.Event()

    def first():
        with exclusive(tmp_path):
            entered.set()
            leave.wait()
            steps.append("first ends")

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    threading.Timer(0.2, leave.set).start()
    with caplog.at_level(logging.WARNING), exclusive(tmp_path):
        steps.append("second begins")
    thread.join()
    assert steps == ["first ends", "second begins"]
    assert f"another run is writing into {tmp_path}: waiting" in caplog.text


def test_a_free_folder_is_made_and_held_without_a_word(tmp_path, caplog):
    for _ in range(2):
        with exclusive(tmp_path / "new" / "folder"):
            assert (tmp_path / "new" / "folder" / LOCK).is_file()
    assert caplog.text == ""


def test_two_folders_do_not_wait_for_each_other(tmp_path):
    with exclusive(tmp_path), exclusive(tmp_path / "inside"):
        pass


def test_an_error_sets_the_folder_free(tmp_path):
    with pytest.raises(ValueError, match="mine"), exclusive(tmp_path):
        raise ValueError("mine")
    with exclusive(tmp_path):
        pass


def test_asking_twice_is_refused_rather_than_waited_for_forever(tmp_path):
    with pytest.raises(RuntimeError, match="already held"), exclusive(tmp_path), exclusive(tmp_path):
        pass


def test_a_killed_process_holds_nothing(tmp_path, caplog):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    threading.Timer(0.2, holder.send_signal, [signal.SIGKILL]).start()
    with exclusive(tmp_path):
        assert holder.wait() == -signal.SIGKILL
    assert "another run is writing" in caplog.text
    holder.stdout.close()
