"""Train the tiny teachers from scratch on rendered clips with captions: what `avvp train-teachers` runs.

Each example is a picture (or one second of sound) in which up to three categories are present, with the caption of ONE of them, as
a caption on the web names what its author cared about and not everything in view. The teachers see the "studio" domain only.
"""

from __future__ import annotations

import gzip
import logging
import multiprocessing
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.picture import render_still
from avvp_lib.corpora.synthetic.soundtrack import render_sound
from avvp_lib.features.log_mel import log_mel
from avvp_lib.features.prompts import CLAP_PROMPTS, CLIP_PROMPTS, EMPTY_PICTURE, EMPTY_SOUND
from avvp_lib.features.tiny_teachers import (
    PICTURE_SIZE,
    SAMPLE_RATE,
    TEACHERS,
    build_untrained_teacher,
    picture_input,
    spectrogram_input,
    tokenizer,
)
from avvp_lib.provenance import atomic_path

logger = logging.getLogger(__name__)

DOMAIN = "studio"
PRESENT_PROBABILITIES = (0.06, 0.5, 0.32, 0.12)  # of 0, 1, 2 and 3 categories in one example


@dataclass(frozen=True)
class TeacherRecipe:
    """How a teacher is trained.

    Attributes:
        examples: rendered examples; each is seen several times.
        steps: optimiser steps.
        batch_size: examples a step.
        learning_rate: peak of a one-cycle cosine schedule.
        weight_decay: AdamW's.
    """

    examples: int
    steps: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05


TEACHER_RECIPES = {
    "tiny-clip": TeacherRecipe(examples=16_000, steps=1400),
    "tiny-clap": TeacherRecipe(examples=12_000, steps=700),
}


def captions(name: str) -> list[str]:
    """The 26 sentences a teacher learns: one a category, in order, and one for nothing."""
    prompts, empty = (CLIP_PROMPTS, EMPTY_PICTURE) if name == "tiny-clip" else (CLAP_PROMPTS, EMPTY_SOUND)
    return [*(prompts[category] for category in LLP_CATEGORIES), empty]


def learn_merges(sentences: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent first, until no pair of symbols occurs twice in the words of the sentences."""
    words = Counter(word.strip(".,()") for sentence in sentences for word in sentence.lower().split())
    spelled = {tuple([*word[:-1], word[-1] + "</w>"]): count for word, count in words.items() if word}
    merges = []
    while True:
        pairs = Counter()
        for symbols, count in spelled.items():
            for pair in pairwise(symbols):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            return merges
        merges.append(best)
        spelled = {_merge(symbols, best): count for symbols, count in spelled.items()}


def _merge(symbols: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    merged: list[str] = []
    for symbol in symbols:
        if merged and (merged[-1], symbol) == pair:
            merged[-1] += symbol
        else:
            merged.append(symbol)
    return tuple(merged)


def write_vocabulary(path: Path) -> None:
    """Write the merges of all captions in the format of open_clip's tokenizer; the same bytes every time."""
    merges = learn_merges([*captions("tiny-clip"), *captions("tiny-clap")])
    text = "\n".join(["#version: avvp captions", *(" ".join(pair) for pair in merges)])
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))


def draw_present(name: str, seed: int, index: int, categories: int) -> tuple[np.random.Generator, np.ndarray]:
    """Which of `categories` are present in an example, in random order, and the generator that draws the rest of it."""
    rng = np.random.default_rng([seed, TEACHERS.index(name), index])
    number = rng.choice(len(PRESENT_PROBABILITIES), p=PRESENT_PROBABILITIES)
    return rng, rng.choice(categories, size=number, replace=False)


