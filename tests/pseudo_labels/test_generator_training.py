"""A generator is trained, goes on after an interruption, and learns what the paper says it learns; rows of tables are data."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from avvp_lib.corpora.corpus import CorpusSplit
from avvp_lib.features.bank import BackboneCard, FeatureBank
from avvp_lib.pseudo_labels import generator_training
from avvp_lib.pseudo_labels.generation import PseudoLabelGenerator
from avvp_lib.pseudo_labels.generator_recipes import (
    GENERATORS,
    TABLE_IV,
    TABLE_V,
    GeneratorRecipe,
    generator_recipe,
)
from avvp_lib.pseudo_labels.generator_training import (
    SELECTION_SCORE,
    GenerationData,
    audio_visual_score,
    fit_generator,
    generation_data,
    mean_average_precision,
    migrated_labels,
)

CLASSES, WIDTH, SEGMENTS = 4, 8, 6
RECIPE = GeneratorRecipe(
    "small", "small", epochs=4, batch_size=5, warm_up_epochs=2, learning_rate=1e-2, threshold_audio=0.8,
    threshold_visual=0.8, widths={"heads": 2, "feed_forward": 16, "dropout": 0.2},
)  # fmt: skip


def make_data(seed: int = 0, videos: int = 12, noise: float = 0.3) -> GenerationData:
    """Events that are heard and seen, their class names as features, and noise; videos of two to six segments."""
    random = torch.Generator().manual_seed(seed)
    text = torch.eye(CLASSES, WIDTH)
    lengths = torch.randint(2, SEGMENTS + 1, (videos,), generator=random)
    present = torch.arange(SEGMENTS) < lengths[:, None]
    labels = (torch.rand(videos, SEGMENTS, CLASSES, generator=random) < 0.3) & present[..., None]
    audio, visual = (
        (labels.float() @ text + noise * torch.randn(videos, SEGMENTS, WIDTH, generator=random)) * present[..., None]
        for _ in range(2)
    )
    return GenerationData(audio, visual, labels.float(), lengths, text, text)


def train(recipe=RECIPE, seed=1, folder=None, **about):
    return fit_generator(recipe, make_data(), make_data(1), seed, about, "cpu", folder, progress=False)


@pytest.mark.parametrize("name", GENERATORS)
def test_every_row_trains_and_falls_below_its_first_loss(name):
    row = GENERATORS[name]
    recipe = replace(RECIPE, products=row.products, lambda_audio=row.lambda_audio, lambda_visual=row.lambda_visual)
    fit = train(recipe)
    assert fit.history["loss"].iloc[-1] < fit.history["loss"].iloc[0]
    assert fit.best_epoch == fit.history[SELECTION_SCORE].argmax() + 1
    assert len(fit.history) == 4 and not fit.generator.model.training


def test_the_kept_weights_are_those_of_the_best_epoch():
    fit = train()
    assert audio_visual_score(fit.generator.model, make_data(1)) == pytest.approx(fit.history[SELECTION_SCORE].max())


def test_a_seed_repeats_a_training_and_another_does_not():
    first, again, other = train(), train(), train(seed=2)
    pd.testing.assert_frame_equal(first.history, again.history, check_exact=True)
    assert first.generator.provenance() == again.generator.provenance()
    assert not first.history.equals(other.history)


def test_the_generator_remembers_its_training(tmp_path):
    fit = train(corpus="unav", categories=["a", "b", "c", "d"])
    fit.generator.save(tmp_path)
    about = PseudoLabelGenerator.load(tmp_path).about
    assert about["corpus"] == "unav" and about["seed"] == 1 and about["best_epoch"] == fit.best_epoch
    assert GeneratorRecipe.from_plain(about["recipe"]) == RECIPE


@pytest.fixture
def known_code(monkeypatch):
    """Reading all of the package's sources takes a second a time; here the code does not change."""
    monkeypatch.setattr(generator_training, "training_code", lambda *_: "")


class Interrupted(Exception):
    """Stands for whatever ends a run before its time."""


@pytest.mark.usefixtures("known_code")
@pytest.mark.parametrize("scope", ["batch", "corpus"])
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path, monkeypatch, scope):
    recipe = replace(RECIPE, scope=scope)
    whole = train(recipe)
    score, calls = generator_training.audio_visual_score, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise Interrupted
        return score(*arguments)

    monkeypatch.setattr(generator_training, "audio_visual_score", interrupted)
    with pytest.raises(Interrupted):
        train(recipe, folder=tmp_path)
    resumed = train(recipe, folder=tmp_path)
    assert len(calls) == 2 + 1 + 2  # two epochs, one lost, two left
    pd.testing.assert_frame_equal(resumed.history, whole.history, check_exact=True)
    assert resumed.generator.provenance() == whole.generator.provenance()
    finished = train(recipe, folder=tmp_path)
    assert len(calls) == 5
    assert finished.generator.provenance() == whole.generator.provenance()


