"""What the HTML of a built site says: its links, its addresses, and whether its elements are closed in order."""

from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
FOLDED = ("details", "article", "section", "div")  # what must be closed in the order in which it was opened


class Page(HTMLParser):
    """One page, read once.

    Attributes:
        links: (address, whether the browser loads it by itself) of every href and src.
        ids: addresses within the page.
        crossed: elements that were closed while another one was open.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, bool]] = []
        self.ids: set[str] = set()
        self.crossed: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in {"id", "name"} and value:
                self.ids.add(value)
            if name in {"href", "src"} and value:
                self.links.append((value, tag not in {"a"}))
        if tag in FOLDED:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in FOLDED and (not self._open or self._open.pop() != tag):
            self.crossed.append(f"{tag} at line {self.getpos()[0]}")


def read_site(folder: Path) -> dict[Path, Page]:
    """All pages of a site."""
    return {path: Page(path) for path in sorted(folder.rglob("*.html"))}


def dead_links(pages: dict[Path, Page]) -> list[str]:
    """Links to files that are not there or to places that no page has, and whatever is loaded from elsewhere."""
    dead = defaultdict(set)
    for path, page in pages.items():
        for address, loaded in page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if loaded and parts.scheme != "data":
                    dead[path].add(address)
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file() or (place and target in pages and place not in pages[target].ids):
                dead[path].add(address)
    return [f"{path.name}: {address}" for path, addresses in dead.items() for address in sorted(addresses)]
