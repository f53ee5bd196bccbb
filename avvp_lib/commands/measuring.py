"""`avvp measure`, `table`, `tune`: what trains."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avvp_lib.commands.options import AddCommand, add_extensions, add_workers, load_extensions, shard
from avvp_lib.commands.results import ranking_text, results_text

if TYPE_CHECKING:  # imported by the commands that need it: it takes seconds
    from avvp_lib.table_cells import Place, Task


def _measure(args: argparse.Namespace) -> None:
    if args.add_ranking:
        _add_ranking(args)
        return
    if args.setting:
        _measure_segmentation(args)
        return
    from avvp_lib.cells import fill_cells, measurable
    from avvp_lib.recipes import RECIPES, prepare, recipe

    load_extensions(args)
    names = measurable(args.profile, _with_curve(args))
    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers)
    recipes = {name: recipe(name, args.profile) for name in RECIPES}
    fill_cells(bench, names, range(args.seeds), recipes)
    print(f"\n{results_text(bench.name)}")


def _with_curve(args: argparse.Namespace) -> list[str]:
    """The names that were given, and the points of the learning curve if they are asked for."""
    from avvp_lib.learning_curve import curve_experiments

    return list(dict.fromkeys([*args.names, *(curve_experiments() if args.learning_curve else ())]))


def _add_ranking(args: argparse.Namespace) -> None:
    from avvp_lib.ranking_reports import add_ranking
    from avvp_lib.recipes import prepare

    if args.setting:
        raise ValueError("masks have no ranking of segments: leave out --setting or --add-ranking")
    load_extensions(args)
    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers)
    report = add_ranking(bench, args.names)
    print(report)
    if report.added or report.there:
        print(f"\n{ranking_text(bench.name)}")


def _measure_segmentation(args: argparse.Namespace) -> None:
    from avvp_lib.reports import markdown
    from avvp_lib.segmentation_reports import fill_segmentation_cells, read_segmentation_cells, segmentation_table

    corpus = fill_segmentation_cells(
        args.setting,
        args.names,
        range(args.seeds),
        args.profile,
        args.corpus_seed,
        args.domain,
        vggish=args.vggish,
        encoder=args.encoder,
        workers=args.workers,
    )
    print(f"\n{corpus}, percent\n\n{markdown(segmentation_table(read_segmentation_cells(corpus)))}")


def _table(args: argparse.Namespace) -> None:
    from avvp_lib.table_cells import Place, find_tables, planned_tasks, prepare_tables
    from avvp_lib.table_pages import check_claims_page

    load_extensions(args)
    if not args.names:
        for table in find_tables(["all"]):
            print(f"{table.name:14s} {len(table.rows):3d} rows, {len(table.experiments):2d} to measure: {table.title}")
        return
    place = Place.of(args.profile, args.corpus, args.vggish, args.encoder)
    tasks = planned_tasks(args.names, place, args.seeds, args.rows, args.shard)
    if args.claims is not None:
        check_claims_page(args.claims)
    if args.prepare_only:
        prepare_tables(args.names, place, args.rows, args.workers)
        tasks = []
    else:
        _fill_and_write_tables(args, place)
    if args.record is not None:
        _record_table(args, place, [] if args.print_only else tasks)


def _fill_and_write_tables(args: argparse.Namespace, place: Place) -> None:
    from avvp_lib.table_cells import fill_tables

    failures = []
    if not args.print_only:
        failures = fill_tables(args.names, place, args.seeds, args.rows, args.workers, args.shard)
    if args.shard == (1, 1):
        _write_tables(args, place)
    if failures:
        lines = [f"{failure['experiment']}, seed {failure['seed']}: {failure['reason']}" for failure in failures]
        raise SystemExit("\n".join([f"avvp: {len(failures)} cells could not be measured", *lines]))


def _write_tables(args: argparse.Namespace, place: Place) -> None:
    from avvp_lib.table_cells import find_tables
    from avvp_lib.table_pages import write_claims, write_table
    from avvp_lib.table_reports import table_text
    from avvp_lib.workspace import shown

    tables = find_tables(args.names)
    for table in tables:
        if len(tables) == 1:
            print(table_text(table.name, place))
        print(shown(write_table(table.name, place)))
    if args.claims is not None:
        write_claims(args.claims, place)
        print(shown(args.claims))


def _record_table(args: argparse.Namespace, place: Place, tasks: list[Task]) -> None:
    """Say which cells a job was asked for, all of which are there now: that there is a file is for `tables.smk`, the rest for people."""
    from avvp_lib.provenance import write_json
    from avvp_lib.table_cells import find_tables

    cells = [{"cells": place.cells(task.setting), "experiment": task.experiment, "seed": task.seed} for task in tasks]
    names = [table.name for table in find_tables(args.names)]
    write_json(args.record, {"tables": names, "seeds": args.seeds, "shard": list(args.shard), "cells": cells})


def _tune(args: argparse.Namespace) -> None:
    from avvp_lib.recipes import prepare
    from avvp_lib.tuning import TUNED, read_trials, run_trials

    bench = prepare("tutorial", corpus_seed=0, workers=args.workers)  # no other corpus may be tuned on
    run_trials(bench, args.names or TUNED)
    print(read_trials(bench.name).round(2).to_string())


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    for add in (_add_measure, _add_table, _add_tune):
        add_workers(add(command))


def _add_measure(command: AddCommand) -> argparse.ArgumentParser:
    measure = command("measure", _measure, "train and score recipes; finished cells in outputs/cells are kept")
    measure.add_argument("names", nargs="*", help="recipes and untrained predictors; all by default")
    measure.add_argument("--profile", default="tutorial", help="smoke, tutorial, paper or paper-clip (the real LLP)")
    measure.add_argument("--corpus-seed", type=int, default=0)
    measure.add_argument("--domain", default="studio")
    measure.add_argument("--seeds", type=int, default=5, help="training seeds")
    measure.add_argument(
        "--setting", choices=("s4", "ms3", "avss"), help="of audio-visual segmentation; video parsing without"
    )
    measure.add_argument(
        "--learning-curve",
        action="store_true",
        help="the recipes with fewer training videos and their controls, besides those that are named",
    )
    measure.add_argument(
        "--add-ranking",
        action="store_true",
        help="train nothing: give cells that have none the average precision of their kept trainings",
    )
    _add_weights(measure, Path)
    add_extensions(measure)
    return measure


def _add_table(command: AddCommand) -> argparse.ArgumentParser:
    table = command(
        "table", _table, "run the tables of the papers by name, as far as cells are missing; without a name: list them"
    )
    table.add_argument("names", nargs="*", help='such as mug/2, "mug" for all of a paper, or "all"')
    table.add_argument("--profile", default="tutorial", help="smoke, tutorial, paper or paper-clip")
    table.add_argument(
        "--corpus", help="<domain>-<seed> of a rendered corpus, studio-1 by default; real for the real ones"
    )
    table.add_argument("--seeds", type=int, default=3, help="training seeds")
    table.add_argument("--rows", nargs="+", default=(), metavar="LABEL", help="only these rows of one table")
    table.add_argument(
        "--shard", type=shard, default=(1, 1), metavar="I/N", help="only measure the I-th of N parts of the cells"
    )
    part = table.add_mutually_exclusive_group()
    part.add_argument("--print-only", action="store_true", help="measure nothing, print and write what is there")
    part.add_argument("--prepare-only", action="store_true", help="only render and extract what the cells need")
    table.add_argument("--claims", type=Path, help="Markdown page to write the verdicts on all claims into")
    table.add_argument(
        "--record", type=Path, help="JSON file that says which cells were asked for; not written if one fails"
    )
    _add_weights(table, str)
    add_extensions(table)
    return table


def _add_tune(command: AddCommand) -> argparse.ArgumentParser:
    tune = command(
        "tune", _tune, "validation trials of learning rates on corpus seed 0, the same number for each parser"
    )
    tune.add_argument("names", nargs="*", help="recipes; by default all parsers that learn from zero-shot labels")
    return tune


def _add_weights(command: argparse.ArgumentParser, kind: type) -> None:
    for name, network in (("--vggish", "VGGish"), ("--encoder", "the visual encoder")):
        command.add_argument(name, type=kind, help=f"weights of {network}, for segmentation at the published sizes")
