"""What is read off a SelM while it runs is what it computed with."""

import pytest
import torch

from avvp_lib.models import ssm
from avvp_lib.models.selm_probes import observe
from tests.models.small_selm import clips, small_selm


def test_maps_are_the_weights_of_every_stage():
    model = small_selm()
    images, audio = clips()
    maps = observe(model, images, audio).weight_maps
    assert [tuple(x.shape) for x in maps] == [(2, 3, side, side) for side in (16, 8, 4, 2)]
    x = model.encoder.backbone.first(images.flatten(0, 1)).flatten(2)
    token = model.audio_token(audio.flatten(0, 1))[..., None]
    weights = model.encoder.alignment[0].visual.weights(x, token)
    torch.testing.assert_close(maps[0].flatten(2).flatten(0, 1), weights.mean(1))


def test_the_output_is_the_models():
    model = small_selm()
    images, audio = clips()
    output = observe(model, images, audio).output
    assert torch.equal(output.logits, model(images, audio).logits) and not output.logits.requires_grad


def test_released_maps_are_zero():
    maps = observe(small_selm(variant="released"), *clips()).weight_maps
    assert len(maps) == 4 and all(x.abs().max() < 1e-3 for x in maps)


@pytest.mark.parametrize("kind", ["none", "v2a", "add"])
def test_no_maps_without_a_visual_side(kind):
    assert observe(small_selm(early_fusion=kind), *clips()).weight_maps == []


def test_step_sizes_are_those_of_the_scans(monkeypatch):
    """Compared with what reaches the scan itself: bias and softplus are applied there."""
    model = small_selm()
    seen = []
    original = ssm.selective_scan

    def scan(u, delta, A, B, C, D, z, delta_bias, delta_softplus):
        seen.append(torch.nn.functional.softplus(delta + delta_bias))
        return original(u, delta, A, B, C, D, z, delta_bias, delta_softplus)

    monkeypatch.setattr(ssm, "selective_scan", scan)
    steps = observe(model, *clips()).steps
    assert {name: [tuple(x.shape) for x in sizes] for name, sizes in steps.items()} == dict.fromkeys(
        ("a2v", "v2a"), [(2, 3, 32)] * 8
    )
    assert len(seen) == 16
    for ours, theirs in zip(steps["a2v"] + steps["v2a"], seen, strict=True):
        torch.testing.assert_close(ours, theirs)
        assert ours.min() > 0


def test_the_model_forgets_its_listeners():
    model = small_selm()
    observe(model, *clips())
    assert not any(module._forward_hooks for module in model.modules())


def test_directions_without_scans_are_missing():
    assert observe(small_selm(selection="v2a"), *clips()).steps.keys() == {"v2a"}
    assert observe(small_selm(selection="none"), *clips()).steps == {}
    assert observe(small_selm(temporal="attention"), *clips()).steps == {}
