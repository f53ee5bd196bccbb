"""The wider text towers: sentences, shipped weights, and a training that moves nothing else."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avvp_lib import cli
from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.sounds import SOUND_CATEGORIES
from avvp_lib.corpora.synthetic.unav import LLP_CATEGORY_OF, UNAV_CATEGORIES
from avvp_lib.features import wide_text_training
from avvp_lib.features.tiny_teachers import TEACHERS, build_teacher, class_text, tokenizer
from avvp_lib.features.wide_text import (
    build_wide_teacher,
    event_sentences,
    event_words,
    text_tower,
    wide_text,
    wide_text_file,
)
from avvp_lib.features.wide_text_training import (
    WideTextRecipe,
    embed_examples,
    train_wide_text,
    wide_names,
)

SHORT = WideTextRecipe(examples=24, steps=3, batch_size=16)


def test_names_become_ears_sentences():
    assert event_words("Frying_(food)") == "frying food" and event_words("dog  barking") == "dog barking"
    assert event_sentences("tiny-clip", ["Lawn_mower"]) == ["A photo of lawn mower"]
    assert event_sentences("tiny-clap", ["train horning"]) == ["This is the sound of train horning"]


@pytest.mark.parametrize("teacher", TEACHERS)
def test_no_name_is_cut_down_to_another(teacher):
    sentences = set(event_sentences(teacher, [*LLP_CATEGORIES, *UNAV_CATEGORIES]))
    assert len(sentences) == 51, "four names are the same in both corpora"
    assert len({tuple(row.tolist()) for row in tokenizer(teacher)(sorted(sentences))}) == 51


@pytest.mark.parametrize("teacher", TEACHERS)
def test_the_embeddings_are_unit_vectors_for_any_list_of_names(teacher):
    names = [*UNAV_CATEGORIES, "a thing nobody has read about"]
    text, scale = wide_text(teacher, names)
    assert text.shape == (31, 128) and text.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, rtol=1e-5)
    assert scale == pytest.approx(class_text(teacher)[1])
    np.testing.assert_allclose(wide_text(teacher, names[3:5])[0], text[3:5], atol=1e-5)


@pytest.mark.parametrize("teacher", TEACHERS)
def test_the_names_of_one_thing_are_neighbours(teacher):
    """Of LLP's 25 names, the one that belongs to a UnAV label is the nearest."""
    llp, _ = wide_text(teacher, LLP_CATEGORIES)
    labels, _ = wide_text(teacher, list(LLP_CATEGORY_OF))
    nearest = [LLP_CATEGORIES[c] for c in (labels @ llp.T).argmax(1)]
    assert nearest == list(LLP_CATEGORY_OF.values())


@pytest.mark.parametrize("teacher", TEACHERS)
def test_fresh_examples_of_unread_categories_are_found_by_the_wide_text(teacher):
    """Top-1 among the twelve new labels; chance is one in 12."""
    names = wide_names()
    embedded, labels = embed_examples(teacher, 77, 0, 200, list(names))
    new = labels >= len(LLP_CATEGORIES)
    new &= labels < len(names)
    calls = [called[-1] for called in names.values()][len(LLP_CATEGORIES) :]
    answers = (embedded[new].numpy() @ wide_text(teacher, calls)[0].T).argmax(1)
    assert (answers == labels[new].numpy() - len(LLP_CATEGORIES)).mean() > 0.4


def test_every_category_of_the_renderer_has_a_name():
    names = wide_names()
    assert set(names) == set(SOUND_CATEGORIES) and list(names)[:25] == list(LLP_CATEGORIES)
    assert names["Dog"] == ("Dog", "dog barking") and names["Blender"] == ("Blender",)
    assert names["cow lowing"] == ("cow lowing",)


def test_training_moves_the_text_tower_alone_and_repeats():
    before = build_teacher("tiny-clap").state_dict()
    first, again = (train_wide_text("tiny-clap", SHORT, 1, progress=False).state_dict() for _ in range(2))
    learned = text_tower(build_teacher("tiny-clap"))
    moved = {key for key in before if not torch.equal(before[key], first[key])}
    assert "text_projection" in moved and moved <= set(learned)
    assert "logit_scale" not in learned and not any(key.startswith("visual.") for key in learned)
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_the_command_writes_text_towers_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(wide_text_training, "WideTextRecipe", lambda: SHORT)
    cli.main(["train-teachers", "--wide-text", "--out", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}-text.safetensors" for name in sorted(TEACHERS)]
    assert "tiny-clip-text" in capsys.readouterr().out
    model = build_wide_teacher("tiny-clip", tmp_path / "tiny-clip-text.safetensors")
    shipped = build_teacher("tiny-clip")
    assert torch.equal(model.visual.conv1.weight, shipped.visual.conv1.weight)
    assert not torch.equal(model.text_projection, shipped.text_projection)


@pytest.mark.parametrize("teacher", TEACHERS)
def test_the_shipped_files_are_small_and_hold_half_precision(teacher):
    assert wide_text_file(teacher).stat().st_size < 1_000_000
    assert {value.dtype for value in load_file(wide_text_file(teacher)).values()} == {torch.float16}


def test_bad_weights_and_names_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="avvp train-teachers --wide-text"):
        build_wide_teacher("tiny-clip", tmp_path / "absent.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"half")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        build_wide_teacher("tiny-clip", broken)
    tower = load_file(wide_text_file("tiny-clip"))
    save_file({key: value for key, value in tower.items() if key != "text_projection"}, broken)
    with pytest.raises(ValueError, match="not a text tower of tiny-clip: 1 tensors differ, text_projection first"):
        build_wide_teacher("tiny-clip", broken)
    with pytest.raises(ValueError, match="unknown teacher 'clip': choose one of tiny-clip, tiny-clap"):
        wide_text("clip", ["dog"])
    with pytest.raises(ValueError, match="at least one class name"):
        wide_text("tiny-clip", [])
    with pytest.raises(ValueError, match="at least one word, not '_'"):
        wide_text("tiny-clip", ["_"])
