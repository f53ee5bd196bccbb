"""Vehicles and motor tools: car, motorcycle, helicopter, lawn mower, chainsaw."""

from __future__ import annotations

from avvp_lib.corpora.synthetic.sprites.drawing import (
    BLACK,
    GREY,
    STEEL,
    WHITE,
    YELLOW,
    Canvas,
    Look,
    polar,
    swing,
    tone,
)

RUBBER, GLASS = (40, 40, 46), (168, 212, 232)
SMOKE = (196, 196, 200)


def wheel(c: Canvas, x: float, y: float, r: float, t: float, spokes: int = 5) -> None:
    """A tyre with spokes that turn by three spoke distances a cycle and so, seemingly, without end."""
    c.oval(x, y, r, r, RUBBER)
    c.oval(x, y, r * 0.62, r * 0.62, STEEL, outline=False)
    for spoke in range(spokes):
        angle = 360 * (spoke + 3 * t) / spokes
        c.stroke([(x, y), polar(x, y, r * 0.6, angle)], r * 0.16, GREY, outline=False)
    c.oval(x, y, r * 0.18, r * 0.18, RUBBER, outline=False)


def _exhaust(c: Canvas, x: float, y: float, t: float) -> None:
    for puff in range(3):
        age = (t + puff / 3) % 1
        radius = 2.5 + 4 * age
        c.oval(x - 9 * age, y - 5 * age, radius, radius, (*SMOKE, round(210 * (1 - age))), outline=False)


def car(c: Canvas, look: Look, t: float) -> None:
    """A car from the side: bouncing body, turning wheels, puffs from the exhaust."""
    bounce = 1.2 * swing(t, 2)
    roof, rear, front = ((24, 36, 64), (28, 26, 56), (20, 16, 66), (32, 40, 60), (26, 30, 70))[look.variant % 5]
    middle = (rear + front) / 2
    _exhaust(c, 15, 76, t)
    with c.moved(dy=bounce):
        c.polygon([(rear - 11, 50), (rear, roof), (front, roof), (front + 16, 50)], look.paint)
        c.polygon([(rear - 5, 50), (rear + 3, roof + 5), (middle - 2, roof + 5), (middle - 2, 50)], GLASS)
        c.polygon([(middle + 3, 50), (middle + 3, roof + 5), (front - 2, roof + 5), (front + 9, 50)], GLASS)
        c.blob(
            [(5, 60), (8, 50), (28, 47), (60, 47), (82, 50), (95, 57), (96, 72), (90, 77), (10, 77), (5, 72)],
            look.paint,
        )
        c.stroke([(8, 66), (92, 66)], 2, tone(look.paint, 0.65), outline=False)
        c.stroke([(52, 52), (52, 74)], 1.4, tone(look.paint, 0.6), outline=False)
        c.oval(92, 60, 3.4, 4, YELLOW)
        c.box(4.5, 56, 9, 62, (230, 60, 50), 1)
        c.stroke([(44, 57), (48, 57)], 1.8, BLACK, outline=False)
    for x in (26, 76):
        wheel(c, x, 77, 13.5, t)


def motorcycle(c: Canvas, look: Look, t: float) -> None:
    """A motorcycle with its rider from the side, wheels turning, the exhaust puffing."""
    bounce = 1.2 * swing(t, 2)
    _exhaust(c, 15, 84, t)
    for x in (23, 78):
        wheel(c, x, 76, 19, t, spokes=7)
    with c.moved(dy=bounce):
        c.stroke([(78, 76), (66, 42)], 4, STEEL)
        c.stroke([(14, 82), (34, 82), (48, 74)], 4.4, STEEL)
        c.stroke([(23, 76), (46, 74)], 4, GREY)
        c.oval(49, 72, 11, 10, GREY)
        for fin in (66, 70, 74):
            c.stroke([(41, fin), (57, fin)], 1.2, BLACK, outline=False)
        c.blob([(6, 58), (22, 54), (42, 58), (44, 64), (24, 64)], BLACK)
        c.blob([(40, 60), (46, 50), (64, 50), (68, 58), (56, 65)], look.paint)
        c.polygon([(64, 40), (74, 40), (78, 52), (68, 52)], look.paint)
        c.oval(76, 46, 4, 4.6, YELLOW)
        _rider(c, look)


def _rider(c: Canvas, look: Look) -> None:
    jacket = tone(look.cloth, 0.8)
    c.stroke([(32, 55), (50, 62), (46, 80), (52, 82)], 8, tone(look.second_cloth, 0.55))
    c.blob([(26, 56), (28, 38), (40, 27), (52, 32), (48, 46), (42, 58)], jacket)
    c.stroke([(46, 36), (54, 46), (66, 42)], 7, jacket)
    c.oval(66, 42, 4, 4, BLACK)
    c.oval(51, 18, 13, 13.5, look.accent)
    c.blob([(52, 13), (63, 13), (65, 21), (53, 23)], (60, 70, 88))


