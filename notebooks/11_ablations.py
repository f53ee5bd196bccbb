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
# # 11 · Ablations: what a table can tell
#
# *Time: under a minute on one core. Memory: 1 GB. Data: cells, results that are committed; nothing is trained.*
#
# **Question.** A paper takes a module out, the score falls by 0.4, and the text says that the module is effective. The four papers of this series have 43 tables with more than two thousand numbers, nearly all from one training each. What would have to be true for such a table to tell us something, and which of its claims hold when everything is done again, elsewhere, with several seeds?
#
# You will learn
#
# 1. to turn a table into claims that can fail;
# 2. what an interval over videos *and* training seeds is, and why pairs are compared;
# 3. how small an effect a test set of this size can show at all;
# 4. to read a paper's table beside our own measurement, and what must not be compared;
# 5. how often a hundred claims about nothing would come out as confirmed.
#
# `avvp table mug/2` runs a table by its name: recipes that are missing or stale are trained, all others are read from `outputs/cells`. Run this notebook with another name, for example `avvp run notebooks/11_ablations.py -p table ear/IX`; `avvp table` lists them.

# %% tags=["parameters"]
table = "mug/2"  # which table of which paper: mug/1 to 5, ear/I to IX and S-X to S-XX, mm-cse/1 to 10, selm/1 to 8
profile = "tutorial"  # the size of the recipes whose cells are read
corpus = "studio-1"  # <domain>-<seed>; seed 1 is the one that nothing was tuned on
out = "outputs/runs/11_ablations"  # folder for the figures

# %%
import numpy as np
import pandas as pd

import avvp_lib
from avvp_lib.cells import read_cells
from avvp_lib.figures.tables import claims_map, verdict_chart
from avvp_lib.metrics import bootstrap_interval
from avvp_lib.published import contradictions, disagreements, published_values
from avvp_lib.recipes import table as recipes_of
from avvp_lib.reports import REPORTED_CORPUS, scores_by_experiment
from avvp_lib.table_cells import Place, find_tables
from avvp_lib.table_reports import VERDICTS, claims, paper_and_ours, undecided, verdicts, wide
from avvp_lib.workspace import workspace

folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
place = Place.of(profile, corpus)
(known,) = find_tables([table])
print(f"avvp {avvp_lib.__version__}; {known.name}: {known.title}; cells of {place.cells()}")

# %% [markdown]
# ## 1 · A claim, by hand
#
# Two models, four videos, three training seeds. Model B is better than A by two points on average. Twice: once on every video and with every seed alike, once because a single training went well.

# %%
a = np.array([[50.0, 60, 70, 40], [52, 61, 72, 43], [51, 59, 71, 42]])  # (seeds, videos)
even = a + 2
lucky = a + np.array([[6.0], [0], [0]])
toy = {
    "even gain": bootstrap_interval(even - a, seed=0),
    "one lucky training": bootstrap_interval(lucky - a, seed=0),
    "one lucky training, seed 0 alone": bootstrap_interval((lucky - a)[:1], seed=0),
}
assert toy["even gain"] == (2, 2, 2)
assert toy["one lucky training"].mean == 2 and toy["one lucky training"].low == 0
assert toy["one lucky training, seed 0 alone"] == (6, 6, 6)
pd.DataFrame(toy, index=["mean", "low", "high"]).T

# %% [markdown]
# The interval comes from a **bootstrap**: draw three seeds with replacement, and four videos with replacement, average the differences, and do that two thousand times; its ends cut off 2.5 % on either side. *One lucky training* could be nothing, and says so, for a draw may miss the lucky seed. With one seed the interval is as narrow as can be and **says nothing about other seeds**: that is the last row, and it is what one training in each row of a table gives us.
#
# **Pairs.** We resampled *differences* on the same videos. Videos differ from each other far more than models do:

# %%
noise = np.random.default_rng(0)
difficulty = noise.normal(60, 20, size=(1, 100))  # of a video, the same for both models
one, other = difficulty + noise.normal(0, 3, (3, 100)), difficulty + 2 + noise.normal(0, 3, (3, 100))
paired = bootstrap_interval(other - one, seed=0)
apart = [bootstrap_interval(scores, seed=0) for scores in (one, other)]
assert paired.low > 0 and apart[0].high > apart[1].low
print(f"each for itself: {apart[0].low:.1f} ... {apart[0].high:.1f} and {apart[1].low:.1f} ... {apart[1].high:.1f}")
print(f"their difference: {paired.low:.1f} ... {paired.high:.1f}")

# %% [markdown]
# The two intervals overlap, and the difference is plain all the same. "The intervals overlap, so there is no difference" is wrong for pairs.
#
# **From a table to a claim.** Our corpus is rendered, the networks are narrow and the teachers are small, so a *value* of ours never stands against a value of a paper. What can be compared is the **direction**: "without TSA it is worse". For each row we ask about the difference between it and the paper's own method:
#
# - it **agrees** if the 95 % interval of our difference lies on the side that the paper says;
# - it **disagrees** if the interval lies on the other side;
# - else it is **undecided**, which is no verdict on the paper: the effect may be there and too small for our test set, or absent.

# %% [markdown]
# ## 2 · How small an effect could we see?
#
# Before a table is read: what is the smallest gain that our 400 test videos and a few seeds would show? Take the five trainings of VALOR and of HAN under the same labels, which are close to each other, and measure how wide the interval of their difference is with fewer seeds and with fewer videos.

# %%
cells = read_cells(REPORTED_CORPUS)
scores = scores_by_experiment([cell for cell in cells if cell["experiment"] in ("valor-zero-shot", "han-zero-shot")])
difference = scores["han-zero-shot"] - scores["valor-zero-shot"]  # (seeds, videos)
half_width = {
    f"{seeds} seed{'s' * (seeds > 1)}": {
        f"{videos} videos": np.diff(bootstrap_interval(difference[:seeds, :videos], seed=0)[1:])[0] / 2
        for videos in (100, 200, 400)
    }
    for seeds in (1, 3, 5)
}
pd.DataFrame(half_width).T.round(1)

# %% [markdown]
# **Notice.** This is half of an interval, in points of segment-level Type@AV: an effect smaller than that can hardly be told from none. Four times the videos halve it. More seeds help less than one hopes, since the videos stay the same, but they are the only protection against a lucky training. LLP's test split has 1,200 videos, three times as many as ours: effects of a point are about what it can show, and tables of the papers are full of smaller ones.

# %%
values = published_values()
main = values[(values["metric"] == "Type") & values["level"].isin(["segment", "mean"])]
steps = []
for name, rows in main.groupby("name", sort=False):
    (of_table,) = find_tables([name])
    by_row = rows.drop_duplicates("row").set_index("row")["value"]
    if of_table.repeats is None and of_table.reference in by_row and not name.endswith(("/1", "/I", "/III")):
        steps += (by_row.drop(of_table.reference) - by_row[of_table.reference]).abs().dropna().tolist()
steps = np.array(steps)
print(
    f"{len(steps)} ablations of the three parsing papers, |difference| in Type@AV: median {np.median(steps):.1f}, ",
    end="",
)
print(f"{(steps < 1).mean():.0%} below one point")

# %% [markdown]
# ## 3 · The table
#
# What its rows are, as recipes. Each differs from the whole model in one thing, and shares its learning rate, which was chosen for the whole model: a small advantage for it.

# %%
rows = {row.label: row.experiment or f"– ({row.note})" for row in known.rows}
print(f"{len(recipes_of(known.name, profile))} recipes")
pd.Series(rows, name="experiment").to_frame()

# %% [markdown]
# Paper / ours, in percent. A dash is a row that nobody measured, here or there.

# %%
compared = paper_and_ours(known.name, place)
compared.to_csv(folder / "paper_and_ours.csv", index=False)
wide(compared)

