"""Run notebooks strictly: parameters are checked before anything starts, every run has its folder and says what it was made from.

    (run,) = plan_runs(find_notebook("06"), [{"seed": 3}])
    run_notebook(run)                       # outputs/runs/06_baselines-seed=3: the executed notebook, its figures, run.json

papermill executes; what it leaves open is settled here. Misspelt or mistyped parameters are refused (`parameters`), the kernel is always
this Python and no two kernels share an address (`kernels`), a result is there as a whole or not at all, and the copy of a notebook that
failed is kept elsewhere (`execution`), many sets of parameters run beside each other and go on where they were stopped (`sets`).
What a class gets is made from the same source: a version without answers, and one that runs them (`exercises`).
"""

from avvp_lib.runner.execution import NotebookError, run_notebook
from avvp_lib.runner.exercises import Exercise, Lesson, lesson_version, read_lesson, write_versions
from avvp_lib.runner.notebooks import find_notebook, notebook_digest, sources, to_notebook
from avvp_lib.runner.parameters import Parameter, read_parameters
from avvp_lib.runner.runs import RECORD, Run, is_current, plan_runs, stale_files, typed_values
from avvp_lib.runner.sets import read_sets, run_sets

__all__ = [
    "RECORD",
    "Exercise",
    "Lesson",
    "NotebookError",
    "Parameter",
    "Run",
    "find_notebook",
    "is_current",
    "lesson_version",
    "notebook_digest",
    "plan_runs",
    "read_lesson",
    "read_parameters",
    "read_sets",
    "run_notebook",
    "run_sets",
    "sources",
    "stale_files",
    "to_notebook",
    "typed_values",
    "write_versions",
]
