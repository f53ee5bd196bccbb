"""Files of tables: CSV, Markdown and a figure for each, and the page of all claims."""

from __future__ import annotations

from pathlib import Path

from avvp_lib.figures.tables import verdict_chart
from avvp_lib.provenance import atomic_path
from avvp_lib.table_cells import Place, find_tables
from avvp_lib.table_reports import claims_text, paper_and_ours, table_text, verdicts
from avvp_lib.workspace import shown, workspace

CLAIMS_MARKERS = ("<!-- claims -->", "<!-- /claims -->")
CLAIMS_TITLE = "# What holds here of what the papers claim\n\n"


def tables_folder(place: Place) -> Path:
    """outputs/tables/<corpus> of the workspace."""
    return workspace() / "outputs" / "tables" / place.cells()


def write_table(name: str, place: Place) -> Path:
    """Write <paper>-<number>.csv (paper and ours), .verdicts.csv, .md and .png; returns the Markdown file."""
    (table,) = find_tables([name])
    stem = tables_folder(place) / table.name.replace("/", "-")
    shown = verdicts(name, place)
    files = {
        stem.with_suffix(".csv"): paper_and_ours(name, place).to_csv(index=False),
        stem.with_suffix(".verdicts.csv"): shown.to_csv(index=False),
        stem.with_suffix(".md"): table_text(name, place),
    }
    stem.parent.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if (shown["seeds"] > 0).any():
        with atomic_path(stem.with_suffix(".png")) as temporary:
            verdict_chart(shown, f"{table.name}: {table.title}", table.score).savefig(temporary, format="png")
    return stem.with_suffix(".md")


def check_claims_page(path: Path) -> None:
    """Refuse a page that claims cannot be written into, before an hour of work and not after it.

    Raises:
        ValueError: the page is there and does not have each of `CLAIMS_MARKERS` once, in their order.
    """
    path = Path(path)
    if path.is_file():
        _around_claims(path)


def _around_claims(path: Path) -> tuple[str, str]:
    """What stands before the first marker of a page, and what stands after the last."""
    text, (first, last) = path.read_text(encoding="utf-8"), CLAIMS_MARKERS
    before, _, rest = text.partition(first)
    _, _, after = rest.partition(last)
    if (text.count(first), rest.count(last), text.count(last)) != (1, 1, 1):
        raise ValueError(f"{shown(path)} has no place for claims: put the lines {first} and {last} into it, each once")
    return before, after


def write_claims(path: Path, place: Place) -> None:
    """Put the claims between the markers of a Markdown page, where the last ones stood; a page that is absent is made.

    Raises:
        ValueError: see `check_claims_page`.
    """
    path = Path(path)
    before, after = _around_claims(path) if path.is_file() else (CLAIMS_TITLE, "\n")
    text = f"{before}{CLAIMS_MARKERS[0]}\n{claims_text(place)}\n{CLAIMS_MARKERS[1]}{after}"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
