"""Miniatures of AVSBench's three layouts, written by hand as the release has them."""

import json
import pickle
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import wavfile

from avvp_lib.corpora.masks import voc_palette

SIZE = 12
LOUD = 0.25


def write_avsbench(root: Path, setting: str) -> Path:
    """A corpus of six clips (two a split) or, of AVSS, one of each subset for training and a v1s and a v2 for test."""
    {"s4": _write_s4, "ms3": _write_ms3, "avss": _write_avss}[setting](root)
    return root


def _write_s4(root):
    lines = ["name,start,category,split"]
    for number, split in enumerate(["train", "val", "test"] * 2):
        category = ("dog_barking", "helicopter")[number % 2]
        key, inside = f"clip{number}_x", f"{split}/{category}"
        lines.append(f"{key},{number},{category},{split}")
        data = root / "s4_data"
        for k in range(1, 6):
            picture(data / "visual_frames" / inside / key / f"{key}_{k}.png", number + k)
        for k in range(1, 2 if split == "train" else 6):
            binary(data / "gt_masks" / inside / key / f"{key}_{k}.png", k)
        sound(data / "audio_wav" / inside / f"{key}.wav", 5)
        log_mel(data / "audio_log_mel" / inside / f"{key}.pkl", 5)
    (root / "s4_meta_data.csv").write_text("\n".join(lines) + "\n")


def _write_ms3(root):
    lines = ["video_id,split"]
    for number, split in enumerate(["train", "val", "test"] * 2):
        key, data = f"clip{number}_x", root / "ms3_data"
        lines.append(f"{key},{split}")
        for k in range(1, 6):
            picture(data / "visual_frames" / key / f"{key}.mp4_{k}.png", number + k)
            binary(data / "gt_masks" / split / key / f"{key}_{k}.png", k)
        sound(data / "audio_wav" / split / f"{key}.wav", 5)
        log_mel(data / "audio_log_mel" / split / f"{key}.pkl", 5)
    (root / "ms3_meta_data.csv").write_text("\n".join(lines) + "\n")


def _write_avss(root):
    lines = ["vid,uid,s_min,s_sec,a_obj,label,split"]
    clips = [("v1s", "train"), ("v1m", "train"), ("v2", "train"), ("v1s", "test"), ("v2", "test")]
    for number, (subset, split) in enumerate(clips):
        key = f"clip{number}_x"
        lines.append(f"vid{number},{key},0,{number},thing,{subset},{split}")
        folder, frames = root / subset / key, 10 if subset == "v2" else 5
        for k in range(frames):
            picture(folder / "frames" / f"{k}.jpg", number + k)
        for k in range(1 if (subset, split) == ("v1s", "train") else frames):
            classes(folder / "labels_rgb" / f"{k}.png", 70 - k)
        sound(folder / "audio.wav", frames)
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    labels = ["background", *(f"thing {number:02d}" for number in range(1, 71))]
    (root / "label2idx.json").write_text(json.dumps({label: number for number, label in enumerate(labels)}))


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **({"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}))


def picture(path, grey):
    """A picture twice as wide as high, brighter by 10 for each step; the outer quarters are black."""
    pixels = np.zeros((SIZE, 2 * SIZE, 3), np.uint8)
    pixels[:, SIZE // 2 : -SIZE // 2] = 10 * grey
    save(path, Image.fromarray(pixels))


def binary(path, rows):
    """White in the first `rows` rows."""
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    pixels[:rows] = 255
    save(path, Image.fromarray(pixels))


def classes(path, number):
    """The class in the left quarter of a mask twice as wide as high, class 1 in its middle column."""
    mask = np.zeros((SIZE, 2 * SIZE), np.uint8)
    mask[:, : SIZE // 2] = number
    mask[:, SIZE] = 1
    save(path, Image.fromarray(voc_palette()[mask]))


def sound(path, seconds, rate=16_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * rate)) / rate
    wavfile.write(path, rate, (LOUD * 32768 * np.sin(2 * np.pi * 440 * times)).astype(np.int16))


def log_mel(path, examples):
    """Example i is i everywhere, stored as the release stores it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensor = torch.arange(float(examples)).reshape(-1, 1, 1, 1).repeat(1, 1, 96, 64).requires_grad_()
    path.write_bytes(pickle.dumps(tensor))
