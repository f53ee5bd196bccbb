"""VGGish: the audio network whose 128 numbers a second all AVS models listen to. Weights come from a file, never from the net.

    Shawn Hershey et al. CNN Architectures for Large-Scale Audio Classification. ICASSP 2017. State dict of
    github.com/harritaylor/torchvggish, which ported Google's TensorFlow weights.

    network = load_vggish("data/weights/vggish-10086976.pth")
    vectors = network(log_mel.flatten(0, 1)).unflatten(0, (clips, seconds))      # (B, T, 1, 96, 64) -> (B, T, 128)

The embedding is rectified: all numbers are 0 or above. AVS code takes it as it is; `PostProcessing` (principal components and
eight-bit numbers, as in YouTube-8M) is what the torch.hub version adds by default and AVSBench, SelM and LLP's features leave out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from avvp_lib.records import note_input
from avvp_lib.weights import CheckpointError, check_fit, read_foreign, state_dict_of

WEIGHTS = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
PCA_WEIGHTS = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish_pca_params-970ea276.pth"
"""Where the two files are published."""

EXAMPLE = (1, 96, 64)
"""One example of log-mel: a channel, 96 steps of 10 ms, 64 bands."""

EMBEDDING = 128
QUANTISED_RANGE = 2.0
Network = TypeVar("Network", bound=nn.Module)
GROUPS = ((64,), (128,), (256, 256), (512, 512))
"""Widths of the convolutions; a pooling by 2 x 2 follows each group."""


class VGGish(nn.Module):
    """Log-mel examples to embeddings; 72,141,184 parameters. Keys: features.{0,3,6,8,11,13}, embeddings.{0,2,4}."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for group in GROUPS:
            for width in group:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        places = channels * (EXAMPLE[1] // 16) * (EXAMPLE[2] // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(places, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, EMBEDDING), nn.ReLU()
        )

    def forward(self, log_mel: Tensor) -> Tensor:
        """Embed examples.

        Args:
            log_mel: (n, 1, 96, 64) float, natural logarithm of mel magnitudes + 0.01.

        Returns:
            (n, 128) float, no number below 0.

        Raises:
            ValueError: another shape.
        """
        if log_mel.dim() != 4 or log_mel.shape[1:] != EXAMPLE:
            raise ValueError(f"log_mel has shape {tuple(log_mel.shape)}; VGGish takes (n, 1, 96, 64)")
        maps = self.features(log_mel)  # (n, 512, 6, 4)
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # channels last, the order of TensorFlow


class PostProcessing(nn.Module):
    """Principal components, whitened, clipped to [-2, 2] and rounded to 0..255: what YouTube-8M stores."""

    def __init__(self) -> None:
        super().__init__()
        self.pca_eigen_vectors = nn.Parameter(torch.eye(EMBEDDING), requires_grad=False)
        self.pca_means = nn.Parameter(torch.zeros(EMBEDDING, 1), requires_grad=False)

    def forward(self, embedding: Tensor) -> Tensor:
        """(n, 128) -> (n, 128) whole numbers from 0 to 255, as floats."""
        components = (embedding - self.pca_means.squeeze(1)) @ self.pca_eigen_vectors.t()
        clipped = components.clamp(-QUANTISED_RANGE, QUANTISED_RANGE)
        return ((clipped + QUANTISED_RANGE) * (255 / (2 * QUANTISED_RANGE))).round()


def load_vggish(path: Path) -> VGGish:
    """VGGish with its published weights, frozen, in evaluation mode.

    Args:
        path: vggish-10086976.pth, or the same as safetensors.

    Raises:
        CheckpointError: the file is missing (says where it is published), damaged, would execute code, or does not fit.
    """
    return _frozen(VGGish(), Path(path), WEIGHTS)


def load_post_processing(path: Path) -> PostProcessing:
    """The published components, from vggish_pca_params-970ea276.pth; raises as `load_vggish` does."""
    return _frozen(PostProcessing(), Path(path), PCA_WEIGHTS)


def _frozen(network: Network, path: Path, published: str) -> Network:
    """The network with the weights of a file, without gradients."""
    if not path.is_file():
        name = published.rpartition("/")[2]
        raise CheckpointError(f"no weights at {path}: get {name} from {published} and place it there")
    note_input(path)
    state = state_dict_of(read_foreign(path), path)
    check_fit(network, state, path, type(network).__name__)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)
