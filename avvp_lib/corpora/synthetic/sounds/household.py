"""Things that are struck, fried or rung: a basketball, a pan, fire alarms and telephones."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    TICKS_PER_SECOND,
    Take,
    band,
    burst,
    convolve,
    draw,
    draw_ratio,
    hit_times,
    noise,
    pattern,
    pattern_at,
    resonances,
    ring,
    roll_off,
    scatter,
    tone,
)


def frying(take: Take) -> np.ndarray:
    """A dense hiss of boiling fat with hundreds of crackles a second and a few loud pops."""
    rng = take.rng
    density, centre = draw_ratio(take.voice, (250, 900)), draw_ratio(take.voice, (3000, 5000)) * take.tract
    bubbling = np.clip(1 + take.wander(2.5, 0.15), 0.4, None)
    hiss = noise(take, lambda f: resonances(f, [centre, 6500.0], [3500.0, 4000.0], [1.0, 0.7], 0.06), bubbling)
    impulses = np.zeros(take.samples, np.float32)
    count = int(density * take.seconds)
    impulses[rng.integers(take.samples, size=count)] = np.exp(rng.normal(0, 0.6, count)) * rng.choice([-1, 1], count)
    crackle = burst(take.voice, take.rate, 0.006, lambda f: band(f, 1800.0, 7000.0, 1))
    crackles = convolve(impulses, crackle)
    times = hit_times(take, (0.03, 0.35))
    bubbles = [burst(take.voice, take.rate, 0.02, lambda f: band(f, 700.0, 4000.0)) for _ in range(3)]
    pops = scatter(take, times, rng.uniform(0.35, 0.85, len(times)), bubbles)
    return 0.6 * hiss + crackles / (np.std(crackles) + 1e-9) * take.to_samples(bubbling) + pops


def basketball(take: Take) -> np.ndarray:
    """A dribbled or dropped ball: a dull thud, the slap of rubber, the ping of the air inside; some shoes squeak."""
    rng = take.rng
    ping = draw(take.voice, (480, 680)) * take.pitch
    thud = draw(take.voice, (62, 105)) * take.pitch
    modes = np.array([thud, 2.1 * thud, ping, 1.62 * ping])
    body = ring(take.rate, modes, np.array([30.0, 38.0, 34.0, 50.0]), np.array([1.0, 0.7, 0.28, 0.12]))

    def rubber(frequencies: np.ndarray) -> np.ndarray:
        return resonances(frequencies, [650.0, 1700.0], [700.0, 1500.0], [1.0, 0.4], 0.02)

    slap = [burst(take.voice, take.rate, 0.045, rubber) for _ in range(3)]
    if take.voice.random() < 0.6:
        pace = draw(take.voice, (0.28, 0.5)) / take.tempo
        times = hit_times(take, (0.9 * pace, 1.1 * pace))
        gains = rng.uniform(0.7, 1.0, len(times))
    else:
        times, gains = _drops(take, draw(take.voice, (0.78, 0.88)))
    bounces = scatter(take, times, gains, [body]) + 0.3 * scatter(take, times, gains, slap)
    return bounces + (_squeaks(take) if take.voice.random() < 0.4 else 0.0)


def _drops(take: Take, restitution: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and strengths of the bounces of a ball that is dropped again and again: ever shorter, ever weaker."""
    bounces = np.arange(9)
    drops = int(take.seconds) + 2  # one takes two to three seconds
    intervals = np.tile(0.54 / take.tempo * restitution**bounces, drops)
    strengths = np.tile(restitution**bounces, drops)
    times = draw(take.voice, (0.0, 0.05)) + np.concatenate([[0], np.cumsum(intervals)[:-1]])
    inside = times < take.seconds
    return times[inside], strengths[inside]


def _squeaks(take: Take) -> np.ndarray:
    """Rubber soles on a wooden floor: chirps between 2 and 4 kHz."""
    chirps = pattern(take, (0.06, 0.16), (0.4, 1.6), lead=(0.1, 0.8))
    base = draw(take.voice, (2000, 3200))
    pitch = (
        base * chirps.per_event(take.rng.uniform(0.85, 1.15, chirps.count)) * chirps.shape([0, 1, 2], [0.9, 1.2, 1.2])
    )
    return (
        0.12
        * tone(take, pitch, lambda t, f: (f < 4500) * 1.0)
        * take.to_samples(chirps.shape([0, 0.2, 0.8, 1, 9], [0, 1, 1, 0, 0]))
    )


def fire_alarm(take: Take) -> np.ndarray:
    """A smoke detector's beeps at 3 kHz, a sounder's sweep, or a harsh horn."""
    kind = take.voice.choice(["beeps", "sweep", "horn"], p=[0.5, 0.3, 0.2])
    return {"beeps": _beeps, "sweep": _sweep, "horn": _alarm_horn}[str(kind)](take)


