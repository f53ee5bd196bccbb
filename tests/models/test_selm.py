"""SelM as a whole: what it returns, what sound reaches, what belongs to one clip alone, and what is refused."""

import json

import pytest
import torch

from avvp_lib.checkpoints import load_checkpoint, save_checkpoint
from avvp_lib.losses.segmentation import segmentation_loss
from avvp_lib.models import build_model
from avvp_lib.models.selm import PUBLISHED_SIZES, RELEASED, SWITCHES
from avvp_lib.models.selm_encoders import build_encoder
from tests.models.small_selm import ABLATIONS, CHANNELS, SMALL, clips, small_selm

VARIANTS = ("paper", "released")
FIXED = {"gate_order": "fixed", "evaluation_hits": "argmax", "audio_batching": "per_clip"}


def close(first, second, tolerance: float = 1e-5) -> bool:
    return torch.allclose(first, second, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("setting", "channels"), [("s4", 1), ("ms3", 1), ("avss", 5)])
def test_shapes(variant, setting, channels):
    output = small_selm(variant=variant, setting=setting)(*clips())
    assert output.logits.shape == (2, 3, channels, 32, 32) and output.logits.dtype == torch.float32
    assert [tuple(x.shape) for x in output.gated_maps] == [(2, 3, 16, side, side) for side in (16, 8, 4, 2)]
    assert [tuple(x.shape) for x in output.hit_maps] == [(2, 3, 2, side, side) for side in (4, 8, 16)]
    assert {name: tuple(x.shape) for name, x in output.extras.items()} == {
        "a2v_weights": (2, 3, 4, 16),
        "v2a_weights": (2, 3, 4, 16),
    }
    for hits in output.hit_maps:
        torch.testing.assert_close(hits.sum(2), torch.ones_like(hits[:, :, 0]))


@pytest.mark.parametrize("frames", [1, 10])
def test_clips_of_any_length(frames):
    assert small_selm(setting="avss")(*clips(1, frames)).logits.shape == (1, frames, 5, 32, 32)


def test_another_encoder_and_size():
    model = small_selm(backbone="pvt-v2-b0", input_size=96, output_size=96, upsamplings=2)
    output = model(torch.randn(1, 2, 3, 96, 96), torch.randn(1, 2, 6))
    assert output.logits.shape == (1, 2, 1, 96, 96) and output.hit_maps[-1].shape == (1, 2, 2, 24, 24)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("change", ABLATIONS, ids=str)
def test_ablations_train(variant, change):
    """Every one gives a mask, leaves no parameter without a gradient but those that cannot have one, and differs."""
    model = small_selm(variant=variant, **change).train()
    images, audio = clips()
    output = model(images, audio)
    assert output.logits.shape == (2, 3, 1, 32, 32)
    everything = [output.logits.sum(), *(x.sum() for x in output.gated_maps)]
    sum(everything).backward()
    unreached = {name for name, weight in model.named_parameters() if weight.grad is None}
    # what reads a last token, or makes a last token that nobody asks any more
    beyond_the_mask = ("audio_token", "encoder.alignment", "selection.v2a", "decoder.layers")
    assert all(name.startswith(beyond_the_mask) for name in unreached), unreached
    full = small_selm(variant=variant)
    assert str(model) != str(full) or change in ({"mamba_layers": 2},)


def test_what_an_ablation_takes_away():
    def keys(**change):
        return set(small_selm(**change).state_dict())

    full = keys()
    assert not any("alignment" in key for key in keys(early_fusion="none"))
    assert not any(key.startswith("selection") for key in keys(selection="none"))
    assert full - keys(early_fusion="a2v") == {key for key in full if "alignment" in key and ".audio." in key}
    assert full - keys(selection="v2a") == {key for key in full if key.startswith("selection.a2v")}
    assert not any("mixer.A_log" in key for key in keys(temporal="attention"))
    assert small_selm(decoder="audio")(*clips()).hit_maps == []
    assert len(small_selm(decoder="visual")(*clips()).hit_maps) == 3
    assert [x.shape[-1] for x in small_selm(decoder="single-level")(*clips()).hit_maps] == [16, 16, 16]
    assert small_selm(selection="a2v")(*clips()).extras.keys() == {"a2v_weights"}


