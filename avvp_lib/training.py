"""Train, predict, evaluate: one loop for every parsing model, on lightning-fabric.

Whole banks sit in memory as tensors, so a batch is an index selection and there are no worker processes. `fit` keeps the weights
of the epoch with the best segment-level Type@AV on the validation split, as the papers do. Given a folder, it can be killed at any
moment and started again.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm.auto import tqdm

from avvp_lib.fit_state import FitState, TrainingFolder, model_digest, tensors_digest, training_code
from avvp_lib.locks import exclusive
from avvp_lib.metrics.parsing import GATES, binarise, parsing_scores
from avvp_lib.models.output import ParsingOutput
from avvp_lib.objectives import Objective, build_objective, factory_of, forward, objective_names
from avvp_lib.provenance import json_digest

SELECTION_SCORE = "segment/Type"
Gate = Literal["global", "modality", "none"]
FEATURE_ROWS = {
    **dict.fromkeys(("audio", "text_audio"), "audio_rows"),
    **dict.fromkeys(("visual_2d", "visual_3d", "text_visual"), "visual_rows"),
}
"""Which row numbers a tensor of features is read through. Labels are read directly."""


@dataclass(frozen=True, eq=False)
class ParsingData:
    """What a parsing model is trained or evaluated on: N videos as tensors, in one order.

    Where the sound of one video goes with the picture of another, row numbers say so, and no feature is held twice. N then counts
    examples, and the features may have another number of rows; `take` brings them together.

    Attributes:
        audio: (N, T', D) float features.
        visual_2d, visual_3d: (N, T', D) float; the latter None for models without it.
        video_labels: (N, C) float 0/1.
        pseudo_audio, pseudo_visual: (N, T, C) float in [0, 1], segment labels to learn from, or None.
        true_audio, true_visual: (N, T, C) bool, dense labels to evaluate against, or None.
        text_audio, text_visual: (N, T, D) float, sentence features of the segments, for models that read text, or None.
        audio_rows: (N,) int64, the row of `audio` and `text_audio` that an example reads; None if each reads its own.
        visual_rows: (N,) int64, the row of `visual_2d`, `visual_3d` and `text_visual`, likewise.

    Raises:
        ValueError: a tensor has the wrong number of axes or of videos, or holds a NaN; names the tensor and the video. Or a row
            number is not among the rows; names the example.
    """

    audio: Tensor
    visual_2d: Tensor
    visual_3d: Tensor | None
    video_labels: Tensor
    pseudo_audio: Tensor | None = None
    pseudo_visual: Tensor | None = None
    true_audio: Tensor | None = None
    true_visual: Tensor | None = None
    text_audio: Tensor | None = None
    text_visual: Tensor | None = None
    audio_rows: Tensor | None = None
    visual_rows: Tensor | None = None

    @property
    def text(self) -> tuple[Tensor, Tensor] | None:
        """What a parsing model's forward calls `text`."""
        return None if self.text_audio is None else (self.text_audio, self.text_visual)

    def __post_init__(self) -> None:
        for name, tensor in self._tensors():
            axes = {"video_labels": 2, "audio_rows": 1, "visual_rows": 1}.get(name, 3)
            if tensor.ndim != axes:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}; it needs {axes} axes, videos first")
            other = self._counted_by(name)
            if len(tensor) != len(getattr(self, other)):
                raise ValueError(f"{name} holds {len(tensor)} videos, {other} {len(getattr(self, other))}")
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                video = int((~torch.isfinite(tensor)).flatten(1).any(1).nonzero()[0])
                raise ValueError(f"{name} of video {video} holds a NaN or an infinity: extract its features again")
        _check_rows("audio_rows", self.audio_rows, len(self.audio))
        _check_rows("visual_rows", self.visual_rows, len(self.visual_2d))

    def _tensors(self) -> list[tuple[str, Tensor]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) is not None]

    def _rows(self, name: str) -> Tensor | None:
        """The row numbers that a tensor is read through; None if example i reads row i."""
        return getattr(self, FEATURE_ROWS[name]) if name in FEATURE_ROWS else None

    def _counted_by(self, name: str) -> str:
        """The tensor that says how many rows another must have."""
        if self._rows(name) is None:
            return "video_labels"
        return "audio" if FEATURE_ROWS[name] == "audio_rows" else "visual_2d"

    def __len__(self) -> int:
        return len(self.video_labels)

    def take(self, indices: Tensor) -> ParsingData:
        """The videos with these indices, all tensors alike; each then has features of its own, whatever rows it read them from."""
        taken = {}
        for name, tensor in self._tensors():
            if name not in FEATURE_ROWS.values():
                rows = self._rows(name)
                taken[name] = tensor[indices if rows is None else rows[indices]]
        return _unchecked(taken)

    def to(self, device: torch.device) -> ParsingData:
        """A copy on another device."""
        return _unchecked({name: tensor.to(device) for name, tensor in self._tensors()})


