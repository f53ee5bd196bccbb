"""Published features of a folder: one decode a video, nothing made twice, and a table of what went wrong that a person can act on."""

import json
import multiprocessing
import os
import shutil
import struct
from fractions import Fraction

import av
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from avvp_lib.features import folder_extraction, folder_reading
from avvp_lib.features.bank import FeatureBank
from avvp_lib.features.clip_media import ADVICE, read_clip
from avvp_lib.features.folder_banks import FAILURE_COLUMNS
from avvp_lib.features.folder_extraction import extract_folder
from avvp_lib.features.media import MediaError
from avvp_lib.features.video_lists import find_videos
from avvp_lib.locks import exclusive
from avvp_lib.provenance import import_closure
from tests import media_files as files
from tests.features.small_backbones import build_small

NAMES = ["small-picture", "small-sound", "small-sound-48"]


def write_small(path, seconds=10.0, tint=0, sound=None, **options):
    """A tiny picture whose grey counts, and a tone of its own: no two clips sound alike."""
    pictures = files.grey_frames(round(seconds * 8), *options.pop("size", (16, 24)))
    pictures[..., 0] = pictures[..., 0] // 2 + tint
    rate = options.setdefault("sample_rate", 16_000)
    options.setdefault("audio_codec", "flac")  # aac takes five times as long to encode
    if sound is None:
        sound = files.tone(seconds, rate, frequency=300.0 + 20 * tint)
    return files.write_clip(path, pictures, sound, **options)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Five good clips; nobody changes them."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(5):
        write_small(folder / f"clip{number}.mp4", tint=number)
    return folder


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded, as they are."""
    names = []

    def counted(path, on_missing):
        names.append(path.name)
        return read_clip(path, on_missing)

    monkeypatch.setattr(folder_reading, "read_clip", counted)
    return names


def run(videos, out, names=NAMES, **options):
    videos = videos if isinstance(videos, dict) else find_videos(videos)
    return extract_folder(videos, names, out, build_small, workers=1, progress=False, **options)


def contents(folder):
    """The bytes of every file below a folder but for locks; names of unfinished files included."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_one_decode_fills_a_bank_a_backbone(clips, decoded, tmp_path):
    report = run(clips, tmp_path)
    assert (report.videos, report.read, report.waiting, report.failures, report.notes) == (5, 5, 0, {}, {})
    assert decoded == [f"clip{number}.mp4" for number in range(5)], "one decode for three backbones"
    assert sorted(os.listdir(tmp_path)) == sorted([".lock", *NAMES, "videos.json"])
    for name, folder in report.banks.items():
        bank, backbone = FeatureBank.open(folder, verify=True), build_small(name)
        assert bank.card == backbone.card and bank.ids == tuple(f"clip{number}" for number in range(5))
        for video in ("clip1", "clip4"):
            expected = backbone.encode(backbone.prepare(read_clip(clips / f"{video}.mp4"))).numpy()
            np.testing.assert_allclose(bank.take([video])[0], expected, rtol=1e-3, atol=1e-3)
        assert np.abs(bank.take(["clip1"]) - bank.take(["clip4"])).max() > 0.01


def test_the_same_call_does_nothing(clips, decoded, tmp_path):
    run(clips, tmp_path)
    before = times(tmp_path)
    decoded.clear()
    videos = dict(reversed(find_videos(clips).items()))
    again = run(videos, tmp_path)
    assert decoded == [] and times(tmp_path) == before and (again.read, again.videos) == (0, 5)
    assert str(again) == "5 videos, 5 of them done before"


