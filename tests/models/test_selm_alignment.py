"""DAM against its formulas, and the released visual side, which hears nothing and sees nothing."""

import pytest
import torch
from torch.nn import functional

from avvp_lib.models.selm_alignment import (
    EARLY_FUSIONS,
    AlignmentBlock,
    ReleasedAudioSide,
    ReleasedVisualSide,
    paper_alignment,
    released_alignment,
)

C, H, PLACES = 6, 4, 9


def features(seed: int = 0, frames: int = 3, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    """Visual features (BT, C, HW) and tokens (BT, H, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(frames, C, PLACES, generator=generator, dtype=dtype),
        torch.randn(frames, H, 1, generator=generator, dtype=dtype),
    )


def conv(layer: torch.nn.Conv1d, x: torch.Tensor) -> torch.Tensor:
    """A convolution of kernel 1 as a product of matrices."""
    return torch.einsum("oi,nil->nol", layer.weight[:, :, 0], x) + layer.bias[:, None]


def over_places(x: torch.Tensor) -> torch.Tensor:
    """Instance norm, written out."""
    centred = x - x.mean(2, keepdim=True)
    return centred / (centred.square().mean(2, keepdim=True) + 1e-5).sqrt()


def test_block_against_its_formula_in_both_directions():
    torch.manual_seed(0)
    x, audio = features()
    for target, source in ((x, audio), (audio, x)):
        block = AlignmentBlock(target.shape[1], source.shape[1], dropout=0.1).eval()
        said = functional.gelu(conv(block.source[0], source)).mean(2, keepdim=True)
        weights = (functional.gelu(conv(block.target[0], target)) * said).tanh()
        torch.testing.assert_close(block.weights(target, source), weights)
        torch.testing.assert_close(block(target, source), target + weights * target)


def test_block_by_hand():
    """One channel, identity convolutions: W = tanh(gelu(2) gelu(1)), and 2 becomes 2 + 2 W."""
    block = AlignmentBlock(1, 1, dropout=0.0)
    with torch.no_grad():
        for layer in (block.target[0], block.source[0]):
            layer.weight.fill_(1)
            layer.bias.zero_()
    two, one = torch.full((1, 1, 1), 2.0), torch.ones(1, 1, 1)
    # gelu(2) = 2 Phi(2) = 1.954500, gelu(1) = Phi(1) = 0.841345, tanh(1.644409) = 0.928086
    assert block(two, one).item() == pytest.approx(2 + 2 * 0.928086, abs=1e-5)


@pytest.mark.parametrize("build", ["paper", "released"])
@pytest.mark.parametrize("kind", EARLY_FUSIONS)
def test_which_side_each_kind_changes(kind, build):
    torch.manual_seed(0)
    more = {"dropout": 0.0} if build == "paper" else {"visual_side": "working"}
    alignment = (paper_alignment if build == "paper" else released_alignment)(kind, C, H, **more)
    x, audio = features()
    aligned, heard = alignment(x, audio)
    assert aligned.shape == x.shape and heard.shape == audio.shape
    assert torch.equal(aligned, x) == (kind in ("v2a", "none"))
    assert torch.equal(heard, audio) == (kind in ("a2v", "none"))


@pytest.mark.parametrize("kind", ["add", "concat"])
def test_add_and_concat_against_their_formulas(kind):
    torch.manual_seed(0)
    alignment = paper_alignment(kind, C, H, dropout=0.0)
    x, audio = features()
    aligned, heard = alignment(x, audio)
    pooled, repeated = x.mean(2, keepdim=True), audio.expand(-1, -1, PLACES)
    if kind == "add":
        expected, expected_audio = x + conv(alignment.to_visual, repeated), audio + conv(alignment.to_audio, pooled)
    else:
        visual = torch.cat([alignment.visual.weight, alignment.from_audio.weight], dim=1)
        audible = torch.cat([alignment.audio.weight, alignment.from_visual.weight], dim=1)
        expected = functional.conv1d(torch.cat([x, repeated], dim=1), visual, alignment.visual.bias)
        expected_audio = functional.conv1d(torch.cat([audio, pooled], dim=1), audible, alignment.audio.bias)
    torch.testing.assert_close(aligned, expected)
    torch.testing.assert_close(heard, expected_audio)


def test_released_visual_side_is_a_constant_per_channel():
    """W is 0 whatever sounds and whatever is seen: X' = X + gate(g) g with g = GELU(bias of the last convolution)."""
    torch.manual_seed(0)
    side = ReleasedVisualSide(C, H, "released").double()
    g = functional.gelu(side.out.bias)
    constant = (side.gate(g) * g)[None, :, None]
    assert constant.abs().max() > 1e-4
    for seed in range(3):
        x, audio = features(seed, dtype=torch.float64)
        x, audio = (3 * x).requires_grad_(), (100 * audio).requires_grad_()
        added = side(x, audio) - x
        assert (added - constant).abs().max() < 1e-8
        gradients = torch.autograd.grad(added.square().sum(), [x, audio, side.seen.weight, side.heard.weight])
        assert all(gradient.abs().max() < 1e-8 for gradient in gradients)


def test_released_visual_side_works_without_its_norm():
    torch.manual_seed(0)
    side = ReleasedVisualSide(C, H, "working")
    x, audio = features()
    weights = conv(side.weight, conv(side.heard, audio)).expand(-1, -1, PLACES)
    fused = functional.gelu(conv(side.out, functional.gelu(conv(side.seen, x)) * weights))
    gate = torch.tanh(torch.relu(fused.transpose(1, 2) @ side.gate[0].weight.t()) @ side.gate[2].weight.t())
    torch.testing.assert_close(side(x, audio), x + gate.transpose(1, 2) * fused)
    assert not torch.allclose(side(x, audio), side(x, audio + 1), atol=1e-4)


def test_released_audio_side_against_its_formula():
    torch.manual_seed(0)
    side = ReleasedAudioSide(C, H)
    x, audio = features()
    query = conv(side.query_up, conv(side.query_down, audio))  # (BT, H, 1)
    key, value = (over_places(conv(layer, x)) for layer in (side.key, side.value))
    attention = (torch.einsum("nhi,nhl->nil", query, key) / C**0.5).softmax(2)
    read = torch.einsum("nil,nhl->nhi", attention, value)
    expected = audio + functional.gelu(conv(side.out, conv(side.attended, read)))
    torch.testing.assert_close(side(audio, x), expected, rtol=1e-4, atol=1e-5)
