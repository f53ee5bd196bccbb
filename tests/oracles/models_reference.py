"""Slow references for the parsing models: attention one query at a time, and the front end in published order."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def attention(query: np.ndarray, other: np.ndarray, weights: dict[str, np.ndarray], heads: int) -> np.ndarray:
    """Scaled dot-product attention of `query` (T, H) into `other` (T', H), one head and one query row at a time."""
    hidden = query.shape[1]
    size = hidden // heads
    projected = [
        stream @ weights["in_proj_weight"][i * hidden : (i + 1) * hidden].T
        + weights["in_proj_bias"][i * hidden : (i + 1) * hidden]
        for i, stream in enumerate((query, other, other))
    ]
    gathered = np.zeros_like(query)
    for head in range(heads):
        q, k, v = (stream[:, head * size : (head + 1) * size] for stream in projected)
        for row in range(len(query)):
            scores = np.array([q[row] @ key for key in k]) / np.sqrt(size)
            shares = np.exp(scores - scores.max())
            gathered[row, head * size : (head + 1) * size] = (shares / shares.sum()) @ v
    return gathered @ weights["out_proj.weight"].T + weights["out_proj.bias"]


def layer_norm(stream: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = stream - stream.mean(1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5) * weight + bias


def hybrid_layer(
    query: np.ndarray, other: np.ndarray, state: dict[str, np.ndarray], heads: int, norm: str
) -> np.ndarray:
    """One hybrid attention layer in eval mode on one video: query (T, H), other (T', H), `norm` "post" or "pre"."""
    own, cross = (
        {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
        for name in ("self_attn", "cm_attn")
    )

    def norm1(stream: np.ndarray) -> np.ndarray:
        return layer_norm(stream, state["norm1.weight"], state["norm1.bias"])

    def norm2(stream: np.ndarray) -> np.ndarray:
        return layer_norm(stream, state["norm2.weight"], state["norm2.bias"])

    def transform(stream: np.ndarray) -> np.ndarray:
        inner = np.maximum(stream @ state["linear1.weight"].T + state["linear1.bias"], 0)
        return inner @ state["linear2.weight"].T + state["linear2.bias"]

    if norm == "post":
        attended = norm1(query + attention(query, query, own, heads) + attention(query, other, cross, heads))
        return norm2(attended + transform(attended))
    q = norm1(query)
    attended = query + attention(q, q, own, heads) + attention(q, other, cross, heads)
    return attended + transform(norm2(attended))


def clap_tokens_to_segments(tokens: Tensor) -> Tensor:
    """The published route from CLAP tokens (B, 64, D) to segments (B, 10, D): stretch, average bands, pool columns."""
    bands = tokens.transpose(1, 2).unflatten(2, (2, 32))
    stretched = functional.interpolate(bands, size=(2, 1024), mode="bicubic", align_corners=False)
    return functional.adaptive_avg_pool1d(stretched.mean(2), 10).transpose(1, 2)


def embed_in_published_order(
    model: torch.nn.Module, audio: Tensor, visual_2d: Tensor, visual_3d: Tensor
) -> tuple[Tensor, Tensor]:
    """Project every column and frame first and average afterwards; audio (B, T, D) or a CLAP map (B, 64, D)."""
    if audio.shape[1] == 64:
        bands = audio.transpose(1, 2).unflatten(2, (2, 32))
        stretched = functional.interpolate(bands, size=(2, 1024), mode="bicubic", align_corners=False)
        projected = model.fc_a(stretched.permute(0, 2, 3, 1)).mean(1)
        audio_stream = functional.adaptive_avg_pool1d(projected.transpose(1, 2), 10).transpose(1, 2)
    else:
        audio_stream = model.fc_a(audio)
    segments = audio_stream.shape[1]
    frames = torch.stack([part.mean(1) for part in model.fc_v(visual_2d).chunk(segments, dim=1)], dim=1)
    return audio_stream, model.fc_fusion(torch.cat([frames, model.fc_st(visual_3d)], dim=-1))
