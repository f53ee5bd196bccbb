"""The Snakefile redoes what changed and nothing else, and goes on after whatever stopped it. Small notebooks stand in for the lessons."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from avvp_lib.provenance import file_digest
from avvp_lib.reports import REPORTED_CORPUS
from avvp_lib.series import RESULTS_CORPUS

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow  # five to ten seconds a call of Snakemake

ALPHA = """# %% [markdown]
# # Alpha

# %% tags=["parameters"]
seed = 0  # of nothing
out = "outputs/runs/00_alpha"  # folder

# %%
from pathlib import Path

import alpha_model
from avvp_lib.records import note_input
from avvp_lib.workspace import workspace

note_input(workspace() / "outputs" / "cells.json")
note_input(workspace() / "data" / "corpus.csv")
# a comment
print(alpha_model.NAME, seed)
Path(out, "figure.png").write_bytes(b"")
"""

BETA = """# %% tags=["parameters"]
out = "outputs/runs/01_beta"  # folder

# %%
import os
import time
from pathlib import Path

import beta_model

print(beta_model.NAME)
Path(out, "seconds.txt").write_text(str(beta_model.SECONDS))
Path(out, ".begun").write_text(str(os.getpid()))
Path(out, ".begun").rename(Path(out, "begun"))
time.sleep(beta_model.SECONDS)
"""


def make(home: Path) -> Path:
    """A checkout in small: the real Snakefile and profile, two notebooks, two modules and two inputs."""
    for name in ("notebooks", "data", "outputs"):
        (home / name).mkdir(parents=True)
    shutil.copy(ROOT / "Snakefile", home)
    shutil.copytree(ROOT / "profiles", home / "profiles")
    (home / "notebooks" / "00_alpha.py").write_text(ALPHA)
    (home / "notebooks" / "01_beta.py").write_text(BETA)
    (home / "alpha_model.py").write_text('"""Alpha."""\n\nNAME = "alpha"  # a name\n')
    (home / "beta_model.py").write_text('NAME = "beta"\nSECONDS = 0\n')
    (home / "outputs" / "cells.json").write_text("{}")
    (home / "data" / "corpus.csv").write_text("one\n")
    return home


def start(home: Path, *command: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=home,
        env={**os.environ, "AVVP_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def series(home: Path, *options: str) -> tuple[int, str]:
    """Exit status and printed text of `avvp series`."""
    process = start(home, "avvp_lib.cli", "series", "--workers", "2", *options)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed


def snakemake(home: Path, *options: str) -> tuple[int, str]:
    process = start(home, "snakemake", "-c2", *options)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed


def runs(home: Path) -> dict[str, str]:
    """When each finished run was started, by folder."""
    return {
        record.parent.name: json.loads(record.read_text())["started"]
        for record in (home / "outputs" / "runs").glob("*/run.json")
    }


def redone(home: Path, *options: str) -> set[str]:
    """The runs that a call of `avvp series` makes."""
    before = runs(home)
    status, printed = series(home, *options)
    assert status == 0, printed
    return {name for name, started in runs(home).items() if before.get(name) != started}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A workspace in which the series has run once."""
    home = make(tmp_path_factory.mktemp("finished") / "home")
    status, printed = series(home)
    assert status == 0, printed
    assert "made: 00_alpha, 01_beta" in printed
    return home


@pytest.fixture
def home(finished, tmp_path) -> Path:
    """A copy of it, dates included."""
    return shutil.copytree(finished, tmp_path / "home")


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_second_call_does_nothing_and_says_so(home):
    """How soon: benchmarks/series.py."""
    before = runs(home)
    status, printed = series(home)
    assert status == 0 and runs(home) == before
    assert "nothing to do" in printed and "outputs/runs/00_alpha" in printed
    assert "localrule" not in printed  # Snakemake begins no job, not even to find out
    status, printed = snakemake(home)
    assert status == 0 and "Nothing to be done" in printed
    assert "profiles/default" in printed  # found without being named


def test_prose_comments_and_dates_redo_nothing(home):
    replace(home / "notebooks" / "00_alpha.py", "# # Alpha", "# # Alpha, explained at length")
    replace(home / "notebooks" / "00_alpha.py", "# a comment", "# another comment")
    replace(home / "notebooks" / "00_alpha.py", "# of nothing", "# of the training")
    replace(home / "alpha_model.py", '"""Alpha."""', '"""Alpha, a model."""')
    replace(home / "alpha_model.py", "# a name", "# the name")
    for file in (home / "beta_model.py", home / "outputs" / "cells.json", *home.glob("notebooks/*")):
        file.touch()  # as a checkout of another branch and back
    assert redone(home) == set()


