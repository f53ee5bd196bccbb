"""The `avvp` command: what is not naturally a notebook."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

# One thread a process unless someone says otherwise, set before torch is imported: workers that each start a thread for every
# core fight for the cores and lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")

MEDIA_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4", ".webm")


def _render(args: argparse.Namespace) -> None:
    from avvp_lib.corpora.synthetic import CorpusSettings, default_root, render_corpus
    from avvp_lib.workspace import shown

    settings = CorpusSettings(args.seed, args.size, args.domain)
    print(shown(render_corpus(args.out or default_root(settings), settings, args.workers)))


def _extract(args: argparse.Namespace) -> None:
    from avvp_lib.features import extract
    from avvp_lib.workspace import shown

    files = sorted(
        path
        for path in args.videos.iterdir()
        if path.suffix.lower() in MEDIA_SUFFIXES
        and not path.name.startswith(".")  # a dot: a write that was interrupted
    )
    if not files:
        raise FileNotFoundError(f"no video files in {args.videos}: expected {', '.join(MEDIA_SUFFIXES)}")
    stem, number = Counter(path.stem for path in files).most_common(1)[0]
    if number > 1:
        raise ValueError(
            f"{number} files in {args.videos} are called {stem}: features are joined by it, so rename them"
        )
    report = extract(
        {path.stem: path for path in files}, args.backbones, args.out, args.workers, on_missing=args.on_missing
    )
    for name, folder in report.banks.items():
        print(f"{name}: {report.videos} videos in {shown(folder)}")
    for key, reason in report.failures.items():
        print(f"failed: {key}: {reason}")


def _train_teachers(args: argparse.Namespace) -> None:
    from avvp_lib.features.teacher_training import train_teachers
    from avvp_lib.features.tiny_teachers import TEACHER_FOLDER
    from avvp_lib.workspace import shown

    for path in train_teachers(args.out or TEACHER_FOLDER, args.seed):
        print(shown(path))


def _measure(args: argparse.Namespace) -> None:
    from avvp_lib.recipes import RECIPES, prepare, recipe
    from avvp_lib.reports import fill_cells, measurable

    names = measurable(args.profile, args.names)
    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers)
    recipes = {name: recipe(name, args.profile) for name in RECIPES}
    fill_cells(bench, names, range(args.seeds), recipes)
    _print_results(Path(bench.corpus.name).name)


def _results(args: argparse.Namespace) -> None:
    _print_results(args.corpus)


def _print_results(corpus: str) -> None:
    from avvp_lib.reports import read_cells, summary

    cells = read_cells(corpus)
    print(f"\n{corpus}: {cells[0]['test_videos']} test videos, F-scores in percent\n\n{summary(cells)}")


def _series(args: argparse.Namespace) -> None:
    from avvp_lib.recipes import prepare, profile
    from avvp_lib.reports import REPORTED_CORPUS, REPORTED_PAGES, read_cells, write_summary
    from avvp_lib.series import NotebookError, run_series
    from avvp_lib.workspace import shown, workspace

    if args.refresh and args.profile != "tutorial":
        raise ValueError("the committed notebooks show the tutorial profile: use --refresh without --profile")
    if profile(args.profile).corpus != "synthetic-llp":
        raise ValueError(
            "the lessons look into rendered videos: use the profile smoke or tutorial. `avvp measure` takes any"
        )
    prepare(args.profile, workers=args.workers)
    try:
        figures = run_series(args.profile, args.refresh)
    except NotebookError as error:
        raise SystemExit(f"avvp: {error}") from error
    if args.refresh:
        for page, corpus in REPORTED_PAGES.items():
            write_summary(workspace() / page, read_cells(corpus))
        picture = workspace() / "outputs" / "runs" / "06_baselines" / "timeline.png"
        shutil.copyfile(picture, workspace() / "docs" / "timeline.png")
    _print_results(REPORTED_CORPUS)
    print("\nexecuted notebooks: " + shown(workspace() / "outputs" / "notebooks"))
    print("figures:\n" + "\n".join(f"  {shown(figure)}" for figure in figures))


def build_parser() -> argparse.ArgumentParser:
    """The command line of `avvp`."""
    parser = argparse.ArgumentParser(
        prog="avvp", description="Audio-visual video parsing, from rendered video to tables."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(function=function)
        return sub

    render = command("render", _render, "render a synthetic corpus; goes on where it was interrupted")
    render.add_argument("--seed", type=int, default=0, help="0 is for tuning, 1 for reporting")
    render.add_argument("--size", default="tutorial", help="smoke or tutorial")
    render.add_argument("--domain", default="studio", help="studio or street")
    render.add_argument("--out", type=Path, help="corpus folder")

    extract = command("extract", _extract, "extract features of a folder of videos into banks")
    extract.add_argument("videos", type=Path, help="folder of media files")
    extract.add_argument("--backbones", nargs="+", required=True)
    extract.add_argument("--out", type=Path, required=True, help="folder of the banks")
    extract.add_argument(
        "--on-missing", choices=("error", "fill"), default="error", help="files without sound or picture"
    )

    teachers = command("train-teachers", _train_teachers, "train the tiny CLIP and the CLAP-like teacher from scratch")
    teachers.add_argument("--seed", type=int, default=0)
    teachers.add_argument("--out", type=Path, help="folder of the weights; the package's own by default")

    measure = command("measure", _measure, "train and score recipes; finished cells in outputs/cells are kept")
    measure.add_argument("names", nargs="*", help="recipes and untrained predictors; all by default")
    measure.add_argument("--profile", default="tutorial", help="smoke, tutorial or paper (the real LLP)")
    measure.add_argument("--corpus-seed", type=int, default=0)
    measure.add_argument("--domain", default="studio")
    measure.add_argument("--seeds", type=int, default=5, help="training seeds")

    results = command("results", _results, "print the results table of a corpus from its cells")
    results.add_argument("corpus", nargs="?", default="tutorial-studio-1", help="<size>-<domain>-<corpus seed>")

    series = command("series", _series, "run all notebooks, then print the results table and the figures' paths")
    series.add_argument("--profile", default="tutorial")
    series.add_argument("--refresh", action="store_true", help="renew the committed notebooks")

    for sub in (render, extract, measure, series):
        sub.add_argument("--workers", type=int, help="processes; all cores by default")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `avvp` command. Bad input ends it with a message, not with a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    args = build_parser().parse_args(arguments)
    try:
        args.function(args)
    except (FileNotFoundError, NotADirectoryError, ValueError, FloatingPointError) as error:
        raise SystemExit(f"avvp: {error}") from error


if __name__ == "__main__":
    main()
