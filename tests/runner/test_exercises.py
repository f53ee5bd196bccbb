"""What becomes of a small lesson: its exercises as data, the learner's and the teacher's version, and lessons that are refused."""

from pathlib import Path

import jupytext
import nbformat
import pytest

from avvp_lib import cli
from avvp_lib.runner import find_notebook, lesson_version, plan_runs, read_lesson, run_notebook, write_versions

LESSON = """\
# %% tags=["parameters"]
out = "outputs/runs/99_toy"  # folder

# %%
known = 6

# %% [markdown]
# **Question.** Why six?
#
# <details><summary>Answer</summary>
#
# It is perfect.
# </details>

# %% [markdown]
# ## Exercises
#
# Guess before you run.
#
# **1.** Half of it?
#
# <details><summary>Answer</summary>
#
# ```python
# # ## is no heading here
# half = known / 2
# ```
#
# Three:
#
# ```python
# print("half:", half)
# ```
# </details>

# %% [markdown]
# **2.** Why **not** 5?
#
# <details><summary>Answer</summary>
#
# It is odd.
#
# </details>
#
# ## Summary
#
# Six.

# %%
last = known
"""


@pytest.fixture
def source(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    path = tmp_path / "notebooks" / "99_toy.py"
    path.parent.mkdir()
    path.write_text(LESSON)
    return path


def sketch(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Kind and text of the cells from the exercises on."""
    cells = [(cell.cell_type, cell.source) for cell in notebook.cells]
    return cells[cells.index(("markdown", "## Exercises\n\nGuess before you run.")) + 1 :]


def test_exercises_are_read(source):
    first, second = read_lesson(source).exercises
    assert (first.number, first.question) == (1, "Half of it?")
    assert first.answer == (
        ("code", "# ## is no heading here\nhalf = known / 2"),
        ("markdown", "Three:"),
        ("code", 'print("half:", half)'),
    )
    assert (second.question, second.answer, second.code) == ("Why **not** 5?", (("markdown", "It is odd."),), [])


def test_the_learner_gets_no_answers_but_cells_to_work_in(source):
    made = lesson_version(read_lesson(source), "learner")
    nbformat.validate(made)
    assert sketch(made) == [
        ("markdown", "**1.** Half of it?"),
        ("code", ""),
        ("markdown", "**2.** Why **not** 5?"),
        ("code", ""),
        ("markdown", "## Summary\n\nSix."),
        ("code", "last = known"),
    ]
    assert "It is perfect." in made.cells[2].source, "questions within the lesson stay"


def test_the_teacher_gets_answers_in_cells(source):
    made = lesson_version(read_lesson(source), "teacher")
    nbformat.validate(made)
    assert sketch(made) == [
        ("markdown", "**1.** Half of it?"),
        ("markdown", "**Answer**"),
        ("code", "# ## is no heading here\nhalf = known / 2"),
        ("markdown", "Three:"),
        ("code", 'print("half:", half)'),
        ("markdown", "**2.** Why **not** 5?"),
        ("markdown", "**Answer**"),
        ("markdown", "It is odd."),
        ("markdown", "## Summary\n\nSix."),
        ("code", "last = known"),
    ]
    tagged = [cell.source for cell in made.cells if "answer" in cell.metadata.get("tags", [])]
    assert tagged == read_lesson(source).exercises[0].code
    assert "parameters" in made.cells[0].metadata.tags


def test_the_teachers_version_runs_the_answers(source):
    (teacher,) = write_versions([source], source.parents[1] / "class", "teacher")
    (run,) = plan_runs(find_notebook("class/99_toy-teacher.ipynb"))
    assert run_notebook(run) and run.folder.name == "99_toy-teacher"
    printed = [output.text for cell in nbformat.read(run.executed, 4).cells for output in cell.get("outputs", [])]
    assert printed == ["half: 3.0\n"] and teacher.is_file()


@pytest.mark.parametrize("version", ["learner", "teacher"])
def test_the_bytes_repeat_themselves(source, tmp_path, version):
    executed = jupytext.read(source)
    executed.cells[1].outputs = [nbformat.v4.new_output("stream", text="6")]
    nbformat.write(executed, tmp_path / "99_toy.ipynb")
    made = [
        write_versions([written], tmp_path / folder, version)[0].read_bytes()
        for folder, written in (("a", source), ("b", source), ("a", source), ("c", tmp_path / "99_toy.ipynb"))
    ]
    assert made[0] == made[1] == made[2] == made[3]
    assert b'"execution_count": null' in made[0] and b"jupytext" not in made[0]


def test_work_is_not_written_over(source, tmp_path):
    other = source.with_name("98_toy.py")
    other.write_text(LESSON.replace("99", "98"))
    (work,) = write_versions([source], tmp_path / "class", "learner")
    mine = nbformat.read(work, as_version=4)
    next(cell for cell in mine.cells if cell.id == "exercise-1-work").source = "known / 2"
    nbformat.write(mine, work)
    kept = work.read_bytes()
    with pytest.raises(FileExistsError, match=r"class/99_toy-learner\.ipynb is there and differs"):
        write_versions([other, source], tmp_path / "class", "learner")
    assert work.read_bytes() == kept and [path.name for path in work.parent.iterdir()] == [work.name]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## Exercises", "## Exercise", 'has no sections "## Exercises": give it exactly one'),
        ("# ## Summary", "# ## Exercises", "has 2 sections"),
        ("# ```python\n# print(", "# ```python3\n# print(", "in the answer of exercise 1, put code between lines"),
        ("**2.** Why", "**3.** Why", "the exercise after 1 has the number 3"),
        ("# It is odd.\n#\n# </details>", "# It is odd.", r"exercise 2 is not `\*\*2\.\*\* question`"),
        ("# </details>\n\n# %% [markdown]\n# **2", "# </details>\n# More.\n#\n# **2", "with nothing behind it"),
        (
            '# print("half:", half)\n# ```\n',
            '# print("half:", half)\n',
            "a block of code among the exercises, or behind them, does not end",
        ),
        ("# ## Summary\n#\n# Six.\n", "", "a code cell among the exercises, fold it into an answer: 'last = known'"),
    ],
)
def test_another_form_is_refused(source, tmp_path, old, new, message):
    assert old in LESSON
    source.write_text(LESSON.replace(old, new))
    with pytest.raises(ValueError, match=message):
        write_versions([source], tmp_path / "class", "teacher")
    assert not (tmp_path / "class").exists()


def test_the_command_writes_what_it_is_asked_for(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.main(["exercises", "--learner", "class", "--teacher", "desk"])
    names = ["class/99_toy-learner.ipynb", "desk/99_toy-teacher.ipynb"]
    assert capsys.readouterr().out.split() == names and all((tmp_path / name).is_file() for name in names)
    (tmp_path / names[0]).write_text("my work")
    for arguments, message in (
        (["99"], "say which version goes where"),
        (["98", "--teacher", "desk"], "no notebook '98'"),
        (["99", "--learner", "class"], "class/99_toy-learner.ipynb is there and differs"),
    ):
        with pytest.raises(SystemExit, match=message):
            cli.main(["exercises", *arguments])
