"""What of LLP is in place: annotations, media, the features that HAN publishes and the pseudo-labels that VALOR publishes."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from avvp_lib.corpora import CORPORA, load_corpus
from avvp_lib.corpora.llp import AUDIO_VERSIONS, DENSE_FILES, KEY_LENGTH, OPTIONAL_FILES, WEAK_FILES, read_weak_table
from avvp_lib.data_checks.headers import npy_header
from avvp_lib.data_checks.report import DataReport, FileCheck, PartCheck, media_part, named
from avvp_lib.features.published import FLOAT32_BYTES, PUBLISHED
from avvp_lib.pseudo_labels.published import BYTES_A_VIDEO, FOLDERS, SEGMENTS, SOURCE
from avvp_lib.recipes import BY_NAME_ONLY, RECIPES, needs_teachers, profile
from avvp_lib.workspace import shown, workspace

KNOWN_MD5 = {
    "AVVP_train.csv": {"cefac8ac8de324ca2018c11871928f8c": "as published"},
    "AVVP_val_pd.csv": {"fa1465a99f73ab42a510b6f67b682fd7": "as published"},
    "AVVP_test_pd.csv": {"119973bc9535a425c49b517f73aaf3b4": "as published"},
    DENSE_FILES["audio"]: AUDIO_VERSIONS,
    "AVVP_eval_visual.csv": {"3d25e5a6033e2ef7c7e391cfbfdc01f9": "as published"},
    "AVVP_dataset_full.csv": {"214b996efd41f3dfa08ed49426c85969": "as published"},
}
"""What the annotation files of LLP are known to be, by the MD5 of their bytes."""

OFFICIAL_VIDEOS = 11_849
LABEL_SHAPE = (SEGMENTS, 25)

SHOW_PROGRESS_AFTER = 1.0
"""Seconds."""


LLP_PROFILES = ("paper", "paper-clip")


def check_llp(root: Path, progress: bool) -> DataReport:
    """Look for everything that belongs to LLP. Required is what the profile "paper" reads: annotations and HAN's features."""
    files = _annotation_files(root)
    keys = {split: keys for split in WEAK_FILES if (keys := _weak_keys(root, split)) is not None}
    total = sum(map(len, keys.values())) * (len(PUBLISHED) + len(FOLDERS))
    with tqdm(total=total, desc="check", unit="file", disable=not progress, delay=SHOW_PROGRESS_AFTER) as bar:
        parts = [media_part(root, split, names, required=False) for split, names in keys.items()]
        for features in PUBLISHED.values():
            fits = _feature_rule(features.card.output_shape)
            required = features.card.name in profile("paper").backbones
            parts += [
                _array_part(root, features.folder, split, names, fits, bar, required) for split, names in keys.items()
            ]
        for folder in FOLDERS.values():
            parts += [_array_part(root, folder, split, names, _label_rule, bar, False) for split, names in keys.items()]
    steps = _annotation_steps(root, files) + _part_steps(root, parts)
    annotated = all(file.state == "found" for file in files if file.required)
    possible = _possible(root, parts) if annotated else ()
    return DataReport("llp", root, tuple(files), tuple(parts), tuple(possible), tuple(steps))


def _annotation_folder(root: Path) -> Path:
    return root / "annotations" if (root / "annotations").is_dir() else root


def _annotation_files(root: Path) -> list[FileCheck]:
    """State and version of each official CSV. A broken one is found by reading the corpus as everybody does."""
    checks = []
    for name in (*WEAK_FILES.values(), *DENSE_FILES.values(), *OPTIONAL_FILES):
        path, required = _annotation_folder(root) / name, name not in OPTIONAL_FILES
        if not path.is_file():
            checks.append(FileCheck(name, "missing", "", required))
            continue
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        version = KNOWN_MD5[name].get(md5, "unknown version")
        checks.append(FileCheck(name, "found", f"{version} (md5 {md5})", required))
    if all(check.state == "found" for check in checks if check.required):
        try:
            load_corpus("llp", root)
        except ValueError as error:
            broken = next((check.name for check in checks if str(error).startswith(check.name)), checks[0].name)
            checks = [FileCheck(c.name, "mismatched", str(error)) if c.name == broken else c for c in checks]
    return checks


def _weak_keys(root: Path, split: str) -> tuple[str, ...] | None:
    """The keys of a split's videos, or None where its weak labels cannot be read."""
    try:
        table = read_weak_table(_annotation_folder(root) / WEAK_FILES[split])
    except (OSError, ValueError):
        return None
    return tuple(name[:KEY_LENGTH] for name in table["filename"])


Rule = Callable[[tuple[int, ...], np.dtype], str | None]
"""From shape and dtype of a file to what is wrong with it."""


def _feature_rule(expected: tuple[int, ...]) -> Rule:
    def rule(shape: tuple[int, ...], dtype: np.dtype) -> str | None:
        if shape != expected or not np.issubdtype(dtype, np.floating):
            return f"is {shape} {dtype}, not {expected} floating point"
        return None

    return rule


def _label_rule(shape: tuple[int, ...], dtype: np.dtype) -> str | None:
    if shape != LABEL_SHAPE or dtype.kind not in "biuf":
        return f"is {shape} {dtype}, not {LABEL_SHAPE} numbers"
    return None


