"""Zero-shot pseudo-labels as VALOR (NeurIPS 2023) makes them: ask a teacher, second by second, which sentence fits.

A segment is labelled with a category if its similarity to the category's sentence is strictly above the category's threshold AND the
video is weakly labelled with it. No smoothing over time, and no fallback where a labelled category finds no segment.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avvp_lib.provenance import atomic_path


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Segment labels that somebody guessed, and how.

    Attributes:
        keys: N feature ids, in the order of the arrays.
        audio, visual: (N, T, C) float32 in [0, 1].
        provenance: method, thresholds, bank hashes: whatever it takes to make them again.

    Raises:
        ValueError: an array has another shape than the ids or the other array, a value is not in [0, 1], or an id occurs twice.
    """

    keys: tuple[str, ...]
    audio: np.ndarray
    visual: np.ndarray
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        for name in ("audio", "visual"):
            array = getattr(self, name)
            if array.ndim != 3 or len(array) != len(self.keys):
                raise ValueError(f"{name} pseudo-labels are {array.shape}; expected ({len(self.keys)}, T, C)")
            if not (np.isfinite(array).all() and array.min(initial=0) >= 0 and array.max(initial=0) <= 1):
                raise ValueError(f"{name} pseudo-labels must be finite and lie in [0, 1]")
        if self.audio.shape != self.visual.shape:
            raise ValueError(
                f"audio pseudo-labels are {self.audio.shape}, visual ones {self.visual.shape}: give both one shape"
            )
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("an id of the pseudo-labels occurs twice; they are joined by id, so each must be unique")

    def take(self, keys: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """(n, T, C) audio and visual labels of these videos, joined by id; KeyError if a video has none."""
        row = {key: index for index, key in enumerate(self.keys)}
        absent = [key for key in keys if key not in row]
        if absent:
            raise KeyError(
                f"no pseudo-labels for {len(absent)} of {len(keys)} videos, {absent[0]} first: were they made for another split?"
            )
        rows = [row[key] for key in keys]
        return self.audio[rows], self.visual[rows]

    def save(self, path: Path) -> None:
        """Write one .npz file without pickled objects."""
        with atomic_path(Path(path)) as temporary, open(temporary, "wb") as stream:  # given a name, numpy may add to it
            np.savez_compressed(
                stream,
                keys=np.array(self.keys, str),
                audio=self.audio,
                visual=self.visual,
                provenance=np.array(json.dumps(self.provenance)),
            )

    @classmethod
    def load(cls, path: Path) -> PseudoLabels:
        """Read what `save` wrote; ValueError if the file is something else. Nothing in it is executed."""
        if not zipfile.is_zipfile(path):  # what .npz is; numpy would take anything else for a pickle
            raise ValueError(f"{path} does not hold pseudo-labels: it is missing, damaged or no .npz file")
        with np.load(path, allow_pickle=False) as stored:
            absent = {"keys", "audio", "visual", "provenance"} - set(stored)
            if absent:
                raise ValueError(f"{path} does not hold pseudo-labels: it lacks {', '.join(sorted(absent))}")
            keys = tuple(str(key) for key in stored["keys"])
            return cls(keys, stored["audio"], stored["visual"], json.loads(str(stored["provenance"])))


def text_similarity(segments: np.ndarray, text: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Scaled cosine similarity of every segment to every sentence.

    Args:
        segments: (N, T, D) float, embeddings of segments; need not have unit length.
        text: (C, D) float, embeddings of the categories' sentences.
        scale: the teacher's learned inverse temperature; VALOR's thresholds are in these units.

    Returns:
        (N, T, C) float32.
    """
    segments = segments / np.linalg.norm(segments, axis=-1, keepdims=True).clip(1e-12)
    text = text / np.linalg.norm(text, axis=-1, keepdims=True).clip(1e-12)
    return (scale * segments @ text.T).astype(np.float32)


def fit_thresholds(similarity: np.ndarray, truth: np.ndarray, video_labels: np.ndarray) -> np.ndarray:
    """For each category the threshold with the best segment F-score, among the videos labelled with it.

    The other videos do not count, because their labels will be gated by the video label in any case. A category without a labelled
    validation segment gets the mean threshold of the others.

    Args:
        similarity: (N, T, C) float of a densely labelled split.
        truth: (N, T, C) bool of the same split and modality.
        video_labels: (N, C) bool.

    Returns:
        (C,) float32; use with a strict `>`.

    Raises:
        ValueError: shapes differ, a similarity is not finite, or no category has a positive segment to fit a threshold to.
    """
    _check_similarity("similarity", similarity, video_labels)
    if truth.shape != similarity.shape:
        raise ValueError(f"truth is {truth.shape}, similarity {similarity.shape}: both must be (N, T, C) of one split")
    thresholds = np.full(similarity.shape[-1], np.nan, np.float32)
    for category in range(len(thresholds)):
        labelled = video_labels[:, category]
        scores, positive = similarity[labelled, :, category].ravel(), truth[labelled, :, category].ravel()
        if not positive.any():
            continue
        order = np.argsort(-scores, kind="stable")
        scores, hits = scores[order], np.cumsum(positive[order])
        f_score = 2 * hits / (np.arange(1, len(scores) + 1) + positive.sum())
        f_score[:-1][scores[:-1] == scores[1:]] = -1  # a threshold cannot cut between equal scores
        best = int(np.argmax(f_score))
        below = scores[best + 1] if best + 1 < len(scores) else scores[best] - 1.0
        middle = np.float32((scores[best] + below) / 2)
        thresholds[category] = middle if middle < scores[best] else below  # neighbouring floats have no middle
    if np.isnan(thresholds).all():
        raise ValueError(
            "no category has a positive segment among the videos labelled with it: nothing to fit a threshold to"
        )
    return np.where(np.isnan(thresholds), np.nanmean(thresholds), thresholds).astype(np.float32)


def zero_shot_labels(
    similarity_audio: np.ndarray,
    similarity_visual: np.ndarray,
    thresholds_audio: np.ndarray,
    thresholds_visual: np.ndarray,
    video_labels: np.ndarray,
    keys: tuple[str, ...],
    provenance: dict[str, Any] | None = None,
) -> PseudoLabels:
    """VALOR's rule: similarity > threshold AND the video label.

    Args:
        similarity_audio, similarity_visual: (N, T, C) float, see `text_similarity`.
        thresholds_audio, thresholds_visual: (C,) float.
        video_labels: (N, C) bool. Labels of a test split made this way leak its video labels: never use them as inputs.
        keys: N feature ids.
        provenance: stored beside the method and the thresholds, typically the teachers and the banks' hashes.

    Raises:
        ValueError: shapes do not fit each other, or a similarity or a threshold is not finite.
    """
    for modality, similarity, thresholds in (
        ("audio", similarity_audio, thresholds_audio),
        ("visual", similarity_visual, thresholds_visual),
    ):
        _check_similarity(f"similarity_{modality}", similarity, video_labels)
        if np.shape(thresholds) != similarity.shape[-1:] or not np.isfinite(thresholds).all():
            raise ValueError(f"thresholds_{modality} must be {similarity.shape[-1]} finite numbers, one per category")
    allowed = np.asarray(video_labels, bool)[:, None, :]
    audio = (similarity_audio > thresholds_audio) & allowed
    visual = (similarity_visual > thresholds_visual) & allowed
    record = {
        "method": "zero-shot (VALOR)",
        "thresholds_audio": np.asarray(thresholds_audio, float).round(4).tolist(),
        "thresholds_visual": np.asarray(thresholds_visual, float).round(4).tolist(),
        **(provenance or {}),
    }
    return PseudoLabels(tuple(keys), audio.astype(np.float32), visual.astype(np.float32), record)


def _check_similarity(name: str, similarity: np.ndarray, video_labels: np.ndarray) -> None:
    videos, categories = video_labels.shape
    if similarity.ndim != 3 or (similarity.shape[0], similarity.shape[2]) != (videos, categories):
        raise ValueError(
            f"{name} is {similarity.shape}; with these video labels it must be ({videos}, T, {categories})"
        )
    finite = np.isfinite(similarity)
    if not finite.all():
        raise ValueError(f"{name} of video {np.argwhere(~finite)[0, 0]} holds a NaN or an infinity")
