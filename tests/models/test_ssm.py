"""The selective scan and the Mamba block against transformers, float64 loops, and numbers worked out by hand."""

import copy
import logging
import math
import subprocess
import sys
import types

import numpy as np
import pytest
import scipy.linalg
import torch
from torch.nn import functional

from avvp_lib.models import scan, ssm
from avvp_lib.models.ssm import Mamba, scan_path, selective_scan
from tests.oracles.ssm import scan_loops, sequential_mamba, sequential_scan

LENGTHS = [1, 2, 3, 4, 5, scan.CHUNK - 1, scan.CHUNK, scan.CHUNK + 1, 2 * scan.CHUNK + 3]  # K = 4
NAMES = ("u", "delta", "A", "B", "C", "D", "z", "delta_bias")


def scan_inputs(batch=2, length=5, channels=3, states=4, dtype=torch.float64, seed=0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sequence, matrix = (batch, length, channels), (batch, length, states)
    shapes = (sequence, sequence, (channels, states), matrix, matrix, (channels,), sequence, (channels,))
    draws = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in zip(NAMES, shapes, strict=True)
    }
    draws["A"] = -draws["A"].exp()
    return {name: draw.to(dtype).requires_grad_() for name, draw in draws.items()}


def value_and_gradients(function, tensors: dict[str, torch.Tensor], **options) -> tuple[torch.Tensor, ...]:
    y = function(**tensors, **options)
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64).to(y.dtype)
    return y, *torch.autograd.grad(y, list(tensors.values()), upstream)


def mixer(model: Mamba):
    """transformers' MambaMixer with the weights of `model`."""
    configuration = pytest.importorskip("transformers").MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    logging.getLogger("transformers").setLevel(logging.ERROR)
    channels, states = model.A_log.shape
    width = model.in_proj.in_features
    config = configuration(
        hidden_size=width,
        state_size=states,
        intermediate_size=channels,
        conv_kernel=model.conv1d.kernel_size[0],
        num_hidden_layers=1,
    )
    reference = MambaMixer(config, layer_idx=0)
    reference.load_state_dict(model.state_dict(), strict=True)
    return reference


def seeded_mamba(*sizes, **options) -> Mamba:
    torch.manual_seed(3)
    return Mamba(*sizes, **options)


@pytest.mark.parametrize("length", LENGTHS)
def test_scan_and_every_gradient_equal_the_sequential_oracle(length):
    tensors = scan_inputs(length=length)
    ours = value_and_gradients(selective_scan, tensors, delta_softplus=True)
    oracle = value_and_gradients(sequential_scan, tensors, delta_softplus=True)
    torch.testing.assert_close(ours, oracle, rtol=1e-10, atol=1e-12)


def test_sequential_oracle_equals_four_nested_loops():
    tensors = {name: tensor.detach()[:1] for name, tensor in scan_inputs(length=6).items() if name in "udeltaBC"}
    tensors["A"] = scan_inputs()["A"].detach()
    loops = scan_loops(*(tensors[name].squeeze(0).numpy() for name in ("u", "delta", "A", "B", "C")))
    np.testing.assert_allclose(sequential_scan(**tensors)[0].numpy(), loops, rtol=1e-12)


def test_two_steps_by_hand():
    """One channel, one state, A = -ln 2, delta = 1: each step halves the state. h = 3 B, then 1.5 B + 5 B'."""
    column = {"u": [3.0, 5.0], "delta": [1.0, 1.0], "B": [2.0, 10.0], "C": [1.0, 100.0]}
    tensors = {name: torch.tensor(values).view(1, 2, 1) for name, values in column.items()}
    A, D = torch.tensor([[-math.log(2)]]), torch.tensor([7.0])
    y = selective_scan(**tensors, A=A, D=D)
    torch.testing.assert_close(y.flatten(), torch.tensor([6.0 + 21.0, 100 * (3.0 + 50.0) + 35.0]))


