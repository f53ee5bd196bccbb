"""When rendered events happen: the moments that are drawn again are those that the renderer has used."""

from functools import partial

import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic import CorpusSettings, picture, render_video, soundtrack
from avvp_lib.corpora.synthetic.moments import exact_spans, fine_grids
from avvp_lib.corpora.synthetic.plan import jittered_spans

SETTINGS = CorpusSettings(3, "smoke", "street")


def remembered(drawn, rng, segments):
    """What the renderer calls, and the spans that it gets."""
    drawn.append(jittered_spans(rng, segments))
    return drawn[-1]


@pytest.mark.parametrize(("split", "index"), [("train", 0), ("val", 4), ("test", 7)])
def test_they_are_the_renderers(split, index, monkeypatch):
    sounds, pictures = [], []
    for module, drawn in ((soundtrack, sounds), (picture, pictures)):
        monkeypatch.setattr(module, "jittered_spans", partial(remembered, drawn))
    render_video(SETTINGS, split, index)
    heard, seen = exact_spans(SETTINGS, split, index)
    assert list(heard.values()) == sounds and list(seen.values()) == pictures
    plan = SETTINGS.plan(split, index)
    for spans, grid in ((heard, plan.audio), (seen, plan.visual)):
        assert list(spans) == [LLP_CATEGORIES[c] for c in np.flatnonzero(grid.any(0))]


@pytest.mark.parametrize("steps", [1, 10])
def test_fine_grids_hold_a_step_whose_middle_lies_in_an_event(steps):
    split, index = "test", 2
    grids = fine_grids(SETTINGS, split, steps)
    assert all(grid.shape == (20, 10 * steps, 25) and grid.dtype == bool for grid in grids)
    for grid, spans in zip(grids, exact_spans(SETTINGS, split, index), strict=True):
        for c, category in enumerate(LLP_CATEGORIES):
            for step in range(10 * steps):
                middle = (step + 0.5) / steps
                inside = any(onset <= middle < offset for onset, offset in spans.get(category, []))
                assert grid[index, step, c] == inside


def test_whole_seconds_are_those_of_the_labels():
    grids = fine_grids(SETTINGS, "val", 20)
    plans = [SETTINGS.plan("val", index) for index in range(20)]
    for grid, name in zip(grids, ("audio", "visual"), strict=True):
        labels = np.stack([getattr(plan, name) for plan in plans])
        assert np.array_equal(grid.reshape(20, 10, 20, 25).any(2), labels)


def test_a_step_is_no_longer_than_a_second():
    with pytest.raises(ValueError, match="at least 1 a second, not 0"):
        fine_grids(SETTINGS, "val", 0)
