"""Every figure that a test of this folder makes must be readable on a slide, on a light page and on a dark one."""

from collections.abc import Iterator

import pytest
from matplotlib.text import Text

from avvp_lib.figures.style import LessonFigure

SMALLEST = 8  # points, on a figure of twelve inches


@pytest.fixture(autouse=True)
def readable_figures(monkeypatch) -> Iterator[None]:
    made = []
    begin = LessonFigure.__init__

    def remember(figure, *arguments, **named):
        begin(figure, *arguments, **named)
        made.append(figure)

    monkeypatch.setattr(LessonFigure, "__init__", remember)
    yield
    for figure in made:
        words = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
        small = {text.get_text(): text.get_fontsize() for text in words if text.get_fontsize() < SMALLEST}
        assert small == {}, "letters too small for a slide"
        assert figure.get_facecolor()[3] == 1, "a dark page would shine through"
