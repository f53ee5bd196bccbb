"""The annotation widget in JupyterLab in a real browser: labels are clicked and typed, survive a reload, and are in the CSV file.

Neither the server nor the page may ask for anything outside this machine. What it needs, and how it leaves pictures: tests/jupyter_lab.py.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.pseudo_labels.annotation import read_annotations
from tests import jupyter_lab
from tests.annotation_files import CAR, DOG, KEYS, NULL_KEYS, SPEECH, write_corpus
from tests.jupyter_lab import needs_browser, shows

pytestmark = needs_browser

CELL = """\
from pathlib import Path

from avvp_lib.pseudo_labels.annotation import export_nulls
from avvp_lib.widgets import AnnotationWidget
from tests.annotation_files import corpus_at, guessed

corpus = corpus_at(Path.cwd())
export_nulls(Path("nulls.csv"), guessed(), corpus.categories)
AnnotationWidget(corpus, "nulls.csv")"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Clips and a notebook of one cell."""
    folder = tmp_path_factory.mktemp("lab")
    write_corpus(folder)
    jupyter_lab.write_notebook(folder / "annotate.ipynb", CELL)
    return folder


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory) -> Iterator[str]:
    with jupyter_lab.jupyter_lab(folder, tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def page(server):
    with jupyter_lab.browser_page() as page:
        yield page


def open_and_run(page, server: str) -> None:
    """Open the notebook and run its cell; the widget is there when this returns."""
    jupyter_lab.open_and_run(page, server, "annotate.ipynb", ".avvp-frame img")
    page.wait_for_function("document.querySelectorAll('.avvp-frame img').length == 10")


def category(page, name: str):
    return page.locator(f".avvp-category[data-category='{name}']")


def frame(page, second: int):
    return page.locator(f".avvp-frame[data-segment='{second}']")


def picture(page, name: str) -> None:
    jupyter_lab.picture(page, ".avvp-annotation", name)


def test_labels_are_clicked_typed_reloaded_and_found_again(page, server, folder):
    open_and_run(page, server)

    # with the mouse: seconds 1 to 3 show a dog
    frame(page, 1).click()
    frame(page, 3).click(modifiers=["Shift"])
    category(page, "Dog").click()
    shows(page, ".avvp-category[data-category='Dog']", "aria-pressed", "true")
    assert page.locator(".avvp-selected").count() == 3

    # with the keyboard: right to second 4, on to 5, and the key that the button of Car shows
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("document.querySelectorAll('.avvp-selected').length == 2")
    page.keyboard.press(category(page, "Car").locator("kbd").inner_text())
    shows(page, ".avvp-category[data-category='Car']", "aria-pressed", "true")
    picture(page, "desk")

    # the next video cannot be labelled; "x" would cut the cell if JupyterLab heard it
    page.keyboard.press("Enter")
    shows(page, ".avvp-annotation", "data-video", NULL_KEYS[1])
    page.keyboard.press("x")
    shows(page, ".avvp-status", "data-status", "unlabelable")
    assert page.locator(".jp-Notebook .jp-CodeCell").count() >= 1
    page.locator("[data-act=undo]").click()
    shows(page, ".avvp-status", "data-status", "todo")
    page.locator("[data-act=unlabelable]").click()
    shows(page, ".avvp-status", "data-status", "unlabelable")

    # the sound is there and plays; the large picture is a picture
    assert page.evaluate("() => document.querySelector('.avvp-audio').duration") == pytest.approx(10, abs=0.05)
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('.avvp-audio').currentTime > 0.3")
    page.keyboard.press(" ")
    assert page.evaluate("() => document.querySelector('.avvp-large').naturalWidth") > 100

    # reload, run again: it opens where the work stopped, and one step back everything is there
    page.reload()
    open_and_run(page, server)
    shows(page, ".avvp-annotation", "data-video", NULL_KEYS[1])
    shows(page, ".avvp-status", "data-status", "unlabelable")
    page.locator("[data-act=previous]").click()
    shows(page, ".avvp-annotation", "data-video", NULL_KEYS[0])
    assert page.locator(".avvp-labelled").count() == 5
    assert category(page, "Dog").get_attribute("aria-pressed") == "mixed"
    cells = category(page, "Dog").locator(".avvp-cells i").evaluate_all("all => all.map(i => i.className)")
    assert [cell == "avvp-on" for cell in cells] == [False] + [True] * 3 + [False] * 6

    found = read_annotations(folder / "nulls.csv", LLP_CATEGORIES, KEYS)
    assert np.argwhere(found.visual).tolist() == [[0, 1, DOG], [0, 2, DOG], [0, 3, DOG], [0, 4, CAR], [0, 5, CAR]]
    assert found.unlabelable == (NULL_KEYS[1],) and found.todo == (NULL_KEYS[2],)

    # a telephone; the clip of the last video is not there, and it can be labelled all the same
    page.set_viewport_size({"width": 390, "height": 844})
    picture(page, "phone")
    assert not jupyter_lab.sticks_out(page, ".avvp-annotation")
    page.locator("[data-act=next-todo]").click()
    shows(page, ".avvp-annotation", "data-video", NULL_KEYS[2])
    assert "no such file" in page.locator(".avvp-message").inner_text()
    category(page, "Speech").click()
    shows(page, ".avvp-category[data-category='Speech']", "aria-pressed", "true")
    picture(page, "phone_without_clip")
    assert read_annotations(folder / "nulls.csv", LLP_CATEGORIES, KEYS).visual[2, :, SPEECH].all()

    assert jupyter_lab.asked_outside(page, server) == [] and len(page.asked) > 20
    assert page.errors == []
