import numpy as np
import pandas as pd
import pytest

from avvp_lib.figures import class_frequencies, learning_curves, precision_and_recall, results_dots
from avvp_lib.metrics import per_class_scores


def test_categories_are_ordered_by_the_first_series():
    counts = {"audio": np.array([1, 5, 3]), "visual": np.array([9, 0, 2])}
    (axes,) = class_frequencies(counts, ["Dog", "Baby_laughter", "Car"], ylabel="videos").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Baby laughter", "Car", "Dog"]
    assert [bar.get_height() for bar in axes.patches] == [5, 3, 1, 0, 2, 9]


def test_precision_and_recall_are_those_of_the_counts():
    true_audio, pred_audio, true_visual, pred_visual = np.zeros((4, 1, 10, 2), bool)
    true_audio[0, 0:4, 0] = pred_audio[0, 2:5, 0] = True  # 2 right of 3 predicted and 4 true
    true_visual[0, 0:5, 1] = pred_visual[0, 0:5, 1] = True
    table = per_class_scores(pred_audio, pred_visual, true_audio, true_visual, ["Dog", "Cat"])
    audio, visual = precision_and_recall(table).axes
    _, precision, recall = audio.collections
    assert precision.get_offsets().tolist()[0] == pytest.approx([100 * 2 / 3, 0])
    assert recall.get_offsets().tolist()[0] == pytest.approx([50, 0])
    assert np.ma.getmaskarray(recall.get_offsets())[1, 0] or np.isnan(recall.get_offsets()[1, 0])  # no such sound
    assert visual.collections[1].get_offsets().tolist()[1] == pytest.approx([100, 1])


def test_the_kept_epoch_is_ringed():
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "segment/A": [10, 20, 30], "segment/V": [5, 6, 7]}
    ).assign(**{"segment/Type": [10.0, 30.0, 20.0]})
    figure = learning_curves({"HAN": history, "VALOR": history.assign(loss=[4.0, 3.0, 2.0])})
    loss, _, visual, type_av = figure.axes
    assert [ring.get_offsets().tolist() for ring in loss.collections] == [[[2, 2]], [[2, 3]]]
    assert visual.collections[0].get_offsets().tolist() == [[2, 6]]
    assert type_av.lines[0].get_ydata().tolist() == [10, 30, 20]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["HAN", "VALOR"]


def test_results_tell_trained_from_untrained_and_draw_their_intervals():
    table = pd.DataFrame(
        {
            "seeds": [0, 5],
            "segment/A": [1.0, 60.0],
            "segment/V": [2.0, 50.0],
            "segment/Type": [1.5, 55.0],
            "Type interval": ["1.0 ... 2.0", "53.5 ... 56.5"],
        },
        index=["nothing", "HAN"],
    )
    (axes,) = results_dots(table).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nothing", "HAN"]
    _, _, trained_line, trained, free_line, free = axes.collections
    assert trained.get_offsets().tolist() == [[55, 1]] and free.get_offsets().tolist() == [[1.5, 0]]
    assert trained_line.get_segments()[0].tolist() == [[53.5, 1], [56.5, 1]]
    assert free_line.get_segments()[0].tolist() == [[1, 0], [2, 0]]
    assert trained.get_facecolor()[0][:3].tolist() == [0, 0, 0] and free.get_facecolor()[0][:3].tolist() == [1, 1, 1]
