"""The recurrence of a selective state space model in chunks, with its gradient written out. Use it through `ssm`.

Over L steps, E channels and N states per channel, with h_0 = 0 and the input already scaled, drive = delta * u:

    h_t[n, e] = exp(delta_t[e] A[n, e]) h_{t-1}[n, e] + B_t[n] drive_t[e]
    y_t[e]    = sum_n C_t[n] h_t[n, e]

Everything of size N x E per step is built for a few videos and a few steps at a time, small enough for a processor's
cache, and thrown away: kept for the backward pass is the state before every chunk, which rebuilds the rest. So time and
memory grow linearly with L, and memory by N / chunk of the size of the input. Steps are taken one after the other inside
a chunk, each one a single multiply-add over all videos, states and channels; nothing is ever divided by a product of
decays, so decays that underflow to zero are harmless.

Here A is (N, E), states before channels, so that the long axis is the contiguous one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

CHUNK = 16
"""Steps expanded at a time. The states kept for the backward pass are then as large as the input if N is 16."""

BLOCK_ELEMENTS = {"cpu": 2**18, "cuda": 2**25}
"""Numbers in one expanded block: per thread what a core's cache holds ("cpu"), what keeps a GPU busy ("cuda", and any
other device)."""


def time_chunks(length: int, chunk: int) -> list[slice]:
    """Consecutive slices of at most `chunk` steps."""
    return [slice(start, min(start + chunk, length)) for start in range(0, length, chunk)]


def row_blocks(batch: int, elements_per_row: int, device: torch.device) -> Iterator[slice]:
    """Slices of the batch whose expansion, `elements_per_row` numbers each, fits into a block; at least one row."""
    budget = BLOCK_ELEMENTS["cpu"] * torch.get_num_threads() if device.type == "cpu" else BLOCK_ELEMENTS["cuda"]
    rows = max(1, budget // elements_per_row)
    return (slice(start, min(start + rows, batch)) for start in range(0, batch, rows))


def run_chunk(drive: Tensor, delta: Tensor, B: Tensor, A: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Decays (T, rows, N, E) and states (T + 1, rows, N, E) of T steps that start from the state `before` (rows, N, E).

    drive and delta are (T, rows, E), B is (T, rows, N). states[0] is `before`; states[t + 1] follows step t.
    """
    decay = torch.mul(delta.unsqueeze(2), A).exp_()
    states = decay.new_empty(len(decay) + 1, *before.shape)
    states[0] = before
    torch.mul(B.unsqueeze(3), drive.unsqueeze(2), out=states[1:])
    previous, *following = states.unbind()
    for step, state in zip(decay.unbind(), following, strict=True):
        previous = state.addcmul_(step, previous)
    return decay, states


def over_states(weights: Tensor, states: Tensor) -> Tensor:
    """sum_n weights[n] states[n, e]: (T, rows, N) and (T, rows, N, E) to (T, rows, E)."""
    return torch.matmul(weights.unsqueeze(2), states).squeeze(2)


def over_channels(weights: Tensor, states: Tensor) -> Tensor:
    """sum_e weights[e] states[n, e]: (T, rows, E) and (T, rows, N, E) to (T, rows, N)."""
    return torch.matmul(weights.unsqueeze(2), states.transpose(2, 3)).squeeze(2)


class ChunkedScan(torch.autograd.Function):
    """y (batch, L, E) from drive, delta (batch, L, E), A (N, E), B, C (batch, L, N) and the chunk size; all one dtype.

    Not differentiable twice.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, drive: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, chunk: int) -> Tensor:
        """Run the recurrence; remember the state before every chunk."""
        batch, length, _ = drive.shape
        chunk = min(chunk, length)
        chunks = time_chunks(length, chunk)
        starts = drive.new_zeros(len(chunks), batch, *A.shape)
        y = torch.empty_like(drive, memory_format=torch.contiguous_format)
        for rows in row_blocks(batch, chunk * A.numel(), drive.device):
            state = starts[0, rows]
            for steps, before in zip(chunks, starts[:, rows].unbind(), strict=True):
                before.copy_(state)
                *inputs, output_matrix = (tensor[rows, steps].transpose(0, 1) for tensor in (drive, delta, B, C))
                _, states = run_chunk(*inputs, A, before)
                y[rows, steps] = over_states(output_matrix, states[1:]).transpose(0, 1)
                state = states[-1]
        ctx.save_for_backward(drive, delta, A, B, C, starts)
        ctx.chunk = chunk
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Go through the chunks from the last to the first, rebuilding the states of each."""
        drive, delta, A, B, C, starts = ctx.saved_tensors
        d_drive, d_delta, dB, dC = (torch.empty_like(tensor) for tensor in (drive, delta, B, C))
        dA = torch.zeros_like(A)
        batch, length, _ = drive.shape
        chunks = time_chunks(length, ctx.chunk)
        with torch.autocast(drive.device.type, enabled=False):
            for rows in row_blocks(batch, ctx.chunk * A.numel(), drive.device):
                later = torch.zeros_like(starts[0, rows])
                for steps, before in zip(reversed(chunks), reversed(starts[:, rows].unbind()), strict=True):
                    inputs = [tensor[rows, steps].transpose(0, 1) for tensor in (drive, delta, B, C, dy)]
                    grads, dA_chunk, later = chunk_gradients(*inputs, A, before, later)
                    for whole, part in zip((d_drive, d_delta, dB, dC), grads, strict=True):
                        whole[rows, steps] = part.transpose(0, 1)
                    dA += dA_chunk
        return d_drive, d_delta, dA, dB, dC, None


def chunk_gradients(
    drive: Tensor, delta: Tensor, B: Tensor, C: Tensor, dy: Tensor, A: Tensor, before: Tensor, later: Tensor
) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor], Tensor, Tensor]:
    """Gradients of drive, delta, B and C (T, rows, ..), of A, and of the state `before` the chunk.

    `later` (rows, N, E) is the gradient that reaches the chunk's last state from the steps after it. With g_t the
    gradient of h_t, g_t = C_t dy_t + exp(delta_{t+1} A) g_{t+1}, and the exponent delta_t A receives g_t h_{t-1} times
    the decay.
    """
    decay, states = run_chunk(drive, delta, B, A, before)
    gradient = torch.mul(C.unsqueeze(3), dy.unsqueeze(2))
    following, *others = reversed(gradient.unbind())
    following.add_(later)
    for step, state in zip(reversed(decay[1:].unbind()), others, strict=True):
        following = state.addcmul_(step, following)
    later = decay[0] * gradient[0]
    d_drive = over_states(B, gradient)
    dB, dC = over_channels(drive, gradient), over_channels(dy, states[1:])
    exponent = decay.mul_(states[:-1]).mul_(gradient)
    d_delta = torch.mul(exponent, A, out=gradient).sum(2)
    dA = exponent.mul_(delta.unsqueeze(2)).sum((0, 1))
    return (d_drive, d_delta, dB, dC), dA, later
