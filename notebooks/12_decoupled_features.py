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
# # 12 · Islands and maps: what a picture of features can prove
#
# *Time: a little over a minute of one core where VALOR, MM-CSE and EAR have been trained (lessons 06, 08 and 09 keep them), two minutes more where not; UMAP compiles itself for a part of it. Memory: 2 GB. Data: the rendered corpus and its feature banks, made on first use.*
#
# **Question.** Three figures of the papers argue with a picture. MM-CSE's Figure 5 shows its class features as neat islands beside VALOR's muddle, as proof that they are taken apart. Its Figure 4 shows a learned map of co-occurrence, and EAR's Figures 4 and 5 learned relations; both are read by examples.
# Lessons 08 and 09 met them one by one. Here they are put to the test together: how good are the islands *in numbers*, how good would they be if nothing had been learned, and do the maps know which events happen together?
#
# You will learn
#
# 1. to score clusters (silhouette, purity of neighbours), with intervals over videos, in the feature space and in the plane;
# 2. why features *indexed* by category form islands always, and to build the control that shows it;
# 3. to ask a question on which class features and mixed features can really meet;
# 4. what an average over a test set does to a map, and how much of a learned matrix is the noise it began with.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of everything
corpus_seed = 0  # which rendered corpus; 0 is the one that recipes were tuned on
seed = 0  # of the training, of the points that are drawn, of the projections and the intervals
device = "auto"  # one of auto, cpu, cuda: where to train
out = "outputs/runs/12_decoupled_features"  # folder for the figures

# %%
import numpy as np
import pandas as pd
from sklearn.manifold import trustworthiness

import avvp_lib
from avvp_lib.corpora.synthetic.statistics import llp_statistics
from avvp_lib.feature_clusters import (
    PROJECTIONS,
    Points,
    cluster_scores,
    draw_points,
    name_tags,
    neighbour_purity,
    project,
    standardised,
    video_interval,
)
from avvp_lib.figures import feature_planes, interval_dots, pair_scatter, relation_maps
from avvp_lib.model_features import features_of
from avvp_lib.recipes import prepare, recipe, run, training_folder, untrained_model
from avvp_lib.relation_agreement import (
    companion_areas,
    companion_lift,
    companion_table,
    rank_agreement,
    segment_lift,
)
from avvp_lib.workspace import workspace

folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
print(f"avvp {avvp_lib.__version__}, training seed {seed}, corpus seed {corpus_seed}")

# %% [markdown]
# ## 1 · Two scores and a trap, by hand
#
# ### 1.1 Silhouette and purity
#
# Four features with one channel: two of a *dog*, at 0 and 1, two of a *car*, at 4 and 6. Each comes from a video of its own.
#
# The **silhouette** of a point compares its mean distance $a$ to its own category with its mean distance $b$ to the nearest other one: $(b - a) / \max(a, b)$. The dog at 0 has $a = 1$ and $b = (4 + 6)/2 = 5$: $4/5$. The dog at 1: $a = 1$, $b = 4$: $3/4$. The car at 4: $a = 2$, $b = 3.5$: $3/7$. The car at 6: $a = 2$,
# $b = 5.5$: $7/11$. The mean is 0.65.
#
# The **purity** of a point is the share of its nearest neighbours that have its category. With one neighbour: all four are right.

# %%
line = np.array([[0.0], [1.0], [4.0], [6.0]])
dog_or_car, own_videos = np.array([0, 0, 1, 1]), np.arange(4)
by_hand = (4 / 5 + 3 / 4 + 3 / 7 + 7 / 11) / 4
table = cluster_scores({"line": line}, Points(own_videos, np.zeros(4, int), dog_or_car), seed=seed, neighbours=1)
assert np.isclose(table["mean"][0], by_hand) and table["mean"][1] == 1
table.round(2)

# %% [markdown]
# Now say that the two cars are two seconds of *one* video. They look alike because the camera did not move, not because they are cars. So a point's own video is not asked: each car now has the dog at 1 as its nearest neighbour.

# %%
one_video = np.array([0, 1, 2, 2])
neighbour_purity(line, dog_or_car, one_video, 1)

