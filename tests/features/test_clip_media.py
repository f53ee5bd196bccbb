"""Reading for the published backbones: the rules of `read_media`, at the file's own size, upright, with sound at two rates."""

import os
import struct

import numpy as np
import pytest

from avvp_lib.features.clip_media import ADVICE, RATES, ClipError, ClipMedia, read_clip
from avvp_lib.features.media import read_media
from tests import media_files as files
from tests.oracles.bare_decoding import bare_loop


@pytest.fixture(scope="module")
def normal(tmp_path_factory):
    return files.write_normal(tmp_path_factory.mktemp("media") / "normal.mp4")


def turned_flag(path, matrix):
    """Write another display matrix into an mp4's track header, as QuickTime's format has it: nine 32-bit numbers."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    assert struct.unpack(">9i", data[place : place + 36]) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    data[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path


def test_pictures_are_those_of_read_media_and_sound_is_resampled_once_from_the_files_own_rate(normal):
    clip, media = read_clip(normal), read_media(normal)
    assert isinstance(clip, ClipMedia) and (clip.path, clip.notes) == (normal, ())
    np.testing.assert_array_equal(clip.frames, media.frames)
    np.testing.assert_array_equal(clip.sounds[16_000], media.waveform)
    np.testing.assert_array_equal(clip.sounds[48_000], read_media(normal, sample_rate=48_000).waveform)
    assert set(clip.sounds) == set(RATES) and {wave.dtype for wave in clip.sounds.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("matrix", "quarters", "said"), [
    ((0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30), -1, "turned 90 degrees clockwise"),
    ((0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 64 << 16, 1 << 30), 1, "turned 90 degrees anticlockwise"),
    ((-(1 << 16), 0, 0, 0, -(1 << 16), 0, 64 << 16, 48 << 16, 1 << 30), 2, "turned 180 degrees"),
])  # fmt: skip
def test_rotation_flags_are_obeyed(tmp_path, matrix, quarters, said):
    """x' = a x + c y + tx, y' = b x + d y + ty: with b = 1 and c = -1 the upper left corner comes to the upper right."""
    pictures = np.zeros((80, 48, 64, 3), np.uint8)
    pictures[:, :16, :16], pictures[:, 32:, :16] = 250, 120
    path = files.write_clip(tmp_path / "turned.mp4", pictures, files.tone(10, 16_000))
    clip = read_clip(turned_flag(path, matrix))
    expected = np.rot90(pictures, quarters, axes=(1, 2)).astype(int)
    assert clip.frames.shape == expected.shape and clip.frames.flags.c_contiguous
    assert np.abs(clip.frames - expected).mean() < 4
    (note,) = clip.notes
    assert note.startswith(said)


def test_what_is_not_a_quarter_turn_is_left_and_noted(tmp_path):
    path = files.write_normal(tmp_path / "askew.mp4")
    turned_flag(path, (56756, 32768, 0, -32768, 56756, 0, 0, 0, 1 << 30))  # 30 degrees
    clip = read_clip(path)
    assert clip.frames.shape == (80, 48, 64, 3)
    (note,) = clip.notes
    assert note in {f"rotation flag of -{angle} degrees ignored: only quarter turns are made" for angle in (29, 30)}


def test_short_long_and_odd_clips(tmp_path):
    short = read_clip(files.write_normal(tmp_path / "short.mp4", 3))
    assert short.frames.shape == (80, 48, 64, 3) and [len(short.sounds[rate]) for rate in RATES] == [160_000, 480_000]
    assert short.notes[0].startswith("video padded 7.000 s") and short.notes[1].startswith("audio padded 6.9")
    (note,) = read_clip(files.write_normal(tmp_path / "long.mp4", 25)).notes
    assert note.startswith("cut 15.0")
    odd = files.write_clip(tmp_path / "odd.mp4", files.grey_frames(80, 37, 51), files.tone(10, 16_000))
    assert read_clip(odd).frames.shape == (80, 37, 51, 3)


@pytest.mark.parametrize(("kind", "write", "fills"), [
    ("absent", lambda path: path, None),
    ("empty", lambda path: path.write_bytes(b""), None),
    ("not a video", files.write_truncated, None),
    ("not a video", lambda path: path.write_text("filename\tevent_labels\n"), None),
    ("nothing decodable", files.write_zero_frames, None),
    ("damaged", files.write_broken_off, "damaged: incomplete audio packet"),
    ("no sound", files.write_without_sound, "audio missing: silence"),
    ("no picture", files.write_without_picture, "video missing: black frames"),
])  # fmt: skip
def test_each_failure_has_its_kind_and_advice(tmp_path, kind, write, fills):
    path = tmp_path / "bad.mp4"
    write(path)
    with pytest.raises(ClipError) as caught:
        read_clip(path)
    error = caught.value
    assert (error.kind, error.path, error.advice) == (kind, path, ADVICE[kind])
    assert str(error) == f"{path}: {error.reason}. {error.advice}"
    if fills is None:
        with pytest.raises(ClipError, match=r"bad\.mp4"):
            read_clip(path, on_missing="fill")
    else:
        assert read_clip(path, on_missing="fill").notes[0].startswith(fills)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_must_not_be_read(normal, tmp_path):
    path = tmp_path / "secret.mp4"
    path.write_bytes(normal.read_bytes())
    path.chmod(0)
    with pytest.raises(ClipError, match="chmod u") as caught:
        read_clip(path)
    assert caught.value.kind == "no permission"


def test_a_request_without_sense_is_refused(normal):
    with pytest.raises(ValueError, match="on_missing"):
        read_clip(normal, on_missing="ignore")


def test_the_real_clip_has_the_pictures_of_a_bare_loop(llp_root):
    """What reading costs beside that loop: benchmarks/extraction.py."""
    path = llp_root / "videos" / "BjCEufrlXm4.mp4"
    if not path.is_file():
        pytest.skip("the real clip is not beside this checkout")
    clip, (pictures, _) = read_clip(path), bare_loop(path)
    assert clip.frames.shape == (80, 240, 320, 3) and clip.notes == ()
    assert np.abs(clip.frames.astype(int) - pictures).mean() < 1
