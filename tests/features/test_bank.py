"""Feature banks: joins by id, atomic files, hashes, and one test per kind of bad input."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank

CARD = BackboneCard(
    name="tiny-clip",
    revision="0123456789ab",
    modality="visual_2d",
    input_rule="one frame a second, 64 x 64 pixels",
    output_shape=(10, 4),
    dtype="float32",
    activation="none",
    normalisation="unit length per row",
    licence="MIT",
)
COUNT = 12
IDS = [f"video{number}_-_{number:02d}" for number in range(COUNT)]


def make_features(count=COUNT, dtype="float32"):
    """(count, 10, 4) features whose first value is the row number, so that a wrong join shows."""
    features = np.random.default_rng(0).standard_normal((count, 10, 4)).astype(dtype)
    features[:, 0, 0] = np.arange(count)
    return features


def visible(folder):
    """The files of a folder but for the lock that writers take turns with."""
    return [path for path in folder.iterdir() if path.name != ".lock"]


@pytest.fixture
def bank(tmp_path):
    return FeatureBank.write(tmp_path / "bank", IDS, make_features(), CARD)


def test_what_is_written_is_read(bank):
    opened = FeatureBank.open(bank.folder, verify=True)
    assert opened.ids == tuple(IDS) and opened.card == CARD and len(opened) == 12
    assert isinstance(opened.features, np.memmap) and not opened.features.flags.writeable
    np.testing.assert_array_equal(opened.features, make_features())
    assert opened.content_hash == bank.content_hash and len(bank.content_hash) == 64
    assert IDS[0] in opened and "video0" not in opened
    assert json.loads((bank.folder / "bank.json").read_text())["created_by"].startswith("avvp ")


def test_rows_are_joined_by_id_not_by_order(bank):
    order = np.random.default_rng(1).permutation(12)
    taken = bank.take([IDS[row] for row in order])
    np.testing.assert_array_equal(taken, make_features()[order])
    np.testing.assert_array_equal(taken[:, 0, 0], order)
    assert bank.take([IDS[3], IDS[3]])[:, 0, 0].tolist() == [3, 3]
    assert bank.take([]).shape == (0, 10, 4)


def test_taken_rows_are_a_float32_copy(tmp_path):
    card = replace(CARD, dtype="float16")
    bank = FeatureBank.write(tmp_path / "half", IDS, make_features(dtype="float16"), card)
    taken = bank.take(IDS)
    assert taken.dtype == np.float32 and type(taken) is np.ndarray
    np.testing.assert_array_equal(taken, make_features(dtype="float16").astype(np.float32))
    taken[:] = 0
    assert bank.take(IDS[5:6])[0, 0, 0] == 5
    assert bank.features.dtype == np.float16


def test_the_hash_covers_every_part(tmp_path, bank):
    def content_hash(ids=IDS, features=None, card=CARD):
        features = make_features() if features is None else features
        return FeatureBank.write(tmp_path / "other", ids, features, card).content_hash

    assert content_hash() == bank.content_hash
    changed = make_features()
    changed[7, 3, 2] = np.nextafter(changed[7, 3, 2], np.float32(np.inf))
    hashes = {
        bank.content_hash,
        content_hash(features=changed),
        content_hash(ids=[IDS[1], IDS[0], *IDS[2:]]),
        content_hash(card=replace(CARD, revision="other")),
        content_hash(features=make_features()[::-1]),
    }
    assert len(hashes) == 5


def test_the_hash_does_not_depend_on_memory_layout(tmp_path, bank):
    strange = np.asfortranarray(make_features())
    assert FeatureBank.write(tmp_path / "fortran", IDS, strange, CARD).content_hash == bank.content_hash


def test_many_blocks_are_one_hash(monkeypatch, tmp_path, bank):
    monkeypatch.setattr("avvp_lib.features.bank.BLOCK_BYTES", 500)
    assert FeatureBank.write(tmp_path / "blocks", IDS, make_features(), CARD).content_hash == bank.content_hash


def test_verify_finds_a_changed_value(bank):
    array = next(bank.folder.glob("*.npy"))
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    FeatureBank.open(bank.folder)
    with pytest.raises(BankError, match="does not hold what was written"):
        FeatureBank.open(bank.folder, verify=True)


def test_rewriting_leaves_one_array_and_old_readers_alive(bank):
    FeatureBank.write(bank.folder, IDS[:3], make_features(3) + 1, CARD)
    assert sorted(file.suffix for file in visible(bank.folder)) == [".json", ".npy"]
    assert len(FeatureBank.open(bank.folder, verify=True)) == 3
    np.testing.assert_array_equal(bank.take(IDS), make_features())


def test_arrays_that_no_header_ever_named_go(bank):
    (bank.folder / "features-0123456789abcdef.npy").write_bytes(b"of a run that was killed")
    (bank.folder / ".bank.77.json").write_text("{")
    (bank.folder / "notes.npy").write_bytes(b"somebody's own")
    FeatureBank.write(bank.folder, IDS[:3], make_features(3), CARD)
    assert len(list(bank.folder.glob("features-*.npy"))) == 1 and len(visible(bank.folder)) == 3
    assert (bank.folder / "notes.npy").exists()


def test_two_writers_take_turns(bank):
    """Each of two threads writes its own bank many times; what is left is one of the two, whole."""

    def write_often(count):
        for _ in range(20):
            FeatureBank.write(bank.folder, IDS[:count], make_features(count), CARD)

    threads = [threading.Thread(target=write_often, args=(count,)) for count in (3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(FeatureBank.open(bank.folder, verify=True)) in (3, 5)
    assert len(list(bank.folder.glob("*.npy"))) == 1


def test_opening_is_noted_as_an_input(bank, monkeypatch):
    noted = []
    monkeypatch.setattr("avvp_lib.features.bank.note_input", noted.append)
    FeatureBank.open(bank.folder)
    assert noted == [bank.folder / "bank.json"]


def test_a_failed_write_leaves_the_old_bank(bank, monkeypatch):
    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("avvp_lib.features.bank.write_json", full_disk)
    with pytest.raises(OSError, match="No space"):
        FeatureBank.write(bank.folder, IDS, make_features() + 1, CARD)
    np.testing.assert_array_equal(FeatureBank.open(bank.folder, verify=True).take(IDS), make_features())


def test_readers_never_see_half_a_bank(bank):
    """One thread writes two banks in turn into the folder while this one opens it: it gets either, whole."""
    other = make_features(5) + 100
    stop = threading.Event()

    def write_on():
        while not stop.is_set():
            FeatureBank.write(bank.folder, IDS[:5], other, CARD)
            FeatureBank.write(bank.folder, IDS, make_features(), CARD)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        sizes = {len(FeatureBank.open(bank.folder, verify=True)) for _ in range(200)}
    finally:
        stop.set()
        writer.join()
    assert sizes <= {5, 12}


# ---- bad input


def test_missing_ids_are_named_and_counted(bank):
    asked = [*IDS[:2], *(f"unknown{number}" for number in range(9))]
    with pytest.raises(BankError) as caught:
        bank.take(asked)
    message = str(caught.value)
    assert "9 of 11 videos: unknown0, unknown1, unknown2, unknown3, unknown4, ..." in message
    assert str(bank.folder) in message and "avvp_lib.features.extract" in message


def test_annotation_ids_are_recognised(bank):
    with pytest.raises(BankError, match=r"annotation ids.*split\.keys"):
        bank.take([f"{IDS[0]}_20_30"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused_at_writing(tmp_path, value):
    features = make_features()
    features[4, 6, 1] = value
    with pytest.raises(BankError, match=rf"NaN or infinity in 1 videos, first in {IDS[4]} at time step 6"):
        FeatureBank.write(tmp_path / "bank", IDS, features, CARD)
    assert not (tmp_path / "bank").exists()


def test_values_that_are_not_finite_are_refused_at_reading(bank):
    array = next(bank.folder.glob("*.npy"))
    features = np.load(array)
    features[4, 6, 1] = np.nan
    np.save(array, features)
    damaged = FeatureBank.open(bank.folder)
    assert len(damaged.take(IDS[:4])) == 4
    with pytest.raises(BankError, match=rf"{IDS[4]} at time step 6"):
        damaged.take(IDS[::-1])


@pytest.mark.parametrize(("ids", "features", "message"), [
    (IDS[:-1], make_features(), "11 ids"),
    (IDS, make_features()[:, :9], "ask for"),
    (IDS, make_features().astype(np.float64), r"float64.*astype\('float32'\)"),
    ([*IDS[:-1], IDS[0]], make_features(), f"1 ids occur more than once.*{IDS[0]}"),
    ([*IDS[:-1], 7], make_features(), "ids must be strings, got 7"),
    ([], make_features(0), "at least one video"),
])  # fmt: skip
def test_banks_that_do_not_fit_are_refused(tmp_path, ids, features, message):
    with pytest.raises(BankError, match=message):
        FeatureBank.write(tmp_path / "bank", ids, features, CARD)


@pytest.mark.parametrize(("change", "message"), [
    ({"modality": "video"}, "modality must be one of"),
    ({"dtype": "float64"}, "dtype must be one of"),
    ({"output_shape": (10,)}, "output_shape must be"),
])  # fmt: skip
def test_cards_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CARD, **change)


def test_cards_survive_json():
    assert BackboneCard(**json.loads(json.dumps(CARD.to_dict()))) == CARD


def edit_header(**changes):
    def damage(folder):
        header = json.loads((folder / "bank.json").read_text())
        (folder / "bank.json").write_text(json.dumps({**header, **changes}))

    return damage


def truncate_array(folder):
    array = next(folder.glob("*.npy"))
    array.write_bytes(array.read_bytes()[:-100])


def pickle_array(folder):
    np.save(next(folder.glob("*.npy")), np.array([{"any": "object"}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(("damage", "message"), [
    (lambda folder: (folder / "bank.json").unlink(), r"no bank\.json.*from_folder"),
    (lambda folder: (folder / "bank.json").write_text('{"ids": ['), "not valid JSON"),
    (lambda folder: (folder / "bank.json").write_text("{}"), r"lacks \['array', 'card', 'content_hash', 'ids'\]"),
    (lambda folder: next(folder.glob("*.npy")).unlink(), "is damaged.*extract again"),
    (truncate_array, "is damaged"),
    (pickle_array, "is damaged"),
    (edit_header(card={"name": "tiny-clip"}), "is damaged"),
    (edit_header(ids=IDS[:-1]), "11 ids"),
    (edit_header(ids=[*IDS[:-1], IDS[0]]), "more than once"),
])  # fmt: skip
def test_damaged_banks_are_refused(bank, damage, message):
    damage(bank.folder)
    with pytest.raises(BankError, match=message):
        FeatureBank.open(bank.folder)


# ---- the published layout, one file per video


@pytest.fixture
def folder(tmp_path):
    for video, feature in zip(IDS, make_features(), strict=True):
        np.save(tmp_path / f"{video}.npy", feature)
    return tmp_path


def test_a_folder_of_files_is_a_bank(folder):
    bank = FeatureBank.from_folder(folder, IDS[::-1], CARD)
    np.testing.assert_array_equal(bank.take(IDS), make_features())
    assert bank.missing == () and bank.ids == tuple(IDS[::-1])
    stored = FeatureBank.write(folder / "bank", bank.ids, bank.features, bank.card)
    assert stored.content_hash == bank.content_hash


def test_a_folder_may_be_stored_in_half_precision(folder):
    bank = FeatureBank.from_folder(folder, IDS, replace(CARD, dtype="float16"))
    np.testing.assert_allclose(bank.take(IDS), make_features(), rtol=1e-3, atol=1e-3)


def test_absent_files_are_named_or_left_out(folder):
    for video in IDS[2:9]:
        (folder / f"{video}.npy").unlink()
    with pytest.raises(BankError, match=rf"lacks 7 of 12 feature files: {IDS[2]}, .*allow_missing=True"):
        FeatureBank.from_folder(folder, IDS, CARD)
    bank = FeatureBank.from_folder(folder, IDS, CARD, allow_missing=True)
    assert bank.missing == tuple(IDS[2:9]) and len(bank) == 5
    assert bank.take([IDS[11]])[0, 0, 0] == 11
    with pytest.raises(BankError, match="lacks 1 of 1"):
        FeatureBank.from_folder(folder, ["unknown"], CARD, allow_missing=True)


@pytest.mark.parametrize(("content", "message"), [
    (np.zeros((10, 5), np.float32), r"is \(10, 5\) float32; tiny-clip features are \(10, 4\)"),
    (np.zeros((10, 4), np.int64), "int64.*floating point"),
    (np.array([{}], dtype=object), "not a readable .npy array"),
    (np.full((10, 4), np.nan, np.float32), "NaN or infinity"),
])  # fmt: skip
def test_bad_files_in_a_folder_are_named(folder, content, message):
    np.save(folder / f"{IDS[6]}.npy", content, allow_pickle=True)
    with pytest.raises(BankError, match=rf"(?s){message}") as caught:
        FeatureBank.from_folder(folder, IDS, CARD)
    assert IDS[6] in str(caught.value)


def test_an_empty_file_in_a_folder_is_named(folder):
    (folder / f"{IDS[6]}.npy").write_bytes(b"")
    with pytest.raises(BankError, match=rf"{IDS[6]}\.npy is not a readable"):
        FeatureBank.from_folder(folder, IDS, CARD)


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(BankError, match="no such folder"):
        FeatureBank.from_folder(tmp_path / "vggish", IDS, CARD)
