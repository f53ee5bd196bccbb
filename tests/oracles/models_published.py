"""Facts about the published networks: keys, parameter counts and outputs for weights that anyone can regenerate.

The weight of a key is drawn from a generator seeded by the CRC-32 of the key, so two implementations that agree on keys
and shapes hold equal weights without a file changing hands.
"""

from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from avvp_lib.models import ParsingOutput

PARAMETERS = {
    "HAN": 9_307_723,
    "VALOR": 5_096_523,
    "VALOR+": 5_052_235,
    "VALOR++": 4_888_395,
    "JoMoLD": 4_571_723,
    "MGN": 4_366_065,
}

# mean, standard deviation (n - 1), first three values, last value
OUTPUTS = {
    ("HAN", "video_prob"): (0.508238, 0.185309, 0.411778, 0.327241, 0.097855, 0.376705),
    ("HAN", "audio_prob"): (0.514580, 0.172402, 0.372973, 0.484559, 0.286249, 0.659808),
    ("HAN", "visual_prob"): (0.495964, 0.191847, 0.606984, 0.467527, 0.083699, 0.289144),
    ("HAN", "segment_prob"): (0.502210, 0.266139, 0.234235, 0.041516, 0.322656, 0.198506),
    ("JoMoLD", "synchrony_logits"): (0.960822, 0.284498, 0.611519, 1.225684, 0.684106, 1.024458),
    ("JoMoLD without cross-attention", "video_prob"): (0.498928, 0.177670, 0.485108, 0.519343, 0.146559, 0.437534),
    ("JoMoLD without cross-attention", "segment_prob"): (0.494802, 0.269292, 0.335642, 0.325341, 0.317832, 0.657114),
    ("MGN", "video_prob"): (0.513571, 0.251455, 0.272892, 0.723253, 0.077280, 0.297132),
    ("MGN", "audio_prob"): (0.649276, 0.303897, 0.940293, 0.969390, 0.984748, 0.146686),
    ("MGN", "visual_prob"): (0.362018, 0.308860, 0.123199, 0.536167, 0.431294, 0.500016),
    ("MGN", "audio_segment_prob"): (0.714204, 0.331291, 1.033460, 1.067621, 1.082226, 0.161619),
    ("MGN", "visual_segment_prob"): (0.398220, 0.336688, 0.135264, 0.589460, 0.474180, 0.549828),
    ("MGN", "audio_token_logits"): (0.009562, 0.196675, 0.141795, 0.081340, -0.174134, -0.078634),
    ("MGN", "visual_token_logits"): (0.010842, 0.207071, -0.293410, -0.060004, -0.427754, 0.084545),
    ("MGN hard", "video_prob"): (0.817368, 0.316271, 0.841383, 0.993759, 0.210373, 0.944697),
    ("MGN hard", "audio_segment_prob"): (0.032282, 0.165882, 0.0, 0.0, 0.0, 0.0),
    ("MGN hard", "visual_segment_prob"): (0.025015, 0.137890, 0.0, 0.0, 0.0, 0.0),
    ("MM-CSE", "video_prob"): (0.517137, 0.362406, 0.536991, 0.095506, 0.937215, 0.873814),
    ("MM-CSE", "audio_prob"): (0.495883, 0.379803, 0.150923, 0.093837, 0.962500, 0.902186),
    ("MM-CSE", "visual_prob"): (0.531963, 0.355050, 0.597232, 0.117022, 0.863090, 0.869525),
    ("MM-CSE", "segment_logits"): (0.474573, 3.156545, -1.689883, -2.315285, 3.341987, 2.142477),
    ("VALOR", "video_prob"): (0.553704, 0.246218, 0.647916, 0.579428, 0.322554, 0.127967),
    ("VALOR", "segment_logits"): (0.262985, 1.629938, 2.060615, 0.451942, -2.373869, -1.753470),
    ("VALOR+", "video_prob"): (0.402245, 0.232189, 0.638035, 0.669325, 0.620251, 0.616084),
    ("VALOR+", "segment_logits"): (-0.558063, 1.384910, 0.498368, -2.655103, 0.312655, -1.540161),
    ("VALOR++", "video_prob"): (0.430756, 0.228849, 0.551223, 0.416865, 0.597838, 0.593400),
    ("VALOR++", "segment_logits"): (-0.442214, 1.444396, -0.365589, -1.588217, -0.229697, -1.135566),
    ("VALOR++ pre-norm", "segment_logits"): (-0.149368, 1.546726, -0.304711, 0.891297, 0.104694, -0.232755),
}


