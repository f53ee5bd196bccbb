"""Pages that are made: the list of lessons, pages of the API, docstrings as reStructuredText."""

from pathlib import Path

import pytest

pytest.importorskip("sphinx")

from avvp_site.api import as_restructured_text, exported, index, on_docstring, on_signature, page, public_modules
from avvp_site.notebooks import Lesson
from avvp_site.staging import lesson_list, questions, without_folder_links

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path) -> Path:
    """house: a module, a package with a module, a package in it and something private."""
    files = {
        "__init__.py": "",
        "door.py": '"""A door.\n\nMore."""',
        "_lock.py": "",
        "room/__init__.py": '"""Rooms."""\nfrom house.room.chair import Chair\n__all__ = ["Chair", "own"]\nown = 1',
        "room/chair.py": '"""Chairs."""',
        "room/_leg.py": "",
        "room/shelf/__init__.py": '"""Shelves."""',
        "room/shelf/board.py": "",
    }
    for name, text in files.items():
        (tmp_path / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "house" / name).write_text(text)
    return tmp_path / "house"


def test_public_modules_are_two_levels_deep(package):
    assert public_modules(package) == {
        "house.door": ["house.door"],
        "house.room": ["house.room", "house.room.chair", "house.room.shelf"],
    }


def test_what_a_package_hands_on_is_linked_to_its_definition(package):
    assert exported("house.room", package.parent) == {"Chair": "house.room.chair.Chair"}
    text = page(["house.room", "house.room.chair"], package.parent)
    assert ".. automodule:: house.room\n" in text and ".. automodule:: house.room.chair\n" in text
    assert ":py:obj:`Chair <house.room.chair.Chair>`" in text


def test_the_list_of_pages_has_the_first_line_of_each(package):
    text = index(public_modules(package), package.parent)
    assert ":doc:`door <house.door>`\n     - A door.\n" in text and text.rstrip().endswith("   house.room")


def test_every_part_of_the_library_has_a_page():
    pages = public_modules(ROOT / "avvp_lib")
    assert {"avvp_lib.models", "avvp_lib.training", "avvp_lib.figures", "avvp_lib.cli"} <= pages.keys()
    assert "avvp_lib.models.mug" in pages["avvp_lib.models"]


def test_formulas_in_docstrings_keep_their_lines():
    lines = ["Pool.", "", "    p = a", "    q = b", "", "Then:", "- one", "- two", "", "Args:", "    x: (B, T)", ""]
    assert as_restructured_text(lines) == [
        "Pool.", "", "::", "", "        p = a", "        q = b", "", "Then:", "", "- one", "- two", "",
        "Args:", "    x: (B, T)", "",
    ]  # fmt: skip


def test_columns_and_hanging_lines_stay_as_they_are():
    lines = ["logits    (B, T) before", "          the sigmoid"]
    assert as_restructured_text(lines) == ["::", "", "    logits    (B, T) before", "              the sigmoid"]


def test_signs_that_mark_nothing_up():
    lines = ["A_ and |x| of `a_ b`s are **not** 2 * 3"]
    assert as_restructured_text(lines) == [r"A\_ and \|x\| of `a_ b`\ s are **not** 2 \* 3"]


def test_two_backticks_are_code_as_well():
    assert as_restructured_text(["of ``None`` or ``a*`` and `b`"]) == ["of ``None`` or ``a*`` and `b`"]


def test_tables_and_lone_asterisks_in_docstrings():
    assert as_restructured_text(["| a | b |", "|---|---|"]) == ["::", "", "    | a | b |", "    |---|---|"]
    assert as_restructured_text(["such as *.json"]) == [r"such as \*.json"]
    assert as_restructured_text(["*so* and `a*b`"]) == ["*so* and `a*b`"]


def test_a_colon_in_the_docstring_of_a_constant_separates_no_type():
    lines = ["The names: a class, or where to import it from."]
    on_docstring(None, "data", "MODELS", {}, None, lines)
    assert lines == ["", "The names: a class, or where to import it from."]


def test_defaults_that_are_made_anew_can_be_parsed():
    assert (
        on_signature(None, "class", "Output", None, None, "(extras: dict = <factory>)", None)[0]
        == "(extras: dict = ...)"
    )
    assert on_signature(None, "module", "house", None, None, None, None) == (None, None)


def test_questions_come_from_the_readme():
    asked = questions((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(asked) >= 15 and asked["00"].startswith("What is parsed")


def test_a_lesson_is_listed_with_or_without_a_question():
    lessons = [Lesson("00", "Task", Path("00_task.ipynb")), Lesson("99", "New", Path("99_new.ipynb"))]
    assert lesson_list(lessons, {"00": "What?"}).splitlines()[2:] == [
        "| [00 · Task](notebooks/00_task.ipynb) | What? |",
        "| [99 · New](notebooks/99_new.ipynb) |  |",
    ]


def test_links_to_folders_become_text(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / "page.md").touch()
    text = "see [`cells`](cells), [page](page.md), [out](https://x.org/cells) and ![picture](cells)"
    assert without_folder_links(text, tmp_path) == text.replace("[`cells`](cells)", "`cells`")
