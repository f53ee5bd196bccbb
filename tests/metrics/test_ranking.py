"""Average precision: against a loop over thresholds, against scikit-learn, and by hand."""

import numpy as np
import pytest

from avvp_lib.metrics import average_precision, mean_average_precision, ranking_scores
from tests.oracles.ranking import loop_average_precision


def random_scores(seed: int, segments: int, classes: int, digits: int, share: float = 0.3):
    """Scores rounded to so many digits: the fewer, the more of them are equal."""
    random = np.random.default_rng(seed)
    true = random.random((segments, classes)) < share
    return (random.random((segments, classes)) + 0.3 * true).round(digits).astype(np.float32), true


def random_videos(seed: int, videos: int = 9, segments: int = 10, classes: int = 5):
    random = np.random.default_rng(seed)
    prob = random.random((videos, segments, 2, classes)).astype(np.float32)
    return prob, *(random.random((2, videos, segments, classes)) < 0.3)


# --- against the loop, and against scikit-learn --------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [0, 1, 2, 6])
@pytest.mark.parametrize("segments", [1, 2, 7, 60])
def test_equals_the_loop_over_thresholds(segments, digits):
    for seed in range(5):
        scores, true = random_scores(seed, segments, 6, digits)
        expected = [loop_average_precision(*pair) for pair in zip(scores.T, true.T, strict=True)]
        np.testing.assert_allclose(average_precision(scores, true), expected, rtol=0, atol=1e-12)


def test_every_labelling_of_four_segments_with_every_tie_equals_the_loop():
    for ranks in np.ndindex(3, 3, 3, 3):
        labels = (np.arange(16) >> np.arange(4)[:, None] & 1).astype(bool)
        scores = np.repeat(np.array(ranks, float)[:, None], 16, axis=1)
        expected = [loop_average_precision(*pair) for pair in zip(scores.T, labels.T, strict=True)]
        np.testing.assert_allclose(average_precision(scores, labels), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("digits", [0, 1, 2, 6])
def test_equals_scikit_learn(digits):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, true = random_scores(digits, 500, 8, digits)
    expected = metrics.average_precision_score(true, scores, average=None)
    np.testing.assert_allclose(average_precision(scores, true), expected, rtol=0, atol=1e-12)


# --- cases to count by hand ----------------------------------------------------------------------------------------------


def test_three_segments_by_hand():
    """Positives on places 1 and 3: precision 1 and 2/3, each with half of the recall."""
    true = np.array([[True], [False], [True]])
    assert average_precision(np.array([[0.9], [0.5], [0.1]]), true) == pytest.approx([(1 + 2 / 3) / 2])
    assert average_precision(np.array([[0.1], [0.9], [0.5]]), true) == pytest.approx([(1 / 2 + 2 / 3) / 2])
    assert average_precision(np.array([[0.5], [0.5], [0.1]]), true) == pytest.approx([(1 / 2 + 2 / 3) / 2])


def test_who_says_the_same_of_all_earns_the_share_of_positives():
    true = np.arange(20)[:, None] < np.array([1, 5, 20])
    np.testing.assert_allclose(average_precision(np.full(true.shape, 0.7), true), [0.05, 0.25, 1.0])


def test_the_order_of_equal_segments_does_not_matter():
    scores, true = random_scores(3, 40, 4, 1)
    shuffled = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(
        average_precision(scores[shuffled], true[shuffled]), average_precision(scores, true), rtol=0, atol=1e-12
    )


def test_only_the_order_counts():
    scores, true = random_scores(4, 40, 4, 6)
    np.testing.assert_array_equal(average_precision(np.exp(9 * scores), true), average_precision(scores, true))


def test_a_class_that_nothing_holds_has_no_score():
    scores, true = random_scores(0, 10, 3, 6)
    true[:, 1] = False
    precision = average_precision(scores, true)
    assert np.isnan(precision).tolist() == [False, True, False]
    by_class = {"audio": precision, "visual": np.full(3, np.nan)}
    means = mean_average_precision(by_class)
    assert means["mAP/audio"] == pytest.approx(np.mean([precision[0], precision[2]]))
    assert np.isnan(means["mAP/visual"])


# --- modalities ----------------------------------------------------------------------------------------------------------


def test_modalities_are_ranked_apart_and_together_by_the_product():
    prob, audio, visual = random_videos(0)
    scores = ranking_scores(prob, audio, visual)
    assert list(scores) == ["audio", "visual", "audio-visual"]
    product = prob[:, :, 0].astype(float) * prob[:, :, 1]
    for name, grid, true in (
        ("audio", prob[:, :, 0], audio),
        ("visual", prob[:, :, 1], visual),
        ("audio-visual", product, audio & visual),
    ):
        assert scores[name].shape == (5,) and scores[name].dtype == np.float64
        for category in range(5):
            expected = loop_average_precision(grid[..., category].ravel(), true[..., category].ravel())
            assert scores[name][category] == pytest.approx(100 * expected)


def test_the_truth_as_probabilities_is_perfect():
    prob, audio, visual = random_videos(1)
    prob[:, :, 0], prob[:, :, 1] = audio, visual
    for values in ranking_scores(prob, audio, visual).values():
        np.testing.assert_array_equal(values, 100)


def test_small_probabilities_do_not_tie_by_underflow():
    prob = np.full((1, 2, 2, 1), 1e-30, np.float32)
    prob[0, 0, :, 0] = 2e-30
    true = np.array([[[True], [False]]])
    assert ranking_scores(prob, true, true)["audio-visual"] == [100]


# --- what is refused -----------------------------------------------------------------------------------------------------


def test_what_cannot_be_ranked_is_refused():
    prob, audio, visual = random_videos(0)
    with pytest.raises(ValueError, match=r"must have shape \(videos, segments, 2, classes\), not \(9, 10, 5\)"):
        ranking_scores(prob[:, :, 0], audio, visual)
    with pytest.raises(ValueError, match=r"true_visual has shape \(8, 10, 5\)"):
        ranking_scores(prob, audio, visual[:8])
    with pytest.raises(TypeError, match="true_audio must be a bool array, not float64"):
        ranking_scores(prob, audio.astype(float), visual)
    broken = prob.copy()
    broken[4, 2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity, first in video 4"):
        ranking_scores(broken, audio, visual)
    with pytest.raises(TypeError, match="true must be a bool array, not int64"):
        average_precision(np.ones((3, 1)), np.ones((3, 1), np.int64))
    with pytest.raises(TypeError, match="scores must be a float array, not int64"):
        average_precision(np.ones((3, 1), np.int64), np.ones((3, 1), bool))
    with pytest.raises(ValueError, match="must have one shape"):
        average_precision(np.ones((3, 2)), np.ones((3, 1), bool))
    with pytest.raises(ValueError, match="first in row 2"):
        average_precision(np.array([[1.0], [1.0], [np.inf]]), np.ones((3, 1), bool))


def test_the_generator_is_chosen_by_the_same_number():
    from avvp_lib.pseudo_labels import generator_training

    scores, true = random_scores(7, 200, 6, 1)
    expected = generator_training.mean_average_precision(scores, true)
    assert np.nanmean(average_precision(scores, true)) == pytest.approx(expected)
