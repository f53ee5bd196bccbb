"""Whether probabilities mean what they say: how often a segment is true that a model calls 70 % certain."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.figures.style import LINE_COLOURS, MARKERS, MODALITY_COLOURS, WIDTH, new_figure, styled
from avvp_lib.pseudo_labels.calibration import reliability


@styled
def reliability_curves(
    predictions: Mapping[str, np.ndarray],
    truth: tuple[np.ndarray, np.ndarray],
    bins: int = 10,
    at_least: int = 20,
    cells: np.ndarray | None = None,
) -> Figure:
    """Share of true segments among those with about the same probability, a panel a modality.

    A calibrated model lies on the diagonal; below it, a model claims more than is true.

    Args:
        predictions: by title, (N, T, 2, C) segment probabilities in [0, 1], index 0 = audio.
        truth: audio and visual, each (N, T, C) bool.
        bins: how many intervals of equal width; the last one holds 1.
        at_least: cells (a category in a segment) that an interval needs to be shown; the share of fewer says little.
        cells: (N, T, C) bool or broadcastable, the cells that count, such as those a video label admits; None counts all.

    Raises:
        ValueError: predictions do not fit the truth, names the model; or they are outside [0, 1].
    """
    wanted = (*truth[0].shape[:2], 2, truth[0].shape[2])
    for title, segment_prob in predictions.items():
        if segment_prob.shape != wanted:
            raise ValueError(f"the predictions of {title!r} have shape {segment_prob.shape}; the truth needs {wanted}")
    figure = new_figure(WIDTH, 5.2)
    for m, axes in enumerate(figure.subplots(1, 2, sharey=True)):
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--", label="calibrated")
        axes.axvline(0.5, color="black", linewidth=1, linestyle=":")
        for i, (title, segment_prob) in enumerate(predictions.items()):
            table = reliability(segment_prob[:, :, m], truth[m], cells, bins)
            enough = table[table["cells"] >= at_least]
            marker, colour = MARKERS[i % len(MARKERS)], LINE_COLOURS[i % len(LINE_COLOURS)]
            axes.plot(enough["probability"], enough["share"], marker=marker, color=colour, label=title)
        axes.set_title(MODALITIES[m], color=MODALITY_COLOURS[MODALITIES[m]], fontweight="bold")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="segment probability", aspect="equal")
        axes.grid(color="#E5E5E5")
        if m == 0:
            axes.set_ylabel("share that is true")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
