"""The synthesised sounds: their form, their variety, and that each can be told from the others in one-second pieces."""

from __future__ import annotations

import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic import sounds
from avvp_lib.corpora.synthetic.sounds import DOMAINS, SOUND_CATEGORIES, ambience, colour, distractor_sound, more, sound
from avvp_lib.corpora.synthetic.sounds.recording import LIMIT, active_rms
from avvp_lib.corpora.synthetic.sounds.styles import STYLES
from avvp_lib.corpora.synthetic.sounds.synthesis import Take, noise, pattern_at, pluck, tone
from avvp_lib.corpora.synthetic.sprites.more import DRAWINGS

RATE = 16_000
EVERY_SOUND = [(category, domain) for domain in DOMAINS for category in SOUND_CATEGORIES]


def generator(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def log_mel_statistics(piece: np.ndarray) -> np.ndarray:
    """Mean and change over time of 40 log band energies below the loudest: a deliberately crude description."""
    frames = np.lib.stride_tricks.sliding_window_view(piece, 512)[::256] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.unique(np.geomspace(2, 257, 41).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)
    decibels = 10 * np.log10(bands + 1e-6)
    decibels = np.maximum(decibels - decibels.max(), -60)
    return np.concatenate([decibels.mean(0), decibels.std(0), np.abs(np.diff(decibels, axis=0)).mean(0)])


def described(domain: str, instances: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Descriptions of one-second pieces of fresh sounds, and the category of each."""
    features, labels = [], []
    for label, category in enumerate(SOUND_CATEGORIES):
        for instance in range(instances):
            wave = sound(category, domain, generator(seed, label, instance), 3.0)
            features += [log_mel_statistics(wave[second * RATE : (second + 1) * RATE]) for second in (0, 2)]
            labels += [label, label]
    return np.array(features), np.array(labels)


def nearest_centroid_accuracy(train: tuple, test: tuple) -> float:
    mean, deviation = train[0].mean(0), train[0].std(0) + 1e-6
    learnt, asked = (train[0] - mean) / deviation, (test[0] - mean) / deviation
    centroids = np.stack([learnt[train[1] == label].mean(0) for label in range(len(SOUND_CATEGORIES))])
    answers = np.square(asked[:, None] - centroids).sum(2).argmin(1)
    return float((answers == test[1]).mean())


def test_there_is_a_sound_for_every_llp_category_and_for_every_further_sprite():
    assert set(SOUND_CATEGORIES) == set(LLP_CATEGORIES) | set(more.GENERATORS)
    assert len(SOUND_CATEGORIES) == 37 and list(more.GENERATORS) == list(DRAWINGS)


@pytest.mark.parametrize("category, domain", EVERY_SOUND)
def test_form_and_loudness(category, domain):
    for seconds in (0.5, 1.237, 10.0):
        wave = sound(category, domain, generator(5), seconds)
        assert wave.shape == (round(seconds * RATE),)
        assert wave.dtype == np.float32
        assert np.isfinite(wave).all()
        assert active_rms(wave, RATE) == pytest.approx(1.0, abs=1e-3)
        assert np.abs(wave).max() < 1.3 * LIMIT
        assert wave[0] == wave[-1] == 0.0


def test_active_rms_ignores_the_rests():
    wave = np.zeros(RATE, np.float32)
    wave[: RATE // 5] = 2.0  # ten whole frames
    assert active_rms(wave, RATE) == pytest.approx(2.0)


@pytest.mark.parametrize("category, domain", EVERY_SOUND)
def test_every_second_sounds_and_rests_are_short(category, domain):
    for seed in range(4):
        wave = sound(category, domain, generator(seed, 1), 6.0)
        power = np.square(wave.reshape(-1, 320)).mean(1)  # 20 ms frames
        loud = np.flatnonzero(power > 10**-2.5 * power.max())
        rests = np.diff(np.concatenate([[-1], loud, [len(power)]])) - 1
        assert rests.max() * 0.02 < 0.55, f"{rests.max() * 0.02:.2f} s of silence"
        assert np.square(wave).reshape(-1, RATE).mean(1).min() > 0.02


@pytest.mark.parametrize("category, domain", EVERY_SOUND)
def test_equal_seeds_are_equal_and_others_differ(category, domain):
    first, again, other = (sound(category, domain, generator(seed), 1.5) for seed in (11, 11, 12))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.5


def test_instances_of_a_category_vary_in_timbre():
    for category in SOUND_CATEGORIES:
        pieces = [log_mel_statistics(sound(category, "studio", generator(seed, 3), 1.0)) for seed in range(6)]
        assert np.std(pieces, axis=0).mean() > 0.8, category


def test_the_voice_is_the_same_at_another_length():
    """Spectra of equally seeded sounds of different lengths agree better than those of different seeds."""
    closer = 0
    for category in SOUND_CATEGORIES:
        short = log_mel_statistics(sound(category, "studio", generator(21), 3.0))[:40]
        long = log_mel_statistics(sound(category, "studio", generator(21), 5.0))[:40]
        others = [log_mel_statistics(sound(category, "studio", generator(seed), 5.0))[:40] for seed in (22, 23, 24)]
        closer += np.abs(short - long).mean() < np.mean([np.abs(short - other).mean() for other in others])
    assert closer >= 0.88 * len(SOUND_CATEGORIES)


def test_categories_are_told_apart_and_domains_cost_something():
    studio, street = (described(domain, 8, seed) for seed, domain in enumerate(DOMAINS))
    fresh_studio, fresh_street = (described(domain, 4, seed + 10) for seed, domain in enumerate(DOMAINS))
    for train, same, other in ((studio, fresh_studio, fresh_street), (street, fresh_street, fresh_studio)):
        within, across = nearest_centroid_accuracy(train, same), nearest_centroid_accuracy(train, other)
        assert within > 0.75, within  # chance is 0.03
        assert 0.4 < across < within - 0.05, across


def test_distractors_are_of_many_kinds():
    for domain in DOMAINS:
        waves = [distractor_sound(domain, generator(seed), 2.0) for seed in range(40)]
        assert all(wave.shape == (2 * RATE,) and wave.dtype == np.float32 for wave in waves)
        assert all(active_rms(wave, RATE) == pytest.approx(1.0, abs=1e-3) for wave in waves)
    assert len(sounds.catalogue.DISTRACTORS) >= 5


@pytest.mark.parametrize("domain", DOMAINS)
def test_ambience_is_coloured_noise_of_unit_rms(domain):
    wave = ambience(domain, generator(1), 10.0)
    assert wave.shape == (10 * RATE,)
    assert wave.dtype == np.float32
    assert np.sqrt(np.mean(np.square(wave))) == pytest.approx(1.0, abs=1e-4)
    power = np.abs(np.fft.rfft(wave)) ** 2
    assert power[1000:10_000].mean() > 3 * power[40_000:].mean()  # 100 to 1000 Hz against 4 to 8 kHz


@pytest.mark.parametrize("domain", DOMAINS)
def test_colour_changes_the_spectrum_but_neither_length_level_nor_onset(domain):
    dry = np.zeros(2 * RATE, np.float32)
    dry[RATE:] = noise_burst = generator(0).standard_normal(RATE).astype(np.float32)
    wet = colour(dry, domain, generator(2))
    assert wet.shape == dry.shape
    assert wet.dtype == np.float32
    assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(dry**2)), rel=1e-3)
    assert np.mean(wet[: RATE - 800] ** 2) < 0.01 * np.mean(wet[RATE:] ** 2)
    assert np.corrcoef(wet[RATE:], noise_burst)[0, 1] < 0.99
    np.testing.assert_array_equal(wet, colour(dry, domain, generator(2)))


def test_another_sample_rate():
    assert sound("Dog", "street", generator(0), 1.0, sample_rate=22_050).shape == (22_050,)


def test_a_tone_has_its_pitch_and_its_harmonics():
    take = Take(generator(0), STYLES["studio"], RATE, RATE)
    wave = tone(take, np.full(len(take.ticks), 400.0), lambda times, frequencies: 400.0 / frequencies)
    spectrum = np.abs(np.fft.rfft(wave)) / (RATE / 2)
    np.testing.assert_allclose(spectrum[[400, 800, 1200]], [1, 1 / 2, 1 / 3], rtol=0.02)
    spectrum[400::400] = 0
    assert spectrum[300:2000].max() < 0.02


def test_a_plucked_string_fades_as_asked():
    wave = pluck(RATE, 200.0, 1.0, np.array([1.0]), np.array([3.0]))
    early, late = (np.sqrt(np.mean(wave[start : start + 800] ** 2)) for start in (1600, 9600))
    assert np.log(early / late) == pytest.approx(3.0 * 0.5, rel=0.02)


def test_a_pattern_counts_progress_from_onset_to_offset():
    take = Take(generator(0), STYLES["studio"], RATE, RATE)
    beats = pattern_at(take, np.array([0.1, 0.6, 7.0]), np.array([0.2, 0.4, 1.0]))
    assert beats.count == 2  # the third begins after the end
    np.testing.assert_allclose(beats.progress[[100, 200, 300, 600, 800]], [0, 0.5, 1, 0, 0.5], atol=1e-9)
    assert beats.progress[50] == 9.0
    np.testing.assert_array_equal(beats.per_event(np.array([5, 7]))[[100, 599, 600]], [5, 5, 7])


def test_noise_follows_its_response():
    take = Take(generator(0), STYLES["studio"], RATE, RATE)
    power = np.abs(np.fft.rfft(noise(take, lambda hertz: 1.0 * (hertz < 1000)))) ** 2
    assert power[1100:].sum() < 1e-3 * power.sum()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("Tuba", "studio", 1.0), "no sound for category 'Tuba'.*Speech"),
        (("Dog", "cellar", 1.0), "unknown rendering domain 'cellar'.*studio, street"),
        (("Dog", "studio", 0.0), "positive number of seconds, not 0"),
        (("Dog", "studio", -2.0), "positive number of seconds, not -2"),
        (("Dog", "studio", float("nan")), "positive number of seconds, not nan"),
    ],
)
def test_bad_requests_are_refused(arguments, words):
    category, domain, seconds = arguments
    with pytest.raises(ValueError, match=words):
        sound(category, domain, generator(0), seconds)


def test_bad_clips_and_rates_are_refused():
    with pytest.raises(ValueError, match="too low"):
        ambience("studio", generator(0), 1.0, sample_rate=8000)
    with pytest.raises(ValueError, match="channels one by one"):
        colour(np.zeros((2, 100)), "studio", generator(0))
    with pytest.raises(ValueError, match="non-empty"):
        colour(np.zeros(0), "studio", generator(0))
    with pytest.raises(ValueError, match="unknown rendering domain"):
        distractor_sound("cellar", generator(0), 1.0)
