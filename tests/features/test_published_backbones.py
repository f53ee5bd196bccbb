"""VGGish by both framings, with random weights from a file of the real size."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from avvp_lib.corpora.vggish_log_mel import vggish_log_mel
from avvp_lib.features.bank import FeatureBank
from avvp_lib.features.clip_media import ClipMedia
from avvp_lib.features.published_backbones import PUBLISHED_BACKBONES, PUBLISHED_INPUTS, build_published, vggish
from avvp_lib.features.vggish_network import PostProcessing, VGGish, load_vggish
from avvp_lib.provenance import file_digest
from tests.features.published_checkpoints import media, seeded_state


@pytest.fixture(scope="module")
def noise() -> ClipMedia:
    return media()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Iterator[Path]:
    """A folder with both of VGGish's files."""
    folder = tmp_path_factory.mktemp("vggish")
    with torch.device("meta"):
        network = VGGish()
    torch.save(seeded_state(network, seed=9), folder / "vggish-10086976.pth")
    state = seeded_state(PostProcessing(), seed=10)
    torch.save({**state, "pca_means": torch.zeros(128, 1)}, folder / "vggish_pca_params-970ea276.pth")
    yield folder
    shutil.rmtree(folder)  # 0.3 GB


def with_sound(noise: ClipMedia, sound: np.ndarray) -> ClipMedia:
    return ClipMedia(noise.path, noise.frames, {**noise.sounds, 16_000: sound})


def test_unknown_framing_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown framing 'per-second': choose one of per_second, continuous"):
        vggish(framing="per-second")


@pytest.mark.slow
def test_vggish_hears_every_second_alone(weights, noise, monkeypatch):
    monkeypatch.setenv("AVVP_WEIGHTS", str(weights))
    backbone = build_published("vggish")
    features = backbone(noise)
    assert features.shape == (10, 128) and features.dtype == np.float32 and (features >= 0).all()
    assert features.tobytes() == backbone(noise).tobytes()
    prepared = backbone.prepare(noise)
    np.testing.assert_array_equal(prepared[:, 0].numpy(), vggish_log_mel(noise.sounds[16_000], "per_second"))
    with torch.no_grad():
        direct = load_vggish(weights / "vggish-10086976.pth")(prepared)
    np.testing.assert_array_equal(features, direct.numpy())
    louder = noise.sounds[16_000].copy()
    louder[3 * 16_000 : 4 * 16_000] *= 3
    moved = np.abs(backbone(with_sound(noise, louder)) - features).max(1)
    assert moved[3] > 1e-3 and np.delete(moved, 3).max() == 0


@pytest.mark.slow
def test_continuous_framing_is_another_backbone(weights, noise, monkeypatch):
    monkeypatch.setenv("AVVP_WEIGHTS", str(weights))
    seconds, continuous = (build_published(name) for name in ("vggish", "vggish-continuous"))
    first, second = seconds(noise), continuous(noise)
    assert second.shape == (10, 128)
    np.testing.assert_allclose(first[0], second[0], atol=1e-6)
    assert (np.abs(first - second).max(1)[1:] > 1e-4).all()
    assert seconds.card != continuous.card
    assert "per_second" in seconds.card.input_rule and "continuous" in continuous.card.input_rule
    louder = noise.sounds[16_000].copy()
    louder[3 * 16_000 : 4 * 16_000] *= 3  # examples 3 and 4 hear it: 2.88 to 3.855 s and 3.84 to 4.815 s
    moved = np.abs(continuous(with_sound(noise, louder)) - second).max(1)
    assert (moved > 1e-4).tolist() == [False] * 3 + [True] * 2 + [False] * 5


@pytest.mark.slow
def test_quantised_numbers_are_whole(weights, noise, monkeypatch):
    monkeypatch.setenv("AVVP_WEIGHTS", str(weights))
    backbone = build_published("vggish-quantised")
    features = backbone(noise)
    assert features.shape == (10, 128) and features.min() >= 0 and features.max() <= 255
    np.testing.assert_array_equal(features, features.round())
    assert len(np.unique(features)) > 20
    digests = [file_digest(weights / name)[:12] for name in ("vggish-10086976.pth", "vggish_pca_params-970ea276.pth")]
    assert backbone.card.revision == "-".join(digests)


@pytest.mark.slow
def test_features_make_a_bank_with_the_card(weights, noise, tmp_path):
    backbone = build_published("vggish", weights / "vggish-10086976.pth")
    features = backbone(noise)
    FeatureBank.write(tmp_path / "vggish", ["noise"], features[None], backbone.card)
    bank = FeatureBank.open(tmp_path / "vggish")
    assert bank.card == backbone.card and bank.card.licence == "Apache-2.0"
    np.testing.assert_array_equal(bank.take(["noise"])[0], features)


def test_what_each_network_takes_needs_no_weights(noise):
    inputs = {name: prepare(noise) for name, prepare in PUBLISHED_INPUTS.items()}
    assert {name: tuple(values.shape) for name, values in inputs.items()} == {
        "resnet152": (80, 3, 224, 224),
        "r2plus1d": (10, 3, 8, 112, 112),
        "clip": (10, 3, 224, 224),
        "vggish": (10, 1, 96, 64),
        "vggish-continuous": (10, 1, 96, 64),
        "clap": (1, 1001, 64),
        "clap-seconds": (10, 1001, 64),
    }
    assert set(PUBLISHED_BACKBONES) < set(inputs)
    assert all(values.dtype == torch.float32 for values in inputs.values())
    assert torch.equal(inputs["vggish"][0], inputs["vggish-continuous"][0]), "only the first example is the same"
    assert not torch.equal(inputs["vggish"][9], inputs["vggish-continuous"][9])
