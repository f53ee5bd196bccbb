"""Twelve categories that LLP does not have, for corpora with another list of classes: instruments, farm animals, traffic, tools."""

from __future__ import annotations

from avvp_lib.corpora.synthetic.sprites.drawing import (
    BLACK,
    BLUE,
    GREY,
    RED,
    STEEL,
    WHITE,
    YELLOW,
    Canvas,
    Colour,
    Look,
    polar,
    swing,
    tone,
)
from avvp_lib.corpora.synthetic.sprites.machines import GLASS, RUBBER, SMOKE, wheel
from avvp_lib.corpora.synthetic.sprites.people import arm, head, torso

IVORY, BRASS, PINK = (244, 238, 222), (214, 164, 58), (240, 168, 170)
STONE = ((196, 190, 178), (176, 150, 128), (150, 150, 158), (206, 180, 150), (168, 120, 100))


def church_bell(c: Canvas, look: Look, t: float) -> None:
    """A belfry with a big bell that swings in its arch, a pointed roof above it."""
    stone = STONE[look.variant % 5]
    c.polygon([(50, 7), (90, 30), (10, 30)], tone(look.paint, 0.75))
    c.stroke([(50, 4), (50, 13)], 2.4, YELLOW)
    c.box(14, 29, 86, 97, stone, 1)
    for row in range(5):
        for column in range(2):
            x = 16 + column * 61 + 3 * (row % 2)
            c.box(x, 35 + row * 12, x + 7, 41 + row * 12, tone(stone, 0.85), 0.5, outline=False)
    arch = [(27, 97), (27, 52), (32, 40), (50, 33), (68, 40), (73, 52), (73, 97)]
    c.polygon(arch, (40, 38, 52))
    c.stroke([(28, 46), (72, 46)], 4, look.wood)
    with c.moved(turn=24 * swing(t), about=(50, 46)):
        c.stroke([(50, 70), polar(50, 68, 20, 90 + 12 * swing(t, 1, 0.15))], 3.2, BLACK)
        c.oval(*polar(50, 68, 20, 90 + 12 * swing(t, 1, 0.15)), 4.5, 4.5, GREY)
        c.box(46, 44, 54, 51, BRASS, 1)
        c.blob([(44, 50), (56, 50), (60, 62), (63, 74), (69, 82), (31, 82), (37, 74), (40, 62)], BRASS)
        c.stroke([(36, 76), (64, 76)], 2, tone(BRASS, 0.65), outline=False)
        c.stroke([(43, 56), (40, 70)], 2.2, tone(BRASS, 1.5), outline=False)


def drum_kit(c: Canvas, look: Look, t: float) -> None:
    """A drummer behind a bass drum, two toms and cymbals; the sticks go up and down in turn."""
    beat = swing(t, 2)
    torso(c, 50, 32, 62, 20, look.cloth)
    with c.moved(turn=4 * swing(t), about=(50, 32)):
        head(c, look, 50, 16, 12, 0.3)
    for side in (-1, 1):
        x = 50 + side * 35
        c.stroke([(x, 30), (x, 95)], 2, GREY)
        with c.moved(turn=side * (10 + 5 * beat), about=(x, 29)):
            c.oval(x, 29, 14, 3, (232, 196, 84))
    c.oval(50, 73, 23, 23, look.paint)
    c.oval(50, 73, 18.5, 18.5, IVORY)
    c.oval(50, 73, 8, 8, look.accent, outline=False)
    for step in range(8):
        c.oval(*polar(50, 73, 21, 45 * step + 22), 1.5, 1.5, STEEL, outline=False)
    for x, y in ((33, 49), (67, 49)):
        c.box(x - 11, y, x + 11, y + 13, look.paint, 2)
        c.oval(x, y, 11, 4, IVORY)
    for x in (14, 86):
        c.box(x - 11, 68, x + 11, 92, look.paint, 2)
        c.oval(x, 68, 11, 4, IVORY)
    for side in (-1, 1):
        lift = 7 * side * beat
        hand = (50 + side * 24, 41 - lift * 0.5)
        arm(c, [(50 + side * 17, 38), (50 + side * 29, 50), hand], 6.5, look.cloth, look.skin)
        c.stroke([hand, (50 + side * 12, 47 - lift)], 2.2, look.wood)


