# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 00 · The task: what is heard, what is seen, and when
#
# *Time: 15 seconds, plus about two minutes to render the corpus the first time. Memory: 1 GB. Data: made here, nothing is downloaded.*

# %% [markdown]
# ## What you will learn
#
# - what audio-visual video parsing asks for, on one video that you can look through second by second;
# - what a weak label says, and what it leaves open;
# - how the corpus of these lessons is made, and how it compares with LLP, the corpus of the papers;
# - every score of the papers' tables, counted by hand on ten segments;
# - what predictors score that neither look nor listen. Remember them whenever you read a results table.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of the corpus; smoke takes seconds
corpus_seed = 0  # which synthetic corpus: 0 is for learning and tuning, 1 is kept for reporting
out = "outputs/runs/00_the_task"  # folder for the figures, relative to the project

# %%
import numpy as np
import pandas as pd

import avvp_lib
from avvp_lib import figures
from avvp_lib.corpora import load_corpus
from avvp_lib.corpora.events import grid_to_events
from avvp_lib.corpora.examples import first_example
from avvp_lib.corpora.synthetic import CorpusSettings, default_root, render_corpus, render_video
from avvp_lib.corpora.synthetic.statistics import llp_statistics
from avvp_lib.features import read_media
from avvp_lib.metrics import binarise, parsing_scores, per_video_scores
from avvp_lib.predictors import predictor_grids
from avvp_lib.recipes import PROFILES, Bench
from avvp_lib.workspace import workspace

# %%
folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
size = PROFILES[profile].corpus_size
settings = CorpusSettings(corpus_seed, size, "studio")
print(f"avvp {avvp_lib.__version__}, numpy {np.__version__}; {size} corpus, seed {corpus_seed}")

# %% [markdown]
# ## 1 · A corpus that renders itself
#
# LLP consists of YouTube clips that nobody may hand on. So these lessons bring a corpus of their own: a small renderer draws moving pictures, synthesises the sound,
# and writes real mp4 files with the annotation files that LLP has. What happens when is drawn from LLP's own statistics. Whatever is not there yet is rendered now.

# %%
corpus = load_corpus("synthetic-llp", root=render_corpus(default_root(settings), settings))
test = corpus.splits["test"]
for name, split in corpus.splits.items():
    dense = "dense labels" if split.audio is not None else "weak labels only"
    print(f"{name:5}  {len(split):4} videos, {split.video_labels.sum(1).mean():.2f} categories a video, {dense}")

# %% [markdown]
# A split keeps its labels as arrays. With $N$ videos, $T = 10$ segments of one second and $C = 25$ categories:
#
# | array | shape | says |
# |---|---|---|
# | `audio` | $(N, T, C)$ | is the category **heard** in this second? |
# | `visual` | $(N, T, C)$ | is it **seen** in this second? |
# | `video_labels` | $(N, C)$ | does it occur **anywhere** in the video, heard or seen? |

# %%
print("audio", test.audio.shape, "  visual", test.visual.shape, "  video_labels", test.video_labels.shape)

# %% [markdown]
# ## 2 · One video
#
# Which one? Not the prettiest: we take the *first* test video that meets a rule stated beforehand. It has
#
# 1. two categories or more,
# 2. a sound that comes from outside the picture (a category that is heard but never seen),
# 3. a category that is both heard and seen, neither of them throughout, and not in the same seconds.

# %%
heard, seen = test.audio.any(axis=1), test.visual.any(axis=1)  # (N, C): at any time
off_screen = heard & ~seen
throughout = test.audio.all(axis=1) | test.visual.all(axis=1)
other_seconds = heard & seen & ~throughout & (test.audio != test.visual).any(axis=1)
fits = (test.video_labels.sum(axis=1) >= 2) & off_screen.any(axis=1) & other_seconds.any(axis=1)
example = first_example(test)  # the first that fits; in a tiny corpus where none does, the video with most categories
print(f"{fits.sum()} of {len(test)} test videos fit; the example is {test.videos[example]}")

