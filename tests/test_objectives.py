"""Objectives by name: built once for a training set, refused early, and loaded only when they are used."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from avvp_lib.losses import han_loss, valor_loss
from avvp_lib.models import build_model
from avvp_lib.objectives import build_objective, factory_of, forward, objective_names


@pytest.fixture
def batch() -> SimpleNamespace:
    random = torch.Generator().manual_seed(0)
    features = {name: torch.randn(3, 4, 6, generator=random) for name in ("audio", "visual_2d", "visual_3d")}
    labels = {name: (torch.rand(3, 4, 5, generator=random) < 0.4).float() for name in ("pseudo_audio", "pseudo_visual")}
    return SimpleNamespace(**features, **labels, text=None, video_labels=labels["pseudo_audio"].amax(1))


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    widths = {"audio_dim": 6, "visual_2d_dim": 6, "visual_3d_dim": 6, "hidden": 8, "heads": 2, "feed_forward": 8}
    return build_model("valor", **widths, classes=5).eval()


def test_an_objective_is_the_loss_of_the_forward(model, batch):
    output = forward(model, batch)
    weak = build_objective("video-labels", batch)(model, batch)
    torch.testing.assert_close(weak, han_loss(output, batch.video_labels))
    dense = build_objective("segment-labels", batch)(model, batch)
    expected = valor_loss(output, batch.video_labels, batch.pseudo_audio, batch.pseudo_visual)
    torch.testing.assert_close(dense, expected)


def test_every_file_of_the_folder_is_an_objective():
    assert {"video-labels", "segment-labels"} <= set(objective_names())
    for name in objective_names():
        assert callable(factory_of(name)), name


def test_what_is_missing_is_refused_before_training(batch):
    batch.pseudo_visual = None
    with pytest.raises(ValueError, match="'segment-labels' needs pseudo_audio and pseudo_visual"):
        build_objective("segment-labels", batch)
    with pytest.raises(ValueError, match="unknown objective 'luck': choose one of "):
        build_objective("luck", batch)
    with pytest.raises(ValueError, match="unknown objective 'no_such_module:build'"):
        build_objective("no_such_module:build", batch)
    with pytest.raises(ValueError, match="video-labels does not take weight; it takes no options"):
        build_objective("video-labels", batch, weight=2)


def test_an_objective_of_an_extension_is_named_by_module_and_function(monkeypatch, model, batch):
    module = SimpleNamespace(
        half=lambda train, factor=0.5: lambda model, batch: factor * forward(model, batch).video_prob.sum()
    )
    monkeypatch.setitem(sys.modules, "my_objective_test", module)
    loss = build_objective("my_objective_test:half", batch, factor=2.0)(model, batch)
    torch.testing.assert_close(loss, 2 * forward(model, batch).video_prob.sum())


def test_recipes_load_no_objective_that_nobody_trains():
    code = "import sys, avvp_lib.recipes; print([m for m in sys.modules if m.startswith('avvp_lib.objectives.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