def piano(c: Canvas, look: Look, t: float) -> None:
    """A grand piano from the side with its lid up, a pianist on a stool whose hands run over the keys."""
    lacquer = (BLACK, (240, 238, 234), tone(look.wood, 0.55), BLACK, tone(look.paint, 0.6))[look.variant % 5]
    c.stroke([(9, 76), (13, 96)], 3.4, look.wood)
    c.stroke([(25, 76), (21, 96)], 3.4, look.wood)
    c.box(5, 70, 29, 77, tone(look.cloth, 0.6), 2)
    c.polygon([(46, 46), (94, 8), (97, 12), (95, 48)], lacquer)
    c.polygon([(58, 44), (92, 17), (92, 44)], tone(look.wood, 1.3), outline=False)
    c.stroke([(80, 46), (84, 20)], 1.8, look.wood)
    for x in (49, 91):
        c.stroke([(x, 62), (x - 1, 95)], 5, lacquer)
        c.oval(x - 1, 95, 3, 2, BRASS)
    c.polygon([(34, 62), (38, 47), (97, 44), (97, 62)], lacquer)
    c.stroke([(44, 52), (94, 50)], 1.4, tone(BRASS, 1.2), outline=False)
    c.box(33, 55, 51, 60, IVORY, 0.5)
    for key in range(5):
        c.box(35 + key * 3.3, 55, 36.8 + key * 3.3, 57.6, BLACK, 0, outline=False)
    c.polygon([(46, 47), (49, 32), (55, 32), (53, 47)], WHITE)
    with c.moved(turn=3 * swing(t), about=(18, 70)):
        c.blob([(8, 72), (9, 46), (18, 36), (27, 44), (26, 72)], look.cloth)
        head(c, look, 18, 23, 12.5, 0, eyes="closed")
    c.stroke([(18, 70), (38, 72), (37, 94), (43, 94)], 7, tone(look.second_cloth, 0.55))
    for shift, depth in ((0.0, 50), (0.5, 53)):
        reach = 4 * swing(t, 1, shift)
        press = 2.5 * swing(t, 2, shift)
        arm(c, [(19, 46), (28, 57), (41 + reach, depth + press)], 6, tone(look.cloth, 0.9), look.skin)


def flute(c: Canvas, look: Look, t: float) -> None:
    """A flautist: a long silver pipe held sideways at the lips, fingers that move on its keys."""
    sway = 3 * swing(t)
    torso(c, 40, 56, 97, 29, look.cloth)
    c.box(34, 46, 46, 58, tone(look.skin, 0.92), 2)
    with c.moved(turn=sway, about=(40, 56)):
        head(c, look, 40, 29, 19, 0, eyes="closed", smile=False)
        c.oval(40, 39.6, 3, 1.8, (170, 60, 70), outline=False)
        with c.moved(turn=5, about=(40, 43)):
            c.stroke([(29, 43), (97, 43)], 4.6, (208, 214, 224))
            c.box(37, 40, 44, 45, (226, 230, 238), 1)
            for key in range(7):
                c.oval(58 + key * 5.2, 42.4, 1.9, 1.9, GREY, outline=False)
            c.stroke([(32, 42), (94, 42)], 0.9, WHITE, outline=False)
        lift = 2.5 * swing(t, 2)
        arm(c, [(16, 74), (30, 88), (62, 52 + 0.4 * lift)], 9.5, look.cloth, look.skin)
        arm(c, [(64, 72), (82, 84), (82, 54 - 0.4 * lift)], 9.5, look.cloth, look.skin)
        for x, sign in ((60, 1), (64, -1), (80, -1), (84, 1)):
            c.stroke([(x, 51), (x + 1, 45.5 - sign * lift)], 2.6, look.skin)


