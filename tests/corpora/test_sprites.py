import inspect
import itertools

import numpy as np
import pytest

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic import sprites
from avvp_lib.corpora.synthetic.sprites import DOMAINS, LOOKS, SPRITES, background, distractor_cycle, more, sprite_cycle
from avvp_lib.corpora.synthetic.sprites.drawing import MARGIN, STYLES, Canvas, develop, make_look, smooth, swing, tone
from avvp_lib.corpora.synthetic.sprites.scenery import DISTRACTORS

EVERY = list(itertools.product(SPRITES, DOMAINS))


def cycle_of(category, domain, seed=0, size=48, phases=8):
    return sprite_cycle(category, domain, np.random.default_rng(seed), size, phases)


def on_grey(cycle):
    """(P, S, S, 3) float: the cycle over a grey wall, as somebody would see it."""
    opacity = cycle[..., 3:] / 255.0
    return cycle[..., :3] * opacity + 128 * (1 - opacity)


def looks_of(category, domain, seeds=20):
    return [on_grey(cycle_of(category, domain, seed, size=32))[0] for seed in range(seeds)]


def test_there_is_a_sprite_for_each_llp_category_and_for_twelve_more():
    assert set(SPRITES) == set(LLP_CATEGORIES) | set(more.DRAWINGS)
    assert len(LLP_CATEGORIES) == 25 and len(more.DRAWINGS) == 12 and len(SPRITES) == 37
    assert not set(DISTRACTORS) & set(SPRITES)


@pytest.mark.parametrize(("size", "phases"), [(16, 8), (91, 8), (128, 8), (150, 2), (40, 5), (1, 1)])
def test_the_shape_is_the_one_asked_for(size, phases):
    for cycle in (
        cycle_of("Dog", "studio", size=size, phases=phases),
        distractor_cycle("street", np.random.default_rng(0), size, phases),
    ):
        assert cycle.shape == (phases, size, size, 4) and cycle.dtype == np.uint8


@pytest.mark.parametrize(("category", "domain"), EVERY)
def test_the_drawing_fills_the_square_without_being_cut(category, domain):
    for seed in range(4):
        opacity = cycle_of(category, domain, seed, size=128)[..., 3]
        edge = np.concatenate([opacity[:, [0, -1]].ravel(), opacity[:, :, [0, -1]].ravel()])
        assert edge.max() == 0, "something leaves the square"
        seen = (opacity > 128).any(0)
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        assert np.ptp(rows) > 0.6 * 128 and np.ptp(columns) > 0.6 * 128
        assert (opacity[0] > 128).mean() > 0.15


@pytest.mark.parametrize(("category", "domain"), EVERY)
def test_every_phase_differs_from_the_next(category, domain):
    cycle = on_grey(cycle_of(category, domain))
    steps = np.abs(cycle - np.roll(cycle, -1, axis=0)).mean((1, 2, 3))
    assert steps.min() > 0.3 and steps.max() > 2


@pytest.mark.parametrize("domain", DOMAINS)
def test_distractors_stay_within_the_square_and_vary(domain):
    rng = np.random.default_rng(0)
    cycles = [distractor_cycle(domain, rng, 128) for _ in range(30)]
    for cycle in cycles:
        assert cycle[:, [0, -1], :, 3].max() == 0 and cycle[:, :, [0, -1], 3].max() == 0
        assert (cycle[..., 3] > 128).mean() > 0.1
    assert len({cycle[..., 3].tobytes() for cycle in cycles}) > 10


def test_the_same_generator_state_gives_the_same_picture():
    for draw in (
        lambda rng: sprite_cycle("Cello", "street", rng, 50),
        lambda rng: distractor_cycle("studio", rng, 50),
        lambda rng: background("street", rng, 60, 70),
        lambda rng: background("studio", rng, 60, 70),
    ):
        first, second, other = (
            draw(np.random.default_rng(3)),
            draw(np.random.default_rng(3)),
            draw(np.random.default_rng(4)),
        )
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)


def test_the_cache_does_not_change_a_picture_and_nobody_can_change_the_cache():
    first = cycle_of("Blender", "studio", size=128)
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(cycle_of("Blender", "studio", size=128), kept)
    sprites._master_strip.cache_clear()
    np.testing.assert_array_equal(cycle_of("Blender", "studio", size=128), kept)


def test_every_category_takes_the_same_draws_from_the_generator():
    states = []
    for category in SPRITES:
        rng = np.random.default_rng(0)
        sprite_cycle(category, "studio", rng, 8, 1)
        states.append(rng.bit_generator.state["state"]["state"])
    assert len(set(states)) == 1


def test_half_of_the_instances_are_mirrored():
    """A car is lopsided: over many instances each look must turn up in both orientations, exact mirror images."""
    outlines = {cycle_of("Car", "studio", seed, size=64)[0, ..., 3].tobytes() for seed in range(60)}
    assert len(outlines) == 2 * LOOKS
    mirrored = {np.frombuffer(outline, np.uint8).reshape(64, 64)[:, ::-1].tobytes() for outline in outlines}
    assert mirrored == outlines


