"""Read and write predictions: a .csv of events, or an .npz of arrays. Reading executes nothing."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avvp_lib.corpora import Corpus, CorpusSplit
from avvp_lib.corpora.events import EVENT_COLUMNS, check_columns, events_to_grid, grid_to_events, refuse_rows
from avvp_lib.metrics.parsing import GATES
from avvp_lib.predictions.arrays import AXES, Predictions, some
from avvp_lib.predictions.videos import annotation_ids, dense_split, stranger
from avvp_lib.provenance import atomic_path

SUFFIXES = (".csv", ".npz")


def read_predictions(path: str | Path, corpus: Corpus, split: str = "test") -> Predictions:
    """Read a file of predictions. Nothing in it is executed.

    Args:
        path: a .csv of events or an .npz of arrays.
        corpus: whose videos and categories the events name.
        split: the split that a .csv is about. A video of it without a row is one in which nothing is predicted.

    Returns:
        The decisions of a .csv for every video of the split; what an .npz holds, in its own order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is neither, is damaged, or holds what cannot be; names the file and the line, array or video.
    """
    path = Path(path)
    check_suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"no predictions at {path}")
    if path.suffix == ".csv":
        return _read_csv(path, corpus, dense_split(corpus, split))
    try:
        return Predictions(**_read_npz(path))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def check_suffix(path: Path) -> None:
    """Refuse a file name that is neither .csv nor .npz."""
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"{path.name}: predictions are a .csv of events or an .npz of arrays; docs/doors.md shows both"
        )


def check_target(path: Path, audio_gate: str | None, visual_gate: str | None) -> None:
    """Refuse, before anything is predicted, a file name and gates that do not go together: a .csv needs both, an .npz none."""
    check_suffix(path)
    gates = (audio_gate, visual_gate)
    unknown = [gate for gate in gates if gate is not None and gate not in GATES]
    if unknown:
        raise ValueError(f"unknown gate {unknown[0]!r}: choose one of {', '.join(GATES)}")
    if path.suffix == ".csv" and None in gates:
        raise ValueError(
            "a .csv holds decisions, and papers differ in how they gate them: choose --audio-gate and --visual-gate "
            f"({', '.join(GATES)}), or write an .npz, which keeps the probabilities"
        )
    if path.suffix == ".npz" and gates != (None, None):
        raise ValueError("an .npz keeps the probabilities, to be gated when they are scored: leave the gates out")


def _read_csv(path: Path, corpus: Corpus, part: CorpusSplit) -> Predictions:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not a table of comma-separated text: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus fields for an index
        raise ValueError(f"{path.name}: its rows have more fields than its header line has names")
    check_columns(table, EVENT_COLUMNS, path.name)
    table.index = pd.RangeIndex(2, len(table) + 2, name="line")
    table = table[~(table.fillna("") == "").all(axis=1)]
    for column in EVENT_COLUMNS:
        refuse_rows(table[column].isna() | (table[column] == ""), table, column, path.name, "is empty")
    known = annotation_ids(part)
    unknown = table["video"][~table["video"].isin(known)]
    if len(unknown):
        line, name = unknown.index[0], unknown.iloc[0]
        more = f"; {len(unknown)} such rows" if len(unknown) > 1 else ""
        raise ValueError(f"{path.name}, line {line}: {stranger(name, corpus, part)}{more}")
    table = table.assign(video=table["video"].map(known))
    grids = events_to_grid(table, part.videos, corpus.categories, part.audio.shape[1], path.name)
    return Predictions(part.videos, corpus.categories, grids["audio"], grids["visual"])


def _read_npz(path: Path) -> dict[str, Any]:
    """The arrays of an .npz as arguments of `Predictions`."""
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise ValueError("one array, not an archive of arrays")
        with stored:
            needed, unknown = (
                {"videos", "categories"} - set(stored.files),
                set(stored.files) - {*AXES, "videos", "categories"},
            )
            arrays = {} if needed or unknown else {name: _array(stored, name) for name in stored.files}
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"not a readable .npz archive ({error})") from error
    if needed:
        raise ValueError(f"it has no array {' and no '.join(map(repr, sorted(needed)))}")
    if unknown:
        raise ValueError(
            f"nothing reads the arrays {some(sorted(unknown))}: known are videos, categories, {', '.join(AXES)}"
        )
    for name in ("videos", "categories"):
        if arrays[name].dtype.kind != "U" or arrays[name].ndim != 1:
            raise ValueError(
                f"{name} must be a list of strings, not {arrays[name].dtype} of shape {arrays[name].shape}"
            )
        arrays[name] = tuple(arrays[name].tolist())
    return arrays


def _array(stored: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        array = stored[name]
    except ValueError as error:
        raise ValueError(
            f"the array {name!r} cannot be read ({error}). Arrays of Python objects are refused, because reading them can execute "
            "code: save strings with np.array(names, dtype=str)"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name!r} is no array")
    return array


def write_predictions(path: str | Path, predictions: Predictions) -> None:
    """Write predictions as `read_predictions` reads them; the file appears when it is complete.

    Raises:
        ValueError: the suffix is neither .csv nor .npz, or a .csv is asked of probabilities: use `decide` first.
    """
    path = Path(path)
    check_suffix(path)
    if path.suffix == ".csv" and predictions.segment_prob is not None:
        raise ValueError("a .csv holds decisions: choose gates with predictions.decide(), or write an .npz")
    with atomic_path(path) as temporary:
        if path.suffix == ".csv":
            names = predictions.videos, predictions.categories
            grid_to_events(predictions.audio, predictions.visual, *names).to_csv(temporary, index=False)
        else:
            names = {"videos": np.array(predictions.videos), "categories": np.array(predictions.categories)}
            np.savez(temporary, **names, **predictions.arrays())
