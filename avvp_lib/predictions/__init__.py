"""Predictions as files: the door through which other people's results come in to be scored, and ours go out.

Two forms. A .csv lists events, decided already: video, modality, category, onset, offset. A .npz holds arrays, decisions or
probabilities; probabilities are scored under each pair of gates that they allow, because papers differ in it. Videos and
categories are joined by name, never by position. docs/doors.md shows both forms.

Symbols: N videos, T segments of one second, C categories.
"""

from __future__ import annotations

from avvp_lib.predictions.arrays import GATE_PAIRS, Predictions
from avvp_lib.predictions.files import check_target, read_predictions, write_predictions
from avvp_lib.predictions.scores import PredictionScores, predict_split, refuse_gaps, score_predictions

__all__ = [
    "GATE_PAIRS",
    "PredictionScores",
    "Predictions",
    "check_target",
    "predict_split",
    "read_predictions",
    "refuse_gaps",
    "score_predictions",
    "write_predictions",
]
