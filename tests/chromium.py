"""Chromium that knows no other machine, for the tests that read pages and click.

Needs Chromium (apt install chromium, or CHROMIUM=/path/to/it). With AVVP_SCREENSHOTS=folder such tests leave pictures there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: apt install chromium, or name one in CHROMIUM"
)
PATIENCE = 120_000  # milliseconds: a machine may be busy, and a first import takes its time
ALONE = ("--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")


@contextmanager
def chromium() -> Iterator:
    """A browser; names of other machines lead nowhere."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=list(ALONE))
        yield browser
        browser.close()


@contextmanager
def watched_page(browser) -> Iterator:
    """A page at the width of a desk; what it asked for is in page.asked, the exceptions of its scripts in page.errors."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    yield page
    page.close()
