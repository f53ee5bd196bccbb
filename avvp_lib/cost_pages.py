"""The page of costs: measured steps that are kept, tables of all recipes, and docs/costs.md between its markers.

measure_missing()                         # fills benchmarks/results/step_costs.json, a step of each network once
write_costs(Path("docs/costs.md"))        # `avvp costs --write docs/costs.md` does both
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from avvp_lib.cost import MaskStep, Step, StepCost, mask_step, measure_parser, measure_segmenter, steps_of
from avvp_lib.cost_estimates import (
    LAUNCH,
    LLP_SPLITS,
    SUSTAINED,
    TrainingCost,
    folder_bytes,
    host_bytes,
    parser_cost,
    segmenter_cost,
)
from avvp_lib.features.published import PUBLISHED
from avvp_lib.models import known_as, model_class
from avvp_lib.objectives import factory_of
from avvp_lib.profiles import profile
from avvp_lib.provenance import atomic_path, code_digest, import_closure, write_json
from avvp_lib.published import published_table
from avvp_lib.recipes import RECIPES, recipe
from avvp_lib.segmentation_recipes import segmentation_profile, segmentation_recipe
from avvp_lib.table_rows import TABLES
from avvp_lib.workspace import shown, workspace

COSTS_MARKERS = ("<!-- costs -->", "<!-- /costs -->")
PROFILE = "paper"
MASK_RECIPE, MASK_PROFILES, MASK_SETTINGS = "selm", ("paper-r50", "paper-pvt"), ("s4", "ms3", "avss")
MEASURED_EPOCHS = {
    "valor-zero-shot": (78, "VGGish and ResNet"),
    "han-zero-shot": (63, "VGGish and ResNet"),
    "jomold-zero-shot": (57, "CLAP and CLIP, the second stage"),
    "ear-zero-shot": (139, "CLAP and CLIP"),
    "mug-zero-shot": (109, "CLAP and CLIP"),
    "mgn-zero-shot": (165, "CLAP and CLIP"),
    "mm-cse-zero-shot": (793, "CLAP and CLIP"),
}
"""By recipe: seconds of one thread for an epoch of 10,000 videos, and of which features; from docs/benchmarks.md."""
TERA, GIBI, MEBI, GIGA = 1e12, 2**30, 2**20, 1e9


def steps_file() -> Path:
    """benchmarks/results/step_costs.json of the workspace: measured steps by key."""
    return workspace() / "benchmarks" / "results" / "step_costs.json"


def wanted_steps() -> dict[str, Step | MaskStep]:
    """Every step that the page needs, each once, by key."""
    parsers = (step for name in RECIPES for step in steps_of(recipe(name, PROFILE), profile(PROFILE)))
    segmenters = (mask_step(*_mask_experiment(size, setting)) for size in MASK_PROFILES for setting in MASK_SETTINGS)
    return {step.key: step for step in (*parsers, *segmenters)}


def _mask_experiment(size: str, setting: str) -> tuple[Any, str, Any]:
    return segmentation_recipe(MASK_RECIPE, setting, size), setting, segmentation_profile(size)


def read_steps() -> dict[str, dict[str, Any]]:
    """What was measured: a `StepCost` as plain data with the fingerprint of its code, by key; {} if nothing was."""
    file = steps_file()
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def measure_missing(tell: Callable[[str], None] = print) -> int:
    """Measure the steps that were not measured yet or whose model or loss has changed since, and keep each when it is done.

    Steps that nothing needs any more are dropped.

    Returns:
        How many were measured.
    """
    wanted, number = wanted_steps(), 0
    for key, step in wanted.items():
        kept = read_steps()
        code = _code(step)
        if kept.get(key, {}).get("code") == code:
            continue
        tell(f"measuring a step of {key}")
        cost = measure_parser(step) if isinstance(step, Step) else measure_segmenter(step)
        kept[key] = {**asdict(cost), "code": code}
        write_json(steps_file(), {name: kept[name] for name in wanted if name in kept})
        number += 1
    return number


def _code(step: Step | MaskStep) -> str:
    """Fingerprint of what a step's cost follows from."""
    if isinstance(step, Step):
        modules = [known_as(model_class(step.model)).partition(":")[0], factory_of(step.loss).__module__]
    else:
        modules = ["avvp_lib.models.selm", "avvp_lib.losses.segmentation"]
    return code_digest("avvp_lib.cost", *import_closure(*modules), whole_packages=False)[:16]


