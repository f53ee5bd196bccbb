"""Recipes and the bench: every join by id, every name checked, every supervision with the labels it promises."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from avvp_lib import recipes
from avvp_lib.features import BACKBONES, BackboneCard, FeatureBank
from avvp_lib.features.bank import BankError
from avvp_lib.features.published import PUBLISHED
from avvp_lib.generator_bench import GENERATED, HARD
from avvp_lib.models import build_model
from avvp_lib.recipes import LONGER, PROFILES, RECIPES, Bench, profile, recipe, recipe_dict, recipe_modules, run
from tests.small_bench import PROFILE, WIDTHS, small_bench, small_corpus


@pytest.fixture
def bench(tmp_path) -> Bench:
    return small_bench(tmp_path)


def tiny(name: str, **training):
    base = recipe(name, "smoke")
    return replace(
        base,
        widths={**WIDTHS[base.model], **RECIPES[name].widths},
        training=replace(base.training, epochs=2, **training),
    )


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_features_are_joined_by_id(bench, split):
    part, data = bench.corpus.splits[split], bench.data(split)
    assert bench.banks["ears"].ids[: len(part)] != part.keys
    for row, key in enumerate(part.keys):
        for tensor, name in ((data.audio, "ears"), (data.visual_2d, "eyes"), (data.visual_3d, "motion")):
            bank = bench.banks[name]
            np.testing.assert_array_equal(tensor[row], bank.features[bank.ids.index(key)])
    np.testing.assert_array_equal(data.video_labels.numpy(), part.video_labels)


def test_only_dense_splits_have_a_truth(bench):
    assert bench.data("train").true_audio is None and bench.data("train").pseudo_audio is None
    test = bench.data("test")
    np.testing.assert_array_equal(test.true_audio, bench.corpus.splits["test"].audio)
    np.testing.assert_array_equal(test.true_visual, bench.corpus.splits["test"].visual)


def test_video_labels_bring_no_segment_labels(bench):
    assert bench.labels("video-labels") is None


def test_true_labels_are_the_truth(bench):
    labels = bench.labels("truth")
    _, truth = small_corpus(bench.corpus.root)
    for key, audio, visual in zip(labels.keys, labels.audio, labels.visual, strict=True):
        np.testing.assert_array_equal(np.stack([audio, visual]), truth[key])
    assert labels.provenance == {"method": "truth"}


def test_zero_shot_labels_follow_the_rule(bench):
    labels = bench.labels("zero-shot")
    part = bench.corpus.splits["train"]
    thresholds = bench.thresholds()
    for modality, teacher in enumerate(("audio-teacher", "visual-teacher")):
        features = bench.banks[teacher].take(part.keys)
        cosine = features / np.linalg.norm(features, axis=-1, keepdims=True)
        expected = (10 * cosine > thresholds[modality]) & part.video_labels[:, None]
        np.testing.assert_array_equal((labels.audio, labels.visual)[modality], expected)
    assert labels.keys == part.keys
    assert {labels.provenance[f"bank {name}"] for name in PROFILE.teachers} == {
        bench.banks[name].content_hash for name in PROFILE.teachers
    }


def test_thresholds_are_fitted_on_validation_alone(bench):
    splits = dict(bench.corpus.splits)
    for name in ("train", "test"):
        splits[name] = replace(splits[name], video_labels=~splits[name].video_labels)
    other = replace(bench, corpus=replace(bench.corpus, splits=splits))
    np.testing.assert_array_equal(other.thresholds(), bench.thresholds())


def test_pseudo_labels_reach_the_training_data_in_its_order(bench):
    labels = bench.labels("truth")
    shuffled = replace(labels, keys=labels.keys[::-1], audio=labels.audio[::-1], visual=labels.visual[::-1])
    np.testing.assert_array_equal(bench.data("train", shuffled).pseudo_audio, labels.audio)
    np.testing.assert_array_equal(bench.data("train", shuffled).pseudo_visual, labels.visual)


def test_unknown_names_are_refused(bench):
    with pytest.raises(ValueError, match="unknown profile 'huge': choose one of smoke, tutorial"):
        profile("huge")
    with pytest.raises(ValueError, match="unknown recipe 'valour': choose one of han, "):
        recipe("valour")
    with pytest.raises(ValueError, match="unknown profile 'huge'"):
        recipe("han", "huge")
    with pytest.raises(ValueError, match="unknown supervision 'guess': choose one of video-labels, zero-shot, truth"):
        bench.labels("guess")
    for read in (bench.data, bench.similarities, bench.zero_shot):
        with pytest.raises(ValueError, match="has no split 'dev': choose one of train, val, test"):
            read("dev")


def test_a_bank_whose_ids_do_not_match_the_corpus_is_refused(bench, tmp_path):
    bank = bench.banks["eyes"]
    stranger = bench.corpus.splits["val"].keys[2]
    ids = ["somebody---" if key == stranger else key for key in bank.ids]
    other = FeatureBank.write(tmp_path / "other", ids, np.array(bank.features), bank.card)
    mixed = replace(bench, banks={**bench.banks, "eyes": other})
    mixed.data("train")
    with pytest.raises(BankError, match=rf"no features for 1 of 8 videos: {stranger}"):
        mixed.data("val")


def test_a_nan_in_a_bank_is_refused(bench, tmp_path):
    key = bench.corpus.splits["val"].keys[1]
    features = np.array(bench.banks["ears"].features)
    features[bench.banks["ears"].ids.index(key), 4, 2] = np.nan
    card = BackboneCard(**bench.banks["ears"].card.to_dict())
    broken = FeatureBank(bench.banks["ears"].ids, features, card, tmp_path)
    with pytest.raises(BankError, match=key):
        replace(bench, banks={**bench.banks, "ears": broken}).data("val")


@pytest.mark.parametrize("size", PROFILES)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_built_at_every_size(name, size):
    made = recipe(name, size)
    assert made.name == name and made.title
    learns_from_segments = made.training.loss not in (
        "video-labels",
        "mgn",
        "jomold",
    )  # these two have losses for either
    assert not (learns_from_segments and made.supervision == "video-labels")
    assert made.training.loss != "video-labels" or made.supervision == "video-labels"
    stretch = LONGER.get(name, 1)
    stretched = ("epochs",) if made.videos == 1 else ("epochs", "warm_up_epochs")
    for key, value in PROFILES[size].training.items():
        assert getattr(made.training, key) == (stretch * value if key in stretched else value)
    model = build_model(made.model, audio_dim=8, visual_2d_dim=8, visual_3d_dim=8, **made.widths)
    assert PROFILES[size].widths[made.model].items() <= model.widths.items()


def test_backbones_are_named_once():
    assert PROFILE.backbones == ("ears", "eyes", "motion", "audio-teacher", "visual-teacher")
    assert replace(PROFILE, audio="audio-teacher").backbones == ("audio-teacher", "eyes", "motion", "visual-teacher")
    for size in PROFILES.values():
        assert set(size.backbones) <= {"synthetic-llp": set(BACKBONES), "llp": set(PUBLISHED)}[size.corpus]


# Generators need a rendered corpus of long videos; tests/test_generator_bench.py runs what learns from them.
@pytest.mark.parametrize("name", [name for name, r in RECIPES.items() if r.supervision not in GENERATED | HARD])
def test_every_recipe_runs_and_repeats_itself(bench, tmp_path, name):
    first = run(tiny(name), bench, seed=3, device="cpu", folder=tmp_path / "training", progress=False)
    again = run(tiny(name), bench, seed=3, device="cpu", progress=False)
    pd.testing.assert_frame_equal(first.history, again.history)
    assert len(pd.read_csv(tmp_path / "training" / "history.csv")) == 2
    assert first.model.widths["audio_dim"] == 25


def test_another_seed_is_another_run(bench):
    histories = [run(tiny("valor-truth"), bench, seed, "cpu", progress=False).history for seed in (0, 1)]
    assert not histories[0]["loss"].equals(histories[1]["loss"])


def test_a_recipe_is_plain_data():
    data = recipe_dict(recipe("valor-zero-shot", "smoke"))
    assert data["supervision"] == "zero-shot" and data["training"]["epochs"] == PROFILES["smoke"].training["epochs"]


def test_text_is_what_the_teachers_labels_mean(bench):
    """The teachers' sentences are unit axes, so the text of a segment is its label, divided by the number of its categories."""
    test = bench.data("test", text="ungated")
    assert test.text[0].shape == (len(test), 10, 25)
    for text in test.text:
        labels = text > 0
        expected = labels / labels.sum(-1, keepdim=True).clamp(min=1)
        torch.testing.assert_close(text, expected)
    gated = bench.data("train", text="gated")
    np.testing.assert_array_equal(gated.text_audio > 0, bench.zero_shot("train").audio > 0)
    assert bench.data("test").text is None


