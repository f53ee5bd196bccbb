"""The bench: a corpus with its feature banks and a source of segment labels, ready for any recipe.

    bench = prepare("tutorial")        # renders and extracts what is not there yet
    bench = prepare("paper")           # reads LLP and its published features where somebody has placed them

What differs between a rendered corpus and the real LLP is where segment labels come from: `TeacherLabels` asks the tiny teachers and
knows the truth of the training videos, `PublishedLabels` reads VALOR's files and knows neither similarities nor that truth.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from avvp_lib.corpora import Corpus, CorpusSplit, load_corpus
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic import CorpusSettings, default_root, render_corpus, true_grids
from avvp_lib.features import FeatureBank, extract
from avvp_lib.features.published import keys_with_features, read_published
from avvp_lib.features.tiny_teachers import class_text
from avvp_lib.profiles import PROFILES, Profile, profile
from avvp_lib.pseudo_labels import PseudoLabels, fit_thresholds, text_similarity, zero_shot_labels
from avvp_lib.pseudo_labels.published import read_valor_labels
from avvp_lib.pseudo_labels.text_features import text_features, ungated_labels, ungated_thresholds
from avvp_lib.training import ParsingData

Grids = tuple[np.ndarray, np.ndarray]
"""(N, T, C) of audio and of visual."""

TEXTS = ("none", "ungated", "gated")
IDS_NAMED = 5
"""How many videos a warning lists before it only counts."""

logger = logging.getLogger(__name__)


class LabelSource(Protocol):
    """Where a bench gets what its corpus does not label: see the two below."""

    def similarities(self, bench: Bench, split: str) -> Grids: ...
    def zero_shot(self, bench: Bench, split: str) -> PseudoLabels: ...
    def truth(self, bench: Bench) -> PseudoLabels: ...
    def text_features(self, bench: Bench, split: str, gated: bool) -> Grids: ...
    def identity(self, bench: Bench, supervision: str | None) -> dict[str, Any]: ...


@dataclass(frozen=True)
class TeacherLabels:
    """Labels of a rendered corpus: teachers are asked through their feature banks, and the renderer knows the truth.

    Attributes:
        text: the (C, D) sentence embeddings and the scale of a teacher, by its name.
    """

    text: Callable[[str], tuple[np.ndarray, float]] = class_text

    def similarities(self, bench: Bench, split: str) -> Grids:
        """Scaled cosine similarity of every segment to every category's sentence."""
        keys, rows = bench.split(split).keys, _sentences(bench.corpus)
        texts = [self.text(teacher) for teacher in bench.profile.teachers]
        return tuple(
            text_similarity(bench.banks[teacher].take(keys), text[rows], scale)
            for teacher, (text, scale) in zip(bench.profile.teachers, texts, strict=True)
        )

    def zero_shot(self, bench: Bench, split: str) -> PseudoLabels:
        """What VALOR's rule makes of the similarities; the provenance names the teachers' banks."""
        part = bench.split(split)
        hashes = {f"bank {name}": bench.banks[name].content_hash for name in bench.profile.teachers}
        return zero_shot_labels(*bench.similarities(split), *bench.thresholds(), part.video_labels, part.keys, hashes)

    def truth(self, bench: Bench) -> PseudoLabels:
        """The dense labels of the training videos: the renderer's own, or those of a split that has them."""
        train = bench.corpus.splits["train"]
        audio, visual = true_grids(bench.corpus) if train.audio is None else (train.audio, train.visual)
        return PseudoLabels(train.keys, audio.astype(np.float32), visual.astype(np.float32), {"method": "truth"})

    def text_features(self, bench: Bench, split: str, gated: bool) -> Grids:
        """What the teachers' labels of the segments mean, as text; ungated labels have thresholds of their own."""
        rows = _sentences(bench.corpus)
        sentences = [self.text(teacher)[0][rows] for teacher in bench.profile.teachers]
        labels = self.zero_shot(bench, split) if gated else None
        grids = (labels.audio, labels.visual) if gated else bench.ungated_labels(split)
        return tuple(text_features(grid, sentence) for grid, sentence in zip(grids, sentences, strict=True))

    def identity(self, bench: Bench, supervision: str | None) -> dict[str, Any]:
        """What the labels follow from, besides the banks: the annotations, and of a rendered corpus the renderer."""
        return {"name": bench.corpus.name, **bench.corpus.provenance}


