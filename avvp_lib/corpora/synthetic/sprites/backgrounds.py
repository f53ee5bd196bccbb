"""Backgrounds of the two domains: bright, soft rooms for the studio; dusk, walls and roads for the street."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from avvp_lib.corpora.synthetic.sprites.drawing import Colour, tone

PASTELS = ((236, 226, 212), (206, 222, 232), (216, 230, 214), (238, 214, 212), (226, 220, 238), (244, 232, 200))
SKIES = (  # from the top to the horizon: three at dusk, two under daylight
    ((34, 28, 74), (196, 92, 84)),
    ((16, 24, 52), (70, 84, 130)),
    ((70, 40, 90), (236, 146, 76)),
    ((110, 130, 156), (190, 196, 200)),
    ((70, 126, 178), (206, 196, 170)),
)


def paint_background(domain: str, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 scene of the domain."""
    scenes = STUDIO_SCENES if domain == "studio" else STREET_SCENES
    picture = scenes[rng.integers(len(scenes))](rng, height, width)
    if domain == "studio":  # out of focus, as behind a portrait, and by any light from a lamp to a window
        soft = np.asarray(picture.filter(ImageFilter.BoxBlur(max(1, height // 96))))
        weave = rng.uniform(0, 8) * rng.standard_normal((height, width, 1), np.float32)  # wallpaper, cloth, plaster
        light = rng.uniform(0.45, 1.05) * np.array([1.0, *rng.uniform(0.88, 1.0, 2)])
        return np.clip((soft + weave) * light, 0, 255).astype(np.uint8)
    return _weathered(rng, np.asarray(picture.filter(ImageFilter.BoxBlur(rng.uniform(0, 1.2) * height / 96))))


def _weathered(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Hatching and coarse grain over a street scene, and darkness towards its edges."""
    height, width = picture.shape[:2]
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    coarse = rng.normal(0, 5, (-(-height // 2), -(-width // 2))).astype(np.float32)
    grain = coarse.repeat(2, 0)[:height].repeat(2, 1)[:, :width]
    hatch = rng.uniform(0, 5) * np.sin((rows + rng.choice([-1, 1]) * columns) * 0.9)
    vignette = 1 - 0.2 * ((rows / height - 0.5) ** 2 + (columns / width - 0.5) ** 2) * 2
    return np.clip(picture * vignette[..., None] + (grain + hatch)[..., None], 0, 255).astype(np.uint8)


def _gradient(top: Colour, bottom: Colour, height: int, width: int) -> Image.Image:
    blend = np.linspace(0, 1, height)[:, None, None]
    rows = np.asarray(top) * (1 - blend) + np.asarray(bottom) * blend
    return Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))


def _room(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """A wall with a window or a picture, skirting and a floor."""
    wall = PASTELS[rng.integers(len(PASTELS))]
    picture = _gradient(tone(wall, 1.2), tone(wall, 0.88), height, width)
    draw = ImageDraw.Draw(picture)
    floor = rng.uniform(0.68, 0.82) * height
    draw.rectangle((0, floor, width, height), (198, 160, 120) if rng.random() < 0.6 else (176, 176, 182))
    draw.rectangle((0, floor - 0.03 * height, width, floor), tone(wall, 1.6))
    x, y = rng.uniform(0.05, 0.6) * width, rng.uniform(0.08, 0.2) * height
    w, h = rng.uniform(0.22, 0.36) * width, rng.uniform(0.24, 0.36) * height
    pane = (226, 240, 250) if rng.random() < 0.5 else PASTELS[rng.integers(len(PASTELS))]
    draw.rectangle((x, y, x + w, y + h), tone(pane, 0.95), (250, 248, 244), max(2, width // 42))
    draw.line((x + w / 2, y, x + w / 2, y + h), (250, 248, 244), max(1, width // 64))
    return picture


def _stage(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Curtains with folds and boards in a pool of light."""
    cloth = ((196, 92, 96), (108, 128, 180), (132, 164, 140), (178, 148, 176))[rng.integers(4)]
    fold = np.sin(np.linspace(0, rng.uniform(9, 16) * 2 * np.pi, width) + rng.uniform(0, 6))
    light = 1.0 + 0.12 * fold[None, :] + np.linspace(0.12, -0.12, height)[:, None]
    centre = rng.uniform(0.3, 0.7)
    light = light + 0.25 * np.exp(-(((np.arange(width) / width - centre) / 0.25) ** 2))[None, :]
    picture = Image.fromarray(np.clip(np.asarray(cloth) * light[..., None], 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    floor = 0.78 * height
    draw.rectangle((0, floor, width, height), (184, 142, 102))
    draw.ellipse(
        ((centre - 0.35) * width, floor + 0.03 * height, (centre + 0.35) * width, 0.98 * height), (226, 192, 148)
    )
    return picture


def _kitchen(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Tiles above a worktop."""
    tile = PASTELS[rng.integers(len(PASTELS))]
    picture = _gradient(tone(tile, 1.3), tone(tile, 0.95), height, width)
    draw = ImageDraw.Draw(picture)
    step = max(6, round(rng.uniform(0.1, 0.16) * width))
    for x in range(int(rng.integers(step)), width, step):
        draw.line((x, 0, x, height), tone(tile, 0.85), 1)
    for y in range(0, height, step):
        draw.line((0, y, width, y), tone(tile, 0.85), 1)
    top = rng.uniform(0.66, 0.8) * height
    draw.rectangle((0, top, width, height), (214, 196, 172))
    draw.rectangle((0, top, width, top + 0.04 * height), (240, 230, 214))
    return picture


def _backdrop(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """A photographer's paper roll: one colour, lit from the middle."""
    paper = np.asarray(PASTELS[rng.integers(len(PASTELS))])
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    light = 1.08 - 0.4 * ((x - rng.uniform(0.3, 0.7)) ** 2 + (y - rng.uniform(0.3, 0.6)) ** 2)
    return Image.fromarray(np.clip(paper * light[..., None], 0, 255).astype(np.uint8))


def _skyline(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Houses with lit windows against the dusk, and a road."""
    top, bottom = SKIES[rng.integers(len(SKIES))]
    picture = _gradient(top, bottom, height, width)
    draw = ImageDraw.Draw(picture)
    x, road = 0.0, rng.uniform(0.72, 0.82) * height
    while x < width:
        w, roof = rng.uniform(0.12, 0.26) * width, rng.uniform(0.12, 0.5) * height
        draw.rectangle((x, roof, x + w, road), tone(top, rng.uniform(0.35, 0.8)))
        for wx in np.arange(x + 0.03 * width, x + w - 0.04 * width, 0.06 * width):
            for wy in np.arange(roof + 0.05 * height, road - 0.05 * height, 0.1 * height):
                if rng.random() < 0.3:
                    draw.rectangle((wx, wy, wx + 0.025 * width, wy + 0.045 * height), (214, 172, 96))
        x += w
    draw.rectangle((0, road, width, height), (44, 42, 52))
    for dash in np.arange(0, 1, 0.22):
        draw.rectangle(
            (dash * width, road + 0.1 * height, (dash + 0.12) * width, road + 0.13 * height), (196, 178, 110)
        )
    return picture


def _brick_wall(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Bricks in a running bond with daubs of paint, and a pavement."""
    brick = ((142, 66, 52), (110, 80, 74), (128, 132, 148), (176, 122, 80))[rng.integers(4)]
    picture = Image.new("RGB", (width, height), tone(brick, 0.75))
    draw = ImageDraw.Draw(picture)
    course, length = max(5, height // 14), max(9, width // 8)
    for row, y in enumerate(range(0, height, course)):
        for x in range(-(row % 2) * length // 2, width, length):
            draw.rectangle((x, y, x + length - 2, y + course - 2), tone(brick, rng.uniform(0.85, 1.08)))
    for _ in range(rng.integers(3)):
        spray = ((20, 150, 150), (190, 40, 110), (210, 160, 30))[rng.integers(3)]
        points = np.cumsum(rng.normal(0, 0.12, (6, 2)), 0) + rng.uniform(0.2, 0.8, 2)
        draw.line([(x * width, y * height) for x, y in points], spray, max(2, width // 30), "curve")
    draw.rectangle((0, 0.84 * height, width, height), (66, 64, 70))
    return picture


def _park(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Dark trees against the evening sky and a meadow."""
    top, bottom = SKIES[rng.integers(len(SKIES))]
    picture = _gradient(top, bottom, height, width)
    draw = ImageDraw.Draw(picture)
    meadow = rng.uniform(0.62, 0.78) * height
    for _ in range(5):
        x, r, y = rng.uniform(0, 1) * width, rng.uniform(0.1, 0.2) * width, rng.uniform(0.25, 0.5) * height
        green = tone((34, 84, 56), rng.uniform(0.5, 1.1))
        draw.rectangle((x - 0.02 * width, y, x + 0.02 * width, meadow), (48, 34, 34))
        draw.ellipse((x - r, y - r, x + r, y + r), green)
    draw.rectangle((0, meadow, width, height), (38, 82, 48))
    lamp = rng.uniform(0.1, 0.9) * width
    draw.line((lamp, 0.2 * height, lamp, meadow), (24, 22, 30), max(1, width // 64))
    draw.ellipse((lamp - 0.04 * width, 0.14 * height, lamp + 0.04 * width, 0.22 * height), (250, 222, 140))
    return picture


def _asphalt(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """A square seen from above: speckled ground with a painted marking."""
    ground = np.asarray(((84, 82, 92), (134, 126, 116), (70, 80, 88))[rng.integers(3)])
    speckle = rng.normal(0, 9, (height, width, 1)).astype(np.float32)
    picture = Image.fromarray(np.clip(ground + speckle, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    x, slant, w = rng.uniform(0, 0.7) * width, rng.uniform(-0.4, 0.4) * width, 0.08 * width
    paint = (198, 186, 150) if rng.random() < 0.5 else (190, 140, 40)
    for offset in (0, 2.2 * w):
        left = x + offset
        draw.polygon([(left, 0), (left + w, 0), (left + w + slant, height), (left + slant, height)], paint)
    return picture


Scene = Callable[[np.random.Generator, int, int], Image.Image]
STUDIO_SCENES: tuple[Scene, ...] = (_room, _stage, _kitchen, _backdrop)
STREET_SCENES: tuple[Scene, ...] = (_skyline, _brick_wall, _park, _asphalt)
