"""Models by name: what they remember, and what is refused."""

import json

import pytest
import torch

from avvp_lib.models import MODELS, PRESETS, build_model

FEATURES = {"audio_dim": 12, "visual_2d_dim": 20, "visual_3d_dim": 16}
SMALL = {**FEATURES, "hidden": 8, "feed_forward": 16}
TEXT = {"text_audio_dim": 6, "text_visual_dim": 6}
PARSERS = [name for name in MODELS if name != "selm"]  # which segments, and has tests of its own
NARROW = {"mgn": {}, "mm-cse": {}, "mug": {**TEXT, "hidden": 8}, "ear": {"hidden": 8, "event_dim": 4}}


@pytest.mark.parametrize("name", PARSERS)
def test_a_model_remembers_how_it_was_built(name):
    model = build_model(name, **FEATURES, **NARROW.get(name, {"hidden": 8, "feed_forward": 16, "layers": 2}))
    twin = build_model(model.name, **json.loads(json.dumps(model.widths)))
    assert model.widths["classes"] == 25
    assert (twin.name, twin.widths) == (name, model.widths)
    twin.load_state_dict(model.state_dict())
    assert str(twin) == str(model)


@pytest.mark.parametrize("name", PARSERS)
def test_every_model_takes_the_shared_signature(name):
    model = build_model(name, **FEATURES, **NARROW.get(name, {"hidden": 8, "feed_forward": 16})).eval()
    inputs = {"audio": torch.zeros(1, 10, 12), "visual_2d": torch.zeros(1, 10, 20), "visual_3d": torch.zeros(1, 10, 16)}
    text = (torch.zeros(1, 10, 6), torch.zeros(1, 10, 6))
    output = model(**inputs, text=text)
    assert output.segment_prob.shape == (1, 10, 2, 25) and output.modality_prob.shape == (1, 2, 25)
    if name != "mug":  # the only one that reads the text
        torch.testing.assert_close(output.video_prob, model(**inputs).video_prob)


def test_seed_decides_the_initial_weights():
    weights = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        weights.append(build_model("valor", **SMALL).fc_a.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_presets_name_the_published_widths():
    assert {preset: widths["name"] for preset, widths in PRESETS.items()} == {
        "HAN": "han",
        "VALOR": "valor",
        "VALOR+": "valor",
        "VALOR++": "valor",
    }
    assert PRESETS["VALOR++"]["layers"] == PRESETS["VALOR+"]["layers"] == 4


@pytest.mark.parametrize(
    ("name", "widths", "message"),
    [
        ("hann", {}, "unknown model 'hann'; known: han, mgn, jomold, valor"),
        ("han", {"width": 4, "norm": "pre"}, "han does not take norm, width; it takes audio_dim, .*hidden, heads"),
        ("valor", {"hidden": 8.0}, "hidden must be a positive integer, not 8.0"),
        ("valor", {"layers": 0}, "layers must be a positive integer, not 0"),
        ("valor", {"dropout": 1.5}, r"dropout must lie in \[0, 1\), not 1.5"),
        ("valor", {"hidden": 12, "heads": 8}, "hidden = 12 is not divisible by heads = 8"),
        ("valor", {"norm": "layer"}, "norm 'layer' is unknown; known: post, pre"),
        ("han", {"audio_layout": "clap"}, "audio_layout 'clap' is unknown; known: segments, clap_tokens"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(name, widths, message):
    with pytest.raises(ValueError, match=message):
        build_model(name, **widths)
