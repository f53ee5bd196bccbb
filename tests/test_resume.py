"""A training that is interrupted and started again ends as if it had not been, and never goes on with something else."""

import hashlib
import io
import logging
import pickle
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from avvp_lib import training
from avvp_lib.fit_state import HISTORY, STATE, model_digest, tensors_digest, training_code
from avvp_lib.models import build_model
from avvp_lib.provenance import atomic_path, remove_unfinished
from avvp_lib.training import FitResult, TrainingRecipe, evaluate, fit
from tests.test_training import make_data, make_model

EPOCHS = 6
RECIPE = TrainingRecipe(
    "segment-labels", epochs=EPOCHS, batch_size=5, optimiser="adamw", learning_rate=1e-2, weight_decay=1e-2,
    schedule="warm-up-cosine", warm_up_epochs=2, minimum_rate=1e-4, clip_norm=1.0,
)  # fmt: skip
STEPS = 3  # of an epoch: 12 videos in batches of 5


class Interrupted(Exception):
    """Stands for whatever ends a run before its time."""


def train(folder=None, recipe=RECIPE, seed=1, model=None, data=None, validation=None, **options) -> FitResult:
    """A training of a small model with dropout, whose first weights are always the same."""
    data = data or make_data()
    model = model or make_model(dropout=0.3)
    return fit(model, data, validation or make_data(1), recipe, seed, "cpu", folder=folder, progress=False, **options)


@pytest.fixture
def steps(monkeypatch):
    """Counts the batches that are trained, and interrupts where "until" are done."""
    counter = {"done": 0, "until": None}
    build = training.build_objective

    def counted(*arguments, **options):
        objective = build(*arguments, **options)

        def step(model, batch):
            if counter["done"] == counter["until"]:
                raise Interrupted
            counter["done"] += 1
            return objective(model, batch)

        return step

    monkeypatch.setattr(training, "build_objective", counted)
    return counter


@pytest.fixture(scope="module")
def whole() -> FitResult:
    """The training at once, kept nowhere."""
    return train()


def assert_same(result: FitResult, expected: FitResult) -> None:
    """Bit for bit the same weights, history and epoch."""
    if expected.history is not None:
        pd.testing.assert_frame_equal(result.history, expected.history, check_exact=True)
    assert result.best_epoch == expected.best_epoch
    state, other = result.model.state_dict(), expected.model.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)
    assert not result.model.training


def interrupt(steps, folder: Path, after: int, **options) -> None:
    steps.update(done=0, until=after)
    with pytest.raises(Interrupted):
        train(folder, **options)
    steps.update(done=0, until=None)


# ---- going on


@pytest.mark.parametrize("after", [0, 1, STEPS, STEPS + 2, 4 * STEPS, EPOCHS * STEPS - 1])
def test_an_interrupted_training_ends_as_if_it_had_not_been(whole, steps, tmp_path, after):
    interrupt(steps, tmp_path, after)
    result = train(tmp_path)
    assert_same(result, whole)
    assert steps["done"] == EPOCHS * STEPS - after // STEPS * STEPS, "finished epochs are not trained again"


def test_many_interruptions_are_as_good_as_one(whole, steps, tmp_path):
    for _ in range(EPOCHS - 1):
        interrupt(steps, tmp_path, STEPS + 1)  # each run gets one epoch further
    assert_same(train(tmp_path), whole)
    assert steps["done"] == STEPS


def test_keeping_a_training_does_not_change_it(whole, tmp_path):
    assert_same(train(tmp_path), whole)


def test_the_best_epoch_may_lie_before_the_interruption(steps, tmp_path, monkeypatch):
    wanted = iter([10.0, 30.0, 20.0, 20.0, 30.0, 5.0])

    def scripted(*arguments):
        return {**evaluate(*arguments), "segment/Type": next(wanted)}

    monkeypatch.setattr(training, "evaluate", scripted)
    interrupt(steps, tmp_path, 3 * STEPS)
    result = train(tmp_path)
    assert result.best_epoch == 2 and result.history["segment/Type"].tolist() == [10, 30, 20, 20, 30, 5]
    wanted = iter([10.0, 30.0] + [0.0] * 4)
    assert_same(replace(result, history=None), replace(train(), history=None))


@pytest.mark.parametrize("change", [{"precision": "bf16-mixed"}, {"recipe": replace(RECIPE, optimiser="adam")}])
def test_other_precisions_and_optimisers_go_on_too(steps, tmp_path, change):
    interrupt(steps, tmp_path, 4 * STEPS + 1, **change)
    assert_same(train(tmp_path, **change), train(**change))


def test_what_was_drawn_in_between_does_not_matter(whole, steps, tmp_path):
    interrupt(steps, tmp_path, 2 * STEPS + 1)
    torch.manual_seed(99)
    torch.rand(1000)
    assert_same(train(tmp_path), whole)


def test_the_bar_begins_where_the_training_goes_on(steps, tmp_path, capsys):
    interrupt(steps, tmp_path, 4 * STEPS)
    fit(make_model(dropout=0.3), make_data(), make_data(1), RECIPE, 1, "cpu", folder=tmp_path)
    shown = capsys.readouterr().err
    assert f"4/{EPOCHS}" in shown and f"{EPOCHS}/{EPOCHS}" in shown and f"1/{EPOCHS}" not in shown


# ---- finished trainings


def test_a_finished_training_is_returned_at_once(whole, steps, tmp_path):
    first = train(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != ".lock"}
    steps.update(done=0)
    assert_same(train(tmp_path), first)
    assert steps["done"] == 0
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.name != ".lock"} == before


def test_the_file_shrinks_to_the_result(steps, tmp_path):
    interrupt(steps, tmp_path, STEPS + 1)
    running = (tmp_path / STATE).stat().st_size
    train(tmp_path)
    assert (tmp_path / STATE).stat().st_size < running / 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", HISTORY, STATE]


