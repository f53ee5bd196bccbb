"""Cells say what made them, are kept while that holds, and are measured again when it does not."""

import json

import numpy as np
import pytest

from avvp_lib import cells as cells_module
from avvp_lib import recipes
from avvp_lib.cells import cell_path, cells_folder, fill_cells, is_stale, measure, read_cells
from avvp_lib.recipes import RECIPES, Bench, recipe
from avvp_lib.reports import results_table
from tests.small_bench import small_bench
from tests.test_reports import CORPUS, cell

SMOKE = {name: recipe(name, "smoke") for name in RECIPES}


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    return small_bench(tmp_path / "corpus")


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
    folder = cells_folder() / CORPUS
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

    monkeypatch.setattr(cells_module, "measure", measured_again)
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
    trained = {**fresh, "experiment": "han", "code": cells_module._code(RECIPES["han"])}
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
    assert not cells_folder().exists()