def test_sound_reaches_every_aligned_map_and_the_mask_in_the_paper_variant():
    model = small_selm()
    images, audio = clips(1, 1)
    other = audio + 1
    token, other_token = (model.audio_token(x.flatten(0, 1))[..., None] for x in (audio, other))
    prefix = model.encoder.image_maps(images.flatten(0, 1))
    for heard, otherwise in zip(model.encoder(prefix, token)[0], model.encoder(prefix, other_token)[0], strict=True):
        difference = (heard - otherwise).flatten(2)
        assert difference.abs().max() > 1e-4
        assert difference.std(dim=2).max() > 1e-5  # another change at every position, not a constant
    audio.requires_grad_()
    model(images, audio).logits.square().sum().backward()
    assert audio.grad.abs().min() > 0


def test_in_the_released_network_sound_reaches_no_map_of_the_encoder():
    model = small_selm(variant="released", **FIXED)
    images, audio = clips(1, 1)
    prefix = model.encoder.image_maps(images.flatten(0, 1))
    tokens = [model.audio_token(x.flatten(0, 1))[..., None] for x in (audio, audio + 1)]
    maps, others = (model.encoder(prefix, token)[0] for token in tokens)
    assert all(close(x, y, 1e-4) for x, y in zip(maps, others, strict=True))
    working = small_selm(variant="released", dam_visual="working", **FIXED)
    working.load_state_dict(model.state_dict())
    maps, others = (working.encoder(prefix, token)[0] for token in tokens)
    assert not any(close(x, y, 1e-4) for x, y in zip(maps, others, strict=True))


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_hearing_nothing_depends_on_sound(variant):
    switches = FIXED if variant == "released" else {}
    model = small_selm(variant=variant, hearing="none", **switches)
    images, audio = clips()
    assert torch.equal(model(images, audio).logits, model(images, audio + 1).logits)


def test_evaluation_is_deterministic_but_for_the_released_noise():
    inputs = clips()
    for switches in ({}, {"variant": "released", "evaluation_hits": "argmax"}):
        model = small_selm(**switches)
        assert torch.equal(model(*inputs).logits, model(*inputs).logits)
    noisy = small_selm(variant="released")
    first, second = noisy(*inputs), noisy(*inputs)
    changed = (first.hit_maps[-1] != second.hit_maps[-1]).float().mean()
    assert changed > 0.2  # cosines lie in [-1, 1], so the noise decides at least a fifth of the positions
    torch.manual_seed(3)
    first = noisy(*inputs).logits
    torch.manual_seed(3)
    assert torch.equal(first, noisy(*inputs).logits)


@pytest.mark.parametrize("switches", [{}, {"variant": "released", **FIXED}], ids=["paper", "fixed"])
@pytest.mark.parametrize("setting", ["s4", "avss"])
def test_a_clip_does_not_know_its_batch(switches, setting):
    model = small_selm(setting=setting, **switches)
    images, audio = clips(3)
    together = model(images, audio)
    alone = [model(images[[clip]], audio[[clip]]) for clip in range(3)]
    assert close(together.logits, torch.cat([output.logits for output in alone]), 1e-4)
    assert close(together.gated_maps[0], torch.cat([output.gated_maps[0] for output in alone]), 1e-4)


