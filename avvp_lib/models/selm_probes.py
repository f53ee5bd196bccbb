"""What a SelM does inside: DAM's weight maps and the step sizes of BCSM's scans, read off a forward pass.

    seen = observe(model, images, audio)
    seen.weight_maps[0]          # (B, T, h, w): where the first alignment strengthens what it sees
    seen.steps["a2v"][-1]        # (B, T, E): how far each state moves at each second, in the last scan over sound

The model itself stores nothing: `observe` listens while it runs (`torch.nn.Module.register_forward_hook`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from avvp_lib.models.segmentation_output import SegmentationOutput
from avvp_lib.models.selm import SelM
from avvp_lib.models.selm_alignment import AlignmentBlock, ReleasedVisualSide
from avvp_lib.models.ssm import Mamba


@dataclass(frozen=True, eq=False)
class Observation:
    """One forward pass, and what went on inside.

    Attributes:
        output: what the model returned.
        weight_maps: DAM's weight map W of every stage, averaged over channels (Sec. 4.2): (B, T, h_i, w_i) each, finest first. Empty
            where no visual features are re-weighted.
        steps: step sizes Delta of the scans (Eq. 5), by direction: "a2v" reads sound, "v2a" reads the picture. (B, T, E) each, the layers
            of stage 1 first. A direction without scans is missing.
    """

    output: SegmentationOutput
    weight_maps: list[Tensor]
    steps: dict[str, list[Tensor]]


@contextmanager
def listening(modules: Iterable[nn.Module]) -> Iterator[dict[nn.Module, tuple[tuple[Any, ...], Any]]]:
    """What each module was last called with and what it returned, while this lasts."""
    heard: dict[nn.Module, tuple[tuple[Any, ...], Any]] = {}

    def note(called: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        heard[called] = (given, returned)

    hooks = [module.register_forward_hook(note) for module in modules]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def observe(model: SelM, images: Tensor, audio: Tensor) -> Observation:
    """Run a model and note what its alignment and its scans did.

    Args:
        model: whatever it lacks, because of an ablation, is missing from the observation.
        images, audio: as `SelM.forward` takes them.
    """
    sides = [getattr(alignment, "visual", None) for alignment in model.encoder.alignment]
    sides = [side for side in sides if isinstance(side, (AlignmentBlock, ReleasedVisualSide))]
    scans = {name: scans_of(getattr(model.selection, name)) for name in ("a2v", "v2a")}
    projections = [scan.x_proj for layers in scans.values() for scan in layers]
    with listening([*sides, *projections]) as heard:
        output = model(images, audio)
    clips = images.shape[:2]
    maps = [side.weights(*heard[side][0]).mean(dim=1) for side in sides]  # (BT, HW)
    return Observation(
        output,
        [x.reshape(*clips, *gated.shape[3:]) for x, gated in zip(maps, output.gated_maps, strict=False)],
        {
            name: [step_size(scan, heard[scan.x_proj][1]).reshape(*clips, -1) for scan in layers]
            for name, layers in scans.items()
            if layers
        },
    )


def scans_of(direction: nn.Module) -> list[Mamba]:
    """The scans of one direction of BCSM, the layers of stage 1 first."""
    return [module for module in direction.modules() if isinstance(module, Mamba)]


def step_size(scan: Mamba, projected: Tensor) -> Tensor:
    """Delta = softplus(bias + s_Delta(x)) of what `x_proj` returned, (B, T, R + 2 N) -> (B, T, E)."""
    low_rank = projected[..., : scan.split[0]]
    return functional.softplus(functional.linear(low_rank, scan.dt_proj.weight, scan.dt_proj.bias))
