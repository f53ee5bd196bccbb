"""The series: sources become notebooks, what has changed is marked, executed copies are cleaned and renew the committed ones."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from avvp_lib.provenance import write_json
from avvp_lib.runner import find_notebook, notebook_digest, plan_runs, sources, to_notebook
from avvp_lib.series import CHANGES, mark_changes, plan_series, refresh, run_series, scrub, with_outputs

SOURCE = """# %% [markdown]
# # A lesson

# %% tags=["parameters"]
profile = "tutorial"  # the size of everything

# %%
print("ready")

# %%
print(f"no bank for {profile}")
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A workspace with one notebook in it."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_lesson.py").write_text(SOURCE)
    (tmp_path / "notebooks" / "helpers.py").write_text("")
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    return tmp_path


def test_sources_are_the_numbered_ones_in_order(home):
    (home / "notebooks" / "01_more.py").write_text(SOURCE)
    assert [source.name for source in sources()] == ["00_lesson.py", "01_more.py"]


def test_without_notebooks_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="AVVP_HOME"):
        sources()


def test_a_source_keeps_its_cells_and_tags(home):
    notebook = to_notebook(home / "notebooks" / "00_lesson.py")
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "code"]
    assert [cell.metadata.get("tags") for cell in notebook.cells] == [None, ["parameters"], None, None]
    assert [cell.id for cell in notebook.cells] == ["cell-00", "cell-01", "cell-02", "cell-03"]
    assert notebook.metadata.kernelspec.name == "python3"
    nbformat.validate(notebook)


KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def executed_notebook(home: Path) -> nbformat.NotebookNode:
    """What papermill leaves behind, in one cell each."""
    picture = new_output(
        "display_data", data={"image/png": "aGVsbG8=", "text/plain": f"<Figure in {home}/outputs/a.png>"}
    )
    view = {"application/vnd.jupyter.widget-view+json": {}}
    bar = new_output("display_data", data={**view, "text/plain": "100%"})
    widget = new_output("display_data", data={**view, "image/png": "d2lkZ2V0", "text/plain": "AnnotationWidget()"})
    cells = [
        new_markdown_cell(f"A path in the text, {home}/notebooks, is the author's business."),
        new_code_cell(
            "profile = 1", metadata={"tags": ["parameters"], "papermill": {"duration": 0.1}}, execution_count=1
        ),
        new_code_cell("profile = 2", metadata={"tags": ["injected-parameters"]}, execution_count=2),
        new_code_cell(
            "fit()",
            metadata={"tags": [], "execution": {"iopub.status.busy": "2026"}},
            execution_count=3,
            outputs=[
                new_output("stream", name="stderr", text="fit: 100%|####| 3/3"),
                bar,
                new_output("stream", name="stdout", text=f"wrote {home}/outputs/a.png in {home}\nand {home}2/b"),
                picture,
                widget,
            ],
        ),
    ]
    metadata = {"papermill": {"input_path": f"{home}/x.ipynb"}, "widgets": {"state": {}}, "kernelspec": KERNEL}
    return new_notebook(cells=cells, metadata=metadata)


def test_scrubbing_removes_what_belongs_to_one_run(home):
    clean = scrub(executed_notebook(home))
    nbformat.validate(clean)
    assert set(clean.metadata) == {"kernelspec"}
    assert [cell.source.split()[0] for cell in clean.cells] == ["A", "profile", "fit()"]
    assert clean.cells[1].metadata == {"tags": ["parameters"]}
    assert clean.cells[2].metadata == {}
    text, picture, widget = clean.cells[2].outputs
    assert text.text == f"wrote outputs/a.png in .\nand {home}2/b"  # another folder that begins alike is not this one
    assert picture.data == {"image/png": "aGVsbG8=", "text/plain": "<Figure in outputs/a.png>"}
    assert widget.data == {"image/png": "d2lkZ2V0", "text/plain": "AnnotationWidget()"}


def test_scrubbing_leaves_the_cells_sources_alone(home):
    assert str(home) in scrub(executed_notebook(home)).cells[0].source


