"""Cells and tables: what each finished experiment measured, and what the experiments say together.

A cell is one JSON file: one recipe, one corpus, one training seed, its scores, the scores of every test video, and the fingerprints of the
code and data that made it. Tables and intervals are computed from cells alone, so they can be printed where nothing was trained.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning_fabric
import numpy as np
import pandas as pd
import torch
from torch import nn

import avvp_lib
from avvp_lib.generator_bench import GENERATED, SWEPT, generated_labels, named_generator, source_of
from avvp_lib.metrics.parsing import Interval, binarise, bootstrap_interval, per_video_scores
from avvp_lib.metrics.ranking import mean_average_precision, ranking_scores
from avvp_lib.provenance import atomic_path, code_digest, import_closure, json_digest, write_json
from avvp_lib.pseudo_labels.generator_recipes import TABLE_V
from avvp_lib.recipes import (
    BY_NAME_ONLY,
    RECIPES,
    Bench,
    Recipe,
    needs_teachers,
    profile,
    profile_of,
    recipe,
    recipe_dict,
    recipe_modules,
    run,
    training_folder,
)
from avvp_lib.records import note_folder, note_input
from avvp_lib.training import predict
from avvp_lib.workspace import shown, workspace

BOOTSTRAP_SEED = 0
CELL_FILES = "[!.]*.json"
"""The files that are cells; one with a dot is what a killed run was writing."""
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
MODALITY_SCORES = ("segment/A", "segment/V", "segment/AV")
COLUMNS = (*MODALITY_SCORES, "segment/Type", "segment/Event", "event/Type", "event/Event", "average")


@dataclass(frozen=True)
class Predictor:
    """Something that predicts without a parser being trained.

    Attributes:
        name, title: as of a `Recipe`.
        reads: what it reads of a test video.
        generator: the pseudo-label generator whose labels it tells, by name; it is trained with a seed.
    """

    name: str
    title: str
    reads: str
    generator: str | None = None


PREDICTORS = {
    p.name: p
    for p in (
        Predictor("nothing", "nothing", "nothing"),
        Predictor("everything", "everything", "nothing"),
        Predictor("video-label", "the video label on every segment", "its video label"),
        Predictor("teacher", "zero-shot teacher alone", "features, sentences"),
        Predictor("pseudo-labels", "zero-shot pseudo-labels", "features, sentences, its video label"),
        *(
            Predictor(label, f"labels of {named_generator(name).title}", "features, sentences, its video label", name)
            for label, name in GENERATED.items()
        ),
    )
}


def predictor_grids(
    name: str, bench: Bench, split: str = "test", seed: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(N, T, C) bool audio and visual predictions of a predictor for a split; `seed` is that of its generator, if it has one."""
    part = bench.corpus.splits[split]
    shape = part.audio.shape
    if name == "nothing":
        return np.zeros(shape, bool), np.zeros(shape, bool)
    if name == "everything":
        return np.ones(shape, bool), np.ones(shape, bool)
    if name == "video-label":
        everywhere = np.broadcast_to(part.video_labels[:, None, :], shape).copy()
        return everywhere, everywhere
    if name == "pseudo-labels":
        labels = bench.zero_shot(split)
        return labels.audio > 0.5, labels.visual > 0.5
    if name == "teacher":
        return bench.ungated_labels(split)
    if name in GENERATED:
        labels = generated_labels(bench, GENERATED[name], split, seed)
        return labels.audio > 0, labels.visual > 0
    raise ValueError(f"unknown predictor {name!r}: choose one of {', '.join(PREDICTORS)}")


def _code(experiment: Recipe | Predictor) -> str:
    """Fingerprint of the modules that an experiment's result depends on; its data has hashes of its own."""
    modules = {"avvp_lib.metrics.parsing", "avvp_lib.pseudo_labels.zero_shot"}
    if isinstance(experiment, Recipe):
        modules |= {"avvp_lib.training", *recipe_modules(experiment)}
    elif experiment.generator is not None:
        modules.add("avvp_lib.pseudo_labels.generator_training")
    else:
        modules.add("avvp_lib.pseudo_labels.text_features")
    return _digest(frozenset(modules), _last_changes(modules))


@lru_cache(maxsize=256)
def _digest(modules: frozenset[str], changes: tuple[int, ...]) -> str:
    """Fingerprint of modules and what they import; worked out once for a state of the files, since a table asks for it a hundred times."""
    return code_digest(*import_closure(*modules), whole_packages=False)[:16]


