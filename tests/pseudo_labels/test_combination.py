"""Random combination: pairs, labels and distribution against brute force, and manifests that make the same videos again."""

from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch

from avvp_lib.pseudo_labels import PseudoLabels
from avvp_lib.pseudo_labels.combination import (
    LLP_BATCHES,
    Combination,
    batch_size,
    combine_across_videos,
    modality_shares,
    published_batch,
    repeated,
)
from avvp_lib.pseudo_labels.label_sets import (
    apportion,
    frequent_label_sets,
    scaled_minimum,
    set_name,
    total_variation,
)
from avvp_lib.training import ParsingData

SEGMENTS = 4
CATEGORIES = ("Speech", "Dog", "Car")
S, D, C = (1, 0, 0), (0, 1, 0), (0, 0, 1)
SD, NONE = (1, 1, 0), (0, 0, 0)
TOY = {  # what is seen, what is heard, the video label
    "a": (S, S, S),
    "b": (D, S, SD),
    "c": (D, D, D),
    "d": (SD, S, SD),
    "e": (S, SD, SD),
    "f": (NONE, S, S),
    "g": (S, NONE, S),
    "h": (C, C, C),
    "i": (NONE, C, C),
}


def make_labels(videos=TOY) -> tuple[PseudoLabels, np.ndarray]:
    """Segment labels in which a class of a track is in one segment only: class c of video i in segment (i + c) % 4."""
    grids = np.zeros((2, len(videos), SEGMENTS, len(CATEGORIES)), np.float32)
    for row, (seen, heard, _) in enumerate(videos.values()):
        for modality, held in enumerate((heard, seen)):
            for c in np.flatnonzero(held):
                grids[modality, row, (row + c) % SEGMENTS, c] = 1
    labels = PseudoLabels(tuple(videos), grids[0], grids[1], {"method": "toy"})
    return labels, np.array([label for _, _, label in videos.values()], bool)


def combine(number=20, seed=0, videos=TOY, minimum=1, **options) -> Combination:
    return combine_across_videos(*make_labels(videos), CATEGORIES, number=number, seed=seed, minimum=minimum, **options)


def pairs_of(made: Combination) -> list[tuple[str, str]]:
    return [(made.keys[v], made.keys[a]) for v, a in zip(made.visual_rows, made.audio_rows, strict=True)]


def possible(target, videos=TOY, excluded=()) -> set[tuple[str, str]]:
    """All (picture, sound) that make a label set, by trying all."""
    found = set()
    for v, a in permutations(videos, 2):
        seen, heard = np.array(videos[v][0], bool), np.array(videos[a][1], bool)
        usable = seen.any() and heard.any() and not {v, a} & set(excluded)
        if usable and tuple((seen | heard).astype(int)) == target:
            found.add((v, a))
    return found


def make_data() -> ParsingData:
    labels, video_labels = make_labels()
    random = torch.Generator().manual_seed(0)
    audio, visual, motion = (torch.randn(len(labels.keys), SEGMENTS, width, generator=random) for width in (5, 6, 7))
    return ParsingData(
        audio,
        visual,
        motion,
        torch.from_numpy(video_labels).float(),
        torch.from_numpy(labels.audio),
        torch.from_numpy(labels.visual),
    )


def test_by_hand():
    """Speech and Speech + Dog occur three times, Dog once, Car twice. More than twice: two sets, half of the videos each."""
    made = combine(number=8, minimum=2)
    assert sorted(Counter(map(tuple, made.video_labels.astype(int))).items()) == [(S, 4), (SD, 4)]
    for (v, a), label in zip(pairs_of(made), made.video_labels, strict=True):
        assert v != a
        np.testing.assert_array_equal(label, np.array(TOY[v][0], bool) | np.array(TOY[a][1], bool))