@pytest.mark.usefixtures("known_code")
@pytest.mark.parametrize(
    ("change", "reason"), [({"recipe": replace(RECIPE, threshold_audio=0.7)}, "recipe"), ({"seed": 5}, "seed")]
)
def test_another_training_is_never_gone_on_with(tmp_path, caplog, change, reason):
    train(folder=tmp_path)
    fit = train(folder=tmp_path, **change)
    assert f"of another training ({reason}" in caplog.text
    pd.testing.assert_frame_equal(fit.history, train(**change).history, check_exact=True)


def test_code_is_part_of_what_a_training_is(tmp_path, monkeypatch, caplog):
    train(folder=tmp_path)
    monkeypatch.setattr(generator_training, "training_code", lambda *_: "edited")
    train(folder=tmp_path)
    assert "of another training (code)" in caplog.text


@pytest.mark.usefixtures("known_code")
def test_a_title_is_no_other_training(tmp_path, caplog):
    train(folder=tmp_path)
    train(replace(RECIPE, name="other", title="other"), folder=tmp_path)
    assert not caplog.text


def test_training_starts_where_the_mean_cosine_means_one_half():
    """With rates of zero nothing moves."""
    fit = train(replace(RECIPE, learning_rate=0.0, minimum_rate=0.0))
    data = make_data()
    static = fit.generator.model(data.audio, data.visual, data.text_audio, data.text_visual, data.present).static_logits
    assert static[data.present].mean((0, 2)).tolist() == pytest.approx([0, 0], abs=1e-4)


def test_migrated_labels_by_hand():
    """Video 0 has the event in segment 0; segments 0 and 1 of it, and segment 0 of video 1, sound alike. The last is padding."""
    tensors = {
        "audio": torch.tensor([[[1.0, 0], [0.8, 0.6]], [[1.0, 0], [1.0, 0]]]),
        "visual": torch.zeros(2, 2, 2),
        "audio_visual": torch.tensor([[[1.0], [0.0]], [[0.0], [0.0]]]),
    }
    present = torch.tensor([[True, True], [True, False]])
    wanted = {"batch": [1, 0.8, 1, 0], "corpus": [1, 0.8, 1, 0], "video": [1, 0.8, 0, 0]}
    for scope, expected in wanted.items():
        labels = migrated_labels(replace(RECIPE, scope=scope, threshold_audio=0.75), tensors, present)
        assert labels["audio"].flatten().tolist() == pytest.approx(expected)
        assert labels["visual"].flatten().tolist() == [1, 0, 0, 0]  # no direction: nothing migrates
    strict = migrated_labels(replace(RECIPE, scope="batch", threshold_audio=0.9), tensors, present)
    assert strict["audio"].flatten().tolist() == pytest.approx([1, 0, 1, 0])
    assert migrated_labels(replace(RECIPE, lambda_audio=0.0), tensors, present).keys() == {"visual"}


def test_average_precision_by_hand():
    """Ranked: true, false, true. (1/1 + 2/3) / 2. In the second class both share a rank: 1/2. The third has no truth."""
    scores = np.array([[0.9, 0.5, 0.1], [0.8, 0.5, 0.2], [0.7, 0.1, 0.3]])
    truth = np.array([[True, True, False], [False, False, False], [True, False, False]])
    assert mean_average_precision(scores[:, :1], truth[:, :1]) == pytest.approx(5 / 6)
    assert mean_average_precision(scores, truth) == pytest.approx((5 / 6 + 1 / 2) / 2)
    with pytest.raises(ValueError, match="no class has a true segment"):
        mean_average_precision(scores, ~truth & False)
    with pytest.raises(ValueError, match="both must be"):
        mean_average_precision(scores, truth[:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio_visual": torch.zeros(12, SEGMENTS, CLASSES)}, "no segment of the training videos has a label"),
        ({"audio_visual": torch.full((12, SEGMENTS, CLASSES), 0.5)}, "must hold 0 and 1"),
        ({"audio_visual": torch.ones(12, SEGMENTS, CLASSES)}, "has a label behind its end"),
        ({"audio_visual": torch.zeros(12, SEGMENTS, 3)}, r"audio_visual has shape \(12, 6, 3\)"),
        ({"lengths": torch.zeros(12, dtype=torch.int64)}, "video 0 has 0 segments"),
        ({"text_audio": torch.eye(CLASSES, 5)}, "text_audio has shape"),
        (
            {"text_audio": torch.ones(CLASSES, 5), "audio": torch.ones(12, SEGMENTS, 5)},
            r"audio of the training split is \(12, 6, 5\), of the validation split",
        ),
    ],
)
def test_data_that_teach_nothing_or_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        fit_generator(RECIPE, replace(make_data(), **change), make_data(1), 0, device="cpu", progress=False)


