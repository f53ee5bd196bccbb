"""What widgets send to a browser: pictures, sound and scripts; and the picture that stands in for a widget where none can live."""

from __future__ import annotations

import base64
import io
import wave
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from avvp_lib.corpora import Corpus
from avvp_lib.features.media import Media, MediaError, read_media

FOLDER = Path(__file__).parent
FPS = 4
"""Frames a second that the browser gets: a strip shows one of each second, the large picture plays all."""
SAMPLE_RATE = 16_000
LARGEST = 360
"""Pixels of a picture's longer side in the browser."""


def shared_and(name: str) -> str:
    """The text of a .js or .css file beside this module, behind the one that all widgets share."""
    return "\n".join((FOLDER / file).read_text(encoding="utf-8") for file in (f"shared{Path(name).suffix}", name))


def clip_or_reason(corpus: Corpus, key: str, seconds: float) -> tuple[Media | None, str]:
    """The clip of a video as the browser gets it, and what to say about it; None with the reason if it cannot be shown."""
    try:
        media = read_media(corpus.media_path(key), FPS, SAMPLE_RATE, seconds, on_missing="fill")
        return media, "; ".join(media.notes)
    except MediaError as error:
        return None, str(error)


def pictures(media: Media | None) -> list[bytes]:
    """The frames as JPEG files whose longer sides are at most `LARGEST`; none without a clip."""
    return [] if media is None else [_jpeg(frame) for frame in media.frames]


def _jpeg(frame: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a JPEG file."""
    picture, file = Image.fromarray(frame), io.BytesIO()
    picture.thumbnail((LARGEST, LARGEST))
    picture.save(file, format="jpeg", quality=85)
    return file.getvalue()


def sound(media: Media | None) -> bytes:
    """The waveform as a mono WAV file of 16 bits; empty without a clip."""
    if media is None:
        return b""
    file = io.BytesIO()
    with wave.open(file, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(media.sample_rate)
        stream.writeframes((media.waveform.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


class SessionWidget(anywidget.AnyWidget):
    """A widget whose state is a session, with a figure of itself: what nbconvert, GitHub or a page without a kernel shows in its place.

    Attributes:
        ACTIONS: the methods of `session` that a click or key may call.
        session: decides what is shown.
    """

    ACTIONS: ClassVar[tuple[str, ...]]
    session: Any

    @abstractmethod
    def figure(self) -> Figure:
        """The widget as it stands now, as a figure."""

    @abstractmethod
    def summary(self) -> str:
        """The widget in a line of text."""

    @abstractmethod
    def _show(self) -> None:
        """Send what has changed to the browser."""

    def act(self, do: str, **value: Any) -> None:
        """Do what a click or key asks for, and show the result.

        Args:
            do: one of `ACTIONS`.
            value: its arguments, see the method of that name of the session.

        Raises:
            ValueError: there is no such action, or the session refuses its arguments.
        """
        if do not in self.ACTIONS:
            raise ValueError(f"unknown action {do!r}: choose one of {', '.join(self.ACTIONS)}")
        getattr(self.session, do)(**value)
        self._show()

    def _on_message(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        self.act(**content)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live widget, and for whoever cannot show one the figure and a line of text."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["text/plain"] = self.summary()
        data["image/png"] = base64.b64encode(self.figure().small_png()).decode()
        return data, metadata
