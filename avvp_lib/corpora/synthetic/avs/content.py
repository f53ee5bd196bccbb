"""What a synthetic AVS corpus holds: which objects a clip shows, which of them sound when, and how lively each is.

All objects of a clip stay in view from beginning to end; what changes is who sounds. There are four roles:

- a **source** sounds in some seconds or in all;
- a **twin** never sounds and has the category, look and size of a source;
- an **other** never sounds and is of a category that no source of the clip has;
- a **thing** is of no category and never sounds.

**What tells who sounds.** Of another category or of none: the sound, which has its category. For a twin that is no help, and no single
picture tells it from its source either. The cue is that of a filmed instrument: an object moves in step with its sound. Each second has a
vigour: 0 at rest, 0.35 soft, 1 loud. An object hops and swells by it within the second, highest where the frame is taken, and a source
sounds as loud as its vigour. Of the silent objects half rest, and half pantomime: they move by a vigour of their own, which differs from
that of the sources of their category. So movement alone does not tell who sounds, but movement and loudness together do.

The numbers are choices, not counts of AVSBench. `s4`: one source, audible in all five seconds, loud in some and soft in others. `ms3`: one
to three sources of different categories that start and stop; in some seconds nothing sounds. `avss`: 0.3 of the clips as in s4 ("v1s"), 0.3
as in ms3 ("v1m"), the rest with ten seconds ("v2").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avvp_lib.corpora.avsbench import FRAMES, SETTINGS, SUBSET_FRAMES, check_setting
from avvp_lib.corpora.synthetic.sprites import DOMAINS

SPLITS = ("train", "val", "test")
SIZES = {
    "smoke": {"s4": (8, 4, 4), "ms3": (8, 4, 4), "avss": (8, 4, 4)},
    "tutorial": {"s4": (240, 60, 120), "ms3": (160, 40, 80), "avss": (160, 40, 80)},
}
"""Clips in train, val and test."""

DRAWN_AS = {
    "accordion": "Accordion",
    "baby": "Baby_laughter",
    "bell": "church bell ringing",
    "cat": "Cat",
    "chainsaw": "Chainsaw",
    "dog": "Dog",
    "drums": "playing drum kit",
    "helicopter": "Helicopter",
    "rooster": "Chicken_rooster",
    "telephone": "Telephone_bell_ringing",
}
"""The categories, and what sprites and sounds call them."""

AVS_CATEGORIES = tuple(DRAWN_AS)
AVS_CLASSES = ("background", *AVS_CATEGORIES)

SEED_WORD = 200  # keeps the random numbers apart from those of the other corpora
SOFT, LOUD = 0.35, 1.0
SOURCES = (0.3, 0.45, 0.25)  # one, two, three of a clip with several
STARTS_ON, STAYS = (
    0.6,
    0.7,
)  # a source that starts and stops: sounds in the first second; does in the next what it does in this
TWIN, OTHER, THING = 0.25, 0.4, 0.3  # probabilities of one each
PANTOMIME = 0.5
SUBSETS = (("v1s", 0.3), ("v1m", 0.3), ("v2", 0.4))
ROLES = ("source", "twin", "other", "thing")


@dataclass(frozen=True)
class AVSSettings:
    """Everything that decides what a synthetic AVS corpus holds. The same settings give the same clips.

    Attributes:
        setting: "s4", "ms3" or "avss".
        seed: which corpus; 0 is for tuning, 1 for reporting.
        size: "smoke" or "tutorial", see `SIZES`.
        domain: rendering domain, "studio" or "street". The same seed has the same objects and events in both.
    """

    setting: str
    seed: int = 0
    size: str = "tutorial"
    domain: str = "studio"

    def __post_init__(self) -> None:
        check_setting(self.setting)
        if self.size not in SIZES:
            raise ValueError(f"unknown corpus size {self.size!r}: choose one of {', '.join(SIZES)}")
        if self.domain not in DOMAINS:
            raise ValueError(f"unknown rendering domain {self.domain!r}: choose one of {', '.join(DOMAINS)}")
        if not 0 <= self.seed < 1000:
            raise ValueError(f"the corpus seed must lie in 0 ... 999, not {self.seed}")

    @property
    def name(self) -> str:
        """What `load_corpus` calls such a corpus."""
        return f"synthetic-avs-{self.setting}"

    @property
    def prefix(self) -> str:
        """How all ids of a corpus begin: two letters for setting and domain, and the seed."""
        return f"{self.setting[0].upper()}{'AB'[DOMAINS.index(self.domain)]}{self.seed:03d}"

    def keys(self, split: str) -> list[str]:
        """The 12-character ids of a split's clips."""
        letter = {"train": "r", "val": "v", "test": "t"}[split]
        number = SIZES[self.size][self.setting][SPLITS.index(split)]
        return [f"{self.prefix}-{letter}{index:05d}" for index in range(number)]

    def plan(self, split: str, index: int) -> ClipPlan:
        """The truth of one clip; it does not depend on the rendering domain."""
        numbers = [SEED_WORD, SETTINGS.index(self.setting), self.seed, SPLITS.index(split), index]
        return plan_clip(np.random.default_rng(numbers), self.setting)


