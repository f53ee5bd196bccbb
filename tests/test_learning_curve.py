"""Fewer training videos: what is trained, that the names say so, and the table of the curve."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from avvp_lib import cells as cells_module
from avvp_lib import recipes
from avvp_lib.cells import fill_cells, is_stale, measurable, read_cells
from avvp_lib.figures import learning_curve
from avvp_lib.learning_curve import LINES, curve_experiments, curve_for_reading, learning_curve_table
from avvp_lib.profiles import PROFILES
from avvp_lib.recipes import BY_NAME_ONLY, LEARNING_CURVES, LONGER, RECIPES, VARIANTS, Bench, recipe, recipe_dict, run
from avvp_lib.training_share import drawn_videos
from tests.small_bench import PROFILE, small_bench
from tests.test_reports import cell

BASE = "valor-zero-shot"
FEWER, LONG = LEARNING_CURVES[BASE]


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(PROFILES, "smoke", PROFILE)
    return small_bench(tmp_path / "corpus")


# --- recipes -------------------------------------------------------------------------------------------------------------


def test_a_recipe_learns_from_the_drawn_videos_alone(bench):
    whole = recipes._training_data(recipe(BASE, "smoke"), bench, 5)
    for name in FEWER:
        made = recipe(name, "smoke")
        rows = torch.from_numpy(drawn_videos(len(whole), made.videos, 5))
        part = recipes._training_data(made, bench, 5)
        assert len(part) == round(made.videos * 12)
        for tensor in ("audio", "visual_2d", "visual_3d", "video_labels", "pseudo_audio", "pseudo_visual"):
            assert torch.equal(getattr(part, tensor), getattr(whole, tensor)[rows])
    other = recipes._training_data(recipe(FEWER[1], "smoke"), bench, 6)
    assert not torch.equal(other.audio, recipes._training_data(recipe(FEWER[1], "smoke"), bench, 5).audio)


def test_generated_videos_are_made_of_the_drawn_ones(bench):
    made = replace(recipe("han-combined-2", "smoke"), videos=0.5)
    whole, part = (recipes._training_data(one, bench, 0) for one in (recipe("han-zero-shot", "smoke"), made))
    rows = torch.from_numpy(drawn_videos(12, 0.5, 0))
    assert torch.equal(part.audio, whole.audio[rows]) and len(part) == 6 + round(12096 * 6 / 10_000)
    assert int(part.audio_rows.max()) < 6 and int(part.visual_rows.max()) < 6


def test_a_share_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="must be above 0 and at most 1, not 0"):
        replace(RECIPES[BASE], videos=0)
    with pytest.raises(ValueError, match=r"must be above 0 and at most 1, not 1\.5"):
        replace(RECIPES[BASE], videos=1.5)


def test_all_videos_are_no_field_of_a_stored_recipe():
    assert not any("videos" in recipe_dict(made) for made in RECIPES.values() if made.videos == 1)
    assert [recipe_dict(RECIPES[name])["videos"] for name in (*FEWER, *LONG)] == [0.125, 0.25, 0.5] * 2


def test_only_fewer_videos_depend_on_how_they_are_drawn():
    for name, made in RECIPES.items():
        assert ("avvp_lib.training_share" in recipes.recipe_modules(made)) == (name in (*FEWER, *LONG))


@pytest.mark.parametrize("profile_name", ["smoke", "tutorial", "paper", "paper-clip"])
def test_epochs_stay_and_the_controls_see_as_many_videos(profile_name):
    base = recipe(BASE, profile_name)
    for fewer, longer in zip(FEWER, LONG, strict=True):
        made, control = recipe(fewer, profile_name), recipe(longer, profile_name)
        assert (made.training, made.widths) == (base.training, base.widths)
        assert (
            control.training.epochs * control.videos
            == base.training.epochs
            == LONGER[longer] * control.videos * (base.training.epochs)
        )
        times = LONGER[longer]
        for epoch in range(1, base.training.epochs + 1):  # the same rate after as many videos
            assert control.training.rate(times * epoch) == pytest.approx(base.training.rate(epoch))
        assert replace(control.training, epochs=0 + made.training.epochs, warm_up_epochs=made.training.warm_up_epochs,
                       step_epochs=made.training.step_epochs) == made.training  # fmt: skip


def test_they_are_measured_by_name_only():
    names = {*FEWER, *LONG}
    assert names <= set(BY_NAME_ONLY) and set(VARIANTS) <= set(BY_NAME_ONLY) and not names & set(VARIANTS)
    assert not names & set(measurable("tutorial")) and BASE in measurable("tutorial")
    assert measurable("tutorial", [FEWER[0]]) == [FEWER[0]]


def test_fewer_videos_are_another_training(bench):
    histories = {name: run(recipe(name, "smoke"), bench, 0, "cpu", progress=False).history for name in (BASE, FEWER[2])}
    assert len(histories[BASE]) == len(histories[FEWER[2]])
    assert not histories[BASE]["loss"].equals(histories[FEWER[2]]["loss"])


# --- table and figure ----------------------------------------------------------------------------------------------------


def measured_curve(shares=(0, 1, 2), full: bool = True, seeds=(0, 1)) -> list[dict]:
    """Cells of the tutorial's size: 10 test videos, a score that rises by 5 with every doubling, the controls 2 above."""
    noise = np.random.default_rng(0).normal(0, 1, 10)
    points = {name: 40 + 5 * i for i, name in enumerate(FEWER) if i in shares}
    points |= {name: 42 + 5 * i for i, name in enumerate(LONG) if i in shares}
    points |= {BASE: 60} if full else {}
    cells = []
    for name, level in points.items():
        stored = json.loads(json.dumps(recipe_dict(recipe(name, "tutorial"))))
        about = {"corpus": "synthetic-llp/tutorial-studio-1", "profile": "tutorial", "recipe": stored}
        cells += [
            cell(name, seed, level + seed + noise, **about, code=cells_module._code(RECIPES[name])) for seed in seeds
        ]
    return cells


