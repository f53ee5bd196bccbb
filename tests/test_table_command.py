"""`avvp table` around the cells: what fails, what is killed, what is refused before an hour of work, what jobs of a cluster ask for."""

import json
from concurrent.futures.process import BrokenProcessPool

import pytest

from avvp_lib import cells as cells_module
from avvp_lib import table_cells, table_reports, tuning
from avvp_lib.cells import cells_folder, read_cells
from avvp_lib.cli import main
from avvp_lib.table_cells import Place, failures_folder, planned_tasks, prepare_tables
from avvp_lib.table_pages import CLAIMS_MARKERS, write_claims
from tests.small_bench import small_bench

MUG_4 = ("table", "mug/4", "--profile", "smoke", "--corpus", "studio-0", "--seeds", "1", "--workers", "1")
EXPERIMENTS = [f"{name}-{videos}" for name in ("han", "mgn", "jomold") for videos in ("zero-shot", "combined-1")]
PLACE = Place.of("smoke", "studio-0")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    monkeypatch.setattr(table_reports, "_is_stale", lambda cell: False)
    return tmp_path


def refused(*arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return str(caught.value)


@pytest.fixture
def measured(home, monkeypatch):
    """Cells of a bench in memory are really measured; the names in `broken` raise, and those in `asked` were trained."""
    bench = small_bench(home)
    monkeypatch.setattr(table_cells, "_prepare", lambda *arguments: None)
    monkeypatch.setattr(table_cells, "_bench", lambda place: bench)
    asked, broken, real = [], set(), cells_module.measure

    def measure(experiment, *arguments):
        asked.append(experiment.name)
        if experiment.name in broken:
            raise FloatingPointError("the loss is nan in epoch 2")
        return real(experiment, *arguments)

    monkeypatch.setattr(cells_module, "measure", measure)
    return asked, broken


def test_a_cell_that_fails_is_written_down_and_the_others_go_on(home, measured):
    asked, broken = measured
    broken.add("han-combined-1")
    record = home / "record.json"
    said = refused(*MUG_4, "--record", str(record))
    assert (
        "1 cells could not be measured\nhan-combined-1, seed 0: FloatingPointError: the loss is nan in epoch 2" in said
    )
    assert asked == EXPERIMENTS and not record.exists()
    (failure,) = failures_folder().iterdir()
    assert failure.name == "smoke-studio-0-han-combined-1-0.json"
    kept = json.loads(failure.read_text(encoding="utf-8"))
    assert kept["seed"] == 0 and "in measure" in kept["traceback"]
    assert {cell["experiment"] for cell in read_cells("smoke-studio-0")} == set(EXPERIMENTS) - {"han-combined-1"}
    table = (home / "outputs" / "tables" / "smoke-studio-0" / "mug-4.md").read_text(encoding="utf-8")
    assert "| MGN | CMRC+MGN |" in table and "| HAN | CMRC+HAN |" not in table  # what is there is shown

    broken.clear()
    asked.clear()
    main([*MUG_4, "--record", str(record)])
    assert asked == ["han-combined-1"] and not any(failures_folder().iterdir())
    assert len(read_cells("smoke-studio-0")) == 6
    asked_for = json.loads(record.read_text(encoding="utf-8"))
    assert asked_for["tables"] == ["mug/4"] and [cell["experiment"] for cell in asked_for["cells"]] == EXPERIMENTS


def test_what_a_killed_write_leaves_is_no_cell(home, measured):
    main(list(MUG_4))
    folder = cells_folder() / "smoke-studio-0"
    (folder / ".han-zero-shot-0.4711.json").write_text('{"experiment": "han-', encoding="utf-8")
    assert len(read_cells("smoke-studio-0")) == 6
    (folder / "han-zero-shot-0.json").unlink()  # as if it had been the first
    main(list(MUG_4))
    assert len(read_cells("smoke-studio-0")) == 6


def test_what_a_killed_write_leaves_is_no_trial(home):
    folder = tuning.trials_folder("small")
    folder.mkdir(parents=True)
    trials = [{"learning_rate": 0.1, "validation": 20.0}]
    (folder / "han.json").write_text(json.dumps({"experiment": "han", "trials": trials}), encoding="utf-8")
    (folder / ".valor.4711.json").write_text('{"exp', encoding="utf-8")
    assert list(tuning.read_trials("small").index) == ["han"]


def test_a_worker_that_is_killed_ends_with_advice(home, monkeypatch):
    monkeypatch.setattr(table_cells, "_prepare", lambda *arguments: None)

    def broken(*arguments, **options):
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr(table_cells, "run_tasks", broken)
    said = refused(*MUG_4)
    assert said.startswith("avvp: a worker was killed") and "fewer --workers" in said


def test_nonsense_is_refused_before_anything_is_rendered(home, monkeypatch):
    monkeypatch.setattr(table_cells, "_prepare", lambda *arguments: pytest.fail("prepared in vain"))
    assert "0 training seeds measure nothing" in refused("table", "mug/4", "--profile", "smoke", "--seeds", "0")
    for option in ((), ("--print-only",)):
        said = refused("table", "mug/3", "mug/4", "--profile", "smoke", "--rows", "HAN", *option)
        assert "rows belong to one table, not to 2: mug/3, mug/4" in said
    page = home / "page.md"
    page.write_text("# Claims\n", encoding="utf-8")
    assert "page.md has no place for claims: put the lines <!-- claims -->" in refused(*MUG_4, "--claims", str(page))


@pytest.mark.parametrize("text", ["{0}", "{1} {0}", "{0} {1} {0} {1}", "{0} {1} {1}"])
def test_a_page_without_one_place_for_claims_stays_as_it_is(home, text):
    page = home / "page.md"
    page.write_text(text.format(*CLAIMS_MARKERS), encoding="utf-8")
    with pytest.raises(ValueError, match="has no place for claims"):
        write_claims(page, PLACE)
    assert page.read_text(encoding="utf-8") == text.format(*CLAIMS_MARKERS)


def test_a_page_that_is_absent_is_made_and_then_renewed(home):
    page = home / "new" / "claims.md"
    write_claims(page, PLACE)
    first = page.read_text(encoding="utf-8")
    assert first.startswith("# What holds here") and "Corpus smoke-studio-0; 0 claims" in first
    write_claims(page, PLACE)
    assert page.read_text(encoding="utf-8") == first


# ---- jobs of a cluster


def test_parts_are_planned_as_they_are_measured():
    whole = planned_tasks(["mug/4"], PLACE, 2)
    parts = [planned_tasks(["mug/4"], PLACE, 2, shard=(part, 5)) for part in range(1, 6)]
    assert sorted(map(str, whole)) == sorted(str(task) for part in parts for task in part)
    assert {len(part) for part in parts} == {2, 3}


@pytest.fixture
def prepared(monkeypatch):
    """What is rendered, in place of rendering it."""
    made = []
    monkeypatch.setattr(table_cells, "prepare", lambda *arguments, **options: made.append(("llp", *arguments, options)))
    monkeypatch.setattr(
        table_cells, "prepare_source", lambda *arguments, **options: made.append(("unav", *arguments, options))
    )
    return made


def test_what_cells_learn_from_is_rendered_once_for_all_of_them(prepared):
    prepare_tables(["mug/4"], PLACE, workers=3)
    assert prepared == [("llp", "smoke", 0, "studio", {"workers": 3})]
    prepared.clear()
    prepare_tables(["ear/VI"], PLACE, workers=3)  # its labels are those of a generator, which has a corpus of its own
    assert [made[0] for made in prepared] == ["llp", "unav"]
    prepared.clear()
    prepare_tables(["ear/III"], PLACE, ["VALOR"])  # compared with EAR's labels
    assert [made[0] for made in prepared] == ["llp", "unav"]


def test_a_job_that_only_prepares_measures_and_writes_nothing(home, prepared, monkeypatch):
    monkeypatch.setattr(table_cells, "run_tasks", lambda *arguments, **options: pytest.fail("measured"))
    main([*MUG_4, "--prepare-only", "--record", str(home / "notes" / "corpora.json")])
    assert prepared == [("llp", "smoke", 0, "studio", {"workers": 1})]
    assert json.loads((home / "notes" / "corpora.json").read_text(encoding="utf-8"))["cells"] == []
    assert not (home / "outputs").exists()
