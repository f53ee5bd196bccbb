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
# # 10 · SelM: which of the things you see do you hear?
#
# *Time: about three minutes on two cores, of which one training takes less than two. Memory: 2 GB. Data: a rendered corpus in AVSBench's layout, made on first use (a few minutes more).*
#
# **Question.** A dog and a drum kit are in the picture, and something barks. Audio-visual segmentation asks for the pixels of what *sounds*. A model that knows dogs will mark the dog, and be right more often than not without ever listening. SelM (*Selective Mechanism based Audio-Visual Segmentation*, ACM MM 2024) calls it an **auditory illusion** when
# a model marks what is silent, and fights it with three modules. The paper shows pictures of the cure (Figure 4). Here we *count*: how many silent objects are segmented, with the cure and without?
#
# You will learn
#
# 1. to read the two published scores, M_J and M_F, and why neither says whether a model listens;
# 2. what a selective scan keeps and what it lets pass, and when it is trained at all;
# 3. what DAM and BCSM can select, and what they cannot;
# 4. to ask of a finding whether it comes from the module or from the corpus.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of everything
corpus_seed = 0  # which rendered corpus; 0 is the one that recipes were tuned on
seed = 0  # of the training: first weights, order of the clips, dropout
device = "auto"  # one of auto, cpu, cuda: where to train
out = "outputs/runs/10_selm"  # folder for the figures

# %%
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from IPython.display import Image

import avvp_lib
from avvp_lib.figures.mask_scores import CURVE_RECALLS, illusion_curves, mask_learning_curves
from avvp_lib.figures.segmentation import gating_bars, mask_gif, mask_rows, step_sizes, weight_maps
from avvp_lib.losses.segmentation import segmentation_loss
from avvp_lib.metrics.illusion import IllusionScorer, illusion_rate
from avvp_lib.metrics.segmentation import SegmentationScorer, segmentation_scores
from avvp_lib.models import build_model
from avvp_lib.models.selm_alignment import AlignmentBlock, ReleasedVisualSide
from avvp_lib.models.selm_probes import observe
from avvp_lib.models.selm_selection import UnselectedMaps, UnselectedTokens, build_selection
from avvp_lib.models.ssm import Mamba, selective_scan
from avvp_lib.segmentation_bench import prepare_segmentation, run_segmentation, segmentation_folder
from avvp_lib.segmentation_clips import normalised
from avvp_lib.segmentation_evaluation import evaluate_segmentation, predict_segmentation, score_batches
from avvp_lib.segmentation_recipes import segmentation_recipe
from avvp_lib.segmentation_reports import (
    PREDICTORS,
    compare_segmentation,
    predictor_batches,
    read_segmentation_cells,
    segmentation_table,
)
from avvp_lib.workspace import workspace

folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
print(f"avvp {avvp_lib.__version__}, torch {torch.__version__}, training seed {seed}, corpus seed {corpus_seed}")

# %% [markdown]
# ## 1 · By hand
#
# ### 1.1 An illusion, counted
#
# A picture of 2 x 4 pixels. Object 1 covers four of them and sounds; object 2 covers two and is silent. Four models:
#
# - *ear and eye* marks object 1;
# - *eye only* marks every object;
# - *nothing* marks nothing;
# - *careless* marks object 1 and one of the two silent pixels.
#
# **M_J** is the intersection of mask and truth over their union, averaged over frames. For *eye only* that is $4/6$. The **illusion rate** is the share of visible silent objects of which at least half the pixels are marked; it stands beside the share of sounding pixels that are found, because *nothing* has no illusions either.

# %%
objects = torch.tensor([[[[1, 1, 0, 2], [1, 1, 0, 2]]]])  # (clips, seconds, height, width)
sounding = torch.tensor([[[True, False]]])  # (clips, seconds, objects)
marked = {
    "ear and eye": objects == 1,
    "eye only": objects > 0,
    "nothing": objects < 0,
    "careless": torch.tensor([[[[1, 1, 0, 1], [1, 1, 0, 0]]]]) > 0,
}
rows = {}
for name, mask in marked.items():
    logits = mask.float() * 2 - 1  # above 0 is marked
    jaccard = segmentation_scores(logits[0], (objects == 1)[0], frames_per_group=1)["M_J"]
    rows[name] = {"M_J": jaccard, **illusion_rate(logits, objects, sounding, recalls=(80,))}
toy = pd.DataFrame(rows).T
assert np.allclose(toy["M_J"], [100, 100 * 4 / 6, 0, 100 * 4 / 5])
assert toy["illusion"].tolist() == [0, 100, 0, 100] and toy["illusion at 80"].tolist() == [0, 100, 100, 100]
toy.round(1)

