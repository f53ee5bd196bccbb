"""Cells and tables of audio-visual segmentation: what each finished experiment measured, and what they say together.

A cell is one JSON file, outputs/cells/avs-<setting>-<profile>-<domain>-<corpus seed>/<recipe>-<seed>.json: scores, scores of
every test clip, the recipe, and fingerprints of the code and data that made it. The table is computed from cells alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avvp_lib.cells import cells_folder, read_cell, read_cells, versions
from avvp_lib.metrics.parsing import bootstrap_interval
from avvp_lib.models import build_model
from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import code_digest, import_closure, json_digest, write_json
from avvp_lib.reports import BOOTSTRAP_SEED, paired_by_seed, step_row
from avvp_lib.segmentation_bench import (
    SegmentationBench,
    prepare_segmentation,
    run_segmentation,
    segmentation_folder,
)
from avvp_lib.segmentation_clips import SegmentationClips
from avvp_lib.segmentation_evaluation import (
    BATCH,
    FRAMES_PER_GROUP,
    SegmentationScores,
    predicted_batches,
    score_batches,
)
from avvp_lib.segmentation_recipes import ABLATIONS, RECIPES, SegmentationRecipe, segmentation_recipe

COLUMNS = ("M_J", "M_F", "illusion", "sounding recall", "illusion at 50", "illusion at 80")
LEVELS = np.linspace(0.02, 0.98, 49)
"""Shares of the training frames in which a pixel has to be foreground to belong to the constant mask: the candidates."""


@dataclass(frozen=True)
class MaskPredictor:
    """Something that predicts without a model being trained.

    Attributes:
        name, title: as of a recipe.
        reads: what it knows of a test clip.
    """

    name: str
    title: str
    reads: str


PREDICTORS = {
    p.name: p
    for p in (
        MaskPredictor("nothing", "nothing", "nothing"),
        MaskPredictor("everything", "everything is foreground", "nothing"),
        MaskPredictor("constant-mask", "the best constant mask", "nothing"),
        MaskPredictor("every-object", "every visible object", "true shapes, not what sounds"),
    )
}


def constant_classes(train: SegmentationClips) -> Tensor:
    """(h, w) uint8: the one mask that fits the labelled training frames best.

    A pixel gets its most frequent foreground class if it is foreground in at least a share of the frames, for each of the shares in
    `LEVELS`; of these masks the one with the best mean IoU of foreground is taken.
    """
    masks = train.masks[train.labelled]
    share = (masks > 0).float().mean(0)
    level = max(LEVELS, key=lambda level: _mean_jaccard(share >= level, masks > 0))
    counts = torch.stack([(masks == k).sum(0) for k in range(1, int(masks.max()) + 1)])
    return ((share >= level) * (counts.argmax(0) + 1)).to(torch.uint8)


def _mean_jaccard(mask: Tensor, masks: Tensor) -> float:
    """Mean over frames of the IoU of one mask with each of (F, h, w) bool masks."""
    both, either = (mask & masks).flatten(1).sum(1), (mask | masks).flatten(1).sum(1)
    return (both / either.clamp(min=1)).mean().item()


def predictor_batches(name: str, bench: SegmentationBench) -> Iterator[tuple[Tensor, SegmentationClips]]:
    """Logits of a predictor for the test clips, batch by batch: +1 where it segments, -1 elsewhere."""
    train, test = bench.data("train"), bench.data("test")
    size = test.masks.shape[-2:]
    frequent = torch.bincount(train.masks[train.masks > 0].flatten().long()).argmax()
    constant = {
        "nothing": torch.zeros(size, dtype=torch.uint8),
        "everything": torch.full(size, int(frequent), dtype=torch.uint8),
        "constant-mask": constant_classes(train),
    }
    for indices in torch.arange(len(test)).split(BATCH):
        batch = test.take(indices)
        if name == "every-object":
            if batch.objects is None:
                raise ValueError(f"{bench.corpus.name} was not rendered: nobody knows its silent objects")
            predicted = torch.where(batch.masks > 0, batch.masks, (batch.objects > 0) * frequent.to(torch.uint8))
        else:
            predicted = constant[name].expand(batch.masks.shape)
        yield _as_logits(predicted, bench.classes), batch


def _as_logits(predicted: Tensor, classes: int) -> Tensor:
    """(B, T, h, w) classes -> (B, T, K, h, w) logits of +1 and -1; K is 1 for two classes."""
    if classes == 2:
        return predicted[:, :, None].float() * 2 - 1
    return torch.nn.functional.one_hot(predicted.long(), classes).movedim(-1, 2).float() * 2 - 1


def _code(experiment: SegmentationRecipe | MaskPredictor) -> str:
    """Fingerprint of the modules that a result depends on; its data has hashes of its own."""
    modules = {"avvp_lib.segmentation_evaluation"}
    if isinstance(experiment, SegmentationRecipe):
        model = build_model("selm", **experiment.widths)
        parts = {type(part).__module__ for part in model.modules()}
        modules |= {"avvp_lib.segmentation_training", *(part for part in parts if part.startswith("avvp_lib."))}
    return code_digest(*import_closure(*modules), whole_packages=False)[:16]


@lru_cache(maxsize=64)
def _code_of(name: str, setting: str, profile_name: str) -> str:
    return _code(_experiment(name, setting, profile_name))


def _experiment(name: str, setting: str, profile_name: str) -> SegmentationRecipe | MaskPredictor:
    return PREDICTORS[name] if name in PREDICTORS else segmentation_recipe(name, setting, profile_name)


def _data(bench: SegmentationBench) -> str:
    return json_digest(bench.identity())[:16]


def _stored(experiment: SegmentationRecipe | MaskPredictor) -> dict[str, Any] | None:
    """What a cell holds of a recipe, as JSON gives it back."""
    return json.loads(json.dumps(experiment.plain())) if isinstance(experiment, SegmentationRecipe) else None


def segmentation_cell(name: str, bench: SegmentationBench, seed: int | None) -> Path:
    """Where the cell of an experiment is kept."""
    suffix = "" if seed is None else f"-{seed}"
    return cells_folder() / bench.name / f"{name}{suffix}.json"


def measure_segmentation(
    name: str, bench: SegmentationBench, seed: int | None, progress: bool = True
) -> dict[str, Any]:
    """Train (or just ask) an experiment, score it on the test split, and return the cell."""
    start = time.perf_counter()
    experiment = _experiment(name, bench.setting, bench.profile_name)
    training: dict[str, Any] = {}
    if isinstance(experiment, SegmentationRecipe):
        folder = segmentation_folder(experiment, bench, seed)
        result = run_segmentation(experiment, bench, seed, folder=folder, progress=progress)
        found = score_batches(predicted_batches(result.model, bench.data("test")))
        parameters = sum(p.numel() for p in result.model.parameters())
        training = {"best_epoch": result.best_epoch, "parameters": parameters}
    else:
        found = score_batches(predictor_batches(name, bench))
    return {
        "experiment": name,
        "title": experiment.title,
        "corpus": bench.corpus.name,
        "setting": bench.setting,
        "seed": seed,
        "test_clips": len(bench.corpus.splits["test"]),
        "frames_per_group": FRAMES_PER_GROUP,
        "grid": bench.profile.mask_size,
        "scores": {key: round(value, 4) for key, value in found.scores.items()},
        **training,
        "recipe": _stored(experiment),
        "profile": bench.profile_name,
        "code": _code_of(name, bench.setting, bench.profile_name),
        "data": _data(bench),
        "versions": versions(),
        "seconds": round(time.perf_counter() - start, 1),
        "per_clip": _rounded(found),
    }


def _rounded(found: SegmentationScores) -> dict[str, list[float | None]]:
    """Scores of clips for JSON, which has no NaN."""
    return {
        name: [None if np.isnan(value) else round(float(value), 2) for value in values]
        for name, values in found.per_clip.items()
        if name in ("M_J", "illusion", "sounding recall")
    }


def _work(arguments: dict[str, Any], name: str, seed: int | None) -> int:
    """One cell, in a process of its own: measured if it is missing or stale."""
    bench = _shared_bench(json.dumps(arguments))
    experiment, path = _experiment(name, bench.setting, bench.profile_name), segmentation_cell(name, bench, seed)
    if path.is_file():
        cell = read_cell(path)
        wanted = (_stored(experiment), _code_of(name, bench.setting, bench.profile_name), _data(bench))
        if (cell["recipe"], cell["code"], cell["data"]) == wanted:
            return 1
    cell = measure_segmentation(name, bench, seed, progress=False)
    write_json(path, cell)
    scores = ", ".join(f"{key} {cell['scores'][key]:.1f}" for key in COLUMNS if key in cell["scores"])
    print(f"{bench.name} {path.stem}: {scores} ({cell['seconds']:.0f} s)", flush=True)
    return 1


@lru_cache(maxsize=1)
def _shared_bench(arguments: str) -> SegmentationBench:
    """The bench, made once a process."""
    return prepare_segmentation(**json.loads(arguments), workers=1, progress=False)


def fill_segmentation_cells(
    setting: str,
    names: Iterable[str],
    seeds: Iterable[int],
    profile_name: str = "tutorial",
    corpus_seed: int = 0,
    domain: str = "studio",
    root: Path | None = None,
    vggish: Path | None = None,
    encoder: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> str:
    """Measure the experiments whose cells are missing or stale, several at a time; finished cells and trainings are kept.

    Args:
        names: recipes and predictors; the predictors, SelM and its three ablations if there are none.
        seeds: of the trainings.
        workers: processes, each with one thread; all cores by default.
        others: see `prepare_segmentation`.

    Returns:
        The name of the folder of cells.

    Raises:
        ValueError: a name that is neither a recipe nor a predictor; nothing was measured.
    """
    bench = prepare_segmentation(setting, profile_name, corpus_seed, domain, root, vggish, encoder, workers, progress)
    rendered = bench.profile.corpus == "synthetic-avs"
    names = list(names) or [name for name in (*PREDICTORS, *ABLATIONS) if rendered or name != "every-object"]
    unknown = [name for name in names if name not in PREDICTORS and name not in RECIPES]
    if unknown:
        raise ValueError(f"unknown experiment {unknown[0]!r}: choose among {', '.join((*PREDICTORS, *RECIPES))}")
    _ = bench.audio  # extracted once, before the processes ask for it
    arguments = {
        "setting": setting,
        "profile_name": profile_name,
        "corpus_seed": corpus_seed,
        "domain": domain,
        "root": None if root is None else str(root),
        "vggish": None if vggish is None else str(vggish),
        "encoder": None if encoder is None else str(encoder),
    }
    seeds = tuple(seeds)
    tasks = [(arguments, name, seed) for name in names for seed in (seeds if name in RECIPES else (None,))]
    run_tasks(_work, tasks, workers, len(tasks), "cells", progress=False)
    return bench.name


def read_segmentation_cells(corpus: str) -> list[dict[str, Any]]:
    """All cells of a folder such as "avs-s4-tutorial-studio-1", in the order of the tables; FileNotFoundError if there are none."""
    place = {name: index for index, name in enumerate((*PREDICTORS, *RECIPES))}
    return sorted(read_cells(corpus), key=lambda cell: (place.get(cell["experiment"], len(place)), cell["seed"] or 0))


def is_stale(cell: dict[str, Any]) -> bool:
    """Whether the code or the recipe behind a cell has changed since."""
    name = cell["experiment"]
    if name not in PREDICTORS and name not in RECIPES:
        return True
    experiment = _experiment(name, cell["setting"], cell["profile"])
    return (cell["recipe"], cell["code"]) != (
        _stored(experiment),
        _code_of(name, cell["setting"], cell["profile"]),
    )


def segmentation_table(cells: list[dict[str, Any]]) -> pd.DataFrame:
    """One row an experiment: means over training seeds in percent, and the 95 % interval of M_J over clips and seeds.

    The interval is left out in AVSS, whose M_J is a mean over classes and not over clips.
    """
    rows = []
    for name in dict.fromkeys(cell["experiment"] for cell in cells):
        mine = [cell for cell in cells if cell["experiment"] == name]
        row = {
            "experiment": mine[0]["title"] + (" (stale)" if any(map(is_stale, mine)) else ""),
            "reads": PREDICTORS[name].reads if name in PREDICTORS else _reads(mine[0]["recipe"]),
            "seeds": len(mine) if mine[0]["seed"] is not None else 0,
        }
        row |= {key: float(np.mean([cell["scores"].get(key, np.nan) for cell in mine])) for key in COLUMNS}
        if "M_J" in mine[0]["per_clip"]:
            interval = bootstrap_interval(clip_scores(mine), seed=BOOTSTRAP_SEED)
            row["M_J interval"] = f"{interval.low:.1f} ... {interval.high:.1f}"
        rows.append(row)
    return pd.DataFrame(rows).set_index("experiment")


def clip_scores(cells: list[dict[str, Any]], score: str = "M_J") -> np.ndarray:
    """(seeds, clips) scores of the cells of one experiment; NaN where a clip has nothing to count.

    Raises:
        ValueError: the cells have no such score for each clip, as M_F, which chooses a threshold for several; lists what they have.
    """
    for cell in cells:
        if score not in cell["per_clip"]:
            known = ", ".join(cell["per_clip"])
            raise ValueError(f"{cell['experiment']}: no {score!r} of single clips is kept, only {known}")
    return np.array([[np.nan if value is None else value for value in cell["per_clip"][score]] for cell in cells])


def _reads(recipe: dict[str, Any]) -> str:
    return "pictures" if recipe["widths"].get("hearing") == "none" else "pictures, sound"


def compare_segmentation(
    cells: list[dict[str, Any]], pairs: Iterable[tuple[str, str]], score: str = "M_J"
) -> pd.DataFrame:
    """The difference of each pair, second minus first, with its 95 % interval over clips and training seeds, paired by seed.

    The order is a claim, "the second has more of it": it agrees if the interval lies above zero, disagrees if below, else it is undecided.
    Clips that have nothing to count (no silent object) are left out.
    """
    rows = []
    for lower, higher in pairs:
        runs = [{cell["seed"]: cell for cell in cells if cell["experiment"] == name} for name in (lower, higher)]
        if not all(runs):
            raise ValueError(f"{lower!r} or {higher!r} has no cells: measure them with `avvp measure --setting ...`")
        below, above = paired_by_seed(lower, higher, *runs)
        difference = clip_scores(above, score) - clip_scores(below, score)
        interval = bootstrap_interval(difference[:, ~np.isnan(difference).any(0)], seed=BOOTSTRAP_SEED)
        rows.append(step_row(lower, higher, score, interval))
    return pd.DataFrame(rows)
