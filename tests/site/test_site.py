"""The site is built and read in a real browser, from a folder and from a server: nothing is fetched, everything shows.

Needs Chromium (apt install chromium, or CHROMIUM=/path/to/it); what can be checked without one is. The build takes two minutes
of one core. With AVVP_SCREENSHOTS=folder it leaves pictures of the pages at the widths of a desk and of a phone, light and dark;
with AVVP_SITE=folder it reads a site that is there already.
"""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium import chromium, needs_chromium, watched_page
from tests.site.pages_read import dead_links, read_site

pytest.importorskip("sphinx")
pytest.importorskip("myst_nb")

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
READ = {
    "index": "index.html",
    "lesson": "notebooks/07_mug.html",
    "gallery": "gallery.html",
    "document": "docs/claims.html",
    "api": "api/avvp_lib.models.html",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site."""
    if given := os.environ.get("AVVP_SITE"):
        return Path(given).resolve()
    out = tmp_path_factory.mktemp("site") / "site"
    built = subprocess.run([sys.executable, "site/build.py", out], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-5000:]
    return out


@pytest.fixture(scope="module")
def server(site) -> Iterator[str]:
    """The address of a server of the site."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A page that counts requests that fail and every complaint as an error."""
    with watched_page(browser) as page:
        page.on("requestfailed", lambda request: page.errors.append(f"failed: {request.url}"))
        page.on("console", lambda said: page.errors.append(said.text) if said.type in {"error", "warning"} else None)
        yield page


def load_all_pictures(page) -> list[int]:
    """Natural widths of all pictures of the page, after those far down were loaded too."""
    page.evaluate("document.querySelectorAll('article img').forEach(img => img.loading = 'eager')")
    page.wait_for_function("[...document.querySelectorAll('article img')].every(img => img.complete)")
    return page.locator("article img").evaluate_all("all => all.map(img => img.naturalWidth)")


def sideways(page) -> int:
    """By how many pixels the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def stays_here(page, root: str) -> None:
    assert [url for url in page.asked if not url.startswith((root, "data:"))] == []
    assert page.errors == []


@pytest.mark.slow
def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site):
    pages = read_site(site)
    names = {path.relative_to(site).as_posix() for path in pages}
    assert {f"notebooks/{lesson}.html" for lesson in LESSONS} | set(READ.values()) <= names
    assert {f"docs/{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= names
    assert dead_links(pages) == []
    assert [f"{path.name}: {crossed}" for path, page in pages.items() for crossed in page.crossed] == []


@pytest.mark.slow
def test_lessons_are_listed_in_order_on_every_page(site):
    for name in READ.values():
        navigation = (site / name).read_text(encoding="utf-8").split('class="sidebar-tree"')[1].split("</div>")[0]
        titles = re.findall(r">(\d\d)(?: ·)? [^<]+</a>", navigation)
        assert titles == [lesson[:2] for lesson in LESSONS], name


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("served", [False, True], ids=["folder", "server"])
def test_pages_show_everything_and_ask_nobody(page, site, server, name, served):
    root = server if served else site.as_uri()
    page.goto(f"{root}/{READ[name]}")
    widths = load_all_pictures(page)
    assert min(widths, default=1) > 0
    assert (len(widths) > 50) if name == "gallery" else True
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert sideways(page) <= 0, f"{name} at {width} pixels"
    stays_here(page, root)


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_fits_a_phone_and_shows_its_figures_and_equations(page, site, lesson):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.as_uri()}/notebooks/{lesson}.html")
    assert min(load_all_pictures(page)) > 0
    page.locator("article details").evaluate_all("all => all.forEach(fold => fold.open = true)")
    sizes = page.locator("article math").evaluate_all("all => all.map(m => m.getBoundingClientRect())")
    assert all(size["width"] > 0 and size["height"] > 0 for size in sizes)
    assert sideways(page) <= 0
    assert page.locator("article .problematic").count() == 0
    stays_here(page, site.as_uri())


@pytest.mark.slow
@needs_chromium
def test_a_lesson_folds_code_and_answers(page, site):
    page.goto(f"{site.as_uri()}/{READ['lesson']}")
    assert page.locator("article math").count() > 50
    long = page.locator("div.cell details.hide").first
    assert long.get_attribute("open") is None and "lines" in long.locator("summary").inner_text()
    page.get_by_role("button", name="Show all code").click()
    assert long.locator("pre").is_visible()
    page.get_by_role("button", name="Hide all code").click()
    assert page.locator("div.cell_input pre").evaluate_all("all => all.every(pre => !pre.offsetParent)")
    page.get_by_role("button", name="Hide all code").click()
    assert page.locator("div.cell_input pre").first.is_visible()

    answer = page.locator("article details:not(.hide)", has=page.locator("div.highlight-python")).first
    code = answer.locator("div.highlight-python pre").first
    assert not code.is_visible()
    answer.locator("summary").click()
    assert code.is_visible() and code.locator("span.kn, span.nb, span.k").count() > 0
    stays_here(page, site.as_uri())


@pytest.mark.slow
@needs_chromium
def test_the_gallery_leads_to_the_cell_that_draws(page, site):
    page.goto(f"{site.as_uri()}/gallery.html")
    page.locator(".gallery a[href*='07_mug.html']").first.click()
    page.wait_for_url("**/07_mug.html#figure-07-1")
    top = "document.getElementById('figure-07-1').getBoundingClientRect().top"
    page.wait_for_function(f"-10 <= {top} && {top} < 1000")  # the page glides there


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("served", [False, True], ids=["folder", "server"])
def test_a_word_is_found(page, site, server, served):
    root = server if served else site.as_uri()
    page.goto(f"{root}/search.html?q=CMRC")
    page.wait_for_selector("ul.search li a[href*='notebooks/07_mug.html']")
    assert (page.locator("ul.search p.context").count() > 0) == served
    stays_here(page, root)


@pytest.mark.slow
@needs_chromium
def test_pictures_of_the_site(browser, site, tmp_path):
    """Light and dark differ where they should, and a folder is filled if one is asked for."""
    folder = Path(os.environ.get("AVVP_SCREENSHOTS", tmp_path))
    backgrounds = set()
    for scheme in ("light", "dark"):
        for size, viewport in {"desk": (1440, 1000), "phone": (390, 844)}.items():
            context = browser.new_context(
                viewport=dict(zip(("width", "height"), viewport, strict=True)), color_scheme=scheme
            )
            page = context.new_page()
            for name, address in READ.items():
                page.goto(f"{site.as_uri()}/{address}")
                page.screenshot(path=folder / f"{name}_{size}_{scheme}.png")
            colour = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
            backgrounds.add((scheme, colour))
            context.close()
    assert len(backgrounds) == 2 and len({colour for _, colour in backgrounds}) == 2
    assert len(list(folder.glob("*_*_*.png"))) >= 4 * len(READ)
