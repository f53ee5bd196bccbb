"""Measuring what stands in the papers' tables: the missing cells of any tables, several at a time, on one corpus.

    place = Place.of("tutorial", "studio-1")
    failures = fill_tables(["mug/2", "ear/IV"], place, seeds=3)

Cells are those of `avvp measure`, so nothing is measured twice, and an interrupted run has lost only the cells in flight; of these, all
finished epochs are kept. An experiment that fails is written down, and the others go on.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from avvp_lib.cells import fill_cells, has_labels
from avvp_lib.corpora.synthetic import DOMAINS
from avvp_lib.generator_bench import GENERATED, HARD, prepare_source
from avvp_lib.parallel import run_tasks
from avvp_lib.predictors import PREDICTORS
from avvp_lib.profiles import profile
from avvp_lib.provenance import write_json
from avvp_lib.published import table_name
from avvp_lib.recipes import RECIPES, Bench, prepare, recipe
from avvp_lib.segmentation_recipes import segmentation_profile
from avvp_lib.segmentation_reports import fill_segmentation_cells
from avvp_lib.table_rows import TABLES, Row, Table
from avvp_lib.workspace import workspace

SEEDS = 3
REAL = "real"
SEGMENTATION_PROFILES = {"paper": "paper-pvt", "paper-clip": "paper-pvt"}
"""By profile of parsing: the one of segmentation, where it has another name."""


@dataclass(frozen=True)
class Place:
    """Where tables are measured: a profile, and one of its corpora.

    Attributes:
        profile: of parsing, by name; segmentation has one that belongs to it.
        domain, corpus_seed: of a rendered corpus; the real one has neither.
        vggish, encoder: weights, for segmentation at the published sizes.
    """

    profile: str = "tutorial"
    domain: str = "studio"
    corpus_seed: int = 1
    vggish: str | None = None
    encoder: str | None = None

    @classmethod
    def of(
        cls, profile_name: str, corpus: str | None = None, vggish: str | None = None, encoder: str | None = None
    ) -> Place:
        """From names: a corpus is "<domain>-<seed>", such as "studio-1", or "real"; by default the one that results are reported on.

        Raises:
            ValueError: there is no such profile or corpus; says which there are.
        """
        rendered = profile(profile_name).corpus == "synthetic-llp"
        corpus = corpus or ("studio-1" if rendered else REAL)
        domain, _, seed = corpus.rpartition("-")
        if rendered and domain in DOMAINS and seed.isdecimal():
            return cls(profile_name, domain, int(seed))
        if not rendered and corpus == REAL:
            return cls(profile_name, "studio", 0, vggish, encoder)
        choices = f"<domain>-<seed> with a domain among {', '.join(DOMAINS)}, such as studio-1" if rendered else REAL
        raise ValueError(f"unknown corpus {corpus!r} of the profile {profile_name!r}: choose {choices}")

    @property
    def segmentation_profile(self) -> str:
        """The profile of segmentation."""
        return SEGMENTATION_PROFILES.get(self.profile, self.profile)

    def cells(self, setting: str | None = None) -> str:
        """The folder of cells, of parsing or of a setting of segmentation; as the benches call themselves."""
        if setting is None:
            size = profile(self.profile)
            rendered, name = size.corpus == "synthetic-llp", "-".join(filter(None, (size.corpus, size.variant)))
        else:
            size = segmentation_profile(self.segmentation_profile)
            rendered, name = size.corpus == "synthetic-avs", f"avs-{setting}-{self.segmentation_profile}"
        if not rendered:
            return name
        prefix = "" if setting is None else f"avs-{setting}-"
        return f"{prefix}{self.profile}-{self.domain}-{self.corpus_seed}"


@dataclass(frozen=True)
class Task:
    """One cell to measure: an experiment with a training seed, of parsing or of a setting of segmentation."""

    experiment: str
    seed: int
    setting: str | None = None


def find_tables(names: Iterable[str]) -> list[Table]:
    """Tables by name, in the order of the papers; "all" is all of them, and "mug" those of a paper.

    Raises:
        ValueError: an unknown name; says which there are.
    """
    wanted: set[str] = set()
    for name in names:
        of_paper = [known for known in TABLES if name == "all" or known.startswith(f"{name.lower()}/")]
        wanted.update(of_paper or [table_name(name)])
    return [table for name, table in TABLES.items() if name in wanted]


def selected_rows(table: Table, labels: Iterable[str]) -> tuple[Row, ...]:
    """The rows with these labels, and what they are compared with; all rows if there are none.

    Raises:
        ValueError: the table has no such row; names those that it has.
    """
    labels, known = set(labels), {row.label: row for row in table.rows}
    for label in labels:
        if label not in known:
            raise ValueError(f"{table.name} has no row {label!r}: choose among {', '.join(known)}")
    needed = labels | {known[label].against or table.reference for label in labels}
    return tuple(row for row in table.rows if not labels or row.label in needed)


def tasks_of(tables: Iterable[Table], place: Place, seeds: int, labels: Iterable[str] = ()) -> list[Task]:
    """The cells of some tables, each once; what nothing is trained for has one cell, with the first seed.

    Experiments that the profile's corpus has no labels for are left out.
    """
    tasks: dict[Task, None] = {}
    labels = tuple(labels)
    for table in tables:
        for row in selected_rows(table, labels):
            if row.experiment is None or (not table.settings and not has_labels(row.experiment, place.profile)):
                continue
            of_row = range(seeds if _is_trained(row.experiment) else 1)
            tasks.update(
                (Task(row.experiment, seed, setting), None) for setting in table.settings or (None,) for seed in of_row
            )
    return list(tasks)


def _is_trained(name: str) -> bool:
    predictor = PREDICTORS.get(name)
    return predictor is None or predictor.generator is not None


@lru_cache(maxsize=1)
def _bench(place: Place) -> Bench:
    """The bench of parsing, made once a process."""
    return prepare(place.profile, place.corpus_seed, place.domain, workers=1, progress=False)


def measure_task(task: Task, place: Place) -> None:
    """Measure a cell, if it is missing or stale."""
    if task.setting is not None:
        weights = {name: path for name in ("vggish", "encoder") if (path := getattr(place, name)) is not None}
        fill_segmentation_cells(
            task.setting, [task.experiment], [task.seed], place.segmentation_profile, place.corpus_seed, place.domain,
            workers=1, progress=False, **weights,
        )  # fmt: skip
        return
    recipes = {task.experiment: recipe(task.experiment, place.profile)} if task.experiment in RECIPES else {}
    fill_cells(_bench(place), [task.experiment], [task.seed], recipes, progress=False)


def failures_folder() -> Path:
    """outputs/tables/failures of the workspace: a JSON file for each cell that could not be measured."""
    return workspace() / "outputs" / "tables" / "failures"


def kept_failures(cells: str) -> list[dict[str, str | int]]:
    """What failed when it was last tried, of one folder of cells: cells, experiment, seed, reason, traceback."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(failures_folder().glob(f"{cells}-*.json"))]
    return [failure for failure in found if failure["cells"] == cells]


