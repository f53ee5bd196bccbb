"""Who is who: the names under which predictions may call the videos of a split."""

from __future__ import annotations

from avvp_lib.corpora import Corpus, CorpusSplit


def dense_split(corpus: Corpus, split: str) -> CorpusSplit:
    """A split that can be scored on; another is refused with those that can."""
    dense = [name for name, part in corpus.splits.items() if part.audio is not None and part.visual is not None]
    if split not in dense:
        raise ValueError(f"{corpus.name} has no dense labels for a split {split!r}: choose one of {', '.join(dense)}")
    return corpus.splits[split]


def annotation_ids(part: CorpusSplit) -> dict[str, str]:
    """What a video may be called, its annotation id or its feature key, to its annotation id."""
    return dict(zip(part.keys, part.videos, strict=True)) | dict(zip(part.videos, part.videos, strict=True))


def stranger(name: str, corpus: Corpus, part: CorpusSplit) -> str:
    """Why a video is not one of a split."""
    homes = [other.name for other in corpus.splits.values() if name in annotation_ids(other)]
    if homes:
        return f"video {name!r} belongs to the split {homes[0]!r} of {corpus.name}, not to {part.name!r}"
    return f"{corpus.name} has no video {name!r}; those of {part.name!r} are called like {part.videos[0]} or {part.keys[0]}"
