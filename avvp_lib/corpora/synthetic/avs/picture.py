"""The picture of a planned clip at any moment, and with it which object is seen at each pixel.

Picture and object map are painted by the same strokes, back to front, so they cannot disagree: a pixel belongs to the foremost object that
covers at least half of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from avvp_lib.corpora.synthetic.avs.content import DRAWN_AS, ClipPlan
from avvp_lib.corpora.synthetic.picture import BRIGHTNESS, CROWDING, GRAIN, PHASES
from avvp_lib.corpora.synthetic.sprites import background, distractor_cycle, sprite_cycle

FRAME_SIZE = 224  # pixels, height and width
FRAME_TIME = 15 / 16  # of each second: when AVSBench takes its frame

EXTENT = (0.36, 0.58)  # of the frame: an object that is alone
HOP = 0.28  # of the object's size, how far it hops at full vigour
SWELL = 0.14  # how much larger it then is
DRIFT = 0.05  # of the frame, how far an object wanders
PAN = 8  # pixels, how far the background drifts to each side
APART = 0.75  # of the sum of two half sizes, how far apart two objects are placed while there is room
LEAST_VISIBLE = 0.4  # of an object in every frame
TRIES = 60


@dataclass(frozen=True)
class Placed:
    """One object of a scene.

    Attributes:
        cycle: (P, S, S, 4) uint8 RGBA with straight alpha, at its largest.
        size: pixels of its side at rest.
        home: (2,) row and column of its centre in pixels; wander, angle, speed: (2,) each, of its slow drift.
        tempo: animation cycles in a second; first: the picture it begins with.
        vigour: (T,) see `content`.
    """

    cycle: np.ndarray
    size: float
    home: np.ndarray
    wander: np.ndarray
    angle: np.ndarray
    speed: np.ndarray
    tempo: float
    first: int
    vigour: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A clip to be looked at: K objects in the plan's order, `depth` (K,) from back to front, and what is behind and before them."""

    objects: tuple[Placed, ...]
    depth: np.ndarray
    backdrop: np.ndarray
    pan: np.ndarray
    exposure: float
    grain: np.ndarray


def frame_times(seconds: int) -> np.ndarray:
    """(T,) seconds: when the frames of a clip are taken."""
    return np.arange(seconds) + FRAME_TIME


