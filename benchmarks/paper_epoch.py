"""Claim: one epoch of LLP's size runs with every parser of the profile "paper", on features of the published widths.

    python benchmarks/paper_epoch.py [NAME ...] [--features vggish | clap] [--videos 10000] [--device cpu] [--threads 2]

Names are recipes; all that learn from zero-shot labels are run if none is given. Each trains for one epoch through `fit`,
exactly as the profile "paper" would, on random features and labels as sparse as LLP's:

    vggish   VGGish (10, 128), ResNet-152 (80, 2048) and R(2+1)D (10, 512)
    clap     the CLAP map (64, 768), CLIP (10, 768) and R(2+1)D (10, 512)

A bank of 10,000 videos takes 7 GB of memory ("vggish") or 3 GB ("clap"). Each recipe runs in a process of its own, so
that peak memory is its own; printed are seconds of training (by the clock, and of processors, which other work on the
machine changes less), videos per second and that memory. The numbers say what a run costs, not how good a model is:
nothing can be learned from random features.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT_ROOT))

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from avvp_lib.models import build_model  # noqa: E402
from avvp_lib.recipes import LONGER, RECIPES, Recipe, recipe  # noqa: E402
from avvp_lib.training import ParsingData, fit  # noqa: E402

SHAPES = {
    "vggish": ((10, 128), (80, 2048), (10, 512)),
    "clap": ((64, 768), (10, 768), (10, 512)),
}
TEXT_WIDTHS = (512, 768)
SEGMENTS, CLASSES = 10, 25
POSITIVE = 0.07
VALIDATION_VIDEOS = 64


def random_data(videos: int, features: str, text: bool, seed: int) -> ParsingData:
    """A bank and labels of the real shapes; the labels of a video are those of its segments."""
    generator = torch.Generator().manual_seed(seed)

    def bank(*shape: int) -> Tensor:
        return torch.randn(videos, *shape, generator=generator)

    audio, visual = torch.rand(2, videos, SEGMENTS, CLASSES, generator=generator).lt(POSITIVE).unbind()
    texts = [bank(SEGMENTS, width) for width in TEXT_WIDTHS] if text else (None, None)
    labels = (audio | visual).any(1).float()
    banks = (bank(*shape) for shape in SHAPES[features])
    return ParsingData(*banks, labels, audio.float(), visual.float(), audio, visual, *texts)


def widths(experiment: Recipe, data: ParsingData, features: str) -> dict[str, object]:
    """What `build_model` has to know of the features."""
    given = {"audio_dim": data.audio.shape[-1], "visual_2d_dim": data.visual_2d.shape[-1]}
    given |= {"visual_3d_dim": data.visual_3d.shape[-1], "classes": CLASSES}
    if data.text is not None:
        given |= dict(zip(("text_audio_dim", "text_visual_dim"), TEXT_WIDTHS, strict=True))
    if features == "clap":
        given["audio_layout"] = "clap_tokens"
    return given | experiment.widths


def one_epoch(name: str, features: str, videos: int, device: str) -> dict[str, float]:
    """Train a recipe for one epoch; seconds include the validation of 64 videos."""
    experiment = recipe(name, "paper")
    train = random_data(videos, features, experiment.text != "none", seed=0)
    validation = random_data(VALIDATION_VIDEOS, features, experiment.text != "none", seed=1)
    torch.manual_seed(0)
    model = build_model(experiment.model, **widths(experiment, train, features))
    parameters = sum(p.numel() for p in model.parameters())
    options = {"audio_noise": [0.1] * CLASSES, "visual_noise": [0.1] * CLASSES} if experiment.model == "jomold" else {}
    training = replace(experiment.training, epochs=1, loss_options={**experiment.training.loss_options, **options})
    start, work = time.perf_counter(), time.process_time()
    fit(model, train, validation, training, seed=0, device=device, progress=False)
    seconds, work = time.perf_counter() - start, time.process_time() - work
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "work": work, "per_second": videos / seconds, "GiB": peak, "parameters": parameters}


def main() -> None:
    """Print one line a recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--features", choices=sorted(SHAPES), default="vggish")
    parser.add_argument("--videos", type=int, default=10_000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.json:
        print(json.dumps(one_epoch(arguments.names[0], arguments.features, arguments.videos, arguments.device)))
        return
    names = arguments.names or [
        name
        for name, known in RECIPES.items()
        if known.supervision == "zero-shot" and not known.combination and known.videos == 1 and name not in LONGER
    ]
    print(
        f"one epoch of {arguments.videos:,} videos, {arguments.features}, {arguments.device}, torch {torch.__version__}"
    )
    print(
        f"{'recipe':22s} {'parameters':>11s} {'batch':>6s} {'seconds':>8s} {'CPU s':>7s} {'videos/s':>9s} {'peak GiB':>9s}"
    )
    for name in names:
        command = [sys.executable, __file__, name, "--json", *_passed_on(arguments)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        batch = recipe(name, "paper").training.batch_size
        seconds = f"{row['seconds']:8.1f} {row['work']:7.1f} {row['per_second']:9.1f}"
        print(f"{name:22s} {row['parameters']:11,d} {batch:6d} {seconds} {row['GiB']:9.1f}", flush=True)


def _passed_on(arguments: argparse.Namespace) -> list[str]:
    given = ("features", "videos", "device", "threads")
    return [word for name in given for word in (f"--{name}", str(getattr(arguments, name)))]


if __name__ == "__main__":
    main()
