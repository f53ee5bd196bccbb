"""Log-mel spectrograms: a waveform as a picture of time and frequency."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def _hertz_to_mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)


@cache
def mel_filters(sample_rate: int, fft_size: int, mels: int, low: float, high: float) -> Tensor:
    """(fft_size // 2 + 1, mels) triangular filters, equally spaced and of equal height on the mel scale."""
    edges = torch.linspace(*_hertz_to_mel(torch.tensor([low, high])).tolist(), mels + 2)
    bins = _hertz_to_mel(torch.linspace(0, sample_rate / 2, fft_size // 2 + 1))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0)


def log_mel(
    waveform: Tensor,
    sample_rate: int = 16_000,
    fft_size: int = 512,
    hop: int = 250,
    mels: int = 64,
    low: float = 60.0,
    high: float = 7800.0,
    floor: float = 1e-3,
) -> Tensor:
    """Natural logarithm of mel-band magnitudes.

    Args:
        waveform: (..., samples) float, one or more clips at `sample_rate`.
        hop: samples between frames; the number of frames is samples // hop.
        low, high: hertz, the range that the bands cover.
        floor: added before the logarithm, so silence is finite.

    Returns:
        (..., frames, mels) float32.
    """
    clips = waveform.reshape(-1, waveform.shape[-1])
    spectrum = torch.stft(clips, fft_size, hop, window=torch.hann_window(fft_size), return_complex=True).abs()
    frames = clips.shape[-1] // hop
    bands = spectrum[..., :frames].transpose(-1, -2) @ mel_filters(sample_rate, fft_size, mels, low, high)
    return torch.log(bands + floor).reshape(*waveform.shape[:-1], frames, mels)
