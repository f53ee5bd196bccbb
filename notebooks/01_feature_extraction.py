# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 01 · Feature extraction: from ten seconds of media to numbers per segment
#
# Time: under a minute once the corpus is there (the first run renders it). Memory: 1 GB. Data: the synthetic corpus, rendered on this machine.

# %% [markdown]
# ## What you will learn
#
# No parsing model sees a video. HAN and VALOR read **features**: a frozen network, a *backbone*, has turned every second of picture and sound into a vector before training starts.
# Whatever is lost here is lost for good, so it is worth knowing exactly
#
# - which frame and which samples stand for "segment 3",
# - what a backbone gets to see, and what it returns,
# - whether its vectors change when the events change,
# - how stored features find the right video again, and what happens to a broken file.
#
# In the papers this is the paragraph on features in the experiments of HAN (ECCV 2020) and VALOR (NeurIPS 2023): VGGish, ResNet-152 and R(2+1)D in HAN, CLAP and CLIP in VALOR's strongest models. The rules that no paper
# prints (which frame exactly?) are in their published code, and we say below where ours differ.

# %% tags=["parameters"]
profile = "tutorial"  # one of smoke, tutorial: the size of the experiment
corpus_seed = 0  # which synthetic corpus
out = "outputs/runs/01_feature_extraction"  # folder for figures and toys, inside the workspace

# %%
import wave
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from IPython.display import display

import avvp_lib
from avvp_lib.corpora.synthetic.encoding import write_video
from avvp_lib.features import FeatureBank, MediaError, build_backbone, extract, read_media
from avvp_lib.features.bank import BankError
from avvp_lib.features.clip_media import read_clip
from avvp_lib.features.input_choices import input_effects
from avvp_lib.features.log_mel import log_mel
from avvp_lib.features.published_backbones import PUBLISHED_INPUTS, build_published
from avvp_lib.features.similarity import event_contrast
from avvp_lib.features.tiny_teachers import PICTURE_CENTRE, PICTURE_SPREAD, picture_input
from avvp_lib.features.weight_files import MissingWeights
from avvp_lib.figures import (
    change_pictures,
    contact_sheet,
    extractor_inputs,
    input_effect_lines,
    log_mel_pictures,
    sampling_moments,
    segment_spectrograms,
    self_similarity,
)
from avvp_lib.recipes import prepare
from avvp_lib.workspace import workspace

# %%
folder = workspace() / out
folder.mkdir(parents=True, exist_ok=True)
bench = prepare(profile, corpus_seed, progress=False)
test = bench.corpus.splits["test"]
print(f"avvp {avvp_lib.__version__}, torch {torch.__version__}, numpy {np.__version__}; nothing here is random")
print(f"{bench.corpus.name}: " + ", ".join(f"{len(split)} {name}" for name, split in bench.corpus.splits.items()))

# %% [markdown]
# ## 1. Which frame?
#
# A file holds frames with time stamps, at any rate. A backbone wants a fixed number of them. So a rule must choose:
#
# > **Frame $i$ is the last frame whose time stamp is at most $(i + \tfrac12)/\text{fps}$**: what a viewer sees in the middle of the interval.
#
# A toy that can be checked by eye: six grey frames, three a second, with brightness 0, 50, 100, 150, 200, 250. They are shown from
#
# $$0,\quad 0.33,\quad 0.67,\quad 1,\quad 1.33,\quad 1.67 \ \text{seconds on.}$$
#
# We ask for two frames a second. The middles of the four intervals are 0.25, 0.75, 1.25 and 1.75 s, so the frames that are on screen are number 0, 2, 3 and 5.

# %%
grey = np.repeat(np.arange(0, 300, 50, dtype=np.uint8), 32 * 32 * 3).reshape(6, 32, 32, 3)
toy = write_video(folder / "six_frames.mp4", grey, np.zeros(32_000, np.float32), fps=3, sample_rate=16_000)
read = read_media(toy, fps=2, seconds=2)
brightness = read.frames.mean(axis=(1, 2, 3))
print("brightness of the frames read:", brightness)
assert np.rint(brightness / 50).tolist() == [0, 2, 3, 5]

# %% [markdown]
# The rule matters for ten seconds, too. VALOR's published CLIP extractor spreads ten frames from the first to the last of all the frames that it finds (80 in a clip cut to exactly 10 s, often 82 in practice). `tiny-clip` follows
# it, over the 80 frames that we always read. The plain alternative would be the middle of each second. Below, each chosen frame $i$ stands at the moment that it shows, $(i + \tfrac12)/8$ s:

# %%
middles = np.arange(10) + 0.5
spread_80, spread_82 = ((np.rint(np.linspace(0, n - 1, 10)) + 0.5) / 8 for n in (80, 82))
rules = {"middle of each second": middles, "spread over 80 frames": spread_80, "spread over 82 frames": spread_82}
figure = sampling_moments(rules)
figure.savefig(folder / "sampling_moments.png")
figure

# %% [markdown]
# **Notice** how the spread frames start at the very beginning of segment 0 and drift to the very end of segment 9. With 82 frames row 8 already comes from second 9, and row 9 from beyond the ten seconds that are annotated; always reading 80 frames avoids that. An event that fills the first half of a second is then seen in some segments and not in others.
#
# **Question.** An annotator marks a dog as visible from 3 to 5 s. Which of the three rules shows a dog in segments 3 and 4 and only there?
#
# <details><summary>Answer</summary>
#
# All three: each looks into seconds 3 and 4 and nowhere else while the dog is there. The rules part at the ends of the clip, where the spread frames come close to the border between two segments or, with 82 frames, lie beyond it.
# There a fade decides, or a mark that is a frame late.
# </details>

# %% [markdown]
# ## 2. Which samples?
#
# Sound is placed **by its time stamps**: gaps become zeros, what is beyond the end is cut, what is missing is padded with zeros. Again a toy: ten samples at ten samples a second, read as 1.2 seconds.
# The file has no picture, so we must say that we want one filled in; by default that is an error.

# %%
with wave.open(str(folder / "ten_samples.wav"), "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(10)
    file.writeframes((np.arange(1, 11) * 3276).astype("<i2").tobytes())
read = read_media(folder / "ten_samples.wav", fps=1, sample_rate=10, seconds=1.2, on_missing="fill")
print(read.waveform.round(2), *read.notes, sep="\n")
assert np.allclose(read.waveform, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 0, 0], atol=0.001)

# %% [markdown]
# Every change is said in `notes`. Two things about this toy are worth a look. No sample moved: the third sample is still the third. VALOR's CLAP features are made from exactly 480,000 samples that are picked by rounded, evenly spaced positions, so that a file of
# 10.2 s is *squeezed* to 10 s. By eye, with twelve samples squeezed to ten:

# %%
picked = np.rint(np.linspace(0, 11, 10)).astype(int)
print("positions kept:", picked)
assert picked.tolist() == [0, 1, 2, 4, 5, 6, 7, 9, 10, 11]

# %% [markdown]
# Samples 3 and 8 are gone, and sample 11 now plays at position 9: for real clips, up to a few tenths of a second earlier than the picture. Cutting a waveform into segments is the same in both cases, a reshape:

# %%
segments = np.arange(10).reshape(5, 2)
print(segments)
assert segments[3].tolist() == [6, 7]  # ten samples, five segments of two: segment 3 is samples 6 and 7

# %% [markdown]
# ## 3. One real video, and what each backbone sees of it
#
# We take the test video in which most happens: many beginnings and ends in both modalities.

# %%
changes = [np.abs(np.diff(grid.astype(int), axis=1)).sum((1, 2)) for grid in (test.audio, test.visual)]
row = int(np.minimum(*changes).argmax())
key, truth = test.keys[row], (test.audio[row], test.visual[row])
clip = build_backbone("tiny-clip")
media = read_media(bench.corpus.media_path(key), **clip.reading)
print(
    f"{key}: frames {media.frames.shape} {media.frames.dtype}, waveform {media.waveform.shape} {media.waveform.dtype}"
)

# %% [markdown]
# The visual teacher sees one frame a second, **squashed to 64 x 64 pixels**, colours centred and scaled. On the left five of the ten frames it takes, as decoded; on the right all that it gets of them.

# %%
taken = torch.from_numpy(media.frames[np.rint(np.linspace(0, 79, 10)).astype(int)[::2]])
squashed = (picture_input(taken) * PICTURE_SPREAD + PICTURE_CENTRE).clamp(0, 1)
small = (squashed.permute(0, 2, 3, 1) * 255).byte().numpy()
titles = [f"segment {second}" for second in range(0, 10, 2)]
figure = contact_sheet([*taken.numpy(), *small], [*titles, *["64 x 64"] * 5], columns=10)
figure.savefig(folder / "frames.png")
figure

