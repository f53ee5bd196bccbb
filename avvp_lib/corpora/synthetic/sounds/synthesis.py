"""A small synthesis kit: control curves, evolving harmonic tones, shaped noise, plucked strings, struck bodies.

Slow things (pitch, loudness, formants) are curves on a coarse control grid of `TICKS_PER_SECOND`; only the last step,
from curves to waveform, works on samples, and never in a Python loop over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import fft, ndimage

from avvp_lib.corpora.synthetic.sounds.styles import Range, Style

TICKS_PER_SECOND = 1000
ROWS_PER_SECOND = 120  # how often the spectrum of a tone may change
SILENCE = 60.0  # decibels of decay after which a struck or plucked sound is cut

Curve = np.ndarray  # (ticks,) values on the control grid
Spectrum = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # times (rows, 1) s, frequencies (rows, harmonics) Hz -> amplitudes


def draw(rng: np.random.Generator, limits: Range) -> float:
    """A number drawn evenly between two limits."""
    return float(rng.uniform(*limits))


def draw_ratio(rng: np.random.Generator, limits: Range) -> float:
    """A number drawn evenly on a logarithmic scale, as pitches and durations are heard."""
    return float(np.exp(rng.uniform(*np.log(limits))))


@dataclass
class Take:
    """One recording in the making: its random state, its length and the character drawn from its domain.

    Who or what sounds is drawn from `voice`, a fixed number of draws at any length; when and how it sounds, from `rng`.
    So equally seeded takes of different lengths have the same voice.
    """

    rng: np.random.Generator
    style: Style
    samples: int
    rate: int
    voice: np.random.Generator = field(init=False)
    pitch: float = field(init=False)
    tempo: float = field(init=False)
    tract: float = field(init=False)
    tilt: float = field(init=False)
    roughness: float = field(init=False)

    def __post_init__(self) -> None:
        self.voice = np.random.default_rng(self.rng.integers(2**63))
        self.pitch = draw_ratio(self.voice, self.style.pitch)
        self.tempo = draw_ratio(self.voice, self.style.tempo)
        self.tract = draw_ratio(self.voice, self.style.tract)
        self.tilt = draw(self.voice, self.style.tilt)
        self.roughness = draw(self.voice, self.style.roughness)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @cached_property
    def ticks(self) -> Curve:
        """(ticks,) seconds: the control grid, reaching just beyond the last sample."""
        return np.arange(int(np.ceil(self.seconds * TICKS_PER_SECOND)) + 1) / TICKS_PER_SECOND

    @cached_property
    def _tick_of_sample(self) -> tuple[np.ndarray, np.ndarray]:
        position = np.arange(self.samples, dtype=np.float64) * (TICKS_PER_SECOND / self.rate)
        tick = np.minimum(position.astype(np.int32), len(self.ticks) - 2)
        return tick, (position - tick).astype(np.float32)

    def to_samples(self, curve: Curve) -> np.ndarray:
        """(samples,) float32: a control curve, linearly interpolated."""
        tick, weight = self._tick_of_sample
        curve = np.asarray(curve, np.float32)
        return curve[tick] + np.diff(curve)[tick] * weight

    def wander(self, hertz: float, depth: float = 1.0) -> Curve:
        """(ticks,): a smooth random curve of standard deviation `depth` that changes about `hertz` times a second."""
        knots = self.rng.standard_normal(int(self.seconds * hertz) + 4)
        position = self.ticks * hertz + 0.5
        left = position.astype(int)
        blend = (1 - np.cos(np.pi * (position - left))) / 2
        return depth * 1.15 * ((1 - blend) * knots[left] + blend * knots[left + 1])

    def wobble(self, hertz: float | Curve) -> Curve:
        """(ticks,): a sine of the given (possibly changing) frequency and random phase."""
        phase = np.cumsum(np.broadcast_to(hertz, self.ticks.shape)) / TICKS_PER_SECOND
        return np.sin(2 * np.pi * (phase + self.rng.random()))


# --- events in time ---


@dataclass(frozen=True)
class Pattern:
    """Events one after the other. Curves of an event are functions of `progress`: 0 at its start, 1 at its end.

    In the rest until the next event progress goes on beyond 1; before the first event it is 9.

    starts, durations: (events,) seconds. index: (ticks,) the event each tick belongs to. progress: (ticks,).
    """

    starts: np.ndarray
    durations: np.ndarray
    index: np.ndarray
    progress: np.ndarray

    def per_event(self, values: np.ndarray) -> Curve:
        """(ticks,): one value per event, held until the next event."""
        return np.asarray(values)[self.index]

    def shape(self, times: Sequence[float], values: Sequence[float]) -> Curve:
        """(ticks,): straight lines through (progress, value) points, the same in every event."""
        return np.interp(self.progress, times, values)

    def glide(self, values: np.ndarray, seconds: float) -> Curve:
        """(ticks,): one value per event, reached from the value before it within `seconds`."""
        values = np.asarray(values, float)
        before = np.concatenate([values[:1], values[:-1]])
        elapsed = self.progress * self.durations[self.index]
        return before[self.index] + (values - before)[self.index] * np.clip(elapsed / seconds, 0, 1)

    @property
    def count(self) -> int:
        return len(self.starts)


def pattern(take: Take, durations: Range, rests: Range, lead: Range = (0.0, 0.05)) -> Pattern:
    """Events of random lengths with random rests between them, from `lead` seconds after the beginning on."""
    count = int(take.seconds / (durations[0] + max(rests[0], 0.0))) + 2
    lead_in = draw(take.rng, lead)
    lengths, pauses = take.rng.uniform(*durations, count), take.rng.uniform(*rests, count)
    starts = lead_in + np.concatenate([[0.0], np.cumsum(lengths + pauses)[:-1]])
    return pattern_at(take, starts, lengths)


def pattern_at(take: Take, starts: np.ndarray, durations: np.ndarray) -> Pattern:
    """Events at given times; the ones that begin after the end of the take are dropped."""
    keep = starts < take.seconds
    keep[0] = True
    starts, durations = starts[keep], durations[keep]
    index = np.maximum(np.searchsorted(starts, take.ticks, side="right") - 1, 0)
    progress = (take.ticks - starts[index]) / durations[index]
    return Pattern(starts, durations, index, np.where(progress < 0, 9.0, progress))


def hit_times(take: Take, interval: Range, first: Range = (0.0, 0.05)) -> np.ndarray:
    """(hits,) seconds: blows with random intervals between them."""
    count = int(take.seconds / interval[0]) + 2
    start = draw(take.rng, first)
    times = start + np.concatenate([[0.0], np.cumsum(take.rng.uniform(*interval, count))])
    return times[times < take.seconds]


# --- waveforms ---


def tone(take: Take, pitch: Curve, spectrum: Spectrum, coherent: bool = False) -> np.ndarray:
    """(samples,) float32: harmonics of a moving pitch whose amplitudes follow `spectrum`.

    Every few periods one period is synthesised by an inverse FFT of the amplitudes at that moment; the waveform reads
    through these tables at the speed of the pitch.

    Args:
        take: length, rate and random state.
        pitch: (ticks,) Hz, positive.
        spectrum: amplitudes of the harmonics at given times and frequencies.
        coherent: all harmonics peak within a third of a period (pulses: engines, throats) instead of at random phases.
    """
    phase = np.concatenate([[0.0], np.cumsum(pitch[:-1])]) / TICKS_PER_SECOND
    stride = max(1, int(np.mean(pitch) / ROWS_PER_SECOND))
    row_phase = np.arange(0.5, np.ceil((phase[-1] + 1) / stride)) * stride
    times = np.interp(row_phase, phase, take.ticks)
    fundamental = np.interp(times, take.ticks, pitch)
    harmonics = np.arange(1, int(np.clip(0.46 * take.rate / fundamental.min(), 1, 200)) + 1)
    frequencies = fundamental[:, None] * harmonics
    amplitudes = np.where(frequencies < 0.46 * take.rate, spectrum(times[:, None], frequencies), 0.0)
    dispersed = 0.35 * np.pi * harmonics**2 / len(harmonics) + np.pi / 2
    angles = dispersed if coherent else take.rng.uniform(0, 2 * np.pi, len(harmonics))
    size = max(512, 1 << int(np.ceil(np.log2(6 * len(harmonics)))))
    coefficients = np.zeros((len(times), size // 2 + 1), np.complex64)
    coefficients[:, 1 : len(harmonics) + 1] = amplitudes * np.exp(1j * angles) * (size / 2)
    tables = fft.irfft(coefficients, size, axis=1)
    return _read_tables(take, phase, stride, tables)


def _read_tables(take: Take, phase: Curve, stride: int, tables: np.ndarray) -> np.ndarray:
    """(samples,) float32: `tables` (rows, size), one period each, read at phase (ticks,) in periods."""
    tick, weight = take._tick_of_sample
    position = phase[tick] + np.diff(phase)[tick] * weight
    period = position.astype(np.int32)
    column = ((position - period) * tables.shape[1]).astype(np.int32)
    row = np.minimum(period // stride, len(tables) - 1)
    return tables.ravel()[row * tables.shape[1] + column]


def noise(take: Take, response: Callable[[np.ndarray], np.ndarray], envelope: Curve | None = None) -> np.ndarray:
    """(samples,) float32 of RMS 1 before the envelope: Gaussian noise of amplitude spectrum `response(Hz)`."""
    return shaped_noise(take.rng, take.samples, take.rate, response) * (
        1.0 if envelope is None else take.to_samples(envelope)
    )


def shaped_noise(
    rng: np.random.Generator, samples: int, rate: int, response: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """(samples,) float32 of RMS 1: Gaussian noise of amplitude spectrum `response(Hz)`."""
    size = fft.next_fast_len(samples, real=True)
    frequencies = fft.rfftfreq(size, 1 / rate).astype(np.float32)
    parts = rng.standard_normal((len(frequencies), 2), np.float32)
    gain = np.asarray(response(np.maximum(frequencies, 1.0)), np.float32)
    wave = fft.irfft(parts.view(np.complex64)[:, 0] * gain, size)[:samples]
    return wave / (np.sqrt(np.mean(np.square(wave))) + 1e-12)


def pluck(rate: int, pitch: float, seconds: float, amplitudes: np.ndarray, decays: np.ndarray) -> np.ndarray:
    """(samples,) float32: a plucked string: harmonics `amplitudes` (H,) that fade at `decays` (H,) nepers a second."""
    harmonics = np.arange(1, min(len(amplitudes), max(1, int(0.46 * rate / pitch))) + 1)
    periods = int(np.ceil(seconds * pitch)) + 1
    fading = np.exp(-np.arange(periods)[:, None] / pitch * decays[None, : len(harmonics)])
    size = 1 << int(np.ceil(np.log2(8 * len(harmonics) + 56)))
    coefficients = np.zeros((periods, size // 2 + 1), np.complex64)
    angles = np.exp(1j * np.pi * harmonics * (harmonics - 1) / len(harmonics))  # spreads the energy over the period
    coefficients[:, 1 : len(harmonics) + 1] = amplitudes[: len(harmonics)] * fading * angles * (size / 2)
    tables = fft.irfft(coefficients, size, axis=1).ravel()
    index = (np.arange(int(seconds * rate)) * (pitch / rate * size)).astype(np.int32)
    return fade(tables[index], rate, 0.0015, 0.02)


def ring(rate: int, pitches: np.ndarray, decays: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """(samples,) float32: a struck body: sines (K,) Hz that fade at `decays` (K,) nepers a second."""
    seconds = SILENCE / 8.686 / np.min(decays)
    time = np.arange(int(seconds * rate), dtype=np.float32) / rate
    body = np.zeros(len(time), np.float32)
    for pitch, decay, amplitude in zip(pitches, decays, amplitudes, strict=True):
        if pitch < 0.46 * rate:
            body += amplitude * np.exp(-np.float32(decay) * time) * np.sin(np.float32(2 * np.pi * pitch) * time)
    return body


def burst(rng: np.random.Generator, rate: int, decay_seconds: float, response: Callable) -> np.ndarray:
    """(samples,) float32: a noise burst with an immediate attack that falls by 60 dB in `decay_seconds`."""
    samples = max(16, int(decay_seconds * rate))
    falling = np.exp(-6.9 * np.arange(samples, dtype=np.float32) / samples)
    return shaped_noise(rng, samples, rate, response) * falling


def scatter(take: Take, times: np.ndarray, gains: np.ndarray, kernels: Sequence[np.ndarray]) -> np.ndarray:
    """(samples,) float32: at each time one of the kernels, in random order, with its gain."""
    out = np.zeros(take.samples, np.float32)
    choice = take.rng.integers(len(kernels), size=len(times))
    for start, gain, kernel in zip((times * take.rate).astype(int), np.float32(gains), choice, strict=True):
        piece = kernels[kernel][: take.samples - start]
        out[start : start + len(piece)] += gain * piece
    return out


def convolve(wave: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(samples,) float32: `wave` through the impulse response `kernel`, cut to the length of `wave`."""
    size = fft.next_fast_len(len(wave) + len(kernel) - 1, real=True)
    spectrum = fft.rfft(wave.astype(np.float32), size) * fft.rfft(kernel.astype(np.float32), size)
    return fft.irfft(spectrum, size)[: len(wave)]


