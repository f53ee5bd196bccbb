"""The layers of MM-CSE (`mm_cse`): classes of a segment inform each other, segments are confirmed by their video.

Every feature here is X (2, B, T, K, D): audio and visual first, so that one product serves both and `X.flip(0)` is the
other modality. A layer (Eq. 2) is a sum of two branches, intra (X, X) and cross (X, X.flip(0)). A branch has

    secm    what a class gathers from the classes of its segment, and the map by which it does (Eq. 3)
    lgsf    what the branch adds to X, given that (Eq. 4)

An ablation puts another module in one of these places.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from avvp_lib.models.mm_cse_kernels import attend, cosine, feed_forward, linear

VARIANTS = ("paper", "released")
BLOCKS = ("secm+lgsf", "lgsf", "secm")
MODES: dict[str, tuple[str, ...]] = {"intra+cross": ("intra", "cross"), "cross": ("cross",), "intra": ("intra",)}


class ClassWiseLinear(nn.Module):
    """A linear layer of its own for every class: weight (K, out, in), bias (K, out)."""

    def __init__(self, classes: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)  # that of nn.Linear
        self.weight = nn.Parameter(torch.empty(classes, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(classes, outputs).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """(.., K, in) -> (.., K, out), each class by its own layer."""
        by_class = features.flatten(0, -3).transpose(0, 1)
        outputs = torch.baddbmm(self.bias.unsqueeze(1), by_class, self.weight.transpose(1, 2))
        return outputs.transpose(0, 1).unflatten(0, features.shape[:-2])


class MultiHeadSECM(nn.Module):
    """The code's SECM: multi-head attention over the K classes of a segment."""

    def __init__(self, width: int, heads: int, dropout: float, keep_map: bool) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"class_hidden = {width} is not divisible by heads = {heads}")
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)
        self.heads = heads
        self.dropout = dropout
        self.keep_map = keep_map

    def forward(self, features: Tensor, other: Tensor) -> tuple[Tensor, Tensor | None]:
        """X and X' -> what X gathers (2, B, T, K, D) and, if kept, the map (2, B, T, K, K), averaged over the heads."""
        width = features.shape[-1]
        query = linear(features, self.in_proj_weight[:width], self.in_proj_bias[:width])
        key_value = linear(other, self.in_proj_weight[width:], self.in_proj_bias[width:])
        dropout = self.dropout if self.training else 0.0
        gathered, weights = attend(query, key_value, self.heads, dropout, self.keep_map)
        return linear(gathered, self.out_proj.weight, self.out_proj.bias), weights


class DotProductSECM(nn.Module):
    """Eq. 3: beta = softmax(X X'^T / sqrt(D)); gathers beta X'. It has no weights."""

    def __init__(self, width: int, heads: int, dropout: float, keep_map: bool) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """X and X' -> what X gathers (2, B, T, K, D) and beta (2, B, T, K, K)."""
        beta = (self.scale * features @ other.transpose(-1, -2)).softmax(dim=-1)
        return self.dropout(beta) @ other, beta


class NoSECM(nn.Module):
    """Without SECM, Z = X: nothing is gathered."""

    def __init__(self, width: int, heads: int, dropout: float, keep_map: bool) -> None:
        super().__init__()

    def forward(self, features: Tensor, other: Tensor) -> tuple[Tensor, None]:
        """Zeros (2, B, T, K, D), and no map."""
        return torch.zeros_like(features), None


class PaperLGSF(nn.Module):
    """Eq. 4: adds gamma G, where G is the other features' mean over time and gamma = cos(Z, G)."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, features: Tensor, gathered: Tensor, other: Tensor, out: nn.Module) -> Tensor:
        """X, what SECM gathered and X' -> the addition (2, B, T, K, D); there is no `out` in this variant."""
        video = other.mean(dim=2, keepdim=True)
        return cosine(features + gathered, video) * video


class IntraLGSF(nn.Module):
    """The code's LGSF within a modality: Z is projected twice, and one projection is pooled over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.local = nn.Linear(width, width)
        self.video = nn.Linear(width, width)

    def forward(self, features: Tensor, gathered: Tensor, other: Tensor, out: nn.Linear) -> Tensor:
        """X and what SECM gathered -> out(gamma G) without bias (2, B, T, K, D); out meets G, not its T copies."""
        enhanced = features + gathered
        local = linear(enhanced, self.local.weight, self.local.bias, "relu")
        video = linear(enhanced, self.video.weight, self.video.bias, "relu").mean(dim=2, keepdim=True)
        return cosine(local, video).sigmoid() * linear(video, out.weight)


class CrossLGSF(nn.Module):
    """The code's LGSF across modalities: Z and the other features X' go through one projection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shared = nn.Linear(width, width)

    def forward(self, features: Tensor, gathered: Tensor, other: Tensor, out: nn.Linear) -> Tensor:
        """X, what SECM gathered and X' -> out(gamma G) without bias (2, B, T, K, D)."""
        local = linear(features + gathered, self.shared.weight, self.shared.bias, "relu")
        video = linear(other, self.shared.weight, self.shared.bias, "relu").mean(dim=2, keepdim=True)
        return cosine(local, video).sigmoid() * linear(video, out.weight)


