"""A table of a paper beside ours, and what our corpus says about each of its claims.

    compared = paper_and_ours("mug/2", Place.of("tutorial"))     # printed and measured scores, a line each
    verdicts("mug/2", Place.of("tutorial"))                      # row by row: does the direction hold?

A claim is what the numbers of a table say by their order: this row is worse (or better) than the paper's own method. Corpora differ,
features differ and sizes differ, so values are never compared with values: only the direction is, with the interval of our difference
over videos and training seeds. "agrees" means that the interval lies on the side the paper says, "disagrees" on the other. Of what is
undecided, `undecided` says how much our corpus could have shown at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from avvp_lib.cells import is_stale as is_stale_cell
from avvp_lib.cells import read_cells
from avvp_lib.metrics.parsing import bootstrap_interval
from avvp_lib.published import published_table
from avvp_lib.reports import BOOTSTRAP_SEED, compare, markdown, video_scores
from avvp_lib.segmentation_reports import clip_scores, compare_segmentation
from avvp_lib.segmentation_reports import is_stale as is_stale_mask_cell
from avvp_lib.table_cells import SEEDS, Place, Task, find_tables, kept_failures, planned_tasks
from avvp_lib.table_rows import TABLES, Row, Table

PUBLISHED_CORPORA = {None: "llp", "s4": "avsbench-s4", "ms3": "avsbench-ms3", "avss": "avss"}
"""By setting of segmentation (None is parsing): the corpus whose published values ours stand beside."""
VERDICTS = ("agrees", "undecided", "disagrees")
UNDECIDED = (
    "the paper's effect is smaller than half of our interval: it could hardly be seen here",
    "it is larger, and our interval holds it as well as zero",
    "it is larger, and our interval ends before it: so large an effect is not here",
    "the paper's number is lost",
)
"""What an undecided claim can mean."""
VERDICT_COLUMNS = ("table", "setting", "row", "against", "paper", "ours", "low", "high", "seeds", "verdict", "note")
Cells = list[dict[str, Any]]


def _cells(table: Table, place: Place) -> dict[str | None, Cells]:
    """By setting: the cells of a table's experiments that are there."""
    found: dict[str | None, Cells] = {}
    for setting in table.settings or (None,):
        try:
            cells = read_cells(place.cells(setting))
        except FileNotFoundError:
            cells = []
        found[setting] = [cell for cell in cells if cell["experiment"] in table.experiments]
    return found


def _our_score(cell: dict[str, Any], metric: str, level: str) -> float:
    """What a cell has for a published metric; NaN if it has nothing."""
    scores = cell["scores"]
    if metric == "Avg":
        return scores.get("average", np.nan)
    if metric.startswith("parameters"):
        return cell.get("parameters", np.nan) / 1e6
    if level == "mean":
        return (scores[f"segment/{metric}"] + scores[f"event/{metric}"]) / 2
    return scores.get(f"{level}/{metric}" if level else metric, np.nan)


def paper_and_ours(name: str, place: Place) -> pd.DataFrame:
    """Every published value of a table, and our mean over training seeds of the same score in the same row.

    Returns:
        Columns row, features, corpus, metric, level, paper, flag, ours, low, high, seeds, experiment, stale. Scores in percent; `low` and
        `high` are the ends of the 95 % interval where cells keep the score of every video. Rows of ours that the paper has no label
        for come last, without a published value.

    Raises:
        ValueError: there is no such table.
    """
    (table,) = find_tables([name])
    cells, published = _cells(table, place), published_table(table.name)
    settings = {corpus: setting for setting, corpus in PUBLISHED_CORPORA.items()}
    experiments = {row.label: row.experiment for row in table.rows}
    lines = []
    for value in published.itertuples():
        ours = _ours(cells.get(settings.get(value.corpus, "")), experiments.get(value.row), value.metric, value.level)
        lines.append({"row": value.row, "features": value.features, "corpus": value.corpus, "metric": value.metric,
                      "level": value.level, "paper": value.value, "flag": value.value_flag or value.row_flag, **ours})  # fmt: skip
    of_table = published[["corpus", "metric", "level"]].drop_duplicates()
    for label in (label for label in experiments if label not in set(published["row"])):
        for corpus, metric, level in of_table.itertuples(index=False):
            ours = _ours(cells.get(settings.get(corpus, "")), experiments[label], metric, level)
            lines.append({"row": label, "features": "", "corpus": corpus, "metric": metric, "level": level,
                          "paper": np.nan, "flag": "not in our text of the paper", **ours})  # fmt: skip
    return pd.DataFrame(lines)


