"""What every corpus is once it has been read, real or rendered: named splits of videos with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

GRIDS = ("audio", "visual", "audio_visual")


@dataclass(frozen=True, eq=False)
class CorpusSplit:
    """One split: N videos, T segments of one second, C categories.

    Attributes:
        name: "train", "val" or "test".
        videos: N annotation ids, such as "BjCEufrlXm4_20_30"; dense labels are joined by them.
        keys: N stems of feature and media files, such as "BjCEufrlXm4"; features are joined by them.
        video_labels: (N, C) bool, the weak labels: which categories occur somewhere in the video.
        audio: (N, T, C) bool, which categories are audible in each segment; None where only weak labels exist.
        visual: (N, T, C) bool, which categories are visible in each segment; None where only weak labels exist.
        audio_visual: (N, T, C) bool, which categories are audible and visible at once: all that a corpus for dense
            audio-visual localisation labels; None elsewhere.
        lengths: (N,) int, segments that belong to the video where videos differ in length and grids are zero-padded;
            None where all T segments do.

    Raises:
        ValueError: an array has the wrong shape or dtype, or an id occurs twice.
    """

    name: str
    videos: tuple[str, ...]
    keys: tuple[str, ...]
    video_labels: np.ndarray
    audio: np.ndarray | None = None
    visual: np.ndarray | None = None
    audio_visual: np.ndarray | None = None
    lengths: np.ndarray | None = None

    def __post_init__(self) -> None:
        number = len(self.videos)
        if len(self.keys) != number:
            raise ValueError(f"split {self.name!r} needs one key per video, not {len(self.keys)} for {number}")
        _refuse_repeats(self.videos, f"videos of split {self.name!r}")
        _refuse_repeats(self.keys, f"keys of split {self.name!r}")
        self._check("video_labels", self.video_labels, ("videos", "categories"))
        if self.video_labels.shape[0] != number:
            raise ValueError(
                f"split {self.name!r}: video_labels has {self.video_labels.shape[0]} rows for {number} videos"
            )
        for name in GRIDS:
            self._check_grid(name, getattr(self, name))
        if self.audio is not None and self.visual is not None and self.audio.shape != self.visual.shape:
            raise ValueError(
                f"split {self.name!r}: audio {self.audio.shape} and visual {self.visual.shape} must have one shape"
            )
        self._check_lengths()

    def _check(self, what: str, array: np.ndarray, axes: tuple[str, ...]) -> None:
        if not isinstance(array, np.ndarray) or array.dtype != np.bool_ or array.ndim != len(axes):
            found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"split {self.name!r}: {what} must be bool of shape ({', '.join(axes)}), not {found}")

    def _check_grid(self, modality: str, grid: np.ndarray | None) -> None:
        if grid is None:
            return
        self._check(modality, grid, ("videos", "segments", "categories"))
        if (grid.shape[0], grid.shape[2]) != self.video_labels.shape:
            raise ValueError(
                f"split {self.name!r}: {modality} has shape {grid.shape}, which does not fit "
                f"{self.video_labels.shape[0]} videos and {self.video_labels.shape[1]} categories"
            )

    def _check_lengths(self) -> None:
        if self.lengths is None:
            return
        if self.lengths.shape != (len(self),) or not np.issubdtype(self.lengths.dtype, np.integer):
            raise ValueError(f"split {self.name!r}: lengths must be {len(self)} integers, one per video")
        for grid in (getattr(self, name) for name in GRIDS):
            if grid is not None and not ((self.lengths >= 0) & (self.lengths <= grid.shape[1])).all():
                raise ValueError(f"split {self.name!r}: lengths must lie in 0 ... {grid.shape[1]}, the grid's segments")

    def __len__(self) -> int:
        return len(self.videos)

    def subset(self, indices: Sequence[int] | np.ndarray) -> CorpusSplit:
        """The videos at `indices` (integers, in the order given), with everything that belongs to them."""
        chosen = np.asarray(indices, dtype=np.intp)
        arrays = {
            f.name: None if getattr(self, f.name) is None else getattr(self, f.name)[chosen]
            for f in fields(self)
            if f.name not in ("name", "videos", "keys")
        }
        return CorpusSplit(
            name=self.name,
            videos=tuple(self.videos[i] for i in chosen),
            keys=tuple(self.keys[i] for i in chosen),
            **arrays,
        )


@dataclass(frozen=True, eq=False)
class Corpus:
    """A corpus on disk: its categories, its splits and where both came from.

    Attributes:
        name: "llp", "synthetic-llp/tutorial-studio-0", ...
        categories: C names; their order is the order of every category axis.
        splits: the splits by name.
        root: the folder that holds videos/ and annotations/.
        provenance: what a result should say about its data: file hashes, versions, what the reader met.

    Raises:
        ValueError: a split does not have C categories, a category occurs twice, or a video or key is in two splits.
    """

    name: str
    categories: tuple[str, ...]
    splits: dict[str, CorpusSplit]
    root: Path
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _refuse_repeats(self.categories, f"categories of {self.name}")
        for split in self.splits.values():
            if split.video_labels.shape[1] != len(self.categories):
                raise ValueError(
                    f"{self.name}: split {split.name!r} has {split.video_labels.shape[1]} categories, "
                    f"the corpus {len(self.categories)}"
                )
        for what in ("videos", "keys"):
            names = [name for split in self.splits.values() for name in getattr(split, what)]
            _refuse_repeats(names, f"{what} of {self.name}, all splits together")

    def media_path(self, key: str) -> Path:
        """The media file of a key: root/videos/<key>.mp4. Whether it exists is not checked."""
        return self.root / "videos" / f"{key}.mp4"


def _refuse_repeats(names: Sequence[str], what: str) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name!r} occurs twice among the {what}; each must be unique")
        seen.add(name)
