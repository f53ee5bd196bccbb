"""Named experiments: what is compared, at the size that a profile sets, on a bench.

    bench = prepare("tutorial")                       # corpus and feature banks, rendered and extracted if need be
    result = run(recipe("valor-zero-shot", "tutorial"), bench, seed=0)

A recipe says what is compared (model, supervision); a profile says at what size (corpus, backbones, widths, epochs).
Profiles and the bench have modules of their own; their names can be imported from here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from avvp_lib.bench import OWN_SUPERVISIONS, Bench, bench_on_media, labeller_of, prepare, register_supervision
from avvp_lib.generator_bench import GENERATED, HARD, named_generator
from avvp_lib.models import build_model, known_as, model_class
from avvp_lib.objectives import factory_of
from avvp_lib.profiles import PROFILES, Profile, profile, profile_of
from avvp_lib.pseudo_labels.generator_recipes import GeneratorRecipe
from avvp_lib.published import table_name
from avvp_lib.segmentation_recipes import SegmentationRecipe, segmentation_recipe
from avvp_lib.shared_training import fit_shared
from avvp_lib.table_rows import TABLES
from avvp_lib.training import FitResult, ParsingData, TrainingRecipe, fit
from avvp_lib.training_share import check_share, drawn_videos
from avvp_lib.workspace import workspace

__all__ = [
    "BY_NAME_ONLY",
    "LEARNING_CURVES",
    "PROFILES",
    "RECIPES",
    "VARIANTS",
    "Bench",
    "Profile",
    "Recipe",
    "bench_on_media",
    "needs_teachers",
    "prepare",
    "profile",
    "profile_of",
    "recipe",
    "recipe_dict",
    "recipe_modules",
    "register_recipe",
    "register_supervision",
    "run",
    "table",
    "training_folder",
    "untrained_model",
]


@dataclass(frozen=True)
class Recipe:
    """A named experiment: which model learns from what, and how.

    Attributes:
        name: how tables and cells call it.
        title: how a figure calls it.
        model: name for `build_model`.
        supervision: what it learns from, see `SUPERVISIONS`: video labels only, zero-shot pseudo-labels, the segment truth of a
            rendered corpus, or a method that was registered.
        widths: keyword arguments for `build_model`, besides the feature widths, which the bench knows.
        training: see `TrainingRecipe`.
        text: what the model reads of the teachers' labels, as text, see `Bench.data`; in training, for at test time it is ungated.
        combination: how many generated videos are added to the training videos: one of the published multiples 0.25, 0.5, 0.75, 1
            and 2, or 0 for none; see `avvp_lib.pseudo_labels.combination`.
        videos: share of the training videos that is learned from, drawn with the training seed; see `avvp_lib.training_share`. The
            number of epochs stays, so fewer videos mean fewer steps. Generated videos are made of those that are drawn.

    Raises:
        ValueError: `videos` is not above 0 and at most 1.
    """

    name: str
    title: str
    model: str
    supervision: str
    training: TrainingRecipe
    widths: dict[str, Any] = field(default_factory=dict)
    text: str = "none"
    combination: float = 0.0
    videos: float = 1.0

    def __post_init__(self) -> None:
        check_share(self.videos)

    @property
    def test_text(self) -> str:
        """What the model reads of a validation or test video."""
        return "none" if self.text == "none" else "ungated"


# The published recipes are for 10,000 videos; the profile "paper" puts them here instead. These keep their form (optimisers,
# losses, gates) with numbers of epochs chosen on corpus seed 0 for 800 videos; the rates are those of the trials in `tuning`.
_WEAK = TrainingRecipe(
    loss="video-labels", epochs=30, batch_size=32, optimiser="adam", learning_rate=2e-3, schedule="step", step_epochs=10,
    step_factor=0.3, audio_gate="global", visual_gate="global",
)  # fmt: skip
_SEGMENT = TrainingRecipe(
    loss="segment-labels", epochs=30, batch_size=32, optimiser="adamw", learning_rate=2e-3, betas=(0.5, 0.999),
    weight_decay=1e-3, schedule="warm-up-cosine", warm_up_epochs=5, minimum_rate=1e-5, clip_norm=1.0,
    audio_gate="global", visual_gate="global",
)  # fmt: skip


def _with_loss(loss: str, learning_rate: float = _SEGMENT.learning_rate, **options: Any) -> TrainingRecipe:
    return replace(_SEGMENT, loss=loss, learning_rate=learning_rate, loss_options=options)


RECIPES: dict[str, Recipe] = {
    r.name: r
    for r in (
        Recipe("han", "HAN, video labels", "han", "video-labels", _WEAK),
        Recipe("valor-video-labels", "VALOR's network, video labels", "valor", "video-labels", _WEAK),
        Recipe("valor-zero-shot", "VALOR, zero-shot pseudo-labels", "valor", "zero-shot", _SEGMENT),
        Recipe("valor-truth", "VALOR's network, true segment labels", "valor", "truth", _SEGMENT),
        # The family under the same pseudo-labels. HAN, MGN and JoMoLD were published for video labels; here they get segment losses too.
        Recipe("han-zero-shot", "HAN, zero-shot pseudo-labels", "han", "zero-shot", _SEGMENT),
        Recipe(
            "mgn-zero-shot",
            "MGN, zero-shot pseudo-labels",
            "mgn",
            "zero-shot",
            _with_loss("mgn", 1e-3, segment_weight=1.0),
        ),
        Recipe(
            "jomold-zero-shot",
            "JoMoLD, zero-shot pseudo-labels",
            "jomold",
            "zero-shot",
            _with_loss("jomold", segment_weight=1.0),
        ),
        Recipe(
            "mm-cse-zero-shot", "MM-CSE, zero-shot pseudo-labels", "mm-cse", "zero-shot", _with_loss("mm-cse", 4e-3)
        ),
        Recipe("mug-without-text", "MUG without PLSIM", "mug", "zero-shot", _SEGMENT, {"plsim": "off"}),
        Recipe(
            "mug-zero-shot",
            "MUG, zero-shot pseudo-labels",
            "mug",
            "zero-shot",
            _with_loss("segment-labels", 4e-3),
            text="ungated",
        ),
        Recipe("ear-zero-shot", "EAR's parser, zero-shot pseudo-labels", "ear", "zero-shot", _with_loss("ear")),
    )
}


def _combined(name: str, multiple: float) -> Recipe:
    """`<name>-zero-shot` with videos added that have the sound of one training video and the picture of another."""
    base = RECIPES[f"{name}-zero-shot"]
    title = f"{base.title.split(',')[0]}, {multiple:g} x generated videos"
    return replace(base, name=f"{name}-combined-{multiple:g}", title=title, combination=multiple)


# EAR's Table VI: one parser, one training, labels of three kinds; the third is han-zero-shot. Zero-shot labels are 0 or 1, so
# there are also the generators' labels without their confidence. And EAR as a whole: its parser on its own labels.
RECIPES |= {
    f"{parser}-{kind}-labels": replace(
        RECIPES[f"{parser}-zero-shot"],
        name=f"{parser}-{kind}-labels",
        title=f"{title} labels",
        supervision=f"{kind}-labels",
    )
    for parser, kind, title in (
        ("han", "uwav", "HAN, UWAV-like"),
        ("han", "ear", "HAN, EAR's"),
        ("han", "uwav-hard", "HAN, UWAV-like hard"),
        ("han", "ear-hard", "HAN, EAR's hard"),
        ("ear", "ear", "EAR's parser, EAR's"),
        ("ear", "ear-hard", "EAR's parser, EAR's hard"),
    )
}

# MUG's Table 3 (five numbers of generated videos) on HAN, and its Table 4 (other networks). An epoch with as many generated videos
# as there are real ones has twice the steps: the control has the steps without the videos.
RECIPES |= {
    r.name: r
    for r in (
        *(_combined("han", multiple) for multiple in (0.25, 0.5, 0.75, 1.0, 2.0)),
        _combined("mgn", 1.0),
        _combined("jomold", 1.0),
        replace(
            RECIPES["han-zero-shot"],
            name="han-zero-shot-twice",
            title="HAN, trained twice as long",
        ),
    )
}


def _variant(
    base: str, name: str, title: str, loss: dict[str, Any] | None = None, rate: float | None = None, **changes: Any
) -> Recipe:
    """A small change to a recipe: fields of it, of its widths, or options of its loss; all else stays, its learning rate too."""
    known = RECIPES[base]
    fields = {key: changes.pop(key) for key in ("combination", "text", "videos") if key in changes}
    options = {**known.training.loss_options, **(loss or {})}
    training = replace(known.training, loss_options=options, learning_rate=rate or known.training.learning_rate)
    return replace(known, name=name, title=title, widths={**known.widths, **changes}, training=training, **fields)


# Generated videos have a rate of their own: with them, the one that was chosen without them, 4e-3, diverges.
_mug = partial(_variant, "mug-zero-shot", rate=2e-3)
_EAR, _CSE = "ear-ear-labels", "mm-cse-zero-shot"
_WITHOUT_ORTHOGONALITY = {"lambda_1": 0.0}  # without a background there is nothing to be orthogonal to
_WITHOUT_DECODER = {"reconstruction": "none"}
_VARIANTS = (
    # MUG's Table 1: what was published for video labels alone
    Recipe("mgn-video-labels", "MGN, video labels", "mgn", "video-labels", replace(_WEAK, loss="mgn")),
    Recipe("jomold-video-labels", "JoMoLD, video labels", "jomold", "video-labels", replace(_WEAK, loss="jomold")),
    # MUG's Tables 2, 3 and 5: the whole of MUG has as many generated videos as there are real ones
    *(
        _mug(f"mug-combined-{multiple:g}", f"MUG, {multiple:g} x generated videos", combination=multiple)
        for multiple in (0.25, 0.5, 0.75, 1.0, 2.0)
    ),
    *(
        _mug(
            f"mug-combined-1-without-{module}", f"MUG without {module.upper()}", combination=1.0, **{module: "off"}
        )
        for module in ("tsa", "amf", "mfe")
    ),
    _mug(
        "mug-combined-1-without-plsim", "MUG without PLSIM", combination=1.0, plsim="off", text="none"
    ),
    *(
        _mug(f"mug-combined-1-{mixer}", f"MUG on {mixer}s", combination=1.0, mixer=mixer)
        for mixer in ("convolution", "attention")
    ),
    # EAR's Tables VII to IX and S-XX
    _variant(_EAR, "ear-ear-labels-without-amdf", "EAR without AMDF", fusion="none"),
    _variant(_EAR, "ear-ear-labels-without-erm", "EAR without ERM", relations="none"),
    _variant(_EAR, "ear-ear-labels-symmetric", "EAR, MSA+MCA for AMDF", fusion="msa+mca"),
    _variant(_EAR, "ear-ear-labels-han-fusion", "EAR, HAN for AMDF", fusion="han"),
    _variant(_EAR, "ear-ear-labels-attention", "EAR, attention for ERM", relations="attention"),
    _variant(_EAR, "ear-ear-labels-first-uni-modal", "EAR, ERM A/V-AV", relations="a/v-av"),
    _variant(_EAR, "ear-ear-labels-without-uni-modal", "EAR, ERM without A/V", relations="w/o a/v"),
    _variant(_EAR, "ear-ear-labels-without-multi-modal", "EAR, ERM without AV", relations="w/o av"),
    *(
        _variant(_EAR, f"ear-ear-labels-{layers}-layers", f"EAR, {layers} layers of ERM", relation_layers=layers)
        for layers in (2, 4)
    ),
    # MM-CSE's Tables 2 to 4, 6 and 8 to 10
    _variant(
        _CSE,
        "mm-cse-mixed",
        "MM-CSE, mixed features",
        {**_WITHOUT_ORTHOGONALITY, "reconstruction_weight": 0.0},
        decoupling="none",
        **_WITHOUT_DECODER,
    ),
    _variant(_CSE, "mm-cse-events", "MM-CSE without background", _WITHOUT_ORTHOGONALITY, decoupling="events"),
    _variant(_CSE, "mm-cse-without-secm", "MM-CSE without SECM", {"lambda_2": 0.0}, blocks="lgsf"),  # it has no maps
    _variant(_CSE, "mm-cse-without-lgsf", "MM-CSE without LGSF", blocks="secm"),
    _variant(_CSE, "mm-cse-without-intra", "MM-CSE without intra-FGSE", modes="cross"),
    _variant(_CSE, "mm-cse-without-cross", "MM-CSE without cross-FGSE", modes="intra"),
    *(
        _variant(
            _CSE,
            f"mm-cse-{name}",
            f"MM-CSE, {title}",
            {"reconstruction_weight": reconstruction, "lambda_1": orthogonality, "lambda_2": 0.0},
            **({} if reconstruction else _WITHOUT_DECODER),
        )
        for name, title, reconstruction, orthogonality in (
            ("basic-loss", "basic loss", 0.0, 0.0),
            ("reconstruction-loss", "basic and reconstruction loss", 1.0, 0.0),
            ("orthogonality-loss", "basic and orthogonality loss", 0.0, 0.1),
            ("without-co-occurrence-loss", "no co-occurrence loss", 1.0, 0.1),
        )
    ),
    *(
        _variant(
            _CSE, f"mm-cse-lambda-{weight:g}", f"MM-CSE, lambda = {weight:g}", {"lambda_1": weight, "lambda_2": weight}
        )
        for weight in (0.5, 1.0)
    ),
)  # fmt: skip
VARIANTS = tuple(variant.name for variant in _VARIANTS)
"""Rows of the papers' ablations: `avvp table` measures them."""
RECIPES |= {variant.name: variant for variant in _VARIANTS}

