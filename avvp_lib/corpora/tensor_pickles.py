"""Read a tensor out of a plain pickle without executing anything: AVSBench's log-mel files are `pickle.dump` of a PyTorch tensor.

A pickle may call any function of any module. This reader knows the few names that a tensor in main memory is made of and puts functions of
its own in their place; a pickle that names anything else is refused before it gets it.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avvp_lib.weights import DAMAGE


def read_tensor_pickle(path: Path) -> Tensor:
    """The tensor that a pickle holds, on the CPU, without gradient.

    Raises:
        ValueError: the pickle is damaged, holds anything but one tensor in main memory, or names what could execute code.
        FileNotFoundError: there is no such file.
    """
    content = Path(path).read_bytes()
    try:
        found = _TensorUnpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} is refused: {str(error).splitlines()[0]}") from error
    except (*DAMAGE, OverflowError, MemoryError) as error:
        raise ValueError(f"{path} is damaged, or no pickled tensor ({error}): get it again") from error
    if not isinstance(found, Tensor):
        raise ValueError(f"{path} holds no tensor but a {type(found).__name__}")
    return found


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler for which the modules it is asked for do not exist."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _PARTS:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which no tensor needs and which could execute code"
            )
        return _PARTS[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to data outside of it")


def _storage(content: bytes) -> torch.TypedStorage:
    """The numbers of a tensor, in PyTorch's own format, which has a safe reader."""
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(stored, torch.TypedStorage):
        raise pickle.UnpicklingError(f"where a tensor has its numbers, it has a {type(stored).__name__}")
    return stored


def _tensor(
    storage: torch.TypedStorage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
    """What PyTorch would rebuild, without gradient and hooks, and never beyond the end of the storage."""
    if not isinstance(storage, torch.TypedStorage) or len(size) != len(stride) or min((offset, *size, *stride)) < 0:
        raise ValueError("a tensor of impossible sizes")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if min(size, default=1) else -1
    numbers = storage._untyped_storage  # the public way to it warns
    if (last + 1) * storage.dtype.itemsize > numbers.nbytes():
        raise ValueError(f"a tensor of {numbers.nbytes()} bytes that needs {last + 1} {storage.dtype} numbers")
    return torch.empty(0, dtype=storage.dtype).set_(numbers, offset, size, stride)


def _encoded(text: str, encoding: str) -> bytes:
    """How old pickle protocols write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it holds bytes written as {encoding}")
    return text.encode("latin1")


_PARTS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("collections", "OrderedDict"): OrderedDict,  # the hooks of a tensor: always empty, never used
    ("_codecs", "encode"): _encoded,
}
