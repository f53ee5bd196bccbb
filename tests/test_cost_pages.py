"""The page of costs: what is committed is what is shown, steps are measured once, and numbers say what they are."""

import json
import re
from dataclasses import asdict

import pytest

from avvp_lib import cost_pages
from avvp_lib.cost import StepCost, steps_of
from avvp_lib.cost_pages import (
    COSTS_MARKERS,
    MEASURED_EPOCHS,
    PARSER_COLUMNS,
    costs_text,
    measure_missing,
    parser_costs,
    read_steps,
    segmenter_costs,
    wanted_steps,
    write_costs,
)
from avvp_lib.models import build_model
from avvp_lib.profiles import profile
from avvp_lib.recipes import RECIPES, recipe

MADE_UP = StepCost(10**6, 1, 10**9, 3 * 10**9, 10**7, 50, 2**20)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A workspace in which every step was measured to the same made-up cost, by a counter of calls."""
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    measured = []
    for name in ("measure_parser", "measure_segmenter"):
        monkeypatch.setattr(cost_pages, name, lambda step: measured.append(step.key) or MADE_UP)
    monkeypatch.setattr(cost_pages, "_code", lambda step: "as it is")
    return measured


def silent(text: str) -> None:
    """In place of print."""


# --- what is committed ---------------------------------------------------------------------------------------------------


def test_the_page_shows_the_committed_steps(project_root):
    page = (project_root / "docs" / "costs.md").read_text(encoding="utf-8")
    assert costs_text() in page, "run `avvp costs --write docs/costs.md`"


def test_every_recipe_has_a_row():
    assert {cost.name for cost in parser_costs()} == set(RECIPES)
    assert [cost.name for cost in segmenter_costs("paper-pvt")] == ["selm, s4", "selm, ms3", "selm, avss"]


def test_parameters_are_nearly_those_that_mug_prints():
    ours = {cost.name: cost.own.parameters / 1e6 for cost in parser_costs()}
    for name, printed in (("convolution", 6.5), ("attention", 19.3)):
        assert ours[f"mug-combined-1-{name}"] == pytest.approx(printed, abs=0.05)
    assert ours["mug-combined-1"] == pytest.approx(7.6, abs=0.15)


@pytest.mark.parametrize("name", ["han", "valor-zero-shot", "mug-zero-shot", "ear-zero-shot", "mm-cse-zero-shot"])
def test_committed_parameters_are_those_of_the_model(name):
    (step,) = steps_of(recipe(name, "paper"), profile("paper"))
    model = build_model(step.model, **step.widths)
    assert read_steps()[step.key]["parameters"] == sum(parameter.numel() for parameter in model.parameters())


def test_measured_epochs_are_those_of_the_benchmarks(project_root):
    text = (project_root / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    table = text[text.index("## One epoch of LLP's size") : text.index("## Metrics")]
    rows = {
        row[0]: int(row[1])
        for row in re.findall(r"^\| ([A-Z][\w+-]+) \| [\d,]+ \| \d+ \| (\d+) \|", table, re.MULTILINE)
    }
    vggish = re.search(r"VALOR takes (\d+) and HAN (\d+) seconds", table).groups()
    for name, (seconds, features) in MEASURED_EPOCHS.items():
        title = {"mm-cse": "MM-CSE", "jomold": "JoMoLD"}.get(
            name.removesuffix("-zero-shot"), name.split("-")[0].upper()
        )
        expected = rows[title] if features.startswith("CLAP") else int(vggish[title == "HAN"])
        assert seconds == expected, name


# --- how it is made ------------------------------------------------------------------------------------------------------


def test_steps_are_measured_once_and_again_when_they_have_changed(home, monkeypatch):
    assert measure_missing(silent) == len(wanted_steps()) == len(set(home))
    assert measure_missing(silent) == 0
    file = cost_pages.steps_file()
    kept = json.loads(file.read_text())
    first = next(iter(kept))
    kept[first]["code"] = "older"
    kept["a-network-of-another-day"] = {**asdict(MADE_UP), "code": "as it is"}
    file.write_text(json.dumps(kept))
    home.clear()
    assert measure_missing(silent) == 1 and home == [first]
    assert set(json.loads(file.read_text())) == set(wanted_steps())


def test_a_measurement_that_was_interrupted_goes_on(home, monkeypatch):
    def interrupted(step):
        if len(home) == 5:
            raise KeyboardInterrupt
        home.append(step.key)
        return MADE_UP

    monkeypatch.setattr(cost_pages, "measure_parser", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_missing(silent)
    assert len(read_steps()) == 5
    monkeypatch.setattr(cost_pages, "measure_parser", lambda step: MADE_UP)
    assert measure_missing(silent) == len(wanted_steps()) - 5


def test_the_code_of_a_step_is_that_of_its_model_and_loss():
    codes = {key: cost_pages._code(step) for key, step in wanted_steps().items() if key.startswith(("han", "valor"))}
    assert len(codes) == len(set(codes.values())) == 4


def test_costs_take_the_place_of_the_last_ones(home, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{COSTS_MARKERS[0]}\nwhat stood here\n{COSTS_MARKERS[1]}\nafter\n")
    with pytest.raises(ValueError, match=r"was measured: run `avvp costs --write docs/costs\.md`"):
        write_costs(page)
    measure_missing(silent)
    write_costs(page)
    text = page.read_text()
    assert costs_text() in text and "what stood here" not in text
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    page.write_text("no markers\n")
    with pytest.raises(ValueError, match=r"page\.md has no <!-- costs -->"):
        write_costs(page)


def test_every_column_says_whether_it_was_measured(home):
    measure_missing(silent)
    text = costs_text()
    said = ("(measured)", "(estimated)", "(from these)", "(from measured epochs)")
    for column in PARSER_COLUMNS[1:]:
        assert any(word.strip("()") in column for word in said) or column in ("batch", "examples an epoch", "epochs")
    row = next(line for line in text.splitlines() if line.startswith("| `valor-zero-shot` "))
    columns = [field.strip() for field in row.strip("|").split("|")]
    assert columns[:6] == ["`valor-zero-shot`", "1.00", "3.0", "64", "10,000", "60"]
    assert (
        columns[9] == "0.0037 (issuing)"
    )  # 157 x 60 steps of 50 operations at 20 microseconds, and 649 videos forward
    assert columns[10] == "1.3"  # 60 epochs of 78 seconds
    assert next(line for line in text.splitlines() if line.startswith("| `valor-truth`* "))
    assert "| `jomold-zero-shot` | 1.00 | 3.0 + 3.0 |" in text
