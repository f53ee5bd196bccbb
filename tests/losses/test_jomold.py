"""JoMoLD's formulas on numbers that can be worked out by hand, and against a reading of the rule class by class."""

from math import exp, log

import pytest
import torch
from torch import Tensor

from avvp_lib.losses import han_loss
from avvp_lib.losses.jomold import clean_targets, denoised_targets, guided_loss, synchrony_nce
from avvp_lib.models import ParsingOutput


def test_undecided_segments_cost_the_logarithm_of_the_segments():
    assert synchrony_nce(torch.zeros(2, 10, 10)).item() == pytest.approx(log(10), rel=1e-6)


def test_smoothing_stands_inside_the_logarithm():
    """Two segments, logits 3 apart: the softmax is (s, 1 - s); each row costs -log(0.9 s + 0.1 (1 - s))."""
    right = 1 / (1 + exp(-3))
    expected = -(log(0.9 * right + 0.1 * (1 - right)) + log(0.9 * (1 - right) + 0.1 * right)) / 2
    logits = torch.tensor([[[3.0, 0.0], [3.0, 0.0]]])
    assert synchrony_nce(logits).item() == pytest.approx(expected, rel=1e-6)
    outside = -(0.9 * log(right) + 0.1 * log(1 - right) + 0.9 * log(1 - right) + 0.1 * log(right)) / 2
    assert synchrony_nce(logits).item() != pytest.approx(outside, rel=0.01)


def test_the_smallest_contrastive_loss():
    assert synchrony_nce(100 * torch.eye(10)[None]).item() == pytest.approx(-log(0.9), rel=1e-5)
    assert synchrony_nce(100 * torch.eye(10)[None], smoothing=0.0).item() == pytest.approx(0.0, abs=1e-6)


def test_audio_looks_for_vision_and_not_the_reverse():
    logits = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
    weights = torch.full((4, 4), 0.1 / 3).fill_diagonal_(0.9)
    expected = -(logits.softmax(2) * weights).sum(2).log().mean()
    assert synchrony_nce(logits).item() == pytest.approx(expected.item(), rel=1e-6)
    assert synchrony_nce(logits.transpose(1, 2)).item() != pytest.approx(expected.item(), rel=1e-3)


def test_one_segment_has_nothing_to_tell_apart():
    logits = torch.randn(2, 1, 1, requires_grad=True)
    synchrony_nce(logits).backward()
    assert logits.grad.abs().max() == 0


@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 4)])
def test_synchrony_logits_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"synchrony logits have shape .*; they need \(B, T, T\)"):
        synchrony_nce(torch.zeros(shape))


def output(video: float, audio: float, visual: float) -> ParsingOutput:
    modality_prob = torch.tensor([[[audio], [visual]]])
    return ParsingOutput(torch.full((1, 1, 2, 1), 0.5), None, torch.tensor([[video]]), modality_prob)


def test_guided_loss_weighs_each_term():
    prediction, labels = output(0.9, 0.8, 0.7), torch.ones(1, 1)
    targets = torch.tensor([[[1.0], [0.0]]])
    weights = {"audio_weight": 2.0, "visual_weight": 3.0, "video_weight": 5.0}
    expected = -2 * log(0.8) - 3 * log(0.3) - 5 * log(0.9)
    assert guided_loss(prediction, labels, targets, **weights).item() == pytest.approx(expected, rel=1e-6)


def test_with_clean_targets_and_equal_weights_it_is_the_loss_of_han():
    prediction, labels = output(0.9, 0.8, 0.7), torch.ones(1, 1)
    weights = {"audio_weight": 1.0, "visual_weight": 1.0, "video_weight": 1.0}
    ours = guided_loss(prediction, labels, clean_targets(labels), **weights)
    assert ours.item() == pytest.approx(han_loss(prediction, labels).item(), rel=1e-6)


# One class, five videos, the last not labelled with it. Losses fall as probabilities rise (up to 0.95 in vision).
AUDIO = (0.9, 0.2, 0.7, 0.6, 0.1)
VISUAL = (0.1, 0.8, 0.3, 0.6, 0.2)
LABELS = (1, 1, 1, 1, 0)


def denoised(audio_ratio: float, visual_ratio: float) -> tuple[list[float], list[float]]:
    prob = torch.tensor([AUDIO, VISUAL]).T[:, :, None]
    ratios = torch.tensor([[audio_ratio], [visual_ratio]])
    targets = denoised_targets(prob, torch.tensor(LABELS)[:, None], ratios)
    audio, visual = targets[:, :, 0].T.round(decimals=6).double().round(decimals=6).tolist()
    return audio, visual


