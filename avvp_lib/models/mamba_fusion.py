"""How the two modalities meet in MUG: adaptive Mamba fusion (Eq. 4 and 5), the mix of both, and feature enhancement.

In the fusion every modality has four branches: a forward scan, a backward scan, a dynamic scan that begins where a
learned score says, and a gate. The modalities exchange no features there. What they share is how fast states forget: the
state transition A. The mix and the enhancement then compare them segment by segment.

Glossary (B videos, T segments, H hidden channels, E state space channels, N states per channel)
    stream             (B, T, H)  features of one modality
    x, z               (B, T, E)  what is scanned, and its gate
    A                  (E, N)     state transition, negative; see `ssm` for B, C and delta, which each scan reads off x
    sharing            (2, E)     sigma(g): how much of A a modality (0 = audio, 1 = visual) takes from the shared one
    start_prob         (B, T)     how likely the dynamic scan begins at a segment
    f_mix              (B, T, H)  both streams, each gated by the other
    e                  (B, T, H)  enhancement: large where the streams agree

The scans are separate calls. Run as one batch they would cost the same: on a CPU core, six scans of (32, 10, 64) with
their gradients take as long as one of (192, 10, 64), and of (64, 10, 128) less.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.ssm import SelectiveProjections, causal_conv, initial_A_log, selective_scan

Shown = dict[str, Tensor]
"""What a module found out on the way, for `ParsingOutput.extras`."""

SPREAD = 0.1
"""Deviation of log A around its usual start. The gates of the sharing learn only where shared and own A differ."""


def roll_to(sequence: Tensor, start: Tensor) -> Tensor:
    """Rotate every sequence of (B, T, E) so that it begins at step start[b]; start (B,) integer, any sign.

    `roll_to(roll_to(x, k), -k)` is x.
    """
    steps = torch.arange(sequence.shape[1], device=sequence.device)
    index = (steps + start.unsqueeze(1)) % sequence.shape[1]
    return sequence.gather(1, index.unsqueeze(2).expand_as(sequence))


class OwnTransition(nn.Module):
    """A state transition for each modality, and nothing shared."""

    def __init__(self, channels: int, d_state: int) -> None:
        super().__init__()
        start = initial_A_log(channels, d_state).expand(2, -1, -1)
        self.A_log_own = nn.Parameter(start + SPREAD * torch.randn(start.shape))

    def sharing(self) -> Tensor:
        """Zeros (2, E)."""
        return torch.zeros_like(self.A_log_own[..., 0])

    def forward(self) -> Tensor:
        """A of audio and of the visual modality, (2, E, N)."""
        return -self.A_log_own.float().exp()


class SharedTransition(OwnTransition):
    """A_m = sigma(g_m) A_shared + (1 - sigma(g_m)) A_m_own, with a learned g for every modality and channel.

    The gates start at g = 0: half shared.
    """

    def __init__(self, channels: int, d_state: int) -> None:
        super().__init__(channels, d_state)
        start = initial_A_log(channels, d_state)
        self.A_log_shared = nn.Parameter(start + SPREAD * torch.randn(start.shape))
        self.gate = nn.Parameter(torch.zeros(2, channels))

    def sharing(self) -> Tensor:
        """sigma(g), (2, E)."""
        return self.gate.sigmoid()

    def forward(self) -> Tensor:
        """A of audio and of the visual modality, (2, E, N)."""
        shared = -self.A_log_shared.float().exp()
        return torch.lerp(super().forward(), shared, self.sharing().float().unsqueeze(2))


class DirectedScan(SelectiveProjections):
    """A selective scan from the first step to the last, with projections and a skip of its own; A is handed in."""

    def __init__(self, channels: int, d_state: int) -> None:
        super().__init__(channels, d_state, math.ceil(channels / 16))
        self.D = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor, A: Tensor) -> Tensor:
        """Scan x (B, T, E) with A (E, N); the result has the shape of x (Eq. 4)."""
        delta, B, C = self.project(x)
        return selective_scan(x, delta, A, B, C, self.D, None, self.dt_proj.bias, delta_softplus=True)


class DynamicScan(nn.Module):
    """A scan that begins at the segment with the best score, goes round, and ends just before it.

    Where a roll begins has no derivative. So that the scores learn all the same, the result is multiplied with
    p_k / p_k.detach(), which is 1: p = softmax over the segments, k the top one.
    """

    def __init__(self, channels: int, d_state: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, 1, bias=False)  # the softmax would cancel a bias
        self.scan = DirectedScan(channels, d_state)
        self.A_log = nn.Parameter(initial_A_log(channels, d_state))

    def rate(self, x: Tensor) -> Tensor:
        """start_prob (B, T) of x (B, T, E); at least float32."""
        scores = self.score(x).squeeze(2)
        return scores.to(torch.promote_types(scores.dtype, torch.float32)).softmax(dim=1)

    def scan_from(self, x: Tensor, start: Tensor) -> Tensor:
        """Roll x (B, T, E) to begin at start (B,), scan, roll back."""
        scanned = self.scan(roll_to(x, start), -self.A_log.float().exp())
        return roll_to(scanned, -start)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scan of x (B, T, E), in the order of x, and start_prob (B, T)."""
        start_prob = self.rate(x)
        top, start = start_prob.max(dim=1)
        weight = (top / top.detach()).to(x.dtype)
        return self.scan_from(x, start) * weight[:, None, None], start_prob


