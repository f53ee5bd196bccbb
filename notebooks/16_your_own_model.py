# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 16 · Your own model, labels and corpus
#
# *Time: one to two minutes on two cores. Memory: 2 GB. Data: the rendered corpus and its feature banks, made on first use.*
#
# **Question.** You have an idea. What is the least that you must write to see it in the tables, trained and scored like everything else?
#
# You will learn
#
# 1. to add a **model**: a forward that returns a `ParsingOutput`;
# 2. to add a **pseudo-label method**: from a bench to segment labels;
# 3. to add a **corpus**: from a folder to splits with labels;
# 4. what the house does with them: joins by id, gates, intervals, fingerprints.
#
# Each of the three is one file in `examples/` with fewer than 40 lines. Copy one and change it.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of everything
corpus_seed = 0  # which rendered corpus; 0 is for trying things out, 1 for reporting
seed = 0  # of the training: first weights, order of the videos, dropout
device = "auto"  # one of auto, cpu, cuda: where to train
out = "outputs/runs/16_your_own_model"  # folder for figures and for the home videos of section 4

# %%
import shutil

import numpy as np
import pandas as pd
import torch
from IPython.display import Code

import avvp_lib
from avvp_lib.cells import measure
from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.events import grid_to_events
from avvp_lib.extensions import load_extension
from avvp_lib.figures import grid_picture, results_dots
from avvp_lib.models import build_model
from avvp_lib.recipes import PROFILES, bench_on_media, prepare, recipe
from avvp_lib.reports import comparisons, results_table
from avvp_lib.workspace import workspace

folder, examples = workspace() / out, workspace() / "examples"
folder.mkdir(parents=True, exist_ok=True)
print(f"avvp {avvp_lib.__version__}, training seed {seed}, corpus seed {corpus_seed}")

# %% [markdown]
# ## 1 · One interface
#
# Everything in this project meets in four types. Whoever returns them may come in:
#
# | you write | it gets | it returns |
# |---|---|---|
# | a model | `audio` $(B, T, D_a)$, `visual_2d` $(B, kT, D_{2})$, `visual_3d` $(B, T, D_{3})$ | `ParsingOutput`: `segment_prob` $(B, T, 2, C)$, `video_prob` $(B, C)$, `modality_prob` $(B, 2, C)$ |
# | a label method | a `Bench`: corpus, feature banks, teachers | `PseudoLabels`: `audio`, `visual` $(N, T, C)$ in $[0, 1]$, and their provenance |
# | a corpus | its folder | `Corpus` with `CorpusSplit`s: `video_labels` $(N, C)$, `audio`, `visual` $(N, T, C)$ or None |
# | a recipe | names of the above | a row of the table |

# %%
bench = prepare(profile, corpus_seed, progress=False)
print(bench.corpus.name, {name: len(split) for name, split in bench.corpus.splits.items()})

# %% [markdown]
# ## 2 · A model
#
# HAN, VALOR and their heirs spend most of their parameters on attention between segments and between modalities. What does it buy? Here is the model without: each segment for itself.

# %%
load_extension(examples / "own_model.py")
Code((examples / "own_model.py").read_text(), language="python")

# %% [markdown]
# On a toy that can be read: two videos of three segments. The output has the shapes that every loss, gate and figure expects, and a segment is really on its own:
# if we change the last second, the first two do not move.

# %%
torch.manual_seed(0)
toy_model = build_model("segment-mlp", audio_dim=4, visual_2d_dim=4, visual_3d_dim=4, hidden=8, classes=2).eval()
features = [torch.randn(2, 3, 4) for _ in range(3)]
before = toy_model(*features)
features[0][:, 2] += 1.0
moved = (toy_model(*features).segment_prob - before.segment_prob).abs().amax(dim=(0, 2, 3))
print("segment_prob", tuple(before.segment_prob.shape), "  video_prob", tuple(before.video_prob.shape))
print("moved by segment:", [round(value, 3) for value in moved.tolist()])
assert moved[:2].max() == 0 and moved[2] > 0

# %% [markdown]
# The file also names a **recipe**: this model, learning from zero-shot pseudo-labels, trained as VALOR is. `measure` trains and scores it; beside it, VALOR itself with the same labels and the same training.

# %%
cells = [measure(recipe(name, profile), bench, seed, progress=False) for name in ("valor-zero-shot", "segment-mlp")]
print({cell["experiment"]: f"{cell['parameters']:,} parameters" for cell in cells})
results_table(cells)[["seeds", "segment/A", "segment/V", "segment/Type", "event/Type", "Type interval"]].round(1)

# %%
comparisons(cells, [("segment-mlp", "valor-zero-shot")], ["segment/Type"]).round(1)

