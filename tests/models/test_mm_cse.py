"""MM-CSE against the published network and against its plain reading, its variants, and what is refused."""

import json

import pytest
import torch

from avvp_lib.losses.mm_cse import mm_cse_loss
from avvp_lib.models import mm_cse_kernels as kernels
from avvp_lib.models.mm_cse import DECODERS, MMCSE, UNAPPLIED_NORMS, from_official
from tests.oracles import models_published as published
from tests.oracles.mm_cse_plain import PlainMMCSE, plain_loss

SMALL = {
    "audio_dim": 12,
    "visual_2d_dim": 20,
    "visual_3d_dim": 16,
    "hidden": 8,
    "class_hidden": 16,
    "heads": 2,
    "feed_forward": 24,
    "layers": 2,
    "classes": 5,
}
CLAP_AND_CLIP = {"audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}
RELEASED = {"reconstruction_weight": 0.5, "orthogonality": "visual-pooled"}

# What the authors' network says about the agreed weights and features: mean, deviation, first three values, last value.
PUBLISHED = {
    "video_prob": (0.517137, 0.362406, 0.536991, 0.095506, 0.937215, 0.873814),
    "audio_prob": (0.495883, 0.379803, 0.150923, 0.093837, 0.962500, 0.902186),
    "visual_prob": (0.531963, 0.355050, 0.597232, 0.117022, 0.863090, 0.869525),
    "segment_logits": (0.474573, 3.156545, -1.689883, -2.315285, 3.341987, 2.142477),
    "aa": (0.04, 0.014980, 0.047527, 0.025979, 0.034428, 0.031314),
    "av": (0.04, 0.032399, 0.028250, 0.024097, 0.027984, 0.016779),
    "vv": (0.04, 0.028394, 0.032376, 0.037341, 0.055072, 0.040463),
    "va": (0.04, 0.018918, 0.085445, 0.023371, 0.028600, 0.021412),
}
PUBLISHED_LOSSES = {"rec_a": 0.559416, "rec_v": 9.241236, "ort_a": 0.323406, "ort_v": 0.541759}


def small_features(videos: int = 3, segments: int = 4) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    return tuple(torch.randn(videos, segments, width, generator=generator) for width in (12, 20, 16))


def small_labels(videos: int = 3, segments: int = 4, classes: int = 5) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(6)
    pseudo = (torch.rand(2, videos, segments, classes, generator=generator) > 0.6).float()
    return pseudo.amax((0, 2)), *pseudo


def spread(model: torch.nn.Module) -> torch.nn.Module:
    """The model with weights that leave nothing near zero."""
    generator = torch.Generator().manual_seed(7)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.4, generator=generator)
    return model


def pair_of_models() -> tuple[PlainMMCSE, MMCSE]:
    """The plain reading and the model, small, with equal weights and without dropout."""
    plain = spread(PlainMMCSE(**SMALL, dropout=0.0))
    model = MMCSE(**SMALL, dropout=0.0, audio_layout="clap_tokens")
    model.load_state_dict(from_official(plain.state_dict()))
    return plain, model


def clap_features(videos: int = 3) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(8)
    return tuple(torch.randn(videos, *shape, generator=generator) for shape in ((64, 12), (10, 20), (10, 16)))


@pytest.fixture(scope="module")
def official() -> dict[str, torch.Tensor]:
    """The released keys with the agreed weights."""
    shapes = {key: tuple(value.shape) for key, value in PlainMMCSE().state_dict().items()}
    return {key: published.weight(key, shape) for key, shape in shapes.items()}


@pytest.fixture(scope="module")
def output(official):
    model = MMCSE(**CLAP_AND_CLIP).eval()
    model.load_state_dict(from_official(official))
    with torch.no_grad():
        return model(*published.features("clap_tokens"))


def test_forward_equals_the_published_network(output):
    named = {
        "video_prob": output.video_prob,
        "audio_prob": output.modality_prob[:, 0],
        "visual_prob": output.modality_prob[:, 1],
        "segment_logits": output.segment_logits,
        "aa": output.extras["intra_map"][:, :, 0],
        "vv": output.extras["intra_map"][:, :, 1],
        "av": output.extras["cross_map"][:, :, 0],
        "va": output.extras["cross_map"][:, :, 1],
    }
    for name, expected in PUBLISHED.items():
        assert published.summary(named[name]) == pytest.approx(expected, abs=1e-5), name


