"""Profiles: the size of an experiment as data. Which corpus, which features, how wide a model, how long a training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from avvp_lib.training import TrainingRecipe


@dataclass(frozen=True)
class Profile:
    """The size of an experiment.

    Attributes:
        corpus_size: of the synthetic corpora, see `SIZES`; "official" for a corpus that has one size.
        audio, visual_2d, visual_3d: backbones whose features the parsers read.
        teachers: the audio and the visual backbone that are asked for zero-shot labels; none where these are published.
        widths: keyword arguments of `build_model`, by model.
        training: changes to the recipes' training, such as fewer epochs.
        corpus: name for `load_corpus`.
        published_training: by model, else by loss, what takes the place of the recipes' own training; the loss and its options stay.
        variant: what tells results of this profile from those of another on the same corpus; "" where there is no other.
    """

    corpus_size: str
    audio: str = "tiny-clap-map"
    visual_2d: str = "tiny-clip-map"
    visual_3d: str = "tiny-clip-change"
    teachers: tuple[str, ...] = ("tiny-clap", "tiny-clip")
    widths: dict[str, dict[str, Any]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    corpus: str = "synthetic-llp"
    published_training: dict[str, TrainingRecipe] = field(default_factory=dict)
    variant: str = ""

    @property
    def backbones(self) -> tuple[str, ...]:
        """All backbones, each once."""
        return tuple(dict.fromkeys((self.audio, self.visual_2d, self.visual_3d, *self.teachers)))


_TUTORIAL_WIDTHS = {
    "han": {"hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3},
    "valor": {"hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3},
    "jomold": {"hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3},
    "mgn": {"hidden": 64, "audio_depth": 1, "visual_depth": 1, "cross_modal_depth": 1},
    "mm-cse": {"hidden": 128, "class_hidden": 16, "heads": 1, "feed_forward": 32, "layers": 1},
    "mug": {
        "hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3, "state_channels": 32, "d_state": 8,
        "attention_channels": 8,
    },
    "ear": {"hidden": 128, "heads": 4, "feed_forward": 256, "dropout": 0.3, "event_dim": 16},
}  # fmt: skip

_PAPER_WIDTHS = {
    "han": {"hidden": 512, "heads": 1, "feed_forward": 512, "layers": 1, "dropout": 0.1},
    "valor": {"hidden": 512, "heads": 8, "feed_forward": 1024, "layers": 1, "dropout": 0.1},
    **{model: {} for model in ("mgn", "jomold", "mm-cse", "mug", "ear")},  # the defaults are the published widths
}

# With CLAP and CLIP features VALOR becomes VALOR++: narrower and deeper. The others keep their widths.
_PAPER_CLIP_WIDTHS = {
    model: {**widths, "audio_layout": "clap_tokens"}
    for model, widths in {
        **_PAPER_WIDTHS,
        "valor": {"hidden": 256, "heads": 8, "feed_forward": 1024, "layers": 4, "dropout": 0.1},
    }.items()
}

# HAN's and VALOR's published training. VALOR's network with video labels alone is no row of either paper: it takes HAN's.
_PAPER_TRAINING = {
    "video-labels": TrainingRecipe(
        loss="video-labels", epochs=40, batch_size=16, optimiser="adam", learning_rate=3e-4, schedule="step",
        step_epochs=10, step_factor=0.1, audio_gate="global", visual_gate="global",
    ),
    "segment-labels": TrainingRecipe(
        loss="segment-labels", epochs=60, batch_size=64, optimiser="adamw", learning_rate=1e-4, betas=(0.5, 0.999),
        weight_decay=1e-3, schedule="warm-up-cosine", warm_up_epochs=10, minimum_rate=1e-6, clip_norm=1.0,
        audio_gate="global", visual_gate="global",
    ),
    "mgn": TrainingRecipe(
        loss="mgn", epochs=40, batch_size=16, optimiser="adam", learning_rate=3e-4, step_epochs=10, step_factor=0.1
    ),
    "jomold": TrainingRecipe(
        loss="jomold", epochs=25, batch_size=128, optimiser="adam", learning_rate=5e-4, step_epochs=6, step_factor=0.25
    ),
    "mm-cse": TrainingRecipe(
        loss="mm-cse", epochs=60, batch_size=64, optimiser="adamw", learning_rate=3e-4, betas=(0.5, 0.999),
        weight_decay=1e-3, step_epochs=10, step_factor=0.1, clip_norm=1.0,
    ),
    "mug": TrainingRecipe(  # no schedule is given
        loss="segment-labels", epochs=20, batch_size=64, optimiser="adamw", learning_rate=3e-4, step_epochs=20
    ),
    "ear": TrainingRecipe(
        loss="ear", epochs=80, batch_size=64, optimiser="adamw", learning_rate=1e-4, schedule="warm-up-cosine",
        warm_up_epochs=10, minimum_rate=5e-6,
    ),
}  # fmt: skip

_PAPER = Profile(
    "official",
    corpus="llp",
    audio="vggish",
    visual_2d="res152",
    visual_3d="r2plus1d_18",
    teachers=(),
    widths=_PAPER_WIDTHS,
    published_training=_PAPER_TRAINING,
)

PROFILES: dict[str, Profile] = {
    "smoke": Profile("smoke", widths=_TUTORIAL_WIDTHS, training={"epochs": 3, "warm_up_epochs": 1, "batch_size": 16}),
    "tutorial": Profile("tutorial", widths=_TUTORIAL_WIDTHS),
    "paper": _PAPER,
    "paper-clip": replace(_PAPER, audio="clap-map", visual_2d="clip", widths=_PAPER_CLIP_WIDTHS, variant="clip"),
}


def profile(name: str) -> Profile:
    """A profile by name; an unknown name is refused with those that are known."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


def profile_of(corpus: str) -> str | None:
    """The name of the profile that prepares a corpus, such as "synthetic-llp/tutorial-studio-1"; None if none does."""
    for name, size in PROFILES.items():
        if corpus == size.corpus or corpus.startswith(f"{size.corpus}/{size.corpus_size}-"):
            return name
    return None
