"""A densely labelled corpus of a few clips and what two models say about it, for the tests of the explorer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from avvp_lib.corpora import Corpus
from avvp_lib.models.output import ParsingOutput
from tests.annotation_files import CAR, CATEGORIES, DOG, KEYS, SEGMENTS, SPEECH, corpus_at, truth

GAIN = np.array([3.0, -10.0, 40.0, 3.0])
"""A ranking of the four videos: row 2 first, row 1 last, rows 0 and 3 equal."""


def labelled_corpus(root: Path) -> Corpus:
    """The clips of `write_corpus` with dense labels: a dog barks from second 2 to 5 in all of them; the last clip is not there."""
    corpus = corpus_at(root)
    audio = np.zeros((len(KEYS), SEGMENTS, CATEGORIES), bool)
    audio[:, 2:6, DOG] = True
    split = replace(corpus.splits["train"], name="test", audio=audio, visual=truth())
    return Corpus(corpus.name, corpus.categories, {"test": split}, root)


def outputs() -> dict[str, ParsingOutput]:
    """HAN hears the dog with 0.9 from second 3 to 6, and speech that its gate holds back; VALOR is right, with 0.6 for what is heard."""
    split = labelled_corpus(Path()).splits["test"]
    han = torch.full((len(KEYS), SEGMENTS, 2, CATEGORIES), 0.02)
    han[:, 3:7, 0, DOG] = 0.9
    han[:, 3:7, 1, CAR] = 0.4
    han[:, 8:, 0, SPEECH] = 0.8
    valor = torch.full_like(han, 0.02)
    valor[:, :, 0][torch.from_numpy(split.audio)] = 0.6
    valor[:, :, 1][torch.from_numpy(split.visual)] = 0.95
    return {"HAN": _output(han, closed=SPEECH), "VALOR": _output(valor)}


def _output(segment_prob: torch.Tensor, closed: int | None = None) -> ParsingOutput:
    video_prob = segment_prob.amax((1, 2)) * 1.5  # pooling may push it above 1
    if closed is not None:
        video_prob[:, closed] = 0.1
    return ParsingOutput(segment_prob, None, video_prob, segment_prob.amax(1))
