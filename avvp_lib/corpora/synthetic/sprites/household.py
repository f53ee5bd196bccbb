"""Things of the house and the gym: frying pan, fire alarm, vacuum cleaner, telephone, blender, basketball."""

from __future__ import annotations

from avvp_lib.corpora.synthetic.sprites.drawing import (
    BLACK,
    GREY,
    RED,
    STEEL,
    WHITE,
    YELLOW,
    Canvas,
    Look,
    polar,
    swing,
    tone,
)
from avvp_lib.corpora.synthetic.sprites.machines import wheel


def frying(c: Canvas, look: Look, t: float) -> None:
    """A pan on a flame with food that jumps in it, and steam."""
    for wisp, x in enumerate((28, 46, 64)):
        rise = (t + wisp / 3) % 1
        points = [(x + 5 * swing(rise, 1, k / 4 + wisp / 3), 42 - 12 * k - 6 * rise) for k in range(3)]
        c.curve(points, 5, (236, 240, 246, 200), outline=False)
    for tongue in range(6):
        x = 16 + tongue * 10
        height = 10 + 4 * swing(t, 2, tongue / 3)
        c.polygon([(x - 5, 95), (x, 95 - height), (x + 5, 95)], (250, 130, 40), outline=False)
        c.polygon([(x - 3, 95), (x, 95 - height * 0.55), (x + 3, 95)], YELLOW, outline=False)
    c.stroke([(72, 64), (94, 52)], 7, look.wood)
    iron = tone(look.paint, 0.75) if look.variant > 1 else (54, 54, 62)  # enamelled or bare
    c.blob([(5, 60), (14, 80), (41, 86), (68, 80), (77, 60)], iron)
    c.oval(41, 60, 37, 15, (84, 84, 94))
    c.oval(41, 61, 32, 11.5, (44, 42, 46), outline=False)
    hop = 3 * abs(swing(t, 1))
    if look.variant % 2:
        c.oval(34, 58 - hop, 19, 8.5, WHITE)
        c.oval(33, 56 - hop, 7.5, 5, (252, 178, 30))
        c.stroke([(52, 64 - hop / 2), (64, 58 - hop / 2)], 5.5, (176, 70, 50))
    else:
        for x, y, lag in ((24, 60, 0.0), (42, 64, 0.3), (58, 58, 0.6), (40, 55, 0.8)):
            y -= 6 * abs(swing(t, 1, lag / 2))
            c.oval(x, y, 8.5, 5, (206, 120, 52))
            c.oval(x - 1, y - 1, 4.5, 2, (240, 184, 96), outline=False)


def basketball(c: Canvas, look: Look, t: float) -> None:
    """A basketball dribbled on a floor: it leaves the hand, squashes on the boards and comes back."""
    height = abs(swing(t / 2, 1))  # one bounce a cycle
    y = 70 - 34 * height
    squash = 1 - 0.22 * max(0.0, 1 - 5 * height)
    c.oval(50, 92, 32 - 12 * height, 4, (60, 44, 40, 200), outline=False)
    orange = tone((232, 118, 40), (1.0, 1.1, 0.9, 1.05, 0.82)[look.variant % 5])
    rx, ry = 25 / squash, 24 * squash
    y += 24 - ry
    c.oval(50, y, rx, ry, orange)
    with c.moved(turn=40 * height, about=(50, y)):
        seam = (52, 28, 20)
        c.stroke([(50, y - ry + 1), (50, y + ry - 1)], 2, seam, outline=False)
        c.stroke([(50 - rx + 1, y), (50 + rx - 1, y)], 2, seam, outline=False)
        for side in (-1, 1):
            curve = [
                (50 + side * rx * 0.72, y - ry * 0.66),
                (50 + side * rx * 0.4, y),
                (50 + side * rx * 0.72, y + ry * 0.66),
            ]
            c.curve(curve, 2, seam, outline=False)
    _dribbling_hand(c, look, 4 + 7 * height)


def _dribbling_hand(c: Canvas, look: Look, y: float) -> None:
    y = 20 - y
    c.stroke([(92, 8 + y / 2), (74, 6 + y / 2)], 12, look.cloth)
    c.stroke([(74, 6 + y / 2), (56, y + 4)], 8, look.skin)
    for x in (34, 42, 50):
        c.stroke([(54, y + 5), (x, y + 9)], 4.4, look.skin)


def fire_alarm(c: Canvas, look: Look, t: float) -> None:
    """A red alarm bell under a lamp: the hammer rattles, the lamp flashes."""
    lit = int(t * 8) % 4 < 2
    with c.moved(scale=0.95, about=(50, 98)):
        if lit:
            for angle in (-170, -145, -120, -60, -35, -10):
                c.stroke(
                    [polar(50, 20, 15, angle), polar(50, 20, 24 if angle < -100 or angle > -80 else 16, angle)],
                    3.4,
                    YELLOW,
                )
        lamp = (255, 244, 170) if lit else (206, 90, 70)
        c.blob([(38, 26), (39, 12), (50, 5), (61, 12), (62, 26)], lamp)
        red = tone(RED, (1.0, 1.12, 0.85, 1.05, 0.92)[look.variant % 5])
        c.box(32, 23, 68, 34, WHITE if look.variant % 2 else GREY, 2)
        rattle = 1.8 * swing(t, 4, 0.13)
        with c.moved(turn=rattle, about=(50, 60)):
            c.oval(50, 63, 33, 32, red)
            c.oval(50, 63, 24, 23, tone(red, 1.16))
            c.oval(50, 63, 14, 13.5, red)
            c.oval(50, 63, 5, 5, STEEL)
            c.arc(50, 63, 28, 200, 260, 3, tone(red, 1.6))
        c.stroke([(88, 94), (80 + rattle, 80)], 3.4, GREY)
        c.oval(79 + 2 * rattle, 78, 5, 5, STEEL)
        for side in (-1, 1):
            c.arc(50, 63, 41 + 2 * swing(t, 2), 90 - side * 90 - 18, 90 - side * 90 + 18, 2.4, YELLOW)


