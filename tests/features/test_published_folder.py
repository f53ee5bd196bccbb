"""Folders through the real registry: networks at their published sizes, with random weights in files of the published form."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from avvp_lib import cli
from avvp_lib.features import FeatureBank
from avvp_lib.features.clip_media import read_clip
from avvp_lib.features.folder_extraction import extract_folder
from avvp_lib.features.published_backbones import PUBLISHED_BACKBONES, build_published
from tests.features.random_weights import SHAPES, write_weights
from tests.test_cli import refused

REAL = "BjCEufrlXm4.mp4"


@pytest.fixture
def no_weights(tmp_path, monkeypatch) -> Path:
    """A folder without weights, and empty caches of the libraries."""
    for variable in ("AVVP_WEIGHTS", "TORCH_HOME", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    return tmp_path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """1.7 GB, which pytest would keep for three sessions."""
    folder = write_weights(tmp_path_factory.mktemp("weights"))
    yield folder
    shutil.rmtree(folder)


def test_the_shapes_are_those_of_all_backbones():
    assert tuple(SHAPES) == PUBLISHED_BACKBONES


def test_missing_weights_are_named_before_anything_is_decoded(no_weights, clips):
    out = no_weights / "out"
    folder = str(next(iter(clips.values())).parent)
    said = refused("extract", folder, "--backbones", "vggish", "--out", str(out))
    assert "vggish-10086976.pth" in said and "https://" in said and not out.exists()


def test_tiny_and_published_backbones_are_told_apart(clips, tmp_path):
    call = [
        "extract",
        str(next(iter(clips.values())).parent),
        "--out",
        str(tmp_path / "out"),
        "--backbones",
        "tiny-clip",
    ]
    assert "extract them in a call of their own" in refused(*call, "vggish")
    assert "without --weights, --device, --shard" in refused(*call, "--shard", "1/2")
    assert "unknown backbone 'vgg'" in refused(*call, "vgg")


@pytest.mark.slow
def test_the_real_clip_twice(llp_root, weights, tmp_path, monkeypatch):
    """All six, once by calling them and once as a folder: the same bytes."""
    path = llp_root / "videos" / REAL
    if not path.is_file():
        pytest.skip("the real clip is not beside this checkout")
    monkeypatch.setenv("AVVP_WEIGHTS", str(weights))
    torch.set_num_threads(1)
    media, called = read_clip(path), {}
    for name in SHAPES:
        called[name] = build_published(name)(media)
    report = extract_folder({"BjCEufrlXm4": path}, list(SHAPES), tmp_path, build_published, workers=1, progress=False)
    assert (report.read, report.failures, report.notes) == (1, {}, {})
    for name, shape in SHAPES.items():
        bank = FeatureBank.open(report.banks[name], verify=True)
        (row,) = bank.take(["BjCEufrlXm4"])
        assert row.shape == shape and row.dtype == np.float32 and bank.card.dtype == "float32"
        assert row.tobytes() == called[name].tobytes(), name
        assert row.std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vggish", "clap"])
def test_two_videos_in_a_batch_are_two_videos(name, weights, clips, monkeypatch):
    monkeypatch.setenv("AVVP_WEIGHTS", str(weights))
    backbone = build_published(name)
    inputs = [backbone.prepare(read_clip(path)) for path in list(clips.values())[:2]]
    both = backbone.encode(torch.cat(inputs)).reshape(2, *SHAPES[name])
    for together, alone in zip(both, map(backbone.encode, inputs), strict=True):
        torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_command_from_shards_to_published_folders(weights, clips, tmp_path, monkeypatch, capsys):
    videos = tmp_path / "videos"
    videos.mkdir()
    for number, path in enumerate(clips.values()):
        shutil.copy(path, videos / f"0000000000{number}_20_30.mp4")
    (videos / "zzzzzzzzzzz_0_10.mp4").write_text("no video")
    out = tmp_path / "features"
    call = ["extract", str(videos), "--backbones", "vggish", "--out", str(out), "--workers", "1", "--llp-ids"]
    monkeypatch.setenv("AVVP_WEIGHTS", str(tmp_path))
    call += ["--weights", f"vggish={weights / 'vggish-10086976.pth'}"]
    cli.main([*call, "--shard", "1/2"])
    assert "no banks yet: 2 videos of other shards are missing" in capsys.readouterr().out
    assert refused(*call, "--shard", "2/2", "--strict") == "1"
    printed = capsys.readouterr().out
    assert "failed: 1 not a video" in printed and "failures.csv" in printed and "videos an hour" in printed
    cli.main(call)
    assert "4 videos, 3 of them done before" in capsys.readouterr().out
    cli.main(["convert", str(out), "--to", "folders", "--out", str(tmp_path / "llp")])
    array = np.load(tmp_path / "llp" / "feats" / "vggish" / "00000000001.npy")
    assert (
        np.array_equal(array, FeatureBank.open(out / "vggish").take(["00000000001"])[0]) and array.dtype == np.float32
    )
    names = tmp_path / "names.csv"
    names.write_text("filename\tevent_labels\n00000000001_20_30\tDog\nzzzzzzzzzzz_0_10\tDog\n")
    back = [
        "convert",
        str(tmp_path / "llp"),
        "--to",
        "banks",
        "--out",
        str(tmp_path / "back"),
        "--names",
        str(names),
        "--llp-ids",
    ]
    assert refused(*back, "--strict") == "1"
    assert "vggish: 1 videos in" in (said := capsys.readouterr().out) and "1 missing: zzzzzzzzzzz" in said
    assert FeatureBank.open(tmp_path / "back" / "vggish").ids == ("00000000001",)
