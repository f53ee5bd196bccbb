"""A published feature extractor: ten seconds of video in, one array out, in two steps whose cost can be measured apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from avvp_lib.features.bank import BackboneCard
from avvp_lib.features.clip_media import CLAP_RATE, FRAMES_PER_SECOND, SECONDS, VGGISH_RATE, ClipMedia

FRAMES = SECONDS * FRAMES_PER_SECOND


class PublishedBackbone:
    """An extractor with its card.

        features = backbone(media)                               # card.output_shape, float32
        features = backbone.encode(backbone.prepare(media))      # the same as a tensor, one stage at a time

    Attributes:
        card: what it is and what it returns.
        device: where the network is.
    """

    def __init__(
        self,
        card: BackboneCard,
        prepare: Callable[[ClipMedia], Tensor],
        encode: Callable[[Tensor], Tensor],
        device: str,
    ) -> None:
        self.card = card
        self.device = torch.device(device)
        self._prepare = prepare
        self._encode = encode

    def prepare(self, media: ClipMedia) -> Tensor:
        """What the network takes, float32 on the CPU: frames scaled and normalised, or log-mel spectrograms.

        Raises:
            ValueError: the media are not ten seconds as `read_clip` reads them; names the file.
        """
        check_media(media)
        return self._prepare(media)

    @torch.no_grad()
    def encode(self, inputs: Tensor) -> Tensor:
        """What the network makes of it, on the CPU: `card.output_shape`, float32. On a GPU, too, in float32 and repeatably."""
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            return self._encode(inputs.to(self.device)).float().cpu()

    def __call__(self, media: ClipMedia) -> np.ndarray:
        """Features of one video: `card.output_shape`, float32.

        Raises:
            ValueError: the media are not ten seconds as `read_clip` reads them, or the network returned another shape.
        """
        features = self.encode(self.prepare(media)).numpy()
        if features.shape != self.card.output_shape:
            raise ValueError(f"{media.path.name}: {self.card.name} made {features.shape}, not {self.card.output_shape}")
        return features


def check_media(media: ClipMedia) -> None:
    """Refuse anything but 80 RGB frames and ten seconds of sound at both rates; the message names the file and the array."""
    frames = media.frames
    if frames.ndim != 4 or frames.shape[0] != FRAMES or frames.shape[3] != 3 or frames.dtype != np.uint8:
        raise ValueError(
            f"{media.path.name}: frames are {frames.shape} {frames.dtype}, expected ({FRAMES}, H, W, 3) uint8: "
            "read the file with clip_media.read_clip"
        )
    for rate in (VGGISH_RATE, CLAP_RATE):
        sound = media.sounds.get(rate)
        if sound is None or sound.shape != (SECONDS * rate,):
            found = "missing" if sound is None else f"{sound.shape}"
            raise ValueError(
                f"{media.path.name}: the sound at {rate} Hz is {found}, expected ({SECONDS * rate},): "
                "read the file with clip_media.read_clip"
            )
