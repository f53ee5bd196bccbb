"""When the events of a rendered video really happen, finer than the second that annotators work with.

A plan says in which seconds something is heard or seen. The renderer then lets each run begin a little late and end a little
early inside its first and last second. Those moments are written nowhere; they are drawn again here as the renderer draws them,
first of all from the random numbers of the picture and of the sound. For measuring only: nothing that predicts may read them.
"""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.llp import LLP_CATEGORIES, SEGMENTS
from avvp_lib.corpora.synthetic.content import SIZES, SPLITS, CorpusSettings
from avvp_lib.corpora.synthetic.plan import jittered_spans
from avvp_lib.corpora.synthetic.sprites import DOMAINS

Spans = dict[str, list[tuple[float, float]]]
"""By category: onset and offset in seconds of each time it is heard, or seen."""


def exact_spans(settings: CorpusSettings, split: str, index: int) -> tuple[Spans, Spans]:
    """When each category is heard and when it is seen in one video.

    Args:
        settings: which corpus.
        split: "train", "val" or "test".
        index: of the video in its split.

    Returns:
        Audio and visual spans. An object fades in and out around these moments, at which it is half there.
    """
    plan = settings.plan(split, index)
    entropy = [settings.seed, SPLITS.index(split), index, DOMAINS.index(settings.domain)]
    picture, sound = np.random.SeedSequence(entropy).spawn(2)
    return _spans(sound, plan.audio), _spans(picture, plan.visual)


def _spans(entropy: np.random.SeedSequence, segments: np.ndarray) -> Spans:
    rng = np.random.default_rng(entropy)
    return {LLP_CATEGORIES[c]: jittered_spans(rng, segments[:, c]) for c in np.flatnonzero(segments.any(0))}


def fine_grids(settings: CorpusSettings, split: str, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The truth of a split with several steps a second: a step holds an event if its middle lies in one.

    Args:
        settings: which corpus.
        split: "train", "val" or "test".
        steps: a second, at least 1.

    Returns:
        Audio and visual grid, each (N, 10 `steps`, C) bool, in the order of the corpus.

    Raises:
        ValueError: `steps` is below 1.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1 a second, not {steps}")
    number = SIZES[settings.size][SPLITS.index(split)]
    grids = np.zeros((2, number, SEGMENTS * steps, len(LLP_CATEGORIES)), np.bool_)
    middles = (np.arange(SEGMENTS * steps) + 0.5) / steps
    for index in range(number):
        for grid, spans in zip(grids[:, index], exact_spans(settings, split, index), strict=True):
            for category, times in spans.items():
                inside = [(onset <= middles) & (middles < offset) for onset, offset in times]
                grid[:, LLP_CATEGORIES.index(category)] = np.any(inside, axis=0)
    return grids[0], grids[1]
