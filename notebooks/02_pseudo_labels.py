# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 02 · Pseudo-labels: asking a teacher, second by second, and where it is wrong
#
# Time: under a minute once the corpus is there (the first run renders it). Memory: 1 GB. Data: the synthetic corpus, rendered on this machine.

# %% [markdown]
# ## What you will learn
#
# The training videos of LLP say *that* there is a dog, not *when*, and not whether it is seen or heard. VALOR (NeurIPS 2023) asks two models that were trained on captions: CLIP looks at each second, CLAP listens to it, and both say how well it fits "a dog".
# The answers become labels for segments, **pseudo-labels**, and a parser learns from them as if they were true. They are not. On a rendered corpus we know the truth of the training videos as well, so we can see what nobody can see on LLP:
#
# - the rule that makes a pseudo-label, on a toy and on a video,
# - where its thresholds come from,
# - precision and recall of the labels, by category and modality,
# - that the errors have a system: what is taken for what, and which labels stay empty,
# - null labels, which MUG has people annotate: the file, the widget to do it with, and what the answers are worth,
# - how good the labels are as predictions, beside the teacher alone.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of the experiment
corpus_seed = 0  # which synthetic corpus
out = "outputs/runs/02_pseudo_labels"  # folder for figures and labels, inside the workspace

# %%
import numpy as np
import pandas as pd
import torch

import avvp_lib
from avvp_lib.corpora.events import MODALITIES
from avvp_lib.corpora.synthetic import true_grids
from avvp_lib.features import read_media
from avvp_lib.features.prompts import CLAP_PROMPTS, CLIP_PROMPTS
from avvp_lib.figures import (
    confusion_bars,
    grid_picture,
    precision_and_recall,
    similarity_heatmap,
    threshold_histograms,
    timeline,
)
from avvp_lib.metrics import parsing_scores, per_class_scores
from avvp_lib.predictors import PREDICTORS, predictor_grids
from avvp_lib.pseudo_labels import PseudoLabels, fit_thresholds, text_similarity, zero_shot_labels
from avvp_lib.pseudo_labels.annotation import (
    annotate_with_truth,
    apply_annotations,
    export_nulls,
    null_counts,
    null_labels,
    read_annotations,
    write_annotations,
)
from avvp_lib.pseudo_labels.quality import confusions, empty_labels, false_alarm_kinds, label_quality
from avvp_lib.recipes import prepare
from avvp_lib.widgets import AnnotationWidget
from avvp_lib.workspace import workspace

# %%
folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
bench = prepare(profile, corpus_seed, progress=False)
train, val, test = (bench.corpus.splits[name] for name in ("train", "val", "test"))
categories = bench.corpus.categories
print(f"avvp {avvp_lib.__version__}, torch {torch.__version__}, numpy {np.__version__}; nothing here is random")
print(f"{bench.corpus.name}: {len(train)} train, {len(val)} val, {len(test)} test")

# %% [markdown]
# ## 1. The rule
#
# Let $f^m_t$ be the teacher's embedding of segment $t$ in modality $m$ (audio or visual), $w^m_c$ its embedding of the sentence for category $c$, both of unit length, and $\tau^m$ the teacher's learned scale. Let $y_c \in \{0, 1\}$ be the video label. VALOR sets
#
# $$ s^m_{t,c} = \tau^m\,\langle f^m_t, w^m_c\rangle, \qquad \hat y^m_{t,c} = \mathbb 1\bigl[s^m_{t,c} > \theta^m_c\bigr]\; y_c . $$
#
# The sentences are VALOR's, slips included, because correcting one moves its embedding:

# %%
pd.DataFrame({"to the eye": CLIP_PROMPTS, "to the ear": CLAP_PROMPTS}).loc[["Dog", "Vacuum_cleaner", "Acoustic_guitar"]]

# %% [markdown]
# First the similarity, by eye: two segments in the plane, two sentences along the axes, scale 10. The first segment points at the first sentence. The second one is longer, which must not matter, and points mostly at the second sentence.

# %%
similarity = text_similarity(np.array([[[1.0, 0.0], [3.0, 4.0]]]), np.eye(2), scale=10)[0]
print(similarity)
assert similarity.tolist() == [[10, 0], [6, 8]]

# %% [markdown]
# Now the rule: four segments, three categories, every threshold 5. The video label says Dog and Car, not Cat. Decide for each cell before you look.

