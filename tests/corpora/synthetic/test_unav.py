"""synthetic-unav: what is planned, what is written, and that the real reader finds it again."""

import json
import shutil

import numpy as np
import pytest

from avvp_lib.cli import main
from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic import sounds, sprites
from avvp_lib.corpora.synthetic.unav import (
    LLP_CATEGORY_OF,
    SIZES,
    UNAV_CATEGORIES,
    UnavSettings,
    default_unav_root,
    drawn_as,
    render_unav,
    render_unav_video,
    true_unav_grids,
    writer,
)
from avvp_lib.corpora.unav import ANNOTATION_FILE, event_segments
from avvp_lib.features.media import read_media

MINI = (3, 1, 1)
SETTINGS = UnavSettings(3, "smoke", "street")


@pytest.fixture(scope="module")
def mini_sizes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "smoke", MINI)
        yield


@pytest.fixture(scope="module")
def mini(mini_sizes, tmp_path_factory):
    """A rendered corpus of five videos; nobody changes it."""
    return render_unav(tmp_path_factory.mktemp("unav") / "mini", SETTINGS, workers=1, progress=False)


@pytest.fixture(scope="module")
def plans():
    return [UnavSettings(0).plan("train", index) for index in range(300)]


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


def test_thirty_classes_of_which_eighteen_are_llps():
    assert len(UNAV_CATEGORIES) == len(set(UNAV_CATEGORIES)) == 30 and list(UNAV_CATEGORIES) == sorted(UNAV_CATEGORIES)
    assert len(LLP_CATEGORY_OF) == len(set(LLP_CATEGORY_OF.values())) == 18
    assert set(LLP_CATEGORY_OF.values()) <= set(LLP_CATEGORIES) and not set(UNAV_CATEGORIES) & set(LLP_CATEGORIES)
    drawn = {drawn_as(label) for label in UNAV_CATEGORIES}
    assert len(drawn) == 30 and drawn <= set(sprites.SPRITES) & set(sounds.SOUND_CATEGORIES)


def test_the_spans_of_a_plan_lie_in_its_segments(plans):
    for plan in plans:
        for grid, spans in ((plan.audio, plan.audible), (plan.visual, plan.visible)):
            assert set(spans) == {UNAV_CATEGORIES[c] for c in np.flatnonzero(grid.any(0))}
            for label, when in spans.items():
                touched = np.zeros(plan.seconds, bool)
                for start, end in when:
                    touched[int(start) : int(np.ceil(end))] = True
                np.testing.assert_array_equal(touched, grid[:, UNAV_CATEGORIES.index(label)])


def test_every_event_of_the_annotation_is_heard_and_seen(plans):
    for plan in plans:
        both = plan.audio & plan.visual
        assert plan.audio_visual_events
        for label, start, end in plan.audio_visual_events:
            marked = event_segments(start, end, plan.seconds)
            assert both[marked, UNAV_CATEGORIES.index(label)].all()
            assert any(a <= start and end <= b for a, b in plan.audible[label])
            assert any(a <= start and end <= b for a, b in plan.visible[label])


def test_the_videos_are_long_dense_and_not_only_audio_visual(plans):
    seconds = np.array([plan.seconds for plan in plans])
    assert seconds.min() == 10 and seconds.max() == 30 and seconds.mean() == pytest.approx(20, abs=1)
    classes = np.array([(plan.audio | plan.visual).any(0).sum() for plan in plans])
    assert np.bincount(classes, minlength=5)[1:] / len(plans) == pytest.approx([0.25, 0.4, 0.25, 0.1], abs=0.07)
    both, heard, seen = (
        sum(int(f(plan).sum()) for plan in plans)
        for f in (lambda p: p.audio & p.visual, lambda p: p.audio & ~p.visual, lambda p: p.visual & ~p.audio)
    )
    assert min(both, heard, seen) > 0.15 * (both + heard + seen)
    labelled = np.zeros(30, int)
    for plan in plans:
        labelled += (plan.audio & plan.visual).any(0)
    assert labelled.min() >= 5


def test_plans_depend_on_seed_split_and_index_but_not_on_the_domain():
    plan = UnavSettings(0).plan("train", 0)
    assert plan.audible == UnavSettings(0, domain="street").plan("train", 0).audible
    others = [UnavSettings(1).plan("train", 0), UnavSettings(0).plan("val", 0), UnavSettings(0).plan("train", 1)]
    assert all(other.audible != plan.audible for other in others)


