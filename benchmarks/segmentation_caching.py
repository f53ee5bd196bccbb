"""Claim: a frozen encoder's maps, kept, make SelM's training faster by as much as no sound has reached them.

    python benchmarks/segmentation_caching.py [--backbone resnet-18-half] [--size 96] [--clips 16] [--threads 1] [--device cpu]

One epoch of S4's shape (five frames a clip) with a frozen encoder, through `fit_segmentation`, with the cache and without it:

    DAM between stages   the paper's network: only the stem and stage 1 can be kept, the later stages hear
    DAM beside           alignment of the stages' outputs: the whole encoder can be kept
    no DAM               likewise

First both have to give the same masks. Then they take turns; process time, medians, the first pair is thrown away. Filling the
cache is not in the seconds of an epoch; it is printed beside them: that is what it costs once.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median

PROJECT_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT_ROOT))

import torch  # noqa: E402
from lightning_fabric import Fabric  # noqa: E402

from avvp_lib.models import build_model  # noqa: E402
from avvp_lib.segmentation_clips import EncoderCache, SegmentationClips, cache_bytes, normalised  # noqa: E402
from avvp_lib.segmentation_training import SegmentationTraining, _freeze, _Network, _train_epoch  # noqa: E402

NETWORKS = {
    "DAM between stages": {},
    "DAM beside": {"fusion_place": "beside"},
    "no DAM": {"early_fusion": "none", "fusion_place": "beside"},
}
FRAMES, AUDIO = 5, 128


def random_clips(number: int, size: int) -> SegmentationClips:
    """Noise of the right shapes: what an epoch costs does not depend on what is seen."""
    generator = torch.Generator().manual_seed(0)
    shape = (number, FRAMES, size, size)
    flags = torch.ones(number, FRAMES, dtype=torch.bool)
    return SegmentationClips(
        torch.randint(0, 256, (*shape, 3), generator=generator, dtype=torch.uint8),
        torch.randn(number, FRAMES, AUDIO, generator=generator),
        torch.randint(0, 2, shape, generator=generator, dtype=torch.uint8),
        flags,
        flags,
    )


def one_network(name: str, arguments: argparse.Namespace) -> str:
    """A line of the table."""
    torch.manual_seed(0)
    sizes = {"backbone": arguments.backbone, "hidden": arguments.hidden, "input_size": arguments.size, "upsamplings": 1}
    model = build_model("selm", **sizes, **NETWORKS[name])
    fabric = Fabric(accelerator=arguments.device, devices=1)
    clips = random_clips(arguments.clips, arguments.size).to(fabric.device)
    training = SegmentationTraining(1, arguments.batch_size, 1e-3, frozen_epochs=1)
    network, optimiser = fabric.setup(_Network(model), torch.optim.AdamW(model.parameters()))
    _freeze(model, True)
    model.eval()
    start = time.process_time()
    cache = EncoderCache(model, clips)
    filling = time.process_time() - start
    with torch.no_grad():
        computed = model.segment(model.image_maps(normalised(clips, model.input_size)), clips.audio).logits
        kept = model.segment(cache.maps, clips.audio).logits
    torch.testing.assert_close(kept, computed, rtol=1e-3, atol=1e-4)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(arguments.repeats + 1):
        for from_cache in seconds:
            start = time.process_time()
            order = torch.Generator().manual_seed(0)
            _train_epoch(
                fabric, network, optimiser, clips, cache if from_cache else None, training, order
            )  # ends with .item()
            seconds[from_cache].append(time.process_time() - start)
    without, with_cache = (median(values[1:]) for values in seconds.values())
    return (
        f"{name:20s} {without:9.2f} {with_cache:9.2f} {without / with_cache:8.2f} {filling:8.2f} "
        f"{cache_bytes(model, clips) / len(clips) / 2**20:10.2f}"
    )


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet-18-half")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sizes = (
        f"{arguments.size} x {arguments.size}, hidden {arguments.hidden}, {arguments.clips} clips of {FRAMES} frames"
    )
    print(f"{arguments.backbone}, {sizes}, {arguments.device}, {arguments.threads} threads, torch {torch.__version__}")
    print(f"{'':20s} {'without s':>9s} {'with s':>9s} {'speed-up':>8s} {'filling':>8s} {'MiB a clip':>10s}")
    for name in NETWORKS:
        print(one_network(name, arguments), flush=True)


if __name__ == "__main__":
    main()
