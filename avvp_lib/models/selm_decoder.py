"""CLEVER: SelM's cross-level reasoning decoder (Sec. 4.4), and the mask heads.

Two learned tokens, one for the rest of the picture and one for the target, ask sound and picture in turn at three levels, coarse to
fine. Between the levels the map is joined with the next finer one. At the end the target token is multiplied with the finest map.

    level l   v <- fuse(v, F^s_{3-l});  tokens <- ask sound(tokens);  tokens, hit map <- ask picture(tokens, v)
    mask      <kernel(target token), vis(v)> at every pixel

A hit map (BT, 2, h, w) says for every position how much it belongs to either token; its target channel is what the auxiliary loss
(Eq. 7) compares with the mask. Attention to sound needs no weights: every frame has one audio token, and a softmax over one is 1.
Shapes: tokens (BT, 2, H), map v (BT, H, h, w), audio (BT, 1, H).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

DECODERS = ("clever", "visual", "audio", "single-level")
EVALUATION_HITS = ("argmax", "sample")
LEVELS = 3
CHANNELS_PER_GROUP = 8
"""Of the group norms: the published 32 groups of 256 channels, and as many channels a group in other widths."""


def group_norm(channels: int) -> nn.GroupNorm:
    """A group norm with eight channels a group."""
    return nn.GroupNorm(channels // CHANNELS_PER_GROUP, channels)


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(BT, C, h, w) -> (BT, C, *size), bilinear, corners aligned."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=True)


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32 if it is half that wide: mixed precision must not decide who wins a position."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class FeedForward(nn.Module):
    """Linear, GELU, linear, twice as wide inside."""

    def __init__(self, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(hidden, 2 * hidden)
        self.fc2 = nn.Linear(2 * hidden, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., H) -> (..., H)."""
        return self.dropout(self.fc2(self.dropout(functional.gelu(self.fc1(tokens)))))


class Fusion(nn.Module):
    """A coarse map joined with the next finer one: upsample, concatenate, two convolutions."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2 * hidden, hidden, 3, padding=1),
            group_norm(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            group_norm(hidden),
            nn.ReLU(),
        )

    def forward(self, v: Tensor, finer: Tensor) -> Tensor:
        """(BT, H, h, w), (BT, H, 2h, 2w) -> (BT, H, 2h, 2w)."""
        return self.layers(torch.cat([upsample(v, finer.shape[2:]), finer], dim=1))


class AskSound(nn.Module):
    """Audio cross-attention: the target token hears, then a feed-forward layer mixes what both tokens hold.

    The other token stands for what does not sound, and stays as it is.
    """

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm_audio = nn.LayerNorm(hidden)
        self.value = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.mlp = FeedForward(hidden, dropout)
        self.dropout = nn.Dropout(dropout)

    def heard(self, audio: Tensor) -> Tensor:
        """What attention to the only audio token returns; (BT, 1, H)."""
        return self.dropout(self.out(self.value(self.norm_audio(audio))))

    def update(self, tokens: Tensor) -> Tensor:
        """The feed-forward layer; (BT, 2, H)."""
        return tokens + self.mlp(self.norm(tokens))

    def forward(self, tokens: Tensor, v: Tensor, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tokens (BT, 2, H), the map, audio (BT, 1, H) -> tokens, and no hit map."""
        rest, target = tokens.split(1, dim=1)
        return self.update(torch.cat([rest, target + self.heard(audio)], dim=1)), []


class ReleasedAskSound(AskSound):
    """As released: no residual around the feed-forward layer, and no dropout in it.

    Dropout of the one attention weight takes a tenth of the frames' sound away in training.
    """

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__(hidden, dropout)
        self.mlp = FeedForward(hidden)
        self.attention_dropout = nn.Dropout(dropout)

    def heard(self, audio: Tensor) -> Tensor:
        """What attention to the only audio token returns; (BT, 1, H)."""
        attention = self.attention_dropout(audio.new_ones(len(audio), 1, 1))
        return self.dropout(self.out(attention * self.value(self.norm_audio(audio))))

    def update(self, tokens: Tensor) -> Tensor:
        """The feed-forward layer; (BT, 2, H)."""
        return self.mlp(self.norm(tokens))


