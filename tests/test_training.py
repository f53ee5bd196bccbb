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


def shuffled(data: ParsingData, audio_rows: list[int], visual_rows: list[int]) -> ParsingData:
    """Examples whose sound and picture come from other rows; their segment labels travel with them."""
    audio, visual = torch.tensor(audio_rows), torch.tensor(visual_rows)
    grids = {
        f"{kind}_{modality}": getattr(data, f"{kind}_{modality}")[rows]
        for kind in ("pseudo", "true")
        for modality, rows in (("audio", audio), ("visual", visual))
    }
    labels = (grids["true_audio"] | grids["true_visual"]).any(1).float()
    return replace(data, video_labels=labels, **grids, audio_rows=audio, visual_rows=visual)


ROWS = [3, 0, 7, 7, 11, 2, 9, 1, 4, 5, 6, 8, 10, 0, 3], [1, 0, 2, 7, 5, 2, 8, 6, 3, 4, 9, 10, 11, 1, 1]


def copied(data: ParsingData, audio_rows: list[int], visual_rows: list[int]) -> ParsingData:
    """The same examples with features of their own: what row numbers stand for."""
    made = shuffled(data, audio_rows, visual_rows)
    return replace(
        made,
        audio=data.audio[audio_rows],
        visual_2d=data.visual_2d[visual_rows],
        visual_3d=data.visual_3d[visual_rows],
        audio_rows=None,
        visual_rows=None,
    )


def test_row_numbers_stand_for_copied_features():
    data, copies = shuffled(make_data(), *ROWS), copied(make_data(), *ROWS)
    assert len(data) == len(copies) == 15
    assert data.audio.data_ptr() == data.to(torch.device("cpu")).audio.data_ptr()
    assert len(data.audio) == len(data.visual_2d) == VIDEOS  # nothing is held twice
    for taken, expected in ((data.take(torch.tensor([14, 2])), copies.take(torch.tensor([14, 2]))),):
        assert taken.audio_rows is None and taken.visual_rows is None
        for name in ("audio", "visual_2d", "visual_3d", "pseudo_audio", "pseudo_visual", "video_labels"):
            assert torch.equal(getattr(taken, name), getattr(expected, name)), name
    model = make_model()
    assert torch.equal(predict(model, data, 4).segment_prob, predict(model, copies, 4).segment_prob)
    assert evaluate(model, data, "none", "none") == evaluate(model, copies, "none", "none")


def test_training_through_row_numbers_is_training_on_copies():
    recipe, validation = replace(LEARN, epochs=3), make_data(1)
    results = [
        fit(make_model(dropout=0.3), make(make_data(), *ROWS), validation, recipe, 0, "cpu", progress=False)
        for make in (shuffled, copied)
    ]
    pd.testing.assert_frame_equal(*(result.history for result in results), check_exact=True)


def test_text_is_read_through_the_rows_of_its_modality():
    data = make_data()
    data = replace(data, text_audio=data.audio * 2, text_visual=data.visual_3d * 3)
    taken = shuffled(data, *ROWS).take(torch.arange(15))
    assert torch.equal(taken.text_audio, data.audio[ROWS[0]] * 2)
    assert torch.equal(taken.text_visual, data.visual_3d[ROWS[1]] * 3)


def test_one_modality_may_have_rows_and_the_other_none():
    data = make_data()
    turned = replace(data, audio_rows=torch.arange(VIDEOS).flip(0))
    assert torch.equal(turned.take(torch.tensor([0])).audio, data.audio[[11]])
    assert torch.equal(turned.take(torch.tensor([0])).visual_2d, data.visual_2d[[0]])
    with pytest.raises(ValueError, match="visual_2d holds 11 videos, video_labels 12"):
        replace(turned, visual_2d=data.visual_2d[1:])


def test_other_rows_are_another_training(tmp_path):
    identities = [
        training._identity(make_model(), data, make_data(), LEARN, 0)["training data"]
        for data in (shuffled(make_data(), *ROWS), shuffled(make_data(), ROWS[1], ROWS[0]), make_data())
    ]
    assert len(set(identities)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio_rows": torch.full((VIDEOS,), 12)}, "audio_rows of example 0 is 12, but the features have 12 rows"),
        ({"visual_rows": torch.arange(-1, VIDEOS - 1)}, "visual_rows of example 0 is -1"),
        ({"visual_rows": torch.zeros(VIDEOS - 1, dtype=torch.int64)}, "visual_rows holds 11 videos, video_labels 12"),
        ({"audio_rows": torch.zeros(VIDEOS)}, r"audio_rows must be int64, not torch\.float32"),
        ({"audio_rows": torch.zeros(VIDEOS, 1, dtype=torch.int64)}, r"audio_rows has shape \(12, 1\); it needs 1 axes"),
    ],
)
def test_rows_that_are_none_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(make_data(), **change)


def test_features_of_one_modality_have_one_number_of_rows():
    data = shuffled(make_data(), *ROWS)
    with pytest.raises(ValueError, match="visual_3d holds 11 videos, visual_2d 12"):
        replace(data, visual_3d=data.visual_3d[1:])
    with pytest.raises(ValueError, match="pseudo_audio holds 12 videos, video_labels 15"):
        replace(data, pseudo_audio=make_data().pseudo_audio)


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
