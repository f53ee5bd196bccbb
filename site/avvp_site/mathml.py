"""Equations as MathML, which browsers draw by themselves: no script, no font service, nothing to wait for.

`latex2mathml` does the conversion. What it leaves out is added here: an error for an unknown command, the number of `\\tag`,
words in \\mathrm in one piece, and TeX's spaces round functions, signs and what stands in an index.
"""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
FUNCTIONS = {"arg", "cos", "det", "exp", "inf", "lim", "ln", "log", "max", "min", "Pr", "sin", "sup", "tan", "tanh"}
CAPITALS = set("ΓΔΘΛΞΠΣΥΦΨΩ")  # upright in TeX, italic in MathML
SIGNS = set("+-−±")
THIN = "0.167em"
TAG = re.compile(r"\\tag\{([^{}]*)\}")
logger = logging.getLogger(__name__)

ElementTree.register_namespace("", NAMESPACE)


def split_tag(latex: str) -> tuple[str, str | None]:
    """The equation without its `\\tag{...}`, and what stood in it; None if there was none."""
    found = TAG.search(latex)
    return (TAG.sub("", latex).strip(), found[1]) if found else (latex.strip(), None)


def to_mathml(latex: str, display: bool) -> str:
    """A LaTeX equation as a `<math>` element.

    Args:
        latex: without dollar signs and without `\\tag`.
        display: on a line of its own instead of within a sentence.

    Raises:
        ValueError: the equation is not understood; the message quotes it.
    """
    try:
        tree = ElementTree.fromstring(convert(latex, display="block" if display else "inline"))
    except Exception as error:  # the converter raises exceptions of many kinds
        raise ValueError(f"cannot convert the equation {latex!r}: {error or type(error).__name__}") from error
    unknown = [text for text in tree.itertext() if "\\" in text]
    if unknown:
        raise ValueError(f"cannot convert the equation {latex!r}: unknown {', '.join(unknown)}")
    for row in list(tree.iter()):
        _space_functions(row)
        _mark_signs(row)
        _close_up_scripts(row)
        _join_letters(row)
        if _kind(row) == "mi" and row.text in CAPITALS:
            row.set("mathvariant", "normal")
    return ElementTree.tostring(tree, encoding="unicode", short_empty_elements=True)


def _kind(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _is_function(element: ElementTree.Element) -> bool:
    """log, or max with something below it."""
    while _kind(element) in {"msub", "msup", "msubsup", "munder", "mover", "munderover"} and len(element):
        element = element[0]
    return _kind(element) == "mi" and (element.text or "") in FUNCTIONS


def _space_functions(row: ElementTree.Element) -> None:
    """log p instead of logp: a thin space between a function and a letter or number beside it."""
    if _kind(row) not in {"mrow", "math", "mtd", "mstyle"}:
        return
    children, spaced = list(row), []
    for child, following in zip(children, [*children[1:], None], strict=True):
        spaced.append(child)
        if following is None or _kind(child) == "mspace" or _kind(following) in {"mo", "mspace"}:
            continue
        if _is_function(child) or (_is_function(following) and _kind(child) != "mo"):
            spaced.append(ElementTree.Element(f"{{{NAMESPACE}}}mspace", width=THIN))
    row[:] = spaced


def _mark_signs(row: ElementTree.Element) -> None:
    """A minus after another operator is a sign, not a difference: no space after it."""
    before = None
    for child in row:
        if _kind(child) == "mspace":
            continue
        if _kind(child) == "mo" and child.text in SIGNS and before is not None and _is_operator(before):
            child.set("form", "prefix")
        before = child


def _is_operator(element: ElementTree.Element) -> bool:
    return _kind(element) == "mo" and element.text not in {")", "]", "}", "⟩", "⌋", "|", "!", "′"}


def _close_up_scripts(row: ElementTree.Element) -> None:
    """t-1 as an index is set without spaces, as TeX does."""
    if _kind(row) in {"msub", "msup", "msubsup", "munder", "mover", "munderover"}:
        for script in list(row)[1:]:
            for operator in script.iter(f"{{{NAMESPACE}}}mo"):
                if operator.text and not operator.get("stretchy"):
                    operator.set("lspace", "0")
                    operator.set("rspace", "0")


def _join_letters(row: ElementTree.Element) -> None:
    """One <mi>time</mi>, upright, instead of four letters with gaps between them."""
    upright = [child.get("mathvariant") == "normal" and _kind(child) == "mi" for child in row]
    if len(upright) > 1 and all(upright):
        word = ElementTree.Element(f"{{{NAMESPACE}}}mi")
        word.text = "".join(child.text or "" for child in row)
        row[:] = [word]


def _converted(node: nodes.math | nodes.math_block, latex: str, display: bool) -> str:
    try:
        return to_mathml(latex, display)
    except ValueError as error:
        logger.warning(str(error), location=node, type="mathml")
        return f"<code>{html.escape(latex)}</code>"


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write an equation within a sentence."""
    self.body.append(f'<span class="math">{_converted(node, node.astext(), False)}</span>')
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation on its own line, its number at the right."""
    latex, tag = split_tag(node.astext())
    number = f'<span class="equation-number">({html.escape(tag)})</span>' if tag else ""
    self.body.append(self.starttag(node, "div", CLASS="math equation"))
    self.body.append(f'<div class="equation-body">{_converted(node, latex, True)}</div>{number}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Make `html_math_renderer = "mathml"` known."""
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
