"""Parsers give for a clip of the corpus what the trained model gives on the corpus's banks, and refuse what they cannot read."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from avvp_lib.checkpoints import CheckpointError, save_checkpoint
from avvp_lib.features.weight_files import MissingWeights
from avvp_lib.metrics import parsing as metrics
from avvp_lib.models import build_model
from avvp_lib.own_video import parsers
from avvp_lib.own_video.parsers import checkpoint_parser, parser_on_bench, trained_parser
from avvp_lib.own_video.parsing import parse_video
from avvp_lib.recipes import prepare, recipe, run
from avvp_lib.training import predict
from tests.own_video.small_parser import SMALL, WIDTHS, write_checkpoint


@pytest.fixture
def workspace(smoke_data, tmp_path, monkeypatch):
    shutil.copytree(smoke_data, tmp_path / "data")
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["valor-zero-shot", "mug-zero-shot", "mm-cse-zero-shot"])
def test_a_rendered_clip_gives_what_the_model_gives_on_the_banks(workspace, name):
    """Features are computed anew from the file; only sums in another order may differ, before they are rounded to half precision."""
    bench = prepare("smoke", progress=False)
    experiment = recipe(name, "smoke")
    experiment = replace(experiment, training=replace(experiment.training, epochs=1, warm_up_epochs=0))
    model = run(experiment, bench, 0, "cpu", progress=False).model
    parser = parser_on_bench(model, experiment, bench, {})
    split = bench.split("test")
    output = predict(model, bench.data("test", text=experiment.test_text))
    for row in range(3):
        parsed = parse_video(bench.corpus.media_path(split.keys[row]), parser, progress=False)
        np.testing.assert_allclose(parsed.segment_prob, output.segment_prob[row].numpy(), atol=2e-3)
        arrays = (
            getattr(output, key)[row : row + 1].numpy() for key in ("segment_prob", "video_prob", "modality_prob")
        )
        gates = dict(zip(("audio_gate", "visual_gate"), parser.gates, strict=True))
        for ours, theirs in zip(parsed.grids, metrics.binarise(*arrays, **gates), strict=True):
            np.testing.assert_array_equal(ours, theirs[0])
    assert ("tiny teachers" in parser.about["text"]) == (name == "mug-zero-shot")


def test_a_training_is_kept_and_used_again(workspace):
    said = []
    first = trained_parser("valor-zero-shot", "smoke", say=said.append)
    assert len(said) == 1 and "is trained now" in said[0]
    second = trained_parser("valor-zero-shot", "smoke", say=said.append)
    assert len(said) == 1
    for key, tensor in first.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[key], tensor)
    assert first.about["weights"]["kept in"] == "outputs/trainings/smoke-studio-0/valor-zero-shot-0"
    assert "40 rendered videos" in first.about["trained on"]


def test_recipes_and_profiles_that_cannot_be():
    with pytest.raises(ValueError, match="unknown recipe"):
        trained_parser("best")
    with pytest.raises(ValueError, match="--checkpoint FILE"):
        trained_parser("valor-zero-shot", "paper")


def test_a_checkpoint_of_ours_finds_its_backbones(tmp_path):
    path = write_checkpoint(tmp_path / "valor.safetensors")
    parser = checkpoint_parser(path)
    assert parser.gates == ("global", "global") and parser.reading.frame_size == (128, 128)
    assert parser.about["weights"]["file"] == "valor.safetensors" and len(parser.about["weights"]["sha256"]) == 64
    assert parser.about["trained on"] == {"note": "random weights"}
    assert checkpoint_parser(path, gates=("none", "modality")).gates == ("none", "modality")
    jomold = checkpoint_parser(write_checkpoint(tmp_path / "jomold.safetensors", "jomold"))
    assert jomold.gates == ("modality", "modality")


def test_weights_that_cannot_parse_are_refused(tmp_path):
    text = write_checkpoint(tmp_path / "mug.safetensors", "mug", state_channels=8, d_state=4, attention_channels=4)
    with pytest.raises(ValueError, match="reads a teacher's text"):
        checkpoint_parser(text)
    with pytest.raises(ValueError, match="30 categories"):
        checkpoint_parser(write_checkpoint(tmp_path / "many.safetensors", classes=30))
    with pytest.raises(CheckpointError, match="those of no backbones"):
        checkpoint_parser(write_checkpoint(tmp_path / "wide.safetensors", audio_dim=77))
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        checkpoint_parser(tmp_path / "absent.safetensors")
    with pytest.raises(ValueError, match="this model reads tiny-clap-map"):
        checkpoint_parser(write_checkpoint(tmp_path / "v.safetensors"), weights={"clip": tmp_path / "clip.pt"})
    with pytest.raises(CheckpointError, match="no published checkpoint 'best'"):
        checkpoint_parser(tmp_path / "v.safetensors", "best")


def test_published_weights_ask_for_the_published_backbones(tmp_path, monkeypatch):
    monkeypatch.delenv("AVVP_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    torch.save(build_model("han").state_dict(), tmp_path / "HAN.pt")
    with pytest.raises(MissingWeights, match="VGGish"):
        checkpoint_parser(tmp_path / "HAN.pt", "han")


@pytest.mark.parametrize(
    ("widths", "name"),
    [
        ({}, "published"),
        ({"audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}, "published-clip"),
        (WIDTHS, "tiny"),
    ],
)
@pytest.mark.parametrize("model", ["han", "valor", "jomold"])
def test_features_are_told_by_their_widths(tmp_path, widths, name, model):
    assert parsers._fitting_features(build_model(model, **(SMALL | widths)), tmp_path) == name


def test_mgn_and_mm_cse_are_told_apart_by_their_features_too(tmp_path):
    assert parsers._fitting_features(build_model("mgn"), tmp_path) == "published"
    official = {"variant": "released", "audio_dim": 768, "visual_2d_dim": 768, "audio_layout": "clap_tokens"}
    assert parsers._fitting_features(build_model("mm-cse", **official), tmp_path) == "published-clip"


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory) -> Path:
    from tests.features.random_weights import write_weights

    return write_weights(tmp_path_factory.mktemp("weights"))


@pytest.mark.slow
@pytest.mark.parametrize("official", ["han", "valor++"])
def test_published_networks_parse_a_video(tmp_path, monkeypatch, random_weights, official):
    """Weights of the published formats and sizes, with random numbers: what comes out means nothing, but it comes out."""
    from avvp_lib.checkpoints import OFFICIAL
    from tests.media_files import write_normal

    monkeypatch.setenv("AVVP_WEIGHTS", str(random_weights))
    torch.manual_seed(0)
    torch.save(build_model(**OFFICIAL[official]).state_dict(), tmp_path / "official.pt")
    parser = checkpoint_parser(tmp_path / "official.pt", official)
    parsed = parse_video(write_normal(tmp_path / "clip.mp4", 10), parser, hop=10, progress=False)
    assert parsed.segment_prob.shape == (10, 2, 25) and np.isfinite(parsed.segment_prob).all()
    assert parser.about["model"] == f"{official} (published)" and "10,000 training videos" in parser.about["trained on"]


def test_save_checkpoint_of_a_model_that_segments_is_refused(tmp_path):
    from tests.models.small_selm import SMALL as SMALL_SELM

    save_checkpoint(build_model("selm", **SMALL_SELM), tmp_path / "selm.safetensors")
    with pytest.raises(ValueError, match="is no parser"):
        checkpoint_parser(tmp_path / "selm.safetensors")
