"""A split of an audio-visual segmentation corpus as arrays in memory: frames, log-mel examples and masks in one order.

As in the published code, frames are resized with bilinear filtering and masks by taking the nearest pixel; training clips of AVSS are
cropped to the central square first, all others are squashed to one. A clip with fewer log-mel examples than frames repeats its last one in
S4 and MS3; in AVSS zeros fill up to ten, and so do black frames, empty masks and False in `present`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avvp_lib.corpora.avsbench import FRAMES, AVSClip, AVSSplit
from avvp_lib.corpora.masks import read_binary_mask, read_class_mask, read_picture
from avvp_lib.corpora.tensor_pickles import read_tensor_pickle
from avvp_lib.corpora.vggish_log_mel import EXAMPLE_FRAMES, EXAMPLE_SAMPLES, FRAMINGS, MELS, vggish_log_mel
from avvp_lib.corpora.waveforms import read_wav

MASK_SIZE = 224
"""Pixels: the grid that published scores are counted on."""


@dataclass(frozen=True, eq=False)
class SegmentationData:
    """N clips of T frames; K is the largest number of objects in a clip.

    Attributes:
        ids: N names.
        images: (N, T, S, S, 3) uint8 RGB; black where a clip has no frame.
        log_mel: (N, T, 1, 96, 64) float32.
        masks: (N, T, h, w) uint8, the class of each pixel, 0 for the background; 0 and 1 in the binary settings.
        labelled: (N, T) bool: frames that have a mask. The masks of others are 0 and count nothing.
        present: (N, T) bool: frames that the clip has.
        objects: (N, T, h, w) uint8: which object is seen at each pixel, 0 for none, k for the clip's k-th. Of rendered corpora alone, and
            only if asked for.
        sounding: (N, T, K) bool: whether object k sounds in that second (its column is k - 1); as `objects`.
        roles: (N, K) str: "source", "twin", "other", "thing", or "" where a clip has fewer objects; as `objects`.
    """

    ids: tuple[str, ...]
    images: np.ndarray
    log_mel: np.ndarray
    masks: np.ndarray
    labelled: np.ndarray
    present: np.ndarray
    objects: np.ndarray | None = None
    sounding: np.ndarray | None = None
    roles: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, indices: np.ndarray) -> SegmentationData:
        """The clips at `indices` (integers, in the order given)."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "ids"}
        chosen = {name: None if array is None else array[indices] for name, array in arrays.items()}
        return SegmentationData(tuple(self.ids[i] for i in indices), **chosen)


def read_segmentation_data(
    split: AVSSplit, size: int, mask_size: int = MASK_SIZE, truth: bool = False, framing: str = "continuous"
) -> SegmentationData:
    """Read a whole split.

    Args:
        split: of `load_corpus`.
        size: S, side of the frames in pixels.
        mask_size: h and w, side of the masks; published scores are counted at 224.
        truth: read what a renderer knows beyond the masks as well. Nothing that trains or predicts may see it.
        framing: "continuous" takes the log-mel files of S4 and MS3 as they are; "per_second" computes the examples from the sound.

    Returns:
        The clips in the split's order, T = 5 in S4 and MS3 and 10 in AVSS.

    Raises:
        FileNotFoundError: a file is missing, or `truth` is asked of a real corpus.
        ValueError: a file cannot be read, a mask has other values than it may, or a clip has too many or no log-mel examples; names
            the file.
    """
    if size < 1 or mask_size < 1:
        raise ValueError(f"size and mask_size must be at least one pixel, not {size} and {mask_size}")
    if framing not in FRAMINGS:
        raise ValueError(f"unknown framing {framing!r}: choose one of {', '.join(FRAMINGS)}")
    number, frames = len(split), FRAMES[split.setting]
    images = np.zeros((number, frames, size, size, 3), np.uint8)
    masks = np.zeros((number, frames, mask_size, mask_size), np.uint8)
    log_mel = np.zeros((number, frames, 1, EXAMPLE_FRAMES, MELS), np.float32)
    labelled, present = np.zeros((2, number, frames), np.bool_)
    for row, clip in enumerate(split.clips):
        cropped = (split.setting, split.name) == ("avss", "train")
        log_mel[row, :, 0] = read_log_mel(clip, split.setting, framing)
        for frame, (picture, mask) in enumerate(zip(clip.frames, clip.masks, strict=True)):
            images[row, frame] = np.asarray(_square(read_picture(picture), size, cropped, Image.Resampling.BILINEAR))
            present[row, frame] = True
            if mask is not None:
                masks[row, frame] = _small_mask(_read_mask(mask, split), mask_size, cropped)
                labelled[row, frame] = True
    known = _read_truth(split, frames, mask_size) if truth else {}
    return SegmentationData(split.ids, images, log_mel, masks, labelled, present, **known)