def state_dict_shapes(model: str) -> dict[str, tuple[int, ...]]:
    """Shape by key of a published checkpoint."""
    text = Path(__file__).with_name("models_state_dicts.txt").read_text(encoding="utf-8")
    block = text.split(f"[{model}]\n")[1].split("[")[0]
    rows = (line.split() for line in block.splitlines())
    return {key: tuple(int(size) for size in shape) for key, *shape in rows}


def weight(key: str, shape: tuple[int, ...]) -> Tensor:
    """The agreed float32 weight of a key: fan-in scaled matrices, vectors near 0 (biases) or near 1 (norm weights)."""
    noise = np.random.RandomState(crc32(key.encode())).standard_normal(shape)
    if len(shape) > 1:
        noise *= 1.5 / np.sqrt(np.prod(shape[1:]))
    else:
        noise = 0.05 * noise + key.endswith("weight")
    return torch.from_numpy(noise).float()


def checkpoint(model: str, dead_prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """A published state dict with the agreed weights, less the keys that its forward never reads."""
    shapes = state_dict_shapes(model)
    return {key: weight(key, shape) for key, shape in shapes.items() if not key.startswith(dead_prefixes)}


def features(audio_layout: str) -> tuple[Tensor, Tensor, Tensor]:
    """Audio, visual_2d and visual_3d of two videos, in the layout and widths of the published feature sets."""
    draws = {
        "segments": ((1, (2, 10, 128)), (2, (2, 80, 2048)), (3, (2, 10, 512))),
        "clap_tokens": ((4, (2, 64, 768)), (5, (2, 10, 768)), (3, (2, 10, 512))),
    }[audio_layout]
    generators = [(np.random.RandomState(seed), shape) for seed, shape in draws]
    return tuple(torch.from_numpy(rng.standard_normal(shape)).float() for rng, shape in generators)


def summary(values: Tensor) -> tuple[float, ...]:
    """The six numbers by which OUTPUTS describes a tensor."""
    flat = values.flatten()
    return tuple(torch.stack([flat.mean(), flat.std(), *flat[:3], flat[-1]]).tolist())


def published_outputs(model: nn.Module, audio_layout: str) -> dict[str, tuple[float, ...]]:
    """Summaries of everything a model says about the agreed features, by the names used in OUTPUTS."""
    with torch.no_grad():
        return output_summaries(model.eval()(*features(audio_layout)))


def output_summaries(output: ParsingOutput) -> dict[str, tuple[float, ...]]:
    """Summaries of what is in an output, by the names used in OUTPUTS."""
    named = {
        "video_prob": output.video_prob,
        "audio_prob": output.modality_prob[:, 0],
        "visual_prob": output.modality_prob[:, 1],
        "segment_prob": output.segment_prob,
        "audio_segment_prob": output.segment_prob[:, :, 0],
        "visual_segment_prob": output.segment_prob[:, :, 1],
        "segment_logits": output.segment_logits,
        "synchrony_logits": output.extras.get("synchrony_logits"),
        "audio_token_logits": output.extras.get("token_logits", [None, None])[0],
        "visual_token_logits": output.extras.get("token_logits", [None, None])[1],
    }
    return {name: summary(values) for name, values in named.items() if values is not None}
