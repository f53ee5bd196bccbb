"""MM-CSE as one would first write it down: the yardstick of the model's tests and of its benchmark.

The released network module by module, with the keys of its checkpoint: a linear layer of its own for every class, called
in a Python loop; torch's multi-head attention with its averaged weights; each modality by itself; and the CLAP map
stretched to 2 x 1024 cells that are projected one by one before they are averaged into segments.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Losses = dict[str, Tensor]


class SegmentAttention(nn.Module):
    """The classes of a segment attend to the classes of the same segment; residual included."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, dropout=dropout)

    def forward(self, query: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, D) twice -> (N, C, D) and the map (N, C, C), averaged over the heads."""
        sequence, source = query.permute(1, 0, 2), other.permute(1, 0, 2)
        attended, weights = self.attn(sequence, source, source)
        return query + attended.permute(1, 0, 2), weights


class OwnVideo(nn.Module):
    """How much each segment resembles its own video, times what the video looks like."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.glob1 = nn.Linear(width, width)
        self.glob2 = nn.Linear(width, width)

    def forward(self, local: Tensor, segments: int) -> Tensor:
        queries = torch.relu(self.glob1(local)).unflatten(0, (-1, segments))
        pooled = torch.relu(self.glob2(local)).unflatten(0, (-1, segments)).mean(1, keepdim=True)
        resemblance = functional.cosine_similarity(queries, pooled, dim=-1).unsqueeze(-1).sigmoid()
        return (resemblance * pooled).flatten(0, 1)


class OtherVideo(nn.Module):
    """The same towards the video in the other modality; both go through one layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.glob = nn.Linear(width, width)

    def forward(self, local: Tensor, other: Tensor, segments: int) -> Tensor:
        queries = torch.relu(self.glob(local)).unflatten(0, (-1, segments))
        pooled = torch.relu(self.glob(other)).unflatten(0, (-1, segments)).mean(1, keepdim=True)
        resemblance = functional.cosine_similarity(queries, pooled, dim=-1).unsqueeze(-1).sigmoid()
        return (resemblance * pooled).flatten(0, 1)


class EnhancementLayer(nn.Module):
    """One layer; called once for each modality."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, feed_forward)
        self.linear2 = nn.Linear(feed_forward, width)
        self.norm1 = nn.LayerNorm(width)
        self.SECM_1 = SegmentAttention(width, heads, dropout)
        self.LGSF_1 = OwnVideo(width)
        self.SECM_2 = SegmentAttention(width, heads, dropout)
        self.LGSF_2 = OtherVideo(width)
        self.fc1 = nn.Linear(width, width)
        self.fc2 = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, other: Tensor, segments: int) -> tuple[Tensor, Tensor, Tensor]:
        """(B*T, C, D) of both modalities -> the updated query and its two maps."""
        within, own_map = self.SECM_1(query, query)
        within = self.fc1(query + self.LGSF_1(within, segments))
        across, other_map = self.SECM_2(query, other)
        across = self.fc2(query + self.LGSF_2(across, other, segments))
        fused = self.norm1(within + across)
        return self.linear2(self.dropout(torch.relu(self.linear1(fused)))), own_map, other_map


class Enhancement(nn.Module):
    """The stack; both modalities are updated from the same pair."""

    def __init__(self, layers: int, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EnhancementLayer(width, heads, feed_forward, dropout) for _ in range(layers))

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """(B, T, C, D) twice -> the same, and the maps of the last layer (B, T, C, C) by name."""
        videos, segments = audio.shape[:2]
        audio, visual = audio.flatten(0, 1), visual.flatten(0, 1)
        maps = {}
        for layer in self.layers:
            new_audio, maps["aa"], maps["av"] = layer(audio, visual, segments)
            new_visual, maps["vv"], maps["va"] = layer(visual, audio, segments)
            audio, visual = new_audio, new_visual
        shape = (videos, segments)
        maps = {name: weights.unflatten(0, shape) for name, weights in maps.items()}
        return audio.unflatten(0, shape), visual.unflatten(0, shape), maps


