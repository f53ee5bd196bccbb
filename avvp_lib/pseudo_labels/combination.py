"""Cross-modality random combination (CMRC): the picture of one training video and the sound of another make a new one.

    MUG, Section 3.2. Pseudo-labels say what each track holds, so the label of a new video is known:
        label of the video    = union of the picture's visual and the sound's audio pseudo-labels
        labels of its segments = those of each track, which travel with it

New videos follow the distribution of the training set's label sets. What the paper leaves open, and is decided here:

- "All video-level labels that appear more than 50 times" are label *sets*; every single class of LLP appears more often than that.
- For a set, a pair is drawn uniformly among all pairs of different videos whose union is exactly that set. No pair comes twice before
  all have come once. Numbers per set are the shares times the number of new videos, rounded by largest remainders.
- A set that no pair makes is reported, and its share goes to the others in proportion.
- A track without any label is never drawn, because it is the obviously wrong label that the paper excludes; nor is an excluded video.

A new video is two row numbers: no feature is copied, see `ParsingData`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from avvp_lib.provenance import atomic_path
from avvp_lib.pseudo_labels.label_sets import (
    LLP_VIDEOS,
    apportion,
    frequent_label_sets,
    named_set,
    scaled_minimum,
    set_name,
)
from avvp_lib.pseudo_labels.zero_shot import PseudoLabels
from avvp_lib.records import note_input
from avvp_lib.training import ParsingData

LLP_BATCHES = {0.25: 1585, 0.5: 3242, 0.75: 4610, 1.0: 6080, 2.0: 12096}
"""New videos by the multiple "of the data" that MUG's Table 3 calls them. They are multiples of about 6,080, not of 10,000."""

COLUMNS = ("visual", "audio", "labels", "seed")
POSITIVE = 0.5


def batch_size(multiple: float, videos: int) -> int:
    """How many new videos one of the published multiples means: exact for LLP's 10,000 training videos, else in proportion.

    Raises:
        ValueError: a multiple that the paper does not have.
    """
    if multiple not in LLP_BATCHES:
        raise ValueError(f"combination {multiple!r} is none of MUG's: choose one of {', '.join(map(str, LLP_BATCHES))}")
    return max(1, round(LLP_BATCHES[multiple] * videos / LLP_VIDEOS))


@dataclass(frozen=True)
class _Tracks:
    """The tracks of one modality that may be drawn, by label set: sets (K, C) bool, and the rows of the videos of each."""

    sets: np.ndarray
    rows: list[np.ndarray]

    @classmethod
    def group(cls, modality: str, held: np.ndarray, usable: np.ndarray) -> _Tracks:
        rows = np.flatnonzero(usable & held.any(1))
        if not len(rows):
            raise ValueError(
                f"no {modality} track has a pseudo-label (of {int(usable.sum())} videos that are not excluded), so there is "
                "nothing to combine: check the labels, or lower the thresholds that they were made with"
            )
        sets, place = np.unique(held[rows], axis=0, return_inverse=True)
        place = place.reshape(-1)
        return cls(sets, [rows[place == index] for index in range(len(sets))])

    def within(self, target: np.ndarray) -> np.ndarray:
        """Which sets hold nothing outside a set."""
        return np.flatnonzero(~(self.sets & ~target).any(1))