def test_the_table_by_hand():
    table = learning_curve_table(measured_curve())
    assert table["line"].tolist() == [LINES[0]] * 4 + [LINES[1]] * 4
    assert table["videos"].tolist() == [100, 200, 400, 800] * 2
    assert table["epochs"].tolist() == [30, 30, 30, 30, 240, 120, 60, 30]
    assert table["steps"].tolist() == [30 * 4, 30 * 7, 30 * 13, 30 * 25, 240 * 4, 120 * 7, 60 * 13, 30 * 25]
    noise = np.random.default_rng(0).normal(0, 1, 10).mean()
    np.testing.assert_allclose(
        table["score"], 0.5 + noise + np.array([40, 45, 50, 60, 42, 47, 52, 60]), rtol=0, atol=1e-9
    )
    assert ((table["low"] <= table["score"]) & (table["score"] <= table["high"])).all()
    assert table["seeds"].tolist() == [2] * 8 and not table["stale"].any()
    np.testing.assert_allclose(table["difference"], [-20, -15, -10, 0, -18, -13, -8, 0], atol=1e-9)
    np.testing.assert_allclose(table["difference_low"], table["difference"], atol=1e-9)  # the noise is the same


def test_points_that_are_not_measured_are_left_out():
    table = learning_curve_table(measured_curve(shares=(1,), full=False))
    assert table["experiment"].tolist() == [FEWER[1], LONG[1]]
    assert table["difference"].isna().all()
    assert curve_for_reading(table)["minus all videos"].tolist() == ["–", "–"]
    with pytest.raises(
        ValueError, match="no point of the learning curve of valor-zero-shot is measured: run `avvp measu"
    ):
        learning_curve_table([cell("nothing", None, [1.0])])
    with pytest.raises(ValueError, match="no learning curve of 'han': choose one of valor-zero-shot"):
        curve_experiments("han")


def test_the_size_of_a_real_corpus_is_what_was_used():
    cells = [made | {"videos": {"train": {"used": 9_991, "official": 10_000}}} for made in measured_curve(seeds=(0,))]
    assert learning_curve_table(cells)["videos"].tolist()[:4] == [1249, 2498, 4996, 9991]


def test_stale_points_say_so():
    cells = measured_curve(seeds=(0,))
    cells[0]["code"] = "older"
    assert curve_for_reading(learning_curve_table(cells)).index.tolist()[:2] == [f"{LINES[0]} (stale)", LINES[0]]


def test_the_table_for_reading():
    shown = curve_for_reading(learning_curve_table(measured_curve(seeds=(0,))))
    assert shown.columns.tolist() == ["videos", "epochs", "steps", "seeds", "score", "minus all videos"]
    assert shown["minus all videos"].tolist()[0] == "-20.0 (-20.0 ... -20.0)"
    assert shown["minus all videos"].tolist()[3] == "–"


def test_measured_cells_make_a_curve(bench):
    names = (FEWER[2], LONG[2], BASE)
    fill_cells(bench, names, [0], {name: recipe(name, "smoke") for name in names}, progress=False)
    cells = read_cells("smoke-studio-0")
    assert not any(map(is_stale, cells))
    table = learning_curve_table(cells)
    assert table["experiment"].tolist() == [FEWER[2], BASE, LONG[2], BASE]
    assert table["epochs"].tolist() == [
        recipe(name, "smoke").training.epochs for name in (FEWER[2], BASE, LONG[2], BASE)
    ]


def test_the_figure_draws_the_table():
    table = learning_curve_table(measured_curve())
    figure = learning_curve(table)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["100\n1/8", "200\n1/4", "400\n1/2", "800\nall"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*LINES, "all videos"]
    lines = [container.lines[0] for container in axes.containers]
    bars = [container.lines[2][0].get_segments() for container in axes.containers]
    for line, segments, name in zip(lines, bars, [*LINES, None], strict=True):
        points = table[table["experiment"] == BASE].head(1) if name is None else (
            table[(table["line"] == name) & (table["share"] < 1)]
        )  # fmt: skip
        x, y = line.get_xydata().T
        np.testing.assert_allclose(y, points["score"])
        np.testing.assert_allclose(x, points["videos"], rtol=0.03)
        np.testing.assert_allclose([s[:, 1] for s in segments], points[["low", "high"]])


def test_the_figure_of_half_a_curve():
    figure = learning_curve(learning_curve_table(measured_curve(shares=(0, 2), full=False)))
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["100\n1/8", "400\n1/2"]
    with pytest.raises(ValueError, match="nothing to draw"):
        learning_curve(learning_curve_table(measured_curve()).iloc[:0])
