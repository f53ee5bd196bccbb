import gzip

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.picture import render_still
from avvp_lib.corpora.synthetic.soundtrack import render_sound
from avvp_lib.features.prompts import CLAP_PROMPTS, CLIP_PROMPTS
from avvp_lib.features.teacher_training import captions, learn_merges, write_vocabulary
from avvp_lib.features.tiny_teachers import (
    TEACHER_FOLDER,
    TEACHERS,
    build_teacher,
    build_untrained_teacher,
    class_text,
    embed_text,
    feature_map,
    picture_input,
    sound_input,
    tokenizer,
)

MEGABYTE = 1_000_000


def test_the_shipped_weights_are_small_and_in_half_precision():
    files = [TEACHER_FOLDER / f"{name}.safetensors" for name in TEACHERS]
    assert sum(file.stat().st_size for file in files) < 8 * MEGABYTE
    for file in files:
        with safe_open(file, "pt") as tensors:
            kinds = {tensors.get_tensor(key).dtype for key in tensors.keys()}  # noqa: SIM118
        assert kinds <= {torch.float16, torch.int64} and torch.float16 in kinds


@pytest.mark.parametrize("name", TEACHERS)
def test_the_shipped_weights_are_loaded_in_full_precision_for_evaluation(name):
    teacher, stored = build_teacher(name), load_file(TEACHER_FOLDER / f"{name}.safetensors")
    assert not teacher.training and stored.keys() == teacher.state_dict().keys()
    for key, tensor in teacher.state_dict().items():
        assert tensor.isfinite().all() and tensor.dtype in (torch.float32, torch.int64)
        torch.testing.assert_close(tensor, stored[key].to(tensor.dtype), rtol=0, atol=0)


def test_an_unknown_teacher_is_refused():
    with pytest.raises(ValueError, match="unknown teacher 'clip': choose one of tiny-clip, tiny-clap"):
        build_teacher("clip")


def test_absent_damaged_and_foreign_weights_are_refused_naming_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors.*avvp train-teachers"):
        build_teacher("tiny-clip", tmp_path / "absent.safetensors")
    whole = (TEACHER_FOLDER / "tiny-clip.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"half\.safetensors is not a whole safetensors file"):
        build_teacher("tiny-clip", tmp_path / "half.safetensors")
    state = load_file(TEACHER_FOLDER / "tiny-clip.safetensors")
    save_file({key: value for key, value in state.items() if key != "logit_scale"}, tmp_path / "lacking.safetensors")
    with pytest.raises(ValueError, match=r"lacking\.safetensors does not .* tiny-clip: 1 tensors differ, logit_scale"):
        build_teacher("tiny-clip", tmp_path / "lacking.safetensors")
    save_file({**state, "text_projection": torch.zeros(3, 3)}, tmp_path / "shape.safetensors")
    with pytest.raises(ValueError, match=r"shape\.safetensors does not .* 1 tensors differ, text_projection first"):
        build_teacher("tiny-clip", tmp_path / "shape.safetensors")


def test_building_a_teacher_says_nothing_about_missing_weights(caplog):
    build_teacher("tiny-clap")
    assert not caplog.records


@pytest.mark.parametrize("name", TEACHERS)
def test_every_caption_has_tokens_of_its_own_and_fits(name):
    sentences = captions(name)
    tokens = tokenizer(name)(sentences)
    assert len(sentences) == 26 and len({tuple(row) for row in tokens.tolist()}) == 26
    assert (tokens[:, -1] == 0).all(), "a caption fills the context, and may have been cut"
    assert tokens.max() < build_untrained_teacher(name).token_embedding.num_embeddings
    for row, sentence in zip(tokens.tolist(), sentences, strict=True):
        words = tokenizer(name).decode([token for token in row[1:] if token][:-1])
        assert words.replace(" ", "") == sentence.lower().replace(" ", "")


def test_prompts_are_those_of_valor_with_their_slips():
    assert list(CLIP_PROMPTS) == list(CLAP_PROMPTS) == list(LLP_CATEGORIES)
    assert CLIP_PROMPTS["Vacuum_cleaner"] == "A photo of a vaccum cleaner."
    assert CLIP_PROMPTS["Acoustic_guitar"] == "A photo of a acoustic guiter."
    assert CLIP_PROMPTS["Chicken_rooster"] == "A photo of a chicken or a rooster."
    assert CLAP_PROMPTS["Vacuum_cleaner"] == "This is a sound of vacuum cleaner"
    assert CLAP_PROMPTS["Frying_(food)"] == "This is a sound of frying (food)"
    assert CLAP_PROMPTS["Baby_cry_infant_cry"] == "This is a sound of baby cry, infant cry"
    assert CLAP_PROMPTS["Telephone_bell_ringing"] == "This is a sound of telephone bell ringing"


def test_merges_counted_by_hand():
    # l+o occurs three times; then lo+w at a word's end twice; then no pair occurs twice.
    assert learn_merges(["Low low, lower."]) == [("l", "o"), ("lo", "w</w>")]
    assert learn_merges(["a b c"]) == []


def test_the_shipped_vocabulary_is_that_of_the_captions(tmp_path):
    write_vocabulary(tmp_path / "vocabulary.txt.gz")
    shipped, made = (folder / "vocabulary.txt.gz" for folder in (TEACHER_FOLDER, tmp_path))
    assert gzip.decompress(made.read_bytes()) == gzip.decompress(shipped.read_bytes())
    assert list(tmp_path.iterdir()) == [made]


def test_text_vectors_are_unit_and_belong_to_the_categories_in_order():
    for name, prompts in zip(TEACHERS, (CLIP_PROMPTS, CLAP_PROMPTS), strict=True):
        text, scale = class_text(name)
        assert text.shape == (25, 128) and text.dtype == np.float32 and 1 < scale < 101
        np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, atol=1e-5)
        dog = embed_text(build_teacher(name), name, [prompts["Dog"]])
        np.testing.assert_allclose(dog[0], text[LLP_CATEGORIES.index("Dog")], atol=1e-5)


