"""Features of videos of any length: banks whose rows after a video's end are zero.

The backbones take ten seconds. A longer video is decoded once and cut into windows of ten seconds; a last, shorter window is filled up with
silence and its last frame, and the rows of the filling are dropped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avvp_lib.features.backbones import SEGMENTS, build_backbone
from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.extraction import (
    ExtractionReport,
    check_asked,
    feature_code,
    file_state,
    shared_backbone,
    write_banks,
)
from avvp_lib.features.media import Media, read_media
from avvp_lib.provenance import code_digest, json_digest

MODULE = "avvp_lib.features.long_videos"


def extract_padded(
    videos: Mapping[str, Path],
    seconds: Mapping[str, int],
    backbones: Sequence[str],
    out: Path,
    workers: int | None = None,
    progress: bool = True,
) -> ExtractionReport:
    """Extract one feature vector a second of videos of any length, into one bank (N, T, D) a backbone, out/<backbone>.

    Resumable, kept while current, and failing videos left out, all as in `extract`.

    Args:
        videos: id -> media file.
        seconds: id -> segments that belong to the video, at least 1; T is the largest. Others' rows are zero behind them.
        backbones: names of the registry; each must return a vector a second.
        out: folder of the banks.
        workers: processes; the machine's cores by default.
        progress: show a bar.

    Raises:
        ValueError: no videos, no backbones or an unknown one; a video without a length, or one below 1.
        MediaError: not one of the videos can be read.
    """
    check_asked(videos, backbones)
    unknown = [key for key in videos if key not in seconds]
    if unknown:
        raise ValueError(f"seconds must name every video; {len(unknown)} are missing, {unknown[0]!r} first")
    lengths = {key: int(seconds[key]) for key in videos}
    short = [key for key, length in lengths.items() if length < 1]
    if short:
        raise ValueError(f"seconds of {short[0]!r} must be at least 1, not {lengths[short[0]]}")
    longest = max(lengths.values())
    cards = {name: padded_card(build_backbone(name).card, longest) for name in backbones}
    files = {key: [file_state(path), lengths[key]] for key, path in videos.items()}
    code = json_digest([feature_code(), code_digest(MODULE)])[:16]
    made_from = {"inputs": json_digest([files, longest]), "code": code}
    asked = {key: (files[key], (str(path), lengths[key], longest)) for key, path in videos.items()}
    return write_banks(asked, cards, Path(out), made_from, ["padded"], _encode_padded, workers, progress)


def padded_card(card: BackboneCard, longest: int) -> BackboneCard:
    """The card of a bank of `longest` seconds, from that of the backbone, which takes ten.

    Raises:
        ValueError: the backbone does not return one vector a second.
    """
    if card.output_shape[0] != SEGMENTS:
        raise ValueError(
            f"{card.name} returns {card.output_shape[0]} vectors for {SEGMENTS} seconds: one each is needed"
        )
    rule = f"{card.input_rule}; in windows of {SEGMENTS} s, zero after the end"
    return replace(card, input_rule=rule, output_shape=(longest, card.output_shape[1]))


def _encode_padded(names: Sequence[str], path: str, seconds: int, longest: int) -> list[np.ndarray]:
    """(longest, D) of each backbone, from one decode."""
    reading = shared_backbone(names[0]).reading
    windows = math.ceil(seconds / SEGMENTS)
    media = read_media(Path(path), **{**reading, "seconds": float(windows * SEGMENTS)})
    pieces = _windows(media, windows)
    return [
        _padded(np.concatenate([shared_backbone(name)(piece) for piece in pieces])[:seconds], longest) for name in names
    ]


def _windows(media: Media, number: int) -> list[Media]:
    """The clip in `number` pieces of equal length."""
    frames, sounds = np.split(media.frames, number), np.split(media.waveform, number)
    return [replace(media, frames=f, waveform=w) for f, w in zip(frames, sounds, strict=True)]


def _padded(rows: np.ndarray, longest: int) -> np.ndarray:
    """(longest, D): zeros behind the rows (T, D)."""
    return np.pad(rows, ((0, longest - len(rows)), (0, 0)))


@dataclass(frozen=True)
class SecondFeatures:
    """One folder of features that somebody else extracted from UnAV-100, a vector a second.

    Attributes:
        folder: below the corpus folder.
        name, modality, width: of the card.
    """

    folder: str
    name: str
    modality: str
    width: int


# UWAV's layout, the widths of CLIP ViT-L/14 and of CLAP.
UNAV_FEATURES = {
    "clap": SecondFeatures("feats_CLAP/segment_feats", "clap", "audio", 512),
    "clip": SecondFeatures("feats_CLIP/segment_feats", "clip", "visual_2d", 768),
}
LENGTH_TOLERANCE = 1  # seconds by which an extractor may have rounded a video's length otherwise


def read_unav_features(
    root: Path, name: str, seconds: Mapping[str, int], longest: int | None = None, width: int | None = None
) -> FeatureBank:
    """Read per-second features of UnAV-100, root/feats_CLIP (feats_CLAP)/segment_feats/<id>.npy, into a padded bank in memory.

    Args:
        root: the corpus folder.
        name: "clip" or "clap".
        seconds: id -> segments of the video; decides which files are read and in which order.
        longest: T of the bank; by default the largest of `seconds`.
        width: D of the files if it is not the published one (768 for CLIP, 512 for CLAP).

    Returns:
        The bank, (N, T, D) float32. A file may have one row more or less than its video has seconds, since extractors round lengths
        in their own ways: what is too long is cut, and where the last row is missing the one before it is repeated.

    Raises:
        ValueError: an unknown name, or `longest` shorter than a video.
        BankError: folder or files are absent, unreadable, of another width or length, or hold NaN or infinity.
    """
    if name not in UNAV_FEATURES:
        raise ValueError(f"unknown features {name!r}: choose one of {', '.join(UNAV_FEATURES)}")
    kind = UNAV_FEATURES[name]
    folder = Path(root) / kind.folder
    if not folder.is_dir():
        raise BankError(f"{folder}: no such folder. It should hold one <id>.npy a video, (seconds, {kind.width})")
    absent = [key for key in seconds if not (folder / f"{key}.npy").is_file()]
    if absent:
        raise BankError(f"{folder} lacks {len(absent)} of {len(seconds)} feature files, {absent[0]}.npy first")
    longest = max(seconds.values()) if longest is None else longest
    if longest < max(seconds.values()):
        raise ValueError(f"longest is {longest} s, but a video has {max(seconds.values())}")
    width = kind.width if width is None else width
    card = BackboneCard(
        name=kind.name,
        revision="not published with the files",
        modality=kind.modality,
        input_rule="one vector a second, zero after the end",
        output_shape=(longest, width),
        dtype="float32",
        activation="none",
        normalisation="not stated",
        licence="not stated",
    )
    rows = [_padded(_read_seconds(folder / f"{key}.npy", length, width), longest) for key, length in seconds.items()]
    bank = FeatureBank(tuple(seconds), np.stack(rows), card, folder)
    bank.take(bank.ids)  # refuses NaN and infinity
    return bank


def _read_seconds(file: Path, seconds: int, width: int) -> np.ndarray:
    """(seconds, width) float32 from one file."""
    try:
        rows = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BankError(f"{file} is not a readable .npy array ({error}). Download or extract it again") from error
    if rows.ndim != 2 or rows.shape[1] != width or not np.issubdtype(rows.dtype, np.floating):
        raise BankError(f"{file} is {rows.shape} {rows.dtype}, not (seconds, {width}) floating point")
    if abs(len(rows) - seconds) > LENGTH_TOLERANCE or not len(rows):
        raise BankError(
            f"{file} has {len(rows)} rows for a video of {seconds} s: another extraction, or another video?"
        )
    missing = max(0, seconds - len(rows))
    return np.pad(rows[:seconds], ((0, missing), (0, 0)), mode="edge").astype(np.float32)
