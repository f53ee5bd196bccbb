"""The parameters of a notebook: read from its one cell tagged "parameters", and checked before anything starts.

A line of that cell is a parameter: `seed = 0  # of the training`. The default's type is the type of the parameter. Help that begins
with "one of a, b, c: ..." lists all values it may take.
"""

from __future__ import annotations

import ast
import difflib
import io
import math
import re
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import nbformat

from avvp_lib.runner.notebooks import is_tagged

Value = bool | int | float | str
TYPES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
CHOICES = re.compile(r"one of ([^:]+)(?::|$)")


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell.

    Attributes:
        name: of the variable.
        default: its type is what values must have.
        help: the comment behind it, or "".
        choices: all values it may take; () if any.
    """

    name: str
    default: Value
    help: str
    choices: tuple[Value, ...] = ()

    def from_text(self, text: str) -> Value:
        """A value as it is written on a command line; ValueError if it has another type or is not among the choices."""
        kind = type(self.default)
        try:
            value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
        except (KeyError, ValueError):
            raise ValueError(f"{self.name} must be {TYPES[kind]}, not {text!r}") from None
        return self._chosen(value)

    def from_value(self, value: Any) -> Value:
        """A value that has a type already, from YAML; a whole number is good for a float. ValueError as of `from_text`."""
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise ValueError(f"{self.name} must be {TYPES[kind]}, not {value!r}{_yaml_hint(kind, value)}")
        return self._chosen(value)

    def _chosen(self, value: Value) -> Value:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{self.name} must be a finite number, not {value}")
        if self.choices and value not in self.choices:
            known = [str(choice) for choice in self.choices]
            raise ValueError(
                f"{self.name} must be one of {', '.join(known)}, not {value!r}{_did_you_mean(value, known)}"
            )
        return value


def _yaml_hint(kind: type, value: Any) -> str:
    """YAML 1.1 takes 1e-3 for text: say so where somebody meant a number."""
    if kind is float and isinstance(value, str) and re.fullmatch(r"[+-]?\d+e[+-]?\d+", value, re.IGNORECASE):
        return f" (YAML reads {value} as text; write {re.sub('e', '.0e', value, flags=re.IGNORECASE)})"
    return " (in quotes it is text)" if kind is str and not isinstance(value, str) else ""


def _did_you_mean(name: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def read_parameters(notebook: nbformat.NotebookNode, name: str) -> dict[str, Parameter]:
    """The parameters of a notebook, in order.

    Args:
        notebook: see `to_notebook`.
        name: what error messages call it.

    Raises:
        ValueError: there is not exactly one parameters cell, or it holds something else than flat values.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and is_tagged(cell, "parameters")]
    if len(cells) != 1:
        raise ValueError(f'{name} has {len(cells) or "no"} cells tagged "parameters": give it exactly one')
    try:
        statements, comments = ast.parse(cells[0].source).body, _comments(cells[0].source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise ValueError(f"{name}: the parameters cell is not Python: {error}") from error
    found: dict[str, Parameter] = {}
    for statement in statements:
        parameter = _parameter(statement, comments.get(statement.lineno, ""), name)
        if parameter.name in found:
            raise ValueError(f"{name}: the parameters cell sets {parameter.name} twice")
        found[parameter.name] = parameter
    return found


def _comments(code: str) -> dict[int, str]:
    """The comments of Python code by line."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _parameter(statement: ast.stmt, comment: str, notebook: str) -> Parameter:
    line = ast.unparse(statement).split("\n")[0]
    wrong = (
        f"{notebook}: the parameters cell holds `{line}`: only lines such as `seed = 0  # help` can be set from outside"
    )
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    if (
        not isinstance(statement, (ast.Assign, ast.AnnAssign))
        or len(targets) != 1
        or not isinstance(targets[0], ast.Name)
    ):
        raise ValueError(wrong)
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError):
        default = None
    if type(default) not in TYPES or statement.lineno != statement.end_lineno:
        raise ValueError(f"{wrong}, and values are text, whole numbers, numbers, True or False")
    parameter = Parameter(targets[0].id, default, comment)
    listed = CHOICES.match(comment)
    if listed is None:
        return parameter
    try:
        choices = tuple(parameter.from_text(choice.strip()) for choice in listed.group(1).split(","))
        return _with_choices(parameter, choices)
    except ValueError as error:
        raise ValueError(f"{notebook}: the help of {parameter.name} and its default disagree: {error}") from error


def _with_choices(parameter: Parameter, choices: tuple[Value, ...]) -> Parameter:
    complete = Parameter(parameter.name, parameter.default, parameter.help, choices)
    complete.from_value(parameter.default)
    return complete


def checked(parameters: Mapping[str, Parameter], given: Mapping[str, Any], name: str) -> dict[str, Value]:
    """The values of a set of parameters, those that are not given by default.

    Raises:
        ValueError: a name that the notebook does not have, or a value of another type or outside the choices.
    """
    for unknown in given:
        if unknown not in parameters:
            hint = _did_you_mean(unknown, list(parameters))
            raise ValueError(
                f"{name} has no parameter {unknown!r}{hint or ':'} It takes {', '.join(parameters) or 'none'}"
            )
    try:
        values = {known: parameters[known].from_value(value) for known, value in given.items()}
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return {known: values.get(known, parameter.default) for known, parameter in parameters.items()}


def typed(parameters: Mapping[str, Parameter], written: Iterable[tuple[str, str]], name: str) -> dict[str, Value]:
    """What a command line says, converted to the parameters' types; unknown names are left for `checked` to refuse.

    Raises:
        ValueError: a value does not fit, or a parameter is given twice.
    """
    values: dict[str, Any] = {}
    for known, text in written:
        if known in values:
            raise ValueError(f"{name}: {known} is given twice")
        try:
            values[known] = parameters[known].from_text(text) if known in parameters else text
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return values
