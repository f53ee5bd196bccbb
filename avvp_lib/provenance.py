"""Fingerprints and atomic files: what every stored result needs to say where it came from, and to be whole or absent.

A fingerprint of code ignores comments, docstrings and layout, so prose can be improved without making results stale.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNFINISHED = re.compile(r"\..+\.\d+(\.[^.]+)?")
"""The names of `atomic_path`'s temporary files: .<stem>.<process id><suffix>."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value, independent of the order of dictionary keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                node.body = body[1:]
    return tree


def _canonical(node: Any) -> Any:
    """A syntax tree as nested lists without empty fields, so that every version of Python writes it the same way."""
    if isinstance(node, ast.Constant):
        return ["Constant", repr(node.value)]
    if isinstance(node, ast.AST):
        fields = [[name, _canonical(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, *fields]
    return [_canonical(child) for child in node] if isinstance(node, list) else repr(node)


def _sources(module: str, whole_packages: bool) -> list[Path]:
    """The .py file of a module; of a package its __init__.py, or everything below it."""
    spec = importlib.util.find_spec(module) if module != "__main__" else None
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"cannot fingerprint {module!r}: code whose results are kept must be in a file, see load_extension"
        )
    if spec.submodule_search_locations and whole_packages:
        return sorted(Path(spec.submodule_search_locations[0]).rglob("*.py"))
    return [Path(spec.origin)]


def import_closure(*modules: str) -> list[str]:
    """The named modules of this package and all of its modules that they import, directly or through others."""
    package = __name__.split(".")[0]
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        spec = importlib.util.find_spec(module)
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            waiting += [name for name in _imported_modules(node) if name.startswith(f"{package}.")]
    return sorted(found)


def _imported_modules(node: ast.AST) -> list[str]:
    """What an import statement names of this package: modules, and of a package's names those that are modules themselves."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    own = __name__.split(".")[0]
    if not isinstance(node, ast.ImportFrom) or node.module is None or node.module.split(".")[0] != own:
        return []  # others are not asked for: an optional one may be absent
    package = importlib.util.find_spec(node.module)
    inside = [f"{node.module}.{alias.name}" for alias in node.names]
    if package is None or package.submodule_search_locations is None:
        return [node.module]
    return [node.module, *(name for name in inside if importlib.util.find_spec(name) is not None)]


def code_digest(*modules: str, whole_packages: bool = True) -> str:
    """SHA-256 of what the named modules do: their syntax trees without docstrings.

    Editing a comment or a docstring leaves it unchanged; editing code does not. A package stands for everything below it,
    or for its __init__.py alone if `whole_packages` is False.
    """
    digest = hashlib.sha256()
    for module in sorted(modules):
        for source in _sources(module, whole_packages):
            place = source.relative_to(_sources(module, False)[0].parent).as_posix()
            digest.update(f"{module}/{place}\n{source_digest(source)}\n".encode())
    return digest.hexdigest()


def source_digest(path: Path) -> str:
    """SHA-256 of what a Python file does: its syntax tree without docstrings; comments and layout do not count."""
    return code_text_digest(path.read_text(encoding="utf-8"))


def code_text_digest(code: str) -> str:
    """SHA-256 of the syntax tree of Python code without docstrings. Raises SyntaxError."""
    return json_digest(_canonical(_without_docstrings(ast.parse(code))))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    The temporary name holds the process id, so two runs into one folder never write the same half-finished file.
    The suffix is kept because some writers choose a format by it. What a killed run leaves, `remove_unfinished` removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(*folders: Path) -> None:
    """Delete the temporary files that killed runs left in these folders, not below them. Nobody else may be writing there."""
    for folder in folders:
        for path in folder.glob(".*") if folder.is_dir() else ():
            if UNFINISHED.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with a final newline, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=False) + "\n", encoding="utf-8")
