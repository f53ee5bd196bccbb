"""`avvp doctor`: what this machine has, what works, and how to get what does not.

Libraries are imported where they are looked at, so that a broken one is a line of the report and not the end of it.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import platform
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import avvp_lib
from avvp_lib.workspace import shown, workspace

PROJECT = "avvp"
EXTRAS = {
    "features": "full-size backbones",
    "notebooks": "the lessons",
    "workflow": "the Snakefile, which runs the whole series",
    "site": "the lessons, pages and API as a website: make site",
    "dev": "tests and style checks",
    "gpu": "the fast selective scan on CUDA",
}
"""What each optional part of the installation is for."""

GREY, SECONDS, FPS, SAMPLE_RATE, FREQUENCY = 128, 1, 8, 16_000, 440.0
GREY_TOLERANCE = 8
"""Of 255: what H.264 may change in an even grey."""

LEAST_LOUDNESS = 0.1
"""Of a sine of amplitude 0.5, whose root mean square is 0.35."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `value` says what was found, `remedy` what to do if it is not `fine`."""

    name: str
    value: str
    fine: bool = True
    required: bool = False
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, by section in the order of the report."""

    sections: dict[str, tuple[Finding, ...]]

    @property
    def healthy(self) -> bool:
        """Whether everything that is required works."""
        return all(finding.fine for findings in self.sections.values() for finding in findings if finding.required)

    def finding(self, name: str) -> Finding:
        """A finding by its name; KeyError if there is none."""
        return {finding.name: finding for findings in self.sections.values() for finding in findings}[name]

    def __str__(self) -> str:
        lines = []
        for title, findings in self.sections.items():
            lines += [title, *(_line(finding) for finding in findings), ""]
        return "\n".join([*lines, "healthy" if self.healthy else "NOT healthy: what is marked !! must work"])


def _line(finding: Finding) -> str:
    mark = "  " if finding.fine else ("!!" if finding.required else " -")
    remedy = f"; {finding.remedy}" if not finding.fine and finding.remedy else ""
    return f"{mark} {finding.name:<22} {finding.value}{remedy}"


def doctor() -> Diagnosis:
    """Look at versions, the machine, media, the workspace and optional parts. Nothing is changed, nothing is downloaded."""
    return Diagnosis(
        {
            "versions": _versions(),
            "machine": _machine(),
            "what works": (_media(), _workspace(), *_scans()),
            "optional parts": _optional_parts(),
        }
    )


def _versions() -> tuple[Finding, ...]:
    """Python, this package, and every package that it cannot do without."""
    findings = [Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]
    findings.append(Finding(PROJECT, avvp_lib.__version__))
    try:
        needed = [text for text, extra in _requirements() if extra is None]
    except importlib.metadata.PackageNotFoundError:
        remedy = "pip install -e . in the checkout, so that what it needs is known"
        return (*findings, Finding("installation", "not installed", False, True, remedy))
    return (*findings, *(_package(text, required=True, install="pip install -e .") for text in needed))


def _requirements() -> list[tuple[str, str | None]]:
    """Each requirement of the project with the extra that it belongs to, from the installed metadata."""
    found = []
    for text in importlib.metadata.requires(PROJECT) or ():
        requirement, _, condition = text.partition(";")
        extra = re.search(r"extra\s*==\s*[\"']([\w-]+)[\"']", condition)
        found.append((requirement.strip(), extra.group(1) if extra else None))
    return found


def _package(requirement: str, required: bool, install: str) -> Finding:
    """Whether a package is installed, and not older than it must be. It is not imported."""
    name = re.match(r"[\w.-]+", requirement).group()
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "missing", False, required, install)
    least = re.search(r">=\s*([\d.]+)", requirement)
    if least and _release(version) < _release(least.group(1)):
        return Finding(name, f"{version}, older than {least.group(1)}", False, required, install)
    return Finding(name, version, True, required)


def _release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 2.6.0+cpu -> (2, 6); zeros at the end do not count."""
    numbers = [int(part) for part in re.match(r"\d+(\.\d+)*", version).group().split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _machine() -> tuple[Finding, ...]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (Finding("cores", f"{usable} usable of {os.cpu_count()}"), Finding("memory", _memory()), *_torch())


def _torch() -> tuple[Finding, ...]:
    """Threads, and the devices that training can be asked for."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library that it is linked with
        return (Finding("torch starts", f"no ({error})", False, True, "pip install --force-reinstall torch"),)
    threads = f"torch {torch.get_num_threads()}, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}"
    found = [Finding("threads", threads), Finding("device cpu", "always there")]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(index)
            found.append(Finding(f"device cuda:{index}", f"{card.name}, {card.total_memory / 1e9:.0f} GB"))
    else:
        why = "torch was built without it" if torch.version.cuda is None else "no GPU or no driver"
        found.append(Finding("device cuda", f"not available: {why}"))
    mps = "available" if torch.backends.mps.is_available() else "not available: only on Macs with Apple's own chips"
    return (*found, Finding("device mps", mps))


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return "unknown on this system"


def _media() -> Finding:
    """Whether H.264 and AAC can be written and read: without them no corpus is rendered and no feature extracted."""
    name, remedy = "H.264 and AAC", "pip install --force-reinstall av: its wheels bring the codecs"
    try:
        grey, loudness = media_round_trip()
    except Exception as error:  # whatever goes wrong in there is the finding
        return Finding(name, f"cannot be written and read ({type(error).__name__}: {error})", False, True, remedy)
    if abs(grey - GREY) > GREY_TOLERANCE or loudness < LEAST_LOUDNESS:
        return Finding(name, f"come back changed: grey {grey:.0f}, loudness {loudness:.2f}", False, True, remedy)
    return Finding(name, "written and read", True, True)


def media_round_trip() -> tuple[float, float]:
    """Encode a second of even grey and of a sine in memory, and decode it.

    Returns:
        The mean of the decoded pixels, 0 ... 255, and the root mean square of the decoded sound.
    """
    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        _encode(container)
    file.seek(0)
    pixels, samples = [], []
    with av.open(file) as container:
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, av.VideoFrame):
                pixels.append(frame.to_ndarray(format="gray").ravel())
            else:
                samples.append(frame.to_ndarray().ravel())
    return float(np.concatenate(pixels).mean()), float(np.sqrt(np.mean(np.concatenate(samples) ** 2)))


def _encode(container: Any) -> None:
    """Write both streams into an output container of PyAV."""
    import av
    import numpy as np

    picture = container.add_stream("libx264", rate=FPS)
    picture.width = picture.height = 64
    picture.pix_fmt = "yuv420p"
    sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    for index in range(SECONDS * FPS):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), GREY, np.uint8), format="rgb24")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        container.mux(picture.encode(frame))
    container.mux(picture.encode(None))
    wave = 0.5 * np.sin(2 * np.pi * FREQUENCY * np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE)
    samples = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
    samples.sample_rate, samples.pts = SAMPLE_RATE, 0
    container.mux(sound.encode(samples))
    container.mux(sound.encode(None))


def _workspace() -> Finding:
    """Whether outputs can be written where relative paths start."""
    place = shown(workspace())
    try:
        with tempfile.TemporaryFile(dir=workspace()):
            pass
    except OSError as error:
        remedy = "set AVVP_HOME to a folder of your own"
        return Finding("workspace", f"{place} cannot be written ({error.strerror})", False, True, remedy)
    return Finding("workspace", f"{place} can be written", True, True)


def _scans() -> Iterable[Finding]:
    """Which implementation of the selective scan would run on each device."""
    try:
        import torch

        from avvp_lib.models.ssm import scan_path
    except (ImportError, OSError) as error:
        yield Finding("selective scan", f"cannot run ({error})", False, True, "pip install -e .")
        return
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        yield Finding(f"scan on {device}", scan_path(torch.device(device)))


def _optional_parts() -> tuple[Finding, ...]:
    """The packages of every extra: found or missing, what for, and how to get them. None is imported."""
    try:
        requirements = _requirements()
    except importlib.metadata.PackageNotFoundError:
        return (Finding("extras", "unknown: avvp is not installed", False, False, "pip install -e ."),)
    findings = []
    for extra in dict.fromkeys(extra for _, extra in requirements if extra is not None):
        install = f'pip install -e ".[{extra}]"'
        packages = [_package(text, False, install) for text, mine in requirements if mine == extra]
        findings.append(_extra(extra, packages, install))
    return tuple(findings)


def _extra(extra: str, packages: list[Finding], install: str) -> Finding:
    purpose = EXTRAS.get(extra, "what pyproject.toml says")
    found = ", ".join(f"{package.name} {package.value}" for package in packages if package.fine)
    absent = ", ".join(f"{package.name} ({package.value})" for package in packages if not package.fine)
    value = "; ".join(filter(None, (purpose, f"found {found}" if found else "", f"without {absent}" if absent else "")))
    return Finding(extra, value, not absent, False, install)