def _failure(task: Task, place: Place) -> Path:
    return failures_folder() / f"{place.cells(task.setting)}-{task.experiment}-{task.seed}.json"


def _attempt(task: Task, place: Place, position: str) -> int:
    """Measure a cell, or write down why it cannot be."""
    path = _failure(task, place)
    try:
        measure_task(task, place)
    except Exception as error:  # whatever it is, the other cells do not depend on it
        write_json(path, {"cells": place.cells(task.setting), "experiment": task.experiment, "seed": task.seed,
                          "reason": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})  # fmt: skip
        print(f"{position} {task.experiment}, seed {task.seed}: failed, {error}", flush=True)
        return 1
    path.unlink(missing_ok=True)
    print(f"{position} {place.cells(task.setting)} {task.experiment}, seed {task.seed}", flush=True)
    return 1


def planned_tasks(
    names: Iterable[str], place: Place, seeds: int = SEEDS, labels: Iterable[str] = (), shard: tuple[int, int] = (1, 1)
) -> list[Task]:
    """What `fill_tables` measures with the same arguments.

    Raises:
        ValueError: an unknown table or row, rows of more than one table, no seed, or a shard that is none.
    """
    tables = find_tables(names)
    labels = tuple(labels)
    if labels and len(tables) != 1:
        raise ValueError(f"rows belong to one table, not to {len(tables)}: {', '.join(table.name for table in tables)}")
    if seeds < 1:
        raise ValueError(f"{seeds} training seeds measure nothing: choose at least 1")
    part, parts = shard
    if not 1 <= part <= parts:
        raise ValueError(f"shard {part}/{parts} is none: choose 1/{parts} to {parts}/{parts}")
    return tasks_of(tables, place, seeds, labels)[part - 1 :: parts]


