"""What a synthetic UnAV corpus holds: longer videos, thirty classes, and events that need not be audible and visible at once.

The numbers below are choices, not counts of UnAV-100, whose videos are mostly longer and mostly hold one class:

- a video lasts 10 to 30 seconds, all equally likely, and holds one to four classes (0.25, 0.4, 0.25, 0.1), all classes equally often, since
  a class of a long tail would have no example among 300 videos;
- the first class of a video is audible and visible; each further one is both with 0.4, only audible or only visible with 0.3 each;
- of what is both, 0.35 sounds exactly while it is in view, 0.25 is in view longer than it sounds, 0.25 is heard longer than it is seen,
  and 0.15 is heard and seen at times of its own;
- an event comes in one to three runs (0.6, 0.3, 0.1) of at least two seconds, 7 on average; 0.12 of them fill the video;
- runs start up to 0.6 s late and end up to 0.6 s early, as in `plan.jittered_spans`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avvp_lib.corpora.synthetic.picture import render_visible
from avvp_lib.corpora.synthetic.plan import SHORTEST_EVENT, jittered_spans
from avvp_lib.corpora.synthetic.rendering import SPLITS
from avvp_lib.corpora.synthetic.soundtrack import render_audible
from avvp_lib.corpora.synthetic.sprites import DOMAINS
from avvp_lib.corpora.synthetic.sprites.more import DRAWINGS as FURTHER

SIZES = {"smoke": (24, 8, 8), "tutorial": (300, 60, 60)}  # videos in train, val, test
LLP_CATEGORY_OF = {
    "people talking": "Speech",
    "car passing by": "Car",
    "people cheering": "Cheering",
    "dog barking": "Dog",
    "cat meowing": "Cat",
    "frying food": "Frying_(food)",
    "basketball bounce": "Basketball_bounce",
    "chainsawing trees": "Chainsaw",
    "playing cello": "Cello",
    "playing banjo": "Banjo",
    "people singing": "Singing",
    "playing violin, fiddle": "Violin_fiddle",
    "vacuum cleaner cleaning floors": "Vacuum_cleaner",
    "baby laughter": "Baby_laughter",
    "playing accordion": "Accordion",
    "driving motorcycle": "Motorcycle",
    "helicopter": "Helicopter",
    "people clapping": "Clapping",
}
"""The classes shared with LLP, and what LLP calls them. Its other seven are not in this corpus."""

UNAV_CATEGORIES: tuple[str, ...] = tuple(sorted([*LLP_CATEGORY_OF, *FURTHER]))
"""The thirty labels in the order of their ids: eighteen of LLP's categories and twelve that LLP does not have."""

SEED_WORD = 100  # keeps the random numbers apart from those of synthetic-llp
SECONDS = (10, 30)
CLASSES_PER_VIDEO = (0.25, 0.4, 0.25, 0.1)
MODALITIES_OF_FURTHER = (0.4, 0.3, 0.3)  # both, only audible, only visible
RELATIONS = (0.35, 0.25, 0.25, 0.15)  # together, seen longer than heard, heard longer than seen, apart
RUNS_PER_EVENT = (0.6, 0.3, 0.1)
RUN_SECONDS, SHORTEST_RUN = 7.0, 2
WHOLE_VIDEO = 0.12

Spans = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class UnavSettings:
    """Everything that decides what a synthetic UnAV corpus holds. The same settings give the same videos.

    Attributes:
        seed: which corpus; 0 is for tuning, 1 for reporting.
        size: "smoke" or "tutorial", see `SIZES`.
        domain: rendering domain, "studio" or "street". The same seed has the same events in both.
    """

    seed: int = 0
    size: str = "tutorial"
    domain: str = "studio"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"unknown corpus size {self.size!r}: choose one of {', '.join(SIZES)}")
        if self.domain not in DOMAINS:
            raise ValueError(f"unknown rendering domain {self.domain!r}: choose one of {', '.join(DOMAINS)}")
        if not 0 <= self.seed < 1000:
            raise ValueError(f"the corpus seed must lie in 0 ... 999, not {self.seed}")

    @property
    def prefix(self) -> str:
        """How all ids of a corpus begin: a letter for the domain, and the seed."""
        return f"{'UV'[DOMAINS.index(self.domain)]}{self.seed:03d}"

    def keys(self, split: str) -> list[str]:
        """The 11-character ids of a split's videos, like YouTube's."""
        letter = {"train": "r", "val": "v", "test": "t"}[split]
        number = SIZES[self.size][SPLITS.index(split)]
        return [f"{self.prefix}-{letter}{index:05d}" for index in range(number)]

    def plan(self, split: str, index: int) -> UnavPlan:
        """The truth of one video; it does not depend on the rendering domain."""
        return plan_video(np.random.default_rng([SEED_WORD, self.seed, SPLITS.index(split), index]))


