"""Equations as MathML: by hand, and every one of the notebooks and pages."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("latex2mathml")

from avvp_site.mathml import NAMESPACE, split_tag, to_mathml
from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "data/README.md"]
)


def equations(path: Path) -> list[tuple[str, bool]]:
    """LaTeX of each equation of a page or notebook, and whether it stands on a line of its own."""
    text = path.read_text(encoding="utf-8")
    cells = [text]
    if path.suffix == ".ipynb":
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    reader = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin).use(amsmath_plugin)
    tokens = [token for cell in cells for block in reader.parse(cell) for token in (block, *(block.children or ()))]
    found = [token for token in tokens if token.type.startswith(("math_", "amsmath"))]
    return [(token.content, not token.type.startswith("math_inline")) for token in found]


def outline(latex: str) -> list[str]:
    """Elements of the converted equation in order: their name and text."""
    tree = ElementTree.fromstring(to_mathml(latex, display=False))
    return [f"{node.tag.removeprefix(f'{{{NAMESPACE}}}')} {node.text or ''}".strip() for node in tree.iter()]


def test_a_fraction():
    names = outline(r"\frac{a}{2}")
    assert names.index("mfrac") < names.index("mi a") < names.index("mn 2")


def test_words_stay_in_one_piece():
    assert "mi time" in outline(r"A^{\mathrm{time}}")


@pytest.mark.parametrize("latex", [r"\log p", r"2 \ln 2"])
def test_functions_keep_their_distance(latex):
    assert "mspace" in outline(latex)


def test_no_space_before_a_bracket():
    assert "mspace" not in outline(r"\log(p)")


def attributes(latex: str, sign: str) -> dict[str, str]:
    tree = ElementTree.fromstring(to_mathml(latex, display=False))
    return next(dict(node.attrib) for node in tree.iter() if node.text == sign)


def test_a_minus_is_a_sign_after_an_operator_and_closed_up_in_an_index():
    assert attributes("A = -1", "−") == {"form": "prefix"}
    assert attributes("(a) - 1", "−") == {}
    assert attributes("h_{t-1}", "−") == {"lspace": "0", "rspace": "0"}


def test_capital_greek_letters_are_upright():
    assert attributes(r"\Delta_t", "Δ") == {"mathvariant": "normal"} and attributes(r"\delta", "δ") == {}


def test_display_is_said():
    assert 'display="block"' in to_mathml("x", display=True)
    assert 'display="block"' not in to_mathml("x", display=False)


def test_numbers_of_equations():
    assert split_tag(r"Y' = S' Y \tag{S-19 to S-21}") == ("Y' = S' Y", "S-19 to S-21")
    assert split_tag(" x ") == ("x", None)


@pytest.mark.parametrize("latex", [r"\unheardof x", r"\left( x"])
def test_what_is_not_understood_is_named(latex):
    with pytest.raises(ValueError, match="cannot convert the equation"):
        to_mathml(latex, display=False)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_equation_converts(path):
    for latex, display in equations(path):
        tree = ElementTree.fromstring(to_mathml(split_tag(latex)[0], display))
        assert "".join(tree.itertext()).strip(), latex


def test_equations_are_found():
    assert len(equations(ROOT / "notebooks" / "07_mug.ipynb")) > 50
    assert sum(display for _, display in equations(ROOT / "notebooks" / "03_label_migration.ipynb")) >= 3