@dataclass(frozen=True)
class _Pairs:
    """All pairs that make one label set, as blocks: any video of visual[i] with any of audio[i], but not with itself."""

    visual: list[np.ndarray]
    audio: list[np.ndarray]

    @classmethod
    def making(cls, target: np.ndarray, visual: _Tracks, audio: _Tracks) -> _Pairs:
        seen, heard = visual.within(target), audio.within(target)
        complete = (visual.sets[seen][:, None] | audio.sets[heard][None]).sum(-1) == target.sum()
        blocks = [(visual.rows[seen[i]], audio.rows[heard[j]]) for i, j in np.argwhere(complete)]
        return cls([block[0] for block in blocks], [block[1] for block in blocks])

    def __len__(self) -> int:
        return sum(len(v) * len(a) for v, a in zip(self.visual, self.audio, strict=True)) - self._selves()

    def _selves(self) -> int:
        return sum(len(np.intersect1d(v, a)) for v, a in zip(self.visual, self.audio, strict=True))

    def draw(self, number: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(number,) rows of pictures and of sounds, uniformly among the pairs; none comes twice before all have come once."""
        widths = np.array([len(rows) for rows in self.audio])
        ends = np.cumsum([len(v) * len(a) for v, a in zip(self.visual, self.audio, strict=True)])
        wanted = min(ends[-1], number + self._selves())  # so that enough remain when videos with themselves are gone
        flat = random.choice(ends[-1], wanted, replace=False)
        block = np.searchsorted(ends, flat, side="right")
        inside = flat - np.concatenate([[0], ends])[block]
        first_visual, first_audio = (
            np.concatenate([[0], np.cumsum([len(rows) for rows in side])])[block] for side in (self.visual, self.audio)
        )
        visual = np.concatenate(self.visual)[first_visual + inside // widths[block]]
        audio = np.concatenate(self.audio)[first_audio + inside % widths[block]]
        different = visual != audio
        return np.resize(visual[different], number), np.resize(audio[different], number)  # begins anew at its end


@dataclass(frozen=True, eq=False)
class Combination:
    """New videos made of the tracks of others.

    Attributes:
        keys: ids of the N training videos, which the row numbers count.
        categories: C names.
        visual_rows, audio_rows: (M,) int64, whose picture and whose sound a new video has.
        video_labels: (M, C) bool, the union of what its two tracks hold. Its segment labels are rows of the N videos' labels.
        seed: of the drawing.
        unmade: (U, C) bool, frequent label sets that no pair of different videos makes.
    """

    keys: tuple[str, ...]
    categories: tuple[str, ...]
    visual_rows: np.ndarray
    audio_rows: np.ndarray
    video_labels: np.ndarray
    seed: int
    unmade: np.ndarray

    def __len__(self) -> int:
        return len(self.visual_rows)

    def counts(self, sets: np.ndarray) -> np.ndarray:
        """(K,) int64, how many new videos have each of the (K, C) label sets."""
        return np.array([int((self.video_labels == target).all(1).sum()) for target in np.asarray(sets, bool)])

    def extended(self, data: ParsingData) -> ParsingData:
        """The training data with the new videos behind the N original ones; the features are shared, not copied.

        Args:
            data: the N videos in the order of `keys`, each with features of its own.

        Raises:
            ValueError: other videos, or other segment labels than those by which they were combined.
        """
        if data.audio_rows is not None or data.visual_rows is not None or len(data) != len(self.keys):
            raise ValueError(
                f"the data has {len(data)} examples; these videos were made of {len(self.keys)} with features of their own"
            )
        device = data.video_labels.device
        visual, audio = (torch.from_numpy(rows).to(device) for rows in (self.visual_rows, self.audio_rows))
        labels = torch.from_numpy(self.video_labels).to(data.video_labels)
        if data.pseudo_audio is not None and data.pseudo_visual is not None:
            held = _held(data.pseudo_audio)[audio] | _held(data.pseudo_visual)[visual]
            if not torch.equal(held, labels > POSITIVE):
                raise ValueError(
                    "the data has other segment labels, or another order, than the videos were combined by"
                )
        return _with_examples(data, visual, audio, labels)

    def manifest(self) -> pd.DataFrame:
        """A row a new video: the ids whose picture and sound it has, its label set, the seed. A set that nobody makes has no ids."""
        rows = {
            "visual": [self.keys[row] for row in self.visual_rows] + [""] * len(self.unmade),
            "audio": [self.keys[row] for row in self.audio_rows] + [""] * len(self.unmade),
            "labels": [set_name(held, self.categories) for held in (*self.video_labels, *self.unmade)],
        }
        return pd.DataFrame({**rows, "seed": self.seed})[list(COLUMNS)]

    def save(self, path: Path) -> None:
        """Write the manifest as CSV."""
        with atomic_path(Path(path)) as temporary:
            self.manifest().to_csv(temporary, index=False)

    @classmethod
    def load(cls, path: Path, labels: PseudoLabels, categories: Sequence[str]) -> Combination:
        """What `save` wrote, made again of the same labels.

        Raises:
            ValueError: the file is no manifest, a video is unknown or goes with itself, or its labels are not the union of its tracks';
                names the line.
        """
        return _read_manifest(cls, Path(path), labels, tuple(categories))


def _with_examples(data: ParsingData, visual: torch.Tensor, audio: torch.Tensor, labels: torch.Tensor) -> ParsingData:
    """The data and, behind it, examples with the rows of these pictures and sounds; segment labels travel with their track."""
    own = torch.arange(len(data), device=labels.device)
    rows = {"audio": torch.cat([own, audio]), "visual": torch.cat([own, visual])}
    grids = {
        name: grid[rows[modality]]
        for modality in rows
        for name in (f"pseudo_{modality}", f"true_{modality}")
        if (grid := getattr(data, name)) is not None
    }
    made = {"video_labels": torch.cat([data.video_labels, labels]), **grids}
    return replace(data, **made, audio_rows=rows["audio"], visual_rows=rows["visual"])


def repeated(data: ParsingData, number: int, seed: int) -> ParsingData:
    """The control to `Combination.extended`: as many examples more, but each is an original video once again.

    A larger training set also means more steps an epoch. What is won over this one is won by the new pairs.

    Args:
        data: videos with features of their own.
        number: of examples to add; no video comes a third time before all have come twice.
        seed: of the choice.
    """
    rows = torch.from_numpy(np.resize(np.random.default_rng(seed).permutation(len(data)), number))
    rows = rows.to(data.video_labels.device)
    return _with_examples(data, rows, rows, data.video_labels[rows])


def modality_shares(audio: np.ndarray, visual: np.ndarray) -> dict[str, float]:
    """How far sound and picture agree, in percent: of the classes of videos, and of the segments that hold a class.

    Args:
        audio, visual: (N, T, C), a class is there if it exceeds 0.5.

    Returns:
        "seen and heard", "heard only" and "seen only" sum up to 100; of all seconds of a class, "at the same time" are seen and heard
        at once.
    """
    heard, seen = np.asarray(audio) > POSITIVE, np.asarray(visual) > POSITIVE
    tracks = heard.any(1), seen.any(1)
    labels, seconds = max((tracks[0] | tracks[1]).sum(), 1), max((heard | seen).sum(), 1)
    return {
        "seen and heard": 100 * float((tracks[0] & tracks[1]).sum() / labels),
        "heard only": 100 * float((tracks[0] & ~tracks[1]).sum() / labels),
        "seen only": 100 * float((tracks[1] & ~tracks[0]).sum() / labels),
        "at the same time": 100 * float((heard & seen).sum() / seconds),
    }


def _held(grid: torch.Tensor) -> torch.Tensor:
    """(N, C) bool: which classes a track holds in some segment."""
    return (grid > POSITIVE).any(1)


def combine_across_videos(
    labels: PseudoLabels,
    video_labels: np.ndarray,
    categories: Sequence[str],
    *,
    number: int,
    seed: int,
    minimum: int | None = None,
    excluded: Collection[str] = (),
) -> Combination:
    """Draw new videos whose label sets are distributed as the frequent ones of the training set.

    Args:
        labels: segment labels of the N training videos; a class is in a track if some segment of it exceeds 0.5.
        video_labels: (N, C) bool of the same videos in the same order. They set the distribution; excluded videos count in it.
        categories: C names.
        number: of new videos, see `batch_size`.
        seed: of the drawing.
        minimum: a label set must occur more often than that; `scaled_minimum` by default.
        excluded: ids of videos of which no track is used, such as those that an annotator called unlabelable.

    Raises:
        ValueError: labels that do not fit each other, an excluded id that is none, no label set that is frequent enough, a modality
            in which no track has a label, or no pair that makes any of the frequent sets.
    """
    video_labels = np.asarray(video_labels, bool)
    _check(labels, video_labels, categories, number, excluded)
    targets, counts = frequent_label_sets(
        video_labels, scaled_minimum(len(video_labels)) if minimum is None else minimum
    )
    usable = ~np.isin(np.array(labels.keys, str), np.array(sorted(excluded), str))
    held = {"visual": (labels.visual > POSITIVE).any(1), "audio": (labels.audio > POSITIVE).any(1)}
    visual, audio = (_Tracks.group(modality, sets, usable) for modality, sets in held.items())
    pairs = [_Pairs.making(target, visual, audio) for target in targets]
    makeable = np.array([len(found) > 0 for found in pairs])
    if not makeable.any():
        raise ValueError(
            f"no two different videos make any of the {len(targets)} frequent label sets: their pseudo-labels are too sparse"
        )
    random = np.random.default_rng(seed)
    parts = apportion(np.where(makeable, counts, 0), number)
    drawn = [found.draw(part, random) for found, part in zip(pairs, parts, strict=True) if part]
    visual_rows, audio_rows = (np.concatenate([pair[side] for pair in drawn]).astype(np.int64) for side in (0, 1))
    union = held["visual"][visual_rows] | held["audio"][audio_rows]
    return Combination(labels.keys, tuple(categories), visual_rows, audio_rows, union, seed, targets[~makeable])


def _check(
    labels: PseudoLabels, video_labels: np.ndarray, categories: Sequence[str], number: int, excluded: Collection[str]
) -> None:
    expected = (len(labels.keys), labels.audio.shape[2])
    if video_labels.shape != expected or len(categories) != expected[1]:
        raise ValueError(
            f"video_labels are {video_labels.shape} for {len(categories)} categories, the pseudo-labels of {expected[0]} videos "
            f"and {expected[1]} categories: both must be of one split and one class list"
        )
    if number < 1:
        raise ValueError(f"number of new videos must be at least 1, not {number}")
    unknown = sorted(set(excluded) - set(labels.keys))
    if unknown:
        raise ValueError(f"excluded names {unknown[0]!r}, which is none of the {expected[0]} videos")


def published_batch(
    labels: PseudoLabels,
    keys: tuple[str, ...],
    video_labels: np.ndarray,
    categories: Sequence[str],
    multiple: float,
    seed: int,
    excluded: Collection[str] = (),
) -> Combination:
    """One of MUG's five batches, its rows in the order of `keys`; see `combine_across_videos`.

    Args:
        labels: of the training videos, in any order.
        keys: N ids of the training videos.
        video_labels: (N, C) bool, in their order.
        multiple: see `batch_size`.
    """
    aligned = PseudoLabels(keys, *labels.take(keys), labels.provenance)
    number = batch_size(multiple, len(keys))
    return combine_across_videos(aligned, video_labels, categories, number=number, seed=seed, excluded=excluded)


def _read_manifest(
    made: type[Combination], path: Path, labels: PseudoLabels, categories: tuple[str, ...]
) -> Combination:
    note_input(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        seeds = [int(seed) for seed in table["seed"].unique()]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is no manifest of combined videos: {error}") from error
    if tuple(table.columns) != COLUMNS or len(seeds) != 1:
        raise ValueError(
            f"{path} is no manifest of combined videos: it needs the columns {', '.join(COLUMNS)} and one seed"
        )
    row_of = {key: row for row, key in enumerate(labels.keys)}
    held = {"visual": (labels.visual > POSITIVE).any(1), "audio": (labels.audio > POSITIVE).any(1)}
    pairs, sets, unmade = [], [], []
    for line, (visual, audio, text, _) in enumerate(table.itertuples(index=False), start=2):
        named = named_set(f"{path}, line {line}", text, categories)
        if visual == audio == "":
            unmade.append(named)
            continue
        for key in (visual, audio):
            if key not in row_of:
                raise ValueError(f"{path}, line {line}: {key!r} is none of the {len(row_of)} labelled videos")
        if visual == audio:
            raise ValueError(f"{path}, line {line}: {visual!r} goes with itself; that is no new video")
        pairs.append((row_of[visual], row_of[audio]))
        sets.append(held["visual"][row_of[visual]] | held["audio"][row_of[audio]])
        if (sets[-1] != named).any():
            raise ValueError(
                f"{path}, line {line}: its tracks hold {set_name(sets[-1], categories) or 'nothing'}, the manifest says "
                f"{text or 'nothing'}: the videos were combined by other pseudo-labels"
            )
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    shape = (-1, len(categories))
    return made(
        labels.keys, categories, rows[:, 0].copy(), rows[:, 1].copy(), np.array(sets, bool).reshape(shape), seeds[0],
        np.array(unmade, bool).reshape(shape),
    )  # fmt: skip
