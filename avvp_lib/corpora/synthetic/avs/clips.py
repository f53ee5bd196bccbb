"""One clip of a synthetic AVS corpus, rendered: frames, object maps and sound from its settings, split and number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avvp_lib.corpora.avsbench import SETTINGS
from avvp_lib.corpora.synthetic.avs.content import AVS_CLASSES, SEED_WORD, SPLITS, AVSSettings, ClipPlan
from avvp_lib.corpora.synthetic.avs.picture import Scene, draw_scene, frame_times, paint
from avvp_lib.corpora.synthetic.avs.soundtrack import render_sound
from avvp_lib.corpora.synthetic.sprites import DOMAINS


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """What a clip of T seconds shows and sounds like.

    Attributes:
        plan: its K objects.
        frames: (T, 224, 224, 3) uint8.
        objects: (T, 224, 224) uint8, the object at each pixel, k for the k-th, 0 for none.
        waveform: (16000 T,) float32.
    """

    plan: ClipPlan
    frames: np.ndarray
    objects: np.ndarray
    waveform: np.ndarray

    @property
    def binary_masks(self) -> np.ndarray:
        """(T, 224, 224) bool: pixels of what sounds in that second."""
        return self._by_object(np.ones(len(self.plan.objects), np.uint8)) > 0

    @property
    def class_masks(self) -> np.ndarray:
        """(T, 224, 224) uint8: the class of what sounds at each pixel, 0 for the background."""
        names = [thing.category for thing in self.plan.objects]
        return self._by_object(np.array([AVS_CLASSES.index(name) if name else 0 for name in names], np.uint8))

    def _by_object(self, values: np.ndarray) -> np.ndarray:
        """Each pixel's object replaced by its value in the seconds in which it sounds, and by 0 in others."""
        table = np.pad(values * self.plan.sounding, ((0, 0), (1, 0)))  # (T, 1 + K)
        return np.take_along_axis(table, self.objects.reshape(len(table), -1), axis=1).reshape(self.objects.shape)


def clip_scene(settings: AVSSettings, split: str, index: int) -> Scene:
    """The scene of a clip; `paint` shows it at any moment, for example eight times a second."""
    return draw_scene(_random(settings, split, index)[0], settings.domain, settings.plan(split, index))


def render_avs_clip(settings: AVSSettings, split: str, index: int) -> RenderedClip:
    """Render one clip. The same arguments give the same clip."""
    plan = settings.plan(split, index)
    picture, sound = _random(settings, split, index)
    frames, objects = paint(draw_scene(picture, settings.domain, plan), frame_times(plan.seconds))
    return RenderedClip(plan, frames, objects, render_sound(sound, settings.domain, plan))


def _random(settings: AVSSettings, split: str, index: int) -> tuple[np.random.Generator, np.random.Generator]:
    """Random numbers of the picture, and of the sound."""
    numbers = [SEED_WORD, SETTINGS.index(settings.setting), settings.seed, SPLITS.index(split), index]
    parts = np.random.SeedSequence([*numbers, DOMAINS.index(settings.domain)]).spawn(2)
    return np.random.default_rng(parts[0]), np.random.default_rng(parts[1])
