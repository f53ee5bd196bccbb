"""The CSV file of annotations and the card beside it, row by row: what is written, and every way in which a person's file can be wrong."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avvp_lib.provenance import write_json

STATUSES = ("todo", "done", "unlabelable")
TODO, DONE, UNLABELABLE = range(3)
NOT_ASKED = -1
COLUMNS = ("video", "segment", "labels", "status")
SEPARATOR = "|"
FORMAT = "avvp annotations 1"

ERRORS_NAMED = 3
"""How many lines an error message lists before it only counts."""


@dataclass(frozen=True, eq=False)
class Card:
    """What a file of annotations asks: the class list, and by video which of its T segments, (T,) bool."""

    categories: tuple[str, ...]
    segments: int
    asked: dict[str, np.ndarray]


def write_card(path: Path, categories: Sequence[str], keys: Sequence[str], asked: np.ndarray) -> None:
    """Write the card of a CSV file beside it.

    Args:
        path: the .csv file.
        categories: C names.
        keys: V feature ids.
        asked: (V, T) bool.
    """
    marks = {key: "".join("01"[int(mark)] for mark in row) for key, row in zip(keys, asked, strict=True)}
    card = {"format": FORMAT, "segments": asked.shape[1], "categories": list(categories), "asked": marks}
    write_json(path.with_suffix(".json"), card)


def read_card(path: Path) -> Card:
    """Read the card that lies beside a CSV file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged or something else.
    """
    file = path.with_suffix(".json")
    if not file.is_file():
        raise FileNotFoundError(
            f"{path.name} has no card {file.name} beside it, which says what class list it was exported for: put the two together again"
        )
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
        if card["format"] != FORMAT:
            raise ValueError(f"its format is {card['format']!r}, not {FORMAT!r}")
        asked = {key: np.array([mark == "1" for mark in marks], bool) for key, marks in card["asked"].items()}
        if any(len(row) != card["segments"] for row in asked.values()):
            raise ValueError("a video has another number of segments")
        return Card(tuple(card["categories"]), card["segments"], asked)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{file.name} is not the card of annotations ({error}): take the one that export_nulls wrote"
        ) from error


def rows_text(keys: Sequence[str], categories: Sequence[str], visual: np.ndarray, status: np.ndarray) -> str:
    """The CSV of (V, T, C) bool labels and (V, T) statuses: a row for each segment that was asked about."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, segment in np.argwhere(status != NOT_ASKED):
        labels = SEPARATOR.join(categories[c] for c in np.flatnonzero(visual[row, segment]))
        writer.writerow((keys[row], segment, labels, STATUSES[status[row, segment]]))
    return text.getvalue()


