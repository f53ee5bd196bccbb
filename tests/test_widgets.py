"""The annotation widget without a browser: what clicks and keys do, that every change is in the file, and the static figure."""

import base64
import io
import json
import os
import wave

import numpy as np
import pytest
from PIL import Image

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.pseudo_labels.annotation import annotate_with_truth, export_nulls, read_annotations, save_rows
from avvp_lib.widgets import AnnotationSession, AnnotationWidget
from avvp_lib.widgets.annotation import FPS
from avvp_lib.widgets.annotation import KEYS as KEYBOARD
from tests.annotation_files import CAR, DOG, KEYS, NULL_KEYS, SPEECH, corpus_at, guessed, truth, write_corpus

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "nulls.csv"
    export_nulls(path, guessed(), LLP_CATEGORIES)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("clips")).root


def start(file):
    return AnnotationSession(file, LLP_CATEGORIES, KEYS)


def stored(file):
    return read_annotations(file, LLP_CATEGORIES, KEYS)


def test_a_new_file_begins_at_its_first_video_with_all_seconds_marked(file):
    session = start(file)
    assert (session.key, session.answer, session.selected.all()) == (NULL_KEYS[0], "todo", True)
    assert session.progress() == {"todo": 3, "done": 0, "unlabelable": 0}
    assert json.loads(json.dumps(session.view()))["videos"] == 3


def test_a_category_goes_to_the_marked_seconds_and_into_the_file(file):
    session = start(file)
    session.select(2)
    session.select(4, extend=True)
    session.toggle(DOG)
    assert stored(file).visual[0, :, DOG].tolist() == [False] * 2 + [True] * 3 + [False] * 5
    assert session.answer == "done" and stored(file).todo == NULL_KEYS[1:]
    session.select(4)
    session.select(6, extend=True)
    session.toggle(DOG)  # one of three has it: all get it
    assert stored(file).visual[0, :, DOG].tolist() == [False] * 2 + [True] * 5 + [False] * 3
    session.toggle(DOG)  # all have it: all lose it
    assert stored(file).visual[0, :, DOG].tolist() == [False] * 2 + [True] * 2 + [False] * 6
    session.select_all()
    session.toggle(DOG)
    session.toggle(DOG)
    assert not stored(file).visual.any() and session.answer == "todo"


def test_marking_a_whole_video(file):
    session = start(file)
    session.toggle(DOG)
    session.mark("unlabelable")
    assert stored(file).unlabelable == (NULL_KEYS[0],) and not stored(file).visual.any()
    session.mark("unlabelable")
    assert session.answer == "todo" and stored(file).unlabelable == ()
    session.mark("done")
    assert session.answer == "done" and not stored(file).visual.any()
    session.toggle(CAR)
    assert stored(file).visual[0, :, CAR].all()
    session.mark("done")  # "nothing to see" takes the labels away, it is not said again
    assert session.answer == "done" and not stored(file).visual.any()


def test_undo_gives_back_what_a_wrong_key_took(file):
    session = start(file)
    session.toggle(DOG)
    session.go(1)
    session.mark("unlabelable")
    session.go(1)
    session.undo()
    assert session.key == NULL_KEYS[1] and session.answer == "todo"
    session.undo()
    assert session.key == NULL_KEYS[0] and session.answer == "todo" and not stored(file).visual.any()
    session.undo()
    assert not session.view()["can_undo"]


def test_moving_and_the_next_to_do(file):
    session = start(file)
    session.go(-1)
    assert session.position == 0
    session.go(9)
    assert session.position == 2
    session.mark("done")
    session.next_todo()
    assert session.position == 0
    session.mark("done")
    session.next_todo()
    session.mark("done")
    session.next_todo()
    assert session.position == 1  # there is none: stay


def test_work_goes_on_where_it_stopped(file):
    session = start(file)
    session.go(1)
    session.select(3)
    session.toggle(CAR)
    again = start(file)
    assert again.key == NULL_KEYS[1] and np.argwhere(again.visual[1]).tolist() == [[3, CAR]]


def test_by_segment_only_null_segments_can_be_marked(tmp_path):
    export_nulls(tmp_path / "n.csv", guessed(), LLP_CATEGORIES, "segment")
    session = start(tmp_path / "n.csv")
    session.go(1)
    assert session.key == KEYS[1] and session.selected.tolist() == [True] * 3 + [False] * 7
    session.select(5)
    assert session.selected.tolist() == [True] * 3 + [False] * 7
    session.select(2)
    session.select(9, extend=True)
    session.toggle(DOG)
    assert np.argwhere(stored(tmp_path / "n.csv").visual).tolist() == [[1, 2, DOG]]