# %% [markdown]
# *Eye only* never listens and gets two thirds of the points: that is what the silent object is worth in pixels. *Careless* has a better M_J than *eye only* and just as many illusions. And *illusion at 80* asks every model at the same recall: each may lower its threshold until 80 % of the sounding pixels are found, and we see how many silent objects came along. *Nothing* has to mark everything then.
#
# **M_F** weighs precision and recall (with $\beta^2 = 0.3$), at the **best of 255 thresholds, chosen on the test frames** in groups of ten. It forgives a model that cannot decide. We report it because papers do.
#
# ### 1.2 What a selective scan keeps and what it lets pass
#
# Lesson 07 runs the scan $h_t = e^{\Delta_t A} h_{t-1} + \Delta_t B_t u_t$ by hand. SelM uses it against noise: where the step $\Delta_t$ is near zero, nothing of the input enters and nothing of the state is lost. Let $A = -\ln 2$, so that $\Delta = 1$ halves the state, and $B = 1$. A sound at seconds 0 and 4, noise between:

# %%
signal = torch.tensor([4.0, 9.0, 9.0, 9.0, 8.0]).view(1, 5, 1)
half, ones = torch.tensor([[-np.log(2.0)]], dtype=torch.float32), torch.ones(1, 5, 1)
delta = {"the same step": [1.0, 1.0, 1.0, 1.0, 1.0], "selective": [2.0, 0.0, 0.0, 0.0, 2.0]}
states = {
    name: selective_scan(signal, torch.tensor(steps).view(1, 5, 1), half, ones, ones).flatten()
    for name, steps in delta.items()
}
assert torch.allclose(states["the same step"], torch.tensor([4.0, 11.0, 14.5, 16.25, 16.125]))
assert torch.allclose(states["selective"], torch.tensor([8.0, 8.0, 8.0, 8.0, 18.0]))
pd.DataFrame(states, index=[f"second {t}" for t in range(5)]).T

# %% [markdown]
# Below: $h_0 = 2 \cdot 4 = 8$ is carried through the noise untouched, and at second 4 it is $\frac14 \cdot 8 + 2 \cdot 8 = 18$. Above, the state is mostly noise. Nobody tells the network which seconds are noise: $\Delta_t = \mathrm{softplus}(\mathrm{linear}(u_t))$ is read off the input (Eq. 5), and has to be learned.
#
# **Question.** What does the scan need to see in order to open at a second, and can it take back what it let in?
#
# <details><summary>Answer</summary>
#
# Only that second (and the three before it, through a small convolution). It cannot look ahead: what later turns out to be noise has entered. It can only forget, by a large step, and then it forgets everything in that channel.
#
# </details>
#
# ### 1.3 DAM: a weight for every place
#
# The A2V block of DAM (Section 4.2) multiplies what is *seen* at a place with what is *heard*, and re-weights the features by it. In our reading
#
# $$W = \tanh\big(\mathrm{GELU}(\text{conv } X) \cdot \overline{\mathrm{GELU}(\text{conv } a)}\big), \qquad X' = X + W \odot X .$$
#
# One channel, three places: the feature fits, is empty, does not fit. The sound says yes ($a = 2$), or no ($a = -6$).

# %%
block = AlignmentBlock(target_channels=1, source_channels=1, dropout=0.0).eval()
for conv in (block.target[0], block.source[0]):
    conv.weight.data.fill_(1.0)
    conv.bias.data.zero_()
places = torch.tensor([[[3.0, 0.0, -6.0]]])  # (frames, channels, places)
with torch.no_grad():
    aligned = {a: block(places, torch.full((1, 1, 1), float(a))).flatten() for a in (2, -6)}
assert torch.allclose(aligned[2], torch.tensor([6.0, 0.0, -6.0]), atol=0.02)
assert torch.allclose(aligned[-6], torch.tensor([3.0, 0.0, -6.0]), atol=0.02)
pd.DataFrame(aligned, index=["fits", "empty", "does not fit"]).T.rename_axis("the sound says").round(2)

# %% [markdown]
# What fits the sound is doubled, what does not is left alone: $W$ differs from place to place, though there is one sound.
#
# The authors' released code computes something else. Attention from the picture to a single audio token has weight 1 at every place, so every place gets the same vector; an instance norm over places then subtracts the mean, and **nothing is left**. Test it: two different sounds, one picture.

# %%
torch.manual_seed(0)
X, sound, other_sound = (torch.randn(shape).double() for shape in ((1, 4, 9), (1, 8, 1), (1, 8, 1)))
heard = {}
for side in ("released", "working"):
    visual_side = ReleasedVisualSide(channels=4, hidden=8, side=side).double().eval()
    with torch.no_grad():
        heard[side] = (visual_side(X, 10 * sound) - visual_side(X, 10 * other_sound)).abs().max().item()
assert heard["released"] < 1e-9 < 1e-4 < heard["working"]
{side: f"{difference:.0e}" for side, difference in heard.items()}

