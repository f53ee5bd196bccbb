"""Many people at once: cheering and clapping."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    Take,
    band,
    burst,
    draw,
    draw_ratio,
    noise,
    pattern,
    resonances,
    scatter,
    tone,
)
from avvp_lib.corpora.synthetic.sounds.voices import shaky, voiced


def cheering(take: Take) -> np.ndarray:
    """A roaring crowd: a wash of open vowels that swells, single shouts and whistles gliding over it, some applause."""
    vowel = draw_ratio(take.voice, (620, 1000)) * take.tract
    distance = draw(take.voice, (0.25, 0.55))
    applauding = take.voice.random() < 0.4
    swell = np.clip(1 + take.wander(0.8, 0.22), 0.45, None) * np.clip(1 + take.wander(14.0, 0.22), 0.3, None)
    centres, widths = [vowel, 1.9 * vowel, 3000.0], [0.7 * vowel, 900.0, 1600.0]
    crowd = noise(take, lambda f: resonances(f, centres, widths, [1.0, 0.6, 0.25], 0.03), swell)
    crowd += distance * sum(_shout(take, vowel) for _ in range(4))
    if applauding:
        crowd += 0.4 * claps(take, np.sort(take.rng.uniform(0, take.seconds, int(25 * take.seconds))), 4)
    return crowd


def _shout(take: Take, vowel: float) -> np.ndarray:
    """One person in the crowd: gliding "woo" and "yeah" calls, or whistles through the fingers."""
    whistling = take.voice.random() < 0.2
    base = draw_ratio(take.voice, (1500, 2600) if whistling else (260, 620)) * take.pitch
    calls = pattern(take, (0.25, 1.0), (0.05, 0.7), lead=(0.0, 0.6))
    first, middle, last = (calls.per_event(take.rng.uniform(0.7, 1.3, calls.count)) for _ in range(3))
    glide = np.clip(calls.progress, 0, 1)
    height = first * (1 - glide) ** 2 + 2.4 * middle * glide * (1 - glide) + last * glide**2
    pitch = shaky(take, base * height, 20.0, 0.015)
    loudness = calls.shape([0, 0.15, 0.7, 1.0, 9], [0, 1, 0.8, 0, 0])
    if whistling:
        return 0.8 * tone(take, pitch, lambda t, f: (f == f[:, :1]) * 1.0) * take.to_samples(loudness)
    formants = [np.full(len(pitch), hertz) for hertz in (vowel, 1.7 * vowel, 2900.0)]
    voice = voiced(take, pitch, formants, loudness, 6.0, (1.0, 0.6, 0.3), (250.0, 300.0, 400.0))
    return voice / (np.std(voice) + 1e-9)


def clapping(take: Take) -> np.ndarray:
    """Hands: one person in rhythm, a few people together, or the patter of a hall."""
    people = int(take.voice.choice([1, 3, 25], p=[0.3, 0.3, 0.4]))
    rate = draw(take.voice, (3.2, 4.8)) * take.tempo
    beats = int(take.seconds * rate * 1.5) + 3
    times = []
    for _ in range(people):
        own_rate = rate * draw(take.voice, (0.92, 1.08))
        late = draw(take.voice, (0.0, 0.9)) if people > 1 else 0.0
        times.append((np.arange(beats) + late + take.rng.normal(0, 0.06, beats)) / own_rate)
    return claps(take, np.abs(np.concatenate(times)), min(3 + people, 8))


def claps(take: Take, times: np.ndarray, kinds: int) -> np.ndarray:
    """Claps at given times: noise bursts of a few hundredths of a second, each kind with the resonance of its palms."""
    kernels = []
    for _ in range(kinds):
        palm, decay = draw_ratio(take.voice, (750, 2300)) * take.tract, draw(take.voice, (0.05, 0.11))

        def response(frequencies: np.ndarray, palm: float = palm) -> np.ndarray:
            open_hand = resonances(frequencies, [palm, 2.4 * palm], [0.6 * palm, 2.5 * palm], [1.0, 0.4], 0.08)
            return open_hand * band(frequencies, 350.0, 9000.0)

        kernels.append(burst(take.voice, take.rate, decay, response))
    times = times[times < take.seconds]
    return scatter(take, times, take.rng.uniform(0.4, 1.0, len(times)), kernels)
