"""Windows of a video hold what the ten-second readers give, whatever lies before, and memory does not grow."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from avvp_lib.features.clip_media import RATES, read_clip
from avvp_lib.features.media import MediaError, read_media
from avvp_lib.own_video import reading, streams
from avvp_lib.own_video.reading import Reading, VideoWindows
from tests.media_files import (
    GREY_STEP,
    grey_frames,
    grey_level,
    tone,
    write_broken_off,
    write_clip,
    write_music_with_cover,
    write_normal,
    write_truncated,
    write_without_picture,
    write_without_sound,
    write_zero_frames,
)
from tests.own_video.long_files import write_repeated, write_three_hours

RATE = 16_000
SMALL = Reading((48, 64), (RATE,))


def windows_of(path: Path, hop: int = 5, reads: Reading = SMALL, **options):
    windows = VideoWindows(path, reads, hop, **options)
    return list(windows), windows


def whole(path: Path, seconds: int):
    """The video in one piece, through the reader of the corpora."""
    return read_media(path, seconds=float(seconds), frame_size=(48, 64))


def same_as(window, media, start: int, sound_tolerance: float = 1e-6) -> None:
    np.testing.assert_array_equal(window.frames, media.frames[8 * start : 8 * (start + 10)])
    expected = media.waveform[RATE * start : RATE * (start + 10)]
    np.testing.assert_allclose(window.sounds[RATE], expected, atol=sound_tolerance)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_clip_of_ten_seconds_is_what_read_media_reads(tmp_path, suffix):
    clip = write_normal(tmp_path / f"clip{suffix}")
    (window,), windows = windows_of(clip)
    same_as(window, whole(clip, 10), 0)
    assert windows.seconds == pytest.approx(10, abs=0.1) and windows.notes == []


def test_stereo_at_another_rate_that_starts_late_with_a_gap(tmp_path):
    stereo = np.stack([tone(8, 44_100), tone(8, 44_100, 660)])
    clip = write_clip(
        tmp_path / "clip.mkv", grey_frames(250), stereo, fps=25, sample_rate=44_100, layout="stereo", frames_at=0.4,
        sound_at=(0.7, 5.5),
    )  # fmt: skip
    first, windows = windows_of(clip)[0][0], windows_of(clip)[1]
    same_as(first, whole(clip, 10), 0, sound_tolerance=2e-4)
    assert [note.split()[:2] for note in windows.notes] == [["the", "sound"], ["gaps", "of"]]


def test_a_clip_for_the_published_backbones_is_what_read_clip_reads(tmp_path):
    stereo = np.stack([tone(10, 44_100), tone(10, 44_100, 660)])
    clip = write_clip(
        tmp_path / "clip.mp4", grey_frames(250, 50, 70), stereo, fps=25, sample_rate=44_100, layout="stereo"
    )
    (window,), _ = windows_of(clip, reads=Reading(None, RATES))
    expected = read_clip(clip)
    np.testing.assert_array_equal(window.frames, expected.frames)
    for rate in RATES:
        np.testing.assert_allclose(window.sounds[rate], expected.sounds[rate], atol=1e-5)


@pytest.mark.parametrize("hop", [1, 4, 10])
def test_a_longer_video_comes_in_windows(tmp_path, hop):
    clip = write_normal(tmp_path / "clip.mp4", seconds=23)
    found, windows = windows_of(clip, hop)
    media = whole(clip, 23)
    assert [window.start for window in found] == [*range(0, 14, hop), *([13] if 13 % hop else [])]
    for window in found:
        same_as(window, media, window.start)
    assert windows.seconds == pytest.approx(23, abs=0.1)


def test_a_short_video_is_filled_up(tmp_path):
    clip = write_normal(tmp_path / "clip.mp4", seconds=3.5)
    (window,), windows = windows_of(clip)
    same_as(window, whole(clip, 10), 0)
    assert windows.seconds == pytest.approx(3.5, abs=0.07)
    assert (window.frames[30:] == window.frames[27]).all() and not window.sounds[RATE][60_000:].any()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".mov"])
@pytest.mark.parametrize("start", [0.0, 7.0, 12.5])
def test_a_part_is_what_the_whole_has_there(tmp_path, suffix, start):
    codec = {".avi": "mp3"}.get(suffix, "aac")
    clip = write_clip(tmp_path / f"clip{suffix}", grey_frames(8 * 31), tone(31, RATE), audio_codec=codec)
    found, windows = windows_of(clip, 5, start=start, end=start + 15)
    media = whole(clip, 31)
    assert [window.start for window in found] == [0, 5]
    assert windows.seconds == pytest.approx(15)
    for window in found:
        first = round(8 * (start + window.start))
        np.testing.assert_array_equal(window.frames, media.frames[first : first + 80])
        begin = round(RATE * (start + window.start))
        expected, got = media.waveform[begin : begin + 10 * RATE], window.sounds[RATE]
        inside = slice(100, -100)  # the resampler begins and ends somewhere else
        assert np.abs(got[inside] - expected[inside]).max() < 0.01


def test_nothing_behind_the_end_is_in_the_last_window(tmp_path):
    clip = write_normal(tmp_path / "clip.mp4", seconds=20)
    (window,), windows = windows_of(clip, start=4, end=9)
    assert windows.seconds == 5
    assert (window.frames[40:] == window.frames[39]).all() and not window.sounds[RATE][5 * RATE :].any()
    assert window.sounds[RATE][: 5 * RATE].std() > 0.2


def test_what_lies_before_the_start_of_three_hours_is_not_decoded(tmp_path, monkeypatch):
    """Neither is what lies behind the end."""
    path, decoded = write_three_hours(tmp_path), []
    original = streams.decode

    def counting(packet):
        frames = original(packet)
        decoded.extend(type(frame).__name__ for frame in frames)
        return frames

    monkeypatch.setattr(streams, "decode", counting)
    found, windows = windows_of(path, 10, start=10_000, end=10_020)
    assert windows.declared == pytest.approx(10_800, abs=1) and len(found) == 2
    assert decoded.count("VideoFrame") < 8 * 40 and decoded.count("AudioFrame") < 16 * 40
    levels = found[0].frames.reshape(80, -1).mean(1)
    expected = grey_level(np.arange(80))
    assert np.abs(levels - expected).max() <= 2 * GREY_STEP


def test_memory_does_not_grow_with_the_length(tmp_path):
    clip = write_clip(tmp_path / "ten.mp4", grey_frames(80, 32, 32), tone(10, RATE))
    peaks = []
    for times in (6, 60):
        path = write_repeated(tmp_path / f"{times}.mp4", clip, times)
        tracemalloc.start()
        for _ in VideoWindows(path, Reading((128, 128), (RATE,)), 5):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_rotation_flag_is_obeyed(tmp_path, monkeypatch):
    frames = np.zeros((80, 48, 64, 3), np.uint8)
    frames[:, :24] = 200  # bright above
    clip = write_clip(tmp_path / "clip.mp4", frames, tone(10, RATE))
    monkeypatch.setattr(streams, "_quarters", lambda frame: 1)
    (window,), windows = windows_of(clip, reads=Reading(None, (RATE,)))
    assert window.frames.shape[1:3] == (64, 48)
    assert (
        window.frames[0, :, :20].mean() > 180 > 20 > window.frames[0, :, 28:].mean()
    )  # anticlockwise: above goes left
    assert windows.notes == ["turned 90 degrees, as its rotation flag says"]


def refusal(path: Path, **options) -> str:
    with pytest.raises(MediaError) as caught:
        windows_of(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_files_that_are_no_video_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.mp4")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in refusal(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    assert "cannot be opened" in refusal(tmp_path / "text.mp4")
    assert "cannot be opened" in refusal(write_truncated(tmp_path / "cut.mp4"))


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    clip = write_normal(tmp_path / "clip.mp4", 1)
    monkeypatch.setattr(reading.os, "access", lambda path, mode: False)  # root may read everything
    assert "chmod" in refusal(clip)


def test_without_sound_or_picture_it_is_refused_or_filled_as_asked(tmp_path):
    silent, blind = write_without_sound(tmp_path / "silent.mp4"), write_without_picture(tmp_path / "blind.mp4")
    assert "no sound stream" in refusal(silent) and "no video stream" in refusal(blind)
    assert "no video stream" in refusal(write_music_with_cover(tmp_path / "music.mp4"))
    (window,), windows = windows_of(silent, on_missing="fill")
    assert windows.missing == ("audio",) and not window.sounds[RATE].any() and window.frames.any()
    (window,), windows = windows_of(blind, on_missing="fill")
    assert windows.missing == ("visual",) and not window.frames.any() and window.sounds[RATE].any()
    assert windows.notes == ["no picture: black frames, and no visual events"]


def test_zero_seconds_are_refused(tmp_path, monkeypatch):
    for on_missing in ("error", "fill"):
        assert "0 s long" in refusal(write_zero_frames(tmp_path / "zero.mp4"), on_missing=on_missing)
    clip = write_normal(tmp_path / "clip.mp4", 1)
    monkeypatch.setattr(streams, "decode", lambda packet: [])  # two streams, and not a frame in them
    assert "breaks off at 0.00 s" in refusal(clip) and "0 s long" in refusal(clip, on_missing="fill")


def test_a_damaged_file_is_refused_or_filled_as_asked(tmp_path):
    path = write_broken_off(tmp_path / "broken.mkv")
    assert "is damaged" in refusal(path)
    (window,), windows = windows_of(path, on_missing="fill")
    assert any(note.startswith("damaged") for note in windows.notes) and windows.seconds < 9
    assert window.sounds[RATE][: 2 * RATE].any()


def test_times_outside_the_video(tmp_path):
    clip = write_normal(tmp_path / "clip.mp4", 12)
    assert "12.0" in refusal(clip, start=12.5) and "choose an earlier --start" in refusal(clip, start=100)
    _, windows = windows_of(clip, start=3, end=60)
    assert windows.notes == [f"the video ends at {3 + windows.seconds:.2f} s, before --end 60"]
    for start, end in ((5, 5), (5, 4), (-1, 4), (float("nan"), None), (0, float("inf"))):
        with pytest.raises(ValueError, match=r"--start|--end"):
            VideoWindows(clip, SMALL, 5, start, end)


def test_choices_that_do_not_exist(tmp_path):
    clip = write_normal(tmp_path / "clip.mp4", 1)
    with pytest.raises(ValueError, match="hop"):
        VideoWindows(clip, SMALL, 0)
    with pytest.raises(ValueError, match="on_missing"):
        VideoWindows(clip, SMALL, 5, on_missing="skip")
