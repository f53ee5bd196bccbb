"""The readers of AVSBench: the three layouts, their tables, and what may be wrong with a folder."""

import shutil

import pytest
from PIL import Image

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.avsbench import FRAMES, PUBLISHED_SIZES, load_avsbench
from tests.corpora.avs_layouts import write_avsbench

NAMES = {"s4": "avsbench-s4", "ms3": "avsbench-ms3", "avss": "avss"}
TABLES = {"s4": "s4_meta_data.csv", "ms3": "ms3_meta_data.csv", "avss": "metadata.csv"}


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    return {setting: write_avsbench(tmp_path_factory.mktemp(setting), setting) for setting in NAMES}


@pytest.fixture
def copy(templates, tmp_path):
    """A copy of a miniature that a test may damage."""

    def make(setting):
        return shutil.copytree(templates[setting], tmp_path / setting)

    return make


def load(setting, root):
    return load_corpus(NAMES[setting], root)


def test_s4_by_the_names_of_the_release(templates):
    corpus = load("s4", templates["s4"])
    assert (corpus.name, corpus.setting, corpus.classes) == ("avsbench-s4", "s4", ("dog_barking", "helicopter"))
    assert {name: split.ids for name, split in corpus.splits.items()} == {
        "train": ("clip0_x", "clip3_x"),
        "val": ("clip1_x", "clip4_x"),
        "test": ("clip2_x", "clip5_x"),
    }
    clip, data = corpus.splits["train"].clips[1], templates["s4"] / "s4_data"
    assert clip.id == "clip3_x" and clip.category == "helicopter" and clip.subset is None and clip.truth is None
    assert clip.frames[4] == data / "visual_frames/train/helicopter/clip3_x/clip3_x_5.png"
    assert clip.masks == (data / "gt_masks/train/helicopter/clip3_x/clip3_x_1.png", None, None, None, None)
    assert clip.wav == data / "audio_wav/train/helicopter/clip3_x.wav"
    assert clip.log_mel == data / "audio_log_mel/train/helicopter/clip3_x.pkl"
    test = corpus.splits["test"].clips[0]
    assert [path.name for path in test.masks] == [f"clip2_x_{k}.png" for k in range(1, 6)]
    assert all(path.is_file() for c in corpus.splits["test"].clips for path in (*c.frames, *c.masks, c.wav))
    assert corpus.provenance["sizes"] == {"train": 2, "val": 2, "test": 2} and not corpus.provenance["published_sizes"]


def test_ms3_has_mp4_in_the_names_of_its_frames_and_no_split_above_them(templates):
    corpus = load("ms3", templates["ms3"])
    clip, data = corpus.splits["train"].clips[0], templates["ms3"] / "ms3_data"
    assert corpus.classes == () and clip.category is None
    assert clip.frames[0] == data / "visual_frames/clip0_x/clip0_x.mp4_1.png"
    assert clip.masks[4] == data / "gt_masks/train/clip0_x/clip0_x_5.png"
    assert clip.wav == data / "audio_wav/train/clip0_x.wav"
    assert len(clip.frames) == len(clip.masks) == FRAMES["ms3"] == 5


def test_ms3_frames_without_mp4_are_found_too(copy):
    root = copy("ms3")
    folder = root / "ms3_data/visual_frames/clip0_x"
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace(".mp4", ""))
    assert load("ms3", root).splits["train"].clips[0].frames[1] == folder / "clip0_x_2.png"


def test_avss_counts_from_zero_and_labels_by_subset(templates):
    corpus = load("avss", templates["avss"])
    assert len(corpus.classes) == 71 and corpus.classes[:2] == ("background", "thing 01")
    assert set(corpus.splits) == {"train", "test"}, "a split without clips is left out"
    single, several, longer = corpus.splits["train"].clips
    assert [clip.subset for clip in (single, several, longer)] == ["v1s", "v1m", "v2"]
    assert [len(clip.frames) for clip in (single, several, longer)] == [5, 5, 10]
    assert [sum(mask is not None for mask in clip.masks) for clip in (single, several, longer)] == [1, 5, 10]
    assert single.masks[0] == templates["avss"] / "v1s/clip0_x/labels_rgb/0.png" and single.log_mel is None
    assert longer.frames[9] == templates["avss"] / "v2/clip2_x/frames/9.jpg"
    assert longer.wav == templates["avss"] / "v2/clip2_x/audio.wav"
    assert all(mask is not None for clip in corpus.splits["test"].clips for mask in clip.masks)


def test_archives_one_level_deeper_are_found(copy):
    root = copy("s4")
    (root / "s4_data").rename(root / "unpacked")
    (root / "s4_data").mkdir()
    (root / "unpacked").rename(root / "s4_data/s4_data")
    assert load("s4", root).splits["val"].clips[0].wav.is_file()


def test_a_split_can_be_cut_down(templates):
    split = load("s4", templates["s4"]).splits["test"]
    assert len(split) == 2 and split.subset([1]).ids == ("clip5_x",)


