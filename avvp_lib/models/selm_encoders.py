"""The visual encoders of SelM: four stages of timm networks, with room for early fusion between them.

    PVT-v2: Wang et al., PVT v2: Improved Baselines with Pyramid Vision Transformer, CVMJ 2022.
    ResNet: He et al., Deep Residual Learning for Image Recognition, CVPR 2016.

Nothing is downloaded: networks start untrained, and `load_encoder_weights` reads published ImageNet weights from a file.
Stage i turns an image into a map with stride 4, 8, 16, 32. `first` is the stem and stage 1, `later` the other three, so that
whoever runs the encoder can put something between the stages (`EarlyFusion`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from avvp_lib.features.weight_files import read_state, with_counters
from avvp_lib.weights import CheckpointError, check_fit

STAGES = 4
STRIDES = (4, 8, 16, 32)
PLACES = ("between", "beside")


@dataclass(frozen=True)
class BackboneCard:
    """How a backbone is built: its name in timm, the arguments there, and the channels of its four stages."""

    timm_name: str
    channels: tuple[int, ...]
    arguments: dict[str, Any] = field(default_factory=dict)


BACKBONES = {
    "pvt-v2-b5": BackboneCard("pvt_v2_b5", (64, 128, 320, 512), {"drop_path_rate": 0.1}),
    "resnet-50": BackboneCard("resnet50", (256, 512, 1024, 2048)),
    "pvt-v2-b0": BackboneCard("pvt_v2_b0", (32, 64, 160, 256)),
    "resnet-18": BackboneCard("resnet18", (64, 128, 256, 512)),
    "resnet-18-half": BackboneCard("resnet18", (32, 64, 128, 256), {"channels": (32, 64, 128, 256)}),
    "resnet-18-quarter": BackboneCard("resnet18", (16, 32, 64, 128), {"channels": (16, 32, 64, 128)}),
}
"""The published encoders, and small ones for two cores."""

CLASSIFIERS = ("fc.", "head.")
"""How keys begin that published ImageNet weights have and an encoder has not."""

UNUSED_BRANCH = ("layer3_2.", "layer4_2.")
"""The second branch of the released ResNet: loaded, saved, and never called."""

PVT_NAMES = (
    (r"^patch_embed1\.", "patch_embed."),
    *((rf"^patch_embed{n}\.", f"stages.{n - 1}.downsample.") for n in range(2, STAGES + 1)),
    *((rf"^block{n}\.", f"stages.{n - 1}.blocks.") for n in range(1, STAGES + 1)),
    *((rf"^norm{n}\.", f"stages.{n - 1}.norm.") for n in range(1, STAGES + 1)),
    (r"\.dwconv\.dwconv\.", ".dwconv."),
)
"""Names of PVT's authors, and of the released SelM, to those of timm: (pattern, replacement), tried in this order."""

RESNET_NAMES = ((r"^layer([34])_1\.", r"layer\1."),)
"""Names of the released SelM to those of timm, which are torchvision's."""


def renamed(key: str, names: Iterable[tuple[str, str]]) -> str:
    """The key with every pattern of a table of names replaced; a name that no pattern knows stays as it is."""
    for pattern, replacement in names:
        key = re.sub(pattern, replacement, key)
    return key


class PyramidEncoder(nn.Module):
    """PVT-v2 as four stages, each (BT, C_{i-1}, h, w) -> (BT, C_i, h_i, w_i)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def first(self, images: Tensor) -> Tensor:
        """(BT, 3, S, S) -> (BT, C_1, S/4, S/4)."""
        return self.body.stages[0](self.body.patch_embed(images))

    def later(self) -> Iterable[nn.Module]:
        """Stages 2 to 4."""
        return self.body.stages[1:]


class ResidualEncoder(nn.Module):
    """ResNet as four stages, each (BT, C_{i-1}, h, w) -> (BT, C_i, h_i, w_i)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def first(self, images: Tensor) -> Tensor:
        """(BT, 3, S, S) -> (BT, C_1, S/4, S/4)."""
        body = self.body
        return body.layer1(body.maxpool(body.act1(body.bn1(body.conv1(images)))))

    def later(self) -> Iterable[nn.Module]:
        """Stages 2 to 4."""
        return self.body.layer2, self.body.layer3, self.body.layer4


