import numpy as np
import pytest

from avvp_lib.corpora import load_corpus
from avvp_lib.metrics import binarise, bootstrap_interval, parsing_scores, per_class_scores, per_video_scores
from tests.oracles.parsing import loop_scores, loop_video_scores

KEYS = [f"{level}/{name}" for level in ("segment", "event") for name in ("A", "V", "AV", "Type", "Event")]


def grid(*rows: str) -> np.ndarray:
    """One video from one string per category, such as "0110": (1, T, C) bool."""
    return np.array([[digit == "1" for digit in row] for row in rows]).T[None]


def random_grids(seed: int, videos: int, segments: int, categories: int, p: float) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.random((videos, segments, categories)) < p for _ in range(4)]


# --- against the loop --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segments", [1, 2, 3, 10, 16, 33, 90])
@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.9])
def test_equals_the_loop_over_videos_classes_and_events(segments, p):
    grids = random_grids(segments, 12, segments, 4, p)
    ours, loop = parsing_scores(*grids), loop_scores(*grids)
    assert list(ours) == [*KEYS, "average"]
    assert ours == pytest.approx(loop, abs=1e-9)


def test_every_pair_of_rows_of_five_segments_equals_the_loop():
    rows = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(bool)
    pred, true = np.repeat(rows, 32, axis=0)[..., None], np.tile(rows, (32, 1))[..., None]
    scores = per_video_scores(pred, pred, true, true)
    for video in range(0, 1024):
        expected = loop_video_scores(pred[video], pred[video], true[video], true[video])
        assert scores["event/A"][video] == pytest.approx(100 * expected["event/A"]), (
            pred[video, :, 0],
            true[video, :, 0],
        )


def test_more_pairs_than_one_pass_takes_equals_the_loop():
    grids = random_grids(5, 200, 4, 25, 0.5)
    assert parsing_scores(*grids) == pytest.approx(loop_scores(*grids), abs=1e-9)


def test_long_videos_do_not_overflow():
    one = np.ones((1, 400, 1), dtype=bool)
    assert parsing_scores(one, one, one, one)["average"] == 100
    half = one.copy()
    half[:, 200:] = False
    assert parsing_scores(half, half, one, one)["event/A"] == 100
    half[:, 199:] = False
    assert parsing_scores(half, half, one, one)["event/A"] == 0


# --- cases to count by hand --------------------------------------------------------------------------------------------


def test_one_category_counted_by_hand():
    # audio: 2 of 4 predicted segments are right, 2 true ones in all: F = 2*2 / (4+2); visual: all right
    scores = parsing_scores(grid("1111000000"), grid("0011000000"), grid("0011000000"), grid("0011000000"))
    assert scores["segment/A"] == pytest.approx(100 * 4 / 6)
    assert scores["segment/V"] == scores["segment/AV"] == 100
    assert scores["segment/Type"] == pytest.approx((100 * 4 / 6 + 200) / 3)
    assert scores["segment/Event"] == pytest.approx(100 * 8 / 10)  # (2+2) hits, (4+2) predicted, (2+2) true
    assert scores["event/A"] == 100  # IoU = 2/4, inclusive
    assert scores["average"] == pytest.approx(np.mean([scores[key] for key in KEYS]))


def test_an_event_is_right_from_half_on():
    nothing = grid("0000000000")
    just = parsing_scores(grid("1111110000"), nothing, grid("0001110000"), nothing)
    assert just["event/A"] == 100
    below = parsing_scores(grid("1111111000"), nothing, grid("0001110000"), nothing)
    assert below["event/A"] == 0


def test_one_long_prediction_hits_at_most_one_of_two_events():
    nothing = grid("0000000000")
    scores = parsing_scores(grid("1111111000"), nothing, grid("1111011000"), nothing)
    assert scores["event/A"] == pytest.approx(100 * 2 / 3)  # 1 hit, 1 predicted, 2 true


def test_categories_weigh_the_same_whatever_their_length():
    nothing = grid("00000", "00000")
    scores = parsing_scores(grid("11111", "00001"), nothing, grid("11111", "00010"), nothing)
    assert scores["segment/A"] == 50


