import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from avvp_lib.figures.intervals import interval_dots
from avvp_lib.figures.style import LINE_COLOURS

TABLE = pd.DataFrame(
    [
        ("VALOR", "purity", "features", 0.5, 0.4, 0.6),
        ("VALOR", "purity", "plane", 0.7, 0.6, 0.8),
        ("EAR", "purity", "features", 0.1, 0.0, 0.3),
        ("EAR", "silhouette", "plane", -0.2, -0.3, -0.1),
    ],
    columns=["cloud", "score", "space", "mean", "low", "high"],
)


def dots(axes) -> dict[str, list]:
    marks = [c for c in axes.collections if isinstance(c, PathCollection)]
    return {c.get_label(): c.get_offsets().tolist() for c in marks if len(c.get_offsets())}


def test_every_number_is_a_dot_in_its_line_and_panel():
    purity, silhouette = interval_dots(TABLE, "cloud", "score", "space").axes
    assert (purity.get_xlabel(), silhouette.get_xlabel()) == ("purity", "silhouette")
    assert [label.get_text() for label in purity.get_yticklabels()] == ["VALOR", "EAR"]
    (first, third), (second,) = dots(purity)["features"], dots(purity)["plane"]
    assert (first[0], third[0], second[0]) == (0.5, 0.1, 0.7)
    assert first[1] == pytest.approx(-0.28) and second[1] == pytest.approx(0.28) and third[1] == pytest.approx(0.72)
    assert dots(silhouette) == {"plane": [[-0.2, pytest.approx(1.28)]]}


def test_intervals_and_chance_are_drawn_where_they_are():
    purity, silhouette = interval_dots(TABLE, "cloud", "score", "space", {"purity": 0.25}).axes
    ends = {
        tuple(segment[:, 0]) for c in purity.collections if hasattr(c, "get_segments") for segment in c.get_segments()
    }
    assert ends == {(0.4, 0.6), (0.6, 0.8), (0.0, 0.3)}
    assert [line.get_xdata()[0] for line in purity.lines] == [0.25] and not silhouette.lines


def test_a_single_mark_stands_in_the_middle_and_the_legend_has_all():
    figure = interval_dots(TABLE[TABLE["space"] == "features"], "cloud", "score", "space", {"purity": 0.5})
    assert [y for _, y in dots(figure.axes[0])["features"]] == [0, 1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["chance", "features"]


def test_tables_that_cannot_be_drawn_are_named():
    with pytest.raises(ValueError, match="no column low"):
        interval_dots(TABLE.drop(columns="low"), "cloud", "score", "space")
    with pytest.raises(ValueError, match=r"two numbers for .*VALOR.*purity.*features"):
        interval_dots(pd.concat([TABLE, TABLE[:1]]), "cloud", "score", "space")
    many = pd.concat([TABLE.assign(space=str(i)) for i in range(8)]).drop_duplicates(["cloud", "score", "space"])
    with pytest.raises(ValueError, match=f"8 marks, but only {len(LINE_COLOURS)}"):
        interval_dots(many, "cloud", "score", "space")
