"""The picture of a planned video: actors that come and go over a background, with things of no category between them.

Everything that makes seeing hard is one of the constants below, or `FILMED`. They were chosen on corpus seed 0 and left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.plan import jittered_spans
from avvp_lib.corpora.synthetic.sprites import background, distractor_cycle, sprite_cycle

FRAME_SIZE = 128  # pixels, height and width
FRAMES_PER_SECOND = 8
PHASES = 8  # pictures in one animation cycle

CROWDING = 0.82  # every further actor shrinks all of them by this factor
FADE = 0.25  # seconds
DRIFT = 0.10  # of the frame, how far an actor wanders
BRIGHTNESS = (0.75, 1.15)
GRAIN = 3.0  # standard deviation of the sensor noise, in grey levels of 255


@dataclass(frozen=True)
class Viewing:
    """How hard it is to see what a picture shows.

    Attributes:
        extent: smallest and largest actor, as a share of the frame's height when alone in the picture.
        opacity: faintest and clearest actor.
        silent_things: mean number of distractors that belong to no category.
        occluder: probability that one more of them stands in front.
    """

    extent: tuple[float, float]
    opacity: tuple[float, float]
    silent_things: float
    occluder: float


# A video is filmed as it comes; a picture with a caption was taken because of what it shows. A teacher that learned from the
# second kind overlooks what is small or faint in the first, as CLIP does.
FILMED = Viewing(extent=(0.30, 0.72), opacity=(0.6, 1.0), silent_things=1.2, occluder=0.35)
CAPTIONED = Viewing(extent=(0.48, 0.80), opacity=(0.9, 1.0), silent_things=0.6, occluder=0.1)


@dataclass(frozen=True)
class Actor:
    """One object of the picture: its animation, where it is and how visible it is in each of F frames.

    Attributes:
        cycle: (P, S, S, 4) uint8 RGBA with straight alpha.
        centre: (F, 2) float, (row, column) in pixels.
        opacity: (F,) float in [0, 1]; zero while it is away.
        phase: (F,) int, which picture of the cycle is shown.
    """

    cycle: np.ndarray
    centre: np.ndarray
    opacity: np.ndarray
    phase: np.ndarray


def render_frames(
    rng: np.random.Generator, domain: str, visual: np.ndarray, categories: Sequence[str] = LLP_CATEGORIES
) -> np.ndarray:
    """(F, H, W, 3) uint8 frames of a video whose visible events are `visual` (T, C) bool; F = 8 T. C names in `categories`."""
    visible = [(categories[c], jittered_spans(rng, visual[:, c])) for c in np.flatnonzero(visual.any(0))]
    return render_visible(rng, domain, visible, len(visual))


def render_visible(
    rng: np.random.Generator, domain: str, visible: list[tuple[str, list[tuple[float, float]]]], seconds: int
) -> np.ndarray:
    """(F, H, W, 3) uint8 frames of a video in which each named category is visible in its spans of seconds; F = 8 `seconds`."""
    return _render(rng, domain, FILMED, visible, np.arange(seconds * FRAMES_PER_SECOND) / FRAMES_PER_SECOND)


def render_still(
    rng: np.random.Generator, domain: str, categories: list[str], viewing: Viewing = CAPTIONED
) -> np.ndarray:
    """(H, W, 3) uint8 picture in which the named categories are visible: one frame of the same world."""
    return _render(rng, domain, viewing, [(category, [(-1.0, 1.0)]) for category in categories], np.zeros(1))[0]


def _render(
    rng: np.random.Generator,
    domain: str,
    viewing: Viewing,
    visible: list[tuple[str, list[tuple[float, float]]]],
    times: np.ndarray,
) -> np.ndarray:
    always = [(-1.0, np.inf)]
    actors = [
        _place(rng, distractor_cycle, domain, viewing, always, times, crowd=1 + len(visible))
        for _ in range(rng.poisson(viewing.silent_things))
    ]
    actors += [
        _place(rng, partial(sprite_cycle, category), domain, viewing, spans, times, crowd=len(visible))
        for category, spans in visible
    ]
    if rng.random() < viewing.occluder:
        actors.append(_place(rng, distractor_cycle, domain, viewing, always, times, crowd=3))
    scene = background(domain, rng, FRAME_SIZE, FRAME_SIZE)
    return _develop(rng, compose(scene, actors, len(times)))


def _place(
    rng: np.random.Generator,
    draw_cycle: Callable[[str, np.random.Generator, int, int], np.ndarray],
    domain: str,
    viewing: Viewing,
    spans: list[tuple[float, float]],
    times: np.ndarray,
    crowd: int,
) -> Actor:
    """Give an object a size, a place to wander around, and its moments of presence."""
    extent = rng.uniform(*viewing.extent) * CROWDING ** max(crowd - 1, 0)
    size = round(extent * FRAME_SIZE)
    margin = 0.4 * extent  # an object may leave the frame by a small part of itself
    home = rng.uniform(margin, 1 - margin, 2)
    angle, speed = rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.2, 0.9, 2)
    wander = DRIFT * rng.uniform(0, 1, 2) * np.sin(angle + speed * times[:, None])  # (F, 2)
    opacity = np.zeros(len(times))
    for onset, offset in spans:
        ramp = np.minimum((times - onset) / FADE + 0.5, (offset - times) / FADE + 0.5)
        labelled = (np.floor(onset) <= times) & (times < np.ceil(offset))  # no fade runs on into the next segment
        opacity = np.maximum(opacity, labelled * np.clip(ramp, 0, 1))
    tempo = rng.uniform(0.8, 1.25)  # cycles a second
    phase = (times * tempo * PHASES + rng.integers(PHASES)).astype(int) % PHASES
    cycle = draw_cycle(domain, rng, size, PHASES)
    return Actor(cycle, (home + wander) * FRAME_SIZE, opacity * rng.uniform(*viewing.opacity), phase)


def compose(scene: np.ndarray, actors: list[Actor], frames: int) -> np.ndarray:
    """(F, H, W, 3) float32: the actors over the (H, W, 3) scene, later ones in front."""
    height, width = scene.shape[:2]
    picture = np.repeat(scene[None].astype(np.float32), frames, axis=0)
    for actor in actors:
        size = actor.cycle.shape[1]
        colour = actor.cycle[..., :3].astype(np.float32)
        alpha = actor.cycle[..., 3:].astype(np.float32) / 255
        corner = np.round(actor.centre - size / 2).astype(int)  # (F, 2)
        for frame in np.flatnonzero(actor.opacity > 0):
            top, left = corner[frame]
            rows, columns = slice(max(top, 0), min(top + size, height)), slice(max(left, 0), min(left + size, width))
            inside = np.s_[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            target = picture[frame, rows, columns]
            cover = alpha[actor.phase[frame]][inside] * actor.opacity[frame]
            target += cover * (colour[actor.phase[frame]][inside] - target)
    return picture


def _develop(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Exposure and sensor grain. One grain field is shifted from frame to frame: as lively as fresh noise and far cheaper."""
    frames, height, width = picture.shape[:3]
    grain = rng.normal(0, GRAIN, (height, width, 1)).astype(np.float32)
    shifts = rng.integers(0, height, (frames, 2))
    exposure = rng.uniform(*BRIGHTNESS)
    developed = np.empty(picture.shape, np.uint8)
    for frame in range(frames):
        grainy = picture[frame] * exposure + np.roll(grain, shifts[frame], axis=(0, 1))
        developed[frame] = np.clip(grainy, 0, 255)
    return developed