# %%
media = read_media(corpus.media_path(test.keys[example]))
truth = test.audio[example], test.visual[example]
timeline = figures.timeline(media, corpus.categories, truth, title=test.videos[example])
timeline.savefig(folder / "timeline.png")
timeline

# %% [markdown]
# From top to bottom: one frame a second, the sound as a log-mel spectrogram (time to the right, pitch upwards, bright is loud) and as a waveform; then two lanes for each category.
#
# **What to notice.** Find the category with an empty blue lane: you hear it, but the camera never shows it. Find the category whose two lanes differ: picture and sound of one thing need not start or stop together.
# And there may be things in the picture that have no lane at all: objects outside the 25 categories. A parser must learn to pass over them.
#
# **The task** (Tian, Li and Xu, ECCV 2020, Sec. 3). For every second $t$ and category $c$ predict $y^a_{t,c}$ (heard) and $y^v_{t,c}$ (seen), each 0 or 1. An *audio-visual* event is where both hold:
#
# $$y^{av}_{t,c} = y^a_{t,c}\, y^v_{t,c}$$
#
# A maximal run of ones is an *event* with onset and offset. The grids and a table of events say the same:

# %%
grid_to_events(test.audio[[example]], test.visual[[example]], [test.videos[example]], corpus.categories)

# %% [markdown]
# ## 3 · What a weak label says, and what it does not
#
# Dense labels are expensive: somebody must listen to, and watch, every second. LLP has them for 1,849 videos, to select and to test models. The 10,000 training videos carry only a **weak label**, the set of categories:
#
# $$y_c = \max_{t,\, m \in \{a, v\}} y^m_{t,c}$$
#
# It does not say *when*, it does not say in *which modality*, and it does not say whether sound and picture go together.

# %%
print([corpus.categories[c] for c in np.flatnonzero(test.video_labels[example])])
assert (test.video_labels == (heard | seen)).all()

# %% [markdown]
# How much is left open? Here we can count it, because the simulator knows the truth.

# %%
pairs = test.video_labels.sum()  # labelled (video, category) pairs
both = heard & seen
shares = {
    "only heard": off_screen.sum() / pairs,
    "only seen": (seen & ~heard).sum() / pairs,
    "heard and seen, same seconds": (both & ~other_seconds).sum() / pairs,
    "heard and seen, other seconds": other_seconds.sum() / pairs,
}
pd.Series(shares, name="percent of weak labels").mul(100).round(1).to_frame()

# %% [markdown]
# Suppose we believe a weak label for every second and both modalities. How often are we right?

# %%
for name, grid in (("audio", test.audio), ("visual", test.visual)):
    print(f"{name:6} {100 * grid.sum() / (10 * pairs):.1f} % of the labelled category-seconds hold the event")

# %% [markdown]
# **What to notice.** Spread over all seconds, a weak label is right for about two seconds in three of the sound and for about half of the picture. That is much for so cheap a label: it is tempting to spread it, and hard to beat (section 6).
#
# **Question.** You hear a category in second 3. How sure may you be that you also see it in second 3? Guess, then compute it from `test.audio` and `test.visual`. Methods that let one modality teach the other live on this number.
#
# <details><summary>Answer</summary>
#
# `(test.audio & test.visual).sum() / test.audio.sum()`. Compare it with the reverse, `/ test.visual.sum()`: what is seen is heard far more often than what is heard is seen, because off-screen sounds are common and silent things are rare.
#
# </details>

# %% [markdown]
# ## 4 · The corpus beside LLP
#
# How often categories occur, and together with which others, in which modality, in how many runs and how long: all of this is counted in LLP's annotations and drawn at random for each video. So the categories are nearly as unevenly frequent as LLP's; only the rare ones are raised on purpose, or a small corpus would hardly have them (`docs/synthetic_corpus.md`).

# %%
statistics = llp_statistics()
train = corpus.splits["train"]
frequency = {
    "LLP, 10,000 training videos": np.array(statistics.category_videos) / 100,
    f"synthetic, {len(train):,} training videos": 100 * train.video_labels.mean(axis=0),
}
figures.class_frequencies(frequency, corpus.categories, ylabel="percent of videos")

