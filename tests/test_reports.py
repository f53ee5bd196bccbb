"""Tables: what the cells of a corpus say together, and what is said about a difference."""

import numpy as np
import pandas as pd
import pytest

from avvp_lib.cells import MODALITY_SCORES, read_cells
from avvp_lib.reports import (
    COLUMNS,
    REPORTED_CORPUS,
    REPORTED_PAGES,
    compare,
    comparisons,
    markdown,
    measured,
    results_table,
    summary,
    write_summary,
)

CORPUS = "smoke-studio-0"
PER_VIDEO = (*MODALITY_SCORES, "segment/Event", "event/Type")


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


def test_the_summary_replaces_what_stood_between_the_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results -->\nwhat stood here\n<!-- /results -->\nafter\n")
    cells = read_cells(REPORTED_CORPUS)
    write_summary(page, cells)
    text = page.read_text()
    assert summary(cells) in text and "what stood here" not in text
    assert text.startswith("before\n") and text.endswith("\nafter\n")


@pytest.mark.parametrize("page", REPORTED_PAGES)
def test_the_pages_show_the_committed_cells(page, project_root):
    corpus, steps = REPORTED_PAGES[page]
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
