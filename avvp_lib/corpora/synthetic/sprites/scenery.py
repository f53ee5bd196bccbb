"""Silent company for the actors: things that belong to no category."""

from __future__ import annotations

from avvp_lib.corpora.synthetic.sprites.drawing import GREY, WHITE, Canvas, Look, polar, swing, tone

LEAF = (84, 156, 88)


def plant(c: Canvas, look: Look, t: float) -> None:
    """A pot plant with leaves that stir."""
    for leaf in range(7):
        angle = -90 + (leaf - 3) * 24 + 4 * swing(t, 1, leaf / 7)
        c.oval(*polar(50, 66, 27, angle), 21, 7.5, tone(LEAF, 0.8 + 0.1 * (leaf % 3)), turn=angle)
    c.polygon([(28, 66), (72, 66), (65, 96), (35, 96)], look.wood)
    c.box(25, 62, 75, 70, tone(look.wood, 1.15), 2)


def floor_lamp(c: Canvas, look: Look, t: float) -> None:
    """A lamp with a shade on a long foot."""
    with c.moved(turn=1.5 * swing(t), about=(50, 96)):
        c.stroke([(50, 40), (50, 93)], 4, GREY)
        c.oval(50, 93, 20, 4, GREY)
        c.polygon([(34, 6), (66, 6), (84, 44), (16, 44)], tone(look.cloth, 1.3))


def balloon(c: Canvas, look: Look, t: float) -> None:
    """A balloon on a string."""
    with c.moved(dx=4 * swing(t)):
        c.curve([(50, 68), (46 + 4 * swing(t, 1, 0.3), 80), (53, 96)], 1.4, WHITE)
        c.oval(50, 36, 29, 33, look.paint)
        c.polygon([(45, 73), (50, 67), (55, 73)], look.paint)
        c.oval(39, 24, 6, 10, tone(look.paint, 1.5), turn=25, outline=False)


def umbrella(c: Canvas, look: Look, t: float) -> None:
    """An open umbrella."""
    with c.moved(turn=5 * swing(t), about=(50, 90)):
        c.curve([(50, 20), (50, 84), (56, 93), (63, 86)], 3.4, look.wood)
        for side in (-1, 1):
            outer = [(50, 10), (50 + side * 34, 24), (50 + side * 45, 52), (50 + side * 33, 46), (50 + side * 22, 52)]
            c.polygon(outer, look.cloth if side > 0 else look.second_cloth)
            inner = [(50, 10), (50 + side * 11, 24), (50 + side * 22, 52), (50 + side * 11, 46), (50, 52)]
            c.polygon(inner, look.second_cloth if side > 0 else look.cloth)


def carton(c: Canvas, look: Look, t: float) -> None:
    """A closed cardboard box."""
    card = (206, 160, 108)
    with c.moved(dx=1.5 * swing(t)):
        c.polygon([(8, 36), (50, 52), (50, 95), (8, 78)], card)
        c.polygon([(92, 36), (50, 52), (50, 95), (92, 78)], tone(card, 0.78))
        c.polygon([(8, 36), (48, 20), (92, 36), (50, 52)], tone(card, 1.25))
        c.polygon([(24, 29.5), (34, 26), (75, 42), (66, 46)], look.accent, outline=False)


def kite(c: Canvas, look: Look, t: float) -> None:
    """A kite with a tail of bows."""
    with c.moved(turn=8 * swing(t), about=(50, 40)):
        tail = [(50 + 9 * swing(t, 1, k / 4), 66 + 7 * k) for k in range(5)]
        c.curve(tail, 1.8, WHITE)
        for x, y in tail[1:4]:
            c.polygon([(x - 6, y - 3), (x + 6, y + 3), (x + 6, y - 3), (x - 6, y + 3)], look.accent)
        c.polygon([(50, 4), (80, 34), (50, 68), (20, 34)], look.paint)
        c.polygon([(50, 4), (80, 34), (50, 34)], look.accent)
        c.polygon([(20, 34), (50, 34), (50, 68)], tone(look.accent, 0.8))


def mug(c: Canvas, look: Look, t: float) -> None:
    """A mug, empty and cold."""
    with c.moved(turn=2 * swing(t), about=(45, 90)):
        c.arc(70, 55, 17, -80, 80, 7, look.cloth, outline=True)
        c.polygon([(14, 24), (72, 24), (69, 92), (17, 92)], look.cloth)
        c.oval(43, 24, 29, 8, tone(look.cloth, 1.4))
        c.oval(43, 25, 24, 5, tone(look.cloth, 0.5), outline=False)
        c.stroke([(17, 60), (69, 60)], 8, look.second_cloth, outline=False)


def open_book(c: Canvas, look: Look, t: float) -> None:
    """A book whose page turns."""
    c.polygon([(4, 30), (50, 38), (96, 30), (96, 82), (50, 90), (4, 82)], look.paint)
    for side in (-1, 1):
        c.polygon([(50, 34), (50 + side * 42, 25), (50 + side * 42, 77), (50, 85)], WHITE)
        for line in range(5):
            y = 38 + 8 * line
            c.stroke([(50 + side * 8, y), (50 + side * 36, y - 6)], 1.6, GREY, outline=False)
    edge = 50 + 38 * swing(t, 1, 0.25)
    c.polygon([(50, 34), (edge, 16), (edge, 68), (50, 85)], (232, 226, 210))


def chair(c: Canvas, look: Look, t: float) -> None:
    """A wooden chair that rocks a little."""
    with c.moved(turn=2 * swing(t), about=(50, 96)):
        c.stroke([(28, 58), (25, 94)], 5, look.wood)
        c.stroke([(72, 62), (76, 94)], 5, look.wood)
        c.stroke([(26, 6), (28, 58)], 5, look.wood)
        c.stroke([(60, 6), (58, 54)], 5, look.wood)
        for y in (14, 28, 42):
            c.stroke([(27, y), (60, y)], 5, tone(look.wood, 1.15))
        c.polygon([(24, 54), (62, 54), (80, 64), (34, 66)], look.cloth)
        c.stroke([(38, 66), (38, 95)], 5, look.wood)


def traffic_cone(c: Canvas, look: Look, t: float) -> None:
    """A traffic cone."""
    orange = (240, 106, 34)
    with c.moved(turn=3 * swing(t), about=(50, 92)):
        c.box(12, 84, 88, 95, tone(orange, 0.8), 3)
        c.polygon([(44, 5), (56, 5), (76, 84), (24, 84)], orange)
        for top, bottom in ((28, 40), (54, 68)):
            narrow, wide = 4.7 + 0.253 * top, 4.7 + 0.253 * bottom  # half the width of the cone at these heights
            c.polygon([(50 - narrow, top), (50 + narrow, top), (50 + wide, bottom), (50 - wide, bottom)], WHITE)


DISTRACTORS = {
    "plant": plant,
    "floor lamp": floor_lamp,
    "balloon": balloon,
    "umbrella": umbrella,
    "carton": carton,
    "kite": kite,
    "mug": mug,
    "open book": open_book,
    "chair": chair,
    "traffic cone": traffic_cone,
}
