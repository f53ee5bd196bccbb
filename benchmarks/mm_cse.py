"""Claim: a training step of MM-CSE is at least 4 times faster than the plain reading of the released structure.

    python benchmarks/mm_cse.py [--threads 2] [--repeats 10] [--no-dropout]

Batch 64, ten segments, 25 classes, four layers, CLAP and CLIP inputs, float32, AdamW; the step is forward, loss, backward
and update. The plain reading is tests/oracles/mm_cse_plain.py: 26 and 25 linear layers in Python loops, and a projection
of every cell of the resampled CLAP map. Both start from the same weights and must agree on the loss before anything is
timed. The two take turns; the number is the median of the process time, which competing programs inflate less than the
clock's.

The last line is the ceiling: what the ratio would be if all but the matrix products of our own step took no time. Both
networks multiply the same matrices, apart from the resampled map, so no rearrangement in float32 gets beyond it.
"""

from __future__ import annotations

import argparse
import os
import statistics
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

from avvp_lib.losses.mm_cse import mm_cse_loss  # noqa: E402
from avvp_lib.models.mm_cse import MMCSE, from_official  # noqa: E402
from tests.oracles.mm_cse_plain import PlainMMCSE, plain_loss  # noqa: E402

TARGET = 4
VIDEOS, SEGMENTS, CLASSES = 64, 10, 25
Losses = tuple[Callable[[], Tensor], Callable[[], Tensor]]


def inputs() -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Random features in the CLAP and CLIP layout, and labels as sparse as LLP's."""
    generator = torch.Generator().manual_seed(0)
    features = tuple(torch.randn(VIDEOS, *shape, generator=generator) for shape in ((64, 768), (10, 768), (10, 512)))
    pseudo = (torch.rand(2, VIDEOS, SEGMENTS, CLASSES, generator=generator) < 0.07).float()
    return features, (pseudo.amax((0, 2)), *pseudo)


def build(dropout: float) -> tuple[PlainMMCSE, MMCSE]:
    """The two, with equal weights."""
    torch.manual_seed(0)
    plain = PlainMMCSE(dropout=dropout)
    model = MMCSE(audio_dim=768, visual_2d_dim=768, audio_layout="clap_tokens", dropout=dropout)
    model.load_state_dict(from_official(plain.state_dict()))
    return plain, model


def losses(plain: PlainMMCSE, model: MMCSE) -> Losses:
    """What each has to compute for one batch: the released objective."""
    features, labels = inputs()
    released = {"reconstruction_weight": 0.5, "orthogonality": "visual-pooled"}
    return lambda: plain_loss(plain(*features), *labels), lambda: mm_cse_loss(model(*features), *labels, **released)


def agree(plain: PlainMMCSE, model: MMCSE) -> None:
    """Refuse to compare what does not compute the same; dropout is off for this."""
    plain.eval(), model.eval()
    with torch.no_grad():
        expected, ours = (loss().item() for loss in losses(plain, model))
    if abs(ours - expected) > 1e-4 * abs(expected):
        raise AssertionError(f"the two disagree: loss {ours} and {expected}")
    plain.train(), model.train()


def step_seconds(loss: Callable[[], Tensor], optimiser: torch.optim.Optimizer) -> tuple[float, float]:
    """Process time and wall time of one training step."""
    start, started = time.process_time(), time.perf_counter()
    optimiser.zero_grad()
    loss().backward()
    optimiser.step()
    return time.process_time() - start, time.perf_counter() - started


PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "mkldnn::_linear_pointwise")


def products_seconds(loss: Callable[[], Tensor], optimiser: torch.optim.Optimizer) -> float:
    """Wall time that one step spends inside matrix products, by torch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step_seconds(loss, optimiser)
    rows = {row.key: row.self_cpu_time_total for row in profiled.key_averages()}
    return sum(rows.get(name, 0) for name in PRODUCTS) / 1e6


def main() -> int:
    """Print seconds and the ratio; exit with 1 if the ratio misses the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--no-dropout", action="store_true", help="without drawing dropout masks")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    models = build(0.0 if options.no_dropout else 0.1)
    agree(*models)
    optimisers = [torch.optim.AdamW(model.parameters(), 3e-4, weight_decay=1e-3) for model in models]
    rounds = []
    for i in range(options.repeats + 1):
        taken = [step_seconds(*pair) for pair in zip(losses(*models), optimisers, strict=True)]
        rounds += [taken] if i else []  # the first round warms up
    medians, walls = {}, {}
    print(f"{'':8s} {'process s':>10s} {'wall s':>8s}   median of {options.repeats}, {options.threads} threads")
    for i, name in enumerate(("plain", "MM-CSE")):
        medians[name] = statistics.median(taken[i][0] for taken in rounds)
        walls[name] = statistics.median(taken[i][1] for taken in rounds)
        print(f"{name:8s} {medians[name]:10.2f} {walls[name]:8.2f}")
    ratio = medians["plain"] / medians["MM-CSE"]
    print(f"ratio of process times {ratio:.2f} (target {TARGET})")
    products = products_seconds(losses(*models)[1], optimisers[1])
    print(
        f"matrix products alone {products:.2f} s of MM-CSE's wall time: no ratio above {walls['plain'] / products:.2f}"
    )
    return 0 if ratio >= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
