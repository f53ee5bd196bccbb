"""Weights are found where they are promised to be, fetched only when asked for, and refused where they hold code."""

import hashlib
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch

from avvp_lib.features import weight_files
from avvp_lib.features.published_backbones import (
    PUBLISHED_BACKBONES,
    PUBLISHED_VARIANTS,
    VGGISH,
    VGGISH_COMPONENTS,
    build_published,
)
from avvp_lib.features.published_clap import CLAP_630K_FUSION, CLAP_HTSAT_FUSED
from avvp_lib.features.published_vision import CLIP_VIT_L_14, R2PLUS1D_18, RESNET_152
from avvp_lib.features.text_towers import clap_text, clip_text
from avvp_lib.features.weight_files import HubFile, MissingWeights, WebFile, WeightFile, find_weights, read_state
from avvp_lib.weights import CheckpointError
from tests.features.published_checkpoints import Malicious

ALL_NAMES = PUBLISHED_BACKBONES + PUBLISHED_VARIANTS
LOADERS = (*PUBLISHED_BACKBONES, "clap-seconds-hf")  # the other variants load as "vggish" does


@pytest.fixture(autouse=True)
def empty_machine(tmp_path, monkeypatch):
    """Caches of torch and of the hub in which nothing lies, and no folder of weights."""
    monkeypatch.delenv("AVVP_WEIGHTS", raising=False)
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "torch"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield
    torch.hub.set_dir(before)


def test_names_that_the_papers_need():
    assert PUBLISHED_BACKBONES == ("vggish", "resnet152", "r2plus1d", "clip", "clap", "clap-seconds")


@pytest.mark.parametrize("name", ALL_NAMES)
def test_missing_weights_say_what_to_get_where_and_where_to_put_it(name):
    with pytest.raises(FileNotFoundError) as raised:
        build_published(name)
    message = str(raised.value)
    assert raised.type is MissingWeights
    assert all(part in message for part in ("https://", " MB)", "$AVVP_WEIGHTS", "give its path", "download=True"))


@pytest.mark.parametrize(
    ("wanted", "name", "where"),
    [
        (VGGISH, "vggish-10086976.pth", "github.com/harritaylor/torchvggish"),
        (VGGISH_COMPONENTS, "vggish_pca_params-970ea276.pth", "github.com/harritaylor/torchvggish"),
        (RESNET_152, "resnet152-394f9c45.pth", "download.pytorch.org/models"),
        (R2PLUS1D_18, "r2plus1d_18-91a641e6.pth", "download.pytorch.org/models"),
        (CLIP_VIT_L_14, "open_clip_model.safetensors", "huggingface.co/timm/vit_large_patch14_clip_224.openai"),
        (CLAP_630K_FUSION, "630k-fusion-best.pt", "huggingface.co/lukewys/laion_clap"),
        (CLAP_HTSAT_FUSED, "pytorch_model.bin", "huggingface.co/laion/clap-htsat-fused"),
    ],
)
def test_published_names_and_places(wanted, name, where):
    with pytest.raises(MissingWeights) as raised:
        find_weights(wanted)
    assert f"Get {name} ({wanted.megabytes} MB) from https://{where}" in str(raised.value)


def test_a_path_is_taken_and_nothing_else_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_WEIGHTS", str(tmp_path))
    (tmp_path / "resnet152-394f9c45.pth").write_bytes(b"in the folder")
    (tmp_path / "mine.pth").write_bytes(b"mine")
    assert find_weights(RESNET_152, tmp_path / "mine.pth") == tmp_path / "mine.pth"
    with pytest.raises(MissingWeights, match=r"there is no file .*other\.pth"):
        find_weights(RESNET_152, tmp_path / "other.pth")


def test_places_in_their_order(tmp_path, monkeypatch):
    file = "resnet152-394f9c45.pth"
    cached = tmp_path / "torch" / "checkpoints" / file
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"torch's")
    assert find_weights(RESNET_152) == cached
    monkeypatch.setenv("AVVP_WEIGHTS", str(tmp_path / "weights"))
    assert find_weights(RESNET_152) == cached  # the folder need not exist, or hold all
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / file).write_bytes(b"mine")
    assert find_weights(RESNET_152) == tmp_path / "weights" / file


def test_files_of_the_hub_are_found_in_its_cache_and_below_the_name_of_their_repository(tmp_path, monkeypatch):
    snapshot = tmp_path / "hub" / "models--openai--clip-vit-large-patch14"
    commit = "0" * 40
    (snapshot / "refs").mkdir(parents=True)
    (snapshot / "refs" / "main").write_text(commit)
    cached = snapshot / "snapshots" / commit / "model.safetensors"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"the hub's")
    assert find_weights(CLIP_VIT_L_14) == cached
    monkeypatch.setenv("AVVP_WEIGHTS", str(tmp_path / "weights"))
    plain = tmp_path / "weights" / "open_clip_model.safetensors"
    below = tmp_path / "weights" / "vit_large_patch14_clip_224.openai" / "open_clip_model.safetensors"
    for path in (plain, below):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        assert find_weights(CLIP_VIT_L_14) == path  # the second time, both are there


def _published_at(folder: Path, content: bytes, digits: str) -> WeightFile:
    folder.mkdir()
    (folder / f"net-{digits}.pth").write_bytes(content)
    return WeightFile("a network", (WebFile((folder / f"net-{digits}.pth").as_uri()),), 1, "MIT")