# %%
toy = ("Dog", "Cat", "Car")
heard = np.array([[[9, 7, 1], [6, 2, 4], [5, 8, 0], [1, 1, 3]]], np.float32)  # rows: segments, columns: Dog, Cat, Car
seen = np.array([[[2, 6, 3], [7, 1, 2], [8, 0, 4], [6, 1, 5]]], np.float32)
thresholds = np.full(3, 5, np.float32)
video_label = np.array([[True, False, True]])
labels = zero_shot_labels(heard, seen, thresholds, thresholds, video_label, ("toy",))
assert labels.audio[0].T.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
assert labels.visual[0].T.tolist() == [[0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
grid_picture(
    {"pseudo-labels, heard": (labels.audio[0] > 0, None), "pseudo-labels, seen": (labels.visual[0] > 0, None)}, toy
)

# %% [markdown]
# **Notice** three things.
#
# - Dog is not heard in segment 2: its similarity is exactly 5, and the rule says *strictly* greater.
# - Cat is above its threshold three times and gets no label, because the video is not labelled with it. That AND is what makes the labels good.
# - Car is in the video label and gets **no segment in either modality**. The rule has no fallback: what the teacher does not find is taught to be absent, everywhere. Section 5 counts such cases.

# %% [markdown]
# ## 2. One video
#
# The same with the real similarities. The video: the test video with the most categories. Bright means similar, an orange frame is the truth, a dot is above the threshold, and only the filled dots pass the video label (bold names).

# %%
row = int(test.video_labels.sum(1).argmax())
similarities = bench.similarities("test")
figure = similarity_heatmap(
    tuple(similarity[row] for similarity in similarities),
    (test.audio[row], test.visual[row]),
    categories,
    bench.thresholds(),
    test.video_labels[row],
)
figure.savefig(folder / "one_video.png")
figure

# %% [markdown]
# **Notice** the hollow dots. They are what the teacher would say if it were not for the video label. Then look for frames without dots (missed) and filled dots outside of frames (false alarms).
#
# **Question.** Some rows are bright from left to right in every video. Is that an error?
#
# <details><summary>Answer</summary>
#
# Not by itself. Similarities of different sentences are not on one scale: a sentence may lie close to everything. That is why every category has its own threshold, and why "the most similar category" would be a bad rule.
# </details>

# %% [markdown]
# ## 3. Where thresholds come from
#
# Somebody has to choose $\theta^m_c$. VALOR publishes 25 integers a modality. We fit them: for each category and modality the threshold with the best F-score over the segments of the *validation* videos that are labelled with the category, for these have dense labels. By eye, one video of five segments:

# %%
scores = np.array([9.0, 7.0, 6.0, 4.0, 1.0], np.float32).reshape(1, 5, 1)
truth = np.array([True, True, False, True, False]).reshape(1, 5, 1)
threshold = fit_thresholds(scores, truth, np.array([[True]]))
print("threshold:", threshold)
assert threshold == 2.5

# %% [markdown]
# Cut below 7 and two of three true segments are found without an error: $F = 2\cdot 2/(2 + 3) = 4/5$. Cut below 4: all three, with one false alarm, $F = 2\cdot 3/(4 + 3) = 6/7$, which is more. So the threshold lies between 4 and 1, in the middle. On real similarities, for the two most frequent categories:

# %%
frequent = np.argsort(-val.video_labels.sum(0), kind="stable")[:2]
fitted = bench.thresholds()
figure = threshold_histograms(
    bench.similarities("val"), (val.audio, val.visual), fitted, val.video_labels, categories, frequent
)
figure.savefig(folder / "thresholds.png")
figure

# %% [markdown]
# **Notice** how far the two heaps of a panel overlap: no threshold can undo that. And notice where the line lies when most segments of the labelled videos have the category: far to the left, since labelling everything is then hard to beat. The gate makes that cheap.
#
# **Question.** A category has four labelled validation videos. How much do you trust its threshold?
#
# <details><summary>Answer</summary>
#
# Little: forty segments that come in four highly similar groups of ten. The threshold is the best for these four videos. A category without any gets the mean threshold of the others, which is no more than a guess. In the smoke profile this is the rule; in LLP's validation split the rarest category
# has eight videos.
# </details>

# %% [markdown]
# ## 4. Precision and recall on the training videos
#
# Now the labels that a parser will learn from, held against the truth of the training split, which only a simulator can write down. All categories pooled, for three ways to label: the video label on every segment, the similarity alone with the same thresholds, and both together.

# %%
true = true_grids(bench.corpus)
pseudo = bench.zero_shot("train")
guessed = (pseudo.audio > 0.5, pseudo.visual > 0.5)
above = tuple(s > t for s, t in zip(bench.similarities("train"), fitted, strict=True))
everywhere = np.repeat(train.video_labels[:, None], 10, axis=1)
ways = {"video label everywhere": (everywhere, everywhere), "similarity alone": above, "pseudo-labels (both)": guessed}

# %%
rows = [
    {"labels": name, "modality": modality, **label_quality(grid, true[m])}
    for name, grids in ways.items()
    for m, (modality, grid) in enumerate(zip(MODALITIES, grids, strict=True))
]
pd.DataFrame(rows).set_index(["labels", "modality"]).round(1)

# %% [markdown]
# **Notice** that the gate can only remove labels: recall is the same with and without it (a true segment is always in the video label), and precision is what changes. The video label has a recall of 100 by definition; what it lacks is precision, because it says neither when nor in which modality.
#
# By category the picture falls apart:

# %%
table = per_class_scores(*guessed, *true, categories)
figure = precision_and_recall(table)
figure.savefig(folder / "precision_and_recall.png")
figure

# %% [markdown]
# **Notice** the long lines. Where recall is right of precision the threshold is low and the labels say too much; where it is left, they say too little. A category may be easy to hear and hard to see, and the other way round: read both panels of a row.
# A missing marker means that there is nothing to divide by: no true segment, or no label.

# %% [markdown]
# ## 5. The errors have a system
#
# If errors were random, a parser would average them out. First: *where* are the false alarms? Each falls into the first of these kinds that fits.

# %%
kinds = {
    (name, modality): false_alarm_kinds(ways[name][m], true[m], true[1 - m])
    for name in ("similarity alone", "pseudo-labels (both)")
    for m, modality in enumerate(MODALITIES)
}
pd.DataFrame(kinds).T

# %% [markdown]
# **Notice** that the gate removes the last kind and nothing else. What is left is the hard part, and it differs between the modalities (numbers of the tutorial profile):
#
# - beside a true segment (393 heard, 191 seen), and elsewhere in a video that has it (735 heard, 328 seen): the teacher errs about *when*. These are most of the false alarms of the sound.
# - only the other modality has it (105 heard, 845 seen): most of those of the picture. The gate lets a dog through that is only heard, as soon as anything in the picture looks a little like one. The reverse is rarer, as few things are seen and never heard.
#
# Second: *what* is taken for what? We ask the teacher alone, with thresholds fitted on *all* validation videos, so that it must keep quiet where a category is absent. For training segments in which exactly one category is true
# (or none): how often is another one reported? Categories that no validation video has are left out: nothing is known about their thresholds.

# %%
anything = np.ones_like(val.video_labels)
pairs = zip(bench.similarities("val"), bench.similarities("train"), (val.audio, val.visual), strict=True)
alone = [(s > fit_thresholds(asked, truth, anything)) & truth.any((0, 1)) for asked, s, truth in pairs]
tables = {modality: confusions(alone[m], true[m], categories) for m, modality in enumerate(MODALITIES)}
figure = confusion_bars(tables)
figure.savefig(folder / "confusions.png")
figure

# %% [markdown]
# **Notice** the pairs. Read "A → B" as: only A is there, and B is reported. The black line says how often B is reported wherever it is absent. A bar far beyond its line is a true confusion. Some you would make yourself with closed eyes (one engine for another, singing for speech); others are this teacher's own. In the tutorial profile
# several unlike things are taken for a dog when seen: a trait of this teacher, not of dogs. A line far to the right would mean a category that is reported almost anywhere, and a grey bar one that is reported out of nothing, from a background or a distractor.
#
# Third: which labels stay **empty**? A label that finds no segment in one modality may be right (a dog that is only seen has no bark). One that finds none in both is always wrong, because the category is somewhere.

# %%
table = empty_labels(*guessed, *true, train.video_labels)
table["percent empty"] = 100 * table["empty"] / table["video_labels"]
table["percent of these right"] = 100 * table["rightly_empty"] / table["empty"].replace(0, np.nan)
table.round(1)

# %% [markdown]
# A parser that learns from the last row is told that the category is nowhere, against the video label, and only the video-level loss objects. MUG looks at a stronger form of it, and does something about it.

# %% [markdown]
# ## 6. Null labels and annotation
#
# A **null label** is a visual label without any class. MUG (Section 3.2) calls them abnormal, "since a video may lack sound but rarely lacks imagery", compares them with the videos and annotates by hand those that show one of the 25 classes. The others stay as they are, and their videos are left out when videos are combined at random (lesson 05).
#
# The text leaves open whether a video or a segment can be null. Its reason speaks of videos, so that is what we mean: **no class in any second**. A single second without a class is what every event leaves before and after itself. Both readings on a toy of three videos, four seconds and one class; decide before you look which seconds are null:

# %%
seen = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]], np.float32)[..., None]  # rows: videos, columns: seconds
toy_labels = PseudoLabels(("first", "second", "third"), np.zeros_like(seen), seen, {})
by_video, by_segment = (null_labels(toy_labels, unit).astype(int) for unit in ("video", "segment"))
assert by_video.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]
assert by_segment.tolist() == [[1, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 0]]

