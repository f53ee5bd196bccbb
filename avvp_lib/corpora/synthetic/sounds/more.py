"""The sounds of twelve categories that LLP does not have: instruments, farm animals, traffic, tools, fireworks."""

from __future__ import annotations

import numpy as np

from avvp_lib.corpora.synthetic.sounds.synthesis import (
    TICKS_PER_SECOND,
    Take,
    band,
    burst,
    draw,
    draw_ratio,
    hit_times,
    noise,
    pattern,
    pluck,
    resonances,
    ring,
    roll_off,
    scatter,
    tone,
)
from avvp_lib.corpora.synthetic.sounds.voices import melody, shaky, voiced

# A bell's partials over its strike note: hum, prime, tierce, quint, nominal and two above it; and how fast they fade.
BELL_PARTIALS = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 3.01])
BELL_DECAYS = np.array([0.9, 1.6, 1.9, 2.6, 2.4, 4.5, 6.0])
BELL_GAINS = np.array([0.5, 0.8, 0.9, 0.35, 1.0, 0.55, 0.35])


def church_bell(take: Take) -> np.ndarray:
    """Two to four bells struck in turn, a blow every half second or so, that ring into each other."""
    strike = draw_ratio(take.voice, (260, 520)) * take.pitch
    pace = draw(take.voice, (0.42, 0.75)) / take.tempo
    peal = strike * 2 ** (-np.array([0, 2, 4, 7])[: int(take.voice.integers(2, 5))] / 12)
    stretch = draw(take.voice, (0.98, 1.03))
    bells = [ring(take.rate, pitch * BELL_PARTIALS**stretch, BELL_DECAYS, BELL_GAINS) for pitch in peal]
    times = hit_times(take, (0.95 * pace, 1.05 * pace))
    gains = take.rng.uniform(0.7, 1.0, len(times))
    clapper = burst(
        take.voice, take.rate, 0.03, lambda f: resonances(f, [2.5 * strike, 4200.0], [900.0, 2500.0], [1, 1])
    )
    out = 0.25 * scatter(take, times, gains, [clapper])
    for number, bell in enumerate(bells):
        own = np.arange(len(times)) % len(bells) == number
        out += scatter(take, times[own], gains[own], [bell])
    return out


def drum_kit(take: Take) -> np.ndarray:
    """A rock beat in eighths: bass drum on one and three, snare on two and four, hi-hat throughout, a crash now and then."""
    rng, voice = take.rng, take.voice
    eighth = draw(voice, (0.17, 0.3)) / take.tempo
    times = hit_times(take, (0.985 * eighth, 1.015 * eighth))
    place = np.arange(len(times)) % 8
    boom = draw(voice, (48, 95)) * take.pitch
    shell = draw_ratio(voice, (150, 300)) * take.pitch
    snare, metal = draw_ratio(voice, (700, 2000)) * take.tract, draw_ratio(voice, (3500, 6000)) * take.tract
    kick = ring(
        take.rate, np.array([boom, 1.6 * boom, 2.9 * boom]), np.array([14.0, 24.0, 60.0]), np.array([1.0, 0.6, 0.3])
    )
    head = ring(take.rate, shell * np.array([1.0, 1.6, 2.3]), np.array([26.0, 34.0, 45.0]), np.array([1.0, 0.5, 0.3]))
    wires = burst(voice, take.rate, draw(voice, (0.1, 0.25)), lambda f: band(f, snare, 6500.0))
    hat = burst(voice, take.rate, draw_ratio(voice, (0.04, 0.25)), lambda f: band(f, metal, 8000.0, 3))
    crash = burst(voice, take.rate, 0.9, lambda f: band(f, 2500.0, 8000.0))
    loud_hat, loud_wires = draw(voice, (0.2, 0.9)), draw(voice, (0.5, 1.2))
    level = rng.uniform(0.8, 1.0, len(times))
    low = (place == 0) | (place == 4) | ((place == 5) & (rng.random(len(times)) < 0.4))
    back = (place == 2) | (place == 6) | (rng.random(len(times)) < 0.07)
    opening = (place == 0) & (rng.random(len(times)) < 0.4)
    wave = 1.3 * scatter(take, times[low], level[low], [kick]) + loud_hat * scatter(take, times, level, [hat])
    wave += 0.6 * scatter(take, times[back], level[back], [head]) + loud_wires * scatter(
        take, times[back], level[back], [wires]
    )
    return wave + 0.5 * scatter(take, times[opening], level[opening], [crash])


