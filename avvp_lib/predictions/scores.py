"""Score predictions on a split of a corpus, and make those of our own models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
from torch import nn

from avvp_lib.bench import Bench
from avvp_lib.corpora import Corpus, CorpusSplit
from avvp_lib.metrics.parsing import parsing_scores
from avvp_lib.predictions.arrays import Predictions, check_names, some
from avvp_lib.predictions.videos import annotation_ids, dense_split, stranger
from avvp_lib.training import predict


@dataclass(frozen=True)
class PredictionScores:
    """What predictions score on a split.

    Attributes:
        corpus, split: what they were scored on.
        used, official: how many videos were scored, and how many the split has.
        left_out: annotation ids of the videos without predictions.
        audio_version: of LLP's audio labels, which exist in two versions; None for other corpora.
        scores: by pair of gates ("global/modality": audio, then visual), or "decisions": the eleven scores in percent.
    """

    corpus: str
    split: str
    used: int
    official: int
    left_out: tuple[str, ...]
    audio_version: str | None
    scores: dict[str, dict[str, float]]

    def table(self) -> pd.DataFrame:
        """(11 scores, a column a pair of gates), in percent."""
        return pd.DataFrame(self.scores)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON can hold it."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"left_out": list(self.left_out)}

    def __str__(self) -> str:
        version = f", audio labels {self.audio_version}" if self.audio_version else ""
        head = f"{self.corpus}, split {self.split}: {self.used:,} of {self.official:,} videos{version}; F-scores in percent"
        if "decisions" not in self.scores:
            head += "; columns are the gates of audio/visual"
        if self.left_out:
            head += f"\nwithout predictions and left out: {some(self.left_out)}"
        return f"{head}\n\n{self.table().to_string(float_format=lambda value: f'{value:.2f}')}"


def score_predictions(
    predictions: Predictions, corpus: Corpus, split: str = "test", partial: bool = False
) -> PredictionScores:
    """Score predictions on a split of a corpus, joined by the names of videos and categories.

    Args:
        predictions: decisions, or probabilities, which are scored under each of their `gates`.
        corpus: with dense labels for the split.
        split: its name.
        partial: score the videos that are there instead of refusing predictions that lack some.

    Raises:
        ValueError: an unknown, repeated or missing video or category, another number of segments, or a split without dense labels;
            names them.
    """
    part = dense_split(corpus, split)
    if predictions.segments != part.audio.shape[1]:
        raise ValueError(
            f"the predictions have {predictions.segments} segments a video, {corpus.name} {part.audio.shape[1]}"
        )
    columns = _category_columns(predictions.categories, corpus)
    rows, left_out = _video_rows(predictions.videos, corpus, part, partial)
    order = sorted(
        range(len(rows)), key=rows.__getitem__
    )  # of the split, so that sums round alike whatever order a file has
    aligned, truth = predictions.take(order, columns), part.subset(sorted(rows))
    decided = {"decisions": aligned} if not aligned.gates else {
        f"{audio}/{visual}": aligned.decide(audio, visual) for audio, visual in aligned.gates
    }  # fmt: skip
    scores = {
        name: parsing_scores(made.audio, made.visual, truth.audio, truth.visual) for name, made in decided.items()
    }
    version = corpus.provenance.get("audio_version")
    return PredictionScores(corpus.name, split, len(rows), len(part), left_out, version, scores)


def _video_rows(
    names: Sequence[str], corpus: Corpus, part: CorpusSplit, partial: bool
) -> tuple[list[int], tuple[str, ...]]:
    """For each predicted video its row in the split, and the split's videos that were not predicted."""
    known = annotation_ids(part)
    unknown = [name for name in names if name not in known]
    if unknown:
        more = f" ({len(unknown)} of {len(names)} videos are not of the split)" if len(unknown) > 1 else ""
        raise ValueError(stranger(unknown[0], corpus, part) + more)
    videos = [known[name] for name in names]
    check_names("videos (by annotation id and by feature key)", videos)
    predicted = set(videos)
    left_out = tuple(video for video in part.videos if video not in predicted)
    if left_out and not partial:
        raise ValueError(
            f"{len(left_out)} of the {len(part)} videos of {corpus.name}'s split {part.name!r} have no predictions: {some(left_out)}. "
            "Predict them too, or score those that are there with --partial"
        )
    place = {video: row for row, video in enumerate(part.videos)}
    return [place[video] for video in videos], left_out


def _category_columns(names: Sequence[str], corpus: Corpus) -> list[int]:
    """For each category of the corpus its index among the predictions'."""
    missing = [name for name in corpus.categories if name not in names]
    unknown = [name for name in names if name not in corpus.categories]
    if missing or unknown:
        parts = [f"they lack {some(missing)}"] if missing else []
        parts += [f"{corpus.name} does not know {some(unknown)}"] if unknown else []
        raise ValueError(
            f"the predictions are of other categories: {'; '.join(parts)}. The names must be those of the corpus"
        )
    return [names.index(name) for name in corpus.categories]


def predict_split(model: nn.Module, bench: Bench, split: str = "test") -> Predictions:
    """Probabilities of a model for all videos of a split that have features, named by annotation id.

    Raises:
        ValueError: the model was built for other features or categories than the bench has; names width and backbone.
    """
    size, widths = bench.profile, getattr(model, "widths", {})
    offered = {name: bench.banks[backbone].card.output_shape[1] for name, backbone in (
        ("audio_dim", size.audio), ("visual_2d_dim", size.visual_2d), ("visual_3d_dim", size.visual_3d)
    )} | {"classes": len(bench.corpus.categories)}  # fmt: skip
    wrong = [
        f"{name} is {widths[name]}, not {offered[name]}"
        for name in offered
        if widths.get(name, offered[name]) != offered[name]
    ]
    if wrong:
        raise ValueError(
            f"the model was built for other data than {bench.corpus.name} with the features {size.audio}, {size.visual_2d} and "
            f"{size.visual_3d}: its {'; its '.join(wrong)}. Choose the profile it was trained with"
        )
    output, part = predict(model, bench.data(split)), bench.split(split)
    return Predictions(
        part.videos,
        bench.corpus.categories,
        segment_prob=output.segment_prob.numpy(),
        video_prob=output.video_prob.numpy(),
        modality_prob=output.modality_prob.numpy(),
    )


def refuse_gaps(bench: Bench, split: str) -> None:
    """Refuse a bench that leaves videos of the split out, where a video without a row would count as one without events.

    Raises:
        ValueError: names the videos.
    """
    left_out = bench.corpus.provenance.get("coverage", {}).get(split, {}).get("left_out", ())
    if left_out:
        raise ValueError(
            f"{len(left_out)} videos of {bench.corpus.name}'s split {split!r} lack features: {some(left_out)}. A .csv cannot say that they "
            "were not predicted: write an .npz and score it with --partial, or get their features"
        )
