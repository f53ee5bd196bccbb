"""Read a video file into what the backbones take: frames at a fixed rate and a waveform of exactly the asked length.

One pass over the container decodes both streams and stops as soon as `seconds` are covered. The rules, in full:

* **Zero** of the clock is the start of the container, so picture and sound keep their offset.
* **Frame i** is the last decoded frame whose time stamp is at most (i + 0.5) / fps: what a viewer sees in the middle of
  the interval. Moments before the first frame show the first, moments after the end show the last.
* **Sound** is mixed down to one channel (the mean of a stereo pair) and placed by its time stamps: gaps become zeros,
  what a codec padded beyond `seconds` is cut, what is too short is padded with zeros.
* **A missing stream**, or one that holds nothing decodable, is an error unless `on_missing="fill"`: silence, black.
* **A damaged file** that decodes in part is an error unless `on_missing="fill"`: what was decoded stays, the rest is
  padded by the rules above. A file that is only shorter than `seconds` is not damaged.
* **Pixels** are taken as stored: rotation flags and non-square pixels are ignored.

Whatever a rule changed is said in `Media.notes`.
"""

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter

BLACK_FRAME_SIZE = (128, 128)
"""(height, width) of the black frames that stand in for a missing picture when no `frame_size` is asked."""

TIME_STAMP_TOLERANCE = 0.001
"""Seconds; containers such as Matroska round time stamps to milliseconds."""

GAP_TOLERANCE = 0.01
"""Seconds by which sound may leave its expected place before it counts as a gap rather than as rounding."""

CUT_TOLERANCE = 0.15
"""Seconds beyond the end that are cut without a note: codecs pad the sound by up to two packets."""

BREAK_TOLERANCE = 1.0
"""Seconds by which both streams may end before the length the container declares without counting as broken off."""


class MediaError(ValueError):
    """A video file that cannot be read as asked; the message names the file and the way out."""


@dataclass(frozen=True)
class Media:
    """One decoded clip.

    path: the file it came from. frames: (F, H, W, 3) uint8 RGB. waveform: (samples,) float32 mono in [-1, 1].
    fps: frames per second. sample_rate: Hz. notes: what a rule of this module changed, in words; empty if nothing.
    """

    path: Path
    frames: np.ndarray
    waveform: np.ndarray
    fps: float
    sample_rate: int
    notes: tuple[str, ...] = ()


def read_media(
    path: str | os.PathLike,
    fps: float = 8,
    sample_rate: int = 16_000,
    seconds: float = 10.0,
    frame_size: tuple[int, int] | None = None,
    on_missing: Literal["error", "fill"] = "error",
) -> Media:
    """Decode the first `seconds` of a video into round(seconds * fps) frames and round(seconds * sample_rate) samples.

    Args:
        path: any container and codec that FFmpeg reads; any sample rate and channel layout.
        fps: frames per second of the result, whatever the file has.
        sample_rate: Hz of the resulting waveform.
        seconds: length of the result; longer files are cut, shorter ones padded.
        frame_size: (height, width) to squash the picture to, ignoring its aspect; None keeps the file's own size.
        on_missing: "error" refuses a file without picture, without sound, or damaged on the way; "fill" goes on with
            black frames (`frame_size`, else 128 x 128), with silence, or with what could be decoded, and notes it.

    Returns:
        Media, by the rules stated at the top of this module.

    Raises:
        MediaError: the file is absent, empty, not a media file, has no index (a broken download), or holds neither
            picture nor sound; or lacks one of them or is damaged while `on_missing="error"`.
        ValueError: `fps`, `sample_rate`, `seconds`, `frame_size` or `on_missing` make no sense.
    """
    path = Path(path)
    _check_request(fps, sample_rate, seconds, frame_size, on_missing)
    with _open(path) as container:
        start = (container.start_time or 0) / av.time_base
        duration = container.duration / av.time_base if container.duration else None
        video = _FrameCollector(round(seconds * fps), fps, start, frame_size)
        audio = _SoundCollector(round(seconds * sample_rate), sample_rate, start)
        damage = _decode(container, video, audio)
    reached = max(video.end, audio.end)
    if damage is None and duration is not None and reached < min(duration, seconds) - BREAK_TOLERANCE:
        damage = f"the file breaks off at {reached:.2f} s of the {duration:.2f} s it declares"
    _check_decoded(path, video, audio, damage, on_missing)
    frames, frame_notes = video.finish()
    waveform, sound_notes = audio.finish()
    notes = [f"damaged: {damage}"] if damage else []
    if duration is not None and duration > seconds + CUT_TOLERANCE:
        notes.append(f"cut {duration - seconds:.2f} s: the first {seconds:g} s of {duration:.2f} s are kept")
    return Media(path, frames, waveform, fps, sample_rate, tuple(notes + frame_notes + sound_notes))


