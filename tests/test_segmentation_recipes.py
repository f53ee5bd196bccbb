"""Recipes of segmentation: every one builds at every size, and the published ones hold what paper and code say."""

import json

import pytest
import torch

from avvp_lib.corpora.avsbench import SETTINGS
from avvp_lib.models import build_model
from avvp_lib.segmentation_recipes import ABLATIONS, BINARY_ONLY, PROFILES, RECIPES, segmentation_recipe
from avvp_lib.tuning import read_trials


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds(name, setting):
    if setting == "avss" and name in BINARY_ONLY:
        with pytest.raises(ValueError, match="binary settings"):
            segmentation_recipe(name, setting)
        return
    for profile in ("smoke", "tutorial"):
        recipe = segmentation_recipe(name, setting, profile)
        json.dumps(recipe.plain())  # what a cell keeps of it
    with torch.device("meta"):
        model = build_model("selm", **recipe.widths)
    assert model.input_size == PROFILES["tutorial"].picture_size
    assert (recipe.title, recipe.name) == (RECIPES[name].title, name)


PAPER_EPOCHS = {"s4": 40, "ms3": 100, "avss": 30}
CODE = {  # clips a step, side of the pictures, frozen epochs, decay
    ("paper-r50", "s4"): (2, 224, 0, 0.05),
    ("paper-pvt", "s4"): (2, 448, 0, 0.05),
    ("paper-r50", "ms3"): (1, 448, 15, 0.05),
    ("paper-pvt", "ms3"): (1, 448, 0, 0.05),
    ("paper-r50", "avss"): (8, 224, 0, 0.01),
    ("paper-pvt", "avss"): (8, 224, 0, 0.01),
}


@pytest.mark.slow  # builds the full networks
@pytest.mark.parametrize(("profile", "setting"), CODE)
def test_published_recipes(profile, setting):
    paper, released = (segmentation_recipe(name, setting, profile) for name in ("selm", "selm-released"))
    assert (paper.training.batch_size, paper.training.epochs) == (4, PAPER_EPOCHS[setting])
    batch_size, side, frozen, decay = CODE[profile, setting]
    training = released.training
    assert (training.batch_size, training.epochs) == (batch_size, PAPER_EPOCHS[setting])
    assert (training.frozen_epochs, training.weight_decay) == (frozen, decay)
    assert {paper.training.rate(epoch) for epoch in (1, 15, 30)} == {2e-5} == {training.rate(7)}
    assert released.precision == ("16-mixed" if setting == "avss" else "32-true")
    assert not training.flip and not training.labelled_only
    with torch.device("meta"):
        assert build_model("selm", **paper.widths).input_size == 224
        assert build_model("selm", **released.widths).input_size == side


def test_ablations_change_one_thing():
    whole = segmentation_recipe("selm", "s4")
    for name in ABLATIONS:
        recipe = segmentation_recipe(name, "s4")
        changed = {key for key in recipe.widths if recipe.widths[key] != whole.widths.get(key)}
        assert (
            changed
            == {
                "selm": set(),
                "selm-without-audio": {"hearing"},
                "selm-without-bcsm": {"selection"},
                "selm-without-dam": {"early_fusion", "fusion_place"},
            }[name]
        )


@pytest.mark.parametrize("wrong", [("sel", "s4", "smoke"), ("selm", "s5", "smoke"), ("selm", "s4", "papers")])
def test_unknown_names_are_refused_with_those_that_are_known(wrong):
    with pytest.raises(ValueError, match=r"unknown .*: choose one of"):
        segmentation_recipe(*wrong)


@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_the_recipes_hold_what_the_trials_chose(setting):
    table = read_trials(f"avs-{setting}-tutorial-studio-0")
    assert sorted(table.index) == sorted(ABLATIONS)
    for name, chosen in table["chosen"].items():
        assert segmentation_recipe(name, setting, "tutorial").training.learning_rate == chosen, name


def test_what_was_not_tuned_takes_the_whole_models_rate():
    rates = {segmentation_recipe(name, "avss").training.learning_rate for name in RECIPES if name not in BINARY_ONLY}
    assert rates == {segmentation_recipe("selm", "ms3").training.learning_rate}
    for setting in ("s4", "ms3"):
        whole, other = (segmentation_recipe(name, setting).training for name in ("selm", "selm-add"))
        assert whole == other
