import shutil
from pathlib import Path

import numpy as np
import pytest

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.llp import LLP_CATEGORIES, load_llp, read_dense_grid, read_llp_layout
from avvp_lib.metrics import parsing_scores

TINY = {
    "AVVP_train.csv": ["filename\tevent_labels", "-rain_aaaaa_0_10\tDog,Speech", "train_bbbbb_8.5_18.5\tCat"],
    "AVVP_val_pd.csv": ["filename\tevent_labels", "val_aaaaaaa_0_10\tClapping,Clapping,Dog"],
    "AVVP_test_pd.csv": ["filename\tevent_labels", "test_aaaaaa_30_40\tSpeech", "test_bbbbbb_30_40\tBlender"],
    "AVVP_eval_audio.csv": [
        "filename\tonset\toffset\tevent_labels",
        "test_aaaaaa_30_40\t0\t4\tSpeech",
        "test_aaaaaa_30_40\t7\t10\tSpeech",
        "val_aaaaaaa_0_10\t1\t2\tDog",
    ],
    "AVVP_eval_visual.csv": ["filename\tonset\toffset\tevent_labels", "test_aaaaaa_30_40\t0\t10\tCar"],
}


def write(root: Path, **changed: list[str]) -> Path:
    """Write the five files with one or two videos each; `changed` replaces the lines of AVVP_<name>.csv."""
    root.mkdir(exist_ok=True)
    for file, lines in TINY.items():
        lines = changed.get(file.removeprefix("AVVP_").removesuffix(".csv"), lines)
        (root / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def with_rows(file: str, *rows: str) -> dict[str, list[str]]:
    """What `write` takes to append rows to AVVP_<file>.csv."""
    return {file: [*TINY[f"AVVP_{file}.csv"], *rows]}


def test_reads_what_is_written(tmp_path):
    corpus = read_llp_layout(write(tmp_path), "tiny")
    assert corpus.name == "tiny" and corpus.categories == LLP_CATEGORIES and corpus.root == tmp_path
    train, val, test = (corpus.splits[name] for name in ("train", "val", "test"))
    assert train.videos == ("-rain_aaaaa_0_10", "train_bbbbb_8.5_18.5")
    assert train.keys == ("-rain_aaaaa", "train_bbbbb")
    assert train.audio is None and train.visual is None
    assert [LLP_CATEGORIES[c] for c in np.flatnonzero(train.video_labels[0])] == ["Speech", "Dog"]
    assert val.video_labels.sum() == 2
    assert np.flatnonzero(test.audio[0, :, 0]).tolist() == [0, 1, 2, 3, 7, 8, 9]
    assert test.audio.sum() == 7 and val.audio.sum() == 1
    assert test.visual[0, :, 1].all() and test.visual.sum() == 10
    assert corpus.provenance["duplicate_labels"] == {"train": 0, "val": 1, "test": 0}
    assert "audio_version" not in corpus.provenance  # a corpus in LLP's layout is no version of LLP
    assert load_llp(tmp_path).provenance["audio_version"] == "unknown"


def test_finds_the_files_in_annotations(tmp_path):
    write(tmp_path / "annotations")
    assert len(read_llp_layout(tmp_path, "tiny").splits["test"]) == 2


def test_dense_rows_are_joined_by_full_name_and_orphans_are_counted(tmp_path):
    orphan = "val_aaaaaaa_0_100\t0\t9\tClapping"  # the key of a real video, but not its name
    root = write(tmp_path, **with_rows("eval_audio", orphan))
    corpus = read_llp_layout(root, "tiny")
    assert corpus.splits["val"].audio.sum() == 1
    assert corpus.provenance["orphan_rows"] == {"audio": 1, "visual": 0}


def test_only_the_published_events_may_have_no_duration(tmp_path):
    published = "8DF2PxdT5tE_390_400\t9\t0\tCheering"
    corpus = read_llp_layout(write(tmp_path, **with_rows("eval_audio", published)), "tiny")
    assert corpus.provenance["empty_events"] == {"audio": 1, "visual": 0}
    for row in ("test_aaaaaa_30_40\t9\t0\tSpeech", "8DF2PxdT5tE_390_400\t9\t1\tCheering"):
        root = write(tmp_path, **with_rows("eval_audio", row))
        with pytest.raises(ValueError, match=r"AVVP_eval_audio.csv, line 5: offset '.' does not come after its onset"):
            read_llp_layout(root, "tiny")


def test_dense_grid_of_some_videos(tmp_path):
    root = write(tmp_path)
    grid = read_dense_grid(root / "AVVP_eval_audio.csv", ["val_aaaaaaa_0_10"])
    assert grid.shape == (1, 10, 25) and grid.sum() == 1


WEAK = "filename\tevent_labels"
DENSE = "filename\tonset\toffset\tevent_labels"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            with_rows("test_pd", "test_cccccc_0_10\tDog,Cow"),
            "AVVP_test_pd.csv, line 4: event_labels 'Cow' is not a cat",
        ),
        (with_rows("test_pd", "test_cccccc_0_10\tDog, Cat"), "AVVP_test_pd.csv, line 4: event_labels ' Cat' is not"),
        (with_rows("test_pd", "test_cccccc_0_10\tDog,"), "AVVP_test_pd.csv, line 4: event_labels '' is not"),
        (with_rows("test_pd", "test_cccccc_0_10\t"), "AVVP_test_pd.csv, line 4: event_labels .* is empty"),
        (with_rows("test_pd", "short_0_10\tDog"), "AVVP_test_pd.csv, line 4: filename 'short_0_10' is not <11 char"),
        (with_rows("test_pd", "test_aaaaaa_30_40\tDog"), "AVVP_test_pd.csv, line 4: filename .* occurs twice"),
        (with_rows("test_pd", "val_aaaaaaa_0_10\tDog"), "'val_aaaaaaa_0_10' occurs twice among the videos of tiny"),
        ({"test_pd": ["filename\tlabels", "test_aaaaaa_30_40\tDog"]}, "AVVP_test_pd.csv has no column 'event_labels'"),
        ({"test_pd": [WEAK, "test_aaaaaa_30_40\tDog\tCat"]}, "AVVP_test_pd.csv: its rows have more fields"),
        (with_rows("test_pd", "a\tb\tc"), "AVVP_test_pd.csv is not a table of tab-separated text: .*line 4"),
        ({"eval_visual": ["filename\tonset\tevent_labels"]}, "AVVP_eval_visual.csv has no column 'offset'"),
        ({"eval_visual": [DENSE, "test_aaaaaa_30_40\t0\t3\tCow"]}, "AVVP_eval_visual.csv, line 2: event_labels 'Cow'"),
        (
            {"eval_visual": [DENSE, "test_aaaaaa_30_40\tx\t3\tDog"]},
            "AVVP_eval_visual.csv, line 2: onset 'x' is not a n",
        ),
        ({"eval_visual": [DENSE, "test_aaaaaa_30_40\t0\tnan\tDog"]}, "line 2: offset 'nan' is not a number"),
        (
            {"eval_visual": [DENSE, "test_aaaaaa_30_40\t0\t12\tDog"]},
            r"line 2: offset '12' lies outside the video \(0 to",
        ),
        ({"eval_visual": [DENSE, "test_aaaaaa_30_40\t4\t2\tDog"]}, "line 2: offset '2' does not come after its onset"),
        (
            {"eval_visual": [DENSE, "", "test_aaaaaa_30_40\t0\t2\tDog"]},
            "AVVP_eval_visual.csv, line 2: filename .* is empty",
        ),
    ],
)
def test_bad_files_are_refused_by_file_and_line(tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        read_llp_layout(write(tmp_path, **changed), "tiny")


def test_missing_files_are_named_with_where_to_get_them(tmp_path):
    root = write(tmp_path)
    (root / "AVVP_eval_visual.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no AVVP_eval_visual.csv\. .* YapengTian/AVVP-ECCV20 .* data/"):
        load_corpus("llp", root)


# --- the official files ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llp(llp_root):
    return load_llp(llp_root)


def test_counts_of_the_official_files(llp):
    train, val, test = (llp.splits[name] for name in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (10_000, 649, 1_200)
    assert train.video_labels.sum() == 16_057 and train.audio is None
    assert [(s.audio.sum(), s.visual.sum(), (s.audio & s.visual).sum()) for s in (val, test)] == [
        (8089, 6115, 5078),
        (14576, 11789, 9592),
    ]
    assert train.video_labels[:, 0].sum() == 4988 and test.video_labels[:, 24].sum() == 84
    assert train.videos[0] == "BjCEufrlXm4_20_30" and train.keys[0] == "BjCEufrlXm4"


def test_provenance_of_the_official_files(llp):
    found = dict(llp.provenance)
    assert found.pop("md5")["AVVP_eval_audio.csv"].startswith("98d8ce23")
    assert found == {
        "orphan_rows": {"audio": 14, "visual": 11},
        "empty_events": {"audio": 6, "visual": 0},
        "duplicate_rows": {"audio": 8, "visual": 0},
        "duplicate_labels": {"train": 0, "val": 0, "test": 1},
        "audio_version": "fixed-2024",
    }


def test_the_video_whose_only_sound_has_no_duration_stays_silent(llp):
    test = llp.splits["test"]
    video = test.videos.index("H5WcJwyjxIg_2_12")
    assert not test.audio[video].any() and test.video_labels[video].any()


def test_an_orphan_does_not_leak_into_the_video_with_its_key(llp):
    val = llp.splits["val"]
    assert not val.audio[val.videos.index("19jWnmYnlD8_30_40"), :, LLP_CATEGORIES.index("Clapping")].any()


def test_the_older_audio_labels_are_recognised_and_score_as_published(llp_root, tmp_path):
    root = tmp_path / "annotations"
    root.mkdir()
    for path in (llp_root / "annotations").glob("*.csv"):
        shutil.copyfile(path, root / path.name)
    path = root / "AVVP_eval_audio.csv"
    text = path.read_text(encoding="ascii")
    for mended, original in (
        ("JfZEqeLZqWk_30_40\t0\t4\tSpeech", "Baby_cry_infant_cry\t0\t4\tSpeech"),
        ("JfZEqeLZqWk_30_40\t7\t10\tSpeech", "Baby_cry_infant_cry\t7\t10\tSpeech"),
        ("KvIjsmANkxI_10_20\t0\t1\tCat", "KvIjsmANkxI_10_20`\t0\t1\tCat"),
    ):
        assert text.count(mended) == 1
        text = text.replace(mended, original)
    path.write_text(text, encoding="ascii", newline="\n")
    corpus = load_llp(tmp_path)
    assert corpus.provenance["audio_version"] == "original"
    assert corpus.provenance["orphan_rows"]["audio"] == 14 + 3
    test = corpus.splits["test"]
    weak = np.broadcast_to(test.video_labels[:, None], test.audio.shape)
    scores = list(parsing_scores(weak, weak, test.audio, test.visual).values())[:10]
    golden = [76.0802, 60.3480, 52.6072, 63.0118, 71.7029, 63.0272, 55.7527, 44.6921, 54.4907, 61.6039]
    assert scores == pytest.approx(golden, abs=1e-4)
