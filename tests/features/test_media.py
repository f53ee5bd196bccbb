"""Decoding by rule, and the writer of the synthetic corpora: tested through each other and through foreign files."""

import re

import numpy as np
import pytest

from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.features.media import MediaError, read_media
from tests import media_files as files


def levels(media):
    """(F,) the mean grey of each decoded frame."""
    return media.frames.astype(float).mean(axis=(1, 2, 3))


def expected_levels(fps, count, seconds=10.0, out_fps=8):
    """Oracle of the frame rule, in integers: the last frame k with k / fps <= (i + 0.5) / out_fps, at most the last."""
    shown = [min((2 * i + 1) * fps // (2 * out_fps), count - 1) for i in range(round(seconds * out_fps))]
    return files.grey_level(np.array(shown)).astype(float)


@pytest.fixture(scope="module")
def normal(tmp_path_factory):
    return files.write_normal(tmp_path_factory.mktemp("media") / "normal.mp4")


def test_an_ordinary_clip_needs_no_rule(normal):
    media = read_media(normal)
    assert media.frames.shape == (80, 48, 64, 3) and media.frames.dtype == np.uint8
    assert media.waveform.shape == (160_000,) and media.waveform.dtype == np.float32
    assert (media.path, media.fps, media.sample_rate, media.notes) == (normal, 8, 16_000, ())
    np.testing.assert_allclose(levels(media), expected_levels(8, 80), atol=1)
    error = media.waveform - files.tone(10, 16_000)
    assert np.sqrt(np.mean(error[1000:-1000] ** 2)) < 0.01


@pytest.mark.parametrize("fps", [3, 4, 8, 16, 24, 25, 30])
def test_frame_i_is_what_a_viewer_sees_in_the_middle_of_its_interval(tmp_path, fps):
    count = 2 * fps
    path = files.write_clip(tmp_path / "clip.mp4", files.grey_frames(count), files.tone(2, 16_000), fps=fps)
    media = read_media(path, seconds=2)
    np.testing.assert_allclose(levels(media), expected_levels(fps, count, seconds=2), atol=1)


@pytest.mark.parametrize("out_fps", [1, 2.5, 10, 32])
def test_any_output_rate(tmp_path, out_fps):
    path = files.write_clip(tmp_path / "clip.mp4", files.grey_frames(16), files.tone(2, 16_000))
    media = read_media(path, fps=out_fps, seconds=2)
    shown = [min(int((i + 0.5) / out_fps * 8), 15) for i in range(round(2 * out_fps))]
    np.testing.assert_allclose(levels(media), files.grey_level(np.array(shown)), atol=1)


@pytest.mark.parametrize(("sample_rate", "layout", "channels"), [
    (8_000, "mono", 1), (44_100, "mono", 1), (48_000, "stereo", 2), (22_050, "stereo", 2), (48_000, "5.1", 6),
])  # fmt: skip
def test_every_rate_and_layout_becomes_exact_mono_at_the_same_loudness(tmp_path, sample_rate, layout, channels):
    sound = np.repeat(files.tone(10, sample_rate)[None], channels, axis=0)
    path = files.write_clip(tmp_path / "clip.mp4", files.grey_frames(80), sound, sample_rate=sample_rate, layout=layout)
    media = read_media(path)
    assert media.waveform.shape == (160_000,) and media.notes == ()
    loudness = np.sqrt(2 * np.mean(media.waveform[2000:-2000] ** 2))
    assert loudness == pytest.approx(files.TONE_AMPLITUDE, rel=0.03)


def test_a_stereo_pair_is_averaged(tmp_path):
    left = files.tone(10, 16_000)
    path = files.write_clip(tmp_path / "a.mkv", None, np.stack([left, 0 * left]), layout="stereo", audio_codec="flac")
    media = read_media(path, on_missing="fill")
    np.testing.assert_allclose(media.waveform, left / 2, atol=1e-3)


def test_loud_sound_stays_within_one(tmp_path):
    square = np.sign(files.tone(10, 16_000))
    path = files.write_clip(tmp_path / "loud.mp4", files.grey_frames(80), square)
    assert 0.9 < np.abs(read_media(path).waveform).max() <= 1.0


def test_short_file_is_padded_and_says_so(tmp_path):
    media = read_media(files.write_normal(tmp_path / "short.mp4", seconds=3))
    assert media.frames.shape[0] == 80 and media.waveform.shape == (160_000,)
    np.testing.assert_allclose(levels(media), expected_levels(8, 24), atol=1)
    assert np.abs(media.waveform[48_000 + 1600 :]).max() == 0
    assert any(note.startswith("video padded 7.000 s") for note in media.notes)
    assert any(note.startswith("audio padded 6.9") for note in media.notes)


def test_long_file_is_cut_and_says_so(tmp_path):
    media = read_media(files.write_normal(tmp_path / "long.mp4", seconds=25))
    np.testing.assert_allclose(levels(media), expected_levels(8, 80), atol=1)
    assert np.abs(media.waveform[-1600:]).max() > 0.3
    assert len(media.notes) == 1 and media.notes[0].startswith("cut 15.0")


def test_odd_sizes_and_squashing(tmp_path):
    frames = files.grey_frames(8, 37, 51)
    frames[:, :, 26:] = 255
    path = files.write_clip(tmp_path / "odd.mp4", frames, files.tone(1, 16_000))
    assert read_media(path, seconds=1).frames.shape == (8, 37, 51, 3)
    squashed = read_media(path, seconds=1, frame_size=(20, 30)).frames
    assert squashed.shape == (8, 20, 30, 3)
    assert np.all(squashed[:, :, 18:] > 240) and np.all(squashed[:, :, :12] < 80)


def test_colours_keep_their_channel(tmp_path):
    frames = np.zeros((8, 32, 32, 3), np.uint8)
    frames[:] = (200, 60, 20)
    media = read_media(files.write_clip(tmp_path / "red.mp4", frames, files.tone(1, 16_000)), seconds=1)
    np.testing.assert_allclose(media.frames.mean(axis=(0, 1, 2)), (200, 60, 20), atol=4)


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "flac"), ("mkv", "aac"), ("ts", "mp2"), ("mp4", "flac")])
def test_the_clock_starts_where_the_container_starts(tmp_path, suffix, codec):
    path = tmp_path / f"late.{suffix}"
    sound = files.tone(2, 16_000)
    files.write_clip(path, files.grey_frames(16), sound, frames_at=5.0, sound_at=(5.0,), audio_codec=codec)
    media = read_media(path, seconds=2)
    np.testing.assert_allclose(levels(media), expected_levels(8, 16, seconds=2), atol=1)
    assert np.abs(media.waveform[800:2400]).max() > 0.3


