"""BCSM: SelM's bidirectional conditioned selective mechanism (Sec. 4.3).

Each modality is read along the clip by stacks of Mamba layers, which turn it into weights, and these weights select the features of
the *other* modality by element-wise multiplication. Every encoder stage has stacks of its own.

    A2V-SeM   sound selects picture:  F^s_i = G^a_i F_i,  G^a_i = gate(Mamba layers(tokens)), the same at every position
    V2A-SeM   picture selects sound:  T^s = (mean over i of G^v_i) T,  G^v_i = gate(Mamba layers(linear(pooled F_i)))

Shapes: maps F_i (B, T, H, h_i, w_i), tokens T (B, T, H), weights G (B, T, H). Both directions read the features as they come in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.selm_encoders import STAGES
from avvp_lib.models.ssm import Mamba

SELECTIONS = ("bcsm", "a2v", "v2a", "none")
GATE_ORDERS = ("fixed", "released")
AUDIO_BATCHINGS = ("per_clip", "concatenated")
ATTENTION_HEADS = 4


class TemporalAttention(nn.Module):
    """In Mamba's place: every second attends to all seconds of its clip, at once and without order."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        parts = self.query_key_value(sequence).unflatten(2, (3, ATTENTION_HEADS, -1)).permute(2, 0, 3, 1, 4)
        return self.out(functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))


MIXERS: dict[str, Callable[[int], nn.Module]] = {"mamba": Mamba, "attention": TemporalAttention}
"""What looks along the clip: (B, T, H) -> (B, T, H)."""


class TemporalLayer(nn.Module):
    """A Mamba block of the paper: f + Mamba(LN(f))."""

    def __init__(self, hidden: int, temporal: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.mixer = MIXERS[temporal](hidden)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        return sequence + self.mixer(self.norm(sequence))


class ReleasedTemporalLayer(TemporalLayer):
    """The same as released: LN(f) + Mamba(LN(f)); the residual carries the normalised signal."""

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        normalised = self.norm(sequence)
        return normalised + self.mixer(normalised)


class PaperWeights(nn.Linear):
    """Weights in (0, 1), so that what is irrelevant can be taken out."""

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        return super().forward(sequence).sigmoid()


class ReleasedWeights(nn.Linear):
    """Weights 1 + SiLU(linear), at least 0.72: a feature plus itself times its gate."""

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, H) -> (B, T, H)."""
        return 1 + functional.silu(super().forward(sequence))


LAYERS = {"paper": TemporalLayer, "released": ReleasedTemporalLayer}
WEIGHTS = {"paper": PaperWeights, "released": ReleasedWeights}


class SelectiveStack(nn.Module):
    """Temporal layers over one sequence, and the weights that come of them."""

    def __init__(self, variant: str, hidden: int, layers: int, temporal: str, first: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.layers = nn.ModuleList(LAYERS[variant](hidden, temporal) for _ in range(layers))
        self.gate = WEIGHTS[variant](hidden, hidden)

    def forward(self, sequence: Tensor) -> Tensor:
        """(B, T, H) -> weights (B, T, H)."""
        sequence = self.first(sequence)
        for layer in self.layers:
            sequence = layer(sequence)
        return self.gate(sequence)


def own_frame(weights: Tensor) -> Tensor:
    """Weights (B, T, H) for the frames that they were computed from."""
    return weights


def released_order(weights: Tensor) -> Tensor:
    """The released mistake: weights laid out by second, then read as if by clip.

    Frame t of clip b gets the weights of second (b T + t) div B of clip (b T + t) mod B: its own only if B = 1.
    """
    return weights.transpose(0, 1).reshape(weights.shape)


def per_clip(audio: Tensor) -> Tensor:
    """Tokens (B, T, H) as B sequences."""
    return audio


def one_sequence(audio: Tensor) -> Tensor:
    """Tokens (B, T, H) as one sequence (1, B T, H) that runs across clips: the released AVSS."""
    return audio.reshape(1, -1, audio.shape[2])


class SoundSelectsPicture(nn.Module):
    """A2V-SeM: each map times the weights of its own audio stack."""

    def __init__(
        self, build: Callable[[], SelectiveStack], orders: list[Callable], batching: Callable = per_clip
    ) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(build() for _ in range(STAGES))
        self.orders = orders
        self.batching = batching

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Maps (B, T, H, h_i, w_i) and tokens (B, T, H) -> the maps, selected, and "a2v_weights" (B, T, 4, H)."""
        sequence = self.batching(audio)
        weights = [
            order(stack(sequence).reshape(audio.shape)) for stack, order in zip(self.stacks, self.orders, strict=True)
        ]
        gated = [x * weight[..., None, None] for x, weight in zip(maps, weights, strict=True)]
        return gated, {"a2v_weights": torch.stack(weights, dim=2)}


