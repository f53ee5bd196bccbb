"""Clips as a segmentation model reads them: pictures, audio vectors and masks of one split, as tensors in one order.

Pictures stay bytes until a batch is made, so a whole split sits in memory and a batch is an index selection.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

PICTURE_MEAN, PICTURE_SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet: what the published encoders were trained with."""

AXES = {"images": 5, "audio": 3, "masks": 4, "labelled": 2, "present": 2, "objects": 4, "sounding": 3}


@dataclass(frozen=True, eq=False)
class SegmentationClips:
    """What a segmentation model is trained or evaluated on: N clips of T frames, one a second.

    Attributes:
        images: (N, T, S, S, 3) uint8.
        audio: (N, T, D) float32, a vector of each second.
        masks: (N, T, h, w) uint8: the class of what sounds at each pixel, 0 for background; 0 and 1 in the binary settings.
        labelled: (N, T) bool: frames whose mask counts. In S4's training split this is the first one alone.
        present: (N, T) bool: frames that are no padding.
        objects: (N, T, h, w) uint8: the visible object at each pixel, 0 for none; None if nobody knows. For measuring only.
        sounding: (N, T, K) bool: whether object k sounds in that second; None if nobody knows.

    Raises:
        ValueError: a tensor has the wrong number of axes, of clips or of frames; or the audio holds a NaN. Names the tensor.
    """

    images: Tensor
    audio: Tensor
    masks: Tensor
    labelled: Tensor
    present: Tensor
    objects: Tensor | None = None
    sounding: Tensor | None = None

    def __post_init__(self) -> None:
        for name, tensor in self.tensors():
            if tensor.ndim != AXES[name]:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; it needs {AXES[name]} axes: clips, frames, ..."
                )
            if tensor.shape[:2] != self.images.shape[:2]:
                raise ValueError(
                    f"{name} holds {tensor.shape[0]} clips of {tensor.shape[1]} frames, images {self.images.shape[0]} of "
                    f"{self.images.shape[1]}"
                )
        if self.images.dtype != torch.uint8:
            raise ValueError(f"images must be uint8, not {self.images.dtype}: they are normalised batch by batch")
        if not torch.isfinite(self.audio).all():
            clip = int((~torch.isfinite(self.audio)).flatten(1).any(1).nonzero()[0])
            raise ValueError(f"audio of clip {clip} holds a NaN or an infinity: extract its features again")

    def tensors(self) -> list[tuple[str, Tensor]]:
        """Those that are there, by name; contiguous, since a selection of frames need not be."""
        return [(f.name, getattr(self, f.name).contiguous()) for f in fields(self) if getattr(self, f.name) is not None]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def frames(self) -> int:
        """T."""
        return self.images.shape[1]

    def take(self, indices: Tensor) -> SegmentationClips:
        """The clips with these indices."""
        return _unchecked({name: tensor[indices] for name, tensor in self.tensors()})

    def until(self, frames: int) -> SegmentationClips:
        """The first frames of every clip."""
        return _unchecked({name: tensor[:, :frames] for name, tensor in self.tensors()})

    def to(self, device: torch.device) -> SegmentationClips:
        """A copy on another device."""
        return _unchecked({name: tensor.to(device) for name, tensor in self.tensors()})


def _unchecked(tensors: dict[str, Tensor]) -> SegmentationClips:
    """Clips with these tensors, without checking again what was checked once: they are made for every batch."""
    made = object.__new__(SegmentationClips)
    for tensor in fields(SegmentationClips):
        object.__setattr__(made, tensor.name, tensors.get(tensor.name))
    return made


def clips_of(data: Any, audio: np.ndarray) -> SegmentationClips:
    """A split that `corpora.avs_data.read_segmentation_data` has read, with an audio vector for each second.

    Args:
        data: `SegmentationData`.
        audio: (N, T, D) float, rows in the order of `data.ids`.
    """
    optional = {name: getattr(data, name) for name in ("objects", "sounding") if getattr(data, name) is not None}
    arrays = {
        "images": data.images,
        "masks": data.masks,
        "labelled": data.labelled,
        "present": data.present,
        **optional,
    }
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return SegmentationClips(audio=torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32)), **tensors)


def normalised(clips: SegmentationClips, size: int) -> Tensor:
    """(B, T, 3, size, size) float32: pictures centred and scaled as ImageNet's; frames that are padding are zero, as published."""
    images = clips.images
    mean, spread = (torch.tensor(values, device=images.device) for values in (PICTURE_MEAN, PICTURE_SPREAD))
    pictures = ((images.float() / 255 - mean) / spread * clips.present[:, :, None, None, None]).movedim(-1, 2)
    if pictures.shape[-1] == size:
        return pictures
    resized = functional.interpolate(pictures.flatten(0, 1), size=(size, size), mode="bilinear", align_corners=False)
    return resized.unflatten(0, images.shape[:2])


class EncoderCache:
    """The maps of a split that no audio has reached, of a frozen encoder: computed once, then selected.

    Attributes:
        maps: (N, T, C, h, w) each, on the device of the clips.
    """

    def __init__(self, model: nn.Module, clips: SegmentationClips, batch_size: int = 16) -> None:
        parts = []
        with torch.no_grad():
            for indices in torch.arange(len(clips), device=clips.images.device).split(batch_size):
                parts.append(model.image_maps(normalised(clips.take(indices), model.input_size)))
        self.maps = [torch.cat(level) for level in zip(*parts, strict=True)]

    def take(self, indices: Tensor) -> list[Tensor]:
        """The maps of some clips, as `SelM.image_maps` gives them."""
        return [level[indices] for level in self.maps]


def cache_bytes(model: nn.Module, clips: SegmentationClips) -> int:
    """How much memory an `EncoderCache` of these clips would take."""
    with torch.no_grad():
        first = clips.take(torch.zeros(1, dtype=torch.long, device=clips.images.device))
        maps = model.image_maps(normalised(first, model.input_size))
    return sum(level.numel() * level.element_size() for level in maps) * len(clips)