def test_zero_order_hold_by_hand():
    """A = -ln 2, delta = 1: exp(A) = 1/2, Bbar = (1/2 - 1) / -ln 2 = 1 / (2 ln 2) = 0.72135; Euler has Bbar = 1."""
    ones = torch.ones(1, 2, 1)
    A = torch.tensor([[-math.log(2)]])
    exact = selective_scan(ones, ones, A, ones, ones, discretisation="zoh")
    euler = selective_scan(ones, ones, A, ones, ones)
    torch.testing.assert_close(exact.flatten(), torch.tensor([0.72135, 1.08202]), rtol=0, atol=1e-5)
    torch.testing.assert_close(euler.flatten(), torch.tensor([1.0, 1.5]))


def test_zero_order_hold_equals_the_matrix_exponential():
    """A step of held input solves h' = A h + B u exactly: the last column of expm([[A, B u], [0, 0]] delta)."""
    tensors = {name: tensor.detach() for name, tensor in scan_inputs(batch=1, channels=2, states=3).items()}
    tensors["delta"] = functional.softplus(tensors["delta"])
    u, delta, A, B, C = (tensors[name] for name in ("u", "delta", "A", "B", "C"))
    expected = torch.zeros(5, 2, dtype=torch.float64)
    for e in range(2):
        state = np.zeros(3)
        for t in range(5):
            system = np.zeros((4, 4))
            system[:3, :3] = np.diag(A[e])
            system[:3, 3] = B[0, t] * u[0, t, e]
            state = (scipy.linalg.expm(system * delta[0, t, e].item()) @ np.append(state, 1.0))[:3]
            expected[t, e] = C[0, t] @ torch.from_numpy(state)
    y = selective_scan(u, delta, A, B, C, discretisation="zoh")[0]
    torch.testing.assert_close(y, expected)


def test_the_discretisations_meet_for_small_steps():
    tensors = {name: tensor.detach() for name, tensor in scan_inputs(length=8).items() if name in "uABC"}
    delta = torch.full_like(tensors["u"], 1e-6)
    exact, euler = (selective_scan(**tensors, delta=delta, discretisation=kind) for kind in ("zoh", "euler"))
    torch.testing.assert_close(exact, euler, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("discretisation", ssm.DISCRETISATIONS)
def test_gradcheck(discretisation):
    tensors = scan_inputs(length=5, channels=2, states=3)

    def scanned(*values):
        named = dict(zip(NAMES, values, strict=True))
        return selective_scan(**named, delta_softplus=True, discretisation=discretisation, chunk_size=2)

    assert torch.autograd.gradcheck(scanned, tuple(tensors.values()))


@pytest.mark.parametrize("chunk_size", [1, 2, 7, 37, 1000])
@pytest.mark.parametrize("budget", [1, 64, 2**18])
def test_chunks_and_blocks_do_not_change_the_result(monkeypatch, chunk_size, budget):
    tensors = scan_inputs(batch=5, length=37)
    reference = value_and_gradients(sequential_scan, tensors, delta_softplus=True)
    monkeypatch.setitem(scan.BLOCK_ELEMENTS, "cpu", budget)
    ours = value_and_gradients(selective_scan, tensors, delta_softplus=True, chunk_size=chunk_size)
    torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-12)


def test_gradients_only_for_what_needs_them():
    tensors = scan_inputs()
    detached = {name: tensor if name == "C" else tensor.detach() for name, tensor in tensors.items()}
    y = selective_scan(**detached, delta_softplus=True)
    expected = torch.autograd.grad(sequential_scan(**tensors, delta_softplus=True).sum(), tensors["C"])
    torch.testing.assert_close(torch.autograd.grad(y.sum(), detached["C"]), expected)
    assert not selective_scan(**{name: tensor.detach() for name, tensor in tensors.items()}).requires_grad


def test_non_contiguous_inputs():
    tensors = scan_inputs(length=9)
    flipped = {n: t.transpose(0, 1).contiguous().transpose(0, 1) if t.dim() == 3 else t for n, t in tensors.items()}
    torch.testing.assert_close(
        value_and_gradients(selective_scan, flipped, delta_softplus=True),
        value_and_gradients(sequential_scan, tensors, delta_softplus=True),
    )