def train(c: Canvas, look: Look, t: float) -> None:
    """A steam engine with a carriage on rails: turning wheels, a coupling rod, puffs from the chimney."""
    for sleeper in range(9):
        x = (sleeper * 12 + 12 * t) % 100
        c.box(max(x - 3, 1), 92, min(x + 3, 99), 96, tone(look.wood, 0.55), 0.5, outline=False)
    c.stroke([(2, 91), (98, 91)], 1.8, STEEL, outline=False)
    for puff in range(4):
        age = (t + puff / 4) % 1
        c.oval(82 - 34 * age, 22 - 12 * age, 4 + 6 * age, 4 + 5 * age, (*SMOKE, round(230 * (1 - age))), outline=False)
    bounce = 0.8 * swing(t, 2)
    with c.moved(dy=bounce):
        c.box(2, 44, 30, 80, look.accent, 2)
        for x in (6, 17):
            c.box(x, 51, x + 8, 62, GLASS, 1)
        c.box(1, 40, 31, 46, tone(look.accent, 0.6), 1)
        c.stroke([(30, 77), (40, 77)], 3, GREY)
        c.box(36, 36, 58, 80, look.paint, 1)
        c.box(34, 31, 60, 38, tone(look.paint, 0.55), 2)
        c.box(40, 43, 53, 57, GLASS, 1)
        c.blob([(56, 52), (62, 49), (88, 49), (94, 55), (94, 72), (88, 77), (56, 77)], tone(look.paint, 0.8))
        for x in (66, 76):
            c.stroke([(x, 50), (x, 76)], 1.8, YELLOW, outline=False)
        c.polygon([(79, 50), (77, 28), (89, 28), (87, 50)], RUBBER)
        c.oval(68, 48, 4.5, 5, BRASS)
        c.oval(94, 57, 3.6, 4, YELLOW)
        c.polygon([(86, 78), (94, 78), (98, 89), (86, 89)], RED)
    for x, r in ((10, 6.5), (24, 6.5), (47, 11), (69, 11), (88, 6.5)):
        wheel(c, x, 90 - r, r, t)
    c.stroke([polar(x, 79, 5, 360 * t) for x in (47, 69)], 2.6, STEEL)


def airplane(c: Canvas, look: Look, t: float) -> None:
    """An airliner from the side that climbs and sinks a little: swept wing, tail fin, streaks of air behind it."""
    for streak in range(5):
        age = (t + streak / 5) % 1
        y = 46 + 9 * streak
        c.stroke([(22 - 18 * age, y), (34 - 22 * age, y)], 1.6, (*WHITE, round(220 * (1 - age))), outline=False)
    with c.moved(dy=2.5 * swing(t), turn=-11 + 3 * swing(t, 1, 0.25), scale=0.9):
        c.polygon([(46, 46), (34, 16), (42, 16), (64, 45)], tone(look.accent, 0.8))
        c.polygon([(5, 46), (2, 12), (13, 12), (28, 42)], look.accent)
        body = [(3, 47), (14, 42), (40, 39), (74, 39), (90, 44), (98, 53), (90, 60), (72, 63), (40, 62), (14, 56)]
        c.blob(body, (240, 242, 246) if look.variant % 2 else tone(look.paint, 1.35))
        c.stroke([(8, 52), (94, 55)], 3, look.accent, outline=False)
        for window in range(9):
            c.oval(24 + window * 6.4, 47, 1.7, 2.1, (60, 84, 120), outline=False)
        c.blob([(84, 44), (90, 45), (94, 50), (85, 50)], GLASS)
        c.polygon([(44, 54), (66, 55), (38, 90), (27, 90)], look.accent)
        c.polygon([(5, 51), (22, 51), (10, 65), (2, 65)], tone(look.accent, 0.85))
        c.blob([(44, 66), (60, 66), (62, 71), (60, 77), (44, 76), (42, 71)], STEEL)
        c.oval(61, 71.5, 2.2, 4.8, BLACK)
        c.stroke([polar(61, 71.5, 4, 360 * t), polar(61, 71.5, 4, 360 * t + 180)], 1.2, WHITE, outline=False)


