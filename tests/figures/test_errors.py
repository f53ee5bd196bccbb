import numpy as np
import pytest

from avvp_lib.error_kinds import error_kinds
from avvp_lib.figures import error_bars


def test_bars_are_segments_a_video_with_false_alarms_to_the_left():
    true_audio, pred_audio, nothing = np.zeros((3, 2, 10, 2), bool)
    true_audio[0, 2:6, 0] = True
    pred_audio[0, 3:8, 0] = True  # one missed at the edge, two too many: one at the edge, one further off
    pred_audio[1, 0, 1] = True  # out of nowhere
    table = error_kinds(pred_audio, nothing, true_audio, nothing)
    (axes,) = error_bars({"model": table}, videos=2).axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths[:8] == [-0.5, -0.5, 0, -0.5, 0.5, 0, 0, 0]  # audio: edge, time, modality, category
    assert widths[8:] == [0] * 8
    assert [axes.patches[1].get_x(), axes.patches[3].get_x()] == pytest.approx([-0.5, -1.0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["model"]