def helicopter(c: Canvas, look: Look, t: float) -> None:
    """A helicopter from the side with both rotors spinning."""
    with c.moved(dx=1, dy=2 * swing(t), turn=2 * swing(t, 1, 0.25), scale=0.96):
        c.polygon([(40, 44), (10, 40), (8, 46), (42, 60)], look.paint)
        c.polygon([(4, 28), (13, 28), (18, 44), (8, 46)], look.accent)
        c.stroke([polar(12, 38, 10.5, 720 * t), polar(12, 38, 10.5, 720 * t + 180)], 2.6, RUBBER)
        for x in (50, 76):
            c.stroke([(x, 70), (x - 2, 86)], 2.6, GREY)
        c.curve([(32, 87), (60, 87), (86, 87), (93, 82)], 3.4, GREY)
        c.blob([(36, 44), (54, 34), (76, 36), (93, 52), (94, 64), (82, 73), (52, 73), (38, 62)], look.paint)
        c.blob([(68, 40), (77, 40), (90, 53), (90, 60), (68, 58)], GLASS)
        c.box(48, 43, 62, 58, GLASS, 3)
        c.stroke([(40, 65), (88, 65)], 2.4, look.accent, outline=False)
        c.polygon([(54, 36), (57, 24), (63, 24), (66, 36)], GREY)
        span = 36 * abs(swing(t, 1, 0.12))
        c.oval(60, 21, 37, 3.4, (150, 156, 168, 110), outline=False)
        c.stroke([(60 - span, 21), (60 + span, 21)], 3.4, RUBBER)
        c.oval(60, 21, 4, 3, GREY)


def lawn_mower(c: Canvas, look: Look, t: float) -> None:
    """A lawn mower pushed over grass: engine block, long handle, clippings that fly."""
    green = (92, 170, 64)
    shake = 0.8 * swing(t, 2)
    for blade in range(16):
        x = 3.5 + blade * 6.1
        height = 9 if x > 72 else 4
        c.polygon(
            [(x - 3, 96), (x + swing(t, 1, blade / 5), 94 - height - 3 * (blade % 3)), (x + 3, 96)],
            tone(green, 0.8 + 0.2 * (blade % 2)),
            outline=False,
        )
    for clipping in range(6):
        age = (t + clipping / 6) % 1
        c.oval(*polar(40, 80, 12 + 30 * age, 188 + 15 * clipping), 2.6, 2.6, green, outline=False)
    with c.moved(dy=shake):
        if look.variant % 2:  # a bag for the clippings
            c.blob([(6, 58), (24, 46), (40, 62), (40, 80), (14, 82)], tone(look.accent, 0.7))
        c.stroke([(42, 70), (12, 22), (5, 21)], 4, GREY)
        c.stroke([(5, 21), (16, 18)], 5, BLACK)
        c.blob([(30, 84), (34, 68), (60, 64), (84, 66), (96, 78), (95, 85)], look.paint)
        c.box(46, 46, 76, 68, GREY, 3)
        c.box(42, 38, 80, 48, look.accent, 4)
        c.oval(61, 36, 8, 4, BLACK)
        for fin in (53, 58, 63):
            c.stroke([(49, fin), (73, fin)], 1.4, BLACK, outline=False)
        c.stroke([(78, 54), (88, 54)], 4, STEEL)
    for x, r in ((38, 11), (86, 10)):
        wheel(c, x, 84, r, t)


def chainsaw(c: Canvas, look: Look, t: float) -> None:
    """A chainsaw cutting into a log: teeth run round the bar, chips fly."""
    jolt = 1.4 * swing(t, 2)
    bark = tone(look.wood, 0.7)
    c.oval(72, 80, 22, 16, bark)
    c.oval(72, 80, 17, 12, tone(look.wood, 1.35))
    for ring in (11, 6):
        c.oval(72, 80, ring, ring * 0.7, tone(look.wood, 1.1), outline=True)
    with c.moved(dx=jolt, dy=4 * swing(t, 1), turn=14, about=(30, 50)):
        c.blob([(40, 44), (86, 44), (94, 51), (86, 58), (40, 58)], STEEL)
        for tooth in range(8):
            x = 44 + (tooth + t) % 8 * 5.4
            c.polygon([(x, 44), (x + 3.4, 39.5), (x + 4, 44)], BLACK, outline=False)
            c.polygon([(130 - x, 58), (126.6 - x, 62.5), (126 - x, 58)], BLACK, outline=False)
        c.stroke([(48, 51), (84, 51)], 1.6, GREY, outline=False)
        c.curve([(14, 44), (6, 52), (8, 66), (22, 66)], 5, BLACK)
        c.box(12, 36, 46, 66, look.paint, 5)
        c.curve([(24, 38), (24, 22), (40, 20), (46, 38)], 4.6, BLACK)
        c.box(17, 44, 32, 58, tone(look.paint, 0.55), 2)
        for slot in (48, 51.5, 55):
            c.stroke([(20, slot), (29, slot)], 1.2, BLACK, outline=False)
        c.oval(39, 51, 4, 4, WHITE)
    for chip in range(7):
        age = (t + chip / 7) % 1
        x, y = polar(64, 66, 8 + 26 * age, 185 + 16 * chip)
        c.box(x - 1.8, y - 1.4, x + 1.8, y + 1.4, tone(look.wood, 1.3), 0.5, outline=False)


DRAWINGS = {
    "Car": car,
    "Chainsaw": chainsaw,
    "Lawn_mower": lawn_mower,
    "Motorcycle": motorcycle,
    "Helicopter": helicopter,
}
