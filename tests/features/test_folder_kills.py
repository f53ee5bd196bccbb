"""An extraction of published features that is killed without warning goes on where it was, and ends with the same bytes.

Moments are counted in finished files and drawn one from each part of the work: the machine may be as busy as it likes.
"""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avvp_lib.features import folder_reading
from avvp_lib.features.clip_media import read_clip
from tests.conftest import PROJECT_ROOT
from tests.features.test_folder_extraction import contents, write_small
from tests.killed_work import extract_published, published_videos
from tests.media_files import write_truncated

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")]

KILLS = 10
PATIENCE = 300  # seconds that anything here may take at most on a busy machine


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Two good clips and a broken one."""
    folder = tmp_path_factory.mktemp("clips")
    write_small(folder / "a.mp4", tint=3)
    write_small(folder / "b.mp4", tint=9)
    write_truncated(folder / "broken.mp4")
    return folder


@pytest.fixture(scope="module")
def whole(clips, tmp_path_factory) -> tuple[dict[str, bytes], int]:
    """What an undisturbed extraction leaves, and how many files it finishes on the way."""
    folder, finished, replace = tmp_path_factory.mktemp("whole"), itertools.count(), os.replace
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", lambda *paths: (next(finished), replace(*paths)))
        extract_published(folder, clips)
    return contents(folder), next(finished)


def test_a_killed_extraction_goes_on(clips, whole, tmp_path, monkeypatch):
    expected, files = whole
    videos = published_videos(clips)
    assert files > 3 * len(videos), "two in three videos have three rows, all have a reading"
    draw = random.Random("kill")
    moments = [1 + files * (number + draw.random()) / KILLS for number in range(KILLS)]
    call = f"from pathlib import *\nfrom tests.killed_work import *\ndie_while_extracting({tmp_path!r}, {clips!r}, {moments})"
    subprocess.run([sys.executable, "-c", call], cwd=PROJECT_ROOT, check=True, timeout=PATIENCE)

    decoded = []
    monkeypatch.setattr(folder_reading, "read_clip", lambda *asked: (decoded.append(asked[0]), read_clip(*asked))[1])
    for number, moment in enumerate(moments):
        out = tmp_path / str(number)
        left = contents(out)
        done = sum(name.startswith(".parts/readings/") and "/." not in name for name in left)
        under_way = any(name.startswith(".parts/") for name in left)
        decoded.clear()
        extract_published(out, clips)
        assert contents(out) == expected, f"killed at file {moment:.1f} of {files}"
        assert len(decoded) == (len(videos) - done if under_way else 0), "nothing done is redone"


def test_killed_with_its_workers(clips, whole, tmp_path):
    call = (
        f"from pathlib import *\nfrom tests.killed_work import *\nextract_published({tmp_path!r}, {clips!r}, workers=2)"
    )
    process = subprocess.Popen([sys.executable, "-c", call], cwd=PROJECT_ROOT)
    limit = time.monotonic() + PATIENCE
    while len(list((tmp_path / ".parts").glob("*/[!.]*.npy"))) < 4:
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    extract_published(tmp_path, clips)
    assert contents(tmp_path) == whole[0]
