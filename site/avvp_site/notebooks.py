"""Executed notebooks made ready for the site: long code folded, figures with a name, an address and a text instead of the picture."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONG = 15  # lines; a longer cell is folded, its result is not
PICTURES = ("image/png", "image/gif")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$", re.MULTILINE)
TITLE = re.compile(r"(\d\d) · (.+)")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
MARKUP = re.compile(r"[*`]|\[([^\]]*)\]\([^)]*\)|\$")


@dataclass(frozen=True)
class Figure:
    """A picture that a cell of a notebook has drawn.

    Attributes:
        name: address of its cell on the site, such as figure-07-2.
        picture: the file as it is in the notebook.
        kind: its media type.
        caption: the heading above it, without markup.
    """

    name: str
    picture: bytes
    kind: str
    caption: str


@dataclass(frozen=True)
class Lesson:
    """A notebook of the series: its number as written ("07"), its title without the number, its file."""

    number: str
    title: str
    path: Path


def plain(markdown: str) -> str:
    """Markdown of one line without emphasis, code marks, links and dollar signs."""
    return MARKUP.sub(lambda found: found[1] or "", markdown).strip()


def read_lessons(folder: Path) -> list[Lesson]:
    """The notebooks NN_name.ipynb of a folder by their number.

    Raises:
        ValueError: a notebook does not begin with a heading such as "# 07 · MUG"; the message names it.
    """
    lessons = []
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        heading = next((text for level, text in _headings(_read(path)) if level == 1), "")
        found = TITLE.match(plain(heading))
        if not found or found[1] != path.name[:2]:
            raise ValueError(f"{path.name}: the first heading is {heading!r}, not '# {path.name[:2]} · title'")
        lessons.append(Lesson(found[1], found[2], path))
    return lessons


def figures(lesson: Lesson) -> list[Figure]:
    """The pictures of a lesson in the order in which they were drawn."""
    drawn = []
    for _, cell, name, caption in _cells_with_pictures(_read(lesson.path), lesson.number):
        drawn += [Figure(name, base64.b64decode(content), kind, caption) for kind, content in _pictures(cell)]
    return drawn


def prepare(source: str, number: str) -> str:
    """The JSON of a notebook as myst-nb is to read it.

    Code of more than LONG lines is tagged hide-input. A cell that draws gets its figure's name as a target before it, and the
    heading above it as the text of its picture.

    Args:
        source: content of an .ipynb file.
        number: of the lesson, for the names of its figures.
    """
    notebook = json.loads(source)
    for cell in notebook["cells"]:
        lines = len(_text(cell).splitlines())
        if cell["cell_type"] == "code" and lines > LONG:
            tags = cell["metadata"].setdefault("tags", [])
            tags += [tag for tag in ("hide-input",) if tag not in tags]
            prompts = {"code_prompt_show": f"Code, {lines} lines", "code_prompt_hide": f"Code, {lines} lines"}
            cell["metadata"].setdefault("mystnb", {}).update(prompts)
    for position, cell, name, caption in reversed(list(_cells_with_pictures(notebook, number))):
        cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": f"Figure: {caption}"}
        target = {"cell_type": "markdown", "id": name, "metadata": {}, "source": f"({name})="}
        notebook["cells"].insert(position, target)
    return json.dumps(notebook)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _headings(notebook: dict[str, Any]) -> Iterator[tuple[int, str]]:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for found in HEADING.finditer(FENCED.sub("", _text(cell))):
                yield len(found[1]), found[2]


def _pictures(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Media type and base64 text of the pictures among the results of a cell."""
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        for kind in PICTURES:
            if kind in data:
                yield kind, data[kind] if isinstance(data[kind], str) else "".join(data[kind])
                break


def _cells_with_pictures(notebook: dict[str, Any], number: str) -> Iterator[tuple[int, dict[str, Any], str, str]]:
    """Position, cell, name and caption; a second figure below one heading is called that."""
    heading, below, count = "", 0, 0
    for position, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            for _, text in _headings({"cells": [cell]}):
                heading, below = plain(text), 0
        elif next(_pictures(cell), None):
            below, count = below + 1, count + 1
            caption = heading if below == 1 else f"{heading} ({below})"
            yield position, cell, f"figure-{number}-{count}", caption