def test_columns_count_by_position(copy):
    root = copy("s4")
    path = root / TABLES["s4"]
    path.write_text(path.read_text().replace("name,start,category,split", "video id,x,y,z"))
    assert load("s4", root).classes == ("dog_barking", "helicopter")


def test_the_published_sizes_add_up():
    assert [sum(PUBLISHED_SIZES[setting]) for setting in ("s4", "ms3", "avss")] == [4932, 424, 11_356]


@pytest.mark.parametrize("setting", NAMES)
def test_an_empty_folder_says_where_the_corpus_comes_from(setting, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"no {TABLES[setting]}.*OpenNLPLab/AVSBench.*data/README.md"):
        load(setting, tmp_path)


@pytest.mark.parametrize(
    ("setting", "old", "new", "message"),
    [
        ("s4", "clip1_x,1,helicopter,val", "clip1_x,1,helicopter,valid", r"s4_meta_data.csv, row 3: unknown split 'valid'"),
        ("s4", "clip1_x,1,helicopter,val", "clip0_x,1,helicopter,val", r"row 3: 'clip0_x' is in row 2 already"),
        ("s4", "clip1_x,1,helicopter,val", "../x,1,helicopter,val", r"row 3: the id '../x' cannot be the name of a file"),
        ("s4", "clip1_x,1,helicopter,val", "clip1_x,1,,val", r"row 3: the folder '' cannot be the name of a file"),
        ("s4", ",split\n", "\n", r"s4_meta_data.csv"),
        ("ms3", "clip4_x,val", "clip4_x", r"ms3_meta_data.csv, row 6: the split '' cannot"),
        ("avss", "v1m,train", "v3,train", r"metadata.csv, row 3: unknown label 'v3'; it is one of v1s, v1m, v2"),
        ("avss", "uid", "id", r"metadata.csv has no column uid"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(copy, setting, old, new, message):
    root = copy(setting)
    path = root / TABLES[setting]
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load(setting, root)


@pytest.mark.parametrize("content", ["", "name,start,category,split\n", "name\nclip\n", "\xff\x00"])
def test_a_table_that_is_none_is_refused(copy, content):
    root = copy("s4")
    (root / TABLES["s4"]).write_bytes(content.encode("latin1"))
    with pytest.raises(ValueError, match=r"s4_meta_data.csv"):
        load("s4", root)


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
def test_a_stray_file_among_frames_is_named(copy, setting):
    root = copy(setting)
    folder = load(setting, root).splits["train"].clips[0].frames[0].parent
    (folder / ".DS_Store").write_text("hidden files do not count")
    load(setting, root)
    (folder / "thumbnail.png").write_text("stray")
    with pytest.raises(ValueError, match=rf"{folder} holds thumbnail.png.* move it away"):
        load(setting, root)


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_mask_is_named(copy, setting, split):
    root = copy(setting)
    mask = [path for path in load(setting, root).splits[split].clips[0].masks if path is not None][-1]
    mask.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{mask} is missing \(1 of "):
        load(setting, root)


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
def test_a_missing_frame_or_folder_is_named(copy, setting):
    root = copy(setting)
    frame = load(setting, root).splits["test"].clips[0].frames[2]
    frame.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{frame} is missing \(1 of (5|10)\)"):
        load(setting, root)
    shutil.rmtree(frame.parent)
    with pytest.raises(FileNotFoundError, match=rf"there is no folder {frame.parent}"):
        load(setting, root)


def test_further_masks_of_a_training_clip_are_passed_over(copy):
    root = copy("s4")
    first = load("s4", root).splits["train"].clips[0].masks[0]
    Image.open(first).save(first.with_name("clip0_x_2.png"))
    assert load("s4", root).splits["train"].clips[0].masks == (first, None, None, None, None)


@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_a_clip_needs_its_log_mel_file_or_its_sound(copy, setting):
    root = copy(setting)
    clip = load(setting, root).splits["val"].clips[0]
    clip.log_mel.unlink()
    assert load(setting, root).splits["val"].clips[0].log_mel is None
    clip.wav.unlink()
    with pytest.raises(FileNotFoundError, match=rf"clip1_x has no sound: neither {clip.log_mel} nor {clip.wav}"):
        load(setting, root)


def test_avss_needs_its_sound(copy):
    root = copy("avss")
    (root / "v2/clip2_x/audio.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"clip2_x has no sound: .*audio.wav"):
        load("avss", root)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{", "not valid JSON"),
        ('{"background": 0, "cat": 2}', "0, 1, 2"),
        ('["background"]', "0, 1, 2"),
        ('{"background": 0, "cat": 1}', "has 2 classes, not 71"),
    ],
)
def test_a_wrong_list_of_classes_is_refused(copy, labels, message):
    root = copy("avss")
    (root / "label2idx.json").write_text(labels)
    with pytest.raises(ValueError, match=rf"label2idx.json.*{message}"):
        load("avss", root)


def test_an_unknown_setting_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown setting 's5': choose one of s4, ms3, avss"):
        load_avsbench(tmp_path, "s5")
