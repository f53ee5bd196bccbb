"""MUG: a Mamba network before HAN's hybrid attention, told by a teacher's text what each segment may contain.

    Langyu Wang, Bingke Zhu, Yingying Chen, Yiyuan Zhang, Ming Tang, Jinqiao Wang. MUG: Pseudo Labeling Augmented
    Audio-Visual Mamba Network for Audio-Visual Video Parsing. 2025. arXiv:2507.01384. The authors' repository
    (github.com/WangLY136/MUG) held no code yet when this was written from the text; the list below says how open places
    were read. Its loss is VALOR's, `avvp_lib.losses.valor_loss`.

Glossary (B videos, T segments, C classes, H hidden channels, E state space channels)
    audio, visual_2d, visual_3d      features as VALOR's (`valor`)
    text         (B, T, D_text) x 2  for audio and visual: what the teacher's labels of a segment mean, as a sentence
                                     embedding; zeros where it found nothing (`avvp_lib.pseudo_labels.text_features`)
    tsa          Temporal-spatial attention, one for each modality                              Eq. 1-3
    amf          Adaptive Mamba fusion (`mamba_fusion`)                                         Eq. 4, 5
    mixing       each stream gated by the other one, joined: the third input of the next module
    mfe          Mamba feature enhancement: louder where both streams agree
    plsim        Pseudo-label semantic interaction: scale and shift by text                     Eq. 6-10
    hat_encoder, fc_prob, fc_frame_att, fc_av_att                                               as VALOR's

What the paper varies, by argument
    tsa, amf, mfe, plsim = "off"                   Table 2; with all four off this is VALOR's network, key by key
    mixer = "attention", "convolution"             Table 5, "Transformer" and "CNN"
    Table 2's row without CMRC and Tables 3 and 4 vary the data, none of the network.

    Parameters              MUG          Transformer    CNN
        paper               7.6 M        19.3 M         6.5 M
        here                7,498,099    19,323,603     6,526,899        (VALOR: 5,094,475)

How the text was read
    1. TSA is CBAM with Mamba in the place of its MLP and its convolution. Temporal weights: both poolings over channels
       pass the same lift to d_att channels, Mamba and projection, and are added. Channel weights: both poolings over time
       are a sequence of two steps, whose two results are joined by one learned weight each.
    2. What the paper calls the shared matrix B is Mamba's state transition A. See `mamba_fusion` for how it is shared
       and for the gradient of the dynamic scan; its A is not shared.
    3. f_mix = Linear [f_a sigma(Linear f_v) ; f_v sigma(Linear f_a)]. It enters MFE's Mamba, pooled like the rest:
       e = sigma(Linear Mamba(pool f_a * pool f_v + pool f_mix)), f + f e, pool = mean of r neighbouring channels. Without
       AMF there is no f_mix, and without MFE nothing would read it: in both cases it is not built.
    4. A segment without text takes a learned vector, one for each modality.
    5. Widths are not published. Here the scans over H channels have E = H / 4 state space channels, the text MLPs 64
       hidden ones, and all else is as wide as VALOR: that comes closest to Table 5. For the same reason its "Transformer"
       is a whole transformer layer (feed-forward 4 times as wide, no positions) and its "CNN" a residual block of two
       depthwise convolutions with SiLU and no norm. They take the place of the Mamba in TSA and MFE, and of all of AMF.
    6. The tail is one layer of VALOR's hybrid attention, the paper's baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.layers import PostNormLayer, SequentialEncoder
from avvp_lib.models.mamba_fusion import (
    DYNAMIC_SCANS,
    TRANSITIONS,
    AdaptiveMambaFusion,
    CrossGatedMix,
    MambaFeatureEnhancement,
    ModalityMixers,
    NoMix,
    Shown,
)
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.pooling import attentive_mmil
from avvp_lib.models.ssm import Mamba

MixerMaker = Callable[[int, int], nn.Module]
"""From the width of a sequence and the number of state space channels to a module on (B, L, width)."""

Choice = TypeVar("Choice")


def chosen(argument: str, value: str, choices: Mapping[str, Choice]) -> Choice:
    """What a choice stands for; ValueError naming the argument and the choices for an unknown one."""
    if value not in choices:
        raise ValueError(f"{argument} {value!r} is unknown; known: {', '.join(choices)}")
    return choices[value]


def narrow_mamba(width: int, channels: int, d_state: int, d_conv: int) -> Mamba:
    """A Mamba block on sequences (B, L, width) with any number of state space channels, fewer than width included."""
    block = Mamba(channels, d_state, d_conv, expand=1)
    block.in_proj = nn.Linear(width, 2 * channels, bias=False)
    block.out_proj = nn.Linear(channels, width, bias=False)
    return block


def attention_layer(width: int, channels: int, heads: int, dropout: float) -> nn.TransformerEncoderLayer:
    """Table 5's transformer in the place of a Mamba block; it has no state spaces, so `channels` changes nothing."""
    if width % heads:
        raise ValueError(f"mixer 'attention' needs widths that heads = {heads} divides, and one is {width}")
    return nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True)


