"""SelM's losses on numbers that can be worked out by hand."""

from math import exp, log

import pytest
import torch
from torch.nn import functional

from avvp_lib.losses.segmentation import (
    HIT_WEIGHTS,
    dice_loss,
    hit_map_loss,
    segmentation_loss,
    semantic_loss,
)
from avvp_lib.models.segmentation_output import SegmentationOutput


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_dice_by_hand():
    p, g = torch.tensor([[0.5, 1.0, 0.0, 0.0]]), torch.tensor([[1, 1, 0, 1]])
    # 2 (0.5 + 1) / ((0.25 + 1 + 0.001) + (3 + 0.001))
    assert dice_loss(p, g).item() == pytest.approx(1 - 3 / 4.252, abs=1e-6)
    both = dice_loss(torch.cat([p, p]), torch.cat([g, 1 - g]))  # averaged over samples, not over pixels
    assert both.item() == pytest.approx((1 - 3 / 4.252 + 1) / 2, abs=1e-6)


def test_dice_of_the_right_answer_is_almost_nothing():
    g = torch.zeros(1, 10, 10)
    g[:, :5] = 1
    assert dice_loss(g, g).item() == pytest.approx(1 - 100 / 100.002, abs=1e-6)


def test_dice_of_an_empty_mask_is_one_and_teaches_nothing():
    p = torch.rand(1, 8, requires_grad=True)
    loss = dice_loss(p, torch.zeros(1, 8))
    loss.backward()
    assert loss.item() == 1 and not p.grad.any()


def test_dice_names_shapes_that_differ():
    with pytest.raises(ValueError, match=r"probability has shape \(1, 4\), target \(1, 5\)"):
        dice_loss(torch.zeros(1, 4), torch.zeros(1, 5))


def hits_of(target: torch.Tensor) -> torch.Tensor:
    """A hit map (N, 2, h, w) that is right."""
    return torch.stack([1 - target, target], dim=1).float()


def test_hit_maps_are_weighted_from_coarse_to_fine():
    """One wrong map at a time costs its weight, but for the two thousandths."""
    target = torch.zeros(1, 8, 8)
    target[:, :4] = 1
    right = [hits_of(functional.interpolate(target[None], (side, side))[0]) for side in (2, 4, 8)]
    assert hit_map_loss(right, target).item() == pytest.approx(0.111 * (1 - 64 / 64.002), abs=1e-6)
    for level, weight in enumerate(HIT_WEIGHTS):
        wrong = [hits.flip(1) if number == level else hits for number, hits in enumerate(right)]
        assert hit_map_loss(wrong, target).item() == pytest.approx(weight, abs=1e-4)


def test_the_released_sigmoid_charges_a_perfect_hit_map():
    """A fifth of the picture is foreground: p is 0.731 there and 0.5 elsewhere, and Dice is 0.42 (spec of the code)."""
    target = torch.zeros(1, 10, 10)
    target[:, :2] = 1
    p, q = sigmoid(1), 0.5
    dice = 1 - 2 * 20 * p / (20 * p**2 + 80 * q**2 + 20 + 0.002)
    assert dice == pytest.approx(0.42, abs=0.01)
    loss = hit_map_loss([hits_of(target)] * 3, target, "sigmoid")
    assert loss.item() == pytest.approx(0.111 * dice, abs=1e-6)


