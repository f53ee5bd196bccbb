"""VGGish's front end: golden numbers of the original, and the definition written out."""

import numpy as np
import pytest

from avvp_lib.corpora.vggish_log_mel import EXAMPLE_SAMPLES, log_mel_frames, mel_matrix, vggish_log_mel


def two_tones():
    times = np.arange(16_000) / 16_000
    return 0.5 * np.sin(2 * np.pi * 440 * times) + 0.25 * np.sin(2 * np.pi * 3000 * times)


def test_golden_values_of_two_tones():
    frames = log_mel_frames(two_tones())
    assert frames.shape == (98, 64)
    np.testing.assert_allclose([frames.mean(), frames.std()], [-3.013823, 2.393166], atol=1e-6)
    found = [frames[place] for place in ((0, 0), (0, 12), (0, 13), (0, 45), (97, 63))]
    np.testing.assert_allclose(found, [-3.735868, -1.558950, -1.734387, -3.724338, -4.599775], atol=1e-6)
    assert sorted(np.argsort(frames[0])[-4:]) == [8, 9, 41, 42]


def test_the_mel_matrix():
    matrix = mel_matrix()
    assert matrix.shape == (257, 64) and abs(matrix.sum() - 230.91360) < 1e-5
    used = np.flatnonzero(matrix.any(1))
    assert (used[0], used[-1]) == (5, 239) and matrix.any(0).all() and not matrix[0].any()


def test_a_frame_is_the_definition():
    wave = np.random.default_rng(0).uniform(-1, 1, 2000)
    for frame in (0, 3, 9):
        piece = wave[160 * frame : 160 * frame + 400] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))
        spectrum = [
            abs(sum(piece * np.exp(-2j * np.pi * k * np.arange(400) / 512))) for k in range(257)
        ]  # zero-padded to 512
        np.testing.assert_allclose(log_mel_frames(wave)[frame], np.log(np.array(spectrum) @ mel_matrix() + 0.01))
    assert len(log_mel_frames(wave)) == 1 + (2000 - 400) // 160


def test_silence_is_the_logarithm_of_the_floor():
    np.testing.assert_allclose(vggish_log_mel(np.zeros(16_000)), np.full((1, 96, 64), np.log(0.01)), rtol=1e-6)


@pytest.mark.parametrize(
    ("samples", "continuous", "per_second"),
    [
        (0, 0, 0),
        (399, 0, 0),
        (EXAMPLE_SAMPLES - 1, 0, 0),
        (EXAMPLE_SAMPLES, 1, 1),
        (77_039, 4, 4),
        (77_040, 5, 4),
        (80_000, 5, 5),
        (153_839, 9, 9),
        (153_840, 10, 9),
        (160_000, 10, 10),
    ],
)
def test_how_many_examples_a_waveform_gives(samples, continuous, per_second):
    wave = np.zeros(samples, np.float32)
    assert vggish_log_mel(wave).shape == (continuous, 96, 64)
    assert vggish_log_mel(wave, "per_second").shape == (per_second, 96, 64)


def test_the_framings_agree_in_the_first_example_alone():
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000)
    continuous, per_second = vggish_log_mel(wave), vggish_log_mel(wave, "per_second")
    assert continuous.dtype == per_second.dtype == np.float32
    np.testing.assert_array_equal(continuous[0], per_second[0])
    np.testing.assert_array_equal(per_second[2], vggish_log_mel(wave[32_000:])[0])
    np.testing.assert_array_equal(continuous[2], vggish_log_mel(wave[2 * 15_360 :])[0])
    assert np.abs(continuous[2] - per_second[2]).max() > 0.1


@pytest.mark.parametrize(
    ("wave", "framing", "message"),
    [
        (np.zeros((2, 16_000)), "continuous", r"\(samples,\), mono, not \(2, 16000\)"),
        (np.array([0.0, np.nan]), "continuous", "NaN"),
        (np.zeros(16_000), "centred", "unknown framing 'centred'"),
    ],
)
def test_bad_input_is_named(wave, framing, message):
    with pytest.raises(ValueError, match=message):
        vggish_log_mel(wave, framing)
