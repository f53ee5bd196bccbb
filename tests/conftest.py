"""Fixtures shared by all tests: one torch thread, no network, and the optional real LLP files."""

import os

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
