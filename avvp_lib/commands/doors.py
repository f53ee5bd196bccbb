"""`avvp check-data`, `score`, `predict`, `parse`, `doctor`: the ways in and out."""

from __future__ import annotations

import argparse
from pathlib import Path

from avvp_lib.commands.options import (
    AddCommand,
    add_extensions,
    add_workers,
    end_when_terminated,
    load_extensions,
    named_file,
)


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

    load_extensions(args)
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
    load_extensions(args)
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

    load_extensions(args)
    end_when_terminated()
    parse_to_folder(args)


def _doctor(args: argparse.Namespace) -> None:
    from avvp_lib.doctor import doctor

    diagnosis = doctor()
    print(diagnosis)
    if not diagnosis.healthy:
        raise SystemExit(1)


def add_commands(command: AddCommand) -> None:
    """Add them to the command line."""
    for add in (_add_check_data, _add_score, _add_predict, _add_parse):
        add(command)
    command("doctor", _doctor, "versions, devices, what works on this machine, missing optional parts")


def _add_check_data(command: AddCommand) -> None:
    check = command("check-data", _check_data, "what of a corpus is found, missing or broken, and what to do next")
    check.add_argument(
        "corpus", help="llp, synthetic-llp, avsbench-s4, avsbench-ms3, avss, or synthetic-avs-s4, -ms3 or -avss"
    )
    check.add_argument("--root", type=Path, help="corpus folder")


def _add_score(command: AddCommand) -> None:
    score = command("score", _score, "score a file of predictions, of any code base; docs/doors.md shows the two forms")
    score.add_argument("file", type=Path, help=".csv of events, or .npz of arrays")
    score.add_argument("--corpus", default="llp", help="llp or synthetic-llp")
    score.add_argument("--root", type=Path, help="corpus folder")
    score.add_argument("--split", default="test", help="a split with dense labels")
    score.add_argument("--partial", action="store_true", help="score an .npz that lacks some of the split's videos")
    score.add_argument("--out", type=Path, help="JSON file for the scores")
    add_extensions(score)


def _add_predict(command: AddCommand) -> None:
    predict = command("predict", _predict, "write a checkpoint's predictions in a form that `avvp score` reads")
    predict.add_argument("checkpoint", type=Path, help="what save_checkpoint wrote")
    predict.add_argument("--out", type=Path, required=True, help=".npz for probabilities, .csv for decisions")
    predict.add_argument("--profile", default="tutorial", help="smoke, tutorial or paper, as it was trained")
    predict.add_argument("--corpus-seed", type=int, default=0)
    predict.add_argument("--domain", default="studio")
    predict.add_argument("--split", default="test")
    predict.add_argument("--audio-gate", help="of a .csv: global, modality or none")
    predict.add_argument("--visual-gate", help="of a .csv: global, modality or none")
    add_workers(predict)
    add_extensions(predict)


def _add_parse(command: AddCommand) -> None:
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
    weights.add_argument("--weights", type=named_file, action="append", default=[], metavar="NAME=FILE")
    weights.add_argument("--device", default="cpu", help="of the backbones")
    weights.add_argument("--download", action="store_true", help="fetch weights of backbones that are not here")
    add_extensions(parse)
