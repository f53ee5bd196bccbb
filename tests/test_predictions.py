"""Predictions as files: what goes out comes in again, whatever order and names it has, and what cannot be is refused by name."""

import json
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.events import grid_to_events
from avvp_lib.metrics import binarise, parsing_scores
from avvp_lib.models import build_model
from avvp_lib.predictions import (
    GATE_PAIRS,
    Predictions,
    check_target,
    predict_split,
    read_predictions,
    refuse_gaps,
    score_predictions,
    write_predictions,
)
from avvp_lib.predictions.arrays import AXES
from avvp_lib.training import evaluate
from tests.oracles.parsing import loop_scores
from tests.small_bench import WIDTHS, small_bench, small_corpus

CSV_HEAD = "video,modality,category,onset,offset\n"


@pytest.fixture
def corpus(tmp_path):
    return small_corpus(tmp_path)[0]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return small_bench(tmp_path_factory.mktemp("bench"))


def model_for(bench, seed: int = 3, name: str = "han"):
    """An untrained model, its probabilities spread around 0.5 so that gates make a difference."""
    torch.manual_seed(seed)
    banks, size = bench.banks, bench.profile
    widths = {
        f"{name}_dim": banks[getattr(size, name)].card.output_shape[1] for name in ("audio", "visual_2d", "visual_3d")
    }
    model = build_model(name, classes=len(bench.corpus.categories), **widths, **WIDTHS[name]).eval()
    with torch.no_grad():
        for parameter in [model.fc_prob.weight] if name == "han" else model.parameters():
            parameter.mul_(5)
    return model


def probabilities(corpus, split: str = "test", **changes) -> dict:
    """Arrays of an .npz for every video of a split."""
    part, random = corpus.splits[split], np.random.default_rng(1)
    number, segments, classes = part.audio.shape
    return {
        "videos": np.array(part.videos),
        "categories": np.array(corpus.categories),
        "segment_prob": random.random((number, segments, 2, classes)),
        "video_prob": 2 * random.random((number, classes)),
        "modality_prob": random.random((number, 2, classes)),
    } | changes


def without(arrays: dict, *names: str) -> dict:
    return {name: array for name, array in arrays.items() if name not in names}


def write_npz(path, arrays):
    np.savez(path, **arrays)
    return path


def score_file(path, corpus, **options):
    return score_predictions(read_predictions(path, corpus), corpus, **options)


def test_what_a_model_writes_scores_as_it_was_evaluated(bench, tmp_path):
    model = model_for(bench)
    write_predictions(tmp_path / "ours.npz", predict_split(model, bench))
    scores = score_file(tmp_path / "ours.npz", bench.corpus).scores
    assert list(scores) == ["global/global", "modality/modality", "global/modality", "none/none"]
    for audio, visual in GATE_PAIRS:
        assert scores[f"{audio}/{visual}"] == evaluate(model, bench.data("test"), audio, visual)
    assert len({tuple(row.values()) for row in scores.values()}) == 4  # the gates do make a difference


def test_probabilities_above_one_are_mgns(bench, tmp_path):
    model = model_for(bench, name="mgn")
    predictions = predict_split(model, bench)
    assert 1 < predictions.segment_prob.max() < 1.25
    write_predictions(tmp_path / "mgn.npz", predictions)
    scores = score_file(tmp_path / "mgn.npz", bench.corpus).scores
    assert scores["global/global"] == evaluate(model, bench.data("test"), "global", "global")


def test_decisions_as_csv_score_the_same(bench, tmp_path):
    predictions = predict_split(model_for(bench), bench)
    expected = score_predictions(predictions, bench.corpus).scores
    for audio, visual in GATE_PAIRS:
        decided = predictions.decide(audio, visual)
        for name in ("ours.csv", "ours.npz"):
            write_predictions(tmp_path / name, decided)
            found = score_file(tmp_path / name, bench.corpus).scores
            assert found == {"decisions": expected[f"{audio}/{visual}"]}


def test_scores_agree_with_an_independent_reference(corpus, tmp_path):
    arrays = probabilities(corpus)
    scores = score_file(write_npz(tmp_path / "theirs.npz", arrays), corpus).scores["global/modality"]
    part = corpus.splits["test"]
    audio = (arrays["segment_prob"][:, :, 0] >= 0.5) & (arrays["video_prob"] >= 0.5)[:, None]
    visual = (arrays["segment_prob"][:, :, 1] >= 0.5) & (arrays["modality_prob"][:, 1] >= 0.5)[:, None]
    assert scores == pytest.approx(loop_scores(audio, visual, part.audio, part.visual))