# %% [markdown]
# And the claims: the row minus what it is compared with. Diamonds are the paper's numbers, which come without an interval.

# %%
judged = verdicts(known.name, place)
measured = judged[judged["seeds"] > 0]
figure = verdict_chart(judged, f"{known.name}: {known.title}", known.score) if len(measured) else None
if figure is None:
    print(f"nothing is measured yet: avvp table {known.name}")
else:
    figure.savefig(folder / "table.png")
figure

# %%
measured[["setting", "row", "against", "paper", "ours", "low", "high", "seeds", "verdict", "note"]].round(1)

# %% [markdown]
# **How to read it.** Look at the side of zero, not at the distance. An interval that crosses zero decides nothing, however far its mark lies from zero.
#
# **What an ablation cannot say.** A row without a module has fewer parameters, another depth, and the learning rate of its neighbour. If it is worse, the module may be good, or the network too small, or the rate wrong. Tables that replace a module by another of the same size (mug/5, ear/VIII, selm/4) are better evidence than tables that take one away.

# %% [markdown]
# ## 4 · All claims of four papers
#
# Every table that is an experiment, without those that print the same experiments again. Each mark is one claim. (Where the paper states a direction and its numbers are lost in our text of it, a claim has a verdict, counted in the table below, but no place in this figure.)

# %%
all_claims = claims(place)
said = all_claims[all_claims["verdict"] != ""]
if len(said):
    figure = claims_map(all_claims)
    figure.savefig(folder / "claims.png")
figure

# %%
papers = said["table"].str.split("/").str[0]
said.groupby([papers.rename("paper"), "verdict"]).size().unstack(fill_value=0).reindex(columns=VERDICTS, fill_value=0)

# %% [markdown]
# [docs/claims.md](../docs/claims.md) lists them one by one.
#
# **How many would agree by chance?** Suppose that no module had any effect. An interval of 95 % lies off zero in 5 % of all cases, half of them on the paper's side.

# %%
print(f"{len(said)} claims about nothing: {0.025 * len(said):.1f} would agree, {0.025 * len(said):.1f} would disagree")
print(f"found: {(said['verdict'] == 'agrees').sum()} agree, {(said['verdict'] == 'disagrees').sum()} disagree")

# %% [markdown]
# **Notice.** Claims are not independent (one weak training of the whole model moves all rows of a table), so these are no exact odds. But the order of magnitude protects: two or three that agree among a hundred are what nothing looks like. And a claim that agrees says that a score moved, not why: the one row of SelM's that does is about where a threshold lies ([lesson 10](10_selm.ipynb), section 8).
#
# **What does undecided mean?** Section 2 measured what can be seen at all. Hold each undecided claim against its own interval:

# %%
undecided(said).to_frame("claims")

# %% [markdown]
# **Notice.** In the first group nothing was to be expected: the table is about effects below what our test set resolves. The third group says more. Had the module the effect here that it has in the paper, the interval would lie around that; it does not reach so far. That is no refutation, since a module can be worth less with small networks on an easy corpus, but it is a limit to what can be carried over.
#
# ## 5 · The papers against themselves
#
# A number that follows from other numbers can be checked without any data. Type@AV is the mean of A, V and AV:

# %%
found = contradictions()
found.drop(columns=["corpus"]).round(2)

# %% [markdown]
# Rounding explains 0.1. CMPAE's event-level Type is 51.9 in EAR's supplement; its three parts say 57.4, which is what MUG prints, and the average in EAR's table carries the error on. MA's and MM-Pyramid's went from paper to paper.
#
# And numbers of one method that depend on who prints them:

# %%
other = disagreements()
other[(other["metric"] == "Type") & (other["level"] == "segment")][["method", "features", "values"]]

# %% [markdown]
# Some of these are different models under one name (VALOR was published with two sets of pseudo-labels, MGN with and without MA's labels), some are reruns, some slips of the pen. A comparison with "VALOR" is a comparison with one of them: MUG beats the weaker one by 1.9 points and the stronger one by 0.7.