def _check_request(
    fps: float, sample_rate: int, seconds: float, frame_size: tuple[int, int] | None, on_missing: str
) -> None:
    if not (fps > 0 and sample_rate > 0 and seconds > 0 and round(seconds * fps) > 0):
        raise ValueError(
            f"fps ({fps}), sample_rate ({sample_rate}) and seconds ({seconds}) must be positive and ask for >= 1 frame"
        )
    if frame_size is not None and (len(frame_size) != 2 or min(frame_size) < 1):
        raise ValueError(f"frame_size must be (height, width) in pixels, got {frame_size}")
    if on_missing not in ("error", "fill"):
        raise ValueError(f'on_missing must be "error" or "fill", got {on_missing!r}')


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise MediaError(f"{path}: no such file. Check the corpus folder, or leave the video out of the list")
    if path.stat().st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes): an interrupted download or rendering. Delete it and get it again")
    try:
        return av.open(str(path), metadata_errors="ignore")
    except (av.FFmpegError, OSError) as error:
        raise MediaError(
            f"{path} cannot be opened as a video ({error.strerror}): it is truncated before its index (the moov atom "
            "of an mp4) or is not a media file. Delete it and download or render it again"
        ) from error


def _decode(container: av.container.InputContainer, video: "_FrameCollector", audio: "_SoundCollector") -> str | None:
    """Feed both collectors from one pass over the packets; returns in words what broke on the way, or None."""
    collectors: dict[int, _FrameCollector | _SoundCollector] = {}
    # The cover image of a music file is a video stream by name only.
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if moving:
        collectors[moving[0].index] = video
    if container.streams.audio:
        collectors[container.streams.audio[0].index] = audio
    if not collectors:
        return None
    damage = None
    packets = container.demux([container.streams[index] for index in collectors])
    while not all(collector.done for collector in collectors.values()):
        try:
            packet = next(packets)
        except StopIteration:
            break
        except av.FFmpegError as error:
            return f"the file breaks off ({error.strerror})"
        collector = collectors[packet.stream.index]
        if collector.done:
            continue
        if packet.is_corrupt:
            damage = f"incomplete {collector.name} packet, as where a download broke off"
            continue
        try:
            for frame in packet.decode():
                collector.add(frame)
        except av.FFmpegError as error:
            damage = f"undecodable {collector.name} packet ({error.strerror})"
    return damage


def _check_decoded(
    path: Path, video: "_FrameCollector", audio: "_SoundCollector", damage: str | None, on_missing: str
) -> None:
    if video.empty and audio.empty:
        raise MediaError(
            f"{path} holds neither a decodable picture nor sound{f': {damage}' if damage else ''}. "
            "Delete it and get it again, or leave it out of the list"
        )
    if on_missing == "fill":
        return
    if damage:
        raise MediaError(
            f"{path} is damaged: {damage}; video decodes up to {video.end:.2f} s, audio up to {audio.end:.2f} s. "
            'Get the file again, or pass on_missing="fill" to keep what decodes and pad the rest'
        )
    for collector, filling in ((video, "black frames"), (audio, "silence")):
        if collector.empty:
            raise MediaError(
                f"{path} has no {collector.name}: no {collector.name} stream, or one without a decodable frame. "
                f'Leave the file out of the list, or pass on_missing="fill" to get {filling} instead'
            )