# %% [markdown]
# The audio teacher sees sound as a picture. The waveform $x$ is cut into overlapping windows, each is Fourier-transformed, the magnitudes are summed in 64 bands that are spaced as the ear hears pitch, and the logarithm is taken:
#
# $$ S_{t,m} = \log\Bigl(\sum_f W_{f,m}\,\bigl|\mathrm{STFT}(x)_{t,f}\bigr| + \varepsilon\Bigr),\qquad \mathrm{mel}(f) = 1127\,\ln\bigl(1 + f/700\bigr). $$
#
# Time runs to the right, pitch upwards.

# %%
log_mel_pictures({"ten seconds of sound": media.waveform}, media.sample_rate)

# %% [markdown]
# The backbone gets the seconds one at a time, each as a picture of 64 bands by 64 moments:

# %%
spectrograms = log_mel(torch.from_numpy(media.waveform).view(10, 16_000), media.sample_rate).numpy()
print("segments, moments, bands:", spectrograms.shape)
figure = segment_spectrograms(spectrograms)
figure.savefig(folder / "spectrograms.png")
figure

# %% [markdown]
# **Notice** that a single second has no before and no after. A backbone cannot know whether a sound has just begun; that is left to the parsing model, which attends over all ten segments.

# %% [markdown]
# ## 4. What comes out: the cards
#
# Every bank of features carries a card that says what it holds. This is the whole table of ours:

# %%
cards = [bench.banks[name].card for name in bench.profile.backbones]
columns = ["name", "modality", "input_rule", "output_shape", "normalisation"]
with pd.option_context("display.max_colwidth", None):
    display(pd.DataFrame([card.to_dict() for card in cards])[columns].set_index("name"))

# %% [markdown]
# And these are the published ones, for LLP (one `.npy` file a video; `FeatureBank.from_folder` reads them):
#
# | features | shape of one video | a row is | read by |
# |---|---|---|---|
# | VGGish | (10, 128) | one second, after a ReLU: never negative | HAN, VALOR |
# | ResNet-152 | (80, 2048) | one of 80 frames; the models average eight | HAN, VALOR |
# | R(2+1)D-18 | (10, 512) | eight frames as one clip | all |
# | CLAP | (64, 768) | a patch of the sound's spectrogram: 2 in pitch times 32 in time | VALOR++ |
# | CLIP | (10, 768) | one frame, unit length | VALOR++ |
#
# Ours play the same roles at a size that a laptop extracts in minutes: `tiny-clap` and `tiny-clip` know sentences and make pseudo-labels (lesson 02), the two `-map` features are what a parsing model reads, `tiny-clip-change` stands in for R(2+1)D.
#
# A bank is no more than the backbone's output, stored. Let us extract one video again and compare; half precision on disk keeps about three digits.

# %%
fresh = clip(media)
stored = bench.banks["tiny-clip"].take([key])[0]
print("extracted", fresh.shape, fresh.dtype, " largest difference to the bank:", np.abs(fresh - stored).max())
assert np.allclose(fresh, stored, atol=2e-3)
assert np.allclose(np.linalg.norm(fresh, axis=1), 1, atol=1e-5)  # the card says: unit length

# %% [markdown]
# ## 5. What the published networks would get
#
# The published networks are too large for a lesson, and their weights have to be fetched first. What they *get* needs no weights. `read_clip` decodes a file once for all of them, upright and at its own size, with the sound at 16 kHz for VGGish and at 48 kHz for CLAP; each then cuts out its own part. Five rules, five different videos:

# %%
whole = read_clip(bench.corpus.media_path(key))
titles = {
    "resnet152": "ResNet-152: 80 frames, the middle of each (six of them)",
    "clip": "CLIP: ten frames, all of each (six of them)",
    "vggish": "VGGish: the first 0.975 s of a second (six of ten)",
    "vggish-continuous": "VGGish for segmentation: 0.975 s every 0.96 s (six of ten)",
    "r2plus1d": "R(2+1)D-18: eight frames as one clip (the sixth second)",
    "clap": "CLAP, token map: all ten seconds at once",
    "clap-seconds": "CLAP, a vector a second: each repeated to ten (six of ten)",
}
inputs = {title: PUBLISHED_INPUTS[name](whole).numpy() for name, title in titles.items()}
figure = extractor_inputs(inputs, looks=6)
figure.savefig(folder / "extractor_inputs.png")
figure

