"""Eq. 9, thresholds against an exhaustive search, and a generator that is stored and comes back without executing anything."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch

from avvp_lib.models.generator import LabelGenerator
from avvp_lib.pseudo_labels.generation import CARD, WEIGHTS, PseudoLabelGenerator, choose_thresholds, soft_labels
from avvp_lib.weights import CheckpointError

ABOUT = {"recipe": {"name": "ear"}, "corpus": "unav", "categories": ["dog", "car"], "seed": 3}


@pytest.fixture(scope="module")
def generator() -> PseudoLabelGenerator:
    torch.manual_seed(0)
    return PseudoLabelGenerator(LabelGenerator(8, 12, heads=2, feed_forward=16, dropout=0.3), ABOUT)


def features(videos: int = 5, segments: int = 4, classes: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    shapes = (videos, segments, 8), (videos, segments, 12), (classes, 8), (classes, 12)
    return [random.normal(size=shape).astype(np.float32) for shape in shapes]


def test_probabilities_are_those_of_the_model_in_any_batches(generator):
    arrays = features()
    audio, visual = generator.probabilities(*arrays, batch_size=2)
    with torch.no_grad():
        expected = generator.model.eval()(*map(torch.from_numpy, arrays))
    np.testing.assert_allclose(audio, expected.dynamic[:, :, 0], atol=1e-6)
    np.testing.assert_allclose(visual, expected.dynamic[:, :, 1], atol=1e-6)
    static = generator.probabilities(*arrays, branch="static")
    np.testing.assert_allclose(static[1], expected.static[:, :, 1], atol=1e-6)


def test_nothing_is_claimed_behind_the_end_of_a_video(generator):
    arrays, lengths = features(), np.array([4, 1, 2, 3, 4])
    padded = generator.probabilities(*arrays, lengths)
    behind = np.arange(4) >= lengths[:, None]
    assert (padded[0][behind] == 0).all() and (padded[0][~behind] > 0).all()
    alone = generator.probabilities(arrays[0][1:2, :1], arrays[1][1:2, :1], *arrays[2:])
    np.testing.assert_allclose(padded[1][1, :1], alone[1][0], atol=1e-6)


def test_no_videos_give_no_probabilities(generator):
    audio, visual, *texts = features()
    assert [grid.shape for grid in generator.probabilities(audio[:0], visual[:0], *texts)] == [(0, 4, 3)] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.__setitem__(1, a[1][:, :3]), r"audio is of \(videos, segments\) \(5, 4\), visual of \(5, 3\)"),
        (lambda a: a.__setitem__(2, a[2][:2]), "text_audio names 2 classes, text_visual 3"),
        (lambda a: a.__setitem__(slice(2, 4), [a[2][:0], a[3][:0]]), "text_audio names 0 classes"),
        (lambda a: a.__setitem__(3, a[3][:, :8]), r"text_visual has shape \(3, 8\); with features of width 12"),
        (lambda a: a[0].__setitem__((3, 1), np.nan), "audio of video 3 holds a NaN"),
        (lambda a: a.append(np.array([4, 0, 2, 1, 4])), "video 1 has 0 segments; it needs 1 to 4"),
        (lambda a: a.append(np.array([4, 4, 5, 1, 4])), "video 2 has 5 segments"),
        (lambda a: a.append(np.array([4, 4])), "lengths must be 5 integers"),
    ],
)
def test_features_that_do_not_fit_are_named(generator, change, message):
    arrays = features()
    change(arrays)
    with pytest.raises(ValueError, match=message):
        generator.probabilities(*arrays)


def test_features_of_another_teacher_are_refused(generator):
    audio, visual, text_audio, text_visual = features()
    with pytest.raises(ValueError, match=r"audio has shape .* width 8: take features and text of the teachers"):
        generator.probabilities(visual, audio, text_visual, text_audio)


# Eq. 9. One video, three segments, two classes, of which the video label has the first.
PROBABILITIES = np.array([[[0.9, 0.9], [0.5, 0.9], [0.4, 0.0]]], np.float32)
LABEL = np.array([[True, False]])


def test_soft_labels_by_hand():
    labels = soft_labels((PROBABILITIES, PROBABILITIES), (0.5, 0.95), LABEL, ("a",), {"bank": "x"})
    np.testing.assert_allclose(labels.audio, [[[0.9, 0], [0.5, 0], [0, 0]]])  # 0.5 reaches 0.5, and confidence stays
    assert not labels.visual.any()
    assert labels.provenance["thresholds_audio"] == 0.5 and labels.provenance["bank"] == "x"
    assert "warning" not in labels.provenance


def test_thresholds_of_single_classes():
    labels = soft_labels((PROBABILITIES, PROBABILITIES), (np.array([0.45, 0.0]), 0.0), LABEL, ("a",))
    np.testing.assert_allclose(labels.audio[..., 0], [[0.9, 0.5, 0]])
    np.testing.assert_allclose(labels.visual[..., 0], [[0.9, 0.5, 0.4]])


def test_labels_without_a_positive_say_so(caplog):
    labels = soft_labels((PROBABILITIES, PROBABILITIES), (1.0, 1.0), LABEL, ("a",))
    assert not labels.audio.any() and "no segment of any video has a label" in labels.provenance["warning"]
    assert "no segment of any video" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": (1.1, 0.5)}, r"the audio threshold is 1.1: it must be a probability in \[0, 1\]"),
        ({"thresholds": (0.5, -0.1)}, "the visual threshold is -0.1"),
        ({"thresholds": (0.5, float("nan"))}, "the visual threshold is nan"),
        ({"thresholds": (np.array([0.5]), 0.5)}, "one for each of the 2"),
        ({"video_labels": np.ones((1, 3), bool)}, r"\(1, 3, 2\); .* must be \(1, T, 3\): .* another class list"),
        ({"video_labels": np.ones((2, 2), bool)}, "another split"),
        (
            {"probabilities": (PROBABILITIES, PROBABILITIES + 1)},
            r"visual probabilities must be finite and lie in \[0, 1\]",
        ),
        ({"keys": ("a", "b")}, r"expected \(2, T, C\)"),
    ],
)
def test_labels_that_cannot_be_are_refused(change, message):
    usual = {
        "probabilities": (PROBABILITIES, PROBABILITIES), "thresholds": (0.5, 0.5), "video_labels": LABEL, "keys": ("a",)
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        soft_labels(**usual | change)


def test_threshold_by_hand():
    """0.9 true, 0.7 true, 0.6 not, 0.4 true, 0.1 not: below 0.4 F = 6/7 is best. The other class is not in the label."""
    values = np.array([0.9, 0.7, 0.6, 0.4, 0.1]).reshape(1, 5, 1)
    true = np.array([True, True, False, True, False]).reshape(1, 5, 1)
    values, true = np.concatenate([values, 1 - values], 2), np.concatenate([true, true], 2)
    assert choose_thresholds((values, values), (true, true), LABEL) == pytest.approx((0.25, 0.25))


def test_thresholds_reach_the_best_f_score_that_any_threshold_reaches():
    random = np.random.default_rng(0)
    video_labels = random.random((12, 4)) < 0.6
    truth = (random.random((12, 5, 4)) < 0.5) & video_labels[:, None]
    values = (0.5 * truth + random.random(truth.shape) * 0.5).round(1)  # many ties

    def f_score(threshold: float) -> float:
        claimed = (values >= threshold) & video_labels[:, None]
        return 2 * (claimed & truth).sum() / (claimed.sum() + truth.sum())

    best = max(f_score(value) for value in np.unique(values))
    for threshold in choose_thresholds((values, values), (truth, truth), video_labels):
        assert f_score(threshold) == pytest.approx(best) and 0 <= threshold <= 1


def test_threshold_between_neighbouring_numbers_and_below_all():
    low = 0.5
    values = np.array([np.nextafter(low, 1), low]).reshape(1, 2, 1)
    truth, label = np.array([True, False]).reshape(1, 2, 1), np.array([[True]])
    audio, visual = choose_thresholds((values, values), (truth, np.ones_like(truth)), label)
    assert (values >= audio).ravel().tolist() == [True, False]
    assert (values >= visual).all() and visual >= 0


def test_thresholds_need_a_true_segment():
    truth = PROBABILITIES > 0.8
    with pytest.raises(ValueError, match="no visual segment is true in a video labelled with it"):
        choose_thresholds((PROBABILITIES, PROBABILITIES), (truth, truth & ~LABEL[:, None]), LABEL)
    with pytest.raises(ValueError, match="audio truth is"):
        choose_thresholds((PROBABILITIES, PROBABILITIES), (truth[:, :2], truth), LABEL)


@pytest.fixture
def folder(generator, tmp_path):
    generator.save(tmp_path / "ear")
    return tmp_path / "ear"


def test_a_stored_generator_comes_back(generator, folder):
    loaded = PseudoLabelGenerator.load(folder)
    assert loaded.about == ABOUT and not loaded.model.training and loaded.model.widths == generator.model.widths
    for found, expected in zip(loaded.probabilities(*features()), generator.probabilities(*features()), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert loaded.provenance() == generator.provenance()
    assert sorted(path.name for path in folder.iterdir()) == [CARD, WEIGHTS]


def test_provenance_tells_weights_apart(generator):
    torch.manual_seed(1)
    other = PseudoLabelGenerator(LabelGenerator(8, 12, heads=2, feed_forward=16), ABOUT)
    assert other.provenance()["generator weights"] != generator.provenance()["generator weights"]
    assert other.provenance()["generator"] == ABOUT


def rewrite(folder, **values) -> None:
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | values))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / CARD).unlink(), "generator.json is missing"),
        (lambda f: (f / WEIGHTS).unlink(), "generator.safetensors is missing"),
        (lambda f: shutil.rmtree(f), "generator.json is missing"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-8]), "is damaged, or of another training"),
        (lambda f: (f / WEIGHTS).write_bytes(pickle.dumps({"a": 1})), "is damaged, or of another training"),
        (lambda f: (f / CARD).write_text("{"), "generator.json is damaged"),
        (lambda f: (f / CARD).write_bytes(b"\xff\xfe\x00"), "generator.json is damaged"),
        (lambda f: (f / CARD).write_text("[1]"), "is not the card of a generator"),
        (lambda f: rewrite(f, format="something else"), "is not the card of a generator"),
        (lambda f: rewrite(f, about=None), "no tables"),
        (
            lambda f: rewrite(f, widths={"audio_dim": 16, "visual_dim": 12, "heads": 2}),
            "holds no generator of the widths",
        ),
        (lambda f: rewrite(f, widths={"doors": 4}), "holds no generator of the widths"),
    ],
)
def test_damaged_and_foreign_files_are_refused(folder, damage, message):
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        PseudoLabelGenerator.load(folder)
