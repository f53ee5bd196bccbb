"""Extraction: one decode a video, banks that are kept while they are current, and going on after any interruption."""

import json
import logging
import os
import shutil

import numpy as np
import pandas as pd
import pytest

from avvp_lib.features import extraction
from avvp_lib.features.backbones import BACKBONES, build_backbone
from avvp_lib.features.bank import FeatureBank
from avvp_lib.features.extraction import ExtractionReport, extract
from avvp_lib.features.media import MediaError, read_media
from avvp_lib.provenance import import_closure
from tests.media_files import write_truncated, write_without_sound, write_zero_frames

QUICK = ["tiny-clap", "tiny-clip"]


@pytest.fixture
def videos(clips):
    """Five ids on three files, in an order that is not sorted."""
    files = list(clips.values())
    return dict(zip(["d", "a", "e", "b", "c"], files + files[:2], strict=True))


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded, as they are."""
    names = []

    def counted(path, **options):
        names.append(path.name)
        return read_media(path, **options)

    monkeypatch.setattr(extraction, "read_media", counted)
    monkeypatch.setattr(extraction, "VIDEOS_PER_CHUNK", 2)
    return names


def run(videos, out, backbones=QUICK, **options) -> ExtractionReport:
    return extract(videos, backbones, out, workers=1, progress=False, **options)


def banks(out, names=QUICK):
    return {name: FeatureBank.open(out / name, verify=True) for name in names}


def visible(folder):
    """The names in a folder but for the lock that runs take turns with."""
    return sorted(name for name in os.listdir(folder) if name != ".lock")


def contents(folder):
    """The bytes of every file below a folder but for locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_one_decode_a_video_fills_one_bank_a_backbone_by_id(videos, decoded, tmp_path):
    report = run(videos, tmp_path / "features", BACKBONES)
    assert report == ExtractionReport({name: tmp_path / "features" / name for name in BACKBONES}, 5, {})
    assert sorted(decoded) == sorted(path.name for path in videos.values())
    assert visible(tmp_path / "features") == sorted(BACKBONES), "no parts and no list of failures are left"
    for name, bank in banks(tmp_path / "features", BACKBONES).items():
        backbone = build_backbone(name)
        assert set(bank.ids) == set(videos) and bank.card == backbone.card
        for key in ("b", "e"):
            expected = backbone(read_media(videos[key], **backbone.reading))
            np.testing.assert_allclose(bank.take([key])[0], expected, rtol=1e-3, atol=1e-3)


