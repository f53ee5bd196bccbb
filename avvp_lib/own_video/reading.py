"""Read a video of any length window by window: memory for one window, and one pass over each stream.

A window holds what `read_media` (or `read_clip`) gives for ten seconds, by the same rules, with the clock's zero at `start`:

* frame i is the last decoded one whose time stamp is at most (i + 0.5) / 8 s; before the first frame stands the first, behind the
  last the last;
* sound is mixed down, resampled without a break from the file's own rate, and placed by its time stamps; gaps are silence;
* a rotation flag of whole quarter turns is obeyed (as `read_clip` and players do, and `read_media` does not).

Picture and sound are read through a handle each, so that neither waits for the other however the file interleaves them. For a `start`
above 0 both seek, so what lies before is neither read nor decoded, but for the way from the last key frame. Where a file cannot seek
to a place before `start`, it is read from its beginning.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np

from avvp_lib.features.media import BREAK_TOLERANCE, MediaError
from avvp_lib.own_video.streams import Pictures, Sound, moving_picture, opened
from avvp_lib.own_video.windows import SEGMENTS, check_hop, segments_of, window_starts

FILL_HINT = "--on-missing fill (on_missing='fill')"
Missing = Literal["error", "fill"]


@dataclass(frozen=True)
class Reading:
    """What windows hold.

    Attributes:
        frame_size: (height, width) to squash the picture to; None keeps the file's own size.
        rates: Hz of the waveforms.
    """

    frame_size: tuple[int, int] | None
    rates: tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """Ten seconds of a video.

    Attributes:
        path: the file.
        start: its first segment, counted from where reading began.
        frames: (80, H, W, 3) uint8 RGB, upright.
        sounds: rate in Hz -> (10 * rate,) float32 mono in [-1, 1].
    """

    path: Path
    start: int
    frames: np.ndarray
    sounds: dict[int, np.ndarray]


class VideoWindows:
    """The windows of a video, to be iterated once.

        windows = VideoWindows(path, Reading((128, 128), (16_000,)), hop=5)
        for window in windows:
            ...
        windows.seconds, windows.notes            # known when the iteration has ended

    Args:
        path: any container and codec that FFmpeg reads.
        reading: what windows hold.
        hop: seconds from one window to the next, 1 to 10.
        start, end: seconds of the video to read; to its end by default.
        on_missing: "error" refuses a file without picture, without sound, or damaged on the way; "fill" goes on with black frames, with
            silence, or with what could be decoded, and notes it.

    Attributes:
        seconds: length of what was read; None before the end.
        declared: seconds that the container says the whole video lasts; None if it does not say.
        missing: "audio" or "visual" where there is no such stream, and it was filled.
        notes: what a rule changed, in words.

    Raises:
        MediaError: the file is absent, must not be read, is empty or no media file; it lacks picture or sound, or is damaged, while
            `on_missing` is "error"; it is 0 s long; or `start` lies behind its end. Damage is known during the iteration only.
        ValueError: hop, start, end or on_missing make no sense.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        reading: Reading,
        hop: int,
        start: float = 0.0,
        end: float | None = None,
        on_missing: Missing = "error",
    ) -> None:
        check_hop(hop)
        check_range(start, end)
        if on_missing not in ("error", "fill"):
            raise ValueError(f'on_missing must be "error" or "fill", got {on_missing!r}')
        self.path, self.reading, self.hop, self.on_missing = Path(path), reading, hop, on_missing
        self.start, self.end = float(start), end
        self.seconds: float | None = None
        self.notes: list[str] = []
        self.declared, streams = _look_at(self.path)
        self.missing = tuple(name for name, there in streams.items() if not there)
        self._refuse_what_is_known()

    def _refuse_what_is_known(self) -> None:
        if len(self.missing) == 2:
            raise MediaError(f"{self.path} has neither a picture nor a sound stream: it is no video, or 0 s long")
        for name in self.missing if self.on_missing == "error" else ():
            stream, filling = {"audio": ("sound", "silence"), "visual": ("video", "black frames")}[name]
            raise MediaError(
                f"{self.path} has no {stream} stream. {FILL_HINT} parses it with {filling} in its place, and reports no {name} events"
            )
        if self.declared is not None and self.start >= self.declared:
            raise MediaError(
                f"{self.path} is {self.declared:.2f} s long, so it cannot be parsed from {self.start:g} s on: choose an earlier --start"
            )

    def __iter__(self) -> Iterator[Window]:
        stop = math.inf if self.end is None else self.end - self.start
        stream = self.path, self.start, stop, self.damaged
        pictures = Pictures(*stream, frame_size=self.reading.frame_size)
        sound = Sound(*stream, rates=self.reading.rates)
        try:
            yield from self._windows(pictures, sound)
        finally:
            pictures.close()
            sound.close()

    def _windows(self, pictures: Pictures, sound: Sound) -> Iterator[Window]:
        given: list[int] = []
        for start in itertools.count(0, self.hop):
            pictures.read_until(start + SEGMENTS)
            sound.read_until(start + SEGMENTS)
            if not max(pictures.end, sound.end) >= start + SEGMENTS:
                break  # here the video ends, so how long it is is known now
            yield self._window(start, pictures, sound)
            given.append(start)
            behind = math.floor(max(pictures.end, sound.end)) - SEGMENTS  # the last window begins here or later
            for stream in (pictures, sound):
                stream.forget(min(start + self.hop, behind))
        self._finish(pictures, sound)
        for start in window_starts(segments_of(self.seconds), self.hop):
            if start not in given:
                yield self._window(start, pictures, sound)

    def _window(self, start: int, pictures: Pictures, sound: Sound) -> Window:
        return Window(self.path, start, pictures.window(start), sound.window(start))

    def _finish(self, pictures: Pictures, sound: Sound) -> None:
        """All is decoded: how long it was, what was missing or damaged, and what was filled."""
        reached = max(pictures.end, sound.end)
        expected = min(self.declared or 0.0, self.end or math.inf) - self.start
        if reached < expected - BREAK_TOLERANCE:
            self.damaged(
                f"it breaks off at {self.start + max(reached, 0):.2f} s of the {self.declared:.2f} s it declares"
            )
        if pictures.empty and sound.empty:
            raise MediaError(f"{self.path} is 0 s long: not one frame can be decoded")
        for name, stream in (("visual", pictures), ("audio", sound)):
            if stream.empty and name not in self.missing:
                self.missing = (*self.missing, name)
                self._refuse_what_is_known()
        if reached <= 0:
            raise MediaError(
                f"{self.path} is 0 s long: there is nothing to parse"
                if self.start == 0
                else f"{self.path} ends at {max(self.start + reached, 0):.2f} s, before --start {self.start:g}"
            )
        self.seconds = reached
        self.notes += [*pictures.notes(reached), *sound.notes(reached)]
        if self.end is not None and self.end > self.start + reached + BREAK_TOLERANCE:
            self.notes.append(f"the video ends at {self.start + reached:.2f} s, before --end {self.end:g}")

    def damaged(self, what: str) -> None:
        """Take in that something cannot be decoded."""
        if self.on_missing == "error":
            raise MediaError(f"{self.path} is damaged: {what}. Get it again, or keep what decodes with {FILL_HINT}")
        if f"damaged: {what}" not in self.notes:
            self.notes.append(f"damaged: {what}")


def check_range(start: float, end: float | None) -> None:
    """ValueError for a start or end that no video can have."""
    if not (math.isfinite(start) and start >= 0):
        raise ValueError(f"--start must be 0 or more seconds, not {start}")
    if end is not None and not (math.isfinite(end) and end > start):
        raise ValueError(f"--end must come after --start: {end:g} s does not come after {start:g} s")


def _look_at(path: Path) -> tuple[float | None, dict[str, bool]]:
    """How long a file says that it lasts, and which modalities have a stream."""
    if path.is_dir():
        raise MediaError(f"{path} is a folder: name one video in it")
    if path.is_file() and not os.access(path, os.R_OK):
        raise MediaError(f"{path} must not be read: make it readable (chmod u+r)")
    with opened(path) as container:
        declared = container.duration / av.time_base if container.duration else None
        return declared, {"audio": bool(container.streams.audio), "visual": moving_picture(container) is not None}
