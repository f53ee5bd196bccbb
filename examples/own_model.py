"""A parser of one's own: every segment for itself, with no attention between segments or modalities."""

import torch
from torch import Tensor, nn

from avvp_lib.models import ParsingOutput, register_model
from avvp_lib.models.front_ends import SegmentFrontEnd
from avvp_lib.models.pooling import attentive_mmil
from avvp_lib.recipes import RECIPES, Recipe, register_recipe


class SegmentMLP(SegmentFrontEnd):
    """The front end of HAN and VALOR, two layers for each segment, and attentive MMIL pooling."""

    def __init__(
        self, *, audio_dim: int = 128, visual_2d_dim: int = 2048, visual_3d_dim: int = 512,
        hidden: int = 128, classes: int = 25, dropout: float = 0.3,
    ) -> None:  # fmt: skip
        widths = {"audio_dim": audio_dim, "visual_2d_dim": visual_2d_dim, "visual_3d_dim": visual_3d_dim}
        super().__init__(**widths, hidden=hidden, audio_layout="segments")
        self.segment = nn.Sequential(nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU())
        self.logits = nn.Linear(hidden, classes)
        self.time_scores = nn.Linear(hidden, classes)
        self.modality_scores = nn.Linear(hidden, classes)

    def forward(self, audio: Tensor, visual_2d: Tensor, visual_3d: Tensor | None = None, text=None) -> ParsingOutput:
        streams = torch.stack(self.embed(audio, visual_2d, visual_3d), dim=2)  # (B, T, 2, H)
        hidden = self.segment(streams)
        return attentive_mmil(self.logits(hidden), self.time_scores(hidden), self.modality_scores(hidden))


TRAINING = RECIPES["valor-zero-shot"].training
register_model("segment-mlp", SegmentMLP)
register_recipe(Recipe("segment-mlp", "own model: each segment for itself", "segment-mlp", "zero-shot", TRAINING))
