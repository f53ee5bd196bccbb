from pathlib import Path

import matplotlib.colors
import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.features.media import Media, read_media
from avvp_lib.figures import timeline
from avvp_lib.figures.lanes import lanes_of
from avvp_lib.figures.style import AUDIO, FALSE_ALARM, VISUAL, WIDTH

NAMES = ("Dog", "Baby_laughter", "Car")
SECONDS = 10


def clip(height: int = 32, width: int = 32) -> Media:
    random = np.random.default_rng(0)
    frames = random.integers(0, 256, (8 * SECONDS, height, width, 3), dtype=np.uint8)
    waveform = (0.1 * random.standard_normal(16_000 * SECONDS)).astype(np.float32)
    return Media(Path("clip.mp4"), frames, waveform, 8, 16_000)


def grids(*, audio: dict[int, slice] | None = None, visual: dict[int, slice] | None = None):
    """A pair of (10, 3) grids with ones at the given segments of the given categories."""
    made = np.zeros((2, SECONDS, len(NAMES)), bool)
    for grid, spans in zip(made, (audio or {}, visual or {}), strict=True):
        for category, segments in spans.items():
            grid[segments, category] = True
    return made[0], made[1]


def bars(axes) -> list[tuple[str, str, float, float]]:
    """(lane, look, onset, offset) of every bar, where look is its fill, or "missed" if it is striped and empty."""
    lanes = dict(zip(np.round(axes.get_yticks(), 3), [t.get_text() for t in axes.get_yticklabels()], strict=True))
    found = []
    for collection in axes.collections:
        if not hasattr(collection, "get_hatch") or not len(collection.get_facecolor()):
            continue
        fill = matplotlib.colors.to_hex(collection.get_facecolor()[0]).upper()
        look = "missed" if collection.get_hatch() == "////" and fill == "#FFFFFF" else fill
        for path in collection.get_paths():
            box = path.get_extents()
            if box.height > 0.5:
                found.append((lanes[round((box.y0 + box.y1) / 2, 3)], look, box.x0, box.x1))
    return sorted(found)


def test_true_events_lie_in_the_lane_of_their_category_and_modality():
    truth = grids(audio={0: slice(2, 6), 1: slice(0, 10)}, visual={0: slice(4, 10)})
    figure = timeline(clip(), NAMES, truth)
    lanes = figure.axes[-1]
    assert [t.get_text() for t in lanes.get_yticklabels()] == ["audio", "visual"] * 2
    assert [t.get_text() for t in lanes.get_yticklabels(minor=True)] == ["Dog", "Baby laughter"]
    assert bars(lanes) == [("audio", AUDIO, 0, 10), ("audio", AUDIO, 2, 6), ("visual", VISUAL, 4, 10)]


def test_errors_of_a_prediction_are_told_apart():
    truth = grids(audio={0: slice(2, 6)})
    predicted = grids(audio={0: slice(4, 8)}, visual={0: slice(0, 1)})
    lanes = timeline(clip(), NAMES, truth, {"HAN": predicted}).axes[-1]
    assert bars(lanes) == [
        ("audio, HAN", AUDIO, 4, 6),
        ("audio, HAN", FALSE_ALARM, 6, 8),
        ("audio, HAN", "missed", 2, 4),
        ("audio, truth", AUDIO, 2, 6),
        ("visual, HAN", FALSE_ALARM, 0, 1),
    ]


def test_without_truth_a_prediction_is_drawn_as_it_is():
    lanes = timeline(clip(), NAMES, predictions={"HAN": grids(audio={2: slice(4, 8)})}).axes[-1]
    assert bars(lanes) == [("audio, HAN", AUDIO, 4, 8)]
    assert [t.get_text() for t in lanes.get_yticklabels(minor=True)] == ["Car"]


def test_errors_are_explained_only_where_there_can_be_some():
    truth = grids(audio={0: slice(2, 6)})

    def legend(figure):
        return [text.get_text() for text in figure.legends[0].get_texts()]

    assert legend(timeline(clip(), NAMES, truth)) == ["heard", "seen"]
    assert legend(timeline(clip(), NAMES, truth, {"HAN": truth}))[2:] == ["false alarm", "missed"]


def test_a_video_in_which_nothing_happens_says_so():
    lanes = timeline(clip(), NAMES, grids()).axes[-1]
    assert [text.get_text() for text in lanes.texts] == ["no event"]


def test_without_labels_picture_and_sound_remain():
    figure = timeline(clip(), NAMES)
    assert len(figure.axes) == 3
    assert figure.axes[-1].get_xlabel() == "time in seconds"


@pytest.mark.parametrize(("height", "width"), [(128, 128), (90, 160), (160, 90), (40, 200)])
def test_frames_keep_their_aspect(height: int, width: int):
    figure = timeline(clip(height, width), NAMES, grids(audio={0: slice(2, 6)}))
    figure.draw_without_rendering()
    strip = figure.axes[0]
    assert len(strip.images) == SECONDS
    shown = strip.images[0].get_window_extent()
    assert shown.width / shown.height == pytest.approx(width / height, rel=0.01)
    assert shown.width <= WIDTH * figure.dpi / SECONDS
    assert shown.height <= strip.get_window_extent().height + 1


