"""What a whole training costs, estimated from one measured step: work, hours on a GPU, memory, disk.

    size, experiment = profile("paper"), recipe("valor-zero-shot", "paper")
    steps = tuple(measure_parser(step) for step in steps_of(experiment, size))        # measured: `avvp_lib.cost`
    parser_cost(experiment, size, steps).hours                                        # estimated

Work in all is arithmetic on the measured steps, the sizes of the splits and the recipe's epochs. Hours are an estimate: each step takes
as long as its work at `SUSTAINED`, or as its operations at `LAUNCH` each, whichever is longer; small networks are held up by the latter.
The optimiser's step is not in it, nor is reading data. Memory on the device is the sum of its known parts: what a CUDA context, the
kernels' workspaces and the temporary results of the backward pass take comes on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from avvp_lib.corpora.avsbench import FRAMES
from avvp_lib.corpora.avsbench import PUBLISHED_SIZES as AVSBENCH_CLIPS
from avvp_lib.cost import StepCost, feature_shapes
from avvp_lib.features.published import FLOAT32_BYTES, PUBLISHED
from avvp_lib.profiles import Profile
from avvp_lib.pseudo_labels.combination import batch_size
from avvp_lib.recipes import Recipe, needs_teachers
from avvp_lib.segmentation_recipes import SegmentationProfile, SegmentationRecipe
from avvp_lib.training_share import number_drawn

LLP_SPLITS = {"train": 10_000, "val": 649, "test": 1_200}
NPY_HEADER = 128
"""Bytes before the numbers of an .npy file of such a shape."""
NUMBERS_A_PARAMETER = 5
"""On the device: the weight, its gradient, two moments of Adam, and the weights of the best epoch."""
SUSTAINED = 10e12
"""FLOP/s in float32 that estimates assume: about half of what an A100 can do without tensor cores. Networks this small reach less."""
LAUNCH = 20e-6
"""Seconds that estimates assume for an operation that has next to nothing to do: issuing it and the views before it from Python."""


@dataclass(frozen=True)
class TrainingCost:
    """What a whole training costs. `steps` are measured, all else follows from them and from the sizes of the corpus.

    Attributes:
        name: of the recipe.
        steps: one a stage, the recipe's own last; of segmentation with one clip.
        batch: videos or clips a step.
        examples: that an epoch goes through.
        epochs: of each stage.
        flops: of all stages, validation included.
        device_bytes: at the peak of a step; estimated.
        feature_bytes: the part of these that holds features, or pictures and masks, of training and validation.
        hours: on a GPU that sustains `SUSTAINED`; estimated.
        held_up: whether `LAUNCH` and not the work decides the hours.
        note: why it cannot be run on the published corpus, or "".
    """

    name: str
    steps: tuple[StepCost, ...]
    batch: int
    examples: int
    epochs: int
    flops: float
    device_bytes: int
    feature_bytes: int
    hours: float
    held_up: bool
    note: str = ""

    @property
    def own(self) -> StepCost:
        """The step of the last stage."""
        return self.steps[-1]


def _device_bytes(step: StepCost, examples: int, features: int) -> int:
    """Weights with what belongs to them, activations of so many examples, and features."""
    activations = step.activation_bytes * examples // step.batch
    return NUMBERS_A_PARAMETER * FLOAT32_BYTES * step.parameters + activations + features


def parser_cost(experiment: Recipe, size: Profile, steps: tuple[StepCost, ...]) -> TrainingCost:
    """A parser's training on LLP.

    Args:
        experiment: at the size of the profile.
        size: decides the features.
        steps: measured, one a stage.
    """
    training = experiment.training
    drawn = number_drawn(LLP_SPLITS["train"], experiment.videos)
    examples = drawn + (batch_size(experiment.combination, drawn) if experiment.combination else 0)
    number = math.ceil(examples / training.batch_size)
    flops = seconds = 0.0
    held_up = False
    for step in steps:
        validation = step.forward_flops / step.batch * LLP_SPLITS["val"]
        work, issue = step.flops / SUSTAINED, step.operations * LAUNCH
        held_up = issue > work
        flops += training.epochs * (number * step.flops + validation)
        seconds += training.epochs * (number * max(work, issue) + validation / SUSTAINED)
    held = (drawn + LLP_SPLITS["val"]) * video_bytes(size, experiment.text != "none")
    memory = max(_device_bytes(step, training.batch_size, held) for step in steps)
    note = "not on LLP: needs teachers or dense labels" if needs_teachers(experiment) else ""
    return TrainingCost(
        experiment.name, steps, training.batch_size, examples, training.epochs, flops, memory, held, seconds / 3600, held_up, note
    )  # fmt: skip


def segmenter_cost(
    experiment: SegmentationRecipe, setting: str, size: SegmentationProfile, step: StepCost
) -> TrainingCost:
    """SelM's training on a setting of AVSBench; `step` is measured with one clip."""
    training = experiment.training
    train, validation, _ = AVSBENCH_CLIPS[setting]
    flops = training.epochs * (train * step.flops + validation * step.forward_flops)
    pixels = FRAMES[setting] * size.picture_size**2
    held = (train + validation) * pixels * (3 + 1)  # pictures of three bytes a pixel, and masks
    at_once = training.micro_batch or training.batch_size
    memory = _device_bytes(step, at_once, held)
    return TrainingCost(
        f"{experiment.name}, {setting}", (step,), training.batch_size, train, training.epochs, flops, memory, held,
        flops / SUSTAINED / 3600, held_up=False,
    )  # fmt: skip


def video_bytes(size: Profile, text: bool = False) -> int:
    """Bytes of a video's features in memory, float32."""
    return FLOAT32_BYTES * sum(math.prod(shape) for shape in feature_shapes(size, text).values())


def folder_bytes(backbone: str, videos: int = sum(LLP_SPLITS.values())) -> int:
    """Bytes of a folder of published features: one .npy a video, with its header; what a file system rounds up is not counted."""
    return videos * (FLOAT32_BYTES * math.prod(PUBLISHED[backbone].card.output_shape) + NPY_HEADER)


def host_bytes(size: Profile) -> dict[str, int]:
    """Main memory of a run on LLP: the banks of all splits, and the tensors that are selected from them for a training."""
    videos = {"banks": sum(LLP_SPLITS.values()), "tensors": LLP_SPLITS["train"] + LLP_SPLITS["val"]}
    return {name: number * video_bytes(size) for name, number in videos.items()}
