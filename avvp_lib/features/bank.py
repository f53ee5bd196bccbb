"""Feature banks: one array per backbone with the ids of its rows, the backbone's card and a content hash.

A bank is a folder with two files. `features-<hash>.npy` is the (N, T', D) array, memory-mapped when opened;
`bank.json` names it and holds the ids, the card and the hash, and is replaced last and atomically: a reader sees the
old bank or the new one, never half of either. Writers take turns. Rows are always fetched by id, never by position:

    bank = FeatureBank.open("outputs/features/tiny-clip")
    features = bank.take(split.keys)            # (n, T', D) float32, in the order of the keys
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avvp_lib import __version__
from avvp_lib.locks import exclusive
from avvp_lib.provenance import atomic_path, remove_unfinished, write_json
from avvp_lib.records import note_input

MODALITIES = ("audio", "visual_2d", "visual_3d")
DTYPES = ("float16", "float32")
BLOCK_BYTES = 1 << 24
"""How much of an array is checked and hashed at a time, so that a bank larger than memory can be."""

OPENING_ATTEMPTS = 10
"""How often opening is tried while another process replaces the bank."""

IDS_NAMED = 5
"""How many ids an error message lists before it only counts."""


class BankError(ValueError):
    """A feature bank that is broken or lacks what was asked; the message names the folder, the id and the way out."""


@dataclass(frozen=True)
class BackboneCard:
    """What a stored feature says about its origin; two banks are comparable when their cards are equal.

    name, revision: the backbone and its version or weight hash. modality: "audio", "visual_2d" or "visual_3d".
    input_rule: how frames or samples were chosen and scaled. output_shape: (T', D) of one video.
    dtype: "float16" or "float32" on disk. activation, normalisation: what was applied last to the output.
    licence: of the weights.
    """

    name: str
    revision: str
    modality: Literal["audio", "visual_2d", "visual_3d"]
    input_rule: str
    output_shape: tuple[int, int]
    dtype: Literal["float16", "float32"]
    activation: str
    normalisation: str
    licence: str

    def __post_init__(self) -> None:
        # JSON gives a list back; equality of cards needs a tuple.
        object.__setattr__(self, "output_shape", tuple(int(size) for size in self.output_shape))
        if self.modality not in MODALITIES:
            raise ValueError(f"card of {self.name}: modality must be one of {MODALITIES}, got {self.modality!r}")
        if self.dtype not in DTYPES:
            raise ValueError(f"card of {self.name}: dtype must be one of {DTYPES}, got {self.dtype!r}")
        if len(self.output_shape) != 2 or min(self.output_shape) < 1:
            raise ValueError(f"card of {self.name}: output_shape must be (T', D), got {self.output_shape}")

    def to_dict(self) -> dict[str, Any]:
        """The card as plain values for JSON; `BackboneCard(**values)` reads it back."""
        return {**asdict(self), "output_shape": list(self.output_shape)}


class FeatureBank:
    """The features of one backbone for N videos.

    Attributes:
        ids: N unique ids, the keys of the rows.
        features: (N, T', D) array of `card.dtype`, memory-mapped read-only when opened from disk.
        card: the backbone's card.
        folder: where the bank, or the files it was read from, lie.
        missing: ids that `from_folder(..., allow_missing=True)` did not find.
    """

    def __init__(
        self,
        ids: Sequence[str],
        features: np.ndarray,
        card: BackboneCard,
        folder: str | os.PathLike,
        missing: Sequence[str] = (),
    ) -> None:
        self.ids = tuple(ids)
        self.features = features
        self.card = card
        self.folder = Path(folder)
        self.missing = tuple(missing)
        self._rows = {video: row for row, video in enumerate(self.ids)}
        self._check()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, video: str) -> bool:
        return video in self._rows

    def __repr__(self) -> str:
        return f"FeatureBank({self.card.name} {self.features.shape} {self.card.dtype}, {self.folder})"

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over card, ids, shape and every value. Read from bank.json for an opened bank, else computed."""
        return _content_hash(self.ids, self.features, self.card)

    def take(self, ids: Sequence[str]) -> np.ndarray:
        """The features of the named videos, in the order of the names: (n, T', D) float32, a copy.

        Raises:
            BankError: an id has no row, or a row holds NaN or infinity.
        """
        missing = [video for video in ids if video not in self._rows]
        if missing:
            raise BankError(self._missing_message(missing, len(ids)))
        rows = np.fromiter((self._rows[video] for video in ids), np.intp, len(ids))
        taken = np.asarray(self.features[rows], dtype=np.float32)  # selecting rows has copied them already
        _check_finite(taken, ids, self.folder)
        return taken

    @classmethod
    def write(
        cls, folder: str | os.PathLike, ids: Sequence[str], features: np.ndarray, card: BackboneCard
    ) -> "FeatureBank":
        """Store a bank in a folder, replacing one that is there only when the new one is complete.

        Args:
            folder: made if absent.
            ids: N unique strings.
            features: (N, T', D) of the card's shape and dtype, without NaN or infinity.
            card: the backbone's card.

        Returns:
            The bank, opened from disk.

        Raises:
            BankError: ids are not unique, shape or dtype differ from the card's, or a value is not finite.
        """
        bank = cls(ids, features, card, folder)
        for rows in _blocks(features):
            _check_finite(features[rows], bank.ids[rows], bank.folder)
        array_file = bank.folder / f"features-{bank.content_hash[:16]}.npy"
        header = {
            "card": card.to_dict(),
            "content_hash": bank.content_hash,
            "created_by": f"avvp {__version__}",
            "array": array_file.name,
            "ids": bank.ids,
        }
        with exclusive(bank.folder):
            remove_unfinished(bank.folder)
            with atomic_path(array_file) as temporary:
                np.save(temporary, features, allow_pickle=False)
            write_json(bank.folder / "bank.json", header)
            _remove_other_arrays(array_file)
        return cls.open(bank.folder)

    @classmethod
    def open(cls, folder: str | os.PathLike, verify: bool = False) -> "FeatureBank":
        """Open a stored bank; the array is memory-mapped and read when rows are taken.

        Args:
            folder: as given to `write`.
            verify: read everything and compare the content hash.

        Raises:
            BankError: there is no bank, a file is damaged, ids and array do not fit, or the hash differs.
        """
        folder = Path(folder)
        try:
            header, features = _map_array(folder)
            card = BackboneCard(**header["card"])
            note_input(folder / "bank.json")
        except BankError:
            raise
        except (OSError, ValueError, TypeError) as error:
            raise BankError(f"the bank in {folder} is damaged: {error}. Delete the folder and extract again") from error
        bank = cls(header["ids"], features, card, folder)
        bank.content_hash = header["content_hash"]
        if verify and _content_hash(bank.ids, features, card) != bank.content_hash:
            raise BankError(
                f"the bank in {folder} does not hold what was written: its content hash differs from the one in "
                "bank.json. Delete the folder and extract again"
            )
        return bank

    @classmethod
    def from_folder(
        cls, folder: str | os.PathLike, ids: Sequence[str], card: BackboneCard, allow_missing: bool = False
    ) -> "FeatureBank":
        """Read the published layout, one `<id>.npy` of shape (T', D) per video, into memory.

        Args:
            folder: for LLP for instance data/feats/vggish.
            ids: which files to read; for LLP the 11-character ids (`CorpusSplit.keys`).
            card: says what the files hold; their shape must be `card.output_shape`. Values are cast to `card.dtype`.
            allow_missing: leave absent files out (they are listed in `bank.missing`) instead of raising.

        Raises:
            BankError: files are absent, unreadable, of another shape, or hold NaN or infinity.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise BankError(f"{folder}: no such folder. It should hold one <id>.npy per video; see data/README.md")
        missing = [video for video in ids if not (folder / f"{video}.npy").is_file()]
        if missing and (not allow_missing or len(missing) == len(ids)):
            raise BankError(
                f"{folder} lacks {len(missing)} of {len(ids)} feature files: {_some(missing)} (.npy). Files are named "
                "by video id (for LLP the 11 characters of the YouTube id). Get the rest, or pass allow_missing=True"
            )
        absent = set(missing)
        found = [video for video in ids if video not in absent]
        features = np.empty((len(found), *card.output_shape), card.dtype)
        for row, video in enumerate(found):
            features[row] = _read_feature(folder / f"{video}.npy", card)
        bank = cls(found, features, card, folder, missing)
        _check_finite(features, found, folder)
        return bank

    def _check(self) -> None:
        expected = (len(self.ids), *self.card.output_shape)
        if not self.ids:
            raise BankError(f"a bank needs at least one video; none was given for {self.folder}")
        wrong = next((video for video in self.ids if not isinstance(video, str)), None)
        if wrong is not None:
            raise BankError(f"ids must be strings, got {wrong!r} for {self.folder}")
        if len(self._rows) != len(self.ids):
            twice = [video for row, video in enumerate(self.ids) if self._rows[video] != row]
            raise BankError(
                f"{len(twice)} ids occur more than once for {self.folder}: {_some(twice)}. Give each id once"
            )
        if self.features.shape != expected:
            raise BankError(
                f"the array for {self.folder} is {self.features.shape}, but {len(self.ids)} ids and the card of "
                f"{self.card.name} ask for {expected}. Ids and rows must come from the same extraction"
            )
        if self.features.dtype != self.card.dtype:
            raise BankError(
                f"the array for {self.folder} is {self.features.dtype}, the card of {self.card.name} says "
                f"{self.card.dtype}. Convert with .astype({self.card.dtype!r}) or correct the card"
            )

    def _missing_message(self, missing: list[str], asked: int) -> str:
        message = (
            f"the {self.card.name} bank in {self.folder} has no features for {len(missing)} of {asked} videos: "
            f"{_some(missing)}. "
        )
        if any(missing[0].startswith(f"{video}_") for video in self.ids):
            return message + "These are annotation ids; the bank is keyed by media file: take(split.keys)"
        return message + "Extract them with avvp_lib.features.extract, or leave these videos out of the split"


def _read_header(folder: Path) -> dict[str, Any]:
    file = folder / "bank.json"
    try:
        header = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BankError(
            f"there is no feature bank in {folder} (no bank.json). Extract one with avvp_lib.features.extract; "
            "a folder of one .npy per video is read with FeatureBank.from_folder"
        ) from error
    except ValueError as error:
        raise BankError(f"{file} is not valid JSON ({error}). Delete the folder and extract again") from error
    absent = {"card", "content_hash", "array", "ids"} - set(header)
    if absent:
        raise BankError(f"{file} lacks {sorted(absent)}. Delete the folder and extract again")
    return header


def _remove_other_arrays(array_file: Path) -> None:
    """Delete the arrays of banks that this one replaces, also of one that was killed before it had a header."""
    for path in array_file.parent.glob("features-*.npy"):
        if path != array_file:
            with suppress(PermissionError):  # Windows keeps a file that somebody has mapped: the next write removes it
                path.unlink(missing_ok=True)


def _map_array(folder: Path) -> tuple[dict[str, Any], np.ndarray]:
    """The header of a bank and its array. Tries again where another process replaced the bank between the two reads."""
    attempts_left = OPENING_ATTEMPTS
    while True:
        header = _read_header(folder)
        try:
            return header, np.load(folder / header["array"], mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            attempts_left -= 1
            if attempts_left == 0:
                raise
            time.sleep(0.01)


def _read_feature(file: Path, card: BackboneCard) -> np.ndarray:
    try:
        feature = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BankError(f"{file} is not a readable .npy array ({error}). Download or extract it again") from error
    if feature.shape != card.output_shape or not np.issubdtype(feature.dtype, np.floating):
        raise BankError(
            f"{file} is {feature.shape} {feature.dtype}; {card.name} features are {card.output_shape} floating point. "
            "Another backbone's folder, or another extraction?"
        )
    return feature


def _blocks(features: np.ndarray) -> Iterator[slice]:
    """Slices over the rows, each of about BLOCK_BYTES."""
    step = max(1, BLOCK_BYTES // max(1, features[0].nbytes))
    return (slice(first, first + step) for first in range(0, len(features), step))


def _content_hash(ids: Sequence[str], features: np.ndarray, card: BackboneCard) -> str:
    head = {"card": card.to_dict(), "ids": list(ids), "shape": list(features.shape), "dtype": str(features.dtype)}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for rows in _blocks(features):
        digest.update(np.ascontiguousarray(features[rows]).data)
    return digest.hexdigest()


def _check_finite(features: np.ndarray, ids: Sequence[str], folder: Path) -> None:
    """Refuse NaN and infinity, which would turn a whole training run into NaN long after the cause."""
    finite = np.isfinite(features)
    if not finite.all():
        row, segment, _ = np.argwhere(~finite)[0]
        bad = int((~finite).any(axis=(1, 2)).sum())
        raise BankError(
            f"features for {folder} hold NaN or infinity in {bad} videos, first in {ids[row]} at time step {segment}. "
            "Extract these videos again (float16 overflows above 65504: store float32)"
        )


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:IDS_NAMED]) + (", ..." if len(ids) > IDS_NAMED else "")
