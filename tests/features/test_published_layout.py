"""Banks to the published folders and back: nothing changes on the way, and what is missing is said."""

import json

import numpy as np
import pandas as pd
import pytest

from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.published import PUBLISHED, read_published
from avvp_lib.features.published_layout import FOLDERS, banks_to_folders, folders_to_banks

SHAPES = {"vggish": (10, 128), "resnet152": (80, 2048), "r2plus1d": (10, 512), "clap": (64, 768), "clip": (10, 768)}
IDS = ("-a_b_1_2_c9", "BjCEufrlXm4", "zzzzzzzzzzz")


def write_banks(folder, names=("vggish", "clip", "clap-seconds")):
    rng = np.random.default_rng(0)
    for name in names:
        shape = SHAPES.get(name, (10, 512))
        card = BackboneCard(name, "weights 1", "audio", "a rule", shape, "float32", "none", "none", "MIT")
        FeatureBank.write(folder / name, IDS, rng.normal(size=(len(IDS), *shape)).astype(np.float32), card)
    return folder


def test_every_published_folder_has_the_shape_of_its_backbone():
    for name, shape in SHAPES.items():
        (features,) = [features for features in PUBLISHED.values() if features.folder == FOLDERS[name]]
        assert features.card.output_shape == shape


def test_there_and_back(tmp_path):
    banks = write_banks(tmp_path / "banks")
    written = banks_to_folders(banks, tmp_path / "llp")
    assert written == {tmp_path / "llp" / FOLDERS[name]: 3 for name in ("vggish", "clip", "clap-seconds")}
    array = np.load(tmp_path / "llp" / "feats" / "vggish" / "BjCEufrlXm4.npy")
    assert array.dtype == np.float32 and array.shape == (10, 128)
    report = folders_to_banks(tmp_path / "llp", tmp_path / "again")
    assert report.missing == {} and report.listing is None and set(report.banks) == {"vggish", "clip", "clap-seconds"}
    for name, (folder, videos) in report.banks.items():
        one, two = FeatureBank.open(banks / name), FeatureBank.open(folder, verify=True)
        assert (one.content_hash, one.card, videos) == (two.content_hash, two.card, 3)


def test_the_readers_of_published_features_read_what_is_written(tmp_path):
    banks = write_banks(tmp_path / "banks", ["vggish"])
    banks_to_folders(banks, tmp_path / "llp")
    read = read_published(tmp_path / "llp", ["vggish"], IDS)["vggish"]
    np.testing.assert_array_equal(read.take(IDS), FeatureBank.open(banks / "vggish").take(IDS))


def test_half_complete_folders_are_packed_and_what_is_missing_is_said(tmp_path):
    banks_to_folders(write_banks(tmp_path / "banks"), tmp_path / "llp")
    (tmp_path / "llp" / "feats" / "vggish" / f"{IDS[0]}.npy").unlink()
    for name in (".half.77.npy", "notes.txt"):
        (tmp_path / "llp" / "feats" / "vggish" / name).write_bytes(b"half")
    report = folders_to_banks(tmp_path / "llp", tmp_path / "again")
    assert report.missing == {"vggish": (IDS[0],)}
    assert "vggish: 2 videos in" in str(report) and f"1 missing: {IDS[0]}" in str(report)
    assert FeatureBank.open(tmp_path / "again" / "vggish").ids == IDS[1:]
    assert FeatureBank.open(tmp_path / "again" / "clip").ids == IDS
    rows = pd.read_csv(tmp_path / "again" / "missing.csv").to_numpy().tolist()
    assert rows == [["vggish", "feats/vggish", IDS[0]]]
    wanted = folders_to_banks(tmp_path / "llp", tmp_path / "again", [IDS[1], "00000000000"])
    assert wanted.missing == dict.fromkeys(("vggish", "clap-seconds", "clip"), ("00000000000",))
    assert folders_to_banks(tmp_path / "llp", tmp_path / "again", IDS[1:]).listing is None
    assert not (tmp_path / "again" / "missing.csv").exists()


def test_folders_of_the_authors_keep_their_cards(tmp_path):
    folder = tmp_path / "llp" / FOLDERS["clip"]
    folder.mkdir(parents=True)
    np.save(folder / f"{IDS[0]}.npy", np.ones((10, 768)))
    report = folders_to_banks(tmp_path / "llp", tmp_path / "banks")
    bank = FeatureBank.open(report.banks["clip"][0])
    assert bank.card == PUBLISHED["clip"].card and bank.features.dtype == np.float32
    banks = write_banks(tmp_path / "ours", ["clip"])
    with pytest.raises(BankError, match="holds features of another origin"):
        banks_to_folders(banks, tmp_path / "llp")
    assert len(list(folder.iterdir())) == 1


def test_what_cannot_be_converted(tmp_path):
    with pytest.raises(BankError, match="no bank in"):
        banks_to_folders(tmp_path, tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="no published features below"):
        folders_to_banks(tmp_path, tmp_path / "out")
    banks_to_folders(write_banks(tmp_path / "banks", ["clap-seconds"]), tmp_path / "llp")
    (tmp_path / "llp" / "features.json").unlink()
    with pytest.raises(BankError, match=r"nobody published CLAP/segment_feats, and no features\.json"):
        folders_to_banks(tmp_path / "llp", tmp_path / "out")
    (tmp_path / "llp" / "features.json").write_text(json.dumps({})[:1])
    with pytest.raises(BankError, match=r"features\.json is damaged"):
        folders_to_banks(tmp_path / "llp", tmp_path / "out")
