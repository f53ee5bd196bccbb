"""CLEVER against its formulas: what a token hears, who gets a position, the masks, and the noise."""

import pytest
import torch
from torch.nn import functional

from avvp_lib.models.selm_decoder import (
    AskPicture,
    AskSound,
    BinaryHead,
    GumbelHits,
    QuietGumbelHits,
    ReleasedAskPicture,
    ReleasedAskSound,
    SemanticHead,
    build_decoder,
    hard_hits,
)

N, H, SIDE = 3, 16, 4


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tokens (N, 2, H), map (N, H, 4, 4), audio (N, 1, H)."""
    return torch.randn(N, 2, H), torch.randn(N, H, SIDE, SIDE), torch.randn(N, 1, H)


def attention_over_one(question: AskSound, tokens: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Cross-attention with any query and key: over a single audio token the softmax is 1."""
    heard = question.norm_audio(audio)
    attention = (tokens @ heard.transpose(1, 2)).softmax(dim=2)
    return question.out(attention @ question.value(heard))


def test_only_the_target_token_hears():
    tokens, v, audio = inputs()
    for question, residual in ((AskSound(H, 0.1).eval(), 1), (ReleasedAskSound(H, 0.1).eval(), 0)):
        answer, hits = question(tokens, v, audio)
        heard = attention_over_one(question, tokens, audio)
        together = torch.stack([tokens[:, 0], tokens[:, 1] + heard[:, 1]], dim=1)
        torch.testing.assert_close(answer, residual * together + question.mlp(question.norm(together)))
        assert hits == []
        assert torch.equal(answer[:, 0], question(tokens, v, audio + 1)[0][:, 0])


def test_released_dropout_takes_the_sound_of_whole_frames_away():
    question = ReleasedAskSound(H, 0.5).train()
    question.dropout.p = 0.0
    heard = question.heard(torch.randn(200, 1, H)) - question.out.bias
    silent = heard.flatten(1).abs().amax(1) < 1e-6
    assert 60 < silent.sum() < 140


def test_picture_against_its_formula():
    tokens, v, audio = inputs()
    question = AskPicture(H, SIDE, 0.1).eval()
    answer, (hits,) = question(tokens, v, audio)
    places = question.norm_v(v.flatten(2).transpose(1, 2) + question.position)
    query, key = question.q_proj(question.norm_t(tokens)), question.k_proj(places)
    rest, target = torch.einsum("nkh,nlh->knl", query, key) / H**0.5
    expected = (target - rest).sigmoid()  # a softmax over two is one sigmoid of their difference
    torch.testing.assert_close(hits[:, 1].flatten(1), expected)
    share = torch.stack([1 - expected, expected], dim=1)
    read = torch.einsum("nkl,nlh->nkh", share / (share.sum(2, keepdim=True) + 1), question.v_proj(places))
    together = tokens + question.proj(read)
    torch.testing.assert_close(answer, together + question.mlp(question.norm(together)))


def test_released_picture_against_its_formula():
    tokens, v, audio = inputs()
    question = ReleasedAskPicture(H, SIDE, 0.1, QuietGumbelHits()).eval()
    answer, (hits,) = question(tokens, v, audio)
    places = question.norm_v(v.flatten(2).transpose(1, 2) + question.position)
    query = functional.normalize(question.q_proj(question.norm_t(tokens)), dim=2)
    cosine = query @ functional.normalize(question.k_proj(places), dim=2).transpose(1, 2)
    target = cosine[:, 1] > cosine[:, 0]
    assert torch.equal(hits[:, 1].flatten(1), target.float())
    share = torch.stack([~target, target], dim=1).float()
    read = (share / (share.sum(2, keepdim=True) + 1)) @ question.v_proj(places)
    torch.testing.assert_close(answer, question.mlp(question.norm(question.proj(read) + tokens)))


def test_the_temperature_is_frozen_at_its_ceiling():
    tokens, v, audio = inputs()
    question = ReleasedAskPicture(H, SIDE, 0.0, GumbelHits())
    question(tokens, v, audio)[0].sum().backward()
    assert question.tau.item() == 1 and question.tau.grad.item() == 0
    assert question.q_proj.weight.grad.any()


