"""EAR against a plain reading of its equations, its variants, and what must hold of any parser."""

import json
import math

import pytest
import torch
from torch.nn import functional

from avvp_lib.losses.ear import ear_loss, mix
from avvp_lib.models import MODELS, build_model
from avvp_lib.models.ear import (
    AGGREGATIONS,
    EAR,
    FUSIONS,
    RELATIONS,
    AsymmetricFusion,
    MultiModalRelations,
    RelationUnit,
    SymmetricFusion,
    UniModalRelations,
    symmetrised,
)

SMALL = {
    "audio_dim": 12,
    "visual_2d_dim": 20,
    "visual_3d_dim": 16,
    "hidden": 8,
    "heads": 2,
    "feed_forward": 16,
    "event_dim": 6,
    "relation_layers": 2,
    "classes": 5,
}


def small_features(videos: int = 3, segments: int = 4, frames: int = 2) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    shapes = ((segments, 12), (segments * frames, 20), (segments, 16))
    return tuple(torch.randn(videos, *shape, generator=generator) for shape in shapes)


def small_model(**widths) -> EAR:
    torch.manual_seed(0)
    return EAR(**SMALL | widths)


def used(model: EAR) -> EAR:
    """A model whose batch norms have statistics and affine weights other than those they start with."""
    model.train()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "relations" in name:
                weight.add_(0.2 * torch.randn_like(weight))
        for _ in range(5):
            model(*small_features())
    return model.eval()


