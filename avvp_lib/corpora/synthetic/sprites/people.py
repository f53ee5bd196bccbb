"""People: talking, singing, cheering, clapping, and the two moods of a baby."""

from __future__ import annotations

from dataclasses import replace

from avvp_lib.corpora.synthetic.sprites.drawing import (
    BLACK,
    STEEL,
    WHITE,
    YELLOW,
    Canvas,
    Colour,
    Look,
    Points,
    polar,
    swing,
    tone,
)

MOUTH, TONGUE, GRAPHITE = (120, 24, 34), (226, 96, 104), (52, 52, 60)


def head(
    c: Canvas, look: Look, x: float, y: float, r: float, mouth: float, eyes: str = "open", smile: bool = True
) -> None:
    """A face with hair, from the front. `mouth` goes from 0, closed, to 1, wide open; `eyes` are "open" or "closed"."""
    _hair_behind(c, look, x, y, r)
    for side in (-1, 1):
        c.oval(x + side * r * 0.97, y + r * 0.1, r * 0.2, r * 0.26, look.skin)
    c.oval(x, y, r, r * 1.12, look.skin)
    _hair_in_front(c, look, x, y, r)
    for side in (-1, 1):
        if eyes == "open":
            c.oval(x + side * r * 0.4, y - r * 0.05, r * 0.13, r * 0.18, BLACK, outline=False)
        else:
            c.arc(x + side * r * 0.4, y + r * 0.04, r * 0.2, 200, 340, r * 0.1, BLACK)
    if mouth > 0.12:
        c.oval(x, y + r * 0.58, r * (0.34 - 0.06 * mouth), r * (0.06 + 0.34 * mouth), MOUTH, outline=False)
        if mouth > 0.5:
            c.oval(x, y + r * (0.6 + 0.2 * mouth), r * 0.17, r * 0.12, TONGUE, outline=False)
    elif smile:
        c.arc(x, y + r * 0.35, r * 0.34, 30, 150, r * 0.12, MOUTH)
    else:
        c.stroke([(x - r * 0.26, y + r * 0.58), (x + r * 0.26, y + r * 0.58)], r * 0.12, MOUTH, outline=False)
    if look.variant % 5 == 2:  # glasses
        for side in (-1, 1):
            lens = [polar(x + side * r * 0.4, y - r * 0.04, r * 0.3, a) for a in range(0, 361, 40)]
            c.stroke(lens, r * 0.09, BLACK, outline=False)


def _hair_behind(c: Canvas, look: Look, x: float, y: float, r: float) -> None:
    if look.variant % 2:  # long hair
        mane = [(0, -1.3), (1, -0.6), (1.25, 1), (0, 1.15), (-1.25, 1), (-1, -0.6)]
        c.blob([(x + r * u, y + r * v) for u, v in mane], look.hair)


def _hair_in_front(c: Canvas, look: Look, x: float, y: float, r: float) -> None:
    fringe = -0.42 if look.variant % 2 else -0.5
    outline = [
        (-1.02, -0.1),
        (-0.86, -0.85),
        (0, -1.3),
        (0.86, -0.85),
        (1.02, -0.1),
        (0.6, fringe),
        (-0.5, fringe - 0.1),
    ]
    c.blob([(x + r * u, y + r * v) for u, v in outline], look.hair)


def arm(c: Canvas, points: Points, width: float, sleeve: Colour, skin: Colour) -> None:
    """A sleeve through the points with a hand at the last one."""
    c.oval(*points[-1], width * 0.68, width * 0.68, skin)
    (x0, y0), (x1, y1) = points[-2], points[-1]
    c.stroke([*points[:-1], (x0 + 0.78 * (x1 - x0), y0 + 0.78 * (y1 - y0))], width, sleeve)


def torso(c: Canvas, x: float, top: float, bottom: float, half: float, cloth: Colour) -> None:
    """Shoulders and trunk, cut off straight at the bottom."""
    shoulders = [(-1, 0.45), (-0.7, 0.08), (-0.3, -0.08), (0.3, -0.08), (0.7, 0.08), (1, 0.45)]
    trunk = [(x + half * u, top + half * v) for u, v in shoulders]
    c.polygon([(x - half, bottom), *trunk, (x + half, bottom)], cloth)


