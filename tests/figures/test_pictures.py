import numpy as np
import pytest

from avvp_lib.figures import contact_sheet, extractor_inputs, log_mel_pictures

IMAGES = [np.full((8, 8, 3), value, np.uint8) for value in (10, 20, 30, 40, 50)]


def test_images_stand_in_reading_order_and_the_rest_stays_empty():
    figure = contact_sheet(IMAGES, list("abcde"), columns=3)
    assert [axes.get_title() for axes in figure.axes] == [*"abcde", ""]
    assert [int(axes.images[0].get_array().max()) for axes in figure.axes[:5]] == [10, 20, 30, 40, 50]
    assert not figure.axes[5].images and not figure.axes[5].axison


@pytest.mark.parametrize(("images", "titles"), [(IMAGES, ["a"]), ([], [])])
def test_titles_that_do_not_fit_are_refused(images, titles):
    with pytest.raises(ValueError, match="one title per image"):
        contact_sheet(images, titles)


def test_a_tone_is_bright_at_its_time_and_pitch():
    time = np.arange(160_000) / 16_000
    tone = np.where((time >= 4) & (time < 6), 0.5 * np.sin(2 * np.pi * 440 * time), 0.0)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(len(time))
    (axes,) = log_mel_pictures({"tone": (tone + noise).astype(np.float32)}, 16_000).axes
    picture = np.asarray(axes.images[0].get_array())  # (mels, columns), 32 columns a second
    band, column = np.unravel_index(picture.argmax(), picture.shape)
    assert picture.shape == (64, 320)
    assert 128 <= column < 192
    assert 5 <= band < 20  # 440 Hz lies in the lower third of 60 to 7800 Hz on the mel scale
    assert axes.images[0].get_extent() == [0, 10, 0, 64]


def test_what_networks_get_of_a_clip():
    random = np.random.default_rng(0)
    inputs = {
        "pictures": random.random((80, 3, 6, 8)),
        "clips": random.random((10, 3, 8, 4, 4)),
        "whole": random.random((1, 50, 5)),
        "seconds": random.random((10, 20, 5)),
    }
    rows = extractor_inputs(inputs, looks=4).subfigs
    assert [row.get_suptitle() for row in rows] == list(inputs)
    assert [len(row.axes) for row in rows] == [4, 4, 1, 4]
    last = [row.axes[-1].images[0].get_array() for row in rows]
    pictures = inputs["pictures"][[0, 26, 53, 79]]
    low, high = np.percentile(pictures, (0.5, 99.5))
    np.testing.assert_allclose(last[0], ((pictures[-1].transpose(1, 2, 0) - low) / (high - low)).clip(0, 1))
    assert last[1].shape == (4, 4, 3)
    np.testing.assert_array_equal(last[2], inputs["whole"][0].T)
    np.testing.assert_array_equal(last[3], inputs["seconds"][9].T)