# %% [markdown]
# **What to notice.** The verdict is about one training seed and these test videos. Compare the event level too: a model without context has no reason to give neighbouring seconds the same answer.

# %% [markdown]
# ## 3 · A pseudo-label method
#
# Zero-shot labels flicker: every second is judged for itself, so a dog that barks for five seconds may lose its third. A majority of three neighbouring seconds mends that, and it also erases true events of one second.

# %%
labels = load_extension(examples / "own_labels.py")
Code((examples / "own_labels.py").read_text(), language="python")

# %%
flicker = np.zeros((1, 10, 3), np.float32)
flicker[0, [1, 2, 4, 5], 0] = 1  # a gap of one second
flicker[0, 7, 1] = 1  # a single second
flicker[0, [0, 1, 2, 8, 9], 2] = 1  # at the ends
mended = labels.majority_of_three(flicker)
grid_picture({"before": (flicker[0] > 0, None), "after": (mended[0] > 0, None)}, ("gap", "single", "ends"))

# %% [markdown]
# The gap is closed, the single second is gone, and at the ends a label that touches the border counts twice. Is that better on real labels? The simulator knows.

# %%
truth, rows = bench.labels("truth"), {}
for name in ("zero-shot", "smoothed"):
    made = bench.labels(name)
    for modality in ("audio", "visual"):
        guess, true = getattr(made, modality) > 0.5, getattr(truth, modality) > 0.5
        rows[name, modality] = {
            "precision": 100 * (guess & true).sum() / guess.sum(),
            "recall": 100 * (guess & true).sum() / true.sum(),
        }
pd.DataFrame(rows).T.round(1)

# %%
cells.append(measure(recipe("valor-smoothed", profile), bench, seed, progress=False))
comparisons(cells, [("valor-zero-shot", "valor-smoothed")], ["segment/Type"]).round(1)

# %% [markdown]
# **What to notice.** Better labels need not make a better model: a network that averages over the noise of eight hundred videos may have smoothed them already. That is why labels *and* models have to be measured.

# %% [markdown]
# ## 4 · A corpus
#
# Somebody has a folder of clips, a table of who is in them, and has annotated a part. We make such a folder from some of the rendered videos, and write the tables in a layout
# that nothing here knows yet.

# %%
taken = {"train": 240, "val": 60, "test": 100}
source = {name: split.subset(range(min(taken[name], len(split)))) for name, split in bench.corpus.splits.items()}
home = folder / "home-videos"
(home / "videos").mkdir(parents=True, exist_ok=True)
for split in source.values():
    for key in split.keys:
        shutil.copy2(bench.corpus.media_path(key), home / "videos" / f"{key}.mp4")

# %%
names, tables = np.array(bench.corpus.categories), []
for name, split in source.items():
    written = [";".join(names[row]) for row in split.video_labels]
    tables.append(pd.DataFrame({"video": split.keys, "split": name, "labels": written}))
pd.concat(tables).to_csv(home / "videos.csv", index=False)
annotated = [split for split in source.values() if split.audio is not None]
dense = [grid_to_events(split.audio, split.visual, split.keys, names) for split in annotated]
pd.concat(dense).to_csv(home / "events.csv", index=False)
print((home / "videos.csv").read_text()[:110], (home / "events.csv").read_text()[:120], sep="...\n\n")

# %% [markdown]
# The reader, whole:

# %%
load_extension(examples / "own_corpus.py")
Code((examples / "own_corpus.py").read_text(), language="python")

# %% [markdown]
# From here on it is a corpus like LLP: features are extracted, thresholds fitted on its validation split, recipes trained, and the same table comes out. What is checked on the way in needs no line of yours:
# unknown categories, events outside their video, ids that occur twice and files that cannot be decoded are refused or left out by name.

# %%
own_bench = bench_on_media(load_corpus("home-videos", home), PROFILES[profile], progress=False)
print({name: len(split) for name, split in own_bench.corpus.splits.items()}, list(own_bench.banks))
own_cells = [
    measure(recipe(name, profile), own_bench, seed, progress=False)
    for name in ("han", "valor-zero-shot", "valor-smoothed", "segment-mlp")
]
results_table(own_cells)[["seeds", "segment/A", "segment/V", "segment/Type", "event/Type", "Type interval"]].round(1)

# %% [markdown]
# **What to notice.** Fewer training videos cost every model something; compare with the table above. And a hundred test videos give wide intervals: which of these rows may you call different?

# %% [markdown]
# ## 5 · All of it in one table

# %%
cells.insert(0, measure(recipe("han", profile), bench, seed, progress=False))
table = results_table(cells)
figure = results_dots(table)
figure.savefig(folder / "results.png")
figure

