"""What one training step costs at the published sizes: parameters, work, memory that the backward pass needs. Measured.

    step = steps_of(recipe("valor-zero-shot", "paper"), profile("paper"))[-1]
    measure_parser(step)                                    # StepCost(parameters=5094475, batch=64, ...)

A step is forward, loss and backward of the real model at its real size. PyTorch's counter adds up the matrix products and convolutions,
and a hook on what autograd saves adds up memory. Neither depends on the numbers in a tensor, so a step is taken on tensors that have
shapes and no numbers (PyTorch's device "meta"): in seconds, without the memory, and with the operations that a GPU would be given. Scans
cannot run there; models that have one take the step on random features, on the processor. What follows from a step for a whole training
is estimated in `cost_estimates`.

The counter does not see a selective scan, but for its products of matrices. For B sequences of L steps, E channels and N states each,
`models.scan` does

    7 B L E N   forward: times A, exponential, times B, multiply and add, and the read-out (2, which the counter sees)
    20 B L E N  backward: 5 to rebuild the states, 6 in products that the counter sees, 9 for the gradients of states, delta and A

What the counter has not seen of it, 5 and 14, is added and shown apart. Other elementwise work is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from avvp_lib.corpora.avsbench import FRAMES
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.features.published import PUBLISHED
from avvp_lib.models import build_model
from avvp_lib.models.scan import BLOCK_ELEMENTS
from avvp_lib.models.ssm import SelectiveProjections
from avvp_lib.objectives import build_objective
from avvp_lib.profiles import Profile
from avvp_lib.provenance import json_digest
from avvp_lib.recipes import STAGES, TEXT_WIDTHS, Recipe
from avvp_lib.segmentation_clips import SegmentationClips, normalised
from avvp_lib.segmentation_recipes import SegmentationProfile, SegmentationRecipe
from avvp_lib.segmentation_training import SegmentationTraining, summed_loss
from avvp_lib.training import ParsingData

SEGMENTS, CLASSES = 10, len(LLP_CATEGORIES)
TEXT_FEATURES = (512, 768)
"""Widths of CLAP's and CLIP's sentence features."""
VGGISH_WIDTH, AVSS_CLASSES = 128, 71
POSITIVE = 0.07
"""Share of random segments that hold a class, as sparse as LLP's."""
UNSEEN_FORWARD, UNSEEN_BACKWARD = 5, 14
"""Operations a scan does for each step, channel and state that are no matrix product, and so are not seen by PyTorch's counter."""


@dataclass(frozen=True)
class StepCost:
    """One training step.

    Attributes:
        parameters: that are trained.
        batch: videos or clips.
        forward_flops: of forward and loss, multiplications and additions apart; scans included, elementwise work not.
        flops: of the whole step.
        scan_flops: the part of `flops` that is not counted but follows from the formula.
        operations: that PyTorch issues for a step, views left out. The optimiser's are not among them.
        activation_bytes: what forward and loss keep for the backward pass, weights left out.
    """

    parameters: int
    batch: int
    forward_flops: int
    flops: int
    scan_flops: int
    operations: int
    activation_bytes: int


@dataclass(frozen=True)
class Step:
    """A step of a parser to be measured: what decides its cost and nothing else.

    Attributes:
        model, widths: for `build_model`, widths of features included.
        loss, options: for `build_objective`.
        batch: videos.
        shapes: of a video's features, by tensor of `ParsingData`.
    """

    model: str
    widths: dict[str, Any]
    loss: str
    options: dict[str, Any]
    batch: int
    shapes: dict[str, tuple[int, ...]]

    @property
    def key(self) -> str:
        """Tells measured steps apart."""
        return f"{self.model}-{json_digest(asdict(self))[:12]}"


class _Operations(TorchDispatchMode):
    """Counts what is computed, not what only looks at a tensor in another way."""

    number = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.number += not operation.is_view
        return operation(*args, **(kwargs or {}))


