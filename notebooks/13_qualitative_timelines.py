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
# 2. to choose examples by a rule that was fixed before anybody looked, the extremes included;
# 3. to tell a confident mistake from one that a threshold made;
# 4. to tell kinds of errors apart, and to count them over all videos;
# 5. to move through a whole test set, with one threshold in your hand.

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
from avvp_lib.corpora.examples import at_quantiles, extremes
from avvp_lib.error_kinds import error_kinds
from avvp_lib.features import read_media
from avvp_lib.figures import error_bars, grid_picture, save_publication, timeline
from avvp_lib.metrics import binarise, per_video_scores
from avvp_lib.recipes import prepare, recipe, run, training_folder
from avvp_lib.training import predict
from avvp_lib.widgets import ExplorerWidget
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
outputs = {}
for title, name in recipes.items():
    experiment = recipe(name, profile)
    result = run(experiment, bench, seed, device, training_folder(experiment, bench, seed), progress=False)
    outputs[title] = predict(result.model, test)

# %% [markdown]
# One gate for all three (the video probability, for both modalities), or the comparison would be one of gates (lesson 06, section 4). A segment is claimed where its own probability and that of
# the gate reach the threshold.

# %%
threshold = 0.5
probabilities = {title: output.segment_prob.numpy() for title, output in outputs.items()}  # (N, T, 2, C) each
grids = {
    title: binarise(
        output.segment_prob.numpy(), output.video_prob.numpy(), None,
        audio_gate="global", visual_gate="global", threshold=threshold,
    )
    for title, output in outputs.items()
}  # fmt: skip

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
# - **0.1**: a video where they do harm;
#
# and the two ends, which are what papers like to show and what nobody should believe:
#
# - **most improved**: the largest gain of all;
# - **worst**: the largest loss of all.
#
# Ties: of videos with the same gain, the one that comes first in the split.

# %%
gain = (type_av["VALOR"] - type_av["HAN"]).to_numpy()
places = {"median": 0.5, "helps": 0.9, "harms": 0.1}
chosen = dict(zip(places, at_quantiles(gain, tuple(places.values())), strict=True))
chosen["worst"], chosen["most improved"] = extremes(gain)
for place, row in chosen.items():
    ties = (gain == gain[row]).sum() - 1
    print(
        f"{place:13} {split.videos[row]}  gain {gain[row]:+6.1f}, shared with {ties} others  ",
        dict(type_av.iloc[row].round(1)),
    )
print(
    f"better with VALOR: {(gain > 0).mean():.0%} of the videos, equal: {(gain == 0).mean():.0%}, worse: {(gain < 0).mean():.0%}"
)

# %%
pictures = {}
for place, row in chosen.items():
    media = read_media(bench.corpus.media_path(split.keys[row]))
    predictions = {title: (audio[row], visual[row]) for title, (audio, visual) in grids.items()}
    title = f"{place}: {split.videos[row]}, VALOR gains {gain[row]:+.1f}"
    pictures[place] = timeline(
        media, bench.corpus.categories, (split.audio[row], split.visual[row]), predictions, title
    )
    pictures[place].savefig(folder / f"{place.replace(' ', '_')}.png")

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
# ### 3.4 The most improved video
#
# The end of the order. It is the example that sells a method, and there is one like it for every pair of models, also for two trainings of the same one.

# %%
pictures["most improved"]

# %% [markdown]
# ### 3.5 The worst video

# %%
pictures["worst"]

# %% [markdown]
# **What to notice.** HAN's lanes are often all or nothing: a video label cannot say *when*, so an event tends to fill the whole video or to be missed, often in both modalities
# at once. VALOR cuts events to their seconds, and pays for it where the teacher was wrong: then it misses an event from beginning to end. Where an event does last ten seconds, the habit of HAN is right by luck: look at the
# worst video with this in mind. Do five videos bear that out? Do not trust five videos. Count (section 5).
#
# ## 4 · How sure was it? Probabilities as heat
#
# A bar says what is claimed, not how nearly it was something else. Here the lanes of two models show their segment probabilities from 0 (white) to 1. A black frame is what is claimed; a dotted one reached the
# threshold and is **held back by the gate**: the video probability of the category is too low. × is a false alarm, ○ a miss.

# %%
row = chosen["worst"]
shown = ("HAN", "VALOR")
heat = timeline(
    read_media(bench.corpus.media_path(split.keys[row])),
    bench.corpus.categories,
    (split.audio[row], split.visual[row]),
    {title: (grids[title][0][row], grids[title][1][row]) for title in shown},
    f"worst: {split.videos[row]}",
    probabilities={title: probabilities[title][row] for title in shown},
    threshold=threshold,
)
heat

# %% [markdown]
# **What to notice.** A miss at 0.45 is another matter than one at 0.02: the first is the threshold's, the second the model's. A lane of one colour knows *what* and not *when*. How common is that? Over all categories and videos that
# reach the threshold somewhere, we take the difference between the highest and the lowest probability of a lane.

# %%
lane_range = {}
for title, values in probabilities.items():
    reached = values.max(1) >= threshold  # (N, 2, C)
    lane_range[title] = (values.max(1) - values.min(1))[reached].mean()
print({title: round(float(mean), 2) for title, mean in lane_range.items()})

# %% [markdown]
# **A figure for a paper.** `save_publication` writes PDF, SVG and PNG of one layout: letters stay letters, fonts are embedded, and there is no date inside, so a second call gives the same bytes and a version control system sees a change
# only when there is one.

