"""Instruments being played: cello, violin, banjo, acoustic guitar, accordion."""

from __future__ import annotations

from avvp_lib.corpora.synthetic.sprites.drawing import BLACK, WHITE, Canvas, Colour, Look, swing, tone
from avvp_lib.corpora.synthetic.sprites.people import arm, head, torso

IVORY, HORSEHAIR = (244, 238, 222), (250, 244, 226)


def _waisted_body(c: Canvas, x: float, top: float, length: float, half: float, wood: Colour) -> None:
    """The body of a bowed instrument, upright: two rounded bouts and a narrow waist between them."""
    upper = [(0, 0), (0.5, 0.01), (0.78, 0.13), (0.74, 0.30), (0.50, 0.42)]
    outline = [*upper, (0.56, 0.54), (0.92, 0.66), (0.98, 0.84), (0.6, 0.98), (0, 1)]
    right = [(x + half * u, top + length * v) for u, v in outline]
    left = [(2 * x - px, py) for px, py in reversed(right[1:-1])]
    c.blob(right + left, wood)
    for side in (-1, 1):
        c.arc(x + side * half * 0.42, top + length * 0.55, length * 0.09, -80, 80, 1.6, BLACK)


def _bow(c: Canvas, x: float, y: float, turn: float, slide: float, length: float) -> None:
    """A bow across (x, y), shifted along its own length by `slide`."""
    with c.moved(turn=turn, about=(x, y)):
        left, right = x - length / 2 + slide, x + length / 2 + slide
        c.stroke([(left, y), (right, y)], 1.5, HORSEHAIR)
        c.curve([(left, y - 1), (x + slide, y - 4), (right, y - 3)], 2.2, (96, 44, 24))
        c.box(right - 5, y - 4, right, y + 1.5, BLACK, 1)


def cello(c: Canvas, look: Look, t: float) -> None:
    """A cellist behind an upright cello, the bow drawn to and fro across it."""
    slide = 12 * swing(t)
    c.stroke([(30, 66), (18, 80), (20, 95)], 10, tone(look.second_cloth, 0.6))
    c.stroke([(70, 66), (82, 80), (80, 95)], 10, tone(look.second_cloth, 0.6))
    torso(c, 50, 36, 76, 23, look.cloth)
    with c.moved(turn=3 * swing(t), about=(40, 36)):
        head(c, look, 40, 19, 14, 0)
    c.stroke([(52, 88), (52, 96)], 2, BLACK)
    _waisted_body(c, 52, 40, 50, 24, look.wood)
    c.stroke([(52, 64), (54, 12)], 5, tone(look.wood, 0.45))
    c.oval(54, 9, 4, 4, tone(look.wood, 0.7))
    c.box(46, 70, 58, 72, IVORY, 0.5)
    c.stroke([(52, 72), (54, 14)], 1, WHITE, outline=False)
    c.polygon([(49, 75), (55, 75), (53.5, 86), (50.5, 86)], BLACK)
    arm(c, [(70, 44), (78, 38), (58, 26 + 3 * swing(t, 2))], 8, look.cloth, look.skin)
    _bow(c, 44, 64, 6, -slide, 62)
    with c.moved(turn=6, about=(44, 64)):
        arm(c, [(27, 46), (14 - slide * 0.3, 54), (17 - slide, 64)], 8, look.cloth, look.skin)


def violin(c: Canvas, look: Look, t: float) -> None:
    """A violinist with the violin held out under the chin and the bow drawn across."""
    slide = 11 * swing(t)
    torso(c, 36, 58, 96, 27, look.cloth)
    with c.moved(turn=10 + 2 * swing(t), about=(36, 50)):
        head(c, look, 35, 31, 19, 0, eyes="closed")
    arm(c, [(58, 80), (76, 82), (86, 55)], 9, look.cloth, look.skin)
    with c.moved(turn=76 + 2 * swing(t), about=(40, 60)):
        c.stroke([(40, 40), (40, 10)], 4.4, tone(look.wood, 0.4))
        c.oval(40, 9, 3.6, 3.6, tone(look.wood, 0.6))
        _waisted_body(c, 40, 24, 40, 17, look.wood)
        c.stroke([(40, 48), (40, 14)], 3.6, tone(look.wood, 0.35), outline=False)
        c.polygon([(38, 52), (42, 52), (41, 60), (39, 60)], BLACK)
    _bow(c, 58, 54, -62, slide, 66)
    arm(c, [(14, 74), (20, 92), (44 - slide * 0.5, 82 + slide * 0.8)], 9, look.cloth, look.skin)


def _fretted_neck(c: Canvas, x: float, top: float, bottom: float, wood: Colour) -> None:
    c.box(x - 3.6, top + 8, x + 3.6, bottom, tone(wood, 0.5), 0.5)
    for fret in range(4):
        y = top + 14 + fret * (bottom - top - 14) / 4
        c.stroke([(x - 3.4, y), (x + 3.4, y)], 1, IVORY, outline=False)
    c.polygon([(x - 5.5, top - 4), (x + 5.5, top - 4), (x + 4.5, top + 9), (x - 4.5, top + 9)], tone(wood, 0.75))
    for side in (-1, 1):
        for y in (top - 1, top + 4):
            c.oval(x + side * 7, y, 1.7, 1.7, IVORY)