_SHARES = {0.125: "1/8", 0.25: "1/4", 0.5: "1/2"}
_FEWER = {
    f"valor-zero-shot-videos-{share:g}": _variant(
        "valor-zero-shot", f"valor-zero-shot-videos-{share:g}", f"VALOR, {title} of the videos", videos=share
    )
    for share, title in _SHARES.items()
}
# The controls: with fewer videos and as many epochs there are fewer steps. These go over their videos so often that all in all they see
# as many as with the full set.
_FEWER_AND_LONGER = {
    f"{name}-longer": replace(made, name=f"{name}-longer", title=f"{made.title}, {1 / made.videos:g} x the epochs")
    for name, made in _FEWER.items()
}
RECIPES |= _FEWER | _FEWER_AND_LONGER
LEARNING_CURVES = {"valor-zero-shot": (tuple(_FEWER), tuple(_FEWER_AND_LONGER))}
"""By recipe: its variants with fewer training videos, smallest set first, and their controls in the same order."""
BY_NAME_ONLY = (*VARIANTS, *_FEWER, *_FEWER_AND_LONGER)
"""What `avvp measure` measures only if it is asked to by name."""

LONGER = {
    "han-zero-shot-twice": 2,
    **{name: round(1 / made.videos) for name, made in _FEWER_AND_LONGER.items()},
}
"""By recipe: how many times as many epochs as its model has at that size."""


