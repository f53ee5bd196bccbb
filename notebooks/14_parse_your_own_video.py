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
# # 14 · Parse your own video
#
# *Time: two to three minutes on two cores, two more where VALOR of lesson 06 has not been trained yet. Memory: 2 GB. Data: the rendered corpus and its feature banks, made on first use.*
#
# **Question.** Every model of this series reads ten seconds, because LLP cuts YouTube videos into clips of ten seconds (Tian et al. 2020, Section 3). Your video is not ten seconds long. How do you
# cut it, what do you do where the pieces overlap, and what does that cost?
#
# You will learn
#
# 1. a rule that merges windows, on numbers that can be read by eye;
# 2. what a window border does to an event, and how much an overlap repairs, measured against a known truth;
# 3. to parse a file of your own and to read what comes out: a page with a player, subtitles, and labels for Audacity and ELAN.
#
# The papers do not say how to parse longer videos. The rule below is this project's choice.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of everything
corpus_seed = 0  # which rendered corpus the model has learned from
seed = 0  # of the training: first weights, order of the videos, dropout
device = "auto"  # one of auto, cpu, cuda: where to train
video = ""  # path of a video of your own; empty text takes a rendered one, whose truth is known
seconds = 40  # length of the rendered video, or of the beginning of your own that is parsed; smoke takes at most 13
hop = 5  # seconds from one window to the next, 1 to 10
out = "outputs/runs/14_parse_your_own_video"  # folder for the figures, the page and the labels

# %%
from pathlib import Path

import numpy as np
import pandas as pd

import avvp_lib
from avvp_lib.figures import grid_picture, long_timeline
from avvp_lib.metrics import parsing_scores
from avvp_lib.own_video import parse_video, trained_parser, whole_folder, write_files
from avvp_lib.own_video.exports import about_lines
from avvp_lib.own_video.rendered import plan_scenes, render_long_video
from avvp_lib.own_video.windows import decide, merge_predictions, window_starts
from avvp_lib.workspace import workspace

folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
seconds = min(seconds, 13) if profile == "smoke" else seconds
print(f"avvp {avvp_lib.__version__}, training seed {seed}, corpus seed {corpus_seed}")

# %% [markdown]
# ## 1 · The rule, on fourteen seconds
#
# A video of $S$ segments of one second is covered by windows of $T = 10$ segments. The first begins at 0, the others every *hop* seconds, and a last one ends with the video. Fourteen seconds with a hop
# of 5 therefore have two windows: the seconds 0 to 9, and not 5 to 14, which would reach beyond the end, but 4 to 13.

# %%
starts = window_starts(14, hop=5)
starts

# %% [markdown]
# Let there be one category, a dog, that is heard. $p_w$ is what the model says of each segment in window $w$; $g_w$ is what it says of the window as a whole, its **gate** (lesson 06, section 4).
#
# The first window hears the dog from second 6 on and loses it at its own last second. The second window hears it two seconds longer. At the seconds 8 and 9 the two contradict each other.

# %%
first = [0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.9, 0.9, 0.9, 0.3]  # of the seconds 0 to 9
second = [0.0, 0.2, 0.7, 0.7, 0.3, 0.9, 0.7, 0.8, 0.1, 0.0]  # of the seconds 4 to 13
toy = np.zeros((2, 10, 2, 1))  # windows, segments, (heard, seen), categories
toy[:, :, 0, 0] = first, second
gates = np.array([[[0.9], [0.9]], [[0.6], [0.6]]])  # windows, (heard, seen), categories

merged, merged_gates = merge_predictions(toy, gates, starts, segments=14)
table = pd.DataFrame(np.nan, index=["window 0 to 9", "window 4 to 13", "merged", "merged gate"], columns=range(14))
table.loc["window 0 to 9", 0:9], table.loc["window 4 to 13", 4:13] = first, second
table.loc["merged"], table.loc["merged gate"] = merged[:, 0, 0], merged_gates[:, 0, 0]
table.round(2).fillna("")

# %% [markdown]
# $$P_t = \frac{1}{|W_t|} \sum_{w \in W_t} p_w[t - s_w], \qquad G_t = \frac{1}{|W_t|} \sum_{w \in W_t} g_w, \qquad W_t = \{w : s_w \le t < s_w + T\}$$
#
# An event is a run of segments with $P_t \ge 0.5$ and $G_t \ge 0.5$. Check the seconds 8 and 9 by hand: $(0.9 + 0.3) / 2 = (0.3 + 0.9) / 2 = 0.6$, so the event goes on from 6 to 11. With one window this is exactly the rule by which all models of this series are
# scored. What a video shorter than ten seconds is filled up with (silence, and its last frame) is never reported.

# %%
heard, seen = decide(merged, merged_gates)
apart = np.zeros((14, 1), bool)  # without overlap, each second by the window that sees it first
apart[:10, 0], apart[10:, 0] = np.array(first) >= 0.5, np.array(second[6:]) >= 0.5
grid_picture(
    {"merged": (heard, None), "without overlap: the first window, then the rest of the second": (apart, None)}, ["Dog"]
)

