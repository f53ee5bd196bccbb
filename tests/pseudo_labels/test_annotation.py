"""Null labels: which they are, the CSV file that people edit, every way in which it can be wrong, and what the answers change."""

import json
from dataclasses import replace

import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.pseudo_labels import PseudoLabels
from avvp_lib.pseudo_labels.annotation import (
    Annotations,
    annotate_with_truth,
    apply_annotations,
    export_nulls,
    null_counts,
    null_labels,
    read_annotations,
    write_annotations,
)
from tests.annotation_files import CAR, CATEGORIES, DOG, KEYS, NULL_KEYS, SEGMENTS, SPEECH, guessed, truth


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "nulls.csv"
    export_nulls(path, guessed(), LLP_CATEGORIES)
    return path


def read(path):
    return read_annotations(path, LLP_CATEGORIES, KEYS)


def edit(path, old, new, count=1):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, count))


def refused(path, *words):
    before = path.read_bytes()
    with pytest.raises(ValueError) as error:
        read(path)
    for word in words:
        assert word in str(error.value), str(error.value)
    assert path.read_bytes() == before
    return str(error.value)


def test_null_labels_of_videos_and_of_segments():
    by_video, by_segment = (null_labels(guessed(), unit) for unit in ("video", "segment"))
    assert by_video.tolist() == [[True] * 10, [False] * 10, [True] * 10, [True] * 10]
    assert by_segment[1].tolist() == [True] * 3 + [False] * 7
    assert np.array_equal(by_segment[[0, 2, 3]], by_video[[0, 2, 3]])
    with pytest.raises(ValueError, match="unit 'clip'"):
        null_labels(guessed(), "clip")


def test_a_soft_label_counts_above_a_half():
    soft = replace(guessed(), visual=np.full_like(guessed().visual, 0.5))
    assert null_labels(soft).all()
    soft.visual[2, 4, DOG] = 0.51
    assert null_labels(soft).all(1).tolist() == [True, True, False, True]


def test_null_counts_by_hand():
    table = null_counts(guessed(), truth())
    assert table.loc["videos"].tolist() == [4, 3, 1, pytest.approx(100 / 3)]
    # null segments: 10 + 3 + 10 + 10; with nothing to see in them: seconds 5-9 | 0, 1 | all | 0-8
    assert table.loc["segments"].tolist() == [40, 33, 26, pytest.approx(100 * 26 / 33)]


def test_what_is_exported(file):
    lines = file.read_text().splitlines()
    assert lines[0] == "video,segment,labels,status"
    assert lines[1] == "-clip-00000,0,,todo" and len(lines) == 31
    found = read(file)
    assert found.keys == NULL_KEYS == found.todo and found.unlabelable == ()
    assert not found.visual.any() and (found.status == 0).all()
    assert json.loads(file.with_suffix(".json").read_text())["categories"] == list(LLP_CATEGORIES)


def test_by_segment_only_null_segments_are_asked_about(tmp_path):
    export_nulls(tmp_path / "nulls.csv", guessed(), LLP_CATEGORIES, "segment")
    found = read(tmp_path / "nulls.csv")
    assert found.keys == KEYS and found.status[1].tolist() == [0, 0, 0] + [-1] * 7
    edit(tmp_path / "nulls.csv", "clip-000001,2,,todo", "clip-000001,3,Dog,done")
    refused(tmp_path / "nulls.csv", "line 14", "clip-000001, segment 3 is no null label")


def test_answers_come_back(file):
    edit(file, "-clip-00000,0,,todo", "-clip-00000,0,Dog | Car,done")
    edit(file, "-clip-00000,1,,todo", "-clip-00000,1,,Done")
    edit(file, "clip-000002,0,,todo", "clip-000002,0,,unlabelable")
    found = read(file)
    assert np.argwhere(found.visual).tolist() == [[0, 0, CAR], [0, 0, DOG]]
    assert found.status[0, :3].tolist() == [1, 1, 0] and found.unlabelable == ("clip-000002",)
    assert found.counts() == {
        "videos": 3, "videos todo": 3, "videos unlabelable": 1, "videos labelled": 1, "segments labelled": 1,
    }  # fmt: skip


def test_writing_and_reading_is_the_identity(tmp_path):
    answers = annotate_with_truth(export_nulls(tmp_path / "a.csv", guessed(), LLP_CATEGORIES), KEYS, truth())
    write_annotations(tmp_path / "b.csv", answers)
    again = read(tmp_path / "b.csv")
    assert again.keys == answers.keys and again.digest() == answers.digest()
    assert np.array_equal(again.visual, answers.visual) and np.array_equal(again.status, answers.status)


