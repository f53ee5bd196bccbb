"""The sound of each category: the table from names to generators, and the four functions a renderer needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from avvp_lib.corpora.synthetic.sounds import animals, crowds, household, instruments, machines, more, voices
from avvp_lib.corpora.synthetic.sounds.ambience import DISTRACTORS, background
from avvp_lib.corpora.synthetic.sounds.recording import finish, room_and_microphone
from avvp_lib.corpora.synthetic.sounds.styles import STYLES, Style
from avvp_lib.corpora.synthetic.sounds.synthesis import Take

LOWEST_RATE = 16_000  # Hz; alarms, birds and hisses need the band up to 8 kHz

GENERATORS: Mapping[str, Callable[[Take], np.ndarray]] = {
    "Speech": voices.speech,
    "Car": machines.car,
    "Cheering": crowds.cheering,
    "Dog": animals.dog,
    "Cat": animals.cat,
    "Frying_(food)": household.frying,
    "Basketball_bounce": household.basketball,
    "Fire_alarm": household.fire_alarm,
    "Chainsaw": machines.chainsaw,
    "Cello": instruments.cello,
    "Banjo": instruments.banjo,
    "Singing": voices.singing,
    "Chicken_rooster": animals.chicken_rooster,
    "Violin_fiddle": instruments.violin,
    "Vacuum_cleaner": machines.vacuum_cleaner,
    "Baby_laughter": voices.baby_laughter,
    "Accordion": instruments.accordion,
    "Lawn_mower": machines.lawn_mower,
    "Motorcycle": machines.motorcycle,
    "Helicopter": machines.helicopter,
    "Acoustic_guitar": instruments.acoustic_guitar,
    "Telephone_bell_ringing": household.telephone,
    "Baby_cry_infant_cry": voices.baby_cry,
    "Blender": machines.blender,
    "Clapping": crowds.clapping,
    **more.GENERATORS,
}
SOUND_CATEGORIES = tuple(GENERATORS)


def sound(
    category: str, domain: str, rng: np.random.Generator, seconds: float, sample_rate: int = 16_000
) -> np.ndarray:
    """One event of a category, from its onset to its offset; every second of it can be recognised.

    Equal random states give equal sounds, and the same voice at another length.

    Args:
        category: one of `SOUND_CATEGORIES`: LLP's names, and those of `sounds.more`.
        domain: one of `DOMAINS`.
        rng: source of all randomness; advanced.
        seconds: length, positive.
        sample_rate: Hz.

    Returns:
        (round(seconds * sample_rate),) float32 with 10 ms ramps at both ends and RMS 1 over its active parts: those
        20 ms frames whose power is within 20 dB of the loudest frame's. Peaks reach 3 to 7.

    Raises:
        ValueError: unknown category or domain, a length that is not positive, or a sample rate below 16 kHz.
    """
    if category not in GENERATORS:
        raise ValueError(f"no sound for category {category!r}; there is one for each of {', '.join(SOUND_CATEGORIES)}")
    take = _take(domain, rng, seconds, sample_rate)
    return finish(take, GENERATORS[category](take))


def distractor_sound(domain: str, rng: np.random.Generator, seconds: float, sample_rate: int = 16_000) -> np.ndarray:
    """A sound of no category: knocks, wind, a bird, drips, steps, blips, rustling or cutlery. Otherwise as `sound`."""
    take = _take(domain, rng, seconds, sample_rate)
    return finish(take, DISTRACTORS[rng.integers(len(DISTRACTORS))](take))


def ambience(domain: str, rng: np.random.Generator, seconds: float, sample_rate: int = 16_000) -> np.ndarray:
    """Background noise of a random colour: (round(seconds * sample_rate),) float32 of RMS 1 over its whole length.

    Raises:
        ValueError: as `sound`.
    """
    wave = background(_take(domain, rng, seconds, sample_rate))
    return wave / np.float32(np.sqrt(np.mean(np.square(wave))))


def colour(waveform: np.ndarray, domain: str, rng: np.random.Generator, sample_rate: int = 16_000) -> np.ndarray:
    """The same clip heard in a random room through a random microphone of the domain.

    Args:
        waveform: (samples,) of any length above zero.

    Returns:
        (samples,) float32 with the RMS of `waveform`; onsets stay where they were.

    Raises:
        ValueError: a waveform that is empty or not one-dimensional, an unknown domain, a sample rate below 16 kHz.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(
            f"a clip is a non-empty array (samples,), not one of shape {waveform.shape}; colour channels one by one"
        )
    _check_rate(sample_rate)
    return room_and_microphone(waveform.astype(np.float32), _style(domain), rng, sample_rate)


def _take(domain: str, rng: np.random.Generator, seconds: float, sample_rate: int) -> Take:
    _check_rate(sample_rate)
    style = _style(domain)
    samples = round(seconds * sample_rate) if np.isfinite(seconds) else 0
    if samples < 1:
        raise ValueError(f"a sound must last a positive number of seconds, not {seconds}")
    return Take(rng, style, samples, sample_rate)


def _style(domain: str) -> Style:
    if domain not in STYLES:
        raise ValueError(f"unknown rendering domain {domain!r}; choose one of {', '.join(STYLES)}")
    return STYLES[domain]


def _check_rate(sample_rate: int) -> None:
    if sample_rate < LOWEST_RATE:
        raise ValueError(f"a sample rate of {sample_rate} Hz is too low for these sounds; use {LOWEST_RATE} Hz or more")
