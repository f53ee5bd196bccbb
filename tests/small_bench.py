"""A bench that is small enough to be made in memory: random grids of 25 categories and features that nearly give them away."""

from pathlib import Path

import numpy as np

from avvp_lib.bench import TeacherLabels
from avvp_lib.corpora import Corpus, CorpusSplit
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.features import BackboneCard, FeatureBank
from avvp_lib.recipes import Bench, Profile

SEGMENTS, CATEGORIES = 10, len(LLP_CATEGORIES)
NUMBERS = {"train": 12, "val": 8, "test": 6}
SMALL = {"hidden": 16, "heads": 2, "feed_forward": 16}
WIDTHS = {
    "han": SMALL,
    "valor": SMALL,
    "jomold": SMALL,
    "mgn": {"hidden": 16, "heads": 2, "audio_depth": 1, "visual_depth": 1, "cross_modal_depth": 1},
    "mm-cse": {**SMALL, "class_hidden": 16, "layers": 1},
    "mug": {**SMALL, "state_channels": 8, "d_state": 4, "attention_channels": 4, "text_hidden": 8},
    "ear": {**SMALL, "event_dim": 4},
}
PROFILE = Profile(
    "smoke",
    audio="ears",
    visual_2d="eyes",
    visual_3d="motion",
    teachers=("audio-teacher", "visual-teacher"),
    widths=WIDTHS,
)
MODALITY = {
    "ears": "audio",
    "eyes": "visual_2d",
    "motion": "visual_3d",
    "audio-teacher": "audio",
    "visual-teacher": "visual_2d",
}


def small_corpus(folder: Path) -> tuple[Corpus, dict[str, np.ndarray]]:
    """A corpus in the manner of LLP, its train split weakly labelled, and the (2, T, C) true grids of every key."""
    random = np.random.default_rng(0)
    splits, truth = {}, {}
    for split, number in NUMBERS.items():
        grids = np.zeros((2, number, SEGMENTS, CATEGORIES), bool)
        grids[..., :3] = random.random((2, number, SEGMENTS, 3)) < 0.3
        videos = tuple(f"{split:-<5}-{index:05d}_0_10" for index in range(number))
        keys = tuple(video[:11] for video in videos)
        truth.update(zip(keys, grids.swapaxes(0, 1), strict=True))
        dense = {} if split == "train" else {"audio": grids[0], "visual": grids[1]}
        splits[split] = CorpusSplit(split, videos, keys, grids.any((0, 2)), **dense)
    card = {"name": "synthetic-llp", "seed": 0, "size": "smoke", "domain": "studio", "renderer": "none"}
    return Corpus("synthetic-llp/smoke-studio-0", LLP_CATEGORIES, splits, folder, card), truth


def write_truth(corpus: Corpus, truth: dict[str, np.ndarray]) -> None:
    """The dense labels of the training videos, where the renderer leaves them."""
    (corpus.root / "truth").mkdir(parents=True)
    train = corpus.splits["train"]
    for modality, name in enumerate(("audio", "visual")):
        lines = ["filename\tonset\toffset\tevent_labels"]
        for video, key in zip(train.videos, train.keys, strict=True):
            for segment, category in np.argwhere(truth[key][modality]):
                lines.append(f"{video}\t{segment}\t{segment + 1}\t{LLP_CATEGORIES[category]}")
        (corpus.root / "truth" / f"AVVP_train_{name}.csv").write_text("\n".join(lines) + "\n")


def write_bank(folder: Path, name: str, truth: dict[str, np.ndarray]) -> FeatureBank:
    """Features (10, 25) of every video: its grid of the bank's modality plus noise. Rows are in an order of their own."""
    random = np.random.default_rng(len(name))
    keys = [str(key) for key in random.permutation(sorted(truth))]
    modality = 0 if MODALITY[name] == "audio" else 1
    grids = np.stack([truth[key][modality] for key in keys])
    features = (grids + random.normal(0, 0.2, grids.shape)).astype(np.float32)
    card = BackboneCard(name, "1", MODALITY[name], "none", features.shape[1:], "float32", "none", "none", "MIT")
    return FeatureBank.write(folder / name, keys, features, card)


def small_bench(folder: Path) -> Bench:
    """A bench below `folder`. Its teachers' text embeddings are `teacher_text`."""
    corpus, truth = small_corpus(folder)
    write_truth(corpus, truth)
    banks = {name: write_bank(folder / "features", name, truth) for name in MODALITY}
    return Bench(PROFILE, corpus, banks, TeacherLabels(teacher_text))


def teacher_text(name: str) -> tuple[np.ndarray, float]:
    """In place of `class_text`: every category is an axis of its own, and the logit scale is 10."""
    return np.eye(CATEGORIES, dtype=np.float32), 10.0