# %% [markdown]
# ## Exercises
#
# **1.** How much would the verdicts above change if every row had been trained once? Take seed 0 alone, then seed 1 alone, and compare a few of the steps that we have five seeds for.
#
# <details><summary>Answer</summary>
#
# ```python
# from avvp_lib.reports import compare
#
# pairs = [("valor-zero-shot", "mug-zero-shot"), ("valor-zero-shot", "ear-zero-shot"), ("han-zero-shot", "han-combined-1")]
# for lower, higher in pairs:
#     by_seed = [compare([c for c in cells if c["seed"] == s], lower, higher) for s in range(5)]
#     print(f"{lower} -> {higher}:", [f"{step['difference']:+.1f} {step['verdict']}" for step in by_seed])
# ```
#
# The differences of single seeds scatter by one to two points and change their sign. A table with one training a row shows one of these columns.
#
# </details>
#
# **2.** MUG's Table 2 says that without CMRC, segment-level Type@AV falls from 63.9 to 62.2, which is more than any of its modules is worth. What else differs between the two rows?
#
# <details><summary>Answer</summary>
#
# The number of training steps: an epoch with generated videos is twice as long. Lesson 05 trains a control that has the steps without the videos (`han-zero-shot-twice`). MUG's table has none. Here, for HAN:
#
# ```python
# from avvp_lib.reports import compare
#
# for pair in (("han-zero-shot", "han-zero-shot-twice"), ("han-zero-shot", "han-combined-1"), ("han-zero-shot-twice", "han-combined-1")):
#     step = compare(cells, *pair)
#     print(f"{pair[0]} -> {pair[1]}: {step['difference']:+.1f}, {step['verdict']}")
# ```
#
# </details>
#
# **3.** Choose the best of five rows (Batch1 to Batch5 of MUG's Table 3) on the *test* split, and report it. How much do you gain if the five do not differ at all, and a training scatters by half a point?
#
# <details><summary>Answer</summary>
#
# ```python
# best = np.random.default_rng(0).normal(0, 0.5, (100_000, 5)).max(1)
# print(f"{best.mean():.2f} points from nothing")
# assert 0.5 < best.mean() < 0.7
# ```
#
# More than half a point. That is why recipes here are chosen on corpus seed 0 and reported on seed 1.
#
# </details>
#
# **4.** Which lines of `published_table("mm-cse/3")` are lost in our text of the paper, and can you work them out from Table 9?
#
# <details><summary>Answer</summary>
#
# ```python
# from avvp_lib.published import published_table
#
# lost = published_table("mm-cse/3").query("value_flag == 'lost'")
# print(lost[["row", "metric", "value_flag", "note"]].to_string())
# ```
#
# Some would be the mean of two numbers that are legible, and end exactly between two roundings (61.45): the paper rounds such ties both ways, so they stay empty. The audio score of *w/o SECM* needs a number that is lost in Table 9, too.
#
# </details>

# %% [markdown]
# ## Summary
#
# * A table becomes a claim when it says what would refute it. Ours: the direction of a difference, on another corpus, with an interval over videos and seeds.
# * Compare pairs. Do not compare intervals of single models, and never values across corpora.
# * A test set has a resolution. Effects below it are undecided, whatever the table prints.
# * Many claims need a count of what chance would give.
# * Some errors can be found with a pencil.
#
# **What differs from the papers.** Corpus, features and widths (lessons 01, 06); trainings are shorter; every row has the learning rate that was chosen for the whole model on corpus seed 0; rows have three seeds or five. Methods that nobody built here have no row of ours.
#
# **References.** The four papers of this series. · B. Efron, R. Tibshirani. *An Introduction to the Bootstrap.* 1993. · X. Bouthillier et al. *Accounting for Variance in Machine Learning Benchmarks.* MLSys 2021 (why both data and seeds have to be resampled).
