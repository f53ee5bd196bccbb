"""What happens in a video: which categories, audible when, visible when. Drawn from the event statistics of LLP.

A plan is the truth of a video before a pixel or a sample of it exists: two (T, C) grids. The renderer fills it with picture and
sound, the CSV writer turns it into annotations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avvp_lib.corpora.events import maximal_runs
from avvp_lib.corpora.llp import SEGMENTS
from avvp_lib.corpora.synthetic.statistics import EventStatistics

# LLP's rarest category fills 1 % of its videos and Speech half of them. A thousand videos need a flatter world, or the rare
# categories would have eight examples; the order of the frequencies stays LLP's.
FREQUENCY_EXPONENT = 0.6
# Counts of single categories are small in LLP's validation set: each is blended with this many videos of the average category.
PRIOR_VIDEOS = 4.0
EDGE_JITTER = 0.6  # seconds by which an event may start late or end early inside its first or last segment
SHORTEST_EVENT = 0.3  # seconds
AUDIO, VISUAL = 0, 1


@dataclass(frozen=True)
class VideoPlan:
    """The truth of one video: `audio` and `visual` are (T, C) bool grids of what is audible and what is visible."""

    audio: np.ndarray
    visual: np.ndarray

    @property
    def video_labels(self) -> np.ndarray:
        """(C,) bool: audible or visible anywhere."""
        return (self.audio | self.visual).any(0)


def plan_video(rng: np.random.Generator, statistics: EventStatistics) -> VideoPlan:
    """Draw the events of one ten-segment video."""
    categories = len(statistics.categories)
    audio, visual = np.zeros((2, SEGMENTS, categories), bool)
    for category in _draw_categories(rng, statistics):
        audible, visible = _draw_modalities(rng, statistics, category)
        if audible and visible and rng.random() < _together_probability(statistics, category):
            audio[:, category] = visual[:, category] = _draw_segments(rng, statistics, category, rng.integers(2))
            continue
        if audible:
            audio[:, category] = _draw_segments(rng, statistics, category, AUDIO)
        if visible:
            visual[:, category] = _draw_segments(rng, statistics, category, VISUAL)
    return VideoPlan(audio, visual)


def _draw_categories(rng: np.random.Generator, statistics: EventStatistics) -> list[int]:
    """The first category by frequency, each further one by how often it is seen with those already there."""
    number = rng.choice(len(statistics.categories_per_video), p=_normalise(statistics.categories_per_video))
    frequency = np.asarray(statistics.category_videos, float) ** FREQUENCY_EXPONENT
    pairs = (np.asarray(statistics.category_pairs, float) + 0.1) ** FREQUENCY_EXPONENT
    chosen: list[int] = []
    weights = frequency
    for _ in range(number):
        category = int(rng.choice(len(weights), p=_normalise(weights)))
        chosen.append(category)
        weights = pairs[chosen].prod(0) ** (1 / len(chosen))
        weights[chosen] = 0.0
    return chosen


def _draw_modalities(rng: np.random.Generator, statistics: EventStatistics, category: int) -> tuple[bool, bool]:
    counts = np.asarray(statistics.modality_videos, float)
    blended = counts[category] + PRIOR_VIDEOS * _normalise(counts.sum(0))
    pattern = rng.choice(3, p=_normalise(blended))  # 0 both, 1 audible only, 2 visible only
    return pattern != 2, pattern != 1


def _together_probability(statistics: EventStatistics, category: int) -> float:
    """How often to give both modalities one set of segments, so that with the chance agreements the share is LLP's.

    Drawn separately they still agree when both happen to fill the video; other chance agreements are rare.
    """
    chance = _whole_share(statistics, category, AUDIO) * _whole_share(statistics, category, VISUAL)
    return max(0.0, (statistics.same_segments - chance) / (1 - chance))


def _whole_share(statistics: EventStatistics, category: int, modality: int) -> float:
    """In which share of its videos the category fills all segments of the modality."""
    whole = np.asarray(statistics.spans_whole_video, float)[:, modality]
    present = np.asarray(statistics.modality_videos, float)[:, [0, 1 + modality]].sum(1)
    return (whole[category] + PRIOR_VIDEOS * whole.sum() / present.sum()) / (present[category] + PRIOR_VIDEOS)


def _draw_segments(rng: np.random.Generator, statistics: EventStatistics, category: int, modality: int) -> np.ndarray:
    """(T,) bool: the whole video with LLP's frequency for the category, otherwise one or more separate runs."""
    if rng.random() < _whole_share(statistics, category, modality):
        return np.ones(SEGMENTS, bool)
    return _draw_runs(rng, statistics.runs_per_event[modality], statistics.run_lengths[modality])


def _draw_runs(rng: np.random.Generator, run_counts: list[int], length_counts: list[int]) -> np.ndarray:
    """(T,) bool: separate runs at random places; their lengths are drawn again until they fit with gaps between."""
    number = rng.choice(len(run_counts), p=_normalise(run_counts))
    while True:
        lengths = rng.choice(len(length_counts), p=_normalise(length_counts), size=number)
        free = SEGMENTS - lengths.sum() - (number - 1)
        if free >= 0:
            break
    # Share the free segments out over the gaps before, between and after the runs, all divisions equally likely.
    bars = np.sort(rng.choice(free + number, size=number, replace=False))
    onsets = bars + np.concatenate([[0], np.cumsum(lengths[:-1])]).astype(int)
    segments = np.zeros(SEGMENTS, bool)
    for onset, length in zip(onsets, lengths, strict=True):
        segments[onset : onset + length] = True
    return segments


def _normalise(weights: np.ndarray | list) -> np.ndarray:
    weights = np.asarray(weights, float)
    return weights / weights.sum()


def runs(segments: np.ndarray) -> list[tuple[int, int]]:
    """Half-open (onset, offset) pairs of the runs of True in a (T,) bool row."""
    found = maximal_runs(segments[None])
    return list(zip(found.onset.tolist(), found.offset.tolist(), strict=True))


def jittered_spans(rng: np.random.Generator, segments: np.ndarray) -> list[tuple[float, float]]:
    """When an event that fills `segments` (T,) really happens, in seconds: each run starts a little late and ends a little early.

    Annotators mark a whole second when something happens in any part of it. A run that touches the video's first or last
    instant is not cut there, because the world went on outside the clip.
    """
    spans = []
    for onset, offset in runs(segments):
        late = rng.uniform(0, EDGE_JITTER) if onset > 0 else 0.0
        longest = min(EDGE_JITTER, offset - onset - late - SHORTEST_EVENT)
        early = rng.uniform(0, longest) if offset < len(segments) else 0.0
        spans.append((onset + late, offset - early))
    return spans
