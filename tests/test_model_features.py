import numpy as np
import pytest
import torch

from avvp_lib.model_features import features_of
from avvp_lib.models import build_model
from avvp_lib.objectives import forward
from avvp_lib.training import ParsingData

WIDTHS = {"audio_dim": 5, "visual_2d_dim": 6, "visual_3d_dim": 7, "classes": 3, "hidden": 8, "heads": 2}


def small_data(videos: int) -> ParsingData:
    torch.manual_seed(0)
    shapes = [(videos, 10, WIDTHS[name]) for name in ("audio_dim", "visual_2d_dim", "visual_3d_dim")]
    return ParsingData(*map(torch.randn, shapes), video_labels=torch.zeros(videos, 3))


def small_model(name: str, **widths) -> torch.nn.Module:
    torch.manual_seed(1)
    return build_model(name, **WIDTHS, feed_forward=8, layers=1, **widths)


def test_what_the_classifier_is_given_makes_the_logits():
    model, data = small_model("valor"), small_data(5)
    mixed = features_of(model, data, inputs=["fc_prob"], batch_size=2)["fc_prob"]
    assert mixed.shape == (5, 10, 2, 8) and mixed.dtype == np.float32
    with torch.no_grad():
        expected = forward(model.eval(), data).segment_logits
        assert torch.allclose(model.fc_prob(torch.from_numpy(mixed)), expected, atol=1e-5)


def test_extras_of_all_batches_are_joined_in_order():
    model, data = small_model("mm-cse", class_hidden=4), small_data(5)
    found = features_of(model, data, extras=["decoupled", "cross_map"], batch_size=2)
    with torch.no_grad():
        whole = forward(model.eval(), data).extras
    assert list(found) == ["decoupled", "cross_map"]
    for name, values in found.items():
        assert np.allclose(values, whole[name], atol=1e-5)


def test_the_model_is_left_as_it_was():
    model = small_model("valor").train()
    features_of(model, small_data(2), inputs=["fc_prob"])
    assert model.training and not model.fc_prob._forward_pre_hooks
    with pytest.raises(ValueError, match="'decoupled'"):
        features_of(model, small_data(2), extras=["decoupled"], inputs=["fc_prob"])
    assert model.training and not model.fc_prob._forward_pre_hooks


def test_what_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no submodule head; it has .*fc_prob"):
        features_of(small_model("valor"), small_data(2), inputs=["head"])
    with pytest.raises(ValueError, match=r"'adjacency_audio' has shape \(3, 3\), not one entry for each of 2"):
        torch.manual_seed(0)
        ear = build_model("ear", **WIDTHS, feed_forward=8, event_dim=4)
        features_of(ear, small_data(2), extras=["adjacency_audio"])
