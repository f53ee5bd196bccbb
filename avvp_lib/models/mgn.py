"""MGN, the multi-modal grouping network: segments are grouped around one learnable token per class.

    Shentong Mo, Yapeng Tian. Multi-modal Grouping Network for Weakly-Supervised Audio-Visual Video Parsing. NeurIPS
    2022. Follows the authors' code, github.com/stoneMo/MGN at 11be034. Its grouping block is that of GroupViT (Xu et
    al., CVPR 2022). The loss lives in `avvp_lib.losses.mgn`.

Glossary
    B, T, C, H           videos, segments, classes, hidden channels (LLP: T = 10, C = 25, H = 128)
    k                    frames per segment (LLP: 8)
    audio                (B, T, 128)     VGGish
    visual_2d            (B, T*k, 2048)  ResNet-152, k frames a segment
    visual_3d            (B, T, 512)     R(2+1)D-18, one clip a segment
    audio_token, visual_token  (C, H)    what each class is grouped around
    audio_cug, visual_cug      class-aware unimodal grouping: (B, T, H) segments -> (B, C, H) class features
    av_mcg                     modality-aware cross-modal grouping of the two
    assignment map       (B, C, T)       how much each segment belongs to each class, softmax over the CLASSES
    fc_prob, fc_prob_a, fc_prob_v        (B, C, H) -> (B, C) logits of the video and of each modality

What a class has in a segment is derived from what it has in the modality:

    segment_prob[b, t, m, c] = modality_prob[b, m, c] * map[b, t, m, c]                             (`segment_map`)
    assignment="soft":  map = 1 + softmax over T of the assignment map
    assignment="hard":  map = the assignment map, one class a segment

Three consequences of these published definitions; they are kept, and whoever reads the output should know them
    1. There are no segment logits (`segment_logits` is None): losses on segments use clamped probabilities.
    2. A soft map sums to T + 1 over the segments and lies within [1 + 1 / (1 + (T-1)e), 1 + e / (e + T-1)], for T = 10
       [1.039, 1.232]. So segment_prob may reach 1.232. A gate at 0.5 does not mind; a clamped loss has no gradient
       through a segment above 1, even where that segment's label is 0.
    3. A class can begin or end within the clip only while its modality_prob lies in [0.406, 0.481]; above, every segment
       is positive. With the soft map the network is a classifier of clips that paints whole clips. With the hard map a
       segment has at most one class.

The audio branch has an extra block, `han_encoder`, between its transformer and its grouping, and two oddities, kept:
the un-encoded visual segments serve as its tokens, so its residual path carries vision and audio enters through attention
alone; and its assignment is the opposite of the rest of the network's (`OPPOSITE`).

Deviations from the published code; none changes an output beyond rounding
    1. Frames are averaged before fc_v instead of after it.
    2. One `assignment` for all three groupings; the published code can set the cross-modal one apart (both are soft).
    3. The assignment map is scored in at least float32 under mixed precision.
    4. Widths are arguments. T is one of them, `segments`, because `han_encoder` mixes along the segments. A CLAP token map
       is accepted as audio (audio_layout="clap_tokens").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.output import ParsingOutput

MLP_RATIO = 4
TOKEN_MIXING = 64
"""Width of the hidden layer that mixes the class tokens among each other."""

OPPOSITE = {"soft": "hard", "hard": "soft"}
"""The assignment of `han_encoder`, by that of the network."""


class DropPath(nn.Module):
    """Drop the whole residual branch of a video with probability `rate` in training, and scale up what is kept."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """(B, ...) -> the same shape; identity in evaluation mode."""
        if not self.training:
            return branch
        kept = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) >= self.rate
        return branch * kept / (1 - self.rate)


class MLP(nn.Module):
    """Two linear layers with the exact GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        return self.fc2(functional.gelu(self.fc1(x)))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, H) -> (B, heads, n, H / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class SelfAttention(nn.Module):
    """Multi-head self-attention with one fused projection."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.proj = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, H) -> (B, n, H)."""
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        attended = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(attended.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Multi-head attention of tokens to segments, with separate projections."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(hidden, hidden)
        self.k_proj = nn.Linear(hidden, hidden)
        self.v_proj = nn.Linear(hidden, hidden)
        self.proj = nn.Linear(hidden, hidden)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        """(B, n, H) tokens look at (B, T, H) segments -> (B, n, H)."""
        projected = self.q_proj(tokens), self.k_proj(segments), self.v_proj(segments)
        attended = functional.scaled_dot_product_attention(*(split_heads(part, self.heads) for part in projected))
        return self.proj(attended.transpose(1, 2).flatten(2))


class SelfAttentionBlock(nn.Module):
    """Pre-norm transformer block: x + drop(attention(LN x)), then x + drop(MLP(LN x))."""

    def __init__(self, hidden: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden)
        self.attn = SelfAttention(hidden, heads)
        self.norm2 = nn.LayerNorm(hidden)
        self.mlp = MLP(hidden, MLP_RATIO * hidden)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, H) -> (B, n, H)."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class CrossAttentionBlock(nn.Module):
    """Tokens look at segments; the attention reads its inputs as they are, one norm comes last."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.attn = CrossAttention(hidden, heads)
        self.norm2 = nn.LayerNorm(hidden)
        self.mlp = MLP(hidden, MLP_RATIO * hidden)
        self.norm_post = nn.LayerNorm(hidden)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        """(B, n, H) tokens and (B, T, H) segments -> (B, n, H)."""
        tokens = tokens + self.attn(tokens, segments)
        return self.norm_post(tokens + self.mlp(self.norm2(tokens)))


class GumbelNoise(nn.Module):
    """Add standard Gumbel noise in training, drawn from torch's generator (`torch.manual_seed` decides it)."""

    def forward(self, logits: Tensor) -> Tensor:
        """Any shape -> the same; identity in evaluation mode."""
        if not self.training:
            return logits
        return logits - torch.empty_like(logits).exponential_().log()


class SoftAssignment(nn.Module):
    """Every segment is shared out among the groups."""

    def weights(self, logits: Tensor) -> Tensor:
        """(B, groups, T) logits -> weights that sum to 1 over the groups."""
        return logits.softmax(dim=1)

    def segment_map(self, weights: Tensor) -> Tensor:
        """1 + softmax over the segments of the weights: (B, groups, T) in (1, 2), which sums to T + 1 over T."""
        return 1 + weights.softmax(dim=2)


class HardAssignment(nn.Module):
    """Every segment goes to one group, in training to one drawn at random; gradients are those of the softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = GumbelNoise()

    def weights(self, logits: Tensor) -> Tensor:
        """(B, groups, T) logits -> one-hot over the groups, by the straight-through Gumbel softmax at temperature 1."""
        soft = self.noise(logits).softmax(dim=1)
        hard = torch.zeros_like(soft).scatter_(1, soft.argmax(dim=1, keepdim=True), 1.0)
        return hard + (soft - soft.detach())

    def segment_map(self, weights: Tensor) -> Tensor:
        """The weights themselves, (B, groups, T)."""
        return weights


ASSIGNMENTS: dict[str, type[nn.Module]] = {"soft": SoftAssignment, "hard": HardAssignment}


class Assign(nn.Module):
    """Collect the segments of each group: a single-head attention whose softmax runs over the groups."""

    def __init__(self, hidden: int, assignment: str) -> None:
        super().__init__()
        self.q_proj = nn.Linear(hidden, hidden)
        self.k_proj = nn.Linear(hidden, hidden)
        self.v_proj = nn.Linear(hidden, hidden)
        self.proj = nn.Linear(hidden, hidden)
        self.scale = hidden**-0.5
        self.assignment = ASSIGNMENTS[assignment]()

    def forward(self, tokens: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """(B, n, H) tokens and (B, T, H) segments -> new groups (B, n, H) and the segment map (B, n, T).

        A group divides what it collects by 1 + the weight it has collected, so that an empty group stays near zero.
        """
        logits = self.q_proj(tokens) @ self.k_proj(segments).transpose(1, 2) * self.scale
        weights = self.assignment.weights(logits.to(torch.promote_types(logits.dtype, torch.float32)))
        shares = weights / (weights.sum(dim=2, keepdim=True) + 1)
        collected = shares.to(segments.dtype) @ self.v_proj(segments)
        return self.proj(collected), self.assignment.segment_map(weights)


class GroupingBlock(nn.Module):
    """Turn n tokens and T segments into n groups: mix the tokens, let them look at the segments, share these out."""

    def __init__(self, hidden: int, heads: int, tokens: int, assignment: str) -> None:
        super().__init__()
        self.norm_tokens = nn.LayerNorm(hidden)
        self.mlp_inter = MLP(tokens, TOKEN_MIXING)
        self.norm_post_tokens = nn.LayerNorm(hidden)
        self.norm_x = nn.LayerNorm(hidden)
        self.pre_assign_attn = CrossAttentionBlock(hidden, heads)
        self.assign = Assign(hidden, assignment)
        self.norm_new_x = nn.LayerNorm(hidden)
        self.mlp_channels = MLP(hidden, MLP_RATIO * hidden)

    def forward(self, segments: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, H) segments and (B, n, H) tokens -> groups (B, n, H) and the segment map (B, n, T)."""
        segments = self.norm_x(segments)
        mixed = self.mlp_inter(self.norm_tokens(tokens).transpose(1, 2)).transpose(1, 2)
        tokens = self.pre_assign_attn(self.norm_post_tokens(mixed), segments)
        collected, segment_map = self.assign(tokens, segments)
        groups = tokens + collected
        return groups + self.mlp_channels(self.norm_new_x(groups)), segment_map


class Grouping(nn.Module):
    """Transformer blocks over segments and tokens together, then a grouping block (CUG of vision, and MCG)."""

    def __init__(self, hidden: int, heads: int, depth: int, tokens: int, assignment: str, drop_path: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(SelfAttentionBlock(hidden, heads, drop_path) for _ in range(depth)))
        self.grouping = GroupingBlock(hidden, heads, tokens, assignment)

    def forward(self, segments: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, H) segments and (B, n, H) tokens -> groups (B, n, H) and the segment map (B, n, T)."""
        encoded = self.blocks(torch.cat([segments, tokens], dim=1))
        return self.grouping(*encoded.split([segments.shape[1], tokens.shape[1]], dim=1))


class AudioGrouping(Grouping):
    """The grouping of audio, with `han_encoder` between the blocks and the grouping (see the module's docstring)."""

    def __init__(
        self, hidden: int, heads: int, depth: int, tokens: int, assignment: str, drop_path: float, segments: int
    ) -> None:
        super().__init__(hidden, heads, depth, tokens, assignment, drop_path)
        self.han_encoder = GroupingBlock(hidden, heads, segments, OPPOSITE[assignment])

    def forward(self, segments: Tensor, tokens: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """As `Grouping`; visual (B, T, H) are the segments of the other modality, not yet encoded."""
        encoded = self.blocks(torch.cat([segments, tokens], dim=1))
        audio, tokens = encoded.split([segments.shape[1], tokens.shape[1]], dim=1)
        mixed, _ = self.han_encoder(audio, visual)
        return self.grouping(mixed, tokens)


class MGN(SegmentFrontEnd):
    """Multi-modal grouping network; the defaults are the published widths.

    Raises ValueError when it is built with an unknown assignment or a hidden width that the heads do not divide.
    """

    dead_prefixes = ()

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        visual_2d_dim: int = 2048,
        visual_3d_dim: int = 512,
        hidden: int = 128,
        heads: int = 8,
        audio_depth: int = 3,
        visual_depth: int = 3,
        cross_modal_depth: int = 6,
        segments: int = 10,
        classes: int = 25,
        drop_path: float = 0.1,
        assignment: str = "soft",
        audio_layout: str = "segments",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        if assignment not in ASSIGNMENTS:
            raise ValueError(f"assignment {assignment!r} is unknown; known: {', '.join(ASSIGNMENTS)}")
        if hidden % heads:
            raise ValueError(f"hidden = {hidden} is not divisible by heads = {heads}")
        self.segments = segments
        self.audio_token = nn.Parameter(torch.zeros(classes, hidden))
        self.visual_token = nn.Parameter(torch.zeros(classes, hidden))
        shared = {"tokens": classes, "assignment": assignment, "drop_path": drop_path}
        self.audio_cug = AudioGrouping(hidden, heads, audio_depth, **shared, segments=segments)
        self.visual_cug = Grouping(hidden, heads, visual_depth, **shared)
        self.av_mcg = Grouping(hidden, heads, cross_modal_depth, **shared)
        self.fc_prob = nn.Linear(hidden, 1)
        self.fc_prob_a = nn.Linear(hidden, 1)
        self.fc_prob_v = nn.Linear(hidden, 1)
        self.fc_cls = nn.Linear(hidden, classes)
        self.apply(_initialise)

    def forward(
        self,
        audio: Tensor,
        visual_2d: Tensor,
        visual_3d: Tensor | None = None,
        text: tuple[Tensor, Tensor] | None = None,
    ) -> ParsingOutput:
        """Parse a batch of videos; feature shapes are in the glossary.

        visual_3d is required, and T must be `segments` (ValueError otherwise). text belongs to the signature all parsing
        models share; MGN does not read it.

        extras: "segment_map" (B, T, 2, C), the factor between modality and segment probabilities; "token_logits"
        (2, C, C), how audio and visual tokens are classified, the same for every video (the loss wants token c in
        class c).
        """
        audio, visual = self.embed(audio, visual_2d, visual_3d)
        self._check_segments(audio)
        audio_tokens, visual_tokens = (t.expand(len(audio), -1, -1) for t in (self.audio_token, self.visual_token))
        visual_groups, visual_map = self.visual_cug(visual, visual_tokens)
        audio_groups, audio_map = self.audio_cug(audio, audio_tokens, visual)
        groups, _ = self.av_mcg(audio_groups, visual_groups)
        modality_logits = torch.stack([self.fc_prob_a(audio_groups), self.fc_prob_v(visual_groups)], dim=1)
        modality_prob = _probability(modality_logits)
        segment_map = torch.stack([audio_map, visual_map], dim=1).permute(0, 3, 1, 2)
        return ParsingOutput(
            segment_prob=modality_prob[:, None] * segment_map,
            segment_logits=None,
            video_prob=_probability(self.fc_prob(groups)),
            modality_prob=modality_prob,
            extras={
                "segment_map": segment_map,
                "token_logits": self.fc_cls(torch.stack([self.audio_token, self.visual_token])),
            },
        )

    def _check_segments(self, audio: Tensor) -> None:
        if audio.shape[1] != self.segments:
            raise ValueError(
                f"audio has {audio.shape[1]} segments, but this model was built with segments={self.segments}"
            )


def _probability(logits: Tensor) -> Tensor:
    """(..., C, 1) logits -> (..., C) probabilities, in at least float32."""
    return logits.squeeze(-1).to(torch.promote_types(logits.dtype, torch.float32)).sigmoid()


def _initialise(module: nn.Module) -> None:
    """Linear weights normal with deviation 0.02, biases 0, as published; tokens start at zero and norms at identity."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