def test_a_second_call_does_nothing(videos, decoded, tmp_path):
    first = run(videos, tmp_path)
    changed = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    decoded.clear()
    assert run(dict(reversed(videos.items())), tmp_path) == first, "the order of the videos does not matter"
    assert decoded == [] and {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == changed


def test_an_interrupted_extraction_goes_on(videos, decoded, tmp_path, monkeypatch):
    def interrupted(path, **options):
        if len(decoded) == 3:  # in the middle of the second chunk of two
            raise KeyboardInterrupt
        return counted(path, **options)

    counted = extraction.read_media
    monkeypatch.setattr(extraction, "read_media", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(videos, tmp_path)
    assert visible(tmp_path) == [".parts"] and len(list((tmp_path / ".parts").iterdir())) == 1
    decoded.clear()
    monkeypatch.setattr(extraction, "read_media", counted)
    assert run(videos, tmp_path).videos == 5
    assert decoded == [videos[key].name for key in ("e", "b", "c")], "the first chunk, d and a, was finished"
    whole = run(videos, tmp_path.with_name("at once")).banks
    for name, bank in banks(tmp_path).items():
        assert bank.content_hash == FeatureBank.open(whole[name]).content_hash


def test_another_backbone_leaves_the_banks_that_are_there(videos, decoded, tmp_path):
    run(videos, tmp_path, ["tiny-clip"])
    before = (tmp_path / "tiny-clip" / "bank.json").stat().st_mtime_ns
    assert set(run(videos, tmp_path, ["tiny-clap", "tiny-clip"]).banks) == {"tiny-clap", "tiny-clip"}
    assert (tmp_path / "tiny-clip" / "bank.json").stat().st_mtime_ns == before
    assert len(banks(tmp_path)["tiny-clap"]) == 5


def test_files_that_changed_and_other_videos_are_extracted_again(clips, decoded, tmp_path):
    one, two, three = clips.values()
    copy = tmp_path / "video.mp4"
    shutil.copy(one, copy)
    run({"x": copy, "y": two}, tmp_path / "features")
    before = banks(tmp_path / "features")["tiny-clip"].take(["x"])
    shutil.copy(three, copy)
    run({"x": copy, "y": two}, tmp_path / "features")
    assert np.abs(banks(tmp_path / "features")["tiny-clip"].take(["x"]) - before).max() > 0.1
    run({"x": copy}, tmp_path / "features")
    assert banks(tmp_path / "features")["tiny-clip"].ids == ("x",)


def test_a_damaged_bank_is_made_again(videos, decoded, tmp_path):
    run(videos, tmp_path)
    (tmp_path / "tiny-clip" / "bank.json").write_text("{")
    run(videos, tmp_path)
    assert len(banks(tmp_path)["tiny-clip"]) == 5


def test_other_feature_code_extracts_again(videos, decoded, tmp_path, monkeypatch):
    run(videos, tmp_path)
    decoded.clear()
    monkeypatch.setattr(extraction, "feature_code", lambda: "another")
    run(videos, tmp_path)
    assert len(decoded) == 5
    record = json.loads((tmp_path / "tiny-clip" / "extraction.json").read_text())
    assert record["code"] == "another" and not (tmp_path / ".parts").exists()


def test_the_code_that_counts_is_that_of_the_features():
    closure = import_closure("avvp_lib.features.backbones", "avvp_lib.features.media")
    assert {"avvp_lib.features.tiny_teachers", "avvp_lib.features.log_mel"} <= set(closure)
    assert not {"avvp_lib.features.extraction", "avvp_lib.training", "avvp_lib.cli"} & set(closure)


def test_chunks_of_other_code_are_not_mixed_in(videos, decoded, tmp_path, monkeypatch):
    with monkeypatch.context() as old, pytest.raises(KeyboardInterrupt):
        old.setattr(extraction, "_collect", broken_off)
        old.setattr(extraction, "feature_code", lambda: "old")
        run(videos, tmp_path)
    assert len(list((tmp_path / ".parts").iterdir())) == 3
    decoded.clear()
    assert run(videos, tmp_path).videos == 5
    assert len(decoded) == 5 and visible(tmp_path) == sorted(QUICK)


def broken_off(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["FeatureBank.write", "write_json", "_write_failures", "shutil.rmtree"])
def test_an_end_between_any_two_steps_is_mended(broken, decoded, tmp_path, monkeypatch, step):
    """What follows the chunks: banks, their records, the list of failures, and away with the chunks."""
    run(broken, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"avvp_lib.features.extraction.{step}", broken_off)
        run(broken, tmp_path / "out")
    assert (tmp_path / "out" / ".parts").exists()
    decoded.clear()
    run(broken, tmp_path / "out")
    assert decoded == [], "all chunks were there"
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_leftovers_of_killed_runs_go(videos, decoded, tmp_path):
    run(videos, tmp_path / "whole")
    out = tmp_path / "out"
    for name in (".failures.77.csv", ".parts/.0123.77.npz", "tiny-clip/.bank.77.json", "tiny-clip/.features-01.77.npy"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("half")
    (out / "tiny-clip" / "features-0123456789abcdef.npy").write_text("of a bank that was never finished")
    run(videos, out)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.fixture
def broken(videos, tmp_path):
    """Good and bad files: truncated, without one frame, without sound, and absent."""
    folder = tmp_path / "media"
    folder.mkdir()
    return {
        "good": videos["a"],
        "truncated": write_truncated(folder / "truncated.mp4"),
        "no frames": write_zero_frames(folder / "zero.mp4"),
        "no sound": write_without_sound(folder / "mute.mp4"),
        "absent": folder / "absent.mp4",
        "fine": videos["b"],
    }


def test_bad_files_are_left_out_and_listed_with_the_reason(broken, decoded, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        report = run(broken, tmp_path / "out")
    assert "4 of 6 videos could not be read: see" in caplog.text
    assert report.videos == 2 and list(report.failures) == ["truncated", "no frames", "no sound", "absent"]
    for bank in banks(tmp_path / "out").values():
        assert bank.ids == ("good", "fine")
    table = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert list(table.columns) == ["video", "reason"]
    assert dict(table.itertuples(index=False)) == report.failures
    assert "mute.mp4 has no audio" in report.failures["no sound"]
    assert "no such file" in report.failures["absent"]
    decoded.clear()
    assert run(broken, tmp_path / "out") == report and decoded == [], "failures count as done until their files change"


def test_what_is_missing_can_be_filled_in_afterwards(broken, decoded, tmp_path):
    run(broken, tmp_path / "out")
    report = run(broken, tmp_path / "out", on_missing="fill")
    assert report.videos == 3 and "no sound" not in report.failures
    assert "no sound" in banks(tmp_path / "out")["tiny-clap"]
    assert list(pd.read_csv(tmp_path / "out" / "failures.csv")["video"]) == list(report.failures)


def test_a_mended_file_is_taken_in_and_the_list_of_failures_goes(videos, decoded, tmp_path):
    bad = write_truncated(tmp_path / "bad.mp4")
    assert set(run({"a": videos["a"], "bad": bad}, tmp_path / "out").failures) == {"bad"}
    shutil.copy(videos["b"], bad)
    report = run({"a": videos["a"], "bad": bad}, tmp_path / "out")
    assert report.videos == 2 and report.failures == {} and not (tmp_path / "out" / "failures.csv").exists()


def test_nothing_to_do_and_nothing_readable_are_errors_that_say_so(videos, tmp_path):
    with pytest.raises(MediaError, match=r"none of 1 videos could be read; the first: .*absent\.mp4"):
        run({"x": tmp_path / "absent.mp4"}, tmp_path)
    with pytest.raises(ValueError, match="nothing to extract: 0 videos and 2 backbones"):
        run({}, tmp_path)
    with pytest.raises(ValueError, match="nothing to extract: 5 videos and 0 backbones"):
        run(videos, tmp_path, [])
    with pytest.raises(ValueError, match="unknown backbone 'vgg'"):
        run(videos, tmp_path, ["tiny-clip", "vgg"])


@pytest.mark.slow
def test_two_processes_make_the_same_banks(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "VIDEOS_PER_CHUNK", 2)
    one = run(videos, tmp_path / "one")
    two = extract(videos, QUICK, tmp_path / "two", workers=2, progress=False)
    for name in QUICK:
        hashes = {FeatureBank.open(report.banks[name]).content_hash for report in (one, two)}
        assert len(hashes) == 1


def test_the_real_clip_is_extracted_like_any_other(llp_root, tmp_path):
    path = llp_root / "videos" / "BjCEufrlXm4.mp4"
    if not path.is_file():
        pytest.skip("the real clip is not beside this checkout")
    report = run({"BjCEufrlXm4": path}, tmp_path, BACKBONES)
    assert report.videos == 1 and report.failures == {}