def _sentences(corpus: Corpus) -> list[int]:
    """Which of the teachers' sentences, which are LLP's 25, belong to the categories of a corpus, in its order."""
    strange = [category for category in corpus.categories if category not in LLP_CATEGORIES]
    if strange:
        raise ValueError(
            f"the teachers have no sentence for {', '.join(strange)} of {corpus.name}: they know LLP's 25 categories. Learn from "
            "video labels or from labels of your own (register_supervision), or map the categories to LLP's"
        )
    return [LLP_CATEGORIES.index(category) for category in corpus.categories]


@dataclass(frozen=True)
class PublishedLabels:
    """Labels of the real LLP: VALOR's published files, and nothing else."""

    def similarities(self, bench: Bench, split: str) -> Grids:
        """Refused: the published files hold decisions."""
        raise ValueError(
            f"{bench.corpus.name} comes with VALOR's finished pseudo-labels, not with a teacher's similarities, so there "
            "are no thresholds to fit and no teacher to score by itself. Use bench.zero_shot(), or prepare('tutorial')"
        )

    def zero_shot(self, bench: Bench, split: str) -> PseudoLabels:
        """VALOR's labels. Those of val and test are gated by their video labels: no model may read them."""
        part = bench.split(split)
        return read_valor_labels(bench.corpus.root, part.keys, part.video_labels, bench.corpus.categories)

    def truth(self, bench: Bench) -> PseudoLabels:
        """Refused: LLP's training videos have weak labels only."""
        raise ValueError(
            f"{bench.corpus.name} has no dense labels for its training videos, so nothing can learn from their truth. "
            "Use the recipe 'valor-zero-shot', or a rendered corpus: prepare('tutorial')"
        )

    def text_features(self, bench: Bench, split: str, gated: bool) -> Grids:
        """Refused: text takes ungated labels, and the published ones are gated."""
        raise ValueError(
            f"{bench.corpus.name} comes with VALOR's finished pseudo-labels, which their video labels have gated: no model may read "
            "them at test time. Leave the text out (a recipe without text)"
        )

    def identity(self, bench: Bench, supervision: str | None) -> dict[str, Any]:
        """What the labels follow from, besides the banks: the annotation files, and the pseudo-labels if they are used."""
        made = {"name": bench.corpus.name, "md5": bench.corpus.provenance["md5"]}
        return made | (self.zero_shot(bench, "train").provenance if supervision == "zero-shot" else {})