# %% [markdown]
# How many are there among the pseudo-labels, and how many of them are right, because there is indeed nothing to see?

# %%
null_counts(pseudo, true[1]).round(1)

# %% [markdown]
# **Notice** that in the tutorial profile most of the null labels are right: 91 of 103 videos show nothing, and 12 have lost what there is to see. So MUG's premise does not hold in this corpus, whose sounds come from off screen about as often as in LLP's validation videos. Somebody has to look.
#
# Looking takes a list of what to look at. The questions go into a CSV file, one row a second, that a spreadsheet can edit:

# %%
questions = export_nulls(folder / "null_labels.csv", pseudo, categories)
print((folder / "null_labels.csv").read_text()[:108])
print("...", questions.counts())

# %% [markdown]
# And looking takes pictures and sound, which a spreadsheet does not show. In JupyterLab the next cell is a widget: mark seconds (a click, the arrow keys), give them classes (a click, or the key on the button), say "unlabelable" where none of the classes fits or "nothing to see" where the null label is right. Every change is in the file at once; run the cell again
# tomorrow, and it goes on where you stopped. What you see where nothing can be clicked is its picture. As long as nothing is answered we open it at the first video whose null label is wrong.

# %%
annotator = AnnotationWidget(bench.corpus, folder / "null_labels.csv")
rows = [train.keys.index(key) for key in questions.keys]
if len(rows) == annotator.session.progress()["todo"] > 0:  # nothing has been answered yet
    annotator.act("go", step=int(true[1][rows].any((1, 2)).argmax()) - annotator.session.position)
