"""Segment labels as an addition: what an objective made for video labels learns when pseudo-labels are at hand as well."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from avvp_lib.losses import segment_bce
from avvp_lib.models.output import ParsingOutput
from avvp_lib.objectives import Batch, require_pseudo_labels

SegmentTerm = Callable[[ParsingOutput, Batch], Tensor | float]


def segment_term(train: Batch, name: str, weight: float) -> SegmentTerm:
    """VALOR's two segment losses, to be added to the objective `name`; a weight of 0 reads no pseudo-labels.

        weight * ( BCE(audio segments, pseudo_audio) + BCE(visual segments, pseudo_visual) )

    Raises:
        ValueError: the weight is negative, or it is not 0 and the training set has no pseudo-labels.
    """
    if weight < 0:
        raise ValueError(f"segment_weight must not be negative, but is {weight}")
    if weight == 0:
        return lambda output, batch: 0.0
    require_pseudo_labels(train, name)

    def term(output: ParsingOutput, batch: Batch) -> Tensor:
        return weight * (segment_bce(output, 0, batch.pseudo_audio) + segment_bce(output, 1, batch.pseudo_visual))

    return term