def test_exactly_the_possible_pairs_are_drawn_each_once_before_any_comes_twice():
    for target in (S, SD):
        expected = possible(target)
        only = {key: (seen, heard, target) for key, (seen, heard, _) in TOY.items()}  # one set to follow
        assert len(expected) > 3
        assert set(pairs_of(combine(len(expected), videos=only))) == expected
        times = Counter(pairs_of(combine(3 * len(expected) + 2, videos=only)))
        assert times.keys() == expected and Counter(times.values()) == {3: len(expected) - 2, 4: 2}
        assert len(set(pairs_of(combine(len(expected) - 1, videos=only)))) == len(expected) - 1


def test_pairs_are_drawn_uniformly():
    only = {key: (seen, heard, SD) for key, (seen, heard, _) in TOY.items()}
    expected, seeds, each = possible(SD), 1500, 3
    times = Counter(pair for seed in range(seeds) for pair in pairs_of(combine(each, seed, only)))
    assert times.keys() == expected
    mean = seeds * each / len(expected)
    chi_square = sum((number - mean) ** 2 / mean for number in times.values())
    freedom = len(expected) - 1
    assert chi_square < freedom + 5 * np.sqrt(2 * freedom)
    places = Counter(pairs_of(combine(each, seed, only))[0] for seed in range(300))
    assert len(places) > 3  # and no pair is always the first


def test_a_set_that_no_two_videos_make_is_reported_and_its_share_goes_to_the_others():
    """Car: h and i are heard, but only h is seen, and h with itself is no new video: (h, i) makes it. Without i, nothing does."""
    assert possible(C) == {("h", "i")}
    made = combine(30)
    assert not len(made.unmade) and (made.video_labels == np.array(C, bool)).all(1).sum() == round(30 * 2 / 8)
    made = combine(30, excluded=["i"])
    assert [set_name(held, CATEGORIES) for held in made.unmade] == ["Car"]
    assert sorted(Counter(map(tuple, made.video_labels.astype(int))).items()) == [(S, 15), (SD, 15)]
    assert made.manifest().iloc[-1].to_dict() == {"visual": "", "audio": "", "labels": "Car", "seed": 0}


def test_excluded_videos_and_tracks_without_a_label_are_never_used():
    made = combine(200, excluded=["a", "d"])
    used = {key for pair in pairs_of(made) for key in pair}
    assert not used & {"a", "d"}
    assert "f" not in {v for v, _ in pairs_of(made)} and "g" not in {a for _, a in pairs_of(made)}
    assert "g" in {v for v, _ in pairs_of(made)} and "f" in {a for _, a in pairs_of(made)}
    assert {(v, a) for v, a in pairs_of(made)} <= possible(S, TOY, "ad") | possible(SD, TOY, "ad") | possible(C, TOY)


def test_excluded_videos_still_count_in_the_distribution():
    sets, counts = frequent_label_sets(make_labels()[1], 1)
    made = combine(160, excluded=["b"])
    np.testing.assert_array_equal(made.counts(sets), 160 * counts / counts.sum())


def test_frequent_sets():
    _, video_labels = make_labels()
    sets, counts = frequent_label_sets(video_labels, 1)
    assert counts.tolist() == [3, 3, 2] and {tuple(s) for s in sets.astype(int)[:2]} == {S, SD}
    assert tuple(sets[2].astype(int)) == C
    sets, counts = frequent_label_sets(np.array([NONE, NONE, D], bool), 0)  # a video without a label has no set
    assert sets.astype(int).tolist() == [list(D)] and counts.tolist() == [1]
    with pytest.raises(ValueError, match="no label set occurs more than 3 times among 9 videos"):
        frequent_label_sets(video_labels, 3)


def test_largest_remainders():
    assert apportion(np.array([5, 3, 2]), 4).tolist() == [2, 1, 1]  # 2, 1.2, 0.8
    assert apportion(np.array([1, 1, 1]), 4).tolist() == [2, 1, 1]
    assert apportion(np.array([3, 0, 1]), 2).tolist() == [2, 0, 0]  # 1.5, 0, 0.5: the first of equal remainders
    random = np.random.default_rng(0)
    for number in (1, 7, 100, 12_096):
        weights = random.integers(0, 1000, 44)
        parts = apportion(weights, number)
        assert parts.sum() == number and (np.abs(parts - weights / weights.sum() * number) < 1).all()