@pytest.mark.parametrize("ids", ["videos", "keys"])
def test_order_and_kind_of_names_do_not_matter(corpus, tmp_path, ids):
    arrays, random = probabilities(corpus), np.random.default_rng(5)
    expected = score_file(write_npz(tmp_path / "a.npz", arrays), corpus).scores
    rows = random.permutation(len(arrays["videos"]))
    columns = random.permutation(len(arrays["categories"]))
    shuffled = {
        name: array[rows][..., columns] for name, array in arrays.items() if name not in ("videos", "categories")
    }
    names = np.array(getattr(corpus.splits["test"], ids))[rows]
    shuffled |= {"videos": names, "categories": arrays["categories"][columns]}
    assert score_file(write_npz(tmp_path / "b.npz", shuffled), corpus).scores == expected


def test_a_csv_that_can_be_counted_by_hand(corpus, tmp_path):
    part = corpus.splits["test"]
    one = part.subset([0])
    audio = np.zeros_like(one.audio)
    audio[0, :5, 3] = True  # true: Dog is heard in 0-5 and nothing is seen
    alone = replace(corpus, splits={"test": replace(one, audio=audio, visual=np.zeros_like(audio))})
    file = tmp_path / "theirs.csv"
    file.write_text(CSV_HEAD + f"{one.keys[0]},audio,Dog,0,3.9\n")  # 3 of 5 segments, cut to whole seconds; IoU 3/5
    scores = score_file(file, alone).scores["decisions"]
    assert scores["segment/A"] == pytest.approx(100 * 6 / 8) and scores["event/A"] == 100
    assert scores["segment/V"] == 100  # silence about nothing is right
    file.write_text(CSV_HEAD)
    assert score_file(file, alone).scores["decisions"]["segment/A"] == 0


def test_a_csv_may_have_other_columns_blank_lines_and_a_byte_order_mark(corpus, tmp_path):
    part = corpus.splits["test"]
    table = grid_to_events(part.audio, part.visual, part.videos, corpus.categories).assign(score=0.7)
    text = table[["score", "category", "offset", "onset", "modality", "video"]].to_csv(index=False) + "\n\n"
    (tmp_path / "theirs.csv").write_text("\ufeff" + text, encoding="utf-8")
    assert set(score_file(tmp_path / "theirs.csv", corpus).scores["decisions"].values()) == {100.0}


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_truth_of_llp_scores_one_hundred(llp_root, tmp_path, split):
    """The published rows themselves, less those that match no video or have no duration: docs/metrics.md counts both."""
    corpus, tables = load_corpus("llp", llp_root), []
    for modality in ("audio", "visual"):
        rows = pd.read_csv(llp_root / "annotations" / f"AVVP_eval_{modality}.csv", sep="\t")
        rows = rows[rows["filename"].isin(corpus.splits[split].videos) & (rows["offset"] > rows["onset"])]
        tables.append(rows.rename(columns={"filename": "video", "event_labels": "category"}).assign(modality=modality))
    pd.concat(tables).sample(frac=1, random_state=0).to_csv(tmp_path / "truth.csv", index=False)
    report = score_predictions(read_predictions(tmp_path / "truth.csv", corpus, split), corpus, split)
    assert set(report.scores["decisions"].values()) == {100.0} and report.used == report.official
    assert report.audio_version == "fixed-2024"
    assert f"split {split}: {report.official:,} of {report.official:,} videos, audio labels fixed-2024" in str(report)


def test_nothing_scores_on_llp_what_the_official_functions_say(llp_root, tmp_path):
    corpus = load_corpus("llp", llp_root)
    (tmp_path / "nothing.csv").write_text(CSV_HEAD)
    scores = score_file(tmp_path / "nothing.csv", corpus).scores["decisions"]
    golden = {"segment/A": 0.5, "segment/V": 10.0833, "segment/AV": 14.5, "segment/Type": 8.3611, "segment/Event": 0}
    assert {name: scores[name] for name in golden} == pytest.approx(golden, abs=5e-5)