def loss_of(model: EAR, videos: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(6)
    pseudo = torch.rand(2, videos, 4, 5, generator=generator) * (torch.rand(2, videos, 4, 5, generator=generator) > 0.6)
    partners = torch.randperm(videos * 4, generator=generator)
    weights = 1 + torch.rand(2, 5, generator=generator)
    return ear_loss(model(*small_features(videos)), torch.eye(5)[:videos], *pseudo, weights, partners, 0.3)


def plain_forward(model: EAR, audio, visual_2d, visual_3d) -> dict[str, torch.Tensor]:
    """Eq. 10 to 15 with one small product per class, in evaluation mode; shares nothing with the model but weights."""

    def block(part, query, source):
        found = functional.multi_head_attention_forward(
            *(x.transpose(0, 1) for x in (query, source, source)), query.shape[-1], 2, part.attention.in_proj_weight,
            part.attention.in_proj_bias, None, None, False, 0.0, part.attention.out_proj.weight,
            part.attention.out_proj.bias, training=False, need_weights=False,
        )[0].transpose(0, 1)  # fmt: skip
        attended = part.norm1(query + found)
        return part.norm2(attended + part.linear2(functional.relu(part.linear1(attended))))

    def unit(part, events):  # (B, T, n, e)
        gathered = torch.einsum("ij,btje->btie", part.adjacency, events)
        convolved = torch.einsum("oe,btne->btno", part.conv.weight, gathered)
        norm = part.norm
        scaled = (convolved - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
        return events + torch.where(scaled > 0, scaled, 0.01 * scaled)

    static_audio, static_visual = model.embed(audio, visual_2d, visual_3d)
    dynamic_audio = block(model.fusion.audio_temporal, static_audio, static_audio)
    dynamic_visual = block(model.fusion.visual_temporal, static_visual, static_visual)
    fused_audio = block(model.fusion.audio_driven, dynamic_audio, static_visual)
    fused_visual = block(model.fusion.visual_driven, dynamic_visual, static_audio)
    events = []
    for stream, decoder in (
        (fused_audio + model.aggregation.from_visual(fused_visual), model.decoder.audio),
        (fused_visual + model.aggregation.from_audio(fused_audio), model.decoder.visual),
    ):
        maps = zip(decoder.weight.chunk(5), decoder.bias.chunk(5), strict=True)
        events.append(torch.stack([functional.linear(stream, weight, bias) for weight, bias in maps], dim=2))
    for step in model.relations:
        if isinstance(step, UniModalRelations):
            events = [unit(step.audio, events[0]), unit(step.visual, events[1])]
        else:
            events = list(unit(step, torch.cat(events, dim=2)).chunk(2, dim=2))
    both = torch.stack(events, dim=2)  # (B, T, 2, C, e)
    logits, time, modality = torch.einsum("btmce,ces->sbtmc", both, model.heads.weight)
    logits = logits + model.heads.bias
    shares = time.softmax(1) * modality.softmax(2)
    return {"events": both, "logits": logits, "video_prob": (logits.sigmoid() * shares).sum((1, 2))}


@pytest.fixture(scope="module")
def model() -> EAR:
    return used(small_model())


def test_forward_equals_a_plain_reading_of_the_equations(model):
    with torch.no_grad():
        output, plain = model(*small_features()), plain_forward(model, *small_features())
    torch.testing.assert_close(output.segment_logits, plain["logits"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.video_prob, plain["video_prob"], rtol=1e-4, atol=1e-5)


def test_mixing_features_before_the_classifier_is_mixing_its_logits(model):
    """Why Eq. S-25 needs no features: the classifier is affine and the shares add up to 1. Gradients agree too."""
    partners = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    events = plain_forward(model, *small_features())["events"].detach().double().requires_grad_()

    def classify(features):
        return torch.einsum("btmce,ce->btmc", features, model.heads.weight[..., 0].double()) + model.heads.bias.double()

    before, after = classify(mix(events, partners, 0.3)), mix(classify(events), partners, 0.3)
    torch.testing.assert_close(before, after)
    (by_features,) = torch.autograd.grad(before.square().sum(), events)
    (by_logits,) = torch.autograd.grad(after.square().sum(), events)
    torch.testing.assert_close(by_features, by_logits)
    with torch.no_grad():
        logits = model(*small_features()).segment_logits
    torch.testing.assert_close(mix(logits, partners, 0.3).double(), before.detach(), rtol=1e-4, atol=1e-5)


def test_relation_unit_by_hand():
    """Two events with one channel: A swaps them, the convolution doubles, batch norm of (-2, 2) gives (-1, 1)."""
    unit = RelationUnit(2, 1, 0.0)
    with torch.no_grad():
        unit.adjacency.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        unit.conv.weight.fill_(2.0)
    updated = unit(torch.tensor([1.0, -1.0]).reshape(2, 1, 1)).flatten()
    assert updated.tolist() == pytest.approx([1 - 0.01, -1 + 1], abs=1e-5)


def test_audio_never_sees_dynamic_visual_features():
    """AMDF's point: the temporal block of the other modality cannot touch a stream; in MSA+MCA it does."""
    for fusion, touched in ((AsymmetricFusion, False), (SymmetricFusion, True)):
        torch.manual_seed(0)
        module = fusion(8, 2, 16, 0.0)
        streams = torch.randn(2, 3, 4, 8).unbind()
        audio_before, visual_before = module(*streams)
        torch.nn.init.normal_(module.visual_temporal.linear1.weight)
        audio_after, visual_after = module(*streams)
        assert torch.equal(audio_before, audio_after) != touched
        assert not torch.equal(visual_before, visual_after)


def test_fused_audio_asks_static_visual_features():
    module = AsymmetricFusion(8, 2, 16, 0.0).eval()
    audio, visual = torch.randn(2, 3, 4, 8, generator=torch.Generator().manual_seed(0)).unbind()
    expected = module.audio_driven(module.audio_temporal(audio, audio), visual)
    torch.testing.assert_close(module(audio, visual)[0], expected)


@pytest.mark.parametrize(
    ("relations", "order"), [("erm", "UMUM"), ("a/v-av", "UUMM"), ("w/o a/v", "MM"), ("w/o av", "UU"), ("none", "")]
)
def test_order_of_relation_steps(relations, order):
    names = {UniModalRelations: "U", MultiModalRelations: "M"}
    assert "".join(names[type(step)] for step in small_model(relations=relations).relations) == order


def test_without_multi_modal_relations_the_modalities_stay_apart():
    relations = used(small_model(relations="w/o av")).relations
    events = torch.randn(10, 12, 6)
    other = torch.cat([events[:5], torch.randn(5, 12, 6)])
    torch.testing.assert_close(relations(events)[:5], relations(other)[:5])


VARIANTS = [
    *({"fusion": name} for name in FUSIONS),
    *({"aggregation": name} for name in AGGREGATIONS),
    *({"relations": name} for name in RELATIONS),
    {"relation_layers": 4},
    {"fusion": "none", "relations": "none"},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_parameter_of_every_variant_learns(variant):
    model = small_model(**variant)
    loss = loss_of(model)
    loss.backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    assert dead == []
    torch.optim.AdamW(model.parameters(), lr=1e-3).step()
    assert loss_of(model).isfinite()


def block_parameters(channels: int, feed_forward: int) -> int:
    attention = 4 * channels * channels + 4 * channels
    return attention + 2 * channels * feed_forward + feed_forward + channels + 4 * channels


def front_end_parameters(hidden: int) -> int:
    return (128 + 2048 + 512 + 2 * hidden) * hidden + 4 * hidden


def unit_parameters(events: int) -> int:
    return events**2 + 64 * 64 + 2 * 64


DECODER = 2 * (512 + 1) * 25 * 64
RELATION_LAYER = 2 * unit_parameters(25) + unit_parameters(50)
HEADS = 25 * 64 * 3 + 25
BODY = front_end_parameters(512) + 2 * (512 * 512 + 512) + DECODER + HEADS


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        ({}, BODY + 4 * block_parameters(512, 1024) + 3 * RELATION_LAYER),
        ({"relation_layers": 2}, BODY + 4 * block_parameters(512, 1024) + 2 * RELATION_LAYER),
        ({"fusion": "none"}, BODY + 3 * RELATION_LAYER),
        ({"relations": "none"}, BODY + 4 * block_parameters(512, 1024)),
        (
            {"fusion": "msa+mca", "relations": "w/o av"},
            BODY + 4 * block_parameters(512, 1024) + 6 * unit_parameters(25),
        ),
        ({"fusion": "none", "relations": "attention"}, BODY + 3 * block_parameters(64, 128)),
    ],
    ids=str,
)
def test_parameter_counts(variant, count):
    assert sum(weight.numel() for weight in EAR(**variant).parameters()) == count


def test_parameter_count_of_the_full_model():
    assert sum(weight.numel() for weight in EAR().parameters()) == 12_534_731


def test_adjacency_starts_near_the_identity():
    unit = RelationUnit(25, 4, 0.01)
    distance = unit.adjacency.detach() - torch.eye(25)
    assert distance.std().item() == pytest.approx(0.01, rel=0.2)
    torch.testing.assert_close(RelationUnit(3, 4, 0.0).adjacency.detach(), torch.eye(3))


def test_adjacency_extras_are_summed_over_layers_and_symmetrised():
    model = small_model(adjacency_noise=0.0).eval()
    first, last = model.relations[0], model.relations[2]
    with torch.no_grad():
        first.audio.adjacency[0, 1] = 0.6
        last.audio.adjacency[1, 0] = 0.2
        model.relations[1].adjacency[2, 9] = 1.0
    extras = model(*small_features()).extras
    audio = 2 * torch.eye(5)
    audio[0, 1] = audio[1, 0] = 0.4
    torch.testing.assert_close(extras["adjacency_audio"], audio)
    torch.testing.assert_close(extras["adjacency_visual"], 2 * torch.eye(5))
    across = extras["adjacency_audio_visual"]
    assert across.shape == (10, 10) and across[2, 9] == across[9, 2] == 0.5
    torch.testing.assert_close(extras["adjacency_all"], across + torch.block_diag(audio, 2 * torch.eye(5)))
    assert not any(extras[name].requires_grad for name in extras if name.startswith("adjacency"))


@pytest.mark.parametrize(
    ("relations", "names"),
    [
        ("w/o a/v", {"adjacency_audio_visual"}),
        ("w/o av", {"adjacency_audio", "adjacency_visual"}),
        ("attention", set()),
        ("none", set()),
    ],
)
def test_variants_show_the_adjacencies_they_have(relations, names):
    extras = small_model(relations=relations).eval()(*small_features()).extras
    assert {name for name in extras if name.startswith("adjacency")} == names


def test_symmetrised_by_hand():
    found = symmetrised([torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 3.0]])])
    assert found.tolist() == [[1.0, 2.0], [2.0, 4.0]]