# %% [markdown]
# **Notice** what is cut off for ResNet and not for CLIP, how much can happen within the one second that R(2+1)D sees, and that the two strips of VGGish begin alike and end apart. In the last strip a second is repeated ten times: CLAP was made for ten seconds and is asked about one.
#
# With weights, `build_published` makes features of this, and `avvp extract FOLDER --backbones vggish resnet152 r2plus1d clip clap --out features` those of a whole folder: see [backbones](../docs/backbones.md) and [extraction](../docs/extraction.md). Without them you are told what is missing:

# %%
try:
    print(build_published("clip").card)
except MissingWeights as error:
    print(error)

# %% [markdown]
# ## 6. Do the numbers follow the events?
#
# Vectors of 128 or 1024 numbers cannot be read. Their angles can. For each pair of segments $s, t$ of our video
#
# $$ \cos(s, t) = \frac{\langle f_s, f_t\rangle}{\lVert f_s\rVert\,\lVert f_t\rVert} . $$
#
# If a backbone cares about events, segments with the same events form bright squares on the diagonal, and the squares begin and end where the lanes below begin and end.

# %%
audio_names = {"tiny-clap": "audio", "tiny-clap-map": "audio"}
names = {**audio_names, "tiny-clip": "visual", "tiny-clip-map": "visual"}
features = {name: (modality, bench.banks[name].take([key])[0]) for name, modality in names.items()}
figure = self_similarity(features, truth, bench.corpus.categories)
figure.savefig(folder / "self_similarity.png")
figure

# %% [markdown]
# **Notice** where a square's edge and a lane's edge agree, and where they do not. An edge without an event is a distractor: a thing, or a noise, that belongs to no category and changes the picture all the same. A lane's edge without a square's edge is
# an event that the backbone does not see or hear, often a quiet one under a loud one. The right neighbour of each panel shows the same network one step earlier, before its vector was bent towards sentences.
#
# One video is an anecdote. Over all test videos: the mean cosine of pairs of segments in which *the same* events happen, and of pairs with *different* events. A large gap means that the backbone separates what we want separated.

# %%
grids = {"audio": test.audio, "visual_2d": test.visual, "visual_3d": test.visual}
contrasts = {
    name: event_contrast(bank.take(test.keys), grids[bank.card.modality]) for name, bank in bench.banks.items()
}
table = pd.DataFrame(contrasts, index=["same events", "other events"]).T
table["gap"] = table["same events"] - table["other events"]
table.sort_values("gap", ascending=False).round(2)

# %% [markdown]
# **Question.** Why does no backbone reach a cosine of 1 between segments with the same events?
#
# <details><summary>Answer</summary>
#
# Because everything else goes on: objects wander, distractors come and go, the light and the noise change, and a dog does not bark twice in the same way. The features describe the second, and the event is only a part of it. Features that ignored all
# of that would already be labels.
# </details>

# %% [markdown]
# ## 7. What a motion descriptor sees
#
# A frame does not show movement, so HAN and VALOR read R(2+1)D features beside those of frames: a network that takes eight frames as one clip. Our stand-in, `tiny-clip-change`, asks the visual teacher at four moments of each second, and keeps how much each channel
# $k$ of its last map $M$ moves from one moment to the next, averaged over the places $p$ of the map:
#
# $$ g_{t,k} = \frac{1}{3\,|P|}\sum_{j=1}^{3}\sum_{p}\bigl|M_{t,j+1,k,p} - M_{t,j,k,p}\bigr| . $$
#
# Below the frames: where the picture changes (averaged over 4 x 4 pixels), and the channels of the descriptor that vary most over this video.

# %%
change = bench.banks[bench.profile.visual_3d].take([key])[0]
figure = change_pictures(media, change)
figure.savefig(folder / "change.png")
figure

# %% [markdown]
# **Notice** that the picture changes where things move, appear or vanish, whatever they are. The channels are more choosy: some answer to one object's movement only. Each vector has zero mean and unit variance, so its
# brightness is relative to the second it belongs to.
#
# **Question.** A cello is held still and then played, in the same place. Which of our visual features can tell?
#
# <details><summary>Answer</summary>
#
# One frame a second (`tiny-clip`) hardly can: a raised bow is a bow. `tiny-clip-change` can, if the bow's movement moves the map. That matters for the pseudo-labels of lesson 02, which are made from single frames: a silent cello and a played one look alike to them.
# </details>