# %% [markdown]
# In the released code no sound reaches the picture through DAM; the fusion is early in the other direction only. Our `variant="paper"` is what the text describes, and what this lesson trains; `variant="released"` is kept for published weights. *working* is the released code without that norm.
#
# ### 1.4 BCSM: a weight for every channel
#
# BCSM (Section 4.3) reads the sound along the clip with three Mamba layers and turns it into weights between 0 and 1 that multiply the feature maps, and likewise from picture to sound. Give it a map with the *same* feature at two places, a source and its silent twin:

# %%
selection = build_selection("bcsm", hidden=8, layers=1)
maps = [torch.randn(1, 5, 8, 2, 2) for _ in range(4)]
maps[0][..., 1, 1] = maps[0][..., 0, 0]  # the twin looks like the source
with torch.no_grad():
    gated, tokens, weights = selection(maps, torch.randn(1, 5, 8))
assert torch.equal(gated[0][..., 1, 1], gated[0][..., 0, 0])
assert torch.allclose(gated[0], maps[0] * weights["a2v_weights"][:, :, 0, :, None, None])
print("after the selection the twin still looks like the source")

# %% [markdown]
# The weight of a channel is the same everywhere in the picture. BCSM can turn off *what looks like a dog* when nothing barks. It cannot choose between two dogs, and neither can DAM, whose $W$ at a place depends on the feature there and on the sound. What tells a source from its twin must already be in the features: that it moves when the sound is loud, or opens its mouth.
#
# **Question.** A dog that barks and one that does not, both standing still with the same face. Which part of SelM can tell them apart?
#
# <details><summary>Answer</summary>
#
# None, from one picture: what is equal in the features stays equal in DAM, in BCSM and in the decoder, but for the table of positions. Only something that differs between the two can help: movement in the same second as the sound, and that takes features of movement. SelM's encoder sees single pictures.
#
# </details>
#
# ### 1.5 When is the memory trained?
#
# AVSBench has three settings. **S4**: one source, and of a training clip only the *first* of five frames is labelled. **MS3**: several sources, all frames labelled. **AVSS**: masks of classes, up to ten frames. A causal scan at the first frame has no past. So what does the S4 loss say to the memory, the matrix $A$?

# %%
torch.manual_seed(0)
tiny = build_model("selm", backbone="resnet-18-quarter", hidden=16, mamba_layers=1, input_size=64, audio_dim=8)
pictures, vectors = torch.randn(1, 5, 3, 64, 64), torch.randn(1, 5, 8)
random_masks = torch.randint(0, 2, (1, 5, 64, 64))
scans = [part for part in tiny.selection.modules() if isinstance(part, Mamba)]
learned = {}
for labelled_frames, flags in {"the first (S4)": [1, 0, 0, 0, 0], "all (MS3)": [1, 1, 1, 1, 1]}.items():
    tiny.zero_grad()
    segmentation_loss(tiny(pictures, vectors), random_masks, torch.tensor([flags]).bool()).backward()
    learned[labelled_frames] = {
        "A_log (what is kept)": max(scan.A_log.grad.abs().max().item() for scan in scans),
        "dt_proj (the step)": max(scan.dt_proj.weight.grad.abs().max().item() for scan in scans),
    }
assert learned["the first (S4)"]["A_log (what is kept)"] == 0 < learned["all (MS3)"]["A_log (what is kept)"]
pd.DataFrame(learned).T.rename_axis("labelled frames: largest gradient").map("{:.1e}".format)

# %% [markdown]
# **Exactly zero.** In S4 the memory is never trained; at test time it runs over seconds 1 to 4 as it was initialised. (In the paper's Table 3 BCSM is worth 2.0 points of M_J on S4.) For the same reason we may leave the other four frames out of an S4 training: no gradient changes, and it takes a fifth of the time. Keep this in mind in section 6.

# %% [markdown]
# ## 2 · A clip with a silent twin
#
# Rendered clips, so that we know at every pixel who is there and who sounds. Beside the source a clip may show a **twin** (same category, same look, never sounds), an **other** category that is silent, or a **thing** of no category. A source moves as loud as it sounds; half of the silent objects move too, in a rhythm of their own.

# %%
bench = prepare_segmentation("s4", profile, corpus_seed, progress=False)
test, known = bench.data("test"), bench.splits["test"]
silent_objects = (known.roles != "") & (known.roles != "source")
with_twin = (known.roles == "twin").any(1)
example = int(np.argmax(with_twin if with_twin.any() else silent_objects.any(1)))
frames, truth = known.images[example], known.masks[example] > 0
silent = np.where(truth, 0, known.objects[example])
roles = [role for role in known.roles[example] if role]
print(f"{known.ids[example]}: {', '.join(roles)}")
print({split: len(bench.data(split)) for split in bench.splits}, "clips;", end=" ")
print(f"labelled frames of a training clip: {bench.data('train').labelled.sum(1).float().mean():.0f}")

# %%
figure = mask_rows(frames, {"what sounds": truth}, silent)
figure.savefig(folder / "clip.png")
figure

