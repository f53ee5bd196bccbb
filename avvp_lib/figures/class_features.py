"""Features of categories: where they lie in a plane, and how a learned weight differs between two kinds of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from avvp_lib.figures.style import LINE_COLOURS, MARKERS, MODALITY_COLOURS, WIDTH, new_figure, readable, styled

BINS = 30


@styled
def feature_planes(
    planes: Mapping[str, tuple[np.ndarray, np.ndarray]], categories: Sequence[str], across: int | None = None
) -> Figure:
    """Points in a plane, a panel for each set of features; colour and marker say the category.

    Axes have no numbers: neither t-SNE's nor those of any other projection mean anything by themselves.

    Args:
        planes: by title, the points (N, 2) float and their categories (N,) int, indices of `categories`.
        categories: at most seven names, for there are no more colours that can be told apart.
        across: how many panels stand in a row; all of them if it is not given.

    Raises:
        ValueError: too many categories, or points and categories that do not fit; names the plane.
    """
    if len(categories) > len(LINE_COLOURS):
        raise ValueError(f"{len(categories)} categories, but only {len(LINE_COLOURS)} colours: choose fewer categories")
    for title, (points, labels) in planes.items():
        if points.shape != (len(labels), 2):
            raise ValueError(f"the plane {title!r} has points {points.shape} for {len(labels)} categories; need (N, 2)")
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(categories):
            raise ValueError(
                f"the plane {title!r} has categories {labels.min()} to {labels.max()} of {len(categories)}"
            )
    across = across or len(planes)
    down = -(-len(planes) // across)
    figure = new_figure(WIDTH, down * (WIDTH / max(across, 2) + 0.3) + 0.6)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(planes) :]:
        axes.remove()
    for axes, (title, (points, labels)) in zip(panels, planes.items(), strict=False):
        for category, name in enumerate(categories):
            x, y = points[labels == category].T
            style = {
                "color": LINE_COLOURS[category],
                "marker": MARKERS[category],
                "s": 36,
                "alpha": 0.7,
                "linewidth": 0,
            }
            axes.scatter(x, y, label=readable(name), **style)
        axes.set_title(title)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color("#BBBBBB")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


@styled
def weight_histograms(
    weights: Mapping[str, np.ndarray], member: Mapping[str, np.ndarray], words: tuple[str, str], xlabel: str
) -> Figure:
    """How a weight in [0, 1] is distributed in two groups of segments, each group as shares; a panel a modality.

    Args:
        weights: by modality, (N, T) float.
        member: by the same modalities, (N, T) bool, which group a segment belongs to.
        words: what the members are called, then the others.
        xlabel: what the weight is.

    Raises:
        ValueError: weights and members differ in shape; names the modality.
    """
    figure = new_figure(WIDTH, 3.9)
    for axes, (modality, values) in zip(
        figure.subplots(1, len(weights), squeeze=False)[0], weights.items(), strict=True
    ):
        if values.shape != member[modality].shape:
            raise ValueError(f"{modality} has weights {values.shape} but members {member[modality].shape}")
        colour, bins = MODALITY_COLOURS[modality], np.linspace(values.min(), values.max(), BINS + 1)
        inside, outside = values[member[modality]], values[~member[modality]]
        for group, word, style in (
            (outside, words[1], {"color": "#BBBBBB"}),
            (inside, words[0], {"color": colour, "histtype": "step", "linewidth": 2.5}),
        ):
            shares = np.full(len(group), 1 / max(len(group), 1))
            axes.hist(group, bins, weights=shares, label=f"{word} ({len(group):,} segments)", **style)
        axes.set_title(modality, color=colour, fontweight="bold")
        axes.set(xlabel=xlabel, ylabel="share of the group's segments")
        axes.margins(y=0.3)  # room for the legend
        axes.legend(loc="upper left")
    return figure