def cow(c: Canvas, look: Look, t: float) -> None:
    """A spotted cow from the side: horns, an udder, a swinging tail, a muzzle that opens to low."""
    low = max(0.0, swing(t))
    coat = WHITE if look.variant % 2 else tone(look.fur, 1.1)
    spot = tone(look.fur, 0.55) if look.variant % 2 else WHITE
    with c.moved(dy=3, scale=0.92):
        c.curve([(10, 40), (4, 54), (6 + 5 * swing(t), 72)], 3.2, coat)
        c.oval(6 + 5 * swing(t), 75, 3.4, 5, tone(look.fur, 0.5))
        for x in (24, 62):
            c.stroke([(x, 66), (x + 1, 92)], 8, tone(coat, 0.8))
        c.blob([(8, 42), (22, 36), (50, 38), (70, 36), (74, 54), (66, 70), (40, 72), (16, 70), (8, 58)], coat)
        c.blob([(18, 42), (30, 40), (34, 52), (24, 58), (16, 52)], spot, outline=False)
        c.blob([(46, 42), (60, 41), (62, 50), (54, 60), (44, 54)], spot, outline=False)
        c.blob([(24, 70), (38, 70), (36, 80), (28, 80)], PINK)
        for x in (16, 54):
            c.stroke([(x, 66), (x, 90)], 8.5, coat)
            c.box(x - 5, 89, x + 5, 96, BLACK, 1)
        with c.moved(dy=-3 * low, turn=-16 * low, about=(70, 44)):
            for x, tip in ((72, 66), (84, 92)):
                c.curve([(x, 22), (tip, 18), (tip, 9)], 3.6, IVORY)
            for x, turn in ((65, -25), (91, 25)):
                c.oval(x, 28, 7, 3.8, tone(coat, 0.85), turn)
            c.blob([(70, 20), (86, 20), (90, 36), (86, 54), (72, 54), (67, 36)], coat)
            c.polygon([(75, 20), (82, 20), (79, 42)], spot, outline=False)
            c.oval(79, 60 + 4 * low, 8, 5 + 3 * low, (150, 60, 70))
            c.oval(79, 53, 11.5, 8, PINK)
            for side in (-1, 1):
                c.oval(79 + side * 4.5, 52, 1.6, 2.2, (120, 50, 60), outline=False)
                c.oval(79 + side * 6.5, 34, 2.2, 2.8, BLACK, outline=False)


def sheep(c: Canvas, look: Look, t: float) -> None:
    """A woolly sheep from the side, a cloud on thin dark legs; it bleats with its head up."""
    bleat = max(0.0, swing(t, 2))
    wool = ((246, 240, 226), (232, 224, 206), (250, 246, 240), (150, 132, 118), (238, 228, 200))[look.variant % 5]
    face = (44, 40, 46) if look.variant % 2 == 0 else tone(look.skin, 1.05)
    for x in (24, 33, 52, 61):
        c.stroke([(x, 68), (x + 1.5 * swing(t, 1, x / 40), 94)], 5, tone(face, 0.8))
    for number in range(13):
        x, y = polar(43, 52, 25, 360 * number / 13)
        c.oval(43 + (x - 43) * 1.18, y, 10.5, 10.5, wool)
    c.oval(43, 52, 30, 25, wool, outline=False)
    for x, y in ((26, 48), (38, 40), (52, 47), (34, 60), (50, 63)):
        c.arc(x, y, 5.5, 20 + 20 * swing(t), 200, 1.8, tone(wool, 0.78))
    c.oval(11, 50, 6, 8, wool, 20 * swing(t, 2))
    with c.moved(dy=-2 * bleat, turn=-12 * bleat, about=(70, 46)):
        c.blob([(76, 48), (92, 50 + 9 * bleat), (90, 57 + 9 * bleat), (74, 58)], tone(face, 0.75))
        c.blob([(66, 26), (80, 24), (90, 36), (96, 48), (88, 54), (74, 54), (66, 42)], face)
        c.oval(64, 34, 9, 4, tone(face, 0.85), 28)
        c.oval(81, 36, 3, 3.2, WHITE, outline=False)
        c.oval(82, 36, 1.6, 2, BLACK, outline=False)
        for x, y, r in ((66, 22, 7), (74, 19, 7.5), (81, 23, 6)):
            c.oval(x, y, r, r, wool)