# %% [markdown]
# The outlined object is silent. Who could tell from one frame? How often are there silent objects, and how large are they? And what do masks score that know nothing?

# %%
counts = pd.Series(
    {role: (known.roles == role).any(1).mean() * 100 for role in ("twin", "other", "thing")},
    name="% of test clips with",
)
baselines = {
    predictor.title: score_batches(predictor_batches(name, bench)).scores for name, predictor in PREDICTORS.items()
}
shown = ["M_J", "M_F", "illusion", "sounding recall", "illusion at 50", "illusion at 80"]
print(counts.round(0).to_dict())
pd.DataFrame(baselines).T[shown].round(1)

# %% [markdown]
# **Notice** the last row: who knows the shape of every object and *never listens*. Its M_J is what looking alone can reach; where few clips have silent objects it is high. So a high M_J proves little about listening, and a few points of M_J may be all that the ear is worth. That is why the illusion rate stands beside it.

# %% [markdown]
# ## 3 · Training
#
# The paper's network with a ResNet-18 of half width for PVT-v2, 96 x 96 pixels for 224 x 224, and an audio vector a second from the tiny CLAP-like teacher of lesson 01 in place of VGGish. Trained from scratch; AdamW; Dice, binary cross entropy and the auxiliary loss of Eq. 6. The epoch with the best M_J on the validation clips is kept.

# %%
experiment = segmentation_recipe("selm", "s4", profile)
result = run_segmentation(
    experiment, bench, seed, device, folder=segmentation_folder(experiment, bench, seed), progress=False
)
selm = result.model
figure = mask_learning_curves({experiment.title: result.history})
figure.savefig(folder / "learning_curves.png")
figure

# %%
scores = evaluate_segmentation(selm, test)
table = pd.DataFrame({**baselines, "SelM": scores}).T[shown]
margin = scores["M_J"] - table["M_J"][[PREDICTORS["everything"].title, PREDICTORS["constant-mask"].title]].max()
print(f"{scores['M_J']:.1f} M_J, {margin:.1f} above the better of the two baselines that know nothing")
table.round(1)

# %% [markdown]
# **What to notice.**
#
# - The distance to *the best constant mask* is what was learned at all. The distance to *every visible object* has two parts: shapes that are not yet exact, and illusions.
# - *Illusion* at the model's own threshold and *at 50, at 80*: at equal recall models can be compared, at their own threshold they cannot.
#
# M_J by second. Only second 0 was ever labelled in training:

# %%
logits = predict_segmentation(selm, test)
scorer = SegmentationScorer(frames_per_group=10)
scorer.add(logits.flatten(0, 2), test.masks.flatten(0, 1))
by_second = scorer.per_frame()["M_J"].reshape(len(test), -1).mean(0)
pd.Series(by_second, index=[f"second {t}" for t in range(len(by_second))], name="M_J").to_frame().T.round(1)

# %% [markdown]
# **How to read it.** A network that worked frame by frame would be as good in every second. What the scans add after second 0 was never trained (section 1.5): if the row falls, the untrained memory may do harm; if it does not, its weights hardly matter, or the memory is weak. With the default parameters it loses two points from the first second to the last. Section 6 looks
# at the memory itself.

# %% [markdown]
# ## 4 · Does it listen?
#
# Take the trained model and lie to its ear: silence (vectors of zeros), or the sound of the next clip. Pictures stay.

# %%
told = {
    "its own sound": test,
    "zeros": replace(test, audio=torch.zeros_like(test.audio)),
    "the next clip's sound": replace(test, audio=test.audio.roll(1, dims=0)),
}
predictions = {name: predict_segmentation(selm, clips)[:, :, 0] for name, clips in told.items()}
lied = {name: evaluate_segmentation(selm, clips) for name, clips in told.items()}
pd.DataFrame(lied).T[shown].rename_axis("hears").round(1)

# %%
curves, decisions = {}, {}
for name, foreground in predictions.items():
    counter = IllusionScorer()
    counter.add(foreground, test.objects.int(), test.sounding)
    found = counter.scores()
    curves[name], decisions[name] = counter.curve(CURVE_RECALLS), (found["sounding recall"], found["illusion"])
figure = illusion_curves(curves, decisions)
figure.savefig(folder / "illusions.png")
figure

# %% [markdown]
# **Notice.** A model that ignores the sound would have three equal curves. This one listens: on zeros it loses nine points of M_J, and at the same recall more silent objects come along. But nearly fifty points of M_J are left without any sound, because in most clips the object that looks like a source is one. And look at the stars: at its *own* threshold the illusion rate is
# the same for all three. Only at equal recall does the ear show.
# With a foreign sound the truth has not changed: the source is still what it was, but the model is told that something else sounds. If M_J falls then, the ear has a say. If the curve with its own sound lies low and the others high, the ear decides *which* object is marked.
#
# Which silent objects deceive it? By role, each counted as if the others were not there:

# %%
by_role = {}
for role in ("twin", "other", "thing"):
    kept = torch.from_numpy((known.roles == role) | (known.roles == "source"))
    of_role = torch.cat([torch.zeros(len(test), 1, dtype=torch.bool), kept], dim=1)  # object 0 is none
    visible = torch.gather(of_role, 1, test.objects.flatten(1).long()).view(test.objects.shape)
    counter = IllusionScorer()
    counter.add(predictions["its own sound"], test.objects.int() * visible, test.sounding)
    by_role[role] = counter.scores()
pd.DataFrame(by_role).T[["illusion", "illusion at 50", "illusion at 80"]].rename_axis("silent").round(1)

# %% [markdown]
# **Notice** the order. A *thing* is never marked in training: no ear is needed to leave it out. An *other* takes an ear that knows categories. A *twin* cannot be told by its category at all; compare the number with that of *every visible object*, which is 100.
#
# ## 5 · DAM's weights, and BCSM on and off
#
# $W$ of DAM at the finest stage, and what the sound changes of it at the third; averaged over channels. Red is amplified, blue is damped; the source is outlined.

# %%
clip = test.take(torch.tensor([example]))
seen = observe(selm, normalised(clip, selm.input_size), clip.audio)
deaf = observe(selm, normalised(clip, selm.input_size), torch.zeros_like(clip.audio))
dam = {
    "W, stage 1": seen.weight_maps[0][0].numpy(),
    "stage 3, own sound\nminus zeros": (seen.weight_maps[2] - deaf.weight_maps[2])[0].numpy(),
}
figure = weight_maps(frames, dam, truth)
figure.savefig(folder / "dam.png")
figure

# %% [markdown]
# **Notice** the last row: only what depends on the *sound* is in it. The sound of a cat raises the weights where cats are: **both** cats. This is the selection of a category of section 1.4, and it leaves the twin where it was. The row above it shows mostly the picture: edges and shapes are re-weighted whatever is heard. And look at the scale: a weight of 0.05 changes a
# feature by a twentieth.
#
# Now switch BCSM off in the trained network, one direction or both, without training it again.

# %%
switched = {name: deepcopy(selm) for name in ("as trained", "maps not selected", "sound not selected", "BCSM off")}
for name in ("maps not selected", "BCSM off"):
    switched[name].selection.a2v = UnselectedMaps()
for name in ("sound not selected", "BCSM off"):
    switched[name].selection.v2a = UnselectedTokens()
pd.DataFrame({name: evaluate_segmentation(model, test) for name, model in switched.items()}).T[shown].round(1)

# %%
off = observe(switched["BCSM off"], normalised(clip, selm.input_size), clip.audio).output.gated_maps
on = seen.output.gated_maps
sizes = {f"stage {s + 1}": (off[s][0].abs().mean((1, 2, 3)), on[s][0].abs().mean((1, 2, 3))) for s in (0, 1, 2, 3)}
figure = gating_bars({name: (before.numpy(), after.numpy()) for name, (before, after) in sizes.items()})
figure.savefig(folder / "bcsm.png")
figure

# %% [markdown]
# **How to read it.** A model that was trained with BCSM and loses it is damaged; that does not say what BCSM was worth. The fair question is asked in section 8: train *without* it. What the table does say: the selection of the maps by the sound is used (without it, ten more silent objects in a hundred come along at a recall of 80), and the selection of the sound by the
# picture is not: taking it away changes nothing. The bars show what the weights do to the features of our clip: sigmoid weights start near one half, so "everything smaller" is their beginning and no finding; look for differences between channels and seconds.

# %%
gates = seen.output.extras["a2v_weights"][0]  # (seconds, stages, channels)
all_gates = torch.cat(
    [
        observe(selm, normalised(part, selm.input_size), part.audio).output.extras["a2v_weights"]
        for part in (test.take(indices) for indices in torch.arange(len(test)).split(8))
    ]
)
spread = {
    f"stage {s + 1}": {
        "mean weight": all_gates[:, :, s].mean().item(),
        "between channels": all_gates[:, :, s].mean((0, 1)).std().item(),
        "between clips": all_gates[:, :, s].mean(1).std(0).mean().item(),
        "between seconds of a clip": all_gates[:, :, s].std(1).mean().item(),
    }
    for s in range(4)
}
pd.DataFrame(spread).T.round(3)

# %% [markdown]
# **Notice.** *Between channels* is a constant: it could be a part of the weights of the next layer. Only what varies *between clips* and *between seconds* depends on the sound. A selection of categories shows in the former, one along time in the latter.
#
# ## 6 · What do the scans keep and forget?
#
# The step sizes $\Delta_t$ of the last layer of two stacks: one reads the sound, one the pooled picture of the coarsest stage. Shaded: something sounds.

# %%
sounds = known.sounding[example].any(1)
last = {
    "over sound": seen.steps["a2v"][-1][0].numpy(),
    "over the picture": seen.steps["v2a"][-1][0].numpy(),
}
figure = step_sizes(last, sounds)
figure.savefig(folder / "step_sizes.png")
figure

