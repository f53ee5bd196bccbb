"""From an audio-visual corpus to pseudo-labels of a bench: the source, a generator that is trained on it, and what it says.

    source = prepare_source("tutorial")                                # renders and extracts what is not there yet
    fit = trained_generator("ear", source, seed=0)                     # kept in outputs/trainings
    labels = generated_labels(bench, "ear")                            # for the training videos of a bench

The generator learns from a corpus that labels audio-visual events alone (`avvp_lib.corpora.synthetic.unav`), with class names of its
own. A rendered bench belongs to the source of its size, domain and seed. EAR's stages 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from avvp_lib.bench import Bench, Grids, register_supervision
from avvp_lib.corpora import Corpus, load_corpus
from avvp_lib.corpora.synthetic.unav import UnavSettings, default_unav_root, render_unav
from avvp_lib.features import FeatureBank
from avvp_lib.features.long_videos import extract_padded
from avvp_lib.features.wide_text import wide_text
from avvp_lib.profiles import profile
from avvp_lib.pseudo_labels.generation import PseudoLabelGenerator, choose_thresholds, soft_labels
from avvp_lib.pseudo_labels.generator_recipes import GENERATORS, GeneratorRecipe, generator_recipe
from avvp_lib.pseudo_labels.generator_sweeps import SWEEPS, swept_recipe
from avvp_lib.pseudo_labels.generator_training import GenerationData, GeneratorFit, fit_generator, generation_data
from avvp_lib.pseudo_labels.zero_shot import PseudoLabels
from avvp_lib.workspace import workspace


@dataclass(frozen=True)
class Source:
    """An audio-visual corpus with the features of the two teachers.

    Attributes:
        corpus: its splits have `audio_visual` labels and `lengths`.
        banks: of the audio and of the visual teacher, padded to the longest video.
        size: the profile it was prepared for, by name.
    """

    corpus: Corpus
    banks: tuple[FeatureBank, FeatureBank]
    size: str

    @cached_property
    def data(self) -> dict[str, GenerationData]:
        """The splits as tensors, with the embeddings of the corpus' class names."""
        texts = _texts([bank.card.name for bank in self.banks], self.corpus.categories)
        return {name: generation_data(split, *self.banks, *texts) for name, split in self.corpus.splits.items()}

    def about(self) -> dict[str, Any]:
        """What a generator remembers of the corpus that it was trained on."""
        hashes = {bank.card.name: bank.content_hash for bank in self.banks}
        return {"corpus": self.corpus.name, "categories": list(self.corpus.categories), "banks": hashes}


def prepare_source(
    profile_name: str = "tutorial",
    corpus_seed: int = 0,
    domain: str = "studio",
    root: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    renew: bool = False,
) -> Source:
    """The rendered audio-visual corpus of a profile, made as far as it is not there yet.

    Args:
        profile_name: "smoke" or "tutorial".
        corpus_seed, domain, root, workers, progress, renew: as `avvp_lib.bench.prepare` has them.

    Raises:
        ValueError: an unknown profile, or one whose corpus is not rendered.
    """
    size = profile(profile_name)
    if size.corpus != "synthetic-llp":
        raise ValueError(
            f"the profile {profile_name!r} reads real videos: give UnAV-100's features to `read_unav_features` and "
            "`generation_data` instead (data/README.md shows the layout)"
        )
    settings = UnavSettings(corpus_seed, size.corpus_size, domain)
    folder = Path(root) if root is not None else default_unav_root(settings)
    render_unav(folder, settings, workers, progress, renew)
    corpus = load_corpus("synthetic-unav", folder)
    seconds = {
        key: int(length)
        for split in corpus.splits.values()
        for key, length in zip(split.keys, split.lengths, strict=True)
    }
    videos = {key: corpus.media_path(key) for key in seconds}
    report = extract_padded(videos, seconds, size.teachers, folder / "features", workers, progress)
    if report.failures:
        key, reason = next(iter(report.failures.items()))
        raise ValueError(f"{len(report.failures)} rendered videos cannot be read, {key} first: {reason}")
    return Source(corpus, tuple(FeatureBank.open(report.banks[name]) for name in size.teachers), profile_name)


def source_of(bench: Bench) -> Source:
    """The source that belongs to a rendered bench: same size, domain and seed.

    Raises:
        ValueError: the corpus was not rendered.
    """
    card = bench.corpus.provenance
    if "domain" not in card:
        raise ValueError(
            f"{bench.corpus.name} was not rendered, so no source belongs to it: train a generator on one of your own"
        )
    return prepare_source(card["size"], card["seed"], card["domain"], progress=False)


