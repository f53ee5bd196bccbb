"""How a score depends on the number of training videos: the table behind the learning curve.

    avvp measure valor-zero-shot-videos-0.125 valor-zero-shot-videos-0.25 ... --corpus-seed 1     # or with --learning-curve
    table = learning_curve_table(read_cells("tutorial-studio-1"))
    figures.learning_curve(table)

Two lines, with the full set at the end of both. "same epochs": a recipe as it is, so fewer videos also mean fewer steps, and a curve that
rises may rise for either reason. "same videos seen": the controls, with as many times more epochs as there are fewer videos and the
learning rates stretched to match, so that the network sees as many videos as with the full set. The last batch of an epoch is not full,
so their number of steps is at least that of the full set, not the same; the table has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from avvp_lib.cells import is_stale
from avvp_lib.corpora.synthetic import SIZES
from avvp_lib.metrics.parsing import bootstrap_interval
from avvp_lib.profiles import profile, profile_of
from avvp_lib.recipes import LEARNING_CURVES
from avvp_lib.reports import BOOTSTRAP_SEED, compare, scores_by_experiment
from avvp_lib.training_share import number_drawn

LINES = ("same epochs", "same videos seen")
COLUMNS = (
    "line", "experiment", "share", "videos", "epochs", "steps", "seeds", "score", "low", "high",
    "difference", "difference_low", "difference_high", "stale",
)  # fmt: skip


def curve_experiments(base: str = "valor-zero-shot") -> tuple[str, ...]:
    """The recipes of a learning curve: the one with all videos, those with fewer, and their controls.

    Raises:
        ValueError: there is no learning curve of that recipe; names those that there are.
    """
    if base not in LEARNING_CURVES:
        raise ValueError(f"there is no learning curve of {base!r}: choose one of {', '.join(LEARNING_CURVES)}")
    fewer, longer = LEARNING_CURVES[base]
    return (base, *fewer, *longer)


def learning_curve_table(
    cells: list[dict[str, Any]], base: str = "valor-zero-shot", score: str = "segment/Type"
) -> pd.DataFrame:
    """A row for every point that has cells, both lines from the smallest set to the full one.

    Args:
        cells: of one corpus.
        base: the recipe with all videos.
        score: one that cells keep of every test video, see `reports.video_scores`.

    Returns:
        Columns `COLUMNS`. `videos`, `epochs` and `steps` are those of a training; `seeds` is how many there are. `score` is the mean in
        percent over them and the test videos, `low` and `high` its 95 % interval over both. `difference` is this point minus the
        full set, paired by seed, with its interval; NaN where the full set has no cells. `stale`: code or recipe have changed since.

    Raises:
        ValueError: no such curve, or no point of it has cells; says what to measure.
    """
    names = curve_experiments(base)
    mine = [cell for cell in cells if cell["experiment"] in names]
    if not mine:
        raise ValueError(f"no point of the learning curve of {base} is measured: run `avvp measure {' '.join(names)}`")
    points = {name: _point(name, base, mine, score) for name in dict.fromkeys(cell["experiment"] for cell in mine)}
    lines = zip(LINES, LEARNING_CURVES[base], strict=True)
    rows = [{"line": line, **points[name]} for line, fewer in lines for name in (*fewer, base) if name in points]
    return pd.DataFrame(rows, columns=COLUMNS)


def _point(name: str, base: str, cells: list[dict[str, Any]], score: str) -> dict[str, Any]:
    """One experiment of a curve."""
    of_point = [cell for cell in cells if cell["experiment"] == name]
    recipe = of_point[0]["recipe"]
    share, training = recipe.get("videos", 1.0), recipe["training"]
    videos = number_drawn(_all_videos(of_point[0]), share)
    interval = bootstrap_interval(scores_by_experiment(of_point, score)[name], seed=BOOTSTRAP_SEED)
    return {
        "experiment": name,
        "share": share,
        "videos": videos,
        "epochs": training["epochs"],
        "steps": training["epochs"] * math.ceil(videos / training["batch_size"]),
        "seeds": len(of_point),
        "score": interval.mean,
        "low": interval.low,
        "high": interval.high,
        **_difference(cells, base, name, score),
        "stale": any(map(is_stale, of_point)),
    }


def _difference(cells: list[dict[str, Any]], base: str, name: str, score: str) -> dict[str, float]:
    """The point minus the full set, paired by seed."""
    try:
        step = compare(cells, base, name, score)
    except ValueError:  # the full set is not measured, or not with a seed of this point
        step = dict.fromkeys(("difference", "low", "high"), math.nan)
    return {"difference": step["difference"], "difference_low": step["low"], "difference_high": step["high"]}


def _all_videos(cell: dict[str, Any]) -> int:
    """The size of the training set: of published features as many as were there, of a rendered corpus what its size says."""
    if "videos" in cell:
        return cell["videos"]["train"]["used"]
    size = profile(cell.get("profile") or profile_of(cell["corpus"]))
    return SIZES[size.corpus_size][0]


def curve_for_reading(table: pd.DataFrame) -> pd.DataFrame:
    """The table with intervals in one column each, for Markdown."""
    shown = table[["line", "videos", "epochs", "steps", "seeds"]].copy()
    shown["line"] += [" (stale)" if stale else "" for stale in table["stale"]]
    shown["score"] = _with_interval(table, ("score", "low", "high"), "")
    shown["minus all videos"] = _with_interval(table, ("difference", "difference_low", "difference_high"), "+")
    full = table["share"] == 1
    shown.loc[full, "minus all videos"] = "–"
    return shown.set_index("line")


def _with_interval(table: pd.DataFrame, columns: Iterable[str], sign: str) -> list[str]:
    values = (table[column] for column in columns)
    return [
        "–" if mean != mean else f"{mean:{sign}.1f} ({low:{sign}.1f} ... {high:{sign}.1f})"
        for mean, low, high in zip(*values, strict=True)
    ]
