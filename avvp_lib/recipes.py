"""Named experiments, the profiles that set their size, and the bench they run on.

    bench = prepare("tutorial")                       # corpus and feature banks, rendered and extracted if need be
    result = run(recipe("valor-zero-shot", "tutorial"), bench, seed=0)

A recipe says what is compared (model, supervision); a profile says at what size (corpus, backbones, widths, epochs).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from avvp_lib.corpora import Corpus, CorpusSplit, load_corpus
from avvp_lib.corpora.synthetic import CorpusSettings, default_root, render_corpus, true_grids
from avvp_lib.features import FeatureBank, extract
from avvp_lib.features.tiny_teachers import class_text
from avvp_lib.models import build_model
from avvp_lib.pseudo_labels import PseudoLabels, fit_thresholds, text_similarity, zero_shot_labels
from avvp_lib.training import FitResult, ParsingData, TrainingRecipe, fit

Supervision = Literal["video-labels", "zero-shot", "truth"]


@dataclass(frozen=True)
class Profile:
    """The size of an experiment.

    Attributes:
        corpus_size: of the synthetic corpora, see `SIZES`.
        audio, visual_2d, visual_3d: backbones whose features the parsers read.
        teachers: the audio and the visual backbone that are asked for zero-shot labels.
        widths: keyword arguments of `build_model`, by model.
        training: changes to the recipes' training, such as fewer epochs.
    """

    corpus_size: str
    audio: str = "tiny-clap-map"
    visual_2d: str = "tiny-clip-map"
    visual_3d: str = "tiny-clip-change"
    teachers: tuple[str, str] = ("tiny-clap", "tiny-clip")
    widths: dict[str, dict[str, Any]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def backbones(self) -> tuple[str, ...]:
        """All backbones, each once."""
        return tuple(dict.fromkeys((self.audio, self.visual_2d, self.visual_3d, *self.teachers)))


_TUTORIAL_WIDTHS = {
    "han": {"hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3},
    "valor": {"hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3},
}

PROFILES: dict[str, Profile] = {
    "smoke": Profile("smoke", widths=_TUTORIAL_WIDTHS, training={"epochs": 3, "warm_up_epochs": 1, "batch_size": 16}),
    "tutorial": Profile("tutorial", widths=_TUTORIAL_WIDTHS),
}


@dataclass(frozen=True)
class Recipe:
    """A named experiment: which model learns from what, and how.

    Attributes:
        name: how tables and cells call it.
        title: how a figure calls it.
        model: name for `build_model`.
        supervision: video labels only, zero-shot pseudo-labels, or the segment truth of a synthetic corpus.
        widths: keyword arguments for `build_model`, besides the feature widths, which the bench knows.
        training: see `TrainingRecipe`.
    """

    name: str
    title: str
    model: str
    supervision: Supervision
    training: TrainingRecipe
    widths: dict[str, Any] = field(default_factory=dict)


# The published recipes are for 10,000 videos. These keep their form (optimisers, losses, gates) with rates and numbers of
# epochs chosen on corpus seed 0 for 800 videos.
_WEAK = TrainingRecipe(
    loss="video-labels", epochs=30, batch_size=32, optimiser="adam", learning_rate=2e-3, schedule="step", step_epochs=10,
    step_factor=0.3,
)  # fmt: skip
_SEGMENT = TrainingRecipe(
    loss="segment-labels", epochs=30, batch_size=32, optimiser="adamw", learning_rate=1e-3, betas=(0.5, 0.999),
    weight_decay=1e-3, schedule="warm-up-cosine", warm_up_epochs=5, minimum_rate=1e-5, clip_norm=1.0,
)  # fmt: skip

RECIPES: dict[str, Recipe] = {
    r.name: r
    for r in (
        Recipe("han", "HAN, video labels", "han", "video-labels", _WEAK),
        Recipe("valor-video-labels", "VALOR's network, video labels", "valor", "video-labels", _WEAK),
        Recipe("valor-zero-shot", "VALOR, zero-shot pseudo-labels", "valor", "zero-shot", _SEGMENT),
        Recipe("valor-truth", "VALOR's network, true segment labels", "valor", "truth", _SEGMENT),
    )
}


def profile(name: str) -> Profile:
    """A profile by name; an unknown name is refused with those that are known."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


def recipe(name: str, profile_name: str = "tutorial") -> Recipe:
    """A recipe by name, at the size of a profile."""
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}: choose one of {', '.join(RECIPES)}")
    size, base = profile(profile_name), RECIPES[name]
    return replace(base, widths=size.widths.get(base.model, {}), training=replace(base.training, **size.training))


