import numpy as np
import pandas as pd
import pytest

from avvp_lib.corpora.events import EVENT_COLUMNS, events_to_grid, grid_to_events, maximal_runs

VIDEOS = ("b_0_10", "a_0_10", "c_0_10")
CATEGORIES = ("dog", "cat")


def table(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(EVENT_COLUMNS))


@pytest.mark.parametrize("segments", [1, 2, 7, 10, 40])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_grid_to_events_to_grid_is_the_identity(segments, p):
    random = np.random.default_rng(segments)
    videos, categories = [f"v{i}" for i in range(9)], [f"c{i}" for i in range(5)]
    audio, visual = random.random((2, 9, segments, 5)) < p
    events = grid_to_events(audio, visual, videos, categories)
    shuffled = events.sample(frac=1, random_state=0)
    grids = events_to_grid(shuffled, videos, categories, segments)
    assert (grids["audio"] == audio).all() and (grids["visual"] == visual).all()
    again = grid_to_events(grids["audio"], grids["visual"], videos, categories)
    pd.testing.assert_frame_equal(events, again)


def test_events_of_a_grid_by_hand():
    audio, visual = np.zeros((2, 3, 4, 2), dtype=bool)
    audio[0, [0, 1, 3], 0] = True
    visual[2, :, 1] = True
    visual[0, 2, 0] = True
    assert grid_to_events(audio, visual, VIDEOS, CATEGORIES).values.tolist() == [  # noqa: PD011
        ["b_0_10", "audio", "dog", 0, 2],
        ["b_0_10", "audio", "dog", 3, 4],
        ["b_0_10", "visual", "dog", 2, 3],
        ["c_0_10", "visual", "cat", 0, 4],
    ]


def test_runs_do_not_reach_across_rows():
    runs = maximal_runs(np.array([[0, 1, 1], [1, 0, 1], [0, 0, 0]], dtype=bool))
    assert np.stack(runs, axis=1).tolist() == [[0, 1, 3], [1, 0, 1], [1, 2, 3]]


def test_duplicate_overlapping_and_touching_events_merge():
    events = table(
        ("a_0_10", "audio", "dog", 0, 3),
        ("a_0_10", "audio", "dog", 0, 3),
        ("a_0_10", "audio", "dog", 2, 5),
        ("a_0_10", "audio", "dog", 5, 6),
        ("a_0_10", "audio", "cat", 6, 7),
    )
    grids = events_to_grid(events, VIDEOS, CATEGORIES)
    merged = grid_to_events(grids["audio"], grids["visual"], VIDEOS, CATEGORIES)
    assert merged[["category", "onset", "offset"]].values.tolist() == [["dog", 0, 6], ["cat", 6, 7]]  # noqa: PD011


def test_fractional_times_are_cut_to_whole_seconds():
    grids = events_to_grid(table(("a_0_10", "visual", "dog", 0.9, 3.2)), VIDEOS, CATEGORIES)
    assert np.flatnonzero(grids["visual"][1, :, 0]).tolist() == [0, 1, 2]


def test_no_events_give_empty_grids():
    grids = events_to_grid(table(), VIDEOS, CATEGORIES, segments=6)
    assert {name: grid.shape for name, grid in grids.items()} == {"audio": (3, 6, 2), "visual": (3, 6, 2)}
    assert not grids["audio"].any() and not grids["visual"].any()


GOOD = ("a_0_10", "audio", "dog", 0, 3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (("x_0_10", "audio", "dog", 0, 3), r"row 1: video 'x_0_10' is not a known video \(b_0_10, a_0_10, c_0_10\)"),
        (("a_0_10", "touch", "dog", 0, 3), r"row 1: modality 'touch' is not a known modality \(audio, visual\)"),
        (("a_0_10", "audio", "cow", 0, 3), r"row 1: category 'cow' is not a known category \(dog, cat\)"),
        (("a_0_10", "audio", "dog", "soon", 3), "row 1: onset 'soon' is not a number of seconds"),
        (("a_0_10", "audio", "dog", 0, float("nan")), "row 1: offset nan is not a number of seconds"),
        (("a_0_10", "audio", "dog", -1, 3), r"row 1: onset -1 lies outside the video \(0 to 10 seconds\)"),
        (("a_0_10", "audio", "dog", 0, 11), r"row 1: offset 11 lies outside the video \(0 to 10 seconds\)"),
        (("a_0_10", "audio", "dog", 5, 3), "row 1: offset 3 does not come after its onset"),
        (("a_0_10", "audio", "dog", 5, 5), "row 1: offset 5 does not come after its onset"),
        (("a_0_10", "audio", "dog", 5.2, 5.8), r"row 1: offset 5.8 does not come after its onset.*no whole second"),
    ],
)
def test_a_bad_row_is_refused_by_source_and_row(bad, message):
    with pytest.raises(ValueError, match=f"my table, {message}"):
        events_to_grid(table(GOOD, bad, GOOD), VIDEOS, CATEGORIES, source="my table")


def test_more_bad_rows_are_counted():
    with pytest.raises(ValueError, match=r"row 0: category 'cow' .* \(1 more such rows\)"):
        events_to_grid(table(*[("a_0_10", "audio", "cow", 0, 3)] * 2), VIDEOS, CATEGORIES)


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="event table has no column 'offset'; it has 'video'"):
        events_to_grid(table(GOOD).drop(columns="offset"), VIDEOS, CATEGORIES)


def test_a_video_named_twice_is_refused():
    with pytest.raises(ValueError, match="each video must be named once; 'a_0_10' is repeated"):
        events_to_grid(table(GOOD), ("a_0_10", "a_0_10"), CATEGORIES)


def test_grids_that_do_not_fit_are_refused():
    grid = np.zeros((3, 4, 2), dtype=bool)
    with pytest.raises(ValueError, match=r"the visual grid must be bool of shape \(3, 4, 2\), not bool of \(3, 5, 2\)"):
        grid_to_events(grid, np.zeros((3, 5, 2), dtype=bool), VIDEOS, CATEGORIES)
    with pytest.raises(ValueError, match=r"the audio grid must be bool of shape \(3, 4, 2\), not float64"):
        grid_to_events(grid.astype(float), grid, VIDEOS, CATEGORIES)