def read_log_mel(clip: AVSClip, setting: str, framing: str = "continuous") -> np.ndarray:
    """(T, 96, 64) float32: the log-mel examples of a clip, one for each frame of its setting.

    Raises:
        FileNotFoundError, ValueError: as `read_segmentation_data`.
    """
    frames = FRAMES[setting]
    if clip.log_mel is not None and framing == "continuous":
        source, examples = clip.log_mel, _stored_examples(clip.log_mel)
    else:
        source, examples = clip.wav, vggish_log_mel(read_wav(clip.wav), framing)
    if not len(examples):
        raise ValueError(f"{source} is too short for a log-mel example: {EXAMPLE_SAMPLES} samples at 16 kHz are needed")
    if len(examples) > frames:
        raise ValueError(
            f"{source} gives {len(examples)} log-mel examples, and a clip has at most {frames}: cut its sound to {frames} seconds"
            + ("" if source == clip.wav else f" in {clip.wav.name} and delete {source.name}, which is then not needed")
        )
    missing = frames - len(examples)
    if setting == "avss":
        return np.pad(examples, ((0, missing), (0, 0), (0, 0)))
    return np.concatenate([examples, np.repeat(examples[-1:], missing, axis=0)])


def _stored_examples(path: Path) -> np.ndarray:
    """(n, 96, 64) float32 of a pickled tensor (n, 1, 96, 64)."""
    tensor = read_tensor_pickle(path)
    expected = (1, EXAMPLE_FRAMES, MELS)
    if tensor.ndim != 4 or tuple(tensor.shape[1:]) != expected or not tensor.is_floating_point():
        raise ValueError(
            f"{path} holds {tuple(tensor.shape)} {tensor.dtype}, not (examples, 1, {EXAMPLE_FRAMES}, {MELS}) floating point"
        )
    examples = tensor[:, 0].float().numpy()
    if not np.isfinite(examples).all():
        raise ValueError(f"{path} holds a NaN or an infinity")
    return examples


def _read_mask(path: Path, split: AVSSplit) -> np.ndarray:
    return read_class_mask(path, len(split.classes)) if split.setting == "avss" else read_binary_mask(path)


def _small_mask(mask: np.ndarray, size: int, cropped: bool) -> np.ndarray:
    return np.asarray(_square(Image.fromarray(mask), size, cropped, Image.Resampling.NEAREST))


def _square(picture: Image.Image, size: int, cropped: bool, resampling: Image.Resampling) -> Image.Image:
    """The picture as a square of `size`: its central square, or all of it squashed."""
    if picture.size == (size, size):
        return picture
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side) if cropped else (0, 0, width, height)
    return picture.resize((size, size), resampling, box=box)


def _read_truth(split: AVSSplit, frames: int, size: int) -> dict[str, Any]:
    """What the renderer knows, padded to `frames` and to the largest number of objects."""
    absent = [clip.id for clip in split.clips if clip.truth is None]
    if absent:
        raise FileNotFoundError(
            f"nobody knows which object is where in clip {absent[0]}: only rendered corpora have it"
        )
    maps = np.zeros((len(split), frames, size, size), np.uint8)
    sounding, roles = [], []
    for row, clip in enumerate(split.clips):
        with np.load(clip.truth, allow_pickle=False) as stored:
            for frame, seen in enumerate(stored["objects"]):
                maps[row, frame] = _small_mask(seen, size, cropped=False)
            sounding.append(stored["sounding"])
            roles.append(stored["roles"])
    most = max(len(names) for names in roles)
    heard = np.zeros((len(split), frames, most), np.bool_)
    named = np.full((len(split), most), "", "<U8")
    for row, (sounds, names) in enumerate(zip(sounding, roles, strict=True)):
        heard[row, : len(sounds), : len(names)] = sounds
        named[row, : len(names)] = names
    return {"objects": maps, "sounding": heard, "roles": named}
