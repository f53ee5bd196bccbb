"""Published SelM checkpoints: the key lists of all six networks, how they are read, and the released networks' answers."""

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from avvp_lib.checkpoints import load_official
from avvp_lib.models import build_model
from avvp_lib.models.selm_official import DEAD_PREFIXES, OFFICIAL_NAMES, from_official, our_name
from avvp_lib.weights import CheckpointError
from tests.models.small_selm import SMALL, clips, small_selm

SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec"
LISTS, GOLDEN = SPEC / "official_state_dicts_selm.txt", SPEC / "official_forwards_selm.npz"

# Keys and parameters (in millions, buffers included) of the six networks, and of these what is not the encoder's.
NETWORKS = {
    ("resnet-50", "s4"): (1078, 115.08, 586, 69.41),
    ("pvt-v2-b5", "s4"): (1635, 112.06, 583, 30.62),
    ("resnet-50", "ms3"): (1075, 117.65, 583, 71.98),
    ("pvt-v2-b5", "ms3"): (1638, 112.65, 586, 31.21),
    ("resnet-50", "avss"): (1078, 119.69, 586, 74.02),
    ("pvt-v2-b5", "avss"): (1638, 114.09, 586, 32.65),
}
FINEST_POSITIONS = "decoder.layers.2.positional_embedding"
LISTED = {"resnet-50": "avs_s4 SelM_R50", "pvt-v2-b5": "avs_ms3 SelM_PVT"}


def listed(backbone: str) -> dict[str, tuple[int, ...]]:
    """The published keys and shapes of one of the two networks that are written down in full."""
    if not LISTS.is_file():
        pytest.skip(f"the key lists of the released networks are not at {LISTS}")
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for line in LISTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("###"):
            keys = shapes.setdefault(line[4:].split(":")[0], {})
        elif line.strip():
            key, _, shape = line.strip().partition(" ")
            keys[key] = tuple(int(size) for size in shape.strip("()").split(",") if size.strip())
    return shapes[LISTED[backbone]]


