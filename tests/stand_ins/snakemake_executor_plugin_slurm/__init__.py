"""Stands in for Snakemake's SLURM plugin, which needs a cluster: each job is a process that runs Snakemake in its remote mode.

What the profile asks of SLURM is written to submitted.json lines, so that a test can read it.
"""

import json
import os
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

SUBMITTED = "submitted.json"

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    auto_deploy_default_storage_provider=False,
    can_transfer_local_files=False,
)


class Executor(RemoteExecutor):
    """Submits, watches and cancels jobs, as Snakemake asks it to."""

    def run_job(self, job: JobExecutorInterface) -> None:
        asked = {name: job.resources.get(name) for name in ("mem_mb", "runtime", "gpu")}
        with open(SUBMITTED, "a", encoding="utf-8") as file:
            file.write(json.dumps({"rule": job.name, "threads": job.threads, **asked}) + "\n")
        log = Path(self.tmpdir, f"{job.jobid}.log")
        environment = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.format_job_exec(job), shell=True, stdout=file, stderr=subprocess.STDOUT, env=environment
            )
        self.report_job_submission(
            SubmittedJobInfo(job, external_jobid=str(process.pid), aux={"process": process, "log": log})
        )

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        for info in active_jobs:
            status = info.aux["process"].poll()
            if status is None:
                yield info
            elif status == 0:
                self.report_job_success(info)
            else:
                self.report_job_error(info, msg=info.aux["log"].read_text(encoding="utf-8")[-3000:])

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        for info in active_jobs:
            info.aux["process"].terminate()
