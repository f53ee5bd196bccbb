"""A folder in which Sphinx finds all sources: those of the repository, and pages that are made from them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from avvp_site.api import write_pages
from avvp_site.gallery import write_gallery
from avvp_site.notebooks import Lesson, prepare, read_lessons

TAKEN = (
    "README.md",
    "THIRD_PARTY.md",
    "CITATION.cff",
    "data/README.md",
    "docs/*.*",
    "benchmarks/results/*.*",
    "avvp_lib/features/teachers/MODEL_CARD.md",
)
PLACE = "<!-- lessons -->"
ROW = re.compile(r"^\| \[(\d\d) [^\]]*\]\(notebooks/[^)]*\) \| (.*) \|$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)\)")


def questions(readme: str) -> dict[str, str]:
    """What each lesson asks, by its number, from the table of the README."""
    return dict(ROW.findall(readme))


def lesson_list(lessons: Sequence[Lesson], asked: dict[str, str]) -> str:
    """Markdown: the lessons in order, each with its question where the README has one."""
    rows = ["| lesson | question |", "|---|---|"]
    for lesson in lessons:
        title = f"[{lesson.number} · {lesson.title}](notebooks/{lesson.path.name})"
        rows.append(f"| {title} | {asked.get(lesson.number, '')} |")
    return "\n".join(rows)


def without_folder_links(markdown: str, folder: Path) -> str:
    """Links to folders as mere text: on the site there is nothing that they could show.

    Args:
        folder: in which the page lies.
    """
    return LINK.sub(lambda link: link[1] if (folder / link[2]).is_dir() else link[0], markdown)


def stage(root: Path, folder: Path) -> None:
    """Lay out the sources of the site: what the repository has, made ready, and the pages that are made from it.

    Args:
        root: the repository.
        folder: where to; it must not exist.

    Raises:
        ValueError: a notebook has no title, or site/index.md no place for the list of lessons.
    """
    folder.mkdir(parents=True)
    for source in (file for pattern in TAKEN for file in sorted(root.glob(pattern))):
        target = folder / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            text = source.read_text(encoding="utf-8")
            target.write_text(without_folder_links(text, source.parent), encoding="utf-8")
        else:
            shutil.copyfile(source, target)
    (folder / "notebooks").mkdir()
    lessons = read_lessons(root / "notebooks")
    for lesson in lessons:
        made_ready = prepare(lesson.path.read_text(encoding="utf-8"), lesson.number)
        (folder / "notebooks" / lesson.path.name).write_text(made_ready, encoding="utf-8")
    asked = questions((root / "README.md").read_text(encoding="utf-8"))
    index = (root / "site" / "index.md").read_text(encoding="utf-8")
    if PLACE not in index:
        raise ValueError(f"site/index.md has no line {PLACE!r} for the list of lessons")
    (folder / "index.md").write_text(index.replace(PLACE, lesson_list(lessons, asked)), encoding="utf-8")
    write_gallery(lessons, folder / "gallery.md", folder / "gallery")
    write_pages(root / "avvp_lib", folder / "api")