annotator.figure().savefig(folder / "annotation.png")
annotator

# %% [markdown]
# We cannot wait for you here. **A simulated annotator** answers instead: the renderer's truth, looked up by MUG's rule. A video that shows one of the classes is labelled second by second, any other one is unlabelable. No person is that good, so what follows is the most that annotation can give. The answers go through the same file as yours would:

# %%
write_annotations(folder / "null_labels_answered.csv", annotate_with_truth(questions, train.keys, true[1]))
answers = read_annotations(folder / "null_labels_answered.csv", categories, train.keys)
corrected = apply_annotations(pseudo, answers)
print(answers.counts())
print(corrected.provenance["annotations"])

# %% [markdown]
# What are they worth? Beside them two other ways: somebody looks at every null *segment*, which is many times the work; and somebody trusts the premise, looks at nothing, and fills null labels with the video label.

# %%
by_video, by_segment = (null_labels(pseudo, unit)[..., None] for unit in ("video", "segment"))
visual = {
    "pseudo-labels": guessed[1],
    "null videos annotated": corrected.visual > 0.5,
    "null segments annotated": np.where(by_segment, true[1], guessed[1]),
    "null videos filled with the video label": np.where(by_video, everywhere, guessed[1]),
}
table = pd.DataFrame({name: label_quality(grid, true[1]) for name, grid in visual.items()}).T
table.insert(0, "seconds looked at", [0, by_video.sum(), by_segment.sum(), 0])
table.round(1)

# %% [markdown]
# **Notice** three things.
#
# - Annotating the null videos helps a little (in the tutorial profile 43 labels more, recall from 85.7 to 86.3): most errors are in videos that do have labels, as section 5 has shown.
# - Annotating every null segment repairs half of the missing recall (93.0), for somebody who looks at 2,295 seconds, more than a quarter of the corpus. That is no correction of labels any more but labelling.
# - Filling without looking finds the same 43, among 1,460 labels that it adds, and precision falls from 82.2 to 69.6. A premise about videos is no annotation.
#
# **Question.** Under MUG's rule every video is unlabelable that shows none of the classes, and random combination then uses neither its picture nor its sound. What is lost, if the null label was right?
#
# <details><summary>Answer</summary>
#
# The picture is lost in any case: combination draws no track without a label, right or wrong, so no new video teaches that a picture may hold nothing. But its sound is labelled and good, often the only thing in the video, and it goes as well. That is why the widget has a second answer, "nothing to see": the label stays empty, and the
# video is not excluded. MUG does not have it. On LLP, where the picture nearly always shows something, the difference may be small; here it concerns about nine tenths of the null labels.
# </details>

