"""The visual extractors of LLP's published features: ResNet-152, R(2+1)D-18 and CLIP ViT-L/14, by their published networks.

    He et al. Deep Residual Learning for Image Recognition. CVPR 2016. Tran et al. A Closer Look at Spatiotemporal
    Convolutions for Action Recognition. CVPR 2018. Radford et al. Learning Transferable Visual Models From Natural Language
    Supervision. ICML 2021.

Networks come from torchvision and open_clip, weights from files. Frames are scaled as the published extractors scale them:
ResNet and R(2+1)D by Pillow (which averages when it shrinks), CLIP by bilinear interpolation of the tensor without antialiasing, as
torchvision did by default before 0.17. What differs from the published path: frames are not written as JPEG in between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode, functional

from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.clip_media import FRAMES_PER_SECOND, SECONDS, ClipMedia
from avvp_lib.features.published_extractor import FRAMES, PublishedBackbone
from avvp_lib.features.weight_files import (
    HubFile,
    WebFile,
    WeightFile,
    file_key,
    find_weights,
    load_into,
    read_state,
    revision,
    with_counters,
)

RESNET_152 = WeightFile(
    "ResNet-152 (ImageNet)",
    (WebFile("https://download.pytorch.org/models/resnet152-394f9c45.pth"),),
    242,
    "BSD-3-Clause",
)
R2PLUS1D_18 = WeightFile(
    "R(2+1)D-18 (Kinetics-400)",
    (WebFile("https://download.pytorch.org/models/r2plus1d_18-91a641e6.pth"),),
    126,
    "BSD-3-Clause",
)
CLIP_VIT_L_14 = WeightFile(
    "CLIP ViT-L/14 (OpenAI)",
    (
        HubFile("timm/vit_large_patch14_clip_224.openai", "open_clip_model.safetensors"),
        HubFile("openai/clip-vit-large-patch14", "model.safetensors"),
    ),
    1711,
    "MIT",
)

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINETICS_MEAN, KINETICS_STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

RESNET_SHORT_SIDE, RESNET_CROP = 256, 224
KINETICS_SIDE = 112
CLIP_SIDE = 224
CLIP_ARCHITECTURE = "ViT-L-14-quickgelu"
"""Of open_clip. OpenAI trained with x * sigmoid(1.702 x) in place of GELU; without it the features are others."""

FRAMES_AT_A_TIME = 16


def resnet152(weights: Path | None = None, device: str = "cpu", download: bool = False) -> PublishedBackbone:
    """ResNet-152 before its classifier: (80, 2048), a vector a frame; raises as `build_published` does."""
    from torchvision.models import resnet152 as build

    path = find_weights(RESNET_152, weights, download)
    network = _without_classifier(build, path, "ResNet-152").to(device)
    card = BackboneCard(
        name="resnet152",
        revision=revision(path),
        modality="visual_2d",
        input_rule="80 frames, 8 a second; short side to 256 (Pillow, bilinear), centre 224 x 224, ImageNet mean and deviation",
        output_shape=(FRAMES, 2048),
        dtype="float32",
        activation="ReLU, then average pooling",
        normalisation="none",
        licence=RESNET_152.licence,
    )
    return PublishedBackbone(card, resnet_frames, lambda frames: _in_parts(network, frames), device)


def r2plus1d(weights: Path | None = None, device: str = "cpu", download: bool = False) -> PublishedBackbone:
    """R(2+1)D-18 before its classifier: (10, 512), a vector a second of eight frames; raises as `build_published` does."""
    from torchvision.models.video import r2plus1d_18 as build

    path = find_weights(R2PLUS1D_18, weights, download)
    network = _without_classifier(build, path, "R(2+1)D-18").to(device)
    card = BackboneCard(
        name="r2plus1d",
        revision=revision(path),
        modality="visual_3d",
        input_rule="80 frames as ten clips of eight; squashed to 112 x 112 (Pillow, bilinear), Kinetics mean and deviation",
        output_shape=(SECONDS, 512),
        dtype="float32",
        activation="ReLU, then average pooling",
        normalisation="none",
        licence=R2PLUS1D_18.licence,
    )
    return PublishedBackbone(card, kinetics_clips, lambda clips: _in_parts(network, clips, at_a_time=2), device)


def clip(
    weights: Path | None = None, device: str = "cpu", download: bool = False, architecture: str = CLIP_ARCHITECTURE
) -> PublishedBackbone:
    """CLIP's projected picture embedding of ten frames: (10, 768) unit vectors.

    Args:
        weights, device, download: as for `build_published`, which says what is raised.
        architecture: an open_clip model with pictures of 224 x 224.
    """
    path = find_weights(CLIP_VIT_L_14, weights, download)
    network = load_clip(path, device, architecture)
    card = BackboneCard(
        name="clip",
        revision=revision(path),
        modality="visual_2d",
        input_rule=(
            "ten frames, round(linspace(0, 79, 10)); squashed to 224 x 224 (bilinear, no antialiasing), "
            f"CLIP mean and deviation; {architecture}"
        ),
        output_shape=(SECONDS, network.visual.output_dim),
        dtype="float32",
        activation="none",
        normalisation="unit length",
        licence=CLIP_VIT_L_14.licence,
    )
    return PublishedBackbone(
        card, clip_frames, lambda frames: nn.functional.normalize(network.encode_image(frames), dim=-1), device
    )


def _without_classifier(build, path: Path, name: str) -> nn.Module:
    """A torchvision network with the weights of a file, which returns what its classifier would have taken."""
    with torch.device("meta"):  # no time for first weights that are replaced
        network = build(weights=None)
    network = load_into(network, with_counters(network, read_state(path)), path, name)
    network.fc = nn.Identity()
    return network


def _in_parts(network: nn.Module, inputs: Tensor, at_a_time: int = FRAMES_AT_A_TIME) -> Tensor:
    """The network's output, computed a few inputs at a time to bound the memory."""
    return torch.cat([network(part) for part in inputs.split(at_a_time)])


