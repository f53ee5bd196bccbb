"""MUG: its modules against their formulas written out, the switches of its tables, and what a segment may look at."""

import json
import math

import pytest
import torch
from torch import Tensor, nn

from avvp_lib import models
from avvp_lib.losses import valor_loss
from avvp_lib.models import build_model
from avvp_lib.models.mug import MUG, ResidualConvolution, TemporalSpatialAttention, TextModulation

SMALL = {
    "audio_dim": 12,
    "visual_2d_dim": 20,
    "visual_3d_dim": 16,
    "hidden": 8,
    "heads": 2,
    "feed_forward": 16,
    "classes": 5,
}
SMALL_MUG = SMALL | {
    "text_audio_dim": 6,
    "text_visual_dim": 7,
    "state_channels": 6,
    "d_state": 4,
    "attention_channels": 4,
    "pooling": 2,
    "text_hidden": 10,
}
OFF = {name: "off" for name in ("tsa", "amf", "mfe", "plsim")}
VARIANTS = [
    {},
    {"tsa": "off"},
    {"amf": "off"},
    {"mfe": "off"},
    {"plsim": "off"},
    OFF,
    {"mixer": "attention"},
    {"mixer": "convolution"},
    {"mixer": "attention", "amf": "off"},
    {"state_transition": "own"},
    {"dynamic_start": "mixture"},
]


@pytest.fixture(autouse=True)
def known_as_mug(monkeypatch) -> None:
    monkeypatch.setitem(models.MODELS, "mug", MUG)
    torch.manual_seed(0)


def small_inputs(videos: int = 3, segments: int = 4, frames: int = 2) -> tuple:
    """Features and text; the first segment of every video has no text."""
    generator = torch.Generator().manual_seed(5)
    shapes = ((segments, 12), (segments * frames, 20), (segments, 16), (segments, 6), (segments, 7))
    *features, text_audio, text_visual = (torch.randn(videos, *shape, generator=generator) for shape in shapes)
    text_audio[:, 0], text_visual[:, 0] = 0, 0
    return *features, (text_audio, text_visual)


def rows(inputs: tuple, chosen: Tensor | slice) -> tuple:
    *features, text = inputs
    return *(feature[chosen] for feature in features), tuple(part[chosen] for part in text)


def small_loss(model: nn.Module, inputs: tuple) -> Tensor:
    pseudo = (torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(1)) > 0.7).float()
    return valor_loss(model(*inputs), torch.eye(5)[:3], *pseudo)


@torch.no_grad()
def test_attention_against_its_formula():
    """Eq. 1-3 with mixers that add the index of the step, so that forgetting one of them shows."""

    class AddStep(nn.Module):
        def forward(self, sequence: Tensor) -> Tensor:
            return sequence + torch.arange(sequence.shape[1])[:, None]

    tsa = TemporalSpatialAttention(8, 4, AddStep(), AddStep())
    stream = torch.randn(1, 3, 8)
    result, temporal, feature = tsa(stream)
    expected = torch.empty(3, 8)
    for t in range(3):
        total = 0.0
        for pooled in (stream[0, t].mean(), stream[0, t].max()):
            lifted = tsa.lift.weight[:, 0] * pooled + tsa.lift.bias + t
            total += tsa.lower.weight[0] @ lifted + tsa.lower.bias[0]
        assert temporal[0, t, 0].item() == pytest.approx(1 / (1 + math.exp(-total)))
        expected[t] = stream[0, t] / (1 + math.exp(-total))
    weights, bias = tsa.join.weight[0], tsa.join.bias[0]
    scores = weights[0] * expected.mean(0) + weights[1] * (expected.max(0).values + 1) + bias
    torch.testing.assert_close(feature[0, 0], 1 / (1 + (-scores).exp()))
    torch.testing.assert_close(result[0], expected / (1 + (-scores).exp()))


