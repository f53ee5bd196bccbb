"""The four operations in which MM-CSE spends its time, with forward and backward by hand for the CPU in float32.

MM-CSE has 25 features per segment and modality: 32,000 vectors in a batch of 64 videos, and 51 million attention weights
in four layers. On a CPU the time goes into matrix products and, as much again, into memory: every intermediate result
that torch's autograd keeps is written to fresh pages and read back. Here

    linear         is oneDNN's product, more than twice as fast as torch's default on some processors
    feed_forward   goes through the rows in blocks that fit the cache and keeps one tensor of its hidden layer; where
                   that is zero, the ReLU or the dropout has cut, so it is the mask of both
    attend         goes through the segments in blocks; queries, keys and values are not copied apart by head beforehand
    cosine         keeps its inputs and what it returns, no normalised copies

On any other device, in another precision and under autocast the same functions are plain torch operations; tests hold the
two to the same numbers. Gradients of gradients are not available on the CPU path.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

ROWS = 4096
"""Rows of a feed-forward block: its hidden layer of 512 channels is 8 MiB."""

SEGMENTS = 128
"""Segments of an attention block: 25 x 25 weights in eight heads are 2.5 MiB."""

_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def by_hand(tensor: Tensor) -> bool:
    """Whether the implementations of this module apply: float32 on the CPU, without autocast, with oneDNN in torch."""
    cpu = tensor.device.type == "cpu" and tensor.dtype == torch.float32
    return cpu and _ONEDNN and not torch.is_autocast_enabled("cpu")


def _dense(matrix: Tensor) -> Tensor:
    """The matrix, copied if it is a part of a wider one: for those oneDNN has a reference loop, a thousand times slower."""
    rows, columns = matrix.shape
    return matrix if matrix.stride() in ((columns, 1), (1, rows)) else matrix.contiguous()


def product(rows: Tensor, weight: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
    """rows (N, in) @ weight (out, in)^T + bias, then "none" or "relu"; oneDNN in float32."""
    return torch.ops.mkldnn._linear_pointwise(_dense(rows), _dense(weight), bias, then, [], "")


def weight_gradient(gradient: Tensor, rows: Tensor) -> Tensor:
    """gradient (N, out)^T @ rows (N, in); of the two equal products the one that is faster."""
    if gradient.shape[1] > rows.shape[1]:
        return product(rows.T, gradient.T).T
    return product(gradient.T, rows.T)


def drop(values: Tensor, dropout: float) -> Tensor:
    """The values with zeros where dropout strikes, not scaled up. Sixteen random bits decide: the rate is met to 1 / 65536."""
    bits = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    drawn = bits[: values.numel()].view(values.shape).float()
    # Used as a selection (values where drawn exceeds a bound, else 0): several times faster than torch.where.
    return torch.ops.aten.threshold_backward(values, drawn, round(dropout * 65536) - 32768 - 0.5)


class _Linear(Function):
    @staticmethod
    def forward(ctx, rows: Tensor, weight: Tensor, bias: Tensor | None, then: str) -> Tensor:
        outputs = product(rows, weight, bias, then)
        ctx.save_for_backward(rows, weight, outputs if then == "relu" else None)
        ctx.biased = bias is not None
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        rows, weight, rectified = ctx.saved_tensors
        gradient = gradient.contiguous()
        if rectified is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, rectified, 0)
        to_rows = product(gradient, weight.T) if ctx.needs_input_grad[0] else None
        return to_rows, weight_gradient(gradient, rows), gradient.sum(0) if ctx.biased else None, None


def linear(features: Tensor, weight: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
    """features (.., in) @ weight (out, in)^T + bias (out), then "none" or "relu"; (.., out)."""
    if by_hand(features):
        rows = features.reshape(-1, features.shape[-1])
        return _Linear.apply(rows, weight, bias, then).view(*features.shape[:-1], -1)
    outputs = functional.linear(features, weight, bias)
    return outputs.relu() if then == "relu" else outputs


class _FeedForward(Function):
    @staticmethod
    def forward(ctx, rows, weight1, bias1, weight2, bias2, dropout: float) -> Tensor:
        scaled2 = weight2 / (1 - dropout)
        outputs, hiddens = torch.empty(len(rows), len(weight2)), []
        for block, output in zip(rows.split(ROWS), outputs.split(ROWS), strict=True):
            hidden = product(block, weight1, bias1, "relu")
            if dropout:
                hidden = drop(hidden, dropout)
            output.copy_(product(hidden, scaled2, bias2))
            hiddens.append(hidden)
        ctx.save_for_backward(rows, weight1, scaled2, *hiddens)
        ctx.dropout = dropout
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        rows, weight1, scaled2, *hiddens = ctx.saved_tensors
        gradient, to_rows = gradient.contiguous(), torch.empty_like(rows)
        to_weight1, to_weight2 = torch.zeros_like(weight1), torch.zeros_like(scaled2)
        to_bias1 = torch.zeros(len(weight1))
        blocks = zip(gradient.split(ROWS), rows.split(ROWS), to_rows.split(ROWS), hiddens, strict=True)
        for block, row, to_row, hidden in blocks:
            to_hidden = torch.ops.aten.threshold_backward(product(block, scaled2.T), hidden, 0)
            to_weight2 += weight_gradient(block, hidden)
            to_weight1 += weight_gradient(to_hidden, row)
            to_bias1 += to_hidden.sum(0)
            to_row.copy_(product(to_hidden, weight1.T))
        return to_rows, to_weight1, to_bias1, to_weight2 / (1 - ctx.dropout), gradient.sum(0), None


def feed_forward(features: Tensor, linear1: nn.Linear, linear2: nn.Linear, dropout: float) -> Tensor:
    """linear2(dropout(ReLU(linear1(features)))), (.., D) -> (.., D)."""
    if not by_hand(features):
        return linear2(functional.dropout(functional.relu(linear1(features)), dropout))
    parameters = linear1.weight, linear1.bias, linear2.weight, linear2.bias
    return _FeedForward.apply(features.reshape(-1, features.shape[-1]), *parameters, dropout).view_as(features)


def _by_head(block: Tensor, heads: int) -> Tensor:
    """(S, K, heads * d) -> (heads, S, K, d), a view: a matrix product reads rows that lie apart, so nothing is copied."""
    return block.unflatten(-1, (heads, -1)).permute(2, 0, 1, 3)


def _products(left: Tensor, right: Tensor, scale: float = 1.0) -> Tensor:
    """scale * left @ right, (heads, S, i, j) @ (heads, S, j, k), one head at a time."""
    products = left.new_empty(*left.shape[:3], right.shape[-1])
    for ours, theirs, result in zip(left, right, products, strict=True):
        torch.baddbmm(result, ours, theirs, beta=0, alpha=scale, out=result)
    return products


class _Attention(Function):
    @staticmethod
    def forward(ctx, query, key_value, heads: int, dropout: float, keep_map: bool):
        segments, classes, width = query.shape
        outputs, saved = torch.empty_like(query), []
        maps = query.new_empty(segments, classes, classes) if keep_map else None
        for start in range(0, segments, SEGMENTS):
            part = slice(start, start + SEGMENTS)
            key, value = (_by_head(half, heads) for half in key_value[part].split(width, dim=-1))
            scale = (width // heads) ** -0.5
            weights = _products(_by_head(query[part], heads), key.transpose(-1, -2), scale).softmax(dim=-1)
            kept = drop(weights, dropout) if dropout else weights
            _by_head(outputs[part], heads).copy_(_products(kept, value, 1 / (1 - dropout)))
            if keep_map:
                maps[part] = kept.mean(dim=0) / (1 - dropout)
            saved += [weights, kept]
        ctx.save_for_backward(query, key_value, *saved)
        ctx.settings = heads, dropout
        return outputs, maps

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor, map_gradient: Tensor | None):
        query, key_value, *saved = ctx.saved_tensors
        heads, dropout = ctx.settings
        width, gradient = query.shape[-1], gradient.contiguous()
        scale, share = (width // heads) ** -0.5, 1 / (1 - dropout)
        to_query, to_key_value = torch.empty_like(query), torch.empty_like(key_value)
        for i, start in enumerate(range(0, len(query), SEGMENTS)):
            part = slice(start, start + SEGMENTS)
            weights, kept = saved[2 * i : 2 * i + 2]
            key, value = (_by_head(half, heads) for half in key_value[part].split(width, dim=-1))
            to_key, to_value = (_by_head(half, heads) for half in to_key_value[part].split(width, dim=-1))
            arriving = _by_head(gradient[part], heads)
            to_weights = _products(arriving, value.transpose(-1, -2), share)
            if map_gradient is not None:
                to_weights += map_gradient[part] * (share / heads)
            to_weights = torch.ops.aten.threshold_backward(
                to_weights, kept, 0
            )  # nothing comes back through the dropped
            to_scores = torch.ops.aten._softmax_backward_data(to_weights, weights, -1, weights.dtype)
            to_value.copy_(_products(kept.transpose(-1, -2), arriving, share))
            to_key.copy_(_products(to_scores.transpose(-1, -2), _by_head(query[part], heads), scale))
            _by_head(to_query[part], heads).copy_(_products(to_scores, key, scale))
        return to_query, to_key_value, None, None, None


def attend(
    query: Tensor, key_value: Tensor, heads: int, dropout: float, keep_map: bool
) -> tuple[Tensor, Tensor | None]:
    """Multi-head attention over the classes of a segment, after the projections.

    query (.., K, D) and key_value (.., K, 2 D) -> what each class gathers (.., K, D), and if `keep_map` the weights as
    they were used, after dropout, averaged over the heads (.., K, K).
    """
    if by_hand(query):
        flat = query.flatten(0, -3), key_value.flatten(0, -3)
        gathered, maps = _Attention.apply(*flat, heads, dropout, keep_map)
        return gathered.view_as(query), None if maps is None else maps.unflatten(0, query.shape[:-2])
    split = [x.unflatten(-1, (heads, -1)).transpose(-2, -3) for x in (query, *key_value.chunk(2, dim=-1))]
    if not keep_map:
        gathered = functional.scaled_dot_product_attention(*split, dropout_p=dropout)
        return gathered.transpose(-2, -3).flatten(-2), None
    scores = split[0] @ split[1].transpose(-1, -2) / split[0].shape[-1] ** 0.5
    weights = functional.dropout(scores.softmax(dim=-1), dropout)
    return (weights @ split[2]).transpose(-2, -3).flatten(-2), weights.mean(dim=-3)


SMALLEST_NORM = 1e-8
"""A shorter vector counts as this long, as in torch's own cosine similarity."""


