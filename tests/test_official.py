"""Published checkpoints: the networks answer as their authors' do, and a file that is not what it should be is refused unexecuted."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from avvp_lib import records
from avvp_lib.checkpoints import OFFICIAL, load_checkpoint, load_official, save_checkpoint
from avvp_lib.models import MODELS
from avvp_lib.weights import CheckpointError
from tests.oracles import models_published as published

LAYOUTS = {"valor++": "clap_tokens", "mm-cse": "clap_tokens"}
PRESETS = {
    "han": "HAN",
    "valor": "VALOR",
    "valor+": "VALOR+",
    "valor++": "VALOR++",
    "jomold": "JoMoLD",
    "mgn": "MGN",
    "mm-cse": "MM-CSE",
}


@pytest.fixture(autouse=True)
def known_models(monkeypatch):
    monkeypatch.setitem(MODELS, "jomold", "avvp_lib.models.jomold:JoMoLD")
    monkeypatch.setitem(MODELS, "mgn", "avvp_lib.models.mgn:MGN")
    monkeypatch.setitem(MODELS, "mm-cse", "avvp_lib.models.mm_cse:MMCSE")


def state_of(name: str) -> dict[str, Tensor]:
    """The published state dict with all its keys, the dead ones too."""
    return published.checkpoint(PRESETS[name], ("no key begins like this",))


def jomold_file(state: dict[str, Tensor]) -> dict[str, Any]:
    """What JoMoLD's training saves: weights beside the state of the optimiser and of four random generators."""
    weight = nn.Parameter(torch.zeros(3))
    optimiser = torch.optim.Adam([weight], lr=5e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step_size=6, gamma=0.25)
    weight.sum().backward()
    optimiser.step()
    scheduler.step()
    return {
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": torch.Generator().get_state(),  # torch.cuda.get_rng_state() is a ByteTensor like this one
        "random_rng": random.getstate(),
        "numpy_rng": np.random.get_state(),  # noqa: NPY002 - the state that is saved is that of the old generator
        "model": state,
        "optimizer": optimiser.state_dict(),
        "scheduler": scheduler.state_dict(),
        "epochs": 25,
    }


@pytest.mark.parametrize("name", PRESETS)
def test_official_weights_give_the_published_outputs(tmp_path, name):
    path = tmp_path / "published.pt"
    state = state_of(name)
    torch.save(jomold_file(state) if name == "jomold" else state, path)
    model = load_official(name, path)
    assert not model.training
    ours = published.published_outputs(model, LAYOUTS.get(name, "segments"))
    expected = {output: numbers for (known, output), numbers in published.OUTPUTS.items() if known == PRESETS[name]}
    assert expected
    for output, numbers in expected.items():
        assert ours[output] == pytest.approx(numbers, abs=1e-4), output


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return state_of("jomold")


@pytest.fixture
def write(tmp_path):
    def to_file(content: Any, name: str = "published.pt", **how: Any) -> Path:
        torch.save(content, tmp_path / name, **how)
        return tmp_path / name

    return to_file


def test_every_container_holds_the_same_weights(write, tmp_path, state):
    save_file(state, tmp_path / "weights.safetensors")
    paths = [
        tmp_path / "weights.safetensors",
        write(state, "bare.pth"),
        write({"model": state}, "inside.pt"),
        write(jomold_file(state), "training.pt"),
        write(jomold_file(state), "old_format.pt", _use_new_zipfile_serialization=False),
    ]
    for path in paths:
        model = load_official("jomold", path)
        assert all(torch.equal(model.state_dict()[key], state[key]) for key in model.state_dict()), path


def test_the_names_are_those_of_the_published_networks():
    assert list(OFFICIAL) == [*PRESETS, "selm"]  # whose file is read in models/test_selm_official.py


def test_variants_are_arguments(write):
    path = write(state_of("mgn"))
    ours = published.published_outputs(load_official("mgn", path, assignment="hard"), "segments")
    expected = published.OUTPUTS["MGN hard", "audio_segment_prob"]
    assert ours["audio_segment_prob"] == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="mgn does not take depth"):
        load_official("mgn", path, depth=3)


def test_the_file_is_an_input_of_the_run(write, state, monkeypatch):
    monkeypatch.setattr(records, "_inputs", {})
    path = write(state)
    load_official("jomold", path)
    assert [Path(name).name for name in records.record()["inputs"]] == [path.name]


def test_what_was_loaded_can_be_kept_as_our_own(write, tmp_path, state):
    model = load_official("jomold", write(state))
    save_checkpoint(model, tmp_path / "own.safetensors")
    again, _ = load_checkpoint(tmp_path / "own.safetensors", "jomold")
    assert torch.equal(again.fc_prob.weight, state["fc_prob.weight"])


