"""CLAP: the piece rule by eye, spectrograms against librosa, and laion_clap itself in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avvp_lib.features.clip_media import ClipMedia
from avvp_lib.features.prompts import CLAP_PROMPTS
from avvp_lib.features.published_backbones import build_published
from avvp_lib.features.published_clap import (
    clap_log_mel,
    clap_mel_matrix,
    int16_round_trip,
    load_clap_audio,
    repeat_pad,
    second_pieces,
)
from avvp_lib.features.text_towers import clap_text
from avvp_lib.features.weight_files import MissingWeights, read_state
from avvp_lib.pseudo_labels import text_similarity
from avvp_lib.weights import CheckpointError
from tests.features.published_checkpoints import media, seeded_state, write_roberta_tokenizer


@pytest.fixture(scope="module")
def noise() -> ClipMedia:
    return media()


# The rules, by eye.


def test_pieces_start_at_rounded_tenths_and_have_one_length():
    pieces = second_pieces(np.arange(25))
    # Tenths of 25 are 0, 2.5, 5, ...; halves are rounded to even numbers.
    assert [piece.tolist() for piece in pieces] == [
        [0, 1], [2, 3], [5, 6], [8, 9], [10, 11], [12, 13], [15, 16], [18, 19], [20, 21], [22, 23],
    ]  # fmt: skip
    seconds = second_pieces(np.arange(480_000))
    assert [piece[0] for piece in seconds] == [48_000 * second for second in range(10)]
    assert {len(piece) for piece in seconds} == {48_000}


@pytest.mark.parametrize("samples", [np.zeros(9), np.zeros((2, 48_000))])
def test_pieces_of_too_little_or_of_two_channels_are_refused(samples):
    with pytest.raises(ValueError, match=r"expected \(L,\), mono, with L at least 10"):
        second_pieces(samples)


def test_pieces_are_repeated_as_a_whole_and_then_there_is_silence():
    assert repeat_pad(np.array([1, 2, 3]), 8).tolist() == [1, 2, 3, 1, 2, 3, 0, 0]
    assert repeat_pad(np.array([1, 2, 3]), 3).tolist() == [1, 2, 3]
    assert repeat_pad(np.array([1, 2, 3]), 5).tolist() == [1, 2, 3, 0, 0]
    for piece in (np.zeros(0), np.zeros(9)):
        with pytest.raises(ValueError, match="cannot be repeated to 8"):
            repeat_pad(piece, 8)


def test_samples_are_cut_off_to_16_bits():
    samples = np.array([0.0, 1.0, -1.0, 2.0, 1.9 / 32767, -1.9 / 32767, 0.5], np.float32)
    round_trip = int16_round_trip(samples)
    assert round_trip.dtype == np.float32
    np.testing.assert_array_equal(np.round(round_trip * 32767).astype(int), [0, 32767, -32767, 32767, 1, -1, 16383])


def test_spectrogram_of_silence_and_of_a_tone():
    time = torch.arange(480_000) / 48_000
    silence, tone = clap_log_mel(torch.stack([torch.zeros(480_000), torch.sin(2 * torch.pi * 1000 * time)]))
    assert silence.shape == (1001, 64) and silence.dtype == torch.float32
    torch.testing.assert_close(silence, torch.full((1001, 64), -100.0))
    loudest = tone[500].argmax().item()
    matrix = clap_mel_matrix()
    hertz = torch.linspace(0, 24_000, 513)[matrix[:, loudest] > 0]
    assert hertz.min() < 1000 < hertz.max()


def test_spectrogram_equals_that_of_transformers_feature_extractor(noise):
    """A second implementation, of repeating, too: a piece of 0.7 s goes 14 times into ten seconds, and zeros follow."""
    from transformers import ClapFeatureExtractor

    piece = int16_round_trip(noise.sounds[48_000][:33_600])
    extractor = ClapFeatureExtractor(frequency_min=50, frequency_max=14_000, truncation="fusion", padding="repeatpad")
    theirs = extractor(piece, sampling_rate=48_000, return_tensors="pt")["input_features"]
    ours = clap_log_mel(torch.from_numpy(repeat_pad(piece, 480_000))[None])
    assert theirs.shape == (1, 4, 1001, 64)
    torch.testing.assert_close(ours, theirs[:, 0].float(), atol=2e-3, rtol=0)


def test_sentences_are_a_list():
    for sentences in ("This is a sound of rain", []):
        with pytest.raises(ValueError, match="at least one sentence"):
            clap_text(sentences)


# transformers' ClapModel, small.


@pytest.fixture(scope="module")
def small_clap_model(tmp_path_factory) -> Path:
    from transformers import ClapConfig, ClapModel

    config = ClapConfig(
        projection_dim=512,
        audio_config={
            "enable_fusion": True, "fusion_type": "aff_2d", "patch_embeds_hidden_size": 16, "depths": [1, 1, 1, 1], "hidden_size": 128,
            "num_attention_heads": [1, 2, 4, 8], "enable_patch_layer_norm": True, "enable_patch_fusion": True, "aff_block_r": 4,
        },
        text_config={"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64, "vocab_size": 99},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("small-clap")
    network = ClapModel(config)
    network.load_state_dict(seeded_state(network, seed=8))
    network.eval().save_pretrained(folder)
    return folder / "model.safetensors"


def test_seconds_through_transformers_are_repeatable_and_apart(small_clap_model, noise):
    backbone = build_published("clap-seconds-hf", small_clap_model)
    features = backbone(noise)
    assert features.shape == (10, 512) and features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    # transformers' own feature extractor would draw a second that it takes for longer than ten seconds: not here.
    assert features.tobytes() == backbone(noise).tobytes()
    changed = noise.sounds[48_000].copy()
    changed[3 * 48_000 : 4 * 48_000] *= -0.1
    changed = backbone(ClipMedia(noise.path, noise.frames, {**noise.sounds, 48_000: changed}))
    moved = np.abs(features - changed).max(1)
    assert moved[3] > 1e-3 and np.delete(moved, 3).max() < 1e-6
    assert "transformers" in backbone.card.input_rule


def test_transformers_clap_needs_its_settings(small_clap_model, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(small_clap_model.read_bytes())
    with pytest.raises(CheckpointError, match=r"config\.json is missing: ClapModel is built from it"):
        build_published("clap-seconds-hf", path)
    settings = json.loads(small_clap_model.with_name("config.json").read_text())
    settings["audio_config"]["spec_size"] = 64
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match="pictures of 64"):
        build_published("clap-seconds-hf", path)


# laion_clap at its size.


@pytest.fixture(scope="module")
def laion(tmp_path_factory, noise) -> Iterator[tuple[Path, dict[str, np.ndarray]]]:
    """A folder with a checkpoint of laion_clap and a tokenizer, and what the whole package makes of it, in a process without a network."""
    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("laion")
    snapshot = folder / "home" / "hub" / "models--roberta-base" / "snapshots" / ("0" * 40)
    words = write_roberta_tokenizer(snapshot)
    write_roberta_tokenizer(folder / "roberta-base")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0" * 40)
    config = RobertaConfig(
        vocab_size=words, num_hidden_layers=1, intermediate_size=256, max_position_embeddings=514, type_vocab_size=1,
        layer_norm_eps=1e-5,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(snapshot)
    np.save(folder / "pieces.npy", np.stack(second_pieces(noise.sounds[48_000])))
    np.save(folder / "clip.npy", noise.sounds[48_000])
    (folder / "sentences.json").write_text(json.dumps(list(CLAP_PROMPTS.values())), encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(part for part in (str(root), os.environ.get("PYTHONPATH")) if part)
    environment = {**os.environ, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"):
        environment.pop(name, None)
    command = [sys.executable, "-W", "ignore", "-m", "tests.features.laion_clap_reference", str(folder)]
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    with np.load(folder / "answers.npz") as stored:
        answers = dict(stored)
    yield folder, answers
    shutil.rmtree(folder)  # 0.2 GB


@pytest.mark.slow
def test_seconds_equal_laion_claps_own(laion, noise):
    folder, theirs = laion
    backbone = build_published("clap-seconds", folder / "checkpoint.pt")
    features = backbone(noise)
    assert features.shape == (10, 512) and features.dtype == np.float32
    np.testing.assert_allclose(features, theirs["seconds"], atol=1e-4)
    assert np.abs(features - np.roll(features, 1, axis=0)).max(1).min() > 1e-3  # and the seconds differ by much more
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert backbone.card.output_shape == (10, 512) and backbone.card.normalisation == "unit length"


@pytest.mark.slow
def test_token_map_equals_laion_claps_last_layer_norm_regrouped(laion, noise):
    """The network's 8 x 8 grid holds four stretches of time one below the other, two frequency bands each."""
    folder, theirs = laion
    backbone = build_published("clap", folder / "checkpoint.pt")
    tokens = backbone(noise)
    assert tokens.shape == (64, 768) and tokens.dtype == np.float32
    grid = theirs["grid"].reshape(8, 8, 768)
    expected = np.empty((2, 32, 768), np.float32)
    for row in range(8):
        stretch, band = divmod(row, 2)
        expected[band, 8 * stretch : 8 * stretch + 8] = grid[row]
    np.testing.assert_allclose(tokens, expected.reshape(64, 768), atol=2e-3)
    assert np.abs(expected).max() > 0.5
    assert tokens.tobytes() == backbone(noise).tobytes()
    network = load_clap_audio(folder / "checkpoint.pt")
    with torch.no_grad():  # the embedding is the projection of the tokens' mean
        pooled = network.audio_projection(torch.from_numpy(tokens).mean(0))
    np.testing.assert_allclose(pooled / pooled.norm(), theirs["whole"][0], atol=1e-4)