def test_total_variation():
    assert total_variation(np.array([1, 1]), np.array([3, 1])) == 0.25
    assert total_variation(np.array([2, 0]), np.array([0, 5])) == 1


def many_videos(videos: int = 600) -> tuple[PseudoLabels, np.ndarray]:
    """Two to one seen and heard classes a video, of three, with unequal frequencies, and the label of a video is their union."""
    random = np.random.default_rng(0)
    held = random.random((2, videos, 3)) < np.array([0.6, 0.3, 0.15])
    grids = (held[:, :, None] & (random.random((2, videos, SEGMENTS, 3)) < 0.8)).astype(np.float32)
    keys = tuple(f"video{index}" for index in range(videos))
    return PseudoLabels(keys, *grids, {}), held.any(0)


def test_the_distribution_is_met_as_the_number_grows():
    labels, video_labels = many_videos()
    sets, counts = frequent_label_sets(video_labels, 5)
    for number in (10, 100, 1000, 10_000):
        made = combine_across_videos(labels, video_labels, CATEGORIES, number=number, seed=0, minimum=5)
        assert len(made) == number and not len(made.unmade)
        assert made.counts(sets).sum() == number  # no other set is made
        assert total_variation(counts, made.counts(sets)) < len(sets) / (2 * number)


def test_the_seed_decides():
    first, same, other = combine(seed=1), combine(seed=1), combine(seed=2)
    assert pairs_of(first) == pairs_of(same) != pairs_of(other)
    np.testing.assert_array_equal(np.sort(first.video_labels, 0), np.sort(other.video_labels, 0))


def test_the_published_numbers():
    assert [batch_size(multiple, 10_000) for multiple in (0.25, 0.5, 0.75, 1, 2)] == [1585, 3242, 4610, 6080, 12096]
    assert [batch_size(multiple, 800) for multiple in LLP_BATCHES] == [127, 259, 369, 486, 968]
    assert batch_size(0.25, 1) == 1
    assert [scaled_minimum(videos) for videos in (10_000, 800, 12)] == [50, 4, 1]
    with pytest.raises(
        ValueError, match=r"combination 3 is none of MUG's: choose one of 0\.25, 0\.5, 0\.75, 1\.0, 2\.0"
    ):
        batch_size(3, 800)


def test_a_published_batch_is_joined_by_id():
    labels, video_labels = many_videos(300)
    turned = PseudoLabels(labels.keys[::-1], labels.audio[::-1], labels.visual[::-1], {})
    expected = published_batch(labels, labels.keys, video_labels, CATEGORIES, 0.5, 3)
    made = published_batch(turned, labels.keys, video_labels, CATEGORIES, 0.5, 3)
    assert len(made) == round(3242 * 300 / 10_000) and made.keys == labels.keys
    np.testing.assert_array_equal(made.visual_rows, expected.visual_rows)
    np.testing.assert_array_equal(made.audio_rows, expected.audio_rows)


def test_the_training_data_grows_without_copies_of_features():
    data, made = make_data(), combine(18)
    extended = made.extended(data)
    assert len(extended) == 9 + 18
    for name in ("audio", "visual_2d", "visual_3d"):
        assert getattr(extended, name).data_ptr() == getattr(data, name).data_ptr()
        assert getattr(extended, name).shape == getattr(data, name).shape
    originals = extended.take(torch.arange(9))
    for name in ("audio", "visual_2d", "visual_3d", "video_labels", "pseudo_audio", "pseudo_visual"):
        assert torch.equal(getattr(originals, name), getattr(data, name))
    for example in range(18):
        new = extended.take(torch.tensor([9 + example]))
        v, a = made.visual_rows[example], made.audio_rows[example]
        assert torch.equal(new.audio[0], data.audio[a]) and torch.equal(new.visual_3d[0], data.visual_3d[v])
        assert torch.equal(new.pseudo_audio[0], data.pseudo_audio[a])  # segment labels travel with their track
        assert torch.equal(new.pseudo_visual[0], data.pseudo_visual[v])
        union = (new.pseudo_audio[0].amax(0) > 0) | (new.pseudo_visual[0].amax(0) > 0)
        assert torch.equal(new.video_labels[0] > 0, union)


