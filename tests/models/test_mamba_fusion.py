"""How MUG's modalities meet: scans against a loop over single numbers, what is shared, the mix and the enhancement by hand."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from avvp_lib.models.mamba_fusion import (
    AdaptiveMambaFusion,
    CrossGatedMix,
    DirectedScan,
    DynamicScan,
    MambaFeatureEnhancement,
    MixedDynamicScan,
    OwnTransition,
    SharedTransition,
    roll_to,
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def scan_by_hand(scan: DirectedScan, x: Tensor, A: Tensor) -> Tensor:
    """One sequence x (L, E), in the order given, one number of the state at a time."""
    rank, states = scan.dt_proj.in_features, A.shape[1]
    h = torch.zeros_like(A)
    y = []
    for x_t in x:
        projected = scan.x_proj.weight @ x_t
        delta = softplus(scan.dt_proj.weight @ projected[:rank] + scan.dt_proj.bias)
        B, C = projected[rank : rank + states], projected[rank + states :]
        for e in range(len(x_t)):
            for n in range(states):
                h[e, n] = math.exp(delta[e] * A[e, n]) * h[e, n] + delta[e] * B[n] * x_t[e]
        y.append(h @ C + scan.D * x_t)
    return torch.stack(y)


def test_roll_begins_where_told_and_rolls_back():
    sequence = torch.arange(5.0).expand(3, 5)[..., None] + torch.tensor([0.0, 10.0, 20.0])[:, None, None]
    start = torch.tensor([0, 2, 4])
    rolled = roll_to(sequence, start)
    assert rolled.squeeze(2).tolist() == [[0, 1, 2, 3, 4], [12, 13, 14, 10, 11], [24, 20, 21, 22, 23]]
    assert torch.equal(roll_to(rolled, -start), sequence)


@torch.no_grad()
def test_dynamic_scan_goes_round_from_the_best_segment():
    scan = DynamicScan(6, 4).double()
    x = torch.randn(3, 5, 6, dtype=torch.double)
    y, start_prob = scan(x)
    A = -scan.A_log.exp()
    starts = set()
    for video in range(3):
        scores = [float(scan.score.weight[0] @ x_t) for x_t in x[video]]
        best = scores.index(max(scores))
        order = [(best + step) % 5 for step in range(5)]
        expected = torch.empty(5, 6, dtype=torch.double)
        expected[order] = scan_by_hand(scan.scan, x[video, order], A)
        torch.testing.assert_close(y[video], expected)
        odds = [math.exp(score) for score in scores]
        assert start_prob[video].tolist() == pytest.approx([each / sum(odds) for each in odds])
        starts.add(best)
    assert starts - {0}, "all three begin at the front: the roll was not tested"


def test_scores_learn_as_if_the_result_were_weighted():
    """The gradient of the score head is that of p_k times the (constant) result, divided by p_k."""
    scan = DynamicScan(6, 4).double()
    x = torch.randn(2, 5, 6, dtype=torch.double)
    y, _ = scan(x)
    y.pow(2).sum().backward()
    odds = scan.rate(x).max(dim=1).values
    expected = torch.autograd.grad((odds.log() * 2 * y.detach().pow(2).sum((1, 2))).sum(), scan.score.weight)[0]
    assert expected.abs().sum() > 0
    torch.testing.assert_close(scan.score.weight.grad, expected)


@torch.no_grad()
def test_mixture_is_the_expectation_over_starts():
    scan = MixedDynamicScan(6, 4).double()
    x = torch.randn(2, 5, 6, dtype=torch.double)
    y, start_prob = scan(x)
    A = -scan.A_log.exp()
    for video in range(2):
        expected = torch.zeros(5, 6, dtype=torch.double)
        for start in range(5):
            order = [(start + step) % 5 for step in range(5)]
            expected[order] += start_prob[video, start] * scan_by_hand(scan.scan, x[video, order], A)
        torch.testing.assert_close(y[video], expected)


@torch.no_grad()
def test_mixture_of_one_certain_start_is_the_top_scan():
    top, mixture = DynamicScan(6, 4), MixedDynamicScan(6, 4)
    mixture.load_state_dict(top.state_dict())
    top.score.weight.mul_(1e4), mixture.score.weight.mul_(1e4)
    x = torch.randn(3, 7, 6)
    torch.testing.assert_close(mixture(x)[0], top(x)[0])


@torch.no_grad()
def test_fusion_against_its_formula():
    """Both modalities: conv, three scans with the shared A written out, gate, projection, residual (Eq. 4, 5)."""
    fusion = AdaptiveMambaFusion(8, 6, d_state=4, d_conv=3).double()
    for transition in (fusion.forward_transition, fusion.backward_transition):
        transition.gate.normal_()
    streams = torch.randn(2, 1, 5, 8, dtype=torch.double)
    *results, shown = fusion(*streams)
    for modality, branches in enumerate((fusion.audio_scans, fusion.visual_scans)):
        A = []
        for transition in (fusion.forward_transition, fusion.backward_transition):
            share = 1 / (1 + (-transition.gate[modality]).exp())[:, None]
            A.append(-share * transition.A_log_shared.exp() - (1 - share) * transition.A_log_own[modality].exp())
        x, z = (streams[modality, 0] @ branches.in_proj.weight.T).split(6, dim=1)
        padded = torch.cat([torch.zeros(2, 6, dtype=torch.double), x])
        kernel = branches.conv1d.weight[:, 0]
        x = silu(torch.stack([(padded[t : t + 3].T * kernel).sum(1) for t in range(5)]) + branches.conv1d.bias)
        scanned = scan_by_hand(branches.forward_scan, x, A[0])
        scanned += scan_by_hand(branches.backward_scan, x.flip(0), A[1]).flip(0)
        best = int(shown["start_prob"][0, :, modality].argmax())
        order = [(best + step) % 5 for step in range(5)]
        scanned[order] += scan_by_hand(branches.dynamic_scan.scan, x[order], -branches.dynamic_scan.A_log.exp())
        expected = streams[modality, 0] + (scanned * silu(z)) @ branches.out_proj.weight.T
        torch.testing.assert_close(results[modality][0], expected)


def test_sharing_by_hand():
    transition = SharedTransition(1, 2)
    with torch.no_grad():
        transition.A_log_shared.copy_(torch.tensor([[2.0, 4.0]]).log())
        transition.A_log_own.copy_(torch.tensor([[[6.0, 8.0]], [[1.0, 1.0]]]).log())
        transition.gate.copy_(torch.tensor([[math.log(3.0)], [-math.log(3.0)]]))  # 3/4 and 1/4
    torch.testing.assert_close(transition.sharing(), torch.tensor([[0.75], [0.25]]))
    torch.testing.assert_close(transition(), torch.tensor([[[-3.0, -5.0]], [[-1.25, -1.75]]]))


def test_sharing_gates_learn_from_the_first_step():
    fusion = AdaptiveMambaFusion(8, 6, d_state=4)
    audio, visual, _ = fusion(*torch.randn(2, 3, 5, 8))
    (audio.pow(2).sum() + visual.pow(2).sum()).backward()
    for transition in (fusion.forward_transition, fusion.backward_transition):
        assert (transition.gate.grad.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize(("transition", "shared"), [(SharedTransition, 2), (OwnTransition, 0)])
def test_what_the_modalities_share(transition, shared):
    """Parameters that both outputs depend on: the two shared A, or nothing; and no output sees the other's input."""
    fusion = AdaptiveMambaFusion(8, 6, d_state=4, transition=transition)
    inputs = torch.randn(2, 3, 5, 8, requires_grad=True)
    names, weights = zip(*fusion.named_parameters(), strict=True)
    touched = []
    for modality in range(2):
        loss = fusion(*inputs)[modality].pow(2).sum()
        *grads, to_inputs = torch.autograd.grad(loss, (*weights, inputs), allow_unused=True)
        assert to_inputs[modality].abs().sum() > 0 and to_inputs[1 - modality].abs().sum() == 0
        grads = {name: grad for name, grad in zip(names, grads, strict=True) if grad is not None}
        for name in [name for name in grads if name.endswith(("A_log_own", "gate"))]:  # one row for each modality
            assert grads[name][modality].abs().sum() > 0 and grads.pop(name)[1 - modality].abs().sum() == 0
        touched.append({name for name, grad in grads.items() if grad.abs().sum() > 0})
    common = touched[0] & touched[1]
    assert len(common) == shared and all(name.endswith("A_log_shared") for name in common)
    assert fusion(*inputs)[2]["sharing"].unique().tolist() == [0.5 if shared else 0.0]