@torch.no_grad()
def test_text_modulation_by_hand():
    """Eq. 7-10 with MLPs that double and negate what is positive of the text."""
    plsim = TextModulation(2, 2, 2)
    for mlp, weight in ((plsim.scale, 2.0), (plsim.shift, -1.0)):
        for layer, factor in ((mlp[0], 1.0), (mlp[2], weight)):
            layer.weight.copy_(factor * torch.eye(2)), layer.bias.zero_()
    plsim.null.copy_(torch.tensor([0.25, 0.0]))
    text = torch.tensor([[[1.0, -1.0], [0.0, 3.0], [0.0, 0.0]]])
    stream = torch.tensor([[[10.0, 20.0]] * 3])
    result, scale, shift = plsim(stream, text)
    assert scale.tolist() == [[[2, 0], [0, 6], [0.5, 0]]]
    assert shift.tolist() == [[[-1, 0], [0, -3], [-0.25, 0]]]
    assert result.tolist() == [[[29, 20], [10, 137], [14.75, 20]]]


def test_residual_convolution_has_no_mixing_of_channels():
    block = ResidualConvolution(4, 1)
    x = torch.randn(1, 9, 4, requires_grad=True)
    block(x)[0, 4, 2].backward()
    seen = (x.grad[0].abs() > 0).nonzero().tolist()
    assert seen == [[2, 2], [3, 2], [4, 2], [5, 2], [6, 2]]


# The network


def test_with_everything_off_it_is_valor():
    valor, mug = build_model("valor", **SMALL).eval(), MUG(**SMALL, **OFF).eval()
    mug.load_state_dict(valor.state_dict())
    *features, _ = small_inputs()
    for name in ("segment_logits", "video_prob", "modality_prob"):
        assert torch.equal(getattr(mug(*features), name), getattr(valor(*features), name))