# %% [markdown]
# **Two rendering domains.** The same events can be drawn and sounded in another way: other backgrounds, colours, timbres and noise. The *studio* domain is for learning. The *street* domain shows what a method is worth on videos that look unlike those its feature extractors were trained on.

# %%
before, now = test.visual[:, :-1], test.visual[:, 1:]  # things fade in during their first second
shown = np.flatnonzero(now.any(axis=(1, 2)))[:6]
best = 1 + (now.astype(int) + (before & now)).sum(axis=2).argmax(axis=1)[shown]
names = [
    ", ".join(corpus.categories[c].replace("_", " ") for c in np.flatnonzero(test.visual[i, t]))
    for i, t in zip(shown, best, strict=True)
]

# %%
street = CorpusSettings(corpus_seed, size, "street")
sheet = [
    render_video(domain, "test", i)[0][8 * t + 4]  # 8 frames a second
    for domain in (settings, street)
    for i, t in zip(shown, best, strict=True)
]
domains = figures.contact_sheet(sheet, 2 * names)
domains.savefig(folder / "domains.png")
domains

# %% [markdown]
# Above studio, below street, the same events in each column (the first six test videos in which something is seen). Some things are small, faint or half hidden, as in real videos. Now the sound of the example video in both:

# %%
sounds = {domain.domain: render_video(domain, "test", example)[1] for domain in (settings, street)}
figures.log_mel_pictures(sounds, sample_rate=16_000)

# %% [markdown]
# **What to notice.** The seconds in which something is heard are the same; melody, timbre and background noise are not. Objects and noises outside the 25 categories (furniture, plants, umbrellas) are drawn anew in each domain.

# %% [markdown]
# ## 5 · Every score, counted by hand
#
# The papers report ten numbers. We compute all of them for ten segments and three categories. A dog barks off screen; someone speaks; there is no car, but the prediction sees one.

# %%
toy = ("Speech", "Dog", "Car")
true_audio, true_visual, pred_audio, pred_visual = np.zeros((4, 10, 3), dtype=bool)
true_audio[2:7, 0] = true_audio[0:4, 1] = True  # speech is heard from 2 to 7 s, the dog from 0 to 4 s
true_visual[4:10, 0] = True  # the speaker is in the picture from 4 to 10 s
pred_audio[3:8, 0] = pred_audio[0:2, 1] = pred_audio[3, 1] = True
pred_visual[4:6, 0] = pred_visual[8:10, 2] = True

# %%
panels = {
    "audio (A)": (true_audio, pred_audio),
    "visual (V)": (true_visual, pred_visual),
    "audio-visual (AV): both grids at once": (true_audio & true_visual, pred_audio & pred_visual),
}
figures.grid_picture(panels, toy)

# %% [markdown]
# ### 5.1 Segment level
#
# Per category, count segments that are right (TP), false alarms (FP) and misses (FN), and take
#
# $$F_c = \frac{2\,TP}{2\,TP + FP + FN}.$$
#
# A video's score is the mean over the categories **that are true or predicted in it**. The dog is neither seen nor said to be seen: its visual row is skipped. The car is not there but predicted: its row counts, with $F = 0$. So one hallucinated category halves the visual score:
#
# | | Speech | Dog | Car | video score |
# |---|---|---|---|---|
# | A | 8/10 | 6/7 | – | (0.8 + 0.857) / 2 = 82.9 |
# | V | 4/8 | – | 0 | (0.5 + 0) / 2 = 25.0 |
# | AV | 4/5 | – | – | 80.0 |
#
# Note the speech: found late in the sound and lost early in the picture, and yet 80 for AV, because AV looks only at the seconds where both grids agree.

# %%
toy_scores = parsing_scores(pred_audio[None], pred_visual[None], true_audio[None], true_visual[None])
assert np.isclose(toy_scores["segment/A"], 100 * (8 / 10 + 6 / 7) / 2)
assert np.isclose(toy_scores["segment/V"], 100 * (4 / 8 + 0) / 2)
assert np.isclose(toy_scores["segment/AV"], 100 * 4 / 5)

