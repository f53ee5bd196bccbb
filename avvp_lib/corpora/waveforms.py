"""Wav files in, waveforms at 16 kHz out, as VGGish's front end takes them."""

from __future__ import annotations

import math
import struct
import warnings
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from avvp_lib.corpora.vggish_log_mel import SAMPLE_RATE

FULL_SCALE = 32768.0


def read_wav(path: Path) -> np.ndarray:
    """(samples,) float32 mono in [-1, 1) at 16 kHz: channels averaged, other rates resampled by a polyphase filter.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no wav file of 16-bit integers, or holds no sample.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that hold no sound, such as tags
            rate, samples = wavfile.read(path)
    except FileNotFoundError:
        raise
    except (ValueError, EOFError, OSError, struct.error) as error:
        raise ValueError(f"{path} is no wav file that can be read ({error}): get it again") from error
    if samples.dtype != np.int16 or samples.size == 0:
        raise ValueError(
            f"{path} holds {samples.size} samples of {samples.dtype}, and 16-bit integers are expected; convert it: "
            f"ffmpeg -i {path.name} -acodec pcm_s16le -ar {SAMPLE_RATE} new.wav"
        )
    waveform = samples / FULL_SCALE
    if waveform.ndim > 1:
        waveform = waveform.mean(1)
    if rate != SAMPLE_RATE:
        common = math.gcd(rate, SAMPLE_RATE)
        waveform = resample_poly(waveform, SAMPLE_RATE // common, rate // common)
    return waveform.astype(np.float32)


def write_wav(path: Path, waveform: np.ndarray) -> None:
    """Write (samples,) float mono in [-1, 1] as 16-bit integers at 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.clip(np.round(waveform * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    wavfile.write(path, SAMPLE_RATE, pcm)
