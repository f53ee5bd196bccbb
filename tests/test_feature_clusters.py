import numpy as np
import pytest

from avvp_lib.feature_clusters import (
    Points,
    cluster_scores,
    draw_points,
    name_tags,
    neighbour_purity,
    project,
    standardised,
    video_interval,
)

# Two categories on a line: 0 and 1 next to each other, 4 between, 9 and 10 next to each other.
LINE = np.array([[0.0], [1.0], [4.0], [9.0], [10.0]])
CATEGORIES = np.array([0, 0, 1, 1, 1])
VIDEOS = np.arange(5)


def test_a_video_gives_one_of_its_segments_for_each_category():
    present = np.zeros((3, 4, 2), bool)
    present[0, [1, 3], 0] = present[2, 2, 0] = present[2, 0, 1] = True
    drawn = [draw_points(present, seed=seed) for seed in range(20)]
    for points in drawn:
        assert points.video.tolist() == [0, 2, 2] and points.category.tolist() == [0, 0, 1]
        assert points.segment[1:].tolist() == [2, 0]
    assert {points.segment[0] for points in drawn} == {1, 3}
    again = draw_points(present, seed=7)
    assert all(np.array_equal(*both) for both in zip(again, drawn[7], strict=True))


def test_no_category_has_more_points_than_asked_for_and_all_videos_have_a_chance():
    present = np.ones((5, 2, 3), bool)
    drawn = [draw_points(present, seed=seed, at_most=np.array([1, 9, 0])) for seed in range(40)]
    assert all(np.bincount(points.category, minlength=3).tolist() == [1, 5, 0] for points in drawn)
    assert {points.video[0] for points in drawn} == set(range(5))
    assert np.bincount(draw_points(present, seed=0, at_most=2).category).tolist() == [2, 2, 2]


def test_points_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no segment holds"):
        draw_points(np.zeros((2, 2, 2), bool), seed=0)
    with pytest.raises(ValueError, match=r"from shape \(2, 2\)"):
        draw_points(np.ones((2, 2), bool), seed=0)


def test_purity_by_hand():
    """Two neighbours. 0: 1 and 4, one of two right. 1: 0 and 4. 4: 1 and 0, both wrong. 9: 10 and 4. 10: 9 and 4."""
    assert neighbour_purity(LINE, CATEGORIES, VIDEOS, 2).tolist() == [0.5, 0.5, 0, 1, 1]


def test_points_of_the_same_video_are_not_asked():
    """9 and 10 are one video now: each has 4 and then 1 as its nearest others."""
    videos = np.array([0, 1, 2, 3, 3])
    assert neighbour_purity(LINE, CATEGORIES, videos, 2).tolist() == [0.5, 0.5, 0, 0.5, 0.5]
    with pytest.raises(ValueError, match="video 3 has 3 points of other videos around it, fewer than 4"):
        neighbour_purity(LINE, CATEGORIES, videos, 4)
    with pytest.raises(ValueError, match=r"points \(5, 1\) do not go with \(4,\)"):
        neighbour_purity(LINE, CATEGORIES[:4], VIDEOS, 2)


def test_silhouette_by_hand():
    """Points 0, 1 of one category and 4, 6 of the other.

    0: own 1, other (4 + 6) / 2 = 5, so (5 - 1) / 5 = 4/5. 1: own 1, other 4, so 3/4. 4: own 2, other 3.5, so 3/7. 6: own 2, other
    5.5, so 7/11.
    """
    points = Points(np.arange(4), np.zeros(4, int), np.array([0, 0, 1, 1]))
    table = cluster_scores({"line": np.array([[0.0], [1.0], [4.0], [6.0]])}, points, seed=0, neighbours=1)
    scores = table.set_index("score")["mean"]
    assert scores["silhouette"] == pytest.approx((4 / 5 + 3 / 4 + 3 / 7 + 7 / 11) / 4)
    assert scores["purity"] == 1
    assert table["space"].tolist() == ["line", "line"]
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()