def _beeps(take: Take) -> np.ndarray:
    """Threes of beeps between 2.7 and 3.4 kHz."""
    base = draw(take.voice, (2750, 3250)) * take.pitch**0.4
    on, off = draw(take.voice, (0.28, 0.45)) / take.tempo, draw(take.voice, (0.1, 0.2))
    threes = int(take.seconds) + 2  # one takes at least a second
    lengths = np.full(3 * threes, on)
    rests = np.tile([off, off, 0.42], threes)
    starts = draw(take.voice, (0, 0.04)) + np.concatenate([[0], np.cumsum(lengths + rests)[:-1]])
    beeps = pattern_at(take, starts, lengths)
    gate = beeps.shape([0, 0.02, 0.98, 1.0, 9], [0, 1, 1, 0, 0])
    pitch = np.full(len(take.ticks), base) * (1 + take.wander(20.0, 0.001 * take.roughness))
    low = tone(take, pitch / 2, lambda t, f: np.where(f < 0.75 * base, 0.06, roll_off(f, base, 10.0)))
    return low * take.to_samples(gate)


def _sweep(take: Take) -> np.ndarray:
    """A sounder that sweeps up, two or three times a second or slowly, rich in odd harmonics."""
    low, rate = draw(take.voice, (600, 850)) * take.pitch, draw(take.voice, (1.0, 3.0)) * take.tempo
    climb = draw(take.voice, (1.35, 1.9))
    pitch = low * climb ** ((take.ticks * rate) % 1)

    def square(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        odd = np.round(frequencies / frequencies[:, :1]) % 2
        return (0.15 + odd) * roll_off(frequencies, 2800.0, 4.0) / (frequencies / frequencies[:, :1])

    return tone(take, pitch, square)


def _alarm_horn(take: Take) -> np.ndarray:
    """An electromechanical horn: a buzz with all its harmonics, on and off."""
    base = draw(take.voice, (420, 560)) * take.pitch
    blasts = pattern(take, (0.5, 0.7), (0.15, 0.3))
    gate = blasts.shape([0, 0.03, 0.97, 1.0, 9], [0, 1, 1, 0, 0]) * (1 + 0.2 * take.wobble(48.0))
    pitch = base * (1 + take.wander(25.0, 0.004))
    return tone(
        take, pitch, lambda t, f: resonances(f, [2600.0], [1800.0], [1.0], 0.25), coherent=True
    ) * take.to_samples(gate)


def telephone(take: Take) -> np.ndarray:
    """Two brass bells under a hammer, or the warble of an electronic ringer, with short pauses between rings."""
    return _bells(take) if take.voice.random() < 0.6 else _warble(take)


def _rings(take: Take) -> np.ndarray:
    """(ticks,): 1 while the telephone rings, 0 in its pauses."""
    rings = pattern(take, (0.7 / take.tempo, 1.2 / take.tempo), (0.22, 0.42))
    return rings.shape([0, 0.01, 0.99, 1.0, 9], [0, 1, 1, 0, 0])


def _bells(take: Take) -> np.ndarray:
    """A hammer that strikes two bells in turn some twenty times a second; they ring on into the pause."""
    rng = take.rng
    low, rate = draw(take.voice, (950, 1450)) * take.pitch, draw(take.voice, (18, 25))
    modes, decays = np.array([1.0, 2.42, 3.93, 5.2]), np.array([10.0, 14.0, 22.0, 35.0])
    amplitudes = np.array([0.6, 1.0, 0.6, 0.3])
    bells = [ring(take.rate, pitch * modes, decays, amplitudes) for pitch in (low, low * draw(take.voice, (1.12, 1.3)))]
    ringing = _rings(take)
    times = hit_times(take, (0.98 / rate, 1.02 / rate))
    times = times[ringing[(times * TICKS_PER_SECOND).astype(int)] > 0]
    halves = []
    for bell, struck in zip(bells, (times[0::2], times[1::2]), strict=True):
        impulses = np.zeros(take.samples, np.float32)
        impulses[(struck * take.rate).astype(int)] = rng.uniform(0.8, 1.0, len(struck))
        halves.append(convolve(impulses, bell))
    return halves[0] + halves[1]


def _warble(take: Take) -> np.ndarray:
    """Two tones that alternate some fifteen times a second."""
    low, ratio, rate = (
        draw(take.voice, (750, 1150)) * take.pitch,
        draw(take.voice, (1.2, 1.4)),
        draw(take.voice, (11, 18)) * take.tempo,
    )
    high = np.clip(8 * take.wobble(rate), -1, 1) * 0.5 + 0.5
    pitch = low * (1 + (ratio - 1) * high)
    return tone(take, pitch, lambda t, f: roll_off(f, 1.6 * low, 9.0)) * take.to_samples(_rings(take))
