import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from avvp_lib.figures import save_publication, timeline
from avvp_lib.figures.publication import DOTS_PER_INCH
from tests.figures.test_timelines import NAMES, clip, grids


def figure() -> Figure:
    """With all that may differ between two calls: pictures, hatches (which an SVG names), a colour bar and a legend."""
    truth, claimed = grids(audio={0: slice(2, 6)}), grids(audio={0: slice(4, 8)})
    heat = np.random.default_rng(0).random((10, 2, len(NAMES)))
    return timeline(clip(), NAMES, truth, {"HAN": claimed, "VALOR": claimed}, "Zwölf µ", {"HAN": heat})


def read(files) -> dict[str, bytes]:
    return {kind: path.read_bytes() for kind, path in files.items()}


def test_two_calls_give_the_same_bytes_of_one_figure_and_of_two(tmp_path):
    drawn = figure()
    first = read(save_publication(drawn, tmp_path / "first"))
    assert read(save_publication(drawn, tmp_path / "again")) == first
    assert read(save_publication(figure(), tmp_path / "folder" / "second")) == first
    assert {path.name for path in tmp_path.glob("first*")} == {"first.pdf", "first.svg", "first.png"}
    assert not list(tmp_path.glob(".*"))


def test_all_three_have_the_size_of_the_figure_and_letters_stay_letters(tmp_path):
    drawn = figure()
    width, height = drawn.get_size_inches()
    files = read(save_publication(drawn, tmp_path / "a.name"))
    with Image.open(tmp_path / "a.name.png") as picture:
        assert picture.size == pytest.approx((width * DOTS_PER_INCH, height * DOTS_PER_INCH), abs=1)
    svg = files["svg"].decode()
    assert float(re.search(r'<svg[^>]* width="([\d.]+)pt"', svg).group(1)) == pytest.approx(72 * width, abs=0.1)
    assert (
        ">Zwölf µ</text>" in svg
        and re.search("font-family: 'DejaVu Sans',[^;\"]* sans-serif;", svg)
        and "<dc:date>" not in svg
    )
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", files["pdf"])
    assert [float(x) for x in box.groups()] == pytest.approx([72 * width, 72 * height], abs=0.1)
    assert b"/FontFile2" in files["pdf"] and b"CreationDate" not in files["pdf"]


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError):
        save_publication(figure(), tmp_path / "taken" / "stem")