def test_nothing_is_fetched_unless_asked_for(tmp_path):
    content = b"weights"
    wanted = _published_at(tmp_path / "web", content, hashlib.sha256(content).hexdigest()[:8])
    with pytest.raises(MissingWeights):
        find_weights(wanted)
    assert not (tmp_path / "torch").exists()
    fetched = find_weights(wanted, download=True)
    assert fetched.parent == tmp_path / "torch" / "checkpoints" and fetched.read_bytes() == content
    assert find_weights(wanted) == fetched


def test_a_fetched_file_with_another_hash_than_its_name_says_is_refused(tmp_path):
    wanted = _published_at(tmp_path / "web", b"weights", "01234567")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        find_weights(wanted, download=True)
    with pytest.raises(MissingWeights):
        find_weights(wanted)


def test_the_hub_is_asked_by_its_own_library(tmp_path):
    """Offline, as all tests are, the library refuses: so it was asked, and for this file."""
    wanted = WeightFile("a network", (HubFile("nobody/nothing", "weights.pt"),), 1, "MIT")
    with pytest.raises(Exception, match=r"(?i)offline|cannot find|internet|connection"):
        find_weights(wanted, download=True)


# Files of other people.


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", LOADERS)
def test_a_poisoned_checkpoint_is_refused_and_runs_nothing(name, zipped, tmp_path):
    path, marker = tmp_path / "weights.pt", tmp_path / "it-ran"
    stored = {"state_dict": {"module.a": torch.zeros(1)}, "model": {}, "poison": Malicious(marker)}
    torch.save(stored, path, _use_new_zipfile_serialization=zipped)
    (tmp_path / "config.json").write_text('{"audio_config": {}, "text_config": {}}')
    with pytest.raises(CheckpointError, match="refused: it holds more than tensors"):
        build_published(name, path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()  # it would have run


@pytest.mark.parametrize("text", [clip_text, clap_text])
def test_text_towers_refuse_a_poisoned_checkpoint(text, tmp_path):
    torch.save({"a": Malicious(tmp_path / "it-ran")}, tmp_path / "weights.pt")
    with pytest.raises(CheckpointError, match="refused"):
        text(weights=tmp_path / "weights.pt")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("name", LOADERS)
def test_a_torchscript_archive_is_refused_with_the_way_out(name, tmp_path):
    path = tmp_path / "ViT-L-14.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    (tmp_path / "config.json").write_text('{"audio_config": {}, "text_config": {}}')
    with pytest.raises(
        CheckpointError, match=r"TorchScript archive: it holds code.*safetensors or as a plain state dict"
    ):
        build_published(name, path)


@pytest.mark.parametrize("name", LOADERS)
def test_weights_of_another_network_are_refused_by_name(name, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"layer.weight": torch.zeros(2, 2), "audio_branch.other": torch.zeros(1)}, path)
    (tmp_path / "config.json").write_text('{"audio_config": {}, "text_config": {}}')
    with pytest.raises(CheckpointError, match=r"weights\.pth.*keys missing"):
        build_published(name, path)


def test_wrappers_and_what_training_leaves_beside_the_weights(tmp_path):
    """What checkpoints of laion_clap look like: numbers of numpy, and DistributedDataParallel's prefix."""
    path = tmp_path / "checkpoint.pt"
    stored = {
        "epoch": 3,
        "best": np.float64(0.5),
        "lr": np.float32(0.1),
        "state_dict": {"module.a.weight": torch.ones(2)},
    }
    torch.save(stored, path)
    state = read_state(path)
    assert list(state) == ["a.weight"] and state["a.weight"].tolist() == [1, 1]


def test_numbers_that_are_no_weights_are_dropped(tmp_path):
    path = tmp_path / "openai.pt"
    torch.save({"a": torch.ones(1), "input_resolution": torch.tensor(224), "vocab_size": torch.tensor(49408)}, path)
    assert list(read_state(path)) == ["a"]


def test_a_damaged_file_is_named(tmp_path):
    for name, content in (("a.pt", b"PK\x03\x04 not a zip"), ("b.pth", b""), ("c.safetensors", b"\x08")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            read_state(tmp_path / name)


def test_revision_is_the_beginning_of_the_hash_and_follows_the_file(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"one")
    first = weight_files.revision(path)
    assert first == hashlib.sha256(b"one").hexdigest()[:12]
    path.write_bytes(b"another")
    assert weight_files.revision(path) == hashlib.sha256(b"another").hexdigest()[:12]


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown published backbone 'resnet': choose one of vggish, resnet152"):
        build_published("resnet")


def test_the_page_of_backbones_names_every_file_its_place_and_its_size(project_root):
    page = (project_root / "docs" / "backbones.md").read_text(encoding="utf-8")
    rows = {
        line.split("|")[1].strip(" `"): line
        for line in page.splitlines()
        if line.startswith("| `") and line.count("|") == 8
    }
    assert set(ALL_NAMES) <= set(rows)
    named = {
        "vggish": VGGISH, "resnet152": RESNET_152, "r2plus1d": R2PLUS1D_18, "clip": CLIP_VIT_L_14, "clap": CLAP_630K_FUSION,
        "vggish-quantised": VGGISH_COMPONENTS, "clap-seconds-hf": CLAP_HTSAT_FUSED,
    }  # fmt: skip
    for name, wanted in named.items():
        assert f"[{wanted.sources[0].name}]({wanted.sources[0].url})" in rows[name]
        assert f"| {wanted.megabytes} MB | {wanted.licence} |" in rows[name]
