"""Numbers as charts: how often categories occur, and how good labels, models and experiments are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.figures.style import (
    AUDIO,
    GREY,
    LINE_COLOURS,
    MODALITY_COLOURS,
    VISUAL,
    WIDTH,
    new_figure,
    readable,
    styled,
)
from avvp_lib.figures.training_curves import training_curves


@styled
def class_frequencies(counts: Mapping[str, np.ndarray], categories: Sequence[str], ylabel: str) -> Figure:
    """How often each category occurs, most frequent first.

    Args:
        counts: by series name, (C,) numbers; the first series decides the order.
        categories: C names.
        ylabel: what is counted.
    """
    order = np.argsort(-np.asarray(next(iter(counts.values()))), kind="stable")
    figure = new_figure(WIDTH, 4.4)
    axes = figure.subplots()
    width = 0.84 / len(counts)
    for i, (name, numbers) in enumerate(counts.items()):
        colour = MODALITY_COLOURS.get(name, LINE_COLOURS[(i + 3) % len(LINE_COLOURS)])
        x = np.arange(len(order)) - 0.42 + (i + 0.5) * width
        axes.bar(x, np.asarray(numbers)[order], width, label=name, color=colour)
    axes.set_xticks(
        range(len(order)), [readable(categories[c]) for c in order], rotation=45, ha="right", rotation_mode="anchor"
    )
    axes.set_ylabel(ylabel)
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.grid(axis="y", color="#DDDDDD")
    if len(counts) > 1:
        axes.legend()
    return figure


@styled
def precision_and_recall(table: pd.DataFrame, level: str = "segment") -> Figure:
    """Precision and recall of each category, audio (left) and visual (right): where labels are wrong, and in which way.

    Args:
        table: of `metrics.per_class_scores`: columns level, modality, category, true_positives, false_positives,
            false_negatives.
        level: "segment" or "event".
    """
    table = table[table["level"] == level]
    names = list(dict.fromkeys(table["category"]))
    figure = new_figure(WIDTH, 0.27 * len(names) + 1.5)
    y = np.arange(len(names))
    for axes, modality, key in zip(figure.subplots(1, 2, sharey=True), MODALITIES, "AV", strict=True):
        mine = table[table["modality"] == key].set_index("category").loc[names]
        hits = mine["true_positives"].to_numpy(float)
        with np.errstate(invalid="ignore"):
            precision = 100 * hits / (hits + mine["false_positives"].to_numpy())
            recall = 100 * hits / (hits + mine["false_negatives"].to_numpy())
        axes.hlines(y, precision, recall, color="#AAAAAA")
        colour = MODALITY_COLOURS[modality]
        axes.scatter(precision, y, s=60, color=colour, label="precision", zorder=2)
        axes.scatter(recall, y, s=90, facecolor="none", edgecolor=colour, marker="D", label="recall", zorder=2)
        axes.set_title(modality, color=colour, fontweight="bold")
        axes.set(xlim=(-3, 103), xlabel="percent of segments" if level == "segment" else "percent of events")
        axes.set_yticks(y, [readable(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(color="#E5E5E5")
        axes.tick_params(axis="y", length=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def learning_curves(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Training loss and validation scores over epochs, one line a model; a ring marks the epoch that was kept.

    Args:
        histories: by title, as `training.fit` returns them: columns epoch, loss, "segment/A", "segment/V" and
            "segment/Type" in percent.
    """
    panels = {"loss": "training loss", "segment/A": "audio", "segment/V": "visual", "segment/Type": "Type@AV"}
    figure, axes = training_curves(histories, panels, "segment/Type")
    for panel in axes[2:]:
        panel.sharey(axes[1])
    axes[1].autoscale_view(scalex=False)  # over all panels that share the axis
    axes[1].set_ylabel("validation F in percent")
    return figure


@styled
def results_dots(table: pd.DataFrame) -> Figure:
    """Segment-level Type@AV of each experiment with its 95 % interval, and the audio and visual scores beside it.

    Args:
        table: of `reports.results_table`: one row an experiment, with columns seeds (0 for what was not trained: drawn
            hollow and grey), "segment/Type", "segment/A", "segment/V" and "Type interval" ("low ... high"), in percent.
    """
    figure = new_figure(WIDTH, 0.42 * len(table) + 1.4)
    axes = figure.subplots()
    y = np.arange(len(table))
    bounds = table["Type interval"].str.split(" ... ", expand=True, regex=False).to_numpy(float)
    trained = table["seeds"].to_numpy() > 0
    axes.scatter(table["segment/A"], y, marker="|", s=160, color=AUDIO, linewidth=2.5, label="audio")
    axes.scatter(table["segment/V"], y, marker="|", s=160, color=VISUAL, linewidth=2.5, label="visual")
    for chosen, face, ink, label in (
        (trained, "black", "black", "Type@AV, trained"),
        (~trained, "white", GREY, "Type@AV, not trained"),
    ):
        axes.hlines(y[chosen], *bounds[chosen].T, color=ink, linewidth=2.5)
        axes.scatter(
            table["segment/Type"][chosen], y[chosen], s=90, facecolor=face, edgecolor=ink, zorder=3, label=label
        )
    axes.set_yticks(y, table.index)
    for tick, strong in zip(axes.get_yticklabels(), trained, strict=True):
        tick.set(color="black" if strong else GREY)
    axes.set(
        ylim=(len(table) - 0.4, -0.6),
        xlim=(-2, 102),
        xlabel="segment-level F in percent (line: 95 % interval of Type@AV)",
    )
    axes.grid(axis="x", color="#E5E5E5")
    axes.tick_params(axis="y", length=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
