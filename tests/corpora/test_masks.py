"""Masks: every way to store two values, and the VOC palette with what is not in it."""

import numpy as np
import pytest
from PIL import Image

from avvp_lib.corpora.masks import read_binary_mask, read_class_mask, voc_palette

TRUE = np.array([[1, 0, 0], [1, 1, 0]], np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(TRUE * 255),
        Image.fromarray(TRUE * 255).convert("1"),
        Image.fromarray(TRUE),
        Image.fromarray(TRUE * 128),
        Image.fromarray(np.stack([TRUE * 255] * 3, -1)),
        Image.fromarray(voc_palette()[TRUE * 7]),
        Image.fromarray(np.stack([TRUE * 255] * 3 + [np.full_like(TRUE, 255)], -1)),
    ],
    ids=["grey", "bits", "ones", "half", "rgb", "colour", "rgba"],
)
def test_two_values_are_read_however_they_are_stored(tmp_path, image):
    image.save(tmp_path / "mask.png")
    found = read_binary_mask(tmp_path / "mask.png")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, TRUE)


def test_a_palette_counts_by_its_colours(tmp_path):
    image = Image.fromarray(TRUE)
    image.putpalette([255, 255, 255, 0, 0, 0])  # makes it a palette image, in which 1 is black
    image.save(tmp_path / "mask.png")
    assert Image.open(tmp_path / "mask.png").mode == "P"
    np.testing.assert_array_equal(read_binary_mask(tmp_path / "mask.png"), 1 - TRUE)


@pytest.mark.parametrize("value", [0, 255])
def test_one_value_is_all_or_nothing(tmp_path, value):
    Image.fromarray(np.full((2, 3), value, np.uint8)).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_binary_mask(tmp_path / "mask.png"), np.full((2, 3), value // 255))


def test_a_third_value_is_named(tmp_path):
    Image.fromarray(np.array([[0, 255, 17]], np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"mask.png is no two-valued mask.*\(17, 17, 17\), \(255, 255, 255\)"):
        read_binary_mask(tmp_path / "mask.png")


def test_the_palette_is_pascal_vocs():
    palette = voc_palette()
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 7: (128, 128, 128), 8: (64, 0, 0)}
    expected[70] = (32, 128, 128)
    assert {number: tuple(palette[number].tolist()) for number in expected} == expected
    assert len({tuple(colour) for colour in palette.tolist()}) == 256


def test_every_class_comes_back_from_its_colour(tmp_path):
    numbers = np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(16, 16)
    Image.fromarray(voc_palette()[numbers]).save(tmp_path / "mask.png")
    found = read_class_mask(tmp_path / "mask.png", 256)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, numbers)


def test_a_colour_that_is_not_in_the_palette_is_named_with_its_place(tmp_path):
    pixels = voc_palette()[np.full((4, 5), 3)].copy()
    pixels[2, 1] = (127, 128, 0)
    pixels[3, 3] = (255, 255, 255)
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    message = r"2 pixels in colours that are not in the palette: \(127, 128, 0\), \(255, 255, 255\); the first is at row 2, column 1"
    with pytest.raises(ValueError, match=message):
        read_class_mask(tmp_path / "mask.png", 71)


def test_a_mask_that_was_stored_as_jpeg_is_refused(tmp_path):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 5:11] = 9
    Image.fromarray(voc_palette()[mask]).save(tmp_path / "mask.jpg")
    with pytest.raises(ValueError, match=r"not in the palette: .* more;.*get the original file again"):
        read_class_mask(tmp_path / "mask.jpg", 71)


def test_a_class_beyond_the_list_is_refused(tmp_path):
    Image.fromarray(voc_palette()[np.array([[0, 71]])]).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match=r"class 71, and there are 71 classes, 0 \.\.\. 70"):
        read_class_mask(tmp_path / "mask.png", 71)
    assert read_class_mask(tmp_path / "mask.png", 72).max() == 71


@pytest.mark.parametrize("read", [read_binary_mask, lambda path: read_class_mask(path, 71)], ids=["binary", "classes"])
def test_a_broken_file_is_named(tmp_path, read):
    path = tmp_path / "mask.png"
    with pytest.raises(FileNotFoundError, match=r"mask.png"):
        read(path)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    for content in (b"", b"no picture", path.read_bytes()[:60]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"mask.png is no picture that can be decoded"):
            read(path)