def vacuum_cleaner(c: Canvas, look: Look, t: float) -> None:
    """A canister vacuum cleaner: body on wheels, arching hose, a tube whose nozzle goes to and fro over dust."""
    push = 7 * swing(t)
    for speck in range(6):
        x = 66 + speck * 5.4
        if x > 74 + push:
            c.oval(x, 94, 1.6, 1.4, (130, 104, 80), outline=False)
    c.curve([(28, 54), (30, 22), (48, 8), (60, 16), (66 + push * 0.6, 26)], 6.4, (86, 88, 98))
    c.stroke([(62 + push * 0.4, 16), (70 + push * 0.6, 36), (80 + push, 86)], 5, STEEL)
    c.stroke([(60 + push * 0.4, 14), (66 + push * 0.5, 28)], 8, look.accent)
    c.polygon([(66 + push, 94), (71 + push, 85), (87 + push, 85), (91 + push, 94)], look.paint)
    c.blob([(5, 80), (8, 62), (24, 52), (46, 56), (58, 72), (58, 84), (8, 86)], look.paint)
    c.blob([(26, 60), (44, 61), (52, 73), (28, 73)], tone(look.paint, 1.5))
    c.oval(28, 54, 6, 4, BLACK)
    c.stroke([(10, 80), (56, 80)], 2, tone(look.paint, 0.6), outline=False)
    wheel(c, 18, 83, 12, t)
    c.oval(52, 89, 6, 6, (40, 40, 46))


def telephone(c: Canvas, look: Look, t: float) -> None:
    """A telephone with a dial; the receiver jumps on its cradle as it rings."""
    ring = swing(t, 4, 0.13) * (1.0, 0.25)[t >= 0.75]  # rings, then rattles out
    colour = look.paint
    c.blob([(8, 92), (14, 78), (27, 52), (50, 46), (73, 52), (86, 78), (92, 92), (50, 95)], colour)
    for x in (34, 66):
        c.stroke([(x, 52), (x, 42)], 6, tone(colour, 0.7))
    if look.variant % 2:  # push buttons
        for button in range(9):
            x, y = 38 + 12 * (button % 3), 60 + 11 * (button // 3)
            c.box(x - 4, y - 3.6, x + 4, y + 3.6, WHITE, 1)
    else:
        c.oval(50, 73, 20, 18, WHITE)
        for hole in range(9):
            c.oval(*polar(50, 73, 14, 20 + hole * 35), 2.8, 2.6, tone(colour, 0.6), outline=False)
        c.oval(50, 73, 7, 6.4, colour)
    with c.moved(dy=-abs(ring) * 5 - 3, turn=7 * ring, about=(50, 34)):
        c.curve([(16, 40), (26, 28), (50, 24), (74, 28), (84, 40)], 11, colour)
        c.blob([(5, 42), (12, 34), (26, 36), (30, 46), (24, 52), (8, 52)], colour)
        c.blob([(95, 42), (88, 34), (74, 36), (70, 46), (76, 52), (92, 52)], colour)
    if t < 0.75:
        for side in (-1, 1):
            c.arc(50, 46, 44, -90 + side * 40 - 9, -90 + side * 40 + 9, 2.8, YELLOW)
            c.arc(50, 46, 51, -90 + side * 40 - 7, -90 + side * 40 + 7, 2.4, YELLOW)


def blender(c: Canvas, look: Look, t: float) -> None:
    """A blender: a glass jar in which something coloured whirls, on a motor base."""
    shake = 0.9 * swing(t, 4, 0.13)
    juice = ((226, 62, 92), (120, 184, 60), (244, 156, 40), (150, 84, 190), (240, 206, 80))[look.variant % 5]
    with c.moved(dx=shake):
        c.curve([(70, 22), (88, 24), (86, 52), (66, 56)], 5.4, (214, 228, 236))
        c.polygon([(24, 14), (76, 14), (67, 68), (33, 68)], (222, 236, 242))
        level = [(27 + 46 * k / 6, 30 + 5 * swing(t, 1, k / 6)) for k in range(7)]
        c.polygon([*level, (67, 67), (33, 67)], juice, outline=False)
        for k in range(3):
            y = 40 + 9 * k
            x = 50 + (13 - 3 * k) * swing(t, 1, k / 3)
            c.curve([(x - 9, y), (x, y + 3), (x + 9, y)], 3, tone(juice, 1.45), outline=False)
        blade = 10 * swing(t, 2)
        c.stroke([(50 - blade, 63), (50 + blade, 65)], 2.2, STEEL)
        c.stroke([(31, 20), (36, 60)], 2.4, WHITE, outline=False)
        c.box(21, 6, 79, 15, tone(look.paint, 0.7), 3)
        c.box(42, 2.5, 58, 7, tone(look.paint, 0.5), 1)
    c.polygon([(32, 67), (68, 67), (80, 96), (20, 96)], look.paint)
    c.oval(50, 83, 8, 7.5, WHITE)
    c.stroke([(50, 83), polar(50, 83, 6, -50)], 2, BLACK, outline=False)
    for x in (32, 68):
        c.oval(x, 89, 2.6, 2.6, look.accent)


DRAWINGS = {
    "Frying_(food)": frying,
    "Basketball_bounce": basketball,
    "Fire_alarm": fire_alarm,
    "Vacuum_cleaner": vacuum_cleaner,
    "Telephone_bell_ringing": telephone,
    "Blender": blender,
}
