"""Pooling features over time before projecting them, against the published order; and features that do not fit."""

import pytest
import torch

from avvp_lib.models import build_model
from avvp_lib.models.front_ends import clap_resampling
from tests.oracles.models_reference import clap_tokens_to_segments, embed_in_published_order

WIDTHS = {"audio_dim": 12, "visual_2d_dim": 20, "visual_3d_dim": 16, "hidden": 8}


def features(segments: int = 10, frames: int = 8, tokens: int | None = None) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {
        "audio": (2, tokens or segments, 12),
        "visual_2d": (2, segments * frames, 20),
        "visual_3d": (2, segments, 16),
    }
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def test_clap_matrix_equals_interpolation_and_pooling():
    tokens = torch.randn(3, 64, 6, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(clap_resampling() @ tokens, clap_tokens_to_segments(tokens), rtol=0, atol=1e-5)


def test_clap_matrix_is_an_average_of_neighbouring_tokens():
    """Rows sum to one, both frequency bands count alike, and segment i is centred on step 3.2 (i + 1/2)."""
    matrix = clap_resampling()
    torch.testing.assert_close(matrix.sum(1), torch.ones(10))
    torch.testing.assert_close(matrix[:, :32], matrix[:, 32:])
    centres = (2 * matrix[:, :32]) @ (torch.arange(32.0) + 0.5) / 3.2
    torch.testing.assert_close(centres, torch.arange(10.0) + 0.5, rtol=0, atol=0.03)


@pytest.mark.parametrize(
    ("layout", "tokens", "frames"), [("segments", None, 8), ("segments", None, 1), ("clap_tokens", 64, 1)]
)
def test_pooling_first_equals_projecting_first(layout, tokens, frames):
    model = build_model("valor", **WIDTHS, audio_layout=layout)
    batch = tuple(features(frames=frames, tokens=tokens).values())
    torch.testing.assert_close(model.embed(*batch), embed_in_published_order(model, *batch), rtol=0, atol=1e-5)


def test_a_segment_reads_its_own_frames():
    model = build_model("han", **WIDTHS)
    batch = features(segments=3, frames=4)
    before = model.embed(**batch)[1]
    batch["visual_2d"][:, 4:8] += 1.0
    changed = (model.embed(**batch)[1] - before).abs().amax(dim=(0, 2)) > 1e-4
    assert changed.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audio": torch.zeros(2, 10, 13)}, r"audio has shape \(2, 10, 13\); this model expects \(B, T, 12\)"),
        ({"audio": torch.zeros(10, 12)}, r"audio has shape \(10, 12\)"),
        ({"audio": torch.zeros(3, 10, 12)}, "visual_2d holds 2 videos but audio holds 3"),
        ({"audio": torch.zeros(2, 0, 12)}, "audio has no segments"),
        ({"audio": torch.zeros(2, 9, 12)}, "visual_2d has 80 frames per video; expected a multiple of the 9 segments"),
        ({"visual_2d": torch.zeros(2, 0, 20)}, "visual_2d has 0 frames"),
        ({"visual_2d": torch.zeros(2, 80, 2048)}, r"visual_2d has shape .* expects \(B, T, 20\)"),
        ({"visual_3d": torch.zeros(2, 5, 16)}, "visual_3d has 5 segments but audio has 10"),
        ({"visual_3d": None}, r"visual_3d is missing: this model needs visual_3d features \(B, T, 16\)"),
    ],
)
def test_features_that_do_not_fit_are_named(change, message):
    model = build_model("han", **WIDTHS)
    with pytest.raises(ValueError, match=message):
        model(**(features() | change))


def test_segment_features_in_a_clap_model_are_refused_with_the_way_out():
    model = build_model("valor", **WIDTHS, audio_layout="clap_tokens")
    with pytest.raises(ValueError, match=r"expects \(B, 64, D\).*audio_layout='segments'"):
        model(**features())
