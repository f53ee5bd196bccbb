"""DAM: SelM's dual alignment of audio and visual features after every encoder stage (Sec. 4.2), and what its Table 4 compares.

Every alignment takes visual features X (BT, C, HW) and audio tokens a (BT, H, 1) of the same frames and returns both.

    A2V block   visual features re-weighted by sound      X' = X + W X       (Table 6)
    V2A block   audio tokens re-weighted by the picture   a' = a + W a
    DAM         both, from the same X and a

`AlignmentBlock` is the paper's block; `ReleasedVisualSide` and `ReleasedAudioSide` are what the released code computes. The released
visual side is dead: with one audio token a second, the softmax over tokens is 1, the attended value is the same at every position,
and an instance norm over positions makes 0 of a constant. W is 0, and X' = X + c with one learned number c per channel, whatever
sounds and whatever is seen.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

EARLY_FUSIONS = ("dam", "a2v", "v2a", "add", "concat", "none")
VISUAL_SIDES = ("released", "working")


def branch(channels_in: int, channels_out: int, dropout: float) -> nn.Sequential:
    """The paper's convolution branch: Conv1d of kernel 1, GELU, dropout."""
    return nn.Sequential(nn.Conv1d(channels_in, channels_out, 1), nn.GELU(), nn.Dropout(dropout))


class AlignmentBlock(nn.Module):
    """One block of DAM: the features of one modality, re-weighted by how they agree with the other.

    W = tanh(branch(target) * mean over positions of branch(source)), one weight for each channel and position of the target. One
    class serves both directions; sound reaches every position of a map.
    """

    def __init__(self, target_channels: int, source_channels: int, dropout: float) -> None:
        super().__init__()
        self.target = branch(target_channels, target_channels, dropout)
        self.source = branch(source_channels, target_channels, dropout)

    def weights(self, target: Tensor, source: Tensor) -> Tensor:
        """The alignment weight map W, (BT, C_target, L_target) in (-1, 1)."""
        return (self.target(target) * self.source(source).mean(dim=2, keepdim=True)).tanh()

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """target (BT, C_target, L_target), source (BT, C_source, L_source) -> target re-weighted."""
        return target + self.weights(target, source) * target


class Unaligned(nn.Module):
    """In the place of a block: the target as it is."""

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Return the target."""
        return target


class DualAlignment(nn.Module):
    """DAM at one stage: both directions from the same inputs."""

    def __init__(self, visual: nn.Module, audio: nn.Module) -> None:
        super().__init__()
        self.visual = visual
        self.audio = audio

    def forward(self, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(BT, C, HW), (BT, H, 1) -> both aligned."""
        return self.visual(x, audio), self.audio(audio, x)


class AddFusion(nn.Module):
    """Table 4, "Add": each modality plus the other; pooled features for the token, the token repeated for the map.

    A linear map brings the widths together, which differ.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.to_visual = nn.Conv1d(hidden, channels, 1)
        self.to_audio = nn.Conv1d(channels, hidden, 1)

    def forward(self, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(BT, C, HW), (BT, H, 1) -> both."""
        return x + self.to_visual(audio), audio + self.to_audio(x.mean(dim=2, keepdim=True))


class ConcatFusion(nn.Module):
    """Table 4, "Concat": each modality beside the other, brought back to its own width by a linear map."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.visual, self.from_audio = nn.Conv1d(channels, channels, 1), nn.Conv1d(hidden, channels, 1, bias=False)
        self.audio, self.from_visual = nn.Conv1d(hidden, hidden, 1), nn.Conv1d(channels, hidden, 1, bias=False)

    def forward(self, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(BT, C, HW), (BT, H, 1) -> both. A linear map of two parts side by side is the sum of one of each."""
        return self.visual(x) + self.from_audio(audio), self.audio(audio) + self.from_visual(x.mean(2, keepdim=True))


