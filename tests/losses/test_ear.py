"""EAR's losses on numbers that can be worked out by hand, and the objective that joins them to a model."""

from math import exp, log, sqrt
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from avvp_lib.losses import valor_loss
from avvp_lib.losses.ear import (
    balanced_bce,
    count_positives,
    ear_loss,
    mix,
    mixing_loss,
    positive_weights,
    segment_loss,
    video_loss,
)
from avvp_lib.models import ParsingOutput
from avvp_lib.objectives import build_objective
from avvp_lib.objectives.ear import EARObjective, build


def logits_of(*probabilities: float) -> torch.Tensor:
    return torch.logit(torch.tensor(probabilities, dtype=torch.float64))


def output(logits: torch.Tensor, video: float = 0.9) -> ParsingOutput:
    """A prediction for one video and one class with these logits (1, T, 2, 1)."""
    return ParsingOutput(logits.sigmoid(), logits, torch.full((1, 1), video), logits.sigmoid().mean(1))


# Three videos of two segments, two classes. Class 0: softly in both segments of video 0 and in one of video 2.
SOFT = torch.tensor([[[0.2, 0], [1, 0]], [[0, 0], [0, 0]], [[0, 0.7], [0.6, 0]]])
MIRRORED = SOFT.flip(2)


@pytest.mark.parametrize(("unit", "counts", "total"), [("videos", [2, 1], 3), ("segments", [3, 1], 6)])
def test_counts_of_videos_and_of_segments(unit, counts, total):
    found, of = count_positives(SOFT, unit)
    assert (found.tolist(), of) == (counts, total)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32])
def test_hard_labels_are_counted_alike(dtype):
    assert count_positives((SOFT > 0).to(dtype))[0].tolist() == [2, 1]


def test_weights_of_positives():
    """Of ten videos: 1, 2, 5, 9, 10 and none. 0.5 * 9 / 1, 0.5 * 8 / 2, and then 0.5 * 1 lies below the floor."""
    weights = positive_weights(torch.tensor([1, 2, 5, 9, 10, 0]), 10, kappa=0.5)
    assert weights.tolist() == [4.5, 2, 1, 1, 1, 1]


def test_no_strength_weighs_all_alike():
    assert positive_weights(torch.tensor([0, 1, 5]), 10, kappa=0).tolist() == [1, 1, 1]


def test_balanced_bce_weighs_the_positive_share_of_a_soft_label():
    logits = logits_of(0.8, 0.3).reshape(1, 1, 2)
    labels = torch.tensor([[[1.0, 0.6]]])
    expected = -(3 * log(0.8) + 2 * 0.6 * log(0.3) + 0.4 * log(0.7)) / 2
    assert balanced_bce(logits, labels, torch.tensor([3.0, 2.0])).item() == pytest.approx(expected, rel=1e-6)


def test_balanced_bce_leaves_negatives_alone():
    logits = logits_of(0.8, 0.3).reshape(1, 2, 1)
    loss = balanced_bce(logits, torch.zeros(1, 2, 1), torch.tensor([50.0]))
    assert loss.item() == pytest.approx(-(log(0.2) + log(0.7)) / 2, rel=1e-6)


def test_segment_loss_gives_each_modality_its_own_weights():
    logits = logits_of(0.8, 0.25).reshape(1, 1, 2, 1)
    loss = segment_loss(logits, torch.ones(1, 1, 2, 1), torch.tensor([[2.0], [5.0]]))
    assert loss.item() == pytest.approx(-2 * log(0.8) - 5 * log(0.25), rel=1e-6)


def test_mix_pairs_segments_of_any_videos():
    """Segments 1, 2 | 3, 4 of two videos with partners 3, 1, 2, 4: 3/4 own and 1/4 partner."""
    values = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    mixed = mix(values, torch.tensor([2, 0, 1, 3]), 0.75)
    assert mixed.flatten().tolist() == [1.5, 1.75, 2.75, 4.0]


