import numpy as np
import pytest

from avvp_lib.figures import grid_picture, similarity_heatmap


def test_cells_and_sums_can_be_counted_by_hand():
    truth, prediction = np.zeros((2, 6, 3), bool)
    truth[0:3, 0] = prediction[1:5, 0] = True  # 2 right, 2 false, 1 missed
    prediction[5, 1] = True
    (axes,) = grid_picture({"audio": (truth, prediction)}, ["Dog", "Cat", "Car"]).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[:6] == ["FN", "TP", "TP", "FP", "FP", ""]
    assert texts[6] == "TP 2   FP 2   FN 1   F = 4/7"
    assert texts[13] == "TP 0   FP 1   FN 0   F = 0/1"
    assert texts[20] == "TP 0   FP 0   FN 0   skipped"


def test_truth_alone_is_shown_as_zeros_and_ones():
    truth = np.array([[True], [False], [True]])
    (axes,) = grid_picture({"audio": (truth, None)}, ["Dog"]).axes
    assert [text.get_text() for text in axes.texts] == ["1", "0", "1", "2 segments"]


def test_one_panel_per_title():
    truth = np.ones((3, 1), bool)
    figure = grid_picture({"A": (truth, truth), "V": (truth, None)}, ["Dog"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "V"]


@pytest.fixture
def video():
    """Similarities, truth and thresholds of one video of 4 segments and 2 categories."""
    audio = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.1], [0.9, 0.1]])
    truth = np.array([[True, False], [True, False], [False, False], [True, False]])
    return (audio, audio - 1), (truth, ~truth), (np.array([0.5, 0.5]), np.array([-5.0, 5.0]))


def test_truth_is_outlined_as_runs(video):
    similarities, truth, _ = video
    audio = similarity_heatmap(similarities, truth, ["Dog", "Cat"]).axes[0]
    outlines = [(*patch.get_xy(), patch.get_width()) for patch in audio.patches]
    assert outlines == [(0, 0, 2), (3, 0, 1)]
    assert not audio.collections


def test_dots_are_filled_only_where_the_video_label_admits(video):
    similarities, truth, thresholds = video
    labels = np.array([True, False])
    figure = similarity_heatmap(similarities, truth, ["Dog", "Cat"], thresholds, labels)
    filled, hollow = figure.axes[0].collections
    assert filled.get_offsets().tolist() == [[0.5, 0.5], [3.5, 0.5]]
    assert hollow.get_offsets().tolist() == [[1.5, 1.5]]
    assert len(filled.get_facecolor()) == 1 and not len(hollow.get_facecolor())
    assert len(figure.axes[1].collections[0].get_offsets()) == 4  # visual: its own thresholds
    assert [label.get_fontweight() for label in figure.axes[0].get_yticklabels()] == ["bold", "normal"]
