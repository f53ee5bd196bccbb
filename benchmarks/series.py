"""Claim: `avvp series` with nothing to do costs at most twice what Snakemake's own dry run of the same workflow does.

    python benchmarks/series.py [--repeats 3]

In a workspace of two small notebooks that have run. Our call finds out by the contents of code, parameters and inputs that nothing has
changed and then lets Snakemake look; the reference is Snakemake alone. Processor seconds of all processes, medians of turns.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.test_snakefile import make, series, snakemake


def seconds(run: Callable[[], tuple[int, str]], said: str) -> float:
    """Processor time of the processes that a call starts, which has to end well and to say so."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, printed = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert status == 0 and said in printed, printed
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = make(Path(folder) / "home")
        print(f"both notebooks: {seconds(lambda: series(home), 'made: 00_alpha, 01_beta'):.1f} s")
        turns = [
            (
                seconds(lambda: series(home), "nothing to do"),
                seconds(lambda: snakemake(home, "-n"), "Nothing to be done"),
            )
            for _ in range(options.repeats)
        ]
    ours, alone = (statistics.median(times) for times in zip(*turns, strict=True))
    print(f"nothing to do: avvp series {ours:.1f} s, snakemake -n {alone:.1f} s: {ours / alone:.2f} x")


if __name__ == "__main__":
    main()
