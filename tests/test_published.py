"""The transcribed tables: whole, consistent where the papers are, and with the papers' contradictions known by name."""

import numpy as np
import pandas as pd
import pytest

from avvp_lib.published import (
    COMPARISONS,
    FLAGS,
    LEVELS,
    contradictions,
    disagreements,
    published_table,
    published_values,
    table_name,
    table_names,
)

VALUES = published_values()

# Printed Type is not the mean of the printed A, V and AV, by more than rounding can do; MA's and MM-Pyr's went from paper to paper.
KNOWN_CONTRADICTIONS = {
    ("mug/1", "MM-Pyr", "event", 49.9),
    ("mug/1", "CoLeaF", "event", 57.9),
    ("ear/I", "MA", "segment", 58.9),
    ("ear/I", "JoMoLD", "segment", 60.5),
    ("ear/I", "PPL", "event", 59.9),
    ("ear/III", "HAN+PPL", "segment", 56.0),
    ("ear/III", "HAN+PPL", "event", 50.9),
    ("ear/III", "MA+PPL", "segment", 60.6),
    ("ear/S-X", "MA", "segment", 58.9),
    ("ear/S-X", "MM-pyramid", "segment", 59.7),
    ("ear/S-X", "MM-pyramid", "event", 54.1),
    ("ear/S-X", "JoMoLD", "segment", 60.5),
    ("ear/S-X", "CMPAE", "event", 51.9),
    ("ear/S-X", "PPL", "event", 59.9),
    ("ear/S-XI", "HAN+PPL", "segment", 56.0),
    ("ear/S-XI", "HAN+PPL", "event", 50.9),
    ("ear/S-XI", "MA+PPL", "segment", 60.6),
    ("mm-cse/1", "MA", "segment", 58.9),
    ("mm-cse/1", "MM-Pyr", "segment", 59.7),
    ("mm-cse/1", "MM-Pyr", "event", 54.1),
}
DISAGREED = {"CMPAE", "CVCMS", "CoLeaF", "DHHN", "JoMoLD", "MGN", "MM-Pyr", "VALOR"}


def test_all_43_tables_are_there():
    counts = {paper: len(table_names(paper)) for paper in ("mug", "ear", "mm-cse", "selm")}
    assert counts == {"mug": 5, "ear": 20, "mm-cse": 10, "selm": 8} and len(table_names()) == 43


def test_every_line_says_what_it_is():
    assert set(VALUES["value_flag"]) <= set(FLAGS) and set(VALUES["row_flag"]) <= {"", "inferred", "lost"}
    assert set(VALUES["level"]) == set(LEVELS)
    assert set(VALUES["corpus"]) == {"llp", "llp-val", "avsbench-s4", "avsbench-ms3", "avss"}
    empty = VALUES["value"].isna()
    assert VALUES.loc[empty, "value_flag"].isin(["lost", "not reported"]).all()
    assert VALUES.loc[~empty, "value_flag"].isin(["", "inferred"]).all()
    guessed = (VALUES["value_flag"] == "inferred") | (VALUES["row_flag"] == "inferred")
    assert VALUES.loc[guessed, "note"].ne("").all()
    percent = ~VALUES["metric"].isin(["parameters", "parameters (M)", "FLOPs", "runtime"]) & ~empty
    assert VALUES.loc[percent, "value"].between(15, 100).all()


def test_no_value_is_there_twice():
    assert not VALUES.duplicated(["name", "row", "corpus", "features", "metric", "level"]).any()


@pytest.mark.parametrize(
    ("name", "row", "metric", "level", "value"),
    [
        ("mug/2", "wo/TSA", "AV", "event", 53.9),
        ("ear/VIII", "HAN", "Type", "mean", 63.4),
        ("ear/S-XVIII", "tau_a=0.98, tau_v=0.94", "V", "segment", 72.6),
        ("mm-cse/9", "w/o SECM", "Type", "segment", 66.5),
        ("selm/8", "BCE", "M_F", "", 65.9),
    ],
)
def test_numbers_as_printed(name, row, metric, level, value):
    table = published_table(name)
    found = table[(table["row"] == row) & (table["metric"] == metric) & (table["level"] == level)]
    assert value in found["value"].tolist()


def test_means_are_means_but_for_what_is_known():
    found = contradictions()
    assert set(found["metric"]) == {"Type"}  # no printed average is wrong
    assert set(found[["name", "row", "level", "printed"]].itertuples(index=False, name=None)) == KNOWN_CONTRADICTIONS
    cmpae = found[(found["name"] == "ear/S-X") & (found["row"] == "CMPAE")]
    assert cmpae["implied"].tolist() == [57.37]  # what MUG prints


def test_short_tables_are_the_means_of_the_long_ones():
    pairs = {"ear/IV": "ear/S-XII", "ear/VIII": "ear/S-XVI", "ear/IX": "ear/S-XVII", "mm-cse/3": "mm-cse/9"}
    checked = 0
    for short, long in pairs.items():
        by_row = published_table(long).assign(row=lambda t: t["row"].str.replace(" (Ours)", "(Ours)", regex=False))
        levels = by_row.pivot_table(index=["row", "metric"], columns="level", values="value")
        for line in published_table(short).itertuples():
            key = line.row.replace(" (Ours)", "(Ours)"), line.metric
            if line.level == "mean" and key in levels.index and not np.isnan(line.value):
                mean = levels.loc[key, ["segment", "event"]].mean(skipna=False)
                assert np.isnan(mean) or abs(mean - line.value) <= 0.0501
                checked += not np.isnan(mean)
    assert checked > 70


def test_methods_whose_numbers_depend_on_who_prints_them():
    found = disagreements()
    assert set(found["method"]) == DISAGREED
    cmpae = found[(found["method"] == "CMPAE") & (found["level"] == "event")].iloc[0]
    assert cmpae["values"] == "57.4 (mug/1, mm-cse/1), 51.9 (ear/S-X)"


def test_selm_is_the_same_in_all_of_its_tables():
    full = {"selm/3": "SelM", "selm/4": "DAM", "selm/5": "CLEVER", "selm/6": "DAM", "selm/7": "BCSM", "selm/8": "+Aux"}
    rows = [
        published_table(name).query("row == @label").set_index(["corpus", "metric"])["value"]
        for name, label in full.items()
    ]
    for other in rows[1:]:
        pd.testing.assert_series_equal(rows[0], other)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ear/4", "ear/IV"),
        ("EAR/s-19", "ear/S-XIX"),
        ("mm_cse/10", "mm-cse/10"),
        ("mug/2", "mug/2"),
        ("ear/ix", "ear/IX"),
    ],
)
def test_names_may_be_arabic(given, meant):
    assert table_name(given) == meant


@pytest.mark.parametrize("name", ["mug/6", "ear", "han/1", "ear/S-", "selm/VIII"])
def test_an_unknown_table_is_refused_with_those_there_are(name):
    with pytest.raises(ValueError, match=r"unknown table .*mug/1, mug/2.*selm/8"):
        published_table(name)


def test_an_unknown_paper_is_refused():
    with pytest.raises(ValueError, match="unknown paper 'han': choose one of mug, ear, mm-cse, selm"):
        table_names("han")


def test_what_is_given_out_is_a_copy():
    mine = published_values()
    mine["value"] = 0
    assert published_values()["value"].max() > 50
    assert set(COMPARISONS) <= set(table_names())