def test_a_line_of_a_module_redoes_the_notebooks_that_load_it(home):
    replace(home / "alpha_model.py", '"alpha"', '"ALPHA"')
    printed = snakemake(home, "-n")[1]
    assert "00_alpha: changed since: alpha_model.py" in printed and "Updated input files" in printed
    assert redone(home) == {"00_alpha"}
    assert redone(home) == set()
    replace(home / "alpha_model.py", '"ALPHA"', '"alpha"')  # back again: the result is of the other version
    assert redone(home) == {"00_alpha"}


def test_a_change_that_is_taken_back_redoes_nothing(home):
    replace(home / "alpha_model.py", '"alpha"', '"ALPHA"')
    assert "Updated input files" in snakemake(home, "-n")[1]
    replace(home / "alpha_model.py", '"ALPHA"', '"alpha"')
    assert redone(home) == set()


def test_a_line_of_a_notebook_redoes_it(home):
    replace(home / "notebooks" / "01_beta.py", "print(beta_model.NAME)", "print(beta_model.NAME, 2)")
    assert redone(home) == {"01_beta"}


def test_a_default_redoes_it(home):
    replace(home / "notebooks" / "00_alpha.py", "seed = 0", "seed = 1")
    assert redone(home) == {"00_alpha"}


def test_other_parameters_are_another_result(home):
    status, printed = snakemake(home, "--config", "seed=3")
    assert status == 0, printed
    assert set(runs(home)) == {"00_alpha", "00_alpha-seed=3", "01_beta"}
    assert "Nothing to be done" in snakemake(home, "--config", "seed=3")[1]
    assert "Nothing to be done" in snakemake(home)[1]


def test_parameters_that_no_notebook_has_are_refused(home):
    status, printed = snakemake(home, "--config", "sed=3")
    assert status == 1 and "'sed'" in printed and "seed" in printed
    status, printed = series(home, "--profile", "tutorial")
    assert status == 1 and "cannot be given the parameter 'profile'" in printed


def test_an_input_that_changed_redoes_its_readers(home):
    (home / "outputs" / "cells.json").write_text("{ }")
    assert redone(home) == {"00_alpha"}


def test_deleted_data_redo_nothing_but_deleted_results_do(home):
    shutil.rmtree(home / "data")
    assert redone(home) == set()
    (home / "data").mkdir()
    (home / "data" / "corpus.csv").write_text("two\n")  # made again, but otherwise
    (home / "outputs" / "runs" / "01_beta" / "01_beta.ipynb").unlink()
    assert redone(home) == {"00_alpha", "01_beta"}


def planned(home: Path) -> set[str]:
    """The notebooks and corpora that Snakemake would make."""
    status, printed = snakemake(home, "-n")
    assert status == 0, printed
    return set(re.findall(r"^    output: outputs/(?:runs|prepared)/([\w=-]+)", printed, re.MULTILINE))


def test_a_corpus_is_made_again_without_its_notebooks_and_before_those_that_changed(home):
    """The record of a corpus is written by hand here: rendering is tested elsewhere."""
    replace(home / "notebooks" / "00_alpha.py", "seed = 0", 'profile = "smoke"  # size\nseed = 0')
    prepared = home / "outputs" / "prepared" / "smoke.json"
    prepared.parent.mkdir()
    digest = file_digest(home / "data" / "corpus.csv")
    prepared.write_text(json.dumps({"code": {}, "inputs": {"data/corpus.csv": digest}}))
    assert redone(home) == {"00_alpha"}  # the corpus is there
    assert planned(home) == set()
    shutil.rmtree(home / "data")
    assert planned(home) == {"smoke"}
    replace(home / "alpha_model.py", '"alpha"', '"ALPHA"')
    assert planned(home) == {"smoke", "00_alpha"}
    prepared.unlink()
    assert planned(home) == {"smoke", "00_alpha"}
    replace(home / "alpha_model.py", '"ALPHA"', '"alpha"')
    assert planned(home) == {"smoke"}


