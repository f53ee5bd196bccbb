"""People: speaking and singing, babies laughing and crying.

A voice is a pulse train of the vocal folds coloured by the resonances (formants) of the vocal tract, plus the noise of
breath.
"""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    TICKS_PER_SECOND,
    Curve,
    Pattern,
    Take,
    band,
    draw,
    draw_ratio,
    even_out,
    noise,
    pattern,
    pattern_at,
    resonances,
    roll_off,
    tone,
)

# First three formants of an adult male tract, Hz: i e a o u and the neutral vowel.
VOWELS = np.array(
    [[290, 2250, 2950], [480, 1900, 2550], [740, 1250, 2500], [500, 900, 2450], [330, 780, 2300], [540, 1450, 2450]]
)
FORMANT_WIDTHS = (90.0, 120.0, 190.0, 280.0)
FORMANT_GAINS = (1.0, 0.55, 0.25, 0.14)


def voiced(
    take: Take,
    pitch: Curve,
    formants: list[Curve],
    loudness: Curve,
    slope: float = 9.0,
    gains: tuple[float, ...] = FORMANT_GAINS,
    widths: tuple[float, ...] = FORMANT_WIDTHS,
) -> np.ndarray:
    """(samples,) float32: a voice of moving pitch and formants (curves in Hz); `slope` dB per octave of its source."""

    def spectrum(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        tick = (times[:, 0] * TICKS_PER_SECOND).astype(int).clip(0, len(take.ticks) - 1)
        centres = [np.asarray(curve, np.float32)[tick][:, None] for curve in formants]
        frequencies = frequencies.astype(np.float32)
        tract = resonances(frequencies, centres, widths[: len(centres)], gains[: len(centres)])
        return tract * roll_off(frequencies, 250.0, slope)

    return tone(take, pitch, spectrum, coherent=True) * take.to_samples(loudness)


def shaky(take: Take, pitch: Curve, hertz: float = 30.0, depth: float = 0.012) -> Curve:
    """The same pitch with the small irregularities of a living throat."""
    return pitch * (1 + take.wander(hertz, depth * (0.5 + take.roughness)))


def speech(take: Take) -> np.ndarray:
    """Three to five syllables a second: vowels joined by consonants, a falling melody, short pauses for breath."""
    rng, voice = take.rng, take.voice
    female = voice.random() < 0.5
    base = draw_ratio(voice, (165, 240) if female else (88, 145)) * take.pitch**0.7
    tract = take.tract * (1.16 if female else 1.0)
    rate = draw(voice, (3.6, 5.2)) * take.tempo
    centre = draw(voice, (4200, 5600)) * take.tract
    syllables = _syllables(take, rate)
    stress = rng.uniform(0.55, 1.0, syllables.count)
    declination = np.linspace(1.12, 0.9, 9)[np.arange(syllables.count) % 9]  # a phrase is nine syllables
    melody_line = syllables.glide(declination * (1 + 0.6 * (stress - 0.75)), 0.18)
    melody_line = melody_line * (1 + take.wander(3.0, 0.05))
    pitch = shaky(take, base * melody_line * syllables.shape([0, 0.4, 1, 2], [0.98, 1.04, 0.97, 0.97]), 12.0, 0.02)
    vowels = VOWELS[rng.integers(len(VOWELS), size=syllables.count)] * tract
    formants = [syllables.glide(vowels[:, k], 0.12) for k in range(3)] + [np.full(len(take.ticks), 3500 * tract)]
    obstruent = rng.random(syllables.count) < 0.55
    joined = syllables.shape([0, 0.15, 0.32, 0.75, 1.0, 1.2, 9], [0.5, 0.3, 1.0, 0.9, 0.5, 0, 0])
    broken = syllables.shape([0, 0.07, 0.26, 0.38, 0.75, 1.0, 1.2, 9], [0.3, 0.02, 0.03, 1.0, 0.85, 0.45, 0, 0])
    opening = np.where(syllables.per_event(obstruent), broken, joined)
    vowel = voiced(take, pitch, formants, syllables.per_event(stress) * opening, 6.0, (1.0, 0.65, 0.4, 0.18))
    return even_out(vowel, take.rate, 0.4) + 0.5 * _consonants(take, syllables, obstruent, centre)


def _syllables(take: Take, rate: float) -> Pattern:
    """Syllables without a gap between them, but for a pause of a quarter of a second after every tenth or so."""
    syllables = pattern(take, (0.75 / rate, 1.25 / rate), (0.0, 0.0))
    pauses = np.where(take.rng.random(syllables.count) < 0.1, take.rng.uniform(0.15, 0.3, syllables.count), 0.0)
    pauses[0] = 0.0
    return pattern_at(take, syllables.starts + np.cumsum(pauses), syllables.durations)


def _consonants(take: Take, syllables: Pattern, obstruent: np.ndarray, centre: float) -> np.ndarray:
    """Before some vowels a hissing fricative around `centre` Hz, before others the short burst of a released stop."""
    fricative = take.rng.random(syllables.count) < 0.6
    strength = take.rng.uniform(0.6, 1.6, syllables.count) * obstruent
    hiss = syllables.per_event(strength * fricative) * syllables.shape([0, 0.1, 0.24, 0.36, 1, 9], [0, 1, 1, 0, 0, 0])
    stop = syllables.per_event(2.2 * strength * ~fricative) * syllables.shape(
        [0, 0.2, 0.22, 0.34, 1, 9], [0, 0, 1, 0, 0, 0]
    )
    return noise(take, lambda f: resonances(f, [centre, 1800.0], [2600.0, 1500.0], [1.0, 0.25]), hiss + stop)


def melody(take: Take, count: int, low: float, high: float, leap: int = 2) -> np.ndarray:
    """(count,) Hz: a walk over a major scale between two pitches, with steps of at most `leap` degrees."""
    degrees = np.array([0, 2, 4, 5, 7, 9, 11])
    semitones = np.concatenate([degrees + 12 * octave for octave in range(5)])
    ladder = low * 2 ** (semitones / 12)
    ladder = ladder[ladder <= max(high, low * 1.5)]
    steps = take.rng.integers(-leap, leap + 1, size=count)
    steps[steps == 0] = 1
    walk = take.rng.integers(len(ladder)) + np.cumsum(steps)
    span = 2 * (len(ladder) - 1)
    folded = np.abs((walk + span // 2) % span - span // 2)  # reflected at both ends of the ladder
    return ladder[folded]


def singing(take: Take) -> np.ndarray:
    """Sustained notes of a melody with vibrato, vowels and the singer's formant near 3 kHz."""
    rng = take.rng
    low = draw_ratio(take.voice, (125, 330)) * take.pitch**0.7
    tract = take.tract * (1.15 if low > 210 else 1.0)
    vibrato_rate, vibrato_depth = draw(take.voice, (4.8, 6.6)), draw(take.voice, (0.018, 0.04))
    beat = draw(take.voice, (0.35, 0.75)) / take.tempo
    notes = pattern(take, (0.8 * beat, 2.0 * beat), (-0.01, 0.07))
    pitches = notes.glide(melody(take, notes.count, low, low * 2.0), 0.07)
    held = notes.shape([0, 0.25, 0.6, 2], [0, 0.3, 1, 1])
    pitch = shaky(take, pitches * (1 + vibrato_depth * held * take.wobble(vibrato_rate)), 8.0, 0.003)
    vowels = VOWELS[rng.integers(1, len(VOWELS), size=notes.count)] * tract
    formants = [notes.glide(vowels[:, k], 0.12) for k in range(2)]
    formants += [np.full(len(take.ticks), 2700 * tract), np.full(len(take.ticks), 3300 * tract)]
    loudness = notes.shape([0, 0.12, 0.5, 0.9, 1.0, 1.1], [0.25, 0.8, 1.0, 0.8, 0.3, 0.0]) * (
        1 + take.wander(1.0, 0.12)
    )
    widths = (120.0, 160.0, 500.0, 600.0)
    voice = even_out(voiced(take, pitch, formants, loudness, 6.0, (1.0, 0.75, 0.5, 0.35), widths), take.rate, 0.5)
    return voice + noise(take, lambda f: band(f, 2500, 7000), 0.04 * loudness * (1 + take.roughness))


def baby_cry(take: Take) -> np.ndarray:
    """Wails of about a second whose pitch rises and falls, harsh at the top, with a gasp between them."""
    rng = take.rng
    base = draw_ratio(take.voice, (330, 480)) * take.pitch**0.7
    tract = take.tract * 1.5
    wails = pattern(take, (0.65 / take.tempo, 1.15 / take.tempo), (0.18, 0.34))
    peak = rng.uniform(1.15, 1.45, wails.count)
    arc = 1 + wails.per_event(peak - 1) * wails.shape([0, 0.25, 0.6, 1, 2], [0, 1, 0.85, -0.2, 0.0])
    pitch = shaky(take, base * arc * (1 + 0.015 * take.wobble(7.0)), 25.0, 0.02)
    first = 950 * tract / 1.3 * wails.shape([0, 0.3, 0.8, 1, 2], [0.75, 1.1, 1.0, 0.7, 0.7])
    formants = [first, np.full(len(first), 1650 * tract), np.full(len(first), 3300 * tract / 1.3)]
    loudness = wails.shape([0, 0.08, 0.5, 0.85, 1.0, 1.01], [0, 0.8, 1.0, 0.8, 0.05, 0.0])
    grit = 1 + (0.25 + 0.35 * take.roughness) * take.wander(55.0) * wails.shape(
        [0, 0.2, 0.5, 0.8, 1, 2], [0, 0.4, 1, 0.6, 0, 0]
    )
    voice = voiced(
        take, pitch, formants, loudness * grit, slope=5.0, gains=(1.0, 0.8, 0.5), widths=(300.0, 400.0, 600.0)
    )
    gasp = wails.shape([0, 1.0, 1.12, 1.2, 1.3, 9], [0, 0, 1, 0.8, 0, 0])
    return voice + noise(
        take, lambda f: resonances(f, [1900, 3800], [900, 1800], [1, 0.7]), 0.22 * np.std(voice) * gasp
    )


def baby_laughter(take: Take) -> np.ndarray:
    """Chuckles: runs of quick "ha" syllables, each lower and softer than the one before; some begin with a squeal."""
    rng = take.rng
    base = draw_ratio(take.voice, (290, 430)) * take.pitch**0.7
    tract = take.tract * 1.5
    rate = draw(take.voice, (4.2, 6.0)) * take.tempo
    syllables = pattern(take, (0.5 / rate, 0.65 / rate), (0.4 / rate, 0.5 / rate))
    opens = rng.random(syllables.count) < 0.16  # the syllable opens a new run
    opens[0] = True
    place = np.arange(syllables.count) - np.maximum.accumulate(np.where(opens, np.arange(syllables.count), 0))
    squeals = opens & (rng.random(syllables.count) < 0.7)
    height = base * 1.25 * 0.94**place * np.where(squeals, rng.uniform(1.5, 2.2, syllables.count), 1.0)
    strength = 0.3 + 0.7 * 0.85**place
    starts = syllables.starts + 0.22 * (np.cumsum(opens) - 1)  # a breath before each run
    syllables = pattern_at(take, starts, syllables.durations * np.where(squeals, 1.5, 1.0))
    fall = syllables.shape([0, 0.3, 1, 2], [1.12, 1.15, 0.85, 1.0])
    pitch = shaky(take, syllables.per_event(height) * fall, 25.0, 0.015)
    formants = [np.full(len(pitch), hertz * tract) for hertz in (720, 1450, 2600)]
    loudness = syllables.per_event(strength)
    vowel = loudness * syllables.shape([0, 0.2, 0.45, 0.8, 1, 2], [0, 0.1, 1, 0.7, 0, 0])
    voice = voiced(take, pitch, formants, vowel, slope=9.0, gains=(1.0, 0.5, 0.2), widths=(250.0, 300.0, 500.0))
    breath = loudness * syllables.shape([0, 0.1, 0.3, 0.5, 1.0, 1.3, 2, 9], [0.4, 1, 0.6, 0.1, 0.3, 0.5, 0.1, 0])
    aspirate = noise(take, lambda f: resonances(f, [1500, 3600], [900, 2500], [1, 0.6]), breath)
    return voice + 0.45 * np.std(voice) * aspirate