@pytest.mark.parametrize("setting", ["s4", "avss"])
def test_the_released_order_mixes_the_clips_of_a_batch(setting):
    released = small_selm(variant="released", setting=setting, evaluation_hits="argmax")
    fixed = small_selm(variant="released", setting=setting, **FIXED)
    images, audio = clips(2)
    assert torch.equal(released(images[:1], audio[:1]).logits, fixed(images[:1], audio[:1]).logits)
    assert not close(released(images, audio).logits, fixed(images, audio).logits, 1e-3)
    a2v, right = (model(images, audio).extras["a2v_weights"] for model in (released, fixed))
    v2a, right_v2a = (model(images, audio).extras["v2a_weights"] for model in (released, fixed))
    assert not close(v2a, right_v2a, 1e-3)
    if setting == "s4":
        assert close(a2v[:, :, 0], right[:, :, 0])  # the first stage's weights are in order
        assert not any(close(a2v[:, :, stage], right[:, :, stage], 1e-3) for stage in (1, 2, 3))
        own = (a2v[:, :, 1] - right[:, :, 1]).abs().amax(dim=2) < 1e-6
        assert own.tolist() == [[True, False, False], [False, False, True]]
    else:  # one sequence over both clips: the first clip hears itself, the second also the first
        assert close(a2v[0], right[0]) and not close(a2v[1], right[1], 1e-4)


@pytest.mark.parametrize("switches", [{}, {"variant": "released", **FIXED}], ids=["paper", "fixed"])
def test_s4_never_trains_the_recurrence(switches):
    """With a loss on the first frame only, no gradient reaches A or the taps that look back; with all frames it does."""
    model = small_selm(**switches)
    images, audio = clips()
    masks = torch.ones(2, 3, 32, 32, dtype=torch.uint8)
    for first_only in (True, False):
        labelled = torch.ones(2, 3, dtype=torch.bool)
        labelled[:, 1:] = not first_only
        model.zero_grad()
        segmentation_loss(model(images, audio), masks, labelled).backward()
        layers = [
            layer.mixer
            for half in (model.selection.a2v, model.selection.v2a)
            for s in half.stacks
            for layer in s.layers
        ]
        assert len(layers) == 16
        for mixer in layers:
            assert mixer.in_proj.weight.grad.any()
            assert mixer.A_log.grad.any() == (not first_only)
            assert mixer.conv1d.weight.grad[..., :3].any() == (not first_only)


def test_image_maps_are_what_the_images_alone_decide():
    images, audio = clips()
    for place, stages in (("between", 1), ("beside", 4)):
        model = small_selm(fusion_place=place)
        maps = model.image_maps(images)
        assert [tuple(x.shape[:3]) for x in maps] == [(2, 3, width) for width in CHANNELS[:stages]]
        assert torch.equal(model.segment(maps, audio).logits, model(images, audio).logits)


def test_a_frozen_encoder_beside_the_fusion_still_lets_the_rest_learn():
    model = small_selm(fusion_place="beside")
    model.encoder.backbone.requires_grad_(False)
    images, audio = clips()
    model.segment(model.image_maps(images), audio).logits.sum().backward()
    assert model.encoder.alignment[3].visual.target[0].weight.grad.any()


def test_mixed_precision_stays_finite():
    for variant in VARIANTS:
        model = small_selm(variant=variant).train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = model(*clips())
        assert output.logits.dtype == torch.float32 and output.logits.isfinite().all()
        output.logits.sum().backward()
        assert all(w.grad.isfinite().all() for w in model.parameters() if w.grad is not None)


def test_it_is_built_by_name_and_remembers_how(tmp_path):
    model = build_model("selm", **SMALL, variant="released", gate_order="fixed", evaluation_hits="argmax").eval()
    twin = build_model(model.name, **json.loads(json.dumps(model.widths)))
    assert str(twin) == str(model) and twin.widths == model.widths
    save_checkpoint(model, tmp_path / "selm.safetensors", corpus="none")
    again, about = load_checkpoint(tmp_path / "selm.safetensors", "selm")
    assert about == {"corpus": "none"}
    assert torch.equal(again(*clips()).logits, model(*clips()).logits)


def test_sizes_that_are_left_open():
    """The paper's 224 for every backbone and setting; those of the released networks are checked against their key lists."""
    small = {"backbone": "resnet-18-quarter", "hidden": 16, "mamba_layers": 1}
    with torch.device("meta"):
        paper, released = (build_model("selm", **small, setting="ms3", variant=variant) for variant in VARIANTS)
    for model in (paper, released):
        assert (model.input_size, model.output_size, len(model.decoder.head.blocks)) == (224, 224, 2)
        assert len(model.decoder.layers[2].questions[1].position) == 56**2
    assert set(PUBLISHED_SIZES) == {(b, s) for b in ("resnet-50", "pvt-v2-b5") for s in ("s4", "ms3", "avss")}
    assert RELEASED.keys() == SWITCHES.keys()