def read_rows(
    path: Path, card: Card, keys: Sequence[str], lost_rows_are_todo: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Read the rows of a CSV file, all of them checked before anything is refused.

    Args:
        path: the .csv file.
        card: what it asks.
        keys: the V videos of the card, in the order wanted.
        lost_rows_are_todo: take rows that are not there for unanswered, instead of refusing the file.

    Returns:
        Labels (V, T, C) bool and statuses (V, T) int8.

    Raises:
        ValueError: names the lines that are wrong, and the way out.
    """
    index = {key: row for row, key in enumerate(keys)}
    visual = np.zeros((len(keys), card.segments, len(card.categories)), bool)
    status = np.full(visual.shape[:2], NOT_ASKED, np.int8)
    seen: dict[tuple[str, int], int] = {}
    errors: list[str] = []
    text = _decoded(path)
    for line, fields in _table(path, text):
        try:
            key, segment, labels, code = _parsed(fields, card)
            first = seen.setdefault((key, segment), line)
            if first != line:
                raise ValueError(f"{key}, segment {segment} occurs twice, first in line {first}")
            visual[index[key], segment, labels] = True
            status[index[key], segment] = code
        except ValueError as error:
            errors.append(f"line {line}: {error}")
            last = line
    if errors:
        cut = not text.endswith(("\n", "\r")) and last == _last_line(text)
        raise ValueError(_refusal(path, errors, cut))
    asked = np.array([card.asked[key] for key in keys], bool).reshape(status.shape)
    lost = np.argwhere(asked & (status == NOT_ASKED))
    if len(lost) and not lost_rows_are_todo:
        raise ValueError(
            f"{path.name} lacks {len(lost)} of {asked.sum()} rows, {keys[lost[0, 0]]} segment {lost[0, 1]} first: was it cut off? Take "
            "back a whole copy, or call export_nulls with the same labels: it keeps all answers that are there and adds the others as todo"
        )
    status[asked & (status == NOT_ASKED)] = TODO
    return visual, status


def _decoded(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not text in UTF-8 ({error}): save it as 'CSV UTF-8'") from error


def _table(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str] | list[str]]]:
    """Line number and fields by column of every row that is not empty; the fields as they stand where their number is wrong."""
    header = text.split("\n", 1)[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns = [name.strip().lower() for name in next(reader, [])]
    if sorted(columns) != sorted(COLUMNS):
        raise ValueError(
            f"{path.name}: its first line must name the columns {','.join(COLUMNS)} and no others, not {','.join(columns)!r}: columns "
            "of your own would be lost when the widget saves, keep them in another file"
        )
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                stripped = [field.strip() for field in fields]
                fits = len(fields) == len(columns)
                yield reader.line_num, dict(zip(columns, stripped, strict=True)) if fits else stripped
    except csv.Error as error:
        raise ValueError(f"{path.name}, line {reader.line_num}: {error}; is a quotation mark open?") from error


def _parsed(fields: Mapping[str, str] | list[str], card: Card) -> tuple[str, int, list[int], int]:
    """Key, segment, categories and status of a row; ValueError says what is wrong with it."""
    if isinstance(fields, list):
        raise ValueError(f"{len(fields)} fields instead of {len(COLUMNS)}: {','.join(fields)}")
    key, code = fields["video"], fields["status"].lower()
    if key not in card.asked:
        raise ValueError(_unknown_video(key, card))
    segment = int(fields["segment"]) if fields["segment"].isdecimal() else -1
    if not 0 <= segment < card.segments:
        raise ValueError(f"segment {fields['segment']!r}: {key} has the segments 0 to {card.segments - 1}")
    if not card.asked[key][segment]:
        raise ValueError(f"{key}, segment {segment} is no null label: this row was not exported")
    if code not in STATUSES:
        raise ValueError(
            f"unknown status {fields['status']!r}{_meant(code, STATUSES)}: choose one of {', '.join(STATUSES)}"
        )
    labels = [_category(name.strip(), card.categories) for name in fields["labels"].split(SEPARATOR) if name.strip()]
    if labels and code != STATUSES[DONE]:
        raise ValueError(f"has labels and is {code!r}: write 'done', or take the labels out")
    return key, segment, labels, STATUSES.index(code)


def _unknown_video(key: str, card: Card) -> str:
    if key.startswith("#"):
        return f"unknown video {key!r}: a spreadsheet has taken an id that begins with '-' for a formula. Import the column as text"
    return f"unknown video {key!r}{_meant(key, card.asked)}: it was not exported"


def _category(name: str, categories: tuple[str, ...]) -> int:
    if name in categories:
        return categories.index(name)
    alike = {other.lower().replace("_", " "): other for other in categories}
    close = alike.get(name.lower().replace("_", " "))
    if close is None and any(mark in name for mark in ",;/"):
        raise ValueError(f"unknown category {name!r}: several are joined by {SEPARATOR!r}, as in Dog{SEPARATOR}Car")
    raise ValueError(f"unknown category {name!r}{f', did you mean {close!r}?' if close else _meant(name, categories)}")


def _meant(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _last_line(text: str) -> int:
    """The number of the last line of a text that does not end in a line break."""
    return len(text.splitlines())


def _refusal(path: Path, errors: list[str], cut: bool) -> str:
    named = "; ".join(errors[:ERRORS_NAMED]) + (
        f"; and {len(errors) - ERRORS_NAMED} more lines" * (len(errors) > ERRORS_NAMED)
    )
    hint = (
        ". The file breaks off in the middle of its last line: it was cut while somebody wrote it. Complete or delete that line; "
        "all lines before it are kept"
    )
    return f"{path.name}, {named}{hint if cut else ''}"
