"""The `avvp` command: what is not naturally a notebook."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported by the commands that need it: it takes seconds
    from avvp_lib.table_cells import Place, Task

# One thread a process unless someone says otherwise, set before torch is imported: workers that each start a thread for every
# core fight for the cores and lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PUBLISHED_OPTIONS = ("--weights", "--device", "--shard", "--retry-failures", "--download")
AVS_SETTINGS = ("s4", "ms3", "avss")


def _render(args: argparse.Namespace) -> None:
    from avvp_lib.corpora.synthetic import CorpusSettings, default_root, render_corpus
    from avvp_lib.corpora.synthetic.avs import AVSSettings, default_avs_root, render_avs
    from avvp_lib.corpora.synthetic.unav import UnavSettings, default_unav_root, render_unav
    from avvp_lib.workspace import shown

    kinds = {
        "synthetic-llp": (CorpusSettings, default_root, render_corpus),
        "synthetic-unav": (UnavSettings, default_unav_root, render_unav),
        **{f"synthetic-avs-{s}": (partial(AVSSettings, s), default_avs_root, render_avs) for s in AVS_SETTINGS},
    }
    settings_of, root_of, render = kinds[args.corpus]
    settings = settings_of(args.seed, args.size, args.domain)
    print(shown(render(args.out or root_of(settings), settings, args.workers)))


def _extract(args: argparse.Namespace) -> None:
    from avvp_lib.features import BACKBONES, extract
    from avvp_lib.features.published_backbones import PUBLISHED_BACKBONES, PUBLISHED_VARIANTS
    from avvp_lib.features.video_lists import find_videos
    from avvp_lib.workspace import shown

    published = (*PUBLISHED_BACKBONES, *PUBLISHED_VARIANTS)
    for name in args.backbones:
        if name not in (*BACKBONES, *published):
            raise ValueError(f"unknown backbone {name!r}: choose among {', '.join((*BACKBONES, *published))}")
    videos = find_videos(args.videos, args.names, args.llp_ids)
    if set(args.backbones) <= set(published):
        _extract_published(args, videos)
        return
    if set(args.backbones) & set(published) or not _is_default(args, PUBLISHED_OPTIONS):
        raise ValueError(
            f"{', '.join(BACKBONES)} read videos in another way: extract them in a call of their own, without "
            f"{', '.join(PUBLISHED_OPTIONS)}"
        )
    report = extract(videos, args.backbones, args.out, args.workers, on_missing=args.on_missing)
    for name, folder in report.banks.items():
        print(f"{name}: {report.videos} videos in {shown(folder)}")
    for key, reason in report.failures.items():
        print(f"failed: {key}: {reason}")
    if args.strict and report.failures:
        raise SystemExit(1)


def _extract_published(args: argparse.Namespace, videos: dict[str, Path]) -> None:
    """Published networks: minutes or days of work, so in parts, by several machines if need be, and with a report at the end."""
    from avvp_lib.features.folder_extraction import extract_folder
    from avvp_lib.features.published_backbones import build_published
    from avvp_lib.workspace import shown

    report = extract_folder(
        videos,
        args.backbones,
        args.out,
        build_published,
        weights=dict(args.weights),
        on_missing=args.on_missing,
        device=args.device,
        workers=args.workers,
        shard=args.shard,
        retry_failures=args.retry_failures,
        download=args.download,
    )
    print(report)
    for name, folder in report.banks.items():
        print(f"{name}: {shown(folder)}")
    for note, path in (("failures", args.out / "failures.csv"), ("notes", args.out / "notes.csv")):
        if report.banks and path.is_file():
            print(f"{note}: {shown(path)}")
    if args.strict and report.failures:
        raise SystemExit(1)


def _is_default(args: argparse.Namespace, options: Sequence[str]) -> bool:
    """Whether none of these options was given."""
    default = build_parser().parse_args(["extract", "videos", "--backbones", "any", "--out", "out"])
    names = [option.removeprefix("--").replace("-", "_") for option in options]
    return all(getattr(args, name) == getattr(default, name) for name in names)


def _named_file(text: str) -> tuple[str, Path]:
    """ "clip=weights.safetensors" as ("clip", its path)."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE, such as clip=open_clip_model.safetensors")
    return name, Path(path)