def test_losses_of_the_published_network(output):
    extras = output.extras
    rec_a, rec_v = (extras["reconstruction"] - extras["holistic"]).square().mean(dim=(0, 1, 3)).tolist()
    decoupled = extras["decoupled"]
    cosine = torch.nn.functional.cosine_similarity
    ort_a = cosine(decoupled[:, :, 0, :-1], decoupled[:, :, 0, -1:], dim=-1).mean().item()
    ort_v = cosine(decoupled[:, :, 1, :-1].mean(2), decoupled[:, :, 1, -1], dim=-1).mean().item()
    losses = {"rec_a": rec_a, "rec_v": rec_v, "ort_a": ort_a, "ort_v": ort_v}
    assert losses == pytest.approx(PUBLISHED_LOSSES, abs=1e-5)


def test_parameter_counts(official):
    """Published: 6,160,845 (6,324,685 with VGGish and ResNet), of which 512 in two norms that nothing applies."""
    count = lambda model: sum(weight.numel() for weight in model.parameters())  # noqa: E731
    assert (len(official), sum(weight.numel() for weight in official.values())) == (430, 6_160_845 - 512)
    assert count(MMCSE(**CLAP_AND_CLIP)) == 6_160_845 - 512
    assert count(MMCSE()) == 6_324_685 - 512
    assert count(MMCSE(**CLAP_AND_CLIP, reconstruction="none")) == 6_160_845 - 512 - 1_836_032


