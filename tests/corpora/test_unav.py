"""UnAV-100's JSON: the rounding rule by hand, accidents that are counted, and bad files that are named."""

import json

import numpy as np
import pytest

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.unav import ANNOTATION_FILE, event_segments, load_unav


def event(start, end, label="dog barking", label_id=3):
    return {"segment": [start, end], "label": label, "label_id": label_id}


def video(*events, subset="train", duration=5.0):
    return {"subset": subset, "duration": duration, "fps": 25.0, "annotations": list(events)}


def written(root, database):
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / ANNOTATION_FILE).write_text(json.dumps({"database": database}), encoding="utf-8")
    return root


@pytest.fixture
def root(tmp_path):
    return written(
        tmp_path,
        {
            "aaaaaaaaaaa": video(event(0.6, 3.4), event(2.0, 4.0, "man  speaking ", 0)),
            "bbbbbbbbbbb": video(event(1.0, 2.2, "train horning", 7), subset="Validation", duration=2.2),
            "ccccccccccc": video(subset="TEST", duration=3.1),
            "ddddddddddd": video(event(0.0, 6.7), subset="test", duration=6.7),
        },
    )


@pytest.mark.parametrize(
    ("start", "end", "duration", "marked"),
    [
        (1.0, 3.0, 5.0, [1, 2]),  # whole seconds stay as they are
        (0.6, 3.4, 5.0, [1, 2]),  # 0.4 of the first, 0.4 of the last
        (0.5, 3.5, 5.0, [0, 1, 2, 3]),  # exactly half counts, at both ends
        (0.4, 3.4, 5.0, [0, 1, 2]),
        (2.9, 4.1, 5.0, [3]),  # LLP's rule would mark three segments
        (2.7, 3.2, 5.0, [2]),  # no half anywhere: 0.3 of segment 2, 0.2 of segment 3
        (2.8, 3.2, 5.0, [2]),  # a tie goes to the earlier one
        (2.0, 2.01, 5.0, [2]),
        (4.0, 4.3, 4.3, [4]),  # the last segment has 0.3 s: all of it
        (3.0, 4.1, 4.3, [3]),  # 0.1 of its 0.3 s
        (0.0, 0.2, 0.3, [0]),  # a video shorter than a segment
    ],
)
def test_the_rounding_rule_by_hand(start, end, duration, marked):
    segments = event_segments(start, end, duration)
    assert np.flatnonzero(segments).tolist() == marked
    assert len(segments) == int(np.ceil(duration))


def test_rounded_events_are_as_long_as_real_ones_on_average():
    rng = np.random.default_rng(0)
    starts, lengths = rng.uniform(0, 10, 4000), rng.uniform(1, 9, 4000)
    marked = [event_segments(s, s + n, 20.0).sum() for s, n in zip(starts, lengths, strict=True)]
    assert np.mean(marked) == pytest.approx(lengths.mean(), rel=0.01)


def test_the_file_is_read_into_padded_grids(root):
    corpus = load_unav(root)
    assert corpus.name == "unav100" and corpus.categories == ("man speaking", "dog barking", "train horning")
    assert {name: split.videos for name, split in corpus.splits.items()} == {
        "train": ("aaaaaaaaaaa",),
        "val": ("bbbbbbbbbbb",),
        "test": ("ccccccccccc", "ddddddddddd"),
    }
    train, val, test = (corpus.splits[name] for name in ("train", "val", "test"))
    assert train.audio is None and train.visual is None and train.keys == train.videos
    assert {split.audio_visual.shape[1:] for split in (train, val, test)} == {(7, 3)}, "one T for all splits"
    assert [split.lengths.tolist() for split in (train, val, test)] == [[5], [3], [4, 7]]
    assert np.argwhere(train.audio_visual[0]).tolist() == [[1, 1], [2, 0], [2, 1], [3, 0]]
    assert np.argwhere(val.audio_visual[0]).tolist() == [[1, 2], [2, 2]], "the last segment is 0.2 s long"
    assert not test.audio_visual[0].any() and test.audio_visual[1, :, 1].all()
    assert train.video_labels.tolist() == [[True, True, False]]
    assert test.video_labels.tolist() == [[False] * 3, [False, True, False]]
    assert corpus.provenance["videos_without_events"] == {"train": 0, "val": 0, "test": 1}
    assert set(corpus.provenance["md5"]) == {ANNOTATION_FILE}
    assert load_corpus("unav100", root).categories == corpus.categories


