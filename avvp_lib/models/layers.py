"""Hybrid attention: a transformer layer that looks at its own modality and at the other one, and two ways to stack it.

B videos, T segments, H hidden channels; every tensor here is (B, T, H). One layer, with one set of weights, serves both
modalities. There are no positions and no masks: permuting the segments of both modalities permutes the result.

Attribute names follow the state dicts of the published code (HAN and VALOR), so published weights load by key.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional


class HybridAttentionLayer(nn.Module):
    """The parts that both layer variants share: two attentions, a feed-forward block, two norms."""

    def __init__(self, hidden: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError(f"hidden = {hidden} is not divisible by heads = {heads}")
        self.self_attn = nn.MultiheadAttention(hidden, heads, dropout=dropout, batch_first=True)
        self.cm_attn = nn.MultiheadAttention(hidden, heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(hidden, feed_forward)
        self.linear2 = nn.Linear(feed_forward, hidden)
        self.norm1 = nn.LayerNorm(hidden)
        self.norm2 = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def hybrid_attention(self, query: Tensor, other: Tensor) -> Tensor:
        """What the segments of `query` gather from their own modality plus what they gather from the other one."""
        within, _ = self.self_attn(query, query, query, need_weights=False)
        across, _ = self.cm_attn(query, other, other, need_weights=False)
        return self.dropout(within) + self.dropout(across)

    def transform(self, stream: Tensor) -> Tensor:
        """The feed-forward block, without its residual."""
        return self.dropout(self.linear2(self.dropout(functional.relu(self.linear1(stream)))))


class PostNormLayer(HybridAttentionLayer):
    """Normalise after each residual: y = LN1(q + attention(q; o)), out = LN2(y + feed_forward(y))."""

    def forward(self, query: Tensor, other: Tensor) -> Tensor:
        """Update `query` (B, T, H) with a look at `other` (B, T', H)."""
        attended = self.norm1(query + self.hybrid_attention(query, other))
        return self.norm2(attended + self.transform(attended))


class PreNormLayer(HybridAttentionLayer):
    """Normalise the input of each block: y = q + attention(LN1(q); o), out = y + feed_forward(LN2(y)).

    Keys and values from the other modality stay un-normalised, as in VALOR's published variant.
    """

    def forward(self, query: Tensor, other: Tensor) -> Tensor:
        """Update `query` (B, T, H) with a look at `other` (B, T', H)."""
        attended = query + self.hybrid_attention(self.norm1(query), other)
        return attended + self.transform(self.norm2(attended))


def copies(layer: nn.Module, count: int) -> nn.ModuleList:
    """`count` layers that start from the same weights, as the published encoders do, and are trained apart."""
    return nn.ModuleList(copy.deepcopy(layer) for _ in range(count))


class ParallelEncoder(nn.Module):
    """HAN's stack: in every layer both modalities are updated from the same, not yet updated, pair."""

    def __init__(self, layer: HybridAttentionLayer, count: int) -> None:
        super().__init__()
        self.layers = copies(layer, count)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Encode two streams (B, T, H); both directions go through a layer as one batch of 2B."""
        for layer in self.layers:
            audio, visual = layer(torch.cat([audio, visual]), torch.cat([visual, audio])).chunk(2)
        return audio, visual


class SequentialEncoder(nn.Module):
    """VALOR's stack: in every layer audio is updated first and visual then attends to the updated audio."""

    def __init__(
        self, layer: HybridAttentionLayer, count: int, final_norm_a: nn.Module, final_norm_v: nn.Module
    ) -> None:
        super().__init__()
        self.layers = copies(layer, count)
        self.final_norm_a = final_norm_a
        self.final_norm_v = final_norm_v

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Encode two streams (B, T, H); the final norms are identities behind post-norm layers."""
        for layer in self.layers:
            audio = layer(audio, visual)
            visual = layer(visual, audio)
        return self.final_norm_a(audio), self.final_norm_v(visual)
