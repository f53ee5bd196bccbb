"""Banks of videos of any length: windows, padding, currency, failures; and features that others extracted from UnAV-100."""

import numpy as np
import pytest

from avvp_lib.corpora.synthetic import encoding, picture, soundtrack
from avvp_lib.features import extraction, long_videos
from avvp_lib.features.backbones import build_backbone
from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.long_videos import UNAV_FEATURES, extract_padded, padded_card, read_unav_features
from avvp_lib.features.media import read_media

NAMES = ["tiny-clap", "tiny-clip"]
LENGTHS = {"b": 13, "a": 4, "c": 10}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Three rendered videos of different lengths; nobody changes them."""
    folder = tmp_path_factory.mktemp("long")
    made = {}
    for number, (key, seconds) in enumerate(LENGTHS.items()):
        rng = np.random.default_rng(number)
        frames = picture.render_visible(rng, "studio", [("Dog", [(0.0, seconds / 2)])], seconds)
        wave = soundtrack.render_audible(rng, "studio", [("Cello", [(seconds / 2, float(seconds))])], seconds)
        made[key] = encoding.write_video(folder / f"{key}.mp4", frames, wave, fps=8, sample_rate=16_000)
    return made


@pytest.fixture(scope="module")
def banks(videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("banks")
    report = extract_padded(videos, LENGTHS, NAMES, out, workers=1, progress=False)
    assert report.videos == 3 and not report.failures and set(report.banks) == set(NAMES)
    return {name: FeatureBank.open(folder, verify=True) for name, folder in report.banks.items()}


def test_rows_behind_the_end_are_zero_and_no_others(banks):
    for bank in banks.values():
        assert bank.card.output_shape == (13, 128)
        for key, length in LENGTHS.items():
            rows = bank.take([key])[0]
            np.testing.assert_allclose(np.linalg.norm(rows[:length], axis=1), 1, atol=1e-3)
            assert not rows[length:].any()


def test_windows_are_what_the_backbones_make_of_ten_seconds(videos, banks):
    """The first ten seconds equal an ordinary extraction; the rest equals one of the remaining three, filled up."""
    for name, bank in banks.items():
        backbone, rows = build_backbone(name), bank.take(["b"])[0]
        np.testing.assert_allclose(rows[:10], backbone(read_media(videos["b"], **backbone.reading)), atol=2e-3)
        whole = read_media(videos["b"], **{**backbone.reading, "seconds": 20.0})
        rest = type(whole)(whole.path, whole.frames[80:], whole.waveform[160_000:], whole.fps, whole.sample_rate)
        np.testing.assert_allclose(rows[10:], backbone(rest)[:3], atol=2e-3)


def test_each_file_is_decoded_once_and_banks_are_kept_while_current(videos, tmp_path, monkeypatch):
    decoded = []

    def counted(path, **options):
        decoded.append((path.stem, options["seconds"]))
        return read_media(path, **options)

    monkeypatch.setattr(long_videos, "read_media", counted)
    two = {key: videos[key] for key in ("b", "a")}
    extract_padded(two, LENGTHS, NAMES, tmp_path, workers=1, progress=False)
    assert decoded == [("b", 20.0), ("a", 10.0)]
    extract_padded(two, LENGTHS, NAMES, tmp_path, workers=1, progress=False)
    assert len(decoded) == 2
    extract_padded(two, {**LENGTHS, "a": 3}, ["tiny-clap"], tmp_path, workers=1, progress=False)
    assert len(decoded) == 4, "another length is another bank"
    assert not FeatureBank.open(tmp_path / "tiny-clap").take(["a"])[0, 3:].any()
    monkeypatch.setattr(long_videos, "feature_code", lambda: "another")
    extract_padded({"a": videos["a"]}, LENGTHS, ["tiny-clap"], tmp_path, workers=1, progress=False)
    assert len(decoded) == 5


def test_a_broken_video_is_left_out_and_named(videos, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    asked = {"a": videos["a"], "x": tmp_path / "broken.mp4"}
    report = extract_padded(asked, {**LENGTHS, "x": 9}, ["tiny-clap"], tmp_path / "out", workers=1, progress=False)
    assert report.videos == 1 and "cannot be opened" in report.failures["x"]
    assert FeatureBank.open(report.banks["tiny-clap"]).features.shape == (1, 9, 128), "T is that of all that was asked"


def test_bad_requests_are_refused(videos, tmp_path):
    for seconds, words in (
        ({"b": 13}, "2 are missing, 'a' first"),
        ({**LENGTHS, "c": 0}, "'c' must be at least 1, not 0"),
    ):
        with pytest.raises(ValueError, match=words):
            extract_padded(videos, seconds, NAMES, tmp_path)
    with pytest.raises(ValueError, match="nothing to extract"):
        extract_padded({}, {}, NAMES, tmp_path)
    with pytest.raises(ValueError, match="unknown backbone 'vgg'"):
        extract_padded(videos, LENGTHS, ["vgg"], tmp_path)
    frames = BackboneCard("res", "1", "visual_2d", "frames", (80, 4), "float32", "none", "none", "MIT")
    with pytest.raises(ValueError, match="80 vectors for 10 seconds"):
        padded_card(frames, 30)
    assert not list(tmp_path.iterdir())


def test_the_machinery_is_that_of_ordinary_extraction():
    assert long_videos.write_banks is extraction.write_banks


@pytest.fixture
def uwav(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / UNAV_FEATURES["clip"].folder
    folder.mkdir(parents=True)
    for key, rows in (("v1", 4), ("v2", 3), ("v3", 2)):
        np.save(folder / f"{key}.npy", rng.normal(size=(rows, 6)).astype(np.float32))
    return tmp_path


def test_features_of_others_are_padded_and_lengths_may_be_rounded_otherwise(uwav):
    folder = uwav / "feats_CLIP" / "segment_feats"
    files = {key: np.load(folder / f"{key}.npy") for key in ("v1", "v2", "v3")}
    bank = read_unav_features(uwav, "clip", {"v2": 3, "v1": 3, "v3": 3}, longest=5, width=6)
    assert bank.ids == ("v2", "v1", "v3") and bank.card.modality == "visual_2d" and bank.features.shape == (3, 5, 6)
    taken = bank.take(["v1", "v2", "v3"])
    np.testing.assert_array_equal(taken[0, :3], files["v1"][:3])
    np.testing.assert_array_equal(taken[1, :3], files["v2"])
    np.testing.assert_array_equal(taken[2, :3], files["v3"][[0, 1, 1]])
    assert not taken[:, 3:].any()


def test_bad_features_of_others_are_named(uwav):
    def read(name="clip", seconds=None, **options):
        return read_unav_features(uwav, name, seconds or {"v1": 4}, **{"width": 6, **options})

    with pytest.raises(ValueError, match="unknown features 'vgg': choose one of clap, clip"):
        read("vgg")
    with pytest.raises(BankError, match=r"feats_CLAP.*no such folder.*\(seconds, 512\)"):
        read("clap")
    with pytest.raises(BankError, match=r"lacks 1 of 2 feature files, v9\.npy first"):
        read(seconds={"v1": 4, "v9": 4})
    with pytest.raises(BankError, match=r"v1\.npy has 4 rows for a video of 6 s"):
        read(seconds={"v1": 6})
    with pytest.raises(BankError, match=r"v1\.npy is \(4, 6\) float32, not \(seconds, 768\)"):
        read(width=None)
    with pytest.raises(ValueError, match="longest is 3 s, but a video has 4"):
        read(longest=3)
    folder = uwav / "feats_CLIP" / "segment_feats"
    (folder / "v2.npy").write_bytes(b"half")
    with pytest.raises(BankError, match=r"v2\.npy is not a readable"):
        read(seconds={"v2": 3})
    np.save(folder / "v3.npy", np.full((2, 6), np.nan, np.float32))
    with pytest.raises(BankError, match="NaN or infinity"):
        read(seconds={"v3": 2})