def test_the_file_may_lie_in_the_folder_itself(root, tmp_path):
    (tmp_path / "annotations" / ANNOTATION_FILE).rename(tmp_path / ANNOTATION_FILE)
    (tmp_path / "annotations").rmdir()
    assert len(load_unav(tmp_path).splits["test"]) == 2


def test_longer_videos_are_cut_where_asked(root):
    corpus = load_unav(root, longest=2)
    assert [split.lengths.tolist() for split in corpus.splits.values()] == [[2], [2], [2, 2]]
    assert corpus.splits["train"].video_labels.tolist() == [[False, True, False]], "the speaker begins behind the cut"
    with pytest.raises(ValueError, match="longest must be at least one second, not 0"):
        load_unav(root, longest=0)


def test_duplicates_and_ends_beyond_the_video_are_counted(tmp_path):
    same = [event(1, 3), event(1.0009, 2.9995), event(1, 3, "cat", 4), event(1.002, 3)]
    beyond = [event(-0.4, 2), event(4.5, 5.9), event(5.2, 5.8), event(2, 2)]
    corpus = load_unav(written(tmp_path, {"a": video(*same), "b": video(*beyond)}))
    counted = {name: corpus.provenance[f"{name}_events"] for name in ("duplicate", "clipped", "empty")}
    assert counted == {"duplicate": 1, "clipped": 3, "empty": 2}, "5.2 to 5.8 s leaves nothing inside five seconds"
    assert np.flatnonzero(corpus.splits["train"].audio_visual[1, :, 0]).tolist() == [0, 1, 4]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            video({"label": "dog", "label_id": 1}),
            r"video a, event 0: segment must be \[start, end\] in seconds, not None",
        ),
        (video(event(1, "3")), r"segment must be \[start, end\] in seconds, not \[1, '3'\]"),
        (video(event(1, float("nan"))), "segment must be"),
        (video(event(0, 1), event(3, 2)), "video a, event 1: it ends at 2 s, before it starts at 3 s"),
        (video(event(3, 6.5)), "video a, event 0: 3 to 6.5 s is outside of the video, which lasts 5 s"),
        (video(event(-1.5, 2)), "outside of the video"),
        (video(event(0, 1), event(2, 3, label_id=4)), "label 'dog barking' has the id 4 here and 3 before"),
        (video(event(0, 1), event(2, 3, label="cat")), "the id 3 belongs to 'dog barking' and to 'cat'"),
        (video(event(0, 1, label_id="3")), "label_id must be an integer, not '3'"),
        (video(event(0, 1, label=" ")), "the label is empty"),
        (video("dog"), "must be an object with a label"),
        (
            video(event(0, 1), subset="testing"),
            "video a: unknown subset 'testing'; it is one of train, validation, test",
        ),
        (video(event(0, 1), duration=0), "duration must be a positive number of seconds, not 0"),
        (video(event(0, 1), duration=None), "duration must be a positive number"),
        ([], "video a: must be an object with a list of annotations"),
        ({"subset": "train", "duration": 3, "annotations": {}}, "a list of annotations"),
    ],
)
def test_bad_entries_are_named(tmp_path, entry, words):
    with pytest.raises(ValueError, match=words) as raised:
        load_unav(written(tmp_path, {"a": entry}))
    assert ANNOTATION_FILE in str(raised.value)


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no unav100_annotations\.json.*ttgeng233/UnAV.*data/README\.md"):
        load_unav(tmp_path)
    file = written(tmp_path, {}) / "annotations" / ANNOTATION_FILE
    with pytest.raises(ValueError, match='no videos under "database"'):
        load_unav(tmp_path)
    for text in ("[]", '{"taxonomy": []}'):
        file.write_text(text)
        with pytest.raises(ValueError, match='no videos under "database"'):
            load_unav(tmp_path)
    file.write_text('{"database": {')
    with pytest.raises(ValueError, match="is not valid JSON"):
        load_unav(tmp_path)
