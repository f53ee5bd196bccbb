"""The exercises of a lesson, and the two versions that are made from it: one to work in, one that shows and runs every solution.

A lesson ends with a section of markdown cells. Any other question keeps its fold in both versions.

    ## Exercises

    **1.** What is asked.

    <details><summary>Answer</summary>

    Prose, and Python that runs at the end of the lesson, between "```python" and "```".

    </details>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from avvp_lib.provenance import atomic_path
from avvp_lib.runner.notebooks import to_notebook
from avvp_lib.workspace import shown

HEADING = "## Exercises"
VERSIONS = ("learner", "teacher")
ANSWER_TAG = "answer"
ITEM = re.compile(r"^(?=\*\*\d+\.\*\*)", re.MULTILINE)
EXERCISE = re.compile(
    r"\*\*(?P<number>\d+)\.\*\*\s+(?P<question>.+?)\s+<details><summary>Answer</summary>\n(?P<answer>.+?)</details>\s*",
    re.DOTALL,
)
CODE = re.compile(r"^```python\n(.+?)\n```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson.

    Attributes:
        number: from 1 on.
        question: Markdown.
        answer: pairs of "markdown" or "code" and the text, in the order of the lesson.
    """

    number: int
    question: str
    answer: tuple[tuple[str, str], ...]

    @property
    def code(self) -> list[str]:
        """The Python blocks of the answer."""
        return [text for kind, text in self.answer if kind == "code"]


@dataclass(frozen=True)
class Lesson:
    """A notebook around its exercises; `before` and `after` are cells, `introduction` the Markdown above the first exercise."""

    notebook: NotebookNode
    before: list[NotebookNode]
    introduction: str
    exercises: list[Exercise]
    after: list[NotebookNode]


def read_lesson(source: Path) -> Lesson:
    """A lesson in .py or .ipynb, without outputs, taken apart at its exercises.

    Raises:
        ValueError: the file is no notebook, or its exercises do not have the form that this module describes.
    """
    notebook, name = to_notebook(source), shown(source)
    cells = notebook.cells
    starts = [n for n, cell in enumerate(cells) if cell.cell_type == "markdown" and HEADING in cell.source.splitlines()]
    if len(starts) != 1:
        raise ValueError(f'{name} has {len(starts) or "no"} sections "{HEADING}": give it exactly one')
    start = starts[0]
    end = next((n for n in range(start, len(cells)) if cells[n].cell_type == "code"), len(cells))
    above, _, text = "\n\n".join(["", *(cell.source for cell in cells[start:end])]).partition(f"\n{HEADING}\n")
    if len(re.findall("^```", text, re.MULTILINE)) % 2:
        raise ValueError(f"{name}: a block of code among the exercises, or behind them, does not end")
    text, rest = _until_next_heading(text)
    if not rest and end < len(cells):
        raise ValueError(f"{name}: a code cell among the exercises, fold it into an answer: {cells[end].source[:60]!r}")
    introduction, *items = ITEM.split(text)
    exercises = [_exercise(item, number, name) for number, item in enumerate(items, start=1)]
    before = cells[:start] + ([new_markdown_cell(above.strip(), id="before-exercises")] if above.strip() else [])
    after = ([new_markdown_cell(rest.strip(), id="after-exercises")] if rest else []) + cells[end:]
    return Lesson(notebook, before, introduction.strip(), exercises, after)


def _until_next_heading(text: str) -> tuple[str, str]:
    """Markdown before the next heading of the first two levels, and from there on. A comment in a block of code is no heading."""
    in_code, position = False, 0
    for line in text.splitlines(keepends=True):
        if line.startswith("```"):
            in_code = not in_code
        elif not in_code and re.match(r"##? ", line):
            return text[:position], text[position:]
        position += len(line)
    return text, ""


def _exercise(item: str, number: int, name: str) -> Exercise:
    found = EXERCISE.fullmatch(item)
    if found is None:
        raise ValueError(
            f"{name}: exercise {number} is not `**{number}.** question`, then `<details><summary>Answer</summary>`, "
            f"an answer and `</details>`, with nothing behind it: {item[:60]!r}"
        )
    if int(found["number"]) != number:
        raise ValueError(f"{name}: the exercise after {number - 1} has the number {found['number']}")
    pieces = CODE.split(found["answer"])  # prose and code in turn
    parts = [("code" if n % 2 else "markdown", piece.strip()) for n, piece in enumerate(pieces)]
    if any(kind == "markdown" and "```python" in text for kind, text in parts):
        raise ValueError(f'{name}: in the answer of exercise {number}, put code between lines "```python" and "```"')
    return Exercise(number, found["question"], tuple(part for part in parts if part[1]))


def lesson_version(lesson: Lesson, version: str) -> NotebookNode:
    """The learner's version, with an empty cell instead of each answer, or the teacher's, in which answers are shown and run.

    Every exercise is a cell of its own in both. Code of an answer has the tag "answer". The same lesson gives the same ids.

    Raises:
        ValueError: another version.
    """
    if version not in VERSIONS:
        raise ValueError(f"unknown version {version!r}: choose one of {', '.join(VERSIONS)}")
    introduction = new_markdown_cell(f"{HEADING}\n\n{lesson.introduction}".strip(), id="exercises")
    cells = [*lesson.before, introduction]
    for exercise in lesson.exercises:
        name = f"exercise-{exercise.number}"
        cells.append(new_markdown_cell(f"**{exercise.number}.** {exercise.question}", id=name))
        cells += [new_code_cell("", id=f"{name}-work")] if version == "learner" else _answer_cells(exercise, name)
    made = nbformat.from_dict(lesson.notebook)
    made.metadata.pop("jupytext", None)  # which would pair the version with a .py file of its own
    made.cells = nbformat.from_dict([*cells, *lesson.after])
    return made


def _answer_cells(exercise: Exercise, name: str) -> list[NotebookNode]:
    cells = [new_markdown_cell("**Answer**", id=f"{name}-answer")]
    for number, (kind, text) in enumerate(exercise.answer, start=1):
        of_part = f"{name}-answer-{number}"
        if kind == "code":
            cells.append(new_code_cell(text, id=of_part, metadata={"tags": [ANSWER_TAG]}))
        else:
            cells.append(new_markdown_cell(text, id=of_part))
    return cells


def write_versions(sources: list[Path], folder: Path, version: str) -> list[Path]:
    """Write one version of lessons as folder/NN_name-<version>.ipynb, the same bytes whenever and wherever it is written.

    Returns:
        The files, in the order of `sources`.

    Raises:
        FileExistsError: a file with other content is there, which may be somebody's work. Nothing is written then.
        ValueError: of `read_lesson` and `lesson_version`; nothing is written.
    """
    texts = {
        Path(folder) / f"{source.stem}-{version}.ipynb": nbformat.writes(lesson_version(read_lesson(source), version))
        for source in sources
    }
    for path, text in texts.items():
        if path.exists() and path.read_text(encoding="utf-8") != f"{text}\n":
            raise FileExistsError(
                f"{shown(path)} is there and differs, it may hold work or come from an older lesson: move it away first"
            )
    for path, text in texts.items():
        with atomic_path(path) as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8")
    return list(texts)
