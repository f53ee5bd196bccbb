"""The selective scan and the Mamba block as the paper writes them: float64, one step, one channel, one state at a time."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def scan_loops(u: np.ndarray, delta: np.ndarray, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> np.ndarray:
    """y (L, E) of one sequence in four nested loops; u, delta (L, E), A (E, N), B, C (L, N); Euler step for B."""
    steps, channels = u.shape
    y = np.zeros((steps, channels))
    for e in range(channels):
        state = [0.0] * A.shape[1]
        for t in range(steps):
            for n in range(A.shape[1]):
                state[n] = np.exp(delta[t, e] * A[e, n]) * state[n] + delta[t, e] * B[t, n] * u[t, e]
                y[t, e] += C[t, n] * state[n]
    return y


def sequential_scan(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False) -> Tensor:
    """The scan of a batch, one step at a time, in the dtype of its arguments; autograd gives every gradient."""
    if delta_bias is not None:
        delta = delta + delta_bias
    if delta_softplus:
        delta = torch.log1p(torch.exp(delta))
    state = torch.zeros(u.shape[0], *A.shape, dtype=u.dtype)
    outputs = []
    for t in range(u.shape[1]):
        decay = torch.exp(delta[:, t, :, None] * A)
        state = decay * state + delta[:, t, :, None] * B[:, t, None, :] * u[:, t, :, None]
        outputs.append((C[:, t, None, :] * state).sum(-1))
    y = torch.stack(outputs, dim=1)
    if D is not None:
        y = y + D * u
    return y if z is None else y * z * torch.sigmoid(z)


def sequential_mamba(weights: dict[str, Tensor], sequence: Tensor) -> Tensor:
    """A Mamba-1 block (batch, L, D) from its state dict."""
    channels, states = weights["A_log"].shape
    steps, taps = sequence.shape[1], weights["conv1d.weight"].shape[2]
    projected = sequence @ weights["in_proj.weight"].T
    x, z = projected[..., :channels], projected[..., channels:]
    padded = functional.pad(x, (0, 0, taps - 1, 0))
    windows = torch.stack([padded[:, t : t + taps] for t in range(steps)], dim=1)
    x = torch.einsum("blke,ek->ble", windows, weights["conv1d.weight"][:, 0]) + weights["conv1d.bias"]
    x = x * torch.sigmoid(x)
    selected = x @ weights["x_proj.weight"].T
    rank = weights["dt_proj.weight"].shape[1]
    low_rank, B, C = selected[..., :rank], selected[..., rank : rank + states], selected[..., rank + states :]
    delta = low_rank @ weights["dt_proj.weight"].T
    A = -torch.exp(weights["A_log"])
    y = sequential_scan(x, delta, A, B, C, weights["D"], z, weights["dt_proj.bias"], delta_softplus=True)
    return y @ weights["out_proj.weight"].T
