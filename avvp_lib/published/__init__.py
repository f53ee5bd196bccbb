"""What the four papers print: every quantitative table as data, one value a line.

    published_table("mug/2")              # columns row, metric, level, value, corpus, features, value_flag, row_flag, note
    table_names("ear")                    # ("ear/I", "ear/II", ...)

Levels are "segment", "event", "mean" (of these two) and "" where there is none; values are in percent unless the metric names a unit.
`value_flag` is "" for a number that is legible, "not reported" for a dash, "lost" where the text of the paper that we have lost it, and
"inferred" where it follows from another number, which `note` names. `row_flag` says the same of labels. Nothing is corrected: where a
paper contradicts itself or another, the note says so, and `contradictions` finds what arithmetic finds.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import pandas as pd

PAPERS = ("mug", "ear", "mm-cse", "selm")
FLAGS = ("", "not reported", "lost", "inferred")
LEVELS = ("", "segment", "event", "mean")
TYPE_PARTS = ("A", "V", "AV")
SCORES = (*TYPE_PARTS, "Type", "Event")
TOLERANCE = 0.1
"""What rounding to one decimal can do, in points: half a digit in the printed mean and half a digit in what it is the mean of."""
COMPARISONS = ("mug/1", "mug/4", "mm-cse/1", "mm-cse/7", "ear/I", "ear/II", "ear/S-X")
"""Tables that print numbers of the same methods."""
SAME_METHOD = {
    "MM-pyramid": "MM-Pyr",
    "CoLeaf": "CoLeaF",
    "LEAP (HAN)": "LEAP",
    "LEAP (MM-pyramid)": "LEAP†",
    "VALOR*": "VALOR",
    "MM-CSE (ours)": "MM-CSE",
    "MM-CSE(ours)": "MM-CSE",
    "MM-CSE* (ours)": "MM-CSE",
}
"""Labels of one method in different tables."""


@lru_cache(maxsize=1)
def _all() -> pd.DataFrame:
    parts = []
    for paper in PAPERS:
        path = files(__name__) / f"{paper.replace('-', '_')}.csv"
        with path.open(encoding="utf-8") as stream:
            parts.append(pd.read_csv(stream, dtype=str, keep_default_na=False))
    values = pd.concat(parts, ignore_index=True)
    values["name"] = values["paper"] + "/" + values["table"]
    values["value"] = pd.to_numeric(values["value"], errors="coerce")
    return values


def published_values() -> pd.DataFrame:
    """All values of all tables; `value` is float64 and NaN where there is no number, `name` is "<paper>/<table>"."""
    return _all().copy()


def table_names(paper: str | None = None) -> tuple[str, ...]:
    """The names of all tables, or of those of a paper, as they are printed; ValueError for an unknown paper."""
    if paper is not None and paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}: choose one of {', '.join(PAPERS)}")
    names = dict.fromkeys(_all()["name"])
    return tuple(name for name in names if paper is None or name.startswith(f"{paper}/"))


def _roman(number: int) -> str:
    digits = ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    text = ""
    for value, letters in digits:
        while number >= value:
            text, number = text + letters, number - value
    return text


def table_name(name: str) -> str:
    """The name of a table as it is printed; "ear/4" is "ear/IV" and "ear/s-12" is "ear/S-XII".

    Raises:
        ValueError: there is no such table; names those that there are.
    """
    paper, _, number = name.strip().partition("/")
    paper, number = paper.lower().replace("_", "-"), number.upper()
    prefix, plain = ("S-", number[2:]) if number.startswith("S-") else ("", number)
    known = table_names()
    readings = (f"{paper}/{number}", f"{paper}/{prefix}{_roman(int(plain))}" if plain.isdecimal() else "")
    for reading in readings:
        if reading in known:
            return reading
    raise ValueError(f"unknown table {name!r}: choose one of {', '.join(known)}")


def published_table(name: str) -> pd.DataFrame:
    """The values of one table, in the paper's order; ValueError for an unknown name."""
    values = _all()
    return values[values["name"] == table_name(name)].reset_index(drop=True)


def contradictions(tolerance: float = TOLERANCE) -> pd.DataFrame:
    """Printed means that are not the means of what they are said to be the means of.

    Type is the mean of A, V and AV at its level; Avg is the mean of all ten scores, or of five that are means of both levels.

    Returns:
        Columns name, row, corpus, features, metric, level, printed, implied; a mean of which a part is absent is not checked.
    """
    found = []
    keys = ["name", "row", "corpus", "features"]
    for key, row in _all().groupby(keys, sort=False):
        scores = {
            (metric, level): value
            for metric, level, value in zip(row["metric"], row["level"], row["value"], strict=True)
        }
        claims = {("Type", level): [(part, level) for part in TYPE_PARTS] for level in LEVELS[1:]}
        levels = ("mean",) if ("A", "mean") in scores else ("segment", "event")
        claims["Avg", ""] = [(score, level) for level in levels for score in SCORES]
        for claim, parts in claims.items():
            if claim not in scores or not all(part in scores for part in parts):
                continue
            printed, implied = scores[claim], sum(scores[part] for part in parts) / len(parts)
            if abs(printed - implied) > tolerance + 1e-6:  # never for NaN; float64 holds no tenths
                found.append((*key, *claim, printed, round(implied, 2)))
    return pd.DataFrame(found, columns=[*keys, "metric", "level", "printed", "implied"])


def disagreements() -> pd.DataFrame:
    """Numbers of one method with the same features that differ from table to table, within a paper or between papers.

    Returns:
        Columns method, features, metric, level, values: what each table prints, "54.4 (mug/1), 52.1 (ear/I, ear/S-X)".
    """
    values = _all()
    values = values[values["name"].isin(COMPARISONS) & values["value"].notna()]
    values = values.assign(method=values["row"].replace(SAME_METHOD))
    found = []
    for key, same in values.groupby(["method", "features", "metric", "level"], sort=False):
        printed = {value: ", ".join(rows["name"]) for value, rows in same.groupby("value", sort=False)}
        if len(printed) > 1:
            found.append((*key, ", ".join(f"{value:g} ({tables})" for value, tables in printed.items())))
    return pd.DataFrame(found, columns=["method", "features", "metric", "level", "values"])
