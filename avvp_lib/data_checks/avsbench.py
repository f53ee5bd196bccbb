"""What of AVSBench, or of a rendered corpus in its layouts, is in place: tables, clips by split, and the split sizes of the release."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tqdm.auto import tqdm

from avvp_lib.corpora.avsbench import (
    LABEL_FILE,
    META_FILES,
    PUBLISHED_CLASSES,
    PUBLISHED_SIZES,
    SOURCE,
    SPLITS,
    AVSClip,
    MetaRow,
    default_name,
    locate_clip,
    read_classes,
    read_meta,
)
from avvp_lib.corpora.synthetic.avs import AVSSettings
from avvp_lib.corpora.synthetic.avs.writer import avs_digest
from avvp_lib.data_checks.report import DataReport, FileCheck, PartCheck, named
from avvp_lib.workspace import shown

CARD = "corpus.json"
SHOW_PROGRESS_AFTER = 1.0  # seconds


def check_avsbench(root: Path, progress: bool, setting: str) -> DataReport:
    """Look for everything that belongs to AVSBench in one setting.

    Only names and sizes are read; that a mask is two-valued and a log-mel file a tensor is seen by whoever reads them.
    """
    name = default_name(setting)
    files, rows = _tables(root, setting)
    if rows is None:
        return DataReport(name, root, files, (), (), (f"{files[-1].name}: {files[-1].note or SOURCE}",))
    parts, reasons = _clips(root, setting, rows, progress)
    sizes = tuple(sum(row.split == split for row in rows) for split in SPLITS)
    files = (FileCheck(files[0].name, "found", _size_note(sizes, PUBLISHED_SIZES[setting])), *files[1:])
    if setting == "avss":
        classes = len(read_classes(root, rows, setting))
        wrong = classes != PUBLISHED_CLASSES["avss"]
        note = f"{classes} classes" + (f", and AVSBench has {PUBLISHED_CLASSES['avss']}" if wrong else "")
        files = (files[0], FileCheck(LABEL_FILE, "mismatched" if wrong else "found", note))
    steps = tuple(_steps(parts, reasons, SOURCE))
    report = DataReport(name, root, files, parts, (), steps)
    possible = (f'load_corpus("{name}", "{shown(root)}")',) if report.complete else ()
    return DataReport(name, root, files, parts, possible, steps)


def check_synthetic_avs(root: Path, progress: bool, setting: str) -> DataReport:
    """Look for everything that belongs to a rendered corpus in one setting of AVSBench."""
    name = f"synthetic-avs-{setting}"
    card, settings = _card(root, setting)
    if settings is None:
        remove = f"delete {shown(root)}, then " if card.state == "mismatched" else ""
        step = f"{remove}avvp render --corpus {name} --out {shown(root)} (options: --size --domain --seed)"
        return DataReport(name, root, (card,), (), (), (step,))
    render = f"avvp render --corpus {name} --out {shown(root)} --size {settings.size} --domain {settings.domain} "
    render += f"--seed {settings.seed}"
    files, rows = _tables(root, setting)
    parts, reasons = _clips(root, setting, rows, progress) if rows is not None else ((), {})
    files = (card, *files)
    if card.state == "mismatched":
        steps = [f"Another version of the renderer made this corpus: delete {shown(root)}, then {render}"]
    elif rows is None or not all(part.complete for part in parts):
        found = next(iter(reasons.values()), "")
        steps = [f"Rendering was interrupted, or files were removed ({found}): delete {shown(root)}, then {render}"]
    else:
        steps = []
    report = DataReport(name, root, files, parts, (), tuple(steps))
    possible = (f'load_corpus("{name}", "{shown(root)}")',) if report.complete else ()
    return DataReport(name, root, files, parts, possible, tuple(steps))


def _tables(root: Path, setting: str) -> tuple[tuple[FileCheck, ...], tuple[MetaRow, ...] | None]:
    """The tables of a corpus, the broken or missing one last; and its rows where all of them can be read."""
    found: list[FileCheck] = []
    rows: tuple[MetaRow, ...] | None = None
    for name in (META_FILES[setting], *([LABEL_FILE] if setting == "avss" else [])):
        try:
            if rows is None:
                rows = read_meta(root, setting)
            else:
                read_classes(root, rows, setting)
        except FileNotFoundError:
            return (*found, FileCheck(name, "missing")), None
        except ValueError as error:
            return (*found, FileCheck(name, "mismatched", str(error))), None
        found.append(FileCheck(name, "found"))
    return tuple(found), rows


def _clips(
    root: Path, setting: str, rows: Sequence[MetaRow], progress: bool
) -> tuple[tuple[PartCheck, ...], dict[str, str]]:
    """The clips of each split, and by clip why it is not complete."""
    found: dict[str, list[str]] = {split: [] for split in SPLITS}
    missing: dict[str, list[str]] = {split: [] for split in SPLITS}
    wrong: dict[str, dict[str, str]] = {split: {} for split in SPLITS}
    reasons: dict[str, str] = {}
    bar = tqdm(rows, desc="check", unit="clip", disable=not progress, delay=SHOW_PROGRESS_AFTER)
    for row in bar:
        try:
            empty = _empty_file(locate_clip(root, setting, row))
            if empty is None:
                found[row.split].append(row.id)
            else:
                wrong[row.split][row.id] = reasons[row.id] = f"{empty} is empty (0 bytes)"
        except FileNotFoundError as error:
            missing[row.split].append(row.id)
            reasons[row.id] = str(error)
        except ValueError as error:
            wrong[row.split][row.id] = reasons[row.id] = str(error)
    parts = [PartCheck("clips", s, tuple(found[s]), tuple(missing[s]), wrong[s], {}, True) for s in SPLITS]
    return tuple(parts), reasons


def _empty_file(clip: AVSClip) -> Path | None:
    files = [*clip.frames, *(mask for mask in clip.masks if mask is not None)]
    files += [clip.log_mel] if clip.log_mel is not None else []
    files += [clip.wav] if clip.wav.is_file() else []
    return next((path for path in files if path.stat().st_size == 0), None)


def _size_note(sizes: tuple[int, ...], published: tuple[int, ...]) -> str:
    counted = " + ".join(f"{size:,}" for size in sizes)
    if sizes == published:
        return f"{counted} clips in {', '.join(SPLITS)}, as published"
    return f"{counted} clips in {', '.join(SPLITS)}; published are {' + '.join(f'{size:,}' for size in published)}"


def _steps(parts: Sequence[PartCheck], reasons: dict[str, str], source: str) -> list[str]:
    steps = []
    absent = [key for part in parts for key in part.missing]
    broken = [key for part in parts for key in part.mismatched]
    if absent:
        steps.append(f"{len(absent):,} clips lack files ({named(absent)}): {reasons[absent[0]]}")
    if broken:
        steps.append(f"{len(broken):,} clips are broken ({named(broken)}): get them again. {source}")
    return steps


def _card(root: Path, setting: str) -> tuple[FileCheck, AVSSettings | None]:
    """The corpus card, and the settings it names where it can be read."""
    path = root / CARD
    if not path.is_file():
        return FileCheck(CARD, "missing", "nothing was rendered here"), None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        settings = AVSSettings(setting, card["seed"], card["size"], card["domain"])
        made_by, name = card["renderer"], card["name"]
    except (ValueError, KeyError, TypeError) as error:
        return FileCheck(CARD, "mismatched", f"is not the card of a rendered corpus ({error!r})"), None
    if name != settings.name:
        return FileCheck(CARD, "mismatched", f"is the card of {name!r}"), None
    about = f"seed {settings.seed}, size {settings.size}, domain {settings.domain}, renderer {made_by}"
    if made_by != avs_digest():
        return FileCheck(CARD, "mismatched", f"{about}; the renderer is now {avs_digest()}"), settings
    return FileCheck(CARD, "found", f"{about} (current)"), settings
