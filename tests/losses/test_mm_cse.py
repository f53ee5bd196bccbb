"""MM-CSE's losses on numbers that can be worked out by hand, and its objective."""

from dataclasses import dataclass
from math import log, sqrt

import pytest
import torch

from avvp_lib.losses import valor_loss
from avvp_lib.losses.mm_cse import (
    co_occurrence_loss,
    co_occurrence_targets,
    mm_cse_loss,
    orthogonality_loss,
    pooled_orthogonality_loss,
    reconstruction_loss,
)
from avvp_lib.models import ParsingOutput
from avvp_lib.models.mm_cse import MMCSE
from avvp_lib.objectives.mm_cse import build as mm_cse
from tests.oracles.mm_cse_plain import co_occurrence_targets as plain_targets

EVENTS_AND_BACKGROUND = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])  # two classes, then the background


def features(audio=EVENTS_AND_BACKGROUND, visual=EVENTS_AND_BACKGROUND) -> torch.Tensor:
    """(1, 1, 2, 3, 2)."""
    return torch.stack([audio, visual])[None, None]


def half_sure(**extras: torch.Tensor) -> ParsingOutput:
    """One video, one segment, two classes, every probability one half."""
    half = torch.full((1, 1, 2, 2), 0.5)
    return ParsingOutput(half, torch.zeros(1, 1, 2, 2), half[:, 0, 0], half[:, 0], extras)


LABELS = torch.tensor([[1.0, 0.0]]), torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
BASIC = 3 * log(2)


def test_eq_7_is_three_cross_entropies():
    assert valor_loss(half_sure(), *LABELS).item() == pytest.approx(BASIC, rel=1e-6)


def test_eq_8_is_averaged_within_and_summed_over_modalities():
    holistic = torch.tensor([[1.0, 2.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    rebuilt = torch.tensor([[1.0, 0.0], [3.0, 1.0]]).view(1, 1, 2, 2)
    assert reconstruction_loss(rebuilt, holistic).item() == pytest.approx((0 + 4) / 2 + (9 + 1) / 2)


def test_eq_8_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match="reconstruction has shape"):
        reconstruction_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 1))


def test_eq_9_is_the_cosine_of_every_class_with_the_background():
    """Both classes stand at 45 degrees to the background, in audio and in vision."""
    assert orthogonality_loss(features()).item() == pytest.approx(2 * sqrt(0.5))
    visual = torch.tensor([[1.0, 1.0], [1.0, -1.0], [5.0, 5.0]])
    assert orthogonality_loss(features(visual=visual)).item() == pytest.approx(sqrt(0.5) + (1 + 0) / 2)


def test_eq_9_of_the_code_pools_the_visual_classes_first():
    """Their mean is (1/2, 1): its cosine with (1, 1) is 1.5 / (sqrt(1.25) sqrt(2)). Audio is as in the paper."""
    expected = sqrt(0.5) + 1.5 / sqrt(2.5)
    assert pooled_orthogonality_loss(features()).item() == pytest.approx(expected)


def test_eq_10_marks_pairs_of_events():
    rows, columns = torch.tensor([[[1, 0, 1]]]), torch.tensor([[[0, 1, 1]]])
    assert co_occurrence_targets(rows, columns).tolist() == [[[[0, 1, 1], [0, 0, 0], [0, 1, 1]]]]


def test_eq_10_equals_the_outer_products_of_the_plain_reading():
    audio, visual = (torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    targets = plain_targets(audio, visual)
    torch.testing.assert_close(co_occurrence_targets(audio, visual), targets["av"])
    torch.testing.assert_close(co_occurrence_targets(visual, audio), targets["va"])
    torch.testing.assert_close(targets["va"], targets["av"].transpose(-1, -2))


def test_eq_11_sums_the_errors_of_four_maps():
    """Uniform maps (1/2) miss a target of zeros and ones by 1/4 everywhere; perfect maps by nothing."""
    uniform = torch.full((1, 1, 2, 2, 2), 0.5)
    _, audio, visual = LABELS
    assert co_occurrence_loss({"intra_map": uniform, "cross_map": uniform}, audio, visual).item() == pytest.approx(1.0)
    targets = plain_targets(audio, visual)
    perfect = {"intra_map": ("aa", "vv"), "cross_map": ("av", "va")}
    maps = {name: torch.stack([targets[pair] for pair in pairs], dim=2) for name, pairs in perfect.items()}
    assert co_occurrence_loss(maps, audio, visual).item() == 0.0
    swapped = {"cross_map": maps["cross_map"].flip(2)}
    assert co_occurrence_loss(swapped, audio, visual).item() == pytest.approx(2 * 2 / 4)


def test_eq_11_takes_the_maps_that_are_there_and_refuses_none():
    _, audio, visual = LABELS
    uniform = torch.full((1, 1, 2, 2, 2), 0.5)
    assert co_occurrence_loss({"intra_map": uniform}, audio, visual).item() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="has no map: with blocks='lgsf' set lambda_2 = 0"):
        co_occurrence_loss({}, audio, visual)
    with pytest.raises(ValueError, match="intra_map has shape"):
        co_occurrence_loss({"intra_map": uniform[:, :, :, :1]}, audio, visual)


