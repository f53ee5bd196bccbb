"""Train, predict, evaluate: the loop for audio-visual segmentation, on lightning-fabric.

A step is a forward and backward pass over a few clips at a time, whose gradients are summed (`micro_batch`), weighted by their labelled
frames: the gradient is that of the whole step, whatever fits into memory and however many devices share it. Validation is not shared:
every device scores the whole split, and the first one's scores decide.

Encoder maps are kept (`EncoderCache`) while the encoder is frozen and pictures are not flipped. DAM lets audio into the encoder after its
first stage, so with DAM what is kept ends there; without DAM it is the whole encoder.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm.auto import tqdm

from avvp_lib.fit_state import FitState, TrainingFolder, model_digest, tensors_digest, training_code
from avvp_lib.locks import exclusive
from avvp_lib.losses.segmentation import segmentation_loss, semantic_loss
from avvp_lib.models.segmentation_output import SegmentationOutput
from avvp_lib.provenance import json_digest
from avvp_lib.segmentation_clips import EncoderCache, SegmentationClips, cache_bytes, normalised
from avvp_lib.segmentation_evaluation import evaluate_segmentation, on_grid
from avvp_lib.training import FitResult

SELECTION_SCORE = "M_J"
SCHEDULES = ("constant", "cosine")
CACHE_LIMIT = 4 * 2**30
"""Bytes of encoder maps that are kept by default. A first stage of ResNet-50 at 224 x 224 is 3 MiB a frame: 20 times its picture."""


@dataclass(frozen=True)
class SegmentationTraining:
    """How a segmentation model is trained: AdamW on all parameters, those of scans and norms included, as published.

    Attributes:
        epochs: passes over the training clips.
        batch_size: clips a step, on all devices together.
        learning_rate: the peak.
        weight_decay: AdamW's.
        micro_batch: clips that are in memory at a time on each device; None for all of a step. The result does not depend on it, but for
            an encoder with batch statistics that is not frozen.
        frozen_epochs: first epochs in which the encoder stands still, its batch statistics too.
        schedule: "constant", as published, or "cosine", down to a hundredth of the peak in the last epoch.
        warm_up_epochs: epochs over which the rate rises linearly to the peak.
        clip_norm: largest gradient norm, None for no clipping.
        flip: show every clip mirrored half of the times.
        labelled_only: leave out the frames after the last labelled one of the split. The scans are causal and all else works frame
            by frame, so no loss reaches them and no gradient changes; but batch statistics are taken over fewer.
        hit_activation: of the auxiliary loss, see `hit_map_loss`.
        terms: of the loss (Table 8 of SelM); None for all.

    Raises:
        ValueError: a number that cannot be, or an unknown schedule.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05
    micro_batch: int | None = None
    frozen_epochs: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    warm_up_epochs: int = 0
    clip_norm: float | None = None
    flip: bool = False
    labelled_only: bool = False
    hit_activation: str = "none"
    terms: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"unknown schedule {self.schedule!r}: choose one of {', '.join(SCHEDULES)}")
        least = {"epochs": 1, "batch_size": 1, "micro_batch": 1, "frozen_epochs": 0, "warm_up_epochs": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ValueError(f"{name} must be at least {smallest}, not {value}")

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 1; constant within it."""
        if epoch <= self.warm_up_epochs:
            return self.learning_rate * epoch / (self.warm_up_epochs + 1)
        if self.schedule == "constant":
            return self.learning_rate
        progress = (epoch - self.warm_up_epochs - 1) / max(self.epochs - self.warm_up_epochs - 1, 1)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)


class _Network(nn.Module):
    """What fabric wraps: a model that takes its encoder's maps from a cache where there are any."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, audio: Tensor, maps: list[Tensor] | None) -> SegmentationOutput:
        """Normalised images (B, T, 3, S, S), which are not looked at if there are maps of them."""
        return self.model.segment(self.model.image_maps(images) if maps is None else maps, audio)


def fit_segmentation(
    model: nn.Module,
    train: SegmentationClips,
    validation: SegmentationClips,
    training: SegmentationTraining,
    seed: int,
    device: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
    folder: Path | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = True,
) -> FitResult:
    """Train a segmentation model and keep the epoch with the best M_J on the validation split.

    Args:
        model: of `build_model("selm", ...)`; it is trained in place.
        train, validation: clips; frames that are not labelled do not count.
        training: optimiser, schedule, what is frozen.
        seed: order of the clips, flips and dropout; the model's first weights are the caller's.
        device: "auto", "cpu", "cuda" or another accelerator that fabric knows.
        devices: how many share each step. With more than one, start the script with `torchrun --nproc-per-node`.
        precision: fabric's name, such as "32-true" or "bf16-mixed".
        folder: where the training is kept. Called again with the same arguments, a training that was interrupted goes on and ends as if it
            had not been; a finished one is returned at once. What another training left there is replaced, with a warning.
        cache_limit: bytes of a frozen encoder's maps that may be kept; where they would not fit, they are computed each time. The result is
            the same.
        progress: show a bar.

    Raises:
        ValueError: no frame is labelled, or a step has fewer clips than there are devices.
        FloatingPointError: the loss is no longer finite; names the epoch.
    """
    for name, clips in (("train", train), ("validation", validation)):
        if not clips.labelled.any():
            raise ValueError(f"no frame of the {name} clips is labelled: there is nothing to learn from or to score")
    if training.batch_size < devices:
        raise ValueError(
            f"batch_size is {training.batch_size}, but {devices} devices share each step: give each a clip"
        )
    strategy = "ddp_find_unused_parameters_true" if devices > 1 else "auto"
    fabric = Fabric(accelerator=device, devices=devices, strategy=strategy, precision=precision)
    fabric.launch()
    if training.labelled_only:
        train = train.until(int(train.labelled.any(0).nonzero().max()) + 1)
    arguments = (fabric, model, train, validation, training, seed)
    if folder is None:
        state = _train(*arguments, None, cache_limit, progress)
    else:
        accelerator = {"accelerator": fabric.device.type, "devices": str(devices), "precision": precision}
        kept = TrainingFolder(Path(folder), _identity(*arguments[1:]) | accelerator)
        with exclusive(kept.path) if fabric.is_global_zero else nullcontext():
            fabric.barrier()
            state = _train(*arguments, kept, cache_limit, progress)
    model.load_state_dict(state.best_state)
    return FitResult(model.cpu().eval(), pd.DataFrame(state.history), state.best_epoch)


def _identity(
    model: nn.Module,
    train: SegmentationClips,
    validation: SegmentationClips,
    training: SegmentationTraining,
    seed: int,
) -> dict[str, str]:
    """All that a training follows from besides the machine, by a name for people."""
    return {
        "recipe": json_digest(asdict(training)),
        "seed": str(seed),
        "model": model_digest(model),
        "training data": tensors_digest(train.tensors()),
        "validation data": tensors_digest(validation.tensors()),
        "code": training_code(model, __name__),
        "version of PyTorch": str(torch.__version__),
    }


def _train(
    fabric: Fabric,
    model: nn.Module,
    train: SegmentationClips,
    validation: SegmentationClips,
    training: SegmentationTraining,
    seed: int,
    kept: TrainingFolder | None,
    cache_limit: int,
    progress: bool,
) -> FitState:
    """The epochs that are not done yet, each kept when it is."""
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    network, optimiser = fabric.setup(_Network(model), optimiser)
    state = FitState(model, optimiser, fabric.strategy.precision, order, fabric.device)
    if kept is not None:
        kept.go_on(state)
        fabric.barrier()
    done = len(state.history)
    train = train.to(fabric.device)
    validation = replace(validation, objects=None, sounding=None).to(fabric.device)  # illusions are for the test split
    caches = _caches(model, train, validation, training, done, cache_limit)
    bar = progress and fabric.is_global_zero
    epochs = tqdm(
        range(done + 1, training.epochs + 1), "fit", training.epochs, initial=done, unit="epoch", disable=not bar
    )
    for epoch in epochs:
        if epoch > training.frozen_epochs:
            caches = (None, None)
        _freeze(model, epoch <= training.frozen_epochs)
        for group in optimiser.param_groups:
            group["lr"] = training.rate(epoch)
        torch.manual_seed(hash_of(seed, epoch, fabric.global_rank))  # each device and epoch has dropout of its own
        loss = _train_epoch(fabric, network, optimiser, train, caches[0], training, order)
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the training loss is {loss} in epoch {epoch}: lower the learning rate or clip gradients"
            )
        scores = evaluate_segmentation(model, validation, cache=caches[1])
        row = fabric.broadcast({name: scores[name] for name in ("M_J", "M_F")})
        state.add({"epoch": epoch, "learning_rate": training.rate(epoch), "loss": loss, **row}, SELECTION_SCORE)
        epochs.set_postfix(loss=f"{loss:.3f}", M_J=f"{scores[SELECTION_SCORE]:.1f}")
        if kept is not None and fabric.is_global_zero:
            kept.keep(state, finished=epoch == training.epochs)
    _freeze(model, False)
    return state


