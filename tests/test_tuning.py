"""Validation trials: all recipes get the same number, the best is chosen, and the frozen recipes hold what was chosen."""

import json

import pandas as pd
import pytest

from avvp_lib import tuning
from avvp_lib.recipes import recipe
from avvp_lib.training import FitResult
from avvp_lib.tuning import LEARNING_RATES, TUNED, read_trials, run_trials, trials_folder

TUNED_ON = "tutorial-studio-0"


class FakeBench:
    name = "tutorial-studio-0"


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trainings that only say what they were asked: the middle rate scores best, in epoch 2."""
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    asked = []

    def run(experiment, bench, seed, folder, progress):
        asked.append((experiment.name, seed, folder.name))
        if experiment.training.learning_rate == LEARNING_RATES[-1]:
            raise FloatingPointError("the training loss is nan in epoch 2")
        score = 60.0 if experiment.training.learning_rate == LEARNING_RATES[1] else 50.0
        history = pd.DataFrame({"epoch": [1, 2], "segment/Type": [40.0, score]})
        return FitResult(None, history, best_epoch=2)

    monkeypatch.setattr(tuning, "run", run)
    monkeypatch.setattr(
        tuning, "training_folder", lambda experiment, bench, seed: tmp_path / f"{experiment.name}-{seed}"
    )
    return asked


def test_every_recipe_gets_the_same_trials(trained):
    run_trials(FakeBench(), ["mug-zero-shot", "han-zero-shot"], progress=False)
    assert len(trained) == 2 * len(LEARNING_RATES) and len({folder for *_, folder in trained}) == len(trained)
    table = read_trials(TUNED_ON)
    assert list(table.index) == ["han-zero-shot", "mug-zero-shot"]  # in the order of the recipes
    assert (table["chosen"] == LEARNING_RATES[1]).all() and (table[LEARNING_RATES[1]] == 60).all()
    assert table[LEARNING_RATES[-1]].isna().all()  # it diverged, and counts as a trial


def test_what_is_kept_says_where_it_comes_from(trained):
    run_trials(FakeBench(), ["han-zero-shot"], progress=False)
    kept = json.loads((trials_folder(TUNED_ON) / "han-zero-shot.json").read_text())
    assert kept["trials"][0] == {
        "learning_rate": LEARNING_RATES[0], "seed": 0, "epochs": 30, "best_epoch": 2, "validation": 50.0
    }  # fmt: skip
    assert kept["trials"][-1]["validation"] is None and "nan in epoch 2" in kept["trials"][-1]["diverged"]


def test_a_recipe_that_is_not_tuned_is_refused(trained):
    with pytest.raises(ValueError, match="unknown experiment 'valor-truth'"):
        run_trials(FakeBench(), ["valor-truth"])
    assert not trained


def test_no_trials(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="avvp tune"):
        read_trials("tutorial-studio-0")


def test_the_recipes_hold_what_the_trials_chose():
    table = read_trials(TUNED_ON)
    assert sorted(table.index) == sorted(TUNED)
    for name, chosen in table["chosen"].items():
        assert recipe(name, "tutorial").training.learning_rate == chosen, name
