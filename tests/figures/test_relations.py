import numpy as np
import pytest

from avvp_lib.figures.relations import pair_scatter, relation_maps
from avvp_lib.figures.style import AUDIO, VISUAL

NAMES = ["Dog", "Baby_laughter", "Car"]


def test_the_diagonal_is_hidden_and_does_not_set_the_colours():
    matrix = np.array([[90.0, 1, -2], [1, 90, 0], [-2, 0, 90]])
    figure = relation_maps({"audio": matrix}, NAMES)
    picture = figure.axes[0].images[0]
    assert np.array_equal(np.ma.getmaskarray(picture.get_array()), np.eye(3, dtype=bool))
    low, high = picture.get_clim()
    assert low == -high and 1 < high <= 2
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Dog", "Baby laughter", "Car"]


def test_one_extreme_pair_does_not_bleach_the_others():
    matrix = np.full((25, 25), 0.1)
    matrix[3, 4] = 50.0
    picture = relation_maps({"x": matrix}, [str(i) for i in range(25)]).axes[0].images[0]
    assert picture.get_clim()[1] == pytest.approx(0.1)


def test_events_of_both_modalities_are_named_twice_in_their_colours():
    axes = relation_maps({"both": np.zeros((6, 6))}, NAMES, rows="heard").axes[0]
    labels = axes.get_yticklabels()
    assert [label.get_text() for label in labels] == ["Dog", "Baby laughter", "Car"] * 2
    assert [label.get_color() for label in labels] == [AUDIO] * 3 + [VISUAL] * 3
    assert [line.get_xdata()[0] for line in axes.lines[1:]] == [2.5]
    assert axes.get_ylabel() == ""


def test_maps_keep_their_titles_and_an_odd_number_leaves_no_empty_panel():
    maps = {"audio: learned": np.eye(3), "visual: learned": np.eye(3), "heard, seen": np.eye(3)}
    figure = relation_maps(maps, NAMES, rows="heard", columns="seen")
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in drawn] == list(maps)
    assert len(figure.axes) == 6  # three maps and their colour bars
    assert drawn[0].title.get_color() == AUDIO and drawn[2].title.get_color() == "black"
    assert (drawn[2].get_ylabel(), drawn[2].get_xlabel()) == ("heard", "seen")


def test_bad_maps_are_named():
    with pytest.raises(ValueError, match=r"'wide' has shape \(3, 4\)"):
        relation_maps({"wide": np.zeros((3, 4))}, NAMES)
    with pytest.raises(ValueError, match="'gap' holds a NaN"):
        relation_maps({"fine": np.eye(3), "gap": np.full((3, 3), np.nan)}, NAMES)


def test_every_pair_of_different_categories_is_a_point_and_marked_ones_have_names():
    across, up = np.arange(9.0).reshape(3, 3), -np.arange(9.0).reshape(3, 3)
    figure = pair_scatter({"x": (across, up), "y": (across, up)}, NAMES, [("Dog", "Baby_laughter")], "truth", "learned")
    first, second = figure.axes
    points, mark = first.collections
    assert points.get_offsets().tolist() == [[i, -i] for i in (1, 2, 3, 5, 6, 7)]
    assert mark.get_offsets().tolist() == [[1, -1]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Dog, Baby laughter"]
    assert (first.get_title(), first.get_xlabel(), first.get_ylabel(), second.get_ylabel()) == (
        "x",
        "truth",
        "learned",
        "",
    )


def test_pairs_that_cannot_be_drawn_are_named():
    with pytest.raises(ValueError, match="Cat cannot be marked"):
        pair_scatter({"x": (np.eye(3), np.eye(3))}, NAMES, [("Dog", "Cat")], "a", "b")
    with pytest.raises(ValueError, match=r"'x' have shapes \[\(3, 3\), \(2, 2\)\]"):
        pair_scatter({"x": (np.eye(3), np.eye(2))}, NAMES, [], "a", "b")
    with pytest.raises(ValueError, match="7 marked pairs, but only 6"):
        pair_scatter({"x": (np.eye(3), np.eye(3))}, NAMES, [("Dog", "Car")] * 7, "a", "b")
