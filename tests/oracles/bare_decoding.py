"""Ten seconds of video with PyAV and nothing else: what reading a clip cannot be much cheaper than."""

from pathlib import Path

import av
import numpy as np

from avvp_lib.features.clip_media import RATES


def bare_loop(path: Path) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """What anyone would write with PyAV: the same 80 pictures and both sounds, without checks."""
    moments, pictures, latest = (np.arange(80) + 0.5) / 8, [], None
    resamplers = {rate: av.AudioResampler(format="s32p", layout="mono", rate=rate) for rate in RATES}
    sounds = {rate: [] for rate in RATES}
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0], container.streams.audio[0]):
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    for rate, resampler in resamplers.items():
                        sounds[rate] += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
                    continue
                while latest is not None and len(pictures) < 80 and moments[len(pictures)] < frame.time - 0.001:
                    pictures.append(latest.to_ndarray(format="rgb24"))
                latest = frame
    pictures += [latest.to_ndarray(format="rgb24")] * (80 - len(pictures))
    return np.stack(pictures), {rate: np.concatenate(pieces) / np.float32(2**31) for rate, pieces in sounds.items()}
