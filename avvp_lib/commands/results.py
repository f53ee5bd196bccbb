"""`avvp results`, `costs`: what cells and cards say."""

from __future__ import annotations

import argparse
from pathlib import Path

from avvp_lib.commands.options import AddCommand


def _results(args: argparse.Namespace) -> None:
    text = _text_of(args)
    if args.out is None:
        print(f"\n{text}")
        return
    from avvp_lib.provenance import atomic_path, write_json
    from avvp_lib.records import record
    from avvp_lib.workspace import shown

    with atomic_path(args.out) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
    write_json(args.out.with_suffix(".json"), record(whole_package=True))
    print(shown(args.out))


def _text_of(args: argparse.Namespace) -> str:
    """What `avvp results` prints."""
    if args.ranking:
        return ranking_text(args.corpus)
    return _curve_text(args.corpus, args.figure) if args.learning_curve else results_text(args.corpus)


def results_text(corpus: str) -> str:
    """The F-scores of a corpus, as Markdown."""
    from avvp_lib.cells import read_cells
    from avvp_lib.reports import summary

    cells = read_cells(corpus)
    return f"{corpus}: {cells[0]['test_videos']} test videos, F-scores in percent\n\n{summary(cells)}"


def _curve_text(corpus: str, picture: Path | None) -> str:
    from avvp_lib.cells import read_cells
    from avvp_lib.figures import learning_curve
    from avvp_lib.learning_curve import curve_for_reading, learning_curve_table
    from avvp_lib.provenance import atomic_path
    from avvp_lib.reports import markdown

    cells = read_cells(corpus)
    table = learning_curve_table(cells)
    if picture is not None:
        with atomic_path(picture) as temporary:
            learning_curve(table).savefig(temporary)
    about = f"{corpus}: {cells[0]['test_videos']} test videos, segment-level Type@AV in percent over training videos"
    return f"{about}\n\n{markdown(curve_for_reading(table))}"


def ranking_text(corpus: str) -> str:
    """The average precision of a corpus's segments, as Markdown."""
    from avvp_lib.cells import read_cells
    from avvp_lib.ranking_reports import ranking_table
    from avvp_lib.reports import markdown

    cells = read_cells(corpus)
    table = markdown(ranking_table(cells))
    return f"{corpus}: {cells[0]['test_videos']} test videos, average precision of segments in percent\n\n{table}"


def _costs(args: argparse.Namespace) -> None:
    from avvp_lib.cost_pages import costs_text, measure_missing, write_costs
    from avvp_lib.workspace import shown

    measure_missing()
    if args.write is None:
        print(costs_text())
        return
    write_costs(args.write)
    print(shown(args.write))


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    results = command("results", _results, "print the results table of a corpus from its cells")
    results.add_argument("corpus", nargs="?", default="tutorial-studio-1", help="<size>-<domain>-<corpus seed>")
    kind = results.add_mutually_exclusive_group()
    kind.add_argument("--ranking", action="store_true", help="average precision instead, of the cells that have it")
    kind.add_argument(
        "--learning-curve", action="store_true", help="the score over the number of training videos instead"
    )
    results.add_argument("--figure", type=Path, help="file for the picture of the learning curve")
    results.add_argument("--out", type=Path, help="Markdown file to write it to; its record goes beside it")

    costs = command(
        "costs", _costs, "what every recipe costs at the published sizes; measures the steps that were not measured yet"
    )
    costs.add_argument("--write", type=Path, help="Markdown page to write it into, such as docs/costs.md")