def test_late_streams_keep_their_offset(tmp_path):
    sound = files.tone(1.5, 16_000)
    late_sound = files.write_clip(
        tmp_path / "a.mkv", files.grey_frames(16), sound, sound_at=(0.5,), audio_codec="pcm_s16le"
    )
    media = read_media(late_sound, seconds=2)
    np.testing.assert_allclose(media.waveform[8000:], sound, atol=1e-3)
    assert np.abs(media.waveform[:8000]).max() == 0
    assert media.notes == ("audio starts 0.500 s late: silence before",)
    late_picture = files.write_clip(tmp_path / "v.mkv", files.grey_frames(12), files.tone(2, 16_000), frames_at=0.5)
    media = read_media(late_picture, seconds=2)
    np.testing.assert_allclose(levels(media)[:6], files.grey_level(np.array([0, 0, 0, 0, 0, 1])), atol=1)
    assert any(note.startswith("video starts 0.5") for note in media.notes)


def test_a_gap_in_the_sound_becomes_silence_in_its_place(tmp_path):
    sound = files.tone(2, 16_000)
    path = tmp_path / "gap.mkv"
    files.write_clip(path, files.grey_frames(24), sound, sound_at=(0.0, 2.0), audio_codec="pcm_s16le")
    media = read_media(path, seconds=3)
    np.testing.assert_allclose(media.waveform[:16_000], sound[:16_000], atol=1e-3)
    assert np.abs(media.waveform[16_000:32_000]).max() == 0
    np.testing.assert_allclose(media.waveform[32_000:], sound[16_000:], atol=1e-3)
    assert media.notes == ("audio gaps of 1.000 s together: silence in them",)


@pytest.mark.parametrize(("write", "missing", "filled"), [
    (files.write_without_sound, "no audio", "audio missing: silence"),
    (files.write_without_picture, "no video", "video missing: black frames"),
    (files.write_music_with_cover, "no video", "video missing: black frames"),
])  # fmt: skip
def test_a_missing_stream_is_refused_or_filled(tmp_path, write, missing, filled):
    path = write(tmp_path / "half.mp4")
    with pytest.raises(MediaError, match=rf'half\.mp4 has {missing}.*on_missing="fill"'):
        read_media(path)
    media = read_media(path, on_missing="fill", frame_size=(24, 32))
    assert media.frames.shape == (80, 24, 32, 3) and media.waveform.shape == (160_000,)
    assert media.notes == (filled,)
    assert not (media.frames if "video" in filled else media.waveform).any()
    assert (media.waveform if "video" in filled else media.frames).any()


def test_black_frames_have_a_default_size(tmp_path):
    path = files.write_without_picture(tmp_path / "sound.mp4")
    assert read_media(path, on_missing="fill").frames.shape == (80, 128, 128, 3)


