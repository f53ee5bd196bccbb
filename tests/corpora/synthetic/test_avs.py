"""synthetic-avs: what is planned, what is painted and heard, what is written, and that AVSBench's reader finds it again."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avvp_lib.cli import main
from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.avs_data import read_segmentation_data
from avvp_lib.corpora.synthetic import sounds, sprites
from avvp_lib.corpora.synthetic.avs import (
    AVS_CATEGORIES,
    AVS_CLASSES,
    SIZES,
    AVSSettings,
    clip_scene,
    default_avs_root,
    frame_times,
    paint,
    render_avs,
    render_avs_clip,
    writer,
)
from avvp_lib.corpora.synthetic.avs.clips import RenderedClip
from avvp_lib.corpora.synthetic.avs.content import DRAWN_AS, LOUD, SOFT, ClipPlan, PlannedObject, plan_clip
from avvp_lib.corpora.synthetic.avs.picture import FRAME_SIZE, LEAST_VISIBLE, draw_scene, visible_shares
from avvp_lib.corpora.synthetic.avs.soundtrack import render_sound
from avvp_lib.corpora.tensor_pickles import read_tensor_pickle
from avvp_lib.corpora.vggish_log_mel import vggish_log_mel

MINI = (2, 1, 1)
SETTINGS = ("s4", "ms3", "avss")


def settings(setting):
    return AVSSettings(setting, 3, "smoke", "street")


@pytest.fixture(scope="module")
def mini_sizes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "smoke", dict.fromkeys(SETTINGS, MINI))
        yield


@pytest.fixture(scope="module")
def minis(mini_sizes, tmp_path_factory):
    """A rendered corpus of four clips in each setting; nobody changes them."""
    folder = tmp_path_factory.mktemp("avs")
    return {s: render_avs(folder / s, settings(s), workers=1, progress=False) for s in SETTINGS}


@pytest.fixture(scope="module")
def plans():
    return {s: [plan_clip(np.random.default_rng([7, i]), s) for i in range(300)] for s in SETTINGS}


def contents(root):
    """Every file but the lock; of log-mel files the numbers, since a pickled tensor holds a memory address."""
    files = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file() and p.name != ".lock"}
    return {
        n: read_tensor_pickle(p).numpy().tobytes() if p.suffix == ".pkl" else p.read_bytes() for n, p in files.items()
    }


# --- plans ---


def test_ten_categories_that_can_be_drawn_and_heard():
    assert len(AVS_CATEGORIES) == 10 and list(AVS_CLASSES) == ["background", *AVS_CATEGORIES]
    assert set(DRAWN_AS.values()) <= set(sprites.SPRITES) & set(sounds.SOUND_CATEGORIES)


def test_the_same_settings_give_the_same_plan_in_both_domains():
    for setting in SETTINGS:
        one, same = (AVSSettings(setting, 1, domain=domain).plan("val", 2) for domain in ("studio", "street"))
        assert [o.category for o in one.objects] == [o.category for o in same.objects]
        np.testing.assert_array_equal(one.sounding, same.sounding)
    starts = {
        tuple(AVSSettings(s, seed).plan("train", i).objects[0].vigour)
        for s in ("s4",)
        for seed in (0, 1)
        for i in range(30)
    }
    assert len(starts) > 10


def test_s4_has_one_source_that_sounds_throughout_loud_and_soft(plans):
    for plan in plans["s4"]:
        source, *silent = plan.objects
        assert plan.seconds == 5 and plan.subset is None and source.role == "source" and source.sounding.all()
        assert set(source.vigour) == {SOFT, LOUD}
        assert all(thing.role != "source" and not thing.sounding.any() for thing in silent)


def test_ms3_has_one_to_three_sources_that_start_and_stop(plans):
    numbers = [sum(o.role == "source" for o in plan.objects) for plan in plans["ms3"]]
    shares = np.bincount(numbers, minlength=4) / len(numbers)
    assert shares[0] == 0 and np.abs(shares[1:] - [0.3, 0.45, 0.25]).max() < 0.1
    for plan in plans["ms3"]:
        sources = [o for o in plan.objects if o.role == "source"]
        assert len({o.category for o in sources}) == len(sources)
        assert all(o.sounding.any() for o in sources)
    silent_frames = np.mean([(~plan.sounding.any(1)).mean() for plan in plans["ms3"]])
    stopping = np.mean([not o.sounding.all() for plan in plans["ms3"] for o in plan.objects if o.role == "source"])
    assert 0.08 < silent_frames < 0.3 and stopping > 0.6


def test_avss_mixes_the_three_subsets(plans):
    found = {subset: [p for p in plans["avss"] if p.subset == subset] for subset in ("v1s", "v1m", "v2")}
    assert sum(map(len, found.values())) == 300
    assert np.abs(np.array([len(p) for p in found.values()]) / 300 - [0.3, 0.3, 0.4]).max() < 0.1
    assert {p.seconds for p in found["v1s"] + found["v1m"]} == {5} and {p.seconds for p in found["v2"]} == {10}
    assert all(p.sounding[:, 0].all() and p.sounding.sum() == 5 for p in found["v1s"])


@pytest.mark.parametrize("setting", SETTINGS)
def test_silent_objects_rest_or_pretend_and_a_twin_never_copies_its_source(plans, setting):
    twins, others, things = [], [], []
    for plan in plans[setting]:
        categories = {o.category for o in plan.objects if o.role == "source"}
        for thing in plan.objects:
            if thing.role == "twin":
                model = plan.objects[thing.twin_of]
                assert model.role == "source" and thing.category == model.category
                assert not np.array_equal(thing.vigour, model.vigour)
                twins.append(thing)
            elif thing.role == "other":
                assert thing.category in set(AVS_CATEGORIES) - categories
                others.append(thing)
            elif thing.role == "thing":
                assert thing.category is None and not thing.vigour.any()
                things.append(thing)
    for found, share in ((twins, 0.25), (others, 0.4), (things, 0.3)):
        assert abs(len(found) / 300 - share) < 0.09
    assert abs(np.mean([thing.vigour.any() for thing in twins + others]) - 0.5) < 0.12


# --- pictures ---


def test_twins_look_the_same_and_stand_apart():
    vigour = np.array([LOUD, SOFT, LOUD, LOUD, SOFT])
    plan = ClipPlan((PlannedObject("source", "dog", vigour), PlannedObject("twin", "dog", np.zeros(5), 0)))
    scene = draw_scene(np.random.default_rng(0), "studio", plan)
    source, twin = scene.objects
    np.testing.assert_array_equal(source.cycle, twin.cycle)
    assert source.size == twin.size and np.linalg.norm(source.home - twin.home) > 0.5 * source.size


def test_what_rests_holds_still_and_what_is_lively_hops_by_its_vigour():
    vigour = np.array([LOUD, SOFT, 0.0, LOUD, SOFT])
    scene = draw_scene(np.random.default_rng(1), "studio", ClipPlan((PlannedObject("source", "cat", vigour),)))
    still = replace(scene, objects=(replace(scene.objects[0], wander=np.zeros(2)),))
    seen = paint(still, frame_times(5))[1] == 1
    rows = np.array([np.flatnonzero(frame.any(1))[-1] for frame in seen])  # the lowest pixel of the cat
    heights = np.array([np.ptp(np.flatnonzero(frame.any(1))) for frame in seen])
    assert rows[0] < rows[1] < rows[2] and rows[3] < rows[4] and heights[0] > heights[2]
    resting = paint(still, np.array([2.1, 2.5, 2.9]))[1]
    assert (resting == resting[0]).all()


@pytest.mark.parametrize("domain", ["studio", "street"])
def test_an_object_has_the_pixels_of_which_it_covers_half(domain):
    """Before black and before white, a pixel differs by what the object lets through."""
    drawn = AVSSettings("ms3", 5, "smoke", domain)
    plan = ClipPlan(
        tuple(PlannedObject("source", c, np.full(5, v)) for c, v in (("bell", SOFT), ("dog", 0), (None, 0)))
    )
    scene = replace(draw_scene(np.random.default_rng(0), drawn.domain, plan), exposure=1.0)
    scene = replace(scene, grain=np.zeros_like(scene.grain))
    times = frame_times(5)[[0, 3]]
    for place in range(3):
        alone = replace(scene, depth=np.array([place]))
        before = [paint(replace(alone, backdrop=np.full_like(scene.backdrop, value)), times) for value in (0, 255)]
        covered = 1 - (before[1][0].astype(float) - before[0][0]).mean(-1) / 255
        for _, seen in before:
            clear = np.abs(covered - 0.5) > 0.01  # pictures have whole numbers
            np.testing.assert_array_equal((seen == place + 1)[clear], covered[clear] > 0.5)
            assert (seen > 0).sum() > 500


def test_the_foremost_object_owns_the_pixel():
    drawn = AVSSettings("ms3", 0)
    index = next(i for i in range(50) if len(drawn.plan("train", i).objects) >= 2)
    scene = clip_scene(drawn, "train", index)
    together = replace(scene, objects=tuple(replace(o, home=np.full(2, FRAME_SIZE / 2)) for o in scene.objects))
    times = frame_times(1)
    alone = [paint(replace(together, depth=np.array([place])), times)[1] > 0 for place in range(len(scene.objects))]
    expected = np.zeros((1, FRAME_SIZE, FRAME_SIZE), int)
    for place in together.depth:
        expected[alone[place]] = place + 1
    np.testing.assert_array_equal(paint(together, times)[1], expected)
    covered = [0.0] * len(alone)
    for place in range(len(alone)):
        covered[place] = (expected == place + 1).sum() / alone[place].sum()
    np.testing.assert_allclose(visible_shares(together, times)[0], covered)
    assert min(covered) < 1


def test_some_of_every_object_is_seen_in_every_frame():
    for setting in ("ms3", "avss"):
        for index in range(3):
            drawn = AVSSettings(setting, 2)
            shares = visible_shares(clip_scene(drawn, "train", index), frame_times(5))
            assert shares.min() >= LEAST_VISIBLE


def test_masks_hold_what_sounds_in_that_second():
    plan = ClipPlan(
        (
            PlannedObject("source", "dog", np.array([LOUD, 0.0])),
            PlannedObject("source", "cat", np.array([SOFT, LOUD])),
            PlannedObject("other", "bell", np.array([LOUD, LOUD])),
        )
    )
    objects = np.array([[[0, 1], [2, 3]], [[1, 2], [3, 0]]], np.uint8)
    clip = RenderedClip(plan, None, objects, None)
    dog, cat = AVS_CLASSES.index("dog"), AVS_CLASSES.index("cat")
    assert clip.binary_masks.tolist() == [[[False, True], [True, False]], [[False, True], [False, False]]]
    assert clip.class_masks.tolist() == [[[0, dog], [cat, 0]], [[0, cat], [0, 0]]]


# --- sound ---


def loudness(waveform, second):
    return np.sqrt(np.mean(np.square(waveform[round((second + 0.35) * 16_000) : (second + 1) * 16_000])))


@pytest.mark.parametrize("category", AVS_CATEGORIES)
@pytest.mark.parametrize("domain", ["studio", "street"])
def test_each_category_is_heard_when_it_sounds_and_as_loud_as_it_is_lively(category, domain):
    vigour = np.array([LOUD, SOFT, 0.0, LOUD, 0.0])
    plan = ClipPlan((PlannedObject("source", category, vigour), PlannedObject("other", "dog", np.full(5, LOUD))))
    wave = render_sound(np.random.default_rng(0), domain, plan)
    assert wave.shape == (80_000,) and wave.dtype == np.float32 and np.abs(wave).max() <= 0.951
    levels = np.array([loudness(wave, second) for second in range(5)])
    background = levels[[2, 4]].max()
    assert levels[[0, 3]].min() > 2.5 * background, "8 dB, even between two barks"
    assert levels[1] > 1.2 * background and levels[0] > 1.4 * levels[1]


def test_what_does_not_sound_is_not_heard():
    silent = ClipPlan((PlannedObject("source", "dog", np.zeros(5)), PlannedObject("twin", "dog", np.full(5, LOUD), 0)))
    alone = ClipPlan((PlannedObject("source", "dog", np.zeros(5)),))
    waves = [render_sound(np.random.default_rng(0), "studio", plan) for plan in (silent, alone)]
    np.testing.assert_array_equal(*waves)


# --- on disk ---


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_real_reader_finds_what_was_rendered(minis, setting):
    corpus = load_corpus(f"synthetic-avs-{setting}", minis[setting])
    assert corpus.name == f"synthetic-avs-{setting}/{setting}" and corpus.setting == setting
    assert [len(corpus.splits[name]) for name in ("train", "val", "test")] == list(MINI)
    assert corpus.provenance["seed"] == 3 and corpus.provenance["renderer"] == writer.avs_digest()
    if setting == "avss":
        assert corpus.classes == AVS_CLASSES
    for name, split in corpus.splits.items():
        data = read_segmentation_data(split, FRAME_SIZE, truth=True)
        for row in range(len(split)):
            clip = render_avs_clip(settings(setting), name, row)
            seconds = clip.plan.seconds
            assert data.ids[row] == settings(setting).keys(name)[row]
            assert data.present[row].sum() == seconds and data.present[row, :seconds].all()
            off = np.abs(data.images[row, :seconds].astype(int) - clip.frames).mean()
            assert off == 0 if setting != "avss" else off < 6
            masks = clip.class_masks if setting == "avss" else clip.binary_masks
            labelled = 1 if name == "train" and clip.plan.subset in (None, "v1s") and setting != "ms3" else seconds
            assert data.labelled[row].sum() == labelled
            np.testing.assert_array_equal(data.masks[row, :labelled], masks[:labelled])
            np.testing.assert_array_equal(data.objects[row, :seconds], clip.objects)
            np.testing.assert_array_equal(data.sounding[row, :seconds, : len(clip.plan.objects)], clip.plan.sounding)
            assert not data.sounding[row, :, len(clip.plan.objects) :].any()
            roles = [thing.role for thing in clip.plan.objects]
            assert data.roles[row].tolist() == roles + [""] * (data.roles.shape[1] - len(roles))
            expected = vggish_log_mel(clip.waveform)[:seconds]
            np.testing.assert_allclose(data.log_mel[row, : len(expected), 0], expected, atol=0.02)


def test_masks_are_the_truth_taken_together(minis):
    for setting in ("s4", "ms3"):
        data = read_segmentation_data(
            load_corpus(f"synthetic-avs-{setting}", minis[setting]).splits["test"], 32, truth=True
        )
        heard = np.concatenate([np.zeros_like(data.sounding[..., :1]), data.sounding], -1)
        expected = np.take_along_axis(heard[0], data.objects[0].reshape(5, -1), 1).reshape(data.objects[0].shape)
        np.testing.assert_array_equal(data.masks[0], expected)


def test_the_truth_is_not_read_unasked(minis, tmp_path):
    root = shutil.copytree(minis["s4"], tmp_path / "s4")
    split = load_corpus("synthetic-avs-s4", root).splits["train"]
    for clip in split.clips:
        clip.truth.write_bytes(b"not to be opened")
    data = read_segmentation_data(split, 16)
    assert data.objects is None and data.sounding is None and data.roles is None
    with pytest.raises(ValueError):
        read_segmentation_data(split, 16, truth=True)


def test_the_layouts_are_the_official_ones(minis):
    key = settings("s4").keys("train")[0]
    category = settings("s4").plan("train", 0).objects[0].category
    inside = f"train/{category}/{key}"
    names = set(contents(minis["s4"]))
    assert {f"s4_data/visual_frames/{inside}/{key}_{k}.png" for k in range(1, 6)} <= names
    assert f"s4_data/gt_masks/{inside}/{key}_1.png" in names and f"s4_data/gt_masks/{inside}/{key}_2.png" not in names
    assert {f"s4_data/audio_wav/{inside}.wav", f"s4_data/audio_log_mel/{inside}.pkl"} <= names
    assert (minis["s4"] / "s4_meta_data.csv").read_text().splitlines()[1] == f"{key},0,{category},train"
    key = settings("ms3").keys("val")[0]
    names = set(contents(minis["ms3"]))
    assert {f"ms3_data/visual_frames/{key}/{key}.mp4_5.png", f"ms3_data/gt_masks/val/{key}/{key}_5.png"} <= names
    assert {f"ms3_data/audio_wav/val/{key}.wav", "ms3_meta_data.csv", f"truth/{key}.npz"} <= names
    labels = json.loads((minis["avss"] / "label2idx.json").read_text())
    assert labels["background"] == 0 and labels["telephone"] == 10
    subset = settings("avss").plan("test", 0).subset
    folder = minis["avss"] / subset / settings("avss").keys("test")[0]
    assert (folder / "frames/0.jpg").is_file() and Image.open(folder / "labels_rgb/0.png").mode == "RGB"


def test_only_what_is_missing_is_rendered_and_comes_out_the_same(minis, tmp_path, monkeypatch):
    root, rendered = tmp_path / "ms3", []

    def counted(made, split, index):
        if len(rendered) == 2:
            rendered.append("interrupted")
            raise KeyboardInterrupt
        rendered.append((split, index))
        return render_avs_clip(made, split, index)

    monkeypatch.setattr(writer, "render_avs_clip", counted)
    with pytest.raises(KeyboardInterrupt):
        render_avs(root, settings("ms3"), workers=1, progress=False)
    with pytest.raises(
        FileNotFoundError,
        match=r"2 clips are missing, MB003-v00000 first.*--corpus synthetic-avs-ms3 --out .*ms3 --seed 3",
    ):
        load_corpus("synthetic-avs-ms3", root)
    unfinished = root / f"ms3_data/visual_frames/{settings('ms3').keys('val')[0]}"
    unfinished.mkdir(parents=True)
    (unfinished / "half.png").write_bytes(b"half")
    (root / "truth/.MB003-v00000.77.npz").write_bytes(b"half")
    render_avs(root, settings("ms3"), workers=1, progress=False)
    assert rendered == [("train", 0), ("train", 1), "interrupted", ("val", 0), ("test", 0)]
    assert contents(root) == contents(minis["ms3"])
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    render_avs(root, settings("ms3"), workers=1, progress=False)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_two_processes_render_the_same_bytes(minis, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "CLIPS_PER_TASK", 1)
    tasks = [(split, index) for split, number in zip(writer.SPLITS, MINI, strict=True) for index in range(number)]
    (tmp_path / "s4").mkdir()
    for task in reversed(tasks):  # any order, one at a time
        writer._render_chunk(tmp_path / "s4", settings("s4"), [task])
    found = contents(tmp_path / "s4")
    assert found == {name: data for name, data in contents(minis["s4"]).items() if name in found} and len(found) > 40


def test_another_corpus_is_left_alone(minis, tmp_path):
    before = contents(minis["s4"])
    with pytest.raises(ValueError, match=r"another corpus: .*seed is 3, not 4"):
        render_avs(minis["s4"], AVSSettings("s4", 4, "smoke", "street"), workers=1)
    with pytest.raises(ValueError, match=r"another corpus: .*setting is 's4', not 'ms3'"):
        render_avs(minis["s4"], settings("ms3"), workers=1)
    with pytest.raises(ValueError, match=r"holds 'synthetic-avs-s4', not synthetic-avs-avss"):
        load_corpus("synthetic-avs-avss", minis["s4"])
    assert contents(minis["s4"]) == before
    with pytest.raises(FileNotFoundError, match=r"Render one with: avvp render --corpus synthetic-avs-s4 --out"):
        load_corpus("synthetic-avs-s4", tmp_path / "nowhere")


def test_renewing_replaces_what_another_renderer_made_and_nothing_else(minis, tmp_path):
    root = shutil.copytree(minis["s4"], tmp_path / "s4")
    card = json.loads((root / "corpus.json").read_text())
    (root / "corpus.json").write_text(json.dumps({**card, "renderer": "0123"}))
    key = settings("s4").keys("train")[0]
    elsewhere = root / "s4_data/visual_frames/train/another_category" / key
    elsewhere.mkdir(parents=True)
    (elsewhere / f"{key}_1.png").write_bytes(b"as it was planned then")
    (root / "s4_data/notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"renderer is '0123'"):
        render_avs(root, settings("s4"), workers=1, progress=False)
    render_avs(root, settings("s4"), workers=1, progress=False, renew=True)
    assert not elsewhere.exists()
    assert contents(root) == {**contents(minis["s4"]), "s4_data/notes.txt": b"mine"}


def test_the_command_line_renders_each_setting(mini_sizes, minis, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    options = ["--seed", "3", "--size", "smoke", "--domain", "street", "--workers", "1"]
    main(["render", "--corpus", "synthetic-avs-s4", *options])
    assert capsys.readouterr().out.strip().endswith("data/synthetic-avs/s4-smoke-street-3")
    root = default_avs_root(settings("s4"))
    assert root == tmp_path / "data/synthetic-avs/s4-smoke-street-3"
    assert contents(root) == contents(minis["s4"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("s5",), "unknown setting 's5'"),
        (("s4", 0, "huge"), "unknown corpus size 'huge'"),
        (("s4", 0, "smoke", "sea"), "unknown rendering domain 'sea'"),
        (("s4", 1000), "must lie in 0 ... 999"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        AVSSettings(*arguments)


def test_the_fingerprint_of_the_renderer_covers_all_but_readers_and_writers():
    modules = {path.stem for path in Path(writer.__file__).parent.glob("*.py")}
    assert set(writer.RENDERER) == modules - {"__init__", "writer"}
