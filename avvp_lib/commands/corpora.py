"""`avvp render`, `extract`, `convert`, `train-teachers`: media and what backbones make of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from avvp_lib.commands.options import AddCommand, add_workers, named_file, shard

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
    names = [option.removeprefix("--").replace("-", "_") for option in options]
    return all(getattr(args, name) == args.parser.get_default(name) for name in names)


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


def add_commands(command: AddCommand) -> None:
    """Add them to the command line; docs/extraction.md shows those of features at work."""
    _add_render(command)
    extract, convert = _add_extract(command), _add_convert(command)
    for sub, failed in ((extract, "a video could not be read"), (convert, "videos lack files")):
        sub.add_argument("--llp-ids", action="store_true", help="cut names <id11>_<start>_<end> to eleven characters")
        sub.add_argument("--strict", action="store_true", help=f"exit with status 1 if {failed}")
    _add_train_teachers(command)


def _add_render(command: AddCommand) -> None:
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
    add_workers(render)


def _add_extract(command: AddCommand) -> argparse.ArgumentParser:
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
        type=named_file,
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
        type=shard,
        default=(1, 1),
        metavar="I/N",
        help="only every N-th video, from the I-th; the last shard writes the banks",
    )
    published.add_argument("--retry-failures", action="store_true", help="read again what could not be read")
    add_workers(extract)
    return extract


def _add_convert(command: AddCommand) -> argparse.ArgumentParser:
    convert = command(
        "convert", _convert, "write banks as the published folders of one .npy a video, or such folders as banks"
    )
    convert.add_argument("source", type=Path, help="folder of banks, or corpus folder with feats/, CLAP/, CLIP/")
    convert.add_argument("--to", choices=("folders", "banks"), required=True)
    convert.add_argument("--out", type=Path, required=True)
    convert.add_argument(
        "--names", type=Path, metavar="CSV", help="the videos that banks should hold; by default all that have a file"
    )
    return convert


def _add_train_teachers(command: AddCommand) -> None:
    teachers = command("train-teachers", _train_teachers, "train the tiny CLIP and the CLAP-like teacher from scratch")
    teachers.add_argument("--seed", type=int, default=0)
    teachers.add_argument(
        "--wide-text",
        action="store_true",
        help="only text towers of more words, for the shipped picture and sound towers",
    )
    teachers.add_argument("--out", type=Path, help="folder of the weights; the package's own by default")
