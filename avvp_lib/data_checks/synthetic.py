"""What of a rendered corpus is in place: its card and renderer, annotations, videos and feature banks."""

from __future__ import annotations

import json
from pathlib import Path

from avvp_lib.corpora.llp import DENSE_FILES, OPTIONAL_FILES, WEAK_FILES
from avvp_lib.corpora.synthetic import CorpusSettings, default_root
from avvp_lib.corpora.synthetic.writer import renderer_digest
from avvp_lib.data_checks.report import DataReport, FileCheck, media_part, named
from avvp_lib.features import FeatureBank, build_backbone
from avvp_lib.features.bank import BankError
from avvp_lib.profiles import PROFILES, Profile
from avvp_lib.workspace import shown

CARD = "corpus.json"
TRUTH_FILES = tuple(f"truth/AVVP_train_{modality}.csv" for modality in DENSE_FILES)


def check_synthetic(root: Path, progress: bool) -> DataReport:
    """Look for everything that belongs to a rendered corpus. Its banks are not required: they are extracted when first needed."""
    card, settings = _card(root)
    if settings is None:
        remove = f"delete {shown(root)}, then " if card.state == "mismatched" else ""
        step = f"{remove}avvp render --out {shown(root)} (options: --size --domain --seed)"
        return DataReport("synthetic-llp", root, (card,), (), (), (step,))
    files = [card, *_annotations(root)]
    parts = [media_part(root, split, settings.keys(split), required=True) for split in WEAK_FILES]
    size = next((p for p in PROFILES.values() if (p.corpus, p.corpus_size) == ("synthetic-llp", settings.size)), None)
    banks = _banks(root, size, [key for split in WEAK_FILES for key in settings.keys(split)]) if size else []
    report = DataReport("synthetic-llp", root, (*files, *banks), tuple(parts), (), ())
    steps, possible = _steps(root, settings, report, banks), _possible(root, settings) if report.complete else ()
    return DataReport("synthetic-llp", root, report.files, report.parts, possible, steps)


def _card(root: Path) -> tuple[FileCheck, CorpusSettings | None]:
    """The corpus card, and the settings it names where it can be read."""
    path = root / CARD
    if not path.is_file():
        return FileCheck(CARD, "missing", "nothing was rendered here"), None
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        settings = CorpusSettings(card["seed"], card["size"], card["domain"])
        made_by = card["renderer"]
    except (ValueError, KeyError, TypeError) as error:
        return FileCheck(CARD, "mismatched", f"is not the card of a rendered corpus ({error!r})"), None
    about = f"seed {settings.seed}, size {settings.size}, domain {settings.domain}, renderer {made_by}"
    if made_by != renderer_digest():
        return FileCheck(CARD, "mismatched", f"{about}; the renderer is now {renderer_digest()}"), settings
    return FileCheck(CARD, "found", f"{about} (current)"), settings


def _annotations(root: Path) -> list[FileCheck]:
    names = [f"annotations/{name}" for name in (*WEAK_FILES.values(), *DENSE_FILES.values())]
    needed = [FileCheck(name, "found" if (root / name).is_file() else "missing") for name in (*names, *TRUTH_FILES)]
    optional = [f"annotations/{name}" for name in OPTIONAL_FILES]
    return needed + [FileCheck(n, "found" if (root / n).is_file() else "missing", "", False) for n in optional]


def _banks(root: Path, size: Profile, keys: list[str]) -> list[FileCheck]:
    return [_bank(root / "features" / name, name, keys) for name in size.backbones]


def _bank(folder: Path, name: str, keys: list[str]) -> FileCheck:
    """One bank: whether it opens, is of the current backbone and holds every video. Its values are not read."""
    label = f"features/{name}"
    if not (folder / "bank.json").is_file():
        return FileCheck(label, "missing", "", False)
    try:
        bank = FeatureBank.open(folder)
    except BankError as error:
        return FileCheck(label, "mismatched", str(error), False)
    if bank.card != build_backbone(name).card:
        return FileCheck(label, "mismatched", "another version of the backbone made it", False)
    absent = [key for key in keys if key not in bank]
    if absent:
        return FileCheck(label, "mismatched", f"lacks {len(absent)} of {len(keys):,} videos: {named(absent)}", False)
    return FileCheck(label, "found", f"{len(bank):,} videos, {bank.card.output_shape} {bank.card.dtype}", False)


def _options(settings: CorpusSettings) -> str:
    return f"--domain {settings.domain} --size {settings.size} --seed {settings.seed}"


def _steps(root: Path, settings: CorpusSettings, report: DataReport, banks: list[FileCheck]) -> tuple[str, ...]:
    steps = []
    render = f"avvp render --out {shown(root)} {_options(settings)}"
    if report.files[0].state == "mismatched":
        steps.append(f"Another version of the renderer made this corpus: delete {shown(root)}, then {render}")
    elif not report.complete:
        wrong = [key for part in report.parts for key in part.mismatched]
        remove = f"delete the empty files ({named(wrong)}), then " if wrong else ""
        steps.append(f"Rendering was interrupted, or files were removed: {remove}{render} makes what is not there")
    due = [bank.name.split("/")[1] for bank in banks if bank.state != "found"]
    if due:
        steps.append(
            f"Extract features ({len(due)} of {len(banks)} banks; whatever needs them does it by itself): avvp extract "
            f"{shown(root / 'videos')} --backbones {' '.join(due)} --out {shown(root / 'features')}"
        )
    return tuple(steps)


def _possible(root: Path, settings: CorpusSettings) -> tuple[str, ...]:
    if Path(root).absolute() != default_root(settings).absolute():
        return (f"prepare({settings.size!r}, {settings.seed}, {settings.domain!r}, root=...) and every recipe on it",)
    chosen = f"--profile {settings.size} --corpus-seed {settings.seed} --domain {settings.domain}"
    return (f"avvp measure {chosen}   (all recipes)",)
