"""Rendered clips that the tests of the feature extractors share."""

from pathlib import Path

import pytest

from avvp_lib.corpora.synthetic import CorpusSettings, render_video
from avvp_lib.corpora.synthetic.encoding import write_video


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> dict[str, Path]:
    """Three rendered videos by key; nobody changes them."""
    folder, settings = tmp_path_factory.mktemp("clips"), CorpusSettings(seed=700, size="smoke")
    return {
        key: write_video(folder / f"{key}.mp4", *render_video(settings, "test", index), fps=8, sample_rate=16_000)
        for index, key in enumerate(settings.keys("test")[:3])
    }