@torch.no_grad()
def test_mix_against_its_formula():
    mix = CrossGatedMix(2)
    for layer, weight in ((mix.gate_by_visual, 2.0), (mix.gate_by_audio, -1.0)):
        layer.weight.copy_(weight * torch.eye(2)), layer.bias.zero_()
    mix.join.weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 1.0]])), mix.join.bias.zero_()
    audio, visual = torch.tensor([[[3.0, 1.0]]]), torch.tensor([[[0.5, 4.0]]])
    expected = [3 / (1 + math.exp(-1)), 4 / (1 + math.exp(1))]  # audio gated by 2 * 0.5, visual gated by -1 * 1
    assert mix(audio, visual).flatten().tolist() == pytest.approx(expected)


@torch.no_grad()
def test_enhancement_by_hand():
    mfe = MambaFeatureEnhancement(4, 2, nn.Identity())
    mfe.expand.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [1, 1], [0, 0]])), mfe.expand.bias.zero_()
    audio, visual = torch.tensor([[[1.0, 3, 0, 2]]]), torch.tensor([[[2.0, 2, -4, 0]]])
    mix = torch.tensor([[[1.0, -3, 6, 0]]])
    pooled = [2 * 2 - 1, 1 * -2 + 3]  # products of means of pairs, plus the mean of the mix
    sigmoid = [1 / (1 + math.exp(-value)) for value in (pooled[0], pooled[1], sum(pooled), 0)]
    new_audio, new_visual, shown = mfe(audio, visual, mix)
    assert shown["enhancement"].flatten().tolist() == pytest.approx(sigmoid)
    assert new_audio.flatten().tolist() == pytest.approx(
        [f + f * e for f, e in zip([1, 3, 0, 2], sigmoid, strict=True)]
    )
    assert new_visual.flatten().tolist() == pytest.approx(
        [f + f * e for f, e in zip([2, 2, -4, 0], sigmoid, strict=True)]
    )