class PaperGathered(nn.Module):
    """Without LGSF a branch of the paper's variant is Z: what SECM gathered is added."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, features: Tensor, gathered: Tensor, other: Tensor, out: nn.Module) -> Tensor:
        """What SECM gathered."""
        return gathered


class ReleasedGathered(PaperGathered):
    """Without LGSF a branch of the code's variant is out(Z)."""

    def forward(self, features: Tensor, gathered: Tensor, other: Tensor, out: nn.Linear) -> Tensor:
        """out(gathered) without bias."""
        return linear(gathered, out.weight)


class Branch(nn.Module):
    """One mode of a layer: phi(X, X') = out(X + addition), of which it computes out(addition)."""

    def __init__(self, secm: nn.Module, lgsf: nn.Module, out: nn.Module) -> None:
        super().__init__()
        self.secm = secm
        self.lgsf = lgsf
        self.out = out

    def forward(self, features: Tensor, other: Tensor) -> tuple[Tensor, Tensor | None]:
        """X and X' -> out(addition) and the map."""
        gathered, weights = self.secm(features, other)
        return self.lgsf(features, gathered, other, self.out), weights


class PaperLayer(nn.Module):
    """Eq. 2 as it stands: X of the next layer is phi_intra(X, X) + phi_cross(X, X'). It has no weights."""

    def __init__(self, branches: nn.ModuleDict, width: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.branches = branches

    def add_up(self, features: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of what the branches add to X, and their maps by name, as far as they have one."""
        results = {mode: branch(features, OTHER[mode](features)) for mode, branch in self.branches.items()}
        maps = {f"{mode}_map": weights for mode, (_, weights) in results.items() if weights is not None}
        return sum(addition for addition, _ in results.values()), maps

    def forward(self, features: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """X (2, B, T, K, D) -> X of the next layer, and maps (2, B, T, K, K)."""
        additions, maps = self.add_up(features)
        return len(self.branches) * features + additions, maps


class ReleasedLayer(PaperLayer):
    """The code's layer: the branches' linear layers, a layer norm, and a feed-forward block that has no residual."""

    def __init__(self, branches: nn.ModuleDict, width: int, feed_forward: int, dropout: float) -> None:
        super().__init__(branches, width, feed_forward, dropout)
        self.norm1 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, feed_forward)
        self.linear2 = nn.Linear(feed_forward, width)
        self.dropout = dropout

    def forward(self, features: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """X (2, B, T, K, D) -> X of the next layer, and maps (2, B, T, K, K)."""
        additions, maps = self.add_up(features)
        weight = sum(branch.out.weight for branch in self.branches.values())  # out_1 X + out_2 X = (out_1 + out_2) X
        bias = sum(branch.out.bias for branch in self.branches.values())
        fused = self.norm1(linear(features, weight, bias) + additions)
        return feed_forward(fused, self.linear1, self.linear2, self.dropout if self.training else 0.0), maps


OTHER: dict[str, Callable[[Tensor], Tensor]] = {"intra": lambda features: features, "cross": lambda x: x.flip(0)}
"""Whom a branch listens to."""

SECM = {"paper": DotProductSECM, "released": MultiHeadSECM}
LGSF = {"paper": dict.fromkeys(("intra", "cross"), PaperLGSF), "released": {"intra": IntraLGSF, "cross": CrossLGSF}}
GATHERED = {"paper": PaperGathered, "released": ReleasedGathered}
LAYER = {"paper": PaperLayer, "released": ReleasedLayer}


def _branch(variant: str, blocks: str, mode: str, width: int, heads: int, dropout: float, keep_map: bool) -> Branch:
    secm = (NoSECM if blocks == "lgsf" else SECM[variant])(width, heads, dropout, keep_map)
    lgsf = (GATHERED[variant] if blocks == "secm" else LGSF[variant][mode])(width)
    return Branch(secm, lgsf, nn.Linear(width, width) if variant == "released" else nn.Identity())


def enhancement_stack(
    variant: str, blocks: str, modes: str, count: int, width: int, heads: int, feed_forward: int, dropout: float
) -> nn.ModuleList:
    """`count` FGSE layers (Eq. 6) that start from equal weights, as in the code; only the last one keeps its maps."""
    layers = nn.ModuleList()
    for i in range(count):
        keep_map = i == count - 1
        branches = {mode: _branch(variant, blocks, mode, width, heads, dropout, keep_map) for mode in MODES[modes]}
        layers.append(LAYER[variant](nn.ModuleDict(branches), width, feed_forward, dropout))
        layers[i].load_state_dict(layers[0].state_dict())
    return layers
