"""The doctor says what is there, calls missing what is missing, and imports no optional part to find out."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace

import av
import pytest
import torch

import avvp_lib
from avvp_lib import doctor as module
from avvp_lib.doctor import doctor, media_round_trip
from avvp_lib.models.ssm import scan_path


def test_a_machine_that_passes_the_tests_is_healthy():
    diagnosis = doctor()
    assert diagnosis.healthy and str(diagnosis).endswith("\nhealthy")
    assert list(diagnosis.sections) == ["versions", "machine", "what works", "optional parts"]
    assert diagnosis.finding("avvp").value == avvp_lib.__version__
    assert diagnosis.finding("torch").value == version("torch")
    assert diagnosis.finding("scan on cpu").value == scan_path(torch.device("cpu"))
    assert diagnosis.finding("cores").value.split()[0].isdigit() and diagnosis.finding("device cpu").fine
    assert f"torch {torch.get_num_threads()}" in diagnosis.finding("threads").value


def test_media_come_back_as_they_were():
    grey, loudness = media_round_trip()
    assert grey == pytest.approx(128, abs=4) and loudness == pytest.approx(0.5 / 2**0.5, rel=0.05)


def test_missing_codecs_are_a_fault(monkeypatch):
    def refuse(container):
        raise av.codec.codec.UnknownCodecError("libx264")

    monkeypatch.setattr(module, "_encode", refuse)
    diagnosis = doctor()
    media = diagnosis.finding("H.264 and AAC")
    assert not diagnosis.healthy and not media.fine and "libx264" in media.value and "install" in media.remedy
    assert "!! H.264 and AAC" in str(diagnosis) and str(diagnosis).endswith("NOT healthy: what is marked !! must work")


def test_changed_media_are_a_fault(monkeypatch):
    monkeypatch.setattr(module, "media_round_trip", lambda: (128.0, 0.0))
    assert "come back changed" in doctor().finding("H.264 and AAC").value


def test_a_library_that_does_not_start_is_a_line_of_the_report(monkeypatch):
    for name in ("torch", "av"):
        monkeypatch.setitem(sys.modules, name, None)
    diagnosis = doctor()
    assert not diagnosis.healthy
    for name in ("torch starts", "H.264 and AAC", "selective scan"):
        assert not diagnosis.finding(name).fine and f"!! {name}" in str(diagnosis)
    assert "ModuleNotFoundError" in diagnosis.finding("H.264 and AAC").value


def test_every_gpu_is_listed(monkeypatch):
    cards = [SimpleNamespace(name="Small", total_memory=8e9), SimpleNamespace(name="Large", total_memory=141e9)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
    monkeypatch.setattr(torch.cuda, "get_device_properties", cards.__getitem__)
    diagnosis = doctor()
    assert diagnosis.finding("device cuda:0").value == "Small, 8 GB"
    assert diagnosis.finding("device cuda:1").value == "Large, 141 GB"
    assert diagnosis.finding("scan on cuda").value == scan_path(torch.device("cuda"))


def metadata(monkeypatch, requirements, versions):
    """Let the installed metadata say this."""

    def installed(name):
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(module.importlib.metadata, "requires", lambda name: requirements)
    monkeypatch.setattr(module.importlib.metadata, "version", installed)


def test_packages_are_found_missing_or_too_old(monkeypatch):
    needed = ["torch>=2.6", "pandas<4,>=2.2", 'snakemake>=9; extra == "workflow"', "timm>=1.0; extra == 'features'"]
    metadata(monkeypatch, needed, {"torch": "2.12.1+cu128", "pandas": "2.1.4", "timm": "1.0"})
    diagnosis = doctor()
    assert diagnosis.finding("torch").fine and diagnosis.finding("torch").required
    pandas = diagnosis.finding("pandas")
    assert not pandas.fine and pandas.value == "2.1.4, older than 2.2" and not diagnosis.healthy
    workflow, features = diagnosis.finding("workflow"), diagnosis.finding("features")
    assert not workflow.fine and not workflow.required and workflow.remedy == 'pip install -e ".[workflow]"'
    assert "without snakemake (missing)" in workflow.value and "found timm 1.0" in features.value and features.fine
    assert " - workflow" in str(diagnosis)


def test_a_missing_option_leaves_the_machine_healthy(monkeypatch):
    metadata(monkeypatch, ["torch>=2.6", 'mamba-ssm>=2.2; extra == "gpu"'], {"torch": "2.6.0"})
    diagnosis = doctor()
    assert diagnosis.healthy and not diagnosis.finding("gpu").fine


def test_a_checkout_that_was_not_installed(monkeypatch):
    def refuse(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module.importlib.metadata, "requires", refuse)
    diagnosis = doctor()
    assert not diagnosis.healthy and "pip install -e ." in diagnosis.finding("installation").remedy
    assert not diagnosis.finding("extras").fine


def test_every_extra_says_what_it_is_for():
    extras = {extra for _, extra in module._requirements()} - {None}
    assert extras == module.EXTRAS.keys()


@pytest.mark.parametrize(
    ("text", "numbers"), [("2.6.0+cpu", (2, 6)), ("1.26", (1, 26)), ("10", (10,)), ("3.0.0rc1", (3,)), ("0", ())]
)
def test_releases_compare_by_number(text, numbers):
    assert module._release(text) == numbers


def test_a_workspace_that_cannot_be_written_is_a_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path / "absent"))
    diagnosis = doctor()
    place = diagnosis.finding("workspace")
    assert not diagnosis.healthy and ". cannot be written" in place.value and "AVVP_HOME" in place.remedy


def test_the_workspace_is_left_as_it_was(monkeypatch, tmp_path):
    monkeypatch.setenv("AVVP_HOME", str(tmp_path))
    place = doctor().finding("workspace")
    assert place.fine and place.value == ". can be written" and not list(tmp_path.iterdir())


def test_no_optional_part_is_imported():
    code = (
        "import sys; from avvp_lib.doctor import doctor; str(doctor()); "
        "print([name for name in ('laion_clap', 'timm', 'transformers', 'snakemake') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
