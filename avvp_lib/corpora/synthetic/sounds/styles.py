"""The two rendering domains: how the same category sounds from one domain to the other.

Both domains share every generator. A domain moves the ranges that pitch, tempo, formants, brightness and roughness are
drawn from, the echoes around an event and the spectrum of the background. The ranges overlap, so that what is learnt in
one domain is worth something in the other, and not everything.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Style:
    """Ranges from which one recording is drawn.

    pitch, tempo, tract: factors on fundamental frequency, on the rate of repetition and on formant frequencies.
    tilt: spectral slope added to the category's own, dB per octave. roughness: 0 (steady) to 1 (irregular).
    echo, echo_seconds: strength of the first reflection relative to the event, and its delay.
    hiss: exponent p of the background's power spectrum 1 / f^p. hum: mains frequency in Hz, or None.
    room_seconds: reverberation time of `colour`. low_cut, high_cut: pass band of its microphone, Hz.
    """

    pitch: Range
    tempo: Range
    tract: Range
    tilt: Range
    roughness: Range
    echo: Range
    echo_seconds: Range
    hiss: Range
    hum: float | None
    room_seconds: Range
    low_cut: Range
    high_cut: Range


STYLES = {
    "studio": Style(
        pitch=(0.95, 1.22),
        tempo=(0.88, 1.08),
        tract=(0.97, 1.14),
        tilt=(-1.0, 1.5),
        roughness=(0.1, 0.55),
        echo=(0.0, 0.2),
        echo_seconds=(0.004, 0.018),
        hiss=(0.4, 1.2),
        hum=50.0,
        room_seconds=(0.1, 0.35),
        low_cut=(30.0, 90.0),
        high_cut=(5500.0, 7600.0),
    ),
    "street": Style(
        pitch=(0.82, 1.04),
        tempo=(0.98, 1.25),
        tract=(0.86, 1.02),
        tilt=(-3.5, 0.0),
        roughness=(0.4, 1.0),
        echo=(0.15, 0.5),
        echo_seconds=(0.02, 0.07),
        hiss=(1.0, 2.0),
        hum=None,
        room_seconds=(0.3, 0.9),
        low_cut=(60.0, 220.0),
        high_cut=(3200.0, 6500.0),
    ),
}
DOMAINS = tuple(STYLES)
