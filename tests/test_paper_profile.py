"""The paper profile on a miniature of the real layout: official CSVs, published features and pseudo-labels, one file a video."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from avvp_lib.cells import fill_cells, is_stale, measurable, read_cells
from avvp_lib.features.published import PUBLISHED
from avvp_lib.models import PRESETS, build_model
from avvp_lib.profiles import PROFILES, profile_of
from avvp_lib.recipes import RECIPES, needs_teachers, prepare, recipe, run, training_folder

KEYS = {split: [f"{split:_<9}{number:02d}" for number in range(6)] for split in ("train", "val", "test")}
ALL_KEYS = [key for keys in KEYS.values() for key in keys]
DOG, SPEECH = 3, 0


def write_llp(root) -> None:
    """Six videos a split, all labelled Speech and Dog; Speech is heard in 0-5, Dog is seen in 2-8."""
    folder = root / "annotations"
    folder.mkdir(parents=True)
    for split, name in (("train", "AVVP_train"), ("val", "AVVP_val_pd"), ("test", "AVVP_test_pd")):
        rows = "".join(f"{key}_0_10\tSpeech,Dog\n" for key in KEYS[split])
        (folder / f"{name}.csv").write_text("filename\tevent_labels\n" + rows)
    dense = KEYS["val"] + KEYS["test"]
    for modality, event in (("audio", "0\t5\tSpeech"), ("visual", "2\t8\tDog")):
        rows = "".join(f"{key}_0_10\t{event}\n" for key in dense)
        (folder / f"AVVP_eval_{modality}.csv").write_text("filename\tonset\toffset\tevent_labels\n" + rows)


def write_features(root) -> None:
    rng = np.random.default_rng(0)
    for features in PUBLISHED.values():
        folder = root / features.folder
        folder.mkdir(parents=True)
        for key in ALL_KEYS:
            np.save(folder / f"{key}.npy", rng.normal(size=features.card.output_shape).astype(np.float32))


def write_labels(root) -> None:
    for folder, category, span in (("CLAP", SPEECH, slice(0, 5)), ("CLIP", DOG, slice(2, 8))):
        grid = np.zeros((10, 25), np.int64)
        grid[span, category] = 1
        place = root / folder / "segment_pseudo_labels"
        place.mkdir(parents=True)
        for key in ALL_KEYS:
            np.save(place / f"{key}.npy", grid)


@pytest.fixture
def root(tmp_path):
    write_llp(tmp_path)
    write_features(tmp_path)
    write_labels(tmp_path)
    return tmp_path


def label_file(root, key, folder="CLAP"):
    return root / folder / "segment_pseudo_labels" / f"{key}.npy"


def test_one_epoch_of_each_recipe_runs_on_published_files(root):
    bench = prepare("paper", root=root)
    for name in ("han", "valor-video-labels", "valor-zero-shot"):
        short = recipe(name, "paper")
        short = replace(short, training=replace(short.training, epochs=1, warm_up_epochs=1))
        result = run(short, bench, seed=0, device="cpu", progress=False)
        assert np.isfinite(result.history["loss"]).all()
        assert result.model.widths["hidden"] == 512 and result.model.widths["visual_2d_dim"] == 2048


def test_clap_and_clip_are_a_profile_of_their_own(root, tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(PROFILES, "paper-clip", replace(PROFILES["paper-clip"], training={"epochs": 1}))
    bench = prepare("paper-clip", root=root)
    data = bench.data("train")
    assert (data.audio.shape[1:], data.visual_2d.shape[1:], data.visual_3d.shape[1:]) == (
        (64, 768),
        (10, 768),
        (10, 512),
    )
    fill_cells(bench, ["valor-zero-shot"], [0], {"valor-zero-shot": recipe("valor-zero-shot", "paper-clip")})
    (cell,) = read_cells("llp-clip")
    assert cell["profile"] == "paper-clip" and not is_stale(cell)
    assert (training_folder(recipe("valor-zero-shot", "paper-clip"), bench, 0) / "history.csv").is_file()


@pytest.mark.parametrize("name", ["han", "mgn", "jomold", "valor", "mm-cse", "mug", "ear"])
def test_every_parser_of_the_profile_reads_clap_and_clip(name):
    widths = {**PROFILES["paper-clip"].widths[name], "audio_dim": 768, "visual_2d_dim": 768, "visual_3d_dim": 512}
    inputs = (torch.randn(2, *shape) for shape in ((64, 768), (10, 768), (10, 512)))
    text = (torch.randn(2, 10, 512), torch.randn(2, 10, 768)) if name == "mug" else None
    assert build_model(name, **widths).eval()(*inputs, text=text).segment_prob.shape == (2, 10, 2, 25)


def test_the_published_numbers_are_in_the_recipes():
    han, valor = recipe("han", "paper"), recipe("valor-zero-shot", "paper")
    assert (han.training.optimiser, han.training.learning_rate, han.training.epochs) == ("adam", 3e-4, 40)
    assert (valor.training.optimiser, valor.training.learning_rate, valor.training.epochs) == ("adamw", 1e-4, 60)
    assert [valor.training.rate(epoch) for epoch in (1, 10, 60)] == pytest.approx([1e-5, 1e-4, 1e-6])
    assert (han.widths["heads"], valor.widths["heads"]) == (1, 8)
    assert recipe("han", "tutorial").training != han.training


@pytest.mark.parametrize(
    ("name", "profile_name", "preset"),
    [("han", "paper", "HAN"), ("valor-zero-shot", "paper", "VALOR"), ("valor-zero-shot", "paper-clip", "VALOR++")],
)
def test_the_networks_are_the_published_ones(name, profile_name, preset):
    made = recipe(name, profile_name)
    inputs = {"audio_dim": 768, "visual_2d_dim": 768} if profile_name == "paper-clip" else {}
    assert build_model(made.model, **made.widths, **inputs).widths == build_model(**PRESETS[preset]).widths


def test_cells_say_how_many_videos_were_used_and_are_not_stale(root, tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "home"))
    (root / "feats" / "vggish" / f"{KEYS['train'][0]}.npy").unlink()
    short = replace(PROFILES["paper"], training={"epochs": 1, "warm_up_epochs": 1})
    monkeypatch.setitem(PROFILES, "paper", short)
    recipes = {"valor-zero-shot": recipe("valor-zero-shot", "paper")}
    fill_cells(prepare("paper", root=root), ["pseudo-labels", "valor-zero-shot"], [0], recipes)
    cells = read_cells("llp")
    assert [cell["experiment"] for cell in cells] == ["pseudo-labels", "valor-zero-shot"]
    assert cells[1]["videos"]["train"] == {"used": 5, "official": 6} and not any(map(is_stale, cells))


def test_other_pseudo_labels_make_another_result_of_those_who_read_them(root):
    bench = prepare("paper", root=root)
    before = {supervision: bench.identity(supervision) for supervision in ("video-labels", "zero-shot")}
    np.save(label_file(root, KEYS["train"][1]), np.zeros((10, 25), np.int64))
    assert bench.identity("video-labels") == before["video-labels"]
    assert bench.identity("zero-shot") != before["zero-shot"]


def test_corpora_find_their_profile():
    assert [profile_of(name) for name in ("llp", "synthetic-llp/smoke-street-3", "unav100")] == ["paper", "smoke", None]


def test_labels_are_valors_and_keep_the_modalities_apart(root):
    labels = prepare("paper", root=root).zero_shot("train")
    audio, visual = labels.take(tuple(KEYS["train"]))
    assert audio.sum() == 6 * 5 and audio[:, :5, SPEECH].all() and visual.sum() == 6 * 6 and visual[:, 2:8, DOG].all()
    assert "published" in labels.provenance["method"]


def test_videos_without_features_are_left_out_and_counted(root, caplog):
    (root / "feats" / "res152" / f"{KEYS['test'][2]}.npy").unlink()
    bench = prepare("paper", root=root)
    assert bench.corpus.provenance["coverage"]["test"] == {"used": 5, "official": 6, "left_out": [KEYS["test"][2]]}
    assert len(bench.data("test")) == 5 and len(bench.data("train")) == 6
    assert "5 of 6 test" in caplog.text and KEYS["test"][2] in caplog.text


def test_a_missing_folder_says_what_belongs_there(tmp_path):
    write_llp(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"feats/vggish.*\(10, 128\).*YapengTian/AVVP-ECCV20"):
        prepare("paper", root=tmp_path)


def test_a_split_without_any_features_is_refused(root):
    for key in KEYS["val"]:
        (root / "feats" / "r2plus1d_18" / f"{key}.npy").unlink()
    with pytest.raises(ValueError, match="none of the 6 videos of llp's split 'val' has all features"):
        prepare("paper", root=root)


def test_a_nan_in_a_published_feature_is_refused(root):
    np.save(root / "feats" / "r2plus1d_18" / f"{KEYS['val'][0]}.npy", np.full((10, 512), np.nan, np.float32))
    with pytest.raises(ValueError, match=f"NaN or infinity in 1 videos, first in {KEYS['val'][0]}"):
        prepare("paper", root=root)


def test_features_of_another_shape_are_refused(root):
    np.save(root / "feats" / "vggish" / f"{KEYS['val'][0]}.npy", np.zeros((10, 64), np.float32))
    with pytest.raises(ValueError, match=KEYS["val"][0]):
        prepare("paper", root=root)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (np.full((10, 25), 0.5), "0 or 1"),
        (np.full((10, 25), np.nan), "holds nan"),
        (np.zeros((25, 10)), "segment pseudo-labels of a video are"),
        (np.eye(10, 25), "not labelled with"),
    ],
    ids=["soft", "NaN", "transposed", "outside the video label"],
)
def test_wrong_pseudo_labels_are_refused_by_file(root, grid, words):
    np.save(label_file(root, KEYS["train"][1]), grid)
    with pytest.raises(ValueError, match=words) as refused:
        prepare("paper", root=root).zero_shot("train")
    assert KEYS["train"][1] in str(refused.value)


def test_missing_pseudo_labels_are_named(root):
    label_file(root, KEYS["train"][4], "CLIP").unlink()
    with pytest.raises(FileNotFoundError, match=KEYS["train"][4]):
        prepare("paper", root=root).zero_shot("train")


def test_missing_pseudo_labels_stop_only_what_reads_them(root):
    (root / "CLIP" / "segment_pseudo_labels").rename(root / "CLIP" / "elsewhere")
    bench = prepare("paper", root=root)
    assert bench.labels("video-labels") is None
    with pytest.raises(FileNotFoundError, match=r"CLIP/segment_pseudo_labels: .*\(10, 25\).*NTUBarista/valor_features"):
        bench.zero_shot("train")


def test_what_the_real_corpus_does_not_know_is_refused(root):
    bench = prepare("paper", root=root)
    with pytest.raises(ValueError, match="no dense labels for its training videos"):
        bench.labels("truth")
    with pytest.raises(ValueError, match="not with a teacher's similarities"):
        bench.thresholds()
    with pytest.raises(ValueError, match="was not rendered"):
        prepare("paper", corpus_seed=1, root=root)
    assert not any(needs_teachers(RECIPES[name]) for name in measurable("paper") if name in RECIPES)
    assert not {"teacher", "ear-labels"} & set(measurable("paper"))
    with pytest.raises(ValueError, match="'paper' cannot measure valor-truth"):
        measurable("paper", ["han", "valor-truth"])


def test_the_real_annotations_with_a_few_videos(tmp_path, llp_root):
    (tmp_path / "annotations").symlink_to(llp_root / "annotations")
    first = {"train": "BjCEufrlXm4", "val": "4O9rI-FpqLg", "test": "4YdbENYcIyE"}
    for features in PUBLISHED.values():
        (tmp_path / features.folder).mkdir(parents=True)
        for key in first.values():
            np.save(tmp_path / features.folder / f"{key}.npy", np.ones(features.card.output_shape, np.float32))
    coverage = prepare("paper", root=tmp_path).corpus.provenance["coverage"]
    assert {split: (part["used"], part["official"]) for split, part in coverage.items()} == {
        "train": (1, 10_000),
        "val": (1, 649),
        "test": (1, 1_200),
    }