def test_hit_maps_are_enlarged_by_nearest_neighbours():
    """A 2 x 2 map over 4 x 4 pixels: each position becomes four pixels, nothing in between."""
    hits = torch.tensor([[[[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]]])
    target = torch.zeros(1, 4, 4, dtype=torch.bool)
    target[0, :2, :2] = True
    assert hit_map_loss([hits], target, weights=[1.0]).item() == pytest.approx(1 - 8 / 8.002, abs=1e-6)


def output_of(logits: torch.Tensor) -> SegmentationOutput:
    """Logits (B, T, K, H, W) with hit maps that are one half everywhere."""
    hits = [torch.full((*logits.shape[:2], 2, side, side), 0.5) for side in (1, 2, 4)]
    return SegmentationOutput(logits, [], hits)


def clip() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (1, 2, 1, 4, 4) and masks whose upper half sounds."""
    torch.manual_seed(0)
    masks = torch.zeros(1, 2, 4, 4, dtype=torch.uint8)
    masks[:, :, :2] = 1
    return torch.randn(1, 2, 1, 4, 4), masks


def test_the_sum_of_equation_6_by_hand():
    """Logits of 0: Dice of one half, log 2, and hit maps of one half."""
    masks = clip()[1]
    dice = 1 - 2 * 8 * 0.5 / (16 * 0.25 + 8 + 0.002)
    output, labelled = output_of(torch.zeros(1, 2, 1, 4, 4)), torch.ones(1, 2, dtype=torch.bool)
    loss = segmentation_loss(output, masks, labelled)
    assert loss.item() == pytest.approx(dice + log(2) + 0.111 * dice, abs=1e-6)
    for terms, expected in ((("bce",), log(2)), (("bce", "dice"), dice + log(2)), (("aux",), 0.111 * dice)):
        assert segmentation_loss(output, masks, labelled, terms=terms).item() == pytest.approx(expected, abs=1e-6)
    twice = sigmoid(0.5)
    double = 0.111 * (1 - 2 * 8 * twice / (16 * twice**2 + 8 + 0.002))
    loss = segmentation_loss(output, masks, labelled, terms=("aux",), hit_activation="sigmoid")
    assert loss.item() == pytest.approx(double, abs=1e-6)


def test_against_pytorch_and_a_loop():
    logits, masks = clip()
    labelled = torch.ones(1, 2, dtype=torch.bool)
    loss = segmentation_loss(output_of(logits), masks, labelled, terms=("dice", "bce"))
    expected = 0.0
    for frame in range(2):
        p, g = logits[0, frame, 0].sigmoid(), masks[0, frame].float()
        expected += (1 - 2 * (p * g).sum() / ((p**2).sum() + (g**2).sum() + 0.002)) / 2
        expected += functional.binary_cross_entropy(p, g) / 2
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("terms", [("dice",), ("bce",), ("aux",)])
def test_only_labelled_frames_count(terms):
    logits, masks = clip()
    labelled = torch.tensor([[True, False]])
    logits.requires_grad_()
    output = output_of(logits)
    output.hit_maps = [hits.requires_grad_() for hits in output.hit_maps]
    loss = segmentation_loss(output, masks, labelled, terms=terms)
    first = segmentation_loss(
        SegmentationOutput(logits[:, :1], [], [hits[:, :1] for hits in output.hit_maps]),
        masks[:, :1],
        labelled[:, :1],
        terms=terms,
    )
    torch.testing.assert_close(loss, first)
    loss.backward()
    for x in (logits, *output.hit_maps):
        assert x.grad is None or not x.grad[:, 1].any()
    masks[:, 1] = 1 - masks[:, 1]
    assert torch.equal(segmentation_loss(output, masks, labelled, terms=terms), loss)


def test_any_class_sounds_in_a_binary_mask():
    logits, masks = clip()
    labelled = torch.ones(1, 2, dtype=torch.bool)
    assert torch.equal(
        segmentation_loss(output_of(logits), masks, labelled), segmentation_loss(output_of(logits), 7 * masks, labelled)
    )


def test_semantic_loss_by_hand():
    """Three classes, logits (0, 0, log 2): the third has probability 1/2, the others 1/4."""
    logits = torch.zeros(1, 2, 3, 2, 2)
    logits[:, :, 2] = log(2)
    masks = torch.tensor([[[[0, 1], [2, 2]], [[0, 0], [0, 0]]]], dtype=torch.uint8)
    output = output_of(logits)
    only_first = torch.tensor([[True, False]])
    loss = semantic_loss(output, masks, only_first, terms=("cross_entropy",))
    assert loss.item() == pytest.approx((2 * log(4) + 2 * log(2)) / 4, abs=1e-6)
    both = semantic_loss(output, masks, torch.ones(1, 2, dtype=torch.bool), terms=("cross_entropy",))
    assert both.item() == pytest.approx(((2 * log(4) + 2 * log(2)) / 4 + log(4)) / 2, abs=1e-6)
    hits = [torch.full((1, 2, 2, 2, 2), 0.5)] * 3
    aux = semantic_loss(SegmentationOutput(logits, [], hits), masks, only_first) - loss
    assert aux.item() == pytest.approx(0.111 * (1 - 2 * 3 * 0.5 / (4 * 0.25 + 3 + 0.002)), abs=1e-6)


def test_half_precision_does_not_overflow():
    logits = torch.full((1, 1, 1, 512, 512), 5.0, dtype=torch.float16)
    output = SegmentationOutput(logits, [], [torch.full((1, 1, 2, 8, 8), 0.5, dtype=torch.float16)] * 3)
    loss = segmentation_loss(output, torch.ones(1, 1, 512, 512), torch.ones(1, 1, dtype=torch.bool))
    assert loss.dtype == torch.float32 and loss.isfinite()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": torch.zeros(1, 2, 8, 8)}, r"masks have shape \(1, 2, 8, 8\), the logits need \(1, 2, 4, 4\)"),
        ({"labelled": torch.ones(1, 3, dtype=torch.bool)}, r"labelled is torch.bool of shape \(1, 3\)"),
        ({"labelled": torch.ones(1, 2)}, "labelled is torch.float32"),
        ({"labelled": torch.zeros(1, 2, dtype=torch.bool)}, "labelled marks no frame"),
        ({"terms": ("dice", "iou")}, r"terms \['dice', 'iou'\] must be some of dice, bce, aux"),
        ({"terms": ()}, r"terms \[\] must be some of"),
        ({"hit_activation": "softmax"}, "hit_activation 'softmax' is unknown; known: none, sigmoid"),
        ({"output": output_of(torch.zeros(1, 2, 3, 4, 4))}, "logits have 3 channels"),
        ({"output": output_of(torch.zeros(1, 3, 1, 4, 4))}, "masks have shape"),
        ({"output": SegmentationOutput(torch.zeros(1, 2, 1, 4, 4), [], [])}, "0 hit maps for 3 weights"),
        ({"output": SegmentationOutput(torch.zeros(2, 1, 4, 4), [], [])}, r"logits have shape \(2, 1, 4, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    logits, masks = clip()
    arguments = {"output": output_of(logits), "masks": masks, "labelled": torch.ones(1, 2, dtype=torch.bool)} | change
    with pytest.raises(ValueError, match=message):
        segmentation_loss(**arguments)


def test_a_class_that_the_model_has_not():
    masks = torch.full((1, 2, 4, 4), 5, dtype=torch.uint8)
    with pytest.raises(ValueError, match="masks hold class 5, the model knows 0 to 2"):
        semantic_loss(output_of(torch.zeros(1, 2, 3, 4, 4)), masks, torch.ones(1, 2, dtype=torch.bool))
