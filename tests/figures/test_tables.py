import numpy as np
import pandas as pd
import pytest

from avvp_lib.figures.tables import claims_map, verdict_chart

VERDICTS = pd.DataFrame(
    {
        "setting": ["s4", "s4", "ms3"],
        "row": ["a", "b", "a"],
        "against": ["full"] * 3,
        "paper": [-1.0, np.nan, -2.0],
        "ours": [-3.0, 1.0, np.nan],
        "low": [-4.0, 0.5, np.nan],
        "high": [-2.0, 1.5, np.nan],
        "seeds": [3, 3, 0],
        "verdict": ["agrees", "disagrees", ""],
    }
)


def test_a_diamond_a_mark_and_an_interval_for_each_row_that_was_measured():
    figure = verdict_chart(VERDICTS, "a table", "M_J")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a – full", "b – full"]
    marks = {line.get_marker(): line for line in axes.lines if line.get_marker() in "oDs"}
    assert marks["o"].get_xdata()[0] == -3 and marks["s"].get_xdata()[0] == 1 and marks["D"].get_xdata()[0] == -1
    intervals = [list(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 2.5]
    assert intervals == [[-4, -2], [0.5, 1.5]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["paper", "ours, agrees", "ours, disagrees"]


def test_a_table_without_measurements_is_refused():
    with pytest.raises(ValueError, match="no row of this table was measured"):
        verdict_chart(VERDICTS[VERDICTS["seeds"] == 0], "a table", "M_J")


def test_the_map_has_a_mark_for_each_claim_on_its_side():
    (axes,) = claims_map(VERDICTS.assign(paper=[-4.0, 1.0, -2.0])).axes
    marks = {line.get_label(): line for line in axes.lines if line.get_marker() in ("o", "s")}
    assert marks["agrees: 1"].get_xdata().tolist() == [2] and marks["agrees: 1"].get_ydata().tolist() == [3]
    assert marks["disagrees: 1"].get_xdata().tolist() == [-1] and "undecided: 0" in marks
    with pytest.raises(ValueError, match="no claim has a verdict"):
        claims_map(VERDICTS.assign(verdict=""))
