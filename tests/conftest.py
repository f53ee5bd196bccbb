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
def smoke_data(tmp_path_factory) -> Path:
    """The data/ of a workspace in which the smoke corpus is rendered and extracted; copy what you write into.

    What the checkout has of it is taken from there, or it would take a minute.
    """
    home, corpus = tmp_path_factory.mktemp("smoke"), "data/synthetic-llp/smoke-studio-0"
    if (PROJECT_ROOT / corpus).is_dir():
        shutil.copytree(PROJECT_ROOT / corpus, home / corpus)
    command = [sys.executable, "-m", "avvp_lib.cli", "prepare", "--profile", "smoke", "--renew"]
    subprocess.run(command, env={**os.environ, "AVVP_HOME": str(home)}, cwd=home, check=True, capture_output=True)
    return home / "data"