def test_two_at_once_train_once(whole, steps, tmp_path):
    results, models = [], [make_model(dropout=0.3) for _ in range(2)]
    threads = [threading.Thread(target=lambda m=model: results.append(train(tmp_path, model=m))) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert steps["done"] == EPOCHS * STEPS
    for result in results:
        assert_same(result, whole)


# ---- something else


OTHERS = {
    "recipe": {"recipe": replace(RECIPE, clip_norm=2.0)},
    "seed": {"seed": 2},
    "precision": {"precision": "bf16-mixed"},
    "training data": {"data": make_data(5)},
    "validation data": {"validation": make_data(6)},
    "model": {"model": lambda: make_model(seed=3, dropout=0.3)},
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_training_begins_anew_and_says_what_differs(steps, tmp_path, caplog, name):
    interrupt(steps, tmp_path, 4 * STEPS)
    options = {key: value() if callable(value) else value for key, value in OTHERS[name].items()}
    expected = train(**{key: value() if callable(value) else value for key, value in OTHERS[name].items()})
    steps.update(done=0)
    assert_same(train(tmp_path, **options), expected)
    assert steps["done"] == EPOCHS * STEPS
    assert f"is of another training ({name})" in caplog.text


def test_dropout_is_part_of_a_model_though_no_weight_shows_it(steps, tmp_path, caplog):
    interrupt(steps, tmp_path, 4 * STEPS)
    train(tmp_path, model=make_model(dropout=0.1))
    assert "is of another training (model)" in caplog.text


def test_changed_code_begins_anew(steps, tmp_path, caplog, monkeypatch):
    train(tmp_path)
    monkeypatch.setattr(training, "training_code", lambda *arguments: "another")
    steps.update(done=0)
    train(tmp_path)
    assert steps["done"] == EPOCHS * STEPS and "is of another training (code)" in caplog.text


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def signed(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


class Malicious:
    def __reduce__(self):
        return Path.touch, (Path("executed"),)


def tensor_file(value) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


DAMAGES = {
    "truncated": (truncate, "another fingerprint"),
    "flipped": (flip_a_bit, "another fingerprint"),
    "empty": (lambda path: path.write_bytes(b""), "another fingerprint"),
    "code": (
        lambda path: path.write_bytes(signed(pickle.dumps(Malicious(), protocol=2))),
        "more than tensors and numbers",
    ),
    "code in a tensor file": (lambda path: path.write_bytes(signed(tensor_file(Malicious()))), "more than tensors"),
    "nothing": (lambda path: path.write_bytes(signed(b"")), "more than tensors and numbers"),
    "foreign": (lambda path: path.write_bytes(signed(tensor_file([1, 2]))), "names no training"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_not_gone_on_with(whole, steps, tmp_path, caplog, damage, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interrupt(steps, tmp_path / "run", 4 * STEPS)
    hurt, reason = DAMAGES[damage]
    hurt(tmp_path / "run" / STATE)
    with caplog.at_level(logging.WARNING):
        assert_same(train(tmp_path / "run"), whole)
    assert steps["done"] == EPOCHS * STEPS
    assert "training.state is damaged (" in caplog.text and reason in caplog.text
    assert not (tmp_path / "executed").exists()


def test_leftovers_of_killed_runs_go(tmp_path):
    (tmp_path / ".training.77.state").write_text("half")
    (tmp_path / ".history.77.csv").write_text("half")
    train(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", HISTORY, STATE]


def test_only_temporary_files_are_unfinished(tmp_path):
    with pytest.raises(Interrupted), atomic_path(tmp_path / "bank.json"):
        raise Interrupted
    names = [".lock", ".parts", "bank.json", ".bank.77.json", ".bank.77", ".a.b.77.npy", ".hidden", "a.77.json"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / ".folder.77").mkdir()
    remove_unfinished(tmp_path, tmp_path / "absent")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [".folder.77", ".hidden", ".lock", ".parts", "a.77.json", "bank.json"]
    )


# ---- identities


def test_a_model_of_a_notebook_cannot_be_kept():
    kind = type("Homemade", (nn.Linear,), {"__module__": "__main__"})
    with pytest.raises(ValueError, match=r"Homemade is defined in a notebook or a script.*load_extension"):
        training_code(kind(2, 2), "avvp_lib.training")
    with pytest.raises(ValueError, match="notebook or a script"):
        training_code(nn.Sequential(kind(2, 2)), "avvp_lib.training")


def test_the_code_of_every_part_counts():
    han, valor = (training_code(build_model(name), "avvp_lib.training") for name in ("han", "valor"))
    assert han != valor
    assert training_code(nn.Linear(2, 2), "avvp_lib.losses") == training_code(nn.ReLU(), "avvp_lib.losses")


def test_settings_of_parts_count_and_the_mode_does_not():
    model = make_model(dropout=0.3)
    before = model_digest(model)
    assert model_digest(model.eval()) == before == model_digest(make_model(dropout=0.3))
    next(part for part in model.modules() if isinstance(part, nn.Dropout)).p = 0.2
    assert model_digest(model) != before


def test_every_value_type_and_shape_counts():
    tensor = torch.arange(6.0).view(2, 3)
    same = tensor.t().contiguous().t()
    others = [tensor + 1, tensor.view(3, 2), tensor.double(), tensor.bfloat16(), tensor > 2, tensor[:0], tensor[0, 0]]
    digests = [tensors_digest([("a", value)]) for value in (tensor, *others)] + [tensors_digest([("b", tensor)])]
    assert len(set(digests)) == len(digests)
    assert tensors_digest([("a", same)]) == digests[0]
