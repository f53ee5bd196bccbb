"""Tune wider text towers to the teachers' frozen picture and sound towers: what `avvp train-teachers --wide-text` runs.

Locked-image tuning (LiT; Zhai et al., CVPR 2022): the frozen tower embeds every rendered example once; then only the text tower
learns, from its shipped weights on, by the caption loss of the teachers. A category goes by several names (LLP's, UnAV-100's label);
each step uses one of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.unav import UNAV_CATEGORIES, drawn_as
from avvp_lib.features.prompts import EMPTY_PICTURE, EMPTY_SOUND
from avvp_lib.features.teacher_training import caption_loss, render_examples
from avvp_lib.features.tiny_teachers import TEACHERS, build_teacher, picture_input, spectrogram_input, tokenizer
from avvp_lib.features.wide_text import event_sentences, text_tower
from avvp_lib.provenance import atomic_path

logger = logging.getLogger(__name__)

RENDER_SEED = 1000  # added to the seed, so that no example is one that a teacher has learned from
EMBEDDED_AT_ONCE = 500


@dataclass(frozen=True)
class WideTextRecipe:
    """How a text tower is tuned.

    Attributes:
        examples: rendered examples.
        steps: optimiser steps.
        batch_size: examples a step.
        learning_rate: peak of a one-cycle cosine schedule.
        weight_decay: AdamW's.
    """

    examples: int = 8000
    steps: int = 1200
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05


def wide_names() -> dict[str, tuple[str, ...]]:
    """Category of the renderer -> the class names it goes by: 37 categories, LLP's first."""
    names: dict[str, tuple[str, ...]] = {category: (category,) for category in LLP_CATEGORIES}
    for label in UNAV_CATEGORIES:
        names[drawn_as(label)] = (*names.get(drawn_as(label), ()), label)
    return names


@torch.no_grad()
def embed_examples(name: str, seed: int, start: int, stop: int, categories: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What a shipped teacher's frozen tower makes of rendered examples: (n, 128) unit vectors, and (n,) captions."""
    model = build_teacher(name)
    embedded, captions = [], []
    for first in range(start, stop, EMBEDDED_AT_ONCE):
        inputs, labels = render_examples(name, seed, first, min(first + EMBEDDED_AT_ONCE, stop), categories)
        inputs = picture_input(inputs) if name == "tiny-clip" else spectrogram_input(inputs.float())
        embedded.append(model.encode_image(inputs, normalize=True))
        captions.append(labels)
    return torch.cat(embedded), torch.cat(captions)


def train_wide_text(name: str, recipe: WideTextRecipe, seed: int, progress: bool = True) -> nn.Module:
    """Render examples of all categories, embed them once, and tune the text tower; the same seed gives the same weights.

    Args:
        name: "tiny-clip" or "tiny-clap".
        recipe: sizes and rates.
        seed: of the examples, the batches and the names.
        progress: show a bar.

    Returns:
        The shipped teacher with the tuned text tower, in evaluation mode. Its other tower and its logit scale are as they were.
    """
    torch.set_num_threads(1)
    names = wide_names()
    embedded, labels = embed_examples(name, RENDER_SEED + seed, 0, recipe.examples, list(names))
    model = build_teacher(name)
    learned = text_tower(model).keys()
    parameters = [parameter for key, parameter in model.named_parameters() if key in learned]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.steps, pct_start=0.1)
    empty = EMPTY_PICTURE if name == "tiny-clip" else EMPTY_SOUND
    tokens = [tokenizer(name)(event_sentences(name, called)) for called in names.values()]  # K of (names, 24)
    nothing = tokenizer(name)([empty])
    rng = np.random.default_rng(seed)
    scale = model.logit_scale.detach().exp()
    steps = tqdm(range(recipe.steps), desc=f"{name} text", unit="step", disable=not progress)
    for _ in steps:
        batch = torch.from_numpy(rng.integers(len(labels), size=recipe.batch_size))
        chosen = torch.stack([called[rng.integers(len(called))] for called in tokens])
        text = model.encode_text(torch.cat([chosen, nothing]), normalize=True)
        loss = caption_loss(embedded[batch], text, scale, labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        steps.set_postfix(loss=f"{loss.item():.3f}")
    logger.info("%s: last batch loss %.3f", name, loss.item())
    return model.eval()


def train_wide_texts(out: Path, seed: int = 0, recipe: WideTextRecipe | None = None) -> list[Path]:
    """Tune both text towers and write their half-precision weights into `out`, <teacher>-text.safetensors."""
    paths = []
    for name in TEACHERS:
        tower = text_tower(train_wide_text(name, recipe or WideTextRecipe(), seed))
        path = Path(out) / f"{name}-text.safetensors"
        with atomic_path(path) as temporary:
            save_file({key: value.half().contiguous() for key, value in tower.items()}, temporary)
        paths.append(path)
    return paths