class ClassHeads(nn.Module):
    """A linear layer to one number for every class, on that class's feature."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.fc = nn.ModuleList(nn.Linear(width, 1) for _ in range(classes))

    def forward(self, features: Tensor) -> Tensor:
        """(B, T, 2, C, D) -> (B, T, 2, C)."""
        return torch.cat([head(features[..., c, :]) for c, head in enumerate(self.fc)], dim=-1)


class Wrapped(nn.Module):
    """A chain that the released checkpoint keeps one name deeper."""

    def __init__(self, *chain: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*chain)

    def forward(self, values: Tensor) -> Tensor:
        return self.model(values)


class PlainMMCSE(nn.Module):
    """The released network; state dict keys are those of its checkpoint, less the two norms that are never applied."""

    def __init__(
        self, *, audio_dim=768, visual_2d_dim=768, visual_3d_dim=512, hidden=256, class_hidden=128, heads=8,
        feed_forward=512, layers=4, classes=25, dropout=0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        relu, linear, width = nn.ReLU, nn.Linear, class_hidden
        self.fc_a, self.fc_v = linear(audio_dim, hidden), linear(visual_2d_dim, hidden)
        self.fc_st, self.fc_fusion = linear(visual_3d_dim, hidden), linear(2 * hidden, hidden)
        self.v_unmix = nn.ModuleList(
            nn.Sequential(relu(), linear(hidden, width), relu(), nn.Dropout(dropout), linear(width, width), relu())
            for _ in range(classes + 1)
        )
        self.a_unmix = nn.ModuleList(nn.Sequential(relu(), linear(hidden, width), relu()) for _ in range(classes + 1))
        mixed = (classes + 1) * width
        self.v_recon = Wrapped(relu(), linear(mixed, hidden), relu(), linear(hidden, hidden), relu())
        self.a_recon = nn.Sequential(linear(mixed, hidden), relu(), linear(hidden, hidden), relu())
        self.av_enhance = Enhancement(layers, width, heads, feed_forward, dropout)
        self.fc_prob, self.fc_frame_att, self.fc_av_att = (ClassHeads(classes, width) for _ in range(3))
        self.reduce_a = nn.Sequential(linear(2 * width, width), relu())
        self.reduce_v = nn.Sequential(linear(2 * width, width), relu())
        self.alpha_a, self.alpha_v = (
            Wrapped(relu(), linear(hidden, width), relu(), nn.Dropout(dropout), linear(width, 1)) for _ in range(2)
        )

    def embed_audio(self, tokens: Tensor) -> Tensor:
        """CLAP's 2 x 32 tokens, stretched in time, projected cell by cell, then averaged into ten segments."""
        picture = tokens.unflatten(1, (2, 32)).permute(0, 3, 1, 2)
        picture = functional.interpolate(picture, size=(2, 1024), mode="bicubic", align_corners=False)
        projected = self.fc_a(picture.permute(0, 2, 3, 1)).mean(1)
        return functional.adaptive_avg_pool1d(projected.transpose(1, 2), 10).transpose(1, 2)

    def class_features(self, stream: Tensor, heads: nn.ModuleList, alpha: nn.Module, reduce: nn.Module):
        """(B, T, H) -> decoupled (B, T, C+1, D), mixed with the background (B, T, C, D), weight of the events (B, T)."""
        decoupled = torch.stack([head(stream) for head in heads], dim=2)
        events, background = decoupled[:, :, :-1], decoupled[:, :, -1:].expand_as(decoupled[:, :, :-1])
        weight = alpha(stream).sigmoid().unsqueeze(2)
        return decoupled, reduce(torch.cat([weight * events, (1 - weight) * background], dim=-1)), weight[..., 0, 0]

    def forward(self, audio: Tensor, visual_2d: Tensor, visual_3d: Tensor) -> dict[str, Tensor]:
        """Features in the CLAP and CLIP layout -> everything the loss reads, by name."""
        stream_a = self.embed_audio(audio)
        stream_v = self.fc_fusion(torch.cat([self.fc_v(visual_2d), self.fc_st(visual_3d)], dim=-1))
        decoupled_a, class_a, weight_a = self.class_features(stream_a, self.a_unmix, self.alpha_a, self.reduce_a)
        decoupled_v, class_v, weight_v = self.class_features(stream_v, self.v_unmix, self.alpha_v, self.reduce_v)
        enhanced_a, enhanced_v, maps = self.av_enhance(class_a, class_v)
        streams = torch.stack([enhanced_a, enhanced_v], dim=2)
        logits = self.fc_prob(streams)
        over_time, over_modality = self.fc_frame_att(streams).softmax(1), self.fc_av_att(streams).softmax(2)
        weighted = logits.sigmoid() * over_time
        return {
            "segment_logits": logits,
            "video_prob": (weighted * over_modality).sum((1, 2)),
            "modality_prob": weighted.sum(1),
            "losses": {
                "rec_a": functional.mse_loss(self.a_recon(decoupled_a.flatten(2)), stream_a),
                "rec_v": functional.mse_loss(self.v_recon(decoupled_v.flatten(2)), stream_v),
                "ort_a": functional.cosine_similarity(decoupled_a[:, :, :-1], decoupled_a[:, :, -1:], dim=-1).mean(),
                "ort_v": functional.cosine_similarity(
                    decoupled_v[:, :, :-1].mean(2), decoupled_v[:, :, -1], dim=-1
                ).mean(),
            },
            "maps": maps,
            "alpha": torch.stack([weight_a, weight_v], dim=2),
        }  # fmt: skip


def co_occurrence_targets(pseudo_audio: Tensor, pseudo_visual: Tensor) -> dict[str, Tensor]:
    """(B, T, C) labels -> (B, T, C, C) by pair of modalities: 1 where both classes are there."""
    labels = {"a": pseudo_audio, "v": pseudo_visual}
    return {pair: labels[pair[0]][..., :, None] * labels[pair[1]][..., None, :] for pair in ("aa", "av", "vv", "va")}


def plain_loss(output: dict[str, Tensor], video_labels: Tensor, pseudo_audio: Tensor, pseudo_visual: Tensor) -> Tensor:
    """The released objective on 0/1 labels."""
    basic = functional.binary_cross_entropy(output["video_prob"].clamp(1e-7, 1 - 1e-7), video_labels)
    for modality, labels in enumerate((pseudo_audio, pseudo_visual)):
        basic = basic + functional.binary_cross_entropy_with_logits(output["segment_logits"][:, :, modality], labels)
    losses, targets = output["losses"], co_occurrence_targets(pseudo_audio, pseudo_visual)
    maps = sum(functional.mse_loss(output["maps"][pair], target) for pair, target in targets.items())
    return basic + 0.5 * (losses["rec_a"] + losses["rec_v"]) + 0.1 * (losses["ort_a"] + losses["ort_v"]) + 0.1 * maps
