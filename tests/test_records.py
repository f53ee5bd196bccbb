"""What a process has loaded and read is known without anybody writing it down."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from avvp_lib import records
from avvp_lib.extensions import load_extension
from avvp_lib.features import BackboneCard, FeatureBank
from avvp_lib.records import loaded_sources, note_input, record

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _nothing_read(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "_inputs", {})
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))


def test_an_input_is_noted_with_its_content(tmp_path):
    file = tmp_path / "data" / "labels.csv"
    file.parent.mkdir()
    file.write_text("a,b\n")
    note_input(file)
    assert record()["inputs"] == {str(Path("data") / "labels.csv"): hashlib.sha256(b"a,b\n").hexdigest()}


def test_readers_note_what_they_open(tmp_path):
    import numpy as np

    card = BackboneCard("eyes", "1", "visual_2d", "none", (10, 3), "float32", "none", "none", "MIT")
    FeatureBank.write(tmp_path / "bank", ["a"], np.zeros((1, 10, 3), np.float32), card)
    records._inputs.clear()
    FeatureBank.open(tmp_path / "bank")
    assert list(record()["inputs"]) == [str(Path("bank") / "bank.json")]


def test_sources_are_those_of_the_package_and_of_the_workspace(tmp_path):
    (tmp_path / "my_record_test.py").write_text("NAME = 1  # one\n")
    load_extension(tmp_path / "my_record_test.py")
    found = loaded_sources()
    assert (tmp_path / "my_record_test.py").resolve() in found
    assert ROOT / "avvp_lib" / "records.py" in found
    assert not any("site-packages" in path.parts for path in found)
    del sys.modules["my_record_test"]


def test_comments_do_not_change_a_record(tmp_path):
    file = tmp_path / "my_comment_test.py"
    file.write_text("NAME = 1  # one\n")
    load_extension(file)
    before = record()["code"]["my_comment_test.py"]
    file.write_text('"""A module."""\n\nNAME = 1\n')
    assert record()["code"]["my_comment_test.py"] == before
    file.write_text("NAME = 2\n")
    assert record()["code"]["my_comment_test.py"] != before
    del sys.modules["my_comment_test"]


def test_a_process_loads_the_models_it_builds_and_no_others():
    code = (
        "from avvp_lib.models import build_model; from avvp_lib.records import loaded_sources; import avvp_lib.recipes;"
        "build_model('han', hidden=16, feed_forward=16); print([p.stem for p in loaded_sources() if p.parent.name == 'models'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "'han'" in done.stdout and "'valor'" not in done.stdout