def build_encoder(backbone: str) -> PyramidEncoder | ResidualEncoder:
    """An untrained encoder, one of `BACKBONES`.

    Raises:
        ValueError: the name is unknown.
        ImportError: timm is not installed; says how to get it.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"backbone {backbone!r} is unknown; known: {', '.join(BACKBONES)}")
    try:
        import timm
    except ImportError as error:
        raise ImportError("SelM's encoders come from timm: pip install 'avvp[features]'") from error
    card = BACKBONES[backbone]
    body = timm.create_model(card.timm_name, pretrained=False, num_classes=0, **card.arguments)
    return (PyramidEncoder if backbone.startswith("pvt") else ResidualEncoder)(body)


def load_encoder_weights(encoder: PyramidEncoder | ResidualEncoder, path: Path) -> None:
    """Put published ImageNet weights into an encoder: pvt_v2_b5.pth of whai362/PVT, resnet50-19c8e357.pth of torchvision, or timm's.

    Args:
        encoder: changed in place.
        path: a .pth, .pt or .safetensors file; the classifier in it is dropped.

    Raises:
        CheckpointError: the file is missing, damaged, would execute code, or does not fit; names the keys.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no weights at {path}: download those of the encoder, nothing is fetched here")
    stored = read_state(path)
    if any(key.startswith("patch_embed1.") for key in stored):
        stored = {renamed(key, PVT_NAMES): tensor for key, tensor in stored.items()}
    state = {key: tensor for key, tensor in stored.items() if not key.startswith(CLASSIFIERS)}
    state = with_counters(encoder.body, state)
    check_fit(encoder.body, state, path, type(encoder).__name__)
    encoder.body.load_state_dict(state)


class EarlyFusion(nn.Module):
    """The encoder with one alignment after every stage; what is aligned goes on into the next stage (Sec. 4.2).

    Images alone decide the map of stage 1, so that is what can be kept when the encoder is frozen (`image_maps`).

    Args:
        backbone: what `build_encoder` returns.
        alignment: one module for each stage; takes (BT, C, HW) and (BT, H, 1), returns the same two.
    """

    def __init__(self, backbone: PyramidEncoder | ResidualEncoder, alignment: Iterable[nn.Module]) -> None:
        super().__init__()
        self.backbone = backbone
        self.alignment = nn.ModuleList(alignment)

    def image_maps(self, images: Tensor) -> list[Tensor]:
        """(BT, 3, S, S) -> maps that no sound has touched: [(BT, C_1, S/4, S/4)]."""
        return [self.backbone.first(images)]

    def forward(self, image_maps: list[Tensor], audio: Tensor) -> tuple[list[Tensor], Tensor]:
        """Maps of `image_maps` and tokens (BT, H, 1) -> four aligned maps (BT, C_i, h_i, w_i), finest first, and tokens."""
        x, audio = align(self.alignment[0], image_maps[0], audio)
        maps = [x]
        for stage, alignment in zip(self.backbone.later(), self.alignment[1:], strict=True):
            x, audio = align(alignment, stage(x), audio)
            maps.append(x)
        return maps, audio


class FusionBeside(EarlyFusion):
    """Alignment of the stages' outputs, with an encoder that never sees the result.

    All four maps depend on the images alone: a frozen encoder then has to run only once.
    """

    def image_maps(self, images: Tensor) -> list[Tensor]:
        """(BT, 3, S, S) -> the encoder's four maps, finest first."""
        maps = [self.backbone.first(images)]
        for stage in self.backbone.later():
            maps.append(stage(maps[-1]))
        return maps

    def forward(self, image_maps: list[Tensor], audio: Tensor) -> tuple[list[Tensor], Tensor]:
        """The four maps and tokens (BT, H, 1) -> both aligned."""
        maps = []
        for alignment, x in zip(self.alignment, image_maps, strict=True):
            x, audio = align(alignment, x, audio)
            maps.append(x)
        return maps, audio


def align(alignment: nn.Module, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """Apply an alignment of sequences to a map (BT, C, h, w) and tokens (BT, H, 1)."""
    aligned, audio = alignment(x.flatten(2), audio)
    return aligned.unflatten(2, x.shape[2:]), audio