def duck(c: Canvas, look: Look, t: float) -> None:
    """A duck that swims: upturned tail, a wing, a flat bill that opens to quack, ripples on the water."""
    quack = max(0.0, swing(t, 2))
    plumage = (YELLOW, tone(look.fur, 0.95), WHITE, tone(look.fur, 0.8), (226, 214, 190))[look.variant % 5]
    crown = ((20, 116, 76), plumage, plumage, (24, 96, 120), tone(look.fur, 0.5))[look.variant % 5]
    bill = (240, 140, 36)
    with c.moved(dy=2 * swing(t), turn=2.5 * swing(t, 1, 0.25), about=(46, 76)):
        outline = [(4, 44), (16, 54), (34, 54), (52, 52), (62, 40), (76, 44), (80, 62), (70, 80), (44, 87), (20, 82)]
        c.blob([*outline, (9, 64)], plumage)
        c.blob([(58, 52), (57, 28), (75, 24), (80, 46), (76, 56)], crown)
        if look.variant in (0, 3):
            c.stroke([(59, 47), (77, 50)], 3.4, WHITE, outline=False)
        c.polygon([(77, 30), (97, 36 + 10 * quack), (95, 42 + 10 * quack), (76, 39)], tone(bill, 0.75))
        c.blob([(76, 23), (86, 26), (98, 30 - 4 * quack), (97, 36 - 3 * quack), (76, 35)], bill)
        c.oval(67, 23, 13, 13.5, crown)
        c.oval(71, 19, 3.2, 3.4, WHITE, outline=False)
        c.oval(72, 19, 1.8, 2.2, BLACK, outline=False)
        flap = 5 * swing(t, 2, 0.25)
        c.blob([(20, 58 - flap), (38, 56), (58, 60), (54, 74), (38, 77), (24, 70 - flap)], tone(plumage, 0.78))
        c.arc(40, 62, 10, 30, 150, 1.6, tone(plumage, 0.55))
    for row, y in enumerate((81, 88, 95)):
        crest = [(4 + 10 * k, y + 2.2 * swing(t, 1, k / 3 + row / 5)) for k in range(10)]
        c.curve(crest, 5, tone(BLUE, 1.0 + 0.15 * row), outline=row == 0)


def hammering(c: Canvas, look: Look, t: float) -> None:
    """A hammer in a fist that comes down on a nail in a thick board; sparks at the blow."""
    up = 0.5 + 0.5 * swing(t, 1, 0.25)
    with c.moved(dy=4, scale=0.93):
        c.polygon([(3, 78), (97, 74), (97, 90), (3, 96)], tone(look.wood, 1.15))
        for y in (83, 88):
            c.curve([(8, y + 2), (40, y), (66, y + 1.5), (94, y - 2)], 1.2, tone(look.wood, 0.75), outline=False)
        for x in (78, 88):
            c.oval(x, 77, 2.6, 1.5, STEEL)
        depth = 4 * (1 - up)
        c.stroke([(27, 66 + depth), (27, 79)], 3, STEEL)
        c.box(22, 62 + depth, 32, 66 + depth, STEEL, 0.5)
        if up < 0.3:
            for angle in (-165, -125, -60, -20):
                c.stroke([polar(27, 64, 10, angle), polar(27, 64, 18, angle)], 2.2, YELLOW, outline=False)
        with c.moved(turn=48 * up, about=(90, 62)):
            c.stroke([(27, 57), (92, 60)], 6.4, tone(look.wood, 0.8))
            c.polygon([(20, 48), (34, 48), (34, 64), (20, 64)], (120, 126, 138))
            c.box(18, 61, 36, 67, (92, 96, 108), 1)
            c.curve([(27, 49), (26, 40), (34, 34), (40, 34)], 6.5, (120, 126, 138))
            c.stroke([(74, 59), (94, 60)], 9, look.paint)
            c.blob([(74, 51), (86, 50), (90, 60), (88, 69), (76, 69), (71, 60)], look.skin)
            for x in (75, 79, 83):
                c.stroke([(x, 54), (x - 1, 66)], 1.2, tone(look.skin, 0.7), outline=False)


