"""Trainings in several processes that torchrun starts on this machine's CPU, and one that ends before its time."""

import os
import subprocess
import sys
from types import ModuleType

from tests.conftest import PROJECT_ROOT


def launch(module: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a module in two processes, which talk by gloo."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", module]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, *arguments], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=900, check=False
    )  # fmt: skip


def stop_after(epochs: int, loop: ModuleType) -> None:
    """Let a training of a loop's module end with an exception when it has done so many epochs."""
    real, done = loop._train_epoch, []

    def epoch(*arguments):
        if len(done) == epochs:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments)

    loop._train_epoch = epoch
