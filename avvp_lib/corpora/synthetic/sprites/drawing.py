"""Pens and paints of the sprites: a supersampled canvas, the two drawing styles, and what one look is made of.

Every picture is drawn on a square of 100 x 100 units, x to the right and y downwards, at three times its final size,
and then averaged down, which smooths the edges. A drawing never chooses its domain: the canvas outlines, shades and
textures what it is given in its own style, and the look brings colours of the same domain.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, ...]  # RGB or RGBA, 0 to 255
Points = Sequence[tuple[float, float]]

MASTER_SIZE = 128  # pixels of a cached drawing
SUPERSAMPLING = 3
MARGIN = 0.03  # of the side; the empty edge that lets outlines and motion go a little beyond the 100 units
UNIT = MASTER_SIZE * SUPERSAMPLING * (1 - 2 * MARGIN) / 100  # canvas pixels per drawing unit

WHITE, BLACK = (248, 246, 240), (34, 32, 40)
STEEL, GREY = (176, 184, 196), (104, 108, 120)
RED, BLUE, YELLOW = (214, 48, 44), (70, 130, 210), (250, 204, 64)


@dataclass(frozen=True)
class Style:
    """How one domain draws: its outlines and its paints, each palette with at least five colours."""

    outline: float  # width in drawing units
    texture: tuple[float, ...]  # strength of grain and hatching, look by look
    ink: Colour | None  # colour of every outline; None: a darker tone of what it surrounds
    skin: tuple[Colour, ...]
    hair: tuple[Colour, ...]
    cloth: tuple[Colour, ...]
    paint: tuple[Colour, ...]
    fur: tuple[Colour, ...]
    wood: tuple[Colour, ...]


STYLES = {
    "studio": Style(
        outline=1.4,
        texture=(0.0, 0.3, 0.0, 0.0, 0.4),
        ink=None,
        skin=((252, 218, 190), (240, 194, 156), (214, 160, 116), (164, 112, 78), (118, 78, 56)),
        hair=((84, 56, 40), (44, 38, 40), (214, 170, 96), (160, 92, 54), (150, 146, 148)),
        cloth=((108, 158, 214), (236, 138, 128), (134, 190, 140), (48, 104, 150), (178, 148, 212)),
        paint=((222, 84, 76), (74, 144, 206), (242, 190, 78), (110, 176, 124), (232, 236, 240)),
        fur=((206, 152, 96), (150, 112, 84), (226, 206, 174), (120, 120, 128), (238, 178, 112)),
        wood=((204, 132, 70), (174, 98, 52), (224, 164, 96), (116, 60, 36), (190, 112, 76)),
    ),
    "street": Style(
        outline=1.7,
        texture=(0.3, 1.0, 0.6, 1.0, 0.8),
        ink=(30, 24, 40),
        skin=((248, 210, 178), (214, 146, 106), (176, 114, 78), (128, 80, 58), (86, 56, 48)),
        hair=((28, 22, 34), (112, 44, 24), (180, 116, 30), (70, 40, 92), (92, 98, 108)),
        cloth=((24, 106, 140), (178, 32, 62), (232, 178, 104), (96, 44, 142), (30, 118, 70)),
        paint=((196, 22, 40), (16, 82, 164), (226, 132, 10), (10, 120, 92), (204, 206, 214)),
        fur=((162, 92, 36), (92, 58, 44), (196, 164, 118), (78, 76, 98), (206, 116, 40)),
        wood=((168, 84, 28), (120, 54, 30), (192, 116, 44), (88, 40, 34), (146, 62, 44)),
    ),
}
DOMAINS = tuple(STYLES)


@dataclass(frozen=True)
class Look:
    """One member of a category: its number and its colours, of the domain's palettes."""

    variant: int  # 0, 1, 2, ...: drawings use it to vary shapes
    skin: Colour
    hair: Colour
    cloth: Colour
    second_cloth: Colour
    paint: Colour
    accent: Colour
    fur: Colour
    wood: Colour


