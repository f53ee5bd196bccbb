"""A synthetic corpus on disk: its layout, resuming, refusals, and reading it as LLP is read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.llp import DENSE_FILES, LLP_CATEGORIES, WEAK_FILES, read_dense_table
from avvp_lib.corpora.synthetic import (
    SIZES,
    CorpusSettings,
    default_root,
    render_corpus,
    render_video,
    rendering,
    true_grids,
    writer,
)
from avvp_lib.corpora.synthetic.picture import FRAMES_PER_SECOND
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE
from avvp_lib.features.media import read_media

MINI = (3, 2, 2)  # videos in train, val and test of the corpora rendered here
SETTINGS = CorpusSettings(seed=3, size="smoke", domain="street")


@pytest.fixture(scope="module")
def mini_sizes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SIZES, "smoke", MINI)
        yield


@pytest.fixture(scope="module")
def mini(mini_sizes, tmp_path_factory):
    """The folder of a rendered corpus of seven videos; nobody changes it."""
    return render_corpus(tmp_path_factory.mktemp("corpora") / "mini", SETTINGS, workers=1, progress=False)


def contents(root):
    """The bytes of every file of a corpus but for the lock that runs take turns with."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


def video_bytes(root):
    return {path.name: path.read_bytes() for path in (root / "videos").iterdir()}


def test_the_layout_is_that_of_llp_with_the_truth_apart(mini):
    files = sorted(contents(mini))
    annotations = ["AVVP_dataset_full.csv", *DENSE_FILES.values(), *WEAK_FILES.values()]
    expected = [f"annotations/{name}" for name in sorted(annotations)]
    expected += ["corpus.json", "truth/AVVP_train_audio.csv", "truth/AVVP_train_visual.csv"]
    videos = [f"videos/B003-{letter}{i:05d}.mp4" for letter, number in zip("tv", (2, 2), strict=True) for i in range(2)]
    videos += [f"videos/B003-r{i:05d}.mp4" for i in range(3)]
    assert files == sorted(expected + videos)
    train = {f"B003-r{i:05d}_0_10" for i in range(3)}
    for modality, name in DENSE_FILES.items():
        assert not train & set(read_dense_table(mini / "annotations" / name)["filename"])
        assert set(read_dense_table(mini / "truth" / f"AVVP_train_{modality}.csv")["filename"]) <= train


def test_the_corpus_is_read_as_it_was_planned(mini):
    corpus = load_corpus("synthetic-llp", root=mini)
    assert corpus.name == "synthetic-llp/mini" and corpus.categories == LLP_CATEGORIES
    assert [len(corpus.splits[split]) for split in ("train", "val", "test")] == list(MINI)
    assert {name: corpus.provenance[name] for name in ("seed", "size", "domain")} == {
        "seed": 3,
        "size": "smoke",
        "domain": "street",
    }
    grids = {split: (part.audio, part.visual) for split, part in corpus.splits.items()}
    assert grids["train"] == (None, None), "LLP's training videos have weak labels only"
    grids["train"] = true_grids(corpus)
    for split, part in corpus.splits.items():
        for row, key in enumerate(part.keys):
            plan = SETTINGS.plan(split, row)
            assert corpus.media_path(key).is_file()
            np.testing.assert_array_equal(part.video_labels[row], plan.video_labels)
            np.testing.assert_array_equal(grids[split][0][row], plan.audio)
            np.testing.assert_array_equal(grids[split][1][row], plan.visual)


def test_a_file_holds_ten_seconds_of_what_was_rendered(mini):
    media = read_media(mini / "videos" / "B003-r00000.mp4", fps=FRAMES_PER_SECOND, sample_rate=SAMPLE_RATE)
    frames, waveform = render_video(SETTINGS, "train", 0)
    assert media.notes == () and media.frames.shape == frames.shape and media.waveform.shape == waveform.shape
    assert np.abs(media.frames.astype(float) - frames).mean() < 6, "a lossy codec, and no frame out of place"
    assert np.corrcoef(media.waveform, waveform)[0, 1] > 0.9


def test_only_what_is_missing_is_rendered_and_comes_out_the_same(mini, tmp_path, monkeypatch):
    root = tmp_path / "mini"
    rendered = []

    def counted(settings, split, index):
        rendered.append((split, index))
        return render_video(settings, split, index)

    monkeypatch.setattr(writer, "render_video", counted)
    render_corpus(root, SETTINGS, workers=1, progress=False)
    assert len(rendered) == sum(MINI)
    assert video_bytes(root) == video_bytes(mini)
    rendered.clear()
    for key in ("B003-r00001", "B003-t00000"):
        (root / "videos" / f"{key}.mp4").unlink()
    render_corpus(root, SETTINGS, workers=1, progress=False)
    assert rendered == [("train", 1), ("test", 0)]
    assert video_bytes(root) == video_bytes(mini)
    rendered.clear()
    render_corpus(root, SETTINGS, workers=1, progress=False)
    assert rendered == []


def test_two_processes_render_the_same_bytes(mini, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "VIDEOS_PER_TASK", 4)
    root = render_corpus(tmp_path / "mini", SETTINGS, workers=2, progress=False)
    assert video_bytes(root) == video_bytes(mini)


