import numpy as np
import pytest

from avvp_lib.corpora.synthetic.plan import FREQUENCY_EXPONENT, plan_video
from avvp_lib.corpora.synthetic.statistics import EventStatistics, llp_statistics
from avvp_lib.feature_clusters import video_interval
from avvp_lib.relation_agreement import (
    companion_areas,
    companion_lift,
    companion_table,
    rank_agreement,
    segment_lift,
)


def statistics(pairs: list[list[int]], videos: list[int]) -> EventStatistics:
    """A world of three categories, always two in a video, audible and visible together."""
    return EventStatistics(
        ["a", "b", "c"], videos, pairs, [0, 0, 1], [[9, 0, 0]] * 3, [[8, 8]] * 3, 1.0, [[0, 1]] * 2, [[0, 1]] * 2
    )


def test_the_table_is_what_plans_are_drawn_from():
    """P(a and b) = p(a first) p(b | a) + p(b first) p(a | b), counted in 1,500 planned videos."""
    world = statistics([[0, 30, 5], [30, 0, 1], [5, 1, 0]], [40, 25, 10])
    table = companion_table(world)
    first = np.array(world.category_videos) ** FREQUENCY_EXPONENT
    together = first[:, None] / first.sum() * table
    together += together.T
    random = np.random.default_rng(0)
    labels = np.stack([plan_video(random, world).video_labels for _ in range(1500)]).astype(float)
    counted = labels.T @ labels / len(labels)
    off = ~np.eye(3, dtype=bool)
    assert np.allclose(counted[off], together[off], atol=0.04)
    assert together[off].sum() == pytest.approx(2)
    assert together[0, 1] > 3 * together[1, 2]


def test_lift_by_hand():
    """Rows (0, 3/4, 1/4), (1/2, 0, 1/2), (1/4, 3/4, 0): b accompanies in 3/4 of the other two rows, a in 3/8, c in 3/8."""
    lift = companion_lift(np.array([[0, 0.75, 0.25], [0.5, 0, 0.5], [0.25, 0.75, 0]]))
    assert np.allclose(lift, [[0, 1, 2 / 3], [4 / 3, 0, 4 / 3], [2 / 3, 1, 0]])
    assert np.allclose(companion_table(llp_statistics()).sum(axis=1), 1)


def test_lift_of_segments_by_hand():
    """Four segments: a is heard in two of them, b is seen in one of these and nowhere else, c never."""
    heard, seen = np.zeros((2, 1, 4, 3), bool)
    heard[0, :2, 0] = seen[0, 0, 1] = True
    lift = segment_lift(heard, seen)
    assert lift[0, 1] == 2  # in one of a's two segments, against one of four
    assert lift.sum() == 2


def test_agreement_of_a_map_with_itself_its_opposite_and_noise():
    random = np.random.default_rng(0)
    truth, noise = random.normal(size=(2, 12, 12))
    same, opposite, none = (rank_agreement(m, truth, seed=0) for m in (3 * truth + 1, -truth, noise))
    assert (same.correlation, same.low, same.high) == pytest.approx((1, 1, 1))
    assert opposite.correlation == pytest.approx(-1)
    assert none.low < 0 < none.high and none.chance_low < none.correlation < none.chance_high
    assert same.chance_low < 0 < same.chance_high < 0.4
    assert rank_agreement(noise, truth, seed=0) == none != rank_agreement(noise, truth, seed=1)


def test_the_diagonal_does_not_count():
    random = np.random.default_rng(0)
    learned, truth = random.normal(size=(2, 6, 6))
    both = rank_agreement(learned, truth, seed=0)
    np.fill_diagonal(learned, 100)
    np.fill_diagonal(truth, 100)
    assert rank_agreement(learned, truth, seed=0) == both


def test_correlation_by_hand():
    """Twelve pairs in the order 1 to 12, the last two exchanged: 1 - 6 * (1 + 1) / (12 * 143)."""
    ordered, exchanged = np.zeros((2, 4, 4))
    off = ~np.eye(4, dtype=bool)
    ordered[off] = np.arange(12)
    exchanged[off] = [*range(10), 11, 10]
    assert rank_agreement(exchanged, ordered, seed=0).correlation == pytest.approx(1 - 12 / (12 * 143))


