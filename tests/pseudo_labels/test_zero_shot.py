"""Zero-shot labels: thresholds against an exhaustive search, the rule by hand, storage that executes nothing."""

import pickle

import numpy as np
import pytest

from avvp_lib.pseudo_labels import PseudoLabels, fit_thresholds, text_similarity, zero_shot_labels


def f_score(predicted: np.ndarray, true: np.ndarray) -> float:
    total = predicted.sum() + true.sum()
    return 2 * (predicted & true).sum() / total if total else 1.0


def best_f_score(scores: np.ndarray, true: np.ndarray) -> float:
    """Over every threshold that selects something: one below each value that occurs."""
    return max(f_score(scores >= value, true) for value in np.unique(scores))


@pytest.fixture
def split() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarity with many ties, truth and video labels of 12 videos, 5 segments, 4 categories; the last is never true."""
    random = np.random.default_rng(0)
    video_labels = random.random((12, 4)) < 0.6
    truth = (random.random((12, 5, 4)) < 0.5) & video_labels[:, None]
    truth[..., 3] = False
    similarity = (truth + random.normal(0, 0.7, truth.shape)).round(1).astype(np.float32)
    return similarity, truth, video_labels


def test_thresholds_reach_the_best_f_score_that_any_threshold_reaches(split):
    similarity, truth, video_labels = split
    thresholds = fit_thresholds(similarity, truth, video_labels)
    for category in range(3):
        rows = video_labels[:, category]
        scores, true = similarity[rows][..., category], truth[rows][..., category]
        assert f_score(scores > thresholds[category], true) == pytest.approx(best_f_score(scores, true))


def test_videos_without_the_label_do_not_count(split):
    similarity, truth, video_labels = split
    changed = np.where(video_labels[:, None], similarity, 1000.0).astype(np.float32)
    np.testing.assert_array_equal(
        fit_thresholds(changed, truth, video_labels), fit_thresholds(similarity, truth, video_labels)
    )


def test_a_category_without_examples_gets_the_mean_threshold(split):
    thresholds = fit_thresholds(*split)
    assert thresholds[3] == pytest.approx(thresholds[:3].mean())


def test_threshold_by_hand():
    similarity = np.array([[[3.0], [2.0], [1.0], [0.0]]], np.float32)  # one video, four segments, one category
    truth = np.array([[[True], [True], [False], [False]]])
    assert fit_thresholds(similarity, truth, np.array([[True]])) == pytest.approx([1.5])


def test_threshold_separates_neighbouring_floats():
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    similarity = np.array([[[high], [low]]], np.float32)
    threshold = fit_thresholds(similarity, np.array([[[True], [False]]]), np.array([[True]]))
    assert (similarity > threshold).ravel().tolist() == [True, False]


def test_everything_true_selects_everything():
    similarity = np.array([[[0.3], [0.2]]], np.float32)
    threshold = fit_thresholds(similarity, np.ones((1, 2, 1), bool), np.array([[True]]))
    assert (similarity > threshold).all()


def test_the_rule_is_strictly_above_the_threshold_and_in_the_video_label():
    audio = np.array([[[1.0, 9.0], [1.1, 9.0]]])  # one video, two segments, two categories
    visual = np.array([[[5.0, 5.0], [0.0, 5.0]]])
    labels = zero_shot_labels(
        audio, visual, np.array([1.0, 2.0]), np.array([4.0, 4.0]), np.array([[True, False]]), ("a",)
    )
    assert labels.audio.tolist() == [[[0, 0], [1, 0]]]  # 1.0 is not above 1.0; category 1 is not in the label
    assert labels.visual.tolist() == [[[1, 0], [0, 0]]]
    assert labels.audio.dtype == labels.visual.dtype == np.float32


def test_a_labelled_category_may_find_no_segment():
    nothing = np.zeros((1, 3, 2))
    labels = zero_shot_labels(nothing, nothing, np.ones(2), np.ones(2), np.ones((1, 2), bool), ("a",))
    assert not labels.audio.any() and not labels.visual.any()


def test_similarity_is_the_scaled_cosine():
    segments = np.array([[[3.0, 4.0], [0.0, 2.0], [0.0, 0.0]]])  # unit vectors (0.6, 0.8), (0, 1); nothing
    text = np.array([[2.0, 0.0], [0.0, 5.0]])
    similarity = text_similarity(segments, text, scale=10)
    np.testing.assert_allclose(similarity, [[[6, 8], [0, 10], [0, 0]]], rtol=1e-6)
    assert similarity.dtype == np.float32


def test_provenance_tells_how_to_make_the_labels_again(split):
    similarity, _, video_labels = split
    keys = tuple(f"v{i}" for i in range(12))
    labels = zero_shot_labels(similarity, similarity, np.arange(4.0), np.ones(4), video_labels, keys, {"bank": "abc"})
    assert labels.provenance["method"].startswith("zero-shot")
    assert labels.provenance["thresholds_audio"] == [0, 1, 2, 3]
    assert labels.provenance["thresholds_visual"] == [1, 1, 1, 1]
    assert labels.provenance["bank"] == "abc"


def some_labels() -> PseudoLabels:
    random = np.random.default_rng(1)
    audio, visual = random.random((2, 3, 10, 4)).astype(np.float32)
    return PseudoLabels(("x", "y", "z"), audio, visual, {"method": "by hand", "thresholds": [0.5]})


@pytest.mark.parametrize("name", ["labels.npz", "labels"])
def test_stored_labels_come_back(tmp_path, name):
    labels = some_labels()
    labels.save(tmp_path / name)
    read = PseudoLabels.load(tmp_path / name)
    assert read.keys == labels.keys and read.provenance == labels.provenance
    np.testing.assert_array_equal(read.audio, labels.audio)
    np.testing.assert_array_equal(read.visual, labels.visual)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with np.load(tmp_path / name, allow_pickle=False) as stored:  # no array needs a pickle
        assert all(stored[key].dtype != object for key in stored)


def test_labels_are_joined_by_id():
    labels = some_labels()
    audio, visual = labels.take(("z", "x"))
    np.testing.assert_array_equal(audio, labels.audio[[2, 0]])
    np.testing.assert_array_equal(visual, labels.visual[[2, 0]])
    with pytest.raises(KeyError, match="1 of 2 videos, q first"):
        labels.take(("x", "q"))


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_a_pickle_is_refused_and_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match=r"labels\.npz does not hold pseudo-labels"):
        PseudoLabels.load(tmp_path / "labels.npz")
    assert not (tmp_path / "exploded").exists()


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="missing"):
        PseudoLabels.load(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", audio=np.zeros(3))
    with pytest.raises(ValueError, match="lacks keys, provenance, visual"):
        PseudoLabels.load(tmp_path / "other.npz")


ZEROS = np.zeros((2, 10, 3), np.float32)


@pytest.mark.parametrize(
    ("keys", "audio", "visual", "message"),
    [
        (("a",), ZEROS, ZEROS, r"audio pseudo-labels are \(2, 10, 3\); expected \(1, T, C\)"),
        (("a", "b"), ZEROS, ZEROS[:, 0], "visual"),
        (("a", "b"), ZEROS, ZEROS[:, :5], "one shape"),
        (("a", "a"), ZEROS, ZEROS, "twice"),
        (("a", "b"), ZEROS + 1.5, ZEROS, r"audio .* \[0, 1\]"),
        (("a", "b"), ZEROS, ZEROS * np.nan, "visual .* finite"),
    ],
)
def test_bad_labels_are_refused(keys, audio, visual, message):
    with pytest.raises(ValueError, match=message):
        PseudoLabels(keys, audio, visual, {})


def test_bad_similarity_is_refused(split):
    similarity, truth, video_labels = split
    keys = tuple(f"v{i}" for i in range(12))
    broken = similarity.copy()
    broken[7, 2, 1] = np.nan
    with pytest.raises(ValueError, match="similarity of video 7 holds a NaN"):
        fit_thresholds(broken, truth, video_labels)
    with pytest.raises(ValueError, match=r"truth is \(11, 5, 4\)"):
        fit_thresholds(similarity, truth[1:], video_labels)
    with pytest.raises(ValueError, match="nothing to fit"):
        fit_thresholds(similarity, np.zeros_like(truth), video_labels)
    with pytest.raises(ValueError, match="similarity_visual of video 7"):
        zero_shot_labels(similarity, broken, np.ones(4), np.ones(4), video_labels, keys)
    with pytest.raises(ValueError, match=r"similarity_audio is \(11, 5, 4\); with these video labels it must be \(12"):
        zero_shot_labels(similarity[1:], similarity, np.ones(4), np.ones(4), video_labels, keys)
    with pytest.raises(ValueError, match="thresholds_audio must be 4 finite numbers"):
        zero_shot_labels(similarity, similarity, np.ones(1), np.ones(4), video_labels, keys)
    with pytest.raises(ValueError, match="thresholds_visual must be 4 finite numbers"):
        zero_shot_labels(similarity, similarity, np.ones(4), np.full(4, np.nan), video_labels, keys)