class ResidualConvolution(nn.Module):
    """Table 5's ResNet block in the place of a Mamba block: two depthwise convolutions over three steps."""

    def __init__(self, width: int, channels: int) -> None:
        """`channels` changes nothing: there are no state spaces."""
        super().__init__()
        self.conv1 = nn.Conv1d(width, width, 3, padding=1, groups=width)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1, groups=width)

    def forward(self, sequence: Tensor) -> Tensor:
        """x + conv(silu(conv(x))) along a sequence (B, L, width)."""
        x = sequence.transpose(1, 2)
        return (x + self.conv2(functional.silu(self.conv1(x)))).transpose(1, 2)


def mixer_maker(mixer: str, d_state: int, d_conv: int, heads: int, dropout: float) -> MixerMaker:
    """What runs along a sequence, by its name (Table 5)."""
    makers: dict[str, MixerMaker] = {
        "mamba": partial(narrow_mamba, d_state=d_state, d_conv=d_conv),
        "attention": partial(attention_layer, heads=heads, dropout=dropout),
        "convolution": ResidualConvolution,
    }
    return chosen("mixer", mixer, makers)


class TemporalSpatialAttention(nn.Module):
    """TSA of one modality: weigh the segments, then the channels.

    Args:
        hidden: H.
        lifted: d_att, channels in which the temporal weights are worked out.
        temporal_mixer: runs over (.., T, d_att).
        feature_mixer: runs over (.., 2, H).
    """

    def __init__(self, hidden: int, lifted: int, temporal_mixer: nn.Module, feature_mixer: nn.Module) -> None:
        super().__init__()
        self.lift = nn.Linear(1, lifted)
        self.temporal_mixer = temporal_mixer
        self.lower = nn.Linear(lifted, 1)
        self.feature_mixer = feature_mixer
        self.join = nn.Linear(2, 1)

    def temporal_weights(self, stream: Tensor) -> Tensor:
        """W (B, T, 1) of a stream (B, T, H) (Eq. 1)."""
        pooled = torch.cat([stream.mean(2, keepdim=True), stream.amax(2, keepdim=True)])
        average, maximum = self.lower(self.temporal_mixer(self.lift(pooled))).chunk(2)
        return (average + maximum).sigmoid()

    def feature_weights(self, stream: Tensor) -> Tensor:
        """S (B, 1, H) of a stream (B, T, H) (Eq. 2)."""
        pooled = torch.stack([stream.mean(1), stream.amax(1)], dim=1)
        return self.join(self.feature_mixer(pooled).transpose(1, 2)).transpose(1, 2).sigmoid()

    def forward(self, stream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The weighted stream (B, T, H) (Eq. 3), W and S."""
        temporal = self.temporal_weights(stream)
        stream = temporal * stream
        feature = self.feature_weights(stream)
        return feature * stream, temporal, feature


class ModalityAttentions(nn.Module):
    """TSA of both modalities."""

    def __init__(self, audio: TemporalSpatialAttention, visual: TemporalSpatialAttention) -> None:
        super().__init__()
        self.audio = audio
        self.visual = visual

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Shown]:
        """Both streams (B, T, H), weighted; temporal_attention (B, T, 2) and feature_attention (B, 2, H)."""
        audio, audio_temporal, audio_feature = self.audio(audio)
        visual, visual_temporal, visual_feature = self.visual(visual)
        shown = {
            "temporal_attention": torch.cat([audio_temporal, visual_temporal], dim=2),
            "feature_attention": torch.cat([audio_feature, visual_feature], dim=1),
        }
        return audio, visual, shown


class TextModulation(nn.Module):
    """PLSIM of one modality: F = f * gamma_1 + gamma_2 + f, with both gammas read off the text of the segment."""

    def __init__(self, text_dim: int, text_hidden: int, hidden: int) -> None:
        super().__init__()
        self.null = nn.Parameter(
            torch.randn(text_dim) * text_dim**-0.5
        )  # about as long as a sentence, which has length 1
        self.scale, self.shift = (
            nn.Sequential(nn.Linear(text_dim, text_hidden), nn.ReLU(), nn.Linear(text_hidden, hidden)) for _ in range(2)
        )

    def forward(self, stream: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The modulated stream (B, T, H) (Eq. 9, 10), its scale and its shift (Eq. 7, 8), by text (B, T, D_text)."""
        text = torch.where((text != 0).any(2, keepdim=True), text, self.null)
        scale, shift = self.scale(text), self.shift(text)
        return stream * scale + shift + stream, scale, shift


class PseudoLabelSemantics(nn.Module):
    """PLSIM of both modalities."""

    def __init__(self, text_audio_dim: int, text_visual_dim: int, text_hidden: int, hidden: int) -> None:
        super().__init__()
        self.text_widths = {"text_audio": text_audio_dim, "text_visual": text_visual_dim}
        self.audio = TextModulation(text_audio_dim, text_hidden, hidden)
        self.visual = TextModulation(text_visual_dim, text_hidden, hidden)

    def forward(
        self, audio: Tensor, visual: Tensor, text: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Shown]:
        """Both streams (B, T, H), modulated; scale_audio, shift_audio, scale_visual, shift_visual, each (B, T, H)."""
        check_text(text, self.text_widths, tuple(audio.shape[:2]))
        audio, scale_audio, shift_audio = self.audio(audio, text[0])
        visual, scale_visual, shift_visual = self.visual(visual, text[1])
        shown = {"scale_audio": scale_audio, "shift_audio": shift_audio}
        return audio, visual, shown | {"scale_visual": scale_visual, "shift_visual": shift_visual}


class Unchanged(nn.Module):
    """The place of a module that is switched off."""

    def forward(self, audio: Tensor, visual: Tensor, *unread: object) -> tuple[Tensor, Tensor, Shown]:
        """Both streams as they came."""
        return audio, visual, {}


def check_text(text: tuple[Tensor, Tensor] | None, widths: Mapping[str, int], videos_segments: tuple[int, int]) -> None:
    """ValueError where text is missing, or does not fit the model or the other features."""
    if text is None:
        raise ValueError(
            "text is missing: MUG with plsim='on' reads text=(text_audio, text_visual), see "
            "avvp_lib.pseudo_labels.text_features. Build it with plsim='off' to do without"
        )
    if len(text) != 2:
        raise ValueError(f"text holds {len(text)} tensors; expected two, text_audio and text_visual")
    for (name, width), tensor in zip(widths.items(), text, strict=True):
        if tuple(tensor.shape) != (*videos_segments, width):
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected {(*videos_segments, width)}")


def modality_attentions(hidden: int, lifted: int, channels: int, make: MixerMaker) -> ModalityAttentions:
    """TSA with mixers of one kind; the temporal one has twice as many channels as it gets, as Mamba blocks do."""
    audio, visual = (
        TemporalSpatialAttention(hidden, lifted, make(lifted, 2 * lifted), make(hidden, channels)) for _ in range(2)
    )
    return ModalityAttentions(audio, visual)


def modality_mixers(hidden: int, channels: int, make: MixerMaker) -> ModalityMixers:
    """Layers of one kind in the place of AMF."""
    return ModalityMixers(make(hidden, channels), make(hidden, channels))


def feature_enhancement(hidden: int, pooling: int, make: MixerMaker) -> MambaFeatureEnhancement:
    """MFE with a mixer of one kind, which has twice as many channels as it gets, as Mamba blocks do."""
    if hidden % pooling:
        raise ValueError(f"hidden = {hidden} is not divisible by pooling = {pooling}")
    pooled = hidden // pooling
    return MambaFeatureEnhancement(hidden, pooling, make(pooled, 2 * pooled))


def switched(argument: str, value: str, build: Callable[[], nn.Module]) -> nn.Module:
    """The module if it is "on", `Unchanged` if it is "off"; ValueError for anything else."""
    return chosen(argument, value, {"on": build, "off": Unchanged})()


class MUG(SegmentFrontEnd):
    """MUG's network; the defaults are the published widths as far as they are known, see the module's list.

    Args:
        text_audio_dim, text_visual_dim: widths of the sentence embeddings (CLAP 512, CLIP ViT-L/14 768).
        hidden, heads, feed_forward, layers, classes, dropout, audio_layout: as VALOR's.
        state_channels, d_state, d_conv: E, states per channel, taps of the convolution.
        attention_channels: d_att of the temporal weights.
        pooling: r of MFE; divides hidden.
        text_hidden: hidden channels of PLSIM's MLPs.
        tsa, amf, mfe, plsim: "on" or "off" (Table 2).
        mixer: "mamba", or "attention" or "convolution" in its place (Table 5).
        state_transition: "shared" between the modalities, or "own" for each; without effect unless AMF runs on Mamba.
        dynamic_start: where the dynamic scan begins: at the "top" segment, or the "mixture" of all; likewise.
    """

    dead_prefixes = ()

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        visual_2d_dim: int = 2048,
        visual_3d_dim: int = 512,
        text_audio_dim: int = 512,
        text_visual_dim: int = 768,
        hidden: int = 512,
        heads: int = 8,
        feed_forward: int = 1024,
        layers: int = 1,
        classes: int = 25,
        dropout: float = 0.1,
        audio_layout: str = "segments",
        state_channels: int = 128,
        d_state: int = 16,
        d_conv: int = 4,
        attention_channels: int = 16,
        pooling: int = 4,
        text_hidden: int = 64,
        tsa: str = "on",
        amf: str = "on",
        mfe: str = "on",
        plsim: str = "on",
        mixer: str = "mamba",
        state_transition: str = "shared",
        dynamic_start: str = "top",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        make = mixer_maker(mixer, d_state, d_conv, heads, dropout)
        transition = chosen("state_transition", state_transition, TRANSITIONS)
        scan = chosen("dynamic_start", dynamic_start, DYNAMIC_SCANS)
        scans = partial(AdaptiveMambaFusion, hidden, state_channels, d_state, d_conv, transition, scan)
        fusion = scans if mixer == "mamba" else partial(modality_mixers, hidden, state_channels, make)
        attentions = partial(modality_attentions, hidden, attention_channels, state_channels, make)
        enhancement = partial(feature_enhancement, hidden, pooling, make)
        semantics = partial(PseudoLabelSemantics, text_audio_dim, text_visual_dim, text_hidden, hidden)
        self.tsa = switched("tsa", tsa, attentions)
        self.amf = switched("amf", amf, fusion)
        self.mfe = switched("mfe", mfe, enhancement)
        self.mixing = CrossGatedMix(hidden) if amf == mfe == "on" else NoMix()
        self.plsim = switched("plsim", plsim, semantics)
        layer = PostNormLayer(hidden, heads, feed_forward, dropout)
        self.hat_encoder = SequentialEncoder(layer, layers, nn.Identity(), nn.Identity())
        self.fc_prob = nn.Linear(hidden, classes)
        self.fc_frame_att = nn.Linear(hidden, classes)
        self.fc_av_att = nn.Linear(hidden, classes)

    def forward(
        self,
        audio: Tensor,
        visual_2d: Tensor,
        visual_3d: Tensor | None = None,
        text: tuple[Tensor, Tensor] | None = None,
    ) -> ParsingOutput:
        """Parse a batch of videos; feature shapes are in the glossary.

        visual_3d is required, and so is text with plsim="on" (ValueError without it); otherwise text is not read.

        extras, besides those of `attentive_mmil`, each if its module is on (and runs on Mamba, for the second line)
            temporal_attention (B, T, 2), feature_attention (B, 2, H)          TSA's W and S
            start_prob (B, T, 2), sharing (2, 2, E)                            AMF's, see `AdaptiveMambaFusion`
            enhancement (B, T, H)                                              MFE's e
            scale_audio, shift_audio, scale_visual, shift_visual (B, T, H)     PLSIM's gamma_1, gamma_2, rho_1, rho_2
        """
        audio, visual = self.embed(audio, visual_2d, visual_3d)
        audio, visual, attention = self.tsa(audio, visual)
        audio, visual, fusion = self.amf(audio, visual)
        audio, visual, enhancement = self.mfe(audio, visual, self.mixing(audio, visual))
        audio, visual, semantics = self.plsim(audio, visual, text)
        audio, visual = self.hat_encoder(audio, visual)
        streams = torch.stack([audio, visual], dim=2)
        output = attentive_mmil(self.fc_prob(streams), self.fc_frame_att(streams), self.fc_av_att(streams))
        output.extras.update(attention | fusion | enhancement | semantics)
        return output
