"""Windows over a long video, and how what they say is merged. Pure functions of arrays.

The models read ten segments of one second. A video of S segments is covered by windows that begin at the segments 0, hop, 2 hop, ...
as long as ten segments are left, and by one more that ends with the video where these do not. A video of fewer than ten segments is one
window, filled up behind its end.

Symbols: S segments of the video, W windows, T = 10 segments of a window, C categories; index 0 of the modality axis is audio, 1 visual.

    P[t, m, c] = mean of the segment probabilities p_w[t - s_w, m, c]  over the windows w that cover segment t (s_w <= t < s_w + T)
    G[t, m, c] = mean of the gate probabilities    g_w[m, c]           over the same windows
    an event is a maximal run of segments with P >= 0.5 and G >= 0.5

g_w is what the model's gate reads: the probability of the category in the whole window ("global"), in the window's sound or picture alone
("modality"), or 1 ("none"). For a video of ten segments this is the rule that the models are evaluated by.
"""

from __future__ import annotations

import math

import numpy as np

from avvp_lib.corpora.events import maximal_runs

SEGMENTS = 10
"""T: what the models read at a time, and the segments of a window."""

THRESHOLD = 0.5
SHORTEST_REST = 0.15
"""Seconds: a rest behind the last whole second that is not longer is what codecs pad, and no segment."""


def segments_of(seconds: float) -> int:
    """S: how many segments a video of this length has; a last one that is not a whole second counts.

    Raises:
        ValueError: the length is not above 0.
    """
    if not seconds > 0:
        raise ValueError(f"a video of {seconds:g} s has no segments")
    return max(1, math.ceil(round(seconds - SHORTEST_REST, 6)))


def window_starts(segments: int, hop: int) -> list[int]:
    """The first segment of every window, in order.

    Args:
        segments: S, at least 1.
        hop: segments from one window to the next, 1 to 10.

    Raises:
        ValueError: a number outside these bounds.
    """
    check_hop(hop)
    if segments < 1:
        raise ValueError(f"a video has at least one segment, not {segments}")
    starts = list(range(0, max(segments - SEGMENTS, 0) + 1, hop))
    last = max(segments - SEGMENTS, 0)
    return starts if starts[-1] == last else [*starts, last]


def check_hop(hop: int) -> None:
    """ValueError for a hop that leaves segments out or does not move on."""
    if hop != int(hop) or not 1 <= hop <= SEGMENTS:
        raise ValueError(f"the hop must be a whole number of seconds from 1 to {SEGMENTS}, not {hop}")


def merge_windows(values: np.ndarray, starts: list[int], segments: int) -> np.ndarray:
    """Mean over the windows that cover each segment.

    Args:
        values: (W, T, ...) float.
        starts: W first segments, see `window_starts`.
        segments: S; rows of a window behind the end of the video are left out.

    Returns:
        (S, ...) float64.

    Raises:
        ValueError: not one start for every window, or a segment that no window covers.
    """
    if len(values) != len(starts):
        raise ValueError(f"{len(values)} windows have {len(starts)} starts: give one for each")
    total = np.zeros((segments, *values.shape[2:]))
    covering = np.zeros(segments, int)
    for window, start in zip(values, starts, strict=True):
        inside = min(len(window), segments - start)
        total[start : start + inside] += window[:inside]
        covering[start : start + inside] += 1
    if not covering.all():
        raise ValueError(f"no window covers segment {int(np.argmin(covering))} of {segments}")
    return total / covering.reshape(-1, *[1] * (total.ndim - 1))


def gate_values(gates: tuple[str, str], video_prob: np.ndarray, modality_prob: np.ndarray) -> np.ndarray:
    """g: what the audio and the visual gate read of each window, (W, 2, C).

    Args:
        gates: of audio and visual, each "global", "modality" or "none".
        video_prob: (W, C).
        modality_prob: (W, 2, C).

    Raises:
        ValueError: an unknown gate.
    """
    chosen = []
    for index, gate in enumerate(gates):
        kinds = {"global": video_prob, "modality": modality_prob[:, index], "none": np.ones_like(video_prob)}
        if gate not in kinds:
            raise ValueError(f"unknown gate {gate!r}: choose one of {', '.join(kinds)}")
        chosen.append(kinds[gate])
    return np.stack(chosen, axis=1)


def merge_predictions(
    segment_prob: np.ndarray, gate_prob: np.ndarray, starts: list[int], segments: int
) -> tuple[np.ndarray, np.ndarray]:
    """P and G of the rule above, each (S, 2, C) float64.

    Args:
        segment_prob: (W, T, 2, C).
        gate_prob: (W, 2, C), see `gate_values`.
        starts, segments: as for `merge_windows`.
    """
    spread = np.repeat(gate_prob[:, None], segment_prob.shape[1], axis=1)
    return merge_windows(segment_prob, starts, segments), merge_windows(spread, starts, segments)


def decide(segment_prob: np.ndarray, gate_prob: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Audio and visual grid, each (S, C) bool, from P and G, each (S, 2, C)."""
    grid = (segment_prob >= THRESHOLD) & (gate_prob >= THRESHOLD)
    return grid[:, 0], grid[:, 1]


def runs_with_means(grid: np.ndarray, probability: np.ndarray) -> list[tuple[int, int, int, float]]:
    """The maximal runs of a grid with their mean probability.

    Args:
        grid: (S, C) bool.
        probability: (S, C) float.

    Returns:
        (category, first segment, segment behind the last, mean probability) of each, by category and time.
    """
    runs = maximal_runs(np.ascontiguousarray(grid.T))
    return [
        (int(c), int(first), int(last), float(probability[first:last, c].mean()))
        for c, first, last in zip(runs.row, runs.onset, runs.offset, strict=True)
    ]
