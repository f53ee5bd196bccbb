"""The explorer: choose a video, models and a threshold; play the clip while a cursor moves over truth, predictions and probabilities.

What is shown is decided in `ExplorerSession`, scores are those of `avvp_lib.metrics`; explorer.js only draws. Nothing is fetched from a
network. One clip of ten seconds is 40 JPEG files and a WAV file of 320 kB; it is sent when the video changes and replaces the last.
A change of threshold or models sends at most about 20 kB.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import traitlets
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from avvp_lib.corpora import Corpus
from avvp_lib.features.media import Media
from avvp_lib.figures import timeline
from avvp_lib.figures.lanes import HEAT
from avvp_lib.figures.pictures import LOUDNESS, log_mel_levels
from avvp_lib.models.output import ParsingOutput
from avvp_lib.widgets.browser import FPS, SessionWidget, clip_or_reason, pictures, shared_and, sound
from avvp_lib.widgets.explorer_session import MEAN, ExplorerSession


class ExplorerWidget(SessionWidget):
    """Frames, sound, truth and models as lanes with a cursor; every number follows the threshold.

        ExplorerWidget(bench.corpus, {"HAN": predict(han, test), "VALOR": predict(valor, test)})   # the last line of a cell

    Args:
        corpus: whose clips are shown. A clip that cannot be read is left out, with the reason; lanes and scores are there all the same.
        outputs, gates, rankings: see `ExplorerSession`.
        split: the split that the outputs are of.

    Raises:
        ValueError: an unknown split, or outputs that do not fit it, see `ExplorerSession`.
    """

    ACTIONS = ("choose", "go", "sort", "show", "decide", "colour")
    _esm = shared_and("explorer.js")
    _css = shared_and("explorer.css")
    models = traitlets.List().tag(sync=True)
    orders = traitlets.List().tag(sync=True)
    colours = traitlets.List([to_hex(HEAT(i)) for i in range(HEAT.N)]).tag(sync=True)
    fps = traitlets.Int(FPS).tag(sync=True)
    choices = traitlets.List().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    frames = traitlets.List().tag(sync=True)
    sound = traitlets.Bytes().tag(sync=True)
    spectrogram = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        corpus: Corpus,
        outputs: Mapping[str, ParsingOutput],
        split: str = "test",
        gates: tuple[str, str] = ("global", "global"),
        rankings: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        if split not in corpus.splits:
            raise ValueError(f"{corpus.name} has no split {split!r}: choose one of {', '.join(corpus.splits)}")
        self._corpus = corpus
        self.session = ExplorerSession(corpus.splits[split], corpus.categories, outputs, gates, rankings)
        self._media: Media | None = None
        self._media_of = ""  # no video's key
        self._note = ""
        super().__init__(models=list(outputs), orders=list(self.session.rankings))
        self.choices = self.session.choices()
        self.on_msg(self._on_message)
        self._show()

    def _show(self) -> None:
        """Send what has changed to the browser, in one message."""
        with self.hold_sync():
            if self.session.key != self._media_of:
                self._media_of = self.session.key
                seconds = float(next(iter(self.session.probabilities.values())).shape[0])
                self._media, self._note = clip_or_reason(self._corpus, self.session.key, seconds)
                self.frames, self.sound = pictures(self._media), sound(self._media)
                self.spectrogram = b"" if self._media is None else _spectrogram(self._media)
            if self.view.get("order") != self.session.order_name:
                self.choices = self.session.choices()
            self.view = {**self.session.view(), "note": self._note}

    def figure(self) -> Figure:
        """The explorer as it stands now, as a timeline: what an exported notebook shows."""
        session = self.session
        found = ", ".join(f"{row['model']} {np.mean(row['video']['segment'][:3]):.1f}" for row in session.scores())
        title = f"{session.split.videos[session.row]}, threshold {session.threshold:g}"
        return timeline(
            self._media,
            session.categories,
            session.truth,
            session.predictions,
            f"{title}; segment-level Type@AV: {found}" if found else title,
            session.probabilities if session.heat else None,
            session.threshold,
        )

    def summary(self) -> str:
        """Which video, models and threshold."""
        session = self.session
        means = ", ".join(f"{row['model']} {row['all']:.1f}" for row in session.scores())
        return (
            f"ExplorerWidget({session.split.videos[session.row]} at {session.threshold:g}; "
            f"{MEAN} over {len(session.split)} videos: {means or 'no truth'})"
        )


def _spectrogram(media: Media) -> bytes:
    """The log-mel spectrogram as a PNG file, low bands below."""
    pixels = LOUDNESS(log_mel_levels(media.waveform, media.sample_rate)[::-1], bytes=True)[..., :3]
    file = io.BytesIO()
    Image.fromarray(pixels).quantize(LOUDNESS.N).save(file, format="png", optimize=True)
    return file.getvalue()