def test_audio_visual_needs_both_at_the_same_time():
    scores = parsing_scores(grid("1100"), grid("0011"), grid("1100"), grid("0011"))
    assert scores["segment/AV"] == 100  # nothing audio-visual is true and nothing is predicted
    scores = parsing_scores(grid("1110"), grid("0111"), grid("1100"), grid("0011"))
    assert scores["segment/AV"] == 0


def test_a_video_without_events_scores_100_for_silence_and_0_for_one_false_segment():
    nothing, something = grid("0000", "0000"), grid("0000", "0100")
    assert parsing_scores(nothing, nothing, nothing, nothing)["average"] == 100
    scores = parsing_scores(something, nothing, nothing, nothing)
    assert scores["segment/A"] == scores["event/A"] == scores["segment/Event"] == 0
    assert scores["segment/V"] == scores["segment/AV"] == 100


def test_per_video_scores_average_to_the_scores():
    grids = random_grids(0, 30, 10, 5, 0.2)
    each, all_of_them = per_video_scores(*grids), parsing_scores(*grids)
    assert {name: value.shape for name, value in each.items()} == dict.fromkeys([*KEYS, "average"], (30,))
    assert {name: value.mean() for name, value in each.items()} == pytest.approx(all_of_them)
    one = [g[7:8] for g in grids]
    assert parsing_scores(*one) == pytest.approx({name: value[7] for name, value in each.items()})


def test_per_class_scores_pool_videos():
    pred = np.concatenate([grid("1100", "0000", "0000"), grid("1000", "0000", "0001")])
    true = np.concatenate([grid("1111", "0000", "0000"), grid("0000", "0000", "0001")])
    table = per_class_scores(pred, pred, true, ~true, ["dog", "cat", "car"]).set_index(
        ["level", "modality", "category"]
    )
    dog = table.loc[("segment", "A", "dog")]
    assert (dog.true_positives, dog.false_positives, dog.false_negatives) == (2, 1, 2)
    assert dog.f_score == pytest.approx(100 * 4 / 7)
    dog = table.loc[("event", "A", "dog")]
    assert (dog.true_positives, dog.false_positives, dog.false_negatives) == (1, 1, 0)
    assert np.isnan(table.loc[("segment", "A", "cat")].f_score)
    assert table.loc[("segment", "A", "car")].f_score == 100
    assert table.loc[("segment", "AV", "car")].false_positives == 1
    assert len(table) == 2 * 3 * 3


# --- the real annotations ----------------------------------------------------------------------------------------------

NOTHING_VAL = [0.6163, 10.7858, 14.3297, 8.5773, 0] * 2
NOTHING_TEST = [0.5, 10.0833, 14.5, 8.3611, 0] * 2
GOLDEN = {
    ("truth", "val"): [100] * 10,
    ("truth", "test"): [100] * 10,
    ("nothing", "val"): NOTHING_VAL,
    ("nothing", "test"): NOTHING_TEST,
    ("everything", "val"): [5.5041, 3.9979, 3.4497, 4.3173, 5.0656, 4.3790, 3.5480, 2.8012, 3.5761, 4.1804],
    ("everything", "test"): [5.3802, 4.1628, 3.5182, 4.3537, 5.0671, 4.3072, 3.7944, 2.9322, 3.6780, 4.2525],
    ("weak", "val"): [77.0748, 58.6541, 52.0727, 62.6005, 71.5336, 63.8487, 53.4754, 44.1491, 53.8244, 61.1207],
    ("weak", "test"): [76.1176, 60.3480, 52.6103, 63.0253, 71.7258, 63.0272, 55.7527, 44.6921, 54.4907, 61.6011],
    ("random", "val"): [52.2018, 38.2851, 21.4885, 37.3252, 49.7349, 13.4051, 7.2806, 3.2726, 7.9861, 10.6958],
    ("random", "test"): [50.7424, 39.9598, 21.5385, 37.4136, 49.5146, 13.4119, 7.8670, 3.8807, 8.3865, 10.9531],
}