def _last_changes(modules: Iterable[str]) -> tuple[int, ...]:
    """When the files of this package and of the named modules were last changed."""
    files = {*Path(avvp_lib.__file__).parent.rglob("*.py")}
    files |= {
        Path(spec.origin) for name in modules if (spec := find_spec(name)) is not None and spec.origin is not None
    }
    return tuple(path.stat().st_mtime_ns for path in sorted(files))


def _data(experiment: Recipe | Predictor, bench: Bench) -> str:
    """Fingerprint of features and labels."""
    identity = bench.identity(experiment.supervision if isinstance(experiment, Recipe) else None)
    made_from = [identity, {name: bank.content_hash for name, bank in sorted(bench.banks.items())}]
    if _generator(experiment) is not None:
        made_from.append(source_of(bench).about())
    return json_digest(made_from)[:16]


def _generator(experiment: Recipe | Predictor) -> str | None:
    return experiment.generator if isinstance(experiment, Predictor) else None


def _is_trained(experiment: Recipe | Predictor) -> bool:
    """Whether it takes a training seed."""
    return isinstance(experiment, Recipe) or experiment.generator is not None


def cells_folder() -> Path:
    """outputs/cells of the workspace."""
    return workspace() / "outputs" / "cells"


def cell_path(name: str, bench: Bench, seed: int | None) -> Path:
    """Where the cell of an experiment is kept: cells/<corpus>/<experiment>[-seed].json."""
    suffix = "" if seed is None else f"-{seed}"
    return cells_folder() / bench.name / f"{name}{suffix}.json"


def measure(experiment: Recipe | Predictor, bench: Bench, seed: int | None, progress: bool = True) -> dict[str, Any]:
    """Train (or just ask) an experiment, score it on the test split, and return the cell."""
    start = time.perf_counter()
    training: dict[str, Any] = {}
    ranking: dict[str, Any] = {}
    test = bench.corpus.splits["test"]
    if isinstance(experiment, Recipe):
        result = run(experiment, bench, seed, folder=training_folder(experiment, bench, seed), progress=progress)
        tested, ranking = scored_fields(result.model, experiment, bench)
        gates = (experiment.training.audio_gate, experiment.training.visual_gate)
        parameters = sum(p.numel() for p in result.model.parameters())
        training = {"gates": gates, "best_epoch": result.best_epoch, "parameters": parameters}
    else:
        predictions = predictor_grids(experiment.name, bench, seed=seed)
        tested = _score_fields(per_video_scores(*predictions, test.audio, test.visual))
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "corpus": bench.corpus.name,
        "seed": seed,
        "test_videos": len(test),
        **_coverage(bench),
        "scores": tested["scores"],
        **training,
        "recipe": _as_stored(experiment, bench.profile_name),
        "profile": bench.profile_name,
        "code": _code(experiment),
        "data": _data(experiment, bench),
        "versions": versions(),
        "seconds": round(time.perf_counter() - start, 1),
        "per_video": tested["per_video"],
        **ranking,
    }


