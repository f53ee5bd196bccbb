"""The features that the authors of HAN and of VALOR publish for LLP, in which later papers are compared: one .npy file a video.

They come in folders below the corpus folder (data/README.md shows the layout). Some videos may lack a file: an extractor
failed on them, or a download was not complete. Such videos are left out of every bank, so that all banks hold the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avvp_lib.features.bank import BackboneCard, FeatureBank

HAN_FEATURES = "the README of the repository YapengTian/AVVP-ECCV20 on GitHub links them"
VALOR_FEATURES = "Hugging Face has them as NTUBarista/valor_features"
FLOAT32_BYTES = 4


@dataclass(frozen=True)
class PublishedFeatures:
    """One folder of published features.

    Attributes:
        folder: below the corpus folder.
        card: what each file holds.
        source: where the files are published.
    """

    folder: str
    card: BackboneCard
    source: str


def _han(name: str, modality: str, shape: tuple[int, int], input_rule: str, activation: str) -> PublishedFeatures:
    card = BackboneCard(
        name=name,
        revision="published with HAN (ECCV 2020)",
        modality=modality,
        input_rule=input_rule,
        output_shape=shape,
        dtype="float32",
        activation=activation,
        normalisation="none",
        licence="GPL-3.0, as the repository",
    )
    return PublishedFeatures(f"feats/{name}", card, HAN_FEATURES)


def _valor(
    name: str, folder: str, modality: str, shape: tuple[int, int], input_rule: str, activation: str, normalisation: str
) -> PublishedFeatures:
    card = BackboneCard(
        name=name,
        revision="published with VALOR (NeurIPS 2023)",
        modality=modality,
        input_rule=input_rule,
        output_shape=shape,
        dtype="float32",
        activation=activation,
        normalisation=normalisation,
        licence="MIT, as the repository",
    )
    return PublishedFeatures(folder, card, VALOR_FEATURES)


PUBLISHED: dict[str, PublishedFeatures] = {
    features.card.name: features
    for features in (
        _han("vggish", "audio", (10, 128), "one log-mel picture a second; extractor not published", "not stated"),
        _han("res152", "visual_2d", (80, 2048), "80 frames, evenly spaced over ten seconds", "average pooling"),
        _han("r2plus1d_18", "visual_3d", (10, 512), "the same 80 frames as ten clips of eight", "average pooling"),
        _valor(
            "clap-map",
            "CLAP/features",
            "audio",
            (64, 768),
            "ten seconds stretched to 480,000 samples",
            "none",
            "layer norm",
        ),
        _valor(
            "clip",
            "CLIP/features",
            "visual_2d",
            (10, 768),
            "ten frames from the first to the last",
            "none",
            "unit length",
        ),
    )
}


def keys_with_features(root: Path, names: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """Those of `keys` that have a file in the folder of every named backbone, in the order given. No file is read.

    Args:
        root: the corpus folder.
        names: of `PUBLISHED`.
        keys: names of files without .npy; for LLP the 11-character ids.

    Raises:
        FileNotFoundError: folders are absent; says of each what belongs there, its size and where it is published.
    """
    folders = [(Path(root) / PUBLISHED[name].folder, PUBLISHED[name]) for name in names]
    absent = [_wanted(folder, features, len(keys)) for folder, features in folders if not folder.is_dir()]
    if absent:
        raise FileNotFoundError(f"{'; '.join(absent)}. data/README.md shows the whole layout")
    files = [{path.name for path in folder.iterdir()} for folder, _ in folders]
    return tuple(key for key in keys if all(f"{key}.npy" in present for present in files))


def _wanted(folder: Path, features: PublishedFeatures, videos: int) -> str:
    gigabytes = math.prod(features.card.output_shape) * FLOAT32_BYTES * videos / 1e9
    return (
        f"no folder {folder}: it should hold one <id>.npy a video, {features.card.output_shape} float32, for {videos:,} "
        f"videos {max(gigabytes, 0.01):.2f} GB; {features.source}"
    )


def read_published(root: Path, names: Sequence[str], keys: Sequence[str]) -> dict[str, FeatureBank]:
    """The banks of the named backbones, in memory; every key must have its files (see `keys_with_features`).

    Raises:
        BankError: a file is absent, unreadable, of another shape, or holds NaN or infinity; names it.
    """
    return {
        name: FeatureBank.from_folder(Path(root) / PUBLISHED[name].folder, keys, PUBLISHED[name].card) for name in names
    }
