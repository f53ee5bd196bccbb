"""Selective state spaces: the scan at the heart of Mamba, and the Mamba block, in plain PyTorch.

    Albert Gu, Tri Dao. Mamba: Linear-Time Sequence Modeling with Selective State Spaces. COLM 2024. arXiv:2312.00752.
    Parameters and state dict are those of github.com/state-spaces/mamba (Mamba-1); no CUDA is needed to run them.

Glossary (Section 3 of the paper)
    L, D        steps of a sequence (segments, frames), channels of the block's input
    E           inner channels, expand * D; every one has its own state space
    N           states per channel (d_state)
    R           rank of the step size's projection (dt_rank)
    K           taps of the causal convolution (d_conv)
    delta       (batch, L, E)  step size: how far the state moves at this step
    A           (E, N)         state transition, negative: how fast a state forgets; independent of the input
    B, C        (batch, L, N)  input and output matrices, read off the input at every step ("selective") and shared by
                               all channels
    D           (E)            skip connection past the state

Mamba is written with an Euler step for B, as published weights need; "zoh" is the exact discretisation of the paper's
Equation 4, for comparison. On a GPU the fused kernel of mamba-ssm runs if it is installed; `scan_path` tells.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.scan import CHUNK, ChunkedScan

DISCRETISATIONS = ("euler", "zoh")
DT_FLOOR = 1e-4
"""Smallest step size that `initial_delta_bias` sets."""


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    discretisation: str = "euler",
    chunk_size: int = CHUNK,
) -> Tensor:
    """Drive one state space per channel along a sequence (Algorithm 2 of the paper, line 6).

    h_t = exp(delta_t A) h_{t-1} + Bbar_t u_t with h_0 = 0;  y_t = C_t h_t + D u_t, times SiLU(z_t) if z is given.
    Bbar_t is delta_t B_t ("euler") or (exp(delta_t A) - 1) / A * B_t ("zoh"). Computed in float32 (float64 if u is)
    whatever autocast says. Gradients for every tensor, once differentiable.

    Args:
        u: input, (batch, L, E), L from 1 up; the result has its shape and dtype.
        delta: step sizes, (batch, L, E); before bias and softplus if these are asked for.
        A: state transition, (E, N); negative, or the state grows.
        B, C: input and output matrices, (batch, L, N).
        D: skip connection, (E,).
        z: gate, (batch, L, E).
        delta_bias: added to delta, (E,).
        delta_softplus: pass delta (with its bias) through softplus, which makes it positive.
        discretisation: "zoh" is for study: a loop over the steps that keeps every state for the backward pass.
        chunk_size: steps expanded at a time by the PyTorch path; changes speed and memory, not the result.

    Raises:
        ValueError: shapes that do not fit, an unknown discretisation, or a chunk size below 1.
    """
    check_scan(u, delta, A, B, C, {"D": D, "delta_bias": delta_bias}, z)
    if discretisation not in DISCRETISATIONS:
        raise ValueError(f"discretisation {discretisation!r} is unknown; known: {', '.join(DISCRETISATIONS)}")
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, not {chunk_size}")
    working = torch.promote_types(u.dtype, torch.float32)
    with torch.autocast(u.device.type, enabled=False):
        tensors = [None if tensor is None else tensor.to(working) for tensor in (u, delta, A, B, C, D, z, delta_bias)]
        if u.is_cuda and working == torch.float32 and discretisation == "euler" and cuda_kernel()[0]:
            return fused_scan(*tensors, delta_softplus).to(u.dtype)
        return torch_scan(*tensors, delta_softplus, discretisation, chunk_size).to(u.dtype)


def torch_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
    discretisation: str,
    chunk_size: int,
) -> Tensor:
    """`selective_scan` on tensors of one dtype, in PyTorch."""
    if delta_bias is not None:
        delta = delta + delta_bias
    if delta_softplus:
        delta = functional.softplus(delta)
    if discretisation == "zoh":
        y = zero_order_hold(u, delta, A, B, C)
    else:
        y = ChunkedScan.apply(delta * u, delta, A.t().contiguous(), B, C, chunk_size)
    if D is not None:
        y = torch.addcmul(y, u, D)
    return y if z is None else y * functional.silu(z)


def zero_order_hold(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """The recurrence with B discretised exactly (Equation 4), step by step; A must not be zero."""
    state = u.new_zeros(len(u), *A.shape)
    outputs = []
    for u_t, delta_t, B_t, C_t in zip(*(tensor.unbind(1) for tensor in (u, delta, B, C)), strict=True):
        exponent = delta_t.unsqueeze(2) * A
        held = torch.expm1(exponent) / A * B_t.unsqueeze(1)
        state = exponent.exp() * state + held * u_t.unsqueeze(2)
        outputs.append((state * C_t.unsqueeze(1)).sum(2))
    return torch.stack(outputs, dim=1)


def check_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, vectors: dict[str, Tensor | None], z: Tensor | None
) -> None:
    """ValueError that names the first tensor whose shape does not fit u (batch, L, E) and A (E, N)."""
    if u.dim() != 3 or not u.numel():
        raise ValueError(f"u has shape {tuple(u.shape)}; the scan expects (batch, L, E) with at least one step")
    batch, length, channels = u.shape
    if A.dim() != 2 or len(A) != channels:
        raise ValueError(f"A has shape {tuple(A.shape)}; u has {channels} channels, so A must be ({channels}, N)")
    matrix = (batch, length, A.shape[1])
    expected = {"delta": (delta, u.shape), "B": (B, matrix), "C": (C, matrix), "z": (z, u.shape)}
    expected |= {name: (vector, (channels,)) for name, vector in vectors.items()}
    for name, (tensor, shape) in expected.items():
        if tensor is not None and tensor.shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; the scan expects {tuple(shape)}")


@functools.cache
def cuda_kernel() -> tuple[Callable[..., Tensor] | None, str]:
    """The fused scan of mamba-ssm, or None, and in words why. Imported when first asked for, never required.

    Some releases import without their compiled extension and fail when called, so the extension is imported as well.
    """
    try:
        import selective_scan_cuda  # noqa: F401
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except Exception as error:  # a build for another PyTorch or CUDA fails in many ways; none may stop a model
        return None, f"mamba-ssm cannot be imported ({type(error).__name__}: {error})"
    return selective_scan_fn, "mamba-ssm is installed"


def scan_path(device: torch.device | str | None = None) -> str:
    """Which implementation `selective_scan` takes on `device` (default: a GPU if there is one), and why.

    "mamba-ssm CUDA kernel: ..." or "pure PyTorch: ...". float64 and discretisation="zoh" are pure PyTorch everywhere.
    """
    if device is None and not torch.cuda.is_available():
        return "pure PyTorch: no CUDA device is available"
    kind = torch.device(device or "cuda").type
    if kind != "cuda":
        return f"pure PyTorch: the kernel of mamba-ssm runs on CUDA devices only, not on {kind}"
    kernel, reason = cuda_kernel()
    return f"{'mamba-ssm CUDA kernel' if kernel else 'pure PyTorch'}: {reason}"


def fused_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    delta_bias: Tensor | None,
    delta_softplus: bool,
) -> Tensor:
    """`selective_scan` by the kernel of mamba-ssm, which wants time last."""
    kernel, _ = cuda_kernel()
    u, delta, B, C = (tensor.transpose(1, 2) for tensor in (u, delta, B, C))
    gate = None if z is None else z.transpose(1, 2)
    return kernel(u, delta, A, B, C, D=D, z=gate, delta_bias=delta_bias, delta_softplus=delta_softplus).transpose(1, 2)


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Depthwise convolution that sees the current step and the K - 1 before it; zeros before the first.

    x (batch, L, E), weight (E, 1, K) as in nn.Conv1d, whose last tap is the current step, bias (E,).
    """
    padded = functional.pad(x, (0, 0, weight.shape[2] - 1, 0))
    y = bias
    for start, tap in enumerate(weight.squeeze(1).t().contiguous()):
        y = torch.addcmul(y, padded[:, start : start + x.shape[1]], tap)
    return y


