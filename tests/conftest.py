"""Fixtures shared by all tests: one torch thread, no network, and the optional real LLP files."""

import os
import shutil
import subprocess
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
import torch

from avvp_lib.locks import exclusive

torch.set_num_threads(1)

PROJECT_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def project_root() -> Path:
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def llp_root() -> Path:
    """The real LLP annotations and one clip, where a developer keeps them beside the checkout."""
    root = PROJECT_ROOT.parent / "shared" / "llp"
    if not (root / "annotations" / "AVVP_train.csv").is_file():
        pytest.skip("the real LLP annotations are not beside this checkout (../shared/llp)")
    return root


@pytest.fixture(scope="session")
def smoke_data(tmp_path_factory, worker_id) -> Path:
    """The data/ of a workspace in which the smoke corpus is rendered and extracted; copy what you write into.

    What the checkout has of it is taken from there, or it would take a minute.
    """
    run = tmp_path_factory.getbasetemp()
    home = (run if worker_id == "master" else run.parent) / "smoke"  # one for all workers of pytest-xdist
    corpus = "data/synthetic-llp/smoke-studio-0"
    command = [sys.executable, "-m", "avvp_lib.cli", "prepare", "--profile", "smoke", "--renew"]
    with exclusive(home):
        if (home / "made").is_file():
            return home / "data"
        if (PROJECT_ROOT / corpus).is_dir():
            shutil.copytree(PROJECT_ROOT / corpus, home / corpus)
        subprocess.run(command, env={**os.environ, "AVVP_HOME": str(home)}, cwd=home, check=True, capture_output=True)
        (home / "made").touch()
    return home / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Minutes in a file of one test: first among its like, or one process does it while the others have nothing left."""
    items.sort(key=lambda item: item.path.name != "test_table_kills.py")
