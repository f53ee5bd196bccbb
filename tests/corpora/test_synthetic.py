"""What a synthetic corpus holds: its statistics, plans, pictures and sounds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.corpus import Corpus, CorpusSplit
from avvp_lib.corpora.llp import LLP_CATEGORIES, SEGMENTS
from avvp_lib.corpora.synthetic import (
    DOMAINS,
    SIZES,
    CorpusSettings,
    picture,
    render_video,
    soundtrack,
    true_grids,
)
from avvp_lib.corpora.synthetic.picture import FRAME_SIZE, Actor, compose, render_frames, render_still
from avvp_lib.corpora.synthetic.plan import EDGE_JITTER, SHORTEST_EVENT, jittered_spans, plan_video, runs
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE, render_sound, render_waveform
from avvp_lib.corpora.synthetic.statistics import (
    STATISTICS_FILE,
    llp_statistics,
    measure_statistics,
    write_statistics,
)


def shares(counts):
    return np.asarray(counts, float) / np.sum(counts)


def grid_with(category, onset, offset):
    """(T, C) bool: one event and nothing else."""
    grid = np.zeros((SEGMENTS, len(LLP_CATEGORIES)), bool)
    grid[onset:offset, LLP_CATEGORIES.index(category)] = True
    return grid


def split_of(name, audio, visual):
    """A split whose weak labels are those of its grids."""
    ids = tuple(f"{name}{index:07d}" for index in range(len(audio)))
    return CorpusSplit(name, ids, ids, (audio | visual).any(1), audio, visual)


def corpus_of(audio, visual, categories):
    """A corpus with the same grids, (N, T, C) bool, in its train and its val split."""
    splits = {name: split_of(name, audio, visual) for name in ("train", "val")}
    return Corpus("counted", tuple(categories), splits, Path())


@pytest.fixture(scope="module")
def planned():
    """What `measure_statistics` finds in 3,000 planned videos."""
    plans = [plan_video(np.random.default_rng([99, index]), llp_statistics()) for index in range(3000)]
    grids = (np.stack([getattr(plan, modality) for plan in plans]) for modality in ("audio", "visual"))
    return measure_statistics(corpus_of(*grids, LLP_CATEGORIES))


# --- statistics -------------------------------------------------------------------------------------------------------


def test_statistics_of_two_videos_counted_by_hand():
    rows = {  # ten segments; one row a video, category and modality
        ("a", "Dog", "audio"): "1111111111",  # whole
        ("a", "Dog", "visual"): "1111111111",  # whole, the same segments
        ("a", "Cat", "audio"): "0110001000",  # two runs, of 2 and 1
        ("b", "Cat", "audio"): "1100000000",  # one run of 2
        ("b", "Cat", "visual"): "0011100000",  # one run of 3, other segments
        ("b", "Car", "visual"): "0000000001",  # one run of 1
    }
    grids = {modality: np.zeros((2, 10, 3), bool) for modality in ("audio", "visual")}
    for (video, category, modality), row in rows.items():
        grids[modality]["ab".index(video), :, ("Dog", "Cat", "Car").index(category)] = [c == "1" for c in row]
    found = measure_statistics(corpus_of(grids["audio"], grids["visual"], ("Dog", "Cat", "Car")))
    assert found.categories == ["Dog", "Cat", "Car"]
    assert found.category_videos == [1, 2, 1]
    assert found.category_pairs == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert found.categories_per_video == [0, 0, 2]
    assert found.modality_videos == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]  # both, only audible, only visible
    assert found.spans_whole_video == [[1, 1], [0, 0], [0, 0]]
    assert found.same_segments == 0.5  # Dog in a, not Cat in b
    assert found.runs_per_event == [[0, 1, 1], [0, 2]]
    assert found.run_lengths == [[0, 1, 2], [0, 1, 0, 1]]


def test_the_shipped_statistics_are_those_of_the_real_annotations(llp_root, tmp_path):
    measured = measure_statistics(load_corpus("llp", root=llp_root))
    assert measured == llp_statistics()
    write_statistics(measured, tmp_path / "statistics.json")
    assert (tmp_path / "statistics.json").read_bytes() == STATISTICS_FILE.read_bytes()


# --- plan -------------------------------------------------------------------------------------------------------------


def test_a_plan_is_two_grids_and_labels_what_is_heard_or_seen():
    for index in range(50):
        plan = plan_video(np.random.default_rng(index), llp_statistics())
        for grid in (plan.audio, plan.visual):
            assert grid.shape == (10, 25) and grid.dtype == np.bool_
        expected = [bool(plan.audio[:, c].any() or plan.visual[:, c].any()) for c in range(25)]
        assert plan.video_labels.tolist() == expected and 1 <= sum(expected) <= 5


def test_3000_planned_videos_have_the_statistics_of_llp(planned):
    llp = llp_statistics()
    np.testing.assert_allclose(shares(planned.categories_per_video), shares(llp.categories_per_video), atol=0.03)
    patterns, llp_patterns = (shares(np.sum(counts.modality_videos, 0)) for counts in (planned, llp))
    np.testing.assert_allclose(patterns, llp_patterns, atol=0.06)  # both, only audible, only visible
    assert planned.same_segments == pytest.approx(llp.same_segments, abs=0.04)
    for modality in (0, 1):
        present, llp_present = (np.sum(s.modality_videos, 0)[[0, 1 + modality]].sum() for s in (planned, llp))
        whole, llp_whole = (np.sum(s.spans_whole_video, 0)[modality] for s in (planned, llp))
        assert whole / present == pytest.approx(llp_whole / llp_present, abs=0.06)
        number, llp_number = (shares(s.runs_per_event[modality])[:4] for s in (planned, llp))
        np.testing.assert_allclose(number, llp_number, atol=0.05)
        length, llp_length = (shares(s.run_lengths[modality])[:10] for s in (planned, llp))
        # Long runs seldom fit beside others, so drawing until they fit makes short ones a little more common.
        np.testing.assert_allclose(length, llp_length, atol=0.09)


def test_frequencies_keep_their_order_but_are_flatter_than_in_llp(planned):
    ours, llp = np.array(planned.category_videos), np.array(llp_statistics().category_videos)
    assert ours.argmax() == llp.argmax() == LLP_CATEGORIES.index("Speech")
    assert np.corrcoef(np.argsort(np.argsort(ours)), np.argsort(np.argsort(llp)))[0, 1] > 0.8
    assert ours.max() / ours.min() < 0.7 * llp.max() / llp.min()


def test_categories_that_meet_in_llp_meet_more_often_than_those_that_never_do(planned):
    meet = np.array(llp_statistics().category_pairs) > 0
    apart = ~meet & ~np.eye(25, dtype=bool)
    met = np.array(planned.category_pairs)
    assert np.diag(met).sum() == 0 and (met == met.T).all()
    assert met[meet].mean() > 4 * met[apart].mean() > 0


def test_runs_and_jitter_stay_within_their_segments():
    row = np.array([c == "1" for c in "1100101101"])
    assert runs(row) == [(0, 2), (4, 5), (6, 8), (9, 10)]
    for seed in range(20):
        spans = jittered_spans(np.random.default_rng(seed), row)
        assert spans[0][0] == 0 and spans[-1][1] == 10, "what touches the clip's border goes on beyond it"
        for (onset, offset), (start, stop) in zip(spans, runs(row), strict=True):
            assert start <= onset <= start + EDGE_JITTER and stop - EDGE_JITTER <= offset <= stop
            assert offset - onset >= SHORTEST_EVENT - 1e-9
    assert runs(np.zeros(10, bool)) == [] and runs(np.ones(10, bool)) == [(0, 10)]


def test_plans_depend_on_seed_split_and_index_but_not_on_the_domain():
    def grids(settings, split, index):
        plan = settings.plan(split, index)
        return plan.audio.tobytes() + plan.visual.tobytes()

    studio, street = (CorpusSettings(5, "smoke", domain) for domain in DOMAINS)
    for split in ("train", "val", "test"):
        assert [grids(studio, split, i) for i in range(5)] == [grids(street, split, i) for i in range(5)]
    distinct = {grids(replace(studio, seed=s), split, i) for s in (5, 6) for split in ("train", "test") for i in (0, 1)}
    assert len(distinct) == 8


# --- picture ----------------------------------------------------------------------------------------------------------


def segments_that_differ(one, other):
    """The numbers of the seconds in which two videos, or two sounds, are not equal."""
    differs = (one != other).reshape(SEGMENTS, -1).any(1)
    return set(np.flatnonzero(differs).tolist())


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_thing_is_seen_in_its_segments_and_nowhere_else(domain, monkeypatch):
    """Two videos from one generator that differ only in when the dog is there: 2 to 5, or 6 to 8."""
    for seed in range(6):
        if seed >= 3:  # with events that fill their segments, fades would reach farthest
            monkeypatch.setattr(picture, "jittered_spans", lambda _, segments: runs(segments))
        early, late = (
            render_frames(np.random.default_rng(seed), domain, grid_with("Dog", *span)) for span in ((2, 5), (6, 8))
        )
        assert early.shape == (80, 128, 128, 3) and early.dtype == np.uint8
        assert segments_that_differ(early, late) == {2, 3, 4, 6, 7}


def test_the_picture_moves_and_has_grain():
    frames = render_frames(np.random.default_rng(0), "studio", grid_with("Blender", 0, 10)).astype(float)
    assert all(np.abs(frames[i + 1] - frames[i]).mean() > 1 for i in range(79))


def test_actors_are_laid_over_the_scene_in_order_and_cut_at_its_border():
    scene = np.full((4, 4, 3), 100, np.uint8)
    cycle = np.full((2, 2, 2, 4), 255, np.uint8)
    cycle[1, ..., :3] = 0  # phase 0 is white, phase 1 black
    centre = np.array([[1.0, 1.0], [0.0, 4.0], [2.0, 2.0]])
    white = Actor(cycle, centre, np.array([1.0, 0.5, 0.0]), np.array([0, 0, 0]))
    black = Actor(cycle, centre + 1, np.array([1.0, 0.0, 0.0]), np.array([1, 1, 1]))
    frames = compose(scene, [white, black], 3)
    first = np.full((4, 4), 100.0)
    first[:2, :2] = 255
    first[1:3, 1:3] = 0
    second = np.full((4, 4), 100.0)
    second[0, 3] = 100 + 0.5 * 155  # only one of its four pixels is inside the frame
    for frame, expected in zip(frames, (first, second, np.full((4, 4), 100.0)), strict=True):
        np.testing.assert_allclose(frame, np.repeat(expected[..., None], 3, 2))


def test_a_still_shows_what_it_is_asked_for():
    def still(categories):
        return render_still(np.random.default_rng(1), "studio", categories)

    assert still([]).shape == (FRAME_SIZE, FRAME_SIZE, 3) and still([]).dtype == np.uint8
    np.testing.assert_array_equal(still(["Dog"]), still(["Dog"]))
    assert (still(["Dog"]) != still(["Cello"])).any(-1).mean() > 0.05


# --- soundtrack -------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain_sound(monkeypatch):
    """Events 12 dB above the background, no other sounds, no room: what remains is countable."""
    monkeypatch.setattr(soundtrack, "RECORDED", (12.0, 12.0))
    monkeypatch.setattr(soundtrack, "DISTRACTOR_PROBABILITY", 0.0)
    monkeypatch.setattr(soundtrack, "COLOUR_PROBABILITY", 0.0)


def loudness(waveform):
    """(T,) RMS of each second."""
    return np.sqrt(np.square(waveform, dtype=np.float64).reshape(SEGMENTS, -1).mean(1))


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_sound_is_louder_than_the_background_in_each_of_its_segments(plain_sound, domain):
    for category in LLP_CATEGORIES:
        waveform = render_waveform(np.random.default_rng(0), domain, grid_with(category, 3, 6))
        assert waveform.shape == (160_000,) and waveform.dtype == np.float32 and np.abs(waveform).max() <= 1
        level = loudness(waveform)
        assert level[3:6].min() > 1.2 * np.delete(level, [3, 4, 5]).max(), category


def test_a_sound_is_heard_in_its_segments_and_nowhere_else(plain_sound, monkeypatch):
    monkeypatch.setattr(soundtrack, "RECORDED", (0.0, 0.0))  # far from the peak at which a clip is turned down
    for category in ("Dog", "Speech", "Helicopter"):
        early, late = (
            render_waveform(np.random.default_rng(1), "street", grid_with(category, *span)) for span in ((2, 5), (6, 8))
        )
        assert segments_that_differ(early, late) == {2, 3, 4, 6, 7}


def test_an_event_that_comes_back_has_the_same_voice(plain_sound, monkeypatch):
    monkeypatch.setattr(soundtrack, "RECORDED", (40.0, 40.0))  # the background is next to nothing
    grid = grid_with("Telephone_bell_ringing", 0, 2) | grid_with("Telephone_bell_ringing", 8, 10)
    monkeypatch.setattr(soundtrack, "jittered_spans", lambda rng, segments: runs(segments))
    first, *_, last = render_waveform(np.random.default_rng(0), "studio", grid).reshape(5, -1)
    assert np.corrcoef(first, last)[0, 1] > 0.99


def test_loud_videos_are_turned_down_and_not_clipped(plain_sound, monkeypatch):
    monkeypatch.setattr(soundtrack, "RECORDED", (40.0, 40.0))
    grid = grid_with("Accordion", 0, 1) | grid_with("Clapping", 0, 10)
    assert np.abs(render_waveform(np.random.default_rng(0), "studio", grid)).max() == pytest.approx(0.95, abs=1e-4)


def test_a_short_clip_of_sound():
    clip = render_sound(np.random.default_rng(0), "studio", ["Speech", "Car"], 1.0)
    assert clip.shape == (SAMPLE_RATE,) and clip.dtype == np.float32
    np.testing.assert_array_equal(clip, render_sound(np.random.default_rng(0), "studio", ["Speech", "Car"], 1.0))
    assert not np.array_equal(clip, render_sound(np.random.default_rng(0), "studio", [], 1.0))


# --- a whole video ----------------------------------------------------------------------------------------------------


def test_a_video_is_determined_by_its_settings():
    settings = CorpusSettings(seed=8, size="smoke", domain="studio")
    frames, waveform = render_video(settings, "val", 1)
    again = render_video(settings, "val", 1)
    np.testing.assert_array_equal(frames, again[0])
    np.testing.assert_array_equal(waveform, again[1])
    for other in (render_video(replace(settings, domain="street"), "val", 1), render_video(settings, "test", 1)):
        assert not np.array_equal(frames, other[0]) and not np.array_equal(waveform, other[1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": "huge"}, "unknown corpus size 'huge': choose one of smoke, tutorial"),
        ({"domain": "cinema"}, "unknown rendering domain 'cinema': choose one of studio, street"),
        ({"seed": 1000}, "corpus seed must lie in 0 ... 999, not 1000"),
        ({"seed": -1}, "corpus seed must lie in 0 ... 999, not -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        CorpusSettings(**wrong)


def test_keys_are_11_characters_and_differ_between_corpora():
    corpora = [CorpusSettings(seed, "smoke", domain) for seed in (0, 1) for domain in DOMAINS]
    keys = [key for settings in corpora for split in ("train", "val", "test") for key in settings.keys(split)]
    assert len(set(keys)) == len(keys) == 4 * sum(SIZES["smoke"]) and {len(key) for key in keys} == {11}


def test_a_real_corpus_has_no_hidden_truth(tmp_path):
    empty = np.zeros((1, 10, 1), bool)
    with pytest.raises(FileNotFoundError, match="counted has no dense labels for its training videos"):
        true_grids(replace(corpus_of(empty, empty, ["Dog"]), root=tmp_path))
