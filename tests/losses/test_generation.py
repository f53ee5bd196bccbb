"""The generator's losses on numbers that can be worked out by hand. Table V's rows are sums of these terms."""

from math import log

import pytest
import torch

from avvp_lib.losses.generation import (
    PRODUCTS,
    GenerationTargets,
    audio_visual_loss,
    build_terms,
    generation_loss,
    present_mean,
    product_log_probabilities,
    uni_modal_loss,
)


def logits_of(*probabilities: float) -> torch.Tensor:
    return torch.logit(torch.tensor(probabilities, dtype=torch.float64))


def branches(
    audio: tuple, visual: tuple, static_audio: tuple, static_visual: tuple
) -> tuple[torch.Tensor, torch.Tensor]:
    """Dynamic and static logits (1, T, 2, 1) of one video and one class."""
    pairs = (audio, visual), (static_audio, static_visual)
    return tuple(torch.stack([logits_of(*a), logits_of(*v)], dim=1)[None, ..., None] for a, v in pairs)


# One video of three segments, the last of which is padding that nothing may read.
LOGITS = branches((0.8, 0.6, 0.5), (0.5, 0.3, 0.5), (0.9, 0.7, 0.5), (0.4, 0.2, 0.5))
TARGETS = GenerationTargets(
    audio_visual=torch.tensor([1.0, 0.0, 1.0]).view(1, 3, 1),
    present=torch.tensor([[True, True, False]]),
    audio=torch.tensor([1.0, 0.9, 1.0]).view(1, 3, 1),
    visual=torch.tensor([1.0, 0.0, 1.0]).view(1, 3, 1),
)
BY_HAND = {
    "audio-dynamic": -(log(0.8 * 0.4) + log(1 - 0.6 * 0.2)) / 2,  # Eq. 6
    "visual-dynamic": -(log(0.9 * 0.5) + log(1 - 0.7 * 0.3)) / 2,  # Eq. 7
    "both-dynamic": -(log(0.8 * 0.5) + log(1 - 0.6 * 0.3)) / 2,
    "audio": -(log(0.8) + 0.9 * log(0.6) + 0.1 * log(0.4)) / 2,
    "visual": -(log(0.5) + log(0.7)) / 2,
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_by_hand(product):
    assert audio_visual_loss(LOGITS, TARGETS, product).item() == pytest.approx(BY_HAND[product])


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_soft_uni_modal_labels_by_hand(modality):
    assert uni_modal_loss(LOGITS, TARGETS, modality).item() == pytest.approx(BY_HAND[modality])


EAR = ("audio-dynamic", "visual-dynamic")


@pytest.mark.parametrize(
    ("products", "weights", "parts"),
    [
        (("both-dynamic",), (0, 0), {"both-dynamic": 1}),
        (("both-dynamic",), (0.05, 0.15), {"both-dynamic": 1, "audio": 0.05, "visual": 0.15}),
        (EAR, (0, 0), {"audio-dynamic": 1, "visual-dynamic": 1}),
        (EAR, (0.05, 0.15), {"audio-dynamic": 1, "visual-dynamic": 1, "audio": 0.05, "visual": 0.15}),
        (EAR[:1], (0.05, 0.15), {"audio-dynamic": 1, "audio": 0.05, "visual": 0.15}),
        (EAR[1:], (0.05, 0.15), {"visual-dynamic": 1, "audio": 0.05, "visual": 0.15}),
        (EAR, (0, 0.15), {"audio-dynamic": 1, "visual-dynamic": 1, "visual": 0.15}),
        (EAR, (0.05, 0), {"audio-dynamic": 1, "visual-dynamic": 1, "audio": 0.05}),
    ],
)
def test_eq_8_and_the_rows_that_leave_terms_out(products, weights, parts):
    terms = build_terms(products, *weights)
    assert {name: weight for name, (weight, _) in terms.items()} == parts
    by_hand = sum(weight * BY_HAND[name] for name, weight in parts.items())
    assert generation_loss(terms, LOGITS, TARGETS).item() == pytest.approx(by_hand)


def test_log_probabilities_of_a_product_where_probabilities_round():
    """At logits of 60 a product rounds to 1 in float32, at -120 it is 0: the logarithms must hold on to their digits."""
    first, second = torch.tensor([60.0, -120.0, 60.0, 0.0]), torch.tensor([60.0, 60.0, -120.0, 0.0])
    present, absent = product_log_probabilities(first, second)
    assert present.tolist() == pytest.approx([0, -120, -120, log(0.25)], abs=1e-6)
    assert absent.tolist() == pytest.approx([-60 + log(2), 0, 0, log(0.75)], abs=1e-5)


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("size", [-1e4, -90.0, 0.0, 90.0, 1e4])
def test_extreme_logits_give_finite_losses_and_gradients(size, label):
    dynamic = torch.full((1, 1, 2, 1), size, requires_grad=True)
    targets = GenerationTargets(torch.full((1, 1, 1), label), torch.ones(1, 1, dtype=torch.bool))
    loss = audio_visual_loss((dynamic, dynamic.detach()), targets, "both-dynamic")
    loss.backward()
    assert loss.isfinite() and dynamic.grad.isfinite().all() and dynamic.grad.abs().max() <= 1


def test_gradient_of_a_product_against_differences():
    first = torch.tensor([0.3, -2.0, 5.0], dtype=torch.float64, requires_grad=True)
    second = torch.tensor([-0.7, 1.5, 4.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: product_log_probabilities(a, b), (first, second))


def test_static_and_dynamic_both_get_gradients():
    dynamic, static = (branch.clone().requires_grad_() for branch in LOGITS)
    audio_visual_loss((dynamic, static), TARGETS, "audio-dynamic").backward()
    assert (dynamic.grad[:, :2, 0] != 0).all() and (dynamic.grad[:, :, 1] == 0).all()
    assert (static.grad[:, :2, 1] != 0).all() and (static.grad[:, :, 0] == 0).all()
    assert (dynamic.grad[:, 2] == 0).all() and (static.grad[:, 2] == 0).all()  # padding


def test_mean_over_present_segments():
    values = torch.tensor([[[1.0, 2.0], [9.0, 9.0]], [[3.0, 6.0], [float("nan"), 9.0]]])
    present = torch.tensor([[True, False], [True, False]])
    assert present_mean(values, present).item() == 3  # (1 + 2 + 3 + 6) / 4
    assert present_mean(values, torch.zeros(2, 2, dtype=torch.bool)).item() == 0


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"audio_visual labels have shape \(1, 3, 2\)"):
        audio_visual_loss(LOGITS, GenerationTargets(torch.ones(1, 3, 2), TARGETS.present), "both-dynamic")
    with pytest.raises(ValueError, match="migrated audio labels, and the targets have none"):
        uni_modal_loss(LOGITS, GenerationTargets(TARGETS.audio_visual, TARGETS.present), "audio")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("static",), 0, 0), "products must be different ones of audio-dynamic"),
        ((("both-dynamic", "both-dynamic"), 0, 0), "products must be different"),
        ((EAR, -0.1, 0), "lambda_audio must be a number of at least 0"),
        ((EAR, 0, float("nan")), "lambda_visual must be a number"),
        (((), 0, 0), "a loss without terms"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build_terms(*arguments)
