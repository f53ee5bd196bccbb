"""The explorer in JupyterLab in a real browser, at the widths of a desk and a phone, light and dark: it plays, and follows every choice.

Neither the server nor the page may ask for anything outside this machine. What it needs, and how it leaves pictures: tests/jupyter_lab.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import jupyter_lab
from tests.annotation_files import KEYS, write_corpus
from tests.jupyter_lab import choose_theme, needs_browser, picture, shows, sticks_out

pytestmark = needs_browser
CELL = """\
from pathlib import Path

from avvp_lib.widgets import ExplorerWidget
from tests.explorer_files import GAIN, labelled_corpus, outputs

ExplorerWidget(labelled_corpus(Path.cwd()), outputs(), rankings={"gain": GAIN})"""
EXPLORER = ".avvp-explorer"
CONTRAST = """(it) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.map((x) => (x /= 255) <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
    .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = parts(getComputedStyle(it.closest('.avvp-explorer')).backgroundColor).slice(0, 3);
  const [r, g, b, alpha = 1] = parts(getComputedStyle(it).color);
  const ink = [r, g, b].map((x, i) => alpha * x + (1 - alpha) * ground[i]);
  const [low, high] = [light(ink), light(ground)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05); }"""
"""The ratio of contrast between an element's letters and the widget's ground, as the accessibility guidelines define it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home, tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    write_corpus(folder)
    jupyter_lab.write_notebook(folder / "explore.ipynb", CELL)
    with jupyter_lab.jupyter_lab(folder, home) as address:
        yield address


@pytest.fixture
def page(server):
    with jupyter_lab.browser_page() as page:
        yield page


def open_and_run(page, server: str) -> None:
    jupyter_lab.open_and_run(page, server, "explore.ipynb", ".avvp-frames img")
    page.locator(EXPLORER).scroll_into_view_if_needed()


def states(page, lane: str) -> list[str]:
    return page.locator(f"[data-lane='{lane}'] .avvp-cell").evaluate_all("all => all.map(it => it.dataset.state)")


def cells_of(page, level: str, model: str) -> list[str]:
    return page.locator(f"[data-scores='{level}|{model}'] td").all_inner_texts()


def looks_right(page, name: str) -> None:
    """At both widths: nothing sticks out, every label can be read, the cursor lies over the lanes."""
    for device, size in (("desk", (1440, 1000)), ("phone", (390, 844))):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_timeout(500)  # container queries and the cursor follow the new width
        page.locator(EXPLORER).evaluate("(it) => it.scrollIntoView()")
        assert not sticks_out(page, EXPLORER)
        for label in (".avvp-lane-title", ".avvp-lane-label span", ".avvp-scores td", ".avvp-caption", ".avvp-label"):
            assert page.locator(f"{EXPLORER} {label}").last.evaluate(CONTRAST) > 4.5, (name, device, label)
        lane, cursor = (page.locator(x).first.bounding_box() for x in (".avvp-lane", ".avvp-cursor"))
        assert lane["x"] - 3 <= cursor["x"] <= lane["x"] + lane["width"]
        picture(page, EXPLORER, f"explorer_{name}_{device}")
    page.set_viewport_size({"width": 1440, "height": 1000})


