"""Small trainings of parsers that several devices share; `test_shared_training` calls them here, and torchrun in each of its processes.

torchrun --nproc-per-node 2 -m tests.shared_parsing 2 64-true FOLDER han mug
"""

import sys
from pathlib import Path

import torch
from torch import nn

from avvp_lib import training
from avvp_lib.models import build_model
from avvp_lib.shared_training import fit_shared
from avvp_lib.training import FitResult, TrainingRecipe, fit
from tests.test_training import CLASSES, make_data
from tests.torchrun import stop_after

VIDEOS = 32
OPTIONS = {"jomold": {"audio_noise": [0.3] * CLASSES, "visual_noise": [0.2] * CLASSES}}
LOSSES = {
    "han": "video-labels", "valor": "segment-labels", "mug": "segment-labels", "mgn": "mgn", "ear": "ear",
    "mm-cse": "mm-cse", "jomold": "jomold",
}  # fmt: skip
WIDTHS = {"mgn": {}, "mm-cse": {}, "mug": {"heads": 2, "feed_forward": 16, "dropout": 0.0, "plsim": "off"}}


def recipe(name: str) -> TrainingRecipe:
    """Four steps of eight videos an epoch, so every device has as many."""
    options = OPTIONS.get(name, {})
    return TrainingRecipe(LOSSES[name], 3, 8, "adamw", 1e-3, clip_norm=1.0, loss_options=options)


def model_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    widths = {"audio_dim": 8, "visual_2d_dim": 12, "visual_3d_dim": 6, "hidden": 16, "classes": CLASSES}
    return build_model(name, **widths, **WIDTHS.get(name, {"heads": 2, "feed_forward": 16, "dropout": 0.0}))


def train(name: str, devices: int, precision: str, folder: Path | None) -> FitResult:
    data, model = make_data(videos=VIDEOS), model_of(name)
    if precision == "64-true":
        model.double()
        data = data.__class__(**{key: as_double(tensor) for key, tensor in data._tensors()})
    options = {"device": "cpu", "precision": precision, "folder": folder, "progress": False}
    if devices == 1:
        return fit(model, data, data, recipe(name), 0, **options)
    return fit_shared(model, data, data, recipe(name), 0, devices, **options)


def as_double(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


if __name__ == "__main__":
    number, precision, place, *names = sys.argv[1:]
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64 if precision == "64-true" else torch.float32)
    if names[0] == "--stop":
        stop_after(1, training)
        names = names[1:]
    for name in names:
        train(name, int(number), precision, Path(place) / name)