def _known(keys: Iterable[str]) -> tuple[StepCost, ...]:
    kept = read_steps()
    absent = [key for key in keys if key not in kept]
    if absent:
        raise ValueError(f"no step of {absent[0]} was measured: run `avvp costs --write docs/costs.md`")
    return tuple(StepCost(**{name: value for name, value in kept[key].items() if name != "code"}) for key in keys)


def parser_costs() -> list[TrainingCost]:
    """The cost of every recipe at the profile "paper".

    Raises:
        ValueError: a step was not measured.
    """
    size = profile(PROFILE)
    experiments = [recipe(name, PROFILE) for name in RECIPES]
    return [parser_cost(made, size, _known([step.key for step in steps_of(made, size)])) for made in experiments]


def segmenter_costs(size: str) -> list[TrainingCost]:
    """The cost of SelM in every setting, at a profile of segmentation; ValueError as `parser_costs`."""
    made = [_mask_experiment(size, setting) for setting in MASK_SETTINGS]
    return [segmenter_cost(*one, *_known([mask_step(*one).key])) for one in made]


# --- text ----------------------------------------------------------------------------------------------------------------


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _parser_row(cost: TrainingCost) -> list[str]:
    own = cost.own
    epoch = MEASURED_EPOCHS.get(cost.name)
    return [
        f"`{cost.name}`" + ("*" if cost.note else ""),
        f"{own.parameters / 1e6:.2f}",
        " + ".join(f"{step.flops / GIGA:.1f}" for step in cost.steps),
        str(cost.batch),
        f"{cost.examples:,}",
        str(cost.epochs),
        f"{cost.flops / TERA / 1000:.2g}",
        f"{own.activation_bytes / MEBI:,.0f}",
        f"{cost.device_bytes / GIBI:.1f}",
        f"{cost.hours:.2g}" + (" (issuing)" if cost.held_up else ""),
        "" if epoch is None else f"{epoch[0] * cost.epochs / 3600:.1f}",
    ]


PARSER_COLUMNS = (
    "recipe", "parameters, million (measured)", "GFLOP a step (measured)", "batch", "examples an epoch", "epochs",
    "PFLOP in all (from these)", "activations, MiB (measured)", "GPU memory, GiB (estimated)", "GPU hours (estimated)",
    "CPU hours, one thread (from measured epochs)",
)  # fmt: skip


def parsing_text() -> str:
    """The table of all parsers, and where scans are in it."""
    costs = parser_costs()
    scans = {cost.name: cost.own for cost in costs if cost.own.scan_flops}
    shares = [100 * step.scan_flops / step.flops for step in scans.values()]
    lines = [_table(PARSER_COLUMNS, map(_parser_row, costs)), ""]
    lines += [
        "\\* Needs teachers or dense labels of training videos, which the published LLP does not have; the cost is that of its sizes.",
        "",
        f"All {len(costs)} recipes with five seeds each: {5 * sum(cost.hours for cost in costs):.1f} GPU hours (estimated).",
        "",
        f"Of the GFLOP of the {len(scans)} recipes with scans, {min(shares):.1f} to {max(shares):.1f} % are the scan's, by formula.",
        "",
    ]
    lines.append("CPU hours come from epochs that were measured with these features: " + "; ".join(
        f"`{name}` {features}" for name, (_, features) in MEASURED_EPOCHS.items()
    ) + ".")  # fmt: skip
    return "\n".join(lines)


