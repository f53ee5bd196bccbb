"""Attentive MMIL pooling on bags small enough to count by hand."""

import pytest
import torch

from avvp_lib.models.pooling import attentive_mmil

SURE = 50.0  # a score that a softmax turns into all or nothing


def bag(rows: list[list[float]]) -> torch.Tensor:
    """Two segments, one class: [[audio 0, visual 0], [audio 1, visual 1]] -> (1, 2, 2, 1)."""
    return torch.tensor(rows)[None, :, :, None]


def test_equal_scores_average():
    """p = 0.2, 0.4 in audio and 0.6, 0.8 in visual: means 0.3 and 0.7, and half of each in the video."""
    logits = torch.logit(bag([[0.2, 0.6], [0.4, 0.8]]))
    output = attentive_mmil(logits, torch.zeros(1, 2, 2, 1), torch.zeros(1, 2, 2, 1))
    torch.testing.assert_close(output.segment_prob, bag([[0.2, 0.6], [0.4, 0.8]]))
    torch.testing.assert_close(output.modality_prob[0, :, 0], torch.tensor([0.3, 0.7]))
    assert output.video_prob.item() == pytest.approx(0.5)


def test_scores_pick_segments_and_modalities():
    """Audio listens to segment 1 (p = 0.4), visual to segment 0 (0.6); segment 0 trusts visual, segment 1 trusts audio
    by two to one: 0.6 * 1 + 0.4 * 2/3."""
    logits = torch.logit(bag([[0.2, 0.6], [0.4, 0.8]]))
    modality = torch.log(bag([[1e-30, 1.0], [2.0, 1.0]]))
    output = attentive_mmil(logits, bag([[0.0, SURE], [SURE, 0.0]]), modality)
    torch.testing.assert_close(output.modality_prob[0, :, 0], torch.tensor([0.4, 0.6]))
    assert output.video_prob.item() == pytest.approx(0.6 + 0.4 * 2 / 3)


def test_video_evidence_may_reach_two_and_is_not_clamped():
    """Audio attends to segment 0 alone and that segment trusts audio alone; visual likewise with segment 1."""
    attend = bag([[SURE, 0.0], [0.0, SURE]])
    output = attentive_mmil(torch.full((1, 2, 2, 1), SURE), attend, attend)
    assert output.video_prob.item() == pytest.approx(2.0)
    assert output.modality_prob.max().item() <= 1.0


def test_classes_are_pooled_separately():
    logits = torch.randn(2, 5, 2, 3, generator=torch.Generator().manual_seed(0))
    together = attentive_mmil(logits, logits.flip(0), -logits)
    alone = attentive_mmil(*(scores[..., 1:2] for scores in (logits, logits.flip(0), -logits)))
    torch.testing.assert_close(alone.video_prob, together.video_prob[:, 1:2])


def test_half_precision_keeps_small_distances_from_one():
    logits = torch.full((1, 2, 2, 1), 9.0, dtype=torch.bfloat16)
    output = attentive_mmil(logits, torch.zeros_like(logits), torch.zeros_like(logits))
    assert output.video_prob.dtype == torch.float32
    assert 1 - output.video_prob.item() == pytest.approx(1.234e-4, rel=1e-2)
