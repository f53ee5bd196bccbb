"""ResNet-152, R(2+1)D-18 and CLIP: how frames are scaled, and the real networks with random weights from real files."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from avvp_lib.features import published_vision
from avvp_lib.features.clip_media import ClipMedia
from avvp_lib.features.published_backbones import build_published
from avvp_lib.features.published_extractor import PublishedBackbone
from avvp_lib.features.published_vision import clip, load_clip
from avvp_lib.features.text_towers import clip_text
from avvp_lib.pseudo_labels import text_similarity
from avvp_lib.weights import CheckpointError
from tests.features.published_checkpoints import media, seeded_state

TINY = "tiny-vit-for-tests"
SENTENCES = ["A photo of a dog.", "A photo of a acoustic guiter.", "A photo of people talking."]


@pytest.fixture(scope="module")
def noise() -> ClipMedia:
    return media()


def numbered_frames() -> np.ndarray:
    """Frame i is a constant picture of brightness 3 i."""
    return np.broadcast_to(3 * np.arange(80, dtype=np.uint8)[:, None, None, None], (80, 36, 48, 3)).copy()


def with_frames(noise: ClipMedia, frames: np.ndarray) -> ClipMedia:
    return ClipMedia(noise.path, frames, noise.sounds)


# Scaling.


@pytest.mark.parametrize("size", [(36, 48), (48, 36), (300, 533)])
def test_resnet_frames_are_scaled_as_torchvision_scales_them_for_these_weights(size):
    from torchvision.models import ResNet152_Weights

    frames = media(seed=1, height=size[0], width=size[1]).frames
    prepared = published_vision.resnet_frames(with_frames(media(), frames))
    theirs = ResNet152_Weights.IMAGENET1K_V1.transforms()
    assert prepared.shape == (80, 3, 224, 224) and prepared.dtype == torch.float32
    for index in (0, 41, 79):
        torch.testing.assert_close(prepared[index], theirs(Image.fromarray(frames[index])))


def test_kinetics_clips_are_ten_seconds_of_eight_frames_squashed(noise):
    frames = numbered_frames()
    clips = published_vision.kinetics_clips(with_frames(noise, frames))
    assert clips.shape == (10, 3, 8, 112, 112)
    for channel, (mean, deviation) in enumerate([(0.43216, 0.22803), (0.394666, 0.22145), (0.37645, 0.216989)]):
        brightness = (clips[:, channel] * deviation + mean) * 255
        expected = 3.0 * torch.arange(80.0).view(10, 8, 1, 1).expand(10, 8, 112, 112)
        torch.testing.assert_close(brightness, expected, atol=1e-3, rtol=0)
    halves = noise.frames.copy()
    halves[:, :, :24], halves[:, :, 24:] = 0, 255  # the whole width is seen: nothing is cut off
    squashed = published_vision.kinetics_clips(with_frames(noise, halves))[0, 0, 0]
    assert squashed[:, 0].unique().numel() == squashed[:, -1].unique().numel() == 1
    assert (squashed[0] > 0).sum() == 56


def test_clip_takes_ten_frames_from_the_first_to_the_last(noise):
    prepared = published_vision.clip_frames(with_frames(noise, numbered_frames()))
    assert prepared.shape == (10, 3, 224, 224)
    brightness = (prepared[:, 0, 0, 0] * 0.26862954 + 0.48145466) * 255
    assert (brightness / 3).round().int().tolist() == [0, 9, 18, 26, 35, 44, 53, 61, 70, 79]


def test_clip_frames_are_squashed_bilinearly_without_antialiasing():
    large = media(seed=2, height=300, width=500)
    prepared = published_vision.clip_frames(large)
    picture = torch.from_numpy(large.frames[79]).permute(2, 0, 1)[None] / 255
    mean, deviation = (
        torch.tensor(numbers).view(3, 1, 1) for numbers in (published_vision.CLIP_MEAN, published_vision.CLIP_STD)
    )
    scaled = {
        antialias: functional.interpolate(
            picture, (224, 224), mode="bilinear", align_corners=False, antialias=antialias
        )[0]
        for antialias in (False, True)
    }
    torch.testing.assert_close(prepared[9], (scaled[False] - mean) / deviation, atol=1e-5, rtol=0)
    assert (scaled[True] - scaled[False]).abs().mean() > 0.02  # it is no small matter


def test_media_that_are_not_ten_seconds_are_refused(noise):
    backbone = PublishedBackbone(None, lambda media: None, lambda inputs: None, "cpu")
    with pytest.raises(
        ValueError, match=r"noise\.mp4: frames are \(79, 36, 48, 3\) uint8, expected \(80, H, W, 3\) uint8"
    ):
        backbone.prepare(with_frames(noise, noise.frames[:79]))
    with pytest.raises(ValueError, match=r"frames are .* float32"):
        backbone.prepare(with_frames(noise, noise.frames.astype(np.float32)))
    with pytest.raises(ValueError, match=r"the sound at 48000 Hz is missing"):
        backbone.prepare(ClipMedia(noise.path, noise.frames, {16_000: noise.sounds[16_000]}))
    with pytest.raises(ValueError, match=r"the sound at 16000 Hz is \(1600,\), expected \(160000,\)"):
        backbone.prepare(ClipMedia(noise.path, noise.frames, {**noise.sounds, 16_000: np.zeros(1600, np.float32)}))


# CLIP, in a small architecture of open_clip and of transformers.


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory) -> Path:
    """A CLIPModel of transformers with random weights, saved by transformers; open_clip knows the same architecture by the name TINY."""
    from transformers import CLIPConfig, CLIPModel

    folder = tmp_path_factory.mktemp("tiny-clip")
    vision = {"image_size": 224, "layers": 2, "width": 128, "patch_size": 56}
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}
    settings = {"embed_dim": 768, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    (folder / f"{TINY}.json").write_text(json.dumps(settings))
    open_clip.add_model_config(folder / f"{TINY}.json")
    config = CLIPConfig(
        projection_dim=768,
        text_config={
            "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 768,
            "vocab_size": 49408, "eos_token_id": 49407, "bos_token_id": 49406, "pad_token_id": 49407,
        },
        vision_config={
            "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 56,
            "projection_dim": 768,
        },
    )  # fmt: skip
    network = CLIPModel(config)
    state = seeded_state(network, seed=3)
    state["logit_scale"] = torch.tensor(4.6052)
    network.load_state_dict(state)
    network.eval().save_pretrained(folder / "hub")
    return folder / "hub" / "model.safetensors"


@pytest.fixture(scope="module")
def tiny_openai(tiny_clip) -> Path:
    """The same weights as a plain state dict in OpenAI's names and half precision, with the numbers that OpenAI keeps among them."""
    path = tiny_clip.with_name("openai.pt")
    state = {key: tensor.half() for key, tensor in load_clip(tiny_clip, architecture=TINY).state_dict().items()}
    torch.save({**state, "input_resolution": torch.tensor(224), "context_length": torch.tensor(77)}, path)
    return path