def piano(take: Take) -> np.ndarray:
    """A melody of struck strings over broken chords: a quick attack, a long fade, slightly stretched overtones."""
    rng = take.rng
    root = draw_ratio(take.voice, (110, 165)) * take.pitch
    pace = draw(take.voice, (0.2, 0.34)) / take.tempo
    progression = take.voice.permutation([0, 5, 7, -3])
    times = hit_times(take, (0.97 * pace, 1.03 * pace))
    bar = (np.arange(len(times)) // 8) % 4
    chord = np.array([0, 7, 12, 16, 19, 16, 12, 7])[np.arange(len(times)) % 8]
    bass = root * 2 ** ((progression[bar] + chord) / 12)
    sings = rng.random(len(times)) < 0.55
    tune = melody(take, int(sings.sum()), 3 * root, 6.5 * root)
    out = np.zeros(take.samples, np.float32)
    strings = [*zip(times, bass, rng.uniform(0.4, 0.6, len(times)), strict=True)]
    strings += [*zip(times[sings], tune, rng.uniform(0.7, 1.0, len(tune)), strict=True)]
    harmonics = np.arange(1, 25)
    hammer = np.abs(np.sin(np.pi * harmonics / 8.0)) + 0.05
    brightness = draw_ratio(take.voice, (900, 2000)) * take.tract
    for time, pitch, gain in strings:
        amplitudes = gain * hammer * roll_off(pitch * harmonics, brightness, 9.0)
        decays = (1.2 + pitch / 400) * (1 + 0.22 * harmonics)
        note = pluck(take.rate, pitch, min(1.4, take.seconds - time + 0.01), amplitudes, decays)
        start = int(time * take.rate)
        note = note[: take.samples - start]
        out[start : start + len(note)] += note
    knock = burst(take.voice, take.rate, 0.03, lambda f: resonances(f, [180.0, 600.0], [200.0, 700.0], [1.0, 0.3]))
    return out + 0.12 * np.std(out) * scatter(take, times, np.full(len(times), 3.0), [knock])


def flute(take: Take) -> np.ndarray:
    """A pure, breathy tone between 500 and 1700 Hz: few overtones, gentle vibrato, air around every note."""
    low = draw_ratio(take.voice, (500, 720)) * take.pitch
    vibrato_rate, air = draw(take.voice, (4.6, 6.2)), draw(take.voice, (0.10, 0.22))
    beat = draw(take.voice, (0.22, 0.5)) / take.tempo
    notes = pattern(take, (0.7 * beat, 1.8 * beat), (0.0, 0.03))
    swell = notes.shape([0, 0.3, 0.7, 2], [0, 0.4, 1, 1])
    pitch = notes.glide(melody(take, notes.count, low, 2.2 * low, leap=2), 0.015)
    vibrato = take.wobble(vibrato_rate)
    pitch = shaky(take, pitch * (1 + 0.008 * swell * vibrato), 12.0, 0.002)
    breath = notes.shape([0, 0.1, 0.5, 0.92, 1.0, 1.02, 9], [0.2, 0.9, 1.0, 0.8, 0.2, 0.1, 0.1])
    breath = breath * (1 + 0.18 * swell * vibrato)

    def pipe(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        return 1.0 / np.round(frequencies / frequencies[:, :1]) ** 2.6

    note = tone(take, pitch, pipe) * take.to_samples(breath)
    chiff = breath * (1 + 3 * np.exp(-np.maximum(notes.progress, 0) * notes.durations[notes.index] / 0.04))
    hiss = noise(take, lambda f: resonances(f, [1.6 * low, 4500.0], [1.5 * low, 4500.0], [0.8, 0.7], 0.03), chiff)
    return note + (air + 0.06 * take.roughness) * np.std(note) * hiss


def train(take: Take) -> np.ndarray:
    """Chords of a horn over the rumble of a train and the double clack of its wheels at the joints of the rails."""
    rng = take.rng
    base = draw(take.voice, (225, 330)) * take.pitch
    chord = base * np.array([1.0, 1.19, 1.5, 1.78])
    brightness = draw_ratio(take.voice, (900, 1900)) * take.tract
    blasts = pattern(take, (0.6 / take.tempo, 1.5 / take.tempo), (0.1, 0.3))
    blown = take.to_samples(blasts.shape([0, 0.06, 0.93, 1.0, 1.04, 9], [0, 1, 1, 0.3, 0, 0]))
    steady = 1 + take.wander(3.0, 0.003)

    def horn(times: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        return resonances(frequencies, [brightness], [1.2 * brightness], [1.0], 0.3) * roll_off(
            frequencies, 1500.0, 6.0
        )

    blast = sum(tone(take, pitch * steady, horn) for pitch in chord)
    joint = draw(take.voice, (0.4, 0.65)) / take.tempo
    first = hit_times(take, (0.98 * joint, 1.02 * joint))
    times = np.sort(np.concatenate([first, first + 0.22 * joint]))
    times = times[times < take.seconds]
    clack = [
        burst(take.voice, take.rate, 0.07, lambda f: resonances(f, [240.0, 1300.0], [250.0, 1200.0], [1.0, 0.7], 0.02))
        for _ in range(2)
    ]
    clacks = scatter(take, times, rng.uniform(0.7, 1.0, len(times)), clack)
    rumble = noise(take, lambda f: resonances(f, [70.0, 300.0], [90.0, 400.0], [1.0, 0.25], 0.005))
    return blast / (np.std(blast) + 1e-9) * blown + 0.45 * clacks / (np.std(clacks) + 1e-9) + 0.3 * rumble


def airplane(take: Take) -> np.ndarray:
    """A jet: a wide roar with the combing of its echo from the ground, and a fan whine that slides down as it passes."""
    whine = draw_ratio(take.voice, (1700, 3000)) * take.pitch
    roar = draw_ratio(take.voice, (260, 480)) * take.tract
    comb, strength = draw(take.voice, (0.0012, 0.003)), draw(take.voice, (0.3, 0.7))
    distance = np.clip(1 + take.wander(0.4, 0.18), 0.5, None)
    rush = noise(
        take,
        lambda f: (
            resonances(f, [roar, 2.6 * roar], [1.6 * roar, 5 * roar], [1.0, 0.45], 0.02)
            * (1 + strength * np.cos(2 * np.pi * f * comb))
        ),
        distance * (1 + take.wander(7.0, 0.08)),
    )
    slide = 1 - 0.12 * (take.ticks / max(take.seconds, 4.0)) + take.wander(0.5, 0.008)
    fan = tone(take, 0.5 * whine * slide, lambda t, f: np.where(f < 0.75 * whine, 0.15, roll_off(f, whine, 5.0)))
    return rush + (0.28 + 0.15 * take.roughness) * fan / (np.std(fan) + 1e-9) * take.to_samples(distance)


def cow(take: Take) -> np.ndarray:
    """Long moos: a deep voice that opens from a hum to an o, rises a little and sags."""
    rng = take.rng
    base = draw_ratio(take.voice, (95, 150)) * take.pitch
    moos = pattern(take, (0.8 / take.tempo, 1.6 / take.tempo), (0.15, 0.35))
    rise = moos.per_event(rng.uniform(0.15, 0.45, moos.count)) * moos.shape(
        [0, 0.35, 0.7, 1, 2], [-0.2, 0.8, 1.0, 0, 0]
    )
    pitch = shaky(take, base * (1 + rise), 20.0, 0.02)
    tract = 0.72 * take.tract
    opened = moos.shape([0, 0.2, 0.45, 0.9, 1, 2], [0, 0.2, 1, 0.9, 0.4, 0])
    formants = [tract * (300 + 330 * opened), tract * (800 + 250 * opened), np.full(len(pitch), 2300 * tract)]
    loudness = moos.shape([0, 0.1, 0.4, 0.85, 1.0, 1.01], [0.1, 0.6, 1.0, 0.8, 0.03, 0])
    voice = voiced(take, pitch, formants, loudness, slope=4.5, gains=(1.0, 0.6, 0.2), widths=(110.0, 170.0, 400.0))
    breath = (0.05 + 0.1 * take.roughness) * np.std(voice) * loudness
    return voice + noise(take, lambda f: resonances(f, [600.0, 1600.0], [600.0, 1800.0], [1.0, 0.5]), breath)


def sheep(take: Take) -> np.ndarray:
    """Bleats: a nasal e whose pitch and loudness tremble eight times a second."""
    rng = take.rng
    base = draw_ratio(take.voice, (210, 380)) * take.pitch
    trill = draw(take.voice, (6.5, 9.5))
    bleats = pattern(take, (0.5 / take.tempo, 1.0 / take.tempo), (0.12, 0.4))
    quaver = take.wobble(trill * (1 + take.wander(2.0, 0.05)))
    height = bleats.per_event(rng.uniform(0.92, 1.1, bleats.count)) * bleats.shape(
        [0, 0.2, 0.8, 1, 2], [0.9, 1.05, 1, 0.85, 1]
    )
    pitch = shaky(take, base * height * (1 + 0.05 * quaver), 40.0, 0.025)
    tract = 1.05 * take.tract
    formants = [np.full(len(pitch), hertz * tract) for hertz in (620, 1750, 2700)]
    loudness = bleats.shape([0, 0.08, 0.3, 0.85, 1.0, 1.01], [0, 0.9, 1.0, 0.7, 0.03, 0]) * (1 + 0.45 * quaver)
    voice = voiced(take, pitch, formants, loudness, slope=3.5, gains=(0.8, 1.0, 0.5), widths=(150.0, 220.0, 350.0))
    breath = (0.12 + 0.15 * take.roughness) * np.std(voice) * loudness
    return voice + noise(take, lambda f: resonances(f, [1750.0], [2000.0], [1.0]), breath)


def duck(take: Take) -> np.ndarray:
    """Quacks, three a second: a buzzing reed through a narrow nasal hill, each falling and softer than the one before."""
    rng = take.rng
    base = draw_ratio(take.voice, (150, 230)) * take.pitch
    rate = draw(take.voice, (2.6, 4.2)) * take.tempo
    quacks = pattern(take, (0.45 / rate, 0.6 / rate), (0.35 / rate, 0.55 / rate))
    run = int(take.voice.integers(3, 7))
    strength = 0.5 + 0.5 * 0.75 ** (np.arange(quacks.count) % run) * rng.uniform(0.9, 1.0, quacks.count)
    height = quacks.per_event(0.85 + 0.2 * strength) * quacks.shape([0, 0.2, 1, 2], [0.9, 1.08, 0.82, 0.8])
    pitch = shaky(take, base * height, 50.0, 0.03)
    nose = quacks.shape([0, 0.3, 1, 2], [0.8, 1.1, 0.85, 0.8]) * take.tract
    formants = [1150 * nose, 2350 * nose, np.full(len(pitch), 3500 * take.tract)]
    loudness = quacks.per_event(strength) * quacks.shape([0, 0.08, 0.5, 0.9, 1.0, 1.01], [0, 1.0, 0.9, 0.5, 0.02, 0])
    voice = voiced(take, pitch, formants, loudness, slope=0.5, gains=(1.0, 0.5, 0.3), widths=(280.0, 400.0, 600.0))
    return voice + noise(take, lambda f: resonances(f, [1300.0], [1200.0], [1.0]), 0.15 * np.std(voice) * loudness)


def hammering(take: Take) -> np.ndarray:
    """Blows on a nail: the clink of steel on steel over the knock of the board, rising as the nail goes in."""
    rng = take.rng
    pace = draw(take.voice, (0.3, 0.48)) / take.tempo
    steel, wood = draw(take.voice, (1900, 3200)) * take.pitch, draw(take.voice, (150, 320)) * take.tract
    modes, gains = np.array([1.0, 1.63, 2.25]), np.array([1.0, 0.7, 0.4])
    clinks = [ring(take.rate, steel * rise * modes, np.array([55.0, 75.0, 95.0]), gains) for rise in (1.0, 1.06, 1.12)]
    board = ring(take.rate, wood * np.array([1.0, 2.1, 3.4]), np.array([45.0, 60.0, 80.0]), np.array([1.0, 0.6, 0.3]))
    snap = burst(take.voice, take.rate, 0.02, lambda f: band(f, 900.0, 7000.0, 1))
    times = hit_times(take, (0.88 * pace, 1.12 * pace))
    level = rng.uniform(0.6, 1.0, len(times))
    nail = np.arange(len(times)) % 6 // 2  # two blows at each height
    out = 1.4 * scatter(take, times, level, [board]) + 0.6 * scatter(take, times, level, [snap])
    for height, clink in enumerate(clinks):
        out += 0.5 * scatter(take, times[nail == height], level[nail == height], [clink])
    return out


def sewing_machine(take: Take) -> np.ndarray:
    """A clatter of ten to eighteen stitches a second, every other one harder, over a small motor; it slows at corners."""
    rate = draw(take.voice, (10.0, 17.0)) * take.tempo
    seams = pattern(take, (0.9, 1.8), (0.05, 0.2))
    speed = (
        rate * seams.shape([0, 0.12, 0.85, 1.0, 1.1, 9], [0.55, 1, 1, 0.6, 0.45, 0.45]) * (1 + take.wander(3.0, 0.03))
    )
    phase = np.cumsum(speed) / TICKS_PER_SECOND
    stitches = np.flatnonzero(np.diff(np.floor(phase)) > 0) / TICKS_PER_SECOND
    hard = np.where(np.arange(len(stitches)) % 2, 0.55, 1.0) * take.rng.uniform(0.85, 1.0, len(stitches))
    plate = draw_ratio(take.voice, (750, 1500)) * take.tract

    def clatter(frequencies: np.ndarray) -> np.ndarray:
        return resonances(frequencies, [plate, 2.7 * plate, 5200.0], [350.0, 900.0, 2500.0], [1.0, 0.8, 0.4], 0.02)

    clicks = scatter(take, stitches, hard, [burst(take.voice, take.rate, 0.085, clatter) for _ in range(3)])
    hum = draw(take.voice, (95, 150)) * take.pitch
    motor = tone(take, hum * (0.6 + 0.4 * speed / rate), lambda t, f: resonances(f, [6 * hum], [5 * hum], [1.0], 0.2))
    return clicks / (np.std(clicks) + 1e-9) + (0.35 + 0.1 * take.roughness) * motor / (np.std(motor) + 1e-9)


def fireworks(take: Take) -> np.ndarray:
    """Whistling rockets, deep bangs that roll away, and the crackle of sparks after them."""
    rng, voice = take.rng, take.voice
    pace = draw(voice, (0.35, 0.6)) / take.tempo
    depth = draw_ratio(voice, (70, 150)) * take.tract
    bangs = [
        burst(
            voice,
            take.rate,
            draw(voice, (0.5, 0.9)),
            lambda f, k=k: resonances(f, [depth * k, 5 * depth], [depth, 900.0], [1.0, 0.35], 0.03),
        )
        for k in (0.8, 1.0, 1.3)
    ]
    times = hit_times(take, (0.6 * pace, 1.4 * pace))
    boom = scatter(take, times, rng.uniform(0.5, 1.0, len(times)), bangs)
    spark = [burst(voice, take.rate, 0.012, lambda f: band(f, 1800.0, 7500.0)) for _ in range(3)]
    delays = (
        times[rng.integers(len(times), size=int(45 * take.seconds))]
        + 0.12
        + rng.exponential(0.25, int(45 * take.seconds))
    )
    delays = np.sort(delays[delays < take.seconds])
    crackle = scatter(take, delays, rng.uniform(0.15, 0.5, len(delays)), spark)
    climb = pattern(take, (0.35, 0.7), (0.3, 1.0))
    start = draw(voice, (1300, 2200)) * take.pitch
    rocket = tone(take, start * climb.shape([0, 1, 2], [1.0, 1.7, 1.7]), lambda t, f: (f == f[:, :1]) * 1.0)
    return boom + crackle + 0.1 * rocket * take.to_samples(climb.shape([0, 0.2, 0.8, 1.0, 9], [0, 1, 0.5, 0, 0]))


GENERATORS = {
    "church bell ringing": church_bell,
    "playing drum kit": drum_kit,
    "playing piano": piano,
    "playing flute": flute,
    "train horning": train,
    "airplane flyby": airplane,
    "cow lowing": cow,
    "sheep bleating": sheep,
    "duck quacking": duck,
    "hammering nails": hammering,
    "using sewing machines": sewing_machine,
    "fireworks banging": fireworks,
}