@dataclass(frozen=True)
class Bench:
    """A corpus with its feature banks, ready for any recipe.

    Attributes:
        profile: the profile it was prepared for.
        corpus: labels and media.
        banks: by backbone.
    """

    profile: Profile
    corpus: Corpus
    banks: dict[str, FeatureBank]

    def data(self, split: str, labels: PseudoLabels | None = None) -> ParsingData:
        """A split as tensors, joined by id, with segment labels to learn from if they are given."""
        part = self._split(split)
        pseudo = labels.take(part.keys) if labels is not None else (None, None)
        return ParsingData(
            *(torch.from_numpy(self.banks[name].take(part.keys)) for name in self._student_backbones()),
            video_labels=torch.from_numpy(part.video_labels).float(),
            pseudo_audio=_tensor(pseudo[0]),
            pseudo_visual=_tensor(pseudo[1]),
            true_audio=_tensor(part.audio),
            true_visual=_tensor(part.visual),
        )

    def _split(self, name: str) -> CorpusSplit:
        if name not in self.corpus.splits:
            raise ValueError(f"{self.corpus.name} has no split {name!r}: choose one of {', '.join(self.corpus.splits)}")
        return self.corpus.splits[name]

    def _student_backbones(self) -> tuple[str, str, str]:
        return self.profile.audio, self.profile.visual_2d, self.profile.visual_3d

    def similarities(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """(N, T, C) audio and visual similarity of every segment to every category's sentence."""
        keys = self._split(split).keys
        found = []
        for teacher in self.profile.teachers:
            text, scale = class_text(teacher)
            found.append(text_similarity(self.banks[teacher].take(keys), text, scale))
        return tuple(found)

    def thresholds(self) -> tuple[np.ndarray, np.ndarray]:
        """(C,) audio and visual thresholds, fitted on the validation split's dense labels."""
        val = self.corpus.splits["val"]
        audio, visual = self.similarities("val")
        return (
            fit_thresholds(audio, val.audio, val.video_labels),
            fit_thresholds(visual, val.visual, val.video_labels),
        )

    def zero_shot(self, split: str = "train") -> PseudoLabels:
        """Zero-shot labels of a split, gated by its video labels."""
        part = self._split(split)
        hashes = {f"bank {name}": self.banks[name].content_hash for name in self.profile.teachers}
        return zero_shot_labels(*self.similarities(split), *self.thresholds(), part.video_labels, part.keys, hashes)

    def labels(self, supervision: Supervision) -> PseudoLabels | None:
        """The segment labels that a supervision offers for the training split; None for video labels only."""
        if supervision == "video-labels":
            return None
        if supervision == "zero-shot":
            return self.zero_shot("train")
        if supervision != "truth":
            raise ValueError(f"unknown supervision {supervision!r}: choose one of {', '.join(get_args(Supervision))}")
        audio, visual = true_grids(self.corpus)
        keys = self.corpus.splits["train"].keys
        return PseudoLabels(keys, audio.astype(np.float32), visual.astype(np.float32), {"method": "truth"})


def _tensor(array: np.ndarray | None) -> torch.Tensor | None:
    return None if array is None else torch.from_numpy(array)


def prepare(
    profile_name: str = "tutorial",
    corpus_seed: int = 0,
    domain: str = "studio",
    root: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Bench:
    """Render the synthetic corpus and extract its features, as far as they are not there yet, and open both.

    Args:
        profile_name: "smoke" or "tutorial".
        corpus_seed: 0 is the corpus that everything was tuned on, 1 the one that results are reported on.
        domain: rendering domain, "studio" or "street"; the teachers know only the first.
        root: the corpus folder; data/synthetic-llp/... by default. Banks go into root/features.
    """
    size = profile(profile_name)
    settings = CorpusSettings(corpus_seed, size.corpus_size, domain)
    root = Path(root) if root is not None else default_root(settings)
    render_corpus(root, settings, workers, progress)
    corpus = load_corpus("synthetic-llp", root=root)
    videos = {key: corpus.media_path(key) for split in corpus.splits.values() for key in split.keys}
    report = extract(videos, size.backbones, root / "features", workers, progress)
    return Bench(size, corpus, {name: FeatureBank.open(folder) for name, folder in report.banks.items()})


def run(
    experiment: Recipe,
    bench: Bench,
    seed: int,
    device: str = "auto",
    curves: Path | None = None,
    progress: bool = True,
) -> FitResult:
    """Train one recipe with one seed."""
    train = bench.data("train", bench.labels(experiment.supervision))
    torch.manual_seed(seed)
    model = build_model(
        experiment.model,
        audio_dim=train.audio.shape[-1],
        visual_2d_dim=train.visual_2d.shape[-1],
        visual_3d_dim=train.visual_3d.shape[-1],
        classes=len(bench.corpus.categories),
        **experiment.widths,
    )
    return fit(model, train, bench.data("val"), experiment.training, seed, device, curves=curves, progress=progress)


def recipe_dict(experiment: Recipe) -> dict[str, Any]:
    """A recipe as plain data, for provenance."""
    return asdict(experiment)
