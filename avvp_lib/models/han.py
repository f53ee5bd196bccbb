"""HAN, the hybrid attention network: the baseline every audio-visual video parser starts from.

    Yapeng Tian, Dingzeyu Li, Chenliang Xu. Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video
    Parsing. ECCV 2020. arXiv:2007.10558. Follows the authors' code, github.com/YapengTian/AVVP-ECCV20 at fde5611.

Glossary
    B, T, C, H           videos, one-second segments, classes, hidden channels (LLP: T = 10, C = 25, H = 512)
    k                    frames per segment (LLP: 8)
    audio                (B, T, 128)     VGGish
    visual_2d            (B, T*k, 2048)  ResNet-152, k frames a segment
    visual_3d            (B, T, 512)     R(2+1)D-18, one clip a segment
    fc_a/fc_v/fc_st/fc_fusion            linear maps to the hidden channels (`front_ends`)
    hat_encoder          one hybrid attention layer, shared by both modalities (`layers`)
    fc_prob              (.., H) -> (.., C) logits of a segment in one modality
    fc_frame_att         (.., H) -> (.., C) scores over the segments,    for attentive
    fc_av_att            (.., H) -> (.., C) scores over the modalities,  MMIL pooling (`pooling`)

Deviations from the published code; the first three leave every output unchanged (up to rounding)
    1. Frames are averaged before fc_v instead of after it.
    2. `DEAD_PREFIXES` are not built: 4,738,048 of the 9,307,723 published parameters are never used.
    3. Both directions of the layer run as one batch.
    4. With layers > 1 each layer reads what the one before it wrote. In the published loop every layer reads the
       inputs and all but the last are lost; the paper uses one layer, where there is no difference.
    5. Widths are arguments, and T is free. A CLAP token map is accepted as audio (audio_layout="clap_tokens").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.layers import ParallelEncoder, PostNormLayer
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.pooling import attentive_mmil

DEAD_PREFIXES = ("audio_encoder.", "visual_encoder.", "cmt_encoder.", "hat_encoder.norm1.", "hat_encoder.norm2.")
"""Beginnings of the keys of a published checkpoint that its own forward never reads: drop them before loading."""


class HAN(SegmentFrontEnd):
    """Hybrid attention network with attentive MMIL pooling; the defaults are the published widths."""

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
        audio_layout: str = "segments",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        self.hat_encoder = ParallelEncoder(PostNormLayer(hidden, heads, feed_forward, dropout), layers)
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

        visual_3d is required (ValueError without it). text belongs to the signature all parsing models share; HAN
        does not read it.
        """
        audio, visual = self.hat_encoder(*self.embed(audio, visual_2d, visual_3d))
        streams = torch.stack([audio, visual], dim=2)
        return attentive_mmil(self.fc_prob(streams), self.fc_frame_att(streams), self.fc_av_att(streams))