# %% [markdown]
# ## 7. The worst video
#
# All of it together, for the training video with the most wrong segments.

# %%
wrong = sum((g != t).sum((1, 2)) for g, t in zip(guessed, true, strict=True))
row = int(wrong.argmax())
media = read_media(bench.corpus.media_path(train.keys[row]))
figure = timeline(
    media,
    categories,
    (true[0][row], true[1][row]),
    {"pseudo-label": (guessed[0][row], guessed[1][row])},
    f"{train.keys[row]}: {wrong[row]} wrong segments",
)
figure.savefig(folder / "worst_video.png")
figure

# %% [markdown]
# ## 8. How good are the labels as predictions?
#
# The labels can be scored like a parser's output, with the ten numbers of lesson 00, on the test split. Beside them what needs no teacher (the video label on every segment) and the teacher without the video label, with thresholds that were fitted for that.

# %%
chosen = ("video-label", "teacher", "pseudo-labels")
scores = {
    PREDICTORS[name].title: parsing_scores(*predictor_grids(name, bench), test.audio, test.visual) for name in chosen
}
pd.DataFrame(scores).round(1)

# %% [markdown]
# **Notice** three things.
#
# - The first and the last column **read the label of the test video**. They are no parsers, and must never be an input of one; they say how good the labels are.
# - The teacher in the middle reads no label. The gap to the last column is what the video label knows.
# - Compare the columns at event level, where one wrong segment in the middle cuts an event in two. All columns fall. The video label falls most in Type@AV: one run over ten seconds rarely covers the same time as a short event, by half.
#
# The published counterpart: EAR reports, in its comparison of pseudo-labels, what VALOR's labels score on LLP's test split: segment-level Type@AV 72.0 and event-level 64.6. Those are real videos and other teachers; nothing here should be compared with them but the shape of the table.

# %% [markdown]
# ## 9. Labels with a pedigree
#
# Pseudo-labels are data that somebody made. A file of zeros and ones does not say with which thresholds or from which features, and two such files look alike. So ours carry their provenance, and are joined by id like every bank.

# %%
pseudo.save(folder / "zero_shot_train.npz")
loaded = PseudoLabels.load(folder / "zero_shot_train.npz")
assert np.array_equal(loaded.audio, pseudo.audio) and loaded.provenance == pseudo.provenance
for name, value in loaded.provenance.items():
    print(f"{name}: {str(value)[:64]}")

# %%
audio, visual = loaded.take(train.keys[:2])
print("labels of two videos:", audio.shape, visual.shape)
try:
    loaded.take(test.keys[:2])
except KeyError as error:
    print(error.args[0])

