import ast
import io
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from avvp_lib.figures import contact_sheet, grid_picture
from avvp_lib.figures.style import AUDIO, COLOURS_SHOWN, FALSE_ALARM, LINE_COLOURS, VISUAL, readable

FIGURES = Path(__file__).resolve().parents[2] / "avvp_lib" / "figures"


def grain() -> Figure:
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    return contact_sheet(list(noise), ["one", "two"], columns=2)


def test_figures_leave_global_settings_and_pyplot_alone():
    before, open_figures = dict(matplotlib.rcParams), plt.get_fignums()
    grid_picture({"audio": (np.ones((4, 2), bool), None)}, ["Dog", "Cat"])
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == open_figures


def test_the_style_is_applied_whatever_the_reader_has_set():
    with matplotlib.rc_context({"font.size": 3, "figure.dpi": 300}):
        figure = grain()
    assert figure.dpi == 80
    assert figure.axes[0].xaxis.label.get_fontsize() == 12


def test_what_notebooks_show_has_few_colours_and_the_full_size():
    figure = grain()
    full = io.BytesIO()
    figure.savefig(full, format="png")
    small = figure.small_png()
    picture = Image.open(io.BytesIO(small))
    assert len(picture.convert("RGB").getcolors(maxcolors=1 << 20)) <= COLOURS_SHOWN
    assert picture.size == Image.open(full).size
    assert len(small) < len(full.getvalue()) / 2
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_colour_that_is_a_number_is_shown_as_it_is():
    figure = grain()
    figure.colours_shown, figure.colours_kept = 4, np.array([[1, 2, 3], [250, 10, 240]], np.uint8)
    figure.add_artist(Rectangle((0, 0), 0.05, 0.05, color="#fa0af0"))
    picture = Image.open(io.BytesIO(figure.small_png())).convert("RGB")
    shown = {colour for _, colour in picture.getcolors()}
    assert (250, 10, 240) in shown and len(shown) <= 6


def test_a_notebook_shows_the_small_png(monkeypatch):
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append((data, raw)))
    grain()._ipython_display_()
    ((data, raw),) = shown
    assert raw and data["image/png"].startswith(b"\x89PNG") and "Figure" in data["text/plain"]


def test_readable():
    assert readable("Baby_cry_infant_cry") == "Baby cry infant cry"


def drawing_functions() -> list[str]:
    """Every public function of the package that is `styled`, which all are that return a whole figure."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FIGURES.glob("*.py"))]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [f.name for f in functions if any(isinstance(d, ast.Name) and d.id == "styled" for d in f.decorator_list)]


def test_every_figure_has_a_test_of_what_it_draws():
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))
    names = drawing_functions()
    assert len(names) > 30
    assert [name for name in names if not re.search(rf"\b{name}\(", tests)] == []


# Machado, Oliveira and Fernandes, IEEE TVCG 2009: what eyes without one kind of cone make of linear RGB.
EYES = {
    "all cones": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
JUST_NOTICEABLE = 2.3  # a difference in CIELAB


def lab(colours: list[str], eyes: str) -> np.ndarray:
    """(n, 3) CIELAB coordinates of colours such as "#009E73", as these eyes see them."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(EYES[eyes]), 0, 1)
    xyz = seen @ np.transpose([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("colours", [(AUDIO, VISUAL, FALSE_ALARM), LINE_COLOURS], ids=["lanes", "lines"])
def test_colour_blind_eyes_tell_the_colours_apart(colours, eyes):
    seen = lab(list(colours), eyes)
    apart = np.linalg.norm(seen[:, None] - seen, axis=-1)
    assert apart[~np.eye(len(seen), dtype=bool)].min() > 4 * JUST_NOTICEABLE


def test_the_test_of_colours_can_fail():
    red, green = lab(["#D00000", "#6B5B00"], "no red cones"), lab(["#D00000", "#6B5B00"], "all cones")
    assert np.linalg.norm(green[0] - green[1]) > 4 * np.linalg.norm(red[0] - red[1])