def test_a_video_more_and_a_backbone_more_leave_what_is_there(clips, decoded, tmp_path):
    videos = find_videos(clips)
    few = {video: videos[video] for video in ("clip1", "clip3")}
    run(few, tmp_path / "out", NAMES[:1])
    decoded.clear()
    run(videos, tmp_path / "out", NAMES[:1])
    assert decoded == ["clip0.mp4", "clip2.mp4", "clip4.mp4"]
    decoded.clear()
    bank = times(tmp_path / "out" / NAMES[0])
    run(videos, tmp_path / "out", NAMES)
    assert len(decoded) == 5 and times(tmp_path / "out" / NAMES[0]) == bank
    run(clips, tmp_path / "at once")
    assert contents(tmp_path / "out") == contents(tmp_path / "at once")
    decoded.clear()
    run(few, tmp_path / "out")
    assert decoded == [] and FeatureBank.open(tmp_path / "out" / NAMES[1]).ids == ("clip1", "clip3")


def test_another_file_other_weights_other_code_and_another_rule_are_due(clips, decoded, tmp_path, monkeypatch):
    folder, out = shutil.copytree(clips, tmp_path / "clips"), tmp_path / "out"
    run(folder, out)
    before = {name: FeatureBank.open(out / name).take(["clip0", "clip1"]) for name in NAMES}

    shutil.copy(clips / "clip3.mp4", folder / "clip0.mp4")
    decoded.clear()
    run(folder, out)
    assert decoded == ["clip0.mp4"]
    rows = FeatureBank.open(out / NAMES[0]).take(["clip0", "clip1"])
    assert np.abs(rows - before[NAMES[0]])[0].max() > 0.01 and np.array_equal(rows[1], before[NAMES[0]][1])

    weights = tmp_path / "sound.safetensors"
    state = build_small("small-sound").network.state_dict()
    save_file({key: value + 1 for key, value in state.items()}, weights)
    others = times(out / "small-picture")
    decoded.clear()
    run(folder, out, weights={"small-sound": weights})
    assert len(decoded) == 5 and times(out / "small-picture") == others, "one backbone's weights are no other's"
    assert np.abs(FeatureBank.open(out / "small-sound").take(["clip1"]) - before["small-sound"][1:]).max() > 0.5

    decoded.clear()
    run(folder, out, weights={"small-sound": weights}, on_missing="fill")
    assert len(decoded) == 5
    decoded.clear()
    monkeypatch.setattr(folder_extraction, "feature_code", lambda build: "another")
    run(folder, out, weights={"small-sound": weights}, on_missing="fill")
    assert len(decoded) == 5


def test_the_code_that_counts():
    modules = import_closure(build_small.__module__, "avvp_lib.features.clip_media")
    assert {"avvp_lib.features.media", "avvp_lib.features.log_mel", "tests.features.small_backbones"} <= set(modules)
    assert not any("folder" in name for name in modules)
    assert folder_reading.feature_code(build_small) != folder_reading.feature_code(read_clip)


def test_shards_share_the_work_and_the_last_one_joins(clips, decoded, tmp_path):
    run(clips, tmp_path / "whole")
    decoded.clear()
    for part, waiting in ((3, 4), (1, 2), (2, 0)):
        report = run(clips, tmp_path / "out", shard=(part, 3))
        assert (report.waiting, bool(report.banks)) == (waiting, waiting == 0)
        if waiting:
            assert f"no banks yet: {waiting} videos of other shards are missing" in str(report)
            assert not (tmp_path / "out" / "small-sound").exists()
    assert decoded == [f"clip{number}.mp4" for number in (2, 0, 3, 1, 4)]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_call_without_a_shard_does_what_is_missing(clips, decoded, tmp_path):
    run(clips, tmp_path, shard=(2, 2))
    decoded.clear()
    assert run(clips, tmp_path).videos == 5
    assert decoded == ["clip0.mp4", "clip2.mp4", "clip4.mp4"] and len(FeatureBank.open(tmp_path / NAMES[0])) == 5


def test_parts_stay_while_another_shard_is_at_work(clips, tmp_path):
    with exclusive(tmp_path / "out" / ".parts" / "shard-4-of-9"):
        run(clips, tmp_path / "out")
        assert (tmp_path / "out" / ".parts").is_dir() and len(FeatureBank.open(tmp_path / "out" / NAMES[0])) == 5
    run(clips, tmp_path / "out")
    assert not (tmp_path / "out" / ".parts").exists()


