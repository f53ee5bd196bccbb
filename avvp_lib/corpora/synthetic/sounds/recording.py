"""From a take to a recording: brightness, echo, loudness, and the room and microphone that colour a whole clip."""

from __future__ import annotations

import numpy as np
from scipy import fft, signal

from avvp_lib.corpora.synthetic.sounds.styles import Style
from avvp_lib.corpora.synthetic.sounds.synthesis import Take, band, draw, draw_ratio, fade

FADE_SECONDS = 0.01
FRAME_SECONDS = 0.02
ACTIVE_DECIBELS = 20.0
LIMIT = 6.0  # times the RMS
SHELF_HERTZ = 1500.0
SHELF_OCTAVES = 3.0  # a slope in dB per octave becomes a shelf of this many times as many dB
REFLECTIONS = ((1.0, 1.0), (-0.6, 1.9), (0.4, 3.1))  # strength and delay, in units of the first one's


def active_rms(wave: np.ndarray, rate: int) -> float:
    """RMS of the active parts: of those 20 ms frames whose power is within 20 dB of the loudest frame's."""
    frame = max(1, round(FRAME_SECONDS * rate))
    whole = len(wave) // frame * frame
    frames = wave[:whole].reshape(-1, frame) if whole else wave[None]
    power = np.mean(np.square(frames, dtype=np.float32), axis=1)
    return float(np.sqrt(power[power >= power.max() * 10 ** (-ACTIVE_DECIBELS / 10)].mean()))


def finish(take: Take, wave: np.ndarray) -> np.ndarray:
    """(samples,) float32: brightness and first echoes of the domain, clean edges, RMS 1 over the active parts."""
    strength, delay = draw(take.voice, take.style.echo), draw(take.voice, take.style.echo_seconds)
    direct = high_shelf(np.asarray(wave, np.float32), take.rate, SHELF_OCTAVES * take.tilt)
    echoed = direct.copy()
    for gain, times in REFLECTIONS:
        lag = int(times * delay * take.rate)
        if 0 < lag < len(direct):
            echoed[lag:] += np.float32(gain * strength) * direct[:-lag]
    echoed = fade(echoed, take.rate, FADE_SECONDS, FADE_SECONDS)
    return _normalised(_limited(_normalised(echoed, take.rate)), take.rate)


def _normalised(wave: np.ndarray, rate: int) -> np.ndarray:
    return wave / np.float32(max(active_rms(wave, rate), 1e-9))


def _limited(wave: np.ndarray) -> np.ndarray:
    """Peaks bent below `LIMIT`, as a recorder would, so that one loud click does not make the rest of a clip inaudible."""
    return wave / np.sqrt(1 + np.square(wave * np.float32(1 / LIMIT)))


def high_shelf(wave: np.ndarray, rate: int, decibels: float) -> np.ndarray:
    """(samples,) float32: a first-order filter that makes everything above `SHELF_HERTZ` louder or softer."""
    gain = 10 ** (decibels / 20)
    corner = np.tan(np.pi * SHELF_HERTZ / rate)
    numerator = np.array([corner + gain, corner - gain]) / (corner + 1)
    denominator = np.array([1.0, (corner - 1) / (corner + 1)])
    return signal.lfilter(numerator.astype(np.float32), denominator.astype(np.float32), wave)


def room_and_microphone(wave: np.ndarray, style: Style, rng: np.random.Generator, rate: int) -> np.ndarray:
    """(samples,) float32: `wave` in a random room through a random microphone, at the loudness it had."""
    seconds, wet = draw_ratio(rng, style.room_seconds), draw(rng, (0.05, 0.35))
    low, high = draw_ratio(rng, style.low_cut), min(draw(rng, style.high_cut), 0.48 * rate)
    knots = rng.normal(0.0, 2.5, 8)  # decibels at every octave from 62.5 Hz on
    tail_samples = int(seconds * rate)
    tail = rng.standard_normal(tail_samples, np.float32) * np.exp(
        -6.9 * np.arange(tail_samples, dtype=np.float32) / tail_samples
    )
    response = np.float32(wet) * tail / np.sqrt(np.sum(np.square(tail)) + 1e-9)
    response[0] += 1.0
    size = fft.next_fast_len(len(wave) + tail_samples, real=True)
    frequencies = np.maximum(fft.rfftfreq(size, 1 / rate), 1.0).astype(np.float32)
    equaliser = 10 ** (np.interp(np.log2(frequencies / 62.5), np.arange(8), knots) / 20) * band(frequencies, low, high)
    spectrum = fft.rfft(wave.astype(np.float32), size) * fft.rfft(response, size) * equaliser.astype(np.float32)
    out = fft.irfft(spectrum, size)[: len(wave)]
    return out * np.float32(np.sqrt(np.mean(np.square(wave)) / (np.mean(np.square(out)) + 1e-12)))