def even_out(wave: np.ndarray, rate: int, amount: float = 0.6, window: float = 0.15) -> np.ndarray:
    """(samples,) float32 of RMS 1: loud and soft passages brought closer, as a throat or a recording level does.

    `amount` 0 leaves the dynamics, 1 removes them; `window` is the time over which loudness is judged, in seconds.
    """
    power = ndimage.uniform_filter1d(np.square(wave), int(window * rate), mode="nearest")
    floor = 0.01 * power.max() + 1e-12
    out = wave * (power + floor) ** np.float32(-amount / 2)
    return out / (np.std(out) + 1e-9)


def fade(wave: np.ndarray, rate: int, fade_in: float, fade_out: float) -> np.ndarray:
    """The same samples with linear ramps of the given seconds at both ends."""
    rise, fall = (max(1, min(int(s * rate), len(wave) // 2)) for s in (fade_in, fade_out))
    wave = wave.copy()
    wave[:rise] *= np.linspace(0, 1, rise, dtype=wave.dtype)
    wave[-fall:] *= np.linspace(1, 0, fall, dtype=wave.dtype)
    return wave


# --- spectra ---


def resonances(
    frequencies: np.ndarray, centres: Sequence, widths: Sequence, gains: Sequence, floor: float = 0.01
) -> np.ndarray:
    """Amplitude response of parallel resonators (Hz, Hz, linear). Centres may be arrays that broadcast."""
    total = np.full_like(frequencies, floor)
    for centre, width, gain in zip(centres, widths, gains, strict=True):
        offset = (frequencies - centre) * (2 / width)
        total += gain / (1 + offset * offset)
    return total


def roll_off(frequencies: np.ndarray, corner: float, decibels_per_octave: float) -> np.ndarray:
    """Amplitude response that is flat up to `corner` Hz and falls steadily above it."""
    slope = np.float32(decibels_per_octave / 6.02 / 2)
    return (1 + np.square(frequencies * np.float32(1 / corner))) ** -slope


def band(frequencies: np.ndarray, low: float, high: float, steepness: int = 2) -> np.ndarray:
    """Amplitude response of a band-pass: 1 from `low` to `high` Hz; 6 dB per octave and step of steepness beyond."""
    below = (low / frequencies) ** (2 * steepness)
    above = (frequencies / high) ** (2 * steepness)
    return 1 / np.sqrt((1 + below) * (1 + above))
