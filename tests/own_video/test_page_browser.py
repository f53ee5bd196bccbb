"""The page of a parsed video in a real browser: lanes, clicks, keys, and not one request that leaves the machine.

Needs Chromium (apt install chromium, or CHROMIUM=/path/to/it). With AVVP_SCREENSHOTS=folder it leaves pictures of the page at the
widths of a desk and of a phone.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from avvp_lib.own_video.output import whole_folder, write_files
from tests.chromium import chromium, needs_chromium, watched_page
from tests.media_files import write_normal, write_without_sound
from tests.own_video.small_parser import parsed_video

pytestmark = [pytest.mark.slow, needs_chromium]
PLACE = "() => document.getElementById('video').currentTime"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    with watched_page(browser) as page:
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        yield page


def written(folder: Path, clip: Path, **changes) -> str:
    """The address of the page of a clip."""
    from dataclasses import replace

    out = folder / "out"
    with whole_folder(out) as temporary:
        write_files(replace(parsed_video(clip), **changes), temporary, out)
    return (out / "index.html").as_uri()


def picture(page, name: str) -> None:
    if wanted := os.environ.get("AVVP_SCREENSHOTS"):
        page.screenshot(path=Path(wanted) / f"{name}.png", full_page=True)


def place_after(page, action) -> float:
    """Where the video is when an action has been done."""
    page.evaluate("() => { window.sought = 0; document.getElementById('video').onseeked = () => window.sought += 1; }")
    action()
    page.wait_for_function("() => window.sought > 0")
    return page.evaluate(PLACE)


def test_lanes_clicks_and_keys(page, tmp_path):
    page.goto(written(tmp_path, write_normal(tmp_path / "street & co.mp4", 16)))
    page.wait_for_function("() => document.getElementById('video').readyState >= 2")
    assert page.evaluate(PLACE) == pytest.approx(2.5, abs=0.2)  # where parsing began
    assert page.locator(".category").count() == 2 and page.locator(".lane").count() == 4
    assert page.locator(".lane b").count() == 4 and page.locator(".lane svg path").count() == 4

    # a bar lies where its event is: Dog from 10.5 to 14.9 of 2.5 to 14.9
    box = page.locator("#ticks").bounding_box()
    bar = page.locator(".lane.audio b").last.bounding_box()
    assert bar["x"] == pytest.approx(box["x"] + box["width"] * 8 / 12.4, abs=1.5)
    assert bar["width"] == pytest.approx(box["width"] * 4.4 / 12.4, abs=2)

    # a click goes there, and what goes on is said
    lane = page.locator(".lane").first.bounding_box()
    clicked = place_after(page, lambda: page.mouse.click(lane["x"] + lane["width"] * 4 / 12.4, lane["y"] + 5))
    assert clicked == pytest.approx(6.5, abs=0.05)
    page.wait_for_function("() => document.querySelectorAll('#now li').length == 2")
    cursor = page.locator("#cursor").bounding_box()
    assert cursor["x"] + 1 == pytest.approx(lane["x"] + lane["width"] * 4 / 12.4, abs=2)

    # keys, and the list of events
    page.locator("#timeline").focus()
    assert place_after(page, lambda: page.keyboard.press("ArrowRight")) == pytest.approx(7.5, abs=0.05)
    assert place_after(page, lambda: page.keyboard.press("Home")) == pytest.approx(2.5, abs=0.05)
    assert place_after(page, lambda: page.keyboard.press("PageUp")) == pytest.approx(12.5, abs=0.05)
    assert page.locator("#timeline").get_attribute("aria-valuenow") == "12.5"
    assert "heard" in page.locator("#timeline").get_attribute("aria-valuetext")
    assert place_after(page, page.locator(".events button").first.click) == pytest.approx(2.5, abs=0.05)
    page.locator("#timeline").focus()
    page.keyboard.press(" ")
    page.wait_for_function("() => document.getElementById('video').currentTime > 3")
    page.keyboard.press(" ")
    assert page.evaluate("() => document.getElementById('video').paused")
    assert page.evaluate("() => document.getElementById('video').textTracks[0].cues.length") == 4
    picture(page, "desktop")

    # zoomed in, it scrolls inside its box, never the page; also on a phone
    page.locator("#in").click()
    wider = "() => document.getElementById('scroll').scrollWidth > 1.5 * document.getElementById('scroll').clientWidth"
    assert page.evaluate(wider)
    page.locator("#fit").click()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    picture(page, "phone")

    assert page.errors == []
    assert len(page.asked) >= 2 and all(url.startswith("file://") for url in page.asked)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_in_light_and_dark(browser, tmp_path, scheme):
    page = browser.new_page(color_scheme=scheme)
    page.goto(written(tmp_path, write_normal(tmp_path / "clip.mp4", 16)))
    colours = page.evaluate(
        "() => ['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name].match(/\\d+/g).map(Number))"
    )
    ink, paper = (np.dot(np.array(colour[:3]) / 255, (0.2126, 0.7152, 0.0722)) for colour in colours)
    assert abs(ink - paper) > 0.7 and (paper > ink) == (scheme == "light")
    page.close()


def test_without_the_video_the_timeline_can_be_read(page, tmp_path):
    clip = write_normal(tmp_path / "clip.mp4", 2)
    address = written(tmp_path, clip)
    clip.unlink()
    page.goto(address)
    page.wait_for_selector("#broken:not([hidden])")
    page.locator("#timeline").focus()
    page.keyboard.press("End")
    assert page.locator("#timeline").get_attribute("aria-valuenow") == "14.9"
    assert page.locator("#broken").inner_text().startswith("This browser cannot play")


def test_a_missing_stream_and_no_event(page, tmp_path):
    clip = write_without_sound(tmp_path / "clip.mp4")
    page.goto(written(tmp_path, clip, missing=("audio",)))
    assert page.locator(".lane.missing").count() == 1 and page.locator(".lane.audio b").count() == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    page.goto(written(empty, clip, segment_prob=np.zeros((13, 2, 25))))
    assert page.locator("#none").is_visible() and page.locator(".lane").count() == 0
    assert page.errors == []


def test_hours_fit(page, tmp_path):
    """A long video scrolls in its own box, and one can see the whole of it."""
    prob = np.zeros((7200, 2, 25))
    prob[100:4000, 0, 3] = 0.9
    address = written(
        tmp_path,
        write_normal(tmp_path / "clip.mp4", 1),
        start=0.0,
        end=7200.0,
        segment_prob=prob,
        gate_prob=np.ones_like(prob),
    )
    page.goto(address)
    assert page.evaluate("() => document.getElementById('ticks').clientWidth") >= 3 * 7200
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 1440
    page.locator("#fit").click()
    assert page.evaluate("() => document.getElementById('scroll').scrollWidth") <= 1440
    assert page.locator("#ticks span").last.inner_text() == "2:00:00"