def draw_scene(rng: np.random.Generator, domain: str, plan: ClipPlan) -> Scene:
    """Place a plan's objects so that some of each can be seen in every frame."""
    objects: list[Placed] = []
    looks = rng.integers(2**32, size=len(plan.objects))
    sizes = FRAME_SIZE * CROWDING ** (len(plan.objects) - 1) * rng.uniform(*EXTENT, len(plan.objects))
    for place, planned in enumerate(plan.objects):
        origin = place if planned.twin_of is None else planned.twin_of  # a twin looks and measures as its source
        objects.append(_draw_object(rng, domain, planned.category, planned.vigour, int(looks[origin]), sizes[origin]))
    scene = Scene(
        objects=tuple(objects),
        depth=rng.permutation(len(objects)),
        backdrop=background(domain, rng, FRAME_SIZE + 2 * PAN, FRAME_SIZE + 2 * PAN),
        pan=np.concatenate([rng.uniform(0, 2 * np.pi, 2), rng.uniform(0.2, 0.6, 2)]),
        exposure=rng.uniform(*BRIGHTNESS),
        grain=rng.normal(0, GRAIN, (FRAME_SIZE // 2, FRAME_SIZE // 2, 1)).astype(np.float32),
    )
    return _arranged(rng, scene, plan.seconds)


def _draw_object(
    rng: np.random.Generator, domain: str, category: str | None, vigour: np.ndarray, look: int, size: float
) -> Placed:
    """An object without a place yet; its look comes from `look` alone."""
    largest, own = round(size * (1 + SWELL)), np.random.default_rng(look)
    if category is None:
        cycle = distractor_cycle(domain, own, largest, PHASES)
    else:
        cycle = sprite_cycle(DRAWN_AS[category], domain, own, largest, PHASES)
    return Placed(
        cycle=cycle,
        size=size,
        home=np.zeros(2),
        wander=DRIFT * FRAME_SIZE * rng.uniform(0, 1, 2),
        angle=rng.uniform(0, 2 * np.pi, 2),
        speed=rng.uniform(0.2, 0.9, 2),
        tempo=rng.uniform(0.8, 1.25),
        first=int(rng.integers(PHASES)),
        vigour=vigour,
    )


def _arranged(rng: np.random.Generator, scene: Scene, seconds: int) -> Scene:
    """The scene with its objects at home; of many attempts the first that hides little, or the one that hides least."""
    best, most = scene, -1.0
    for attempt in range(TRIES):
        homes = _homes(rng, [thing.size for thing in scene.objects], APART * 0.97**attempt)
        candidate = replace(scene, objects=tuple(replace(o, home=h) for o, h in zip(scene.objects, homes, strict=True)))
        least = visible_shares(candidate, frame_times(seconds)).min()
        if least > most:
            best, most = candidate, least
        if most >= LEAST_VISIBLE:
            break
    return best


def _homes(rng: np.random.Generator, sizes: list[float], apart: float) -> np.ndarray:
    """(K, 2) centres inside the frame, two of them never nearer than `apart` of the sum of their half sizes if that is found."""
    half = np.array(sizes)[:, None] / 2
    above = half + [HOP, 0] * np.array(sizes)[:, None]  # room to hop
    nearest = apart * (half + half.T)
    np.fill_diagonal(nearest, 0)
    for _ in range(TRIES):
        homes = rng.uniform(0.9 * above, FRAME_SIZE - 0.9 * half)
        if (np.linalg.norm(homes[:, None] - homes[None], axis=-1) >= nearest).all():
            break
    return homes


def paint(scene: Scene, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees at the given seconds.

    Args:
        times: (F,) seconds, non-negative.

    Returns:
        (F, H, W, 3) uint8 pictures, and (F, H, W) uint8: the object at each pixel, k for the k-th of the plan, 0 for none.
    """
    pictures = np.empty((len(times), FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
    seen = np.zeros((len(times), FRAME_SIZE, FRAME_SIZE), np.uint8)
    for frame, time in enumerate(times):
        picture = _behind(scene, time)
        for place in scene.depth:
            pixels, target, inside = _posed(scene.objects[place], time)
            colour, cover = pixels[inside][..., :3].astype(np.float32), pixels[inside][..., 3:] / np.float32(255)
            picture[target] += cover * (colour - picture[target])
            seen[frame][target][cover[..., 0] >= 0.5] = place + 1
        pictures[frame] = _developed(scene, picture, time)
    return pictures, seen


def visible_shares(scene: Scene, times: np.ndarray) -> np.ndarray:
    """(F, K) float: which part of each object, the part outside of the frame included, is seen at the given seconds."""
    shares = np.zeros((len(times), len(scene.objects)))
    for frame, time in enumerate(times):
        seen, own = np.zeros((FRAME_SIZE, FRAME_SIZE), int), np.zeros(len(scene.objects))
        for place in scene.depth:
            pixels, target, inside = _posed(scene.objects[place], time)
            cover = pixels[..., 3] >= 128
            own[place] = cover.sum()
            seen[target][cover[inside]] = place + 1
        shares[frame] = np.bincount(seen.ravel(), minlength=len(own) + 1)[1:] / np.maximum(own, 1)
    return shares


def _posed(thing: Placed, time: float) -> tuple[np.ndarray, tuple[slice, slice], tuple[slice, slice]]:
    """(s, s, 4) picture of an object at a moment, where in the frame it goes, and which part of it is inside."""
    second = min(int(time), len(thing.vigour) - 1)
    vigour, past = thing.vigour[second], time - second
    # Up until the frame is taken, down again in what is left of the second.
    rise = min(past / FRAME_TIME, (1 - past) / (1 - FRAME_TIME))
    lift = vigour * np.sin(np.pi / 2 * np.clip(rise, 0, 1)) ** 2
    phase = (int(time * thing.tempo * PHASES) + thing.first) % PHASES if vigour > 0 else 0
    pixels = thing.cycle[phase]
    size = round(thing.size * (1 + SWELL * lift))
    if size != len(pixels):
        pixels = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
    centre = thing.home + thing.wander * np.sin(thing.angle + thing.speed * time) - [HOP * thing.size * lift, 0]
    top, left = np.round(centre - size / 2).astype(int)
    rows, columns = (slice(max(start, 0), max(min(start + size, FRAME_SIZE), 0)) for start in (top, left))
    inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    return pixels, (rows, columns), inside


def _behind(scene: Scene, time: float) -> np.ndarray:
    """(H, W, 3) float32: the part of the backdrop that the drifting camera has before it."""
    top, left = np.round(PAN * (1 + np.sin(scene.pan[:2] + scene.pan[2:] * time))).astype(int)
    return scene.backdrop[top : top + FRAME_SIZE, left : left + FRAME_SIZE].astype(np.float32)


def _developed(scene: Scene, picture: np.ndarray, time: float) -> np.ndarray:
    """Exposure and sensor grain, which is shifted from frame to frame."""
    shift = (int(time * 7919) % len(scene.grain), int(time * 104_729) % len(scene.grain))
    grain = np.roll(scene.grain, shift, axis=(0, 1)).repeat(2, 0).repeat(2, 1)
    return np.clip(picture * scene.exposure + grain, 0, 255).astype(np.uint8)
