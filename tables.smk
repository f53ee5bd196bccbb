"""The papers' tables in jobs, on this machine or on a cluster; docs/reruns.md shows both.

    snakemake -s tables.smk -c2 --config tables="mug/2 ear/IV" seeds=3 parts=4
    snakemake -s tables.smk --workflow-profile profiles/slurm --config tables=all

One job renders and extracts what all cells need, then `parts` jobs measure their share of the cells each (`avvp table --shard i/N`), then one
writes the tables and the page of claims. Besides those above, --config takes profile, corpus, claims (a page with the two markers, such as
docs/claims.md), vggish and encoder, all as `avvp table` has them.

Every call asks every job again, whatever files are there: only `avvp table` can tell whether a cell is missing or stale, for that takes the
code, the recipe and the data behind it. A job whose cells are there and current says so in seconds. So outputs/tables/shards holds notes
(which cells a job was asked for) and no results, and asked.json there is newer than all notes of earlier calls. Snakemake deletes
the outputs of jobs that fail or are killed; cells are none, so what is lost are the cells in flight, and of these only the last epoch.
"""

import shlex
import sys
from pathlib import Path
from time import time_ns

from avvp_lib.provenance import json_digest, write_json
from avvp_lib.table_cells import Place, planned_tasks

CELLS_PER_JOB = 8
KNOWN = ("tables", "profile", "corpus", "seeds", "parts", "claims", "vggish", "encoder")
if unknown := set(config) - set(KNOWN):
    raise ValueError(f"the tables cannot be given {', '.join(sorted(unknown))}: --config takes {', '.join(KNOWN)}")

NAMES = str(config.get("tables", "all")).split()
GIVEN = {name: str(config[name]) for name in ("profile", "corpus", "vggish", "encoder") if name in config}
PLACE = Place.of(GIVEN.get("profile", "tutorial"), *(GIVEN.get(name) for name in ("corpus", "vggish", "encoder")))
SEEDS = int(config.get("seeds", 3))
CELLS = len(planned_tasks(NAMES, PLACE, SEEDS))
PARTS = max(1, min(int(config.get("parts", -(-CELLS // CELLS_PER_JOB))), CELLS))
NOTES = f"outputs/tables/shards/{PLACE.cells()}-{json_digest([NAMES, SEEDS])[:8]}"
CLAIMS = str(config.get("claims", f"outputs/tables/{PLACE.cells()}/claims.md"))
GIVEN_OPTIONS = (f"--{name}={value}" for name, value in GIVEN.items())
TABLE = shlex.join([sys.executable, "-m", "avvp_lib.cli", "table", *NAMES, *GIVEN_OPTIONS, f"--seeds={SEEDS}"])

if workflow.is_main_process:  # and no job of its own on another machine, which reads this file as well
    write_json(Path(NOTES, "asked.json"), {"tables": NAMES, "seeds": SEEDS, "parts": PARTS, "time": time_ns()})


onerror:
    print("Cells that failed: outputs/tables/failures. The other cells are kept, and the same call goes on.", file=sys.stderr)
    print(f"Tables of what is there: {TABLE} --print-only", file=sys.stderr)


rule report:
    """It has no output, so it always runs."""
    input: [f"{NOTES}/{part}-of-{PARTS}.json" for part in range(1, PARTS + 1)]
    params: claims=CLAIMS
    shell: f"{TABLE} --print-only --claims {{params.claims:q}}"


rule corpora:
    input: f"{NOTES}/asked.json"
    output: f"{NOTES}/corpora.json"
    threads: 64  # or as many as --cores or a profile allows
    shell: f"{TABLE} --prepare-only --workers {{threads}} --record {{output:q}}"


rule cells:
    input: rules.corpora.output
    output: f"{NOTES}/{{part}}-of-{PARTS}.json"
    threads: 1
    shell: f"{TABLE} --shard {{wildcards.part}}/{PARTS} --workers {{threads}} --record {{output:q}}"
