"""SelM: audio-visual segmentation that lets sound select what is seen, by aligned encoders, state spaces and a token decoder.

    Jiaxu Li, Songsong Yu, Yifan Wang, Lijun Wang, Huchuan Lu. SelM: Selective Mechanism based Audio-Visual Segmentation.
    ACM Multimedia 2024. Also follows the authors' code at 7c28674. The losses (Eq. 6, 7) live in `avvp_lib.losses.segmentation`,
    the measures (Eq. 8) in `avvp_lib.metrics.segmentation`.

A model may learn that dogs bark and mark a dog that is silent: an auditory illusion. SelM brings sound and picture together after
every encoder stage (DAM), lets each modality, read along time by Mamba layers, weigh the other (BCSM), and asks both in turn before
it draws a mask (CLEVER).

Glossary (B clips, T frames, one a second, BT = B T in the order of clips; H hidden channels; C_i channels of encoder stage i)
    images   (B, T, 3, S, S)       pictures, normalised as the encoder was trained
    audio    (B, T, 128)           one VGGish vector a second (`avvp_lib.features.vggish_network`)
    a, T     (BT, H, 1)            audio tokens: the vector, projected; one a frame
    X, F     (BT, C_i, HW)         visual features of stage i, before and after alignment (F^a); strides 4, 8, 16, 32
    W        (BT, C_i, HW)         alignment weight map of DAM (Sec. 4.2, `selm_alignment`)
    F^s, T^s                       features that BCSM has selected (Sec. 4.3, `selm_selection`)
    Delta, A, B, C                 step size and matrices of the state space (Eq. 1-5, `avvp_lib.models.ssm`)
    tokens   (BT, 2, H)            learned queries of CLEVER (Sec. 4.4, `selm_decoder`): the rest 0, the target 1
    hit map  (BT, 2, h, w)         heat map of a decoder layer: which token a position belongs to

The two variants. The published numbers belong to "released", whose weights can be loaded; "paper" is deterministic in evaluation,
knows no other clip of its batch there, and is what the text describes.
                   variant="paper"                           variant="released"
    DAM            W = tanh(branch * branch), X + W X, the   attention and instance norms; the visual side adds a constant per
                   same block both ways                      channel and hears nothing, so DAM goes from picture to sound only
    Mamba layer    f + Mamba(LN f)                           LN f + Mamba(LN f)
    BCSM's weights sigmoid, in (0, 1)                        1 + SiLU, at least 0.72
    hit map        softmax over the tokens of q k / sqrt(H)  cosines, Gumbel noise, hard choice, straight-through gradient
    CLEVER         residuals around all layers               none around the feed-forward layers
    auxiliary loss Dice of the hit map                       Dice of its sigmoid (a switch of the loss)

Switches of the released variant; the first value is what was released, and the default there
    gate_order       "released" | "fixed"       BCSM's weights reach other frames of the batch when B > 1 (but one of eight kinds)
    evaluation_hits  "sample" | "argmax"        Gumbel noise also in evaluation, so that two passes differ; or none
    dam_visual       "released" | "working"     the dead visual side; or without the norm that kills it, same weights
    audio_batching   "concatenated" | "per_clip"  AVSS: audio of all clips of a batch as one sequence; elsewhere always per clip

Ablations (arguments; the default is the full model)
    early_fusion   "dam" | "none" Table 3 | "add", "concat" Table 4 | "a2v", "v2a" Table 6
    selection      "bcsm" | "none" Table 3 | "a2v", "v2a" Table 7
    decoder        "clever" | "single-level" Table 3 | "visual", "audio" Table 5 (w.o. Audio CA, w.o. Video CA)
    temporal       "mamba" | "attention"; mamba_layers: how many
    hearing        "audio" | "none": one learned token in place of every sound
    fusion_place   "between" the stages | "beside" them: the encoder then never hears, and all of it can be cached
    Table 8 is a matter of the loss.

`extras`: a2v_weights and v2a_weights (B, T, 4, H), what BCSM multiplied with; an ablation lacks what it takes away.

Deviations from the paper's text
    1. There are no "multi-stage audio features": as in the code, one VGGish vector a second is the only token, and DAM's audio
       output goes into the next DAM.
    2. Eq. 2 discretises B exactly; Mamba and all its code take an Euler step, and so do we. Eq. 4 holds for fixed A, B and C only.
    3. Mamba is causal: in S4, where only the first frame has a mask in training, its recurrence is never trained (a test shows it).
    4. "w.o. CLEVER" puts AVSegFormer's decoder in its place; here it is CLEVER's own layers on a single level.
Open readings of the paper variant: X + W X and the tanh (the text says only that W re-weights); the mean over positions where a map
weighs a token; sigmoid weights in BCSM; two tokens and the kernel of the mask, from the code; only the target token hears.
Deviations from the released code; none changes an output (up to rounding)
    1. What its forward never reads, or reads through a softmax over one element, is not built (`dead_prefixes`): a second branch of
       ResNet, the keys and queries of attention over one token, two scalar weights, a norm and an MLP of each decoder layer.
    2. The video flag of AVSS, which sets logits of padded frames to 0, is the caller's: multiply by `present`.
    3. Layers of a Mamba stack start from weights of their own, not from copies.
    4. Widths, input size and number of frames are free.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avvp_lib.models.segmentation_output import SegmentationOutput
from avvp_lib.models.selm_alignment import EARLY_FUSIONS, VISUAL_SIDES, paper_alignment, released_alignment
from avvp_lib.models.selm_decoder import (
    CHANNELS_PER_GROUP,
    DECODERS,
    EVALUATION_HITS,
    BinaryHead,
    SemanticHead,
    at_least_float32,
    build_decoder,
    group_norm,
    upsample,
)
from avvp_lib.models.selm_encoders import BACKBONES, PLACES, STRIDES, EarlyFusion, FusionBeside, build_encoder
from avvp_lib.models.selm_official import DEAD_PREFIXES, from_official
from avvp_lib.models.selm_selection import AUDIO_BATCHINGS, GATE_ORDERS, MIXERS, SELECTIONS, build_selection

__all__ = ["PUBLISHED_SIZES", "SETTINGS", "VARIANTS", "SelM", "from_official"]

SETTINGS = ("s4", "ms3", "avss")
VARIANTS = ("paper", "released")
SMALLEST_INPUT = 64
"""Below that the coarsest map is a single position, over which nothing can be normalised."""


class PublishedSize(NamedTuple):
    """Side of the images, and how often the mask head doubles the finest map."""

    input_size: int
    upsamplings: int


PUBLISHED_SIZES = {
    ("resnet-50", "s4"): PublishedSize(224, 2),
    ("pvt-v2-b5", "s4"): PublishedSize(448, 1),
    ("resnet-50", "ms3"): PublishedSize(448, 1),
    ("pvt-v2-b5", "ms3"): PublishedSize(448, 2),
    ("resnet-50", "avss"): PublishedSize(224, 2),
    ("pvt-v2-b5", "avss"): PublishedSize(224, 2),
}
"""Of the released networks, which differ from the paper's 224 x 224."""

