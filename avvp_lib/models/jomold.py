"""JoMoLD's network: HAN, and beside it the same weights without cross-attention, which tell a modality's own evidence.

    Haoyue Cheng, Zhaoyang Liu, Hang Zhou, Chen Qian, Wayne Wu, Limin Wang. Joint-Modal Label Denoising for
    Weakly-Supervised Audio-Visual Video Parsing. ECCV 2022. arXiv:2204.11573. Follows the authors' code,
    github.com/MCG-NJU/JoMoLD at a7dc2d5. The paper's point is how video labels are cleaned of what one modality does not
    hold: `avvp_lib.losses.jomold`, `avvp_lib.pseudo_labels.noise_ratios`, `avvp_lib.objectives.jomold`.

Glossary
    B, T, C, H           videos, one-second segments, classes, hidden channels (LLP: T = 10, C = 25, H = 512)
    k                    frames per segment (LLP: 8)
    audio                (B, T, 128)     VGGish
    visual_2d            (B, T*k, 2048)  ResNet-152, k frames a segment
    visual_3d            (B, T, 512)     R(2+1)D-18, one clip a segment
    fc_a/fc_v/fc_st/fc_fusion            linear maps to the hidden channels (`front_ends`)
    hat_encoder          hybrid attention layers, each shared by both modalities (`layers`)
    fc_prob              (.., H) -> (.., C) logits of a segment in one modality
    fc_frame_att         (.., H) -> (.., C) scores over the segments,    for attentive
    fc_av_att            (.., H) -> (.., C) scores over the modalities,  MMIL pooling (`pooling`)
    synchrony_logits     (B, T, T) cosine of audio segment t (rows) and visual segment t' (columns), over a temperature

The two stages use the network differently
    1. The noise estimator never looks across: build it with cross_attention="off", or call `without_cross_attention`.
    2. The parser looks across, but in each step `without_cross_attention` says which labels to doubt.

Where it differs from HAN: dropout (one half) of the encoded visual stream before the heads, none of the audio; the
synchrony logits, from the encoded streams before that dropout. In evaluation mode its predictions equal HAN's.

Deviations from the published code; none changes an output beyond rounding
    1. Frames are averaged before fc_v instead of after it; both directions of a layer run as one batch.
    2. hat_encoder.norm1 and norm2 are not built: no forward reads them (`DEAD_PREFIXES`).
    3. Widths are arguments, and T is free. A CLAP token map is accepted as audio (audio_layout="clap_tokens").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.layers import PostNormLayer
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.pooling import attentive_mmil

DEAD_PREFIXES = ("hat_encoder.norm1.", "hat_encoder.norm2.")
"""Beginnings of the keys of a published checkpoint that its own forward never reads: drop them before loading."""


class JoMoLDLayer(PostNormLayer):
    """A hybrid attention layer that can leave its cross-attention out."""

    def within(self, query: Tensor) -> Tensor:
        """Update `query` (B, T, H) from itself alone: y = LN1(q + self-attention(q)), out = LN2(y + feed_forward(y))."""
        attention, _ = self.self_attn(query, query, query, need_weights=False)
        attended = self.norm1(query + self.dropout(attention))
        return self.norm2(attended + self.transform(attended))


class CrossModalEncoder(nn.Module):
    """Layers that start from weights of their own; each updates both modalities from the same pair."""

    def __init__(self, hidden: int, heads: int, feed_forward: int, dropout: float, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(JoMoLDLayer(hidden, heads, feed_forward, dropout) for _ in range(count))

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Encode two streams (B, T, H); both directions go through a layer as one batch of 2B."""
        for layer in self.layers:
            audio, visual = layer(torch.cat([audio, visual]), torch.cat([visual, audio])).chunk(2)
        return audio, visual

    def within(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """The same without cross-attention: neither stream sees the other."""
        streams = torch.cat([audio, visual])
        for layer in self.layers:
            streams = layer.within(streams)
        return streams.chunk(2)


class WithinModalityEncoder(CrossModalEncoder):
    """The noise estimator's encoder. The cross-attention weights are there, so that keys agree, but nothing reads them."""

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Encode two streams (B, T, H), each by itself."""
        return self.within(audio, visual)


ENCODERS: dict[str, type[CrossModalEncoder]] = {"on": CrossModalEncoder, "off": WithinModalityEncoder}


class JoMoLD(SegmentFrontEnd):
    """HAN with visual dropout and a way to run it without cross-attention; the defaults are the published widths.

    Raises ValueError when it is built with an unknown `cross_attention` or a temperature of zero.
    """

    dead_prefixes = DEAD_PREFIXES

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        visual_2d_dim: int = 2048,
        visual_3d_dim: int = 512,
        hidden: int = 512,
        heads: int = 1,
        feed_forward: int = 512,
        layers: int = 1,
        classes: int = 25,
        dropout: float = 0.1,
        visual_dropout: float = 0.5,
        temperature: float = 0.2,
        cross_attention: str = "on",
        audio_layout: str = "segments",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        if cross_attention not in ENCODERS:
            raise ValueError(f"cross_attention {cross_attention!r} is unknown; known: {', '.join(ENCODERS)}")
        if temperature <= 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.temperature = temperature
        self.hat_encoder = ENCODERS[cross_attention](hidden, heads, feed_forward, dropout, layers)
        self.visual_dropout = nn.Dropout(visual_dropout)
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

        visual_3d is required (ValueError without it). text belongs to the signature all parsing models share; JoMoLD
        does not read it. extras: those of `attentive_mmil`, and "synchrony_logits" (B, T, T).
        """
        return self._parse(*self.hat_encoder(*self.embed(audio, visual_2d, visual_3d)))

    def without_cross_attention(
        self, audio: Tensor, visual_2d: Tensor, visual_3d: Tensor | None = None
    ) -> ParsingOutput:
        """As `forward`, with the same weights, but each modality is encoded by itself."""
        return self._parse(*self.hat_encoder.within(*self.embed(audio, visual_2d, visual_3d)))

    def _parse(self, audio: Tensor, visual: Tensor) -> ParsingOutput:
        """Two encoded streams (B, T, H) to predictions."""
        streams = torch.stack([audio, self.visual_dropout(visual)], dim=2)
        output = attentive_mmil(self.fc_prob(streams), self.fc_frame_att(streams), self.fc_av_att(streams))
        cosines = functional.normalize(audio, dim=-1) @ functional.normalize(visual, dim=-1).transpose(1, 2)
        output.extras["synchrony_logits"] = cosines / self.temperature
        return output