# %% [markdown]
# ## 8. The same clip, extracted a little differently
#
# Whoever cannot download the published features extracts them again, and decides anew: the middle frame of a second or one of ten spread over the clip? Squash the picture or cut out its middle, as networks for ImageNet look at it? One window of sound a second, or one every 0.96 s, as VGGish lays its
# examples end to end? Nothing fails, all shapes are right. We change one thing at a time, ask the same network, and take the cosine of what it says with what it said before. Two mistakes are among them that everybody makes once: red and blue exchanged, as OpenCV reads pictures, and sound at half its loudness, as where one pipeline normalises and the other does not.
#
# As a yardstick: how far is the *next second* of the same clip from this one?

# %%
clips = [read_media(bench.corpus.media_path(other), **clip.reading) for other in test.keys[:30]]
effects = input_effects(clips)
figure = input_effect_lines(effects)
figure.savefig(folder / "input_effects.png")
figure

# %%
effects.groupby(["modality", "choice"], sort=False)[["cosine", "same_category"]].mean().round(2)

# %% [markdown]
# **Notice**, on the left, that windows 0.96 s apart begin in step with the seconds and drift away from them, by 0.36 s at the tenth. Loudness matters as much as another second: the network has learned how loud things are. On the right, the middle frame of the first second is another
# picture altogether, because ten frames *spread from the first to the last* begin with the very first instant of a clip, in which our things are still fading in. In the last column, how often the sentence that fits a segment best stays the same: that is what a pseudo-label would notice.
#
# None of these choices is wrong by itself, save the two mistakes. But a parser that was trained on one and is tested on the other sees a different clip. So a bank's card states the rule, and banks are comparable when their cards are equal.
#
# **Question.** Which of these differences would training a parser on the new features repair, and which not?
#
# <details><summary>Answer</summary>
#
# It would repair what is the same change everywhere (a crop, a loudness, even exchanged colours, as far as the network still tells things apart): the parser learns the new features. It cannot repair what moves a segment in *time*: with windows 0.96 s apart the tenth holds 0.64 s of its own second and 0.36 s of the one before, and no network behind it can give those back to the segment where they
# were annotated. And nothing helps if training and test features were made in two ways.
# </details>

# %% [markdown]
# ## 9. Joined by id, not by order
#
# A bank and a list of videos come from different files, written at different times. Joining them by position goes wrong silently: the first video that could not be decoded shifts all that follow. So a bank is asked by id.

# %%
card = replace(clip.card, output_shape=(1, 2))
rows = np.array([[[3, 3]], [[1, 1]], [[2, 2]]], np.float16)
toy_bank = FeatureBank(("video3", "video1", "video2"), rows, card, folder="toy")
taken = toy_bank.take(["video1", "video3"])
print(taken[:, 0])
assert taken[:, 0].tolist() == [[1, 1], [3, 3]]  # by name, although the rows lie in another order

# %% [markdown]
# An id that is not there is refused, with a guess at what went wrong. LLP's annotations call a video by `<id>_<start>_<end>` and the feature files by the id alone: the most common mistake of all.

# %%
try:
    toy_bank.take(["video1_0_10", "video2_0_10"])
except BankError as error:
    print(error)

# %% [markdown]
# ## 10. Bad files
#
# Downloads break off, disks fill up, clips come without sound. A file that decodes to something wrong is worse than one that fails, so the reader refuses and says why. We cut a good file in half:

# %%
broken = folder / "broken_off.mp4"
good = bench.corpus.media_path(key)
broken.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
for path in (broken, folder / "ten_samples.wav", folder / "never_downloaded.mp4"):
    try:
        read_media(path)
    except MediaError as error:
        print(str(error).replace(f"{folder}/", ""), end="\n\n")

# %% [markdown]
# One broken file must not stop the extraction of ten thousand. `extract` leaves it out of the banks, names it in its report and in `failures.csv`, and goes on.

# %%
report = extract({"good": good, "broken": broken}, ["tiny-clip"], folder / "banks", workers=1, progress=False)
print(f"{report.videos} video in the bank, {len(report.failures)} failed: {', '.join(report.failures)}")
print("in the bank:", FeatureBank.open(report.banks["tiny-clip"]).ids)

