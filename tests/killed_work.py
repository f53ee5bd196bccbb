"""Work that `test_kills` starts in processes of its own: small, in many steps, and importing no more than it needs to begin soon."""

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


BEGIN = {
    "render": "import avvp_lib.corpora.synthetic",
    "extract_all": "import avvp_lib.features",
    "train": "import tests.test_training",
}
"""What a process imports before it says that the work begins."""
