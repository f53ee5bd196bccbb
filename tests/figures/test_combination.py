"""The data that figures of random combination show, read back from their axes."""

from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest

from avvp_lib.features.media import Media
from avvp_lib.figures.combination import SETS_SHOWN, combined_video, label_set_distribution
from avvp_lib.figures.style import AUDIO, VISUAL

NAMES = ("Dog", "Baby_laughter", "Car")
SECONDS = 10


def clip(seed: int) -> Media:
    random = np.random.default_rng(seed)
    frames = random.integers(0, 256, (8 * SECONDS, 18, 32, 3), dtype=np.uint8)
    waveform = (0.1 * random.standard_normal(16_000 * SECONDS)).astype(np.float32)
    return Media(Path("clip.mp4"), frames, waveform, 8, 16_000)


def grid(**spans: slice) -> np.ndarray:
    made = np.zeros((SECONDS, len(NAMES)), bool)
    for name, span in spans.items():
        made[span, NAMES.index(name)] = True
    return made


def bars(axes) -> dict[str, list[tuple[str, float, float]]]:
    """By lane: (fill, onset, offset) of its bars, where an empty one has the fill "none"."""
    lanes = dict(zip(axes.get_yticks(), [t.get_text() for t in axes.get_yticklabels()], strict=True))
    found = {name: [] for name in lanes.values()}
    for collection in axes.collections:
        fill = collection.get_facecolor()
        if not hasattr(collection, "get_hatch") or collection.get_array() is not None:
            continue
        for path in collection.get_paths():
            box = path.get_extents()
            if 0.5 < box.height < 1:
                look = matplotlib.colors.to_hex(fill[0]).upper() if len(fill) and fill[0][3] else "none"
                found[lanes[round((box.y0 + box.y1) / 2)]].append((look, box.x0, box.x1))
    return found


def test_a_row_for_each_label_set():
    figure = label_set_distribution(
        ["Dog", "Dog|Baby_laughter", "Car"], np.array([2, 6, 2]), {"new": np.array([1, 1, 1, 1]), "x": np.ones(3)}
    )
    left, right = figure.axes
    assert [t.get_text() for t in left.get_yticklabels()] == ["Dog + Baby laughter", "Dog", "Car"]
    assert [bar.get_width() for bar in left.patches] == [60, 20, 20]
    first, second = (collection.get_offsets() for collection in left.collections)
    np.testing.assert_allclose(first, [[25, 0], [25, 1], [25, 2]])
    np.testing.assert_allclose(second[:, 0], [100 / 3] * 3)
    assert [t.get_text() for t in right.get_yticklabels()] == ["these 3", "no target"]
    assert [bar.get_width() for bar in right.patches] == [100, 0]
    np.testing.assert_allclose(right.collections[0].get_offsets()[:, 0], [75, 25])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training videos (target)", "new", "x"]


def test_rare_sets_are_summed_up():
    counts = np.arange(1, SETS_SHOWN + 4)
    left, right = label_set_distribution([f"set {k}" for k in counts], counts, {"new": counts}).axes
    assert len(left.patches) == SETS_SHOWN
    assert [t.get_text() for t in right.get_yticklabels()] == [f"these {SETS_SHOWN}", "3 other targets", "no target"]
    assert right.patches[1].get_width() == pytest.approx(100 * 6 / counts.sum())


@pytest.mark.parametrize("counts", [np.ones(2), np.ones(5), np.zeros(3)])
def test_counts_that_do_not_fit_are_refused(counts):
    with pytest.raises(ValueError, match="do not fit 3 label sets"):
        label_set_distribution(["a", "b", "c"], np.ones(3), {"new": counts})


def test_labels_stay_with_their_track():
    heard, seen = grid(Dog=slice(2, 6)), grid(Baby_laughter=slice(0, 3), Car=slice(8, 10))
    left = grid(Car=slice(0, 10)), grid(Dog=slice(1, 2))
    figure = combined_video(clip(0), clip(1), (heard, seen), NAMES, left, ("picture of a", "sound of b"))
    _, below_picture, spectrogram, below_sound = figure.axes
    assert bars(below_picture) == {
        "Baby laughter, seen": [(VISUAL, 0, 3)],
        "Car, seen": [(VISUAL, 8, 10)],
        "Car, heard, left behind": [("none", 0, 10)],
    }
    assert bars(below_sound) == {"Dog, heard": [(AUDIO, 2, 6)], "Dog, seen, left behind": [("none", 1, 2)]}
    assert below_sound.get_xlabel().endswith("label of the new video: Dog + Baby laughter + Car")
    assert spectrogram.get_title(loc="left") == "sound of b"
    assert len(figure.legends[0].get_texts()) == 3


def test_frames_are_the_pictures_and_the_spectrogram_is_the_sounds():
    picture, sound = clip(0), clip(1)
    labels = grid(Dog=slice(0, 1)), grid(Car=slice(0, 1))
    figure, swapped = combined_video(picture, sound, labels, NAMES), combined_video(sound, picture, labels, NAMES)
    strip, _, spectrogram, _ = figure.axes
    assert len(strip.images) == SECONDS
    np.testing.assert_array_equal(strip.images[3].get_array(), picture.frames[28])
    other = swapped.axes[2].images[0].get_array()
    assert not np.array_equal(spectrogram.images[0].get_array(), other)
    assert len(figure.legends[0].get_texts()) == 2
    figure.draw_without_rendering()


def test_a_track_without_labels_is_drawn_empty():
    nothing = grid()
    figure = combined_video(clip(0), clip(1), (nothing, nothing), NAMES)
    assert figure.axes[3].get_xlabel().endswith("label of the new video: nothing")
    figure.draw_without_rendering()


def test_grids_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"all must be \(T, 3\) of one video"):
        combined_video(clip(0), clip(1), (grid(), grid()[:5]), NAMES)
