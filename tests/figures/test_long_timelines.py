"""Data of the timeline of long videos: lanes, heat, frames, bars and brackets, not pixels."""

import numpy as np
import pytest

from avvp_lib.figures import long_timeline

NAMES = ("Dog", "Baby_laughter", "Car")


def video():
    """23 s: a dog is heard and found, a car is true but not found."""
    prob = np.zeros((23, 2, 3))
    prob[4:9, 0, 0] = 0.8
    decided = np.zeros((2, 23, 3), bool)
    decided[0, 4:9, 0] = True
    truth = np.zeros((2, 23, 3), bool)
    truth[0, 3:8, 0] = truth[1, 20:23, 2] = True
    return prob, tuple(decided), tuple(truth)


def boxes(axes, hollow: bool) -> list[tuple[float, float, float]]:
    """(onset, offset, lane) of the frames around what was found, or of the bars of the truth."""
    found = []
    for collection in axes.collections:
        if hasattr(collection, "get_paths") and (len(collection.get_facecolor()) == 0) == hollow:
            found += [(b.x0, b.x1, round((b.y0 + b.y1) / 2)) for b in (p.get_extents() for p in collection.get_paths())]
    return sorted(found)


def test_lanes_frames_and_bars():
    prob, decided, truth = video()
    (lanes,) = long_timeline(prob, decided, NAMES, truth).axes
    assert [t.get_text() for t in lanes.get_yticklabels()] == ["Dog, heard", "Car, seen"]
    assert boxes(lanes, hollow=True) == [(4, 9, 0)]
    assert boxes(lanes, hollow=False) == [(3, 8, 0), (20, 23, 1)]
    np.testing.assert_array_equal(lanes.images[0].get_array()[0], prob[:, 0, 0])
    assert lanes.get_xlim() == (0, 23)


def test_windows_are_drawn_in_as_many_rows_as_overlap():
    prob, decided, _ = video()
    windows, lanes = long_timeline(prob, decided, NAMES, window_starts=[0, 5, 10, 13]).axes
    drawn = [(*np.round(line.get_xdata()).astype(int), int(line.get_ydata()[0])) for line in windows.lines]
    assert drawn == [(0, 10, 0), (5, 15, 1), (10, 20, 0), (13, 23, 2)]
    assert len(lanes.get_yticklabels()) == 1


def test_nothing_to_show_and_nothing_that_fits():
    prob, decided, truth = video()
    empty = tuple(np.zeros((23, 3), bool) for _ in range(2))
    (axes,) = long_timeline(prob, empty, NAMES).axes
    assert [text.get_text() for text in axes.texts] == ["no event"]
    with pytest.raises(ValueError, match="the audio grid that is true"):
        long_timeline(prob, decided, NAMES, (truth[0][:5], truth[1]))