def test_extreme_step_sizes_on_a_long_sequence_stay_finite():
    """Decays from exp(-0) to exp(-16000): a product over a chunk underflows, which divisions would turn into NaN."""
    tensors = scan_inputs(batch=1, length=4096, channels=4, states=16, dtype=torch.float32)
    generator = torch.Generator().manual_seed(4)
    scale = 10 ** (torch.rand(1, 4096, 4, generator=generator) * 11 - 8)  # 1e-8 to 1e3
    plain = {name: tensor.detach() for name, tensor in tensors.items()}
    plain |= {"delta": scale, "A": -torch.arange(1.0, 17.0).repeat(4, 1), "delta_bias": torch.zeros(4)}
    tensors = {name: tensor.requires_grad_() for name, tensor in plain.items()}
    ours = value_and_gradients(selective_scan, tensors)
    assert all(torch.isfinite(tensor).all() for tensor in ours)
    doubles = {name: tensor.detach().double().requires_grad_() for name, tensor in tensors.items()}
    oracle = value_and_gradients(sequential_scan, doubles)
    for mine, exact in zip(ours, oracle, strict=True):
        torch.testing.assert_close(mine.double(), exact, rtol=1e-3, atol=1e-5 * exact.abs().max().item())


def test_autocast_keeps_the_scan_in_float32():
    tensors = scan_inputs(length=40, states=16, dtype=torch.float32)
    expected = value_and_gradients(selective_scan, tensors, delta_softplus=True)
    for kind in ssm.DISCRETISATIONS:
        with torch.autocast("cpu", torch.bfloat16):
            y = selective_scan(**tensors, delta_softplus=True, discretisation=kind)
        assert torch.equal(y, selective_scan(**tensors, delta_softplus=True, discretisation=kind))
    with torch.autocast("cpu", torch.bfloat16):
        inside = value_and_gradients(selective_scan, tensors, delta_softplus=True)
    assert all(torch.equal(a, b) for a, b in zip(inside, expected, strict=True))


def test_half_precision_inputs_are_rounded_once():
    """bfloat16 in, bfloat16 out, nothing but the result rounded in between; gradients come back in bfloat16."""
    tensors = scan_inputs(length=40, states=16, dtype=torch.bfloat16)
    y, *gradients = value_and_gradients(selective_scan, tensors, delta_softplus=True)
    wide = {name: tensor.detach().float() for name, tensor in tensors.items()}
    assert torch.equal(y, selective_scan(**wide, delta_softplus=True).bfloat16())
    assert {gradient.dtype for gradient in gradients} == {torch.bfloat16}


