"""The bench of segmentation: a corpus in one of AVSBench's settings with an audio vector for each second, ready for any recipe.

    bench = prepare_segmentation("s4", "tutorial")          # renders and extracts what is not there yet
    bench = prepare_segmentation("s4", "paper-r50", vggish="vggish-10086976.pth")        # AVSBench where it has been placed
    result = run_segmentation(segmentation_recipe("selm", "s4"), bench, seed=0)

Audio vectors are VGGish's at the published size. Its weights are not shipped, so rendered corpora take those of the tiny CLAP-like
teacher: a unit vector a second, scaled so that its numbers have unit variance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.avs_data import SegmentationData, read_segmentation_data
from avvp_lib.corpora.avsbench import FRAMES, AVSCorpus
from avvp_lib.corpora.synthetic.avs import AVSSettings, default_avs_root, render_avs
from avvp_lib.features.bank import FeatureBank
from avvp_lib.features.sound_seconds import extract_seconds, vggish_seconds
from avvp_lib.models import build_model
from avvp_lib.models.selm_encoders import load_encoder_weights
from avvp_lib.segmentation_clips import SegmentationClips, clips_of
from avvp_lib.segmentation_recipes import (
    SegmentationProfile,
    SegmentationRecipe,
    check_setting,
    segmentation_profile,
)
from avvp_lib.segmentation_training import fit_segmentation
from avvp_lib.training import FitResult
from avvp_lib.workspace import workspace

SCALED = ("tiny-clap",)
"""Backbones that give unit vectors."""


@dataclass(frozen=True, eq=False)
class SegmentationBench:
    """A corpus and its audio vectors.

    Attributes:
        profile: what it was prepared for.
        profile_name: by name.
        corpus: frames, masks and sounds on disk.
        vggish, encoder: weights of VGGish and of the visual encoder, where the profile asks for them.
        workers: processes that extract audio vectors; all cores by default.
    """

    profile: SegmentationProfile
    profile_name: str
    corpus: AVSCorpus
    vggish: Path | None = None
    encoder: Path | None = None
    workers: int | None = None

    @property
    def setting(self) -> str:
        """One of "s4", "ms3" and "avss"."""
        return self.corpus.setting

    @property
    def classes(self) -> int:
        """What a pixel can be: 2 in the binary settings; all classes and the background in AVSS."""
        return len(self.corpus.classes) if self.setting == "avss" else 2

    @property
    def name(self) -> str:
        """What results and trainings are filed under: avs-<setting>-<profile>-<domain>-<corpus seed>."""
        settings = self.corpus.provenance
        if "domain" not in settings:
            return f"avs-{self.setting}-{self.profile_name}"
        return f"avs-{self.setting}-{self.profile_name}-{settings['domain']}-{settings['seed']}"

    @cached_property
    def splits(self) -> dict[str, SegmentationData]:
        """Every split in memory; of rendered clips with what each object does, which is for measuring only."""
        return {
            name: read_segmentation_data(
                split, self.profile.picture_size, self.profile.mask_size, truth=self.profile.corpus == "synthetic-avs"
            )
            for name, split in self.corpus.splits.items()
        }

    @cached_property
    def audio(self) -> FeatureBank:
        """The audio vectors of all clips."""
        folder, frames = self.corpus.root / "features", FRAMES[self.setting]
        if self.profile.audio == "vggish":
            if self.vggish is None:
                raise ValueError(
                    f"{self.profile_name!r} reads VGGish's vectors: give the path of its weights (vggish=)"
                )
            keys = [key for data in self.splits.values() for key in data.ids]
            log_mel = np.concatenate([data.log_mel for data in self.splits.values()])
            return vggish_seconds(keys, log_mel, self.vggish, folder)
        sounds = {clip.id: clip.wav for split in self.corpus.splits.values() for clip in split.clips}
        return extract_seconds(sounds, frames, self.profile.audio, folder, self.workers)

    def data(self, split: str) -> SegmentationClips:
        """A split as tensors; ValueError if it is unknown."""
        if split not in self.splits:
            raise ValueError(f"{self.corpus.name} has no split {split!r}: choose one of {', '.join(self.splits)}")
        data = self.splits[split]
        audio = self.audio.take(data.ids) * data.present[:, :, None]
        if self.profile.audio in SCALED:
            audio = audio * np.sqrt(audio.shape[-1])
        return clips_of(data, audio)

    def identity(self) -> dict[str, Any]:
        """What results follow from besides the recipe and the code."""
        sizes = [self.profile.picture_size, self.profile.mask_size]
        return {
            "name": self.corpus.name,
            **self.corpus.provenance,
            "sizes": sizes,
            "audio": self.audio.content_hash,
        }


def prepare_segmentation(
    setting: str,
    profile_name: str = "tutorial",
    corpus_seed: int = 0,
    domain: str = "studio",
    root: Path | None = None,
    vggish: Path | None = None,
    encoder: Path | None = None,
    workers: int | None = None,
    progress: bool = True,
    renew: bool = False,
) -> SegmentationBench:
    """The bench of a setting: a rendered corpus, made as far as it is not there yet, or the real AVSBench where it has been placed.

    Args:
        setting: "s4", "ms3" or "avss".
        profile_name: see `segmentation_recipes.PROFILES`.
        corpus_seed: 0 is the corpus that everything was tuned on, 1 the one that results are reported on.
        domain: rendering domain, "studio" or "street".
        root: the corpus folder.
        vggish, encoder: weights of VGGish, and ImageNet's of the visual encoder; for the published sizes only.
        workers: processes that render and extract; all cores by default.
        progress: show bars while they do.
        renew: render a corpus again that another version of the renderer made, instead of refusing it.

    Raises:
        FileNotFoundError: files of the real corpus are absent; says what belongs where.
        ValueError: an unknown setting or profile; a seed or a domain for the real corpus, which was not rendered.
    """
    check_setting(setting)
    size = segmentation_profile(profile_name)
    if size.corpus == "synthetic-avs":
        settings = AVSSettings(setting, corpus_seed, size.corpus_size, domain)
        folder = Path(root) if root is not None else default_avs_root(settings)
        render_avs(folder, settings, workers, progress, renew)
        return SegmentationBench(size, profile_name, load_corpus(f"synthetic-avs-{setting}", folder), workers=workers)
    if (corpus_seed, domain) != (0, "studio"):
        raise ValueError(
            f"the profile {profile_name!r} reads the real AVSBench, which was not rendered: leave corpus_seed and domain out"
        )
    name = "avss" if setting == "avss" else f"avsbench-{setting}"
    return SegmentationBench(size, profile_name, load_corpus(name, root), _path(vggish), _path(encoder), workers)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def build_segmenter(experiment: SegmentationRecipe, bench: SegmentationBench, seed: int) -> nn.Module:
    """An untrained model of a recipe for the audio vectors and the classes of a bench, its first weights drawn with a seed.

    Raises:
        ValueError: the profile has the published sizes, and there are no weights for the encoder: at its learning rate nothing can be
            learned from scratch.
    """
    if bench.encoder is None and bench.profile.corpus == "avsbench":
        raise ValueError(
            f"{bench.profile_name!r} starts from an encoder that knows ImageNet: give the path of its weights (encoder=)"
        )
    widths = experiment.widths | {"audio_dim": bench.audio.card.output_shape[1]}
    if bench.setting == "avss":
        widths["classes"] = bench.classes
    torch.manual_seed(seed)  # after the vectors have been extracted, which draws numbers
    model = build_model("selm", **widths)
    if bench.encoder is not None:
        load_encoder_weights(model.encoder.backbone, bench.encoder)
    return model


def run_segmentation(
    experiment: SegmentationRecipe,
    bench: SegmentationBench,
    seed: int,
    device: str = "auto",
    devices: int = 1,
    folder: Path | None = None,
    progress: bool = True,
) -> FitResult:
    """Train one recipe with one seed.

    Args:
        folder: where the training is kept, so that it can go on after an interruption and is not done twice; see `fit_segmentation`.
    """
    model = build_segmenter(experiment, bench, seed)
    train, validation = bench.data("train"), bench.data("val")
    options = {"device": device, "devices": devices, "precision": experiment.precision, "progress": progress}
    return fit_segmentation(model, train, validation, experiment.training, seed, folder=folder, **options)


def segmentation_folder(experiment: SegmentationRecipe, bench: SegmentationBench, seed: int) -> Path:
    """Where notebooks and `avvp measure` keep a training: outputs/trainings/<bench>/<recipe>-<seed>. They share it."""
    return workspace() / "outputs" / "trainings" / bench.name / f"{experiment.name}-{seed}"
