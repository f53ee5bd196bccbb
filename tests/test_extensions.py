"""Code of one's own: loaded by path, registered by name, and never in the place of something else."""

import sys

import pytest

from avvp_lib import bench as bench_module
from avvp_lib import corpora, models, recipes
from avvp_lib.cells import measure
from avvp_lib.corpora import load_corpus, register_corpus
from avvp_lib.extensions import load_extension
from avvp_lib.models import build_model, model_class, register_model
from avvp_lib.models.valor import VALOR
from avvp_lib.recipes import RECIPES, Recipe, recipe, recipe_modules, register_recipe, register_supervision
from tests.small_bench import small_bench, small_corpus

MODEL = """
from avvp_lib.models.valor import VALOR


class Narrow(VALOR):
    def __init__(self, audio_dim: int = 8, visual_2d_dim: int = 8, visual_3d_dim: int = 8, classes: int = 25, hidden: int = 16):
        super().__init__(audio_dim=audio_dim, visual_2d_dim=visual_2d_dim, visual_3d_dim=visual_3d_dim, classes=classes,
                         hidden=hidden, heads=2, feed_forward=16)


def first_half(bench):
    labels = bench.zero_shot("train")
    labels.audio[:, 5:] = 0
    return labels
"""


@pytest.fixture(autouse=True)
def _own_registries(monkeypatch, tmp_path):
    monkeypatch.setattr(models, "MODELS", dict(models.MODELS))
    monkeypatch.setattr(bench_module, "SUPERVISIONS", dict(bench_module.SUPERVISIONS))
    monkeypatch.setattr(corpora, "CORPORA", dict(corpora.CORPORA))
    for name in list(RECIPES):
        monkeypatch.setitem(RECIPES, name, RECIPES[name])  # so that what is added goes again
    before = set(RECIPES)
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    yield
    for name in set(RECIPES) - before:
        del RECIPES[name]


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "my_narrow_model.py"
    file.write_text(MODEL)
    yield load_extension(file)
    sys.modules.pop("my_narrow_model", None)


def test_a_file_is_loaded_once(mine, tmp_path):
    assert load_extension(tmp_path / "my_narrow_model.py") is mine


def test_files_that_cannot_be_loaded(tmp_path):
    with pytest.raises(FileNotFoundError, match="no extension"):
        load_extension(tmp_path / "absent.py")
    for name in ("my-model.py", "model.txt"):
        (tmp_path / name).write_text("")
        with pytest.raises(ValueError, match="cannot be imported"):
            load_extension(tmp_path / name)
    (tmp_path / "json.py").write_text("")
    with pytest.raises(ValueError, match="another module named 'json'"):
        load_extension(tmp_path / "json.py")
    (tmp_path / "my_broken_extension.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        load_extension(tmp_path / "my_broken_extension.py")
    assert "my_broken_extension" not in sys.modules


def test_a_model_of_ones_own_is_built_by_name(mine):
    register_model("narrow", mine.Narrow)
    register_model("narrow", mine.Narrow)
    model = build_model("narrow", classes=7)
    assert (model.name, model.widths["classes"], model.widths["hidden"]) == ("narrow", 7, 16)
    with pytest.raises(ValueError, match=r"there is a model 'narrow' already, my_narrow_model:Narrow"):
        register_model("narrow", VALOR)
    with pytest.raises(ValueError, match=r"there is a model 'han' already, avvp_lib\.models\.han:HAN"):
        register_model("han", mine.Narrow)


def test_widths_need_defaults(mine):
    class Stubborn(mine.Narrow):
        def __init__(self, hidden):
            super().__init__(hidden=hidden)

    with pytest.raises(ValueError, match="no default for hidden"):
        register_model("stubborn", Stubborn)
    with pytest.raises(ValueError, match="unknown model 'stubborn'"):
        model_class("stubborn")


def test_an_experiment_of_ones_own_is_measured_like_any_other(mine, tmp_path):
    register_model("narrow", mine.Narrow)
    register_supervision("first-half", mine.first_half)
    base = recipe("valor-zero-shot", "smoke")
    own = Recipe("narrow-half", "mine", "narrow", "first-half", base.training)
    register_recipe(own)
    bench = small_bench(tmp_path / "bench")
    cell = measure(recipe("narrow-half", "smoke"), bench, 0, progress=False)
    assert cell["experiment"] == "narrow-half" and cell["recipe"]["supervision"] == "first-half"
    assert recipe_modules(own) == ["my_narrow_model", "avvp_lib.objectives.segment_labels", "my_narrow_model"]
    assert not bench.labels("first-half").audio[:, 5:].any()


def test_a_changed_line_of_an_extension_makes_its_results_stale(mine, tmp_path):
    from avvp_lib.cells import _code

    register_model("narrow", mine.Narrow)
    own = Recipe("narrow", "mine", "narrow", "zero-shot", recipe("valor-zero-shot", "smoke").training)
    before = _code(own)
    file = tmp_path / "my_narrow_model.py"
    file.write_text(MODEL.replace("5:", "4:"))
    assert _code(own) != before
    file.write_text(MODEL + "\n# a comment\n")
    assert _code(own) == before


def test_what_a_method_says_of_its_labels_is_part_of_a_results_identity(mine, tmp_path):
    register_supervision("first-half", mine.first_half)
    bench = small_bench(tmp_path / "bench")
    assert bench.identity("first-half")["labels"] == bench.zero_shot("train").provenance
    assert "labels" not in bench.identity("zero-shot")


def test_names_that_are_taken(mine):
    with pytest.raises(ValueError, match="there is a supervision 'truth' already"):
        register_supervision("truth", mine.first_half)
    with pytest.raises(ValueError, match="there is another recipe 'han' already"):
        register_recipe(Recipe("han", "mine", "valor", "truth", RECIPES["han"].training))
    with pytest.raises(ValueError, match="unknown supervision 'luck'"):
        register_recipe(Recipe("mine", "mine", "valor", "luck", RECIPES["han"].training))
    with pytest.raises(ValueError, match="there is a corpus 'llp' already"):
        register_corpus("llp", small_corpus, "data/llp")
    assert "mine" not in recipes.RECIPES


def test_a_corpus_of_ones_own_is_read_by_name(tmp_path):
    def read(root):
        return small_corpus(root)[0]

    register_corpus("small", read, "data/small")
    assert load_corpus("small").root == tmp_path / "data" / "small"
    assert load_corpus("small", tmp_path / "x").root == tmp_path / "x"
    with pytest.raises(ValueError, match=r"unknown corpus 'tiny': choose one of llp, synthetic-llp, .*, small$"):
        load_corpus("tiny")
