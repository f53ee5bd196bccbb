"""HAN against the published network, and the facts that make it HAN."""

import pytest
import torch

from avvp_lib.losses import han_loss
from avvp_lib.models import build_model
from avvp_lib.models.han import DEAD_PREFIXES
from tests.oracles import models_published as published

SMALL = {
    "audio_dim": 12,
    "visual_2d_dim": 20,
    "visual_3d_dim": 16,
    "hidden": 8,
    "heads": 2,
    "feed_forward": 16,
    "classes": 5,
}


def small_features(videos: int = 3, segments: int = 4, frames: int = 2) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(5)
    shapes = ((segments, 12), (segments * frames, 20), (segments, 16))
    return tuple(torch.randn(videos, *shape, generator=generator) for shape in shapes)


@pytest.fixture(scope="module")
def outputs() -> dict[str, tuple[float, ...]]:
    model = build_model("han")
    model.load_state_dict(published.checkpoint("HAN", model.dead_prefixes))
    return published.published_outputs(model, "segments")


@pytest.mark.parametrize("name", ["video_prob", "audio_prob", "visual_prob", "segment_prob"])
def test_forward_equals_the_published_network(outputs, name):
    assert outputs[name] == pytest.approx(published.OUTPUTS["HAN", name], abs=1e-5)


def test_keys_are_the_published_keys_less_the_dead_ones():
    shapes = published.state_dict_shapes("HAN")
    live = {key: shape for key, shape in shapes.items() if not key.startswith(DEAD_PREFIXES)}
    ours = {key: tuple(value.shape) for key, value in build_model("han").state_dict().items()}
    assert (len(shapes), len(shapes) - len(live)) == (74, 44)
    assert ours == live


def test_parameter_counts():
    shapes = published.state_dict_shapes("HAN")
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == published.PARAMETERS["HAN"]
    assert sum(weight.numel() for weight in build_model("han").parameters()) == 4_569_675


def test_both_modalities_are_updated_from_the_same_inputs():
    """Swapping the streams swaps the results; that fails for an encoder that updates one stream first."""
    encoder = build_model("han", **SMALL).eval().hat_encoder
    audio, visual = torch.randn(2, 3, 4, 8, generator=torch.Generator().manual_seed(0)).unbind(0)
    new_audio, new_visual = encoder(audio, visual)
    swapped_visual, swapped_audio = encoder(visual, audio)
    torch.testing.assert_close((new_audio, new_visual), (swapped_audio, swapped_visual))


def test_a_second_layer_reads_the_first():
    """The deviation that HAN's docstring announces; in the published loop the first of two layers has no effect."""
    encoder = build_model("han", **SMALL, layers=2).eval().hat_encoder
    torch.nn.init.normal_(encoder.layers[1].linear1.weight, generator=torch.Generator().manual_seed(1))
    audio, visual = torch.randn(2, 3, 4, 8, generator=torch.Generator().manual_seed(0)).unbind(0)
    first, second = encoder.layers
    middle_audio, middle_visual = first(audio, visual), first(visual, audio)
    expected = second(middle_audio, middle_visual), second(middle_visual, middle_audio)
    torch.testing.assert_close(encoder(audio, visual), expected)


def test_permuting_segments_permutes_predictions():
    """There is no position in the model: the order of segments matters only as far as the two modalities share it."""
    model = build_model("han", **SMALL).eval()
    audio, visual_2d, visual_3d = small_features(frames=1)
    order = torch.tensor([2, 0, 3, 1])
    straight = model(audio, visual_2d, visual_3d)
    permuted = model(audio[:, order], visual_2d[:, order], visual_3d[:, order])
    torch.testing.assert_close(permuted.segment_prob, straight.segment_prob[:, order])
    torch.testing.assert_close(permuted.video_prob, straight.video_prob)


def test_videos_do_not_see_each_other():
    model = build_model("han", **SMALL).eval()
    features = small_features()
    together = model(*features)
    alone = model(*(feature[1:2] for feature in features))
    torch.testing.assert_close(alone.segment_prob, together.segment_prob[1:2])
    torch.testing.assert_close(alone.video_prob, together.video_prob[1:2])


def test_every_parameter_learns():
    """The published checkpoint is half dead weight; ours has none."""
    model = build_model("han", **SMALL)
    han_loss(model(*small_features()), torch.eye(5)[:3]).backward()
    dead = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    assert dead == []


@pytest.mark.parametrize(("segments", "frames"), [(1, 1), (1, 8), (7, 3), (60, 1)])
def test_any_number_of_segments_and_frames(segments, frames):
    output = build_model("han", **SMALL).eval()(*small_features(2, segments, frames))
    assert output.segment_prob.shape == output.segment_logits.shape == (2, segments, 2, 5)
    assert output.video_prob.shape == (2, 5)
    assert output.modality_prob.shape == (2, 2, 5)


def test_mixed_precision_trains():
    """Under bfloat16 autocast the loss stays within one per cent and every gradient is finite."""
    torch.manual_seed(0)
    model = build_model("han", **SMALL, dropout=0.0)
    features, labels = small_features(), torch.eye(5)[:3]
    exact = han_loss(model(*features), labels)
    with torch.autocast("cpu", torch.bfloat16):
        loss = han_loss(model(*features), labels)
    loss.backward()
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


def test_twelve_steps_fit_one_batch():
    torch.manual_seed(0)
    model = build_model("han", **SMALL, dropout=0.0)
    features, labels = small_features(), torch.eye(5)[:3]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(12):
        loss = han_loss(model(*features), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