# %% [markdown]
# Three rules for all that follows: a video gives at most **one segment for a category**, drawn at random; a point's own video is never its neighbour; and intervals come from drawing **videos** with replacement, each with all its points (a bootstrap of the mean over points; the cloud they stand in is kept).
#
# ### 1.2 The trap: a name tag
#
# Ninety points of pure noise in a plane, in three categories that mean nothing. Then we add a vector to each point, one for each category: a *name tag*. The point now says "I was asked about the dog". It knows no more about dogs than before.

# %%
noise = np.random.default_rng(seed).normal(size=(90, 2))
nothing = Points(np.arange(90), np.zeros(90, int), np.arange(90) % 3)
tagged = name_tags(noise, nothing.category, seed=1, length=4.0)
feature_planes(
    {"noise": (noise, nothing.category), "the same noise with name tags": (tagged, nothing.category)},
    ["one", "two", "three"],
)

# %%
cluster_scores({"noise": noise, "name tags": tagged}, nothing, seed=seed).pivot(
    index="space", columns="score", values="mean"
).round(2)

# %% [markdown]
# Nobody would call this "taken apart". But MM-CSE computes the dog's feature by the dog's own linear layer, with a bias and a direction of its own: $\tilde F_{dog} = W_{dog} F + b_{dog}$. That is a name tag by construction, before the first training step. A plot coloured by the *index of the layer* shows which layer made a point.
# Lesson 09 (section 6) saw islands in the untrained network. We now measure how much of Figure 5 is name tag.
#
# ## 2 · Figure 5, with its controls
#
# VALOR and MM-CSE of lessons 06 and 09, and MM-CSE with its first weights. `features_of` collects extras of the output and what a layer is given; what VALOR's classifier is given is its mixed feature.

# %%
bench = prepare(profile, corpus_seed, progress=False)
categories, test, split = list(bench.corpus.categories), bench.data("test"), bench.split("test")
models, first = {}, {}
for name in ("valor", "mm-cse", "ear"):
    experiment = recipe(f"{name}-zero-shot", profile)
    models[name] = run(experiment, bench, seed, device, training_folder(experiment, bench, seed), progress=False).model
    first[name] = untrained_model(name, test, bench, experiment.widths, seed)

# %%
valor = features_of(models["valor"], test, inputs=["fc_prob"])["fc_prob"]
wanted = ("decoupled", "holistic", "intra_map", "cross_map")
learned, initial = (features_of(network["mm-cse"], test, extras=wanted) for network in (models, first))
print("VALOR, mixed", valor.shape, " MM-CSE, class features", learned["decoupled"].shape)

# %% [markdown]
# Points: the seven categories that are heard in most test videos, one heard segment for each of their videos, at most 60 videos a category. That is the paper's figure. And a second cloud that no paper shows: **as many segments in which the category is not heard**. The dog's feature where there is no dog.

# %%
shown = np.argsort(-split.audio.any(axis=1).sum(axis=0), kind="stable")[:7]
names = [categories[k] for k in shown]
heard = draw_points(split.audio[:, :, shown], seed=seed, at_most=60)
number = np.bincount(heard.category, minlength=len(shown))
silent = draw_points(~split.audio[:, :, shown], seed=seed, at_most=number)
print(dict(zip(names, number.tolist(), strict=True)), f"{len(heard.video)} points of {len(set(heard.video))} videos")

# %% [markdown]
# Four networks, so to speak: VALOR's mixed feature; **VALOR's mixed feature with a random name tag**, "class features" for one line of code; MM-CSE's class features; and those of MM-CSE with its first weights. Every channel is standardised.

# %%
clouds, origins = {}, {"heard": heard, "not heard": silent}
for where, points in origins.items():
    mixed = standardised(valor[points.video, points.segment, 0])
    unit = shown[points.category]
    clouds[where] = {
        "VALOR": mixed,
        "VALOR, tagged": name_tags(mixed, points.category, seed=seed),
        "MM-CSE": standardised(learned["decoupled"][points.video, points.segment, 0, unit]),
        "MM-CSE, untrained": standardised(initial["decoupled"][points.video, points.segment, 0, unit]),
    }