def test_a_converter_in_the_models_module_is_applied(write, state, monkeypatch):
    """A network whose layout differs from the published one has `from_official` beside it; it sees live keys only."""
    from avvp_lib.models import jomold

    def from_official(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
        assert not any(key.startswith("hat_encoder.norm") for key in theirs)
        return {key: tensor for key, tensor in theirs.items() if key != "old.fc_a.bias"} | {
            "fc_a.bias": theirs["old.fc_a.bias"]
        }

    monkeypatch.setattr(jomold, "from_official", from_official, raising=False)
    renamed = {("old.fc_a.bias" if key == "fc_a.bias" else key): tensor for key, tensor in state.items()}
    assert torch.equal(load_official("jomold", write(renamed)).fc_a.bias, state["fc_a.bias"])
    with pytest.raises(
        CheckpointError, match=r"is no checkpoint of 'jomold', it cannot be converted: 'old\.fc_a\.bias'"
    ):
        load_official("jomold", write(state))


@pytest.mark.parametrize("version", [b"numpy.core", b"numpy._core"])
def test_numpys_old_and_new_names_are_read(write, state, version):
    """Version 2 of numpy moved what a pickled array names; files of both are around."""
    path = write(jomold_file(state), _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    (written,) = (name for name in (b"numpy.core", b"numpy._core") if name + b".multiarray\n" in content)
    path.write_bytes(content.replace(written + b".multiarray\n", version + b".multiarray\n"))
    assert torch.equal(load_official("jomold", path).fc_a.bias, state["fc_a.bias"])


def test_other_keys_and_shapes_are_named(write, state):
    wrong = dict(state)
    del wrong["fc_a.bias"]
    wrong["fc_b.bias"] = torch.zeros(3)
    wrong["fc_v.bias"] = torch.zeros(7)
    with pytest.raises(CheckpointError) as error:
        load_official("jomold", write(wrong))
    for said in (
        "published.pt is no checkpoint of 'jomold'",
        "1 keys missing: fc_a.bias",
        "1 keys unexpected: fc_b.bias",
        "1 keys of another shape: fc_v.bias (7,) instead of (512,)",
    ):
        assert said in str(error.value)


def test_the_checkpoint_of_another_network_is_refused(write, state):
    with pytest.raises(CheckpointError, match="is no checkpoint of 'mm-cse', it cannot be converted"):
        load_official("mm-cse", write(state))
    with pytest.raises(
        CheckpointError, match=r"keys missing: audio_token, visual_token, .*\.\.\.\. \d+ keys unexpected"
    ):
        load_official("mgn", write(state))


def test_dead_keys_of_one_network_are_unexpected_in_another(write, state):
    extra = state | {"audio_encoder.layers.0.linear1.bias": torch.zeros(512)}
    with pytest.raises(CheckpointError, match=r"1 keys unexpected: audio_encoder\.layers\.0\.linear1\.bias"):
        load_official("jomold", write(extra))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(3)], "holds no state dict but a list"),
        (torch.zeros(3), "holds no state dict but a Tensor"),
        ({}, "holds no state dict"),
        ({"model": {}}, "holds no state dict"),
        ({"model": 3}, "holds no state dict but a int"),
        ({"epochs": 25, "optimizer": {}}, "nor has it one under 'model': epochs, optimizer are no tensors"),
        ({1: torch.zeros(3)}, "1 are no tensors"),
        ({"fc_a.bias": torch.tensor([1.0, float("nan")])}, r"holds a NaN or an infinity in fc_a\.bias"),
    ],
)
def test_what_is_no_state_dict_is_refused(write, content, message):
    with pytest.raises(CheckpointError, match=message):
        load_official("jomold", write(content))


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("where", ["model", "random_rng", "numpy_rng", "inside an array"])
def test_code_is_refused_and_not_executed(write, state, tmp_path, monkeypatch, where, zipped):
    monkeypatch.chdir(tmp_path)
    content = jomold_file(state)
    if where == "model":
        content["model"] = {**state, "fc_a.bias": Bomb()}
    elif where == "inside an array":
        content["numpy_rng"] = np.array([Bomb()], dtype=object)
    else:
        content[where] = Bomb()
    path = write(content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"published\.pt is refused: .* could execute code"):
        load_official("jomold", path)
    assert not (tmp_path / "exploded").exists()


def test_a_pickled_network_is_refused(write):
    with pytest.raises(CheckpointError, match="is refused: it holds more than tensors and plain values"):
        load_official("jomold", write(nn.Linear(2, 2)))


def test_nothing_is_allowed_for_good(write, state):
    before = set(torch.serialization.get_safe_globals())
    load_official("jomold", write(jomold_file(state)))
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("damage", ["empty", "cut", "text", "flipped"])
def test_a_damaged_file_is_refused(write, tmp_path, suffix, damage):
    if suffix == ".safetensors":
        path = tmp_path / "published.safetensors"
        save_file({"fc_a.bias": torch.zeros(512)}, path)
    else:
        path = write({"fc_a.bias": torch.zeros(512)}, f"published{suffix}")
    content = path.read_bytes()
    damaged = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "text": b"<html>not found</html>",
        "flipped": bytes(byte ^ 0xFF for byte in content[:200]) + content[200:],
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(CheckpointError, match=r"published\.\w+ is (damaged or not a checkpoint|refused)"):
        load_official("jomold", path)


def test_no_damage_escapes(write):
    """A hundred files with a few wrong bytes each: read or refused, never another error."""
    draw = random.Random(0)
    path = write(jomold_file({"fc_a.bias": torch.zeros(8)}), _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 8)):
            damaged[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):  # undamaged it would be refused as well: it lacks 29 keys
            load_official("jomold", path, hidden=8, audio_dim=4, visual_2d_dim=4, visual_3d_dim=4, feed_forward=4)


def test_unknown_names_and_missing_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no published checkpoint 'ear'; known: han, valor"):
        load_official("ear", tmp_path / "absent.pt")
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*absent\.pt"):
        load_official("han", tmp_path / "absent.pt")
