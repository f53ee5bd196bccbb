"""The folder of a parsed video: all of its files or none.

Files are made in a hidden folder beside the one that was asked for, which takes its name when everything is done. An interrupted or
failed run leaves nothing under the name that was asked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import av

from avvp_lib.own_video.exports import audacity_labels, elan, events_csv, parsed_json, webvtt
from avvp_lib.own_video.page import page_html
from avvp_lib.own_video.parsing import ParsedVideo

FILES = ("events.csv", "parsed.json", "subtitles.vtt", "audacity_labels.txt", "elan.eaf", "index.html")
COPY = "video"  # and the suffix
PLAYABLE = (".mp4", ".m4v", ".webm")
Videos = Literal["link", "copy"]


class OutputError(ValueError):
    """A folder that cannot or must not be written."""


@contextmanager
def whole_folder(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder that becomes `folder` when the block ends well, and vanishes when it does not.

    Args:
        folder: absent or empty, unless `overwrite`; then it may hold the files of an earlier parse, and nothing else.

    Raises:
        OutputError: there is something in the folder, or nobody may write where it should be.
    """
    folder = Path(folder).absolute()
    _refuse_what_is_there(folder, overwrite)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}): choose another --out") from error
    try:
        yield temporary
        _refuse_what_is_there(folder, overwrite)
        _take_its_place(temporary, folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror}): nothing was left there") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _refuse_what_is_there(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file: choose another --out")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not there:
        return
    if not overwrite:
        raise OutputError(f"{folder} is not empty: choose another --out, or --overwrite what an earlier parse left")
    strange = [name for name in there if name not in FILES and Path(name).stem != COPY]
    if strange or "parsed.json" not in there:
        raise OutputError(
            f"{folder} holds more than an earlier parse left ({', '.join(strange[:3]) or 'and no parsed.json'}): it is not overwritten"
        )


def _take_its_place(temporary: Path, folder: Path) -> None:
    """Rename, so that at every moment there is the old folder or the new one, or for a blink none."""
    old = temporary.with_name(f"{temporary.name}.old")
    if folder.exists():
        os.rename(folder, old)
    try:
        os.rename(temporary, folder)
    except BaseException:
        if old.exists():
            os.rename(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_files(parsed: ParsedVideo, temporary: Path, folder: Path, videos: Videos = "link") -> list[str]:
    """Write every form of a parsed video into a temporary folder that will be `folder`; returns the files' names.

    Args:
        videos: "link" leaves the video where it is, and page and ELAN file name the way to it; "copy" puts a copy beside them. Where a
            browser does not play the container (.mkv, .mov, .avi), picture and sound are put into an .mp4 as they are, not encoded again.

    Raises:
        OutputError: a copy in .mp4 was asked for, and the codecs do not go into one.
    """
    media = parsed.path.absolute()
    if videos == "copy":
        media = folder / _copied(parsed.path, temporary).name
    texts = (
        events_csv(parsed),
        parsed_json(parsed),
        webvtt(parsed),
        audacity_labels(parsed),
        elan(parsed, media, folder),
        page_html(parsed, media, folder),
    )
    for name, text in zip(FILES, texts, strict=True):
        (temporary / name).write_text(text, encoding="utf-8")
    return sorted(path.name for path in temporary.iterdir())


def _copied(video: Path, folder: Path) -> Path:
    if video.suffix.lower() in PLAYABLE:
        return Path(shutil.copyfile(video, folder / f"{COPY}{video.suffix.lower()}"))
    target = folder / f"{COPY}.mp4"
    try:
        remux(video, target)
    except (av.FFmpegError, ValueError) as error:
        raise OutputError(
            f"the codecs of {video.name} do not go into an .mp4 as they are ({error}): leave out --video copy, or convert the file first"
        ) from error
    return target


def remux(video: Path, target: Path) -> None:
    """The first moving picture and the first sound of a file in another container, not encoded again."""
    with av.open(str(video)) as source, av.open(str(target), "w", options={"movflags": "faststart"}) as made:
        streams = {
            stream.index: made.add_stream_from_template(stream)
            for stream in (*source.streams.video[:1], *source.streams.audio[:1])
        }
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
