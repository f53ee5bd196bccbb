"""Train a pseudo-label generator on a corpus that labels audio-visual events alone. EAR's stage 1.

    EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing. arXiv:2605.08723, Section III-B.

The text does not say which epoch is kept. Here it is the one whose p_a^dyn p_v^dyn ranks the validation split of the source corpus
best (mean average precision against its audio-visual labels): the same score for every row of Table IV, of the branch that stage 2
uses, and without a look at the target corpus.
"""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor
from tqdm.auto import tqdm

import avvp_lib
from avvp_lib.corpora.corpus import CorpusSplit
from avvp_lib.features.bank import FeatureBank
from avvp_lib.fit_state import FitState, TrainingFolder, model_digest, tensors_digest, training_code
from avvp_lib.locks import exclusive
from avvp_lib.losses.generation import GenerationTargets, build_terms, generation_loss
from avvp_lib.models.generator import LabelGenerator, present_segments
from avvp_lib.provenance import json_digest
from avvp_lib.pseudo_labels.generation import PseudoLabelGenerator, check_features
from avvp_lib.pseudo_labels.generator_recipes import GeneratorRecipe
from avvp_lib.pseudo_labels.migration import migrate_labels

SELECTION_SCORE = "audio-visual mAP"


@dataclass(frozen=True, eq=False)
class GenerationData:
    """A split of an audio-visual corpus as tensors: N videos, T segments, C classes.

    Attributes:
        audio: (N, T, audio_dim) float, zeros behind the end of a video.
        visual: (N, T, visual_dim) float.
        audio_visual: (N, T, C) float 0/1, events that are heard and seen at once.
        lengths: (N,) int64, segments of each video.
        text_audio: (C, audio_dim) float, what the audio teacher makes of the class names.
        text_visual: (C, visual_dim) float.

    Raises:
        ValueError: shapes do not fit each other, a value is not finite, a video is empty, or a label lies behind the end of its video.
    """

    audio: Tensor
    visual: Tensor
    audio_visual: Tensor
    lengths: Tensor
    text_audio: Tensor
    text_visual: Tensor

    def __post_init__(self) -> None:
        check_features(self.audio, self.visual, self.text_audio, self.text_visual, self.lengths)
        wanted = (*self.audio.shape[:2], len(self.text_audio))
        if self.audio_visual.shape != wanted:
            raise ValueError(
                f"audio_visual has shape {tuple(self.audio_visual.shape)}; these features and class names need {wanted}"
            )
        if not ((self.audio_visual == 0) | (self.audio_visual == 1)).all():
            raise ValueError("audio_visual must hold 0 and 1 alone")
        beyond = (self.audio_visual.bool() & ~self.present[..., None]).flatten(1).any(1)
        if beyond.any():
            raise ValueError(f"video {int(beyond.nonzero()[0])} has a label behind its end: check lengths")

    def __len__(self) -> int:
        return len(self.audio)

    @property
    def present(self) -> Tensor:
        """(N, T) bool, which segments belong to their video."""
        return present_segments(self.lengths, self.audio.shape[1])

    def named(self) -> list[tuple[str, Tensor]]:
        """All tensors with their names, for a fingerprint."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


def generation_data(
    split: CorpusSplit, audio: FeatureBank, visual: FeatureBank, text_audio: np.ndarray, text_visual: np.ndarray
) -> GenerationData:
    """A split with audio-visual labels and its features, joined by id and cut to its longest video.

    Args:
        split: with `audio_visual` and `lengths` (None: all segments belong to their videos).
        audio, visual: banks of segments, zeros behind the end of a video.
        text_audio, text_visual: (C, D) float, of the corpus's categories in their order.

    Raises:
        ValueError: the split has no audio-visual labels, or a bank has fewer segments than its videos; BankError: no features of a
            video.
    """
    if split.audio_visual is None:
        raise ValueError(
            f"the split {split.name!r} has no audio-visual labels, which are all that a generator learns from"
        )
    segments = split.audio_visual.shape[1]
    lengths = np.full(len(split), segments) if split.lengths is None else split.lengths
    longest = int(lengths.max(initial=0))
    features = []
    for bank in (audio, visual):
        rows = bank.take(split.keys)
        if rows.shape[1] < longest:
            raise ValueError(f"{bank.card.name} has {rows.shape[1]} segments a video, and a video has {longest}")
        features.append(torch.from_numpy(rows[:, :longest]))
    labels = torch.from_numpy(split.audio_visual[:, :longest]).float()
    texts = (torch.as_tensor(text, dtype=torch.float32) for text in (text_audio, text_visual))
    return GenerationData(*features, labels, torch.as_tensor(lengths, dtype=torch.int64), *texts)


@dataclass(frozen=True)
class GeneratorFit:
    """A trained generator and how it got there.

    Attributes:
        generator: with the weights of the best epoch.
        history: one row an epoch: rate, training loss, and the score on the validation split in percent.
        best_epoch: counted from 1.
    """

    generator: PseudoLabelGenerator
    history: pd.DataFrame
    best_epoch: int


def fit_generator(
    recipe: GeneratorRecipe,
    train: GenerationData,
    validation: GenerationData,
    seed: int,
    about: dict[str, Any] | None = None,
    device: str = "auto",
    folder: Path | None = None,
    progress: bool = True,
) -> GeneratorFit:
    """Train a generator and keep the epoch that ranks the validation split best.

    Args:
        recipe: loss, migration, schedule.
        train, validation: splits of the source corpus, with the same class names.
        seed: first weights, order of the videos, dropout.
        about: plain values that the generator is to remember: its corpus, classes and banks.
        device: "auto", "cpu", "cuda" or another accelerator that fabric knows.
        folder: where the training is kept, as `avvp_lib.training.fit` does: an interrupted one goes on, a finished one is returned at
            once, and what another training left there is replaced, with a warning.
        progress: show a bar.

    Raises:
        ValueError: no training or no validation segment has a label, or the splits do not fit each other.
        FloatingPointError: the loss is no longer finite; names the epoch.
    """
    _check_labelled(train, validation)
    fabric = Fabric(accelerator=device, devices=1, precision="32-true")
    torch.manual_seed(seed)
    widths = {"audio_dim": train.audio.shape[2], "visual_dim": train.visual.shape[2], **recipe.widths}
    model = LabelGenerator(**widths)
    model.centre(train.audio, train.visual, train.text_audio, train.text_visual, train.present)
    if folder is None:
        state = _train(fabric, model, train, validation, recipe, seed, None, progress)
    else:
        identity = _identity(model, train, validation, recipe, seed) | {"accelerator": fabric.device.type}
        kept = TrainingFolder(Path(folder), identity)
        with exclusive(kept.path):
            state = _train(fabric, model, train, validation, recipe, seed, kept, progress)
    model.load_state_dict(state.best_state)
    made = {
        "recipe": recipe.plain(),
        "seed": seed,
        "best_epoch": state.best_epoch,
        SELECTION_SCORE: state.history[state.best_epoch - 1][SELECTION_SCORE],
        "versions": {
            "avvp": avvp_lib.__version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }
    generator = PseudoLabelGenerator(model.cpu().eval(), made | (about or {}))
    return GeneratorFit(generator, pd.DataFrame(state.history), state.best_epoch)


def _check_labelled(train: GenerationData, validation: GenerationData) -> None:
    for name, data in (("training", train), ("validation", validation)):
        if not data.audio_visual.any():
            raise ValueError(
                f"no segment of the {name} videos has a label: a generator learns from audio-visual events, so check the annotations"
            )
    for name in ("audio", "visual", "text_audio", "text_visual"):
        mine, other = getattr(train, name).shape, getattr(validation, name).shape
        wrong = mine[2] != other[2] if name in ("audio", "visual") else mine != other
        if wrong:
            raise ValueError(f"{name} of the training split is {tuple(mine)}, of the validation split {tuple(other)}")


def _identity(
    model: LabelGenerator, train: GenerationData, validation: GenerationData, recipe: GeneratorRecipe, seed: int
) -> dict[str, str]:
    """All that a training follows from besides the machine, by a name for people."""
    return {
        "recipe": json_digest(recipe.plain() | {"name": "", "title": ""}),
        "seed": str(seed),
        "model": model_digest(model),
        "training data": tensors_digest(train.named()),
        "validation data": tensors_digest(validation.named()),
        "code": training_code(model, __name__),
        "version of PyTorch": str(torch.__version__),
    }


def _train(
    fabric: Fabric,
    model: LabelGenerator,
    train: GenerationData,
    validation: GenerationData,
    recipe: GeneratorRecipe,
    seed: int,
    kept: TrainingFolder | None,
    progress: bool,
) -> FitState:
    """The epochs that are not done yet, each kept when it is."""
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    wrapped, optimiser = fabric.setup(model, _optimiser(model, recipe))
    state = FitState(model, optimiser, fabric.strategy.precision, order, fabric.device)
    if kept is not None:
        kept.go_on(state)
    done = len(state.history)
    remaining = range(done + 1, recipe.epochs + 1)
    if not remaining:
        return state
    tensors = dict(train.named())
    migrated = {} if recipe.scope == "batch" else migrated_labels(recipe, tensors, train.present)
    tensors |= {f"migrated_{modality}": labels for modality, labels in migrated.items()}
    epochs = tqdm(remaining, "fit generator", recipe.epochs, initial=done, unit="epoch", disable=not progress)
    for epoch in epochs:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(epoch) * group["factor"]
        loss = _train_epoch(fabric, wrapped, optimiser, tensors, recipe, order)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the training loss is {loss} in epoch {epoch}: lower the learning rate")
        score = audio_visual_score(model, validation)
        state.add(
            {"epoch": epoch, "learning_rate": recipe.rate(epoch), "loss": loss, SELECTION_SCORE: score}, SELECTION_SCORE
        )
        epochs.set_postfix(loss=f"{loss:.3f}", mAP=f"{score:.1f}")
        if kept is not None:
            kept.keep(state, finished=epoch == recipe.epochs)
    return state


def _optimiser(model: LabelGenerator, recipe: GeneratorRecipe) -> torch.optim.Optimizer:
    """AdamW; scales and biases of the cosines learn faster, and nothing draws them towards zero."""
    affine = [model.scale, model.bias]
    others = [parameter for name, parameter in model.named_parameters() if name not in ("scale", "bias")]
    groups = [
        {"params": others, "factor": 1.0, "weight_decay": recipe.weight_decay},
        {"params": affine, "factor": recipe.affine_factor, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def _train_epoch(
    fabric: Fabric,
    model: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    train: dict[str, Tensor],
    recipe: GeneratorRecipe,
    order: torch.Generator,
) -> float:
    """One pass over the training videos in random order; returns the mean loss."""
    model.train()
    terms = build_terms(recipe.products, recipe.lambda_audio, recipe.lambda_visual)
    texts = [train[name].to(fabric.device) for name in ("text_audio", "text_visual")]
    number, total = len(train["audio"]), torch.zeros((), device=fabric.device)
    for indices in torch.randperm(number, generator=order).split(recipe.batch_size):
        longest = int(train["lengths"][indices].max())
        batch = {
            name: tensor[indices, :longest].to(fabric.device) for name, tensor in train.items() if tensor.ndim == 3
        }
        present = present_segments(train["lengths"][indices], longest).to(fabric.device)
        migrated = {m: batch.get(f"migrated_{m}") for m in recipe.migrates}
        if recipe.scope == "batch":
            migrated = migrated_labels(recipe, batch, present)
        targets = GenerationTargets(batch["audio_visual"], present, **migrated)
        loss = generation_loss(terms, model(batch["audio"], batch["visual"], *texts, present), targets)
        optimiser.zero_grad()
        fabric.backward(loss)
        optimiser.step()
        total += loss.detach() * len(indices)
    return total.item() / number


def migrated_labels(recipe: GeneratorRecipe, tensors: dict[str, Tensor], present: Tensor) -> dict[str, Tensor]:
    """Migrated labels of the modalities that a recipe learns from. Eq. 1 and 2.

    Args:
        recipe: thresholds and scope. "batch" takes all videos given for one batch.
        tensors: "audio" and "visual" (B, T, D), "audio_visual" (B, T, C) 0/1.
        present: (B, T) bool; the others neither give nor receive.

    Returns:
        By modality, (B, T, C) float32 in [0, 1], zeros where nothing is present.
    """
    videos = torch.arange(len(present), device=present.device)[:, None].expand(present.shape)[present]
    groups = {"batch": torch.zeros_like(videos), "video": videos, "corpus": None}[recipe.scope]
    found = {}
    for modality in recipe.migrates:
        threshold = getattr(recipe, f"threshold_{modality}")
        moved = migrate_labels(
            tensors[modality][present], tensors["audio_visual"][present], threshold, scope=recipe.scope, groups=groups
        )
        found[modality] = torch.zeros_like(tensors["audio_visual"], dtype=torch.float32)
        found[modality][present] = moved.labels
    return found


def audio_visual_score(model: LabelGenerator, data: GenerationData) -> float:
    """Mean average precision of p_a^dyn p_v^dyn against the audio-visual labels, in percent, over the present segments."""
    generator = PseudoLabelGenerator(model, {})
    audio, visual = generator.probabilities(data.audio, data.visual, data.text_audio, data.text_visual, data.lengths)
    present = data.present.numpy()
    return 100 * mean_average_precision((audio * visual)[present], data.audio_visual.numpy()[present] > 0)


def mean_average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean over classes of the average precision: of the precision at every true segment when segments are ranked by score.

    Equal scores rank together. Classes without a true segment do not count.

    Args:
        scores: (M, C) float.
        truth: (M, C) bool.

    Raises:
        ValueError: shapes differ, or no class has a true segment.
    """
    if scores.shape != truth.shape or scores.ndim != 2:
        raise ValueError(f"scores are {scores.shape}, truth {truth.shape}: both must be (segments, classes)")
    found = [_average_precision(scores[:, c], truth[:, c]) for c in np.flatnonzero(truth.any(0))]
    if not found:
        raise ValueError("no class has a true segment, so there is no precision to average")
    return float(np.mean(found))


def _average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(truth[order])
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)  # of each group of equal scores
    precision, recalled = hits[last] / (last + 1), np.diff(hits[last], prepend=0)
    return float((precision * recalled).sum() / truth.sum())