def full_output() -> ParsingOutput:
    return half_sure(
        holistic=torch.zeros(1, 1, 2, 2),
        reconstruction=torch.ones(1, 1, 2, 2),
        decoupled=features(),
        alpha=torch.ones(1, 1, 2),
        intra_map=torch.full((1, 1, 2, 2, 2), 0.5),
        cross_map=torch.full((1, 1, 2, 2, 2), 0.5),
    )


@pytest.mark.parametrize(
    ("weights", "extra"),
    [
        ({"reconstruction_weight": 0, "lambda_1": 0, "lambda_2": 0}, 0.0),
        ({"lambda_1": 0, "lambda_2": 0}, 2.0),
        ({"reconstruction_weight": 0, "lambda_2": 0}, 0.1 * 2 * sqrt(0.5)),
        ({"lambda_2": 0}, 2.0 + 0.1 * 2 * sqrt(0.5)),
        ({}, 2.0 + 0.1 * 2 * sqrt(0.5) + 0.1 * 1.0),
    ],
)
def test_eq_12_in_the_five_rows_of_table_4(weights, extra):
    assert mm_cse_loss(full_output(), *LABELS, **weights).item() == pytest.approx(BASIC + extra, rel=1e-6)


def test_eq_12_as_the_code_has_it():
    loss = mm_cse_loss(full_output(), *LABELS, reconstruction_weight=0.5, orthogonality="visual-pooled")
    expected = BASIC + 0.5 * 2.0 + 0.1 * (sqrt(0.5) + 1.5 / sqrt(2.5)) + 0.1
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("reconstruction", "no 'reconstruction': with reconstruction='none' set reconstruction_weight = 0"),
        ("alpha", "no background: unless decoupling='background' set lambda_1 = 0"),
    ],
)
def test_a_loss_without_its_part_of_the_model_says_how_to_go_on(missing, message):
    output = full_output()
    del output.extras[missing]
    with pytest.raises(ValueError, match=message):
        mm_cse_loss(output, *LABELS)


@dataclass
class Videos:
    audio: torch.Tensor
    visual_2d: torch.Tensor
    visual_3d: torch.Tensor
    video_labels: torch.Tensor
    pseudo_audio: torch.Tensor | None
    pseudo_visual: torch.Tensor | None
    text: None = None


def videos() -> Videos:
    pseudo = (torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    return Videos(*(torch.randn(2, 4, width) for width in (12, 20, 16)), pseudo.amax((0, 2)), *pseudo)


def test_objective_is_the_loss_of_the_model():
    model = MMCSE(audio_dim=12, visual_2d_dim=20, visual_3d_dim=16, class_hidden=16, layers=1, classes=5).eval()
    train = videos()
    labels = train.video_labels, train.pseudo_audio, train.pseudo_visual
    expected = mm_cse_loss(model(train.audio, train.visual_2d, train.visual_3d), *labels, lambda_2=0.3)
    torch.testing.assert_close(mm_cse(train, lambda_2=0.3)(model, train), expected)


def test_objective_refuses_what_cannot_be():
    train = videos()
    with pytest.raises(ValueError, match="lambda_1 must be 0 or more, not -1"):
        mm_cse(train, lambda_1=-1)
    with pytest.raises(ValueError, match="orthogonality 'both' is unknown; known: by-class, visual-pooled"):
        mm_cse(train, orthogonality="both")
    train.pseudo_audio = None
    with pytest.raises(ValueError, match="'mm-cse' needs pseudo_audio"):
        mm_cse(train)
