import numpy as np
import pytest

from avvp_lib.figures.calibration import reliability_curves


def curves(figure, modality=0):
    """By title: the points of a panel."""
    return {line.get_label(): line.get_xydata().tolist() for line in figure.axes[modality].lines}


def test_points_can_be_counted_by_hand():
    """Four segments of one category: 0.1 (false), 0.3 (true), 0.9 and 1.0 (both true), two intervals."""
    audio = np.array([0.1, 0.3, 0.9, 1.0]).reshape(1, 4, 1)
    truth = np.array([False, True, True, True]).reshape(1, 4, 1)
    segment_prob = np.stack([audio, 1 - audio], axis=2)
    figure = reliability_curves({"model": segment_prob}, (truth, ~truth), bins=2, at_least=1)
    assert np.allclose(curves(figure, 0)["model"], [[0.2, 0.5], [0.95, 1.0]])
    assert np.allclose(curves(figure, 1)["model"], [[0.05, 0.0], [0.8, 0.5]])
    assert [axes.get_title() for axes in figure.axes] == ["audio", "visual"]


def test_a_calibrated_model_lies_on_the_diagonal():
    rng = np.random.default_rng(0)
    segment_prob = rng.random((400, 10, 2, 5))
    truth = rng.random(segment_prob.shape) < segment_prob
    figure = reliability_curves({"model": segment_prob}, (truth[:, :, 0], truth[:, :, 1]))
    points = np.array(curves(figure)["model"])
    assert len(points) == 10 and np.abs(points[:, 0] - points[:, 1]).max() < 0.05


def test_intervals_with_few_cells_are_left_out():
    segment_prob = np.full((1, 10, 2, 1), 0.15)
    segment_prob[0, 0] = 0.85
    truth = np.ones((1, 10, 1), bool)
    figure = reliability_curves({"model": segment_prob}, (truth, truth), at_least=2)
    assert np.allclose(curves(figure)["model"], [[0.15, 1.0]])


def test_predictions_of_another_shape_are_named():
    truth = np.ones((1, 10, 1), bool)
    with pytest.raises(ValueError, match=r"'swapped' have shape \(1, 2, 10, 1\)"):
        reliability_curves({"swapped": np.ones((1, 2, 10, 1))}, (truth, truth))