@pytest.mark.slow
def test_both_backbones_of_one_file_share_the_network(laion):
    folder, _ = laion
    first, second = (build_published(name, folder / "checkpoint.pt") for name in ("clap", "clap-seconds"))
    assert second._encode is load_clap_audio(folder / "checkpoint.pt")
    assert first.card.revision == second.card.revision


@pytest.mark.slow
def test_text_and_logits_equal_laion_claps_own(laion, noise, monkeypatch):
    folder, theirs = laion
    monkeypatch.setenv("AVVP_WEIGHTS", str(folder))
    text, scale = clap_text(weights=folder / "checkpoint.pt")  # the tokenizer is found in roberta-base/
    assert text.shape == (25, 512) and text.dtype == np.float32
    np.testing.assert_allclose(text, theirs["text"], atol=1e-5)
    assert np.abs(text[:, None] - text[None]).max(-1)[~np.eye(25, dtype=bool)].min() > 1e-3
    assert scale == pytest.approx(float(theirs["scale"]), abs=1e-4) and scale == pytest.approx(np.exp(2.9), abs=1e-3)
    logits = text_similarity(theirs["seconds"][None], text, scale)
    np.testing.assert_allclose(logits[0], theirs["scale"] * theirs["seconds"] @ theirs["text"].T, atol=1e-3)