def test_plain_reading_gives_the_same_outputs_losses_and_gradients():
    plain, model = pair_of_models()
    features, labels = clap_features(), small_labels(segments=10)
    expected, ours = plain(*features), model(*features)
    loss, expected_loss = mm_cse_loss(ours, *labels, **RELEASED), plain_loss(expected, *labels)
    torch.testing.assert_close(ours.segment_logits, expected["segment_logits"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.video_prob, expected["video_prob"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.extras["alpha"], expected["alpha"], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(loss, expected_loss, atol=1e-5, rtol=1e-5)
    loss.backward()
    expected_loss.backward()
    gradients = from_official({key: weight.grad for key, weight in plain.named_parameters()})
    for name, weight in model.named_parameters():
        bound = 1e-5 + 2e-4 * gradients[name].abs().max().item()
        torch.testing.assert_close(weight.grad, gradients[name], atol=bound, rtol=1e-3, msg=name)


def test_kernels_equal_plain_operations_in_double_precision():
    """The same model in float64 takes torch's own operations: outputs and every gradient agree."""
    single = spread(MMCSE(**SMALL, dropout=0.0))
    double = MMCSE(**SMALL, dropout=0.0).double()
    double.load_state_dict(single.state_dict())
    assert kernels.by_hand(next(single.parameters())) and not kernels.by_hand(next(double.parameters()))
    features, labels = small_features(), small_labels()
    mm_cse_loss(single(*features), *labels).backward()
    mm_cse_loss(double(*(feature.double() for feature in features)), *labels).backward()
    for (name, ours), exact in zip(single.named_parameters(), double.parameters(), strict=True):
        bound = 1e-6 + 1e-4 * exact.grad.abs().max().item()
        torch.testing.assert_close(ours.grad.double(), exact.grad, atol=bound, rtol=1e-3, msg=name)


@pytest.mark.parametrize("rows", [1, 5, kernels.ROWS + 3])
def test_feed_forward_with_dropout_keeps_its_mask(rows):
    """With the drawn mask written down, gradients are those of the masked network; blocks do not show."""
    torch.manual_seed(rows)
    first, second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 6)
    features = torch.randn(rows, 6, requires_grad=True)
    torch.manual_seed(3)
    outputs = kernels.feed_forward(features, first, second, 0.25)
    gradient = torch.randn_like(outputs)
    ours = torch.autograd.grad(outputs, [features, first.weight, second.weight, first.bias], gradient)
    torch.manual_seed(3)
    drawn = torch.cat([kernels.drop(torch.ones(len(part), 8), 0.25) for part in features.split(kernels.ROWS)])
    expected = second(first(features).relu() * drawn / 0.75)
    torch.testing.assert_close(outputs, expected)
    wanted = torch.autograd.grad(expected, [features, first.weight, second.weight, first.bias], gradient)
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("segments", [1, kernels.SEGMENTS + 2])
def test_attention_with_dropout_keeps_its_mask(segments):
    generator = torch.Generator().manual_seed(segments)
    query, key_value = (torch.randn(segments, 3, width, generator=generator, requires_grad=True) for width in (8, 16))
    torch.manual_seed(4)
    outputs = kernels.attend(query, key_value, 2, 0.25, True)
    gradients = [torch.randn(value.shape, generator=generator) for value in outputs]
    ours = torch.autograd.grad(outputs, [query, key_value], gradients)
    torch.manual_seed(4)
    blocks = [kernels.drop(torch.ones(2, len(q), 3, 3), 0.25) for q in query.split(kernels.SEGMENTS)]
    drawn = torch.cat(blocks, dim=1).transpose(0, 1)
    q, k, v = (x.unflatten(-1, (2, 4)).transpose(1, 2) for x in (query, *key_value.chunk(2, dim=-1)))
    weights = (q @ k.transpose(-1, -2) / 2).softmax(-1) * drawn / 0.75
    expected = (weights @ v).transpose(1, 2).flatten(2), weights.mean(1)
    torch.testing.assert_close(outputs, expected)
    wanted = torch.autograd.grad(expected, [query, key_value], gradients)
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-4)


def test_dropout_has_its_rate():
    torch.manual_seed(0)
    share = (kernels.drop(torch.ones(1_000_001), 0.1) == 0).float().mean().item()
    assert share == pytest.approx(0.1, abs=0.0015)


VARIANTS = [
    ({}, {}),
    ({"decoupling": "events"}, {"lambda_1": 0}),
    ({"decoupling": "none", "reconstruction": "none"}, {"lambda_1": 0, "reconstruction_weight": 0}),
    ({"blocks": "lgsf"}, {"lambda_2": 0}),
    ({"blocks": "secm"}, {}),
    ({"modes": "cross"}, {}),
    ({"modes": "intra"}, {}),
    ({"reconstruction": "none"}, {"reconstruction_weight": 0}),
]


@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize(("choices", "weights"), VARIANTS, ids=str)
def test_every_variant_learns_in_all_its_weights(variant, choices, weights):
    model = spread(MMCSE(**SMALL, **choices, variant=variant, dropout=0.0))
    if variant == "paper":  # without a norm, weights of that size would saturate the softmax
        for weight in model.parameters():
            weight.data /= 4
    output = model(*small_features())
    assert output.segment_prob.shape == (3, 4, 2, 5)
    mm_cse_loss(output, *small_labels(), **weights).backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    assert dead == []


def test_extras_have_the_documented_shapes():
    extras = MMCSE(**SMALL)(*small_features()).extras
    shapes = {name: tuple(value.shape[3:]) for name, value in extras.items()}
    assert all(value.shape[:3] == (3, 4, 2) for value in extras.values())
    assert shapes["decoupled"] == (6, 16) and shapes["alpha"] == ()
    assert shapes["reconstruction"] == shapes["holistic"] == (8,)
    assert shapes["intra_map"] == shapes["cross_map"] == (5, 5)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_maps_are_distributions_and_alpha_is_a_weight(variant):
    extras = MMCSE(**SMALL, variant=variant).eval()(*small_features()).extras
    for name in ("intra_map", "cross_map"):
        torch.testing.assert_close(extras[name].sum(-1), torch.ones(3, 4, 2, 5))
    assert extras["alpha"].min() > 0 and extras["alpha"].max() < 1


def test_a_paper_layer_by_hand():
    """Eq. 2-4 for one video, two segments, two classes and two channels, with X' = X in both modalities."""
    layer = MMCSE(**{**SMALL, "class_hidden": 2, "layers": 1}, variant="paper").eval().layers[0]
    features = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]).expand(2, 1, 2, 2, 2)
    result, maps = layer(features)
    strong = torch.tensor(2**-0.5).exp() / (torch.tensor(2**-0.5).exp() + 1)
    weak = 1 - strong
    torch.testing.assert_close(maps["intra_map"][0, 0, 0], torch.stack([strong, weak, weak, strong]).view(2, 2))
    gamma = (1 + strong) / ((1 + strong) ** 2 + weak**2).sqrt()  # cosine of Z = (1 + strong, weak) and G = (1, 0)
    torch.testing.assert_close(result, features * (2 + 2 * gamma))


def test_undecoupled_classes_share_their_features():
    model = MMCSE(**SMALL, decoupling="none", reconstruction="none").eval()
    features, extras = model.class_features(torch.randn(2, 3, 4, 8))
    assert extras == {}
    assert (features == features[:, :, :, :1]).all()


