from dataclasses import replace

import numpy as np
import pytest

from avvp_lib.features.backbones import BACKBONES, build_backbone
from avvp_lib.features.media import Media, read_media
from avvp_lib.features.tiny_teachers import TEACHER_FOLDER, TEACHERS
from avvp_lib.provenance import file_digest


@pytest.fixture(scope="module")
def medium(clips):
    return read_media(next(iter(clips.values())), **build_backbone("tiny-clip").reading)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_returns_what_its_card_says_twice(name, medium):
    backbone = build_backbone(name)
    card = backbone.card
    features = backbone(medium)
    assert card.name == name and card.output_shape[0] == 10
    assert features.shape == card.output_shape and features.dtype == np.float32
    assert np.isfinite(features).all() and np.abs(features).max() < 1000, "float16 on disk must hold it"
    assert np.ptp(features, axis=0).max() > 1e-3, "segments differ"
    np.testing.assert_array_equal(build_backbone(name)(medium), features)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_sees_or_hears_its_own_modality_and_segment_only(name, medium):
    backbone = build_backbone(name)
    frames, waveform = medium.frames.copy(), medium.waveform.copy()
    frames[24:32] = 255 - frames[24:32]  # segment 3
    waveform[48_000:64_000] = np.random.default_rng(0).normal(0, 0.3, 16_000)
    same, other = {"audio": "frames", "visual": "waveform"}, {"frames": frames, "waveform": waveform}
    unheard = same[backbone.card.modality.split("_")[0]]
    before = backbone(medium)
    np.testing.assert_array_equal(backbone(replace(medium, **{unheard: other[unheard]})), before)
    changed = np.abs(backbone(replace(medium, **other)) - before).max(1)
    assert changed[3] > 1e-2 and np.delete(changed, 3).max() < 1e-5


def test_cards_tell_modality_shape_and_weights():
    cards = {name: build_backbone(name).card for name in BACKBONES}
    assert {name: (card.modality, card.output_shape) for name, card in cards.items()} == {
        "tiny-clip": ("visual_2d", (10, 128)),
        "tiny-clip-map": ("visual_2d", (10, 1024)),
        "tiny-clap": ("audio", (10, 128)),
        "tiny-clap-map": ("audio", (10, 1024)),
        "tiny-clip-change": ("visual_3d", (10, 512)),
    }
    for name, card in cards.items():
        teacher = next(teacher for teacher in TEACHERS if name.startswith(teacher))
        assert file_digest(TEACHER_FOLDER / f"{teacher}.safetensors").startswith(card.revision)


def test_embeddings_are_unit_vectors_and_maps_are_standardised(medium):
    for teacher in TEACHERS:
        np.testing.assert_allclose(np.linalg.norm(build_backbone(teacher)(medium), axis=1), 1, atol=1e-4)
        rows = build_backbone(f"{teacher}-map")(medium)
        np.testing.assert_allclose(rows.mean(1), 0, atol=1e-4)
        np.testing.assert_allclose(rows.std(1), 1, atol=1e-2)


def test_other_weights_are_used_and_named_in_the_card(medium, tmp_path):
    other = tmp_path / "other.safetensors"
    other.write_bytes((TEACHER_FOLDER / "tiny-clap.safetensors").read_bytes())
    shipped, backbone = (
        build_backbone("tiny-clip"),
        build_backbone("tiny-clip", other),
    )  # one architecture, two teachers
    assert backbone.card.revision == build_backbone("tiny-clap").card.revision != shipped.card.revision
    assert not np.allclose(backbone(medium), shipped(medium))


def test_what_cannot_be_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"unknown backbone 'resnet': choose one of tiny-clip, .*tiny-clap"):
        build_backbone("resnet")
    with pytest.raises(FileNotFoundError, match="absent"):
        build_backbone("tiny-clap", tmp_path / "absent.safetensors")


def test_media_decoded_in_another_way_are_refused_naming_the_file(medium):
    backbone = build_backbone("tiny-clap")
    for wrong, found in (
        (replace(medium, waveform=medium.waveform[:80_000]), "80 frames and 80000 samples"),
        (replace(medium, frames=medium.frames[:40]), "40 frames and 160000 samples"),
    ):
        with pytest.raises(ValueError, match=rf"{medium.path.name} was decoded to {found}, not to 80 and 160000"):
            backbone(wrong)


@pytest.mark.parametrize("name", BACKBONES)
def test_black_and_silent_media_have_finite_features(name, tmp_path):
    nothing = Media(
        tmp_path / "nothing.mp4", np.zeros((80, 128, 128, 3), np.uint8), np.zeros(160_000, np.float32), 8, 16_000
    )
    assert np.isfinite(build_backbone(name)(nothing)).all()


# --- which frames and samples are looked at ---------------------------------------------------------------------------


def still_with(changed, tmp_path):
    """A grey clip with frames of another picture at the given numbers."""
    frames = np.full((80, 64, 64, 3), 90, np.uint8)
    frames[changed, :32, 16:] = (200, 30, 60)
    return Media(tmp_path / "still.mp4", frames, np.zeros(160_000, np.float32), 8, 16_000)


def test_change_is_zero_where_nothing_moves_and_not_where_something_does(tmp_path):
    change = build_backbone("tiny-clip-change")
    np.testing.assert_array_equal(change(still_with([], tmp_path)), 0)
    # Half of segment 5, and the whole of segment 8: nothing changes from one frame of a segment to the next in 8.
    moving = change(still_with([*range(44, 48), *range(64, 72)], tmp_path))
    assert np.flatnonzero(np.abs(moving).max(1)).tolist() == [5]


def test_valors_ten_frames_reach_from_the_first_to_the_last(tmp_path):
    embed = build_backbone("tiny-clip")
    taken = [0, 9, 18, 26, 35, 44, 53, 61, 70, 79]  # round(k * 79 / 9)
    grey, others = embed(still_with([], tmp_path)), [frame for frame in range(80) if frame not in taken]
    np.testing.assert_array_equal(embed(still_with(others, tmp_path)), grey)
    assert (np.abs(embed(still_with(taken, tmp_path)) - grey).max(1) > 1e-3).all()


# --- a real clip ------------------------------------------------------------------------------------------------------


def test_a_real_clip_goes_through_all_backbones_without_special_treatment(llp_root):
    path = llp_root / "videos" / "BjCEufrlXm4.mp4"
    if not path.is_file():
        pytest.skip("the real clip is not beside this checkout")
    media = read_media(path, **build_backbone("tiny-clip").reading)
    for name in BACKBONES:
        backbone = build_backbone(name)
        features = backbone(media)
        assert features.shape == backbone.card.output_shape and np.isfinite(features).all()
        assert np.ptp(features, axis=0).max() > 1e-2
