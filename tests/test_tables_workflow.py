"""tables.smk: N jobs measure, one writes; whatever files are there, every call asks for every cell again, and measures none twice."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow  # ten seconds a job, most of them for imports

TINY = {"profile": "smoke", "corpus": "studio-0", "tables": "mm-cse/5", "seeds": 1, "parts": 2}
CELLS = {"valor-zero-shot-0.json", "mm-cse-zero-shot-0.json"}
SLURM = ("--workflow-profile", "profiles/slurm")


@pytest.fixture
def home(tmp_path) -> Path:
    """A checkout in small: the real workflow and profiles."""
    shutil.copy(ROOT / "tables.smk", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def snakemake(home: Path, *options: str, **config: object) -> tuple[int, str]:
    """Exit status and printed text. With `SLURM`, a stand-in for its plugin starts every job in Snakemake's remote mode."""
    path = os.pathsep.join([str(ROOT / "tests" / "stand_ins"), str(ROOT)])
    values = [f"{name}={value}" for name, value in config.items()]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-s", "tables.smk", *options, "--config", *values],
        env={**os.environ, "AVVP_HOME": str(home), "PYTHONPATH": path},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# ---- the graph


def graph(printed: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Of `--dag`: the rule of each job, and which job comes before which."""
    jobs = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', printed, re.MULTILINE))
    return jobs, set(re.findall(r"^\s*(\d+) -> (\d+)", printed, re.MULTILINE))


def test_all_parts_come_between_the_corpora_and_the_report(home):
    status, printed = snakemake(home, *SLURM, "--dag", **{**TINY, "tables": "mug/2 ear/IV", "seeds": 3, "parts": 5})
    assert status == 0, printed
    jobs, edges = graph(printed)
    assert sorted(jobs.values()) == ["cells"] * 5 + ["corpora", "report"]
    (first,), (last,) = ([job for job, rule in jobs.items() if rule == name] for name in ("corpora", "report"))
    parts = {job for job, rule in jobs.items() if rule == "cells"}
    assert edges == {(first, part) for part in parts} | {(part, last) for part in parts}


def test_the_slurm_profile_gives_each_job_what_it_needs(home):
    status, printed = snakemake(home, *SLURM, "-n", **TINY)
    assert status == 0, printed
    shown = re.findall(r"^rule (\w+):.*?^    resources: (.*?)$", printed, re.MULTILINE | re.DOTALL)
    assert [rule for rule, _ in shown] == ["corpora", "cells", "cells", "report"]
    for rule, resources in shown:
        assert ("gpu=1" in resources) == (rule == "cells")
        assert ("runtime=240" in resources) == (rule == "cells")


def test_by_default_a_job_has_a_few_cells_of_all_tables(home):
    status, printed = snakemake(home, "-n", "--quiet", "rules", "reason", corpus="studio-1")
    assert status == 0, printed
    parts = int(re.search(r"^cells\s+(\d+)$", printed, re.MULTILINE).group(1))
    assert 286 / 8 <= parts <= 400 / 8, "all tables have nearly 300 cells of three seeds"
    assert list((home / "outputs" / "tables" / "shards").glob("tutorial-studio-1-*"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"table": "mug/2"}, "the tables cannot be given table: --config takes tables, profile"),
        ({"tables": "mug/9"}, "unknown table 'mug/9'"),
    ],
)
def test_a_wrong_value_is_refused_before_any_job(home, wrong, message):
    status, printed = snakemake(home, "-n", **wrong)
    assert status == 1 and message in printed
    assert not (home / "outputs").exists()


# ---- real runs


def test_cells_are_measured_once_here_or_on_a_cluster(home, smoke_data):
    shutil.copytree(smoke_data, home / "data")
    status, printed = snakemake(home, "-c2", **TINY)
    assert status == 0, printed
    folder = home / "outputs" / "cells" / "smoke-studio-0"
    first = contents(folder)
    assert set(first) == CELLS
    tables = home / "outputs" / "tables" / "smoke-studio-0"
    assert {"mm-cse-5.csv", "mm-cse-5.md", "claims.md"} <= set(contents(tables))
    (notes,) = (home / "outputs" / "tables" / "shards").iterdir()
    asked = [json.loads((notes / f"{part}-of-2.json").read_text(encoding="utf-8"))["cells"] for part in (1, 2)]
    assert {f"{cell['experiment']}-{cell['seed']}.json" for part in asked for cell in part} == CELLS

    # As after a change of the code of one cell; and Snakemake has lost its memory, as after `make clean`.
    shutil.rmtree(home / ".snakemake")
    stale = json.loads(first["valor-zero-shot-0.json"])
    (folder / "valor-zero-shot-0.json").write_text(json.dumps({**stale, "code": "before"}), encoding="utf-8")
    status, printed = snakemake(home, *SLURM, "--latency-wait", "5", "--seconds-between-status-checks", "1", **TINY)
    assert status == 0, printed
    second = contents(folder)
    assert second["mm-cse-zero-shot-0.json"] == first["mm-cse-zero-shot-0.json"]
    again = json.loads(second["valor-zero-shot-0.json"])
    assert {**again, "seconds": None} == {**stale, "seconds": None}, (
        "the training was kept, so only the scores were made"
    )
    submitted = [json.loads(line) for line in (home / "submitted.json").read_text(encoding="utf-8").splitlines()]
    assert [job["rule"] for job in submitted] == ["corpora", "cells", "cells", "report"]
    assert [job["threads"] for job in submitted] == [8, 4, 4, 1] and submitted[1]["mem_mb"] == 12000
    assert submitted[1]["gpu"] == 1 and submitted[1]["runtime"] == 240