def hash_of(*numbers: int) -> int:
    """A seed made from several numbers, so that neighbours have nothing in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _caches(
    model: nn.Module,
    train: SegmentationClips,
    validation: SegmentationClips,
    training: SegmentationTraining,
    done: int,
    limit: int,
) -> tuple[EncoderCache | None, EncoderCache | None]:
    """Encoder maps of both splits, as long as the encoder is frozen, pictures are not flipped and there is room."""
    if done >= training.frozen_epochs or training.flip:
        return None, None
    model.eval()
    if cache_bytes(model, train) + cache_bytes(model, validation) > limit:
        return None, None
    return EncoderCache(model, train), EncoderCache(model, validation)


def _freeze(model: nn.Module, frozen: bool) -> None:
    """Let the encoder stand still or move. Its mode is set when training begins: see `_train_epoch`."""
    model.encoder.backbone.requires_grad_(not frozen)


def _train_epoch(
    fabric: Fabric,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    train: SegmentationClips,
    cache: EncoderCache | None,
    training: SegmentationTraining,
    order: torch.Generator,
) -> float:
    """One pass over the training clips in random order; returns the mean loss of a labelled frame."""
    model = network.module.model
    network.train()
    if not next(model.encoder.backbone.parameters()).requires_grad:
        model.encoder.backbone.eval()
    total = torch.zeros((), device=fabric.device)
    for step in torch.randperm(len(train), generator=order).split(training.batch_size):
        mirrored = torch.rand(len(step), generator=order) < 0.5 if training.flip else torch.zeros(len(step), dtype=bool)
        total += _step(fabric, network, optimiser, train, cache, training, step, mirrored)
    return (fabric.all_reduce(total, reduce_op="sum") / train.labelled.sum()).item()


def _step(
    fabric: Fabric,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    train: SegmentationClips,
    cache: EncoderCache | None,
    training: SegmentationTraining,
    step: Tensor,
    mirrored: Tensor,
) -> Tensor:
    """One update; returns this device's share of the loss, summed over labelled frames.

    A micro-batch counts by its labelled frames, and what fabric averages over devices is multiplied by their number first.
    """
    frames = train.labelled[step.to(train.labelled.device)].sum().clamp(min=1)
    mine = torch.arange(len(step))[fabric.global_rank :: fabric.world_size]
    share = float(len(mine) > 0)
    mine = mine if len(mine) else torch.zeros(1, dtype=torch.long)  # a device without a clip still has to take part
    parts = mine.split(training.micro_batch or training.batch_size)
    total = torch.zeros((), device=fabric.device)
    optimiser.zero_grad()
    for number, part in enumerate(parts):
        indices = step[part].to(fabric.device)
        clips = _mirror(train.take(indices), mirrored[part].to(fabric.device)) if training.flip else train.take(indices)
        with fabric.no_backward_sync(network, enabled=number < len(parts) - 1):
            maps = None if cache is None else cache.take(indices)
            images = clips.images if maps is not None else normalised(clips, network.module.model.input_size)
            output = network(images, clips.audio, maps)
            summed = summed_loss(output, clips, training) * share
            fabric.backward(summed * fabric.world_size / frames)
        total += summed.detach()
    if training.clip_norm is not None:
        fabric.clip_gradients(network, optimiser, max_norm=training.clip_norm, error_if_nonfinite=False)
    optimiser.step()
    return total


def summed_loss(output: SegmentationOutput, clips: SegmentationClips, training: SegmentationTraining) -> Tensor:
    """The loss (Eq. 6, or AVSS's) summed over labelled frames, which a mean over frames and one over micro-batches agree on; scalar."""
    number = clips.labelled.sum()
    if not number:
        return output.logits.sum() * 0
    loss = segmentation_loss if output.logits.shape[2] == 1 else semantic_loss
    terms = {} if training.terms is None else {"terms": training.terms}
    predicted = replace(output, logits=on_grid(output.logits, clips.masks.shape[-2:]))
    return loss(predicted, clips.masks, clips.labelled, hit_activation=training.hit_activation, **terms) * number


def _mirror(clips: SegmentationClips, mirrored: Tensor) -> SegmentationClips:
    """The clips with some of them, (B,) bool, turned left to right: pictures and masks alike."""
    where = mirrored[:, None, None, None]
    images = torch.where(where[..., None], clips.images.flip(3), clips.images)
    masks = torch.where(where, clips.masks.flip(3), clips.masks)
    return SegmentationClips(images, clips.audio, masks, clips.labelled, clips.present)