def agreement_text() -> str:
    """What counted work and measured epochs say about the processor together, where both are of the same features."""
    costs = {cost.name: cost for cost in parser_costs()}
    said = []
    for name, (seconds, features) in MEASURED_EPOCHS.items():
        if features == "VGGish and ResNet":
            steps = -(-costs[name].examples // costs[name].batch)
            said.append(f"`{name}` {steps * costs[name].own.flops / seconds / GIGA:.0f} GFLOP/s")
    return (
        f"Counted work over measured seconds of one thread, same features: {', '.join(said)}. "
        "At 32 a cycle a core does about 100 at 3 GHz."
    )


def published_text() -> str:
    """The parameters that MUG's Table 5 prints, beside those of the models here: the one published cost that our texts have kept."""
    printed = published_table("mug/5")
    printed = printed[printed["metric"] == "parameters (M)"].set_index("row")["value"]
    ours = {cost.name: cost.own.parameters / 1e6 for cost in parser_costs()}
    rows = [[row.label, f"{printed[row.label]:g}", f"{ours[row.experiment]:.2f}"] for row in TABLES["mug/5"].rows]
    return _table(("MUG's Table 5", "parameters, million (published)", "here (measured)"), rows)


def memory_text() -> str:
    """Features on disk, and in main memory."""
    size = profile(PROFILE)
    videos = sum(LLP_SPLITS.values())
    rows = [
        [name, str(features.card.output_shape), features.card.dtype, f"{folder_bytes(name) / GIGA:.2f}"]
        for name, features in PUBLISHED.items()
    ]
    sums = {
        "`paper` reads": sum(folder_bytes(name) for name in size.backbones),
        "`paper-clip` reads": sum(folder_bytes(name) for name in profile("paper-clip").backbones),
    }
    rows += [[title, "", "", f"{total / GIGA:.2f}"] for title, total in sums.items()]
    host = host_bytes(size)
    return "\n".join(
        [
            _table(("features", "numbers a video", "dtype", f"GB on disk, {videos:,} videos (from the shapes)"), rows),
            "",
            f"Main memory, profile `{PROFILE}` (from the shapes): {host['banks'] / GIBI:.1f} GiB of banks, and "
            f"{host['tensors'] / GIBI:.1f} GiB of tensors that training and validation select from them, "
            f"{sum(host.values()) / GIBI:.1f} GiB together. Measured: 18 GiB at the peak of an epoch of VALOR on as many random features "
            "(docs/benchmarks.md), since looking for NaN takes as much as a bank for a moment.",
        ]
    )


MASK_COLUMNS = (
    "setting", "parameters, million (measured)", "GFLOP a clip (measured)", "clips a step", "clips an epoch", "epochs",
    "PFLOP in all (from these)", "activations a clip, GiB (measured)", "GPU memory, GiB (estimated)", "GPU hours (estimated)",
)  # fmt: skip


def segmentation_text(size: str) -> str:
    """The table of SelM at a profile."""
    rows = [
        [
            cost.name.split(", ")[1],
            f"{cost.own.parameters / 1e6:.1f}",
            f"{cost.own.flops / GIGA:,.0f}",
            str(cost.batch),
            f"{cost.examples:,}",
            str(cost.epochs),
            f"{cost.flops / TERA / 1000:,.0f}",
            f"{cost.own.activation_bytes / GIBI:.1f}",
            f"{cost.device_bytes / GIBI:.1f}",
            f"{cost.hours:,.1f}",
        ]
        for cost in segmenter_costs(size)
    ]
    return _table(MASK_COLUMNS, rows)


def costs_text() -> str:
    """All of the page that is computed, as Markdown.

    Raises:
        ValueError: a step was not measured.
    """
    parts = [
        f"Estimates assume {SUSTAINED / TERA:g} TFLOP/s sustained in float32 and {LAUNCH * 1e6:g} microseconds for an operation.",
        "## Parsers, profile `paper`",
        parsing_text(),
        agreement_text(),
        published_text(),
        "## Features",
        memory_text(),
    ]
    for size in MASK_PROFILES:
        parts += [f"## SelM, profile `{size}`", segmentation_text(size)]
    return "\n\n".join(parts)


def write_costs(page: Path) -> None:
    """Put the costs between the markers of a Markdown page, where the last ones stood.

    Raises:
        ValueError: the page has no markers, or a step was not measured.
    """
    text = Path(page).read_text(encoding="utf-8")
    if not all(marker in text for marker in COSTS_MARKERS):
        raise ValueError(f"{shown(page)} has no {COSTS_MARKERS[0]} ... {COSTS_MARKERS[1]} to write the costs between")
    before, rest = text.split(COSTS_MARKERS[0])
    after = rest.split(COSTS_MARKERS[1])[1]
    with atomic_path(Path(page)) as temporary:
        temporary.write_text(f"{before}{COSTS_MARKERS[0]}\n{costs_text()}\n{COSTS_MARKERS[1]}{after}", encoding="utf-8")