def named_generator(name: str, profile_name: str = "tutorial") -> GeneratorRecipe:
    """A generator of `GENERATORS` or `SWEEPS` in the size of a profile; ValueError for an unknown name or profile."""
    return swept_recipe(name, profile_name) if name in SWEEPS else generator_recipe(name, profile_name)


def trained_generator(
    name: str,
    source: Source,
    seed: int,
    device: str = "auto",
    progress: bool = True,
    recipe: GeneratorRecipe | None = None,
) -> GeneratorFit:
    """A generator of `GENERATORS` or `SWEEPS`, trained on a source and kept in outputs/trainings, where it is found the next time.

    Args:
        name: see `named_generator`; also names the folder.
        source: see `prepare_source`.
        seed: of the training.
        recipe: what to train, if not the recipe of that name.
    """
    folder = workspace() / "outputs" / "trainings" / f"unav-{source.corpus.root.name}" / f"{name}-{seed}"
    recipe = named_generator(name, source.size) if recipe is None else recipe
    return fit_generator(
        recipe, source.data["train"], source.data["val"], seed, source.about(), device, folder, progress
    )


def target_probabilities(generator: PseudoLabelGenerator, bench: Bench, split: str, branch: str = "dynamic") -> Grids:
    """What a generator says about a split of a bench, with the bench's class names; (N, T, C) float32 audio and visual."""
    keys, teachers = bench.split(split).keys, bench.profile.teachers
    features = (bench.banks[teacher].take(keys) for teacher in teachers)
    return generator.probabilities(*features, *_texts(teachers, bench.corpus.categories), branch=branch)


def labels_of_generator(generator: PseudoLabelGenerator, bench: Bench, split: str = "train") -> PseudoLabels:
    """Soft labels of a split, Eq. 9, with thresholds chosen on the validation split and gated by the video labels.

    Labels of a validation or test split read their video labels: they measure the generator, and no model may read them.
    """
    val, part = bench.split("val"), bench.split(split)
    thresholds = choose_thresholds(
        target_probabilities(generator, bench, "val"), (val.audio, val.visual), val.video_labels
    )
    probabilities = target_probabilities(generator, bench, split)
    return soft_labels(probabilities, thresholds, part.video_labels, part.keys, generator.provenance())


def generated_labels(bench: Bench, name: str, split: str = "train", seed: int = 0) -> PseudoLabels:
    """Soft labels of the generator `name`, trained on the bench's source with a seed."""
    generator = trained_generator(name, source_of(bench), seed, progress=False).generator
    return labels_of_generator(generator, bench, split)


def _texts(teachers: list[str] | tuple[str, ...], categories: tuple[str, ...]) -> list[np.ndarray]:
    """(C, D) embeddings of class names by the audio and by the visual teacher."""
    return [wide_text(teacher, categories)[0] for teacher in teachers]


def hard_labels(labels: PseudoLabels) -> PseudoLabels:
    """1 where a soft label is above 0: the same cells without the confidence, which may be on another scale than the parser's."""
    grids = ((grid > 0).astype(np.float32) for grid in (labels.audio, labels.visual))
    return PseudoLabels(labels.keys, *grids, labels.provenance | {"confidence": "dropped"})


def _hard(bench: Bench, name: str) -> PseudoLabels:
    return hard_labels(generated_labels(bench, name))


def _register(supervision: str, method: Callable[..., PseudoLabels], name: str) -> None:
    labeller = partial(method, name=name)
    labeller.__module__, labeller.__qualname__ = __name__, f"{method.__name__}({name})"
    register_supervision(supervision, labeller)


GENERATED = {f"{name}-labels": name for name in (*GENERATORS, *SWEEPS)}
"""What a recipe calls the labels of a generator, and its name; the generator is the one of seed 0."""
SWEPT = tuple(label for label, name in GENERATED.items() if name in SWEEPS)
"""Those of them that are rows of a parameter sweep: `avvp table` measures them, `avvp measure` only if it is asked to by name."""
HARD = {f"{name}-hard-labels": name for name in GENERATORS}
"""The same with `hard_labels`."""
for _supervision, _name in GENERATED.items():
    _register(_supervision, generated_labels, _name)
for _supervision, _name in HARD.items():
    _register(_supervision, _hard, _name)
