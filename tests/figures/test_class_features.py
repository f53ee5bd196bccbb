import numpy as np
import pytest

from avvp_lib.figures.class_features import BINS, feature_planes, weight_histograms
from avvp_lib.figures.style import AUDIO, LINE_COLOURS, VISUAL

NAMES = ["Dog", "Baby_laughter"]
POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


def test_every_category_has_its_points_and_its_colour_in_every_plane():
    figure = feature_planes({"a": (POINTS, np.array([0, 1, 0])), "b": (POINTS, np.array([1, 1, 1]))}, NAMES)
    first, second = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    dogs, laughter = first.collections
    assert dogs.get_offsets().tolist() == [[0, 1], [4, 5]] and laughter.get_offsets().tolist() == [[2, 3]]
    assert second.collections[0].get_offsets().tolist() == []
    colours = [
        [tuple(c.get_facecolor()[0][:3]) for c in axes.collections if len(c.get_offsets())] for axes in figure.axes
    ]
    assert colours[0][1] == colours[1][0] != colours[0][0]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Dog", "Baby laughter"]


def test_planes_may_stand_in_rows_and_no_panel_is_left_empty():
    plane = (POINTS, np.array([0, 1, 0]))
    figure = feature_planes({"a": plane, "b": plane, "c": plane}, NAMES, across=2)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    tops = [axes.get_subplotspec().rowspan.start for axes in figure.axes]
    assert tops == [0, 0, 1]


def test_bad_planes_are_named():
    with pytest.raises(ValueError, match="8 categories, but only 7"):
        feature_planes({"a": (POINTS, np.zeros(3, int))}, list("abcdefgh"))
    with pytest.raises(ValueError, match=r"'flat' has points \(3, 2\) for 2"):
        feature_planes({"flat": (POINTS, np.zeros(2, int))}, NAMES)
    with pytest.raises(ValueError, match="'far' has categories 0 to 2 of 2"):
        feature_planes({"far": (POINTS, np.array([0, 1, 2]))}, NAMES)
    assert len(LINE_COLOURS) == 7


def test_groups_of_unlike_size_are_shown_as_shares():
    """Audio: 0 and 1 without an event, four times 1 with one. Visual: all segments have one."""
    audio = np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    member = np.array([[False, False, True], [True, True, True]])
    figure = weight_histograms(
        {"audio": audio, "visual": np.linspace(0, 1, 6).reshape(2, 3)},
        {"audio": member, "visual": np.ones((2, 3), bool)},
        ("with", "without"),
        "weight",
    )
    heights = [bar.get_height() for bar in figure.axes[0].patches[:BINS]]
    assert heights[0] == heights[-1] == 0.5 and sum(heights) == 1
    outline = figure.axes[0].patches[BINS].get_xy()
    assert outline[:, 1].max() == 1 and outline[outline[:, 1] == 1, 0].min() > 0.9
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "without (2 segments)",
        "with (4 segments)",
    ]
    assert [axes.title.get_color() for axes in figure.axes] == [AUDIO, VISUAL]
    assert figure.axes[1].get_legend().get_texts()[0].get_text() == "without (0 segments)"


def test_weights_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"visual has weights \(2, 3\) but members \(2, 4\)"):
        weight_histograms({"visual": np.zeros((2, 3))}, {"visual": np.zeros((2, 4), bool)}, ("a", "b"), "weight")
