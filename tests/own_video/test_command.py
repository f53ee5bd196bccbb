"""`avvp parse` from the command line to the exit status."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from avvp_lib import cli
from avvp_lib.own_video.output import FILES
from tests.media_files import write_normal, write_truncated, write_without_sound
from tests.own_video.long_files import write_repeated
from tests.own_video.small_parser import write_checkpoint

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "valor.safetensors")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    return tmp_path


def parse(*arguments) -> None:
    cli.main(["parse", *map(str, arguments)])


def refused(*arguments) -> str:
    with pytest.raises(SystemExit) as caught:
        parse(*arguments)
    assert str(caught.value).startswith("avvp: ")
    return str(caught.value)


def test_it_writes_a_folder_and_says_what_it_used(home, checkpoint, capsys):
    clip = write_normal(home / "clip.mp4", 12)
    parse(clip, "--checkpoint", checkpoint, "--hop", 10)
    said = capsys.readouterr().out
    for words in (
        "valor (our checkpoint)",
        "trained on: note random weights",
        "gates: audio global",
        "2 of 10 s, one every 10 s",
    ):
        assert words in said
    assert sorted(path.name for path in (home / "clip.parsed").iterdir()) == sorted(FILES)
    made = json.loads((home / "clip.parsed" / "parsed.json").read_text(encoding="utf-8"))
    assert made["video"] == "clip.mp4" and made["provenance"]["weights"]["file"] == "valor.safetensors"
    assert "not empty" in refused(clip, "--checkpoint", checkpoint)
    parse(clip, "--checkpoint", checkpoint, "--overwrite", "--video", "copy")
    assert (home / "clip.parsed" / "video.mp4").is_file()


def test_bad_input_is_said_before_anything_is_trained(home):
    """No recipe is prepared here: that would take minutes, and these take none."""
    clip = write_normal(home / "clip.mp4", 2)
    assert "no such file" in refused(home / "absent.mp4")
    assert "cannot be opened" in refused(write_truncated(home / "cut.mp4"))
    assert "no sound stream" in refused(write_without_sound(home / "silent.mp4"))
    assert "choose an earlier --start" in refused(clip, "--start", 30)
    assert "--end must come after --start" in refused(clip, "--start", 1, "--end", 0.5)
    assert "hop must be" in refused(clip, "--hop", 11)
    assert "--model belongs to a file of weights" in refused(clip, "--model", "han")
    (home / "full").mkdir()
    (home / "full" / "other.txt").touch()
    assert "not empty" in refused(clip, "--out", home / "full")
    assert "cannot be made" in refused(clip, "--out", clip / "below")
    assert sorted(p.name for p in home.iterdir()) == ["clip.mp4", "cut.mp4", "full", "silent.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(home, checkpoint, how):
    long = write_repeated(home / "long.mp4", write_normal(home / "clip.mp4"), 360)
    command = [sys.executable, "-m", "avvp_lib.cli", "parse", str(long), "--checkpoint", str(checkpoint), "--hop", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with open(home / "log.txt", "w") as log:
        # whoever runs tests in the background may have them started with Ctrl-C ignored, and children inherit that
        heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log, preexec_fn=heard)
    try:
        for _ in range(600):  # until it is at work
            if "window" in (home / "log.txt").read_text() and list(home.glob(".long.parsed.*")):
                break
            assert process.poll() is None, (home / "log.txt").read_text()
            time.sleep(0.2)
        process.send_signal(how)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 1 and (home / "log.txt").read_text().rstrip().endswith("avvp: interrupted")
    assert sorted(p.name for p in home.iterdir()) == ["clip.mp4", "log.txt", "long.mp4"]


@pytest.mark.slow
def test_the_real_clip(home, checkpoint, llp_root, capsys):
    (clip,) = sorted((llp_root / "videos").glob("*.mp4"))[:1]
    before = sorted(clip.parent.iterdir())
    parse(clip, "--checkpoint", checkpoint, "--out", home / "out")
    made = json.loads((home / "out" / "parsed.json").read_text(encoding="utf-8"))
    assert len(made["segment_prob"]["audio"]) == 10 and made["missing"] == [] and made["notes"] == []
    assert sorted(clip.parent.iterdir()) == before
