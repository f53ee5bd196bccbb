"""Ways to look at a clip and to cut its sound: each by hand on toys, and what they do to the features."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avvp_lib.features.backbones import FRAMES_PER_SECOND, SEGMENTS
from avvp_lib.features.input_choices import PICTURES, SOUNDS, centre_crop, input_effects, windows
from avvp_lib.features.media import Media
from avvp_lib.features.tiny_teachers import SAMPLE_RATE


def make_media(seed: int = 0) -> Media:
    """A clip of noise, whose picture and pitch change from second to second."""
    random = np.random.default_rng(seed)
    frames = random.integers(0, 256, (SEGMENTS, 1, 16, 16, 3), np.uint8).repeat(8, 2).repeat(8, 3)
    time = np.arange(SEGMENTS * SAMPLE_RATE) / SAMPLE_RATE
    sound = np.sin(2 * np.pi * (300 + 200 * np.floor(time)) * time).astype(np.float32)
    return Media(Path("toy.mp4"), frames.repeat(FRAMES_PER_SECOND, 1).reshape(-1, 128, 128, 3), sound, 8, SAMPLE_RATE)


def test_the_middle_of_a_picture():
    frames = torch.arange(4 * 6).reshape(1, 4, 6, 1).expand(1, 4, 6, 3)
    assert centre_crop(frames, 0.5)[0, :, :, 0].tolist() == [[8, 9], [14, 15]]
    assert centre_crop(frames, 1.0).shape == (1, 4, 4, 3)


def test_windows_by_hand():
    waveform = np.arange(SEGMENTS * SAMPLE_RATE, dtype=np.float32)
    apart = windows(waveform, 0.96)
    assert apart.shape == (SEGMENTS, SAMPLE_RATE)
    assert apart[:, 0].tolist() == [15360.0 * i for i in range(SEGMENTS)], "VGGish's hop of 0.96 s"
    late = windows(waveform, 1.0, 0.25)
    assert late[0, 0] == 4000 and late[-1, -4000:].eq(0).all() and late[-1, -4001] == len(waveform) - 1


def test_what_a_choice_does_to_the_features():
    media = make_media()
    effects = input_effects([media])
    assert set(effects["choice"]) == {*PICTURES, *SOUNDS, "next second"} - {"as the teacher"}
    counts = effects.groupby(["modality", "choice"]).size()
    assert counts.drop(index="next second", level="choice").eq(SEGMENTS).all() and counts["audio", "next second"] == 9
    by_choice = effects.set_index(["modality", "choice"]).sort_index(kind="stable")["cosine"]
    assert by_choice["audio", "0.96 s apart"].iloc[0] == pytest.approx(1, abs=1e-6), "the first window is the same"
    assert by_choice["audio", "0.96 s apart"].iloc[-1] < 0.999, "the tenth is 0.36 s early"
    assert by_choice["visual", "middle frame"].to_numpy() == pytest.approx(np.ones(SEGMENTS), abs=1e-6), (
        "seconds stand still"
    )
    assert by_choice["visual", "red for blue"].max() < 0.999
    same = effects.set_index(["modality", "choice"]).sort_index(kind="stable")["same_category"]
    assert same["visual", "middle frame"].all()
    with pytest.raises(ValueError, match="no clips"):
        input_effects([])