def test_hits_are_hard_and_learn_as_if_they_were_soft():
    similarity = torch.randn(N, 2, 9, requires_grad=True)
    torch.manual_seed(5)
    hits = GumbelHits()(similarity, torch.ones(1))
    assert set(hits.detach().round(decimals=5).unique().tolist()) == {0.0, 1.0}
    torch.manual_seed(5)
    noise = -torch.empty_like(similarity).exponential_().log()
    soft = (similarity + noise).softmax(dim=1)
    weight = torch.randn(N, 2, 9)
    (gradient,) = torch.autograd.grad((hits * weight).sum(), similarity)
    (expected,) = torch.autograd.grad((soft * weight).sum(), similarity)
    torch.testing.assert_close(gradient, expected)


def test_noise_follows_gumbel():
    """A position with a lead of d goes to the leading token with probability sigmoid(d)."""
    similarity = torch.zeros(1, 2, 40_000)
    similarity[:, 1] = 1
    share = GumbelHits()(similarity, torch.ones(1))[:, 1].mean()
    assert share.item() == pytest.approx(0.731059, abs=0.01)


def test_quiet_hits_are_noisy_in_training_only():
    quiet = QuietGumbelHits()
    similarity = torch.randn(1, 2, 100)
    assert not torch.equal(quiet.train()(similarity, torch.ones(1)), hard_hits(similarity))
    assert torch.equal(quiet.eval()(similarity, torch.ones(1)), hard_hits(similarity))


def test_hard_hits_by_hand():
    assert hard_hits(torch.tensor([[[1.0, 0.0], [0.0, 3.0]]])).tolist() == [[[1, 0], [0, 1]]]


def test_binary_head_against_its_formula():
    head = BinaryHead(H, upsamplings=1)
    token, v = torch.randn(N, H), torch.randn(N, H, SIDE, SIDE)
    logits = head(token, v)
    assert logits.shape == (N, 1, 2 * SIDE, 2 * SIDE)
    numbers, features = head.kernel(token), head.features(v)
    for n in range(N):
        expected = functional.conv2d(features[[n]], numbers[n, :H].view(1, H, 1, 1), numbers[n, H:])
        torch.testing.assert_close(logits[[n]], expected)


def test_semantic_head_has_a_kernel_for_each_class():
    head = SemanticHead(H, upsamplings=2, classes=5)
    token, v = torch.randn(N, H), torch.randn(N, H, SIDE, SIDE)
    logits = head(token, v)
    assert logits.shape == (N, 5, 4 * SIDE, 4 * SIDE)
    kernels = head.kernel(token).view(N, 5, H, 1, 1)
    for n in range(N):
        torch.testing.assert_close(logits[[n]], functional.conv2d(head.features(v)[[n]], kernels[n]))


def maps() -> list[torch.Tensor]:
    return [torch.randn(N, H, side, side) for side in (16, 8, 4, 2)]


def test_levels_go_from_coarse_to_fine():
    decoder = build_decoder(
        "clever", H, 64, BinaryHead(H, 1), variant="paper", dropout=0.1, evaluation_hits="argmax"
    ).eval()
    pyramid, audio = maps(), torch.randn(N, 1, H)
    logits, hits = decoder(pyramid, audio)
    tokens, v, seen = decoder.tokens.expand(N, -1, -1), pyramid[3], []
    for level in range(3):
        finer = pyramid[2 - level]
        enlarged = functional.interpolate(v, finer.shape[2:], mode="bilinear", align_corners=True)
        v = decoder.fusions[level].layers(torch.cat([enlarged, finer], dim=1))
        sound, picture = decoder.layers[level].questions
        tokens, _ = sound(tokens, v, audio)
        tokens, (hit,) = picture(tokens, v, audio)
        seen.append(hit)
    torch.testing.assert_close(logits, decoder.head(tokens[:, 1], v))
    assert all(torch.equal(x, y) for x, y in zip(hits, seen, strict=True))


def test_dropout_of_the_levels():
    decoder = build_decoder(
        "clever", H, 64, BinaryHead(H, 1), variant="released", dropout=0.1, evaluation_hits="argmax"
    )
    assert [layer.questions[1].dropout.p for layer in decoder.layers] == [0.1, 0.1, 0.0]