@dataclass(frozen=True)
class Bench:
    """A corpus with its feature banks, ready for any recipe.

    Attributes:
        profile: the profile it was prepared for.
        corpus: labels and media.
        banks: by backbone.
        source: where segment labels come from.
    """

    profile: Profile
    corpus: Corpus
    banks: dict[str, FeatureBank]
    source: LabelSource = field(default_factory=TeacherLabels)

    def data(self, split: str, labels: PseudoLabels | None = None, text: str = "none") -> ParsingData:
        """A split as tensors, joined by id.

        Args:
            split: its name.
            labels: segment labels to learn from.
            text: for models that read text: what the teachers' labels of the segments mean. "ungated" labels are the only ones a model
                may read at test time; "gated" ones are the zero-shot labels of the training videos.

        Raises:
            ValueError: an unknown split or text, gated text of a split other than "train", or a corpus without teachers.
        """
        part = self.split(split)
        if text not in TEXTS or (text == "gated" and split != "train"):
            raise ValueError(
                f"text {text!r} is not for the split {split!r}: choose one of {', '.join(TEXTS)}, gated for training videos only"
            )
        texts = (None, None) if text == "none" else self.source.text_features(self, split, text == "gated")
        pseudo = labels.take(part.keys) if labels is not None else (None, None)
        return ParsingData(
            *(torch.from_numpy(self.banks[name].take(part.keys)) for name in self._student_backbones()),
            video_labels=torch.from_numpy(part.video_labels).float(),
            pseudo_audio=_tensor(pseudo[0]),
            pseudo_visual=_tensor(pseudo[1]),
            true_audio=_tensor(part.audio),
            true_visual=_tensor(part.visual),
            text_audio=_tensor(texts[0]),
            text_visual=_tensor(texts[1]),
        )

    @property
    def name(self) -> str:
        """What results and trainings are filed under: the corpus folder, and the variant of the profile if it has one."""
        return "-".join(filter(None, (Path(self.corpus.name).name, self.profile.variant)))

    @property
    def profile_name(self) -> str | None:
        """The name of the profile; None if it is one of your own."""
        return next((name for name, size in PROFILES.items() if size == self.profile), None)

    def split(self, name: str) -> CorpusSplit:
        """A split by name; an unknown name is refused with those that are known."""
        if name not in self.corpus.splits:
            raise ValueError(f"{self.corpus.name} has no split {name!r}: choose one of {', '.join(self.corpus.splits)}")
        return self.corpus.splits[name]

    def _student_backbones(self) -> tuple[str, str, str]:
        return self.profile.audio, self.profile.visual_2d, self.profile.visual_3d

    def similarities(self, split: str) -> Grids:
        """(N, T, C) audio and visual similarity of every segment to every category's sentence."""
        return self.source.similarities(self, split)

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
        return self.source.zero_shot(self, split)

    def ungated_labels(self, split: str) -> Grids:
        """Zero-shot labels that never look at a video label, (N, T, C) bool; their thresholds are fitted on the validation split."""
        val = self.corpus.splits["val"]
        thresholds = map(ungated_thresholds, self.similarities("val"), (val.audio, val.visual))
        return tuple(map(ungated_labels, self.similarities(split), thresholds))

    def labels(self, supervision: str) -> PseudoLabels | None:
        """The segment labels that a supervision offers for the training split; None for video labels only."""
        labeller = labeller_of(supervision)
        return None if labeller is None else labeller(self)

    def identity(self, supervision: str | None = None) -> dict[str, Any]:
        """What the labels that a supervision reads follow from, besides the banks: a result on other labels is another."""
        identity = self.source.identity(self, supervision)
        if supervision is not None and supervision not in OWN_SUPERVISIONS:
            identity = {**identity, "labels": self.labels(supervision).provenance}
        return identity


Labeller = Callable[[Bench], PseudoLabels]
"""Makes segment labels of a bench's training split."""


def _zero_shot(bench: Bench) -> PseudoLabels:
    return bench.zero_shot("train")


def _truth(bench: Bench) -> PseudoLabels:
    return bench.source.truth(bench)


SUPERVISIONS: dict[str, Labeller | None] = {"video-labels": None, "zero-shot": _zero_shot, "truth": _truth}
"""What a recipe can learn from, by name: who makes the segment labels; None for video labels only."""
OWN_SUPERVISIONS = tuple(SUPERVISIONS)


def labeller_of(supervision: str) -> Labeller | None:
    """Who makes the labels of a supervision; ValueError for an unknown name."""
    if supervision not in SUPERVISIONS:
        raise ValueError(f"unknown supervision {supervision!r}: choose one of {', '.join(SUPERVISIONS)}")
    return SUPERVISIONS[supervision]


def register_supervision(name: str, labeller: Labeller) -> None:
    """Let recipes learn from a pseudo-label method of your own by a name.

    Args:
        name: not taken by another method.
        labeller: from a bench to labels of its training split; their provenance must tell apart whatever can differ.

    Raises:
        ValueError: the name belongs to another method.
    """
    known = SUPERVISIONS.get(name)
    taken = name in OWN_SUPERVISIONS or (known is not None and _home(known) != _home(labeller))
    if taken:
        raise ValueError(f"there is a supervision {name!r} already: choose another name")
    SUPERVISIONS[name] = labeller


def _home(labeller: Labeller) -> str:
    return f"{labeller.__module__}.{labeller.__qualname__}"


def _tensor(array: np.ndarray | None) -> torch.Tensor | None:
    return None if array is None else torch.from_numpy(array)


