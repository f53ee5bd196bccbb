from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avvp_lib.features.media import Media
from avvp_lib.figures.features import (
    change_pictures,
    input_effect_lines,
    sampling_moments,
    segment_spectrograms,
    self_similarity,
)


def test_every_rule_has_its_moments_on_its_own_line():
    (axes,) = sampling_moments({"middle": np.array([0.5, 1.5]), "late": np.array([0.0, 10.1])}).axes
    lines = [points.get_offsets().tolist() for points in axes.collections if len(points.get_offsets()) == 2]
    assert lines == [[[0.5, 0], [1.5, 0]], [[0, 1], [10.1, 1]]]
    assert axes.get_xlim()[1] > 10.1  # what lies beyond the last segment is shown


def test_spectrograms_lie_on_their_side_on_one_scale():
    spectrograms = np.arange(2 * 3 * 4, dtype=float).reshape(2, 3, 4)  # 2 segments, 3 moments, 4 bands
    first, second = (axes.images[0] for axes in segment_spectrograms(spectrograms).axes)
    assert first.get_array().shape == (4, 3)
    assert first.get_clim() == second.get_clim()


def test_self_similarity_stands_over_the_events_of_its_modality():
    features = np.eye(3)[[0, 0, 1]]
    heard = np.array([[True, False], [True, False], [False, False]])
    figure = self_similarity({"ear": ("audio", features)}, (heard, ~heard), ["Dog", "Cat"])
    panel, below = (axes for axes in figure.axes if axes.get_label() != "<colorbar>")
    assert panel.images[0].get_array().tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    bars = [path.get_extents().bounds for bar in below.collections[1:] for path in bar.get_paths()]
    assert [bounds[0::2] for bounds in bars] == [pytest.approx((0, 2))]  # Dog, heard for two seconds; Cat is only seen
    assert [label.get_text() for label in below.get_yticklabels()] == ["Dog", "Cat"]


def test_self_similarity_of_a_video_without_events_is_drawn():
    nothing = np.zeros((3, 2), bool)
    assert self_similarity({"eye": ("visual", np.eye(3))}, (nothing, nothing), ["Dog", "Cat"]).axes


def test_changes_are_dark_where_nothing_moves_and_rows_are_ordered_by_their_peak():
    frames = np.zeros((2 * 8, 8, 8, 3), np.uint8)
    frames[10:12, :4, :4] = 80  # only the second second changes, and only in one block
    media = Media(Path("toy.mp4"), frames, np.zeros(2, np.float32), 8, 1)
    descriptor = np.array([[0.0, 5.0, 1.0], [3.0, 0.0, 1.0]])  # channel 1 peaks first, channel 2 does not vary
    figure = change_pictures(media, descriptor, channels=2)
    images = [axes.images[0].get_array() for axes in figure.axes]
    assert images[2].tolist() == [[0, 0], [0, 0]]
    assert images[3][0, 0] > 0 and images[3].sum() == images[3][0, 0]
    assert images[4].tolist() == [[5, 0], [0, 3]]


def test_effects_of_the_input_are_means_over_videos_against_the_next_second():
    values = {("early", 0): (1.0, 0.8), ("early", 1): (0.6, 0.4), ("next second", 0): (0.5, 0.3)}
    rows = [
        (modality, choice, video, segment, value - (0.1 if modality == "visual" else 0))
        for modality in ("audio", "visual")
        for (choice, segment), of_videos in values.items()
        for video, value in enumerate(of_videos)
    ]
    audio, visual = input_effect_lines(
        pd.DataFrame(rows, columns=["modality", "choice", "video", "segment", "cosine"])
    ).axes
    assert [axes.get_title() for axes in (audio, visual)] == ["audio", "visual"]
    yardstick, early = audio.lines
    assert yardstick.get_ydata() == pytest.approx([0.4, 0.4])
    assert (early.get_label(), early.get_ydata().tolist()) == ("early", pytest.approx([0.9, 0.5]))
    assert visual.lines[1].get_ydata() == pytest.approx([0.8, 0.4])
