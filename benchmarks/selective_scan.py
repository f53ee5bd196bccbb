"""Claim: forward and backward of a Mamba block cost little more than its matrix products, at any length.

Float32, gradients for the input and every weight, implementations interleaved, median process time.
References in the same run, all with the same weights:

    floor       only the matrix products and the convolution (nn.Conv1d) of the block: no scan, no gates
    loop        the step-by-step scan of tests/oracles inside the block
    slow path   transformers' MambaMixer without CUDA kernels (needs the extra "features")
    mambapy     the parallel scan of mambapy; left out where that package is not installed

    python benchmarks/selective_scan.py [--threads 1] [--linear]

--linear measures instead how time and memory grow with the length, from 64 to 16,384 steps, each length in a process of
its own, and draws benchmarks/results/selective_scan_length.svg.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Threads that wait must not count as work: this has to stand before torch is imported.
os.environ.update(OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="0", KMP_BLOCKTIME="0")
PROJECT_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT_ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from avvp_lib.models.ssm import Mamba, scan_path  # noqa: E402

CASES = {(64, 10, 256): 10, (64, 10, 512): 10, (4, 784, 256): 3}
"""(batch, L, d_model) and how often it is measured; the backward pass of the slow path grows with the square of L."""
RESULTS = Path(__file__).with_name("results")
LENGTHS = (64, 256, 1024, 4096, 16384)
Block = Callable[[Tensor], Tensor]


def load_oracle() -> Callable[[dict[str, Tensor], Tensor], Tensor]:
    """The block of tests/oracles/ssm.py, imported by path because tests are not installed."""
    spec = importlib.util.spec_from_file_location("oracle", PROJECT_ROOT / "tests" / "oracles" / "ssm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sequential_mamba


def products_only(model: Mamba) -> Block:
    """The block's matrix products and convolution, each with its gradients, and nothing between them."""

    def block(sequence: Tensor) -> Tensor:
        x, _ = model.in_proj(sequence).chunk(2, dim=-1)
        x = model.conv1d(x.transpose(1, 2))[..., : sequence.shape[1]].transpose(1, 2)
        low_rank, *_ = model.x_proj(x).split(model.split, dim=-1)
        delta = functional.linear(low_rank, model.dt_proj.weight)
        return torch.cat([model.out_proj(x), delta], dim=-1)

    return block


def slow_path(model: Mamba) -> Block:
    """transformers' block with the same weights."""
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    logging.getLogger("transformers").setLevel(logging.ERROR)
    channels, states = model.A_log.shape
    width = model.in_proj.in_features
    config = MambaConfig(hidden_size=width, state_size=states, intermediate_size=channels, num_hidden_layers=1)
    block = MambaMixer(config, layer_idx=0)
    block.load_state_dict(model.state_dict())
    return block


def parallel_scan(model: Mamba) -> Block | None:
    """mambapy's block with the same weights, or None."""
    if importlib.util.find_spec("mambapy") is None:
        return None
    from mambapy.mamba import MambaBlock, MambaConfig

    block = MambaBlock(MambaConfig(d_model=model.in_proj.in_features, n_layers=1))
    block.load_state_dict(model.state_dict())
    return block


def forward_backward(block: Block, sequence: Tensor) -> float:
    """Process time of a forward and backward pass, in seconds."""
    leaf = sequence.clone().requires_grad_()
    start = time.process_time()
    y = block(leaf)
    y.backward(torch.ones_like(y))
    return time.process_time() - start


def compare(shape: tuple[int, int, int], repeats: int) -> None:
    """Print milliseconds of every implementation at one shape, and how many times ours that is."""
    torch.manual_seed(0)
    model, sequence = Mamba(shape[2]), torch.randn(shape)
    sequential_mamba, weights = load_oracle(), dict(model.named_parameters())
    blocks = {"ours": model, "floor": products_only(model), "loop": lambda x: sequential_mamba(weights, x)}
    blocks |= {"slow path": slow_path(model), "mambapy": parallel_scan(model)}
    blocks = {name: block for name, block in blocks.items() if block is not None}
    with torch.no_grad():
        for name in set(blocks) - {"ours", "floor"}:
            torch.testing.assert_close(blocks[name](sequence), model(sequence), rtol=1e-4, atol=1e-5)
    forward_backward(model, sequence)
    rounds = [[forward_backward(block, sequence) for block in blocks.values()] for _ in range(repeats)]
    medians = dict(zip(blocks, map(statistics.median, zip(*rounds, strict=True)), strict=True))
    print(f"(batch, L, d_model) = {shape}")
    for name, median in medians.items():
        print(f"    {name:10s} {1e3 * median:9.1f} ms {median / medians['ours']:8.2f} x ours")


def grow(length: int) -> None:
    """Print, as JSON, time and additional peak memory of one pass over (1, length, 256); run in a process of its own."""
    model = Mamba(256)
    forward_backward(model, torch.randn(1, 16, 256))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = forward_backward(model, torch.randn(1, length, 256))
    mebibytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"length": length, "seconds": seconds, "mebibytes": mebibytes}))


def measure_growth(threads: int) -> None:
    """Print and draw how time and memory grow with the length."""
    rows = []
    for length in LENGTHS:
        command = [sys.executable, __file__, "--length", str(length), "--threads", str(threads)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        seconds, mebibytes = rows[-1]["seconds"], rows[-1]["mebibytes"]
        print(f"L = {length:6d} {1e3 * seconds:9.1f} ms {1e6 * seconds / length:7.1f} us/step {mebibytes:8.1f} MiB")
    draw_growth(rows)


def draw_growth(rows: list[dict[str, float]]) -> None:
    """Time and memory over the length, both axes logarithmic, with the line of slope 1 through the longest."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "avvp"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    lengths = [row["length"] for row in rows]
    for axis, name, unit in zip(axes, ("seconds", "mebibytes"), ("s", "MiB"), strict=True):
        values = [row[name] for row in rows]
        axis.loglog(
            lengths, [values[-1] * length / lengths[-1] for length in lengths], "--", color="0.6", label="linear"
        )
        axis.loglog(lengths, values, "o-", color="#0072b2", label="measured")
        axis.set(xlabel="length (steps)", ylabel=f"{name} ({unit})" if name == "seconds" else "additional memory (MiB)")
        axis.legend(frameon=False)
    figure.suptitle("Forward and backward of a Mamba block, (1, L, 256)")
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / "selective_scan_length.svg", metadata={"Date": None})


def main() -> None:
    """Print the comparison, or the growth with the length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--linear", action="store_true", help="growth with the length instead of the comparison")
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.length:
        grow(arguments.length)
    elif arguments.linear:
        measure_growth(arguments.threads)
    else:
        print(f"{torch.__version__}, threads: {arguments.threads}, forward and backward, {scan_path('cpu')}")
        for shape, repeats in CASES.items():
            compare(shape, repeats)


if __name__ == "__main__":
    main()
