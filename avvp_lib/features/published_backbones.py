"""The published feature extractors of LLP by name: from a video to the arrays that HAN and VALOR published.

    backbone = build_published("clip")                       # weights from $AVVP_WEIGHTS or from the owning library's cache
    features = backbone(read_clip("video.mp4"))              # (10, 768) float32
    backbone.card                                            # what a stored bank says of itself: weights, input rule, licence

Networks are those of torchvision, open_clip, laion_clap and transformers; VGGish is ours, with the published weights. How each network
is fed stands in `published_vision`, `published_clap` and here, for VGGish.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from avvp_lib.corpora.vggish_log_mel import vggish_log_mel
from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.clip_media import SECONDS, VGGISH_RATE, ClipMedia
from avvp_lib.features.published_clap import clap_map, clap_seconds, clap_seconds_hf, clip_log_mel, pieces_log_mel
from avvp_lib.features.published_extractor import PublishedBackbone
from avvp_lib.features.published_vision import (
    clip,
    clip_frames,
    kinetics_clips,
    r2plus1d,
    resnet152,
    resnet_frames,
)
from avvp_lib.features.vggish_network import EMBEDDING, PCA_WEIGHTS, WEIGHTS, load_post_processing, load_vggish
from avvp_lib.features.weight_files import WebFile, WeightFile, find_weights, refuse_code, revision

VGGISH = WeightFile("VGGish (AudioSet)", (WebFile(WEIGHTS),), 289, "Apache-2.0")
VGGISH_COMPONENTS = WeightFile("VGGish's principal components", (WebFile(PCA_WEIGHTS),), 1, "Apache-2.0")

FRAMING_WORDS = {
    "per_second": "the first 0.975 s of every second alone (framing per_second)",
    "continuous": "0.975 s every 0.96 s, running ahead of the seconds (framing continuous)",
}


def vggish(
    weights: Path | None = None,
    device: str = "cpu",
    download: bool = False,
    framing: str = "per_second",
    quantised: bool = False,
    components: Path | None = None,
) -> PublishedBackbone:
    """VGGish: (10, 128), an embedding of every second or of every 0.96 s.

    Args:
        weights, device, download: as for `build_published`, which says what is raised.
        framing: "per_second", as the features of LLP are made, or "continuous", as segmentation corpora do; never mix them.
        quantised: principal components, whitened and rounded to 0..255, as YouTube-8M stores; no paper here uses it.
        components: the file for that; searched for like the weights.

    Raises:
        ValueError: unknown framing.
    """
    if framing not in FRAMING_WORDS:
        raise ValueError(f"unknown framing {framing!r}: choose one of {', '.join(FRAMING_WORDS)}")
    path = find_weights(VGGISH, weights, download)
    refuse_code(path)
    network, made_by = load_vggish(path).to(device), revision(path)
    if quantised:
        components = find_weights(VGGISH_COMPONENTS, components, download)
        refuse_code(components)
        network = torch.nn.Sequential(network, load_post_processing(components).to(device))
        made_by = f"{made_by}-{revision(components)}"
    variant = ("" if framing == "per_second" else "-continuous") + ("-quantised" if quantised else "")
    card = BackboneCard(
        name=f"vggish{variant}",
        revision=made_by,
        modality="audio",
        input_rule=f"16 kHz mono; {FRAMING_WORDS[framing]}; log-mel 96 x 64, 125 to 7500 Hz",
        output_shape=(SECONDS, EMBEDDING),
        dtype="float32",
        activation="ReLU",
        normalisation="principal components, whitened, rounded to 0..255" if quantised else "none",
        licence=VGGISH.licence,
    )

    return PublishedBackbone(card, partial(vggish_examples, framing=framing), network, device)


def vggish_examples(media: ClipMedia, framing: str = "per_second") -> Tensor:
    """What VGGish takes: (10, 1, 96, 64) float32."""
    return torch.from_numpy(vggish_log_mel(media.sounds[VGGISH_RATE], framing))[:, None]


PUBLISHED_INPUTS: dict[str, Callable[[ClipMedia], Tensor]] = {
    "resnet152": resnet_frames,
    "r2plus1d": kinetics_clips,
    "clip": clip_frames,
    "vggish": vggish_examples,
    "vggish-continuous": partial(vggish_examples, framing="continuous"),
    "clap": clip_log_mel,
    "clap-seconds": pieces_log_mel,
}
"""What each network takes of a clip; for this no weights are needed."""

_BUILDERS: dict[str, Callable[..., PublishedBackbone]] = {
    "vggish": vggish,
    "resnet152": resnet152,
    "r2plus1d": r2plus1d,
    "clip": clip,
    "clap": clap_map,
    "clap-seconds": clap_seconds,
}
_VARIANTS: dict[str, Callable[..., PublishedBackbone]] = {
    "vggish-continuous": partial(vggish, framing="continuous"),
    "vggish-quantised": partial(vggish, quantised=True),
    "clap-seconds-hf": clap_seconds_hf,
}
PUBLISHED_BACKBONES: tuple[str, ...] = tuple(_BUILDERS)
"""What the papers on LLP use; "clap-seconds" is what VALOR's audio pseudo-labels come from."""

PUBLISHED_VARIANTS: tuple[str, ...] = tuple(_VARIANTS)
"""Other framings and another route, which `build_published` knows as well."""


def build_published(
    name: str, weights: Path | None = None, device: str = "cpu", download: bool = False
) -> PublishedBackbone:
    """Build an extractor with its weights.

    Args:
        name: one of `PUBLISHED_BACKBONES` or `PUBLISHED_VARIANTS`.
        weights: a file; without it, $AVVP_WEIGHTS and the owning library's cache are searched (`weight_files.find_weights`).
        device: where to compute, such as "cuda".
        download: let the owning library fetch weights that are in none of these places.

    Raises:
        ValueError: the name is unknown; lists those that are known.
        MissingWeights: no weights; says where they are published, how large they are, and where to put them.
        CheckpointError: the file is damaged, would execute code, or holds another network.
        ImportError: the library that owns the network is not installed.
    """
    builders = _BUILDERS | _VARIANTS
    if name not in builders:
        raise ValueError(f"unknown published backbone {name!r}: choose one of {', '.join(builders)}")
    return builders[name](weights, device, download)
