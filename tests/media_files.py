"""Writes the small video files, good and bad, that the tests read.

The picture counts: frame i is uniformly grey with `grey_level(i)`, so a decoded frame says which one it was.
The sound is a 440 Hz tone of amplitude 0.4.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

GREY_STEP = 3
TONE_AMPLITUDE = 0.4


def grey_level(index: int | np.ndarray) -> int | np.ndarray:
    """Pixel value of frame `index`; it repeats after 60 frames."""
    return 40 + GREY_STEP * (index % 60)


def grey_frames(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(count, height, width, 3) uint8 frames that count upwards in grey."""
    levels = grey_level(np.arange(count)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def tone(seconds: float, sample_rate: int, frequency: float = 440.0) -> np.ndarray:
    """(samples,) float32 sine of amplitude TONE_AMPLITUDE."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (TONE_AMPLITUDE * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


def write_clip(
    path: Path,
    frames: np.ndarray | None = None,
    sound: np.ndarray | None = None,
    fps: int = 8,
    sample_rate: int = 16_000,
    layout: str = "mono",
    frames_at: float = 0.0,
    sound_at: tuple[float, ...] = (0.0,),
    audio_codec: str = "aac",
    **options: str,
) -> Path:
    """Write a file whose container follows from the suffix of `path`.

    frames: (F, H, W, 3) uint8 or None for no video stream; frame i is shown at frames_at + i / fps seconds.
    sound: (channels, samples) or (samples,) float32 or None for no audio stream; it is cut into len(sound_at) equal
        pieces, piece k starting at sound_at[k] seconds, so that a test can leave gaps.
    options: for the container, such as movflags="faststart".
    """
    with av.open(str(path), "w", options=options) as container:
        packets = []
        if frames is not None:
            packets += _video_packets(container, frames, fps, frames_at)
        if sound is not None:
            stream = container.add_stream(audio_codec, rate=sample_rate, layout=layout)
            packets += _audio_packets(stream, np.atleast_2d(sound), sample_rate, layout, sound_at)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def _video_packets(container: av.container.OutputContainer, frames: np.ndarray, fps: int, frames_at: float) -> list:
    height, width = frames.shape[1:3]
    stream = container.add_stream("libx264", rate=fps)
    stream.height, stream.width = height, width
    stream.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
    stream.options = {"crf": "8", "preset": "ultrafast"}
    packets = []
    for index, pixels in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        picture.pts, picture.time_base = index + round(frames_at * fps), Fraction(1, fps)
        packets += stream.encode(picture)
    return packets + stream.encode(None)


def _audio_packets(
    stream: av.AudioStream, sound: np.ndarray, sample_rate: int, layout: str, sound_at: tuple[float, ...]
) -> list:
    packets = []
    for at, piece in zip(sound_at, np.array_split(sound, len(sound_at), axis=1), strict=True):
        chunk = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=layout)
        chunk.sample_rate, chunk.pts, chunk.time_base = sample_rate, round(at * sample_rate), Fraction(1, sample_rate)
        packets += stream.encode(chunk)
    return packets + stream.encode(None)


def write_normal(path: Path, seconds: float = 10.0) -> Path:
    """Picture that counts and a tone, `seconds` long, at the package's usual rates."""
    return write_clip(path, grey_frames(round(seconds * 8)), tone(seconds, 16_000))


def write_without_sound(path: Path) -> Path:
    return write_clip(path, grey_frames(80))


def write_without_picture(path: Path) -> Path:
    return write_clip(path, None, tone(10, 16_000))


def write_zero_frames(path: Path) -> Path:
    """An mp4 with an index in good order and not one frame or sample in it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.start_encoding()
    return path


def write_truncated(path: Path) -> Path:
    """A broken download: the first 60 %, without the index that an mp4 keeps at its end."""
    whole = write_normal(path).read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    return path


def write_broken_off(path: Path) -> Path:
    """A file whose data end half way although it opens: an mp4 with its index in front, or a Matroska file."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    whole = write_clip(path, grey_frames(80), tone(10, 16_000), **options).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def write_music_with_cover(path: Path) -> Path:
    """Sound and a cover image, which FFmpeg lists as a video stream."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 48, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in cover.encode(av.VideoFrame(64, 48, "yuvj420p")) + cover.encode(None):
            container.mux(packet)
        for packet in _audio_packets(audio, tone(10, 16_000)[None], 16_000, "mono", (0.0,)):
            container.mux(packet)
    return path
