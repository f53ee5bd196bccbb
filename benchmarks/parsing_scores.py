"""Claim: parsing_scores is at least 100 times faster than scoring video by video and class by class.

Both score 1,200 videos of ten segments and 25 categories, on one thread, and must agree. Two inputs: predictions as
sparse as LLP's labels (the real test annotations if --llp names them, else random grids of that density) and the worst
case, every segment of every category random with p = 0.5. The loop is the oracle of the tests.

    python benchmarks/parsing_scores.py [--llp FOLDER]
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

import numpy as np  # noqa: E402

from avvp_lib.corpora import load_corpus  # noqa: E402
from avvp_lib.metrics import parsing_scores  # noqa: E402

VIDEOS, SEGMENTS, CATEGORIES = 1200, 10, 25
TARGET = 100
Grids = tuple[np.ndarray, ...]


def load_oracle() -> Callable[..., dict[str, float]]:
    """The loop of tests/oracles/parsing.py, imported by path because tests are not installed."""
    spec = importlib.util.spec_from_file_location("oracle", PROJECT_ROOT / "tests" / "oracles" / "parsing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.loop_scores


def random_grids(random: np.random.Generator, active: float) -> Grids:
    """Four random grids; `active` is the share of categories in which a video has anything, p = 0.5 inside."""
    video_labels = random.random((VIDEOS, 1, CATEGORIES)) < active
    return tuple(video_labels & (random.random((VIDEOS, SEGMENTS, CATEGORIES)) < 0.5) for _ in range(4))


def annotated_grids(random: np.random.Generator, root: Path) -> Grids:
    """Random predictions inside the weak labels of LLP's test videos, against their dense labels."""
    split = load_corpus("llp", root).splits["test"]
    shape = split.audio.shape
    predicted = (split.video_labels[:, None] & (random.random(shape) < 0.5) for _ in range(2))
    return (*predicted, split.audio, split.visual)


def seconds(function: Callable[..., dict[str, float]], grids: Grids, repeats: int) -> float:
    """Median wall time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*grids)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    """Print milliseconds and ratios; exit with 1 if a ratio misses the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llp", type=Path, default=PROJECT_ROOT.parent / "shared" / "llp", help="LLP's folder")
    root = parser.parse_args().llp
    random = np.random.default_rng(0)
    inputs = {"p = 0.5 everywhere": random_grids(random, active=1.0)}
    if root.is_dir():
        inputs["LLP test annotations"] = annotated_grids(random, root)
    else:
        inputs["random, dense as LLP"] = random_grids(random, active=1.8 / CATEGORIES)
    loop_scores = load_oracle()
    slowest = float("inf")
    print(f"{'input':22s} {'loop ms':>10s} {'ours ms':>10s} {'ratio':>8s}")
    for name, grids in inputs.items():
        ours, loop = parsing_scores(*grids), loop_scores(*grids)
        if any(abs(ours[key] - loop[key]) > 1e-9 for key in loop):
            raise AssertionError(f"{name}: the two disagree: {ours} and {loop}")
        fast, slow = seconds(parsing_scores, grids, 21), seconds(loop_scores, grids, 3)
        slowest = min(slowest, slow / fast)
        print(f"{name:22s} {1e3 * slow:10.1f} {1e3 * fast:10.2f} {slow / fast:7.0f}x")
    return 0 if slowest >= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