def _convert(args: argparse.Namespace) -> None:
    from avvp_lib.features.published_layout import banks_to_folders, folders_to_banks
    from avvp_lib.features.video_lists import named_videos, video_id
    from avvp_lib.workspace import shown

    if args.to == "folders":
        if args.names is not None:
            raise ValueError("--names chooses what goes into banks: a bank is written to folders as a whole")
        for folder, videos in banks_to_folders(args.source, args.out).items():
            print(f"{videos:,} videos in {shown(folder)}")
        return
    ids = None if args.names is None else sorted({video_id(name, args.llp_ids) for name in named_videos(args.names)})
    report = folders_to_banks(args.source, args.out, ids)
    print(report)
    if args.strict and report.missing:
        raise SystemExit(1)


def _train_teachers(args: argparse.Namespace) -> None:
    from avvp_lib.features.teacher_training import train_teachers
    from avvp_lib.features.tiny_teachers import TEACHER_FOLDER
    from avvp_lib.features.wide_text_training import train_wide_texts
    from avvp_lib.workspace import shown

    train = train_wide_texts if args.wide_text else train_teachers
    for path in train(args.out or TEACHER_FOLDER, args.seed):
        print(shown(path))


def _load_extensions(args: argparse.Namespace) -> None:
    from avvp_lib.extensions import load_extension

    for path in args.extensions:
        load_extension(path)


def _measure(args: argparse.Namespace) -> None:
    if args.add_ranking:
        _add_ranking(args)
        return
    if args.setting:
        _measure_segmentation(args)
        return
    from avvp_lib.recipes import RECIPES, prepare, recipe
    from avvp_lib.reports import fill_cells, measurable

    _load_extensions(args)
    names = measurable(args.profile, _with_curve(args))
    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers)
    recipes = {name: recipe(name, args.profile) for name in RECIPES}
    fill_cells(bench, names, range(args.seeds), recipes)
    _print_results(bench.name)


def _with_curve(args: argparse.Namespace) -> list[str]:
    """The names that were given, and the points of the learning curve if they are asked for."""
    from avvp_lib.learning_curve import curve_experiments

    return list(dict.fromkeys([*args.names, *(curve_experiments() if args.learning_curve else ())]))


def _add_ranking(args: argparse.Namespace) -> None:
    from avvp_lib.ranking_reports import add_ranking
    from avvp_lib.recipes import prepare

    if args.setting:
        raise ValueError("masks have no ranking of segments: leave out --setting or --add-ranking")
    _load_extensions(args)
    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers)
    report = add_ranking(bench, args.names)
    print(report)
    if report.added or report.there:
        print(f"\n{_ranking_text(bench.name)}")


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

    _load_extensions(args)
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


def _shard(text: str) -> tuple[int, int]:
    """ "2/8" as (2, 8)."""
    part, _, parts = text.partition("/")
    try:
        return int(part), int(parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n, such as 2/8") from None


def _tune(args: argparse.Namespace) -> None:
    from avvp_lib.recipes import prepare
    from avvp_lib.tuning import TUNED, read_trials, run_trials

    bench = prepare("tutorial", corpus_seed=0, workers=args.workers)  # no other corpus may be tuned on
    run_trials(bench, args.names or TUNED)
    print(read_trials(bench.name).round(2).to_string())


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


def _results_text(corpus: str) -> str:
    from avvp_lib.reports import read_cells, summary

    cells = read_cells(corpus)
    return f"{corpus}: {cells[0]['test_videos']} test videos, F-scores in percent\n\n{summary(cells)}"


def _text_of(args: argparse.Namespace) -> str:
    """What `avvp results` prints."""
    if args.ranking:
        return _ranking_text(args.corpus)
    return _curve_text(args.corpus, args.figure) if args.learning_curve else _results_text(args.corpus)


def _curve_text(corpus: str, picture: Path | None) -> str:
    from avvp_lib.figures import learning_curve
    from avvp_lib.learning_curve import curve_for_reading, learning_curve_table
    from avvp_lib.provenance import atomic_path
    from avvp_lib.reports import markdown, read_cells

    cells = read_cells(corpus)
    table = learning_curve_table(cells)
    if picture is not None:
        with atomic_path(picture) as temporary:
            learning_curve(table).savefig(temporary)
    about = f"{corpus}: {cells[0]['test_videos']} test videos, segment-level Type@AV in percent over training videos"
    return f"{about}\n\n{markdown(curve_for_reading(table))}"


def _ranking_text(corpus: str) -> str:
    from avvp_lib.ranking_reports import ranking_table
    from avvp_lib.reports import markdown, read_cells

    cells = read_cells(corpus)
    table = markdown(ranking_table(cells))
    return f"{corpus}: {cells[0]['test_videos']} test videos, average precision of segments in percent\n\n{table}"


def _print_results(corpus: str) -> None:
    print(f"\n{_results_text(corpus)}")


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
    _end_kernels_when_terminated()
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


def _end_kernels_when_terminated() -> None:
    """Let a request to end be an exception, so that what runs notebooks takes its kernels with it."""
    import signal

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)


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

    _end_kernels_when_terminated()
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
    from avvp_lib.reports import REPORTED_PAGES, read_cells, write_summary
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


