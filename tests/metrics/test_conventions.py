import numpy as np
import pytest
import torch

from avvp_lib.metrics import parsing_scores, segmentation_scores
from avvp_lib.metrics.conventions import (
    MaskConvention,
    ParsingConvention,
    convention_scores,
    mask_convention_scores,
)
from tests.oracles.parsing import loop_scores


def grid(*rows: str) -> np.ndarray:
    """One video from one string per category, such as "0110": (1, T, C) bool."""
    return np.array([[digit == "1" for digit in row] for row in rows]).T[None]


def random_grids(seed: int, videos: int, segments: int, categories: int, p: float) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.random((videos, segments, categories)) < p for _ in range(4)]


def audio_score(predicted: np.ndarray, true: np.ndarray, key: str = "segment/A", **rule) -> float:
    """A score of audio alone; nothing is seen and nothing is said to be seen."""
    nothing = np.zeros_like(true)
    return convention_scores(predicted, nothing, true, nothing, ParsingConvention(**rule))[key]


# --- the published rules ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("segments", [1, 10, 33])
def test_by_default_the_scores_are_the_published_ones(segments, p):
    grids = random_grids(segments, 30, segments, 5, p)
    ours, published = convention_scores(*grids), parsing_scores(*grids)
    assert list(ours) == list(published)
    assert ours == pytest.approx(published, abs=1e-9) and ours == pytest.approx(loop_scores(*grids), abs=1e-9)


def test_one_to_one_is_the_same_at_one_half_for_every_pair_of_rows():
    rows = (np.arange(128)[:, None] >> np.arange(7) & 1).astype(bool)
    predicted, true = np.repeat(rows, 128, axis=0)[..., None], np.tile(rows, (128, 1))[..., None]
    for iou, equal in ((0.5, True), (0.4, False)):  # 3 of 7 segments are more than 0.4
        scores = [audio_score(predicted, true, "event/A", iou=iou, matching=m) for m in ("any", "one to one")]
        assert (scores[0] == scores[1]) is equal


# --- by hand: nothing there and nothing said ----------------------------------------------------------------------------

TRUE = grid("1111000000", "0011111100", "0000000000", "0000000000")
PREDICTED = grid("1111000000", "0000011100", "0000000001", "0000000000")  # F = 1, 2/3, 0, and 0/0


@pytest.mark.parametrize(("absent", "expected"), [("skip", 5 / 9), ("right", 2 / 3), ("wrong", 5 / 12)])
def test_an_absent_category(absent, expected):
    assert audio_score(PREDICTED, TRUE, absent=absent) == pytest.approx(100 * expected)


@pytest.mark.parametrize(("silent", "expected"), [("right", (5 / 9 + 1) / 2), ("wrong", 5 / 18), ("left out", 5 / 9)])
def test_a_silent_video(silent, expected):
    nothing = np.zeros_like(TRUE)
    predicted, true = np.concatenate([PREDICTED, nothing]), np.concatenate([TRUE, nothing])
    assert audio_score(predicted, true, silent=silent) == pytest.approx(100 * expected)


def test_a_silent_video_has_no_category_to_skip_under_the_other_rules():
    nothing = np.zeros_like(TRUE)
    for silent in ("right", "wrong", "left out"):
        assert audio_score(nothing, nothing, absent="right", silent=silent) == 100
        assert audio_score(nothing, nothing, absent="wrong", silent=silent) == 0


def test_where_every_video_is_left_out_there_is_no_score():
    nothing = np.zeros_like(TRUE)
    scores = convention_scores(nothing, nothing, nothing, nothing, ParsingConvention(silent="left out"))
    assert np.isnan(list(scores.values())).all()


def test_averages_over_videos_categories_and_everything():
    true = np.concatenate([grid("1111", "0000"), grid("1000", "1111")])
    predicted = np.concatenate([grid("1111", "0000"), grid("0000", "1111")])
    assert audio_score(predicted, true) == pytest.approx(100 * (1 + 1 / 2) / 2)
    assert audio_score(predicted, true, average="categories") == pytest.approx(100 * (8 / 9 + 1) / 2)
    assert audio_score(predicted, true, average="everything") == pytest.approx(100 * 16 / 17)


def test_pooled_counts_know_absent_categories_and_silence_too():
    true = grid("1111", "0000")
    assert audio_score(true, true, average="categories", absent="wrong") == 50
    nothing = np.zeros_like(true)
    for silent, expected in (("right", 100), ("wrong", 0)):
        assert audio_score(nothing, nothing, average="everything", silent=silent) == expected


# --- by hand: events ----------------------------------------------------------------------------------------------------

