"""Is my data in place? What of a corpus is found, missing or broken, and the exact next step for each thing that is not there.

Only names, sizes and the headers of .npy files are read, so that sixty thousand files take seconds. What a header cannot show (a NaN,
a category outside the video label) is refused later by whoever reads the file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from avvp_lib.corpora import CORPORA
from avvp_lib.corpora.avsbench import SETTINGS, default_name
from avvp_lib.data_checks.avsbench import check_avsbench, check_synthetic_avs
from avvp_lib.data_checks.llp import check_llp
from avvp_lib.data_checks.report import DataReport, FileCheck, PartCheck
from avvp_lib.data_checks.synthetic import check_synthetic
from avvp_lib.workspace import workspace

__all__ = ["CHECKS", "DataReport", "FileCheck", "PartCheck", "check_corpus"]

CHECKS: dict[str, Callable[[Path, bool], DataReport]] = {
    "llp": check_llp,
    "synthetic-llp": check_synthetic,
    **{default_name(setting): partial(check_avsbench, setting=setting) for setting in SETTINGS},
    **{f"synthetic-avs-{setting}": partial(check_synthetic_avs, setting=setting) for setting in SETTINGS},
}


def check_corpus(name: str, root: str | Path | None = None, progress: bool = True) -> DataReport:
    """Look for everything that belongs to a corpus.

    Args:
        name: "llp", "synthetic-llp", "avsbench-s4", "avsbench-ms3", "avss", or "synthetic-avs-" and "s4", "ms3" or "avss".
        root: the corpus folder; by default where data/README.md says to put it.
        progress: show a bar when it takes longer than a second.

    Raises:
        ValueError: no such corpus. Whatever is wrong with the data is in the report.
    """
    if name not in CHECKS:
        raise ValueError(f"nothing knows how to check {name!r}: choose one of {', '.join(CHECKS)}")
    return CHECKS[name](workspace() / CORPORA[name][1] if root is None else Path(root), progress)
