"""Tables: what the cells of a corpus say together, with intervals over videos and training seeds, and verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avvp_lib.cells import MODALITY_SCORES, is_stale
from avvp_lib.metrics.parsing import Interval, bootstrap_interval
from avvp_lib.predictors import PREDICTORS
from avvp_lib.provenance import atomic_path
from avvp_lib.pseudo_labels.generator_recipes import TABLE_V

BOOTSTRAP_SEED = 0
REPORTED_CORPUS = "tutorial-studio-1"
RESULTS_MARKERS = ("<!-- results -->", "<!-- /results -->")
STEPS = (("valor-video-labels", "valor-zero-shot"), ("valor-zero-shot", "valor-truth"))
"""What supervision is worth: (lower, higher), as VALOR has it; that true labels teach better than guessed ones is expected."""
BASELINES = tuple(f"{model}-zero-shot" for model in ("han", "mgn", "jomold", "valor"))
FAMILY_STEPS = (
    *((baseline, "valor-zero-shot") for baseline in BASELINES[:-1]),
    *(("valor-zero-shot", f"{model}-zero-shot") for model in ("mm-cse", "mug", "ear")),
    ("mug-without-text", "mug-zero-shot"),
)
"""What a network is worth under the same pseudo-labels, and what text is worth to MUG: the order in which the papers rank them."""
PARSER_STEPS = (*STEPS, *FAMILY_STEPS)
LABEL_STEPS = (
    ("uwav-labels", "uwav-migration-labels"),
    ("ear-without-migration-labels", "ear-labels"),
    ("uwav-labels", "ear-labels"),
    ("pseudo-labels", "ear-labels"),
    *((f"{name}-labels", "ear-labels") for name in TABLE_V if name not in ("ear", "ear-without-migration")),
    ("ear-batch-migration-labels", "ear-labels"),
    *(("han-zero-shot", f"han-{labels}-labels") for labels in ("uwav", "uwav-hard", "ear", "ear-hard")),
    ("han-uwav-labels", "han-ear-labels"),
    *(("ear-zero-shot", f"ear-{labels}-labels") for labels in ("ear", "ear-hard")),
    *(("han-zero-shot", f"han-combined-{multiple}") for multiple in ("0.25", "0.5", "0.75", "1", "2")),
    *((f"{network}-zero-shot", f"{network}-combined-1") for network in ("mgn", "jomold")),
    ("han-zero-shot", "han-zero-shot-twice"),
    ("han-zero-shot-twice", "han-combined-1"),
)
"""What labels are worth: EAR's Tables III to VI and MUG's Tables 3 and 4, with controls of our own."""
REPORTED_PAGES = {
    "README.md": (REPORTED_CORPUS, PARSER_STEPS),
    "docs/pseudo_label_results.md": (REPORTED_CORPUS, LABEL_STEPS),
    "docs/synthetic_corpus.md": ("tutorial-street-1", PARSER_STEPS),
}
"""Pages that show results: of which corpus, and which comparisons."""
COLUMNS = (*MODALITY_SCORES, "segment/Type", "segment/Event", "event/Type", "event/Event", "average")


def scores_by_experiment(cells: list[dict[str, Any]], score: str = "segment/Type") -> dict[str, np.ndarray]:
    """(seeds, videos) scores of every experiment, in percent, for intervals; rows in the order of the cells."""
    found: dict[str, list[np.ndarray]] = {}
    for cell in cells:
        found.setdefault(cell["experiment"], []).append(video_scores(cell, score))
    return {name: np.stack(rows) for name, rows in found.items()}


def video_scores(cell: dict[str, Any], score: str) -> np.ndarray:
    """(videos,) scores of one cell. Segment-level Type@AV is not stored: it is the mean of its three parts.

    "mean/Type" is the mean of segment-level and event-level Type@AV, as some of the papers' tables have it.
    """
    if score == "mean/Type":
        return (video_scores(cell, "segment/Type") + video_scores(cell, "event/Type")) / 2
    if score == "segment/Type":
        return np.mean([cell["per_video"][modality] for modality in MODALITY_SCORES], axis=0)
    if score not in cell["per_video"]:
        known = ", ".join(cell["per_video"])
        raise ValueError(f"cells keep no {score!r} of single videos, only segment/Type, mean/Type, {known}")
    return np.array(cell["per_video"][score])


def results_table(cells: list[dict[str, Any]]) -> pd.DataFrame:
    """One row an experiment: mean scores over seeds, and the 95 % interval of segment-level Type@AV over videos and seeds."""
    type_scores = scores_by_experiment(cells)
    rows = []
    for name, scores in type_scores.items():
        mine = [cell for cell in cells if cell["experiment"] == name]
        interval = bootstrap_interval(scores, seed=BOOTSTRAP_SEED)
        means = {column: float(np.mean([cell["scores"][column] for cell in mine])) for column in COLUMNS}
        rows.append(
            {
                "experiment": mine[0]["title"] + (" (stale)" if any(map(is_stale, mine)) else ""),
                "reads": PREDICTORS[name].reads if name in PREDICTORS else _reads(mine[0]["recipe"]),
                "seeds": len(mine) if mine[0]["seed"] is not None else 0,
                **means,
                "Type interval": f"{interval.low:.1f} ... {interval.high:.1f}",
            }
        )
    return pd.DataFrame(rows).set_index("experiment")


def _reads(recipe: dict[str, Any] | None) -> str:
    """What a trained model reads of a test video."""
    return "features" if (recipe or {}).get("text", "none") == "none" else "features, text of the teacher's labels"


def compare(cells: list[dict[str, Any]], lower: str, higher: str, score: str = "segment/Type") -> dict[str, Any]:
    """The difference `higher` minus `lower` with its 95 % interval over videos and training seeds.

    Runs are paired by seed; a predictor, which has none, is paired with every run of the other. The order of the
    two is a claim, and the verdict says whether the cells bear it out: "agrees" if the interval lies above zero, "disagrees" if it
    lies below, else "undecided".

    Raises:
        ValueError: an experiment has no cells, or the two have no training seed in common.
    """
    interval = bootstrap_interval(_paired_difference(cells, lower, higher, score), seed=BOOTSTRAP_SEED)
    return step_row(lower, higher, score, interval)


def step_row(lower: str, higher: str, score: str, interval: Interval) -> dict[str, Any]:
    """A comparison as a row: the interval of the difference, and what it says of the claim that `higher` has more."""
    verdict = "undecided" if interval.low <= 0 <= interval.high else ("agrees" if interval.mean > 0 else "disagrees")
    return {"step": f"{lower} -> {higher}", "score": score, "difference": interval.mean, "low": interval.low,
            "high": interval.high, "verdict": verdict}  # fmt: skip


def comparisons(
    cells: list[dict[str, Any]],
    pairs: Iterable[tuple[str, str]],
    scores: Iterable[str] = ("segment/Type", "segment/A", "segment/V", "event/Type"),
) -> pd.DataFrame:
    """`compare` for every pair (lower, higher) and every score, a row each."""
    scores = tuple(scores)
    return pd.DataFrame([compare(cells, lower, higher, score) for lower, higher in pairs for score in scores])


def measured(cells: list[dict[str, Any]], pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the pairs of experiments that both have cells; says which experiments have none."""
    pairs, there = list(pairs), {cell["experiment"] for cell in cells}
    absent = dict.fromkeys(name for pair in pairs for name in pair if name not in there)
    if absent:
        print(f"not measured: {', '.join(absent)}")
    return [pair for pair in pairs if there.issuperset(pair)]


