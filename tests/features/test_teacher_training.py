import logging
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from avvp_lib.features.teacher_training import (
    TEACHER_RECIPES,
    TeacherRecipe,
    _train_and_save,
    caption_loss,
    captions,
    render_examples,
    train_teacher,
    train_teachers,
)
from avvp_lib.features.tiny_teachers import TEACHERS, build_teacher, spectrogram_input, tokenizer

SHORT = TeacherRecipe(examples=12, steps=3, batch_size=8)


def test_caption_loss_of_two_pictures_and_three_captions_by_hand():
    pictures = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    text = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    # logits: the first picture [1, 0, -1], the second [0, 1, 0]
    e = math.e
    apart = caption_loss(pictures, text, torch.tensor(1.0), torch.tensor([0, 1]))
    to_text = (math.log(e + 1 + 1 / e) - 1 + math.log(1 + e + 1) - 1) / 2
    to_picture = (
        math.log(e + 1) - 1
    )  # captions 0 and 1 each see one picture at 1 and one at 0; caption 2 does not occur
    assert apart.item() == pytest.approx((to_text + to_picture) / 2)
    same = caption_loss(pictures, text, torch.tensor(1.0), torch.tensor([0, 0]))
    to_text = (math.log(e + 1 + 1 / e) - 1 + math.log(1 + e + 1)) / 2
    to_picture = math.log(e + 1) - 0.5  # caption 0 describes both, half each
    assert same.item() == pytest.approx((to_text + to_picture) / 2)


def test_caption_loss_grows_with_the_scale_when_wrong_and_vanishes_when_right():
    vectors = torch.eye(3)
    right, wrong = torch.tensor([0, 1, 2]), torch.tensor([1, 2, 0])
    assert caption_loss(vectors, vectors, torch.tensor(50.0), right) < 1e-6
    losses = [caption_loss(vectors, vectors, torch.tensor(scale), wrong).item() for scale in (1.0, 10.0, 50.0)]
    assert losses == sorted(losses) and losses[-1] == pytest.approx(50, abs=1)


@pytest.mark.parametrize("name", TEACHERS)
def test_examples_are_numbered_so_that_any_part_can_be_rendered_alone(name):
    inputs, labels = render_examples(name, 5, 0, 6)
    assert inputs.shape == {"tiny-clip": (6, 64, 64, 3), "tiny-clap": (6, 64, 64)}[name]
    assert inputs.dtype == {"tiny-clip": torch.uint8, "tiny-clap": torch.float16}[name]
    assert labels.dtype == torch.int64 and labels.min() >= 0 and labels.max() <= 25
    part, part_labels = render_examples(name, 5, 2, 4)
    torch.testing.assert_close(part, inputs[2:4], rtol=0, atol=0)
    assert part_labels.tolist() == labels[2:4].tolist()
    assert not torch.equal(render_examples(name, 6, 0, 2)[0], inputs[:2])


def test_captions_name_each_category_and_nothing():
    for name in TEACHERS:
        assert len(set(captions(name))) == 26
    labels = np.array(render_examples("tiny-clap", 0, 0, 150)[1])
    assert 25 in labels and len(set(labels)) > 20


def test_three_steps_give_the_same_weights_twice_and_change_them():
    first, again = (train_teacher("tiny-clip", SHORT, seed=1, progress=False).state_dict() for _ in range(2))
    other = train_teacher("tiny-clip", SHORT, seed=2, progress=False).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert all(tensor.isfinite().all() for tensor in first.values())
    assert not torch.equal(first["text_projection"], other["text_projection"])


def test_training_brings_examples_and_their_captions_together():
    inputs, labels = render_examples("tiny-clap", 3, 0, 16)

    @torch.no_grad()
    def loss(teacher):
        """In training mode, because twelve steps leave the running averages of the batch normalisation far behind."""
        pictures = teacher.train().encode_image(spectrogram_input(inputs.float()), normalize=True)
        text = teacher.encode_text(tokenizer("tiny-clap")(captions("tiny-clap")), normalize=True)
        return caption_loss(pictures, text, teacher.logit_scale.exp(), labels).item()

    one, twelve = (
        train_teacher("tiny-clap", TeacherRecipe(examples=16, steps=steps, batch_size=16), seed=3, progress=False)
        for steps in (1, 12)
    )
    assert loss(twelve) < 0.8 * loss(one)


def test_weights_are_saved_in_half_precision_and_load_again(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        path = _train_and_save("tiny-clap", SHORT, 0, tmp_path)
    assert path == tmp_path / "tiny-clap.safetensors" and list(tmp_path.iterdir()) == [path]
    assert "tiny-clap: last batch loss" in caplog.text
    assert {tensor.dtype for tensor in load_file(path).values()} <= {torch.float16, torch.int64}
    trained = train_teacher("tiny-clap", SHORT, 0, progress=False).state_dict()
    for key, tensor in build_teacher("tiny-clap", path).state_dict().items():
        torch.testing.assert_close(tensor, trained[key].half().to(tensor.dtype), rtol=0, atol=0)


def test_there_is_a_recipe_for_each_teacher():
    assert set(TEACHER_RECIPES) == set(TEACHERS)


@pytest.mark.slow
def test_both_teachers_are_trained_side_by_side(tmp_path):
    out = tmp_path / "new" / "teachers"
    paths = train_teachers(out, seed=0, recipes=dict.fromkeys(TEACHERS, SHORT))
    assert paths == [out / f"{name}.safetensors" for name in TEACHERS]
    assert sorted(path.name for path in out.iterdir()) == [
        "tiny-clap.safetensors",
        "tiny-clip.safetensors",
        "vocabulary.txt.gz",
    ]
    for name, path in zip(TEACHERS, paths, strict=True):
        build_teacher(name, path)
