"""From a rendered audio-visual corpus to pseudo-labels of another corpus, and to cells of generators."""

import numpy as np
import pytest

from avvp_lib.bench import SUPERVISIONS
from avvp_lib.cells import fill_cells, is_stale, read_cells
from avvp_lib.generator_bench import (
    GENERATED,
    generated_labels,
    labels_of_generator,
    prepare_source,
    source_of,
    target_probabilities,
    trained_generator,
)
from avvp_lib.predictors import PREDICTORS
from avvp_lib.recipes import prepare, recipe, recipe_modules, run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A workspace of its own, in which corpora are rendered once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("AVVP_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def bench(home):
    return prepare("smoke", corpus_seed=3, workers=1, progress=False)


@pytest.fixture(scope="module")
def source(bench):
    return source_of(bench)


def test_a_bench_has_the_source_of_its_size_domain_and_seed(source):
    assert source.corpus.root.name == "smoke-studio-3"
    assert source.corpus.provenance["seed"] == 3
    assert [bank.card.name for bank in source.banks] == ["tiny-clap", "tiny-clip"]
    data = source.data["train"]
    assert data.audio.shape[:2] == data.audio_visual.shape[:2] and len(data.text_audio) == len(source.corpus.categories)


def test_a_training_is_kept_and_found_again(source, home):
    first = trained_generator("ear", source, seed=0, device="cpu", progress=False)
    kept = home / "outputs" / "trainings" / "unav-smoke-studio-3" / "ear-0"
    assert (kept / "history.csv").is_file()
    second = trained_generator("ear", source, seed=0, device="cpu", progress=False)
    assert first.generator.provenance() == second.generator.provenance()
    assert first.generator.about["corpus"] == "synthetic-unav/smoke-studio-3"


def test_labels_are_the_probabilities_inside_gate_and_threshold(bench, source):
    generator = trained_generator("ear", source, seed=0, device="cpu", progress=False).generator
    labels, train = labels_of_generator(generator, bench), bench.split("train")
    audio, _ = target_probabilities(generator, bench, "train")
    kept = labels.audio > 0
    assert labels.keys == train.keys and kept.any()
    assert (labels.audio[kept] == audio[kept]).all()
    assert not (kept & ~train.video_labels[:, None]).any()


def test_parsers_learn_from_them_by_name(bench):
    assert set(GENERATED) <= set(SUPERVISIONS)
    labels = bench.labels("ear-labels")
    assert np.array_equal(labels.audio, generated_labels(bench, "ear").audio)
    experiment = recipe("han-ear-labels", "smoke")
    assert (experiment.model, experiment.supervision) == ("han", "ear-labels")
    assert experiment.training == recipe("han-zero-shot", "smoke").training
    histories = [run(experiment, bench, seed, "cpu", progress=False).history for seed in (0, 0, 1)]
    assert histories[0].equals(histories[1]) and not histories[0].equals(histories[2])
    assert "avvp_lib.pseudo_labels.generator_training" in recipe_modules(experiment)


def test_hard_labels_are_the_same_cells_without_their_confidence(bench):
    soft, hard = bench.labels("ear-labels"), bench.labels("ear-hard-labels")
    assert hard.keys == soft.keys and set(np.unique(hard.audio)) == {0, 1}
    assert ((hard.audio > 0) == (soft.audio > 0)).all() and ((hard.visual > 0) == (soft.visual > 0)).all()
    assert "avvp_lib.pseudo_labels.generator_training" in recipe_modules(recipe("han-ear-hard-labels", "smoke"))


def test_cells_of_generators_have_seeds_and_know_when_they_are_stale(bench):
    fill_cells(bench, ["ear-labels"], [0, 1], {}, progress=False)
    cells = read_cells("smoke-studio-3")
    assert [(cell["experiment"], cell["seed"]) for cell in cells] == [("ear-labels", 0), ("ear-labels", 1)]
    assert not any(map(is_stale, cells)) and cells[0]["recipe"]["name"] == "ear"
    changed = {**cells[0], "recipe": {**cells[0]["recipe"], "lambda_audio": 0.5}}
    assert is_stale(changed)
    assert PREDICTORS["ear-labels"].reads.endswith("its video label")


def test_real_videos_have_no_rendered_source():
    with pytest.raises(ValueError, match="reads real videos"):
        prepare_source("paper")
