"""The gallery: every figure of the series as a thumbnail that leads to the cell which draws it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from avvp_site.notebooks import Figure, Lesson, figures

SPECIAL = re.compile(r"[\\\[\]*_`$<>&]")  # what Markdown would read as markup
WIDTH, HEIGHT = 560, 400  # pixels; twice what is shown, for dense screens

INTRODUCTION = """\
# Gallery

Every figure that the committed notebooks hold. A click leads to the cell that draws it.
"""


def thumbnail(picture: bytes) -> bytes:
    """A PNG of at most WIDTH x HEIGHT pixels and 256 colours: the picture (of a moving one: its first frame) without its white margin."""
    with Image.open(io.BytesIO(picture)) as opened:
        coloured = opened.convert("RGBA")
    flat = Image.new("RGB", coloured.size, "white")
    flat.paste(coloured, mask=coloured.getchannel("A"))
    flat = flat.crop(ImageOps.invert(flat).getbbox())
    flat.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    flat.quantize(256, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


def card(lesson: Lesson, figure: Figure, file: str) -> str:
    """Markdown of one thumbnail with its caption, all of it a link.

    Args:
        file: the thumbnail, as seen from the page of the gallery.
    """
    with Image.open(io.BytesIO(figure.picture)) as opened:
        kind = "moving picture" if getattr(opened, "is_animated", False) else "figure"
    caption = SPECIAL.sub(r"\\\g<0>", figure.caption)
    return f"[![Lesson {lesson.number}, {kind}: {caption}]({file}) {caption}](#{figure.name})\n"


def write_gallery(lessons: Sequence[Lesson], page: Path, pictures: Path) -> int:
    """Write the page, and the thumbnails into a folder beside it; returns how many there are.

    Args:
        page: the Markdown file.
        pictures: folder of the thumbnails, within the folder of the page.
    """
    pictures.mkdir(parents=True, exist_ok=True)
    parts, count = [INTRODUCTION], 0
    for lesson in lessons:
        cards = []
        for figure in figures(lesson):
            count += 1
            file = pictures / f"{figure.name}-{count}.png"
            file.write_bytes(thumbnail(figure.picture))
            cards.append(card(lesson, figure, file.relative_to(page.parent).as_posix()))
        if cards:
            heading = f"## [{lesson.number} · {lesson.title}](notebooks/{lesson.path.name})"
            parts += [heading, '\n<div class="gallery">\n', *cards, "</div>\n"]
    page.write_text("\n".join(parts), encoding="utf-8")
    return count
