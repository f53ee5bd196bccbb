"""A run leaves a whole result that says what it was made from, disturbs no other run, and is not made twice."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import yaml

from avvp_lib import cli
from avvp_lib.runner import execution, find_notebook, is_current, plan_runs, run_notebook, stale_files
from avvp_lib.runner.kernels import own_python

LESSON = """# %% [markdown]
# # A lesson

# %% tags=["parameters"]
seed = 0  # of nothing
text = "plain"  # anything
out = "outputs/runs/00_lesson"  # folder

# %%
from pathlib import Path

import my_lesson_module
from avvp_lib.records import note_folder, note_input
from avvp_lib.workspace import workspace

# %%
for file in ("data/a.csv", "outputs/cells/a.json"):
    note_input(workspace() / file)
note_folder(workspace() / "outputs" / "cells", "*.json")
Path(out, "own.txt").write_text(text)
note_input(Path(out, "own.txt"))
print("value", my_lesson_module.VALUE, repr(text))
if seed == 99:
    raise ValueError("an unlucky seed")
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A workspace with one notebook, a module and two inputs; its path has braces and a space, which papermill would fill in."""
    home = tmp_path / "a {home}"
    for folder in ("notebooks", "data", "outputs/cells"):
        (home / folder).mkdir(parents=True)
    (home / "notebooks" / "00_lesson.py").write_text(LESSON)
    (home / "my_lesson_module.py").write_text("VALUE = 1\n")
    (home / "data" / "a.csv").write_text("a\n")
    (home / "outputs" / "cells" / "a.json").write_text("{}\n")
    monkeypatch.setenv("AVVP_HOME", str(home))
    return home


def plan(**parameters):
    (run,) = plan_runs(find_notebook("00"), [parameters])
    return run


def record(run) -> dict:
    return json.loads((run.folder / "run.json").read_text())


def printed(run) -> str:
    return nbformat.read(run.executed, as_version=4).cells[-1].outputs[0].text


def test_a_notebook_is_found_by_number_name_and_path(home, monkeypatch):
    lesson = home / "notebooks" / "00_lesson.py"
    assert find_notebook("00") == find_notebook("00_lesson") == find_notebook("notebooks/00_lesson.py") == lesson
    monkeypatch.chdir(home / "notebooks")
    assert find_notebook("00_lesson.py") == lesson
    with pytest.raises(FileNotFoundError, match="no notebook '00_leson' in the series: did you mean 00_lesson"):
        find_notebook("00_leson")
    with pytest.raises(FileNotFoundError, match=r"no notebook 07\.py"):
        find_notebook("07.py")
    shutil.copy(lesson, home / "notebooks" / "00_other.py")
    with pytest.raises(FileNotFoundError, match="00 may be 00_lesson or 00_other"):
        find_notebook("00")


def test_parameters_lead_to_folders(home):
    assert plan().folder == home / "outputs" / "runs" / "00_lesson"
    assert plan(seed=0).parameters == {"seed": 0, "text": "plain", "out": "outputs/runs/00_lesson"}
    assert plan(seed=3).folder == home / "outputs" / "runs" / "00_lesson-seed=3"
    assert plan(seed=3).parameters["out"] == "outputs/runs/00_lesson-seed=3"
    assert plan(out="elsewhere").folder == home / "elsewhere"
    with pytest.raises(ValueError, match=r"set 2, \{'seed': 3\}, would write into the folder of an earlier one"):
        plan_runs(find_notebook("00"), [{"seed": 3}, {"seed": 3}])
    with pytest.raises(ValueError, match="set 2"):
        plan_runs(find_notebook("00"), [{"out": "a"}, {"out": "a", "seed": 1}])


def test_a_run_says_what_it_was_made_from(home):
    run = plan(text="quotes \"'\\ and {braces}\n, ä")
    assert not is_current(run)
    assert run_notebook(run) and is_current(run)
    made = record(run)
    assert made["notebook"] == "notebooks/00_lesson.py" and made["parameters"] == run.parameters and made["seed"] == 0
    assert {"python", "avvp", "torch", "numpy", "papermill", "ipykernel"} <= made["versions"].keys()
    assert "my_lesson_module.py" in made["code"] and None not in made["code"].values()
    assert any(name.endswith("records.py") for name in made["code"])
    assert list(made["inputs"]) == [
        "data/a.csv",
        "outputs/cells/*.json",
        "outputs/cells/a.json",
    ]  # not what it wrote itself
    assert made["files"] == ["own.txt"] and made["seconds"] > 0
    assert printed(run) == f"value 1 {run.parameters['text']!r}\n"
    executed = nbformat.read(run.executed, as_version=4)
    nbformat.validate(executed)
    assert not any("avvp-record" in cell.metadata.get("tags", []) for cell in executed.cells)
    assert str(executed.metadata.papermill.output_path).startswith("outputs/runs/00_lesson-text=")
    assert not run.failed.exists()


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_what_changes_is_named_and_nothing_else_counts(home):
    run = plan()
    assert run_notebook(run)
    made = record(run)
    assert not run_notebook(run) and record(run) == made  # it is there already
    lesson, module = home / "notebooks" / "00_lesson.py", home / "my_lesson_module.py"
    edit(lesson, "# # A lesson", "# # The lesson")
    edit(lesson, "# of nothing", "# of something")
    edit(module, "VALUE = 1\n", '"""A module."""\n\nVALUE = 1  # one\n')
    assert stale_files(run) == {}
    shutil.rmtree(home / "data")  # made again when it is needed
    assert stale_files(run) == {}
    (home / "data").mkdir()
    (home / "data" / "a.csv").write_text("b\n")
    assert list(stale_files(run)) == ["data/a.csv"]
    (home / "data" / "a.csv").write_text("a\n")
    (home / "outputs" / "cells" / "b.json").write_text("{}\n")
    assert list(stale_files(run)) == ["outputs/cells/*.json"]
    (home / "outputs" / "cells" / "b.json").unlink()
    (home / "outputs" / "cells" / "a.json").unlink()
    assert stale_files(run) == {
        "outputs/cells/*.json": stale_files(run)["outputs/cells/*.json"],
        "outputs/cells/a.json": None,
    }
    (home / "outputs" / "cells" / "a.json").write_text("{}\n")
    edit(module, "VALUE = 1", "VALUE = 2")
    assert list(stale_files(run)) == ["my_lesson_module.py"]
    edit(module, "VALUE = 2", "VALUE = (")
    assert stale_files(run) == {"my_lesson_module.py": None}
    edit(module, "VALUE = (", "VALUE = 1")
    edit(lesson, "# %%\nfor file", "for file")  # the same lines, another cell: another output would be shown
    assert list(stale_files(run)) == ["notebooks/00_lesson.py"]
    edit(lesson, "for file", "# %%\nfor file")
    edit(lesson, "seed = 0", "seed = 1")
    assert set(stale_files(plan())) == {"notebooks/00_lesson.py", "parameters"}
    edit(lesson, "seed = 1", "seed = 0")
    run.executed.unlink()
    assert list(stale_files(run)) == ["outputs/runs/00_lesson/00_lesson.ipynb"]
    (run.folder / "run.json").write_text("{")
    assert list(stale_files(run)) == ["outputs/runs/00_lesson/run.json"]


def test_code_that_changed_during_the_run_counts_as_changed(home):
    edit(
        home / "notebooks" / "00_lesson.py",
        "VALUE, repr(text))",
        "VALUE, repr(text))\nPath('my_lesson_module.py').touch()",
    )
    run = plan()
    assert run_notebook(run)
    assert record(run)["code"]["my_lesson_module.py"] is None
    assert list(stale_files(run)) == ["my_lesson_module.py"]


@pytest.mark.slow
def test_a_failure_takes_the_old_result_away_and_a_success_the_kept_copy(home):
    run = plan(seed=99)
    edit(home / "notebooks" / "00_lesson.py", "== 99", "== 100")
    assert run_notebook(run)
    edit(home / "notebooks" / "00_lesson.py", "== 100", "== 99")
    with pytest.raises(
        execution.NotebookError, match=r"ValueError: an unlucky seed.*outputs/failed/00_lesson-seed=99\.ipynb"
    ):
        run_notebook(run)
    assert run.failed.is_file() and not (run.folder / "run.json").exists() and not run.executed.exists()
    assert (run.folder / "own.txt").is_file()
    edit(home / "notebooks" / "00_lesson.py", "== 99", "== 100")
    assert run_notebook(run) and not run.failed.exists()


@pytest.mark.slow
def test_a_kernel_that_does_not_start_is_started_once_more(home, monkeypatch, tmp_path):
    tries = tmp_path / "tries"

    def lame(private, environment, exits):
        kind = own_python(private, environment, exits)

        class Lame(kind):
            @property
            def kernel_spec(self):
                with tries.open("a") as stream:
                    stream.write("x")
                spec = super().kernel_spec
                if len(tries.read_text()) <= stumbles:
                    spec.argv = [sys.executable, "-c", "raise SystemExit(1)"]
                return spec

        return Lame

    monkeypatch.setattr(execution, "own_python", lame)
    monkeypatch.setattr(execution, "START_TIMEOUT", 20)
    stumbles = 10_000
    with pytest.raises(execution.NotebookError, match="the kernel did not start, twice"):
        run_notebook(plan())
    asked = len(tries.read_text())
    tries.unlink()
    stumbles = asked // 2
    assert run_notebook(plan())


def test_the_kernel_is_this_python_and_private(home, monkeypatch, tmp_path):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "spoil.py").write_text("import my_lesson_module; my_lesson_module.VALUE = 'spoilt'")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    kernels = tmp_path / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    assert run_notebook(plan())
    assert printed(plan()) == "value 1 'plain'\n"


def avvp(home: Path, *arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "avvp_lib.cli", *arguments]
    return subprocess.Popen(
        command, cwd=home, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ, **options
    )


@pytest.mark.slow
def test_sets_run_beside_each_other_and_go_on(home, tmp_path):
    (tmp_path / "sets.yaml").write_text(yaml.safe_dump({"seed": [1, 99, 3], "text": ["ä {x}"]}, allow_unicode=True))
    sweep = ("run", "00", "--sets", str(tmp_path / "sets.yaml"), "--jobs", "3")
    first = avvp(home, *sweep)
    text = first.communicate(timeout=120)[0]
    assert first.returncode == 1
    assert "avvp: 1 of 3 runs failed:\n  00_lesson-seed=99-text=x-" in text and "an unlucky seed" in text
    edit(home / "notebooks" / "00_lesson.py", "# # A lesson", "# # Prose")
    second = avvp(home, *sweep)
    text = second.communicate(timeout=120)[0]
    assert second.returncode == 1 and text.count("is there already") == 2


def test_nothing_starts_if_one_set_is_wrong(home, tmp_path, capsys):
    (tmp_path / "sets.yaml").write_text("- {seed: 1}\n- {sed: 2}\n")
    with pytest.raises(SystemExit, match="has no parameter 'sed': did you mean 'seed'"):
        cli.main(["run", "00", "--sets", str(tmp_path / "sets.yaml")])
    with pytest.raises(SystemExit, match="seed must be a whole number, not 'x'"):
        cli.main(["run", "00", "-p", "seed", "x"])
    assert not (home / "outputs" / "runs").exists()


@pytest.mark.slow
def test_two_runs_into_one_folder_take_turns(home):
    pair = [avvp(home, "run", "00"), avvp(home, "run", "00")]
    texts = sorted(process.communicate(timeout=120)[0] for process in pair)
    assert [process.returncode for process in pair] == [0, 0]
    assert sum("is there already" in text for text in texts) == 1
    assert is_current(plan())


@pytest.mark.slow
def test_widgets_are_kept_without_their_state(home):
    """A clip in a widget would make the notebook megabytes large, and no page could show it."""
    shows = "from ipywidgets import HTML\nwidget = HTML('a' * 100_000)\nwidget"
    (home / "notebooks" / "00_lesson.py").write_text(f"{LESSON}\n# %%\n{shows}\n")
    assert run_notebook(plan())
    executed = nbformat.read(plan().executed, as_version=4)
    assert "application/vnd.jupyter.widget-view+json" in executed.cells[-1].outputs[0].data
    assert "widgets" not in executed.metadata and plan().executed.stat().st_size < 50_000


def test_a_killed_run_leaves_no_result_and_the_next_one_is_whole(home):
    edit(
        home / "notebooks" / "00_lesson.py",
        "if seed",
        "import time; Path(out, 'begun').touch(); time.sleep(600 * (seed == 7))\nif seed",
    )
    process = avvp(home, "run", "00", "-p", "seed", "7")
    run, end = plan(seed=7), time.monotonic() + 60
    while not (run.folder / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert not (run.folder / "run.json").exists() and run.failed.is_file()
    edit(home / "notebooks" / "00_lesson.py", "600 *", "0 *")
    assert run_notebook(run) and is_current(run) and not run.failed.exists()