def test_the_control_repeats_originals():
    data = make_data()
    more = repeated(data, 21, seed=0)
    assert len(more) == 30 and more.audio.data_ptr() == data.audio.data_ptr()
    assert torch.equal(more.audio_rows, more.visual_rows) and torch.equal(more.audio_rows[:9], torch.arange(9))
    assert Counter(Counter(more.audio_rows.tolist()).values()) == {3: 6, 4: 3}
    last = more.take(torch.tensor([29]))
    for name in ("audio", "visual_2d", "video_labels", "pseudo_audio", "pseudo_visual"):
        assert torch.equal(getattr(last, name)[0], getattr(data, name)[more.audio_rows[29]])


def test_how_far_sound_and_picture_agree():
    """One video: Speech heard in seconds 0, 1 and seen in 1, 2; Dog heard in 3; a second one: Car seen in 0."""
    audio, visual = np.zeros((2, 2, SEGMENTS, 3))
    audio[0, [0, 1], 0], visual[0, [1, 2], 0], audio[0, 3, 1], visual[1, 0, 2] = 1, 1, 1, 1
    shares = modality_shares(audio, visual)
    np.testing.assert_allclose(list(shares.values()), [100 / 3, 100 / 3, 100 / 3, 20])  # 1 of 5 seconds of a class
    assert list(shares) == ["seen and heard", "heard only", "seen only", "at the same time"]
    assert set(modality_shares(audio * 0, visual * 0).values()) == {0}


def test_truth_and_text_travel_too_and_soft_labels_stay_soft():
    labels, video_labels = make_labels()
    soft = PseudoLabels(labels.keys, labels.audio * 0.6 + 0.1, labels.visual * 0.5 + 0.4, {})
    made = combine_across_videos(soft, video_labels, CATEGORIES, number=12, seed=0, minimum=1)
    data = replace(
        make_data(),
        pseudo_audio=torch.from_numpy(soft.audio),
        pseudo_visual=torch.from_numpy(soft.visual),
        true_audio=torch.from_numpy(labels.audio > 0),
        true_visual=torch.from_numpy(labels.visual > 0),
        text_audio=torch.arange(9.0).view(9, 1, 1),
        text_visual=torch.arange(9.0).view(9, 1, 1),
    )
    new = made.extended(data).take(torch.arange(9, 21))
    assert torch.equal(new.text_audio.flatten(), torch.from_numpy(made.audio_rows).float())
    assert torch.equal(new.text_visual.flatten(), torch.from_numpy(made.visual_rows).float())
    assert torch.equal(new.true_visual, data.true_visual[made.visual_rows])
    assert torch.equal(new.pseudo_audio, data.pseudo_audio[made.audio_rows])
    assert set(new.pseudo_audio.unique().tolist()) == set(data.pseudo_audio.unique().tolist())
    half = PseudoLabels(labels.keys, labels.audio * 0.5, labels.visual, {})  # exactly 0.5 is no label
    with pytest.raises(ValueError, match=r"no audio track has a pseudo-label \(of 9 videos that are not excluded\)"):
        combine_across_videos(half, video_labels, CATEGORIES, number=2, seed=0, minimum=1)