def _check_rows(name: str, rows: Tensor | None, number: int) -> None:
    """Refuse row numbers that are none of `number` rows; a negative one would count from the end."""
    if rows is None:
        return
    if rows.dtype != torch.int64:
        raise ValueError(f"{name} must be int64, not {rows.dtype}: row numbers of the features")
    outside = ((rows < 0) | (rows >= number)).nonzero()
    if len(outside):
        example = int(outside[0])
        raise ValueError(f"{name} of example {example} is {int(rows[example])}, but the features have {number} rows")


def _unchecked(tensors: dict[str, Tensor]) -> ParsingData:
    """A ParsingData with these tensors, without checking again what was checked once: it is made for every batch."""
    made = object.__new__(ParsingData)
    for tensor in fields(ParsingData):
        object.__setattr__(made, tensor.name, tensors.get(tensor.name))
    return made


@dataclass(frozen=True)
class TrainingRecipe:
    """How a parsing model is trained.

    Attributes:
        loss: an objective by name, see `avvp_lib.objectives`: "video-labels" (HAN's), "segment-labels" (VALOR's), ...;
            "module:function" for one of your own.
        epochs: passes over the training videos.
        batch_size: videos a step.
        optimiser: "adam" or "adamw".
        learning_rate: the peak.
        betas, weight_decay: the optimiser's.
        schedule: "step" multiplies the rate by `step_factor` every `step_epochs`; "warm-up-cosine" rises linearly for
            `warm_up_epochs` and falls along a cosine to `minimum_rate` at the last epoch.
        clip_norm: largest gradient norm, None for no clipping.
        audio_gate, visual_gate: which video-level probability gates the segments when the validation split is scored.
        loss_options: the objective's hyper-parameters, where they are not its defaults.

    Raises:
        ValueError: a name that is not among the choices, or a number that cannot be.
    """

    loss: str
    epochs: int
    batch_size: int
    optimiser: Literal["adam", "adamw"]
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    schedule: Literal["step", "warm-up-cosine"] = "step"
    step_epochs: int = 10
    step_factor: float = 0.1
    warm_up_epochs: int = 10
    minimum_rate: float = 0.0
    clip_norm: float | None = None
    audio_gate: Gate = "global"
    visual_gate: Gate = "global"
    loss_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        losses = [*objective_names(), *([self.loss] if ":" in self.loss else [])]
        choices = {
            "loss": losses, "optimiser": OPTIMISERS, "schedule": SCHEDULES, "audio_gate": GATES, "visual_gate": GATES
        }  # fmt: skip
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: choose one of {', '.join(known)}")
        for name in ("epochs", "batch_size", "step_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1; constant within it, as in the published code."""
        if self.schedule == "step":
            return self.learning_rate * self.step_factor ** ((epoch - 1) // self.step_epochs)
        if epoch < self.warm_up_epochs:
            return self.learning_rate * epoch / self.warm_up_epochs
        progress = (epoch - self.warm_up_epochs) / max(self.epochs - self.warm_up_epochs, 1)
        return self.minimum_rate + (self.learning_rate - self.minimum_rate) * (1 + math.cos(math.pi * progress)) / 2


OPTIMISERS: dict[str, type[torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
SCHEDULES = ("step", "warm-up-cosine")


def _optimiser(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    kind = OPTIMISERS[recipe.optimiser]
    return kind(model.parameters(), lr=recipe.learning_rate, betas=recipe.betas, weight_decay=recipe.weight_decay)


@dataclass(frozen=True)
class FitResult:
    """A trained model and how it got there.

    Attributes:
        model: with the weights of the best epoch, in evaluation mode, on the CPU.
        history: one row an epoch: rate, training loss and the eleven validation scores.
        best_epoch: counted from 1.
    """

    model: nn.Module
    history: pd.DataFrame
    best_epoch: int


def fit(
    model: nn.Module,
    train: ParsingData,
    validation: ParsingData,
    recipe: TrainingRecipe,
    seed: int,
    device: str = "auto",
    precision: str = "32-true",
    folder: Path | None = None,
    progress: bool = True,
) -> FitResult:
    """Train a model and keep the epoch that scores best on the validation split.

    Args:
        model: any parsing model; it is trained in place.
        train: with pseudo-labels if the recipe's loss learns from segments.
        validation: with dense labels.
        recipe: optimiser, schedule, loss.
        seed: order of the videos and dropout; the model's first weights are the caller's.
        device: "auto", "cpu", "cuda" or another accelerator that fabric knows.
        precision: fabric's name, such as "32-true" or "bf16-mixed".
        folder: where the training is kept: history.csv, and after every epoch all that it takes to go on. Called again with the same
            arguments, a training that was interrupted goes on and ends as if it had not been; a finished one is returned at once.
            What another training left there is replaced, with a warning. Two calls for one folder take turns.

    Raises:
        ValueError: labels that the loss or the validation needs are not there, or a model is to be kept whose code is in no file.
        FloatingPointError: the loss is no longer finite; names the epoch.
    """
    if validation.true_audio is None or validation.true_visual is None:
        raise ValueError("the validation data has no dense labels to select the best epoch with")
    fabric = Fabric(accelerator=device, devices=1, precision=precision)
    if folder is None:
        state = _train(fabric, model, train, validation, recipe, seed, None, progress)
    else:
        accelerator = {"accelerator": fabric.device.type, "precision": precision}
        kept = TrainingFolder(Path(folder), _identity(model, train, validation, recipe, seed) | accelerator)
        with exclusive(kept.path):
            state = _train(fabric, model, train, validation, recipe, seed, kept, progress)
    model.load_state_dict(state.best_state)
    return FitResult(model.cpu().eval(), pd.DataFrame(state.history), state.best_epoch)


def _identity(
    model: nn.Module, train: ParsingData, validation: ParsingData, recipe: TrainingRecipe, seed: int
) -> dict[str, str]:
    """All that a training follows from besides the machine, by a name for people."""
    return {
        "recipe": json_digest(asdict(recipe)),
        "seed": str(seed),
        "model": model_digest(model),
        "training data": tensors_digest(train._tensors()),
        "validation data": tensors_digest(validation._tensors()),
        "code": training_code(model, __name__, factory_of(recipe.loss).__module__),
        "version of PyTorch": str(torch.__version__),
    }


def _train(
    fabric: Fabric,
    model: nn.Module,
    train: ParsingData,
    validation: ParsingData,
    recipe: TrainingRecipe,
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
    train, validation = train.to(fabric.device), validation.to(fabric.device)
    objective = build_objective(recipe.loss, train, **recipe.loss_options)
    remaining = range(done + 1, recipe.epochs + 1)
    epochs = tqdm(remaining, "fit", recipe.epochs, initial=done, unit="epoch", disable=not progress)
    for epoch in epochs:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(epoch)
        if hasattr(objective, "start_epoch"):
            objective.start_epoch(epoch)
        loss = _train_epoch(fabric, wrapped, optimiser, train, objective, recipe, order)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the training loss is {loss} in epoch {epoch}: lower the learning rate or clip gradients"
            )
        scores = evaluate(wrapped, validation, recipe.audio_gate, recipe.visual_gate)
        state.add({"epoch": epoch, "learning_rate": recipe.rate(epoch), "loss": loss, **scores}, SELECTION_SCORE)
        epochs.set_postfix(loss=f"{loss:.3f}", Type=f"{scores[SELECTION_SCORE]:.1f}")
        if kept is not None:
            kept.keep(state, finished=epoch == recipe.epochs)
    return state


def _train_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    train: ParsingData,
    objective: Objective,
    recipe: TrainingRecipe,
    order: torch.Generator,
) -> float:
    """One pass over the training videos in random order; returns the mean loss."""
    model.train()
    total = torch.zeros(
        (), device=train.video_labels.device
    )  # summed there: reading it in every step would make a GPU wait
    for indices in torch.randperm(len(train), generator=order).split(recipe.batch_size):
        batch = train.take(indices.to(train.video_labels.device))
        loss = objective(model, batch)
        optimiser.zero_grad()
        fabric.backward(loss)
        if recipe.clip_norm is not None:
            fabric.clip_gradients(model, optimiser, max_norm=recipe.clip_norm, error_if_nonfinite=False)
        optimiser.step()
        total += loss.detach() * len(indices)
    return total.item() / len(train)


@torch.no_grad()
def predict(model: nn.Module, data: ParsingData, batch_size: int = 256) -> ParsingOutput:
    """Run a model over all videos in evaluation mode; the outputs are float32 on the CPU, without extras."""
    model.eval()
    parts = []
    for indices in torch.arange(len(data), device=data.video_labels.device).split(batch_size):
        batch = data.take(indices)
        parts.append(forward(model, batch))
    joined = {
        name: torch.cat([getattr(part, name) for part in parts]).float().cpu()
        for name in ("segment_prob", "segment_logits", "video_prob", "modality_prob")
        if getattr(parts[0], name) is not None
    }
    return replace(parts[0], **joined, extras={})


def predicted_grids(
    model: nn.Module, data: ParsingData, audio_gate: Gate, visual_gate: Gate
) -> tuple[np.ndarray, np.ndarray]:
    """(N, T, C) bool audio and visual predictions: segment probabilities at least 0.5 that pass their gates."""
    output = predict(model, data)
    return binarise(
        output.segment_prob.numpy(),
        output.video_prob.numpy(),
        output.modality_prob.numpy(),
        audio_gate=audio_gate,
        visual_gate=visual_gate,
    )


def evaluate(model: nn.Module, data: ParsingData, audio_gate: Gate, visual_gate: Gate) -> dict[str, float]:
    """The ten LLP scores and their average, in percent.

    The gates are arguments without defaults because papers differ in them (HAN and VALOR: "global" for both; JoMoLD: "modality" for
    both; MM-CSE: "global" and "modality") and scores with different gates cannot be compared.

    Raises:
        ValueError: the data has no dense labels, a gate is unknown, or the model predicts a NaN.
    """
    if data.true_audio is None or data.true_visual is None:
        raise ValueError("the data has no dense labels (true_audio, true_visual) to evaluate against")
    predictions = predicted_grids(model, data, audio_gate, visual_gate)
    return parsing_scores(*predictions, data.true_audio.cpu().numpy(), data.true_visual.cpu().numpy())
