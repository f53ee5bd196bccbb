"""Splits as arrays: sizes, padding, what is labelled, and the errors of files that are not as they should be."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import wavfile

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.avs_data import read_segmentation_data
from avvp_lib.corpora.vggish_log_mel import vggish_log_mel
from avvp_lib.corpora.waveforms import read_wav
from tests.corpora.avs_layouts import LOUD, SIZE, binary, log_mel, sound, write_avsbench

NAMES = {"s4": "avsbench-s4", "ms3": "avsbench-ms3", "avss": "avss"}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    roots = {setting: write_avsbench(tmp_path_factory.mktemp(setting), setting) for setting in NAMES}
    return {setting: load_corpus(NAMES[setting], root) for setting, root in roots.items()}


@pytest.fixture
def damaged(corpora, tmp_path):
    """A split of a copy that a test may damage."""

    def make(setting, split="test"):
        root = shutil.copytree(corpora[setting].root, tmp_path / setting)
        return load_corpus(NAMES[setting], root).splits[split]

    return make


def read(split, **options):
    return read_segmentation_data(split, SIZE, mask_size=SIZE, **options)


def test_s4_trains_on_the_first_frame_alone(corpora):
    data = read(corpora["s4"].splits["train"])
    assert data.ids == ("clip0_x", "clip3_x") and len(data) == 2
    assert data.images.shape == (2, 5, SIZE, SIZE, 3) and data.images.dtype == np.uint8
    assert data.masks.shape == (2, 5, SIZE, SIZE) and data.masks.dtype == np.uint8
    assert data.log_mel.shape == (2, 5, 1, 96, 64) and data.log_mel.dtype == np.float32
    assert data.labelled.tolist() == [[True] + [False] * 4] * 2 and data.present.all()
    assert data.masks[0, 0].sum() == SIZE and not data.masks[:, 1:].any()
    assert data.objects is None and data.sounding is None and data.roles is None


@pytest.mark.parametrize(("setting", "split"), [("s4", "val"), ("ms3", "train"), ("ms3", "test")])
def test_all_other_frames_of_the_binary_settings_are_labelled(corpora, setting, split):
    data = read(corpora[setting].splits[split])
    assert data.labelled.all() and data.present.all()
    rows = np.arange(SIZE)[:, None] < np.arange(1, 6)[:, None, None]  # mask k is white in its first k rows
    np.testing.assert_array_equal(data.masks[1], np.broadcast_to(rows, (5, SIZE, SIZE)))


def test_frames_come_in_order_and_are_squashed(corpora):
    data = read(corpora["ms3"].splits["val"])  # clips 1 and 4, frame k of clip n has the grey value 10 (n + k)
    assert data.images[0, :, SIZE // 2, SIZE // 2, 0].tolist() == [20, 30, 40, 50, 60]
    assert data.images[1, :, SIZE // 2, SIZE // 2, 0].tolist() == [50, 60, 70, 80, 90]
    assert (data.images[..., 0, 0] == 0).all(), "the black outer quarters are still there"


def test_avss_pads_to_ten_frames_and_says_so(corpora):
    data = read(corpora["avss"].splits["train"])
    assert data.images.shape[:2] == data.masks.shape[:2] == data.log_mel.shape[:2] == (3, 10)
    assert data.present.sum(1).tolist() == [5, 5, 10] and data.labelled.sum(1).tolist() == [1, 5, 10]
    assert data.present[0].tolist() == [True] * 5 + [False] * 5
    assert not data.images[0, 5:].any() and not data.masks[0, 1:].any() and not data.log_mel[0, 5:].any()
    assert data.log_mel[0, :5].any((1, 2, 3)).all() and data.log_mel[2].any((1, 2, 3)).all()
    np.testing.assert_array_equal(data.log_mel[0, :5], data.log_mel[2, :5])


def test_avss_crops_for_training_and_squashes_for_testing(corpora):
    train, test = (read(corpora["avss"].splits[name]) for name in ("train", "test"))
    assert np.abs(train.images[1, 0].astype(int) - 10).max() <= 1, "no black edge"
    assert (test.images[0, 0, :, 0] <= 1).all() and test.images[0, 0, 0, SIZE // 2, 0] >= 29, (
        "the black quarter is there"
    )
    assert (test.masks[0, 0, :, : SIZE // 4] == 70).all() and (test.masks[0, 4, :, : SIZE // 4] == 66).all()
    assert set(np.unique(train.masks[1])) == {0, 1}, "the left quarter is cropped away"
    assert (train.masks[1, :5, :, SIZE // 2] == 1).all() and train.masks[1, 0].sum() == SIZE


def test_masks_and_frames_have_sizes_of_their_own(corpora):
    data = read_segmentation_data(corpora["s4"].splits["test"], 7, mask_size=2 * SIZE)
    assert data.images.shape[2:4] == (7, 7) and data.masks.shape[2:] == (2 * SIZE, 2 * SIZE)
    assert data.masks[0, 2].sum() == 3 * 2 * 2 * SIZE, "each pixel twice in both directions"
    assert read_segmentation_data(corpora["s4"].splits["test"], 7).masks.shape[2:] == (224, 224)


def test_log_mel_files_are_taken_as_they_are(corpora):
    data = read(corpora["s4"].splits["val"])
    np.testing.assert_array_equal(data.log_mel[:, :, 0, 0, 0], [[0, 1, 2, 3, 4]] * 2)


def test_fewer_examples_repeat_the_last(damaged):
    split = damaged("s4")
    log_mel(split.clips[0].log_mel, 3)
    assert read(split).log_mel[0, :, 0, 5, 5].tolist() == [0, 1, 2, 2, 2]


def test_without_log_mel_files_the_sound_is_used(damaged, corpora):
    split = damaged("ms3")
    for clip in split.clips:
        clip.log_mel.unlink()
    split = load_corpus("avsbench-ms3", split.clips[0].wav.parents[3]).splits["test"]
    wave = (LOUD * 32768 * np.sin(2 * np.pi * 440 * np.arange(80_000) / 16_000)).astype(np.int16) / 32768
    found = read(split).log_mel[1, :, 0]
    np.testing.assert_allclose(found, vggish_log_mel(wave), atol=1e-4)
    per_second = read(corpora["ms3"].splits["test"], framing="per_second").log_mel[1, :, 0]
    np.testing.assert_allclose(per_second, vggish_log_mel(wave, "per_second"), atol=1e-4)


@pytest.mark.parametrize("number", [6, 11])
def test_too_many_examples_in_a_log_mel_file(damaged, number):
    split = damaged("s4")
    log_mel(split.clips[1].log_mel, number)
    with pytest.raises(
        ValueError, match=rf"clip5_x.pkl gives {number} log-mel examples, and a clip has at most 5: cut"
    ):
        read(split)


def test_too_long_a_sound(damaged):
    split = damaged("avss")
    sound(split.clips[1].wav, 10.58)
    with pytest.raises(ValueError, match=r"clip4_x/audio.wav gives 11 log-mel examples, and a clip has at most 10"):
        read(split)
    sound(split.clips[1].wav, 10.5)
    assert read(split).log_mel[1].any((1, 2, 3)).all()


def test_too_short_a_sound(damaged):
    split = damaged("avss")
    sound(split.clips[0].wav, 0.97)
    with pytest.raises(ValueError, match=r"audio.wav is too short for a log-mel example: 15600 samples"):
        read(split)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"mel": torch.ones(5, 1, 96, 64)}, "holds no tensor but a dict"),
        (np.ones((5, 1, 96, 64), np.float32), "is refused: it asks for numpy"),
        (torch.ones(5, 96, 64), r"holds \(5, 96, 64\) torch.float32, not \(examples, 1, 96, 64\)"),
        (torch.ones(5, 1, 96, 64, dtype=torch.int64), "torch.int64"),
        (torch.full((5, 1, 96, 64), torch.nan), "NaN"),
        (torch.ones(0, 1, 96, 64), "too short"),
    ],
)
def test_a_log_mel_file_that_is_none(damaged, content, message):
    split = damaged("s4")
    split.clips[0].log_mel.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=rf"clip2_x.pkl.*{message}"):
        read(split)


def test_a_mask_of_three_values_and_one_of_a_foreign_colour(damaged):
    split = damaged("s4")
    Image.fromarray(np.array([[0, 255, 128]], np.uint8)).save(split.clips[0].masks[3])
    with pytest.raises(ValueError, match=r"clip2_x_4.png is no two-valued mask"):
        read(split)
    split = damaged("avss")
    binary(split.clips[1].masks[8], 3)
    with pytest.raises(ValueError, match=r"clip4_x/labels_rgb/8.png .* not in the palette: \(255, 255, 255\)"):
        read(split)


def test_a_broken_frame(damaged):
    split = damaged("ms3")
    split.clips[0].frames[1].write_bytes(b"half a picture")
    with pytest.raises(ValueError, match=r"mp4_2.png is no picture"):
        read(split)


def test_the_truth_of_a_real_corpus_is_not_known(corpora):
    with pytest.raises(FileNotFoundError, match=r"clip2_x: only rendered corpora have it"):
        read(corpora["s4"].splits["test"], truth=True)


def test_bad_arguments(corpora):
    with pytest.raises(ValueError, match=r"at least one pixel, not 0"):
        read_segmentation_data(corpora["s4"].splits["test"], 0)
    with pytest.raises(ValueError, match=r"unknown framing 'drifting'"):
        read(corpora["s4"].splits["test"], framing="drifting")


def test_a_subset_keeps_what_belongs_together(corpora):
    data = read(corpora["s4"].splits["val"])
    part = data.subset(np.array([1]))
    assert part.ids == ("clip4_x",) and part.objects is None
    np.testing.assert_array_equal(part.images[0], data.images[1])


def test_wav_files_of_other_forms(tmp_path):
    path, wave = tmp_path / "a.wav", (8000 * np.sin(np.arange(44_100) / 20)).astype(np.int16)
    wavfile.write(path, 16_000, wave)
    np.testing.assert_allclose(read_wav(path), wave / 32768, atol=1e-7)
    wavfile.write(path, 16_000, np.stack([wave, np.zeros_like(wave)], 1))
    np.testing.assert_allclose(read_wav(path), wave / 65536, atol=1e-7)
    wavfile.write(path, 44_100, wave)
    found = read_wav(path)
    assert found.shape == (16_000,)
    expected = 8000 / 32768 * np.sin(np.arange(16_000) * 44_100 / 16_000 / 20)
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=2e-3)
    for samples in (wave.astype(np.float32), wave[:0]):
        wavfile.write(path, 16_000, samples)
        with pytest.raises(ValueError, match=r"16-bit integers are expected; convert it: ffmpeg"):
            read_wav(path)
    path.write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"a.wav is no wav file"):
        read_wav(path)
