"""The sound of a planned clip: its sources, as loud in each second as they are lively, over a soft background."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.avs.content import DRAWN_AS, ClipPlan, PlannedObject
from avvp_lib.corpora.synthetic.plan import runs
from avvp_lib.corpora.synthetic.sounds import ambience, sound
from avvp_lib.corpora.vggish_log_mel import SAMPLE_RATE

AMBIENCE_LEVEL = 0.015  # RMS of the background, full scale is 1
EVENT_DECIBELS = (15.0, 20.0)  # a source at full vigour above the background
LATE = 0.3  # seconds by which a source may begin late within its first second
CHANGE = 0.05  # seconds from loud to soft


def render_sound(rng: np.random.Generator, domain: str, plan: ClipPlan) -> np.ndarray:
    """(16000 T,) float32 in [-1, 1] at 16 kHz."""
    waveform = AMBIENCE_LEVEL * ambience(domain, rng, plan.seconds, SAMPLE_RATE)
    for planned in plan.objects:
        if planned.sounding.any():
            waveform += _source(rng, domain, planned)
    return (waveform * min(1.0, 0.95 / np.abs(waveform).max())).astype(np.float32)


def _source(rng: np.random.Generator, domain: str, planned: PlannedObject) -> np.ndarray:
    """(16000 T,) the sound of one object: the same voice each time it begins again."""
    samples = len(planned.vigour) * SAMPLE_RATE
    level, voice = AMBIENCE_LEVEL * 10 ** (rng.uniform(*EVENT_DECIBELS) / 20), int(rng.integers(2**32))
    track = np.zeros(samples, np.float32)
    for onset, offset in runs(planned.sounding):
        start = round((onset + (rng.uniform(0, LATE) if onset else 0.0)) * SAMPLE_RATE)
        seconds = offset - start / SAMPLE_RATE
        part = sound(DRAWN_AS[planned.category], domain, np.random.default_rng(voice), seconds, SAMPLE_RATE)
        track[start : start + len(part)] = part[: samples - start]
    return np.float32(level) * track * _loudness(planned)


def _loudness(planned: PlannedObject) -> np.ndarray:
    """(16000 T,) float32: the vigour of each second, carried on through rests, with short ramps from one to the next."""
    vigour = planned.vigour.copy()
    for second in range(1, len(vigour)):  # what rests has no sound, so only the ramp at its edge is at stake
        vigour[second] = vigour[second] or vigour[second - 1]
    for second in reversed(range(len(vigour) - 1)):
        vigour[second] = vigour[second] or vigour[second + 1]
    edges = np.arange(1, len(vigour))
    times = np.sort(np.concatenate([[0.0], edges - CHANGE / 2, edges + CHANGE / 2, [len(vigour)]]))
    moments = np.arange(len(vigour) * SAMPLE_RATE) / SAMPLE_RATE
    return np.interp(moments, times, np.repeat(vigour, 2)).astype(np.float32)