def finished(home: Path) -> nbformat.NotebookNode:
    """As if the lesson had run: its executed copy and its record are there. Returns the copy."""
    (run,) = plan_runs(find_notebook("00"))
    notebook = to_notebook(run.source)
    cells = [*notebook.cells[:2], new_code_cell("profile = 'x'", metadata={"tags": ["injected-parameters"]})]
    notebook.cells = [*cells, *notebook.cells[2:]]
    for number, cell in enumerate(notebook.cells[1:], start=1):
        cell.execution_count, cell.outputs = (
            number,
            [new_output("stream", name="stdout", text=f"{home}/of cell {number}")],
        )
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11"}
    run.folder.mkdir(parents=True)
    nbformat.write(notebook, run.executed)
    record = {"notebook": "notebooks/00_lesson.py", "digest": notebook_digest(to_notebook(run.source))}
    write_json(run.folder / "run.json", {**record, "parameters": run.parameters, "code": {}, "inputs": {}})
    return notebook


def test_refreshing_takes_prose_from_the_source_and_outputs_from_the_copy(home):
    finished(home)
    source, committed = home / "notebooks" / "00_lesson.py", home / "notebooks" / "00_lesson.ipynb"
    source.write_text(
        SOURCE.replace("# # A lesson", "# # The lesson").replace('print("ready")', '# soon\nprint("ready")')
    )
    assert refresh() == [committed]
    renewed = nbformat.read(committed, as_version=4)
    nbformat.validate(renewed)
    assert renewed.cells[0].source == "# The lesson" and renewed.cells[2].source == '# soon\nprint("ready")'
    assert [cell.get("execution_count") for cell in renewed.cells] == [None, 1, 3, 4]
    assert [cell.outputs[0].text for cell in renewed.cells[1:]] == ["of cell 1", "of cell 3", "of cell 4"]
    assert [cell.metadata for cell in renewed.cells] == [{}, {"tags": ["parameters"]}, {}, {}]
    assert renewed.metadata.language_info.version == "3.11"


def test_what_is_stale_is_not_refreshed(home):
    with pytest.raises(ValueError, match=r"00_lesson is not what 00_lesson\.py gives now .*run `avvp series` first"):
        refresh()
    finished(home)
    (home / "notebooks" / "00_lesson.py").write_text(SOURCE.replace("ready", "steady"))
    with pytest.raises(ValueError, match="00_lesson is not what"):
        refresh()
    assert not (home / "notebooks" / "00_lesson.ipynb").exists()


def test_outputs_of_other_code_are_refused(home):
    executed = finished(home)
    (home / "notebooks" / "00_lesson.py").write_text(SOURCE.replace("ready", "steady"))
    with pytest.raises(ValueError, match="has other code"):
        with_outputs(to_notebook(home / "notebooks" / "00_lesson.py"), executed)


def test_the_series_gives_parameters_to_the_notebooks_that_have_them(home):
    (home / "notebooks" / "01_more.py").write_text('# %% tags=["parameters"]\nseed = 0\nprofile = "tutorial"\n')
    planned = plan_series({"profile": "tutorial", "seed": 1})
    assert list(planned) == ["00_lesson", "01_more-seed=1"]
    with pytest.raises(ValueError, match="cannot be given the parameter 'sed': its notebooks take profile, seed"):
        plan_series({"sed": 1})
    with pytest.raises(ValueError, match="seed must be a whole number"):
        plan_series({"seed": "one"})


def test_a_mark_is_newer_than_the_result_if_and_only_if_something_has_changed(home):
    """Otherwise Snakemake would do it again, or would not."""
    finished(home)
    planned = plan_series({})
    (run,) = planned.values()
    mark = home / CHANGES / "00_lesson.json"

    def newer() -> bool:
        return mark.stat().st_mtime > max(run.executed.stat().st_mtime, (run.folder / "run.json").stat().st_mtime)

    assert mark_changes(planned, []) == [] and not newer()
    lesson = run.source.read_text()
    run.source.write_text(lesson.replace("ready", "steady"))
    assert mark_changes(planned, []) == [f"00_lesson: changed since: {Path('notebooks') / '00_lesson.py'}"] and newer()
    first = mark.stat().st_mtime_ns
    mark_changes(planned, [])
    assert mark.stat().st_mtime_ns == first  # written once for one change
    run.source.write_text(lesson.replace("ready", "gone"))
    mark_changes(planned, [])
    assert mark.stat().st_mtime_ns > first and newer()
    run.source.write_text(lesson)
    assert mark_changes(planned, []) == [] and not newer()
    (run.folder / "run.json").unlink()
    before = mark.read_bytes()
    assert mark_changes(planned, ["smoke"]) == []  # what is missing is made anyway
    assert mark.read_bytes() == before and (home / CHANGES / "prepare-smoke.json").is_file()


def test_outside_a_checkout_the_way_out_is_named(home):
    with pytest.raises(FileNotFoundError, match=r"no Snakefile in .* run this inside the checkout"):
        run_series({})