def sewing_machine(c: Canvas, look: Look, t: float) -> None:
    """A sewing machine with a needle that goes up and down on cloth, a spool and a turning hand wheel."""
    stitch = 5 * swing(t, 2)
    c.box(3, 82, 97, 95, look.wood, 2)
    c.polygon([(2, 76), (46, 76), (48, 83), (46, 93), (30, 90 + 2 * swing(t)), (14, 94), (3, 91)], look.cloth)
    for stripe in range(4):
        x = 6 + (stripe * 10 + 10 * t) % 40
        c.stroke([(x - 3, 79), (x, 90)], 4.5, look.second_cloth, outline=False)
    body = tone(look.paint, 0.9)
    with c.moved(dy=1.4 * swing(t, 2, 0.25)):
        c.box(20, 74, 88, 83, tone(body, 0.75), 2)
        c.polygon([(64, 76), (66, 40), (84, 36), (86, 76)], body)
        c.blob([(14, 30), (30, 25), (70, 26), (86, 30), (86, 46), (66, 49), (30, 46), (14, 46)], body)
        c.box(13, 30, 28, 56, tone(body, 0.85), 3)
        c.stroke([(32, 35), (66, 35)], 2, BRASS, outline=False)
        c.oval(50, 40, 3, 3, BRASS)
        c.stroke([(20, 56), (20, 66 + stitch)], 2.4, STEEL)
        c.stroke([(20, 66 + stitch), (20, 75 + stitch)], 1.4, STEEL)
        c.box(15, 70, 27, 73, GREY, 0.5)
        c.stroke([(58, 26), (58, 8)], 2, GREY)
        c.box(53, 9, 63, 22, look.accent, 2)
        c.curve([(58, 12), (38, 16), (22, 27), (20, 58)], 1, tone(look.accent, 0.8), outline=False)
        wheel(c, 87, 40, 11.5, t, spokes=4)


def _rocket_burst(c: Canvas, x: float, y: float, radius: float, age: float, colour: Colour) -> None:
    """Sparks that fly apart and fall as they go out."""
    clear = round(255 * (1 - 0.75 * age))
    for ring, rays in ((1.0, 16), (0.6, 10)):
        for ray in range(rays):
            angle = 360 * ray / rays + 12 * ring
            inner, outer = (polar(x, y, radius * ring * part * (0.45 + 0.55 * age), angle) for part in (0.55, 1.0))
            drop = 5 * age * age
            paint = (*(colour if ring == 1.0 else tone(colour, 1.5))[:3], clear)
            c.stroke([inner, (outer[0], outer[1] + drop)], 3.2, paint, outline=False)
            c.oval(outer[0], outer[1] + drop, 2.4, 2.4, paint, outline=False)
    c.oval(x, y, 5 * (1 - age) + 1.5, 5 * (1 - age) + 1.5, (*WHITE, clear), outline=False)


def fireworks(c: Canvas, look: Look, t: float) -> None:
    """Rockets that burst one after the other in a patch of night sky over dark roofs, balls of coloured sparks."""
    night = ((26, 28, 66), (22, 20, 50), (40, 26, 70), (18, 36, 62), (30, 24, 44))[look.variant % 5]
    c.oval(50, 50, 48, 47, night)
    x, y = 26 + 6 * (look.variant % 3), 84
    c.polygon([(18, 84), (26, 76), (34, 84), (44, 78), (58, 84), (66, 75), (82, 84), (66, 94), (34, 94)], (12, 12, 26))
    rise = (t * 2) % 1
    c.stroke([(x, y - 40 * rise), (x + 1, min(y - 26 * rise, 82))], 2.2, (*YELLOW, 220), outline=False)
    places = [(36, 34, 21, look.paint), (66, 46, 22, look.accent), (48, 62, 15, YELLOW)]
    for number, (cx, cy, radius, colour) in enumerate(places):
        bright = tone(colour, 1.25)
        _rocket_burst(c, cx, cy, radius, 0.1 + 0.9 * ((t + number / 3) % 1), bright)


DRAWINGS = {
    "church bell ringing": church_bell,
    "playing drum kit": drum_kit,
    "playing piano": piano,
    "playing flute": flute,
    "train horning": train,
    "airplane flyby": airplane,
    "cow lowing": cow,
    "sheep bleating": sheep,
    "duck quacking": duck,
    "hammering nails": hammering,
    "using sewing machines": sewing_machine,
    "fireworks banging": fireworks,
}
