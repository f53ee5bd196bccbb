import numpy as np
import pytest
import torch

from avvp_lib.metrics import SegmentationScorer, SemanticScorer, segmentation_scores, semantic_scores
from avvp_lib.metrics.segmentation import THRESHOLDS, _counts
from tests.oracles.segmentation import loop_scores, loop_semantic_scores

KEYS = ["M_J", "M_F", "M_J/frames", "M_F/dataset", "M_F/frame", "M_F/half"]


def random_frames(seed: int, frames: int = 20, empty: int = 3, side: int = 17) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that know a little of random masks, differently from frame to frame; some masks are empty."""
    random = torch.Generator().manual_seed(seed)
    masks = torch.rand(frames, side, side, generator=random) < torch.rand(frames, 1, 1, generator=random)
    masks[torch.randperm(frames, generator=random)[:empty]] = False
    offset = 2 * torch.randn(frames, 1, 1, generator=random)
    return 1.5 * masks + offset + torch.randn(masks.shape, generator=random), masks


def frame(*rows: str) -> torch.Tensor:
    """One frame from rows such as "0110": (1, H, W) bool."""
    return torch.tensor([[digit == "1" for digit in row] for row in rows])[None]


def logits_of(mask: torch.Tensor) -> torch.Tensor:
    return torch.where(mask, 9.0, -9.0)


# --- binary, against the loop ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames_per_group", [1, 3, 5, 10, 20, 50])
def test_equals_the_published_loop(frames_per_group):
    logits, masks = random_frames(frames_per_group)
    ours = segmentation_scores(logits, masks, frames_per_group=frames_per_group)
    assert list(ours) == KEYS
    loop = loop_scores(logits, masks, frames_per_group)
    assert {name: ours[name] for name in loop} == pytest.approx(loop, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e3])
def test_equals_the_loop_on_flat_and_on_saturated_probabilities(scale):
    logits, masks = random_frames(7, frames=4, empty=0)
    ours, loop = segmentation_scores(scale * logits, masks, frames_per_group=2), loop_scores(scale * logits, masks, 2)
    assert {name: ours[name] for name in loop} == pytest.approx(loop, rel=1e-6)


def test_thresholds_are_counted_bit_for_bit():
    # The first guess of a pixel's threshold grows with its probability, so if it is right on both sides of each
    # threshold it is right everywhere.
    below, above = (torch.nextafter(THRESHOLDS, torch.tensor(end)) for end in (-1.0, 2.0))
    edge = torch.cat([THRESHOLDS, below, above, torch.rand(1000, generator=torch.Generator().manual_seed(0))])
    edge = edge[(edge >= 0) & (edge <= 1)]
    for mask in (torch.ones(len(edge), dtype=torch.bool), torch.arange(len(edge)) % 3 == 0):
        hits, predicted = _counts(edge, mask)
        reached = edge[:, None] >= THRESHOLDS
        assert np.array_equal(predicted, reached.sum(0)) and np.array_equal(hits, reached[mask].sum(0))


def test_the_last_thresholds_are_those_of_float32():
    assert len(THRESHOLDS) == 255 and THRESHOLDS.dtype == torch.float32
    assert THRESHOLDS[0] == 0 and THRESHOLDS[-1] == 1.0 and THRESHOLDS[-2].item() == pytest.approx(0.99606, abs=1e-5)


@pytest.mark.parametrize("convert", [lambda m: m.numpy(), lambda m: m.to(torch.uint8), lambda m: m.long()])
def test_any_two_valued_masks_will_do_and_arrays(convert):
    logits, masks = random_frames(1)
    plain = segmentation_scores(logits, masks, frames_per_group=10)
    assert segmentation_scores(logits.numpy(), convert(masks), frames_per_group=10) == plain
    assert segmentation_scores(logits.double(), convert(masks), frames_per_group=10) == plain
    shown = logits.numpy()
    shown.flags.writeable = False  # as memory-mapped arrays are
    assert segmentation_scores(shown, convert(masks), frames_per_group=10) == plain


# --- binary, to count by hand ------------------------------------------------------------------------------------------


def test_one_frame_by_hand():
    # 2 of 3 predicted pixels are right, 4 are true: IoU 2 / 5; F = 1.3 * 2 / (0.3 * 4 + 3)
    mask, predicted = frame("1111", "0000"), frame("0011", "0001")
    scores = segmentation_scores(logits_of(predicted), mask, frames_per_group=1)
    assert scores["M_J"] == scores["M_J/frames"] == pytest.approx(40)
    # the threshold 0 marks all 8 pixels: 1.3 * 4 / (0.3 * 4 + 8) is less
    assert scores["M_F"] == scores["M_F/half"] == pytest.approx(100 * 2.6 / 4.2)


def test_the_threshold_zero_marks_every_pixel():
    mask = frame("1000", "0000")
    scores = segmentation_scores(logits_of(frame("0000", "0001")), mask, frames_per_group=1)
    assert scores["M_F"] == pytest.approx(100 * 1.3 / 8.3) and scores["M_F/half"] == scores["M_J"] == 0


def test_a_logit_of_zero_is_background_and_yet_reaches_the_threshold_of_one_half():
    mask = frame("11", "00")
    scores = segmentation_scores(torch.where(mask, 0.0, -9.0), mask, frames_per_group=1)
    assert scores["M_J"] == scores["M_F/half"] == 0 and scores["M_F"] == pytest.approx(100)


def test_an_empty_frame_scores_what_is_left_empty():
    empty = frame("0000", "0000")
    for predicted, expected in ((empty, 100), (~empty, 0), (frame("1100", "0000"), 75)):
        scores = segmentation_scores(logits_of(predicted), empty, frames_per_group=1)
        assert scores["M_J"] == pytest.approx(expected)
        assert scores["M_F"] == 0
        assert np.isnan([scores["M_F/dataset"], scores["M_F/frame"], scores["M_F/half"]]).all()


def test_a_group_of_empty_frames_counts_as_zero_for_f_published_and_not_at_all_beside():
    mask = torch.cat([frame("1100"), frame("0000"), frame("0000"), frame("0000")])
    apart = segmentation_scores(logits_of(mask), mask, frames_per_group=2)
    assert apart["M_F"] == pytest.approx(50) and apart["M_J"] == pytest.approx(100)
    assert apart["M_F/dataset"] == apart["M_F/frame"] == apart["M_F/half"] == pytest.approx(100)
    assert segmentation_scores(logits_of(mask), mask, frames_per_group=4)["M_F"] == pytest.approx(100)


def test_published_f_depends_on_the_group_and_the_others_do_not():
    logits, masks = random_frames(3, frames=40, empty=0)
    groups = [segmentation_scores(logits, masks, frames_per_group=size) for size in (1, 5, 10, 20, 40)]
    published = [scores["M_F"] for scores in groups]
    assert published == sorted(published, reverse=True) and published[1] > published[2] > published[3]
    assert published[0] == pytest.approx(groups[0]["M_F/frame"])
    assert published[-1] == pytest.approx(groups[0]["M_F/dataset"])
    for key in ("M_J", *KEYS[2:]):
        assert [scores[key] for scores in groups] == pytest.approx([groups[0][key]] * 5), key


def test_a_last_group_that_is_not_full_weighs_as_much_as_a_full_one():
    mask = frame("1100").repeat(3, 1, 1)
    predicted = torch.cat([mask[:2], ~mask[2:]])
    scores = segmentation_scores(logits_of(predicted), mask, frames_per_group=2)
    assert scores["M_J"] == pytest.approx(50) and scores["M_J/frames"] == pytest.approx(200 / 3)


# --- binary, in parts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [(5, 5, 5, 5), (1, 6, 13), (19, 1)])
def test_how_frames_are_parted_changes_nothing(parts):
    logits, masks = random_frames(4)
    scorer = SegmentationScorer(frames_per_group=5)
    for some_logits, some_masks in zip(logits.split(parts), masks.split(parts), strict=True):
        scorer.add(some_logits, some_masks)
    assert scorer.scores() == segmentation_scores(logits, masks, frames_per_group=5)
    assert scorer.f_curve().max() == scorer.scores()["M_F/dataset"]


def test_scores_may_be_asked_for_on_the_way():
    logits, masks = random_frames(5, frames=7)
    scorer = SegmentationScorer(frames_per_group=2)
    for i in range(7):
        scorer.add(logits[i : i + 1], masks[i : i + 1])
        expected = segmentation_scores(logits[: i + 1], masks[: i + 1], frames_per_group=2)
        assert scorer.scores() == pytest.approx(expected, nan_ok=True)


def test_per_frame_scores_average_to_the_scores():
    logits, masks = random_frames(6)
    scorer = SegmentationScorer(frames_per_group=10)
    scorer.add(logits, masks)
    each, scores = scorer.per_frame(), scorer.scores()
    assert np.array_equal(np.isnan(each["M_F/frame"]), ~masks.flatten(1).any(1).numpy())
    assert each["M_J"].mean() == pytest.approx(scores["M_J/frames"])
    for key in ("M_F/frame", "M_F/half"):
        assert np.nanmean(each[key]) == pytest.approx(scores[key])
    one = segmentation_scores(logits[3:4], masks[3:4], frames_per_group=1)
    assert each["M_J"][3] == pytest.approx(one["M_J"])


def test_bad_input_is_named():
    logits, masks = random_frames(0, frames=2, empty=0)
    nan = logits.clone()
    nan[1, 0, 0] = torch.nan
    for arguments, message in (
        ((logits[0], masks[0]), r"logits must be floats \(frames, height, width\)"),
        ((logits[:0], masks[:0]), "logits must be floats"),
        ((logits.long(), masks), r"not torch.int64 \(2, 17, 17\)"),
        ((logits, masks[:, :3]), r"\(2, 3, 17\) and logits \(2, 17, 17\)"),
        ((logits, masks.float()), "not torch.float32"),
        ((logits, 255 * masks.to(torch.uint8)), "integers 0 and 1"),
        ((nan, masks), "NaN, first in frame 1 of 2"),
    ):
        with pytest.raises(ValueError, match=message):
            segmentation_scores(*arguments, frames_per_group=1)
    for size in (0, 2.5):
        with pytest.raises(ValueError, match="frames_per_group must be an integer"):
            segmentation_scores(logits, masks, frames_per_group=size)
    for scorer in (SegmentationScorer(1), SemanticScorer(2)):
        with pytest.raises(ValueError, match="no frame to score"):
            scorer.scores()


# --- semantic -----------------------------------------------------------------------------------------------------------


def random_classes(seed: int, classes: int, frames: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, (frames, 6, 6), generator=random)
    wrong = torch.rand(target.shape, generator=random) < 0.4
    return torch.where(wrong, torch.randint(0, classes, target.shape, generator=random), target), target


@pytest.mark.parametrize("classes", [2, 5, 71])
def test_semantic_scores_equal_the_published_loop(classes):
    predicted, target = random_classes(classes, classes)
    ours = semantic_scores(predicted, target, classes=classes)
    loop = loop_semantic_scores(predicted, target, classes)
    assert {name: ours[name] for name in loop} == pytest.approx(loop)
    assert semantic_scores(predicted.numpy().astype(np.uint8), target.numpy(), classes=classes) == ours


def class_map(*rows: str) -> torch.Tensor:
    return torch.tensor([[int(digit) for digit in row] for row in rows])[None]


def test_two_classes_by_hand():
    # class 0: 5 of 6 predicted and 5 true -> IoU 5/6; class 1: 2 of 2, 3 true -> 2/3; class 2: never
    scores = semantic_scores(class_map("0000", "0110"), class_map("0000", "0111"), classes=3)
    assert scores["M_J"] == pytest.approx(100 * (5 / 6 + 2 / 3) / 3)
    assert scores["M_F"] == pytest.approx(100 * (6.5 / (0.3 * 5 + 6) + 2.6 / (0.3 * 3 + 2)) / 3)
    assert scores["M_J/printed noBg"] == pytest.approx(100 * (5 / 6 + 2 / 3) / 2)  # it has lost class 2
    assert scores["M_J/foreground"] == pytest.approx(100 * (2 / 3) / 2)
    assert scores["M_J/labelled"] == pytest.approx(100 * (5 / 6 + 2 / 3) / 2)
    assert scores["M_J/labelled foreground"] == pytest.approx(100 * 2 / 3)
    assert scores["mIoU"] == pytest.approx(100 * (5 / 6 + 2 / 3) / 2)


def test_a_class_that_is_only_predicted_takes_a_zero_into_its_average():
    target = torch.cat([class_map("0011"), class_map("0000")])
    right = semantic_scores(target, target, classes=2)
    once_more = torch.cat([class_map("0011"), class_map("0001")])
    assert right["M_J"] == pytest.approx(100)
    assert semantic_scores(once_more, target, classes=2)["M_J/foreground"] == pytest.approx(50)  # of 1 and 0


def test_pooled_pixels_are_not_the_mean_of_frames():
    target = torch.cat([class_map("1110"), class_map("1000")])
    predicted = torch.cat([class_map("1110"), class_map("0000")])
    scores = semantic_scores(predicted, target, classes=2)
    assert scores["M_J/foreground"] == pytest.approx(50) and scores["mIoU"] == pytest.approx(100 * (3 / 4 + 4 / 5) / 2)


def test_padding_adds_perfect_background_and_nothing_else():
    # five frames of 1000 pixels with background IoU 0.968, then five padded ones
    target = torch.zeros(10, 1, 1000, dtype=torch.long)
    predicted = target.clone()
    target[:5, :, :32] = 1
    predicted[:5, :, :0] = 1
    present = torch.arange(10) < 5
    alone = semantic_scores(predicted[:5], target[:5], classes=2)
    padded = semantic_scores(predicted, target, classes=2, labelled=present, present=present)
    assert 2 * alone["M_J"] - alone["M_J/foreground"] == pytest.approx(96.8)  # background
    assert 2 * padded["M_J"] - padded["M_J/foreground"] == pytest.approx(98.4)
    assert padded["M_J/foreground"] == alone["M_J/foreground"]
    assert padded["M_J/labelled"] == alone["M_J"]
    predicted[5:] = 1  # what a model says of padding is not asked
    assert semantic_scores(predicted, target, classes=2, labelled=present, present=present) == padded


def test_frames_without_a_label_count_in_the_published_number_alone():
    target = torch.cat([class_map("0011"), class_map("0000")])
    predicted = torch.cat([class_map("0011"), class_map("0011")])  # right, but nobody has labelled the second
    scores = semantic_scores(predicted, target, classes=2, labelled=np.array([True, False]))
    assert scores["M_J/foreground"] == pytest.approx(50) and scores["M_J/labelled foreground"] == pytest.approx(100)
    assert scores["mIoU"] == pytest.approx(100)


def test_classes_that_nothing_labels_leave_no_average():
    scores = semantic_scores(class_map("0000"), class_map("0000"), classes=3)
    assert scores["M_J"] == pytest.approx(100 / 3) and scores["M_J/labelled"] == pytest.approx(100)
    assert np.isnan(scores["M_J/labelled foreground"])
    scores = semantic_scores(class_map("0000"), class_map("0000"), classes=3, labelled=np.array([False]))
    assert np.isnan(scores["mIoU"])


def test_semantic_frames_may_come_in_parts():
    predicted, target = random_classes(1, 5)
    labelled, present = torch.arange(8) < 5, torch.arange(8) < 7
    scorer = SemanticScorer(5)
    for part in (slice(0, 1), slice(1, 6), slice(6, 8)):
        scorer.add(predicted[part], target[part], labelled=labelled[part], present=present[part])
    assert scorer.scores() == semantic_scores(predicted, target, classes=5, labelled=labelled, present=present)


def test_bad_classes_are_named():
    good = class_map("0011")
    for arguments, message in (
        ((good, class_map("0021")), "target holds class 2"),
        ((good - 1, good), "predicted holds class -1"),
        ((good.float(), good), "predicted must be integers"),
        ((good, good > 0), "target must be integers"),
        ((good[:, :, :2], good), r"\(1, 1, 2\) and target \(1, 1, 4\)"),
    ):
        with pytest.raises(ValueError, match=message):
            semantic_scores(*arguments, classes=2)
    with pytest.raises(ValueError, match=r"labelled must be bool of shape \(1,\)"):
        semantic_scores(good, good, classes=2, labelled=np.ones(2, bool))
    with pytest.raises(ValueError, match="classes must be at least 2"):
        SemanticScorer(1)
