"""The series: sources become notebooks, notebooks are executed and cleaned, a failing one is kept and named."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from avvp_lib import series
from avvp_lib.series import NotebookError, execute, run_series, scrub, sources, to_notebook

SOURCE = """# %% [markdown]
# # A lesson

# %% tags=["parameters"]
profile = "tutorial"  # the size of everything

# %%
print("ready")

# %%
raise ValueError(f"no bank for {profile}")
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


def test_a_failing_notebook_is_kept_and_named(home):
    out = home / "outputs" / "notebooks"
    with pytest.raises(
        NotebookError, match=r"00_lesson\.py failed in cell \[4\] with ValueError: no bank for smoke"
    ) as caught:
        execute(home / "notebooks" / "00_lesson.py", out, {"profile": "smoke"}, progress=False)
    assert str(Path("outputs") / "notebooks" / "00_lesson.ipynb") in str(caught.value)
    kept = nbformat.read(out / "00_lesson.ipynb", as_version=4)
    written = json.dumps(kept.cells)
    assert "ready" in written and "ValueError" in written
    assert [file.name for file in out.iterdir()] == ["00_lesson.ipynb"]


KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def executed_notebook(home: Path) -> nbformat.NotebookNode:
    """What papermill leaves behind, in one cell each."""
    picture = new_output(
        "display_data", data={"image/png": "aGVsbG8=", "text/plain": f"<Figure in {home}/outputs/a.png>"}
    )
    bar = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "100%"})
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
    text, picture = clean.cells[2].outputs
    assert text.text == f"wrote outputs/a.png in .\nand {home}2/b"  # another folder that begins alike is not this one
    assert picture.data == {"image/png": "aGVsbG8=", "text/plain": "<Figure in outputs/a.png>"}


def test_scrubbing_leaves_the_cells_sources_alone(home):
    assert str(home) in scrub(executed_notebook(home)).cells[0].source


def test_a_refreshed_series_renews_the_committed_notebooks(home, monkeypatch):
    made = executed_notebook(home)

    def pretend(source, out, parameters, progress):
        assert parameters == {"profile": "smoke"}
        figures = home / "outputs" / "runs" / source.stem
        for folder in (figures, out):
            folder.mkdir(parents=True, exist_ok=True)
        (figures / "timeline.png").write_bytes(b"")
        nbformat.write(made, out / f"{source.stem}.ipynb")
        return out / f"{source.stem}.ipynb"

    monkeypatch.setattr(series, "execute", pretend)
    committed = home / "notebooks" / "00_lesson.ipynb"
    figures = run_series("smoke", refresh=False, progress=False)
    assert figures == [home / "outputs" / "runs" / "00_lesson" / "timeline.png"]
    assert not committed.exists()
    run_series("smoke", refresh=True, progress=False)
    assert nbformat.read(committed, as_version=4) == scrub(made)