def broken_off(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "step",
    [
        "reading.write_json",
        "banks._write_lists",
        "banks._write_csv",
        "banks.write_json",
        "banks.FeatureBank.write",
        "extraction.tidy",
    ],
)
def test_an_end_between_any_two_steps_is_mended(clips, decoded, tmp_path, monkeypatch, step):
    videos = {**find_videos(clips), "absent": clips / "absent.mp4"}
    run(videos, tmp_path / "whole")
    run(videos, tmp_path / "out", shard=(1, 2))
    run({video: videos[video] for video in list(videos)[2:]}, tmp_path / "out", NAMES[:1], shard=(1, 2))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"avvp_lib.features.folder_{step}", broken_off)
        run(videos, tmp_path / "out")
    run(videos, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_unfinished_files_of_killed_runs_are_not_read(clips, tmp_path):
    run(clips, tmp_path / "whole")
    run(clips, tmp_path / "out", shard=(1, 2))
    for name in (".parts/small-sound/.0123.77.npy", ".parts/readings/.0123.77.json", ".videos.77.json"):
        (tmp_path / "out" / name).write_bytes(b"half")
    run(clips, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_part_that_lost_its_content_is_named_and_made_again(clips, decoded, tmp_path):
    run(clips, tmp_path, shard=(1, 2))
    part = next((tmp_path / ".parts" / "small-sound").glob("*.npy"))
    part.write_bytes(b"")
    next((tmp_path / ".parts" / "readings").glob("*.json")).write_bytes(b"")
    with pytest.raises(ValueError, match=f"{part.name} is not a readable .npy array.*the same call makes it again"):
        run(clips, tmp_path)
    decoded.clear()
    assert len(FeatureBank.open(run(clips, tmp_path).banks["small-sound"])) == 5 and len(decoded) == 1, (
        "a reading that lost its content was made again by the first call"
    )


def test_a_batch_does_not_change_a_video(clips, tmp_path, monkeypatch):
    """What a GPU does, on the CPU: several videos at a time and threads that read ahead."""
    monkeypatch.setattr(folder_extraction, "job_sizes", lambda device, workers: (1, 2, 4, 3))
    run(clips, tmp_path / "all")
    run({video: clips / f"{video}.mp4" for video in ("clip4", "clip0")}, tmp_path / "some")
    for name in NAMES:
        one, two = (FeatureBank.open(tmp_path / out / name).take(["clip0", "clip4"]) for out in ("all", "some"))
        assert np.array_equal(one, two)
        backbone = build_small(name)
        alone = backbone.encode(backbone.prepare(read_clip(clips / "clip4.mp4"))).numpy()
        np.testing.assert_allclose(one[1], alone, rtol=1e-3, atol=1e-3)


def test_failures_count_as_done_until_they_change_or_are_asked_again(clips, decoded, tmp_path):
    videos = {**find_videos(clips), "bad": tmp_path / "bad.mp4"}
    assert run(videos, tmp_path / "out").failures == {"bad": ("absent", "there is no such file")}
    decoded.clear()
    report = run(videos, tmp_path / "out")
    assert decoded == [] and list(report.failures) == ["bad"] and "failed: 1 absent" in str(report)
    run(videos, tmp_path / "out", retry_failures=True)
    assert decoded == ["bad.mp4"]
    shutil.copy(clips / "clip0.mp4", tmp_path / "bad.mp4")
    report = run(videos, tmp_path / "out")
    assert report.failures == {} and not (tmp_path / "out" / "failures.csv").exists()
    assert "bad" in FeatureBank.open(tmp_path / "out" / NAMES[0])


def test_what_a_backbone_cannot_prepare_is_left_out_and_named(clips, tmp_path, monkeypatch):
    def odd(self, media):
        if media.path.name == "clip2.mp4":
            raise IndexError("too small")
        return prepare(self, media)

    kind = type(build_small("small-picture"))
    prepare = kind.prepare
    monkeypatch.setattr(kind, "prepare", odd)
    assert run(clips, tmp_path).failures == {"clip2": ("unexpected", "IndexError: too small")}
    assert FeatureBank.open(tmp_path / "small-sound").ids == ("clip0", "clip1", "clip3", "clip4")


def test_numbers_that_are_none_end_the_work_with_a_name(clips, tmp_path):
    weights = tmp_path / "weights.safetensors"
    state = build_small("small-picture").network.state_dict()
    save_file({key: value * float("nan") for key, value in state.items()}, weights)
    with pytest.raises(FloatingPointError, match=r"small-picture makes NaN or infinity of .*clip0\.mp4"):
        run(clips, tmp_path / "out", weights={"small-picture": weights})


def test_calls_without_sense(clips, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="nothing to extract: 0 videos and 3 backbones"):
        run({}, tmp_path)
    with pytest.raises(ValueError, match="there is no shard 3 of 2: count from 1/2 to 2/2"):
        run(clips, tmp_path, shard=(3, 2))
    with pytest.raises(ValueError, match="weights were given for clap, which is not to be extracted"):
        run(clips, tmp_path, weights={"clap": tmp_path})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device 'cuda' was asked for, but PyTorch sees no GPU"):
        run(clips, tmp_path, device="cuda")
    with pytest.raises(
        MediaError, match=r"none of 1 videos could be read: see .*failures\.csv; the first, x: there is no such file"
    ):
        run({"x": clips / "x.mp4"}, tmp_path / "none")
    assert list(pd.read_csv(tmp_path / "none" / "failures.csv")["kind"]) == ["absent"]


@pytest.mark.parametrize(
    ("process", "device"), [("MainProcess", 0), ("SpawnProcess-1", 0), ("SpawnProcess-3", 2), ("SpawnProcess-5", 0)]
)
def test_every_process_has_a_gpu_of_its_own(monkeypatch, process, device):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(multiprocessing.current_process(), "_name", process)
    assert folder_reading._own_device("cuda") == f"cuda:{device}"
    assert folder_reading._own_device("cuda:3") == "cuda:3" and folder_reading._own_device("cpu") == "cpu"
    assert folder_reading.job_sizes("cuda", 16) == (4, folder_reading.GPU_BATCH, folder_reading.GPU_TASK, 4)
    assert folder_reading.job_sizes("cpu", 16) == (16, 1, 1, 0)


# ---- sixty files, fifteen of them out of the ordinary


def write_rotated(path):
    write_small(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    data[place : place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 16 << 16, 0, 1 << 30)
    path.write_bytes(data)


def write_uneven_frames(path):
    """Time stamps that jump: 40 frames at 8 a second, then 51 at 10."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=40)
        stream.height, stream.width, stream.pix_fmt, stream.time_base = 16, 24, "yuv420p", Fraction(1, 40)
        moments = [5 * frame for frame in range(40)] + [200 + 4 * frame for frame in range(51)]
        packets = []
        for pixels, moment in zip(files.grey_frames(91, 16, 24), moments, strict=True):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = moment, Fraction(1, 40)
            packets += stream.encode(picture)
        packets += stream.encode(None)
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        packets += files._audio_packets(audio, files.tone(10, 16_000)[None], 16_000, "mono", (0.0,))
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)


def write_corrupt_middle(path):
    data = bytearray(files.write_normal(path).read_bytes())
    middle, length = len(data) // 2, len(data) // 5
    data[middle - length // 2 : middle + length // 2] = np.random.default_rng(0).bytes(length // 2 * 2)
    path.write_bytes(data)


def write_locked(path):
    write_small(path)
    path.chmod(0)


STEREO = np.stack([files.tone(10, 96_000), files.tone(10, 96_000)])
OUT_OF_THE_ORDINARY = {
    # file: how it is made, the kind of failure or None where it must work, and what the reason or the note says
    "truncated": (files.write_truncated, "not a video", "cannot be opened as a video"),
    "zero_bytes": (lambda path: path.write_bytes(b""), "empty", "it has 0 bytes"),
    "text": (lambda path: path.write_text("filename\tevent_labels\n"), "not a video", "cannot be opened as a video"),
    "no_audio": (files.write_without_sound, "no sound", "there is no audio stream"),
    "no_video": (files.write_without_picture, "no picture", "there is no video stream"),
    "three_seconds": (lambda path: write_small(path, 3), None, "video padded 7.000 s"),
    "long": (lambda path: write_small(path, 25), None, "cut 15.0"),
    "mono_8_khz": (lambda path: write_small(path, sample_rate=8_000), None, None),
    "stereo_96_khz": (lambda path: write_small(path, sound=STEREO, sample_rate=96_000, layout="stereo"), None, None),
    "uneven_frames": (write_uneven_frames, None, None),
    "rotated": (write_rotated, None, "turned 90 degrees clockwise"),
    "odd_size": (lambda path: write_small(path, size=(17, 25)), None, None),
    "one_frame": (lambda path: write_small(path, 1 / 8, sound=files.tone(10, 16_000)), None, "video padded 9.875 s"),
    "corrupt_middle": (write_corrupt_middle, "damaged", "undecodable"),
    "locked": (write_locked, "no permission", "it must not be read"),
}
GOOD = 45


def test_sixty_files_of_which_fifteen_are_out_of_the_ordinary(tmp_path):
    videos, out = tmp_path / "videos", tmp_path / "features"
    videos.mkdir()
    expected = dict.fromkeys([f"good{number:02d}" for number in range(GOOD)], (None, None))
    for number in range(GOOD):
        write_small(videos / f"good{number:02d}.mp4", tint=number)
    for name, (write, kind, said) in OUT_OF_THE_ORDINARY.items():
        write(videos / f"{name}.mp4")
        may_read_all = name == "locked" and os.access(videos / "locked.mp4", os.R_OK)  # root
        expected[name] = (None, None) if may_read_all else (kind, said)

    assert len(expected) == 60
    report = run(videos, out, NAMES[:2])

    table = pd.read_csv(out / "failures.csv").set_index("video")
    assert (table.index.name, *table.columns) == FAILURE_COLUMNS
    notes = pd.read_csv(out / "notes.csv").groupby("video")["note"].agg(list).to_dict()
    banks = [FeatureBank.open(report.banks[name], verify=True) for name in NAMES[:2]]
    for video, (kind, said) in expected.items():
        assert all((video in bank) == (kind is None) for bank in banks), video
        if kind is None:
            assert video not in table.index and video not in report.failures
            assert bool(notes.get(video)) == (said is not None), (video, notes.get(video))
            assert said is None or any(note.startswith(said) for note in notes[video]), notes[video]
            assert list(report.notes.get(video, ())) == notes.get(video, [])
        else:
            row = table.loc[video]
            assert (row["file"], row["kind"], row["what to do"]) == (str(videos / f"{video}.mp4"), kind, ADVICE[kind])
            assert said in row["reason"] and report.failures[video] == (kind, row["reason"])
    legal = [video for video, (kind, _) in expected.items() if kind is None]
    assert sorted(table.index) == sorted(set(expected) - set(legal)) and set(notes) <= set(legal)
    assert (report.videos, report.read, len(report.failures)) == (60, len(legal), 60 - len(legal))
    assert banks[0].ids == tuple(sorted(legal))
    stored = json.loads((out / "videos.json").read_text())
    assert sorted(stored) == sorted(expected)
    assert len({row.tobytes() for row in banks[1].take(legal)}) > GOOD, "each good clip has its own tone"