def test_the_seed_decides_the_weights():
    first, again, other = (small_selm(seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, again[key]) for key, tensor in first.items())
    assert not torch.equal(first["audio_token.proj.weight"], other["audio_token.proj.weight"])


@pytest.mark.parametrize(
    ("images", "audio", "message"),
    [
        ((2, 3, 3, 96, 96), (2, 3, 6), r"images have shape \(2, 3, 3, 96, 96\); .* \(B, T, 3, 64, 64\)"),
        ((6, 3, 64, 64), (2, 3, 6), "images have shape"),
        ((2, 3, 3, 64, 64), (2, 2, 6), r"audio has shape \(2, 2, 6\); the images need \(2, 3, 6\)"),
        ((2, 3, 3, 64, 64), (2, 3, 128), "audio has shape"),
    ],
)
def test_inputs_that_do_not_fit_are_named(images, audio, message):
    with pytest.raises(ValueError, match=message):
        small_selm()(torch.zeros(images), torch.zeros(audio))


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"backbone": "resnet-101"}, "backbone 'resnet-101' is unknown; known: pvt-v2-b5, resnet-50"),
        ({"setting": "s3"}, "setting 's3' is unknown; known: s4, ms3, avss"),
        ({"variant": "official"}, "variant 'official' is unknown"),
        ({"early_fusion": "sum"}, "early_fusion 'sum' is unknown; known: dam, a2v, v2a, add, concat, none"),
        ({"selection": "on"}, "selection 'on'"),
        ({"temporal": "lstm"}, "temporal 'lstm' is unknown; known: mamba, attention"),
        ({"decoder": "fpn"}, "decoder 'fpn'"),
        ({"hearing": "deaf"}, "hearing 'deaf'"),
        ({"fusion_place": "after"}, "fusion_place 'after'"),
        ({"gate_order": "fixed"}, "gate_order: only variant='released'"),
        ({"variant": "released", "gate_order": "mixed"}, "gate_order 'mixed' is unknown; known: fixed, released"),
        ({"input_size": 100}, "input_size = 100 must be a multiple of 32, and at least 64"),
        ({"input_size": 32}, "input_size = 32"),
        ({"output_size": 0}, "output_size must be a positive integer, not 0"),
        ({"upsamplings": 1.5}, "upsamplings must be a positive integer, not 1.5"),
        ({"hidden": 20}, "hidden = 20 is not a multiple of 8"),
        ({"mamba_layers": 0}, "mamba_layers must be a positive integer"),
        ({"depth": 3}, "selm does not take depth; it takes backbone, setting"),
    ],
)
def test_what_cannot_be_built_is_named(widths, message):
    with pytest.raises(ValueError, match=message):
        build_model("selm", **(SMALL | widths))


def test_an_encoder_that_is_not_known():
    with pytest.raises(ValueError, match="backbone 'vgg' is unknown"):
        build_encoder("vgg")


@pytest.mark.slow
def test_full_size_forward_and_backward():
    """PVT-v2-b5, 224 x 224, five frames: every parameter of the paper variant gets a finite gradient."""
    torch.manual_seed(0)
    model = build_model("selm").train()
    generator = torch.Generator().manual_seed(1)
    output = model(torch.randn(1, 5, 3, 224, 224, generator=generator), torch.rand(1, 5, 128, generator=generator))
    assert output.logits.shape == (1, 5, 1, 224, 224)
    masks = torch.zeros(1, 5, 224, 224, dtype=torch.uint8)
    masks[..., 60:160, 60:160] = 1
    segmentation_loss(output, masks, torch.ones(1, 5, dtype=torch.bool)).backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), name