def initial_A_log(channels: int, d_state: int) -> Tensor:
    """log(1..N) in every row, (E, N): A = -exp(A_log) starts as -1..-N, memories of N different lengths."""
    return torch.arange(1.0, d_state + 1).log().repeat(channels, 1)


def initial_delta_bias(channels: int, dt_min: float = 1e-3, dt_max: float = 0.1) -> Tensor:
    """Bias (E,) for which softplus gives step sizes spread log-uniformly over [dt_min, dt_max] (Section 3.6)."""
    if not 0 < dt_min <= dt_max:
        raise ValueError(f"step sizes need 0 < dt_min <= dt_max, not dt_min = {dt_min} and dt_max = {dt_max}")
    low, high = math.log(dt_min), math.log(dt_max)
    delta = (low + (high - low) * torch.rand(channels)).exp().clamp(min=DT_FLOOR)
    return delta + torch.log(-torch.expm1(-delta))


class SelectiveProjections(nn.Module):
    """Reads step sizes, input and output matrices off the input: what makes a state space selective (Section 3.2)."""

    def __init__(self, channels: int, d_state: int, dt_rank: int, dt_min: float = 1e-3, dt_max: float = 0.1) -> None:
        super().__init__()
        self.split = (dt_rank, d_state, d_state)
        self.x_proj = nn.Linear(channels, sum(self.split), bias=False)
        self.dt_proj = nn.Linear(dt_rank, channels)
        nn.init.uniform_(self.dt_proj.weight, -(dt_rank**-0.5), dt_rank**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(initial_delta_bias(channels, dt_min, dt_max))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """delta (batch, L, E), B and C (batch, L, N) of x (batch, L, E).

        delta lacks its bias: pass dt_proj.bias as delta_bias, with delta_softplus=True, to `selective_scan`.
        """
        low_rank, B, C = self.x_proj(x).split(self.split, dim=-1)
        return functional.linear(low_rank, self.dt_proj.weight), B, C


class Mamba(SelectiveProjections):
    """The Mamba block (Figure 3): project up, convolve, scan, gate, project down. No norm and no residual inside.

    State dict, in order: A_log (E, N), D (E), x_proj.weight (R + 2N, E), dt_proj.weight (E, R), dt_proj.bias (E),
    in_proj.weight (2E, D), conv1d.weight (E, 1, K), conv1d.bias (E), out_proj.weight (D, E): published Mamba-1 weights
    load with strict=True, in both directions.

    Args:
        d_model: channels of input and output.
        d_state: N.
        d_conv: K.
        expand: E / d_model.
        dt_rank: R; None is d_model / 16, rounded up.
        dt_min, dt_max: range of the step sizes at the start.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        *,
        dt_rank: int | None = None,
        dt_min: float = 1e-3,
        dt_max: float = 0.1,
    ) -> None:
        sizes = {"d_model": d_model, "d_state": d_state, "d_conv": d_conv, "expand": expand, "dt_rank": dt_rank or 1}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be a positive integer, not {size}")
        channels = expand * d_model
        super().__init__(channels, d_state, dt_rank or math.ceil(d_model / 16), dt_min, dt_max)
        self.A_log = nn.Parameter(initial_A_log(channels, d_state))
        self.D = nn.Parameter(torch.ones(channels))
        self.in_proj = nn.Linear(d_model, 2 * channels, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, d_conv, groups=channels, padding=d_conv - 1)
        self.out_proj = nn.Linear(channels, d_model, bias=False)

    def forward(self, sequence: Tensor) -> Tensor:
        """Mix a sequence (batch, L, d_model) along time, causally; the result has its shape."""
        if sequence.dim() != 3 or sequence.shape[2] != self.in_proj.in_features:
            raise ValueError(
                f"sequence has shape {tuple(sequence.shape)}; expected (batch, L, {self.in_proj.in_features})"
            )
        x, gate = self.in_proj(sequence).chunk(2, dim=-1)
        x = functional.silu(causal_conv(x, self.conv1d.weight, self.conv1d.bias))
        delta, B, C = self.project(x)
        A = -self.A_log.to(torch.promote_types(self.A_log.dtype, torch.float32)).exp()
        y = selective_scan(x, delta, A, B, C, self.D, gate, self.dt_proj.bias, delta_softplus=True)
        return self.out_proj(y)