@pytest.mark.parametrize(
    ("mixer", "ours", "paper"),
    [("mamba", 7_498_099, 7.6e6), ("attention", 19_323_603, 19.3e6), ("convolution", 6_526_899, 6.5e6)],
)
def test_parameter_counts_beside_table_5(mixer, ours, paper):
    assert sum(weight.numel() for weight in MUG(mixer=mixer).parameters()) == ours
    assert ours == pytest.approx(paper, rel=0.015)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_parameter_of_every_variant_learns(variant):
    model = build_model("mug", **SMALL_MUG, **variant)
    small_loss(model, small_inputs()).backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    assert dead == []
    before = [weight.detach().clone() for weight in model.parameters()]
    torch.optim.AdamW(model.parameters(), lr=1e-3).step()
    assert all((new != old).any() for new, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_any_number_of_segments_and_frames(variant):
    model = build_model("mug", **SMALL_MUG, **variant).eval()
    for segments, frames in ((1, 1), (1, 8), (2, 1), (7, 3), (35, 1)):
        output = model(*small_inputs(2, segments, frames))
        assert output.segment_prob.shape == output.segment_logits.shape == (2, segments, 2, 5)
        assert output.video_prob.shape == (2, 5)
        assert output.modality_prob.shape == (2, 2, 5)
        assert all(value.isfinite().all() for value in output.extras.values())


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_videos_do_not_see_each_other(variant):
    model = build_model("mug", **SMALL_MUG, **variant).eval()
    inputs = small_inputs()
    together, again = model(*inputs), model(*inputs)
    assert torch.equal(together.segment_prob, again.segment_prob)
    order = torch.tensor([2, 0, 1])
    permuted, alone = model(*rows(inputs, order)), model(*rows(inputs, slice(1, 2)))
    for name in ("segment_prob", "video_prob", "modality_prob"):
        torch.testing.assert_close(getattr(permuted, name), getattr(together, name)[order])
        torch.testing.assert_close(getattr(alone, name), getattr(together, name)[1:2])


def test_segments_have_an_order():
    """What sets it apart from HAN and VALOR: reversing time does not merely reverse the predictions."""
    model = build_model("mug", **SMALL_MUG).eval()
    inputs = small_inputs(frames=1)
    *features, text = inputs
    reversed_ = model(*(feature.flip(1) for feature in features), tuple(part.flip(1) for part in text))
    assert (reversed_.segment_prob.flip(1) - model(*inputs).segment_prob).abs().max() > 1e-4


def test_a_clap_token_map_serves_as_audio():
    model = build_model("mug", **SMALL_MUG, audio_layout="clap_tokens").eval()
    _, *visual, text = small_inputs(2, segments=10)
    assert model(torch.randn(2, 64, 12), *visual, text).segment_prob.shape == (2, 10, 2, 5)


def test_extras():
    shapes = {
        "temporal_attention": (3, 4, 2),
        "feature_attention": (3, 2, 8),
        "start_prob": (3, 4, 2),
        "sharing": (2, 2, 6),
        "enhancement": (3, 4, 8),
        **{f"{name}_{modality}": (3, 4, 8) for name in ("scale", "shift") for modality in ("audio", "visual")},
    }
    extras = build_model("mug", **SMALL_MUG).eval()(*small_inputs()).extras
    assert {name: tuple(value.shape) for name, value in extras.items() if name in shapes} == shapes
    torch.testing.assert_close(extras["start_prob"].sum(1), torch.ones(3, 2))
    for name in ("temporal_attention", "feature_attention", "enhancement"):
        assert ((extras[name] > 0) & (extras[name] < 1)).all()
    assert set(MUG(**SMALL, **OFF)(*small_inputs()).extras) == {"time_weight", "modality_weight"}


def test_it_is_built_again_from_its_widths():
    model = build_model("mug", **SMALL_MUG, mixer="convolution", plsim="off")
    twin = build_model(model.name, **json.loads(json.dumps(model.widths)))
    twin.load_state_dict(model.state_dict())


# Text


def test_missing_text_is_refused():
    model = build_model("mug", **SMALL_MUG)
    *features, _ = small_inputs()
    with pytest.raises(ValueError, match=r"text is missing.*plsim='off'"):
        model(*features)


def test_text_that_does_not_fit_is_refused():
    model = build_model("mug", **SMALL_MUG)
    *features, (audio, visual) = small_inputs()
    with pytest.raises(ValueError, match=r"text_audio has shape \(3, 4, 7\); expected \(3, 4, 6\)"):
        model(*features, (visual, audio))
    with pytest.raises(ValueError, match=r"text_visual has shape \(3, 3, 7\); expected \(3, 4, 7\)"):
        model(*features, (audio, visual[:, 1:]))
    with pytest.raises(ValueError, match="text holds 3 tensors"):
        model(*features, (audio, visual, visual))


def test_without_plsim_text_is_not_read():
    model = build_model("mug", **SMALL_MUG, plsim="off").eval()
    *features, text = small_inputs()
    without = model(*features).segment_prob
    assert torch.equal(model(*features, tuple(torch.full_like(part, torch.nan) for part in text)).segment_prob, without)


def test_segments_without_text_take_the_learned_vector():
    model = build_model("mug", **SMALL_MUG).eval()
    *features, (audio, visual) = small_inputs()
    output = model(*features, (audio, visual)).segment_prob
    audio, visual = audio.clone(), visual.clone()
    audio[:, 0], visual[:, 0] = model.plsim.audio.null.detach(), model.plsim.visual.null.detach()
    assert torch.equal(model(*features, (audio, visual)).segment_prob, output)
    model(*features, (audio, visual)).segment_prob.sum().backward()
    assert not model.plsim.audio.null.grad.any(), "no segment lacks text now"


# Bad values and training


@pytest.mark.parametrize(
    "argument", ["tsa", "amf", "mfe", "plsim", "mixer", "state_transition", "dynamic_start", "audio_layout"]
)
def test_unknown_choices_are_refused_by_name(argument):
    with pytest.raises(ValueError, match=f"{argument} 'maybe' is unknown; known: "):
        build_model("mug", **SMALL_MUG, **{argument: "maybe"})


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"pooling": 3}, "hidden = 8 is not divisible by pooling = 3"),
        ({"heads": 3}, "hidden = 8 is not divisible by heads = 3"),
        ({"mixer": "attention", "attention_channels": 5}, "heads = 2 divides, and one is 5"),
    ],
)
def test_widths_that_do_not_divide_are_refused(widths, message):
    with pytest.raises(ValueError, match=message):
        build_model("mug", **SMALL_MUG | widths)


def test_mixed_precision_trains():
    """Under bfloat16 autocast the loss stays within one per cent and every gradient is finite."""
    model = build_model("mug", **SMALL_MUG, dropout=0.0)
    exact = small_loss(model, small_inputs())
    with torch.autocast("cpu", torch.bfloat16):
        loss = small_loss(model, small_inputs())
    loss.backward()
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("variant", [{}, {"plsim": "off"}, {"mixer": "attention"}, {"mixer": "convolution"}], ids=str)
def test_twenty_steps_fit_one_batch(variant):
    model = build_model("mug", **SMALL_MUG, **variant, dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(20):
        loss = small_loss(model, small_inputs())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]