def resnet_frames(media: ClipMedia) -> Tensor:
    """What ResNet-152 takes: (80, 3, 224, 224) float32."""
    frames = []
    for frame in media.frames:
        picture = functional.resize(Image.fromarray(frame), RESNET_SHORT_SIDE, InterpolationMode.BILINEAR)
        frames.append(functional.to_tensor(functional.center_crop(picture, [RESNET_CROP, RESNET_CROP])))
    return functional.normalize(torch.stack(frames), IMAGENET_MEAN, IMAGENET_STD)


def kinetics_clips(media: ClipMedia) -> Tensor:
    """What R(2+1)D-18 takes: (10, 3, 8, 112, 112) float32."""
    size = [KINETICS_SIDE, KINETICS_SIDE]
    pictures = [functional.resize(Image.fromarray(frame), size, InterpolationMode.BILINEAR) for frame in media.frames]
    frames = functional.normalize(torch.stack([functional.to_tensor(p) for p in pictures]), KINETICS_MEAN, KINETICS_STD)
    return frames.unflatten(0, (SECONDS, FRAMES_PER_SECOND)).transpose(1, 2).contiguous()


def clip_frames(media: ClipMedia) -> Tensor:
    """What CLIP takes: (10, 3, 224, 224) float32."""
    chosen = np.linspace(0, FRAMES - 1, SECONDS).round().astype(int)  # the first and the last frame are among them
    frames = torch.from_numpy(media.frames[chosen]).permute(0, 3, 1, 2).float() / 255
    frames = functional.resize(frames, [CLIP_SIDE, CLIP_SIDE], InterpolationMode.BILINEAR, antialias=False)
    return functional.normalize(frames, CLIP_MEAN, CLIP_STD)


def load_clip(path: Path, device: str = "cpu", architecture: str = CLIP_ARCHITECTURE) -> nn.Module:
    """CLIP, both towers, with the weights of a file; one network a process while file and device are the same.

    Args:
        path: a state dict in the names of OpenAI and open_clip, or in those of transformers' CLIPModel; safetensors, or .pt without
            code. OpenAI's own ViT-L-14.pt is a TorchScript archive and refused.

    Raises:
        CheckpointError: damaged, would execute code, or of another network.
    """
    return _load_clip(*file_key(path), str(device), architecture)


@lru_cache(maxsize=1)  # 1.7 GB: no more than one
def _load_clip(path: Path, modified: int, size: int, device: str, architecture: str) -> nn.Module:
    from open_clip import get_model_config
    from open_clip.model import CLIP

    state = read_state(path)
    if any(key.startswith("vision_model.") for key in state):
        state = openai_names(state)
    with torch.device("meta"):  # no time for first weights that are replaced
        network = CLIP(**get_model_config(architecture))
    network = load_into(network, state, path, architecture)
    length = network.context_length  # the causal mask is no part of a state dict: it was left on the meta device
    network.attn_mask = torch.full((length, length), float("-inf")).triu(1)
    return network.to(device)


TRANSFORMERS_NAMES = (
    (r"^text_model\.embeddings\.token_embedding\.", "token_embedding."),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^text_model\.final_layer_norm\.", "ln_final."),
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"^vision_model\.embeddings\.class_embedding$", "visual.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "visual.conv1."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "visual.positional_embedding"),
    (r"^vision_model\.pre_layrnorm\.", "visual.ln_pre."),  # the typing error is theirs
    (r"^vision_model\.post_layernorm\.", "visual.ln_post."),
    (r"^vision_model\.encoder\.layers\.", "visual.transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
)
"""Names of transformers' CLIPModel to OpenAI's: (pattern, replacement), all applied in this order."""

TRANSPOSED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
QUERY = re.compile(r"^(.*)\.self_attn\.q_proj\.(weight|bias)$")


def openai_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of transformers' CLIPModel in the names and layout of OpenAI's CLIP."""
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if key.endswith(".position_ids") or re.search(r"\.self_attn\.[kv]_proj\.", key):
            continue  # counted up by the network itself; stacked below the queries
        query = QUERY.match(key)
        if query:
            layer, kind = query.groups()
            parts = [state.get(f"{layer}.self_attn.{part}_proj.{kind}") for part in "qkv"]
            if any(part is None for part in parts):
                continue  # `check_fit` will name what is missing
            key, tensor = f"{layer}.attn.in_proj_{kind}", torch.cat(parts)
        elif key in TRANSPOSED:
            key, tensor = TRANSPOSED[key], tensor.T.contiguous()
        for pattern, replacement in TRANSFORMERS_NAMES:
            key = re.sub(pattern, replacement, key)
        renamed[key] = tensor
    return renamed