@pytest.mark.parametrize("domain", DOMAINS)
def test_categories_can_be_told_apart(domain):
    """The mean picture of a category is farther from any other's than a tint could bring it."""
    means = {category: np.mean(looks_of(category, domain), axis=0) for category in SPRITES}
    for one, other in itertools.combinations(SPRITES, 2):
        assert np.abs(means[one] - means[other]).mean() > 4, (one, other)


@pytest.mark.parametrize("category", SPRITES)
def test_the_domains_draw_differently(category):
    studio, street = (np.mean(looks_of(category, domain), axis=0) for domain in DOMAINS)
    assert np.abs(studio - street).mean() > 2.5


def test_backgrounds_have_the_asked_shape_and_the_light_of_their_domain():
    light = {}
    for domain in DOMAINS:
        rng = np.random.default_rng(0)
        scenes = [background(domain, rng, 72, 96) for _ in range(24)]
        assert all(scene.shape == (72, 96, 3) and scene.dtype == np.uint8 for scene in scenes)
        assert len({scene.tobytes() for scene in scenes}) == 24
        light[domain] = np.mean(scenes)
    assert light["studio"] > 160 > 110 > light["street"]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 5), (33, 128)])
def test_backgrounds_of_odd_sizes(domain, height, width):
    rng = np.random.default_rng(0)
    for _ in range(12):
        assert background(domain, rng, height, width).shape == (height, width, 3)


def test_unknown_names_and_sizes_are_refused_in_words_that_help():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"no sprite for category 'Frying'.*Frying_\(food\)"):
        sprite_cycle("Frying", "studio", rng, 32)
    for draw in (
        lambda: sprite_cycle("Dog", "cinema", rng, 32),
        lambda: distractor_cycle("cinema", rng, 32),
        lambda: background("cinema", rng, 32, 32),
    ):
        with pytest.raises(ValueError, match="no rendering domain 'cinema'; choose one of: studio, street"):
            draw()
    with pytest.raises(ValueError, match="size must be at least 1, not 0"):
        sprite_cycle("Dog", "studio", rng, 0)
    with pytest.raises(ValueError, match="phases must be at least 1, not 0"):
        distractor_cycle("studio", rng, 32, 0)
    with pytest.raises(ValueError, match="width must be at least 1, not -3"):
        background("studio", rng, 32, -3)


def test_looks_of_one_thing_differ_in_every_colour():
    for domain, style in STYLES.items():
        assert len(style.texture) == LOOKS
        assert all(
            len(set(getattr(style, palette))) == LOOKS for palette in ("skin", "hair", "cloth", "paint", "fur", "wood")
        )
        looks = [make_look("Dog", domain, variant) for variant in range(LOOKS)]
        for part in ("skin", "hair", "cloth", "second_cloth", "paint", "accent", "fur", "wood"):
            assert len({getattr(look, part) for look in looks}) == LOOKS
        assert all(look.cloth != look.second_cloth and look.paint != look.accent for look in looks)


def test_a_canvas_paints_where_it_is_told_and_restores_its_position():
    canvas = Canvas("studio")
    with canvas.moved(dx=20, turn=90, about=(50, 50)):
        canvas.box(60, 48, 80, 52, (255, 0, 0), 0, outline=False)  # a bar to the right, turned to point down
    canvas.box(10, 10, 20, 20, (0, 0, 255), 0, outline=False)
    picture = develop([canvas.image], texture=0.5)[0]

    def at(x, y):
        column, row = (round(128 * (MARGIN + (1 - 2 * MARGIN) * place / 100)) for place in (x, y))
        return picture[row, column]

    assert at(70, 70)[3] == 255 and at(70, 70)[0] > 200 and at(70, 70)[2] == 0
    assert at(15, 15)[2] > 200 and at(70, 50)[3] == 0 and at(50, 50)[3] == 0


def test_tones_swings_and_smooth_curves():
    assert tone((100, 200, 50), 0.5) == (50, 100, 25)
    assert tone((100, 200, 50, 9), 1.5) == (178, 228, 152, 9)
    assert tone((1, 2, 3), 0) == (0, 0, 0) and tone((1, 2, 3), 2) == (255, 255, 255)
    assert (
        swing(0.25) == pytest.approx(1)
        and swing(0.25, 2) == pytest.approx(0)
        and swing(0, 1, 0.75) == pytest.approx(-1)
    )
    line = smooth([(0, 0), (1, 1), (2, 2)], closed=False)
    np.testing.assert_allclose(line[:, 0], line[:, 1])
    assert tuple(line[0]) == (0, 0) and tuple(line[-1]) == (2, 2)
    assert {(0.0, 0.0), (4.0, 0.0), (4.0, 4.0)} <= set(map(tuple, smooth([(0, 0), (4, 0), (4, 4)], closed=True)))


def test_every_drawing_says_what_it_shows():
    assert all(inspect.getdoc(drawing) for drawing in (SPRITES | DISTRACTORS).values())
