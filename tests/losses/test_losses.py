"""Losses on numbers that can be worked out by hand."""

from math import log

import pytest
import torch

from avvp_lib.losses import clamped_bce, han_loss, segment_bce, smooth_labels, valor_loss
from avvp_lib.models import ParsingOutput

FLOOR = 1e-7


def output(video=0.5, audio=0.5, visual=0.5, segments=(0.5, 0.5), logits=True) -> ParsingOutput:
    """One video, one class, and one segment with a probability in audio and one in visual."""
    segment_prob = torch.tensor(segments).reshape(1, 1, 2, 1)
    return ParsingOutput(
        segment_prob=segment_prob,
        segment_logits=torch.logit(segment_prob) if logits else None,
        video_prob=torch.tensor([[float(video)]]),
        modality_prob=torch.tensor([[[float(audio)], [float(visual)]]]),
    )


def test_bce_is_the_mean_over_videos_and_classes():
    prob = torch.tensor([[0.8, 0.1], [0.5, 0.25]])
    labels = torch.tensor([[True, False], [True, False]])
    expected = -(log(0.8) + log(0.9) + log(0.5) + log(0.75)) / 4
    assert clamped_bce(prob, labels).item() == pytest.approx(expected, rel=1e-6)


def test_soft_labels_weigh_both_sides():
    expected = -(0.95 * log(0.8) + 0.05 * log(0.2))
    assert clamped_bce(torch.tensor([0.8]), torch.tensor([0.95])).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("prob", "label", "expected"), [(0.0, 1.0, -log(FLOOR)), (1.9, 0.0, -log(FLOOR)), (1.9, 1.0, 0.0)]
)
def test_bce_outside_the_open_interval_is_finite(prob, label, expected):
    loss = clamped_bce(torch.tensor([prob]), torch.tensor([label]))
    assert loss.item() == pytest.approx(expected, rel=0.02, abs=1e-6)  # float32 keeps 1 - 1e-7 to 19 per cent of 1e-7


def test_bce_of_half_precision_is_finite():
    assert clamped_bce(torch.ones(1, dtype=torch.bfloat16), torch.zeros(1)).item() == pytest.approx(
        -log(FLOOR), rel=0.02
    )


@pytest.mark.parametrize("label", [0.0, 0.05, 0.95, 1.0])
def test_gradients_are_finite_at_saturation(label):
    prob = torch.tensor([0.0, FLOOR, 1.0 - FLOOR, 1.0, 2.0], requires_grad=True)
    clamped_bce(prob, torch.full((5,), label)).backward()
    assert prob.grad.isfinite().all()
    assert prob.grad[[0, 3, 4]].tolist() == [0, 0, 0]


def test_gradient_inside_the_interval():
    prob = torch.tensor([0.8, 0.3], requires_grad=True)
    clamped_bce(prob, torch.tensor([1.0, 0.0])).backward()
    assert prob.grad.tolist() == pytest.approx([-1 / 0.8 / 2, 1 / 0.7 / 2], rel=1e-6)


def test_smoothing_moves_labels_towards_one_half():
    assert smooth_labels(torch.tensor([0, 1]), 0.1).tolist() == pytest.approx([0.05, 0.95])
    assert smooth_labels(torch.tensor([False, True]), 0.0).tolist() == [0.0, 1.0]


def test_han_loss_smooths_visual_labels_only():
    expected = -log(0.9) - log(0.8) - (0.95 * log(0.7) + 0.05 * log(0.3))
    loss = han_loss(output(video=0.9, audio=0.8, visual=0.7), torch.tensor([[1]]))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_han_loss_with_other_smoothing():
    expected = -log(0.9) - (0.9 * log(0.8) + 0.1 * log(0.2)) - log(0.7)
    loss = han_loss(output(0.9, 0.8, 0.7), torch.tensor([[1]]), audio_smoothing=0.2, visual_smoothing=0.0)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("logits", [True, False])
def test_valor_loss_teaches_video_and_both_modalities(logits):
    """A silent segment at 0.25 costs log(4/3), a visible one at 0.6 costs log(1/0.6), the video log(1/0.9)."""
    prediction = output(video=0.9, segments=(0.25, 0.6), logits=logits)
    loss = valor_loss(prediction, torch.ones(1, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    assert loss.item() == pytest.approx(-log(0.9) + log(4 / 3) - log(0.6), rel=1e-6)


def test_valor_loss_leaves_modality_probabilities_alone():
    prediction = output()
    prediction.modality_prob.requires_grad_()
    prediction.video_prob.requires_grad_()
    valor_loss(prediction, torch.ones(1, 1), torch.ones(1, 1, 1), torch.ones(1, 1, 1)).backward()
    assert prediction.modality_prob.grad is None
    assert prediction.video_prob.grad.item() == pytest.approx(-2.0)


def test_logits_keep_a_gradient_where_probabilities_saturate():
    prediction = output()
    logits = torch.full((1, 1, 2, 1), 60.0, requires_grad=True)
    saturated = ParsingOutput(logits.sigmoid(), logits, prediction.video_prob, prediction.modality_prob)
    segment_bce(saturated, 0, torch.zeros(1, 1, 1)).backward()
    assert logits.grad.flatten().tolist() == pytest.approx([1.0, 0.0])


def test_labels_of_another_shape_are_refused_rather_than_broadcast():
    with pytest.raises(ValueError, match=r"labels have shape \(1, 3\), predictions \(2, 3\)"):
        clamped_bce(torch.full((2, 3), 0.5), torch.ones(1, 3))
    with pytest.raises(ValueError, match=r"labels have shape \(1, 2, 1\), predictions \(1, 1, 1\)"):
        segment_bce(output(), 1, torch.ones(1, 2, 1))


@pytest.mark.parametrize("where", ["prediction", "label"])
def test_nan_is_not_hidden_by_the_clamp(where):
    prob, label = (torch.tensor([float("nan") if where == side else 0.5]) for side in ("prediction", "label"))
    assert clamped_bce(prob, label).isnan()
