"""Cells: what each finished experiment measured.

A cell is one JSON file: one recipe, one corpus, one training seed, its scores, the scores of every test video, and the fingerprints of the
code and data that made it. `reports` computes tables and intervals from cells alone, so they can be printed where nothing was trained.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning_fabric
import numpy as np
import torch
from torch import nn

import avvp_lib
from avvp_lib.generator_bench import SWEPT, named_generator, source_of
from avvp_lib.metrics.parsing import binarise, per_video_scores
from avvp_lib.metrics.ranking import mean_average_precision, ranking_scores
from avvp_lib.predictors import PREDICTORS, Predictor, predictor_grids
from avvp_lib.provenance import code_digest, import_closure, json_digest, write_json
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

CELL_FILES = "[!.]*.json"
"""The files that are cells; one with a dot is what a killed run was writing."""
MODALITY_SCORES = ("segment/A", "segment/V", "segment/AV")


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
