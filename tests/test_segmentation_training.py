"""The loop of segmentation: it learns, repeats itself, goes on after a kill, and memory does not change what it learns."""

import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from avvp_lib import segmentation_training
from avvp_lib.segmentation_clips import EncoderCache, cache_bytes, normalised
from avvp_lib.segmentation_evaluation import evaluate_segmentation
from avvp_lib.segmentation_training import SegmentationTraining, fit_segmentation
from tests.small_segmentation import SIDE, WIDTH, make_clips, make_model

RECIPE = SegmentationTraining(epochs=3, batch_size=2, learning_rate=1e-3)


@pytest.fixture(autouse=True)
def _one_code(monkeypatch):
    """The fingerprint of the code takes a second, and is the same in every test."""
    monkeypatch.setattr(segmentation_training, "training_code", lambda *arguments: "code")


def train(clips=None, recipe=RECIPE, seed=0, model=None, validation=None, **options):
    clips = clips or make_clips(6, frames=2)
    return fit_segmentation(
        model or make_model(),
        clips,
        validation or make_clips(1, seed=5, frames=2),
        recipe,
        seed,
        "cpu",
        progress=False,
        **options,
    )


def assert_same(result, expected, exactly=True):
    assert result.best_epoch == expected.best_epoch
    state, other = result.model.state_dict(), expected.model.state_dict()
    tolerance = {"rtol": 0, "atol": 0} if exactly else {"rtol": 1e-3, "atol": 1e-5}
    for name in state:
        torch.testing.assert_close(state[name], other[name], **tolerance)
    pd.testing.assert_frame_equal(result.history, expected.history, check_exact=exactly, rtol=1e-3)


@pytest.mark.slow
def test_it_learns_which_colour_sounds():
    clips = make_clips(16, frames=2)
    recipe = SegmentationTraining(epochs=60, batch_size=8, learning_rate=5e-3, schedule="cosine", warm_up_epochs=2)
    result = train(clips, recipe, validation=clips)
    scores = evaluate_segmentation(result.model, clips)
    assert scores["M_J"] > 85 and scores["illusion"] < 10 and scores["sounding recall"] > 85
    silence = replace(clips, audio=clips.audio.flip(0))
    assert evaluate_segmentation(result.model, silence)["M_J"] < scores["M_J"] - 20, "it listens"


# ---- the schedule and the recipe


def test_rates():
    constant = SegmentationTraining(epochs=5, batch_size=2, learning_rate=2e-5)
    assert [constant.rate(epoch) for epoch in range(1, 6)] == [2e-5] * 5  # as published
    cosine = SegmentationTraining(epochs=5, batch_size=2, learning_rate=1.0, schedule="cosine", warm_up_epochs=1)
    assert cosine.rate(1) == 0.5 and cosine.rate(2) == 1.0 and cosine.rate(5) == pytest.approx(0.01)
    assert cosine.rate(3) == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi / 3)) / 2)


def test_the_optimiser_follows_them():
    history = train(recipe=replace(RECIPE, schedule="cosine", warm_up_epochs=1)).history
    assert history["learning_rate"].tolist() == pytest.approx([5e-4, 1e-3, 1e-5])


@pytest.mark.parametrize(
    "wrong", [{"schedule": "step"}, {"epochs": 0}, {"batch_size": 0}, {"micro_batch": 0}, {"frozen_epochs": -1}]
)
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(RECIPE, **wrong)


# ---- repeating and going on


def test_the_same_seed_gives_the_same_and_another_does_not():
    clips = make_clips()
    first, second, other = (train(clips, seed=seed, model=make_model(dropout=0.2)) for seed in (1, 1, 2))
    assert_same(first, second)
    assert not first.history["loss"].equals(other.history["loss"])


class Interrupted(Exception):
    """Stands for whatever ends a run before its time."""


@pytest.fixture
def interrupt(monkeypatch):
    """Ends a training before a step."""
    real, counter = segmentation_training._step, {"left": math.inf, "done": 0}

    def step(*arguments):
        if counter["left"] == 0:
            raise Interrupted
        counter["left"] -= 1
        counter["done"] += 1
        return real(*arguments)

    monkeypatch.setattr(segmentation_training, "_step", step)
    return counter


FLIPPED = replace(RECIPE, epochs=4, flip=True, frozen_epochs=2, clip_norm=1.0)


@pytest.mark.parametrize("after", [1, 8])
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path, interrupt, after):
    options = {"recipe": FLIPPED, "seed": 3}
    whole = train(model=make_model(dropout=0.2), **options)
    interrupt.update(left=after, done=0)
    with pytest.raises(Interrupted):
        train(model=make_model(dropout=0.2), folder=tmp_path, **options)
    interrupt.update(left=math.inf, done=0)
    assert_same(train(model=make_model(dropout=0.2), folder=tmp_path, **options), whole)
    assert interrupt["done"] == 12 - after // 3 * 3, "finished epochs are not trained again"


