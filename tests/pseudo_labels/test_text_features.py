"""Text features of segments, counted by hand."""

import numpy as np
import pytest

from avvp_lib.pseudo_labels import fit_thresholds
from avvp_lib.pseudo_labels.text_features import text_features, ungated_labels, ungated_thresholds

SENTENCES = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 2.0], [0.0, -5.0, 0.0]])
"""Of length 1: (0.6, 0.8, 0), (0, 0, 1) and (0, -1, 0)."""


def test_mean_of_unit_sentences_by_hand():
    labels = np.array([[[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1]]], bool)
    features = text_features(labels, SENTENCES)
    expected = [[0.6, 0.8, 0], [0.3, 0.4, 0.5], [0, 0, 0], [0.2, -0.2 / 3, 1 / 3]]
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, [expected], atol=1e-7)


def test_a_segment_without_category_is_exactly_zero():
    """That is how a model tells it from the others."""
    assert not text_features(np.zeros((2, 3, 3)), SENTENCES).any()


def test_soft_labels_are_positive_from_one_half():
    soft = np.array([[[0.5, 0.49, 0.0], [0.2, 0.9, 0.4999]]])
    np.testing.assert_array_equal(text_features(soft, SENTENCES), text_features(soft >= 0.5, SENTENCES))
    np.testing.assert_allclose(text_features(soft, SENTENCES)[0], [[0.6, 0.8, 0], [0, 0, 1]], atol=1e-7)


def test_against_a_plain_loop():
    random = np.random.default_rng(0)
    labels, sentences = random.random((4, 10, 25)) < 0.1, random.normal(size=(25, 16))
    features = text_features(labels, sentences)
    for video, segment in np.ndindex(4, 10):
        chosen = [sentences[c] / np.sqrt((sentences[c] ** 2).sum()) for c in range(25) if labels[video, segment, c]]
        expected = sum(chosen) / len(chosen) if chosen else np.zeros(16)
        np.testing.assert_allclose(features[video, segment], expected, atol=1e-6)
    assert (np.linalg.norm(features, axis=-1) <= 1 + 1e-6).all()


def test_thresholds_without_a_gate_keep_a_category_out_of_other_videos():
    """Three videos of two segments, one category, which is in the first one only."""
    similarity = np.array([[[1.0], [2.0]], [[1.2], [1.3]], [[1.1], [0.9]]], np.float32)
    truth = np.array([[[True], [True]], [[False], [False]], [[False], [False]]])
    thresholds = ungated_thresholds(similarity, truth)
    assert thresholds == pytest.approx([1.65])  # F = 2 / (1 + 2), better than the 4 / (5 + 2) of finding both
    gated = fit_thresholds(similarity, truth, truth.any(axis=1))
    assert ungated_labels(similarity, thresholds).sum() == 1 and ungated_labels(similarity, gated).all()


def test_labels_without_a_gate_are_strictly_above_the_threshold():
    similarity = np.array([[[1.0, 9.0], [1.1, 2.0]]])
    assert ungated_labels(similarity, np.array([1.0, 2.0])).tolist() == [[[False, True], [True, False]]]


@pytest.mark.parametrize("labels", [np.zeros((2, 3)), np.zeros((2, 4, 2))])
def test_shapes_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match=r"labels .* and sentences \(3, 3\)"):
        text_features(labels, SENTENCES)
    with pytest.raises(ValueError, match=r"similarity .* and thresholds"):
        ungated_labels(labels, np.zeros(3))


def test_numbers_that_are_none_are_refused_by_row():
    labels, sentences, similarity = np.zeros((3, 2, 3)), SENTENCES.copy(), np.zeros((3, 2, 3))
    labels[1, 1, 0] = np.nan
    with pytest.raises(ValueError, match="label of video 1"):
        text_features(labels, SENTENCES)
    sentences[2, 1] = np.inf
    with pytest.raises(ValueError, match="sentence of category 2"):
        text_features(np.zeros((1, 2, 3)), sentences)
    similarity[2, 0, 0] = np.nan
    with pytest.raises(ValueError, match="similarity of video 2"):
        ungated_labels(similarity, np.zeros(3))
    with pytest.raises(ValueError, match="threshold of category 1"):
        ungated_labels(np.zeros((3, 2, 3)), np.array([0, np.nan, 0]))


def test_a_sentence_of_zeros_is_refused():
    with pytest.raises(ValueError, match="sentence of category 1 is zero"):
        text_features(np.zeros((1, 2, 3)), SENTENCES * [[1], [0], [1]])
