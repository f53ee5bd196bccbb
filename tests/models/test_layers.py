"""The hybrid attention layer against a numpy reference that computes one query at a time."""

import pytest
import torch

from avvp_lib.models.layers import PostNormLayer, PreNormLayer
from tests.oracles.models_reference import hybrid_layer


@pytest.mark.parametrize(("norm", "layer_class"), [("post", PostNormLayer), ("pre", PreNormLayer)])
@pytest.mark.parametrize("heads", [1, 4])
def test_layer_equals_the_reference(norm, layer_class, heads):
    torch.manual_seed(3)
    layer = layer_class(hidden=16, heads=heads, feed_forward=24, dropout=0.1).double().eval()
    for weight in layer.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    query, other = torch.randn(2, 5, 16).double(), torch.randn(2, 7, 16).double()
    state = {key: value.numpy() for key, value in layer.state_dict().items()}
    with torch.no_grad():
        updated = layer(query, other)
    for video in range(2):
        expected = hybrid_layer(query[video].numpy(), other[video].numpy(), state, heads, norm)
        torch.testing.assert_close(updated[video], torch.from_numpy(expected), rtol=1e-10, atol=1e-10)


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match=r"hidden = 10 .* heads = 4"):
        PostNormLayer(hidden=10, heads=4, feed_forward=8, dropout=0.0)


@pytest.fixture
def constant_layer() -> PostNormLayer:
    """Both attentions answer 1 everywhere, and so does the feed-forward block; half of everything is dropped."""
    layer = PostNormLayer(hidden=32, heads=2, feed_forward=32, dropout=0.5)
    with torch.no_grad():
        for weight in (layer.self_attn.out_proj.weight, layer.cm_attn.out_proj.weight, layer.linear1.weight):
            weight.zero_()
        for bias in (layer.self_attn.out_proj.bias, layer.cm_attn.out_proj.bias, layer.linear1.bias):
            bias.fill_(1.0)
        layer.linear2.weight.copy_(torch.eye(32))
        layer.linear2.bias.zero_()
    return layer


def test_dropout_thins_each_attention_and_both_feed_forward_steps(constant_layer):
    """A survivor counts double: 0, 2 or 4 from two attentions; 0 or 2 * 2 after two steps, a quarter of them."""
    torch.manual_seed(0)
    stream = torch.randn(4, 10, 32)
    assert constant_layer.hybrid_attention(stream, stream).unique().tolist() == [0.0, 2.0, 4.0]
    transformed = constant_layer.transform(stream)
    assert transformed.unique().tolist() == [0.0, 4.0]
    assert (transformed > 0).float().mean().item() == pytest.approx(0.25, abs=0.05)


def test_dropout_is_off_in_evaluation(constant_layer):
    stream = torch.randn(4, 10, 32)
    constant_layer.eval()
    assert constant_layer.hybrid_attention(stream, stream).unique().tolist() == [2.0]
    assert constant_layer.transform(stream).unique().tolist() == [1.0]


def test_attention_shares_are_thinned_too():
    """Attention averages, so equal values stay equal; once shares are dropped the average differs from row to row."""
    torch.manual_seed(0)
    attention = PostNormLayer(hidden=8, heads=2, feed_forward=8, dropout=0.5).self_attn
    torch.nn.init.zeros_(attention.in_proj_weight)
    torch.nn.init.ones_(attention.in_proj_bias)
    torch.nn.init.eye_(attention.out_proj.weight)
    stream = torch.zeros(1, 5, 8)
    assert attention(stream, stream, stream)[0].unique().numel() > 1
    torch.testing.assert_close(attention.eval()(stream, stream, stream)[0], torch.ones(1, 5, 8))
