"""Label migration: what is labelled as audible and visible at once is handed on to segments that sound, or look, alike.

    EAR, stage 1, Section III-B and S-VI-A.  For one modality, F (N, D) unit rows, Y (N, C) 0/1:

        S  = F Fᵀ         M = [S >= tau]       S' = S * M                                    (1)
        Y' = S' Y                                                                            (2; S-17, S-18)
        R  = M Y            how often each entry was written: its votes                      (S-19)
        Y" = Y' / R         where R > 0, else 0                                              (S-20)
        result = max(Y", Y)  every original 1 stays 1                                        (S-21)

A soft label is the mean cosine to the segments that voted, so it is 0 or lies in [tau, 1]; unlike segments never vote against.

Where the text is silent:

- A segment votes for itself, as in the equations. This changes no label: it can only vote for what it is labelled with, and that
  stays 1. It counts in `votes`, which are therefore at least 1 wherever a segment with a feature has an original label.
- A segment whose features are all zero (padding) has no direction: it neither votes nor receives, and keeps its original labels.
- Thresholds lie in [0, 1]: below 0 a segment could be given a label because it is unlike another one.

Segments without a label never vote, so similarities are taken to the labelled ones only, a tile of `block` x `block` at a time.
Beyond inputs and results, memory depends on `block` and not on N.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SCOPES = ("batch", "video", "corpus")
SMALL = 256
"""Small groups share a tile until it has so many rows: fewer cost calls, more are compared with segments of other groups in vain."""


@dataclass(frozen=True, eq=False)
class Migration:
    """Labels of one modality after migration, and where they came from; tensors on the device of the features.

    Attributes:
        labels: (N, C) float32: 1 where there was a label, else the mean similarity of those that voted, or 0.
        original: (N, C) bool, the labels before.
        votes: (N, C) int32, R of S-19: how many segments voted, the segment itself included.
        own_votes: (N, C) int32, how many of them are of the segment's own video; None if nobody said which video is whose.
    """

    labels: Tensor
    original: Tensor
    votes: Tensor
    own_votes: Tensor | None

    @property
    def migrated(self) -> Tensor:
        """(N, C) bool: entries that had no label and have one now."""
        return (self.labels > 0) & ~self.original


@torch.no_grad()
def migrate_labels(
    features: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    threshold: float,
    *,
    scope: str = "batch",
    groups: Tensor | np.ndarray | None = None,
    videos: Tensor | np.ndarray | None = None,
    block: int = 4096,
) -> Migration:
    """Hand labels on to similar segments (EAR Eq. 1-2, S-17 to S-21).

    Cosines are float32 whatever the surrounding precision, also under autocast. One within 1e-6 of the threshold may fall on either
    side. A step of training may call this: 64 videos of 30 segments are one tile.

    Args:
        features: (N, D) float, segments of one modality; need not have unit length. On this tensor's device everything is done.
        labels: (N, C) 0/1 of any dtype, audio-visual labels of the same segments.
        threshold: tau in [0, 1]; a cosine of at least this much is a match.
        scope: "batch" and "video" let labels migrate within a group only, "corpus" everywhere.
        groups: (N,) integers, the batch or the video that each segment belongs to; not for "corpus". In any order, of any size.
        videos: (N,) integers, to count the votes from a segment's own video; with scope "video" these are the groups.
        block: how many segments are compared with how many at once.

    Raises:
        ValueError: threshold or scope as above; features or labels of another shape, a feature that is not finite or a label that is
            not 0 or 1 (names the segment); groups missing or not wanted.
    """
    features, labels = _tensor(features), _tensor(labels)
    if not 0 <= threshold <= 1:  # NaN too
        raise ValueError(f"threshold is {threshold}: a cosine between 0 and 1 is needed")
    if block < 1:
        raise ValueError(f"block is {block}: at least one segment must be compared at a time")
    size = _check_segments(features, labels)
    groups = _check_groups(scope, groups, labels)
    if videos is not None:
        videos = _check_numbers("videos", videos, labels)
    elif scope == "video":
        videos = groups
    original, result = labels.bool(), labels.float()
    result = result.clone() if result is labels else result
    votes = torch.zeros(labels.shape, dtype=torch.int32, device=labels.device)
    own_votes = None if videos is None else torch.zeros_like(votes)
    directed = (size > 0).nonzero()[:, 0]
    directed = directed[groups[directed].argsort(stable=True)]
    donors = directed[original.any(1)[directed]]
    with _full_precision(features.device):
        for receivers, nearby in _tiles(groups, directed, donors, block):
            total, number, own = _count(features, size, original, receivers, nearby, (groups, videos), threshold, block)
            mean = torch.where(number > 0, (total / number.clamp(min=1)).clamp(threshold, 1.0), 0.0)
            result[receivers] = torch.maximum(result[receivers], mean)
            votes[receivers] = number
            if own_votes is not None:
                own_votes[receivers] = own
    return Migration(result, original, votes, own_votes)


def _count(
    features: Tensor,
    size: Tensor,
    labels: Tensor,
    receivers: Tensor,
    donors: Tensor,
    numbers: tuple[Tensor, Tensor | None],
    threshold: float,
    block: int,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Y', R, and R of the own video, each (receivers, C); `numbers` are the groups, which isolate, and the videos, which do not."""
    groups, videos = numbers
    shape = (len(receivers), labels.shape[1])
    total = torch.zeros(shape, device=features.device)
    votes = torch.zeros(shape, dtype=torch.int32, device=features.device)
    own = None if videos is None else torch.zeros_like(votes)
    receiving = _unit(features, size, receivers)
    alone = len(donors) == 0 or bool(groups[receivers[0]] == groups[receivers[-1]])  # sorted: one group, and its donors
    for tile in donors.split(block):
        cosine = receiving @ _unit(features, size, tile).T
        match = cosine >= threshold
        if not alone:
            match &= groups[receivers, None] == groups[tile]
        counted, given = match.float(), labels[tile].float()
        votes += (counted @ given).int()  # exact: a tile's counts are far below 2^24
        if own is not None:
            own += ((counted * (videos[receivers, None] == videos[tile])) @ given).int()
        total += cosine.mul_(counted) @ given
    return total, votes, own