def test_mixing_loss_of_two_opposite_segments():
    """Logits +-log 3 with labels 1 and 0 and a share of 1/4 become -+log(3)/2 with labels 1/4 and 3/4."""
    logits = torch.tensor([log(3), -log(3)]).reshape(1, 2, 1, 1).expand(1, 2, 2, 1)
    labels = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 2, 1)
    p = 1 / (1 + sqrt(3))
    expected = -(0.25 * log(p) + 0.75 * log(1 - p))  # the second segment mirrors the first
    loss = mixing_loss(logits, labels, torch.tensor([1, 0]), 0.25)
    assert loss.item() == pytest.approx(2 * expected, rel=1e-6)


def test_mixing_loss_adds_up_modalities():
    """With a share of 1 nothing is mixed: audio costs log 2, visual log(1 + 1/e)."""
    logits = torch.tensor([0.0, 1.0]).reshape(1, 1, 2, 1)
    loss = mixing_loss(logits, torch.ones(1, 1, 2, 1), torch.tensor([0]), 1.0)
    assert loss.item() == pytest.approx(log(2) + log(1 + exp(-1)), rel=1e-6)


def test_video_loss_takes_evidence_above_one():
    prediction = output(torch.zeros(1, 1, 2, 1), video=1.7)
    assert video_loss(prediction, torch.ones(1, 1)).item() == pytest.approx(0, abs=1e-6)
    assert video_loss(output(torch.zeros(1, 1, 2, 1), video=0.9), torch.ones(1, 1)).item() == pytest.approx(-log(0.9))


def test_ear_loss_is_the_sum_of_its_three_parts():
    """One segment at 0.8 (audible, weight 3) and 0.25 (not visible); it is its own partner, so mixing repeats it."""
    prediction = output(logits_of(0.8, 0.25).float().reshape(1, 1, 2, 1))
    loss = ear_loss(
        prediction,
        torch.ones(1, 1),
        torch.ones(1, 1, 1),
        torch.zeros(1, 1, 1),
        weights=torch.tensor([[3.0], [9.0]]),
        partners=torch.tensor([0]),
        share=0.4,
    )
    mixing = -log(0.8) - log(0.75)
    assert loss.item() == pytest.approx(mixing - 3 * log(0.8) - log(0.75) - log(0.9), rel=1e-6)


def test_without_weights_and_mixing_it_is_valors_loss():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 2, 4, generator=generator)
    audio, visual, video = torch.rand(3, 2, 3, 4, generator=generator).unbind()
    prediction = ParsingOutput(logits.sigmoid(), logits, video[:, 0], video[:, :2])
    itself = torch.arange(6)
    labels = (video[:, 1] > 0.5, audio, visual)
    full = ear_loss(prediction, *labels, weights=torch.ones(2, 4), partners=itself, share=0.3)
    mixing = mixing_loss(logits, torch.stack([audio, visual], 2), itself, 0.3)
    torch.testing.assert_close(full - mixing, valor_loss(prediction, *labels))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count_positives(SOFT, "clips"), "unit 'clips' is unknown; known: videos, segments"),
        (lambda: count_positives(SOFT[0]), r"labels have shape \(2, 2\)"),
        (lambda: positive_weights(torch.ones(2), 5, -0.1), "kappa must be a number of at least 0, not -0.1"),
        (lambda: positive_weights(torch.ones(2), 5, float("nan")), "kappa"),
        (lambda: positive_weights(torch.tensor([6]), 5, 1.0), "between 0 and the total of 5"),
        (lambda: balanced_bce(torch.zeros(1, 2, 3), torch.zeros(1, 1, 3), torch.ones(3)), "labels have shape"),
        (lambda: balanced_bce(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.ones(1)), "weights have shape"),
        (lambda: mixing_loss(torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 1, 3), torch.arange(2), 0.5), "labels have"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_model_without_logits_is_refused():
    prediction = output(torch.zeros(1, 1, 2, 1))
    prediction.segment_logits = None
    with pytest.raises(ValueError, match="segment_logits is None"):
        ear_loss(prediction, *torch.ones(3, 1, 1, 1), torch.ones(2, 1), torch.tensor([0]), 0.5)


