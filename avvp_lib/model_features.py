"""What a parsing model computes on its way, for all videos of a split: extras of its output, and what one of its layers is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from avvp_lib.objectives import forward
from avvp_lib.training import ParsingData


@torch.no_grad()
def features_of(
    model: nn.Module,
    data: ParsingData,
    extras: Sequence[str] = (),
    inputs: Sequence[str] = (),
    batch_size: int = 256,
) -> dict[str, np.ndarray]:
    """Run a model in evaluation mode and keep what is asked for, as float32 arrays with the N videos first.

    Args:
        model: any parsing model.
        data: N videos.
        extras: names in `ParsingOutput.extras`, with one entry a video.
        inputs: names of submodules, as `model.named_modules` has them; what each is given as its first argument is kept under its
            name. VALOR's classifier, for example, is "fc_prob", and is given the mixed features (N, T, 2, H).

    Raises:
        ValueError: the model has no such extra or submodule, an extra has no entry for every video, or a submodule is not called.
    """
    modules = dict(model.named_modules())
    if unknown := [name for name in inputs if name not in modules]:
        raise ValueError(f"the model has no submodule {', '.join(unknown)}; it has {', '.join(filter(None, modules))}")
    given: dict[str, torch.Tensor] = {}
    hooks = [
        modules[name].register_forward_pre_hook(lambda _, values, name=name: given.update({name: values[0]}))
        for name in inputs
    ]
    kept: dict[str, list[np.ndarray]] = {name: [] for name in (*extras, *inputs)}
    was_training = model.training
    model.eval()
    try:
        for indices in torch.arange(len(data), device=data.video_labels.device).split(batch_size):
            given.clear()
            output = forward(model, data.take(indices))
            found = output.extras | given
            for name, parts in kept.items():
                parts.append(_checked(name, found, len(indices)).float().cpu().numpy())
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def _checked(name: str, found: dict[str, torch.Tensor], videos: int) -> torch.Tensor:
    if name not in found:
        raise ValueError(f"the model gave no {name!r}; it gave {', '.join(found)}")
    if len(found[name]) != videos:
        raise ValueError(f"{name!r} has shape {tuple(found[name].shape)}, not one entry for each of {videos} videos")
    return found[name]
