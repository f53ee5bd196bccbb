"""The explorer without a browser: what it shows follows from the choice, the scores are the library's, and it has a static figure."""

import base64
import io
import json
import wave
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from PIL import Image

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.metrics import per_video_scores
from avvp_lib.pseudo_labels.annotation import export_nulls
from avvp_lib.widgets import AnnotationWidget, ExplorerSession, ExplorerWidget
from avvp_lib.widgets.browser import FPS
from tests.annotation_files import KEYS, corpus_at, guessed, write_corpus
from tests.explorer_files import GAIN, labelled_corpus, outputs

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("clips")).root


def session(**options) -> ExplorerSession:
    return ExplorerSession(labelled_corpus(None).splits["test"], LLP_CATEGORIES, outputs(), **options)


def lane(made: ExplorerSession, category: str, modality: str, source: str) -> dict:
    (found,) = [
        x for x in made.view()["lanes"] if (x["category"], x["modality"], x["source"]) == (category, modality, source)
    ]
    return found


def test_a_lane_says_what_is_right_wrong_missed_and_held_back():
    made = session()
    dog = lane(made, "Dog", "audio", "HAN")
    assert dog["states"] == [""] * 2 + ["missed"] + ["right"] * 3 + ["false alarm"] + [""] * 3
    assert dog["claimed"] == [3 <= t < 7 for t in range(10)] and not any(dog["held"])
    assert dog["probability"][3] == 0.9 and lane(made, "Dog", "audio", "truth")["probability"] is None
    assert {x["category"] for x in made.view()["lanes"]} == {"Dog", "Car"}  # as bars, nobody claims speech
    made.colour(True)
    speech = lane(made, "Speech", "audio", "HAN")
    assert speech["states"] == [""] * 10 and speech["held"] == [t >= 8 for t in range(10)]
    assert json.loads(json.dumps(made.view())) == made.view()


def test_scores_are_those_of_the_library_at_every_threshold():
    made = session()
    split = made.split
    for threshold in (0.3, 0.5, 0.7, 0.95):
        made.decide(threshold)
        for found in made.scores():
            grids = [np.zeros((4, 10, 25), bool) for _ in "av"]
            prob, video = outputs()[found["model"]].segment_prob.numpy(), outputs()[found["model"]].video_prob.numpy()
            for m, grid in enumerate(grids):
                grid[:] = (prob[:, :, m] >= threshold) & (video[:, None] >= threshold)
            wanted = per_video_scores(*grids, split.audio, split.visual)
            assert found["video"]["segment"] == [wanted[f"segment/{n}"][0] for n in ("A", "V", "AV", "Type", "Event")]
            assert found["video"]["event"][0] == wanted["event/A"][0]
            assert found["all"] == pytest.approx(wanted["segment/Type"].mean())
    made.decide(0.5)
    assert [row["video"]["segment"][0] for row in made.scores()] == [75.0, 100.0]  # by hand: 3 of 4 heard, 4 claimed


def test_the_threshold_moves_what_is_claimed_and_which_categories_have_lanes():
    made = session()
    made.colour(True)
    assert {x["category"] for x in made.view()["lanes"]} == {"Dog", "Car", "Speech"}
    made.decide(0.7)
    assert not any(lane(made, "Dog", "audio", "VALOR")["claimed"])
    made.decide(0.85)
    assert {x["category"] for x in made.view()["lanes"]} == {"Dog", "Car"}
    for wrong in (0, 1, -0.5):
        with pytest.raises(ValueError, match="between 0 and 1"):
            made.decide(wrong)


def test_without_a_gate_nothing_is_held_back():
    made = session(gates=("none", "none"))
    speech = lane(made, "Speech", "audio", "HAN")
    assert speech["states"] == [""] * 8 + ["false alarm"] * 2 and not any(speech["held"])


def test_models_are_hidden_and_the_last_one_stays():
    made = session(gates=("none", "none"))
    made.show("HAN", False)
    assert {x["source"] for x in made.view()["lanes"]} == {"truth", "VALOR"} and len(made.scores()) == 1
    assert "Speech" in {x["category"] for x in made.view()["lanes"]}  # lanes do not jump when a model is hidden
    made.show("VALOR", False)
    assert made.shown == ["VALOR"]
    made.show("HAN", True)
    assert made.shown == ["HAN", "VALOR"]
    with pytest.raises(ValueError, match="unknown model 'MUG'"):
        made.show("MUG", True)


