"""Tables of the papers: every row has an experiment or a reason, what is measured, and what is said about a claim."""

import json

import numpy as np
import pandas as pd
import pytest

from avvp_lib import table_cells, table_reports
from avvp_lib.cli import main
from avvp_lib.predictors import PREDICTORS
from avvp_lib.published import published_table, table_names
from avvp_lib.recipes import RECIPES, VARIANTS, Recipe, table
from avvp_lib.segmentation_recipes import RECIPES as MASK_RECIPES
from avvp_lib.table_cells import Place, Task, fill_tables, find_tables, selected_rows, tasks_of
from avvp_lib.table_pages import write_claims, write_table
from avvp_lib.table_reports import (
    UNDECIDED,
    claims,
    claims_text,
    paper_and_ours,
    table_times,
    times_text,
    undecided,
    verdicts,
    wide,
)
from avvp_lib.table_rows import TABLES
from tests.test_reports import cell

PLACE = Place.of("smoke", "studio-1")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    monkeypatch.setattr(table_reports, "_is_stale", lambda cell: False)
    return tmp_path


def keep(home, *cells: dict, corpus: str = "smoke-studio-1") -> None:
    """Write cells where measured ones would be."""
    folder = home / "outputs" / "cells" / corpus
    folder.mkdir(parents=True, exist_ok=True)
    for made in cells:
        (folder / f"{made['experiment']}-{made['seed']}.json").write_text(json.dumps(made), encoding="utf-8")


def mask_cell(experiment: str, seed: int, per_clip: list[float]) -> dict:
    scores = {"M_J": float(np.mean(per_clip)), "M_F": 50.0}
    return {"experiment": experiment, "title": experiment, "corpus": "small", "setting": "s4", "seed": seed, "scores": scores,
            "recipe": None, "code": "", "per_clip": {"M_J": per_clip}}  # fmt: skip


def test_every_table_has_an_experiment_or_a_reason_for_every_row():
    assert set(TABLES) == set(table_names())
    for name, known in TABLES.items():
        labels = [row.label for row in known.rows]
        printed = set(published_table(name)["row"])
        assert printed <= set(labels) and known.reference in labels and len(labels) == len(set(labels))
        for row in known.rows:
            assert row.label in printed or row.note  # a row that the paper's text does not have says why
            assert row.experiment is not None or row.note
            assert row.against is None or row.against in labels
            assert row.experiment is None or row.experiment in (
                MASK_RECIPES if known.settings else {**PREDICTORS, **RECIPES}
            )
        assert known.repeats is None or TABLES[known.repeats].repeats is None


def test_every_variant_is_a_row_of_a_table():
    rows = {name for known in TABLES.values() for name in known.experiments}
    assert set(VARIANTS) <= rows


def test_a_variant_is_a_small_change_to_its_base():
    base, variant = RECIPES["mug-combined-1"], RECIPES["mug-combined-1-without-tsa"]
    assert variant == Recipe(**{**vars(base), "name": variant.name, "title": variant.title, "widths": {"tsa": "off"}})
    assert RECIPES["mm-cse-basic-loss"].training.loss_options == {
        "reconstruction_weight": 0.0, "lambda_1": 0.0, "lambda_2": 0.0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "count"), [("mug/2", 6), ("ear/III", 2), ("ear/S-XIX", 6), ("mm-cse/10", 5), ("selm/4", 3), ("selm/1", 1)]
)
def test_a_table_is_a_list_of_named_recipes(name, count):
    made = table(name, "smoke")
    assert len(made) == count and len({experiment.name for experiment in made}) == count


def test_the_sweep_has_the_papers_numbers_at_the_papers_size():
    by_name = {made.name: made for made in table("ear/S-XVIII", "paper")}
    lower = by_name["ear-lower-audio-threshold"]
    assert (lower.threshold_audio, lower.threshold_visual, lower.scope) == (0.97, 0.95, "batch")
    assert {made.epochs for made in by_name.values()} == {80}
    small = {made.name: made for made in table("ear/S-XVIII", "tutorial")}["ear-lower-audio-threshold"]
    assert (small.threshold_audio, small.threshold_visual, small.scope) == (0.65, 0.75, "video")