def _array_part(
    root: Path, folder: str, split: str, keys: Sequence[str], rule: Rule, bar: tqdm, required: bool
) -> PartCheck:
    """The .npy files of a folder, judged by their headers."""
    place = root / folder
    present = {path.name for path in place.iterdir()} if place.is_dir() else set()
    missing, mismatched, types = [], {}, Counter()
    for key in keys:
        bar.update()
        if f"{key}.npy" not in present:
            missing.append(key)
            continue
        try:
            shape, dtype = npy_header(place / f"{key}.npy")
            wrong = rule(shape, dtype)
        except (OSError, ValueError) as error:
            wrong = f"is not a readable .npy array ({error})"
        if wrong:
            mismatched[key] = wrong
        else:
            types[dtype.name] += 1
    found = tuple(key for key in keys if key not in mismatched and f"{key}.npy" in present)
    cast = {dtype: number for dtype, number in types.items() if dtype.startswith("float") and dtype != "float32"}
    return PartCheck(folder, split, found, tuple(missing), mismatched, cast, required)


def _annotation_steps(root: Path, files: Sequence[FileCheck]) -> list[str]:
    wanted = [file.name for file in files if file.state != "found" and file.required]
    if not wanted:
        return []
    place = shown(root / "annotations")
    return [
        f"Annotations ({', '.join(wanted)}): published in the repository YapengTian/AVVP-ECCV20 on GitHub, folder data/, 1 MB. "
        f"git clone --depth 1 https://github.com/YapengTian/AVVP-ECCV20 && mkdir -p {place} && cp AVVP-ECCV20/data/*.csv {place}/"
    ]


def _part_steps(root: Path, parts: Sequence[PartCheck]) -> list[str]:
    """What to do about each folder that is absent, lacks files or holds wrong ones."""
    steps = []
    for name in (*(features.folder for features in PUBLISHED.values()), *FOLDERS.values(), "videos"):
        mine = [part for part in parts if part.name == name]
        if not mine and not (root / name).is_dir():  # without annotations nobody knows whose files to look for
            steps.append(f"{name}: no such folder. {_source(root, name, OFFICIAL_VIDEOS)}")
        elif not all(part.complete for part in mine):
            steps.append(f"{name}: {_what_is_wrong(mine)}. {_source(root, name, sum(map(len, mine)))}")
    return steps


def _what_is_wrong(parts: Sequence[PartCheck]) -> str:
    missing = [key for part in parts for key in part.missing]
    wrong = [key for part in parts for key in part.mismatched]
    return "; ".join(
        f"{len(keys):,} of {sum(map(len, parts)):,} {word} ({named(keys)})"
        for keys, word in ((missing, "missing"), (wrong, "broken, delete them first"))
        if keys
    )


def _source(root: Path, name: str, videos: int) -> str:
    """Where a part of LLP is published, how large it is, where it belongs and by which command."""
    place = shown(root / name)
    if name == "videos":
        return (
            "Optional: they are on YouTube, not part of LLP's release, and only features of your own need them. Save seconds <start> to "
            f"<end> of each as {place}/<id>.mp4, then: avvp extract {place} --backbones tiny-clap-map tiny-clip-map "
            f"--out {shown(root / 'features')}"
        )
    features = next((published for published in PUBLISHED.values() if published.folder == name), None)
    if features is not None:
        size = math.prod(features.card.output_shape) * FLOAT32_BYTES * videos
        use = "" if features.card.name in profile("paper").backbones else 'Only the profile "paper-clip" needs it. '
        return (
            f"{use}{_size(size)} for all; {features.source}. Make the folder with mkdir -p {place} and unpack the archive "
            f"so that the files are {place}/<id>.npy, {features.card.output_shape} float32"
        )
    archive = f"{name.split('/')[0]}.zip"
    return (
        f"{_size(BYTES_A_VIDEO * videos)} for all (the archive also holds features); {SOURCE}. Only recipes with zero-shot labels need it. "
        f"hf download NTUBarista/valor_features {archive} --repo-type dataset --local-dir {shown(root)} && "
        f"unzip {shown(root / archive)} -d {shown(root)}"
    )


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.1f} MB"


def _possible(root: Path, parts: Sequence[PartCheck]) -> list[str]:
    """What annotations allow, and which recipes the files allow in the profiles of LLP with how many videos."""
    at_home = root.absolute() == (workspace() / CORPORA["llp"][1]).absolute()
    sentences = [f"avvp score PREDICTIONS --corpus llp{'' if at_home else f' --root {shown(root)}'}"]
    place = "" if at_home else f'; the profile looks in {CORPORA["llp"][1]}, or use prepare("paper", root=...)'
    for name in LLP_PROFILES:
        counts = _usable(parts, name)
        if counts is not None:
            sentences.append(f"{counts[0]}   ({counts[1]} videos have all features{place})")
    return sentences


def _usable(parts: Sequence[PartCheck], profile_name: str) -> tuple[str, str] | None:
    """What to measure in a profile, and with how many videos; None where its features are not there or not sound."""
    features = {PUBLISHED[name].folder for name in profile(profile_name).backbones}
    mine = [part for part in parts if part.name in features]
    used = {split: set.intersection(*(set(part.found) for part in mine if part.split == split)) for split in WEAK_FILES}
    if any(part.mismatched for part in mine) or not all(used.values()):
        return None
    names = _recipes([part for part in parts if part.name in FOLDERS.values() and part.split == "train"], used["train"])
    counts = ", ".join(f"{len(keys):,} {split}" for split, keys in used.items())
    return f"avvp measure {' '.join(names)} --profile {profile_name}", counts


def _recipes(labels: Sequence[PartCheck], train: set[str]) -> list[str]:
    """Recipes of the profile "paper" whose segment labels are there for the training videos that have features."""
    labelled = all(train <= set(part.found) for part in labels)
    allowed = {"video-labels"} | ({"zero-shot"} if labelled else set())
    usual = [recipe for name, recipe in RECIPES.items() if name not in BY_NAME_ONLY]
    return [recipe.name for recipe in usual if recipe.supervision in allowed and not needs_teachers(recipe)]
