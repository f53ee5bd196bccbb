"""What lesson 16 tells a reader to copy: short, loadable, and right."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from avvp_lib import bench as bench_module
from avvp_lib import corpora, models
from avvp_lib.cells import measure
from avvp_lib.corpora import load_corpus
from avvp_lib.extensions import load_extension
from avvp_lib.models import build_model
from avvp_lib.recipes import RECIPES, recipe
from tests.small_bench import small_bench

FOLDER = Path(__file__).resolve().parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))
LONGEST = 40


@pytest.fixture
def load(monkeypatch):
    """Load an example; afterwards nobody knows it any more."""
    monkeypatch.setattr(models, "MODELS", dict(models.MODELS))
    monkeypatch.setattr(bench_module, "SUPERVISIONS", dict(bench_module.SUPERVISIONS))
    monkeypatch.setattr(corpora, "CORPORA", dict(corpora.CORPORA))
    before = set(RECIPES)
    yield lambda name: load_extension(FOLDER / f"{name}.py")
    for name in set(RECIPES) - before:
        del RECIPES[name]
    for path in EXAMPLES:
        sys.modules.pop(path.stem, None)


def test_there_is_one_of_each():
    assert [path.stem for path in EXAMPLES] == ["own_corpus", "own_labels", "own_model"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_has_fewer_than_forty_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST


def test_the_model_sees_each_segment_alone(load):
    load("own_model")
    model = build_model("segment-mlp", audio_dim=4, visual_2d_dim=4, visual_3d_dim=4, hidden=8, classes=3).eval()
    features = [torch.randn(2, 5, 4), torch.randn(2, 10, 4), torch.randn(2, 5, 4)]
    whole = model(*features).segment_prob
    assert whole.shape == (2, 5, 2, 3)
    alone = model(features[0][:, 3:4], features[1][:, 6:8], features[2][:, 3:4]).segment_prob
    torch.testing.assert_close(alone[:, 0], whole[:, 3])


def test_the_labels_are_the_majority_of_three(load):
    labels = load("own_labels")
    row = np.array([0, 1, 1, 0, 1, 1, 0, 1, 0, 0], np.float32)
    expected = [0, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    np.testing.assert_array_equal(labels.majority_of_three(row[None, :, None])[0, :, 0], expected)


def test_own_model_and_labels_are_measured(load, tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    load("own_model"), load("own_labels")
    bench = small_bench(tmp_path / "bench")
    for name in ("segment-mlp", "valor-smoothed"):
        cell = measure(recipe(name, "smoke"), bench, 0, progress=False)
        assert cell["experiment"] == name and 0 <= cell["scores"]["segment/Type"] <= 100


def test_the_corpus_is_read(load, tmp_path):
    load("own_corpus")
    videos = {"video": ["a", "b", "c"], "split": ["train", "val", "test"], "labels": ["Dog;Speech", "Cat", "Car"]}
    pd.DataFrame(videos).to_csv(tmp_path / "videos.csv", index=False)
    events = "video,modality,category,onset,offset\nb,audio,Cat,2,5\nc,visual,Car,0,10\n"
    (tmp_path / "events.csv").write_text(events)
    corpus = load_corpus("home-videos", tmp_path)
    assert {name: split.keys for name, split in corpus.splits.items()} == {
        "train": ("a",),
        "val": ("b",),
        "test": ("c",),
    }
    train, val, test = (corpus.splits[name] for name in ("train", "val", "test"))
    assert train.audio is None and train.video_labels.sum() == 2
    assert val.audio.sum() == 3 and val.visual.sum() == 0 and test.visual.sum() == 10
    before = corpus.provenance
    (tmp_path / "events.csv").write_text(events + "c,audio,Car,0,1\n")
    assert load_corpus("home-videos", tmp_path).provenance != before