@pytest.mark.parametrize("on_missing", ["error", "fill"])
@pytest.mark.parametrize(("write", "message"), [
    (files.write_truncated, "truncated before its index.*download or render it again"),
    (files.write_zero_frames, "neither a decodable picture nor sound.*get it again"),
    (lambda path: path.write_bytes(b""), "empty.*get it again"),
    (lambda path: path.write_text("filename\tevent_labels\n"), "is not a media file"),
    (lambda path: path.mkdir(), "no such file"),
    (lambda path: None, "no such file.*leave the video out"),
])  # fmt: skip
def test_unreadable_files_are_named_whatever_may_be_filled(tmp_path, write, message, on_missing):
    path = tmp_path / "bad.mp4"
    write(path)
    with pytest.raises(MediaError, match=rf"bad\.mp4.*{message}"):
        read_media(path, on_missing=on_missing)


@pytest.mark.parametrize(("suffix", "damage"), [
    ("mp4", "incomplete audio packet, as where a download broke off"),
    ("mkv", r"the file breaks off at \d\.\d\d s of the 10\.\d\d s it declares"),
])  # fmt: skip
def test_a_file_that_breaks_off_is_refused_or_padded(tmp_path, suffix, damage):
    path = files.write_broken_off(tmp_path / f"half.{suffix}")
    with pytest.raises(MediaError, match=rf'half\.{suffix} is damaged: {damage}.*decodes up to \d\.\d+ s.*"fill"'):
        read_media(path)
    media = read_media(path, on_missing="fill")
    assert re.fullmatch(f"damaged: {damage}", media.notes[0])
    np.testing.assert_allclose(levels(media)[:24], expected_levels(8, 80)[:24], atol=1)
    assert np.abs(media.waveform[:32_000]).max() > 0.3 and np.abs(media.waveform[-16_000:]).max() == 0


@pytest.mark.parametrize("wrong", [
    {"fps": 0}, {"seconds": -1}, {"sample_rate": 0}, {"fps": 0.01}, {"frame_size": (0, 4)}, {"on_missing": "ignore"},
])  # fmt: skip
def test_requests_without_sense_are_refused(normal, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        read_media(normal, **wrong)


def test_the_real_clip(llp_root):
    media = read_media(llp_root / "videos" / "BjCEufrlXm4.mp4")
    assert media.frames.shape == (80, 240, 320, 3) and media.waveform.shape == (160_000,)
    assert media.notes == ()
    assert np.sqrt(np.mean(media.waveform**2)) > 0.01 and media.frames.std() > 10


# ---- write_video


def test_flash_and_click_meet_after_encoding(tmp_path):
    frames = np.full((80, 64, 64, 3), 30, np.uint8)
    frames[24] = 250
    waveform = np.zeros(160_000, np.float32)
    waveform[48_000:48_032] = 0.9
    media = read_media(write_video(tmp_path / "clap.mp4", frames, waveform, 8, 16_000))
    assert levels(media).argmax() == 24
    assert abs(np.abs(media.waveform).argmax() / 16_000 - 3.001) < 0.01
    assert media.notes == ()


def test_written_clips_come_back(tmp_path):
    rows = np.linspace(0, 255, 128)
    frames = np.empty((80, 128, 128, 3), np.uint8)
    frames[..., 0], frames[..., 1], frames[..., 2] = rows, rows[:, None], 128
    waveform = files.tone(10, 16_000)
    path = write_video(tmp_path / "clip.mp4", frames, waveform, 8, 16_000)
    media = read_media(path)
    assert np.abs(media.frames.astype(int) - frames).mean() < 4
    assert np.sqrt(np.mean((media.waveform - waveform)[1000:-1000] ** 2)) < 0.01
    assert path.stat().st_size < 100_000
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]


def test_same_input_same_bytes(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (16, 64, 64, 3), dtype=np.uint8)
    first, second = (write_video(tmp_path / name, frames, files.tone(2, 16_000), 8, 16_000) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_sound_beyond_one_is_clipped(tmp_path):
    path = write_video(tmp_path / "loud.mp4", files.grey_frames(8), 10 * files.tone(1, 16_000), 8, 16_000)
    assert 0.8 < np.abs(read_media(path, seconds=1).waveform).max() <= 1.0


@pytest.mark.parametrize(("change", "message"), [
    ({"frames": files.grey_frames(8).astype(np.float32)}, "uint8"),
    ({"frames": files.grey_frames(8)[..., 0]}, r"\(F, H, W, 3\)"),
    ({"frames": files.grey_frames(0)}, "F >= 1"),
    ({"frames": files.grey_frames(8, 47, 64)}, "even sizes, got 47 x 64"),
    ({"waveform": np.zeros((2, 16_000), np.float32)}, "mono"),
    ({"waveform": np.zeros(16_000, np.int16)}, "float mono"),
    ({"waveform": np.array([0.0, np.nan])}, "NaN or infinity at sample 1"),
    ({"sample_rate": 10_000}, "no sample rate 10000"),
])  # fmt: skip
def test_the_writer_refuses_what_it_cannot_encode(tmp_path, change, message):
    clip = {"frames": files.grey_frames(8), "waveform": files.tone(1, 16_000), "fps": 8, "sample_rate": 16_000} | change
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "clip.mp4", **clip)
    assert not any(tmp_path.iterdir())