PAPER_SIZE = PublishedSize(224, 2)
RELEASED_OUTPUT = 224
"""Side of the masks of the released S4 and MS3, whatever the input."""

SWITCHES = {
    "gate_order": GATE_ORDERS,
    "evaluation_hits": EVALUATION_HITS,
    "dam_visual": VISUAL_SIDES,
    "audio_batching": AUDIO_BATCHINGS,
}
FIXED = {"gate_order": "fixed", "evaluation_hits": "argmax", "dam_visual": "working", "audio_batching": "per_clip"}
RELEASED = {
    "gate_order": "released",
    "evaluation_hits": "sample",
    "dam_visual": "released",
    "audio_batching": "concatenated",
}


class AudioToken(nn.Module):
    """A VGGish vector of one second as a token."""

    def __init__(self, audio_dim: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(audio_dim, hidden)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, audio: Tensor) -> Tensor:
        """(BT, D) -> (BT, H)."""
        return self.norm(self.proj(audio))


class Deaf(nn.Module):
    """In the place of `AudioToken`: one learned token, whatever sounds."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.token = nn.Parameter(nn.init.trunc_normal_(torch.empty(hidden), std=0.02))

    def forward(self, audio: Tensor) -> Tensor:
        """(BT, D) -> (BT, H)."""
        return self.token.expand(len(audio), -1)


class SelM(nn.Module):
    """The whole network. See the module's docstring for what the names mean.

    Args:
        backbone: one of `BACKBONES`.
        setting: "s4" | "ms3" (one mask) | "avss" (a mask for each class).
        variant: "paper" | "released".
        audio_dim: D, width of the audio vectors.
        hidden: H, a multiple of 8.
        classes: of AVSS, the background included; the other settings do not read it.
        mamba_layers: layers of each of BCSM's eight stacks.
        input_size: S, a multiple of 32, at least 64. None: 224, or what the released network of this backbone and setting has.
        output_size: side of the masks. None: as the input, or 224 in the released S4 and MS3.
        upsamplings: how often the mask head doubles the finest map. None: 2, or as released.
        dropout: of decoder and, in the paper variant, DAM.
        early_fusion, fusion_place, selection, temporal, decoder, hearing: ablations.
        gate_order, evaluation_hits, dam_visual, audio_batching: switches of the released variant. None: as released.

    Raises:
        ValueError: a name is unknown, a size cannot be, or a switch is set that the variant does not have.
    """

    def __init__(
        self,
        backbone: str = "pvt-v2-b5",
        setting: str = "s4",
        variant: str = "paper",
        audio_dim: int = 128,
        hidden: int = 256,
        classes: int = 71,
        mamba_layers: int = 3,
        input_size: int | None = None,
        output_size: int | None = None,
        upsamplings: int | None = None,
        dropout: float = 0.1,
        early_fusion: str = "dam",
        fusion_place: str = "between",
        selection: str = "bcsm",
        temporal: str = "mamba",
        decoder: str = "clever",
        hearing: str = "audio",
        gate_order: str | None = None,
        evaluation_hits: str | None = None,
        dam_visual: str | None = None,
        audio_batching: str | None = None,
    ) -> None:
        super().__init__()
        _check_choices(
            backbone=(backbone, BACKBONES),
            setting=(setting, SETTINGS),
            variant=(variant, VARIANTS),
            early_fusion=(early_fusion, EARLY_FUSIONS),
            fusion_place=(fusion_place, PLACES),
            selection=(selection, SELECTIONS),
            temporal=(temporal, MIXERS),
            decoder=(decoder, DECODERS),
            hearing=(hearing, ("audio", "none")),
        )
        switches = _switches(
            variant,
            gate_order=gate_order,
            evaluation_hits=evaluation_hits,
            dam_visual=dam_visual,
            audio_batching=audio_batching,
        )
        sizes = _sizes(backbone, setting, variant, input_size, output_size, upsamplings)
        if hidden % CHANNELS_PER_GROUP:
            raise ValueError(f"hidden = {hidden} is not a multiple of {CHANNELS_PER_GROUP}")
        self.input_size, self.output_size, upsamplings = sizes
        self.audio_dim = audio_dim
        channels = BACKBONES[backbone].channels
        align = (
            partial(released_alignment, early_fusion, visual_side=switches["dam_visual"])
            if variant == "released"
            else partial(paper_alignment, early_fusion, dropout=dropout)
        )
        semantic = setting == "avss"

        self.audio_token = AudioToken(audio_dim, hidden) if hearing == "audio" else Deaf(hidden)
        self.encoder = (EarlyFusion if fusion_place == "between" else FusionBeside)(
            build_encoder(backbone), (align(channels=width, hidden=hidden) for width in channels)
        )
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, hidden, 1), group_norm(hidden)) for width in channels
        )
        self.selection = build_selection(
            selection,
            hidden,
            variant=variant,
            layers=mamba_layers,
            temporal=temporal,
            gate_order=switches["gate_order"],
            audio_batching=switches["audio_batching"] if semantic else "per_clip",
        )
        self.decoder = build_decoder(
            decoder,
            hidden,
            self.input_size,
            SemanticHead(hidden, upsamplings, classes) if semantic else BinaryHead(hidden, upsamplings),
            variant=variant,
            dropout=dropout,
            evaluation_hits=switches["evaluation_hits"],
        )

    @property
    def dead_prefixes(self) -> tuple[str, ...]:
        """How the keys of a published checkpoint begin that no output depends on."""
        return DEAD_PREFIXES

    def forward(self, images: Tensor, audio: Tensor) -> SegmentationOutput:
        """Segment what sounds.

        Args:
            images: (B, T, 3, S, S) float, normalised.
            audio: (B, T, D) float, a vector of the same second for each frame.

        Returns:
            Logits (B, T, K, output_size, output_size), gated maps and hit maps; K = 1, or the classes of AVSS.

        Raises:
            ValueError: a shape does not fit; names the argument.
        """
        return self.segment(self.image_maps(images), audio)

    def image_maps(self, images: Tensor) -> list[Tensor]:
        """What the images alone decide, and a frozen encoder has to compute only once.

        Args:
            images: (B, T, 3, S, S) float, normalised.

        Returns:
            Maps (B, T, C_i, h_i, w_i): of stage 1, or of all four where the encoder hears nothing (fusion_place="beside").
        """
        side = self.input_size
        if images.dim() != 5 or images.shape[2:] != (3, side, side):
            raise ValueError(
                f"images have shape {tuple(images.shape)}; this model was built for (B, T, 3, {side}, {side})"
            )
        return [x.unflatten(0, images.shape[:2]) for x in self.encoder.image_maps(images.flatten(0, 1))]

    def segment(self, image_maps: list[Tensor], audio: Tensor) -> SegmentationOutput:
        """The rest of `forward`, from what `image_maps` returned.

        Args:
            image_maps: (B, T, C_i, h_i, w_i) each.
            audio: (B, T, D) float.
        """
        clips = image_maps[0].shape[:2]
        if audio.shape != (*clips, self.audio_dim):
            raise ValueError(f"audio has shape {tuple(audio.shape)}; the images need {(*clips, self.audio_dim)}")
        tokens = self.audio_token(audio.flatten(0, 1))[..., None]  # (BT, H, 1)
        maps, tokens = self.encoder([x.flatten(0, 1) for x in image_maps], tokens)
        maps = [project(x).unflatten(0, clips) for project, x in zip(self.projections, maps, strict=True)]
        gated, tokens, extras = self.selection(maps, tokens.squeeze(2).unflatten(0, clips))
        logits, hits = self.decoder([x.flatten(0, 1) for x in gated], tokens.flatten(0, 1)[:, None])
        logits = upsample(at_least_float32(logits), (self.output_size, self.output_size))
        return SegmentationOutput(logits.unflatten(0, clips), gated, [x.unflatten(0, clips) for x in hits], extras)


def _check_choices(**arguments: tuple[str, Iterable[str]]) -> None:
    """ValueError naming the first argument whose value is none of its choices."""
    for argument, (value, choices) in arguments.items():
        if value not in choices:
            raise ValueError(f"{argument} {value!r} is unknown; known: {', '.join(choices)}")


def _switches(variant: str, **chosen: str | None) -> dict[str, str]:
    """Every switch with its value in this variant; ValueError for one that the variant does not have."""
    given = {name: value for name, value in chosen.items() if value is not None}
    if given and variant != "released":
        raise ValueError(
            f"{', '.join(given)}: only variant='released' has these switches, variant={variant!r} has none"
        )
    _check_choices(**{name: (value, SWITCHES[name]) for name, value in given.items()})
    return (RELEASED if variant == "released" else FIXED) | given


def _sizes(
    backbone: str,
    setting: str,
    variant: str,
    input_size: int | None,
    output_size: int | None,
    upsamplings: int | None,
) -> tuple[int, int, int]:
    """Input size, output size and upsamplings, with what was left open filled in; ValueError naming one that cannot be."""
    released = variant == "released"
    published = PUBLISHED_SIZES.get((backbone, setting), PAPER_SIZE) if released else PAPER_SIZE
    input_size = published.input_size if input_size is None else input_size
    upsamplings = published.upsamplings if upsamplings is None else upsamplings
    if output_size is None:
        output_size = RELEASED_OUTPUT if released and setting != "avss" else input_size
    for name, size in {"input_size": input_size, "output_size": output_size, "upsamplings": upsamplings}.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} must be a positive integer, not {size!r}")
    if input_size % STRIDES[-1] or input_size < SMALLEST_INPUT:
        raise ValueError(
            f"input_size = {input_size} must be a multiple of {STRIDES[-1]}, and at least {SMALLEST_INPUT}"
        )
    return input_size, output_size, upsamplings