def render_examples(
    name: str, seed: int, start: int, stop: int, categories: Sequence[str] = LLP_CATEGORIES
) -> tuple[Tensor, Tensor]:
    """Examples `start` ... `stop` of a teacher's training set.

    Args:
        name: the teacher.
        seed: of the set.
        start, stop: numbers in it.
        categories: C names that the renderer knows.

    Returns:
        (n, 64, 64, 3) uint8 pictures or (n, 64, 64) float16 log-mel spectrograms of one second, and (n,) int64 captions: a
        category, or C for none.
    """
    examples, labels = [], []
    for index in range(start, stop):
        rng, present = draw_present(name, seed, index, len(categories))
        labels.append(int(rng.choice(present)) if len(present) else len(categories))
        shown = [categories[c] for c in present]
        if name == "tiny-clip":
            picture = render_still(rng, DOMAIN, shown)
            block = picture.shape[0] // PICTURE_SIZE
            examples.append(picture.reshape(PICTURE_SIZE, block, PICTURE_SIZE, block, 3).mean((1, 3)).astype(np.uint8))
        else:
            waveform = torch.from_numpy(render_sound(rng, DOMAIN, shown, 1.0))
            examples.append(log_mel(waveform, SAMPLE_RATE).numpy().astype(np.float16))
    return torch.from_numpy(np.stack(examples)), torch.tensor(labels)


def caption_loss(picture: Tensor, text: Tensor, scale: Tensor, labels: Tensor) -> Tensor:
    """CLIP's symmetric contrastive loss over a batch in which captions repeat.

    Every picture chooses among the K captions; every caption that occurs spreads its choice over all the pictures it describes.

    Args:
        picture: (B, D) unit vectors.
        text: (K, D) unit vectors.
        scale: scalar, the learned inverse temperature.
        labels: (B,) int64, the caption of each picture.
    """
    logits = scale * picture @ text.T  # (B, K)
    to_text = nn.functional.cross_entropy(logits, labels)
    described = nn.functional.one_hot(labels, len(text)).T.float()  # (K, B)
    occurs = described.any(1)
    targets = described[occurs] / described[occurs].sum(1, keepdim=True)
    return (to_text + nn.functional.cross_entropy(logits.T[occurs], targets)) / 2


def train_teacher(name: str, recipe: TeacherRecipe, seed: int, progress: bool = True) -> nn.Module:
    """Render a teacher's examples and train it; the same seed on the same machine gives the same weights."""
    torch.set_num_threads(1)
    inputs, labels = render_examples(name, seed, 0, recipe.examples)
    torch.manual_seed(seed)
    model = build_untrained_teacher(name).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, recipe.steps, pct_start=0.1)
    tokens = tokenizer(name)(captions(name))
    generator = torch.Generator().manual_seed(seed)
    steps = tqdm(range(recipe.steps), desc=name, unit="step", disable=not progress)
    for _ in steps:
        batch = torch.randint(len(labels), (recipe.batch_size,), generator=generator)
        pictures = (
            _mirrored(inputs[batch], generator) if name == "tiny-clip" else spectrogram_input(inputs[batch].float())
        )
        loss = caption_loss(
            model.encode_image(pictures, normalize=True),
            model.encode_text(tokens, normalize=True),
            model.logit_scale.exp().clamp(max=100),
            labels[batch],
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        steps.set_postfix(loss=f"{loss.item():.3f}")
    logger.info("%s: last batch loss %.3f", name, loss.item())
    return model.eval()


def _mirrored(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures as the network takes them, half of them mirrored."""
    mirrored = torch.rand(len(batch), generator=generator) < 0.5
    return picture_input(torch.where(mirrored[:, None, None, None], batch.flip(2), batch))


def train_teachers(out: Path, seed: int = 0, recipes: dict[str, TeacherRecipe] | None = None) -> list[Path]:
    """Train both teachers side by side and write their vocabulary and half-precision weights into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_vocabulary(out / "vocabulary.txt.gz")
    jobs = (recipes or TEACHER_RECIPES).items()
    with ProcessPoolExecutor(len(jobs), mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_train_and_save, name, recipe, seed, out) for name, recipe in jobs]
        return [future.result() for future in futures]


def _train_and_save(name: str, recipe: TeacherRecipe, seed: int, out: Path) -> Path:
    state = train_teacher(name, recipe, seed).state_dict()
    halved = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    path = out / f"{name}.safetensors"
    with atomic_path(path) as temporary:
        save_file({key: value.contiguous() for key, value in halved.items()}, temporary)
    return path
