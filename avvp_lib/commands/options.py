"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

# Adds a command: its name, the function that runs it, a line of help.
AddCommand = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]


def named_file(text: str) -> tuple[str, Path]:
    """ "clip=weights.safetensors" as ("clip", its path)."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE, such as clip=open_clip_model.safetensors")
    return name, Path(path)


def shard(text: str) -> tuple[int, int]:
    """ "2/8" as (2, 8)."""
    part, _, parts = text.partition("/")
    try:
        return int(part), int(parts)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not i/n, such as 2/8") from None


def add_workers(command: argparse.ArgumentParser) -> None:
    """Add `--workers`."""
    command.add_argument("--workers", type=int, help="processes; all cores by default")


def add_extensions(command: argparse.ArgumentParser) -> None:
    """Add `--with`, which `load_extensions` obeys."""
    command.add_argument(
        "--with", dest="extensions", type=Path, action="append", default=[], metavar="FILE",
        help="a Python file of your own that registers a model, labels or a corpus (examples/); may be repeated",
    )  # fmt: skip


def load_extensions(args: argparse.Namespace) -> None:
    """Run the files that were given with `--with`."""
    from avvp_lib.extensions import load_extension

    for path in args.extensions:
        load_extension(path)


def end_when_terminated() -> None:
    """Let a request to end be an exception, so that kernels end with what runs them, and nothing half-written stays."""
    import signal

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), end)