def make_look(name: str, domain: str, variant: int) -> Look:
    """The `variant`-th look of the thing called `name`; looks of one thing differ in every colour."""
    style = STYLES[domain]
    shuffle = np.random.default_rng([zlib.crc32(name.encode()), DOMAINS.index(domain)])

    def pick(palette: tuple[Colour, ...], offset: int = 0) -> Colour:
        return palette[(variant + offset) % len(palette)]

    starts = shuffle.integers(0, 5, 6)
    return Look(
        variant=variant,
        skin=pick(style.skin, starts[0]),
        hair=pick(style.hair, starts[1]),
        cloth=pick(style.cloth, starts[2]),
        second_cloth=pick(style.cloth, starts[2] + 2),
        paint=pick(style.paint, starts[3]),
        accent=pick(style.paint, starts[3] + 2),
        fur=pick(style.fur, starts[4]),
        wood=pick(style.wood, starts[5]),
    )


def tone(colour: Colour, factor: float) -> Colour:
    """Darker below 1 (0 is black), lighter above 1 (2 is white)."""
    target, weight = (0, 1 - factor) if factor <= 1 else (255, factor - 1)
    return tuple(round(value + weight * (target - value)) for value in colour[:3]) + tuple(colour[3:])


def swing(t: float, cycles: int = 1, shift: float = 0.0) -> float:
    """A to-and-fro in [-1, 1] that closes after one animation cycle, t in [0, 1)."""
    return math.sin(2 * math.pi * (cycles * t + shift))


def polar(x: float, y: float, radius: float, degrees: float) -> tuple[float, float]:
    """The point at this angle (0: right, 90: down) and distance from (x, y)."""
    return x + radius * math.cos(math.radians(degrees)), y + radius * math.sin(math.radians(degrees))


def smooth(points: Points, closed: bool, steps: int = 6) -> np.ndarray:
    """(M, 2) points on the Catmull-Rom curve through the given ones."""
    p = np.asarray(points, float)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    a, b, c, d = p[:-3, None], p[1:-2, None], p[2:-1, None], p[3:, None]
    u = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    curve = b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
    curve = curve.reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 28)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 28)[:-1])], 1)