def _ours(cells: Cells | None, experiment: str | None, metric: str, level: str) -> dict[str, Any]:
    """Our side of a line."""
    mine = [cell for cell in cells or [] if cell["experiment"] == experiment]
    if not mine:
        return {"ours": np.nan, "low": np.nan, "high": np.nan, "seeds": 0, "experiment": experiment, "stale": False}
    low, high = _interval(mine, metric, level)
    return {
        "ours": float(np.mean([_our_score(cell, metric, level) for cell in mine])),
        "low": low,
        "high": high,
        "seeds": len(mine),
        "experiment": experiment,
        "stale": any(map(_is_stale, mine)),
    }


def _is_stale(cell: dict[str, Any]) -> bool:
    return is_stale_mask_cell(cell) if "setting" in cell else is_stale_cell(cell)


def _interval(mine: Cells, metric: str, level: str) -> tuple[float, float]:
    """The 95 % interval over videos and seeds; NaN where cells keep no score of single videos."""
    try:
        if "per_clip" in mine[0]:
            scores = clip_scores(mine, metric)
        else:
            scores = np.stack([video_scores(cell, f"{level}/{metric}") for cell in mine])
    except (KeyError, ValueError):
        return np.nan, np.nan
    interval = bootstrap_interval(scores, seed=BOOTSTRAP_SEED)
    return interval.low, interval.high


def _paper_score(published: pd.DataFrame, label: str, score: str, setting: str | None, features: str | None) -> float:
    """The published value that a verdict is about; NaN if there is none."""
    level, _, metric = score.rpartition("/")
    rows = published[
        (published["row"] == label)
        & (published["metric"] == metric)
        & (published["level"] == level)
        & (published["corpus"] == PUBLISHED_CORPORA[setting])
    ]
    same = rows[rows["features"] == features]
    return float((same if len(same) else rows)["value"].iloc[0]) if len(rows) else np.nan


def verdicts(name: str, place: Place) -> pd.DataFrame:
    """Row by row: what the paper says about it and the row it is compared with, and whether our cells bear that out.

    Returns:
        Columns `VERDICT_COLUMNS`. `paper` and `ours` are the score of the row minus that of the row it is compared with, in points;
        `low` and `high` the 95 % interval of ours over videos and training seeds. The verdict is one of `VERDICTS`, or "" where
        there is nothing to say: no cells, no experiment, or no direction in the paper.

    Raises:
        ValueError: there is no such table.
    """
    (table,) = find_tables([name])
    published, cells = published_table(table.name), _cells(table, place)
    lines = [
        _verdict(table, row, setting, mine, published)
        for setting, mine in cells.items()
        for row in table.rows
        if row.label != (row.against or table.reference)
    ]
    return pd.DataFrame(lines, columns=VERDICT_COLUMNS)


def _verdict(table: Table, row: Row, setting: str | None, cells: Cells, published: pd.DataFrame) -> dict[str, Any]:
    against = row.against or table.reference
    reference = next(other for other in table.rows if other.label == against)
    features = _features(published, row.label)
    paper = _paper_score(published, row.label, table.score, setting, features) - _paper_score(
        published, against, table.score, setting, features
    )
    line = {"table": table.name, "setting": setting or "", "row": row.label, "against": against, "paper": paper,
            "ours": np.nan, "low": np.nan, "high": np.nan, "seeds": 0, "verdict": "", "note": row.note}  # fmt: skip
    runs = [
        {cell["seed"] for cell in cells if cell["experiment"] == name}
        for name in (row.experiment, reference.experiment)
    ]
    if row.experiment is None or not all(runs) or row.experiment == reference.experiment:
        return line
    step = _step(cells, reference.experiment, row.experiment, table.score)
    if any(_is_stale(cell) for cell in cells if cell["experiment"] in (row.experiment, reference.experiment)):
        line["note"] = "; ".join(filter(None, (row.note, "stale: the code has changed since")))
    seeds = len(set.intersection(*runs)) if None not in set.union(*runs) else max(map(len, runs))
    line |= {"ours": step["difference"], "low": step["low"], "high": step["high"], "seeds": seeds}
    direction = -1.0 if row.worse else np.sign(paper)
    if direction in (-1, 1):
        line["verdict"] = _said(direction * step["low"], direction * step["high"])
    return line


