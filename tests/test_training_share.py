"""Which videos a share of the training set is."""

from itertools import pairwise

import numpy as np
import pytest

from avvp_lib.training_share import drawn_videos

SHARES = (0.125, 0.25, 0.5, 1.0)


@pytest.mark.parametrize("videos", [1, 7, 40, 801])
def test_smaller_sets_lie_inside_larger_ones(videos):
    for seed in range(3):
        sets = [drawn_videos(videos, share, seed) for share in SHARES]
        for smaller, larger in pairwise(sets):
            assert np.isin(smaller, larger).all()
        for rows, share in zip(sets, SHARES, strict=True):
            assert len(rows) == max(1, round(share * videos)) and rows.dtype == np.int64
            assert (np.diff(rows) > 0).all() and rows.min() >= 0 and rows.max() < videos
        np.testing.assert_array_equal(sets[-1], np.arange(videos))


def test_a_seed_draws_the_same_again_and_another_one_others():
    np.testing.assert_array_equal(drawn_videos(40, 0.25, 3), drawn_videos(40, 0.25, 3))
    assert not np.array_equal(drawn_videos(40, 0.25, 3), drawn_videos(40, 0.25, 4))


def test_every_video_is_drawn_as_often():
    counts = np.bincount(np.concatenate([drawn_videos(20, 0.25, seed) for seed in range(2000)]), minlength=20)
    assert counts.min() > 430 and counts.max() < 570  # 500 +- 3.5 standard deviations


def test_what_cannot_be_is_refused():
    for share in (0, -0.5, 1.01, float("nan")):
        with pytest.raises(ValueError, match="must be above 0 and at most 1"):
            drawn_videos(40, share, 0)
    with pytest.raises(ValueError, match="of 0 videos none can be drawn"):
        drawn_videos(0, 0.5, 0)
