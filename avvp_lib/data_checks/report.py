"""What a check of a corpus found, as data and as text; and the check of media files, which all corpora share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avvp_lib.workspace import shown

IDS_NAMED = 5
"""How many ids a report lists before it only counts."""


@dataclass(frozen=True)
class FileCheck:
    """One file: `state` is "found", "missing" or "mismatched", and `note` says its version or what is wrong."""

    name: str
    state: str
    note: str = ""
    required: bool = True


@dataclass(frozen=True)
class PartCheck:
    """One part of one split: files that are named after the videos' keys.

    Attributes:
        name: the folder, such as "feats/vggish".
        split: "train", "val" or "test".
        found: keys whose file is there and as it should be.
        missing: keys without a file.
        mismatched: key -> what is wrong with its file.
        cast: how many of the found are of another floating-point type, which readers convert, by type.
        required: whether the corpus is incomplete without it.
    """

    name: str
    split: str
    found: tuple[str, ...]
    missing: tuple[str, ...] = ()
    mismatched: dict[str, str] = field(default_factory=dict)
    cast: dict[str, int] = field(default_factory=dict)
    required: bool = False

    def __len__(self) -> int:
        """How many videos the split has."""
        return len(self.found) + len(self.missing) + len(self.mismatched)

    @property
    def complete(self) -> bool:
        """Whether every video has a file that fits."""
        return not self.missing and not self.mismatched


@dataclass(frozen=True)
class DataReport:
    """What of a corpus is in place.

    Attributes:
        corpus, root: what was looked for, and where.
        files: annotations and the like.
        parts: media, features and labels by split.
        possible: what can be run now, a sentence each.
        steps: what to do next, a sentence each; empty when nothing is left to do.
    """

    corpus: str
    root: Path
    files: tuple[FileCheck, ...]
    parts: tuple[PartCheck, ...]
    possible: tuple[str, ...]
    steps: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all that is required is there and as it should be."""
        required = [file.state == "found" for file in self.files if file.required]
        return all(required) and all(part.complete for part in self.parts if part.required)

    def __str__(self) -> str:
        steps = [f"  {number}. {step}" for number, step in enumerate(self.steps, 1)]
        lines = [f"{self.corpus} in {shown(self.root)}", "", *_file_lines(self.files), "", *_part_lines(self.parts)]
        lines += ["possible now", *(f"  {sentence}" for sentence in self.possible or ("nothing yet",)), ""]
        lines += ["next steps", *steps, ""] if steps else []
        return "\n".join([*lines, "complete" if self.complete else "NOT complete: see the next steps"])


def _file_lines(files: Sequence[FileCheck]) -> list[str]:
    names = [file.name + ("" if file.required else " *") for file in files]
    width = max(map(len, names), default=0)
    return [f"{n:<{width}}  {f.state:<10}  {f.note}".rstrip() for n, f in zip(names, files, strict=True)]


def _part_lines(parts: Sequence[PartCheck]) -> list[str]:
    """A line a part and split, and below it the first of its broken files."""
    if not parts:
        return []
    names = [part.name + ("" if part.required else " *") for part in parts]
    width = max(map(len, names))
    lines = [f"{'':<{width}}  split    found  missing  mismatched"]
    for name, part in zip(names, parts, strict=True):
        counts = f"{len(part.found):>7,} {len(part.missing):>8,} {len(part.mismatched):>11,}"
        lines.append(f"{name:<{width}}  {part.split:<6}{counts}")
        lines += [f"    {key}: {why}" for key, why in list(part.mismatched.items())[:IDS_NAMED]]
        lines += [f"    {number:,} are {dtype}: readers convert them" for dtype, number in part.cast.items()]
    return [*lines, *(["* optional"] if not all(part.required for part in parts) else []), ""]


def media_part(root: Path, split: str, keys: Sequence[str], required: bool) -> PartCheck:
    """The clips: whether they are there and hold a byte. Decoding them all would take hours."""
    folder = root / "videos"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()} if folder.is_dir() else {}
    empty = {key: "is empty (0 bytes)" for key in keys if sizes.get(f"{key}.mp4") == 0}
    found = tuple(key for key in keys if sizes.get(f"{key}.mp4", 0) > 0)
    return PartCheck("videos", split, found, tuple(k for k in keys if f"{k}.mp4" not in sizes), empty, {}, required)


def named(keys: Sequence[str]) -> str:
    """The first few keys."""
    return ", ".join(keys[:IDS_NAMED]) + (", ..." if len(keys) > IDS_NAMED else "")
