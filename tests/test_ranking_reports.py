"""Average precision in cells: measured with them, added to older ones from kept trainings, and shown."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from avvp_lib import cells as cells_module
from avvp_lib import recipes
from avvp_lib.cells import cell_path, fill_cells, is_stale, measure, read_cells
from avvp_lib.metrics import ranking_scores
from avvp_lib.profiles import PROFILES
from avvp_lib.ranking_reports import MEANS, add_ranking, ranking_table
from avvp_lib.recipes import RECIPES, Bench, recipe, training_folder
from avvp_lib.reports import results_table
from avvp_lib.training import predict
from tests.small_bench import PROFILE, small_bench
from tests.test_reports import cell

CORPUS = "smoke-studio-0"
FIELDS = {"ranking", "average_precision"}


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    """A bench whose profile is the one called "smoke", as the cells say."""
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(PROFILES, "smoke", PROFILE)
    return small_bench(tmp_path / "corpus")


def smoke(*names: str) -> dict:
    return {name: recipe(name, "smoke") for name in names}


def measured(bench, *names: str, seeds=(0,)) -> list[dict]:
    fill_cells(bench, names, seeds, smoke(*(name for name in names if name in RECIPES)), progress=False)
    return read_cells(CORPUS)


def without_ranking(bench, name: str, seed: int) -> dict:
    """Rewrite a cell as an earlier version would have left it."""
    path = cell_path(name, bench, seed)
    older = {key: value for key, value in json.loads(path.read_text()).items() if key not in FIELDS}
    path.write_text(json.dumps(older, indent=1) + "\n")
    return older


def test_a_measured_cell_holds_the_ranking_of_its_model(bench):
    experiment = recipe("mug-zero-shot", "smoke")  # which reads text at test time
    made = json.loads(json.dumps(measure(experiment, bench, 0, progress=False)))
    model = recipes.run(experiment, bench, 0, folder=training_folder(experiment, bench, 0), progress=False).model
    test = bench.split("test")
    output = predict(model, bench.data("test", text="ungated"))
    expected = ranking_scores(output.segment_prob.numpy(), test.audio, test.visual)
    for modality, values in expected.items():
        stored = np.array(made["average_precision"][modality], float)
        np.testing.assert_allclose(stored, values, rtol=0, atol=1e-4)
        assert [value is None for value in made["average_precision"][modality]] == np.isnan(values).tolist()
        assert made["ranking"][f"mAP/{modality}"] == pytest.approx(np.nanmean(values), abs=1e-4)
    assert tuple(made["ranking"]) == MEANS and MEANS[0] not in made["scores"]
    assert "NaN" not in json.dumps(made)


def test_who_gives_no_probabilities_has_no_ranking(bench):
    (made,) = measured(bench, "nothing")
    assert not FIELDS & made.keys()
    assert add_ranking(bench) == add_ranking(bench, ["nothing"])
    with pytest.raises(ValueError, match="no cell has a ranking yet: `avvp measure --add-ranking`"):
        ranking_table([made])


@pytest.mark.parametrize("name", ["valor-truth", "jomold-zero-shot", "mug-zero-shot"])
def test_older_cells_get_what_new_ones_have_and_nothing_else_changes(bench, monkeypatch, name):
    (fresh,) = measured(bench, name)
    older = without_ranking(bench, name, 0)

    def trained(*arguments, **options):
        raise AssertionError("something was trained")

    for module, function in ((recipes, "fit"), (recipes, "run"), (cells_module, "run")):
        monkeypatch.setattr(module, function, trained)
    report = add_ranking(bench)
    assert (report.added, report.there, report.left) == ((f"{name}-0",), (), {})
    (renewed,) = read_cells(CORPUS)
    assert renewed == fresh and not is_stale(renewed)
    assert {key: value for key, value in renewed.items() if key not in FIELDS} == older
    assert list(renewed) == list(fresh)
    before = cell_path(name, bench, 0).read_bytes()
    assert add_ranking(bench).there == (f"{name}-0",)
    assert cell_path(name, bench, 0).read_bytes() == before


def test_cells_whose_training_is_not_there_are_named_and_left_alone(bench):
    measured(bench, "valor-truth", "han", seeds=(0, 1))
    for name, seed in (("valor-truth", 0), ("valor-truth", 1), ("han", 0)):
        without_ranking(bench, name, seed)
    shutil.rmtree(training_folder(recipe("valor-truth", "smoke"), bench, 1))
    files = {
        path: hashlib.sha256(path.read_bytes()).hexdigest() for path in cells_module.cells_folder().rglob("*.json")
    }
    report = add_ranking(bench, ["valor-truth"])
    assert report.added == ("valor-truth-0",)
    assert report.left == {"valor-truth-1": "there is no training in outputs/trainings/smoke-studio-0/valor-truth-1"}
    assert "1 cells have a ranking now, 0 had one, 1 were left alone\n  valor-truth-1: there is no" in str(report)
    changed = {path.stem for path, digest in files.items() if hashlib.sha256(path.read_bytes()).hexdigest() != digest}
    assert changed == {"valor-truth-0"}
    assert not training_folder(recipe("valor-truth", "smoke"), bench, 1).exists()


def test_weights_of_something_else_are_not_believed(bench, caplog):
    measured(bench, "valor-truth", seeds=(0, 1))
    measured(bench, "han")
    without_ranking(bench, "valor-truth", 0)
    path = cell_path("valor-truth", bench, 0)
    own = json.loads(path.read_text())
    folder = training_folder(recipe("valor-truth", "smoke"), bench, 0)
    state = folder / "training.state"
    kept = state.read_bytes()

    def why(**changes) -> str:
        path.write_text(json.dumps(own | changes))
        report = add_ranking(bench)
        assert not report.added and json.loads(path.read_text()) == own | changes
        return report.left["valor-truth-0"]

    assert why(code="older") == "stale: measure it again, and it will have one"
    assert "has another best epoch" in why(best_epoch=own["best_epoch"] + 1)
    for field in ("scores", "per_video"):
        name, values = next(iter(own[field].items()))
        other = {**own[field], name: values - 1 if field == "scores" else [values[0] + 1, *values[1:]]}
        assert why(**{field: other}) == "the weights that are kept earn other scores than it holds: measure it again"
    state.write_bytes((folder.with_name("han-0") / "training.state").read_bytes())
    assert "is damaged or another one" in why() and "of another training (model)" in caplog.text
    state.write_bytes((folder.with_name("valor-truth-1") / "training.state").read_bytes())
    assert "is damaged or another one" in why() and "of another training (seed, model)" in caplog.text
    state.write_bytes(kept[:-1])
    assert "is damaged or another one" in why() and "is damaged (its content has another fingerprint" in caplog.text
    state.write_bytes(kept)
    assert add_ranking(bench).added == ("valor-truth-0",)


def test_an_unfinished_training_is_no_result(bench, monkeypatch):
    measured(bench, "valor-truth")
    without_ranking(bench, "valor-truth", 0)
    experiment = recipe("valor-truth", "smoke")
    folder = training_folder(experiment, bench, 0)
    shutil.rmtree(folder)

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    from avvp_lib import training

    real = training._train_epoch
    epochs = iter((real, killed))
    monkeypatch.setattr(training, "_train_epoch", lambda *arguments: next(epochs)(*arguments))
    with pytest.raises(KeyboardInterrupt):
        recipes.run(experiment, bench, 0, folder=folder, progress=False)
    assert "is not finished" in add_ranking(bench).left["valor-truth-0"]


def test_unknown_experiments_are_refused(bench):
    with pytest.raises(ValueError, match="unknown experiment 'valour'"):
        add_ranking(bench, ["valour"])


def test_the_table_holds_means_over_seeds_and_says_which_cells():
    ranked = [
        cell("han", seed, [40 + seed], ranking={MEANS[0]: 50.0 + seed, MEANS[1]: 30.0, MEANS[2]: 20.0 + 2 * seed})
        for seed in (0, 2)
    ]
    table = ranking_table([cell("nothing", None, [1]), *ranked, cell("han", 1, [0.0])])
    (row,) = table.reset_index().to_dict("records")
    assert row == {
        "experiment": "the han (stale)", "cells": "2 of 3", "seeds": "0, 2", MEANS[0]: 51.0, MEANS[1]: 30.0, MEANS[2]: 22.0,
        "audio-visual seeds": "20.0 ... 24.0", "segment/Type": 41.0,
    }  # fmt: skip


def test_cells_with_a_ranking_are_read_as_before(bench):
    cells = measured(bench, "valor-truth", "nothing")
    older = [{key: value for key, value in made.items() if key not in FIELDS} for made in cells]
    assert results_table(cells).equals(results_table(older))
