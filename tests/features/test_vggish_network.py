"""VGGish: size, keys, the order of its flattening, weights from files only, and the quantised numbers."""

import pytest
import torch
from torch.nn import functional

from avvp_lib.features.vggish_network import PostProcessing, VGGish, load_post_processing, load_vggish
from avvp_lib.weights import CheckpointError

CONVOLUTIONS = {0: (64, 1), 3: (128, 64), 6: (256, 128), 8: (256, 256), 11: (512, 256), 13: (512, 512)}
LINEAR = {0: (4096, 12288), 2: (4096, 4096), 4: (128, 4096)}


@pytest.fixture(scope="module")
def on_meta() -> VGGish:
    with torch.device("meta"):
        return VGGish()


def test_keys_and_size(on_meta):
    shapes = {key: tuple(tensor.shape) for key, tensor in on_meta.state_dict().items()}
    expected = {}
    for number, widths in CONVOLUTIONS.items():
        expected |= {f"features.{number}.weight": (*widths, 3, 3), f"features.{number}.bias": widths[:1]}
    for number, widths in LINEAR.items():
        expected |= {f"embeddings.{number}.weight": widths, f"embeddings.{number}.bias": widths[:1]}
    assert shapes == expected
    assert sum(weight.numel() for weight in on_meta.parameters()) == 72_141_184


def test_shapes(on_meta):
    assert on_meta(torch.empty(7, 1, 96, 64, device="meta")).shape == (7, 128)


@pytest.mark.parametrize("shape", [(7, 96, 64), (7, 1, 64, 96), (7, 3, 96, 64)])
def test_other_shapes_are_refused(on_meta, shape):
    with pytest.raises(ValueError, match=r"log_mel has shape .*; VGGish takes \(n, 1, 96, 64\)"):
        on_meta(torch.empty(shape, device="meta"))


class Narrow(VGGish):
    """The same forward with few channels: 2 after the convolutions, 3 numbers out."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(16)
        )
        self.embeddings = torch.nn.Sequential(torch.nn.Linear(48, 3), torch.nn.ReLU())


def test_maps_are_flattened_by_time_then_band_then_channel():
    torch.manual_seed(0)
    network = Narrow()
    log_mel = torch.randn(2, 1, 96, 64)
    maps = network.features(log_mel)  # (2, 2, 6, 4)
    flat = torch.tensor(
        [[maps[n, c, t, m].item() for t in range(6) for m in range(4) for c in range(2)] for n in range(2)]
    )
    linear = network.embeddings[0]
    expected = functional.linear(flat, linear.weight, linear.bias).relu()
    torch.testing.assert_close(network(log_mel), expected)
    assert expected.min() == 0  # rectified at the end too


def test_weights_are_asked_for_by_name(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"no weights at .*audio\.pth: get vggish-10086976\.pth from https://github"
    ):
        load_vggish(tmp_path / "audio.pth")
    with pytest.raises(CheckpointError, match=r"get vggish_pca_params-970ea276\.pth from https://github"):
        load_post_processing(tmp_path / "pca.pth")


def test_weights_that_do_not_fit_are_refused(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "audio.pth")
    with pytest.raises(CheckpointError, match=r"17 keys missing: features\.0\.bias"):
        load_vggish(tmp_path / "audio.pth")


def test_post_processing_by_hand(tmp_path):
    """Means of 1 and axes swapped in pairs: -1 becomes -2 and 0; 1 becomes 0 and 128 (127.5, to even); 9 is clipped to 255."""
    swap = torch.eye(128)[[index ^ 1 for index in range(128)]]
    torch.save({"pca_eigen_vectors": swap, "pca_means": torch.ones(128, 1)}, tmp_path / "pca.pth")
    post = load_post_processing(tmp_path / "pca.pth")
    assert isinstance(post, PostProcessing) and not any(weight.requires_grad for weight in post.parameters())
    embedding = torch.ones(1, 128)
    embedding[0, :4] = torch.tensor([-1.0, 1.0, 9.0, 2.0])
    result = post(embedding)
    assert result.shape == (1, 128)  # one example keeps its axis
    assert result[0, :5].tolist() == [128, 0, 191, 255, 128]


@pytest.mark.slow
def test_full_size_network_reads_its_file(tmp_path):
    torch.manual_seed(0)
    network = VGGish()
    torch.save(network.state_dict(), tmp_path / "vggish-10086976.pth")
    loaded = load_vggish(tmp_path / "vggish-10086976.pth")
    assert not loaded.training and not any(weight.requires_grad for weight in loaded.parameters())
    log_mel = torch.randn(2, 1, 96, 64)
    with torch.no_grad():
        assert torch.equal(loaded(log_mel), network(log_mel))
    assert loaded(log_mel).shape == (2, 128) and (loaded(log_mel) >= 0).all()
