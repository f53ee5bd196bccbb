"""From a file to events, with a parser whose answers are known."""

import numpy as np
import pytest

from avvp_lib.own_video.parsing import parse_video
from tests.media_files import write_normal, write_without_sound
from tests.own_video.small_parser import Scripted


@pytest.mark.parametrize("hop", [1, 5, 10])
def test_events_of_a_long_video_are_those_of_its_seconds(tmp_path, hop):
    """A parser that says the same of a second in every window: merging must not change anything."""
    parsed = parse_video(write_normal(tmp_path / "clip.mp4", 23), Scripted(), hop, progress=False)
    heard, seen = (parsed.events[parsed.events["modality"] == m] for m in ("audio", "visual"))
    assert heard["onset"].tolist() == list(range(1, 23, 2)) and (heard["offset"] - heard["onset"] == 1).all()
    assert seen[["onset", "offset"]].to_numpy().tolist() == [[0, 23]]
    assert heard["mean_probability"].to_numpy() == pytest.approx(0.9) and parsed.segment_prob.shape == (23, 2, 25)
    assert parsed.provenance["windows"] == {"number": {1: 14, 5: 4, 10: 3}[hop], "seconds": 10, "hop": hop}


def test_a_part_keeps_the_times_of_the_video(tmp_path):
    parsed = parse_video(write_normal(tmp_path / "clip.mp4", 23), Scripted(), start=4, end=9.5, progress=False)
    assert parsed.start == 4 and parsed.end == 9.5
    seen = parsed.events[parsed.events["modality"] == "visual"]
    assert seen[["onset", "offset"]].to_numpy().tolist() == [[4, 9.5]]


def test_what_fills_a_short_video_is_never_reported(tmp_path):
    parsed = parse_video(write_normal(tmp_path / "clip.mp4", 3.4), Scripted(), progress=False)
    assert parsed.segment_prob.shape == (4, 2, 25)
    assert parsed.events["offset"].max() == pytest.approx(parsed.end) and parsed.end < 3.5
    assert any("of which nothing is reported" in note for note in parsed.notes)


def test_silence_that_fills_is_not_heard(tmp_path):
    parsed = parse_video(write_without_sound(tmp_path / "clip.mp4"), Scripted(), on_missing="fill", progress=False)
    assert set(parsed.events["modality"]) == {"visual"} and parsed.missing == ("audio",)
    assert parsed.segment_prob[:, 0].any()  # the model said something; it is not reported
    assert not np.array(parsed.grids[0]).any()