@contextmanager
def scan_elements(model: nn.Module) -> Iterator[list[int]]:
    """Inside the block: B x L x E x N of every selective scan that the model runs, in order."""
    found: list[int] = []

    def seen(module: SelectiveProjections, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        batch, length = inputs[0].shape[:2]
        found.append(batch * length * module.dt_proj.out_features * module.split[1])

    scans = [part for part in model.modules() if isinstance(part, SelectiveProjections)]
    hooks = [scan.register_forward_hook(seen) for scan in scans]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def blocks_of_a_gpu() -> Iterator[None]:
    """Inside the block scans on the processor work on as much at a time as a GPU does: fewer operations, the same result."""
    kept = dict(BLOCK_ELEMENTS)
    BLOCK_ELEMENTS["cpu"] = BLOCK_ELEMENTS["cuda"]
    try:
        yield
    finally:
        BLOCK_ELEMENTS.update(kept)


def _linear_flops(rows: list[int], weight: list[int], *others: Any, out_shape: Any = None, **options: Any) -> int:
    """oneDNN's linear layer, which MM-CSE uses on a processor: (.., in) by (out, in)."""
    return 2 * math.prod(rows) * weight[0]


def _convolution_backward_flops(
    gradient: list[int], rows: list[int], weight: list[int], bias: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int, wanted: list[bool], out_shape: Any = None,
) -> int:  # fmt: skip
    """As much as forward for the gradient of the input, and as much for that of the weights, whatever the groups."""
    return sum(wanted[:2]) * conv_flop_count(rows, weight, gradient, transposed)


def _counter() -> FlopCounterMode:
    """PyTorch's, which does not know oneDNN's linear layer and, going back, takes grouped convolutions for dense ones."""
    counted = {torch.ops.aten.convolution_backward: _convolution_backward_flops}
    if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        counted[torch.ops.mkldnn._linear_pointwise] = _linear_flops
    return FlopCounterMode(display=False, custom_mapping=counted)


def measure_step(model: nn.Module, loss: Callable[[], Tensor], batch: int) -> StepCost:
    """The cost of `loss()` and of its backward pass. Attention counts as the matrix products that it consists of.

    Args:
        model: in training mode; its gradients are those of the step afterwards.
        loss: runs the model and returns a scalar; on "meta" it may not look at numbers.
        batch: how many videos or clips it reads.
    """
    weights = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # holding a storage keeps its address from being used again

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage
        return tensor

    with (
        sdpa_kernel(SDPBackend.MATH),
        blocks_of_a_gpu(),
        scan_elements(model) as scans,
        _Operations() as operations,
        _counter() as counter,
    ):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            value = loss()
        forward = counter.get_total_flops()
        activations = sum(storage.nbytes() for storage in kept.values())
        kept.clear()
        value.backward()
    elements = sum(scans)
    added_forward = UNSEEN_FORWARD * elements
    added = added_forward + UNSEEN_BACKWARD * elements
    return StepCost(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        batch=batch,
        forward_flops=forward + added_forward,
        flops=counter.get_total_flops() + added,
        scan_flops=added,
        operations=operations.number,
        activation_bytes=activations,
    )


# --- parsers -------------------------------------------------------------------------------------------------------------


def feature_shapes(size: Profile, text: bool) -> dict[str, tuple[int, ...]]:
    """The shape of a video's features by tensor of `ParsingData`, in the published layouts that a profile reads."""
    shapes = {
        tensor: PUBLISHED[name].card.output_shape
        for tensor, name in (("audio", size.audio), ("visual_2d", size.visual_2d), ("visual_3d", size.visual_3d))
    }
    texts = {
        f"text_{modality}": (SEGMENTS, width)
        for modality, width in zip(("audio", "visual"), TEXT_FEATURES, strict=True)
    }
    return shapes | (texts if text else {})


def random_videos(shapes: dict[str, tuple[int, ...]], videos: int) -> ParsingData:
    """Random features, (N, T', D) float32, and labels as sparse as LLP's, (N, T, C)."""
    random = torch.Generator().manual_seed(0)
    features = {name: torch.randn(videos, *shape, generator=random) for name, shape in shapes.items()}
    audio, visual = torch.rand(2, videos, SEGMENTS, CLASSES, generator=random).lt(POSITIVE).float().unbind()
    return ParsingData(
        **features, video_labels=torch.maximum(audio, visual).amax(1), pseudo_audio=audio, pseudo_visual=visual
    )


def steps_of(experiment: Recipe, size: Profile) -> list[Step]:
    """The steps that a recipe trains with, one a stage, the last of which is the recipe's own."""
    training = experiment.training
    shapes = feature_shapes(size, experiment.text != "none")
    widths = {f"{name}_dim": shapes[name][-1] for name in ("audio", "visual_2d", "visual_3d")}
    if experiment.text != "none":
        widths |= dict(zip(TEXT_WIDTHS, TEXT_FEATURES, strict=True))
    widths |= {"classes": CLASSES, **experiment.widths}
    own = Step(experiment.model, widths, training.loss, training.loss_options, training.batch_size, shapes)
    if training.loss not in STAGES:
        return [own]
    first, _ = STAGES[training.loss]
    return [replace(own, model=first.model, widths={**widths, **first.widths}, loss=first.loss, options={}), own]


def measure_parser(step: Step) -> StepCost:
    """The cost of a parser's step, measured on a model that is built for it and thrown away."""
    model = build_model(step.model, **step.widths).train()
    scans = any(isinstance(part, SelectiveProjections) for part in model.modules())
    return measure_on(step, model, "cpu" if scans else "meta")


def measure_on(step: Step, model: nn.Module, device: str) -> StepCost:
    """`measure_step` of a parser on "cpu", with random features, or on "meta"."""
    batch = random_videos(step.shapes, step.batch)
    ratios = {name: [0.1] * CLASSES for name in ("audio_noise", "visual_noise")} if step.loss == "jomold" else {}
    objective = build_objective(step.loss, batch, **step.options, **ratios)
    model, batch = model.to(device), batch.to(torch.device(device))
    return measure_step(model, lambda: objective(model, batch), step.batch)


# --- segmentation --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MaskStep:
    """A step of SelM to be measured, with one clip: work and memory of more are in proportion.

    Attributes:
        widths: for `build_model`.
        loss: what of `SegmentationTraining` decides the loss.
        frames, picture_size: of a clip; its mask has the same side.
        labelled: how many frames, from the first on.
    """

    widths: dict[str, Any]
    loss: dict[str, Any]
    frames: int
    picture_size: int
    labelled: int

    @property
    def key(self) -> str:
        """Tells measured steps apart."""
        return f"selm-{self.widths['setting']}-{json_digest(asdict(self))[:12]}"


def mask_step(experiment: SegmentationRecipe, setting: str, size: SegmentationProfile) -> MaskStep:
    """The step that a recipe of segmentation trains with. In S4 only the first frame of a training clip is labelled."""
    widths = {**experiment.widths, "audio_dim": VGGISH_WIDTH}
    if setting == "avss":
        widths["classes"] = AVSS_CLASSES
    training, frames = experiment.training, FRAMES[setting]
    loss = {"hit_activation": training.hit_activation, "terms": training.terms}
    return MaskStep(widths, loss, frames, size.picture_size, 1 if setting == "s4" else frames)


def measure_segmenter(step: MaskStep) -> StepCost:
    """The cost of one clip in a step of SelM, on random pictures and sounds."""
    random = torch.Generator().manual_seed(0)
    pixels = (1, step.frames, step.picture_size, step.picture_size)
    every = torch.ones(1, step.frames, dtype=torch.bool)
    clip = SegmentationClips(
        images=torch.randint(0, 256, (*pixels, 3), generator=random, dtype=torch.uint8),
        audio=torch.randn(1, step.frames, step.widths["audio_dim"], generator=random),
        masks=torch.randint(0, 2, pixels, generator=random, dtype=torch.uint8),
        labelled=every & (torch.arange(step.frames) < step.labelled),
        present=every,
    )
    model = build_model("selm", **step.widths).train()
    training = SegmentationTraining(epochs=1, batch_size=1, learning_rate=1e-4, **step.loss)

    def loss() -> Tensor:
        output = model.segment(model.image_maps(normalised(clip, model.input_size)), clip.audio)
        return summed_loss(output, clip, training)

    return measure_step(model, loss, 1)
