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
# # 13 · Looking at predictions: timelines, and which mistakes are made
#
# *Time: one minute on two cores, two more where the models of lesson 06 have not been trained yet. Memory: 2 GB. Data: the rendered corpus and its feature banks, made on first use.*
#
# **Question.** Two models differ by thirteen points of Type@AV. What does one of them *do* that the other does not? Every paper of this series answers with a figure
# of one or two videos (MUG Fig. 4, MM-CSE Fig. 3, EAR Fig. 3). Such a figure explains a lot and proves nothing: it shows what its authors chose to show.
#
# You will learn
#
# 1. to read a timeline: truth and several predictions as lanes over the frames and the sound;
# 2. to choose examples by a rule that was fixed before anybody looked;
# 3. to tell kinds of errors apart, and to count them over all videos.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of everything
corpus_seed = 0  # which rendered corpus; 0 is the one that recipes were tuned on
seed = 0  # of the training: first weights, order of the videos, dropout
device = "auto"  # one of auto, cpu, cuda: where to train
out = "outputs/runs/13_qualitative_timelines"  # folder for the figures

# %%
import numpy as np
import pandas as pd

import avvp_lib
from avvp_lib.corpora.examples import at_quantiles
from avvp_lib.error_kinds import error_kinds
from avvp_lib.features import read_media
from avvp_lib.figures import error_bars, grid_picture, timeline
from avvp_lib.metrics import per_video_scores
from avvp_lib.recipes import prepare, recipe, run, training_folder
from avvp_lib.training import predicted_grids
from avvp_lib.workspace import workspace

folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
print(f"avvp {avvp_lib.__version__}, training seed {seed}, corpus seed {corpus_seed}")

# %% [markdown]
# ## 1 · Four kinds of wrong, on ten segments
#
# A false alarm can be a second too early, or an animal that is not in the video at all. The F-score counts both as one. We sort every wrong segment into the mildest
# kind that fits. A **false alarm** (predicted, not true) is an error of
#
# | kind | the truth has the category ... |
# |---|---|
# | **edge** | in the same modality in a neighbouring second |
# | **time** | in the same modality, elsewhere in the video |
# | **modality** | in the other modality only |
# | **category** | nowhere in this video |
#
# A **miss** (true, not predicted) is the same with truth and prediction exchanged. Below, the dog is heard in the seconds 2 to 5, and it is never seen.

# %%
toy = ("Dog", "Car")
true_audio, true_visual, pred_audio, pred_visual = np.zeros((4, 10, 2), dtype=bool)
true_audio[2:5, 0] = True
pred_audio[3:6, 0] = pred_audio[8, 0] = True  # begins late, ends late, and barks again
pred_visual[3:5, 0] = True  # a dog that is only heard
pred_visual[7, 1] = True  # a car out of nowhere
grid_picture({"audio": (true_audio, pred_audio), "visual": (true_visual, pred_visual)}, toy)

# %%
counted = error_kinds(pred_audio[None], pred_visual[None], true_audio[None], true_visual[None])
counted[counted["segments"] > 0]

# %% [markdown]
# Check it by hand: segment 2 is missed and segment 5 is too much, both at an **edge**; segment 8 is the right sound at another **time**; the two seconds in which the dog is
# "seen" are errors of **modality**; the car is an error of **category**.

# %% [markdown]
# ## 2 · Three models
#
# HAN learns from video labels; VALOR learns from zero-shot pseudo-labels, and once more from the true segment labels, which only a renderer has. The two VALORs are those of lesson 06: trainings
# are kept in `outputs/trainings`, and whoever comes first trains them.

# %%
bench = prepare(profile, corpus_seed, progress=False)
split, test = bench.corpus.splits["test"], bench.data("test")
recipes = {"HAN": "han", "VALOR": "valor-zero-shot", "VALOR, truth": "valor-truth"}

# %%
grids = {}
for title, name in recipes.items():
    experiment = recipe(name, profile)
    result = run(experiment, bench, seed, device, training_folder(experiment, bench, seed), progress=False)
    gates = experiment.training.audio_gate, experiment.training.visual_gate
    grids[title] = predicted_grids(result.model, test, *gates)

# %% [markdown]
# One gate for all three (the video probability, for both modalities), or the comparison would be one of gates (lesson 06, section 4).

# %%
scores = {title: per_video_scores(*grid, split.audio, split.visual) for title, grid in grids.items()}
type_av = pd.DataFrame(
    {title: np.mean([s[f"segment/{m}"] for m in ("A", "V", "AV")], axis=0) for title, s in scores.items()}
)
type_av.describe().loc[["mean", "25%", "50%", "75%"]].round(1)

# %% [markdown]
# **What to notice.** The spread over videos is far larger than the difference between models. Whoever chooses the video chooses the winner.

# %% [markdown]
# ## 3 · A rule for examples
#
# We fix the rule now, before looking: order the test videos by how much VALOR gains over HAN in segment-level Type@AV, and take the videos at the quantiles
#
# - **0.5**: the median video, what usually happens;
# - **0.9**: a video where pseudo-labels help a lot;
# - **0.1**: a video where they do harm.

