"""MGN against the published network, and what its grouping means for the numbers it returns."""

import math

import pytest
import torch

from avvp_lib.losses import han_loss
from avvp_lib.models import build_model
from avvp_lib.models.mgn import MGN, AudioGrouping, GumbelNoise, HardAssignment, SoftAssignment
from avvp_lib.objectives import build_objective
from tests.models.small_videos import WIDTHS, small_videos
from tests.oracles import models_published as published

SMALL = {
    "hidden": 8,
    "heads": 2,
    "audio_depth": 1,
    "visual_depth": 1,
    "cross_modal_depth": 2,
    "segments": 4,
    **WIDTHS,
}

NEVER_READ = ("grouping.assign.q_proj.bias", "attn.k_proj.bias")
"""Biases that add the same to every entry of a softmax: their gradient is nothing but rounding."""


def small(**widths) -> MGN:
    torch.manual_seed(0)
    return MGN(**{**SMALL, **widths})


@pytest.fixture(scope="module", params=["soft", "hard"])
def forward_of(request):
    model = MGN(assignment=request.param)
    model.load_state_dict(published.checkpoint("MGN", ("nothing is dead",)))
    name = {"soft": "MGN", "hard": "MGN hard"}[request.param]
    return name, published.published_outputs(model, "segments")


def test_forward_equals_the_published_network(forward_of):
    name, ours = forward_of
    expected = {output: numbers for (model, output), numbers in published.OUTPUTS.items() if model == name}
    assert len(expected) == {"MGN": 7, "MGN hard": 3}[name]
    for output, numbers in expected.items():
        assert ours[output] == pytest.approx(numbers, abs=2e-5), output


def test_keys_are_the_published_keys_and_all_are_alive():
    model = MGN()
    ours = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    assert ours == published.state_dict_shapes("MGN")
    assert sum(weight.numel() for weight in model.parameters()) == published.PARAMETERS["MGN"]
    assert model.dead_prefixes == ()


def test_first_weights_are_the_published_ones():
    model = small(hidden=64)
    assert model.fc_v.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not model.audio_token.any() and not model.fc_v.bias.any()
    assert (model.av_mcg.blocks[0].norm1.weight == 1).all()


def test_a_soft_map_stays_within_the_documented_bounds():
    """However extreme the weights, a segment's factor lies in [1.039, 1.232] and a class's factors sum to 11."""
    weights = torch.zeros(1, 3, 10)
    weights[0, 0, 4] = 1.0  # one segment belongs to the group entirely, the others not at all: the largest factor
    weights[0, 1] = 1.0
    weights[0, 1, 4] = 0.0  # the reverse: the smallest
    factors = SoftAssignment().segment_map(weights)
    assert factors[0, 0, 4].item() == pytest.approx(1 + math.e / (math.e + 9), rel=1e-6)
    assert factors[0, 1, 4].item() == pytest.approx(1 + 1 / (1 + 9 * math.e), rel=1e-6)
    assert (round(factors.min().item(), 3), round(factors.max().item(), 3)) == (1.039, 1.232)
    assert factors.sum(2).flatten().tolist() == pytest.approx([11.0] * 3, rel=1e-6)


def test_soft_predictions_paint_whole_clips_outside_a_narrow_band():
    """Where a class is neither on nor off for the whole clip, its modality probability is in [0.406, 0.481]."""
    torch.manual_seed(0)
    model = MGN()
    model.load_state_dict(published.checkpoint("MGN", ("nothing is dead",)))
    features = [torch.randn(24, *tensor.shape[1:]) for tensor in published.features("segments")]
    with torch.no_grad():
        output = model.eval()(*features)
    on = output.segment_prob >= 0.5
    changing = on.any(1) & ~on.all(1)
    assert output.segment_prob.max() > 1
    assert changing.any()
    assert output.modality_prob[changing].min() > 0.406 and output.modality_prob[changing].max() < 0.4815


def test_segment_probabilities_are_modality_probabilities_times_the_map():
    output = small().eval()(*small_videos().features)
    expected = output.modality_prob[:, None] * output.extras["segment_map"]
    torch.testing.assert_close(output.segment_prob, expected)
    assert output.segment_logits is None
    assert output.segment_prob.shape == (6, 4, 2, 5)
    assert (output.video_prob.shape, output.modality_prob.shape) == ((6, 5), (6, 2, 5))
    assert output.extras["token_logits"].shape == (2, 5, 5)


def test_a_hard_map_gives_each_segment_one_class():
    model = small(assignment="hard")
    for training in (False, True):
        factors = model.train(training)(*small_videos().features).extras["segment_map"].detach()
        torch.testing.assert_close(factors.sum(-1), torch.ones(6, 4, 2))
        assert set(factors.round(decimals=5).unique().tolist()) == {0.0, 1.0}


def test_gumbel_noise_draws_groups_as_often_as_their_probabilities_say():
    """Adding Gumbel noise and taking the largest samples from the softmax: 20,000 draws from (0.2, 0.5, 0.3)."""
    torch.manual_seed(0)
    logits = torch.tensor([0.2, 0.5, 0.3]).log()[None, :, None].expand(1, 3, 20_000)
    shares = HardAssignment().train().weights(logits).mean(dim=2).flatten()
    assert shares.tolist() == pytest.approx([0.2, 0.5, 0.3], abs=0.015)
    assert HardAssignment().eval().weights(logits)[0, 1].eq(1).all()


