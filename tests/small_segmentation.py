"""Clips that are small enough to be learned by heart: two coloured squares, of which one sounds, and the audio vector says which colour."""

import torch
from torch import nn

from avvp_lib.models import build_model
from avvp_lib.segmentation_clips import SegmentationClips

SIDE, WIDTH = 64, 8


def make_clips(number: int = 6, frames: int = 3, seed: int = 0, labelled: int | None = None) -> SegmentationClips:
    """A red square on the left or right, a blue one opposite; the sound of a second is that of red or of blue.

    Args:
        number, frames: N and T.
        seed: of places and sounds.
        labelled: how many frames from the first on are labelled; all by default.
    """
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(90, 110, (number, frames, SIDE, SIDE, 3), generator=random, dtype=torch.uint8)
    objects = torch.zeros(number, frames, SIDE, SIDE, dtype=torch.uint8)
    sides = torch.randint(0, 2, (number,), generator=random)
    heard = torch.randint(0, 2, (number, frames), generator=random)
    for clip in range(number):
        for colour in range(2):
            left = 8 if sides[clip] == colour else 36
            images[clip, :, 16:40, left : left + 20] = torch.tensor(
                [250, 20, 20] if colour == 0 else [20, 20, 250]
            ).byte()
            objects[clip, :, 16:40, left : left + 20] = colour + 1
    masks = (objects == heard[:, :, None, None] + 1).to(torch.uint8)
    audio = nn.functional.one_hot(heard, WIDTH).float() + 0.1 * torch.randn(number, frames, WIDTH, generator=random)
    present = torch.ones(number, frames, dtype=torch.bool)
    known = present if labelled is None else (torch.arange(frames) < labelled).expand(number, -1).clone()
    masks = masks * known[:, :, None, None]
    sounding = nn.functional.one_hot(heard, 2).bool()
    return SegmentationClips(images, audio, masks, known, present, objects, sounding)


def make_model(seed: int = 0, **widths) -> nn.Module:
    """A narrow SelM for these clips."""
    torch.manual_seed(seed)
    small = {"backbone": "resnet-18-quarter", "hidden": 16, "mamba_layers": 1, "input_size": SIDE, "upsamplings": 1}
    return build_model("selm", **{**small, "audio_dim": WIDTH, "dropout": 0.0, **widths})
