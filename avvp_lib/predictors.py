"""What predicts without a parser being trained: constants, the video label, the teacher, and pseudo-labels themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avvp_lib.generator_bench import GENERATED, generated_labels, named_generator
from avvp_lib.recipes import Bench


@dataclass(frozen=True)
class Predictor:
    """Something that predicts without a parser being trained.

    Attributes:
        name, title: as of a `Recipe`.
        reads: what it reads of a test video.
        generator: the pseudo-label generator whose labels it tells, by name; it is trained with a seed.
    """

    name: str
    title: str
    reads: str
    generator: str | None = None


PREDICTORS = {
    p.name: p
    for p in (
        Predictor("nothing", "nothing", "nothing"),
        Predictor("everything", "everything", "nothing"),
        Predictor("video-label", "the video label on every segment", "its video label"),
        Predictor("teacher", "zero-shot teacher alone", "features, sentences"),
        Predictor("pseudo-labels", "zero-shot pseudo-labels", "features, sentences, its video label"),
        *(
            Predictor(label, f"labels of {named_generator(name).title}", "features, sentences, its video label", name)
            for label, name in GENERATED.items()
        ),
    )
}


def predictor_grids(
    name: str, bench: Bench, split: str = "test", seed: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(N, T, C) bool audio and visual predictions of a predictor for a split; `seed` is that of its generator, if it has one."""
    part = bench.corpus.splits[split]
    shape = part.audio.shape
    if name == "nothing":
        return np.zeros(shape, bool), np.zeros(shape, bool)
    if name == "everything":
        return np.ones(shape, bool), np.ones(shape, bool)
    if name == "video-label":
        everywhere = np.broadcast_to(part.video_labels[:, None, :], shape).copy()
        return everywhere, everywhere
    if name == "pseudo-labels":
        labels = bench.zero_shot(split)
        return labels.audio > 0.5, labels.visual > 0.5
    if name == "teacher":
        return bench.ungated_labels(split)
    if name in GENERATED:
        labels = generated_labels(bench, GENERATED[name], split, seed)
        return labels.audio > 0, labels.visual > 0
    raise ValueError(f"unknown predictor {name!r}: choose one of {', '.join(PREDICTORS)}")
