"""What `avvp parse` costs: seconds a minute of video, and the peak of memory at 1 and at 5 minutes.

    python benchmarks/parse_video.py                       # rendered videos of 1 and of 5 minutes
    python benchmarks/parse_video.py --clip clip.mp4       # and a clip of your own

Each measurement is a process of its own, so that its peak is its own, and this one stays small: Linux counts what a process was forked
from into its peak. Reference in the same run: a plain decode of the same file (frames and samples, thrown away), and for memory the
shorter video.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

MINUTES = (1, 5)


def measure(path: Path, hop: int) -> dict[str, float]:
    """Processor and wall-clock seconds to parse a video with a parser that is loaded, its length, and the peak of memory (MB)."""
    from avvp_lib.own_video import parse_video, trained_parser

    parser = trained_parser()
    parse_video(path, parser, end=2, progress=False)  # what happens once in a process is no cost of a minute
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, worked = time.perf_counter(), time.process_time()
    parsed = parse_video(path, parser, hop, progress=False)
    elapsed, seconds = time.perf_counter() - began, time.process_time() - worked
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lasted = {"length": parsed.end, "seconds": seconds, "elapsed": elapsed, "decode": plain_decode(path)}
    return {**lasted, "before": before, "peak": after}


def plain_decode(path: Path) -> float:
    """Processor seconds to decode both streams and keep nothing."""
    began = time.process_time()
    with av.open(str(path)) as container:
        for _ in container.decode(video=0):
            pass
    with av.open(str(path)) as container:
        for _ in container.decode(audio=0):
            pass
    return time.process_time() - began


def apart(path: Path, hop: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(path), "--hop", str(hop)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def render(path: Path, seconds: int) -> None:
    """A rendered video, made in a process of its own."""
    code = (
        "import sys; from avvp_lib.own_video.rendered import render_long_video as r; r(sys.argv[1], int(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(seconds)], check=True)


def report(name: str, found: dict[str, float], hop: int) -> None:
    """One line of the result."""
    minutes = found["length"] / 60
    print(
        f"{name:22s} hop {hop:2d}: {found['seconds'] / minutes:6.1f} s of processor time a minute of video "
        f"({found['elapsed'] / minutes:.1f} s of the clock), {found['seconds'] / found['decode']:.1f} x a plain decode; "
        f"peak {found['peak']:.0f} MB, {found['before']:.0f} MB before"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--hop", type=int, default=5)
    args = parser.parse_args()
    if args.measure is not None:
        print(json.dumps(measure(args.measure, args.hop)))
        return
    with tempfile.TemporaryDirectory() as folder:
        peaks = {}
        for minutes in MINUTES:
            path = Path(folder) / f"{minutes}.mp4"
            render(path, 60 * minutes)
            found = apart(path, args.hop)
            peaks[minutes] = found["peak"]
            report(f"rendered, {minutes} min", found, args.hop)
        first, last = MINUTES
        print(f"peak of memory at {last} min / at {first} min: {peaks[last] / peaks[first]:.3f}")
        if args.clip is not None:
            report(args.clip.name, apart(args.clip, args.hop), args.hop)


if __name__ == "__main__":
    main()