def test_a_loss_that_is_no_number_ends_the_training():
    with pytest.raises(FloatingPointError, match="in epoch 1: lower the learning rate"):
        train(replace(RECIPE, lambda_audio=1e38, lambda_visual=1e38))


def bank(name: str, segments: int = SEGMENTS) -> FeatureBank:
    card = BackboneCard(name, "1", "audio", "-", (segments, WIDTH), "float32", "-", "-", "MIT")
    features = np.random.default_rng(0).normal(size=(3, segments, WIDTH)).astype(np.float32)
    return FeatureBank(("c", "a", "b"), features, card, ".")


def split(**arrays) -> CorpusSplit:
    labels = np.zeros((2, SEGMENTS, CLASSES), bool)
    labels[0, 1, 2] = True
    usual = {"video_labels": labels.any(1), "audio_visual": labels, "lengths": np.array([4, 2])}
    return CorpusSplit("train", ("a_0", "b_0"), ("a", "b"), **usual | arrays)


def test_a_split_is_joined_by_id_and_cut_to_its_longest_video():
    text = np.eye(CLASSES, WIDTH, dtype=np.float32)
    audio = bank("ear")
    data = generation_data(split(), audio, bank("eye", 9), text, text)
    np.testing.assert_array_equal(data.audio, audio.take(("a", "b"))[:, :4])
    assert data.visual.shape == (2, 4, WIDTH) and data.audio_visual.nonzero().tolist() == [[0, 1, 2]]
    assert len(generation_data(split(lengths=None), audio, audio, text, text).lengths) == 2
    with pytest.raises(ValueError, match="short has 3 segments a video, and a video has 4"):
        generation_data(split(), audio, bank("short", 3), text, text)
    with pytest.raises(ValueError, match="'train' has no audio-visual labels"):
        generation_data(split(audio_visual=None), audio, audio, text, text)


def test_rows_of_the_tables():
    def row(name: str) -> tuple:
        recipe = GENERATORS[name]
        return recipe.structure, len(recipe.products), recipe.migrates

    both = ("audio", "visual")
    assert [row(name) for name in TABLE_IV] == [
        ("symmetric", 1, ()), ("symmetric", 1, both), ("asymmetric", 2, ()), ("asymmetric", 2, both)
    ]  # fmt: skip
    assert [row(name)[1:] for name in TABLE_V] == [
        (1, both), (1, both), (2, ("visual",)), (2, ("audio",)), (2, ()), (2, both)
    ]  # fmt: skip
    paper = generator_recipe("ear", "paper")
    assert (paper.lambda_audio, paper.lambda_visual, paper.threshold_audio, paper.threshold_visual) == (
        0.05, 0.15, 0.98, 0.95
    )  # fmt: skip
    assert [paper.rate(epoch) for epoch in (1, 10, 80)] == pytest.approx([1e-5, 1e-4, 1e-5])
    assert paper.rate(45) == pytest.approx(1e-5 + 9e-5 / 2)  # the middle of the cosine


@pytest.mark.parametrize("name", GENERATORS)
def test_a_recipe_survives_json(name):
    recipe = generator_recipe(name, "paper")
    assert GeneratorRecipe.from_plain(recipe.plain()) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scope": "all"}, "unknown scope 'all'"),
        ({"threshold_audio": 1.2}, "threshold_audio is a cosine between 0 and 1"),
        ({"products": ("x",)}, "products must be"),
        ({"lambda_visual": -1}, "lambda_visual must be"),
        ({"epochs": 0}, "epochs must be at least 1"),
    ],
)
def test_recipes_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **change)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown generator 'best'.*ear-without-migration"):
        generator_recipe("best")
    with pytest.raises(ValueError, match=r"no generator for the profile 'huge'.*tutorial"):
        generator_recipe("ear", "huge")