def test_an_interrupted_corpus_is_refused_with_the_command_that_goes_on(mini_sizes, tmp_path, monkeypatch):
    root, written = tmp_path / "broken off", []

    def interrupted(path, *arguments):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write_video(path, *arguments))

    write_video = writer.write_video
    monkeypatch.setattr(writer, "write_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_corpus(root, SETTINGS, workers=1, progress=False)
    assert sorted((root / "videos").iterdir()) == written, "whole videos are kept, and no half ones"
    command = r"5 videos are missing, B003-r00002\.mp4 first.*avvp render --out .*broken off --seed 3 --size smoke"
    with pytest.raises(FileNotFoundError, match=command + " --domain street"):
        load_corpus("synthetic-llp", root=root)


def test_a_folder_of_another_corpus_is_left_alone(mini):
    before = video_bytes(mini)
    with pytest.raises(ValueError, match=r"another corpus: domain is 'street', not 'studio', seed is 3, not 4"):
        render_corpus(mini, CorpusSettings(4, "smoke", "studio"), workers=1)
    assert video_bytes(mini) == before


def test_a_corpus_of_an_older_renderer_is_refused(mini, tmp_path):
    card = json.loads((mini / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps({**card, "renderer": "0123"}))
    with pytest.raises(ValueError, match=r"renderer is '0123', not .*delete this one to render it again"):
        render_corpus(tmp_path, SETTINGS, workers=1)


@pytest.fixture
def older(mini, tmp_path):
    """The same corpus, one video and the card made by another version of the renderer, with files of other origin beside it."""
    root = tmp_path / "mini"
    shutil.copytree(mini, root)
    card = json.loads((mini / "corpus.json").read_text())
    (root / "corpus.json").write_text(json.dumps({**card, "renderer": "0123"}))
    (root / "videos" / "B003-r00001.mp4").write_text("as it looked then")
    (root / "videos" / "B003-r00099.mp4").write_text("when there were more")
    (root / "videos" / "my-clip-001.mp4").write_text("mine")
    (root / "notes.txt").write_text("mine")
    return root


def without_mine(root):
    return {name: content for name, content in contents(root).items() if content != b"mine"}


def test_renewing_replaces_what_the_renderer_made_and_nothing_else(mini, older, caplog):
    render_corpus(older, SETTINGS, workers=1, progress=False, renew=True)
    assert "made by another version of the renderer" in caplog.text
    assert without_mine(older) == contents(mini)
    assert (older / "notes.txt").exists() and (older / "videos" / "my-clip-001.mp4").exists()
    before = {path: path.stat().st_mtime_ns for path in older.rglob("*")}
    render_corpus(older, SETTINGS, workers=1, progress=False, renew=True)
    assert {path: path.stat().st_mtime_ns for path in older.rglob("*")} == before, "nothing left to renew"


@pytest.mark.parametrize(
    ("module", "step"), [(rendering, "write_json"), (writer, "write_annotations"), (rendering, "run_tasks")]
)
def test_a_renewal_that_breaks_off_never_mixes_two_renderers(mini, older, monkeypatch, module, step):
    def broken_off(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, step, broken_off)
        render_corpus(older, SETTINGS, workers=1, progress=False, renew=True)
    render_corpus(older, SETTINGS, workers=1, progress=False, renew=True)
    assert without_mine(older) == contents(mini)


def test_renewing_does_not_touch_another_corpus(mini, older):
    before = contents(older)
    with pytest.raises(ValueError, match=r"renderer is '0123', not .*, seed is 3, not 4"):
        render_corpus(older, CorpusSettings(4, "smoke", "street"), workers=1, renew=True)
    (older / "corpus.json").unlink()
    with pytest.raises(ValueError, match="files of something else"):
        render_corpus(older, SETTINGS, workers=1, renew=True)
    del before["corpus.json"]
    assert contents(older) == before


def test_leftovers_of_killed_runs_go(mini, tmp_path):
    root = tmp_path / "mini"
    shutil.copytree(mini, root)
    (root / "videos" / "B003-t00001.mp4").unlink()
    for name in (".corpus.77.json", "annotations/.AVVP_train.77.csv", "truth/.AVVP_train_audio.77.csv"):
        (root / name).write_text("half")
    (root / "videos" / ".B003-t00001.77.mp4").write_text("half")
    render_corpus(root, SETTINGS, workers=1, progress=False)
    assert contents(root) == contents(mini)


def test_a_complete_corpus_is_not_written_to(mini):
    before = {path: path.stat().st_mtime_ns for path in [mini, *mini.rglob("*")]}
    render_corpus(mini, SETTINGS, workers=1)
    assert {path: path.stat().st_mtime_ns for path in [mini, *mini.rglob("*")]} == before


def test_the_renderer_does_not_overwrite_the_real_annotations(tmp_path):
    (tmp_path / "AVVP_train.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"files of something else.*choose an empty folder"):
        render_corpus(tmp_path, SETTINGS, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["AVVP_train.csv"]


def test_a_folder_without_a_corpus_says_how_to_render_one(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no synthetic corpus in .*nowhere\. Render one with: avvp render --out"
    ):
        load_corpus("synthetic-llp", root=tmp_path / "nowhere")


def test_the_default_place_names_size_domain_and_seed(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    assert default_root(CorpusSettings(1)) == tmp_path / "data" / "synthetic-llp" / "tutorial-studio-1"
    with pytest.raises(FileNotFoundError, match="no synthetic corpus in data/synthetic-llp/tutorial-studio-0"):
        load_corpus("synthetic-llp")


def test_all_splits_are_in_the_table_of_all_videos(mini):
    tables = {
        name: pd.read_csv(mini / "annotations" / name, sep="\t")
        for name in (*WEAK_FILES.values(), "AVVP_dataset_full.csv")
    }
    joined = pd.concat([tables[name] for name in WEAK_FILES.values()], ignore_index=True)
    pd.testing.assert_frame_equal(tables["AVVP_dataset_full.csv"], joined)
    assert list(joined.columns) == ["filename", "event_labels"]


def test_the_fingerprint_of_the_renderer_covers_all_but_readers_and_writers():
    folder = Path(writer.__file__).parent
    modules = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set(writer.RENDERER) == modules - {"__init__", "avs", "moments", "rendering", "unav", "writer"}
