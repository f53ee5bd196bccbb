"""Work that `test_kills` starts in processes of its own: small, in many steps, and importing no more than it needs to begin soon."""

import importlib
import itertools
import os
import signal
from pathlib import Path

CORPUS = (12, 4, 4)  # videos in train, val and test
EPOCHS = 50


def render(root: Path, workers: int = 1) -> None:
    """A small corpus, in tasks of two videos."""
    from avvp_lib.corpora.synthetic import SIZES, CorpusSettings, render_corpus, writer

    SIZES["smoke"], writer.VIDEOS_PER_TASK = CORPUS, 2
    render_corpus(root, CorpusSettings(seed=3, size="smoke"), workers, progress=False)


def extract_all(out: Path, clips: Path) -> None:
    """Two banks of many ids on a few files, in chunks of two."""
    from avvp_lib.features import extract, extraction

    extraction.VIDEOS_PER_CHUNK = 2
    videos = {f"{path.stem}-{copy}": path for copy in range(6) for path in sorted(clips.iterdir())}
    extract(videos, ["tiny-clip", "tiny-clap"], out, workers=1, progress=False)


def train(folder: Path):
    """A small model with dropout, for many epochs."""
    from avvp_lib.training import TrainingRecipe, fit
    from tests.test_training import make_data, make_model

    recipe = TrainingRecipe(
        "segment-labels", EPOCHS, batch_size=4, optimiser="adamw", learning_rate=1e-3, step_epochs=20
    )
    model, data = make_model(dropout=0.3), make_data(videos=16)
    return fit(model, data, make_data(1), recipe, 0, "cpu", folder=folder, progress=False)


def tell_of_files() -> None:
    """Print a line for each file that this process finishes from now on."""
    replace = os.replace

    def told(source, target):
        replace(source, target)
        print("a file", flush=True)

    os.replace = told


BEGIN = {
    "render": "import avvp_lib.corpora.synthetic",
    "extract_all": "import avvp_lib.features",
    "train": "import tests.test_training",
}
"""What a process imports before it says that the work begins."""


def published_videos(clips: Path) -> dict[str, Path]:
    """Many ids on a few files."""
    return {f"{path.stem}-{copy}": path for copy in range(4) for path in sorted(clips.iterdir())}


def extract_published(out: Path, clips: Path, workers: int = 1):
    """Three banks, video by video."""
    from avvp_lib.features.folder_extraction import extract_folder
    from tests.features.small_backbones import build_small

    names = ["small-picture", "small-sound", "small-sound-48"]
    return extract_folder(published_videos(clips), names, out, build_small, workers=workers, progress=False)


def die_while_extracting(folder: Path, clips: Path, moments: list[float]) -> None:
    """Extract into folder/0, folder/1, ..., each in a process of its own that kills itself in the middle of writing, or after it.

    A moment is counted in files that are finished: at 7.2 the seventh is half written, at 7.8 it has just taken its place. The
    processes are forked from this one, which has imported everything and started no thread.
    """
    importlib.import_module("avvp_lib.features.folder_extraction")
    importlib.import_module("tests.features.small_backbones")
    for number, moment in enumerate(moments):
        child = os.fork()
        if child == 0:
            os.replace = _deadly(os.replace, moment)
            extract_published(folder / str(number), clips)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"moment {moment} never came"


def _deadly(replace, moment: float):
    finished = itertools.count(1)

    def counted(source, target):
        number = next(finished)
        if number == int(moment):
            if moment % 1 < 0.5:
                os.truncate(source, os.path.getsize(source) // 2)
            else:
                replace(source, target)
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    return counted