def register_recipe(experiment: Recipe) -> None:
    """Let tables and `avvp measure` know a recipe of your own by its name; its model and supervision must be known.

    Raises:
        ValueError: the name belongs to another recipe, or the model or the supervision is unknown.
    """
    model_class(experiment.model)
    labeller_of(experiment.supervision)
    if RECIPES.get(experiment.name, experiment) != experiment:
        raise ValueError(f"there is another recipe {experiment.name!r} already: choose another name")
    RECIPES[experiment.name] = experiment


def recipe(name: str, profile_name: str = "tutorial") -> Recipe:
    """A recipe by name, at the size of a profile."""
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}: choose one of {', '.join(RECIPES)}")
    size, base = profile(profile_name), RECIPES[name]
    loss, options = base.training.loss, base.training.loss_options
    published = size.published_training.get(base.model) or size.published_training.get(loss, base.training)
    training = replace(published, loss=loss, loss_options=options, **size.training)
    times = LONGER.get(name, 1)
    training = replace(training, epochs=times * training.epochs)
    if base.videos < 1:  # a control has the full set's learning rates at the same number of videos seen
        training = replace(
            training, warm_up_epochs=times * training.warm_up_epochs, step_epochs=times * training.step_epochs
        )
    return replace(base, widths={**size.widths.get(base.model, {}), **base.widths}, training=training)


