"""Claims: reading a clip takes at most 1.3 times what a bare PyAV loop takes; and what each published backbone costs.

    python benchmarks/extraction.py [clip.mp4 ...] [--backbones vggish clap] [--device cuda] [--repeats 5]

Without clips: one that is rendered (128 x 128), and LLP's that a developer keeps beside the checkout (320 x 240), if it is there. Process
time of one thread, the median of turns in which the two readers alternate. The loop decodes the same 80 pictures and both sounds into
arrays and checks nothing (tests/oracles/bare_decoding.py). Stages: decoding, then per backbone preparation on the CPU and the forward
pass, by the clock on a GPU. Videos an hour are for one process that does one after the other; processes add up until the machine is full.
Weights are those of $AVVP_WEIGHTS, or random ones of the same size, which cost the same.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
PROJECT_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT_ROOT))

import torch  # noqa: E402

from avvp_lib.corpora.synthetic import CorpusSettings, render_video  # noqa: E402
from avvp_lib.corpora.synthetic.encoding import write_video  # noqa: E402
from avvp_lib.features.clip_media import read_clip  # noqa: E402
from avvp_lib.features.published_backbones import PUBLISHED_BACKBONES, build_published  # noqa: E402
from tests.features.random_weights import write_weights  # noqa: E402
from tests.oracles.bare_decoding import bare_loop  # noqa: E402

TARGET = 1.3
REAL = PROJECT_ROOT.parent / "shared" / "llp" / "videos" / "BjCEufrlXm4.mp4"


def seconds(run: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """How long one call takes."""
    start = clock()
    run()
    return clock() - start


def decoding(clip: Path, repeats: int) -> float:
    """Print what reading costs beside the bare loop; returns the seconds of reading."""
    read_clip(clip), bare_loop(clip)  # what a first call needs is not counted
    turns = [(seconds(lambda: read_clip(clip)), seconds(lambda: bare_loop(clip))) for _ in range(repeats)]
    ours, bare = (statistics.median(times) for times in zip(*turns, strict=True))
    verdict = "holds" if ours <= TARGET * bare else "MISSED"
    print(
        f"    decode              {ours:8.3f} s, bare loop {bare:.3f} s: {ours / bare:.2f} x (at most {TARGET}: {verdict})"
    )
    return ours


def stages(clip: Path, name: str, device: str, repeats: int) -> float:
    """Print what one backbone costs; returns its seconds a video."""
    backbone, media = build_published(name, device=device), read_clip(clip)
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    inputs = backbone.prepare(media)
    if device.startswith("cuda"):
        backbone.encode(inputs)  # kernels are chosen and memory is taken once
    preparing = statistics.median(seconds(lambda: backbone.prepare(media)) for _ in range(repeats))
    encoding = statistics.median(seconds(lambda: backbone.encode(inputs), clock) for _ in range(min(repeats, 3)))
    print(
        f"    {name:14s} prepare {preparing:6.3f} s, forward {encoding:8.3f} s, {tuple(backbone.card.output_shape)}",
        flush=True,
    )
    return preparing + encoding


def measure(clip: Path, backbones: list[str], device: str, repeats: int) -> None:
    """Print one clip's stages and the sum."""
    frames = read_clip(clip).frames
    print(f"{clip.name}, {frames.shape[2]} x {frames.shape[1]}, {device}")
    reading = decoding(clip, repeats)
    costs = {name: stages(clip, name, device, repeats) for name in backbones}
    for name, cost in costs.items():
        print(f"    {name:14s} alone    {3600 / (reading + cost):8.0f} videos an hour")
    total = reading + sum(costs.values())
    print(
        f"    together       {total:8.2f} s a video: {3600 / total:.0f} videos an hour, decoding {100 * reading / total:.1f} %"
    )


def main() -> None:
    """Measure every clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--backbones", nargs="+", default=PUBLISHED_BACKBONES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        clips = arguments.clips
        if not clips:
            rendered = render_video(CorpusSettings(seed=0, size="smoke"), "test", 0)
            clips = [write_video(Path(folder) / "rendered.mp4", *rendered, fps=8, sample_rate=16_000)]
            clips += [REAL] if REAL.is_file() else []
        if "AVVP_WEIGHTS" not in os.environ:
            os.environ["AVVP_WEIGHTS"] = str(write_weights(Path(folder) / "weights"))
        print(f"PyTorch {torch.__version__}, one thread, median of {arguments.repeats}")
        for clip in clips:
            measure(clip, arguments.backbones, arguments.device, arguments.repeats)


if __name__ == "__main__":
    main()
