"""Noise ratios that can be counted by hand."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from avvp_lib.models import ParsingOutput
from avvp_lib.pseudo_labels.noise_ratios import estimate_noise_ratios, noise_ratios
from avvp_lib.training import ParsingData

# One class, four videos; the mean of both modalities is 0.4.
AUDIO = (0.7, 0.1, 0.5, 0.3)  # relative to the mean 1.75, 0.25, 1.25, 0.75: below 0.6 is video 1
VISUAL = (0.8, 0.6, 0.1, 0.1)  # 0.95 times relative: 1.9, 1.425, 0.24, 0.24: below 1.8 are videos 1, 2, 3
PROB = np.array([AUDIO, VISUAL]).T[:, :, None]


def test_labels_far_below_the_mean_are_noise():
    ratios = noise_ratios(PROB, np.ones((4, 1)))
    assert (ratios.audio.tolist(), ratios.visual.tolist()) == ([0.25], [0.75])


def test_only_labels_are_counted_but_the_mean_is_over_all_videos():
    """With labels for videos 0 and 1, one of two is noise in each modality; the means stay 0.4."""
    ratios = noise_ratios(PROB, np.array([[1], [1], [0], [0]]))
    assert (ratios.audio.tolist(), ratios.visual.tolist()) == ([0.5], [0.5])


def test_the_visual_scale_counts():
    """1.85 times the mean is above 1.8, but 0.95 of it, 1.7575, is below."""
    prob = np.array([[0.5, 0.185], [0.5, 0.015]])[:, :, None]
    assert noise_ratios(prob, np.array([[1], [0]])).visual.tolist() == [1.0]
    assert noise_ratios(prob, np.array([[1], [0]]), visual_threshold=1.75).visual.tolist() == [0.0]


def test_thresholds_are_strict():
    prob = np.array([[0.25, 0.5], [0.75, 0.5]])[:, :, None]  # half of the mean in audio
    assert noise_ratios(prob, np.array([[1], [0]]), audio_threshold=0.5).audio.tolist() == [0.0]
    assert noise_ratios(prob, np.array([[1], [0]]), audio_threshold=0.51).audio.tolist() == [1.0]


def test_a_class_without_a_label_has_no_noise():
    ratios = noise_ratios(np.full((3, 2, 2), 0.5), np.array([[1, 0]] * 3))
    assert ratios.audio.tolist() == [0.0, 0.0]
    assert ratios.visual.tolist() == [1.0, 0.0]  # 0.95 of the mean is below 1.8 times the mean


def test_options_are_plain_data():
    options = noise_ratios(PROB, np.ones((4, 1))).options()
    assert json.loads(json.dumps(options)) == {"audio_noise": [0.25], "visual_noise": [0.75]}


@pytest.mark.parametrize(
    ("prob", "labels", "message"),
    [
        (PROB[:3], np.ones((4, 1)), r"\(3, 2, 1\) and video_labels \(4, 1\)"),
        (PROB[:, 0], np.ones((4, 1)), r"\(4, 1\) and video_labels \(4, 1\) are not"),
        (PROB[:0], np.ones((0, 1)), r"\(0, 2, 1\)"),
        (PROB * np.nan, np.ones((4, 1)), "NaN"),
    ],
)
def test_what_cannot_be_counted_is_refused(prob, labels, message):
    with pytest.raises(ValueError, match=message):
        noise_ratios(prob, labels)


class Oracle(nn.Module):
    """Says about a video what its audio feature holds."""

    def forward(self, audio, visual_2d, visual_3d=None, text=None) -> ParsingOutput:
        prob = audio[:, 0].unflatten(1, (2, 1))
        return ParsingOutput(prob[:, None], None, prob[:, 0], prob)


def test_the_estimator_is_asked_about_every_training_video():
    audio = torch.from_numpy(PROB[:, :, 0]).float()[:, None]
    data = ParsingData(audio, torch.zeros(4, 1, 3), None, torch.ones(4, 1))
    ratios = estimate_noise_ratios(Oracle(), data)
    assert (ratios.audio.tolist(), ratios.visual.tolist()) == ([0.25], [0.75])
