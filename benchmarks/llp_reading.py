"""Claim: the LLP annotations are read and checked, all 11,849 videos, in a few times what pandas takes to parse the same files.

    python benchmarks/llp_reading.py [folder of LLP] [--repeats 7]

The reference reads the same CSV files and keeps their tables: no labels, no arrays, nothing checked. Process time, medians of turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pandas

from avvp_lib.corpora.llp import load_llp

BESIDE = Path(__file__).resolve().parents[1].parent / "shared" / "llp"


def seconds(run: Callable[[], object]) -> float:
    """Process time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=BESIDE)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    read = {file.name: file for file in options.folder.rglob("*.csv")}
    used = [read[name] for name in load_llp(options.folder).provenance["md5"]]

    def parse_only() -> list[pandas.DataFrame]:
        return [pandas.read_csv(file, sep="\t") for file in used]

    assert sum(map(len, load_llp(options.folder).splits.values())) == 11_849 and len(parse_only()) == len(used)
    turns = [(seconds(lambda: load_llp(options.folder)), seconds(parse_only)) for _ in range(options.repeats)]
    ours, parsing = (statistics.median(times) for times in zip(*turns, strict=True))
    print(f"load_llp {ours:.3f} s, pandas alone {parsing:.3f} s, {len(used)} files: {ours / parsing:.1f} x")


if __name__ == "__main__":
    main()
