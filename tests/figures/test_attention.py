import numpy as np
import pytest

from avvp_lib.figures.attention import segment_weights
from avvp_lib.figures.style import AUDIO

WEIGHTS = np.arange(12.0).reshape(2, 3, 2) / 12  # 2 videos, 3 segments; audio of video 1: 6/12, 8/12, 10/12
EVENTS = np.zeros((2, 3, 2), bool)
EVENTS[1, 1:, 0] = True


def grey_spans(axes):
    return [patch.get_x() for patch in axes.patches if patch.get_width() == 1.0]


def test_bars_are_the_video_and_the_line_is_the_mean():
    axes = segment_weights({"W": WEIGHTS}, EVENTS, video=1).axes[0]
    assert [bar.get_height() for bar in axes.containers[0]] == pytest.approx([6 / 12, 8 / 12, 10 / 12])
    assert axes.lines[0].get_ydata() == pytest.approx([3 / 12, 5 / 12, 7 / 12])
    assert axes.get_ylabel() == "audio" and axes.yaxis.label.get_color() == AUDIO


def test_events_of_the_video_and_modality_are_grey():
    audio, visual = segment_weights({"W": WEIGHTS}, EVENTS, video=1).axes
    assert grey_spans(audio) == [0.5, 1.5] and grey_spans(visual) == []
    assert not any(grey_spans(axes) for axes in segment_weights({"W": WEIGHTS}, EVENTS, video=0).axes)


def test_a_column_for_each_kind_and_one_entry_of_the_legend_each():
    figure = segment_weights({"W": WEIGHTS, "start": 2 * WEIGHTS}, EVENTS, video=1)
    assert [axes.get_title() for axes in figure.axes] == ["W", "start", "", ""]
    assert figure.axes[1].get_ylim()[1] > figure.axes[0].get_ylim()[1]
    figure = segment_weights({"W": WEIGHTS}, EVENTS[:, :, ::-1], video=1)  # events in the lower row only
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(labels) == ["80 % of videos", "an event is there", "mean of all videos", "this video"]


def test_bad_weights_are_named():
    with pytest.raises(ValueError, match=r"'W' have shape \(2, 3\)"):
        segment_weights({"W": WEIGHTS[..., 0]}, EVENTS, 0)
    with pytest.raises(ValueError, match="'gap' hold a NaN"):
        segment_weights({"W": WEIGHTS, "gap": np.full((2, 3, 2), np.nan)}, EVENTS, 0)
    with pytest.raises(ValueError, match="no video 2 among 2"):
        segment_weights({"W": WEIGHTS}, EVENTS, 2)
