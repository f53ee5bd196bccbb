"""The whole series as a graph: `snakemake -c2`, or `avvp series`, which also goes on after a kill and says where everything is.

What a notebook depends on is known exactly when it has run: it leaves a record of the code it loaded and of the files it read (run.json). So
sources are ancient() inputs, which only have to exist, and what triggers a rerun is outputs/changes/<run>.json. It is written when
this file is read, and newer than the results if and only if something in their record has another fingerprint now; Snakemake's
own rule, "an input is newer than the output", does the rest, and the file names what has changed. A changed sentence, a comment or a
date changes no fingerprint.

Snakemake deletes the declared outputs of a job that fails. So checkpoints and figures are none: a training could not be resumed. Nor is the
copy of a failing notebook, which `avvp run` keeps in outputs/failed until a run succeeds.

Parameters of the notebooks: snakemake -c2 --config profile=smoke seed=3
"""

import shlex
import sys
from glob import glob

from avvp_lib.runner import is_current
from avvp_lib.series import CHANGES, PREPARED, RESULTS, RESULTS_CORPUS, mark_changes, plan_series

SERIES = plan_series(config)
TO_DO = {name for name, run in SERIES.items() if not is_current(run)}
PROFILES = sorted({str(run.parameters["profile"]) for run in SERIES.values() if "profile" in run.parameters})
PYTHON = shlex.quote(sys.executable)
HAS_GPU = bool(glob("/dev/nvidia[0-9]*"))
HAS_CELLS = bool(glob(f"outputs/cells/{RESULTS_CORPUS}/*.json"))

for line in mark_changes(SERIES, PROFILES):
    print(line, file=sys.stderr)


def series_run(wildcards):
    return SERIES[wildcards.stem + wildcards.set]


def corpus_of(wildcards):
    """What a notebook that is to run waits for: the corpus of its profile, if it has the parameter `profile`.

    A notebook that is current waits for nothing, so a corpus that is made again reruns none. ancient() would do the same for these, but
    Snakemake then overlooks a notebook that has a reason of its own.
    """
    run = series_run(wildcards)
    return [f"{PREPARED}/{run.parameters['profile']}.json"] if run.name in TO_DO and "profile" in run.parameters else []


rule all:
    input:
        [f"outputs/runs/{name}/{file}" for name, run in SERIES.items() for file in ("run.json", run.executed.name)],
        [f"{PREPARED}/{profile}.json" for profile in PROFILES],
        [RESULTS] if HAS_CELLS else [],


rule prepare:
    input: f"{CHANGES}/prepare-{{profile}}.json"
    output: f"{PREPARED}/{{profile}}.json"
    threads: 64  # or as many as --cores or a profile allows
    shell: f"{PYTHON} -m avvp_lib.cli prepare --profile {{wildcards.profile}} --renew --workers {{threads}} --record {{output:q}}"


rule notebook:
    input:
        source=lambda wildcards: ancient(f"notebooks/{wildcards.stem}.py"),
        corpus=corpus_of,
        changes=f"{CHANGES}/{{stem}}{{set}}.json",
    output:
        record="outputs/runs/{stem}{set}/run.json",
        executed="outputs/runs/{stem}{set}/{stem}.ipynb",
    wildcard_constraints:
        stem=r"\d\d_\w+",
        set=r"(-.+)?",
    params:
        given=lambda wildcards: " ".join(shlex.join(["-p", k, str(v)]) for k, v in series_run(wildcards).given.items()),
    threads: 1
    resources:
        gpu=lambda wildcards: int(HAS_GPU and series_run(wildcards).parameters.get("device", "cpu") != "cpu"),
    shell: f"{PYTHON} -m avvp_lib.cli run {{input.source:q}} {{params.given}}"


rule results:
    input: f"{CHANGES}/results.json"
    output:
        table=RESULTS,
        record=RESULTS.replace(".md", ".json"),
    shell: f"{PYTHON} -m avvp_lib.cli results {RESULTS_CORPUS} --out {{output.table:q}}"
