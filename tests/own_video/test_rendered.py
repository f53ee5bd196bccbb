"""The longer rendered video: scenes with a known truth, in a file of the right length."""

import numpy as np
import pytest

from avvp_lib.features.media import read_media
from avvp_lib.own_video.rendered import plan_scenes, render_long_video


def test_scenes_fill_the_video_and_are_cut_anywhere():
    for seed in range(5):
        scenes = plan_scenes(60, seed)
        lengths = [len(audio) for audio, _ in scenes]
        assert sum(lengths) == 60 and all(5 <= length <= 10 for length in lengths[:-1])
        assert all(audio.shape == visual.shape for audio, visual in scenes)
    assert {len(audio) for seed in range(5) for audio, _ in plan_scenes(60, seed)} >= {5, 6, 7, 8, 9, 10}
    with pytest.raises(ValueError, match="at least 1"):
        plan_scenes(0, 0)


def test_a_longer_video_begins_with_the_shorter_one():
    short, long = plan_scenes(20, 3), plan_scenes(60, 3)
    for ours, theirs in zip(short[:-1], long, strict=False):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_rendered_with_its_truth(tmp_path):
    audio, visual = render_long_video(tmp_path / "long.mp4", 12, seed=1)
    assert audio.shape == visual.shape == (12, 25) and audio.any() and visual.any()
    media = read_media(tmp_path / "long.mp4", seconds=12)
    assert media.frames.shape == (96, 128, 128, 3) and media.notes == ()
    again = render_long_video(tmp_path / "again.mp4", 12, seed=1)
    np.testing.assert_array_equal(again[0], audio)
    np.testing.assert_array_equal(read_media(tmp_path / "again.mp4", seconds=12).frames, media.frames)
