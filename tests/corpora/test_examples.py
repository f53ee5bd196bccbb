from dataclasses import replace

import numpy as np
import pytest

from avvp_lib.corpora.corpus import CorpusSplit
from avvp_lib.corpora.examples import at_quantiles, extremes, first_example

FITTING = (("1111", "...."), ("11..", ".11."))  # one category only heard, one heard and seen in other segments


def split(*videos: tuple[tuple[str, str], ...], lengths: list[int] | None = None) -> CorpusSplit:
    """Videos as written: per category what is heard and what is seen, a character a segment, "1" where it is true."""
    grids = np.array([[[list(row) for row in pair] for pair in video] for video in videos]) == "1"  # (N, C, 2, T)
    audio, visual = np.moveaxis(grids, (2, 3), (0, 2))
    return CorpusSplit(
        name="test",
        videos=tuple(f"video{i}_0_4" for i in range(len(videos))),
        keys=tuple(f"video{i}" for i in range(len(videos))),
        video_labels=grids.any((2, 3)),
        audio=audio.copy(),
        visual=visual.copy(),
        lengths=None if lengths is None else np.array(lengths),
    )


def test_the_first_of_two_videos_that_fit_is_taken():
    one_category = (("1111", "...."), ("....", "...."))
    assert first_example(split(one_category, FITTING, FITTING)) == 1


@pytest.mark.parametrize(
    "video",
    [
        pytest.param((("1111", "1..."), ("11..", ".11.")), id="everything that is heard is seen"),
        pytest.param((("....", "1111"), ("11..", ".11.")), id="seen but not heard is not off-screen"),
        pytest.param((("1111", "...."), ("11..", "11..")), id="heard and seen in the same segments"),
        pytest.param((("1111", "...."), ("1111", ".11.")), id="heard throughout"),
        pytest.param((("1111", "...."), ("11..", "1111")), id="seen throughout"),
        pytest.param((("1111", "...."), ("11..", "....")), id="nothing is both heard and seen"),
    ],
)
def test_a_video_that_breaks_one_condition_is_passed_over(video):
    assert first_example(split(video, FITTING)) == 1


def test_a_category_without_video_label_does_not_count():
    relabelled = split(FITTING, FITTING)
    relabelled.video_labels[0, 0] = False
    assert first_example(relabelled) == 1


def test_padding_is_no_pause():
    throughout = (("11..", "...."), ("11..", ".1.."))  # of a video of two segments
    assert first_example(split(throughout, FITTING)) == 0
    assert first_example(split(throughout, FITTING, lengths=[2, 4])) == 1


def test_without_a_fit_the_first_video_with_most_categories_is_taken():
    absent, present = ("....", "...."), ("1...", "1...")
    nothing, one, two = (absent, absent), (present, absent), (present, present)
    assert first_example(split(nothing, one, two, two)) == 2
    assert first_example(split(nothing, nothing)) == 0


def test_a_split_with_nothing_to_choose_by_is_refused():
    with pytest.raises(ValueError, match="'test' has no dense labels"):
        first_example(replace(split(FITTING), audio=None, visual=None))
    with pytest.raises(ValueError, match="'test' has no videos"):
        first_example(split(FITTING).subset([]))


def test_quantiles_are_rows_in_the_order_of_the_scores():
    scores = np.array([30.0, 10.0, 50.0, 20.0, 40.0])
    assert at_quantiles(scores, (0, 0.25, 0.5, 1)) == [1, 3, 0, 2]
    assert at_quantiles(np.zeros(4), (0, 1)) == [0, 3]
    assert at_quantiles(np.array([7.0]), (0, 0.5, 1)) == [0, 0, 0]


def test_quantiles_that_cannot_be():
    with pytest.raises(ValueError, match="no scores"):
        at_quantiles(np.array([]), (0.5,))
    with pytest.raises(ValueError, match=r"not 1\.5"):
        at_quantiles(np.zeros(3), (0.5, 1.5))


def test_extremes_are_the_lowest_and_the_highest_and_of_equals_the_first():
    assert extremes(np.array([1.0, -3.0, 5.0, 5.0, -3.0])) == (1, 2)
    assert extremes(np.zeros(3)) == (0, 0)
    with pytest.raises(ValueError, match="no scores"):
        extremes(np.array([]))
    with pytest.raises(ValueError, match="row 1 is a NaN"):
        extremes(np.array([0.0, np.nan]))
