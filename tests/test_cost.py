"""What a step costs: counted by hand, the same with numbers and without, and what is estimated from it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from avvp_lib import cost_estimates
from avvp_lib.cost import (
    CLASSES,
    SEGMENTS,
    UNSEEN_BACKWARD,
    UNSEEN_FORWARD,
    MaskStep,
    Step,
    StepCost,
    blocks_of_a_gpu,
    feature_shapes,
    measure_on,
    measure_parser,
    measure_segmenter,
    measure_step,
    random_videos,
    steps_of,
)
from avvp_lib.cost_estimates import (
    LLP_SPLITS,
    folder_bytes,
    host_bytes,
    parser_cost,
    segmenter_cost,
    video_bytes,
)
from avvp_lib.features.published import PUBLISHED
from avvp_lib.models import build_model
from avvp_lib.models.scan import BLOCK_ELEMENTS
from avvp_lib.models.ssm import Mamba, selective_scan
from avvp_lib.profiles import profile
from avvp_lib.recipes import RECIPES, recipe
from avvp_lib.segmentation_recipes import segmentation_profile, segmentation_recipe
from tests.small_bench import WIDTHS

SHAPES = {"audio": (10, 6), "visual_2d": (10, 8), "visual_3d": (10, 4)}
FEATURES = {"audio_dim": 6, "visual_2d_dim": 8, "visual_3d_dim": 4, "classes": CLASSES}
TEXT = {"text_audio": (10, 5), "text_visual": (10, 7)}
ALL = StepCost(1000, 16, 3 * 10**9, 9 * 10**9, 0, 100, 5 * 2**20)


def small_step(model: str, loss: str, **options) -> Step:
    widths = {**FEATURES, **WIDTHS[model]}
    shapes = SHAPES | (TEXT if model == "mug" else {})
    if model == "mug":
        widths |= {"text_audio_dim": 5, "text_visual_dim": 7}
    return Step(model, widths, loss, options, 3, shapes)


STEPS = [
    small_step("han", "video-labels"),
    small_step("valor", "segment-labels"),
    small_step("jomold", "jomold"),
    small_step("mgn", "mgn"),
    small_step("mm-cse", "mm-cse"),
    small_step("ear", "ear"),
]


# --- a step --------------------------------------------------------------------------------------------------------------


def test_a_linear_layer_by_hand():
    """(5, 7) rows by (7, 3): 2 x 5 x 7 x 3 forward; backward the weights' gradient, and no gradient of the input."""
    model, rows = nn.Linear(7, 3), torch.randn(5, 7)
    cost = measure_step(model, lambda: model(rows).square().sum(), 5)
    assert (cost.parameters, cost.batch) == (24, 5)
    assert cost.forward_flops == 2 * 5 * 7 * 3 and cost.flops == 2 * 2 * 5 * 7 * 3 and cost.scan_flops == 0
    assert cost.activation_bytes == 4 * (5 * 7 + 5 * 3)  # the rows, and the outputs for the square; not the weights


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_convolutions_by_hand(groups):
    """6 channels into 6 at 4 x 5 places through 3 x 3 taps; a group sees its own channels. Backward: input and weights."""
    first, second = (nn.Conv2d(6, 6, 3, padding=1, groups=groups) for _ in range(2))
    model, pictures = nn.Sequential(first, second), torch.randn(2, 6, 4, 5)
    cost = measure_step(model, lambda: model(pictures).sum(), 2)
    once = 2 * (2 * 4 * 5) * 6 * (6 // groups) * 9
    assert cost.forward_flops == 2 * once
    assert cost.flops - cost.forward_flops == 3 * once  # the first needs no gradient of its input


def test_what_is_kept_twice_counts_once_and_views_are_what_they_look_at():
    weight = nn.Parameter(torch.ones(()))
    model = nn.ParameterList([weight])
    rows = torch.randn(100)
    cost = measure_step(model, lambda: (rows * weight).sum() + (rows.view(10, 10) * weight).sum(), 1)
    assert cost.activation_bytes == 4 * 100


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_work_is_the_same_with_numbers_and_without(step):
    torch.manual_seed(0)
    costs = [measure_on(step, build_model(step.model, **step.widths).train(), device) for device in ("cpu", "meta")]
    for field in ("parameters", "batch", "forward_flops", "flops", "scan_flops"):
        assert getattr(costs[0], field) == getattr(costs[1], field), field
    assert costs[1] == measure_parser(step)
    assert costs[0].flops > 2 * costs[0].forward_flops > 0 and costs[0].operations > 50


def test_twice_as_many_videos_are_twice_the_work():
    step = STEPS[1]
    once, twice = measure_parser(step), measure_parser(replace(step, batch=6))
    assert twice.flops == 2 * once.flops and twice.operations == once.operations
    assert twice.activation_bytes == pytest.approx(2 * once.activation_bytes, rel=0.01)


def test_memory_is_that_of_a_plain_count():
    """Every tensor that autograd saves, each storage once, weights left out; here with a hook of the test's own."""
    step = STEPS[1]
    model, batch = build_model(step.model, **step.widths).train(), random_videos(step.shapes, 3)
    from avvp_lib.objectives import build_objective

    kept, weights = [], {parameter.data_ptr() for parameter in model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        build_objective(step.loss, batch)(model, batch)
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    expected = sum(size for place, size in storages.items() if place not in weights)
    assert measure_on(step, model, "cpu").activation_bytes == expected


# --- scans ---------------------------------------------------------------------------------------------------------------

BATCH, LENGTH, CHANNELS, STATES = 3, 10, 8, 4
ELEMENTS = BATCH * LENGTH * CHANNELS * STATES


def scan_inputs() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    shapes = [(BATCH, LENGTH, CHANNELS)] * 2 + [(CHANNELS, STATES)] + [(BATCH, LENGTH, STATES)] * 2
    u, delta, A, B, C = (torch.rand(shape, generator=random) for shape in shapes)
    return [tensor.requires_grad_() for tensor in (u, delta, -A, B, C)]


class Elementwise(TorchDispatchMode):
    """Adds up what elementwise operations do to tensors with an axis for states: one a number, two where they multiply and add."""

    ONE = ("aten.mul.Tensor", "aten.mul.out", "aten.mul_.Tensor", "aten.exp_.default")

    def __init__(self) -> None:
        super().__init__()
        self.done = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        name = str(operation)
        if name in self.ONE and result.dim() == 4:
            self.done += result.numel()
        elif name == "aten.addcmul_.default":
            self.done += 2 * result.numel()
        elif name == "aten.sum.dim_IntList" and args[0].dim() == 4:
            self.done += args[0].numel()
        return result


def test_what_the_counter_does_not_see_of_a_scan():
    inputs = scan_inputs()
    with Elementwise() as unseen, FlopCounterMode(display=False) as seen, blocks_of_a_gpu():
        total = selective_scan(*inputs).sum()
        forward = seen.get_total_flops(), unseen.done
        total.backward()
    backward = seen.get_total_flops() - forward[0], unseen.done - forward[1]
    assert forward == (2 * ELEMENTS, UNSEEN_FORWARD * ELEMENTS)
    assert backward[0] == 6 * ELEMENTS
    missed = 2 * BATCH * CHANNELS * STATES  # the last step of each sequence has no later one to add
    assert backward[1] == pytest.approx(UNSEEN_BACKWARD * ELEMENTS, abs=2 * missed)


def test_a_mamba_block_has_its_scan_added():
    model, rows = Mamba(d_model=4, d_state=STATES), torch.randn(BATCH, LENGTH, 4)  # 8 inner channels
    cost = measure_step(model, lambda: model(rows).sum(), BATCH)
    with FlopCounterMode(display=False) as seen:
        model(rows).sum().backward()
    assert cost.scan_flops == (UNSEEN_FORWARD + UNSEEN_BACKWARD) * ELEMENTS
    assert cost.flops == seen.get_total_flops() + cost.scan_flops


def test_every_scan_of_mug_is_counted():
    step = small_step("mug", "segment-labels")
    cost = measure_parser(step)
    model = build_model(step.model, **step.widths)
    seen = []

    def count(module, inputs, output):
        seen.append(inputs[0].shape[0] * inputs[0].shape[1] * module.dt_proj.out_features * module.split[1])

    for part in model.modules():
        if hasattr(part, "dt_proj"):
            part.register_forward_hook(count)
    batch = random_videos(step.shapes, 3)
    model(batch.audio, batch.visual_2d, batch.visual_3d, batch.text)
    assert len(seen) > 5 and cost.scan_flops == (UNSEEN_FORWARD + UNSEEN_BACKWARD) * sum(seen)


def test_blocks_are_as_before_afterwards():
    before = dict(BLOCK_ELEMENTS)
    with pytest.raises(KeyError), blocks_of_a_gpu():
        assert BLOCK_ELEMENTS["cpu"] == before["cuda"]
        raise KeyError
    assert before == BLOCK_ELEMENTS


# --- recipes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["han", "valor-zero-shot", "ear-zero-shot", "mm-cse-zero-shot", "mug-zero-shot"])
def test_a_step_is_that_of_the_recipe(name):
    made = recipe(name, "paper")
    (step,) = steps_of(made, profile("paper"))
    assert (step.model, step.loss, step.batch) == (made.model, made.training.loss, made.training.batch_size)
    assert step.shapes["visual_2d"] == (80, 2048) and step.widths["visual_2d_dim"] == 2048
    assert made.widths.items() <= step.widths.items()
    assert ("text_audio" in step.shapes) == (name == "mug-zero-shot") == ("text_audio_dim" in step.widths)
    build_model(step.model, **step.widths)


def test_jomold_has_two_stages():
    first, own = steps_of(recipe("jomold-zero-shot", "paper"), profile("paper"))
    assert (first.loss, own.loss) == ("jomold-noise-estimator", "jomold")
    assert first.widths["cross_attention"] == "off" and first.key != own.key


def test_steps_that_cost_the_same_have_one_key():
    keys = {name: steps_of(recipe(name, "paper"), profile("paper"))[-1].key for name in RECIPES}
    assert keys["han-zero-shot"] == keys["han-ear-labels"] == keys["han-combined-1"]
    assert keys["valor-zero-shot"] == keys["valor-zero-shot-videos-0.125"]
    assert keys["mug-zero-shot"] != keys["mug-combined-1-without-tsa"]
    assert len(set(keys.values())) < len(keys)


def test_features_are_those_of_the_published_cards():
    assert feature_shapes(profile("paper-clip"), text=False) == {
        "audio": (64, 768), "visual_2d": (10, 768), "visual_3d": (10, 512)
    }  # fmt: skip
    batch = random_videos(feature_shapes(profile("paper"), text=True), 2)
    assert batch.text[0].shape == (2, SEGMENTS, 512) and batch.text[1].shape == (2, SEGMENTS, 768)
    assert torch.equal(batch.video_labels, (batch.pseudo_audio + batch.pseudo_visual).amax(1).clamp(max=1))


# --- estimates -----------------------------------------------------------------------------------------------------------


def test_a_training_by_hand():
    """HAN: 10,000 videos in batches of 16, 40 epochs, 649 videos forward after each."""
    cost = parser_cost(recipe("han", "paper"), profile("paper"), (ALL,))
    assert (cost.batch, cost.examples, cost.epochs) == (16, 10_000, 40)
    validation = 3e9 / 16 * 649
    assert cost.flops == pytest.approx(40 * (625 * 9e9 + validation))
    assert cost.held_up  # 100 operations of 20 microseconds take longer than 9 GFLOP at 10 TFLOP/s
    assert cost.hours == pytest.approx(40 * (625 * 2e-3 + validation / 1e13) / 3600)
    assert cost.feature_bytes == 10_649 * 4 * (10 * 128 + 80 * 2048 + 10 * 512)
    assert cost.device_bytes == 5 * 4 * 1000 + 5 * 2**20 + cost.feature_bytes
    busy = parser_cost(recipe("han", "paper"), profile("paper"), (replace(ALL, operations=40),))
    assert not busy.held_up and busy.hours == pytest.approx(40 * (625 * 9e-4 + validation / 1e13) / 3600)


def test_more_and_fewer_videos_cost_more_and_less():
    def cost(name):
        made = recipe(name, "paper")
        return parser_cost(made, profile("paper"), (replace(ALL, batch=made.training.batch_size),))

    base = cost("valor-zero-shot")
    assert cost("valor-zero-shot-videos-0.125").examples == 1250
    longer = cost("valor-zero-shot-videos-0.125-longer")
    assert longer.epochs == 480 and longer.flops > base.flops
    assert longer.feature_bytes < base.feature_bytes
    added = cost("mug-combined-1")
    assert added.examples == 16_080 and added.feature_bytes == cost("mug-zero-shot").feature_bytes
    assert cost("han-zero-shot-twice").flops == pytest.approx(2 * cost("han-zero-shot").flops)


def test_all_stages_are_paid_for():
    made = recipe("jomold-zero-shot", "paper")
    one, two = (parser_cost(made, profile("paper"), steps) for steps in ((ALL,), (ALL, ALL)))
    assert two.flops == 2 * one.flops and two.hours == pytest.approx(2 * one.hours)
    assert two.device_bytes == one.device_bytes


def test_what_cannot_be_run_on_llp_says_so():
    for name, reason in (("valor-truth", "not on LLP"), ("mug-zero-shot", "not on LLP"), ("valor-zero-shot", "")):
        note = parser_cost(recipe(name, "paper"), profile("paper"), (ALL,)).note
        assert note.startswith(reason) and bool(note) == bool(reason)


def test_files_are_as_large_as_numpy_writes_them(tmp_path):
    for name in PUBLISHED:
        np.save(tmp_path / "one.npy", np.zeros(PUBLISHED[name].card.output_shape, np.float32))
        assert folder_bytes(name, 3) == 3 * (tmp_path / "one.npy").stat().st_size
    assert folder_bytes("vggish") == sum(LLP_SPLITS.values()) * (4 * 1280 + 128) and sum(LLP_SPLITS.values()) == 11_849


def test_main_memory_holds_banks_and_what_is_taken_of_them():
    size = profile("paper")
    assert host_bytes(size) == {"banks": 11_849 * video_bytes(size), "tensors": 10_649 * video_bytes(size)}


# --- segmentation --------------------------------------------------------------------------------------------------------


def test_a_clip_of_a_small_selm():
    pytest.importorskip("timm")
    widths = {
        "backbone": "resnet-18-quarter", "hidden": 16, "mamba_layers": 1, "input_size": 64, "upsamplings": 1, "audio_dim": 8,
        "setting": "s4",
    }  # fmt: skip
    step = MaskStep(widths, {"hit_activation": "none", "terms": None}, 2, 64, 1)
    cost = measure_segmenter(step)
    assert cost.batch == 1 and cost.scan_flops > 0 and cost.flops > 2 * cost.forward_flops
    longer = measure_segmenter(replace(step, frames=4))
    assert longer.flops == pytest.approx(2 * cost.flops, rel=0.01)
    assert longer.activation_bytes == pytest.approx(2 * cost.activation_bytes, rel=0.1)


def test_a_training_of_selm_by_hand():
    size, made = segmentation_profile("paper-r50"), segmentation_recipe("selm", "s4", "paper-r50")
    step = StepCost(10**6, 1, 10**11, 3 * 10**11, 0, 0, 2**30)
    cost = segmenter_cost(made, "s4", size, step)
    assert cost.flops == 40 * (3452 * 3e11 + 740 * 1e11)
    assert cost.hours == pytest.approx(cost.flops / cost_estimates.SUSTAINED / 3600)
    pictures = (3452 + 740) * 5 * 224 * 224 * 4
    assert cost.device_bytes == 20 * 10**6 + made.training.batch_size * 2**30 + pictures
    released = segmentation_recipe("selm-released", "avss", "paper-r50")
    assert (
        segmenter_cost(released, "avss", size, step).device_bytes
        == 20 * 10**6 + 2**30 + (8498 + 1304) * 10 * 224 * 224 * 4
    )  # one clip at a time
