"""What the wider text towers are worth: zero-shot mean average precision on fresh rendered examples, category by category.

    python benchmarks/wide_text.py

The same features are ranked by several texts: the shipped towers' own sentences (VALOR's, for LLP's 25 categories only), the shipped
towers asked with EAR's sentences, and the wider towers asked with EAR's sentences, by UnAV-100's labels and by LLP's names.
Reference: the share of positives, what a random ranking would score.
"""

import numpy as np

from avvp_lib.corpora.llp import LLP_CATEGORIES
from avvp_lib.features.teacher_training import draw_present
from avvp_lib.features.tiny_teachers import TEACHERS, build_teacher, class_text, embed_text
from avvp_lib.features.wide_text import event_sentences, wide_text
from avvp_lib.features.wide_text_training import embed_examples, wide_names

SEED, EXAMPLES = 5000, 1500


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Area under the precision-recall steps of one ranking."""
    ranked = truth[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())


def main() -> None:
    """Print both teachers' scores."""
    categories = list(wide_names())
    labels = [called[-1] for called in wide_names().values()]  # UnAV's label where there is one
    for name in TEACHERS:
        embedded = embed_examples(name, SEED, 0, EXAMPLES, categories)[0].numpy()
        truth = np.zeros((EXAMPLES, len(categories)), bool)
        for index in range(EXAMPLES):
            truth[index, draw_present(name, SEED, index, len(categories))[1]] = True
        shipped = embed_text(build_teacher(name), name, event_sentences(name, labels)).numpy()
        texts = {
            "shipped, own sentences": class_text(name)[0],
            "shipped, EAR's sentences": shipped,
            "wide, UnAV's labels": wide_text(name, labels)[0],
            "wide, LLP's names": wide_text(name, LLP_CATEGORIES)[0],
        }
        print(f"{name}: {EXAMPLES} examples, random ranking {truth.mean():.3f}")
        for what, text in texts.items():
            found = [average_precision(embedded @ text[c], truth[:, c]) for c in range(len(text))]
            means = [f"{np.mean(part):.3f}" for part in (found[:25], found[25:]) if part]
            print(f"  {what}: mean of LLP's 25, of the 12 more: {', '.join(means)}")
            print("   ", ", ".join(f"{category} {ap:.2f}" for category, ap in zip(categories, found, strict=False)))


if __name__ == "__main__":
    main()
