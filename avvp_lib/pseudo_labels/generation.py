"""A trained generator and the pseudo-labels it makes for any corpus and any class list. EAR's stage 2.

    EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing. arXiv:2605.08723, Eq. 9.

    generator = fit_generator(...).generator                        # avvp_lib.pseudo_labels.generator_training
    val = generator.probabilities(audio, visual, text_audio, text_visual)
    thresholds = choose_thresholds(val, (split.audio, split.visual), split.video_labels)
    labels = soft_labels(train, thresholds, video_labels, keys, generator.provenance())

The generator is frozen here. It never sees a label of the target corpus; the two thresholds see those of its validation split, and
the labels are gated by the video labels.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from avvp_lib.corpora.events import MODALITIES
from avvp_lib.fit_state import tensors_digest
from avvp_lib.models.generator import LabelGenerator, present_segments
from avvp_lib.provenance import atomic_path, file_digest, remove_unfinished, write_json
from avvp_lib.pseudo_labels.zero_shot import PseudoLabels
from avvp_lib.records import note_input
from avvp_lib.weights import CheckpointError
from avvp_lib.workspace import shown

WEIGHTS, CARD = "generator.safetensors", "generator.json"
FORMAT = "avvp pseudo-label generator 1"
CARD_KEYS = {"format", "weights", "widths", "about"}

Grids = tuple[np.ndarray, np.ndarray]
"""(N, T, C) of audio and of visual."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PseudoLabelGenerator:
    """A frozen generator with what is known about its training.

    Attributes:
        model: in evaluation mode; features go to wherever it is.
        about: plain values: the recipe, the seed, the kept epoch, the source corpus with its classes and banks, versions.
    """

    model: LabelGenerator
    about: dict[str, Any]

    @torch.no_grad()
    def probabilities(
        self,
        audio: np.ndarray | Tensor,
        visual: np.ndarray | Tensor,
        text_audio: np.ndarray | Tensor,
        text_visual: np.ndarray | Tensor,
        lengths: np.ndarray | Tensor | None = None,
        *,
        branch: str = "dynamic",
        batch_size: int = 256,
    ) -> Grids:
        """How likely each class is heard and seen in each segment. Eq. 4.

        Args:
            audio: (N, T, audio_dim) float features of the audio teacher.
            visual: (N, T, visual_dim) float features of the visual teacher.
            text_audio: (C, audio_dim) float, what the audio teacher makes of C class names, any list.
            text_visual: (C, visual_dim) float, of the same names.
            lengths: (N,) int, segments of each video; None if all T belong to it.
            branch: "dynamic", or "static" for the probabilities of single segments (Eq. 5).
            batch_size: videos at a time.

        Returns:
            (N, T, C) float32 of audio and of visual; 0 behind the end of a video.

        Raises:
            ValueError: widths are not those of the generator, shapes do not fit each other, a feature is not finite, there is no
                class, or a video has no segment; names the argument and the video.
        """
        if branch not in ("dynamic", "static"):
            raise ValueError(f"unknown branch {branch!r}: choose dynamic or static")
        audio, visual, text_audio, text_visual = map(_float, (audio, visual, text_audio, text_visual))
        lengths = torch.full((len(audio),), audio.shape[1]) if lengths is None else torch.as_tensor(lengths)
        check_features(audio, visual, text_audio, text_visual, lengths)
        present = present_segments(lengths, audio.shape[1])
        home = self.model.scale.device
        texts = text_audio.to(home), text_visual.to(home)
        self.model.eval()
        parts = [
            getattr(self.model(audio[i].to(home), visual[i].to(home), *texts, present[i].to(home)), branch).cpu()
            for i in torch.arange(len(audio)).split(batch_size)
        ]
        joined = torch.cat(parts) if parts else torch.zeros(0, audio.shape[1], 2, len(text_audio))
        joined = joined.masked_fill(~present[..., None, None], 0.0)
        return joined[:, :, 0].numpy(), joined[:, :, 1].numpy()

    def provenance(self) -> dict[str, Any]:
        """For labels that this generator makes: how it came to be, and a fingerprint of its weights."""
        return {"generator": self.about, "generator weights": tensors_digest(sorted(self.model.state_dict().items()))}

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, then the card as JSON: a folder with a card is complete."""
        folder = Path(folder)
        remove_unfinished(folder)
        state = {key: tensor.detach().cpu().contiguous() for key, tensor in self.model.state_dict().items()}
        with atomic_path(folder / WEIGHTS) as temporary:
            save_file(state, temporary)
        card = {"format": FORMAT, "weights": file_digest(folder / WEIGHTS), "widths": self.model.widths}
        write_json(folder / CARD, card | {"about": self.about})

    @classmethod
    def load(cls, folder: Path) -> PseudoLabelGenerator:
        """Read what `save` wrote. Nothing in it is executed.

        Raises:
            CheckpointError: a file is missing, damaged or of something else, or the weights are not those of the card.
        """
        folder = Path(folder)
        for name in (CARD, WEIGHTS):
            if not (folder / name).is_file():
                raise CheckpointError(f"no generator in {shown(folder)}: {name} is missing. Train one and save it")
        card = _read_card(folder / CARD)
        note_input(folder / WEIGHTS)
        if file_digest(folder / WEIGHTS) != card["weights"]:
            raise CheckpointError(
                f"{shown(folder / WEIGHTS)} is damaged, or of another training than {CARD} beside it: save the generator again"
            )
        try:
            model = LabelGenerator(**card["widths"])
            model.load_state_dict(load_file(folder / WEIGHTS))
        except (SafetensorError, ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(
                f"{shown(folder)} holds no generator of the widths its card names: {str(error).splitlines()[0]}"
            ) from error
        return cls(model.eval(), card["about"])


def _read_card(path: Path) -> dict[str, Any]:
    note_input(path)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{shown(path)} is damaged ({error}): save the generator again") from error
    if not isinstance(card, dict) or not card.keys() >= CARD_KEYS or card["format"] != FORMAT:
        raise CheckpointError(
            f"{shown(path)} is not the card of a generator ({FORMAT!r}): it was written by something else"
        )
    if not isinstance(card["widths"], dict) or not isinstance(card["about"], dict):
        raise CheckpointError(f"{shown(path)} is damaged: its widths and what it says about the training are no tables")
    return card


def check_features(audio: Tensor, visual: Tensor, text_audio: Tensor, text_visual: Tensor, lengths: Tensor) -> None:
    """Refuse features, text and lengths of N videos that are not finite, empty, or do not fit each other.

    Raises:
        ValueError: names the argument, and the video where it is one.
    """
    for name, tensor in {"audio": audio, "visual": visual}.items():
        if tensor.ndim != 3:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; features are (videos, segments, width)")
        if not torch.isfinite(tensor).all():
            video = int((~torch.isfinite(tensor)).flatten(1).any(1).nonzero()[0])
            raise ValueError(f"{name} of video {video} holds a NaN or an infinity: extract its features again")
    if audio.shape[:2] != visual.shape[:2]:
        raise ValueError(
            f"audio is of (videos, segments) {tuple(audio.shape[:2])}, visual of {tuple(visual.shape[:2])}"
        )
    for name, text, features in (("text_audio", text_audio, audio), ("text_visual", text_visual, visual)):
        if text.ndim != 2 or text.shape[1] != features.shape[2]:
            raise ValueError(
                f"{name} has shape {tuple(text.shape)}; with features of width {features.shape[2]} it must be "
                f"(classes, {features.shape[2]}): text and features come from one teacher"
            )
        if not torch.isfinite(text).all():
            raise ValueError(f"{name} holds a NaN or an infinity")
    if not len(text_audio) or len(text_audio) != len(text_visual):
        raise ValueError(
            f"text_audio names {len(text_audio)} classes, text_visual {len(text_visual)}: name the same, and at least one"
        )
    if lengths.shape != audio.shape[:1] or lengths.is_floating_point():
        raise ValueError(f"lengths must be {len(audio)} integers, one a video")
    wrong = (lengths < 1) | (lengths > audio.shape[1])
    if wrong.any():
        video = int(wrong.nonzero()[0])
        raise ValueError(
            f"video {video} has {int(lengths[video])} segments; it needs 1 to {audio.shape[1]}: leave empty videos out"
        )


def choose_thresholds(probabilities: Grids, truth: Grids, video_labels: np.ndarray) -> tuple[float, float]:
    """For each modality the threshold whose gated labels have the best F-score, all classes and segments pooled.

    Videos that are not labelled with a class do not count for it: the gate of Eq. 9 removes what would be claimed there.

    Args:
        probabilities: audio and visual, each (N, T, C) in [0, 1], of a densely labelled split.
        truth: audio and visual, each (N, T, C) bool.
        video_labels: (N, C) bool.

    Returns:
        Audio and visual theta in [0, 1], for [p >= theta].

    Raises:
        ValueError: shapes do not fit, a probability is outside [0, 1], or a modality has no true segment that its video is labelled
            with.
    """
    chosen = []
    for modality, values, true in zip(MODALITIES, probabilities, truth, strict=True):
        _check_grid(f"{modality} probabilities", values, video_labels)
        if np.shape(true) != values.shape:
            raise ValueError(
                f"{modality} truth is {np.shape(true)}, probabilities are {values.shape}: both of one split"
            )
        admitted = np.broadcast_to(video_labels[:, None].astype(bool), values.shape)
        if not (true & admitted).any():
            raise ValueError(
                f"no {modality} segment is true in a video labelled with it: nothing to choose a threshold by"
            )
        chosen.append(_best_threshold(values[admitted].astype(float), true[admitted]))
    return chosen[0], chosen[1]


def _best_threshold(values: np.ndarray, positive: np.ndarray) -> float:
    """The middle between the last value to be claimed and the first one not to be, where F is best."""
    order = np.argsort(-values, kind="stable")
    values, hits = values[order], np.cumsum(positive[order])
    f_score = 2 * hits / (np.arange(1, len(values) + 1) + positive.sum())
    f_score[:-1][values[:-1] == values[1:]] = -1  # a threshold cannot cut between equal values
    best = int(np.argmax(f_score))
    if best + 1 == len(values):
        return float(values[best])
    middle = (values[best] + values[best + 1]) / 2
    return float(middle if middle > values[best + 1] else values[best])


def soft_labels(
    probabilities: Grids,
    thresholds: tuple[float | np.ndarray, float | np.ndarray],
    video_labels: np.ndarray,
    keys: tuple[str, ...],
    provenance: dict[str, Any] | None = None,
) -> PseudoLabels:
    """y_m = p_m [p_m >= theta_m] Y_video: the probability is the confidence, and stays. Eq. 9.

    Args:
        probabilities: audio and visual, each (N, T, C) in [0, 1].
        thresholds: audio and visual theta in [0, 1]; a number, or (C,) one for each class.
        video_labels: (N, C) bool. Labels of a test split made this way leak its video labels: never use them as inputs.
        keys: N feature ids.
        provenance: stored beside method and thresholds, such as `PseudoLabelGenerator.provenance` and the banks' hashes.

    Returns:
        Soft labels. If no segment of any video gets one, their provenance says so under "warning".

    Raises:
        ValueError: shapes do not fit, such as those of another class list; a probability or a threshold is outside [0, 1].
    """
    labels, used = [], {}
    allowed = np.asarray(video_labels, bool)[:, None, :]
    for modality, values, threshold in zip(MODALITIES, probabilities, thresholds, strict=True):
        _check_grid(f"{modality} probabilities", values, video_labels)
        threshold = np.asarray(threshold, float)
        if threshold.shape not in ((), values.shape[-1:]) or not ((threshold >= 0) & (threshold <= 1)).all():
            raise ValueError(
                f"the {modality} threshold is {threshold.tolist()}: it must be a probability in [0, 1], one for all classes or "
                f"one for each of the {values.shape[-1]}"
            )
        labels.append(np.where((values >= threshold) & allowed, values, 0).astype(np.float32))
        used[f"thresholds_{modality}"] = threshold.round(6).tolist()
    record = {"method": "generator (EAR, Eq. 9)", **used, **(provenance or {})}
    if not any(grid.any() for grid in labels):
        record["warning"] = "no segment of any video has a label: the thresholds lie above every admitted probability"
        logger.warning("%s", record["warning"])
    return PseudoLabels(tuple(keys), labels[0], labels[1], record)


def _check_grid(name: str, values: np.ndarray, video_labels: np.ndarray) -> None:
    videos, classes = np.shape(video_labels)
    if values.ndim != 3 or (values.shape[0], values.shape[2]) != (videos, classes):
        raise ValueError(
            f"{name} are {values.shape}; with these video labels they must be ({videos}, T, {classes}): were they made for "
            "another split or another class list?"
        )
    if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
        raise ValueError(f"{name} must be finite and lie in [0, 1]")


def _float(values: np.ndarray | Tensor) -> Tensor:
    return torch.as_tensor(values).float().cpu()