def _features(published: pd.DataFrame, label: str) -> str | None:
    rows = published.loc[published["row"] == label, "features"]
    return None if rows.empty else rows.iloc[0]


def _step(cells: Cells, lower: str, higher: str, score: str) -> dict[str, Any]:
    if score == "M_J":
        return compare_segmentation(cells, [(lower, higher)]).iloc[0].to_dict()
    return compare(cells, lower, higher, score)


def _said(one: float, other: float) -> str:
    """The verdict on an interval that was turned so that the paper's direction is up."""
    low, high = sorted((one, other))
    return "agrees" if low > 0 else "disagrees" if high < 0 else "undecided"


def claims(place: Place, names: Iterable[str] = ("all",)) -> pd.DataFrame:
    """The verdicts of all tables that do not repeat another one."""
    own = [table for table in find_tables(names) if table.repeats is None]
    return pd.concat([verdicts(table.name, place) for table in own], ignore_index=True)


def undecided(claimed: pd.DataFrame) -> pd.Series:
    """How many of the undecided among some `claims` are of each kind: in the order of `UNDECIDED`."""
    these = claimed[claimed["verdict"] == "undecided"]
    paper, low, high = these["paper"], these["low"], these["high"]
    kinds = [paper.abs() < (high - low) / 2, paper.between(low, high), paper.notna()]  # a lost number is in none
    kind = np.select(kinds, range(len(kinds)), default=len(kinds))
    return pd.Series(np.bincount(kind, minlength=len(UNDECIDED)), index=pd.Index(UNDECIDED, name="undecided, for"))


def wide(compared: pd.DataFrame) -> pd.DataFrame:
    """A line a row of the paper, "paper / ours" in a column for each score; as the paper prints its table, for reading."""
    scores = compared["level"].where(compared["level"] != "", compared["corpus"]) + " " + compared["metric"]
    several = compared["corpus"].nunique() > 1 or (compared["level"] == "").all()
    if not several:
        scores = (compared["level"] + " " + compared["metric"]).str.strip()
    text = [
        f"{_number(paper)} / {_number(ours)}" for paper, ours in zip(compared["paper"], compared["ours"], strict=True)
    ]
    cells = pd.DataFrame({"row": compared["row"], "features": compared["features"], "score": scores, "text": text})
    table = cells.groupby(["row", "features", "score"], sort=False)["text"].first().unstack(fill_value="")
    order = list(dict.fromkeys(zip(cells["row"], cells["features"], strict=True)))
    return table.loc[order, list(dict.fromkeys(scores))].reset_index().set_index("row")


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1f}"