def test_text_never_follows_a_test_videos_label(bench):
    splits = dict(bench.corpus.splits)
    splits["test"] = replace(splits["test"], video_labels=~splits["test"].video_labels)
    other = replace(bench, corpus=replace(bench.corpus, splits=splits))
    for name in ("text_audio", "text_visual"):
        texts = [getattr(made.data("test", text="ungated"), name) for made in (bench, other)]
        torch.testing.assert_close(*texts)
    with pytest.raises(ValueError, match="gated for training videos only"):
        bench.data("test", text="gated")
    with pytest.raises(ValueError, match="text 'all' is not for the split 'train'"):
        bench.data("train", text="all")


def test_two_stages_are_both_kept(bench, tmp_path):
    first = run(tiny("jomold-zero-shot"), bench, 3, "cpu", tmp_path / "jomold", progress=False)
    assert (tmp_path / "jomold" / "first-stage" / "history.csv").is_file()
    again = run(tiny("jomold-zero-shot"), bench, 3, "cpu", tmp_path / "jomold", progress=False)
    pd.testing.assert_frame_equal(first.history, again.history)


def test_a_recipe_names_the_modules_it_depends_on():
    assert recipe_modules(RECIPES["mug-zero-shot"]) == [
        "avvp_lib.models.mug", "avvp_lib.objectives.segment_labels", "avvp_lib.pseudo_labels.text_features"
    ]  # fmt: skip
    assert "avvp_lib.pseudo_labels.noise_ratios" in recipe_modules(RECIPES["jomold-zero-shot"])
    assert recipe_modules(RECIPES["han"]) == ["avvp_lib.models.han", "avvp_lib.objectives.video_labels"]