def fill_tables(
    names: Iterable[str],
    place: Place,
    seeds: int = SEEDS,
    labels: Iterable[str] = (),
    workers: int | None = None,
    shard: tuple[int, int] = (1, 1),
) -> list[dict[str, str | int]]:
    """Measure the cells of tables that are missing or stale.

    Args:
        names: of tables, see `find_tables`.
        place: the profile and the corpus.
        seeds: training seeds, 0 to `seeds` - 1.
        labels: of rows, of one table; all rows by default.
        workers: processes with one thread each; all cores by default.
        shard: (i, n): the i-th of n parts of the cells, counted from 1, for as many jobs of a cluster.

    Returns:
        What failed: cells, experiment, seed and reason of each, as in `failures_folder`.

    Raises:
        ValueError: see `planned_tasks`; nothing was measured.
    """
    tasks = planned_tasks(names, place, seeds, labels, shard)
    _prepare(tasks, place, workers)
    work = [(task, place, f"[{i}/{len(tasks)}]") for i, task in enumerate(tasks, start=1)]
    run_tasks(_attempt, work, workers, len(work), "cells", progress=False)
    kept = (_failure(task, place) for task in tasks)
    return [json.loads(path.read_text(encoding="utf-8")) for path in kept if path.is_file()]


def prepare_tables(names: Iterable[str], place: Place, labels: Iterable[str] = (), workers: int | None = None) -> None:
    """Render and extract what the cells of tables need, once for all who then measure parts of them.

    Raises:
        ValueError: see `planned_tasks`; nothing was rendered.
    """
    _prepare(planned_tasks(names, place, labels=labels), place, workers)


def _prepare(tasks: list[Task], place: Place, workers: int | None) -> None:
    """Render and extract what is not there yet, with all workers, before each of them asks for it."""
    parsing = [task.experiment for task in tasks if task.setting is None]
    if parsing:
        prepare(place.profile, place.corpus_seed, place.domain, workers=workers)
    if any(map(_learns_from_source, parsing)):
        prepare_source(place.profile, place.corpus_seed, place.domain, workers=workers)
    from avvp_lib.segmentation_bench import prepare_segmentation  # only who segments renders its corpora

    for setting in dict.fromkeys(task.setting for task in tasks if task.setting is not None):
        bench = prepare_segmentation(
            setting, place.segmentation_profile, place.corpus_seed, place.domain,
            vggish=place.vggish, encoder=place.encoder, workers=workers,
        )  # fmt: skip
        _ = bench.audio


def _learns_from_source(name: str) -> bool:
    """Whether a generator of pseudo-labels is behind an experiment: it is trained on a corpus of its own."""
    if name in PREDICTORS:
        return PREDICTORS[name].generator is not None
    return RECIPES[name].supervision in {*GENERATED, *HARD}
