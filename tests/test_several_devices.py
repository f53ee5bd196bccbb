"""Two devices that share each step learn what one does, within noise, and go on after an interruption.

What noise is. Each device has some clips of a step. It sums their loss over labelled frames and divides by those of the whole step, on
all devices, so the sum of the gradients is the gradient of the step, whoever has which clip. One device and two then differ in nothing but
the order in which numbers are added: 2 ** -53 of a number for each addition in 64 bits, 2 ** -24 in 32. AdamW makes more of it, because
it divides a gradient by its size, so one that is all rounding moves its weight too. So in 64 bits, where that is far below AdamW's
epsilon, all weights must agree to 1e-12 after nine steps (a wrong average would show at about the learning rate, 1e-3); in 32 bits to a
tenth of the learning rate. Dropout is off, since each device draws its own, and the encoder has no batch statistics, which a device takes
over its own clips.
"""

from pathlib import Path

import pandas as pd
import pytest
import torch

from avvp_lib.fit_state import HISTORY, STATE, _read
from tests.shared_training import RECIPE, train_shared
from tests.torchrun import launch

SHARED = "tests.shared_training"
pytestmark = pytest.mark.slow  # ten seconds and more for each start of torchrun
DIFFERENCE = {"64-true": 1e-12, "32-true": 0.1 * RECIPE.learning_rate}


@pytest.fixture(scope="module", params=DIFFERENCE)
def shared(request, tmp_path_factory) -> tuple[str, Path]:
    """A precision, and the folder of a training that two processes have shared."""
    folder = tmp_path_factory.mktemp("shared")
    done = launch(SHARED, "2", request.param, str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return request.param, folder


@pytest.fixture
def default_type(shared):
    """What numbers are made of, while a test is in the precision of `shared`."""
    torch.set_default_dtype(torch.float64 if shared[0] == "64-true" else torch.float32)
    yield
    torch.set_default_dtype(torch.float32)


def test_two_devices_learn_what_one_does(shared, default_type, tmp_path):
    precision, folder = shared
    alone = train_shared(1, precision, tmp_path)
    together = _read(folder / STATE)
    assert together["best_epoch"] == alone.best_epoch
    for name, weights in alone.model.state_dict().items():
        assert weights.dtype == together["best_state"][name].dtype
        assert (weights - together["best_state"][name]).abs().max() < DIFFERENCE[precision], name
    history = pd.read_csv(folder / HISTORY)
    pd.testing.assert_frame_equal(history, alone.history, rtol=1e-10 if precision == "64-true" else 1e-3)
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0] and history["M_J"].iloc[-1] > 5, "it has learned"


def test_a_shared_training_goes_on(shared, tmp_path):
    precision, folder = shared
    if precision != "64-true":
        pytest.skip("once is enough")
    stopped = launch(SHARED, "2", precision, str(tmp_path), "1")
    assert stopped.returncode != 0 and len(pd.read_csv(tmp_path / HISTORY)) == 1
    done = launch(SHARED, "2", precision, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / HISTORY).read_bytes() == (folder / HISTORY).read_bytes()
    states = [_read(path / STATE)["best_state"] for path in (tmp_path, folder)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