class PictureSelectsSound(nn.Module):
    """V2A-SeM: the tokens times the mean of what the four pooled maps say."""

    def __init__(self, build: Callable[[], SelectiveStack], order: Callable) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(build() for _ in range(STAGES))
        self.order = order

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Maps (B, T, H, h_i, w_i) and tokens (B, T, H) -> the tokens, selected, and "v2a_weights" (B, T, 4, H)."""
        weights = torch.stack(
            [self.order(stack(x.mean((3, 4)))) for stack, x in zip(self.stacks, maps, strict=True)], dim=2
        )
        return audio * weights.mean(dim=2), {"v2a_weights": weights}


class UnselectedMaps(nn.Module):
    """In the place of A2V-SeM: the maps as they are."""

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Return the maps, and nothing to show."""
        return maps, {}


class UnselectedTokens(nn.Module):
    """In the place of V2A-SeM: the tokens as they are."""

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the tokens, and nothing to show."""
        return audio, {}


class BCSM(nn.Module):
    """Both directions of the selection, computed from the same inputs."""

    def __init__(self, a2v: nn.Module, v2a: nn.Module) -> None:
        super().__init__()
        self.a2v = a2v
        self.v2a = v2a

    def forward(self, maps: list[Tensor], audio: Tensor) -> tuple[list[Tensor], Tensor, dict[str, Tensor]]:
        """Maps (B, T, H, h_i, w_i) and tokens (B, T, H) -> both selected, and the weights that did it."""
        gated, a2v_weights = self.a2v(maps, audio)
        tokens, v2a_weights = self.v2a(maps, audio)
        return gated, tokens, a2v_weights | v2a_weights


def build_selection(
    kind: str,
    hidden: int,
    *,
    variant: str = "paper",
    layers: int = 3,
    temporal: str = "mamba",
    gate_order: str = "fixed",
    audio_batching: str = "per_clip",
) -> BCSM:
    """BCSM, one of its directions, or neither (Tables 3 and 7).

    Args:
        kind: one of `SELECTIONS`; "a2v" selects maps by sound, "v2a" tokens by picture.
        hidden: H.
        variant: "paper" | "released": the layers and how weights come of them.
        layers: layers of every stack.
        temporal: one of `MIXERS`.
        gate_order: one of `GATE_ORDERS`. "released" reproduces the mixed-up order in all weights but the first stage's
            A2V ones, for batches of several clips.
        audio_batching: one of `AUDIO_BATCHINGS`; with "concatenated" the audio weights come out in the right order.
    """

    def stack(first: nn.Module) -> SelectiveStack:
        return SelectiveStack(variant, hidden, layers, temporal, first)

    order = {"fixed": own_frame, "released": released_order}[gate_order]
    together = audio_batching == "concatenated"
    a2v_orders = [own_frame] * STAGES if together else [own_frame] + [order] * (STAGES - 1)
    a2v, v2a = UnselectedMaps(), UnselectedTokens()
    if kind in ("bcsm", "a2v"):
        a2v = SoundSelectsPicture(lambda: stack(nn.Identity()), a2v_orders, one_sequence if together else per_clip)
    if kind in ("bcsm", "v2a"):
        v2a = PictureSelectsSound(lambda: stack(nn.Linear(hidden, hidden)), order)
    return BCSM(a2v, v2a)