# %%
planes = {
    (where, title, method): project(cloud, method, seed=seed)
    for where, some in clouds.items()
    for title, cloud in some.items()
    for method in PROJECTIONS
}

# %%
figure = feature_planes(
    {
        f"{title}: {where}": (planes[where, title, "t-SNE"], origins[where].category)
        for where, some in clouds.items()
        for title in some
    },
    names,
    across=4,
)
figure.savefig(folder / "tsne.png")
figure.colours_shown = 48
figure

# %% [markdown]
# Above, the category is heard: VALOR is the muddle of Figure 5, and the others have islands. Below, the category is **not heard**, and only VALOR's picture changes: there is nothing to see, as there should be. The others keep their islands. UMAP of the first row:

# %%
figure = feature_planes({title: (planes["heard", title, "UMAP"], heard.category) for title in clouds["heard"]}, names)
figure.savefig(folder / "umap.png")
figure.colours_shown = 48
figure

# %% [markdown]
# ### 2.1 What the eye sees, in numbers
#
# Each cloud is scored in its feature space, and in both planes. Chance: the same points with shuffled categories, for VALOR.

# %%
parts = []
for where, some in clouds.items():
    for title, cloud in some.items():
        spaces = {"features": cloud} | {method: planes[where, title, method] for method in PROJECTIONS}
        parts.append(cluster_scores(spaces, origins[where], seed=seed).assign(cloud=f"{title}: {where}"))
scores = pd.concat(parts, ignore_index=True)
shuffled = heard._replace(category=np.random.default_rng(seed).permutation(heard.category))
chance = cluster_scores({"VALOR": clouds["heard"]["VALOR"]}, shuffled, seed=seed).set_index("score")["mean"]
figure = interval_dots(scores, "cloud", "score", "space", chance.to_dict())
figure.savefig(folder / "cluster_scores.png")
figure

# %%
scores.pivot(index="cloud", columns=["score", "space"], values="mean").loc[list(dict.fromkeys(scores["cloud"]))].round(
    2
)

# %%
purity = {title: neighbour_purity(clouds["heard"][title], heard.category, heard.video) for title in clouds["heard"]}
pairs = [("VALOR", "MM-CSE"), ("MM-CSE, untrained", "MM-CSE"), ("MM-CSE", "VALOR, tagged")]
pd.DataFrame(
    {f"from {a} to {b}": video_interval(purity[b] - purity[a], heard.video, seed=seed)._asdict() for a, b in pairs}
).T.round(2)

# %% [markdown]
# **What to notice.**
#
# - *From VALOR to MM-CSE* reproduces the direction of Figure 5: class features are purer, and the interval is far from zero. Read on before you conclude.
# - *From untrained to trained*: in the committed run training makes the islands **worse**. The best islands belong to the tagged VALOR, which nobody trained for it.
# - *Heard* against *not heard*: MM-CSE's features are about as pure where the category is absent. So purity by index is no evidence about the content. Only for VALOR does it say something: its neighbours agree on the category where it is heard, and fall to chance where it is not.
# - VALOR has a handicap that no feature could overcome: a segment with two categories puts two points on one spot, and one of them is always among strangers. So draw only segments in which one category is heard and no other:

# %%
alone = split.audio[:, :, shown] & (split.audio.sum(axis=2, keepdims=True) == 1)
single = draw_points(alone, seed=seed, at_most=60)
single_clouds = {
    "VALOR": standardised(valor[single.video, single.segment, 0]),
    "MM-CSE": standardised(learned["decoupled"][single.video, single.segment, 0, shown[single.category]]),
    "MM-CSE, untrained": standardised(initial["decoupled"][single.video, single.segment, 0, shown[single.category]]),
}
near = min(10, len(single.video) // 3)
alone_scores = cluster_scores(single_clouds, single, seed=seed, neighbours=near)
print(f"{len(single.video)} points, by category {np.bincount(single.category).tolist()}, {near} neighbours")
alone_scores.rename(columns={"space": "cloud"}).set_index(["score", "cloud"]).sort_index(kind="stable").round(2)

# %%
right = {title: neighbour_purity(cloud, single.category, single.video, near) for title, cloud in single_clouds.items()}
pd.Series(
    video_interval(right["MM-CSE"] - right["VALOR"], single.video, seed=seed)._asdict(), name="from VALOR to MM-CSE"
).round(2)

# %% [markdown]
# In the committed run this turns the order of Figure 5 around: where nothing overlaps, VALOR's mixed feature, without any tag, has *purer* neighbours than MM-CSE's class feature with one; and the untrained tags are the purest again. The muddle was the overlap of events, of which a mixed feature rightly says both. (Two numbers of different sets of points do not compare, for the mix of categories differs;
# the two networks, on the same points, do.)

# %% [markdown]
# ### 2.2 What the projection adds
#
# Compare the marks of one line. A projection keeps neighbourhoods and gives up distances: purity should stay, and the silhouette may not. *Trustworthiness* is the usual score of a projection: 1 if nobody is near in the plane who was far before.

# %%
wide = scores[scores["score"] == "silhouette"].pivot(index="cloud", columns="space", values="mean")
gained = wide[list(PROJECTIONS)].sub(wide["features"], axis=0)
trust = {
    f"{title}: {where}": {
        f"trust in {method}": trustworthiness(cloud, planes[where, title, method], n_neighbors=10)
        for method in PROJECTIONS
    }
    for where, some in clouds.items()
    for title, cloud in some.items()
}
gained.add_prefix("silhouette added by ").join(pd.DataFrame(trust).T).loc[list(trust)].round(2)

# %% [markdown]
# **What to notice.** Planes draw what is a little apart *far* apart: where there are islands at all, both add tenths of silhouette that the features do not have. Where there are none (VALOR, not heard) they add nothing and invent no categories. So believe the neighbours in such a picture, and neither the gaps nor the sizes of islands; and give the score of the features, not of the plane.
#
# ## 3 · A fair question
#
# A name tag is the same whether the dog barks or not. So ask what a tag cannot answer: **within one category**, do segments where it is heard lie apart from those where it is not? Mixed features and class features can both try. For each of the seven categories, equally many segments of both kinds, each kind's from different videos; purity with ten neighbours
# of other videos; chance is one half.
#
# - VALOR's mixed feature, with and without tag (the same by construction: within a category the tag is a constant);
# - MM-CSE's feature *of this category*, and that of **another** category (the next in the list): is the dog's feature better about dogs than the violin's is?
# - MM-CSE's mixed feature, from which both are computed, and this category's feature of the untrained network.

# %%
rows = []
for place, k in enumerate(shown):
    present = split.audio[:, :, k]
    either = draw_points(np.stack([~present, present], axis=2), seed=seed, at_most=present.any(axis=1).sum())
    at = either.video, either.segment, 0
    other = shown[(place + 1) % len(shown)]
    mixed = standardised(valor[at])
    sources = {
        "VALOR": mixed,
        "VALOR, tagged": name_tags(mixed, np.full(len(mixed), place), seed=seed),
        "MM-CSE, mixed": standardised(learned["holistic"][at]),
        "MM-CSE, own": standardised(learned["decoupled"][(*at, k)]),
        "MM-CSE, another's": standardised(learned["decoupled"][(*at, other)]),
        "MM-CSE untrained, own": standardised(initial["decoupled"][(*at, k)]),
    }
    for title, cloud in sources.items():
        right = neighbour_purity(cloud, either.category, either.video, min(10, len(mixed) // 2))
        rows.append(pd.DataFrame({"category": names[place], "cloud": title, "video": either.video, "purity": right}))
    if place == 0:
        most_heard = {title: sources[title] for title in ("VALOR", "MM-CSE, own", "MM-CSE untrained, own")}
        most_heard_in = either.category
presence = pd.concat(rows, ignore_index=True)

# %%
figure = feature_planes(
    {title: (project(cloud, "t-SNE", seed=seed), most_heard_in) for title, cloud in most_heard.items()},
    [f"{names[0]} is not heard", f"{names[0]} is heard"],
)
figure.savefig(folder / "presence.png")
figure.colours_shown = 32
figure

# %%
answers = pd.DataFrame(
    [
        {"cloud": title, "score": "purity: heard or not", "space": "features"}
        | video_interval(mine["purity"].to_numpy(), mine["video"].to_numpy(), seed=seed)._asdict()
        for title, mine in presence.groupby("cloud", sort=False)
    ]
)
figure = interval_dots(answers, "cloud", "score", "space", {"purity: heard or not": 0.5})
figure.savefig(folder / "presence_purity.png")
figure

# %%
presence.pivot_table("purity", "category", "cloud", sort=False, margins=True, margins_name="all points").iloc[
    :, :-1
].round(2)

# %%
by_cloud = {title: mine["purity"].to_numpy() for title, mine in presence.groupby("cloud", sort=False)}
videos = presence.loc[presence["cloud"] == "VALOR", "video"].to_numpy()
asked = [
    ("MM-CSE untrained, own", "MM-CSE, own"),
    ("MM-CSE, another's", "MM-CSE, own"),
    ("MM-CSE, mixed", "MM-CSE, own"),
    ("VALOR", "MM-CSE, own"),
]
pd.DataFrame(
    {f"from {a} to {b}": video_interval(by_cloud[b] - by_cloud[a], videos, seed=seed)._asdict() for a, b in asked}
).T.round(3)

# %% [markdown]
# **What to notice.** Here something *is* learned, and no picture by index could show it:
#
# - from untrained to trained, the category's own feature has learned whether the category is there;
# - from another's to own: the dog's feature is more about the dog than another category's feature is. That is what "decoupled" should mean, and the first evidence for it in this lesson. How far another's feature still lies above one half says how much of the mixture went into each;
# - from mixed to own: the linear layer of a category picks out what is about it;
# - from VALOR to own: the comparison that Figure 5 seemed to decide. Read the interval: in the committed run it holds zero.
#
# Purity asks all channels alike, so a wide mixed feature, in which the dog is a few channels among many, has a harder time than a narrow one of the dog. A linear probe does not care; lesson 09, section 6.1, has the probes. Two questions, two answers, and neither is the picture's.

# %% [markdown]
# ## 4 · The map of co-occurrence (Figure 4)
#
# The paper's Figure 4: $\beta^{av}$, averaged over all segments of the test videos. Lesson 09 (section 5) shows all four maps beside the frequencies of the test videos. Those are few: a rare pair is met once or never. But the renderer draws companions from a table that we can read: $p(j \mid i)$, the probability that the second category of a video is $j$ if the first is
# $i$. The *lift*, $p(j \mid i)$ over its mean for all first categories, takes popularity out. That is the truth of this world, without sampling.

# %%
lifts = companion_lift(companion_table(llp_statistics()))
average = {
    title: extras["cross_map"][:, :, 0].mean(axis=(0, 1))
    for title, extras in (("trained", learned), ("untrained", initial))
}
different = ~np.eye(len(categories), dtype=bool)
both_ways = np.triu(lifts + lifts.T, 1)
strongest = np.argwhere(different)[np.argsort(-both_ways[different], kind="stable")[:3]]
marked = [(categories[i], categories[j]) for i, j in strongest]
figure = relation_maps(
    {
        "MM-CSE's map, as in Figure 4": average["trained"] - 1 / len(categories),
        "truth: log2 of the lift": np.log2(lifts + np.eye(len(categories))),
    },
    categories,
    "heard",
    "seen",
)
figure.savefig(folder / "figure_4.png")
figure

# %% [markdown]
# The paper names two pairs: the sound of *Acoustic guitar* with the sight of *Singing*, *Clapping* with *Cheering*. The figure below has all 600. Marked are those two and the three pairs of the largest lift. Mind the axes: the untrained network's map is flat to a thousandth.

# %%
papers_pairs = [("Acoustic_guitar", "Singing"), ("Clapping", "Cheering")]
truth_scale = np.log2(lifts + np.eye(len(categories)))
figure = pair_scatter(
    {f"MM-CSE, {title}": (truth_scale, len(categories) * matrix) for title, matrix in average.items()},
    categories,
    list(dict.fromkeys(papers_pairs + marked)),
    "truth: log2 of the lift",
    "entry of the map, flat = 1",
)
figure.savefig(folder / "pairs.png")
figure.colours_shown = 32
figure

# %% [markdown]
# In numbers: Spearman's correlation over all pairs. Two intervals, because there are two questions. *low* and *high*: would it be the same with other categories? (Categories are drawn with replacement, with their rows and columns.) *chance*: how large is it for a map whose categories are shuffled? (Mantel's test, as in lesson 08.)
# The yardstick: the same for the lift that is counted in the seconds of the test videos, the best that a counter of these videos could do.

# %%
compared = {f"MM-CSE, {title}": matrix for title, matrix in average.items()}
compared["counted in the test videos"] = segment_lift(split.audio, split.visual)
agreement = pd.DataFrame({title: rank_agreement(m, lifts, seed=seed)._asdict() for title, m in compared.items()}).T
agreement.round(2)

# %% [markdown]
# ### 4.1 Before the average
#
# A figure needs one map, but the network has one for **every segment**. The loss (Eq. 11) asks of a segment's map: if $i$ is heard, point at what is seen *now*. So ask each row of a category that is there: does it give more to another category that is there than to one that is not? The area under the ROC curve; one half is chance. The same for
#
# - the **average** map, the same one in every segment: Figure 4 as a predictor;
# - the **untrained** network;
# - the **truth's** table $p(j \mid i)$, also the same in every segment: as good as knowing the pairs of this world gets;
# - a **stranger's row**: the same question, put to the row of a category that is neither heard nor seen at that moment. If it points at what is there as well, the row does not matter: the map has found *who is there*, not *who goes with whom*.

# %%
sides = {
    "heard to seen": ("cross_map", 0, split.audio, split.visual),
    "seen to heard": ("cross_map", 1, split.visual, split.audio),
    "heard to heard": ("intra_map", 0, split.audio, split.audio),
    "seen to seen": ("intra_map", 1, split.visual, split.visual),
}
rows = []
for side, (name, m, asks, there) in sides.items():
    own = learned[name][:, :, m]
    predictors = {
        "each segment's map": (own, None),
        "the same, a stranger's row": (own, seed),
        "its average (Figure 4)": (own.mean(axis=(0, 1)), None),
        "each segment's map, untrained": (initial[name][:, :, m], None),
        "truth: p(j | i)": (companion_table(llp_statistics()), None),
    }
    for title, (maps, strangers) in predictors.items():
        areas, videos_asked = companion_areas(maps, asks, there, strangers=strangers)
        rows.append(
            {"map": title, "panel": "area under the curve", "rows": side}
            | video_interval(areas, videos_asked, seed=seed)._asdict()
        )
companions = pd.DataFrame(rows)
figure = interval_dots(companions, "rows", "panel", "map", {"area under the curve": 0.5})
figure.savefig(folder / "companions.png")
figure

# %%
companions.pivot(index="map", columns="rows", values="mean").loc[list(predictors), list(sides)].round(2)

# %% [markdown]
# **What to notice.**
#
# - The average map has no relation to the truth that chance would not have, trained or not; the counted lift has one. So in this world Figure 4 shows no co-occurrence. Two sensible pairs can be found in any 600 numbers.
# - The map of a *segment* is another matter: it points at who is there, far better than untrained. The average throws that away: what it shows is what does not depend on the video.
# - Compare with a stranger's row before calling it a relation. In three of the four directions *any* row has a part of the area: the map has found who is there, whoever asks. That is useful to a parser and is no co-occurrence. (Among sounds a stranger's row even looks away from those who are there.) What is above the stranger needs an asker who is there himself; whether it needs *this* asker, which is what a relation would mean, is still open.
# - An untrained network is above one half where sounds are asked for: some columns are liked by chance, and speech is everywhere. Measure from there.
# - *Truth* shows what knowing the pairs alone would give: the rendered world has companions to be learned.

# %% [markdown]
# ## 5 · EAR's relations (Figures 4 and 5)
#
# EAR's matrices are parameters, the same for all videos. Lesson 08 (section 4) compares them with the training labels and takes them out of the model. One question is left: what did they look like **before training**? They start as the identity and noise of deviation 0.01; with the same seed we have that noise. As in the paper, the matrices of the three layers are summed and averaged with their transpose.

# %%
relations, began = (
    {name: values.numpy() for name, values in network["ear"].relations.adjacency().items()}
    for network in (models, first)
)
figure = relation_maps(
    {
        "audio: trained, as in Figure 4": relations["adjacency_audio"],
        "audio: the first weights": began["adjacency_audio"],
        "visual: trained, as in Figure 4": relations["adjacency_visual"],
        "visual: the first weights": began["adjacency_visual"],
    },
    categories,
)
figure.savefig(folder / "ear_figure_4.png")
figure

# %% [markdown]
# Figure 5, as we read it: $A_{av}$ with $A_a$ and $A_v$ added to its diagonal blocks.

# %%
figure = relation_maps({"all events: trained, as in Figure 5": relations["adjacency_all"]}, categories)
figure.savefig(folder / "ear_figure_5.png")
figure

# %%
size, rows = len(categories), {}
blocks = {"within audio": np.s_[:size, :size], "within visual": np.s_[size:, size:], "across": np.s_[:size, size:]}
maps = {
    "A_a": (relations["adjacency_audio"], began["adjacency_audio"]),
    "A_v": (relations["adjacency_visual"], began["adjacency_visual"]),
}
maps |= {
    f"Figure 5, {name}": (relations["adjacency_all"][block], began["adjacency_all"][block])
    for name, block in blocks.items()
}
for name, (now, before) in maps.items():
    with_first, with_truth = rank_agreement(now, before, seed=seed), rank_agreement(now, lifts, seed=seed)
    rows[name] = {
        "deviation, first": before[different].std(),
        "deviation, trained": now[different].std(),
        "correlation with its first weights": with_first.correlation,
        "low": with_first.low,
        "high": with_first.high,
        "with the truth's lift": with_truth.correlation,
        "low ": with_truth.low,
        "high ": with_truth.high,
        "chance from": with_truth.chance_low,
        "to": with_truth.chance_high,
    }
pd.DataFrame(rows).T.round(3)

# %% [markdown]
# **What to notice.**
#
# - Two or three maps side by side look alike? They are: a good part of each pattern is the noise it began with, as the correlation with the first weights says. A green box around a strong pair may mark a strong random number. The cheap control for *any* learned matrix is to show it at step 0.
# - In Figure 5 the thin diagonal of the off-diagonal blocks is learned, and needs no statistics to be seen: the sound of a category and its picture help each other. That is no relation between two categories.
# - What training has added (the deviation grows) has at most a faint relation to who goes with whom. An interval over categories that holds zero cannot tell.
# - The paper reads from its Figure 4 that relations among visual events are weaker than among audio events. The column of deviations asks that here.
# - This is one seed. A map that is not the same in another training is no fact about the world (lesson 08, exercise 4).

# %% [markdown]
# ## Exercises
#
# **1.** Does the order of section 2.1 depend on asking ten neighbours? Ask one, five and twenty.
#
# <details><summary>Answer</summary>
#
# ```python
# for asked_points in (1, 5, 20):
#     row = {title: neighbour_purity(cloud, heard.category, heard.video, asked_points).mean() for title, cloud in clouds["heard"].items()}
#     print(asked_points, {title: round(value, 2) for title, value in row.items()})
# ```
#
# Purity falls with the number of neighbours, because a category has only so many points: the rarest of the committed run has 22, and not all of them can be among everybody's nearest. An order that holds for all three numbers is a property of the features, one that does not is a property of the score.
#
# </details>
#
# **2.** Take the name tag out of MM-CSE: subtract from each category's features their mean over *all* test segments. What remains of the islands where the category is heard, and where it is not?
#
# <details><summary>Answer</summary>
#
# ```python
# named = learned["decoupled"][:, :, 0]
# nameless = named - named.mean(axis=(0, 1))
# for where, points in origins.items():
#     cloud = standardised(nameless[points.video, points.segment, shown[points.category]])
#     print(where, cluster_scores({"without its mean": cloud}, points, seed=seed).round(2).to_string(index=False))
# ```
#
# Compare with section 2.1. A mean is only the crudest tag: each layer also has its own *directions*, so some purity by index is left where the category is absent. That is why section 3 does not remove tags but asks a question that they cannot answer.
#
# </details>
#
# **3.** Can t-SNE make islands out of nothing? Project noise with a perplexity of 3 and of 30 and look.
#
# <details><summary>Answer</summary>
#
# ```python
# fog = np.random.default_rng(seed).normal(size=(200, 50))
# colours = np.arange(200) % 2
# feature_planes({f"perplexity {p}": (project(fog, "t-SNE", seed=seed, scale=p), colours) for p in (3, 30)}, ["odd", "even"])
# ```
#
# With 3 there are clumps and threads; they have both colours. A projection makes shapes by itself, but it cannot make them agree with labels that it has never seen. So colours by something that was not an input are evidence, and shapes are not. (Colour by the *index of a layer* is an input: the tag.)
#
# </details>
#
# **4.** Is the map of a segment (section 4.1) better than its average because it knows the *segment*, or because it knows the *video*? Average each video's maps over its segments and measure again.
#
# <details><summary>Answer</summary>
#
# ```python
# own = learned["cross_map"][:, :, 0]
# by_video = np.broadcast_to(own.mean(axis=1, keepdims=True), own.shape)
# for title, maps_asked in (("segment", own), ("video", by_video)):
#     areas, videos_asked = companion_areas(maps_asked, split.audio, split.visual)
#     print(title, video_interval(areas, videos_asked, seed=seed))
# ```
#
# In the committed run the average over a *video* is no worse than the map of each of its seconds, it is a little better: companions are much the same throughout a video, and an average of ten maps has less noise. So what the map knows is the video. The average over *all* videos is what loses it.
#
# </details>

# %% [markdown]
# ## Summary
#
# * Silhouette and neighbour purity put a number on an island. Compute them in the feature space, with one point a video and category and with intervals over videos; a plane adds silhouette of its own.
# * Features that are indexed by category carry a name tag. They form islands untrained, with random tags on a mixed feature, and where the category is absent. Islands by index are no evidence of decoupling, and a mixed feature's muddle may be nothing but two events at a time.
# * A fair question is one that a tag cannot answer: heard or not, within a category. There, class features have learned something, and the size of it can be compared with VALOR.
# * An average map shows what does not depend on the input. Look at the map of a segment, at the rows of strangers, and at the map before training.
#
# **What differs from the papers.** MM-CSE's Figure 5 does not say which segments it shows, and has no scores; Figure 4 and EAR's figures have none either. Here videos are rendered, networks have tutorial size and one training seed, seven categories are shown and the background is left out; MM-CSE is the authors' network with the paper's losses (lesson 09), EAR's
# parser is read from prose (lesson 08). A rendered world can show how to test these figures, not whether they hold on LLP.
#
# **References.** P. Zhao, J. Zhou, Y. Zhao, D. Guo, Y. Chen. *Multimodal Class-aware Semantic Enhancement Network for Audio-Visual Video Parsing.* AAAI 2025. · *EAR: Enhancing Uni-Modal Representations for Weakly Supervised Audio-Visual Video Parsing.* arXiv:2605.08723. · L. van der Maaten, G. Hinton. *Visualizing Data using t-SNE.* JMLR 9, 2008.
# · L. McInnes, J. Healy, J. Melville. *UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction.* 2018. · P. Rousseeuw. *Silhouettes: a graphical aid to the interpretation and validation of cluster analysis.* J. Comput. Appl. Math. 20, 1987. · J. Venna, S. Kaski. *Neighborhood preservation in nonlinear projection methods.* ICANN 2001 (trustworthiness).
# · T. Snijders, S. Borgatti. *Non-parametric standard errors and tests for network statistics.* Connections 22, 1999 (drawing categories). · N. Mantel. *The detection of disease clustering and a generalized regression approach.* Cancer Research 27, 1967.
