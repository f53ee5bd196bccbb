"""Pages of the API: one for every module and package of the library, made from docstrings."""

from __future__ import annotations

import ast
import re
from itertools import groupby
from pathlib import Path
from typing import Any

SECTION = re.compile(r"(Args|Attributes|Example|Examples|Raises|Returns|Yields):$")
COLUMNS = re.compile(r"^[ |]|\S {3,}\S")
MARKED = re.compile(
    r"(``.+?``|`[^`]+`|\*\*\w[^*]*\*\*|(?<!\*)\*\w[^*]*\*(?!\*)|^[*] )", re.MULTILINE
)  # code, strong, emphasis, item of a list
SPECIAL = re.compile(r"[*|`\\]|(?<=\w)_(?!\w)")
LIST = re.compile(r"([-*]|\d+\.) ")


def public_modules(package: Path) -> dict[str, list[str]]:
    """Dotted names by page: package.part, and package.part.module where the part is a package.

    What lies deeper, or begins with an underscore, is how things are done inside.
    """
    pages = {}
    for path in sorted(package.iterdir()):
        name = f"{package.name}.{path.stem}"
        if path.stem.startswith("_"):
            continue
        if (path / "__init__.py").is_file():
            inner = [file.stem for file in sorted(path.glob("*.py")) if not file.stem.startswith("_")]
            inner += [file.parent.name for file in sorted(path.glob("*/__init__.py"))]
            pages[name] = [name, *(f"{name}.{module}" for module in sorted(inner))]
        elif path.suffix == ".py":
            pages[name] = [name]
    return pages


def exported(module: str, root: Path) -> dict[str, str]:
    """Names in `__all__` of a package that it imports from its modules, and where each one is defined."""
    tree = ast.parse(_source(module, root).read_text(encoding="utf-8"))
    origins, names = {}, []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(module + "."):
            origins |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            names = ast.literal_eval(node.value)
    return {name: origins[name] for name in names if name in origins}


def page(modules: list[str], root: Path) -> str:
    """reStructuredText of the page of a module, or of a package and its modules."""
    parts = [".. highlight:: none", ""]
    for module in modules:
        underline = "=" if module == modules[0] else "-"
        parts += [module, underline * len(module), "", f".. automodule:: {module}", ""]
        names = exported(module, root)
        if names:
            links = ", ".join(f":py:obj:`{name} <{origin}>`" for name, origin in names.items())
            parts += [f"To be imported from here: {links}.", ""]
    return "\n".join(parts)


def index(pages: dict[str, list[str]], root: Path) -> str:
    """reStructuredText of the list of all pages, each with the first line of its docstring."""
    title = "API"
    parts = [
        title,
        "=" * len(title),
        "",
        "Made from the docstrings. What belongs where, and which module may import which, is said in :doc:`/docs/architecture`.",
        "",
        ".. list-table::",
        "   :widths: 30 70",
        "",
    ]
    for name in pages:
        docstring = ast.get_docstring(ast.parse(_source(name, root).read_text(encoding="utf-8"))) or ""
        first = docstring.split("\n\n")[0].replace("\n", " ")
        parts += [f"   * - :doc:`{name.partition('.')[2]} <{name}>`", f"     - {first}"]
    parts += ["", ".. toctree::", "   :hidden:", "", *(f"   {name}" for name in pages), ""]
    return "\n".join(parts)


def write_pages(package: Path, folder: Path) -> list[str]:
    """Write index.rst and one page for every part of the package into a folder; returns the names of the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = public_modules(package)
    for name, modules in pages.items():
        (folder / f"{name}.rst").write_text(page(modules, package.parent), encoding="utf-8")
    (folder / "index.rst").write_text(index(pages, package.parent), encoding="utf-8")
    return list(pages)


def as_restructured_text(lines: list[str]) -> list[str]:
    """Docstring lines as reStructuredText.

    Docstrings are written to be read as text. A paragraph that is indented without being part of a section such as Args, or laid
    out in columns, is a formula or a table: it becomes literal text, or its line breaks would be lost. A list may follow a
    sentence directly. Signs that only reStructuredText would read as markup are escaped; `code` and *emphasis* stay.
    """
    result: list[str] = []
    section = in_list = False
    for shown, group in groupby(lines, key=lambda line: bool(line.strip())):
        paragraph = list(group)
        if not shown:
            result += paragraph
            continue
        if not paragraph[0].startswith(" "):
            section = bool(SECTION.match(paragraph[0]))
            first = next((place for place, line in enumerate(paragraph) if LIST.match(line)), None)
            in_list = first is not None
            if first:
                paragraph.insert(first, "")
        if section or in_list or not any(COLUMNS.search(line) for line in paragraph):
            result += escaped(paragraph)
        else:
            result += ["::", "", *(f"    {line}" for line in paragraph)]
    return result


def escaped(prose: list[str]) -> list[str]:
    """Lines in which asterisks, bars and underscores that mark nothing up are escaped."""
    parts = MARKED.split("\n".join(prose))  # between, marked, between, ...
    parts[::2] = [SPECIAL.sub(r"\\\g<0>", part) for part in parts[::2]]
    for place in range(1, len(parts), 2):
        if parts[place - 1][-1:].isalnum():
            parts[place] = "\\ " + parts[place]
        if parts[place + 1][:1].isalnum():
            parts[place + 1] = "\\ " + parts[place + 1]
    return "".join(parts).split("\n")


def on_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Sphinx's event autodoc-process-docstring."""
    lines[:] = as_restructured_text(lines)
    if what in {"attribute", "data", "property"}:
        lines.insert(0, "")  # or napoleon takes the words before a colon for a type


def on_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Sphinx's event autodoc-process-signature: a default that a dataclass makes anew is shown as dots, which can be parsed."""
    return signature and signature.replace("<factory>", "..."), result


def _source(module: str, root: Path) -> Path:
    path = root / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
