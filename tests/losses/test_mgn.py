"""MGN's loss on numbers that can be worked out by hand."""

from math import exp, log

import pytest
import torch

from avvp_lib.losses.mgn import mgn_loss, token_classification
from avvp_lib.models import ParsingOutput


def test_tokens_that_say_nothing_cost_the_logarithm_of_the_classes():
    assert token_classification(torch.zeros(2, 25, 25)).item() == pytest.approx(2 * log(25), rel=1e-6)


def test_token_c_belongs_to_class_c():
    """Audio: one token sure by e^2 to 1, one wrong by as much. Visual: both undecided between two."""
    audio = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    right, wrong = log(1 + exp(-2)), log(1 + exp(2))
    expected = (right + wrong) / 2 + log(2)
    assert token_classification(torch.stack([audio, torch.zeros(2, 2)])).item() == pytest.approx(expected, rel=1e-6)


def test_rows_are_tokens_and_columns_are_classes():
    """Both tokens hold both classes to be equally likely; read by columns, one class would be certain of the tokens."""
    undecided = torch.tensor([[4.0, 4.0], [0.0, 0.0]])
    assert token_classification(undecided.expand(2, 2, 2)).item() == pytest.approx(2 * log(2), rel=1e-6)
    expected = log(1 + exp(-4)) + log(1 + exp(4))
    assert token_classification(undecided.T.expand(2, 2, 2)).item() == pytest.approx(expected, rel=1e-6)


def test_the_loss_is_guided_loss_plus_tokens():
    """One video, one class: 0.9 for the video, 0.8 in audio, 0.7 in vision, whose label is smoothed to 0.95."""
    output = ParsingOutput(torch.full((1, 1, 2, 1), 0.5), None, torch.tensor([[0.9]]), torch.tensor([[[0.8], [0.7]]]))
    expected = -log(0.9) - log(0.8) - (0.95 * log(0.7) + 0.05 * log(0.3))
    assert mgn_loss(output, torch.zeros(2, 1, 1), torch.ones(1, 1)).item() == pytest.approx(expected, rel=1e-6)
    output.modality_prob = output.modality_prob.expand(1, 2, 3)
    output.video_prob = output.video_prob.expand(1, 3)
    with_tokens = mgn_loss(output, torch.zeros(2, 3, 3), torch.ones(1, 3)).item()
    assert with_tokens == pytest.approx(expected + 2 * log(3), rel=1e-6)


@pytest.mark.parametrize("shape", [(25, 25), (3, 5, 5), (2, 4, 5)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"token logits have shape .*; they need \(2, C, C\)"):
        token_classification(torch.zeros(shape))
