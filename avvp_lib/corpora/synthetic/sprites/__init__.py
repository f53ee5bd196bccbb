"""The picture side of the renderer: animated sprites of the 25 LLP categories and of 12 more, things of no category,
and backgrounds.

There are two rendering domains with their own palettes, outlines, textures and places: "studio" (light colours, indoors)
and "street" (deep colours, black ink, hatching, outdoors by day and night). They overlap a little, so that what was
learnt on one is of some use on the other. A drawing is made once per process, category, domain and look, and kept;
an instance is a resized, tinted and perhaps mirrored copy of it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from avvp_lib.corpora.synthetic.sprites import animals, household, instruments, machines, more, people
from avvp_lib.corpora.synthetic.sprites.backgrounds import paint_background
from avvp_lib.corpora.synthetic.sprites.drawing import DOMAINS, MASTER_SIZE, STYLES, Canvas, develop, make_look
from avvp_lib.corpora.synthetic.sprites.scenery import DISTRACTORS

__all__ = ["DOMAINS", "LOOKS", "SPRITES", "background", "distractor_cycle", "sprite_cycle"]

SPRITES = (
    people.DRAWINGS | animals.DRAWINGS | instruments.DRAWINGS | machines.DRAWINGS | household.DRAWINGS | more.DRAWINGS
)
LOOKS = 5  # members of a category and domain; every category has as many
TINT, LIGHT = 0.08, 0.12  # standard deviations of the gain of each colour channel, and of all together


def sprite_cycle(category: str, domain: str, rng: np.random.Generator, size: int, phases: int = 8) -> np.ndarray:
    """One animation cycle of one instance of a category; its look, tint and facing come from `rng`.

    Args:
        category: one of `SPRITES`; an LLP category as its CSVs spell it ("Frying_(food)").
        domain: "studio" or "street".
        rng: advanced by the same number of draws whatever the category.
        size: side of the square in pixels.
        phases: pictures P in the cycle; the last leads back to the first.

    Returns:
        (P, size, size, 4) uint8 RGBA with straight alpha.

    Raises:
        ValueError: no such category or domain, or a size or number of phases below 1.
    """
    if category not in SPRITES:
        raise ValueError(f"no sprite for category {category!r}; choose one of: {', '.join(SPRITES)}")
    return _instance(category, domain, rng, size, phases)


def distractor_cycle(domain: str, rng: np.random.Generator, size: int, phases: int = 8) -> np.ndarray:
    """(P, size, size, 4) uint8 RGBA cycle of something that belongs to no category; otherwise as `sprite_cycle`."""
    return _instance(list(DISTRACTORS)[rng.integers(len(DISTRACTORS))], domain, rng, size, phases)


def background(domain: str, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 scene without anything of a category in it.

    Raises:
        ValueError: no such domain, or a side below 1.
    """
    _check_domain(domain)
    _check_at_least_one(height=height, width=width)
    return paint_background(domain, rng, height, width)


def _instance(name: str, domain: str, rng: np.random.Generator, size: int, phases: int) -> np.ndarray:
    _check_domain(domain)
    _check_at_least_one(size=size, phases=phases)
    look, mirrored, gains = int(rng.integers(LOOKS)), rng.random() < 0.5, rng.normal(1, TINT, 3) * rng.normal(1, LIGHT)
    strip = _master_strip(name, domain, look, phases)
    if size != MASTER_SIZE:
        strip = strip.resize((size, size * phases), Image.Resampling.BILINEAR)
    table = np.clip(np.outer([*gains, 1], np.arange(256)), 0, 255).round().astype(int)  # alpha keeps its values
    cycle = np.asarray(strip.point(table.ravel().tolist())).reshape(phases, size, size, 4)
    return np.ascontiguousarray(cycle[:, :, ::-1]) if mirrored else cycle.copy()


@lru_cache(maxsize=(len(SPRITES) + len(DISTRACTORS)) * LOOKS)
def _master_strip(name: str, domain: str, look: int, phases: int) -> Image.Image:
    """All phases of one look, one below the other: cheaper to resize together, and empty margins keep them apart."""
    draw, colours = (SPRITES | DISTRACTORS)[name], make_look(name, domain, look)
    pictures = []
    for phase in range(phases):
        canvas = Canvas(domain)
        draw(canvas, colours, phase / phases)
        pictures.append(canvas.image)
    return Image.fromarray(develop(pictures, STYLES[domain].texture[look]).reshape(-1, MASTER_SIZE, 4))


def _check_domain(domain: str) -> None:
    if domain not in DOMAINS:
        raise ValueError(f"no rendering domain {domain!r}; choose one of: {', '.join(DOMAINS)}")


def _check_at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")
