"""Run the whole of laion_clap, offline, and write down what it makes of given pieces of sound and sentences.

    python -m tests.features.laion_clap_reference FOLDER

FOLDER/pieces.npy (10, L) and FOLDER/clip.npy (480000,) are sounds at 48 kHz, FOLDER/sentences.json sentences. HF_HOME must be a cache
with roberta-base in it, because CLAP_Module asks for it when it is built; HF_HUB_OFFLINE keeps it from asking further. Writes a
checkpoint with random weights, checkpoint.pt, which laion_clap then loads itself, and answers.npz.

Spectrograms are torchaudio's where it is installed. Where not, librosa stands in, by the settings that laion_clap notes as equal.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch


def librosa_mel(samples: torch.Tensor, settings: dict) -> torch.Tensor:
    """(T, 64): what laion_clap's comment beside its torchaudio spectrogram gives as its equal."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=samples.numpy(), sr=settings["sample_rate"], n_fft=settings["window_size"], win_length=settings["window_size"],
        hop_length=settings["hop_size"], center=True, pad_mode="reflect", power=2.0, n_mels=settings["mel_bins"], norm=None, htk=True,
        fmin=settings["fmin"], fmax=settings["fmax"],
    )  # fmt: skip
    return torch.from_numpy(librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T.copy())


def main(folder: Path) -> None:
    import laion_clap
    from laion_clap.training import data

    from tests.features.published_checkpoints import seeded_state

    if data.torchaudio is None:
        data.get_mel = librosa_mel
    model = laion_clap.CLAP_Module(enable_fusion=True, device="cpu")
    state = seeded_state(model.model, seed=7)
    state["logit_scale_a"] = torch.tensor(2.9)
    stored = {f"module.{key}": tensor for key, tensor in state.items()}
    stored["module.text_branch.embeddings.position_ids"] = torch.arange(514)[
        None
    ]  # files have it, load_ckpt deletes it
    torch.save(
        {"epoch": 15, "name": "random", "best": np.float64(0.5), "state_dict": stored, "optimizer": {"state": {}}},
        folder / "checkpoint.pt",
    )
    model.load_ckpt(str(folder / "checkpoint.pt"), verbose=False)  # our own file: its unpickling harms nobody
    model.eval()

    pieces, clip = np.load(folder / "pieces.npy"), np.load(folder / "clip.npy")
    sentences = json.loads((folder / "sentences.json").read_text(encoding="utf-8"))
    tokens = []
    with torch.no_grad():
        seconds = model.get_audio_embedding_from_data(x=list(pieces))
        hook = model.model.audio_branch.norm.register_forward_hook(lambda *call: tokens.append(call[2]))
        whole = model.get_audio_embedding_from_data(x=[clip])
        hook.remove()
        text = model.get_text_embedding(sentences)
        scale, _ = model.model(None, None, "cpu")
    np.savez(
        folder / "answers.npz", seconds=seconds, whole=whole, text=text, scale=scale.item(), grid=tokens[0][0].numpy(),
        torchaudio=data.torchaudio is not None,
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
