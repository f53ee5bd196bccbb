"""Is my data in place? Miniature layouts with every kind of damage, and the real annotations where they are beside the checkout."""

import json

import numpy as np
import pytest

from avvp_lib.corpora.llp import DENSE_FILES, WEAK_FILES
from avvp_lib.corpora.synthetic import CorpusSettings, writer
from avvp_lib.data_checks import check_corpus
from avvp_lib.data_checks.headers import npy_header
from avvp_lib.features import BackboneCard, FeatureBank, build_backbone
from avvp_lib.features.published import PUBLISHED
from avvp_lib.profiles import PROFILES
from avvp_lib.provenance import write_json
from avvp_lib.recipes import prepare
from tests.test_paper_profile import ALL_KEYS, KEYS, write_features, write_labels, write_llp

CLIP_FEATURES = ("CLAP/features", "CLIP/features")
LABELS = ("CLAP/segment_pseudo_labels", "CLIP/segment_pseudo_labels")
REQUIRED = ("feats/vggish", "feats/res152", "feats/r2plus1d_18")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A complete miniature of LLP, to be linked to by those who do not change it."""
    root = tmp_path_factory.mktemp("llp")
    write_llp(root)
    write_features(root)
    write_labels(root)
    (root / "videos").mkdir()
    for key in ALL_KEYS:
        (root / "videos" / f"{key}.mp4").write_bytes(b"clip")
    return root


@pytest.fixture
def root(template, tmp_path):
    """The same with files of its own, as links: replacing one leaves the others alone."""
    for path in template.rglob("*.*"):
        if path.is_file():
            place = tmp_path / path.relative_to(template)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
    return tmp_path


def check(root, name="llp"):
    return check_corpus(name, root, progress=False)


def part(report, name, split="train"):
    (found,) = [part for part in report.parts if (part.name, part.split) == (name, split)]
    return found


def state(report, name):
    (found,) = [file for file in report.files if file.name == name]
    return found.state


def put(path, array):
    path.unlink(missing_ok=True)
    np.save(path, array)


def steps_about(report, name):
    return [step for step in report.steps if step.startswith(f"{name}:")]


def test_a_complete_corpus_has_nothing_left_to_do(root):
    report = check(root)
    assert report.complete and report.steps == ()
    assert {part.name for part in report.parts} == {"videos", *REQUIRED, *CLIP_FEATURES, *LABELS}
    assert all(len(part.found) == len(part) == 6 and part.complete for part in report.parts)
    assert str(report).endswith("\ncomplete")
    measure = next(sentence for sentence in report.possible if "measure" in sentence)
    assert all(name in measure for name in ("han", "valor-video-labels", "valor-zero-shot", "6 train, 6 val, 6 test"))
    assert "valor-truth" not in measure
    assert sum("--profile paper-clip" in sentence for sentence in report.possible) == 1


def test_features_of_one_profile_are_optional_for_the_other(root):
    for path in (root / "CLIP/features").iterdir():
        path.unlink()
    report = check(root)
    assert report.complete and not any("paper-clip" in sentence for sentence in report.possible)
    (step,) = steps_about(report, "CLIP/features")
    assert 'Only the profile "paper-clip" needs it' in step and "NTUBarista/valor_features" in step


def test_what_the_check_calls_possible_can_be_prepared(root):
    (root / "feats/vggish" / f"{KEYS['test'][2]}.npy").unlink()
    report = check(root)
    assert not report.complete and "6 train, 6 val, 5 test" in str(report)
    assert len(prepare("paper", root=root).data("test")) == 5


def test_annotations_alone(template, tmp_path):
    (tmp_path / "annotations").symlink_to(template / "annotations")
    report = check(tmp_path)
    assert not report.complete and [bool(steps_about(report, name)) for name in (*REQUIRED, *LABELS)] == [True] * 5
    assert part(report, "feats/vggish", "val").missing == tuple(KEYS["val"])
    assert report.possible == (f"avvp score PREDICTIONS --corpus llp --root {tmp_path}",)
    (step,) = steps_about(report, "feats/res152")
    assert (
        "18 of 18 missing" in step and "11.8 MB" in step and "(80, 2048)" in step and "YapengTian/AVVP-ECCV20" in step
    )
    (step,) = steps_about(report, "CLAP/segment_pseudo_labels")
    assert "NTUBarista/valor_features" in step and f"unzip {tmp_path / 'CLAP.zip'} -d {tmp_path}" in step


def test_an_empty_folder_says_where_everything_is_published(tmp_path):
    report = check(tmp_path / "absent")
    assert not report.complete and report.parts == () and report.possible == ()
    assert all(file.state == "missing" for file in report.files) and len(report.files) == 6
    assert report.steps[0].startswith("Annotations (AVVP_train.csv, ") and "git clone" in report.steps[0]
    (step,) = steps_about(report, "feats/res152")
    assert "7.8 GB" in step
    assert "nothing yet" in str(report) and str(report).endswith("NOT complete: see the next steps")


def test_versions_of_the_annotations(root, llp_root):
    miniature = check(root)
    assert all("unknown version (md5 " in file.note for file in miniature.files if file.state == "found")
    report = check(llp_root)
    notes = {file.name: file.note for file in report.files}
    assert notes.pop(DENSE_FILES["audio"]) == "fixed-2024 (md5 98d8ce2369078d43aa1df26d3ef2894c)"
    assert len(notes) == 5 and all(note.startswith("as published") for note in notes.values())
    assert [len(part(report, "videos", split)) for split in ("train", "val", "test")] == [10_000, 649, 1_200]
    assert not report.complete and part(report, "videos").found == ("BjCEufrlXm4",)


def test_the_original_audio_labels_are_recognised(llp_root, tmp_path):
    """The version before April 2024 has another file name in three rows; `avvp_lib.corpora.llp` tells the story."""
    (tmp_path / "annotations").mkdir()
    for file in (llp_root / "annotations").iterdir():
        (tmp_path / "annotations" / file.name).symlink_to(file)
    path = tmp_path / "annotations" / DENSE_FILES["audio"]
    text = path.read_bytes()
    for span in (b"\t0\t4\tSpeech", b"\t7\t10\tSpeech"):
        text = text.replace(b"JfZEqeLZqWk_30_40" + span, b"Baby_cry_infant_cry" + span)
    text = text.replace(b"KvIjsmANkxI_10_20\t0\t1\tCat", b"KvIjsmANkxI_10_20`\t0\t1\tCat")
    path.unlink()
    path.write_bytes(text)
    assert "original (md5 a8b6b747e59a4ea2501e51cd717f3b4f)" in str(check(tmp_path))
    path.write_bytes(text + text.splitlines(keepends=True)[-1])
    assert "unknown version (md5 " in str(check(tmp_path))


@pytest.mark.parametrize("file", [*WEAK_FILES.values(), *DENSE_FILES.values()])
def test_a_missing_annotation_file_is_named(root, file):
    (root / "annotations" / file).unlink()
    report = check(root)
    assert state(report, file) == "missing" and not report.complete and report.possible == ()
    assert report.steps[0].startswith(f"Annotations ({file})")
    assert len(report.parts) == (16 if file in WEAK_FILES.values() else 24)


def test_the_file_with_all_videos_is_optional(root):
    report = check(root)
    assert state(report, "AVVP_dataset_full.csv") == "missing" and report.complete


def test_a_malformed_annotation_file_is_mismatched(root):
    path = root / "annotations" / DENSE_FILES["visual"]
    text = path.read_text().replace("Dog", "Wolf", 1)
    path.unlink()
    path.write_text(text)
    report = check(root)
    assert state(report, path.name) == "mismatched" and not report.complete
    assert f"{path.name}, line 2: event_labels 'Wolf' is not a category of LLP" in str(report)
    assert state(report, DENSE_FILES["audio"]) == "found"


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros((10, 64), np.float32), "is (10, 64) float32, not (10, 128) floating point"),
        (np.zeros((10, 128), np.int64), "is (10, 128) int64"),
        (np.zeros(1280, np.float32), "is (1280,) float32"),
        (np.zeros((10, 128), "U3"), "not (10, 128) floating point"),
    ],
)
def test_features_of_another_shape_or_kind_are_mismatched(root, array, why):
    key = KEYS["val"][3]
    put(root / "feats/vggish" / f"{key}.npy", array)
    report = check(root)
    broken = part(report, "feats/vggish", "val")
    assert list(broken.mismatched) == [key] and why in broken.mismatched[key] and len(broken.found) == 5
    assert not report.complete and not any("--profile paper " in sentence for sentence in report.possible)
    assert f"{key}: {broken.mismatched[key]}" in str(report)
    (step,) = steps_about(report, "feats/vggish")
    assert f"1 of 18 broken, delete them first ({key})" in step
    with pytest.raises(ValueError, match=key):
        prepare("paper", root=root)


def test_other_floating_point_types_are_said_but_let_through(root):
    put(root / "feats/vggish" / f"{KEYS['val'][3]}.npy", np.zeros((10, 128), np.float64))
    report = check(root)
    assert report.complete and part(report, "feats/vggish", "val").cast == {"float64": 1}
    assert "1 are float64: readers convert them" in str(report)
    assert len(prepare("paper", root=root).data("val")) == 6


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a readable .npy array"),
        (b"\x93NUMPY", "not a readable .npy array"),
        (b"<html>quota exceeded</html>", "not a readable .npy array"),
        (b"\x93NUMPY\x01\x00\x76\x00{'descr'", "not a readable .npy array"),
    ],
)
def test_what_is_no_array_is_mismatched(root, content, why):
    path = root / "feats/res152" / f"{KEYS['train'][0]}.npy"
    path.unlink()
    path.write_bytes(content)
    assert why in part(check(root), "feats/res152").mismatched[path.stem]


@pytest.mark.parametrize("size", [-1, -4000, 10])
def test_a_broken_download_is_mismatched(root, size):
    path = root / "feats/res152" / f"{KEYS['train'][0]}.npy"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:size] if size < 0 else content + bytes(size))
    why = part(check(root), "feats/res152").mismatched[path.stem]
    assert f"{len(content) + size:,} bytes instead of {len(content):,}" in why


def test_python_objects_are_mismatched_and_not_executed(root):
    path = root / "feats/vggish" / f"{KEYS['train'][0]}.npy"
    path.unlink()
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    assert "Python objects" in part(check(root), "feats/vggish").mismatched[path.stem]


def test_headers_of_both_versions(tmp_path):
    for version in ((1, 0), (2, 0)):
        with open(tmp_path / "a.npy", "wb") as stream:
            np.lib.format.write_array(stream, np.zeros((3, 5), np.float16), version=version)
        assert npy_header(tmp_path / "a.npy") == ((3, 5), np.dtype("float16"))


def test_labels_and_videos_are_optional(root):
    (root / "videos" / f"{KEYS['test'][0]}.mp4").unlink()
    (root / "videos" / f"{KEYS['test'][1]}.mp4").unlink()
    (root / "videos" / f"{KEYS['test'][1]}.mp4").write_bytes(b"")
    put(root / LABELS[0] / f"{KEYS['train'][1]}.npy", np.zeros((25, 10)))
    (root / LABELS[1] / f"{KEYS['train'][2]}.npy").unlink()
    report = check(root)
    videos = part(report, "videos", "test")
    assert videos.missing == (KEYS["test"][0],) and list(videos.mismatched) == [KEYS["test"][1]]
    assert part(report, LABELS[0]).mismatched == {KEYS["train"][1]: "is (25, 10) float64, not (10, 25) numbers"}
    assert part(report, LABELS[1]).missing == (KEYS["train"][2],)
    assert report.complete and len(report.steps) == 3
    measure = next(sentence for sentence in report.possible if "measure" in sentence)
    assert "valor-video-labels" in measure and "valor-zero-shot" not in measure


@pytest.mark.parametrize("folder", LABELS)
def test_pseudo_labels_of_both_modalities_are_needed(root, folder):
    (root / folder / f"{KEYS['test'][2]}.npy").unlink()
    assert "valor-zero-shot" in str(check(root).possible)  # only those of training videos are read
    (root / folder / f"{KEYS['train'][2]}.npy").unlink()
    assert "valor-zero-shot" not in str(check(root).possible)


def test_files_that_belong_to_no_video_do_not_count(root):
    put(root / "feats/vggish" / "stranger000.npy", np.zeros(3))
    assert check(root).complete


def test_an_unknown_corpus_is_refused():
    with pytest.raises(ValueError, match="how to check 'unav100': choose one of llp, synthetic-llp"):
        check_corpus("unav100")


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """A rendered corpus of four videos without the rendering: its card, its annotations and four files."""
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    monkeypatch.setitem(writer.SIZES, "smoke", (2, 1, 1))
    settings = CorpusSettings(7, "smoke", "studio")
    root = tmp_path / "data" / "synthetic-llp" / "smoke-studio-7"
    card = {"name": "synthetic-llp", "seed": 7, "size": "smoke", "domain": "studio", "renderer": writer.renderer_digest()}  # fmt: skip
    write_json(root / "corpus.json", card)
    writer.write_annotations(root, settings)
    (root / "videos").mkdir()
    for split in writer.SPLITS:
        for key in settings.keys(split):
            (root / "videos" / f"{key}.mp4").write_bytes(b"clip")
    return root


def write_banks(root, keys, **changes):
    for name in PROFILES["smoke"].backbones:
        card = build_backbone(name).card
        card = BackboneCard(**{**card.to_dict(), **changes})
        features = np.zeros((len(keys), *card.output_shape), card.dtype)
        FeatureBank.write(root / "features" / name, keys, features, card)


def all_keys():
    return [key for split in writer.SPLITS for key in CorpusSettings(7, "smoke", "studio").keys(split)]


def test_a_rendered_corpus_without_banks_is_complete(rendered):
    report = check(rendered, "synthetic-llp")
    assert report.complete and [len(part.found) for part in report.parts] == [2, 1, 1]
    assert "seed 7, size smoke, domain studio, renderer " in report.files[0].note
    assert report.files[0].note.endswith("(current)")
    assert len(report.steps) == 1 and "5 of 5 banks" in report.steps[0] and "avvp extract" in report.steps[0]
    assert report.possible == ("avvp measure --profile smoke --corpus-seed 7 --domain studio   (all recipes)",)


def test_banks_of_a_rendered_corpus(rendered):
    write_banks(rendered, all_keys())
    report = check(rendered, "synthetic-llp")
    assert report.complete and report.steps == ()
    assert state(report, "features/tiny-clip") == "found" and "4 videos, (10, 128)" in str(report)
    (rendered / "features" / "tiny-clip" / "bank.json").write_text("{")
    report = check(rendered, "synthetic-llp")
    assert state(report, "features/tiny-clip") == "mismatched" and "--backbones tiny-clip --out" in report.steps[0]


def test_banks_of_another_backbone_or_of_fewer_videos(rendered):
    write_banks(rendered, all_keys(), revision="older")
    notes = [file.note for file in check(rendered, "synthetic-llp").files if file.name.startswith("features/")]
    assert notes == ["another version of the backbone made it"] * 5
    write_banks(rendered, all_keys()[:3])
    report = check(rendered, "synthetic-llp")
    assert f"lacks 1 of 4 videos: {all_keys()[3]}" in str(report) and report.complete


def test_an_interrupted_rendering_goes_on(rendered):
    missing, empty = all_keys()[1], all_keys()[2]
    (rendered / "videos" / f"{missing}.mp4").unlink()
    (rendered / "videos" / f"{empty}.mp4").write_bytes(b"")
    report = check(rendered, "synthetic-llp")
    assert not report.complete and report.possible == ()
    assert part(report, "videos", "train").missing == (missing,)
    assert f"delete the empty files ({empty}), then avvp render --out" in report.steps[0]
    assert "--domain studio --size smoke --seed 7" in report.steps[0]


@pytest.mark.parametrize("file", ["annotations/AVVP_train.csv", "truth/AVVP_train_audio.csv"])
def test_annotations_of_a_rendered_corpus_are_required(rendered, file):
    (rendered / file).unlink()
    report = check(rendered, "synthetic-llp")
    assert state(report, file) == "missing" and not report.complete


def test_a_corpus_of_another_renderer_is_mismatched(rendered):
    card = json.loads((rendered / "corpus.json").read_text())
    write_json(rendered / "corpus.json", {**card, "renderer": "0123456789abcdef"})
    report = check(rendered, "synthetic-llp")
    assert state(report, "corpus.json") == "mismatched" and "renderer 0123456789abcdef; the renderer is now" in str(
        report
    )
    assert not report.complete and "delete data/synthetic-llp/smoke-studio-7, then avvp render" in report.steps[0]


@pytest.mark.parametrize(
    "card", ["{", "[]", "{}", '{"seed": -1, "size": "smoke", "domain": "studio", "renderer": "x"}']
)
def test_a_card_that_describes_nothing(rendered, card):
    (rendered / "corpus.json").write_text(card)
    report = check(rendered, "synthetic-llp")
    assert state(report, "corpus.json") == "mismatched" and not report.complete
    assert report.steps[0].startswith("delete data/synthetic-llp/smoke-studio-7, then avvp render --out")


def test_nothing_was_rendered(tmp_path):
    report = check(tmp_path / "absent", "synthetic-llp")
    assert not report.complete and "nothing was rendered here" in str(report) and "avvp render --out" in report.steps[0]


def test_every_published_folder_is_looked_into(root):
    """So that features which are listed later are not forgotten here."""
    assert {features.folder for features in PUBLISHED.values()} <= {part.name for part in check(root).parts}