def test_generated_videos_are_added_with_the_seed_of_the_training(bench):
    part, added = bench.corpus.splits["train"], recipe("han-combined-2", "smoke")
    plain, train = (recipes._training_data(made, bench, 0) for made in (recipe("han-zero-shot", "smoke"), added))
    assert len(plain) == len(part) and plain.audio_rows is None
    assert len(train) == len(part) + round(12096 * len(part) / 10_000) and len(train.audio) == len(part)
    assert torch.equal(train.audio_rows[: len(part)], torch.arange(len(part)))
    assert torch.equal(train.take(torch.arange(len(part))).visual_2d, plain.visual_2d)
    other = recipes._training_data(added, bench, 1)
    assert not torch.equal(train.audio_rows, other.audio_rows)
    assert torch.equal(train.audio_rows, recipes._training_data(added, bench, 0).audio_rows)


def test_generated_videos_need_segment_labels(bench):
    with pytest.raises(ValueError, match="han learns from video-labels, but videos are generated by the labels"):
        run(replace(tiny("han"), combination=1.0), bench, 0, "cpu", progress=False)
    with pytest.raises(
        ValueError, match=r"combination 0\.3 is none of MUG's: choose one of 0\.25, 0\.5, 0\.75, 1\.0, 2\.0"
    ):
        run(replace(tiny("han-zero-shot"), combination=0.3), bench, 0, "cpu", progress=False)


def test_only_those_that_combine_depend_on_the_combination():
    for name, made in RECIPES.items():
        assert ("avvp_lib.pseudo_labels.combination" in recipe_modules(made)) == ("-combined-" in name)


@pytest.mark.parametrize("profile_name", ["smoke", "tutorial", "paper"])
def test_twice_as_long_is_twice_as_long_in_every_profile(profile_name):
    once, twice = (recipe(name, profile_name) for name in ("han-zero-shot", "han-zero-shot-twice"))
    assert twice.training == replace(once.training, epochs=2 * once.training.epochs)
