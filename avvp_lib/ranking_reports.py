"""Average precision in cells: added to those that have none from the trainings that are kept, and shown as a table.

    report = add_ranking(bench)                                  # trains nothing
    print(markdown(ranking_table(read_cells("tutorial-studio-1"))))

`cells.measure` gives every new cell of a trained parser its ranking. Cells from before get it here: the weights are read from
outputs/trainings, and must earn the very scores that the cell holds, video by video. Nothing else of the cell changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from avvp_lib.cells import cells_folder, check_names, is_stale, read_cell, scored_fields
from avvp_lib.fit_state import STATE, TrainingFolder, model_digest
from avvp_lib.locks import exclusive
from avvp_lib.metrics.ranking import RANKED
from avvp_lib.predictors import PREDICTORS
from avvp_lib.provenance import write_json
from avvp_lib.recipes import RECIPES, Bench, Recipe, profile_of, recipe, training_folder, untrained_model
from avvp_lib.workspace import shown

MEANS = tuple(f"mAP/{modality}" for modality in RANKED)


@dataclass(frozen=True)
class RankingReport:
    """What a call of `add_ranking` came to, cells by name ("han-0").

    Attributes:
        added: cells that have a ranking now.
        there: cells that had one before.
        left: cells that were left alone, and why.
    """

    added: tuple[str, ...]
    there: tuple[str, ...]
    left: dict[str, str]

    def __str__(self) -> str:
        """How many of each, and a line for every cell that was left alone."""
        counts = (
            f"{len(self.added)} cells have a ranking now, {len(self.there)} had one, {len(self.left)} were left alone"
        )
        return "\n".join([counts, *(f"  {name}: {reason}" for name, reason in self.left.items())])


class _Kept:
    """Takes what `TrainingFolder.go_on` finds, instead of a training that would go on with it."""

    content: dict[str, Any] | None = None

    def restore(self, kept: dict[str, Any]) -> None:
        """Remember it."""
        self.content = kept


def add_ranking(bench: Bench, names: Iterable[str] = ()) -> RankingReport:
    """Give the cells of a corpus that lack it the average precision of their kept trainings. Nothing is trained.

    A cell is left alone, and named, if it is stale, if its training is not there or not finished, or if the kept weights do not
    earn the scores that it holds. Untrained predictors decide and give no probabilities: they have no ranking.

    Args:
        bench: the corpus and its features, in the profile that the cells were measured in.
        names: experiments; all trained parsers by default.

    Raises:
        ValueError: a name that is no experiment; nothing was changed.
    """
    names = set(names)
    check_names(names, (*PREDICTORS, *RECIPES))
    added, there, left = [], [], {}
    for path in sorted((cells_folder() / bench.name).glob("*.json")):
        cell = read_cell(path)
        if cell["seed"] is None or cell["experiment"] in PREDICTORS or (names and cell["experiment"] not in names):
            continue
        if "average_precision" in cell:
            there.append(path.stem)
            continue
        try:
            write_json(path, {**cell, **_ranking_of(cell, bench)})
            added.append(path.stem)
        except _LeftAlone as reason:
            left[path.stem] = str(reason)
    return RankingReport(tuple(added), tuple(there), left)


class _LeftAlone(Exception):
    """Why a cell gets no ranking."""


def _ranking_of(cell: dict[str, Any], bench: Bench) -> dict[str, Any]:
    """ "ranking" and "average_precision" of a cell's kept weights."""
    if is_stale(cell):
        raise _LeftAlone("stale: measure it again, and it will have one")
    experiment = recipe(cell["experiment"], cell.get("profile") or profile_of(cell["corpus"]))
    model = _kept_model(experiment, bench, cell)
    scores, ranking = scored_fields(model, experiment, bench)
    if any(cell[field] != json.loads(json.dumps(values)) for field, values in scores.items()):
        raise _LeftAlone("the weights that are kept earn other scores than it holds: measure it again")
    return ranking


def _kept_model(experiment: Recipe, bench: Bench, cell: dict[str, Any]) -> nn.Module:
    """The model of a finished training, with the weights of its best epoch."""
    folder = training_folder(experiment, bench, cell["seed"])
    if not (folder / STATE).is_file():
        raise _LeftAlone(f"there is no training in {shown(folder)}")
    data = bench.data("test", text=experiment.test_text)
    model = untrained_model(experiment.model, data, bench, experiment.widths, cell["seed"])
    kept = _Kept()
    with exclusive(folder):
        TrainingFolder(folder, {"seed": str(cell["seed"]), "model": model_digest(model)}).go_on(kept)
    if kept.content is None:
        raise _LeftAlone(f"the training in {shown(folder)} is damaged or another one")
    if "model" in kept.content:  # what only a training has that goes on
        raise _LeftAlone(f"the training in {shown(folder)} is not finished")
    if kept.content["best_epoch"] != cell["best_epoch"]:
        raise _LeftAlone(f"the training in {shown(folder)} has another best epoch than it")
    model.load_state_dict(kept.content["best_state"])
    return model.eval()


def ranking_table(cells: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row an experiment that has rankings: mean average precision over classes, then over training seeds, in percent.

    Returns:
        Columns cells ("3 of 5": how many of its cells have a ranking), seeds (which), `MEANS`, "audio-visual seeds" (the lowest and
        the highest over them; there is no interval over videos, for cells keep no ranking of single ones), and "segment/Type", the
        F-score of decisions of the same cells, for comparison. The index holds titles; those with stale cells say so.

    Raises:
        ValueError: none of the cells has a ranking.
    """
    mine: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        mine.setdefault(cell["experiment"], []).append(cell)
    rows = [_row(of_one) for of_one in mine.values() if any("ranking" in cell for cell in of_one)]
    if not rows:
        raise ValueError(
            "no cell has a ranking yet: `avvp measure --add-ranking` adds it from the trainings that are kept"
        )
    return pd.DataFrame(rows).set_index("experiment")


def _row(cells: list[dict[str, Any]]) -> dict[str, Any]:
    ranked = [cell for cell in cells if "ranking" in cell]
    values = {name: np.array([cell["ranking"][name] for cell in ranked], float) for name in MEANS}
    together = values[MEANS[-1]]
    return {
        "experiment": ranked[0]["title"] + (" (stale)" if any(map(is_stale, ranked)) else ""),
        "cells": f"{len(ranked)} of {len(cells)}",
        "seeds": ", ".join(str(cell["seed"]) for cell in ranked),
        **{name: float(of_seeds.mean()) for name, of_seeds in values.items()},
        "audio-visual seeds": f"{together.min():.1f} ... {together.max():.1f}",
        "segment/Type": float(np.mean([cell["scores"]["segment/Type"] for cell in ranked])),
    }
