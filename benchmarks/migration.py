"""Claim: label migration over a whole corpus needs no memory that grows with N x N, and is no slower than the dense equations.

Segments as UnAV-100 has them: videos of 42 s, 2.8 events each (lengths of 4 to 20 s are our guess; the share of labelled segments is
printed), C = 100, D = 512, float32. One torch thread, every size in a process of its own, process time.

    ours        migrate_labels, scope "corpus"
    dense       S, M, S' and their products with all labels as whole N x N matrices in float32; only where these fit

Memory is by how much the peak of the process rises, results included; inputs are there before. Dense comes after ours in the same
process, so its number is what it takes beyond ours. Its labels and votes are compared with ours.

    python benchmarks/migration.py [--sizes 5000 10000 20000 50000] [--dense 10000]

Last: time and memory for the 450,000 segments of UnAV-100, from the law time = a * N * labelled and from what results take.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import Tensor

from avvp_lib.pseudo_labels.migration import migrate_labels

WIDTH, CLASSES, SECONDS, EVENTS, LOOKS, THRESHOLD = 512, 100, 42, 2.8, 8, 0.9
UNAV = 450_000
MIB = 2**20


def segments(number: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features and labels. A segment looks like one of its events, or like one that nobody labelled, or like nothing else.

    Looks are far apart and noise is small, so that no cosine is near the threshold and both ways must give the same votes.
    """
    rng = np.random.default_rng(seed)
    labels = torch.zeros(number, CLASSES, dtype=torch.bool)
    look = rng.integers(0, CLASSES * LOOKS, number)
    look[rng.random(number) < 0.5] = -1
    for start in range(0, number, SECONDS):
        for _ in range(rng.poisson(EVENTS)):
            onset, kind, variant = rng.integers(0, SECONDS), rng.integers(0, CLASSES), rng.integers(0, LOOKS)
            stop = min(start + onset + rng.integers(4, 21), start + SECONDS, number)
            labels[start + onset : stop, kind] = True
            look[start + onset : stop] = kind * LOOKS + variant
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(number, WIDTH, generator=generator)
    centres = torch.randn(CLASSES * LOOKS, WIDTH, generator=generator)
    for rows in torch.from_numpy(np.flatnonzero(look >= 0)).split(1024):
        features[rows] = centres[torch.from_numpy(look)[rows]] + 0.2 * features[rows]
    return features, labels


def dense(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The equations as they are written: soft labels and votes."""
    unit, given = torch.nn.functional.normalize(features, dim=1), labels.float()
    similarity = unit @ unit.T
    mask = (similarity >= THRESHOLD).float()
    votes = mask @ given
    total = (similarity * mask) @ given
    return torch.maximum(torch.where(votes > 0, total / votes.clamp(min=1), 0.0), given), votes


def measured(run: Callable[[], tuple[Tensor, Tensor]]) -> tuple[tuple[Tensor, Tensor], float, float]:
    """What it returns, process time in seconds, and MiB by which the peak of this process rose."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    result = run()
    return result, time.process_time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def ours(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The library: soft labels and votes."""
    migration = migrate_labels(features, labels, THRESHOLD, scope="corpus")
    return migration.labels, migration.votes


def one_size(number: int, with_dense: bool) -> None:
    """Measure in this process and print one line of JSON."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    features, labels = segments(number)
    for run in (ours, dense):  # what a first call needs is not counted
        run(features[:64], labels[:64])
    (soft, votes), seconds, memory = measured(lambda: ours(features, labels))
    row = {"N": number, "labelled": int(labels.any(1).sum()), "seconds": seconds, "MiB": memory}
    row |= {"results": soft.numel() * (4 + 4 + 1) / MIB, "inputs": (features.numel() * 4 + labels.numel()) / MIB}
    row["migrated"] = int(((soft > 0) & ~labels).sum())
    if with_dense:
        (expected, expected_votes), row["dense_seconds"], row["dense_MiB"] = measured(lambda: dense(features, labels))
        assert torch.equal(votes.float(), expected_votes), "votes differ from the dense equations"
        torch.testing.assert_close(soft, expected, rtol=0, atol=2e-6)
        row["difference"] = float((soft - expected).abs().max())
    print(json.dumps(row))


def project(rows: list[dict[str, float]]) -> None:
    """Print what 450,000 segments would take, by the law of the largest size that was measured."""
    last = rows[-1]
    labelled = UNAV * last["labelled"] / last["N"]
    seconds = last["seconds"] * UNAV / last["N"] * labelled / last["labelled"]
    tiles = max(row["MiB"] - row["results"] for row in rows)
    results, inputs = (last[name] * UNAV / last["N"] for name in ("results", "inputs"))
    print(
        f"N = {UNAV}, {labelled:.0f} labelled: about {seconds / 3600:.1f} h of one core; "
        f"{(results + tiles) / 1024:.1f} GiB beside inputs of {inputs / 1024:.1f} GiB "
        f"(one N x N matrix in float32: {4 * UNAV**2 / 2**30:.0f} GiB)"
    )


def main() -> None:
    """Measure every size in a process of its own, print a table and the projection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 50_000], help="numbers N")
    parser.add_argument("--dense", type=int, default=10_000, help="largest N at which N x N matrices fit")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one_size(arguments.one, arguments.one <= arguments.dense)
        return
    print(f"{torch.__version__}, 1 thread, C = {CLASSES}, D = {WIDTH}, threshold {THRESHOLD}")
    rows = []
    for size in sorted(arguments.sizes):
        command = [sys.executable, __file__, "--one", str(size), "--dense", str(arguments.dense)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        row = rows[-1]
        print(
            f"N = {size:6d}, {100 * row['labelled'] / size:.0f} % labelled, {row['migrated']} labels migrated: "
            f"{row['seconds']:7.2f} s, {1e9 * row['seconds'] / size / row['labelled']:5.1f} ns a pair, "
            f"{row['MiB']:7.1f} MiB, of which results {row['results']:.1f} (inputs {row['inputs']:.1f})",
            flush=True,
        )
        if "dense_seconds" in row:
            print(
                f"    dense: {row['dense_seconds']:7.2f} s ({row['dense_seconds'] / row['seconds']:.2f} x ours), "
                f"{row['dense_MiB']:7.1f} MiB, equal votes, labels differ by at most {row['difference']:.1e}",
                flush=True,
            )
    project(rows)


if __name__ == "__main__":
    main()
