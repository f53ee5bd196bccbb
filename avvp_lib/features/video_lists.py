"""Which videos are meant: those of a folder, those that a text file lists, or those of them that a corpus' CSV names.

The id of a video is the name of its file without suffix; with `llp_ids` the eleven characters before `_<start>_<end>`, by which LLP's
features are published.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

MEDIA_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4", ".webm")
LLP_NAME = re.compile(r"(?P<id>.{11})_\d+_\d+")
"""<id11>_<start>_<end>. Ids may begin with "-" or hold "_", so nothing is split at those."""


def find_videos(source: Path, names: Path | None = None, llp_ids: bool = False) -> dict[str, Path]:
    """The videos of a folder or of a list, by id in sorted order.

    Args:
        source: a folder, whose media files are taken (not those of folders in it, nor hidden ones); or a video; or a text file with one
            path a line, relative to the list's own folder. What a list names need not be there: the extraction says what it found.
        names: a CSV whose first column names the videos to take, with a header, separated by tabs or commas, as LLP's. A video that it
            names and the source lacks is kept as <source>/<name>.mp4, so that the extraction reports it as absent.
        llp_ids: cut names of the form <id11>_<start>_<end> to their first eleven characters, in the source and in the CSV.

    Raises:
        FileNotFoundError: no such folder, list or CSV, or no video in it.
        ValueError: two files have one id.
    """
    source = Path(source)
    if source.is_dir():
        files = [path for path in source.iterdir() if path.suffix.lower() in MEDIA_SUFFIXES and path.name[0] != "."]
    elif source.suffix.lower() in MEDIA_SUFFIXES:
        files = [source]
    elif source.is_file():
        files = [source.parent / line for line in _lines(source)]
    else:
        raise FileNotFoundError(f"{source} is neither a folder of videos nor a text file that lists some")
    if not files:
        raise FileNotFoundError(f"no video files in {source}: expected {', '.join(MEDIA_SUFFIXES)}")
    videos = _by_id(files, source, llp_ids)
    if names is None:
        return videos
    folder = source if source.is_dir() else source.parent
    wanted = {video_id(name, llp_ids): name for name in named_videos(names)}
    return {video: videos.get(video, folder / f"{name}.mp4") for video, name in sorted(wanted.items())}


def video_id(name: str, llp_ids: bool = False) -> str:
    """The id of a file name without suffix."""
    found = LLP_NAME.fullmatch(name) if llp_ids else None
    return found["id"] if found else name


def named_videos(path: Path) -> list[str]:
    """The first column of a CSV without its header, each name once.

    Raises:
        FileNotFoundError: there is no such file, or no row in it.
    """
    names = list(dict.fromkeys(re.split("[\t,]", line)[0].strip() for line in _lines(path)[1:]))
    if not names:
        raise FileNotFoundError(
            f"{path} names no videos: expected a header and then a video in the first column of each row"
        )
    return names


def _lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {path}")
    return [line for line in Path(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def _by_id(files: Iterable[Path], source: Path, llp_ids: bool) -> dict[str, Path]:
    ids = [(video_id(path.stem, llp_ids), path) for path in sorted(files)]
    video, number = Counter(video for video, _ in ids).most_common(1)[0]
    if number > 1:
        raise ValueError(f"{number} files in {source} are called {video}: features are joined by it, so rename them")
    return dict(sorted(ids))
