import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from avvp_lib.figures.generation import branch_heatmap, generator_curves, label_scores
from avvp_lib.figures.style import MARKERS


def test_branches_modalities_frames_and_dots():
    """Three segments, two classes. The first class is heard in the segments 0 and 1; the threshold is reached once there."""
    grids = [np.full((3, 2), value) for value in (0.1, 0.2, 0.3, 0.4)]
    static, dynamic = (grids[0], grids[1]), (grids[2], grids[3])
    dynamic[0][1, 0] = 0.9
    heard = np.array([[True, False], [True, False], [False, False]])
    figure = branch_heatmap(static, dynamic, (heard, heard & False), ["Dog", "Fire_alarm"], (0.9, 0.4))
    panels = figure.axes[:4]
    assert [axes.get_title().split(":")[0] for axes in panels] == [
        "audio, static", "visual, static", "audio, dynamic", "visual, dynamic"
    ]  # fmt: skip
    shown = [axes.images[0].get_array() for axes in panels]
    for picture, grid in zip(shown, grids, strict=True):
        np.testing.assert_array_equal(picture, grid.T)
    assert {axes.images[0].get_clim() for axes in panels} == {(0, 1)}
    frames = [patch for patch in panels[2].patches if isinstance(patch, Rectangle)]
    assert [(f.get_x(), f.get_y(), f.get_width(), f.get_height()) for f in frames] == [(0, 0, 2, 1)]
    assert not panels[3].patches
    dots = [axes.collections[0].get_offsets().tolist() for axes in panels]
    assert dots[0] == dots[1] == [] and dots[2] == [[1.5, 0.5]] and len(dots[3]) == 6
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["Dog", "Fire alarm"]


def test_no_thresholds_no_dots():
    grid = np.zeros((2, 1))
    figure = branch_heatmap((grid, grid), (grid, grid), (grid > 1, grid > 1), ["Dog"])
    assert not any(axes.collections for axes in figure.axes[:4])


def test_a_dot_for_every_score_of_every_row():
    table = pd.DataFrame({"A": [10.0, 20.0], "V": [30.0, 40.0]}, index=["EAR", "zero-shot"])
    (axes,) = label_scores(table, ("A", "V")).axes
    lines = {line.get_label(): line for line in axes.lines if line.get_marker() in MARKERS}
    assert lines["EAR"].get_xdata().tolist() == [10, 30] and lines["zero-shot"].get_xdata().tolist() == [20, 40]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "V"]


def test_a_ring_marks_the_kept_epoch():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "audio-visual mAP": [10.0, 30.0, 20.0]})
    loss, score = generator_curves({"EAR": history}).axes
    assert loss.lines[0].get_ydata().tolist() == [3, 2, 1] and score.lines[0].get_ydata().tolist() == [10, 30, 20]
    assert loss.collections[0].get_offsets().tolist() == [[2, 2]]
    assert score.collections[0].get_offsets().tolist() == [[2, 30]]
