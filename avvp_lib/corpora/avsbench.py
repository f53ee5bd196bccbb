"""Read AVSBench (Zhou et al., ECCV 2022 and IJCV 2024), and any corpus in its three layouts: which pixels of a frame sound.

"s4" and "ms3" are clips of five seconds with one frame a second and binary masks of what sounds: one source, or several. "avss" has five
or ten frames and masks of classes. Everything is found by the names that the release uses:

    s4_meta_data.csv                                        name, start second, category, split
    s4_data/visual_frames/<split>/<category>/<name>/<name>_<k>.png          k = 1 ... 5
    s4_data/gt_masks/<split>/<category>/<name>/<name>_<k>.png               of training clips the first alone
    s4_data/audio_wav/<split>/<category>/<name>.wav, audio_log_mel/<split>/<category>/<name>.pkl

    ms3_meta_data.csv                                       name, split
    ms3_data/visual_frames/<name>/<name>.mp4_<k>.png        with ".mp4" in the name and without a split
    ms3_data/gt_masks/<split>/<name>/<name>_<k>.png, audio_wav/<split>/<name>.wav, audio_log_mel/<split>/<name>.pkl

    metadata.csv                                            columns uid, label (v1s, v1m or v2: also the folder) and split
    label2idx.json                                          class -> number; the background is 0
    <label>/<uid>/frames/<k>.jpg, labels_rgb/<k>.png, audio.wav              k = 0 ... 4 or 0 ... 9

Archives that unpack one level deeper (s4_data/s4_data) are found as well. Columns of the first two tables count by position, as in the
published code. Hidden files are passed over; any other file that does not belong into a folder of frames or masks is an error, because
behind it the frames may be numbered otherwise.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from avvp_lib.records import note_input

SETTINGS = ("s4", "ms3", "avss")
SPLITS = ("train", "val", "test")
FRAMES = {"s4": 5, "ms3": 5, "avss": 10}
"""T: the frames that every clip of a setting is padded to."""

SUBSET_FRAMES = {"v1s": 5, "v1m": 5, "v2": 10}
"""The frames that a clip of AVSS really has, by its subset."""

PUBLISHED_SIZES = {"s4": (3452, 740, 740), "ms3": (296, 64, 64), "avss": (8498, 1304, 1554)}
"""Clips in train, val and test of the release."""

PUBLISHED_CLASSES = {"s4": 23, "ms3": 0, "avss": 71}
META_FILES = {"s4": "s4_meta_data.csv", "ms3": "ms3_meta_data.csv", "avss": "metadata.csv"}
LABEL_FILE = "label2idx.json"
SOURCE = "AVSBench is handed out by its authors on request: see github.com/OpenNLPLab/AVSBench; data/README.md shows the layout"


@dataclass(frozen=True)
class MetaRow:
    """What the table says of one clip: `folder` is the category of S4, the subset of AVSS and None in MS3."""

    id: str
    split: str
    folder: str | None


@dataclass(frozen=True)
class AVSClip:
    """One clip: where its T frames, its masks and its sound are.

    Attributes:
        id: name of the clip.
        category: of S4, else None.
        frames: T pictures; T is 5, or 10 for the subset v2 of AVSS.
        masks: T masks; None where a frame has none.
        wav: its sound.
        log_mel: the pickle with its log-mel examples; None where there is none, so that they come from `wav`.
        subset: "v1s", "v1m" or "v2" of AVSS, else None.
        truth: what a renderer knows beyond the masks; None of a real clip.
    """

    id: str
    category: str | None
    frames: tuple[Path, ...]
    masks: tuple[Path | None, ...]
    wav: Path
    log_mel: Path | None
    subset: str | None = None
    truth: Path | None = None


@dataclass(frozen=True, eq=False)
class AVSSplit:
    """One split: `setting` is one of `SETTINGS`; `classes` as in its corpus."""

    name: str
    setting: str
    clips: tuple[AVSClip, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the clips, in order."""
        return tuple(clip.id for clip in self.clips)

    def subset(self, indices: Sequence[int]) -> AVSSplit:
        """The clips at `indices`, in the order given."""
        return replace(self, clips=tuple(self.clips[i] for i in indices))


@dataclass(frozen=True, eq=False)
class AVSCorpus:
    """An audio-visual segmentation corpus on disk.

    Attributes:
        name: "avsbench-s4", "synthetic-avs-s4/s4-tutorial-studio-0", ...
        setting: one of `SETTINGS`.
        classes: of AVSS all, by number, the background first; of S4 the categories that occur, sorted; of MS3 none.
        splits: by name; only those that the table has.
        root: the folder with the table.
        provenance: hashes of the tables, and whether the split sizes are the published ones.
    """

    name: str
    setting: str
    classes: tuple[str, ...]
    splits: dict[str, AVSSplit]
    root: Path
    provenance: dict[str, Any] = field(default_factory=dict)