def speech(c: Canvas, look: Look, t: float) -> None:
    """A speaker behind a lectern: lips that open and close quickly, one hand that explains."""
    mouth = (0.05, 0.6, 0.25, 0.75, 0.1, 0.5, 0.8, 0.3)[int(t * 8) % 8]
    jacket = tone(look.cloth, 0.6)
    torso(c, 46, 62, 96, 30, jacket)
    c.polygon([(36, 60), (56, 60), (46, 84)], WHITE)
    c.polygon([(43, 62), (49, 62), (51, 80), (46, 86), (41, 80)], look.accent)
    c.box(38, 50, 54, 64, tone(look.skin, 0.9), 3)
    with c.moved(dx=1.2 * swing(t), about=(46, 60)):
        head(c, look, 46, 33, 22, mouth, smile=False)
    lift = 6 * swing(t, 1, 0.2)
    arm(c, [(72, 76), (85, 72), (86 + lift / 3, 44 - lift)], 11, jacket, look.skin)
    for finger in (-28, 0, 28):
        x, y = 86 + lift / 3, 44 - lift
        c.stroke([(x, y), polar(x, y, 11, -90 + finger)], 3.2, look.skin)
    c.polygon([(14, 80), (78, 80), (74, 96), (18, 96)], look.wood)
    c.polygon([(10, 74), (82, 74), (82, 81), (10, 81)], tone(look.wood, 1.25))


def singing(c: Canvas, look: Look, t: float) -> None:
    """A swaying singer, head back, with a microphone at a wide open mouth and one arm flung out."""
    mouth = 0.8 + 0.2 * swing(t, 2)
    sway = 5 * swing(t)
    with c.moved(turn=sway, about=(46, 96)):
        c.blob([(32, 50), (46, 46), (60, 50), (64, 72), (72, 96), (22, 96), (28, 72)], look.cloth)
        c.stroke([(31, 66), (61, 66)], 3, look.accent, outline=False)
        reach = 6 * swing(t, 1, 0.25)
        arm(c, [(57, 54), (76, 46), (88, 22 - reach)], 9, look.cloth, look.skin)
        c.box(40, 38, 52, 52, tone(look.skin, 0.9), 3)
        with c.moved(turn=-8):
            head(c, look, 46, 28, 17, mouth, eyes="closed")
        arm(c, [(33, 54), (20, 70), (34, 54)], 9, look.cloth, look.skin)
        c.stroke([(32, 62), (39, 47)], 5, GRAPHITE)
        c.oval(41, 43, 6.4, 6.4, STEEL)
        c.arc(41, 43, 3.4, 180, 300, 1.4, WHITE)


def cheering(c: Canvas, look: Look, t: float) -> None:
    """Three people who jump in turn with their arms in the air."""
    crowd = [(24, 0.0, look.cloth), (76, 0.33, look.second_cloth), (50, 0.66, look.paint)]
    for number, (x, shift, shirt) in enumerate(crowd):
        hop = 5 * abs(swing(t, 1, shift / 2))
        y = (54 if number < 2 else 46) - hop
        wave = 4 * swing(t, 2, shift)
        for side in (-1, 1):
            raised = [(x + side * 8, y + 19), (x + side * 15, y + 3), (x + side * (12 + wave / 2), y - 30)]
            arm(c, raised, 6.5, shirt, look.skin)
        torso(c, x, y + 15, 96, 13, shirt)
        fan = replace(look, variant=look.variant + number)
        head(c, fan, x, y, 11.5, 0.9)
        if number == 2:
            c.stroke([(x + 13, y - 18), (x + 13, y - 38)], 1.8, WHITE)
            c.polygon([(x + 13, y - 39), (x + 33, y - 33 + wave), (x + 13, y - 26)], YELLOW)


def clapping(c: Canvas, look: Look, t: float) -> None:
    """Two big hands that meet in front of a smiling face."""
    gap = 14 * abs(swing(t, 1)) ** 1.5
    torso(c, 50, 44, 96, 34, look.cloth)
    head(c, look, 50, 22, 18, 0.1)
    for side in (1, -1):
        with c.moved(dx=side * gap, dy=-4, turn=side * (12 + gap), about=(50 + side * 8, 92)):
            _clapping_hand(c, side, look)
    if gap < 3:
        for side in (-1, 1):
            for angle in (-40, -12, 16):
                c.stroke([polar(50 + side * 8, 64, r, 90 - side * (90 - angle)) for r in (20, 32)], 3.6, YELLOW)


