"""Files that are long without being large: a short clip whose packets are written over and over."""

from pathlib import Path

import av

from tests.media_files import grey_frames, tone, write_clip


def write_repeated(path: Path, source: Path, times: int, seconds: int = 10) -> Path:
    """The packets of a clip `times` times one after the other, nothing encoded again. The container follows from the suffix of `path`."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in clip.streams}
        packets = [packet for packet in clip.demux() if packet.dts is not None]
        kept = [
            (p.stream.index, bytes(p), p.pts, p.dts, p.duration, p.is_keyframe, p.time_base)
            for p in packets
            if float(p.pts * p.time_base) < seconds - 0.01
        ]
        latest = dict.fromkeys(streams, -(10**9))
        for number in range(times):
            for index, content, pts, dts, duration, key, base in kept:
                shift = round(number * seconds / base)
                if dts + shift <= latest[index]:  # what a codec puts before the beginning
                    continue
                latest[index] = dts + shift
                packet = av.Packet(content)
                packet.time_base, packet.stream = base, streams[index]
                packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts + shift, dts + shift, duration, key
                made.mux(packet)
    return path


def write_three_hours(folder: Path) -> Path:
    """A file of 3 h, 2 MB large; frame i of every ten seconds is grey with `grey_level(i)`."""
    clip = write_clip(folder / "ten.mp4", grey_frames(80, 32, 32), tone(10, 16_000))
    return write_repeated(folder / "three_hours.mp4", clip, 3 * 360)