def test_gumbel_noise_follows_the_seed_and_is_for_training_only():
    noise, logits = GumbelNoise(), torch.zeros(3, 4)
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(noise(logits))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert torch.equal(noise.eval()(logits), logits)


def test_hard_weights_have_the_gradient_of_the_softmax():
    logits = torch.tensor([[[1.0], [0.0]]], requires_grad=True)
    HardAssignment().eval().weights(logits)[0, 0, 0].backward()
    p = 1 / (1 + math.exp(-1))
    assert logits.grad.flatten().tolist() == pytest.approx([p * (1 - p), -p * (1 - p)], rel=1e-5)


def test_the_hidden_audio_block_has_the_opposite_assignment():
    kinds = {"soft": SoftAssignment, "hard": HardAssignment}
    for assignment, opposite in (("soft", "hard"), ("hard", "soft")):
        block = AudioGrouping(8, 2, 1, 5, assignment, 0.0, segments=4)
        assert isinstance(block.grouping.assign.assignment, kinds[assignment])
        assert isinstance(block.han_encoder.assign.assignment, kinds[opposite])


@pytest.mark.parametrize("assignment", ["soft", "hard"])
def test_every_parameter_learns(assignment):
    data = small_videos()
    model = small(assignment=assignment)
    torch.nn.init.normal_(model.audio_token)  # at zero, where they start, they leave fc_cls.weight without a gradient
    torch.nn.init.normal_(model.visual_token)
    build_objective("mgn", data)(model, data).backward()
    asleep = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert asleep == []
    still = [name for name, weight in model.named_parameters() if not weight.grad.abs().max() > 0]
    assert [name for name in still if not name.endswith(NEVER_READ)] == []


@pytest.mark.parametrize("assignment", ["soft", "hard"])
def test_sixty_steps_tell_one_batch_apart(assignment):
    """A video has one class of five: knowing that and no more costs three times 0.50, and over 0.13 for the smoothing."""
    data = small_videos()
    model = small(assignment=assignment, hidden=16, drop_path=0.0)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    loss_of = build_objective("mgn", data)
    for _ in range(60):
        optimiser.zero_grad()
        loss_of(model, data).backward()
        optimiser.step()
    assert han_loss(model.eval()(*data.features), data.video_labels) < 1.3


def test_segment_labels_are_added_and_reach_the_map():
    data = small_videos()
    model = small().eval()
    without, with_segments = (
        build_objective("mgn", data)(model, data),
        build_objective("mgn", data, segment_weight=0.5)(model, data),
    )
    output = model(*data.features)
    clamped = output.segment_prob.clamp(1e-7, 1 - 1e-7)
    labels = torch.stack([data.pseudo_audio, data.pseudo_visual], dim=2)
    costs = -(labels * clamped.log() + (1 - labels) * (1 - clamped).log())
    assert (with_segments - without).item() == pytest.approx(0.5 * costs.mean((0, 1, 3)).sum().item(), rel=1e-5)


def test_a_model_without_tokens_is_refused():
    data = small_videos()
    han = build_model("han", **WIDTHS, hidden=8)
    with pytest.raises(ValueError, match="choose the model 'mgn'"):
        build_objective("mgn", data)(han, data)


def test_evaluation_is_deterministic_and_training_is_not():
    model, features = small(), small_videos().features
    for training in (False, True):
        model.train(training)
        first, second = model(*features), model(*features)
        assert torch.equal(first.segment_prob, second.segment_prob) is not training


def test_videos_do_not_see_each_other():
    model, features = small().eval(), small_videos().features
    together, alone = model(*features), model(*(feature[1:2] for feature in features))
    torch.testing.assert_close(alone.segment_prob, together.segment_prob[1:2])
    torch.testing.assert_close(alone.video_prob, together.video_prob[1:2])


def test_dropped_paths_are_scaled_so_that_the_mean_stays():
    torch.manual_seed(0)
    drop = small(drop_path=0.25).av_mcg.blocks[0].drop_path
    kept = drop(torch.ones(4000, 2, 3))
    assert kept.mean().item() == pytest.approx(1.0, abs=0.03)
    assert kept.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (kept == kept[:, :1, :1]).all()


def test_mixed_precision_trains():
    data = small_videos()
    model = small(drop_path=0.0)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(*data.features)
        loss = build_objective("mgn", data)(model, data)
    loss.backward()
    assert output.segment_prob.dtype == output.video_prob.dtype == torch.float32
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_clap_tokens_are_accepted():
    model = small(audio_layout="clap_tokens", segments=10).eval()
    features = torch.randn(2, 64, 12), torch.randn(2, 10, 20), torch.randn(2, 10, 16)
    assert model(*features).segment_prob.shape == (2, 10, 2, 5)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"assignment": "gumbel"}, "assignment 'gumbel' is unknown; known: soft, hard"),
        ({"hidden": 10, "heads": 4}, "hidden = 10 is not divisible by heads = 4"),
        ({"audio_layout": "clap"}, "audio_layout 'clap' is unknown"),
    ],
)
def test_what_cannot_be_built_is_refused(widths, message):
    with pytest.raises(ValueError, match=message):
        small(**widths)


def test_another_number_of_segments_is_refused():
    with pytest.raises(ValueError, match="audio has 7 segments, but this model was built with segments=4"):
        small()(*small_videos(segments=7).features)
    audio, visual_2d, _ = small_videos().features
    with pytest.raises(ValueError, match="visual_3d is missing"):
        small()(audio, visual_2d)
