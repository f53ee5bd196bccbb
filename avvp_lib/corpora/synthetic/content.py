"""What a synthetic corpus holds: how many videos, which events, and the picture and sound of each, from a few settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avvp_lib.corpora.synthetic.picture import render_frames
from avvp_lib.corpora.synthetic.plan import VideoPlan, plan_video
from avvp_lib.corpora.synthetic.soundtrack import render_waveform
from avvp_lib.corpora.synthetic.sprites import DOMAINS
from avvp_lib.corpora.synthetic.statistics import llp_statistics

SPLITS = ("train", "val", "test")
SIZES = {"smoke": (40, 20, 20), "tutorial": (800, 200, 400)}  # videos in train, val, test


@dataclass(frozen=True)
class CorpusSettings:
    """Everything that decides what a synthetic corpus holds. The same settings give the same videos.

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

    def keys(self, split: str) -> list[str]:
        """The 11-character file stems of a split's videos, like YouTube ids."""
        letter = {"train": "r", "val": "v", "test": "t"}[split]
        number = SIZES[self.size][SPLITS.index(split)]
        return [f"{self.prefix}-{letter}{index:05d}" for index in range(number)]

    @property
    def prefix(self) -> str:
        """How all keys of a corpus begin: a letter for the domain, and the seed."""
        return f"{'AB'[DOMAINS.index(self.domain)]}{self.seed:03d}"

    def plan(self, split: str, index: int) -> VideoPlan:
        """The truth of one video; it does not depend on the rendering domain."""
        return plan_video(np.random.default_rng([self.seed, SPLITS.index(split), index]), llp_statistics())


def render_video(settings: CorpusSettings, split: str, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture and sound of one video: (80, 128, 128, 3) uint8 frames and (160000,) float32 samples."""
    plan = settings.plan(split, index)
    picture, sound = np.random.SeedSequence(
        [settings.seed, SPLITS.index(split), index, DOMAINS.index(settings.domain)]
    ).spawn(2)
    frames = render_frames(np.random.default_rng(picture), settings.domain, plan.visual)
    return frames, render_waveform(np.random.default_rng(sound), settings.domain, plan.audio)
