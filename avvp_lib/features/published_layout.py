"""Banks as the folders in which features of LLP are published, one .npy a video, and such folders as banks.

    banks_to_folders("features", "llp")       # llp/feats/vggish/<id>.npy ..., float32, as HAN, VALOR and what builds on them read
    folders_to_banks("llp", "features")       # and back; says which videos lack a file in which folder

Beside folders that are written here lies features.json with the cards of the backbones, so that nobody takes them for the published files.
Folders without it are what their authors published: `published` says what that is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.published import PUBLISHED
from avvp_lib.locks import exclusive
from avvp_lib.provenance import atomic_path, remove_unfinished, write_json

FOLDERS = {
    "vggish": PUBLISHED["vggish"].folder,
    "resnet152": PUBLISHED["res152"].folder,
    "r2plus1d": PUBLISHED["r2plus1d_18"].folder,
    "clap": PUBLISHED["clap-map"].folder,
    "clip": PUBLISHED["clip"].folder,
    "clap-seconds": "CLAP/segment_feats",
}
"""Backbone of `published_backbones` -> folder below the corpus folder. The last is not published for LLP; it is named as UnAV-100's are."""

CARDS = "features.json"
IDS_NAMED = 5


@dataclass(frozen=True)
class PackingReport:
    """What became of published folders.

    Attributes:
        banks: backbone -> (folder of its bank, number of videos in it).
        missing: backbone -> ids that lack a file, although asked for or present in another folder.
        listing: the CSV with all of `missing`; None if there are none.
    """

    banks: dict[str, tuple[Path, int]]
    missing: dict[str, tuple[str, ...]]
    listing: Path | None

    def __str__(self) -> str:
        lines = []
        for name, (folder, videos) in self.banks.items():
            absent = self.missing.get(name, ())
            some = ", ".join(absent[:IDS_NAMED]) + (", ..." if len(absent) > IDS_NAMED else "")
            lines.append(
                f"{name}: {videos:,} videos in {folder}" + (f"; {len(absent):,} missing: {some}" if absent else "")
            )
        return "\n".join([*lines, *([f"all that are missing: {self.listing}"] if self.listing else [])])


def banks_to_folders(banks: Path, out: Path) -> dict[Path, int]:
    """Write every bank of a folder that has a published form as <id>.npy files, float32 (T', D).

    Files of the same backbone that are there are replaced; a run that was interrupted is done again from the beginning: it only copies.

    Args:
        banks: folder of banks that `extract_folder` wrote.
        out: the corpus folder; for LLP data/llp.

    Returns:
        The folders, with the number of files.

    Raises:
        BankError: there is no such bank, one is damaged, or a folder holds features of another origin.
    """
    found = [name for name in FOLDERS if (Path(banks) / name / "bank.json").is_file()]
    if not found:
        raise BankError(
            f"no bank in {banks}: expected one or more of {', '.join(FOLDERS)}, as `avvp extract` writes them"
        )
    written = {}
    with exclusive(Path(out)):
        cards = _read_cards(Path(out))
        for name in found:
            bank, folder = FeatureBank.open(Path(banks) / name), Path(out) / FOLDERS[name]
            _refuse_foreign(folder, bank.card, cards.get(FOLDERS[name]))
            remove_unfinished(folder)
            write_json(Path(out) / CARDS, cards | {FOLDERS[name]: bank.card.to_dict()})  # before the first file
            cards = _read_cards(Path(out))
            for video in bank.ids:
                with atomic_path(folder / f"{video}.npy") as temporary:
                    np.save(temporary, bank.take([video])[0], allow_pickle=False)
            written[folder] = len(bank)
    return written


def folders_to_banks(root: Path, out: Path, ids: Sequence[str] | None = None) -> PackingReport:
    """Pack the published folders below a corpus folder into banks, out/<backbone>, in the order of the ids.

    Folders may be half complete: a bank holds the videos that have a file, and the others are reported and listed in out/missing.csv.

    Args:
        root: the corpus folder.
        out: folder of the banks.
        ids: the videos that should be there; by default all that have a file in some folder.

    Raises:
        FileNotFoundError: none of the folders is there.
        BankError: a file is unreadable, of another shape, or holds NaN or infinity; or a folder has none of the videos.
    """
    folders = {name: Path(root) / folder for name, folder in FOLDERS.items() if (Path(root) / folder).is_dir()}
    if not folders:
        raise FileNotFoundError(
            f"no published features below {root}: expected one or more of {', '.join(FOLDERS.values())}"
        )
    cards = _read_cards(Path(root))
    present = {
        name: {file[:-4] for file in os.listdir(folder) if _is_feature(file)} for name, folder in folders.items()
    }
    wanted = list(ids) if ids is not None else sorted(set().union(*present.values()))
    banks, missing = {}, {}
    for name, folder in folders.items():
        bank = FeatureBank.from_folder(folder, wanted, _card(name, cards), allow_missing=True)
        stored = FeatureBank.write(Path(out) / name, bank.ids, bank.features, bank.card)
        banks[name] = (stored.folder, len(stored))
        if bank.missing:
            missing[name] = bank.missing
    return PackingReport(banks, missing, _write_missing(Path(out) / "missing.csv", missing))


def _refuse_foreign(folder: Path, card: BackboneCard, there: dict | None) -> None:
    """Features of two origins in one folder could never be told apart again."""
    if there != card.to_dict() and folder.is_dir() and any(map(_is_feature, os.listdir(folder))):
        raise BankError(
            f"{folder} holds features of another origin (see {CARDS} beside it): choose another --out, or delete the folder"
        )


def _is_feature(file: str) -> bool:
    return file.endswith(".npy") and not file.startswith(".")


def _card(name: str, cards: dict[str, dict]) -> BackboneCard:
    """The card that lies beside the folders; that of the published files where there is none."""
    folder = FOLDERS[name]
    if folder in cards:
        return BackboneCard(**{**cards[folder], "dtype": "float32"})
    published = [features.card for features in PUBLISHED.values() if features.folder == folder]
    if not published:
        raise BankError(f"nobody published {folder}, and no {CARDS} says what made it: extract it with `avvp extract`")
    return published[0]


def _read_cards(root: Path) -> dict[str, dict]:
    file = root / CARDS
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BankError(f"{file} is damaged ({error}): delete it together with the folders that it is about") from error


def _write_missing(path: Path, missing: dict[str, tuple[str, ...]]) -> Path | None:
    if not missing:
        path.unlink(missing_ok=True)
        return None
    rows = [(name, FOLDERS[name], video) for name, videos in missing.items() for video in videos]
    with atomic_path(path) as temporary:
        pd.DataFrame(rows, columns=["backbone", "folder", "video"]).to_csv(temporary, index=False)
    return path
