"""Checkpoints: what goes in comes out, and anything else is refused without being executed."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from avvp_lib.checkpoints import load_checkpoint, save_checkpoint
from avvp_lib.models import build_model
from avvp_lib.weights import CheckpointError

WIDTHS = {
    "audio_dim": 8,
    "visual_2d_dim": 12,
    "visual_3d_dim": 6,
    "hidden": 16,
    "heads": 2,
    "feed_forward": 16,
    "classes": 3,
}
FEATURES = torch.randn(2, 10, 8), torch.randn(2, 20, 12), torch.randn(2, 10, 6)


@pytest.fixture
def stored(tmp_path):
    model = build_model("valor", **WIDTHS).eval()
    path = tmp_path / "runs" / "valor.safetensors"
    save_checkpoint(model, path, recipe="valor-truth", seed=3)
    return model, path


def header_of(built: nn.Module, **changes: str) -> dict[str, str]:
    return {"model": built.name, "widths": json.dumps(built.widths), "about": "{}"} | changes


def test_a_model_comes_back_with_its_widths_and_its_story(stored):
    model, path = stored
    read, about = load_checkpoint(path, "valor")
    assert about == {"recipe": "valor-truth", "seed": 3}
    assert (read.name, read.widths) == (model.name, model.widths)
    assert not read.training
    torch.testing.assert_close(read(*FEATURES).segment_prob, model(*FEATURES).segment_prob)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_checkpoint_of_another_model_is_refused(stored):
    with pytest.raises(CheckpointError, match="is a checkpoint of 'valor', not of 'han'"):
        load_checkpoint(stored[1], "han")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*absent\.safetensors"):
        load_checkpoint(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("keep", [0, 4, 100, -8])
def test_a_damaged_checkpoint_is_refused(stored, keep):
    path = stored[1]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"valor\.safetensors is damaged or not a safetensors file"):
        load_checkpoint(path)


def test_foreign_safetensors_are_refused(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="was not written by save_checkpoint"):
        load_checkpoint(tmp_path / "foreign.safetensors")


def test_tensors_of_other_widths_are_refused(stored):
    model, path = stored
    save_file(load_file(path), path, metadata=header_of(model, widths=json.dumps({**model.widths, "hidden": 32})))
    with pytest.raises(CheckpointError, match=r"do not fit 'valor'.* first fc_a\.bias: \(16,\) instead of \(32,\)"):
        load_checkpoint(path)


def test_missing_tensors_are_refused(stored):
    model, path = stored
    state = load_file(path)
    del state["fc_prob.weight"]
    save_file(state, path, metadata=header_of(model))
    with pytest.raises(CheckpointError, match=r"1 tensors .* first fc_prob\.weight: missing instead of \(3, 16\)"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "resnet"}, "unknown model 'resnet'"),
        ({"widths": '{"depth": 3}'}, "does not take depth"),
        ({"widths": "{"}, "describes no model"),
        ({"about": "{"}, "describes no model"),
    ],
)
def test_a_header_that_describes_no_model_is_refused(stored, changes, message):
    model, path = stored
    save_file(load_file(path), path, metadata=header_of(model, **changes))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_not_executed(tmp_path, monkeypatch, writer):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.safetensors"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Bomb()))
    else:
        torch.save({"weight": Bomb()}, path)
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(path)
    assert not (tmp_path / "exploded").exists()


def test_a_model_that_nobody_could_build_again_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="make it with build_model"):
        save_checkpoint(nn.Linear(2, 2), tmp_path / "linear.safetensors")
