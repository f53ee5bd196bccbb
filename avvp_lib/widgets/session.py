"""One person at work on a file of annotations: where they are, what they have marked, and a file that is never behind.

No browser and no widget in here: `AnnotationWidget` shows what `view` says and calls the methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avvp_lib.provenance import file_digest
from avvp_lib.pseudo_labels.annotation import Annotations, read_annotations, save_rows
from avvp_lib.pseudo_labels.annotation_files import DONE, NOT_ASKED, STATUSES, TODO, UNLABELABLE

UNDO = 200
"""How many changes can be taken back."""


class AnnotationSession:
    """The answers of a file, the video that is shown, and the segments that are marked. Every change is written at once.

    It begins where the last session stopped: at the last video that has an answer. If somebody else has changed the file meanwhile,
    their answers to other videos are taken over before a change is written. If writing fails, `problem` says why, the answers
    are kept, and the next change tries again.

    Args:
        path: the .csv file, see `pseudo_labels.annotation.export_nulls`.
        categories: C names.
        keys: the videos that there may be.

    Raises:
        FileNotFoundError, ValueError: see `read_annotations`.
    """

    def __init__(self, path: Path, categories: Sequence[str], keys: Sequence[str]) -> None:
        self.path, self.categories, self._known = Path(path), tuple(categories), tuple(keys)
        found = read_annotations(self.path, self.categories, self._known)
        self.keys = found.keys
        self.visual, self.status = found.visual.copy(), found.status.copy()
        self.problem = ""
        self._unsaved: set[int] = set()
        self._digest = file_digest(self.path)
        self._undo: list[tuple[int, np.ndarray, np.ndarray]] = []
        answered = np.flatnonzero((self.status > TODO).any(1))
        self.position = int(answered[-1]) if len(answered) else 0
        self._anchor = 0
        self.selected = self.asked.copy()

    @property
    def annotations(self) -> Annotations:
        """The answers so far."""
        return Annotations(self.keys, self.categories, self.visual.copy(), self.status.copy())

    @property
    def key(self) -> str | None:
        """The video that is shown; None if there is none."""
        return self.keys[self.position] if self.keys else None

    @property
    def asked(self) -> np.ndarray:
        """(T,) bool: which segments of the video that is shown are asked about."""
        if not self.keys:
            return np.zeros(self.status.shape[1], bool)
        return self.status[self.position] != NOT_ASKED

    @property
    def answer(self) -> str:
        """The status of the video that is shown: "todo", "done" or "unlabelable"."""
        status = self.status[self.position] if self.keys else np.array([TODO])
        return STATUSES[UNLABELABLE if (status == UNLABELABLE).any() else TODO if (status == TODO).any() else DONE]

    def go(self, step: int) -> None:
        """Show the video so many further on (or back), at most the last (or first) one."""
        self._show(min(max(self.position + step, 0), max(len(self.keys) - 1, 0)))

    def next_todo(self) -> None:
        """Show the next video that nobody has looked at, from the beginning again behind the last; stay if there is none."""
        todo = (self.status == TODO).any(1)
        order = np.roll(np.arange(len(self.keys)), -self.position - 1)
        waiting = [int(row) for row in order if todo[row]]
        if waiting:
            self._show(waiting[0])

    def _show(self, position: int) -> None:
        self.position, self._anchor = position, 0
        self.selected = self.asked.copy()

    def select(self, segment: int, extend: bool = False) -> None:
        """Mark one segment, or with `extend` all from the one that was marked last to this one. Those not asked about cannot be marked.

        Raises:
            ValueError: there is no such segment.
        """
        if not 0 <= segment < len(self.selected):
            raise ValueError(f"segment {segment} is not one of 0 to {len(self.selected) - 1}")
        first, last = sorted((self._anchor, segment)) if extend else (segment, segment)
        chosen = np.zeros(len(self.selected), bool)
        chosen[first : last + 1] = True
        if not extend:
            self._anchor = segment
        if (chosen & self.asked).any():
            self.selected = chosen & self.asked

    def select_all(self) -> None:
        """Mark every segment that is asked about."""
        self._anchor, self.selected = 0, self.asked.copy()

    def toggle(self, category: int) -> None:
        """Give the marked segments a category; take it away where all of them have it. The video is then done, or todo without any label.

        Raises:
            ValueError: there is no such category.
        """
        if not 0 <= category < len(self.categories):
            raise ValueError(f"category {category} is not one of 0 to {len(self.categories) - 1}")
        if not self.keys:
            return
        self._remember()
        labels = self.visual[self.position]
        labels[self.selected, category] = not labels[self.selected, category].all()
        self._answer(DONE if labels.any() else TODO)

    def mark(self, status: str) -> None:
        """Answer for the whole video: "unlabelable", or "done" without a label (nothing to see); said again, it is todo again.

        Raises:
            ValueError: another word.
        """
        if status not in STATUSES[1:]:
            raise ValueError(f"a video is marked as {' or '.join(STATUSES[1:])}, not {status!r}")
        if not self.keys:
            return
        again = self.answer == status and not self.visual[self.position].any()
        self._remember()
        self.visual[self.position] = False
        self._answer(TODO if again else STATUSES.index(status))

    def undo(self) -> None:
        """Take the last change back and show its video."""
        if self._undo:
            position, visual, status = self._undo.pop()
            if position != self.position:
                self._show(position)
            self.visual[position], self.status[position] = visual, status
            self._save(position)

    def _remember(self) -> None:
        here = self.position
        self._undo = [*self._undo[1 - UNDO :], (here, self.visual[here].copy(), self.status[here].copy())]

    def _answer(self, status: int) -> None:
        self.status[self.position][self.asked] = status
        self._save(self.position)

    def _save(self, changed: int) -> None:
        self._unsaved.add(changed)
        try:
            self._take_over()
            save_rows(self.path, self.annotations)
            self._digest = file_digest(self.path)
            self._unsaved.clear()
            self.problem = ""
        except (OSError, ValueError) as error:
            self.problem = f"not saved: {error}"

    def _take_over(self) -> None:
        """If somebody else has written the file since, take their answers to all videos but those that were changed here."""
        if not self.path.is_file() or file_digest(self.path) == self._digest:
            return
        found = read_annotations(self.path, self.categories, self._known)
        if found.keys != self.keys:
            raise ValueError(f"{self.path.name} asks about other videos now")
        others = ~np.isin(np.arange(len(self.keys)), list(self._unsaved))
        self.visual[others], self.status[others] = found.visual[others], found.status[others]

    def progress(self) -> dict[str, int]:
        """Numbers of videos by status."""
        unlabelable = (self.status == UNLABELABLE).any(1)
        todo = (self.status == TODO).any(1) & ~unlabelable
        return {
            "todo": int(todo.sum()),
            "done": int((~todo & ~unlabelable).sum()),
            "unlabelable": int(unlabelable.sum()),
        }

    def view(self) -> dict[str, Any]:
        """All that a screen has to show, as JSON can hold it."""
        labels = self.visual[self.position] if self.keys else np.zeros(self.visual.shape[1:], bool)
        return {
            "video": self.key or "",
            "position": self.position,
            "videos": len(self.keys),
            "progress": self.progress(),
            "status": self.answer,
            "labels": [[int(c) for c in np.flatnonzero(row)] for row in labels],
            "asked": self.asked.tolist(),
            "selected": self.selected.tolist(),
            "can_undo": bool(self._undo),
            "problem": self.problem,
        }
