import numpy as np
import pytest

from avvp_lib.figures import contact_sheet, log_mel_pictures

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