def test_data_of_other_videos_is_refused():
    made, data = combine(), make_data()
    with pytest.raises(ValueError, match="the data has 8 examples; these videos were made of 9"):
        made.extended(data.take(torch.arange(8)))
    with pytest.raises(ValueError, match="the data has 29 examples"):
        made.extended(made.extended(data))
    with pytest.raises(ValueError, match="other segment labels, or another order"):
        made.extended(data.take(torch.arange(9).flip(0)))
    without = replace(data, pseudo_audio=None, pseudo_visual=None)  # video labels alone can be learned from as well
    assert len(made.extended(without)) == 29


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": 0}, "number of new videos must be at least 1, not 0"),
        ({"minimum": 9}, "no label set occurs more than 9 times"),
        ({"excluded": ["a", "z"]}, "excluded names 'z', which is none of the 9 videos"),
        ({"excluded": list("abcdegh")}, r"no visual track has a pseudo-label \(of 2 videos that are not excluded\)"),
        ({"excluded": list("abcdef")}, "no two different videos make any of the 2 frequent label sets", ),
    ],
)  # fmt: skip
def test_what_cannot_be_combined_is_refused(options, message):
    if "2 frequent" in message:
        options = {**options, "minimum": 2}
    with pytest.raises(ValueError, match=message):
        combine(**{"number": 5, **options})


def test_all_null_labels_and_other_class_lists_are_refused():
    labels, video_labels = make_labels()
    null = PseudoLabels(labels.keys, labels.audio, labels.visual * 0, {})
    with pytest.raises(ValueError, match="no visual track has a pseudo-label"):
        combine_across_videos(null, video_labels, CATEGORIES, number=2, seed=0, minimum=1)
    with pytest.raises(ValueError, match=r"video_labels are \(9, 3\) for 2 categories"):
        combine_across_videos(labels, video_labels, CATEGORIES[:2], number=2, seed=0, minimum=1)
    with pytest.raises(ValueError, match=r"video_labels are \(8, 3\) for 3 categories, the pseudo-labels of 9 videos"):
        combine_across_videos(labels, video_labels[1:], CATEGORIES, number=2, seed=0, minimum=1)


def test_a_manifest_makes_the_same_videos_again(tmp_path):
    labels, _ = make_labels()
    for made in (combine(50, seed=7), combine(30, excluded=["i"])):
        made.save(tmp_path / "manifest.csv")
        read = Combination.load(tmp_path / "manifest.csv", labels, CATEGORIES)
        for name in ("visual_rows", "audio_rows", "video_labels", "unmade"):
            np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
            assert getattr(read, name).dtype == getattr(made, name).dtype
        assert (read.keys, read.categories, read.seed) == (made.keys, made.categories, made.seed)
        pd.testing.assert_frame_equal(read.manifest(), made.manifest())


def test_a_manifest_is_joined_by_id(tmp_path):
    labels, _ = make_labels()
    made = combine(50)
    made.save(tmp_path / "manifest.csv")
    turned = PseudoLabels(labels.keys[::-1], labels.audio[::-1], labels.visual[::-1], {})
    assert pairs_of(Combination.load(tmp_path / "manifest.csv", turned, CATEGORIES)) == pairs_of(made)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,z,Speech,0", "line 2: 'z' is none of the 9 labelled videos"),
        ("a,b,Speech,0\nb,b,Speech|Dog,0", "line 3: 'b' goes with itself"),
        ("a,b,Cat,0", "line 2: 'Cat' is none of the 3 categories: it has another class list"),
        ("a,b,Dog,0", "line 2: its tracks hold Speech, the manifest says Dog: .*other pseudo-labels"),
        ("a,,Speech,0", "line 2: '' is none of the 9"),
        ("a,b,Speech,0\na,b,Speech,1", "one seed"),
        ("a,b,Speech,zero", "is no manifest"),
        ("", "one seed"),
    ],
)
def test_a_manifest_that_was_changed_is_refused(tmp_path, rows, message):
    path = tmp_path / "manifest.csv"
    path.write_text(f"visual,audio,labels,seed\n{rows}\n")
    with pytest.raises(ValueError, match=message):
        Combination.load(path, make_labels()[0], CATEGORIES)


def test_another_file_is_no_manifest(tmp_path):
    path = tmp_path / "manifest.csv"
    for text in ("video,label\na,Speech\n", "visual,audio,labels,seed,more\na,b,Speech,0,1\n", ""):
        path.write_text(text)
        with pytest.raises(ValueError, match="is no manifest of combined videos"):
            Combination.load(path, make_labels()[0], CATEGORIES)
