"""A corpus of a few clips whose pseudo-labels are partly empty, for the tests of annotation and its widget."""

from pathlib import Path

import numpy as np

from avvp_lib.corpora import Corpus, CorpusSplit
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.pseudo_labels import PseudoLabels
from tests.media_files import tone, write_clip

SEGMENTS, CATEGORIES = 10, len(LLP_CATEGORIES)
DOG, CAR, SPEECH = (LLP_CATEGORIES.index(name) for name in ("Dog", "Car", "Speech"))
KEYS = ("-clip-00000", "clip-000001", "clip-000002", "clip-000003")
NULL_KEYS = (KEYS[0], KEYS[2], KEYS[3])
COLOURS = ((200, 60, 60), (60, 160, 80), (70, 90, 200), (210, 170, 60))


def guessed() -> PseudoLabels:
    """Labels of four videos: the second one shows a dog from second 3 on, the others show nothing; all of them bark."""
    audio, visual = np.zeros((2, len(KEYS), SEGMENTS, CATEGORIES), np.float32)
    audio[:, 2:6, DOG] = 1
    visual[1, 3:, DOG] = 1
    return PseudoLabels(KEYS, audio, visual, {"method": "by hand"})


def truth() -> np.ndarray:
    """(4, 10, 25) bool: what is to be seen. The first video shows a dog and a car, the third nothing, the fourth speech at the end."""
    visual = np.zeros((len(KEYS), SEGMENTS, CATEGORIES), bool)
    visual[0, :4, DOG] = visual[0, 2:5, CAR] = visual[1, 2:, DOG] = visual[3, 9, SPEECH] = True
    return visual


def write_corpus(root: Path) -> Corpus:
    """The corpus with a clip for each video but the last: a square that moves from left to right over a plain ground, and a tone."""
    (root / "videos").mkdir(parents=True, exist_ok=True)
    for number, (key, colour) in enumerate(zip(KEYS[:-1], COLOURS, strict=False)):
        frames = np.full((40, 96, 128, 3), 235, np.uint8)
        for index, frame in enumerate(frames):
            frame[30:66, index * 2 : index * 2 + 36] = colour
        write_clip(root / "videos" / f"{key}.mp4", frames, tone(10, 16_000, 220 * (number + 1)), fps=4)
    return corpus_at(root)


def corpus_at(root: Path) -> Corpus:
    """The corpus whose clips `write_corpus` has written."""
    labels = np.zeros((len(KEYS), CATEGORIES), bool)
    labels[:, DOG] = labels[0, CAR] = labels[3, SPEECH] = True
    split = CorpusSplit("train", tuple(f"{key}_0_10" for key in KEYS), KEYS, labels)
    return Corpus("four clips", LLP_CATEGORIES, {"train": split}, root)