def test_mixing_gradients_reach_both_partners():
    logits = torch.zeros(1, 2, 2, 1, requires_grad=True)
    labels = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 2, 1)
    mixing_loss(logits, labels, torch.tensor([1, 0]), 0.75).backward()
    # d BCE / d logit = p - y: -1/4 for the first mixture, 1/4 for the second, means of two; 3/4 own, 1/4 crossed
    assert logits.grad[0, :, 0, 0].tolist() == pytest.approx([-0.0625, 0.0625])


class Constant(nn.Module):
    """A "model" that returns its learnable logits for every video of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.randn(3, 2, 2, 2, generator=torch.Generator().manual_seed(1)))

    def forward(self, audio, visual_2d, visual_3d=None, text=None) -> ParsingOutput:
        probability = self.logits.sigmoid()
        return ParsingOutput(probability, self.logits, probability.mean((1, 2)), probability.mean(1))


def training_set(audio=SOFT, visual=MIRRORED) -> SimpleNamespace:
    nothing = torch.zeros(3, 2, 1)
    return SimpleNamespace(
        audio=nothing, visual_2d=nothing, visual_3d=None, text=None, video_labels=torch.ones(3, 2),
        pseudo_audio=audio, pseudo_visual=visual,
    )  # fmt: skip


def test_objective_counts_in_the_training_set():
    objective = build_objective("ear", training_set(), kappa=3.0)
    assert isinstance(objective, EARObjective)
    assert objective.counts.tolist() == [[2, 1], [1, 2]]
    assert objective.weights.tolist() == [[1.5, 6.0], [6.0, 1.5]]
    assert build(training_set(), kappa=3.0, unit="segments").weights.tolist() == [[3.0, 15.0], [15.0, 3.0]]


def test_objective_prints_its_weights():
    lines = str(build(training_set(), kappa=0.75)).splitlines()
    assert lines[0].endswith("(of 3 videos)")
    assert lines[1].split() == ["0", "2", "1.00", "1", "1.50"]
    assert lines[-1] == "2 of 4 weights are at their floor of 1"


def test_objective_is_eq_16_for_what_it_draws():
    train, model = training_set(), Constant()
    objective = build(train, kappa=3.0)
    torch.manual_seed(4)
    loss = objective(model, train)
    torch.manual_seed(4)
    partners, share = torch.randperm(6), torch.distributions.Beta(1.7, 1.7).sample()
    labels = (train.video_labels, train.pseudo_audio, train.pseudo_visual)
    expected = ear_loss(model(None, None), *labels, objective.weights, partners, share)
    torch.testing.assert_close(loss, expected)


def test_a_seed_repeats_the_draws_and_another_does_not():
    train, model = training_set(), Constant()
    objective = build(train)
    losses = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        losses.append(objective(model, train).item())
    assert losses[0] == losses[1] != losses[2]


def test_shares_follow_the_beta_distribution():
    """Beta(alpha, alpha) has mean 1/2 and variance 1 / (4 (2 alpha + 1)): 0.0568 for 1.7, 0.0119 for 10."""
    for alpha, variance in ((1.7, 1 / 17.6), (10.0, 1 / 84)):
        torch.manual_seed(0)
        objective = build(training_set(), mixing_alpha=alpha)
        shares = torch.stack([objective._shares.sample() for _ in range(4000)])
        assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
        assert shares.var().item() == pytest.approx(variance, rel=0.1)


def test_hard_labels_train_too():
    hard = training_set((SOFT > 0).float(), (MIRRORED > 0).float())
    loss = build(hard)(Constant(), hard)
    assert loss.isfinite() and loss > 0


@pytest.mark.parametrize(
    ("train", "options", "message"),
    [
        (training_set(), {"mixing_alpha": 0.0}, "mixing_alpha must be a number above 0"),
        (training_set(), {"kappa": -1.0}, "kappa"),
        (training_set(), {"unit": "clips"}, "unit"),
        (training_set(audio=None), {}, "needs pseudo_audio and pseudo_visual"),
    ],
)
def test_bad_options_are_named(train, options, message):
    with pytest.raises(ValueError, match=message):
        build(train, **options)
