"""Engines and motors: cars, motorcycles, chainsaws, mowers, helicopters, vacuum cleaners and blenders."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    TICKS_PER_SECOND,
    Curve,
    Take,
    band,
    draw,
    draw_ratio,
    noise,
    pattern,
    resonances,
    roll_off,
    tone,
)


def _engine(
    take: Take, firing: Curve, exhaust: list[tuple[float, float, float]], slope: float, uneven: float = 0.0
) -> np.ndarray:
    """(samples,) of RMS 1: a pulse a stroke at `firing` Hz through exhaust resonances (centre, width, gain).

    `uneven` in [0, 1] weakens the odd strokes, which adds a subharmonic and the lope of two cylinders.
    """
    centres, widths, gains = zip(*exhaust, strict=True)

    def spectrum(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        amplitudes = resonances(frequencies, centres, widths, gains, 0.06) * roll_off(frequencies, 400.0, slope)
        amplitudes[:, 0::2] *= uneven  # harmonics of the whole cycle that are none of the stroke
        return amplitudes

    wave = tone(take, firing / 2, spectrum, coherent=True)
    return wave / (np.std(wave) + 1e-9)


def _pulsed(take: Take, wave: np.ndarray, firing: Curve, depth: float) -> np.ndarray:
    """Noise that breathes once a stroke."""
    phase = np.cumsum(firing) / TICKS_PER_SECOND
    return wave * take.to_samples(1 - depth / 2 + depth / 2 * np.cos(2 * np.pi * phase))


def chainsaw(take: Take) -> np.ndarray:
    """A two-stroke snarl between 90 and 200 strokes a second that revs up and bites into the wood."""
    rng = take.rng
    idle = draw_ratio(take.voice, (85, 120)) * take.pitch
    cuts = pattern(take, (0.7 / take.tempo, 1.6 / take.tempo), (0.1, 0.4))
    top = cuts.per_event(rng.uniform(1.5, 2.0, cuts.count)) - 1
    revs = cuts.shape([0, 0.15, 0.3, 0.85, 1.0, 1.3, 9], [0, 1, 0.82, 0.9, 0.9, 0.1, 0])
    firing = idle * (1 + top * revs) * (1 + take.wander(14.0, 0.012 * (1 + take.roughness)))
    exhaust = [(480 * take.tract, 500, 0.8), (1500 * take.tract, 900, 1.0), (3300 * take.tract, 1800, 0.7)]
    motor = _engine(take, firing, exhaust, slope=2.0, uneven=0.35)
    loudness = take.to_samples(0.55 + 0.45 * revs)
    chips = noise(
        take, lambda f: resonances(f, [2600.0, 5000.0], [2500.0, 3000.0], [1.0, 0.7], 0.05), 0.25 + 0.5 * revs
    )
    return motor * loudness + _pulsed(take, chips, firing, 0.8)


def car(take: Take) -> np.ndarray:
    """A four-cylinder engine that pulls away or idles over the roar of its tyres, low and smooth; some drivers honk."""
    rng = take.rng
    base = draw_ratio(take.voice, (42, 75)) * take.pitch
    gear, climb = draw(take.voice, (1.6, 3.2)) / take.tempo, draw(take.voice, (0.1, 0.7))
    honks = take.voice.random() < 0.3
    phase = (take.ticks / gear + rng.random()) % 1
    firing = base * (1 + climb * phase) * (1 + take.wander(3.0, 0.012))
    exhaust = [(95 * take.tract, 80, 1.0), (240 * take.tract, 180, 0.5), (600 * take.tract, 500, 0.18)]
    motor = _engine(take, firing, exhaust, slope=7.0, uneven=0.25)
    passing = np.clip(1 + take.wander(0.5, 0.25), 0.4, None)
    tyres = noise(take, lambda f: resonances(f, [120.0, 800 * take.tract], [200.0, 1100.0], [1.0, 0.45], 0.01), passing)
    wave = motor * take.to_samples(passing) + draw(take.voice, (0.5, 1.1)) * tyres
    return wave + _horn(take) if honks else wave


def _horn(take: Take) -> np.ndarray:
    """Two notes a third apart, blown for a third of a second now and then."""
    low = draw(take.voice, (340, 430)) * take.pitch
    calls = pattern(take, (0.25, 0.6), (0.3, 1.5), lead=(0.05, 0.6))
    blown = take.to_samples(calls.shape([0, 0.06, 0.94, 1.0, 9], [0, 1, 1, 0, 0]))
    steady = np.full(len(take.ticks), low)

    def reed(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        return resonances(frequencies, [1900.0], [2400.0], [1.0], 0.3) * roll_off(frequencies, 900.0, 4.0)

    return 0.8 * blown * (tone(take, steady, reed) + tone(take, 1.26 * steady, reed))


def motorcycle(take: Take) -> np.ndarray:
    """A big twin: uneven, barking strokes that the throttle drags up and lets fall again."""
    rng = take.rng
    base = draw_ratio(take.voice, (45, 85)) * take.pitch
    lope = draw(take.voice, (0.5, 0.95))
    pulls = pattern(take, (0.5 / take.tempo, 1.4 / take.tempo), (0.1, 0.7))
    reach = pulls.per_event(rng.uniform(0.7, 1.9, pulls.count))
    throttle = pulls.shape([0, 0.45, 0.85, 1.0, 1.5, 9], [0, 0.75, 1, 0.9, 0.15, 0])
    firing = base * (1 + reach * throttle) * (1 + take.wander(10.0, 0.015 * (1 + take.roughness)))
    exhaust = [(180 * take.tract, 120, 1.0), (420 * take.tract, 260, 0.9), (1100 * take.tract, 800, 0.45)]
    motor = _engine(take, firing, exhaust, slope=3.5, uneven=lope)
    blast = noise(
        take, lambda f: resonances(f, [350.0, 1400.0], [400.0, 1800.0], [1.0, 0.5], 0.03), 0.3 + 0.3 * throttle
    )
    return motor * take.to_samples(0.6 + 0.4 * throttle) + 0.6 * _pulsed(take, blast, firing, 0.9)


def lawn_mower(take: Take) -> np.ndarray:
    """A single cylinder at one governed speed under the whir of the blade and the hiss of cut grass."""
    firing = draw_ratio(take.voice, (46, 62)) * take.pitch * (1 + take.wander(1.0, 0.01) + take.wander(9.0, 0.006))
    load = np.clip(1 + take.wander(0.9, 0.2), 0.5, None)
    exhaust = [(140 * take.tract, 100, 0.8), (380 * take.tract, 250, 0.8), (900 * take.tract, 700, 0.4)]
    motor = _engine(take, firing, exhaust, slope=4.5, uneven=draw(take.voice, (0.2, 0.6)))
    whir = tone(take, 2 * firing * draw(take.voice, (0.95, 1.05)) * 3, lambda t, f: roll_off(f, 500.0, 8.0))
    grass = noise(
        take, lambda f: resonances(f, [700 * take.tract, 2600 * take.tract], [900.0, 3000.0], [1.0, 0.6], 0.05), load
    )
    return motor + 0.35 * whir / (np.std(whir) + 1e-9) + _pulsed(take, 0.9 * grass, 2 * firing, 0.35)


def helicopter(take: Take) -> np.ndarray:
    """Ten to twenty thumps of the rotor a second over the rush of air and the thin whine of the turbine."""
    rng = take.rng
    beat = draw_ratio(take.voice, (10.5, 17.0)) * take.tempo**0.5
    whine = draw_ratio(take.voice, (900, 2200)) * take.pitch
    rotor = beat * (1 + take.wander(0.7, 0.01))
    phase = (np.cumsum(rotor) / TICKS_PER_SECOND + rng.random()) % 1
    slap = np.exp(-phase * draw(take.voice, (4.5, 7.5))) * np.minimum(1, phase * 25)
    distance = np.clip(1 + take.wander(0.5, 0.18), 0.5, None)
    thump = noise(
        take,
        lambda f: resonances(f, [75 * take.tract, 260 * take.tract], [90.0, 350.0], [1.0, 0.7], 0.02),
        slap * distance,
    )
    chop = noise(
        take, lambda f: resonances(f, [1100 * take.tract], [1800.0], [1.0], 0.03), (0.12 + 0.55 * slap) * distance
    )
    turbine = tone(
        take, whine * (1 + take.wander(1.5, 0.004)), lambda t, f: roll_off(f, whine, 14.0)
    ) * take.to_samples(distance)
    return 2.4 * thump + 0.6 * chop + 0.05 * turbine


def vacuum_cleaner(take: Take) -> np.ndarray:
    """A broad rush of air with a steady motor whine, brighter and darker as the nozzle is pushed to and fro."""
    whine = draw_ratio(take.voice, (190, 330)) * take.pitch
    nozzle = draw_ratio(take.voice, (480, 1100)) * take.tract
    stroke = take.wobble(draw(take.voice, (0.5, 1.0)) * take.tempo * (1 + take.wander(0.5, 0.1)))
    air = noise(
        take,
        lambda f: resonances(f, [nozzle, 2.7 * nozzle], [1.1 * nozzle, 3200.0], [1.0, 0.5], 0.12),
        1 - 0.25 * stroke,
    )
    rush = noise(take, lambda f: band(f, 2800, 6500), 0.45 + 0.2 * stroke)
    pitch = whine * (1 + 0.012 * stroke + take.wander(1.0, 0.003))
    exhaust = [(2.0 * whine, 150.0, 1.0), (6 * whine, 600.0, 0.7)]
    motor = tone(take, pitch, lambda t, f: resonances(f, *zip(*exhaust, strict=True), 0.1))
    return air + rush + 0.55 * motor / (np.std(motor) + 1e-9)


def blender(take: Take) -> np.ndarray:
    """A screaming motor of 250 to 450 Hz that labours as chunks hit its knives; some are switched in pulses."""
    base = draw_ratio(take.voice, (240, 430)) * take.pitch
    pulsing = take.voice.random() < 0.4
    spin = 1 - 0.45 * np.exp(-take.ticks / 0.12)
    if pulsing:
        spin = pattern(take, (0.7, 1.4), (0.1, 0.3)).shape([0, 0.2, 1.0, 1.2, 9], [0.55, 1, 1, 0.5, 0.4])
    knocks = np.clip(take.wander(16.0), -1.5, 1.5)
    pitch = base * spin * (1 - (0.015 + 0.02 * take.roughness) * (knocks + 1.5 * take.wander(2.0)))
    centre = draw_ratio(take.voice, (1500, 2600)) * take.tract

    def whine(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        body = resonances(frequencies, [centre, 2 * centre], [1400.0, 1600.0], [1.0, 0.6], 0.25)
        return body * roll_off(frequencies, 3000.0, 6.0)

    def jar(frequencies: np.ndarray) -> np.ndarray:
        return resonances(frequencies, [420.0, centre, 4500.0], [500.0, 2200.0, 3500.0], [0.6, 1.0, 0.5], 0.05)

    motor = tone(take, pitch, whine)
    churn = noise(take, jar, np.clip(0.8 + 0.45 * knocks, 0.1, None))
    return take.to_samples(spin**2) * (motor / (np.std(motor) + 1e-9) + 0.7 * churn)
