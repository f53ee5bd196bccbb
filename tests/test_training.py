"""The training loop: it learns, it repeats itself, it follows the published schedules, and it refuses what would hurt later."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from avvp_lib import training
from avvp_lib.metrics import per_video_scores
from avvp_lib.models import build_model
from avvp_lib.training import ParsingData, TrainingRecipe, evaluate, fit, predict, predicted_grids

VIDEOS, SEGMENTS, CLASSES = 12, 10, 5
LEARN = TrainingRecipe("segment-labels", epochs=40, batch_size=6, optimiser="adam", learning_rate=1e-2, step_epochs=100)


def make_data(seed: int = 0, videos: int = VIDEOS) -> ParsingData:
    """Random features with random dense labels: what a network can only learn by heart."""
    random = torch.Generator().manual_seed(seed)

    def features(width: int, frames: int = SEGMENTS) -> torch.Tensor:
        return torch.randn(videos, frames, width, generator=random)

    true = torch.rand(2, videos, SEGMENTS, CLASSES, generator=random) < 0.3
    return ParsingData(
        audio=features(8),
        visual_2d=features(12, 2 * SEGMENTS),
        visual_3d=features(6),
        video_labels=true.any(0).any(1).float(),
        pseudo_audio=true[0].float(),
        pseudo_visual=true[1].float(),
        true_audio=true[0],
        true_visual=true[1],
    )


def make_model(name: str = "valor", seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(
        name, audio_dim=8, visual_2d_dim=12, visual_3d_dim=6, hidden=32, heads=2, feed_forward=32, classes=CLASSES,
        dropout=dropout,
    )  # fmt: skip


def train(data: ParsingData, recipe: TrainingRecipe, seed: int = 0, model: nn.Module | None = None, **options):
    return fit(model or make_model(), data, data, recipe, seed, "cpu", progress=False, **options)


def test_a_tiny_batch_is_learned_by_heart():
    result = train(make_data(), replace(LEARN, epochs=60))
    scores = evaluate(result.model, make_data(), "none", "none")
    assert scores["segment/Type"] > 95
    losses = result.history["loss"]
    assert losses.iloc[-1] < losses.iloc[0] / 5


def test_video_labels_alone_teach_the_video():
    data = make_data()
    data = replace(data, pseudo_audio=None, pseudo_visual=None)
    result = train(data, replace(LEARN, loss="video-labels"), model=make_model("han"))
    guessed = predict(result.model, data).video_prob >= 0.5
    assert (guessed == data.video_labels.bool()).float().mean() > 0.9


def test_mixed_precision_learns_too():
    result = train(make_data(), replace(LEARN, epochs=30), precision="bf16-mixed")
    assert result.history["loss"].iloc[-1] < result.history["loss"].iloc[0] / 3
    assert predict(result.model, make_data()).segment_prob.dtype == torch.float32


def test_the_same_seed_gives_the_same_metrics_and_another_does_not():
    recipe = replace(LEARN, epochs=3)
    histories = [train(make_data(), recipe, seed, make_model(dropout=0.3)).history for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(histories[0], histories[1])
    assert not histories[0]["loss"].equals(histories[2]["loss"])


def test_hans_schedule():
    recipe = TrainingRecipe("video-labels", epochs=40, batch_size=16, optimiser="adam", learning_rate=3e-4)
    rates = [recipe.rate(epoch) for epoch in range(1, 41)]
    expected = [3e-4] * 10 + [3e-5] * 10 + [3e-6] * 10 + [3e-7] * 10
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


def test_valors_schedule():
    recipe = TrainingRecipe(
        "segment-labels", epochs=60, batch_size=64, optimiser="adamw", learning_rate=3e-4, schedule="warm-up-cosine",
        warm_up_epochs=10, minimum_rate=3e-6,
    )  # fmt: skip
    assert recipe.rate(1) == pytest.approx(3e-5)  # a tenth of the peak
    assert recipe.rate(5) == pytest.approx(1.5e-4)
    assert recipe.rate(10) == pytest.approx(3e-4)  # the peak
    assert recipe.rate(35) == pytest.approx((3e-4 + 3e-6) / 2)  # half way down
    assert recipe.rate(60) == pytest.approx(3e-6)
    assert recipe.rate(22) == pytest.approx(3e-6 + 2.97e-4 / 2 * (1 + math.cos(math.pi * 12 / 50)))


def test_the_optimiser_follows_the_schedule():
    recipe = replace(LEARN, epochs=5, schedule="warm-up-cosine", warm_up_epochs=2, minimum_rate=1e-3)
    history = train(make_data(), recipe).history
    np.testing.assert_allclose(history["learning_rate"], [5e-3, 1e-2, 7.75e-3, 3.25e-3, 1e-3])
    frozen = train(make_data(), replace(LEARN, epochs=2, learning_rate=0.0))
    for key, before in make_model().state_dict().items():
        torch.testing.assert_close(frozen.model.state_dict()[key], before)


def test_the_epoch_with_the_best_validation_score_is_kept(monkeypatch):
    wanted = [10.0, 30.0, 20.0, 30.0, 5.0]  # the second is best; an equal one later does not replace it
    states, real = [], training.evaluate

    def scripted(model, data, audio_gate, visual_gate):
        states.append({key: tensor.clone() for key, tensor in model.module.state_dict().items()})
        return {**real(model, data, audio_gate, visual_gate), "segment/Type": wanted[len(states) - 1]}

    monkeypatch.setattr(training, "evaluate", scripted)
    result = train(make_data(), replace(LEARN, epochs=5))
    assert result.best_epoch == 2
    assert result.history["segment/Type"].tolist() == wanted
    for key, tensor in result.model.state_dict().items():
        torch.testing.assert_close(tensor, states[1][key])
    assert any((states[1][key] != states[4][key]).any() for key in states[1])
    assert not result.model.training


def first_step(clip_norm: float | None, learning_rate: float = 1.0) -> float:
    """How far one step of plain gradient descent moves all weights together."""
    model, before = make_model(), make_model()
    recipe = replace(LEARN, epochs=1, batch_size=VIDEOS, learning_rate=learning_rate, clip_norm=clip_norm)
    result = train(make_data(), recipe, model=model)
    moved = [a - b for a, b in zip(result.model.parameters(), before.parameters(), strict=True)]
    return torch.cat([step.detach().flatten() for step in moved]).norm().item()


def test_gradients_are_clipped_to_their_global_norm(monkeypatch):
    def descent(model, recipe):
        return torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)

    monkeypatch.setattr(training, "_optimiser", descent)
    free = first_step(None)
    assert free > 0.05
    assert first_step(0.01) == pytest.approx(0.01, rel=1e-3)
    assert first_step(1e6) == pytest.approx(free, rel=1e-4)


@pytest.mark.parametrize("name", ["audio", "visual_2d", "visual_3d", "pseudo_visual"])
def test_a_nan_is_refused_with_the_tensors_and_the_videos_name(name):
    data = make_data()
    broken = getattr(data, name).clone()
    broken[4, 3, 2] = math.nan
    with pytest.raises(ValueError, match=f"{name} of video 4 holds a NaN"):
        replace(data, **{name: broken})


def test_tensors_that_do_not_fit_are_refused():
    data = make_data()
    with pytest.raises(ValueError, match="visual_3d holds 11 videos, video_labels 12"):
        replace(data, visual_3d=data.visual_3d[1:])
    with pytest.raises(ValueError, match=r"audio has shape \(12, 8\); it needs 3 axes"):
        replace(data, audio=data.audio[:, 0])
    with pytest.raises(ValueError, match=r"labels have shape"):
        train(replace(data, pseudo_audio=data.pseudo_audio[:, :5]), replace(LEARN, epochs=1))


def test_missing_labels_are_refused():
    data = make_data()
    with pytest.raises(ValueError, match="needs pseudo_audio and pseudo_visual"):
        train(replace(data, pseudo_visual=None), LEARN)
    with pytest.raises(ValueError, match="no dense labels to select"):
        train(replace(data, true_audio=None), LEARN)
    with pytest.raises(ValueError, match="no dense labels"):
        evaluate(make_model(), replace(data, true_visual=None), "global", "global")


def test_a_loss_that_is_not_finite_names_the_epoch():
    with pytest.raises(FloatingPointError, match="in epoch 2: lower the learning rate"):
        train(make_data(), replace(LEARN, learning_rate=1e30, batch_size=VIDEOS, epochs=5), model=Diverging())


class Diverging(nn.Module):
    """A model whose only weight is fine in the first epoch and overflows in the second."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, audio, visual_2d, visual_3d=None, text=None):
        logit = self.weight * 1e30 if self.training else torch.zeros(())
        logits = logit.expand(len(audio), SEGMENTS, 2, CLASSES)
        prob = logits.sigmoid()
        return training.ParsingOutput(prob, logits, prob.mean((1, 2)), prob.mean(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "guess"}, "unknown loss 'guess': choose one of "),
        ({"optimiser": "sgd"}, "unknown optimiser 'sgd'"),
        ({"schedule": "cosine"}, "unknown schedule 'cosine': choose one of step, warm-up-cosine"),
        ({"audio_gate": "video"}, "unknown audio_gate 'video'"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_recipes_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(LEARN, **change)


def test_learning_curves_are_written(tmp_path):
    result = train(make_data(), replace(LEARN, epochs=3), folder=tmp_path / "run")
    read = pd.read_csv(tmp_path / "run" / "history.csv")
    pd.testing.assert_frame_equal(read, result.history)
    assert read["epoch"].tolist() == [1, 2, 3]
    assert {"learning_rate", "loss", "segment/Type", "event/Event", "average"} <= set(read.columns)
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [".lock", "history.csv", "training.state"]


def test_gates_are_explicit_and_matter():
    data, model = make_data(), make_model()
    with pytest.raises(TypeError):
        evaluate(model, data)
    output = predict(model, data)
    segments, video, modality = (
        p.numpy() >= 0.5 for p in (output.segment_prob, output.video_prob, output.modality_prob)
    )
    audio, visual = predicted_grids(model, data, "global", "modality")
    np.testing.assert_array_equal(audio, segments[:, :, 0] & video[:, None])
    np.testing.assert_array_equal(visual, segments[:, :, 1] & modality[:, None, 1])
    expected = per_video_scores(audio, visual, data.true_audio.numpy(), data.true_visual.numpy())
    assert evaluate(model, data, "global", "modality")["segment/A"] == pytest.approx(expected["segment/A"].mean())
    with pytest.raises(ValueError, match="audio_gate must be one of"):
        evaluate(model, data, "video", "global")


def test_predictions_do_not_depend_on_the_batch_size():
    data, model = make_data(), make_model(dropout=0.5)
    model.train()
    whole, single = predict(model, data), predict(model, data, batch_size=1)
    for name in ("segment_prob", "segment_logits", "video_prob", "modality_prob"):
        torch.testing.assert_close(getattr(whole, name), getattr(single, name), rtol=1e-5, atol=1e-6)
        assert len(getattr(single, name)) == VIDEOS
    assert not whole.segment_prob.requires_grad


def test_a_selection_keeps_videos_together():
    data = make_data()
    taken = data.take(torch.tensor([3, 1]))
    assert len(taken) == 2
    torch.testing.assert_close(taken.visual_2d, data.visual_2d[[3, 1]])
    assert (taken.true_audio == data.true_audio[[3, 1]]).all()
    assert replace(data, visual_3d=None).take(torch.tensor([0])).visual_3d is None


def test_an_objective_is_told_the_epoch(monkeypatch):
    told = []

    class Counting:
        def start_epoch(self, epoch):
            told.append(epoch)

        def __call__(self, model, batch):
            return model(batch.audio, batch.visual_2d, batch.visual_3d).video_prob.sum()

    monkeypatch.setattr(training, "build_objective", lambda *arguments, **options: Counting())
    fit(make_model(), make_data(), make_data(1), replace(LEARN, epochs=3), seed=0, device="cpu", progress=False)
    assert told == [1, 2, 3]