def test_a_finished_training_is_returned_at_once(tmp_path, interrupt):
    first = train(folder=tmp_path)
    interrupt.update(left=0)
    assert_same(train(folder=tmp_path), first)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("recipe", {"recipe": replace(RECIPE, weight_decay=0.1)}),
        ("seed", {"seed": 4}),
        ("training data", {"clips": make_clips(seed=9)}),
        ("precision", {"precision": "bf16-mixed"}),
    ],
)
def test_another_training_begins_anew(tmp_path, interrupt, caplog, name, options):
    short = {"recipe": replace(RECIPE, epochs=1)} if name != "recipe" else {}
    train(folder=tmp_path, **short)
    interrupt.update(done=0)
    train(folder=tmp_path, **{**short, **options})
    assert interrupt["done"] >= 3
    assert f"is of another training ({name})" in caplog.text


def test_the_best_epoch_is_kept(monkeypatch):
    wanted, states = iter([10.0, 30.0, 30.0, 5.0]), []

    def scripted(model, clips, cache=None):
        states.append({key: tensor.clone() for key, tensor in model.state_dict().items()})
        return {"M_J": next(wanted), "M_F": 0.0}

    monkeypatch.setattr(segmentation_training, "evaluate_segmentation", scripted)
    result = train(recipe=replace(RECIPE, epochs=4))
    assert result.best_epoch == 2 and not result.model.training
    for key, tensor in result.model.state_dict().items():
        torch.testing.assert_close(tensor, states[1][key], rtol=0, atol=0)


# ---- memory does not change the result

WITHOUT_BATCH_STATISTICS = {"backbone": "pvt-v2-b0"}


@pytest.mark.parametrize("labelled", [None, 1])
def test_accumulated_gradients_are_those_of_the_large_batch(labelled):
    clips = make_clips(5, frames=2, labelled=labelled)
    clips.labelled[0] = True  # micro-batches with different numbers of labelled frames
    recipe = replace(RECIPE, epochs=1, batch_size=4, learning_rate=1e-2)
    results = [
        train(clips, replace(recipe, micro_batch=micro), model=make_model(**WITHOUT_BATCH_STATISTICS))
        for micro in (None, 1, 3)
    ]
    for other in results[1:]:
        for (name, a), b in zip(results[0].model.named_parameters(), other.model.parameters(), strict=True):
            assert (a - b).abs().max() < 2e-3, (
                name
            )  # AdamW moves each number by about the rate, however small its gradient
        assert other.history["loss"].iloc[0] == pytest.approx(results[0].history["loss"].iloc[0], rel=1e-4)


def gradients(clips, recipe, monkeypatch, fitting=None, **widths) -> torch.Tensor:
    """What the first step would subtract: plain gradient descent with rate 1."""

    def descent(parameters, lr, weight_decay):
        return torch.optim.SGD(parameters, lr=lr)

    monkeypatch.setattr(torch.optim, "AdamW", descent)
    before, model = make_model(**widths), make_model(**widths)
    train(clips, replace(recipe, epochs=1, learning_rate=1.0, batch_size=len(clips)), model=model, **(fitting or {}))
    moved = [a.detach() - b for a, b in zip(before.parameters(), model.parameters(), strict=True)]
    return torch.cat([step.flatten() for step in moved]).detach()


def test_the_gradient_itself(monkeypatch):
    clips = make_clips(3, frames=2)
    clips.labelled[0, 1] = False
    whole, *others = (
        gradients(clips, replace(RECIPE, micro_batch=micro), monkeypatch, **WITHOUT_BATCH_STATISTICS)
        for micro in (None, 1, 2)
    )
    for other in others:
        assert (whole - other).norm() < 1e-3 * whole.norm()
    assert whole.norm() > 0.01


def test_frames_behind_the_last_label_can_be_left_out(monkeypatch):
    clips = make_clips(3, frames=3, labelled=1)
    whole, first = (
        gradients(clips, replace(RECIPE, labelled_only=only), monkeypatch, **WITHOUT_BATCH_STATISTICS)
        for only in (False, True)
    )
    assert (whole - first).norm() < 1e-3 * whole.norm() and whole.norm() > 0.01


def test_a_training_on_first_frames_reads_no_others():
    clips = make_clips(4, frames=3, labelled=1)
    poisoned = replace(clips, images=clips.images.clone())
    poisoned.images[:, 1:] = 255
    recipe = replace(RECIPE, labelled_only=True)
    assert_same(train(poisoned, recipe), train(clips, recipe))


# ---- a frozen encoder


@pytest.mark.parametrize("place", ["between", "beside"])
def test_kept_maps_change_nothing(place, monkeypatch):
    made = []
    monkeypatch.setattr(segmentation_training, "EncoderCache", lambda *a: made.append(EncoderCache(*a)) or made[-1])
    clips, recipe = make_clips(3, frames=2), replace(RECIPE, frozen_epochs=1)
    cached = gradients(clips, recipe, monkeypatch, fusion_place=place)
    assert len(made) == 2 and len(made[0].maps) == (1 if place == "between" else 4)
    computed = gradients(clips, recipe, monkeypatch, {"cache_limit": 0}, fusion_place=place)
    assert len(made) == 2
    assert (cached - computed).norm() < 1e-4 * computed.norm() and computed.norm() > 0.01


