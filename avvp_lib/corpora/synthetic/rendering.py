"""Fill a corpus folder with rendered videos: what the writers of all synthetic corpora share.

A folder is begun, gone on with, renewed or left alone: never half one corpus and half another. Rendering may be interrupted or killed at
any time and comes out the same.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from avvp_lib.locks import exclusive
from avvp_lib.parallel import run_tasks
from avvp_lib.provenance import remove_unfinished, write_json
from avvp_lib.workspace import shown

logger = logging.getLogger(__name__)

SPLITS = ("train", "val", "test")
Task = tuple[str, int]  # a split and a number in it


class Settings(Protocol):
    """What decides a corpus, as far as its files are concerned."""

    @property
    def prefix(self) -> str: ...

    def keys(self, split: str) -> list[str]: ...


@dataclass(frozen=True)
class Rendering:
    """A corpus and how it is made.

    Attributes:
        root: its folder.
        settings: gives the keys of each split, <prefix>-<r, v or t><five digits>.
        card: what corpus.json says. Its entry "renderer" tells one version of the renderer from another.
        tables: every annotation file.
        write_annotations: writes them all.
        render_chunk: a function of a module, from root, settings and tasks; writes the videos and returns their number.
        videos_per_task: what one call of it renders.
    """

    root: Path
    settings: Settings
    card: dict[str, Any]
    tables: tuple[Path, ...]
    write_annotations: Callable[[Path, Any], None]
    render_chunk: Callable[[Path, Any, list[Task]], int]
    videos_per_task: int

    @property
    def videos(self) -> dict[Path, Task]:
        """Every video file, with its split and number."""
        return {
            self.root / "videos" / f"{key}.mp4": (split, index)
            for split in SPLITS
            for index, key in enumerate(self.settings.keys(split))
        }

    @property
    def folders(self) -> list[Path]:
        """Where unfinished files may lie."""
        return [self.root, *(self.root / name for name in ("annotations", "truth", "videos"))]


def render_missing(corpus: Rendering, workers: int | None, progress: bool, renew: bool) -> Path:
    """Write the annotations and render the videos that are not there yet; returns the folder.

    Args:
        corpus: which, and how.
        workers: processes; the machine's cores by default.
        progress: show a bar.
        renew: where another version of the renderer made this same corpus, delete its files and render it again.

    Raises:
        ValueError: the folder holds a corpus that other settings, or another version of the renderer, made; or other files.
    """
    root = corpus.root
    if not _is_outdated(corpus, renew) and _is_complete(corpus):  # nothing is written into a foreign folder
        return root
    with exclusive(root):
        remove_unfinished(*corpus.folders)
        if _is_outdated(corpus, renew):
            logger.warning("%s was made by another version of the renderer: it is rendered again", shown(root))
            _delete_files(corpus)
        write_json(root / "corpus.json", corpus.card)  # replaces an old one only when the old files are gone
        corpus.write_annotations(root, corpus.settings)  # first: a corpus is complete when its last video is there
        tasks = [task for path, task in corpus.videos.items() if not path.is_file()]
        logger.info("rendering %d videos into %s", len(tasks), root)
        step = corpus.videos_per_task
        chunks = [(root, corpus.settings, tasks[i : i + step]) for i in range(0, len(tasks), step)]
        run_tasks(corpus.render_chunk, chunks, workers, len(tasks), f"render {root.name}", progress)
        remove_unfinished(*corpus.folders)  # of workers that outlived a killed run by a moment
    return root


def read_card(root: Path, settings: Callable[[dict[str, Any]], Settings], command: str) -> dict[str, Any]:
    """The card of a rendered corpus whose videos are all there.

    Args:
        root: the corpus folder.
        settings: from the card to the settings.
        command: what renders such a corpus, for the message.

    Raises:
        FileNotFoundError: nothing was rendered at `root`, or the rendering was interrupted; says how to go on.
    """
    card_file = root / "corpus.json"
    if not card_file.is_file():
        raise FileNotFoundError(f"no synthetic corpus in {shown(root)}. Render one with: {command} --out {shown(root)}")
    card = json.loads(card_file.read_text(encoding="utf-8"))
    keys = [key for split in SPLITS for key in settings(card).keys(split)]
    absent = [key for key in keys if not (root / "videos" / f"{key}.mp4").is_file()]
    if absent:
        raise FileNotFoundError(
            f"{shown(root)} is not complete: {len(absent)} videos are missing, {absent[0]}.mp4 first. Go on with: "
            f"{command} --out {shown(root)} --seed {card['seed']} --size {card['size']} --domain {card['domain']}"
        )
    return card


def _is_outdated(corpus: Rendering, renew: bool) -> bool:
    """Whether an older renderer's files must go first. Refuses a folder that is neither new nor of this corpus."""
    root, card = corpus.root, corpus.card
    path = root / "corpus.json"
    if not path.is_file():
        if root.is_dir() and any(not file.name.startswith(".") for file in root.iterdir()):
            raise ValueError(
                f"{root} holds files of something else, which a corpus could overwrite: choose an empty folder"
            )
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    different = sorted(name for name in card if found.get(name) != card[name])
    if different and not (renew and different == ["renderer"]):
        raise ValueError(
            f"{root} holds another corpus: {', '.join(f'{n} is {found.get(n)!r}, not {card[n]!r}' for n in different)}. "
            "Choose another folder, or delete this one to render it again."
        )
    return bool(different)


def _is_complete(corpus: Rendering) -> bool:
    return all(path.is_file() for path in (corpus.root / "corpus.json", *corpus.tables, *corpus.videos))


def _delete_files(corpus: Rendering) -> None:
    """Delete a corpus' videos and annotations and nothing else. Its card goes last, so that a killed deletion can go on."""
    videos = (corpus.root / "videos").glob(f"{corpus.settings.prefix}-[rvt]?????.mp4")
    for path in [*videos, *corpus.tables]:
        path.unlink(missing_ok=True)