def test_the_corpus_is_read_as_it_was_planned(mini):
    corpus = load_corpus("synthetic-unav", mini)
    assert corpus.name == "synthetic-unav/mini" and corpus.categories == UNAV_CATEGORIES
    assert corpus.provenance["seed"] == 3 and corpus.provenance["name"] == "synthetic-unav"
    assert [len(corpus.splits[name]) for name in ("train", "val", "test")] == list(MINI)
    for name, split in corpus.splits.items():
        truth = true_unav_grids(corpus, name)
        assert {grid.shape for grid in truth} == {split.audio_visual.shape}
        assert split.audio is None and not (split.audio_visual & ~(truth[0] & truth[1])).any()
        for row, key in enumerate(split.keys):
            plan = SETTINGS.plan(name, row)
            assert corpus.media_path(key).is_file() and split.lengths[row] == plan.seconds
            for grid, planned in zip(truth, (plan.audio, plan.visual), strict=True):
                np.testing.assert_array_equal(grid[row, : plan.seconds], planned)
                assert not grid[row, plan.seconds :].any()
            assert split.video_labels[row].any()
    with pytest.raises(FileNotFoundError, match="only synthetic corpora do"):
        true_unav_grids(corpus, "holiday")


def test_the_published_part_holds_no_uni_modal_truth(mini):
    database = json.loads((mini / "annotations" / ANNOTATION_FILE).read_text())["database"]
    assert {entry["subset"] for entry in database.values()} == {"train", "validation", "test"}
    entry = database["V003-r00000"]
    assert set(entry) == {"subset", "duration", "fps", "annotations"}
    assert set(entry["annotations"][0]) == {"segment", "label", "label_id"}


def test_a_file_holds_all_seconds_of_what_was_rendered(mini):
    seconds = SETTINGS.plan("train", 0).seconds
    media = read_media(mini / "videos" / "V003-r00000.mp4", seconds=float(seconds))
    frames, waveform = render_unav_video(SETTINGS, "train", 0)
    assert media.notes == () and media.frames.shape == frames.shape == (8 * seconds, 128, 128, 3)
    assert media.waveform.shape == waveform.shape == (16_000 * seconds,)
    assert np.abs(media.frames.astype(float) - frames).mean() < 6
    assert np.corrcoef(media.waveform, waveform)[0, 1] > 0.9


def test_only_what_is_missing_is_rendered_and_comes_out_the_same(mini, tmp_path, monkeypatch):
    root = tmp_path / "mini"
    shutil.copytree(mini, root)
    rendered = []

    def counted(settings, split, index):
        rendered.append((split, index))
        return render_unav_video(settings, split, index)

    monkeypatch.setattr(writer, "render_unav_video", counted)
    render_unav(root, SETTINGS, workers=1, progress=False)
    assert rendered == []
    (root / "videos" / "V003-v00000.mp4").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 videos are missing.*avvp render --corpus synthetic-unav --out .* --seed 3"
    ):
        load_corpus("synthetic-unav", root)
    render_unav(root, SETTINGS, workers=1, progress=False)
    assert rendered == [("val", 0)] and contents(root) == contents(mini)


def test_another_corpus_or_renderer_is_refused_and_renewed_where_asked(mini, tmp_path):
    with pytest.raises(ValueError, match="another corpus: seed is 3, not 4"):
        render_unav(mini, UnavSettings(4, "smoke", "street"), workers=1)
    root = tmp_path / "mini"
    shutil.copytree(mini, root)
    card = json.loads((root / "corpus.json").read_text())
    (root / "corpus.json").write_text(json.dumps({**card, "renderer": "0123"}))
    with pytest.raises(ValueError, match="renderer is '0123'"):
        render_unav(root, SETTINGS, workers=1)
    render_unav(root, SETTINGS, workers=1, progress=False, renew=True)
    assert contents(root) == contents(mini)


def test_the_command_renders_and_a_missing_corpus_says_so(mini, capsys, tmp_path, monkeypatch):
    main(
        [
            "render",
            "--corpus",
            "synthetic-unav",
            "--seed",
            "3",
            "--size",
            "smoke",
            "--domain",
            "street",
            "--out",
            str(mini),
        ]
    )
    assert "mini" in capsys.readouterr().out
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    assert default_unav_root(UnavSettings(1)) == tmp_path / "data" / "synthetic-unav" / "tutorial-studio-1"
    with pytest.raises(FileNotFoundError, match="Render one with: avvp render --corpus synthetic-unav --out"):
        load_corpus("synthetic-unav")


@pytest.mark.parametrize(
    ("values", "words"),
    [((0, "huge"), "unknown corpus size"), ((0, "smoke", "cinema"), "unknown rendering domain"), ((-1,), "0 ... 999")],
)
def test_bad_settings_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        UnavSettings(*values)