# %% [markdown]
# ## 2 · A video, and what the parser says
#
# VALOR of lesson 06 parses it: trained on rendered videos, under zero-shot pseudo-labels. The rendered video below is made of scenes of five to ten seconds that are in no corpus, with hard cuts between them. The parser does not know
# where the cuts are, and no window is in step with them.

# %%
parser = trained_parser("valor-zero-shot", profile, corpus_seed, seed, device, say=print)
given = bool(video)
path = Path(video).expanduser() if given else folder / "rendered.mp4"
truth = None if given else render_long_video(path, seconds, seed=4)
parsed = parse_video(path, parser, hop, end=seconds, progress=False)
print("\n".join(about_lines(parsed)))

# %%
figure = long_timeline(
    parsed.segment_prob,
    parsed.grids,
    parsed.categories,
    truth,
    window_starts(len(parsed.segment_prob), hop),
    title=f"{path.name}: colour is probability, frames are what was found",
)
figure.savefig(folder / "timeline.png")
figure

# %% [markdown]
# **What to notice.**
#
# - The colour is the mean probability of the windows above. Where it is strong without a frame, the gate holds the category back; where a frame ends in the middle of a coloured run, the probability crosses 0.5.
# - Probabilities change not only where the scene changes (thin black bars begin and end), but also where a window begins or ends. Nothing happens in the video there.
# - An event that goes on over a cut of the windows is one event. Without merging it would be two.
#
# ## 3 · What does the hop change?
#
# A hop of 10 puts windows side by side; a hop of 2 looks at most seconds five times. We parse three longer videos with known truth (only rendered ones have it) and ask two things. How good are the scores?
# And how much does the probability of a category jump from one second to the next where, in truth, nothing changes: at the borders of ten seconds, where with a hop of 10 one window ends and the next begins, and elsewhere?

# %%
hops = (10, 5, 2) if profile == "tutorial" else (10, 5)
videos = 3 if profile == "tutorial" else 1
scored = {step: [] for step in hops}
for number in range(videos):
    test = folder / "rendered_for_scores.mp4"
    true = np.stack(render_long_video(test, seconds, seed=100 + number), axis=1)  # (S, 2, C)
    for step in hops:
        scored[step].append((parse_video(test, parser, step, progress=False), true))
test.unlink()

# %%
rows = {}
for step, results in scored.items():
    scores = [parsing_scores(*(g[None] for g in (*found.grids, t[:, 0], t[:, 1]))) for found, t in results]
    jumps = [(np.abs(np.diff(found.segment_prob, axis=0)) * (t[1:] == t[:-1])).sum((1, 2)) for found, t in results]
    border = np.concatenate([np.arange(1, len(jump) + 1) % 10 == 0 for jump in jumps])
    rows[step] = {
        "windows a video": np.mean([found.provenance["windows"]["number"] for found, _ in results]),
        "segment Type@AV": np.mean([s["segment/Type"] for s in scores]),
        "event Type@AV": np.mean([s["event/Type"] for s in scores]),
        "events found": sum(len(found.events) for found, _ in results),
        "jump at borders of ten": np.concatenate(jumps)[border].mean(),
        "jump elsewhere": np.concatenate(jumps)[~border].mean(),
    }
effect = pd.DataFrame(rows).T.rename_axis("hop").round(2)
effect.to_csv(folder / "effect_of_hop.csv")
effect

# %% [markdown]
# **What to notice.** These are three videos and one training, so a difference of a point or two in the scores is noise.
#
# - The cost grows as the number of windows does: a hop of 5 costs about twice what a hop of 10 costs.
# - Jumps are summed over categories and modalities. Nothing happens in the video at a multiple of ten seconds, so both columns of jumps should be alike. With a hop of 10 they are not (1.03 against 0.62 in the run that is shown here): two windows that share no second answer each for itself. With a hop of 5 most of the difference is gone (0.75 against 0.59), with 2 nearly all of it. What remains within a window is the world and the model, and no hop changes it.
# - Fewer events are found with overlap: pieces grow together, and what one window alone believes in is outvoted.
# - How far from truth? The scores are lower than those of lesson 06 on ten-second clips of the same world. One reason is in the figure: a window that lies over a cut holds two scenes, and its gate has to answer for both.
#
# ## 4 · Cuts inside windows
#
# The last point can be measured, too: a gate that answers for two scenes. We look at the gate of every true category, in seconds whose windows lie in one scene as far as possible, and in the others.

# %%
if truth is not None:
    cuts = np.cumsum([len(scene[0]) for scene in plan_scenes(seconds, seed=4)])[:-1]
    to_cut = np.array([np.abs(t + 0.5 - cuts).min() if len(cuts) else np.inf for t in range(seconds)])
    true_somewhere = truth[0] | truth[1]
    gate = parsed.gate_prob[:, 0]
    near, far = to_cut <= 2, to_cut > 2
    print(f"mean gate of true categories: {gate[near][true_somewhere[near]].mean():.2f} within 2 s of a cut")
    print(f"                              {gate[far][true_somewhere[far]].mean():.2f} farther away")