def test_videos_are_drawn_with_all_their_points():
    """One video has three points of score 1, the other one of 0: a resample has 0, 1 or both videos of each kind."""
    scores, videos = np.array([1.0, 1, 1, 0]), np.array([4, 4, 4, 9])
    interval = video_interval(scores, videos, seed=0)
    assert interval == (0.75, 0, 1)
    assert video_interval(scores, videos, seed=0, confidence=0.1)[1:] == (0.75, 0.75)  # half of the resamples have both
    assert video_interval(np.full(4, 0.3), videos, seed=0) == pytest.approx((0.3, 0.3, 0.3))


def test_twins_do_not_narrow_an_interval():
    """A hundred videos with one point each, and the same with every point ten times: the interval must be the same."""
    scores = np.random.default_rng(0).normal(size=100)
    once = video_interval(scores, np.arange(100), seed=1)
    tenfold = video_interval(np.repeat(scores, 10), np.repeat(np.arange(100), 10), seed=1)
    assert tenfold == pytest.approx(once)
    assert once.high - once.low == pytest.approx(2 * 1.96 * scores.std() / 10, rel=0.1)
    assert once.mean == pytest.approx(scores.mean())


def test_scores_that_do_not_fit_are_refused():
    for scores in (np.array([]), np.array([0.0, np.nan]), np.zeros(3)):
        with pytest.raises(ValueError, match="finite and not empty"):
            video_interval(scores, np.arange(len(scores) if len(scores) < 3 else 2), seed=0)


def test_a_tag_is_the_same_for_a_category_and_as_long_as_asked_for():
    """The features lie 1 from their mean, so a tag of length 3 is 3 long."""
    features = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    added = name_tags(features, np.array([0, 1, 0, 1]), seed=0, length=3.0) - features
    assert np.allclose(added[0], added[2]) and np.allclose(added[1], added[3]) and not np.allclose(added[0], added[1])
    assert np.allclose(np.linalg.norm(added, axis=1), 3)
    assert np.array_equal(added, name_tags(features, np.array([0, 1, 0, 1]), seed=0, length=3.0) - features)


def test_noise_with_tags_has_perfect_islands():
    random = np.random.default_rng(0)
    points = Points(np.arange(90), np.zeros(90, int), np.arange(90) % 3)
    noise = random.normal(size=(90, 64))
    table = cluster_scores({"noise": noise, "tags": name_tags(noise, points.category, seed=0)}, points, seed=0)
    scores = table.pivot(index="space", columns="score", values="mean")
    assert scores.loc["tags", "purity"] == 1 and scores.loc["tags", "silhouette"] > 0.4
    assert abs(scores.loc["noise", "purity"] - 1 / 3) < 0.1 and abs(scores.loc["noise", "silhouette"]) < 0.02


def test_a_channel_that_never_changes_becomes_zero():
    scaled = standardised(np.array([[1.0, 5], [3, 5]], dtype=np.float32))
    assert scaled.tolist() == [[-1, 0], [1, 0]]


@pytest.mark.parametrize("method", ["t-SNE", pytest.param("UMAP", marks=pytest.mark.slow)])  # UMAP compiles for 20 s
def test_projections_repeat_themselves_and_keep_far_groups_apart(method):
    random = np.random.default_rng(0)
    cloud = np.concatenate([random.normal(size=(15, 5)), random.normal(size=(15, 5)) + 50])
    plane = project(cloud, method, seed=0, scale=8)
    assert plane.shape == (30, 2) and np.isfinite(plane).all()
    assert np.array_equal(plane, project(cloud, method, seed=0, scale=8))
    first, second = plane[:15].mean(axis=0), plane[15:].mean(axis=0)
    assert np.linalg.norm(first - second) > np.linalg.norm(plane[:15] - first, axis=1).max()


def test_few_points_are_projected_with_what_there_is():
    assert project(np.random.default_rng(0).normal(size=(5, 3)), "t-SNE", seed=0).shape == (5, 2)
    with pytest.raises(ValueError, match="3 points are too few"):
        project(np.zeros((3, 2)), "t-SNE", seed=0)
    with pytest.raises(ValueError, match="projection 'PCA' is unknown"):
        project(np.zeros((9, 2)), "PCA", seed=0)
