"""EAR's parsing network: fusion that keeps the modalities apart, one feature per event, and relations between events.

    EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing. arXiv:2605.08723,
    Section III-C. The authors have published no code, and the text at hand has lost its formulas: what follows is
    read from the prose, the tables and the supplement. The losses are `avvp_lib.losses.ear`.

Glossary (B videos, T segments, C classes, H hidden channels, e channels of an event, M = B*T segments of a batch)
    audio                (B, T, 128)     VGGish,     or CLAP
    visual_2d            (B, T*k, 2048)  ResNet-152, or CLIP
    visual_3d            (B, T, 512)     R(2+1)D-18
    F_m   static         (B, T, H)   projected features of modality m: a segment that has not seen its neighbours
    E_m   dynamic        (B, T, H)   the same after self-attention over time                                    Eq. 10
    H_m   fused          (B, T, H)   E_m after it has queried the static features of the other modality     Eq. 11, 12
    P_m   aggregated     (B, T, H)   H_m with a share of the other modality                                     Eq. 13
    Z_m   events         (C, M, e)   one feature for every class in every segment; [Z_a ; Z_v] is (2C, M, e)    Eq. 14
    A_a, A_v             (C, C)      learned relations between the events of one modality                       Eq. 15
    A_av                 (2C, 2C)    learned relations between all events, audio first                          Eq. 15

Variants (defaults first); each replaces a submodule, and all take part in the same forward
    fusion        "amdf"       asymmetric: dynamic queries, static keys and values                     Tables VII, VIII
                  "msa+mca"    dynamic attends to dynamic                                                    Table VIII
                  "han"        HAN's hybrid attention layer on the static features                           Table VIII
                  "none"       the static features as they are                               Table VII, without AMDF
    relations     "erm"        uni-modal and multi-modal relations in turn, in every layer               Tables VII, IX
                  "a/v-av"     all uni-modal layers first, then all multi-modal ones                           Table IX
                  "w/o a/v"    multi-modal relations alone                                                     Table IX
                  "w/o av"     uni-modal relations alone                                                       Table IX
                  "attention"  transformer blocks over the 2C events of a segment                              Table IX
                  "none"       the decoded events as they are                                 Table VII, without ERM
    relation_layers   3, and 2 and 4                                                                         Table S-XX
    aggregation   "residual"   P_a = H_a + Linear(H_v), P_v = H_v + Linear(H_a)                           open, see 2
                  "concatenate"  P_a = Linear([H_a ; H_v]), P_v = Linear([H_v ; H_a])

Open readings and deviations
    1. hidden, heads, feed_forward and dropout are not in the text; the defaults are VALOR's for the same features.
    2. Eq. 13 and 14 are lost but for "cross-modal aggregation" and "decoded": `aggregation` holds two readings, and the
       decoder is one linear map per class, stacked to a single one from H to C*e.
    3. Transformer blocks are post-norm, as in HAN. Attention modules of the two modalities share no weights.
    4. A unit of Eq. 15 is Z + LeakyReLU(BN(Conv1x1(A Z))). Its convolution has no bias, as batch norm would subtract
       it. Adjacencies start as the identity plus noise of deviation `adjacency_noise` and are not normalised.
    5. One classifier serves both modalities, as in HAN: a weight vector per class, so affine in Z. Two score heads of
       the same form feed the pooling. Mixing features before an affine classifier is mixing its logits, which is
       where `avvp_lib.losses.ear` does it (Eq. S-25), and why nothing in this file is random but dropout.
    6. "none" for fusion takes the temporal attention of Eq. 10 away too: the text calls the row "early feature-level
       temporal modeling".
    7. "attention" has `relation_layers` blocks with feed-forward width 2e; the text does not say.

Batch norm takes its statistics over the classes and segments of a batch, e channels apart. While training, videos of a
batch therefore touch each other; in evaluation they do not. A batch of one video trains: its T*C values are enough for a
deviation, if a noisy one, and it moves the running statistics as far as a full batch does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.layers import ParallelEncoder, PostNormLayer
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.pooling import attentive_mmil


class AttentionBlock(nn.Module):
    """Attention and a feed-forward net, each with a residual on the query and a layer norm behind it."""

    def __init__(
        self, channels: int, heads: int, feed_forward: int, dropout: float, *, batch_first: bool = True
    ) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(
                f"{channels} channels are not divisible by heads = {heads}: this is hidden, or event_dim between events"
            )
        self.attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=batch_first)
        self.linear1 = nn.Linear(channels, feed_forward)
        self.linear2 = nn.Linear(feed_forward, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, source: Tensor) -> Tensor:
        """Update `query` (B, T, channels) with what it finds in `source` (B, T', channels); time first if not batch_first."""
        found, _ = self.attention(query, source, source, need_weights=False)
        attended = self.norm1(query + self.dropout(found))
        transformed = self.linear2(self.dropout(functional.relu(self.linear1(attended))))
        return self.norm2(attended + self.dropout(transformed))


class AsymmetricFusion(nn.Module):
    """AMDF: what a modality became over time asks what the other one was before it did. Eq. 10 to 12.

    E_m = block(F_m, F_m);   H_a = block(E_a, F_v),   H_v = block(E_v, F_a)
    """

    def __init__(self, hidden: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        widths = (hidden, heads, feed_forward, dropout)
        self.audio_temporal, self.visual_temporal = AttentionBlock(*widths), AttentionBlock(*widths)
        self.audio_driven, self.visual_driven = AttentionBlock(*widths), AttentionBlock(*widths)

    def dynamic(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Static to dynamic features, each (B, T, H). Eq. 10."""
        return self.audio_temporal(audio, audio), self.visual_temporal(visual, visual)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Static features F_a, F_v to fused features H_a, H_v, each (B, T, H). Eq. 11, 12."""
        dynamic_audio, dynamic_visual = self.dynamic(audio, visual)
        return self.audio_driven(dynamic_audio, visual), self.visual_driven(dynamic_visual, audio)


class SymmetricFusion(AsymmetricFusion):
    """The row "MSA+MCA" of Table VIII: keys and values are dynamic too. The parameters are those of AMDF."""

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Static features to fused features, each (B, T, H)."""
        audio, visual = self.dynamic(audio, visual)
        return self.audio_driven(audio, visual), self.visual_driven(visual, audio)


class NoFusion(nn.Module):
    """Table VII without AMDF: H_m = F_m."""

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams (B, T, H), unchanged."""
        return audio, visual


def _han(hidden: int, heads: int, feed_forward: int, dropout: float) -> nn.Module:
    return ParallelEncoder(PostNormLayer(hidden, heads, feed_forward, dropout), 1)


def _no_fusion(hidden: int, heads: int, feed_forward: int, dropout: float) -> nn.Module:
    return NoFusion()


FUSIONS: dict[str, Callable[[int, int, int, float], nn.Module]] = {
    "amdf": AsymmetricFusion,
    "msa+mca": SymmetricFusion,
    "han": _han,
    "none": _no_fusion,
}
"""By the name of the variant: hidden, heads, feed_forward, dropout -> module from two streams (B, T, H) to two."""


class ResidualAggregation(nn.Module):
    """P_a = H_a + Linear(H_v), P_v = H_v + Linear(H_a): the default reading of Eq. 13."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.from_visual = nn.Linear(hidden, hidden)
        self.from_audio = nn.Linear(hidden, hidden)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Fused features H_a, H_v to aggregated ones, each (B, T, H)."""
        return audio + self.from_visual(visual), visual + self.from_audio(audio)


class ConcatenatingAggregation(nn.Module):
    """P_a = Linear([H_a ; H_v]), P_v = Linear([H_v ; H_a]): another reading of Eq. 13."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.to_audio = nn.Linear(2 * hidden, hidden)
        self.to_visual = nn.Linear(2 * hidden, hidden)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor]:
        """Fused features H_a, H_v to aggregated ones, each (B, T, H)."""
        return self.to_audio(torch.cat([audio, visual], dim=-1)), self.to_visual(torch.cat([visual, audio], dim=-1))


AGGREGATIONS: dict[str, type[nn.Module]] = {"residual": ResidualAggregation, "concatenate": ConcatenatingAggregation}
"""By name: the readings of Eq. 13."""


class EventDecoder(nn.Module):
    """One linear map per class and modality, from a segment to the feature of that class's event. Eq. 14."""

    def __init__(self, hidden: int, classes: int, event_dim: int) -> None:
        super().__init__()
        self.event_shape = (classes, event_dim)
        self.audio = nn.Linear(hidden, classes * event_dim)
        self.visual = nn.Linear(hidden, classes * event_dim)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Two streams (B, T, H) to events [Z_a ; Z_v] (2C, M, e), contiguous.

        Events come first so that both products of a relation are one matrix product each, not one per segment.
        """
        decoded = (self.audio(audio), self.visual(visual))
        return torch.cat([modality.view(-1, *self.event_shape).transpose(0, 1) for modality in decoded])


class RelationUnit(nn.Module):
    """Z + LeakyReLU(BN(Conv1x1(A Z))): every event gathers from the others of its segment. Eq. 15."""

    def __init__(self, events: int, event_dim: int, adjacency_noise: float) -> None:
        super().__init__()
        self.adjacency = nn.Parameter(torch.eye(events) + adjacency_noise * torch.randn(events, events))
        self.conv = nn.Linear(event_dim, event_dim, bias=False)
        self.norm = nn.BatchNorm1d(event_dim)

    def forward(self, events: Tensor) -> Tensor:
        """Update events (n, M, e); the adjacency is (n, n), row = the event that gathers."""
        gathered = (self.adjacency @ events.flatten(1)).view_as(events)
        normed = self.norm(self.conv(gathered).flatten(0, 1)).view_as(events)
        return events + functional.leaky_relu(normed)


class UniModalRelations(nn.Module):
    """A_a among audio events and A_v among visual ones."""

    def __init__(self, classes: int, event_dim: int, adjacency_noise: float) -> None:
        super().__init__()
        self.audio = RelationUnit(classes, event_dim, adjacency_noise)
        self.visual = RelationUnit(classes, event_dim, adjacency_noise)

    def forward(self, events: Tensor) -> Tensor:
        """Update events (2C, M, e), audio first."""
        audio, visual = events.chunk(2)
        return torch.cat([self.audio(audio), self.visual(visual)])


class MultiModalRelations(RelationUnit):
    """A_av among all 2C events."""

    def __init__(self, classes: int, event_dim: int, adjacency_noise: float) -> None:
        super().__init__(2 * classes, event_dim, adjacency_noise)


def symmetrised(matrices: list[Tensor]) -> Tensor:
    """Sum of square matrices (n, n), averaged with its transpose: what Figures 4 and 5 show."""
    total = torch.stack(matrices).sum(0)
    return (total + total.T) / 2


class EventRelations(nn.Sequential):
    """Relations between events, in an order of uni-modal and multi-modal steps. Eq. 15, Tables VII, IX, S-XX."""

    def __init__(
        self, steps: tuple[type[nn.Module], ...], classes: int, event_dim: int, adjacency_noise: float
    ) -> None:
        super().__init__(*(step(classes, event_dim, adjacency_noise) for step in steps))

    @torch.no_grad()
    def adjacency(self) -> dict[str, Tensor]:
        """The learned relations summed over layers and symmetrised, detached; those that the variant has.

        adjacency_audio, adjacency_visual (C, C)   Figure 4
        adjacency_audio_visual (2C, 2C)            A_av alone
        adjacency_all (2C, 2C)                     A_av plus A_a and A_v on its diagonal blocks, Figure 5 as we read it
        """
        uni = [step for step in self if isinstance(step, UniModalRelations)]
        multi = [step.adjacency for step in self if isinstance(step, MultiModalRelations)]
        found = {}
        if uni:
            found["adjacency_audio"] = symmetrised([step.audio.adjacency for step in uni])
            found["adjacency_visual"] = symmetrised([step.visual.adjacency for step in uni])
        if multi:
            found["adjacency_audio_visual"] = symmetrised(multi)
        if uni and multi:
            blocks = torch.block_diag(found["adjacency_audio"], found["adjacency_visual"])
            found["adjacency_all"] = found["adjacency_audio_visual"] + blocks
        return found


class EventAttention(nn.ModuleList):
    """The row "Attention" of Table IX: transformer blocks over the 2C events of a segment; no adjacency to show."""

    def __init__(self, event_dim: int, heads: int, layers: int, dropout: float) -> None:
        widths = (event_dim, heads, 2 * event_dim, dropout)
        super().__init__(AttentionBlock(*widths, batch_first=False) for _ in range(layers))

    def forward(self, events: Tensor) -> Tensor:
        """Update events (2C, M, e): the attention runs over the first axis."""
        for block in self:
            events = block(events, events)
        return events

    def adjacency(self) -> dict[str, Tensor]:
        """Nothing: attention depends on the segment."""
        return {}


_UNI, _MULTI = (UniModalRelations,), (MultiModalRelations,)

RELATION_STEPS: dict[str, Callable[[int], tuple[type[nn.Module], ...]]] = {
    "erm": lambda layers: (_UNI + _MULTI) * layers,
    "a/v-av": lambda layers: _UNI * layers + _MULTI * layers,
    "w/o a/v": lambda layers: _MULTI * layers,
    "w/o av": lambda layers: _UNI * layers,
    "none": lambda layers: (),
}
"""By the name of the variant: number of layers -> the order of steps. "attention" is not built of steps."""

RELATIONS = (*RELATION_STEPS, "attention")


class EventHeads(nn.Module):
    """From an event's feature to its logit and to two pooling scores; other weights for every class, both modalities alike.

    The scores have no bias: it would be the same for all segments and modalities of a class, and the softmax would drop it.
    """

    def __init__(self, classes: int, event_dim: int) -> None:
        super().__init__()
        bound = event_dim**-0.5
        self.weight = nn.Parameter(torch.empty(classes, event_dim, 3).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(classes).uniform_(-bound, bound))

    def forward(self, events: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Events (2C, M, e) to logits, time scores and modality scores, each (M, 2, C)."""
        scores = events.unflatten(0, (2, -1)) @ self.weight
        logits, time_scores, modality_scores = scores.permute(3, 2, 0, 1)
        return logits + self.bias, time_scores, modality_scores


def chosen(argument: str, choice: str, known: Collection[str]) -> str:
    """The choice, if it is among the known ones; else ValueError that names the argument and the choices."""
    if choice not in known:
        raise ValueError(f"{argument} {choice!r} is unknown; known: {', '.join(known)}")
    return choice


class EAR(SegmentFrontEnd):
    """EAR's parsing network (stage 3); the defaults are the full model of the paper, for VGGish and ResNet features."""

    dead_prefixes = ()

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        visual_2d_dim: int = 2048,
        visual_3d_dim: int = 512,
        hidden: int = 512,
        heads: int = 8,
        feed_forward: int = 1024,
        event_dim: int = 64,
        relation_layers: int = 3,
        classes: int = 25,
        dropout: float = 0.1,
        adjacency_noise: float = 0.01,
        audio_layout: str = "segments",
        fusion: str = "amdf",
        aggregation: str = "residual",
        relations: str = "erm",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        self.fusion = FUSIONS[chosen("fusion", fusion, FUSIONS)](hidden, heads, feed_forward, dropout)
        self.aggregation = AGGREGATIONS[chosen("aggregation", aggregation, AGGREGATIONS)](hidden)
        self.decoder = EventDecoder(hidden, classes, event_dim)
        if chosen("relations", relations, RELATIONS) == "attention":
            self.relations = EventAttention(event_dim, heads, relation_layers, dropout)
        else:
            steps = RELATION_STEPS[relations](relation_layers)
            self.relations = EventRelations(steps, classes, event_dim, adjacency_noise)
        self.heads = EventHeads(classes, event_dim)

    def forward(
        self,
        audio: Tensor,
        visual_2d: Tensor,
        visual_3d: Tensor | None = None,
        text: tuple[Tensor, Tensor] | None = None,
    ) -> ParsingOutput:
        """Parse a batch of videos; feature shapes are in the glossary.

        visual_3d is required (ValueError without it). text belongs to the signature all parsing models share; EAR does
        not read it. The extras are those of the pooling and of `EventRelations.adjacency`.
        """
        audio, visual = self.aggregation(*self.fusion(*self.embed(audio, visual_2d, visual_3d)))
        events = self.relations(self.decoder(audio, visual))
        output = attentive_mmil(*(scores.unflatten(0, audio.shape[:2]) for scores in self.heads(events)))
        output.extras.update(self.relations.adjacency())
        return output
