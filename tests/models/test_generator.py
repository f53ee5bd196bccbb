"""The generator against a plain reading of its equations, and what must not touch what: padding, classes, modalities."""

import math

import pytest
import torch
from torch import Tensor

from avvp_lib.models.generator import NORMS, LabelGenerator, present_segments

CLASSES, AUDIO, VISUAL = 5, 8, 12


def make(norm: str = "post", **widths) -> LabelGenerator:
    torch.manual_seed(0)
    return LabelGenerator(AUDIO, VISUAL, heads=2, feed_forward=16, norm=norm, **widths).eval()


def inputs(videos: int = 3, segments: int = 6, classes: int = CLASSES, seed: int = 1) -> list[Tensor]:
    """Audio, visual, text_audio, text_visual."""
    random = torch.Generator().manual_seed(seed)
    shapes = (videos, segments, AUDIO), (videos, segments, VISUAL), (classes, AUDIO), (classes, VISUAL)
    return [torch.randn(shape, generator=random) for shape in shapes]


def plain_norm(x: Tensor, layer) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias


def plain_attention(x: Tensor, attention, heads: int) -> Tensor:
    """Self-attention over the rows of one video (T, D), one head after the other."""
    query, key, value = (x @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=-1)
    width, found = x.shape[1] // heads, []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        weights = (query[:, part] @ key[:, part].T / math.sqrt(width)).softmax(-1)
        found.append(weights @ value[:, part])
    return torch.cat(found, 1) @ attention.out_proj.weight.T + attention.out_proj.bias


def plain_logits(
    model: LabelGenerator, features: Tensor, block, text: Tensor, m: int, norm: str
) -> tuple[Tensor, Tensor]:
    """Eq. 3 to 5 for one video (T, D) and one modality."""
    unit = features / features.norm(dim=-1, keepdim=True)
    if norm == "post":
        y = plain_norm(unit + plain_attention(unit, block.attention, 2), block.norm1)
        dynamic = plain_norm(y + block.linear2(block.linear1(y).relu()), block.norm2)
    else:
        y = unit + plain_attention(plain_norm(unit, block.norm1), block.attention, 2)
        dynamic = y + block.linear2(block.linear1(plain_norm(y, block.norm2)).relu())
    dynamic = dynamic / dynamic.norm(dim=-1, keepdim=True)
    text = text / text.norm(dim=-1, keepdim=True)
    return tuple(model.scale[m] * branch @ text.T + model.bias[m] for branch in (dynamic, unit))


