"""EAR's objective: class-balanced soft labels with mixing. The formulas are in `avvp_lib.losses.ear`."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from avvp_lib.losses.ear import count_positives, ear_loss, positive_weights
from avvp_lib.objectives import Batch, forward, require_pseudo_labels


@dataclass(frozen=True, eq=False)
class EARObjective:
    """What EAR minimises (Eq. 16); print it to see the class weights.

    Attributes:
        counts: (2, C) float32, how many training videos (or segments) hold each class; 0 = audio, 1 = visual.
        total: of how many.
        unit: "videos" or "segments".
        weights: (2, C) float32, what a positive label of each class weighs.
        mixing_alpha: the parameter of the symmetric Beta distribution that shares are drawn from.
    """

    counts: Tensor
    total: int
    unit: str
    weights: Tensor
    mixing_alpha: float
    _shares: torch.distributions.Beta = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.mixing_alpha < float("inf"):
            raise ValueError(f"mixing_alpha must be a number above 0, not {self.mixing_alpha!r}")
        object.__setattr__(self, "_shares", torch.distributions.Beta(self.mixing_alpha, self.mixing_alpha))

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of a batch; scalar. Partners and share are drawn from torch's own generators, so a seed repeats them."""
        labels = batch.pseudo_audio
        partners = torch.randperm(labels.shape[0] * labels.shape[1], device=labels.device)
        share = self._shares.sample().to(labels.device)
        weights = self.weights.to(labels.device)
        output = forward(model, batch)
        return ear_loss(output, batch.video_labels, labels, batch.pseudo_visual, weights, partners, share)

    def __str__(self) -> str:
        """A table of counts and weights, a line a class, and how many weights are at their floor of 1."""
        lines = [f"class  audio {self.unit}  weight  visual {self.unit}  weight   (of {self.total} {self.unit})"]
        width = len(self.unit)
        for c in range(self.counts.shape[1]):
            (audio, visual), (audio_weight, visual_weight) = self.counts[:, c].tolist(), self.weights[:, c].tolist()
            lines.append(
                f"{c:5d}  {audio:{width + 6}.0f}  {audio_weight:6.2f}  {visual:{width + 7}.0f}  {visual_weight:6.2f}"
            )
        lines.append(f"{int((self.weights == 1).sum())} of {self.weights.numel()} weights are at their floor of 1")
        return "\n".join(lines)


def build(train: Batch, *, kappa: float = 0.1, unit: str = "videos", mixing_alpha: float = 1.7) -> EARObjective:
    """EAR's objective for a training set.

    Args:
        train: with pseudo_audio and pseudo_visual (N, T, C) in [0, 1].
        kappa: strength of the class weights, 0 for none; choose it on validation. Not in the text of the paper.
        unit: what is counted for the weights, "videos" or "segments".
        mixing_alpha: of Beta(alpha, alpha). Not in the text of the paper.

    Raises:
        ValueError: no segment labels, or an option that cannot be.
    """
    require_pseudo_labels(train, "ear")
    audio, total = count_positives(train.pseudo_audio, unit)
    visual, _ = count_positives(train.pseudo_visual, unit)
    counts = torch.stack([audio, visual])
    return EARObjective(counts, total, unit, positive_weights(counts, total, kappa), mixing_alpha)
