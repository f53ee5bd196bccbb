"""What a microphone hears besides the categories: backgrounds, and sounds that carry no label."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    Take,
    band,
    burst,
    draw,
    draw_ratio,
    hit_times,
    noise,
    pattern,
    resonances,
    ring,
    roll_off,
    scatter,
    tone,
)


def background(take: Take) -> np.ndarray:
    """(samples,): noise with a 1 / f^p power spectrum, a broad hump, slow swells; in the studio, mains hum."""
    exponent = draw(take.voice, take.style.hiss)
    hump, width, gain = draw_ratio(take.voice, (150, 3000)), draw(take.voice, (0.5, 1.5)), draw(take.voice, (0.0, 0.8))
    corner = draw_ratio(take.voice, (40, 120))

    def spectrum(frequencies: np.ndarray) -> np.ndarray:
        slope = roll_off(frequencies, corner, 3.01 * exponent)
        return slope * (1 + gain * resonances(frequencies, [hump], [width * hump], [3.0], 0.0))

    wave = noise(take, spectrum, np.clip(1 + take.wander(0.5, 0.25 * take.roughness), 0.3, None))
    if take.style.hum is not None:
        time = np.arange(take.samples, dtype=np.float32) / take.rate
        level = draw(take.voice, (0.0, 0.25))
        wave += level * np.sin(np.float32(4 * np.pi * take.style.hum) * time)
    return wave


def knocks(take: Take) -> np.ndarray:
    """Knuckles on a door."""
    wood = draw_ratio(take.voice, (140, 320)) * take.pitch
    times = hit_times(take, (0.13, 0.38))
    body = ring(
        take.rate, np.array([wood, 2.3 * wood, 4.1 * wood]), np.array([55.0, 70.0, 110.0]), np.array([1.0, 0.6, 0.3])
    )
    return scatter(take, times, take.rng.uniform(0.5, 1, len(times)), [body])


def wind(take: Take) -> np.ndarray:
    """Gusts: noise below a few hundred hertz, with a thin howl."""
    howl = draw_ratio(take.voice, (350, 800))
    gust = np.clip(0.7 + take.wander(1.2, 0.4), 0.1, None)
    low = noise(take, lambda f: roll_off(f, 90.0, 12.0), gust)
    return low + 0.25 * noise(take, lambda f: resonances(f, [howl], [0.12 * howl], [1.0], 0.0), gust**2)


def bird(take: Take) -> np.ndarray:
    """A songbird's whistled chirps between 3 and 6 kHz."""
    base = draw_ratio(take.voice, (2800, 4800))
    chirps = pattern(take, (0.06, 0.2), (0.03, 0.2))
    slope = chirps.per_event(take.rng.uniform(-0.35, 0.35, chirps.count))
    pitch = base * (1 + slope * np.minimum(chirps.progress, 1.0)) * (1 + 0.04 * take.wobble(35.0))
    return tone(take, pitch, lambda t, f: (f < 7400) * 1.0) * take.to_samples(
        chirps.shape([0, 0.3, 0.8, 1, 9], [0, 1, 0.8, 0, 0])
    )


def drips(take: Take) -> np.ndarray:
    """Water that drips into a basin: blips whose pitch rises as the bubble closes."""
    base = draw_ratio(take.voice, (700, 1500))
    drops = pattern(take, (0.04, 0.07), (0.1, 0.4))
    pitch = base * drops.per_event(take.rng.uniform(0.85, 1.2, drops.count)) * drops.shape([0, 1, 2], [0.85, 1.7, 1.7])
    return tone(take, pitch, lambda t, f: (f < 2 * base) * 1.0) * take.to_samples(
        drops.shape([0, 0.08, 0.4, 1, 9], [0, 1, 0.4, 0, 0])
    )


def footsteps(take: Take) -> np.ndarray:
    """Shoes on gravel or on stone."""
    pace = draw(take.voice, (0.38, 0.6)) / take.tempo
    times = hit_times(take, (0.94 * pace, 1.06 * pace))
    centre, crunch = draw_ratio(take.voice, (250, 2500)), draw(take.voice, (0.06, 0.2))
    kinds = [
        burst(
            take.voice,
            take.rate,
            crunch,
            lambda f: resonances(f, [120.0, centre], [120.0, 1.5 * centre], [0.8, 1.0], 0.02),
        )
        for _ in range(3)
    ]
    return scatter(take, times, take.rng.uniform(0.6, 1, len(times)), kinds)


def computer_blips(take: Take) -> np.ndarray:
    """Soft interface tones of changing pitch, too irregular and too low for an alarm."""
    base = draw_ratio(take.voice, (320, 700))
    blips = pattern(take, (0.08, 0.25), (0.05, 0.4))
    pitch = blips.per_event(base * 2 ** (take.rng.integers(0, 13, blips.count) / 12))
    return tone(take, pitch, lambda t, f: roll_off(f, 600.0, 14.0)) * take.to_samples(
        blips.shape([0, 0.1, 0.3, 1, 9], [0, 1, 0.7, 0, 0])
    )


def rustle(take: Take) -> np.ndarray:
    """Paper or leaves: irregular scratches of high noise."""
    centre = draw_ratio(take.voice, (2000, 5000))
    strokes = np.clip(take.wander(7.0), 0, None) * np.clip(1 + take.wander(60.0, 0.7), 0, None) + 0.05
    return noise(take, lambda f: band(f, 0.5 * centre, 1.6 * centre), strokes)


def cutlery(take: Take) -> np.ndarray:
    """Metal on porcelain."""
    times = hit_times(take, (0.08, 0.4))
    bodies = []
    for _ in range(3):
        base = draw_ratio(take.voice, (2200, 4200))
        bodies.append(
            ring(take.rate, base * np.array([1.0, 1.37, 1.81]), np.array([45.0, 60.0, 80.0]), np.array([1.0, 0.7, 0.5]))
        )
    return scatter(take, times, take.rng.uniform(0.3, 1, len(times)), bodies)


DISTRACTORS: tuple[Callable[[Take], np.ndarray], ...] = (
    knocks,
    wind,
    bird,
    drips,
    footsteps,
    computer_blips,
    rustle,
    cutlery,
)