def test_tables_by_name_by_paper_and_all():
    assert [known.name for known in find_tables(["selm/3", "ear/4"])] == ["ear/IV", "selm/3"]
    assert len(find_tables(["MUG"])) == 5 and len(find_tables(["all"])) == 43
    with pytest.raises(ValueError, match="unknown table 'mug/9': choose one of mug/1"):
        find_tables(["mug/2", "mug/9"])


def test_rows_come_with_what_they_are_compared_with():
    rows = selected_rows(TABLES["mug/4"], ["JoMoLD"])
    assert [row.label for row in rows] == ["JoMoLD", "CMRC+JoMoLD"]
    with pytest.raises(ValueError, match=r"mug/2 has no row 'TSA': choose among MUG, wo/CMRC, wo/TSA"):
        selected_rows(TABLES["mug/2"], ["TSA"])


def test_each_cell_is_a_task_once():
    tasks = tasks_of(find_tables(["mug/2", "mug/5", "ear/III"]), PLACE, seeds=2)
    assert (
        len(tasks) == len(set(tasks)) == 2 * 6 + 2 * 2 + 1 + 2 * 2
    )  # pseudo-labels are not trained, so they have no seed
    assert Task("pseudo-labels", 0) in tasks and Task("pseudo-labels", 1) not in tasks
    assert {task.setting for task in tasks_of(find_tables(["selm/4"]), PLACE, 1)} == {"s4", "ms3"}


def test_what_the_real_corpus_has_no_labels_for_is_left_out():
    tasks = tasks_of(find_tables(["mug/2", "mug/4"]), Place.of("paper"), seeds=1)
    assert {task.experiment for task in tasks} == {
        "mug-combined-1-without-plsim", "han-zero-shot", "han-combined-1", "mgn-zero-shot", "mgn-combined-1",
        "jomold-zero-shot", "jomold-combined-1",
    }  # fmt: skip


def test_places_and_their_cells():
    assert Place.of("tutorial").cells() == "tutorial-studio-1"
    assert Place.of("tutorial", "street-2").cells("ms3") == "avs-ms3-tutorial-street-2"
    assert Place.of("paper").cells() == "llp" and Place.of("paper-clip").cells() == "llp-clip"
    assert Place.of("paper").cells("s4") == "avs-s4-paper-pvt"
    for profile, corpus in (
        ("tutorial", "attic-1"),
        ("tutorial", "studio"),
        ("tutorial", "real"),
        ("paper", "studio-1"),
    ):
        with pytest.raises(ValueError, match=f"unknown corpus '{corpus}' of the profile '{profile}': choose"):
            Place.of(profile, corpus)


def test_a_table_is_measured_in_its_shards_and_failures_are_kept(home, monkeypatch):
    asked = []

    def measure(task, place):
        asked.append(task)
        if task.experiment == "han-combined-1":
            raise FloatingPointError("the loss is nan")

    monkeypatch.setattr(table_cells, "measure_task", measure)
    monkeypatch.setattr(table_cells, "_prepare", lambda *arguments: None)
    everything = tasks_of(find_tables(["mug/4"]), PLACE, 1)
    failures = [fill_tables(["mug/4"], PLACE, 1, workers=1, shard=(part, 4)) for part in (1, 2, 3, 4)]
    assert sorted(asked, key=everything.index) == everything
    (failed,) = [failure for part in failures for failure in part]
    assert failed["experiment"] == "han-combined-1" and failed["reason"] == "FloatingPointError: the loss is nan"
    keep(home, cell("han-zero-shot", 0, [50.0, 60.0]))
    assert "* `han-combined-1`, seed 0 (smoke-studio-1): FloatingPointError: the loss is nan" in claims_text(PLACE)
    monkeypatch.setattr(table_cells, "measure_task", lambda task, place: None)
    assert fill_tables(["mug/4"], PLACE, 1, ["HAN"], workers=1) == []
    assert not list(table_cells.failures_folder().iterdir()) and "### What failed" not in claims_text(PLACE)
    with pytest.raises(ValueError, match="shard 3/2 is none: choose 1/2 to 2/2"):
        fill_tables(["mug/4"], PLACE, shard=(3, 2))
    with pytest.raises(ValueError, match="rows belong to one table, not to 2: mug/3, mug/4"):
        fill_tables(["mug/4", "mug/3"], PLACE, labels=["HAN"])