def scored_fields(model: nn.Module, experiment: Recipe, bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a cell holds of a trained parser on the test split.

    Returns:
        "scores" and "per_video", of decisions behind the recipe's gates; and "ranking" and "average_precision", of the segments'
        probabilities, which know neither gate nor threshold (see `metrics.ranking`). All in percent.
    """
    test, training = bench.split("test"), experiment.training
    output = predict(model, bench.data("test", text=experiment.test_text))
    segment_prob = output.segment_prob.numpy()
    decisions = binarise(
        segment_prob,
        output.video_prob.numpy(),
        output.modality_prob.numpy(),
        audio_gate=training.audio_gate,
        visual_gate=training.visual_gate,
    )
    by_class = ranking_scores(segment_prob, test.audio, test.visual)
    ranking = {
        "ranking": {name: _number(value) for name, value in mean_average_precision(by_class).items()},
        "average_precision": {modality: [_number(value) for value in values] for modality, values in by_class.items()},
    }
    return _score_fields(per_video_scores(*decisions, test.audio, test.visual)), ranking


def _score_fields(scores: dict[str, np.ndarray]) -> dict[str, Any]:
    """The scores of `per_video_scores` as a cell holds them."""
    return {
        "scores": {name: round(float(values.mean()), 4) for name, values in scores.items()},
        "per_video": {
            name: np.round(scores[name], 2).tolist() for name in (*MODALITY_SCORES, "segment/Event", "event/Type")
        },
    }


def _number(value: float) -> float | None:
    """A number for JSON, which knows no NaN."""
    return None if np.isnan(value) else round(float(value), 4)


def _coverage(bench: Bench) -> dict[str, Any]:
    """Of a corpus from which videos may be left out: how many of each split were used, and how many there are."""
    coverage = bench.corpus.provenance.get("coverage")
    if coverage is None:
        return {}
    return {"videos": {split: {"used": part["used"], "official": part["official"]} for split, part in coverage.items()}}


def versions() -> dict[str, str]:
    """What a cell says about the software that made it."""
    return {
        "avvp": avvp_lib.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning-fabric": lightning_fabric.__version__,
        "numpy": np.__version__,
    }


def fill_cells(
    bench: Bench, names: Iterable[str], seeds: Iterable[int], recipes: dict[str, Recipe], progress: bool = True
) -> None:
    """Measure the experiments whose cells are missing or stale, one after the other; finished cells are kept.

    Raises:
        ValueError: a name that is neither among `recipes` nor an untrained predictor; nothing was measured.
    """
    known, names, seeds = {**PREDICTORS, **recipes}, tuple(names), tuple(seeds)
    check_names(names, known)
    for name in names:
        experiment = known[name]
        wanted = (_as_stored(experiment, bench.profile_name), _code(experiment), _data(experiment, bench))
        for seed in seeds if _is_trained(experiment) else (None,):
            path = cell_path(name, bench, seed)
            if path.is_file():
                cell = read_cell(path)
                if (cell["recipe"], cell["code"], cell["data"]) == wanted:
                    continue
            write_json(path, measure(experiment, bench, seed, progress))


def check_names(names: Iterable[str], known: Iterable[str] = (*PREDICTORS, *RECIPES)) -> None:
    """Refuse an experiment that is not known, before an hour of work and not after it."""
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"unknown experiment {unknown[0]!r}: choose among {', '.join(known)}")


def measurable(profile_name: str, names: Iterable[str] = ()) -> list[str]:
    """`names`, or the recipes and untrained predictors that the corpus of a profile has the labels for; of these not `BY_NAME_ONLY`.

    Raises:
        ValueError: a name is unknown, or the corpus lacks what it needs; before an hour of work and not after it.
    """
    names = list(names)
    check_names(names)
    refused = [name for name in names if not has_labels(name, profile_name)]
    if refused:
        raise ValueError(
            f"the profile {profile_name!r} cannot measure {', '.join(refused)}: its corpus has neither dense labels for its "
            "training videos nor a teacher's similarities. Leave it out, or use the profile 'tutorial'"
        )
    usual = [name for name in (*PREDICTORS, *RECIPES) if name not in BY_NAME_ONLY and name not in SWEPT]
    return names or [name for name in usual if has_labels(name, profile_name)]


def has_labels(name: str, profile_name: str) -> bool:
    """Whether the corpus of a profile has what an experiment, known by name, learns from."""
    if profile(profile_name).teachers:
        return True
    predictor = PREDICTORS.get(name)
    if predictor is None:
        return not needs_teachers(RECIPES[name])
    return predictor.name != "teacher" and predictor.generator is None


def _as_stored(experiment: Recipe | Predictor, profile_name: str | None) -> dict[str, Any] | None:
    """What a cell holds of a recipe, of a parser or of a generator, as JSON gives it back."""
    if isinstance(experiment, Recipe):
        return json.loads(json.dumps(recipe_dict(experiment)))
    if experiment.generator is None:
        return None
    return json.loads(json.dumps(named_generator(experiment.generator, profile_name).plain()))


def read_cell(path: Path) -> dict[str, Any]:
    """What a cell holds; ValueError if the file is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{shown(path)} is not a cell ({error}): delete it and run `avvp measure` again") from error


def read_cells(corpus: str) -> list[dict[str, Any]]:
    """All cells of a corpus folder such as "tutorial-studio-1", in the order of the tables."""
    place = {name: index for index, name in enumerate((*PREDICTORS, *RECIPES))}
    paths = sorted((cells_folder() / corpus).glob(CELL_FILES))
    note_folder(cells_folder() / corpus, CELL_FILES)
    for path in paths:
        note_input(path)
    cells = [read_cell(path) for path in paths]
    if not cells:
        raise FileNotFoundError(f"no cells of {corpus} in {shown(cells_folder())}: measure them with `avvp measure`")
    return sorted(cells, key=lambda cell: (place.get(cell["experiment"], len(place)), cell["seed"] or 0))


def is_stale(cell: dict[str, Any]) -> bool:
    """Whether the code or the recipe behind a cell has changed since. Its data takes a bench to check: `fill_cells` does."""
    name, size = cell["experiment"], cell.get("profile") or profile_of(cell["corpus"])
    experiment = recipe(name, size) if name in RECIPES and size is not None else PREDICTORS.get(name)
    if experiment is None:
        return True
    return (cell["recipe"], cell["code"]) != (_as_stored(experiment, size), _code(experiment))


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
