"""The annotation widget: look at a video whose visual label is empty, listen to it, and say what is to be seen in each second.

What a click or a key does is decided in `AnnotationSession`; annotation.js only draws what the session says. Nothing is fetched from
a network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import traitlets
from matplotlib.figure import Figure

from avvp_lib.corpora import Corpus
from avvp_lib.features.media import Media
from avvp_lib.figures.annotation import annotation_sheet
from avvp_lib.widgets.browser import FPS, SessionWidget, clip_or_reason, pictures, shared_and, sound
from avvp_lib.widgets.session import AnnotationSession

KEYS = "1234567890qwertyuiopasdfghjkl"
"""The key of each category, as far as there are keys."""


class AnnotationWidget(SessionWidget):
    """Frames, sound and a button for every category; every click is saved in the CSV file at once.

        AnnotationWidget(corpus, "nulls.csv")       # in JupyterLab, as the last line of a cell

    Args:
        corpus: whose clips are shown.
        path: the .csv file of `export_nulls`; work goes on where it stopped.
        split: the split that the videos are of; its video labels are marked with a star.

    Raises:
        FileNotFoundError, ValueError: the file is absent or wrong, see `read_annotations`; an unknown split.
    """

    ACTIONS = ("go", "next_todo", "select", "select_all", "toggle", "mark", "undo")
    _esm = shared_and("annotation.js")
    _css = shared_and("annotation.css")
    categories = traitlets.List().tag(sync=True)
    keys_of_categories = traitlets.Unicode(KEYS).tag(sync=True)
    fps = traitlets.Int(FPS).tag(sync=True)
    file = traitlets.Unicode().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    sound = traitlets.Bytes().tag(sync=True)

    def __init__(self, corpus: Corpus, path: str | Path, split: str = "train") -> None:
        if split not in corpus.splits:
            raise ValueError(f"{corpus.name} has no split {split!r}: choose one of {', '.join(corpus.splits)}")
        self._corpus, self._split = corpus, corpus.splits[split]
        self.session = AnnotationSession(Path(path), corpus.categories, self._split.keys)
        self._media: Media | None = None
        self._media_of: str | None = ""  # no video's key
        self._note = ""
        super().__init__(categories=list(corpus.categories), file=Path(path).name)
        self.on_msg(self._on_message)
        self._show()

    def _show(self) -> None:
        """Send what has changed to the browser, in one message."""
        key = self.session.key
        with self.hold_sync():
            if key != self._media_of:
                self._media_of = key
                self._media, self._note = self._load(key)
                self.frames, self.sound = pictures(self._media), sound(self._media)
            self.view = {**self.session.view(), "in_video_label": self._in_video_label().tolist(), "note": self._note}

    def _load(self, key: str | None) -> tuple[Media | None, str]:
        """The clip of a video and what to say about it; None with the reason if it cannot be shown."""
        if key is None:
            return None, "No label is null: there is nothing to annotate."
        return clip_or_reason(self._corpus, key, float(self.session.status.shape[1]))

    def _in_video_label(self) -> np.ndarray:
        """(C,) bool: the categories that the video label of the video names."""
        if self.session.key is None:
            return np.zeros(len(self._corpus.categories), bool)
        return self._split.video_labels[self._split.keys.index(self.session.key)]

    def figure(self) -> Figure:
        """The widget as it stands now, as a figure: what an exported notebook shows."""
        session, media = self.session, self._media
        view = session.view()
        frames = None
        if media is not None:
            middles = (np.arange(len(session.selected)) * FPS + FPS // 2).clip(max=len(media.frames) - 1)
            frames = media.frames[middles]
        labels = session.visual[session.position] if session.keys else np.zeros(session.visual.shape[1:], bool)
        return annotation_sheet(
            frames,
            labels,
            session.asked,
            self._in_video_label(),
            session.categories,
            title=f"{view['video']}   {view['position'] + 1} of {view['videos']}" if view["videos"] else self._note,
            status=view["status"],
            progress=view["progress"],
        )

    def summary(self) -> str:
        """How far the work has come."""
        progress = ", ".join(f"{number} {status}" for status, number in self.session.progress().items())
        return f"AnnotationWidget({self.file}: {progress})"