# %%
rows = []
for name, steps in seen.steps.items():
    for number, step in enumerate(steps):
        kept = (-step * 1.0).exp()[0]  # of a state with A = -1, the slowest
        layers = len(steps) // 4
        rows.append(
            {
                "scan": name,
                "stage": number // layers + 1,
                "layer": number % layers + 1,
                "median step": step.median().item(),
                "kept after a second, slowest state": kept.median().item(),
                "change of the step within the clip": (step[0].std(0) / step[0].mean(0)).median().item(),
            }
        )
pd.DataFrame(rows).groupby(["scan", "stage"]).mean(numeric_only=True).drop(columns="layer").round(3)

# %% [markdown]
# **What to notice.**
#
# - Steps start between 0.001 and 0.1. A state with $A = -1$ then keeps 90 to 99.9 % each second: over five seconds it forgets next to nothing, and takes in next to nothing. The scan's direct path (the skip $D\,u$ and the gate) does most of the work.
# - *Selective* means that the step changes with the input. Within the clip it changes by two to four percent: these scans select next to nothing along time. Remember section 1.5: in S4 the steps were trained for second 0, the transition $A$ never.
# - So what varies between clips (section 5) comes from the direct path: BCSM acts here as a gate on categories, second by second, and the memory is a passenger. The paper says that the selective mechanism suppresses noise over time; here nothing in the training could have taught it to.

# %% [markdown]
# ## 7 · Masks over frames
#
# The clip of section 2, and the same as a moving picture, beside the truth (written to the lesson's folder).

# %%
predicted = {
    "truth": truth,
    "SelM": logits[example, :, 0].numpy() > 0,
    "SelM hears zeros": predictions["zeros"][example].numpy() > 0,
}
figure = mask_rows(frames, {name: masks for name, masks in predicted.items() if name != "truth"}, silent)
figure.savefig(folder / "masks.png")
figure

# %%
shown_masks = {name: predicted[name] for name in ("truth", "SelM")}
Image(filename=mask_gif(folder / "masks.gif", frames, shown_masks, silent))

# %% [markdown]
# One clip proves nothing; it was chosen because it has a twin, and before the training. Note that the opened mouth tells the source from its twin, in a single picture; the network does not use it reliably.
#
# ## 8 · The result, over seeds and with intervals
#
# Cells that were measured once on corpus seed 1, which nothing was tuned on, with three training seeds each (`avvp measure --setting s4`). Learning rates were chosen on the validation clips of corpus seed 0, four trials for each of the four. The ablations are *trained* without their module; *deaf* has one learned token in place of every sound. The other rows are those of the paper's Tables 3 to 8 ([lesson 11](11_ablations.ipynb) sets them beside the paper); they take SelM's learning rate.

# %%
cells = read_segmentation_cells("avs-s4-tutorial-studio-1")
segmentation_table(cells).round(1)

# %%
steps = [("selm-without-audio", "selm"), ("selm-without-bcsm", "selm"), ("selm-without-dam", "selm")]
pd.concat([compare_segmentation(cells, steps), compare_segmentation(cells, steps, "illusion")]).round(1)

# %% [markdown]
# **How to read it.** Each row is "the second has more of it": for M_J the paper's claim is that it *agrees*, for illusions that it *disagrees*. An interval over clips and training seeds that holds zero is *undecided*. In the paper (S4, PVT-v2, one seed, no intervals) leaving out BCSM costs 2.0 points of M_J and leaving out DAM 2.3; deaf is not in its tables.
#
# MS3, with up to three objects that sound by turns, every frame labelled:

# %%
several = read_segmentation_cells("avs-ms3-tutorial-studio-1")
segmentation_table(several).round(1)

# %%
pd.concat([compare_segmentation(several, steps), compare_segmentation(several, steps, "illusion")]).round(1)