TWO_RUNS, ONE_RUN = grid("1111011100"), grid("1111111100")  # IoU 4/8 and 3/8


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, 2 / 3),
        ({"iou": 0.7}, 0),
        ({"iou": 0.3}, 1),
        ({"iou": 0.3, "matching": "one to one"}, 2 / 3),
        ({"iou": 0.375}, 1),  # inclusive
        ({"iou": 0.376}, 2 / 3),
        ({"bridged": 1}, 1),
        ({"bridged": None}, 14 / 15),
        ({"bridged": None, "iou": 1.0}, 14 / 15),
    ],
)
def test_two_true_runs_and_one_predicted(rule, expected):
    assert audio_score(ONE_RUN, TWO_RUNS, "event/A", **rule) == pytest.approx(100 * expected)
    # with prediction and truth exchanged TP counts the predicted side, and F is the same here but for the shared partner
    if rule != {"iou": 0.3} and rule != {"iou": 0.375}:
        assert audio_score(TWO_RUNS, ONE_RUN, "event/A", **rule) == pytest.approx(100 * expected)


def test_the_best_overlap_is_served_first():
    # the second predicted run overlaps better; the first one then has no partner left
    true, predicted = grid("1111111111"), grid("1111011111")
    assert audio_score(predicted, true, "event/A", iou=0.4, matching="one to one") == pytest.approx(100 * 2 / 3)
    assert audio_score(predicted, true, "event/A", iou=0.4) == 100  # both predicted runs are right


def test_only_gaps_up_to_the_bound_are_closed():
    true, predicted = grid("1111111100"), grid("1100011100")
    assert [audio_score(predicted, true, "event/A", bridged=gap) for gap in (2, 3)] == [0, 100]
    assert audio_score(predicted, true, "segment/A", bridged=3) == pytest.approx(100 * 10 / 13)  # segments stay


def test_runs_of_other_rows_are_not_bridged():
    both = grid("0000000011", "1100000000")
    assert audio_score(both, both, "event/A", bridged=9) == 100


def test_a_threshold_is_no_victim_of_rounding():
    assert audio_score(grid("1110000000"), grid("1111111111"), "event/A", iou=0.3) == 100  # 0.3 x 10 is a little over 3


def test_without_merging_events_are_segments():
    grids = random_grids(3, 20, 10, 4, 0.4)
    scores = convention_scores(*grids, ParsingConvention(bridged=None))
    for name in ("A", "V", "AV", "Type", "Event"):
        assert scores[f"event/{name}"] == pytest.approx(scores[f"segment/{name}"])


# --- by hand: Type and Event --------------------------------------------------------------------------------------------

HEARD, SEEN, SEEN_FOUND = grid("1111000000"), grid("1111111100"), grid("1100000000")  # F: A 1, V 0.4, AV 2/3


@pytest.mark.parametrize(
    ("how", "of_type", "of_event"),
    [("means", (1 + 0.4 + 2 / 3) / 3, 0.7), ("pairs", (1 + 0.4 + 2 / 3) / 3, 0.7), ("counts", 16 / 24, 12 / 18)],
)
def test_summaries_of_one_category(how, of_type, of_event):
    rule = ParsingConvention(type_from=how, event_from=how)
    scores = convention_scores(HEARD, SEEN_FOUND, HEARD, SEEN, rule)
    assert scores["segment/Type"] == pytest.approx(100 * of_type)
    assert scores["segment/Event"] == pytest.approx(100 * of_event)


@pytest.mark.parametrize(("how", "expected"), [("means", (5 / 9 + 2) / 3), ("pairs", 5 / 9), ("counts", 5 / 9)])
def test_pairs_that_do_not_exist_earn_nothing(how, expected):
    assert audio_score(PREDICTED, TRUE, "segment/Type", type_from=how) == pytest.approx(100 * expected)


def test_the_average_is_that_of_all_ten():
    scores = convention_scores(*random_grids(1, 9, 10, 3, 0.3), ParsingConvention(absent="wrong", iou=0.3))
    ten = [value for name, value in scores.items() if name != "average"]
    assert len(ten) == 10 and scores["average"] == pytest.approx(np.mean(ten))


# --- by hand: masks -----------------------------------------------------------------------------------------------------


