"""MM-CSE: features of their own for every class and for the background, which classes and segments then exchange.

    Pengcheng Zhao, Jinxing Zhou, Yang Zhao, Dan Guo, Yanxiang Chen. Multimodal Class-aware Semantic Enhancement Network
    for Audio-Visual Video Parsing. AAAI 2025. Also follows the authors' code at 1d77ace (2025-04-14). The losses
    (Eq. 7-12) live in `avvp_lib.losses.mm_cse`.

A segment with several events has one mixed feature; attending over such features mixes in what does not belong. MM-CSE
first takes the feature apart (CAFD), then lets classes of one segment inform each other (SECM) and each segment be
confirmed by its video (LGSF), within a modality and across.

Glossary (B videos, T segments, K classes, H = d_1 hidden channels, D = d_2 channels of a class; m: 0 audio, 1 visual)
    F        (2, B, T, H)        holistic features, from the front end (`front_ends`)
    F~       (2, B, T, K+1, D)   decoupled features; F~_e the first K, F~_bg the last (Sec. 3.1)
    alpha    (2, B, T)           weight of the events, 1 - alpha that of the background
    F^, X_l  (2, B, T, K, D)     enriched class features (Eq. 1), and after l layers (Eq. 2, 5, 6)
    beta     (2, B, T, K, K)     co-occurrence within (aa, vv) or across (av, va) modalities; rows are those of m (Eq. 3)
    Z        (2, B, T, K, D)     X + what its co-occurring classes say
    G        (2, B, 1, K, D)     a class in the whole video, the mean over T
    gamma    (2, B, T, K, 1)     how much a segment resembles the video (Eq. 4)

The two variants (Table 1's numbers belong to the authors' code, so "released" is the default)
                   variant="paper"                           variant="released"
    heads of F~    one linear layer per class                ReLU, linear, ReLU; visual: and dropout, linear, ReLU
    SECM           softmax(X X'^T / sqrt(D)) X', Eq. 3       eight-head attention with projections
    LGSF           G = mean of X', gamma = cos(Z, G)         linear + ReLU before the cosine, its sigmoid for gamma, and
                                                             within a modality G pools Z
    a layer        phi_intra + phi_cross, Eq. 2              a linear layer per mode, layer norm, feed-forward block
    decoder        linear, ReLU, linear                      and a ReLU, so negative targets are out of reach
    maps           before dropout                            after attention dropout, averaged over the heads
Eq. 2 says that intra and cross have different parameters, but Eq. 3 and 4 have none. The paper variant has none either:
its layers are the equations. `heads` and `feed_forward` belong to the released variant.

Ablations (arguments; the default is the full model)
    decoupling      "background" Table 2 #3 | "events" #2, no background | "none" #1, one feature stands for all classes
    blocks          "secm+lgsf" Table 3 full | "lgsf" without SECM | "secm" without LGSF
    modes           "intra+cross" Table 3 full | "cross" without intra-FGSE | "intra" without cross-FGSE
    reconstruction  "decoder" | "none": Table 4 #1 and #3, and a parser for inference; its weights are for training only
    The other rows of Table 4 are weights of the loss.

`extras` of the output, besides those of `pooling` (an ablation lacks what it takes away)
    holistic (B, T, 2, H), reconstruction (B, T, 2, H)       target and result of Eq. 8; the target is not detached
    decoupled (B, T, 2, K+1, D)                              F~, for Eq. 9 and Figure 5; without background (B, T, 2, K, D)
    alpha (B, T, 2)
    intra_map, cross_map (B, T, 2, K, K)                     beta of the last layer: aa and vv, av and va

Deviations from the published code; none changes an output (up to rounding)
    1. The layers of all classes are one stacked tensor, both modalities go through shared weights as one batch, and
       what is linear is pulled out of sums: fc(X + gamma G) = fc X + gamma fc G, one product per video for the latter.
    2. The CLAP map is resampled before fc_a. The two final norms that nothing applies are not built.
    3. The first ReLU of the visual decoder, whose input has no negative values, is left out.
    4. Maps are averaged in the last layer only. Reconstructions are made in evaluation too.
    5. Widths are arguments, and T is free for audio_layout="segments".
Open readings: "without decoupling" is one linear layer D(F) repeated for every class; "w/o SECM" takes Z = X, "w/o
LGSF" adds Z instead of gamma G. Dropout of the paper variant acts where the code has it: on beta and in alpha's network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.mm_cse_kernels import linear
from avvp_lib.models.mm_cse_layers import BLOCKS, MODES, VARIANTS, ClassWiseLinear, enhancement_stack
from avvp_lib.models.output import ParsingOutput
from avvp_lib.models.pooling import attentive_mmil

RECONSTRUCTIONS = ("decoder", "none")
UNAPPLIED_NORMS = ("av_enhance.final_norm_a.", "av_enhance.final_norm_v.")
DECODERS = ("a_recon.", "v_recon.")


def choose(argument: str, value: str, choices: tuple[str, ...] | dict) -> str:
    """The value, if it is one of the choices; ValueError naming the argument otherwise."""
    if value not in choices:
        raise ValueError(f"{argument} {value!r} is unknown; known: {', '.join(choices)}")
    return value


class LinearHeads(nn.Module):
    """One linear layer per class and modality (Sec. 3.1): `units` classes side by side in one matrix."""

    def __init__(self, hidden: int, units: int, width: int, dropout: float) -> None:
        super().__init__()
        self.units = units
        self.audio = nn.Linear(hidden, units * width)
        self.visual = nn.Linear(hidden, units * width)

    def forward(self, streams: Tensor) -> Tensor:
        """(2, B, T, H) -> (2, B, T, units, D)."""
        return torch.stack([self.audio(streams[0]), self.visual(streams[1])]).unflatten(-1, (self.units, -1))


class ReleasedHeads(LinearHeads):
    """The code's heads: rectified before and after, and a second layer for the visual classes."""

    def __init__(self, hidden: int, units: int, width: int, dropout: float) -> None:
        super().__init__(hidden, units, width, dropout)
        self.visual_second = ClassWiseLinear(units, width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, streams: Tensor) -> Tensor:
        """(2, B, T, H) -> (2, B, T, units, D), without negative values."""
        audio, visual = super().forward(streams.relu()).relu()
        return torch.stack([audio, self.visual_second(self.dropout(visual)).relu()])