# %% [markdown]
# **What came out.**
#
# - *Deaf.* On S4 the ear is worth 1.1 points of M_J, which is undecided: nearly all of the score can be had by looking. On MS3 it is worth 3.6 (1.6 to 5.4). The illusion rate at equal recall sees what M_J hardly sees: at half of the sounding pixels, the deaf model marks 39 % of the silent objects on MS3 and the hearing one 21 %.
# - *BCSM and DAM.* Neither is worth anything in M_J, on S4 or on MS3: all four are undecided. So are all rows of Tables 3 to 7: without CLEVER or half of it, with sums or concatenations in place of DAM, and with one direction of DAM or of BCSM ([claims](../docs/claims.md)).
# - *Illusions, and a trap.* At their own thresholds, SelM has **more** illusions than its ablations on S4 (47 % against 38 and 39 %) and **fewer** on MS3 (30 % against 42 and 37 %), and all four intervals exclude zero. Does BCSM cause illusions on one and cure them on the other? Look at the recall beside it: on S4 SelM marks more of everything (76 % of the sounding pixels
#   against 70 and 68 %), on MS3 less (65 % against 77 and 71 %). At *equal* recall the rates are within five points of each other, in both directions. What differs is where the threshold came to lie, not whom the models believe. A comparison of illusions at the models' own thresholds would have "confirmed" the paper on one corpus and "refuted" it on the other.
#
# For BCSM and DAM we looked for the reason where section 6 points: the selective scans hardly select, and DAM's weights change features by a few percent. A network this small, trained for minutes, may simply not need either; that they help a PVT-v2 with 224 x 224 pixels is neither confirmed nor refuted here.
#
# **The loss** (Table 8) has the one row of Tables 3 to 8 that agrees: with cross entropy alone, MS3 loses 6.0 points of M_J (4.1 to 8.3; 4.8 in the paper). On S4 it loses 2.2, undecided. What is lost? Beside M_J, the F-score at the threshold 0.5 and at the one best threshold for all test frames:

# %%
losses = {"selm": "BCE + Dice + auxiliary", "selm-bce-dice": "BCE + Dice", "selm-bce": "BCE"}
of_loss = [{"loss": losses[cell["experiment"]], **cell["scores"]} for cell in several if cell["experiment"] in losses]
by_loss = pd.DataFrame(of_loss).groupby("loss")[["M_J", "M_F/half", "M_F/dataset", "sounding recall", "illusion at 50"]]
by_loss.mean().round(1)

# %% [markdown]
# The same trap again. At 0.5 cross entropy marks half of the sounding pixels, SelM two thirds; with one threshold for all, the F-scores are about a point apart, and the illusions at equal recall within three. Most pixels are background, and cross entropy counts pixels: it is right to doubt. Dice counts overlap, and moves the masks to where 0.5 suits the score. A claim that *agrees* can still be about the threshold, not about what was learned: exercise 5 takes the threshold from the validation clips, and nothing is left of the six points.
#
# AVSS, where a mask names the class as well (no ablations were measured):

# %%
segmentation_table(read_segmentation_cells("avs-avss-tutorial-studio-1")).round(1)