@dataclass(frozen=True)
class FirstStage:
    """A network that is trained before the one a recipe is about, to learn something from.

    Attributes:
        model, loss: by name, as in a recipe.
        widths: what differs from the recipe's.
    """

    model: str
    loss: str
    widths: dict[str, Any]


def _noise_ratios(estimator: nn.Module, train: ParsingData) -> dict[str, Any]:
    from avvp_lib.pseudo_labels.noise_ratios import estimate_noise_ratios  # nobody else needs it

    return estimate_noise_ratios(estimator, train).options()


STAGES = {"jomold": (FirstStage("jomold", "jomold-noise-estimator", {"cross_attention": "off"}), _noise_ratios)}
"""By objective: what is trained before, and what of it the objective then takes as options."""

TEXT_WIDTHS = ("text_audio_dim", "text_visual_dim")


def run(
    experiment: Recipe,
    bench: Bench,
    seed: int,
    device: str = "auto",
    folder: Path | None = None,
    progress: bool = True,
    devices: int = 1,
) -> FitResult:
    """Train one recipe with one seed.

    Args:
        folder: where the training is kept, so that it can go on after an interruption and is not done twice; see `fit`.
        devices: how many share each step, see `avvp_lib.shared_training`. With more than one, start the script with `torchrun`.

    Raises:
        FileNotFoundError, ValueError: the bench has no such labels; says which recipes it has labels for.
    """
    train = _training_data(experiment, bench, seed)
    validation = bench.data("val", text=experiment.test_text)
    training = experiment.training
    options = {"seed": seed, "device": device, "progress": progress}
    train_model = fit if devices == 1 else partial(fit_shared, devices=devices)
    if training.loss in STAGES:
        first, between = STAGES[training.loss]
        estimator = untrained_model(first.model, train, bench, {**experiment.widths, **first.widths}, seed)
        stage = replace(training, loss=first.loss, loss_options={})
        stage_folder = None if folder is None else Path(folder) / "first-stage"
        result = train_model(estimator, train, validation, stage, folder=stage_folder, **options)
        training = replace(training, loss_options={**training.loss_options, **between(result.model, train)})
    model = untrained_model(experiment.model, train, bench, experiment.widths, seed)
    return train_model(model, train, validation, training, folder=folder, **options)


