"""Bowed, plucked and reed instruments: the same melodies through different strings and bodies."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    Take,
    band,
    draw,
    draw_ratio,
    hit_times,
    noise,
    pattern,
    pluck,
    resonances,
    roll_off,
    tone,
)
from avvp_lib.corpora.synthetic.sounds.voices import melody, shaky


def cello(take: Take) -> np.ndarray:
    """Slow bowed notes between 65 and 260 Hz, dark and full."""
    body = ([105.0, 190.0, 400.0, 900.0], [40.0, 70.0, 200.0, 600.0], [1.0, 0.9, 0.7, 0.35])
    low = draw_ratio(take.voice, (66, 125))
    return _bowed(take, low, low * 2.2, beat=(0.5, 0.95), body=body, darkness=(1300.0, 7.0), vibrato=0.02, attack=0.09)


def violin(take: Take) -> np.ndarray:
    """Bowed notes between 196 and 1000 Hz, quick and bright, with the bridge's hill near 2.5 kHz."""
    body = ([285.0, 470.0, 1100.0, 2600.0], [60.0, 110.0, 450.0, 1300.0], [0.8, 0.9, 0.8, 0.7])
    low = draw_ratio(take.voice, (200, 480))
    return _bowed(
        take, low, low * 2.2, beat=(0.16, 0.5), body=body, darkness=(3500.0, 8.0), vibrato=0.025, attack=0.035
    )