# %% [markdown]
# ## Exercises
#
# **1.** A file has 25 frames a second and lasts 10.25 s. `tiny-clip` reads 80 frames, 8 a second, and takes ten of them, spread from the first to the last. Which frame of the file stands for segment 9?
#
# <details><summary>Answer</summary>
#
# The last one, frame 79 of the reading: what is on screen at $(79 + \tfrac12)/8 = 9.9375$ s. In the file that is frame $\lfloor 9.9375 \cdot 25\rfloor = 248$, which is shown from 9.92 s on. The last quarter of a second of the file is not looked at.
# </details>
#
# **2.** Someone joins features by position, and the first video of the list is missing in the bank. Simulate it: ask for the next video's features, `test.keys[1:] + test.keys[:1]`, in section 6. What happens to the gap, and would the shapes have told you?
#
# <details><summary>Answer</summary>
#
# ```python
# shifted = test.keys[1:] + test.keys[:1]
# for name, bank in bench.banks.items():
#     same, other = event_contrast(bank.take(shifted), grids[bank.card.modality])
#     print(f"{name:17} {same - other:.3f}")
# ```
#
# The shapes are right and nothing complains. The gap shrinks to about nothing, because the events of one video say nothing about the segments of another. A parser trained on this would still learn which categories are frequent, and score like a weak model rather than like a bug.
# </details>
#
# **3.** `read_media(..., on_missing="fill")` gives black frames for a file without picture. Are the features of a black frame zero?
#
# <details><summary>Answer</summary>
#
# ```python
# black = clip(replace(media, frames=np.zeros_like(media.frames)))
# print(np.linalg.norm(black, axis=1).round(3), np.ptp(black, axis=0).max())
# ```
#
# No: ten equal vectors of length 1, like any other picture. The network has no output for "nothing there"; whoever fills in must remember it (`Media.notes` does), or leave the file out, which is the default.
# </details>
#
# **4.** `tiny-clip` looks at one frame a second and `tiny-clip-map` at four, which it averages. A cat is visible for the first 0.4 s of a segment. Which of the two can know?
#
# <details><summary>Answer</summary>
#
# For certain only the second: its frames are those on screen at 0.06, 0.31, 0.56 and 0.81 s of the segment, and the first two hold the cat. But averaging makes the cat half as strong. What the first backbone sees depends on the segment: it looks 0.06 s into segment 0, where the cat is there, and 0.94 s into segment 9, where it is gone. Neither is right in general: LLP's annotators had to decide the same question, with whole seconds.
# </details>

# %% [markdown]
# ## Summary
#
# - A segment's features are a rule of choice (which frame, which samples), a rule of scaling (64 x 64, log-mel), and a frozen network. All three belong to the result; the card keeps them together.
# - Features follow events, but they also follow everything else that changes. The gap between the two is what training has to work with.
# - Stored features are joined by id. Broken files are named, not skipped in silence.
#
# ## What differs from the papers
#
# - The teachers are small and were trained on rendered clips: `tiny-clip` is a CLIP in structure, `tiny-clap` is like CLAP in what it learns and how it is asked, but looks at spectrograms with a small convolutional network where CLAP has a Swin transformer (HTSAT). `tiny-clip-change` is made from
#   the same network as the frames' features, where R(2+1)D is one of its own. None of the numbers here says anything about LLP.
# - `tiny-clip` spreads its frames as VALOR does, but always over 80 frames of exactly ten seconds. We keep sound in place where the published code squeezes it, and store half precision where it stores single.
# - VALOR's CLAP features are a map of 64 patches that the model brings to ten steps; our maps are pooled to ten vectors when they are extracted.
#
# ## References
#
# - Tian, Li, Xu: Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing. ECCV 2020 (HAN and LLP).
# - Lai, Chen, Wang: Modality-Independent Teachers Meet Weakly-Supervised Audio-Visual Event Parser. NeurIPS 2023 (VALOR).
# - Radford et al.: Learning Transferable Visual Models From Natural Language Supervision. ICML 2021 (CLIP).
# - Wu et al.: Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption Augmentation. ICASSP 2023 (CLAP).
# - Hershey et al.: CNN Architectures for Large-Scale Audio Classification. ICASSP 2017 (VGGish). Tran et al.: A Closer Look at Spatiotemporal Convolutions for Action Recognition. CVPR 2018 (R(2+1)D).