class Canvas:
    """A transparent square of 100 x 100 units on which shapes are filled and outlined in one domain's style."""

    def __init__(self, domain: str) -> None:
        self.style = STYLES[domain]
        self.image = Image.new("RGBA", (MASTER_SIZE * SUPERSAMPLING,) * 2)
        self._draw = ImageDraw.Draw(self.image)
        self._matrix, self._shift = np.eye(2) * UNIT, np.full(2, MASTER_SIZE * SUPERSAMPLING * MARGIN)

    @contextmanager
    def moved(
        self, dx: float = 0, dy: float = 0, turn: float = 0, scale: float = 1, about: tuple[float, float] = (50, 50)
    ) -> Iterator[None]:
        """Draw what follows enlarged by `scale` and turned clockwise by `turn` degrees about a point, then shifted."""
        kept = self._matrix, self._shift
        cosine, sine = scale * math.cos(math.radians(turn)), scale * math.sin(math.radians(turn))
        rotation = np.array([[cosine, -sine], [sine, cosine]])
        offset = np.add(about, (dx, dy)) - rotation @ about
        self._matrix, self._shift = kept[0] @ rotation, kept[0] @ offset + kept[1]
        try:
            yield
        finally:
            self._matrix, self._shift = kept

    def polygon(self, points: Points | np.ndarray, fill: Colour, outline: bool = True) -> None:
        """A closed shape with straight sides."""
        corners = self._place(points)
        self._draw.polygon(corners, fill)
        if outline:
            joint = "curve" if len(corners) < 14 else None
            width = self._width(self.style.outline)
            self._draw.line([*corners, *corners[:2]], self._ink(fill), width, joint)

    def blob(self, points: Points, fill: Colour, outline: bool = True) -> None:
        """A closed shape with a smooth outline through the points."""
        self.polygon(smooth(points, closed=True), fill, outline)

    def oval(
        self, x: float, y: float, rx: float, ry: float, fill: Colour, turn: float = 0, outline: bool = True
    ) -> None:
        """An ellipse with the half axes rx and ry, turned clockwise by `turn` degrees."""
        points = _CIRCLE * (rx, ry)
        if turn:
            cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
            points = points @ np.array([[cosine, sine], [-sine, cosine]])
        self.polygon(np.add(points, (x, y)), fill, outline)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: Colour,
        corner: float = 2,
        outline: bool = True,
    ) -> None:
        """A rectangle with cut corners, which at this size look round."""
        k = corner
        points = [(left + k, top), (right - k, top), (right, top + k), (right, bottom - k)]
        points += [(right - k, bottom), (left + k, bottom), (left, bottom - k), (left, top + k)]
        self.polygon(points, fill, outline)

    def stroke(self, points: Points | np.ndarray, width: float, fill: Colour, outline: bool = True) -> None:
        """A thick line with round ends: limbs, handles, cables."""
        path = self._place(points)
        if outline:
            self._thick(path, self._width(width + 2 * self.style.outline), self._ink(fill))
        self._thick(path, self._width(width), fill)

    def curve(self, points: Points, width: float, fill: Colour, outline: bool = True) -> None:
        """A thick smooth line through the points."""
        self.stroke(smooth(points, closed=False), width, fill, outline)

    def arc(
        self,
        x: float,
        y: float,
        radius: float,
        start: float,
        end: float,
        width: float,
        fill: Colour,
        outline: bool = False,
    ) -> None:
        """A thick part of a circle from one angle to another, in degrees (0: right, 90: down)."""
        self.stroke([polar(x, y, radius, a) for a in np.linspace(start, end, 12)], width, fill, outline)

    def _thick(self, path: list[tuple[float, float]], width: int, fill: Colour) -> None:
        self._draw.line(path, fill, width, "curve" if width > 6 else None)
        for x, y in (path[0], path[-1]):
            self._draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill)

    def _place(self, points: Points | np.ndarray) -> list[tuple[float, float]]:
        return list(map(tuple, (np.asarray(points, float) @ self._matrix.T + self._shift).tolist()))

    def _width(self, width: float) -> int:
        return max(1, round(width * math.sqrt(abs(np.linalg.det(self._matrix)))))

    def _ink(self, fill: Colour) -> Colour:
        return self.style.ink if self.style.ink is not None else tone(fill[:3], 0.33)


@lru_cache(maxsize=1)
def _light_and_texture() -> tuple[np.ndarray, np.ndarray]:
    """Two (S, S, 1) float32 fields: light that falls from the upper left, and grain with hatching at the lower right."""
    y, x = np.mgrid[0 : 1 : MASTER_SIZE * 1j, 0 : 1 : MASTER_SIZE * 1j]
    light = 1.12 - 0.24 * (0.7 * y + 0.3 * x)
    grain = np.random.default_rng(0).normal(0, 0.04, x.shape)
    hatch = 0.13 * (np.sin((x + y) * MASTER_SIZE * 0.7) > 0.45) * (x + y > 0.95)
    return light[..., None].astype(np.float32), (grain - hatch)[..., None].astype(np.float32)


def develop(pictures: Sequence[Image.Image], texture: float) -> np.ndarray:
    """(P, S, S, 4) uint8 RGBA with straight alpha: the pictures averaged down to S = MASTER_SIZE, lit and textured."""
    cycle = np.stack([np.asarray(picture.reduce(SUPERSAMPLING)) for picture in pictures])
    light, pattern = _light_and_texture()
    cycle[..., :3] = np.minimum(cycle[..., :3] * (light + texture * pattern), 255)
    return cycle