def _check_data(args: argparse.Namespace) -> None:
    from avvp_lib.data_checks import check_corpus

    report = check_corpus(args.corpus, args.root)
    print(report)
    if not report.complete:
        raise SystemExit(1)


def _score(args: argparse.Namespace) -> None:
    from avvp_lib.corpora import Corpus, load_corpus
    from avvp_lib.predictions import read_predictions, score_predictions
    from avvp_lib.provenance import file_digest, write_json
    from avvp_lib.workspace import shown

    _load_extensions(args)
    if args.partial and args.file.suffix == ".csv":
        raise ValueError(
            "in a .csv a video without a row is one without events, not one left out: --partial is for .npz"
        )
    corpus = load_corpus(args.corpus, args.root)
    if not isinstance(corpus, Corpus):
        raise ValueError(f"{args.corpus} has masks and no events: `avvp score` reads the predictions of parsers")
    scores = score_predictions(read_predictions(args.file, corpus, args.split), corpus, args.split, args.partial)
    print(scores)
    if args.out:
        write_json(args.out, {"file": args.file.name, "sha256": file_digest(args.file), **scores.to_dict()})
        print(f"\n{shown(args.out)}")


def _predict(args: argparse.Namespace) -> None:
    from avvp_lib.checkpoints import load_checkpoint
    from avvp_lib.predictions import check_target, predict_split, refuse_gaps, write_predictions
    from avvp_lib.recipes import prepare
    from avvp_lib.workspace import shown

    check_target(args.out, args.audio_gate, args.visual_gate)
    _load_extensions(args)
    model, _ = load_checkpoint(args.checkpoint)
    bench = prepare(args.profile, args.corpus_seed, args.domain, workers=args.workers)
    predictions = predict_split(model, bench, args.split)
    if args.out.suffix == ".csv":
        refuse_gaps(bench, args.split)
        predictions = predictions.decide(args.audio_gate, args.visual_gate)
    write_predictions(args.out, predictions)
    print(f"{len(predictions.videos):,} videos of {bench.corpus.name}, split {args.split}: {shown(args.out)}")


def _parse(args: argparse.Namespace) -> None:
    from avvp_lib.own_video.command import parse_to_folder

    _load_extensions(args)
    _end_kernels_when_terminated()
    parse_to_folder(args)


def _costs(args: argparse.Namespace) -> None:
    from avvp_lib.cost_pages import costs_text, measure_missing, write_costs
    from avvp_lib.workspace import shown

    measure_missing()
    if args.write is None:
        print(costs_text())
        return
    write_costs(args.write)
    print(shown(args.write))


def _doctor(args: argparse.Namespace) -> None:
    from avvp_lib.doctor import doctor

    diagnosis = doctor()
    print(diagnosis)
    if not diagnosis.healthy:
        raise SystemExit(1)


def _add_extensions(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--with", dest="extensions", type=Path, action="append", default=[], metavar="FILE",
        help="a Python file of your own that registers a model, labels or a corpus (examples/); may be repeated",
    )  # fmt: skip