@pytest.mark.parametrize("norm", NORMS)
def test_forward_equals_a_plain_reading_of_the_equations(norm):
    model = make(norm)
    model.scale.data, model.bias.data = torch.tensor([7.0, 11.0]), torch.tensor([-1.0, 2.0])
    audio, visual, text_audio, text_visual = inputs()
    output = model(audio, visual, text_audio, text_visual)
    assert output.dynamic.shape == output.static.shape == (3, 6, 2, CLASSES)
    for video in range(3):
        for m, (features, block, text) in enumerate(
            ((audio, model.audio_temporal, text_audio), (visual, model.visual_temporal, text_visual))
        ):
            dynamic, static = plain_logits(model, features[video], block, text, m, norm)
            torch.testing.assert_close(output.dynamic_logits[video, :, m], dynamic, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(output.static_logits[video, :, m], static, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(output.dynamic, output.dynamic_logits.sigmoid())


def test_static_probability_by_hand():
    """Cosine 0.6 between (3, 4) and (1, 0): sigmoid(10 * 0.6 - 1)."""
    model = LabelGenerator(2, 2, heads=1, feed_forward=1).eval()
    model.bias.data.fill_(-1.0)
    features, text = torch.tensor([[[3.0, 4.0]]]), torch.tensor([[5.0, 0.0]])
    static = model(features, features, text, text).static
    assert static.flatten().tolist() == pytest.approx([1 / (1 + math.exp(-5))] * 2)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("filling", [0.0, 1e4, float("nan"), float("inf")])
def test_what_lies_behind_the_end_of_a_video_has_no_influence(norm, filling):
    model = make(norm)
    audio, visual, *texts = inputs()
    short = model(audio[:, :4], visual[:, :4], *texts)
    lengths = torch.tensor([4, 4, 4])
    for features in (audio, visual):
        features[:, 4:] = filling
    padded = model(audio, visual, *texts, present_segments(lengths, 6))
    torch.testing.assert_close(padded.dynamic[:, :4], short.dynamic, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(padded.static[:, :4], short.static, atol=1e-6, rtol=1e-5)
    assert padded.dynamic.isfinite().all()


def test_videos_of_a_batch_do_not_touch_each_other():
    model, (audio, visual, *texts) = make(), inputs()
    present = present_segments(torch.tensor([6, 2, 5]), 6)
    together = model(audio, visual, *texts, present).dynamic
    alone = model(audio[1:2, :2], visual[1:2, :2], *texts).dynamic
    torch.testing.assert_close(together[1:2, :2], alone, atol=1e-6, rtol=1e-5)


def test_modalities_do_not_touch_each_other():
    model, (audio, visual, *texts) = make(), inputs()
    before, after = (model(audio, picture, *texts).dynamic for picture in (visual, visual.flip(0)))
    assert torch.equal(before[:, :, 0], after[:, :, 0])
    assert not torch.allclose(before[:, :, 1], after[:, :, 1])


def test_a_class_is_judged_alike_in_any_list():
    model, (audio, visual, text_audio, text_visual) = make(), inputs(classes=7)
    output = model(audio, visual, text_audio, text_visual).dynamic
    chosen = [6, 0, 3]
    fewer = model(audio, visual, text_audio[chosen], text_visual[chosen]).dynamic
    torch.testing.assert_close(fewer, output[..., chosen])


def test_dynamic_depends_on_the_rest_of_the_video_and_static_does_not():
    model, (audio, visual, *texts) = make(), inputs()
    before = model(audio, visual, *texts)
    audio[:, 1:] = audio[:, 1:].flip(-1)
    after = model(audio, visual, *texts)
    assert torch.equal(before.static[:, 0], after.static[:, 0])
    assert not torch.allclose(before.dynamic[:, 0, 0], after.dynamic[:, 0, 0], atol=1e-4)


def test_one_segment_an_empty_video_and_silence_give_no_nan():
    model = make().train()
    audio, visual, *texts = inputs(videos=3, segments=1)
    audio[0], visual[1] = 0.0, 0.0
    present = torch.tensor([[True], [True], [False]])
    output = model(audio, visual, *texts, present)
    assert output.dynamic.isfinite().all() and output.static.isfinite().all()
    output.dynamic.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_centre_lets_the_mean_cosine_mean_one_half():
    model, (audio, visual, *texts) = make(), inputs()
    present = present_segments(torch.tensor([6, 2, 5]), 6)
    audio[~present] = 1e3  # must not count
    model.centre(audio, visual, *texts, present)
    static = model(audio, visual, *texts, present).static_logits
    assert static[present].mean((0, 2)).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert model.scale.tolist() == [10, 10]
    with pytest.raises(ValueError, match="present has no segment"):
        model.centre(audio, visual, *texts, torch.zeros_like(present))


def test_present_segments():
    expected = [[True, True, False], [False, False, False], [True, True, True]]
    assert present_segments(torch.tensor([2, 0, 3]), 3).tolist() == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.__setitem__(0, x[1]), r"audio has shape \(3, 6, 12\).* width 8"),
        (lambda x: x.__setitem__(3, x[3][:, :4]), r"text_visual has shape \(5, 4\).* width 12"),
        (lambda x: x.__setitem__(1, x[1][:, :5]), r"audio is of \(3, 6\) videos and segments, visual of \(3, 5\)"),
        (lambda x: x.__setitem__(2, x[2][:4]), "text_audio names 4 classes, text_visual 5"),
        (lambda x: x.append(torch.ones(3, 5, dtype=torch.bool)), "present must be bool"),
        (lambda x: x.append(torch.ones(3, 6)), "present must be bool"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    arguments = inputs()
    change(arguments)
    with pytest.raises(ValueError, match=message):
        make()(*arguments)


@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"heads": 3}, "cannot be divided among heads = 3"),
        ({"norm": "none"}, "unknown norm 'none'"),
        ({"audio_dim": 0}, "audio_dim must be a positive integer"),
    ],
)
def test_widths_that_cannot_be_are_refused(widths, message):
    with pytest.raises(ValueError, match=message):
        LabelGenerator(**{"audio_dim": 8, "visual_dim": 8} | widths)
