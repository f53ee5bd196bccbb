"""The streams of a file, each through a handle of its own: frames at a fixed rate, and sound at the rates that are asked for.

Both begin at `start`, keep what a window still needs, and tell what they had to fill. `reading` states the rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter

from avvp_lib.features.media import (
    BLACK_FRAME_SIZE,
    BREAK_TOLERANCE,
    GAP_TOLERANCE,
    TIME_STAMP_TOLERANCE,
    MediaError,
    _open,
)
from avvp_lib.own_video.windows import SEGMENTS

FRAMES_PER_SECOND = 8
SOUND_MARGIN = 1.0
"""Seconds that sound is decoded before `start`: codecs need a packet or two to come to themselves."""


def opened(path: Path) -> av.container.InputContainer:
    """The file; MediaError if it is absent or no media file."""
    if not path.exists():
        raise MediaError(f"{path}: no such file")
    return _open(path)


def moving_picture(container: av.container.InputContainer) -> av.VideoStream | None:
    """The video stream; the cover image of a music file is one by name only."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    return moving[0] if moving else None


def decode(packet: av.Packet) -> list[av.VideoFrame | av.AudioFrame]:
    """The frames of a packet."""
    return packet.decode()


def _quarters(frame: av.VideoFrame) -> int:
    """Quarter turns anticlockwise that a frame's rotation flag asks for."""
    return round(frame.rotation / 90) % 4