def test_videos_in_another_order_and_equal_ones_by_row():
    made = session(rankings={"gain": GAIN})
    made.sort("gain")
    assert [choice["row"] for choice in made.choices()] == [2, 0, 3, 1] and made.row == 2
    assert made.choices()[0]["number"] == 40.0
    made.go(1)
    assert made.key == KEYS[0]
    made.go(99)
    assert made.row == 1
    made.choose(3)
    assert (made.row, made.position) == (3, 2)
    made.sort("order of the split")
    assert [choice["row"] for choice in made.choices()] == [0, 1, 2, 3] and made.choices()[0]["number"] is None
    with pytest.raises(ValueError, match="row 4 is not one of 0 to 3"):
        made.choose(4)
    with pytest.raises(ValueError, match="unknown order 'loss'"):
        made.sort("loss")


def test_without_truth_there_are_lanes_and_no_scores():
    split = replace(labelled_corpus(None).splits["test"], audio=None, visual=None)
    made = ExplorerSession(split, LLP_CATEGORIES, outputs())
    assert made.scores() == [] and {x["source"] for x in made.view()["lanes"]} == {"HAN", "VALOR"}
    assert lane(made, "Dog", "audio", "HAN")["states"][3] == "right"


def test_what_does_not_fit_is_refused():
    split = labelled_corpus(None).splits["test"]
    good = outputs()
    short = replace(good["HAN"], segment_prob=good["HAN"].segment_prob[:3])
    for call, message in (
        (lambda: ExplorerSession(split, LLP_CATEGORIES, {}), "needs a model's output"),
        (lambda: ExplorerSession(split, LLP_CATEGORIES, good | {"HAN": short}), r"'HAN' has segments of shape \(3, 10"),
        (lambda: session(rankings={"gain": GAIN[:2]}), "ranking 'gain' must be 4 finite numbers"),
        (lambda: session(rankings={"gain": GAIN * np.nan}), "ranking 'gain' must be 4 finite numbers"),
        (lambda: ExplorerWidget(labelled_corpus(None), good, "val"), "has no split 'val'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_widget_sends_a_clip_once_and_little_else(clips):
    widget = ExplorerWidget(labelled_corpus(clips), outputs(), rankings={"gain": GAIN})
    assert len(widget.frames) == 10 * FPS
    with wave.open(io.BytesIO(widget.sound)) as sound:
        assert sound.getnframes() == 10 * sound.getframerate()
    assert Image.open(io.BytesIO(widget.spectrogram)).height == 64
    assert sum(map(len, widget.frames)) + len(widget.sound) + len(widget.spectrogram) < 1_000_000
    frames = widget.frames
    widget._handle_custom_msg({"do": "decide", "threshold": 0.7}, [])
    widget._handle_custom_msg({"do": "colour", "heat": True}, [])
    assert widget.frames is frames and widget.view["threshold"] == 0.7 and widget.view["heat"]
    assert len(json.dumps(widget.view)) < 10_000
    widget.act("go", step=1)
    assert widget.frames is not frames and widget.view["video"] == f"{KEYS[1]}_0_10"
    widget.act("sort", ranking="gain")
    assert widget.choices[0]["row"] == 2 and widget.view["row"] == 2
    with pytest.raises(ValueError, match="unknown action 'delete'"):
        widget.act("delete")


def test_a_clip_that_is_not_there_leaves_lanes_and_scores(clips):
    widget = ExplorerWidget(labelled_corpus(clips), outputs())
    widget.act("choose", row=3)
    assert widget.frames == [] and widget.sound == b"" and "no such file" in widget.view["note"]
    assert widget.view["lanes"] and widget.view["scores"]
    assert len(widget.figure().axes) == 1


def test_its_figure_is_the_timeline_at_this_threshold(clips):
    widget = ExplorerWidget(labelled_corpus(clips), outputs())
    widget.act("show", model="VALOR", on=False)
    figure = widget.figure()
    assert figure.axes[0].get_title() == f"{KEYS[0]}_0_10, threshold 0.5; segment-level Type@AV: HAN 25.0"
    labels = [text.get_text() for text in figure.axes[3].get_yticklabels()]
    assert labels[:4] == ["audio, truth", "audio, HAN", "visual, truth", "visual, HAN"]
    widget.act("colour", heat=True)
    assert "threshold" in widget.figure().axes[-1].get_xlabel()


def explorer(clips, folder):
    return ExplorerWidget(labelled_corpus(clips), outputs())


def annotator(clips, folder):
    export_nulls(folder / "nulls.csv", guessed(), LLP_CATEGORIES)
    return AnnotationWidget(corpus_at(clips), folder / "nulls.csv")


@pytest.mark.parametrize("make", [explorer, annotator])
def test_exported_without_its_state_a_widget_is_its_figure(make, clips, tmp_path):
    data, _ = make(clips, tmp_path)._repr_mimebundle_()
    assert WIDGET_MIME in data and data["text/plain"].startswith(("ExplorerWidget(", "AnnotationWidget("))
    assert Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width > 500
    output = nbformat.v4.new_output("display_data", data=data)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("widget", outputs=[output])])
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert html.count(data["image/png"][:200]) == 1
    assert data[WIDGET_MIME]["model_id"] not in html
