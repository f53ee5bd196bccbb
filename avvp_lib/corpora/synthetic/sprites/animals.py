"""Animals: a barking dog, a mewing cat, a crowing rooster."""

from __future__ import annotations

from avvp_lib.corpora.synthetic.sprites.drawing import BLACK, RED, WHITE, YELLOW, Canvas, Look, polar, swing, tone

TONGUE = (232, 96, 112)


def dog(c: Canvas, look: Look, t: float) -> None:
    """A dog from the side: tail up and wagging, the jaw opens with every bark."""
    bark = max(0.0, swing(t, 2))
    wag = 16 * swing(t, 2)
    dark = tone(look.fur, 0.72)
    c.curve([(16, 54), (9, 40), polar(12, 38, 22, -90 + wag)], 7, look.fur)
    for x in (26, 70):
        c.stroke([(x, 70), (x + 2, 92)], 9, dark)
    c.blob([(12, 52), (34, 48), (60, 46), (76, 46), (80, 64), (66, 76), (40, 72), (22, 76), (11, 68)], look.fur)
    for x in (18, 62):
        c.stroke([(x, 68), (x, 92), (x + 4, 92)], 9, look.fur)
    with c.moved(dy=-2 * bark, turn=-9 * bark, about=(70, 48)):
        _dog_head(c, look, bark)
    c.stroke([(60, 52), (78, 58)], 5, look.paint)


def _dog_head(c: Canvas, look: Look, bark: float) -> None:
    dark = tone(look.fur, 0.6)
    jaw = 14 * bark
    c.blob([(70, 46), (88, 44 + jaw), (90, 50 + jaw), (72, 55 + jaw * 0.4)], tone(look.fur, 0.85))
    if bark > 0.2:
        c.stroke([(76, 46 + jaw * 0.5), (86, 46 + jaw)], 4, TONGUE, outline=False)
    c.blob([(50, 30), (60, 16), (74, 16), (80, 26), (94, 30), (95, 42), (80, 46), (66, 54), (52, 50)], look.fur)
    c.oval(93, 31, 4.6, 4, BLACK)
    c.oval(75, 26, 3, 3.4, BLACK, outline=False)
    c.oval(76, 25, 1, 1, WHITE, outline=False)
    if look.variant % 3 == 1:  # pricked ears
        c.polygon([(52, 28), (53, 4), (68, 18)], dark)
    else:
        c.blob([(54, 18), (64, 18), (64, 34), (58, 48 - 4 * bark), (49, 44 - 4 * bark), (49, 28)], dark)


def cat(c: Canvas, look: Look, t: float) -> None:
    """A sitting cat from the front: pointed ears, whiskers, a tail that curls, a mouth that mews."""
    mew = max(0.0, swing(t, 1))
    curl = 8 * swing(t, 1, 0.3)
    dark = tone(look.fur, 0.66)
    c.curve([(64, 90), (84, 88), (90, 70), (82 + curl, 56), (90 + curl * 0.6, 44)], 7.5, look.fur)
    c.blob([(50, 50), (68, 62), (76, 88), (66, 96), (34, 96), (24, 88), (32, 62)], look.fur)
    c.oval(50, 78, 11, 14, tone(look.fur, 1.5), outline=False)
    for x in (42, 58):
        c.stroke([(x, 76), (x, 92)], 7, look.fur)
    with c.moved(dy=-2 * mew, turn=4 * swing(t), about=(50, 60)):
        for side in (-1, 1):
            c.polygon([(50 + side * 29, 36), (50 + side * 27, 4), (50 + side * 6, 18)], look.fur)
            c.polygon(
                [(50 + side * 24, 26), (50 + side * 23, 11), (50 + side * 13, 19)], (238, 150, 150), outline=False
            )
        c.oval(50, 38, 31, 25, look.fur)
        if look.variant % 2:  # a white blaze instead of stripes
            c.polygon([(50, 15), (45, 46), (55, 46)], tone(look.fur, 1.6), outline=False)
        else:
            for x in (41, 50, 59):
                c.stroke([(x, 15), (x, 24)], 3, dark, outline=False)
        _cat_face(c, look, mew)


