"""A small training that several devices share; `test_several_devices` calls it here, and torchrun in each of its processes.

torchrun --nproc-per-node 2 -m tests.shared_training 2 64-true FOLDER
"""

import sys
from pathlib import Path

import torch

from avvp_lib import segmentation_training
from avvp_lib.segmentation_training import SegmentationTraining, fit_segmentation
from avvp_lib.training import FitResult
from tests.small_segmentation import make_clips, make_model
from tests.torchrun import stop_after

RECIPE = SegmentationTraining(epochs=3, batch_size=4, learning_rate=1e-3, frozen_epochs=1, clip_norm=1.0)


def train_shared(devices: int, precision: str, folder: Path) -> FitResult:
    """Nine clips, four a step: the last step leaves the second device without a clip. Labelled frames are shared unevenly."""
    clips = make_clips(9, frames=2)
    clips.labelled[:3, 1] = False
    model = make_model(backbone="pvt-v2-b0")  # it has no batch statistics
    if precision == "64-true":
        model.double()
    validation = make_clips(3, seed=5, frames=2)
    return fit_segmentation(
        model, clips, validation, RECIPE, 0, "cpu", devices, precision, folder=folder, progress=False
    )


if __name__ == "__main__":
    number, precision, folder, *epochs = sys.argv[1:]
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64 if precision == "64-true" else torch.float32)
    if epochs:
        stop_after(int(epochs[0]), segmentation_training)
    train_shared(int(number), precision, Path(folder))