def published(backbone: str, setting: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of any of the six, from those of the same encoder: sides of the positions, blocks and kernels of the head."""
    shapes = dict(listed(backbone))
    once = (backbone, setting) in {("pvt-v2-b5", "s4"), ("resnet-50", "ms3")}
    if once:
        shapes = {key: shape for key, shape in shapes.items() if not key.startswith("decoder.proj.vis.3.")}
        shapes = {key.replace("decoder.proj.vis.4.", "decoder.proj.vis.2."): shape for key, shape in shapes.items()}
    large = setting == "ms3" or (backbone, setting) == ("pvt-v2-b5", "s4")
    for level, side in enumerate((28, 56, 112) if large else (14, 28, 56)):
        shapes[f"decoder.layers.{level}.positional_embedding"] = (side**2, 256)
    if setting == "avss":
        shapes |= {"decoder.proj.audio_linear.weight": (18176, 256), "decoder.proj.audio_linear.bias": (18176,)}
    return shapes


def millions(shapes) -> float:
    return sum(math.prod(shape) for shape in shapes) / 1e6


@pytest.mark.parametrize("network", NETWORKS, ids="-".join)
def test_every_published_key_is_ours_or_declared_dead(network):
    """One name of ours for each key but the dead ones, and each of ours is hit: a bijection, with equal shapes."""
    theirs = published(*network)
    keys, parameters, head_keys, head_parameters = NETWORKS[network]
    head = {key: shape for key, shape in theirs.items() if not encoder_key(key)}
    assert (len(theirs), len(head)) == (keys, head_keys)
    assert millions(theirs.values()) == pytest.approx(parameters, abs=0.005)
    assert millions(head.values()) == pytest.approx(head_parameters, abs=0.005)

    with torch.device("meta"):
        model = build_model("selm", variant="released", backbone=network[0], setting=network[1])
    assert (model.output_size, model.input_size) == (224, 4 * math.isqrt(theirs[FINEST_POSITIONS][0]))
    ours = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    live = {key: shape for key, shape in theirs.items() if not key.startswith(DEAD_PREFIXES)}
    assert len({our_name(key) for key in live}) == len(live)
    assert {our_name(key): shape for key, shape in live.items()} == ours
    model.load_state_dict(from_official({key: torch.empty(shape, device="meta") for key, shape in live.items()}))


def encoder_key(key: str) -> bool:
    return key.startswith("resnet.") or (key.startswith("encoder_backbone.") and "DAM_Fusion" not in key)


@pytest.mark.parametrize("backbone", LISTED)
def test_the_dead_keys(backbone):
    """What is dropped, counted: attention over one token, scalar weights, unread norms and MLPs, the second branch."""
    dead = {key: shape for key, shape in listed(backbone).items() if key.startswith(DEAD_PREFIXES)}
    alignment = [key for key in dead if "DAM_Fusion" in key]
    decoder = [key for key in dead if key.startswith("decoder.")]
    assert len(alignment) == 4 * (2 + 3 * 2) and len(decoder) == 3 * (2 + 2 + 2 + 4)
    branch = set(dead) - set(alignment) - set(decoder)
    twins = {key.replace("_2.", "_1.") for key in branch}
    assert twins == ({key for key in listed(backbone) if "layer3_1" in key or "layer4_1" in key})


def test_no_name_is_in_vain():
    """Every pattern of the table finds a key in one of the lists, so that none is a leftover."""
    import re

    keys = [*listed("resnet-50"), *listed("pvt-v2-b5"), "decoder.proj.vis.2.weight"]
    used = set()
    for key in keys:
        for pattern, replacement in OFFICIAL_NAMES:
            changed = re.sub(pattern, replacement, key)
            if changed != key:
                used.add(pattern)
            key = changed
    assert used == {pattern for pattern, _ in OFFICIAL_NAMES}


def small_published(model) -> dict[str, torch.Tensor]:
    """A small ResNet model's weights under the published names, with dead keys as a published file has them."""
    back = {our_name(key): key for key in listed("resnet-50") if not key.startswith(DEAD_PREFIXES)}
    body = "encoder.backbone.body."
    state = {}
    for key, tensor in model.state_dict().items():
        name = back.get(key)
        if key.startswith(body):
            name = "resnet." + key.removeprefix(body).replace("layer3.", "layer3_1.").replace("layer4.", "layer4_1.")
        state[name] = tensor
    return state | {
        "resnet.layer3_2.0.conv1.weight": torch.zeros(3),
        "DAM_Fusion1.fusion.audio_visual_att.vis_weight": torch.ones(1),
        "decoder.layers.0.loadtoken.norm.weight": torch.ones(16),
    }


RELEASED = {"variant": "released", "upsamplings": 2, "mamba_layers": 3}


def test_a_published_file_is_read(tmp_path):
    model = small_selm(**RELEASED, evaluation_hits="argmax")
    torch.save(small_published(model), tmp_path / "selm.pth")
    widths = SMALL | {"upsamplings": 2, "mamba_layers": 3, "evaluation_hits": "argmax"}
    loaded = load_official("selm", tmp_path / "selm.pth", setting="s4", **widths)
    assert not loaded.training
    assert torch.equal(loaded(*clips()).logits, model(*clips()).logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("in_proj2.0.bias"), "1 keys missing: projections.1.0.bias"),
        (lambda state: state.update({"in_proj5.0.bias": torch.zeros(1)}), "1 keys unexpected: in_proj5.0.bias"),
        (
            lambda state: state.update({"audio_proj.bias": torch.zeros(3)}),
            r"another shape: audio_token.proj.bias \(3,\)",
        ),
        (
            lambda state: state.update({"tem_att.vis_linear.0.bias": torch.zeros(16)}),
            "1 of its keys have the same name",
        ),
        (lambda state: state["audio_proj.bias"].fill_(math.nan), "holds a NaN or an infinity in audio_proj.bias"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, change, message):
    state = {key: tensor.clone() for key, tensor in small_published(small_selm(**RELEASED)).items()}
    change(state)
    torch.save(state, tmp_path / "selm.pth")
    with pytest.raises(CheckpointError, match=message):
        load_official("selm", tmp_path / "selm.pth", **(SMALL | {"upsamplings": 2, "mamba_layers": 3}))


def drawn(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The weights that the golden answers were made with: anyone can draw them again from the key."""
    generator = np.random.RandomState(zlib.crc32(f"shared:{key}".encode("ascii")))
    n = generator.standard_normal(shape)
    if key.endswith("running_var"):
        value = 1 + 0.1 * np.abs(n)
    elif key.endswith("A_log"):
        value = np.log(np.arange(1, shape[1] + 1)) + 0.05 * n
    elif len(shape) >= 2:
        value = 1.2 * n / math.sqrt(math.prod(shape[1:]))
    elif key.endswith(("weight", ".D")):
        value = 1 + 0.05 * n
    else:
        value = 0.05 * n
    return torch.from_numpy(np.asarray(value, dtype=np.float32))


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


DRAWS = 3  # a minute each


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "setting", "name"), [("resnet-50", "s4", "SelM_R50"), ("pvt-v2-b5", "ms3", "SelM_PVT")]
)
def test_golden_forward(tmp_path, backbone, setting, name):
    """The released network's answer to a clip of five frames, all weights drawn, is a draw like those of ours.

    The released network draws Gumbel noise in evaluation too, and the golden answers hold it, though they are said not to: their
    hit maps are near one half, where a choice without noise would give whole maps to one token. So they are compared with several
    draws of ours: as near to them as these are to each other, and far nearer than to our choice without noise.
    """
    shapes = listed(backbone)
    golden = np.load(GOLDEN, allow_pickle=False)
    state = {
        key: torch.tensor(0) if key.endswith("num_batches_tracked") else drawn(key, shape)
        for key, shape in shapes.items()
    }
    torch.save(state, tmp_path / "published.pth")
    model = load_official("selm", tmp_path / "published.pth", backbone=backbone, setting=setting)
    quiet = load_official(
        "selm", tmp_path / "published.pth", backbone=backbone, setting=setting, evaluation_hits="argmax"
    )
    side, audio = model.input_size, noise(302, 1, 5, 128).abs()
    with torch.no_grad():
        maps = model.image_maps(noise(301, 1, 5, 3, side, side))
        outputs = []
        for seed in range(DRAWS):
            torch.manual_seed(seed)
            outputs.append(model.segment(maps, audio))
        without_noise = quiet.segment(maps, audio).logits[0, :, 0, ::8, ::8]
    draws = torch.stack([output.logits[0, :, 0, ::8, ::8] for output in outputs])
    expected = torch.from_numpy(golden[f"avs_{setting}/{name}/logits"])
    among_ours = torch.stack([(draws[i] - draws[j]).std() for i in range(DRAWS) for j in range(i)]).mean()
    to_golden = torch.stack([(draw - expected).std() for draw in draws]).mean()
    assert to_golden < 1.5 * among_ours < 0.1 * expected.std()
    assert to_golden < 0.5 * (without_noise - expected).std()
    assert all(torch.corrcoef(torch.stack([draw, expected]).flatten(1))[0, 1] > 0.998 for draw in draws)
    for level in range(3):
        target = golden[f"avs_{setting}/{name}/hit{level}"][:, 1]
        ours = torch.stack([output.hit_maps[level][0, :, 1].mean() for output in outputs])
        assert abs(target.mean() - ours.mean()) < 4 * 0.5 / math.sqrt(target.size)  # four standard errors
