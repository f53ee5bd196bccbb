"""How well the shipped teachers know their sentences: fresh captioned examples, fresh filmed ones, and a corpus' segments.

    python benchmarks/teachers.py

Reference in the same run: chance, and for the segments the share of positives (what a random ranking would score).
"""

import numpy as np
import torch

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.corpora.synthetic.picture import CAPTIONED, FILMED, render_still
from avvp_lib.corpora.synthetic.soundtrack import CAPTIONED as CLEAR
from avvp_lib.corpora.synthetic.soundtrack import RECORDED, render_sound
from avvp_lib.features.tiny_teachers import build_teacher, class_text, picture_input, sound_input
from avvp_lib.recipes import prepare

EXAMPLES = 12  # of each category


def top1(name: str, domain: str, hard: bool) -> float:
    """Share of fresh examples with one category whose own sentence is the most similar of the 25."""
    rng = np.random.default_rng(10_000)
    clips = []
    for category in LLP_CATEGORIES * EXAMPLES:
        if name == "tiny-clip":
            clips.append(render_still(rng, domain, [category], FILMED if hard else CAPTIONED))
        else:
            clips.append(render_sound(rng, domain, [category], 1.0, RECORDED if hard else CLEAR))
    inputs = (picture_input if name == "tiny-clip" else sound_input)(torch.from_numpy(np.stack(clips)))
    with torch.no_grad():
        embeddings = build_teacher(name).encode_image(inputs, normalize=True).numpy()
    answers = (embeddings @ class_text(name)[0].T).argmax(1)
    return float((answers == np.tile(np.arange(25), EXAMPLES)).mean())


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under the precision-recall steps of one ranking."""
    ranked = truth[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())


def main() -> None:
    """Print both teachers' scores."""
    for name in ("tiny-clip", "tiny-clap"):
        for domain in ("studio", "street"):
            print(
                f"{name}, {domain}: top-1 {top1(name, domain, False):.2f} captioned, {top1(name, domain, True):.2f} filmed (chance 0.04)"
            )
    for domain in ("studio", "street"):
        bench = prepare("tutorial", corpus_seed=0, domain=domain)
        test = bench.corpus.splits["test"]
        for modality, similarity, truth in zip(
            ("audio", "visual"), bench.similarities("test"), (test.audio, test.visual), strict=True
        ):
            rows = [
                average_precision(similarity[..., c].ravel(), truth[..., c].ravel())
                for c in range(25)
                if truth[..., c].any()
            ]
            print(
                f"{domain} corpus seed 0, {modality}: segment mAP {np.mean(rows):.2f} (random ranking {truth.mean((0, 1)).mean():.2f})"
            )


if __name__ == "__main__":
    main()