@pytest.mark.parametrize(
    ("absent", "gates"),
    [
        (("modality_prob",), ["global/global", "none/none"]),
        (("video_prob",), ["modality/modality", "none/none"]),
        (("video_prob", "modality_prob"), ["none/none"]),
    ],
)
def test_only_the_gates_that_a_file_allows_are_scored(corpus, tmp_path, absent, gates):
    path = write_npz(tmp_path / "theirs.npz", without(probabilities(corpus), *absent))
    assert list(score_file(path, corpus).scores) == gates


def test_missing_videos_are_an_error_unless_partial(corpus, tmp_path):
    arrays = {
        name: array if name == "categories" else array[[4, 0, 2]] for name, array in probabilities(corpus).items()
    }
    path, part = write_npz(tmp_path / "theirs.npz", arrays), corpus.splits["test"]
    with pytest.raises(ValueError, match=rf"3 of the 6 videos .* have no predictions: {part.videos[1]}, .* --partial"):
        score_file(path, corpus)
    report = score_file(path, corpus, partial=True)
    assert (report.used, report.official) == (3, 6) and report.left_out == tuple(part.videos[i] for i in (1, 3, 5))
    assert "3 of 6 videos" in str(report) and part.videos[5] in str(report)
    chosen = part.subset([4, 0, 2])  # in the order of the file: the mean over videos does not know it
    grids = binarise(arrays["segment_prob"], None, None, audio_gate="none", visual_gate="none")
    assert report.scores["none/none"] == pytest.approx(parsing_scores(*grids, chosen.audio, chosen.visual))
    assert json.loads(json.dumps(report.to_dict()))["left_out"] == list(report.left_out)


def test_the_printed_table_has_every_score_once(corpus, tmp_path):
    report = score_file(write_npz(tmp_path / "theirs.npz", probabilities(corpus)), corpus)
    lines = str(report).splitlines()
    assert len(lines) == 2 + 1 + 11 and report.table().shape == (11, 4)
    assert lines[0].startswith("synthetic-llp/smoke-studio-0, split test: 6 of 6 videos;")
    value = report.scores["global/global"]["average"]
    assert lines[-1].split()[:2] == ["average", f"{value:.2f}"]


