"""Validation trials of segmentation recipes: the same learning rates for each, on corpus seed 0 alone; test clips play no part.

What the trials came to is kept beside the cells, where `tuning.read_trials` reads it and a test holds the recipes to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import write_json
from avvp_lib.segmentation_bench import (
    SegmentationBench,
    prepare_segmentation,
    run_segmentation,
    segmentation_folder,
)
from avvp_lib.segmentation_recipes import ABLATIONS, segmentation_recipe
from avvp_lib.segmentation_training import SELECTION_SCORE
from avvp_lib.tuning import trials_folder

LEARNING_RATES = (5e-4, 1e-3, 2e-3, 4e-3)
TRIAL_SEED = 0


def run_segmentation_trials(
    setting: str, names: Iterable[str] = ABLATIONS, profile_name: str = "tutorial", workers: int | None = None
) -> str:
    """Train each recipe with each learning rate, as far as that is not done; one JSON file a recipe. Returns the bench's name."""
    names = list(names)
    bench = prepare_segmentation(setting, profile_name, workers=workers)  # corpus seed 0: no other may be tuned on
    _ = bench.audio
    tasks = [(setting, name, rate, profile_name) for name in names for rate in LEARNING_RATES]
    run_tasks(_train, tasks, workers, len(tasks), "trials", progress=False)
    for name in names:
        trials = [_trial(bench, name, rate) for rate in LEARNING_RATES]  # each is kept: none is trained again
        write_json(trials_folder(bench.name) / f"{name}.json", {"experiment": name, "trials": trials})
    return bench.name


@lru_cache(maxsize=1)
def _shared_bench(setting: str, profile_name: str) -> SegmentationBench:
    return prepare_segmentation(setting, profile_name, workers=1, progress=False)


def _train(setting: str, name: str, rate: float, profile_name: str) -> int:
    """One trial in a process of its own; what it came to stays in its training's folder."""
    trial = _trial(_shared_bench(setting, profile_name), name, rate)
    print(f"{setting} {name} {rate:g}: {SELECTION_SCORE} {trial['validation']}", flush=True)
    return 1


def _trial(bench: SegmentationBench, name: str, rate: float) -> dict[str, Any]:
    """What a trial came to; one whose loss stops being finite is a trial too, and has no score."""
    known = segmentation_recipe(name, bench.setting, bench.profile_name)
    training = replace(known.training, learning_rate=rate)
    experiment = replace(known, name=f"{name}-rate-{rate:g}", training=training)
    asked = {"learning_rate": rate, "seed": TRIAL_SEED, "epochs": training.epochs}
    folder = segmentation_folder(experiment, bench, TRIAL_SEED)
    try:
        result = run_segmentation(experiment, bench, TRIAL_SEED, folder=folder, progress=False)
    except FloatingPointError as error:
        return {**asked, "best_epoch": None, "validation": None, "diverged": str(error)}
    best = result.history.set_index("epoch").loc[result.best_epoch]
    return {**asked, "best_epoch": result.best_epoch, "validation": round(float(best[SELECTION_SCORE]), 4)}