def predict(how: str, split) -> tuple[np.ndarray, np.ndarray]:
    """Predictions that need no model; "random" is drawn as the published values were, categories before segments."""
    if how == "truth":
        return split.audio, split.visual
    if how == "random":
        drawn = np.random.RandomState(0).rand(len(split), 2, 25, 10) > 0.5
        gated = drawn.transpose(0, 1, 3, 2) & split.video_labels[:, None, None]
        return gated[:, 0], gated[:, 1]
    everywhere = np.ones_like(split.audio)
    grid = {"nothing": ~everywhere, "everything": everywhere, "weak": everywhere & split.video_labels[:, None]}[how]
    return grid, grid


@pytest.mark.parametrize(("how", "name"), GOLDEN)
def test_published_evaluation_gives_the_same_on_llp(llp_root, how, name):
    split = load_corpus("llp", llp_root).splits[name]
    scores = parsing_scores(*predict(how, split), split.audio, split.visual)
    assert [scores[key] for key in KEYS] == pytest.approx(GOLDEN[how, name], abs=1e-4)


# --- decisions ---------------------------------------------------------------------------------------------------------


def probabilities() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One video, two segments, three categories: only the gates tell the categories apart."""
    segment_prob = np.full((1, 2, 2, 3), 0.9)
    segment_prob[0, 1] = 0.4
    video_prob = np.array([[0.5, 0.4, 0.4]])
    modality_prob = np.array([[[0.4, 0.5, 0.4], [0.4, 0.4, 0.5]]])
    return segment_prob, video_prob, modality_prob


@pytest.mark.parametrize(
    ("audio_gate", "visual_gate", "audio", "visual"),
    [
        ("global", "global", [1, 0, 0], [1, 0, 0]),
        ("modality", "modality", [0, 1, 0], [0, 0, 1]),
        ("global", "modality", [1, 0, 0], [0, 0, 1]),
        ("none", "none", [1, 1, 1], [1, 1, 1]),
    ],
)
def test_gates(audio_gate, visual_gate, audio, visual):
    pred_audio, pred_visual = binarise(*probabilities(), audio_gate=audio_gate, visual_gate=visual_gate)
    assert pred_audio.dtype == pred_visual.dtype == np.bool_
    assert pred_audio.tolist() == [[[bool(x) for x in audio], [False] * 3]]
    assert pred_visual.tolist() == [[[bool(x) for x in visual], [False] * 3]]


def test_threshold_is_inclusive_for_segments_and_gates():
    segment_prob, video_prob, _ = probabilities()
    segment_prob[:] = video_prob[:] = 0.5
    pred_audio, pred_visual = binarise(segment_prob, video_prob, None, audio_gate="global", visual_gate="global")
    assert pred_audio.all() and pred_visual.all()
    segment_prob[0, 0, 0, 0] = np.nextafter(0.5, 0)
    pred_audio, _ = binarise(segment_prob, video_prob, None, audio_gate="global", visual_gate="global")
    assert not pred_audio[0, 0, 0] and pred_audio.sum() == 5


def test_an_unused_gate_may_be_absent_but_a_used_one_may_not():
    segment_prob, video_prob, modality_prob = probabilities()
    binarise(segment_prob, None, None, audio_gate="none", visual_gate="none")
    with pytest.raises(ValueError, match="visual_gate reads modality_prob, which is None"):
        binarise(segment_prob, video_prob, None, audio_gate="global", visual_gate="modality")
    with pytest.raises(ValueError, match="audio_gate must be one of global, modality, none, not 'hard'"):
        binarise(segment_prob, video_prob, modality_prob, audio_gate="hard", visual_gate="none")


def test_binarise_refuses_wrong_shapes_and_values():
    segment_prob, video_prob, modality_prob = probabilities()
    gates = {"audio_gate": "global", "visual_gate": "modality"}
    with pytest.raises(ValueError, match=r"segment_prob must have shape \(videos, segments, 2, categories\)"):
        binarise(segment_prob[:, :, :1], video_prob, modality_prob, **gates)
    with pytest.raises(ValueError, match="segment_prob must be a float array of 4 axes, not bool"):
        binarise(segment_prob > 0.5, video_prob, modality_prob, **gates)
    with pytest.raises(
        ValueError, match=r"video_prob has shape \(1, 2\); with this segment_prob it must have \(1, 3\)"
    ):
        binarise(segment_prob, video_prob[:, :2], modality_prob, **gates)
    many = np.repeat(segment_prob, 5, axis=0)
    many[3, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="segment_prob holds NaN or infinity, first in video 3"):
        binarise(many, np.repeat(video_prob, 5, axis=0), np.repeat(modality_prob, 5, axis=0), **gates)


# --- intervals ---------------------------------------------------------------------------------------------------------


def test_interval_of_one_seed_is_that_of_the_mean_over_videos():
    scores = np.random.default_rng(0).normal(50, 20, size=(1, 900))
    mean, low, high = bootstrap_interval(scores, seed=0, resamples=4000)
    error = scores.std() / np.sqrt(900)
    assert mean == pytest.approx(scores.mean())
    assert low == pytest.approx(mean - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.1 * error)


def test_seeds_that_differ_widen_the_interval():
    videos = np.random.default_rng(0).normal(50, 5, size=(1, 400))
    same = bootstrap_interval(np.repeat(videos, 5, axis=0), seed=0)
    differ = bootstrap_interval(videos + np.array([[-4.0], [-2.0], [0.0], [2.0], [4.0]]), seed=0)
    assert differ.high - differ.low > 3 * (same.high - same.low)
    assert differ.mean == pytest.approx(same.mean)


def test_interval_can_be_had_again_and_narrows_with_confidence():
    scores = np.random.default_rng(0).random((3, 50))
    assert bootstrap_interval(scores, seed=4) == bootstrap_interval(scores, seed=4)
    assert bootstrap_interval(scores, seed=4) != bootstrap_interval(scores, seed=5)
    wide, narrow = bootstrap_interval(scores, seed=0), bootstrap_interval(scores, seed=0, confidence=0.5)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_interval_of_a_constant_has_no_width():
    assert bootstrap_interval(np.full((2, 10), 7.0), seed=0) == pytest.approx((7, 7, 7))


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    covered = 0
    for draw in range(200):
        scores = 3 + random.normal(0, 1, (8, 1)) + random.normal(0, 3, (1, 60)) + random.normal(0, 1, (8, 60))
        _, low, high = bootstrap_interval(scores, seed=draw, confidence=0.9, resamples=300)
        covered += low <= 3 <= high
    assert 0.8 <= covered / 200 <= 0.97


def test_interval_refuses_bad_scores():
    with pytest.raises(ValueError, match=r"scores must have shape \(seeds, videos\), neither of them 0, not \(5,\)"):
        bootstrap_interval(np.zeros(5), seed=0)
    scores = np.zeros((2, 5))
    scores[1, 3] = np.nan
    with pytest.raises(ValueError, match="scores hold nan for video 3 of seed 1"):
        bootstrap_interval(scores, seed=0)
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1, not 95"):
        bootstrap_interval(np.zeros((2, 5)), seed=0, confidence=95)


# --- bad grids ---------------------------------------------------------------------------------------------------------


def test_scores_refuse_probabilities():
    g = grid("0110")
    with pytest.raises(TypeError, match=r"pred_visual must be a numpy bool array, not an array of float64; .*binarise"):
        parsing_scores(g, g.astype(float), g, g)
    with pytest.raises(TypeError, match="true_audio must be a numpy bool array, not list"):
        parsing_scores(g, g, g.tolist(), g)


def test_scores_refuse_shapes_that_differ():
    g = grid("0110")
    with pytest.raises(ValueError, match=r"true_visual has shape \(1, 5, 1\), but pred_audio has \(1, 4, 1\)"):
        parsing_scores(g, g, g, grid("01100"))
    with pytest.raises(ValueError, match=r"pred_audio must have shape \(videos, segments, categories\).*not \(4, 1\)"):
        parsing_scores(g[0], g, g, g)


def test_scores_refuse_no_videos():
    none = np.zeros((0, 10, 25), dtype=bool)
    with pytest.raises(ValueError, match=r"none of them 0, not \(0, 10, 25\)"):
        parsing_scores(none, none, none, none)


def test_class_names_must_be_as_many_as_categories():
    g = grid("0110")
    with pytest.raises(ValueError, match="2 category names for grids of 1 categories"):
        per_class_scores(g, g, g, g, ["dog", "cat"])