@pytest.mark.slow
def test_a_tokenizer_that_is_missing_or_anothers_is_refused(laion, tmp_path):
    folder, _ = laion
    with pytest.raises(MissingWeights, match=r"no vocab\.json and merges\.txt of RoBERTa's tokenizer in"):
        clap_text(["rain"], folder / "checkpoint.pt", tokenizer=tmp_path)
    write_roberta_tokenizer(tmp_path)
    words = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    del words["Ġa"]
    words["<mask>"] -= 1
    (tmp_path / "vocab.json").write_text(json.dumps(words), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\nt h\nth e\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"knows 263 tokens, .*checkpoint\.pt was trained with 264"):
        clap_text(["rain"], folder / "checkpoint.pt", tokenizer=tmp_path)


@pytest.mark.slow
def test_transformers_clap_equals_laion_clap_with_the_same_weights(laion, noise, tmp_path):
    """Two implementations of the network; the weights of the one in the names of the other."""
    from transformers import ClapConfig, ClapModel

    folder, theirs = laion
    config = ClapConfig(
        projection_dim=512,
        audio_config={
            "enable_fusion": True, "fusion_type": "aff_2d", "enable_patch_layer_norm": True, "enable_patch_fusion": True,
        },
        text_config={"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64, "vocab_size": 99},
    )  # fmt: skip
    network = ClapModel(config)
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("audio_")}
    state |= transformers_names(read_state(folder / "checkpoint.pt"))
    network.load_state_dict(state)
    config.save_pretrained(tmp_path)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / "model.safetensors")
    features = build_published("clap-seconds-hf", tmp_path / "model.safetensors")(noise)
    np.testing.assert_allclose(features, theirs["seconds"], atol=1e-4)


def transformers_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """laion_clap's audio tower in the names of transformers' ClapModel."""
    skipped = ("spectrogram_extractor", "logmel_extractor", "tscam_conv", ".head.", "attn_mask")
    renamed = {}
    for key, tensor in state.items():
        if not key.startswith(("audio_branch.", "audio_projection.")) or any(part in key for part in skipped):
            continue
        key = key.replace("audio_branch.", "audio_model.audio_encoder.")
        for old, new in (
            ("attn.relative", "attention.self.relative"), ("attn.proj.", "attention.output.dense."), ("mlp.fc1", "intermediate.dense"),
            ("mlp.fc2", "output.dense"), ("norm1", "layernorm_before"), ("norm2", "layernorm_after"), ("bn0", "batch_norm"),
            ("audio_projection.0", "audio_projection.linear1"), ("audio_projection.2", "audio_projection.linear2"),
        ):  # fmt: skip
            key = key.replace(old, new)
        if ".attn.qkv." in key:
            for name, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                renamed[key.replace("attn.qkv", f"attention.self.{name}")] = part
        else:
            renamed[key] = tensor
    return renamed