def test_layers_start_equal_and_only_the_last_keeps_maps():
    layers = MMCSE(**{**SMALL, "layers": 3}).layers
    torch.testing.assert_close(layers[0].state_dict(), layers[2].state_dict())
    assert layers[0].linear1.weight is not layers[2].linear1.weight
    features = torch.randn(2, 1, 2, 5, 16)
    assert [sorted(layer(features)[1]) for layer in layers] == [[], [], ["cross_map", "intra_map"]]


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_modalities_swap_segments_permute_and_videos_are_apart(variant):
    stack = spread(MMCSE(**SMALL, variant=variant)).eval().layers
    features = torch.randn(2, 3, 4, 5, 16, generator=torch.Generator().manual_seed(0)).relu() / 4

    def enhance(x):
        for layer in stack:
            x, _ = layer(x)
        return x

    straight = enhance(features)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(enhance(features.flip(0)), straight.flip(0), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(enhance(features[:, :, order]), straight[:, :, order], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(enhance(features[:, 1:2]), straight[:, 1:2], rtol=1e-4, atol=1e-4)


def test_evaluation_repeats_itself_and_training_draws():
    model = MMCSE(**SMALL)
    assert not torch.equal(model(*small_features()).video_prob, model(*small_features()).video_prob)
    model.eval()
    assert torch.equal(model(*small_features()).video_prob, model(*small_features()).video_prob)


@pytest.mark.parametrize("segments", [1, 7])
def test_any_number_of_segments(segments):
    assert MMCSE(**SMALL)(*small_features(2, segments)).segment_prob.shape == (2, segments, 2, 5)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_overfits_a_batch(variant):
    torch.manual_seed(0)
    model = MMCSE(**{**SMALL, "hidden": 32}, variant=variant, dropout=0.0)
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    losses = []
    for _ in range(120):
        optimiser.zero_grad()
        loss = mm_cse_loss(model(*small_features()), *small_labels(), lambda_2=0.0)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3


def test_mixed_precision_trains():
    model = MMCSE(**SMALL, dropout=0.0)
    exact = mm_cse_loss(model(*small_features()), *small_labels())
    with torch.autocast("cpu", torch.bfloat16):
        loss = mm_cse_loss(model(*small_features()), *small_labels())
    loss.backward()
    assert loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_official_checkpoint_for_a_parser_without_decoders(official):
    model = MMCSE(**CLAP_AND_CLIP, reconstruction="none")
    live = {key: value for key, value in official.items() if not key.startswith(model.dead_prefixes)}
    assert len(official) - len(live) == 8
    model.load_state_dict(from_official(live))
    assert set(model.dead_prefixes) == {*UNAPPLIED_NORMS, *DECODERS}


def test_strange_and_missing_keys_are_named(official):
    with pytest.raises(RuntimeError, match="fc_b"):
        MMCSE(**CLAP_AND_CLIP).load_state_dict(from_official({**official, "fc_b.weight": torch.zeros(1)}))
    with pytest.raises(ValueError, match=r"no a_unmix\.0\.1\.weight: this is not a checkpoint"):
        from_official({"fc_a.weight": torch.zeros(1)})


def test_widths_are_json_and_have_defaults():
    assert json.loads(json.dumps(SMALL)) == SMALL
    from avvp_lib.models import MODELS, build_model, register_model

    register_model("mm-cse", MMCSE)
    assert "mm-cse" in MODELS
    model = build_model("mm-cse", **SMALL)
    assert build_model(model.name, **json.loads(json.dumps(model.widths))).widths == model.widths


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"variant": "code"}, "variant 'code' is unknown; known: paper, released"),
        ({"decoupling": "classes"}, "decoupling 'classes' is unknown; known: background, events, none"),
        ({"blocks": "none"}, "blocks 'none' is unknown; known: secm.lgsf, lgsf, secm"),
        ({"modes": "self"}, "modes 'self' is unknown; known: intra.cross, cross, intra"),
        ({"reconstruction": "linear"}, "reconstruction 'linear' is unknown; known: decoder, none"),
        ({"decoupling": "none"}, "reconstruction='decoder' needs decoupled features"),
        ({"heads": 3}, "class_hidden = 16 is not divisible by heads = 3"),
        ({"audio_layout": "clap"}, "audio_layout 'clap' is unknown"),
    ],
)
def test_unknown_choices_are_named(choices, message):
    with pytest.raises(ValueError, match=message):
        MMCSE(**{**SMALL, **choices})


def test_features_that_do_not_fit_are_named():
    audio, visual_2d, visual_3d = small_features()
    model = MMCSE(**SMALL)
    with pytest.raises(ValueError, match="visual_3d is missing"):
        model(audio, visual_2d)
    with pytest.raises(ValueError, match="audio has shape"):
        model(audio[..., :5], visual_2d, visual_3d)
    with pytest.raises(ValueError, match="visual_3d has 3 segments"):
        model(audio, visual_2d, visual_3d[:, :3])