def test_paper_and_ours_side_by_side(home):
    keep(home, *(cell("han-zero-shot", seed, [40.0, 50.0]) for seed in (0, 1)), cell("han-combined-1", 0, [60.0, 70.0]))
    compared = paper_and_ours("mug/4", PLACE)
    line = compared[(compared["row"] == "HAN") & (compared["level"] == "segment") & (compared["metric"] == "A")].iloc[0]
    assert (line["paper"], line["ours"], line["seeds"], line["experiment"]) == (60.1, 45.0, 2, "han-zero-shot")
    assert line["low"] <= 45 <= line["high"]
    missing = compared[compared["row"] == "MGN"]
    assert missing["ours"].isna().all() and (missing["seeds"] == 0).all()
    assert (
        wide(compared).loc["HAN", "segment A"] == "60.1 / 45.0" and wide(compared).loc["MGN", "event V"] == "52.4 / –"
    )


def test_a_verdict_is_about_the_papers_direction(home):
    """CMRC is said to help: it does for HAN, nothing can be said of MGN, and JoMoLD is harmed."""
    videos = np.linspace(30.0, 60.0, 40)
    noise = np.tile([-20.0, 20.0], 20)
    for network, gain in (("han", 5.0), ("mgn", noise), ("jomold", -5.0)):
        keep(home, *(cell(f"{network}-zero-shot", seed, videos) for seed in (0, 1, 2)))
        keep(home, *(cell(f"{network}-combined-1", seed, videos + gain) for seed in (0, 1, 2)))
    said = verdicts("mug/4", PLACE).set_index("row")
    assert said["verdict"].to_dict() == {"HAN": "agrees", "MGN": "undecided", "JoMoLD": "disagrees"}
    assert said.loc["HAN", "ours"] == pytest.approx(-5) and said.loc["HAN", "paper"] == pytest.approx(-0.9)
    assert (said["seeds"] == 3).all()


def test_undecided_is_told_apart_by_what_could_be_seen():
    """The interval is -2 to 1 in each line, half of it is 1.5 points."""
    lines = [(-1.4, "undecided"), (-1.6, "undecided"), (-1.9, "undecided"), (-2.1, "undecided"), (np.nan, "undecided")]
    table = pd.DataFrame([*lines, (-9.0, "agrees"), (0.0, "")], columns=["paper", "verdict"]).assign(low=-2.0, high=1.0)
    assert undecided(table).to_dict() == dict(zip(UNDECIDED, (1, 2, 1, 1), strict=True))
    assert undecided(table[:0]).sum() == 0


def test_rows_without_a_verdict_are_told_apart(home):
    """Batch4 and Batch5 are equal in the paper: measured or not, there is no direction."""
    keep(home, cell("mug-combined-1", 0, [50.0, 60.0]), cell("mug-combined-2", 0, [45.0, 55.0]))
    text = claims_text(PLACE)
    assert "0 claims, by verdict: 0 agrees, 0 undecided, 0 disagrees." in text
    assert "Measured, but the paper has no direction: Batch5 of mug/3." in text
    assert "Not measured yet, as a whole or in part: mug/1, mug/2, mug/3, mug/4," in text


def test_a_direction_can_be_known_where_the_numbers_are_lost(home):
    keep(home, cell("ear-ear-labels", 0, [50.0, 60.0]), cell("ear-ear-labels-without-erm", 0, [45.0, 55.0]))
    said = verdicts("ear/VII", PLACE).set_index("row")
    assert np.isnan(said.loc["without ERM", "paper"]) and said.loc["without ERM", "verdict"] == "agrees"
    assert said.loc["without AMDF", "verdict"] == "" and said.loc["row 1", "verdict"] == ""


def test_segmentation_has_a_verdict_for_each_setting(home):
    for name, gain in (("selm", 5.0), ("selm-without-bcsm", 0.0)):
        cells = [mask_cell(name, seed, [30 + gain, 40 + gain, 50 + gain]) for seed in (0, 1)]
        keep(home, *cells, corpus="avs-s4-smoke-studio-1")
    said = verdicts("selm/3", PLACE).set_index(["setting", "row"])
    assert said.loc[("s4", "w.o. BCSM"), "verdict"] == "agrees" and said.loc[("ms3", "w.o. BCSM"), "verdict"] == ""
    compared = paper_and_ours("selm/3", PLACE)
    ours = compared.dropna(subset="ours").set_index(["row", "corpus", "metric"])["ours"]
    assert ours["SelM", "avsbench-s4", "M_J"] == 45 and ("SelM", "avsbench-ms3", "M_J") not in ours.index


