from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.corpus import Corpus, CorpusSplit


def split(name: str = "test", first: int = 0) -> CorpusSplit:
    """Three videos of four segments and two categories."""
    random = np.random.default_rng(first)
    return CorpusSplit(
        name=name,
        videos=tuple(f"video{first + i}_0_4" for i in range(3)),
        keys=tuple(f"video{first + i}" for i in range(3)),
        video_labels=random.random((3, 2)) < 0.5,
        audio=random.random((3, 4, 2)) < 0.5,
        visual=random.random((3, 4, 2)) < 0.5,
        lengths=np.array([4, 2, 3]),
    )


def test_subset_keeps_everything_together_and_in_the_order_asked_for():
    whole = split()
    part = whole.subset([2, 0])
    assert len(part) == 2
    assert part.videos == ("video2_0_4", "video0_0_4")
    assert part.keys == ("video2", "video0")
    assert part.lengths.tolist() == [3, 4]
    for name in ("video_labels", "audio", "visual"):
        assert (getattr(part, name) == getattr(whole, name)[[2, 0]]).all()


def test_subset_of_a_weakly_labelled_split_stays_weak():
    part = replace(split(), audio=None, visual=None, lengths=None).subset(np.array([1]))
    assert part.audio is None and part.visual is None and part.lengths is None


def test_audio_visual_labels_travel_and_lengths_are_checked_against_them():
    whole = replace(split(), audio=None, visual=None, audio_visual=np.random.default_rng(1).random((3, 4, 2)) < 0.5)
    part = whole.subset([2, 0])
    assert part.audio is None and part.visual is None
    assert (part.audio_visual == whole.audio_visual[[2, 0]]).all() and part.lengths.tolist() == [3, 4]
    with pytest.raises(ValueError, match=r"lengths must lie in 0 \.\.\. 4"):
        replace(whole, lengths=np.array([4, 5, 1]))


def test_media_path():
    corpus = Corpus("toy", ("dog", "cat"), {"test": split()}, Path("folder"))
    assert corpus.media_path("video1") == Path("folder/videos/video1.mp4")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keys": ("a", "b")}, "needs one key per video, not 2 for 3"),
        ({"videos": ("a", "b", "a")}, "'a' occurs twice among the videos of split 'test'"),
        ({"keys": ("a", "b", "a")}, "'a' occurs twice among the keys of split 'test'"),
        ({"video_labels": np.zeros((3, 2))}, r"video_labels must be bool of shape \(videos, categories\), not float64"),
        ({"video_labels": np.zeros((2, 2), bool)}, "video_labels has 2 rows for 3 videos"),
        ({"audio": np.zeros((3, 2), bool)}, r"audio must be bool of shape \(videos, segments, categories\)"),
        ({"visual": np.zeros((3, 4, 5), bool)}, r"visual has shape \(3, 4, 5\), which does not fit 3 videos and 2"),
        ({"visual": np.zeros((3, 5, 2), bool)}, r"audio \(3, 4, 2\) and visual \(3, 5, 2\) must have one shape"),
        (
            {"audio_visual": np.zeros((3, 2), bool)},
            r"audio_visual must be bool of shape \(videos, segments, categories",
        ),
        (
            {"audio_visual": np.zeros((3, 4, 3), bool)},
            r"audio_visual has shape \(3, 4, 3\), which does not fit 3 videos",
        ),
        ({"lengths": np.array([4, 4])}, "lengths must be 3 integers"),
        ({"lengths": np.array([4, 5, 1])}, r"lengths must lie in 0 \.\.\. 4"),
    ],
)
def test_a_split_that_does_not_fit_together_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(split(), **change)


def test_a_corpus_refuses_splits_that_share_a_video_and_wrong_categories():
    with pytest.raises(ValueError, match="'video2_0_4' occurs twice among the videos of toy, all splits together"):
        Corpus("toy", ("dog", "cat"), {"val": split("val"), "test": split("test", first=2)}, Path())
    shared_key = replace(split("test", first=3), keys=("video0", "b", "c"))
    with pytest.raises(ValueError, match="'video0' occurs twice among the keys of toy"):
        Corpus("toy", ("dog", "cat"), {"val": split("val"), "test": shared_key}, Path())
    with pytest.raises(ValueError, match="split 'test' has 2 categories, the corpus 3"):
        Corpus("toy", ("dog", "cat", "car"), {"test": split()}, Path())
    with pytest.raises(ValueError, match="'dog' occurs twice among the categories"):
        Corpus("toy", ("dog", "dog"), {"test": split()}, Path())


def test_unknown_corpus_names_the_known_ones():
    with pytest.raises(ValueError, match="unknown corpus 'lpl': choose one of llp, synthetic-llp"):
        load_corpus("lpl")