class AskPicture(nn.Module):
    """Video cross-attention of the paper: positions are shared out among the tokens, then each token reads its own.

    The hit map is a softmax over the two tokens, soft and without noise; a token's attention is its share of the positions,
    normalised over them.
    """

    def __init__(self, hidden: int, side: int, dropout: float) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.randn(side * side, hidden) / hidden**0.5)
        self.norm_v = nn.LayerNorm(hidden)
        self.norm_t = nn.LayerNorm(hidden)
        self.q_proj = nn.Linear(hidden, hidden)
        self.k_proj = nn.Linear(hidden, hidden)
        self.v_proj = nn.Linear(hidden, hidden)
        self.proj = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.mlp = FeedForward(hidden, dropout)
        self.dropout = nn.Dropout(dropout)

    def shares(self, query: Tensor, key: Tensor) -> Tensor:
        """Queries (BT, 2, H), keys (BT, hw, H) -> hit map (BT, 2, hw)."""
        similarity = query @ key.transpose(1, 2) / query.shape[2] ** 0.5
        return at_least_float32(similarity).softmax(dim=1)

    def update(self, tokens: Tensor, read: Tensor) -> Tensor:
        """What a token has read, put into it; both (BT, 2, H)."""
        tokens = tokens + self.dropout(self.proj(read))
        return tokens + self.mlp(self.norm(tokens))

    def forward(self, tokens: Tensor, v: Tensor, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tokens (BT, 2, H), map (BT, H, h, w) -> tokens, and the hit map (BT, 2, h, w)."""
        places = self.norm_v(v.flatten(2).transpose(1, 2) + self.position)  # (BT, hw, H)
        hits = self.shares(self.q_proj(self.norm_t(tokens)), self.k_proj(places))
        attention = hits / (hits.sum(dim=2, keepdim=True) + 1)
        tokens = self.update(tokens, attention @ self.v_proj(places))
        return tokens, [hits.unflatten(2, v.shape[2:])]


def hard_hits(similarity: Tensor) -> Tensor:
    """One-hot over the tokens, (BT, 2, hw): each position belongs to the token it resembles most."""
    return functional.one_hot(similarity.argmax(dim=1), similarity.shape[1]).transpose(1, 2).to(similarity.dtype)


class GumbelHits(nn.Module):
    """A hard choice of token for each position, drawn by Gumbel noise, in evaluation too; gradient of the softmax."""

    def forward(self, similarity: Tensor, temperature: Tensor) -> Tensor:
        """Similarities (BT, 2, hw) and the temperature -> hit map (BT, 2, hw) of zeros and ones."""
        noise = -torch.empty_like(similarity).exponential_().log()
        soft = ((similarity + noise) / temperature).softmax(dim=1)
        return hard_hits(soft) - soft.detach() + soft


class QuietGumbelHits(GumbelHits):
    """The same in training; in evaluation without noise, so that an answer does not change from one call to the next."""

    def forward(self, similarity: Tensor, temperature: Tensor) -> Tensor:
        """Similarities (BT, 2, hw) and the temperature -> hit map (BT, 2, hw) of zeros and ones."""
        return super().forward(similarity, temperature) if self.training else hard_hits(similarity)


class ReleasedAskPicture(AskPicture):
    """As released: cosines, a hard noisy choice, and no residual around the feed-forward layer.

    The temperature exp(min(tau, 0)) starts at its ceiling, 1, where tau has no gradient.
    """

    def __init__(self, hidden: int, side: int, dropout: float, hits: nn.Module) -> None:
        super().__init__(hidden, side, dropout)
        self.tau = nn.Parameter(torch.ones(1))
        self.hits = hits

    def shares(self, query: Tensor, key: Tensor) -> Tensor:
        """Queries (BT, 2, H), keys (BT, hw, H) -> hit map (BT, 2, hw) of zeros and ones."""
        query, key = (x / (x.norm(dim=2, keepdim=True) + 1e-12) for x in map(at_least_float32, (query, key)))
        return self.hits(at_least_float32(query @ key.transpose(1, 2)), self.tau.clamp(max=0).exp())

    def update(self, tokens: Tensor, read: Tensor) -> Tensor:
        """What a token has read, put into it; both (BT, 2, H)."""
        return self.mlp(self.norm(self.dropout(self.proj(read)) + tokens))


class Reasoning(nn.Module):
    """The two questions of one level, one after the other (an AV transformer layer of the paper)."""

    def __init__(self, questions: Iterable[nn.Module]) -> None:
        super().__init__()
        self.questions = nn.ModuleList(questions)

    def forward(self, tokens: Tensor, v: Tensor, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Tokens (BT, 2, H), map, audio -> tokens, and the hit map of the last look at the picture, if there was one."""
        hits: list[Tensor] = []
        for question in self.questions:
            tokens, found = question(tokens, v, audio)
            hits += found
        return tokens, hits[-1:]


class MaskHead(nn.Module):
    """The dot product of what the target token asks for with the finest map: K kernels for every frame.

    A binary head has one kernel and a bias; the semantic head has a kernel for each class and no bias.
    """

    def __init__(self, hidden: int, upsamplings: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                nn.Conv2d(hidden, hidden, 3, padding=1, bias=False),
                group_norm(hidden),
                nn.ReLU(),
            )
            for _ in range(upsamplings)
        )
        self.out = nn.Conv2d(hidden, hidden, 1)

    def features(self, v: Tensor) -> Tensor:
        """vis(v): (BT, H, h, w) -> (BT, H, h 2^r, w 2^r)."""
        for block in self.blocks:
            v = block(v)
        return self.out(v)