# %% [markdown]
# ## Exercises
#
# **1.** In the toy of section 1, lower the thresholds of Car just far enough that Car gets one segment in each modality. Which segments, and what is the price?
#
# <details><summary>Answer</summary>
#
# To 3.5 to the ear: segment 1 (similarity 4) gets a label, the others have 1, 0 and 3. To 4.5 to the eye: segment 3 (similarity 5). Here it costs nothing, but in other videos labelled with Car every segment between the old and the new threshold becomes a label as well.
# </details>
#
# **2.** Recall is the same with and without the gate in section 4. Would that be so on the real LLP?
#
# <details><summary>Answer</summary>
#
# Not quite. In LLP weak and dense labels were made by different people, and some dozens of validation and test videos have a dense event whose category is missing in the video label. There the gate removes true segments. In a rendered corpus both come from one plan.
# </details>
#
# **3.** Use one threshold for all categories: the mean of the fitted ones. What happens to the F-score of the pseudo-labels on the training videos?
#
# <details><summary>Answer</summary>
#
# ```python
# flat = [np.full_like(t, t.mean()) for t in fitted]
# common = zero_shot_labels(*bench.similarities("train"), *flat, train.video_labels, train.keys)
# both = {"fitted": guessed, "common": (common.audio > 0.5, common.visual > 0.5)}
# pd.DataFrame({(k, MODALITIES[m]): label_quality(both[k][m], true[m]) for k in both for m in (0, 1)}).round(1)
# ```
#
# It falls where categories differ in how close their sentences lie to everything: in the tutorial profile from 88.3 to 87.4 for the sound and from 83.9 to 78.0 for the picture, all of it in precision. In the smoke profile it may even rise: fitted thresholds of a few videos can be worse than a common guess.
# </details>
#
# **4.** A remedy for labels that find no segment would be a fallback: where a labelled category has no segment in either modality, label its most similar segment. What would it do to precision and recall, and why might a parser still be better off with it?
#
# <details><summary>Answer</summary>
#
# Recall can only rise, and precision falls if the most similar segment of a missed category is more often wrong than an average label. But the alternative is to teach ten or twenty zeros, of which at least one is false for certain. VALOR has no fallback; MUG asks people. Every category has its own threshold, so "most similar" has to mean farthest above it, or least below:
#
# ```python
# above_threshold = [s - t for s, t in zip(bench.similarities("train"), fitted, strict=True)]
# cells = np.concatenate(above_threshold, axis=1)  # (N, 2 * 10, C): first what is heard, then what is seen
# missed = train.video_labels & ~(guessed[0] | guessed[1]).any(1)  # (N, C): labels without any segment
# fallback = np.zeros_like(cells, dtype=bool)
# np.put_along_axis(fallback, cells.argmax(1)[:, None], missed[:, None], axis=1)
# rows = []
# for m, extra in enumerate(np.split(fallback, 2, axis=1)):
#     for kind, grid in (("without", guessed[m]), ("with fallback", guessed[m] | extra), ("fallback alone", extra)):
#         rows.append({"labels": f"{MODALITIES[m]}, {kind}", "segments": int(grid.sum()), **label_quality(grid, true[m])})
# pd.DataFrame(rows).set_index("labels").round(1)
# ```
#
# In the tutorial profile it adds 28 segments to 9,809 that are heard, of which 71 % are right, and 4 wrong ones to 7,680 that are seen: labels without any segment are rare here, so neither number moves.
# </details>
#
# **5.** A colleague has answered half of the file, and her editor crashed: the last line reads `vid-00042,7,Do`. What does `read_annotations` do, and what becomes of her work? Try it on a copy of the answered file.
#
# <details><summary>Answer</summary>
#
# ```python
# write_annotations(folder / "copy.csv", answers)
# text = (folder / "copy.csv").read_text()
# (folder / "copy.csv").write_text(text[: len(text) // 2])
# try:
#     read_annotations(folder / "copy.csv", categories, train.keys)
# except ValueError as error:
#     print(error)
# ```
#
# It refuses the file and names the line, and changes nothing. With that line deleted the file still lacks rows, which is refused too, because they may have held answers. `export_nulls` with the same labels keeps every answer that is there and adds the lost rows as "todo".
# </details>

# %% [markdown]
# ## Summary
#
# - A pseudo-label is a similarity above a threshold AND a video label. The second half does much of the work: it removes everything that is not in the video.
# - What it cannot remove is systematic: events that bleed into the next second, categories that belong to the other modality, confusions within the video, labels that find no segment.
# - Null labels are a symptom that is easy to find. Whether they are wrong has to be looked at: here most are right, and the errors that cost most are in videos that do have labels.
# - Labels of a test split read the test label. They measure the labels; they are not predictions.
#
# ## What differs from the papers
#
# - Frames are spread from the first to the last as VALOR spreads them, but always over 80 frames of exactly ten seconds.
# - The teachers are our tiny ones, trained on pictures and sounds of this renderer, so they are at home here as CLIP and CLAP are not on LLP. VALOR's thresholds are 25 published integers a modality, ours are fitted on validation segments with dense labels.
# - MUG's annotation is described in three sentences and a supplement that is not public. We read "null label" as a video without any visual label, decide second by second, and add the answer "nothing to see". Our annotator is the truth; theirs were people.
# - MUG needs labels at test time for its text input and drops the AND there (its pseudo-label semantic interaction module). That is the teacher alone of section 8, not the pseudo-labels.
#
# ## References
#
# - Lai, Chen, Wang: Modality-Independent Teachers Meet Weakly-Supervised Audio-Visual Event Parser. NeurIPS 2023 (VALOR): the rule, the sentences, the thresholds.
# - MUG, Section 3.2 (manual annotation of null labels, cross-modality random combination) and its pseudo-label semantic interaction module.
# - EAR, Section III-B (pseudo-labels by label migration, with the video label as a filter) and its Table III (accuracy of pseudo-labels).
