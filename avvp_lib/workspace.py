"""Where relative paths start: data/ and outputs/ belong to the checkout, wherever inside it a notebook was opened."""

from __future__ import annotations

import os
from pathlib import Path


def workspace() -> Path:
    """AVVP_HOME if it is set; else the checkout around the working directory; else the working directory itself."""
    if home := os.environ.get("AVVP_HOME"):
        return Path(home).absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "notebooks").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    return here


def shown(path: Path) -> str:
    """A path as notebooks and logs print it: relative to the workspace if it lies inside, so that no output names a machine."""
    path = Path(path).absolute()
    return str(path.relative_to(workspace())) if path.is_relative_to(workspace()) else str(path)
