"""The static picture of the annotation widget: which cells are filled, what is pale, what the words say."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyBboxPatch, Rectangle

from avvp_lib.figures.annotation import annotation_sheet
from avvp_lib.figures.style import VISUAL

NAMES = ("Dog", "Frying_(food)", "Car")


def sheet(**changed):
    labels = np.zeros((4, 3), bool)
    labels[1:3, 0] = True
    options = {
        "frames": np.zeros((4, 6, 8, 3), np.uint8),
        "labels": labels,
        "asked": np.array([True, True, True, False]),
        "in_video_label": np.array([True, False, False]),
        "categories": NAMES,
        "progress": {"done": 1, "todo": 3, "unlabelable": 0},
    }
    return annotation_sheet(**options | changed)


def test_cells_say_which_seconds_have_the_category():
    _, buttons, _ = sheet().axes
    cells = [patch for patch in buttons.patches if isinstance(patch, Rectangle)]
    filled = [patch.get_facecolor() == to_rgba(VISUAL) for patch in cells]
    assert filled == [False, True, True, False] + [False] * 8
    assert len([patch for patch in buttons.patches if isinstance(patch, FancyBboxPatch)]) == 3
    assert [text.get_text() for text in buttons.texts] == ["Dog ★", "Frying (food)", "Car"]


def test_frames_that_are_not_asked_about_are_pale():
    strip = sheet().axes[0]
    assert [image.get_alpha() for image in strip.images] == [1, 1, 1, 0.3]
    assert [label.get_text() for label in strip.get_xticklabels()] == ["0 s", "1 s", "2 s", "3 s"]
    assert sheet(frames=None).axes[0].texts[0].get_text() == "no picture"


def test_the_bar_is_the_share_of_videos():
    bar = sheet().axes[2]
    assert [patch.get_width() for patch in bar.patches] == [0.25, 0, 0.75]
    assert bar.get_xlabel() == "1 done · 0 cannot be labelled · 3 to do"
    assert len(sheet(progress=None).axes) == 2
    assert [patch.get_width() for patch in sheet(progress={}).axes[2].patches] == [0, 0, 0]


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="need asked"):
        sheet(asked=np.ones(3, bool))
