"""An audio vector for every second of a sound file: what segmentation models read as sound.

`extract_seconds` asks the tiny CLAP-like teacher, which is shipped. `vggish_seconds` asks VGGish, whose weights have to be obtained
(data/README.md); it reads log-mel examples, which the corpora bring along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from avvp_lib.features.backbones import SEGMENTS, build_backbone
from avvp_lib.features.bank import BackboneCard, BankError, FeatureBank
from avvp_lib.features.extraction import check_asked, feature_code, file_state, shared_backbone, write_banks
from avvp_lib.features.media import MediaError, read_media
from avvp_lib.features.tiny_teachers import SAMPLE_RATE
from avvp_lib.provenance import code_digest, file_digest, json_digest

MODULE = "avvp_lib.features.sound_seconds"
VGGISH_WIDTH = 128
EXAMPLES_AT_A_TIME = 64


def extract_seconds(
    sounds: Mapping[str, Path],
    seconds: int,
    backbone: str,
    out: Path,
    workers: int | None = None,
    progress: bool = True,
) -> FeatureBank:
    """A vector of each of the first seconds of sound files, (N, seconds, D), in the bank out/<backbone>.

    Resumable and kept while current, as `extract` is. Behind the end of a file is silence.

    Args:
        sounds: id -> sound file.
        seconds: 1 to 10.
        backbone: of the registry; it must hear and return a vector a second, such as "tiny-clap".
        out: folder of the bank.
        workers: processes; the machine's cores by default.
        progress: show a bar.

    Raises:
        ValueError: no sounds, seconds out of range, or a backbone that does not hear.
        MediaError: a file cannot be read; names it.
    """
    check_asked(sounds, [backbone])
    card = build_backbone(backbone).card
    if card.modality != "audio" or card.output_shape[0] != SEGMENTS:
        raise ValueError(f"{backbone} does not give a vector a second of sound: choose tiny-clap or tiny-clap-map")
    if not 1 <= seconds <= SEGMENTS:
        raise ValueError(f"seconds must be 1 to {SEGMENTS}, not {seconds}")
    card = _card(card, seconds)
    files = {key: file_state(path) for key, path in sounds.items()}
    code = json_digest([feature_code(), code_digest(MODULE)])[:16]
    made_from = {"inputs": json_digest([files, seconds]), "code": code}
    asked = {key: (files[key], (str(path), seconds)) for key, path in sounds.items()}
    report = write_banks(asked, {backbone: card}, Path(out), made_from, [seconds], _encode, workers, progress)
    if report.failures:
        key, reason = next(iter(report.failures.items()))
        raise MediaError(f"{len(report.failures)} of {len(sounds)} sounds cannot be read, {key} first: {reason}")
    return FeatureBank.open(report.banks[backbone])


def _card(card: BackboneCard, seconds: int) -> BackboneCard:
    rule = f"{card.input_rule}; the first {seconds} s"
    return BackboneCard(**{**card.to_dict(), "input_rule": rule, "output_shape": (seconds, card.output_shape[1])})


def _encode(names: Sequence[str], path: str, seconds: int) -> list[np.ndarray]:
    """(seconds, D) of each backbone; they take ten seconds, so silence is added and its rows are dropped."""
    media = read_media(Path(path), fps=8, sample_rate=SAMPLE_RATE, frame_size=(8, 8), on_missing="fill")
    return [shared_backbone(name)(media)[:seconds] for name in names]


def vggish_seconds(
    keys: Sequence[str], log_mel: np.ndarray, weights: Path, out: Path, device: str = "cpu"
) -> FeatureBank:
    """What VGGish makes of log-mel examples, (N, T, 128), in the bank out/vggish; kept while weights and examples are the same.

    Args:
        keys: the ids of the clips.
        log_mel: (N, T, 1, 96, 64) float32.
        weights: VGGish's state dict.
        out: folder of the bank.
        device: where to compute.
    """
    from avvp_lib.features.vggish_network import load_vggish

    made_from = json_digest([list(keys), code_digest(MODULE, "avvp_lib.features.vggish_network"), _digest(log_mel)])
    card = BackboneCard(
        name="vggish",
        revision=f"{file_digest(weights)[:12]}-{made_from[:12]}",
        modality="audio",
        input_rule="log-mel examples of 0.96 s, 96 x 64",
        output_shape=(log_mel.shape[1], VGGISH_WIDTH),
        dtype="float32",
        activation="ReLU",
        normalisation="none",
        licence="Apache-2.0",
    )
    try:
        bank = FeatureBank.open(out / "vggish")
        if bank.card == card:
            return bank
    except (BankError, OSError):
        pass
    network = load_vggish(weights).to(device).eval()
    examples = torch.from_numpy(log_mel).flatten(0, 1)
    with torch.no_grad():
        parts = [network(part.to(device)).float().cpu() for part in examples.split(EXAMPLES_AT_A_TIME)]
    features = torch.cat(parts).view(*log_mel.shape[:2], VGGISH_WIDTH).numpy()
    return FeatureBank.write(out / "vggish", keys, features, card)


def _digest(array: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
