"""What a teacher's labels of a segment mean, as text: the input of MUG's pseudo-label semantic interaction (Eq. 6).

The text feature of a segment is the mean of the sentence embeddings of its positive categories, each of length 1; a segment
without a positive category gets zeros, in whose place MUG puts a learned vector.

Labels for this purpose are NOT gated by the video label: a test video has none that a model may read. Gated labels may be used in
training, but then a model meets other text at test time than it learned from: gating removes every false alarm outside the video label.
"""

from __future__ import annotations

import numpy as np

from avvp_lib.pseudo_labels.zero_shot import fit_thresholds

POSITIVE = 0.5
"""A soft label of at least this much is positive."""


def ungated_thresholds(similarity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For each category the threshold with the best segment F-score among ALL videos, for labels that nothing gates.

    Thresholds that were fitted for gated labels are far too low here: they leave it to the video label to keep a category out.

    Args:
        similarity: (N, T, C) float of a densely labelled split.
        truth: (N, T, C) bool of the same split and modality.

    Returns:
        (C,) float32; use with a strict `>`.

    Raises:
        ValueError: see `fit_thresholds`.
    """
    return fit_thresholds(similarity, truth, np.ones((len(truth), truth.shape[-1]), bool))


def ungated_labels(similarity: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Zero-shot labels without a look at the video labels: similarity strictly above the category's threshold.

    Args:
        similarity: (N, T, C) float, see `text_similarity`.
        thresholds: (C,) float, see `ungated_thresholds`.

    Returns:
        (N, T, C) bool.

    Raises:
        ValueError: shapes do not fit, or a number is not finite.
    """
    if similarity.ndim != 3 or np.shape(thresholds) != similarity.shape[2:]:
        raise ValueError(
            f"similarity {similarity.shape} and thresholds {np.shape(thresholds)} are not (N, T, C) and (C,)"
        )
    _check_finite("similarity of video", similarity)
    _check_finite("threshold of category", thresholds)
    return similarity > thresholds


def text_features(labels: np.ndarray, sentences: np.ndarray) -> np.ndarray:
    """Mean sentence of the positive categories of every segment.

    Args:
        labels: (N, T, C) bool, or float in [0, 1], where 0.5 and more is positive.
        sentences: (C, D) float, embeddings of the categories' sentences; need not have unit length.

    Returns:
        (N, T, D) float32; at most 1 long, and zeros for a segment without a positive category.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or a sentence is zero.
    """
    if labels.ndim != 3 or sentences.ndim != 2 or len(sentences) != labels.shape[2]:
        raise ValueError(f"labels {labels.shape} and sentences {sentences.shape} are not (N, T, C) and (C, D)")
    _check_finite("label of video", labels)
    _check_finite("sentence of category", sentences)
    lengths = np.linalg.norm(sentences, axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(f"sentence of category {int(np.argmin(lengths))} is zero: embed the sentences again")
    positive = (labels >= POSITIVE).astype(np.float32)
    count = positive.sum(axis=2, keepdims=True)
    return (positive @ (sentences / lengths).astype(np.float32)) / np.maximum(count, 1)


def _check_finite(what: str, array: np.ndarray) -> None:
    """ValueError that names the first row with a NaN or an infinity."""
    finite = np.isfinite(array)
    if not finite.all():
        raise ValueError(f"{what} {np.argwhere(~finite)[0, 0]} holds a NaN or an infinity")
