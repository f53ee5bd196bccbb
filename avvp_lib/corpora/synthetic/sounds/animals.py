"""Dogs, cats and poultry."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import Take, draw, draw_ratio, noise, pattern, pattern_at, resonances
from avvp_lib.corpora.synthetic.sounds.voices import shaky, voiced


def dog(take: Take) -> np.ndarray:
    """Barks of a sixth of a second: a rough, quickly falling pitch and as much noise as voice."""
    rng = take.rng
    size = draw_ratio(take.voice, (0.7, 1.6))  # 1 is a middling dog; pitch and formants fall as it grows
    base = 430 / size * take.pitch
    length = draw(take.voice, (0.13, 0.2)) * size**0.3
    barks = pattern(take, (0.85 * length, 1.15 * length), (0.09, 0.42 / take.tempo))
    strength = rng.uniform(0.65, 1.0, barks.count)
    height = barks.per_event(rng.uniform(0.9, 1.12, barks.count)) * barks.shape(
        [0, 0.2, 0.45, 1, 2], [0.75, 1.25, 1.1, 0.6, 0.6]
    )
    pitch = shaky(take, base * height, 60.0, 0.04)
    tract = take.tract / size**0.6
    mouth = barks.shape([0, 0.3, 1, 2], [0.7, 1.15, 0.75, 0.7])
    formants = [750 * tract * mouth, 1450 * tract * mouth, np.full(len(pitch), 2700 * tract)]
    loudness = barks.per_event(strength) * barks.shape([0, 0.06, 0.25, 0.6, 1.0, 1.01], [0, 0.9, 1.0, 0.5, 0.03, 0])
    voice = voiced(take, pitch, formants, loudness, slope=6.0, gains=(1.0, 0.7, 0.3), widths=(260.0, 350.0, 600.0))
    growl = noise(
        take,
        lambda f: resonances(f, [800 * tract, 1600 * tract, 3000 * tract], [500, 700, 1500], [1, 0.8, 0.4]),
        (0.5 + 0.6 * take.roughness) * np.std(voice) * loudness,
    )
    return voice + growl


def cat(take: Take) -> np.ndarray:
    """Meows: the mouth opens from i over a to u, which sweeps the formants up and down under an arched pitch."""
    rng = take.rng
    base = draw_ratio(take.voice, (480, 760)) * take.pitch
    meows = pattern(take, (0.45 / take.tempo, 0.95 / take.tempo), (0.12, 0.4))
    arch = rng.uniform(0.15, 0.45, meows.count)
    height = meows.per_event(rng.uniform(0.9, 1.12, meows.count)) * (
        1 + meows.per_event(arch) * meows.shape([0, 0.3, 0.6, 1, 2], [-0.4, 0.9, 0.7, -0.5, -0.5])
    )
    pitch = shaky(take, base * height * (1 + 0.012 * take.wobble(9.0)), 15.0, 0.01)
    tract = take.tract
    formants = [
        tract * meows.shape([0, 0.35, 0.6, 1, 2], [600, 1250, 1300, 650, 600]),
        tract * meows.shape([0, 0.25, 0.5, 1, 2], [2900, 2500, 2000, 1150, 1100]),
        tract * meows.shape([0, 0.4, 1, 2], [4300, 4000, 3600, 3500]),
    ]
    loudness = meows.shape([0, 0.15, 0.45, 0.75, 1.0, 1.01], [0, 0.5, 1.0, 0.7, 0.04, 0])
    voice = voiced(take, pitch, formants, loudness, slope=3.0, gains=(1.0, 0.9, 0.4), widths=(320.0, 380.0, 700.0))
    return voice + noise(take, lambda f: resonances(f, [2500.0], [3000.0], [1]), 0.06 * np.std(voice) * loudness)


def chicken_rooster(take: Take) -> np.ndarray:
    """A rooster's crow or a clucking hen."""
    return _rooster(take) if take.voice.random() < 0.5 else _hen(take)


def _rooster(take: Take) -> np.ndarray:
    """Cock-a-doodle-doo: two short notes, a middle one and a long one that holds and falls; harsh and bright."""
    rng = take.rng
    base = draw_ratio(take.voice, (430, 620)) * take.pitch
    unit = draw(take.voice, (0.13, 0.19)) / take.tempo
    crows = int(take.seconds) + 2  # one takes at least a second
    lengths = np.tile(np.array([1.2, 0.9, 2.4, 4.5]) * unit, crows)
    lengths[3::4] *= rng.uniform(0.8, 1.25, crows)
    rests = np.tile([0.04, 0.03, 0.05, draw(take.voice, (0.25, 0.42))], crows)
    starts = draw(take.voice, (0, 0.05)) + np.concatenate([[0], np.cumsum(lengths + rests)[:-1]])
    notes = pattern_at(take, starts, lengths)
    step = np.tile([1.0, 1.15, 1.55, 1.45], crows)[: notes.count] * rng.uniform(0.96, 1.04, notes.count)
    height = notes.per_event(step) * notes.shape([0, 0.2, 0.6, 1, 2], [0.8, 1.05, 1.0, 0.72, 0.7])
    pitch = shaky(take, base * height, 45.0, 0.02)
    formants = [np.full(len(pitch), hertz * take.tract) for hertz in (1150, 2200, 3600)]
    loudness = notes.shape([0, 0.1, 0.5, 0.9, 1.0, 1.01], [0, 0.9, 1.0, 0.6, 0, 0])
    voice = voiced(take, pitch, formants, loudness, slope=1.5, gains=(1.0, 0.9, 0.5), widths=(700.0, 800.0, 1200.0))
    breath = (0.1 + 0.15 * take.roughness) * np.std(voice) * loudness
    return voice + noise(take, lambda f: resonances(f, [2500.0], [3500.0], [1]), breath)


def _hen(take: Take) -> np.ndarray:
    """Clucks of a tenth of a second, four or so a second; now and then a drawn-out one that jumps up."""
    rng = take.rng
    base = draw_ratio(take.voice, (330, 520)) * take.pitch
    rate = draw(take.voice, (3.2, 5.5)) * take.tempo
    clucks = pattern(take, (0.06, 0.11), (0.6 / rate, 1.2 / rate))
    long = rng.random(clucks.count) < 0.15
    room = np.diff(np.append(clucks.starts, take.seconds + 1)) - 0.03
    clucks = pattern_at(take, clucks.starts, np.where(long, np.minimum(0.35, room), clucks.durations))
    long = long[: clucks.count]
    fall = clucks.shape([0, 0.25, 1, 2], [1.3, 1.15, 0.75, 0.7])
    rise = clucks.shape([0, 0.3, 0.8, 1, 2], [0.9, 1.0, 1.9, 1.6, 1.5])
    height = np.where(clucks.per_event(long), rise, fall) * clucks.per_event(rng.uniform(0.92, 1.1, clucks.count))
    pitch = shaky(take, base * height, 40.0, 0.03)
    formants = [np.full(len(pitch), hertz * take.tract) for hertz in (900, 1750, 3100)]
    loudness = clucks.per_event(np.where(long, 1.0, rng.uniform(0.5, 0.9, clucks.count)))
    loudness = loudness * clucks.shape([0, 0.1, 0.4, 1.0, 1.01], [0, 1.0, 0.8, 0.05, 0])
    voice = voiced(take, pitch, formants, loudness, slope=3.5, gains=(1.0, 0.8, 0.35), widths=(400.0, 500.0, 900.0))
    return voice + noise(take, lambda f: resonances(f, [1700.0], [2500.0], [1]), 0.3 * np.std(voice) * loudness)
