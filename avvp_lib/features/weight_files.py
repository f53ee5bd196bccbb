"""Where the weights of published networks are: a path that you give, a folder of yours, or the cache of the library that owns them.

    path = find_weights(RESNET_152)                       # $AVVP_WEIGHTS/resnet152-394f9c45.pth, or torch.hub's cache
    path = find_weights(RESNET_152, download=True)        # or from download.pytorch.org, if it is in neither place

Nothing is fetched unless it is asked for, and nothing that is read here is executed: a file is tensors or it is refused.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avvp_lib.provenance import file_digest
from avvp_lib.records import note_input
from avvp_lib.weights import CheckpointError, check_fit, read_foreign, state_dict_of

FOLDER_VARIABLE = "AVVP_WEIGHTS"
"""The environment variable that names your folder of weights."""

DIGITS = 12
"""How much of a file's SHA-256 a card shows."""

WRAPPER = "module."  # what DistributedDataParallel puts before every key
COUNTER = "num_batches_tracked"
NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # numbers among the tensors of OpenAI's CLIP


class MissingWeights(FileNotFoundError):
    """Weights that are nowhere; the message says what they are called, where they are published, and where to put them."""


@dataclass(frozen=True)
class WebFile:
    """A file with an address of its own. `torch.hub` keeps it if torch has fetched it."""

    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    def below(self, folder: Path) -> list[Path]:
        """Where it may lie in a folder of weights."""
        return [folder / self.name]

    def cached(self) -> Path | None:
        path = _hub_cache() / self.name
        return path if path.is_file() else None

    def fetch(self) -> Path:
        path = _hub_cache() / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names such as resnet152-394f9c45.pth end in the beginning of the file's SHA-256; torch checks it.
        digits = path.stem.rpartition("-")[2]
        is_hash = len(digits) == 8 and set(digits) <= set("0123456789abcdef")
        torch.hub.download_url_to_file(self.url, str(path), hash_prefix=digits if is_hash else None)
        return path


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hugging Face hub. `huggingface_hub` keeps it if it has fetched it."""

    repository: str
    name: str

    @property
    def url(self) -> str:
        return f"https://huggingface.co/{self.repository}/resolve/main/{self.name}"

    def below(self, folder: Path) -> list[Path]:
        """Where it may lie in a folder of weights: many files there are called model.safetensors, so the repository's name helps."""
        return [folder / self.repository.rpartition("/")[2] / self.name, folder / self.name]

    def cached(self) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.repository, self.name)
        return Path(found) if isinstance(found, str) else None

    def fetch(self) -> Path:
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(self.repository, self.name))


@dataclass(frozen=True)
class WeightFile:
    """Weights of one network.

    Attributes:
        what: in words, for messages.
        sources: files that hold them, the first one recommended; layouts may differ, loaders read all of them.
        megabytes: size of the recommended file.
        licence: of the weights.
    """

    what: str
    sources: tuple[WebFile | HubFile, ...]
    megabytes: int
    licence: str


def find_weights(wanted: WeightFile, explicit: Path | None = None, download: bool = False) -> Path:
    """The file with the weights: the path given, or the first found in $AVVP_WEIGHTS and in the owning library's cache.

    Args:
        wanted: which weights.
        explicit: a file; nothing else is looked at then.
        download: let the owning library fetch the recommended file into its cache if it is in none of the places.

    Raises:
        MissingWeights: it is nowhere; says what to get from where, how large it is, and where to put it.
    """
    if explicit is not None:
        if not Path(explicit).is_file():
            raise MissingWeights(f"there is no file {explicit}. {_way_out(wanted)}")
        return Path(explicit)
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        for source in wanted.sources:
            for path in source.below(Path(folder)):
                if path.is_file():
                    return path
    for source in wanted.sources:
        path = source.cached()
        if path is not None:
            return path
    if download:
        return wanted.sources[0].fetch()
    raise MissingWeights(f"the weights of {wanted.what} are not on this machine. {_way_out(wanted)}")


def _way_out(wanted: WeightFile) -> str:
    first, *others = wanted.sources
    folder = os.environ.get(FOLDER_VARIABLE)
    place = f"{folder} (${FOLDER_VARIABLE})" if folder else f"a folder that ${FOLDER_VARIABLE} names"
    also = "".join(f"; {source.url} is read too" for source in others)
    return (
        f"Get {first.name} ({wanted.megabytes} MB) from {first.url} and put it into {place} or give its path{also}. "
        "With download=True it is fetched"
    )


def _hub_cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def revision(path: Path) -> str:
    """What a card says of a weight file: the beginning of its SHA-256."""
    return _digest(*file_key(path))[:DIGITS]


def file_key(path: Path) -> tuple[Path, int, int]:
    """What tells one file, and one state of it, from another without reading it: its path, when it was written, its size."""
    state = Path(path).stat()
    return Path(path).resolve(), state.st_mtime_ns, state.st_size


@lru_cache(maxsize=16)  # two backbones of one file of 1.9 GB read it once for this
def _digest(path: Path, modified: int, size: int) -> str:
    return file_digest(path)


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict of a .pt, .pth, .bin or .safetensors file, on the CPU, without the wrapper of distributed training.

    It may be the whole file or its entry "state_dict" or "model". Nothing is executed.

    Raises:
        CheckpointError: the file is damaged, holds more than tensors and plain values, or is a TorchScript archive.
    """
    path = Path(path)
    note_input(path)
    refuse_code(path)
    with torch.serialization.safe_globals(_numpy_scalars()):
        stored = read_foreign(path)
    if isinstance(stored, Mapping) and isinstance(stored.get("state_dict"), Mapping):
        stored = stored["state_dict"]
    state = state_dict_of(stored, path)
    return {key.removeprefix(WRAPPER): tensor for key, tensor in state.items() if key not in NOT_WEIGHTS}


def refuse_code(path: Path) -> None:
    """Raise CheckpointError for a TorchScript archive: a zip archive with a folder `code`, as torch.jit.save writes it.

    torch.load refuses those as well, but in the words of a damaged file.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            holds_code = any("code" in name.split("/")[:-1] for name in archive.namelist())
    except zipfile.BadZipFile:
        return  # read_foreign says what is wrong with it
    if holds_code:
        raise CheckpointError(
            f"{path} is a TorchScript archive: it holds code, and reading it would run that. Get the same weights as safetensors "
            "or as a plain state dict"
        )


def _numpy_scalars() -> list[tuple[object, str] | type]:
    """What pickled numbers of numpy need, which training loops leave beside the weights (best scores, learning rates)."""
    kinds = {type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int32, np.int64, np.bool_)}
    scalar = np.float64(0).__reduce__()[0]
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *kinds,
    ]


def with_counters(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state with a 0 for every counter of batch normalisation that it lacks: files older than PyTorch 0.4.1 have none."""
    return {key: torch.zeros((), dtype=torch.long) for key in network.state_dict() if key.endswith(COUNTER)} | dict(
        state
    )


def load_into(network: nn.Module, state: Mapping[str, Tensor], path: Path, name: str) -> nn.Module:
    """The network with these weights in float32, frozen, in evaluation mode; it may have been built on the meta device.

    Raises CheckpointError if a tensor is missing, unexpected or of another shape.
    """
    check_fit(network, state, path, name)
    floats = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    network.load_state_dict(floats, assign=True)
    return network.eval().requires_grad_(False)
