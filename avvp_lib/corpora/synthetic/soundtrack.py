"""The sound of a planned video: events at their own levels over a background, with sounds of no category between them.

Everything that makes hearing hard is one of the constants below. They were chosen on corpus seed 0 and then left alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.plan import jittered_spans
from avvp_lib.corpora.synthetic.sounds import ambience, colour, distractor_sound, sound

SAMPLE_RATE = 16_000
AMBIENCE_LEVEL = 0.05  # RMS of the background, full scale is 1
# Level of an event above the background: softest and loudest, as a microphone meets it, and in a clip made for its caption.
RECORDED = (-9.0, 12.0)
CAPTIONED = (0.0, 15.0)
DISTRACTOR_PROBABILITY = 0.45
DISTRACTOR_SECONDS = (0.5, 3.0)
COLOUR_PROBABILITY = 0.5


def render_waveform(
    rng: np.random.Generator, domain: str, audio: np.ndarray, categories: Sequence[str] = LLP_CATEGORIES
) -> np.ndarray:
    """(samples,) float32 in [-1, 1] at 16 kHz: the sound of a video whose audible events are `audio` (T, C) bool, C names given."""
    audible = [(categories[c], jittered_spans(rng, audio[:, c])) for c in np.flatnonzero(audio.any(0))]
    return render_audible(rng, domain, audible, len(audio))


def render_audible(
    rng: np.random.Generator, domain: str, audible: list[tuple[str, list[tuple[float, float]]]], seconds: int
) -> np.ndarray:
    """(samples,) float32 in [-1, 1] at 16 kHz: a video in which each named category is audible in its spans of seconds."""
    return _render(rng, domain, RECORDED, audible, seconds)


def render_sound(
    rng: np.random.Generator,
    domain: str,
    categories: list[str],
    seconds: float,
    decibels: tuple[float, float] = CAPTIONED,
) -> np.ndarray:
    """(samples,) float32: a clip in which the named categories are audible from beginning to end."""
    return _render(rng, domain, decibels, [(category, [(0.0, seconds)]) for category in categories], seconds)


def _render(
    rng: np.random.Generator,
    domain: str,
    decibels: tuple[float, float],
    audible: list[tuple[str, list[tuple[float, float]]]],
    seconds: float,
) -> np.ndarray:
    waveform = AMBIENCE_LEVEL * ambience(domain, rng, seconds, SAMPLE_RATE)
    for category, spans in audible:
        level, voice = _event_level(rng, decibels), rng.integers(2**32)
        for onset, offset in spans:  # the same voice each time the event comes back
            part = sound(category, domain, np.random.default_rng(voice), offset - onset, SAMPLE_RATE)
            _add(waveform, level * part, onset)
    if rng.random() < DISTRACTOR_PROBABILITY:
        length = min(rng.uniform(*DISTRACTOR_SECONDS), seconds)
        part = distractor_sound(domain, rng, length, SAMPLE_RATE)
        _add(waveform, _event_level(rng, decibels) * part, rng.uniform(0, seconds - length))
    if rng.random() < COLOUR_PROBABILITY:
        waveform = colour(waveform, domain, rng, SAMPLE_RATE)
    peak = np.abs(waveform).max()
    return (waveform * min(1.0, 0.95 / peak)).astype(np.float32)


def _event_level(rng: np.random.Generator, decibels: tuple[float, float]) -> float:
    return AMBIENCE_LEVEL * 10 ** (rng.uniform(*decibels) / 20)


def _add(waveform: np.ndarray, part: np.ndarray, onset: float) -> None:
    start = round(onset * SAMPLE_RATE)
    part = part[: len(waveform) - start]
    waveform[start : start + len(part)] += part