def test_stale_cells_are_marked(home, monkeypatch):
    keep(home, cell("han-zero-shot", 0, [40.0, 50.0]), cell("han-combined-1", 0, [60.0, 70.0]))
    monkeypatch.setattr(table_reports, "_is_stale", lambda cell: cell["experiment"] == "han-zero-shot")
    note = verdicts("mug/4", PLACE).set_index("row").loc["HAN", "note"]
    assert note == "learns from the labels that CMRC needs; stale: the code has changed since"
    assert paper_and_ours("mug/4", PLACE).set_index("row")["stale"].groupby("row").any().to_dict()["HAN"]


def test_repeated_tables_do_not_count_twice(home):
    keep(home, cell("ear-ear-labels", 0, [50.0, 60.0]), cell("ear-ear-labels-without-erm", 0, [45.0, 55.0]))
    measured = claims(PLACE).query("seeds > 0")
    assert set(measured["table"]) == {"ear/VII"}


def test_a_cell_counts_with_the_first_table_that_it_stands_in(home):
    keep(
        home,
        {**cell("mug-combined-1", 0, [1.0]), "seconds": 5400.0},
        {**cell("mug-combined-1", 4, [1.0]), "seconds": 1e6},
    )
    times = table_times(PLACE).set_index("table")
    assert times["hours"].sum() == times.loc["mug/1", "hours"] == 1.5, "a fourth seed does not count"
    assert times["measured"].sum() == 1
    tasks = tasks_of(TABLES.values(), PLACE, 3)
    assert times["cells"].sum() == len(tasks) and times.loc["mug/2", "cells"] < len(
        tasks_of([TABLES["mug/2"]], PLACE, 3)
    )
    assert f"1 of {len(tasks)} cells took 1.5 hours" in times_text(PLACE)


def test_files_of_a_table_and_the_page_of_claims(home):
    keep(home, cell("han-zero-shot", 0, [40.0, 50.0]), cell("han-combined-1", 0, [60.0, 70.0]))
    page = write_table("mug/4", PLACE)
    assert "| HAN | vggish+resnet | 60.1 / 45.0 |" in page.read_text(encoding="utf-8")
    names = sorted(path.name for path in page.parent.iterdir())
    assert names == ["mug-4.csv", "mug-4.md", "mug-4.png", "mug-4.verdicts.csv"]
    pd.testing.assert_frame_equal(
        pd.read_csv(page.with_suffix(".csv"))[["row", "paper"]], paper_and_ours("mug/4", PLACE)[["row", "paper"]]
    )
    assert "outputs" not in page.read_text(encoding="utf-8")
    claimed = home / "claims.md"
    claimed.write_text("before\n<!-- claims -->\nold\n<!-- /claims -->\nafter\n", encoding="utf-8")
    write_claims(claimed, PLACE)
    text = claimed.read_text(encoding="utf-8")
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text
    assert "Corpus smoke-studio-1; 1 claims, by verdict: 1 agrees" in text and "### mug/4" in text


def test_the_command_lists_prints_and_refuses(home, capsys):
    main(["table"])
    assert len(capsys.readouterr().out.splitlines()) == 43
    keep(home, cell("han-zero-shot", 0, [40.0, 50.0]), cell("han-combined-1", 0, [60.0, 70.0]))
    main(["table", "mug/4", "--profile", "smoke", "--print-only"])
    assert "| HAN | CMRC+HAN | -0.9 | -20.0 |" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="unknown table 'mug/7'"):
        main(["table", "mug/7"])
    with pytest.raises(SystemExit, match="mug/4 has no row 'VALOR'"):
        main(["table", "mug/4", "--profile", "smoke", "--rows", "VALOR"])
    with pytest.raises(SystemExit, match="unknown corpus 'moon-1'"):
        main(["table", "mug/4", "--corpus", "moon-1"])
    with pytest.raises(SystemExit):
        main(["table", "mug/4", "--shard", "two"])
    assert "'two' is not i/n" in capsys.readouterr().err