def test_permuting_segments_permutes_predictions(model):
    audio, visual_2d, visual_3d = small_features(frames=1)
    order = torch.tensor([2, 0, 3, 1])
    straight = model(audio, visual_2d, visual_3d)
    permuted = model(audio[:, order], visual_2d[:, order], visual_3d[:, order])
    torch.testing.assert_close(permuted.segment_prob, straight.segment_prob[:, order])
    torch.testing.assert_close(permuted.video_prob, straight.video_prob)


def test_in_evaluation_videos_do_not_see_each_other(model):
    features = small_features()
    together, alone = model(*features), model(*(feature[1:2] for feature in features))
    torch.testing.assert_close(alone.segment_prob, together.segment_prob[1:2])
    torch.testing.assert_close(alone.video_prob, together.video_prob[1:2])


def test_evaluation_repeats_and_draws_nothing(model):
    state = torch.get_rng_state()
    first, second = model(*small_features()), model(*small_features())
    assert torch.equal(first.segment_logits, second.segment_logits)
    assert torch.equal(state, torch.get_rng_state())


def test_a_batch_of_one_video_trains():
    model = small_model()
    loss_of(model, videos=1).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(("segments", "frames"), [(1, 1), (1, 8), (7, 3), (60, 1)])
def test_any_number_of_segments_and_frames(model, segments, frames):
    output = model(*small_features(2, segments, frames))
    assert output.segment_prob.shape == output.segment_logits.shape == (2, segments, 2, 5)
    assert output.video_prob.shape == (2, 5)
    assert output.modality_prob.shape == (2, 2, 5)


