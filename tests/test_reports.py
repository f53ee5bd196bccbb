"""Cells and tables: what is kept, when it is stale, and what is said about a difference."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from avvp_lib import recipes, reports
from avvp_lib.recipes import RECIPES, Bench, recipe
from avvp_lib.reports import (
    COLUMNS,
    PREDICTORS,
    REPORTED_CORPUS,
    cell_path,
    compare,
    comparisons,
    fill_cells,
    is_stale,
    markdown,
    measure,
    measured,
    predictor_grids,
    read_cells,
    results_table,
    summary,
    write_summary,
)
from tests.small_bench import small_bench

CORPUS = "smoke-studio-0"
PER_VIDEO = (*reports.MODALITY_SCORES, "segment/Event", "event/Type")
SMOKE = {name: recipe(name, "smoke") for name in RECIPES}


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    return small_bench(tmp_path / "corpus")


def cell(experiment: str, seed: int | None, per_video: np.ndarray, **changes) -> dict:
    """A cell in which every score of a video is the same number."""
    scores = np.asarray(per_video, float)
    return {
        "experiment": experiment,
        "title": f"the {experiment}",
        "corpus": f"synthetic-llp/{CORPUS}",
        "seed": seed,
        "test_videos": len(scores),
        "scores": {name: float(scores.mean()) for name in COLUMNS},
        "recipe": None,
        "code": "of another day",
        "per_video": {name: scores.tolist() for name in PER_VIDEO},
    } | changes


def test_predictors_by_hand(bench):
    test = bench.corpus.splits["test"]
    for name, expected in {
        "nothing": np.zeros_like(test.audio),
        "everything": np.ones_like(test.audio),
        "video-label": np.repeat(test.video_labels[:, None], 10, axis=1),
    }.items():
        for grid in predictor_grids(name, bench):
            assert grid.dtype == bool
            np.testing.assert_array_equal(grid, expected)
    labels = bench.zero_shot("test")
    audio, visual = predictor_grids("pseudo-labels", bench)
    np.testing.assert_array_equal(audio, labels.audio == 1)
    np.testing.assert_array_equal(visual, labels.visual == 1)
    with pytest.raises(ValueError, match="unknown predictor 'chance': choose one of nothing, "):
        predictor_grids("chance", bench)


def test_the_teacher_alone_reads_no_video_label(bench):
    before = predictor_grids("teacher", bench)
    splits = {
        name: replace(part, video_labels=np.zeros_like(part.video_labels)) for name, part in bench.corpus.splits.items()
    }
    after = predictor_grids("teacher", replace(bench, corpus=replace(bench.corpus, splits=splits)))
    np.testing.assert_array_equal(before, after)
    truth = bench.corpus.splits["test"]
    assert (before[0] & truth.audio).sum() > 0.5 * truth.audio.sum()


def test_a_measured_cell_says_what_it_is(bench):
    made = json.loads(json.dumps(measure(SMOKE["valor-truth"], bench, 3, progress=False)))
    assert (made["experiment"], made["seed"], made["test_videos"]) == ("valor-truth", 3, 6)
    assert made["recipe"]["training"]["epochs"] == SMOKE["valor-truth"].training.epochs
    assert made["gates"] == ["global", "global"] and made["best_epoch"] >= 1 and made["parameters"] > 1000
    assert {"avvp", "python", "torch", "numpy"} <= made["versions"].keys()
    assert len(made["scores"]) == 11
    for name, values in made["per_video"].items():
        assert len(values) == 6
        assert np.mean(values) == pytest.approx(made["scores"][name], abs=0.01)
    assert made["scores"]["average"] == pytest.approx(
        np.mean([value for name, value in made["scores"].items() if name != "average"]), abs=1e-3
    )


def test_cells_are_kept_and_read_in_the_order_of_the_tables(bench, monkeypatch):
    fill_cells(bench, ["valor-truth", "nothing"], iter([1, 0]), SMOKE, progress=False)
    folder = reports.cells_folder() / CORPUS
    assert sorted(file.name for file in folder.iterdir()) == [
        "nothing.json",
        "valor-truth-0.json",
        "valor-truth-1.json",
    ]
    cells = read_cells(CORPUS)
    assert [(c["experiment"], c["seed"]) for c in cells] == [("nothing", None), ("valor-truth", 0), ("valor-truth", 1)]
    assert not any(map(is_stale, cells))

    def measured_again(*arguments):
        raise AssertionError("a finished cell was measured again")

    monkeypatch.setattr(reports, "measure", measured_again)
    fill_cells(bench, ["valor-truth", "nothing"], [0, 1], SMOKE, progress=False)


@pytest.mark.parametrize(
    "change",
    [{"code": "older"}, {"data": "other"}, {"recipe": {"name": "han"}}],
)
def test_stale_cells_are_measured_again(bench, change):
    fill_cells(bench, ["nothing"], [], SMOKE)
    path = cell_path("nothing", bench, None)
    fresh = json.loads(path.read_text())
    path.write_text(json.dumps({**fresh, **change, "scores": {}}))
    fill_cells(bench, ["nothing"], [], SMOKE)
    renewed = json.loads(path.read_text())
    assert {**renewed, "seconds": 0} == {**fresh, "seconds": 0}


def test_stale_cells_are_marked_and_not_deleted(bench):
    fill_cells(bench, ["nothing"], [], SMOKE)
    fresh = read_cells(CORPUS)[0]
    assert not is_stale(fresh)
    assert is_stale({**fresh, "code": "older"})
    trained = {**fresh, "experiment": "han", "code": reports._code(RECIPES["han"])}
    as_stored = json.loads(json.dumps(recipes.recipe_dict(SMOKE["han"])))
    assert not is_stale({**trained, "recipe": as_stored})
    assert is_stale({**trained, "recipe": {**as_stored, "training": {**as_stored["training"], "epochs": 99}}})
    assert is_stale({**fresh, "experiment": "a recipe that was removed"})
    table = results_table([{**fresh, "code": "older"}])
    assert table.index.tolist() == ["nothing (stale)"]


def test_cells_that_cannot_be_read_are_named(bench):
    with pytest.raises(
        FileNotFoundError, match=r"no cells of nowhere in outputs.cells: measure them with `avvp measure`"
    ):
        read_cells("nowhere")
    path = cell_path("nothing", bench, None)
    path.parent.mkdir(parents=True)
    path.write_text('{"experiment": ')
    with pytest.raises(ValueError, match=r"nothing\.json is not a cell"):
        read_cells(CORPUS)
    path.write_text(json.dumps(cell("a recipe that was removed", 0, [1.0])))
    assert len(read_cells(CORPUS)) == 1


def test_unknown_experiments_are_refused_before_any_work(bench):
    with pytest.raises(ValueError, match="unknown experiment 'valour': choose among nothing, "):
        fill_cells(bench, ["nothing", "valour"], [0], SMOKE)
    assert not reports.cells_folder().exists()


def test_the_table_holds_means_over_seeds():
    cells = [cell("nothing", None, [10, 20]), cell("han", 0, [40, 60]), cell("han", 1, [50, 70])]
    table = results_table(cells)
    assert table.index.tolist() == ["the nothing (stale)", "the han (stale)"]
    assert table["seeds"].tolist() == [0, 2]
    for column in COLUMNS:
        assert table[column].tolist() == [15, 55]
    low, high = (float(bound) for bound in table["Type interval"].iloc[1].split(" ... "))
    assert 40 <= low <= 55 <= high <= 70


NOISE = np.random.default_rng(0).normal(0, 1, 100)


@pytest.mark.parametrize(("difference", "verdict"), [(2.0, "agrees"), (-2.0, "disagrees"), (0.0, "undecided")])
def test_verdicts(difference, verdict):
    cells = [cell("han", seed, 50 + NOISE) for seed in range(3)]
    cells += [cell("valor-truth", seed, 50 + difference + NOISE[::-1]) for seed in range(3)]
    step = compare(cells, "han", "valor-truth")
    assert step["verdict"] == verdict
    assert step["difference"] == pytest.approx(difference, abs=0.01)
    assert step["low"] <= step["difference"] <= step["high"]


def test_runs_are_paired_by_seed():
    by_seed = {0: [10.0, 20.0], 1: [30.0, 40.0], 2: [70.0, 80.0]}
    cells = [cell("han", seed, by_seed[seed]) for seed in (0, 1)]
    cells += [cell("valor-truth", seed, np.array(by_seed[seed]) + 5) for seed in (1, 2)]
    step = compare(cells, "han", "valor-truth")  # seed 1 alone is in both
    assert (step["difference"], step["low"], step["high"]) == (5, 5, 5)


def test_a_predictor_is_compared_with_every_run():
    cells = [cell("nothing", None, [0.0, 0.0]), cell("han", 0, [10.0, 10.0]), cell("han", 1, [20.0, 20.0])]
    assert compare(cells, "nothing", "han")["difference"] == 15
    assert compare(cells, "han", "nothing", "segment/Event")["difference"] == -15
    assert compare([*cells, cell("everything", None, [1.0, 3.0])], "nothing", "everything")["difference"] == 2


def test_comparisons_that_cannot_be_are_refused():
    cells = [cell("han", 0, [1.0]), cell("valor-truth", 1, [1.0])]
    with pytest.raises(ValueError, match="no training seed in common"):
        compare(cells, "han", "valor-truth")
    with pytest.raises(ValueError, match="no cells of 'valor-zero-shot'"):
        compare(cells, "han", "valor-zero-shot")
    with pytest.raises(ValueError, match="keep no 'event/A'"):
        compare(cells, "han", "han", "event/A")


def test_markdown_by_hand():
    table = pd.DataFrame({"experiment": ["nothing"], "seeds": [0], "Type": [8.361]}).set_index("experiment")
    assert markdown(table) == "| experiment | seeds | Type |\n| --- | --- | --- |\n| nothing | 0 | 8.4 |"


def test_every_predictor_has_a_title_and_a_note():
    assert all(predictor.title and predictor.reads for predictor in PREDICTORS.values())
    assert not PREDICTORS.keys() & RECIPES.keys()


def test_the_summary_replaces_what_stood_between_the_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results -->\nwhat stood here\n<!-- /results -->\nafter\n")
    cells = read_cells(REPORTED_CORPUS)
    write_summary(page, cells)
    text = page.read_text()
    assert summary(cells) in text and "what stood here" not in text
    assert text.startswith("before\n") and text.endswith("\nafter\n")


@pytest.mark.parametrize("page", reports.REPORTED_PAGES)
def test_the_pages_show_the_committed_cells(page, project_root):
    corpus, steps = reports.REPORTED_PAGES[page]
    shown = summary(read_cells(corpus), steps)
    assert shown in (project_root / page).read_text(encoding="utf-8"), "run `make notebooks`"
    assert "(stale)" not in shown, "the code changed since: run `avvp measure --corpus-seed 1`"


def test_a_page_shows_what_its_steps_compare_and_the_yardsticks():
    noise = np.random.default_rng(0).normal(0, 1, 20)
    names = ("han-zero-shot", "valor-zero-shot", "ear-labels", "video-label")
    cells = [cell(name, seed, 40 + noise) for name in names for seed in (0, 1)]
    shown = summary(cells, (("han-zero-shot", "valor-zero-shot"),))
    rows = [line for line in shown.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == 3 and "labels of EAR" not in shown and shown.count("* `") == 1


def test_only_pairs_with_cells_are_compared(capsys):
    cells = [{"experiment": name} for name in ("a", "b")]
    assert measured(cells, [("a", "b"), ("a", "c"), ("d", "c")]) == [("a", "b")]
    assert capsys.readouterr().out == "not measured: c, d\n"


def test_comparisons_are_a_row_for_each_pair_and_score():
    noise = np.random.default_rng(0).normal(0, 1, 20)
    cells = [cell(name, seed, level + noise) for name, level in (("low", 40), ("high", 50)) for seed in (0, 1)]
    table = comparisons(cells, [("low", "high"), ("high", "low")], ["segment/Type", "segment/A"])
    assert list(table["step"]) == ["low -> high"] * 2 + ["high -> low"] * 2
    assert list(table["score"]) == ["segment/Type", "segment/A"] * 2
    assert table.to_dict("records")[0] == compare(cells, "low", "high")