def _clapping_hand(c: Canvas, side: int, look: Look) -> None:
    x = 50 + side * 7
    c.stroke([(x + side * 15, 89), (x + side * 6, 82)], 14, look.cloth)
    for across, top in ((10, 54), (5, 49), (0, 46), (-4.5, 49)):
        c.stroke([(x + side * across, 68), (x + side * across, top)], 5.4, look.skin)
    c.blob(
        [(x - side * 7, 66), (x + side * 12, 64), (x + side * 12, 78), (x + side * 4, 86), (x - side * 7, 80)],
        look.skin,
    )
    c.stroke([(x + side * 6, 80), (x + side * 12, 70)], 5, tone(look.skin, 0.93))


def _baby_body(c: Canvas, look: Look, lift: float) -> None:
    c.blob([(26, 96), (28, 76), (50, 68), (72, 76), (74, 96)], look.cloth)
    c.blob([(38, 74), (62, 74), (60, 90), (50, 94), (40, 90)], WHITE)
    for side in (-1, 1):
        bent = [(50 + side * 20, 82), (50 + side * 32, 84), (50 + side * 38, 70 - side * lift)]
        arm(c, bent, 11, look.cloth, look.skin)


def _baby_head(c: Canvas, look: Look, skin: Colour) -> None:
    for side in (-1, 1):
        c.oval(50 + side * 33, 42, 7, 8, skin)
    c.oval(50, 40, 34, 33, skin)
    c.curve([(50, 10), (44, 5), (50, 3.5), (55, 8), (52, 15)], 2.6, look.hair)
    if look.variant % 2:
        c.blob([(46, 12), (34, 7), (33, 17)], look.accent)
        c.blob([(46, 12), (58, 7), (59, 17)], look.accent)


def baby_laughter(c: Canvas, look: Look, t: float) -> None:
    """A round, rosy baby that shakes with laughter: eyes squeezed to arcs, an upturned open mouth, two teeth."""
    shake = swing(t, 2)
    _baby_body(c, look, 10 * shake)
    with c.moved(dy=1 + 2.5 * shake, turn=5 * swing(t)):
        _baby_head(c, look, look.skin)
        for side in (-1, 1):
            c.arc(50 + side * 15, 38, 7.5, 195, 345, 3, BLACK)
            c.oval(50 + side * 23, 49, 6, 4.4, (246, 132, 128), outline=False)
        depth = 14 + 4 * shake
        c.blob([(33, 49), (50, 52), (67, 49), (62, 49 + depth * 0.8), (50, 50 + depth), (38, 49 + depth * 0.8)], MOUTH)
        c.oval(50, 47 + depth, 7, 3, TONGUE, outline=False)
        c.box(45, 51, 55, 55.5, WHITE, 1, outline=False)


def baby_cry(c: Canvas, look: Look, t: float) -> None:
    """A red-faced baby that wails: slanted brows, a downturned open mouth, tears that run down."""
    wail = swing(t, 1)
    _baby_body(c, look, 7 * swing(t, 2))
    red = tuple(round(0.62 * s + 0.38 * r) for s, r in zip(look.skin, (232, 60, 52), strict=True))
    with c.moved(dx=2 * swing(t, 2), turn=4 * wail):
        _baby_head(c, look, red)
        for side in (-1, 1):
            c.stroke([(50 + side * 24, 29), (50 + side * 9, 23)], 3, tone(look.hair, 0.8), outline=False)
            c.stroke([(50 + side * 23, 36), (50 + side * 10, 34)], 3, BLACK, outline=False)
            c.stroke([(50 + side * 20, 38), (50 + side * 23, 62)], 6, (112, 190, 250))
            drop = 40 + 30 * ((t * 2 + 0.25 * side) % 1)
            c.oval(50 + side * 27, drop, 4, 5.5, (150, 212, 255))
        height = 12 + 3 * wail
        c.blob(
            [(50, 66 - height), (64, 66 - height * 0.5), (66, 67), (50, 64), (34, 67), (36, 66 - height * 0.5)], MOUTH
        )
        c.oval(50, 62, 7, 2.4, TONGUE, outline=False)


DRAWINGS = {
    "Speech": speech,
    "Cheering": cheering,
    "Singing": singing,
    "Baby_laughter": baby_laughter,
    "Baby_cry_infant_cry": baby_cry,
    "Clapping": clapping,
}