def _training_data(experiment: Recipe, bench: Bench, seed: int) -> ParsingData:
    """The training videos, or those of them that are drawn, and what is generated from them; all with the seed of the training."""
    labels = bench.labels(experiment.supervision)
    train, part = bench.data("train", labels, experiment.text), bench.split("train")
    if experiment.videos < 1:
        rows = drawn_videos(len(part), experiment.videos, seed)
        train, part = train.take(torch.from_numpy(rows)), part.subset(rows)
    if not experiment.combination:
        return train
    if labels is None:
        raise ValueError(
            f"{experiment.name} learns from {experiment.supervision}, but videos are generated by the labels of their segments: "
            "choose another supervision, or combination 0"
        )
    from avvp_lib.pseudo_labels.combination import published_batch  # nobody else needs it

    categories = bench.corpus.categories
    generated = published_batch(labels, part.keys, part.video_labels, categories, experiment.combination, seed)
    return generated.extended(train)


def untrained_model(name: str, data: ParsingData, bench: Bench, widths: dict[str, Any], seed: int) -> nn.Module:
    """A model for features such as these, of any split, its first weights drawn with a seed."""
    text = {} if data.text is None else dict(zip(TEXT_WIDTHS, (t.shape[-1] for t in data.text), strict=True))
    torch.manual_seed(seed)
    return build_model(
        name,
        audio_dim=data.audio.shape[-1],
        visual_2d_dim=data.visual_2d.shape[-1],
        visual_3d_dim=data.visual_3d.shape[-1],
        classes=len(bench.corpus.categories),
        **text,
        **widths,
    )


