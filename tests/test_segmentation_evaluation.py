"""Scores of segmentation from batches: equal to the metrics on everything at once, whatever the batch, grid or padding."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from avvp_lib.metrics import illusion_rate, segmentation_scores, semantic_scores
from avvp_lib.segmentation_clips import EncoderCache
from avvp_lib.segmentation_evaluation import (
    evaluate_segmentation,
    on_grid,
    predict_segmentation,
    predicted_batches,
    score_batches,
)
from tests.small_segmentation import SIDE, make_clips, make_model


def batches(logits: torch.Tensor, clips, size: int = 2):
    return [(logits[rows], clips.take(rows)) for rows in torch.arange(len(clips)).split(size)]


def random_logits(clips, classes: int = 1) -> torch.Tensor:
    return torch.randn(len(clips), clips.frames, classes, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_binary_scores_are_those_of_all_frames_at_once(size):
    clips = make_clips(5, frames=2)
    logits = random_logits(clips)
    found = score_batches(batches(logits, clips, size), frames_per_group=4)
    expected = segmentation_scores(logits.flatten(0, 2), clips.masks.flatten(0, 1), frames_per_group=4)
    expected |= illusion_rate(logits[:, :, 0], clips.objects.int(), clips.sounding)
    assert found.scores == pytest.approx(expected)
    assert found.per_clip["M_J"].mean() == pytest.approx(expected["M_J/frames"])
    assert found.per_clip["illusion"].shape == (5,)


def test_the_truth_scores_a_hundred_and_an_eye_without_an_ear_segments_every_silent_object():
    clips = make_clips(4)
    perfect = score_batches(batches(clips.masks[:, :, None].float() * 2 - 1, clips)).scores
    assert perfect["M_J"] == 100 and perfect["M_F"] == pytest.approx(100) and perfect["illusion"] == 0
    everything = score_batches(batches((clips.objects > 0)[:, :, None].float() * 2 - 1, clips)).scores
    assert everything["M_J"] == pytest.approx(50) and everything["illusion"] == 100  # two squares of one size
    assert everything["sounding recall"] == 100


def test_frames_without_a_label_do_not_count():
    clips = make_clips(3, frames=3, labelled=1)
    logits = random_logits(clips)
    scores = score_batches(batches(logits, clips), frames_per_group=3).scores
    expected = segmentation_scores(logits[:, 0, 0], clips.masks[:, 0], frames_per_group=3)
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_semantic_scores():
    clips = make_clips(4, frames=2)
    clips.present[0, 1], clips.labelled[0, 1], clips.labelled[1, 1] = False, False, False
    logits = random_logits(clips, 3)
    flags = {name: getattr(clips, name).flatten() for name in ("labelled", "present")}
    expected = semantic_scores(logits.argmax(2).flatten(0, 1), clips.masks.flatten(0, 1).long(), classes=3, **flags)
    found = score_batches(batches(logits, clips))
    assert {name: found.scores[name] for name in expected} == pytest.approx(expected)
    assert "M_J" not in found.per_clip and "illusion" in found.scores


def test_objects_that_nobody_knows_are_not_asked_for():
    clips = replace(make_clips(2), objects=None, sounding=None)
    assert "illusion" not in score_batches(batches(random_logits(clips), clips)).scores


def test_a_models_scores_do_not_depend_on_the_batch():
    clips, model = make_clips(5, frames=2), make_model()
    one, four = (predict_segmentation(model, clips, size) for size in (1, 4))
    torch.testing.assert_close(one, four, rtol=1e-4, atol=1e-5)
    assert one.shape == (5, 2, 1, SIDE, SIDE) and not model.training
    scores = evaluate_segmentation(model, clips, 10, 2)
    assert scores == pytest.approx(evaluate_segmentation(model, clips, 10, 4, EncoderCache(model, clips)), abs=0.5)


def test_padded_frames_have_logits_of_zero():
    clips, model = make_clips(2, frames=2), make_model(setting="avss", classes=3)
    clips.present[1, 1] = False
    logits = predict_segmentation(model, clips)
    assert (logits[1, 1] == 0).all() and (logits[1, 0] != 0).any()
    assert (logits.argmax(2)[1, 1] == 0).all()


def test_logits_are_brought_onto_the_grid_of_the_masks():
    clips = make_clips(2)
    small = replace(clips, masks=clips.masks[:, :, ::2, ::2], objects=clips.objects[:, :, ::2, ::2])
    for logits, batch in predicted_batches(make_model(), small):
        assert logits.shape[-2:] == batch.masks.shape[-2:] == (SIDE // 2, SIDE // 2)
    constant = torch.full((1, 2, 3, 4, 4), 2.5)
    torch.testing.assert_close(on_grid(constant, (7, 7)), torch.full((1, 2, 3, 7, 7), 2.5))
    assert on_grid(constant, (4, 4)) is constant


def test_a_nan_is_refused():
    clips = make_clips(2)
    logits = random_logits(clips)
    logits[1, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        score_batches(batches(logits, clips))
