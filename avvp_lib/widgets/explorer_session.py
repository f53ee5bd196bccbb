"""What an explorer shows: a video, some models, a threshold; and what follows from them, computed by the library.

No browser and no widget in here: `ExplorerWidget` shows what `view` says and calls the methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from avvp_lib.corpora import CorpusSplit
from avvp_lib.corpora.events import MODALITIES
from avvp_lib.figures.lanes import Grids, Lane, lanes_of
from avvp_lib.metrics import binarise, per_video_scores
from avvp_lib.models.output import ParsingOutput

BY_ROW = "order of the split"
NAMES = ("A", "V", "AV", "Type", "Event")
"""Scores of each level that are shown, as `per_video_scores` calls them."""
MEAN = "segment/Type"
"""The score whose mean over all videos is shown beside those of the video."""


class ExplorerSession:
    """One split, what some models say about it, and the choice of a person.

    Args:
        split: N videos of T segments, densely labelled or not.
        categories: C names.
        outputs: by the name to show, what `training.predict` gives for the split.
        gates: of audio and picture, one for all models, see `binarise`.
        rankings: by name, (N,) float: orders to go through the videos in, from the highest to the lowest; of equal ones the earlier
            row comes first.

    Raises:
        ValueError: no model, or an output or a ranking that does not fit the split; names it.
    """

    def __init__(
        self,
        split: CorpusSplit,
        categories: Sequence[str],
        outputs: Mapping[str, ParsingOutput],
        gates: tuple[str, str] = ("global", "global"),
        rankings: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        if not outputs or not len(split):
            raise ValueError("an explorer needs a model's output and a video")
        if split.lengths is not None:
            raise ValueError(f"the videos of split {split.name!r} differ in length: an explorer needs one length")
        self.split, self.categories, self.gates = split, tuple(categories), gates
        self.outputs = {
            name: tuple(part.numpy() for part in (out.segment_prob, out.video_prob, out.modality_prob))
            for name, out in outputs.items()
        }
        self.rankings = {BY_ROW: -np.arange(len(split), dtype=float), **(rankings or {})}
        self._check()
        self.shown, self.threshold, self.heat = list(self.outputs), 0.5, False
        self.order_name, self.position = BY_ROW, 0
        self.order = np.arange(len(split))
        self._decide()

    def _check(self) -> None:
        segments = next(iter(self.outputs.values()))[0].shape[1]
        wanted = (len(self.split), segments, len(MODALITIES), len(self.categories))
        for name, (segment_prob, _, _) in self.outputs.items():
            if segment_prob.shape != wanted:
                raise ValueError(
                    f"the output of {name!r} has segments of shape {segment_prob.shape}; this split needs {wanted}"
                )
        for name, scores in self.rankings.items():
            if np.shape(scores) != (len(self.split),) or not np.isfinite(scores).all():
                raise ValueError(f"the ranking {name!r} must be {len(self.split)} finite numbers, one for each video")

    @property
    def row(self) -> int:
        """The video's row in the split."""
        return int(self.order[self.position])

    @property
    def key(self) -> str:
        """The key of its clip."""
        return self.split.keys[self.row]

    @property
    def truth(self) -> Grids | None:
        """Audio and visual grid of the video, (T, C) bool; None where the split has no dense labels."""
        if self.split.audio is None or self.split.visual is None:
            return None
        return self.split.audio[self.row], self.split.visual[self.row]

    @property
    def predictions(self) -> dict[str, Grids]:
        """What each shown model claims of the video at this threshold."""
        return {name: (self._grids[name][0][self.row], self._grids[name][1][self.row]) for name in self.shown}

    @property
    def probabilities(self) -> dict[str, np.ndarray]:
        """(T, 2, C) float of each shown model, before the gates."""
        return {name: self.outputs[name][0][self.row] for name in self.shown}

    def choose(self, row: int) -> None:
        """Show the video of this row of the split.

        Raises:
            ValueError: there is no such row.
        """
        if not 0 <= row < len(self.split):
            raise ValueError(f"row {row} is not one of 0 to {len(self.split) - 1}")
        self.position = int(np.flatnonzero(self.order == row)[0])

    def go(self, step: int) -> None:
        """Show the video so many further on in this order (or back), at most the last (or first) one."""
        self.position = min(max(self.position + step, 0), len(self.order) - 1)

    def sort(self, ranking: str) -> None:
        """Go through the videos in another order, from its first video on.

        Raises:
            ValueError: there is no such ranking.
        """
        if ranking not in self.rankings:
            raise ValueError(f"unknown order {ranking!r}: choose one of {', '.join(self.rankings)}")
        self.order = np.argsort(-np.asarray(self.rankings[ranking]), kind="stable")
        self.order_name, self.position = ranking, 0

    def show(self, model: str, on: bool) -> None:
        """Show or hide a model's lanes; the last one stays.

        Raises:
            ValueError: there is no such model.
        """
        if model not in self.outputs:
            raise ValueError(f"unknown model {model!r}: choose one of {', '.join(self.outputs)}")
        shown = [name for name in self.outputs if (on if name == model else name in self.shown)]
        self.shown = shown or self.shown

    def decide(self, threshold: float) -> None:
        """Hold segments and gates against another threshold.

        Raises:
            ValueError: it does not lie strictly between 0 and 1.
        """
        if not 0 < threshold < 1:
            raise ValueError(f"a threshold lies between 0 and 1, not {threshold}")
        self.threshold = float(threshold)
        self._decide()

    def colour(self, heat: bool) -> None:
        """Show probabilities as heat, or what is claimed as bars."""
        self.heat = bool(heat)

    def _decide(self) -> None:
        """Grids of all videos, and where the truth is known their scores, at this threshold."""
        audio_gate, visual_gate = self.gates
        self._grids = {
            name: binarise(*output, audio_gate=audio_gate, visual_gate=visual_gate, threshold=self.threshold)
            for name, output in self.outputs.items()
        }
        self._scores = {}
        if self.truth is not None:
            self._scores = {
                name: per_video_scores(*grids, self.split.audio, self.split.visual)
                for name, grids in self._grids.items()
            }

    def lanes(self) -> list[Lane]:
        """The lanes of the video; which categories have some does not depend on the models that are shown.

        As heat, a category that some model finds probable has lanes even if a gate holds it back everywhere.
        """
        lanes = lanes_of(
            self.categories,
            self.truth,
            {name: (audio[self.row], visual[self.row]) for name, (audio, visual) in self._grids.items()},
            {name: output[0][self.row] for name, output in self.outputs.items()},
            self.threshold,
        )
        claimed = {lane.category for lane in lanes if self.heat or lane.events.any()}
        return [
            lane for lane in lanes if lane.category in claimed and lane.source not in self.outputs.keys() - self.shown
        ]

    def scores(self) -> list[dict[str, Any]]:
        """Of every shown model the F-scores of this video, in percent, and the mean of one over all videos; [] without truth."""
        return [
            {
                "model": name,
                "video": {level: [float(scores[f"{level}/{n}"][self.row]) for n in NAMES] for level in ("segment", "event")},
                "all": float(scores[MEAN].mean()),
            }
            for name, scores in self._scores.items()
            if name in self.shown
        ]  # fmt: skip

    def choices(self) -> list[dict[str, Any]]:
        """The videos in this order: row, id and, if they are ranked, the number they are ranked by."""
        ranking = np.asarray(self.rankings[self.order_name])
        ranked = self.order_name != BY_ROW
        return [
            {"row": int(row), "video": self.split.videos[row], "number": float(ranking[row]) if ranked else None}
            for row in self.order
        ]

    def view(self) -> dict[str, Any]:
        """All that a screen has to show besides the clip and the list of videos, as JSON can hold it."""
        return {
            "row": self.row,
            "video": self.split.videos[self.row],
            "position": self.position,
            "shown": self.shown,
            "threshold": self.threshold,
            "heat": self.heat,
            "order": self.order_name,
            "lanes": [_lane_view(lane, self.categories) for lane in self.lanes()],
            "scores": self.scores(),
            "names": list(NAMES),
        }


def _lane_view(lane: Lane, categories: Sequence[str]) -> dict[str, Any]:
    """A lane as JSON: of each segment its state, its probability, whether it is claimed and whether a gate holds it back."""
    state = np.full(len(lane.events), "", dtype=object)
    for word, segments in (("right", lane.right), ("false alarm", lane.false_alarm), ("missed", lane.missed)):
        state[segments] = word
    return {
        "category": categories[lane.category],
        "modality": lane.modality,
        "source": lane.source,
        "states": state.tolist(),
        "claimed": lane.events.tolist(),
        "held": lane.held_back.tolist(),
        "probability": None if lane.probability is None else [round(float(p), 4) for p in lane.probability],
    }