@dataclass(frozen=True)
class PlannedObject:
    """One object of a clip of T seconds.

    Attributes:
        role: one of `ROLES`.
        category: one of `AVS_CATEGORIES`; None of a thing.
        vigour: (T,) float, how lively it is in each second; 0 at rest.
        twin_of: the source that it looks like, by its place in the plan; None of all but a twin.
    """

    role: str
    category: str | None
    vigour: np.ndarray
    twin_of: int | None = None

    @property
    def sounding(self) -> np.ndarray:
        """(T,) bool: in which seconds it sounds."""
        return (self.vigour > 0) & (self.role == "source")


@dataclass(frozen=True)
class ClipPlan:
    """The truth of one clip before a pixel or a sample of it exists: its objects, sources first. `subset` is AVSS', else None."""

    objects: tuple[PlannedObject, ...]
    subset: str | None = None

    @property
    def seconds(self) -> int:
        """T."""
        return len(self.objects[0].vigour)

    @property
    def sounding(self) -> np.ndarray:
        """(T, K) bool."""
        return np.stack([thing.sounding for thing in self.objects], axis=1)


def plan_clip(rng: np.random.Generator, setting: str) -> ClipPlan:
    """Draw the objects of one clip."""
    subset, seconds = None, FRAMES[setting]
    if setting == "avss":
        subset = str(rng.choice([name for name, _ in SUBSETS], p=[share for _, share in SUBSETS]))
        seconds = SUBSET_FRAMES[subset]
    steady = setting == "s4" or subset == "v1s"
    number = 1 if steady else 1 + int(rng.choice(len(SOURCES), p=SOURCES))
    order = [AVS_CATEGORIES[i] for i in rng.permutation(len(AVS_CATEGORIES))]
    objects = [PlannedObject("source", category, _vigour(rng, seconds, steady)) for category in order[:number]]
    if rng.random() < TWIN:
        chosen = int(rng.integers(number))
        model = objects[chosen]
        objects.append(PlannedObject("twin", model.category, _silent(rng, seconds, steady, model.vigour), chosen))
    if rng.random() < OTHER:
        objects.append(PlannedObject("other", order[number], _silent(rng, seconds, steady)))
    if rng.random() < THING:
        objects.append(PlannedObject("thing", None, np.zeros(seconds)))
    return ClipPlan(tuple(objects), subset)


def _silent(rng: np.random.Generator, seconds: int, steady: bool, unlike: np.ndarray | None = None) -> np.ndarray:
    """(T,) vigour of an object that rests, or pretends; never that of the source which it looks like."""
    if rng.random() >= PANTOMIME:
        return np.zeros(seconds)
    while True:
        vigour = _vigour(rng, seconds, steady)
        if unlike is None or not np.array_equal(vigour, unlike):
            return vigour


def _vigour(rng: np.random.Generator, seconds: int, steady: bool) -> np.ndarray:
    """(T,): loud in some seconds and soft in others; if not `steady`, at rest in between, and lively in one second or more."""
    while True:
        on = np.ones(seconds, bool) if steady else _on_and_off(rng, seconds)
        vigour = np.where(rng.random(seconds) < 0.5, LOUD, SOFT) * on
        if on.any() and (not steady or len(np.unique(vigour)) == 2):
            return vigour


def _on_and_off(rng: np.random.Generator, seconds: int) -> np.ndarray:
    changes = rng.random(seconds) >= np.where(np.arange(seconds) == 0, STARTS_ON, STAYS)
    return np.cumsum(changes) % 2 == 0