def _bowed(
    take: Take,
    low: float,
    high: float,
    *,
    beat: tuple[float, float],
    body: tuple[list[float], list[float], list[float]],
    darkness: tuple[float, float],
    vibrato: float,
    attack: float,
) -> np.ndarray:
    """A sawtooth string under a bow, through the resonances of a body, with vibrato that grows in each note."""
    vibrato_rate, length = draw(take.voice, (4.8, 6.4)), draw_ratio(take.voice, beat) / take.tempo
    centres, widths, gains = body
    centres = [centre * take.tract * draw(take.voice, (0.93, 1.07)) for centre in centres]
    notes = pattern(take, (0.6 * length, 1.8 * length), (-0.01, 0.02))
    held = notes.shape([0, 0.3, 0.7, 2], [0, 0.4, 1, 1])
    pitch = notes.glide(melody(take, notes.count, low * take.pitch, high * take.pitch, leap=3), 0.02)
    pitch = shaky(take, pitch * (1 + vibrato * held * take.wobble(vibrato_rate)), 20.0, 0.002)

    def spectrum(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        harmonic = frequencies / frequencies[:, :1]
        return resonances(frequencies, centres, widths, gains, 0.12) * roll_off(frequencies, *darkness) / harmonic

    rise = 1 - np.exp(-np.maximum(notes.progress, 0) * notes.durations[notes.index] / (0.4 * attack))
    bow = (0.25 + 0.75 * rise) * notes.shape([0, 0.5, 0.92, 1.0, 1.05, 9], [0.85, 1.0, 0.8, 0.35, 0.2, 0.2])
    bow = bow * (1 + take.wander(2.5, 0.1))
    string = tone(take, pitch, spectrum) * take.to_samples(bow)
    rosin = bow * (1 + 2 * np.exp(-np.maximum(notes.progress, 0) * notes.durations[notes.index] / 0.03))
    scratch = noise(take, lambda f: resonances(f, [centres[-1], 4000.0], [1500.0, 4000.0], [0.7, 0.5]), rosin)
    return string + (0.025 + 0.04 * take.roughness) * np.std(string) * scratch


def banjo(take: Take) -> np.ndarray:
    """Rolls of seven to ten notes a second: short, bright plucks that twang on a drum head."""
    rng = take.rng
    rate = draw(take.voice, (6.5, 9.0)) * take.tempo
    times = hit_times(take, (0.95 / rate, 1.05 / rate))
    open_strings = draw(take.voice, (190, 215)) * take.pitch * 2 ** (np.array([0, 5, 9, 12, 17]) / 12)
    roll = np.resize(take.voice.permutation(5), len(times))
    pitches = open_strings[roll] * 2 ** (rng.choice([0, 0, 0, 2, 4], len(times)) / 12)
    head = draw(take.voice, (650, 900)) * take.tract
    return _plucked(
        take,
        times,
        pitches,
        decay=(7.0, 5.0),
        head=([head, 2.6 * head], [700.0, 2500.0], [1.0, 0.8]),
        position=0.09,
        seconds=0.45,
        slope=2.5,
    )


def acoustic_guitar(take: Take) -> np.ndarray:
    """Finger-picked chords or strums, three or four strokes a second, ringing into each other."""
    rng = take.rng
    body = ([105.0, 205.0, 420.0, 2500.0], [60.0, 90.0, 300.0, 2500.0], [0.9, 1.0, 0.6, 0.35])
    progression = take.voice.permutation([0, 5, 7, 9, 3])[:4]
    roots = draw(take.voice, (82, 110)) * take.pitch * 2 ** (progression / 12)
    chord = 2 ** (np.array([0, 7, 12, 16, 19, 24]) / 12)
    strummed = take.voice.random() < 0.4
    rate = draw(take.voice, (1.8, 2.8) if strummed else (3.2, 5.0)) * take.tempo
    strokes = hit_times(take, (0.85 / rate, 1.15 / rate))
    bar = (strokes * rate / 8).astype(int) % 4
    if strummed:
        downwards, lag = rng.random(len(strokes)) < 0.6, np.linspace(0, 0.028, 5)
        spread = np.where(downwards[:, None], lag, lag[::-1])
        times = (strokes[:, None] + spread).ravel()
        pitches = (roots[bar][:, None] * chord[:5]).ravel()
    else:
        times, pitches = strokes, roots[bar] * chord[rng.integers(6, size=len(strokes))]
    inside = times < take.seconds
    return _plucked(
        take,
        times[inside],
        pitches[inside],
        decay=(2.2, 1.1),
        head=body,
        position=0.2,
        seconds=0.9 if strummed else 1.3,
        slope=6.0,
    )


def _plucked(
    take: Take,
    times: np.ndarray,
    pitches: np.ndarray,
    *,
    decay: tuple[float, float],
    head: tuple[list[float], list[float], list[float]],
    position: float,
    seconds: float,
    slope: float,
) -> np.ndarray:
    """Plucked notes that ring on. Decay grows with the harmonic: decay[0] + decay[1] * h nepers a second.

    `position` is where the finger plucks, as a part of the string; harmonics with a node there are missing.
    """
    out = np.zeros(take.samples, np.float32)
    harmonics = np.arange(1, 31)
    comb = np.abs(np.sin(np.pi * harmonics * position * draw(take.voice, (0.8, 1.25)))) + 0.05
    fading = decay[0] + decay[1] * harmonics * (1 + 0.5 * take.roughness)
    for time, pitch, gain in zip(times, pitches, take.rng.uniform(0.55, 1.0, len(times)), strict=True):
        frequencies = pitch * harmonics
        amplitudes = gain * comb * resonances(frequencies, *head, 0.1) * roll_off(frequencies, 1000.0, slope)
        note = pluck(take.rate, pitch, min(seconds, take.seconds - time + 0.01), amplitudes, fading)
        start = int(time * take.rate)
        note = note[: take.samples - start]
        out[start : start + len(note)] += note
    return out


def accordion(take: Take) -> np.ndarray:
    """Reeds in slightly mistuned pairs: a melody over held chords, swelling with the bellows."""
    rng = take.rng
    detune = draw(take.voice, (1.5, 5.0)) * (1 + take.roughness)
    root = draw_ratio(take.voice, (150, 230)) * take.pitch
    centre = draw_ratio(take.voice, (900, 1900)) * take.tract
    beat = draw(take.voice, (0.22, 0.45)) / take.tempo
    notes = pattern(take, (0.7 * beat, 1.4 * beat), (0.0, 0.02))
    tune = notes.glide(melody(take, notes.count, 2 * root, 4.2 * root), 0.008)
    chords = pattern(take, (3.5 * beat, 4.5 * beat), (0.0, 0.03))
    bass = chords.per_event(root * 2 ** (rng.choice([0, 5, 7, 9], chords.count) / 12))

    def reed(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        harmonic = frequencies / frequencies[:, :1]
        return resonances(frequencies, [centre, 2.2 * centre], [1200, 2000], [0.8, 0.5], 0.35) / harmonic**0.75

    bellows = np.clip(1 + take.wander(1.2, 0.15), 0.5, None) * (1 + 0.08 * take.wobble(draw(take.voice, (4.0, 6.0))))
    key = notes.shape([0, 0.08, 0.9, 1.0, 1.05, 9], [0.3, 1, 1, 0.35, 0.25, 0.25])
    held = chords.shape([0, 0.03, 0.96, 1.0, 9], [0.3, 1, 1, 0.4, 0.4])
    lead = tone(take, tune, reed) + tone(take, tune + detune, reed)
    chord = tone(take, bass, reed) + tone(take, bass * 1.26 + 0.4 * detune, reed) + tone(take, bass * 1.498, reed)
    air = noise(take, lambda f: band(f, 1500, 6000), 0.02 * bellows)
    return (lead * take.to_samples(key) + 0.45 * chord * take.to_samples(held)) * take.to_samples(bellows) + air