def test_what_a_spreadsheet_makes_of_it_means_the_same(file):
    edit(file, "-clip-00000,0,,todo", "-clip-00000,0,Dog|Car,done")
    want = read(file)
    header, *rows = file.read_text().splitlines()
    lines = [header, "", *reversed(rows), ",,,"]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(line.replace(",", ";") for line in lines).encode())
    found = read(file)
    assert np.array_equal(found.visual, want.visual) and found.digest() == want.digest()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("-clip-00000,1,,todo", "-clip-00000,1,Dogg,done", ("line 3", "'Dogg', did you mean 'Dog'?")),
        ("-clip-00000,1,,todo", "-clip-00000,1,frying (food),done", ("line 3", "did you mean 'Frying_(food)'?")),
        ("-clip-00000,1,,todo", '-clip-00000,1,"Dog, Car",done', ("line 3", "joined by '|'")),
        ("-clip-00000,1,,todo", "#NAME?,1,,todo", ("line 3", "taken an id that begins with '-' for a formula")),
        ("-clip-00000,1,,todo", "clip-00002,1,,todo", ("line 3", "did you mean 'clip-000002'?")),
        ("-clip-00000,1,,todo", "clip-000001,1,,todo", ("line 3", "unknown video 'clip-000001'")),
        ("-clip-00000,1,,todo", "-clip-00000,10,,todo", ("line 3", "segment '10'", "0 to 9")),
        ("-clip-00000,1,,todo", "-clip-00000,-1,,todo", ("line 3", "segment '-1'")),
        ("-clip-00000,1,,todo", "-clip-00000,0,,todo", ("line 3", "occurs twice, first in line 2")),
        ("-clip-00000,1,,todo", "-clip-00000,1,,doen", ("line 3", "'doen', did you mean 'done'?")),
        ("-clip-00000,1,,todo", "-clip-00000,1,Dog,todo", ("line 3", "has labels and is 'todo'")),
        ("-clip-00000,1,,todo", "-clip-00000,1,Dog,unlabelable", ("line 3", "has labels")),
        ("-clip-00000,1,,todo", "-clip-00000,1,done", ("line 3", "3 fields instead of 4")),
        ("labels,status", "labels,status,notes", ("first line", "notes", "would be lost")),
        ("clip-000003,9,,todo\n", 'clip-000003,9,"Dog', ("line 31", "breaks off in the middle", "all lines before it are kept")),
        ("clip-000003,9,,todo\n", "clip-000003,9,,to", ("line 31", "breaks off")),
        ("clip-000003,9,,todo\n", "clip-0", ("line 31", "breaks off")),
        ("clip-000003,8,,todo\nclip-000003,9,,todo\n", "", ("lacks 2 of 30 rows", "clip-000003 segment 8", "export_nulls")),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(file, old, new, words):
    edit(file, old, new)
    refused(file, *words)


def test_many_wrong_rows_are_counted_and_a_whole_last_line_is_not_called_cut(file):
    edit(file, "todo", "tod", count=-1)
    message = refused(file, "line 2", "line 4", "and 27 more lines")
    assert "breaks off" not in message


def test_a_whole_last_line_needs_no_line_break(file):
    file.write_text(file.read_text().rstrip("\n"))
    assert read(file).keys == NULL_KEYS


def test_other_files(file, tmp_path):
    with pytest.raises(FileNotFoundError, match="export_nulls writes"):
        read(tmp_path / "absent.csv")
    with pytest.raises(ValueError, match=r"annotations are a \.csv"):
        read(tmp_path / "nulls.xlsx")
    file.write_bytes(b"video,segment,labels,status\n\xff\xfe,0,,todo\n")
    refused(file, "not text in UTF-8")
    file.write_bytes(b"")
    refused(file, "first line must name the columns")


def test_another_class_list_or_split_is_noticed(file):
    with pytest.raises(ValueError, match=r"another class list \(25 categories, here 24; it has Clapping\)"):
        read_annotations(file, LLP_CATEGORIES[:-1], KEYS)
    with pytest.raises(ValueError, match="the order differs"):
        read_annotations(file, LLP_CATEGORIES[::-1], KEYS)
    with pytest.raises(ValueError, match="1 of 3 videos that are not among these 3, clip-000003 first"):
        read_annotations(file, LLP_CATEGORIES, KEYS[:3])
    file.with_suffix(".json").write_text('{"format": "other"}')
    refused(file, "nulls.json is not the card")
    file.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no card nulls\.json"):
        read(file)


def test_exporting_again_keeps_answers_and_adds_lost_rows(file):
    edit(file, "-clip-00000,0,,todo", "-clip-00000,0,Dog,done")
    edit(file, "clip-000003,9,,todo\n", "")
    found = export_nulls(file, guessed(), LLP_CATEGORIES)
    assert found.visual[0, 0, DOG] and found.status[2, 9] == 0
    assert read(file).digest() == found.digest()