def test_clap_tokens_are_read():
    output = small_model(audio_layout="clap_tokens").eval()(
        torch.randn(2, 64, 12), torch.randn(2, 10, 20), torch.randn(2, 10, 16)
    )
    assert output.segment_prob.shape == (2, 10, 2, 5)


def test_mixed_precision_trains():
    model = small_model(dropout=0.0)
    exact = loss_of(model)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(model)
    loss.backward()
    assert loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def trained(seed: int) -> tuple[EAR, list[float]]:
    torch.manual_seed(seed)
    model = EAR(**SMALL, dropout=0.1)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(15):
        loss = loss_of(model)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return model, losses


def test_a_seed_repeats_a_training_which_fits_one_batch():
    model, losses = trained(0)
    twin, same = trained(0)
    assert losses == same
    torch.testing.assert_close(model.state_dict(), twin.state_dict(), rtol=0, atol=0)
    assert trained(1)[1] != losses
    assert losses[-1] < 0.8 * losses[0]


def test_widths_rebuild_the_model(monkeypatch):
    monkeypatch.setitem(MODELS, "ear", "avvp_lib.models.ear:EAR")
    model = build_model("ear", **SMALL, relations="a/v-av", adjacency_noise=0.05)
    twin = build_model(model.name, **json.loads(json.dumps(model.widths)))
    twin.load_state_dict(model.state_dict())
    assert math.isclose(model.widths["adjacency_noise"], 0.05)
    features = small_features()
    torch.testing.assert_close(twin.eval()(*features).segment_prob, model.eval()(*features).segment_prob)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"fusion": "late"}, "fusion 'late' is unknown; known: amdf, msa\\+mca, han, none"),
        ({"relations": "erm+"}, "relations 'erm\\+' is unknown; known: erm, a/v-av, .*, attention"),
        ({"aggregation": "sum"}, "aggregation 'sum' is unknown; known: residual, concatenate"),
        ({"heads": 3}, "8 channels are not divisible by heads = 3: this is hidden"),
        ({"event_dim": 5, "relations": "attention"}, "5 channels .* heads = 2: .* event_dim"),
        ({"audio_layout": "waveform"}, "audio_layout"),
    ],
)
def test_bad_widths_are_named(widths, message):
    with pytest.raises(ValueError, match=message):
        EAR(**SMALL | widths)


def test_bad_features_are_named(model):
    audio, visual_2d, visual_3d = small_features()
    with pytest.raises(ValueError, match="visual_3d is missing"):
        model(audio, visual_2d)
    with pytest.raises(ValueError, match=r"audio has shape \(3, 4, 11\)"):
        model(audio[..., :11], visual_2d, visual_3d)
    with pytest.raises(ValueError, match="visual_3d has 3 segments but audio has 4"):
        model(audio, visual_2d, visual_3d[:, :3])
