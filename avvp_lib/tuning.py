"""Validation trials: which learning rate a recipe gets. Every method has the same number of them, on corpus seed 0 alone.

A comparison of methods is fair if each was tuned as much as the others. So every recipe in `TUNED` is trained once with each of
`LEARNING_RATES` on the corpus that everything is tuned on, and the rate with the best validation score is written into the recipe.
Test videos play no part. The trials are kept beside the cells, where a test compares them with the recipes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from avvp_lib.cells import CELL_FILES, cells_folder, check_names
from avvp_lib.provenance import write_json
from avvp_lib.recipes import RECIPES, Bench, Recipe, recipe, run, training_folder
from avvp_lib.records import note_folder, note_input
from avvp_lib.training import SELECTION_SCORE

LEARNING_RATES = (5e-4, 1e-3, 2e-3, 4e-3)
TRIAL_SEED = 0
TUNED = (
    *(f"{model}-zero-shot" for model in ("han", "mgn", "jomold", "valor", "mm-cse", "mug", "ear")),
    "mug-without-text",
    "mug-combined-1",
)
"""The recipes of the family: networks under the same pseudo-labels; and MUG as its paper has it, with videos that are generated."""


def trials_folder(corpus: str) -> Path:
    """outputs/cells/trials/<corpus> of the workspace."""
    return cells_folder() / "trials" / corpus


def run_trials(
    bench: Bench, names: Iterable[str] = TUNED, profile_name: str = "tutorial", progress: bool = True
) -> None:
    """Train each recipe with each learning rate, as far as that is not done; one small JSON file a recipe.

    Raises:
        ValueError: a name that is no recipe of `TUNED`; nothing was trained.
    """
    names = list(names)
    check_names(names, TUNED)
    for name in names:
        experiment = recipe(name, profile_name)
        trials = [_trial(_with_rate(experiment, rate), bench, progress) for rate in LEARNING_RATES]
        write_json(trials_folder(bench.name) / f"{name}.json", {"experiment": name, "trials": trials})


def _with_rate(experiment: Recipe, rate: float) -> Recipe:
    """The recipe with another learning rate; it has another name, so that its training has a folder of its own."""
    training = replace(experiment.training, learning_rate=rate)
    return replace(experiment, name=f"{experiment.name}-rate-{rate:g}", training=training)


def _trial(experiment: Recipe, bench: Bench, progress: bool) -> dict[str, Any]:
    """What a trial came to; one whose loss stops being finite is a trial too, and has no score."""
    asked = {
        "learning_rate": experiment.training.learning_rate,
        "seed": TRIAL_SEED,
        "epochs": experiment.training.epochs,
    }
    folder = training_folder(experiment, bench, TRIAL_SEED)
    try:
        result = run(experiment, bench, TRIAL_SEED, folder=folder, progress=progress)
    except FloatingPointError as error:
        return {**asked, "best_epoch": None, "validation": None, "diverged": str(error)}
    best = result.history.set_index("epoch").loc[result.best_epoch]
    return {**asked, "best_epoch": result.best_epoch, "validation": round(float(best[SELECTION_SCORE]), 4)}


def read_trials(corpus: str) -> pd.DataFrame:
    """The validation scores of all trials: a row a recipe, a column a learning rate, and "chosen", the best of them. A trial
    that diverged has no score.

    Raises:
        FileNotFoundError: there are none.
    """
    folder = trials_folder(corpus)
    note_folder(folder, CELL_FILES)
    paths = sorted(folder.glob(CELL_FILES))
    if not paths:
        raise FileNotFoundError(f"no trials of {corpus}: run them with `avvp tune`")
    rows = {}
    for path in paths:
        note_input(path)
        kept = json.loads(path.read_text(encoding="utf-8"))
        scores = {trial["learning_rate"]: trial["validation"] for trial in kept["trials"]}
        finished = {rate: score for rate, score in scores.items() if score is not None}
        rows[kept["experiment"]] = {**scores, "chosen": max(finished, key=finished.get)}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")
    return table.loc[sorted(rows, key=lambda name: list(RECIPES).index(name) if name in RECIPES else len(RECIPES))]