def test_nothing_is_kept_of_an_encoder_that_moves_or_of_flipped_pictures(monkeypatch):
    monkeypatch.setattr(segmentation_training, "EncoderCache", None)  # to make one would fail
    train(recipe=replace(RECIPE, epochs=1))
    train(recipe=replace(RECIPE, epochs=1, frozen_epochs=1, flip=True))
    with pytest.raises(TypeError):
        train(recipe=replace(RECIPE, epochs=1, frozen_epochs=1))


def test_the_size_of_a_cache_is_known_before_it_is_made():
    clips, model = make_clips(3), make_model().eval()
    cache = EncoderCache(model, clips)
    assert cache_bytes(model, clips) == sum(level.numel() * 4 for level in cache.maps)
    indices = torch.tensor([2, 0])
    with torch.no_grad():
        expected = model.image_maps(normalised(clips.take(indices), SIDE))
    for kept, level in zip(cache.take(indices), expected, strict=True):
        torch.testing.assert_close(kept, level)


def test_a_frozen_encoder_does_not_move_and_the_rest_does():
    model, before = make_model(), make_model()
    train(model=model, recipe=replace(RECIPE, frozen_epochs=3))
    encoder = model.encoder.backbone.state_dict()
    for name, tensor in before.encoder.backbone.state_dict().items():
        assert torch.equal(tensor, encoder[name]), name  # batch statistics too
    assert not torch.equal(model.projections[0][0].weight, before.projections[0][0].weight)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_it_moves_when_its_time_has_come():
    model, before = make_model(), make_model()
    train(model=model, recipe=replace(RECIPE, frozen_epochs=1), validation=make_clips())
    moved = [
        not torch.equal(a, b)
        for a, b in zip(model.encoder.backbone.parameters(), before.encoder.backbone.parameters(), strict=True)
    ]
    assert any(moved)


# ---- flips, precision, what is refused


def test_a_flip_turns_pictures_and_masks_alike():
    clips = make_clips(2)
    turned = segmentation_training._mirror(clips, torch.tensor([True, False]))
    assert torch.equal(turned.images[0], clips.images[0].flip(2)) and torch.equal(turned.images[1], clips.images[1])
    assert torch.equal(turned.masks[0], clips.masks[0].flip(2)) and torch.equal(turned.masks[1], clips.masks[1])
    assert turned.masks.sum() == clips.masks.sum()


def test_mixed_precision():
    result = train(recipe=replace(RECIPE, epochs=1), precision="bf16-mixed")
    assert next(result.model.parameters()).dtype == torch.float32 and math.isfinite(result.history["loss"].iloc[0])


def test_what_cannot_be_learned_from_is_refused():
    clips = make_clips(2)
    unlabelled = replace(clips, labelled=torch.zeros_like(clips.labelled))
    with pytest.raises(ValueError, match="no frame of the train clips is labelled"):
        train(unlabelled)
    with pytest.raises(ValueError, match="no frame of the validation clips"):
        train(clips, validation=unlabelled)
    with pytest.raises(ValueError, match="batch_size is 2, but 3 devices"):
        train(clips, devices=3)
    with pytest.raises(FloatingPointError, match="epoch 1"):
        train(replace(clips, audio=clips.audio * 1e30), replace(RECIPE, learning_rate=1e30, epochs=4))


def test_clips_that_do_not_fit_are_named():
    clips = make_clips(2)
    with pytest.raises(ValueError, match=r"audio holds 1 clips of 3 frames, images 2 of 3"):
        replace(clips, audio=clips.audio[:1])
    with pytest.raises(ValueError, match="masks has shape"):
        replace(clips, masks=clips.masks[0])
    with pytest.raises(ValueError, match="images must be uint8"):
        replace(clips, images=clips.images.float())
    with pytest.raises(ValueError, match="audio of clip 1 holds a NaN"):
        audio = clips.audio.clone()
        audio[1, 0, 0] = math.nan
        replace(clips, audio=audio)


def test_pictures_are_normalised_and_padding_is_zero():
    clips = make_clips(1, frames=2)
    clips.images[0, 0] = torch.tensor([255, 0, 128], dtype=torch.uint8)
    clips.present[0, 1] = False
    made = normalised(clips, 2 * SIDE)
    assert made.shape == (1, 2, 3, 2 * SIDE, 2 * SIDE) and (made[0, 1] == 0).all()
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    torch.testing.assert_close(made[0, 0, :, 5, 7], torch.tensor(expected))


def test_widths_of_the_clips():
    assert make_clips().audio.shape[-1] == WIDTH