class _FrameCollector:
    """Keeps the frames that the rule asks for; only those are scaled and converted, which costs more than decoding."""

    name = "video"

    def __init__(self, count: int, fps: float, start: float, size: tuple[int, int] | None) -> None:
        self.times = (np.arange(count) + 0.5) / fps
        self.start = start
        self.size = size
        self.kept: list[np.ndarray] = []
        self.latest: av.VideoFrame | None = None
        self.begin = self.end = 0.0
        self.converter = VideoReformatter()

    @property
    def empty(self) -> bool:
        return self.latest is None

    @property
    def done(self) -> bool:
        return len(self.kept) == len(self.times)

    def add(self, frame: av.VideoFrame) -> None:
        """Take the next frame in order of display. The one before it is kept for every moment up to its time."""
        time = self.end if frame.pts is None else float(frame.pts * frame.time_base) - self.start
        if self.latest is None:
            self.latest, self.begin, self.end = frame, time, time
        self._keep(int(np.searchsorted(self.times, time - TIME_STAMP_TOLERANCE)))
        period = float(frame.duration * frame.time_base) if frame.duration else time - self.end
        self.latest, self.end = frame, time + period

    def _keep(self, count: int) -> None:
        """Let the latest frame stand for all moments before the count-th that have none yet."""
        missing = count - len(self.kept)
        if missing > 0:
            height, width = self.size = self.size or (self.latest.height, self.latest.width)
            picture = self.converter.reformat(
                self.latest, width=width, height=height, format="rgb24", interpolation=Interpolation.BICUBIC
            )
            self.kept += [picture.to_ndarray()] * missing

    def finish(self) -> tuple[np.ndarray, list[str]]:
        """The (F, H, W, 3) uint8 frames, and notes on what was filled in."""
        if self.empty:
            return np.zeros((len(self.times), *(self.size or BLACK_FRAME_SIZE), 3), np.uint8), [
                "video missing: black frames"
            ]
        self._keep(len(self.times))
        notes = []
        if self.begin > self.times[0]:
            notes.append(f"video starts {self.begin:.3f} s late: its first frame stands before")
        if self.end < self.times[-1]:
            length = self.times[0] + self.times[-1]
            notes.append(f"video padded {length - self.end:.3f} s: its last frame repeated")
        return np.stack(self.kept), notes


@dataclass
class _Run:
    """Decoded sound without a gap: raw samples of one format, from `begin` seconds on."""

    begin: float
    format: tuple[str, str, int]
    pieces: list[np.ndarray] = field(default_factory=list)
    samples: int = 0

    @property
    def end(self) -> float:
        return self.begin + self.samples / self.format[2]


class _SoundCollector:
    """Keeps the decoded sound in runs without gaps, so that resampling never works across one and never drifts."""

    name = "audio"

    def __init__(self, count: int, sample_rate: int, start: float) -> None:
        self.count = count
        self.sample_rate = sample_rate
        self.start = start
        self.runs: list[_Run] = []

    @property
    def empty(self) -> bool:
        return not self.runs

    @property
    def end(self) -> float:
        return self.runs[-1].end if self.runs else 0.0

    @property
    def done(self) -> bool:
        return self.end * self.sample_rate >= self.count

    def add(self, frame: av.AudioFrame) -> None:
        """Take the next frame: it continues the latest run, or opens one where its time stamp says."""
        time = self.end if frame.pts is None else float(frame.pts * frame.time_base) - self.start
        sound_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if not self.runs or self.runs[-1].format != sound_format or abs(time - self.end) > GAP_TOLERANCE:
            self.runs.append(_Run(time, sound_format))
        self.runs[-1].pieces.append(frame.to_ndarray())
        self.runs[-1].samples += frame.samples

    def finish(self) -> tuple[np.ndarray, list[str]]:
        """The (samples,) float32 waveform in [-1, 1], and notes on what was filled in."""
        waveform = np.zeros(self.count, np.float32)
        if self.empty:
            return waveform, ["audio missing: silence"]
        for run in self.runs:
            mono = _mono(run, self.sample_rate)
            onset = round(run.begin * self.sample_rate)
            first, last = max(onset, 0), min(onset + len(mono), self.count)
            if first < last:
                waveform[first:last] = mono[first - onset : last - onset]
        return waveform, self._notes()

    def _notes(self) -> list[str]:
        notes = []
        if self.runs[0].begin > GAP_TOLERANCE:
            notes.append(f"audio starts {self.runs[0].begin:.3f} s late: silence before")
        gaps = sum(max(0.0, after.begin - before.end) for before, after in itertools.pairwise(self.runs))
        if gaps > GAP_TOLERANCE:
            notes.append(f"audio gaps of {gaps:.3f} s together: silence in them")
        shortage = self.count / self.sample_rate - self.end
        if shortage > TIME_STAMP_TOLERANCE:
            notes.append(f"audio padded {shortage:.3f} s: silence at the end")
        return notes


def _mono(run: _Run, sample_rate: int) -> np.ndarray:
    """Mix a run down and resample it: (samples,) float32 in [-1, 1].

    FFmpeg normalises its downmix only for integer output; to float it would make a stereo pair 1.4 times too loud.
    """
    name, layout, rate = run.format
    frame = av.AudioFrame.from_ndarray(np.concatenate(run.pieces, axis=1), format=name, layout=layout)
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s32p", layout="mono", rate=sample_rate)
    pieces = [piece.to_ndarray()[0] for piece in resampler.resample(frame) + resampler.resample(None)]
    return np.multiply(np.concatenate(pieces), np.float32(2.0**-31), dtype=np.float32)
