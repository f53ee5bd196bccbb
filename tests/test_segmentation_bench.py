"""From a rendered corpus to a trained model: clips, audio vectors and scores belong together."""

import numpy as np
import pytest
import torch

from avvp_lib.features import build_backbone, read_media
from avvp_lib.segmentation_bench import (
    build_segmenter,
    prepare_segmentation,
    run_segmentation,
    segmentation_folder,
)
from avvp_lib.segmentation_evaluation import evaluate_segmentation
from avvp_lib.segmentation_recipes import PROFILES, segmentation_recipe

pytestmark = pytest.mark.slow  # renders three small corpora


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    home = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVVP_HOME", str(home))
        yield {
            setting: prepare_segmentation(setting, "smoke", workers=1, progress=False)
            for setting in ("s4", "ms3", "avss")
        }


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
def test_clips_and_their_sounds(benches, setting):
    bench = benches[setting]
    assert bench.name == f"avs-{setting}-smoke-studio-0"
    train, test = bench.data("train"), bench.data("test")
    frames = {"s4": 5, "ms3": 5, "avss": 10}[setting]
    assert train.images.shape == (8, frames, 96, 96, 3) and train.masks.shape == (8, frames, 96, 96)
    assert train.audio.shape == (8, frames, 128)
    if setting == "s4":
        assert train.labelled.sum(1).tolist() == [1] * 8 and train.labelled[:, 0].all()
    assert test.labelled[test.present].any() and test.objects is not None
    norms = train.audio.norm(dim=2)
    torch.testing.assert_close(
        norms[train.present], torch.full_like(norms[train.present], np.sqrt(128)), rtol=2e-3, atol=0
    )
    assert (norms[~train.present] == 0).all()
    clip = bench.corpus.splits["test"].clips[1]
    backbone = build_backbone("tiny-clap")
    heard = backbone(read_media(clip.wav, **backbone.reading, on_missing="fill"))[:frames]
    present = test.present[1].numpy()
    np.testing.assert_allclose(
        test.audio[1].numpy()[present], heard[present] * np.sqrt(128), atol=0.02
    )  # half precision


@pytest.mark.parametrize("setting", ["s4", "ms3", "avss"])
@pytest.mark.parametrize("name", ["selm", "selm-released"])
def test_both_variants_train_on_every_setting(benches, setting, name):
    bench, recipe = benches[setting], segmentation_recipe(name, setting, "smoke")
    folder = segmentation_folder(recipe, bench, 0)
    result = run_segmentation(recipe, bench, 0, "cpu", folder=folder, progress=False)
    assert np.isfinite(result.history["loss"]).all()
    before, after = build_segmenter(recipe, bench, 0).state_dict(), result.model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    scores = evaluate_segmentation(result.model, bench.data("test"))
    assert 0 <= scores["M_J"] <= 100 and {"M_F", "illusion", "sounding recall"} <= scores.keys()
    assert (folder / "history.csv").is_file()


def test_the_first_weights_follow_the_seed(benches):
    recipe = segmentation_recipe("selm", "s4", "smoke")
    one, same, other = (build_segmenter(recipe, benches["s4"], seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_what_is_refused(benches, tmp_path):
    with pytest.raises(ValueError, match="unknown setting"):
        prepare_segmentation("s5", "smoke")
    with pytest.raises(ValueError, match="unknown profile"):
        prepare_segmentation("s4", "large")
    with pytest.raises(ValueError, match="was not rendered"):
        prepare_segmentation("s4", "paper-r50", corpus_seed=1)
    with pytest.raises(FileNotFoundError):
        prepare_segmentation("s4", "paper-r50", root=tmp_path)
    with pytest.raises(ValueError, match="no split 'dev'"):
        benches["s4"].data("dev")
    assert PROFILES["paper-r50"].audio == "vggish"
