import numpy as np
import pytest
import torch

from avvp_lib.features.log_mel import log_mel, mel_filters


def mel(hertz):
    return 1127 * np.log(1 + hertz / 700)


def filters_one_by_one(sample_rate, fft_size, mels, low, high):
    """The definition, filter by filter: up from the edge to the centre and down to the next edge, straight on the mel scale."""
    edges = np.linspace(mel(low), mel(high), mels + 2)
    bins = mel(np.arange(fft_size // 2 + 1) * sample_rate / fft_size)
    return np.stack([np.interp(bins, edges[m : m + 3], [0, 1, 0]) for m in range(mels)], axis=1)


@pytest.mark.parametrize("settings", [(16_000, 512, 64, 60.0, 7800.0), (16_000, 256, 10, 0.0, 8000.0)])
def test_filters_are_triangles_on_the_mel_scale(settings):
    found = mel_filters(*settings).numpy()
    assert found.shape == (settings[1] // 2 + 1, settings[2])
    np.testing.assert_allclose(found, filters_one_by_one(*settings), atol=2e-5)


def test_neighbouring_filters_share_each_frequency_between_them():
    filters = mel_filters(16_000, 512, 64, 60.0, 7800.0)
    hertz = torch.arange(257) * 16_000 / 512
    centres = np.linspace(mel(60.0), mel(7800.0), 66)[[1, -2]]
    inside = torch.from_numpy((mel(hertz.numpy()) >= centres[0]) & (mel(hertz.numpy()) <= centres[1]))
    torch.testing.assert_close(filters.sum(1)[inside], torch.ones(int(inside.sum())), atol=1e-4, rtol=0)
    assert filters[(hertz < 60) | (hertz > 7800)].abs().max() == 0


def test_a_frame_is_the_logarithm_of_filtered_magnitudes():
    wave = np.random.default_rng(0).normal(size=16_000).astype(np.float32)
    found = log_mel(torch.from_numpy(wave)).numpy()
    assert found.shape == (64, 64) and found.dtype == np.float32
    filters = filters_one_by_one(16_000, 512, 64, 60.0, 7800.0)
    for frame in (2, 30, 61):  # frames are centred on multiples of the hop
        window = np.hanning(513)[:-1] * wave[frame * 250 - 256 : frame * 250 + 256]
        expected = np.log(np.abs(np.fft.rfft(window)) @ filters + 1e-3)
        np.testing.assert_allclose(found[frame], expected, atol=2e-3)


def test_a_tone_stands_in_its_own_band_and_time():
    times = torch.arange(16_000) / 16_000
    wave = torch.where(times < 0.5, torch.sin(2 * torch.pi * 1000 * times), torch.sin(2 * torch.pi * 4000 * times))
    picture = log_mel(wave)
    centres = np.linspace(mel(60.0), mel(7800.0), 66)[1:-1]
    for frames, hertz in ((slice(4, 28), 1000), (slice(36, 60), 4000)):
        assert set(picture[frames].argmax(-1).tolist()) == {int(np.abs(centres - mel(hertz)).argmin())}


def test_silence_is_the_logarithm_of_the_floor():
    torch.testing.assert_close(log_mel(torch.zeros(16_000)), torch.full((64, 64), np.log(1e-3)))
    torch.testing.assert_close(log_mel(torch.zeros(16_000), floor=1.0), torch.zeros(64, 64))


def test_leading_axes_are_kept_and_clips_do_not_touch_each_other():
    waves = torch.randn(2, 3, 8_000, generator=torch.Generator().manual_seed(0))
    together = log_mel(waves, hop=400, mels=20)
    assert together.shape == (2, 3, 20, 20)
    torch.testing.assert_close(together[1, 2], log_mel(waves[1, 2], hop=400, mels=20))