# %% [markdown]
# ## Exercises
#
# **1.** Section 7 has a SelM that was trained deaf. Sketch the three curves of section 4 for it before you look. At equal recall, should it mark more silent objects than SelM, fewer, or as many?
#
# <details><summary>Answer</summary>
#
# All three fall on one line: nothing that is heard can reach the masks. Where that line lies says how much can be guessed from looks alone: which objects are rarely silent, which categories move when they sound. The last two columns compare at equal recall; what the ear is worth is the distance between the two models there.
#
# ```python
# trained_rows = segmentation_table(cells).query("seeds > 0")
# trained_rows[["reads", "M_J", "illusion at 50", "illusion at 80"]].round(1)
# ```
#
# </details>
#
# **2.** Set the sound of a clip to that of another clip *whose source has the category of its silent object*. What should a perfect model do, and what does SelM?
#
# <details><summary>Answer</summary>
#
# It should change over to the silent object: for ear and eye, that is now the source. A twin makes no difference, its category is that of the source.
#
# ```python
# test_clips = bench.corpus.splits["test"].clips
# exchanges = []  # a clip, its source, its silent object, and a clip that sounds like that object
# for number, one in enumerate(test_clips):
#     with np.load(one.truth, allow_pickle=False) as stored:
#         roles_here, categories_here = stored["roles"].tolist(), stored["categories"].tolist()
#     for k, role_here in enumerate(roles_here):
#         donors = [j for j, donor in enumerate(test_clips) if donor.category == categories_here[k]]
#         if role_here == "other" and donors:
#             exchanges.append((number, roles_here.index("source") + 1, k + 1, donors[0]))
# if exchanges:
#     here, sources, others, donors = (torch.tensor(column) for column in zip(*exchanges, strict=True))
#     exchanged = predict_segmentation(selm, replace(test.take(here), audio=test.audio[donors]))[:, :, 0]
#     for hears, foreground in (("its own sound", predictions["its own sound"][here]), ("the other's sound", exchanged)):
#         for what, of_object in (("its source", sources), ("its silent object", others)):
#             pixels = test.objects[here] == of_object.view(-1, 1, 1, 1)
#             marked_share = 100 * (foreground > 0)[pixels].float().mean()
#             print(f"{hears:17} {marked_share:.0f} % of the pixels of {what}")
# print(len(exchanges), "exchanges")
# ```
#
# </details>
#
# **3.** Section 1.5 says that S4 never trains the memory. What, then, should `A_log` of every `Mamba` be after a training on S4, beside what it began with? (Train on MS3, with `prepare_segmentation("ms3", profile, corpus_seed)` as in section 3, to see the other case.)
#
# <details><summary>Answer</summary>
#
# ```python
# from avvp_lib.models.ssm import initial_A_log
#
# shrunk = []
# for part in selm.selection.modules():
#     if isinstance(part, Mamba):
#         began = initial_A_log(*part.A_log.shape)
#         shrunk.append((part.A_log.detach().cpu() / began)[:, 1:].flatten())  # the first state's is log 1 = 0
# shrunk = torch.cat(shrunk)
# print(f"A_log is now {shrunk.min():.4f} to {shrunk.max():.4f} of what it was, in {len(shrunk)} states")
# ```
#
# It differs by weight decay alone, which shrinks every number by the same factor whether it was trained or not. Numbers that a gradient had reached would not all have the same factor.
#
# </details>
#
# **4.** The published M_F takes the best threshold for ten frames at a time. What happens to it with five frames, and with all of the test at once? Why?
#
# <details><summary>Answer</summary>
#
# ```python
# frame_logits, frame_masks = logits.flatten(0, 2), test.masks.flatten(0, 1)
# for together in (1, 5, 10, len(frame_masks)):
#     of_groups = segmentation_scores(frame_logits, frame_masks, frames_per_group=together)
#     print(f"{together:4} frames share a threshold: M_F {of_groups['M_F']:.1f}, M_F/dataset {of_groups['M_F/dataset']:.1f}")
# ```
#
# The fewer frames share a threshold, the better it fits them, and the higher the score, with the same predictions. A table that mixes test batch sizes compares nothing. `M_F/dataset` uses one threshold for all, `M_F/half` none that was chosen on the truth.
#
# </details>
#
# **5.** In section 8, SelM that was trained with cross entropy alone loses six points of M_J on MS3. Give both models the threshold that is best on the validation clips. Who is better on the test clips?
#
# <details><summary>Answer</summary>
#
# ```python
# rendered = prepare_segmentation("ms3", profile, 1, progress=False)  # trainings are made where none are kept: minutes
# thresholds = (0.0, -0.5, -1.0, -1.5, -2.0)  # as logits: 0 is a probability of 0.5
# for name in ("selm", "selm-bce"):
#     recipe = segmentation_recipe(name, "ms3", profile)
#     kept = segmentation_folder(recipe, rendered, 0)
#     model = run_segmentation(recipe, rendered, 0, device, folder=kept, progress=False).model
#     overlap = {}  # M_J by split and threshold
#     for split in ("val", "test"):
#         clips = rendered.data(split)
#         clip_logits = predict_segmentation(model, clips).flatten(0, 2)
#         for logit in thresholds:
#             moved = segmentation_scores(clip_logits - logit, clips.masks.flatten(0, 1), frames_per_group=10)
#             overlap[split, logit] = moved["M_J"]
#     chosen = max(thresholds, key=lambda logit: overlap["val", logit])
#     print(f"{name}: M_J {overlap['test', 0.0]:.1f} at 0.5, {overlap['test', chosen]:.1f} at the logit {chosen}, chosen on validation clips")
# ```
#
# Both gain by a lower threshold, cross entropy alone far more. With the training seeds 0, 1 and 2 SelM goes from 58.2, 55.3 and 57.1 to 60.0, 56.8 and 57.6, the other from 50.5, 50.0 and 52.0 to 59.2, 56.8 and 58.5: the means are 58.1 and 58.2. (The paper does not say what its Table 8 looks like at other thresholds; it cannot be read off M_J alone.)
#
# </details>

# %% [markdown]
# ## Summary
#
# * A score of overlap cannot tell whether a model listens. Count the silent objects that it marks, at equal recall, and lie to its ear.
# * DAM weighs places, BCSM channels. Neither can tell two things apart that look the same.
# * A causal scan learns nothing about time from a loss on the first frame. What a module is *for* and what its training lets it learn are two questions.
# * A module is worth what is lost when the network is trained without it, over seeds and with an interval.
#
# **What differs from the paper.** Rendered clips with known silent objects; ten categories; a narrow ResNet-18 from scratch at 96 x 96 pixels; audio vectors of the tiny CLAP-like teacher; a cosine schedule and fewer epochs; an illusion rate, which the paper does not have. The network is `variant="paper"`: an alignment in which sound reaches the
# visual maps, sigmoid weights, no noise in evaluation (the released code draws Gumbel noise at test time) and no leak between clips of a batch; `models/selm.py` lists every difference. No trained SelM weights were at hand.
#
# **References.** J. Li, S. Yu, Y. Wang, L. Wang, H. Lu. *SelM: Selective Mechanism based Audio-Visual Segmentation.* ACM MM 2024. · J. Zhou et al. *Audio-Visual Segmentation.* ECCV 2022; *Audio-Visual Segmentation with Semantics.* IJCV 2024. · A. Gu, T. Dao. *Mamba: Linear-Time Sequence Modeling with Selective State Spaces.* COLM 2024. ·
# F. Milletari, N. Navab, S.-A. Ahmadi. *V-Net.* 3DV 2016.