def _cat_face(c: Canvas, look: Look, mew: float) -> None:
    iris = ((120, 200, 90), (240, 190, 50), (90, 180, 220))[look.variant % 3]
    c.oval(50, 51, 14, 9, tone(look.fur, 1.5), outline=False)
    for side in (-1, 1):
        c.oval(50 + side * 14, 36, 6.4, 6.4 - 2 * mew, iris)
        c.oval(50 + side * 14, 36, 1.9, 5.4 - 2 * mew, BLACK, outline=False)
        for slope in (-5, 0, 5):
            c.stroke(
                [(50 + side * 15, 50 + slope * 0.4), (50 + side * 42, 48 + slope * 1.5)], 1.1, BLACK, outline=False
            )
    if mew > 0.1:
        c.oval(50, 54 + 2 * mew, 5, 2 + 5 * mew, (150, 34, 50), outline=False)
    else:
        c.arc(46, 50, 4, 20, 160, 1.6, BLACK)
        c.arc(54, 50, 4, 20, 160, 1.6, BLACK)
    c.polygon([(46, 45), (54, 45), (50, 50)], (222, 104, 116), outline=False)


def rooster(c: Canvas, look: Look, t: float) -> None:
    """A rooster from the side: red comb and wattle, sickle feathers, a beak that opens as the neck stretches."""
    crow = max(0.0, swing(t, 1))
    feathers = tone(look.fur, 1.15)
    plumes = [(6, 42), (7, 28), (14, 16), (25, 11)] if look.variant != 4 else [(8, 46), (10, 38), (14, 32)]  # 4: a hen
    for number, (x, y) in enumerate(plumes):
        colour = (look.paint, tone(look.paint, 0.7), tone(look.accent, 0.6), tone(look.paint, 0.85))[number]
        sway = 2.5 * swing(t, 1, number / 8)
        c.curve([(34, 60), (20, (60 + y) / 2 - 6), (x + 1 + sway, y), (x + 3 + sway, y + 10)], 7, colour)
    for x in (44, 54):
        c.stroke([(x, 76), (x, 92)], 3, YELLOW)
        c.stroke([(x - 5, 94), (x, 92), (x + 6, 94)], 2.6, YELLOW)
    reach = 5 * crow
    c.blob(
        [
            (22, 56),
            (36, 54),
            (52, 50),
            (60, 26 - reach),
            (74, 22 - reach),
            (80, 36),
            (78, 60),
            (64, 78),
            (44, 80),
            (28, 72),
        ],
        feathers,
    )
    flap = 6 * crow
    c.blob([(34, 58 - flap), (58, 56), (62, 66), (46, 74), (32, 70 - flap)], tone(look.fur, 0.7))
    with c.moved(dy=-reach, turn=-20 * crow, about=(68, 30)):
        _rooster_head(c, feathers, crow)


def _rooster_head(c: Canvas, feathers: tuple[int, ...], crow: float) -> None:
    for x, y, r in ((60, 17, 5), (67, 12.5, 6), (75, 15, 5)):
        c.oval(x, y, r, r * 1.15, RED)
    c.oval(78, 44, 4.5, 7.5, RED)
    gape = 6 * crow
    c.polygon([(78, 31), (94, 35 + gape), (77, 38 + gape * 0.4)], tone(YELLOW, 0.8))
    c.polygon([(78, 24), (95, 32 - gape * 0.6), (78, 34)], YELLOW)
    c.oval(69, 28, 12, 11.5, feathers)
    c.oval(72, 26, 2.8, 3, BLACK, outline=False)
    c.oval(73, 25, 0.9, 0.9, WHITE, outline=False)


DRAWINGS = {"Dog": dog, "Cat": cat, "Chicken_rooster": rooster}