class _Cosine(Function):
    @staticmethod
    def forward(ctx, local: Tensor, video: Tensor) -> Tensor:
        local_norm = torch.linalg.vector_norm(local, dim=-1, keepdim=True).clamp_min_(SMALLEST_NORM)
        video_norm = torch.linalg.vector_norm(video, dim=-1, keepdim=True).clamp_min_(SMALLEST_NORM)
        similarity = (local * video).sum(dim=-1, keepdim=True).div_(local_norm).div_(video_norm)
        ctx.save_for_backward(local, video, local_norm, video_norm, similarity)
        return similarity

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        local, video, local_norm, video_norm, similarity = ctx.saved_tensors
        shared = gradient / (local_norm * video_norm)
        own = gradient * similarity
        to_local = (shared * video).addcmul_(local, -own / local_norm.square())
        to_video = (shared * local).sum(dim=2, keepdim=True)
        to_video.addcmul_(video, own.sum(dim=2, keepdim=True) / -video_norm.square())
        return to_local, to_video


def cosine(local: Tensor, video: Tensor) -> Tensor:
    """Cosine similarity of (2, B, T, K, D) and (2, B, 1, K, D) over the channels; (2, B, T, K, 1)."""
    if by_hand(local):
        return _Cosine.apply(local, video)
    return functional.cosine_similarity(local, video, dim=-1, eps=SMALLEST_NORM).unsqueeze(-1)