def test_it_follows_every_choice_and_plays(page, server, home):
    choose_theme(home, "JupyterLab Light")
    open_and_run(page, server)
    assert states(page, "Dog|audio|HAN") == [""] * 2 + ["missed"] + ["right"] * 3 + ["false alarm"] + [""] * 3
    assert cells_of(page, "segment", "HAN")[0] == "75.0" and cells_of(page, "segment", "VALOR")[0] == "100"

    # the sound plays and the cursor moves with it; a click on the lanes and the arrows move it, too
    assert page.evaluate("() => document.querySelector('.avvp-audio').duration") == pytest.approx(10, abs=0.05)
    page.locator(EXPLORER).focus()
    before = page.locator(".avvp-cursor").bounding_box()["x"]
    page.keyboard.press(" ")
    page.wait_for_function("Number(document.querySelector('.avvp-explorer').dataset.time) > 0.5")
    page.keyboard.press(" ")
    assert page.locator(".avvp-cursor").bounding_box()["x"] > before
    lane = page.locator("[data-lane='Dog|audio|HAN']").bounding_box()
    page.mouse.click(lane["x"] + 0.75 * lane["width"], lane["y"] + 5)
    page.wait_for_function("Math.abs(document.querySelector('.avvp-audio').currentTime - 7.5) < 0.1")
    page.keyboard.press("ArrowRight")
    shows(page, EXPLORER, "data-time", "8.00")
    assert page.evaluate("() => document.querySelector('.avvp-large').naturalWidth") > 100

    # the threshold: with the keyboard, and dragged; what is claimed and the scores follow
    for _ in range(3):
        threshold = page.locator(EXPLORER).get_attribute("data-threshold")
        page.keyboard.press("+")
        shows(page, EXPLORER, "data-threshold", f"{float(threshold) + 0.05:.2f}")
    assert cells_of(page, "segment", "VALOR")[0] == "0.0" and cells_of(page, "segment", "HAN")[0] == "75.0"
    page.locator(".avvp-slider").fill("0.5")
    shows(page, EXPLORER, "data-threshold", "0.50")
    assert cells_of(page, "segment", "VALOR")[0] == "100"

    # probabilities as heat; models off and on; the keys do not reach JupyterLab
    page.locator(EXPLORER).focus()
    page.keyboard.press("h")
    shows(page, EXPLORER, "data-heat", "true")
    held = page.locator("[data-lane='Speech|audio|HAN'] .avvp-held")
    assert held.count() == 2 and page.locator("[data-lane='Dog|audio|VALOR'] small").nth(3).inner_text() == ".60"
    page.keyboard.press("1")
    shows(page, "[data-model=HAN]", "aria-pressed", "false")
    assert page.locator("[data-lane='Dog|audio|HAN']").count() == 0
    page.locator("[data-model=HAN]").click()
    shows(page, "[data-model=HAN]", "aria-pressed", "true")
    looks_right(page, "light_heat")
    page.locator("[data-act=heat]").click()
    shows(page, EXPLORER, "data-heat", "false")
    looks_right(page, "light")

    # another order and another video; the clip of the last one is not there
    page.locator(".avvp-order").select_option("gain")
    shows(page, EXPLORER, "data-video", f"{KEYS[2]}_0_10")
    page.locator("[data-act=next]").click()
    shows(page, EXPLORER, "data-video", f"{KEYS[0]}_0_10")
    page.locator(".avvp-video").select_option("3")
    shows(page, EXPLORER, "data-video", f"{KEYS[3]}_0_10")
    assert "no such file" in page.locator(".avvp-message").inner_text()
    assert page.locator(".avvp-frames").count() == 0 and len(cells_of(page, "event", "HAN")) == 5
    assert jupyter_lab.asked_outside(page, server) == [] and len(page.asked) > 20
    assert page.errors == []


def test_in_the_dark_and_with_the_keyboard_alone(page, server, home):
    choose_theme(home, "JupyterLab Dark")
    open_and_run(page, server)
    assert page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
    looks_right(page, "dark")
    page.locator(EXPLORER).focus()
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.className"))
    wanted = (
        "avvp-video",
        "avvp-order",
        "avvp-move",
        "avvp-move",
        "avvp-model",
        "avvp-model",
        "avvp-model",
        "avvp-slider",
    )
    assert all(name in found for name, found in zip(wanted, reached, strict=True))
    page.keyboard.press("ArrowRight")
    shows(page, EXPLORER, "data-threshold", "0.55")
    page.locator("[data-act=heat]").press("Enter")
    shows(page, EXPLORER, "data-heat", "true")
    looks_right(page, "dark_heat")
    assert jupyter_lab.asked_outside(page, server) == []
    assert page.errors == []
