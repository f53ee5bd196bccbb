"""Two devices that share a parser's steps learn what one does.

For a loss that is a mean over videos they do the same sums in another order. In 64 bits all weights then agree to 1e-9 after twelve steps
of AdamW, where a wrong average would show at about the learning rate, 1e-3. Other objectives draw or compare inside a step, so a device
does it with its part: these must stay near, the loss within 3 %.
"""

from pathlib import Path

import pandas as pd
import pytest
import torch

from avvp_lib.fit_state import HISTORY, STATE, _read
from avvp_lib.shared_training import fit_shared, part_of_step
from tests.shared_parsing import LOSSES, model_of, recipe, train
from tests.test_training import make_data
from tests.torchrun import launch

SHARED = "tests.shared_parsing"
SAME_SUMS = ("han", "valor", "mug")


@pytest.mark.parametrize("videos", [1, 2, 7, 8])
@pytest.mark.parametrize("devices", [1, 2, 3])
def test_the_parts_make_up_the_step(videos, devices):
    step = torch.arange(videos) + 10
    parts = [part_of_step(step, device, devices) for device in range(devices)]
    assert len({len(part) for part in parts}) == 1
    counts = torch.cat(parts).unique(return_counts=True)
    assert torch.equal(counts[0], step) and counts[1].sum() - videos < devices


def test_what_cannot_be_shared_is_refused():
    data = make_data()
    with pytest.raises(ValueError, match="batch_size is 8, but 9 devices"):
        fit_shared(model_of("han"), data, data, recipe("han"), 0, 9, "cpu")


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """A folder with a training of every model that two processes have shared."""
    folder = tmp_path_factory.mktemp("shared")
    done = launch(SHARED, "2", "64-true", str(folder), *LOSSES)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture
def in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME_SUMS)
def test_two_devices_learn_the_same_weights(name, shared, in_64_bits):
    alone, together = train(name, 1, "64-true", None), _read(shared / name / STATE)
    assert together["best_epoch"] == alone.best_epoch
    for key, weights in alone.model.state_dict().items():
        assert (weights - together["best_state"][key]).abs().max() < 1e-9, key
    scores = pd.read_csv(shared / name / HISTORY).drop(columns="loss")  # the loss is that of the first device's videos
    pd.testing.assert_frame_equal(scores, alone.history.drop(columns="loss"), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(LOSSES) - set(SAME_SUMS)))
def test_what_draws_or_compares_in_a_step_ends_near(name, shared, in_64_bits):
    alone, together = train(name, 1, "64-true", None).history, pd.read_csv(shared / name / HISTORY)
    assert together["loss"].iloc[-1] < together["loss"].iloc[0]
    assert together["loss"].to_numpy() == pytest.approx(alone["loss"].to_numpy(), rel=0.03)
    assert together["segment/Type"].iloc[-1] == pytest.approx(alone["segment/Type"].iloc[-1], abs=12)


@pytest.mark.slow
def test_a_shared_training_goes_on(shared, tmp_path):
    stopped = launch(SHARED, "2", "64-true", str(tmp_path), "--stop", "jomold")
    assert stopped.returncode != 0 and len(pd.read_csv(tmp_path / "jomold" / HISTORY)) == 1
    done = launch(SHARED, "2", "64-true", str(tmp_path), "jomold")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "jomold" / HISTORY).read_bytes() == (shared / "jomold" / HISTORY).read_bytes()
    states = [_read(path / "jomold" / STATE)["best_state"] for path in (tmp_path, shared)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])