def _add_doors(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands through which data, other people's predictions and ours come in and go out."""
    check = command("check-data", _check_data, "what of a corpus is found, missing or broken, and what to do next")
    check.add_argument(
        "corpus", help="llp, synthetic-llp, avsbench-s4, avsbench-ms3, avss, or synthetic-avs-s4, -ms3 or -avss"
    )
    check.add_argument("--root", type=Path, help="corpus folder")

    score = command("score", _score, "score a file of predictions, of any code base; docs/doors.md shows the two forms")
    score.add_argument("file", type=Path, help=".csv of events, or .npz of arrays")
    score.add_argument("--corpus", default="llp", help="llp or synthetic-llp")
    score.add_argument("--root", type=Path, help="corpus folder")
    score.add_argument("--split", default="test", help="a split with dense labels")
    score.add_argument("--partial", action="store_true", help="score an .npz that lacks some of the split's videos")
    score.add_argument("--out", type=Path, help="JSON file for the scores")

    predict = command("predict", _predict, "write a checkpoint's predictions in a form that `avvp score` reads")
    predict.add_argument("checkpoint", type=Path, help="what save_checkpoint wrote")
    predict.add_argument("--out", type=Path, required=True, help=".npz for probabilities, .csv for decisions")
    predict.add_argument("--profile", default="tutorial", help="smoke, tutorial or paper, as it was trained")
    predict.add_argument("--corpus-seed", type=int, default=0)
    predict.add_argument("--domain", default="studio")
    predict.add_argument("--split", default="test")
    predict.add_argument("--audio-gate", help="of a .csv: global, modality or none")
    predict.add_argument("--visual-gate", help="of a .csv: global, modality or none")
    predict.add_argument("--workers", type=int, help="processes; all cores by default")

    parse = command("parse", _parse, "parse a video of your own, of any length: events, subtitles, labels and a page")
    parse.add_argument("video", type=Path, help="any file that FFmpeg reads")
    parse.add_argument("--out", type=Path, help="folder for the files; <name of the video>.parsed here by default")
    parse.add_argument("--overwrite", action="store_true", help="replace what an earlier parse left in that folder")
    parse.add_argument("--start", type=float, default=0.0, help="seconds")
    parse.add_argument("--end", type=float, help="seconds; the end of the video by default")
    parse.add_argument("--hop", type=int, default=5, help="seconds from one window of ten to the next, 1 to 10")
    parse.add_argument(
        "--on-missing", choices=("error", "fill"), default="error", help="no sound, no picture, or damage"
    )
    parse.add_argument("--video", dest="videos", choices=("link", "copy"), default="link", help="what the page plays")
    trained = parse.add_argument_group("a model that is trained here")
    trained.add_argument("--recipe", default="valor-zero-shot", help="its training is kept, or made if it is not there")
    trained.add_argument("--profile", default="tutorial", help="tutorial or smoke")
    trained.add_argument("--corpus-seed", type=int, default=0)
    trained.add_argument("--seed", type=int, default=0, help="of the training")
    weights = parse.add_argument_group("a file of weights, with the published backbones")
    weights.add_argument("--checkpoint", type=Path, help="what save_checkpoint wrote, or with --model a published file")
    weights.add_argument("--model", help="han, valor, valor+, valor++, jomold, mgn or mm-cse")
    weights.add_argument("--audio-gate", help="global, modality or none; that of the model's paper by default")
    weights.add_argument("--visual-gate", help="likewise")
    weights.add_argument("--weights", type=_named_file, action="append", default=[], metavar="NAME=FILE")
    weights.add_argument("--device", default="cpu", help="of the backbones")
    weights.add_argument("--download", action="store_true", help="fetch weights of backbones that are not here")

    for sub in (score, predict, parse):
        _add_extensions(sub)
    command("doctor", _doctor, "versions, devices, what works on this machine, missing optional parts")


def _add_notebook_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands that run notebooks; docs/reruns.md shows them at work."""
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
        sub.add_argument("--workers", type=int, help="processes; all cores by default")

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


def _add_extraction(command: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """The commands that make features and change their form; docs/extraction.md shows them at work."""
    extract = command(
        "extract", _extract, "extract features of a folder of videos into banks; goes on where it was interrupted"
    )
    extract.add_argument("videos", type=Path, help="folder of media files, or a text file with one path a line")
    extract.add_argument(
        "--backbones", nargs="+", required=True, help="tiny-..., or vggish resnet152 r2plus1d clip clap clap-seconds"
    )
    extract.add_argument("--out", type=Path, required=True, help="folder of the banks")
    extract.add_argument(
        "--on-missing", choices=("error", "fill"), default="error", help="files without sound or picture"
    )
    extract.add_argument(
        "--names",
        type=Path,
        metavar="CSV",
        help="only the videos in the first column of this file, such as AVVP_train.csv",
    )
    published = extract.add_argument_group("published backbones")
    published.add_argument(
        "--weights",
        type=_named_file,
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="weights of one backbone; may be repeated",
    )
    published.add_argument("--download", action="store_true", help="fetch weights that are not on this machine")
    published.add_argument(
        "--device", default="cpu", help="cpu, cuda for all GPUs that are visible, or one, such as cuda:0"
    )
    published.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="only every N-th video, from the I-th; the last shard writes the banks",
    )
    published.add_argument("--retry-failures", action="store_true", help="read again what could not be read")

    convert = command(
        "convert", _convert, "write banks as the published folders of one .npy a video, or such folders as banks"
    )
    convert.add_argument("source", type=Path, help="folder of banks, or corpus folder with feats/, CLAP/, CLIP/")
    convert.add_argument("--to", choices=("folders", "banks"), required=True)
    convert.add_argument("--out", type=Path, required=True)
    convert.add_argument(
        "--names", type=Path, metavar="CSV", help="the videos that banks should hold; by default all that have a file"
    )
    for sub, failed in ((extract, "a video could not be read"), (convert, "videos lack files")):
        sub.add_argument("--llp-ids", action="store_true", help="cut names <id11>_<start>_<end> to eleven characters")
        sub.add_argument("--strict", action="store_true", help=f"exit with status 1 if {failed}")
    return extract


def _add_measuring(command: Callable[..., argparse.ArgumentParser]) -> tuple[argparse.ArgumentParser, ...]:
    """What trains; all of these have workers."""
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
    for name, network in (("--vggish", "VGGish"), ("--encoder", "the visual encoder")):
        measure.add_argument(name, type=Path, help=f"weights of {network}, for segmentation at the published sizes")
    _add_extensions(measure)

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
        "--shard", type=_shard, default=(1, 1), metavar="I/N", help="only measure the I-th of N parts of the cells"
    )
    part = table.add_mutually_exclusive_group()
    part.add_argument("--print-only", action="store_true", help="measure nothing, print and write what is there")
    part.add_argument("--prepare-only", action="store_true", help="only render and extract what the cells need")
    table.add_argument("--claims", type=Path, help="Markdown page to write the verdicts on all claims into")
    table.add_argument(
        "--record", type=Path, help="JSON file that says which cells were asked for; not written if one fails"
    )
    for name, network in (("--vggish", "VGGish"), ("--encoder", "the visual encoder")):
        table.add_argument(name, help=f"weights of {network}, for segmentation at the published sizes")
    _add_extensions(table)

    tune = command(
        "tune", _tune, "validation trials of learning rates on corpus seed 0, the same number for each parser"
    )
    tune.add_argument("names", nargs="*", help="recipes; by default all parsers that learn from zero-shot labels")
    return measure, table, tune


def _add_results(command: Callable[..., argparse.ArgumentParser]) -> None:
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
    render.add_argument(
        "--corpus",
        choices=("synthetic-llp", "synthetic-unav", *(f"synthetic-avs-{setting}" for setting in AVS_SETTINGS)),
        default="synthetic-llp",
        help="LLP's form, UnAV-100's, or one of AVSBench's three",
    )
    render.add_argument("--seed", type=int, default=0, help="0 is for tuning, 1 for reporting")
    render.add_argument("--size", default="tutorial", help="smoke or tutorial")
    render.add_argument("--domain", default="studio", help="studio or street")
    render.add_argument("--out", type=Path, help="corpus folder")

    extract = _add_extraction(command)

    teachers = command("train-teachers", _train_teachers, "train the tiny CLIP and the CLAP-like teacher from scratch")
    teachers.add_argument("--seed", type=int, default=0)
    teachers.add_argument(
        "--wide-text",
        action="store_true",
        help="only text towers of more words, for the shipped picture and sound towers",
    )
    teachers.add_argument("--out", type=Path, help="folder of the weights; the package's own by default")

    measuring = _add_measuring(command)
    _add_results(command)
    _add_notebook_commands(command)
    _add_doors(command)
    for sub in (render, extract, *measuring):
        sub.add_argument("--workers", type=int, help="processes; all cores by default")
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `avvp` command. Bad input ends it with a message, not with a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    args = build_parser().parse_args(arguments)
    try:
        args.function(args)
    except (FileExistsError, FileNotFoundError, NotADirectoryError, ValueError, FloatingPointError) as error:
        raise SystemExit(f"avvp: {error}") from error
    except BrokenProcessPool:
        raise SystemExit(
            "avvp: a worker was killed, most likely because memory ran out. What was done is kept, and the same call goes on: "
            "give it fewer --workers"
        ) from None
    except KeyboardInterrupt:
        raise SystemExit("avvp: interrupted") from None


if __name__ == "__main__":
    main()