@pytest.mark.parametrize("length", [*LENGTHS, 96])
def test_block_and_every_gradient_equal_transformers(length):
    model = seeded_mamba(24)
    reference = mixer(model)
    sequence = torch.randn(3, length, 24, generator=torch.Generator().manual_seed(length), requires_grad=True)
    ours, theirs = (
        (block(sequence), *torch.autograd.grad(block(sequence).square().sum(), [sequence, *dict_of(block).values()]))
        for block in (model, reference)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def dict_of(block: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters in alphabetical order, which does not depend on the implementation."""
    return dict(sorted(block.named_parameters()))


@pytest.mark.parametrize(
    ("length", "options"), [(1, {}), (7, {"d_conv": 3, "d_state": 5, "expand": 1}), (20, {"dt_rank": 3})]
)
def test_block_equals_the_float64_oracle(length, options):
    model = seeded_mamba(12, **options).double()
    sequence = torch.randn(2, length, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(model(sequence), sequential_mamba(model.state_dict(), sequence), rtol=0, atol=1e-12)


def test_block_under_autocast_is_close_and_trains():
    model = seeded_mamba(32)
    sequence = torch.randn(2, 20, 32)
    with torch.autocast("cpu", torch.bfloat16):
        y = model(sequence)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), model(sequence), rtol=0.05, atol=5e-3)
    y.float().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_causal_and_one_sequence_does_not_see_another():
    model = seeded_mamba(8)
    sequence = torch.randn(3, 40, 8, generator=torch.Generator().manual_seed(2))
    before = model(sequence)
    changed = sequence.clone()
    changed[1, 17] += 1.0
    differs = (model(changed) - before).abs().amax(dim=2) > 0
    assert not differs[[0, 2]].any()
    assert not differs[1, :17].any()
    assert differs[1, 17:].all()


def test_tiny_steps_leave_the_skip_connection():
    tensors = {name: tensor.detach() for name, tensor in scan_inputs().items() if name in "uABCD"}
    y = selective_scan(**tensors, delta=torch.zeros_like(tensors["u"]))
    torch.testing.assert_close(y, tensors["D"] * tensors["u"])


def test_state_dict_is_the_standard_one():
    shapes = {key: tuple(tensor.shape) for key, tensor in Mamba(256).state_dict().items()}
    assert shapes == {
        "A_log": (512, 16),
        "D": (512,),
        "in_proj.weight": (1024, 256),
        "conv1d.weight": (512, 1, 4),
        "conv1d.bias": (512,),
        "x_proj.weight": (48, 512),
        "dt_proj.weight": (512, 16),
        "dt_proj.bias": (512,),
        "out_proj.weight": (256, 512),
    }
    assert sum(math.prod(shape) for shape in shapes.values()) == 437_760
    assert sum(parameter.numel() for parameter in Mamba(512).parameters()) == 1_694_720


def test_initial_values():
    model = seeded_mamba(512, dt_min=0.002, dt_max=0.05)
    torch.testing.assert_close(model.A_log.exp()[7], torch.arange(1.0, 17.0))
    assert torch.equal(model.D, torch.ones(1024))
    assert 0.9 / math.sqrt(32) < model.dt_proj.weight.abs().max() <= 1 / math.sqrt(32)
    steps = functional.softplus(model.dt_proj.bias)
    assert 0.00199 < steps.min() < 0.0022
    assert 0.045 < steps.max() < 0.0501
    assert steps.log().mean().item() == pytest.approx(math.log(0.01), abs=0.1)  # halfway between 0.002 and 0.05


def test_directions_may_differ_in_A():
    """A backward scan with its own A is the forward scan of the flipped sequence, flipped back."""
    tensors = {name: tensor.detach() for name, tensor in scan_inputs(length=6).items() if name in ("u", "A", "B", "C")}
    delta = torch.full_like(tensors["u"], 0.3)
    own = tensors | {"A": 2 * tensors["A"]}
    flipped = {name: tensor if name == "A" else tensor.flip(1) for name, tensor in own.items()}
    backward = selective_scan(**flipped, delta=delta).flip(1)
    last = {name: tensor if name == "A" else tensor[:, -1:] for name, tensor in own.items()}
    torch.testing.assert_close(backward[:, -1:], selective_scan(**last, delta=delta[:, -1:]))
    assert not torch.allclose(selective_scan(**own, delta=delta), selective_scan(**tensors, delta=delta))


def test_deep_copies_learn_apart():
    model = seeded_mamba(8)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.A_log += 1
    assert not torch.equal(model(torch.ones(1, 4, 8)), twin(torch.ones(1, 4, 8)))


@pytest.mark.slow
def test_compiled_block_equals_the_eager_one():
    model = seeded_mamba(8)
    sequence = torch.randn(2, 10, 8)
    torch.testing.assert_close(torch.compile(model, backend="aot_eager")(sequence), model(sequence))


class TestKernel:
    """The kernel of mamba-ssm is optional, imported late, and for CUDA tensors only."""

    @pytest.fixture(autouse=True)
    def forget(self):
        ssm.cuda_kernel.cache_clear()
        yield
        ssm.cuda_kernel.cache_clear()

    @pytest.fixture
    def fake_kernel(self, monkeypatch):
        calls = []

        def kernel(*arguments, **options):
            calls.append((arguments, options))
            raise AssertionError("called for tensors on a CPU")

        interface = types.ModuleType("mamba_ssm.ops.selective_scan_interface")
        interface.selective_scan_fn = kernel
        for name in ("selective_scan_cuda", "mamba_ssm", "mamba_ssm.ops"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, interface.__name__, interface)
        return interface

    def test_a_fake_package_is_not_used_for_cpu_tensors(self, fake_kernel):
        tensors = scan_inputs(dtype=torch.float32)
        assert ssm.cuda_kernel()[0] is fake_kernel.selective_scan_fn
        torch.testing.assert_close(selective_scan(**tensors), sequential_scan(**tensors))

    def test_path_names_the_reason(self, monkeypatch):
        for name in ("selective_scan_cuda", "mamba_ssm"):
            monkeypatch.setitem(sys.modules, name, None)
        assert scan_path("cpu") == "pure PyTorch: the kernel of mamba-ssm runs on CUDA devices only, not on cpu"
        assert scan_path("cuda:0").startswith("pure PyTorch: mamba-ssm cannot be imported (ModuleNotFoundError")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert scan_path() == "pure PyTorch: no CUDA device is available"

    def test_path_with_the_package(self, fake_kernel, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        assert scan_path() == scan_path(torch.device("cuda")) == "mamba-ssm CUDA kernel: mamba-ssm is installed"
        assert scan_path("cpu").startswith("pure PyTorch")

    def test_a_broken_build_is_a_reason_not_an_error(self, fake_kernel):
        del fake_kernel.selective_scan_fn
        assert scan_path("cuda").startswith("pure PyTorch: mamba-ssm cannot be imported (ImportError")

    def test_layout_that_the_kernel_gets(self, fake_kernel):
        """transformers' reference of the kernel, (batch, E, L), stands in for it."""
        pytest.importorskip("transformers")
        from transformers.models.mamba.modeling_mamba import mamba_selective_scan

        fake_kernel.selective_scan_fn = mamba_selective_scan
        tensors = scan_inputs(dtype=torch.float32)
        fused = ssm.fused_scan(**tensors, delta_softplus=True)
        torch.testing.assert_close(fused, selective_scan(**tensors, delta_softplus=True))

    def test_importing_the_models_does_not_import_the_package(self):
        program = "import sys, avvp_lib.models.ssm; sys.exit('mamba_ssm' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u": torch.zeros(5, 3)}, r"u has shape \(5, 3\); the scan expects \(batch, L, E\)"),
        ({"u": torch.zeros(2, 0, 3)}, "with at least one step"),
        ({"A": torch.zeros(4, 3)}, r"A has shape \(4, 3\); u has 3 channels, so A must be \(3, N\)"),
        ({"delta": torch.zeros(2, 5, 4)}, r"delta has shape \(2, 5, 4\); the scan expects \(2, 5, 3\)"),
        ({"B": torch.zeros(2, 5, 3)}, r"B has shape \(2, 5, 3\); the scan expects \(2, 5, 4\)"),
        ({"C": torch.zeros(2, 6, 4)}, r"C has shape \(2, 6, 4\)"),
        ({"D": torch.zeros(4)}, r"D has shape \(4,\); the scan expects \(3,\)"),
        ({"z": torch.zeros(1, 5, 3)}, r"z has shape \(1, 5, 3\)"),
        ({"delta_bias": torch.zeros(1)}, r"delta_bias has shape \(1,\)"),
        ({"discretisation": "bilinear"}, "discretisation 'bilinear' is unknown; known: euler, zoh"),
        ({"chunk_size": 0}, "chunk_size must be at least 1, not 0"),
    ],
)
def test_scan_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        selective_scan(**(scan_inputs() | change))


def test_block_refuses():
    with pytest.raises(ValueError, match=r"sequence has shape \(2, 5, 9\); expected \(batch, L, 8\)"):
        Mamba(8)(torch.zeros(2, 5, 9))
    for sizes in ({"d_model": 0}, {"d_model": 8.0}, {"d_model": 8, "d_conv": 0}, {"d_model": 8, "dt_rank": -1}):
        with pytest.raises(ValueError, match="must be a positive integer"):
            Mamba(**sizes)
    with pytest.raises(ValueError, match="0 < dt_min <= dt_max"):
        Mamba(8, dt_min=0.1, dt_max=0.01)


@pytest.mark.slow
def test_long_sequences_cost_memory_in_proportion():
    """4,096 steps of 64 channels, forward and backward; every state kept would be 512 MB for E = 128 and a batch of 16."""
    program = (
        "import resource, torch; from avvp_lib.models.ssm import Mamba\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "model = Mamba(64); model(torch.randn(16, 16, 64)).sum().backward(); start = peak()\n"
        "model(torch.randn(16, 4096, 64)).sum().backward(); print(peak() - start)"
    )
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert float(printed) < 1000  # one input-sized (batch, L, E) tensor is 32 MB