def random_frames(seed: int, frames: int, empty: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    masks = torch.rand(frames, 9, 9, generator=random) < 0.3
    masks[torch.randperm(frames, generator=random)[:empty]] = False
    return 2 * masks + torch.randn(frames, 9, 9, generator=random) - 1, masks


@pytest.mark.parametrize("frames_per_group", [1, 4, 10, 30])
def test_by_default_masks_score_as_published(frames_per_group):
    logits, masks = random_frames(frames_per_group, frames=23, empty=7)
    ours = mask_convention_scores(logits, masks, MaskConvention(frames_per_group))
    published = segmentation_scores(logits, masks, frames_per_group=frames_per_group)
    assert ours == pytest.approx({name: published[name] for name in ("M_J", "M_F")})
    assert mask_convention_scores(logits.numpy(), masks.numpy(), MaskConvention(frames_per_group)) == ours


def two_frames(false_alarms: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A frame that is found without an error, and an empty one of 16 pixels with so many false alarms of probability 0.9."""
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, 0] = True
    probability = torch.where(masks, 0.95, 0.02)
    probability[1].view(-1)[:false_alarms] = 0.9
    return torch.logit(probability), masks


@pytest.mark.parametrize(("rule", "expected"), [("share", (1 + 13 / 16) / 2), ("exact", 0.5), ("left out", 1)])
def test_overlap_of_an_empty_frame(rule, expected):
    scores = mask_convention_scores(*two_frames(3), MaskConvention(empty_jaccard=rule))
    assert scores["M_J"] == pytest.approx(100 * expected)
    assert mask_convention_scores(*two_frames(0), MaskConvention(empty_jaccard=rule))["M_J"] == pytest.approx(100)


def test_f_of_an_empty_frame_is_right_above_its_highest_probability():
    # from 0.9 to 0.95 a threshold finds the object and leaves the empty frame empty
    scored = MaskConvention(empty_f="exact")
    assert mask_convention_scores(*two_frames(3), scored)["M_F"] == pytest.approx(100)
    logits, masks = two_frames(3)
    logits[1].view(-1)[0] = torch.logit(torch.tensor(0.97))  # now it is one of the two
    assert mask_convention_scores(logits, masks, scored)["M_F"] == pytest.approx(50)
    assert mask_convention_scores(logits, masks)["M_F"] == pytest.approx(100)  # left out, as published


def test_a_group_of_empty_frames_is_zero_or_nothing():
    single = MaskConvention(frames_per_group=1)
    assert mask_convention_scores(*two_frames(0), single)["M_F"] == pytest.approx(50)
    left_out = MaskConvention(frames_per_group=1, empty_group="left out")
    assert mask_convention_scores(*two_frames(0), left_out)["M_F"] == pytest.approx(100)
    logits, masks = two_frames(0)
    assert np.isnan(mask_convention_scores(logits[1:], masks[1:], left_out)["M_F"])


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"absent": "maybe"}, "absent must be one of 'skip', 'right', 'wrong', not 'maybe'"),
        ({"silent": "skip"}, "silent must be one of 'right', 'wrong', 'left out'"),
        ({"average": "all"}, "average must be one of 'videos'"),
        ({"matching": "greedy"}, "matching must be one of 'any', 'one to one'"),
        ({"type_from": "mean"}, "type_from must be one of"),
        ({"event_from": "mean"}, "event_from must be one of"),
        ({"iou": 0}, "iou must lie above 0"),
        ({"iou": 1.1}, "at most 1, not 1.1"),
        ({"bridged": -1}, "bridged must be None or a number of segments, not -1"),
    ],
)
def test_a_rule_that_does_not_exist(rule, message):
    with pytest.raises(ValueError, match=message):
        ParsingConvention(**rule)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"empty_jaccard": "zero"}, "empty_jaccard must be one of 'share', 'exact', 'left out', not 'zero'"),
        ({"empty_f": "share"}, "empty_f must be one of"),
        ({"empty_group": "right"}, "empty_group must be one of"),
        ({"frames_per_group": 0}, "frames_per_group must be at least 1, not 0"),
    ],
)
def test_a_rule_of_masks_that_does_not_exist(rule, message):
    with pytest.raises(ValueError, match=message):
        MaskConvention(**rule)


def test_grids_that_do_not_fit_are_named():
    good = grid("0110")
    for arguments, message in (
        ((good.astype(float), good, good, good), "pred_audio must be bool"),
        ((good, good, good, good[:, :2]), r"true_visual must be bool .* \(1, 4, 1\).* not bool \(1, 2, 1\)"),
        ((good[0],) * 4, r"pred_audio must be bool \(videos, segments, categories\)"),
        ((good[:0],) * 4, "none of them 0"),
    ):
        with pytest.raises(ValueError, match=message):
            convention_scores(*arguments)


def test_masks_that_do_not_fit_are_named():
    logits, masks = two_frames(0)
    with pytest.raises(ValueError, match="resize one of them first"):
        mask_convention_scores(logits, masks[:, :2])
    with pytest.raises(ValueError, match="no frame"):
        mask_convention_scores(logits[:0], masks[:0])