def test_clip_equals_transformers_from_its_own_file(tiny_clip, noise):
    """Pictures, sentences and logits of two implementations; the sentences are cut into tokens by open_clip for both."""
    from transformers import CLIPModel

    theirs = CLIPModel.from_pretrained(tiny_clip.parent).eval()
    backbone = clip(tiny_clip, architecture=TINY)
    features = backbone(noise)
    text, scale = clip_text(SENTENCES, tiny_clip, architecture=TINY)
    tokens = open_clip.get_tokenizer(TINY)(SENTENCES)
    with torch.no_grad():
        output = theirs(input_ids=tokens, pixel_values=backbone.prepare(noise))
    assert features.shape == (10, 768) and text.shape == (3, 768)
    np.testing.assert_allclose(features, output.image_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(text, output.text_embeds.numpy(), atol=1e-5)
    assert scale == pytest.approx(100, abs=0.01)
    logits = text_similarity(features[None], text, scale)
    np.testing.assert_allclose(logits[0], output.logits_per_image.numpy(), atol=2e-3)
    assert np.ptp(logits) > 0.5


def test_clip_features(tiny_clip, tiny_openai, noise):
    backbone = clip(tiny_clip, architecture=TINY)
    features = backbone(noise)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)
    assert features.tobytes() == backbone(noise).tobytes()
    assert features.tobytes() == backbone.encode(backbone.prepare(noise)).numpy().tobytes()
    upside_down = backbone(with_frames(noise, noise.frames[:, ::-1]))
    assert (features * upside_down).sum(1).max() < 0.999
    constant = backbone(with_frames(noise, np.full_like(noise.frames, 128)))
    np.testing.assert_allclose(constant, constant[:1].repeat(10, 0), atol=1e-6)  # ten times one picture
    assert "no antialiasing" in backbone.card.input_rule and backbone.card.normalisation == "unit length"
    halved = clip(tiny_openai, architecture=TINY)
    assert halved.card.revision != backbone.card.revision
    cosines = (features * halved(noise)).sum(1)
    assert cosines.min() > 0.9999  # the other layout, at half precision