def load_avsbench(root: str | Path, setting: str, name: str | None = None) -> AVSCorpus:
    """Read a corpus in one of AVSBench's layouts; every file that belongs to a clip has been looked for.

    Args:
        root: the folder with the table of its clips.
        setting: one of `SETTINGS`.
        name: of the corpus; by default that of the real one, of which 71 classes are expected in AVSS.

    Raises:
        FileNotFoundError: a table or a file of a clip is not there; says which and what to do.
        ValueError: unknown setting, a malformed table (names the row), or a file that does not belong there.
    """
    root = Path(root)
    rows = read_meta(root, setting)
    classes = read_classes(root, rows, setting)
    if name is None and setting == "avss" and len(classes) != PUBLISHED_CLASSES["avss"]:
        raise ValueError(f"{LABEL_FILE} has {len(classes)} classes, not {PUBLISHED_CLASSES['avss']}: is it AVSBench's?")
    tables = [META_FILES[setting], *([LABEL_FILE] if setting == "avss" else [])]
    for table in tables:
        note_input(root / table)
    splits = {}
    for split in SPLITS:
        clips = tuple(locate_clip(root, setting, row) for row in rows if row.split == split)
        if clips:
            splits[split] = AVSSplit(split, setting, clips, classes)
    sizes = tuple(len(splits[split]) if split in splits else 0 for split in SPLITS)
    provenance = {
        "md5": {t: hashlib.md5((root / t).read_bytes(), usedforsecurity=False).hexdigest() for t in tables},
        "sizes": dict(zip(SPLITS, sizes, strict=True)),
        "published_sizes": sizes == PUBLISHED_SIZES[setting],
    }
    return AVSCorpus(name or default_name(setting), setting, classes, splits, root, provenance)


def default_name(setting: str) -> str:
    """What `load_corpus` calls the real corpus of a setting."""
    return "avss" if setting == "avss" else f"avsbench-{setting}"


# --- the tables ---


def read_meta(root: Path, setting: str) -> tuple[MetaRow, ...]:
    """The rows of a corpus' table, in its order.

    Raises:
        FileNotFoundError: there is no table; says where the corpus comes from.
        ValueError: unknown setting, or a malformed row; names file and row, the header being row 1.
    """
    check_setting(setting)
    path = Path(root) / META_FILES[setting]
    if not path.is_file():
        raise FileNotFoundError(f"{root} has no {path.name}. {SOURCE}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no table of comma-separated values ({error}): get it again") from error
    names = ("id", "split", "folder")[: 2 if setting == "ms3" else 3]
    columns = [table.iloc[:, place] for place in _columns(table, setting, path.name)]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    found = tuple(
        _meta_row(values, setting, f"{path.name}, row {number}") for number, values in enumerate(rows, start=2)
    )
    if not found:
        raise ValueError(f"{path.name} has no clips")
    _refuse_repeats(found, path.name)
    return found


def _columns(table: pd.DataFrame, setting: str, source: str) -> tuple[int, ...]:
    """Where id, split and folder stand: by position in S4 and MS3, by name in AVSS."""
    if setting == "avss":
        missing = {"uid", "label", "split"} - set(table.columns)
        if missing:
            raise ValueError(f"{source} has no column {', '.join(sorted(missing))}: is it AVSBench-semantic's?")
        return tuple(table.columns.get_loc(name) for name in ("uid", "split", "label"))
    places = (0, 3, 2) if setting == "s4" else (0, 1)
    if table.shape[1] <= max(places):
        raise ValueError(f"{source} has {table.shape[1]} columns, not {max(places) + 1} or more: is it of this corpus?")
    return places


def _meta_row(values: dict[str, str], setting: str, where: str) -> MetaRow:
    values = {name: value.strip() for name, value in values.items()}
    for name, value in values.items():
        if not value or "/" in value or "\\" in value or value in (".", ".."):
            raise ValueError(f"{where}: the {name} {value!r} cannot be the name of a file")
    if values["split"] not in SPLITS:
        raise ValueError(f"{where}: unknown split {values['split']!r}; it is one of {', '.join(SPLITS)}")
    if setting == "avss" and values["folder"] not in SUBSET_FRAMES:
        raise ValueError(f"{where}: unknown label {values['folder']!r}; it is one of {', '.join(SUBSET_FRAMES)}")
    return MetaRow(values["id"], values["split"], values.get("folder"))


def _refuse_repeats(rows: Sequence[MetaRow], source: str) -> None:
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        if row.id in seen:
            raise ValueError(f"{source}, row {number}: {row.id!r} is in row {seen[row.id]} already")
        seen[row.id] = number