@dataclass(frozen=True)
class UnavPlan:
    """The truth of one video of T seconds.

    Attributes:
        audio, visual: (T, C) bool, what can be heard and seen in any part of each second.
        audible, visible: category -> spans in seconds, half-open and in time order: when it really happens.
    """

    audio: np.ndarray
    visual: np.ndarray
    audible: Spans
    visible: Spans

    @property
    def seconds(self) -> int:
        """T."""
        return len(self.audio)

    @property
    def audio_visual_events(self) -> list[tuple[str, float, float]]:
        """What an annotator of UnAV-100 writes down: label, start and end of whatever is heard and seen at the same time."""
        events = []
        for category in UNAV_CATEGORIES:
            for heard in self.audible.get(category, []):
                for seen in self.visible.get(category, []):
                    start, end = max(heard[0], seen[0]), min(heard[1], seen[1])
                    if end - start >= SHORTEST_EVENT:
                        events.append((category, start, end))
        return sorted(events, key=lambda event: (event[1], event[2], event[0]))


def plan_video(rng: np.random.Generator) -> UnavPlan:
    """Draw the events of one video."""
    seconds = int(rng.integers(SECONDS[0], SECONDS[1] + 1))
    number = 1 + int(rng.choice(len(CLASSES_PER_VIDEO), p=CLASSES_PER_VIDEO))
    audio, visual = np.zeros((2, seconds, len(UNAV_CATEGORIES)), bool)
    audible: Spans = {}
    visible: Spans = {}
    for place, category in enumerate(rng.choice(len(UNAV_CATEGORIES), size=number, replace=False)):
        label = UNAV_CATEGORIES[category]
        pattern = 0 if place == 0 else int(rng.choice(3, p=MODALITIES_OF_FURTHER))
        heard, seen, together = _draw_event(rng, seconds, pattern, first=place == 0)
        if heard is not None:
            audio[:, category], audible[label] = heard, jittered_spans(rng, heard)
        if seen is not None:
            visual[:, category] = seen
            visible[label] = audible[label] if together else jittered_spans(rng, seen)
    return UnavPlan(audio, visual, audible, visible)


def _draw_event(
    rng: np.random.Generator, seconds: int, pattern: int, first: bool
) -> tuple[np.ndarray | None, np.ndarray | None, bool]:
    """(T,) bool when it is heard and when it is seen, and whether that is one and the same. `first`: the two must meet."""
    if pattern == 1:
        return _draw_segments(rng, seconds), None, False
    if pattern == 2:
        return None, _draw_segments(rng, seconds), False
    allowed = RELATIONS[:3] if first else RELATIONS
    relation = int(rng.choice(len(allowed), p=_normalised(allowed)))
    shared = _draw_segments(rng, seconds)
    if relation == 0:
        return shared, shared, True
    if relation == 3:
        return shared, _draw_segments(rng, seconds), False
    before, after = rng.integers(0, seconds // 4 + 1, 2)
    longer = _extended(shared, int(before), int(after))
    return (shared, longer, False) if relation == 1 else (longer, shared, False)


def _extended(segments: np.ndarray, before: int, after: int) -> np.ndarray:
    """(T,) bool without gaps: from `before` seconds ahead of the first segment to `after` behind the last."""
    filled = np.flatnonzero(segments)
    longer = segments.copy()
    longer[max(0, filled[0] - before) : filled[-1] + 1 + after] = True
    return longer


def _draw_segments(rng: np.random.Generator, seconds: int) -> np.ndarray:
    """(T,) bool: the whole video, or one or more separate runs at random places."""
    segments = np.zeros(seconds, bool)
    if rng.random() < WHOLE_VIDEO:
        return ~segments
    number = 1 + int(rng.choice(len(RUNS_PER_EVENT), p=RUNS_PER_EVENT))
    while True:  # lengths are drawn again until they fit with a gap between them
        lengths = SHORTEST_RUN - 1 + rng.geometric(1 / (RUN_SECONDS - SHORTEST_RUN + 1), number)
        free = seconds - int(lengths.sum()) - (number - 1)
        if free >= 0:
            break
    # All ways of sharing the free segments out over the gaps before, between and after the runs are equally likely.
    bars = np.sort(rng.choice(free + number, size=number, replace=False))
    onsets = bars + np.concatenate([[0], np.cumsum(lengths[:-1])]).astype(int)
    for onset, length in zip(onsets, lengths, strict=True):
        segments[onset : onset + length] = True
    return segments


def _normalised(weights: tuple[float, ...]) -> np.ndarray:
    return np.asarray(weights) / np.sum(weights)


def render_unav_video(settings: UnavSettings, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and sound of one video of T seconds: (8 T, 128, 128, 3) uint8 frames and (16000 T,) float32 samples."""
    plan = settings.plan(split, index)
    picture, sound = np.random.SeedSequence(
        [SEED_WORD, settings.seed, SPLITS.index(split), index, DOMAINS.index(settings.domain)]
    ).spawn(2)
    visible, audible = ([(drawn_as(c), s) for c, s in spans.items()] for spans in (plan.visible, plan.audible))
    frames = render_visible(np.random.default_rng(picture), settings.domain, visible, plan.seconds)
    return frames, render_audible(np.random.default_rng(sound), settings.domain, audible, plan.seconds)


def drawn_as(label: str) -> str:
    """What sprites and sounds call a class of this corpus: LLP's name, or the label itself."""
    return LLP_CATEGORY_OF.get(label, label)
