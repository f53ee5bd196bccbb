"""`avvp run`, `prepare`, `series`, `exercises`, `refresh`: the lessons; docs/reruns.md shows them at work."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from avvp_lib.commands.options import AddCommand, add_workers, end_when_terminated


def _run(args: argparse.Namespace) -> None:
    from avvp_lib.runner import NotebookError, find_notebook, plan_runs, read_sets, run_notebook, run_sets, typed_values
    from avvp_lib.workspace import shown

    source = find_notebook(args.notebook)
    given = typed_values(source, args.parameter)
    runs = plan_runs(source, read_sets(args.sets, given) if args.sets else [given])
    if args.failed is not None and len(runs) > 1:
        raise ValueError(
            "--failed names one file, and several sets may fail: leave it out, they are kept in outputs/failed"
        )
    end_when_terminated()
    if len(runs) > 1:
        failed = run_sets(runs, args.jobs, args.timeout, args.force)
        if failed:
            kept = "".join(f"\n  {run.name}: {shown(run.failed)}" for run in failed)
            raise SystemExit(f"avvp: {len(failed)} of {len(runs)} runs failed:{kept}")
        return
    try:
        executed = run_notebook(runs[0], args.timeout, args.failed, args.force)
    except NotebookError as error:
        raise SystemExit(f"avvp: {error}") from error
    print(f"{'finished' if executed else 'is there already, --force runs it again'}: {shown(runs[0].folder)}")


def _prepare(args: argparse.Namespace) -> None:
    from avvp_lib.provenance import write_json
    from avvp_lib.recipes import prepare
    from avvp_lib.records import record
    from avvp_lib.workspace import shown

    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers, renew=args.renew)
    if args.record:
        write_json(args.record, record())
    print(f"{bench.corpus.name}: {', '.join(bench.banks)} in {shown(bench.corpus.root)}")


def _series(args: argparse.Namespace) -> None:
    from avvp_lib.series import RESULTS, run_series
    from avvp_lib.workspace import shown, workspace

    end_when_terminated()
    report = run_series({"profile": args.profile} if args.profile else {}, args.workers)
    for run in report.failed:
        print(
            f"failed or not run: {run.source.name}" + (f", kept in {shown(run.failed)}" if run.failed.is_file() else "")
        )
    if report.status or report.failed:
        raise SystemExit(report.status or 1)
    table = workspace() / RESULTS
    if table.is_file():
        print(f"\n{table.read_text(encoding='utf-8')}")
    print("executed notebooks, figures and records:")
    for run in report.runs:
        print(f"  {shown(run.folder)}")
    made = ", ".join(report.executed)
    print(f"\nmade: {made}" if made else "\nnothing to do: nothing behind these has changed since they were made")


def _refresh(args: argparse.Namespace) -> None:
    from avvp_lib.cells import read_cells
    from avvp_lib.reports import REPORTED_PAGES, write_summary
    from avvp_lib.series import refresh
    from avvp_lib.workspace import shown, workspace

    for notebook in refresh():
        print(shown(notebook))
    for page, (corpus, steps) in REPORTED_PAGES.items():
        write_summary(workspace() / page, read_cells(corpus), steps)
    picture = workspace() / "outputs" / "runs" / "06_baselines" / "timeline.png"
    shutil.copyfile(picture, workspace() / "docs" / "timeline.png")


def _exercises(args: argparse.Namespace) -> None:
    from avvp_lib.runner import find_notebook, sources, write_versions
    from avvp_lib.workspace import shown

    if args.learner is None and args.teacher is None:
        raise ValueError("say which version goes where: --learner DIR, --teacher DIR, or both")
    lessons = [find_notebook(name) for name in args.lessons] or sources()
    for version, folder in (("learner", args.learner), ("teacher", args.teacher)):
        for path in write_versions(lessons, folder, version) if folder else ():
            print(shown(path))


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    run = command("run", _run, "run a notebook with other parameters, or with many sets of them; what is there is kept")
    run.add_argument("notebook", help="its number or name in the series, or the path of a .py or .ipynb file")
    run.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="may be repeated"
    )
    run.add_argument(
        "--sets", type=Path, help="YAML file: a list of sets of parameters, or one mapping of lists (a grid)"
    )
    run.add_argument("--jobs", type=int, default=1, help="sets that run at a time")
    run.add_argument("--timeout", type=float, help="seconds that one cell may take")
    run.add_argument("--failed", type=Path, help="where a notebook that fails is kept; outputs/failed by default")
    run.add_argument("--force", action="store_true", help="run what is there and current, too")

    prepare = command("prepare", _prepare, "render the corpus of a profile and extract its features, as far as missing")
    prepare.add_argument("--profile", default="tutorial", help="smoke, tutorial or paper")
    prepare.add_argument("--corpus-seed", type=int, default=0)
    prepare.add_argument("--domain", default="studio", help="studio or street")
    prepare.add_argument("--renew", action="store_true", help="replace a corpus that another renderer made")
    prepare.add_argument("--record", type=Path, help="JSON file that says what it was made from")

    series = command("series", _series, "run all notebooks as far as they are missing or stale, and say what is where")
    series.add_argument("--profile", help="smoke or tutorial; the notebooks' own default if it is left out")

    for sub in (prepare, series):
        add_workers(sub)

    exercises = command(
        "exercises",
        _exercises,
        "write lessons for a class: without the answers to the exercises, or with all of them shown",
    )
    exercises.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="numbers, names or paths; the series by default"
    )
    exercises.add_argument("--learner", type=Path, metavar="DIR", help="an empty cell below each exercise")
    exercises.add_argument("--teacher", type=Path, metavar="DIR", help="answers shown, their code in cells that run")
    command("refresh", _refresh, "renew the committed notebooks, tables and picture from what the series has made")
