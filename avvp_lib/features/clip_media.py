"""Read a video into what the published extractors take: every picture of eight a second at its own size, and the sound at two rates.

One decode serves all backbones of `published_backbones`: VGGish hears 16 kHz, CLAP 48 kHz, and each network scales the pictures its own
way. Frame i of 80 is what `ffmpeg -r 8` writes as its i-th picture: the last one whose time stamp is at most (i + 0.5) / 8 s. Files are
otherwise read by the rules of `media`, with one difference: a rotation flag is obeyed, as ffmpeg does. Both waveforms are resampled from
the file's own rate.

The collectors of `media` do the work. They are private to that module, whose code every stored feature bank is stamped with, so they are
imported here rather than moved.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np

from avvp_lib.features.media import (
    BREAK_TOLERANCE,
    CUT_TOLERANCE,
    MediaError,
    _check_request,
    _decode,
    _FrameCollector,
    _open,
    _SoundCollector,
)

SECONDS = 10
FRAMES_PER_SECOND = 8
VGGISH_RATE, CLAP_RATE = 16_000, 48_000
RATES = (VGGISH_RATE, CLAP_RATE)


@dataclass(frozen=True)
class ClipMedia:
    """Ten seconds of a video.

    Attributes:
        path: the file.
        frames: (80, H, W, 3) uint8 RGB, upright, at the file's own size.
        sounds: rate in Hz -> (10 * rate,) float32 mono in [-1, 1], for each of `RATES`.
        notes: what a rule changed, in words; empty if nothing.
    """

    path: Path
    frames: np.ndarray
    sounds: dict[int, np.ndarray]
    notes: tuple[str, ...] = ()


class ClipError(MediaError):
    """A video that cannot be read.

    Attributes:
        path: the file.
        kind: one of `ADVICE`.
        reason: what was found.
        advice: what a person can do about it.
    """

    def __init__(self, path: Path, kind: str, reason: str) -> None:
        super().__init__(path, kind, reason)  # what pickling hands on between processes
        self.path, self.kind, self.reason = path, kind, reason

    @property
    def advice(self) -> str:
        return ADVICE[self.kind]

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. {self.advice}"


ADVICE = {
    "absent": "Put the file there, or leave the video out of the list",
    "empty": "Delete the file and get it again: a download that was interrupted",
    "no permission": "Make the file readable for whoever extracts (chmod u+r)",
    "not a video": "Delete the file and get it again: it is truncated before its index (the moov atom of an mp4) or is no media file",
    "nothing decodable": "Delete the file and get it again, or leave it out",
    "damaged": "Get the file again, or keep what decodes and pad the rest with --on-missing fill",
    "no sound": "Leave the file out, or take silence for its sound with --on-missing fill",
    "no picture": "Leave the file out, or take black frames for its picture with --on-missing fill",
    "unexpected": "Leave the file out; if it plays elsewhere, report it with this reason. --retry-failures tries it again",
}
"""What to do about each kind of failure."""


def read_clip(path: str | os.PathLike, on_missing: Literal["error", "fill"] = "error") -> ClipMedia:
    """Decode the first ten seconds of a video, once, for all published backbones.

    A picture of H x W takes 240 * H * W bytes, and twice that for a moment. Mirroring, and rotations by other angles than quarter turns,
    are left as stored; the latter are noted.

    Args:
        path: any container and codec that FFmpeg reads.
        on_missing: "error" refuses a file without picture, without sound, or damaged on the way; "fill" goes on with black frames
            (128 x 128), with silence, or with what could be decoded, and notes it.

    Raises:
        ClipError: the file is absent, empty, not readable, not a media file, or holds neither picture nor sound; or lacks one of them or is
            damaged while `on_missing` is "error".
        ValueError: another `on_missing`.
    """
    path = Path(path)
    _check_request(FRAMES_PER_SECOND, CLAP_RATE, SECONDS, None, on_missing)
    with _opened(path) as container:
        start = (container.start_time or 0) / av.time_base
        duration = container.duration / av.time_base if container.duration else None
        video = _UprightFrames(SECONDS * FRAMES_PER_SECOND, FRAMES_PER_SECOND, start, None)
        sound = _SoundCollector(SECONDS * CLAP_RATE, CLAP_RATE, start)
        damage = _decode(container, video, sound)
    reached = max(video.end, sound.end)
    if damage is None and duration is not None and reached < min(duration, SECONDS) - BREAK_TOLERANCE:
        damage = f"the file breaks off at {reached:.2f} s of the {duration:.2f} s it declares"
    _refuse_unusable(path, video, sound, damage, on_missing)
    frames, frame_notes = video.finish()
    sounds = {rate: _resampled(sound, rate) for rate in RATES}
    notes = [f"damaged: {damage}"] if damage else []
    if duration is not None and duration > SECONDS + CUT_TOLERANCE:
        notes.append(f"cut {duration - SECONDS:.2f} s: the first {SECONDS} s of {duration:.2f} s are kept")
    sound_notes = sounds[CLAP_RATE][1]
    return ClipMedia(
        path, frames, {rate: wave for rate, (wave, _) in sounds.items()}, (*notes, *frame_notes, *sound_notes)
    )


def _opened(path: Path) -> av.container.InputContainer:
    """The open file; or why it cannot be, told apart more finely than `media` needs to."""
    if not path.is_file():
        raise ClipError(path, "absent", "there is no such file")
    if path.stat().st_size == 0:
        raise ClipError(path, "empty", "it has 0 bytes")
    if not os.access(path, os.R_OK):
        raise ClipError(path, "no permission", "it must not be read")
    try:
        return _open(path)
    except MediaError as error:
        raise ClipError(path, "not a video", f"it cannot be opened as a video ({error.__cause__.strerror})") from error


def _refuse_unusable(
    path: Path, video: _FrameCollector, sound: _SoundCollector, damage: str | None, on_missing: str
) -> None:
    if video.empty and sound.empty:
        said = f": {damage}" if damage else ""
        raise ClipError(path, "nothing decodable", f"neither a picture nor sound can be decoded{said}")
    if on_missing == "fill":
        return
    if damage:
        ends = f"pictures decode up to {video.end:.2f} s, sound up to {sound.end:.2f} s"
        raise ClipError(path, "damaged", f"{damage}; {ends}")
    for collector, kind in ((video, "no picture"), (sound, "no sound")):
        if collector.empty:
            name = collector.name
            raise ClipError(path, kind, f"there is no {name} stream, or none with a decodable frame")


def _resampled(collector: _SoundCollector, rate: int) -> tuple[np.ndarray, list[str]]:
    """(10 * rate,) float32 of what a collector holds at the file's own rate, and the notes."""
    other = _SoundCollector(SECONDS * rate, rate, collector.start)
    other.runs = collector.runs
    return other.finish()


class _UprightFrames(_FrameCollector):
    """Frames turned as the file's rotation flag says: players and ffmpeg obey it, so whoever wrote frames with ffmpeg had them upright."""

    degrees = 0  # anticlockwise

    def add(self, frame: av.VideoFrame) -> None:
        if self.latest is None:
            self.degrees = frame.rotation
        super().add(frame)

    def finish(self) -> tuple[np.ndarray, list[str]]:
        frames, notes = super().finish()
        quarters = round(self.degrees / 90)
        if abs(self.degrees - 90 * quarters) > 1:  # degrees are cut to whole ones; ffmpeg allows for one, too
            return frames, [*notes, f"rotation flag of {self.degrees} degrees ignored: only quarter turns are made"]
        if quarters % 4:
            frames = np.ascontiguousarray(np.rot90(frames, quarters, axes=(1, 2)))
            way = "anticlockwise" if quarters > 0 else "clockwise"
            notes.append(f"turned {90 * abs(quarters)} degrees {way}, as its rotation flag says")
        return frames, notes
