"""EAR's pseudo-label generator: two transformers over time, and class names as classifier. It is no parsing model.

    EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing. arXiv:2605.08723,
    Section III-B. The authors have published no code, and the text at hand has lost its formulas: what follows is
    read from the prose. The losses are `avvp_lib.losses.generation`, the training is `avvp_lib.pseudo_labels.generator_training`.

Glossary (B videos, T segments, C classes, D_m width of modality m, which both teachers' text shares)
    F_m   static    (B, T, D_m)  unit features of a frozen teacher: a segment that has not seen its neighbours
    E_m   dynamic   (B, T, D_m)  the same after self-attention over the video, made unit vectors again      Eq. 3
    G_m   text      (C, D_m)     unit embeddings of the class names, from the same teacher
    p_m^dyn = sigmoid( s_m <E_m, G_m> + b_m )   (B, T, C)                                                   Eq. 4
    p_m^sta = sigmoid( s_m <F_m, G_m> + b_m )   (B, T, C)                                                   Eq. 5

No weight belongs to a class, so the classes may be others in every call.

Open readings
    1. Blocks are post-norm as in HAN; norm="pre" is the other reading. Heads, feed-forward width and dropout are not in the text.
    2. Scale s_m and bias b_m are learned, one pair a modality for both branches: bare cosines cannot leave [0.27, 0.73].
       They start at 10 and, by `centre`, at the bias that lets the mean training cosine mean one half.
    3. There are no positions: permuting the segments of a video permutes its result.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

SCALE = 10.0
"""Where the learned scales of the cosines start."""

SHORTEST = 1e-6
"""A vector shorter than this is no direction: it stays shorter than a unit vector, and its gradient finite."""


class TransformerBlock(nn.Module):
    """The parts that both orders share: self-attention over time and a feed-forward net. Eq. 3."""

    def __init__(self, channels: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"features of width {channels} cannot be divided among heads = {heads}")
        self.attention = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.linear1 = nn.Linear(channels, feed_forward)
        self.linear2 = nn.Linear(feed_forward, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def attend(self, stream: Tensor, ignored: Tensor) -> Tensor:
        """What every segment of (B, T, D) gathers from its video; `ignored` (B, T) bool segments are not looked at."""
        found, _ = self.attention(stream, stream, stream, key_padding_mask=ignored, need_weights=False)
        return self.dropout(found)

    def transform(self, stream: Tensor) -> Tensor:
        """The feed-forward net, without its residual."""
        return self.dropout(self.linear2(self.dropout(functional.relu(self.linear1(stream)))))


class PostNormBlock(TransformerBlock):
    """Normalise behind each residual: y = LN1(x + attention(x)), out = LN2(y + feed_forward(y))."""

    def forward(self, stream: Tensor, ignored: Tensor) -> Tensor:
        """Update `stream` (B, T, D)."""
        attended = self.norm1(stream + self.attend(stream, ignored))
        return self.norm2(attended + self.transform(attended))


class PreNormBlock(TransformerBlock):
    """Normalise the input of each part: y = x + attention(LN1(x)), out = y + feed_forward(LN2(y))."""

    def forward(self, stream: Tensor, ignored: Tensor) -> Tensor:
        """Update `stream` (B, T, D)."""
        attended = stream + self.attend(self.norm1(stream), ignored)
        return attended + self.transform(self.norm2(attended))


NORMS: dict[str, type[TransformerBlock]] = {"post": PostNormBlock, "pre": PreNormBlock}
"""By name: where a block normalises."""


class GeneratorOutput(NamedTuple):
    """What the generator says about B videos; index 0 is audio, 1 is visual.

    Segments that are not present hold the logits of a feature of zeros: whoever reads them masks them.

    Attributes:
        dynamic_logits: (B, T, 2, C), of features that have seen their video.
        static_logits: (B, T, 2, C), of features that have not.
    """

    dynamic_logits: Tensor
    static_logits: Tensor

    @property
    def dynamic(self) -> Tensor:
        """(B, T, 2, C) probabilities p^dyn, which become pseudo-labels. Eq. 4."""
        return self.dynamic_logits.sigmoid()

    @property
    def static(self) -> Tensor:
        """(B, T, 2, C) probabilities p^sta. Eq. 5."""
        return self.static_logits.sigmoid()


class LabelGenerator(nn.Module):
    """Probabilities of audible and of visible events, for any list of class names. Eq. 3 to 5.

    Args:
        audio_dim, visual_dim: widths of the teachers' features, which are those of their text.
        heads, feed_forward, dropout: of the transformer blocks, one a modality.
        norm: "post" or "pre".

    Raises:
        ValueError: an unknown norm, a width that cannot be divided among the heads, or a width below 1.
    """

    def __init__(
        self,
        audio_dim: int = 512,
        visual_dim: int = 768,
        heads: int = 8,
        feed_forward: int = 1024,
        dropout: float = 0.1,
        norm: str = "post",
    ) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"unknown norm {norm!r}: choose one of {', '.join(NORMS)}")
        for name, width in {
            "audio_dim": audio_dim, "visual_dim": visual_dim, "heads": heads, "feed_forward": feed_forward
        }.items():  # fmt: skip
            if not isinstance(width, int) or width < 1:
                raise ValueError(f"{name} must be a positive integer, not {width!r}")
        self.widths = {
            "audio_dim": audio_dim, "visual_dim": visual_dim, "heads": heads, "feed_forward": feed_forward,
            "dropout": dropout, "norm": norm,
        }  # fmt: skip
        self.audio_temporal = NORMS[norm](audio_dim, heads, feed_forward, dropout)
        self.visual_temporal = NORMS[norm](visual_dim, heads, feed_forward, dropout)
        self.scale = nn.Parameter(torch.full((2,), SCALE))
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(
        self, audio: Tensor, visual: Tensor, text_audio: Tensor, text_visual: Tensor, present: Tensor | None = None
    ) -> GeneratorOutput:
        """Look at B videos.

        Args:
            audio: (B, T, audio_dim) float; need not have unit length, and rows of zeros are allowed.
            visual: (B, T, visual_dim) float.
            text_audio: (C, audio_dim) float, any classes.
            text_visual: (C, visual_dim) float, the same classes.
            present: (B, T) bool, which segments belong to their video; None if all do. The others have no influence,
                whatever they hold.

        Raises:
            ValueError: shapes do not fit each other or the widths of the generator; names the argument.
        """
        self._check(audio, visual, text_audio, text_visual, present)
        if present is None:
            present = torch.ones(audio.shape[:2], dtype=torch.bool, device=audio.device)
        branches = [
            self._branches(features, block, _unit(text), present, m)
            for m, (features, block, text) in enumerate(
                ((audio, self.audio_temporal, text_audio), (visual, self.visual_temporal, text_visual))
            )
        ]
        dynamic, static = (torch.stack(logits, dim=2) for logits in zip(*branches, strict=True))
        return GeneratorOutput(dynamic, static)

    def _branches(
        self, features: Tensor, block: TransformerBlock, text: Tensor, present: Tensor, modality: int
    ) -> tuple[Tensor, Tensor]:
        """Dynamic and static logits of one modality, each (B, T, C)."""
        static = _unit(_only(features, present))
        # A video without a segment would have nothing to look at, and attention over nothing is NaN.
        ignored = ~present & present.any(dim=1, keepdim=True)
        dynamic = _unit(_only(block(static, ignored), present))
        scale, bias = self.scale[modality], self.bias[modality]
        return scale * dynamic @ text.T + bias, scale * static @ text.T + bias

    @torch.no_grad()
    def centre(
        self, audio: Tensor, visual: Tensor, text_audio: Tensor, text_visual: Tensor, present: Tensor | None = None
    ) -> None:
        """Let the mean cosine of these segments and classes mean one half: b_m = -s_m times that mean.

        Arguments as in `forward`, with the training videos as B. Raises ValueError if no segment is present.
        """
        self._check(audio, visual, text_audio, text_visual, present)
        if present is None:
            present = torch.ones(audio.shape[:2], dtype=torch.bool, device=audio.device)
        if not present.any():
            raise ValueError("present has no segment to take the mean cosine of")
        for m, (features, text) in enumerate(((audio, text_audio), (visual, text_visual))):
            # The mean over all pairs is the product of the means, and needs no (M, C) matrix.
            mean = _unit(features[present]).mean(0) @ _unit(text).mean(0)
            self.bias[m] = -self.scale[m] * mean

    def _check(
        self, audio: Tensor, visual: Tensor, text_audio: Tensor, text_visual: Tensor, present: Tensor | None
    ) -> None:
        """Refuse what does not fit, where torch might broadcast it or name a matrix product."""
        axes = {"audio": audio, "visual": visual, "text_audio": text_audio, "text_visual": text_visual}
        for name, tensor in axes.items():
            width, expected = self.widths[f"{name.removeprefix('text_')}_dim"], 2 if name.startswith("text") else 3
            if tensor.ndim != expected or tensor.shape[-1] != width:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; this generator needs {expected} axes, the last of width "
                    f"{width}: take features and text of the teachers it was trained with"
                )
        if audio.shape[:2] != visual.shape[:2]:
            raise ValueError(
                f"audio is of {tuple(audio.shape[:2])} videos and segments, visual of {tuple(visual.shape[:2])}"
            )
        if len(text_audio) != len(text_visual):
            raise ValueError(f"text_audio names {len(text_audio)} classes, text_visual {len(text_visual)}")
        if present is not None and (present.shape != audio.shape[:2] or present.dtype != torch.bool):
            raise ValueError(
                f"present must be bool of shape {tuple(audio.shape[:2])}, not {present.dtype} {tuple(present.shape)}"
            )


def present_segments(lengths: Tensor, segments: int) -> Tensor:
    """(B,) int lengths of videos -> (B, T) bool, which of T segments belong to their video."""
    return torch.arange(segments, device=lengths.device) < lengths[:, None]


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors, dim=-1, eps=SHORTEST)


def _only(features: Tensor, present: Tensor) -> Tensor:
    """Zeros where nothing is present. A product with zero would keep a NaN of the padding."""
    return features.masked_fill(~present[..., None], 0.0)
