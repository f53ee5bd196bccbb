"""Claim: segmentation_scores is at least 20 times faster than the published loop over 255 thresholds.

Both score frames of 224 x 224 pixels, on one thread, in groups of 10 as SelM was tested, and must agree. Two inputs: confident
predictions, as of a trained model, and logits spread over all thresholds. Every fifth mask is empty. The loop is the
oracle of the tests. The two take turns; process time, medians.

    python benchmarks/segmentation_scores.py [--frames 20] [--repeats 5]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
PROJECT_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT_ROOT))

import torch  # noqa: E402

from avvp_lib.metrics import segmentation_scores  # noqa: E402

SIDE, FRAMES_PER_GROUP = 224, 10
TARGET = 20


def load_oracle() -> Callable[..., dict[str, float]]:
    """The loop of tests/oracles/segmentation.py, imported by path because tests are not installed."""
    spec = importlib.util.spec_from_file_location("oracle", PROJECT_ROOT / "tests" / "oracles" / "segmentation.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.loop_scores


def discs(frames: int, random: torch.Generator) -> torch.Tensor:
    """Masks (F, H, W) bool: a disc somewhere in each frame, every fifth frame empty."""
    rows = torch.arange(SIDE)[:, None] - SIDE * torch.rand(frames, 1, 1, generator=random)
    columns = torch.arange(SIDE) - SIDE * torch.rand(frames, 1, 1, generator=random)
    masks = rows**2 + columns**2 < (SIDE / 5) ** 2
    masks[::5] = False
    return masks


def seconds(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median process time of each call; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Print milliseconds a frame and ratios; exit with 1 if a ratio misses the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    masks = discs(arguments.frames, random)
    noise = torch.randn(masks.shape, generator=random)
    inputs = {"confident": 12.0 * masks - 6 + 2 * noise, "spread over thresholds": 1.0 * masks + 1.5 * noise}
    loop_scores = load_oracle()
    smallest = float("inf")
    print(f"{'input':24s} {'loop ms/frame':>14s} {'ours ms/frame':>14s} {'ratio':>7s}")
    for name, logits in inputs.items():
        ours = segmentation_scores(logits, masks, frames_per_group=FRAMES_PER_GROUP)
        loop = loop_scores(logits, masks, FRAMES_PER_GROUP)
        if any(abs(ours[key] - loop[key]) > 1e-4 for key in loop):  # percent; the loop adds up in float32
            raise AssertionError(f"{name}: the two disagree: {ours} and {loop}")
        took = seconds(
            {
                "loop": lambda logits=logits: loop_scores(logits, masks, FRAMES_PER_GROUP),
                "ours": lambda logits=logits: segmentation_scores(logits, masks, frames_per_group=FRAMES_PER_GROUP),
            },
            arguments.repeats,
        )
        smallest = min(smallest, took["loop"] / took["ours"])
        loop_ms, ours_ms = (1e3 * took[key] / arguments.frames for key in ("loop", "ours"))
        print(f"{name:24s} {loop_ms:14.2f} {ours_ms:14.3f} {loop_ms / ours_ms:6.0f}x")
    return 0 if smallest >= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
