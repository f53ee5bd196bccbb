"""JoMoLD against the published network, its two ways to run, and its two stages."""

import copy

import pytest
import torch

from avvp_lib.losses import han_loss
from avvp_lib.losses.jomold import clean_targets, denoised_targets
from avvp_lib.models import build_model
from avvp_lib.models.jomold import DEAD_PREFIXES, JoMoLD
from avvp_lib.objectives import build_objective
from tests.models.small_videos import WIDTHS, small_videos
from tests.oracles import models_published as published

SMALL = {**WIDTHS, "hidden": 8, "heads": 2, "feed_forward": 16}
NOISE = {"audio_noise": [0.5] * 5, "visual_noise": [0.5] * 5}
ALONE = "JoMoLD without cross-attention"


def small(**widths) -> JoMoLD:
    torch.manual_seed(0)
    return JoMoLD(**{**SMALL, **widths})


def still(model: JoMoLD) -> list[str]:
    """Parameters without a gradient."""
    return [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.abs().max() > 0]


@pytest.fixture(scope="module")
def weighted() -> JoMoLD:
    model = JoMoLD().eval()
    model.load_state_dict(published.checkpoint("JoMoLD", DEAD_PREFIXES))
    return model


def check(ours: dict, name: str) -> None:
    expected = {output: numbers for (model, output), numbers in published.OUTPUTS.items() if model == name}
    assert expected
    for output, numbers in expected.items():
        assert ours[output] == pytest.approx(numbers, abs=1e-5), output


def test_forward_equals_the_published_network(weighted):
    """In evaluation mode and with equal weights its predictions are those of HAN; the synchrony logits are its own."""
    ours = published.published_outputs(weighted, "segments")
    check(ours, "HAN")
    check(ours, "JoMoLD")


def test_without_cross_attention_it_equals_the_published_network(weighted):
    with torch.no_grad():
        output = weighted.without_cross_attention(*published.features("segments"))
    check(published.output_summaries(output), ALONE)
    estimator = JoMoLD(cross_attention="off")
    estimator.load_state_dict(weighted.state_dict())
    check(published.published_outputs(estimator, "segments"), ALONE)


def test_keys_are_the_published_keys_less_the_dead_ones():
    shapes = published.state_dict_shapes("JoMoLD")
    live = {key: shape for key, shape in shapes.items() if not key.startswith(DEAD_PREFIXES)}
    ours = {key: tuple(value.shape) for key, value in JoMoLD().state_dict().items()}
    assert (len(shapes), len(live)) == (34, 30)
    assert ours == live
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == published.PARAMETERS["JoMoLD"]
    assert sum(torch.Size(shape).numel() for shape in live.values()) == 4_569_675  # as many as HAN's


def test_each_modality_stays_by_itself_without_cross_attention():
    """Other audio changes the visual predictions of the whole network, and none of those made within the modality."""
    model, videos = small().eval(), small_videos()
    other = -videos.audio, videos.visual_2d, videos.visual_3d
    for run, moved in ((model, True), (model.without_cross_attention, False)):
        first, second = run(*videos.features), run(*other)
        assert torch.equal(first.segment_prob[:, :, 1], second.segment_prob[:, :, 1]) is not moved
        assert not torch.equal(first.segment_prob[:, :, 0], second.segment_prob[:, :, 0])


def test_dropout_takes_from_the_visual_stream_only():
    model, videos = small(dropout=0.0, visual_dropout=0.5).train(), small_videos()
    first, second = model(*videos.features), model(*videos.features)
    assert torch.equal(first.segment_prob[:, :, 0], second.segment_prob[:, :, 0])
    assert not torch.equal(first.segment_prob[:, :, 1], second.segment_prob[:, :, 1])
    assert torch.equal(first.extras["synchrony_logits"], second.extras["synchrony_logits"])  # taken before the dropout
    model.eval()
    assert torch.equal(model(*videos.features).segment_prob, model(*videos.features).segment_prob)


