"""A longer rendered video with a known truth: scenes of the synthetic world, cut one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.corpora.synthetic.picture import FRAMES_PER_SECOND, render_frames
from avvp_lib.corpora.synthetic.plan import plan_video
from avvp_lib.corpora.synthetic.soundtrack import SAMPLE_RATE, render_waveform
from avvp_lib.corpora.synthetic.statistics import llp_statistics

SEED_WORD = 200  # keeps the random numbers apart from those of every corpus
SCENE_SECONDS = (5, 10)


def plan_scenes(seconds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scenes of 5 to 10 seconds that fill a video, each the beginning of a video as the corpus LLP-like plans them.

    Cuts fall on whole seconds at random places, so no window of a parser is in step with them. A last scene may be shorter.

    Args:
        seconds: of the whole video, at least 1.
        seed: of the plan.

    Returns:
        The audio and the visual grid of every scene, each (seconds of the scene, 25) bool.

    Raises:
        ValueError: `seconds` is not at least 1.
    """
    if seconds < 1:
        raise ValueError(f"a video of {seconds} s cannot be rendered: ask for at least 1 s")
    scenes, left = [], seconds
    while left:
        rng = np.random.default_rng([SEED_WORD, seed, len(scenes)])
        plan = plan_video(rng, llp_statistics())
        length = min(int(rng.integers(SCENE_SECONDS[0], SCENE_SECONDS[1] + 1)), left)
        scenes.append((plan.audio[:length], plan.visual[:length]))
        left -= length
    return scenes


def render_long_video(path: Path, seconds: int, seed: int = 0, domain: str = "studio") -> tuple[np.ndarray, np.ndarray]:
    """Render a video of any length, such as 40 s, into an mp4 file; memory grows with its length (0.5 MB a second).

    Args:
        path: the file.
        seconds: its length.
        seed: of what happens and of how it looks and sounds. No corpus holds these scenes.
        domain: rendering domain, "studio" or "street".

    Returns:
        The truth: audio and visual grid, each (seconds, 25) bool.
    """
    scenes = plan_scenes(seconds, seed)
    frames, sounds = [], []
    for number, (audio, visual) in enumerate(scenes):
        rng = np.random.default_rng([SEED_WORD, seed, number, 1])
        frames.append(render_frames(rng, domain, visual))
        sounds.append(render_waveform(rng, domain, audio))
    write_video(path, np.concatenate(frames), np.concatenate(sounds), FRAMES_PER_SECOND, SAMPLE_RATE)
    return tuple(np.concatenate(grids) for grids in zip(*scenes, strict=True))
