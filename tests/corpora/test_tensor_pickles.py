"""Pickled tensors: read exactly, and nothing but a tensor is read."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from avvp_lib.corpora.tensor_pickles import read_tensor_pickle


def tensors():
    base = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    yield torch.randn(5, 1, 96, 64, requires_grad=True)
    yield base.t()[1:, ::2]  # strides, and an offset into the storage
    yield base.double()
    yield torch.arange(7)
    yield torch.tensor(3.0)
    yield torch.empty(0, 3)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_tensor_comes_back_without_its_gradient(tmp_path, protocol):
    for tensor in tensors():
        path = tmp_path / "clip.pkl"
        path.write_bytes(pickle.dumps(tensor, protocol=protocol))
        found = read_tensor_pickle(path)
        assert found.dtype == tensor.dtype and torch.equal(found, tensor.detach()) and not found.requires_grad


class Bomb:
    """What a pickle of somebody else may do."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_code_is_not_executed(tmp_path):
    target = tmp_path / "executed"
    for name, content in (("bare", Bomb(target)), ("inside", [torch.ones(2), Bomb(target)])):
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(ValueError, match=rf"{name}.pkl is refused: .*mkdir.*could execute code"):
            read_tensor_pickle(path)
    assert not target.exists()


def test_code_inside_the_storage_is_not_executed(tmp_path):
    target = tmp_path / "executed"
    whole = pickle.dumps(torch.ones(3))
    stored = next(argument for code, argument, _ in _operations(whole) if code.name == "BINBYTES")
    evil = pickle.dumps(Bomb(target))
    evil += b"." * (len(stored) - len(evil))
    (tmp_path / "clip.pkl").write_bytes(whole.replace(stored, evil))
    with pytest.raises(ValueError, match=r"clip.pkl is"):
        read_tensor_pickle(tmp_path / "clip.pkl")
    assert not target.exists()


def _operations(content):
    import pickletools

    return pickletools.genops(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.zeros(3), "is refused: it asks for numpy"),
        ([1.0, 2.0], "holds no tensor but a list"),
        (OrderedDict(mel=torch.ones(2)), "holds no tensor but a OrderedDict"),
        (None, "holds no tensor but a NoneType"),
        (OSError, "is refused: it asks for builtins.OSError"),
        (torch.nn.Linear(1, 1), "is refused: it asks for torch.nn"),
    ],
)
def test_what_is_no_tensor_is_refused(tmp_path, content, message):
    path = tmp_path / "clip.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=message):
        read_tensor_pickle(path)


def test_sizes_beyond_the_storage_are_refused(tmp_path):
    content = pickle.dumps(torch.ones(5, 3), protocol=4)
    sizes = b"K\x05K\x03\x86"  # (5, 3)
    assert content.count(sizes) == 1
    path = tmp_path / "clip.pkl"
    path.write_bytes(content.replace(sizes, b"K\xffK\x03\x86"))
    with pytest.raises(ValueError, match=r"60 bytes that needs 765 torch.float32 numbers"):
        read_tensor_pickle(path)


def test_damage_of_any_kind_is_an_error_with_the_name_of_the_file(tmp_path):
    content, path, rng = pickle.dumps(torch.ones(5, 3)), tmp_path / "clip.pkl", np.random.default_rng(0)
    broken = [content[:length] for length in (0, 2, 40, len(content) - 1)] + [b"RIFF....WAVE", b"\x80\x04"]
    for _ in range(150):
        changed = bytearray(content)
        changed[rng.integers(len(changed))] = rng.integers(256)
        broken.append(bytes(changed))
    refused = 0
    for damaged in broken:
        path.write_bytes(damaged)
        try:
            assert isinstance(read_tensor_pickle(path), torch.Tensor)  # a wrong number is still a number
        except ValueError as error:
            assert "clip.pkl" in str(error)
            refused += 1
    assert refused > 100


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensor_pickle(tmp_path / "clip.pkl")
