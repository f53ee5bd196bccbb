"""The encoders: stages and strides, names against timm's own conversion, weights from files."""

import pytest
import torch
from timm.models.pvt_v2 import checkpoint_filter_fn

from avvp_lib.models.selm_encoders import (
    BACKBONES,
    PVT_NAMES,
    STRIDES,
    EarlyFusion,
    FusionBeside,
    build_encoder,
    load_encoder_weights,
    renamed,
)
from avvp_lib.weights import CheckpointError

SMALL = ("pvt-v2-b0", "resnet-18-quarter")


class Echo(torch.nn.Module):
    """An alignment that adds one to both, so that one sees who gets what."""

    def forward(self, x, audio):
        return x + 1, audio + 1


@pytest.mark.parametrize("backbone", SMALL)
def test_four_stages_are_those_of_timm(backbone):
    torch.manual_seed(0)
    encoder = build_encoder(backbone).eval()
    images = torch.randn(2, 3, 64, 96)
    maps = FusionBeside(encoder, [Echo()] * 4).image_maps(images)
    assert [tuple(x.shape) for x in maps] == [
        (2, width, 64 // stride, 96 // stride)
        for width, stride in zip(BACKBONES[backbone].channels, STRIDES, strict=True)
    ]
    expected = encoder.body.forward_intermediates(images, indices=4, intermediates_only=True)
    assert all(torch.equal(x, y) for x, y in zip(maps, expected[-4:], strict=True))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_channels_are_those_of_the_network(backbone):
    with torch.device("meta"):
        encoder = build_encoder(backbone)
        images = torch.empty(1, 3, 64, 64)
        maps = FusionBeside(encoder, [Echo()] * 4).image_maps(images)
    assert tuple(x.shape[1] for x in maps) == BACKBONES[backbone].channels


def test_between_and_beside():
    torch.manual_seed(0)
    encoder = build_encoder("resnet-18-quarter").eval()
    images, audio = torch.randn(1, 3, 64, 64), torch.zeros(1, 8, 1)
    plain = FusionBeside(encoder, [Echo()] * 4)
    maps, heard = plain(plain.image_maps(images), audio)
    assert heard.unique().tolist() == [4]
    assert all(torch.equal(x, y + 1) for x, y in zip(maps, plain.image_maps(images), strict=True))
    fused = EarlyFusion(encoder, [Echo()] * 4)
    between, heard = fused(fused.image_maps(images), audio)
    assert heard.unique().tolist() == [4]
    assert torch.equal(between[0], maps[0])
    assert torch.equal(between[1], encoder.body.layer2(maps[0]) + 1)  # the aligned map goes on


def theirs(state: dict) -> dict:
    """A state dict of timm's PVT under the names of its authors, written out stage by stage."""
    back = {}
    for key, tensor in state.items():
        parts = key.split(".")
        if parts[0] == "patch_embed":
            parts[0] = "patch_embed1"
        elif parts[2] == "downsample":
            parts[:3] = [f"patch_embed{int(parts[1]) + 1}"]
        elif parts[2] == "blocks":
            parts[:3] = [f"block{int(parts[1]) + 1}"]
        else:
            parts[:3] = [f"norm{int(parts[1]) + 1}"]
        if "dwconv" in parts:
            parts.insert(parts.index("dwconv"), "dwconv")
        back[".".join(parts)] = tensor
    return back


@pytest.mark.parametrize("backbone", ["pvt-v2-b0", "pvt-v2-b5"])
def test_names_of_pvt_are_a_bijection_and_timms_own(backbone):
    with torch.device("meta"):
        ours = build_encoder(backbone).body.state_dict()
    published = theirs(ours)
    assert len(published) == len(ours) and not published.keys() & ours.keys()
    assert [renamed(key, PVT_NAMES) for key in published] == list(ours)
    assert list(checkpoint_filter_fn(published, None)) == list(ours)


@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize("names", ["authors", "timm"])
def test_weights_come_from_a_file(tmp_path, backbone, names):
    torch.manual_seed(0)
    source, encoder = build_encoder(backbone), build_encoder(backbone)
    state = source.body.state_dict()
    if names == "authors" and backbone.startswith("pvt"):
        state = theirs(state)
    head = "fc" if backbone.startswith("resnet") else "head"
    torch.save(state | {f"{head}.weight": torch.zeros(2, 2), f"{head}.bias": torch.zeros(2)}, tmp_path / "weights.pth")
    load_encoder_weights(encoder, tmp_path / "weights.pth")
    assert all(
        torch.equal(x, y) for x, y in zip(source.state_dict().values(), encoder.state_dict().values(), strict=True)
    )


def test_weights_older_than_the_counters_of_batch_normalisation_are_read(tmp_path):
    """As resnet50-19c8e357.pth is, which the official code asks for."""
    source, encoder = build_encoder("resnet-18-quarter"), build_encoder("resnet-18-quarter")
    state = source.body.state_dict()
    torch.save({key: state[key] for key in state if not key.endswith("num_batches_tracked")}, tmp_path / "old.pth")
    load_encoder_weights(encoder, tmp_path / "old.pth")
    assert all(
        torch.equal(x, y) for x, y in zip(source.state_dict().values(), encoder.state_dict().values(), strict=True)
    )


def test_weights_that_do_not_fit_are_refused(tmp_path):
    encoder = build_encoder("resnet-18-quarter")
    with pytest.raises(CheckpointError, match=r"no weights at .*missing\.pth"):
        load_encoder_weights(encoder, tmp_path / "missing.pth")
    torch.save(build_encoder("resnet-18-half").body.state_dict(), tmp_path / "wider.pth")
    with pytest.raises(CheckpointError, match="keys of another shape: layer1"):
        load_encoder_weights(encoder, tmp_path / "wider.pth")