def weight_network(hidden: int, width: int, dropout: float) -> nn.Sequential:
    """alpha before its sigmoid, for one modality; (.., H) -> (.., 1)."""
    return nn.Sequential(nn.ReLU(), nn.Linear(hidden, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 1))


class EventsAndBackground(nn.Module):
    """CAFD in full: decouple, then mix the background into every class (Eq. 1)."""

    def __init__(self, head_class: type[LinearHeads], hidden: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = head_class(hidden, classes + 1, width, dropout)
        self.alpha = nn.ModuleList(weight_network(hidden, width, dropout) for _ in range(2))
        self.reduce = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(2))
        self.width = width

    def forward(self, streams: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """F (2, B, T, H) -> F^ (2, B, T, K, D), and F~ and alpha for the extras."""
        decoupled = self.heads(streams)
        alpha = torch.stack([network(stream) for network, stream in zip(self.alpha, streams, strict=True)]).sigmoid()
        mixed = [self.mix(m, decoupled[m], alpha[m].unsqueeze(-1)) for m in range(2)]
        return torch.stack(mixed), {"decoupled": decoupled, "alpha": alpha.squeeze(-1)}

    def mix(self, modality: int, decoupled: Tensor, alpha: Tensor) -> Tensor:
        """h[alpha F~_e ; (1 - alpha) F~_bg], Eq. 1, of (B, T, K+1, D) and (B, T, 1, 1); the background is projected once."""
        layer = self.reduce[modality]
        events = linear(decoupled[:, :, :-1], layer.weight[:, : self.width])
        background = linear(decoupled[:, :, -1:], layer.weight[:, self.width :])
        return (alpha * events + ((1 - alpha) * background + layer.bias)).relu()


class EventsOnly(nn.Module):
    """CAFD without a background (Table 2 #2): nothing to mix in."""

    def __init__(self, head_class: type[LinearHeads], hidden: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = head_class(hidden, classes, width, dropout)
        self.reduce = nn.ModuleList(nn.Linear(width, width) for _ in range(2))

    def forward(self, streams: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """F (2, B, T, H) -> F^ (2, B, T, K, D), and F~ for the extras."""
        decoupled = self.heads(streams)
        enriched = [layer(features).relu() for layer, features in zip(self.reduce, decoupled, strict=True)]
        return torch.stack(enriched), {"decoupled": decoupled}


class Holistic(nn.Module):
    """No decoupling (Table 2 #1): every class starts from the same projection of the mixed feature."""

    def __init__(self, head_class: type[LinearHeads], hidden: int, classes: int, width: int, dropout: float) -> None:
        super().__init__()
        self.classes = classes
        self.reduce = nn.ModuleList(nn.Linear(hidden, width) for _ in range(2))

    def forward(self, streams: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """F (2, B, T, H) -> (2, B, T, K, D), the same for every class."""
        reduced = [layer(stream).relu() for layer, stream in zip(self.reduce, streams, strict=True)]
        return torch.stack(reduced).unsqueeze(3).expand(-1, -1, -1, self.classes, -1).contiguous(), {}


DECOUPLINGS: dict[str, type[nn.Module]] = {"background": EventsAndBackground, "events": EventsOnly, "none": Holistic}
HEADS = {"paper": LinearHeads, "released": ReleasedHeads}
LAST_OF_DECODER = {"paper": nn.Identity, "released": nn.ReLU}


class Decoders(nn.Module):
    """From the decoupled features of a segment back to its holistic one (Eq. 8), for each modality."""

    def __init__(self, variant: str, mixed: int, hidden: int) -> None:
        super().__init__()
        self.chains = nn.ModuleList(
            nn.Sequential(nn.Linear(mixed, hidden), nn.ReLU(), nn.Linear(hidden, hidden), LAST_OF_DECODER[variant]())
            for _ in range(2)
        )

    def forward(self, streams: Tensor, decoupled: Tensor) -> dict[str, Tensor]:
        """F (2, B, T, H) and F~ (2, B, T, units, D) -> target and reconstruction, (2, B, T, H), by name."""
        rebuilt = [chain(features.flatten(2)) for chain, features in zip(self.chains, decoupled, strict=True)]
        return {"holistic": streams, "reconstruction": torch.stack(rebuilt)}


class NoDecoders(nn.Module):
    """Nothing is reconstructed."""

    def forward(self, streams: Tensor, decoupled: Tensor | None) -> dict[str, Tensor]:
        """No extras."""
        return {}


class MMCSE(SegmentFrontEnd):
    """MM-CSE's network; the defaults are the published widths for VGGish and ResNet features."""

    def __init__(
        self,
        *,
        audio_dim: int = 128,
        visual_2d_dim: int = 2048,
        visual_3d_dim: int = 512,
        hidden: int = 256,
        class_hidden: int = 128,
        heads: int = 8,
        feed_forward: int = 512,
        layers: int = 4,
        classes: int = 25,
        dropout: float = 0.1,
        audio_layout: str = "segments",
        variant: str = "released",
        decoupling: str = "background",
        blocks: str = "secm+lgsf",
        modes: str = "intra+cross",
        reconstruction: str = "decoder",
    ) -> None:
        super().__init__(
            audio_dim=audio_dim,
            visual_2d_dim=visual_2d_dim,
            visual_3d_dim=visual_3d_dim,
            hidden=hidden,
            audio_layout=audio_layout,
        )
        choose("variant", variant, VARIANTS)
        choose("decoupling", decoupling, DECOUPLINGS)
        choose("blocks", blocks, BLOCKS)
        choose("modes", modes, MODES)
        choose("reconstruction", reconstruction, RECONSTRUCTIONS)
        self.class_features = DECOUPLINGS[decoupling](HEADS[variant], hidden, classes, class_hidden, dropout)
        self.decoders = self._decoders(reconstruction, variant, class_hidden, hidden)
        self.dead_prefixes = UNAPPLIED_NORMS + (() if reconstruction == "decoder" else DECODERS)
        self.layers = enhancement_stack(variant, blocks, modes, layers, class_hidden, heads, feed_forward, dropout)
        self.parser = ClassWiseLinear(classes, class_hidden, 3)

    def _decoders(self, reconstruction: str, variant: str, width: int, hidden: int) -> nn.Module:
        if reconstruction == "none":
            return NoDecoders()
        if isinstance(self.class_features, Holistic):
            raise ValueError("reconstruction='decoder' needs decoupled features: with decoupling='none' say 'none'")
        return Decoders(variant, self.class_features.heads.units * width, hidden)

    def forward(
        self,
        audio: Tensor,
        visual_2d: Tensor,
        visual_3d: Tensor | None = None,
        text: tuple[Tensor, Tensor] | None = None,
    ) -> ParsingOutput:
        """Parse a batch of videos; feature shapes are those of `front_ends`, extras those of the module's docstring.

        visual_3d is required (ValueError without it). text belongs to the signature all parsing models share; MM-CSE
        does not read it.
        """
        streams = torch.stack(self.embed(audio, visual_2d, visual_3d))
        features, extras = self.class_features(streams)
        extras |= self.decoders(streams, extras.get("decoupled"))
        for layer in self.layers:
            features, maps = layer(features)
        logits, time_scores, modality_scores = self.parser(features).permute(4, 1, 2, 0, 3)
        output = attentive_mmil(logits, time_scores, modality_scores)
        output.extras.update({name: values.movedim(0, 2) for name, values in (extras | maps).items()})
        return output


RENAMED = {
    "alpha_a.model.": "class_features.alpha.0.",
    "alpha_v.model.": "class_features.alpha.1.",
    "reduce_a.0.": "class_features.reduce.0.",
    "reduce_v.0.": "class_features.reduce.1.",
    "a_recon.0.": "decoders.chains.0.0.",
    "a_recon.2.": "decoders.chains.0.2.",
    "v_recon.model.1.": "decoders.chains.1.0.",
    "v_recon.model.3.": "decoders.chains.1.2.",
    "av_enhance.layers.": "layers.",
    ".SECM_1.attn.in_proj_": ".branches.intra.secm.in_proj_",
    ".SECM_1.attn.out_proj.": ".branches.intra.secm.out_proj.",
    ".SECM_2.attn.in_proj_": ".branches.cross.secm.in_proj_",
    ".SECM_2.attn.out_proj.": ".branches.cross.secm.out_proj.",
    ".LGSF_1.glob1.": ".branches.intra.lgsf.local.",
    ".LGSF_1.glob2.": ".branches.intra.lgsf.video.",
    ".LGSF_2.glob.": ".branches.cross.lgsf.shared.",
    ".fc1.": ".branches.intra.out.",
    ".fc2.": ".branches.cross.out.",
}
"""Parts of a released key, and of ours."""

PARSER = ("fc_prob", "fc_frame_att", "fc_av_att")
"""The three layers to one number per class, in the order in which ours returns them."""


def from_official(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A released state dict, less its dead keys, in the layout of `MMCSE(variant="released")`.

    The layers of the classes are stacked and the rest is renamed. A key that is strange stays as it is, so that
    `load_state_dict` names it. Raises ValueError where a layer of a class is missing.
    """
    state = dict(state)
    converted = {}
    for kind in ("weight", "bias"):
        converted[f"class_features.heads.audio.{kind}"] = torch.cat(_take(state, "a_unmix.{}.1." + kind))
        converted[f"class_features.heads.visual.{kind}"] = torch.cat(_take(state, "v_unmix.{}.1." + kind))
        converted[f"class_features.heads.visual_second.{kind}"] = torch.stack(_take(state, "v_unmix.{}.4." + kind))
        rows = [torch.cat(_take(state, f"{head}.fc.{{}}.{kind}")) for head in PARSER]
        converted[f"parser.{kind}"] = torch.stack(rows, dim=1)
    for key, tensor in state.items():
        for theirs, ours in RENAMED.items():
            key = key.replace(theirs, ours)
        converted[key] = tensor
    return converted


def _take(state: dict[str, Tensor], pattern: str) -> list[Tensor]:
    """Remove and return the tensors of class 0, 1, 2 ... as far as they go."""
    first = pattern.format(0)
    if first not in state:
        raise ValueError(f"no {first}: this is not a checkpoint of the released MM-CSE")
    tensors = []
    while (key := pattern.format(len(tensors))) in state:
        tensors.append(state.pop(key))
    return tensors
