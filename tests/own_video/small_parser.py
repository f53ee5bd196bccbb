"""A parser of small random weights on real features, and one whose answers are given."""

from pathlib import Path

import numpy as np
import torch

from avvp_lib.checkpoints import save_checkpoint
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.models import build_model
from avvp_lib.own_video.parsing import ParsedVideo, window_rule
from avvp_lib.own_video.reading import Reading

WIDTHS = {"audio_dim": 1024, "visual_2d_dim": 1024, "visual_3d_dim": 512}
SMALL = {"hidden": 16, "heads": 2, "feed_forward": 16}
ABOUT = {
    "model": "a model <for tests>",
    "weights": {"file": "random"},
    "trained on": "nothing",
    "features": {"audio": "none"},
    "text": "none",
    "gates": {"audio": "global", "visual": "global"},
}


def write_checkpoint(path: Path, name: str = "valor", **widths) -> Path:
    """Random weights of a small model for the tiny backbones."""
    torch.manual_seed(0)
    save_checkpoint(build_model(name, **(WIDTHS | SMALL | widths)), path, note="random weights")
    return path


class Scripted:
    """A parser that knows what it will find: category 0 is heard in every odd second of a video, category 1 is seen always."""

    categories = tuple(LLP_CATEGORIES)
    reading = Reading((32, 32), (16_000,))
    gates = ("global", "global")
    about = ABOUT

    def __call__(self, window):
        segment = np.zeros((10, 2, 25), np.float32)
        segment[(window.start + np.arange(10)) % 2 == 1, 0, 0] = 0.9
        segment[:, 1, 1] = 0.7
        video, modality = np.zeros(25, np.float32), np.zeros((2, 25), np.float32)
        video[:2], modality[:, :2] = 0.9, 0.9
        return segment, video, modality


def parsed_video(path: Path = Path("street & co.mp4"), start: float = 2.5) -> ParsedVideo:
    """12.4 s from 2.5 s on: the dog of category 7 is heard twice, the car of category 1 is seen and heard, two at a time."""
    segment = np.zeros((13, 2, 25))
    segment[0:3, 0, 7], segment[8:13, 0, 7] = 0.9, [0.5, 0.6, 0.7, 0.8, 0.9]
    segment[2:5, :, 1] = 0.75
    provenance = {"avvp": "0", **ABOUT, **window_rule(5, 2)}
    return ParsedVideo(
        path, start, start + 12.4, tuple(LLP_CATEGORIES), segment, np.ones_like(segment), (), ("a --> b",), provenance
    )