class MixedDynamicScan(DynamicScan):
    """The expectation over where to begin: all T rolls are scanned and weighted with p. Exact gradients, T times the work."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted scans of x (B, T, E), in the order of x, and start_prob (B, T)."""
        start_prob = self.rate(x)
        videos, segments, _ = x.shape
        starts = torch.arange(segments, device=x.device).repeat_interleave(videos)
        scanned = self.scan_from(x.repeat(segments, 1, 1), starts).unflatten(0, (segments, videos))
        return torch.einsum("kbte,bk->bte", scanned, start_prob.to(scanned.dtype)), start_prob


TRANSITIONS: dict[str, type[OwnTransition]] = {"shared": SharedTransition, "own": OwnTransition}
DYNAMIC_SCANS: dict[str, type[DynamicScan]] = {"top": DynamicScan, "mixture": MixedDynamicScan}


class ModalityScans(nn.Module):
    """The four branches of one modality, between a projection into E channels and one back.

    The convolution is causal and comes first, once for all three scans.
    """

    def __init__(self, hidden: int, channels: int, d_state: int, d_conv: int, dynamic_scan: type[DynamicScan]) -> None:
        super().__init__()
        self.in_proj = nn.Linear(hidden, 2 * channels, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, d_conv, groups=channels, padding=d_conv - 1)
        self.forward_scan = DirectedScan(channels, d_state)
        self.backward_scan = DirectedScan(channels, d_state)
        self.dynamic_scan = dynamic_scan(channels, d_state)
        self.out_proj = nn.Linear(channels, hidden, bias=False)

    def forward(self, stream: Tensor, A_forward: Tensor, A_backward: Tensor) -> tuple[Tensor, Tensor]:
        """The stream (B, T, H) with what its scans found added, and start_prob (B, T)."""
        x, z = self.in_proj(stream).chunk(2, dim=2)
        x = functional.silu(causal_conv(x, self.conv1d.weight, self.conv1d.bias))
        dynamic, start_prob = self.dynamic_scan(x)
        backward = self.backward_scan(x.flip(1), A_backward).flip(1)
        scanned = self.forward_scan(x, A_forward) + backward + dynamic
        return stream + self.out_proj(scanned * functional.silu(z)), start_prob


