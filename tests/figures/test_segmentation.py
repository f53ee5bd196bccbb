import numpy as np
import pytest
from PIL import Image

from avvp_lib.figures.overlays import DASH, LINE, RIM, SIDE, SILENT, enlarged, outline, paint, rgb
from avvp_lib.figures.segmentation import gating_bars, mask_gif, mask_rows, step_sizes, weight_maps
from avvp_lib.figures.style import AUDIO, VISUAL

FRAMES = np.stack([np.full((12, 16, 3), (40, 120 + 60 * t, 200), np.uint8) for t in range(2)])
MASKS = np.zeros((2, 6, 8), bool)
MASKS[0, 1:4, 1:4] = True
SILENT_OBJECTS = np.zeros((2, 6, 8), np.uint8)
SILENT_OBJECTS[:, 2:5, 5:7] = 2


# --- painting -----------------------------------------------------------------------------------------------------------


def cell(picture: np.ndarray, row: int, column: int, rows: int = 6) -> np.ndarray:
    """The middle pixel of a mask's cell in a painted frame."""
    side = picture.shape[0] / rows
    return picture[int((row + 0.5) * side), int((column + 0.5) * side)].astype(int)


def test_frames_are_painted_at_one_size_and_unchanged_without_a_mask():
    picture = paint(FRAMES[0], None)
    assert picture.shape == (SIDE, SIDE * 16 // 12, 3) and picture.dtype == np.uint8
    assert (picture == FRAMES[0, 0, 0]).all()


def test_what_is_segmented_is_coloured_and_the_rest_turns_grey():
    picture = paint(FRAMES[0], MASKS[0])
    outside, inside = cell(picture, 5, 0), cell(picture, 2, 2)
    assert np.ptp(outside) == 0
    assert abs(inside - FRAMES[0, 0, 0]).max() < abs(outside - FRAMES[0, 0, 0]).max() and np.ptp(inside) > 60
    edge = picture[int(2.5 * SIDE / 6), SIDE // 6 + LINE // 2]
    assert edge.tolist() == rgb(RIM).astype(int).tolist()


def test_silent_objects_have_a_dashed_line_each():
    two = SILENT_OBJECTS[0].copy()
    two[2:5, 4] = 1  # touches the other
    plain, one, both = (paint(FRAMES[0], MASKS[0], silent) for silent in (None, SILENT_OBJECTS[0], two))
    middle = int(3.5 * SIDE / 6)
    line = one[middle - DASH : middle + DASH, 5 * SIDE // 6 + 1]
    colours = {tuple(pixel) for pixel in line.tolist()}
    assert colours == {tuple(rgb(SILENT).astype(int)), (255, 255, 255)}
    assert (one == plain).all(axis=2)[middle, int(5.9 * SIDE / 6)] and cell(one, 2, 2).tolist() == cell(
        plain, 2, 2
    ).tolist()
    between = slice(5 * SIDE // 6 - LINE, 5 * SIDE // 6)
    assert (both[middle, between] != one[middle, between]).any()


def test_an_outline_is_the_rim_of_a_mask_but_not_of_the_picture():
    mask = np.zeros((9, 9), bool)
    mask[:5, 2:7] = True
    rim = outline(mask, 1)
    assert rim.sum() == 5 + 5 + 3 and not rim[0, 3:6].any() and rim[4, 2:7].all()
    assert not outline(np.ones((5, 5), bool), 2).any() and not outline(np.zeros((5, 5), bool), 2).any()


def test_masks_are_enlarged_by_whole_pixels():
    big = enlarged(SILENT_OBJECTS[0], (16, 12))
    assert big.dtype == np.uint8 and np.array_equal(big, SILENT_OBJECTS[0].repeat(2, 0).repeat(2, 1))
    assert enlarged(MASKS[0], (16, 12)).dtype == bool


# --- figures ------------------------------------------------------------------------------------------------------------


def test_rows_of_masks_have_a_column_for_each_frame():
    figure = mask_rows(FRAMES, {"truth": MASKS, "a model": ~MASKS}, SILENT_OBJECTS, titles=["Dog_bark", "silence"])
    grid = np.array(figure.axes).reshape(3, 2)
    assert [axes.get_title() for axes in grid[0]] == ["Dog bark", "silence"]
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["", "truth", "a model"]
    for t in range(2):
        assert np.array_equal(grid[0, t].images[0].get_array(), paint(FRAMES[t], None))
        assert np.array_equal(grid[1, t].images[0].get_array(), paint(FRAMES[t], MASKS[t], SILENT_OBJECTS[t]))
        assert np.array_equal(grid[2, t].images[0].get_array(), paint(FRAMES[t], ~MASKS[t], SILENT_OBJECTS[t]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["segmented", "seen, but silent"]
    assert len(mask_rows(FRAMES, {"truth": MASKS}).legends[0].get_texts()) == 1


def test_classes_are_written_where_they_are():
    classes = np.zeros((2, 6, 8), np.uint8)
    classes[0, 1:4, 1:4], classes[0, 4:, 6:], classes[1, :2] = 1, 2, 2
    figure = mask_rows(FRAMES, {"truth": classes}, classes=["background", "Dog", "Baby_laughter"])
    first, second = figure.axes[2:]
    assert [text.get_text() for text in first.texts] == ["Dog", "Baby laughter"]
    assert first.texts[0].get_position() == pytest.approx((2.5 * SIDE / 6, 2.5 * SIDE / 6), abs=1)
    assert [text.get_text() for text in second.texts] == ["Baby laughter"]


def test_weight_maps_share_a_scale_within_their_row():
    values = np.arange(24.0).reshape(2, 3, 4)
    figure = weight_maps(FRAMES, {"signed": values - 8, "positive": values}, outlined=MASKS)
    grid = np.array(figure.axes[:6]).reshape(3, 2)
    assert [axes.get_ylabel() for axes in grid[:, 0]] == ["", "signed", "positive"]
    for row, low, high, colours in ((1, -15, 15, "RdBu_r"), (2, 0, 23, "cividis")):
        for t in range(2):
            grey, heat, line = grid[row, t].images
            assert (heat.norm.vmin, heat.norm.vmax, heat.get_cmap().name) == (low, high, colours)
            assert np.array_equal(heat.get_array(), values[t] - 8 * (row == 1))
            assert heat.get_extent() == grey.get_extent()  # the coarse map lies over the whole frame
            assert (np.asarray(line.get_array())[..., 3].max() == 255) == MASKS[t].any()
    assert len(figure.axes) == 6 + 2  # a colour bar for each row


def test_step_sizes_show_the_median_and_when_each_channel_peaks():
    delta = np.array([[0.1, 0.4, 0.2], [0.2, 0.1, 0.2], [0.4, 0.2, 0.1], [0.1, 0.1, 0.1]])
    figure = step_sizes(
        {"audio, stage 4": delta, "over the picture": delta[:, ::-1]}, np.array([True, False, True, False])
    )
    above, other, below = figure.axes[:3]
    assert above.get_title() == "audio, stage 4" and above.get_yscale() == "log"
    assert list(above.lines[0].get_ydata()) == pytest.approx([0.2, 0.2, 0.2, 0.1])
    assert (above.lines[0].get_color(), other.lines[0].get_color()) == (AUDIO, VISUAL)
    assert [patch.get_x() for patch in above.patches] == [-0.5, 1.5]
    shown = np.asarray(below.images[0].get_array())  # channels that peak first lie on top
    assert shown.argmax(axis=1).tolist() == [0, 0, 2] and shown.max(axis=1).tolist() == [1, 1, 1]
    assert shown[2] == pytest.approx([0.25, 0.5, 1.0, 0.25])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(labels) == ["80 % of channels", "median channel", "something sounds"]


def test_gating_bars_stand_side_by_side():
    before, after = np.array([1.0, 2.0, 3.0]), np.array([1.5, 1.0, 3.0])
    figure = gating_bars({"visual, stage 1": (before, after), "audio": (after, before)}, np.array([False, True, False]))
    visual, audio = figure.axes
    assert [bar.get_height() for bar in visual.containers[0]] == [1, 2, 3]
    assert [bar.get_height() for bar in visual.containers[1]] == [1.5, 1, 3]
    assert visual.containers[0][0].get_hatch() and not visual.containers[1][0].get_hatch()
    assert visual.patches[0].get_x() == 0.5 and audio.get_title() == "audio"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "something sounds",
        "before the gate",
        "after",
    ]


def test_bad_data_are_named():
    nan = np.full((2, 3, 4), np.nan)
    for call, message in (
        (lambda: mask_rows(FRAMES[0], {}), r"frames must be uint8 \(seconds, height, width, 3\)"),
        (lambda: mask_rows(FRAMES / 255, {}), "frames must be uint8"),
        (lambda: mask_rows(FRAMES, {"truth": MASKS[:1]}), r"'truth' have shape \(1, 6, 8\); 2 frames"),
        (lambda: mask_rows(FRAMES, {}, SILENT_OBJECTS[0]), r"'outlined objects' have shape \(6, 8\)"),
        (lambda: mask_rows(FRAMES, {"truth": MASKS}, titles=["one"]), "1 titles for 2 frames"),
        (lambda: weight_maps(FRAMES, {"W": nan}), "'W' hold a NaN"),
        (lambda: step_sizes({"audio": np.zeros((3, 4))}), "'audio' must be positive"),
        (lambda: step_sizes({"audio": np.ones((3, 4))}, np.ones(2, bool)), "'audio' have 3 seconds and the events 2"),
        (
            lambda: gating_bars({"audio": (np.ones(3), np.ones(2))}),
            r"'audio' has \(3,\) values before and \(2,\) after",
        ),
        (lambda: gating_bars({"audio": (np.ones(3), np.ones(3))}, np.ones(2, bool)), "and 2 events"),
        (lambda: mask_gif("none.gif", FRAMES, {"truth": MASKS[0]}), "'truth' have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# --- GIF ----------------------------------------------------------------------------------------------------------------


def test_a_gif_shows_every_second_and_repeats(tmp_path):
    path = mask_gif(
        tmp_path / "new" / "masks.gif", FRAMES, {"truth": MASKS, "a model": ~MASKS}, SILENT_OBJECTS, side=80
    )
    with Image.open(path) as gif:
        assert gif.n_frames == 2 and gif.info["loop"] == 0 and gif.info["duration"] == 700
        assert gif.size == (3 * 80 + 2 * 6, 22 + 60)
        pictures = []
        for t in range(2):
            gif.seek(t)
            pictures.append(np.asarray(gif.convert("RGB")).astype(int))
    for t, picture in enumerate(pictures):
        assert abs(picture[22 + 5, 5] - FRAMES[t, 0, 0]).max() < 12  # the frame itself, with few colours
    assert abs(pictures[0] - pictures[1]).max() > 20
    assert path.stat().st_size < 20_000


def test_the_same_input_gives_the_same_gif(tmp_path):
    one, two = (mask_gif(tmp_path / name, FRAMES, {"truth": MASKS}).read_bytes() for name in ("a.gif", "b.gif"))
    assert one == two
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.gif", "b.gif"]
