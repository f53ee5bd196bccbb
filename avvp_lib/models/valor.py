"""VALOR's parsing network: HAN with a sequential encoder, made deeper and fed with CLAP and CLIP features.

    Yung-Hsuan Lai, Yen-Chun Chen, Yu-Chiang Frank Wang. Modality-Independent Teachers Meet Weakly-Supervised
    Audio-Visual Event Parser. NeurIPS 2023. arXiv:2305.17343. Follows the authors' code,
    github.com/Franklin905/VALOR at 2677da9. The paper's point, segment labels harvested from CLIP and CLAP, lives in
    `avvp_lib.pseudo_labels`; its loss in `avvp_lib.losses.valor_loss`.

Glossary (B videos, T segments, C classes, H hidden channels, k frames per segment)
                         VALOR and VALOR+                        VALOR++
    audio                (B, T, 128)     VGGish                  (B, 64, 768)  CLAP token map
    visual_2d            (B, T*k, 2048)  ResNet-152, k = 8       (B, 10, 768)  CLIP ViT-L/14, k = 1
    visual_3d            (B, T, 512)     R(2+1)D-18              (B, 10, 512)  R(2+1)D-18
    H, layers            512, 1 (VALOR)  256, 4 (VALOR+)         256, 4
    fc_a/fc_v/fc_st/fc_fusion            linear maps to the hidden channels (`front_ends`)
    hat_encoder          hybrid attention layers, each shared by both modalities (`layers`)
    fc_prob              (.., H) -> (.., C) logits of a segment in one modality
    fc_frame_att         (.., H) -> (.., C) scores over the segments,    for attentive
    fc_av_att            (.., H) -> (.., C) scores over the modalities,  MMIL pooling (`pooling`)

Where it differs from HAN: within a layer the visual stream attends to audio that is already updated; eight heads; a
wider feed-forward block; an optional pre-norm layer (norm="pre"). Stacked layers start from identical weights.

Deviations from the published code; the first three leave every output unchanged (up to rounding)
    1. Frames are averaged before fc_v, and the CLAP map is resampled by one fixed matrix before fc_a, not after.
    2. final_norm_a and final_norm_v exist for norm="pre" only; behind post-norm layers they were never applied.
    3. The norm is chosen when the network is built, not by a string compared in every forward.
    4. Widths are arguments, and T is free for audio_layout="segments".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.layers import PostNormLayer, PreNormLayer, SequentialEncoder
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.pooling import attentive_mmil

NORMS = {"post": (PostNormLayer, nn.Identity), "pre": (PreNormLayer, nn.LayerNorm)}
"""Layer class and final norm of each variant."""

DEAD_PREFIXES = {"post": ("hat_encoder.final_norm_a.", "hat_encoder.final_norm_v."), "pre": ()}
"""Per norm: beginnings of the keys of a published checkpoint that its own forward never reads; drop before loading."""


class VALOR(SegmentFrontEnd):
    """VALOR's network; the defaults are the published VALOR widths, `avvp_lib.models.PRESETS` has all three."""

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        visual_2d_dim: int = 2048,
        visual_3d_dim: int = 512,
        hidden: int = 512,
        heads: int = 8,
        feed_forward: int = 1024,
        layers: int = 1,
        classes: int = 25,
        dropout: float = 0.1,
        audio_layout: str = "segments",
        norm: str = "post",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        if norm not in NORMS:
            raise ValueError(f"norm {norm!r} is unknown; known: {', '.join(NORMS)}")
        self.dead_prefixes = DEAD_PREFIXES[norm]
        layer_class, final_norm = NORMS[norm]
        layer = layer_class(hidden, heads, feed_forward, dropout)
        self.hat_encoder = SequentialEncoder(layer, layers, final_norm(hidden), final_norm(hidden))
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

        visual_3d is required (ValueError without it). text belongs to the signature all parsing models share; VALOR
        does not read it.
        """
        audio, visual = self.hat_encoder(*self.embed(audio, visual_2d, visual_3d))
        streams = torch.stack([audio, visual], dim=2)
        return attentive_mmil(self.fc_prob(streams), self.fc_frame_att(streams), self.fc_av_att(streams))