class ReleasedVisualSide(nn.Module):
    """The visual side as released; keys keep the published shapes.

    V = GELU(conv X), W = norm(conv(value of a)) at every position, R = GELU(conv(V W)), X' = X + gate(R) R. With the released
    norm over positions W is 0 but for rounding. side="working" leaves the norm out, so that the same weights can be trained on.
    """

    def __init__(self, channels: int, hidden: int, side: str) -> None:
        super().__init__()
        self.seen = nn.Conv1d(channels, channels, 1)
        self.heard = nn.Conv1d(hidden, channels, 1)
        self.weight = nn.Conv1d(channels, channels, 1)
        self.norm = nn.InstanceNorm1d(channels) if side == "released" else nn.Identity()
        self.out = nn.Conv1d(channels, channels, 1)
        self.gate = nn.Sequential(
            nn.Linear(channels, channels, bias=False), nn.ReLU(), nn.Linear(channels, channels, bias=False), nn.Tanh()
        )

    def weights(self, x: Tensor, audio: Tensor) -> Tensor:
        """W, (BT, C, HW). Attention over the only audio token has weight 1 everywhere: its value is repeated."""
        return self.norm(self.weight(self.heard(audio)).expand(-1, -1, x.shape[2]))

    def forward(self, x: Tensor, audio: Tensor) -> Tensor:
        """(BT, C, HW), (BT, H, 1) -> (BT, C, HW)."""
        fused = functional.gelu(self.out(functional.gelu(self.seen(x)) * self.weights(x, audio)))
        return x + self.gate(fused.transpose(1, 2)).transpose(1, 2) * fused


class ReleasedAudioSide(nn.Module):
    """The audio side as released: the token asks every position of the map, a' = a + GELU(conv(conv(attended)))."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.query_down = nn.Conv1d(hidden, channels, 1)
        self.query_up = nn.Conv1d(channels, hidden, 1)
        self.key = nn.Conv1d(channels, hidden, 1)
        self.value = nn.Conv1d(channels, hidden, 1)
        self.norm = nn.InstanceNorm1d(hidden)
        self.attended = nn.Conv1d(hidden, hidden, 1)
        self.out = nn.Conv1d(hidden, hidden, 1)
        self.scale = channels**-0.5

    def forward(self, audio: Tensor, x: Tensor) -> Tensor:
        """(BT, H, 1), (BT, C, HW) -> (BT, H, 1)."""
        query = self.query_up(self.query_down(audio)).transpose(1, 2)  # (BT, 1, H)
        attention = (self.scale * query @ self.norm(self.key(x))).softmax(dim=2)  # (BT, 1, HW)
        attended = self.norm(self.value(x)) @ attention.transpose(1, 2)
        return audio + functional.gelu(self.out(self.attended(attended)))


def paper_alignment(kind: str, channels: int, hidden: int, dropout: float) -> nn.Module:
    """The alignment of one stage, as the paper's Tables 3, 4 and 6 name it; kind is one of `EARLY_FUSIONS`."""
    simple = {"add": AddFusion, "concat": ConcatFusion}
    if kind in simple:
        return simple[kind](channels, hidden)
    return DualAlignment(
        AlignmentBlock(channels, hidden, dropout) if kind in ("dam", "a2v") else Unaligned(),
        AlignmentBlock(hidden, channels, dropout) if kind in ("dam", "v2a") else Unaligned(),
    )


def released_alignment(kind: str, channels: int, hidden: int, visual_side: str) -> nn.Module:
    """The same of the released code, whose blocks differ from the paper's; "add" and "concat" are the paper's."""
    if kind not in ("dam", "a2v", "v2a"):
        return paper_alignment(kind, channels, hidden, dropout=0.0)
    return DualAlignment(
        ReleasedVisualSide(channels, hidden, visual_side) if kind != "v2a" else Unaligned(),
        ReleasedAudioSide(channels, hidden) if kind != "a2v" else Unaligned(),
    )
