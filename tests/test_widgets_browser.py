"""The annotation widget in JupyterLab in a real browser: labels are clicked and typed, survive a reload, and are in the CSV file.

Needs Chromium (apt install chromium, or CHROMIUM=/path/to/it). Neither the server nor the page may ask for anything outside this machine.
With AVVP_SCREENSHOTS=folder it leaves pictures of the widget at the widths of a desk and of a phone.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.pseudo_labels.annotation import read_annotations
from tests.annotation_files import CAR, DOG, KEYS, NULL_KEYS, SPEECH, write_corpus

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium, or name one in CHROMIUM"),
]
TOKEN = "for-this-test-only"
PATIENCE = 120_000  # milliseconds: a machine may be busy, and the first import takes its time
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
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / "annotate.ipynb")
    return folder


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab with a home of its own and nothing in it that looks for news."""
    home = tmp_path_factory.mktemp("home")
    (home / "config" / "labconfig").mkdir(parents=True)
    quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(quiet))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {name: str(home / name.lower()) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    places |= {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config"), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0",
        "--LabApp.extension_manager=readonly", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with open(home / "server.log", "w") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **places}, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={TOKEN}", process, home / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.25)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture
def page(server):
    """A page that can reach this machine only; what it asked for is in page.asked, its errors in page.errors."""
    playwright = pytest.importorskip("playwright.sync_api")
    alone = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=alone)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(PATIENCE)
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        yield page
        browser.close()


def open_and_run(page, server: str) -> None:
    """Open the notebook and run its cell; the widget is there when this returns."""
    page.goto(f"{server}/doc/tree/annotate.ipynb?token={TOKEN}")
    page.locator(".jp-Notebook .cm-content").first.click()
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", state="attached")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".avvp-frame img")
    page.wait_for_function("document.querySelectorAll('.avvp-frame img').length == 10")


def category(page, name: str):
    return page.locator(f".avvp-category[data-category='{name}']")


def frame(page, second: int):
    return page.locator(f".avvp-frame[data-segment='{second}']")


def shows(page, selector: str, attribute: str, value: str) -> None:
    page.wait_for_selector(f"{selector}[{attribute}='{value}']", state="attached")


def picture(page, name: str) -> None:
    if wanted := os.environ.get("AVVP_SCREENSHOTS"):
        page.locator(".avvp-annotation").screenshot(path=Path(wanted) / f"{name}.png")
        page.screenshot(path=Path(wanted) / f"{name}_page.png")


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
    sticks_out = (
        "() => (({scrollWidth, clientWidth}) => scrollWidth > clientWidth)(document.querySelector('.avvp-annotation'))"
    )
    assert not page.evaluate(sticks_out)
    page.locator("[data-act=next-todo]").click()
    shows(page, ".avvp-annotation", "data-video", NULL_KEYS[2])
    assert "no such file" in page.locator(".avvp-message").inner_text()
    category(page, "Speech").click()
    shows(page, ".avvp-category[data-category='Speech']", "aria-pressed", "true")
    picture(page, "phone_without_clip")
    assert read_annotations(folder / "nulls.csv", LLP_CATEGORIES, KEYS).visual[2, :, SPEECH].all()

    outside = [url for url in page.asked if not re.match(rf"(ws|http)://127\.0\.0\.1:\d+/|blob:{server}|data:", url)]
    assert outside == [] and len(page.asked) > 20
    assert page.errors == []