def test_pictures_are_averaged_over_blocks_and_scaled():
    frames = torch.zeros(1, 128, 128, 3, dtype=torch.uint8)
    frames[0, 0, 0] = 255  # a quarter of the first block
    frames[0, -1, -2:, 2] = 255  # half of the last one, in blue
    pictures = picture_input(frames)
    assert pictures.shape == (1, 3, 64, 64) and pictures.dtype == torch.float32
    assert pictures[0, :, 0, 0].tolist() == pytest.approx([(0.25 - 0.6) / 0.25] * 3)
    assert pictures[0, :, -1, -1].tolist() == pytest.approx([-0.6 / 0.25, -0.6 / 0.25, (0.5 - 0.6) / 0.25])
    assert frames[0, 0, 0].tolist() == [255, 255, 255], "the frames themselves are left as they are"


def test_sounds_become_three_equal_channels():
    spectrograms = sound_input(torch.randn(2, 16_000, generator=torch.Generator().manual_seed(0)))
    assert spectrograms.shape == (2, 3, 64, 64)
    torch.testing.assert_close(spectrograms[:, 0], spectrograms[:, 2])


@torch.no_grad()
def test_the_feature_map_is_what_the_tower_pools():
    teacher, inputs = build_teacher("tiny-clip"), torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    places = feature_map(teacher, inputs)
    assert places.shape == (2, 512, 2, 2)
    torch.testing.assert_close(teacher.visual.attnpool(places), teacher.encode_image(inputs))


@torch.no_grad()
@pytest.mark.parametrize("name", TEACHERS)
def test_a_teacher_names_what_it_sees_or_hears_far_above_chance(name):
    """Four fresh stills or seconds of each category; chance is one in 25."""
    examples, truth = [], np.repeat(np.arange(25), 4)
    for index, category in enumerate(truth):
        rng = np.random.default_rng([2024, index])
        if name == "tiny-clip":
            examples.append(render_still(rng, "studio", [LLP_CATEGORIES[category]]))
        else:
            examples.append(render_sound(rng, "studio", [LLP_CATEGORIES[category]], 1.0))
    batch = torch.from_numpy(np.stack(examples))
    inputs = picture_input(batch) if name == "tiny-clip" else sound_input(batch)
    similarity = build_teacher(name).encode_image(inputs, normalize=True).numpy() @ class_text(name)[0].T
    assert (similarity.argmax(1) == truth).mean() > 0.25