def test_what_somebody_else_has_written_meanwhile_is_kept(file):
    session = start(file)
    save_rows(file, annotate_with_truth(stored(file), KEYS, truth()))
    session.toggle(SPEECH)
    found = stored(file)
    assert found.visual[0, :, SPEECH].all() and not found.visual[0, :, DOG].any()
    assert found.unlabelable == ("clip-000002",) and found.visual[2, 9, SPEECH]
    assert session.problem == ""


def test_a_file_that_somebody_broke_is_left_and_nothing_is_lost(file):
    session = start(file)
    file.write_text(file.read_text() + "half a li")
    broken = file.read_text()
    session.toggle(DOG)
    assert "not saved" in session.problem and "line 32" in session.problem and file.read_text() == broken
    session.go(1)
    file.write_text(broken.removesuffix("half a li"))
    session.toggle(CAR)
    assert session.problem == ""
    assert stored(file).visual[0, :, DOG].all() and stored(file).visual[1, :, CAR].all()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(file):
    session = start(file)
    file.parent.chmod(0o500)
    session.toggle(DOG)
    file.parent.chmod(0o700)
    assert "not saved" in session.problem


def test_a_deleted_file_is_written_again(file):
    session = start(file)
    file.unlink()
    session.toggle(DOG)
    assert stored(file).visual[0, :, DOG].all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.select(10), "segment 10 is not one of 0 to 9"),
        (lambda s: s.toggle(25), "category 25 is not one of 0 to 24"),
        (lambda s: s.mark("todo"), "done or unlabelable"),
    ],
)
def test_what_cannot_be_done(file, call, message):
    with pytest.raises(ValueError, match=message):
        call(start(file))


def test_the_widget_sends_pictures_sound_and_the_video_label(file, clips):
    widget = AnnotationWidget(corpus_at(clips), file)
    assert len(widget.frames) == 10 * FPS
    picture = np.asarray(Image.open(io.BytesIO(widget.frames[0])))
    assert picture.shape == (96, 128, 3) and abs(int(picture[48, 8, 0]) - 200) < 25
    with wave.open(io.BytesIO(widget.sound)) as sound:
        assert sound.getnframes() == 10 * sound.getframerate()
    assert np.flatnonzero(widget.view["in_video_label"]).tolist() == sorted((DOG, CAR))
    first = widget.frames
    widget.act("toggle", category=DOG)
    assert widget.frames is first and stored(file).visual[0, :, DOG].all()  # the clip is not sent again
    widget.act("go", step=1)
    assert widget.frames is not first and widget.view["video"] == NULL_KEYS[1]
    with pytest.raises(ValueError, match="unknown action 'delete'"):
        widget.act("delete")


def test_messages_of_the_browser_arrive(file, clips):
    widget = AnnotationWidget(corpus_at(clips), file)
    widget._handle_custom_msg({"do": "select", "segment": 3, "extend": False}, [])
    widget._handle_custom_msg({"do": "toggle", "category": CAR}, [])
    assert np.argwhere(stored(file).visual).tolist() == [[0, 3, CAR]]


def test_a_clip_that_is_not_there_can_still_be_labelled(file, clips):
    widget = AnnotationWidget(corpus_at(clips), file)
    widget.act("go", step=2)
    assert widget.frames == [] and "no such file" in widget.view["note"]
    widget.act("toggle", category=SPEECH)
    assert stored(file).visual[2, :, SPEECH].all()
    assert widget.figure() is not None


def test_no_null_label_at_all(tmp_path, clips):
    labels = guessed()
    labels.visual[:] = 1
    export_nulls(tmp_path / "none.csv", labels, LLP_CATEGORIES)
    widget = AnnotationWidget(corpus_at(clips), tmp_path / "none.csv")
    for do, value in (("toggle", {"category": 0}), ("mark", {"status": "done"}), ("go", {"step": 1}), ("next_todo", {}),
                      ("select_all", {}), ("undo", {}), ("select", {"segment": 3})):  # fmt: skip
        widget.act(do, **value)
    assert widget.view["videos"] == 0 and "nothing to annotate" in widget.view["note"]
    assert widget.figure() is not None


def test_exported_it_is_a_picture_and_a_line_of_text(file, clips):
    widget = AnnotationWidget(corpus_at(clips), file)
    widget.act("toggle", category=DOG)
    data, _ = widget._repr_mimebundle_()
    assert WIDGET_MIME in data
    assert data["text/plain"] == "AnnotationWidget(nulls.csv: 2 todo, 1 done, 0 unlabelable)"
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width > 500


def test_every_category_of_llp_has_a_key_of_its_own():
    assert len(set(KEYBOARD)) == len(KEYBOARD) >= len(LLP_CATEGORIES)
    assert not set(KEYBOARD) & set("nvxz,. ")


def test_an_unknown_split(file, clips):
    with pytest.raises(ValueError, match="has no split 'test'"):
        AnnotationWidget(corpus_at(clips), file, "test")
