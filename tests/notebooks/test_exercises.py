"""Every lesson has exercises worth the name: all answered, answers in code that stand on the lesson alone. `test_smoke` runs them."""

import ast
import builtins
import symtable
from pathlib import Path

import pytest

from avvp_lib.runner import lesson_version, read_lesson

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
KNOWN = {*dir(builtins), "display"}

each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def names(code: str) -> tuple[set[str], set[str]]:
    """The names that code takes from outside, and those it binds. Within a loop or a `with` it may bind what it reads."""
    read, bound = set(), set()
    for statement in ast.parse(code).body:
        table = symtable.symtable(ast.unparse(statement), "answer", "exec")
        used, made = set(), set()
        for symbol in table.get_symbols():
            if symbol.is_referenced():
                used.add(symbol.get_name())
            if symbol.is_assigned() or symbol.is_imported():
                made.add(symbol.get_name())
        used |= {name for inner in _inner(table) for name in inner.get_globals()}
        simple = isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign))
        read |= used - bound - (set() if simple else made)
        bound |= made
    return read, bound


def _inner(table: symtable.SymbolTable) -> list[symtable.Function]:
    """Comprehensions and lambdas, at any depth."""
    return [found for child in table.get_children() for found in (child, *_inner(child))]


def is_stub(node: ast.AST) -> bool:
    """`...` instead of a value or a statement; in `grid[..., 0]` it is an index."""
    value = (
        getattr(node, "value", None) if isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)) else None
    )
    arguments = node.args if isinstance(node, ast.Call) else []
    return any(isinstance(part, ast.Constant) and part.value is ... for part in (value, *arguments))


@each
def test_there_are_three_or_more_and_two_are_answered_in_code(source):
    exercises = read_lesson(source).exercises
    assert len(exercises) >= 3
    assert [exercise.number for exercise in exercises if not exercise.answer] == []
    assert sum(bool(exercise.code) for exercise in exercises) >= 2


@each
def test_code_of_answers_compiles_and_is_no_stub(source):
    for exercise in read_lesson(source).exercises:
        for code in exercise.code:
            tree = ast.parse(code, f"{source.name}, exercise {exercise.number}")
            assert not any(is_stub(node) or isinstance(node, ast.Pass) for node in ast.walk(tree)), code


@each
def test_an_answer_needs_the_lesson_and_no_other_answer(source):
    """Nobody solves all exercises in order: an answer neither needs a variable of another one nor is spoilt by it."""
    lesson = read_lesson(source)
    cells = [cell.source for cell in lesson.before if cell.cell_type == "code"]
    _, of_lesson = names("\n".join(cells))
    answers = {exercise.number: names("\n".join(exercise.code)) for exercise in lesson.exercises if exercise.code}
    for number, (read, _) in answers.items():
        assert read - of_lesson - KNOWN == set(), f"exercise {number} reads what the lesson does not have"
        for other, (_, bound) in answers.items():
            assert other == number or not read & bound, f"exercise {other} changes what {number} reads"


@each
def test_the_versions_keep_the_code_of_the_lesson(source):
    lesson = read_lesson(source)
    of_lesson = [cell.source for cell in lesson.notebook.cells if cell.cell_type == "code"]
    answers = [code for exercise in lesson.exercises for code in exercise.code]
    for version, added in (("learner", [""] * len(lesson.exercises)), ("teacher", answers)):
        made = [cell.source for cell in lesson_version(lesson, version).cells if cell.cell_type == "code"]
        assert made == of_lesson[: len(made) - len(added)] + added + of_lesson[len(made) - len(added) :]


def test_the_checks_of_names_and_stubs_can_fail():
    assert names("a = b\nfor c in d:\n    c(a)\n[e + f for e in a]") == ({"b", "d", "f"}, {"a", "c"})
    assert names("import os.path as p\nx = x + p.y\nwith z as w:\n    w") == ({"x", "z"}, {"p", "x", "w"})
    stubs = [any(map(is_stub, ast.walk(ast.parse(code)))) for code in ("...", "x = ...", "f(...)", "x[..., 0] = 1")]
    assert stubs == [True, True, True, False]