def read_classes(root: Path, rows: Sequence[MetaRow], setting: str) -> tuple[str, ...]:
    """The classes of a corpus, see `AVSCorpus`.

    Raises:
        FileNotFoundError, ValueError: AVSS' list is not there, or does not number its classes 0, 1, 2, ...
    """
    if setting != "avss":
        return tuple(sorted({row.folder for row in rows if row.folder is not None}))
    path = Path(root) / LABEL_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{root} has no {LABEL_FILE}. {SOURCE}")
    try:
        numbers = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{LABEL_FILE} is not valid JSON ({error}): get it again") from error
    if not isinstance(numbers, dict) or sorted(map(str, numbers.values())) != sorted(map(str, range(len(numbers)))):
        raise ValueError(
            f"{LABEL_FILE} must give each class another number of 0, 1, 2, ...: is it AVSBench-semantic's?"
        )
    return tuple(sorted(numbers, key=lambda label: int(numbers[label])))


def check_setting(setting: str) -> None:
    """Raises ValueError if there is no such setting."""
    if setting not in SETTINGS:
        raise ValueError(f"unknown setting {setting!r}: choose one of {', '.join(SETTINGS)}")


# --- the files of a clip ---


def locate_clip(root: Path, setting: str, row: MetaRow) -> AVSClip:
    """Where everything of a clip is.

    Raises:
        FileNotFoundError: a frame, a mask or the sound is missing; names the file.
        ValueError: a folder of frames or masks holds a file that does not belong there.
    """
    if setting == "avss":
        return _semantic_clip(Path(root), row)
    data = _data_folder(Path(root), setting)
    inside = f"{row.split}/{row.folder}" if setting == "s4" else row.split
    numbers = range(1, FRAMES[setting] + 1)
    plain = [f"{row.id}_{k}.png" for k in numbers]
    if setting == "s4":
        frames = _listed(data / "visual_frames" / inside / row.id, plain, plain)
    else:
        folder = data / "visual_frames" / row.id
        with_suffix = [f"{row.id}.mp4_{k}.png" for k in numbers]
        frames = _listed(folder, plain if (folder / plain[0]).is_file() else with_suffix, plain + with_suffix)
    labelled = 1 if (setting, row.split) == ("s4", "train") else len(plain)
    masks = _listed(data / "gt_masks" / inside / row.id, plain[:labelled], plain)
    wav = data / "audio_wav" / inside / f"{row.id}.wav"
    log_mel = data / "audio_log_mel" / inside / f"{row.id}.pkl"
    kept = log_mel if log_mel.is_file() else None
    if kept is None and not wav.is_file():
        raise FileNotFoundError(f"clip {row.id} has no sound: neither {log_mel} nor {wav} is there. {SOURCE}")
    masks += (None,) * (len(plain) - labelled)
    return AVSClip(row.id, row.folder if setting == "s4" else None, frames, masks, wav, kept)


def _semantic_clip(root: Path, row: MetaRow) -> AVSClip:
    folder, number = root / row.folder / row.id, SUBSET_FRAMES[row.folder]
    labelled = 1 if (row.folder, row.split) == ("v1s", "train") else number
    masks = [f"{k}.png" for k in range(number)]
    frames = [f"{k}.jpg" for k in range(number)]
    wav = folder / "audio.wav"
    if not wav.is_file():
        raise FileNotFoundError(f"clip {row.id} has no sound: {wav} is not there. {SOURCE}")
    return AVSClip(
        id=row.id,
        category=None,
        frames=_listed(folder / "frames", frames, frames),
        masks=_listed(folder / "labels_rgb", masks[:labelled], masks) + (None,) * (number - labelled),
        wav=wav,
        log_mel=None,
        subset=row.folder,
    )


def _data_folder(root: Path, setting: str) -> Path:
    folder = root / f"{setting}_data"
    deeper = folder / folder.name
    return deeper if deeper.is_dir() else folder


def _listed(folder: Path, wanted: Sequence[str], known: Sequence[str]) -> tuple[Path, ...]:
    """The wanted files of a folder, which holds nothing but the known ones and hidden files."""
    try:
        present = {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"there is no folder {folder}: unpack the corpus again. {SOURCE}") from None
    missing = [name for name in wanted if name not in present]
    if missing:
        raise FileNotFoundError(f"{folder / missing[0]} is missing ({len(missing)} of {len(wanted)}). {SOURCE}")
    stray = sorted(name for name in present - set(known) if not name.startswith("."))
    if stray:
        number = re.search(r"(\d+)\.\w+$", known[-1]).group(1)
        raise ValueError(
            f"{folder} holds {stray[0]}, and of its kind only {known[0]} to number {number} belong there: move it away"
        )
    return tuple(folder / name for name in wanted)
