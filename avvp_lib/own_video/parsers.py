"""What parses a window: a trained model, the features it reads, and what has to be said about both.

`trained_parser` takes a recipe on a rendered corpus, with the training that is kept in outputs/trainings or a new one.
`checkpoint_parser` takes a file of weights, ours or a published one, with the backbones whose features it reads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from avvp_lib.bench import Bench
from avvp_lib.checkpoints import load_checkpoint, load_official
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.features.backbones import READING, build_backbone
from avvp_lib.features.clip_media import RATES, ClipMedia
from avvp_lib.features.media import Media
from avvp_lib.features.published_backbones import build_published
from avvp_lib.features.tiny_teachers import class_text
from avvp_lib.own_video.reading import Reading, Window
from avvp_lib.own_video.streams import FRAMES_PER_SECOND
from avvp_lib.provenance import file_digest
from avvp_lib.pseudo_labels.text_features import text_features, ungated_labels, ungated_thresholds
from avvp_lib.pseudo_labels.zero_shot import text_similarity
from avvp_lib.recipes import Recipe, prepare, profile, recipe, run, training_folder
from avvp_lib.training import ParsingData, predict
from avvp_lib.weights import CheckpointError
from avvp_lib.workspace import shown

logger = logging.getLogger(__name__)

DEFAULT_RECIPE = "valor-zero-shot"
Features = Callable[[Window], dict[str, np.ndarray]]
"""From a window to the tensors of `ParsingData` by name, each (T', D) float32."""

FEATURE_SETS: dict[str, tuple[str, str, str]] = {
    "tiny": ("tiny-clap-map", "tiny-clip-map", "tiny-clip-change"),
    "published": ("vggish", "resnet152", "r2plus1d"),
    "published-clip": ("clap", "clip", "r2plus1d"),
}
"""Backbones of audio, visual_2d and visual_3d that parsers are trained on: the project's own, HAN's, and VALOR++'s."""

_WIDTHS = {
    "tiny": {"audio_dim": 1024, "visual_2d_dim": 1024, "visual_3d_dim": 512, "audio_layout": "segments"},
    "published": {"audio_dim": 128, "visual_2d_dim": 2048, "visual_3d_dim": 512, "audio_layout": "segments"},
    "published-clip": {"audio_dim": 768, "visual_2d_dim": 768, "visual_3d_dim": 512, "audio_layout": "clap_tokens"},
}
NATIVE_GATES = {
    **dict.fromkeys(("han", "valor", "mgn", "mug", "ear"), ("global", "global")),
    "jomold": ("modality", "modality"),
    "mm-cse": ("global", "modality"),
}
"""(audio, visual) gate that the paper of a model uses (docs/metrics.md)."""


@dataclass(frozen=True)
class Parser:
    """A model that is ready to parse windows.

    Attributes:
        model: in evaluation mode, on the CPU.
        categories: C names.
        reading: what it has to be given of a video.
        features: from a window to its inputs.
        gates: of audio and visual.
        about: for people and for records: model, weights, trained_on, features, gates, all plain values.
    """

    model: nn.Module
    categories: tuple[str, ...]
    reading: Reading
    features: Features
    gates: tuple[str, str]
    about: dict[str, Any]

    def __call__(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Segment probabilities (T, 2, C), video (C,) and modality probabilities (2, C) of a window, float32."""
        inputs = {name: torch.from_numpy(array)[None] for name, array in self.features(window).items()}
        output = predict(self.model, ParsingData(**inputs, video_labels=torch.zeros(1, len(self.categories))))
        return tuple(getattr(output, name)[0].numpy() for name in ("segment_prob", "video_prob", "modality_prob"))


def trained_parser(
    recipe_name: str = DEFAULT_RECIPE,
    profile_name: str = "tutorial",
    corpus_seed: int = 0,
    seed: int = 0,
    device: str = "auto",
    say: Callable[[str], None] = logger.info,
) -> Parser:
    """The parser of a recipe; what is not there yet (corpus, features, training) is made first.

    Args:
        recipe_name: see `recipes.RECIPES`.
        profile_name: "tutorial", or "smoke" for a quick look at how things work.
        corpus_seed: of the rendered corpus.
        seed: of the training.
        device: where a new training runs.
        say: told in a sentence what takes its time.

    Raises:
        ValueError: an unknown recipe or profile, or a profile of the real LLP, whose features are not extracted by the project's backbones.
    """
    experiment, size = recipe(recipe_name, profile_name), profile(profile_name)
    if size.corpus != "synthetic-llp":
        raise ValueError(
            f"the profile {profile_name!r} trains on published features of {size.corpus}: save such a model (save_checkpoint) and parse "
            "with --checkpoint FILE, or choose the profile tutorial"
        )
    bench = prepare(profile_name, corpus_seed)
    folder = training_folder(experiment, bench, seed)
    kept = (folder / "training.state").is_file()
    if not kept:
        say(f"{shown(folder)} holds no training yet: {experiment.title} is trained now, which takes about two minutes")
    result = run(experiment, bench, seed, device, folder, progress=not kept)
    return parser_on_bench(result.model, experiment, bench, {"kept in": shown(folder), "training seed": seed})


def parser_on_bench(model: nn.Module, experiment: Recipe, bench: Bench, weights: dict[str, Any]) -> Parser:
    """A parser of a model that was trained on a bench whose features the project's own backbones made.

    Args:
        weights: what to say about where they are.
    """
    size = bench.profile
    names = {"audio": size.audio, "visual_2d": size.visual_2d, "visual_3d": size.visual_3d}
    backbones = {name: _TinyBackbone(backbone) for name, backbone in names.items()}
    text = None if experiment.test_text == "none" else _TeacherText(bench)
    train = bench.split("train")
    gates = experiment.training.audio_gate, experiment.training.visual_gate
    about = {
        "model": f"{experiment.title} (recipe {experiment.name})",
        "weights": weights,
        "trained on": f"{len(train)} rendered videos of {bench.corpus.name} with the supervision {experiment.supervision}; "
        "no real video was among them",
        "features": _said_of(backbones),
        "text": "none" if text is None else "what the tiny teachers find in each segment, ungated",
        "gates": dict(zip(("audio", "visual"), gates, strict=True)),
    }
    reading = Reading(READING["frame_size"], (READING["sample_rate"],))
    return Parser(
        model.eval(),
        tuple(bench.corpus.categories),
        reading,
        partial(_tiny_features, backbones=backbones, text=text),
        gates,
        about,
    )


class _TinyBackbone:
    """A backbone of the project, rounded as its bank stores what it makes."""

    def __init__(self, name: str) -> None:
        self.backbone = build_backbone(name)
        self.card = self.backbone.card

    def __call__(self, media: Media) -> np.ndarray:
        return self.backbone(media).astype(self.card.dtype).astype(np.float32)


def _said_of(backbones: Mapping[str, Any]) -> dict[str, str]:
    """Of each input the backbone that makes it."""
    return {stream: f"{b.card.name}, revision {b.card.revision}" for stream, b in backbones.items()}


class _TeacherText:
    """What the teachers' ungated labels of ten segments mean, as text; thresholds as on the bench that the model was trained on."""

    def __init__(self, bench: Bench) -> None:
        if tuple(bench.corpus.categories) != tuple(LLP_CATEGORIES):
            raise ValueError(f"the teachers' sentences are LLP's 25 categories, not those of {bench.corpus.name}")
        val = bench.split("val")
        thresholds = map(ungated_thresholds, bench.similarities("val"), (val.audio, val.visual))
        self.teachers = [
            (_TinyBackbone(name), *class_text(name), threshold)
            for name, threshold in zip(bench.profile.teachers, thresholds, strict=True)
        ]

    def __call__(self, media: Media) -> dict[str, np.ndarray]:
        made = []
        for backbone, sentences, scale, thresholds in self.teachers:
            labels = ungated_labels(text_similarity(backbone(media)[None], sentences, scale), thresholds)
            made.append(text_features(labels, sentences)[0])
        return dict(zip(("text_audio", "text_visual"), made, strict=True))


def _tiny_features(
    window: Window, backbones: Mapping[str, Callable[[Media], np.ndarray]], text: _TeacherText | None
) -> dict[str, np.ndarray]:
    rate = READING["sample_rate"]
    media = Media(window.path, window.frames, window.sounds[rate], FRAMES_PER_SECOND, rate)
    made = {name: backbone(media) for name, backbone in backbones.items()}
    return made if text is None else made | text(media)


def checkpoint_parser(
    path: Path,
    model_name: str | None = None,
    gates: tuple[str | None, str | None] = (None, None),
    weights: Mapping[str, Path] | None = None,
    device: str = "cpu",
    download: bool = False,
) -> Parser:
    """The parser of a file of weights, with the backbones whose features fit its widths.

    Args:
        path: what `save_checkpoint` wrote, or, with `model_name`, a published file.
        model_name: of `checkpoints.OFFICIAL`, for a published file.
        gates: of audio and visual; None takes the one of the model's paper.
        weights: files of published backbones by their name; others are searched for.
        device: where the backbones compute.
        download: fetch weights of backbones that are not on this machine.

    Raises:
        CheckpointError: the file is not what it should be.
        ValueError: a model that segments, reads text, has other categories than LLP's 25, or fits no backbones; weights of a backbone
            that it does not read.
        MissingWeights: a backbone's weights are nowhere; says where they are published.
    """
    model, said = (load_official(model_name, path), {}) if model_name else load_checkpoint(path)
    name = model.name
    if name not in NATIVE_GATES:
        raise ValueError(f"{path} holds a {name!r}, which is no parser: choose one of {', '.join(NATIVE_GATES)}")
    if name == "mug" and model.widths.get("plsim") != "off":
        raise ValueError(
            f"{path}: this MUG reads a teacher's text at test time, and a file of weights brings no teacher's thresholds. Use a MUG with "
            "plsim='off', or a recipe that has a corpus: --recipe mug-zero-shot"
        )
    if model.widths["classes"] != len(LLP_CATEGORIES):
        raise ValueError(
            f"{path} knows {model.widths['classes']} categories without their names; only LLP's 25 can be named"
        )
    features = _fitting_features(model, path)
    backbones = _build_backbones(features, dict(weights or {}), device, download)
    native = NATIVE_GATES[name]
    chosen = (gates[0] or native[0], gates[1] or native[1])
    published = "published weights, trained on what their authors say (LLP's 10,000 training videos with video labels)"
    about = {
        "model": f"{model_name} (published)" if model_name else f"{name} (our checkpoint)",
        "weights": {"file": Path(path).name, "sha256": file_digest(Path(path))},
        "trained on": published if model_name else (said or "the checkpoint does not say"),
        "features": _said_of(backbones),
        "text": "none",
        "gates": dict(zip(("audio", "visual"), chosen, strict=True)),
    }
    if features == "tiny":
        reading, extract = Reading(READING["frame_size"], (READING["sample_rate"],)), partial(_tiny_features, text=None)
    else:
        reading, extract = Reading(None, RATES), _published_features
    return Parser(model, tuple(LLP_CATEGORIES), reading, partial(extract, backbones=backbones), chosen, about)


def _fitting_features(model: nn.Module, path: Path) -> str:
    """The name of the set of features whose widths a model has."""
    found = {width: model.widths.get(width, default) for width, default in _WIDTHS["published"].items()}
    for name, widths in _WIDTHS.items():
        if found == widths:
            return name
    raise CheckpointError(
        f"{path} reads features of widths {found}, which are those of no backbones here: "
        f"{'; '.join(', '.join(names) for names in FEATURE_SETS.values())}"
    )


def _build_backbones(
    features: str, weights: dict[str, Path], device: str, download: bool
) -> dict[str, Callable[[Any], np.ndarray]]:
    names = FEATURE_SETS[features]
    strange = sorted(set(weights) - set(names))
    if strange:
        raise ValueError(f"--weights {strange[0]}: this model reads {', '.join(names)}")
    made = [
        _TinyBackbone(name) if features == "tiny" else build_published(name, weights.get(name), device, download)
        for name in names
    ]
    return dict(zip(("audio", "visual_2d", "visual_3d"), made, strict=True))


def _published_features(
    window: Window, backbones: Mapping[str, Callable[[ClipMedia], np.ndarray]]
) -> dict[str, np.ndarray]:
    media = ClipMedia(window.path, window.frames, window.sounds)
    return {name: backbone(media) for name, backbone in backbones.items()}