def _paired_difference(cells: list[dict[str, Any]], lower: str, higher: str, score: str) -> np.ndarray:
    """(seeds, videos) differences, a row for each training seed that both experiments have."""
    runs = []
    for name in (lower, higher):
        runs.append({cell["seed"]: video_scores(cell, score) for cell in cells if cell["experiment"] == name})
        if not runs[-1]:
            raise ValueError(f"there are no cells of {name!r} to compare: measure it with `avvp measure {name}`")
    below, above = paired_by_seed(lower, higher, *runs)
    return np.stack(above) - np.stack(below)


def paired_by_seed(lower: str, higher: str, *runs: dict[int | None, Any]) -> list[list[Any]]:
    """What two experiments have for each training seed that both have; what was not trained, under None, goes with every seed.

    Raises:
        ValueError: they have no seed in common; names both.
    """
    trained = [set(rows) for rows in runs if None not in rows]
    seeds = sorted(set.intersection(*trained)) if trained else [None]
    if not seeds:
        raise ValueError(f"{lower!r} and {higher!r} have no training seed in common to be paired by")
    return [[rows.get(seed, rows.get(None)) for seed in seeds] for rows in runs]


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, numbers with one decimal."""
    text = table.reset_index().map(lambda value: f"{value:.1f}" if isinstance(value, float) else str(value))
    rows = [list(text.columns), ["---"] * len(text.columns), *text.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def summary(cells: list[dict[str, Any]], steps: tuple[tuple[str, str], ...] | None = None) -> str:
    """The results of one corpus as Markdown: the table, then each step with its interval and verdict.

    With `steps`, only what they compare, and the yardsticks that nothing is trained for.
    """
    yardsticks = {name for name, predictor in PREDICTORS.items() if predictor.generator is None}
    wanted = None if steps is None else yardsticks | {name for step in steps for name in step}
    cells = [cell for cell in cells if wanted is None or cell["experiment"] in wanted]
    present = {cell["experiment"] for cell in cells}
    lines = [markdown(results_table(cells)), ""]
    for lower, higher in (*PARSER_STEPS, *LABEL_STEPS) if steps is None else steps:
        if {lower, higher} <= present:
            step = compare(cells, lower, higher)
            lines.append(
                f"* `{lower}` to `{higher}`: {step['difference']:+.1f} segment-level Type@AV, "
                f"95 % interval {step['low']:+.1f} ... {step['high']:+.1f}: **{step['verdict']}**"
            )
    return "\n".join(lines)


def write_summary(path: Path, cells: list[dict[str, Any]], steps: tuple[tuple[str, str], ...] | None = None) -> None:
    """Put the summary between the markers of a Markdown file, where the last one stood."""
    before, rest = path.read_text(encoding="utf-8").split(RESULTS_MARKERS[0])
    after = rest.split(RESULTS_MARKERS[1])[1]
    text = f"{before}{RESULTS_MARKERS[0]}\n{summary(cells, steps)}\n{RESULTS_MARKERS[1]}{after}"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