# %%
files = save_publication(heat, folder / "worst_heat")
print({kind: f"{file.name}, {file.stat().st_size // 1000} kB" for kind, file in files.items()})

# %% [markdown]
# ## 5 · All videos, all errors

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
# ## 6 · The explorer
#
# All videos, all models, and the threshold as a slider. In JupyterLab: choose an order ("gain of VALOR over HAN" begins with the most improved video), press <kbd>space</kbd> to hear what the lanes claim while the cursor moves, <kbd>h</kbd> for
# probabilities, <kbd>-</kbd> and <kbd>+</kbd> for the threshold. The tables hold the F-scores of this video at this threshold, and below them stands the mean over all videos, so that an example never stands alone. Where nothing can be clicked you
# see its picture.

# %%
explorer = ExplorerWidget(bench.corpus, outputs, rankings={"gain of VALOR over HAN": gain})
explorer.act("sort", ranking="gain of VALOR over HAN")
explorer.act("show", model="VALOR, truth", on=False)
explorer.act("colour", heat=True)
explorer

# %% [markdown]
# **Try.** Find a video in which no threshold helps, and one in which moving it by 0.1 turns a miss into a hit. Watch the mean while you move it: what you win here you lose elsewhere.

# %% [markdown]
# ## Exercises
#
# **1.** Change the rule to the quantiles 0, 0.01 and 0.02 of the gain. What would a paper look like whose figure was chosen from the other end?
#
# <details><summary>Answer</summary>
#
# ```python
# for row in at_quantiles(gain, (0, 0.01, 0.02)):
#     print(f"{split.videos[row]}  gain {gain[row]:+.1f}", dict(type_av.iloc[row].round(1)))
# ```
#
# It would show HAN finding everything and VALOR missing half of it, three times. All three videos are real, and the conclusion would be wrong by more than ten points of the mean.
#
# </details>
#
# **2.** Are the errors of *modality* off-screen sounds? Count, among VALOR's visual false alarms of that kind, how many categories are heard in the same second.
#
# <details><summary>Answer</summary>
#
# ```python
# audio, visual = grids["VALOR"]
# wrong = visual & ~split.visual & split.audio.any(1, keepdims=True) & ~split.visual.any(1, keepdims=True)
# print((wrong & split.audio).sum() / max(wrong.sum(), 1))
# ```
#
# Most of them: the model lends the picture what it hears at that moment. A model that lets one modality inform the other is prone to this, and MM-CSE and EAR are built against it.
#
# </details>
#
# **3.** Score with the gate "none" and count again. Which kind of error does the gate hold back, and which does it cause?
#
# <details><summary>Answer</summary>
#
# ```python
# change = {}
# for title, values in probabilities.items():
#     open_grids = binarise(values, None, None, audio_gate="none", visual_gate="none", threshold=threshold)
#     counts = [t.groupby(["error", "kind"], sort=False)["segments"].sum()
#               for t in (error_kinds(*open_grids, split.audio, split.visual), kinds[title])]
#     change[title] = counts[0] - counts[1]
# pd.DataFrame(change)
# ```
#
# The gate holds back false alarms of *category*: things that are nowhere in the video. It causes misses of that kind, too: events that were found in some seconds are thrown away because the video probability was too low. Without it
# they are found, and the seconds that are still missing become misses of *edge* and *time*.
#
# </details>
#
# **4.** Is 0.5 a good threshold? Compute the mean of segment-level Type@AV for thresholds from 0.3 to 0.8, on the validation split first, and say which you would report.
#
# <details><summary>Answer</summary>
#
# ```python
# val, val_split = bench.data("val"), bench.corpus.splits["val"]
# found = {}
# for title, name in recipes.items():
#     experiment = recipe(name, profile)
#     kept = run(experiment, bench, seed, device, training_folder(experiment, bench, seed), progress=False)
#     output = predict(kept.model, val)
#     for t in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
#         grid = binarise(output.segment_prob.numpy(), output.video_prob.numpy(), None, audio_gate="global", visual_gate="global", threshold=t)
#         found[title, t] = per_video_scores(*grid, val_split.audio, val_split.visual)["segment/Type"].mean()
# pd.Series(found).unstack().round(1)
# ```
#
# From 0.4 to 0.6 the curve is flat: about two points at most in the committed training, and 0.5 is best or within a tenth or two of it. Choosing the threshold of each model on the *test* split would be a gain from nothing. All papers of this series use 0.5 for all categories.
#
# </details>

# %% [markdown]
# ## Summary
#
# * A timeline shows what a score hides, for one video. Choose the video by a rule, and say the rule.
# * The extremes of an order are its least typical videos. Show them as such, beside the median.
# * Heat tells a mistake of the threshold from one of the model; a gate can hold back what the segments know.
# * Wrong segments are of four kinds; video labels leave *time* and *modality* open, features decide about *category*.
# * Count before you believe an example.
#
# **What differs from the papers.** Their figures show chosen clips of LLP; these are rendered videos chosen by a rule. Models are trained at tutorial size with one seed: a figure explains, the table of lesson 06 compares.
#
# **References.** Y. Tian, D. Li, C. Xu. *Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing.* ECCV 2020. · Y.-H. Lai, Y.-C. Chen, Y.-C. F. Wang. *Modality-Independent Teachers Meet
# Weakly-Supervised Audio-Visual Event Parser.* NeurIPS 2023. · D. Bolya et al. *TIDE: A General Toolbox for Identifying Object Detection Errors.* ECCV 2020 (the same idea for boxes).
