import numpy as np
import pandas as pd

from avvp_lib.figures.labels import confusion_bars, threshold_histograms
from avvp_lib.figures.style import GREY


def test_histograms_count_only_the_videos_labelled_with_the_category():
    similarity = np.array([[[1.0], [2.0]], [[3.0], [4.0]], [[9.0], [9.0]]])
    truth = np.array([[[True], [False]], [[True], [True]], [[True], [True]]])
    labelled = np.array([[True], [True], [False]])
    thresholds = np.array([2.5])
    figure = threshold_histograms(
        (similarity, similarity), (truth, ~truth), (thresholds, -thresholds), labelled, ["Baby_laughter"], [0]
    )
    audio, visual = figure.axes
    assert [axes.get_title() for axes in (audio, visual)] == ["Baby laughter, audio", "Baby laughter, visual"]
    assert sum(bar.get_height() for bar in audio.patches if hasattr(bar, "get_height")) == 1  # one segment not heard
    assert [line.get_xdata()[0] for axes in (audio, visual) for line in axes.lines] == [2.5, -2.5]


def test_confusions_are_shown_in_order_with_nothing_in_grey():
    rows = [("Dog", "Baby_laughter", 3, 75.0, 5.0), ("nothing", "Dog", 2, 20.0, 5.0), ("Cat", "Dog", 1, 10.0, 5.0)]
    table = pd.DataFrame(rows, columns=["truly", "taken_for", "segments", "share", "usual"])
    (axes,) = confusion_bars({"audio": table}, most=2).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Dog → Baby laughter", "nothing → Dog"]
    assert [bar.get_width() for bar in axes.patches] == [75.0, 20.0]
    grey = tuple(int(GREY[i : i + 2], 16) / 255 for i in (1, 3, 5))
    assert axes.patches[1].get_facecolor()[:3] == grey != axes.patches[0].get_facecolor()[:3]


def test_a_teacher_without_confusions_has_an_empty_panel():
    empty = pd.DataFrame(columns=["truly", "taken_for", "segments", "share", "usual"])
    assert not confusion_bars({"visual": empty}).axes[0].patches