# %% [markdown]
# **To keep your result**, measure it on the corpus that nothing was tuned on, with several seeds; the cells are stored with fingerprints of your file, and a changed line of it marks them stale:
#
# ```
# avvp measure segment-mlp valor-smoothed --with examples/own_model.py --with examples/own_labels.py --corpus-seed 1
# ```
#
# **To compare another code base** that you do not want to touch, let it write its predictions to a file and run `avvp score` (`docs/doors.md`).

# %% [markdown]
# ## Exercises
#
# **1.** Give the segments their two neighbours: let `SegmentMLP` read the mean of $x_{t-1}, x_t, x_{t+1}$. How many lines change? Does it close the gap at the event level?
#
# <details><summary>Answer</summary>
#
# One line: average pooling over time with kernel 3, stride 1 and padding 1, on the streams before `self.segment`; with padding, `count_include_pad=False`. An extension is a file, so that its fingerprint can be taken: change a copy.
#
# ```python
# from pathlib import Path
# from tempfile import mkdtemp
#
# own = (examples / "own_model.py").read_text()
# alone = "streams = torch.stack(self.embed(audio, visual_2d, visual_3d), dim=2)  # (B, T, 2, H)"
# pooled = """near = [
#             nn.functional.avg_pool1d(x.mT, 3, stride=1, padding=1, count_include_pad=False).mT
#             for x in self.embed(audio, visual_2d, visual_3d)
#         ]
#         streams = torch.stack(near, dim=2)  # (B, T, 2, H)"""
# assert alone in own
# changed = own.replace(alone, pooled).replace("segment-mlp", "segment-mlp-neighbours").replace("each segment for itself", "with neighbours")
# copied = Path(mkdtemp()) / "neighbours.py"  # a file that a run writes must not be code that the run depends on
# copied.write_text(changed)
# load_extension(copied)
# wider = [*cells, measure(recipe("segment-mlp-neighbours", profile), bench, seed, progress=False)]
# pairs_to_compare = [("segment-mlp", "segment-mlp-neighbours"), ("segment-mlp-neighbours", "valor-zero-shot")]
# comparisons(wider, pairs_to_compare, ["segment/Type", "event/Type"]).round(1)
# ```
#
# </details>
#
# **2.** Write a supervision that trusts the teacher only where it is sure: soft labels from the similarities, for instance $\sigma(s - \theta_c)$, gated by the video label. Are they nearer to the truth than the hard ones? Guess, then measure the mean squared error of both.
#
# <details><summary>Answer</summary>
#
# `bench.similarities("train")` gives both similarities, `bench.thresholds()` the fitted thresholds.
#
# ```python
# from scipy.special import expit
#
# may_be = bench.split("train").video_labels[:, None]
# for modality, s, theta in zip(("audio", "visual"), bench.similarities("train"), bench.thresholds(), strict=True):
#     real = getattr(truth, modality) > 0.5
#     soft, hard = expit(s - theta) * may_be, (s > theta) & may_be
#     inside = np.broadcast_to(may_be, real.shape)
#     error = {kind: round(float(np.square(grid - 1.0 * real)[inside].mean()), 4) for kind, grid in (("soft", soft), ("hard", hard))}
#     print(modality, "mean squared error where the video label allows an event:", error)
# ```
#
# To train on them, put the two lines into a file like `own_labels.py`, return `PseudoLabels` with their provenance, and register supervision and recipe; `VALOR`'s loss takes soft labels as they are.
#
# </details>
#
# **3.** Annotate three clips of your own in `events.csv`, put them into `videos/`, and read their timelines as in lesson 13. Before that: what happens if you misspell a category? Try it on a copy of the tables.
#
# <details><summary>Answer</summary>
#
# ```python
# spoilt = folder / "spoilt-videos"
# spoilt.mkdir(exist_ok=True)
# shutil.copy2(home / "videos.csv", spoilt)
# wrong = pd.read_csv(home / "events.csv")
# wrong.loc[0, "category"] = "Dgo"
# wrong.to_csv(spoilt / "events.csv", index=False)
# try:
#     load_corpus("home-videos", spoilt)
# except ValueError as error:
#     print(error)
# ```
#
# It is refused, with the file and the name. With the name mended, `load_corpus("home-videos", home).splits["test"]` has your grids, and `figures.timeline` of lesson 13 draws them.
#
# </details>

# %% [markdown]
# ## Summary
#
# * A model is a forward that returns `ParsingOutput`; labels are arrays with provenance; a corpus is a reader. Each fits on one page.
# * Whatever is registered is trained, gated, scored and fingerprinted like the models of the papers.
# * An idea is a row in a table with an interval beside it.
#
# **What differs from the papers.** Nothing here is a paper's: model, labels and corpus are examples.