# %% [markdown]
# ### 5.2 Type and Event
#
# Two summaries, computed at either level:
#
# - **Type@AV** is the mean of A, V and AV. Here (82.9 + 25.0 + 80.0) / 3 = 62.6.
# - **Event@AV** pools the counts of the audio and the visual grid per category *before* the F-score. Speech: $TP = 4 + 2$, $FP = 1 + 0$, $FN = 1 + 4$, so 12/18. Dog: 6/7. Car: 0. Mean: 50.8.

# %%
assert np.isclose(toy_scores["segment/Type"], 100 * ((8 / 10 + 6 / 7) / 2 + 1 / 4 + 4 / 5) / 3)
assert np.isclose(toy_scores["segment/Event"], 100 * (12 / 18 + 6 / 7 + 0) / 3)

# %% [markdown]
# ### 5.3 Event level
#
# Now whole runs count instead of segments. A predicted run is right if it overlaps a true run of its category with intersection over union of **at least** one half.
#
# | | predicted | true | IoU | |
# |---|---|---|---|---|
# | A Speech | 3–8 | 2–7 | 4/6 | TP |
# | A Dog | 0–2 | 0–4 | 2/4 | TP: one half is enough |
# | A Dog | 3–4 | 0–4 | 1/4 | FP; the true run is matched already, so no FN |
# | V Speech | 4–6 | 4–10 | 2/6 | FP, and FN for the true run |
# | V Car | 8–10 | – | – | FP |
# | AV Speech | 4–6 | 4–7 | 2/3 | TP |
#
# A: $(1 + 2/3)/2 = 83.3$. V: $(0 + 0)/2 = 0$. AV: 100. Type@AV: 61.1. Event@AV pools A and V: speech $2/4$, dog $2/3$, car 0, mean 38.9.
#
# May a predicted run match two true ones? At one half it cannot: runs of one row lie at least a segment apart, so two of them cannot both cover half of the same union. The order of matching does not matter.

# %%
assert np.isclose(toy_scores["event/A"], 100 * (1 + 2 / 3) / 2)
assert np.isclose(toy_scores["event/V"], 0) and np.isclose(toy_scores["event/AV"], 100)
assert np.isclose(toy_scores["event/Type"], 100 * (5 / 6 + 0 + 1) / 3)
assert np.isclose(toy_scores["event/Event"], 100 * (2 / 4 + 2 / 3 + 0) / 3)
pd.Series(toy_scores).round(1).to_frame("toy").T

# %% [markdown]
# The last column, `average`, is the mean of the ten; some papers print it too.
#
# ### 5.4 Where nothing is true
#
# A video without, say, any visual event is scored as well. If nothing is predicted either, no category is left to average over, and the score is **100** by definition: saying nothing about nothing is right. A single false alarm makes it **0**.

# %%
nothing, one_alarm = np.zeros((1, 10, 3), dtype=bool), np.zeros((1, 10, 3), dtype=bool)
one_alarm[0, 5, 2] = True
for name, prediction in (("no prediction", nothing), ("one false alarm", one_alarm)):
    print(f"{name:16} segment/V = {per_video_scores(nothing, prediction, nothing, nothing)['segment/V'][0]:.0f}")

# %% [markdown]
# The score of a corpus is the mean over its videos. Videos with few events weigh as much as videos with many.
#
# ### 5.5 From probabilities to decisions: gates
#
# A network gives probabilities per segment, and per video. A segment is set to one if **its own** probability and that of **its gate** both reach 0.5. Published systems differ in the gate, and scores with different gates cannot be compared:
#
# | gate | looks at | used by |
# |---|---|---|
# | `global` | the video's probability | HAN, VALOR, MGN (both modalities); MM-CSE (audio) |
# | `modality` | the probability of this modality in the video | MA, JoMoLD (both modalities); MM-CSE (visual) |
#
# Suppose the toy's prediction came from segment probabilities of 0.6, and the network did not believe in the car:

# %%
segment_prob = np.where(np.stack([pred_audio, pred_visual], axis=1), 0.6, 0.1)[None]  # (1, T, 2, C)
video_prob = np.array([[0.9, 0.8, 0.3]])  # (1, C): speech, dog, car
modality_prob = np.array([[[0.9, 0.8, 0.1], [0.9, 0.1, 0.5]]])  # (1, 2, C): 0.5 reaches the threshold
for gate in ("none", "global", "modality"):
    grids = binarise(segment_prob, video_prob, modality_prob, audio_gate=gate, visual_gate=gate)
    gated = parsing_scores(*grids, true_audio[None], true_visual[None])
    print(f"gate {gate:8}  car seen in {grids[1][..., 2].sum()} segments, segment/V = {gated['segment/V']:.1f}")

# %% [markdown]
# ## 6 · Predictors that neither look nor listen
#
# Before a score can impress anyone, ask what is had for free. Three predictors, on the test split:

# %%
bench = Bench(PROFILES[profile], corpus, banks={})
columns = ["segment/A", "segment/V", "segment/AV", "segment/Type", "segment/Event", "event/Type", "event/Event"]
free = {
    name: parsing_scores(*predictor_grids(name, bench), test.audio, test.visual)
    for name in ("nothing", "everything", "video-label")
}
pd.DataFrame(free).T[columns].round(1)

# %% [markdown]
# **nothing** is right wherever nothing is true: its scores are the shares of test videos without any audio, visual, or audio-visual event (5.4). For Event@AV, it would need videos without any event at all.

# %%
empty = {"A": ~heard.any(axis=1), "V": ~seen.any(axis=1), "AV": ~(test.audio & test.visual).any(axis=(1, 2))}
for name, videos in empty.items():
    assert np.isclose(free["nothing"][f"segment/{name}"], 100 * videos.mean())
    print(f"{name:2}  {videos.sum()} of {len(test)} videos have no such event")

# %% [markdown]
# **everything** finds every event, and is punished for the 23 or so categories a video does not have: each of them counts with $F = 0$.
#
# **video-label** puts the weak label on all seconds of both modalities. It reads the answer to "what?" and knows nothing of "when?" and "heard or seen?". Audio scores are high because many sounds last the whole video. The audio-visual score is lowest because an off-screen sound becomes a false audio-visual event, with $F = 0$ for its category.
#
# It is *not* a fair competitor, since nobody knows the test videos' labels. But it measures how much of a score is "what?" alone. On the real LLP test split it reaches a segment-level Type@AV of 63.0, more than HAN (54.0) or JoMoLD (60.8) have in their papers; but those must find out what is there as well.

# Our example video, with its weak label believed everywhere:

# %%
labelled = np.flatnonzero(test.video_labels[example])
believed = predictor_grids("video-label", bench)
panels = {
    name: (truth[m][:, labelled], believed[m][example][:, labelled]) for m, name in enumerate(("audio", "visual"))
}
figures.grid_picture(panels, [corpus.categories[c] for c in labelled])

