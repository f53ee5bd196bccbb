"""The segment pseudo-labels that VALOR's authors publish for LLP: what the full-size CLAP and CLIP say, one .npy file a video."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avvp_lib.pseudo_labels.zero_shot import PseudoLabels

FOLDERS = {"audio": "CLAP/segment_pseudo_labels", "visual": "CLIP/segment_pseudo_labels"}
SOURCE = "Hugging Face has them as NTUBarista/valor_features"
SEGMENTS = 10
BYTES_A_VIDEO = 2128
"""Of a file: (10, 25) int64 and numpy's header."""

IDS_NAMED = 5
"""How many videos an error message lists before it only counts."""


def read_valor_labels(
    root: Path, keys: Sequence[str], video_labels: np.ndarray, categories: Sequence[str]
) -> PseudoLabels:
    """Read root/CLAP/segment_pseudo_labels and root/CLIP/segment_pseudo_labels, a (10, C) file of 0 and 1 for each video.

    Args:
        root: the corpus folder.
        keys: N names of files without .npy; for LLP the 11-character ids.
        video_labels: (N, C) bool. The published labels hold nothing else, so anything else betrays wrong files.
        categories: C names, for messages.

    Returns:
        The labels; the provenance holds the SHA-256 of ids and values.

    Raises:
        FileNotFoundError: a folder or a video's file is absent; says which, and where they are published.
        ValueError: a file is unreadable, of another shape, holds anything but 0 and 1, or a category outside the video label.
    """
    folders = {modality: Path(root) / folder for modality, folder in FOLDERS.items()}
    _check_present(folders, keys)
    grids = {}
    for modality, folder in folders.items():
        shape = (SEGMENTS, video_labels.shape[1])
        files = [folder / f"{key}.npy" for key in keys]
        grids[modality] = np.stack([_read_grid(file, shape) for file in files])
        _check_gated(grids[modality], video_labels, files, categories)
    digest = hashlib.sha256("\n".join(keys).encode())
    for grid in grids.values():
        digest.update(grid.tobytes())
    provenance = {"method": "zero-shot (VALOR), as published", "sha256": digest.hexdigest()}
    return PseudoLabels(tuple(keys), grids["audio"], grids["visual"], provenance)


def _check_present(folders: dict[str, Path], keys: Sequence[str]) -> None:
    for modality, folder in folders.items():
        if not folder.is_dir():
            raise FileNotFoundError(
                f"no folder {folder}: it should hold VALOR's {modality} pseudo-labels, one <id>.npy of shape (10, 25) a "
                f"video, for {len(keys):,} videos {len(keys) * BYTES_A_VIDEO / 1e6:.1f} MB; {SOURCE}. data/README.md shows "
                "the whole layout"
            )
        present = {path.name for path in folder.iterdir()}
        absent = [key for key in keys if f"{key}.npy" not in present]
        if absent:
            named = ", ".join(absent[:IDS_NAMED]) + (", ..." if len(absent) > IDS_NAMED else "")
            raise FileNotFoundError(
                f"{folder} lacks the pseudo-labels of {len(absent)} of {len(keys)} videos: {named} (.npy). {SOURCE}"
            )


def _read_grid(file: Path, shape: tuple[int, int]) -> np.ndarray:
    """(T, C) float32 of 0 and 1."""
    try:
        grid = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{file} is not a readable .npy array ({error}): download it again") from error
    if grid.shape != shape:
        raise ValueError(f"{file} is {grid.shape}; segment pseudo-labels of a video are {shape}")
    wrong = grid[(grid != 0) & (grid != 1)]  # a NaN is neither
    if wrong.size:
        raise ValueError(f"{file} holds {wrong[0]}; published pseudo-labels are 0 or 1. Similarities, or soft labels?")
    return grid.astype(np.float32)


def _check_gated(grids: np.ndarray, video_labels: np.ndarray, files: list[Path], categories: Sequence[str]) -> None:
    outside = np.argwhere(grids.any(1) & ~video_labels)
    if len(outside):
        video, category = outside[0]
        raise ValueError(
            f"{files[video]} marks {categories[category]}, which the video is not labelled with; VALOR's files never do. "
            "Are they of other videos, or their categories in another order?"
        )
