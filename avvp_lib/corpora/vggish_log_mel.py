"""VGGish's log-mel examples (Hershey et al., ICASSP 2017): what AVSBench keeps beside each clip's frames, and VGGish takes as input.

The waveform is cut into frames of 25 ms, 10 ms apart and without padding; magnitudes of a 512-point Fourier transform go through 64
triangular mel bands from 125 to 7500 Hz; the natural logarithm of the band plus 0.01 is kept. 96 frames make an example.

**Two framings.** "continuous" lays examples end to end, 0.96 s each, as AVSBench does: example i covers [0.96 i, 0.96 i + 0.975] s and so
runs ahead of second i, by 0.36 s at the tenth. "per_second" passes each second alone, as the features of LLP were made: example i covers
[i, i + 0.975] s. They differ in every example but the first: never mix them.
"""

from __future__ import annotations

from functools import cache

import numpy as np

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT_SIZE = 400, 160, 512  # samples: 25 ms, 10 ms
MELS, LOWEST, HIGHEST = 64, 125.0, 7500.0  # Hz
FLOOR = 0.01  # added before the logarithm, so that silence is finite
EXAMPLE_FRAMES = 96
EXAMPLE_SAMPLES = (EXAMPLE_FRAMES - 1) * HOP + WINDOW
"""15,600: the shortest waveform that gives an example."""

FRAMINGS = ("continuous", "per_second")


def vggish_log_mel(waveform: np.ndarray, framing: str = "continuous") -> np.ndarray:
    """The examples of a waveform.

    Args:
        waveform: (samples,) mono in [-1, 1] at 16 kHz.
        framing: "continuous" or "per_second", see above.

    Returns:
        (n, 96, 64) float32, computed in float64; what does not fill an example is left out, so n may be 0.

    Raises:
        ValueError: another shape, a NaN or an infinity, or an unknown framing.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1:
        raise ValueError(f"waveform must be (samples,), mono, not {waveform.shape}: average the channels")
    if not np.isfinite(waveform).all():
        raise ValueError("waveform holds a NaN or an infinity")
    if framing not in FRAMINGS:
        raise ValueError(f"unknown framing {framing!r}: choose one of {', '.join(FRAMINGS)}")
    if framing == "continuous":
        return _examples(waveform)
    seconds = [waveform[start : start + SAMPLE_RATE] for start in range(0, len(waveform), SAMPLE_RATE)]
    return np.concatenate([_empty(), *(_examples(second)[:1] for second in seconds)])


def _examples(waveform: np.ndarray) -> np.ndarray:
    frames = log_mel_frames(waveform)
    number = len(frames) // EXAMPLE_FRAMES
    return frames[: number * EXAMPLE_FRAMES].reshape(number, EXAMPLE_FRAMES, MELS).astype(np.float32)


def _empty() -> np.ndarray:
    return np.empty((0, EXAMPLE_FRAMES, MELS), np.float32)


def log_mel_frames(waveform: np.ndarray) -> np.ndarray:
    """(1 + (samples - 400) // 160, 64) float64: one row every 10 ms; none of a waveform shorter than a window."""
    waveform = np.asarray(waveform, np.float64)
    if len(waveform) < WINDOW:
        return np.empty((0, MELS))
    windows = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)  # periodic
    magnitudes = np.abs(np.fft.rfft(windows * hann, FFT_SIZE))
    return np.log(magnitudes @ mel_matrix() + FLOOR)


@cache
def mel_matrix() -> np.ndarray:
    """(257, 64) float64: triangles with straight sides on the mel scale and height 1; nothing of the constant component."""
    hertz = np.arange(FFT_SIZE // 2 + 1) * SAMPLE_RATE / FFT_SIZE
    edges = np.linspace(_mel(np.array(LOWEST)), _mel(np.array(HIGHEST)), MELS + 2)
    mel = _mel(hertz)[:, None]
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    matrix = np.maximum(0.0, np.minimum(rising, falling))
    matrix[0] = 0.0
    matrix.flags.writeable = False  # shared by all callers
    return matrix


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hertz / 700.0)