class _Stream:
    """One stream of a file through a handle of its own: its frames in order, timed from `start` on."""

    name = ""
    margin = 0.0

    def __init__(self, path: Path, start: float, stop: float, damaged: Callable[[str], None]) -> None:
        self.path, self.start, self.stop, self.damaged = path, start, stop, damaged
        self.empty, self.ended = True, False
        self.end = -math.inf  # seconds that are decoded
        self.container: av.container.InputContainer | None = None
        self.frames = self._frames()

    def choose(self, container: av.container.InputContainer) -> av.stream.Stream | None:
        raise NotImplementedError

    def close(self) -> None:
        self.frames.close()
        if self.container is not None:
            self.container.close()

    def _frames(self) -> Iterator[tuple[float | None, av.VideoFrame | av.AudioFrame]]:
        """(time in seconds from `start` on or None, frame) for each; begins anew without seeking where seeking went too far."""
        frames = self._from(self.start) if self.start > 0 else None
        first = None if frames is None else next(frames, None)
        if first is not None and first[0] is not None and first[0] <= TIME_STAMP_TOLERANCE:
            yield first
            yield from frames
        else:
            yield from self._from(0.0)

    def _from(self, seek: float) -> Iterator[tuple[float | None, av.VideoFrame | av.AudioFrame]]:
        self.close_container()
        self.container = container = opened(self.path)
        stream = self.choose(container)
        if stream is None:
            return
        zero = (container.start_time or 0) / av.time_base
        if seek > 0:
            target = max(zero + seek - self.margin, zero)
            try:
                container.seek(int(target / stream.time_base), stream=stream, backward=True)
            except av.FFmpegError:
                return
        stream.thread_type = "AUTO"
        for packet in self._packets(container, stream):
            time = None if packet.pts is None else float(packet.pts * packet.time_base) - zero - self.start
            early = time is not None and time < 0
            try:
                if packet.is_corrupt and not early:
                    self.damaged(f"an incomplete {self.name} packet")
                    continue
                decoded = decode(packet)
            except av.FFmpegError as error:
                if not early:
                    self.damaged(f"an undecodable {self.name} packet ({error.strerror})")
                continue
            for frame in decoded:
                time = None if frame.pts is None else float(frame.pts * frame.time_base) - zero - self.start
                yield time, frame

    def _packets(self, container: av.container.InputContainer, stream: av.stream.Stream) -> Iterator[av.Packet]:
        packets = container.demux(stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:
                self.damaged(f"it breaks off ({error.strerror})")
                return

    def close_container(self) -> None:
        if self.container is not None:
            self.container.close()
            self.container = None

    def advance(self) -> None:
        """Take the next frame in, or know that there is none."""
        if self.ended:
            return
        time, frame = next(self.frames, (None, None))
        if frame is None or (time is not None and time >= self.stop):
            self.ended = True
            self.finish()
            return
        if self.empty and time is None:
            self.end = -self.start  # without time stamps the first frame is the beginning of the file
        self.add(self.end if time is None else time, frame)
        self.empty = False
        self.end = min(self.end, self.stop)

    def finish(self) -> None:
        """The last frame was taken."""

    def add(self, time: float, frame: av.VideoFrame | av.AudioFrame) -> None:
        raise NotImplementedError


class Pictures(_Stream):
    """Frames at a fixed rate; only those that a window needs are scaled and converted, which costs more than decoding."""

    name = "video"

    def __init__(self, *stream: Any, frame_size: tuple[int, int] | None) -> None:
        super().__init__(*stream)
        self.size = frame_size
        self.first = 0  # number of the first frame that is kept
        self.kept: list[np.ndarray] = []
        self.latest: av.VideoFrame | None = None
        self.begin = 0.0
        self.quarters = 0
        self.converter = VideoReformatter()

    def choose(self, container: av.container.InputContainer) -> av.VideoStream | None:
        return moving_picture(container)

    @property
    def count(self) -> int:
        return self.first + len(self.kept)

    def read_until(self, seconds: int) -> None:
        """Decode until all frames before this second are known, or the stream ends."""
        while not self.ended and (self.end < seconds or self.count < seconds * FRAMES_PER_SECOND):
            self.advance()

    def add(self, time: float, frame: av.VideoFrame) -> None:
        if self.latest is None:
            self.latest, self.begin, self.end = frame, time, time
            self.quarters = _quarters(frame)
        self._stand(math.ceil(round((time - TIME_STAMP_TOLERANCE) * FRAMES_PER_SECOND - 0.5, 9)))
        period = float(frame.duration * frame.time_base) if frame.duration else time - self.end
        self.latest, self.end = frame, time + period

    def _stand(self, count: int) -> None:
        """Let the latest frame stand for all moments before the count-th that have none yet."""
        missing = count - self.count
        if missing > 0:
            self.kept += [self._pixels()] * missing

    def _pixels(self) -> np.ndarray:
        if self.latest is None:
            return np.zeros((*(self.size or BLACK_FRAME_SIZE), 3), np.uint8)
        height, width = self.size = self.size or (self.latest.height, self.latest.width)
        picture = self.converter.reformat(
            self.latest, width=width, height=height, format="rgb24", interpolation=Interpolation.BICUBIC
        )
        pixels = picture.to_ndarray()
        return np.ascontiguousarray(np.rot90(pixels, self.quarters)) if self.quarters else pixels

    def window(self, start: int) -> np.ndarray:
        """(80, H, W, 3) uint8; what is not there is the last frame, or black."""
        self._stand((start + SEGMENTS) * FRAMES_PER_SECOND)
        begin = start * FRAMES_PER_SECOND - self.first
        return np.stack(self.kept[begin : begin + SEGMENTS * FRAMES_PER_SECOND])

    def forget(self, second: int) -> None:
        """Let go of the frames before a second."""
        number = max(second * FRAMES_PER_SECOND - self.first, 0)
        del self.kept[:number]
        self.first += number

    def notes(self, seconds: float) -> list[str]:
        if self.latest is None:
            return ["no picture: black frames, and no visual events"]
        notes = [f"turned {90 * self.quarters} degrees, as its rotation flag says"] if self.quarters else []
        if self.begin > 0.5 / FRAMES_PER_SECOND:
            notes.append(f"the picture starts {self.begin:.2f} s late: its first frame stands before")
        if self.end < seconds - BREAK_TOLERANCE:
            notes.append(f"the picture ends {seconds - self.end:.2f} s before the sound: its last frame stands behind")
        return notes


class _Run:
    """Sound without a gap: one resampler a rate, so that resampling never works across a gap and never drifts."""

    def __init__(self, begin: float, frame: av.AudioFrame, rates: tuple[int, ...]) -> None:
        self.begin, self.format, self.samples = begin, _format(frame), 0
        self.resamplers = {rate: av.AudioResampler(format="s32p", layout="mono", rate=rate) for rate in rates}
        self.made = dict.fromkeys(rates, 0)

    @property
    def end(self) -> float:
        return self.begin + self.samples / self.format[2]

    def resample(self, frame: av.AudioFrame | None) -> Iterator[tuple[int, int, np.ndarray]]:
        """(rate, number of the first sample, samples) of what comes out for a frame; None flushes. Mixed down as `media` does."""
        if frame is not None:
            self.samples += frame.samples
            frame.pts = None
        for rate, resampler in self.resamplers.items():
            for piece in resampler.resample(frame):
                samples = np.multiply(piece.to_ndarray()[0], np.float32(2.0**-31), dtype=np.float32)
                yield rate, round(self.begin * rate) + self.made[rate], samples
                self.made[rate] += len(samples)


def _format(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class Sound(_Stream):
    """Sound at one or more rates, in pieces that know their place."""

    name = "audio"
    margin = SOUND_MARGIN

    def __init__(self, *stream: Any, rates: tuple[int, ...]) -> None:
        super().__init__(*stream)
        self.rates = rates
        self.run: _Run | None = None
        self.pieces: dict[int, list[tuple[int, np.ndarray]]] = {rate: [] for rate in rates}
        self.gaps = 0.0
        self.begin = 0.0

    def choose(self, container: av.container.InputContainer) -> av.AudioStream | None:
        return container.streams.audio[0] if container.streams.audio else None

    def read_until(self, seconds: int) -> None:
        """Decode until all samples before this second are known, or the stream ends."""
        while not self.ended and (self.end < seconds or not self._has(seconds)):
            self.advance()

    def _has(self, seconds: int) -> bool:
        """Whether the resamplers have let go of all samples before a second."""
        return all(p and p[-1][0] + len(p[-1][1]) >= seconds * rate for rate, p in self.pieces.items())

    def add(self, time: float, frame: av.AudioFrame) -> None:
        if self.run is None or self.run.format != _format(frame) or abs(time - self.end) > GAP_TOLERANCE:
            if self.run is None:
                self.begin = time
            else:
                self.gaps += max(0.0, time - max(self.end, 0.0))
                self._take(None)
            self.run = _Run(time, frame, self.rates)
        self._take(frame)
        self.end = self.run.end

    def finish(self) -> None:
        if self.run is not None:
            self._take(None)

    def _take(self, frame: av.AudioFrame | None) -> None:
        for rate, place, samples in self.run.resample(frame):
            last = len(samples) if math.isinf(self.stop) else round(self.stop * rate) - place
            if place + len(samples) > 0 and last > 0:
                self.pieces[rate].append((place, samples[:last]))

    def window(self, start: int) -> dict[int, np.ndarray]:
        """rate -> (10 * rate,) float32; what is not there is silence."""
        return {rate: _cut(pieces, start * rate, SEGMENTS * rate) for rate, pieces in self.pieces.items()}

    def forget(self, second: int) -> None:
        """Let go of the samples before a second."""
        for rate, pieces in self.pieces.items():
            self.pieces[rate] = [
                (place, samples) for place, samples in pieces[:-1] if place + len(samples) > second * rate
            ] + pieces[-1:]

    def notes(self, seconds: float) -> list[str]:
        if self.empty:
            return ["no sound: silence, and no audio events"]
        notes = []
        if self.begin > GAP_TOLERANCE:
            notes.append(f"the sound starts {self.begin:.2f} s late: silence before")
        if self.gaps > GAP_TOLERANCE:
            notes.append(f"gaps of {self.gaps:.2f} s together in the sound: silence in them")
        if self.end < seconds - BREAK_TOLERANCE:
            notes.append(f"the sound ends {seconds - self.end:.2f} s before the picture: silence behind")
        return notes


def _cut(pieces: list[tuple[int, np.ndarray]], begin: int, count: int) -> np.ndarray:
    """(count,) float32 from sample `begin` on, put together from pieces; silence between."""
    waveform = np.zeros(count, np.float32)
    for place, samples in pieces:
        first, last = max(place, begin), min(place + len(samples), begin + count)
        if first < last:
            waveform[first - begin : last - begin] = samples[first - place : last - place]
    return waveform
