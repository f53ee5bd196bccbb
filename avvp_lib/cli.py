"""The `avvp` command: what is not naturally a notebook."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool

from avvp_lib.commands import corpora, doors, measuring, notebooks, results

# One thread a process unless someone says otherwise, set before torch is imported: workers that each start a thread for every
# core fight for the cores and lose.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def build_parser() -> argparse.ArgumentParser:
    """The command line of `avvp`."""
    parser = argparse.ArgumentParser(
        prog="avvp", description="Audio-visual video parsing, from rendered video to tables."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(function=function, parser=sub)
        return sub

    for module in (corpora, measuring, results, notebooks, doors):
        module.add_commands(command)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `avvp` command. Bad input ends it with a message, not with a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    args = build_parser().parse_args(arguments)
    try:
        args.function(args)
    except (FileExistsError, FileNotFoundError, NotADirectoryError, ValueError, FloatingPointError) as error:
        raise SystemExit(f"avvp: {error}") from error
    except BrokenProcessPool:
        raise SystemExit(
            "avvp: a worker was killed, most likely because memory ran out. What was done is kept, and the same call goes on: "
            "give it fewer --workers"
        ) from None
    except KeyboardInterrupt:
        raise SystemExit("avvp: interrupted") from None


if __name__ == "__main__":
    main()