def training_folder(experiment: Recipe, bench: Bench, seed: int) -> Path:
    """Where notebooks and `avvp measure` keep a training: outputs/trainings/<corpus>/<recipe>-<seed>. They share it."""
    return workspace() / "outputs" / "trainings" / bench.name / f"{experiment.name}-{seed}"


def recipe_modules(experiment: Recipe) -> list[str]:
    """The modules that decide what a recipe does, besides the training: of its model, its objective, and labels of your own."""
    modules = [
        known_as(model_class(experiment.model)).partition(":")[0],
        factory_of(experiment.training.loss).__module__,
    ]
    if experiment.text != "none":
        modules.append("avvp_lib.pseudo_labels.text_features")
    if experiment.training.loss in STAGES:
        modules.append("avvp_lib.pseudo_labels.noise_ratios")
    if experiment.combination:
        modules.append("avvp_lib.pseudo_labels.combination")
    if experiment.videos < 1:
        modules.append("avvp_lib.training_share")
    if experiment.supervision in GENERATED | HARD:
        return [*modules, "avvp_lib.pseudo_labels.generator_training"]
    own = experiment.supervision in OWN_SUPERVISIONS
    return modules if own else [*modules, labeller_of(experiment.supervision).__module__]


def table(name: str, profile_name: str = "tutorial") -> list[Recipe | SegmentationRecipe | GeneratorRecipe]:
    """The named recipes that stand in a table of a paper, one a row, in the paper's order.

    Of a table about pseudo-labels these are the recipes of generators. Rows that nothing is trained for, or that nobody built, have
    none; `table_rows.TABLES` says why. Segmentation's recipes are those of S4, or of the table's only setting.

    Raises:
        ValueError: there is no such table, or no such profile.
    """
    known = TABLES[table_name(name)]
    names = [row.experiment for row in known.rows if row.experiment is not None]
    if known.settings:
        return [segmentation_recipe(name, known.settings[0], profile_name) for name in names]
    generators = (named_generator(GENERATED[name], profile_name) if name in GENERATED else None for name in names)
    made = [
        found or (recipe(name, profile_name) if name in RECIPES else None)
        for name, found in zip(names, generators, strict=True)
    ]
    return [experiment for experiment in made if experiment is not None]


def needs_teachers(experiment: Recipe) -> bool:
    """Whether it learns or reads what a corpus of published features does not have: teachers' similarities, or dense training labels."""
    return experiment.text != "none" or experiment.supervision in {"truth", *GENERATED, *HARD}


def recipe_dict(experiment: Recipe) -> dict[str, Any]:
    """A recipe as plain data, for provenance.

    The share of the training videos is left out where it is all of them: results from before there was one are not stale.
    """
    plain = asdict(experiment)
    if experiment.videos == 1:
        del plain["videos"]
    return plain
