"""A figure as files for a paper or a slide: PDF, SVG and PNG of one layout, the same bytes every time."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from avvp_lib.provenance import atomic_path

DOTS_PER_INCH = 200
SETTINGS = {"svg.hashsalt": "avvp", "svg.fonttype": "none", "pdf.fonttype": 42}
"""Names inside an SVG that do not depend on the moment; letters stay text in the SVG, and fonts are embedded in the PDF."""

WITHOUT_DATE = {
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}


def save_publication(figure: Figure, stem: str | Path) -> dict[str, Path]:
    """Write stem.pdf, stem.svg and stem.png, each of the figure's own size in inches; the PNG has 200 dots an inch.

    A timeline is 12 inches wide with letters of 12 points: in a column of 7 inches they are printed at 7 points. Parts are placed
    once and stay, so the three files and every later call agree. Two calls write the same bytes, if Python's packages are the same.

    Args:
        figure: of any function of this package.
        stem: the path without a suffix; folders are made.

    Returns:
        The files by format.

    Raises:
        OSError: the folder cannot be written to. No half-written file is left.
    """
    with matplotlib.rc_context(SETTINGS):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # drawn again, constrained layout would move parts by fractions of a dot
        files = {}
        for kind, metadata in WITHOUT_DATE.items():
            files[kind] = Path(f"{stem}.{kind}")
            with atomic_path(files[kind]) as temporary:
                figure.savefig(temporary, format=kind, dpi=DOTS_PER_INCH, metadata=metadata)
    return files
