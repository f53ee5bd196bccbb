"""What a system says about the videos of a split, as arrays that were checked: decisions, or probabilities and the gates they allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from avvp_lib.metrics.parsing import binarise
from avvp_lib.training import Gate

GATE_PAIRS: tuple[tuple[Gate, Gate], ...] = (
    ("global", "global"),
    ("modality", "modality"),
    ("global", "modality"),
    ("none", "none"),
)
"""(audio, visual) gates that predictions are scored under; docs/metrics.md says which paper uses which."""

AXES = {"audio": "NTC", "visual": "NTC", "segment_prob": "NT2C", "video_prob": "NC", "modality_prob": "N2C"}
HIGHEST = {"segment_prob": 1.25, "video_prob": 2.5, "modality_prob": 1.25}
"""Upper bounds. MGN's segment map lies up to 1.232, as published, and MMIL pooling of two modalities doubles what it pools."""

ROUNDING = 1e-3
"""How far beyond its bounds a probability may lie: what a sum in half precision may be wrong by."""

NAMED = 5
"""How many ids an error message lists before it only counts."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a system says about N videos: either decisions or probabilities.

    Attributes:
        videos: N ids, annotation ids or feature keys, each once.
        categories: C names, each once.
        audio, visual: (N, T, C) bool decisions, both or neither.
        segment_prob: (N, T, 2, C) float in [0, 1] (MGN's up to 1.232), index 0 audio, 1 visual.
        video_prob: (N, C) float, twice that at most; the gate "global" reads it.
        modality_prob: (N, 2, C) float, as segment_prob; the gate "modality" reads it.

    Raises:
        ValueError: neither form or both, a name that is repeated, an array of another shape or dtype, NaN, or a value outside its
            bounds; names the array and the video.
    """

    videos: tuple[str, ...]
    categories: tuple[str, ...]
    audio: np.ndarray | None = None
    visual: np.ndarray | None = None
    segment_prob: np.ndarray | None = None
    video_prob: np.ndarray | None = None
    modality_prob: np.ndarray | None = None

    def __post_init__(self) -> None:
        given = self.arrays()
        decisions, probabilities = {"audio", "visual"} & given.keys(), HIGHEST.keys() & given.keys()
        if (
            len(decisions) == 1
            or bool(decisions) == bool(probabilities)
            or (probabilities and "segment_prob" not in given)
        ):
            raise ValueError(
                "predictions are either audio and visual (decisions), or segment_prob with video_prob and modality_prob where "
                f"there are any; these have {', '.join(given) or 'none of them'}"
            )
        for what in ("videos", "categories"):
            check_names(what, getattr(self, what))
        for name, array in given.items():
            self._check_shape(name, array)
            self._check_values(name, array)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays that are there, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name in AXES}
        return {name: array for name, array in values.items() if array is not None}

    @property
    def segments(self) -> int:
        """T."""
        first = next(iter(self.arrays().values()))
        return first.shape[1] if first.ndim > 1 else 0

    @property
    def gates(self) -> tuple[tuple[Gate, Gate], ...]:
        """The pairs of `GATE_PAIRS` that these probabilities can be decided with; none for decisions."""
        if self.segment_prob is None:
            return ()
        known = {"none"} | {
            gate for gate, array in (("global", self.video_prob), ("modality", self.modality_prob)) if array is not None
        }
        return tuple(pair for pair in GATE_PAIRS if known >= set(pair))

    def decide(self, audio_gate: Gate, visual_gate: Gate) -> Predictions:
        """Decisions from probabilities, by `avvp_lib.metrics.binarise`.

        Raises:
            ValueError: these are decisions already, a gate is unknown, or its probabilities are absent.
        """
        if self.segment_prob is None:
            raise ValueError("these predictions are decisions already: there is nothing left for a gate to decide")
        probabilities = (self.segment_prob, self.video_prob, self.modality_prob)
        grids = binarise(*probabilities, audio_gate=audio_gate, visual_gate=visual_gate)
        return Predictions(self.videos, self.categories, *grids)

    def take(self, videos: Sequence[int], categories: Sequence[int]) -> Predictions:
        """The videos and categories at these indices, in the order given; categories are the last axis of every array."""
        return Predictions(
            tuple(self.videos[row] for row in videos),
            tuple(self.categories[column] for column in categories),
            **{name: array[np.asarray(videos, np.intp)][..., categories] for name, array in self.arrays().items()},
        )

    def _check_shape(self, name: str, array: np.ndarray) -> None:
        sizes = {"N": len(self.videos), "T": self.segments, "2": 2, "C": len(self.categories)}
        shape, kind = tuple(sizes[axis] for axis in AXES[name]), "floating point" if name in HIGHEST else "bool"
        fits = array.dtype == np.bool_ if kind == "bool" else np.issubdtype(array.dtype, np.floating)
        if array.shape != shape or not fits or 0 in shape:
            raise ValueError(
                f"{name} must be {kind} of shape ({', '.join(AXES[name])}), for {sizes['N']} videos and {sizes['C']} categories, "
                f"not {array.dtype} of shape {array.shape}"
            )

    def _check_values(self, name: str, array: np.ndarray) -> None:
        if name not in HIGHEST:
            return
        right = (array >= -ROUNDING) & (array <= HIGHEST[name] + ROUNDING)  # a NaN is neither
        if not right.all():
            place = tuple(np.argwhere(~right)[0])
            videos = int((~right).reshape(len(array), -1).any(1).sum())
            raise ValueError(
                f"{name} of video {self.videos[place[0]]}, category {self.categories[place[-1]]}, is {array[place]}: it must lie in "
                f"0 ... {HIGHEST[name]:g} ({videos} such videos). Logits? Apply the sigmoid first"
            )


def check_names(what: str, names: Sequence[str]) -> None:
    """Refuse names that are none, no strings, or not each its own."""
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{what} must be one or more strings")
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise ValueError(f"{what} are named twice: {some(repeated)}")


def some(names: Iterable[str]) -> str:
    """The first few names, and how many there are."""
    names = list(names)
    return ", ".join(names[:NAMED]) + (f", ... ({len(names)})" if len(names) > NAMED else "")
