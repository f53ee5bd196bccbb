"""What all figures share: colours, letter sizes, and how a figure is made. No global setting is changed.

Colours are those of Okabe and Ito, which most colour-blind people can tell apart, and no meaning rests on colour alone.
"""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

AUDIO, VISUAL, FALSE_ALARM = "#009E73", "#0072B2", "#D55E00"
MODALITY_COLOURS = {"audio": AUDIO, "visual": VISUAL}
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
GREY, LIGHT = "#595959", "#EDEDED"
STYLE = {
    "figure.dpi": 80,
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans", "sans-serif"],  # the second for SVG files where the first is not installed
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "hatch.linewidth": 0.8,
    "lines.linewidth": 2.0,
}
WIDTH = 12.0  # inches: a lecture slide, and a notebook's column at 80 dots per inch
COLOURS_SHOWN = 256  # as many as a palette holds
styled = matplotlib.rc_context(STYLE)


class LessonFigure(Figure):
    """A figure that notebooks show with few colours, because film grain in full colour makes a notebook megabytes large.

    `savefig` writes all colours. Nothing is registered with pyplot, so a notebook shows the figure once, as the value of
    its cell, and its memory is freed with it.

    Attributes:
        colours_shown: how many; many frames side by side can do with fewer.
        colours_kept: (n, 3) uint8, those that are shown as they are, besides: where a colour is a number.
    """

    colours_shown = COLOURS_SHOWN
    colours_kept: np.ndarray = np.empty((0, 3), np.uint8)

    def small_png(self) -> bytes:
        """The figure as a PNG with a palette of `colours_shown` colours, and those of `colours_kept`."""
        full, small = io.BytesIO(), io.BytesIO()
        self.savefig(full, format="png")
        picture = Image.open(full).convert("RGB")
        quantised = picture.quantize(self.colours_shown, kmeans=4, dither=Image.Dither.NONE)
        if len(self.colours_kept):
            palette = Image.new("P", (1, 1))
            palette.putpalette([*self.colours_kept.ravel().tolist(), *quantised.getpalette()])
            quantised = picture.quantize(palette=palette, dither=Image.Dither.NONE)
        quantised.save(small, format="png", optimize=True)
        return small.getvalue()

    def _ipython_display_(self) -> None:
        from IPython.display import display  # whoever calls this has IPython; the library does without

        display({"image/png": self.small_png(), "text/plain": repr(self)}, raw=True)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches whose parts make room for each other."""
    return LessonFigure(figsize=(width, height), layout="constrained")


def readable(category: str) -> str:
    """A category's name as a label shows it: "Baby_laughter" becomes "Baby laughter"."""
    return category.replace("_", " ")