def test_nothing_is_doubted_without_noise():
    assert denoised(0.0, 0.0) == ([1, 1, 1, 1, 0], [0.95, 0.95, 0.95, 0.95, 0.05])


def test_one_label_in_four_is_noise_in_each_modality():
    """Audio doubts video 1 (largest audio loss, smallest visual one), vision video 0 (largest visual, smallest audio)."""
    assert denoised(0.25, 0.25) == ([1, 0, 1, 1, 0], [0.0, 0.95, 0.95, 0.95, 0.05])


def test_modalities_have_ratios_of_their_own():
    assert denoised(0.25, 0.0) == ([1, 0, 1, 1, 0], [0.95, 0.95, 0.95, 0.95, 0.05])
    assert denoised(0.0, 0.25) == ([1, 1, 1, 1, 0], [0.0, 0.95, 0.95, 0.95, 0.05])


def test_counts_are_rounded_down():
    assert denoised(0.24, 0.24) == denoised(0.0, 0.0)
    assert denoised(0.49, 0.49) == denoised(0.25, 0.25)


def test_both_conditions_must_hold():
    """Half the labels: audio losses are largest for videos 1, 3, and visual ones smallest for 1, 3; vision: 0, 2 and 0, 2."""
    assert denoised(0.5, 0.5) == ([1, 0, 1, 0, 0], [0.0, 0.95, 0.0, 0.95, 0.05])
    agreeing = torch.tensor([[0.9, 0.9], [0.1, 0.1]])[:, :, None]  # what one modality doubts, the other doubts as well
    targets = denoised_targets(agreeing, torch.ones(2, 1), torch.full((2, 1), 0.5))
    assert targets[:, :, 0].T.tolist() == [pytest.approx([1, 1]), pytest.approx([0.95, 0.95])]


def test_visual_losses_are_those_of_smoothed_labels():
    """Above 0.95 the smoothed loss rises again, so 0.9999 costs more than 0.9, and vision doubts that video."""
    prob = torch.tensor([[0.9, 0.9999], [0.8, 0.9]])[:, :, None]
    targets = denoised_targets(prob, torch.ones(2, 1), torch.tensor([[0.0], [0.5]]))
    assert targets[:, 1, 0].tolist() == pytest.approx([0.0, 0.95])


def by_hand(prob: Tensor, labels: Tensor, ratios: Tensor) -> Tensor:
    """The rule, read one class and one modality at a time with sorted lists."""
    targets = torch.stack([labels, 0.9 * labels + 0.05], dim=1)
    losses = -(targets * prob.log() + (1 - targets) * (1 - prob).log())
    result = targets.clone()
    for category in range(labels.shape[1]):
        videos = [video for video in range(len(labels)) if labels[video, category] == 1]
        for modality in (0, 1):
            count = int(ratios[modality, category] * len(videos))
            own = sorted(videos, key=lambda v: -losses[v, modality, category].item())[:count]
            other = sorted(videos, key=lambda v: losses[v, 1 - modality, category].item())[:count]
            for video in set(own) & set(other):
                result[video, modality, category] = 0
    return result


def test_all_classes_at_once_equal_one_after_the_other():
    generator = torch.Generator().manual_seed(0)
    removed = 0
    for _ in range(20):
        prob = torch.rand(24, 2, 7, generator=generator) * 0.98 + 0.01
        labels = (torch.rand(24, 7, generator=generator) > 0.6).float()
        ratios = torch.rand(2, 7, generator=generator)
        ours = denoised_targets(prob, labels, ratios)
        torch.testing.assert_close(ours, by_hand(prob, labels, ratios))
        removed += int((ours == 0).sum() - (clean_targets(labels) == 0).sum())
    assert removed > 200


def test_no_gradient_flows_into_the_doubt():
    prob = torch.rand(4, 2, 3, requires_grad=True)
    assert not denoised_targets(prob, torch.ones(4, 3), torch.full((2, 3), 0.5)).requires_grad


def test_a_batch_without_the_class_is_no_problem():
    targets = denoised_targets(torch.rand(4, 2, 3), torch.zeros(4, 3), torch.ones(2, 3))
    assert targets[:, 0].eq(0).all()
    assert targets[:, 1].flatten().tolist() == pytest.approx([0.05] * 12)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"video_labels \(4, 3\) need noise_ratios \(2, C\)"):
        denoised_targets(torch.rand(4, 2, 3), torch.ones(4, 3), torch.rand(3, 2))
    with pytest.raises(ValueError, match=r"not \(2, 3\) and \(4, 3\)"):
        denoised_targets(torch.rand(4, 3), torch.ones(4, 3), torch.rand(2, 3))
