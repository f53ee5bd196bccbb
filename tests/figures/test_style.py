import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from avvp_lib.figures import contact_sheet, grid_picture
from avvp_lib.figures.style import COLOURS_SHOWN, readable


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
