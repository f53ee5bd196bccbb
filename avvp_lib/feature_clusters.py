"""Do features of categories form islands? Scores of clusters, in the feature space and in a plane, with intervals over videos.

    points = draw_points(truth, seed=0)                      # one segment for every video and category
    cloud = standardised(features[points.video, points.segment])
    cluster_scores({"features": cloud, "t-SNE": project(cloud, "t-SNE", seed=0)}, points, seed=0)

Segments of one video resemble each other for reasons that have nothing to do with a category. So a video gives at most one point
for a category, and its own points never count as neighbours.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.manifold import TSNE
from sklearn.metrics import pairwise_distances, silhouette_samples
from sklearn.preprocessing import StandardScaler

from avvp_lib.metrics.parsing import Interval

NEIGHBOURS = 10
PERPLEXITY = 30.0
PROJECTIONS = ("t-SNE", "UMAP")


class Points(NamedTuple):
    """Where points come from: each array (P,) int. `category` counts the categories that were asked for."""

    video: np.ndarray
    segment: np.ndarray
    category: np.ndarray


def draw_points(present: np.ndarray, *, seed: int, at_most: int | np.ndarray | None = None) -> Points:
    """One segment, drawn at random, for every video and category that has any.

    Args:
        present: (N, T, C) bool, which segments may stand for a category.
        seed: of the draws.
        at_most: so many videos of each category, drawn at random; one number, or (C,) numbers. None: all of them.

    Raises:
        ValueError: `present` has another shape, or no segment is left.
    """
    if present.ndim != 3:
        raise ValueError(f"points are drawn from (N, T, C) grids, not from shape {present.shape}")
    random = np.random.default_rng(seed)
    limits = np.broadcast_to(len(present) if at_most is None else at_most, present.shape[2])
    lots = np.where(present, random.random(present.shape), -1.0)  # the highest lot of a video wins
    drawn = []
    for category, limit in enumerate(limits):
        videos = random.permutation(np.flatnonzero(present[:, :, category].any(axis=1)))[:limit]
        videos.sort()
        drawn.append((videos, lots[videos, :, category].argmax(axis=1), np.full(len(videos), category)))
    points = Points(*(np.concatenate(parts) for parts in zip(*drawn, strict=True)))
    if not len(points.video):
        raise ValueError("no segment holds any of the categories: there is nothing to draw points from")
    return points


def standardised(features: np.ndarray) -> np.ndarray:
    """Every channel of (P, D) features with mean 0 and deviation 1, float64; a channel that never changes becomes 0."""
    return StandardScaler().fit_transform(np.asarray(features, dtype=np.float64))


def name_tags(features: np.ndarray, categories: np.ndarray, *, seed: int, length: float = 2.0) -> np.ndarray:
    """Features with a vector of their category added: they say which category was *asked for*, and nothing new about the segment.

    Args:
        features: (P, D) float.
        categories: (P,) int, which tag each gets.
        seed: of the directions of the tags.
        length: of a tag, in root mean square distances of the features from their mean.

    Returns:
        (P, D) float64.
    """
    directions = np.random.default_rng(seed).normal(size=(int(categories.max()) + 1, features.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    spread = np.sqrt(np.square(features - features.mean(axis=0)).sum(axis=1).mean())
    return features + length * spread * directions[categories]


def neighbour_purity(
    points: np.ndarray, categories: np.ndarray, videos: np.ndarray, neighbours: int = NEIGHBOURS
) -> np.ndarray:
    """(P,) share of each point's nearest neighbours that have its category; points of its own video are not asked.

    Args:
        points: (P, D) float; distances are Euclidean, and of two that are equal the first point is the nearer.
        categories, videos: (P,) int.
        neighbours: how many are asked.

    Raises:
        ValueError: there are not so many points of other videos; names the video.
    """
    _check_sizes(points, categories, videos)
    rows = _index(videos)
    others = len(videos) - np.bincount(rows)[rows]
    if others.min(initial=neighbours) < neighbours:
        worst = int(others.argmin())
        raise ValueError(
            f"video {videos[worst]} has {others[worst]} points of other videos around it, fewer than {neighbours} neighbours: "
            "draw more points, or ask fewer neighbours"
        )
    distances = pairwise_distances(points)
    distances[videos[:, None] == videos] = np.inf
    nearest = distances.argsort(axis=1, kind="stable")[:, :neighbours]
    return (categories[nearest] == categories[:, None]).mean(axis=1)


def _index(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1]


def _check_sizes(points: np.ndarray, *per_point: np.ndarray) -> None:
    if points.ndim != 2 or any(values.shape != (len(points),) for values in per_point):
        raise ValueError(
            f"points {points.shape} do not go with {', '.join(str(values.shape) for values in per_point)}: need (P, D) and (P,)"
        )


def video_interval(
    scores: np.ndarray, videos: np.ndarray, *, seed: int, confidence: float = 0.95, resamples: int = 2000
) -> Interval:
    """The mean over points, and its percentile bootstrap over videos: a video is drawn with all of its points.

    The scores stay what they are: the interval is for other videos in front of the same cloud. For two clouds of the same points pass
    the difference of their scores.

    Args:
        scores: (P,) float, one a point.
        videos: (P,) int, the video of each.
        seed: of the resampling.
        confidence: probability mass between the bounds.
        resamples: how many.

    Raises:
        ValueError: no points, or numbers that do not fit or are not finite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != videos.shape or scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise ValueError(f"scores {scores.shape} and videos {videos.shape} must be (P,), finite and not empty")
    rows = _index(videos)
    totals, counts = np.bincount(rows, weights=scores), np.bincount(rows)
    number = len(counts)
    times = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), size=resamples)
    means = (times @ totals) / (times @ counts)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(scores.mean()), float(low), float(high))