# %% [markdown]
# ## Exercises
#
# **1.** Change one segment of the toy's prediction so that the event-level visual score of speech rises from 0 to 1 (the video's from 0 to 50). Check with `parsing_scores`.
#
# <details><summary>Answer</summary>
#
# The true run is 4–10, six segments long. The predicted run 4–6 must reach IoU 1/2, so it must cover three of the six: segment 6 is enough, because the rule says *at least*. Speech has $F = 1$ and the hallucinated car still $F = 0$: 50.
#
# ```python
# longer = pred_visual.copy()
# longer[6, 0] = True
# longer_scores = parsing_scores(pred_audio[None], longer[None], true_audio[None], true_visual[None])
# print("event/V:", toy_scores["event/V"], "->", longer_scores["event/V"])
# assert longer_scores["event/V"] == 50
# ```
#
# </details>
#
# **2.** A cautious parser predicts no visual event in any video. Using only section 6, what are its visual and its audio-visual score at the segment level? Could its Type@AV be higher than that of a parser that tries?
#
# <details><summary>Answer</summary>
#
# Without visual predictions there are no audio-visual ones either, so V and AV equal those of *nothing*: the shares of videos without such events. Yes, it could be higher: visual guesses that are mostly false alarms turn those 100s into 0s and gain little elsewhere. Here all believe the video label for the sound; for the picture one says nothing, one says everything, and one takes the label of another video:
#
# ```python
# sound = predictor_grids("video-label", bench)[0]
# pictures = {"nothing": np.zeros_like(sound), "everything": np.ones_like(sound), "another video": np.roll(sound, 1, axis=0)}
# for seen_by, picture in pictures.items():
#     whose = parsing_scores(sound, picture, test.audio, test.visual)
#     print(f"{seen_by:13}", {name: round(whose[f"segment/{name}"], 1) for name in ("A", "V", "AV", "Type")})
# ```
#
# In the tutorial profile Type is 36.1, 39.0 and 30.5. Guessing wrongly costs six points against silence. *Everything* loses 13 points in V, but it gains 22 in AV, where the sound corrects it, and comes out ahead: a score of AV can be had from one modality.
#
# On LLP's test split *nothing* has 10.1 for V and 14.5 for AV.
#
# </details>
#
# **3.** Split the single true run 0–4 of the dog's bark into 0–2 and 3–4 (delete segment 2 from the truth). How do the segment-level and the event-level audio score of the dog change, and why do they move by different amounts?
#
# <details><summary>Answer</summary>
#
# Now truth and prediction agree in every segment, so both reach 1. The segment level rises from 6/7, because one of the four true segments was missed; the event level from 2/3, because that one segment split the prediction into two runs, one of which was false. Runs punish fragmentation harder. Speech stays as it was, with 0.8 and 1, so the video's scores are:
#
# ```python
# two_barks = true_audio.copy()
# two_barks[2, 1] = False
# two_barks_scores = parsing_scores(pred_audio[None], pred_visual[None], two_barks[None], true_visual[None])
# for name, share in (("segment/A", (0.8 + 1) / 2), ("event/A", (1 + 1) / 2)):
#     print(f"{name}: {toy_scores[name]:.1f} -> {two_barks_scores[name]:.1f}")
#     assert np.isclose(two_barks_scores[name], 100 * share)
# ```
#
# </details>
#
# **4.** Type@AV treats A, V and AV alike. Which mistakes are therefore counted twice?
#
# <details><summary>Answer</summary>
#
# Those that change the product of the two grids. A miss in audio costs in A, and again in AV if the event is seen in that second. A false alarm in audio costs again in AV only where visual is predicted too. Event@AV, which leaves the AV grid out, counts each mistake once.
#
# </details>

# %% [markdown]
# ## Summary
#
# - Parsing means a decision for every second, category and modality; sound and picture of one event need not coincide.
# - A weak label names the categories of a video and nothing else.
# - Ten scores: {segment, event} × {A, V, AV, Type, Event}. Categories neither true nor predicted are skipped; a video where none is left scores 100.
# - Gates belong to the score: name them. And compare with what is had for free.
#
# ## What differs from the paper
#
# The videos are rendered, so no number here can be compared with a number in a paper. Event statistics are LLP's, smoothed for rare categories, whose frequencies are raised. The weak labels follow from the dense truth without error, while LLP's were made by other people than its dense labels and do not always agree with them. The scores are those of the published evaluation code, computed for all videos at once; both give the same numbers.
#
# ## References
#
# - Y. Tian, D. Li, C. Xu: *Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing.* ECCV 2020. (task, LLP, metrics, HAN)
# - Y.-H. Lai, Y.-C. Chen, Y.-C. F. Wang: *Modality-Independent Teachers Meet Weakly-Supervised Audio-Visual Event Parser.* NeurIPS 2023. (VALOR)
#
# **Next:** 01, what feature extractors make of picture and sound.