# %%
gain = (type_av["VALOR"] - type_av["HAN"]).to_numpy()
places = {"median": 0.5, "helps": 0.9, "harms": 0.1}
chosen = dict(zip(places, at_quantiles(gain, tuple(places.values())), strict=True))
for place, row in chosen.items():
    print(f"{place:7} {split.videos[row]}  gain {gain[row]:+.1f}  ", dict(type_av.iloc[row].round(1)))

# %%
pictures = {}
for place, row in chosen.items():
    media = read_media(bench.corpus.media_path(split.keys[row]))
    predictions = {title: (audio[row], visual[row]) for title, (audio, visual) in grids.items()}
    title = f"{place}: {split.videos[row]}, VALOR gains {gain[row]:+.1f}"
    pictures[place] = timeline(
        media, bench.corpus.categories, (split.audio[row], split.visual[row]), predictions, title
    )
    pictures[place].savefig(folder / f"{place}.png")

# %% [markdown]
# ### 3.1 The median video
#
# Green is heard, blue is seen. Filled: right. Orange with crosses: false alarm. Dashed and striped: missed. A category has lanes if the truth or any model has it.

# %%
pictures["median"]

# %% [markdown]
# ### 3.2 Where pseudo-labels help

# %%
pictures["helps"]

# %% [markdown]
# ### 3.3 Where they do harm

# %%
pictures["harms"]

# %% [markdown]
# **What to notice.** HAN's lanes are often all or nothing: a video label cannot say *when*, so an event tends to fill the whole video or to be missed, often in both modalities
# at once. VALOR cuts events to their seconds, and pays for it where the teacher was wrong: then it misses an event from beginning to end. Do the three videos bear that out? Do not trust three videos. Count.
#
# ## 4 · All videos, all errors

# %%
kinds = {title: error_kinds(*grid, split.audio, split.visual) for title, grid in grids.items()}
figure = error_bars(kinds, len(split))
figure.savefig(folder / "error_kinds.png")
figure

# %%
table = pd.concat(kinds, names=["model"]).reset_index("model")
table["a video"] = (table["segments"] / len(split)).round(2)
table.pivot_table("a video", ["model", "error"], "kind", aggfunc="sum", sort=False)

# %% [markdown]
# **What to notice.** Read each colour from model to model.
#
# - The false alarms of *time* and *modality* are the price of a video label: it says neither. They shrink most when segment labels come in, in the picture more than in the sound.
# - *Category* errors shrink least. Which sound or thing it is depends on the features, and all three models see the same ones.
# - Most misses are of the kind *category*: the event is found nowhere in the video. That is recognition, not localisation.
# - Misses do not shrink alike: a model that claims less also misses more.
#
# **Question.** An error of *time* by one second is an *edge*. Which share of all wrong segments would disappear if onsets and offsets were forgiven one second?
#
# <details><summary>Answer</summary>
#
# The share of the kind *edge*: the cell below. It is an upper bound of what smoothing, or a finer time axis, could repair.
#
# </details>

# %%
shares = {title: counts.groupby("kind")["segments"].sum() / counts["segments"].sum() for title, counts in kinds.items()}
(100 * pd.DataFrame(shares)).round(1).loc[["edge", "time", "modality", "category"]]

# %% [markdown]
# ## Exercises
#
# **1.** Change the rule to the quantiles 0, 0.01 and 0.02 of the *lowest* gain. What would a paper look like whose figure was chosen from the other end?
#
# **2.** Are the errors of *modality* off-screen sounds? Count, among VALOR's visual false alarms of that kind, how many categories are heard in the same second.
#
# <details><summary>Answer</summary>
#
# ```python
# audio, visual = grids["VALOR"]
# wrong = visual & ~split.visual & split.audio.any(1, keepdims=True) & ~split.visual.any(1, keepdims=True)
# print((wrong & split.audio).sum() / wrong.sum())
# ```
#
# Most of them: the model lends the picture what it hears at that moment. A model that lets one modality inform the other is prone to this, and MM-CSE and EAR are built against it.
# </details>
#
# **3.** Score with the gate "none" and count again. Which kind of error does the gate hold back?

# %% [markdown]
# ## Summary
#
# * A timeline shows what a score hides, for one video. Choose the video by a rule, and say the rule.
# * Wrong segments are of four kinds; video labels leave *time* and *modality* open, features decide about *category*.
# * Count before you believe an example.
#
# **What differs from the papers.** Their figures show chosen clips of LLP; these are rendered videos chosen by a rule. Models are trained at tutorial size with one seed: a figure explains, the table of lesson 06 compares.
#
# **References.** Y. Tian, D. Li, C. Xu. *Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing.* ECCV 2020. · Y.-H. Lai, Y.-C. Chen, Y.-C. F. Wang. *Modality-Independent Teachers Meet
# Weakly-Supervised Audio-Visual Event Parser.* NeurIPS 2023. · D. Bolya et al. *TIDE: A General Toolbox for Identifying Object Detection Errors.* ECCV 2020 (the same idea for boxes).