def cluster_scores(
    spaces: Mapping[str, np.ndarray], points: Points, *, seed: int, neighbours: int = NEIGHBOURS
) -> pd.DataFrame:
    """Silhouette and purity of the same points in several spaces.

    Args:
        spaces: by name, (P, D) float each: a feature space, or a plane.
        points: what the rows are.
        seed: of the intervals.
        neighbours: for `neighbour_purity`.

    Returns:
        Columns space, score ("silhouette" or "purity"), mean, low, high.

    Raises:
        ValueError: fewer than two categories, or sizes that do not fit.
    """
    rows = []
    for space, values in spaces.items():
        _check_sizes(values, *points)
        each = {
            "silhouette": silhouette_samples(values, points.category),
            "purity": neighbour_purity(values, points.category, points.video, neighbours),
        }
        rows += [
            {"space": space, "score": score, **video_interval(scores, points.video, seed=seed)._asdict()}
            for score, scores in each.items()
        ]
    return pd.DataFrame(rows)


def project(points: np.ndarray, method: str, *, seed: int, scale: float = PERPLEXITY) -> np.ndarray:
    """(P, D) to (P, 2) float, by t-SNE or UMAP.

    Args:
        points: (P, D) float, at least four.
        method: "t-SNE", started from the principal components, or "UMAP" on one core; the same seed gives the same plane.
        seed: of the projection.
        scale: how many points count as the surroundings of one: t-SNE's perplexity, UMAP's neighbours; at most a third of the points.

    Raises:
        ValueError: unknown method, or fewer than four points.
    """
    if method not in PROJECTIONS:
        raise ValueError(f"projection {method!r} is unknown: choose one of {', '.join(PROJECTIONS)}")
    if len(points) < 4:
        raise ValueError(f"{len(points)} points are too few to be projected: need four")
    scale = min(scale, (len(points) - 1) / 3)
    if method == "t-SNE":
        return TSNE(perplexity=scale, init="pca", random_state=seed).fit_transform(points)
    from umap import UMAP  # ten seconds of compiling, which scores alone need not pay

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Graph is not fully connected"
        )  # islands that touch nobody are what is looked for
        return UMAP(n_neighbors=max(2, round(scale)), random_state=seed, n_jobs=1).fit_transform(points)