class AdaptiveMambaFusion(nn.Module):
    """AMF: scans of both modalities whose forward A, and likewise backward A, is partly shared.

    Args:
        hidden: H.
        channels: E.
        d_state: N.
        d_conv: taps of the convolution.
        transition: `SharedTransition`, or `OwnTransition` to share nothing.
        dynamic_scan: `DynamicScan`, or `MixedDynamicScan` for the expectation over all starts. Its A is never shared.
    """

    def __init__(
        self,
        hidden: int,
        channels: int,
        d_state: int = 16,
        d_conv: int = 4,
        transition: type[OwnTransition] = SharedTransition,
        dynamic_scan: type[DynamicScan] = DynamicScan,
    ) -> None:
        super().__init__()
        self.forward_transition = transition(channels, d_state)
        self.backward_transition = transition(channels, d_state)
        self.audio_scans = ModalityScans(hidden, channels, d_state, d_conv, dynamic_scan)
        self.visual_scans = ModalityScans(hidden, channels, d_state, d_conv, dynamic_scan)

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Shown]:
        """Both streams (B, T, H) after their scans, and what a figure may show.

        start_prob  (B, T, 2)   argmax over T is where the dynamic scan of a modality began
        sharing     (2, 2, E)   forward and backward scan, modality, channel; no batch axis
        """
        A_forward, A_backward = self.forward_transition(), self.backward_transition()
        audio, audio_start = self.audio_scans(audio, A_forward[0], A_backward[0])
        visual, visual_start = self.visual_scans(visual, A_forward[1], A_backward[1])
        sharing = torch.stack([self.forward_transition.sharing(), self.backward_transition.sharing()])
        return audio, visual, {"start_prob": torch.stack([audio_start, visual_start], dim=2), "sharing": sharing}


class ModalityMixers(nn.Module):
    """Table 5 in the place of AMF: one layer for each modality."""

    def __init__(self, audio: nn.Module, visual: nn.Module) -> None:
        super().__init__()
        self.audio = audio
        self.visual = visual

    def forward(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, Tensor, Shown]:
        """Both streams (B, T, H), each mixed over time."""
        return self.audio(audio), self.visual(visual), {}


class CrossGatedMix(nn.Module):
    """f_mix: each stream passes through a gate that the other one sets; both are joined."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.gate_by_visual = nn.Linear(hidden, hidden)
        self.gate_by_audio = nn.Linear(hidden, hidden)
        self.join = nn.Linear(2 * hidden, hidden)

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """(B, T, H) of two streams (B, T, H)."""
        gated_audio = audio * self.gate_by_visual(visual).sigmoid()
        gated_visual = visual * self.gate_by_audio(audio).sigmoid()
        return self.join(torch.cat([gated_audio, gated_visual], dim=2))


class NoMix(nn.Module):
    """The place of f_mix where there is none."""

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Zeros (B, T, H)."""
        return torch.zeros_like(audio)


class MambaFeatureEnhancement(nn.Module):
    """MFE: e = sigma(Linear Mamba(pool f_a * pool f_v + pool f_mix)); each stream becomes f + f e.

    Args:
        hidden: H.
        pooling: r, neighbouring channels that are averaged; divides H.
        mixer: runs over (B, T, H / r).
    """

    def __init__(self, hidden: int, pooling: int, mixer: nn.Module) -> None:
        super().__init__()
        self.pooling = pooling
        self.mixer = mixer
        self.expand = nn.Linear(hidden // pooling, hidden)

    def pool(self, stream: Tensor) -> Tensor:
        """(B, T, H) to (B, T, H / r)."""
        return stream.unflatten(2, (-1, self.pooling)).mean(3)

    def forward(self, audio: Tensor, visual: Tensor, mix: Tensor) -> tuple[Tensor, Tensor, Shown]:
        """Both streams (B, T, H), enhanced; enhancement e (B, T, H)."""
        alike = self.pool(audio) * self.pool(visual) + self.pool(mix)
        enhancement = self.expand(self.mixer(alike)).sigmoid()
        return audio + audio * enhancement, visual + visual * enhancement, {"enhancement": enhancement}
