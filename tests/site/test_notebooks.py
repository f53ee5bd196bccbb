"""Notebooks made ready for the site, and their figures in the gallery."""

import base64
import io
import json
from pathlib import Path

import pytest

pytest.importorskip("sphinx")

from avvp_site.gallery import HEIGHT, WIDTH, card, thumbnail, write_gallery
from avvp_site.notebooks import LONG, Figure, Lesson, figures, plain, prepare, read_lessons
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def picture(size: tuple[int, int] = (8, 6), colour: str = "red", **options) -> bytes:
    written = io.BytesIO()
    Image.new("RGBA", size, colour).save(written, options.pop("format", "PNG"), **options)
    return written.getvalue()


def drawn(content: bytes) -> dict:
    return {"output_type": "display_data", "data": {"image/png": base64.b64encode(content).decode()}, "metadata": {}}


def markdown(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, *outputs: dict) -> dict:
    return {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": source, "outputs": list(outputs)}


def notebook(*cells: dict) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def lesson(tmp_path) -> Lesson:
    """Three figures, two of them below one heading; a heading within a block of code is none."""
    path = tmp_path / "07_mug.ipynb"
    cells = [
        markdown("# 07 · MUG: *states*\n\nText."),
        markdown("## 1 · The `scan` of $h_t$\n\n```python\n# no heading\n```"),
        code("draw()", drawn(picture(colour="red"))),
        code("silent()"),
        code("draw()", drawn(picture(colour="green"))),
        markdown("## 2 · More [there](x.ipynb)"),
        code("\n".join(["x = 1"] * (LONG + 1)), drawn(picture(colour="blue"))),
    ]
    path.write_text(notebook(*cells))
    return Lesson("07", "MUG: states", path)


def test_plain_text_of_a_heading():
    assert plain("2 · *Which* `code` of $h_t$, see [there](x.ipynb)") == "2 · Which code of h_t, see there"


def test_lessons_by_number(lesson):
    (lesson.path.parent / "02_labels.ipynb").write_text(notebook(markdown("# 02 · Labels")))
    (lesson.path.parent / "scratch.ipynb").write_text("{}")
    assert [(read.number, read.title) for read in read_lessons(lesson.path.parent)] == [
        ("02", "Labels"),
        ("07", "MUG: states"),
    ]


@pytest.mark.parametrize("heading", ["# MUG", "# 06 · MUG", "# 07 MUG", "no heading"])
def test_a_notebook_without_its_number_is_named(tmp_path, heading):
    (tmp_path / "07_mug.ipynb").write_text(notebook(markdown(heading)))
    with pytest.raises(ValueError, match=r"07_mug\.ipynb: the first heading"):
        read_lessons(tmp_path)


def test_figures_are_called_after_the_heading_above(lesson):
    found = figures(lesson)
    assert [(figure.name, figure.caption) for figure in found] == [
        ("figure-07-1", "1 · The scan of h_t"),
        ("figure-07-2", "1 · The scan of h_t (2)"),
        ("figure-07-3", "2 · More there"),
    ]
    assert found[1].picture == picture(colour="green") and found[1].kind == "image/png"


def test_long_code_is_folded_and_figures_get_an_address_and_a_text(lesson):
    cells = json.loads(prepare(lesson.path.read_text(), "07"))["cells"]
    long = [cell for cell in cells if "hide-input" in cell["metadata"].get("tags", ())]
    assert [len(cell["source"].splitlines()) for cell in long] == [LONG + 1]
    assert long[0]["metadata"]["mystnb"]["code_prompt_show"] == f"Code, {LONG + 1} lines"
    targets = [(cells[i + 1], cell["source"]) for i, cell in enumerate(cells) if cell["source"].startswith("(figure-")]
    assert [target for _, target in targets] == ["(figure-07-1)=", "(figure-07-2)=", "(figure-07-3)="]
    assert [cell["metadata"]["mystnb"]["image"]["alt"] for cell, _ in targets] == [
        "Figure: 1 · The scan of h_t",
        "Figure: 1 · The scan of h_t (2)",
        "Figure: 2 · More there",
    ]
    kept = [cell for cell in cells if not cell["source"].startswith("(figure-")]
    assert [cell["source"] for cell in kept] == [c["source"] for c in json.loads(lesson.path.read_text())["cells"]]


def test_thumbnails_are_small_and_without_their_margin():
    drawing = Image.new("RGBA", (2400, 1000), (255, 255, 255, 0))
    drawing.paste("navy", (200, 100, 2200, 600))
    written = io.BytesIO()
    drawing.save(written, "PNG")
    with Image.open(io.BytesIO(thumbnail(written.getvalue()))) as small:
        assert small.size == (WIDTH, WIDTH // 4)
        assert small.convert("RGB").getextrema() == ((0, 0), (0, 0), (128, 128))
    with Image.open(io.BytesIO(thumbnail(picture((100, 4000))))) as tall:
        assert tall.height == HEIGHT
    with Image.open(io.BytesIO(thumbnail(picture((30, 20), "white")))) as empty:
        assert empty.size == (30, 20)


def test_a_card_is_one_link_with_escaped_text(tmp_path):
    text = card(Lesson("07", "MUG", tmp_path), Figure("figure-07-1", picture(), "image/png", "p [t] of `x`"), "a.png")
    assert text == r"[![Lesson 07, figure: p \[t\] of \`x\`](a.png) p \[t\] of \`x\`](#figure-07-1)" + "\n"


def test_the_gallery_has_every_figure(lesson, tmp_path):
    page = tmp_path / "gallery.md"
    assert write_gallery([lesson], page, tmp_path / "pictures") == 3
    text = page.read_text()
    assert "## [07 · MUG: states](notebooks/07_mug.ipynb)" in text
    for name in ("pictures/figure-07-1-1.png", "pictures/figure-07-2-2.png", "pictures/figure-07-3-3.png"):
        assert name in text and (tmp_path / name).is_file()


def test_the_committed_notebooks_have_figures_with_captions():
    lessons = read_lessons(NOTEBOOKS)
    assert [lesson.path for lesson in lessons] == sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    for lesson in lessons:
        found = figures(lesson)
        assert found and all(figure.caption for figure in found), lesson.path.name
