import numpy as np
import pandas as pd
import pytest

from avvp_lib.figures.conventions import DOWN, UP, effect_bars, group_curve


def effects(*rows: tuple[str, str, float, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["change", "score", "points", "task"])


def rgb(colour) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in colour[:3])


def test_bars_are_sorted_by_size_and_say_which_score_moves():
    table = effects(
        ("gate", "Type@AV", -0.9, "parsing"),
        ("absent: wrong", "Type@AV", -60.1, "parsing"),
        ("one clip", "M_F", 2.2, "segmentation"),
        ("one to one", "Type@AV", 1e-14, "parsing"),
    )
    (axes,) = effect_bars(table, 1.2, "a step").axes
    bars = [container.patches[0] for container in axes.containers]
    assert [bar.get_width() for bar in bars] == [-60.1, 2.2, -0.9, 0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "absent: wrong",
        "one clip",
        "gate",
        "one to one",
    ]
    assert [text.get_text() for text in axes.texts] == [
        "−60.1", "+2.2", "−0.90", "0", "Type@AV", "M_F", "Type@AV", "Type@AV",
    ]  # fmt: skip
    assert [rgb(bar.get_facecolor()) for bar in bars[:2]] == [DOWN, UP]
    assert [bool(bar.get_hatch()) for bar in bars] == [False, True, False, False]
    (band,) = (patch for patch in axes.patches if patch not in bars)
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((-1.2, 1.2))


def test_every_bar_and_its_number_lie_inside_the_axis():
    (axes,) = effect_bars(effects(("a", "b", 95.0, "parsing")), 1.2, "a step").axes
    low, high = axes.get_xlim()
    assert low < -95 and high > 190
    assert axes.get_ylim() == (0.6, -0.6)


@pytest.mark.parametrize(
    ("rows", "yardstick", "message"),
    [
        ((), 1.2, "one row or more"),
        ((("a", "b", np.nan, "parsing"),), 1.2, "finite number of points"),
        ((("a", "b", 1.0, "parsing"),), 0, "yardstick must be a positive number"),
    ],
)
def test_effects_that_cannot_be_drawn(rows, yardstick, message):
    with pytest.raises(ValueError, match=message):
        effect_bars(effects(*rows), yardstick, "a step")


def test_a_curve_over_group_sizes_with_the_band_of_other_orders():
    published = {5: 60.0, 10: 58.0, 20: 57.0}
    orders = {5: np.array([60.0, 60.0]), 10: np.array([57.5, 59.0]), 20: np.array([56.0, 57.5])}
    (axes,) = group_curve(published, orders, {10: "two clips"}, floor=55.5).axes
    line, floor = axes.lines
    assert line.get_xdata().tolist() == [5, 10, 20] and line.get_ydata().tolist() == [60, 58, 57]
    assert set(floor.get_ydata()) == {55.5}
    corners = axes.collections[0].get_paths()[0].vertices
    assert {(10, 57.5), (10, 59.0), (20, 56.0), (20, 57.5)} <= {tuple(corner) for corner in corners}
    (note,) = axes.texts
    assert note.get_text() == "two clips" and note.xy == (10, 59.0)  # above the band
    assert [label.get_text() for label in axes.get_xticklabels()] == ["5", "10", "20"]


def test_a_group_size_without_a_score_is_named():
    with pytest.raises(ValueError, match="no M_F of groups of 7 frames: there are 5"):
        group_curve({5: 60.0}, {}, {7: "nobody"}, floor=1.0)