def test_synchrony_logits_are_cosines_over_the_temperature():
    model, videos = small(temperature=0.5).eval(), small_videos(segments=3)
    audio, visual = model.hat_encoder(*model.embed(*videos.features))
    logits = model(*videos.features).extras["synchrony_logits"]
    assert logits.shape == (6, 3, 3)
    expected = torch.cosine_similarity(audio[4, 1], visual[4, 2], dim=0) / 0.5
    torch.testing.assert_close(logits[4, 1, 2], expected)


def test_stacked_layers_start_apart():
    first, second = small(layers=2).hat_encoder.layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_a_second_layer_reads_the_first():
    encoder = small(layers=2).eval().hat_encoder
    audio, visual = torch.randn(2, 3, 4, 8, generator=torch.Generator().manual_seed(0)).unbind(0)
    first, second = encoder.layers
    middle = first(audio, visual), first(visual, audio)
    torch.testing.assert_close(encoder(audio, visual), (second(*middle), second(*middle[::-1])))
    torch.testing.assert_close(encoder.within(audio, visual)[1], second.within(first.within(visual)))


@pytest.mark.parametrize(("segments", "frames"), [(1, 1), (7, 3), (60, 1)])
def test_any_number_of_segments_and_frames(segments, frames):
    output = small().eval()(*small_videos(2, segments, frames).features)
    assert output.segment_prob.shape == output.segment_logits.shape == (2, segments, 2, 5)
    assert (output.video_prob.shape, output.modality_prob.shape) == ((2, 5), (2, 2, 5))


def test_videos_do_not_see_each_other():
    model, videos = small().eval(), small_videos()
    together, alone = model(*videos.features), model(*(feature[1:2] for feature in videos.features))
    torch.testing.assert_close(alone.segment_prob, together.segment_prob[1:2])
    torch.testing.assert_close(alone.video_prob, together.video_prob[1:2])


def test_permuting_segments_permutes_predictions():
    model, videos = small().eval(), small_videos(frames=1)
    order = torch.tensor([2, 0, 3, 1])
    permuted = model(*(feature[:, order] for feature in videos.features))
    torch.testing.assert_close(permuted.segment_prob, model(*videos.features).segment_prob[:, order])


def test_clap_tokens_are_accepted():
    model = small(audio_layout="clap_tokens").eval()
    features = torch.randn(2, 64, 12), torch.randn(2, 10, 20), torch.randn(2, 10, 16)
    assert model(*features).segment_prob.shape == (2, 10, 2, 5)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"cross_attention": "no"}, "cross_attention 'no' is unknown; known: on, off"),
        ({"temperature": 0.0}, "temperature must be above 0, not 0.0"),
        ({"hidden": 9, "heads": 2}, "hidden = 9 is not divisible by heads = 2"),
    ],
)
def test_what_cannot_be_built_is_refused(widths, message):
    with pytest.raises(ValueError, match=message):
        small(**widths)


def test_stage_one_is_the_loss_of_han_and_synchrony():
    videos = small_videos()
    model = small(cross_attention="off").eval()
    output = model(*videos.features)
    weights = torch.full((4, 4), 0.1 / 3).fill_diagonal_(0.9)
    nce = -(output.extras["synchrony_logits"].softmax(2) * weights).sum(2).log().mean()
    expected = han_loss(output, videos.video_labels) + nce
    torch.testing.assert_close(build_objective("jomold-noise-estimator", videos)(model, videos), expected)


def test_in_stage_one_every_parameter_but_the_cross_attention_learns():
    videos, model = small_videos(), small(cross_attention="off")
    build_objective("jomold-noise-estimator", videos)(model, videos).backward()
    assert still(model) == [name for name, _ in model.named_parameters() if ".cm_attn." in name]


def test_in_stage_two_every_parameter_learns():
    videos, model = small_videos(), small()
    build_objective("jomold", videos, **NOISE)(model, videos).backward()
    assert still(model) == []


