"""A JupyterLab of its own and a browser that reaches nothing else, for the tests of widgets."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from tests.chromium import chromium, needs_chromium, watched_page

ROOT = Path(__file__).resolve().parents[1]
needs_browser = [pytest.mark.slow, needs_chromium]
TOKEN = "for-this-test-only"


def write_notebook(path: Path, cell: str) -> None:
    """A notebook of one cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, path)


def choose_theme(home: Path, name: str) -> None:
    """What JupyterLab looks like from the next time a page is loaded."""
    settings = home / "settings" / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"theme": name}))


@contextmanager
def jupyter_lab(folder: Path, home: Path) -> Iterator[str]:
    """The address of a JupyterLab on `folder`, with a home of its own and nothing in it that looks for news."""
    (home / "config" / "labconfig").mkdir(parents=True)
    quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(quiet))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {name: str(home / name.lower()) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    places |= {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config"), "PYTHONPATH": str(ROOT)}
    places["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
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


@contextmanager
def browser_page() -> Iterator:
    """A page that can reach this machine only, see `chromium.watched_page`."""
    with chromium() as browser, watched_page(browser) as page:
        yield page


def open_and_run(page, server: str, notebook: str, ready: str) -> None:
    """Open a notebook and run its first cell; returns when `ready` is there."""
    page.goto(f"{server}/doc/tree/{notebook}?token={TOKEN}")
    page.locator(".jp-Notebook .cm-content").first.click()
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", state="attached")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(ready)


def shows(page, selector: str, attribute: str, value: str) -> None:
    """Wait until an element has an attribute of this value."""
    page.wait_for_selector(f"{selector}[{attribute}='{value}']", state="attached")


def sticks_out(page, selector: str) -> bool:
    """Whether something in an element is wider than it."""
    return page.locator(selector).evaluate("(it) => it.scrollWidth > it.clientWidth")


def picture(page, selector: str, name: str) -> None:
    """Leave a picture of an element and one of the page, if somebody wants to look."""
    if wanted := os.environ.get("AVVP_SCREENSHOTS"):
        page.locator(selector).screenshot(path=Path(wanted) / f"{name}.png")
        page.screenshot(path=Path(wanted) / f"{name}_page.png")


def asked_outside(page, server: str) -> list[str]:
    """What the page asked for that is not on this machine."""
    return [url for url in page.asked if not re.match(rf"(ws|http)://127\.0\.0\.1:\d+/|blob:{server}|data:", url)]
