import numpy as np
import pandas as pd
import pytest

from avvp_lib.figures.mask_scores import illusion_curves, mask_learning_curves

RECALLS = np.array([20.0, 60.0, 100.0])


def test_a_line_for_each_model_and_a_star_where_it_decides():
    curves = {"hears": np.array([0.0, 10.0, 50.0]), "deaf": np.array([40.0, 50.0, 90.0])}
    axes = illusion_curves(curves, {"hears": (60.0, 10.0)}, RECALLS).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["hears"].get_xdata().tolist() == RECALLS.tolist()
    assert lines["deaf"].get_ydata().tolist() == [40, 50, 90]
    assert lines["hears"].get_color() != lines["deaf"].get_color()
    stars = [line for line in axes.lines if line.get_marker() == "*" and len(line.get_xdata())]
    assert [(star.get_xdata()[0], star.get_ydata()[0]) for star in stars] == [(60, 10)]
    assert stars[0].get_color() == lines["hears"].get_color()


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"curve of 'a' has shape \(2,\)"):
        illusion_curves({"a": np.zeros(2)}, recalls=RECALLS)
    with pytest.raises(ValueError, match="'b' has a decision and no curve"):
        illusion_curves({"a": np.zeros(3)}, {"b": (1.0, 2.0)}, RECALLS)


def test_curves_of_the_training_and_a_ring_at_the_kept_epoch():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2, 1], "M_J": [10.0, 30, 20], "M_F": [1.0, 2, 3]})
    loss, jaccard, f_score = mask_learning_curves({"a": history}).axes
    assert loss.lines[0].get_ydata().tolist() == [3, 2, 1] and f_score.lines[0].get_ydata().tolist() == [1, 2, 3]
    assert jaccard.collections[0].get_offsets().tolist() == [[2, 30]]
