"""docs/equations.md names functions and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\|[^|]+\| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
PLACES = [
    (place, folder)
    for row in ROW.findall((ROOT / "docs" / "equations.md").read_text(encoding="utf-8"))
    for place, folder in zip(row, ("avvp_lib", "tests"), strict=True)
]


def test_the_page_has_rows():
    assert len(PLACES) > 50


@pytest.mark.parametrize(("place", "folder"), sorted(set(PLACES)))
def test_what_is_named_exists(place, folder):
    file, _, name = place.partition("::")
    tree = ast.parse((ROOT / folder / file).read_text(encoding="utf-8"))
    named = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert not name or name in named