def prepare(
    profile_name: str = "tutorial",
    corpus_seed: int = 0,
    domain: str = "studio",
    root: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    renew: bool = False,
) -> Bench:
    """The bench of a profile: a rendered corpus, made as far as it is not there yet, or the real LLP where it has been placed.

    Args:
        profile_name: "smoke", "tutorial", "paper" or "paper-clip".
        corpus_seed: 0 is the corpus that everything was tuned on, 1 the one that results are reported on.
        domain: rendering domain, "studio" or "street"; the teachers know only the first.
        root: the corpus folder; data/synthetic-llp/... or data/llp by default.
        workers: processes that render and extract; all cores by default.
        progress: show bars while they do.
        renew: render a corpus again that another version of the renderer made, instead of refusing it.

    Raises:
        FileNotFoundError: files of the real corpus are absent; says what belongs where and where it is published.
        ValueError: an unknown profile; a seed or a domain for the real corpus, which was not rendered; a broken file.
    """
    size = profile(profile_name)
    if size.corpus == "synthetic-llp":
        settings = CorpusSettings(corpus_seed, size.corpus_size, domain)
        folder = Path(root) if root is not None else default_root(settings)
        render_corpus(folder, settings, workers, progress, renew)
        return bench_on_media(load_corpus("synthetic-llp", folder), size, workers, progress)
    if (corpus_seed, domain) != (0, "studio"):
        raise ValueError(
            f"the profile {profile_name!r} reads the real {size.corpus}, which was not rendered: leave corpus_seed and domain out"
        )
    return prepare_official(size, root)


def bench_on_media(corpus: Corpus, size: Profile, workers: int | None = None, progress: bool = True) -> Bench:
    """A bench on any corpus whose media are there: its features are extracted into root/features as far as they are not yet.

    Videos that cannot be read are left out of their split, counted and named in a warning.
    """
    videos = {key: corpus.media_path(key) for split in corpus.splits.values() for key in split.keys}
    report = extract(videos, size.backbones, corpus.root / "features", workers, progress)
    if report.failures:
        corpus = with_features(corpus, tuple(key for key in videos if key not in report.failures))
    return Bench(size, corpus, {name: FeatureBank.open(folder) for name, folder in report.banks.items()})


def prepare_official(size: Profile, root: Path | None) -> Bench:
    """Read a corpus and its published features; videos without features are left out, counted and named in a warning."""
    corpus = load_corpus(size.corpus, root)
    keys = [key for split in corpus.splits.values() for key in split.keys]
    found = keys_with_features(corpus.root, size.backbones, keys)
    corpus = with_features(corpus, found)
    return Bench(size, corpus, read_published(corpus.root, size.backbones, found), PublishedLabels())


def with_features(corpus: Corpus, found: tuple[str, ...]) -> Corpus:
    """The corpus without the videos that have no features.

    Its provenance gains "coverage": by split, the number of videos "used" and "official", and the keys "left_out".

    Raises:
        ValueError: nothing is left of a split.
    """
    present, splits, coverage = set(found), {}, {}
    for name, split in corpus.splits.items():
        chosen = [row for row, key in enumerate(split.keys) if key in present]
        if not chosen:
            raise ValueError(
                f"none of the {len(split)} videos of {corpus.name}'s split {name!r} has all features in {corpus.root}: were "
                "the archives unpacked completely? data/README.md shows the layout"
            )
        splits[name] = split.subset(chosen)
        left_out = [key for key in split.keys if key not in present]
        coverage[name] = {"used": len(chosen), "official": len(split), "left_out": left_out}
    _log_coverage(corpus.name, coverage)
    return replace(corpus, splits=splits, provenance={**corpus.provenance, "coverage": coverage})


def _log_coverage(corpus: str, coverage: dict[str, dict[str, Any]]) -> None:
    counts = ", ".join(f"{part['used']:,} of {part['official']:,} {name}" for name, part in coverage.items())
    left_out = [key for part in coverage.values() for key in part["left_out"]]
    if not left_out:
        logger.info("%s: %s videos", corpus, counts)
        return
    named = ", ".join(left_out[:IDS_NAMED]) + (", ..." if len(left_out) > IDS_NAMED else "")
    logger.warning("%s: %s videos; without features and left out: %s", corpus, counts, named)