def table_text(name: str, place: Place) -> str:
    """A table as Markdown: paper and ours side by side, then the verdicts, then why rows are absent."""
    (table,) = find_tables([name])
    lines = [f"# {table.name}: {table.title}", "", f"Ours: {place.cells(table.settings[0] if table.settings else None)}. "
             "Each cell is *paper / ours*, in percent; compare directions, never values.", ""]  # fmt: skip
    lines += [markdown(wide(paper_and_ours(name, place))), ""]
    shown = verdicts(name, place)
    lines += [f"Row minus what it is compared with, {table.score}:", "", markdown(_for_reading(shown)), ""]
    absent = [row for row in table.rows if row.experiment is None]
    notes = dict.fromkeys(row.note for row in absent)
    lines += [f"* {', '.join(row.label for row in absent if row.note == note)}: {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def _for_reading(lines: pd.DataFrame) -> pd.DataFrame:
    """Verdicts with intervals in one column, without rows that have none."""
    lines = lines[lines["seeds"] > 0]
    interval = [f"{low:+.1f} ... {high:+.1f}" for low, high in zip(lines["low"], lines["high"], strict=True)]
    signed = {side: [f"{value:+.1f}" if value == value else "–" for value in lines[side]] for side in ("paper", "ours")}
    shown = lines.assign(**signed, interval=interval, verdict=lines["verdict"].replace("", "–"))
    shown = shown[["row", "against", "setting", "paper", "ours", "interval", "seeds", "verdict", "note"]].set_index(
        "row"
    )
    return shown.drop(columns=[column for column in ("setting", "note") if not shown[column].any()])


def claims_text(place: Place) -> str:
    """The verdicts on the claims of all papers as Markdown: how many of each kind by table, then each claim."""
    lines = claims(place)
    said = lines[lines["verdict"] != ""]
    counts = (
        said.groupby(["table", "verdict"], sort=False)
        .size()
        .unstack(fill_value=0)
        .reindex(columns=VERDICTS, fill_value=0)
    )
    counts.insert(0, "asks", [TABLES[name].title for name in counts.index])
    verdict_counts = ", ".join(f"{(said['verdict'] == verdict).sum()} {verdict}" for verdict in VERDICTS)
    parts = [f"Corpus {place.cells()}; {len(said)} claims, by verdict: {verdict_counts}.", "", markdown(counts), ""]
    parts += ["What the undecided ones can mean, by number of claims:", ""]
    parts += [*(f"* {number}: {kind}" for kind, number in undecided(said).items() if number), ""]
    silent = lines[lines["verdict"] == ""]
    missing = [line.table for line in silent.itertuples() if not line.seeds and _has_experiment(line)]
    if missing:
        parts += [f"Not measured yet, as a whole or in part: {', '.join(dict.fromkeys(missing))}.", ""]
    undirected = [f"{line.row} of {line.table}" for line in silent.itertuples() if line.seeds]
    if undirected:
        parts += [f"Measured, but the paper has no direction: {', '.join(dict.fromkeys(undirected))}.", ""]
    for name, mine in lines.groupby("table", sort=False):
        if (mine["seeds"] > 0).any():
            table = TABLES[name]
            parts += [f"### {name}: {table.title}", "", f"Score: {table.score}.", "", markdown(_for_reading(mine)), ""]
    return "\n".join([*parts, *_failed(place), times_text(place)])


def _failed(place: Place) -> list[str]:
    """Lines on the trainings that failed: without them a row looks better than it is."""
    folders = dict.fromkeys(place.cells(setting) for table in TABLES.values() for setting in table.settings or (None,))
    lines = [
        f"* `{failure['experiment']}`, seed {failure['seed']} ({folder}): {failure['reason']}"
        for folder in folders
        for failure in kept_failures(folder)
    ]
    return ["### What failed", "", *lines, ""] if lines else []


def table_times(place: Place, seeds: int = SEEDS) -> pd.DataFrame:
    """What measuring the tables takes: a row a table, each cell with the first one that it stands in.

    Args:
        seeds: training seeds of a cell that is trained.

    Returns:
        Columns table, cells, measured (of these), hours: of one process, as the measured cells say themselves.
    """
    seconds: dict[tuple[str | None, str, int], float] = {}
    for setting in dict.fromkeys(s for table in TABLES.values() for s in table.settings or (None,)):
        try:
            cells = read_cells(place.cells(setting))
        except FileNotFoundError:
            continue
        seconds |= {(setting, cell["experiment"], cell["seed"] or 0): cell.get("seconds", 0.0) for cell in cells}
    counted: set[Task] = set()
    rows = []
    for name in TABLES:
        mine = set(planned_tasks([name], place, seeds)) - counted
        counted |= mine
        found = [seconds[key] for task in mine if (key := (task.setting, task.experiment, task.seed)) in seconds]
        rows.append({"table": name, "cells": len(mine), "measured": len(found), "hours": sum(found) / 3600})
    return pd.DataFrame([row for row in rows if row["cells"]])


def times_text(place: Place) -> str:
    """How long all tables take, and how that splits, as Markdown."""
    times = table_times(place)
    total = times[["cells", "measured", "hours"]].sum()
    shown = times.assign(hours=times["hours"].map("{:.2f}".format)).set_index("table")
    said = f"{total['measured']:.0f} of {total['cells']:.0f} cells took {total['hours']:.1f} hours of one process"
    rest = (
        ", by the clock of two cores that often had more to do than that. A cell counts with the first table that it stands in; corpora "
        "and features come on top."
    )
    return "\n".join(["### What it takes", "", said + rest, "", markdown(shown)])


def _has_experiment(line: Any) -> bool:
    return any(row.experiment is not None for row in TABLES[line.table].rows if row.label == line.row)