# %% [markdown]
# ## 5 · Your own file
#
# Set the parameter `video` above to the path of a file, or leave the notebook:
#
# ```bash
# avvp parse holiday.mp4                              # into holiday.parsed/
# avvp parse lecture.mkv --start 3600 --end 3660      # a minute of it; what lies before is not read
# avvp run 14 -p video holiday.mp4                    # this notebook, with your file
# ```
#
# Any container and codec that FFmpeg reads will do. [docs/parse.md](../docs/parse.md) describes every option. Below we write the same files from Python: all of them or, if anything fails, none.

# %%
page = folder / "page"
with whole_folder(page, overwrite=True) as temporary:
    files = write_files(parsed, temporary, page)
files

# %%
print((page / "subtitles.vtt").read_text(encoding="utf-8")[-400:])

# %% [markdown]
# Open `index.html` in a browser: a player, a lane for each category, and a cursor that moves along. It asks nothing of any server. `subtitles.vtt` goes into any video player, `audacity_labels.txt` into Audacity (File, Import, Labels), and
# `elan.eaf` into ELAN.
#
# **Do not believe it.** The weights of this lesson have seen drawings and synthesised sounds, and no real video. On your holiday film they will name something all the same, since they know no way to say "none of my 25 categories" but a low
# probability. For real videos take published weights and backbones, with `--checkpoint`, and even these know LLP's 25 categories only.
#
# ## Exercises
#
# **1.** The first and last seconds of a window have neighbours on one side only. Weigh a window's answer by how far it is from the border (1, 2, 3, 4, 5, 5, 4, 3, 2, 1), with `avvp_lib.own_video.windows.merge_windows` alone. What does second 8 of the toy become?
#
# <details><summary>Answer</summary>
#
# ```python
# from avvp_lib.own_video.windows import merge_windows
#
# weights = np.minimum(np.arange(1, 11), np.arange(10, 0, -1))[None].repeat(2, axis=0)
# weighted = merge_windows(toy[:, :, 0, 0] * weights, starts, 14) / merge_windows(weights, starts, 14)
# print(weighted.round(2)[8])
# ```
#
# $(2 \cdot 0.9 + 5 \cdot 0.3) / 7 = 0.47$: the dog pauses there, and there are two events. The window in which second 8 lies in the middle is believed more than the one that sees it at its border.
# </details>
#
# **2.** What if one window were enough: an event is where *any* window says so? Replace the mean by the maximum over the covering windows, for the toy. Which error grows with the number of windows?
#
# <details><summary>Answer</summary>
#
# ```python
# largest = np.zeros(14)
# for window, start in zip(toy[:, :, 0, 0], starts):
#     largest[start : start + 10] = np.maximum(largest[start : start + 10], window)
# print((largest >= 0.5).nonzero()[0])
# ```
#
# The seconds 6 to 11, here as with the mean. But the more windows look at a second, the more chances there are for a false alarm. The smallest instead of the largest would miss more and more. The mean does neither.
# </details>
#
# **3.** A video of 23 seconds and a hop of 10: where do the windows lie, and how often is each second seen? What would be lost without the last window?
#
# <details><summary>Answer</summary>
#
# ```python
# from avvp_lib.own_video.windows import merge_windows
#
# lying = window_starts(23, 10)
# print(lying, merge_windows(np.ones((len(lying), 10)), lying, 23).sum())
# print([sum(start <= t < start + 10 for start in lying) for t in range(23)])
# ```
#
# They begin at 0, 10 and 13. Seconds 13 to 19 are seen twice, all others once. Without the last window, nothing would be said of the seconds 20 to 22, and `merge_windows` refuses that.
# </details>
#
# **4.** Parse the same video with the recipe "mug-zero-shot", whose model reads text at test time. What does the parser have to compute besides, and where do its thresholds come from?
#
# <details><summary>Answer</summary>
#
# `trained_parser("mug-zero-shot", profile)`. The two teachers look at every window, too; what they name becomes text. The thresholds above which they name something were fitted on the validation videos of the rendered corpus, and no video label gates
# them: your video has none.
# </details>
#
# ## Summary
#
# * Long videos are parsed in windows of ten seconds that overlap; probabilities and gates are averaged, and one rule of two thresholds decides.
# * Window borders leave traces. Measure them with a video whose truth is known.
# * A parser names what it has learned. Whoever shows its output says which weights were used and what they have seen; the files do.
#
# **What differs from the papers.** They parse clips of exactly ten seconds. Windows, their merging and the gates of merged windows are ours.
#
# **References.** Y. Tian, D. Li, C. Xu. *Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing.* ECCV 2020. · Y.-H. Lai, Y.-C. Chen, Y.-C. F. Wang. *Modality-Independent Teachers Meet
# Weakly-Supervised Audio-Visual Event Parser.* NeurIPS 2023. · T. Geng, T. Wang, J. Duan, R. Cong, F. Zheng. *Dense-Localizing Audio-Visual Events in Untrimmed Videos: A Large-Scale Benchmark and Baseline.* CVPR 2023
# (longer videos, and a model that reads them whole).
