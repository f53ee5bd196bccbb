"""BCSM against its formulas: layers, weights, what selects what, and the released order."""

import pytest
import torch
from torch.nn import functional

from avvp_lib.models.selm_selection import (
    PaperWeights,
    ReleasedTemporalLayer,
    ReleasedWeights,
    TemporalAttention,
    TemporalLayer,
    build_selection,
    released_order,
)

H, B, T = 8, 2, 3


def features(clips: int = B) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Four maps (B, T, H, h, w) and tokens (B, T, H)."""
    generator = torch.Generator().manual_seed(0)
    maps = [torch.randn(clips, T, H, side, side, generator=generator) for side in (8, 4, 2, 1)]
    return maps, torch.randn(clips, T, H, generator=generator)


def test_layers_against_their_formulas():
    torch.manual_seed(0)
    _, sequence = features()
    layer = TemporalLayer(H, "mamba")
    released = ReleasedTemporalLayer(H, "mamba")
    released.load_state_dict(layer.state_dict())
    normalised = functional.layer_norm(sequence, (H,), layer.norm.weight, layer.norm.bias)
    torch.testing.assert_close(layer(sequence), sequence + layer.mixer(normalised))
    torch.testing.assert_close(released(sequence), normalised + layer.mixer(normalised))


def test_attention_looks_at_the_whole_clip_in_any_order():
    torch.manual_seed(0)
    attention = TemporalAttention(H)
    _, sequence = features()
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(attention(sequence)[:, order], attention(sequence[:, order]))
    later = sequence.clone()
    later[:, 2] += 1
    assert not torch.allclose(attention(later)[:, 0], attention(sequence)[:, 0])


def test_weights_by_hand():
    paper, released = PaperWeights(1, 1), ReleasedWeights(1, 1)
    with torch.no_grad():
        for layer in (paper, released):
            layer.weight.fill_(1)
            layer.bias.zero_()
    x = torch.tensor([[[-1.278465], [0.0], [2.0]]])
    torch.testing.assert_close(paper(x).flatten(), torch.tensor([0.217812, 0.5, 0.880797]), atol=1e-5, rtol=0)
    # SiLU has its minimum, -0.278465, at -1.278465
    torch.testing.assert_close(released(x).flatten(), torch.tensor([0.721535, 1.0, 2.761594]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_both_directions_against_their_formulas(variant):
    torch.manual_seed(0)
    selection = build_selection("bcsm", H, variant=variant, layers=2)
    maps, audio = features()
    gated, tokens, extras = selection(maps, audio)
    weights = []
    for stage, x in enumerate(maps):
        heard = selection.a2v.stacks[stage](audio)
        torch.testing.assert_close(gated[stage], x * heard[:, :, :, None, None])
        torch.testing.assert_close(extras["a2v_weights"][:, :, stage], heard)
        stack = selection.v2a.stacks[stage]
        sequence = stack.first(x.flatten(3).mean(3))
        for layer in stack.layers:
            sequence = layer(sequence)
        weights.append(stack.gate(sequence))
    torch.testing.assert_close(tokens, audio * sum(weights) / 4)
    torch.testing.assert_close(extras["v2a_weights"], torch.stack(weights, dim=2))


def test_the_released_weights_add_a_gated_copy():
    """x + SiLU(linear) x, and for the tokens the mean of the gates: the published form, of which ours is a factor."""
    torch.manual_seed(0)
    selection = build_selection("bcsm", H, variant="released", layers=1)
    maps, audio = features(1)
    gated, tokens, _ = selection(maps, audio)

    def gate(stack, sequence):
        for layer in stack.layers:
            sequence = layer(stack.first(sequence))
        return functional.silu(functional.linear(sequence, stack.gate.weight, stack.gate.bias))

    for x, result, stack in zip(maps, gated, selection.a2v.stacks, strict=True):
        torch.testing.assert_close(result, x + gate(stack, audio)[..., None, None] * x)
    gates = [gate(stack, x.mean((3, 4))) for x, stack in zip(maps, selection.v2a.stacks, strict=True)]
    torch.testing.assert_close(tokens, audio + sum(gates) / 4 * audio)


def test_released_order_by_hand():
    """Two clips of three seconds, the weight of second t of clip b is 10 b + t; read as if the layout were by clip."""
    weights = torch.tensor([[0.0, 1, 2], [10, 11, 12]])[..., None]
    assert released_order(weights)[..., 0].tolist() == [[0, 10, 1], [11, 2, 12]]
    assert torch.equal(released_order(weights[:1]), weights[:1])
    own = released_order(torch.arange(10).view(2, 5, 1)).flatten() == torch.arange(10)
    assert own.sum() == 2  # of the ten frames of two clips, two get their own


def test_the_first_stage_alone_is_in_order():
    torch.manual_seed(0)
    released = build_selection("bcsm", H, variant="released", layers=1, gate_order="released")
    fixed = build_selection("bcsm", H, variant="released", layers=1)
    fixed.load_state_dict(released.state_dict())
    maps, audio = features()
    gated, tokens, _ = released(maps, audio)
    right, right_tokens, right_extras = fixed(maps, audio)
    assert torch.equal(gated[0], right[0])
    for stage in (1, 2, 3):
        expected = maps[stage] * released_order(right_extras["a2v_weights"][:, :, stage])[..., None, None]
        assert torch.equal(gated[stage], expected)
    torch.testing.assert_close(tokens, audio * released_order(right_extras["v2a_weights"].mean(2)))
    assert not torch.allclose(tokens, right_tokens)


def test_concatenated_audio_is_one_sequence():
    torch.manual_seed(0)
    selection = build_selection("a2v", H, variant="released", layers=1, audio_batching="concatenated")
    maps, audio = features()
    weights = selection(maps, audio)[2]["a2v_weights"]
    whole = selection([x.flatten(0, 1)[None] for x in maps], audio.flatten(0, 1)[None])[2]["a2v_weights"]
    assert torch.equal(weights.flatten(0, 1), whole[0])
    second_alone = selection([x[1:] for x in maps], audio[1:])[2]["a2v_weights"]
    assert not torch.allclose(weights[1], second_alone[0])


@pytest.mark.parametrize("kind", ["a2v", "v2a", "none"])
def test_one_direction_leaves_the_other_features_alone(kind):
    selection = build_selection(kind, H, layers=1)
    maps, audio = features()
    gated, tokens, extras = selection(maps, audio)
    assert all(torch.equal(x, y) for x, y in zip(maps, gated, strict=True)) == (kind != "a2v")
    assert torch.equal(audio, tokens) == (kind != "v2a")
    assert list(extras) == ([f"{kind}_weights"] if kind != "none" else [])


def test_the_number_of_layers():
    for layers in (1, 4):
        selection = build_selection("bcsm", H, layers=layers)
        assert [len(stack.layers) for stack in (*selection.a2v.stacks, *selection.v2a.stacks)] == [layers] * 8