def with_value(name: str, value: float):
    def change(arrays: dict) -> dict:
        changed = arrays[name].copy()
        changed[(2,) + (0,) * (changed.ndim - 2) + (3,)] = value
        return arrays | {name: changed}

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_value("segment_prob", np.nan), "segment_prob of video test--00002_0_10, category Dog, is nan"),
        (with_value("segment_prob", -3.0), "must lie in 0 ... 1.25 .*Logits"),
        (with_value("modality_prob", 1.3), r"modality_prob of video .* is 1\.3"),
        (with_value("video_prob", 2.6), "must lie in 0 ... 2.5"),
        (with_value("video_prob", np.inf), "is inf"),
        (lambda a: a | {"segment_prob": a["segment_prob"][:, :, 0]}, r"must be floating point of shape \(N, T, 2, C\)"),
        (lambda a: a | {"segment_prob": a["segment_prob"] > 0.5}, "not bool"),
        (lambda a: a | {"video_prob": a["video_prob"][:, :24]}, r"for 6 videos and 25 categories.*\(6, 24\)"),
        (lambda a: a | {"video_prob": a["video_prob"][1:]}, r"\(5, 25\)"),
        (lambda a: without(a, "segment_prob"), "either audio and visual"),
        (lambda a: without(a, "segment_prob", "video_prob", "modality_prob"), "none of them"),
        (lambda a: a | {"audio": a["segment_prob"][:, :, 0] > 0}, "either audio and visual"),
        (lambda a: without(a, "videos"), "no array 'videos'"),
        (lambda a: without(a, "categories", "videos"), "no array 'categories' and no 'videos'"),
        (lambda a: a | {"modality_probs": a["modality_prob"]}, "nothing reads the arrays modality_probs"),
        (lambda a: a | {"videos": np.arange(6)}, "videos must be a list of strings, not int64"),
        (lambda a: a | {"videos": a["videos"].astype(object)}, "'videos' cannot be read .*Python objects"),
        (lambda a: a | {"videos": np.array([*a["videos"][:5], a["videos"][0]])}, "videos are named twice: test--00000"),
        (lambda a: a | {"categories": np.array(["Speech"] * 25)}, "categories are named twice: Speech"),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_are_refused(corpus, tmp_path, change, words):
    path = write_npz(tmp_path / "theirs.npz", change(probabilities(corpus)))
    with pytest.raises(ValueError, match=rf"theirs\.npz: .*{words}"):
        read_predictions(path, corpus)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a | {"videos": np.array([*a["videos"][:5], "val---00001"])}, "'val---00001' belongs to the split 'val'"),
        (lambda a: a | {"videos": np.array([*a["videos"][:5], "xyz"])}, "no video 'xyz'; those of 'test' are called like"),
        (lambda a: a | {"videos": np.array([*a["videos"][:5], "test--00000"])}, "named twice: test--00000_0_10"),
        (lambda a: a | {"categories": np.array([*a["categories"][:-1], "Applause"])}, "lack Clapping; .* does not know Applause"),
        (lambda a: {n: v if n == "videos" else v[..., :-1] for n, v in a.items()} | {"categories": a["categories"][:-1]}, "lack Clapping"),
        (lambda a: a | {"segment_prob": a["segment_prob"][:, :8]}, "8 segments a video, synthetic-llp/smoke-studio-0 10"),
    ],
)  # fmt: skip
def test_predictions_of_something_else_are_refused(corpus, tmp_path, change, words):
    path = write_npz(tmp_path / "theirs.npz", change(probabilities(corpus)))
    with pytest.raises(ValueError, match=words):
        score_file(path, corpus, partial=True)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("xyz,audio,Dog,0,1", "theirs.csv, line 2: .* no video 'xyz'"),
        ("test--00000,audio,Dog,0,1\ntrain-00000,audio,Dog,0,1", "line 3: video 'train-00000' belongs to the split 'train'"),
        ("test--00000,sound,Dog,0,1", "line 2: modality 'sound' is not a known modality"),
        ("test--00000,audio,dog,0,1", "line 2: category 'dog' is not a known category"),
        ("test--00000,audio,Dog,zero,1", "line 2: onset 'zero' is not a number"),
        ("test--00000,audio,Dog,nan,1", "line 2: onset 'nan' is not a number"),
        ("\ntest--00000,audio,Dog,0,11", "line 3: offset '11' lies outside the video"),
        ("test--00000,audio,Dog,4,4", "line 2: offset '4' does not come after its onset"),
        ("test--00000,audio,Dog,4", "line 2: offset .* is empty"),
        ("test--00000,audio,,4,5", "line 2: category '' is empty"),
        ("test--00000,audio,Dog,4,5,6", "more fields than its header line has names"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_are_refused_by_line(corpus, tmp_path, rows, words):
    (tmp_path / "theirs.csv").write_text(CSV_HEAD + rows + "\n")
    with pytest.raises(ValueError, match=words):
        read_predictions(tmp_path / "theirs.csv", corpus)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("theirs.csv", b"", "not a table of comma-separated text"),
        ("theirs.csv", b"\xff\xfe\x00", "not a table of comma-separated text"),
        ("theirs.csv", b"video\tmodality\tcategory\tonset\toffset\n", "has no column 'video'"),
        ("theirs.npz", b"", "theirs.npz: .*not a readable .npz archive"),
        ("theirs.npz", b"PK\x03\x04 and then nothing", "theirs.npz: not a readable .npz archive"),
        ("theirs.npz", b"video,modality", "theirs.npz"),
        ("theirs.pkl", b"", "a .csv of events or an .npz of arrays"),
    ],
)
def test_files_of_another_kind_are_refused(corpus, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_predictions(tmp_path / name, corpus)


def test_damaged_and_absent_files_are_named(corpus, tmp_path):
    path = write_npz(tmp_path / "theirs.npz", probabilities(corpus))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"theirs\.npz: not a readable"):
        read_predictions(path, corpus)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match="one array, not an archive"):
        read_predictions(tmp_path / "one.npz", corpus)
    with pytest.raises(FileNotFoundError, match=r"no predictions at .*absent"):
        read_predictions(tmp_path / "absent.npz", corpus)


def test_splits_without_dense_labels_are_refused(corpus, tmp_path):
    path = write_npz(tmp_path / "theirs.npz", probabilities(corpus))
    for split in ("train", "all"):
        with pytest.raises(ValueError, match=f"no dense labels for a split '{split}': choose one of val, test"):
            score_predictions(read_predictions(path, corpus), corpus, split)