def test_exporting_other_questions_writes_over_nothing(file):
    edit(file, "-clip-00000,0,,todo", "-clip-00000,0,Dog,done")
    before = file.read_bytes(), file.with_suffix(".json").read_bytes()
    other = guessed()
    other.visual[0, 0, DOG] = 1
    for labels, unit in ((other, "video"), (guessed(), "segment")):
        with pytest.raises(ValueError, match="holds annotations of other labels"):
            export_nulls(file, labels, LLP_CATEGORIES, unit)
    assert before == (file.read_bytes(), file.with_suffix(".json").read_bytes())


def test_all_null_and_no_null(tmp_path):
    zeros = replace(guessed(), visual=np.zeros_like(guessed().visual))
    with pytest.raises(ValueError, match="none of the 4 videos has a visual label"):
        export_nulls(tmp_path / "all.csv", zeros, LLP_CATEGORIES)
    assert not list(tmp_path.iterdir())
    ones = replace(guessed(), visual=np.ones_like(guessed().visual))
    assert export_nulls(tmp_path / "none.csv", ones, LLP_CATEGORIES).keys == ()
    found = read(tmp_path / "none.csv")
    assert found.visual.shape == (0, SEGMENTS, CATEGORIES) and apply_annotations(ones, found).visual.all()
    with pytest.raises(ValueError, match="3 category names for labels of 25"):
        export_nulls(tmp_path / "few.csv", guessed(), LLP_CATEGORIES[:3])


def test_only_segments_that_are_done_change(file):
    edit(file, "-clip-00000,0,,todo", "-clip-00000,0,Dog|Car,done")
    edit(file, "clip-000003,9,,todo", "clip-000003,9,Speech,done")
    before = guessed()
    after = apply_annotations(before, read(file))
    changed = np.argwhere(after.visual != before.visual).tolist()
    assert changed == [[0, 0, CAR], [0, 0, DOG], [3, 9, SPEECH]]
    assert after.audio is before.audio and not before.visual[0].any()
    record = after.provenance["annotations"]
    assert after.provenance["method"] == "by hand" and record["sha256"] == read(file).digest()
    assert record["segments labelled"] == 2 and json.dumps(record)


def test_done_replaces_what_was_there(tmp_path):
    """By segment too, an answer is the whole label of its segment."""
    export_nulls(tmp_path / "nulls.csv", guessed(), LLP_CATEGORIES, "segment")
    edit(tmp_path / "nulls.csv", "clip-000001,2,,todo", "clip-000001,2,Dog,done")
    after = apply_annotations(guessed(), read(tmp_path / "nulls.csv"))
    assert after.visual[1, :, DOG].tolist() == [0, 0] + [1] * 8


def test_annotations_that_do_not_fit_labels(file):
    found = read(file)
    with pytest.raises(ValueError, match="do not fit labels of"):
        narrow = guessed()
        apply_annotations(PseudoLabels(KEYS, narrow.audio[..., :3], narrow.visual[..., :3], {}), found)
    with pytest.raises(ValueError, match="1 annotated videos have no pseudo-labels, clip-000003"):
        apply_annotations(PseudoLabels(KEYS[:3], guessed().audio[:3], guessed().visual[:3], {}), found)


def test_the_simulated_annotator_follows_mug(file):
    answers = annotate_with_truth(read(file), KEYS, truth())
    assert answers.unlabelable == ("clip-000002",) and answers.todo == ()
    assert (answers.status[[0, 2]] == 1).all()
    after = apply_annotations(guessed(), answers).visual > 0.5
    assert np.array_equal(after[[0, 2, 3]], truth()[[0, 2, 3]])
    assert np.array_equal(after[1], guessed().visual[1] > 0.5)
    with pytest.raises(ValueError, match="true_visual must be bool"):
        annotate_with_truth(answers, KEYS, truth()[:3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visual": np.zeros((3, 10, 25))}, "must be bool"),
        ({"status": np.zeros((3, 9), np.int8)}, "do not fit each other"),
        ({"keys": ("a", "a", "b")}, "occurs twice"),
        ({"status": np.full((3, 10), 3, np.int8)}, "indices of todo"),
        ({"visual": np.ones((3, 10, 25), bool)}, "is not done"),
    ],
)
def test_annotations_that_cannot_be(change, message):
    good = {"keys": NULL_KEYS, "categories": LLP_CATEGORIES,
            "visual": np.zeros((3, 10, 25), bool), "status": np.zeros((3, 10), np.int8)}  # fmt: skip
    with pytest.raises(ValueError, match=message):
        Annotations(**good | change)