def test_each_thumbnail_is_the_frame_in_the_middle_of_its_second():
    media = clip()
    images = timeline(media, NAMES).axes[0].images
    for second in (0, 3, 9):
        assert (images[second].get_array() == media.frames[8 * second + 4]).all()


def test_silence_and_black_are_drawn():
    quiet = Media(Path("quiet.mp4"), np.zeros((80, 16, 16, 3), np.uint8), np.zeros(160_000, np.float32), 8, 16_000)
    timeline(quiet, NAMES, grids(visual={1: slice(0, 3)})).draw_without_rendering()


def test_a_grid_of_another_shape_is_refused():
    wrong = np.zeros((SECONDS, 2), bool)
    with pytest.raises(ValueError, match=r"visual grid of 'HAN' has shape \(10, 2\)"):
        timeline(clip(), NAMES, grids(), {"HAN": (grids()[0], wrong)})


def test_the_real_clip_needs_no_special_treatment(llp_root: Path):
    path = llp_root / "videos" / "BjCEufrlXm4.mp4"
    if not path.is_file():
        pytest.skip("the real clip is not beside the annotations")
    heard = np.zeros((10, 25), bool)
    heard[2:5, LLP_CATEGORIES.index("Dog")] = True
    figure = timeline(read_media(path), LLP_CATEGORIES, predictions={"teacher": (heard, ~heard & False)})
    figure.draw_without_rendering()
    assert bars(figure.axes[-1]) == [("audio, teacher", AUDIO, 2, 5)]


def heat_of(**rows: tuple[int, list[float]]) -> np.ndarray:
    """(10, 2, 3) float with a row of probabilities for a category in a modality, zeros elsewhere."""
    made = np.zeros((SECONDS, 2, len(NAMES)))
    for modality, (category, values) in rows.items():
        made[: len(values), ("audio", "visual").index(modality), category] = values
    return made


def test_probabilities_are_heat_with_frames_and_signs():
    truth, claimed = grids(audio={0: slice(2, 4)}), grids(audio={0: slice(1, 3)})
    heat = heat_of(audio=(0, [0.1, 0.7, 0.9, 0.2]), visual=(0, [0.8]))
    figure = timeline(clip(), NAMES, truth, {"HAN": claimed}, probabilities={"HAN": heat}, threshold=0.6)
    lanes = lanes_of(NAMES, truth, {"HAN": claimed}, {"HAN": heat}, 0.6)
    audio, visual = (lane for lane in lanes if lane.source == "HAN")
    assert [np.flatnonzero(x).tolist() for x in (audio.right, audio.false_alarm, audio.missed)] == [[2], [1], [3]]
    assert np.flatnonzero(visual.held_back).tolist() == [0] and not audio.held_back.any()

    axes = figure.axes[3]
    meshes = [c for c in axes.collections if type(c).__name__ == "QuadMesh"]
    assert [mesh.get_array().ravel()[:4].tolist() for mesh in meshes] == [[0.1, 0.7, 0.9, 0.2], [0.8, 0, 0, 0]]
    assert all(mesh.get_clim() == (0, 1) for mesh in meshes)
    signs = {line.get_marker(): line.get_xdata().tolist() for line in axes.lines if len(line.get_xdata()) == 1}
    assert signs == {"x": [1.5], "o": [3.5]}
    frames = {c.get_linestyle()[0][1] is None: c.get_paths() for c in axes.collections if c.get_paths()
              and len(c.get_facecolor()) == 0 and c.get_paths()[0].get_extents().height > 0.5}  # fmt: skip
    assert [p.get_extents().intervalx.tolist() for p in frames[True]] == [[1, 3]]  # solid: claimed
    assert [p.get_extents().intervalx.tolist() for p in frames[False]] == [[0, 1]]  # dotted: held back

    scale = figure.axes[-1]
    assert "0.6" in scale.get_xlabel() and [line.get_xdata()[0] for line in scale.lines] == [0.6, 0.6]
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["heard", "seen", "claimed", "held back by the gate", "false alarm", "missed"]


def test_a_category_that_is_only_probable_has_lanes():
    heat = heat_of(audio=(2, [0.55]))
    assert [lane.category for lane in lanes_of(NAMES, None, {"HAN": grids()}, {"HAN": heat})] == [2, 2]
    assert lanes_of(NAMES, None, {"HAN": grids()}, {"HAN": heat}, threshold=0.6) == []


def test_without_a_clip_the_lanes_remain():
    figure = timeline(None, NAMES, grids(audio={0: slice(2, 6)}), {"HAN": grids(audio={0: slice(2, 6)})})
    assert len(figure.axes) == 1 and figure.axes[0].get_xlim() == (0, SECONDS)
    with pytest.raises(ValueError, match="needs a clip, the truth or a prediction"):
        timeline(None, NAMES)


def test_probabilities_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="probabilities of 'MUG', but no predictions"):
        timeline(clip(), NAMES, grids(), {"HAN": grids()}, probabilities={"MUG": heat_of()})
    with pytest.raises(ValueError, match=r"probabilities of 'HAN' have shape \(10, 3\), not \(10, 2, 3\)"):
        timeline(clip(), NAMES, grids(), {"HAN": grids()}, probabilities={"HAN": heat_of()[:, 0]})