def test_half_precision_is_let_through(corpus, tmp_path):
    arrays = probabilities(corpus)
    half = {name: v.astype(np.float16) if v.dtype.kind == "f" else v for name, v in arrays.items()}
    half["modality_prob"][0, 0, 0] = np.float16(1.0005)
    assert len(score_file(write_npz(tmp_path / "half.npz", half), corpus).scores) == 4


def test_decisions_have_no_gates(corpus):
    part = corpus.splits["test"]
    decisions = Predictions(part.videos, corpus.categories, part.audio, part.visual)
    assert decisions.gates == ()
    with pytest.raises(ValueError, match="decisions already"):
        decisions.decide("none", "none")
    with pytest.raises(ValueError, match="audio must be bool"):
        replace(decisions, audio=part.audio.astype(np.uint8))


def test_a_csv_of_probabilities_and_gates_that_do_not_go_together(bench, tmp_path):
    with pytest.raises(ValueError, match=r"choose gates with predictions\.decide"):
        write_predictions(tmp_path / "ours.csv", predict_split(model_for(bench), bench))
    assert not list(tmp_path.iterdir())
    check_target(tmp_path / "ours.npz", None, None)
    check_target(tmp_path / "ours.csv", "global", "none")
    for name, gates, words in (
        ("ours.csv", ("global", None), "choose --audio-gate and --visual-gate"),
        ("ours.npz", ("global", "global"), "leave the gates out"),
        ("ours.csv", ("global", "video"), "unknown gate 'video'"),
        ("ours.txt", (None, None), r"ours\.txt: predictions are"),
    ):
        with pytest.raises(ValueError, match=words):
            check_target(tmp_path / name, *gates)


def test_a_model_of_other_features_is_refused(bench):
    torch.manual_seed(0)
    other = build_model("han", audio_dim=7, visual_2d_dim=25, visual_3d_dim=25, classes=4, **WIDTHS["han"])
    with pytest.raises(
        ValueError, match=r"ears, eyes and motion: its audio_dim is 7, not 25; its classes is 4, not 25"
    ):
        predict_split(other, bench)


def test_gaps_are_refused_where_they_could_not_be_seen(bench):
    refuse_gaps(bench, "test")
    gaps = {"test": {"used": 5, "official": 6, "left_out": ["test--00003"]}}
    partial = replace(bench.corpus, provenance={**bench.corpus.provenance, "coverage": gaps})
    refuse_gaps(replace(bench, corpus=partial), "val")
    with pytest.raises(ValueError, match=r"1 videos .* lack features: test--00003\. A \.csv cannot say"):
        refuse_gaps(replace(bench, corpus=partial), "test")


def test_the_page_for_other_code_bases_shows_files_that_can_be_read(project_root, llp_root, tmp_path):
    page = (project_root / "docs" / "doors.md").read_text(encoding="utf-8")
    lines = page[page.index(f"    {CSV_HEAD}") :].split("\n\n")[0].splitlines()
    (tmp_path / "theirs.csv").write_text("\n".join(line.strip() for line in lines) + "\n")
    predictions = read_predictions(tmp_path / "theirs.csv", load_corpus("llp", llp_root))
    assert (predictions.audio.sum(), predictions.visual.sum()) == (7, 10)
    assert all(f"`{name}`" in page for name in (*AXES, "videos", "categories"))
    assert all(f"`{audio}/{visual}`" in page for audio, visual in GATE_PAIRS)


def test_the_example_of_an_npz_runs_as_it_is_printed(project_root, corpus, tmp_path, monkeypatch):
    page = (project_root / "docs" / "doors.md").read_text(encoding="utf-8")
    code = textwrap.dedent(page[page.index("    import numpy as np\n") :].split("\n\n")[0])
    arrays = probabilities(corpus)
    monkeypatch.chdir(tmp_path)
    given = {"ids": arrays["videos"], "names": corpus.categories, "video_prob": arrays["video_prob"]}
    given |= {"audio_prob": arrays["segment_prob"][:, :, 0], "visual_prob": arrays["segment_prob"][:, :, 1]}
    exec(code, given | {"modality_prob": arrays["modality_prob"]})
    expected = score_file(write_npz(tmp_path / "same.npz", arrays), corpus).scores
    assert score_file(tmp_path / "predictions.npz", corpus).scores == expected