def test_a_failure_is_kept_and_stops_nobody(home):
    replace(home / "alpha_model.py", 'NAME = "alpha"', "NAME = 1 / 0")
    replace(home / "beta_model.py", '"beta"', '"BETA"')
    figure, failed = (
        home / "outputs" / "runs" / "00_alpha" / "figure.png",
        home / "outputs" / "failed" / "00_alpha.ipynb",
    )
    status, printed = series(home)
    assert status == 1 and "failed or not run: 00_alpha.py, kept in outputs/failed/00_alpha.ipynb" in printed
    assert "ZeroDivisionError: division by zero" in printed
    assert (
        set(runs(home)) == {"01_beta"} and figure.is_file()
    )  # what is no declared output stays: a checkpoint would, too
    assert "ZeroDivisionError" in failed.read_text()
    replace(home / "alpha_model.py", "1 / 0", "1")
    assert redone(home) == {"00_alpha"}
    assert not failed.exists()


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def slow_beta(home: Path) -> Path:
    """Let beta take long from now on; returns what tells that it has begun."""
    begun = home / "outputs" / "runs" / "01_beta" / "begun"
    begun.unlink()
    replace(home / "beta_model.py", "SECONDS = 0", "SECONDS = 600")
    return begun


@pytest.mark.parametrize("command", [("avvp_lib.cli", "series", "--workers", "2"), ("snakemake", "-c2")])
def test_a_killed_process_group_is_gone_on_with(home, command):
    begun = slow_beta(home)
    process = start(home, *command, start_new_session=True)
    wait_until(begun.exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    replace(home / "beta_model.py", "SECONDS = 600", "SECONDS = 0")
    assert redone(home) == {"01_beta"}
    assert redone(home) == set()


def test_what_a_killed_snakemake_leaves_running_is_waited_for(home):
    begun = slow_beta(home)
    replace(home / "beta_model.py", "SECONDS = 600", "SECONDS = 8")
    process = start(home, "snakemake", "-c2", start_new_session=True)
    wait_until(begun.exists)
    process.kill()
    process.stdout.close()
    process.wait()
    status, printed = series(home)
    assert status == 0, printed
    assert set(runs(home)) == {"00_alpha", "01_beta"}
    assert redone(home) == set()


def test_an_interrupt_ends_the_kernels(home):
    begun = slow_beta(home)
    process = start(home, "avvp_lib.cli", "series", "--workers", "2")
    wait_until(begun.exists)
    kernel = int(begun.read_text())
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and "avvp: interrupted" in printed
    assert "01_beta" not in runs(home)
    wait_until(lambda: not is_alive(kernel))
    replace(home / "beta_model.py", "SECONDS = 600", "SECONDS = 0")
    assert redone(home) == {"01_beta"}


def test_what_changes_while_it_runs_is_done_again(home):
    begun = slow_beta(home)
    replace(home / "beta_model.py", "SECONDS = 600", "SECONDS = 3")
    process = start(home, "avvp_lib.cli", "series", "--workers", "2")
    wait_until(begun.exists)
    replace(home / "beta_model.py", "SECONDS = 3", "SECONDS = 0")
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    folder = home / "outputs" / "runs" / "01_beta"
    assert (folder / "seconds.txt").read_text() == "0", printed  # the later run's, not the one that had begun
    record = json.loads((folder / "run.json").read_text())
    assert record["code"]["beta_model.py"] is not None, printed
    assert redone(home) == set()


def test_two_calls_take_turns(home):
    begun = slow_beta(home)
    replace(home / "beta_model.py", "SECONDS = 600", "SECONDS = 3")
    first = start(home, "avvp_lib.cli", "series", "--workers", "2")
    wait_until(begun.exists)
    status, printed = series(home)
    assert status == 0 and "another run is writing into outputs/changes" in printed and "nothing to do" in printed
    assert "made: 01_beta" in first.communicate(timeout=120)[0]


def test_the_table_is_that_of_the_readme():
    assert RESULTS_CORPUS == REPORTED_CORPUS


def test_the_profiles_say_what_changes_between_releases():
    for name in ("default", "slurm"):
        profile = yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text())
        assert profile["scheduler"] == "greedy" and profile["rerun-triggers"] == ["mtime", "params"]
        assert profile["keep-going"] and profile["rerun-incomplete"]


def test_the_slurm_profile_is_understood(home, monkeypatch):
    """Without a number of cores, which a dry run and an executor on this machine have."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "tests" / "stand_ins"), str(ROOT)]))
    process = start(home, "snakemake", "--workflow-profile", "profiles/slurm")
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "Nothing to be done" in printed, printed