def test_backbone_and_text_share_one_network_of_a_file(tiny_clip):
    assert load_clip(tiny_clip, "cpu", TINY) is load_clip(tiny_clip.parent / "." / tiny_clip.name, "cpu", TINY)


def test_a_layer_that_is_missing_in_transformers_layout_is_named(tiny_clip, tmp_path):
    from safetensors.torch import load_file

    state = load_file(tiny_clip)
    del state["vision_model.encoder.layers.1.self_attn.k_proj.bias"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 keys missing: visual\.transformer\.resblocks\.1\.attn\.in_proj_bias"):
        load_clip(tmp_path / "model.safetensors", architecture=TINY)
    with pytest.raises(CheckpointError, match="ViT-L-14-quickgelu"):
        build_published("clip", tiny_clip)  # another size of CLIP


# The published architectures at their real size.


@pytest.mark.slow
def test_resnet_152_from_a_file_of_its_size(tmp_path, noise):
    from torchvision.models import resnet152

    network = resnet152(weights=None)
    state = seeded_state(network, seed=4)
    network.load_state_dict(state)
    path = tmp_path / "resnet152-394f9c45.pth"
    torch.save(
        {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}, path
    )  # as in 2017
    backbone = build_published("resnet152", path)
    path.unlink()  # 0.2 GB
    frames = backbone.prepare(noise)
    features = backbone.encode(frames[:3])
    assert features.shape == (3, 2048) and (features >= 0).all() and features.std() > 0.01
    assert torch.equal(features, backbone.encode(frames[:3]))
    with torch.no_grad():
        scores = functional.linear(features, state["fc.weight"], state["fc.bias"])
        torch.testing.assert_close(scores, network.eval()(frames[:3]), atol=1e-3, rtol=1e-3)
    turned = backbone.encode(backbone.prepare(with_frames(noise, noise.frames[:, ::-1]))[:3])
    assert (features - turned).abs().max() > 2e-3
    whole = backbone(noise)
    assert whole.shape == (80, 2048) and whole.dtype == np.float32
    np.testing.assert_allclose(
        whole[:3], features.numpy(), atol=1e-3, rtol=1e-3
    )  # other frames beside them do not matter


@pytest.mark.slow
def test_r2plus1d_from_a_file_of_its_size(tmp_path, noise):
    from torchvision.models.video import r2plus1d_18

    network = r2plus1d_18(weights=None)
    state = seeded_state(network, seed=5)
    network.load_state_dict(state)
    torch.save(state, tmp_path / "r2plus1d_18-91a641e6.pth")
    backbone = build_published("r2plus1d", tmp_path / "r2plus1d_18-91a641e6.pth")
    features = backbone(noise)
    assert features.shape == (10, 512) and features.dtype == np.float32 and (features >= 0).all()
    clips = backbone.prepare(noise)
    again = backbone.encode(clips[:2])
    assert again.numpy().tobytes() == features[:2].tobytes()
    with torch.no_grad():
        scores = functional.linear(again, state["fc.weight"], state["fc.bias"])
        torch.testing.assert_close(scores, network.eval()(clips[:2]), atol=1e-3, rtol=1e-3)
    backwards = backbone.encode(clips[:2].flip(2))
    assert (again - backwards).abs().max() > 1e-3  # it sees the order of frames


@pytest.mark.slow
def test_clip_vit_l_14_from_a_file_of_its_size(tmp_path, noise):
    with torch.device("meta"):
        network = open_clip.model.CLIP(**open_clip.get_model_config("ViT-L-14-quickgelu"))
    state = {key: tensor.half() for key, tensor in seeded_state(network, seed=6).items()}
    assert sum(tensor.numel() for tensor in state.values()) == 427_616_513
    path = tmp_path / "open_clip_model.safetensors"
    save_file(state, path)
    del state
    backbone = build_published("clip", path)
    path.unlink()  # 0.9 GB
    features = backbone(noise)
    assert features.shape == (10, 768) and features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    frames = backbone.prepare(noise)[:1]
    assert torch.equal(backbone.encode(frames), backbone.encode(frames))
    np.testing.assert_allclose(backbone.encode(frames).numpy(), features[:1], atol=1e-4)
    assert "ViT-L-14-quickgelu" in backbone.card.input_rule
    published_vision._load_clip.cache_clear()  # 1.7 GB
