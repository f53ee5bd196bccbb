"""Named experiments of audio-visual segmentation, and their sizes: what is compared, and at what size, as data.

    segmentation_recipe("selm-without-bcsm", "s4", "tutorial")

SelM's paper and its code do not agree about the training. What they say, and the recipe that follows it:

| | paper ("selm" in the profiles paper-*) | code ("selm-released" there) |
|---|---|---|
| optimiser | AdamW, 2e-5, weight decay not given (0.05 here, as in the code) | AdamW, 2e-5, decay 0.05, AVSS 0.01; constant |
| clips a step | 4 | S4 2, MS3 1, AVSS 8 (one on each of 8 devices) |
| epochs, S4 / MS3 / AVSS | 40 / 100 / 30 | the same |
| pictures | 224 x 224 | 448 x 448 for MS3 and for S4 with PVT, else 224 |
| encoder | not said: it moves | moves; ResNet-50 stands still for 15 epochs on MS3 |
| precision | not said | half precision on AVSS |

The code's training with 448 x 448 pictures stops at its first validation (it reshapes masks to another size), so the published weights
cannot come from it as it is. Both score on 224 x 224.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from avvp_lib.corpora.avsbench import SETTINGS
from avvp_lib.segmentation_training import SegmentationTraining


@dataclass(frozen=True)
class SegmentationRecipe:
    """A named experiment.

    Attributes:
        name: how tables and cells call it.
        title: how a figure calls it.
        widths: keyword arguments of `build_model("selm", ...)`: what the recipe changes, and the sizes of the profile.
        training: see `SegmentationTraining`.
        loss: changes to the training's loss: `terms`, `hit_activation`.
        precision: fabric's name.
    """

    name: str
    title: str
    widths: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    training: SegmentationTraining | None = None
    precision: str = "32-true"

    def plain(self) -> dict[str, Any]:
        """As plain data, for provenance."""
        return asdict(self)


# Nothing stands between the stages then, so all of a frozen encoder can be kept: the network is the same at either place.
_WITHOUT_DAM = {"early_fusion": "none", "fusion_place": "beside"}

RECIPES: dict[str, SegmentationRecipe] = {
    recipe.name: recipe
    for recipe in (
        SegmentationRecipe("selm-without-audio", "SelM, deaf", {"hearing": "none"}),
        SegmentationRecipe("selm-without-bcsm", "SelM without BCSM", {"selection": "none"}),
        SegmentationRecipe("selm-without-dam", "SelM without DAM", _WITHOUT_DAM),
        SegmentationRecipe("selm", "SelM"),
        SegmentationRecipe("selm-released", "SelM as released", {"variant": "released"}, {"hit_activation": "sigmoid"}),
        # Tables 3 to 8
        SegmentationRecipe("selm-without-clever", "SelM, one level", {"decoder": "single-level"}),
        SegmentationRecipe("selm-add", "SelM, DAM by addition", {"early_fusion": "add"}),
        SegmentationRecipe("selm-concat", "SelM, DAM by concatenation", {"early_fusion": "concat"}),
        SegmentationRecipe("selm-without-audio-attention", "SelM, CLEVER asks the picture", {"decoder": "visual"}),
        SegmentationRecipe(
            "selm-without-video-attention",
            "SelM, CLEVER asks sound",
            {"decoder": "audio"},
            {"terms": ("dice", "bce")},  # there are no hit maps
        ),
        SegmentationRecipe("selm-dam-a2v", "SelM, DAM from sound to picture", {"early_fusion": "a2v"}),
        SegmentationRecipe("selm-dam-v2a", "SelM, DAM from picture to sound", {"early_fusion": "v2a"}),
        SegmentationRecipe("selm-bcsm-a2v", "SelM, BCSM from sound to picture", {"selection": "a2v"}),
        SegmentationRecipe("selm-bcsm-v2a", "SelM, BCSM from picture to sound", {"selection": "v2a"}),
        SegmentationRecipe("selm-bce", "SelM, BCE alone", loss={"terms": ("bce",)}),
        SegmentationRecipe("selm-bce-dice", "SelM, BCE and Dice", loss={"terms": ("bce", "dice")}),
    )
}
BINARY_ONLY = ("selm-without-video-attention", "selm-bce", "selm-bce-dice")
"""Recipes that name the terms of Eq. 6, which AVSS does not have."""
ABLATIONS = ("selm-without-audio", "selm-without-bcsm", "selm-without-dam", "selm")
"""What the lesson compares, and what is tuned: the same number of validation trials each."""


@dataclass(frozen=True)
class SegmentationProfile:
    """The size of an experiment.

    Attributes:
        corpus: name for `load_corpus`, without the setting: "synthetic-avs" is rendered, "avsbench" is the real one.
        corpus_size: of a rendered corpus.
        picture_size: side of the pictures that are held in memory, in pixels.
        mask_size: side of the grid that masks are on and scores are computed on.
        audio: what the audio vectors are: "tiny-clap" or "vggish".
        widths: sizes of the model, by setting.
        training: by setting; by (setting, "released") where the released variant has its own.
        rates: learning rates by recipe, where it is not the training's.
    """

    corpus: str
    corpus_size: str
    picture_size: int
    mask_size: int
    audio: str
    widths: dict[str, dict[str, Any]]
    training: dict[str | tuple[str, str], SegmentationTraining]
    rates: dict[tuple[str, str], float] = field(default_factory=dict)


_SMALL = {"backbone": "resnet-18-half", "hidden": 64, "upsamplings": 1}
_TUTORIAL_TRAINING = SegmentationTraining(
    epochs=8, batch_size=8, learning_rate=1e-3, weight_decay=0.05, schedule="cosine", warm_up_epochs=1, clip_norm=1.0
)
_TUTORIAL = SegmentationProfile(
    "synthetic-avs",
    "tutorial",
    picture_size=96,
    mask_size=96,
    audio="tiny-clap",
    widths={setting: {**_SMALL, "input_size": 96} for setting in SETTINGS},
    training={
        "s4": replace(_TUTORIAL_TRAINING, learning_rate=2e-3, labelled_only=True),
        "ms3": replace(_TUTORIAL_TRAINING, learning_rate=2e-3),
        "avss": replace(_TUTORIAL_TRAINING, learning_rate=2e-3, epochs=5),  # of clips with twice as many frames
    },
    # Of the trials in `segmentation_tuning`, where they differ from the whole model's. AVSS had none: all take MS3's of the whole model.
    rates={
        **{(setting, "selm-without-audio"): 4e-3 for setting in ("s4", "ms3")},
        **{("ms3", f"selm-without-{module}"): 1e-3 for module in ("bcsm", "dam")},
    },
)


def _paper(backbone: str) -> SegmentationProfile:
    """The published sizes; see the table at the top."""
    large = backbone.startswith("pvt")
    common = SegmentationTraining(epochs=40, batch_size=4, learning_rate=2e-5, weight_decay=0.05)
    training = {"s4": common, "ms3": replace(common, epochs=100), "avss": replace(common, epochs=30)}
    training |= {
        ("s4", "released"): replace(training["s4"], batch_size=2),
        ("ms3", "released"): replace(training["ms3"], batch_size=1, frozen_epochs=0 if large else 15),
        ("avss", "released"): replace(training["avss"], batch_size=8, weight_decay=0.01, micro_batch=1),
    }
    widths = {setting: {"backbone": backbone} for setting in SETTINGS}  # other sizes are those of the variant
    return SegmentationProfile("avsbench", "official", 224, 224, "vggish", widths, training)


PROFILES: dict[str, SegmentationProfile] = {
    "smoke": replace(
        _TUTORIAL,
        corpus_size="smoke",
        training={name: replace(training, epochs=2) for name, training in _TUTORIAL.training.items()},
    ),
    "tutorial": _TUTORIAL,
    "paper-r50": _paper("resnet-50"),
    "paper-pvt": _paper("pvt-v2-b5"),
}


def segmentation_profile(name: str) -> SegmentationProfile:
    """A profile by name; an unknown name is refused with those that are known."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r} of segmentation: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


def check_setting(setting: str) -> None:
    """ValueError for an unknown setting."""
    if setting not in SETTINGS:
        raise ValueError(f"unknown setting {setting!r}: choose one of {', '.join(SETTINGS)}")


def segmentation_recipe(name: str, setting: str, profile_name: str = "tutorial") -> SegmentationRecipe:
    """A recipe by name, at the size of a profile.

    Raises:
        ValueError: an unknown name, setting or profile, or a recipe that the setting does not have.
    """
    check_setting(setting)
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r} of segmentation: choose one of {', '.join(RECIPES)}")
    if setting == "avss" and name in BINARY_ONLY:
        raise ValueError(f"{name!r} is for the binary settings: the loss of AVSS has other terms")
    size, base = segmentation_profile(profile_name), RECIPES[name]
    variant = base.widths.get("variant", "paper")
    training = size.training.get((setting, variant), size.training[setting])
    rate = size.rates.get((setting, name), training.learning_rate)
    half = size.corpus == "avsbench" and variant == "released" and setting == "avss"
    return replace(
        base,
        widths={**size.widths[setting], "setting": setting, **base.widths},
        training=replace(training, learning_rate=rate, **base.loss),
        precision="16-mixed" if half else base.precision,
    )