def _player(c: Canvas, look: Look, t: float) -> None:
    """Who holds a plucked instrument across the chest."""
    torso(c, 60, 42, 96, 28, look.cloth)
    with c.moved(turn=4 * swing(t), about=(60, 40)):
        head(c, look, 60, 19, 15.5, 0)


def _plucking(c: Canvas, look: Look, t: float, strum: float) -> None:
    """One hand on the neck, the other up and down over the strings by `strum` units."""
    slide = 3 * swing(t)
    arm(c, [(36, 52), (20, 72), (30 - slide, 50 - slide * 0.6)], 9.5, look.cloth, look.skin)
    beat = strum * swing(t, 2)
    arm(c, [(85, 52), (92, 68 + beat * 0.4), (64 - beat * 0.4, 64 + beat)], 9.5, look.cloth, look.skin)


def guitar(c: Canvas, look: Look, t: float) -> None:
    """A player with an acoustic guitar: a waisted wooden body with a round hole; the hand strums."""
    _player(c, look, t)
    with c.moved(dx=16, dy=8, turn=-58 + 2 * swing(t), scale=0.92, about=(42, 60)):
        outline = [(0, 34), (11, 35), (19, 43), (17, 53), (15, 58), (23, 66), (27, 79), (21, 91), (9, 96), (0, 96)]
        body = [(42 + u, v) for u, v in outline] + [(42 - u, v) for u, v in reversed(outline[1:-1])]
        c.blob(body, tone(look.wood, 1.12))
        c.oval(42, 58, 9, 9, tone(look.wood, 1.4))
        c.oval(42, 58, 7, 7, (40, 24, 20), outline=False)
        _fretted_neck(c, 42, 0, 52, look.wood)
        c.box(31, 79, 53, 83, tone(look.wood, 0.4), 1)
        for string in (-2, 0, 2):
            c.stroke([(42 + string, 6), (42 + string, 80)], 0.8, WHITE, outline=False)
    _plucking(c, look, t, strum=9)


def banjo(c: Canvas, look: Look, t: float) -> None:
    """A player with a banjo: a round white drum in a metal rim on a long neck; the fingers pluck."""
    _player(c, look, t)
    with c.moved(dx=16, dy=8, turn=-58 + 2 * swing(t), scale=0.92, about=(42, 60)):
        c.oval(42, 68, 27, 27, tone(look.wood, 0.6))
        for step in range(12):
            with c.moved(turn=30 * step, about=(42, 68)):
                c.box(40.4, 40, 43.6, 46, (214, 218, 226), 0.5)
        c.oval(42, 68, 22.5, 22.5, IVORY)
        _fretted_neck(c, 42, 0, 50, look.wood)
        c.box(35, 78, 49, 81, tone(look.wood, 0.5), 0.5)
        for string in (-2.4, 0, 2.4):
            c.stroke([(42 + string, 6), (42 + string, 89)], 0.8, (120, 110, 100), outline=False)
    _plucking(c, look, t, strum=5)


def accordion(c: Canvas, look: Look, t: float) -> None:
    """An accordion from the front: keys on one side, buttons on the other, bellows that fan out and close."""
    spread = 0.5 + 0.5 * swing(t)
    left, right = 30 - 8 * spread, 66 + 10 * spread
    folds = 7
    step = (right - left) / folds
    for fold in range(folds):
        x, ridge = left + fold * step, left + (fold + 0.5) * step
        top, bottom = 24 - 6 * spread * (fold / folds), 80 + 2 * spread
        upper = [(x, top + 3), (ridge, top - 3), (x + step, top + 3)]
        lower = [(x + step, bottom - 3), (ridge, bottom + 3), (x, bottom - 3)]
        c.polygon(upper + lower, tone(look.accent, 0.8 if fold % 2 else 1.2))
        c.stroke([(ridge, top - 2), (ridge, bottom + 2)], 1, tone(look.accent, 0.5), outline=False)
    c.box(left - 18, 16, left + 3, 86, look.paint, 4)
    c.box(left - 17, 20, left - 6, 82, IVORY, 1)
    for key in range(7):
        y = 25 + key * 8.6
        c.stroke([(left - 17, y + 4), (left - 6, y + 4)], 0.8, BLACK, outline=False)
        c.box(left - 12, y - 1.6, left - 6, y + 2.6, BLACK, 0.5, outline=False)
    with c.moved(turn=5 * spread, about=(right, 80)):
        c.box(right - 3, 16, right + 14, 86, look.paint, 4)
        for row in range(6):
            for column in (3, 9):
                c.oval(right + column, 26 + row * 10, 2, 2, WHITE, outline=False)
        c.stroke([(right + 15, 30), (right + 17, 50), (right + 15, 72)], 3.6, (70, 44, 32))
        c.oval(right + 14, 52, 6, 9, look.skin)
    c.oval(left - 15, 48 + 6 * swing(t, 2), 6, 8, look.skin)


DRAWINGS = {"Cello": cello, "Banjo": banjo, "Violin_fiddle": violin, "Accordion": accordion, "Acoustic_guitar": guitar}