class BinaryHead(MaskHead):
    """Masks of S4 and MS3: one channel."""

    def __init__(self, hidden: int, upsamplings: int) -> None:
        super().__init__(hidden, upsamplings)
        self.kernel = nn.Linear(hidden, hidden + 1)

    def forward(self, token: Tensor, v: Tensor) -> Tensor:
        """Target token (BT, H), finest map -> logits (BT, 1, h', w')."""
        kernel, bias = self.kernel(token).split([v.shape[1], 1], dim=1)
        return torch.einsum("nc,nchw->nhw", kernel, self.features(v))[:, None] + bias[..., None, None]


class SemanticHead(MaskHead):
    """Masks of AVSS: one channel for each class, the background included."""

    def __init__(self, hidden: int, upsamplings: int, classes: int) -> None:
        super().__init__(hidden, upsamplings)
        self.kernel = nn.Linear(hidden, classes * hidden)

    def forward(self, token: Tensor, v: Tensor) -> Tensor:
        """Target token (BT, H), finest map -> logits (BT, K, h', w')."""
        kernels = self.kernel(token).unflatten(1, (-1, v.shape[1]))
        return torch.einsum("nkc,nchw->nkhw", kernels, self.features(v))


class CLEVER(nn.Module):
    """Three levels of reasoning, each on a map that is finer than the last, and the mask head."""

    def __init__(self, hidden: int, layers: Iterable[Reasoning], head: nn.Module) -> None:
        super().__init__()
        self.tokens = nn.Parameter(nn.init.trunc_normal_(torch.empty(2, hidden), std=0.02))
        self.fusions = nn.ModuleList(Fusion(hidden) for _ in range(LEVELS))
        self.layers = nn.ModuleList(layers)
        self.head = head

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Four maps (BT, H, h_i, w_i), finest first, and audio (BT, 1, H) -> logits (BT, K, h', w') and hit maps."""
        tokens, hits = self.tokens.expand(len(audio), -1, -1), []
        *finer, v = maps
        for fusion, layer, x in zip(self.fusions, self.layers, reversed(finer), strict=True):
            v = fusion(v, x)
            tokens, found = layer(tokens, v, audio)
            hits += found
        return self.head(tokens[:, 1], v), hits


class SingleLevelDecoder(CLEVER):
    """In CLEVER's place (Table 3): the maps are joined first, and all three layers reason on the finest one."""

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Four maps (BT, H, h_i, w_i), finest first, and audio (BT, 1, H) -> logits (BT, K, h', w') and hit maps."""
        tokens, hits = self.tokens.expand(len(audio), -1, -1), []
        *finer, v = maps
        for fusion, x in zip(self.fusions, reversed(finer), strict=True):
            v = fusion(v, x)
        for layer in self.layers:
            tokens, found = layer(tokens, v, audio)
            hits += found
        return self.head(tokens[:, 1], v), hits


def build_decoder(
    kind: str, hidden: int, input_size: int, head: nn.Module, *, variant: str, dropout: float, evaluation_hits: str
) -> CLEVER:
    """CLEVER, or what Tables 3 and 5 put in its place.

    Args:
        kind: one of `DECODERS`. "visual" asks the picture twice and never sound (w.o. Audio CA), "audio" asks sound twice
            (w.o. Video CA), "single-level" reasons on the finest map alone.
        hidden: H.
        input_size: side of the images, which fixes the tables of positions.
        head: the mask head.
        variant: "paper" | "released".
        dropout: of the first two levels; the last has none.
        evaluation_hits: one of `EVALUATION_HITS`, for the released variant.
    """
    released = variant == "released"
    choice = {"argmax": QuietGumbelHits, "sample": GumbelHits}[evaluation_hits]

    def sound(side: int, rate: float) -> nn.Module:
        return ReleasedAskSound(hidden, dropout) if released else AskSound(hidden, rate)

    def picture(side: int, rate: float) -> nn.Module:
        return ReleasedAskPicture(hidden, side, rate, choice()) if released else AskPicture(hidden, side, rate)

    asked = {"visual": (picture, picture), "audio": (sound, sound)}.get(kind, (sound, picture))
    finest = input_size // 4
    sides = [finest] * LEVELS if kind == "single-level" else [finest // 4, finest // 2, finest]
    layers = [
        Reasoning(ask(side, rate) for ask in asked) for side, rate in zip(sides, (dropout, dropout, 0.0), strict=True)
    ]
    return (SingleLevelDecoder if kind == "single-level" else CLEVER)(hidden, layers, head)