def test_a_popular_category_widens_the_interval():
    """One row and column carries all of the agreement: without that category there is none, and the interval must say so."""
    random = np.random.default_rng(1)
    learned, truth = random.normal(size=(2, 12, 12))
    for matrix in (learned, truth):
        matrix[0] += 8
        matrix[:, 0] += 8
    found = rank_agreement(learned, truth, seed=0)
    assert found.correlation > found.chance_high
    assert found.high - found.low > 0.4


def test_bad_maps_are_refused():
    with pytest.raises(ValueError, match="at least four categories"):
        rank_agreement(np.eye(3), np.eye(3), seed=0)
    with pytest.raises(ValueError, match=r"\(5, 5\) and \(4, 4\)"):
        rank_agreement(np.eye(5), np.eye(4), seed=0)
    with pytest.raises(ValueError, match="a NaN or an infinity"):
        rank_agreement(np.full((4, 4), np.nan), np.eye(4), seed=0)
    assert rank_agreement(np.ones((4, 4)), np.eye(4), seed=0).correlation == 0


def test_companions_by_hand():
    """Category 0 is heard in segment 0 of video 1, and 2 is seen there; its row gives 0.2 to 1, 0.5 to 2 and 0.1 to 3.

    So 2 beats both that are not there: area 1. In segment 1 it gives 0.3, 0.3 and 0.4: a tie and a defeat, 1/4.
    """
    maps = np.zeros((2, 2, 4, 4))
    maps[1, 0, 0] = [0.9, 0.2, 0.5, 0.1]
    maps[1, 1, 0] = [0.9, 0.3, 0.3, 0.4]
    asks, asked = np.zeros((2, 2, 2, 4), bool)
    asks[1, :, 0] = asked[1, :, 2] = True
    asked[1, :, 0] = True  # seeing itself does not count
    asks[0, 0, 3] = True  # nobody else is seen there: no question
    areas, videos = companion_areas(maps, asks, asked)
    assert areas.tolist() == [1, 0.25] and videos.tolist() == [1, 1]
    assert companion_areas(maps[1, 0], asks, asked)[0].tolist() == [1, 1]


def test_a_random_map_points_at_anybody():
    random = np.random.default_rng(0)
    asks, asked = random.random((2, 60, 10, 8)) < 0.2
    areas, videos = companion_areas(random.random((60, 10, 8, 8)), asks, asked)
    interval = video_interval(areas, videos, seed=0)
    assert interval.low < 0.5 < interval.high and interval.high - interval.low < 0.1


def test_a_stranger_answers_the_same_question():
    """0 is heard and 2 is seen, so 1 or 3 is asked instead, and only the other of the two is left to be beaten.

    The row of 1 gives 0.5 to 2 and 0.6 to 3: a defeat. The row of 3 gives 0.5 to 2 and 0.4 to 1: a victory.
    """
    maps = np.zeros((1, 1, 4, 4))
    maps[0, 0, 1], maps[0, 0, 3] = [0.9, 0.9, 0.5, 0.6], [0.9, 0.4, 0.5, 0.9]
    asks, asked = np.zeros((2, 1, 1, 4), bool)
    asks[0, 0, 0] = asked[0, 0, 2] = True
    answers = [companion_areas(maps, asks, asked, strangers=seed)[0].tolist() for seed in range(20)]
    assert [0.0] in answers and [1.0] in answers and len(answers[0]) == 1
    asked[0, 0, [1, 3]] = True  # nobody is a stranger
    assert len(companion_areas(maps, asks, asked, strangers=0)[0]) == 0


def test_strangers_unmask_a_map_that_only_says_who_is_there():
    random = np.random.default_rng(0)
    asks, asked = random.random((2, 60, 10, 8)) < 0.2
    presence = np.repeat(asked[:, :, None].astype(float), 8, axis=2)
    relation = presence * asks[..., None]
    for maps, stranger in ((presence, 1.0), (relation, 0.5)):
        assert companion_areas(maps, asks, asked)[0].mean() == 1
        assert companion_areas(maps, asks, asked, strangers=0)[0].mean() == stranger
