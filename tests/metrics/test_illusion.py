import numpy as np
import pytest
import torch

from avvp_lib.metrics import IllusionScorer, foreground_scores, illusion_rate
from tests.oracles.segmentation import illusion_at


def random_clips(seed: int, clips: int = 6, digits: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores that are rounded (so that there are ties), objects of many sizes, and who sounds when."""
    random = np.random.default_rng(seed)
    objects = random.integers(0, 4, (clips, 3, 5, 5)).astype(np.uint8)
    sounding = random.random((clips, 3, 3)) < 0.5
    return random.normal(size=objects.shape).round(digits).astype(np.float32), objects, sounding


def scene(*rows: str) -> np.ndarray:
    """One clip of one frame from rows such as "0112": (1, 1, H, W)."""
    return np.array([[int(digit) for digit in row] for row in rows])[None, None]


SILENT_TWIN = np.array([[[True, False]]])  # object 1 sounds, object 2 does not


# --- against the loop over objects and thresholds -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_loop_at_every_threshold(seed):
    scores, objects, sounding = random_clips(seed)
    smallest = np.nextafter(np.float32(0), np.float32(1))
    ours = illusion_rate(scores, objects, sounding)
    assert (ours["illusion"], ours["sounding recall"]) == pytest.approx(
        illusion_at(smallest, scores, objects, sounding)
    )
    trade_off = [illusion_at(t, scores, objects, sounding) for t in sorted(set(scores.ravel()), reverse=True)]
    recalls = [5, 20, 50, 55, 80, 99.9, 100]
    scorer = IllusionScorer()
    scorer.add(scores, objects, sounding)
    expected = [next(rate for rate, recall in trade_off if recall >= wanted) for wanted in recalls]
    assert scorer.curve(recalls) == pytest.approx(expected)
    steps = np.diff([0.0, *(recall for _, recall in trade_off)])
    assert ours["illusion area"] == pytest.approx(
        sum(s * rate for s, (rate, _) in zip(steps, trade_off, strict=True)) / 100
    )


# --- to count by hand ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("marked", "rate"), [("0000", 0), ("1000", 0), ("1100", 100), ("1110", 100)])
def test_half_of_its_pixels_make_an_object_segmented(marked, rate):
    scores = np.where(scene("1111", marked) == 1, 3.0, -3.0)
    found = illusion_rate(scores, scene("1111", "2222"), SILENT_TWIN)
    assert found["illusion"] == rate and found["sounding recall"] == 100


def test_an_object_is_counted_in_each_frame_that_shows_it_silent():
    objects = np.concatenate([scene("12"), scene("12"), scene("10"), scene("12")], axis=1)
    sounding = np.array([[[True, False], [True, True], [True, False], [False, False]]])
    scores = np.concatenate([scene("11"), scene("10"), scene("11"), scene("01")], axis=1) - 0.5
    found = illusion_rate(scores, objects, sounding)
    # silent and seen: 2 in frame 0 (segmented), both in frame 3 (the second is segmented)
    assert found["illusion"] == pytest.approx(200 / 3)
    assert found["sounding recall"] == pytest.approx(75)  # frame 0: 1 of 1, frame 1: 1 of 2, frame 2: 1 of 1


def test_background_is_nobody():
    objects, sounding = scene("10", "20"), SILENT_TWIN
    assert illusion_rate(scene("10", "01") - 0.5, objects, sounding)["illusion"] == 0


def test_a_model_that_segments_nothing_does_not_look_good():
    objects = scene("1111", "2222")
    for constant in (-5.0, 0.0):
        found = illusion_rate(np.full(objects.shape, constant), objects, SILENT_TWIN)
        assert found["illusion"] == found["sounding recall"] == 0
        assert found["illusion at 50"] == found["illusion at 80"] == found["illusion area"] == 100
    # one that knows, but is too careful at its own threshold, is seen to know
    careful = np.where(objects == 1, -2.0, -4.0)
    assert illusion_rate(careful, objects, SILENT_TWIN) == {
        "illusion": 0,
        "sounding recall": 0,
        "illusion at 50": 0,
        "illusion at 80": 0,
        "illusion area": 0,
    }


def test_a_model_that_cannot_hear_has_half_the_area():
    random = np.random.default_rng(0)
    objects = np.broadcast_to(scene("1122", "1122"), (2000, 1, 2, 4))
    sounding = np.zeros((2000, 1, 2), bool)
    sounding[np.arange(2000), 0, random.integers(0, 2, 2000)] = True
    scores = random.normal(size=(2000, 1, 1, 1)) + np.zeros(objects.shape)  # every object of a clip alike
    assert illusion_rate(scores, objects, sounding)["illusion area"] == pytest.approx(50, abs=2)


def test_matched_recall_needs_no_more_pixels_than_asked_for():
    objects = scene("1111111111", "2000000000")
    scores = np.concatenate([np.arange(10, 0, -1.0), [5.5], np.zeros(9)]).reshape(objects.shape)
    found = illusion_rate(scores, objects, SILENT_TWIN, recalls=[50, 60, 12.5])
    assert (found["illusion at 50"], found["illusion at 60"], found["illusion at 12.5"]) == (0, 100, 0)


def test_shares_of_nothing_are_nan():
    one = scene("11")
    found = illusion_rate(one - 0.5, one, np.array([[[True]]]))
    assert found["sounding recall"] == 100 and np.isnan([found["illusion"], found["illusion at 50"]]).all()
    found = illusion_rate(one - 0.5, one, np.array([[[False]]]))
    assert found["illusion"] == 100
    assert np.isnan([found["sounding recall"], found["illusion at 50"], found["illusion area"]]).all()


# --- in parts -----------------------------------------------------------------------------------------------------------


def test_how_clips_are_parted_changes_nothing():
    scores, objects, sounding = random_clips(9)
    scorer = IllusionScorer()
    for part in (slice(0, 1), slice(1, 5), slice(5, 6)):
        scorer.add(torch.from_numpy(scores[part]), torch.from_numpy(objects[part]), torch.from_numpy(sounding[part]))
    assert scorer.scores() == illusion_rate(scores, objects, sounding)


def test_each_clip_by_itself():
    scores, objects, sounding = random_clips(10)
    sounding[2] = True
    scorer = IllusionScorer()
    scorer.add(scores[:4], objects[:4], sounding[:4])
    scorer.add(scores[4:], objects[4:], sounding[4:])
    each = scorer.per_clip()
    for n in range(6):
        alone = illusion_rate(scores[n : n + 1], objects[n : n + 1], sounding[n : n + 1])
        assert {name: values[n] for name, values in each.items()} == pytest.approx(
            {name: alone[name] for name in each}, nan_ok=True
        )
    assert np.isnan(each["illusion"][2])


def test_foreground_is_where_background_is_not_the_best_class():
    logits = torch.randn(2, 3, 5, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(foreground_scores(logits) > 0, logits.argmax(2) != 0)
    assert torch.equal(foreground_scores(logits[:, :, :1]), logits[:, :, 0])


def test_bad_input_is_named():
    scores, objects, sounding = random_clips(0)
    nan = scores.copy()
    nan[4, 0, 0, 0] = np.nan
    for arguments, message in (
        ((scores[0], objects[0], sounding[0]), r"scores must be floats \(clips, frames, height, width\)"),
        ((scores > 0, objects, sounding), "scores must be floats"),
        ((scores, objects[:, :, :2], sounding), r"objects must be integers of the scores' shape \(6, 3, 5, 5\)"),
        ((scores, objects, sounding[:, :2]), r"sounding must be bool \(6, 3, objects\)"),
        ((scores, objects, sounding.astype(int)), "sounding must be bool"),
        ((scores, objects, sounding[:, :, :2]), "outside 0 to 2, first in clip 0"),
        ((nan, objects, sounding), "scores hold a NaN, first in clip 4"),
    ):
        with pytest.raises(ValueError, match=message):
            illusion_rate(*arguments)
    for recall in (0, 101):
        with pytest.raises(ValueError, match="above 0 and at most 100"):
            illusion_rate(scores, objects, sounding, recalls=[recall])
    with pytest.raises(ValueError, match="no clip to score"):
        IllusionScorer().scores()