def _tiles(groups: Tensor, rows: Tensor, donors: Tensor, block: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows to be done at once, with the donors of their groups; both come sorted by group. Rows without donors are left out."""
    if not len(donors):
        return
    of_row, of_donor = groups[rows], groups[donors]
    sizes = torch.unique_consecutive(of_row, return_counts=True)[1]
    spans = torch.tensor(list(_spans(sizes.tolist(), block)), device=rows.device)
    first = torch.searchsorted(of_donor, of_row[spans[:, 0]])
    last = torch.searchsorted(of_donor, of_row[spans[:, 1] - 1], right=True)
    for (start, stop), (low, high) in zip(spans.tolist(), torch.stack([first, last], 1).tolist(), strict=True):
        if high > low:
            yield rows[start:stop], donors[low:high]


def _spans(sizes: list[int], block: int) -> Iterator[tuple[int, int]]:
    """Spans of rows in groups of these sizes: several whole small groups, or a part of a single large one."""
    start = stop = 0
    for size in sizes:
        if stop > start and stop - start + size > min(SMALL, block):
            yield start, stop
            start = stop
        stop += size
        while stop - start > block:
            yield start, start + block
            start += block
    if stop > start:
        yield start, stop


def _unit(features: Tensor, size: Tensor, rows: Tensor) -> Tensor:
    """Rows of length 1; divided by their largest entry first, so that no square overflows or vanishes."""
    scaled = features[rows].float() / size[rows, None]
    return scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Matrix products in true float32: rounded to bfloat16 or TF32, a cosine is off by more than thresholds of 0.98 can bear."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def _tensor(values: Tensor | np.ndarray) -> Tensor:
    """As a tensor, without a copy where the array may be written to."""
    if isinstance(values, Tensor):
        return values.detach()
    array = np.asarray(values)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _check_segments(features: Tensor, labels: Tensor) -> Tensor:
    """The largest absolute entry of every segment's features, (N,) float32: 0 says that it has no direction."""
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(
            f"features are {_kind(features)}; (segments, D) float is needed: flatten videos with reshape(-1, D)"
        )
    if labels.ndim != 2 or len(labels) != len(features):
        raise ValueError(
            f"labels are {_kind(labels)}; with these features they must be ({len(features)}, C), a row a segment"
        )
    if labels.device != features.device:
        raise ValueError(f"features are on {features.device}, labels on {labels.device}: both must be on one device")
    if not features.shape[1]:
        raise ValueError("features have a width of 0")
    size = torch.linalg.vector_norm(features, torch.inf, dim=1).float()
    strange = ~torch.isfinite(size)
    if strange.any():
        raise ValueError(f"features of segment {int(strange.nonzero()[0, 0])} hold a NaN or an infinity")
    strange = ~((labels == 0) | (labels == 1)).all(1)
    if strange.any():
        raise ValueError(
            f"labels of segment {int(strange.nonzero()[0, 0])} are not all 0 or 1: only hard labels can migrate"
        )
    return size


def _check_groups(scope: str, groups: Tensor | np.ndarray | None, labels: Tensor) -> Tensor:
    """(N,) int64; one group if the scope is the corpus."""
    if scope not in SCOPES:
        raise ValueError(f"scope is {scope!r}; it must be one of {', '.join(SCOPES)}")
    if scope == "corpus":
        if groups is not None:
            raise ValueError(
                "scope 'corpus' takes no groups: labels migrate everywhere. Leave them out, or take 'batch' or 'video'"
            )
        return torch.zeros(len(labels), dtype=torch.int64, device=labels.device)
    if groups is None:
        raise ValueError(f"scope {scope!r} needs groups: the number of the {scope} of every segment, (N,) integers")
    return _check_numbers("groups", groups, labels)


def _check_numbers(name: str, numbers: Tensor | np.ndarray, labels: Tensor) -> Tensor:
    numbers = _tensor(numbers)
    if numbers.shape != labels.shape[:1] or numbers.is_floating_point() or numbers.is_complex():
        raise ValueError(f"{name} are {_kind(numbers)}; they must be {len(labels)} integers, one a segment")
    return numbers.to(labels.device, torch.int64)


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