def test_stage_two_learns_from_what_the_modalities_say_by_themselves():
    videos, model = small_videos(videos=16), small().eval()
    alone = model.without_cross_attention(*videos.features).modality_prob
    targets = denoised_targets(alone, videos.video_labels, torch.full((2, 5), 0.5))
    assert not torch.equal(targets, clean_targets(videos.video_labels))
    output = model(*videos.features)
    audio, visual = output.modality_prob.unbind(1)
    bce = torch.nn.functional.binary_cross_entropy
    weights = torch.full((4, 4), 0.1 / 3).fill_diagonal_(0.9)
    nce = -(output.extras["synchrony_logits"].softmax(2) * weights).sum(2).log().mean()
    expected = 2 * bce(audio, targets[:, 0]) + bce(visual, targets[:, 1]) + nce
    expected += -(
        videos.video_labels * output.video_prob.log() + (1 - videos.video_labels) * (1 - output.video_prob).log()
    ).mean()
    torch.testing.assert_close(build_objective("jomold", videos, **NOISE)(model, videos), expected)


def test_no_label_is_doubted_while_the_delay_lasts():
    videos, model = small_videos(videos=16), small().eval()
    stage = build_objective("jomold", videos, **NOISE)
    clean = build_objective("jomold", videos, audio_noise=[0.0] * 5, visual_noise=[0.0] * 5)(model, videos)
    denoised = stage(model, videos)  # nobody has told the epoch
    losses = {}
    for epoch in (1, 2, 9, 1):
        stage.start_epoch(epoch)
        losses[epoch] = stage(model, videos)
    assert losses[1] == clean and losses[2] == losses[9] == denoised and clean != denoised
    longer = build_objective("jomold", videos, **NOISE, delay_epochs=3)
    longer.start_epoch(3)
    assert longer(model, videos) == clean


def test_segment_labels_are_added():
    videos, model = small_videos(), small().eval()
    plain = build_objective("jomold", videos, **NOISE)(model, videos)
    added = build_objective("jomold", videos, **NOISE, segment_weight=0.5)(model, videos)
    logits = model(*videos.features).segment_logits
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = bce(logits[:, :, 0], videos.pseudo_audio) + bce(logits[:, :, 1], videos.pseudo_visual)
    torch.testing.assert_close(added - plain, 0.5 * expected)


def test_twenty_steps_fit_one_batch_in_both_stages():
    videos = small_videos()
    for name, options, widths in (
        ("jomold-noise-estimator", {}, {"cross_attention": "off"}),
        ("jomold", {"audio_noise": [0.0] * 5, "visual_noise": [0.0] * 5}, {}),
    ):
        model = small(dropout=0.0, visual_dropout=0.0, **widths)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
        loss_of, losses = build_objective(name, videos, **options), []
        for _ in range(20):
            loss = loss_of(model, videos)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.7 * losses[0]


def test_mixed_precision_trains():
    videos, model = small_videos(), small(dropout=0.0, visual_dropout=0.0)
    stage = build_objective("jomold", videos, audio_noise=[0.0] * 5, visual_noise=[0.0] * 5)
    exact = stage(model, videos)
    with torch.autocast("cpu", torch.bfloat16):
        loss = stage(model, videos)
    loss.backward()
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs audio_noise: train 'jomold-noise-estimator', then estimate_noise_ratios"),
        ({"audio_noise": [0.1] * 5}, "needs visual_noise"),
        ({"audio_noise": [0.1] * 4, "visual_noise": [0.1] * 5}, "audio_noise must hold 5 values"),
        ({"audio_noise": [0.1] * 5, "visual_noise": [float("nan")] * 5}, "visual_noise must hold 5 values"),
        ({**NOISE, "segment_weight": -1.0}, "segment_weight must not be negative"),
        ({**NOISE, "warm_up": 1}, "jomold does not take warm_up"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_objective("jomold", small_videos(), **options)


def test_segment_labels_must_be_there():
    videos = copy.copy(small_videos())
    videos.pseudo_audio = None
    assert build_objective("jomold", videos, **NOISE) is not None
    with pytest.raises(ValueError, match="'jomold' needs pseudo_audio and pseudo_visual"):
        build_objective("jomold", videos, **NOISE, segment_weight=1.0)


def test_other_models_are_refused():
    videos, han = small_videos(), build_model("han", **SMALL)
    with pytest.raises(ValueError, match="choose 'jomold'"):
        build_objective("jomold-noise-estimator", videos)(han, videos)
    with pytest.raises(ValueError, match="that can leave its cross-attention out"):
        build_objective("jomold", videos, **NOISE)(han, videos)
