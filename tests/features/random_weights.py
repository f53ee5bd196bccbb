"""A folder of weights for all published backbones: files of the published names, formats and sizes, with random numbers from a seed.

What is computed with them means nothing, but it costs what it costs with the published weights, and must come out the same twice.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from avvp_lib.features.published_clap import ClapAudio
from avvp_lib.features.published_vision import CLIP_ARCHITECTURE
from avvp_lib.features.vggish_network import VGGish
from tests.features.published_checkpoints import seeded_state

SHAPES = {
    "vggish": (10, 128),
    "resnet152": (80, 2048),
    "r2plus1d": (10, 512),
    "clip": (10, 768),
    "clap": (64, 768),
    "clap-seconds": (10, 512),
}


def write_weights(folder: Path) -> Path:
    """The folder, as $AVVP_WEIGHTS names one; 1.7 GB."""
    from open_clip import get_model_config
    from open_clip.model import CLIP
    from torchvision.models import resnet152
    from torchvision.models.video import r2plus1d_18

    folder.mkdir(parents=True, exist_ok=True)
    torch.save(_state(VGGish, 1), folder / "vggish-10086976.pth")
    torch.save(_state(resnet152, 2), folder / "resnet152-394f9c45.pth")
    torch.save(_state(r2plus1d_18, 3), folder / "r2plus1d_18-91a641e6.pth")
    clip = _state(lambda: CLIP(**get_model_config(CLIP_ARCHITECTURE)), 4)
    save_file({key: tensor.half() for key, tensor in clip.items()}, folder / "open_clip_model.safetensors")
    clap = seeded_state(ClapAudio(), 5)  # its filters for spectrograms are no weights: built, not drawn
    torch.save(
        {"state_dict": {f"module.{key}": tensor for key, tensor in clap.items()}}, folder / "630k-fusion-best.pt"
    )
    return folder


def _state(build, seed: int) -> dict[str, torch.Tensor]:
    with torch.device("meta"):  # no time for first weights that are replaced
        network: nn.Module = build()
    return seeded_state(network, seed)
